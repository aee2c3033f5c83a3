//! Many sessions at once, and starting again in the middle. Swapped: the validator, which waits until it may go on.

use std::sync::Arc;

use paraph::api::{BeadsRequest, CancelRequest, TimelineRequest, Verdict};
use paraph::validation::CheckStatus;

use crate::house::{House, Told, version};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_owed_goes_on_after_a_start_in_the_middle() {
    let held = Arc::new(Told::held(CheckStatus::Passed));
    let house = House::with(|house| house.ports.validator = held.clone());
    let repository = house.small_repository("shop");
    let desk = house.open();
    desk.trust(&repository).await;
    let id = desk.run(&[&repository]).await;
    desk.wait_until(id, |_| held.runs() == 1).await.unwrap();
    desk.runtime.stop().await;
    drop(desk);

    let desk = house.open();
    desk.wait_until(id, |_| held.runs() == 2).await.unwrap();
    held.let_go(1);
    desk.until(id, "Scored").await;
    let beads = desk.ask(BeadsRequest { session: Some(id), ..BeadsRequest::default() }).await.unwrap().beads;
    let of = |category: &str| {
        let found: Vec<_> = beads.iter().filter(|bead| bead.category == category).collect();
        found.iter().map(|bead| (bead.status.clone(), bead.attempt)).collect::<Vec<_>>()
    };
    assert_eq!(of("validation"), [("COMPLETED".to_owned(), 2)], "the second attempt of the same work");
    assert_eq!(of("proposal"), [("COMPLETED".to_owned(), 1)], "what was done is not done again");
    let events = desk.timeline(id).await;
    assert_eq!(events.iter().filter(|event| *event == "validated").count(), 1);
    desk.decide(id, Verdict::Approve, "ok").await.unwrap();
    desk.publish(id).await.unwrap();
    desk.until(id, "Done").await;
    desk.runtime.stop().await;
    assert!(house.verify().is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_stops_what_runs_and_its_answer_is_not_heard() {
    let held = Arc::new(Told::held(CheckStatus::Passed));
    let house = House::with(|house| house.ports.validator = held.clone());
    let repository = house.small_repository("shop");
    let desk = house.open();
    desk.trust(&repository).await;
    let id = desk.run(&[&repository]).await;
    desk.wait_until(id, |_| held.runs() == 1).await.unwrap();
    desk.ask(CancelRequest { session: id }).await.unwrap();
    // another session shows that the worker is free again; the one that was stopped may have been let go just before
    let other = desk.run(&[&repository]).await;
    held.let_go(2);
    desk.until(other, "Scored").await;
    let view = desk.show(id).await;
    assert_eq!((view.state.as_str(), version(&view, 1).checks.len()), ("Cancelled", 0));
    assert_eq!(desk.timeline(id).await.last().map(String::as_str), Some("stopped"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_share_the_workers_that_there_are() {
    let held = Arc::new(Told::held(CheckStatus::Passed));
    let house = House::with(|house| {
        house.ports.validator = held.clone();
        house.settings.workers = 3;
    });
    let repository = house.small_repository("shop");
    let desk = house.open();
    desk.trust(&repository).await;
    let mut sessions = Vec::new();
    for _ in 0..8 {
        sessions.push(desk.run(&[&repository]).await);
    }
    let first = sessions[0];
    held.let_go(8);
    for id in sessions {
        let view = desk.until(id, "Scored").await;
        assert_eq!(version(&view, 1).checks.len(), 1);
    }
    assert!((1..=3).contains(&held.most()), "{} ran at once", held.most());
    assert_eq!(held.runs(), 8, "every session was checked once");
    assert!(!desk.runtime.owes().await.unwrap());
    assert_eq!(desk.show(first).await.state, "Scored");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_start_in_the_middle_nobody_is_passed_over() {
    let held = Arc::new(Told::held(CheckStatus::Passed));
    let house = House::with(|house| {
        house.ports.validator = held.clone();
        house.settings.workers = 1;
    });
    let repository = house.small_repository("shop");
    let desk = house.open();
    desk.trust(&repository).await;
    let mut sessions = vec![desk.run(&[&repository]).await];
    desk.wait_until(sessions[0], |_| held.runs() == 1).await.unwrap();
    for _ in 1..12 {
        let id = desk.run(&[&repository]).await;
        desk.until(id, "BranchApplied").await;
        sessions.push(id);
    }
    desk.runtime.stop().await;
    drop(desk);
    let desk = house.open();
    held.let_go(24);
    let mut ended = Vec::new();
    for id in &sessions {
        desk.until(*id, "Scored").await;
        let timeline = desk.ask(TimelineRequest { session: *id }).await.unwrap();
        let entry = timeline.entries.iter().find(|entry| entry.event == "validated").expect("it was checked");
        ended.push((entry.seq, *id));
    }
    ended.sort_unstable();
    assert_eq!(ended.into_iter().map(|(_, id)| id).collect::<Vec<_>>(), sessions, "in the order they were asked for");
}
