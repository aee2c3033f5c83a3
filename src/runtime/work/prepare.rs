//! Snapshot and index of a lane.

use crate::cancel::Cancel;
use crate::id::LaneId;
use crate::session::{Finding, Session};

use super::{Stuck, Worker, unique_name};

/// Takes the snapshot of a lane and reads the repository's own settings from it.
pub(super) fn load(worker: &Worker, session: &Session, lane: LaneId) -> Result<Finding, Stuck> {
    let known = session.lane(lane).ok_or_else(|| Stuck::needs_human("the session has no such lane", "paraph show"))?;
    let mut snapshot = worker.ports.vcs.snapshot(&known.source, &known.base)?;
    snapshot.repo = unique_name(session, lane, &snapshot.repo);
    let tree = worker.ports.vcs.tree(&snapshot.key, &snapshot.tree)?;
    let configured = super::inspect::configuration(worker, tree.as_ref())?;
    let plan = super::inspect::plan(worker, session, tree.as_ref(), &configured, &[])?;
    let plan = worker.put_json(&plan)?;
    Ok(Finding::Snapshot { snapshot: Box::new(snapshot), plan, policy: configured.policy })
}

/// Indexes a lane.
pub(super) fn index(worker: &Worker, session: &Session, lane: LaneId, cancel: &Cancel) -> Result<Finding, Stuck> {
    let snapshot = session
        .lane(lane)
        .and_then(|lane| lane.snapshot.as_ref())
        .ok_or_else(|| Stuck::needs_human("the lane has no snapshot", "paraph show"))?;
    let tree = worker.ports.vcs.tree(&snapshot.key, &snapshot.tree)?;
    let view = crate::runtime::answer::index_tree(&worker.ports, tree.as_ref(), session.asked.goal.raw(), cancel)
        .map_err(|failure| Stuck::needs_human(failure.message, "paraph regenerate"))?;
    let (files, definitions) = (view.files, view.definitions);
    Ok(Finding::Index { index: worker.put_json(&view)?, files, definitions })
}
