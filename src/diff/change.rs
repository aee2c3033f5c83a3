//! The two sides of every file that a change touches.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{Digest, RepoPath};

/// A file's kind and permission as git trees have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileMode {
    /// `100644`
    Regular,
    /// `100755`
    Executable,
    /// `120000`: the content is the target.
    Symlink,
    /// `160000`: a submodule; the content is the commit's hex id.
    Gitlink,
    /// Anything else a patch or a tree may claim; policy blocks it.
    Other(u32),
}

impl FileMode {
    /// The mode of these bits.
    #[must_use]
    pub fn from_bits(bits: u32) -> Self {
        match bits {
            0o100_644 => Self::Regular,
            0o100_755 => Self::Executable,
            0o120_000 => Self::Symlink,
            0o160_000 => Self::Gitlink,
            other => Self::Other(other),
        }
    }

    /// The bits, as git writes them in octal.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            Self::Regular => 0o100_644,
            Self::Executable => 0o100_755,
            Self::Symlink => 0o120_000,
            Self::Gitlink => 0o160_000,
            Self::Other(bits) => bits,
        }
    }
}

/// What stands before a submodule's commit in a diff.
pub(super) const GITLINK_TEXT: &[u8] = b"Subproject commit ";

/// One side of a file: its mode and whole content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSide {
    /// Kind and permission.
    pub mode: FileMode,
    /// The content as git's object has it (a link's target, a submodule's commit).
    pub content: Arc<[u8]>,
}

impl FileSide {
    /// A regular file of these bytes.
    #[must_use]
    pub fn regular(content: impl Into<Arc<[u8]>>) -> Self {
        Self { mode: FileMode::Regular, content: content.into() }
    }

    /// SHA-256 of the content.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.content)
    }

    /// The content as a diff's text shows it: a submodule's is `Subproject commit <id>`, any other is itself.
    #[must_use]
    pub fn patch_text(&self) -> Cow<'_, [u8]> {
        match self.mode {
            FileMode::Gitlink => Cow::Owned([GITLINK_TEXT, &*self.content, b"\n"].concat()),
            _ => Cow::Borrowed(&self.content),
        }
    }

    /// Whether the content is binary: a NUL among its first 8,000 bytes, as git decides.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        has_nul(&self.content)
    }
}

/// Whether a NUL is among the first 8,000 bytes of a content.
pub(super) fn has_nul(content: &[u8]) -> bool {
    memchr::memchr(0, &content[..content.len().min(8000)]).is_some()
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeStatus {
    /// It was not there before.
    Added,
    /// Content or mode differ.
    Modified,
    /// It is gone.
    Deleted,
}

/// One file's change. At least one side is present, and the sides differ. A rename is a deletion and an addition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Where.
    pub path: RepoPath,
    /// Before; `None` where the file is added.
    pub old: Option<FileSide>,
    /// After; `None` where the file is deleted.
    pub new: Option<FileSide>,
}

impl FileChange {
    /// What happened, from the sides that are present.
    #[must_use]
    pub fn status(&self) -> ChangeStatus {
        match (&self.old, &self.new) {
            (None, _) => ChangeStatus::Added,
            (Some(_), None) => ChangeStatus::Deleted,
            (Some(_), Some(_)) => ChangeStatus::Modified,
        }
    }
}

/// The change of one lane: every touched file once, in the order of its path's bytes, unchanged files left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeSet {
    files: Vec<FileChange>,
}

impl ChangeSet {
    /// Sorts `files`, drops those whose sides are equal; of two with one path the later wins.
    #[must_use]
    pub fn new(files: impl IntoIterator<Item = FileChange>) -> Self {
        let by_path: std::collections::BTreeMap<_, _> =
            files.into_iter().map(|file| (file.path.clone(), file)).collect();
        Self { files: by_path.into_values().filter(|file| file.old != file.new).collect() }
    }

    /// The changed files, in the order of their paths.
    #[must_use]
    pub fn files(&self) -> &[FileChange] {
        &self.files
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The change of `path`, if it is touched.
    #[must_use]
    pub fn get(&self, path: &RepoPath) -> Option<&FileChange> {
        self.files.binary_search_by(|file| file.path.cmp(path)).ok().map(|at| &self.files[at])
    }
}
