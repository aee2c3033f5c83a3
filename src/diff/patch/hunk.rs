//! Hunks: their headers, their counts, their lines.

use std::ops::Range;

use super::lines::Lines;
use super::{PatchError, PatchProblem};

/// One hunk. Its lines stay in the patch's bytes: [`super::Patch::lines`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchHunk {
    /// The patch's line of the `@@`, 1-based.
    pub line: u32,
    /// First old line, 1-based; the line before it where `old_len` is 0.
    pub old_start: u32,
    /// Old lines.
    pub old_len: u32,
    /// First new line, 1-based; the line before it where `new_len` is 0.
    pub new_start: u32,
    /// New lines.
    pub new_len: u32,
    pub(super) heading: Range<usize>,
    pub(in crate::diff) body: Range<usize>,
}

/// What a line of a hunk does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PatchLineKind {
    /// It stays.
    Context,
    /// It goes.
    Removed,
    /// It comes.
    Added,
}

/// One line of a hunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatchLine<'a> {
    /// What it does.
    pub kind: PatchLineKind,
    /// The line with its `\n`, unless the file ends without one.
    pub content: &'a [u8],
}

impl PatchLine<'_> {
    /// Whether the old side has it.
    #[must_use]
    pub fn is_old(&self) -> bool {
        self.kind != PatchLineKind::Added
    }

    /// Whether the new side has it.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.kind != PatchLineKind::Removed
    }
}

/// The lines of a hunk, read where they stand.
#[derive(Debug, Clone)]
pub struct PatchLines<'a> {
    rest: &'a [u8],
}

impl<'a> PatchLines<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }
}

impl<'a> Iterator for PatchLines<'a> {
    type Item = PatchLine<'a>;

    fn next(&mut self) -> Option<PatchLine<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', self.rest).map_or(self.rest.len(), |at| at + 1);
        let (line, rest) = self.rest.split_at(end);
        let (kind, content) = match line[0] {
            b'+' => (PatchLineKind::Added, &line[1..]),
            b'-' => (PatchLineKind::Removed, &line[1..]),
            b' ' => (PatchLineKind::Context, &line[1..]),
            // an empty line: a context line whose blank some mailer stripped
            _ => (PatchLineKind::Context, line),
        };
        if rest.first() != Some(&b'\\') {
            self.rest = rest;
            return Some(PatchLine { kind, content });
        }
        self.rest = memchr::memchr(b'\n', rest).map_or(&[], |at| &rest[at + 1..]);
        Some(PatchLine { kind, content: content.strip_suffix(b"\n").unwrap_or(content) })
    }
}

/// `@@ -a[,b] +c[,d] @@ heading`: the four numbers and where the heading starts.
fn parse_header(line: &[u8]) -> Option<([u32; 4], usize)> {
    let mut at = line.strip_prefix(b"@@ -")?;
    let mut numbers = [0, 1, 0, 1];
    numbers[0] = number(&mut at)?;
    if let Some(rest) = at.strip_prefix(b",") {
        at = rest;
        numbers[1] = number(&mut at)?;
    }
    at = at.strip_prefix(b" +")?;
    numbers[2] = number(&mut at)?;
    if let Some(rest) = at.strip_prefix(b",") {
        at = rest;
        numbers[3] = number(&mut at)?;
    }
    at = at.strip_prefix(b" @@")?;
    Some((numbers, line.len() - at.len()))
}

/// Decimal digits, at most 2,000,000,000 so that sums stay in range.
fn number(at: &mut &[u8]) -> Option<u32> {
    let digits = at.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (text, rest) = at.split_at(digits);
    *at = rest;
    let value: u32 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (value <= 2_000_000_000).then_some(value)
}

/// Reads the hunks of one file. The current line is the first `@@`.
pub(super) fn parse_hunks(lines: &mut Lines<'_>) -> Result<Vec<PatchHunk>, PatchError> {
    let mut hunks: Vec<PatchHunk> = Vec::new();
    let (mut old_end, mut new_end) = (0, 0);
    let mut complete = Complete::default();
    while let Some(header) = lines.peek().filter(|line| line.starts_with(b"@@ -")) {
        let Some((numbers, heading)) = parse_header(header) else {
            return lines.refuse(PatchProblem::BadHunkHeader);
        };
        let [old_start, old_len, new_start, new_len] = numbers;
        check_order(lines, old_start, old_len, &mut old_end)?;
        check_order(lines, new_start, new_len, &mut new_end)?;
        if old_len == 0 && new_len == 0 {
            return lines.refuse(PatchProblem::BadHunkHeader);
        }
        let line = lines.number();
        let heading = lines.offset() + heading..lines.offset() + header.len();
        lines.skip(header);
        let body = parse_body(lines, old_len, new_len, &mut complete)?;
        hunks.push(PatchHunk { line, old_start, old_len, new_start, new_len, heading, body });
    }
    Ok(hunks)
}

/// A hunk of a side starts after the end of the one above; an empty side's start is the line before it.
fn check_order(lines: &Lines<'_>, start: u32, len: u32, end: &mut u32) -> Result<(), PatchError> {
    let first = if len == 0 { start + 1 } else { start };
    if first == 0 || first <= *end {
        return lines.refuse(PatchProblem::Overlap { start, end: *end });
    }
    *end = first + len - 1;
    Ok(())
}

/// Bytes of `\ No newline at end of file`, in any language, that git needs to see.
const SHORTEST_MARK: usize = 12;

/// Which sides of the file have ended with a line without newline.
#[derive(Default)]
struct Complete {
    old: bool,
    new: bool,
}

fn parse_body(
    lines: &mut Lines<'_>,
    mut old: u32,
    mut new: u32,
    complete: &mut Complete,
) -> Result<Range<usize>, PatchError> {
    let start = lines.offset();
    let mut last = None;
    loop {
        let line = lines.peek();
        if let (Some(mark), Some((is_old, is_new))) = (line.filter(|line| line.starts_with(b"\\")), last.take()) {
            // half of it says nothing, to git neither
            if mark.len() + usize::from(lines.is_terminated(mark)) <= SHORTEST_MARK {
                return lines.refuse(PatchProblem::CutLine);
            }
            complete.old |= is_old;
            complete.new |= is_new;
            lines.skip(mark);
            continue;
        }
        if old == 0 && new == 0 {
            break;
        }
        let Some(line) = line else { return lines.refuse(PatchProblem::Truncated { old, new }) };
        let (is_old, is_new) = match line.first() {
            Some(b' ') | None => (true, true),
            Some(b'\r') if line.len() == 1 => (true, true),
            Some(b'-') => (true, false),
            Some(b'+') => (false, true),
            Some(b'@' | b'd') => return lines.refuse(PatchProblem::Truncated { old, new }),
            _ => return lines.refuse(PatchProblem::BadLine),
        };
        if (is_old && old == 0) || (is_new && new == 0) {
            return lines.refuse(PatchProblem::ExtraLines);
        }
        if (is_old && complete.old) || (is_new && complete.new) {
            return lines.refuse(PatchProblem::NoNewlineInside);
        }
        if !lines.is_terminated(line) {
            return lines.refuse(PatchProblem::CutLine);
        }
        old -= u32::from(is_old);
        new -= u32::from(is_new);
        last = Some((is_old, is_new));
        lines.skip(line);
    }
    let end = lines.offset();
    match lines.peek() {
        Some(line) if is_left_over(line, lines.peek_second()) => lines.refuse(PatchProblem::ExtraLines),
        _ => Ok(start..end),
    }
}

/// Whether the line after a complete hunk belongs to it: the counts are too small then. A mail's signature (`-- `)
/// and the next plain diff's `--- ` do not.
fn is_left_over(line: &[u8], next: Option<&[u8]>) -> bool {
    match line {
        b"-- " | b"--" | b"-- \r" | b"--\r" => false,
        [b'-', b'-', b'-', b' ', ..] => !next.is_some_and(|next| next.starts_with(b"+++ ")),
        [b'+' | b'-' | b' ' | b'\\', ..] => true,
        _ => false,
    }
}
