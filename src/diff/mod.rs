//! Changes as data: what a patch does to files, what names it, how it is read, placed and shown.
//!
//! A [`ChangeSet`] holds whole contents of both sides, so placing, policing, scoring and showing a change never
//! depend on a diff algorithm; its [`Manifest`] names exactly what a person saw. [`Patch`] reads a diff's text,
//! [`place()`] makes a change set of it, [`unified`] writes one back; [`FileDiff`] is what a screen shows.

mod anchor;
mod change;
mod common;
mod git_object;
#[cfg(test)]
mod git_tests;
mod inline;
mod lines;
mod manifest;
mod patch;
mod place;
mod recount;
mod stat;
pub mod unified;

pub use anchor::{CarriedLine, CarriedLines, map_line};
pub use change::{ChangeSet, ChangeStatus, FileChange, FileMode, FileSide};
pub use common::common_runs;
pub(crate) use git_object::sha1;
pub use git_object::{ObjectFormat, blob_id};
pub use inline::{InlineDiff, inline_diff};
pub use lines::{DiffKind, DiffLine, DiffOptions, FileDiff, Hunk, HunkEdge, Whitespace};
pub use manifest::{Manifest, ManifestFile};
pub(crate) use patch::below;
pub use patch::{
    BinaryContent, BinaryPatch, FilePatch, MailMessage, Operation, Patch, PatchBody, PatchError, PatchHunk,
    PatchLimits, PatchLine, PatchLineKind, PatchLines, PatchProblem,
};
pub use place::{ReadBase, Refusal, RefusalReason, place};
pub use recount::recounted;
pub use stat::{FileStat, line_stat, stat_text, stats};
