//! Checkouts: the files of a tree in a folder, written by Paraph itself.
//!
//! No filter, hook or attribute runs. Every folder on the way is opened as a real folder below the one before, files
//! are made where nothing is, links come last and are never followed; so no tree, however made, is written
//! outside the folder. A record of what was written lets the next checkout touch only what differs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use git2::{Odb, Oid};
use rustix::fs::{FileType, Mode, OFlags};

use super::objects::io_error;
use super::open::git_error;
use super::private::Private;
use super::stamps::{Stamp, Stamps};
use super::tree::{join, read_error};
use crate::cancel::Cancel;
use crate::diff::FileMode;
use crate::id::RepoPath;
use crate::infrastructure::beneath::{clear, look, make_folder, names, open_folder, open_top, remove, split};
use crate::repository::{TreeEntry, VcsError};

/// Folders of dependencies and build products that others lend to a checkout; kept where the tree has none of
/// their names. // design.md 4, rule 6
const LENT: &[&[u8]] = &[b"node_modules", b".venv", b"venv", b"vendor", b"target"];

/// How many files a worker takes at once: enough that it stays in one folder.
const CHUNK: usize = 64;

/// Makes `into` hold exactly `entries`, lent folders apart.
pub(super) fn checkout(
    private: &Private,
    entries: &[TreeEntry],
    into: &Path,
    state: &Path,
    cancel: &Cancel,
) -> Result<(), VcsError> {
    let failed = |cause| io_error("check out into", into, cause);
    let top = open_top(into).map_err(failed)?;
    let before = Stamps::read(state);
    // from here to the end nothing vouches for the folder: a crash means that all is written again
    Stamps::forget(state).map_err(failed)?;
    let wanted: Vec<&TreeEntry> = entries.iter().filter(|entry| may_be_written(&entry.path)).collect();
    let kept = match before {
        Some(before) => sweep(&top, &wanted, &before).map_err(failed)?,
        None => {
            clear(&top, &|name| LENT.contains(&name)).map_err(failed)?;
            BTreeMap::new()
        }
    };
    let missing: Vec<&TreeEntry> = wanted.into_iter().filter(|entry| !kept.contains_key(&entry.path)).collect();
    let (links, files): (Vec<&TreeEntry>, Vec<&TreeEntry>) =
        missing.into_iter().partition(|entry| entry.mode == FileMode::Symlink);
    let writer = Writer { private, top: &top, into, cancel };
    let mut stamps = kept;
    stamps.extend(writer.write_all(&files)?);
    stamps.extend(writer.write_chunk(&links)?);
    Stamps::write(state, &stamps).map_err(failed)
}

/// Removes the checkout at `into` with all that is in it, read-only folders too, and its record.
pub(super) fn remove_checkout(into: &Path, state: &Path) -> Result<(), VcsError> {
    use std::os::unix::ffi::OsStrExt as _;
    let failed = |cause| io_error("remove", into, cause);
    Stamps::forget(state).map_err(failed)?;
    let (Some(parent), Some(name)) = (into.parent(), into.file_name()) else { return Ok(()) };
    match open_top(parent) {
        Ok(parent) => remove(&parent, name.as_bytes()).map_err(failed),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(failed(cause)),
    }
}

/// Whether a path is one that is written at all; policy has said so before, this is the last wall.
pub(super) fn may_be_written(path: &RepoPath) -> bool {
    path.components().all(|part| !matches!(part, b"" | b"." | b"..") && !part.eq_ignore_ascii_case(b".git"))
}

/// Removes from the folder what `wanted` has not or has otherwise; returns what may stay, with its stamps.
fn sweep(top: &OwnedFd, wanted: &[&TreeEntry], before: &Stamps) -> io::Result<BTreeMap<RepoPath, Stamp>> {
    let files: HashMap<&[u8], &TreeEntry> = wanted.iter().map(|entry| (entry.path.as_bytes(), *entry)).collect();
    let mut folders: HashSet<&[u8]> = HashSet::new();
    for entry in wanted {
        let mut folder = split(entry.path.as_bytes()).0;
        while !folder.is_empty() && folders.insert(folder) {
            folder = split(folder).0;
        }
    }
    let mut sweep = Sweep { files, folders, before, kept: BTreeMap::new() };
    sweep.folder(top, b"")?;
    Ok(sweep.kept)
}

struct Sweep<'a> {
    files: HashMap<&'a [u8], &'a TreeEntry>,
    folders: HashSet<&'a [u8]>,
    before: &'a Stamps,
    kept: BTreeMap<RepoPath, Stamp>,
}

impl Sweep<'_> {
    fn folder(&mut self, folder: &OwnedFd, path: &[u8]) -> io::Result<()> {
        for name in names(folder)? {
            let here = join(path, &name);
            let Some(found) = look(folder, &name)? else { continue };
            let is_folder = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
            if is_folder && self.folders.contains(here.as_slice()) {
                if let Ok(inner) = open_folder(folder, &name) {
                    self.folder(&inner, &here)?;
                    continue;
                }
            } else if is_folder && !self.files.contains_key(here.as_slice()) && LENT.contains(&name.as_slice()) {
                continue;
            }
            let stamp = self.files.get(here.as_slice()).and_then(|entry| self.before.still(entry, &found));
            match stamp {
                Some(stamp) => drop(self.kept.insert(RepoPath::from_bytes(here), stamp)),
                None => remove(folder, &name)?,
            }
        }
        Ok(())
    }
}

type Written = Vec<(RepoPath, Stamp)>;

struct Writer<'a> {
    private: &'a Private,
    top: &'a OwnedFd,
    into: &'a Path,
    cancel: &'a Cancel,
}

impl Writer<'_> {
    /// Writes `files` with as many workers as there are cores, at most four; the first error ends all.
    fn write_all(&self, files: &[&TreeEntry]) -> Result<Written, VcsError> {
        let chunks: Vec<&[&TreeEntry]> = files.chunks(CHUNK).collect();
        let workers = std::thread::available_parallelism().map_or(1, usize::from).min(4).min(chunks.len());
        if workers < 2 {
            return self.write_chunk(files);
        }
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let results: Mutex<Vec<Result<Written, VcsError>>> = Mutex::new(Vec::new());
        let work = || {
            while !stop.load(Ordering::Relaxed) {
                let Some(chunk) = chunks.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                let written = self.write_chunk(chunk);
                stop.fetch_or(written.is_err(), Ordering::Relaxed);
                results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(written);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(work);
            }
        });
        let results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let all: Vec<Written> = results.into_iter().collect::<Result<_, _>>()?;
        Ok(all.into_iter().flatten().collect())
    }

    fn write_chunk(&self, entries: &[&TreeEntry]) -> Result<Written, VcsError> {
        self.private.with(|repo| {
            let odb = repo.odb().map_err(|error| git_error("open objects", &error))?;
            let mut folders = Folders::new(self.top);
            let mut written = Vec::with_capacity(entries.len());
            for entry in entries {
                if self.cancel.is_cancelled() {
                    return Err(VcsError::Cancelled);
                }
                written.push((entry.path.clone(), self.write(&odb, &mut folders, entry)?));
            }
            Ok(written)
        })?
    }

    fn write(&self, odb: &Odb<'_>, folders: &mut Folders<'_>, entry: &TreeEntry) -> Result<Stamp, VcsError> {
        let failed = |cause| io_error("write", &self.into.join(entry.path.to_string()), cause);
        let (folder, name) = split(entry.path.as_bytes());
        let folder = folders.enter(folder).map_err(failed)?;
        if entry.mode == FileMode::Gitlink {
            make_folder(folder, name).map_err(failed)?;
        } else {
            let id = Oid::from_str(entry.id.as_str()).map_err(|error| git_error("read", &error))?;
            let object = odb.read(id).map_err(|error| read_error(&error, id, entry.path.as_bytes()))?;
            match entry.mode {
                FileMode::Symlink => {
                    rustix::fs::symlinkat(object.data(), folder, name).map_err(|e| failed(e.into()))?
                }
                mode => return write_file(folder, name, mode, object.data(), entry).map_err(failed),
            }
        }
        let found = look(folder, name).map_err(failed)?;
        found.map(|found| Stamp::new(entry, &found)).ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
    }
}

fn write_file(folder: &OwnedFd, name: &[u8], mode: FileMode, data: &[u8], entry: &TreeEntry) -> io::Result<Stamp> {
    let bits = if mode == FileMode::Executable { 0o777 } else { 0o666 };
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, name, flags, Mode::from_raw_mode(bits))?;
    let mut rest = data;
    while !rest.is_empty() {
        match rustix::io::write(&file, rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => rest = &rest[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Stamp::new(entry, &rustix::fs::fstat(&file)?))
}

/// The folder that a worker stands in, with those above it: the next file is mostly in the same one.
struct Folders<'a> {
    top: &'a OwnedFd,
    path: Vec<u8>,
    open: Vec<(usize, OwnedFd)>,
}

impl<'a> Folders<'a> {
    fn new(top: &'a OwnedFd) -> Self {
        Self { top, path: Vec::new(), open: Vec::new() }
    }

    /// The folder at `path`, made where it is missing.
    fn enter(&mut self, path: &[u8]) -> io::Result<&OwnedFd> {
        while let Some((length, _)) = self.open.last() {
            let above = &self.path[..*length];
            if path.starts_with(above) && (path.len() == *length || path[*length] == b'/') {
                break;
            }
            self.open.pop();
        }
        let entered = self.open.last().map_or(0, |(length, _)| *length);
        self.path = path.to_vec();
        let mut at = entered;
        for part in path[entered..].split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
            at += part.len() + usize::from(at > 0);
            let parent = self.open.last().map_or(self.top, |(_, folder)| folder);
            let folder = make_folder(parent, part)?;
            self.open.push((at, folder));
        }
        Ok(self.open.last().map_or(self.top, |(_, folder)| folder))
    }
}
