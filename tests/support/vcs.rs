//! Real version control with somebody in its way.

use std::path::Path;
use std::sync::Arc;

use paraph::cancel::Cancel;
use paraph::diff::ChangeSet;
use paraph::id::{ObjectId, RepoPath};
use paraph::repository::{
    Base, CommitIdentity, Drift, Earlier, GitDirectory, LineOrigin, NewCommit, RepoKey, RepositoryFacts, Snapshot,
    Source, Tree, Vcs, VcsError, WorkCommit, WorkSpec, Worked,
};

/// What comes before a read: nothing, a wait, or a refusal in its place.
pub(crate) trait Hinders: Send + Sync {
    /// Before a tree is opened.
    fn tree(&self, _key: &RepoKey, _id: &ObjectId) -> Result<(), VcsError> {
        Ok(())
    }

    /// Before it is read what became of a worktree.
    fn worked(&self, _cancel: &Cancel) -> Result<(), VcsError> {
        Ok(())
    }
}

/// Version control that `by` hinders.
pub(crate) struct Hindered<H> {
    pub(crate) real: Arc<dyn Vcs>,
    pub(crate) by: Arc<H>,
}

impl<H: Hinders> Vcs for Hindered<H> {
    fn facts(&self, source: &Source) -> Result<RepositoryFacts, VcsError> {
        self.real.facts(source)
    }
    fn changed_files(&self, source: &Source) -> Result<u32, VcsError> {
        self.real.changed_files(source)
    }
    fn snapshot(&self, source: &Source, base: &Base) -> Result<Snapshot, VcsError> {
        self.real.snapshot(source, base)
    }
    fn named(&self, source: &Source, work: &WorkSpec) -> Result<WorkSpec, VcsError> {
        self.real.named(source, work)
    }
    fn next_snapshot(&self, source: &Source, work: &WorkSpec, earlier: Earlier<'_>) -> Result<Snapshot, VcsError> {
        self.real.next_snapshot(source, work, earlier)
    }
    fn tree(&self, key: &RepoKey, id: &ObjectId) -> Result<Arc<dyn Tree>, VcsError> {
        self.by.tree(key, id)?;
        self.real.tree(key, id)
    }
    fn changes(&self, key: &RepoKey, old: &ObjectId, new: &ObjectId) -> Result<ChangeSet, VcsError> {
        self.real.changes(key, old, new)
    }
    fn commit_facts(&self, key: &RepoKey, commit: &ObjectId) -> Result<(ObjectId, String), VcsError> {
        self.real.commit_facts(key, commit)
    }
    fn commits_between(
        &self,
        key: &RepoKey,
        base: &ObjectId,
        tip: &ObjectId,
        most: usize,
    ) -> Result<Vec<WorkCommit>, VcsError> {
        self.real.commits_between(key, base, tip, most)
    }
    fn write_tree(&self, key: &RepoKey, base: &ObjectId, changes: &ChangeSet) -> Result<ObjectId, VcsError> {
        self.real.write_tree(key, base, changes)
    }
    fn commit(&self, key: &RepoKey, commit: &NewCommit) -> Result<ObjectId, VcsError> {
        self.real.commit(key, commit)
    }
    fn checkout(&self, key: &RepoKey, tree: &ObjectId, into: &Path, cancel: &Cancel) -> Result<(), VcsError> {
        self.real.checkout(key, tree, into, cancel)
    }
    fn worked(&self, key: &RepoKey, base: &ObjectId, from: &Path, cancel: &Cancel) -> Result<Worked, VcsError> {
        self.by.worked(cancel)?;
        self.real.worked(key, base, from, cancel)
    }

    fn git_directory(&self, key: &RepoKey, asked: &GitDirectory<'_>, into: &Path) -> Result<(), VcsError> {
        self.real.git_directory(key, asked, into)
    }
    fn remove_checkout(&self, key: &RepoKey, into: &Path) -> Result<(), VcsError> {
        self.real.remove_checkout(key, into)
    }
    fn drift(&self, snapshot: &Snapshot, tree: &ObjectId) -> Result<Drift, VcsError> {
        self.real.drift(snapshot, tree)
    }
    fn blame(
        &self,
        key: &RepoKey,
        commit: &ObjectId,
        path: &RepoPath,
        line: u32,
        cancel: &Cancel,
    ) -> Result<LineOrigin, VcsError> {
        self.real.blame(key, commit, path, line, cancel)
    }
    fn user(&self) -> Option<CommitIdentity> {
        self.real.user()
    }
}
