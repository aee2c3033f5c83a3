//! The rooms that a verb opens: screen, demo, daemon, configuration.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::api::{
    BlobStore, ClientInfo, Failure, FailureKind, RepositoryRequest, RunRequest, Service, ShowRequest, Start,
    TrustRequest, ask,
};
use crate::cli::{ConfigAsk, ConfigReport, Edited, InitReport, IssueRead, Launch};
use crate::daemon::{Enduring, Left, Stopped};
use crate::id::{HostPath, RequestId, SessionId, SessionRef};
use crate::repository::{Base, Source};
use crate::runtime::Home;
use crate::text::{SecretMask, Untrusted};
use crate::tui::{ColorDepth, ReadIssue, TuiError, TuiOptions, run};

use super::{House, demo};

/// The rooms of a house.
pub struct Rooms {
    house: Arc<House>,
}

impl Rooms {
    /// The rooms of `house`.
    #[must_use]
    pub fn of(house: Arc<House>) -> Self {
        Self { house }
    }

    async fn screen(
        &self,
        service: Arc<dyn Service>,
        blobs: BlobStore,
        repo: Option<HostPath>,
        open: Option<SessionId>,
    ) -> Result<u8, Failure> {
        let variables = self.house.variables();
        let look = |name: &str| variables.get(name).cloned();
        let settings = self.house.config().settings();
        let ui = settings.ui;
        let usual = TuiOptions::from_environment(look, blobs, self.house.clock(), self.house.ids());
        let depth = match ui.colour.as_str() {
            "never" => ColorDepth::Mono,
            "always" => ColorDepth::at_least_some(look),
            _ => usual.depth,
        };
        let options = TuiOptions {
            theme: ui.theme,
            depth,
            ascii: ui.ascii || usual.ascii,
            mouse: ui.mouse,
            motion: ui.motion,
            here: repo.map(|path| path.to_string()),
            engine: settings.engine,
            open,
            issues: Some(self.issues()),
            folder: std::env::current_dir().ok(),
            client: self.client("tui"),
            mask: Arc::new(self.mask()),
            ..usual
        };
        match run(service, options).await {
            Ok(()) => Ok(0),
            Err(TuiError::Unreached(failure)) => Err(failure),
            Err(error) => Err(Failure::from_error(FailureKind::Failed, &error).hint("paraph doctor")),
        }
    }

    /// Issues are read in this process, with the tokens of whoever sits before the screen.
    fn issues(&self) -> ReadIssue {
        let house = self.house.clone();
        Arc::new(move |url| {
            let house = house.clone();
            async move { house.read_issue(&url, None).await.map(|read| (read.source, read.text)) }.boxed()
        })
    }

    /// One for each part of the program: it knows the keys that the configuration holds, and those that were found in this
    /// process by now.
    fn mask(&self) -> SecretMask {
        self.house.mask().now().judged()
    }

    fn client(&self, name: &str) -> ClientInfo {
        ClientInfo {
            name: name.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            terminal: std::io::stdin().is_terminal() && std::io::stdout().is_terminal(),
            environment: crate::cli::for_checks(&self.house.variables()),
            is_root: false,
        }
    }

    fn request(&self) -> RequestId {
        RequestId(self.house.ids().uuid())
    }

    async fn demonstrate(&self) -> Result<u8, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(FailureKind::Failed, format!("cannot make a place for the demo: {error}"))
                .hint("TMPDIR=/a/folder/you/can/write paraph demo")
        };
        let place = tempfile::Builder::new().prefix("paraph-demo-").tempdir().map_err(failed)?;
        let repository = place.path().join("orchard");
        std::fs::create_dir(&repository).map_err(failed)?;
        let path = self.house.environment.get(std::ffi::OsStr::new("PATH")).cloned().unwrap_or_default();
        let made = repository.clone();
        tokio::task::spawn_blocking(move || demo::make_repository(&made, &path))
            .await
            .unwrap_or_else(|error| Err(Failure::new(FailureKind::Failed, error.to_string())))?;
        let home = Home::at(place.path().join("home"));
        let (runtime, _) = self.house.open_at(&home)?;
        let result = self.walk(&runtime, &home, &repository).await;
        runtime.stop().await;
        crate::infrastructure::confinement::discard(place.path()).map_err(failed)?;
        result
    }

    async fn walk(
        &self,
        runtime: &crate::runtime::Runtime,
        home: &Home,
        repository: &std::path::Path,
    ) -> Result<u8, Failure> {
        let client = self.client("demo");
        let path = HostPath::new(repository);
        let trust = TrustRequest { path: path.clone(), trust: Some(true), setup_network: None };
        ask(runtime, self.request(), &client, trust).await?;
        let run = RunRequest {
            goal: demo::GOAL.to_owned(),
            kind: None,
            repositories: vec![RepositoryRequest { source: Source::Path(path.clone()), base: Base::Head }],
            engine: None,
            rules: demo::RULES.iter().map(|rule| (*rule).to_owned()).collect(),
            paths: Vec::new(),
            playbook: None,
            patch: None,
            program: None,
            issue: None,
            candidates: Vec::new(),
        };
        let session = ask(runtime, self.request(), &client, run).await?.id;
        let blobs = BlobStore::of_home(home.root());
        if client.terminal {
            return self.screen(Arc::new(runtime.clone()), blobs, Some(path), Some(session)).await;
        }
        self.tell(runtime, &client, session).await
    }

    /// Without a terminal the demo tells what the screen would show.
    async fn tell(&self, runtime: &crate::runtime::Runtime, client: &ClientInfo, id: SessionId) -> Result<u8, Failure> {
        use futures::StreamExt as _;
        let mut notices = runtime.notices().await?;
        let whole = || ShowRequest { session: SessionRef { session: id, version: None } };
        let mut session = ask(runtime, self.request(), client, whole()).await?;
        while !session.needs_me && notices.next().await.is_some() {
            session = ask(runtime, self.request(), client, whole()).await?;
        }
        let mut out = std::io::stdout().lock();
        let failed = |error: std::io::Error| Failure::new(FailureKind::Failed, error.to_string());
        writeln!(out, "goal   {}", session.goal.display_line()).map_err(failed)?;
        writeln!(out, "state  {} (session {id} of a home that is gone when this ends)", session.state)
            .map_err(failed)?;
        for version in &session.versions {
            let score = version.score.as_ref().map_or_else(|| "-".to_owned(), |score| score.overall.to_string());
            writeln!(out, "score  {score} of 10").map_err(failed)?;
            for file in version.patch_sets.iter().flat_map(|set| &set.files) {
                writeln!(out, "file   {} +{} -{}", file.path, file.added, file.deleted).map_err(failed)?;
            }
            for check in &version.checks {
                let status = serde_json::to_value(check.status).ok();
                let status = status.as_ref().and_then(|status| status.as_str()).unwrap_or("?");
                let tests = &check.tests;
                writeln!(
                    out,
                    "check  {} {status}: {} passed, {} failed, {} fixed",
                    check.name,
                    tests.passed,
                    tests.failed,
                    tests.fixed.len()
                )
                .map_err(failed)?;
            }
            for gate in &version.gates {
                let passed = gate.passed.map_or("not run", |passed| if passed { "passed" } else { "failed" });
                writeln!(out, "gate   {:?} {passed}: {}", gate.id, gate.evidence.display_line()).map_err(failed)?;
            }
        }
        writeln!(out, "next   in a terminal this opens the review screen: A approve, X reject, R request changes")
            .map_err(failed)?;
        Ok(0)
    }
}

impl Launch for Rooms {
    fn tui(&self, start: Start, repo: Option<HostPath>) -> BoxFuture<'_, Result<u8, Failure>> {
        async move {
            // the screen is painted while the daemon is still looked for
            let service = Enduring::new(Arc::new(self.house.connector()), start);
            self.screen(Arc::new(service), self.house.blobs(), repo, None).await
        }
        .boxed()
    }

    fn read_issue<'a>(&'a self, url: &'a str, forge: Option<&'a str>) -> BoxFuture<'a, Result<IssueRead, Failure>> {
        self.house.read_issue(url, forge).boxed()
    }

    fn edit_text(&self, text: &str) -> Result<Edited, Failure> {
        self.house.edit_text(text)
    }

    fn secret_mask(&self) -> SecretMask {
        self.mask()
    }

    fn demo(&self) -> BoxFuture<'_, Result<u8, Failure>> {
        self.demonstrate().boxed()
    }

    fn daemon_stop(&self) -> BoxFuture<'_, Result<Option<u32>, Failure>> {
        async move {
            Ok(match crate::daemon::stop(&self.house.place()).await? {
                Stopped::Left(pid) => Some(pid),
                Stopped::NotRunning => None,
            })
        }
        .boxed()
    }

    fn daemon_stop_if_idle(&self) -> BoxFuture<'_, bool> {
        async move { crate::daemon::stop_if_idle(&self.house.place()).await }.boxed()
    }

    fn daemon_run(&self) -> BoxFuture<'_, Result<u8, Failure>> {
        async move {
            self.house.log(self.house.home())?;
            match crate::daemon::run(self.house.daemon()).await? {
                Left::AnotherServes(pid) => tracing::info!(pid, "another daemon serves this home"),
                Left::CoreEnded => tracing::error!("the core ended; the next daemon opens everything again"),
                Left::Asked | Left::Idle | Left::HomeGone => {}
            }
            Ok(0)
        }
        .boxed()
    }

    fn drop_typed_ahead(&self) {
        // where standard input is no terminal there is nothing typed to forget
        let _ = rustix::termios::tcflush(std::io::stdin(), rustix::termios::QueueSelector::IFlush);
    }

    fn warning(&self) -> Option<String> {
        self.house.warning.get().cloned()
    }

    fn config(&self, ask: &ConfigAsk) -> Result<ConfigReport, Failure> {
        self.house.answer_config(ask)
    }

    fn terminal_size(&self) -> Option<(usize, usize)> {
        let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
        let known = size.ws_col > 0 && size.ws_row > 0;
        known.then(|| (usize::from(size.ws_col), usize::from(size.ws_row)))
    }

    fn pager(&self, program: &str) -> Option<Box<dyn std::io::Write + Send>> {
        let environment: Vec<_> =
            self.house.environment.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let pager = crate::infrastructure::process::pager(program, &environment)?;
        // ^C is the pager's while it shows something: it must not take this process from under it
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::signal::ctrl_c());
        }
        Some(Box::new(pager))
    }

    fn theme_lint(&self, files: &[HostPath]) -> Result<Vec<Untrusted>, Failure> {
        if files.is_empty() {
            return Ok(crate::tui::lint_shipped_themes().into_iter().map(Untrusted::from).collect());
        }
        let mut findings = Vec::new();
        for file in files {
            let text = std::fs::read_to_string(file.as_path()).map_err(|error| {
                Failure::new(FailureKind::Failed, format!("cannot read `{file}`: {error}"))
                    .hint("paraph theme lint with a theme file, or without one for the themes that ship")
            })?;
            let name = file.as_path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
            findings.extend(crate::tui::lint_theme(&name, &text).into_iter().map(Untrusted::from));
        }
        Ok(findings)
    }

    fn init(&self, repo_file: Option<&HostPath>) -> Result<InitReport, Failure> {
        self.house.initialise(repo_file)
    }
}
