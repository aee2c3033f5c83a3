//! The text that a change brings into a file: what content rules look at, worked out once a file.

mod lines;

use std::cell::OnceCell;
use std::collections::HashMap;

use lines::{Keyed, lines};

use crate::diff::{FileChange, FileMode, FileSide};

/// The longest line that content rules read, in bytes: what is longer is generated, and no person reads it.
pub(super) const LONGEST_LINE: usize = 20_000;

/// A side as text; `None` for links, submodules, binaries and what is not UTF-8.
pub(super) fn text(side: Option<&FileSide>) -> Option<&str> {
    let side = side?;
    if !matches!(side.mode, FileMode::Regular | FileMode::Executable) || side.is_binary() {
        return None;
    }
    std::str::from_utf8(&side.content).ok()
}

/// Both sides of a changed file as text, and the lines in which they differ.
pub(super) struct Texts<'a> {
    /// The change itself.
    pub(super) file: &'a FileChange,
    /// The old side, where it is text.
    pub(super) old: Option<&'a str>,
    /// The new side, where it is text.
    pub(super) new: Option<&'a str>,
    /// Worked out when it is first asked for: of a file that is new most rules want the text alone.
    differing: OnceCell<Differing<'a>>,
}

impl<'a> Texts<'a> {
    /// Compares the sides of `file`.
    pub(super) fn of(file: &'a FileChange) -> Self {
        let (old, new) = (text(file.old.as_ref()), text(file.new.as_ref()));
        Self { file, old, new, differing: OnceCell::new() }
    }

    fn lines(&self) -> &Differing<'a> {
        let differing = || self.new.map_or_else(Differing::default, |new| differing(self.old.unwrap_or(""), new));
        self.differing.get_or_init(differing)
    }

    /// The lines of the new side that the old side does not have, without their endings, with their numbers
    /// (1-based). A line that moved is not added; a line that occurs once more is, at its last place. What is too
    /// long to be read is left out.
    pub(super) fn added(&self) -> impl Iterator<Item = (u32, &'a str)> + '_ {
        self.lines().came.iter().copied().filter(|(_, line)| line.len() <= LONGEST_LINE)
    }

    /// The lines of [`Texts::came`] that follow one another, as one text each, with the number of its first line.
    pub(super) fn runs(&self) -> impl Iterator<Item = (u32, &'a str)> + '_ {
        // of a new text all lines came
        let whole = self.new.filter(|new| self.old.is_none_or(str::is_empty) && !new.is_empty());
        let whole =
            whole.map(|new| (1, new.strip_suffix('\n').map_or(new, |new| new.strip_suffix('\r').unwrap_or(new))));
        let came = if whole.is_some() { &[] } else { self.came() };
        let runs = came.chunk_by(|(number, _), (next, _)| number + 1 == *next);
        let parts = runs.filter_map(|run| {
            let (new, (number, first), (_, last)) = (self.new?, run.first()?, run.last()?);
            let offset = |line: &str| line.as_ptr().addr() - new.as_ptr().addr();
            Some((*number, &new[offset(first)..offset(last) + last.len()]))
        });
        whole.into_iter().chain(parts)
    }

    /// As [`Texts::added`], with lines of any length.
    pub(super) fn came(&self) -> &[(u32, &'a str)] {
        &self.lines().came
    }

    /// The lines of the old side that the new side does not have, in no order; none where the new side is no text.
    pub(super) fn went(&self) -> &[&'a str] {
        &self.lines().went
    }

    /// Both sides from the first line that differs to the last.
    pub(super) fn middle(&self) -> (&'a str, &'a str) {
        self.lines().middle
    }
}

/// In which lines two texts differ.
#[derive(Default)]
struct Differing<'a> {
    came: Vec<(u32, &'a str)>,
    went: Vec<&'a str>,
    middle: (&'a str, &'a str),
}

/// The lines that `new` has more often than `old`, each at its last places, and those that it has less often.
///
/// The lines above the first difference and below the last one are not looked up: most of a file is there.
fn differing<'a>(old: &'a str, new: &'a str) -> Differing<'a> {
    let above = common_above(old, new);
    let below = common_below(&old[above..], &new[above..]);
    let (old, ending) = (&old[above..old.len() - below], &new[new.len() - below..]);
    let first = memchr::memchr_iter(b'\n', &new.as_bytes()[..above]).count() as u32 + 1;
    let new = &new[above..new.len() - below];
    // 40: the usual bytes of a line; growing a table costs as much as filling it
    let mut left: HashMap<&str, u32, Keyed> = HashMap::with_capacity_and_hasher(old.len() / 40, Keyed::default());
    for line in lines(old) {
        *left.entry(line).or_default() += 1;
    }
    let mut came = Vec::new();
    let mut number = first;
    for line in lines(new) {
        match left.get_mut(line).filter(|left| **left > 0) {
            Some(left) => *left -= 1,
            None => came.push((number, line)),
        }
        number += 1;
    }
    let went = left.into_iter().filter(|(_, count)| *count > 0);
    let went = went.flat_map(|(line, count)| std::iter::repeat_n(line, count as usize)).collect();
    if !came.is_empty() && !ending.is_empty() {
        came = at_their_last_places(came, ending, number);
    }
    Differing { came, went, middle: (old, new) }
}

/// Moves lines that came to their last places: `ending` is what follows below, from line `number` on.
fn at_their_last_places<'a>(came: Vec<(u32, &'a str)>, ending: &'a str, number: u32) -> Vec<(u32, &'a str)> {
    let mut more: HashMap<&str, u32, Keyed> = HashMap::default();
    // asked before the map: which lines there can be, by their length and last bytes
    let mut sieve = [0_u64; 64];
    for (_, line) in &came {
        *more.entry(line).or_default() += 1;
        let bit = sieve_bit(line);
        sieve[bit / 64] |= 1 << (bit % 64);
    }
    let may = |line: &str| {
        let bit = sieve_bit(line);
        sieve[bit / 64] & (1 << (bit % 64)) != 0
    };
    let again: Vec<(u32, &str)> =
        (number..).zip(lines(ending)).filter(|(_, line)| may(line) && more.contains_key(line)).collect();
    let mut moved = Vec::new();
    let mut taken: HashMap<&str, u32> = HashMap::new();
    for (number, line) in again.into_iter().rev() {
        if let Some(left) = more.get_mut(line).filter(|left| **left > 0) {
            *left -= 1;
            *taken.entry(line).or_default() += 1;
            moved.push((number, line));
        }
    }
    if moved.is_empty() {
        return came;
    }
    let stays = |(_, line): &(u32, &str)| match taken.get_mut(*line).filter(|left| **left > 0) {
        Some(left) => {
            *left -= 1;
            false
        }
        None => true,
    };
    came.into_iter().filter(stays).chain(moved.into_iter().rev()).collect()
}

/// A place in a sieve of 4,096 bits.
fn sieve_bit(line: &str) -> usize {
    let bytes = line.as_bytes();
    let mut last = [0; 8];
    let tail = &bytes[bytes.len().saturating_sub(8)..];
    last[..tail.len()].copy_from_slice(tail);
    let mixed = (u64::from_le_bytes(last) ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 52) as usize
}

/// How many bytes are compared at once before the place of a difference is looked for.
const STRIDE: usize = 256;

/// The bytes of whole lines that both texts start with.
fn common_above(one: &str, other: &str) -> usize {
    let (a, b) = (one.as_bytes(), other.as_bytes());
    let most = a.len().min(b.len());
    let mut at = 0;
    while at + STRIDE <= most && a[at..at + STRIDE] == b[at..at + STRIDE] {
        at += STRIDE;
    }
    at += a[at..most].iter().zip(&b[at..most]).take_while(|(x, y)| x == y).count();
    memchr::memrchr(b'\n', &a[..at]).map_or(0, |newline| newline + 1)
}

/// The bytes of whole lines that both texts end with.
fn common_below(one: &str, other: &str) -> usize {
    let (a, b) = (one.as_bytes(), other.as_bytes());
    let most = a.len().min(b.len());
    let same = |from: usize, to: usize| a[a.len() - to..a.len() - from] == b[b.len() - to..b.len() - from];
    let mut at = 0;
    while at + STRIDE <= most && same(at, at + STRIDE) {
        at += STRIDE;
    }
    let rest = a[..a.len() - at].iter().rev().zip(b[..b.len() - at].iter().rev());
    at += rest.take_while(|(x, y)| x == y).count();
    // the line that the first newline ends may have begun differently
    let tail = &a[a.len() - at..];
    memchr::memchr(b'\n', tail).map_or(0, |newline| tail.len() - newline - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(old: Option<&str>, new: &str, expected: &[(u32, &str)]) {
        let side = |text: &str| FileSide::regular(text.as_bytes());
        let file = FileChange { path: "a".into(), old: old.map(side), new: Some(side(new)) };
        assert_eq!(Texts::of(&file).added().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn only_new_lines_are_added() {
        check(None, "a\nb\n", &[(1, "a"), (2, "b")]);
        check(Some("a\nb\n"), "b\na\n", &[]);
        check(Some("a\n"), "a\nx\na\n", &[(2, "x"), (3, "a")]);
        check(Some("a\r\n"), "a\n", &[]);
        check(None, "a\0b", &[]);
        check(Some("q\na"), "a\nq\na", &[(3, "a")]);
        check(Some("x\ny\nz\n"), "x\nnew\ny\nz\n", &[(2, "new")]);
    }

    /// The definition, word for word: every line of the old side is looked up.
    fn by_definition<'a>(old: &'a str, new: &'a str) -> (Vec<(u32, &'a str)>, Vec<&'a str>) {
        let mut had: HashMap<&str, u32> = HashMap::new();
        for line in old.lines() {
            *had.entry(line).or_default() += 1;
        }
        let mut came = Vec::new();
        for (number, line) in (1_u32..).zip(new.lines()) {
            match had.get_mut(line).filter(|left| **left > 0) {
                Some(left) => *left -= 1,
                None => came.push((number, line)),
            }
        }
        (came, had.into_iter().flat_map(|(line, count)| std::iter::repeat_n(line, count as usize)).collect())
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, cases: 2000, ..Default::default() })]

        #[test]
        fn leaving_out_the_ends_changes_nothing(
            above in "([abé]{0,2}\r?\n){0,4}", old in "([abé]{0,2}\r?\n){0,6}[ab\r]{0,2}",
            new in "([abé]{0,2}\r?\n){0,6}[ab\r]{0,2}", below in "([abé]{0,2}\r?\n){0,6}[ab]{0,1}",
        ) {
            let (old, new) = (format!("{above}{old}{below}"), format!("{above}{new}{below}"));
            let Differing { came, mut went, middle } = differing(&old, &new);
            assert!(old.contains(middle.0) && new.contains(middle.1));
            let (expected_came, mut expected_went) = by_definition(&old, &new);
            went.sort_unstable();
            expected_went.sort_unstable();
            assert_eq!((came, went), (expected_came, expected_went));
        }
    }
}
