//! Repositories: the immutable base of a lane, its tree, and the private place where changes are tried.
//!
//! Nothing here writes to the user's repository: objects of Paraph's own go to a private bare repository whose
//! alternates point at the user's objects.

mod bench;
mod git;
mod merge;
mod overlay;
mod setting;
mod snapshot;
mod tree;
mod vcs;

pub use bench::PatchBench;
pub(crate) use git::{BranchPlace, CreateBranchError};
pub use git::{GIT_VARIABLES, GitVcs, UserTree};
pub use merge::merge_contents;
pub use overlay::OverlayTree;
pub use setting::{Dependency, Setting, SettingAsk};
pub use snapshot::{AdoptedAt, Base, Earlier, RepoKey, RepositoryFacts, Snapshot, Source, WorkSpec};
pub use tree::{MemoryTree, PathChange, Tree, TreeEntry, TreeError};
pub(crate) use vcs::UNCOMMITTED;
pub use vcs::{CommitIdentity, Drift, GitDirectory, LineOrigin, NewCommit, Vcs, VcsError, WorkCommit, Worked};
