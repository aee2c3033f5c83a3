//! Tags and tables kept on disk, in the cache that nobody misses.
//!
//! A whole tree's tables are larger than the cache takes in one value, so they lie in pieces. The pieces are named by
//! the digest of the whole: those of two writers never mix, whatever was lost.

use super::cache::{CacheRecord, TagCache};
use crate::id::Digest;
use crate::infrastructure::store::Cache;

/// Changes with the form of a record here; older ones are forgotten.
const KIND: &str = "index/1";

/// 96 KiB: sled keeps what is larger in a file of its own, which is slower to write and never synced.
const PIECE: usize = 96 * 1024;

/// Records written in one batch: some 16 MiB at most, so that memory stays bounded.
const BATCH: usize = 512;

/// The first byte of a record: what follows is the value.
const WHOLE: u8 = 0;
/// The first byte of a record: what follows is the digest and the length of a value that lies in pieces.
const IN_PIECES: u8 = 1;
/// How much of a digest names pieces.
const NAME: usize = 16;

/// A [`TagCache`] over the home's cache. It forgets what the cache forgets and never fails.
#[derive(Debug, Clone)]
pub struct StoredTagCache {
    cache: Cache,
}

impl StoredTagCache {
    /// Keeps records in `cache`.
    #[must_use]
    pub fn new(cache: Cache) -> Self {
        Self { cache }
    }

    fn pieces(&self, head: &[u8]) -> Option<Vec<u8>> {
        let (name, length) = head.split_at_checked(NAME)?;
        let length = usize::try_from(u64::from_le_bytes(length.try_into().ok()?)).ok()?;
        let mut value = Vec::new();
        for index in 0..length.div_ceil(PIECE) {
            value.extend(self.cache.get_bytes(KIND, &piece_key(name, index))?);
        }
        (value.len() == length).then_some(value)
    }
}

impl TagCache for StoredTagCache {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let mut record = self.cache.get_bytes(KIND, key)?;
        match record.pop()? {
            WHOLE => Some(record),
            IN_PIECES => self.pieces(&record),
            _ => None,
        }
    }

    fn put(&self, records: Vec<CacheRecord>) {
        let mut rows: Vec<(Vec<u8>, Vec<u8>)> = Vec::with_capacity(BATCH);
        for record in records {
            if record.value.len() <= PIECE {
                rows.push((record.key, tagged(record.value, WHOLE)));
            } else {
                self.put_pieces(record, &mut rows);
            }
            if rows.len() >= BATCH {
                self.write(&mut rows);
            }
        }
        self.write(&mut rows);
    }
}

impl StoredTagCache {
    /// The pieces first, the head last: a head that is there names pieces that were written.
    fn put_pieces(&self, record: CacheRecord, rows: &mut Vec<(Vec<u8>, Vec<u8>)>) {
        let digest = Digest::of(&record.value);
        let name = &digest.as_bytes()[..NAME];
        for (index, piece) in record.value.chunks(PIECE).enumerate() {
            rows.push((piece_key(name, index), piece.to_vec()));
            if rows.len() >= BATCH {
                self.write(rows);
            }
        }
        let head = [name, &(record.value.len() as u64).to_le_bytes()].concat();
        rows.push((record.key, tagged(head, IN_PIECES)));
    }

    fn write(&self, rows: &mut Vec<(Vec<u8>, Vec<u8>)>) {
        if !rows.is_empty() {
            self.cache.put_bytes(KIND, rows.iter().map(|(key, value)| (&key[..], &value[..])));
            rows.clear();
        }
    }
}

/// The tag stands last, where it costs nothing to take off.
fn tagged(mut value: Vec<u8>, tag: u8) -> Vec<u8> {
    value.push(tag);
    value
}

fn piece_key(name: &[u8], index: usize) -> Vec<u8> {
    [b"p", name, &(index as u64).to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cancel::Cancel;
    use crate::diff::FileSide;
    use crate::indexing::{Focus, IndexSettings, IndexStrategy as _, SymbolIndex};
    use crate::repository::MemoryTree;
    use crate::syntax::Syntax;

    const ROOM: u64 = 1 << 30;

    fn bytes(n: usize, seed: u64) -> Vec<u8> {
        let mut state = seed;
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(n)
        .collect()
    }

    /// What was put is there, in this process and in the next.
    #[track_caller]
    fn check(sizes: &[usize]) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let records: Vec<CacheRecord> = sizes
            .iter()
            .enumerate()
            .map(|(at, size)| CacheRecord { key: format!("b{at}").into(), value: bytes(*size, at as u64) })
            .collect();
        {
            let cache = StoredTagCache::new(Cache::open(dir.path(), ROOM));
            cache.put(records.clone());
            for record in &records {
                assert!(cache.get(&record.key).as_ref() == Some(&record.value), "{} bytes", record.value.len());
            }
        }
        for _ in 0..200 {
            let cache = StoredTagCache::new(Cache::open(dir.path(), ROOM));
            let found = records.iter().filter(|record| cache.get(&record.key).as_ref() == Some(&record.value)).count();
            if found == records.len() {
                return;
            }
            // sled's threads let go of the lock a little later
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("a cache that was opened again has forgotten");
    }

    #[test]
    fn records_of_every_size_come_back() {
        check(&[0, 1, 100]);
        check(&[PIECE - 1, PIECE, PIECE + 1, 2 * PIECE]);
        check(&[3 << 20]);
    }

    #[test]
    fn many_records_come_back() {
        check(&[40; 2 * BATCH + 7]);
    }

    #[test]
    fn a_value_that_is_replaced_is_the_new_one_whole() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let cache = StoredTagCache::new(Cache::open(dir.path(), ROOM));
        for seed in [1, 2] {
            let value = bytes(300_000, seed);
            cache.put(vec![CacheRecord { key: b"t1".to_vec(), value: value.clone() }]);
            assert!(cache.get(b"t1") == Some(value));
        }
        assert_eq!(cache.get(b"t2"), None);
    }

    #[test]
    fn without_a_cache_everything_is_forgotten() {
        let cache = StoredTagCache::new(Cache::none());
        cache.put(vec![CacheRecord { key: b"b1".to_vec(), value: vec![1] }]);
        assert_eq!(cache.get(b"b1"), None);
    }

    #[test]
    fn an_index_from_the_cache_is_the_index() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let file = |n: usize| {
            (format!("src/m{n}.rs"), FileSide::regular(format!("pub fn f{n}() {{ f{}() }}", n / 2).as_bytes()))
        };
        let tree = MemoryTree::new(
            (0..3000)
                .map(file)
                .map(|(path, side)| (path.as_str().into(), side))
                .collect::<Vec<(crate::id::RepoPath, _)>>(),
        );
        let cache: Arc<dyn TagCache> = Arc::new(StoredTagCache::new(Cache::open(dir.path(), ROOM)));
        let strategy = SymbolIndex::new(Arc::new(Syntax::new()), cache.clone(), IndexSettings::default());
        let focus = Focus::default();
        let index = || strategy.index(&tree, &focus, &Cancel::new()).expect("an index").summary(50);
        let first = index();
        assert!(
            cache
                .get(&super::super::cache::tree_key(crate::repository::Tree::id(&tree), &IndexSettings::default()))
                .is_some()
        );
        assert_eq!(serde_json::to_value(index()).ok(), serde_json::to_value(first).ok());
    }
}
