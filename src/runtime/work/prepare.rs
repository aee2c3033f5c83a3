//! Snapshot and index of a lane.

use std::fs::File;
use std::io::Read as _;

use crate::cancel::Cancel;
use crate::id::LaneId;
use crate::repository::{Base, Source};
use crate::session::{Finding, Session};

use super::{Stuck, Worker, unique_name};

/// The largest index beside which the working copy is compared: 5,000 files take some 30 ms to look at.
const CHEAP_TO_COMPARE: u32 = 5_000;

/// Takes the snapshot of a lane and reads the repository's own settings from it.
pub(super) fn load(worker: &Worker, session: &Session, lane: LaneId) -> Result<Finding, Stuck> {
    let known = session.lane(lane).ok_or_else(|| Stuck::needs_human("the session has no such lane", "paraph show"))?;
    let taken = session.asked.lanes.get(usize::from(lane.0)).and_then(|lane| lane.snapshot.clone());
    let mut snapshot = taken.map_or_else(|| worker.ports.vcs.snapshot(&known.source, &known.base), Ok)?;
    snapshot.repo = unique_name(session, lane, &snapshot.repo);
    if matches!(known.base, Base::Head) && entries_of_index(&snapshot.source).is_some_and(|n| n <= CHEAP_TO_COMPARE) {
        // only told to people: where it cannot be counted the session goes on
        snapshot.left_out = worker.ports.vcs.changed_files(&snapshot.source).unwrap_or(0);
    }
    let tree = worker.ports.vcs.tree(&snapshot.key, &snapshot.tree)?;
    let configured = super::inspect::configuration(worker, tree.as_ref())?;
    let plan = super::inspect::plan(worker, session, &snapshot.source, tree.as_ref(), &configured, &[])?;
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
    let words = super::draft::focus(&session.asked.goal, super::draft::issue(worker, session)?.as_ref()).goal;
    let view = crate::runtime::answer::index_tree(&worker.ports, tree.as_ref(), &words, cancel)
        .map_err(|failure| Stuck::needs_human(failure.message, "paraph regenerate"))?;
    let (files, definitions) = (view.files, view.definitions);
    Ok(Finding::Index { index: worker.put_json(&view)?, files, definitions })
}

/// How many entries the index of a working copy has, from its first twelve bytes; none for a linked worktree, a bare
/// repository, an address.
fn entries_of_index(source: &Source) -> Option<u32> {
    let Source::Path(top) = source else { return None };
    let mut header = [0; 12];
    File::open(top.as_path().join(".git/index")).ok()?.read_exact(&mut header).ok()?;
    header.starts_with(b"DIRC").then(|| u32::from_be_bytes([header[8], header[9], header[10], header[11]]))
}
