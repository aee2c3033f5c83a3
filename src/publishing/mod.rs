//! Publishing: what an approved patch set becomes outside the data directory.
//!
//! [`Forge`] takes a [`WritePermit`] by value, and only the write gate makes one: code that skips it does not compile.

use async_trait::async_trait;

use crate::id::ObjectId;
use crate::session::WritePermit;

/// What publishing would write, or wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedBranch {
    /// The branch.
    pub branch: String,
    /// The commit.
    pub commit: ObjectId,
    /// The repository or remote, for people.
    pub place: String,
}

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// The branch is there and holds something else.
    #[error("branch `{branch}` already exists in {place} and holds {found}")]
    BranchTaken {
        /// The branch.
        branch: String,
        /// Where.
        place: String,
        /// What it holds.
        found: String,
    },
    /// The base is gone from the repository.
    #[error("{0}")]
    BaseGone(String),
    /// The repository cannot be written.
    #[error("cannot write to {place}: {why}")]
    CannotWrite {
        /// Where.
        place: String,
        /// Why.
        why: String,
    },
}

/// Writes approved patch sets where people see them.
#[async_trait]
pub trait Forge: Send + Sync {
    /// What [`Forge::publish`] would write, one line for each thing: shown on the decision panel.
    fn preview(&self, session: crate::id::SessionId, goal: &str, base: &crate::repository::Snapshot) -> Vec<String>;

    /// Publishes. A second call with a permit for the same approval finds what the first made.
    ///
    /// # Errors
    /// [`ForgeError`]; then nothing was written.
    async fn publish(&self, permit: WritePermit) -> Result<PublishedBranch, ForgeError>;
}
