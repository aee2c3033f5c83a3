//! Telling the other candidates that one was picked.

use crate::runtime::desk::Line;
use crate::session::{Finding, Outcome, Session};

use super::{Stuck, Worker};

/// Tells every other candidate, one after the other. Who was told before, or is over, records nothing: a second attempt
/// tells those that the first did not reach.
pub(super) async fn tell(worker: &Worker, session: &Session, line: &Line) -> Result<Finding, Stuck> {
    let stuck = |why: String| Stuck::needs_human(why, "paraph regenerate");
    let pick = session.picked.as_ref().ok_or_else(|| stuck("nothing was picked".to_owned()))?;
    for rival in &pick.over {
        let told = Outcome::OtherPicked { picked: session.asked.id, version: pick.version, by: pick.by.clone() };
        let to = Line { session: rival.session, ..line.clone() };
        to.record(told)
            .await
            .map_err(|failure| stuck(format!("candidate {} could not be told: {}", rival.session, failure.message)))?;
        worker.ports.faults.point("effect.pass-over.between")?;
    }
    Ok(Finding::PassedOver)
}
