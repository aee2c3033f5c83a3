//! Threads in another version than the one they were written on: carried along the difference to their code.

use std::collections::HashMap;
use std::sync::Arc;

use crate::api::PlaceNow;
use crate::diff::{Manifest, carry_line};
use crate::id::{Digest, LaneId, RepoPath, Version};
use crate::repository::Tree;
use crate::session::{Session, ThreadPlace};

use super::ports::Ports;

/// The largest side of a file that is compared, 1 MiB: threads of a larger one stand on the file.
const LARGEST: usize = 1 << 20;

/// The most lines that one answer carries: a comparison of the largest files takes some tens of milliseconds.
const MOST: usize = 500;

/// The longest quoted line, in characters.
const LONGEST: usize = 300;

/// A file of a version, and whether its old side is meant.
type SideKey = (LaneId, Version, RepoPath, bool);

/// Follows places of one session into one of its versions.
pub(super) struct Follower<'a> {
    ports: &'a Ports,
    session: &'a Session,
    on: Version,
    left: usize,
    manifests: HashMap<(LaneId, Version), Option<Manifest>>,
    trees: HashMap<(LaneId, Version), Option<Arc<dyn Tree>>>,
    sides: HashMap<SideKey, Option<Arc<[u8]>>>,
}

impl<'a> Follower<'a> {
    /// Follows into version `on`.
    pub(super) fn new(ports: &'a Ports, session: &'a Session, on: Version) -> Self {
        let (manifests, trees, sides) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { ports, session, on, left: MOST, manifests, trees, sides }
    }

    /// Where the place is; `None` where it has no other: it is one of this version, or about no file.
    pub(super) fn follow(&mut self, place: &ThreadPlace) -> Option<PlaceNow> {
        let path = place.path.as_ref().filter(|_| place.artifact.is_none() && place.version != self.on)?;
        let (lane, old) = (place.lane, place.side == "old");
        // a version that leaves the lane alone has the newest one before it
        let is_of_lane = |version: &Version| self.session.patch_set(lane, *version).is_some();
        let versions = self.session.versions.iter().rev().map(|version| version.number);
        let on = versions.filter(|version| *version <= self.on).find(is_of_lane)?;
        let before = self.side(lane, place.version, path, old);
        let (there, after) = match self.side(lane, on, path, old) {
            Some(after) => (path.clone(), Some(after)),
            None => match self.renamed(lane, (place.version, on), path, old) {
                Some(renamed) => (renamed, before.clone()),
                None => (path.clone(), None),
            },
        };
        let mut now = PlaceNow {
            version: self.on,
            path: Some(there),
            now_line: None,
            now_from_line: None,
            outdated: false,
            quoted: None,
        };
        let quoted = || Some(quote(before.as_deref()?, place.line)?.into());
        let Some(after) = after else {
            // gone: a file that the version deletes is still shown
            let is_changed = self.manifest(lane, on).is_some_and(|set| set.files.iter().any(|file| file.path == *path));
            now.path = is_changed.then(|| path.clone());
            (now.outdated, now.quoted) = (true, quoted());
            return Some(now);
        };
        if place.line == 0 {
            return Some(now);
        }
        let small = |side: &[u8]| side.len() <= LARGEST;
        let Some(before) = before.as_deref().filter(|before| small(before) && small(&after) && self.left > 0) else {
            now.quoted = quoted();
            return Some(now);
        };
        self.left -= 1;
        let carried = carry_line(before, &after, place.line);
        (now.now_line, now.outdated) = (carried.line, carried.outdated);
        if carried.outdated {
            now.quoted = quoted();
        } else if place.from_line > 0 {
            let from = carry_line(before, &after, place.from_line);
            now.now_from_line = from.line.filter(|from| Some(*from) < carried.line);
        }
        Some(now)
    }

    fn manifest(&mut self, lane: LaneId, version: Version) -> Option<&Manifest> {
        let (session, blobs) = (self.session, &self.ports.blobs);
        let read = || {
            let set = session.patch_set(lane, version)?;
            serde_json::from_slice(&blobs.get(set.drafted.digest).ok()?).ok()
        };
        self.manifests.entry((lane, version)).or_insert_with(read).as_ref()
    }

    /// A side of a file in a version: as it changes it, else as it is in its base.
    fn side(&mut self, lane: LaneId, version: Version, path: &RepoPath, old: bool) -> Option<Arc<[u8]>> {
        let key = (lane, version, path.clone(), old);
        if let Some(known) = self.sides.get(&key) {
            return known.clone();
        }
        let listed = self.manifest(lane, version).and_then(|set| set.files.iter().find(|file| file.path == *path));
        let named = listed.map(|file| if old { file.old_content.clone() } else { file.new_content.clone() });
        let content = match named {
            Some(named) => {
                named.parse().ok().and_then(|digest: Digest| self.ports.blobs.get(digest).ok()).map(Arc::from)
            }
            None => self.tree(lane, version).and_then(|tree| tree.side(path).ok()?).map(|side| side.content),
        };
        self.sides.insert(key, content.clone());
        content
    }

    fn tree(&mut self, lane: LaneId, version: Version) -> Option<Arc<dyn Tree>> {
        let (session, vcs) = (self.session, &self.ports.vcs);
        let read = || {
            let base = session.base_of(lane, version)?;
            vcs.tree(&base.key, &base.tree).ok()
        };
        self.trees.entry((lane, version)).or_insert_with(read).clone()
    }

    /// Another file that the later version adds with the very content that this one had.
    fn renamed(&mut self, lane: LaneId, of: (Version, Version), path: &RepoPath, old: bool) -> Option<RepoPath> {
        if old {
            return None;
        }
        let content = Digest::of(&self.side(lane, of.0, path, old)?).to_string();
        let files = &self.manifest(lane, of.1)?.files;
        let mut same = files.iter().filter(|file| file.old_content.is_empty() && file.new_content == content);
        let first = same.next()?;
        same.next().is_none().then(|| first.path.clone())
    }
}

/// A line (1-based) of some content, cut where it is long.
fn quote(content: &[u8], line: u32) -> Option<String> {
    let line = content.split(|byte| *byte == b'\n').nth(line.checked_sub(1)? as usize)?;
    Some(String::from_utf8_lossy(line).trim_end().chars().take(LONGEST).collect())
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn quoted_lines_are_cut() {
        assert_eq!(quote(b"a\nb\r\n", 2).as_deref(), Some("b"));
        assert_eq!(quote(b"a\n", 0), None);
        assert_eq!(quote(b"a", 3), None);
        assert_eq!(quote("é".repeat(400).as_bytes(), 1).map(|line| line.chars().count()), Some(300));
    }
}
