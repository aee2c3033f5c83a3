//! Placing a patch: from its text and the files it speaks of to whole contents, in memory, all or nothing.
//!
//! As strict as `git apply`: context must match to the byte. A hunk is tried at its line, then wherever its old
//! lines stand; where they stand more than once, or what it makes stands already, it is refused rather than guessed.

mod hunks;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use rayon::prelude::*;

use super::patch::{BinaryContent, BinaryPatch, FilePatch, Operation, Patch, PatchBody};
use super::{ChangeSet, FileChange, FileMode, FileSide, ObjectFormat, blob_id};
use crate::id::RepoPath;

/// The largest content a binary delta may make.
const LARGEST_BINARY: usize = 256 << 20;

/// Why a file's part could not be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The file.
    pub path: RepoPath,
    /// Which of its hunks, 1-based.
    pub hunk: Option<usize>,
    /// The patch's line, 1-based.
    pub line: u32,
    /// The reason.
    pub reason: RefusalReason,
    /// What may help.
    pub hint: Option<&'static str>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.reason)?;
        match self.hunk {
            Some(hunk) => write!(f, " (hunk {hunk}, line {} of the patch)", self.line),
            None => write!(f, " (line {} of the patch)", self.line),
        }
    }
}

/// The reason of a [`Refusal`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusalReason {
    /// The file to change is not there.
    #[error("no such file in the base")]
    Missing,
    /// The file to change was deleted or moved by this patch.
    #[error("this patch already deleted or moved it")]
    AlreadyGone,
    /// The file to create is there.
    #[error("the file to create already exists")]
    Exists,
    /// A part of the path to create is a file.
    #[error("`{0}` is a file, not a directory")]
    ParentIsFile(RepoPath),
    /// The old lines are nowhere in the file.
    #[error("its old lines are nowhere in the file")]
    NoMatch,
    /// The old lines stand before the hunk above.
    #[error("its old lines stand only above the hunk before it")]
    OutOfOrder,
    /// The old lines stand in several places, none of them the line it says.
    #[error("its old lines stand in several places, none at line {0}")]
    Ambiguous(u32),
    /// What the hunk makes stands in the file, and what it is made of is not where it says.
    #[error("what it makes stands at line {0} already")]
    AlreadyThere(u32),
    /// Both sides changed the same lines since the base that the patch names.
    #[error("the base has other lines there than the one that the patch was made on")]
    Conflict,
    /// A hunk without old lines is not at the end of the file.
    #[error("it has no old lines to be placed by, and is not at the end of the file")]
    NoContext,
    /// A line without newline would be followed by others.
    #[error("a new line without newline is not at the end of the file")]
    NoNewlineInside,
    /// A deletion leaves content.
    #[error("the deletion leaves {0} bytes")]
    LeavesContent(usize),
    /// The file is of another kind (a link, a submodule) than the patch says.
    #[error("it is of mode {found:06o}, the patch says {expected:06o}")]
    OtherKind {
        /// What the base has.
        found: u32,
        /// What the patch says.
        expected: u32,
    },
    /// The old content is not the one the patch was made from.
    #[error("its content is not {expected}, which the patch was made from")]
    OtherContent {
        /// The id in the patch.
        expected: String,
    },
    /// The binary patch made another content than it says.
    #[error("the binary patch does not make {expected}")]
    OtherResult {
        /// The id in the patch.
        expected: String,
    },
    /// A binary content has no full id to check the base by.
    #[error("a binary content without full `index` line cannot be checked")]
    NoFullIndex,
    /// The patch says only that binary contents differ.
    #[error("the binary content is not in the patch")]
    BinaryOmitted,
    /// The delta of a binary content is broken.
    #[error("binary data: {0}")]
    BadBinary(&'static str),
    /// A submodule's content is not one commit.
    #[error("a submodule's change must name one commit")]
    BadGitlink,
    /// The base could not be read.
    #[error("cannot read the base: {0}")]
    Unreadable(String),
}

/// Reads a file of the base: `None` where there is none.
pub type ReadBase<'a, E> = &'a dyn Fn(&RepoPath) -> Result<Option<FileSide>, E>;

/// Places `patch` on the files that `read` gives. Renames and copies take their source from the base; other parts
/// see what the parts above them did. A rename becomes a deletion and an addition.
///
/// # Errors
/// Every file's first [`Refusal`]; one is enough for nothing to be placed.
pub fn place<E: fmt::Display>(patch: &Patch, read: ReadBase<'_, E>) -> Result<ChangeSet, Vec<Refusal>> {
    let leaving = |file: &&FilePatch| matches!(file.operation, Operation::Delete | Operation::Rename);
    let leaving = patch.files().iter().filter(leaving).filter_map(|file| file.old_path.clone()).collect();
    let (base, now, left) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    let mut placing = Placing { patch, read, leaving, base, now, left };
    let mut refusals = Vec::new();
    let ahead = placing.contents_ahead();
    for (file, ahead) in patch.files().iter().zip(ahead) {
        if let Err(problem) = placing.file(file, ahead) {
            let line = problem.hunk.and_then(|hunk| file.hunks().get(hunk)).map_or(file.line, |hunk| hunk.line);
            let (path, hunk) = (file.path().clone(), problem.hunk.map(|hunk| hunk + 1));
            refusals.push(Refusal { path, hunk, line, reason: problem.reason, hint: problem.hint });
        }
    }
    if refusals.is_empty() { Ok(placing.into_changes()) } else { Err(refusals) }
}

/// A refusal before it has a path and a line.
struct Problem {
    hunk: Option<usize>,
    reason: RefusalReason,
    hint: Option<&'static str>,
}

impl From<RefusalReason> for Problem {
    fn from(reason: RefusalReason) -> Self {
        let hint = match reason {
            RefusalReason::BinaryOmitted | RefusalReason::NoFullIndex => Some("make the patch with git diff --binary"),
            RefusalReason::Missing => Some("was the patch made on another branch, or in a subdirectory?"),
            RefusalReason::AlreadyThere(_) => Some("was it applied before?"),
            RefusalReason::NoContext => Some("make the patch with context: git diff -U3"),
            _ => None,
        };
        Self { hunk: None, reason, hint }
    }
}

struct Placing<'a, E> {
    patch: &'a Patch,
    read: ReadBase<'a, E>,
    /// Paths that this patch deletes or moves away: something else may come there, in whatever order.
    leaving: BTreeSet<RepoPath>,
    base: BTreeMap<RepoPath, Option<FileSide>>,
    now: BTreeMap<RepoPath, Option<FileSide>>,
    /// Paths that a part moved away after another came there: which of both a later part means is not known.
    left: BTreeSet<RepoPath>,
}

/// A content that was made before its turn.
type Ahead = Option<Result<Arc<[u8]>, Problem>>;

impl<E: fmt::Display> Placing<'_, E> {
    /// The contents of parts that no other part bears on, made on all cores; the rest is made in turn.
    fn contents_ahead(&mut self) -> Vec<Ahead> {
        let patch = self.patch;
        let mut spoken_of: HashMap<&RepoPath, u32> = HashMap::new();
        for file in patch.files() {
            let new = file.new_path.as_ref().filter(|new| file.old_path.as_ref() != Some(*new));
            file.old_path.iter().chain(new).for_each(|path| *spoken_of.entry(path).or_default() += 1);
        }
        let mut old_of = |file: &FilePatch| match file.operation {
            Operation::Create => Some(None),
            Operation::Modify | Operation::Delete => {
                let path = file.old_path.as_ref().filter(|path| spoken_of[path] == 1)?;
                self.base(path).ok().flatten().map(Some)
            }
            // from the base, whatever other parts do
            Operation::Rename | Operation::Copy => self.base(file.old_path.as_ref()?).ok().flatten().map(Some),
        };
        let olds: Vec<Option<Option<FileSide>>> = patch.files().iter().map(&mut old_of).collect();
        let make = |(file, old): (&FilePatch, Option<Option<FileSide>>)| {
            let old = old?;
            Some(content(patch, file, old.as_ref(), mode_of(file, old.as_ref())))
        };
        patch.files().par_iter().zip(olds).map(make).collect()
    }

    fn file(&mut self, file: &FilePatch, ahead: Ahead) -> Result<(), Problem> {
        let old = match &file.old_path {
            Some(path) => Some(self.old_side(file.operation, path)?),
            None => None,
        };
        if let Some(old) = &old {
            check_kind(file, old)?;
        }
        if file.operation != Operation::Modify {
            file.new_path.as_ref().map_or(Ok(()), |path| self.check_free(path))?;
        }
        let mode = mode_of(file, old.as_ref());
        let content = ahead.unwrap_or_else(|| content(self.patch, file, old.as_ref(), mode))?;
        self.record(file, FileSide { mode, content })
    }

    fn record(&mut self, file: &FilePatch, new: FileSide) -> Result<(), Problem> {
        match (file.operation, &file.old_path, &file.new_path) {
            (Operation::Delete, Some(path), _) => {
                if !new.content.is_empty() {
                    return Err(RefusalReason::LeavesContent(new.content.len()).into());
                }
                self.now.insert(path.clone(), None);
            }
            (operation, old, Some(path)) => {
                if let Some(old) = old.as_ref().filter(|_| operation == Operation::Rename) {
                    // unless something already came to where it left
                    if self.now.entry(old.clone()).or_insert(None).is_some() {
                        self.left.insert(old.clone());
                    }
                }
                self.now.insert(path.clone(), Some(new));
            }
            (_, _, None) => unreachable!("the parser gives every part but a deletion a new path"),
        }
        Ok(())
    }

    fn base(&mut self, path: &RepoPath) -> Result<Option<FileSide>, Problem> {
        if let Some(known) = self.base.get(path) {
            return Ok(known.clone());
        }
        let side = (self.read)(path).map_err(|error| RefusalReason::Unreadable(error.to_string()))?;
        self.base.insert(path.clone(), side.clone());
        Ok(side)
    }

    fn old_side(&mut self, operation: Operation, path: &RepoPath) -> Result<FileSide, Problem> {
        let from_base = matches!(operation, Operation::Rename | Operation::Copy);
        match self.now.get(path).filter(|_| !from_base) {
            Some(_) if self.left.contains(path) => Err(RefusalReason::AlreadyGone.into()),
            Some(Some(side)) => Ok(side.clone()),
            Some(None) => Err(RefusalReason::AlreadyGone.into()),
            None => self.base(path)?.ok_or_else(|| RefusalReason::Missing.into()),
        }
    }

    /// Whether a file may come to `path`.
    fn check_free(&mut self, path: &RepoPath) -> Result<(), Problem> {
        if self.exists(path)? {
            return Err(RefusalReason::Exists.into());
        }
        let bytes = path.as_bytes();
        for slash in memchr::memchr_iter(b'/', bytes).filter(|at| *at > 0) {
            let parent = RepoPath::from_bytes(&bytes[..slash]);
            if self.exists(&parent)? {
                return Err(RefusalReason::ParentIsFile(parent).into());
            }
        }
        Ok(())
    }

    fn exists(&mut self, path: &RepoPath) -> Result<bool, Problem> {
        match self.now.get(path) {
            Some(side) => Ok(side.is_some()),
            None if self.leaving.contains(path) => Ok(false),
            None => Ok(self.base(path)?.is_some()),
        }
    }

    fn into_changes(self) -> ChangeSet {
        let mut base = self.base;
        ChangeSet::new(self.now.into_iter().map(|(path, new)| {
            let old = base.remove(&path).flatten();
            FileChange { path, old, new }
        }))
    }
}

/// The mode that a part leaves.
fn mode_of(file: &FilePatch, old: Option<&FileSide>) -> FileMode {
    match file.operation {
        Operation::Create => file.new_mode.unwrap_or(FileMode::Regular),
        // the exec bit of the base wins over an `index` line's, as in git
        _ => file.new_mode.or(old.map(|side| side.mode)).unwrap_or(FileMode::Regular),
    }
}

/// The content that a part makes of `old`.
fn content(patch: &Patch, file: &FilePatch, old: Option<&FileSide>, mode: FileMode) -> Result<Arc<[u8]>, Problem> {
    if let (PatchBody::Unchanged, Some(old)) =
        (&file.body, old.filter(|old| old.mode != FileMode::Gitlink && mode != FileMode::Gitlink))
    {
        return Ok(old.content.clone());
    }
    let old_text = old.map(|side| side.patch_text());
    let old_text = old_text.as_deref().unwrap_or_default();
    let new = match &file.body {
        // a deletion without hunks is right for an empty file only; a pure move keeps the content
        PatchBody::Unchanged => old_text.to_vec(),
        PatchBody::Text(hunks) => hunks::apply(patch, hunks, old_text)?,
        PatchBody::Binary(binary) => apply_binary(file, binary, old_text)?,
        PatchBody::BinaryOmitted => return Err(RefusalReason::BinaryOmitted.into()),
    };
    if mode == FileMode::Gitlink && file.operation != Operation::Delete {
        return Ok(gitlink_content(&new).ok_or(RefusalReason::BadGitlink)?.into());
    }
    Ok(new.into())
}

/// A link stays a link, a submodule a submodule: git writes a change of kind as a deletion and a creation.
fn check_kind(file: &FilePatch, old: &FileSide) -> Result<(), RefusalReason> {
    let kind = |mode: FileMode| mode.bits() & 0o170_000;
    let found = old.mode.bits();
    match [file.old_mode, file.new_mode].into_iter().flatten().find(|mode| kind(*mode) != kind(old.mode)) {
        Some(mode) => Err(RefusalReason::OtherKind { found, expected: mode.bits() }),
        None => Ok(()),
    }
}

/// Makes a binary content, checked by the ids of the `index` line.
fn apply_binary(file: &FilePatch, binary: &BinaryPatch, old: &[u8]) -> Result<Vec<u8>, RefusalReason> {
    let full = |id: &Option<String>| id.clone().and_then(|id| format_of(&id).map(|format| (id, format)));
    let is_none = |id: &str| id.bytes().all(|digit| digit == b'0');
    let is = |content: &[u8], id: &str, format| {
        if is_none(id) { content.is_empty() } else { blob_id(content, format) == id }
    };
    match full(&file.old_id) {
        Some((expected, format)) if !is(old, &expected, format) => {
            return Err(RefusalReason::OtherContent { expected });
        }
        // a delta names its old size and copies from it; a literal would silently replace anything
        None if matches!(binary.content, BinaryContent::Literal(_)) => return Err(RefusalReason::NoFullIndex),
        _ => {}
    }
    let new = binary.apply(old, LARGEST_BINARY).map_err(RefusalReason::BadBinary)?;
    match full(&file.new_id) {
        Some((expected, format)) if !is(&new, &expected, format) => Err(RefusalReason::OtherResult { expected }),
        _ => Ok(new),
    }
}

fn format_of(id: &str) -> Option<ObjectFormat> {
    match id.len() {
        40 => Some(ObjectFormat::Sha1),
        64 => Some(ObjectFormat::Sha256),
        _ => None,
    }
}

/// The commit in `Subproject commit <id>`.
fn gitlink_content(text: &[u8]) -> Option<Vec<u8>> {
    let id = text.strip_prefix(super::change::GITLINK_TEXT)?.strip_suffix(b"\n")?;
    (matches!(id.len(), 40 | 64) && id.iter().all(u8::is_ascii_hexdigit)).then(|| id.to_vec())
}
