//! A bench: a scripted service, a workbench, streams in memory; a command line in, what was printed out.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use paraph::api::{
    BlobStore, Call, CheckPatchRequest, CheckedPatch, Connect, DoctorReport, Failure, FailureKind, IssueSource, Notice,
    NoticeStream, RecoverView, ReplayView, Reply, Request, RuleView, Service, Start, TimelineEntry, VerifyView,
    Workbench,
};
use paraph::cli::{ConfigAsk, ConfigReport, Edited, InitReport, IssueRead, Launch, Setting, Streams, Terminal, World};
use paraph::clock::{FixedClock, Timestamp};
use paraph::id::{Digest, HostPath, RandomIds, Seq, SessionId, SessionRef};
use paraph::text::Untrusted;
use serde_json::{Value, json};

use super::sample::{self, EVIL};

/// What a command line came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: u8,
    pub(crate) out: String,
    pub(crate) err: String,
    /// What a pager was shown.
    pub(crate) paged: String,
}

impl Outcome {
    /// The one object on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "one line: {self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A service that answers from a table and remembers what it was asked.
#[derive(Default)]
pub(crate) struct Scripted {
    pub(crate) answers: Mutex<BTreeMap<String, Result<Value, Failure>>>,
    pub(crate) asked: Mutex<Vec<Request>>,
    pub(crate) notices: Mutex<Vec<Notice>>,
    /// Whether notices come only after somebody looked how many sessions run.
    pub(crate) notices_wait: Mutex<bool>,
    looked: Arc<tokio::sync::Notify>,
}

#[async_trait]
impl Service for Scripted {
    async fn call(&self, call: Call) -> Result<Reply, Failure> {
        let route = call.request.route();
        assert!(!call.client.environment.keys().any(|name| name.contains("TOKEN")), "keys stay at home");
        let mut asked = self.asked.lock().expect("no panic");
        asked.push(call.request.clone());
        if asked.iter().filter(|request| request.route() == "list").count() > 1 {
            self.looked.notify_one();
        }
        drop(asked);
        let answer = self.answers.lock().expect("no panic").get(route).cloned();
        let body = answer.unwrap_or_else(|| panic!("no answer for {route}"))?;
        Ok(Reply::parse(route, body.to_string().as_bytes())
            .expect("a route")
            .unwrap_or_else(|error| panic!("{route}: {error}")))
    }

    async fn notices(&self) -> Result<NoticeStream, Failure> {
        let notices = std::mem::take(&mut *self.notices.lock().expect("no panic"));
        let notices = futures::stream::iter(notices);
        if !*self.notices_wait.lock().expect("no panic") {
            return Ok(notices.boxed());
        }
        let looked = self.looked.clone();
        Ok(futures::stream::once(async move { looked.notified().await }).flat_map(move |()| notices.clone()).boxed())
    }
}

struct Wire(Option<Arc<Scripted>>);

#[async_trait]
impl Connect for Wire {
    async fn connect(&self, _: Start) -> Result<Arc<dyn Service>, Failure> {
        match &self.0 {
            Some(service) => Ok(service.clone()),
            None => Err(Failure::new(FailureKind::Unreachable, format!("no daemon {EVIL}"))),
        }
    }
}

/// A workbench whose findings a test sets.
#[derive(Clone)]
pub(crate) struct Bare {
    pub(crate) checked: CheckedPatch,
    pub(crate) doctor: DoctorReport,
    pub(crate) verified: VerifyView,
    pub(crate) replayed: ReplayView,
    pub(crate) repository: bool,
}

impl Workbench for Bare {
    fn check_patch(&self, _: &CheckPatchRequest) -> Result<CheckedPatch, Failure> {
        Ok(self.checked.clone())
    }
    fn doctor(&self) -> DoctorReport {
        self.doctor.clone()
    }
    fn audit_show(&self, _: Option<SessionId>, _: Option<u64>) -> Result<Vec<TimelineEntry>, Failure> {
        Ok(sample::entries())
    }
    fn audit_verify(&self, _: &[(Seq, Digest)]) -> Result<VerifyView, Failure> {
        Ok(self.verified.clone())
    }
    fn audit_export(&self, out: &mut dyn Write) -> Result<u64, Failure> {
        let failed = |error: std::io::Error| Failure::from_error(FailureKind::Failed, &error);
        out.write_all(b"{\"schema\":\"paraph.entry/1\"}\n").map_err(failed)?;
        out.flush().map_err(failed)?;
        Ok(1)
    }
    fn recover(&self) -> Result<RecoverView, Failure> {
        Ok(sample::recovered())
    }
    fn replay(&self, _: SessionRef) -> Result<ReplayView, Failure> {
        Ok(self.replayed.clone())
    }
    fn rules(&self) -> Vec<RuleView> {
        let rule = |id: &str, language: &str| RuleView {
            id: id.to_owned(),
            languages: vec![language.to_owned()],
            tags: vec!["style".to_owned()],
            message: "why it should change, ".repeat(8),
        };
        vec![rule("go-one", "go"), rule("py-one", "python"), rule("py-two", "python")]
    }
    fn repository_root(&self, path: &Path) -> Result<HostPath, Failure> {
        if self.repository {
            return Ok(HostPath::new(path));
        }
        Err(Failure::new(FailureKind::NotFound, format!("`{}` is in no repository", HostPath::new(path))))
    }
}

/// Rooms with one pager, which keeps what it is shown.
struct Rooms {
    editor: fn(&str) -> String,
    folder: PathBuf,
    pager: String,
    paged: Sink,
    size: Option<(usize, usize)>,
}

impl Launch for Rooms {
    fn drop_typed_ahead(&self) {}

    fn tui(&self, _: Start, _: Option<HostPath>) -> BoxFuture<'_, Result<u8, Failure>> {
        Box::pin(async { Ok(42) })
    }
    fn demo(&self) -> BoxFuture<'_, Result<u8, Failure>> {
        Box::pin(async { Ok(43) })
    }
    fn daemon_stop_if_idle(&self) -> BoxFuture<'_, bool> {
        Box::pin(async { false })
    }

    fn daemon_stop(&self) -> BoxFuture<'_, Result<Option<u32>, Failure>> {
        Box::pin(async { Ok(None) })
    }
    fn daemon_run(&self) -> BoxFuture<'_, Result<u8, Failure>> {
        Box::pin(async { Ok(44) })
    }
    fn config(&self, _: &ConfigAsk) -> Result<ConfigReport, Failure> {
        let setting = Setting { key: EVIL.into(), value: Untrusted::new(EVIL), origin: EVIL.into() };
        Ok(ConfigReport { path: HostPath::new("/c.toml"), settings: vec![setting], findings: vec![] })
    }
    fn read_issue<'a>(&'a self, url: &'a str, forge: Option<&'a str>) -> BoxFuture<'a, Result<IssueRead, Failure>> {
        Box::pin(async move {
            if url.contains("missing") {
                return Err(Failure::new(FailureKind::NotFound, format!("there is no issue {url} {EVIL}")).hint(EVIL));
            }
            let text = format!("# It breaks {EVIL}\n\n> said {EVIL}\n");
            let source = IssueSource {
                url: url.into(),
                forge: forge.unwrap_or("github").into(),
                title: format!("It breaks {EVIL}").into(),
                state: "open".into(),
                labels: vec![EVIL.into()],
                comments: 3,
                left_out: 1,
                text: Digest::of(text.as_bytes()),
            };
            Ok(IssueRead { source, text })
        })
    }
    fn edit_text(&self, text: &str) -> Result<Edited, Failure> {
        let path = self.folder.join("goal.md");
        std::fs::write(&path, (self.editor)(text)).expect("it is written");
        Ok(Edited { bytes: std::fs::read(&path).expect("it is read"), path: HostPath::new(path) })
    }
    fn theme_lint(&self, files: &[HostPath]) -> Result<Vec<Untrusted>, Failure> {
        Ok(files.iter().map(|file| Untrusted::new(format!("{file} {EVIL}"))).collect())
    }
    fn terminal_size(&self) -> Option<(usize, usize)> {
        self.size
    }
    fn pager(&self, program: &str) -> Option<Box<dyn Write + Send>> {
        (program == self.pager).then(|| Box::new(self.paged.clone()) as Box<dyn Write + Send>)
    }
    fn init(&self, _: Option<&HostPath>) -> Result<InitReport, Failure> {
        Ok(InitReport { path: HostPath::new("/c.toml"), created: true })
    }
}

/// A stream that a test reads afterwards; one that is `closed` is a pipe nobody reads.
#[derive(Clone, Default)]
struct Sink {
    bytes: Arc<Mutex<Vec<u8>>>,
    closed: bool,
}

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(self.bytes.lock().expect("no panic").clone()).expect("UTF-8")
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.closed {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
        self.bytes.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything a command line needs, in memory but for a home of its own.
pub(crate) struct Bench {
    pub(crate) service: Arc<Scripted>,
    pub(crate) daemon: bool,
    pub(crate) workbench: Bare,
    pub(crate) terminal: Terminal,
    pub(crate) typed: Vec<u8>,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) nobody_reads: bool,
    pub(crate) home: tempfile::TempDir,
    /// What the editor makes of a text.
    pub(crate) editor: fn(&str) -> String,
    /// The only pager that is there, with its options.
    pub(crate) pager: String,
    /// Columns and rows of the terminal, where somebody knows them.
    pub(crate) size: Option<(usize, usize)>,
}

impl Bench {
    /// A service that answers everything, on no terminal, with nothing typed.
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let blobs = BlobStore::of_home(home.path());
        let put = |text: &str| blobs.write(text.as_bytes()).expect("a blob").to_string();
        let old = put("fn a() {}\nold\n");
        let new = put(&format!("fn a() {{}}\n``` new {EVIL}\n"));
        let log = put(&format!("\u{1b}[31mred\u{1b}[0m {EVIL}\n"));
        let service = Arc::new(Scripted::default());
        let bench = Self {
            service,
            daemon: true,
            workbench: Bare {
                checked: sample::checked_patch(true, Some("WARN")),
                doctor: sample::doctor("ok"),
                verified: sample::verified(true),
                replayed: sample::replayed(true, true),
                repository: true,
            },
            terminal: Terminal::NONE,
            typed: Vec::new(),
            variables: [("GITHUB_TOKEN", "secret"), ("PATH", "/bin")].map(|(n, v)| (n.into(), v.into())).into(),
            nobody_reads: false,
            home,
            editor: |text| format!("said {EVIL}\n\n{text}"),
            pager: "a-pager -x".to_owned(),
            size: None,
        };
        for route in [
            "run",
            "adopt",
            "show",
            "decide",
            "pick",
            "override",
            "regenerate",
            "rewrite",
            "check",
            "drop",
            "cancel",
            "publish",
            "monitor",
            "pause",
            "steer",
            "resume",
            "budget",
            "triage",
            "tick",
        ] {
            bench.answer(route, sample::session("Scored"));
        }
        bench.answer("estimate", sample::estimate());
        bench.answer("models", json!({"schema": "paraph.models/1", "roles": [], "models": [], "prices": ""}));
        bench.answer(
            "discard",
            json!({"schema": "paraph.discard/1", "session": 12, "checkouts": 2, "bytes": 3_221_225_472_u64, "in_use": 1}),
        );
        bench.answer("list", sample::list(&[sample::row("Scored", true, false)]));
        bench.answer("patch-set", sample::patch_sets(&old, &new, 14));
        bench.answer("threads", json!({"schema": "paraph.threads/1", "threads": [sample::thread()]}));
        bench.answer("comment", sample::thread());
        bench.answer("resolve", sample::thread());
        bench.answer("panel", sample::panel(json!({"offer": "clean"}), Value::Null));
        bench.answer(
            "log",
            json!([{"repo": EVIL, "check": EVIL, "status": "passed", "live": null, "log": log, "base_log": null}]),
        );
        let artifact = json!({"name": "explanation@v1", "media_type": EVIL, "blob": log});
        bench.answer("artifacts", json!({"artifacts": [artifact]}));
        bench.answer("context", sample::context());
        bench.answer("beads", sample::beads());
        bench.answer("compare", sample::comparison());
        bench.answer("metrics", sample::metrics());
        bench.answer("index", sample::index());
        bench.answer("trust", json!({"path": "/r", "trusted": true, "commands": [EVIL]}));
        bench.answer("status", sample::status());
        bench
    }

    /// A terminal on all three streams, and what is typed there.
    pub(crate) fn at_terminal(mut self, typed: &str) -> Self {
        self.terminal = Terminal { input: true, output: true, error: true, columns: 100 };
        self.typed = typed.as_bytes().to_vec();
        self
    }

    pub(crate) fn answer(&self, route: &str, body: Value) {
        self.service.answers.lock().expect("no panic").insert(route.to_owned(), Ok(body));
    }

    pub(crate) fn fail(&self, route: &str, failure: Failure) {
        self.service.answers.lock().expect("no panic").insert(route.to_owned(), Err(failure));
    }

    pub(crate) fn notices(&self, notices: Vec<Notice>) {
        *self.service.notices.lock().expect("no panic") = notices;
    }

    /// Notices that come once somebody asked for the list again.
    pub(crate) fn slow_notices(&self, notices: Vec<Notice>) {
        self.notices(notices);
        *self.service.notices_wait.lock().expect("no panic") = true;
    }

    /// What the service was asked, by route.
    pub(crate) fn asked(&self) -> Vec<&'static str> {
        self.service.asked.lock().expect("no panic").iter().map(Request::route).collect()
    }

    /// The last request of a route, as JSON.
    pub(crate) fn request(&self, route: &str) -> Option<Value> {
        let asked = self.service.asked.lock().expect("no panic");
        asked.iter().rev().find(|request| request.route() == route).map(Request::body)
    }

    /// Runs a command line, split at blanks.
    pub(crate) fn run(&self, line: &str) -> Outcome {
        self.run_args(line.split_whitespace().map(OsString::from))
    }

    pub(crate) fn run_args(&self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Outcome {
        let paged = Sink::default();
        let (out, err) = (Sink { closed: self.nobody_reads, ..Sink::default() }, Sink::default());
        let world = World {
            connect: Arc::new(Wire(self.daemon.then(|| self.service.clone()))),
            workbench: Arc::new(self.workbench.clone()),
            launch: Arc::new(Rooms {
                editor: self.editor,
                folder: self.home.path().to_owned(),
                pager: self.pager.clone(),
                paged: paged.clone(),
                size: self.size,
            }),
            ids: Arc::new(RandomIds),
            clock: Arc::new(FixedClock::at("2026-11-20T09:35:00.000Z".parse::<Timestamp>().expect("a time"))),
            blobs: BlobStore::of_home(self.home.path()),
            streams: Streams {
                input: Box::new(Cursor::new(self.typed.clone())),
                output: Box::new(out.clone()),
                error: Box::new(err.clone()),
            },
            terminal: self.terminal,
            cwd: self.home.path().to_owned(),
            environment: self.variables.clone(),
            home: "/home/of/paraph".into(),
        };
        let args: Vec<OsString> = std::iter::once("paraph".into()).chain(args.into_iter().map(Into::into)).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let status = runtime.block_on(paraph::cli::run(args.into_iter(), world));
        Outcome { status, out: out.text(), err: err.text(), paged: paged.text() }
    }
}
