//! A service that remembers, a daemon around it, and the process that runs one.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use paraph::api::{
    Call, ClientInfo, Failure, FailureKind, Notice, NoticeStream, Reply, Request, Service, StatusView, StoppedView,
    TrustRequest, TrustView,
};
use paraph::clock::SystemClock;
use paraph::daemon::{
    Client, Connector, ConnectorParts, Hosted, IDLE, Launch, LaunchPlan, Launched, Left, Open, Place, Setup, run,
    run_within,
};
use paraph::id::{Digest, HostPath, RandomIds, RequestId, Seq, SessionId};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

/// Answers `status`, `trust` (which changes something), `metrics` (slowly) and `beads` (by panicking).
pub(crate) struct Fake {
    pub(crate) calls: Mutex<Vec<Call>>,
    pub(crate) replies: Mutex<BTreeMap<String, Reply>>,
    pub(crate) trusted: Mutex<BTreeMap<String, bool>>,
    pub(crate) finished: AtomicU64,
    pub(crate) changes: AtomicU64,
    pub(crate) owes: AtomicBool,
    pub(crate) stopped: AtomicU64,
    pub(crate) dead: AtomicBool,
    pub(crate) notices: broadcast::Sender<Notice>,
}

impl Fake {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            calls: Mutex::default(),
            replies: Mutex::default(),
            trusted: Mutex::default(),
            finished: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            owes: AtomicBool::new(false),
            stopped: AtomicU64::new(0),
            dead: AtomicBool::new(false),
            notices: broadcast::channel(1024).0,
        })
    }

    fn trust(&self, call: &Call, asked: &TrustRequest) -> Reply {
        let mut replies = self.replies.lock().unwrap();
        if let Some(first) = replies.get(&call.id.to_string()) {
            return first.clone();
        }
        let mut all = self.trusted.lock().unwrap();
        if let Some(trust) = asked.trust {
            all.insert(asked.path.to_string(), trust);
            self.changes.fetch_add(1, Ordering::SeqCst);
        }
        let trusted = all.get(&asked.path.to_string()).copied().unwrap_or(false);
        let reply = Reply::Trust(TrustView {
            notices: Vec::new(),
            path: asked.path.clone(),
            trusted,
            commands: vec![],
            refused: false,
            setup_waits: vec![],
        });
        replies.insert(call.id.to_string(), reply.clone());
        reply
    }
}

#[async_trait]
impl Service for Fake {
    async fn call(&self, call: Call) -> Result<Reply, Failure> {
        self.calls.lock().unwrap().push(call.clone());
        if self.dead.load(Ordering::SeqCst) {
            return Err(Failure::new(FailureKind::Unreachable, "the service has ended"));
        }
        match &call.request {
            Request::Status(_) => Ok(Reply::Status(StatusView {
                schema: "paraph.status/1".to_owned(),
                pid: std::process::id(),
                version: "0.1.0".to_owned(),
                sessions: 0,
                need_me: 0,
                running: 0,
                ci_failed: 0,
                clients: 0,
                head: Seq(7),
                head_digest: Digest::of(b"head"),
                held: None,
            })),
            Request::Trust(asked) => Ok(self.trust(&call, asked)),
            Request::Metrics(_) => {
                tokio::time::sleep(Duration::from_millis(150)).await;
                self.finished.fetch_add(1, Ordering::SeqCst);
                Ok(Reply::Metrics(paraph::api::Metrics::default()))
            }
            Request::Beads(_) => panic!("a bug in the service"),
            Request::Stop(_) => Ok(Reply::Stop(StoppedView { pid: std::process::id() })),
            _ => Err(Failure::new(FailureKind::NotFound, "there is no session 12").hint("paraph list")),
        }
    }

    async fn notices(&self) -> Result<NoticeStream, Failure> {
        let stream = futures::stream::unfold(self.notices.subscribe(), |mut receiver| async move {
            match receiver.recv().await {
                Ok(notice) => Some((notice, receiver)),
                Err(broadcast::error::RecvError::Lagged(_)) => Some((Notice::Missed, receiver)),
                Err(broadcast::error::RecvError::Closed) => None,
            }
        });
        Ok(stream.boxed())
    }
}

#[async_trait]
impl Hosted for Fake {
    async fn owes(&self) -> Result<bool, Failure> {
        Ok(self.owes.load(Ordering::SeqCst))
    }

    async fn stop(&self) {
        self.stopped.fetch_add(1, Ordering::SeqCst);
    }
}

pub(crate) fn open(fake: &Arc<Fake>) -> Open {
    let fake = fake.clone();
    Arc::new(move || {
        let hosted: Arc<dyn Hosted> = fake.clone();
        Box::pin(async move { Ok(hosted) })
    })
}

pub(crate) fn setup(place: &Place, fake: &Arc<Fake>) -> Setup {
    Setup {
        place: place.clone(),
        version: "0.1.0".to_owned(),
        detach: false,
        idle: IDLE,
        settings: String::new(),
        clock: Arc::new(SystemClock::default()),
        ids: Arc::new(RandomIds),
        open: open(fake),
    }
}

/// A daemon in this process, over a home of its own.
pub(crate) struct Bench {
    pub(crate) home: tempfile::TempDir,
    pub(crate) place: Place,
    pub(crate) fake: Arc<Fake>,
    pub(crate) daemon: JoinHandle<Result<Left, Failure>>,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Setup)) -> Self {
        let home = tempfile::tempdir().unwrap();
        let place = Place::new(home.path(), None);
        let fake = Fake::new();
        let mut setup = setup(&place, &fake);
        change(&mut setup);
        let daemon = tokio::spawn(run_within(setup));
        let bench = Self { home, place, fake, daemon };
        eventually("the daemon answers", async || Client::connect(&bench.place.socket()).await.is_ok()).await;
        bench
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(&self.place.address().unwrap()).await.unwrap()
    }

    pub(crate) async fn ended(self) -> Left {
        tokio::time::timeout(Duration::from_secs(20), self.daemon).await.expect("it leaves").unwrap().unwrap()
    }
}

/// Waits for a condition, for at most twenty seconds.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..4000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{what}: not within twenty seconds");
}

pub(crate) fn call(request: Request) -> Call {
    let client = ClientInfo { name: "test".to_owned(), terminal: true, ..ClientInfo::default() };
    Call { id: RequestId(paraph::id::Ids::uuid(&RandomIds)), client, request }
}

pub(crate) fn trust(path: &str, trust: Option<bool>) -> Request {
    Request::Trust(TrustRequest { path: HostPath::new(path), trust, setup_network: None })
}

pub(crate) fn trusted(reply: Result<Reply, Failure>) -> bool {
    match reply.unwrap() {
        Reply::Trust(view) => view.trusted,
        other => panic!("not an answer to trust: {other:?}"),
    }
}

pub(crate) fn log_grew(session: u64, size: u64) -> Notice {
    let (check, log) = ("test".to_owned(), HostPath::new("/log"));
    Notice::LogGrew { session: SessionId(session), check, log, size }
}

/// Starts this test program as a daemon: see [`a_daemon_of_its_own`].
pub(crate) struct Starter {
    pub(crate) started: AtomicU64,
}

struct Process(Child);

impl Launch for Starter {
    fn launch(&self, plan: LaunchPlan) -> io::Result<Box<dyn Launched>> {
        self.started.fetch_add(1, Ordering::SeqCst);
        let mut command = Command::new(plan.program);
        command.args(plan.arguments).env_clear().envs(plan.environment).current_dir(plan.directory);
        command.stdin(Stdio::null()).stdout(plan.log.try_clone()?).stderr(plan.log);
        Ok(Box::new(Process(command.spawn()?)))
    }
}

impl Launched for Process {
    fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }
}

/// A connector whose daemons are processes of this test program, with `settings` in their environment.
pub(crate) fn connector(place: &Place, version: &str, settings: &[(&str, &str)]) -> (Connector, Arc<Starter>) {
    let starter = Arc::new(Starter { started: AtomicU64::new(0) });
    let mut environment: Vec<(OsString, OsString)> =
        vec![("HOME".into(), place.home().into()), ("PARAPH_TEST_DAEMON".into(), "1".into())];
    environment.extend(settings.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))));
    environment.push(("OPENAI_API_KEY".into(), "sk-never".into()));
    let parts = ConnectorParts {
        place: place.clone(),
        version: version.to_owned(),
        settings: settings.iter().map(|(name, value)| format!("{name}={value} ")).collect(),
        program: std::env::current_exe().unwrap(),
        environment,
        passed_on: &["HOME", "PATH"],
        launch: starter.clone(),
        open: open(&Fake::new()),
    };
    let arguments = ["--exact", "support::a_daemon_of_its_own", "--nocapture"];
    (Connector::new(parts).with_arguments(arguments.map(Into::into).to_vec()), starter)
}

/// What the daemon's process does; without the home that [`Starter`] gives it there is nothing to do.
#[test]
fn a_daemon_of_its_own() {
    let setting = |name: &str| std::env::var(name).ok();
    let Some(home) = setting("PARAPH_HOME").filter(|_| setting("PARAPH_TEST_DAEMON").is_some()) else { return };
    let home = PathBuf::from(home);
    assert!(setting("OPENAI_API_KEY").is_none(), "keys stay outside");
    if let Some(words) = setting("PARAPH_TEST_FAIL") {
        eprintln!("{words}");
        std::process::exit(3);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let left = runtime.block_on(async {
        let fake = Fake::new();
        fake.owes.store(setting("PARAPH_TEST_OWES").is_some(), Ordering::SeqCst);
        let mut setup = setup(&Place::new(home, None), &fake);
        setup.detach = setting("PARAPH_DETACHED").is_some();
        setup.settings = setting("PARAPH_STARTED_WITH").unwrap_or_default();
        if let Some(version) = setting("PARAPH_TEST_VERSION") {
            setup.version = version;
        }
        if let Some(idle) = setting("PARAPH_TEST_IDLE_MS") {
            setup.idle = Duration::from_millis(idle.parse().unwrap());
        }
        run(setup).await
    });
    println!("left: {left:?}");
    assert!(left.is_ok());
}

/// Whether the process runs (and is no zombie).
pub(crate) fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().and_then(|rest| rest.trim().chars().next()).is_some_and(|state| state != 'Z')
}

pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::symlink_metadata(path).unwrap().mode() & 0o7777
}
