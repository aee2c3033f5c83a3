//! Diffs to be shown: two contents, their changed blocks, and hunks with as much context as is wanted.
//!
//! Nothing of the contents is copied: a diff is offsets of lines and a few numbers a block, so 100,000 lines cost
//! about a megabyte. The lines of a hunk are made when they are looked at, from any row on.

mod blocks;
mod rows;

use std::time::Instant;

use sha2::{Digest as _, Sha256};

use super::change::has_nul;
use crate::id::{Digest, RepoPath};

pub(super) use blocks::{Block, blocks, line_starts};
pub use rows::DiffLine;

/// Which blanks count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Whitespace {
    /// All of them.
    #[default]
    Exact,
    /// Not those at the end of a line, line ends included (CR LF equals LF).
    IgnoreAtEnd,
    /// Not how many there are.
    IgnoreAmount,
    /// None.
    IgnoreAll,
}

/// How a diff is made.
#[derive(Debug, Clone)]
pub struct DiffOptions {
    /// Unchanged lines around a change.
    pub context: u32,
    /// Which blanks count.
    pub whitespace: Whitespace,
    /// When to settle for a coarser diff; it stays a correct one.
    pub deadline: Option<Instant>,
}

impl Default for DiffOptions {
    fn default() -> Self {
        Self { context: 3, whitespace: Whitespace::Exact, deadline: None }
    }
}

/// What kind of diff two contents have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DiffKind {
    /// Lines, perhaps none changed.
    Text,
    /// One side is binary: no lines are compared.
    Binary,
    /// One side has 4 GiB or more: no lines are compared.
    TooLarge,
}

/// The diff of two contents. It holds offsets into them, so every look at a line takes both again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDiff {
    kind: DiffKind,
    context: u32,
    old_starts: Vec<u32>,
    new_starts: Vec<u32>,
    blocks: Vec<Block>,
    hunks: Vec<Hunk>,
}

/// Changed blocks that are shown together, and the lines around them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// First old line, 1-based; the line before it where `old_len` is 0.
    pub old_start: u32,
    /// Old lines.
    pub old_len: u32,
    /// First new line, 1-based; the line before it where `new_len` is 0.
    pub new_start: u32,
    /// New lines.
    pub new_len: u32,
    first_block: usize,
    end_block: usize,
}

/// Which end of a hunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HunkEdge {
    /// Towards the start of the file.
    Above,
    /// Towards its end.
    Below,
}

impl Hunk {
    /// The 0-based line that the old side starts at, also where it is empty.
    fn old_from(&self) -> u32 {
        if self.old_len == 0 { self.old_start } else { self.old_start - 1 }
    }

    fn new_from(&self) -> u32 {
        if self.new_len == 0 { self.new_start } else { self.new_start - 1 }
    }

    fn set(&mut self, old: (u32, u32), new: (u32, u32)) {
        (self.old_len, self.new_len) = (old.1 - old.0, new.1 - new.0);
        self.old_start = old.0 + u32::from(self.old_len > 0);
        self.new_start = new.0 + u32::from(self.new_len > 0);
    }
}

impl FileDiff {
    /// Compares two contents line by line, as bytes.
    #[must_use]
    pub fn compute(old: &[u8], new: &[u8], options: &DiffOptions) -> Self {
        let kind = kind_of(old, new);
        let (mut old_starts, mut new_starts, mut found) = (vec![0], vec![0], Vec::new());
        if kind == DiffKind::Text {
            (old_starts, new_starts) = (line_starts(old), line_starts(new));
            found = blocks((old, &old_starts), (new, &new_starts), options);
        }
        let (context, hunks) = (options.context, Vec::new());
        let mut diff = Self { kind, context, old_starts, new_starts, blocks: found, hunks };
        diff.group();
        diff
    }

    /// What kind of diff it is.
    #[must_use]
    pub fn kind(&self) -> DiffKind {
        self.kind
    }

    /// The hunks, from the top.
    #[must_use]
    pub fn hunks(&self) -> &[Hunk] {
        &self.hunks
    }

    /// How many lines came.
    #[must_use]
    pub fn added(&self) -> u32 {
        self.blocks.iter().map(|block| block.new_len).sum()
    }

    /// How many lines went.
    #[must_use]
    pub fn deleted(&self) -> u32 {
        self.blocks.iter().map(|block| block.old_len).sum()
    }

    /// Lines of the old content.
    #[must_use]
    pub fn old_len(&self) -> u32 {
        last_line(&self.old_starts)
    }

    /// Lines of the new content.
    #[must_use]
    pub fn new_len(&self) -> u32 {
        last_line(&self.new_starts)
    }

    /// Makes hunks of blocks that are at most twice the context apart.
    fn group(&mut self) {
        let mut first = 0;
        while first < self.blocks.len() {
            let mut end = first + 1;
            while end < self.blocks.len()
                && self.blocks[end].old - self.blocks[end - 1].old_end() <= self.context.saturating_mul(2)
            {
                end += 1;
            }
            self.hunks.push(self.hunk_of(first, end));
            first = end;
        }
    }

    fn hunk_of(&self, first: usize, end: usize) -> Hunk {
        let (top, bottom) = (self.blocks[first], self.blocks[end - 1]);
        let above = self.context.min(top.old).min(top.new);
        let below = self.context.min(self.old_len() - bottom.old_end());
        let mut hunk = Hunk { old_start: 0, old_len: 0, new_start: 0, new_len: 0, first_block: first, end_block: end };
        hunk.set((top.old - above, bottom.old_end() + below), (top.new - above, bottom.new_end() + below));
        hunk
    }

    /// Shows up to `lines` more unchanged lines at one end of a hunk, not beyond the next hunk; gives how many.
    pub fn expand(&mut self, hunk: usize, edge: HunkEdge, lines: u32) -> u32 {
        let room = match edge {
            HunkEdge::Above => {
                let from =
                    hunk.checked_sub(1).map_or(0, |above| self.hunks[above].old_from() + self.hunks[above].old_len);
                self.hunks[hunk].old_from() - from
            }
            HunkEdge::Below => {
                let to = self.hunks.get(hunk + 1).map_or(self.old_len(), Hunk::old_from);
                to - self.hunks[hunk].old_from() - self.hunks[hunk].old_len
            }
        };
        let more = room.min(lines);
        let it = &mut self.hunks[hunk];
        let (old, new) = (it.old_from(), it.new_from());
        let ends = (old + it.old_len, new + it.new_len);
        match edge {
            HunkEdge::Above => it.set((old - more, ends.0), (new - more, ends.1)),
            HunkEdge::Below => it.set((old, ends.0 + more), (new, ends.1 + more)),
        }
        more
    }

    /// Shows as much context of a hunk as at first.
    pub fn collapse(&mut self, hunk: usize) {
        let (first, end) = (self.hunks[hunk].first_block, self.hunks[hunk].end_block);
        self.hunks[hunk] = self.hunk_of(first, end);
    }

    /// The new content with these hunks undone: what is left when a reviewer leaves them out.
    #[must_use]
    pub fn without_hunks(&self, left_out: &[usize], old: &[u8], new: &[u8]) -> Vec<u8> {
        let mut content = Vec::with_capacity(old.len().max(new.len()));
        let mut at = 0;
        for hunk in left_out.iter().collect::<std::collections::BTreeSet<_>>() {
            let Some(hunk) = self.hunks.get(*hunk) else { continue };
            for block in &self.blocks[hunk.first_block..hunk.end_block] {
                content.extend_from_slice(&new[at..self.new_starts[block.new as usize] as usize]);
                let undone = self.old_starts[block.old as usize]..self.old_starts[block.old_end() as usize];
                content.extend_from_slice(&old[undone.start as usize..undone.end as usize]);
                at = self.new_starts[block.new_end() as usize] as usize;
            }
        }
        content.extend_from_slice(&new[at..]);
        content
    }

    /// What marks of "I have read this" name: for each hunk SHA-256 over the path, its removed and added lines and
    /// which of equal hunks in the file it is. Line numbers and context are no part of it, so a hunk that only
    /// moved stays read.
    #[must_use]
    pub fn hunk_keys(&self, path: &RepoPath, old: &[u8], new: &[u8]) -> Vec<Digest> {
        let mut seen = std::collections::HashMap::new();
        let mut key_of = |hunk: &Hunk| {
            let content: [u8; 32] = self.hash_hunk(path, hunk, old, new).finalize().into();
            let occurrence: &mut u32 = seen.entry(content).or_insert(0);
            let mut hash = Sha256::new();
            hash.update(content);
            hash.update(occurrence.to_be_bytes());
            *occurrence += 1;
            Digest::from_bytes(hash.finalize().into())
        };
        self.hunks.iter().map(&mut key_of).collect()
    }

    fn hash_hunk(&self, path: &RepoPath, hunk: &Hunk, old: &[u8], new: &[u8]) -> Sha256 {
        let mut hash = Sha256::new();
        let mut field = |sign: u8, bytes: &[u8]| {
            hash.update([sign]);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        field(b'@', path.as_bytes());
        for block in &self.blocks[hunk.first_block..hunk.end_block] {
            let lines =
                |starts: &[u32], from: u32, to: u32| starts[from as usize] as usize..starts[to as usize] as usize;
            field(b'-', &old[lines(&self.old_starts, block.old, block.old_end())]);
            field(b'+', &new[lines(&self.new_starts, block.new, block.new_end())]);
        }
        hash
    }
}

fn last_line(starts: &[u32]) -> u32 {
    u32::try_from(starts.len() - 1).expect("contents under 4 GiB have fewer lines")
}

pub(super) fn kind_of(old: &[u8], new: &[u8]) -> DiffKind {
    if old.len().max(new.len()) >= u32::MAX as usize {
        DiffKind::TooLarge
    } else if has_nul(old) || has_nul(new) {
        DiffKind::Binary
    } else {
        DiffKind::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::PatchLineKind;

    fn shown(diff: &FileDiff, old: &[u8], new: &[u8]) -> String {
        let mut text = String::new();
        for (at, hunk) in diff.hunks().iter().enumerate() {
            text += &format!("@@ -{},{} +{},{} @@\n", hunk.old_start, hunk.old_len, hunk.new_start, hunk.new_len);
            for line in diff.lines(at) {
                let sign = match line.kind {
                    PatchLineKind::Context => ' ',
                    PatchLineKind::Removed => '-',
                    PatchLineKind::Added => '+',
                };
                text += &format!("{sign}{}", String::from_utf8_lossy(line.bytes(old, new)));
                if !text.ends_with('\n') {
                    text += "$\n";
                }
            }
        }
        text
    }

    #[track_caller]
    fn check(old: &str, new: &str, context: u32, expected: &str) {
        let options = DiffOptions { context, ..DiffOptions::default() };
        let diff = FileDiff::compute(old.as_bytes(), new.as_bytes(), &options);
        assert_eq!(shown(&diff, old.as_bytes(), new.as_bytes()), expected);
    }

    fn numbers(range: std::ops::Range<u32>) -> String {
        range.map(|number| format!("{number}\n")).collect()
    }

    #[test]
    fn changes_are_shown_with_context() {
        check("a\nb\nc\n", "a\nx\nc\n", 1, "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
        check("a\nb\nc\n", "a\nb\nc\n", 3, "");
        check("", "a\nb\n", 3, "@@ -0,0 +1,2 @@\n+a\n+b\n");
        check("a\n", "", 3, "@@ -1,1 +0,0 @@\n-a\n");
        check("a", "a\n", 3, "@@ -1,1 +1,1 @@\n-a$\n+a\n");
        check("a\r\nb\r\n", "a\r\nc\r\n", 0, "@@ -2,1 +2,1 @@\n-b\r\n+c\r\n");
        check("a\nb\n", "a\nx\nb\n", 0, "@@ -1,0 +2,1 @@\n+x\n");
    }

    #[test]
    fn far_changes_are_hunks_of_their_own() {
        let old = numbers(0..30);
        let near = old.replace("\n5\n", "\nfive\n").replace("\n11\n", "\neleven\n");
        let far = old.replace("\n5\n", "\nfive\n").replace("\n20\n", "\ntwenty\n");
        let hunks =
            |new: &str| FileDiff::compute(old.as_bytes(), new.as_bytes(), &DiffOptions::default()).hunks().len();
        assert_eq!((hunks(&near), hunks(&far)), (1, 2));
    }

    #[test]
    fn binaries_have_no_lines() {
        let diff = FileDiff::compute(b"a\0b", b"a\n", &DiffOptions::default());
        assert_eq!((diff.kind(), diff.hunks().len(), diff.added()), (DiffKind::Binary, 0, 0));
        let diff = FileDiff::compute(b"\xff\xfe\n", b"\xff\n", &DiffOptions::default());
        assert_eq!((diff.kind(), diff.added(), diff.deleted()), (DiffKind::Text, 1, 1));
    }

    #[test]
    fn blanks_can_be_left_out() {
        let changed = |old: &str, new: &str, whitespace| {
            let options = DiffOptions { whitespace, ..DiffOptions::default() };
            !FileDiff::compute(old.as_bytes(), new.as_bytes(), &options).hunks().is_empty()
        };
        assert!(changed("a b\n", "a b \n", Whitespace::Exact));
        assert!(!changed("a b\n", "a b \r\n", Whitespace::IgnoreAtEnd));
        assert!(changed("a b\n", "a  b\n", Whitespace::IgnoreAtEnd));
        assert!(!changed("a b\n", "a  b\n", Whitespace::IgnoreAmount));
        assert!(changed("ab\n", "a b\n", Whitespace::IgnoreAmount));
        assert!(!changed("ab\n", " a b\n", Whitespace::IgnoreAll));
        assert!(changed("ab\n", "ac\n", Whitespace::IgnoreAll));
    }

    #[test]
    fn context_grows_to_the_next_hunk_and_back() {
        let old = numbers(0..40);
        let new = old.replace("\n10\n", "\nten\n").replace("\n25\n", "\ntwentyfive\n");
        let mut diff = FileDiff::compute(old.as_bytes(), new.as_bytes(), &DiffOptions::default());
        let first = diff.clone();
        assert_eq!(diff.expand(0, HunkEdge::Above, 5), 5);
        assert_eq!(diff.expand(0, HunkEdge::Above, 50), 2, "to the start of the file");
        assert_eq!(diff.expand(0, HunkEdge::Below, 50), 8, "to the hunk below");
        assert_eq!(diff.expand(1, HunkEdge::Below, 50), 11, "to the end of the file");
        assert_eq!(diff.lines(0).count() + diff.lines(1).count(), 42);
        assert_eq!(
            diff.hunk_keys(&"p".into(), old.as_bytes(), new.as_bytes()),
            first.hunk_keys(&"p".into(), old.as_bytes(), new.as_bytes())
        );
        diff.collapse(0);
        diff.collapse(1);
        assert_eq!(diff, first);
    }

    #[test]
    fn hunks_can_be_left_out() {
        let old = numbers(0..40);
        let ten = old.replace("\n10\n", "\nten\n");
        let both = ten.replace("\n25\n", "\n");
        let diff = FileDiff::compute(old.as_bytes(), both.as_bytes(), &DiffOptions::default());
        let without = |hunks: &[usize]| diff.without_hunks(hunks, old.as_bytes(), both.as_bytes());
        assert_eq!(without(&[1]), ten.as_bytes());
        assert_eq!(without(&[1, 0, 1, 7]), old.as_bytes());
        assert_eq!(without(&[]), both.as_bytes());
    }

    #[test]
    fn rows_can_be_read_from_anywhere() {
        let old = numbers(0..2000);
        let new = old.replace("7\n", "x\ny\n").replace("3\n", "");
        let diff = FileDiff::compute(old.as_bytes(), new.as_bytes(), &DiffOptions::default());
        for (at, _) in diff.hunks().iter().enumerate() {
            let all: Vec<_> = diff.lines(at).collect();
            assert_eq!(all.len(), diff.n_rows(at) as usize);
            for from in (0..all.len()).step_by(7) {
                let rows: Vec<_> = diff.rows_from(at, from as u32).take(3).collect();
                assert_eq!(rows, all[from..all.len().min(from + 3)]);
            }
        }
    }

    #[test]
    fn keys_follow_the_content_not_the_place() {
        let old = numbers(0..40);
        let new = old.replace("\n30\n", "\nthirty\n");
        let keys = |path: &str, old: &str, new: &str| {
            let diff = FileDiff::compute(old.as_bytes(), new.as_bytes(), &DiffOptions::default());
            diff.hunk_keys(&path.into(), old.as_bytes(), new.as_bytes())
        };
        let moved = (format!("top\n{old}"), format!("top\n{new}"));
        assert_eq!(keys("p", &old, &new), keys("p", &moved.0, &moved.1));
        assert_ne!(keys("p", &old, &new), keys("q", &old, &new));
        assert_ne!(keys("p", &old, &new), keys("p", &old, &new.replace("thirty", "30!")));
        let (twice, twice_new) = (format!("a\n{old}a\n{old}"), format!("b\n{old}b\n{old}"));
        let both = keys("p", &twice, &twice_new);
        assert_eq!(both.len(), 2);
        assert_ne!(both[0], both[1]);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn a_diff_rebuilds_the_new_content(old in "([abc]{0,2}\r?\n){0,20}[ab]{0,2}", new in "([abc]{0,2}\r?\n){0,20}[ab]{0,2}", context in 0_u32..4) {
            let (old, new) = (old.as_bytes(), new.as_bytes());
            let diff = FileDiff::compute(old, new, &DiffOptions { context, ..DiffOptions::default() });
            let (mut rebuilt, mut at) = (Vec::new(), 0);
            for (index, hunk) in diff.hunks().iter().enumerate() {
                let start = diff.old_starts[hunk.old_from() as usize] as usize;
                rebuilt.extend_from_slice(&old[at..start]);
                for line in diff.lines(index).filter(|line| line.kind != PatchLineKind::Removed) {
                    rebuilt.extend_from_slice(line.bytes(old, new));
                }
                at = diff.old_starts[(hunk.old_from() + hunk.old_len) as usize] as usize;
            }
            rebuilt.extend_from_slice(&old[at..]);
            assert_eq!(rebuilt, new);
        }
    }
}
