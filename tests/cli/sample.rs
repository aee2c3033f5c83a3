//! Answers of a service, with hostile text wherever somebody else's words can stand.

use paraph::api::{CheckedPatch, DoctorReport, Notice, RecoverView, ReplayView, SessionRow, TimelineEntry, VerifyView};
use serde_json::{Value, json};

/// Moves the cursor, turns the direction, hides, and rings.
pub(crate) const EVIL: &str = "e\u{1b}[2J\u{202e}v\u{9b}31m\u{200b}i\u{7}l\rx";
pub(crate) const AT: &str = "2026-11-20T09:30:00.000Z";
pub(crate) const COMMIT: &str = "1234567890123456789012345678901234567890";

/// The digest of the old, the new content, and the patch set of every sample.
pub(crate) fn digest() -> String {
    "7f3a9c0d11aa".to_owned() + &"0".repeat(52)
}

pub(crate) fn check(status: &str) -> Value {
    json!({
        "repo": EVIL, "name": EVIL, "kind": "test", "status": status, "baseline": "passed", "duration_ms": 61_200,
        "tests": {"passed": 3, "failed": 1, "errors": 0, "skipped": 0, "fixed": [], "broken": [EVIL]},
        "confinement": EVIL, "note": EVIL, "log": digest(), "base_log": null,
    })
}

pub(crate) fn violation(severity: &str) -> Value {
    json!({
        "repo": EVIL, "rule": EVIL, "severity": severity, "path": "src/\u{202e}a.rs", "line": 3, "message": EVIL,
        "overridden": false,
    })
}

pub(crate) fn gates(g3: Option<bool>) -> Value {
    json!([
        {"repo": EVIL, "id": "G0", "passed": true, "evidence": EVIL},
        {"repo": null, "id": "G3", "passed": g3, "evidence": EVIL},
    ])
}

/// A runbook; none, where it is missing for a reason.
pub(crate) fn runbook(missing: Option<&str>) -> Value {
    let name = missing.is_none().then_some("runbook@v1 (a'b)");
    json!({
        "repo": EVIL, "model": EVIL, "name": name, "document": name.map(|_| digest()), "steps": 2, "missing": missing,
        "notes": [EVIL],
    })
}

/// What a monitor says.
pub(crate) fn monitor() -> Value {
    let finding = json!({"what": EVIL, "quote": EVIL, "quoted": "not-found"});
    json!({
        "version": 1, "number": 1, "by": EVIL, "log": null, "at": AT, "model": EVIL, "name": "monitor@v1",
        "report": {"word": "degraded", "findings": [finding], "next": [EVIL], "follow_ups": [EVIL]},
        "document": digest(), "commands": [EVIL], "notes": [EVIL], "unsaid": null,
    })
}

pub(crate) fn score() -> Value {
    json!({
        "overall": 8.1, "scorer": EVIL, "dimensions": {"tests": 7.0, EVIL: 1.0},
        "ratings": [{"dimension": "tests", "score": 70, "reasons": [EVIL]}],
    })
}

pub(crate) fn session(state: &str) -> Value {
    json!({
        "schema": "paraph.session/1", "id": 12, "uuid": "01990000-0000-7000-8000-000000000000", "goal": EVIL,
        "kind": "bugfix", "source": EVIL, "state": state, "aliases": [], "reason": EVIL, "next": EVIL,
        "needs_me": true, "playbook": EVIL, "engine": "rules", "created_at": AT, "updated_at": AT,
        "lanes": [{
            "repo": EVIL, "source": {"path": "/r"}, "base_commit": COMMIT, "branch": EVIL, "phase": state,
            "dropped": false, "left_out": 2, "notices": [EVIL],
        }],
        "versions": [{
            "number": 1, "parent": null, "made_by": EVIL, "made_for": EVIL, "made_at": AT, "explanation": EVIL,
            "context": digest(),
            "patch_sets": [{
                "repo": EVIL, "digest": digest(), "ref": "paraph/12/v1", "commit": COMMIT, "score": 8.1,
                "message": EVIL, "files": [{"path": "a\\\"b", "status": "modified", "added": 1, "deleted": 1}],
                "decision": {"verdict": "approve", "by": EVIL, "at": AT, "message": EVIL},
            }],
            "checks": [check("passed")], "unverified": null, "violations": [violation("WARN")], "score": score(),
            "gates": gates(Some(true)), "runbooks": [runbook(None), runbook(Some(EVIL))],
        }],
        "usage": {"input_tokens": 0, "output_tokens": 0, "cost_usd": "0"}, "pull_requests": [EVIL],
        "published": [EVIL], "head": 9, "monitors": [monitor()],
    })
}

pub(crate) fn row(state: &str, needs_me: bool, running: bool) -> SessionRow {
    let row = json!({
        "id": 12, "goal": EVIL, "kind": "bugfix", "state": state, "reason": EVIL, "next": EVIL,
        "needs_me": needs_me, "running": running, "engine": EVIL, "repos": [EVIL], "version": 1, "score": 8.1,
        "gates": gates(None), "files": 1, "added": 3, "deleted": 1, "open_threads": 0, "created_at": AT,
        "updated_at": AT,
    });
    serde_json::from_value(row).expect("a row")
}

pub(crate) fn list(rows: &[SessionRow]) -> Value {
    json!({"schema": "paraph.list/1", "sessions": rows, "totals": {"Scored": rows.len()}})
}

pub(crate) fn thread() -> Value {
    json!({
        "id": 3, "version": 1, "repo": "r", "path": "src/a.rs", "line": 2, "from_line": 1, "side": "new",
        "kind": "must", "resolved": false, "comments": [{"by": EVIL, "at": AT, "text": EVIL}],
    })
}

pub(crate) fn panel(offer: Value, decided: Value) -> Value {
    json!({
        "session": 12, "goal": EVIL, "version": 1, "repo": EVIL, "digest": digest(), "base_commit": COMMIT,
        "drift": 2, "merges_cleanly": true, "gates": gates(None), "score": score(),
        "violations": [violation("BLOCK")], "open_threads": 0, "offer": offer, "writes": [EVIL], "decided": decided,
        "runbook": runbook(None),
    })
}

/// `old` and `new` are blobs that the bench's home holds.
pub(crate) fn patch_sets(old: &str, new: &str, size: usize) -> Value {
    json!([{
        "session": 12, "version": 1, "against": "base", "repo": "r", "digest": digest(), "base_commit": COMMIT,
        "message": EVIL, "reviewed": [],
        "files": [{
            "path": "src/a.rs", "status": "modified", "added": 1, "deleted": 1, "binary": false,
            "old_mode": "100644", "new_mode": "100644",
            "old": {"digest": old, "size": size}, "new": {"digest": new, "size": size},
        }],
    }])
}

pub(crate) fn metrics() -> Value {
    json!({
        "schema": "paraph.metrics/1", "sessions": {EVIL: 1}, "proposals_asked": 2, "proposals_made": 1,
        "validations": 1, "validations_passed": 1, "regenerations": 0, "decisions": {"approve": 1}, "published": 0,
        "input_tokens": 0, "output_tokens": 0, "cost_usd": "0", "to_review_ms_median": 900,
        "to_review_ms_p90": 1200, "to_decision_ms_median": 0, "journal_entries": 7,
    })
}

pub(crate) fn status() -> Value {
    json!({
        "schema": "paraph.status/1", "pid": 4, "version": EVIL, "sessions": 5, "need_me": 2, "running": 3,
        "ci_failed": 0, "clients": 1, "head": 9, "head_digest": digest(),
    })
}

pub(crate) fn index() -> Value {
    json!({
        "schema": "paraph.index/1", "strategy": EVIL, "tree": COMMIT, "files": 1, "bytes": 1, "lines": 1,
        "definitions": 1, "references": 1, "edges": 0, "languages": [{"language": "rust", "files": 1, "lines": 1}],
        "skipped": {}, "top_files": [{"path": "a.rs", "rank": 5}], "top_symbols": [],
    })
}

pub(crate) fn notice_changed(state: &str, needs_me: bool, running: bool) -> Notice {
    Notice::SessionChanged { row: Box::new(row(state, needs_me, running)) }
}

fn view<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("the sample has the view's shape")
}

pub(crate) fn checked_patch(applies: bool, severity: Option<&str>) -> CheckedPatch {
    let violations: Vec<Value> = severity.map(violation).into_iter().collect();
    view(json!({
        "schema": "paraph.check-patch/1", "applies": applies, "tree": COMMIT, "violations": violations,
        "files": [{"path": "a", "status": "added", "added": 1, "deleted": 0}], "refusals": [EVIL],
    }))
}

pub(crate) fn doctor(health: &str) -> DoctorReport {
    view(json!({
        "schema": "paraph.doctor/1", "lines": [{"name": EVIL, "health": health, "found": EVIL, "hint": EVIL}],
    }))
}

pub(crate) fn verified(ok: bool) -> VerifyView {
    view(json!({
        "schema": "paraph.verify/1", "ok": ok, "entries": 3, "bytes": 900, "head": 3, "head_digest": digest(),
        "blobs": 2, "findings": [EVIL], "hints": [EVIL],
    }))
}

pub(crate) fn recovered() -> RecoverView {
    view(json!({
        "schema": "paraph.recover/1", "entries": 3, "sessions": 1, "set_aside": "/home/store.old",
        "notices": [EVIL],
    }))
}

pub(crate) fn replayed(same: bool, complete: bool) -> ReplayView {
    let standing = if same { "same" } else { "differs" };
    let differs = json!([{"what": "prompt", "repo": EVIL, "recorded": EVIL, "replayed": EVIL, "at": EVIL}]);
    let differences = if same { json!([]) } else { differs };
    let last = if complete { "by-a-person" } else { "unrecorded" };
    view(json!({
        "schema": "paraph.replay/1", "session": 12, "same": same, "complete": complete,
        "stages": [{"stage": EVIL, "standing": standing, "differences": differences}],
        "versions": [
            {"number": 1, "made_by": EVIL, "standing": standing, "why": "", "differences": differences,
             "patch_sets": [{"repo": EVIL, "recorded": digest(), "replayed": null}]},
            {"number": 2, "made_by": EVIL, "standing": last, "why": EVIL, "differences": [],
             "patch_sets": [{"repo": EVIL, "recorded": digest(), "replayed": digest()}]},
        ],
        "differences": differences, "calls": 2,
        "usage": {"input_tokens": 7, "output_tokens": 1, "cost_usd": "0.01"},
    }))
}

pub(crate) fn entries() -> Vec<TimelineEntry> {
    view(json!([{
        "seq": 1, "at": AT, "actor": EVIL, "event": EVIL, "summary": EVIL, "payload": {"x": EVIL},
        "digest": digest(),
    }]))
}

pub(crate) fn context() -> Value {
    json!({
        "schema": "paraph.context/1", "version": 1,
        "lanes": [[EVIL, digest(), {
            "engine": EVIL, "goal": EVIL, "tree": COMMIT, "inputs": [EVIL],
            "items": [{"path": "a", "id": COMMIT, "why": EVIL}],
        }]],
    })
}

pub(crate) fn beads() -> Value {
    json!({"schema": "paraph.beads/1", "beads": [{
        "session": 12, "name": EVIL, "category": EVIL, "status": "FAILED", "started_at": AT, "finished_at": AT,
        "attempt": 2, "error": EVIL,
    }]})
}

pub(crate) fn estimate() -> Value {
    let role = json!({
        "role": EVIL, "model": EVIL, "least_calls": 1, "most_calls": 64, "least_tokens": 9, "most_tokens": 900,
        "least_usd": "0.02", "most_usd": "3.10", "prices": EVIL,
    });
    json!({
        "schema": "paraph.estimate/1", "least_usd": "0.02", "most_usd": "1.00", "least_tokens": 9, "most_tokens": 900,
        "held_by": "session", "roles": [role],
    })
}

/// Candidates side by side: 12 and 13 of one digest, 14 without a version.
pub(crate) fn comparison() -> Value {
    let one = |id: u64, version: Value| {
        let sets = if version.is_null() {
            json!([])
        } else {
            json!([{"repo": EVIL, "digest": digest(), "base_commit": COMMIT}])
        };
        json!({
            "session": id, "engine": "rules", "with": EVIL, "state": "Scored", "reason": EVIL, "version": version,
            "patch_sets": sets, "score": 8.1, "dimensions": {"tests": 7.0, EVIL: 1.0},
            "tally": {
                "passed": 2, "fixed": 1, "broken": 1, "failed": 1, "untold": 1, "tests_fixed": 3, "tests_broken": 4,
            },
            "checks": [check("broken")], "unverified": null, "violations": {"blocks": 1, "warns": 2, "accepted": 1},
            "files": 3, "added": 12, "deleted": 4,
            "usage": {"input_tokens": 1200, "output_tokens": 34, "cost_usd": "0.0519"}, "model_ms": 61_200,
            "took_ms": 90_000, "same_as": if id == 12 { json!([13]) } else { json!([]) }, "same_files_as": [14],
            "can_be_picked": !version.is_null(),
        })
    };
    json!({
        "schema": "paraph.comparison/1", "goal": EVIL, "field": 12, "picked": null,
        "candidates": [one(12, json!(1)), one(13, json!(1)), one(14, Value::Null)],
    })
}
