//! The record. Swapped: the policy, whose WARN a person overrides.

use std::sync::Arc;

use paraph::api::{OverrideRequest, Verdict};
use paraph::diff::ChangeSet;
use paraph::id::{SessionRef, Version};
use paraph::policy::{Policy, PolicySettings, Severity, Violation};
use paraph::repository::{Tree, TreeError};

use crate::house::{House, version};

/// Warns of every file.
struct Wary;

impl Policy for Wary {
    fn judge(&self, changes: &ChangeSet, _: &dyn Tree, _: &PolicySettings) -> Result<Vec<Violation>, TreeError> {
        let warn = |file: &paraph::diff::FileChange| Violation {
            rule: "wary".to_owned(),
            severity: Severity::Warn,
            path: file.path.clone(),
            line: None,
            message: "a file changed".to_owned(),
        };
        Ok(changes.files().iter().map(warn).collect())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_is_recorded_and_stays() {
    let house = House::with(|house| house.ports.policy = Arc::new(Wary));
    let repository = house.small_repository("shop");
    let desk = house.open();
    desk.trust(&repository).await;
    let id = desk.run(&[&repository]).await;
    desk.until(id, "Scored").await;
    let refused = desk.decide(id, Verdict::Approve, "").await.unwrap_err();
    assert!(refused.message.contains("WARN wary on a.py"), "{}", refused.message);
    let accept = OverrideRequest {
        session: SessionRef { session: id, version: Some(Version(1)) },
        repo: None,
        rule: "wary".to_owned(),
        path: None,
        message: "seen".to_owned(),
    };
    let view = desk.ask(accept).await.unwrap();
    assert!(version(&view, 1).violations.iter().all(|violation| violation.overridden));
    desk.decide(id, Verdict::Approve, "").await.unwrap();
    desk.publish(id).await.unwrap();
    let done = desk.until(id, "Done").await;
    let events = desk.timeline(id).await;
    desk.runtime.stop().await;

    let report = house.verify();
    assert!(report.is_sound(), "{:?}", report.findings);
    for name in ["created", "proposed", "validated", "scored", "overridden", "approved", "publish-asked", "published"] {
        assert_eq!(events.iter().filter(|event| *event == name).count(), 1, "{name}: {events:?}");
    }
    // the store is made of the journal: without it, and again, the session is the same
    std::fs::remove_dir_all(house.home.store()).unwrap();
    let again = house.open();
    assert_eq!(again.replayed, report.entries);
    assert_eq!(again.show(id).await, done);
    again.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_entry_is_found() {
    let house = House::new();
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    desk.until(id, "Scored").await;
    desk.runtime.stop().await;
    let folder = std::fs::read_dir(house.home.journal()).unwrap().map(|entry| entry.unwrap().path());
    let segment = folder.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "jsonl")).unwrap();
    let text = std::fs::read_to_string(&segment).unwrap();
    std::fs::write(&segment, text.replacen("by identity", "by equality", 1)).unwrap();
    let report = house.verify();
    assert_eq!(report.first_bad().map(|seq| seq.0), Some(1), "{:?}", report.findings);
}
