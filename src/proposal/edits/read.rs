//! From a reply's text to its edits: what looks like an edit must read as one, or nothing of the reply counts.

mod begin_patch;
mod blocks;
mod fence;
mod json;
mod names;
mod unified;
mod whole;

use super::refusal::MOST;
use super::{Action, Edit, EditNote, EditProblem, EditRefusal, EditRefusals, Edits, Name, NamedFence, Tolerance};
use crate::infrastructure::llm::{ChatReply, Finish};
use fence::Fence;

/// See [`super::read()`].
pub(super) fn read(reply: &str, finish: &Finish, named: NamedFence) -> Result<Edits, EditRefusals> {
    check_whole(finish)?;
    let mut reader = Reader { named, ..Reader::new(reply, *finish == Finish::Stop) };
    reader.run();
    reader.into_edits()
}

/// See [`super::read_reply()`].
pub(super) fn read_reply(reply: &ChatReply) -> Result<Edits, EditRefusals> {
    check_whole(&reply.finish)?;
    let mut reader = Reader::new(&reply.text, matches!(reply.finish, Finish::Stop | Finish::Tools));
    reader.run();
    for call in &reply.calls {
        json::read_call(&mut reader, &call.name, &call.arguments);
    }
    reader.into_edits()
}

fn check_whole(finish: &Finish) -> Result<(), EditRefusals> {
    let why = match finish {
        Finish::Length => "it ran out of tokens",
        Finish::Filtered => "the provider held it back",
        Finish::Stop | Finish::Tools | Finish::Other(_) => return Ok(()),
    };
    Err(EditRefusals::one(1, None, EditProblem::NotWhole(why)))
}

/// The most edits of one reply. // the largest diff of 400 merges of cargo has 1,900 hunks
const MOST_EDITS: usize = 5_000;

/// How the first line of an edit begins that the next ones must make one.
const BEGINNINGS: [&str; 5] = ["diff --git ", "--- ", "@@", "*** Begin Patch", "<<<<<<<"];

/// Goes over a reply once, line by line.
struct Reader<'a> {
    text: &'a str,
    lines: Vec<&'a str>,
    at: usize,
    /// Whoever sent it says that it is whole.
    is_finished: bool,
    named: NamedFence,
    fence: Option<Fence<'a>>,
    /// The last line that is more than blanks and no part of an edit.
    stray: Option<usize>,
    list: Vec<Edit>,
    notes: Vec<EditNote>,
    /// Fences that nothing was taken from, and the word alone above each.
    unread: Vec<(u32, String)>,
    refusals: Vec<EditRefusal>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, is_finished: bool) -> Self {
        let mut lines: Vec<&str> = text.split('\n').collect();
        if lines.last().is_some_and(|last| last.is_empty()) {
            lines.pop();
        }
        let (list, notes, unread, refusals) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let named = NamedFence::Unclear;
        Self { text, lines, at: 0, is_finished, named, fence: None, stray: None, list, notes, unread, refusals }
    }

    fn run(&mut self) {
        self.skip_thoughts();
        if json::read_whole(self) {
            return;
        }
        while let Some(line) = self.peek() {
            if self.refusals.len() >= MOST {
                return;
            }
            let step = if blocks::opens(line) {
                blocks::read(self)
            } else if begin_patch::opens(line) {
                begin_patch::read(self)
            } else if unified::opens(self) {
                unified::read(self)
            } else if self.fence.as_ref().is_some_and(|fence| fence.is_closed_by(line)) {
                self.fence = None;
                self.at += 1;
                Ok(())
            } else if let Some(opened) = self.opened(line) {
                self.open_fence(opened)
            } else {
                self.refuse_stray(line)
            };
            if let Err(refusal) = step {
                let is_cut = matches!(refusal.problem, EditProblem::Cut(_));
                self.refusals.push(refusal);
                if is_cut {
                    return;
                }
            }
        }
        if let Some(fence) = &self.fence {
            self.refusals.push(EditRefusal::new(fence.number(), None, EditProblem::Cut("a fence")));
        } else if !self.is_finished && !self.list.is_empty() && (self.ends_in_a_name() || self.ends_in_a_beginning()) {
            let last = number(self.lines.len().saturating_sub(1));
            self.refusals.push(EditRefusal::new(last, None, EditProblem::Cut("the last line")));
        }
    }

    /// Whether the text breaks off where another block's name may begin.
    fn ends_in_a_name(&self) -> bool {
        let last = self.lines.last().map_or("", |line| line.trim());
        let is_word = !last.is_empty() && !last.contains(char::is_whitespace);
        is_word
            && !self.text.ends_with('\n')
            && last.starts_with(|c: char| c.is_alphanumeric() || "*`#./".contains(c))
            && !last.starts_with("```")
    }

    /// Whether the last line is none of an edit, and another edit may begin with it.
    fn ends_in_a_beginning(&self) -> bool {
        let is_last = |at: &usize| self.lines[at + 1..].iter().all(|line| line.trim().is_empty());
        self.stray.filter(is_last).is_some_and(|at| {
            let line = self.lines[at].trim_end();
            BEGINNINGS
                .iter()
                .any(|start| line.starts_with(start) || (at + 1 == self.lines.len() && start.starts_with(line)))
        })
    }

    /// What a model thinks aloud before it answers is no answer: `<think>`, `<thinking>`, `<thinking-content-7bbe…>`.
    fn skip_thoughts(&mut self) {
        let tag = self.text.trim_start().strip_prefix('<').and_then(|text| Some(text.split_once('>')?.0));
        let is_plain = |tag: &&str| tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let Some(tag) = tag.filter(|tag| tag.starts_with("think")).filter(is_plain) else { return };
        let close = format!("</{tag}>");
        let end = self.lines.iter().position(|line| line.contains(&close));
        self.at = end.map_or(self.lines.len(), |end| end + 1);
    }

    /// The fence that `line` opens, where none is open; a tag is one below the name of a file.
    fn opened(&self, line: &'a str) -> Option<Fence<'a>> {
        if self.fence.is_some() {
            return None;
        }
        let is_named = || {
            let above = self.lines[..self.at].iter().rev().find(|line| !line.trim().is_empty());
            above.is_some_and(|line| names::alone(line).or_else(|| names::in_words(line)).is_some())
        };
        Fence::open(line, self.at).or_else(|| Fence::tagged(line, self.at).filter(|_| is_named()))
    }

    /// A fence: a whole file, JSON, a bare name, or the frame of something else.
    fn open_fence(&mut self, opened: Fence<'a>) -> Result<(), EditRefusal> {
        let taken = whole::read(self, &opened)? || json::read_fence(self, &opened)?;
        if !taken {
            whole::refuse_nameless(self, &opened)?;
            self.at += 1;
            self.fence = Some(opened);
        }
        Ok(())
    }

    /// Half of an edit is one that was lost.
    fn refuse_stray(&mut self, line: &str) -> Result<(), EditRefusal> {
        self.at += 1;
        let in_diff = self.fence.as_ref().is_some_and(Fence::is_diff);
        let what = if blocks::closes(line) {
            "the end of a search/replace block without its start"
        } else if begin_patch::belongs(line) {
            "a line of an apply_patch block outside of one"
        } else if line == "GIT binary patch" || (line.starts_with("Binary files ") && line.ends_with(" differ")) {
            "a binary content without a file's name above it"
        } else if line.starts_with("@@ -") || (in_diff && line.starts_with("@@")) || is_bare_header(line) {
            "a hunk without a file's name above it"
        } else if in_diff && line.starts_with(['+', '-']) {
            "changed lines without a hunk's header"
        } else if self.fence.is_none() && json::begins_amid_words(&self.lines, self.at - 1) {
            "edits in JSON amid other text: put them into a fence of their own"
        } else {
            if !line.trim().is_empty() {
                self.stray = Some(self.at - 1);
            }
            return Ok(());
        };
        // one word for the whole fence: its other lines would say the same
        if in_diff {
            self.skip_fence();
        }
        Err(EditRefusal::new(number(self.at - 1), None, EditProblem::Unreadable(what.to_owned())))
    }

    fn skip_fence(&mut self) {
        while let (Some(line), Some(fence)) = (self.peek(), &self.fence) {
            if fence.is_closed_by(line) {
                return;
            }
            self.at += 1;
        }
    }

    fn into_edits(mut self) -> Result<Edits, EditRefusals> {
        if self.refusals.is_empty() && self.list.is_empty() {
            self.refusals.push(EditRefusal::new(1, None, EditProblem::NoEdits));
        }
        if self.list.len() > MOST_EDITS {
            self.refusals.push(EditRefusal::new(1, None, EditProblem::TooMany(self.list.len())));
        }
        if !self.refusals.is_empty() {
            return Err(EditRefusals::new(self.refusals));
        }
        // the last line may have no end
        let mut ended = self.text.split_inclusive('\n').filter(|line| line.ends_with('\n')).peekable();
        let is_crlf = ended.peek().is_some() && ended.all(|line| line.ends_with("\r\n"));
        Ok(Edits { list: self.list, notes: self.notes, unread: self.unread, is_crlf })
    }

    fn peek(&self) -> Option<&'a str> {
        self.lines.get(self.at).copied()
    }

    fn push(&mut self, line: u32, name: Name, action: Action) {
        self.list.push(Edit { line, name, action });
    }

    fn note(&mut self, line: u32, path: &str, tolerance: Tolerance) {
        self.notes.push(EditNote { path: path.to_owned(), line, tolerance });
    }
}

/// Whether `line` heads a hunk without numbers: `@@`, `@@ ... @@`, `@@ fn main() {`.
fn is_bare_header(line: &str) -> bool {
    line.strip_prefix("@@").is_some_and(|rest| rest.trim().is_empty() || rest.starts_with(' '))
}

/// The number of the line at `at`.
fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1)
}
