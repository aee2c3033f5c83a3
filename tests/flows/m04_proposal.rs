//! Drafts. Swapped: the engine, which drafts what the test says.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use paraph::api::{FailureKind, RegenerateRequest, Verdict};
use paraph::cancel::Cancel;
use paraph::diff::{ChangeSet, FileChange, FileSide};
use paraph::id::SessionId;
use paraph::proposal::{Brief, Context, Draft, EngineError, ProposalEngine};

use crate::house::{House, version};

/// Adds the next of its files at every draft; the last one again and again.
pub(crate) struct Scripted(Mutex<Vec<&'static str>>);

impl Scripted {
    pub(crate) fn drafts(paths: &[&'static str]) -> Arc<Self> {
        Arc::new(Self(Mutex::new(paths.iter().rev().copied().collect())))
    }
}

#[async_trait]
impl ProposalEngine for Scripted {
    async fn draft(&self, brief: &Brief, _: &Cancel) -> Result<Draft, EngineError> {
        let path = {
            let mut left = self.0.lock().unwrap();
            if left.len() > 1 { left.pop() } else { left.last().copied() }
        };
        let path = path.ok_or(EngineError::NothingFits { why: "nothing is scripted".into(), would_fit: vec![] })?;
        let said: Vec<&str> = brief.feedback.iter().map(|feedback| feedback.text.raw()).collect();
        let change = FileChange { path: path.into(), old: None, new: Some(FileSide::regular(*b"scripted\n")) };
        Ok(Draft {
            explanation: format!("adds {path}; heard: {}", said.join(", ")).into(),
            message: format!("add {path}").into(),
            changes: ChangeSet::new([change]),
            context: Context {
                engine: "scripted/1".to_owned(),
                goal: brief.goal.clone(),
                tree: brief.snapshot.tree.clone(),
                inputs: Vec::new(),
                items: Vec::new(),
            },
            base: None,
            log: None,
            answers: Vec::new(),
        })
    }
}

fn regenerate(session: SessionId) -> RegenerateRequest {
    RegenerateRequest {
        session,
        engine: None,
        rules: Vec::new(),
        patch: None,
        program: None,
        message: "again".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_draft_is_a_version_and_none_changes() {
    let house = House::with(|house| house.ports.engines.rules = Scripted::drafts(&["one.txt", "two.txt"]));
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    let first = desk.until(id, "Scored").await;
    desk.decide(id, Verdict::RequestChanges, "another name").await.unwrap();
    let second = desk.wait_until(id, |view| view.versions.len() == 2 && view.state == "Scored").await.unwrap();
    assert_eq!(version(&second, 2).explanation.raw(), "adds two.txt; heard: another name");
    let digest = |view: &paraph::api::SessionView, number| version(view, number).patch_sets[0].digest;
    assert_eq!(digest(&first, 1), digest(&second, 1), "v1 is what it was");
    assert_ne!(digest(&second, 1), digest(&second, 2));

    desk.ask(regenerate(id)).await.unwrap();
    let same = desk.until(id, "NeedsHuman").await;
    assert!(same.reason.raw().contains("the same change again, so there is no v3"), "{}", same.reason.raw());
    assert_eq!(same.versions.len(), 2);
    let approved = desk.decide(id, Verdict::Approve, "v2 will do").await.unwrap();
    assert_eq!(approved.state, "Approved", "the version that is there can still be approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_goal_that_nothing_fits_needs_a_person() {
    let house = House::with(|house| house.ports.engines.rules = Scripted::drafts(&[]));
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    let view = desk.until(id, "NeedsHuman").await;
    assert_eq!((view.reason.raw(), view.versions.len()), ("nothing is scripted", 0));
    assert_eq!(desk.publish(id).await.unwrap_err().kind, FailureKind::Refused);
}
