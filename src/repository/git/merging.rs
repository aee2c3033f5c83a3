//! Whether two changes of one tree merge, told by reading alone.
//!
//! libgit2's own merge of trees writes the files that it merged; one that is there already has the time of its pack set
//! anew, and that pack is the user's.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use git2::{Delta, DiffFindOptions, Odb, Oid, Repository};

use super::difference::ChangedFile;
use super::objects::RawEntry;
use super::open::git_error;
use crate::id::RepoPath;
use crate::repository::{VcsError, merge_contents};

/// One side: what it changes of the base, and its tree.
pub(super) struct SideOfMerge<'a> {
    pub(super) tree: Oid,
    pub(super) files: &'a [ChangedFile],
}

/// Whether `ours` and `theirs`, two changes of the tree `base`, merge without a conflict. A file that one side moved and
/// the other changed is looked for where it went, as git does.
pub(super) fn merges(
    repo: &Repository,
    odb: &Odb<'_>,
    base: Oid,
    ours: &SideOfMerge<'_>,
    theirs: &SideOfMerge<'_>,
) -> Result<bool, VcsError> {
    if in_the_way(ours.files, theirs.files) {
        return Ok(false);
    }
    let by_path: BTreeMap<&RepoPath, &ChangedFile> = theirs.files.iter().map(|file| (&file.path, file)).collect();
    let both: Vec<(&ChangedFile, &ChangedFile)> =
        ours.files.iter().filter_map(|file| by_path.get(&file.path).map(|other| (file, *other))).collect();
    let mut moved = Moved::default();
    for (our, their) in both {
        let fits = match (&our.new, &their.new) {
            (Some(one), Some(other)) => same(one, other) || content_merges(odb, our.old.as_ref(), one, other)?,
            (None, None) => !moved.either(repo, base, ours.tree, theirs.tree, &our.path)?,
            (Some(changed), None) => moved.takes(repo, odb, (base, theirs), our, changed)?,
            (None, Some(changed)) => moved.takes(repo, odb, (base, ours), their, changed)?,
        };
        if !fits {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same(one: &RawEntry, other: &RawEntry) -> bool {
    (one.bits, one.id) == (other.bits, other.id)
}

/// Whether one side has a file where the other needs a folder.
fn in_the_way(ours: &[ChangedFile], theirs: &[ChangedFile]) -> bool {
    let made = |files: &[ChangedFile]| -> BTreeSet<Vec<u8>> {
        files.iter().filter(|file| file.new.is_some()).map(|file| file.path.as_bytes().to_vec()).collect()
    };
    let (ours, theirs) = (made(ours), made(theirs));
    let below = |inner: &BTreeSet<Vec<u8>>, outer: &BTreeSet<Vec<u8>>| {
        inner.iter().any(|path| {
            let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
            ends.into_iter().any(|end| outer.contains(&path[..end]))
        })
    };
    below(&ours, &theirs) || below(&theirs, &ours)
}

/// Whether two changes of one file merge: text by its lines, a permission where one side left it.
fn content_merges(odb: &Odb<'_>, base: Option<&RawEntry>, one: &RawEntry, other: &RawEntry) -> Result<bool, VcsError> {
    let Some(base) = base else { return Ok(false) };
    let is_file = |entry: &RawEntry| entry.bits & 0o170_000 == 0o100_000;
    if ![base, one, other].into_iter().all(is_file) {
        return Ok(false);
    }
    let permission = one.bits == other.bits || one.bits == base.bits || other.bits == base.bits;
    if one.id == base.id || other.id == base.id || one.id == other.id {
        return Ok(permission);
    }
    let read = |entry: &RawEntry| odb.read(entry.id).map_err(|error| git_error("cat-file", &error));
    let (base, one, other) = (read(base)?, read(one)?, read(other)?);
    Ok(permission && merge_contents(base.data(), one.data(), other.data()).is_some())
}

/// Where files of the base went in another tree, found once for each tree.
#[derive(Default)]
struct Moved(BTreeMap<Oid, BTreeMap<RepoPath, (RepoPath, Oid)>>);

impl Moved {
    /// The files of `base` that `tree` has under another name: that name, and the content they have there.
    fn of(
        &mut self,
        repo: &Repository,
        base: Oid,
        tree: Oid,
    ) -> Result<&BTreeMap<RepoPath, (RepoPath, Oid)>, VcsError> {
        let failed = |error: git2::Error| git_error("diff-tree", &error);
        if let Entry::Vacant(missing) = self.0.entry(tree) {
            let (old, new) = (repo.find_tree(base).map_err(failed)?, repo.find_tree(tree).map_err(failed)?);
            let mut diff = repo.diff_tree_to_tree(Some(&old), Some(&new), None).map_err(failed)?;
            diff.find_similar(Some(DiffFindOptions::new().renames(true))).map_err(failed)?;
            let renames = diff.deltas().filter(|delta| delta.status() == Delta::Renamed);
            let from = |path: Option<&[u8]>| path.map(RepoPath::from_bytes);
            let found = renames.filter_map(|delta| {
                let (old, new) = (from(delta.old_file().path_bytes())?, delta.new_file());
                Some((old, (from(new.path_bytes())?, new.id())))
            });
            missing.insert(found.collect());
        }
        Ok(&self.0[&tree])
    }

    /// Whether one of the two trees has `path` under another name, and not both alike.
    fn either(
        &mut self,
        repo: &Repository,
        base: Oid,
        ours: Oid,
        theirs: Oid,
        path: &RepoPath,
    ) -> Result<bool, VcsError> {
        let ours = self.of(repo, base, ours)?.get(path).cloned();
        Ok(ours.as_ref() != self.of(repo, base, theirs)?.get(path))
    }

    /// Whether the `changed` file, which `side` has no more, is there under another name and takes the change.
    fn takes(
        &mut self,
        repo: &Repository,
        odb: &Odb<'_>,
        (base, side): (Oid, &SideOfMerge<'_>),
        file: &ChangedFile,
        changed: &RawEntry,
    ) -> Result<bool, VcsError> {
        let Some((_, id)) = self.of(repo, base, side.tree)?.get(&file.path).cloned() else { return Ok(false) };
        let Some(old) = &file.old else { return Ok(false) };
        let there = RawEntry { bits: old.bits, name: old.name.clone(), id };
        content_merges(odb, Some(old), changed, &there)
    }
}
