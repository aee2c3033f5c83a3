//! Blobs: files named by the SHA-256 of what they hold; written once, checked when read.
//!
//! `blobs/ab/cdef…`, mode 0600. A blob appears whole or not at all: temporary name, fsync, rename, fsync of the folder.
//! Blobs may lie over others, which are read where these have none of that name and never written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::fault::Faults;
use crate::id::Digest;

/// Threads that wait for fsyncs: a journalling file system takes what comes at once with one commit.
const SYNCS_AT_ONCE: usize = 8;

/// Files that are open at once while many blobs are stored, far under the usual limit of 1024.
const WRITTEN_AT_ONCE: usize = 256;

/// Why a blob could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// No such blob is there.
    #[error("blob {digest} is missing ({})", path.display())]
    Missing {
        /// Its name.
        digest: Digest,
        /// Where it should be.
        path: PathBuf,
    },
    /// The file holds something else than its name says.
    #[error("blob {digest} is damaged: {} holds {found}", path.display())]
    Damaged {
        /// Its name.
        digest: Digest,
        /// The file.
        path: PathBuf,
        /// What the file's content would be named.
        found: Digest,
    },
    /// A file among the blobs that has no blob's name.
    #[error("{} is no blob by its name", path.display())]
    OddName {
        /// The file.
        path: PathBuf,
    },
    /// No space is left; nothing was stored.
    #[error("no space left for a blob of {needed} bytes in {}", path.display())]
    NoSpace {
        /// The folder.
        path: PathBuf,
        /// Its size.
        needed: u64,
        /// The system's words.
        source: io::Error,
    },
    /// A file could not be read, written or listed.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// `read`, `write`, …
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

impl BlobError {
    /// The next command to type.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Missing { .. } | Self::Damaged { .. } | Self::OddName { .. } => {
                "put back the file from a copy, then type `paraph audit verify`".to_owned()
            }
            Self::NoSpace { needed, .. } => {
                format!("free {needed} bytes or more, then type the command again; `paraph doctor` shows the places")
            }
            Self::Io { .. } => "see `paraph doctor`".to_owned(),
        }
    }

    fn write(path: &Path, needed: u64, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace { path, needed, source },
            _ => Self::Io { what: "write", path, source },
        }
    }
}

/// A folder of blobs. Any number of processes may read and write it at once.
#[derive(Debug, Clone)]
pub struct Blobs {
    dir: PathBuf,
    beneath: Option<PathBuf>,
    faults: Faults,
}

impl Blobs {
    /// The blobs in `dir`, which is made at the first write.
    #[must_use]
    pub fn new(dir: &Path, faults: Faults) -> Self {
        Self { dir: dir.to_owned(), beneath: None, faults }
    }

    /// Blobs in a folder of their own, `dir`, over these: what these hold is read, nothing is written among them.
    #[must_use]
    pub fn overlaid(&self, dir: &Path) -> Self {
        Self { dir: dir.to_owned(), beneath: Some(self.dir.clone()), faults: self.faults.clone() }
    }

    /// Where the blob `digest` is, if it is there.
    #[must_use]
    pub fn path(&self, digest: Digest) -> PathBuf {
        let own = place(&self.dir, digest);
        let under = self.beneath.as_ref().map(|dir| place(dir, digest));
        under.filter(|under| !own.is_file() && under.is_file()).unwrap_or(own)
    }

    /// Whether a blob of that name is there; its content is not looked at.
    #[must_use]
    pub fn contains(&self, digest: Digest) -> bool {
        self.path(digest).is_file()
    }

    /// Stores `bytes`; durable when it returns. A blob that is there, with the same size, is left alone.
    ///
    /// # Errors
    /// [`BlobError::NoSpace`] or [`BlobError::Io`]; nothing is stored then.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, BlobError> {
        Ok(self.put_many(&[bytes])?[0])
    }

    /// Stores several blobs; durable when it returns. Their fsyncs run side by side, so that the disk takes them together.
    ///
    /// # Errors
    /// As [`Blobs::put`]; some may be stored then, each of them whole.
    pub fn put_many<B: AsRef<[u8]>>(&self, blobs: &[B]) -> Result<Vec<Digest>, BlobError> {
        let mut named = Vec::with_capacity(blobs.len());
        let mut fresh = BTreeMap::new();
        for bytes in blobs {
            let bytes = bytes.as_ref();
            let digest = Digest::of(bytes);
            named.push(digest);
            if fresh.contains_key(&digest) || self.has_size(digest, bytes.len() as u64) {
                continue;
            }
            let needed = bytes.len() as u64;
            let mut writer = self.writer()?;
            writer.write_all(bytes).map_err(|error| BlobError::write(&self.dir, needed, error))?;
            fresh.insert(digest, writer);
            if fresh.len() == WRITTEN_AT_ONCE {
                self.place(std::mem::take(&mut fresh))?;
            }
        }
        self.place(fresh)?;
        Ok(named)
    }

    /// A blob that is written bit by bit, such as a log: others can follow it by [`BlobWriter::path`] until it is finished.
    ///
    /// # Errors
    /// [`BlobError::NoSpace`] or [`BlobError::Io`].
    pub fn writer(&self) -> Result<BlobWriter, BlobError> {
        let temporary = self.temporary_dir();
        let made = make_dir(&temporary).and_then(|()| tempfile::Builder::new().prefix("").tempfile_in(&temporary));
        let file = made.map_err(|error| BlobError::write(&temporary, 4096, error))?;
        Ok(BlobWriter { blobs: self.clone(), file, hasher: Sha256::new(), len: 0 })
    }

    /// A folder for files that others follow while they grow and that are no blobs; emptied at every start.
    ///
    /// # Errors
    /// What the system says where it cannot be made.
    pub fn live_dir(&self) -> io::Result<PathBuf> {
        let temporary = self.temporary_dir();
        make_dir(&temporary).map(|()| temporary)
    }

    /// The content of a blob, checked against its name.
    ///
    /// # Errors
    /// [`BlobError::Missing`] and [`BlobError::Damaged`].
    pub fn get(&self, digest: Digest) -> Result<Vec<u8>, BlobError> {
        let path = self.path(digest);
        let mut bytes = Vec::new();
        self.open(digest)?.read_to_end(&mut bytes).map_err(|source| BlobError::Io {
            what: "read",
            path: path.clone(),
            source,
        })?;
        match Digest::of(&bytes) {
            found if found == digest => Ok(bytes),
            found => Err(BlobError::Damaged { digest, path, found }),
        }
    }

    /// The blob as a file at its start, after its whole content was checked: for what is too large to hold.
    ///
    /// # Errors
    /// As [`Blobs::get`].
    pub fn open_checked(&self, digest: Digest) -> Result<File, BlobError> {
        let path = self.path(digest);
        let mut file = self.open(digest)?;
        let found = digest_of(&mut file).and_then(|found| file.rewind().map(|()| found));
        match found.map_err(|source| BlobError::Io { what: "read", path: path.clone(), source })? {
            found if found == digest => Ok(file),
            found => Err(BlobError::Damaged { digest, path, found }),
        }
    }

    /// Checks every blob: how many there are, and what is wrong.
    #[must_use]
    pub fn verify_all(&self) -> (u64, Vec<BlobError>) {
        let (mut checked, mut wrong) = (0, Vec::new());
        for folder in list(&self.dir, &mut wrong) {
            if folder == self.temporary_dir() {
                continue;
            }
            for path in list(&folder, &mut wrong) {
                checked += 1;
                match name_of(&path) {
                    Some(digest) => wrong.extend(self.open_checked(digest).err()),
                    None => wrong.push(BlobError::OddName { path }),
                }
            }
        }
        (checked, wrong)
    }

    /// Removes what crashed writers left. Only for the one process that writes, before it does.
    ///
    /// # Errors
    /// [`BlobError::Io`] where a file cannot be removed.
    pub fn sweep(&self) -> Result<u64, BlobError> {
        let mut wrong = Vec::new();
        let left = list(&self.temporary_dir(), &mut wrong);
        for path in &left {
            fs::remove_file(path).map_err(|source| BlobError::Io { what: "remove", path: path.clone(), source })?;
        }
        wrong.pop().map_or(Ok(left.len() as u64), Err)
    }

    fn temporary_dir(&self) -> PathBuf {
        self.dir.join("tmp")
    }

    fn has_size(&self, digest: Digest, size: u64) -> bool {
        fs::symlink_metadata(self.path(digest)).is_ok_and(|found| found.is_file() && found.len() == size)
    }

    fn open(&self, digest: Digest) -> Result<File, BlobError> {
        let path = self.path(digest);
        let flags = rustix::fs::OFlags::NOFOLLOW.bits();
        let opened = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(&path);
        opened.map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => BlobError::Missing { digest, path },
            _ => BlobError::Io { what: "read", path, source },
        })
    }

    /// Makes written files the blobs that they are: content durable, then the names, then the names durable.
    fn place(&self, written: BTreeMap<Digest, BlobWriter>) -> Result<(), BlobError> {
        let paths: Vec<PathBuf> = written.keys().map(|digest| place(&self.dir, *digest)).collect();
        let folders: BTreeSet<&Path> = paths.iter().filter_map(|path| path.parent()).collect();
        self.make_folders(&folders).map_err(|error| BlobError::write(&self.dir, 4096, error))?;
        let files: Vec<(&File, u64)> = written.values().map(|writer| (writer.file.as_file(), writer.len)).collect();
        side_by_side(&files, |(file, len)| {
            let synced = self.faults.point("blobs.before-sync").and_then(|()| file.sync_all());
            synced.map_err(|error| BlobError::write(&self.dir, *len, error))
        })?;
        for (path, writer) in paths.iter().zip(written.into_values()) {
            let len = writer.len;
            let place = || -> io::Result<()> {
                self.faults.point("blobs.before-rename")?;
                writer.file.persist(path).map_err(|error| error.error)?;
                self.faults.point("blobs.after-rename")
            };
            place().map_err(|error| BlobError::write(path, len, error))?;
        }
        let folders: Vec<&Path> = folders.into_iter().collect();
        side_by_side(&folders, |folder| {
            let sync = File::open(folder).and_then(|folder| folder.sync_all());
            sync.and_then(|()| self.faults.point("blobs.after-folder-sync"))
                .map_err(|error| BlobError::write(folder, 4096, error))
        })
    }

    /// Makes the folders that are missing, their names durable with one fsync.
    fn make_folders(&self, folders: &BTreeSet<&Path>) -> io::Result<()> {
        let missing: Vec<&&Path> = folders.iter().filter(|folder| !folder.is_dir()).collect();
        missing.iter().try_for_each(|folder| make_dir(folder))?;
        if missing.is_empty() { Ok(()) } else { File::open(&self.dir)?.sync_all() }
    }
}

/// Where the blob of that name lies, below `dir`.
fn place(dir: &Path, digest: Digest) -> PathBuf {
    let name = digest.to_string();
    dir.join(&name[..2]).join(&name[2..])
}

/// A blob in the making. Dropped before it is finished, it is gone.
#[derive(Debug)]
pub struct BlobWriter {
    blobs: Blobs,
    file: tempfile::NamedTempFile,
    hasher: Sha256,
    len: u64,
}

impl BlobWriter {
    /// The file as it grows. After [`BlobWriter::finish`] the name is gone; a reader that has it open keeps it.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// How many bytes were written.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Makes it a blob, durable when this returns.
    ///
    /// # Errors
    /// [`BlobError::NoSpace`] or [`BlobError::Io`]; nothing is stored then.
    pub fn finish(self) -> Result<Digest, BlobError> {
        let digest = Digest::from_bytes(self.hasher.clone().finalize().into());
        if self.blobs.has_size(digest, self.len) {
            return Ok(digest);
        }
        let blobs = self.blobs.clone();
        blobs.place(BTreeMap::from([(digest, self)]))?;
        Ok(digest)
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.blobs.faults.point("blobs.before-write")?;
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Does `work` for each of `items` on a few threads, which wait for the disk together. The first error, if there is one.
fn side_by_side<T: Sync>(items: &[T], work: impl Fn(&T) -> Result<(), BlobError> + Sync) -> Result<(), BlobError> {
    if let [one] = items {
        return work(one);
    }
    let share = items.len().div_ceil(SYNCS_AT_ONCE).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = items.chunks(share).map(|part| scope.spawn(|| part.iter().try_for_each(&work))).collect();
        let ended = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        ended.collect::<Vec<_>>().into_iter().collect()
    })
}

fn make_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn digest_of(file: &mut File) -> io::Result<Digest> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Digest::from_bytes(hasher.finalize().into())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

fn name_of(path: &Path) -> Option<Digest> {
    let part = |path: &Path| path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    let hex = part(path.parent()?)? + &part(path)?;
    hex.parse().ok().filter(|digest: &Digest| digest.to_string() == hex)
}

/// What is in a folder, sorted; nothing where there is no such folder.
fn list(dir: &Path, wrong: &mut Vec<BlobError>) -> Vec<PathBuf> {
    let listed = fs::read_dir(dir)
        .and_then(|items| items.map(|item| item.map(|item| item.path())).collect::<io::Result<Vec<_>>>());
    match listed {
        Ok(mut paths) => {
            paths.sort();
            paths
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(source) => {
            wrong.push(BlobError::Io { what: "list", path: dir.to_owned(), source });
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn blobs() -> (tempfile::TempDir, Blobs) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let blobs = Blobs::new(&dir.path().join("blobs"), Faults::none());
        (dir, blobs)
    }

    #[test]
    fn a_blob_is_named_by_its_content_and_private() {
        let (_dir, blobs) = blobs();
        let digest = blobs.put(b"hello").expect("stored");
        assert_eq!(digest, Digest::of(b"hello"));
        assert_eq!(blobs.get(digest).expect("read"), b"hello");
        assert_eq!(blobs.put(b"hello").expect("stored again"), digest);
        let mode = fs::metadata(blobs.path(digest)).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let many = blobs.put_many(&["a", "b", "hello"]).expect("stored");
        assert_eq!(many[2], digest);
        assert!(blobs.contains(many[0]) && !blobs.contains(Digest::of(b"no")));
        let (checked, wrong) = blobs.verify_all();
        assert!(wrong.is_empty() && checked == 3, "{checked} {wrong:?}");
        assert_eq!(blobs.sweep().expect("swept"), 0, "nothing temporary is left");
    }

    #[test]
    fn a_log_can_be_followed_while_it_grows() {
        let (_dir, blobs) = blobs();
        let mut log = blobs.writer().expect("a writer");
        log.write_all(b"one\n").expect("written");
        let path = log.path().to_owned();
        assert_eq!(fs::read(&path).expect("followed"), b"one\n");
        let mut follower = File::open(&path).expect("open");
        log.write_all(b"two\n").expect("written");
        let digest = log.finish().expect("finished");
        let mut seen = String::new();
        follower.read_to_string(&mut seen).expect("still readable");
        assert_eq!(seen, "one\ntwo\n");
        assert_eq!(digest, Digest::of(b"one\ntwo\n"));
        let dropped = blobs.writer().expect("a writer").path().to_owned();
        assert!(!dropped.exists() && !path.exists());
    }

    #[test]
    fn what_is_missing_or_damaged_is_said() {
        let (_dir, blobs) = blobs();
        let digest = blobs.put(b"0123456789").expect("stored");
        let missing = blobs.get(Digest::of(b"never")).expect_err("missing");
        assert!(matches!(missing, BlobError::Missing { .. }) && missing.hint().contains("`paraph audit verify`"));
        for at in 0..10 {
            for bit in 0..8 {
                let mut bytes = b"0123456789".to_vec();
                bytes[at] ^= 1 << bit;
                fs::write(blobs.path(digest), &bytes).expect("damaged");
                assert!(matches!(blobs.get(digest), Err(BlobError::Damaged { .. })), "byte {at} bit {bit}");
                assert!(matches!(blobs.open_checked(digest), Err(BlobError::Damaged { .. })), "byte {at} bit {bit}");
            }
        }
        assert_eq!(blobs.verify_all().1.len(), 1);
        fs::write(blobs.path(digest), b"short").expect("damaged");
        blobs.put(b"0123456789").expect("stored again over the damaged one");
        assert_eq!(blobs.get(digest).expect("healed"), b"0123456789");
        fs::remove_file(blobs.path(digest)).expect("removed");
        std::os::unix::fs::symlink("/etc/hostname", blobs.path(digest)).expect("linked");
        assert!(blobs.get(digest).is_err(), "links are not followed");
    }

    #[cfg(debug_assertions)]
    #[test]
    fn a_write_that_fails_stores_nothing() {
        for point in ["blobs.before-write", "blobs.before-sync", "blobs.before-rename"] {
            let (dir, _) = blobs();
            let faults = Faults::parse(Some(&format!("{point}:1:enospc"))).expect("a fault");
            let blobs = Blobs::new(&dir.path().join("blobs"), faults);
            let error = blobs.put(b"hello").expect_err("full");
            assert!(matches!(error, BlobError::NoSpace { needed: 5, .. }), "{point}: {error:?}");
            assert!(error.hint().contains("`paraph doctor`"));
            assert_eq!(blobs.verify_all().0, 0);
            assert_eq!(blobs.sweep().expect("swept"), 0);
            blobs.put(b"hello").expect("room again");
        }
    }
}
