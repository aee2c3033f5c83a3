//! The text that a change brings into a file: what content rules look at, worked out once a file.

mod lines;
mod pairs;

use std::collections::HashMap;
use std::sync::OnceLock;

use lines::{Keyed, lines};
use pairs::{common_above, common_below};

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
    differing: OnceLock<Differing<'a>>,
}

impl<'a> Texts<'a> {
    /// Compares the sides of `file`.
    pub(super) fn of(file: &'a FileChange) -> Self {
        let (old, new) = (text(file.old.as_ref()), text(file.new.as_ref()));
        Self { file, old, new, differing: OnceLock::new() }
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
/// Lines that plainly follow one another on both sides are paired first and not looked up: most of a file is there.
fn differing<'a>(old: &'a str, new: &'a str) -> Differing<'a> {
    let above = common_above(old, new);
    let below = common_below(&old[above..], &new[above..]);
    let first = memchr::memchr_iter(b'\n', &new.as_bytes()[..above]).count() as u32 + 1;
    let middle = (&old[above..old.len() - below], &new[above..new.len() - below]);
    let alone = pairs::without_pairs(middle.0, middle.1, first);
    let mut left: HashMap<&str, u32, Keyed> = HashMap::with_capacity_and_hasher(alone.old.len(), Keyed::default());
    for line in alone.old {
        *left.entry(line).or_default() += 1;
    }
    let mut came = Vec::new();
    for (number, line) in alone.new {
        match left.get_mut(line).filter(|left| **left > 0) {
            Some(left) => *left -= 1,
            None => came.push((number, line)),
        }
    }
    let went = left.into_iter().filter(|(_, count)| *count > 0);
    let went = went.flat_map(|(line, count)| std::iter::repeat_n(line, count as usize)).collect();
    Differing { came: at_their_last_places(came, new), went, middle }
}

/// As many of each of the lines that came, each at its last places in `new`.
fn at_their_last_places<'a>(came: Vec<(u32, &'a str)>, new: &'a str) -> Vec<(u32, &'a str)> {
    let Some((number, line)) = came.first() else { return came };
    let from_first = &new[line.as_ptr().addr() - new.as_ptr().addr()..];
    let mut more: HashMap<&str, u32, Keyed> = HashMap::with_capacity_and_hasher(came.len(), Keyed::default());
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
    let all: Vec<(u32, &str)> =
        (*number..).zip(lines(from_first)).filter(|(_, line)| may(line) && more.contains_key(line)).collect();
    if all.len() == came.len() {
        return came;
    }
    let mut last = Vec::with_capacity(came.len());
    for (number, line) in all.into_iter().rev() {
        if let Some(left) = more.get_mut(line).filter(|left| **left > 0) {
            *left -= 1;
            last.push((number, line));
        }
    }
    last.reverse();
    last
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
