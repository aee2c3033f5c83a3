//! From the path that a reply wrote to the file of the tree that it means, where that is one.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};

use super::unreadable;
use crate::id::RepoPath;
use crate::proposal::edits::{Action, Edit, EditProblem, Name, Piece};
use crate::repository::Tree;

/// The most components of a path that are taken for a sandbox's own.
const DEEPEST: usize = 16;

/// A line that many files have tells nothing: closing braces, `else`.
const SHORTEST: usize = 5;

/// A file of fewer telling lines is like any other.
const FEWEST: usize = 3;

/// Of a hundred lines of a file, those that its next content keeps at least.
const SAME: usize = 60;

/// Of a hundred lines of a file, those that another file of that name may have too.
const OTHER: usize = 20;

/// A file that a longer name ends with.
struct Ending {
    /// What stands before it in the name.
    root: String,
    path: RepoPath,
    /// Whether the whole name has a place of its own in the tree: then it is another file, unless the lines are this one's.
    has_place: bool,
}

/// How a content that came for a name stands to a file of that name in another folder.
enum Likeness {
    Same,
    Unclear,
    Other,
}

/// Finds files in one tree.
pub(super) struct Paths<'a> {
    tree: &'a dyn Tree,
    /// What stood before paths that were found without it: `/workspace/`, `/app/`, the repository's name.
    roots: BTreeSet<String>,
    /// What may: only whole files that keep most lines of the one that is there say so. The folder of a copy may be new.
    likely: BTreeSet<String>,
    /// What was looked up already: a reply names few files often.
    known: RefCell<HashMap<String, bool>>,
}

impl<'a> Paths<'a> {
    pub(super) fn new(tree: &'a dyn Tree) -> Self {
        Self { tree, roots: BTreeSet::new(), likely: BTreeSet::new(), known: RefCell::default() }
    }

    /// Learns what stands before the paths of this reply, from edits whose lines must be in the file that is taken: where
    /// they are not, nothing of the reply is placed.
    pub(super) fn learn(&mut self, edits: &[Edit]) {
        let is_file = |action: &Action| matches!(action, Action::Whole { .. } | Action::Named { .. });
        let may_show = |edit: &&Edit| proves_itself(edit) || is_file(&edit.action);
        for edit in edits.iter().filter(may_show) {
            let Ok(Some(Ending { root, path, has_place: false })) = self.ending(&edit.name.said) else { continue };
            match &edit.action {
                Action::Whole { content } | Action::Named { content } => {
                    if !is_absolute(&root) && matches!(self.likeness(&path, content), Ok(Likeness::Same)) {
                        self.likely.insert(root);
                    }
                }
                _ => {
                    self.roots.insert(root);
                }
            }
        }
    }

    /// The path that `edit` is about.
    pub(super) fn of(&self, edit: &Edit) -> Result<RepoPath, EditProblem> {
        let names = || std::iter::once(&edit.name.said).chain(&edit.name.or);
        for name in names() {
            if is_plain(name) && self.is_file(name)? {
                return Ok(RepoPath::from_bytes(name.as_bytes()));
            }
        }
        if is_creation(edit) {
            return self.new_path(&edit.name);
        }
        for name in names() {
            let learned = self.roots.iter().filter_map(|root| name.strip_prefix(root.as_str()));
            for rest in learned.filter(|rest| is_plain(rest)) {
                if self.is_file(rest)? {
                    return Ok(RepoPath::from_bytes(rest.as_bytes()));
                }
            }
            let Some(Ending { root, path, has_place }) = self.ending(name)? else { continue };
            match &edit.action {
                Action::Named { content } | Action::Whole { content } if has_place => {
                    let is_part = matches!(edit.action, Action::Named { .. });
                    if self.is_like(name, &path, (content, is_part))? {
                        return Err(EditProblem::Namesake(path.to_string()));
                    }
                }
                _ if has_place => {}
                // its content is held against the file's before it is taken
                Action::Named { .. } => return Ok(path),
                Action::Whole { content } => match self.likeness(&path, content)? {
                    Likeness::Same => return Ok(path),
                    Likeness::Other if !is_absolute(name) => {}
                    Likeness::Other | Likeness::Unclear => {
                        return Err(EditProblem::ManyPaths(vec![path.to_string(), name.clone()]));
                    }
                },
                _ if proves_itself(edit) => return Ok(path),
                // nothing but the name tells which file goes or moves: a bare one may be another folder's
                _ if is_absolute(&root) && path.as_bytes().contains(&b'/') => return Ok(path),
                _ => return Err(EditProblem::Missing),
            }
        }
        if let Action::Whole { content } | Action::Named { content } = &edit.action {
            let path = self.new_path(&edit.name)?;
            return match &edit.action {
                Action::Whole { .. } => self.check_namesakes(&path, content).map(|()| path),
                _ => Ok(path),
            };
        }
        check_plain(&edit.name.said)?;
        Err(EditProblem::Missing)
    }

    /// The path of a file that is to come.
    pub(super) fn new_path(&self, name: &Name) -> Result<RepoPath, EditProblem> {
        let said = name.or.as_ref().filter(|_| name.said.contains('\\')).unwrap_or(&name.said);
        if let Some(rest) =
            self.roots.iter().find_map(|root| said.strip_prefix(root.as_str())).filter(|rest| is_plain(rest))
        {
            return Ok(RepoPath::from_bytes(rest.as_bytes()));
        }
        if !is_absolute(said) {
            check_plain(said)?;
            // one prefix is not read in two ways: another file below it is taken for the one that is there
            if let Some(rest) = self.likely.iter().find_map(|root| said.strip_prefix(root.as_str())) {
                return Err(EditProblem::ManyPaths(vec![rest.to_owned(), said.clone()]));
            }
            return Ok(RepoPath::from_bytes(said.as_bytes()));
        }
        // absolute: below the one folder of the tree that the path can mean
        let found: Vec<&str> = suffixes(said).filter(|rest| is_plain(rest)).collect();
        let mut fitting = Vec::new();
        for rest in found {
            let folder = rest.rsplit_once('/').map(|(folder, _)| folder);
            if let Some(folder) = folder
                && self.is_folder(folder)?
            {
                fitting.push(rest);
            }
        }
        match fitting[..] {
            [only] => Ok(RepoPath::from_bytes(only.as_bytes())),
            _ => Err(EditProblem::BadPath(said.clone())),
        }
    }

    /// The one file that `said` names when components in front of it are left out.
    fn ending(&self, said: &str) -> Result<Option<Ending>, EditProblem> {
        if is_plain(said) && self.is_file(said)? {
            return Ok(None);
        }
        let mut found = Vec::new();
        for rest in suffixes(said).filter(|rest| is_plain(rest)) {
            if self.is_file(rest)? {
                found.push(rest);
            }
        }
        match found[..] {
            [] => Ok(None),
            [only] => {
                let root = &said[..said.len() - only.len()];
                // `../x` leaves the place it is in: what is meant is not known
                if root.split('/').any(|part| part == ".." || part.eq_ignore_ascii_case(".git")) {
                    return Ok(None);
                }
                let has_place = self.has_place(said, only)?;
                Ok(Some(Ending { root: root.to_owned(), path: RepoPath::from_bytes(only.as_bytes()), has_place }))
            }
            _ => Err(EditProblem::ManyPaths(found.into_iter().map(str::to_owned).collect())),
        }
    }

    /// Whether `said` says of a folder of this tree that a file is in it that is not `found`.
    fn has_place(&self, said: &str, found: &str) -> Result<bool, EditProblem> {
        let whole = (!is_absolute(said)).then_some(said);
        let longer = whole.into_iter().chain(suffixes(said)).filter(|name| is_plain(name) && name.len() > found.len());
        for name in longer {
            if let Some((folder, _)) = name.rsplit_once('/')
                && self.is_folder(folder)?
            {
                return Ok(true);
            }
        }
        // `web/new/a.ts` where `web` is; but `app/app/a.py` where `app` is: the repository's own name before it
        let Some((first, _)) = whole.and_then(|said| said.split_once('/')) else { return Ok(false) };
        let root = said[..said.len() - found.len()].trim_end_matches('/');
        let is_doubled = root.rsplit('/').next() == found.split('/').next();
        Ok(!is_doubled && self.is_folder(first)?)
    }

    /// Whether `content` is what became of the file, or something else of the same name. All of it, unchanged, may be a
    /// copy.
    fn likeness(&self, path: &RepoPath, content: &str) -> Result<Likeness, EditProblem> {
        let text = self.text(path)?;
        let (old, new) = (telling(&text), telling(content));
        Ok(match (old.len() >= FEWEST && text != content, share(&old, &new)) {
            (true, kept) if kept >= SAME => Likeness::Same,
            (true, kept) if kept < OTHER => Likeness::Other,
            _ => Likeness::Unclear,
        })
    }

    /// Whether `content` may be what became of the file that `said` ends with, or, as far as it may be a part, one of it.
    fn is_like(&self, said: &str, path: &RepoPath, (content, is_part): (&str, bool)) -> Result<bool, EditProblem> {
        let old = self.text(path)?;
        let (old, new) = (telling(&old), telling(content));
        let keeps = old.len() >= FEWEST && share(&old, &new) >= OTHER;
        let is_excerpt = is_part && !new.is_empty() && share(&new, &old) >= SAME;
        Ok(keeps || is_excerpt || (old.len() < FEWEST && is_absolute(said)))
    }

    fn text(&self, path: &RepoPath) -> Result<String, EditProblem> {
        let side = self.tree.side(path).map_err(unreadable)?;
        Ok(side.map(|side| String::from_utf8_lossy(&side.content).into_owned()).unwrap_or_default())
    }

    /// Whether `word`, which stands alone above a fence, is the path of a file.
    pub(super) fn is_named(&self, word: &str) -> Result<bool, EditProblem> {
        Ok(is_plain(word) && self.is_file(word)?)
    }

    fn is_file(&self, name: &str) -> Result<bool, EditProblem> {
        if let Some(known) = self.known.borrow().get(name) {
            return Ok(*known);
        }
        let is_there = self.tree.entry(&RepoPath::from_bytes(name.as_bytes())).map_err(unreadable)?.is_some();
        self.known.borrow_mut().insert(name.to_owned(), is_there);
        Ok(is_there)
    }

    fn is_folder(&self, name: &str) -> Result<bool, EditProblem> {
        let entries = self.tree.entries().map_err(unreadable)?;
        let below = format!("{name}/").into_bytes();
        let at = entries.partition_point(|entry| entry.path.as_bytes() < below.as_slice());
        Ok(entries.get(at).is_some_and(|entry| entry.path.as_bytes().starts_with(&below)))
    }

    /// A file that a path without its folders may mean.
    pub(super) fn alike(&self, path: &RepoPath) -> Result<Option<RepoPath>, EditProblem> {
        let end = [b"/", path.as_bytes()].concat();
        let entries = self.tree.entries().map_err(unreadable)?;
        Ok(entries.iter().find(|entry| entry.path.as_bytes().ends_with(&end)).map(|entry| entry.path.clone()))
    }

    /// Refuses a new file whose content is like that of one that its name may mean without its folders.
    fn check_namesakes(&self, path: &RepoPath, content: &str) -> Result<(), EditProblem> {
        const MOST: usize = 32;
        let end = [b"/", path.as_bytes()].concat();
        let entries = self.tree.entries().map_err(unreadable)?;
        let alike = entries.iter().filter(|entry| entry.path.as_bytes().ends_with(&end));
        for entry in alike.take(MOST) {
            if self.is_like("", &entry.path, (content, false))? {
                return Err(EditProblem::Namesake(entry.path.to_string()));
            }
        }
        Ok(())
    }

    /// Refuses a path where a file or folder is, or below a file.
    pub(super) fn check_free(&self, path: &RepoPath) -> Result<(), EditProblem> {
        let name = path.as_utf8().unwrap_or_default();
        if self.is_file(name)? || self.is_folder(name)? {
            return Err(EditProblem::Exists);
        }
        for (slash, _) in name.match_indices('/') {
            if self.is_file(&name[..slash])? {
                return Err(EditProblem::ParentIsFile(name[..slash].to_owned()));
            }
        }
        Ok(())
    }
}

/// Lines that few other files have.
fn telling(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| line.len() >= SHORTEST).collect()
}

/// Of a hundred `lines`, those that are among `others`.
fn share(lines: &[&str], others: &[&str]) -> usize {
    let others: HashSet<&str> = others.iter().copied().collect();
    let common = lines.iter().filter(|line| others.contains(*line)).count();
    common * 100 / lines.len().max(1)
}

/// Whether its lines must be in the file: a wrong one has no place for it.
fn proves_itself(edit: &Edit) -> bool {
    match &edit.action {
        Action::Change { pieces, .. } | Action::Delete { pieces } => pieces.iter().any(Piece::has_old),
        Action::Create { .. } | Action::Whole { .. } | Action::Named { .. } => false,
    }
}

/// Whether it makes a file.
fn is_creation(edit: &Edit) -> bool {
    match &edit.action {
        Action::Create { .. } => true,
        Action::Change { pieces, .. } => pieces.len() == 1 && !pieces[0].has_old(),
        Action::Delete { .. } | Action::Whole { .. } | Action::Named { .. } => false,
    }
}

/// Whether a path begins at a root, at a drive or at a person's home: what it means below the tree is to be found out.
fn is_absolute(said: &str) -> bool {
    let has_drive = matches!(said.as_bytes(), [drive, b':', b'/', ..] if drive.is_ascii_alphabetic());
    said.starts_with('/') || said.starts_with("~/") || has_drive
}

/// `said` without its first component, its first two …
fn suffixes(said: &str) -> impl Iterator<Item = &str> {
    said.match_indices('/').take(DEEPEST).map(|(slash, _)| &said[slash + 1..]).filter(|rest| !rest.is_empty())
}

/// Whether a path stays inside of the tree.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('/')
        && !name.contains(['\0', '\n', '\\'])
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && name.split('/').all(|part| !part.eq_ignore_ascii_case(".git"))
}

fn check_plain(name: &str) -> Result<(), EditProblem> {
    if is_plain(name) { Ok(()) } else { Err(EditProblem::BadPath(name.to_owned())) }
}
