//! What `check-patch` needs beside the port: the user's own objects, without a private repository.

use super::{GitVcs, Source, UserTree, Vcs, VcsError};
use crate::diff::ChangeSet;
use crate::id::ObjectId;

/// Looks at a repository and at what a change would make of it, leaving nothing behind but what is asked for.
pub trait PatchBench: Vcs {
    /// The tree of `rev` (HEAD where it is `None`).
    ///
    /// # Errors
    /// [`VcsError`]: no repository, unborn, no such revision.
    fn user_tree(&self, source: &Source, rev: Option<&str>) -> Result<UserTree, VcsError>;

    /// The id of the tree that `changes` make of `base`; nothing is stored. The old sides of `changes` must have been
    /// read from `base`: where they lie and of what kind they are is checked again, their contents are not.
    ///
    /// # Errors
    /// As [`Vcs::write_tree`].
    fn would_be_tree(&self, base: &UserTree, changes: &ChangeSet) -> Result<ObjectId, VcsError>;

    /// As [`PatchBench::would_be_tree`], and stores it among the objects of the user's repository.
    ///
    /// # Errors
    /// As [`Vcs::write_tree`].
    fn write_tree_into(&self, base: &UserTree, changes: &ChangeSet) -> Result<ObjectId, VcsError>;
}

impl PatchBench for GitVcs {
    fn user_tree(&self, source: &Source, rev: Option<&str>) -> Result<UserTree, VcsError> {
        self.user_tree(source, rev)
    }

    fn would_be_tree(&self, base: &UserTree, changes: &ChangeSet) -> Result<ObjectId, VcsError> {
        self.would_be_tree(base, changes)
    }

    fn write_tree_into(&self, base: &UserTree, changes: &ChangeSet) -> Result<ObjectId, VcsError> {
        self.write_tree_into(base, changes)
    }
}
