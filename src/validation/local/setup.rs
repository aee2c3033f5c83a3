//! The setup step: run once for each state of the lockfiles, what it leaves lies below every run.
//!
//! Where layers are overlays it has a slot of its own, which every base with the same lockfiles stands on; else it
//! runs in the base's own checkout. It has no network unless a person permitted it for exactly these lockfiles.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use super::Shared;
use super::ground::{Ground, Layout};
use super::run::{Ran, Runner, Step, words};
use super::slots::{Slot, broken, described};
use super::touched::Touched;
use crate::id::{Digest, ObjectId};
use crate::infrastructure::confinement::{Level, Network, discard};
use crate::repository::{Tree, TreeEntry};
use crate::validation::{
    BaselineStatus, CheckKind, CheckResult, CheckStatus, RunEnd, Setup, TestTally, ValidationJob, ValidationResult,
    ValidatorError, lockfiles,
};

/// The name under which a setup step is told of.
const SETUP: &str = "setup";

/// What a setup step came to.
pub(super) enum Prepared {
    Ready,
    /// It failed; why, and its log.
    Not(Box<Ran>),
    /// It did not succeed, or says itself that it cannot, without a network that nobody permitted.
    WantsNetwork(Box<Ran>, Digest),
}

impl Prepared {
    pub(super) fn wants_network(&self) -> bool {
        matches!(self, Self::WantsNetwork(..))
    }
}

/// The setup step of one job.
pub(super) struct SetupStep<'a> {
    pub(super) setup: &'a Setup,
    pub(super) job: &'a ValidationJob,
    pub(super) shared: &'a Shared,
}

impl SetupStep<'_> {
    /// Names the step on the lockfiles of `tree`.
    pub(super) fn digest(&self, tree: &dyn Tree) -> Result<Digest, ValidatorError> {
        let locks = lockfiles(tree).map_err(|error| ValidatorError::Checkout(described(&error)))?;
        Ok(self.setup.digest(locks))
    }

    /// Runs the step on `ground`, with the network where a person permitted that for `digest`.
    pub(super) fn run(
        &self,
        runner: &Runner<'_>,
        ground: &Ground<'_>,
        digest: Digest,
        on_base: bool,
    ) -> Result<Prepared, ValidatorError> {
        let permitted = self.job.setup_network.contains(&digest);
        let can_have_it = self.shared.ports.confinement.level() == Level::Full;
        let command = words(&self.setup.command);
        if self.setup.network && !permitted && can_have_it {
            let why = format!("the setup step `{command}` needs the network");
            return Ok(Prepared::WantsNetwork(Box::new(Ran::not(why)), digest));
        }
        let env = BTreeMap::new();
        let timeout = Duration::from_secs(self.setup.timeout_s);
        let network = if permitted { Network::Host } else { Network::None };
        let command_line = &self.setup.command;
        let step =
            Step { name: SETUP, command: command_line, cwd: "", env: &env, timeout, reports: &[], on_base, network };
        let ran = runner.run(ground, &step)?;
        if ran.end == RunEnd::Passed {
            return Ok(Prepared::Ready);
        }
        let how = if permitted { "with the network that was permitted" } else { "without the network" };
        let mut note = format!("the setup step `{command}` did not succeed {how}");
        if !ran.note.is_empty() {
            note = format!("{note}: {}", ran.note);
        }
        // a program that is not there, or time that is up, is no lack of a network
        let may_help = !permitted && can_have_it && matches!(ran.end, RunEnd::Failed | RunEnd::Environment);
        let ran = Box::new(Ran { end: RunEnd::Environment, tests: None, note, ..ran });
        Ok(if may_help { Prepared::WantsNetwork(ran, digest) } else { Prepared::Not(ran) })
    }

    /// Makes sure that `kept` holds what the step leaves for the base `tree` of `entries`; the caller has the base's
    /// slot alone.
    pub(super) fn keep(
        &self,
        runner: &Runner<'_>,
        layout: Layout<'_>,
        kept: &Slot,
        (tree, entries): (&dyn Tree, &[TreeEntry]),
    ) -> Result<Prepared, ValidatorError> {
        let base = &self.job.snapshot.tree;
        {
            let _others_may_stand_on_it = kept.shared(runner.cancel)?;
            kept.touch(self.shared.ports.clock.now())?;
            if serves(kept, base, entries)? {
                return Ok(Prepared::Ready);
            }
        }
        let _alone = kept.alone(runner.cancel)?;
        if serves(kept, base, entries)? {
            return Ok(Prepared::Ready);
        }
        let failed = |error| broken("prepare", &kept.path, &error);
        discard(&kept.path).map_err(failed)?;
        kept.touch(self.shared.ports.clock.now())?;
        let digest = self.digest(tree)?;
        let prepared = self.run(runner, &layout.setup(kept)?, digest, true);
        match &prepared {
            Ok(Prepared::Ready) => fs::write(kept.path.join(MADE_ON), base.to_string()).map_err(failed)?,
            // what stopped half-way is nothing to build on
            Ok(_) | Err(_) => discard(&kept.path).map_err(failed)?,
        }
        prepared
    }
}

/// Says on which base the step succeeded.
const MADE_ON: &str = "made-on";

/// Whether what is kept may lie over this base: it was made on it, or it holds none of its files.
pub(super) fn serves(kept: &Slot, base: &ObjectId, entries: &[TreeEntry]) -> Result<bool, ValidatorError> {
    let Ok(made_on) = fs::read_to_string(kept.path.join(MADE_ON)) else { return Ok(false) };
    if made_on == base.to_string() {
        return Ok(true);
    }
    let left = kept.left().join("top/written");
    let touched = Touched::in_layer(&left).map_err(|error| broken("read", &left, &error))?;
    Ok(!entries.iter().any(|entry| touched.covers(&entry.path)))
}

/// The result of a validation in which nothing but a setup step ran: a person may permit it the network.
pub(super) fn waits_for_network(ran: &Ran, digest: Digest, on_base: bool, notices: Vec<String>) -> ValidationResult {
    let setup = CheckResult {
        name: SETUP.to_owned(),
        kind: CheckKind::Build,
        status: CheckStatus::Environment,
        baseline: if on_base { BaselineStatus::Environment } else { BaselineStatus::NotRun },
        duration_ms: ran.duration_ms,
        tests: TestTally::default(),
        confinement: ran.confinement.clone(),
        log: ran.log,
        base_log: ran.log.filter(|_| on_base),
        note: ran.note.clone(),
        again: Vec::new(),
    };
    ValidationResult {
        checks: vec![setup],
        unverified: Some(ran.note.clone()),
        setup_wants_network: Some(digest),
        notices,
        before: Vec::new(),
    }
}
