//! The world of the bench: a fake service with a few sessions, one of them whole.

use std::collections::BTreeMap;

use super::bench_figures;
use crate::api::*;
use crate::clock::Timestamp;
use crate::diff::ChangeStatus;
use crate::id::{Digest, DraftId, HostPath, ObjectId, RepoPath, Seq, SessionId, SessionUuid, ThreadId, Version};
use crate::text::Untrusted;

/// The whole world as the fake service has it.
pub(crate) struct World {
    pub rows: Vec<SessionRow>,
    pub view: SessionView,
    pub sets: Vec<PatchSetView>,
    pub threads: Vec<ThreadView>,
    pub drafts: Vec<DraftView>,
    pub panel: PanelView,
    pub home: tempfile::TempDir,
    pub blobs: BlobStore,
    /// Every request that changes something, in order.
    pub changes: Vec<Request>,
    pub copied: Vec<String>,
    /// Versions against their base, where that is not what `sets` says.
    pub bases: BTreeMap<Version, Vec<PatchSetView>>,
    /// What patch sets were compared with, in order.
    pub compared: Vec<AgainstRequest>,
    /// What every change is refused with.
    pub refuse: Option<Failure>,
    /// What the editor makes of a text.
    pub editor: fn(&str) -> Option<String>,
    /// Checks that run now.
    pub live: Vec<LogView>,
    pub quit: bool,
    /// Whether the service does not answer the panel.
    pub hold_panel: bool,
    /// What trust lets run.
    pub commands: Vec<Untrusted>,
    /// The setup steps that wait for the network.
    pub setup_waits: Vec<Untrusted>,
    /// Where names are defined: name, file, line.
    pub definitions: Vec<(&'static str, &'static str, u32)>,
    /// What a forge says of an issue.
    pub issue: Option<Result<(IssueSource, String), Failure>>,
    /// What its models may cost.
    pub estimate: Option<EstimateView>,
    /// The names of documents.
    pub documents: Vec<&'static str>,
    /// Candidates side by side.
    pub comparison: Option<ComparisonView>,
}

pub(crate) const NOW: Timestamp = Timestamp(1_795_169_400_000); // 2026-11-20T09:30:00Z

pub(super) fn minutes_ago(minutes: i64) -> Timestamp {
    Timestamp(NOW.0 - minutes * 60_000)
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn oid(digit: char) -> ObjectId {
    digit.to_string().repeat(40).parse().expect("forty hex digits")
}

fn from_json<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).expect("the fake speaks the contract")
}

fn gates(passed: &[Option<bool>]) -> Vec<GateView> {
    const EVIDENCE: [&str; 6] = [
        "taken up as refactor",
        "explanation, context and check plan are there",
        "applies cleanly on 3f2a90c1d4, the branch has not moved",
        "2 checks passed, 1 failed before too",
        "1 WARN, score 8.4",
        "no remote CI with the forge local",
    ];
    passed
        .iter()
        .enumerate()
        .map(|(at, passed)| {
            from_json(serde_json::json!({
                "repo": null, "id": format!("G{at}"), "passed": passed, "evidence": EVIDENCE[at],
            }))
        })
        .collect()
}

fn row(id: u64, goal: &str, state: &str, minutes: i64, more: serde_json::Value) -> SessionRow {
    let mut value = serde_json::json!({
        "id": id, "goal": goal, "kind": "refactor", "state": state, "reason": "", "next": "", "needs_me": false,
        "running": false, "engine": "rules", "repos": ["core"], "version": null, "score": null, "gates": [],
        "files": 0, "added": 0, "deleted": 0, "open_threads": 0,
        "created_at": minutes_ago(minutes + 5), "updated_at": minutes_ago(minutes),
    });
    if let (Some(value), serde_json::Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    from_json(value)
}

const OLD_PARSER: &str = r#"//! Reads configuration.

use std::fs;
use std::path::Path;

/// A key and its value.
pub struct Entry {
    pub key: String,
    pub value: String,
}

/// Reads every entry of a file.
pub fn read(path: &Path) -> Vec<Entry> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(parse_line).collect()
}

fn parse_line(line: &str) -> Entry {
    let (key, value) = line.split_once('=').unwrap();
    Entry { key: key.trim().to_owned(), value: value.trim().to_owned() }
}

/// Writes them back.
pub fn write(path: &Path, entries: &[Entry]) {
    let mut text = String::new();
    for entry in entries {
        text.push_str(&format!("{} = {}\n", entry.key, entry.value));
    }
    fs::write(path, text).unwrap();
}
"#;

impl World {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let blobs = BlobStore::of_home(home.path());
        let review = gates(&[Some(true), Some(true), Some(true), Some(true), Some(true), None]);
        let rows = vec![
            row(
                12,
                "Replace unwrap with expect in the configuration reader",
                "Scored",
                4,
                serde_json::json!({
                    "needs_me": true, "version": 2, "score": 8.4, "gates": review, "files": 3, "added": 12, "deleted": 4,
                    "next": "read it, then approve or send it back", "open_threads": 1,
                }),
            ),
            row(
                9,
                "日本語の文書を直す 📝 and more words than fit in a narrow pane",
                "NeedsHuman",
                190,
                serde_json::json!({
                    "needs_me": true, "reason": "no rule fits the goal", "next": "other words, or another engine", "kind": "docs",
                }),
            ),
            row(
                14,
                "Bump serde to 1.0.230",
                "Validated",
                1,
                serde_json::json!({
                    "running": true, "version": 1, "kind": "deps", "files": 2, "added": 2, "deleted": 2,
                    "gates": gates(&[Some(true), Some(true), Some(true), None, None, None]),
                }),
            ),
            row(
                7,
                "Remove a lint that nobody needs\u{1b}[31m any more",
                "Done",
                3000,
                serde_json::json!({
                    "version": 1, "score": 9.1, "files": 1, "added": 0, "deleted": 14, "repos": ["core", "web"],
                    "gates": gates(&[Some(true), Some(true), Some(true), Some(true), Some(true), None]),
                }),
            ),
            row(
                5,
                "Adopt branch fix/timeouts",
                "Failed",
                9000,
                serde_json::json!({
                    "reason": "the base commit is gone", "version": 1, "score": 5.2, "files": 8, "added": 310, "deleted": 42,
                    "gates": gates(&[Some(true), Some(true), Some(false), Some(false), None, None]),
                }),
            ),
        ];
        let mut world = Self {
            rows,
            view: view_of_session(&review),
            sets: Vec::new(),
            threads: bench_figures::threads(),
            drafts: Vec::new(),
            panel: panel(&review),
            home,
            blobs,
            changes: Vec::new(),
            copied: Vec::new(),
            bases: BTreeMap::new(),
            compared: Vec::new(),
            refuse: None,
            editor: |text| Some(text.to_owned()),
            live: Vec::new(),
            quit: false,
            hold_panel: false,
            commands: vec!["cargo test".into(), "make \u{1b}[2Jlint".into()],
            setup_waits: Vec::new(),
            issue: None,
            estimate: None,
            documents: vec!["explanation@v2", "checks", "context@v2"],
            comparison: None,
            definitions: vec![
                ("parse_line", "src/config.rs", 18),
                ("log", "src/log.rs", 3),
                ("write", "src/log.rs", 7),
                ("write", "src/config.rs", 24),
            ],
        };
        let new_parser = OLD_PARSER
            .replace("read_to_string(path).unwrap()", "read_to_string(path).expect(\"the caller checked the path\")")
            .replace("split_once('=').unwrap()", "split_once('=').expect(\"every line has a key\")")
            .replace(
                "fs::write(path, text).unwrap();",
                "fs::write(path, text).expect(\"the folder is writable\");\n    log(path);",
            );
        let files = vec![
            world.file("src/config.rs", Some(OLD_PARSER), Some(&new_parser), 4, 3),
            world.file(
                "tests/config_test.rs",
                None,
                Some("//! Tests.\n\n#[test]\nfn reads() {\n\tassert_eq!(2, 1 + 1); // 日本\n}\n"),
                6,
                0,
            ),
            world.file("assets/logo.png", Some("\0PNG\0old"), Some("\0PNG\0newer"), 0, 0),
        ];
        world.sets = vec![PatchSetView {
            session: SessionId(12),
            version: Version(2),
            against: "base".to_owned(),
            repo: "core".to_owned(),
            digest: digest("patch"),
            base_commit: oid('3'),
            message: "Say why an unwrap cannot fail".into(),
            files,
            reviewed: Vec::new(),
            parts: Vec::new(),
            not_carried: Vec::new(),
        }];
        let artifact = world.blob("# Why\n\nAn `unwrap` says nothing. **expect** says why it cannot fail:\n\n- the path was checked\n- every line has a key\n\n```\nfs::read(path).expect(\"checked\")\n```\n");
        world.view.versions[1].context = artifact.digest;
        let log = world.blob("\u{1b}[32mrunning 3 tests\u{1b}[0m\ntest reads ... ok\ntest writes ... ok\ntest fails ... FAILED\n\ntest result: 2 passed; 1 failed\n");
        world.view.versions[1].checks[1].log = Some(log.digest);
        world.view.versions[1].checks[0].log = Some(log.digest);
        world
    }

    pub(crate) fn blob(&mut self, text: &str) -> BlobRef {
        let name = digest(text).to_string();
        let folder = self.home.path().join("blobs").join(&name[..2]);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(&name[2..]), text).expect("a blob");
        BlobRef { digest: digest(text), size: text.len() as u64 }
    }

    pub(crate) fn file(
        &mut self,
        path: &str,
        old: Option<&str>,
        new: Option<&str>,
        added: u32,
        deleted: u32,
    ) -> FileView {
        let status = match (old, new) {
            (None, _) => ChangeStatus::Added,
            (_, None) => ChangeStatus::Deleted,
            _ => ChangeStatus::Modified,
        };
        let mode = |side: Option<&str>| if side.is_some() { "100644".to_owned() } else { String::new() };
        FileView {
            path: RepoPath::from(path),
            status,
            added,
            deleted,
            binary: [old, new].into_iter().flatten().any(|text| text.contains('\0')),
            old_mode: mode(old),
            new_mode: mode(new),
            old: old.map(|text| self.blob(text)),
            new: new.map(|text| self.blob(text)),
        }
    }

    /// What looking around a change is answered.
    fn look_around(&mut self, request: Request) -> Result<Reply, Failure> {
        let there_is_none = |what: &str| Failure::new(FailureKind::NotFound, format!("there is no {what}"));
        Ok(match request {
            Request::Definitions(asked) => {
                let known =
                    asked.names.iter().flat_map(|asked| self.definitions.iter().filter(move |it| it.0 == asked));
                let view = |(name, path, line): &(&str, &str, u32)| DefinitionView {
                    name: (*name).into(),
                    kind: "function".to_owned(),
                    path: RepoPath::from(*path),
                    line: *line,
                    end_line: line + 1,
                };
                Reply::Definitions(DefinitionsView { definitions: known.map(view).collect(), more: 0 })
            }
            Request::Source(asked) => {
                let text = match asked.path.to_string().as_str() {
                    "src/config.rs" => OLD_PARSER.to_owned(),
                    "src/log.rs" => "//! Logs.\n\npub fn log(path: &Path) {\n    write(path, \"read\");\n}\n\nfn write(path: &Path, what: &str) {\n    println!(\"{path:?}: {what}\");\n}\n".to_owned(),
                    other => return Err(there_is_none(other)),
                };
                Reply::Source(SourceView { path: asked.path, content: self.blob(&text) })
            }
            Request::Blame(asked) => Reply::Blame(BlameView {
                commit: oid('3'),
                author: "Grace\u{1b}[31m Hopper".into(),
                at: minutes_ago(60 * 24 * 40),
                subject: "Read entries of any file".into(),
                path: asked.path,
                line: asked.line,
                oldest_known: false,
            }),
            _ => return Err(there_is_none("such request")),
        })
    }

    /// Pauses a session or lets it go on.
    fn hold(&mut self, id: SessionId, paused: bool) -> SessionView {
        for row in self.rows.iter_mut().filter(|row| row.id == id) {
            (row.paused, row.running) = (paused, !paused);
            row.reason = if paused { "paused by ada@host".into() } else { "".into() };
        }
        self.view.clone()
    }

    /// Session `id` goes on.
    fn raised(&mut self, id: SessionId) -> SessionView {
        for row in self.rows.iter_mut().filter(|row| row.id == id) {
            (row.state, row.running, row.needs_me) = ("Planned".to_owned(), true, false);
            (row.reason, row.next) = ("".into(), String::new());
        }
        self.view.state = "Planned".to_owned();
        (self.view.reason, self.view.next) = ("".into(), String::new());
        self.view.clone()
    }

    fn talk(&self) -> ThreadsView {
        let (threads, drafts) = (self.threads.clone(), self.drafts.clone());
        ThreadsView { schema: "paraph.threads/1".to_owned(), threads, drafts }
    }

    fn send_drafts(&mut self) {
        for draft in std::mem::take(&mut self.drafts) {
            let id = ThreadId(20 + self.threads.len() as u32);
            let comments = vec![CommentView { by: "ada@host".to_owned(), at: NOW, text: draft.text }];
            self.threads.push(ThreadView {
                id,
                version: draft.version,
                repo: draft.repo,
                path: draft.path,
                line: draft.line,
                from_line: draft.from_line,
                side: draft.side,
                kind: draft.kind,
                artifact: draft.artifact,
                resolved: false,
                comments,
                now: None,
            });
        }
    }

    pub(crate) fn answer(&mut self, request: Request) -> Result<Reply, Failure> {
        if request.changes() {
            self.changes.push(request.clone());
            if let Some(failure) = &self.refuse {
                return Err(failure.clone());
            }
        }
        if let Request::PatchSet(asked) = &request {
            self.compared.push(asked.against);
        }
        Ok(match request {
            Request::List(_) => Reply::List(SessionList {
                schema: "paraph.list/1".to_owned(),
                sessions: self.rows.clone(),
                totals: BTreeMap::new(),
            }),
            Request::Show(show) if show.session.session == SessionId(12) => Reply::Show(self.view.clone()),
            Request::PatchSet(asked) => {
                let base = asked.session.version.filter(|_| asked.against == AgainstRequest::Base);
                Reply::PatchSet(base.and_then(|version| self.bases.get(&version)).unwrap_or(&self.sets).clone())
            }
            Request::Threads(_) => Reply::Threads(self.talk()),
            Request::Draft(asked) => {
                let (id, comment) = (asked.draft.unwrap_or(DraftId(self.drafts.len() as u32 + 1)), asked.comment);
                let draft = DraftView {
                    id,
                    thread: comment.thread,
                    version: Version(2),
                    repo: "core".to_owned(),
                    path: comment.path,
                    line: comment.line,
                    from_line: comment.from_line,
                    side: comment.side,
                    kind: comment.kind,
                    artifact: comment.artifact,
                    at: NOW,
                    text: comment.text.into(),
                    now: None,
                };
                self.drafts.retain(|known| known.id != id);
                self.drafts.push(draft.clone());
                Reply::Draft(draft)
            }
            Request::DropDraft(asked) => {
                self.drafts.retain(|known| known.id != asked.draft);
                Reply::DropDraft(self.talk())
            }
            Request::SendDrafts(_) => {
                self.send_drafts();
                Reply::SendDrafts(self.talk())
            }
            Request::Pause(asked) => Reply::Pause(self.hold(asked.session, true)),
            Request::Resume(asked) => Reply::Resume(self.hold(asked.session, false)),
            Request::Steer(asked) if asked.text == "too late" => {
                return Err(Failure::new(FailureKind::Refused, "cannot steer while the session is Scored"));
            }
            Request::Budget(asked) => Reply::Budget(self.raised(asked.session)),
            Request::Steer(_) => Reply::Steer(self.view.clone()),
            Request::Discard(asked) => Reply::Discard(DiscardView {
                schema: "paraph.discard/1".to_owned(),
                session: asked.session,
                checkouts: 2,
                bytes: 5 << 20,
                in_use: 0,
            }),
            Request::Definitions(_) | Request::Source(_) | Request::Blame(_) => return self.look_around(request),
            Request::Derive(_) => Reply::Derive(self.view.clone()),
            Request::Timeline(_) => Reply::Timeline(timeline()),
            Request::Artifacts(_) => Reply::Artifacts(ArtifactsView {
                artifacts: self
                    .documents
                    .iter()
                    .map(|name| ArtifactView {
                        name: (*name).to_owned(),
                        media_type: if name.contains("..") { "text/x-diff" } else { "text/markdown" }.to_owned(),
                        blob: self.view.versions[1].context,
                    })
                    .collect(),
            }),
            Request::Log(_) => Reply::Log(self.live.clone()),
            Request::Compare(_) if self.comparison.is_some() => Reply::Compare(self.comparison.clone().expect("asked")),
            Request::Pick(_) => Reply::Pick(self.view.clone()),
            Request::Beads(_) => Reply::Beads(bench_figures::beads()),
            Request::Metrics(_) => Reply::Metrics(bench_figures::metrics()),
            Request::Panel(_) => Reply::Panel(self.panel.clone()),
            Request::Comment(comment) => {
                let thread = ThreadView {
                    id: ThreadId(9),
                    version: Version(2),
                    repo: "core".to_owned(),
                    path: comment.path,
                    line: comment.line,
                    from_line: comment.from_line,
                    side: comment.side,
                    kind: comment.kind,
                    artifact: comment.artifact,
                    resolved: false,
                    comments: vec![CommentView { by: "ada@host".to_owned(), at: NOW, text: comment.text.into() }],
                    now: None,
                };
                self.threads.push(thread.clone());
                Reply::Comment(thread)
            }
            Request::Resolve(resolve) => {
                let thread = self.threads.iter_mut().find(|thread| thread.id == resolve.thread).expect("known");
                thread.resolved = resolve.resolved;
                Reply::Resolve(thread.clone())
            }
            Request::Trust(asked) => Reply::Trust(TrustView {
                notices: Vec::new(),
                path: asked.path,
                trusted: asked.trust == Some(true) || !self.setup_waits.is_empty(),
                commands: self.commands.clone(),
                refused: false,
                setup_waits: self.setup_waits.clone(),
            }),
            Request::Mark(_) => Reply::Mark(self.view.clone()),
            Request::Decide(decide) => {
                if decide.verdict == Verdict::RequestChanges {
                    self.send_drafts();
                }
                Reply::Decide(self.view.clone())
            }
            Request::Override(_) => Reply::Override(self.view.clone()),
            Request::Rewrite(_) => {
                self.send_drafts();
                Reply::Rewrite(self.view.clone())
            }
            Request::Tick(tick) => {
                let of_version = self.view.versions.iter_mut().flat_map(|version| &mut version.criteria);
                for known in of_version.chain(&mut self.panel.criteria).filter(|known| known.id == tick.criterion) {
                    known.met = tick.ticked.then_some(true);
                    let said = if tick.message.is_empty() { String::new() } else { format!(": {}", tick.message) };
                    known.evidence = match tick.ticked {
                        true => format!("ticked by ada@host{said}").into(),
                        false => format!("nobody ticked it: paraph tick 12@v2 {}", known.id).into(),
                    };
                }
                Reply::Tick(self.view.clone())
            }
            Request::Estimate(_) if self.estimate.is_some() => Reply::Estimate(self.estimate.clone().expect("asked")),
            Request::Run(_) => Reply::Run(self.view.clone()),
            Request::Publish(_) => Reply::Publish(self.view.clone()),
            Request::Monitor(_) => Reply::Monitor(self.view.clone()),
            Request::Cancel(_) => Reply::Cancel(self.view.clone()),
            other => {
                let text = format!("no such session for {}", other.route());
                return Err(Failure::new(FailureKind::NotFound, text).hint("paraph list"));
            }
        })
    }
}

fn check(name: &str, kind: &str, status: &str, baseline: &str, tests: serde_json::Value) -> CheckView {
    from_json(serde_json::json!({
        "repo": "core", "name": name, "kind": kind, "status": status, "baseline": baseline, "duration_ms": 12_430,
        "tests": tests, "confinement": "FULL (namespaces, landlock 7, seccomp)", "note": "", "log": null, "base_log": null,
    }))
}

fn score() -> ScoreView {
    let ratings: Vec<_> = [
        ("correctness", 90, "nothing broke: 41 tests pass before and after"),
        ("tests", 70, "one test file added for 12 lines"),
        ("security", 100, "no secret, no risky file"),
        ("policy-fit", 80, "1 WARN"),
        ("maintainability", 85, "3 files, 16 lines"),
        ("scope-fit", 80, "every file matches the goal's words"),
    ]
    .into_iter()
    .map(|(dimension, score, reason)| serde_json::json!({"dimension": dimension, "score": score, "reasons": [reason]}))
    .collect();
    from_json(serde_json::json!({
        "overall": 8.4, "scorer": "six-dimensions/1, without a reviewer model", "dimensions": {}, "ratings": ratings,
    }))
}

fn violations() -> Vec<ViolationView> {
    vec![from_json(serde_json::json!({
        "repo": "core", "rule": "tests-weakened", "severity": "WARN", "path": "tests/config_test.rs", "line": 5,
        "message": "an assertion compares constants", "overridden": false,
    }))]
}

fn version(number: u32, gates: &[GateView]) -> VersionView {
    let tests = serde_json::json!({"passed": 41, "failed": 0, "errors": 0, "skipped": 1, "fixed": [], "broken": []});
    let none = serde_json::json!({"passed": 0, "failed": 0, "errors": 0, "skipped": 0, "fixed": [], "broken": []});
    let file = |path: &str, added, deleted, status| FileStat { path: path.into(), status, added, deleted };
    VersionView {
        number: Version(number),
        parent: (number > 1).then(|| Version(number - 1)),
        made_by: "rules".to_owned(),
        made_for: if number == 1 { "goal" } else { "changes requested" }.to_owned(),
        made_at: minutes_ago(5),
        explanation: "Replaced **3** calls of `unwrap` by `expect` with the reason.\n\n- `src/config.rs`: path, key and folder\n- one test added".into(),
        context: digest("context"),
        patch_sets: vec![VersionPatchSet {
            repo: "core".to_owned(),
            digest: digest("patch"),
            reference: Some(format!("paraph/12/v{number}")),
            commit: Some(oid('c')),
            score: Some(from_json(84.into())),
            message: "Say why an unwrap cannot fail".into(),
            files: vec![
                file("assets/logo.png", 0, 0, ChangeStatus::Modified),
                file("src/config.rs", 4, 3, ChangeStatus::Modified),
                file("tests/config_test.rs", 6, 0, ChangeStatus::Added),
            ],
            decision: None,
        }],
        checks: vec![
            check("build", "build", "passed", "passed", none.clone()),
            check("test", "test", "passed", "passed", tests),
            check("clippy", "lint", "failed", "failed", none),
        ],
        unverified: None,
        violations: violations(),
        score: Some(score()),
        gates: gates.to_vec(),
        criteria: Vec::new(),
        reviews: Vec::new(),
        runbooks: Vec::new(),
        parts: Vec::new(),
    }
}

fn view_of_session(gates: &[GateView]) -> SessionView {
    SessionView {
        schema: "paraph.session/1".to_owned(),
        id: SessionId(12),
        uuid: "018f0000-0000-7000-8000-00000000000c".parse::<SessionUuid>().expect("a UUID"),
        goal: "Replace unwrap with expect in the configuration reader".into(),
        kind: from_json("refactor".into()),
        source: "goal".to_owned(),
        adopted_again: None,
        issue: None,
        state: "Scored".to_owned(),
        aliases: Vec::new(),
        reason: Untrusted::default(),
        next: "read it, then approve or send it back".to_owned(),
        needs_me: true,
        paused: false,
        playbook: "quick".to_owned(),
        engine: "rules".to_owned(),
        created_at: minutes_ago(9),
        updated_at: minutes_ago(4),
        lanes: vec![LaneView {
            repo: "core".to_owned(),
            source: crate::tui::words::Source::Path(HostPath::new("/home/ada/core")),
            base_commit: Some(oid('3')),
            branch: Some("main".to_owned()),
            phase: "Scored".to_owned(),
            dropped: false,
            left_out: 2,
            notices: Vec::new(),
        }],
        versions: vec![version(1, gates), version(2, gates)],
        triage: None,
        tasks: Vec::new(),
        estimate: None,
        candidates: Vec::new(),
        picked: None,
        usage: UsageView::default(),
        monitors: Vec::new(),
        pull_requests: Vec::new(),
        published: Vec::new(),
        head: Seq(31),
    }
}

fn panel(gates: &[GateView]) -> PanelView {
    PanelView {
        session: SessionId(12),
        goal: "Replace unwrap with expect in the configuration reader".into(),
        version: Version(2),
        repo: "core".to_owned(),
        digest: digest("patch"),
        message: "refactor: replace unwrap with expect\n\nSays what is wrong where it ends.".into(),
        base_commit: oid('3'),
        drift: 0,
        merges_cleanly: true,
        drift_unknown: None,
        gates: gates.to_vec(),
        score: Some(score()),
        violations: violations(),
        open_threads: 0,
        offer: OfferView::Clean,
        writes: vec!["branch paraph/12-replace-unwrap in /home/ada/core, when you publish".to_owned()],
        criteria: Vec::new(),
        reviews: Vec::new(),
        runbook: None,
        decided: None,
    }
}

fn timeline() -> TimelineView {
    let entry = |seq: u64, minutes, actor: &str, event: &str, summary: &str| TimelineEntry {
        seq: Seq(seq),
        at: minutes_ago(minutes),
        actor: actor.to_owned(),
        event: event.to_owned(),
        summary: summary.into(),
        payload: serde_json::json!({"session": 12, "event": event}),
        digest: digest(summary),
    };
    TimelineView {
        entries: vec![
            entry(20, 1500, "ada@host", "Created", "refactor: Replace unwrap with expect"),
            entry(21, 9, "paraph", "SnapshotLoaded", "core at 3333333333"),
            entry(22, 8, "paraph", "Proposed", "v1: 3 files, +10 −4"),
            entry(28, 6, "ada@host", "ChangesRequested", "who checked it?"),
            entry(29, 5, "paraph", "Proposed", "v2: 3 files, +12 −4"),
            entry(31, 4, "paraph", "Scored", "8.4"),
        ],
    }
}
