//! Threads in other files than those they were written on: carried along the difference to their code.

use std::collections::HashMap;
use std::sync::Arc;

use crate::api::PlaceNow;
use crate::diff::{CarriedLines, ChangeSet, FileSide, Manifest, ManifestFile};
use crate::id::{Digest, LaneId, RepoPath, Version};
use crate::repository::Tree;
use crate::session::{Session, ThreadPlace};

use super::ports::Ports;

/// The largest side of a file that is compared, 1 MiB: threads of a larger one stand on the file.
const LARGEST: usize = 1 << 20;

/// Bytes of files that one answer compares, 16 MiB: both sides of eight of the largest, or of hundreds of usual ones.
/// Threads of what is left stand on their files.
const MOST: usize = 16 << 20;

/// The longest quoted line, in characters.
const LONGEST: usize = 300;

/// A file of a version, and whether its old side is meant.
type SideKey = (LaneId, Version, RepoPath, bool);

/// The files that places are followed into.
#[derive(Clone, Copy)]
enum Files<'a> {
    /// Those of a version.
    Version(Version),
    /// Those that whoever drafts is given: a tree, and a change on top of it.
    Given { tree: &'a dyn Tree, change: Option<&'a ChangeSet> },
}

/// Follows places of one session into other files of their lane.
pub(super) struct Follower<'a> {
    ports: &'a Ports,
    session: &'a Session,
    into: Files<'a>,
    left: usize,
    manifests: HashMap<(LaneId, Version), Option<Arc<Listed>>>,
    trees: HashMap<(LaneId, Version), Option<Arc<dyn Tree>>>,
    sides: HashMap<SideKey, Option<Arc<[u8]>>>,
    compared: HashMap<SideKey, Option<Arc<CarriedLines>>>,
}

/// Where a place is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Carried {
    /// The file; none where it is gone.
    pub path: Option<RepoPath>,
    /// The line (1-based), or the one nearest to where it was; none where it is about a file, or nothing stayed.
    pub line: Option<u32>,
    /// The first line of a range that ends there.
    pub from_line: Option<u32>,
    /// Whether it was changed or deleted.
    pub outdated: bool,
}

/// The files that a version changes, by path.
struct Listed {
    files: Vec<ManifestFile>,
    by_path: HashMap<RepoPath, usize>,
}

impl Listed {
    fn get(&self, path: &RepoPath) -> Option<&ManifestFile> {
        self.by_path.get(path).map(|at| &self.files[*at])
    }
}

impl<'a> Follower<'a> {
    /// Follows into version `on`.
    pub(super) fn new(ports: &'a Ports, session: &'a Session, on: Version) -> Self {
        Self::of(ports, session, Files::Version(on))
    }

    /// Follows into the files that whoever drafts is given.
    pub(super) fn given(
        ports: &'a Ports,
        session: &'a Session,
        tree: &'a dyn Tree,
        change: Option<&'a ChangeSet>,
    ) -> Self {
        Self::of(ports, session, Files::Given { tree, change })
    }

    fn of(ports: &'a Ports, session: &'a Session, into: Files<'a>) -> Self {
        let (manifests, trees, sides, compared) = (HashMap::new(), HashMap::new(), HashMap::new(), HashMap::new());
        Self { ports, session, into, left: MOST, manifests, trees, sides, compared }
    }

    /// Where the place is in the version; `None` where it has no other: it is one of this version, or about no file.
    pub(super) fn follow(&mut self, place: &ThreadPlace) -> Option<PlaceNow> {
        let Files::Version(version) = self.into else { return None };
        if place.version == version {
            return None;
        }
        let carried = self.carry(place)?;
        // what stands at its line needs no quoting
        let stands = !carried.outdated && (carried.line.is_some() || place.line == 0);
        let written_on = if stands { None } else { self.written_on(place) };
        let quoted = written_on.and_then(|written_on| quote(&written_on, place.line)).map(Into::into);
        Some(PlaceNow {
            version,
            path: carried.path,
            now_line: carried.line,
            now_from_line: carried.from_line,
            outdated: carried.outdated,
            quoted,
        })
    }

    /// The file that the place was written on, as it was then.
    pub(super) fn written_on(&mut self, place: &ThreadPlace) -> Option<Arc<[u8]>> {
        self.side(place.lane, place.version, place.path.as_ref()?, place.side == "old")
    }

    /// Where the place is; `None` where it is about no file.
    pub(super) fn carry(&mut self, place: &ThreadPlace) -> Option<Carried> {
        let path = place.path.as_ref().filter(|_| place.artifact.is_none())?;
        let (lane, old) = (place.lane, place.side == "old");
        let before = self.written_on(place);
        let (there, after) = match self.there(lane, path, old) {
            Some(after) => (path.clone(), Some(after)),
            None => match self.renamed(place, path, old) {
                Some(renamed) => (renamed, before.clone()),
                None => (path.clone(), None),
            },
        };
        let mut now = Carried { path: Some(there), ..Carried::default() };
        let Some(after) = after else {
            // gone: a file that the version deletes is still shown
            now.path = Some(path.clone()).filter(|path| self.changes(lane, path));
            now.outdated = true;
            return Some(now);
        };
        if place.line == 0 {
            return Some(now);
        }
        let Some(lines) = before.and_then(|before| self.compare(place, path, before, after)) else { return Some(now) };
        let carried = lines.line(place.line);
        (now.line, now.outdated) = (carried.line, carried.outdated);
        if !carried.outdated && place.from_line > 0 {
            let from = lines.line(place.from_line);
            now.from_line = from.line.filter(|from| Some(*from) < carried.line);
        }
        Some(now)
    }

    /// Two sides of a file, compared once for all that is said of it; none where that would take too long.
    fn compare(
        &mut self,
        place: &ThreadPlace,
        path: &RepoPath,
        before: Arc<[u8]>,
        after: Arc<[u8]>,
    ) -> Option<Arc<CarriedLines>> {
        let key = (place.lane, place.version, path.clone(), place.side == "old");
        if let Some(known) = self.compared.get(&key) {
            return known.clone();
        }
        // the same file costs nothing
        let cost = if before == after { 0 } else { before.len() + after.len() };
        let fits = cost == 0 || (before.len().max(after.len()) <= LARGEST && cost <= self.left);
        let lines = fits.then(|| Arc::new(CarriedLines::new(before, after)));
        self.left -= if fits { cost } else { 0 };
        self.compared.insert(key, lines.clone());
        lines
    }

    /// A side of a file where places are followed to.
    fn there(&mut self, lane: LaneId, path: &RepoPath, old: bool) -> Option<Arc<[u8]>> {
        match self.into {
            Files::Version(on) => match self.of_lane(lane, on) {
                Some(on) => self.side(lane, on, path, old),
                None => self.unchanged(lane, on, path),
            },
            Files::Given { tree, change } => match change.and_then(|change| change.get(path)).filter(|_| !old) {
                Some(file) => file.new.as_ref().map(|side| side.content.clone()),
                None => tree.side(path).ok()?.map(|side| side.content),
            },
        }
    }

    /// The version that the lane has there: one that leaves it alone has the newest change before it.
    fn of_lane(&self, lane: LaneId, on: Version) -> Option<Version> {
        let versions = self.session.versions.iter().rev().map(|version| version.number);
        versions.filter(|version| *version <= on).find(|version| self.session.patch_set(lane, *version).is_some())
    }

    /// Whether the file is among those that are changed there.
    fn changes(&mut self, lane: LaneId, path: &RepoPath) -> bool {
        match self.into {
            Files::Version(on) => {
                let listed = self.of_lane(lane, on).and_then(|on| self.manifest(lane, on));
                listed.is_some_and(|set| set.get(path).is_some())
            }
            Files::Given { change, .. } => change.is_some_and(|change| change.get(path).is_some()),
        }
    }

    fn manifest(&mut self, lane: LaneId, version: Version) -> Option<Arc<Listed>> {
        let (session, blobs) = (self.session, &self.ports.blobs);
        let read = || {
            let set = session.patch_set(lane, version)?;
            let manifest: Manifest = serde_json::from_slice(&blobs.get(set.drafted.digest).ok()?).ok()?;
            let by_path = manifest.files.iter().enumerate().map(|(at, file)| (file.path.clone(), at)).collect();
            Some(Arc::new(Listed { files: manifest.files, by_path }))
        };
        self.manifests.entry((lane, version)).or_insert_with(read).clone()
    }

    /// A side of a file in a version: as it changes it, else as it is in its base.
    fn side(&mut self, lane: LaneId, version: Version, path: &RepoPath, old: bool) -> Option<Arc<[u8]>> {
        let key = (lane, version, path.clone(), old);
        if let Some(known) = self.sides.get(&key) {
            return known.clone();
        }
        let named = self.manifest(lane, version).and_then(|listed| {
            let file = listed.get(path)?;
            Some(if old { file.old_content.clone() } else { file.new_content.clone() })
        });
        let content = match named {
            Some(named) => {
                named.parse().ok().and_then(|digest: Digest| self.ports.blobs.get(digest).ok()).map(Arc::from)
            }
            None => self.unchanged(lane, version, path),
        };
        self.sides.insert(key, content.clone());
        content
    }

    /// A file as it is in the base of a version.
    fn unchanged(&mut self, lane: LaneId, version: Version, path: &RepoPath) -> Option<Arc<[u8]>> {
        let (session, vcs) = (self.session, &self.ports.vcs);
        let read = || {
            let base = session.base_of(lane, version)?;
            vcs.tree(&base.key, &base.tree).ok()
        };
        let tree = self.trees.entry((lane, version)).or_insert_with(read).clone()?;
        tree.side(path).ok()?.map(|side| side.content)
    }

    /// Another file that is added there with the very content that this one had.
    fn renamed(&mut self, place: &ThreadPlace, path: &RepoPath, old: bool) -> Option<RepoPath> {
        if old {
            return None;
        }
        let content = Digest::of(&self.side(place.lane, place.version, path, old)?).to_string();
        let mut added: Vec<RepoPath> = match self.into {
            Files::Version(on) => {
                let listed = self.of_lane(place.lane, on).and_then(|on| self.manifest(place.lane, on))?;
                let same = |file: &&ManifestFile| file.old_content.is_empty() && file.new_content == content;
                listed.files.iter().filter(same).map(|file| file.path.clone()).collect()
            }
            Files::Given { change, .. } => {
                let has = |side: &FileSide| side.digest().to_string() == content;
                let files = change.iter().flat_map(|change| change.files());
                let same = files.filter(|file| file.old.is_none() && file.new.as_ref().is_some_and(has));
                same.map(|file| file.path.clone()).collect()
            }
        };
        added.pop().filter(|_| added.is_empty())
    }
}

/// A line (1-based) of some content, cut where it is long.
fn quote(content: &[u8], line: u32) -> Option<String> {
    let line = content.split(|byte| *byte == b'\n').nth(line.checked_sub(1)? as usize)?;
    Some(String::from_utf8_lossy(line).trim_end().chars().take(LONGEST).collect())
}

/// Some lines (1-based, both ends in) of it, each cut where it is long.
pub(super) fn quoted_lines(content: &[u8], from: u32, to: u32) -> Option<String> {
    let lines: Option<Vec<String>> = (from..=to).map(|line| quote(content, line)).collect();
    lines.map(|lines| lines.join("\n")).filter(|lines| !lines.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{quote, quoted_lines};

    #[test]
    fn quoted_lines_are_cut() {
        assert_eq!(quote(b"a\nb\r\n", 2).as_deref(), Some("b"));
        assert_eq!(quote(b"a\n", 0), None);
        assert_eq!(quote(b"a", 3), None);
        assert_eq!(quote("é".repeat(400).as_bytes(), 1).map(|line| line.chars().count()), Some(300));
        assert_eq!(quoted_lines(b"a\nb\nc\n", 1, 2).as_deref(), Some("a\nb"));
        assert_eq!(quoted_lines(b"a\nb\n", 2, 9), None);
    }
}
