//! Deciding and publishing. Swapped: the forge, which only notes its permits.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::StreamExt as _;
use paraph::api::{DropRequest, FailureKind, RegenerateRequest, Verdict};
use paraph::id::{Digest, SessionId};
use paraph::publishing::{Anchor, Forge, ForgeError, PublishedBranch};
use paraph::repository::Snapshot;
use paraph::session::WritePermit;

use crate::house::{Desk, House, Repository, decision, version};

/// Notes what it was permitted; refuses as often as it is told.
#[derive(Default)]
struct Noted {
    permitted: Mutex<Vec<(u16, Digest)>>,
    refusals: Mutex<u32>,
}

#[async_trait]
impl Forge for Noted {
    fn preview(&self, session: SessionId, _: &str, _: &Snapshot) -> Vec<String> {
        vec![format!("a note about {session}")]
    }

    async fn publish(&self, permit: WritePermit, _: Anchor) -> Result<PublishedBranch, ForgeError> {
        let refuses = {
            let mut left = self.refusals.lock().unwrap();
            let refuses = *left > 0;
            *left = left.saturating_sub(1);
            refuses
        };
        if refuses {
            return Err(ForgeError::CannotWrite { place: "the notes".into(), why: "the pen is dry".into() });
        }
        self.permitted.lock().unwrap().push((permit.lane().0, permit.digest()));
        let commit = permit.base().commit.clone();
        Ok(PublishedBranch { branch: "noted".to_owned(), commit, place: "the notes".to_owned() })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_approved_is_published_and_a_failure_is_asked_again() {
    let forge = Arc::new(Noted { refusals: Mutex::new(1), ..Noted::default() });
    let house = House::with(|house| house.ports.forge = forge.clone());
    let repository = house.small_repository("shop");
    let before = repository.fingerprint();
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    desk.until(id, "Scored").await;
    let view = desk.decide(id, Verdict::Approve, "ok").await.unwrap();
    desk.publish(id).await.unwrap();
    let stuck = desk.until(id, "NeedsHuman").await;
    assert!(stuck.reason.raw().contains("the pen is dry"), "{}", stuck.reason.raw());
    assert!(forge.permitted.lock().unwrap().is_empty());
    desk.publish(id).await.unwrap();
    desk.until(id, "Done").await;
    assert_eq!(*forge.permitted.lock().unwrap(), [(0, version(&view, 1).patch_sets[0].digest)]);
    assert_eq!(repository.fingerprint(), before, "this forge writes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_rejected_repository_holds_the_rest_until_it_is_dropped() {
    let forge = Arc::new(Noted::default());
    let house = House::with(|house| house.ports.forge = forge.clone());
    let (shop, bank) = (house.small_repository("shop"), house.small_repository("bank"));
    let desk = house.open();
    let id = desk.run(&[&shop, &bank]).await;
    let view = desk.until(id, "Scored").await;
    let on = |repo: &str, verdict| {
        let set = version(&view, 1).patch_sets.iter().find(|set| set.repo == repo).unwrap();
        let digest = set.digest.short();
        paraph::api::DecideRequest { repo: Some(repo.to_owned()), digest, ..decision(&view, verdict, "so it is") }
    };
    desk.ask(on("shop", Verdict::Approve)).await.unwrap();
    assert_eq!(desk.ask(on("bank", Verdict::Reject)).await.unwrap().state, "Rejected");
    assert_eq!(desk.publish(id).await.unwrap_err().kind, FailureKind::Refused);
    desk.ask(DropRequest { session: id, repo: "bank".to_owned() }).await.unwrap();
    desk.publish(id).await.unwrap();
    desk.until(id, "Done").await;
    assert_eq!(forge.permitted.lock().unwrap().len(), 1);
}

/// Four clients decide on one version; one of them wins, and the others are told who did.
async fn one_round(desk: &Desk, repository: &Repository) {
    let request = crate::house::run(&[repository], Some("static"));
    let id = desk.ask(request).await.unwrap().id;
    let view = desk.until(id, "Scored").await;
    let clients = [Verdict::Approve, Verdict::Reject, Verdict::RequestChanges, Verdict::Approve].map(|verdict| {
        let (desk, request) = (desk.clone(), decision(&view, verdict, "first"));
        tokio::spawn(async move { desk.ask(request).await.map(|_| verdict) })
    });
    let mut won = Vec::new();
    for client in clients {
        match client.await.unwrap() {
            Ok(verdict) => won.push(verdict),
            Err(failure) => {
                assert_eq!(failure.kind, FailureKind::Conflict, "{}", failure.message);
                assert!(failure.message.contains("ana@build1"), "the loser is told who: {}", failure.message);
            }
        }
    }
    assert_eq!(won.len(), 1, "exactly one wins");
    let after = desk.show(id).await;
    assert_eq!(version(&after, 1).patch_sets[0].decision.as_ref().map(|word| word.verdict), Some(won[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_decide_at_once_exactly_one_wins() {
    let house = House::with(|house| house.ports.forge = Arc::new(Noted::default()));
    let repository = house.repository("shop", &[("a.py", crate::house::FILE)]);
    let desk = house.open();
    // several rounds at once: they share the journal's syncs
    let rounds = futures::stream::iter(0..500).map(|_| one_round(&desk, &repository));
    assert_eq!(rounds.buffer_unordered(25).count().await, 500);
    desk.runtime.stop().await;
    assert!(house.verify().is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superseded_version_cannot_be_decided() {
    let engine = crate::m04_proposal::Scripted::drafts(&["one.txt", "two.txt"]);
    let house = House::with(|house| house.ports.engines.rules = engine);
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    let old = desk.until(id, "Scored").await;
    let again = RegenerateRequest { session: id, engine: None, rules: vec![], patch: None, message: "more".into() };
    desk.ask(again).await.unwrap();
    desk.wait_until(id, |view| view.versions.len() == 2 && view.state == "Scored").await.unwrap();
    let failure = desk.ask(decision(&old, Verdict::Approve, "late")).await.unwrap_err();
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Conflict, "v1 was superseded by v2"));
}
