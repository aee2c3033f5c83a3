//! The store: sled behind typed tables. It is what everything reads, and it can always be built again from the journal.
//!
//! sled 0.34 alone is not to be trusted: a flipped bit may make it panic in open, a cut file may open empty, and its
//! flush is no barrier against a power cut. So the store keeps a [`Mark`] (the last journal entry applied, written in the same transaction),
//! every call catches panics, a store that opens without its own first record counts as damaged, a tally written with
//! every change tells when rows are missing behind an intact mark (seen after cutting sled's file by a hundredth), and
//! the caller sets a damaged one aside and replays. Nobody waits for [`Store::sync`] before acknowledging: the journal's fdatasync did that.

mod batch;
mod cache;
mod error;
mod key;
mod record;
mod table;
mod transaction;

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::error::{guarded, hex};
use self::transaction::Tally;
use super::fault::Faults;
use crate::id::{Digest, Seq};

pub use self::batch::Batch;
pub use self::cache::Cache;
pub use self::error::StoreError;
pub use self::key::Key;
pub use self::record::{Payload, Record, RecordError, decode, encode};
pub use self::table::{MAX_VALUE, Order, Table};

/// 32 MiB: sled's default of 1 GiB would let the daemon grow; what a screen shows is far smaller.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// 1 MiB: reading so much through sled takes some 4 ms, and whoever starts the daemon waits for it.
const CHECKED_AT_OPEN: u64 = 1024 * 1024;

const FORMAT: &[u8] = b"paraph.store/1";

/// The last journal entry that the store has applied, and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mark {
    /// Its sequence number.
    pub seq: Seq,
    /// Its digest.
    pub digest: Digest,
    /// The first sequence number of its segment.
    pub segment: Seq,
    /// Where its line starts in the segment, in bytes.
    pub offset: u64,
    /// The length of its line in bytes, without the newline.
    pub len: u32,
}

impl Record for Mark {
    const VERSION: u8 = 1;
}

/// What opening a store found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// Whether it was made now: replay everything.
    pub created: bool,
    /// The last entry applied.
    pub mark: Option<Mark>,
    /// Whether every row was read and counted. A store over 1 MiB was not, lest the start wait: its owner runs
    /// [`Store::check`] beside its work, and sets the store aside where it is damaged.
    pub checked: bool,
}

/// An open store; clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    db: sled::Db,
    meta: sled::Tree,
    path: Arc<Path>,
    faults: Faults,
    temporary: Option<Arc<tempfile::TempDir>>,
}

impl Store {
    /// Opens the store in `dir`, which is made where it is missing.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where sled refuses, panics or opens empty what was not: see [`set_aside`]. [`StoreError::Busy`] where
    /// another process has it: never set that aside.
    pub fn open(dir: &Path, faults: Faults) -> Result<(Self, Opened), StoreError> {
        let io = |source| StoreError::Io { path: dir.to_owned(), source };
        faults.point("store.before-open").map_err(io)?;
        let existed = fs::metadata(dir.join("db")).is_ok_and(|file| file.len() > 0);
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io)?;
        let (db, meta) = open_patiently(dir)?;
        let store = Self { db, meta, path: dir.into(), faults, temporary: None };
        let opened = if existed { store.look()? } else { store.begin()? };
        Ok((store, opened))
    }

    /// A store that is gone when it is dropped: for tests and for the throw-away home of a demo.
    ///
    /// # Errors
    /// [`StoreError::Io`] where no temporary folder can be made.
    pub fn temporary() -> Result<Self, StoreError> {
        let dir =
            tempfile::tempdir().map_err(|source| StoreError::Io { path: PathBuf::from("(temporary)"), source })?;
        let (mut store, _) = Self::open(dir.path(), Faults::none())?;
        store.temporary = Some(Arc::new(dir));
        Ok(store)
    }

    /// The table `name`, made where it is missing. A name always has the same types.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] and [`StoreError::Io`].
    pub fn table<K: Key, V: Record>(&self, name: &'static str) -> Result<Table<K, V>, StoreError> {
        let tree = guarded(&self.path, || self.db.open_tree(name))?;
        Ok(Table::new(tree, self.meta.clone(), name, self.path.clone()))
    }

    /// Makes all writes of `batch`, and the mark, in one transaction: a reader and a crash see all or none of it.
    ///
    /// # Errors
    /// [`StoreError::AlreadyWritten`] where an insertion met a value; nothing of the batch was written then.
    pub fn commit(&self, batch: &Batch, mark: Option<&Mark>) -> Result<(), StoreError> {
        let io = |source| StoreError::Io { path: self.path.to_path_buf(), source };
        self.faults.point("store.before-commit").map_err(io)?;
        let mark = mark.map(encode).transpose();
        let mark = mark.map_err(|source| StoreError::Record { table: "meta", key: hex(b"mark"), source })?;
        transaction::run(&self.meta, &self.path, &batch.writes, mark.as_deref())?;
        self.faults.point("store.after-commit").map_err(io)
    }

    /// The last journal entry applied.
    ///
    /// # Errors
    /// [`StoreError::Record`], [`StoreError::Damaged`] and [`StoreError::Io`].
    pub fn mark(&self) -> Result<Option<Mark>, StoreError> {
        let read = guarded(&self.path, || self.meta.get("mark"))?;
        let wrong = |source| StoreError::Record { table: "meta", key: hex(b"mark"), source };
        read.map(|bytes| decode(&bytes).map_err(wrong)).transpose()
    }

    /// Notes that the store has applied everything up to `mark`.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn set_mark(&self, mark: &Mark) -> Result<(), StoreError> {
        self.commit(&Batch::new(), Some(mark))
    }

    /// Makes everything durable: sled's flush, which is no barrier, then fdatasync of its file. For a clean stop and every
    /// few seconds; it blocks.
    ///
    /// # Errors
    /// [`StoreError::Io`]; what was not synced is replayed from the journal after a crash.
    pub fn sync(&self) -> Result<(), StoreError> {
        let io = |source| StoreError::Io { path: self.path.to_path_buf(), source };
        self.faults.point("store.before-flush").map_err(io)?;
        guarded(&self.path, || self.db.flush())?;
        self.faults.point("store.before-sync").map_err(io)?;
        File::open(self.path.join("db")).and_then(|file| file.sync_data()).map_err(io)?;
        self.faults.point("store.after-sync").map_err(io)
    }

    /// Reads every row of every table once, and compares with what was written: how many there are. It may run beside
    /// writers: where one came between it reads again.
    ///
    /// # Errors
    /// [`StoreError::Changing`] where writers came between ten times in a row: ask again later.
    /// [`StoreError::Damaged`] where a row cannot be read, is missing or differs, or lies in an unsynced file.
    pub fn check(&self) -> Result<u64, StoreError> {
        let damaged = |why: String| StoreError::Damaged { path: self.path.to_path_buf(), why };
        let strays = fs::read_dir(self.path.join("blobs")).map_or(0, Iterator::count);
        if strays > 0 {
            return Err(damaged(format!("{strays} values lie in unsynced files in blobs/")));
        }
        for _ in 0..10 {
            let (before, found, after) = (self.tally()?, self.count()?, self.tally()?);
            if found == before {
                return Ok(found.rows);
            }
            if before == after {
                let (written, there) = (before.rows, found.rows);
                return Err(damaged(format!("{written} rows were written and {there} are there, or they differ")));
            }
        }
        Err(StoreError::Changing { path: self.path.to_path_buf() })
    }

    fn tally(&self) -> Result<Tally, StoreError> {
        let stored = guarded(&self.path, || self.meta.get(Tally::KEY))?;
        let damaged = || {
            let why = "its tally does not read".to_owned();
            StoreError::Damaged { path: self.path.to_path_buf(), why }
        };
        Tally::read(stored.as_deref()).ok_or_else(damaged)
    }

    fn count(&self) -> Result<Tally, StoreError> {
        guarded(&self.path, || {
            let mut found = Tally::default();
            for name in self.db.tree_names().into_iter().filter(|name| *name != self.meta.name()) {
                for row in &self.db.open_tree(&name)? {
                    let (key, value) = row?;
                    found.add(&name, &key, &value);
                }
            }
            Ok(found)
        })
    }

    /// Bytes on disk.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn size_on_disk(&self) -> Result<u64, StoreError> {
        guarded(&self.path, || self.db.size_on_disk())
    }

    /// The first record of a new store.
    fn begin(&self) -> Result<Opened, StoreError> {
        guarded(&self.path, || self.meta.insert("format", FORMAT))?;
        self.sync()?;
        Ok(Opened { created: true, mark: None, checked: true })
    }

    /// The first read of one that was there: both ends of every table.
    fn look(&self) -> Result<Opened, StoreError> {
        let damaged = |why: String| StoreError::Damaged { path: self.path.to_path_buf(), why };
        match guarded(&self.path, || self.meta.get("format"))?.as_deref() {
            Some(FORMAT) => {}
            Some(other) => return Err(damaged(format!("its format is `{}`", other.escape_ascii()))),
            None => return Err(damaged("it opened empty though it was not".to_owned())),
        }
        let checked = self.size_on_disk()? <= CHECKED_AT_OPEN;
        match checked {
            true => drop(self.check()?),
            false => self.look_at_ends()?,
        }
        Ok(Opened { created: false, mark: self.mark()?, checked })
    }

    fn look_at_ends(&self) -> Result<(), StoreError> {
        guarded(&self.path, || {
            for name in self.db.tree_names() {
                let tree = self.db.open_tree(name)?;
                tree.first()?;
                tree.last()?;
            }
            Ok(())
        })
    }
}

/// Moves a damaged store out of the way, to `<name>.damaged-<stamp>` beside it; returns where it is now.
///
/// # Errors
/// [`StoreError::Io`] where it cannot be renamed.
pub fn set_aside(dir: &Path, stamp: &str) -> Result<PathBuf, StoreError> {
    let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let target = (0..)
        .map(|n| if n == 0 { format!("{name}.damaged-{stamp}") } else { format!("{name}.damaged-{stamp}-{n}") })
        .map(|name| dir.with_file_name(name))
        .find(|target| !target.exists())
        .expect("some number is free");
    fs::rename(dir, &target).map_err(|source| StoreError::Io { path: dir.to_owned(), source })?;
    Ok(target)
}

/// Opens sled; a lock that is held is asked for again for a second, since sled's threads of a store that was just dropped
/// let go of it a little later.
fn open_patiently(dir: &Path) -> Result<(sled::Db, sled::Tree), StoreError> {
    for _ in 0..100 {
        match open_sled(dir) {
            Err(StoreError::Busy { .. }) => std::thread::sleep(Duration::from_millis(10)),
            opened => return opened,
        }
    }
    open_sled(dir)
}

fn open_sled(dir: &Path) -> Result<(sled::Db, sled::Tree), StoreError> {
    guarded(dir, || {
        let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let db = config.mode(sled::Mode::LowSpace).open()?;
        let meta = db.open_tree("meta")?;
        Ok((db, meta))
    })
}

#[cfg(test)]
mod tests;
