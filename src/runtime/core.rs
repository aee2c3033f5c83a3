//! The core thread: drains the inbox, decides, records with one sync for the whole batch, then acts.

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot};

use crate::api::{Failure, FailureKind, Notice};
use crate::audit::{Head, Journal, JournalError, JournalReader};
use crate::id::SessionId;
use crate::infrastructure::store::StoreError;
use crate::session::{Finding, Outcome, Session, StopKind};

use super::dispatch::Dispatcher;
use super::follow::Follower;
use super::held::{Held, trouble_of};
use super::house::{Said, read};
use super::order::{Done, Post};
use super::ports::Ports;
use super::stage::{Staged, Told};
use super::tables::{Row, Tables};
use super::trust::Trust;
use super::views::row_of;

/// The most posts that share one sync.
const MAX_BATCH: usize = 512;

/// The anchor follows within this time (design §3).
const ANCHOR_WITHIN: Duration = Duration::from_millis(900);

/// How long the core waits before it offers the journal or the store again what they could not take (a full disk).
const RETRY_AFTER: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(2) };

/// How long a journal that refuses everything is offered what waits. After it, or at once where only opening the journal
/// again can tell what the disk holds, the service ends: a daemon that can record nothing must not hold the lock.
const GIVE_UP_AFTER: Duration = if cfg!(test) { Duration::from_secs(20) } else { Duration::from_secs(5 * 60) };

/// How long workers may take to go when the service ends: killing a check's process tree takes part of a second.
const LEAVE_WITHIN: Duration = Duration::from_secs(10);

/// The owner of journal, store and live sessions.
pub(super) struct Core {
    pub(super) ports: Ports,
    tables: Tables,
    reader: JournalReader,
    journal: Journal,
    follower: Follower,
    trust: Trust,
    live: HashMap<SessionId, Arc<Session>>,
    dispatcher: Dispatcher,
    notices: broadcast::Sender<Notice>,
    last_session: u64,
    /// Attempts to record, of the core's own.
    own: Vec<Post>,
    /// What the journal could not take yet.
    retry: Vec<Post>,
    /// Since when the journal refuses everything.
    refused_since: Option<Duration>,
    /// Why it does, as people read it.
    trouble: Option<String>,
    /// Whether it did so for too long.
    given_up: bool,
}

/// What the core is made of.
pub(super) struct Parts {
    pub(super) ports: Ports,
    pub(super) tables: Tables,
    pub(super) journal: Journal,
    pub(super) live: HashMap<SessionId, Arc<Session>>,
    pub(super) trust: Trust,
    pub(super) dispatcher: Dispatcher,
    pub(super) notices: broadcast::Sender<Notice>,
}

/// Tells listeners that the service ends, however it ends.
struct Farewell(broadcast::Sender<Notice>);

impl Drop for Farewell {
    fn drop(&mut self) {
        let _ = self.0.send(Notice::Leaving);
    }
}

/// What waiting for a post came to.
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is moved once")]
enum Waited {
    Post(Post),
    Nothing,
    Closed,
}

impl Core {
    pub(super) fn new(parts: Parts) -> Result<Self, StoreError> {
        let Parts { ports, tables, journal, live, trust, dispatcher, notices } = parts;
        let last_session = tables.last_session()?;
        let reader = journal.reader();
        let follower = Follower::new(tables.clone(), reader.clone());
        let (own, retry) = (Vec::new(), Vec::new());
        Ok(Self {
            ports,
            tables,
            reader,
            journal,
            follower,
            trust,
            live,
            dispatcher,
            notices,
            last_session,
            own,
            retry,
            refused_since: None,
            trouble: None,
            given_up: false,
        })
    }

    /// Runs until somebody stops it or nobody can post any more.
    pub(super) fn run(mut self, mut inbox: mpsc::Receiver<Post>) {
        let farewell = Farewell(self.notices.clone());
        let recovered: Vec<_> = self.live.values().cloned().collect();
        for session in recovered {
            self.dispatcher.owe(&session);
        }
        self.own.extend(self.dispatcher.fill());
        let stopped = self.serve(&mut inbox);
        self.leave(&mut inbox);
        drop(inbox);
        drop(self);
        drop(farewell);
        for reply in stopped {
            let _ = reply.send(());
        }
    }

    fn serve(&mut self, inbox: &mut mpsc::Receiver<Post>) -> Vec<oneshot::Sender<()>> {
        let mut anchor_at = None;
        let mut again_at = None;
        loop {
            let mut posts = std::mem::take(&mut self.own);
            let now = self.ports.clock.monotonic();
            let next = [anchor_at, again_at].into_iter().flatten().min();
            let mut waited_out = false;
            if posts.is_empty() {
                match next_post(inbox, next.map(|next: Duration| next.saturating_sub(now))) {
                    Waited::Post(post) => posts.push(post),
                    Waited::Nothing => waited_out = true,
                    Waited::Closed => return Vec::new(),
                }
            }
            while posts.len() < MAX_BATCH
                && let Ok(post) = inbox.try_recv()
            {
                posts.push(post);
            }
            let stopped = self.batch(posts);
            if !stopped.is_empty() || self.records_no_more() {
                return stopped;
            }
            // a wait that ended is a deadline that came, also where a test's clock stands still
            let now = self.ports.clock.monotonic();
            let due = |at: Option<Duration>| at.is_some_and(|at| at <= now || waited_out);
            if due(anchor_at) {
                self.anchor();
                anchor_at = None;
            }
            if due(again_at) {
                self.try_again();
                again_at = None;
            }
            if !self.journal.is_anchored() {
                anchor_at = anchor_at.or(Some(now + ANCHOR_WITHIN));
            }
            if !self.retry.is_empty() || self.follower.is_behind() {
                again_at = again_at.or(Some(now + RETRY_AFTER));
            }
        }
    }

    /// Whether the journal has to be opened again before anything can be recorded.
    fn records_no_more(&self) -> bool {
        let ends = self.journal.is_read_only() || self.given_up;
        if ends {
            tracing::error!(
                "the journal takes no more; the service ends, and the next one opens and verifies it again"
            );
        }
        ends
    }

    /// Offers journal and store again what they could not take.
    fn try_again(&mut self) {
        self.own.append(&mut self.retry);
        if self.follower.is_behind() && self.follower.catch_up(self.journal.head()) {
            self.live.retain(|_, session| !session.state().is_over());
            // what was listed meanwhile may be looked at again
            let _ = self.notices.send(Notice::Missed);
        }
    }

    /// Waits for the workers, within limits, then anchors. What they finish meanwhile is recorded; what they leave
    /// because they were asked to is owed, and done at the next start.
    fn leave(&mut self, inbox: &mut mpsc::Receiver<Post>) {
        self.dispatcher.cancel_all();
        let until = self.ports.clock.monotonic() + LEAVE_WITHIN;
        while self.dispatcher.at_work() > 0 {
            match next_post(inbox, Some(until.saturating_sub(self.ports.clock.monotonic()))) {
                Waited::Post(Post::Outcome(id, Outcome::Found { key, attempt, finding })) => {
                    if !matches!(finding, Finding::Stuck { .. }) {
                        let mut staged = Staged::default();
                        self.outcome(&mut staged, id, Outcome::Found { key, attempt, finding });
                        self.commit(staged);
                    }
                    self.dispatcher.ended(id, key, attempt);
                }
                // dropping it tells who waits for its answer
                Waited::Post(_) => {}
                Waited::Nothing => {
                    tracing::warn!(workers = self.dispatcher.at_work(), "left while work was still going on");
                    break;
                }
                Waited::Closed => break,
            }
        }
        self.anchor();
    }

    /// The session as it is now.
    pub(super) fn session(&self, id: SessionId) -> Result<Arc<Session>, Failure> {
        if let Some(session) = self.live(id)? {
            return Ok(session);
        }
        load(&self.tables, &self.reader, id).map(Arc::new)
    }

    /// The session, where it is held in memory: another is read from the journal, by whoever asks.
    pub(super) fn live(&self, id: SessionId) -> Result<Option<Arc<Session>>, Failure> {
        if id.0 > self.last_session {
            return Err(no_such_session(id));
        }
        Ok(self.live.get(&id).cloned())
    }

    /// Sessions held in memory: all that owe work, and those that changed and are not over.
    pub(super) fn live_sessions(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.live.values()
    }

    /// Rows of sessions that the store does not have yet; none while it agrees with the journal.
    pub(super) fn ahead_of_store(&self) -> Vec<(SessionId, Row)> {
        let live = self.live.iter().filter(|_| self.follower.is_behind());
        live.map(|(id, session)| (*id, Row::of(session))).collect()
    }

    pub(super) fn journal_head(&self) -> Head {
        self.journal.head()
    }

    pub(super) fn last_session(&self) -> u64 {
        self.last_session
    }

    pub(super) fn follower(&self) -> &Follower {
        &self.follower
    }

    /// What holds sessions up now. A refusal holds up nobody where nothing waits to be recorded.
    pub(super) fn held(&self) -> Held {
        let trouble = self.trouble.clone().filter(|_| !self.retry.is_empty());
        Held { trouble, queued: self.dispatcher.queued() }
    }

    /// What runs now.
    pub(super) fn dispatcher(&mut self) -> &mut Dispatcher {
        &mut self.dispatcher
    }

    fn anchor(&mut self) {
        if let Err(error) = self.journal.anchor() {
            tracing::error!(%error, "the anchor could not be written");
        }
        if let Err(error) = self.tables.store.sync() {
            tracing::error!(%error, "the store could not be synced");
        }
    }

    fn batch(&mut self, posts: Vec<Post>) -> Vec<oneshot::Sender<()>> {
        let mut staged = Staged::default();
        let (mut looks, mut stops) = (Vec::new(), Vec::new());
        for post in posts {
            match post {
                Post::Order { asked, want, reply } => self.order(&mut staged, asked, want, reply),
                Post::House { asked, event, reply } => self.house(&mut staged, asked, event, reply),
                Post::Outcome(id, outcome) => self.outcome(&mut staged, id, outcome),
                Post::Call { session, outcome, reply } => self.call(&mut staged, session, outcome, reply),
                Post::Look(look) => looks.push(look),
                Post::Stop(reply) => stops.push(reply),
            }
        }
        self.commit(staged);
        if stops.is_empty() && self.retry.is_empty() {
            let starting = self.dispatcher.fill();
            self.own.extend(starting);
        }
        for look in looks {
            if catch_unwind(AssertUnwindSafe(|| look(self))).is_err() {
                tracing::error!("a look panicked; who asked is told that the service has ended");
            }
        }
        stops
    }

    /// Records the batch; only then answers, tells and hands out work.
    fn commit(&mut self, staged: Staged) {
        if !staged.entries.is_empty() {
            match self.journal.append(&staged.entries) {
                Ok(placed) => {
                    self.refused_since = None;
                    self.trouble = None;
                    self.follower.follow(&staged.told, &placed, self.journal.head());
                }
                Err(error) => return self.refuse_all(staged, &error),
            }
        }
        self.last_session += staged.created;
        let mut touched: BTreeSet<SessionId> = staged.outcomes.iter().map(|(id, _)| *id).collect();
        for told in &staged.told {
            if let Told::House { event, .. } = told {
                self.trust.follow(event);
            }
        }
        for (id, session) in &staged.sessions {
            touched.insert(*id);
            self.live.insert(*id, session.clone());
        }
        for (reply, id, thread) in staged.answers {
            let _ = reply.send(self.session(id).map(|session| Done { session, thread }));
        }
        for reply in staged.house_answers {
            let _ = reply.send(Ok(()));
        }
        for (reply, call) in staged.calls {
            let _ = reply.send(Ok(call));
        }
        for (id, outcome) in staged.outcomes {
            if let Outcome::Found { key, attempt, .. } = outcome {
                self.dispatcher.ended(id, key, attempt);
            }
        }
        for session in staged.sessions.values() {
            let _ = self.notices.send(Notice::SessionChanged { row: Box::new(row_of(session)) });
        }
        for id in touched {
            if let Some(session) = self.live.get(&id) {
                self.dispatcher.owe(session);
            }
        }
        if !self.follower.is_behind() {
            for (id, session) in &staged.sessions {
                if session.state().is_over() {
                    self.live.remove(id);
                }
            }
        }
    }

    /// Nothing of the batch was recorded: everybody who waits is told, and what workers found is offered again.
    fn refuse_all(&mut self, staged: Staged, error: &JournalError) {
        tracing::error!(%error, "the journal refused a batch");
        let failure = Failure::from_error(FailureKind::Failed, error).hint(error.hint());
        for (reply, ..) in staged.answers {
            let _ = reply.send(Err(failure.clone()));
        }
        for reply in staged.house_answers {
            let _ = reply.send(Err(failure.clone()));
        }
        for (reply, _) in staged.calls {
            let _ = reply.send(Err(failure.clone()));
        }
        let never = matches!(error, JournalError::Entry { .. });
        if !never {
            let now = self.ports.clock.monotonic();
            let since = *self.refused_since.get_or_insert(now);
            self.given_up = now.saturating_sub(since) >= GIVE_UP_AFTER;
        }
        let trouble = (!never).then(|| trouble_of(error));
        let is_news = trouble.is_some() && trouble != self.trouble && !staged.outcomes.is_empty();
        if !staged.outcomes.is_empty() {
            self.trouble = trouble;
        }
        for (id, outcome) in staged.outcomes {
            if let Outcome::Starting(key) = &outcome {
                self.dispatcher.not_started(id, *key);
            }
            self.retry.push(Post::Outcome(id, if never { shortened(outcome) } else { outcome }));
        }
        if is_news {
            self.tell_held();
        }
    }

    /// Tells listeners of every session that is held up: nothing that is recorded will.
    fn tell_held(&self) {
        let held = self.held();
        for session in self.live.values().filter(|session| !session.owed().is_empty()) {
            let mut row = row_of(session);
            held.tell_in_row(&mut row);
            let _ = self.notices.send(Notice::SessionChanged { row: Box::new(row) });
        }
    }
}

/// What can be recorded of an outcome that the journal will never take.
fn shortened(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Found { key, attempt, .. } => Outcome::Found {
            key,
            attempt,
            finding: Finding::Stuck {
                kind: StopKind::NeedsHuman,
                reason: format!("what {key} found cannot be recorded; the log has why").into(),
                next: "paraph doctor".to_owned(),
            },
        },
        starting @ (Outcome::Starting(_) | Outcome::Asking(_) | Outcome::Answered(_)) => starting,
    }
}

/// Folds a session from its entries.
pub(super) fn load(tables: &Tables, reader: &JournalReader, id: SessionId) -> Result<Session, Failure> {
    let failed = |error: StoreError| Failure::from_error(FailureKind::Failed, &error).hint(error.hint());
    let places = tables.places_of(id).map_err(failed)?;
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

/// The next post, within a time where one is given.
fn next_post(inbox: &mut mpsc::Receiver<Post>, within: Option<Duration>) -> Waited {
    let received = match within {
        None => Ok(inbox.blocking_recv()),
        Some(within) => match inbox.try_recv() {
            Ok(post) => Ok(Some(post)),
            Err(mpsc::error::TryRecvError::Disconnected) => Ok(None),
            Err(mpsc::error::TryRecvError::Empty) => {
                let wait = async { tokio::time::timeout(within, inbox.recv()).await };
                tokio::runtime::Handle::current().block_on(wait)
            }
        },
    };
    match received {
        Ok(Some(post)) => Waited::Post(post),
        Ok(None) => Waited::Closed,
        Err(_elapsed) => Waited::Nothing,
    }
}
