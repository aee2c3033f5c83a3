//! Where the manifests of a tree are, and which of them a change is about.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::RepoPath;
use crate::repository::{Tree, TreeError};

/// The most folders of one kind of project that are checked.
const MOST_FOLDERS: usize = 4;

/// Folders whose manifests belong to somebody else, to examples or to test data.
const FOREIGN: &[&str] = &[
    "node_modules",
    "vendor",
    "third_party",
    "testdata",
    "fixtures",
    "__fixtures__",
    "examples",
    "example",
    "target",
    "templates",
    "template",
    "bower_components",
    "site-packages",
];

/// The files of a tree by folder (empty for the top), without foreign folders.
pub(super) struct Layout {
    folders: BTreeMap<String, BTreeSet<String>>,
}

impl Layout {
    pub(super) fn of(tree: &dyn Tree) -> Result<Self, TreeError> {
        let mut folders: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for path in tree.entries()?.iter().filter_map(|entry| entry.path.as_utf8()) {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            if !folder.split('/').any(|part| FOREIGN.contains(&part)) {
                folders.entry(folder.to_owned()).or_default().insert(name.to_owned());
            }
        }
        Ok(Self { folders })
    }

    /// Whether the folder holds a file of that name.
    pub(super) fn has(&self, folder: &str, name: &str) -> bool {
        self.folders.get(folder).is_some_and(|names| names.contains(name))
    }

    /// Every file below a folder: its folder and its name.
    pub(super) fn below(&self, folder: &str) -> impl Iterator<Item = (&str, &str)> {
        let inside = move |at: &str| folder.is_empty() || at == folder || is_below(at, folder);
        let all = self.folders.iter().filter(move |(at, _)| inside(at));
        all.flat_map(|(at, names)| names.iter().map(move |name| (at.as_str(), name.as_str())))
    }

    /// The folders to check: for each changed path the nearest above it that holds one of `manifests`; the top's
    /// where it has one and nothing is nearer; the shallowest where nothing is known of the change.
    pub(super) fn nearest(&self, manifests: &[&str], changed: &[RepoPath]) -> Picked {
        let holds = |folder: &str| manifests.iter().any(|name| self.has(folder, name));
        let all: Vec<&String> = self.folders.keys().filter(|folder| holds(folder)).collect();
        let mut picked: BTreeSet<String> = BTreeSet::new();
        for path in changed.iter().filter_map(|path| path.as_utf8()) {
            picked.extend(above(path).find(|folder| holds(folder)).map(str::to_owned));
        }
        if picked.is_empty() {
            let depth = |folder: &str| if folder.is_empty() { 0 } else { 1 + folder.matches('/').count() };
            let least = all.iter().map(|folder| depth(folder)).min();
            let elsewhere = !changed.is_empty() && least != Some(0);
            if !elsewhere {
                picked.extend(all.into_iter().filter(|folder| Some(depth(folder)) == least).cloned());
            }
        }
        let left_out = picked.len().saturating_sub(MOST_FOLDERS);
        Picked { folders: picked.into_iter().take(MOST_FOLDERS).collect(), left_out }
    }

    /// The nearest folder at or above `folder` that holds a file of that name.
    pub(super) fn nearest_above(&self, folder: &str, name: &str) -> Option<String> {
        let inside = format!("{folder}/x");
        above(if folder.is_empty() { "x" } else { &inside }).find(|at| self.has(at, name)).map(str::to_owned)
    }

    /// The highest folder above `folder`, itself included, for which `test` says yes.
    pub(super) fn highest(&self, folder: &str, test: impl Fn(&str) -> bool) -> Option<String> {
        let inside = format!("{folder}/x");
        above(if folder.is_empty() { "x" } else { &inside }).filter(|at| test(at)).last().map(str::to_owned)
    }
}

/// What was picked, and how many folders more there would be.
pub(super) struct Picked {
    pub(super) folders: Vec<String>,
    pub(super) left_out: usize,
}

/// The folders above a path, nearest first, the top last.
fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| {
        path.rsplit_once('/').map(|(folder, _)| folder).or((!path.is_empty()).then_some(""))
    })
    .skip(1)
}

fn is_below(at: &str, folder: &str) -> bool {
    at.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// `folder/name`, or the name alone at the top.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::FileSide;
    use crate::repository::MemoryTree;

    #[track_caller]
    fn check(files: &[&str], changed: &[&str], expected: &[&str]) {
        let tree = MemoryTree::new(files.iter().map(|path| (*path, FileSide::regular(*b""))));
        let changed: Vec<RepoPath> = changed.iter().map(|path| RepoPath::from(*path)).collect();
        let layout = Layout::of(&tree).expect("a tree in memory reads");
        assert_eq!(layout.nearest(&["m"], &changed).folders, expected);
    }

    #[test]
    fn the_nearest_manifest_counts() {
        check(&["m", "a/m", "b/m"], &["a/src/x"], &["a"]);
        check(&["m", "a/m", "b/m"], &["a/x", "b/x"], &["a", "b"]);
        check(&["m", "a/m"], &["docs/x"], &[""]);
        check(&["a/m", "b/m"], &["docs/x"], &[]);
        check(&["a/m", "b/m", "a/c/m"], &[], &["a", "b"]);
        check(&["m", "a/m"], &[], &[""]);
        check(&["vendor/a/m", "testdata/m"], &["vendor/a/x"], &[]);
        check(&[], &["x"], &[]);
        assert_eq!(above("a/b/c").collect::<Vec<_>>(), ["a/b", "a", ""]);
    }
}
