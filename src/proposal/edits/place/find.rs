//! The one place of a piece, or why there is none.

use super::shift::Shift;
use super::text::{Class, FileText, Places};
use crate::diff::PatchLineKind;
use crate::proposal::edits::{EditProblem, Piece, PieceLine};

/// Where lines of a piece stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    /// The first of the file's lines, 0-based.
    pub(super) start: usize,
    /// Which of the piece's lines stand there.
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) class: Class,
    pub(super) shift: Option<Shift>,
    /// Blank lines at its ends are not where the file is looked at.
    pub(super) is_trimmed: bool,
    /// A line that should stand above is nowhere.
    pub(super) lacks_anchor: bool,
}

impl Spot {
    /// The first line of the file after it.
    pub(super) fn end(&self, piece: &Piece) -> usize {
        self.start + piece.lines[self.from..self.to].iter().filter(|line| line.is_old()).count()
    }
}

/// What may single one of several places out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// A hunk's own line number, if the lines stand there.
    Trusted,
    /// Other hunks of the file do not stand where their numbers say.
    Doubted,
}

/// Finds where `piece` stands: the best way of comparing that finds anything must find one place.
pub(super) fn locate(file: &FileText<'_>, piece: &Piece, numbers: Numbers) -> Result<Vec<Spot>, EditProblem> {
    if !says_something(&piece.lines) {
        return Err(EditProblem::NoContext);
    }
    if let Some(spot) = whole(file, piece, 0, piece.lines.len(), numbers)? {
        return Ok(vec![spot]);
    }
    elided(file, piece)?.ok_or(EditProblem::NoMatch)
}

/// Whether an old line is more than blanks.
fn says_something(lines: &[PieceLine]) -> bool {
    lines.iter().any(|line| line.is_old() && !line.text.trim().is_empty())
}

/// The place of the piece's lines `from..to`.
fn whole(
    file: &FileText<'_>,
    piece: &Piece,
    from: usize,
    to: usize,
    numbers: Numbers,
) -> Result<Option<Spot>, EditProblem> {
    for is_trimmed in [false, true] {
        let (from, to) = if is_trimmed { trimmed(&piece.lines, from, to) } else { (from, to) };
        let lines = &piece.lines[from..to];
        let wanted: Vec<&[u8]> = lines.iter().filter(|line| line.is_old()).map(|line| line.text.as_bytes()).collect();
        for class in Class::ALL {
            let mut places = file.find(&wanted, class);
            let mut shifts = Vec::new();
            if class == Class::Indentation {
                if places.more {
                    return Err(EditProblem::TooMuch);
                }
                let shift = |start: usize| Shift::of(wanted.iter().copied().zip(file.lines[start..].iter().copied()));
                let found: Vec<(usize, Shift)> =
                    places.starts.iter().filter_map(|start| Some((*start, shift(*start)?))).collect();
                (places.starts, shifts) = found.into_iter().unzip();
            }
            if places.starts.is_empty() {
                continue;
            }
            let skipped = piece.lines[..from].iter().filter(|line| line.is_old()).count();
            let (at, lacks_anchor) = choose(file, piece, &places, (skipped, wanted.len()), numbers)?;
            let shift = shifts.get(at).cloned();
            return Ok(Some(Spot { start: places.starts[at], from, to, class, shift, is_trimmed, lacks_anchor }));
        }
    }
    Ok(None)
}

/// Without blank lines at the ends that stay as they are. Nothing is left where a blank line that comes or goes would
/// then be at an end: which of several blank lines that is nobody knows.
fn trimmed(lines: &[PieceLine], mut from: usize, mut to: usize) -> (usize, usize) {
    let is_blank = |line: &PieceLine| line.text.trim().is_empty();
    let may_go = |line: &PieceLine| line.kind == PatchLineKind::Context && is_blank(line);
    while from < to && may_go(&lines[from]) {
        from += 1;
    }
    while from < to && may_go(&lines[to - 1]) {
        to -= 1;
    }
    let is_clear = from < to && !is_blank(&lines[from]) && !is_blank(&lines[to - 1]);
    if is_clear { (from, to) } else { (from, from) }
}

/// Which of `places` is meant, and whether an anchor was missing. `skipped`: old lines of the piece above them.
fn choose(
    file: &FileText<'_>,
    piece: &Piece,
    places: &Places,
    (skipped, len): (usize, usize),
    numbers: Numbers,
) -> Result<(usize, bool), EditProblem> {
    let scope = anchored(file, piece);
    let is_in = |start: &usize| scope.is_none_or(|(from, to)| (from..to).contains(start));
    let lacks_anchor = scope.is_none() && piece.is_bound && !piece.anchors.is_empty();
    if let [only] = places.starts[..] {
        let below = scope.is_none_or(|(from, _)| only >= from);
        return if below || !piece.is_bound { Ok((0, lacks_anchor)) } else { Err(EditProblem::NotBelowAnchor) };
    }
    let lines = || places.starts.iter().take(SHOWN).map(|start| super::line_number(*start)).collect();
    let ambiguous = || EditProblem::Ambiguous { lines: lines(), more: places.more || places.starts.len() > SHOWN };
    if places.more {
        return Err(ambiguous());
    }
    let one = |fits: &dyn Fn(&usize) -> bool| {
        let mut fitting = places.starts.iter().enumerate().filter(|(_, start)| fits(start)).map(|(at, _)| at);
        fitting.next().filter(|_| fitting.next().is_none())
    };
    let said = piece.said.filter(|said| said.counts_hold && numbers == Numbers::Trusted);
    let at_number = said.and_then(|said| {
        let start = (said.start as usize).checked_sub(1)? + skipped;
        one(&|found| *found == start)
    });
    let at_end = piece.at_end.then(|| one(&|start| start + len == file.lines.len())).flatten();
    let in_scope = scope.and_then(|_| one(&is_in));
    let found = at_number.or(at_end).or(in_scope).ok_or_else(ambiguous)?;
    Ok((found, lacks_anchor))
}

/// How many places are named.
const SHOWN: usize = 8;

/// The lines that the piece's anchors stand above, where each of them is one line of the file.
fn anchored(file: &FileText<'_>, piece: &Piece) -> Option<(usize, usize)> {
    let mut scope = None;
    for anchor in &piece.anchors {
        let (from, to) = scope.unwrap_or((0, file.lines.len()));
        let exact = file.find(&[anchor.as_bytes()], Class::Indentation);
        let mut found = exact.starts.iter().copied().filter(|at| (from..to).contains(at));
        let line = found.next().filter(|_| found.next().is_none() && !exact.more)?;
        scope = Some((line + 1, block_end(file, line)));
    }
    scope
}

/// Where the block ends that the line `head` begins: at the next line that is indented no deeper and begins anew.
fn block_end(file: &FileText<'_>, head: usize) -> usize {
    let depth = |line: &[u8]| line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let own = depth(file.lines[head]);
    let goes_on = |line: &[u8]| {
        let text = line.trim_ascii();
        text.is_empty() || depth(line) > own || matches!(text[0], b')' | b']' | b'{' | b'}')
    };
    let rest = file.lines[head + 1..].iter();
    head + 1 + rest.take_while(|line| goes_on(line)).count()
}

/// A piece with `...` for lines that it leaves out: each part must stand in one place, one below the other.
fn elided(file: &FileText<'_>, piece: &Piece) -> Result<Option<Vec<Spot>>, EditProblem> {
    let is_gap = |line: &PieceLine| line.kind == PatchLineKind::Context && is_elision(&line.text);
    if !piece.lines.iter().any(is_gap) {
        return Ok(None);
    }
    let mut spots: Vec<Spot> = Vec::new();
    let mut from = 0;
    for to in 0..=piece.lines.len() {
        if piece.lines.get(to).is_some_and(|line| !is_gap(line)) {
            continue;
        }
        let part = &piece.lines[from..to];
        if says_something(part) {
            let Some(spot) = whole(file, piece, from, to, Numbers::Doubted)? else { return Ok(None) };
            if spots.last().is_some_and(|last| last.end(piece) > spot.start) {
                return Ok(None);
            }
            spots.push(spot);
        } else if part.iter().any(|line| line.kind != PatchLineKind::Context) {
            return Err(EditProblem::NoContext);
        }
        from = to + 1;
    }
    Ok((!spots.is_empty()).then_some(spots))
}

/// The text of a comment, or of a line, without what makes it one.
pub(super) fn comment(text: &str) -> (&str, bool) {
    let text = text.trim();
    let openers = ["{/*", "<!--", "/*", "//", "#", "--", ";;", ";", "%", "\"\"\""];
    let inner = openers.iter().find_map(|open| text.strip_prefix(open));
    let Some(inner) = inner else { return (text, false) };
    let closers = ["*/}", "-->", "*/"];
    let inner = inner.trim_end();
    (closers.iter().find_map(|close| inner.strip_suffix(close)).unwrap_or(inner).trim(), true)
}

/// Whether `text` stands for lines that were left out.
pub(super) fn is_elision(text: &str) -> bool {
    let (inner, _) = comment(text);
    matches!(inner, "..." | "…" | "....") || is_left_out(text)
}

/// Whether `text` is a comment that stands for code which its writer left out.
pub(super) fn is_left_out(text: &str) -> bool {
    const WORDS: [&str; 10] = [
        "existing",
        "rest of",
        "remaining",
        "unchanged",
        "same as",
        "as before",
        "previous",
        "omitted",
        "other methods",
        "your code",
    ];
    let (inner, is_comment) = comment(text);
    let dotted = inner.starts_with("...") || inner.starts_with('…') || inner.ends_with("...") || inner.ends_with('…');
    let lower = inner.to_lowercase();
    is_comment && dotted && inner.len() < 120 && WORDS.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_other_lines_is_known() {
        for text in [
            "...",
            "  …",
            "# ...",
            "// ... existing code ...",
            "<!-- ... rest of the page ... -->",
            "# ... rest of code",
        ] {
            assert!(is_elision(text), "{text}");
        }
        for text in ["x = ...", "# the rest", "foo(...)", "// waits ...", ""] {
            assert!(!is_elision(text), "{text}");
        }
        assert!(!is_left_out("..."), "a body of Python");
        assert!(is_left_out("    // ... existing code ..."));
    }
}
