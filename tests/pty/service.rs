//! A service with one session, for a screen in a real terminal. What it was asked goes to a file.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use paraph::api::{Call, Failure, FailureKind, Notice, NoticeStream, Reply, Request, Service};
use serde_json::json;

/// One session, ready to be decided on.
pub(crate) struct OneSession {
    /// Where every request's route is written, a line each.
    pub(crate) asked: PathBuf,
}

fn from<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).expect("the fake speaks the contract")
}

fn digest() -> String {
    "ab".repeat(32)
}

fn row() -> serde_json::Value {
    json!({
        "id": 12, "goal": "say why it cannot fail", "kind": "refactor", "state": "Scored", "reason": "",
        "next": "approve or send it back", "needs_me": true, "running": false, "engine": "rules", "repos": ["core"],
        "version": 1, "score": 8.4, "gates": [], "files": 0, "added": 0, "deleted": 0, "open_threads": 0,
        "created_at": "2026-01-01T09:00:00.000Z", "updated_at": "2026-01-01T09:00:00.000Z",
    })
}

fn view() -> serde_json::Value {
    json!({
        "schema": "paraph.session/1", "id": 12, "uuid": "018f0000-0000-7000-8000-00000000000c",
        "goal": "say why it cannot fail", "kind": "refactor", "source": "goal", "state": "Scored", "aliases": [],
        "reason": "", "next": "", "needs_me": true, "playbook": "quick", "engine": "rules",
        "created_at": "2026-01-01T09:00:00.000Z", "updated_at": "2026-01-01T09:00:00.000Z", "lanes": [],
        "versions": [{
            "number": 1, "parent": null, "made_by": "rules", "made_for": "goal",
            "made_at": "2026-01-01T09:00:00.000Z", "explanation": "", "context": digest(), "patch_sets": [],
            "checks": [], "unverified": null, "violations": [], "score": null, "gates": [],
        }],
        "usage": {"input_tokens": 0, "output_tokens": 0, "cost_usd": "0"}, "pull_requests": [], "published": [],
        "head": 3,
    })
}

fn panel() -> serde_json::Value {
    json!({
        "session": 12, "goal": "say why it cannot fail", "version": 1, "repo": "core", "digest": digest(),
        "base_commit": "3".repeat(40), "drift": 0, "merges_cleanly": true, "gates": [], "score": null,
        "violations": [], "open_threads": 0, "offer": {"offer": "clean"}, "writes": [], "decided": null,
    })
}

#[async_trait]
impl Service for OneSession {
    async fn call(&self, call: Call) -> Result<Reply, Failure> {
        let mut asked =
            std::fs::OpenOptions::new().create(true).append(true).open(&self.asked).expect("the folder is ours");
        writeln!(asked, "{}", call.request.route()).expect("the file is ours");
        Ok(match call.request {
            Request::List(_) => {
                Reply::List(from(json!({"schema": "paraph.list/1", "sessions": [row()], "totals": {}})))
            }
            Request::Show(_) => Reply::Show(from(view())),
            Request::PatchSet(_) => Reply::PatchSet(Vec::new()),
            Request::Threads(_) => Reply::Threads(from(json!({"schema": "paraph.threads/1", "threads": []}))),
            Request::Panel(_) => Reply::Panel(from(panel())),
            Request::Decide(_) => Reply::Decide(from(view())),
            other => {
                return Err(Failure::new(FailureKind::Failed, format!("`{}` is not asked here", other.route())));
            }
        })
    }

    async fn notices(&self) -> Result<NoticeStream, Failure> {
        Ok(futures::stream::pending::<Notice>().boxed())
    }
}

/// A clock that runs, and in one mode breaks: a panic in the middle of the screen's own work.
pub(crate) struct BreakingClock {
    pub(crate) breaks_after: Option<u32>,
    pub(crate) reads: std::sync::atomic::AtomicU32,
}

impl paraph::clock::Clock for BreakingClock {
    fn now(&self) -> paraph::clock::Timestamp {
        let reads = self.reads.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        assert!(self.breaks_after.is_none_or(|limit| reads < limit), "the clock broke, as the test asked");
        "2026-11-20T09:30:00.000Z".parse().expect("a time")
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}
