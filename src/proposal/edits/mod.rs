//! What a model wrote becomes placed changes: read strictly, placed by lines, all or nothing, never a wrong place.
//!
//! [`read()`] finds the edits of a reply in whatever format they stand (search/replace blocks, unified diffs,
//! `apply_patch` blocks, whole files, JSON) and refuses the whole reply where one of them is cut or cannot be read.
//! [`Edits::place`] looks for the one place of each in a base. A tolerance (another indentation, lost blanks, wrong
//! counts …) is taken only where exactly one place fits and nothing fits better, and is told as an [`EditNote`].
//! Nothing here writes, and nothing of a reply is obeyed but lines of files.

mod note;
mod place;
mod read;
mod refusal;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_paths;

use std::collections::HashSet;

use crate::diff::{FileMode, FilePatch, FileSide, Operation, Patch, PatchLineKind};
use crate::infrastructure::llm::{ChatReply, Finish};
use crate::repository::Tree;
pub use note::{EditNote, Tolerance};
pub use place::Placed;
pub use refusal::{EditProblem, EditRefusal, EditRefusals};

/// What a fence with a path is, where nothing beside it says more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NamedFence {
    /// Nobody said: it is the whole file where the base shows that it can be nothing less.
    #[default]
    Unclear,
    /// The whole file: whoever asked has told the model to answer so.
    Whole,
}

/// Reads the edits of `reply`. `finish` says whether the reply is whole; a word that nobody knows leaves it to the
/// reply's own ends.
///
/// # Errors
/// [`EditRefusals`] with line and reason: it was cut, an edit cannot be read, or there is none.
pub fn read(reply: &str, finish: &Finish) -> Result<Edits, EditRefusals> {
    read::read(reply, finish, NamedFence::Unclear)
}

/// As [`read()`], for a model that was told what a fence with a path is.
///
/// # Errors
/// As [`read()`].
pub fn read_as(reply: &str, finish: &Finish, fence: NamedFence) -> Result<Edits, EditRefusals> {
    read::read(reply, finish, fence)
}

/// As [`read()`], and takes the edits of tool calls as well as those of the words.
///
/// # Errors
/// As [`read()`].
pub fn read_reply(reply: &ChatReply) -> Result<Edits, EditRefusals> {
    read::read_reply(reply)
}

/// The edits of one reply, in their order; not yet held against any file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edits {
    list: Vec<Edit>,
    notes: Vec<EditNote>,
    /// Fences that nothing was taken from, by their line, and the word alone above each: where the tree has a file of that
    /// name, what is in the fence may be meant for it.
    unread: Vec<(u32, String)>,
    /// All lines of the reply end with CR LF: those of its files need not be meant so.
    is_crlf: bool,
}

impl Edits {
    /// The same with whole names below the folder `top` told from there.
    #[must_use]
    pub(super) fn below(mut self, top: &[u8]) -> Self {
        let told = |text: &mut String| {
            if let Some(rest) = crate::diff::below(text.as_bytes(), top) {
                *text = String::from_utf8_lossy(rest).into_owned(); // a part of what is UTF-8, cut at a slash
            }
        };
        for edit in &mut self.list {
            let to = match &mut edit.action {
                Action::Change { to, .. } => to.as_mut(),
                Action::Create { .. } | Action::Whole { .. } | Action::Named { .. } | Action::Delete { .. } => None,
            };
            for name in [Some(&mut edit.name), to].into_iter().flatten() {
                told(&mut name.said);
                name.or.iter_mut().for_each(told);
            }
        }
        self
    }

    /// Whether these are the parts of `patch`, one by one, and the lines of each prove its place: of files that are new,
    /// and of changes of text whose hunks have lines that stay, the counts of their headers right. What moves, deletes or
    /// gives another mode has more to it than its lines.
    #[must_use]
    pub(super) fn are_plain_parts(&self, patch: &Patch) -> bool {
        let mut seen = HashSet::new();
        let once = patch.files().iter().all(|file| seen.insert(file.path()));
        let is_same = |(edit, file): (&Edit, &FilePatch)| match &edit.action {
            Action::Create { .. } => file.operation == Operation::Create,
            Action::Change { pieces, to: None, mode: None } => {
                file.operation == Operation::Modify
                    && file.old_path == file.new_path
                    && file.old_mode == file.new_mode
                    && pieces.len() == file.hunks().len()
                    && pieces.iter().all(Piece::is_framed)
            }
            _ => false,
        };
        once && self.unread.is_empty()
            && self.list.len() == patch.files().len()
            && self.list.iter().zip(patch.files()).all(is_same)
    }

    /// Places the parts of a diff where git would look for them: a hunk without lines that stay behind it ends where the
    /// file ends, and one that begins with the first line begins there. `None` where one has no such place, or where what
    /// it makes is there already.
    pub(super) fn place_as_parts(&self, tree: &dyn Tree) -> Option<Placed> {
        let mut bound = self.clone();
        let pieces = bound.list.iter_mut().filter_map(|edit| match &mut edit.action {
            Action::Change { pieces, .. } => Some(pieces),
            _ => None,
        });
        for piece in pieces.flatten() {
            piece.at_end = piece.lines.last().is_some_and(|line| line.kind != PatchLineKind::Context);
        }
        let placed = bound.place(tree).ok()?;
        let is_elsewhere = |note: &EditNote| {
            matches!(note.tolerance, Tolerance::NotAtEnd | Tolerance::LineNumbers { said: 1, found: 2.. })
        };
        let is_there = |side: &FileSide| self.stand_in(&side.content);
        let olds = placed.changes.files().iter().filter_map(|file| file.old.as_ref());
        (!placed.notes.iter().any(is_elsewhere) && !olds.into_iter().any(is_there)).then_some(placed)
    }

    /// Whether some are no part of a diff.
    #[must_use]
    pub(super) fn hold_more_than(&self, patch: &Patch) -> bool {
        let is_new = |edit: &&Edit| matches!(edit.action, Action::Create { .. });
        let creations = patch.files().iter().filter(|file| file.operation == Operation::Create).count();
        self.list.len() != patch.files().len()
            || self.list.iter().any(|edit| matches!(edit.action, Action::Whole { .. } | Action::Named { .. }))
            || self.list.iter().filter(is_new).count() > creations
    }

    /// Whether the new side of a change, with the lines around it, stands in `content` already; blanks at the ends of
    /// lines are not looked at.
    fn stand_in(&self, content: &[u8]) -> bool {
        let has: Vec<&[u8]> = content.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
        let stands = |piece: &Piece| {
            let new = piece.lines.iter().filter(|line| line.kind != PatchLineKind::Removed);
            let new: Vec<&[u8]> = new.map(|line| line.text.as_bytes().trim_ascii()).collect();
            !new.is_empty() && has.windows(new.len()).any(|run| run == new)
        };
        self.list.iter().flat_map(Edit::pieces).any(stands)
    }

    /// How many files' edits there are; one file may be named more than once.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none; [`read()`] never gives that.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The paths as the reply wrote them, in order.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|edit| edit.name.said.as_str())
    }
}

/// What a reply wants of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Edit {
    /// The reply's line, 1-based.
    line: u32,
    name: Name,
    action: Action,
}

/// A path as a reply wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    said: String,
    /// What it means where `said` is no file: the name without a diff's `a/`, or with slashes.
    or: Option<String>,
}

impl Name {
    fn plain(said: impl Into<String>) -> Self {
        let said = said.into();
        // as it is written on Windows
        let or = said.contains('\\').then(|| said.replace('\\', "/"));
        Self { said, or }
    }
}

/// What is done to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    /// Lines change; perhaps it moves, perhaps its mode changes.
    Change { pieces: Vec<Piece>, to: Option<Name>, mode: Option<FileMode> },
    /// It is new.
    Create { content: String, mode: Option<FileMode> },
    /// Its whole content, whether it is there or not.
    Whole { content: String },
    /// What stands in a fence that only names the file: all of it, or a part to look at.
    Named { content: String },
    /// It goes. Where lines are given, they are all that it holds.
    Delete { pieces: Vec<Piece> },
}

/// Lines that stand together in a file, and what becomes of them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    /// The reply's line, 1-based.
    line: u32,
    lines: Vec<PieceLine>,
    /// The line of the file where it says that it stands.
    said: Option<Said>,
    /// Lines that stand above it (`@@ def f`): they tell equal places apart.
    anchors: Vec<String>,
    /// Its anchors must stand above it; else they only tell equal places apart.
    is_bound: bool,
    /// It may be meant for what the pieces above it leave; parts of diffs are all made on one base.
    may_follow: bool,
    /// It says that it ends where the file ends.
    at_end: bool,
    /// Text that need not be whole lines (JSON): what is searched and what takes its place.
    text: Option<(String, String)>,
}

/// What a hunk's header says of its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said {
    /// The first old line, 1-based.
    start: u32,
    /// Whether the header's counts are those of the lines: else the number is worth little.
    counts_hold: bool,
}

/// One line of a [`Piece`].
#[derive(Debug, Clone, PartialEq, Eq)]
struct PieceLine {
    kind: PatchLineKind,
    /// Without its `\n`; a `\r` stays.
    text: String,
    /// The reply says that no newline follows.
    is_unended: bool,
}

impl PieceLine {
    fn new(kind: PatchLineKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), is_unended: false }
    }

    fn is_old(&self) -> bool {
        self.kind != PatchLineKind::Added
    }
}

impl Piece {
    fn new(line: u32, lines: Vec<PieceLine>) -> Self {
        Self {
            line,
            lines,
            said: None,
            anchors: Vec::new(),
            is_bound: false,
            may_follow: false,
            at_end: false,
            text: None,
        }
    }

    /// The change from the lines of `old` to those of `new`: what both have stays as the file has it.
    fn between(line: u32, old: &[&str], new: &[&str]) -> Self {
        let mut lines = Vec::with_capacity(old.len() + new.len());
        let take = |lines: &mut Vec<PieceLine>, kind, texts: &[&str]| {
            lines.extend(texts.iter().map(|text| PieceLine::new(kind, *text)));
        };
        let (mut from, mut to) = (0, 0);
        for (old_at, new_at, len) in crate::diff::common_runs(old, new) {
            take(&mut lines, PatchLineKind::Removed, &old[from..old_at]);
            take(&mut lines, PatchLineKind::Added, &new[to..new_at]);
            take(&mut lines, PatchLineKind::Context, &old[old_at..old_at + len]);
            (from, to) = (old_at + len, new_at + len);
        }
        take(&mut lines, PatchLineKind::Removed, &old[from..]);
        take(&mut lines, PatchLineKind::Added, &new[to..]);
        Self { may_follow: true, ..Self::new(line, lines) }
    }

    /// Whether lines that stay are beside those that change, or these are the file from its first line, none may stand for
    /// others, and its header's counts hold.
    fn is_framed(&self) -> bool {
        let stays = |line: Option<&PieceLine>| line.is_some_and(|line| line.kind == PatchLineKind::Context);
        let stands_for_others = |line: &PieceLine| line.is_old() && place::is_elision(&line.text);
        self.has_old()
            && self.said.is_some_and(|said| {
                said.counts_hold && (said.start == 1 || stays(self.lines.first()) || stays(self.lines.last()))
            })
            && !self.lines.iter().any(stands_for_others)
    }

    fn changes(&self) -> bool {
        if let Some((search, replace)) = &self.text {
            return search != replace;
        }
        self.lines.iter().any(|line| line.kind != PatchLineKind::Context)
    }

    fn has_old(&self) -> bool {
        self.lines.iter().any(PieceLine::is_old)
    }

    /// The lines that the new side has, each with its newline.
    fn new_text(&self) -> String {
        let mut text = String::new();
        for line in self.lines.iter().filter(|line| line.kind != PatchLineKind::Removed) {
            text.push_str(&line.text);
            if !line.is_unended {
                text.push('\n');
            }
        }
        text
    }
}
