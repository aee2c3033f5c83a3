//! `apply_patch` blocks: `*** Begin Patch` to `*** End Patch`.

use super::{Reader, names, number, unified};
use crate::diff::PatchLineKind;
use crate::proposal::edits::{Action, EditProblem, EditRefusal, Name, Piece, PieceLine};

const BEGIN: &str = "*** Begin Patch";
const END: &str = "*** End Patch";
const HEADS: [&str; 3] = ["*** Update File:", "*** Add File:", "*** Delete File:"];
const MOVE: &str = "*** Move to:";
const END_OF_FILE: &str = "*** End of File";

pub(super) fn opens(line: &str) -> bool {
    line.trim() == BEGIN
}

/// Whether `line` can stand in such a block only.
pub(super) fn belongs(line: &str) -> bool {
    let line = line.trim();
    line == END || HEADS.iter().any(|head| line.starts_with(head))
}

/// Reads the block that the current line opens.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<(), EditRefusal> {
    let start = reader.at;
    let cut = || EditRefusal::new(number(start), None, EditProblem::Cut("an apply_patch block"));
    let length = reader.lines[start..].iter().position(|line| line.trim() == END).ok_or_else(cut)?;
    let end = start + length;
    reader.at = start + 1;
    let mut first = None;
    while reader.at < end {
        if let Err(refusal) = section(reader, end) {
            first.get_or_insert(refusal);
            // the rest of this file's part says nothing new
            let rest = &reader.lines[reader.at..end];
            reader.at += rest.iter().position(|line| is_head(line)).unwrap_or(rest.len());
        }
    }
    reader.at = end + 1;
    first.map_or(Ok(()), Err)
}

fn section(reader: &mut Reader<'_>, end: usize) -> Result<(), EditRefusal> {
    let text = reader.lines[reader.at].trim();
    let line = number(reader.at);
    reader.at += 1;
    if text.is_empty() {
        return Ok(());
    }
    let unreadable = |line, what: &str| EditRefusal::new(line, None, EditProblem::Unreadable(what.to_owned()));
    let Some((head, name)) = HEADS.iter().find_map(|head| Some((*head, text.strip_prefix(head)?))) else {
        return Err(unreadable(line, "a line of an apply_patch block before any `*** Update File:`"));
    };
    let name = names::clean(name.trim().trim_matches('`'));
    if name.is_empty() {
        return Err(EditRefusal::new(line, None, EditProblem::NoName));
    }
    let action = match head {
        "*** Add File:" => Action::Create { content: added(reader, end, &name)?, mode: None },
        "*** Delete File:" => Action::Delete { pieces: Vec::new() },
        _ => {
            let moved = reader.lines[reader.at..end].first().and_then(|line| line.trim().strip_prefix(MOVE));
            let to = moved.map(|to| Name::plain(names::clean(to.trim())));
            reader.at += usize::from(to.is_some());
            let pieces = chunks(reader, end, &name)?;
            if pieces.is_empty() && to.is_none() {
                return Err(EditRefusal::new(
                    line,
                    Some(&name),
                    EditProblem::Unreadable("an update without lines".to_owned()),
                ));
            }
            Action::Change { pieces, to, mode: None }
        }
    };
    reader.push(line, Name::plain(name), action);
    Ok(())
}

fn is_head(line: &str) -> bool {
    HEADS.iter().any(|head| line.trim_end().starts_with(head))
}

/// The lines of a new file.
fn added(reader: &mut Reader<'_>, end: usize, name: &str) -> Result<String, EditRefusal> {
    let mut content = String::new();
    while reader.at < end && !is_head(reader.lines[reader.at]) {
        let line = reader.lines[reader.at];
        reader.at += 1;
        match line.strip_prefix('+') {
            Some(text) => {
                content.push_str(text);
                content.push('\n');
            }
            // an empty line between two parts, or at the end
            None if line.trim().is_empty() && rest_is_blank(reader, end) => {}
            None if line.trim() == END_OF_FILE => {}
            None => {
                let what = "a line of a new file does not begin with `+`".to_owned();
                return Err(EditRefusal::new(number(reader.at - 1), Some(name), EditProblem::Unreadable(what)));
            }
        }
    }
    Ok(content)
}

/// Whether nothing but blank lines follows in this file's part.
fn rest_is_blank(reader: &Reader<'_>, end: usize) -> bool {
    let rest = reader.lines[reader.at..end].iter();
    rest.take_while(|line| !is_head(line)).all(|line| line.trim().is_empty())
}

/// The chunks of an update.
fn chunks(reader: &mut Reader<'_>, end: usize, name: &str) -> Result<Vec<Piece>, EditRefusal> {
    let mut pieces: Vec<Piece> = Vec::new();
    let fresh = |line| Piece { is_bound: true, ..Piece::new(line, Vec::new()) };
    let mut piece = fresh(number(reader.at));
    let close = |pieces: &mut Vec<Piece>, piece: Piece| {
        if !piece.lines.is_empty() {
            pieces.push(piece);
        }
    };
    while reader.at < end && !is_head(reader.lines[reader.at]) {
        let line = reader.lines[reader.at];
        let at = number(reader.at);
        reader.at += 1;
        if line.trim() == END_OF_FILE {
            piece.at_end = true;
        } else if let Some(rest) = line.trim_start().strip_prefix("@@") {
            if !piece.lines.is_empty() {
                close(&mut pieces, std::mem::replace(&mut piece, fresh(at)));
            }
            match unified::numbers(line) {
                Some(found) => piece.said = Some(found.said()),
                None => piece.anchors.extend(
                    Some(rest.trim().trim_end_matches("@@").trim()).filter(|text| !text.is_empty()).map(str::to_owned),
                ),
            }
        } else if piece.at_end {
            if !line.trim().is_empty() {
                let what = "lines after `*** End of File`".to_owned();
                return Err(EditRefusal::new(at, Some(name), EditProblem::Unreadable(what)));
            }
        } else if line.trim().is_empty() && rest_is_blank(reader, end) && !line.starts_with(['+', '-', ' ']) {
            // the empty line before the next part
        } else {
            piece.lines.push(chunk_line(line).ok_or_else(|| {
                let what = "a line of an update begins with neither blank, `+` nor `-`".to_owned();
                EditRefusal::new(at, Some(name), EditProblem::Unreadable(what))
            })?);
        }
    }
    close(&mut pieces, piece);
    if let Some(idle) = pieces.iter().find(|piece| !piece.changes()) {
        let what = "a chunk that changes nothing".to_owned();
        return Err(EditRefusal::new(idle.line, Some(name), EditProblem::Unreadable(what)));
    }
    Ok(pieces)
}

fn chunk_line(line: &str) -> Option<PieceLine> {
    let (kind, text) = match line.as_bytes().first() {
        Some(b'+') => (PatchLineKind::Added, &line[1..]),
        Some(b'-') => (PatchLineKind::Removed, &line[1..]),
        Some(b' ') => (PatchLineKind::Context, &line[1..]),
        None | Some(b'\r') => (PatchLineKind::Context, line),
        Some(_) => return None,
    };
    Some(PieceLine::new(kind, text))
}
