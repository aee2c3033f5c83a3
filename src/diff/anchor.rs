//! Following a line from one version of a file to the next: where a comment belongs now.

use std::sync::Arc;

use super::inline_diff;
use super::lines::{Block, DiffKind, DiffOptions, blocks, kind_of, line_starts};

/// The line (1-based) of `new` that is line `line` of `old`, if it is still there.
///
/// An unchanged line is followed exactly. A changed one is followed to the most alike line that took its place, if
/// more than half of it is the same; else to where the same line moved, if that is one place and the line says
/// something.
#[must_use]
pub fn map_line(old: &[u8], new: &[u8], line: u32) -> Option<u32> {
    let at = line.checked_sub(1)?;
    if kind_of(old, new) != DiffKind::Text {
        return (old == new).then_some(line);
    }
    let (old_starts, new_starts) = (line_starts(old), line_starts(new));
    if at as usize + 1 >= old_starts.len() {
        return None;
    }
    let found = blocks((old, &old_starts), (new, &new_starts), &DiffOptions::default());
    let above = found.partition_point(|block| block.old_end() <= at);
    let shift =
        above.checked_sub(1).map_or(0, |last| i64::from(found[last].new_end()) - i64::from(found[last].old_end()));
    match found.get(above) {
        Some(block) if block.old <= at => {
            let lines = Lines { old: (old, &old_starts), new: (new, &new_starts) };
            lines.successor(at, block).or_else(|| lines.moved(at, &found)).map(|at| at + 1)
        }
        _ => u32::try_from(i64::from(line) + shift).ok(),
    }
}

/// Where a line of one version of a file is in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CarriedLine {
    /// The line (1-based): the same, or the one nearest to where it was; `None` where nothing of the file stayed.
    pub line: Option<u32>,
    /// Whether the line was changed or deleted.
    pub outdated: bool,
}

/// Two versions of a file, compared once to carry lines of the one over to the other.
#[derive(Debug, Clone)]
pub struct CarriedLines {
    old: Arc<[u8]>,
    new: Arc<[u8]>,
    old_starts: Vec<u32>,
    new_starts: Vec<u32>,
    found: Vec<Block>,
    is_text: bool,
}

impl CarriedLines {
    /// Compares them.
    #[must_use]
    pub fn new(old: Arc<[u8]>, new: Arc<[u8]>) -> Self {
        let is_text = old != new && kind_of(&old, &new) == DiffKind::Text;
        let (mut old_starts, mut new_starts, mut found) = (Vec::new(), Vec::new(), Vec::new());
        if is_text {
            (old_starts, new_starts) = (line_starts(&old), line_starts(&new));
            found = blocks((&old, &old_starts), (&new, &new_starts), &DiffOptions::default());
        }
        Self { old, new, old_starts, new_starts, found, is_text }
    }

    /// Carries line `line` (1-based) over.
    ///
    /// A line that stays, or that moved and says the same but for blanks at its ends, is there. One that was changed or
    /// deleted is outdated: it stands at the line most alike that took its place, if there is one, else at the nearest
    /// line that stays.
    #[must_use]
    pub fn line(&self, line: u32) -> CarriedLine {
        let there = |line: u32| CarriedLine { line: Some(line), outdated: false };
        if self.old == self.new {
            return there(line);
        }
        let at = line.checked_sub(1).filter(|at| (*at as usize) + 1 < self.old_starts.len());
        let Some(at) = at.filter(|_| self.is_text) else {
            return CarriedLine { line: None, outdated: true };
        };
        let lines = Lines { old: (&self.old, &self.old_starts), new: (&self.new, &self.new_starts) };
        let above = self.found.partition_point(|block| block.old_end() <= at);
        let Some(block) = self.found.get(above).filter(|block| block.old <= at) else {
            let last = above.checked_sub(1).map(|last| self.found[last]);
            // as far below the last change as it was
            return there(last.map_or(line, |last| last.new_end() + (line - last.old_end())));
        };
        let same = |candidate: &u32| Lines::line(lines.old, at) == Lines::line(lines.new, *candidate);
        let successor = lines.successor(at, block);
        if let Some(same) = successor.filter(same).or_else(|| lines.moved(at, &self.found)) {
            return there(same + 1);
        }
        let line = successor.map(|line| line + 1).or_else(|| lines.nearest(at, block));
        CarriedLine { line, outdated: true }
    }
}

struct Lines<'a> {
    old: (&'a [u8], &'a [u32]),
    new: (&'a [u8], &'a [u32]),
}

/// How many lines of a replaced block are compared: the nearest ones.
const NEAREST: u32 = 40;

/// Longer lines are followed where they stay the same, not where they are alike: that costs too much for a comment.
const LONGEST: usize = 1024;

impl<'a> Lines<'a> {
    fn line((content, starts): (&'a [u8], &'a [u32]), at: u32) -> &'a [u8] {
        content[starts[at as usize] as usize..starts[at as usize + 1] as usize].trim_ascii()
    }

    /// The most alike line of those that replaced the block; of equally alike ones the nearest in place.
    fn successor(&self, at: u32, block: &Block) -> Option<u32> {
        let wanted = Self::line(self.old, at);
        let place = (block.new + (at - block.old)).min(block.new_end().saturating_sub(1));
        let from = place.saturating_sub(NEAREST).max(block.new);
        let to = place.saturating_add(NEAREST + 1).min(block.new_end());
        let alike = |candidate: &u32| {
            let candidate_line = Self::line(self.new, *candidate);
            (likeness(wanted, candidate_line), std::cmp::Reverse(candidate.abs_diff(place)))
        };
        let best = (from..to).map(|candidate| (alike(&candidate), candidate)).max()?;
        (best.0.0 > 50).then_some(best.1)
    }

    /// The line (1-based) next to a replaced block that is nearest to one of it and stays.
    fn nearest(&self, at: u32, block: &Block) -> Option<u32> {
        let above = (block.new > 0).then_some((at - block.old, block.new));
        let after = block.new_end();
        let below = (after as usize + 1 < self.new.1.len()).then_some((block.old_end() - 1 - at, after + 1));
        [above, below].into_iter().flatten().min().map(|(_, line)| line)
    }

    /// The one added line elsewhere that reads the same.
    fn moved(&self, at: u32, found: &[Block]) -> Option<u32> {
        let wanted = Self::line(self.old, at);
        // a lone bracket or `else` is everywhere
        if wanted.iter().filter(|byte| byte.is_ascii_alphanumeric() || **byte >= 0x80).count() < 6 {
            return None;
        }
        let added = found.iter().flat_map(|block| block.new..block.new_end());
        let mut same = added.filter(|candidate| Self::line(self.new, *candidate) == wanted);
        let first = same.next()?;
        same.next().is_none().then_some(first)
    }
}

/// How much two lines have in common, in percent of the longer one.
fn likeness(old: &[u8], new: &[u8]) -> usize {
    if old == new {
        return 100;
    }
    if old.len().max(new.len()) > LONGEST {
        return 0;
    }
    let diff = inline_diff(old, new, None);
    if old.is_empty() || new.is_empty() || (diff.old.is_empty() && diff.new.is_empty()) {
        return 0;
    }
    let kept = |line: &[u8], pieces: &[std::ops::Range<usize>]| {
        line.len() - pieces.iter().map(ExactSizeIterator::len).sum::<usize>()
    };
    100 * kept(old, &diff.old).min(kept(new, &diff.new)) / old.len().max(new.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(old: &str, new: &str, line: u32, expected: Option<u32>) {
        assert_eq!(map_line(old.as_bytes(), new.as_bytes(), line), expected);
    }

    #[test]
    fn unchanged_lines_are_followed() {
        check("a\nb\nc\n", "a\nb\nc\n", 2, Some(2));
        check("a\nb\nc\n", "x\ny\na\nb\nc\n", 2, Some(4));
        check("a\nb\nc\n", "b\nc\n", 3, Some(2));
        check("a\nb\nc\n", "a\nc\n", 1, Some(1));
        check("a\nb", "a\nx\nb", 2, Some(3));
    }

    #[test]
    fn changed_lines_are_followed_to_their_likes() {
        check("a\nlet size = 10;\nc\n", "a\nlet size = 12;\nc\n", 2, Some(2));
        check("a\nlet size = 10;\nc\n", "a\nnew();\nlet size = 12;\nc\n", 2, Some(3));
        check("a\nlet size = 10;\nc\n", "a\nsomething_else();\nc\n", 2, None);
    }

    #[test]
    fn moved_lines_are_followed_where_they_are_one() {
        check("first_call();\nb\nc\nd\n", "b\nc\nd\nfirst_call();\n", 1, Some(4));
        check("first_call();\nb\nc\nd\n", "b\nc\nd\nfirst_call();\nx\nfirst_call();\n", 1, None);
        check("}\nb\nc\nd\n", "b\nc\nd\n}\n", 1, None);
    }

    #[track_caller]
    fn carried(old: &str, new: &str, line: u32, expected: Option<u32>, outdated: bool) {
        let carried = CarriedLines::new(old.as_bytes().into(), new.as_bytes().into()).line(line);
        assert_eq!(carried, CarriedLine { line: expected, outdated });
    }

    #[test]
    fn what_stays_is_carried_and_what_does_not_is_outdated() {
        carried("a\nb\nc\n", "a\nb\nc\n", 2, Some(2), false);
        carried("a\nb\nc\n", "x\ny\na\nb\nc\n", 2, Some(4), false);
        carried("a\nb\nc\n", "c\n", 3, Some(1), false);
        carried("first_call();\nb\nc\nd\n", "b\nc\nd\nfirst_call();\n", 1, Some(4), false);
        carried("a\nif x {\n}\n", "a\nnew\n    if x {\n}\n", 2, Some(3), false);
        carried("a\nlet size = 10;\nc\n", "a\nnew();\nlet size = 12;\nc\n", 2, Some(3), true);
        carried("a\nb\nc\nd\ne\n", "a\ne\n", 2, Some(1), true);
        carried("a\nb\nc\nd\ne\n", "a\ne\n", 4, Some(2), true);
        carried("a\nb\nc\n", "b\nc\n", 1, Some(1), true);
        carried("a\nb\nc\n", "a\nb\n", 3, Some(2), true);
        carried("a\n", "", 1, None, true);
        carried("a\n", "x\n", 1, None, true);
        carried("a\n", "a\nb\n", 7, None, true);
        carried("a\0\n", "b\0\n", 1, None, true);
    }

    #[test]
    fn lines_that_are_not_there_are_nowhere() {
        check("a\n", "a\n", 0, None);
        check("a\n", "a\n", 2, None);
        check("", "a\n", 1, None);
        check("a\n", "", 1, None);
        check("a\0\n", "b\0\n", 1, None);
    }
}
