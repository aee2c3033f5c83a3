//! Asking a model how what was published fares: by a person's key alone, and it moves nothing.
//!
//! A session that is done stays done, whatever is said of it, and whatever goes wrong while it is asked: that is kept as
//! what was said. What it is shown of the world outside was handed in with the wish, and is kept by its digest.

use crate::clock::Timestamp;
use crate::id::{Digest, Version};
use crate::planning::{Monitored, Role};

use super::calls::{self, Budget};
use super::effect::{EffectKey, EffectKind};
use super::event::{Event, Person};
use super::input::{Command, Finding, Refusal};
use super::machine::{Step, not_now};
use super::state::{Phase, Session};
use super::status::State;

/// A wish to hear how a version fares, while nobody answered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitoring {
    /// The version that was published.
    pub version: Version,
    /// Which time it is that this version is asked about, from 1.
    pub number: u32,
    /// Who asked.
    pub by: Person,
    /// What they handed in: a blob, secrets gone from it.
    pub log: Option<Digest>,
}

/// What was said of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// What was asked.
    pub asked: Monitoring,
    /// When it was answered.
    pub at: Timestamp,
    /// What came of it.
    pub said: Monitored,
}

impl Monitoring {
    /// Its name among the documents: `monitor@v1`, and `monitor@v1.2` the second time.
    #[must_use]
    pub fn name(&self) -> String {
        let number = if self.number > 1 { format!(".{}", self.number) } else { String::new() };
        format!("monitor@{}{number}", self.version)
    }

    /// The work that answers it.
    #[must_use]
    pub fn key(&self) -> EffectKey {
        EffectKey { version: Some(self.version), ..EffectKey::of_session(EffectKind::Monitor) }
    }
}

/// A person asks. Where the session's calls have no limit, that of the settings holds from now on.
pub(super) fn ask(
    session: &Session,
    by: &Person,
    log: Option<Digest>,
    budget: Budget,
    command: &Command,
) -> Result<Step, Refusal> {
    let Some(version) = session.published_version() else { return Err(not_now(session, command)) };
    if session.state() != State::Done {
        return Err(not_now(session, command));
    }
    if session.monitoring.is_some() {
        return Err(Refusal::StillMonitored { version });
    }
    let asked = Event::MonitorAsked { version, by: by.clone(), log };
    Ok(Step { events: calls::limited(session, budget, by).into_iter().chain([asked]).collect() })
}

/// The work ended. Whatever came of it is recorded as that: nothing of it stops a session that is done.
pub(super) fn found(session: &Session, key: EffectKey, finding: &Finding) -> Step {
    let said = match finding {
        Finding::Monitored(Monitored::Report { report, document, notes, .. }) => Monitored::Report {
            model: session.model_of(key, Role::Monitor).unwrap_or_default().to_owned(),
            report: report.clone(),
            document: *document,
            notes: notes.clone(),
        },
        Finding::Monitored(nothing @ Monitored::Nothing { .. }) => nothing.clone(),
        Finding::Stuck { reason, .. } => Monitored::nothing(reason.clone()),
        _ => Monitored::nothing(format!("{key} was answered with a finding of other work")),
    };
    let version = key.version.unwrap_or(Version::FIRST);
    Step::record(Event::Monitored { version, said: Box::new(said) })
}

impl Session {
    /// The newest version that was published.
    #[must_use]
    pub fn published_version(&self) -> Option<Version> {
        let version = |lane: &super::state::Lane| match lane.phase {
            Phase::Done(version) => Some(version),
            _ => None,
        };
        self.active().filter_map(version).max()
    }

    /// A person wants to hear how it fares.
    pub(super) fn want_monitor(&mut self, version: Version, by: &Person, log: Option<Digest>) {
        let before = self.watched.iter().filter(|watched| watched.asked.version == version).count();
        let number = u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1);
        self.monitoring = Some(Monitoring { version, number, by: by.clone(), log });
    }

    /// Somebody answered, or nobody could.
    pub(super) fn monitored(&mut self, said: &Monitored, at: Timestamp) {
        let Some(asked) = self.monitoring.take() else { return };
        self.settle(asked.key(), at);
        self.watched.push(Watched { asked, at, said: said.clone() });
    }
}
