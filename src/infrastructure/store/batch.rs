//! Writes over several tables that happen together or not at all.

use std::collections::HashMap;

use super::error::StoreError;
use super::key::Key;
use super::record::Record;
use super::table::Table;

/// Writes that [`super::Store::commit`] makes together. A key that is put again keeps only its last value: thousands of
/// entries of a replay change the same few rows.
#[derive(Debug, Default)]
pub struct Batch {
    pub(super) writes: Vec<Write>,
    /// Where the write of a table's key is, unless it is an insertion.
    places: HashMap<(&'static str, Vec<u8>), usize>,
}

#[derive(Debug)]
pub(super) struct Write {
    pub(super) tree: sled::Tree,
    pub(super) table: &'static str,
    pub(super) key: Vec<u8>,
    pub(super) change: Change,
}

#[derive(Debug)]
pub(super) enum Change {
    InsertNew(Vec<u8>),
    Put(Vec<u8>),
    Remove,
}

impl Batch {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing is to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// As [`Table::insert_new`]: where the key has a value, the whole batch is refused.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] and [`StoreError::Record`] for the value.
    pub fn insert_new<K: Key, V: Record>(&mut self, table: &Table<K, V>, key: &K, value: &V) -> Result<(), StoreError> {
        let change = Change::InsertNew(table.write(key, value)?);
        self.push(table, key, change);
        Ok(())
    }

    /// As [`Table::put`].
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] and [`StoreError::Record`] for the value.
    pub fn put<K: Key, V: Record>(&mut self, table: &Table<K, V>, key: &K, value: &V) -> Result<(), StoreError> {
        let change = Change::Put(table.write(key, value)?);
        self.push(table, key, change);
        Ok(())
    }

    /// As [`Table::remove`].
    pub fn remove<K: Key, V: Record>(&mut self, table: &Table<K, V>, key: &K) {
        self.push(table, key, Change::Remove);
    }

    fn push<K: Key, V: Record>(&mut self, table: &Table<K, V>, key: &K, change: Change) {
        let key = key.to_bytes();
        if !matches!(change, Change::InsertNew(_)) {
            if let Some(place) = self.places.get(&(table.name, key.clone())) {
                self.writes[*place].change = change;
                return;
            }
            self.places.insert((table.name, key.clone()), self.writes.len());
        }
        self.writes.push(Write { tree: table.tree.clone(), table: table.name, key, change });
    }
}
