//! The core thread: drains the inbox, decides, records with one sync for the whole batch, then acts.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot};

use crate::api::{Failure, FailureKind, Notice};
use crate::audit::{Journal, JournalError, JournalReader, NewEntry, Placed};
use crate::clock::Timestamp;
use crate::id::{RequestId, Seq, SessionId};
use crate::infrastructure::store::{Batch, Mark, StoreError};
use crate::session::{Event, Input, NewSession, Session, decide};

use super::dispatch::Dispatcher;
use super::house::{HouseEvent, Said, read, to_value};
use super::order::{Answered, Post, Want, actor_of, failure_of};
use super::ports::Ports;
use super::tables::{RequestRow, StagedPlaces, Tables};
use super::views::row_of;

/// The most posts that share one sync.
const MAX_BATCH: usize = 512;

/// The anchor follows within this time (design §3).
const ANCHOR_WITHIN: Duration = Duration::from_millis(900);

/// The owner of journal, store and live sessions.
pub(super) struct Core {
    pub(super) ports: Ports,
    pub(super) tables: Tables,
    pub(super) reader: JournalReader,
    journal: Journal,
    live: HashMap<SessionId, Arc<Session>>,
    dispatcher: Dispatcher,
    notices: broadcast::Sender<Notice>,
    last_session: u64,
    /// Posts of the core's own: attempts to record, and outcomes that the journal could not take yet.
    own: Vec<Post>,
    retry: Vec<Post>,
}

/// How long the core waits before it offers the journal again what it could not take (a full disk).
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// A batch while it is decided: nothing of it is seen before it is durable.
#[derive(Default)]
struct Staged {
    sessions: HashMap<SessionId, Session>,
    entries: Vec<NewEntry>,
    told: Vec<Told>,
    answers: Vec<(oneshot::Sender<Answered>, SessionId)>,
    house_answers: Vec<oneshot::Sender<Result<(), Failure>>>,
    requests: HashMap<RequestId, SessionId>,
    outcomes: Vec<(SessionId, crate::session::Outcome)>,
    created: u64,
}

enum Told {
    Session { id: SessionId, event: Box<Event>, request: Option<RequestId>, before: Option<Box<Session>> },
    House { event: HouseEvent, request: RequestId },
}

impl Core {
    pub(super) fn new(
        ports: Ports,
        tables: Tables,
        journal: Journal,
        live: HashMap<SessionId, Arc<Session>>,
        dispatcher: Dispatcher,
        notices: broadcast::Sender<Notice>,
    ) -> Result<Self, StoreError> {
        let last_session = tables.last_session()?;
        let reader = journal.reader();
        Ok(Self {
            ports,
            tables,
            reader,
            journal,
            live,
            dispatcher,
            notices,
            last_session,
            own: Vec::new(),
            retry: Vec::new(),
        })
    }

    /// Runs until somebody stops it or nobody can post any more.
    pub(super) fn run(mut self, mut inbox: mpsc::Receiver<Post>) {
        let recovered: Vec<_> = self.live.values().cloned().collect();
        for session in recovered {
            self.dispatcher.owe(&session);
        }
        self.own.extend(self.dispatcher.fill());
        let mut anchored_at = self.ports.clock.monotonic();
        let mut stopped = None;
        while stopped.is_none() {
            let mut posts = std::mem::take(&mut self.own);
            if posts.is_empty() {
                let dirty = self.journal_is_ahead() || !self.retry.is_empty();
                match next_post(&mut inbox, dirty) {
                    Some(first) => posts.push(first),
                    None if dirty => {
                        self.anchor();
                        anchored_at = self.ports.clock.monotonic();
                        if !self.retry.is_empty() {
                            std::thread::sleep(RETRY_AFTER);
                            self.own = std::mem::take(&mut self.retry);
                        }
                        continue;
                    }
                    None => break,
                }
            }
            while posts.len() < MAX_BATCH {
                match inbox.try_recv() {
                    Ok(post) => posts.push(post),
                    Err(_) => break,
                }
            }
            stopped = self.batch(posts);
            if self.ports.clock.monotonic().saturating_sub(anchored_at) >= ANCHOR_WITHIN {
                self.anchor();
                anchored_at = self.ports.clock.monotonic();
            }
        }
        self.dispatcher.cancel_all();
        self.anchor();
        let _ = self.notices.send(Notice::Leaving);
        if let Some(reply) = stopped {
            let _ = reply.send(());
        }
    }

    /// The session as it is now.
    pub(super) fn session(&self, id: SessionId) -> Result<Arc<Session>, Failure> {
        if let Some(session) = self.live.get(&id) {
            return Ok(session.clone());
        }
        if id.0 > self.last_session {
            return Err(no_such_session(id));
        }
        self.load(id).map(Arc::new)
    }

    /// Sessions that are not over.
    pub(super) fn open_sessions(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.live.values()
    }

    pub(super) fn journal_head(&self) -> crate::audit::Head {
        self.journal.head()
    }

    /// What runs now, for a look from outside.
    pub(super) fn dispatcher(&mut self) -> &mut Dispatcher {
        &mut self.dispatcher
    }

    fn load(&self, id: SessionId) -> Result<Session, Failure> {
        load(&self.tables, &self.reader, id)
    }

    fn journal_is_ahead(&self) -> bool {
        !self.journal.is_anchored()
    }

    fn anchor(&mut self) {
        if let Err(error) = self.journal.anchor() {
            tracing::error!(%error, "the anchor could not be written");
        }
        if let Err(error) = self.tables.store.sync() {
            tracing::error!(%error, "the store could not be synced");
        }
    }

    fn batch(&mut self, posts: Vec<Post>) -> Option<oneshot::Sender<()>> {
        let mut staged = Staged::default();
        let mut looks = Vec::new();
        let mut stop = None;
        for post in posts {
            match post {
                Post::Order { request, want, reply } => self.order(&mut staged, request, want, reply),
                Post::House { request, event, reply } => {
                    staged.entries.push(self.house_entry(&event, &request));
                    staged.told.push(Told::House { event, request });
                    staged.house_answers.push(reply);
                }
                Post::Outcome(id, outcome) => self.outcome(&mut staged, id, outcome),
                Post::Look(look) => looks.push(look),
                Post::Stop(reply) => stop = Some(reply),
            }
        }
        self.commit(staged);
        let starting = self.dispatcher.fill();
        self.own.extend(starting);
        for look in looks {
            look(self);
        }
        stop
    }

    fn order(&mut self, staged: &mut Staged, request: RequestId, want: Want, reply: oneshot::Sender<Answered>) {
        if let Some(id) = self.answered_before(staged, &request) {
            staged.answers.push((reply, id));
            return;
        }
        let result = match want {
            Want::Start(session) => Ok(self.start(staged, *session, &request)),
            Want::Command(id, command) => self.command(staged, id, Input::Command(command), Some(&request)),
        };
        match result {
            Ok(id) => {
                staged.requests.insert(request, id);
                staged.answers.push((reply, id));
            }
            Err(failure) => {
                let _ = reply.send(Err(failure));
            }
        }
    }

    fn answered_before(&self, staged: &Staged, request: &RequestId) -> Option<SessionId> {
        staged
            .requests
            .get(request)
            .copied()
            .or_else(|| self.tables.requests.get(&request.to_string()).ok().flatten().map(|row| row.session))
    }

    fn start(&mut self, staged: &mut Staged, mut asked: NewSession, request: &RequestId) -> SessionId {
        staged.created += 1;
        asked.id = SessionId(self.last_session + staged.created);
        let id = asked.id;
        let at = self.ports.clock.now();
        let seq = self.next_seq(staged);
        let session = Session::created(asked.clone(), at, seq);
        let event = Event::Created { session: Box::new(asked) };
        staged.entries.push(entry(id, &event, at, Some(request)));
        staged.told.push(Told::Session { id, event: Box::new(event), request: Some(request.clone()), before: None });
        staged.sessions.insert(id, session);
        id
    }

    fn command(
        &mut self,
        staged: &mut Staged,
        id: SessionId,
        input: Input,
        request: Option<&RequestId>,
    ) -> Result<SessionId, Failure> {
        let mut session = match staged.sessions.remove(&id) {
            Some(session) => session,
            None => (*self.session(id)?).clone(),
        };
        let step = match decide(&session, &input) {
            Ok(step) => step,
            Err(refusal) => {
                let failure = failure_of(&refusal, &session);
                if staged.told.iter().any(|told| matches!(told, Told::Session { id: other, .. } if *other == id)) {
                    staged.sessions.insert(id, session);
                }
                return Err(failure);
            }
        };
        let at = self.ports.clock.now();
        for event in step.events {
            let seq = self.next_seq(staged);
            let before = Box::new(session.clone());
            session = session.apply(&event, at, seq);
            staged.entries.push(entry(id, &event, at, request));
            let request = request.cloned();
            staged.told.push(Told::Session { id, event: Box::new(event), request, before: Some(before) });
        }
        staged.sessions.insert(id, session);
        Ok(id)
    }

    fn outcome(&mut self, staged: &mut Staged, id: SessionId, outcome: crate::session::Outcome) {
        if let crate::session::Outcome::Found { key, attempt, .. } = &outcome {
            self.dispatcher.ended(id, *key, *attempt);
        }
        staged.outcomes.push((id, outcome.clone()));
        if let Err(failure) = self.command(staged, id, Input::Outcome(Box::new(outcome)), None) {
            tracing::warn!(%failure, session = %id, "an outcome found no session");
        }
    }

    fn next_seq(&self, staged: &Staged) -> Seq {
        Seq(self.journal.head().seq.0 + staged.entries.len() as u64 + 1)
    }

    fn house_entry(&self, event: &HouseEvent, request: &RequestId) -> NewEntry {
        let (HouseEvent::Trusted { by, .. } | HouseEvent::TrustRevoked { by, .. }) = event;
        let at = self.ports.clock.now();
        NewEntry { at, actor: by.login.clone(), session: None, event: to_value(event, Some(request)) }
    }

    /// Records the batch; only then answers, tells and hands out work.
    fn commit(&mut self, mut staged: Staged) {
        if staged.entries.is_empty() {
            return self.answer(staged.answers, &HashMap::new());
        }
        let placed = match self.journal.append(&staged.entries) {
            Ok(placed) => placed,
            Err(error) => return self.refuse_all(staged, &error),
        };
        self.last_session += staged.created;
        self.project(&staged, &placed);
        let changed: HashMap<SessionId, Arc<Session>> =
            staged.sessions.drain().map(|(id, session)| (id, Arc::new(session))).collect();
        for (id, session) in &changed {
            if session.state().is_over() {
                self.live.remove(id);
            } else {
                self.live.insert(*id, session.clone());
            }
        }
        self.answer(staged.answers, &changed);
        for reply in staged.house_answers {
            let _ = reply.send(Ok(()));
        }
        for session in changed.values() {
            let _ = self.notices.send(Notice::SessionChanged { row: Box::new(row_of(session)) });
            self.dispatcher.owe(session);
        }
    }

    fn answer(&self, answers: Vec<(oneshot::Sender<Answered>, SessionId)>, changed: &HashMap<SessionId, Arc<Session>>) {
        for (reply, id) in answers {
            let session = changed.get(&id).cloned().map_or_else(|| self.session(id), Ok);
            let _ = reply.send(session);
        }
    }

    fn refuse_all(&mut self, staged: Staged, error: &JournalError) {
        tracing::error!(%error, "the journal refused a batch");
        let failure = Failure::from_error(FailureKind::Failed, error).hint(error.hint());
        for (reply, _) in staged.answers {
            let _ = reply.send(Err(failure.clone()));
        }
        for reply in staged.house_answers {
            let _ = reply.send(Err(failure.clone()));
        }
        // what workers found is not lost: it is offered again
        self.retry.extend(staged.outcomes.into_iter().map(|(id, outcome)| Post::Outcome(id, outcome)));
    }

    fn project(&mut self, staged: &Staged, placed: &[Placed]) {
        let mut batch = Batch::new();
        let result = self.fill(&mut batch, staged, placed).and_then(|()| {
            let mark = placed.last().copied().map(Mark::from);
            self.tables.store.commit(&batch, mark.as_ref())
        });
        if let Err(error) = result {
            // the journal has it: the store is rebuilt at the next start
            tracing::error!(%error, "the store fell behind the journal");
        }
    }

    fn fill(&self, batch: &mut Batch, staged: &Staged, placed: &[Placed]) -> Result<(), StoreError> {
        let mut places = StagedPlaces::default();
        let mut rows = HashSet::new();
        for (told, place) in staged.told.iter().zip(placed) {
            match told {
                Told::Session { id, event, request, before } => {
                    let Some(after) = staged.sessions.get(id) else { continue };
                    self.tables.project(batch, &mut places, event, *place, before.as_deref(), after)?;
                    if let Some(request) = request {
                        let row = RequestRow { session: *id, seq: place.seq };
                        batch.put(&self.tables.requests, &request.to_string(), &row)?;
                    }
                    if rows.insert(*id) {
                        self.tables.put_row(batch, after, stored_row(after))?;
                    }
                }
                Told::House { event, request } => {
                    self.tables.put_house(batch, event)?;
                    tracing::debug!(%request, "recorded");
                }
            }
        }
        Ok(())
    }
}

/// The row as the store keeps it.
pub(super) fn stored_row(session: &Session) -> String {
    serde_json::to_string(&row_of(session)).expect("rows are plain data")
}

/// Folds a session from its entries.
pub(super) fn load(tables: &Tables, reader: &JournalReader, id: SessionId) -> Result<Session, Failure> {
    let places = tables.places_of(id).map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
    let entries =
        reader.entries(&places).map_err(|error| Failure::from_error(FailureKind::Failed, &error).hint(error.hint()))?;
    let mut events = Vec::with_capacity(entries.len());
    for entry in &entries {
        match read(entry) {
            Ok((Said::OfSession(event), _)) => events.push((*event, entry.at, entry.seq)),
            Ok((Said::OfHouse(_), _)) => {}
            Err(error) => return Err(Failure::from_error(FailureKind::Failed, &error).hint("install a newer paraph")),
        }
    }
    Session::fold(events).ok_or_else(|| no_such_session(id))
}

pub(super) fn no_such_session(id: SessionId) -> Failure {
    Failure::new(FailureKind::NotFound, format!("there is no session {id}")).hint("paraph list")
}

fn entry(id: SessionId, event: &Event, at: Timestamp, request: Option<&RequestId>) -> NewEntry {
    NewEntry { at, actor: actor_of(event), session: Some(id), event: to_value(event, request) }
}

/// The next post; `None` when nobody can post any more, or, with `soon`, when none came within the anchor's time.
fn next_post(inbox: &mut mpsc::Receiver<Post>, soon: bool) -> Option<Post> {
    if !soon {
        return inbox.blocking_recv();
    }
    match inbox.try_recv() {
        Ok(post) => Some(post),
        Err(mpsc::error::TryRecvError::Disconnected) => None,
        Err(mpsc::error::TryRecvError::Empty) => {
            let wait = async { tokio::time::timeout(ANCHOR_WITHIN, inbox.recv()).await.ok().flatten() };
            tokio::runtime::Handle::current().block_on(wait)
        }
    }
}
