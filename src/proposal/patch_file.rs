//! What a file that is given as a patch holds: a plain diff, read as strictly as ever, or edits as models write them.

use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use super::edits::{self, EditProblem, EditRefusals, Edits};
use crate::diff::{Patch, PatchError, PatchProblem};
use crate::infrastructure::llm::Finish;

/// A patch file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatchFile {
    /// A plain diff.
    Diff(Patch),
    /// Edits in another format, or a diff that only a tolerant reader takes.
    Edits(Edits),
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
            Self::Diff(patch) => Self::Diff(patch.below(top)),
            Self::Edits(edits) => Self::Edits(edits.below(top)),
        })
    }

    /// Reads a patch file. What a strict reader takes whole is a diff; else it is tried as edits.
    ///
    /// # Errors
    /// [`PatchFileError`] in the words of whichever reader it was written for.
    pub fn read(bytes: &[u8]) -> Result<Self, PatchFileError> {
        let error = match Patch::parse(bytes) {
            Ok(patch) if !patch.messages().is_empty() || !holds_more(bytes) => return Ok(Self::Diff(patch)),
            Ok(_) => None,
            Err(error) if is_final(&error.problem, bytes) => return Err(error.into()),
            Err(error) => Some(error),
        };
        let text = std::str::from_utf8(bytes).ok();
        // nobody says that a file is whole: its own ends must
        let read = text.map(|text| edits::read(text, &Finish::Other("file".to_owned())));
        match (read, error) {
            (Some(Ok(edits)), _) => Ok(Self::Edits(edits)),
            (Some(Err(refusals)), None) => Err(refusals.into()),
            (Some(Err(refusals)), Some(error)) if error.problem == PatchProblem::NoFiles && has_edits(&refusals) => {
                Err(refusals.into())
            }
            (_, Some(error)) => Err(error.into()),
            (None, None) => Ok(Self::Diff(Patch::parse(bytes)?)),
        }
    }
}

/// Whether a strict reader's word stands. Only counts that are wrong, numbers that are left out and formats that are no
/// diff are another reader's matter: whatever else a diff has against it, it has for everybody.
fn is_final(problem: &PatchProblem, bytes: &[u8]) -> bool {
    use PatchProblem as Problem;
    match problem {
        Problem::NoFiles | Problem::ExtraLines | Problem::Truncated { .. } | Problem::BadHunkHeader => false,
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

/// Whether something in it was taken for an edit.
fn has_edits(refusals: &EditRefusals) -> bool {
    refusals.list().iter().any(|refusal| refusal.problem != EditProblem::NoEdits)
}
