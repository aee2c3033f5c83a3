//! The way to a service: a running daemon, one that is started, or the service in this process.

use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::api::{Call, Connect, Failure, FailureKind, NoticeStream, Reply, Request, Service, Start};

use super::client::Client;
use super::facts::{DaemonFacts, Standing};
use super::launch::{Launch, LaunchPlan, Launched, cleaned};
use super::lifecycle::{Hosted, Open};
use super::lock::Lock;
use super::pauses::Pauses;
use super::place::Place;
use super::stop;

/// How long a daemon may take to open its store.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long an older daemon may take to leave.
const HANDOVER: Duration = Duration::from_secs(20);
/// How many daemons a client starts where each meets another that leaves before it answers.
const STARTS: u32 = 4;
/// Bytes that a home must take before a daemon is started: its log, lock and signs.
const ROOM_TO_START: usize = 64 << 10;
/// The same of a daemon that could not start and said nothing: a new store takes half a megabyte at once.
const ROOM_TO_GO_ON: usize = 2 << 20;
/// How much of the log a failed start shows.
const LOG_LINES: usize = 12;
const LOG_BYTES: u64 = 4096;

/// The variable in which a client tells a daemon what it starts it with.
pub const STARTED_WITH: &str = "PARAPH_STARTED_WITH";

/// What a connector is made of.
pub struct ConnectorParts {
    /// Where the daemon is met.
    pub place: Place,
    /// This program's version.
    pub version: String,
    /// A digest of the settings that a daemon reads once, at its start.
    pub settings: String,
    /// This program: its `daemon run` is the daemon.
    pub program: PathBuf,
    /// The environment, whole; a daemon gets the allowed part of it, `PARAPH_HOME` and `PARAPH_DETACHED=1`.
    pub environment: Vec<(OsString, OsString)>,
    /// Variables that the user's own git needs: the daemon gets them too.
    pub passed_on: &'static [&'static str],
    /// Starts processes.
    pub launch: Arc<dyn Launch>,
    /// Opens the service in this process.
    pub open: Open,
}

/// Finds a daemon, starts one, or does without.
pub struct Connector {
    parts: ConnectorParts,
    arguments: Vec<OsString>,
}

#[async_trait]
impl Connect for Connector {
    async fn connect(&self, start: Start) -> Result<Arc<dyn Service>, Failure> {
        match start {
            Start::InProcess => self.in_process().await,
            Start::Never => self.running(start).await,
            Start::IfNeeded => match self.running(start).await {
                Err(failure) if failure.kind == FailureKind::Unreachable => self.started().await,
                found => found,
            },
        }
    }
}

impl Connector {
    /// A connector of these parts.
    #[must_use]
    pub fn new(parts: ConnectorParts) -> Self {
        Self { parts, arguments: vec!["daemon".into(), "run".into()] }
    }

    /// The same, where other arguments than `daemon run` make the program a daemon.
    #[must_use]
    pub fn with_arguments(mut self, arguments: Vec<OsString>) -> Self {
        self.arguments = arguments;
        self
    }

    /// A daemon that runs and understands this client. One that is older, or whose settings have changed since, makes room
    /// where nobody needs it and another may be started in its place: then there is none.
    async fn running(&self, start: Start) -> Result<Arc<dyn Service>, Failure> {
        let client = Client::connect(&self.parts.place.address()?).await?;
        let facts = client.facts().await?;
        match facts.standing(&self.parts.version) {
            Standing::Same if facts.has_other_settings(&self.parts.settings) && start == Start::IfNeeded => {
                match self.made_room(&client, facts.pid).await {
                    Some(none) => Err(none),
                    None => Ok(Arc::new(Otherwise { client, pid: facts.pid })),
                }
            }
            Standing::Same => Ok(Arc::new(client)),
            Standing::Newer => Err(self.newer(&facts)),
            Standing::Older { understood } => {
                if start == Start::IfNeeded
                    && let Some(none) = self.made_room(&client, facts.pid).await
                {
                    return Err(none);
                }
                if understood { Ok(Arc::new(client)) } else { Err(self.older(&facts)) }
            }
        }
    }

    /// That the daemon of process `pid` is there no more, where it was not needed.
    async fn made_room(&self, client: &Client, pid: u32) -> Option<Failure> {
        client.ask_to_leave(true).await.ok()?;
        stop::freed_by(&self.parts.place, pid, HANDOVER).await;
        Some(Failure::new(FailureKind::Unreachable, "the daemon that ran made room"))
    }

    fn newer(&self, facts: &DaemonFacts) -> Failure {
        let message = format!(
            "the daemon (process {}) is version {} with protocol {}, newer than this program, version {}",
            facts.pid, facts.version, facts.protocol, self.parts.version
        );
        Failure::new(FailureKind::Refused, message)
            .hint(format!("use paraph {}", facts.version))
            .hint("paraph daemon stop, where the newer one shall make room")
    }

    fn older(&self, facts: &DaemonFacts) -> Failure {
        let message = format!(
            "the daemon (process {}) is version {} with protocol {}, too old for this program, version {}",
            facts.pid, facts.version, facts.protocol, self.parts.version
        );
        Failure::new(FailureKind::Refused, message).hint("paraph daemon stop; what it owes goes on with the next one")
    }

    /// A daemon that was started, or another that was faster. That one may have gone for a third already, whose client
    /// found other settings: then once more.
    async fn started(&self) -> Result<Arc<dyn Service>, Failure> {
        let mut logged_before = 0;
        for _ in 0..STARTS {
            if let Some(service) = self.started_once(&mut logged_before).await? {
                return Ok(service);
            }
        }
        Err(self.unstarted(&format!("it left {STARTS} times before it answered"), logged_before))
    }

    /// `logged_before` becomes the length of the log before it.
    async fn started_once(&self, logged_before: &mut u64) -> Result<Option<Arc<dyn Service>>, Failure> {
        let place = &self.parts.place;
        place.try_writing(ROOM_TO_START)?;
        let cannot = |error: std::io::Error| {
            Failure::new(FailureKind::Unreachable, format!("cannot start the daemon: {error}")).hint("paraph doctor")
        };
        let log = place.open_log().map_err(cannot)?;
        *logged_before = log.metadata().map_err(cannot)?.len();
        let plan = LaunchPlan {
            program: self.parts.program.clone(),
            arguments: self.arguments.clone(),
            environment: self.environment(),
            directory: PathBuf::from("/"),
            log,
        };
        let mut launched = self.parts.launch.launch(plan).map_err(cannot)?;
        self.answering(launched.as_mut(), *logged_before).await
    }

    fn environment(&self) -> Vec<(OsString, OsString)> {
        let mut environment = cleaned(self.parts.environment.iter().cloned(), self.parts.passed_on);
        environment.retain(|(name, _)| name != "PARAPH_HOME" && name != "PARAPH_DETACHED" && name != STARTED_WITH);
        environment.push((STARTED_WITH.into(), self.parts.settings.clone().into()));
        environment.push(("PARAPH_HOME".into(), self.parts.place.home().into()));
        environment.push(("PARAPH_DETACHED".into(), "1".into()));
        environment
    }

    /// Waits for the daemon to answer: this one, or another that was faster; none where that one left.
    async fn answering(
        &self,
        launched: &mut dyn Launched,
        logged_before: u64,
    ) -> Result<Option<Arc<dyn Service>>, Failure> {
        // the daemon tells when it listens; the pauses are for one that cannot, and for another that was faster
        let mut pauses = Pauses::new(Duration::from_millis(5), Duration::from_millis(20));
        let mut settled = false;
        loop {
            tokio::select! {
                () = launched.settled(), if !settled => settled = true,
                () = pauses.pause() => {}
            }
            let ended = launched.ended().ok().flatten();
            match self.running(Start::Never).await {
                Err(failure) if failure.kind == FailureKind::Unreachable => {}
                found => return found.map(Some),
            }
            if let Some(ended) = ended {
                if ended.success() {
                    return Ok(None);
                }
                return Err(self.unstarted(&format!("it ended with {ended}"), logged_before));
            }
            if pauses.waited() > PATIENCE {
                let message = format!("it did not answer within {} s", PATIENCE.as_secs());
                return Err(self.unstarted(&message, logged_before));
            }
        }
    }

    /// The failure of a start, with what the daemon said last.
    fn unstarted(&self, how: &str, logged_before: u64) -> Failure {
        let log = self.parts.place.log();
        let mut failure =
            Failure::new(FailureKind::Unreachable, format!("the daemon of {} did not start: {how}", self.home()));
        failure.causes = last_lines(&log, logged_before).unwrap_or_default();
        if failure.causes.is_empty()
            && let Err(why) = self.parts.place.try_writing(ROOM_TO_GO_ON)
        {
            return why; // the log had no room for it either
        }
        failure.hint(format!("less {}", log.display())).hint("paraph doctor")
    }

    fn home(&self) -> std::path::Display<'_> {
        self.parts.place.home().display()
    }

    async fn in_process(&self) -> Result<Arc<dyn Service>, Failure> {
        self.parts.place.try_writing(ROOM_TO_START)?;
        let home = self.parts.place.home().to_owned();
        let lock = tokio::task::spawn_blocking(move || Lock::take(&home)).await;
        let lock =
            lock.map_err(|error| Failure::new(FailureKind::Failed, format!("cannot lock the home: {error}")))??;
        let hosted = (self.parts.open)().await?;
        Ok(Arc::new(InProcess { hosted, _lock: lock }))
    }
}

/// A daemon that works on with settings that are no longer this client's.
struct Otherwise {
    client: Client,
    pid: u32,
}

#[async_trait]
impl Service for Otherwise {
    async fn call(&self, call: Call) -> Result<Reply, Failure> {
        let hangs_on_settings = matches!(call.request, Request::Run(_) | Request::Regenerate(_) | Request::Monitor(_));
        self.client.call(call).await.map_err(|mut failure| {
            if hangs_on_settings && failure.kind != FailureKind::Unreachable {
                let why = format!(
                    "paraph daemon stop: it (process {}) works with the settings that it was started with; what it owes \
                     goes on with the next",
                    self.pid
                );
                failure.hints.insert(0, why);
            }
            failure
        })
    }

    async fn notices(&self) -> Result<NoticeStream, Failure> {
        self.client.notices().await
    }
}

/// A service in this process, with the lock on its home.
struct InProcess {
    // before the lock: the store is closed when the home is free
    hosted: Arc<dyn Hosted>,
    _lock: Lock,
}

#[async_trait]
impl Service for InProcess {
    async fn call(&self, call: Call) -> Result<Reply, Failure> {
        let stops = matches!(call.request, Request::Stop(_));
        let reply = self.hosted.call(call).await;
        if stops {
            self.hosted.stop().await;
        }
        reply
    }

    async fn notices(&self) -> Result<NoticeStream, Failure> {
        self.hosted.notices().await
    }
}

fn last_lines(log: &std::path::Path, from: u64) -> std::io::Result<Vec<String>> {
    let mut file = fs::File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(from.max(length.saturating_sub(LOG_BYTES)).min(length)))?;
    let mut bytes = Vec::new();
    file.take(LOG_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<String> = text.lines().map(str::to_owned).filter(|line| !line.trim().is_empty()).collect();
    Ok(lines[lines.len().saturating_sub(LOG_LINES)..].to_vec())
}
