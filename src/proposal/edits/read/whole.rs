//! Whole files: a fence with a path, and whether the reply says that it is all of the file.

use super::fence::{self, Fence};
use super::{Reader, begin_patch, blocks, names};
use crate::proposal::edits::{Action, EditProblem, EditRefusal, Name, NamedFence};

/// What says that a fence holds all of a file.
const WHOLE: &[&str] = &[
    "whole",
    "full file",
    "full content",
    "full updated",
    "full code",
    "full version",
    "full text",
    "complete",
    "entire",
    "(full)",
];

/// What says that a file is new.
const NEW: &[&str] = &["new file", "create `", "creating `", "create the file", "create a file", "(new)"];

/// How many lines of words above a fence are listened to.
const HEARD: usize = 3;

/// Takes the fence that `opened` begins if it is a whole file; false where it is something else.
pub(super) fn read(reader: &mut Reader<'_>, opened: &Fence<'_>) -> Result<bool, EditRefusal> {
    if opened.is_diff() || opened.is_shell() {
        return Ok(false);
    }
    let above = words_above(reader, opened.at());
    let nearest = above.first().copied().unwrap_or_default();
    let said = format!("{}\n{}", opened.info, above.join("\n")).to_lowercase();
    let (whole, new) = (says(&said, WHOLE), says(&said, NEW));
    let bare = names::in_info(opened.info).or_else(|| names::alone(nearest));
    let said_of = || names::in_words(nearest).or_else(|| names::marked(nearest).filter(|_| says_so(nearest)));
    let named = bare.clone().or_else(|| (whole || new).then(said_of).flatten());
    // a line that looks like a name may be all of a file: `v1.2.3`
    let is_said = named.is_some() && (whole || new);
    if holds_other(reader, opened) || (!is_said && holds_name(reader, opened)) {
        return Ok(false);
    }
    let Some(name) = named else { return Ok(false) };
    // its name stands in it once more, above a second fence: the frame of a block
    if is_opened_twice(reader, opened, &name) {
        return Ok(false);
    }
    let line = opened.number();
    let refuse = |problem| EditRefusal::new(line, Some(&name), problem);
    let end = end_of(reader, opened, &name).map_err(refuse)?;
    reader.at = end + 1;
    // where a model was told to answer so, a name alone says it
    let is_asked_for = reader.named == NamedFence::Whole && bare.is_some();
    let mut content = String::new();
    for text in &reader.lines[opened.at() + 1..end] {
        content.push_str(
            opened.without_indent(text).ok_or_else(|| {
                refuse(EditProblem::Unclear("a fence is indented, and lines in it are not".to_owned()))
            })?,
        );
        content.push('\n');
    }
    let action = match (whole || is_asked_for, new) {
        (true, _) => Action::Whole { content },
        (false, true) => Action::Create { content, mode: None },
        (false, false) => Action::Named { content },
    };
    reader.push(line, Name::plain(name), action);
    Ok(true)
}

/// Refuses a fence that no format took where it is said to be a file: no edit is lost in silence.
pub(super) fn refuse_nameless(reader: &Reader<'_>, opened: &Fence<'_>) -> Result<(), EditRefusal> {
    if opened.is_diff() || opened.is_shell() || holds_other(reader, opened) || holds_name(reader, opened) {
        return Ok(());
    }
    match words_above(reader, opened.at()).first() {
        Some(nearest) if names::alone(nearest).is_none() && speaks_of_a_file(nearest) => {
            Err(EditRefusal::new(opened.number(), None, EditProblem::NoName))
        }
        _ => Ok(()),
    }
}

fn says(said: &str, words: &[&str]) -> bool {
    let negated =
        ["not the whole", "not the full", "not the complete", "not the entire", "incomplete", "partial", "snippet"];
    words.iter().any(|word| said.contains(word)) && !negated.iter().any(|word| said.contains(word))
}

/// Whether brackets at the end of `line` say that a file is whole or new: `(whole file)`.
fn says_so(line: &str) -> bool {
    let bracket = line.trim_end_matches([':', '*', ' ']).strip_suffix(')').and_then(|line| line.rsplit_once(" ("));
    let said = bracket.map(|(_, said)| said.to_lowercase()).unwrap_or_default();
    said.contains("file") && (says(&said, WHOLE) || says(&said, NEW))
}

/// Whether `line` says that a whole or a new file follows: `the complete file:`, `(new file)`; not `the new file structure`.
fn speaks_of_a_file(line: &str) -> bool {
    let line = line.to_lowercase();
    let says = |phrase: &&str| {
        let rest = line.split_once(*phrase).map(|(_, rest)| rest.trim_start());
        rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    ["whole file", "full file", "complete file", "entire file", "new file"].iter().any(says)
}

/// The lines of words above `at`, nearest first, up to another fence.
fn words_above<'a>(reader: &Reader<'a>, at: usize) -> Vec<&'a str> {
    let lines = reader.lines[..at].iter().rev().take(2 * HEARD);
    let words = lines.take_while(|line| !fence::is_frame(line));
    words.map(|line| line.trim()).filter(|line| !line.is_empty()).take(HEARD).collect()
}

/// The first lines in the fence that are more than blanks.
fn first_lines<'a>(reader: &Reader<'a>, opened: &Fence<'_>) -> Vec<&'a str> {
    reader.lines[opened.at() + 1..].iter().copied().filter(|line| !line.trim().is_empty()).take(3).collect()
}

fn framed(line: &str) -> bool {
    blocks::opens(line) || begin_patch::opens(line) || line.starts_with("diff --git ")
}

/// Whether the fence begins with its file's `name`, another fence and a block: many write both a heading and the name.
fn is_opened_twice(reader: &Reader<'_>, opened: &Fence<'_>, name: &str) -> bool {
    match first_lines(reader, opened)[..] {
        [again, fence, block] => {
            names::alone(again).as_deref() == Some(name) && Fence::open(fence, 0).is_some() && framed(block)
        }
        _ => false,
    }
}

/// Whether the fence is the frame of a name alone.
fn holds_name(reader: &Reader<'_>, opened: &Fence<'_>) -> bool {
    let inside = first_lines(reader, opened);
    inside.first().is_some_and(|line| names::alone(line).is_some())
        && inside.get(1).is_some_and(|line| opened.is_closed_by(line))
}

/// Whether the fence is the frame of another format.
fn holds_other(reader: &Reader<'_>, opened: &Fence<'_>) -> bool {
    let inside = first_lines(reader, opened);
    let is_diff = |pair: &[&str]| pair[0].starts_with("--- ") && pair[1].starts_with("+++ ");
    inside.iter().take(2).any(|line| framed(line)) || inside.windows(2).take(1).any(is_diff)
}

/// Where the fence ends, where that is beyond doubt.
fn end_of(reader: &Reader<'_>, opened: &Fence<'_>, name: &str) -> Result<usize, EditProblem> {
    let from = opened.at() + 1;
    let closed = reader.lines[from..].iter().position(|line| opened.is_closed_by(line));
    let end = from + closed.ok_or(EditProblem::Cut("a fence"))?;
    let nested = || {
        EditProblem::Unclear(
            "fences inside of a fence: where the file ends is not clear; use a longer fence".to_owned(),
        )
    };
    // a longer line of marks closes a fence too, and underlines a title
    if reader.lines[from..end].iter().any(|line| opened.is_doubled_by(line))
        || !opened.is_as_long_as(reader.lines[end])
        || opened.is_closed_again(&reader.lines[end + 1..])
    {
        return Err(nested());
    }
    // Markdown holds fences of its own: what ended this one may have been meant for one of those
    let is_markdown = [".md", ".mdx", ".markdown", ".rst", ".qmd"].iter().any(|end| name.to_lowercase().ends_with(end));
    let rest = reader.lines[end + 1..].iter().enumerate();
    let mut fences = rest.filter_map(|(at, line)| Some((end + 1 + at, Fence::open(line, at)?)));
    match fences.next().filter(|_| is_markdown) {
        Some((at, next)) if names::in_info(next.info).is_none() && !names_above(reader, at) => Err(nested()),
        _ => Ok(end),
    }
}

fn names_above(reader: &Reader<'_>, at: usize) -> bool {
    let above = reader.lines[..at].iter().rev().find(|line| !line.trim().is_empty());
    above.is_some_and(|line| names::alone(line).is_some() || names::in_words(line).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_whole_is_heard_and_what_denies_it_too() {
        assert!(says("here is the complete file", WHOLE));
        assert!(!says("this is not the complete file", WHOLE));
        assert!(!says("a partial snippet of the whole", WHOLE));
    }
}
