//! The port to where approved changes go.

use async_trait::async_trait;

use crate::id::{Digest, ObjectId, Seq, SessionId};
use crate::repository::Snapshot;
use crate::session::WritePermit;

/// The journal entry that recorded an approval: it leaves the store in the commit's trailer, so that an older copy of
/// the whole store is found later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// The entry.
    pub seq: Seq,
    /// Its digest.
    pub digest: Digest,
}

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
    fn preview(&self, session: SessionId, goal: &str, base: &Snapshot) -> Vec<String>;

    /// Publishes. A second call with a permit for the same approval finds what the first made.
    ///
    /// # Errors
    /// [`ForgeError`]; then nothing was written.
    async fn publish(&self, permit: WritePermit, anchor: Anchor) -> Result<PublishedBranch, ForgeError>;
}
