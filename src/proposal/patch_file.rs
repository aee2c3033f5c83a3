//! What a file that is given as a patch holds: a plain diff, read as strictly as ever, or edits as models write them.

use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use super::edits::{self, EditProblem, EditRefusals, Edits, Placed};
use super::stale::{ReadBlob, is_named};
use crate::diff::{Patch, PatchError, PatchProblem, ReadBase, Refusal, RefusalReason};
use crate::infrastructure::llm::Finish;
use crate::repository::{Tree, TreeError};

/// Bytes. A diff of more than this was written by a program, which needs no tolerance.
const MOST_TOLERATED: usize = 1 << 20;

/// A patch file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatchFile {
    /// A plain diff.
    Diff(DiffFile),
    /// Edits in another format, or a diff that only a tolerant reader takes.
    Edits(Edits),
}

/// A plain diff, as a strict reader reads it, and beside that as a tolerant one does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffFile {
    /// What it says, word for word.
    pub patch: Patch,
    /// The same as edits, where it may be a model's.
    tolerant: Option<Edits>,
}

impl DiffFile {
    /// Whether a tolerant reader may find what a strict one does not.
    #[must_use]
    pub const fn is_tolerant(&self) -> bool {
        self.tolerant.is_some()
    }

    /// After `refusals` of the diff as it stands: where a tolerant reader finds its names and lines on `tree`, which
    /// `read` and `blob` read too. None where it finds none, and of a diff that is not for it: a mail, and one of a base
    /// that the repository has, which is merged with this one or refused.
    ///
    /// # Errors
    /// [`TreeError`] where the base cannot be read.
    pub fn place_tolerantly(
        &self,
        refusals: &[Refusal],
        tree: &dyn Tree,
        read: ReadBase<'_, TreeError>,
        blob: ReadBlob<'_>,
    ) -> Result<Option<Placed>, TreeError> {
        let is_odd = |refusal: &Refusal| matches!(refusal.reason, RefusalReason::Missing | RefusalReason::NoMatch);
        let Some(edits) = self.tolerant.as_ref().filter(|_| refusals.iter().all(is_odd)) else { return Ok(None) };
        for file in self.patch.files() {
            let (Some(path), Some(id)) = (&file.old_path, file.old_id.as_deref()) else { continue };
            let is_now = read(path)?.is_some_and(|side| is_named(id, &side.content));
            if !is_now && blob(id)?.is_some() {
                return Ok(None);
            }
        }
        Ok(edits.place_as_parts(tree))
    }
}

/// Why a patch file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchFileError {
    /// It is a diff, and no good one.
    #[error(transparent)]
    Diff(#[from] PatchError),
    /// It holds edits that cannot be read.
    #[error(transparent)]
    Edits(#[from] EditRefusals),
}

impl PatchFile {
    /// The same with whole names below one of the folders `tops` told from there: many programs print them so. A name
    /// that lies below none stays as it is, and is nobody's.
    #[must_use]
    pub fn below(self, tops: &[PathBuf]) -> Self {
        tops.iter().map(|top| top.as_os_str().as_bytes()).fold(self, |file, top| match file {
            Self::Diff(DiffFile { patch, tolerant }) => {
                let tolerant = tolerant.map(|edits| edits.below(top));
                Self::Diff(DiffFile { patch: patch.below(top), tolerant })
            }
            Self::Edits(edits) => Self::Edits(edits.below(top)),
        })
    }

    /// Reads a patch file. What a strict reader takes whole is a diff; else it is tried as edits.
    ///
    /// # Errors
    /// [`PatchFileError`] in the words of whichever reader it was written for.
    pub fn read(bytes: &[u8]) -> Result<Self, PatchFileError> {
        let error = match Patch::parse(bytes) {
            Ok(patch) if !patch.messages().is_empty() => {
                return Ok(Self::Diff(DiffFile { patch, tolerant: None }));
            }
            Ok(patch) if !holds_more(bytes) => return Self::of_diff(patch),
            Ok(_) => None,
            Err(error) if is_final(&error.problem, bytes) => return Err(error.into()),
            Err(error) => Some(error),
        };
        match (as_edits(bytes), error) {
            (Some(Ok(edits)), _) => Ok(Self::Edits(edits)),
            (Some(Err(refusals)), None) => Err(refusals.into()),
            (Some(Err(refusals)), Some(error)) if error.problem == PatchProblem::NoFiles && has_edits(&refusals) => {
                Err(refusals.into())
            }
            (_, Some(error)) => Err(error.into()),
            (None, None) => Self::of_diff(Patch::parse(bytes)?),
        }
    }

    /// A diff, unless it stands in a reply's fence that says otherwise: that it is cut, or that there is more.
    fn of_diff(patch: Patch) -> Result<Self, PatchFileError> {
        let is_fenced = is_fenced(patch.source());
        if !is_fenced && patch.source().len() > MOST_TOLERATED {
            return Ok(Self::Diff(DiffFile { patch, tolerant: None }));
        }
        match as_edits(patch.source()) {
            Some(Err(refusals)) if is_fenced && is_cut(&refusals) => Err(refusals.into()),
            Some(Ok(edits)) if edits.hold_more_than(&patch) => Ok(Self::Edits(edits)),
            read => {
                let tolerant = read.and_then(Result::ok).filter(|edits| edits.are_plain_parts(&patch));
                Ok(Self::Diff(DiffFile { patch, tolerant }))
            }
        }
    }
}

/// The edits of a text. Nobody says that a file is whole: its own ends must.
fn as_edits(bytes: &[u8]) -> Option<Result<Edits, EditRefusals>> {
    let text = std::str::from_utf8(bytes).ok()?;
    Some(edits::read(text, &Finish::Other("file".to_owned())))
}

/// Whether a fence opens before the first file of a diff: it is (a part of) a reply.
fn is_fenced(bytes: &[u8]) -> bool {
    let lines = bytes.split(|byte| *byte == b'\n');
    let mut before = lines.take_while(|line| !line.starts_with(b"diff --git ") && !line.starts_with(b"--- "));
    before.any(|line| line.starts_with(b"```") || line.starts_with(b"~~~"))
}

/// Whether a strict reader's word stands. Only counts and numbers that are wrong or left out and formats that are no diff
/// are another reader's matter: whatever else a diff has against it, it has for everybody.
fn is_final(problem: &PatchProblem, bytes: &[u8]) -> bool {
    use PatchProblem as Problem;
    // a mail was written by a program
    if bytes.starts_with(b"From ") {
        return true;
    }
    match problem {
        Problem::NoFiles
        | Problem::ExtraLines
        | Problem::Truncated { .. }
        | Problem::BadHunkHeader
        | Problem::BadLine
        | Problem::Overlap { .. } => false,
        _ => !holds_more(bytes),
    }
}

/// Whether a diff that reads has more beside it that a diff's reader skips: that would be lost.
fn holds_more(bytes: &[u8]) -> bool {
    // hunks' lines begin with a blank or a sign: nothing of them is mistaken for these
    let odd = |line: &[u8]| match line.first() {
        Some(b'@') => line.starts_with(b"@@") && !line.starts_with(b"@@ -"),
        Some(b'*') => line.trim_ascii_end() == b"*** Begin Patch",
        Some(b'<') => line.starts_with(b"<<<<<") && line.trim_ascii_end().ends_with(b"SEARCH"),
        _ => false,
    };
    let line_at = |at: usize| &bytes[at..memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| at + end)];
    odd(line_at(0))
        || memchr::memchr_iter(b'\n', bytes)
            .any(|at| matches!(bytes.get(at + 1), Some(b'@' | b'*' | b'<')) && odd(line_at(at + 1)))
}

/// Whether it breaks off.
fn is_cut(refusals: &EditRefusals) -> bool {
    refusals.list().iter().any(|refusal| matches!(refusal.problem, EditProblem::Cut(_)))
}

/// Whether something in it was taken for an edit.
fn has_edits(refusals: &EditRefusals) -> bool {
    refusals.list().iter().any(|refusal| refusal.problem != EditProblem::NoEdits)
}
