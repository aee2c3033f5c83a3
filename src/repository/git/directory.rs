//! A `.git` of its own for a checkout that code nobody trusts runs in: what `git rev-parse`, `describe`, `log -1`,
//! `ls-files` and `status` need, and nothing else.
//!
//! It holds the commit of HEAD and those of its parents that are asked for, their trees, and an index that fits the
//! files: `git status` is clean, and reads no file to know it. No hook, remote, branch, tag or setting of the user's is
//! in it, and no file content: the objects of a repository hold every branch, stash and secret that was ever committed,
//! and a check has to do with one version only. So `git show HEAD:FILE` fails as in a partial clone without a network,
//! and history ends where that of a shallow clone does.
//!
//! Paraph's own git never reads what is made here, nor what a check makes of it: it is always given another directory.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use git2::{ObjectType, Odb, Oid};

use super::objects::{io_error, parse_tree, store, to_oid};
use super::open::git_error;
use super::pack::NewObject;
use super::private::Private;
use super::tree::read_error;
use crate::diff::{FileMode, sha1};
use crate::repository::{GitDirectory, TreeEntry, TreeError, VcsError};

/// As in every checkout by git, without what would run something or look anywhere else. Times of change and numbers of
/// files are another thing in an overlay; size and time of writing are the same.
const CONFIG: &str = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = false\n\
    \tcheckStat = minimal\n\ttrustctime = false\n\tfsmonitor = false\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n";

/// The deepest folder of a tree: beyond it a tree is somebody's attack on a stack. // half a MiB of a thread's two
const DEEPEST: usize = 1024;

/// Makes the git directory `into`, which is not there, for files as `asked` says; `entries` are those of its tree.
pub(super) fn make(
    private: &Private,
    entries: &[TreeEntry],
    asked: &GitDirectory<'_>,
    into: &Path,
) -> Result<(), VcsError> {
    let failed = |cause| io_error("make", into, cause);
    // what is there would not be ours
    fs::create_dir(into).map_err(failed)?;
    for folder in ["objects/info", "objects/pack", "refs/heads", "refs/tags"] {
        fs::create_dir_all(into.join(folder)).map_err(failed)?;
    }
    let commits: Vec<Oid> = asked.commits.iter().map(to_oid).collect::<Result<_, _>>()?;
    let (objects, cached_trees) = private.with(|repo| {
        let odb = repo.odb().map_err(|error| git_error("open objects", &error))?;
        collect(&odb, &commits)
    })??;
    store(&into.join("objects"), objects)?;
    let shallow = commits.last().map(|last| format!("{last}\n")).unwrap_or_default();
    let head = commits.first().map(|head| format!("{head}\n")).unwrap_or_default();
    let index = index(entries, asked.files, &cached_trees);
    for (name, content) in
        [("config", CONFIG.as_bytes()), ("shallow", shallow.as_bytes()), ("index", &index), ("HEAD", head.as_bytes())]
    {
        fs::write(into.join(name), content).map_err(failed)?;
    }
    Ok(())
}

/// The objects of `commits` without file contents, and the trees of the first one as an index caches them.
fn collect(odb: &Odb<'_>, commits: &[Oid]) -> Result<(Vec<NewObject>, Vec<u8>), VcsError> {
    let mut trees = Trees { odb, known: BTreeMap::new() };
    let mut objects = Vec::new();
    let mut cached = Vec::new();
    for (at, commit) in commits.iter().enumerate() {
        let content = read(odb, *commit, b"")?;
        let tree = tree_of(&content).ok_or_else(|| TreeError::Unreadable(format!("{commit} is no commit")))?;
        objects.push(NewObject { id: *commit, kind: ObjectType::Commit, content });
        let mut unused = Vec::new();
        trees.walk(tree, b"", 0, if at == 0 { &mut cached } else { &mut unused })?;
    }
    let of_trees = trees.known.into_iter().map(|(id, content)| NewObject { id, kind: ObjectType::Tree, content });
    objects.extend(of_trees);
    Ok((objects, cached))
}

fn read(odb: &Odb<'_>, id: Oid, path: &[u8]) -> Result<Arc<[u8]>, VcsError> {
    let object = odb.read(id).map_err(|error| read_error(&error, id, path))?;
    Ok(object.data().into())
}

/// The tree that a commit names in its first line.
fn tree_of(commit: &[u8]) -> Option<Oid> {
    let hex = commit.strip_prefix(b"tree ")?.get(..40)?;
    Oid::from_str(std::str::from_utf8(hex).ok()?).ok()
}

struct Trees<'a> {
    odb: &'a Odb<'a>,
    known: BTreeMap<Oid, Arc<[u8]>>,
}

impl Trees<'_> {
    /// Takes the tree `id` and all below it; how many files it holds. `cached` grows by its part of the extension
    /// `TREE` of gitformat-index(5).
    fn walk(&mut self, id: Oid, name: &[u8], depth: usize, cached: &mut Vec<u8>) -> Result<usize, VcsError> {
        let content = match self.known.get(&id) {
            Some(content) => content.clone(),
            None => read(self.odb, id, name)?,
        };
        let damaged = || TreeError::Unreadable(format!("{id} is no tree, or lies too deep"));
        let children = parse_tree(&content).filter(|_| depth < DEEPEST).ok_or_else(damaged)?;
        let (mut below, mut files, mut folders) = (Vec::new(), 0, 0);
        for child in &children {
            if child.is_directory() {
                files += self.walk(child.id, &child.name, depth + 1, &mut below)?;
                folders += 1;
            } else {
                files += 1;
            }
        }
        self.known.insert(id, content);
        cached.extend_from_slice(name);
        cached.extend_from_slice(format!("\0{files} {folders}\n").as_bytes());
        cached.extend_from_slice(id.as_bytes());
        cached.extend_from_slice(&below);
        Ok(files)
    }
}

/// An index of version 2, gitformat-index(5), of `entries` as they lie in the first of `folders` that has them.
fn index(entries: &[TreeEntry], folders: &[&Path], cached_trees: &[u8]) -> Vec<u8> {
    let mut sorted: Vec<(&TreeEntry, Oid)> = entries
        .iter()
        .filter(|entry| super::checkout::may_be_written(&entry.path))
        .filter_map(|entry| Some((entry, Oid::from_str(entry.id.as_str()).ok()?)))
        .collect();
    sorted.sort_unstable_by_key(|(entry, _)| entry.path.as_bytes());
    let mut out = Vec::with_capacity(sorted.len() * 120 + cached_trees.len() + 64);
    out.extend_from_slice(b"DIRC\0\0\0\x02");
    out.extend_from_slice(&(sorted.len() as u32).to_be_bytes());
    for (entry, id) in &sorted {
        let start = out.len();
        let path = entry.path.as_bytes();
        let found =
            folders.iter().find_map(|folder| fs::symlink_metadata(folder.join(std::ffi::OsStr::from_bytes(path))).ok());
        let (seconds, nanoseconds, size) = found
            .filter(|_| entry.mode != FileMode::Gitlink)
            .map_or((0, 0, 0), |found| (found.mtime() as u32, found.mtime_nsec() as u32, found.size() as u32));
        // changed, written; device and inode; mode; owner and group; size
        for number in [0, 0, seconds, nanoseconds, 0, 0, entry.mode.bits(), 0, 0, size] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.extend_from_slice(id.as_bytes());
        out.extend_from_slice(&(path.len().min(0xfff) as u16).to_be_bytes());
        out.extend_from_slice(path);
        // at least one zero byte, and as many as make the entry a multiple of eight
        out.resize(start + (out.len() - start + 8) / 8 * 8, 0);
    }
    // what was left out of the index is in the trees: then their counts do not fit
    if sorted.len() == entries.len() {
        out.extend_from_slice(b"TREE");
        out.extend_from_slice(&(cached_trees.len() as u32).to_be_bytes());
        out.extend_from_slice(cached_trees);
    }
    let sum = sha1(&[&out]);
    out.extend_from_slice(&sum);
    out
}
