//! Keys that Paraph holds, in a change. Swapped: the policy, which holds one that no form tells of.

use std::sync::Arc;

use paraph::api::{FailureKind, OverrideRequest, RunRequest, SessionView, Verdict};
use paraph::id::{SessionId, SessionRef, Version};
use paraph::policy::BuiltInPolicy;
use paraph::text::LiveMask;

use crate::house::{Desk, House, run, version};

const KEY: &str = "team-llm-4711-blue";

/// Runs a patch that adds [`KEY`] in the second line of a file, until it is scored.
async fn drafted(house: &House, desk: &Desk) -> SessionView {
    let repository = house.small_repository("shop");
    desk.trust(&repository).await;
    let patch = format!("--- /dev/null\n+++ b/notes.txt\n@@ -0,0 +1,2 @@\n+ask the gateway\n+with {KEY}\n");
    let patch = Some(house.ports.blobs.put(patch.as_bytes()).unwrap());
    let id = desk.ask(RunRequest { patch, ..run(&[&repository], None) }).await.unwrap().id;
    desk.until(id, "Scored").await
}

fn secrets(view: &SessionView) -> Vec<(String, Option<u32>)> {
    let found = version(view, 1).violations.iter().filter(|found| found.rule == "secret-added");
    found.map(|found| (found.path.to_string(), found.line)).collect()
}

/// Whether the session is made anew as it was, by who holds what `held` knows.
fn replays(house: &House, session: SessionId, held: LiveMask) -> bool {
    let mut ports = house.ports.clone();
    ports.policy = Arc::new(BuiltInPolicy::holding(held));
    let asked = SessionRef { session, version: None };
    paraph::runtime::replay(&house.home, &ports, &house.settings, asked).unwrap().same
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_adds_a_held_key_is_stopped_at_the_gate() {
    let held = LiveMask::default();
    let house = House::with(|house| house.ports.policy = Arc::new(BuiltInPolicy::holding(held.clone())));
    let desk = house.open();
    // it is lent to a daemon that runs
    held.learn(KEY);
    let view = drafted(&house, &desk).await;
    assert_eq!(secrets(&view), [("notes.txt".to_owned(), Some(2))]);
    let refused = desk.decide(view.id, Verdict::Approve, "it looks fine").await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Refused, "{refused}");
    let accept = OverrideRequest {
        session: SessionRef { session: view.id, version: Some(Version(1)) },
        repo: None,
        rule: "secret-added".to_owned(),
        path: None,
        message: "it is only a test key".to_owned(),
    };
    assert_eq!(desk.ask(accept).await.unwrap_err().kind, FailureKind::Refused);
    assert!(desk.publish(view.id).await.is_err());
    let shown = serde_json::to_string(&desk.show(view.id).await).unwrap();
    assert!(!shown.contains(KEY), "{shown}");
    assert!(house.journal().iter().all(|entry| !entry.contains(KEY)));
    for other in [LiveMask::default(), held] {
        assert!(replays(&house, view.id, other), "what was found is in the record, the key is not");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_held_since_makes_no_difference_to_a_replay() {
    let house = House::new();
    let desk = house.open();
    let view = drafted(&house, &desk).await;
    assert_eq!(secrets(&view), []);
    assert!(replays(&house, view.id, LiveMask::new(vec![KEY.to_owned()])));
}
