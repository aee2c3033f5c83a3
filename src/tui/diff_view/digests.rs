//! Sets of hunks. Every frame counts the marked ones, and a long file has thousands of them.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use crate::id::Digest;

/// Digests; they are spread evenly already, so their own bytes are the hash.
pub(crate) type DigestSet = HashSet<Digest, BuildHasherDefault<OwnBytes>>;

/// Takes the first bytes it is given that fill a number.
#[derive(Debug, Default)]
pub(crate) struct OwnBytes(u64);

impl Hasher for OwnBytes {
    fn write(&mut self, bytes: &[u8]) {
        // the length that stands before some keys is no part of them
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_told_apart() {
        let digests: Vec<_> = (0..1000_u32).map(|n| Digest::of(&n.to_le_bytes())).collect();
        let set: DigestSet = digests[..500].iter().copied().collect();
        assert_eq!(set.len(), 500);
        assert!(digests.iter().enumerate().all(|(at, digest)| set.contains(digest) == (at < 500)));
    }
}
