//! A session's life, from goal to published branch. Swapped: the clock.

use std::sync::Arc;
use std::time::Duration;

use paraph::api::{CancelRequest, FailureKind, Verdict};
use paraph::clock::{Clock, FixedClock, Timestamp};
use paraph::id::{SessionId, SessionRef};

use crate::house::{House, branches, decision, fresh, run, version};

#[tokio::test(flavor = "multi_thread")]
async fn a_goal_becomes_a_published_branch() {
    let clock = Arc::new(FixedClock::at(Timestamp(1_000_000_000_000)));
    let swapped: Arc<dyn Clock> = clock.clone();
    let house = House::with(|house| house.ports.clock = swapped);
    let repository = house.small_repository("shop");
    let before = repository.fingerprint();
    let desk = house.open();
    desk.trust(&repository).await;
    let id = desk.run(&[&repository]).await;
    assert_eq!(id, SessionId(1));
    let view = desk.until(id, "Scored").await;
    assert_eq!(view.created_at, Timestamp(1_000_000_000_000), "time comes from the port");
    let v1 = version(&view, 1);
    assert_eq!(v1.checks.iter().map(|check| check.name.as_str()).collect::<Vec<_>>(), ["unit"]);
    assert_eq!(v1.patch_sets[0].files.len(), 1);
    assert_eq!(repository.fingerprint(), before, "nothing of the user's was touched before publishing");

    clock.advance(Duration::from_secs(90));
    let approved = desk.decide(id, Verdict::Approve, "reads well").await.unwrap();
    assert_eq!(approved.state, "Approved");
    let word = approved.versions[0].patch_sets[0].decision.as_ref().unwrap();
    assert_eq!((word.verdict, word.at), (Verdict::Approve, Timestamp(1_000_000_090_000)));
    assert_eq!(repository.fingerprint(), before, "an approval alone writes nothing");

    desk.publish(id).await.unwrap();
    let done = desk.until(id, "Done").await;
    assert_eq!(done.published.len(), 1);
    let branch = branches(&repository).into_iter().find(|name| name.starts_with("paraph/1-")).expect("its branch");
    let shown = repository.git(&["show", &format!("{branch}:a.py")]);
    assert!(shown.contains("is None"), "{shown}");
    assert_eq!(repository.git(&["log", "-1", "--format=%an <%ae>", &branch]), "Ana <ana@example.org>");
    assert_eq!(repository.git(&["log", "-1", "--format=%at", &branch]), "1000000090", "the approval's time");
    assert_eq!(repository.git(&["symbolic-ref", "HEAD"]), "refs/heads/main", "never checked out");
    assert_eq!(repository.git(&["status", "--porcelain"]), "");
    desk.runtime.stop().await;
    let report = house.verify();
    assert!(report.is_sound(), "{:?}", report.findings);
    assert_eq!(report.entries, house.journal().len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_again_gets_the_first_reply() {
    let house = House::new();
    let repository = house.small_repository("shop");
    let desk = house.open();
    let request = fresh();
    let first = desk.ask_as(request.clone(), run(&[&repository], None)).await.unwrap();
    let again = desk.ask_as(request.clone(), run(&[&repository], None)).await.unwrap();
    assert_eq!(first.id, again.id);
    let view = desk.until(first.id, "Scored").await;
    let word = fresh();
    let decide = decision(&view, Verdict::Reject, "no");
    desk.ask_as(word.clone(), decide.clone()).await.unwrap();
    let again = desk.ask_as(word, decide).await.unwrap();
    assert_eq!(again.state, "Rejected", "the reply to the first, not a conflict");
    desk.runtime.stop().await;
    // it is remembered by the store, and by the journal that the store is made of
    std::fs::remove_dir_all(house.home.store()).unwrap();
    let desk = house.open();
    let after = desk.ask_as(request, run(&[&repository], None)).await.unwrap();
    assert_eq!((after.id, after.state.as_str()), (first.id, "Rejected"));
    let created = house.journal().iter().filter(|line| line.contains("\"type\":\"created\"")).count();
    assert_eq!(created, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    let house = House::new();
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    let view = desk.until(id, "Scored").await;
    let entries = house.journal().len();
    let refused = |request: paraph::api::DecideRequest| {
        let desk = desk.clone();
        async move { desk.ask(request).await.unwrap_err().kind }
    };
    let mut other = decision(&view, Verdict::Approve, "ok");
    other.digest = "0123456789ab".to_owned();
    assert_eq!(refused(other).await, FailureKind::Conflict);
    let mut nameless = decision(&view, Verdict::Approve, "ok");
    nameless.session.version = None;
    assert_eq!(refused(nameless).await, FailureKind::Usage);
    let unknown = SessionRef { session: SessionId(99), version: Some(paraph::id::Version(1)) };
    let absent = paraph::api::DecideRequest { session: unknown, ..decision(&view, Verdict::Approve, "ok") };
    assert_eq!(refused(absent).await, FailureKind::NotFound);
    assert_eq!(refused(decision(&view, Verdict::Approve, "")).await, FailureKind::Refused, "unverified: say why");
    assert_eq!(desk.publish(id).await.unwrap_err().kind, FailureKind::Refused);
    assert_eq!(house.journal().len(), entries, "refusals record nothing");
    let over = desk.ask(CancelRequest { session: id }).await.unwrap();
    assert_eq!(over.state, "Cancelled");
    assert_eq!(desk.decide(id, Verdict::Reject, "late").await.unwrap_err().kind, FailureKind::Refused);
}
