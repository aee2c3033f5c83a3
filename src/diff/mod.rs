//! Changes as data: what a patch does to files, what names it, how it is read, placed and shown.
//!
//! A [`ChangeSet`] holds whole contents of both sides, so placing, policing, scoring and showing a change never
//! depend on a diff algorithm; its [`Manifest`] names exactly what a person saw.

mod change;
mod manifest;

pub use change::{ChangeSet, ChangeStatus, FileChange, FileMode, FileSide};
pub use manifest::{Manifest, ManifestFile};
