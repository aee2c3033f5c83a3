//! Publishing what was approved, through the write gate.

use std::sync::Arc;

use crate::id::LaneId;
use crate::publishing::{Anchor, ForgeError};
use crate::session::{Finding, Session, WriteGate, WritePermit};

use super::{Stuck, Worker};

/// Opens the gate and hands the permit to the forge.
pub(super) async fn publish(worker: &Arc<Worker>, session: &Arc<Session>, lane: LaneId) -> Result<Finding, Stuck> {
    let permit =
        WriteGate::open(session, lane).map_err(|refusal| Stuck::needs_human(refusal.to_string(), "paraph show"))?;
    let anchor = anchor(worker, &permit).ok_or_else(|| {
        Stuck::needs_human("the store does not know the approval yet", "paraph daemon stop, then paraph publish")
    })?;
    let published = worker.ports.forge.publish(permit, anchor).await.map_err(|error| {
        let next = match &error {
            ForgeError::BaseGone(_) => "paraph run the goal again, or paraph cancel",
            ForgeError::BranchTaken { .. } => "rename or delete that branch, then paraph publish",
            ForgeError::CannotWrite { .. } => "paraph publish, or paraph cancel",
        };
        Stuck::needs_human(error.to_string(), next)
    })?;
    Ok(Finding::Published { branch: published.branch, commit: published.commit, place: published.place })
}

/// The entry that recorded the approval.
fn anchor(worker: &Worker, permit: &WritePermit) -> Option<Anchor> {
    let key = (permit.session(), permit.lane(), permit.version());
    let decision = worker.tables.decisions.get(&key).ok().flatten()?;
    let places = worker.tables.places_of(permit.session()).ok()?;
    let placed = places.into_iter().find(|placed| placed.seq == decision.seq)?;
    Some(Anchor { seq: placed.seq, digest: placed.digest })
}
