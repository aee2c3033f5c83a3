//! Unified diffs as models write them: with git's headers or only names, with numbers that are right, wrong or left out.

use super::{Reader, names, number};
use crate::diff::{FileMode, PatchLineKind};
use crate::proposal::edits::{Action, EditProblem, EditRefusal, Name, Piece, PieceLine, Said, Tolerance};

/// Whether a file's part of a diff begins at the current line.
pub(super) fn opens(reader: &Reader<'_>) -> bool {
    begins(&reader.lines, reader.at)
}

fn begins(lines: &[&str], at: usize) -> bool {
    let starts = |at: usize, start: &str| lines.get(at).is_some_and(|line| line.starts_with(start));
    starts(at, "diff --git ") || (starts(at, "--- ") && starts(at + 1, "+++ "))
}

/// The names that git has for no content, by SHA-1 and SHA-256.
const EMPTY: [&str; 2] =
    ["e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813"];

/// What the headers of one file say.
#[derive(Default)]
struct Header {
    git: Option<Name>,
    sides: Option<(Option<String>, Option<String>)>,
    renamed: (Option<String>, Option<String>),
    created: Option<FileMode>,
    deleted: bool,
    mode: Option<FileMode>,
    /// Its `index` line says that the new side has lines, or is itself cut.
    has_content: bool,
}

/// Reads one file's part.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<(), EditRefusal> {
    let line = number(reader.at);
    let header = header(reader)?;
    let (name, to, kind) = meaning(&header)
        .map_err(|problem| EditRefusal::new(line, header.git.as_ref().map(|name| name.said.as_str()), problem))?;
    let pieces = hunks(reader, &name.said)?;
    let refuse = |what: &str| EditRefusal::new(line, Some(&name.said), EditProblem::Unreadable(what.to_owned()));
    if pieces.is_empty()
        && reader.peek().is_some_and(|next| next.starts_with(['+', '-']) && !begins(&reader.lines, reader.at))
    {
        reader.at += 1;
        return Err(refuse("changed lines without a hunk's header"));
    }
    let action = match kind {
        Kind::Create if pieces.iter().any(Piece::has_old) => return Err(refuse("a new file has old lines")),
        Kind::Create if pieces.is_empty() && header.has_content => {
            return Err(refuse("a new file's lines are missing: it seems to be cut"));
        }
        Kind::Create => Action::Create { content: pieces.iter().map(Piece::new_text).collect(), mode: header.created },
        Kind::Delete if pieces.iter().any(|piece| !piece.new_text().is_empty()) => {
            return Err(refuse("a deleted file keeps lines"));
        }
        Kind::Delete => Action::Delete { pieces },
        Kind::Change if pieces.is_empty() && to.is_none() && header.mode.is_none() => {
            return Err(refuse("a file's header without a hunk"));
        }
        Kind::Change => Action::Change { pieces, to, mode: header.mode },
    };
    reader.push(line, name, action);
    Ok(())
}

enum Kind {
    Create,
    Delete,
    Change,
}

fn meaning(header: &Header) -> Result<(Name, Option<Name>, Kind), EditProblem> {
    let mismatch = || EditProblem::Unclear("the names of a file's header differ".to_owned());
    // what `diff --git` names is what `---` and `+++` name: nobody knows which of two is meant
    let agrees = |name: &Name| match &header.git {
        Some(git)
            if git.said != name.said && git.or.as_ref() != Some(&name.said) && name.or.as_ref() != Some(&git.said) =>
        {
            Err(mismatch())
        }
        _ => Ok(()),
    };
    if let (Some(from), Some(to)) = &header.renamed {
        return Ok((Name::plain(from), Some(Name::plain(to)), Kind::Change));
    }
    match &header.sides {
        Some((None, None)) => Err(EditProblem::NoName),
        Some((None, Some(new))) => agrees(&names::one(new)).map(|()| (names::one(new), None, Kind::Create)),
        Some((Some(old), None)) => agrees(&names::one(old)).map(|()| (names::one(old), None, Kind::Delete)),
        Some((Some(old), Some(new))) => {
            let name = names::both(old, new).ok_or_else(mismatch)?;
            agrees(&name)?;
            let kind = match header {
                Header { created: Some(_), .. } => Kind::Create,
                Header { deleted: true, .. } => Kind::Delete,
                _ => Kind::Change,
            };
            Ok((name, None, kind))
        }
        None => {
            let name = header.git.clone().ok_or(EditProblem::NoName)?;
            let kind = match (header.created, header.deleted) {
                (Some(_), false) => Kind::Create,
                (None, true) => Kind::Delete,
                (None, false) => Kind::Change,
                (Some(_), true) => return Err(EditProblem::Unclear("a file is both new and deleted".to_owned())),
            };
            Ok((name, None, kind))
        }
    }
}

fn header(reader: &mut Reader<'_>) -> Result<Header, EditRefusal> {
    let mut header = Header::default();
    let refuse = |at, problem| Err(EditRefusal::new(number(at), None, problem));
    if let Some(rest) = reader.lines[reader.at].strip_prefix("diff --git ") {
        header.git = names::of_git(rest);
        reader.at += 1;
    }
    while let Some(line) = reader.peek() {
        let after = |start: &str| line.strip_prefix(start).map(str::trim_end);
        let mode = |text: &str| u32::from_str_radix(text.trim(), 8).ok().map(FileMode::from_bits);
        // links and submodules are no text that a model may write
        let is_text = |mode: &Option<FileMode>| matches!(mode, Some(FileMode::Regular | FileMode::Executable));
        if let Some(old) = after("--- ") {
            let Some(new) = reader.lines.get(reader.at + 1).and_then(|next| next.strip_prefix("+++ ")) else {
                return refuse(reader.at, EditProblem::Unreadable("`---` without `+++`".to_owned()));
            };
            header.sides = Some((names::side(old), names::side(new)));
            reader.at += 2;
            return Ok(header);
        } else if let Some(text) = after("new file mode ") {
            header.created = mode(text);
            if !is_text(&header.created) {
                return refuse(reader.at, EditProblem::NotText("the mode is of something else"));
            }
        } else if after("deleted file mode ").is_some() {
            header.deleted = true;
        } else if let Some(text) = after("new mode ") {
            header.mode = mode(text);
            if !is_text(&header.mode) {
                return refuse(reader.at, EditProblem::NotText("the mode is of something else"));
            }
        } else if let Some(ids) = after("index ") {
            let new = ids.split_once("..").and_then(|(_, rest)| rest.split_whitespace().next()).unwrap_or_default();
            header.has_content = new.len() < 4 || !EMPTY.iter().any(|empty| empty.starts_with(new));
        } else if let Some(name) = after("rename from ") {
            header.renamed.0 = names::side(name);
        } else if let Some(name) = after("rename to ") {
            header.renamed.1 = names::side(name);
        } else if line.starts_with("copy from ") || line.starts_with("copy to ") {
            return refuse(reader.at, EditProblem::Unreadable("copies are not taken: write the new file".to_owned()));
        } else if line.starts_with("GIT binary patch") || line.starts_with("Binary files ") {
            return refuse(reader.at, EditProblem::NotText("binary"));
        } else if !["old mode ", "similarity index ", "dissimilarity index "]
            .iter()
            .any(|start| line.starts_with(start))
        {
            break;
        }
        reader.at += 1;
    }
    Ok(header)
}

/// The numbers of a hunk's header.
pub(super) struct Numbers {
    old: (u32, u32),
    new_len: u32,
}

impl Numbers {
    /// What they say of the place.
    pub(super) fn said(&self) -> Said {
        let (start, len) = self.old;
        Said { start: if len == 0 { start.saturating_add(1) } else { start }, counts_hold: true }
    }
}

/// Reads `@@ -a,b +c,d @@`, counts and second `@@` perhaps left out.
pub(super) fn numbers(line: &str) -> Option<Numbers> {
    let mut words = line.strip_prefix("@@")?.split_whitespace();
    let mut side = |sign: char| {
        let word = words.next()?.strip_prefix(sign)?;
        let (start, len) = word.split_once(',').unwrap_or((word, "1"));
        let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number <= 2_000_000_000);
        Some((number(start)?, number(len.trim_end_matches("@@"))?))
    };
    let old = side('-')?;
    let new_len = side('+')?.1;
    Some(Numbers { old, new_len })
}

/// What a header says after the numbers, or instead of them: a line that stands above.
fn heading(line: &str) -> Option<String> {
    let rest = line.trim_end().strip_prefix("@@")?;
    let text = match rest.find("@@") {
        Some(at) => &rest[at + 2..],
        None if numbers(line).is_some() => "",
        None => rest,
    };
    let text = text.trim().trim_matches('.').trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn hunks(reader: &mut Reader<'_>, name: &str) -> Result<Vec<Piece>, EditRefusal> {
    let mut pieces = Vec::new();
    while let Some(line) = reader.peek() {
        let is_header = line.starts_with("@@");
        // some leave the first header out; without a fence nobody knows where such a hunk ends
        let is_bare = reader.fence.is_some()
            && pieces.is_empty()
            && line.starts_with(['+', '-', ' '])
            && !begins(&reader.lines, reader.at);
        if !is_header && !is_bare {
            break;
        }
        let before = reader.at;
        let piece = hunk(reader, is_header, name)?;
        // what looked like a line of one begins something else
        if reader.at == before {
            break;
        }
        if is_bare {
            reader.note(piece.line, name, Tolerance::NoHeader);
        }
        match piece.changes() {
            true => pieces.push(piece),
            false => reader.note(piece.line, name, Tolerance::ChangesNothing),
        }
    }
    Ok(pieces)
}

fn hunk(reader: &mut Reader<'_>, has_header: bool, name: &str) -> Result<Piece, EditRefusal> {
    let line = number(reader.at);
    let header = if has_header { reader.lines[reader.at] } else { "@@" };
    reader.at += usize::from(has_header);
    let counts = numbers(header);
    let is_broken = header.trim_end().contains(|c: char| c.is_control() && c != '\t');
    if is_broken || (counts.is_none() && header.starts_with("@@ -")) {
        let what = "the numbers of a hunk's header cannot be read".to_owned();
        return Err(EditRefusal::new(line, Some(name), EditProblem::Unreadable(what)));
    }
    let mut piece = Piece::new(line, Vec::new());
    piece.anchors.extend(heading(header));
    let (mut old, mut new) =
        counts.as_ref().map_or((0, 0), |counts| (i64::from(counts.old.1), i64::from(counts.new_len)));
    let mut empty_tail = 0;
    while let Some(text) = reader.peek() {
        let is_done = counts.is_some() && old <= 0 && new <= 0;
        if !goes_on(reader, text, is_done, counts.is_some()) {
            break;
        }
        let kind = match text.as_bytes().first() {
            Some(b'+') => PatchLineKind::Added,
            Some(b'-') => PatchLineKind::Removed,
            // other lines that begin so are a file's own, without the blank before them
            Some(b'\\') if text.starts_with("\\ ") => {
                let said = piece.lines.last_mut().is_some_and(|last| std::mem::replace(&mut last.is_unended, true));
                if said {
                    reader.note(number(reader.at), name, Tolerance::SaidTwice);
                }
                reader.at += 1;
                continue;
            }
            Some(b' ' | b'\r') | None => PatchLineKind::Context,
            Some(_) => {
                let what = "a line of a hunk begins with neither blank, `+`, `-` nor `\\`".to_owned();
                let refusal = EditRefusal::new(number(reader.at), Some(name), EditProblem::Unreadable(what));
                reader.skip_fence();
                return Err(refusal);
            }
        };
        empty_tail = if text.trim_end_matches('\r').is_empty() { empty_tail + 1 } else { 0 };
        old -= i64::from(kind != PatchLineKind::Added);
        new -= i64::from(kind != PatchLineKind::Removed);
        let text = if text.starts_with(['+', '-', ' ']) { &text[1..] } else { text };
        piece.lines.push(PieceLine::new(kind, text));
        reader.at += 1;
    }
    let left = counts.is_some().then_some((old, new));
    check_whole(reader, line, name, left)?;
    if empty_tail == 0 {
        check_next(reader, name, left)?;
    }
    check_rest(reader, name)?;
    // empty lines that no count asked for part what follows from the hunk
    while empty_tail > 0 && piece.lines.len() > 1 && (counts.is_none() || old < 0 || new < 0) {
        piece.lines.pop();
        (old, new, empty_tail) = (old + 1, new + 1, empty_tail - 1);
    }
    // a header that only ends the hunk above it; what comes after a bare one nobody knows
    if piece.lines.is_empty() && (counts.is_some() || reader.fence.is_none()) {
        return Err(EditRefusal::new(line, Some(name), EditProblem::Unreadable("a hunk without lines".to_owned())));
    }
    if let Some(counts) = counts {
        if !header[2..].contains("@@") {
            reader.note(line, name, Tolerance::OpenHeader);
        }
        let counts_hold = old == 0 && new == 0;
        piece.said = Some(Said { counts_hold, ..counts.said() });
        if !counts_hold {
            reader.note(line, name, Tolerance::WrongCounts);
        }
        // its counts say that lines come or go, and none does: what it was to change is lost
        if counts.old.1 != counts.new_len && !piece.changes() {
            let what = "a hunk whose numbers say that it changes something, and whose lines do not".to_owned();
            return Err(EditRefusal::new(line, Some(name), EditProblem::Unreadable(what)));
        }
    }
    Ok(piece)
}

/// Whether `text` is one more line of the hunk.
fn goes_on(reader: &Reader<'_>, text: &str, is_done: bool, has_counts: bool) -> bool {
    if reader.fence.as_ref().is_some_and(|fence| fence.is_closed_by(text)) {
        return false;
    }
    let next = |at: usize| reader.lines.get(at).copied();
    let ends = text.starts_with("@@") || text.starts_with("diff --git ") || super::begin_patch::belongs(text);
    if ends
        || (begins(&reader.lines, reader.at)
            && (is_done || !has_counts || next(reader.at + 2).is_some_and(|line| line.starts_with("@@"))))
    {
        return false;
    }
    if is_done && matches!(text.trim_end(), "--" | "") && !text.starts_with(' ') {
        // a mail's signature, or the empty line after a hunk
        return false;
    }
    if text.trim_end_matches('\r').is_empty() {
        // an editor took the blank of an empty line away, or the diff is over
        let mut ahead = (reader.at + 1..reader.lines.len().min(reader.at + 8))
            .filter_map(|at| reader.lines.get(at).filter(|line| !line.trim().is_empty()));
        let next = ahead.next();
        return has_counts
            || next.is_some_and(|line| line.starts_with(['+', '-', ' ', '\\']) || line.starts_with("@@"));
    }
    // in a fence every line belongs to it, and one that does not read is told
    text.starts_with(['+', '-', ' ', '\\']) || (reader.fence.is_some() && !is_done)
}

/// Refuses changed lines behind the end of a hunk, parted from it by empty ones: its counts do not speak of them.
fn check_rest(reader: &Reader<'_>, name: &str) -> Result<(), EditRefusal> {
    let rest = &reader.lines[reader.at..];
    let blank = rest.iter().take_while(|line| line.trim().is_empty()).count();
    let Some(next) = rest.get(blank).filter(|_| blank > 0 && reader.fence.is_none()) else { return Ok(()) };
    // `- ` begins an item of a list, `--` a signature, both after a diff
    let is_change = match next.as_bytes() {
        [b'+', rest @ ..] => !rest.starts_with(b"++ "),
        [b'-', rest @ ..] => rest.first().is_some_and(|byte| !matches!(byte, b' ' | b'-')),
        _ => false,
    };
    if !is_change {
        return Ok(());
    }
    let what = "changed lines behind the end of a hunk".to_owned();
    Err(EditRefusal::new(number(reader.at + blank), Some(name), EditProblem::Unreadable(what)))
}

/// Refuses a line right behind a hunk that lacks lines, where it is none of a diff: half of one that was wrapped, or words.
fn check_next(reader: &Reader<'_>, name: &str, left: Option<(i64, i64)>) -> Result<(), EditRefusal> {
    let Some(next) = reader.peek().filter(|_| reader.fence.is_none()) else { return Ok(()) };
    let lacks = left.is_some_and(|(old, new)| old > 0 || new > 0);
    let is_frame = next.trim().is_empty()
        || next.starts_with("@@")
        || begins(&reader.lines, reader.at)
        || super::begin_patch::belongs(next)
        || super::fence::is_frame(next);
    if !lacks || is_frame {
        return Ok(());
    }
    let what = "a hunk lacks lines, and the next one is none of its own".to_owned();
    Err(EditRefusal::new(number(reader.at), Some(name), EditProblem::Unreadable(what)))
}

/// Refuses a hunk that was cut: lines are missing, and nothing says that the reply was over.
fn check_whole(reader: &Reader<'_>, line: u32, name: &str, left: Option<(i64, i64)>) -> Result<(), EditRefusal> {
    let at_end = reader.at >= reader.lines.len();
    let lacks = left.is_some_and(|(old, new)| old > 0 || new > 0);
    let cut_line = at_end && !reader.text.ends_with('\n');
    let is_cut = at_end && (reader.fence.is_some() || (!reader.is_finished && (lacks || cut_line)));
    if is_cut { Err(EditRefusal::new(line, Some(name), EditProblem::Cut("a hunk"))) } else { Ok(()) }
}
