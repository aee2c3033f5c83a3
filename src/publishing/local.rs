//! The local forge's git part: the approved commit as a branch in the user's own repository.
//!
//! Objects and one ref; nothing is checked out, no hook runs, HEAD, index and configuration stay as they are.

use std::path::PathBuf;

use crate::clock::Timestamp;
use crate::id::{HostPath, ObjectId, SessionId};
use crate::repository::{BranchPlace, CommitIdentity, CreateBranchError, NewCommit, VcsError};

/// The longest branch name that is made. // 50: whole in one line of `git branch` and of every forge's list
const NAME_LIMIT: usize = 50;

/// A branch to make. The same value makes the same commit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(dead_code, reason = "the forge adapter that fills this arrives with the write gate")]
pub(crate) struct LocalBranch {
    /// The user's repository: a folder of it, a linked worktree, or the bare directory.
    pub(crate) repository: HostPath,
    /// The private bare repository that holds the tree.
    pub(crate) private: PathBuf,
    /// The parent: the base commit of the approved patch set.
    pub(crate) base: ObjectId,
    /// The approved tree.
    pub(crate) tree: ObjectId,
    /// The whole message, trailers included.
    pub(crate) message: String,
    /// Whose approval it is.
    pub(crate) author: CommitIdentity,
    /// When it was asked for.
    pub(crate) at: Timestamp,
    /// The branch, without `refs/heads/`.
    pub(crate) branch: String,
}

/// A branch that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(dead_code, reason = "the forge adapter that reads this arrives with the write gate")]
pub(crate) struct Published {
    /// The branch, without `refs/heads/`.
    pub(crate) branch: String,
    /// The commit that it names.
    pub(crate) commit: ObjectId,
    /// Whether it was there before this call.
    pub(crate) already_there: bool,
}

/// Why no branch was made.
#[derive(Debug, thiserror::Error)]
#[allow(dead_code, reason = "the forge adapter that reads this arrives with the write gate")]
pub(crate) enum PublishBranchError {
    /// A branch of that name is there and names something else.
    #[error("branch `{branch}` is in the repository already, at {commit}")]
    Conflict {
        /// The branch.
        branch: String,
        /// What it names.
        commit: ObjectId,
    },
    /// The repository cannot be written.
    #[error("`{0}` cannot be written")]
    ReadOnly(HostPath),
    /// The repository could not be read, or its base is gone.
    #[error(transparent)]
    Vcs(VcsError),
}

/// Makes the branch that `request` describes; finds it where an earlier call made it.
///
/// # Errors
/// [`PublishBranchError::Conflict`] where a branch of that name has another commit; it is left as it is.
#[allow(dead_code, reason = "the forge adapter that calls this arrives with the write gate")]
pub(crate) fn publish_branch(request: &LocalBranch) -> Result<Published, PublishBranchError> {
    let failed = |error: CreateBranchError| match error {
        CreateBranchError::Taken { branch, commit } => PublishBranchError::Conflict { branch, commit },
        CreateBranchError::ReadOnly => PublishBranchError::ReadOnly(request.repository.clone()),
        CreateBranchError::Vcs(error) => PublishBranchError::Vcs(error),
    };
    let commit = NewCommit {
        tree: request.tree.clone(),
        parent: request.base.clone(),
        message: request.message.clone(),
        author: request.author.clone(),
        at: request.at,
        reference: format!("refs/heads/{}", request.branch),
    };
    let place = BranchPlace::open(&request.repository, &request.private).map_err(PublishBranchError::Vcs)?;
    let (commit, already_there) = place.create(&commit).map_err(failed)?;
    Ok(Published { branch: request.branch.clone(), commit, already_there })
}

/// `paraph/<n>-<slug>`: the words of the goal in ASCII, 50 bytes at most, a name that git takes.
#[must_use]
pub fn branch_name(session: SessionId, goal: &str) -> String {
    let mut name = format!("paraph/{session}");
    let words = goal.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    for word in words {
        let room = NAME_LIMIT.saturating_sub(name.len() + 1);
        if room == 0 || (word.len() > room && name.contains('-')) {
            break;
        }
        name.push('-');
        name.push_str(&word[..word.len().min(room)].to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod branch_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(goal: &str, expected: &str) {
        let name = branch_name(SessionId(12), goal);
        assert_eq!(name, expected);
        assert!(name.len() <= NAME_LIMIT);
        assert!(git2::Reference::is_valid_name(&format!("refs/heads/{name}")), "{name}");
    }

    #[test]
    fn branch_names_are_plain_and_short() {
        check("Fix the parser", "paraph/12-fix-the-parser");
        check("", "paraph/12");
        check("  ../..//@{0}~^:?*[\\ ", "paraph/12-0");
        check("größe ändern", "paraph/12-gr-e-ndern");
        check("日本語", "paraph/12");
        check("a\x1b[31mb\n.lock", "paraph/12-a-31mb-lock");
        check(&"x".repeat(99), &format!("paraph/12-{}", "x".repeat(40)));
        check(
            "replace every deprecated call of datetime utcnow in the code",
            "paraph/12-replace-every-deprecated-call-of",
        );
    }
}
