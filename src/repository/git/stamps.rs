//! The record of what a checkout wrote: for each file its entry and what the file system said right after.
//!
//! It lies in the private repository, where no check can write. A file whose stamp still fits was not touched.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use rustix::fs::{RawMode, Stat};

use crate::diff::FileMode;
use crate::id::{ObjectId, RepoPath};
use crate::repository::TreeEntry;

const HEADER: &str = "paraph checkout 1";

/// What was written, and what the file system said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    mode: FileMode,
    id: ObjectId,
    /// Size, inode, permission bits; times in nanoseconds.
    size: u64,
    inode: u64,
    bits: RawMode,
    modified: i128,
    changed: i128,
}

impl Stamp {
    pub(super) fn new(entry: &TreeEntry, found: &Stat) -> Self {
        let time = |seconds: i64, nanos: i128| i128::from(seconds) * 1_000_000_000 + nanos;
        Self {
            mode: entry.mode,
            id: entry.id.clone(),
            size: found.st_size as u64,
            inode: found.st_ino,
            bits: found.st_mode,
            modified: time(found.st_mtime, found.st_mtime_nsec as i128),
            changed: time(found.st_ctime, found.st_ctime_nsec as i128),
        }
    }
}

/// The stamps of one checkout.
pub(super) struct Stamps {
    files: HashMap<RepoPath, Stamp>,
    /// When the record was written: a file changed at that moment or later proves nothing (as git's racy entries).
    at: i128,
}

impl Stamps {
    /// The record at `path`; `None` where there is none or it cannot be read whole.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let bytes = std::fs::read(path).ok()?;
        let modified = path.metadata().ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        let mut records = bytes.strip_suffix(b"\0")?.split(|byte| *byte == 0);
        if records.next()? != HEADER.as_bytes() {
            return None;
        }
        let files = records.map(parse).collect::<Option<_>>()?;
        Some(Self { files, at: i128::try_from(modified.as_nanos()).ok()? })
    }

    /// Records `stamps`.
    pub(super) fn write(path: &Path, stamps: &BTreeMap<RepoPath, Stamp>) -> io::Result<()> {
        use std::io::Write as _;
        let mut out = Vec::with_capacity(stamps.len() * 160);
        write!(out, "{HEADER}\0")?;
        for (path, Stamp { mode, id, size, inode, bits, modified, changed }) in stamps {
            write!(out, "{:o} {id} {size} {inode} {bits:o} {modified} {changed}\t", mode.bits())?;
            out.extend_from_slice(path.as_bytes());
            out.push(0);
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&out)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    /// Removes the record.
    pub(super) fn forget(path: &Path) -> io::Result<()> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The stamp of `entry`, if the file is as it was written and is what the entry wants.
    pub(super) fn still(&self, entry: &TreeEntry, found: &Stat) -> Option<Stamp> {
        let stamp = self.files.get(&entry.path)?;
        let same = *stamp == Stamp::new(entry, found);
        (same && stamp.changed < self.at && entry.mode != FileMode::Gitlink).then(|| stamp.clone())
    }
}

fn parse(record: &[u8]) -> Option<(RepoPath, Stamp)> {
    let tab = memchr::memchr(b'\t', record)?;
    let mut fields = std::str::from_utf8(&record[..tab]).ok()?.split(' ');
    let mut next = || fields.next();
    let stamp = Stamp {
        mode: FileMode::from_bits(u32::from_str_radix(next()?, 8).ok()?),
        id: next()?.parse().ok()?,
        size: next()?.parse().ok()?,
        inode: next()?.parse().ok()?,
        bits: RawMode::from_str_radix(next()?, 8).ok()?,
        modified: next()?.parse().ok()?,
        changed: next()?.parse().ok()?,
    };
    Some((RepoPath::from_bytes(&record[tab + 1..]), stamp))
}
