//! Tables: one sled tree with typed keys and values.

use std::marker::PhantomData;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use super::batch::{Change, Write};
use super::error::{StoreError, guarded, hex};
use super::key::Key;
use super::record::{self, Record};
use super::transaction;

/// The largest value, in bytes. sled moves page images above 128 KiB into files that it never syncs; values up to 4 KiB never come near.
pub const MAX_VALUE: usize = 4096;

/// Which end a scan starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Smallest key first.
    Forward,
    /// Largest key first.
    Backward,
}

/// One table; clones share it.
#[derive(Debug)]
pub struct Table<K, V> {
    pub(super) tree: sled::Tree,
    pub(super) name: &'static str,
    pub(super) path: Arc<Path>,
    meta: sled::Tree,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Clone for Table<K, V> {
    fn clone(&self) -> Self {
        Self {
            tree: self.tree.clone(),
            name: self.name,
            path: self.path.clone(),
            meta: self.meta.clone(),
            types: PhantomData,
        }
    }
}

impl<K: Key, V: Record> Table<K, V> {
    pub(super) fn new(tree: sled::Tree, meta: sled::Tree, name: &'static str, path: Arc<Path>) -> Self {
        Self { tree, name, path, meta, types: PhantomData }
    }

    /// The table's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// [`StoreError::Record`] where the value does not read, [`StoreError::Damaged`] and [`StoreError::Io`].
    pub fn get(&self, key: &K) -> Result<Option<V>, StoreError> {
        let key = key.to_bytes();
        guarded(&self.path, || self.tree.get(&key))?.map(|value| self.read(&key, &value)).transpose()
    }

    /// Writes `value` only where `key` has none: compare-and-swap from nothing.
    ///
    /// # Errors
    /// [`StoreError::AlreadyWritten`] where it has one; that one stays.
    pub fn insert_new(&self, key: &K, value: &V) -> Result<(), StoreError> {
        self.change(key, Change::InsertNew(self.write(key, value)?)).map(drop)
    }

    /// Writes `value`, over an older one too.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], [`StoreError::Damaged`] and [`StoreError::Io`].
    pub fn put(&self, key: &K, value: &V) -> Result<(), StoreError> {
        self.change(key, Change::Put(self.write(key, value)?)).map(drop)
    }

    /// Removes `key`; whether it was there.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] and [`StoreError::Io`].
    pub fn remove(&self, key: &K) -> Result<bool, StoreError> {
        self.change(key, Change::Remove).map(|met| met > 0)
    }

    /// Up to `limit` rows whose key starts with the parts in `prefix` (`()` for all, a session's number for its versions).
    ///
    /// # Errors
    /// As [`Table::get`].
    pub fn scan<P: Key>(&self, prefix: &P, order: Order, limit: usize) -> Result<Vec<(K, V)>, StoreError> {
        self.collect(|| self.tree.scan_prefix(prefix.to_bytes()), order, limit)
    }

    /// Up to `limit` rows whose key lies between `from` and `to`; both may be leading parts of keys, which come before
    /// every key that they lead.
    ///
    /// # Errors
    /// As [`Table::get`].
    pub fn range<P: Key>(
        &self,
        from: Bound<&P>,
        to: Bound<&P>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<(K, V)>, StoreError> {
        let (from, to) = (from.map(Key::to_bytes), to.map(Key::to_bytes));
        if is_empty_range(&from, &to) {
            return Ok(Vec::new());
        }
        self.collect(|| self.tree.range::<Vec<u8>, _>((from, to)), order, limit)
    }

    /// How many rows have a key that starts with the parts in `prefix`. Counts one by one.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] and [`StoreError::Io`].
    pub fn count<P: Key>(&self, prefix: &P) -> Result<usize, StoreError> {
        guarded(&self.path, || {
            self.tree.scan_prefix(prefix.to_bytes()).keys().try_fold(0, |count, key| key.map(|_| count + 1))
        })
    }

    fn change(&self, key: &K, change: Change) -> Result<usize, StoreError> {
        let write = Write { tree: self.tree.clone(), table: self.name, key: key.to_bytes(), change };
        transaction::run(&self.meta, &self.path, &[write], None)
    }

    fn collect(
        &self,
        rows: impl FnOnce() -> sled::Iter,
        order: Order,
        limit: usize,
    ) -> Result<Vec<(K, V)>, StoreError> {
        let rows = guarded(&self.path, || match order {
            Order::Forward => rows().take(limit).collect::<sled::Result<Vec<_>>>(),
            Order::Backward => rows().rev().take(limit).collect(),
        })?;
        rows.iter()
            .map(|(key, value)| {
                let odd_key = || StoreError::Damaged {
                    path: self.path.to_path_buf(),
                    why: format!("`{}` is no key of table `{}`", hex(key), self.name),
                };
                Ok((K::from_bytes(key).ok_or_else(odd_key)?, self.read(key, value)?))
            })
            .collect()
    }

    fn read(&self, key: &[u8], value: &[u8]) -> Result<V, StoreError> {
        record::decode(value).map_err(|source| StoreError::Record { table: self.name, key: hex(key), source })
    }

    pub(super) fn write(&self, key: &K, value: &V) -> Result<Vec<u8>, StoreError> {
        let bytes = record::encode(value).map_err(|source| StoreError::Record {
            table: self.name,
            key: hex(&key.to_bytes()),
            source,
        })?;
        match bytes.len() {
            bytes if bytes > MAX_VALUE => Err(StoreError::TooLarge { table: self.name, bytes, limit: MAX_VALUE }),
            _ => Ok(bytes),
        }
    }
}

/// Whether nothing lies between: sled panics where a range starts after its end.
fn is_empty_range(from: &Bound<Vec<u8>>, to: &Bound<Vec<u8>>) -> bool {
    match (from, to) {
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
        _ => false,
    }
}
