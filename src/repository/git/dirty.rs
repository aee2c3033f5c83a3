//! What is not committed in a working copy, as a tree: read without a filter, without refreshing the index.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use git2::{Oid, Status, StatusOptions};
use rustix::fs::{FileType, Mode, OFlags};

use super::attributes::{Conversion, conversion, stored_form};
use super::difference::with_odb;
use super::objects::io_error;
use super::open::{Opened, git_error, shown};
use super::private::Private;
use super::tree::{Trees, find};
use super::write::{Aim, NewTree, new_tree};
use crate::diff::{ChangeSet, FileChange, FileMode, FileSide};
use crate::id::RepoPath;
use crate::infrastructure::beneath::{find_folder, look, open_top, split};
use crate::repository::VcsError;

/// A larger file is not taken from a working copy. // 100 MB: what forges refuse
const SIZE_LIMIT: u64 = 100_000_000;

/// How many paths a notice names before it only counts.
const NAMED: usize = 5;

/// The tree of a working copy, and what a person should know about it.
pub(super) struct Dirty {
    pub(super) tree: NewTree,
    pub(super) changed: usize,
    pub(super) notices: Vec<String>,
}

/// The tree of `head` with tracked changes and new files that are not ignored.
pub(super) fn dirty_tree(opened: &Opened, private: &Private, head: Oid) -> Result<Dirty, VcsError> {
    let Some(workdir) = opened.repo.workdir() else {
        return Err(VcsError::Unsupported {
            path: shown(&opened.root),
            what: "no working copy (it is bare)".to_owned(),
        });
    };
    let head_tree = opened.repo.find_commit(head).map_err(|error| git_error("read HEAD", &error))?.tree_id();
    let mut reader = Reader {
        opened,
        top: open_top(workdir).map_err(|cause| io_error("open", workdir, cause))?,
        left_out: BTreeMap::new(),
    };
    let candidates = candidates(opened)?;
    let mut files = Vec::new();
    for (path, gone_from_index) in candidates {
        let old =
            with_odb(private, |odb| find(Trees::of(odb), head_tree, &path))?.filter(|entry| !entry.is_directory());
        let old = match old {
            // a submodule stays as HEAD has it
            Some(entry) if entry.mode() == FileMode::Gitlink => continue,
            Some(entry) => Some(FileSide {
                mode: entry.mode(),
                content: with_odb(private, |odb| {
                    odb.read(entry.id)
                        .map(|object| Arc::from(object.data()))
                        .map_err(|error| super::tree::read_error(&error, entry.id, path.as_bytes()))
                })?,
            }),
            None => None,
        };
        let new = if gone_from_index { None } else { reader.side(&path, old.as_ref())? };
        if old != new {
            files.push(FileChange { path, old, new });
        }
    }
    let changes = ChangeSet::new(files);
    let tree = private.with(|repo| {
        let odb = repo.odb().map_err(|error| git_error("open objects", &error))?;
        new_tree(Trees::of(&odb), head_tree, &changes, Aim::Store)
    })??;
    Ok(Dirty { tree, changed: changes.files().len(), notices: reader.notices() })
}

/// How many files of the working copy differ from HEAD, new ones that are not ignored included.
pub(super) fn count(opened: &Opened) -> Result<u32, VcsError> {
    if opened.repo.workdir().is_none() {
        return Ok(0);
    }
    Ok(u32::try_from(candidates(opened)?.len()).unwrap_or(u32::MAX))
}

/// Paths that may differ from HEAD, and whether each was taken out of the index and is ignored since.
///
/// Only names come from here: libgit2 compares times, sizes and, where these do not decide, contents.
fn candidates(opened: &Opened) -> Result<BTreeMap<RepoPath, bool>, VcsError> {
    let mut options = StatusOptions::new();
    options
        .include_untracked(true)
        .recurse_untracked_dirs(true)
        .include_ignored(false)
        .exclude_submodules(true)
        .include_unreadable(true)
        .update_index(false);
    let statuses = opened.repo.statuses(Some(&mut options)).map_err(|error| no_status(opened, &error))?;
    let skipped = skipped_paths(opened)?;
    let mut found = BTreeMap::new();
    for entry in statuses.iter() {
        let path = RepoPath::from_bytes(entry.path_bytes());
        let status = entry.status();
        if path.as_bytes().ends_with(b"/") || skipped.contains(&path) {
            continue; // a repository inside this one; a file outside a sparse checkout
        }
        let gone = status.contains(Status::INDEX_DELETED) && !status.contains(Status::WT_NEW);
        found.insert(path, gone);
    }
    Ok(found)
}

/// Why a working copy cannot be compared: an index of a kind of its own, one that is damaged, or a file that may not
/// be read, which libgit2 calls locked and names between quotes.
fn no_status(opened: &Opened, error: &git2::Error) -> VcsError {
    if error.class() == git2::ErrorClass::Index {
        let index = std::fs::read(opened.repo.path().join("index")).unwrap_or_default();
        let what = if index.starts_with(b"DIRC") { "an index that libgit2 does not read" } else { "a damaged index" };
        return VcsError::Unsupported { path: shown(&opened.root), what: format!("{what} ({})", error.message()) };
    }
    match error.message().split('\'').nth(1) {
        Some(path) if error.message().ends_with("Permission denied") => VcsError::Io {
            what: "read",
            path: shown(Path::new(path)),
            cause: std::io::Error::from(std::io::ErrorKind::PermissionDenied),
        },
        Some(_) | None => git_error("status", error),
    }
}

/// Files that a sparse checkout leaves out, and that are not there: they count as unchanged.
fn skipped_paths(opened: &Opened) -> Result<std::collections::BTreeSet<RepoPath>, VcsError> {
    const SKIP_WORKTREE: u16 = 1 << 14;
    let index = opened.repo.index().map_err(|error| git_error("read the index", &error))?;
    let absent = |path: &[u8]| opened.root.join(std::ffi::OsStr::from_bytes(path)).symlink_metadata().is_err();
    let skipped = index.iter().filter(|entry| entry.flags_extended & SKIP_WORKTREE != 0 && absent(&entry.path));
    Ok(skipped.map(|entry| RepoPath::from_bytes(entry.path)).collect())
}

struct Reader<'a> {
    opened: &'a Opened,
    top: OwnedFd,
    /// Why files were taken from HEAD or left out, and which.
    left_out: BTreeMap<&'static str, Vec<RepoPath>>,
}

impl Reader<'_> {
    /// What git would store of the file at `path` now; `None` where it is gone. A file that cannot be taken is as
    /// `old` has it, with a notice.
    fn side(&mut self, path: &RepoPath, old: Option<&FileSide>) -> Result<Option<FileSide>, VcsError> {
        let on_disk = self.opened.root.join(std::ffi::OsStr::from_bytes(path.as_bytes()));
        let failed = |cause| io_error("read", &on_disk, cause);
        let (folder, name) = split(path.as_bytes());
        let Some(folder) = find_folder(&self.top, folder).map_err(failed)? else { return Ok(None) };
        let Some(found) = look(&folder, name).map_err(failed)? else { return Ok(None) };
        match FileType::from_raw_mode(found.st_mode) {
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(&folder, name, Vec::new()).map_err(|error| failed(error.into()))?;
                Ok(Some(FileSide { mode: FileMode::Symlink, content: target.to_bytes().into() }))
            }
            FileType::RegularFile if found.st_size as u64 > SIZE_LIMIT => {
                Ok(self.as_before("larger than 100 MB", path, old))
            }
            FileType::RegularFile => self.regular(&folder, name, found.st_mode, path, old),
            FileType::Directory => Ok(None),
            _ => Ok(self.as_before("neither a file nor a link", path, old)),
        }
    }

    fn regular(
        &mut self,
        folder: &OwnedFd,
        name: &[u8],
        bits: rustix::fs::RawMode,
        path: &RepoPath,
        old: Option<&FileSide>,
    ) -> Result<Option<FileSide>, VcsError> {
        let conversion = conversion(&self.opened.repo, Path::new(std::ffi::OsStr::from_bytes(path.as_bytes())));
        if conversion == Conversion::Filter {
            return Ok(self.as_before("under a filter that does not run here", path, old));
        }
        // NONBLOCK: a pipe put in the file's place meanwhile must not hold us
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = rustix::fs::openat(folder, name, flags, Mode::empty()) else {
            return Ok(self.as_before("not readable", path, old));
        };
        let mut content = Vec::new();
        if File::from(file).take(SIZE_LIMIT + 1).read_to_end(&mut content).is_err() {
            return Ok(self.as_before("not readable", path, old));
        }
        let stored = old.map(|side| &side.content[..]);
        let content = stored_form(content, conversion, stored);
        let executable = bits & 0o100 != 0;
        let mode = match old.map(|side| side.mode) {
            // core.filemode=false: the permission on disk means nothing
            Some(mode @ (FileMode::Regular | FileMode::Executable)) if !self.trusts_modes() => mode,
            _ if executable && self.trusts_modes() => FileMode::Executable,
            _ => FileMode::Regular,
        };
        Ok(Some(FileSide { mode, content: content.into() }))
    }

    fn trusts_modes(&self) -> bool {
        self.opened.repo.config().and_then(|config| config.get_bool("core.filemode")).unwrap_or(true)
    }

    fn as_before(&mut self, why: &'static str, path: &RepoPath, old: Option<&FileSide>) -> Option<FileSide> {
        self.left_out.entry(why).or_default().push(path.clone());
        old.cloned()
    }

    fn notices(self) -> Vec<String> {
        let notice = |(why, paths): (&str, Vec<RepoPath>)| {
            let named: Vec<String> = paths.iter().take(NAMED).map(|path| format!("`{path}`")).collect();
            let more = if paths.len() > NAMED { format!(" and {} more", paths.len() - NAMED) } else { String::new() };
            format!("taken as in HEAD, because {why}: {}{more}", named.join(", "))
        };
        self.left_out.into_iter().map(notice).collect()
    }
}
