//! A home, a repository, and a runtime whose engine and validator are steered.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use crate::api::{
    AdoptRequest, Call, ClientInfo, DecideRequest, Failure, ListRequest, NoticeStream, Reply, RepositoryRequest,
    Request, RunRequest, Service as _, SessionList, SessionView, ShowRequest, StatusRequest, StatusView, TrustRequest,
    Verdict,
};
use crate::cancel::Cancel;
use crate::clock::SystemClock;
use crate::diff::{ChangeSet, FileChange, FileSide};
use crate::id::{Digest, HostPath, ObjectId, RandomIds, RepoPath, RequestId, SessionId, SessionRef};
use crate::indexing::{BasicFileIndex, IndexSettings};
use crate::infrastructure::blobs::Blobs;
use crate::infrastructure::fault::Faults;
use crate::policy::{BuiltInPolicy, PolicySettings};
use crate::proposal::{Brief, Context, Draft, EngineError, EngineKind, ProposalEngine};
use crate::publishing::LocalForge;
use crate::repository::{Base, GitVcs, RepoKey, Source, WorkSpec};
use crate::runtime::{Engines, Home, Operator, Ports, Runtime, Settings, Started};
use crate::scoring::{SixDimensions, Tenths};
use crate::validation::{
    BaselineStatus, CheckKind, CheckResult, CheckStatus, Progress, Reclaimed, TestTally, ValidationJob,
    ValidationResult, Validator, ValidatorError,
};

/// Writes one file, as slowly as it is told.
#[derive(Default)]
pub(super) struct SteeredEngine {
    pub(super) drafts: AtomicUsize,
    pub(super) slow: AtomicBool,
    pub(super) panics: AtomicBool,
    at_once: AtomicUsize,
    pub(super) most_at_once: AtomicUsize,
}

#[async_trait]
impl ProposalEngine for SteeredEngine {
    async fn draft(&self, brief: &Brief, _cancel: &Cancel) -> Result<Draft, EngineError> {
        assert!(!self.panics.load(Ordering::SeqCst), "told to panic");
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        let number = self.drafts.fetch_add(1, Ordering::SeqCst);
        if self.slow.load(Ordering::SeqCst) {
            // deaf to `cancel` for a while, as real engines may be
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        let text = format!("draft {number} of {}\n", brief.session);
        let new = FileSide::regular(text.into_bytes());
        let changes = ChangeSet::new([FileChange { path: RepoPath::from("new.txt"), old: None, new: Some(new) }]);
        let context = Context {
            engine: "steered/1".to_owned(),
            goal: brief.goal.clone(),
            tree: brief.snapshot.tree.clone(),
            inputs: Vec::new(),
            items: Vec::new(),
        };
        let (explanation, message) = ("it was written".into(), "Write it".into());
        Ok(Draft { explanation, message, changes, context, base: None, log: None, answers: Vec::new() })
    }
}

/// One check that passes, or hangs until it is cancelled.
#[derive(Default)]
pub(super) struct SteeredValidator {
    pub(super) runs: AtomicUsize,
    pub(super) running: AtomicUsize,
    pub(super) hangs: AtomicBool,
}

#[async_trait]
impl Validator for SteeredValidator {
    async fn validate(
        &self,
        _job: &ValidationJob,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<ValidationResult, ValidatorError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        if self.hangs.load(Ordering::SeqCst) {
            self.running.fetch_add(1, Ordering::SeqCst);
            cancel.cancelled().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            self.running.fetch_sub(1, Ordering::SeqCst);
            return Err(ValidatorError::Cancelled);
        }
        let check = CheckResult {
            name: "true".to_owned(),
            kind: CheckKind::Test,
            status: CheckStatus::Passed,
            baseline: BaselineStatus::Passed,
            duration_ms: 1,
            tests: TestTally::default(),
            confinement: String::new(),
            log: None,
            base_log: None,
            note: String::new(),
            again: Vec::new(),
        };
        progress.finished(&check);
        Ok(ValidationResult { checks: vec![check], ..ValidationResult::default() })
    }

    /// It makes none.
    fn discard(&self, _key: &RepoKey, _trees: &[ObjectId]) -> Result<Reclaimed, ValidatorError> {
        Ok(Reclaimed::default())
    }
}

pub(super) struct Bench {
    folder: Arc<tempfile::TempDir>,
    runtime: Option<Runtime>,
    pub(super) engine: Arc<SteeredEngine>,
    pub(super) validator: Arc<SteeredValidator>,
}

/// A request with a name of its own.
pub(super) fn fresh(request: Request) -> Call {
    let client = ClientInfo { name: "test".to_owned(), ..ClientInfo::default() };
    Call { id: RequestId(uuid::Uuid::now_v7()), client, request }
}

fn git(dir: &Path, args: &[&str]) {
    let mut command = Command::new("git");
    command.current_dir(dir).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]).args(args);
    let done = command.output().expect("git runs");
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(Faults::none())
    }

    pub(super) fn with_faults(spec: &str) -> Self {
        Self::with(Faults::parse(Some(spec)).expect("a fault"))
    }

    fn with(faults: Faults) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("tempdir"));
        let repo = folder.path().join("repo");
        std::fs::create_dir(&repo).expect("repo");
        git(&repo, &["init", "-q", "-b", "main"]);
        std::fs::write(repo.join("a.txt"), "a\n").expect("written");
        let checks = "[[check]]\nname = \"true\"\nkind = \"test\"\ncommand = [\"true\"]\n";
        std::fs::write(repo.join(".paraph.toml"), checks).expect("written");
        git(&repo, &["add", "-A"]);
        git(&repo, &["commit", "-q", "-m", "first"]);
        let mut bench = Self { folder, runtime: None, engine: Arc::default(), validator: Arc::default() };
        bench.start(faults);
        bench
    }

    fn start(&mut self, faults: Faults) {
        let home = self.home();
        // the fault is for what comes: opening the home makes its first writes without it
        let started =
            Started::open(&home, &SystemClock::default(), &RandomIds, &Faults::none()).expect("the home opens");
        drop(started);
        let started = Started::open(&home, &SystemClock::default(), &RandomIds, &faults).expect("the home opens");
        let ports = self.ports(&home);
        let settings = Settings {
            workers: 2,
            engine: EngineKind::Rules,
            program: None,
            playbook: "quick".to_owned(),
            repairs: 0,
            budget: crate::session::Budget::default(),
            policy: PolicySettings::default(),
            threshold: Tenths::clamped(70),
            max_check: Duration::from_secs(60),
            path: "/usr/bin:/bin".to_owned(),
            user_home: PathBuf::from("/nonexistent"),
        };
        let operator =
            Operator { login: "ada@here".to_owned(), name: "Ada".to_owned(), email: "ada@example.org".into() };
        self.runtime = Some(Runtime::start(started, ports, settings, operator).expect("it starts"));
    }

    fn ports(&self, home: &Home) -> Ports {
        let vcs = Arc::new(GitVcs::new(home.repos(), Vec::<(OsString, OsString)>::new()));
        Ports {
            clock: Arc::new(SystemClock::default()),
            ids: Arc::new(RandomIds),
            vcs,
            index: Arc::new(BasicFileIndex::new(IndexSettings::default())),
            engines: Engines {
                rules: self.engine.clone(),
                patch: self.engine.clone(),
                adopt: self.engine.clone(),
                llm: self.engine.clone(),
                command: self.engine.clone(),
                agent: self.engine.clone(),
            },
            models: Arc::new(crate::infrastructure::llm::Nobody::default()),
            mask: crate::text::LiveMask::default(),
            validator: self.validator.clone(),
            policy: Arc::new(BuiltInPolicy::new()),
            scorer: Arc::new(SixDimensions),
            forge: Arc::new(LocalForge::new(home.repos())),
            blobs: Blobs::new(&home.blobs(), Faults::none()),
            faults: Faults::none(),
        }
    }

    pub(super) fn home(&self) -> Home {
        Home::at(self.folder.path().join("home"))
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it runs")
    }

    pub(super) async fn stop(&self) {
        tokio::time::timeout(Duration::from_secs(8), self.runtime().stop()).await.expect("it stops in time");
    }

    /// Waits until the service ended by itself.
    pub(super) async fn ended(&self) {
        tokio::time::timeout(Duration::from_secs(20), self.runtime().ended()).await.expect("it ends");
    }

    pub(super) fn keep_records(&self) {
        self.runtime().keep_records(self.home());
    }

    pub(super) async fn restart(&mut self) {
        self.stop().await;
        self.runtime = None;
        self.start(Faults::none());
    }

    /// Stops and lets go of the store; the folder stays as long as it is held.
    pub(super) async fn end(self) -> (Home, Arc<tempfile::TempDir>) {
        self.stop().await;
        (self.home(), self.folder.clone())
    }

    /// Drops the runtime without stopping it; the folder stays.
    pub(super) fn drop_runtime(self) -> Arc<tempfile::TempDir> {
        self.folder.clone()
    }

    pub(super) async fn call(&self, call: Call) -> Result<Reply, Failure> {
        tokio::time::timeout(Duration::from_secs(20), self.runtime().call(call)).await.expect("an answer comes")
    }

    pub(super) async fn ask(&self, request: Request) -> Result<Reply, Failure> {
        self.call(fresh(request)).await
    }

    pub(super) async fn notices(&self) -> NoticeStream {
        self.runtime().notices().await.expect("notices")
    }

    pub(super) fn run_request(&self, goal: &str) -> Request {
        let source = Source::Path(HostPath::new(self.folder.path().join("repo")));
        Request::Run(RunRequest {
            goal: goal.to_owned(),
            kind: None,
            repositories: vec![RepositoryRequest { source, base: Base::Head }],
            engine: None,
            rules: Vec::new(),
            paths: Vec::new(),
            playbook: None,
            patch: None,
            program: None,
            issue: None,
            candidates: Vec::new(),
        })
    }

    pub(super) async fn run(&self, goal: &str) -> SessionId {
        match self.ask(self.run_request(goal)).await {
            Ok(Reply::Run(view)) => view.id,
            other => panic!("no session: {other:?}"),
        }
    }

    /// Runs git in the repository.
    pub(super) fn git(&self, args: &[&str]) {
        git(&self.folder.path().join("repo"), args);
    }

    /// Adopts work as somebody does who stands in a folder beside the home.
    pub(super) async fn adopt(&self, here: &str, work: WorkSpec) -> Result<SessionId, Failure> {
        let source = Source::Path(HostPath::new(self.folder.path().join(here)));
        match self.ask(Request::Adopt(AdoptRequest { source, work, goal: None })).await? {
            Reply::Adopt(view) => Ok(view.id),
            other => panic!("no session: {other:?}"),
        }
    }

    /// The worktree at a path from that folder, spelled like that.
    pub(super) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(super) fn worktree(&self, spelled: &str) -> WorkSpec {
        WorkSpec::Worktree(HostPath::new(self.folder.path().join(spelled)))
    }

    /// A diff among the bodies.
    pub(super) fn body(&self, bytes: &[u8]) -> Digest {
        Blobs::new(&self.home().blobs(), Faults::none()).put(bytes).expect("stored")
    }

    pub(super) fn trust_request(&self, trust: Option<bool>) -> Request {
        Request::Trust(TrustRequest {
            path: HostPath::new(self.folder.path().join("repo")),
            trust,
            setup_network: None,
        })
    }

    pub(super) async fn show(&self, id: SessionId) -> SessionView {
        let show = Request::Show(ShowRequest { session: SessionRef { session: id, version: None } });
        match self.ask(show).await {
            Ok(Reply::Show(view)) => view,
            other => panic!("no view: {other:?}"),
        }
    }

    /// The session once it stands still in `state`.
    pub(super) async fn until(&self, id: SessionId, state: &str) -> SessionView {
        for _ in 0..1000 {
            let view = self.show(id).await;
            if view.state == state {
                return view;
            }
            assert!(
                view.state == "Scored" || !view.needs_me,
                "session {id} is {} ({}), not {state}",
                view.state,
                view.reason.raw()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("session {id} never was {state}: {:?}", self.show(id).await);
    }

    /// The reason that a session gives, once it is as wanted.
    pub(super) async fn until_reason(&self, id: SessionId, wanted: impl Fn(&str) -> bool) -> String {
        for _ in 0..1000 {
            let view = self.show(id).await;
            if wanted(view.reason.raw()) {
                return view.reason.raw().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("session {id} never said so: {:?}", self.show(id).await);
    }

    pub(super) async fn condition(&self, holds: impl Fn() -> bool) {
        for _ in 0..1000 {
            if holds() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it never held");
    }

    pub(super) fn decide(&self, view: &SessionView, verdict: Verdict) -> DecideRequest {
        let version = view.versions.last().expect("a version");
        DecideRequest {
            session: SessionRef { session: view.id, version: Some(version.number) },
            repo: None,
            verdict,
            digest: version.patch_sets[0].digest.to_string(),
            message: "because".to_owned(),
        }
    }

    pub(super) fn decision(&self, view: &SessionView, verdict: Verdict) -> Request {
        Request::Decide(self.decide(view, verdict))
    }

    pub(super) async fn list(&self, asked: ListRequest) -> SessionList {
        match self.ask(Request::List(asked)).await {
            Ok(Reply::List(list)) => list,
            other => panic!("no list: {other:?}"),
        }
    }

    pub(super) async fn status(&self) -> StatusView {
        match self.ask(Request::Status(StatusRequest {})).await {
            Ok(Reply::Status(status)) => status,
            other => panic!("no status: {other:?}"),
        }
    }
}
