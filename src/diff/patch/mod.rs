//! Patches as text: a strict reader of git's and unified diffs.
//!
//! What a reader cannot be sure of is refused with its line: wrong counts, names that disagree, hunks that overlap,
//! a cut end. Paths are kept as the bytes say; whether they may be written is the path policy's question.

mod binary;
mod hunk;
mod lines;
mod mail;
mod names;
mod parse;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::FileMode;
use crate::id::RepoPath;

pub(super) use binary::encode_literal;
pub use binary::{BinaryContent, BinaryPatch};
pub use hunk::{PatchHunk, PatchLine, PatchLineKind, PatchLines};
pub use mail::MailMessage;

/// A patch that was read whole: the changes of its files, in the order they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    source: Arc<[u8]>,
    messages: Vec<MailMessage>,
    files: Vec<FilePatch>,
}

/// What a patch does to one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// The file is new.
    Create,
    /// The file goes.
    Delete,
    /// Content or mode change.
    Modify,
    /// The file moves, perhaps changed.
    Rename,
    /// A copy is made, perhaps changed.
    Copy,
}

/// One file's part of a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePatch {
    /// The patch's line where it starts, 1-based.
    pub line: u32,
    /// What is done.
    pub operation: Operation,
    /// The path before; `None` for a creation.
    pub old_path: Option<RepoPath>,
    /// The path after; `None` for a deletion.
    pub new_path: Option<RepoPath>,
    /// The mode before, where the patch says so.
    pub old_mode: Option<FileMode>,
    /// The mode after, where the patch says so.
    pub new_mode: Option<FileMode>,
    /// The old blob's id, perhaps abbreviated.
    pub old_id: Option<String>,
    /// The new blob's id, perhaps abbreviated.
    pub new_id: Option<String>,
    /// How alike both sides are, in percent, where the patch says so.
    pub similarity: Option<u8>,
    /// What happens to the content.
    pub body: PatchBody,
}

impl FilePatch {
    /// The path to name it by: the new one, or the old one of a deletion.
    #[must_use]
    pub fn path(&self) -> &RepoPath {
        self.new_path.as_ref().or(self.old_path.as_ref()).expect("the parser gives every file a path")
    }

    /// The hunks; none where the content is not text or does not change.
    #[must_use]
    pub fn hunks(&self) -> &[PatchHunk] {
        match &self.body {
            PatchBody::Text(hunks) => hunks,
            _ => &[],
        }
    }
}

/// What a patch does to a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatchBody {
    /// Nothing: only mode or path change, or the file is empty.
    Unchanged,
    /// Lines change.
    Text(Vec<PatchHunk>),
    /// A `GIT binary patch`.
    Binary(BinaryPatch),
    /// `Binary files differ`: the content is not in the patch, so it cannot be placed.
    BinaryOmitted,
}

/// What a whole name says from `top` on.
pub(crate) fn below<'a>(name: &'a [u8], top: &[u8]) -> Option<&'a [u8]> {
    let rest = name.strip_prefix(top).filter(|_| top.starts_with(b"/") && top.len() > 1)?;
    rest.strip_prefix(b"/").filter(|rest| !rest.is_empty())
}

impl Patch {
    /// Reads a patch.
    ///
    /// # Errors
    /// [`PatchError`] with the line and the reason; nothing is guessed.
    pub fn parse(bytes: &[u8]) -> Result<Self, PatchError> {
        Self::parse_with(bytes, &PatchLimits::default())
    }

    /// As [`Patch::parse`], with other limits.
    ///
    /// # Errors
    /// As [`Patch::parse`].
    pub fn parse_with(bytes: &[u8], limits: &PatchLimits) -> Result<Self, PatchError> {
        let (files, messages) = parse::parse(bytes, limits)?;
        Ok(Self { source: bytes.into(), messages, files })
    }

    /// The same patch with whole names below the folder `top` told from there, as `/home/me/shop/a.py` below
    /// `/home/me/shop`. Names that are not below it stay as they are.
    #[must_use]
    pub fn below(mut self, top: &[u8]) -> Self {
        for file in &mut self.files {
            for path in [&mut file.old_path, &mut file.new_path].into_iter().flatten() {
                if let Some(rest) = below(path.as_bytes(), top) {
                    *path = RepoPath::from_bytes(rest);
                }
            }
        }
        self
    }

    /// The files' parts, in order. One path may occur more than once (a series of mails).
    #[must_use]
    pub fn files(&self) -> &[FilePatch] {
        &self.files
    }

    /// The messages of `git format-patch`, in order.
    #[must_use]
    pub fn messages(&self) -> &[MailMessage] {
        &self.messages
    }

    /// The patch's own bytes.
    #[must_use]
    pub fn source(&self) -> &[u8] {
        &self.source
    }

    /// The lines of one of this patch's hunks.
    #[must_use]
    pub fn lines(&self, hunk: &PatchHunk) -> PatchLines<'_> {
        PatchLines::new(&self.source[hunk.body.clone()])
    }

    /// What follows the second `@@` of one of this patch's hunks: usually the enclosing function.
    #[must_use]
    pub fn heading(&self, hunk: &PatchHunk) -> &[u8] {
        &self.source[hunk.heading.clone()]
    }
}

/// What is too much for a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchLimits {
    /// Bytes of the whole patch.
    pub bytes: usize,
    /// Files in it.
    pub files: usize,
    /// Bytes of one header line.
    pub header_line: usize,
    /// Bytes of all binary contents together, unpacked.
    pub binary_bytes: usize,
}

impl Default for PatchLimits {
    fn default() -> Self {
        // 512 MiB is a hundred times the 4 MB of the largest patch we measured (400 merges of cargo); 100,000 files
        // is seven times deno; 33 KiB is the longest path of Linux, all of it octal escapes, twice on a line
        Self { bytes: 512 << 20, files: 100_000, header_line: 33 << 10, binary_bytes: 256 << 20 }
    }
}

/// Why a patch was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct PatchError {
    /// The patch's line, 1-based.
    pub line: u32,
    /// The reason.
    #[source]
    pub problem: PatchProblem,
}

/// The reason why a patch was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchProblem {
    /// No file's change was found.
    #[error("no file's change in it: neither `diff --git` nor `---` and `+++` lines")]
    NoFiles,
    /// Something is larger than its limit.
    #[error("{what} of {size}: more than {limit}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// How large; at least.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// A hunk stands where no file was named.
    #[error("a hunk without a file's header before it")]
    HunkWithoutFile,
    /// A diff of a merge, or a context diff.
    #[error("a combined or context diff: only unified diffs of two sides can be placed")]
    OtherFormat,
    /// A file's name is missing.
    #[error("no file name that can be read")]
    MissingName,
    /// Two lines name different files.
    #[error("the header says `{expected}`, this line `{found}`")]
    NameMismatch {
        /// What the first line said.
        expected: String,
        /// What this line says.
        found: String,
    },
    /// A header line cannot be read.
    #[error("cannot read this `{0}` line")]
    BadHeader(&'static str),
    /// A header line stands twice.
    #[error("a second `{0}` line for one file")]
    Repeated(&'static str),
    /// The header contradicts itself or the hunks.
    #[error("{0}")]
    Contradiction(&'static str),
    /// A file's header is followed by nothing that changes it.
    #[error("a header that changes nothing")]
    ChangesNothing,
    /// `@@ -a,b +c,d @@` cannot be read.
    #[error("cannot read this hunk header")]
    BadHunkHeader,
    /// The hunk ends early.
    #[error("the hunk ends early: {old} old and {new} new lines are missing")]
    Truncated {
        /// Old lines missing.
        old: u32,
        /// New lines missing.
        new: u32,
    },
    /// The hunk has more lines than its header says.
    #[error("the hunk has more lines than its header says")]
    ExtraLines,
    /// A line of a hunk starts with something else.
    #[error("a line of a hunk starts with neither blank, `+`, `-` nor `\\`")]
    BadLine,
    /// Hunks overlap or are out of order.
    #[error("the hunk starts at line {start}, before the end of the one above it at {end}")]
    Overlap {
        /// Where this one starts.
        start: u32,
        /// Where the one above ends.
        end: u32,
    },
    /// A line without newline is not the last of its side.
    #[error("a line without newline is followed by more lines of its side")]
    NoNewlineInside,
    /// The patch's last line has no newline: it may have been cut.
    #[error("the patch ends within a line")]
    CutLine,
    /// Binary data cannot be decoded.
    #[error("binary data: {0}")]
    BadBinary(&'static str),
}
