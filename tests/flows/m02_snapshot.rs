//! The base of a session. Swapped: version control, which loses the base as a user's gc would.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use paraph::api::{RegenerateRequest, Verdict};
use paraph::cancel::Cancel;
use paraph::diff::ChangeSet;
use paraph::id::{ObjectId, RepoPath};
use paraph::repository::{
    Base, CommitIdentity, Drift, Earlier, GitDirectory, LineOrigin, NewCommit, RepoKey, RepositoryFacts, Snapshot,
    Source, Tree, Vcs, VcsError, WorkCommit, WorkSpec, Worked,
};

use crate::house::{House, version};

/// Real version control whose objects are gone while `pruned`.
struct Pruned {
    real: Arc<dyn Vcs>,
    pruned: AtomicBool,
}

impl Vcs for Pruned {
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
        if self.pruned.load(Ordering::SeqCst) {
            return Err(VcsError::BaseGone { commit: id.clone(), repo: key.0.clone() });
        }
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

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_is_gone_asks_a_person_and_goes_on_when_it_is_back() {
    let mut house = House::new();
    let vcs = Arc::new(Pruned { real: house.ports.vcs.clone(), pruned: AtomicBool::new(true) });
    house.ports.vcs = vcs.clone();
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    let stuck = desk.until(id, "NeedsHuman").await;
    assert!(stuck.reason.raw().contains("no longer there"), "{}", stuck.reason.raw());
    assert!(stuck.next.contains("paraph"), "a reason comes with what to type: {}", stuck.next);
    vcs.pruned.store(false, Ordering::SeqCst);
    let again = RegenerateRequest {
        session: id,
        engine: None,
        rules: vec![],
        patch: None,
        program: None,
        message: String::new(),
    };
    desk.ask(again).await.unwrap();
    let view = desk.until(id, "Scored").await;
    assert_eq!(view.lanes[0].base_commit.as_ref().unwrap().as_str(), repository.git(&["rev-parse", "HEAD"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_base_stays_what_it_was_while_the_branch_moves_on() {
    let house = House::new();
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    let view = desk.until(id, "Scored").await;
    let base = view.lanes[0].base_commit.clone().unwrap();
    repository.write("b.txt", "elsewhere\n");
    repository.commit("second");
    let refused = desk.decide(id, Verdict::Approve, "").await.unwrap_err();
    assert!(refused.message.contains("moved on by 1"), "{}", refused.message);
    let approved = desk.decide(id, Verdict::Approve, "b.txt has nothing to do with it").await.unwrap();
    assert_eq!(approved.lanes[0].base_commit, Some(base));
    assert_eq!(version(&approved, 1).patch_sets[0].files[0].path.to_string(), "a.py");
}
