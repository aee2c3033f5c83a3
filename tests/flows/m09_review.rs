//! Deciding and publishing. Swapped: the forge, which only notes its permits.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::StreamExt as _;
use paraph::api::{
    AgainstRequest, CommentRequest, DeriveRequest, DraftRequest, DropRequest, ExcludeRequest, FailureKind, MarkRequest,
    PatchSetRequest, RegenerateRequest, Side, ThreadKind, ThreadsRequest, Verdict,
};
use paraph::id::{Digest, SessionId, SessionRef, Version};
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
    let again = RegenerateRequest {
        session: id,
        engine: None,
        rules: vec![],
        patch: None,
        program: None,
        message: "more".into(),
    };
    desk.ask(again).await.unwrap();
    desk.wait_until(id, |view| view.versions.len() == 2 && view.state == "Scored").await.unwrap();
    let failure = desk.ask(decision(&old, Verdict::Approve, "late")).await.unwrap_err();
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Conflict, "v1 was superseded by v2"));
}

/// The newest version's patch set, compared with what was read last.
async fn since_last_review(desk: &Desk, id: SessionId) -> paraph::api::PatchSetView {
    let session = SessionRef { session: id, version: None };
    let request = PatchSetRequest { session, repo: None, against: AgainstRequest::LastReview };
    desk.ask(request).await.unwrap().remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_out_makes_the_next_version_and_reading_goes_on_from_there() {
    let engine = crate::m04_proposal::Scripted::drafts(&["one.txt"]);
    let house = House::with(|house| house.ports.engines.rules = engine.clone());
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    let view = desk.until(id, "Scored").await;
    let first = since_last_review(&desk, id).await;
    assert_eq!(first.against, "base", "nothing was read yet");
    let path = first.files[0].path.clone();
    let v1 = SessionRef { session: id, version: Some(Version(1)) };
    let derive = |exclude| DeriveRequest {
        session: v1,
        repo: None,
        digest: version(&view, 1).patch_sets[0].digest.short(),
        against: AgainstRequest::Base,
        exclude,
        edit: None,
    };
    let all = vec![ExcludeRequest { path: path.clone(), hunks: Vec::new() }];
    let failure = desk.ask(derive(all)).await.unwrap_err();
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Refused, "nothing of the change would be left"));
    let edit = paraph::api::EditRequest {
        path: path.clone(),
        hunk: first_hunk(&house, &first),
        diff: format!("--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+by hand\n"),
    };
    let marked = MarkRequest { session: v1, repo: None, hunks: vec![edit.hunk], reviewed: true };
    desk.ask(marked).await.unwrap();
    let open = CommentRequest {
        session: v1,
        repo: None,
        thread: None,
        artifact: None,
        path: Some(path.clone()),
        line: Some(1),
        from_line: None,
        side: Side::New,
        against: paraph::api::AgainstRequest::Base,
        kind: ThreadKind::Question,
        text: "why here?".to_owned(),
    };
    desk.ask(open).await.unwrap();
    let made = desk.ask(DeriveRequest { edit: Some(edit), ..derive(Vec::new()) }).await.unwrap();
    let second = version(&made, 2);
    assert_eq!((second.made_by.as_str(), second.parent), ("ana@build1", Some(Version(1))));
    assert_eq!(second.made_for, "a hunk edited by hand");
    let (whole, message) = (version(&made, 1).patch_sets[0].message.raw(), second.patch_sets[0].message.raw());
    assert!(message.starts_with(whole.trim_end()), "{message}");
    assert!(
        message.ends_with(&format!("In review a person changed this:\n- {path}: a hunk edited by hand")),
        "{message}"
    );
    let on_v2 = SessionRef { session: id, version: Some(Version(2)) };
    let carried = desk.ask(ThreadsRequest { session: on_v2, on: None }).await.unwrap().threads;
    assert_eq!(carried[0].comments[0].text.raw(), "why here?", "what is open on v1 waits on v2 too");
    let view = desk.wait_until(id, |view| view.state == "Scored").await.unwrap();
    let second = version(&view, 2);
    assert!(second.score.is_some() && second.gates.iter().any(|gate| gate.passed == Some(true)), "scored anew");
    assert_eq!(version(&view, 1).patch_sets[0].digest, first.digest, "v1 never changes");
    let read = since_last_review(&desk, id).await;
    assert_eq!((read.against.as_str(), read.files.len()), ("v1", 1));
    // a mark on v2 while it is read does not make the comparison jump to the base
    let v2 = SessionRef { session: id, version: Some(Version(2)) };
    let hunks = vec![Digest::of(b"a hunk of v2")];
    desk.ask(MarkRequest { session: v2, repo: None, hunks, reviewed: true }).await.unwrap();
    assert_eq!(since_last_review(&desk, id).await.against, "v1");
    let superseded = desk.ask(derive(vec![ExcludeRequest { path, hunks: vec![first_hunk(&house, &first)] }])).await;
    assert!(superseded.is_err());
    assert!(desk.timeline(id).await.iter().filter(|event| *event == "proposed").count() == 2);
    desk.runtime.stop().await;
    assert!(house.verify().is_sound());
}

fn first_hunk(house: &House, set: &paraph::api::PatchSetView) -> Digest {
    let file = &set.files[0];
    let read = |blob: &Option<paraph::api::BlobRef>| {
        blob.as_ref().map(|blob| house.ports.blobs.get(blob.digest).unwrap()).unwrap_or_default()
    };
    let (old, new) = (read(&file.old), read(&file.new));
    let diff = paraph::diff::FileDiff::compute(&old, &new, &paraph::diff::DiffOptions::default());
    diff.hunk_keys(&file.path, &old, &new)[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_survive_a_restart_and_go_with_the_word() {
    let house = House::with(|house| house.ports.forge = Arc::new(Noted::default()));
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    desk.until(id, "Scored").await;
    let session = SessionRef { session: id, version: None };
    let comment = |text: &str| CommentRequest {
        session,
        repo: None,
        thread: None,
        artifact: None,
        path: Some("a.py".into()),
        line: Some(1),
        from_line: None,
        side: Side::New,
        against: paraph::api::AgainstRequest::Base,
        kind: ThreadKind::Must,
        text: text.to_owned(),
    };
    let kept = desk.ask(DraftRequest { draft: None, comment: comment("why") }).await.unwrap();
    let request = crate::house::fresh();
    let changed = DraftRequest { draft: Some(kept.id), comment: comment("why?") };
    desk.ask_as(request.clone(), changed.clone()).await.unwrap();
    assert_eq!(desk.ask_as(request, changed).await.unwrap().id, kept.id, "the same request again changes nothing");
    desk.runtime.stop().await;
    drop(desk); // the store is one process's, and this one's still
    let desk = house.open();
    let view = desk.ask(ThreadsRequest { session, on: None }).await.unwrap();
    assert_eq!((view.threads.len(), view.drafts.len(), view.drafts[0].text.raw()), (0, 1, "why?"));
    desk.decide(id, Verdict::RequestChanges, "").await.unwrap();
    let view = desk.ask(ThreadsRequest { session, on: None }).await.unwrap();
    assert_eq!((view.threads.len(), view.drafts.len()), (1, 0));
    assert_eq!((view.threads[0].kind, view.threads[0].comments[0].text.raw()), (ThreadKind::Must, "why?"));
    desk.runtime.stop().await;
    assert!(house.verify().is_sound());
}
