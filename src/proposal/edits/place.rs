//! Placing edits on a base: every file's edits in their order, all or nothing.

mod again;
mod change;
mod entire;
mod find;
mod paths;
mod shift;
mod text;

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::refusal::MOST;
use super::{Action, Edit, EditNote, EditProblem, EditRefusal, EditRefusals, Edits, Piece, Tolerance};
use crate::diff::{ChangeSet, FileChange, FileMode, FileSide};
use crate::id::RepoPath;
use crate::repository::{Tree, TreeError};
use change::Failed;
use paths::Paths;

/// What came of a reply's edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The change; empty where the base has everything already.
    pub changes: ChangeSet,
    /// Everything that was tolerated, in the order of the reply within each file.
    pub notes: Vec<EditNote>,
}

impl Edits {
    /// Places all edits on `tree`; files are read as they are needed.
    ///
    /// # Errors
    /// [`EditRefusals`]: one is enough for nothing to be placed.
    pub fn place(&self, tree: &dyn Tree) -> Result<Placed, EditRefusals> {
        let (paths, notes, is_crlf) = (Paths::new(tree), self.notes.clone(), self.is_crlf);
        let mut placing = Placing { paths, tree, notes, is_crlf, files: BTreeMap::new() };
        let mut refusals = Vec::new();
        let mut by_path: BTreeMap<RepoPath, Vec<&Edit>> = BTreeMap::new();
        placing.paths.learn(&self.list);
        let is_mixed = self.list.iter().any(|edit| edit.is_part());
        for edit in &self.list {
            let path = match edit.action {
                // who sends edits sends files to look at beside them
                Action::Named { .. } if is_mixed => {
                    Err(EditProblem::UnsaidWhole("other edits stand beside it".to_owned()))
                }
                _ => placing.paths.of(edit),
            };
            match path {
                Ok(path) => {
                    placing.note_path(edit, &path);
                    by_path.entry(path).or_default().push(edit);
                }
                Err(problem) => refusals.push(EditRefusal::new(edit.line, Some(&edit.name.said), problem)),
            }
        }
        for (line, word) in &self.unread {
            match placing.paths.is_named(word) {
                Ok(false) => {}
                Ok(true) => refusals.push(EditRefusal::new(
                    *line,
                    Some(word),
                    EditProblem::UnsaidWhole("what is in the fence below its name may be meant for it".to_owned()),
                )),
                Err(problem) => refusals.push(EditRefusal::new(*line, Some(word), problem)),
            }
        }
        // only names were looked at: with one of them refused the rest is still told
        for (path, edits) in &by_path {
            if refusals.len() >= MOST {
                break;
            }
            refusals.extend(placing.file(path, edits));
        }
        if refusals.is_empty() {
            refusals.extend(placing.moves(&by_path));
        }
        if !refusals.is_empty() {
            refusals.sort_by_key(|refusal| refusal.line);
            return Err(EditRefusals::new(refusals));
        }
        let changes = placing.files.into_iter().map(|(path, (old, new))| FileChange { path, old, new });
        Ok(Placed { changes: ChangeSet::new(changes), notes: placing.notes })
    }
}

/// Whether `text` stands for lines that were left out.
pub(super) fn is_elision(text: &str) -> bool {
    find::is_elision(text)
}

/// The number of a 0-based line.
fn line_number(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX).saturating_add(1)
}

fn unreadable(error: TreeError) -> EditProblem {
    EditProblem::BaseUnreadable(error.to_string())
}

type Sides = (Option<FileSide>, Option<FileSide>);

struct Placing<'a> {
    tree: &'a dyn Tree,
    paths: Paths<'a>,
    notes: Vec<EditNote>,
    is_crlf: bool,
    /// Each touched file before and after.
    files: BTreeMap<RepoPath, Sides>,
}

impl Placing<'_> {
    fn note_path(&mut self, edit: &Edit, path: &RepoPath) {
        let shown = path.to_string();
        let said = &edit.name.said;
        if shown != *said && path.as_utf8() != Some(said) {
            self.note(edit.line, path, Tolerance::Path { said: said.clone() });
        }
    }

    fn note(&mut self, line: u32, path: &RepoPath, tolerance: Tolerance) {
        let note = EditNote { path: path.to_string(), line, tolerance };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Makes the new content of one file; what it is refused for.
    fn file(&mut self, path: &RepoPath, edits: &[&Edit]) -> Vec<EditRefusal> {
        let refuse = |line, problem| vec![EditRefusal::new(line, Some(&path.to_string()), problem)];
        let first = edits[0].line;
        let old = match self.tree.side(path) {
            Ok(old) => old,
            Err(error) => return refuse(first, unreadable(error)),
        };
        let mut now = old.clone();
        // what was done to it that leaves nothing to do
        let mut done: Option<&'static str> = None;
        let mut at = 0;
        while at < edits.len() {
            let edit = edits[at];
            if let Some(what) = done {
                return refuse(edit.line, EditProblem::Twice(what));
            }
            let step = match &edit.action {
                Action::Change { .. } => {
                    let run =
                        edits[at..].iter().take_while(|edit| matches!(edit.action, Action::Change { .. })).count();
                    let made = self.change(path, &edits[at..at + run], now.as_ref());
                    at += run - 1;
                    match made {
                        Ok(side) => Ok(Some(side)),
                        Err(refusals) => return refusals,
                    }
                }
                Action::Create { content, mode } => {
                    done = Some("creates");
                    self.create(path, content, *mode, now.is_some())
                }
                Action::Whole { content } => {
                    done = Some("replaces");
                    if at > 0 {
                        return refuse(edit.line, EditProblem::Twice("changes"));
                    }
                    self.replace(path, edit.line, content, now.as_ref())
                }
                Action::Named { content } => {
                    done = Some("replaces");
                    if at > 0 {
                        return refuse(edit.line, EditProblem::Twice("changes"));
                    }
                    self.named(path, edit, content, now.as_ref())
                }
                Action::Delete { pieces } => {
                    done = Some("deletes");
                    if at > 0 {
                        return refuse(edit.line, EditProblem::Twice("changes"));
                    }
                    self.delete(path, pieces, now.as_ref())
                }
            };
            match step {
                Ok(side) => now = side,
                Err(problem) => return refuse(edit.line, problem),
            }
            at += 1;
        }
        self.files.insert(path.clone(), (old, now));
        Vec::new()
    }

    fn create(
        &self,
        path: &RepoPath,
        content: &str,
        mode: Option<FileMode>,
        exists: bool,
    ) -> Result<Option<FileSide>, EditProblem> {
        if exists {
            return Err(EditProblem::Exists);
        }
        self.paths.check_free(path)?;
        check_complete(content, b"")?;
        let content = if self.is_crlf { without_cr(content, b"") } else { Cow::Borrowed(content) };
        Ok(Some(FileSide { mode: mode.unwrap_or(FileMode::Regular), content: content.as_bytes().into() }))
    }

    fn replace(
        &mut self,
        path: &RepoPath,
        line: u32,
        content: &str,
        old: Option<&FileSide>,
    ) -> Result<Option<FileSide>, EditProblem> {
        let Some(old) = old else { return self.create(path, content, None, false) };
        check_text(old)?;
        check_complete(content, &old.content)?;
        let content = &*without_cr(content, &old.content);
        let has_cr = |text: &[u8]| memchr::memchr(b'\r', text).is_some();
        let all_cr = has_cr(&old.content)
            && memchr::memchr_iter(b'\n', &old.content).all(|at| at > 0 && old.content[at - 1] == b'\r');
        let content = if all_cr && !has_cr(content.as_bytes()) {
            self.note(line, path, Tolerance::LineEnds);
            content.replace('\n', "\r\n")
        } else {
            content.to_owned()
        };
        self.note(line, path, Tolerance::WholeFile);
        Ok(Some(FileSide { mode: old.mode, content: content.into_bytes().into() }))
    }

    /// Takes the content of a fence that only names the file, where it can be nothing less than all of it.
    fn named(
        &mut self,
        path: &RepoPath,
        edit: &Edit,
        content: &str,
        old: Option<&FileSide>,
    ) -> Result<Option<FileSide>, EditProblem> {
        let doubt = match old {
            Some(old) => {
                check_text(old)?;
                entire::doubt(path, &old.content, content)
            }
            None => match self.paths.alike(path)? {
                Some(other) => Some(format!("it may be meant for `{other}`")),
                None => entire::doubt_of_new(path, content),
            },
        };
        if let Some(doubt) = doubt {
            return Err(EditProblem::UnsaidWhole(doubt));
        }
        let made = self.replace(path, edit.line, content, old)?;
        self.note(edit.line, path, if old.is_some() { Tolerance::NamedFence } else { Tolerance::NamedNew });
        Ok(made)
    }

    fn delete(
        &mut self,
        path: &RepoPath,
        pieces: &[Piece],
        old: Option<&FileSide>,
    ) -> Result<Option<FileSide>, EditProblem> {
        let old = old.ok_or(EditProblem::Missing)?;
        if old.mode == FileMode::Gitlink {
            return Err(EditProblem::NotText("a submodule"));
        }
        if !pieces.is_empty() {
            let made = change::apply(&old.content, pieces).map_err(|failed| failed.problem)?;
            if !made.content.is_empty() {
                return Err(EditProblem::LeavesContent);
            }
            self.add_notes(path, made.notes);
        }
        Ok(None)
    }

    fn add_notes(&mut self, path: &RepoPath, notes: Vec<(u32, Tolerance)>) {
        for (line, tolerance) in notes {
            self.note(line, path, tolerance);
        }
    }

    /// The content that a run of changes makes of `old`.
    fn change(
        &mut self,
        path: &RepoPath,
        edits: &[&Edit],
        old: Option<&FileSide>,
    ) -> Result<FileSide, Vec<EditRefusal>> {
        let shown = path.to_string();
        let refuse = |line, problem| vec![EditRefusal::new(line, Some(&shown), problem)];
        let line = edits[0].line;
        let pieces: Vec<&Piece> = edits.iter().flat_map(|edit| edit.pieces()).collect();
        let Some(old) = old else {
            // nothing to look for, only new lines: the file is new
            let [only] = pieces[..] else { return Err(refuse(line, EditProblem::Missing)) };
            if only.has_old() {
                return Err(refuse(line, EditProblem::Missing));
            }
            let made = self.create(path, &only.new_text(), None, false).map_err(|problem| refuse(line, problem))?;
            return Ok(made.expect("a creation makes a file"));
        };
        let mode = edits.iter().rev().find_map(|edit| match &edit.action {
            Action::Change { mode, .. } => *mode,
            _ => None,
        });
        if pieces.is_empty() {
            return Ok(FileSide { mode: mode.unwrap_or(old.mode), content: old.content.clone() });
        }
        check_text(old).map_err(|problem| refuse(line, problem))?;
        for piece in &pieces {
            let added = piece.lines.iter().filter(|line| line.kind == crate::diff::PatchLineKind::Added);
            if let Some(left) =
                added.into_iter().find(|line| find::is_left_out(&line.text) && !holds(&old.content, &line.text))
            {
                return Err(refuse(piece.line, EditProblem::LeftOut(left.text.trim().to_owned())));
            }
        }
        match change::apply(&old.content, pieces.iter().copied()) {
            Ok(made) => {
                self.add_notes(path, made.notes);
                Ok(FileSide { mode: mode.unwrap_or(old.mode), content: made.content.into() })
            }
            Err(Failed { line, problem, shown: lines }) => {
                Err(vec![EditRefusal::new(line, Some(&shown), problem).with_lines(&lines)])
            }
        }
    }

    /// Files that go elsewhere.
    fn moves(&mut self, by_path: &BTreeMap<RepoPath, Vec<&Edit>>) -> Vec<EditRefusal> {
        let mut refusals = Vec::new();
        for (path, edits) in by_path {
            let targets = edits.iter().filter_map(|edit| match &edit.action {
                Action::Change { to: Some(to), .. } => Some((edit.line, to)),
                _ => None,
            });
            let targets: Vec<_> = targets.collect();
            let [(line, to)] = targets[..] else {
                if targets.len() > 1 {
                    refusals.push(EditRefusal::new(targets[1].0, Some(&path.to_string()), EditProblem::Twice("moves")));
                }
                continue;
            };
            // whether it moves with what the others change is told nowhere
            if edits.len() > 1 {
                refusals.push(EditRefusal::new(line, Some(&path.to_string()), EditProblem::Twice("changes")));
                continue;
            }
            let target = self.paths.new_path(to);
            let free = target.and_then(|target| match self.files.contains_key(&target) {
                true => Err(EditProblem::Twice("touches")),
                false => self.paths.check_free(&target).map(|()| target),
            });
            match (free, self.files.get_mut(path)) {
                (Ok(target), Some((_, new))) => {
                    let side = new.take();
                    self.files.insert(target, (None, side));
                }
                (Ok(_), None) => {}
                (Err(problem), _) => refusals.push(EditRefusal::new(line, Some(&to.said), problem)),
            }
        }
        refusals
    }
}

impl Edit {
    pub(super) fn pieces(&self) -> &[Piece] {
        match &self.action {
            Action::Change { pieces, .. } | Action::Delete { pieces } => pieces,
            Action::Create { .. } | Action::Whole { .. } | Action::Named { .. } => &[],
        }
    }

    /// Whether it is no content of a whole file.
    fn is_part(&self) -> bool {
        match &self.action {
            Action::Change { .. } | Action::Delete { .. } => true,
            Action::Create { .. } | Action::Whole { .. } | Action::Named { .. } => false,
        }
    }
}

fn holds(content: &[u8], line: &str) -> bool {
    memchr::memmem::find(content, line.trim().as_bytes()).is_some()
}

/// A content whose lines all end with CR LF came that way with its reply; where `old` has none, it loses them.
fn without_cr<'a>(content: &'a str, old: &[u8]) -> Cow<'a, str> {
    let all = content.ends_with("\r\n") && content.split_inclusive('\n').all(|line| line.ends_with("\r\n"));
    match all && memchr::memchr(b'\r', old).is_none() {
        true => Cow::Owned(content.replace("\r\n", "\n")),
        false => Cow::Borrowed(content),
    }
}

/// Refuses contents that leave code out.
fn check_complete(content: &str, old: &[u8]) -> Result<(), EditProblem> {
    match content.lines().find(|line| find::is_left_out(line) && !holds(old, line)) {
        Some(line) => Err(EditProblem::LeftOut(line.trim().to_owned())),
        None => Ok(()),
    }
}

fn check_text(side: &FileSide) -> Result<(), EditProblem> {
    match side.mode {
        FileMode::Symlink => Err(EditProblem::NotText("a link")),
        FileMode::Gitlink => Err(EditProblem::NotText("a submodule")),
        _ if side.is_binary() => Err(EditProblem::NotText("binary")),
        _ => Ok(()),
    }
}
