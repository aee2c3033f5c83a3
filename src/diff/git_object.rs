//! Git's name of a blob, for comparing with the ids that a patch carries.

use sha2::{Digest as _, Sha256};

/// Which hash names objects in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ObjectFormat {
    /// 40 hex digits.
    #[default]
    Sha1,
    /// 64 hex digits.
    Sha256,
}

/// The id that git gives to a blob of these bytes, in hex.
#[must_use]
pub fn blob_id(content: &[u8], format: ObjectFormat) -> String {
    let header = format!("blob {}\0", content.len());
    match format {
        ObjectFormat::Sha1 => {
            let mut hash = Sha1::default();
            hash.update(header.as_bytes());
            hash.update(content);
            hex(&hash.finish())
        }
        ObjectFormat::Sha256 => {
            let mut hash = Sha256::new();
            hash.update(header.as_bytes());
            hash.update(content);
            hex(&hash.finalize())
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// SHA-1 as FIPS 180-4 describes it: it names git's objects and sums up its packs, and secures nothing.
pub(crate) struct Sha1 {
    state: [u32; 5],
    block: [u8; 64],
    filled: usize,
    length: u64,
}

impl Default for Sha1 {
    fn default() -> Self {
        let state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
        Self { state, block: [0; 64], filled: 0, length: 0 }
    }
}

impl Sha1 {
    /// The sum of `bytes`.
    pub(crate) fn of(bytes: &[u8]) -> [u8; 20] {
        let mut hash = Self::default();
        hash.update(bytes);
        hash.finish()
    }

    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if self.filled > 0 {
            let taken = bytes.len().min(64 - self.filled);
            self.block[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled < 64 {
                return;
            }
            let block = self.block;
            self.compress(&block);
            self.filled = 0;
        }
        let (blocks, rest) = bytes.as_chunks::<64>();
        for block in blocks {
            self.compress(block);
        }
        self.block[..rest.len()].copy_from_slice(rest);
        self.filled = rest.len();
    }

    pub(crate) fn finish(mut self) -> [u8; 20] {
        let bits = self.length * 8;
        let blanks = if self.filled < 56 { 56 - self.filled } else { 120 - self.filled };
        let mut padding = [0; 72];
        padding[0] = 0x80;
        padding[blanks..blanks + 8].copy_from_slice(&bits.to_be_bytes());
        self.update(&padding[..blanks + 8]);
        let mut id = [0; 20];
        for (bytes, word) in id.chunks_exact_mut(4).zip(self.state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        id
    }

    fn compress(&mut self, block: &[u8; 64]) {
        let mut words = [0_u32; 80];
        for (word, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
            *word = u32::from_be_bytes(*bytes);
        }
        for at in 16..80 {
            words[at] = (words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1);
        }
        // four loops, not one with a choice in it: the choice costs half of the speed
        let mut s = self.state;
        for word in &words[..20] {
            let [_, b, c, d, _] = s;
            round(&mut s, (b & c) | (!b & d), 0x5a82_7999, *word);
        }
        for word in &words[20..40] {
            let [_, b, c, d, _] = s;
            round(&mut s, b ^ c ^ d, 0x6ed9_eba1, *word);
        }
        for word in &words[40..60] {
            let [_, b, c, d, _] = s;
            round(&mut s, (b & c) | (b & d) | (c & d), 0x8f1b_bcdc, *word);
        }
        for word in &words[60..] {
            let [_, b, c, d, _] = s;
            round(&mut s, b ^ c ^ d, 0xca62_c1d6, *word);
        }
        for (word, added) in self.state.iter_mut().zip(s) {
            *word = word.wrapping_add(added);
        }
    }
}

#[inline]
fn round(s: &mut [u32; 5], mixed: u32, constant: u32, word: u32) {
    let [a, b, c, d, e] = *s;
    let next = a.rotate_left(5).wrapping_add(mixed).wrapping_add(e).wrapping_add(constant).wrapping_add(word);
    *s = [next, a, b.rotate_left(30), c, d];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &[u8], id: &str) {
        assert_eq!(blob_id(content, ObjectFormat::Sha1), id);
    }

    #[test]
    fn ids_are_gits() {
        check(b"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        check(b"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a");
        let empty = "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813";
        assert_eq!(blob_id(b"", ObjectFormat::Sha256), empty);
    }

    #[test]
    fn sums_are_those_of_the_standard() {
        let sum = |bytes: &[u8]| hex(&Sha1::of(bytes));
        assert_eq!(sum(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(sum(two_blocks), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
        assert_eq!(sum(&[b'a'; 1_000_000]), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    }

    #[test]
    fn pieces_make_no_difference() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let mut whole = Sha1::default();
        whole.update(&bytes);
        let whole = whole.finish();
        for size in [1, 7, 55, 56, 63, 64, 65, 128] {
            let mut pieces = Sha1::default();
            bytes.chunks(size).for_each(|piece| pieces.update(piece));
            assert_eq!(pieces.finish(), whole, "pieces of {size}");
        }
    }
}
