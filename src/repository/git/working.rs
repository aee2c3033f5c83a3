//! The working copy as a cache of git's objects.
//!
//! Nothing in it is believed: folders are put together from what the index lists, files are read as they lie, and each
//! is taken for the object whose name its bytes have. What was edited, staged or converted has another name, and is
//! read from git's objects as ever.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use git2::Oid;
use rustix::fs::{FileType, Mode, OFlags};

use super::objects::{blob_name, tree_name};
use super::open::Opened;
use crate::id::RepoPath;
use crate::infrastructure::beneath::{find_folder, open_top, split};

/// A larger file is read from git's objects: what is hashed in vain shall cost little. // 8 MiB
const LARGEST_FILE: i64 = 8 << 20;
/// A larger index is not looked at. // 64 MiB: some 600,000 files
const LARGEST_INDEX: u64 = 64 << 20;
/// A longer path is left out. // 4,096: PATH_MAX on Linux
const LONGEST_PATH: usize = 4096;

/// What a working copy has of a tree.
pub(super) struct WorkingCopy {
    top: OwnedFd,
    folders: HashMap<Oid, Vec<u8>>,
}

impl WorkingCopy {
    /// The working copy of `opened`, if there is one.
    pub(super) fn of(opened: &Opened) -> Option<Self> {
        let top = open_top(opened.repo.workdir()?).ok()?;
        let index = opened.repo.path().join("index");
        let is_sane = index.metadata().is_ok_and(|found| found.is_file() && found.len() <= LARGEST_INDEX);
        let listed = is_sane.then(|| std::fs::read(index).ok()).flatten().unwrap_or_default();
        Some(Self { top, folders: Folders::of(&listed) })
    }

    /// The raw tree `id`.
    pub(super) fn folder(&self, id: Oid) -> Option<&[u8]> {
        self.folders.get(&id).map(Vec::as_slice)
    }

    /// The blob `id`, if it is what lies at `path`.
    pub(super) fn file(&self, path: &RepoPath, id: Oid) -> Option<Arc<[u8]>> {
        let mut file = self.open(path.as_bytes())?;
        let found = rustix::fs::fstat(&file).ok()?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile || found.st_size > LARGEST_FILE {
            return None;
        }
        let mut content: Arc<[u8]> = std::iter::repeat_n(0, usize::try_from(found.st_size).ok()?).collect();
        file.read_exact(Arc::get_mut(&mut content)?).ok()?;
        (blob_name(&content).ok()? == id).then_some(content)
    }

    /// Opens what lies at `path`, never through a link, never to wait for the other end of a pipe.
    fn open(&self, path: &[u8]) -> Option<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::ResolveFlags;
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            match rustix::fs::openat2(&self.top, path, flags, Mode::empty(), resolve) {
                Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => {} // an old kernel, or a filter that knows it not
                opened => return opened.ok().map(File::from),
            }
        }
        let (folder, name) = split(path);
        let folder = find_folder(&self.top, folder).ok()??;
        rustix::fs::openat(&folder, name, flags, Mode::empty()).ok().map(File::from)
    }
}

/// Raw trees by their names, put together from the files of an index, which are in the order of trees.
#[derive(Default)]
struct Folders {
    done: HashMap<Oid, Vec<u8>>,
    /// The top and the folders below it that are not at their end: where each one's name ends in `path`, and its entries.
    open: Vec<(usize, Vec<u8>)>,
    /// The innermost of them, with a slash after each name.
    path: Vec<u8>,
}

impl Folders {
    /// The folders that `index` (gitformat-index(5), versions 2 to 4) lists; of one that is damaged those it still has.
    fn of(index: &[u8]) -> HashMap<Oid, Vec<u8>> {
        let mut folders = Self { open: vec![(0, Vec::new())], ..Self::default() };
        folders.read(index);
        while folders.open.len() > 1 {
            folders.close();
        }
        let (_, top) = folders.open.swap_remove(0);
        folders.done.insert(tree_name(&top), top);
        folders.done
    }

    fn read(&mut self, index: &[u8]) -> Option<()> {
        let number = |at: usize| Some(u32::from_be_bytes(index.get(at..at + 4)?.try_into().ok()?));
        let (version, count) = (number(4)?, number(8)?);
        if !index.starts_with(b"DIRC") || !(2..=4).contains(&version) {
            return None;
        }
        let (mut at, mut path) = (12, Vec::new());
        for _ in 0..count {
            let (mode, id) = (number(at + 24)?, index.get(at + 40..at + 60)?);
            let flags = u16::from_be_bytes(index.get(at + 60..at + 62)?.try_into().ok()?);
            let is_extended = version >= 3 && flags & 0x4000 != 0;
            let name = at + if is_extended { 64 } else { 62 };
            // a file that is only intended to be added is in no tree
            let is_intended = is_extended && index.get(at + 62)? & 0x20 != 0;
            let start = if version == 4 { shorten(&mut path, index, name)? } else { name };
            let end = start + memchr::memchr(0, index.get(start..)?)?;
            if version == 4 {
                path.extend_from_slice(&index[start..end]);
                at = end + 1;
            } else {
                path.clear();
                path.extend_from_slice(&index[start..end]);
                at += (end - at + 8) & !7;
            }
            let is_staged = flags & 0x3000 == 0;
            if is_staged && !is_intended && path.len() <= LONGEST_PATH {
                self.add(&path, mode, id);
            }
        }
        Some(())
    }

    fn add(&mut self, path: &[u8], mode: u32, id: &[u8]) {
        while !path.starts_with(&self.path) {
            self.close();
        }
        while let Some(slash) = memchr::memchr(b'/', &path[self.path.len()..]) {
            self.path.extend_from_slice(&path[self.path.len()..=self.path.len() + slash]);
            self.open.push((self.path.len(), Vec::new()));
        }
        let name = &path[self.path.len()..];
        push(self.innermost(), &format!("{mode:o}"), name, id);
    }

    /// Ends the innermost folder, and lists it in the one above it.
    fn close(&mut self) {
        let Some((_, raw)) = self.open.pop() else { return };
        let id = tree_name(&raw);
        self.done.insert(id, raw);
        let above = self.open.last().map_or(0, |(end, _)| *end);
        let name = self.path[above..self.path.len() - 1].to_vec();
        self.path.truncate(above);
        push(self.innermost(), "40000", &name, id.as_bytes());
    }

    fn innermost(&mut self) -> &mut Vec<u8> {
        &mut self.open.last_mut().expect("the top stays open to the end").1
    }
}

/// Takes away what the next path of version 4 does not share with `path`: how much that is stands at `at`. Gives what
/// follows it.
fn shorten(path: &mut Vec<u8>, index: &[u8], mut at: usize) -> Option<usize> {
    let mut byte = *index.get(at)?;
    let mut removed = usize::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        at += 1;
        byte = *index.get(at)?;
        removed = removed.checked_add(1)?.checked_mul(128)? | usize::from(byte & 0x7f);
    }
    path.truncate(path.len().checked_sub(removed)?);
    Some(at + 1)
}

fn push(raw: &mut Vec<u8>, mode: &str, name: &[u8], id: &[u8]) {
    raw.extend_from_slice(mode.as_bytes());
    raw.push(b' ');
    raw.extend_from_slice(name);
    raw.push(0);
    raw.extend_from_slice(id);
}
