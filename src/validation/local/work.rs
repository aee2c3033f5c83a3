//! One validation from its first checkout to its last result. It blocks, and runs on a thread that may.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::ground::{Ground, Layout};
use super::kept::{self, Circumstances};
use super::run::{Ran, Runner, Step, words};
use super::setting::Setting;
use super::slots::described;
use super::{News, Shared};
use crate::cancel::Cancel;
use crate::repository::{Tree, TreeEntry};
use crate::validation::{
    Check, CheckKind, CheckResult, CheckStatus, CommandLine, RunEnd, Setup, ValidationJob, ValidationResult,
    ValidatorError, compare, lockfiles,
};

/// The name under which a setup step is told of.
const SETUP: &str = "setup";

/// A validation.
pub(super) struct Work {
    shared: Arc<Shared>,
    job: ValidationJob,
    checks: Vec<Check>,
    news: UnboundedSender<News>,
    cancel: Cancel,
}

/// Both trees of a job.
struct Trees {
    base: Arc<dyn Tree>,
    proposal: Arc<dyn Tree>,
    old: Arc<[TreeEntry]>,
    new: Arc<[TreeEntry]>,
}

/// What a setup step came to.
enum Prepared {
    Ready,
    /// It failed; why, and its log.
    Not(Box<Ran>),
}

impl Work {
    pub(super) fn new(shared: Arc<Shared>, job: ValidationJob, news: UnboundedSender<News>, cancel: Cancel) -> Self {
        let mut checks = job.plan.checks.clone();
        checks.sort_by_key(|check| check.kind != CheckKind::Build);
        Self { shared, job, checks, news, cancel }
    }

    /// Runs all checks, the base's first.
    pub(super) fn run(self) -> Result<ValidationResult, ValidatorError> {
        let trees = self.trees()?;
        let worktrees = self.shared.slots.folder()?;
        let setting = Setting::find(&self.job, &trees.old, &worktrees, &self.shared.ports.private, &self.cancel);
        let overlays = self.shared.overlays();
        let manner = format!("{overlays} {}", setting.place.as_deref().unwrap_or(&worktrees).display());
        let slot = self.shared.slots.slot(&self.job.snapshot.key, &self.job.snapshot.tree, &manner)?;
        let ports = &self.shared.ports;
        let layout = Layout {
            confinement: &ports.confinement,
            setting: &setting,
            slot: &slot,
            limits: ports.limits.command,
            overlays,
        };
        let base_runs = self.base_runs(layout, &trees)?;
        let checks = self.proposal_runs(layout, &trees, &base_runs)?;
        let mut notices = self.job.plan.notices.clone();
        notices.extend(setting.notices());
        self.shared.reclaim();
        Ok(ValidationResult { checks, unverified: None, notices })
    }

    fn trees(&self) -> Result<Trees, ValidatorError> {
        let vcs = &self.shared.ports.vcs;
        let failed = |error: &dyn std::error::Error| ValidatorError::Checkout(described(error));
        let tree = |id| vcs.tree(&self.job.snapshot.key, id).map_err(|error| failed(&error));
        let (base, proposal) = (tree(&self.job.snapshot.tree)?, tree(&self.job.tree)?);
        let entries = |tree: &Arc<dyn Tree>| tree.entries().map_err(|error| failed(&error));
        Ok(Trees { old: entries(&base)?, new: entries(&proposal)?, base, proposal })
    }

    fn runner(&self) -> Runner<'_> {
        let ports = &self.shared.ports;
        Runner {
            confinement: &ports.confinement,
            blobs: &ports.blobs,
            log_bytes: ports.limits.log_bytes,
            news: &self.news,
            cancel: &self.cancel,
        }
    }

    fn step<'a>(&self, check: &'a Check, on_base: bool) -> Step<'a> {
        Step {
            name: &check.name,
            command: &check.command,
            cwd: &check.cwd,
            env: &check.env,
            timeout: Duration::from_secs(check.timeout_s),
            reports: &check.reports,
            on_base,
        }
    }

    /// The base run of every check: kept ones, and the rest in one go.
    fn base_runs(&self, layout: Layout<'_>, trees: &Trees) -> Result<Vec<Ran>, ValidatorError> {
        let ports = &self.shared.ports;
        let circumstances = Circumstances {
            tree: &self.job.snapshot.tree,
            setup: self.job.plan.setup.as_ref(),
            environment: layout.setting.digest,
            confinement: ports.confinement.applied(),
        };
        let _alone = layout.slot.alone(&self.cancel)?;
        let snapshot = &self.job.snapshot;
        layout.slot.fill(ports.vcs.as_ref(), &snapshot.key, &snapshot.tree, ports.clock.now(), &self.cancel)?;
        let mut pass = BasePass { work: self, layout, trees, ground: None, prepared: None };
        let mut stopped = Stopped::default();
        let mut runs = Vec::new();
        for check in &self.checks {
            let key = kept::key(check, &circumstances);
            let ran = match kept::get(&ports.cache, &ports.blobs, &key) {
                Some(kept) => kept,
                None => match stopped.why(check) {
                    Some(why) => Ran::not(why),
                    None => pass.run(check).inspect_err(|_| pass.discard())?,
                },
            };
            kept::put(&ports.cache, &key, &ran);
            // on the base only a build stops others: a test that always failed hides no lint
            if check.kind == CheckKind::Build {
                stopped.note(check, &ran);
            }
            runs.push(ran);
        }
        pass.keep()?;
        Ok(runs)
    }

    fn proposal_runs(
        &self,
        layout: Layout<'_>,
        trees: &Trees,
        base_runs: &[Ran],
    ) -> Result<Vec<CheckResult>, ValidatorError> {
        // copies have one place for all; overlays are each run's own
        let _shared = if layout.overlays { Some(layout.slot.shared(&self.cancel)?) } else { None };
        let _alone = if layout.overlays { None } else { Some(layout.slot.alone(&self.cancel)?) };
        let number = self.shared.slots.next_run();
        let ground = layout.proposal(number, trees.proposal.as_ref(), &trees.old, &trees.new)?;
        let prepared = self.prepare_proposal(layout, &ground, trees)?;
        let mut stopped = Stopped::default();
        let mut results = Vec::new();
        for (check, base) in self.checks.iter().zip(base_runs) {
            let ran = match (&prepared, stopped.why(check)) {
                (Prepared::Not(why), _) => (**why).clone(),
                (Prepared::Ready, Some(why)) => Ran::not(why),
                (Prepared::Ready, None) => self.runner().run(&ground, &self.step(check, false))?,
            };
            stopped.note(check, &ran);
            let result = result(check, base, &ran);
            let _nobody_listens = self.news.send(News::Finished(Box::new(result.clone())));
            results.push(result);
        }
        Ok(results)
    }

    /// Prepares a proposal that changed what the setup step works from; else the base's is used.
    fn prepare_proposal(
        &self,
        layout: Layout<'_>,
        ground: &Ground<'_>,
        trees: &Trees,
    ) -> Result<Prepared, ValidatorError> {
        let Some(setup) = &self.job.plan.setup else { return Ok(Prepared::Ready) };
        let wanted = setup_mark(setup, trees.proposal.as_ref())?;
        if layout.slot.left().is_dir() && layout.slot.path.join(wanted).is_file() {
            return Ok(Prepared::Ready);
        }
        self.set_up(setup, ground, false)
    }

    fn set_up(&self, setup: &Setup, ground: &Ground<'_>, on_base: bool) -> Result<Prepared, ValidatorError> {
        let env = BTreeMap::new();
        let timeout = Duration::from_secs(setup.timeout_s);
        let step = Step { name: SETUP, command: &setup.command, cwd: "", env: &env, timeout, reports: &[], on_base };
        let ran = self.runner().run(ground, &step)?;
        if ran.end == RunEnd::Passed {
            return Ok(Prepared::Ready);
        }
        let mut note = format!("the setup step `{}` did not succeed", words(&setup.command));
        if !ran.note.is_empty() {
            note = format!("{note}: {}", ran.note);
        }
        Ok(Prepared::Not(Box::new(Ran { end: RunEnd::Environment, tests: None, note, ..ran })))
    }
}

/// The name of the file that says for which lockfiles a slot's leftovers were prepared.
fn setup_mark(setup: &Setup, tree: &dyn Tree) -> Result<String, ValidatorError> {
    let locks = lockfiles(tree).map_err(|error| ValidatorError::Checkout(described(&error)))?;
    let locks = locks.map_or_else(String::new, |digest| digest.to_string());
    let command = match &setup.command {
        CommandLine::Args(args) => args.join("\0"),
        CommandLine::Shell(script) => script.clone(),
    };
    Ok(format!("setup-{}", crate::id::Digest::of(format!("{locks}\0{command}").as_bytes()).short()))
}

/// The base's runs of one validation: the ground is laid when the first of them is needed.
struct BasePass<'a> {
    work: &'a Work,
    layout: Layout<'a>,
    trees: &'a Trees,
    ground: Option<Ground<'a>>,
    prepared: Option<Prepared>,
}

impl BasePass<'_> {
    fn run(&mut self, check: &Check) -> Result<Ran, ValidatorError> {
        if self.ground.is_none() {
            self.ground = Some(self.layout.base()?);
            self.prepared = Some(self.prepare()?);
        }
        match (&self.prepared, &self.ground) {
            (Some(Prepared::Not(why)), _) => Ok((**why).clone()),
            (_, Some(ground)) => self.work.runner().run(ground, &self.work.step(check, true)),
            (_, None) => Ok(Ran::not(String::new())),
        }
    }

    fn prepare(&self) -> Result<Prepared, ValidatorError> {
        let (Some(setup), Some(ground)) = (&self.work.job.plan.setup, &self.ground) else { return Ok(Prepared::Ready) };
        let mark = self.layout.slot.path.join(setup_mark(setup, self.trees.base.as_ref())?);
        if self.layout.slot.left().is_dir() && mark.is_file() {
            return Ok(Prepared::Ready);
        }
        let prepared = self.work.set_up(setup, ground, true)?;
        if matches!(prepared, Prepared::Ready) {
            std::fs::write(&mark, "").map_err(|error| super::slots::broken("write", &mark, &error))?;
        }
        Ok(prepared)
    }

    fn keep(self) -> Result<(), ValidatorError> {
        self.ground.map_or(Ok(()), Ground::keep)
    }

    /// What a stopped run left half-way is nothing to build on.
    fn discard(&mut self) {
        if let Some(Err(error)) = self.ground.take().map(Ground::forget) {
            tracing::warn!(%error, "what a stopped run left could not be removed");
        }
    }
}

/// Groups in which something failed: later checks of the same one do not run.
#[derive(Default)]
struct Stopped(BTreeMap<String, String>);

impl Stopped {
    fn note(&mut self, check: &Check, ran: &Ran) {
        if !check.group.is_empty() && !matches!(ran.end, RunEnd::Passed | RunEnd::NotRun) {
            self.0.entry(check.group.clone()).or_insert_with(|| check.name.clone());
        }
    }

    fn why(&self, check: &Check) -> Option<String> {
        let first = self.0.get(&check.group)?;
        Some(format!("`{first}`, which comes before it in group `{}`, did not pass", check.group))
    }
}

fn result(check: &Check, base: &Ran, ran: &Ran) -> CheckResult {
    let verdict = compare(base.seen(), ran.seen());
    let notes = match verdict.status {
        // the run's own words say more
        CheckStatus::Environment if !ran.note.is_empty() => vec![ran.note.as_str()],
        _ => [&ran.note, &verdict.note].into_iter().map(String::as_str).filter(|note| !note.is_empty()).collect(),
    };
    CheckResult {
        name: check.name.clone(),
        kind: check.kind,
        status: verdict.status,
        baseline: verdict.baseline,
        duration_ms: ran.duration_ms,
        tests: verdict.tests,
        confinement: ran.confinement.clone(),
        log: ran.log,
        base_log: base.log,
        note: notes.join("; "),
    }
}
