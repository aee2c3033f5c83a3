//! Trusting a repository to run its own commands, and its setup step to use the network.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::api::{Call, Failure, FailureKind, TrustRequest, TrustView};
use crate::id::{Digest, HostPath, LaneId, RequestId, SessionId};
use crate::repository::Source;
use crate::session::{CheckAgainCommand, Command, Session};
use crate::text::Untrusted;
use crate::validation::Sides;

use super::{Asked, Post, Runtime, Want, blocking, ended, limits, views};
use crate::runtime::house::HouseEvent;
use crate::runtime::tables::short_of;
use crate::runtime::trust::{source_of, top_of};

/// The most setup steps of one repository that may use the network; the oldest permits go. // one row of the store
const MOST_SETUPS: usize = 24;

/// A setup step that waits for a person's word on the network.
struct Waiting {
    setup: Digest,
    why: String,
}

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
            self.record(call, event).await?;
            if trust {
                self.check_again(call, &source).await?;
            }
        }
        let setup_waits = match asked.setup_network {
            None => Vec::new(),
            Some(permit) => self.setup_network(call, &source, &path, permit).await?,
        };
        let shared = self.shared.clone();
        let (commands, notices) =
            blocking(move || Ok(crate::runtime::work::commands_of(&shared.ports, &shared.settings, &source))).await?;
        let (trusted, refused) = (self.shared.trust.has(&path), self.shared.trust.is_refused(&path));
        Ok(TrustView { path, trusted, commands, notices, refused, setup_waits })
    }

    async fn record(&self, call: &Call, event: HouseEvent) -> Result<(), Failure> {
        let (reply, recorded) = oneshot::channel();
        self.post(Post::House { asked: Asked::new(call.id.clone(), &call.request), event, reply }).await?;
        recorded.await.map_err(|_| ended())?
    }

    /// The setup steps that wait for the network; with `permit` they get it, and the sessions go on.
    async fn setup_network(
        &self,
        call: &Call,
        source: &Source,
        path: &HostPath,
        permit: bool,
    ) -> Result<Vec<Untrusted>, Failure> {
        let mut waiting = self.waiting_setups(source).await?;
        if permit {
            if !self.shared.trust.has(path) {
                let failure =
                    Failure::new(FailureKind::Refused, format!("{path} is not trusted to run its own commands"));
                return Err(failure.hint(format!("paraph trust {path}")));
            }
            if waiting.is_empty() {
                waiting.push(self.setup_of_head(source, path).await?);
            }
            let mut setups = self.shared.trust.setup_network(path);
            setups.retain(|setup| waiting.iter().all(|waiting| waiting.setup != *setup));
            setups.extend(waiting.iter().map(|waiting| waiting.setup));
            let setups = setups.split_off(setups.len().saturating_sub(MOST_SETUPS));
            let by = self.person(&call.client);
            self.record(call, HouseEvent::SetupNetworkPermitted { path: path.clone(), setups, by }).await?;
            self.check_again(call, source).await?;
        }
        Ok(waiting.into_iter().map(|waiting| Untrusted::new(waiting.why)).collect())
    }

    async fn waiting_setups(&self, source: &Source) -> Result<Vec<Waiting>, Failure> {
        let mut all: Vec<Waiting> = Vec::new();
        for (session, lane) in self.undecided(source).await? {
            let Some((_, set)) = session.current(lane) else { continue };
            let Some(result) = &set.validation else { continue };
            let Some(setup) = result.setup_wants_network.filter(|setup| all.iter().all(|it| it.setup != *setup)) else {
                continue;
            };
            let why = result.unverified.clone().unwrap_or_default();
            // the verb that this answers needs not be named again
            let why = why.split(", which a person").next().unwrap_or_default();
            all.push(Waiting { setup, why: format!("session {}: {why}", session.asked.id) });
        }
        all.truncate(MOST_SETUPS);
        Ok(all)
    }

    /// The setup step of HEAD, where no session waits: the next one then starts with it.
    async fn setup_of_head(&self, source: &Source, path: &HostPath) -> Result<Waiting, Failure> {
        let (shared, source) = (self.shared.clone(), source.clone());
        let found = blocking(move || Ok(crate::runtime::work::setup_of(&shared.ports, &shared.settings, &source)));
        let Some((setup, command)) = found.await? else {
            let failure =
                Failure::new(FailureKind::Refused, format!("{path} has no [setup] step in .paraph.toml of HEAD"));
            return Err(failure.hint("write and commit one: paraph init --repo-file"));
        };
        Ok(Waiting { setup, why: format!("HEAD: the setup step `{command}`") })
    }

    /// Sessions whose checks did not run for want of a person's word get them now.
    async fn check_again(&self, call: &Call, source: &Source) -> Result<(), Failure> {
        for (session, lane) in self.undecided(source).await? {
            let Some((version, set)) = session.current(lane) else { continue };
            if set.validation.as_ref().is_none_or(|result| result.unverified.is_none()) {
                continue;
            }
            let (environment, by) = (limits::environment(&call.client.environment), self.person(&call.client));
            let asked = CheckAgainCommand { lane, version, sides: Sides::Proposal, environment, by };
            let call = Call { id: RequestId(self.shared.ports.ids.uuid()), ..call.clone() };
            // somebody may have been first, or have decided meanwhile: then there is nothing to do
            let _ = self
                .order(&call, Want::Command(session.asked.id, Box::new(Command::CheckAgain(Box::new(asked)))))
                .await;
        }
        Ok(())
    }

    /// The lanes of that repository that wait for a decision.
    async fn undecided(&self, source: &Source) -> Result<Vec<(Arc<Session>, LaneId)>, Failure> {
        // first those that the core keeps: what it lets go of meanwhile is in the store
        let kept = self.look(|core| core.live_sessions()).await?;
        let (shared, short) = (self.shared.clone(), short_of(&source.to_string()));
        let stored = blocking(move || {
            let found = shared.tables.open_where(|row| row.sources.contains(&short));
            found.map_err(|error| Failure::from_error(FailureKind::Failed, &error).hint(error.hint()))
        });
        let mut open: BTreeSet<SessionId> = stored.await?.into_iter().collect();
        open.extend(kept.iter().map(|session| session.asked.id));
        let mut undecided = Vec::new();
        for id in open {
            let session = self.session(id).await?;
            let lanes: Vec<LaneId> = session
                .active()
                .filter(|lane| lane.source == *source && views::waits_for_decision(lane.phase))
                .map(|lane| lane.id)
                .collect();
            undecided.extend(lanes.into_iter().map(|lane| (session.clone(), lane)));
        }
        Ok(undecided)
    }
}
