//! SHA-1 (FIPS 180-4), for the check sums that end a pack and its index.
//!
//! Object ids come from libgit2, whose SHA-1 detects collisions; nothing here names an object.

/// A running SHA-1.
pub(super) struct Sha1 {
    state: [u32; 5],
    pending: Vec<u8>,
    length: u64,
}

impl Default for Sha1 {
    fn default() -> Self {
        Self {
            state: [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0],
            pending: Vec::new(),
            length: 0,
        }
    }
}

impl Sha1 {
    /// The sum of `bytes`.
    pub(super) fn of(bytes: &[u8]) -> [u8; 20] {
        let mut hash = Self::default();
        hash.update(bytes);
        hash.finish()
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        let mut rest = bytes;
        if !self.pending.is_empty() {
            let (taken, after) = rest.split_at(rest.len().min(64 - self.pending.len()));
            self.pending.extend_from_slice(taken);
            rest = after;
            if self.pending.len() < 64 {
                return;
            }
            let block = std::mem::take(&mut self.pending);
            self.blocks(&block);
        }
        let whole = rest.len() / 64 * 64;
        self.blocks(&rest[..whole]);
        self.pending.extend_from_slice(&rest[whole..]);
    }

    pub(super) fn finish(mut self) -> [u8; 20] {
        let mut end = std::mem::take(&mut self.pending);
        end.push(0x80);
        while end.len() % 64 != 56 {
            end.push(0);
        }
        end.extend_from_slice(&(self.length * 8).to_be_bytes());
        self.blocks(&end);
        let mut sum = [0; 20];
        for (word, out) in self.state.iter().zip(sum.chunks_exact_mut(4)) {
            out.copy_from_slice(&word.to_be_bytes());
        }
        sum
    }

    fn blocks(&mut self, bytes: &[u8]) {
        for block in bytes.chunks_exact(64) {
            let mut words = [0u32; 80];
            for (word, raw) in words.iter_mut().zip(block.chunks_exact(4)) {
                *word = u32::from_be_bytes([raw[0], raw[1], raw[2], raw[3]]);
            }
            for at in 16..80 {
                words[at] = (words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1);
            }
            let [mut a, mut b, mut c, mut d, mut e] = self.state;
            for (at, word) in words.iter().enumerate() {
                let (mixed, constant) = match at {
                    0..20 => ((b & c) | (!b & d), 0x5a82_7999),
                    20..40 => (b ^ c ^ d, 0x6ed9_eba1),
                    40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                    _ => (b ^ c ^ d, 0xca62_c1d6_u32),
                };
                let next =
                    a.rotate_left(5).wrapping_add(mixed).wrapping_add(e).wrapping_add(constant).wrapping_add(*word);
                (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
            }
            for (kept, new) in self.state.iter_mut().zip([a, b, c, d, e]) {
                *kept = kept.wrapping_add(new);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Sha1;

    #[track_caller]
    fn check(bytes: &[u8], expected: &str) {
        let hex = |sum: [u8; 20]| sum.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(Sha1::of(bytes)), expected);
        let mut hash = Sha1::default();
        bytes.chunks(7).for_each(|part| hash.update(part));
        assert_eq!(hex(hash.finish()), expected, "in parts of seven");
    }

    #[test]
    fn sums_are_those_of_the_standard() {
        check(b"", "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        check(b"abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
        check(b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
        check(&[b'a'; 1_000_000], "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    }
}
