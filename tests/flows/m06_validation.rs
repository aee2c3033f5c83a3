//! Checks. Swapped: the validator, which finds what the test says.

use std::sync::Arc;

use paraph::api::{CheckRequest, ClientInfo, FailureKind, LogRequest, SessionView, TrustRequest, Verdict};
use paraph::id::{HostPath, SessionId, SessionRef, Version};
use paraph::validation::{CheckStatus, Sides};

use crate::house::{Desk, House, Told, fresh, version};

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

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_check_that_there_is_not_names_those_that_there_are() {
    let held = Arc::new(Told::held(CheckStatus::Passed));
    let house = House::with(|house| house.ports.validator = held.clone());
    let check = |name: &str| format!("[[check]]\nname = \"{name}\"\nkind = \"test\"\ncommand = [\"true\"]\n");
    let checks = check("unit") + &check("slow");
    let repository = house.repository("shop", &[("a.py", crate::house::FILE), (".paraph.toml", &checks)]);
    let desk = house.open();
    desk.trust(&repository).await;
    let id = desk.run(&[&repository]).await;
    desk.wait_until(id, |_| held.runs() == 1).await.unwrap();
    let log = |name: &str| {
        let check = Some(name.to_owned());
        desk.ask(LogRequest { session: SessionRef { session: id, version: None }, check })
    };
    for _at in ["while they run", "after"] {
        let refused = log("until").await.expect_err("there is none");
        assert_eq!((refused.kind, refused.message.as_str()), (FailureKind::NotFound, "v1 has no check `until`"));
        assert_eq!(refused.hints, ["--check with one of slow, unit"]);
        // one that may still wait for its turn is no wrong name
        assert!(log("slow").await.is_ok());
        held.let_go(1);
        desk.until(id, "Scored").await;
    }
}

fn again(session: SessionId, version: Option<Version>, base_too: bool) -> CheckRequest {
    CheckRequest { session: SessionRef { session, version }, repo: None, base_too }
}

/// The same desk of a person whose shell has another PATH.
fn with_path(desk: &Desk, path: &str) -> Desk {
    let environment = [("PATH".to_owned(), path.to_owned()), ("AWS_SECRET_ACCESS_KEY".to_owned(), "x".to_owned())];
    Desk { client: ClientInfo { environment: environment.into(), ..desk.client.clone() }, ..desk.clone() }
}

fn evidence_of_g3(view: &SessionView) -> String {
    let gates = &version(view, 1).gates;
    gates.iter().find(|gate| gate.id.to_string() == "G3").expect("G3").evidence.raw().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checks_of_one_version_run_again_with_the_tools_of_who_asks() {
    let told = Arc::new(Told::first(CheckStatus::Broken, CheckStatus::Passed));
    let house = House::with(|house| house.ports.validator = told.clone());
    let repository = house.small_repository("shop");
    let desk = house.open();
    desk.trust(&repository).await;
    let id = desk.run(&[&repository]).await;
    let red = desk.until(id, "Scored").await;
    assert_eq!(version(&red, 1).checks[0].status, CheckStatus::Broken);

    let (later, request) = (with_path(&desk, "/opt/new/bin:/usr/bin:/bin"), fresh());
    let asked = later.ask_as(request.clone(), again(id, None, false)).await.unwrap();
    assert_ne!(asked.state, "Scored", "what was said before does not stand while the checks run");
    let green = desk.until(id, "Scored").await;
    assert_eq!(version(&green, 1).checks[0].status, CheckStatus::Passed);
    assert_eq!(evidence_of_g3(&green), "1 check passed; ran again, before: unit broken");
    // the same request again is the same wish
    later.ask_as(request, again(id, None, false)).await.unwrap();
    assert_eq!(told.runs(), 2);

    later.ask(again(id, Some(Version(1)), true)).await.unwrap();
    let green = desk.until(id, "Scored").await;
    assert!(evidence_of_g3(&green).ends_with("ran again 2 times, last before: 1 passed"), "{}", evidence_of_g3(&green));
    let jobs = told.jobs();
    assert_eq!(jobs.iter().map(|job| job.sides).collect::<Vec<_>>(), [Sides::Proposal, Sides::Proposal, Sides::Both]);
    assert_eq!(jobs[1].environment["PATH"], "/opt/new/bin:/usr/bin:/bin");
    assert_eq!(jobs[1].environment.len(), 1, "no key of the client's is passed on");
    assert_ne!(jobs[0].environment, jobs[1].environment);
    let asked = desk.timeline(id).await.into_iter().filter(|event| event == "recheck-asked").count();
    assert_eq!(asked, 2);

    desk.decide(id, Verdict::Approve, "").await.unwrap();
    let refused = desk.ask(again(id, None, false)).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Conflict, "{}", refused.message);
    assert!(refused.message.contains("already decided"), "{}", refused.message);
    let missing = desk.ask(again(id, Some(Version(9)), false)).await.unwrap_err();
    assert_eq!(missing.kind, FailureKind::NotFound);
    assert!(house.verify().is_sound(), "the journal holds it");
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_that_run_are_not_asked_for_again() {
    let told = Arc::new(Told::held(CheckStatus::Passed));
    let house = House::with(|house| house.ports.validator = told.clone());
    let repository = house.small_repository("shop");
    let desk = house.open();
    desk.trust(&repository).await;
    let id = desk.run(&[&repository]).await;
    desk.until(id, "BranchApplied").await;
    let refused = desk.ask(again(id, None, false)).await.unwrap_err();
    assert_eq!((refused.kind, refused.message.as_str()), (FailureKind::Refused, "the checks of v1 have not ended"));
    assert_eq!(refused.hints, [format!("paraph watch {id}")]);
    told.let_go(1);
    desk.until(id, "Scored").await;
}

/// A wish for checks that was acknowledged is done after a crash, once, and as it was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_wish_for_checks_survives_a_restart() {
    let told = Arc::new(Told::held(CheckStatus::Passed));
    let house = House::with(|house| house.ports.validator = told.clone());
    let repository = house.small_repository("shop");
    let desk = house.open();
    desk.trust(&repository).await;
    let id = desk.run(&[&repository]).await;
    told.let_go(1);
    desk.until(id, "Scored").await;
    with_path(&desk, "/opt/new/bin:/usr/bin:/bin").ask(again(id, None, true)).await.unwrap();
    desk.runtime.stop().await;
    drop(desk);

    let desk = house.open();
    told.let_go(3);
    desk.until(id, "Scored").await;
    let last = told.jobs().pop().expect("it ran");
    assert_eq!((last.sides, last.environment["PATH"].as_str()), (Sides::Both, "/opt/new/bin:/usr/bin:/bin"));
    let timeline = desk.timeline(id).await;
    let count = |name: &str| timeline.iter().filter(|event| *event == name).count();
    assert_eq!((count("recheck-asked"), count("validated"), count("scored")), (1, 2, 2), "{timeline:?}");
}
