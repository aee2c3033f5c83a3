//! Folders of the user's working copy that a program needs and no checkout has: ignored dependencies, and submodules.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::cancel::Cancel;
use crate::diff::FileMode;
use crate::infrastructure::process::Git;
use crate::repository::TreeEntry;

/// Folders that tools fill, by name: ignored ones of the working copy are lent to the checkout.
const DEPENDENCY_FOLDERS: &[&str] = &[
    "node_modules",
    ".venv",
    "venv",
    "vendor",
    "target",
    "build",
    ".gradle",
    ".yarn",
    ".pnpm-store",
    "third_party",
    ".tox",
    ".nox",
    "_build",
    "deps",
    "Pods",
    ".bundle",
];
/// How deep below the top dependency folders are looked for.
const DEEPEST: usize = 4;
/// The most folders of a tree that are looked into.
const MOST_FOLDERS: usize = 4000;
/// The most folders that are lent; each is a mount.
const MOST_LENT: usize = 64;
/// What a build makes and no tool needs: a stale one could stand for the change.
const NOT_LENT: &str = "build";

/// One folder that is lent to the checkout, at the same place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Where in the checkout.
    pub place: PathBuf,
    /// What is lent.
    pub source: PathBuf,
}

/// What tells a folder that a tool filled, though nobody told git to ignore it, by the folder's name.
const INSTALLED: &[(&str, &str)] = &[
    (".venv", "pyvenv.cfg"),
    ("venv", "pyvenv.cfg"),
    ("node_modules", ".package-lock.json"),
    ("node_modules", ".yarn-state.yml"),
    ("node_modules", ".modules.yaml"),
];

/// The dependency folders of the working copy at `root` that git ignores, or a tool's own mark tells, and `entries` has
/// nothing in.
pub(super) fn find(root: &Path, entries: &[TreeEntry], git: &Git, cancel: &Cancel) -> Vec<Dependency> {
    let folders = folders(entries);
    let mut places: Vec<PathBuf> = Vec::new();
    for folder in folders.iter().take(MOST_FOLDERS) {
        for name in DEPENDENCY_FOLDERS.iter().filter(|name| **name != NOT_LENT) {
            let place = Path::new(OsStr::from_bytes(folder)).join(name);
            let tracked = folders.contains(place.as_os_str().as_bytes());
            if !tracked && fs::symlink_metadata(root.join(&place)).is_ok_and(|found| found.is_dir()) {
                places.push(place);
            }
        }
    }
    let mut lent = submodules(root, entries, git, cancel);
    let (installed, others): (Vec<PathBuf>, Vec<PathBuf>) =
        places.into_iter().partition(|place| is_installed(&root.join(place)));
    lent.extend(installed);
    lent.extend(ignored(root, &others, git, cancel));
    lent.truncate(MOST_LENT);
    lent.into_iter().map(|place| Dependency { source: root.join(&place), place }).collect()
}

/// The submodules that the working copy has checked out at just the commit that the tree names.
fn submodules(root: &Path, entries: &[TreeEntry], git: &Git, cancel: &Cancel) -> Vec<PathBuf> {
    let links = entries.iter().filter(|entry| entry.mode == FileMode::Gitlink).take(MOST_LENT);
    let checked_out = links.filter_map(|link| {
        let place = PathBuf::from(OsStr::from_bytes(link.path.as_bytes()));
        let folder = root.join(&place);
        // without a `.git` of its own the question would be answered by the repository around it
        let is_there = fs::symlink_metadata(&folder).is_ok_and(|found| found.is_dir()) && folder.join(".git").exists();
        let head = is_there.then(|| git.run(&folder, &["rev-parse", "HEAD"], cancel).ok()).flatten()?;
        (head.trim_ascii() == link.id.to_string().as_bytes()).then_some(place)
    });
    checked_out.collect()
}

/// The folders that files are in, the top one first.
pub(super) fn folders(entries: &[TreeEntry]) -> BTreeSet<&[u8]> {
    let mut folders = BTreeSet::from([b"".as_slice()]);
    for entry in entries {
        let path = entry.path.as_bytes();
        folders.extend(memchr::memchr_iter(b'/', path).take(DEEPEST).map(|at| &path[..at]));
    }
    folders
}

fn is_installed(folder: &Path) -> bool {
    let is_named = |name: &str| folder.file_name() == Some(OsStr::new(name));
    INSTALLED
        .iter()
        .any(|(name, mark)| is_named(name) && fs::symlink_metadata(folder.join(mark)).is_ok_and(|mark| mark.is_file()))
}

/// Those of `places` that git ignores; none where it cannot be asked.
fn ignored(root: &Path, places: &[PathBuf], git: &Git, cancel: &Cancel) -> Vec<PathBuf> {
    if places.is_empty() {
        return Vec::new();
    }
    // `check-ignore` would be the verb, and takes no literal paths; this one stops at the folders it prints
    let verb = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory", "--"];
    let command = git.command(root, verb).args(places);
    match git.finish("ls-files", command, cancel) {
        Ok(finished) if finished.status.success() => {
            let printed = finished.stdout.bytes();
            let names: BTreeSet<&[u8]> = printed.split(|byte| *byte == 0).collect();
            // a virtual environment is ignored by a file of its own
            let is_ignored = |place: &&PathBuf| {
                let place = place.as_os_str().as_bytes();
                names.contains([place, b"/"].concat().as_slice())
                    || names.contains([place, b"/.gitignore"].concat().as_slice())
            };
            places.iter().filter(is_ignored).cloned().collect()
        }
        Ok(_) | Err(_) => Vec::new(),
    }
}
