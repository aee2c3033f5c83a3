//! One file's two sides, compared: lines by number, blocks, hunks with their keys, colours. Made by workers.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::id::{Digest, RepoPath};

/// A side of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Old,
    New,
}

/// A run of lines that are the same on both sides, or that replace each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub old: Range<u32>,
    pub new: Range<u32>,
    pub same: bool,
}

/// A change: its lines on both sides and the key that its mark has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hunk {
    pub old: Range<u32>,
    pub new: Range<u32>,
    pub key: Digest,
}

/// Bytes and where their lines begin.
#[derive(Debug)]
struct Lines {
    bytes: Arc<[u8]>,
    starts: Vec<u32>,
}

impl Lines {
    fn new(bytes: Arc<[u8]>) -> Self {
        let mut starts = vec![0];
        // 4 GiB: a side's size is far under it (policy: 100 MiB a file)
        starts.extend(memchr::memchr_iter(b'\n', &bytes).map(|at| u32::try_from(at + 1).unwrap_or(u32::MAX)));
        if starts.last().is_some_and(|last| *last as usize >= bytes.len()) {
            starts.pop();
        }
        Self { bytes, starts }
    }

    fn len(&self) -> u32 {
        u32::try_from(self.starts.len()).unwrap_or(u32::MAX)
    }

    fn line(&self, line: u32) -> &[u8] {
        let Some(start) = self.starts.get(line as usize) else { return &[] };
        let end = self.starts.get(line as usize + 1).map_or(self.bytes.len(), |next| *next as usize);
        let text = &self.bytes[*start as usize..end];
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        text.strip_suffix(b"\r").unwrap_or(text)
    }
}

/// Two sides of a file, compared.
#[derive(Debug)]
pub(crate) struct Doc {
    path: RepoPath,
    old: Lines,
    new: Lines,
    blocks: Vec<Block>,
    hunks: Vec<Hunk>,
}

impl Doc {
    /// Compares. Costs what a diff costs: for workers only.
    pub(crate) fn compare(path: &RepoPath, old: Arc<[u8]>, new: Arc<[u8]>) -> Self {
        let (old, new) = (Lines::new(old), Lines::new(new));
        let blocks = compare_lines(&old, &new);
        let mut doc = Self { path: path.clone(), old, new, blocks, hunks: Vec::new() };
        doc.hunks = doc.find_hunks();
        doc
    }

    /// Where.
    pub(crate) fn path(&self) -> &RepoPath {
        &self.path
    }

    /// Every block, in order.
    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Every change, in order.
    pub(crate) fn hunks(&self) -> &[Hunk] {
        &self.hunks
    }

    /// The bytes of a line (0-based), without its end.
    pub(crate) fn line(&self, side: Side, line: u32) -> &[u8] {
        match side {
            Side::Old => self.old.line(line),
            Side::New => self.new.line(line),
        }
    }

    /// How many lines a side has.
    pub(crate) fn lines(&self, side: Side) -> u32 {
        match side {
            Side::Old => self.old.len(),
            Side::New => self.new.len(),
        }
    }

    /// A side's bytes.
    pub(crate) fn bytes(&self, side: Side) -> &Arc<[u8]> {
        match side {
            Side::Old => &self.old.bytes,
            Side::New => &self.new.bytes,
        }
    }

    fn find_hunks(&self) -> Vec<Hunk> {
        let mut seen: HashMap<Digest, u32> = HashMap::new();
        self.blocks
            .iter()
            .filter(|block| !block.same)
            .map(|block| {
                let mut text = Vec::new();
                text.extend_from_slice(self.path.as_bytes());
                for (sign, side, lines) in [(b'-', Side::Old, &block.old), (b'+', Side::New, &block.new)] {
                    for line in lines.clone() {
                        text.push(b'\n');
                        text.push(sign);
                        text.extend_from_slice(self.line(side, line));
                    }
                }
                let plain = Digest::of(&text);
                let occurrence = seen.entry(plain).or_insert(0);
                *occurrence += 1;
                text.extend_from_slice(format!("\n#{occurrence}").as_bytes());
                Hunk { old: block.old.clone(), new: block.new.clone(), key: Digest::of(&text) }
            })
            .collect()
    }
}

fn compare_lines(old: &Lines, new: &Lines) -> Vec<Block> {
    let shorter = old.len().min(new.len());
    let head = (0..shorter).take_while(|line| old.line(*line) == new.line(*line)).count();
    let head = u32::try_from(head).unwrap_or(u32::MAX);
    let tail = (0..shorter - head)
        .take_while(|back| old.line(old.len() - 1 - back) == new.line(new.len() - 1 - back))
        .count();
    let tail = u32::try_from(tail).unwrap_or(u32::MAX);
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    [
        Block { old: 0..head, new: 0..head, same: true },
        Block { old: head..old_end, new: head..new_end, same: false },
        Block { old: old_end..old.len(), new: new_end..new.len(), same: true },
    ]
    .into_iter()
    .filter(|block| !(block.old.is_empty() && block.new.is_empty()))
    .collect()
}

/// A piece of a line in one look: it ends at byte `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub end: u32,
    pub syntax: Option<super::super::theme::Role>,
    pub word: bool,
}

/// Colours and changed words of some lines of a file.
#[derive(Debug, Default)]
pub(crate) struct Colors {
    pub old: HashMap<u32, Box<[Piece]>>,
    pub new: HashMap<u32, Box<[Piece]>>,
}

impl Colors {
    /// The pieces of a line; none where it is plain.
    pub(crate) fn pieces(&self, side: Side, line: u32) -> &[Piece] {
        match side {
            Side::Old => &self.old,
            Side::New => &self.new,
        }
        .get(&line)
        .map_or(&[], |pieces| pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doc(old: &str, new: &str) -> Doc {
        Doc::compare(&"f".into(), old.as_bytes().into(), new.as_bytes().into())
    }

    #[test]
    fn lines_are_without_their_ends() {
        let doc = doc("", "a\r\nb\n\nlast");
        assert_eq!((doc.lines(Side::Old), doc.lines(Side::New)), (0, 4));
        let lines: Vec<_> = (0..5).map(|line| doc.line(Side::New, line)).collect();
        assert_eq!(lines, [b"a".as_slice(), b"b", b"", b"last", b""]);
    }

    #[test]
    fn a_hunk_keeps_its_key_when_lines_move() {
        let one = doc("x\n", "a\nx\n");
        let moved = doc("top\nx\n", "top\na\nx\n");
        assert_eq!(one.hunks()[0].key, moved.hunks()[0].key);
        assert_ne!(one.hunks()[0].key, doc("x\n", "b\nx\n").hunks()[0].key);
    }

    #[test]
    fn equal_sides_have_no_hunk() {
        assert!(doc("a\n", "a\n").hunks().is_empty());
        assert!(doc("", "").blocks().is_empty());
    }
}
