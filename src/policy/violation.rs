//! Violations, their severities, and the port that finds them.

use serde::{Deserialize, Serialize};

use crate::diff::ChangeSet;
use crate::id::RepoPath;
use crate::repository::{Tree, TreeError};
use crate::validation::RepositoryPolicy;

/// How bad a breach is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// A person may override it, with a reason.
    Warn,
    /// Approval is not offered.
    Block,
}

/// A breach of a policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Violation {
    /// The rule's id, such as `path-traversal` or `secret-added`: stable, what `override` names.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub path: RepoPath,
    /// The line on the new side (1-based), where it is about one.
    pub line: Option<u32>,
    /// What is wrong, in one sentence; never holds a secret's value.
    pub message: String,
}

/// What the user's configuration and the base's `.paraph.toml` say. The repository's part only tightens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySettings {
    /// Globs that must not change: rule `frozen-path`.
    pub frozen: Vec<String>,
    /// Whether a frozen path blocks (the user's word) or warns.
    pub frozen_severity: Severity,
    /// Rules that the user or the repository raised to BLOCK.
    pub raised: Vec<String>,
    /// The largest file a change may add, in bytes.
    pub max_file_bytes: u64,
    /// The most files a change may touch.
    pub max_files: u32,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            frozen: Vec::new(),
            frozen_severity: Severity::Warn,
            raised: Vec::new(),
            max_file_bytes: 100 << 20, // GitHub's own limit for one file
            max_files: 3000,
        }
    }
}

impl PolicySettings {
    /// These settings with the repository's own on top: what it adds is added, a smaller limit counts, and nothing
    /// becomes milder.
    #[must_use]
    pub fn tightened(mut self, repository: &RepositoryPolicy) -> Self {
        let add = |own: &mut Vec<String>, more: &[String]| {
            for each in more {
                if !own.contains(each) {
                    own.push(each.clone());
                }
            }
        };
        add(&mut self.frozen, &repository.frozen);
        add(&mut self.raised, &repository.raised);
        self.max_file_bytes = self.max_file_bytes.min(repository.max_file_bytes.unwrap_or(u64::MAX));
        self.max_files = self.max_files.min(repository.max_files.unwrap_or(u32::MAX));
        self
    }
}

/// Finds violations. Pure: reads the change and the base, writes nothing, gives the same answer twice while it knows the
/// same keys.
pub trait Policy: Send + Sync {
    /// Every violation, sorted by severity (worst first), path and line.
    ///
    /// # Errors
    /// [`TreeError`] where the base cannot be read.
    fn judge(
        &self,
        changes: &ChangeSet,
        base: &dyn Tree,
        settings: &PolicySettings,
    ) -> Result<Vec<Violation>, TreeError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_only_tightens() {
        let user = PolicySettings { frozen: vec!["a".into()], max_files: 10, ..PolicySettings::default() };
        let strict = RepositoryPolicy {
            frozen: vec!["a".into(), "b".into()],
            raised: vec!["ci-file".into()],
            max_file_bytes: Some(1),
            max_files: Some(5000),
        };
        let both = user.clone().tightened(&strict);
        assert_eq!(
            (&both.frozen[..], both.max_files, both.max_file_bytes),
            (&["a".to_owned(), "b".to_owned()][..], 10, 1)
        );
        assert_eq!(both.raised, ["ci-file"]);
        assert_eq!(user.clone().tightened(&RepositoryPolicy::default()), user);
    }
}
