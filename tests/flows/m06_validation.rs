//! Checks. Swapped: the validator, which finds what the test says.

use std::sync::Arc;

use paraph::api::{FailureKind, TrustRequest, Verdict};
use paraph::id::HostPath;
use paraph::validation::CheckStatus;

use crate::house::{House, Told, version};

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_check_asks_for_a_reason() {
    let house = House::with(|house| house.ports.validator = Arc::new(Told::all(CheckStatus::Broken)));
    let repository = house.small_repository("shop");
    let desk = house.open();
    desk.trust(&repository).await;
    let id = desk.run(&[&repository]).await;
    let view = desk.until(id, "Scored").await;
    let v1 = version(&view, 1);
    assert_eq!(v1.checks[0].status, CheckStatus::Broken);
    assert!(v1.gates.iter().any(|gate| gate.id.to_string() == "G3" && gate.passed == Some(false)));
    let refused = desk.decide(id, Verdict::Approve, "").await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Refused);
    assert!(refused.message.contains("G3 failed"), "{}", refused.message);
    let approved = desk.decide(id, Verdict::Approve, "the check itself is wrong").await.unwrap();
    assert_eq!(approved.state, "Approved", "a number never outvotes a person");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_a_repository_run_once_it_is_trusted() {
    let told = Arc::new(Told::all(CheckStatus::Passed));
    let house = House::with(|house| house.ports.validator = told.clone());
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    let view = desk.until(id, "Scored").await;
    let why = version(&view, 1).unverified.as_ref().expect("nothing ran").raw().to_owned();
    assert!(why.contains("paraph trust"), "{why}");
    assert_eq!(told.runs(), 0);
    desk.trust(&repository).await;
    let checked = |view: &paraph::api::SessionView| view.state == "Scored" && version(view, 1).unverified.is_none();
    let view = desk.wait_until(id, checked).await.unwrap();
    assert_eq!((version(&view, 1).checks[0].status, told.runs()), (CheckStatus::Passed, 1));
    let path = HostPath::new(&repository.path);
    let revoked = desk.ask(TrustRequest { path, trust: Some(false), setup_network: None }).await.unwrap();
    assert!(!revoked.trusted);
    let other = desk.run(&[&repository]).await;
    assert!(version(&desk.until(other, "Scored").await, 1).unverified.is_some());
    assert_eq!(told.runs(), 1);
}
