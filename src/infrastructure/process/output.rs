//! Output kept up to a limit: its head and its tail, and how much was dropped between them.

use std::collections::VecDeque;

/// What a process printed, at most the limit it was made with.
#[derive(Debug, Clone, Default)]
pub struct Captured {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    head_limit: usize,
    tail_limit: usize,
    total: u64,
}

impl Captured {
    /// Keeps at most `limit` bytes: the first half and the last half.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        let tail_limit = limit / 2;
        Self { head_limit: limit - tail_limit, tail_limit, ..Self::default() }
    }

    /// Takes the next piece.
    pub fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let into_head = bytes.len().min(self.head_limit - self.head.len());
        let (head, rest) = bytes.split_at(into_head);
        self.head.extend_from_slice(head);
        let rest = &rest[rest.len().saturating_sub(self.tail_limit)..];
        let overflow = (self.tail.len() + rest.len()).saturating_sub(self.tail_limit);
        self.tail.drain(..overflow);
        self.tail.extend(rest);
    }

    /// Bytes written, kept or not.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Bytes that were written and are not kept.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.total - (self.head.len() + self.tail.len()) as u64
    }

    /// Whether everything that fits in the head was seen and more came.
    #[must_use]
    pub fn is_beyond_limit(&self) -> bool {
        self.total > self.head_limit as u64
    }

    /// What is kept, with a line that says how much is missing where something is.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut all = self.head.clone();
        if self.dropped() > 0 {
            all.extend_from_slice(format!("\n[{} bytes dropped]\n", self.dropped()).as_bytes());
        }
        all.extend(&self.tail);
        all
    }

    /// The same as text; bytes that are no UTF-8 become U+FFFD.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(limit: usize, pieces: &[&str], expected: &str) {
        let mut captured = Captured::with_limit(limit);
        pieces.iter().for_each(|piece| captured.push(piece.as_bytes()));
        assert_eq!(captured.text(), expected);
        assert_eq!(captured.total(), pieces.concat().len() as u64);
    }

    #[test]
    fn keeps_head_and_tail() {
        check(10, &[], "");
        check(10, &["hello"], "hello");
        check(10, &["hello", "world"], "helloworld");
        check(10, &["helloworld", "!"], "hello\n[1 bytes dropped]\norld!");
        check(10, &["0123456789abcdefghij"], "01234\n[10 bytes dropped]\nfghij");
        check(10, &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a"], "01234\n[1 bytes dropped]\n6789a");
        check(1, &["ab"], "a\n[1 bytes dropped]\n");
        check(0, &["ab"], "\n[2 bytes dropped]\n");
    }
}
