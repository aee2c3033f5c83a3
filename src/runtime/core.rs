//! The core thread: drains the inbox, decides, records with one sync for the whole batch, then acts.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot};

use crate::api::{Failure, FailureKind, Notice};
use crate::audit::{Head, Journal, JournalError, JournalReader, Placed};
use crate::id::SessionId;
use crate::infrastructure::store::StoreError;
use crate::session::{Finding, Outcome, Session, StopKind};

use super::coming::Coming;
use super::dispatch::Dispatcher;
use super::folds::{Folds, no_such_session};
use super::follow::Follower;
use super::held::{Held, trouble_of};
use super::metrics::day_of;
use super::order::{Done, Orderer, Post};
use super::ports::Ports;
use super::stage::{Staged, Told};
use super::tables::{Row, Tables};
use super::trust::Trust;
use super::views::row_of;

/// The most posts that share one sync.
const MAX_BATCH: usize = 512;

/// The longest that a batch waits for those who are about to join it, however slow the disk.
const WAIT_AT_MOST: Duration = Duration::from_millis(5);

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
    folds: Folds,
    dispatcher: Dispatcher,
    notices: broadcast::Sender<Notice>,
    coming: Coming,
    /// How long the last batch that was recorded took.
    last_record: Duration,
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
    pub(super) folds: Folds,
    pub(super) trust: Trust,
    pub(super) dispatcher: Dispatcher,
    pub(super) notices: broadcast::Sender<Notice>,
    pub(super) coming: Coming,
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
        let Parts { ports, tables, journal, folds, trust, dispatcher, notices, coming } = parts;
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
            folds,
            dispatcher,
            notices,
            coming,
            last_record: Duration::ZERO,
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
        // what was at work when the last process ended goes first, then what waited, in the order it was asked for
        let (begun, waited): (Vec<_>, Vec<_>) =
            self.folds.kept().into_iter().partition(|session| session.owed().values().any(|owed| owed.started));
        for session in begun.iter().chain(&waited) {
            self.dispatcher.owe(session);
        }
        match self.missing_candidates() {
            Ok(staged) => self.commit(staged),
            Err(failure) => tracing::error!(%failure, "candidates that a crash cut off could not be started"),
        }
        self.settle_cut_off();
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

    /// Nothing runs yet: calls whose end was not recorded were cut off with the process that made them.
    fn settle_cut_off(&mut self) {
        let mut staged = Staged::default();
        for session in self.folds.kept() {
            for ended in session.cut_off() {
                let today = day_of(self.ports.clock.now());
                self.dispatcher.took(&today, ended.cost_micros.unwrap_or(0));
                self.outcome(&mut staged, session.asked.id, Outcome::Answered(ended));
            }
        }
        self.commit(staged);
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
            self.gather(inbox, &mut posts);
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

    /// Takes what waits, and what comes at once: whoever is about to post shares the sync, if that costs those who wait
    /// no more than the sync itself. Somebody who is alone waits for nobody.
    fn gather(&self, inbox: &mut mpsc::Receiver<Post>, posts: &mut Vec<Post>) {
        let now = || self.ports.clock.monotonic();
        let until = now() + self.last_record.min(WAIT_AT_MOST);
        while posts.len() < MAX_BATCH {
            if let Ok(post) = inbox.try_recv() {
                posts.push(post);
            } else if self.coming.anybody() && posts.iter().any(Post::is_awaited) && now() < until {
                std::thread::yield_now();
            } else {
                break;
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
            self.folds.settle(&self.folds.kept().iter().map(|session| session.asked.id).collect::<Vec<_>>());
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
                // what a call took is known best by who made it
                Waited::Post(Post::Call { session, outcome: outcome @ Outcome::Answered(_), reply }) => {
                    let mut staged = Staged::default();
                    self.call(&mut staged, session, outcome, reply);
                    self.commit(staged);
                }
                // dropping it tells who waits for its answer
                Waited::Post(_) => {}
                Waited::Nothing => {
                    tracing::warn!(workers = self.dispatcher.at_work(), "left while work was still going on");
                    self.dispatcher.give_up();
                    break;
                }
                Waited::Closed => break,
            }
        }
        self.anchor();
    }

    /// The session as it is now.
    pub(super) fn session(&self, id: SessionId) -> Result<Arc<Session>, Failure> {
        if id.0 > self.last_session {
            return Err(no_such_session(id));
        }
        self.folds.load(&self.tables, &self.reader, id)
    }

    /// The sessions that owe work, and those that the store does not have as they are now.
    pub(super) fn live_sessions(&self) -> Vec<Arc<Session>> {
        self.folds.kept()
    }

    /// Rows of sessions that the store does not have yet; none while it agrees with the journal.
    pub(super) fn ahead_of_store(&self) -> Vec<(SessionId, Row)> {
        if !self.follower.is_behind() {
            return Vec::new();
        }
        self.folds.kept().iter().map(|session| (session.asked.id, Row::of(session))).collect()
    }

    pub(super) fn tables(&self) -> &Tables {
        &self.tables
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
        let paused = self.dispatcher.paused(self.ports.clock.monotonic());
        Held { trouble, queued: self.dispatcher.queued(), paused }
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
                Post::Order { asked, want, orderer } => self.order(&mut staged, asked, want, orderer),
                Post::House { asked, event, reply } => self.house(&mut staged, asked, event, reply),
                Post::Outcome(id, outcome) => self.outcome(&mut staged, id, outcome),
                Post::Call { session, outcome, reply } => self.call(&mut staged, session, outcome, reply),
                Post::Soon => {}
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
    fn commit(&mut self, mut staged: Staged) {
        let mut decided = self.decided(&mut staged);
        let mut waiting = Vec::with_capacity(decided.len());
        let mut tell = || {
            waiting.extend(decided.drain(..).map(|(orderer, done)| {
                let _ = orderer.decided.send(done);
                orderer.recorded
            }));
        };
        let placed = match staged.entries.as_slice() {
            [] => {
                tell();
                Vec::new()
            }
            entries => {
                let began = self.ports.clock.monotonic();
                match self.journal.append_telling(entries, &mut tell) {
                    Ok(placed) => {
                        self.last_record = self.ports.clock.monotonic().saturating_sub(began);
                        placed
                    }
                    Err(error) => {
                        waiting.extend(decided.into_iter().map(|(orderer, _)| orderer.recorded));
                        return self.refuse_all(staged, waiting, &error);
                    }
                }
            }
        };
        if !placed.is_empty() {
            self.refused_since = None;
            self.trouble = None;
        }
        self.last_session += staged.created;
        for told in &staged.told {
            if let Told::House { event, .. } = told {
                self.trust.follow(event);
            }
        }
        self.folds.keep(&staged.sessions);
        for reply in waiting.into_iter().chain(staged.house_answers) {
            let _ = reply.send(Ok(()));
        }
        for (reply, call) in staged.calls {
            let _ = reply.send(Ok(call));
        }
        self.follow(&staged.told, &placed);
        for (id, outcome) in &staged.outcomes {
            if let Outcome::Found { key, attempt, .. } = outcome {
                self.dispatcher.ended(*id, *key, *attempt);
            }
        }
        for session in staged.sessions.values() {
            let _ = self.notices.send(Notice::SessionChanged { row: Box::new(row_of(session)) });
        }
        let touched: BTreeSet<SessionId> =
            staged.outcomes.iter().map(|(id, _)| *id).chain(staged.sessions.keys().copied()).collect();
        for id in &touched {
            if let Some(session) = self.folds.get(*id) {
                self.dispatcher.owe(&session);
            }
        }
        if !self.follower.is_behind() {
            self.folds.settle(&touched);
        }
    }

    /// What the orders of the batch lead to: whoever ordered hears it while the disk works.
    fn decided(&self, staged: &mut Staged) -> Vec<(Orderer, Done)> {
        let mut decided = Vec::with_capacity(staged.answers.len());
        for (orderer, id, thread) in staged.answers.drain(..) {
            match staged.sessions.get(&id).cloned().map_or_else(|| self.session(id), Ok) {
                Ok(session) => decided.push((orderer, Done { session, thread })),
                Err(failure) => drop(orderer.recorded.send(Err(failure))),
            }
        }
        decided
    }

    /// The store takes over what was recorded: after the answers, which need the journal alone, and before anything
    /// that looks at tables. Whoever reads tables looks at the core first, and so comes after this.
    fn follow(&mut self, told: &[Told], placed: &[Placed]) {
        if !placed.is_empty() {
            self.follower.follow(told, placed, self.journal.head());
        }
    }

    /// Nothing of the batch was recorded: everybody who waits is told, and what workers found is offered again.
    fn refuse_all(&mut self, staged: Staged, waiting: Vec<oneshot::Sender<Result<(), Failure>>>, error: &JournalError) {
        tracing::error!(%error, "the journal refused a batch");
        let failure = Failure::from_error(FailureKind::Failed, error).hint(error.hint());
        for reply in waiting.into_iter().chain(staged.house_answers) {
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
    pub(super) fn tell_held(&self) {
        let held = self.held();
        for session in self.folds.kept().iter().filter(|session| !session.owed().is_empty()) {
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
                log: None,
            },
        },
        other @ (Outcome::Starting(_) | Outcome::Asking(..) | Outcome::Answered(_) | Outcome::OtherPicked { .. }) => {
            other
        }
    }
}

/// The next post, within a time where one is given. No timer is set for it: that would wake a thread of the clients'.
fn next_post(inbox: &mut mpsc::Receiver<Post>, within: Option<Duration>) -> Waited {
    let Some(within) = within else {
        return inbox.blocking_recv().map_or(Waited::Closed, Waited::Post);
    };
    let woken = Arc::new(Woken { thread: std::thread::current(), called: AtomicBool::new(true) });
    let waker = Waker::from(woken.clone());
    while woken.called.swap(false, Ordering::AcqRel) {
        match inbox.poll_recv(&mut Context::from_waker(&waker)) {
            Poll::Ready(post) => return post.map_or(Waited::Closed, Waited::Post),
            Poll::Pending => std::thread::park_timeout(within),
        }
    }
    Waited::Nothing
}

/// A thread that waits for a post.
struct Woken {
    thread: Thread,
    called: AtomicBool,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.called.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
