//! What random histories must have met, so that none of what they hold is held by chance.

/// Every event that a history must have met for the run to mean anything.
pub const MUST_BE_SEEN: [&str; 43] = [
    "part-made",
    "picked",
    "others-passed-over",
    "passed-over",
    "paused",
    "resumed",
    "triage-found",
    "deferred",
    "declined",
    "planned",
    "ticked",
    "unticked",
    "reviewed",
    "runbook-written",
    "draft-kept",
    "draft-dropped",
    "created",
    "attempt-started",
    "snapshot-loaded",
    "indexed",
    "triaged",
    "proposed",
    "branch-applied",
    "patch-blocked",
    "validated",
    "scored",
    "approved",
    "rejected",
    "changes-requested",
    "overridden",
    "regenerated",
    "recheck-asked",
    "lane-dropped",
    "publish-asked",
    "published",
    "monitor-asked",
    "monitored",
    "stopped",
    "thread-opened",
    "thread-answered",
    "thread-resolved",
    "marked",
    "unmarked",
];

/// `PARAPH_MODEL=1000x1000`: histories × steps; `default` where it is not set.
pub fn size(default: (u64, u64)) -> (u64, u64) {
    let Some(text) = std::env::var_os("PARAPH_MODEL") else { return default };
    let text = text.to_string_lossy().into_owned();
    let parsed =
        text.split_once('x').and_then(|(histories, steps)| Some((histories.parse().ok()?, steps.parse().ok()?)));
    parsed.unwrap_or_else(|| panic!("PARAPH_MODEL is HISTORIESxSTEPS, such as 1000x1000, not `{text}`"))
}
