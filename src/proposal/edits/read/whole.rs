//! Whole files: a fence with a path, and whether the reply says that it is all of the file.

use super::fence::{self, Fence};
use super::{Reader, begin_patch, blocks, names};
use crate::proposal::edits::{Action, EditProblem, EditRefusal, Name, NamedFence};

/// What says that all of something follows.
const ALL: [&str; 4] = ["whole", "full", "complete", "entire"];

/// What is all of a file. Who says it of anything else shows a part.
const FILE: [&str; 13] = [
    "file", "files", "content", "contents", "version", "source", "text", "script", "document", "page", "module",
    "program", "config",
];

/// What is a part of a file: all of it is not all of the file.
const PART: [&str; 20] = [
    "function",
    "functions",
    "method",
    "methods",
    "class",
    "classes",
    "block",
    "section",
    "sections",
    "part",
    "parts",
    "component",
    "struct",
    "impl",
    "test",
    "tests",
    "definition",
    "body",
    "change",
    "changes",
];

/// How many words may stand between [`ALL`] and [`FILE`]: `the complete updated file`.
const BETWEEN: usize = 2;

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
    let (whole, new) = (says_whole(&said), says(&said, NEW));
    let bare = names::in_info(opened.info).or_else(|| names::alone(nearest));
    let said_of = || names::in_words(nearest).or_else(|| names::marked(nearest).filter(|_| says_so(nearest)));
    let named = bare.clone().or_else(|| (whole || new).then(said_of).flatten());
    // a line that looks like a name may be all of a file: `v1.2.3`
    let is_said = named.is_some() && (whole || new);
    if holds_indented(reader, opened) {
        let what = "an edit that is indented with its fence: begin both at the start of a line".to_owned();
        return Err(EditRefusal::new(opened.number(), named.as_deref(), EditProblem::Unclear(what)));
    }
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
pub(super) fn refuse_nameless(reader: &mut Reader<'_>, opened: &Fence<'_>) -> Result<(), EditRefusal> {
    if opened.is_diff() || opened.is_shell() || holds_other(reader, opened) {
        return Ok(());
    }
    let nearest = words_above(reader, opened.at()).first().copied();
    // `AUTHORS` may be a file or a heading: only the tree tells
    if let Some(name) = nearest.and_then(|line| names::alone(line).or_else(|| names::word(line)))
        && !is_named_inside(reader, opened, &name)
    {
        reader.unread.push((opened.number(), name));
    }
    if holds_name(reader, opened) {
        return Ok(());
    }
    match nearest {
        Some(nearest) if names::alone(nearest).is_none() && speaks_of_a_file(nearest) => {
            Err(EditRefusal::new(opened.number(), None, EditProblem::NoName))
        }
        _ => Ok(()),
    }
}

fn says(said: &str, words: &[&str]) -> bool {
    words.iter().any(|word| said.contains(word)) && !denies(said)
}

fn denies(said: &str) -> bool {
    let negated =
        ["not the whole", "not the full", "not the complete", "not the entire", "incomplete", "partial", "snippet"];
    negated.iter().any(|word| said.contains(word))
}

/// Whether a line of `said`, in small letters, says that all of a file follows: `the complete updated file:`, `(whole
/// file)`, `(full)`; not `the complete function of the file`, and not `complete.py`.
fn says_whole(said: &str) -> bool {
    let says = |line: &str| {
        let tokens: Vec<&str> = line.split_whitespace().collect();
        let bracketed = |token: &&str| ALL.iter().any(|all| token.trim_end_matches(':') == format!("({all})"));
        let word = |token: &&str| token.trim_matches(|c: char| "()[]*_:,.".contains(c)).to_owned();
        let words: Vec<String> = tokens.iter().map(word).collect();
        let is_part = words.iter().any(|word| PART.contains(&word.as_str()));
        let of_file = |at: usize| {
            let behind = words[at + 1..].iter().take(BETWEEN + 1);
            ALL.contains(&words[at].as_str()) && behind.clone().any(|word| FILE.contains(&word.as_str()))
        };
        tokens.iter().any(bracketed) || (!is_part && (0..words.len()).any(of_file))
    };
    said.lines().any(says) && !denies(said)
}

/// Whether brackets at the end of `line` say that a file is whole or new: `(whole file)`.
fn says_so(line: &str) -> bool {
    let bracket = line.trim_end_matches([':', '*', ' ']).strip_suffix(')').and_then(|line| line.rsplit_once(" ("));
    let said = bracket.map(|(_, said)| said.to_lowercase()).unwrap_or_default();
    said.contains("file") && (says_whole(&said) || says(&said, NEW))
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

/// Whether the first line in the fence is `name` once more.
fn is_named_inside(reader: &Reader<'_>, opened: &Fence<'_>, name: &str) -> bool {
    first_lines(reader, opened).first().is_some_and(|line| names::alone(line).as_deref() == Some(name))
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

/// Whether the fence is the frame of another format, all of which is indented as the fence is: as an item of a list.
fn holds_indented(reader: &Reader<'_>, opened: &Fence<'_>) -> bool {
    let inside = first_lines(reader, opened);
    let bare = |line: &&&str| opened.without_indent(line).is_some_and(|bare| bare != **line && framed(bare));
    inside.iter().take(2).any(|line| bare(&line))
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
        for said in [
            "here is the complete file",
            "the full, updated file:",
            "### `src/a.py` (whole file)",
            "a.py (full)",
            "the entire content of `a.py`:",
            "python title=a.py\nthe whole new version:",
        ] {
            assert!(says_whole(said), "{said}");
        }
        for said in [
            "this is not the complete file",
            "a partial snippet of the whole file",
            "here is the complete function:",
            "to complete the change, update `beta`:",
            "here is the full code of the function in the file:",
            "autocomplete.py file",
            "src/complete.py",
            "i completely rewrote the file",
            "the complete method of this file:",
        ] {
            assert!(!says_whole(said), "{said}");
        }
    }
}
