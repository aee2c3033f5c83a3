//! The base of a session. Swapped: version control, which loses the base as a user's gc would.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use paraph::api::{RegenerateRequest, Verdict};
use paraph::id::ObjectId;
use paraph::repository::{RepoKey, VcsError};

use crate::house::{House, version};
use crate::vcs::{Hindered, Hinders};

/// The objects are gone while it says so.
struct Pruned(AtomicBool);

impl Hinders for Pruned {
    fn tree(&self, key: &RepoKey, id: &ObjectId) -> Result<(), VcsError> {
        match self.0.load(Ordering::SeqCst) {
            true => Err(VcsError::BaseGone { commit: id.clone(), repo: key.0.clone() }),
            false => Ok(()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_is_gone_asks_a_person_and_goes_on_when_it_is_back() {
    let mut house = House::new();
    let pruned = Arc::new(Pruned(AtomicBool::new(true)));
    house.ports.vcs = Arc::new(Hindered { real: house.ports.vcs.clone(), by: pruned.clone() });
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    let stuck = desk.until(id, "NeedsHuman").await;
    assert!(stuck.reason.raw().contains("no longer there"), "{}", stuck.reason.raw());
    assert!(stuck.next.contains("paraph"), "a reason comes with what to type: {}", stuck.next);
    pruned.0.store(false, Ordering::SeqCst);
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
