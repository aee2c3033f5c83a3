//! Where results by blob and by tree are kept between runs.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::id::ObjectId;

/// One record to keep: opaque key and value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheRecord {
    /// The key, under 100 bytes.
    pub key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
}

/// Keeps records between runs. It may forget anything at any time and may be shared by processes and threads; a
/// damaged value is noticed by whoever decodes it and counts as forgotten. Failures are the cache's own to log.
pub trait TagCache: Send + Sync {
    /// The value of `key`, if it is still there.
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;

    /// Keeps these records, in one batch. The same key again replaces its value.
    fn put(&self, records: Vec<CacheRecord>);
}

/// A cache that keeps nothing.
#[derive(Debug, Default)]
pub struct NoTagCache;

impl TagCache for NoTagCache {
    fn get(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn put(&self, _: Vec<CacheRecord>) {}
}

/// A cache in memory, for tests and for runs without a home.
#[derive(Debug, Default)]
pub struct MemoryTagCache {
    records: Mutex<HashMap<Vec<u8>, Vec<u8>>>,
}

impl MemoryTagCache {
    /// How many records it keeps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether it keeps none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Vec<u8>, Vec<u8>>> {
        self.records.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl TagCache for MemoryTagCache {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.lock().get(key).cloned()
    }

    fn put(&self, records: Vec<CacheRecord>) {
        self.lock().extend(records.into_iter().map(|record| (record.key, record.value)));
    }
}

/// The key of one blob's tags: they depend on nothing but the bytes and the language they are read as.
pub(super) fn blob_key(blob: &ObjectId, language: crate::syntax::Language) -> Vec<u8> {
    [b"b", blob.as_str().as_bytes(), &[language.code()]].concat()
}

/// The key of the id of the tree whose tables were made last in a store.
pub(super) fn latest_key(store: &str, settings: &super::IndexSettings) -> Vec<u8> {
    let store = crate::id::Digest::of(store.as_bytes());
    [b"n", &store.as_bytes()[..16], &settings.cache_digest().as_bytes()[..8]].concat()
}

/// The key of a whole tree's tables.
pub(super) fn tree_key(tree: &ObjectId, settings: &super::IndexSettings) -> Vec<u8> {
    [b"t", tree.as_str().as_bytes(), &settings.cache_digest().as_bytes()[..8]].concat()
}
