//! The service in process: prepares each request away from the core thread, posts it, and shapes the answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::StreamExt as _;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_stream::wrappers::BroadcastStream;

use crate::api::{
    AdoptRequest, BeadView, BeadsRequest, BeadsView, Call, ClientInfo, CommentRequest, DecideRequest, Failure,
    FailureKind, IndexRequest, ListRequest, LogView, MarkRequest, Metrics, Notice, NoticeStream, OverrideRequest,
    RegenerateRequest, Reply, Request, RunRequest, Service, SessionList, SessionRow, SessionView, Side, StatusView,
    StoppedView, ThreadKind, ThreadView, TrustRequest, TrustView, Verdict,
};
use crate::cancel::Cancel;
use crate::clock::Timestamp;
use crate::id::{HostPath, SessionId, SessionRef, SessionUuid, ThreadId, Version};
use crate::infrastructure::store::Order;
use crate::planning::{Kind, Playbook};
use crate::proposal::EngineKind;
use crate::repository::{Base, RepositoryFacts, Source, VcsError, WorkSpec};
use crate::session::{
    self, Command, DecideCommand, DriftSeen, LaneRequest, NewSession, Person, Session, State, ThreadPlace,
};
use crate::text::Untrusted;

use super::answer;
use super::core::Core;
use super::dispatch::Dispatcher;
use super::house::HouseEvent;
use super::order::{Post, Want};
use super::ports::{Operator, Ports, Settings};
use super::start::{StartError, Started};
use super::tables::Tables;
use super::views;
use super::work::{LiveLogs, Worker};

/// Posts that may wait before clients are held back.
const INBOX: usize = 1024;
/// Notices that a slow client may be behind before it is told that it missed some.
const NOTICES: usize = 1024;

/// The runtime: a core thread, its workers, and the service that clients call. Clones share it.
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<Shared>,
}

struct Shared {
    ports: Ports,
    settings: Settings,
    operator: Operator,
    tables: Tables,
    reader: crate::audit::JournalReader,
    inbox: mpsc::Sender<Post>,
    notices: broadcast::Sender<Notice>,
    live_logs: LiveLogs,
    listeners: Arc<AtomicU64>,
}

impl Runtime {
    /// Starts the core thread over an opened home. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`StartError::Store`].
    pub fn start(started: Started, ports: Ports, settings: Settings, operator: Operator) -> Result<Self, StartError> {
        let (inbox, posts) = mpsc::channel(INBOX);
        let (notices, _) = broadcast::channel(NOTICES);
        let Started { journal, tables, live, .. } = started;
        let live_logs = LiveLogs::default();
        let worker = Arc::new(Worker {
            ports: ports.clone(),
            settings: settings.clone(),
            tables: tables.clone(),
            notices: notices.clone(),
            live_logs: live_logs.clone(),
        });
        let handle = tokio::runtime::Handle::current();
        let dispatcher = Dispatcher::new(worker, inbox.clone(), handle.clone(), settings.workers);
        let reader = journal.reader();
        let core = Core::new(ports.clone(), tables.clone(), journal, live, dispatcher, notices.clone())?;
        std::thread::Builder::new()
            .name("paraph-core".to_owned())
            .spawn(move || {
                let _entered = handle.enter();
                core.run(posts);
            })
            .map_err(|source| StartError::Folder { path: "thread paraph-core".into(), source })?;
        let listeners = Arc::new(AtomicU64::new(0));
        let shared = Shared { ports, settings, operator, tables, reader, inbox, notices, live_logs, listeners };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Anchors, syncs and ends. What is owed goes on at the next start.
    pub async fn stop(&self) {
        let (reply, stopped) = oneshot::channel();
        if self.shared.inbox.send(Post::Stop(reply)).await.is_ok() {
            let _ = stopped.await;
        }
    }

    /// Sessions that run or are owed something now.
    ///
    /// # Errors
    /// A [`Failure`] where the core has ended.
    pub async fn owes(&self) -> Result<bool, Failure> {
        self.look(|core| core.dispatcher().at_work() > 0 || core.open_sessions().any(|open| !open.owed().is_empty()))
            .await
    }

    async fn look<T: Send + 'static>(&self, look: impl FnOnce(&mut Core) -> T + Send + 'static) -> Result<T, Failure> {
        let (reply, seen) = oneshot::channel();
        let post = Post::Look(Box::new(move |core| {
            let _ = reply.send(look(core));
        }));
        self.post(post).await?;
        seen.await.map_err(|_| ended())
    }

    async fn post(&self, post: Post) -> Result<(), Failure> {
        self.shared.inbox.send(post).await.map_err(|_| ended())
    }

    async fn session(&self, id: SessionId) -> Result<Arc<Session>, Failure> {
        self.look(move |core| core.session(id)).await?
    }

    async fn order(&self, call: &Call, want: Want) -> Result<Arc<Session>, Failure> {
        let (reply, answered) = oneshot::channel();
        self.post(Post::Order { request: call.id.clone(), want, reply }).await?;
        answered.await.map_err(|_| ended())?
    }

    async fn command(&self, call: &Call, id: SessionId, command: Command) -> Result<SessionView, Failure> {
        let session = self.order(call, Want::Command(id, Box::new(command))).await?;
        self.view(session, None).await
    }

    async fn view(&self, session: Arc<Session>, only: Option<Version>) -> Result<SessionView, Failure> {
        let shared = self.shared.clone();
        blocking(move || {
            let blobs = &shared.ports.blobs;
            let mut view = views::view_of(&session, only, &|digest| answer::stats(blobs, digest));
            for version in &mut view.versions {
                let sets = session.version(version.number).into_iter().flat_map(|record| record.patch_sets.values());
                let texts: Vec<String> =
                    sets.map(|set| answer::text(blobs, &set.drafted.explanation).raw().to_owned()).collect();
                version.explanation = texts.join("\n\n").into();
            }
            Ok(view)
        })
        .await
    }

    fn person(&self, client: &ClientInfo) -> Person {
        self.shared.operator.at(client)
    }
}

fn ended() -> Failure {
    Failure::new(FailureKind::Unreachable, "the service has ended").hint("paraph daemon start")
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(Failure::new(FailureKind::Failed, format!("an internal error ended the request ({error})"))
            .hint("paraph doctor"))
    })
}

#[async_trait]
impl Service for Runtime {
    async fn call(&self, call: Call) -> Result<Reply, Failure> {
        let request = call.request.clone();
        Ok(match request {
            Request::Run(run) => Reply::Run(self.run(&call, run).await?),
            Request::Adopt(adopt) => Reply::Adopt(self.adopt(&call, adopt).await?),
            Request::List(list) => Reply::List(self.list(list).await?),
            Request::Show(show) => {
                let session = self.session(show.session.session).await?;
                if show.session.version.is_some() {
                    answer::version_of(&session, show.session)?;
                }
                Reply::Show(self.view(session, show.session.version).await?)
            }
            Request::PatchSet(asked) => {
                let session = self.session(asked.session.session).await?;
                let (shared, login) = (self.shared.clone(), self.shared.operator.login.clone());
                Reply::PatchSet(
                    blocking(move || {
                        let repo = asked.repo.as_deref();
                        answer::patch_sets(&shared.ports, &session, asked.session, repo, asked.against, &login)
                    })
                    .await?,
                )
            }
            Request::Timeline(asked) => {
                self.session(asked.session).await?;
                let shared = self.shared.clone();
                Reply::Timeline(
                    blocking(move || {
                        let failed =
                            |error: &(dyn std::error::Error + 'static)| Failure::from_error(FailureKind::Failed, error);
                        let places = shared.tables.places_of(asked.session).map_err(|error| failed(&error))?;
                        let entries = shared.reader.entries(&places).map_err(|error| failed(&error))?;
                        Ok(answer::timeline(&entries))
                    })
                    .await?,
                )
            }
            Request::Threads(asked) => {
                let session = self.session(asked.session.session).await?;
                Reply::Threads(answer::threads(&session, asked.session))
            }
            Request::Comment(comment) => Reply::Comment(self.comment(&call, comment).await?),
            Request::Resolve(asked) => {
                let by = self.person(&call.client);
                let command = Command::Resolve { thread: asked.thread, resolved: asked.resolved, by };
                let session = self.order(&call, Want::Command(asked.session, Box::new(command))).await?;
                Reply::Resolve(thread_of(&session, asked.thread)?)
            }
            Request::Mark(mark) => Reply::Mark(self.mark(&call, mark).await?),
            Request::Panel(asked) => {
                let session = self.session(asked.session.session).await?;
                let shared = self.shared.clone();
                Reply::Panel(
                    blocking(move || answer::panel(&shared.ports, &session, asked.session, asked.repo.as_deref()))
                        .await?,
                )
            }
            Request::Decide(decide) => Reply::Decide(self.decide(&call, decide).await?),
            Request::Override(asked) => Reply::Override(self.override_warning(&call, asked).await?),
            Request::Regenerate(asked) => Reply::Regenerate(self.regenerate(&call, asked, "regenerated").await?),
            Request::Drop(asked) => {
                let session = self.session(asked.session).await?;
                let lane = session.lanes.iter().find(|lane| lane.name() == asked.repo).map(|lane| lane.id);
                let lane = lane.ok_or_else(|| {
                    Failure::new(
                        FailureKind::NotFound,
                        format!("session {} has no repository `{}`", asked.session, asked.repo),
                    )
                    .hint(format!("paraph show {}", asked.session))
                })?;
                let command = Command::Drop { lane, by: self.person(&call.client) };
                Reply::Drop(self.command(&call, asked.session, command).await?)
            }
            Request::Cancel(asked) => {
                let command = Command::Cancel { by: self.person(&call.client) };
                Reply::Cancel(self.command(&call, asked.session, command).await?)
            }
            Request::Publish(asked) => {
                let command = Command::Publish { by: self.person(&call.client) };
                Reply::Publish(self.command(&call, asked.session, command).await?)
            }
            Request::Log(asked) => {
                let session = self.session(asked.session.session).await?;
                let live = self.shared.live_logs.of(asked.session.session);
                Reply::Log(answer::logs(&session, asked.session, asked.check.as_deref(), live)?)
            }
            Request::Artifacts(asked) => {
                let session = self.session(asked.session).await?;
                Reply::Artifacts(answer::artifacts(&session))
            }
            Request::Context(asked) => {
                let session = self.session(asked.session.session).await?;
                let shared = self.shared.clone();
                Reply::Context(blocking(move || answer::context(&shared.ports.blobs, &session, asked.session)).await?)
            }
            Request::Beads(asked) => Reply::Beads(self.beads(asked).await?),
            Request::Metrics(_) => Reply::Metrics(self.metrics().await?),
            Request::Index(asked) => Reply::Index(self.index(asked).await?),
            Request::Trust(asked) => Reply::Trust(self.trust(&call, asked).await?),
            Request::Status(_) => Reply::Status(self.status().await?),
            Request::Stop(_) => {
                let runtime = self.clone();
                tokio::spawn(async move { runtime.stop().await });
                Reply::Stop(StoppedView { pid: std::process::id() })
            }
        })
    }

    async fn notices(&self) -> Result<NoticeStream, Failure> {
        let listeners = self.shared.listeners.clone();
        listeners.fetch_add(1, Ordering::Relaxed);
        let counted = Listening(listeners);
        let stream = BroadcastStream::new(self.shared.notices.subscribe());
        Ok(stream
            .map(move |notice| {
                let _listening = &counted;
                notice.unwrap_or(Notice::Missed)
            })
            .boxed())
    }
}

/// One client that listens, while it does.
struct Listening(Arc<AtomicU64>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Runtime {
    async fn facts(&self, source: &Source) -> Result<RepositoryFacts, Failure> {
        let (shared, source) = (self.shared.clone(), source.clone());
        blocking(move || shared.ports.vcs.facts(&source).map_err(|error| vcs_failure(&error))).await
    }

    /// The source with its path brought to the top of the repository, so that one repository has one name.
    async fn settle(&self, source: &Source, base: &Base) -> Result<Source, Failure> {
        let facts = self.facts(source).await?;
        if facts.head.is_none() && matches!(base, Base::Head | Base::Dirty) {
            return Err(vcs_failure(&VcsError::Unborn(source.to_string())));
        }
        Ok(match source {
            Source::Path(_) => Source::Path(facts.root),
            Source::Url(url) => Source::Url(url.clone()),
        })
    }

    async fn run(&self, call: &Call, run: RunRequest) -> Result<SessionView, Failure> {
        let usage = |message: &str, hint: &str| Err(Failure::new(FailureKind::Usage, message).hint(hint));
        if run.goal.trim().is_empty() {
            return usage("the goal is empty", "paraph run \"what shall change\"");
        }
        if run.repositories.is_empty() {
            return usage("no repository was named", "paraph run GOAL --repo PATH");
        }
        let settings = &self.shared.settings;
        let engine = run.engine.unwrap_or(if run.patch.is_some() { EngineKind::Patch } else { settings.engine });
        if engine == EngineKind::Patch && run.patch.is_none() {
            return usage("engine patch needs a diff", "paraph run GOAL --patch FILE");
        }
        if engine == EngineKind::Adopt {
            return usage("engine adopt reviews work that is there", "paraph adopt BRANCH");
        }
        let name = run.playbook.as_deref().unwrap_or(&settings.playbook);
        let Some(playbook) = Playbook::named(name) else {
            let names: Vec<String> = Playbook::shipped().into_iter().map(|playbook| playbook.name).collect();
            return usage(
                &format!("there is no playbook `{name}`"),
                &format!("--playbook with one of {}", names.join(", ")),
            );
        };
        let mut lanes = Vec::new();
        for repository in &run.repositories {
            let source = self.settle(&repository.source, &repository.base).await?;
            if lanes.iter().any(|lane: &LaneRequest| lane.source == source) {
                return usage(&format!("{source} was named twice"), "name each repository once");
            }
            lanes.push(LaneRequest { source, base: repository.base.clone() });
        }
        let asked = NewSession {
            id: SessionId(0),
            uuid: SessionUuid(self.shared.ports.ids.uuid()),
            kind: run.kind.unwrap_or_else(|| guess_kind(&run.goal)),
            goal: run.goal.into(),
            adopted: None,
            engine,
            rules: run.rules,
            paths: run.paths,
            playbook,
            patch: run.patch,
            lanes,
            environment: call.client.environment.clone(),
            by: self.person(&call.client),
        };
        let session = self.order(call, Want::Start(Box::new(asked))).await?;
        self.view(session, None).await
    }

    async fn adopt(&self, call: &Call, adopt: AdoptRequest) -> Result<SessionView, Failure> {
        let base = Base::Of(adopt.work.clone());
        let source = self.settle(&adopt.source, &base).await?;
        let (work, at) = (adopt.work.clone(), source.clone());
        let open = self
            .look(move |core| {
                let same = |session: &&Arc<Session>| {
                    session.asked.adopted.as_ref() == Some(&work)
                        && session.lanes.first().is_some_and(|lane| lane.source == at)
                };
                core.open_sessions().filter(same).map(|session| session.asked.id).max()
            })
            .await?;
        if let Some(session) = open {
            let again = RegenerateRequest {
                session,
                engine: None,
                rules: Vec::new(),
                patch: None,
                message: adopt.goal.unwrap_or_default(),
            };
            return self.regenerate(call, again, "adopted again").await;
        }
        let goal = match adopt.goal.filter(|goal| !goal.trim().is_empty()) {
            Some(goal) => goal,
            None => self.goal_of(&source, &base, &adopt.work).await?,
        };
        let asked = NewSession {
            id: SessionId(0),
            uuid: SessionUuid(self.shared.ports.ids.uuid()),
            kind: guess_kind(&goal),
            goal: goal.into(),
            adopted: Some(adopt.work),
            engine: EngineKind::Adopt,
            rules: Vec::new(),
            paths: Vec::new(),
            playbook: Playbook::named("quick").expect("it ships"),
            patch: None,
            lanes: vec![LaneRequest { source, base }],
            environment: call.client.environment.clone(),
            by: self.person(&call.client),
        };
        let session = self.order(call, Want::Start(Box::new(asked))).await?;
        self.view(session, None).await
    }

    /// The goal of adopted work: the subject of its newest commit, else its name. Early, so that work that cannot be
    /// adopted is refused before a session starts.
    async fn goal_of(&self, source: &Source, base: &Base, work: &WorkSpec) -> Result<String, Failure> {
        let (shared, source, base, work) = (self.shared.clone(), source.clone(), base.clone(), work.clone());
        blocking(move || {
            let snapshot = shared.ports.vcs.snapshot(&source, &base).map_err(|error| vcs_failure(&error))?;
            let message = snapshot
                .adopted
                .as_ref()
                .filter(|_| !matches!(work, WorkSpec::Dirty))
                .and_then(|commit| shared.ports.vcs.commit_facts(&snapshot.key, commit).ok())
                .and_then(|(_, message)| message.lines().next().map(str::to_owned))
                .filter(|subject| !subject.trim().is_empty());
            Ok(message.unwrap_or_else(|| format!("review {}", views::name_of(&work))))
        })
        .await
    }

    async fn list(&self, asked: ListRequest) -> Result<SessionList, Failure> {
        if let Some(state) = asked.state.as_deref() {
            let group = matches!(state, "needs-me" | "running" | "open" | "done" | "all");
            if !group && State::named(state).is_none() {
                let names: Vec<&str> = State::ALL.iter().map(|state| state.name()).collect();
                return Err(Failure::new(FailureKind::Usage, format!("there is no state `{state}`"))
                    .hint(format!("--state with needs-me, running, open, done, or one of {}", names.join(", "))));
            }
        }
        let shared = self.shared.clone();
        blocking(move || rows(&shared.tables, &asked)).await
    }

    async fn comment(&self, call: &Call, asked: CommentRequest) -> Result<ThreadView, Failure> {
        if asked.text.trim().is_empty() {
            return Err(Failure::new(FailureKind::Usage, "the comment is empty").hint("-m TEXT"));
        }
        let by = self.person(&call.client);
        let id = asked.session.session;
        let text = Untrusted::new(asked.text);
        let (command, thread) = match asked.thread {
            Some(thread) => (Command::Answer { thread, by, text }, Some(thread)),
            None => {
                let session = self.session(id).await?;
                let version = answer::version_of(&session, asked.session)?;
                let lane = answer::lane_of(&session, version, asked.repo.as_deref())?;
                let place = ThreadPlace {
                    version,
                    lane,
                    path: asked.path,
                    line: asked.line.unwrap_or(0),
                    from_line: asked.from_line.unwrap_or(0),
                    side: if asked.side == Side::Old { "old" } else { "new" }.to_owned(),
                    kind: thread_kind(asked.kind).to_owned(),
                };
                (Command::OpenThread { place, by, text }, None)
            }
        };
        let session = self.order(call, Want::Command(id, Box::new(command))).await?;
        let newest = session.threads.last().map(|thread| thread.id);
        thread_of(&session, thread.or(newest).unwrap_or(ThreadId(0)))
    }

    async fn mark(&self, call: &Call, asked: MarkRequest) -> Result<SessionView, Failure> {
        let id = asked.session.session;
        let (version, lane) = self.place(asked.session, asked.repo.as_deref()).await?;
        let by = self.person(&call.client);
        let command = Command::Mark { lane, version, hunks: asked.hunks, reviewed: asked.reviewed, by };
        self.command(call, id, command).await
    }

    async fn place(&self, of: SessionRef, repo: Option<&str>) -> Result<(Version, crate::id::LaneId), Failure> {
        let session = self.session(of.session).await?;
        let version = answer::version_of(&session, of)?;
        Ok((version, answer::lane_of(&session, version, repo)?))
    }

    async fn decide(&self, call: &Call, asked: DecideRequest) -> Result<SessionView, Failure> {
        let id = asked.session.session;
        if asked.session.version.is_none() {
            return Err(Failure::new(FailureKind::Usage, "a decision names the version that was read")
                .hint(format!("paraph {} {id}@vN", asked.verdict.name())));
        }
        if asked.digest.len() < 12 || !asked.digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Failure::new(FailureKind::Usage, "a decision names 12 or more hex digits of the digest")
                .hint(format!("paraph show {} --json", asked.session)));
        }
        let (version, lane) = self.place(asked.session, asked.repo.as_deref()).await?;
        let drift = if asked.verdict == Verdict::Approve {
            let session = self.session(id).await?;
            let shared = self.shared.clone();
            blocking(move || Ok(answer::drift(shared.ports.vcs.as_ref(), &session, lane, version))).await?
        } else {
            DriftSeen::NONE
        };
        let verdict = match asked.verdict {
            Verdict::Approve => session::Verdict::Approve,
            Verdict::Reject => session::Verdict::Reject,
            Verdict::RequestChanges => session::Verdict::RequestChanges,
        };
        let (by, message) = (self.person(&call.client), asked.message.into());
        let command = DecideCommand { lane, version, digest: asked.digest, verdict, by, message, drift };
        self.command(call, id, Command::Decide(command)).await
    }

    async fn override_warning(&self, call: &Call, asked: OverrideRequest) -> Result<SessionView, Failure> {
        let (version, lane) = self.place(asked.session, asked.repo.as_deref()).await?;
        let by = self.person(&call.client);
        let (rule, path, message) = (asked.rule, asked.path, asked.message.into());
        let command = Command::Override { lane, version, rule, path, by, message };
        self.command(call, asked.session.session, command).await
    }

    async fn regenerate(&self, call: &Call, asked: RegenerateRequest, why: &str) -> Result<SessionView, Failure> {
        let by = self.person(&call.client);
        let message = Untrusted::new(asked.message);
        let session = self.session(asked.session).await?;
        let waits_for_go = session.asked.playbook.has(crate::planning::Stage::Triage) && !session.triaged;
        let command = if waits_for_go {
            Command::Triage { by, message }
        } else {
            let (engine, rules, patch, made_for) = (asked.engine, asked.rules, asked.patch, why.to_owned());
            Command::Regenerate { by, engine, rules, patch, message, made_for }
        };
        self.command(call, asked.session, command).await
    }

    async fn beads(&self, asked: BeadsRequest) -> Result<BeadsView, Failure> {
        let shared = self.shared.clone();
        blocking(move || {
            let failed = |error| Failure::from_error(FailureKind::Failed, &error);
            let rows = match asked.session {
                Some(session) => shared.tables.beads.scan(&session, Order::Forward, usize::MAX).map_err(failed)?,
                None => shared.tables.beads.scan(&(), Order::Forward, usize::MAX).map_err(failed)?,
            };
            let mut beads: Vec<BeadView> = rows
                .into_iter()
                .filter(|(_, row)| asked.status.as_ref().is_none_or(|status| row.status.eq_ignore_ascii_case(status)))
                .filter(|(_, row)| asked.category.as_ref().is_none_or(|category| row.category == *category))
                .map(|((session, _), row)| BeadView {
                    session,
                    name: row.name,
                    category: row.category,
                    status: row.status,
                    started_at: Timestamp(row.started_at),
                    finished_at: row.finished_at.map(Timestamp),
                    attempt: row.attempt,
                    error: row.error.into(),
                })
                .collect();
            beads.sort_by_key(|bead| std::cmp::Reverse(bead.session));
            Ok(BeadsView { schema: "paraph.beads/1".to_owned(), beads })
        })
        .await
    }

    async fn metrics(&self) -> Result<Metrics, Failure> {
        let shared = self.shared.clone();
        let head = self.look(|core| core.journal_head()).await?;
        blocking(move || super::metrics::of(&shared.tables, &shared.reader, head)).await
    }

    async fn index(&self, asked: IndexRequest) -> Result<crate::api::IndexView, Failure> {
        let shared = self.shared.clone();
        blocking(move || {
            let vcs = &shared.ports.vcs;
            let snapshot = vcs.snapshot(&asked.source, &asked.base).map_err(|error| vcs_failure(&error))?;
            let tree = vcs.tree(&snapshot.key, &snapshot.tree).map_err(|error| vcs_failure(&error))?;
            answer::index_tree(&shared.ports, tree.as_ref(), asked.focus.as_deref().unwrap_or(""), &Cancel::new())
        })
        .await
    }

    async fn trust(&self, call: &Call, asked: TrustRequest) -> Result<TrustView, Failure> {
        let facts = self.facts(&Source::Path(asked.path.clone())).await?;
        let path = facts.root;
        let by = self.person(&call.client);
        if let Some(trust) = asked.trust {
            let of = path.clone();
            let event =
                if trust { HouseEvent::Trusted { path: of, by } } else { HouseEvent::TrustRevoked { path: of, by } };
            let (reply, recorded) = oneshot::channel();
            self.post(Post::House { request: call.id.clone(), event, reply }).await?;
            recorded.await.map_err(|_| ended())??;
            if trust {
                self.check_again(call, &path).await?;
            }
        }
        let shared = self.shared.clone();
        let shown = path.clone();
        let commands = blocking(move || Ok(super::work::commands_of(&shared.ports, &shared.settings, &shown))).await?;
        let trusted = self.shared.tables.trusted.get(&path.to_string()).ok().flatten().is_some();
        Ok(TrustView { path, trusted, commands })
    }

    /// Sessions whose checks did not run for want of trust get them now.
    async fn check_again(&self, call: &Call, path: &HostPath) -> Result<(), Failure> {
        let path = path.clone();
        let waiting: Vec<(SessionId, crate::id::LaneId)> = self
            .look(move |core| {
                let lanes = core.open_sessions().flat_map(|session| {
                    session.active().map(|lane| (session.asked.id, lane.clone())).collect::<Vec<_>>()
                });
                lanes
                    .filter(|(_, lane)| lane.source == Source::Path(path.clone()))
                    .filter(|(_, lane)| views::waits_for_decision(lane.phase))
                    .map(|(id, lane)| (id, lane.id))
                    .collect()
            })
            .await?;
        for (id, lane) in waiting {
            let call = Call { id: crate::id::RequestId(self.shared.ports.ids.uuid()), ..call.clone() };
            // where something ran already, the core refuses: then there is nothing to do
            let _ = self.order(&call, Want::Command(id, Box::new(Command::Recheck { lane }))).await;
        }
        Ok(())
    }

    async fn status(&self) -> Result<StatusView, Failure> {
        let head = self.look(|core| core.journal_head()).await?;
        let (running, need_me) = self
            .look(|core| {
                let open: Vec<SessionRow> = core.open_sessions().map(|session| views::row_of(session)).collect();
                (open.iter().filter(|row| row.running).count(), open.iter().filter(|row| row.needs_me).count())
            })
            .await?;
        let sessions =
            self.shared.tables.last_session().map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
        Ok(StatusView {
            schema: "paraph.status/1".to_owned(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sessions,
            need_me: need_me as u64,
            running: running as u64,
            ci_failed: 0,
            clients: self.shared.listeners.load(Ordering::Relaxed),
            head: head.seq,
            head_digest: head.digest,
        })
    }
}

fn rows(tables: &Tables, asked: &ListRequest) -> Result<SessionList, Failure> {
    let failed = |error| Failure::from_error(FailureKind::Failed, &error);
    let limit = asked.limit.map_or(usize::MAX, |limit| limit as usize);
    let all = tables.sessions.scan(&(), Order::Backward, usize::MAX).map_err(failed)?;
    let mut totals: BTreeMap<String, u32> = BTreeMap::new();
    let mut sessions = Vec::new();
    for (id, row) in all {
        *totals.entry(row.state.clone()).or_default() += 1;
        if sessions.len() >= limit || asked.before.is_some_and(|before| id >= before) {
            continue;
        }
        let state = State::named(&row.state);
        let over = state.is_some_and(State::is_over);
        let quick = match asked.state.as_deref() {
            None | Some("all" | "needs-me" | "running") => true,
            Some("open") => !over,
            Some("done") => over,
            Some(name) => name == row.state,
        };
        if !quick {
            continue;
        }
        let shown: SessionRow = serde_json::from_str(&row.json).map_err(|error| {
            Failure::new(FailureKind::Failed, format!("the row of session {id} does not read: {error}"))
                .hint("paraph recover")
        })?;
        match asked.state.as_deref() {
            Some("needs-me") if !shown.needs_me => {}
            Some("running") if !shown.running => {}
            _ => sessions.push(shown),
        }
    }
    Ok(SessionList { schema: "paraph.list/1".to_owned(), sessions, totals })
}

fn thread_of(session: &Session, thread: ThreadId) -> Result<ThreadView, Failure> {
    session.thread(thread).map(|thread| views::thread_view(session, thread)).ok_or_else(|| {
        Failure::new(FailureKind::NotFound, format!("there is no thread {}", thread.0))
            .hint(format!("paraph comments {}", session.asked.id))
    })
}

fn thread_kind(kind: ThreadKind) -> &'static str {
    match kind {
        ThreadKind::Issue => "issue",
        ThreadKind::Question => "question",
        ThreadKind::Nit => "nit",
        ThreadKind::Must => "must",
    }
}

/// The kind that a goal's words suggest.
fn guess_kind(goal: &str) -> Kind {
    let words: Vec<String> = goal.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).collect();
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    if has(&["fix", "fixes", "bug", "bugs", "crash", "broken", "wrong", "error"]) {
        Kind::Bugfix
    } else if has(&["doc", "docs", "documentation", "readme", "typo", "typos"]) {
        Kind::Docs
    } else if has(&["bump", "upgrade", "dependency", "dependencies", "deps"]) {
        Kind::Deps
    } else if has(&["add", "implement", "support", "feature", "new"]) {
        Kind::Feature
    } else {
        Kind::Refactor
    }
}

/// A version control error as clients see it.
pub(crate) fn vcs_failure(error: &VcsError) -> Failure {
    let (kind, hint) = match error {
        VcsError::NotARepository(_) => (FailureKind::NotFound, "git init, or --repo PATH".to_owned()),
        VcsError::Unborn(_) => (FailureKind::Failed, "git commit".to_owned()),
        VcsError::Unsupported { .. } => {
            (FailureKind::Failed, "use a SHA-1 repository with loose or packed refs".to_owned())
        }
        VcsError::OtherOwner(path) => {
            (FailureKind::Refused, format!("git config --global --add safe.directory {path}"))
        }
        VcsError::NoSuchRevision { .. } => (FailureKind::NotFound, "git branch --all".to_owned()),
        VcsError::BaseGone { .. } => {
            (FailureKind::NeedsHuman, "paraph run again from a commit that is there".to_owned())
        }
        VcsError::NoGit(_) => (FailureKind::Failed, "install git".to_owned()),
        VcsError::Cancelled => (FailureKind::Interrupted, String::new()),
        _ => (FailureKind::Failed, "paraph doctor".to_owned()),
    };
    let failure = Failure::from_error(kind, error);
    if hint.is_empty() { failure } else { failure.hint(hint) }
}

/// Logs of checks that run now, as clients see them.
impl LiveLogs {
    fn of(&self, session: SessionId) -> Vec<LogView> {
        self.list(session)
            .into_iter()
            .map(|(repo, check, path)| LogView {
                repo,
                check,
                status: crate::validation::CheckStatus::Running,
                live: Some(HostPath::new(path)),
                log: None,
                base_log: None,
            })
            .collect()
    }
}
