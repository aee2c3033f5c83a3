//! Reading around a change: where a name is defined, a whole file of either side, who wrote a line of the base.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BlobRef, Side};
use crate::clock::Timestamp;
use crate::id::{ObjectId, RepoPath, SessionRef};
use crate::text::Untrusted;

/// Where names are defined, in the whole tree of one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DefinitionsRequest {
    /// The version; the current one where none is named.
    pub session: SessionRef,
    /// The repository's name; may be missing where the version has one patch set.
    pub repo: Option<String>,
    /// The base, or the version.
    pub side: Side,
    /// The names, 64 at most.
    pub names: Vec<String>,
}

/// A place where a name is defined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DefinitionView {
    /// The name.
    pub name: Untrusted,
    /// What it makes: `function`, `struct`, …
    pub kind: String,
    /// The file.
    pub path: RepoPath,
    /// The first line, 1-based.
    pub line: u32,
    /// The line after the last.
    pub end_line: u32,
}

/// The answer to `definitions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DefinitionsView {
    /// In the order of the names that were asked for, then of paths.
    pub definitions: Vec<DefinitionView>,
    /// How many more there are.
    pub more: u32,
}

/// A whole file of one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceRequest {
    /// The version; the current one where none is named.
    pub session: SessionRef,
    /// The repository's name; may be missing where the version has one patch set.
    pub repo: Option<String>,
    /// The base, or the version.
    pub side: Side,
    /// The file.
    pub path: RepoPath,
}

/// The answer to `source`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceView {
    /// The file.
    pub path: RepoPath,
    /// Its content.
    pub content: BlobRef,
}

/// Who wrote a line of the base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BlameRequest {
    /// The version; the current one where none is named.
    pub session: SessionRef,
    /// The repository's name; may be missing where the version has one patch set.
    pub repo: Option<String>,
    /// The file.
    pub path: RepoPath,
    /// The line of the base, 1-based.
    pub line: u32,
}

/// The commit that a line comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BlameView {
    /// The commit.
    pub commit: ObjectId,
    /// Who wrote it.
    pub author: Untrusted,
    /// When.
    pub at: Timestamp,
    /// The first line of its message.
    pub subject: Untrusted,
    /// The file's path in that commit.
    pub path: RepoPath,
    /// The line in that file, 1-based.
    pub line: u32,
    /// Whether the history ends there (a shallow clone): then it may be older.
    pub oldest_known: bool,
}
