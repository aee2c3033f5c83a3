//! A file's lines, and where given lines stand in it: to the byte, or with something overlooked.

use std::cell::OnceCell;
use std::collections::HashMap;

/// What is overlooked when lines are compared, from nothing to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Nothing.
    Exact,
    /// CR LF against LF.
    LineEnds,
    /// Blanks at the end of a line.
    TrailingBlanks,
    /// Blanks at both ends; whether the indentation fits is another question.
    Indentation,
}

impl Class {
    pub(super) const ALL: [Self; 4] = [Self::Exact, Self::LineEnds, Self::TrailingBlanks, Self::Indentation];

    /// The part of `line` that is compared.
    fn key(self, line: &[u8]) -> &[u8] {
        match self {
            Self::Exact => line,
            Self::LineEnds => line.strip_suffix(b"\r").unwrap_or(line),
            Self::TrailingBlanks => line.trim_ascii_end(),
            Self::Indentation => line.trim_ascii(),
        }
    }
}

/// The most places of one text that are told apart.
pub(super) const MOST_PLACES: usize = 256;

/// Places, 0-based lines, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) starts: Vec<usize>,
    /// There are more than [`MOST_PLACES`].
    pub(super) more: bool,
}

/// A file's content as lines.
pub(super) struct FileText<'a> {
    /// Without their `\n`; a `\r` stays.
    pub(super) lines: Vec<&'a [u8]>,
    /// Whether the last line ends with a newline.
    pub(super) is_ended: bool,
    content: &'a [u8],
    indexes: [OnceCell<Index<'a>>; 4],
}

/// Equal lines have equal numbers.
struct Index<'a> {
    ids: Vec<u32>,
    known: HashMap<&'a [u8], u32>,
    /// Per id: its first place and how many there are.
    heads: Vec<(u32, u32)>,
    /// Per line: the next equal one.
    next: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl<'a> FileText<'a> {
    pub(super) fn new(content: &'a [u8]) -> Self {
        let is_ended = content.is_empty() || content.ends_with(b"\n");
        let body = content.strip_suffix(b"\n").unwrap_or(content);
        let mut lines = Vec::new();
        if !content.is_empty() {
            let mut from = 0;
            for at in memchr::memchr_iter(b'\n', body) {
                lines.push(&body[from..at]);
                from = at + 1;
            }
            lines.push(&body[from..]);
        }
        Self { lines, is_ended, content, indexes: Default::default() }
    }

    pub(super) fn content(&self) -> &'a [u8] {
        self.content
    }

    /// Whether lines end with CR LF at `line`, or near it.
    pub(super) fn has_cr(&self, line: usize) -> bool {
        let near = [line.checked_sub(1), Some(line)].into_iter().flatten();
        near.filter_map(|at| self.lines.get(at)).next().is_some_and(|line| line.ends_with(b"\r"))
    }

    fn index(&self, class: Class) -> &Index<'a> {
        self.indexes[class as usize].get_or_init(|| {
            let count = self.lines.len();
            let mut index = Index {
                ids: Vec::with_capacity(count),
                known: HashMap::new(),
                heads: Vec::new(),
                next: vec![NONE; count],
            };
            for line in &self.lines {
                let fresh = u32::try_from(index.known.len()).expect("a file has fewer than 2^32 lines");
                index.ids.push(*index.known.entry(class.key(line)).or_insert(fresh));
            }
            index.heads = vec![(NONE, 0); index.known.len()];
            for (at, id) in index.ids.iter().enumerate().rev() {
                let head = &mut index.heads[*id as usize];
                index.next[at] = head.0;
                *head = (u32::try_from(at).expect("a file has fewer than 2^32 lines"), head.1 + 1);
            }
            index
        })
    }

    /// Where `wanted` stands, whole lines, in `class`.
    pub(super) fn find(&self, wanted: &[&[u8]], class: Class) -> Places {
        let none = Places { starts: Vec::new(), more: false };
        if wanted.is_empty() || wanted.len() > self.lines.len() {
            return none;
        }
        let index = self.index(class);
        let ids: Option<Vec<u32>> = wanted.iter().map(|line| index.known.get(class.key(line)).copied()).collect();
        let Some(ids) = ids else { return none };
        let (rarest, count) = ids
            .iter()
            .enumerate()
            .map(|(at, id)| (at, index.heads[*id as usize].1))
            .min_by_key(|found| found.1)
            .expect("not empty");
        // few places of its rarest line are looked at one by one; many cost no more than the file's length
        if (count as usize).saturating_mul(ids.len()) <= 4 * self.lines.len() {
            collect(
                index
                    .places_of(ids[rarest])
                    .filter_map(|at| at.checked_sub(rarest))
                    .filter(|start| index.ids.get(*start..start + ids.len()) == Some(&ids)),
            )
        } else {
            collect(Knuth::new(&index.ids, &ids))
        }
    }
}

impl Index<'_> {
    fn places_of(&self, id: u32) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(self.heads[id as usize].0), |at| self.next.get(*at as usize).copied())
            .take_while(|at| *at != NONE)
            .map(|at| at as usize)
    }
}

fn collect(starts: impl Iterator<Item = usize>) -> Places {
    let mut starts: Vec<usize> = starts.take(MOST_PLACES + 1).collect();
    let more = starts.len() > MOST_PLACES;
    starts.truncate(MOST_PLACES);
    Places { starts, more }
}

/// Knuth, Morris and Pratt: every place, overlapping ones too, each line looked at once.
struct Knuth<'a> {
    text: &'a [u32],
    wanted: &'a [u32],
    /// Per length matched: the longest shorter one that may go on.
    back: Vec<usize>,
    at: usize,
    matched: usize,
}

impl<'a> Knuth<'a> {
    fn new(text: &'a [u32], wanted: &'a [u32]) -> Self {
        let mut back = vec![0; wanted.len() + 1];
        let mut len = 0;
        for at in 1..wanted.len() {
            while len > 0 && wanted[at] != wanted[len] {
                len = back[len];
            }
            len += usize::from(wanted[at] == wanted[len]);
            back[at + 1] = len;
        }
        Self { text, wanted, back, at: 0, matched: 0 }
    }
}

impl Iterator for Knuth<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while let Some(id) = self.text.get(self.at) {
            self.at += 1;
            while self.matched > 0 && self.wanted[self.matched] != *id {
                self.matched = self.back[self.matched];
            }
            self.matched += usize::from(self.wanted[self.matched] == *id);
            if self.matched == self.wanted.len() {
                self.matched = self.back[self.matched];
                return Some(self.at - self.wanted.len());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &str, wanted: &[&str], class: Class, expected: &[usize]) {
        let text = FileText::new(file.as_bytes());
        let wanted: Vec<&[u8]> = wanted.iter().map(|line| line.as_bytes()).collect();
        assert_eq!(text.find(&wanted, class).starts, expected);
    }

    #[test]
    fn whole_lines_are_found_everywhere() {
        check("a\nb\na\nb\n", &["a", "b"], Class::Exact, &[0, 2]);
        check("a\na\na\n", &["a", "a"], Class::Exact, &[0, 1]);
        check("ab\n", &["a"], Class::Exact, &[]);
        check("a\r\nb\r\n", &["a", "b"], Class::Exact, &[]);
        check("a\r\nb\r\n", &["a", "b"], Class::LineEnds, &[0]);
        check("a \nb", &["a", "b\t"], Class::TrailingBlanks, &[0]);
        check("  a\n    b\n", &["a", "b"], Class::Indentation, &[0]);
        check("", &["a"], Class::Exact, &[]);
    }

    #[test]
    fn both_ways_of_searching_find_the_same() {
        let text: Vec<u32> = (0..400).map(|at| (at * at) % 3).collect();
        for wanted in [vec![0, 1, 1, 0], vec![1], vec![0, 1], vec![2, 2]] {
            let slow: Vec<usize> =
                (0..=text.len() - wanted.len()).filter(|at| text[*at..at + wanted.len()] == wanted).collect();
            assert_eq!(Knuth::new(&text, &wanted).collect::<Vec<_>>(), slow);
        }
    }
}
