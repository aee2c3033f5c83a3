//! Trusting a repository to run its own commands.

use std::collections::BTreeSet;

use tokio::sync::oneshot;

use crate::api::{Call, Failure, FailureKind, TrustRequest, TrustView};
use crate::id::{RequestId, SessionId};
use crate::repository::Source;
use crate::session::{Command, Lane};

use super::{Asked, Post, Runtime, Want, blocking, ended, views};
use crate::runtime::house::HouseEvent;
use crate::runtime::tables::short_of;
use crate::runtime::trust::{source_of, top_of};

impl Runtime {
    pub(super) async fn trust(&self, call: &Call, asked: TrustRequest) -> Result<TrustView, Failure> {
        let source = match source_of(&asked.path) {
            path @ Source::Path(_) => Source::Path(self.facts(&path).await?.root),
            url @ Source::Url(_) => url,
        };
        let path = top_of(&source);
        let by = self.person(&call.client);
        if let Some(trust) = asked.trust {
            let of = path.clone();
            let event =
                if trust { HouseEvent::Trusted { path: of, by } } else { HouseEvent::TrustRevoked { path: of, by } };
            let (reply, recorded) = oneshot::channel();
            self.post(Post::House { asked: Asked::new(call.id.clone(), &call.request), event, reply }).await?;
            recorded.await.map_err(|_| ended())??;
            if trust {
                self.check_again(call, &source).await?;
            }
        }
        let shared = self.shared.clone();
        let commands =
            blocking(move || Ok(crate::runtime::work::commands_of(&shared.ports, &shared.settings, &source))).await?;
        let trusted = self.shared.trust.has(&path);
        Ok(TrustView { path, trusted, commands })
    }

    /// Sessions whose checks did not run for want of trust get them now.
    async fn check_again(&self, call: &Call, source: &Source) -> Result<(), Failure> {
        let (shared, short) = (self.shared.clone(), short_of(&source.to_string()));
        let stored = blocking(move || {
            let found = shared.tables.open_where(|row| row.sources.contains(&short));
            found.map_err(|error| Failure::from_error(FailureKind::Failed, &error).hint(error.hint()))
        });
        let mut open: BTreeSet<SessionId> = stored.await?.into_iter().collect();
        open.extend(self.look(|core| core.live_sessions().map(|live| live.asked.id).collect::<Vec<_>>()).await?);
        for id in open {
            let session = self.session(id).await?;
            let waits = |lane: &&Lane| lane.source == *source && views::waits_for_decision(lane.phase);
            for lane in session.active().filter(waits) {
                let call = Call { id: RequestId(self.shared.ports.ids.uuid()), ..call.clone() };
                // where something ran already, the core refuses: then there is nothing to do
                let _ = self.order(&call, Want::Command(id, Box::new(Command::Recheck { lane: lane.id }))).await;
            }
        }
        Ok(())
    }
}
