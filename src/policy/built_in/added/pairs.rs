//! Lines that stand on both sides in the same order: what needs no look-up.

use super::lines::lines;

/// How many bytes are compared at once before the place of a difference is looked for.
const STRIDE: usize = 256;

/// The bytes of whole lines that both texts start with.
pub(super) fn common_above(one: &str, other: &str) -> usize {
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
pub(super) fn common_below(one: &str, other: &str) -> usize {
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

/// The lines of two texts that have no partner on the other side.
#[derive(Default)]
pub(super) struct Alone<'a> {
    pub(super) old: Vec<&'a str>,
    /// With their numbers.
    pub(super) new: Vec<(u32, &'a str)>,
}

/// How many lines of each side are held against one another where the sides part; more, if that finds nothing.
const WINDOWS: [usize; 2] = [8, 32];
/// How far, in bytes, the end of a long insertion or deletion is looked for. // some thousand lines
const FAR: usize = 64 << 10;

/// Leaves out pairs of equal lines, each line in one pair at most. `first` is the number of the first line of `new`.
///
/// Which of them pair is no promise: a line that has a partner elsewhere may be left over on both sides.
pub(super) fn without_pairs<'a>(mut old: &'a str, mut new: &'a str, first: u32) -> Alone<'a> {
    let (mut alone, mut number) = (Alone::default(), first);
    while !old.is_empty() && !new.is_empty() {
        let same = common_above(old, new);
        number += memchr::memchr_iter(b'\n', &new.as_bytes()[..same]).count() as u32;
        (old, new) = (&old[same..], &new[same..]);
        let near = || WINDOWS.iter().find_map(|window| meeting(old, new, *window));
        let long = || {
            let inserted = || far_below(old, new).map(|news| (0, news));
            inserted().or_else(|| far_below(new, old).map(|olds| (olds, 0)))
        };
        // what pairs with nothing in sight is looked up, and all below it
        let Some((olds, news)) = near().or_else(long) else { break };
        let (old_end, new_end) = (end_of(old, olds), end_of(new, news));
        alone.old.extend(lines(&old[..old_end]));
        alone.new.extend((number..).zip(lines(&new[..new_end])));
        number += news as u32;
        // the lines that meet; they need not have the same ending
        (old, new) = (&old[old_end..], &new[new_end..]);
        (old, new) = (&old[end_of(old, 1)..], &new[end_of(new, 1)..]);
        number += 1;
    }
    alone.old.extend(lines(old));
    alone.new.extend((number..).zip(lines(new)));
    alone
}

/// After how many lines of each text two equal ones follow (or one, where a text ends), the nearest first.
fn meeting(old: &str, new: &str, window: usize) -> Option<(usize, usize)> {
    let olds: Vec<&str> = lines(old).take(window + 1).collect();
    let news: Vec<&str> = lines(new).take(window + 1).collect();
    let meets = |at: usize, other: usize| match (olds.get(at), news.get(other)) {
        (Some(line), Some(twin)) if line == twin => match (olds.get(at + 1), news.get(other + 1)) {
            (Some(next), Some(next_twin)) => next == next_twin,
            _ => true,
        },
        _ => false,
    };
    let all = (0..2 * window)
        .flat_map(|sum| (sum.saturating_sub(window - 1)..=sum.min(window - 1)).map(move |at| (at, sum - at)));
    all.into_iter().find(|(at, other)| meets(*at, *other))
}

/// After how many lines of `other` the first two of `text` stand.
fn far_below(text: &str, other: &str) -> Option<usize> {
    let wanted = &text.as_bytes()[..end_of(text, 2)];
    let (bytes, sight) = (other.as_bytes(), &other.as_bytes()[..other.len().min(FAR)]);
    let starts_line = |at: &usize| *at == 0 || bytes[at - 1] == b'\n';
    let at = memchr::memmem::find_iter(sight, wanted).filter(|_| wanted.ends_with(b"\n")).find(starts_line)?;
    Some(memchr::memchr_iter(b'\n', &bytes[..at]).count())
}

/// Where the first `count` lines end.
fn end_of(text: &str, count: usize) -> usize {
    let Some(last) = count.checked_sub(1) else { return 0 };
    memchr::memchr_iter(b'\n', text.as_bytes()).nth(last).map_or(text.len(), |newline| newline + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(old: &str, new: &str, olds: &[&str], news: &[(u32, &str)]) {
        let alone = without_pairs(old, new, 1);
        assert_eq!((alone.old.as_slice(), alone.new.as_slice()), (olds, news));
    }

    #[test]
    fn lines_that_follow_one_another_are_paired() {
        check("a\nb\nc\nd\n", "a\nx\nc\nd\n", &["b"], &[(2, "x")]);
        check("a\nb\nc\n", "a\nx\ny\nb\nc\nz", &[], &[(2, "x"), (3, "y"), (6, "z")]);
        check("a\r\nb\nc", "a\nb\nc", &[], &[]);
        check("", "a\n", &[], &[(1, "a")]);
        check("a", "", &["a"], &[]);
        check("}\na\nb\n", "c\n}\nd\na\nb\n", &["}"], &[(1, "c"), (2, "}"), (3, "d")]);
    }

    #[test]
    fn a_long_insertion_is_stepped_over() {
        let long: String = (0..100).map(|number| format!("{number}\n")).collect();
        let (short, long) = ("a\nb\nc\nd\n", format!("a\nb\n{long}c\nd\n"));
        let alone = without_pairs(short, &long, 1);
        assert_eq!((alone.old.len(), alone.new.len()), (0, 100));
        let alone = without_pairs(&long, short, 1);
        assert_eq!((alone.old.len(), alone.new.len()), (100, 0));
    }
}
