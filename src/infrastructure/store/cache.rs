//! The index cache: a sled database of its own that nobody misses.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::guarded;
use super::record::{self, Record};
use crate::id::Digest;

/// 1 MiB: the symbols of one very large file; what is larger is computed again.
const MAX_VALUE: usize = 1024 * 1024;

const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// How many bytes of a value's digest stand before it: the cache is never synced, so it checks what it reads.
const CHECK: usize = 8;

/// Values by kind and key (a blob's id) that can be computed again. It never fails: what cannot be read is a miss, what
/// cannot be written is dropped. Never synced; deleted when it does not open or grew too large.
#[derive(Debug, Clone)]
pub struct Cache {
    db: Option<sled::Db>,
    path: PathBuf,
}

impl Cache {
    /// Opens the cache in `dir`; deletes it first where it is over `max_bytes` on disk or does not open. Where another
    /// process has it, everything is a miss.
    #[must_use]
    pub fn open(dir: &Path, max_bytes: u64) -> Self {
        let open = || {
            guarded(dir, || {
                let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
                let db = config.mode(sled::Mode::LowSpace).open()?;
                db.first()?;
                Ok(db)
            })
        };
        let too_large = size_of(dir) > max_bytes;
        let first = if too_large { None } else { Some(open()) };
        let db = match first {
            Some(Ok(db)) => Some(db),
            Some(Err(super::StoreError::Busy { .. })) => None,
            Some(Err(_)) | None => fs::remove_dir_all(dir).ok().and_then(|()| open().ok()),
        };
        Self { db, path: dir.to_owned() }
    }

    /// A cache that holds nothing.
    #[must_use]
    pub fn none() -> Self {
        Self { db: None, path: PathBuf::new() }
    }

    /// The value of `key` among those of `kind`. A kind's name changes when what makes its values does (`symbols/2`).
    #[must_use]
    pub fn get<V: Record>(&self, kind: &str, key: &str) -> Option<V> {
        self.checked(kind, key.as_bytes(), |value| record::decode(value).ok())?
    }

    /// The bytes of `key` among those of `kind`, as [`Cache::put_bytes`] was given them.
    #[must_use]
    pub fn get_bytes(&self, kind: &str, key: &[u8]) -> Option<Vec<u8>> {
        self.checked(kind, key, <[u8]>::to_vec)
    }

    fn checked<T>(&self, kind: &str, key: &[u8], read: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let db = self.db.as_ref()?;
        let bytes = guarded(&self.path, || db.get(full_key(kind, key))).ok()??;
        let (check, value) = bytes.split_at_checked(CHECK)?;
        (Digest::of(value).as_bytes()[..CHECK] == *check).then(|| read(value))
    }

    /// Keeps `value`; whether it was kept (1 MiB at most).
    pub fn put<V: Record>(&self, kind: &str, key: &str, value: &V) -> bool {
        let (Some(db), Ok(value)) = (self.db.as_ref(), record::encode(value)) else { return false };
        if value.len() > MAX_VALUE {
            return false;
        }
        guarded(&self.path, || db.insert(full_key(kind, key.as_bytes()), with_check(&value))).is_ok()
    }

    /// Keeps many values together; what is over 1 MiB is left out. Whether they were kept.
    pub fn put_bytes<'a>(&self, kind: &str, records: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> bool {
        let Some(db) = self.db.as_ref() else { return false };
        let mut batch = sled::Batch::default();
        for (key, value) in records.into_iter().filter(|(_, value)| value.len() <= MAX_VALUE) {
            batch.insert(full_key(kind, key), with_check(value));
        }
        guarded(&self.path, || db.apply_batch(batch)).is_ok()
    }
}

fn with_check(value: &[u8]) -> Vec<u8> {
    [&Digest::of(value).as_bytes()[..CHECK], value].concat()
}

fn full_key(kind: &str, key: &[u8]) -> Vec<u8> {
    [kind.as_bytes(), &[0], key].concat()
}

fn size_of(dir: &Path) -> u64 {
    let Ok(items) = fs::read_dir(dir) else { return 0 };
    let size = |item: fs::DirEntry| match item.metadata() {
        Ok(data) if data.is_dir() => size_of(&item.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    };
    items.filter_map(Result::ok).map(size).sum()
}
