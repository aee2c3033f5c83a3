//! Which lines differ: similar's Myers over numbered lines.

use std::borrow::Cow;
use std::collections::HashMap;

use memchr::memchr_iter;
use similar::{Algorithm, DiffTag, capture_diff_deadline};

use super::{DiffOptions, Whitespace};

/// Lines that differ: `old_len` old ones from `old` on became `new_len` new ones from `new` on (0-based).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::diff) struct Block {
    pub(in crate::diff) old: u32,
    pub(in crate::diff) old_len: u32,
    pub(in crate::diff) new: u32,
    pub(in crate::diff) new_len: u32,
    /// New lines of all blocks above: rows are counted with it.
    pub(in crate::diff) added_above: u32,
}

impl Block {
    pub(in crate::diff) fn old_end(self) -> u32 {
        self.old + self.old_len
    }

    pub(in crate::diff) fn new_end(self) -> u32 {
        self.new + self.new_len
    }
}

/// Where each line starts, and at last where the content ends.
pub(in crate::diff) fn line_starts(content: &[u8]) -> Vec<u32> {
    let offset = |at: usize| u32::try_from(at).expect("contents of 4 GiB are not compared");
    let lines = memchr_iter(b'\n', content).count() + usize::from(content.last().is_some_and(|byte| *byte != b'\n'));
    let mut starts = Vec::with_capacity(lines + 1);
    starts.push(0);
    starts.extend(memchr_iter(b'\n', content).map(|at| offset(at + 1)));
    if starts.last().is_some_and(|last| *last as usize != content.len()) {
        starts.push(offset(content.len()));
    }
    starts
}

type Side<'a> = (&'a [u8], &'a [u32]);

fn line<'a>((content, starts): Side<'a>, at: usize) -> &'a [u8] {
    &content[starts[at] as usize..starts[at + 1] as usize]
}

/// The blocks that differ, from the top.
pub(in crate::diff) fn blocks(old: Side<'_>, new: Side<'_>, options: &DiffOptions) -> Vec<Block> {
    let (n_old, n_new) = (old.1.len() - 1, new.1.len() - 1);
    if old.0 == new.0 {
        return Vec::new();
    }
    let (above, below) = match options.whitespace {
        Whitespace::Exact => common_ends(old, new),
        _ => (0, 0),
    };
    let (old_ids, new_ids) = numbered(old, above..n_old - below, new, above..n_new - below, options.whitespace);
    let ops = capture_diff_deadline(
        Algorithm::Myers,
        &old_ids[..],
        0..old_ids.len(),
        &new_ids[..],
        0..new_ids.len(),
        options.deadline,
    );
    let mut found: Vec<Block> = Vec::new();
    let number = |at: usize| u32::try_from(at).expect("contents of 4 GiB are not compared");
    for op in ops.iter().filter(|op| op.tag() != DiffTag::Equal) {
        let (old, new) = (op.old_range(), op.new_range());
        let block = Block {
            old: number(old.start + above),
            old_len: number(old.len()),
            new: number(new.start + above),
            new_len: number(new.len()),
            added_above: 0,
        };
        push(&mut found, block);
    }
    found
}

/// Appends a block; one that touches the block above becomes part of it.
fn push(found: &mut Vec<Block>, block: Block) {
    match found.last_mut() {
        Some(last) if last.old_end() == block.old && last.new_end() == block.new => {
            last.old_len += block.old_len;
            last.new_len += block.new_len;
        }
        Some(last) => {
            let added_above = last.added_above + last.new_len;
            found.push(Block { added_above, ..block });
        }
        None => found.push(block),
    }
}

/// How many lines at the start and at the end are the same: they need no numbers.
fn common_ends(old: Side<'_>, new: Side<'_>) -> (usize, usize) {
    let most = old.1.len().min(new.1.len()) - 1;
    let same = common_prefix(old.0, new.0);
    // lines that end within the common bytes; a last line without newline only where both end there
    let above = old.1[1..].partition_point(|end| *end as usize <= same).min(most);
    let above = if above > 0 && line(old, above - 1) != line(new, above - 1) { above - 1 } else { above };
    let mut below = 0;
    while above + below < most && line(old, old.1.len() - 2 - below) == line(new, new.1.len() - 2 - below) {
        below += 1;
    }
    (above, below)
}

fn common_prefix(old: &[u8], new: &[u8]) -> usize {
    const CHUNK: usize = 256;
    let whole = old.chunks(CHUNK).zip(new.chunks(CHUNK)).take_while(|(old, new)| old == new).count() * CHUNK;
    let whole = whole.min(old.len()).min(new.len());
    whole + old[whole..].iter().zip(&new[whole..]).take_while(|(old, new)| old == new).count()
}

/// Gives equal lines equal numbers, so that comparing lines is comparing numbers.
fn numbered(
    old: Side<'_>,
    old_range: std::ops::Range<usize>,
    new: Side<'_>,
    new_range: std::ops::Range<usize>,
    whitespace: Whitespace,
) -> (Vec<u32>, Vec<u32>) {
    let mut numbers: HashMap<Cow<'_, [u8]>, u32> = HashMap::with_capacity(old_range.len());
    let mut ids = |side, range: std::ops::Range<usize>| -> Vec<u32> {
        range.map(|at| number_of(&mut numbers, key(line(side, at), whitespace))).collect()
    };
    let old_ids = ids(old, old_range);
    (old_ids, ids(new, new_range))
}

fn number_of<'a>(numbers: &mut HashMap<Cow<'a, [u8]>, u32>, text: Cow<'a, [u8]>) -> u32 {
    let next = u32::try_from(numbers.len()).expect("contents of 4 GiB are not compared");
    *numbers.entry(text).or_insert(next)
}

/// What of a line counts.
fn key(line: &[u8], whitespace: Whitespace) -> Cow<'_, [u8]> {
    match whitespace {
        Whitespace::Exact => Cow::Borrowed(line),
        Whitespace::IgnoreAtEnd => Cow::Borrowed(line.trim_ascii_end()),
        Whitespace::IgnoreAll => line.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect(),
        Whitespace::IgnoreAmount => {
            let mut squeezed = Vec::with_capacity(line.len());
            for byte in line.trim_ascii_end() {
                match (byte.is_ascii_whitespace(), squeezed.last()) {
                    (true, Some(b' ')) => {}
                    (true, _) => squeezed.push(b' '),
                    (false, _) => squeezed.push(*byte),
                }
            }
            Cow::Owned(squeezed)
        }
    }
}
