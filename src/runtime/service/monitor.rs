//! Asking how what was published fares: a person's key, and what they hand in.

use crate::api::{Call, Failure, FailureKind, MonitorRequest, SessionView};
use crate::infrastructure::llm::NoRoute;
use crate::planning::Role;
use crate::session::{Command, State};

use super::{Runtime, blocking};

impl Runtime {
    pub(super) async fn monitor(&self, call: &Call, asked: MonitorRequest) -> Result<SessionView, Failure> {
        let session = self.session(asked.session).await?;
        // whether it may be asked is said by the core; nothing is kept for what is refused
        let log = if session.state() == State::Done && session.monitoring.is_none() {
            if let Err(NoRoute { why, next }) = self.shared.ports.models.lead(Role::Monitor.name()) {
                return Err(Failure::new(FailureKind::SignIn, format!("no model can be asked: {why}")).hint(next));
            }
            let log = asked.log.filter(|log| !log.trim().is_empty());
            let shared = self.shared.clone();
            blocking(move || {
                let Some(log) = log else { return Ok(None) };
                let kept = shared.ports.blobs.put(shared.ports.mask.now().mask(&log).as_bytes());
                kept.map(Some).map_err(|error| Failure::from_error(FailureKind::Failed, &error).hint(error.hint()))
            })
            .await?
        } else {
            None
        };
        let (by, budget) = (self.person(&call.client), self.shared.settings.budget);
        self.command(call, asked.session, Command::Monitor { by, log, budget }).await
    }
}
