//! One validation from its first checkout to its last result. It blocks, and runs on a thread that may.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::again::{self, Holds};
use super::ground::{Ground, History, Layout, Side};
use super::kept::{self, Circumstances};
use super::lacking;
use super::run::{Ran, Runner, Step};
use super::setup::{self, Prepared, SetupStep};
use super::slots::{Slot, described};
use super::{News, Shared};
use crate::cancel::Cancel;
use crate::id::Digest;
use crate::infrastructure::confinement::Network;
use crate::repository::{Setting, SettingAsk, Tree, TreeEntry};
use crate::validation::{
    Check, CheckKind, CheckResult, CheckStatus, RunAgain, RunEnd, RunSide, Sides, ValidationJob, ValidationResult,
    ValidatorError, compare,
};

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

/// The base run of a check, and the proposal's, as far as they are known.
struct Pair<'a> {
    check: &'a Check,
    base: &'a Ran,
    proposal: Ran,
    again: Vec<RunAgain>,
    evidence: Vec<String>,
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
        let asked = SettingAsk {
            source: &self.job.snapshot.source,
            environment: &self.job.environment,
            home: &self.job.home,
            entries: &trees.old,
            checkouts: &worktrees,
            private: &self.shared.ports.private,
        };
        let setting = Setting::find(&asked, &self.cancel);
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
            setup: None,
            history: History { vcs: ports.vcs.as_ref(), job: &self.job },
        };
        let mut notices = self.job.plan.notices.clone();
        notices.extend(setting.notices());
        let kept = match self.setup() {
            Some(setup) if overlays => {
                let digest = setup.digest(trees.base.as_ref())?;
                Some(self.shared.slots.setup_slot(&self.job.snapshot.key, digest, &manner)?)
            }
            _ => None,
        };
        let (prepared, _kept_stays) = loop {
            let prepared = self.fill(layout, kept.as_ref(), &trees)?;
            // nobody may take it away as long as runs stand on it, and nobody may have since it was prepared
            let stays = kept.as_ref().map(|kept| kept.shared(&self.cancel)).transpose()?;
            let (Prepared::Ready, Some(kept)) = (&prepared, &kept) else { break (prepared, stays) };
            if setup::serves(kept, &self.job.snapshot.tree, &trees.old)? {
                break (prepared, stays);
            }
        };
        let layout = Layout { setup: kept.as_ref(), ..layout };
        let result = match self.runs(layout, &trees, prepared)? {
            Runs::Done(checks) => ValidationResult { checks, notices, ..ValidationResult::default() },
            Runs::WantNetwork { ran, digest, on_base } => setup::waits_for_network(&ran, digest, on_base, notices),
        };
        self.shared.reclaim();
        Ok(result)
    }

    fn setup(&self) -> Option<SetupStep<'_>> {
        let setup = self.job.plan.setup.as_ref()?;
        Some(SetupStep { setup, job: &self.job, shared: &self.shared })
    }

    /// Checks the base out, and makes sure of what a setup step leaves below all runs.
    fn fill(&self, layout: Layout<'_>, kept: Option<&Slot>, trees: &Trees) -> Result<Prepared, ValidatorError> {
        let (ports, snapshot) = (&self.shared.ports, &self.job.snapshot);
        let _alone = layout.slot.alone(&self.cancel)?;
        layout.slot.fill(ports.vcs.as_ref(), &snapshot.key, &snapshot.tree, ports.clock.now(), &self.cancel)?;
        if self.job.sides == Sides::Both {
            layout.slot.forget_runs()?;
        }
        match (self.setup(), kept) {
            (Some(setup), Some(kept)) => {
                setup.keep(&self.runner(), layout, kept, (trees.base.as_ref(), trees.old.as_ref()))
            }
            _ => Ok(Prepared::Ready),
        }
    }

    fn runs(&self, layout: Layout<'_>, trees: &Trees, prepared: Prepared) -> Result<Runs, ValidatorError> {
        let failed = match prepared {
            Prepared::WantsNetwork(ran, digest) => return Ok(Runs::WantNetwork { ran, digest, on_base: true }),
            Prepared::Not(ran) => Some(ran),
            Prepared::Ready => None,
        };
        let base_runs = match &failed {
            Some(ran) => self.checks.iter().map(|_| (**ran).clone()).collect(),
            None => match self.base_runs(layout, trees)? {
                Ok(runs) => runs,
                Err((ran, digest)) => return Ok(Runs::WantNetwork { ran, digest, on_base: true }),
            },
        };
        self.proposal_runs(layout, trees, &base_runs, failed)
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
            network: Network::None,
        }
    }

    /// The base run of every check: kept ones, and the rest in one go; or the setup step that wants the network.
    fn base_runs(&self, layout: Layout<'_>, trees: &Trees) -> Result<BaseRuns, ValidatorError> {
        let ports = &self.shared.ports;
        let circumstances = Circumstances {
            tree: &self.job.snapshot.tree,
            setup: self.job.plan.setup.as_ref(),
            environment: layout.setting.digest,
            confinement: ports.confinement.applied(),
        };
        let _alone = layout.slot.alone(&self.cancel)?;
        let mut pass = BasePass { work: self, layout, trees, ground: None, prepared: None };
        let mut stopped = Stopped::default();
        let mut runs = Vec::new();
        for check in &self.checks {
            let key = kept::key(check, &circumstances);
            let kept = (self.job.sides == Sides::Proposal).then(|| kept::get(&ports.cache, &ports.blobs, &key));
            let ran = match kept.flatten() {
                Some(kept) => kept,
                None => match stopped.why(check) {
                    Some(why) => Ran::not(why),
                    None => pass.run(check).inspect_err(|_| pass.discard())?,
                },
            };
            if let Some(Prepared::WantsNetwork(ran, digest)) = pass.prepared.take_if(|it| it.wants_network()) {
                pass.discard();
                return Ok(Err((ran, digest)));
            }
            let ran = lacking::on_base(check, ran);
            if !ran.from_cache {
                kept::put(&ports.cache, &key, &ran);
            }
            // on the base only a build stops others: a test that always failed hides no lint
            if check.kind == CheckKind::Build {
                stopped.note(check, &ran);
            }
            runs.push(ran);
        }
        pass.keep()?;
        Ok(Ok(runs))
    }

    fn proposal_runs(
        &self,
        layout: Layout<'_>,
        trees: &Trees,
        base_runs: &[Ran],
        base_failed: Option<Box<Ran>>,
    ) -> Result<Runs, ValidatorError> {
        // copies have one place for all; overlays are each run's own
        let _shared = if layout.overlays { Some(layout.slot.shared(&self.cancel)?) } else { None };
        let _alone = if layout.overlays { None } else { Some(layout.slot.alone(&self.cancel)?) };
        let side = Side { on: RunSide::Proposal, tree: trees.proposal.as_ref(), entries: &trees.new };
        let ground = layout.proposal(self.shared.slots.next_run(), side, &trees.old)?;
        let prepared = self.prepare_proposal(layout, &ground, trees, base_failed)?;
        if let Prepared::WantsNetwork(ran, digest) = prepared {
            return Ok(Runs::WantNetwork { ran, digest, on_base: false });
        }
        let (mut stopped, mut results) = (Stopped::default(), Vec::new());
        let mut suspects = Vec::new();
        for (check, base) in self.checks.iter().zip(base_runs) {
            let proposal = match (&prepared, stopped.why(check)) {
                (Prepared::Not(why), _) => (**why).clone(),
                (_, Some(why)) => Ran::not(why),
                (_, None) => self.runner().run(&ground, &self.step(check, false))?,
            };
            let proposal = lacking::on_proposal(check, proposal, base);
            let mut pair = Pair { check, base, proposal, again: Vec::new(), evidence: Vec::new() };
            if pair.claims_broken() {
                let second = self.runner().run(&ground, &self.step(check, false))?;
                pair.proposal_again(&second);
            }
            stopped.note(check, &pair.proposal);
            let result = pair.result(base);
            if pair.claims_broken() || pair.claims_fixed() {
                suspects.push((results.len(), pair));
            } else {
                self.tell(&result);
            }
            results.push(result);
        }
        drop(ground);
        self.base_again(layout, trees, suspects, &mut results)?;
        Ok(Runs::Done(results))
    }

    fn tell(&self, result: &CheckResult) {
        let _nobody_listens = self.news.send(News::Finished(Box::new(result.clone())));
    }

    /// Runs the base once more for what is about to be said to be broken or fixed, on ground of its own.
    fn base_again(
        &self,
        layout: Layout<'_>,
        trees: &Trees,
        suspects: Vec<(usize, Pair<'_>)>,
        results: &mut [CheckResult],
    ) -> Result<(), ValidatorError> {
        if suspects.is_empty() {
            return Ok(());
        }
        let side = Side { on: RunSide::Base, tree: trees.base.as_ref(), entries: &trees.old };
        let ground = layout.proposal(self.shared.slots.next_run(), side, &trees.old)?;
        let mut built: BTreeMap<&str, bool> = BTreeMap::new();
        for (at, mut pair) in suspects {
            let group = pair.check.group.as_str();
            let fit = match built.get(group) {
                Some(fit) => *fit,
                None => self.build_again(&ground, group)?,
            };
            built.insert(group, fit);
            if fit {
                let second = self.runner().run(&ground, &self.step(pair.check, true))?;
                results[at] = pair.base_again(&second);
            }
            self.tell(&results[at]);
        }
        Ok(())
    }

    /// Builds what the checks of a group stand on: the base's own products may have been reclaimed since.
    fn build_again(&self, ground: &Ground<'_>, group: &str) -> Result<bool, ValidatorError> {
        let builds = self.checks.iter().filter(|check| check.kind == CheckKind::Build && check.group == group);
        for build in builds.filter(|build| !build.group.is_empty()) {
            if self.runner().run(ground, &self.step(build, true))?.end != RunEnd::Passed {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Prepares a proposal that changed what the setup step works from; else the base's is used.
    fn prepare_proposal(
        &self,
        layout: Layout<'_>,
        ground: &Ground<'_>,
        trees: &Trees,
        base_failed: Option<Box<Ran>>,
    ) -> Result<Prepared, ValidatorError> {
        let Some(setup) = self.setup() else { return Ok(Prepared::Ready) };
        let wanted = setup.digest(trees.proposal.as_ref())?;
        let same = wanted == setup.digest(trees.base.as_ref())?;
        let in_layer = layout.setup.is_some() && same;
        let in_left = layout.slot.left().is_dir() && layout.slot.path.join(mark(wanted)).is_file();
        match base_failed.filter(|_| same) {
            // the same step on the same lockfiles says the same again
            Some(failed) => return Ok(Prepared::Not(failed)),
            None if in_layer || in_left => return Ok(Prepared::Ready),
            None => {}
        }
        setup.run(&self.runner(), ground, wanted, false)
    }
}

/// The name of the file that says for which lockfiles a slot's leftovers were prepared, where they are copies.
fn mark(setup: Digest) -> String {
    format!("setup-{}", setup.short())
}

/// The base's runs, or the setup step that wants the network.
type BaseRuns = Result<Vec<Ran>, (Box<Ran>, Digest)>;

/// What all runs came to.
enum Runs {
    Done(Vec<CheckResult>),
    WantNetwork { ran: Box<Ran>, digest: Digest, on_base: bool },
}

impl Pair<'_> {
    fn claims_broken(&self) -> bool {
        let failed = self.proposal.end == RunEnd::Failed && again::can_differ(self.check);
        failed && compare(self.base.seen(), self.proposal.seen()).status == CheckStatus::Broken
    }

    /// Whether it is fixed against a result of the base that is an old one.
    fn claims_fixed(&self) -> bool {
        let old = self.base.from_cache && again::can_differ(self.check);
        old && compare(self.base.seen(), self.proposal.seen()).status == CheckStatus::Fixed
    }

    fn proposal_again(&mut self, second: &Ran) {
        self.again.push(again::evidence(second, RunSide::Proposal));
        if let Some(both) = again::together(&self.proposal, second, Holds::Passing, RunSide::Proposal) {
            self.evidence.push(both.note);
            self.proposal = both.ran;
        }
    }

    fn base_again(&mut self, second: &Ran) -> CheckResult {
        // before "broken" what failed once on the base counts as failing there, before "fixed" as passing
        let holds = if self.claims_fixed() { Holds::Passing } else { Holds::Failing };
        self.again.push(again::evidence(second, RunSide::Base));
        match again::together(self.base, second, holds, RunSide::Base) {
            Some(both) => {
                self.evidence.push(both.note);
                self.result(&both.ran)
            }
            None => self.result(self.base),
        }
    }

    fn result(&self, base: &Ran) -> CheckResult {
        let (ran, check) = (&self.proposal, self.check);
        let verdict = compare(base.seen(), ran.seen());
        let mut notes = match verdict.status {
            // the run's own words say more
            CheckStatus::Environment if !ran.note.is_empty() => vec![ran.note.as_str()],
            _ => [&ran.note, &verdict.note].into_iter().map(String::as_str).filter(|note| !note.is_empty()).collect(),
        };
        notes.extend(self.evidence.iter().map(String::as_str));
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
            again: self.again.clone(),
        }
    }
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
            (Some(Prepared::Not(why) | Prepared::WantsNetwork(why, _)), _) => Ok((**why).clone()),
            (_, Some(ground)) => self.work.runner().run(ground, &self.work.step(check, true)),
            (_, None) => Ok(Ran::not(String::new())),
        }
    }

    fn prepare(&self) -> Result<Prepared, ValidatorError> {
        let (Some(setup), Some(ground)) = (self.work.setup(), &self.ground) else { return Ok(Prepared::Ready) };
        if self.layout.setup.is_some() {
            return Ok(Prepared::Ready);
        }
        let digest = setup.digest(self.trees.base.as_ref())?;
        let done = self.layout.slot.path.join(mark(digest));
        if self.layout.slot.left().is_dir() && done.is_file() {
            return Ok(Prepared::Ready);
        }
        let prepared = setup.run(&self.work.runner(), ground, digest, true)?;
        if matches!(prepared, Prepared::Ready) {
            std::fs::write(&done, "").map_err(|error| super::slots::broken("write", &done, &error))?;
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
