//! Search/replace blocks: `<<<<<<< SEARCH`, `=======`, `>>>>>>> REPLACE`, and what models make of them.

use super::{Reader, names, number};
use crate::proposal::edits::{Action, EditProblem, EditRefusal, Name, Piece, Said, Tolerance};

/// Marks of 5 to 9 characters and, after blanks, one of `words`. // aider accepts the same lengths
fn marks<'a>(line: &'a str, mark: char, words: &[&str]) -> Option<(usize, &'a str)> {
    let line = line.trim_end();
    let rest = line.trim_start_matches(mark);
    let len = line.len() - rest.len();
    let word = rest.trim_start_matches(' ');
    let named = |name: &&str| word.strip_prefix(*name).filter(|after| matches!(*after, "" | ">" | "<" | ":"));
    let fits = (5..=9).contains(&len) && words.iter().any(|name| named(name).is_some());
    fits.then_some((len, word))
}

/// How long the marks are of a line that opens a block.
fn opening(line: &str) -> Option<usize> {
    // cline writes `------- SEARCH` and `+++++++ REPLACE`
    let usual = marks(line, '<', &["SEARCH", "ORIGINAL"]).or_else(|| marks(line, '-', &["SEARCH"]));
    usual.map(|(len, _)| len)
}

pub(super) fn opens(line: &str) -> bool {
    opening(line).is_some()
}

pub(super) fn closes(line: &str) -> bool {
    marks(line, '>', &["REPLACE", "UPDATED"]).or_else(|| marks(line, '+', &["REPLACE"])).is_some()
}

/// How long a line of `=` is that may divide a block.
fn divider(line: &str) -> Option<usize> {
    marks(line, '=', &[""]).map(|(len, _)| len)
}

/// Reads the block that the current line opens.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<(), EditRefusal> {
    let start = reader.at;
    let line = number(start);
    let name = name_of(reader, start);
    let opened = opening(reader.lines[start]).unwrap_or_default();
    let mut end = start + 1;
    loop {
        match reader.lines.get(end) {
            None => return Err(EditRefusal::new(line, None, EditProblem::Cut("a search/replace block"))),
            Some(found) if closes(found) => break,
            Some(found) if opens(found) => {
                reader.at = end;
                let what = "a search/replace block without its end".to_owned();
                return Err(EditRefusal::new(line, None, EditProblem::Unreadable(what)));
            }
            Some(_) => end += 1,
        }
    }
    reader.at = end + 1;
    let (name, is_above) = name.ok_or_else(|| EditRefusal::new(line, None, EditProblem::NoName))?;
    let body = &reader.lines[start + 1..end];
    let refuse = |problem| EditRefusal::new(line, Some(&name), problem);
    let middle = middle(body, opened).map_err(refuse)?;
    let (at, search) = said(&body[..middle]);
    // a blank line names no place: many leave one where nothing was, in a file that is to come
    let is_blank = at.is_none() && search.iter().all(|line| line.trim().is_empty());
    let search = if is_blank { &[] } else { search };
    let replace = &body[middle + 1..];
    let mut piece = Piece::between(line, search, replace);
    piece.said = at.map(|start| Said { start, counts_hold: true });
    if is_above {
        reader.note(line, &name, Tolerance::NameAbove);
    }
    reader.push(line, Name::plain(name), Action::Change { pieces: vec![piece], to: None, mode: None });
    Ok(())
}

/// The one line that divides a block: of several the one that is as long as the block's first marks.
fn middle(body: &[&str], opened: usize) -> Result<usize, EditProblem> {
    let all: Vec<(usize, usize)> =
        body.iter().enumerate().filter_map(|(at, line)| Some((at, divider(line)?))).collect();
    let alike: Vec<usize> = all.iter().filter(|(_, len)| *len == opened).map(|(at, _)| *at).collect();
    match (all.as_slice(), alike.as_slice()) {
        ([], _) => Err(EditProblem::Unreadable("a search/replace block without `=======`".to_owned())),
        ([(at, _)], _) | (_, [at]) => Ok(*at),
        _ => Err(EditProblem::Unclear("more than one `=======` in a search/replace block".to_owned())),
    }
}

/// Roo's head of a block: `:start_line:7`, perhaps `:end_line:9`, then `-------`.
fn said<'a, 'b>(search: &'b [&'a str]) -> (Option<u32>, &'b [&'a str]) {
    let Some(start) = search.first().and_then(|line| line.trim().strip_prefix(":start_line:")) else {
        return (None, search);
    };
    let mut rest = &search[1..];
    if rest.first().is_some_and(|line| line.trim().starts_with(":end_line:")) {
        rest = &rest[1..];
    }
    if rest.first().is_some_and(|line| line.trim() == "-------") {
        rest = &rest[1..];
    }
    (start.trim().parse().ok(), rest)
}

/// The file of the block at `start`, and whether its name was said for another block only.
fn name_of(reader: &Reader<'_>, start: usize) -> Option<(String, bool)> {
    let lines = &reader.lines;
    let top = reader.fence.as_ref().map(|fence| fence.at());
    let above = |from: usize, down_to: usize| (down_to..from).rev().find(|at| !lines[*at].trim().is_empty());
    // the line above, in the fence or where there is none
    if let Some(mut at) = above(start, top.map_or(0, |top| top + 1)) {
        // a fence opened twice, the name between
        if let Some(top) = top.filter(|_| lines[at].trim_start().starts_with("```")) {
            at = above(at, top + 1).unwrap_or(at);
        }
        if let Some(name) = names::alone(lines[at]).or_else(|| names::word(lines[at])) {
            return Some((name, false));
        }
        if let Some(name) = top.is_none().then(|| names::in_words(lines[at])).flatten() {
            return Some((name, false));
        }
        return carried(reader, top);
    }
    if let Some(name) = reader.fence.as_ref().and_then(|fence| names::in_info(fence.info)) {
        return Some((name, false));
    }
    // above the fence; perhaps in a fence of its own
    let mut at = above(top?, 0)?;
    if lines[at].trim_start().starts_with("```") && lines[at].trim().trim_matches('`').is_empty() && at >= 2 {
        let opener = lines[at - 2].trim_start().starts_with("```");
        at = if opener { at - 1 } else { at };
    }
    let name = names::alone(lines[at]).or_else(|| names::in_words(lines[at])).or_else(|| names::word(lines[at]));
    match name {
        Some(name) => Some((name, false)),
        None => carried(reader, None),
    }
}

/// The name of the block before: in the same fence it still holds; elsewhere only if the reply names no other file.
fn carried(reader: &Reader<'_>, fence: Option<usize>) -> Option<(String, bool)> {
    let last = reader.list.last()?;
    let in_fence = fence.is_some_and(|top| last.line as usize > top + 1);
    let only = reader.list.iter().all(|edit| edit.name == last.name);
    (in_fence || only).then(|| (last.name.said.clone(), !in_fence))
}
