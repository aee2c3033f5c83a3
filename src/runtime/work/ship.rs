//! Publishing what was approved, through the write gate.

use std::sync::Arc;

use crate::id::LaneId;
use crate::session::{Finding, Session, WriteGate};

use super::{Stuck, Worker};

/// Opens the gate and hands the permit to the forge.
pub(super) async fn publish(worker: &Arc<Worker>, session: &Arc<Session>, lane: LaneId) -> Result<Finding, Stuck> {
    let permit =
        WriteGate::open(session, lane).map_err(|refusal| Stuck::needs_human(refusal.to_string(), "paraph show"))?;
    let published = worker
        .ports
        .forge
        .publish(permit)
        .await
        .map_err(|error| Stuck::needs_human(error.to_string(), "paraph publish, or paraph cancel"))?;
    Ok(Finding::Published { branch: published.branch, commit: published.commit, place: published.place })
}
