//! A house for one test: a home, real repositories, the real runtime with the real adapters, one of them swapped.
#![allow(dead_code, missing_docs, clippy::unwrap_used, unreachable_pub, reason = "each test binary uses its own part")]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use paraph::api::{
    Ask, ClientInfo, DecideRequest, Failure, Notice, NoticeStream, PublishRequest, RepositoryRequest, RunRequest,
    Service as _, SessionView, ShowRequest, TimelineRequest, TrustRequest, Verdict, ask,
};
use paraph::audit::{self, Report, VerifyOptions};
use paraph::cancel::Cancel;
use paraph::clock::{FixedClock, Timestamp};
use paraph::id::{HostPath, Ids, ObjectId, RandomIds, RequestId, SessionId, SessionRef, Version};
use paraph::indexing::{IndexSettings, NoTagCache, SymbolIndex};
use paraph::infrastructure::blobs::Blobs;
use paraph::infrastructure::confinement::{Confinement, Limits};
use paraph::infrastructure::fault::Faults;
use paraph::infrastructure::llm::Nobody;
use paraph::policy::{BuiltInPolicy, PolicySettings};
use paraph::proposal::{
    AdoptEngine, AgentEngine, CommandEngine, EngineKind, LlmEngine, LlmLimits, PatchEngine, RuleEngine, Workshop,
    WorkshopPorts,
};
use paraph::publishing::LocalForge;
use paraph::repository::{Base, GitVcs, RepoKey};
use paraph::runtime::{Engines, Home, Operator, Ports, Runtime, Settings, Started};
use paraph::scoring::SixDimensions;
use paraph::session::Budget;
use paraph::syntax::Syntax;
use paraph::text::LiveMask;
use paraph::validation::{
    BaselineStatus, Check, CheckResult, CheckStatus, Progress, Reclaimed, TestTally, ValidationJob, ValidationResult,
    Validator, ValidatorError,
};
use tempfile::TempDir;

#[path = "git.rs"]
mod git;
pub use git::Repository;

/// The longest that anything may take before a test fails; nothing waits for it otherwise.
const PATIENCE: Duration = Duration::from_secs(90);

/// A goal that the shipped rules fit.
pub const GOAL: &str = "compare with None by identity";

pub const FILE: &str = "def empty(x):\n    if x == None:\n        return True\n    return False\n";

/// A folder that holds a home, repositories and nothing of the user's.
pub struct House {
    folder: TempDir,
    pub home: Home,
    pub ports: Ports,
    pub workshop: Workshop,
    pub settings: Settings,
    pub faults: Faults,
}

impl House {
    /// The real adapters; checks alone are answered by [`Told`], as a confined check of a test machine might not run.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home/paraph"));
        fs::create_dir_all(folder.path().join("user")).unwrap();
        let faults = Faults::none();
        let blobs = Blobs::new(&home.blobs(), faults.clone());
        let vcs = Arc::new(GitVcs::new(home.repos(), environment(folder.path())));
        let syntax = Arc::new(Syntax::new());
        let workshop = Workshop::new(WorkshopPorts {
            vcs: vcs.clone(),
            confinement: Confinement::probe(launcher()),
            blobs: blobs.clone(),
            folder: home.workshops(),
            private: vec![home.root().to_owned()],
            limits: Limits::default(),
        });
        let ports = Ports {
            clock: Arc::new(FixedClock::at(Timestamp(1_795_167_000_000))),
            ids: Arc::new(RandomIds),
            index: Arc::new(SymbolIndex::new(syntax, Arc::new(NoTagCache), IndexSettings::default())),
            engines: Engines {
                rules: Arc::new(RuleEngine::default()),
                patch: Arc::new(PatchEngine),
                adopt: Arc::new(AdoptEngine::new(vcs.clone())),
                llm: Arc::new(LlmEngine::new(LiveMask::default(), LlmLimits::default())),
                command: Arc::new(CommandEngine::new(workshop.clone(), Vec::new())),
                agent: Arc::new(AgentEngine::new(workshop.clone(), Vec::new())),
            },
            models: Arc::new(Nobody::default()),
            mask: LiveMask::default(),
            validator: Arc::new(Told::all(CheckStatus::Passed)),
            policy: Arc::new(BuiltInPolicy::new()),
            scorer: Arc::new(SixDimensions),
            forge: Arc::new(LocalForge::new(home.repos())),
            vcs,
            blobs,
            faults: faults.clone(),
        };
        let settings = Settings {
            workers: 2,
            engine: EngineKind::Rules,
            program: None,
            playbook: "quick".to_owned(),
            repairs: 3,
            budget: Budget { cost_micros: Some(1_000_000), tokens: Some(2_000_000) },
            policy: PolicySettings::default(),
            max_check: Duration::from_secs(60),
            threshold: paraph::scoring::Tenths::clamped(70),
            path: std::env::var("PATH").expect("tests run with a PATH"),
            user_home: folder.path().join("user"),
        };
        Self { folder, home, ports, workshop, settings, faults }
    }

    /// The house with other adapters.
    pub fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut house = Self::new();
        change(&mut house);
        house
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Opens the home and starts the runtime, as a daemon's start does.
    pub fn open(&self) -> Desk {
        let ports = self.ports.clone();
        let started = Started::open(&self.home, ports.clock.as_ref(), ports.ids.as_ref(), &self.faults).unwrap();
        let replayed = started.replayed;
        let operator =
            Operator { login: "ana@build1".to_owned(), name: "Ana".to_owned(), email: "ana@example.org".to_owned() };
        let runtime = Runtime::start(started, ports, self.settings.clone(), operator).unwrap();
        let client = ClientInfo { name: "test".to_owned(), ..ClientInfo::default() };
        Desk { runtime, client, replayed }
    }

    /// A committed repository of these files.
    pub fn repository(&self, name: &str, files: &[(&str, &str)]) -> Repository {
        Repository::of(self.path().join(name), self.path().join("user"), files)
    }

    /// A repository that [`GOAL`] has something to do in, with one check of its own.
    pub fn small_repository(&self, name: &str) -> Repository {
        let check = "[[check]]\nname = \"unit\"\nkind = \"test\"\ncommand = [\"true\"]\n";
        self.repository(name, &[("a.py", FILE), (".paraph.toml", check)])
    }

    /// What the notary says, blobs included.
    pub fn verify(&self) -> Report {
        audit::verify(&self.home.journal(), &VerifyOptions { blobs: Some(&self.ports.blobs), ..Default::default() })
    }

    /// Every line of the journal.
    pub fn journal(&self) -> Vec<String> {
        let mut out = Vec::new();
        audit::export(&self.home.journal(), &mut out).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }
}

/// The program, which is the confinement's launcher too: where an ordinary user can reach it, in a run as one.
pub fn launcher() -> PathBuf {
    std::env::var_os("PARAPH_TEST_LAUNCHER").map_or_else(|| env!("CARGO_BIN_EXE_paraph").into(), PathBuf::from)
}

fn environment(folder: &Path) -> Vec<(OsString, OsString)> {
    let path = std::env::var_os("PATH").expect("tests run with a PATH");
    vec![("HOME".into(), folder.join("user").into()), ("PATH".into(), path)]
}

/// A client of a running house.
#[derive(Clone)]
pub struct Desk {
    pub runtime: Runtime,
    pub client: ClientInfo,
    /// Entries that opening replayed into the store.
    pub replayed: u64,
}

pub fn fresh() -> RequestId {
    RequestId(RandomIds.uuid())
}

impl Desk {
    pub async fn ask<A: Ask + Send>(&self, request: A) -> Result<A::Answer, Failure> {
        self.ask_as(fresh(), request).await
    }

    pub async fn ask_as<A: Ask + Send>(&self, id: RequestId, request: A) -> Result<A::Answer, Failure> {
        ask(&self.runtime, id, &self.client, request).await
    }

    pub async fn trust(&self, repository: &Repository) {
        let path = HostPath::new(&repository.path);
        assert!(self.ask(TrustRequest { path, trust: Some(true), setup_network: None }).await.unwrap().trusted);
    }

    /// Starts [`GOAL`] over these repositories.
    pub async fn run(&self, repositories: &[&Repository]) -> SessionId {
        self.run_by(repositories, None).await
    }

    pub async fn run_by(&self, repositories: &[&Repository], playbook: Option<&str>) -> SessionId {
        self.ask(run(repositories, playbook)).await.unwrap().id
    }

    pub async fn show(&self, session: SessionId) -> SessionView {
        self.ask(ShowRequest { session: SessionRef { session, version: None } }).await.unwrap()
    }

    /// Waits until the session is in `state`: looks, and looks again whenever a notice comes.
    #[track_caller]
    pub fn until(&self, session: SessionId, state: &str) -> impl Future<Output = SessionView> {
        let (desk, state) = (self.clone(), state.to_owned());
        let caller = std::panic::Location::caller();
        async move {
            let wanted = state.clone();
            // a session that stands still is not waited for
            let still = |view: &SessionView| matches!(view.state.as_str(), "NeedsHuman" | "BlockedPolicy" | "Failed");
            let seen = desk.wait_until(session, move |view| view.state == wanted || still(view)).await;
            match seen {
                Ok(view) if view.state == state => view,
                Ok(view) => panic!("{caller}: {session} is {} ({}), not {state}", view.state, view.reason.raw()),
                Err(view) => panic!("{caller}: {session} is still {}, not {state}", view.state),
            }
        }
    }

    /// The view as soon as `condition` holds, or as it was when patience ended.
    pub async fn wait_until(
        &self,
        session: SessionId,
        condition: impl Fn(&SessionView) -> bool,
    ) -> Result<SessionView, Box<SessionView>> {
        let mut notices: NoticeStream = self.runtime.notices().await.unwrap();
        let looked = tokio::time::timeout(PATIENCE, async {
            loop {
                let view = self.show(session).await;
                if condition(&view) {
                    return view;
                }
                while let Some(notice) = notices.next().await {
                    match notice {
                        Notice::SessionChanged { row } if row.id == session => break,
                        Notice::Missed | Notice::CheckFinished { .. } | Notice::CheckStarted { .. } => break,
                        _ => {}
                    }
                }
            }
        })
        .await;
        match looked {
            Ok(view) => Ok(view),
            Err(_) => Err(Box::new(self.show(session).await)),
        }
    }

    /// The person's word on the newest version of the session's only lane.
    pub async fn decide(&self, session: SessionId, verdict: Verdict, message: &str) -> Result<SessionView, Failure> {
        let view = self.show(session).await;
        self.ask(decision(&view, verdict, message)).await
    }

    pub async fn publish(&self, session: SessionId) -> Result<SessionView, Failure> {
        self.ask(PublishRequest { session }).await
    }

    /// What happened in a session, by name.
    pub async fn timeline(&self, session: SessionId) -> Vec<String> {
        let timeline = self.ask(TimelineRequest { session }).await.unwrap();
        timeline.entries.into_iter().map(|entry| entry.event).collect()
    }
}

pub fn run(repositories: &[&Repository], playbook: Option<&str>) -> RunRequest {
    RunRequest {
        goal: GOAL.to_owned(),
        kind: None,
        repositories: repositories
            .iter()
            .map(|repository| RepositoryRequest { source: repository.source(), base: Base::Head })
            .collect(),
        engine: None,
        rules: Vec::new(),
        paths: Vec::new(),
        playbook: playbook.map(str::to_owned),
        patch: None,
        program: None,
        issue: None,
        candidates: Vec::new(),
    }
}

/// A decision on the first patch set of the newest version that `view` shows.
pub fn decision(view: &SessionView, verdict: Verdict, message: &str) -> DecideRequest {
    let version = view.versions.last().expect("a version is there");
    DecideRequest {
        session: SessionRef { session: view.id, version: Some(version.number) },
        repo: None,
        verdict,
        digest: version.patch_sets[0].digest.short(),
        message: message.to_owned(),
    }
}

pub fn version(view: &SessionView, number: u32) -> &paraph::api::VersionView {
    view.versions.iter().find(|version| version.number == Version(number)).expect("the version is there")
}

/// A validator that runs nothing and answers as it was told; holds every validation until it may go on.
pub struct Told {
    status: CheckStatus,
    gate: Option<tokio::sync::Semaphore>,
    then: Option<CheckStatus>,
    jobs: std::sync::Mutex<Vec<ValidationJob>>,
    at_once: AtomicUsize,
    most: AtomicUsize,
    runs: AtomicUsize,
}

impl Told {
    pub fn all(status: CheckStatus) -> Self {
        let zero = || AtomicUsize::new(0);
        let (jobs, at_once, most, runs) = (std::sync::Mutex::default(), zero(), zero(), zero());
        Self { status, gate: None, then: None, jobs, at_once, most, runs }
    }

    /// Finds `status` the first time, and `then` ever after.
    pub fn first(status: CheckStatus, then: CheckStatus) -> Self {
        Self { then: Some(then), ..Self::all(status) }
    }

    /// What it was asked for, each time.
    pub fn jobs(&self) -> Vec<ValidationJob> {
        self.jobs.lock().unwrap().clone()
    }

    /// Waits in every validation for [`Told::let_go`].
    pub fn held(status: CheckStatus) -> Self {
        Self { gate: Some(tokio::sync::Semaphore::new(0)), ..Self::all(status) }
    }

    /// Lets `validations` of those that wait, or will, go on.
    pub fn let_go(&self, validations: usize) {
        self.gate.as_ref().expect("it holds").add_permits(validations);
    }

    /// The most validations that ran at once.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    /// How many validations began.
    pub fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    fn result(&self, check: &Check) -> CheckResult {
        CheckResult {
            name: check.name.clone(),
            kind: check.kind,
            status: self.status,
            baseline: BaselineStatus::Passed,
            duration_ms: 1,
            tests: TestTally::default(),
            confinement: "NONE (told)".to_owned(),
            log: None,
            base_log: None,
            note: String::new(),
            again: Vec::new(),
        }
    }
}

#[async_trait]
impl Validator for Told {
    async fn validate(
        &self,
        job: &ValidationJob,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<ValidationResult, ValidatorError> {
        let earlier = self.runs.fetch_add(1, Ordering::SeqCst);
        self.jobs.lock().unwrap().push(job.clone());
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        for check in &job.plan.checks {
            progress.started(&check.name, false, PathBuf::from("/dev/null"));
        }
        let went = match &self.gate {
            None => true,
            Some(gate) => tokio::select! {
                permit = gate.acquire() => { permit.expect("it is never closed").forget(); true }
                () = cancel.cancelled() => false,
            },
        };
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        if !went {
            return Err(ValidatorError::Cancelled);
        }
        let status = self.then.filter(|_| earlier > 0).unwrap_or(self.status);
        let result = |check| CheckResult { status, ..self.result(check) };
        let checks: Vec<CheckResult> = job.plan.checks.iter().map(result).collect();
        checks.iter().for_each(|result| progress.finished(result));
        Ok(ValidationResult { checks, ..ValidationResult::default() })
    }

    /// It makes none.
    fn discard(&self, _key: &RepoKey, _trees: &[ObjectId]) -> Result<Reclaimed, ValidatorError> {
        Ok(Reclaimed::default())
    }
}

/// The names of all branches.
pub fn branches(repository: &Repository) -> BTreeSet<String> {
    repository.branches().into_iter().collect()
}
