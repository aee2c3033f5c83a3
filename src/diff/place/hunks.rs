//! Placing the hunks of one file.

use memchr::{memchr_iter, memmem};

use super::{Problem, RefusalReason};
use crate::diff::patch::{Patch, PatchHunk, PatchLineKind};

/// The content that `hunks` make of `old`.
pub(super) fn apply(patch: &Patch, hunks: &[PatchHunk], old: &[u8]) -> Result<Vec<u8>, Problem> {
    let grown: usize = hunks.iter().map(|hunk| hunk.body.len()).sum();
    let mut new = Vec::with_capacity(old.len() + grown);
    let mut cursor = Cursor { offset: 0, line: 0 };
    for (at, hunk) in hunks.iter().enumerate() {
        let placed = match in_place(patch, hunk, old, cursor, &mut new) {
            Some(placed) => Ok(placed),
            None => elsewhere(patch, hunk, old, cursor, &mut new),
        };
        cursor = placed.map_err(|problem| Problem { hunk: Some(at), ..problem })?;
        if cursor.offset < old.len() && new.last().is_some_and(|byte| *byte != b'\n') {
            return Err(Problem { hunk: Some(at), ..RefusalReason::NoNewlineInside.into() });
        }
    }
    new.extend_from_slice(&old[cursor.offset..]);
    Ok(new)
}

/// How far the old content is used up: a byte offset and the 0-based number of the line that starts there.
#[derive(Clone, Copy)]
struct Cursor {
    offset: usize,
    line: usize,
}

/// Where a hunk's old lines stand.
struct Found {
    start: usize,
    end: usize,
    end_line: usize,
}

/// The line of `old` (0-based) at which a hunk says it starts.
fn wanted_line(hunk: &PatchHunk) -> usize {
    if hunk.old_len == 0 { hunk.old_start as usize } else { hunk.old_start as usize - 1 }
}

/// Appends what is above the hunk and its new lines to `new`, if its old lines stand where it says. They are read once:
/// `new` is cut back where they do not.
fn in_place(patch: &Patch, hunk: &PatchHunk, old: &[u8], cursor: Cursor, new: &mut Vec<u8>) -> Option<Cursor> {
    let line = wanted_line(hunk);
    let start = offset_of(old, cursor, line)?;
    let before = new.len();
    new.extend_from_slice(&old[cursor.offset..start]);
    match lines_at(patch, hunk, old, start, new) {
        Some(offset) => Some(Cursor { offset, line: line + hunk.old_len as usize }),
        None => {
            new.truncate(before);
            None
        }
    }
}

/// The end of the hunk's old lines if they may stand at `start`, to the byte and the final newline; its new lines are
/// appended on the way.
fn lines_at(patch: &Patch, hunk: &PatchHunk, old: &[u8], start: usize, new: &mut Vec<u8>) -> Option<usize> {
    let (mut at, mut last) = (start, None);
    for line in patch.lines(hunk) {
        if line.is_old() {
            let end = at + line.content.len();
            if old.get(at..end)? != line.content || (!line.content.ends_with(b"\n") && end != old.len()) {
                return None;
            }
            at = end;
        }
        if line.is_new() {
            new.extend_from_slice(line.content);
        }
        last = Some(line.kind);
    }
    Ends::after(hunk, last).allow(start, at, old).then_some(at)
}

/// As [`in_place`], wherever else the old lines stand; not where what the hunk makes of them stands in the file already: it
/// was applied before, and its old lines only stand once more.
fn elsewhere(
    patch: &Patch,
    hunk: &PatchHunk,
    old: &[u8],
    cursor: Cursor,
    new: &mut Vec<u8>,
) -> Result<Cursor, Problem> {
    if hunk.old_len == 0 {
        // git would append such a hunk to the file, wherever it said it belongs
        return Err(RefusalReason::NoContext.into());
    }
    let ends = Ends::after(hunk, patch.lines(hunk).last().map(|line| line.kind));
    let found = search(&old_text(patch, hunk), hunk, old, cursor, ends);
    let found = found.map_err(|reason| explain(patch, hunk, old, reason))?;
    let made = new_text(patch, hunk);
    if patch.lines(hunk).any(|line| line.kind == PatchLineKind::Added)
        && let Some(start) = first_two(&made, old, 0)[0]
    {
        let line = memchr_iter(b'\n', &old[..start]).count() + 1;
        return Err(RefusalReason::AlreadyThere(u32::try_from(line).unwrap_or(u32::MAX)).into());
    }
    new.extend_from_slice(&old[cursor.offset..found.start]);
    new.extend_from_slice(&made);
    Ok(Cursor { offset: found.end, line: found.end_line })
}

/// Whether a hunk must stand at the start or the end of the file: without context there it can be told from nothing
/// else. The rule is git's.
#[derive(Clone, Copy)]
struct Ends {
    start: bool,
    end: bool,
}

impl Ends {
    /// Of a hunk whose last line does this.
    fn after(hunk: &PatchHunk, last: Option<PatchLineKind>) -> Self {
        Self { start: hunk.old_start <= 1, end: last != Some(PatchLineKind::Context) }
    }

    fn allow(self, start: usize, end: usize, old: &[u8]) -> bool {
        (!self.start || start == 0) && (!self.end || end == old.len())
    }
}

/// The offset of a line (0-based; the one after the last too), counted from the cursor.
fn offset_of(old: &[u8], cursor: Cursor, line: usize) -> Option<usize> {
    let Some(last) = line.checked_sub(cursor.line)?.checked_sub(1) else { return Some(cursor.offset) };
    let rest = &old[cursor.offset..];
    let mut newlines = memchr_iter(b'\n', rest);
    match newlines.nth(last) {
        Some(newline) => Some(cursor.offset + newline + 1),
        // the last line may have no newline
        None if is_open(rest) && memchr_iter(b'\n', rest).count() == last => Some(old.len()),
        None => None,
    }
}

fn is_open(text: &[u8]) -> bool {
    text.last().is_some_and(|byte| *byte != b'\n')
}

fn new_text(patch: &Patch, hunk: &PatchHunk) -> Vec<u8> {
    patch.lines(hunk).filter(|line| line.is_new()).flat_map(|line| line.content).copied().collect()
}

fn old_text(patch: &Patch, hunk: &PatchHunk) -> Vec<u8> {
    patch.lines(hunk).filter(|line| line.is_old()).flat_map(|line| line.content).copied().collect()
}

/// Finds the one place of `text`, whole lines, at or after the cursor.
fn search(text: &[u8], hunk: &PatchHunk, old: &[u8], cursor: Cursor, ends: Ends) -> Result<Found, RefusalReason> {
    let places = if ends.start || ends.end {
        let only = if ends.start { Some(0) } else { old.len().checked_sub(text.len()) };
        let fits = |start: &usize| {
            *start >= cursor.offset && stands_at(text, old, *start) && ends.allow(*start, start + text.len(), old)
        };
        [only.filter(fits), None]
    } else {
        first_two(text, old, cursor.offset)
    };
    match places {
        [Some(start), None] => {
            let line = cursor.line + memchr_iter(b'\n', &old[cursor.offset..start]).count();
            Ok(Found { start, end: start + text.len(), end_line: line + hunk.old_len as usize })
        }
        [Some(_), Some(_)] => Err(RefusalReason::Ambiguous(hunk.old_start)),
        [None, _] if first_two(text, old, 0)[0].is_some_and(|start| start < cursor.offset) => {
            Err(RefusalReason::OutOfOrder)
        }
        [None, _] => Err(RefusalReason::NoMatch),
    }
}

/// Whether the whole lines `text` stand at `start`.
fn stands_at(text: &[u8], old: &[u8], start: usize) -> bool {
    let starts_line = start == 0 || old[start - 1] == b'\n';
    let ends_line = text.ends_with(b"\n") || start + text.len() == old.len();
    starts_line && ends_line && old[start..].starts_with(text)
}

/// The first two places of the whole lines `text` in `old`, from the start of the line at `from` on.
///
/// Searched with the newline before it, so that every hit is a place: a file made of almost-hits costs no more than
/// its length.
fn first_two(text: &[u8], old: &[u8], from: usize) -> [Option<usize>; 2] {
    if !text.ends_with(b"\n") {
        let last = old.len().checked_sub(text.len());
        return [last.filter(|start| *start >= from && stands_at(text, old, *start)), None];
    }
    let after_newline = [b"\n", text].concat();
    let finder = memmem::Finder::new(&after_newline);
    let next = |at: usize| finder.find(old.get(at..)?).map(|found| at + found + 1);
    let first = if stands_at(text, old, from) { Some(from) } else { next(from) };
    [first, first.and_then(next)]
}

/// Looks for the reason behind a mismatch that a person can act on.
fn explain(patch: &Patch, hunk: &PatchHunk, old: &[u8], reason: RefusalReason) -> Problem {
    let hint = (reason == RefusalReason::NoMatch).then(|| {
        let text = old_text(patch, hunk);
        let new = new_text(patch, hunk);
        let without_cr = |bytes: &[u8]| -> Vec<u8> { bytes.iter().copied().filter(|byte| *byte != b'\r').collect() };
        let squeezed = |bytes: &[u8]| -> Vec<u8> {
            bytes.iter().copied().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\r')).collect()
        };
        let holds = |old: &[u8], text: &[u8]| memmem::find(old, text).is_some();
        if !new.is_empty() && first_two(&new, old, 0)[0].is_some() {
            "its new lines are already there: was it applied before?"
        } else if first_two(&text, old, 0)[0].is_some() {
            "they stand elsewhere: a hunk with no context before or behind it is for that end of the file, as with git"
        } else if holds(&without_cr(old), &without_cr(&text)) {
            "only line ends differ (CR LF against LF)"
        } else if holds(&squeezed(old), &squeezed(&text)) {
            "only blanks differ"
        } else {
            "the file has changed since the patch was made: make it again on this base"
        }
    });
    Problem { hint, ..reason.into() }
}
