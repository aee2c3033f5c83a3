//! What replies hold of a version's parts: whose is what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::view::FileStat;
use crate::id::{Digest, Version};
use crate::planning::Role;
use crate::text::Untrusted;

/// The part of a version that one role made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartView {
    /// The version that it was made for: an earlier one where a draft went on from that.
    pub version: Version,
    /// `implementer` (whatever engine drafted), `tester` or `documenter`.
    pub role: Role,
    /// `PROVIDER/MODEL`, the engine's name where another engine drafted; empty where nobody answered.
    pub by: String,
    /// `added`, `nothing` (it had nothing to add) or `left-out` (it could not be asked, or no answer could be placed).
    pub ended: String,
    /// Why there is none, where there is none.
    pub note: Untrusted,
    /// What it changed of what was there before it, by repository.
    pub changes: Vec<PartChange>,
}

/// What a part changed in one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartChange {
    /// The repository's name.
    pub repo: String,
    /// Its own manifest, against what was there before it.
    pub digest: Digest,
    /// Its files.
    pub files: Vec<FileStat>,
}

impl PartView {
    /// Who it is of: the role, and who spoke as it.
    #[must_use]
    pub fn who(&self) -> String {
        if self.by.is_empty() { self.role.to_string() } else { format!("{} {}", self.role, self.by) }
    }

    /// What it came to, in a few words; the files of all repositories by their paths.
    #[must_use]
    pub fn what(&self) -> String {
        let paths: Vec<String> =
            self.changes.iter().flat_map(|set| &set.files).map(|file| file.path.to_string()).collect();
        match self.ended.as_str() {
            "added" => paths.join(", "),
            "nothing" => "nothing to add".to_owned(),
            _ => "left out".to_owned(),
        }
    }
}
