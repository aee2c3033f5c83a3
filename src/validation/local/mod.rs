//! The validator of this machine: every check in confinement, on the base and on the proposal.
//!
//! Nothing a run writes reaches the checkout it stands on: writes go to a layer of their own (an overlay where the
//! machine has them, else a copy). The layer that the base's runs left lies below every proposal's, so build products
//! are used again, and a proposal's layer is thrown away with it.
mod again;
mod below;
mod ground;
mod kept;
mod lacking;
mod report_files;
mod rewrites;
mod run;
mod setup;
mod slots;
mod touched;
mod work;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::{CheckResult, Progress, Reclaimed, ValidationJob, ValidationResult, Validator, ValidatorError};
use crate::cancel::Cancel;
use crate::clock::Clock;
use crate::id::ObjectId;
use crate::infrastructure::blobs::Blobs;
use crate::infrastructure::confinement::{Confinement, Level, Limits};
use crate::infrastructure::store::Cache;
use crate::repository::{RepoKey, Vcs};
use slots::Slots;
use work::Work;

/// How much checks may use, and how much of what they leave is kept.
#[derive(Debug, Clone, Copy)]
pub struct LocalLimits {
    /// What one command may use.
    pub command: Limits,
    /// The most bytes that are kept of one log: its beginning and its end.
    pub log_bytes: usize,
    /// The most checkouts that are kept for the next session.
    pub kept_checkouts: usize,
    /// How long an unused checkout is kept.
    pub kept_for: Duration,
}

impl Default for LocalLimits {
    fn default() -> Self {
        Self {
            command: Limits::default(),
            log_bytes: 64 << 20,
            kept_checkouts: 8, // a build folder of a large project is some gigabytes
            kept_for: Duration::from_secs(14 * 24 * 3600),
        }
    }
}

/// What the validator is made of.
pub struct LocalPorts {
    /// Trees.
    pub vcs: Arc<dyn Vcs>,
    /// Where commands run.
    pub confinement: Confinement,
    /// Keeps logs.
    pub blobs: Blobs,
    /// Keeps results of base runs.
    pub cache: Cache,
    /// The folder of checkouts, which is this validator's own.
    pub worktrees: PathBuf,
    /// Paraph's own places, which no check may see or reach: its home with the socket, its configuration.
    pub private: Vec<PathBuf>,
    /// Tells how old a checkout is.
    pub clock: Arc<dyn Clock>,
    /// Limits.
    pub limits: LocalLimits,
}

/// Runs checks on this machine.
pub struct LocalValidator {
    shared: Arc<Shared>,
}

/// What every validation uses.
struct Shared {
    ports: LocalPorts,
    slots: Slots,
    overlays: OnceLock<bool>,
}

impl LocalValidator {
    /// A validator that writes below `ports.worktrees` and to the blobs only.
    #[must_use]
    pub fn new(ports: LocalPorts) -> Self {
        let slots = Slots::new(ports.worktrees.clone());
        Self { shared: Arc::new(Shared { ports, slots, overlays: OnceLock::new() }) }
    }

    /// Removes what crashed runs left, and checkouts that are too old or too many; ones in use stay. Blocks.
    pub fn reclaim(&self) {
        self.shared.reclaim();
    }
}

impl Shared {
    fn reclaim(&self) {
        let LocalPorts { vcs, limits, clock, .. } = &self.ports;
        self.slots.reclaim(vcs.as_ref(), clock.now(), limits.kept_checkouts, limits.kept_for);
    }

    /// Whether checkouts are layered by overlays: the machine must have them, and the file system of `worktrees` must
    /// take what is written to one.
    fn overlays(&self) -> bool {
        let ports = &self.ports;
        let try_one = || ground::overlays_work_in(&ports.confinement, &ports.worktrees);
        ports.confinement.overlays_work() && *self.overlays.get_or_init(try_one)
    }
}

/// What is told while a validation runs.
enum News {
    Started { check: String, on_base: bool, log: PathBuf },
    Finished(Box<CheckResult>),
}

/// Stops the work of a future that nobody waits for any more.
struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[async_trait]
impl Validator for LocalValidator {
    async fn validate(
        &self,
        job: &ValidationJob,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<ValidationResult, ValidatorError> {
        let level = self.shared.ports.confinement.level();
        if level == Level::None {
            let missing = self.shared.ports.confinement.missing();
            let why: Vec<String> = missing.iter().map(|one| format!("{}: {}", one.level, one.why)).collect();
            return Ok(unverified(job, format!("commands cannot be confined on this machine ({})", why.join("; "))));
        }
        if job.plan.checks.is_empty() {
            return Ok(unverified(job, job.plan.why_none()));
        }
        let inner = cancel.child();
        let _stopped_when_dropped = CancelOnDrop(inner.clone());
        // unbounded: two small messages a check
        let (news, mut inbox) = mpsc::unbounded_channel();
        let work = Work::new(self.shared.clone(), job.clone(), news, inner);
        let working = tokio::task::spawn_blocking(move || work.run());
        while let Some(news) = inbox.recv().await {
            match news {
                News::Started { check, on_base, log } => progress.started(&check, on_base, log),
                News::Finished(result) => progress.finished(&result),
            }
        }
        working.await.unwrap_or_else(|join| Err(ValidatorError::Checkout(join.to_string())))
    }

    fn discard(&self, key: &RepoKey, trees: &[ObjectId]) -> Result<Reclaimed, ValidatorError> {
        self.shared.slots.discard(self.shared.ports.vcs.as_ref(), key, trees)
    }
}

fn unverified(job: &ValidationJob, why: String) -> ValidationResult {
    ValidationResult { unverified: Some(why), notices: job.plan.notices.clone(), ..ValidationResult::default() }
}
