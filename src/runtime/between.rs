//! What turned one version into another, where both may stand on bases of their own.

use crate::api::{Failure, FailureKind};
use crate::diff::{ChangeSet, FileChange, FileMode, FileSide};
use crate::id::{LaneId, RepoPath, Version};
use crate::infrastructure::blobs::Blobs;
use crate::repository::merge_contents;
use crate::session::Session;

use super::answer::{change, known};
use super::ports::Ports;
use super::service::vcs_failure;

/// Two versions, compared.
#[derive(Debug)]
pub(super) struct Compared {
    /// The files that differ.
    pub changes: ChangeSet,
    /// Files that both versions and what came with the base change at the same lines, by path: `changes` has all that
    /// the newer version does to them.
    pub not_carried: Vec<RepoPath>,
}

/// What turns the files as version `other` leaves them into those that the version of `new` leaves. A file that only one
/// of the two touches is on the base in the other. Where they stand on different bases, what came with the base is none of
/// it: the other's change is taken over to the base of this one, where it merges. What that makes is stored, for whoever
/// opens the blobs that an answer names.
pub(super) fn between_versions(
    ports: &Ports,
    session: &Session,
    lane: LaneId,
    (version, new): (Version, &ChangeSet),
    other: Version,
) -> Result<Compared, Failure> {
    let old = change(&ports.blobs, known(session, lane, other)?)?.changes;
    let (stands, stood) = (session.base_of(lane, version), session.base_of(lane, other));
    let Some(base) = stands.filter(|base| stood.is_some_and(|stood| stood.tree != base.tree)) else {
        return Ok(Compared { changes: between(&old, new), not_carried: Vec::new() });
    };
    let tree = ports.vcs.tree(&base.key, &base.tree).map_err(|error| vcs_failure(&error))?;
    let now = |path: &RepoPath| match new.get(path) {
        Some(file) => Ok(file.old.clone()),
        None => tree.side(path).map_err(|error| vcs_failure(&error.into())),
    };
    let (old, not_carried) = taken_over(&old, now)?;
    let changes = between(&old, new);
    keep(&ports.blobs, &changes)?;
    Ok(Compared { changes, not_carried })
}

/// A change, taken over to what is `now` there; and the files where the same lines were changed: those are left as they
/// are there.
pub(super) fn taken_over<E>(
    change: &ChangeSet,
    now: impl Fn(&RepoPath) -> Result<Option<FileSide>, E>,
) -> Result<(ChangeSet, Vec<RepoPath>), E> {
    let (mut files, mut not_carried) = (Vec::new(), Vec::new());
    for file in change.files() {
        let there = now(&file.path)?;
        let carried = carried(file, there.as_ref()).unwrap_or_else(|| {
            not_carried.push(file.path.clone());
            there.clone()
        });
        files.push(FileChange { path: file.path.clone(), old: there, new: carried });
    }
    Ok((ChangeSet::new(files), not_carried))
}

/// The same change of a file on what is there now; `None` where both changed the same lines.
fn carried(file: &FileChange, now: Option<&FileSide>) -> Option<Option<FileSide>> {
    match (file.old.as_ref(), now, file.new.as_ref()) {
        (old, now, new) if old == now || new == now => Some(new.cloned()),
        // lines of a file and the target of a link are nothing that merges
        (Some(old), Some(now), Some(new)) if [old, now, new].iter().all(|side| is_file(side)) => {
            let content = merge_contents(&old.content, &now.content, &new.content)?.into();
            // a mode that this change leaves alone is whatever the base made of it
            let mode = if new.mode == old.mode { now.mode } else { new.mode };
            Some(Some(FileSide { mode, content }))
        }
        (_, _, _) => None,
    }
}

fn is_file(side: &FileSide) -> bool {
    matches!(side.mode, FileMode::Regular | FileMode::Executable)
}

/// Stores what no version's own blobs have: contents that came with a base, and those that were carried over to it.
fn keep(blobs: &Blobs, changes: &ChangeSet) -> Result<(), Failure> {
    let sides = changes.files().iter().flat_map(|file| [&file.old, &file.new]).flatten();
    let contents: Vec<&[u8]> = sides.map(|side| side.content.as_ref()).collect();
    let stored = blobs.put_many(&contents);
    stored.map(drop).map_err(|error| Failure::from_error(FailureKind::Failed, &error).hint(error.hint()))
}

/// The same of two changes of one base.
pub(super) fn between(old: &ChangeSet, new: &ChangeSet) -> ChangeSet {
    let paths = old.files().iter().chain(new.files()).map(|file| &file.path);
    ChangeSet::new(paths.map(|path| {
        let (before, after) = (old.get(path), new.get(path));
        let base = after.or(before).and_then(|file| file.old.clone());
        FileChange {
            path: path.clone(),
            old: before.map_or_else(|| base.clone(), |file| file.new.clone()),
            new: after.map_or(base, |file| file.new.clone()),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(content: Option<&str>) -> Option<FileSide> {
        content.map(|content| FileSide::regular(content.as_bytes()))
    }

    #[track_caller]
    fn check(old: Option<&str>, new: Option<&str>, now: Option<&str>, expected: Option<Option<&str>>) {
        let file = FileChange { path: "a.txt".into(), old: side(old), new: side(new) };
        assert_eq!(carried(&file, side(now).as_ref()), expected.map(side));
    }

    #[test]
    fn a_change_is_carried_over_where_nothing_else_changed_the_same_lines() {
        let old = "1\n2\n3\n4\n5\n6\n7\n";
        let mine = "one\n2\n3\n4\n5\n6\n7\n";
        check(Some(old), Some(mine), Some(old), Some(Some(mine)));
        check(Some(old), Some(mine), Some(mine), Some(Some(mine)));
        check(Some(old), Some(mine), Some(&old.replace('7', "VII")), Some(Some(&mine.replace('7', "VII"))));
        check(Some(old), Some(mine), Some(&old.replace('1', "I")), None);
        check(Some(old), Some(mine), None, None);
        check(Some(old), None, Some(&old.replace('7', "VII")), None);
        check(Some(old), None, None, Some(None));
        check(None, Some(mine), Some(old), None);
        check(None, Some(mine), None, Some(Some(mine)));
    }

    #[test]
    fn a_mode_is_carried_over_with_what_changed_it() {
        let of = |mode, content: &str| FileSide { mode, content: content.as_bytes().into() };
        use crate::diff::FileMode::{Executable, Regular};
        let old = of(Regular, "1\n2\n3\n4\n5\n6\n7\n");
        let now = of(Executable, "1\n2\n3\n4\n5\n6\nVII\n");
        let new = of(Regular, "one\n2\n3\n4\n5\n6\n7\n");
        let file = FileChange { path: "a.sh".into(), old: Some(old), new: Some(new) };
        assert_eq!(carried(&file, Some(&now)), Some(Some(of(Executable, "one\n2\n3\n4\n5\n6\nVII\n"))));
        let link = of(crate::diff::FileMode::Symlink, "1\n2\n3\n4\n5\n6\nVII\n");
        assert_eq!(carried(&file, Some(&link)), None, "a file is no link");
    }
}
