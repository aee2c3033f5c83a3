//! What a program made of a checkout, as a change of the tree: read without a filter, a hook or a link followed.
//!
//! Rules of the base decide, not those that the program may have written: its `.gitignore` files say which new files
//! are left out, its `.gitattributes` how line endings are stored. They are asked of libgit2 in an empty repository of
//! Paraph's own that holds nothing else. A folder that the base has not may say itself what of it is left out, as the
//! caches of many tools do: what is left out is in no change, and so harms nobody.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use git2::Repository;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};

use super::attributes::{Conversion, conversion, stored_form};
use super::objects::io_error;
use super::open::git_error;
use super::stamps::Stamps;
use super::tree::join;
use crate::cancel::Cancel;
use crate::diff::{ChangeSet, FileChange, FileMode, FileSide};
use crate::id::RepoPath;
use crate::infrastructure::beneath::{look, names, open_folder, open_top, split};
use crate::repository::{Tree, TreeEntry, VcsError, Worked};
use crate::text::counted;

/// A larger file is not taken. // 100 MB: what forges refuse
const LARGEST_FILE: u64 = 100_000_000;
/// Bytes of all files that differ: a change that nobody could read anyway.
const MOST_BYTES: u64 = 512 << 20;
/// Files that differ.
const MOST_FILES: usize = 20_000;
/// Names that are looked at: an install that is not ignored has some hundred thousand.
const MOST_NAMES: usize = 2_000_000;
/// Folders inside each other; each that is entered stays open meanwhile.
const DEEPEST: usize = 200;
/// The longest `.gitignore` of a new folder that counts, in bytes, and the most of them.
const LONGEST_RULES: u64 = 64 << 10;
const MOST_RULES: usize = 1_000;
/// How many paths a notice names before it only counts.
const NAMED: usize = 5;

/// The change that leads from `base` to what lies in `from`; `stamps` vouch for what was not touched.
pub(super) fn worked(
    base: &dyn Tree,
    from: &Path,
    stamps: Option<&Stamps>,
    scratch: &Path,
    cancel: &Cancel,
) -> Result<Worked, VcsError> {
    let entries = base.entries()?;
    let rules = Rules::of(base, &entries, scratch)?;
    let mut folders = HashSet::new();
    for entry in entries.iter() {
        let mut folder = split(entry.path.as_bytes()).0;
        while !folder.is_empty() && folders.insert(folder) {
            folder = split(folder).0;
        }
    }
    let mut reader = Reader {
        base,
        from,
        stamps,
        rules,
        cancel,
        files: entries.iter().map(|entry| (entry.path.as_bytes(), entry)).collect(),
        folders,
        seen: HashSet::new(),
        changes: Vec::new(),
        bytes: 0,
        names: 0,
        left_out: BTreeMap::new(),
    };
    let top = open_top(from).map_err(|cause| io_error("open", from, cause))?;
    reader.folder(&top, b"")?;
    reader.gone(&entries)?;
    let notices = reader.notices();
    Ok(Worked { changes: ChangeSet::new(reader.changes), notices })
}

struct Reader<'a> {
    base: &'a dyn Tree,
    from: &'a Path,
    stamps: Option<&'a Stamps>,
    rules: Rules,
    cancel: &'a Cancel,
    files: HashMap<&'a [u8], &'a TreeEntry>,
    folders: HashSet<&'a [u8]>,
    /// Paths of the base that are there, in whatever form.
    seen: HashSet<Vec<u8>>,
    changes: Vec<FileChange>,
    bytes: u64,
    names: usize,
    left_out: BTreeMap<&'static str, Vec<RepoPath>>,
}

impl Reader<'_> {
    fn folder(&mut self, folder: &OwnedFd, path: &[u8]) -> Result<(), VcsError> {
        let mut found = names(folder).map_err(|cause| self.failed(path, cause))?;
        found.sort();
        let is_new = !path.is_empty() && !self.folders.contains(path);
        if is_new && found.iter().any(|name| name == b".gitignore") {
            self.rules.learn(folder, path)?;
        }
        for name in found {
            self.names += 1;
            if self.names > MOST_NAMES {
                return Err(VcsError::TooMuch(format!("more than {MOST_NAMES} files and folders")));
            }
            if self.names.is_multiple_of(256) && self.cancel.is_cancelled() {
                return Err(VcsError::Cancelled);
            }
            // a repository that the program made inside is none of this one
            if name.eq_ignore_ascii_case(b".git") {
                continue;
            }
            let here = join(path, &name);
            if here.iter().filter(|byte| **byte == b'/').count() > DEEPEST {
                self.leave_out("deeper than 200 folders", &here);
                continue;
            }
            if let Some(stat) = look(folder, &name).map_err(|cause| self.failed(&here, cause))? {
                self.name(folder, &name, here, &stat)?;
            }
        }
        Ok(())
    }

    fn name(&mut self, folder: &OwnedFd, name: &[u8], here: Vec<u8>, stat: &Stat) -> Result<(), VcsError> {
        let kind = FileType::from_raw_mode(stat.st_mode);
        let entry = self.files.get(here.as_slice()).copied();
        if let Some(entry) = entry {
            // a submodule's folder is empty in a checkout, and stays as the base has it
            if entry.mode == FileMode::Gitlink {
                self.seen.insert(here);
                return Ok(());
            }
            if self.stamps.is_some_and(|stamps| stamps.still(entry, stat).is_some()) {
                self.seen.insert(here);
                return Ok(());
            }
        }
        if kind == FileType::Directory {
            if !self.folders.contains(here.as_slice()) && self.rules.ignore(&here, true) {
                return Ok(());
            }
            let inner = enter(folder, name).map_err(|cause| self.failed(&here, cause))?;
            return self.folder(&inner, &here);
        }
        if entry.is_none() && self.rules.ignore(&here, false) {
            return Ok(());
        }
        let old = match entry {
            Some(entry) => Some(FileSide { mode: entry.mode, content: self.base.content(entry)? }),
            None => None,
        };
        let new = match kind {
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(folder, name, Vec::new());
                let target = target.map_err(|error| self.failed(&here, error.into()))?;
                Some(FileSide { mode: FileMode::Symlink, content: target.to_bytes().into() })
            }
            FileType::RegularFile => self.regular(folder, name, &here, stat, old.as_ref()),
            _ => {
                self.leave_out("neither a file nor a link", &here);
                old.clone()
            }
        };
        self.seen.insert(here.clone());
        self.add(here, old, new)
    }

    /// What git would store of it; as `old` has it, with a notice, where it cannot be taken.
    fn regular(
        &mut self,
        folder: &OwnedFd,
        name: &[u8],
        here: &[u8],
        stat: &Stat,
        old: Option<&FileSide>,
    ) -> Option<FileSide> {
        let conversion = self.rules.conversion(here);
        let why = if stat.st_size as u64 > LARGEST_FILE {
            Some("larger than 100 MB")
        } else if conversion == Conversion::Filter {
            Some("under a filter that does not run here")
        } else {
            None
        };
        let content = match why {
            Some(why) => Err(why),
            None => content(folder, name).map_err(|_| "not readable"),
        };
        let content = match content {
            Ok(content) => content,
            Err(why) => {
                // what the program did not touch is nothing to tell
                if old.is_none_or(|old| old.content.len() as u64 != stat.st_size as u64) {
                    self.leave_out(why, here);
                }
                return old.cloned();
            }
        };
        let content = match old {
            Some(old) if *old.content == *content => content,
            old => stored_form(content, conversion, old.map(|side| &side.content[..])),
        };
        let mode = if stat.st_mode & 0o100 != 0 { FileMode::Executable } else { FileMode::Regular };
        Some(FileSide { mode, content: content.into() })
    }

    fn add(&mut self, path: Vec<u8>, old: Option<FileSide>, new: Option<FileSide>) -> Result<(), VcsError> {
        if old == new {
            return Ok(());
        }
        self.bytes += new.as_ref().map_or(0, |side| side.content.len() as u64);
        self.changes.push(FileChange { path: RepoPath::from_bytes(path), old, new });
        if self.changes.len() > MOST_FILES {
            return Err(VcsError::TooMuch(format!("more than {MOST_FILES} files")));
        }
        if self.bytes > MOST_BYTES {
            return Err(VcsError::TooMuch(format!("more than {} MiB", MOST_BYTES >> 20)));
        }
        Ok(())
    }

    /// Adds what the base has and is no longer there.
    fn gone(&mut self, entries: &[TreeEntry]) -> Result<(), VcsError> {
        for entry in entries {
            let path = entry.path.as_bytes();
            let never_written = || !super::checkout::may_be_written(&entry.path);
            if self.seen.contains(path) || entry.mode == FileMode::Gitlink || never_written() {
                continue;
            }
            let old = FileSide { mode: entry.mode, content: self.base.content(entry)? };
            self.add(path.to_vec(), Some(old), None)?;
        }
        Ok(())
    }

    fn leave_out(&mut self, why: &'static str, path: &[u8]) {
        self.left_out.entry(why).or_default().push(RepoPath::from_bytes(path));
    }

    fn failed(&self, path: &[u8], cause: io::Error) -> VcsError {
        io_error("read", &self.from.join(OsStr::from_bytes(path)), cause)
    }

    fn notices(&mut self) -> Vec<String> {
        let notice = |(why, paths): (&str, Vec<RepoPath>)| {
            let named: Vec<String> = paths.iter().take(NAMED).map(|path| format!("`{path}`")).collect();
            let more = paths.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{} left as in the base, because {why}: {}{more}", counted(paths.len(), "file"), named.join(", "))
        };
        std::mem::take(&mut self.left_out).into_iter().map(notice).collect()
    }
}

/// Opens a folder, whatever mode the program gave it.
fn enter(parent: &OwnedFd, name: &[u8]) -> io::Result<OwnedFd> {
    match open_folder(parent, name) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            rustix::fs::chmodat(parent, name, Mode::from_raw_mode(0o700), AtFlags::empty())?;
            open_folder(parent, name)
        }
        other => other,
    }
}

fn content(folder: &OwnedFd, name: &[u8]) -> io::Result<Vec<u8>> {
    // NONBLOCK: a pipe put in the file's place meanwhile must not hold us
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, name, flags, Mode::empty())?;
    let mut content = Vec::new();
    File::from(file).take(LARGEST_FILE).read_to_end(&mut content)?;
    Ok(content)
}

/// What the base's own files say about ignoring and about line endings.
struct Rules {
    repository: Repository,
    /// Removed with the rules.
    folder: tempfile::TempDir,
    /// How many were learned from new folders.
    learned: usize,
}

impl Rules {
    fn of(base: &dyn Tree, entries: &[TreeEntry], scratch: &Path) -> Result<Self, VcsError> {
        let failed = |cause| io_error("prepare", scratch, cause);
        let folder = tempfile::Builder::new().prefix("rules-").tempdir_in(scratch).map_err(failed)?;
        let mut options = git2::RepositoryInitOptions::new();
        options.external_template(false).no_reinit(true);
        let made = Repository::init_opts(folder.path(), &options);
        let repository = made.map_err(|error| git_error("prepare rules", &error))?;
        // the same answer on every machine: nothing of a person's own configuration counts
        let settings = repository.config().and_then(|mut config| {
            config.set_str("core.excludesfile", "/dev/null")?;
            config.set_str("core.attributesfile", "/dev/null")?;
            config.set_str("core.autocrlf", "false")
        });
        settings.map_err(|error| git_error("prepare rules", &error))?;
        let is_rule = |entry: &&TreeEntry| {
            let name = split(entry.path.as_bytes()).1;
            let plain = matches!(entry.mode, FileMode::Regular | FileMode::Executable);
            plain
                && (name == b".gitignore" || name == b".gitattributes")
                && super::checkout::may_be_written(&entry.path)
        };
        for entry in entries.iter().filter(is_rule) {
            let at = folder.path().join(OsStr::from_bytes(entry.path.as_bytes()));
            let content: Arc<[u8]> = base.content(entry)?;
            at.parent()
                .map_or(Ok(()), std::fs::create_dir_all)
                .and_then(|()| std::fs::write(&at, content))
                .map_err(failed)?;
        }
        Ok(Self { repository, folder, learned: 0 })
    }

    /// Takes what the new folder at `path` says of itself; what is no short plain file says nothing.
    fn learn(&mut self, folder: &OwnedFd, path: &[u8]) -> Result<(), VcsError> {
        let name = b".gitignore";
        let is_short = |stat: Stat| {
            FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_size as u64 <= LONGEST_RULES
        };
        if self.learned == MOST_RULES || !look(folder, name).ok().flatten().is_some_and(is_short) {
            return Ok(());
        }
        let Ok(content) = content(folder, name) else { return Ok(()) };
        self.learned += 1;
        let to = self.folder.path().join(OsStr::from_bytes(path));
        let written = std::fs::create_dir_all(&to).and_then(|()| std::fs::write(to.join(".gitignore"), content));
        written.map_err(|cause| io_error("prepare", &to, cause))
    }

    fn ignore(&self, path: &[u8], is_folder: bool) -> bool {
        let path = if is_folder { [path, b"/"].concat() } else { path.to_vec() };
        self.repository.is_path_ignored(OsStr::from_bytes(&path)).unwrap_or(false)
    }

    fn conversion(&self, path: &[u8]) -> Conversion {
        conversion(&self.repository, Path::new(OsStr::from_bytes(path)))
    }
}
