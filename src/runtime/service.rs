//! The service in process: prepares each request away from the core thread, posts it, and shapes the answer.

mod adopt;
mod begin;
mod candidates;
mod derive;
mod drafts;
mod estimate;
mod hold;
mod keep;
mod limits;
mod models;
mod monitor;
mod place;
mod reading;
mod review;
mod survey;
mod trust;
mod try_out;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::StreamExt as _;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::BroadcastStream;

use crate::api::{
    Call, ClientInfo, DecideRequest, Failure, FailureKind, Notice, NoticeStream, Reply, Request, Service, SessionView,
    StoppedView,
};
use crate::clock::Clock;
use crate::id::{Digest, SessionId, Version};
use crate::session::{Command, Person, Session};

use super::answer;
use super::coming::{Coming, OnTheWay};
use super::core::{Core, Parts};
use super::dispatch::Dispatcher;
use super::documents;
use super::folds::Folds;
use super::held::Pauses;
use super::metrics::day_of;
use super::order::{Asked, Decided, Done, Post, Want, ordering};
use super::ports::{Operator, Ports, Settings};
use super::purse::Today;
use super::start::{StartError, Started};
use super::tables::Tables;
use super::texts::Texts;
use super::trust::Trust;
use super::views;
use super::work::{LiveLogs, Worker};

pub(crate) use begin::vcs_failure;

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
    folds: Folds,
    texts: Texts,
    trust: Trust,
    reader: crate::audit::JournalReader,
    inbox: mpsc::Sender<Post>,
    coming: Coming,
    notices: broadcast::Sender<Notice>,
    live_logs: LiveLogs,
    listeners: Arc<AtomicU64>,
    blames: reading::Blames,
    /// Who writes the readable records, where they are kept.
    keeper: Mutex<Option<JoinHandle<()>>>,
}

/// What models took on each day before this process started; calls that its end cut off are settled by the core.
fn today(clock: &dyn Clock, tables: &Tables) -> Today {
    let tables = tables.clone();
    let today = Today::new(move |date| tables.counted("spent").unwrap_or_default().get(date).copied().unwrap_or(0));
    today.spent(&day_of(clock.now()));
    today
}

impl Runtime {
    /// Starts the core thread over an opened home. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`StartError::Store`].
    pub fn start(started: Started, ports: Ports, settings: Settings, operator: Operator) -> Result<Self, StartError> {
        let (inbox, posts) = mpsc::channel(INBOX);
        let (notices, _) = broadcast::channel(NOTICES);
        let Started { journal, tables, live, trust, unchecked, .. } = started;
        let (live_logs, pauses) = (LiveLogs::default(), Pauses::default());
        let worker = Arc::new(Worker {
            ports: ports.clone(),
            settings: settings.clone(),
            tables: tables.clone(),
            trust: trust.clone(),
            notices: notices.clone(),
            live_logs: live_logs.clone(),
            pauses,
            today: today(ports.clock.as_ref(), &tables),
        });
        if let Err(error) = ports.blobs.sweep() {
            tracing::warn!(%error, "unfinished files among the blobs could not be removed");
        }
        let handle = tokio::runtime::Handle::current();
        let dispatcher = Dispatcher::new(worker, inbox.downgrade(), handle.clone(), settings.workers);
        let reader = journal.reader();
        let (folds, texts, coming) = (Folds::of(live), Texts::of(ports.blobs.clone()), Coming::default());
        let core = Core::new(Parts {
            ports: ports.clone(),
            tables: tables.clone(),
            journal,
            folds: folds.clone(),
            trust: trust.clone(),
            dispatcher,
            notices: notices.clone(),
            coming: coming.clone(),
        })?;
        std::thread::Builder::new()
            .name("paraph-core".to_owned())
            .spawn(move || {
                let _entered = handle.enter();
                core.run(posts);
            })
            .map_err(|source| StartError::Folder { path: "thread paraph-core".into(), source })?;
        if let Some(note) = unchecked {
            check_store(tables.clone(), inbox.downgrade(), note)?;
        }
        let listeners = Arc::new(AtomicU64::new(0));
        let keeper = Mutex::default();
        let blames = reading::Blames::default();
        let shared = Shared {
            ports,
            settings,
            operator,
            tables,
            folds,
            texts,
            trust,
            reader,
            inbox,
            coming,
            notices,
            live_logs,
            listeners,
            blames,
            keeper,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Resolves when the core has ended: told to, or because its store must be built again. Whoever serves clients
    /// leaves then.
    pub async fn ended(&self) {
        self.shared.inbox.closed().await;
    }

    /// Waits for the workers, anchors, syncs and ends; the last readable records are written. What is owed goes on at the next start.
    pub async fn stop(&self) {
        let (reply, stopped) = oneshot::channel();
        if self.shared.inbox.send(Post::Stop(reply)).await.is_ok() {
            let _ = stopped.await;
        }
        self.records_kept().await;
    }

    /// Sessions that run or are owed something now.
    ///
    /// # Errors
    /// A [`Failure`] where the core has ended.
    pub async fn owes(&self) -> Result<bool, Failure> {
        self.look(|core| {
            core.dispatcher().at_work() > 0 || core.live_sessions().iter().any(|live| !live.owed().is_empty())
        })
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
        if let Some(held) = self.shared.folds.get(id) {
            return Ok(held);
        }
        let shared = self.shared.clone();
        blocking(move || shared.folds.load(&shared.tables, &shared.reader, id)).await
    }

    /// Waits until the tables have everything that was answered before.
    async fn settled(&self) -> Result<(), Failure> {
        self.look(|_| ()).await
    }

    async fn order(&self, call: &Call, want: Want) -> Result<Done, Failure> {
        let decided = self.join(call, want, self.shared.coming.one()).await?;
        decided.answer(async |done| Ok(done)).await.ok_or_else(ended)?
    }

    /// Announces an order that a person waits for: the core's thread wakes up while it is prepared.
    fn announce(&self) -> OnTheWay {
        let announced = self.shared.coming.one();
        // a full inbox has woken it already
        let _ = self.shared.inbox.try_send(Post::Soon);
        announced
    }

    /// The same for somebody who was announced while the order was prepared.
    async fn join(&self, call: &Call, want: Want, announced: OnTheWay) -> Result<Decided, Failure> {
        let (orderer, decided) = ordering();
        let post = Post::Order { asked: Asked::new(call.id.clone(), &call.request), want, orderer };
        drop(announced); // the core, which may be waiting for it, finds it in a moment
        self.post(post).await?;
        decided.await.ok_or_else(ended)?
    }

    /// The first reply to a request that was answered before: what it was about may be gone meanwhile, so it is looked
    /// for before anything is prepared. Two at once are told apart by the core.
    ///
    /// What the first reply acknowledged comes again: its kind, session, thread and the decision as it was recorded, none
    /// of which can change. The session around it is shown as it is now: a client that asks again wants to go on from
    /// there, and a stale view would have it act on a version that was superseded meanwhile.
    async fn answered(&self, call: &Call) -> Result<Option<Reply>, Failure> {
        if !changes(&call.request) {
            return Ok(None);
        }
        let (shared, id) = (self.shared.clone(), call.id.to_string());
        let known = blocking(move || {
            shared
                .tables
                .requests
                .get(&id)
                .map_err(|error| Failure::from_error(FailureKind::Failed, &error).hint(error.hint()))
        });
        let Some(row) = known.await? else { return Ok(None) };
        if row.what != Asked::new(call.id.clone(), &call.request).what {
            return Err(Failure::new(
                FailureKind::Conflict,
                format!("request id {} was used for another request before", call.id),
            )
            .hint("make a new id for every new request; type the command again"));
        }
        let Some(id) = row.session else { return Ok(None) };
        let session = self.session(id).await?;
        Ok(match &call.request {
            Request::Comment(_) => Some(Reply::Comment(review::thread_of(&session, row.thread)?)),
            Request::Resolve(asked) => Some(Reply::Resolve(review::thread_of(&session, Some(asked.thread))?)),
            Request::Run(_) => Some(Reply::Run(self.view(session, None).await?)),
            Request::Adopt(_) => Some(Reply::Adopt(self.view(session, None).await?)),
            Request::Mark(_) => Some(Reply::Mark(self.view(session, None).await?)),
            Request::Pick(_) => Some(Reply::Pick(self.view(session, None).await?)),
            Request::Triage(_) => Some(Reply::Triage(self.view(session, None).await?)),
            Request::Tick(_) => Some(Reply::Tick(self.view(session, None).await?)),
            Request::Rewrite(_) => Some(Reply::Rewrite(self.view(session, None).await?)),
            Request::Decide(_) => Some(Reply::Decide(self.view(session, None).await?)),
            Request::Override(_) => Some(Reply::Override(self.view(session, None).await?)),
            Request::Regenerate(_) => Some(Reply::Regenerate(self.view(session, None).await?)),
            Request::Check(_) => Some(Reply::Check(self.view(session, None).await?)),
            Request::Derive(_) => Some(Reply::Derive(self.view(session, None).await?)),
            Request::Draft(asked) => {
                let number = row.thread.map(|number| crate::id::DraftId(number.0)).or(asked.draft);
                Some(Reply::Draft(drafts::draft_of(&session, number)?))
            }
            Request::DropDraft(_) => Some(Reply::DropDraft(self.threads(call, &session))),
            Request::SendDrafts(_) => Some(Reply::SendDrafts(self.threads(call, &session))),
            Request::Drop(_) => Some(Reply::Drop(self.view(session, None).await?)),
            Request::Budget(_) => Some(Reply::Budget(self.view(session, None).await?)),
            Request::Cancel(_) => Some(Reply::Cancel(self.view(session, None).await?)),
            Request::Pause(_) => Some(Reply::Pause(self.view(session, None).await?)),
            Request::Resume(_) => Some(Reply::Resume(self.view(session, None).await?)),
            Request::Steer(_) => Some(Reply::Steer(self.view(session, None).await?)),
            Request::Publish(_) => Some(Reply::Publish(self.view(session, None).await?)),
            Request::Monitor(_) => Some(Reply::Monitor(self.view(session, None).await?)),
            _ => None,
        })
    }

    /// A decision. The core looks first for what its request led to before, so it is looked for here only where this
    /// came to nothing: what it was about may be gone meanwhile, and a person waits.
    async fn decided(&self, call: &Call, asked: DecideRequest) -> Result<Reply, Failure> {
        match self.decide(call, asked).await {
            Ok(view) => Ok(Reply::Decide(view)),
            Err(failure) => self.answered(call).await?.ok_or(failure),
        }
    }

    async fn command(&self, call: &Call, id: SessionId, command: Command) -> Result<SessionView, Failure> {
        self.shown(call, id, command, self.shared.coming.one()).await
    }

    /// The same for somebody who was announced: the view is made while the disk works, and given when it did.
    async fn shown(
        &self,
        call: &Call,
        id: SessionId,
        command: Command,
        announced: OnTheWay,
    ) -> Result<SessionView, Failure> {
        let decided = self.join(call, Want::Command(id, Box::new(command)), announced).await?;
        decided.answer(|done| self.view(done.session, None)).await.ok_or_else(ended)?
    }

    async fn view(&self, session: Arc<Session>, only: Option<Version>) -> Result<SessionView, Failure> {
        let at_hand = self.shared.texts.hold(named(&session, only));
        // only work that is owed can be held up
        let held = match session.owed().is_empty() {
            true => None,
            false => Some(self.look(|core| core.held()).await?),
        };
        let shared = self.shared.clone();
        let shown = move || {
            let mut view = whole(&shared.texts, &session, only);
            if let Some(held) = held {
                held.tell_in_view(&mut view);
            }
            Ok(view)
        };
        if at_hand { shown() } else { blocking(shown).await }
    }

    fn person(&self, client: &ClientInfo) -> Person {
        self.shared.operator.at(client)
    }
}

/// The blobs that a view says the content of.
fn named(session: &Session, only: Option<Version>) -> impl Iterator<Item = Digest> {
    let versions = session.versions.iter().filter(move |version| only.is_none_or(|only| only == version.number));
    let sets = versions.flat_map(|version| version.patch_sets.values());
    sets.flat_map(|set| [set.drafted.explanation, set.drafted.stats])
}

/// The session as clients see it, with what its blobs say.
fn whole(texts: &Texts, session: &Session, only: Option<Version>) -> SessionView {
    let mut view = views::view_of(session, only, &|digest| answer::stats(texts.get(*digest)));
    for version in &mut view.versions {
        let sets = session.version(version.number).into_iter().flat_map(|record| record.patch_sets.values());
        let said: Vec<String> =
            sets.map(|set| answer::text(texts.get(set.drafted.explanation)).raw().to_owned()).collect();
        version.explanation = match said.as_slice() {
            [one] => one.as_str().into(),
            several => {
                let named = version.patch_sets.iter().zip(several);
                let named = named.map(|(set, text)| format!("# {}\n\n{text}", set.repo));
                named.collect::<Vec<_>>().join("\n\n").into()
            }
        };
    }
    view
}

/// Whether a request records something.
fn changes(request: &Request) -> bool {
    matches!(
        request,
        Request::Run(_)
            | Request::Adopt(_)
            | Request::Comment(_)
            | Request::Draft(_)
            | Request::DropDraft(_)
            | Request::SendDrafts(_)
            | Request::Derive(_)
            | Request::Resolve(_)
            | Request::Mark(_)
            | Request::Pick(_)
            | Request::Triage(_)
            | Request::Tick(_)
            | Request::Rewrite(_)
            | Request::Decide(_)
            | Request::Override(_)
            | Request::Regenerate(_)
            | Request::Check(_)
            | Request::Drop(_)
            | Request::Cancel(_)
            | Request::Budget(_)
            | Request::Pause(_)
            | Request::Resume(_)
            | Request::Steer(_)
            | Request::Publish(_)
            | Request::Monitor(_)
            | Request::Trust(_)
    )
}

/// How long whoever opened the home has its processors for the first answer.
const FIRST_ANSWER: std::time::Duration = std::time::Duration::from_millis(300);

/// Reads a large store through beside the work. A damaged one is noted, and the service ends: its next start builds
/// it again.
fn check_store(tables: Tables, inbox: mpsc::WeakSender<Post>, note: std::path::PathBuf) -> Result<(), StartError> {
    let check = move || {
        std::thread::sleep(FIRST_ANSWER);
        tables.store.check()
    };
    let check = move || match check() {
        Ok(rows) => tracing::info!(rows, "the store is whole"),
        Err(error) if error.is_rebuildable() => {
            tracing::error!(%error, "the store is damaged and is built again at the next start; nothing is lost");
            if let Err(error) = std::fs::write(&note, format!("{error}\n")) {
                tracing::error!(%error, "that could not be noted: paraph recover");
            }
            if let Some(inbox) = inbox.upgrade() {
                let _ = inbox.blocking_send(Post::Stop(oneshot::channel().0));
            }
        }
        Err(error) => tracing::warn!(%error, "the store could not be checked"),
    };
    let spawned = std::thread::Builder::new().name("paraph-check".to_owned()).spawn(check);
    spawned.map(drop).map_err(|source| StartError::Folder { path: "thread paraph-check".into(), source })
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
        limits::check(&call.request)?;
        let core_looks_first = matches!(call.request, Request::Decide(_));
        if !core_looks_first && let Some(reply) = self.answered(&call).await? {
            return Ok(reply);
        }
        let request = call.request.clone();
        Ok(match request {
            Request::Run(run) => Reply::Run(self.run(&call, run).await?),
            Request::Estimate(asked) => Reply::Estimate(self.estimate(asked).await?),
            Request::Adopt(adopt) => Reply::Adopt(self.adopt(&call, adopt).await?),
            Request::Compare(asked) => Reply::Compare(self.compare(asked).await?),
            Request::Pick(asked) => Reply::Pick(self.pick(&call, asked).await?),
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
                let (shared, login) = (self.shared.clone(), self.person(&call.client).login);
                Reply::PatchSet(
                    blocking(move || {
                        let repo = asked.repo.as_deref();
                        answer::patch_sets(&shared.ports, &session, asked.session, repo, asked.against, &login)
                    })
                    .await?,
                )
            }
            Request::Timeline(asked) => Reply::Timeline(self.timeline(asked.session).await?),
            Request::Threads(asked) => {
                let session = self.session(asked.session.session).await?;
                let (shared, login) = (self.shared.clone(), self.person(&call.client).login);
                Reply::Threads(blocking(move || answer::threads(&shared.ports, &session, &asked, &login)).await?)
            }
            Request::Comment(comment) => Reply::Comment(self.comment(&call, comment).await?),
            Request::Draft(asked) => Reply::Draft(self.keep_draft(&call, asked).await?),
            Request::DropDraft(asked) => Reply::DropDraft(self.drop_draft(&call, asked).await?),
            Request::SendDrafts(asked) => Reply::SendDrafts(self.send_drafts(&call, asked).await?),
            Request::Derive(asked) => Reply::Derive(self.derive(&call, asked).await?),
            Request::Resolve(asked) => Reply::Resolve(self.resolve(&call, asked).await?),
            Request::Mark(mark) => Reply::Mark(self.mark(&call, mark).await?),
            Request::Panel(asked) => {
                let session = self.session(asked.session.session).await?;
                let shared = self.shared.clone();
                Reply::Panel(
                    blocking(move || answer::panel(&shared.ports, &session, asked.session, asked.repo.as_deref()))
                        .await?,
                )
            }
            Request::Triage(asked) => Reply::Triage(self.triage(&call, asked).await?),
            Request::Tick(asked) => Reply::Tick(self.tick(&call, asked).await?),
            Request::Rewrite(asked) => {
                let command = Command::Rewrite { by: self.person(&call.client), message: asked.message.into() };
                Reply::Rewrite(self.command(&call, asked.session, command).await?)
            }
            Request::Decide(asked) => self.decided(&call, asked).await?,
            Request::Override(asked) => Reply::Override(self.override_warning(&call, asked).await?),
            Request::Regenerate(asked) => Reply::Regenerate(self.regenerate(&call, asked, "regenerated").await?),
            Request::Check(asked) => Reply::Check(self.check_version(&call, asked).await?),
            Request::Drop(asked) => Reply::Drop(self.drop_lane(&call, asked).await?),
            Request::Cancel(asked) => {
                let command = Command::Cancel { by: self.person(&call.client) };
                Reply::Cancel(self.command(&call, asked.session, command).await?)
            }
            Request::Budget(asked) => Reply::Budget(self.budget(&call, asked).await?),
            Request::Models(asked) => Reply::Models(self.models(asked).await?),
            Request::LendKeys(asked) => Reply::LendKeys(self.lend_keys(asked)),
            Request::Publish(asked) => {
                let command = Command::Publish { by: self.person(&call.client) };
                Reply::Publish(self.command(&call, asked.session, command).await?)
            }
            Request::Monitor(asked) => Reply::Monitor(self.monitor(&call, asked).await?),
            Request::Pause(asked) => {
                let command = Command::Pause { by: self.person(&call.client) };
                Reply::Pause(self.command(&call, asked.session, command).await?)
            }
            Request::Resume(asked) => {
                let command = Command::Resume { by: self.person(&call.client) };
                Reply::Resume(self.command(&call, asked.session, command).await?)
            }
            Request::Steer(asked) => Reply::Steer(self.steer(&call, asked).await?),
            Request::Discard(asked) => Reply::Discard(self.discard(asked).await?),
            Request::Definitions(asked) => Reply::Definitions(self.definitions(asked).await?),
            Request::Source(asked) => Reply::Source(self.source(asked).await?),
            Request::Blame(asked) => Reply::Blame(self.blame(asked).await?),
            Request::Log(asked) => {
                let session = self.session(asked.session.session).await?;
                let live = self.shared.live_logs.of(asked.session.session);
                let blobs = self.shared.ports.blobs.clone();
                let read = move || answer::logs(&blobs, &session, asked.session, asked.check.as_deref(), live);
                Reply::Log(blocking(read).await?)
            }
            Request::Artifacts(asked) => {
                let session = self.session(asked.session).await?;
                Reply::Artifacts(documents::artifacts(&session))
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
        let heard = self.unseen_notices().inspect(move |_| {
            let _listening = &counted;
        });
        Ok(heard.boxed())
    }
}

impl Runtime {
    /// Notices for a part of this process, which is no client and keeps nothing awake.
    pub fn unseen_notices(&self) -> NoticeStream {
        let stream = BroadcastStream::new(self.shared.notices.subscribe());
        let told = stream.map(|notice| notice.unwrap_or(Notice::Missed)).boxed();
        // the farewell is the last that is heard
        let heard = futures::stream::unfold(Some(told), async |listening| {
            let mut told = listening?;
            let notice = told.next().await?;
            let next = (notice != Notice::Leaving).then_some(told);
            Some((notice, next))
        });
        heard.boxed()
    }
}

/// One client that listens, while it does.
struct Listening(Arc<AtomicU64>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
