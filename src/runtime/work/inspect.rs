//! Checks and scores of one lane of a version.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cancel::Cancel;
use crate::id::{Digest, HostPath, LaneId, RepoPath, Version};
use crate::planning::{ARTIFACTS, Stage};
use crate::policy::PolicySettings;
use crate::repository::{Base, Source, Tree};
use crate::scoring::{Evidence, GateInput, Placement};
use crate::session::{Finding, OverrideRecord, Session};
use crate::text::{Untrusted, counted};
use crate::validation::{
    CheckPlan, CommandLine, ConfigError, ConfigLimits, RepositoryConfig, Surroundings, ValidationJob, ValidationResult,
    ValidatorError,
};

use super::listen::Listener;
use super::{Stuck, Worker, blocking, read_changes};
use crate::runtime::ports::{Ports, Settings};
use crate::runtime::trust::top_of;

/// The most violations that are recorded for one patch set; one more would tell a person nothing.
pub(super) const MOST_VIOLATIONS: usize = 300;

/// What a repository says about itself in `.paraph.toml`.
pub(super) struct Configured {
    pub(super) policy: PolicySettings,
    pub(super) plan: Option<CheckPlan>,
}

/// Reads `.paraph.toml` of the base; the user's settings stand, the repository's tighten them.
pub(super) fn configuration(worker: &Worker, tree: &dyn Tree) -> Result<Configured, Stuck> {
    configured_plan(tree, &worker.settings)
}

fn configured_plan(tree: &dyn Tree, settings: &Settings) -> Result<Configured, Stuck> {
    let rules: Vec<&str> = crate::policy::RULES.iter().map(|rule| rule.id).collect();
    let limits = ConfigLimits { max_timeout_s: settings.max_check.as_secs(), rules: &rules };
    match RepositoryConfig::of(tree, &limits) {
        Ok(None) => Ok(Configured { policy: settings.policy.clone(), plan: None }),
        Ok(Some(config)) => {
            Ok(Configured { policy: settings.policy.clone().tightened(&config.policy), plan: config.plan() })
        }
        Err(ConfigError::Tree(error)) => Err(crate::repository::VcsError::from(error).into()),
        Err(ConfigError::Wrong(problems)) => {
            let lines: Vec<String> = problems.iter().map(|problem| format!("\n  {}", problem.told())).collect();
            Err(Stuck::needs_human(
                format!("the base's .paraph.toml does not read:{}", lines.concat()),
                "mend and commit .paraph.toml, then paraph run again",
            ))
        }
    }
}

/// The checks of a lane: as configured, else as found around the changed paths.
pub(super) fn plan(
    worker: &Worker,
    session: &Session,
    source: &Source,
    tree: &dyn Tree,
    configured: &Configured,
    changed: &[RepoPath],
) -> Result<CheckPlan, Stuck> {
    if let Some(plan) = &configured.plan {
        return Ok(plan.clone());
    }
    let around = Around::new(worker, session, source);
    crate::validation::discover(tree, &around, changed)
        .map_err(|error| Stuck::from(crate::repository::VcsError::from(error)))
}

/// What discovery asks about the machine: the session's own PATH, and the working copy.
struct Around {
    path: Vec<PathBuf>,
    virtual_env: Option<PathBuf>,
    working_copy: Option<PathBuf>,
    gradle_home: PathBuf,
}

impl Around {
    fn new(worker: &Worker, session: &Session, source: &Source) -> Self {
        let path = session.environment().get("PATH").unwrap_or(&worker.settings.path);
        let around = Self::of(path, &worker.settings.user_home, working_copy(source));
        let named = |variable: &str| session.environment().get(variable).map(PathBuf::from);
        let gradle_home = named("GRADLE_USER_HOME").unwrap_or(around.gradle_home);
        Self { virtual_env: named("VIRTUAL_ENV"), gradle_home, ..around }
    }

    fn of(path: &str, home: &Path, working_copy: Option<PathBuf>) -> Self {
        let (path, gradle_home) = (std::env::split_paths(path).collect(), home.join(".gradle"));
        Self { path, virtual_env: None, working_copy, gradle_home }
    }
}

/// The folder of a repository on this machine.
fn working_copy(source: &Source) -> Option<PathBuf> {
    match source {
        Source::Path(path) => Some(path.as_path().to_owned()),
        Source::Url(_) => None,
    }
}

impl Surroundings for Around {
    fn which(&self, program: &str) -> Option<PathBuf> {
        self.path.iter().map(|folder| folder.join(program)).find(|path| is_executable(path))
    }

    fn lends(&self, path: &str) -> bool {
        self.working_copy.as_ref().is_some_and(|copy| copy.join(path).exists())
    }

    fn python_has(&self, python: &Path, module: &str) -> bool {
        // asking the interpreter would run code of the repository's venv outside confinement: look instead
        // a virtual environment of the working copy is named from its top
        let python = self.working_copy.as_ref().map_or_else(|| python.to_owned(), |copy| copy.join(python));
        let Some(prefix) = python.parent().and_then(Path::parent) else { return false };
        let mut places = vec![prefix.join("lib"), prefix.join("lib64")];
        if prefix.join("versions").is_dir() {
            // pyenv's shims stand for any of its versions
            let versions = std::fs::read_dir(prefix.join("versions")).into_iter().flatten().flatten();
            places.extend(versions.map(|version| version.path().join("lib")));
        }
        let libraries = places.iter().filter_map(|lib| std::fs::read_dir(lib).ok()).flatten().flatten();
        libraries
            .map(|entry| entry.path())
            .any(|lib| ["site-packages", "dist-packages"].iter().any(|folder| lib.join(folder).join(module).exists()))
    }

    fn working_copy(&self) -> Option<PathBuf> {
        self.working_copy.clone()
    }

    fn has_gradle(&self, distribution: &str) -> bool {
        // unpacked below a folder named by the address's digest, beside a mark that says so
        let places = std::fs::read_dir(self.gradle_home.join("wrapper/dists").join(distribution));
        let mark = format!("{distribution}.zip.ok");
        places.into_iter().flatten().flatten().any(|place| place.path().join(&mark).exists())
    }

    fn virtual_env(&self) -> Option<PathBuf> {
        self.virtual_env.clone()
    }
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Runs the checks of one lane.
pub(super) async fn check(
    worker: &Arc<Worker>,
    session: &Arc<Session>,
    lane: LaneId,
    version: Version,
    cancel: &Cancel,
) -> Result<Finding, Stuck> {
    if !session.asked.playbook.has(Stage::Checks) {
        return Ok(unverified(format!("playbook {} runs no checks", session.asked.playbook.name)));
    }
    loop {
        let found = check_once(worker, session, lane, version, cancel).await?;
        let Finding::Checks(result) = &found else { return Ok(found) };
        // a person may have permitted what it lacks while it ran: asked now, they would be told that nothing waits
        let root = session.base_of(lane, version).map(|base| top_of(&base.source));
        let lacks = result.setup_wants_network.zip(root);
        if lacks.is_none_or(|(setup, root)| !worker.trust.setup_network(&root).contains(&setup)) {
            return Ok(found);
        }
    }
}

async fn check_once(
    worker: &Arc<Worker>,
    session: &Arc<Session>,
    lane: LaneId,
    version: Version,
    cancel: &Cancel,
) -> Result<Finding, Stuck> {
    let prepared = {
        let (worker, session) = (worker.clone(), session.clone());
        blocking(move || prepare(&worker, &session, lane, version)).await?
    };
    let job = match prepared {
        Prepared::Run(job) => job,
        Prepared::Not(why, notices) => {
            let mut result = ValidationResult { unverified: Some(why), ..ValidationResult::default() };
            result.notices = notices;
            return Ok(Finding::Checks(Box::new(result)));
        }
    };
    let (repo, root) = (job.snapshot.repo.clone(), top_of(&job.snapshot.source));
    let (notices, live_logs) = (worker.notices.clone(), worker.live_logs.clone());
    let handle = tokio::runtime::Handle::current();
    let listener = Listener { session: session.asked.id, version, repo, notices, live_logs, handle };
    match worker.ports.validator.validate(&job, &listener, cancel).await {
        Ok(result) => {
            let before = session.patch_set(lane, version).map(|set| set.rechecks.before.clone()).unwrap_or_default();
            Ok(Finding::Checks(Box::new(with_way_out(ValidationResult { before, ..result }, &root))))
        }
        Err(ValidatorError::Cancelled) => Err(Stuck::needs_human("the checks were stopped", "paraph check")),
        Err(error) => Err(Stuck::needs_human(error.to_string(), "paraph doctor, then paraph check")),
    }
}

/// Says how a person permits the network to a setup step that cannot do without.
fn with_way_out(mut result: ValidationResult, root: &HostPath) -> ValidationResult {
    if let (Some(why), Some(_)) = (&mut result.unverified, result.setup_wants_network) {
        why.push_str(&format!(", which a person must permit: paraph trust {root} --setup-network"));
    }
    result
}

fn unverified(why: String) -> Finding {
    Finding::Checks(Box::new(ValidationResult { unverified: Some(why), ..ValidationResult::default() }))
}

enum Prepared {
    Run(Box<ValidationJob>),
    Not(String, Vec<String>),
}

fn prepare(worker: &Worker, session: &Session, lane: LaneId, version: Version) -> Result<Prepared, Stuck> {
    let gone = || Stuck::needs_human(format!("there is no {version} of this lane"), "paraph show");
    let set = session.patch_set(lane, version).ok_or_else(gone)?;
    let snapshot = session.base_of(lane, version).ok_or_else(gone)?;
    let (tree, commit, _) = set.applied.as_ref().ok_or_else(gone)?;
    let base = worker.ports.vcs.tree(&snapshot.key, &snapshot.tree)?;
    let configured = configuration(worker, base.as_ref())?;
    let stored = read_changes(worker.blobs(), &set.drafted.digest)?;
    let changed: Vec<RepoPath> = stored.changes.files().iter().map(|file| file.path.clone()).collect();
    let mut plan = plan(worker, session, &snapshot.source, base.as_ref(), &configured, &changed)?;
    for lacks in plan.checks.iter_mut().filter_map(|check| check.lacks.as_mut()) {
        lacks.push_str(&format!(", then paraph check {}", session.asked.id));
    }
    if plan.checks.is_empty() {
        return Ok(Prepared::Not(plan.why_none(), plan.notices));
    }
    let root = top_of(&snapshot.source);
    if !worker.trust.has(&root) {
        let why = format!("{root} is not trusted to run its own commands: paraph trust {root}");
        return Ok(Prepared::Not(why, plan.notices));
    }
    let environment = environment_of(worker, session);
    Ok(Prepared::Run(Box::new(ValidationJob {
        session: session.asked.id,
        version,
        lane,
        snapshot: snapshot.clone(),
        tree: tree.clone(),
        commit: commit.clone(),
        plan,
        environment,
        home: worker.settings.user_home.clone(),
        setup_network: worker.trust.setup_network(&root).into_iter().collect(),
        sides: set.rechecks.sides,
    })))
}

/// The client's variables, with a PATH where it sent none.
pub(super) fn environment_of(worker: &Worker, session: &Session) -> BTreeMap<String, String> {
    let mut environment = session.environment().clone();
    environment.entry("PATH".to_owned()).or_insert_with(|| worker.settings.path.clone());
    environment
}

/// Judges and scores one lane.
pub(super) fn score(worker: &Worker, session: &Session, lane: LaneId, version: Version) -> Result<Finding, Stuck> {
    let gone = || Stuck::needs_human(format!("there is no {version} of this lane"), "paraph show");
    let set = session.patch_set(lane, version).ok_or_else(gone)?;
    let base = session.base_of(lane, version).ok_or_else(gone)?;
    let validation = set.validation.clone().unwrap_or_default();
    let stored = read_changes(worker.blobs(), &set.drafted.digest)?;
    let tree = worker.ports.vcs.tree(&base.key, &base.tree)?;
    let policy = policy_of(worker, session, lane, version, tree.as_ref())?;
    let mut violations = worker
        .ports
        .policy
        .judge(&stored.changes, tree.as_ref(), &policy)
        .map_err(|error| Stuck::from(crate::repository::VcsError::from(error)))?;
    let stats: Vec<crate::api::FileStat> =
        serde_json::from_slice(&worker.blobs().get(set.drafted.stats)?).unwrap_or_default();
    let lines: Vec<(u32, u32)> = stats.iter().map(|stat| (stat.added, stat.deleted)).collect();
    let score = worker.ports.scorer.score(&Evidence {
        goal: session.asked.goal.raw(),
        kind: session.asked.kind,
        paths: &session.asked.paths,
        changes: &stored.changes,
        lines: &lines,
        validation: &validation,
        violations: &violations,
        reviews: set.reviews.as_deref().unwrap_or_default(),
    });
    let drift = crate::runtime::answer::measured(worker.ports.vcs.as_ref(), session, lane, version);
    let intake = intake(session);
    let missing: Vec<String> = match session.lacks_artifacts() {
        true => ARTIFACTS.iter().map(|name| (*name).to_owned()).collect(),
        false => Vec::new(),
    };
    let overrides: Vec<_> = set.overrides.iter().map(OverrideRecord::accepted).collect();
    let gates = crate::scoring::gates(&GateInput {
        intake: Some((true, &intake)),
        missing_artifacts: Some(&missing),
        placement: &Placement::Clean,
        drift: drift.as_ref().map(|drift| drift.as_ref().map_err(String::as_str)),
        validation: Some(&validation),
        violations: &violations,
        overrides: &overrides,
        score: Some(&score),
        threshold: worker.settings.threshold,
        ci: None,
    });
    violations.truncate(MOST_VIOLATIONS);
    Ok(Finding::Score { violations, score: Box::new(score), gates })
}

/// Who took the goal up, what triage recommended, and who said GO.
fn intake(session: &Session) -> String {
    let mut evidence = format!("started by {}", session.asked.by.login);
    if let Some((report, _)) = &session.triage {
        evidence.push_str(&format!("; triage: {}", report.recommendation.name()));
        if !report.missing.is_empty() {
            evidence.push_str(&format!(", {} missing", counted(report.missing.len(), "thing")));
        }
    }
    if let Some(person) = &session.go_by {
        evidence.push_str(&format!("; GO by {}", person.login));
    }
    evidence
}

/// The policy that a version is judged by: that of the base it stands on. Adopted work may bring another base than
/// the one the lane started with, and what is frozen there counts.
pub(super) fn policy_of(
    worker: &Worker,
    session: &Session,
    lane: LaneId,
    version: Version,
    tree: &dyn Tree,
) -> Result<PolicySettings, Stuck> {
    policy_at(session, lane, version, tree, &worker.settings)
}

fn policy_at(
    session: &Session,
    lane: LaneId,
    version: Version,
    tree: &dyn Tree,
    settings: &Settings,
) -> Result<PolicySettings, Stuck> {
    let known = session
        .lane(lane)
        .ok_or_else(|| Stuck::needs_human(format!("there is no {version} of this lane"), "paraph show"))?;
    let first = known.snapshot.as_ref().map(|snapshot| &snapshot.tree);
    if first == session.base_of(lane, version).map(|base| &base.tree) {
        return Ok(known.policy.clone());
    }
    Ok(configured_plan(tree, settings)?.policy)
}

/// The commands that trusting the repository lets run, as its HEAD has them, and what a person should know of them.
pub(super) fn commands_of(
    ports: &Ports,
    settings: &Settings,
    source: &Source,
) -> Result<(Vec<Untrusted>, Vec<Untrusted>), Stuck> {
    let snapshot = ports.vcs.snapshot(source, &Base::Head)?;
    let tree = ports.vcs.tree(&snapshot.key, &snapshot.tree)?;
    let around = Around::of(&settings.path, &settings.user_home, working_copy(source));
    let plan = match configured_plan(tree.as_ref(), settings).map(|configured| configured.plan) {
        Ok(Some(plan)) => plan,
        Ok(None) => crate::validation::discover(tree.as_ref(), &around, &[])
            .map_err(|error| Stuck::from(crate::repository::VcsError::from(error)))?,
        // a configuration that does not read lets nothing run, and says why
        Err(stuck) => return Ok((Vec::new(), vec![stuck.reason.into()])),
    };
    let setup = plan.setup.iter().map(|setup| format!("setup: {}", line(&setup.command)));
    let commands = setup.chain(plan.checks.iter().map(|check| line(&check.command))).map(Untrusted::from);
    Ok((commands.collect(), plan.notices.iter().map(|notice| notice.as_str().into()).collect()))
}

/// The setup step of the repository's HEAD on its lockfiles, and its command.
pub(super) fn setup_of(ports: &Ports, settings: &Settings, source: &Source) -> Result<Option<(Digest, String)>, Stuck> {
    let snapshot = ports.vcs.snapshot(source, &Base::Head)?;
    let tree = ports.vcs.tree(&snapshot.key, &snapshot.tree)?;
    let plan = configured_plan(tree.as_ref(), settings)?.plan;
    let Some(setup) = plan.and_then(|plan| plan.setup) else { return Ok(None) };
    let locks = crate::validation::lockfiles(tree.as_ref())
        .map_err(|error| Stuck::from(crate::repository::VcsError::from(error)))?;
    Ok(Some((setup.digest(locks), line(&setup.command))))
}

/// A command as a person would type it.
fn line(command: &CommandLine) -> String {
    match command {
        CommandLine::Args(words) => words.join(" "),
        CommandLine::Shell(text) => text.clone(),
    }
}
