//! Following a line from one version of a file to the next: where a comment belongs now.

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

    #[test]
    fn lines_that_are_not_there_are_nowhere() {
        check("a\n", "a\n", 0, None);
        check("a\n", "a\n", 2, None);
        check("", "a\n", 1, None);
        check("a\n", "", 1, None);
        check("a\0\n", "b\0\n", 1, None);
    }
}
