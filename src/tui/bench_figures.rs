//! What the bench's fake service says of units of work and figures.

use std::collections::BTreeMap;

use super::bench_world::minutes_ago;
use crate::api::{BeadView, BeadsView, CommentView, Metrics, Side, ThreadKind, ThreadView};
use crate::id::{SessionId, ThreadId, Version};

pub(super) fn beads() -> BeadsView {
    let bead = |name: &str, category: &str, status: &str, error: &str| BeadView {
        session: SessionId(12),
        name: name.to_owned(),
        category: category.to_owned(),
        status: status.to_owned(),
        started_at: minutes_ago(6),
        finished_at: Some(minutes_ago(5)),
        attempt: if error.is_empty() { 1 } else { 2 },
        error: error.into(),
    };
    BeadsView {
        schema: "paraph.beads/1".to_owned(),
        beads: vec![
            bead("snapshot core", "snapshot", "COMPLETED", ""),
            bead("draft v2", "proposal", "COMPLETED", ""),
            bead("checks v2", "validation", "FAILED", "the checkout is gone"),
        ],
    }
}

pub(super) fn metrics() -> Metrics {
    Metrics {
        schema: "paraph.metrics/1".to_owned(),
        sessions: BTreeMap::from([("Done".to_owned(), 14), ("NeedsHuman".to_owned(), 2)]),
        proposals_asked: 20,
        proposals_made: 18,
        validations: 18,
        validations_passed: 15,
        regenerations: 4,
        decisions: BTreeMap::from([("approve".to_owned(), 12), ("reject".to_owned(), 2)]),
        published: 11,
        cost_usd: "0".to_owned(),
        to_review_ms_median: 14_200,
        to_review_ms_p90: 61_000,
        to_decision_ms_median: 300_000,
        journal_entries: 812,
        ..Metrics::default()
    }
}

pub(super) fn threads() -> Vec<ThreadView> {
    let comment = |by: &str, text: &str| CommentView { by: by.to_owned(), at: minutes_ago(30), text: text.into() };
    vec![ThreadView {
        id: ThreadId(1),
        version: Version(1),
        repo: "core".to_owned(),
        path: Some("src/config.rs".into()),
        line: Some(14),
        from_line: None,
        side: Side::New,
        kind: ThreadKind::Question,
        artifact: None,
        resolved: false,
        comments: vec![
            comment(
                "ada@host Ada <ada@example.org>",
                "who checked it? A caller from outside may pass anything, and then the message is wrong.",
            ),
            comment("rules", "the only caller is main, which opens the file first"),
        ],
        now: None,
    }]
}
