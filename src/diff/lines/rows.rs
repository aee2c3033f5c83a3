//! The rows of a hunk, made when they are looked at.

use std::ops::Range;

use super::{Block, FileDiff, Hunk};
use crate::diff::PatchLineKind;

/// One row of a diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffLine {
    /// What became of the line.
    pub kind: PatchLineKind,
    /// Its number in the old content, 1-based; `None` where it was added.
    pub old_number: Option<u32>,
    /// Its number in the new content, 1-based; `None` where it was removed.
    pub new_number: Option<u32>,
    /// Its bytes, line end included: in the old content where it was removed, else in the new one.
    pub range: Range<u32>,
}

impl DiffLine {
    /// The line's bytes, line end included, from the contents that were compared.
    #[must_use]
    pub fn bytes<'a>(&self, old: &'a [u8], new: &'a [u8]) -> &'a [u8] {
        let content = if self.kind == PatchLineKind::Removed { old } else { new };
        &content[self.range.start as usize..self.range.end as usize]
    }
}

impl FileDiff {
    /// How many rows a hunk has.
    #[must_use]
    pub fn n_rows(&self, hunk: usize) -> u32 {
        let hunk = &self.hunks[hunk];
        hunk.old_len + self.added_in(hunk.first_block, hunk.end_block)
    }

    /// New lines of the blocks `first..end`.
    fn added_in(&self, first: usize, end: usize) -> u32 {
        let last = self.blocks[end - 1];
        last.added_above + last.new_len - self.blocks[first].added_above
    }

    /// All rows of a hunk.
    pub fn lines(&self, hunk: usize) -> impl Iterator<Item = DiffLine> + '_ {
        self.rows_from(hunk, 0)
    }

    /// The rows of a hunk from the `row`-th (0-based) on. Costs the same wherever that is.
    pub fn rows_from(&self, hunk: usize, row: u32) -> impl Iterator<Item = DiffLine> + '_ {
        let end = self.n_rows(hunk);
        let hunk = &self.hunks[hunk];
        let mut at =
            self.blocks[hunk.first_block..hunk.end_block].partition_point(|block| self.row_of(hunk, *block) <= row);
        (row..end).map(move |row| {
            while at < hunk.end_block - hunk.first_block && self.row_of(hunk, self.blocks[hunk.first_block + at]) <= row
            {
                at += 1;
            }
            let block = at.checked_sub(1).map(|above| self.blocks[hunk.first_block + above]);
            self.line_at(hunk, block, row)
        })
    }

    /// The row of a hunk that a block starts at.
    fn row_of(&self, hunk: &Hunk, block: Block) -> u32 {
        block.old - hunk.old_from() + block.added_above - self.blocks[hunk.first_block].added_above
    }

    /// The row's line; `block` is the last one that starts at or above it.
    fn line_at(&self, hunk: &Hunk, block: Option<Block>, row: u32) -> DiffLine {
        let Some(block) = block else {
            return self.context(hunk.old_from() + row, hunk.new_from() + row);
        };
        let within = row - self.row_of(hunk, block);
        if within < block.old_len {
            let at = block.old + within;
            let range = self.old_starts[at as usize]..self.old_starts[at as usize + 1];
            return DiffLine { kind: PatchLineKind::Removed, old_number: Some(at + 1), new_number: None, range };
        }
        let within = within - block.old_len;
        if within < block.new_len {
            let at = block.new + within;
            let range = self.new_starts[at as usize]..self.new_starts[at as usize + 1];
            return DiffLine { kind: PatchLineKind::Added, old_number: None, new_number: Some(at + 1), range };
        }
        let below = within - block.new_len;
        self.context(block.old_end() + below, block.new_end() + below)
    }

    fn context(&self, old: u32, new: u32) -> DiffLine {
        let range = self.new_starts[new as usize]..self.new_starts[new as usize + 1];
        DiffLine { kind: PatchLineKind::Context, old_number: Some(old + 1), new_number: Some(new + 1), range }
    }

    /// The line on the other side that a changed line is best read beside, 1-based: in a block the first removed
    /// line belongs to the first added one, and so on.
    #[must_use]
    pub fn counterpart(&self, line: &DiffLine) -> Option<u32> {
        let block_at = |start: fn(&Block) -> u32, number: u32| {
            let after = self.blocks.partition_point(|block| start(block) < number);
            self.blocks.get(after.checked_sub(1)?)
        };
        match (line.kind, line.old_number, line.new_number) {
            (PatchLineKind::Removed, Some(number), _) => {
                let block = block_at(|block| block.old, number)?;
                let within = number - 1 - block.old;
                (within < block.new_len).then(|| block.new + within + 1)
            }
            (PatchLineKind::Added, _, Some(number)) => {
                let block = block_at(|block| block.new, number)?;
                let within = number - 1 - block.new;
                (within < block.old_len).then(|| block.old + within + 1)
            }
            _ => None,
        }
    }

    /// The bytes of an old line (1-based), line end included.
    #[must_use]
    pub fn old_line<'a>(&self, old: &'a [u8], number: u32) -> Option<&'a [u8]> {
        numbered_line(&self.old_starts, old, number)
    }

    /// The bytes of a new line (1-based), line end included.
    #[must_use]
    pub fn new_line<'a>(&self, new: &'a [u8], number: u32) -> Option<&'a [u8]> {
        numbered_line(&self.new_starts, new, number)
    }
}

fn numbered_line<'a>(starts: &[u32], content: &'a [u8], number: u32) -> Option<&'a [u8]> {
    let at = number.checked_sub(1)? as usize;
    content.get(*starts.get(at)? as usize..*starts.get(at + 1)? as usize)
}
