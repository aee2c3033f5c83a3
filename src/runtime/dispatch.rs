//! Hands out owed work: fair between sessions, at most so many pieces at once, every attempt recorded before it starts.
//!
//! The limit that a user sets is for checks, which take minutes and whole processors. What a session needs before and
//! after them has places of its own: nobody waits for somebody else's test suite to have a change read.
//!
//! A piece that was asked to stop keeps its place until its worker is gone: two workers never do the same piece at once,
//! and the limit holds.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::cancel::Cancel;
use crate::id::SessionId;
use crate::session::{EffectKey, EffectKind, Finding, Outcome, Owed, Session, StopKind};

use super::desk::Line;
use super::ear::Ear;
use super::order::Post;
use super::work::Worker;

type Piece = (SessionId, EffectKey);

enum Standing {
    /// That it starts is posted and waits to be decided.
    Asked,
    /// That it starts is part of the batch at hand.
    Recorded,
    /// A worker has it.
    Running { attempt: u32, cancel: Cancel, unwanted: Cancel, ear: Arc<Ear> },
    /// A worker has it and was asked to stop: nobody waits for its answer but, where it drafts and is held, for what it
    /// had left.
    Leaving { attempt: u32, unwanted: Cancel },
}

/// Owned by the core thread.
pub(super) struct Dispatcher {
    worker: Arc<Worker>,
    /// Weak, so that the core ends when every client and worker is gone.
    inbox: mpsc::WeakSender<Post>,
    handle: Handle,
    /// The most checks at once: what the user set.
    checks: usize,
    /// The most other pieces at once: as many as there are processors.
    quick: usize,
    /// What waits for a place, with a ticket each: a smaller one came first.
    queue: BTreeMap<SessionId, BTreeMap<EffectKey, u64>>,
    tickets: u64,
    busy: HashMap<Piece, Standing>,
}

impl Dispatcher {
    pub(super) fn new(worker: Arc<Worker>, inbox: mpsc::WeakSender<Post>, handle: Handle, checks: usize) -> Self {
        let checks = checks.max(1);
        let quick = std::thread::available_parallelism().map_or(2, usize::from).max(2);
        Self { worker, inbox, handle, checks, quick, queue: BTreeMap::new(), tickets: 0, busy: HashMap::new() }
    }

    /// Takes note of what a session owes now: launches what was recorded, queues what is new, stops what is not
    /// wanted any more.
    pub(super) fn owe(&mut self, session: &Arc<Session>) {
        let id = session.asked.id;
        if let Some(waiting) = self.queue.get_mut(&id) {
            waiting.retain(|key, _| session.owed().contains_key(key));
        }
        let mine: Vec<EffectKey> = self.busy.keys().filter(|(of, _)| *of == id).map(|(_, key)| *key).collect();
        for key in mine {
            self.review(session, key);
        }
        for key in session.owed().keys() {
            if matches!(self.busy.get(&(id, *key)), None | Some(Standing::Leaving { .. })) {
                self.tickets += 1;
                self.queue.entry(id).or_default().entry(*key).or_insert(self.tickets);
            }
        }
        if self.queue.get(&id).is_some_and(BTreeMap::is_empty) {
            self.queue.remove(&id);
        }
    }

    /// What becomes of one busy piece.
    fn review(&mut self, session: &Arc<Session>, key: EffectKey) {
        let piece = (session.asked.id, key);
        // the attempt whose answer is waited for; none until the next one is recorded as started
        let owed = session.owed().get(&key);
        let running = owed.filter(|owed| owed.started).map(|owed| owed.attempt);
        match (self.busy.get(&piece), owed) {
            (Some(Standing::Recorded), Some(Owed { started: true, attempt, .. })) => {
                self.launch(session.clone(), key, *attempt);
            }
            // recorded and given up within one batch, or not wanted before it started
            (Some(Standing::Recorded), _) | (Some(Standing::Asked), None) => {
                self.busy.remove(&piece);
            }
            (Some(Standing::Running { ear, attempt, .. }), _) if running == Some(*attempt) => {
                ear.say(&session.steered);
            }
            (Some(Standing::Running { attempt, cancel, unwanted, .. }), _) => {
                cancel.cancel();
                let (attempt, unwanted) = (*attempt, unwanted.clone());
                if !is_held(session, key, attempt) {
                    unwanted.cancel();
                }
                self.busy.insert(piece, Standing::Leaving { attempt, unwanted });
            }
            (Some(Standing::Leaving { attempt, unwanted }), _) if !is_held(session, key, *attempt) => unwanted.cancel(),
            _ => {}
        }
    }

    /// Picks the next pieces, the session with the fewest at work first, and says that they start.
    pub(super) fn fill(&mut self) -> Vec<Post> {
        let mut starting = Vec::new();
        while let Some((id, key)) = self.next() {
            if let Some(waiting) = self.queue.get_mut(&id) {
                waiting.remove(&key);
                if waiting.is_empty() {
                    self.queue.remove(&id);
                }
            }
            self.busy.insert((id, key), Standing::Asked);
            starting.push(Post::Outcome(id, Outcome::Starting(key)));
        }
        starting
    }

    fn next(&self) -> Option<Piece> {
        let mut at_work: HashMap<SessionId, usize> = HashMap::new();
        for (id, _) in self.busy.keys() {
            *at_work.entry(*id).or_default() += 1;
        }
        let waiting = self.queue.iter().flat_map(|(id, keys)| keys.iter().map(|(key, ticket)| ((*id, *key), *ticket)));
        let mut busy: HashMap<Place, usize> = HashMap::new();
        for (_, key) in self.busy.keys() {
            *busy.entry(Place::of(*key)).or_default() += 1;
        }
        let room = |key: EffectKey| busy.get(&Place::of(key)).is_none_or(|busy| *busy < self.places(Place::of(key)));
        let free = waiting.filter(|(piece, _)| !self.busy.contains_key(piece) && room(piece.1));
        let first = free.min_by_key(|((id, _), ticket)| (at_work.get(id).copied().unwrap_or(0), *ticket));
        first.map(|(piece, _)| piece)
    }

    /// How many places of a sort there are.
    fn places(&self, of: Place) -> usize {
        match of {
            Place::Check => self.checks,
            Place::Quick | Place::Ask | Place::Publish => self.quick,
        }
    }

    /// Whether a start that was posted is still wanted; it is being recorded then.
    pub(super) fn starts(&mut self, id: SessionId, key: EffectKey) -> bool {
        match self.busy.get_mut(&(id, key)) {
            Some(standing @ Standing::Asked) => {
                *standing = Standing::Recorded;
                true
            }
            _ => false,
        }
    }

    /// A start could not be recorded: it is offered again.
    pub(super) fn not_started(&mut self, id: SessionId, key: EffectKey) {
        if let Some(standing @ Standing::Recorded) = self.busy.get_mut(&(id, key)) {
            *standing = Standing::Asked;
        }
    }

    /// A worker is gone, and what it found is recorded or not wanted.
    pub(super) fn ended(&mut self, id: SessionId, key: EffectKey, ended: u32) {
        let known = self.busy.get(&(id, key));
        if let Some(Standing::Running { attempt, .. } | Standing::Leaving { attempt, .. }) = known
            && *attempt == ended
        {
            self.busy.remove(&(id, key));
        }
    }

    /// Asks everything that runs to stop, and forgets what waits.
    pub(super) fn cancel_all(&mut self) {
        self.queue.clear();
        self.busy.retain(|_, standing| matches!(standing, Standing::Running { .. } | Standing::Leaving { .. }));
        for standing in self.busy.values() {
            if let Standing::Running { cancel, .. } = standing {
                cancel.cancel();
            }
        }
    }

    /// Asks those that are asked to stop, and still read what they had left, to let it be.
    pub(super) fn give_up(&self) {
        for standing in self.busy.values() {
            if let Standing::Running { unwanted, .. } | Standing::Leaving { unwanted, .. } = standing {
                unwanted.cancel();
            }
        }
    }

    /// Sessions of which nothing is at work because every place for checks is taken, and how many checks come before
    /// each.
    pub(super) fn queued(&self) -> BTreeMap<SessionId, usize> {
        let running = self.busy.keys().filter(|(_, key)| Place::of(*key) == Place::Check).count();
        if running < self.checks {
            return BTreeMap::new();
        }
        let first = |keys: &BTreeMap<EffectKey, u64>| {
            let checks = keys.iter().filter(|(key, _)| Place::of(**key) == Place::Check);
            checks.map(|(_, ticket)| *ticket).min()
        };
        let still = self.queue.iter().filter(|(id, _)| self.busy.keys().all(|(of, _)| of != *id));
        let mut waiting: Vec<(u64, SessionId)> = still.filter_map(|(id, keys)| Some((first(keys)?, *id))).collect();
        waiting.sort_unstable();
        waiting.into_iter().enumerate().map(|(before, (_, id))| (id, running + before)).collect()
    }

    /// Sessions whose model is asked again later, in words.
    pub(super) fn paused(&self, now: std::time::Duration) -> BTreeMap<SessionId, String> {
        self.worker.pauses.at(now)
    }

    /// A call that nobody waited for took so much of the day.
    pub(super) fn took(&self, date: &str, micros: u64) {
        self.worker.today.settle(date, 0, micros);
    }

    /// How many pieces are at work.
    pub(super) fn at_work(&self) -> usize {
        self.busy.len()
    }

    fn launch(&mut self, session: Arc<Session>, key: EffectKey, attempt: u32) {
        let id = session.asked.id;
        let Some(inbox) = self.inbox.upgrade() else {
            self.busy.remove(&(id, key));
            return;
        };
        let cancel = Cancel::new();
        let ear = Arc::new(Ear::of(&session.steered));
        let unwanted = Cancel::new();
        let (own, given_up) = (cancel.clone(), unwanted.clone());
        self.busy.insert((id, key), Standing::Running { attempt, cancel: own, unwanted: given_up, ear: ear.clone() });
        let worker = self.worker.clone();
        let line = Line { inbox: inbox.clone(), session: id, key, attempt, ear, unwanted, tape: None };
        self.handle.spawn(async move {
            let work = tokio::spawn(async move { worker.run(&session, &line, &cancel).await });
            let finding = work.await.unwrap_or_else(|error| {
                tracing::error!(%error, session = %id, %key, "a worker panicked");
                Finding::Stuck {
                    kind: StopKind::NeedsHuman,
                    reason: format!("{key} ended by an internal error; the log has it").into(),
                    next: format!("paraph regenerate {id}, or paraph doctor"),
                    log: None,
                }
            });
            // the core may be gone: then the work is owed and done again at the next start
            let _ = inbox.send(Post::Outcome(id, Outcome::Found { key, attempt, finding })).await;
        });
    }
}

/// Whether that attempt was stopped in the middle of a draft by somebody who lets it go on later.
fn is_held(session: &Session, key: EffectKey, attempt: u32) -> bool {
    let held = session.drafting.as_ref().filter(|drafting| drafting.stopping == Some(attempt));
    held.is_some_and(|drafting| EffectKey::draft(drafting.version) == key) && !session.state().is_over()
}

/// Which places a piece of work competes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    /// Minutes, and whole processors.
    Check,
    /// Seconds: loading, indexing, drafting, applying, judging.
    Quick,
    /// Minutes of waiting for a model, and no processor.
    Ask,
    /// What a person decided does not stand in line behind drafts, nor behind a clone.
    Publish,
}

impl Place {
    fn of(key: EffectKey) -> Self {
        match key.kind {
            EffectKind::Check => Self::Check,
            EffectKind::Triage | EffectKind::Plan | EffectKind::Test | EffectKind::Document => Self::Ask,
            EffectKind::Review | EffectKind::Runbook | EffectKind::Monitor => Self::Ask,
            EffectKind::Publish | EffectKind::PassOver => Self::Publish,
            EffectKind::Load | EffectKind::Index | EffectKind::Draft | EffectKind::Apply | EffectKind::Score => {
                Self::Quick
            }
        }
    }
}
