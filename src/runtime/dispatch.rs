//! Hands out owed work: fair between sessions, at most so many pieces at once, every attempt recorded before it starts.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::cancel::Cancel;
use crate::id::SessionId;
use crate::session::{EffectKey, Finding, Outcome, Session, StopKind};

use super::order::Post;
use super::work::Worker;

type Piece = (SessionId, EffectKey);

enum Standing {
    /// The attempt that follows `after` is being recorded.
    Starting { after: u32 },
    /// A worker has it.
    Running { attempt: u32, cancel: Cancel },
}

/// Owned by the core thread.
pub(super) struct Dispatcher {
    worker: Arc<Worker>,
    inbox: mpsc::Sender<Post>,
    handle: Handle,
    limit: usize,
    queue: VecDeque<(Piece, u32)>,
    busy: HashMap<Piece, Standing>,
}

impl Dispatcher {
    pub(super) fn new(worker: Arc<Worker>, inbox: mpsc::Sender<Post>, handle: Handle, limit: usize) -> Self {
        Self { worker, inbox, handle, limit: limit.max(1), queue: VecDeque::new(), busy: HashMap::new() }
    }

    /// Takes note of what a session owes now: launches what was recorded, queues what is new, stops what is not
    /// wanted any more.
    pub(super) fn owe(&mut self, session: &Arc<Session>) {
        let id = session.asked.id;
        let wanted = |key: &EffectKey| session.owed().get(key);
        self.queue.retain(|((of, key), _)| *of != id || wanted(key).is_some());
        self.busy.retain(|(of, key), standing| {
            if *of != id {
                return true;
            }
            match (standing, wanted(key)) {
                (Standing::Running { attempt, cancel }, owed) => {
                    let stale = owed.is_none_or(|owed| !owed.started || owed.attempt != *attempt);
                    if stale {
                        cancel.cancel();
                    }
                    !stale
                }
                (Standing::Starting { .. }, owed) => owed.is_some(),
            }
        });
        for (key, owed) in session.owed() {
            match self.busy.get(&(id, *key)) {
                None if !self.queue.iter().any(|(piece, _)| *piece == (id, *key)) => {
                    self.queue.push_back(((id, *key), owed.attempt));
                }
                Some(Standing::Starting { after }) if owed.started && owed.attempt > *after => {
                    self.launch(session.clone(), *key, owed.attempt);
                }
                _ => {}
            }
        }
    }

    /// Picks the next pieces, the session with the fewest at work first, and says that they start.
    pub(super) fn fill(&mut self) -> Vec<Post> {
        let mut starting = Vec::new();
        while self.busy.len() < self.limit {
            let at_work = |id: SessionId| self.busy.keys().filter(|(of, _)| *of == id).count();
            let next = (0..self.queue.len()).min_by_key(|index| (at_work(self.queue[*index].0.0), *index));
            let Some((piece, after)) = next.and_then(|index| self.queue.remove(index)) else { break };
            self.busy.insert(piece, Standing::Starting { after });
            starting.push(Post::Outcome(piece.0, Outcome::Starting(piece.1)));
        }
        starting
    }

    /// A worker ended.
    pub(super) fn ended(&mut self, id: SessionId, key: EffectKey, ended: u32) {
        if matches!(self.busy.get(&(id, key)), Some(Standing::Running { attempt, .. }) if *attempt == ended) {
            self.busy.remove(&(id, key));
        }
    }

    /// Asks everything that runs to stop.
    pub(super) fn cancel_all(&mut self) {
        for standing in self.busy.values() {
            if let Standing::Running { cancel, .. } = standing {
                cancel.cancel();
            }
        }
    }

    /// How many pieces are at work.
    pub(super) fn at_work(&self) -> usize {
        self.busy.len()
    }

    fn launch(&mut self, session: Arc<Session>, key: EffectKey, attempt: u32) {
        let id = session.asked.id;
        let cancel = Cancel::new();
        self.busy.insert((id, key), Standing::Running { attempt, cancel: cancel.clone() });
        let (worker, inbox) = (self.worker.clone(), self.inbox.clone());
        self.handle.spawn(async move {
            let work = tokio::spawn(async move { worker.run(&session, key, attempt, &cancel).await });
            let finding = work.await.unwrap_or_else(|error| {
                tracing::error!(%error, session = %id, %key, "a worker panicked");
                Finding::Stuck {
                    kind: StopKind::NeedsHuman,
                    reason: format!("{key} ended by an internal error; the log has it").into(),
                    next: format!("paraph regenerate {id}, or paraph doctor"),
                }
            });
            // the core may be gone: then the work is owed and done again at the next start
            let _ = inbox.send(Post::Outcome(id, Outcome::Found { key, attempt, finding })).await;
        });
    }
}
