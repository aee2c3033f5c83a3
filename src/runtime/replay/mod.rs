//! Replays: what was recorded of a session is given to Paraph once more, and what it makes of it is compared.
//!
//! **A replay is no session.** It could have been one, of a kind of its own, never offered for approval: every list,
//! number, gate and metric would have had to know the exception, the journal would have grown by a copy of each run
//! that somebody doubted, and to ask whether the record holds would have changed the record. So it is a pure run:
//! journal and blobs are read, whatever it makes lies in a folder that is gone at its end, and nothing is written into
//! the home. It needs neither daemon nor store, so it also works on a copy of a home.
//!
//! **What comes from outside is taken as recorded:** the goal and the settings it started with, the bases (by id), every
//! word of a person in its place, what models said, what checks found, and what programs and agents left. A check's
//! output goes into the next prompt and holds times and paths, so no second run of it is the first; `paraph check` runs
//! it again. Which held keys a change brought is taken too, as the record has no keys. **All else is made anew,** by the
//! code that made it: indexes, prompts, placed edits, versions, contexts, reviews, violations, scores, gates, and what
//! they lead to.
//!
//! It walks the session's entries in their order. Where one tells that a piece of work began, what is folded so far is
//! put aside; where one tells what it found, the work is done anew on that, with a [`Tape`] in place of models, and what
//! it comes to is decided by the core as it was then. So nothing races, and what a person said while a draft was made is
//! in the next prompt and not in that one, as it was.

mod compare;
mod recalled;
mod record;
mod tape;
mod walk;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::broadcast;

use crate::api::{Failure, FailureKind, ReplayView};
use crate::cancel::Cancel;
use crate::id::{SessionRef, Version};
use crate::infrastructure::fault::Faults;
use crate::infrastructure::llm::Nobody;
use crate::proposal::{Brief, Draft, EngineError, ProposalEngine};

use super::held::Pauses;
use super::ports::{Engines, Ports, Settings};
use super::purse::Today;
use super::start::{Home, Started};
use super::work::{LiveLogs, Worker};
use recalled::Recalled;
use record::Record;
pub(super) use tape::Tape;
use walk::Walk;

/// Replays a session of `home`, up to a version where one is named. It blocks, and writes nothing that stays.
///
/// # Errors
/// A [`Failure`] where it cannot be replayed: no such session or version, work that still goes on, a body that is gone
/// or damaged, a base that the user's repository no longer has.
pub fn replay(home: &Home, ports: &Ports, settings: &Settings, asked: SessionRef) -> Result<ReplayView, Failure> {
    let record = Record::read(home, asked.session)?;
    if let Some(version) = asked.version {
        known(&record, version)?;
    }
    record.is_whole(ports)?;
    let failed = |error: std::io::Error| {
        Failure::new(FailureKind::Failed, format!("cannot make a place for the replay: {error}"))
            .hint(format!("TMPDIR=/a/folder/you/can/write paraph replay {asked}"))
    };
    let place = tempfile::Builder::new().prefix("paraph-replay-").tempdir().map_err(failed)?;
    let policy = Arc::new(Recalled::new(ports.policy.clone()));
    let ports = Ports { policy: policy.clone(), ..ports.clone() };
    let worker = worker(&Home::at(place.path()), &ports, settings)?;
    // the caller may be a task: what waits here must not be one of its runtime's
    let walked = std::thread::scope(|scope| {
        let walk = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
            runtime.block_on(Walk::new(worker, policy, &record, asked.version).walk())
        };
        scope.spawn(walk).join()
    });
    walked.unwrap_or_else(|_| {
        Err(Failure::new(FailureKind::Failed, "the replay ended by an internal error").hint("paraph doctor"))
    })
}

fn known(record: &Record, version: Version) -> Result<(), Failure> {
    match record.session.version(version) {
        Some(_) => Ok(()),
        None => {
            let id = record.session.asked.id;
            Err(Failure::new(FailureKind::NotFound, format!("session {id} has no {version}"))
                .hint(format!("paraph show {id}")))
        }
    }
}

/// Who does the work: the adapters that the session had, without any that reaches outside.
fn worker(away: &Home, ports: &Ports, settings: &Settings) -> Result<Arc<Worker>, Failure> {
    let started = Started::open(away, ports.clock.as_ref(), ports.ids.as_ref(), &Faults::none());
    let started = started.map_err(|error| {
        let hint = error.hint();
        Failure::from_error(FailureKind::Failed, &error).hint(hint)
    })?;
    let unrecorded: Arc<dyn ProposalEngine> = Arc::new(Unrecorded);
    let ports = Ports {
        engines: Engines { command: unrecorded.clone(), agent: unrecorded, ..ports.engines.clone() },
        models: Arc::new(Nobody::default()),
        blobs: ports.blobs.overlaid(&away.blobs()),
        faults: Faults::none(),
        ..ports.clone()
    };
    Ok(Arc::new(Worker {
        ports,
        settings: settings.clone(),
        tables: started.tables,
        trust: started.trust,
        notices: broadcast::channel(16).0,
        live_logs: LiveLogs::default(),
        pauses: Pauses::default(),
        today: Today::new(|_| 0),
    }))
}

/// An engine whose work is not recorded: what it left is taken, and it is never asked.
struct Unrecorded;

#[async_trait]
impl ProposalEngine for Unrecorded {
    async fn draft(&self, _brief: &Brief, _cancel: &Cancel) -> Result<Draft, EngineError> {
        Err(EngineError::BadInput("what this engine did is not recorded".to_owned()))
    }
}
