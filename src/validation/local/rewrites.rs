//! What must be written and removed so that a folder with the base's files, and what its runs left, holds the
//! proposal's files.

use std::collections::{HashMap, HashSet};

use super::touched::Touched;
use crate::id::RepoPath;
use crate::repository::TreeEntry;

/// The difference between two trees, and what the base's runs changed of its files.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rewrites {
    /// Files of the proposal to write; links last, so that no file goes through one.
    pub(super) write: Vec<TreeEntry>,
    /// Files and whole folders that the proposal does not have.
    pub(super) remove: Vec<Vec<u8>>,
}

impl Rewrites {
    /// From `base` to `proposal` on top of what was `touched`.
    pub(super) fn between(base: &[TreeEntry], proposal: &[TreeEntry], touched: &Touched) -> Self {
        let old: HashMap<&[u8], &TreeEntry> = base.iter().map(|entry| (entry.path.as_bytes(), entry)).collect();
        let new: HashSet<&[u8]> = proposal.iter().map(|entry| entry.path.as_bytes()).collect();
        let folders: HashSet<&[u8]> = new.iter().flat_map(|path| above(path)).collect();
        let same = |entry: &TreeEntry| {
            old.get(entry.path.as_bytes()).is_some_and(|old| (old.mode, &old.id) == (entry.mode, &entry.id))
        };
        let changed = |entry: &&TreeEntry| may_be_written(&entry.path) && (!same(entry) || touched.covers(&entry.path));
        let mut write: Vec<TreeEntry> = proposal.iter().filter(changed).cloned().collect();
        write.sort_by_key(|entry| entry.mode == crate::diff::FileMode::Symlink);
        let gone = base.iter().filter(|entry| !new.contains(entry.path.as_bytes()) && may_be_written(&entry.path));
        let mut remove: Vec<Vec<u8>> =
            gone.filter_map(|entry| topmost(entry.path.as_bytes(), &new, &folders)).map(<[u8]>::to_vec).collect();
        remove.sort();
        remove.dedup();
        Self { write, remove }
    }
}

/// The folders that `path` is in.
fn above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    memchr::memchr_iter(b'/', path).map(|at| &path[..at])
}

/// What is removed so that `gone` is: the highest folder that the proposal has nothing in. Nothing where a file of
/// the proposal takes that place, or `gone` became a folder.
fn topmost<'a>(gone: &'a [u8], new: &HashSet<&[u8]>, folders: &HashSet<&[u8]>) -> Option<&'a [u8]> {
    let place = above(gone).chain([gone]).find(|place| !folders.contains(place))?;
    (!new.contains(place)).then_some(place)
}

/// The last wall, as in a checkout; policy has said so before.
fn may_be_written(path: &RepoPath) -> bool {
    path.components().all(|part| !matches!(part, b"" | b"." | b"..") && !part.eq_ignore_ascii_case(b".git"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::FileMode;
    use crate::id::Digest;

    /// `path=content`; a path that ends in `@` is a link.
    fn tree(files: &[&str]) -> Vec<TreeEntry> {
        let entry = |file: &&str| {
            let (path, content) = file.split_once('=').expect("path=content");
            let mode = if path.ends_with('@') { FileMode::Symlink } else { FileMode::Regular };
            let id = Digest::of(content.as_bytes()).to_string()[..40].parse().expect("forty digits");
            TreeEntry { path: RepoPath::from(path), mode, id }
        };
        files.iter().map(entry).collect()
    }

    #[track_caller]
    fn check(base: &[&str], proposal: &[&str], touched: &[&str], write: &[&str], remove: &[&str]) {
        let touched = Touched::of(touched.iter().map(|path| path.as_bytes().to_vec()));
        let rewrites = Rewrites::between(&tree(base), &tree(proposal), &touched);
        let written: Vec<String> = rewrites.write.iter().map(|entry| entry.path.to_string()).collect();
        let removed: Vec<_> = rewrites.remove.iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect();
        assert_eq!((written, removed), (owned(write), owned(remove)));
    }

    fn owned(paths: &[&str]) -> Vec<String> {
        paths.iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn only_what_differs_is_touched() {
        check(&["a=1", "b/c=2"], &["a=1", "b/c=2"], &[], &[], &[]);
        check(&["a=1", "b/c=2"], &["a=2", "b/c=2", "n=1"], &[], &["a", "n"], &[]);
        check(&["a=1", "b/c=2", "b/d=3"], &["a=1", "b/d=3"], &[], &[], &["b/c"]);
        check(&["b/c=2", "b/d/e=3"], &["a=1"], &[], &["a"], &["b"]);
        check(&["b/c/x=2", "b/c/y=2", "b/z=1"], &["b/z=1"], &[], &[], &["b/c"]);
    }

    #[test]
    fn files_that_become_folders_and_back() {
        check(&["a=1"], &["a/b=1"], &[], &["a/b"], &[]);
        check(&["a/b=1", "a/c/d=1"], &["a=1"], &[], &["a"], &[]);
    }

    #[test]
    fn what_the_base_touched_is_written_again() {
        check(&["a=1", "b/c=2"], &["a=1", "b/c=2"], &["a"], &["a"], &[]);
        check(&["a=1", "b/c=2"], &["a=1", "b/c=2"], &["b"], &["b/c"], &[]);
        check(&["a=1"], &["a=1"], &["build", "a2"], &[], &[]);
    }

    #[test]
    fn links_come_last_and_bad_names_never() {
        check(&[], &["a@=x", "b=1"], &[], &["b", "a@"], &[]);
        check(&[], &[".git/hooks/x=1", "a/.GIT=1", "a/../../b=1"], &[], &[], &[]);
    }
}
