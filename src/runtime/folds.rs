//! Folded sessions in memory: nobody folds again what was folded a moment ago.
//!
//! Two sorts are held: those that the core keeps, because they owe work or the store does not have all of them yet, and
//! a bounded number of others that were changed or looked at last. **A fold that is held is at its session's last
//! recorded entry.** Only the core puts a changed one in its place: when its entry is durable, before anybody is
//! answered. A fold that was read from the journal is held only where none was let go of meanwhile: it might be the one
//! that knew better.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::api::{Failure, FailureKind};
use crate::audit::JournalReader;
use crate::id::SessionId;
use crate::infrastructure::store::StoreError;
use crate::session::Session;

use super::house::{Recorded, Said};
use super::recent::Recent;
use super::tables::Tables;

/// Folds beside those that the core keeps: some tens of kilobytes each, and what a person turns over in an hour. So few
/// in tests that they let go all the time.
const MOST: usize = if cfg!(test) { 2 } else { 128 };

/// The folds. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Folds(Arc<Mutex<Held>>);

#[derive(Debug)]
struct Held {
    kept: HashMap<SessionId, Arc<Session>>,
    recent: Recent<SessionId, Arc<Session>>,
    /// How many were let go of so far.
    let_go: u64,
}

/// A session was not held when so many had been let go of.
#[derive(Debug, Clone, Copy)]
struct Missed {
    let_go: u64,
}

impl Held {
    fn get(&mut self, id: SessionId) -> Option<Arc<Session>> {
        self.kept.get(&id).cloned().or_else(|| self.recent.get(&id))
    }

    fn put_recent(&mut self, id: SessionId, session: Arc<Session>) {
        self.let_go += u64::from(self.recent.put(id, session));
    }
}

impl Folds {
    /// The sessions that the core keeps at first.
    pub(super) fn of(kept: HashMap<SessionId, Arc<Session>>) -> Self {
        Self(Arc::new(Mutex::new(Held { kept, recent: Recent::of_at_most(MOST), let_go: 0 })))
    }

    /// The session as it is now, where it is held.
    pub(super) fn get(&self, id: SessionId) -> Option<Arc<Session>> {
        self.lock().get(id)
    }

    /// The session as it is now: the one that is held, else read from the journal, and held from now on. It blocks.
    ///
    /// # Errors
    /// A [`Failure`] where there is no such session, or journal or store do not read.
    pub(super) fn load(&self, tables: &Tables, reader: &JournalReader, id: SessionId) -> Result<Arc<Session>, Failure> {
        let missed = match self.look(id) {
            Ok(session) => return Ok(session),
            Err(missed) => missed,
        };
        Ok(self.offer(Arc::new(load(tables, reader, id)?), missed))
    }

    fn look(&self, id: SessionId) -> Result<Arc<Session>, Missed> {
        let mut held = self.lock();
        held.get(id).ok_or(Missed { let_go: held.let_go })
    }

    /// Takes a fold that was read from the journal after it was missed; the newest there is.
    fn offer(&self, session: Arc<Session>, missed: Missed) -> Arc<Session> {
        let (mut held, id) = (self.lock(), session.asked.id);
        if let Some(newest) = held.get(id) {
            return newest;
        }
        if held.let_go == missed.let_go {
            held.put_recent(id, session.clone());
        }
        session
    }

    /// The core recorded these: it keeps them until they are [settled](Folds::settle).
    pub(super) fn keep<'a>(&self, recorded: impl IntoIterator<Item = (&'a SessionId, &'a Arc<Session>)>) {
        let mut held = self.lock();
        for (id, session) in recorded {
            held.recent.remove(id);
            held.kept.insert(*id, session.clone());
        }
    }

    /// The store has all of these: those that owe nothing are held as any other from now on.
    pub(super) fn settle<'a>(&self, stored: impl IntoIterator<Item = &'a SessionId>) {
        let mut held = self.lock();
        for id in stored {
            if held.kept.get(id).is_some_and(|session| session.owed().is_empty())
                && let Some(session) = held.kept.remove(id)
            {
                held.put_recent(*id, session);
            }
        }
    }

    /// The sessions that the core keeps, the oldest first.
    pub(super) fn kept(&self) -> Vec<Arc<Session>> {
        let mut kept: Vec<Arc<Session>> = self.lock().kept.values().cloned().collect();
        kept.sort_by_key(|session| session.asked.id);
        kept
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Folds a session from its entries.
pub(super) fn load(tables: &Tables, reader: &JournalReader, id: SessionId) -> Result<Session, Failure> {
    let failed = |error: StoreError| Failure::from_error(FailureKind::Failed, &error).hint(error.hint());
    let places = tables.places_of(id).map_err(failed)?;
    let entries =
        reader.entries(&places).map_err(|error| Failure::from_error(FailureKind::Failed, &error).hint(error.hint()))?;
    let mut events = Vec::with_capacity(entries.len());
    for entry in entries {
        let seq = entry.seq;
        match Recorded::of(entry) {
            Ok(Recorded { said: Said::OfSession(event), at, .. }) => events.push((*event, at, seq)),
            Ok(_) => {}
            Err(error) => return Err(Failure::from_error(FailureKind::Failed, &error).hint("install a newer paraph")),
        }
    }
    Session::fold(events).ok_or_else(|| no_such_session(id))
}

pub(super) fn no_such_session(id: SessionId) -> Failure {
    Failure::new(FailureKind::NotFound, format!("there is no session {id}")).hint("paraph list")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::audit::{Journal, JournalOptions, NewEntry, Placed};
    use crate::clock::Timestamp;
    use crate::id::{Digest, LaneId, RandomIds, Seq, SessionUuid, Version};
    use crate::infrastructure::store::Store;
    use crate::planning::{Kind, Playbook};
    use crate::proposal::EngineKind;
    use crate::repository::{Base, Source};
    use crate::runtime::follow::Follower;
    use crate::runtime::house::to_value;
    use crate::runtime::stage::Told;
    use crate::session::{Event, LaneRequest, NewSession, Person, StopKind};

    /// More sessions than are held beside those that are kept.
    const SESSIONS: u64 = 5;

    /// What may happen, in any order.
    #[derive(Debug, Clone)]
    enum Happens {
        /// Something is recorded of a session; the store follows, and the core settles it, only later.
        Recorded(u64),
        /// The store follows with all that was recorded.
        Followed,
        /// Somebody looks at a session.
        Looked(u64),
        /// Somebody misses a session and reads it from the journal, slowly.
        Missed(u64),
        /// And is done reading, the one who began first.
        Offered,
    }

    fn happens() -> impl Strategy<Value = Happens> {
        let id = 1..=SESSIONS;
        prop_oneof![
            id.clone().prop_map(Happens::Recorded),
            Just(Happens::Followed),
            id.clone().prop_map(Happens::Looked),
            id.prop_map(Happens::Missed),
            Just(Happens::Offered),
        ]
    }

    fn person() -> Person {
        let [name, email, client, terminal] = ["Ada", "ada@example.org", "test", "no"].map(str::to_owned);
        Person { login: "ada@here".to_owned(), name, email, client, terminal }
    }

    fn created(id: u64) -> Event {
        let source = Source::Url("https://example.org/one.git".to_owned());
        Event::Created {
            session: Box::new(NewSession {
                id: SessionId(id),
                uuid: SessionUuid(uuid::Uuid::from_u128(u128::from(id))),
                goal: "write it".into(),
                kind: Kind::Docs,
                adopted: None,
                issue: None,
                estimate: None,
                engine: EngineKind::Rules,
                rules: Vec::new(),
                paths: Vec::new(),
                playbook: Playbook::named("quick").expect("there is one"),
                patch: None,
                program: None,
                repairs: 0,
                budget: crate::session::Budget::default(),
                model: None,
                candidate: None,
                roles: Vec::new(),
                lanes: vec![LaneRequest { source, base: Base::Head, snapshot: None }],
                environment: BTreeMap::new(),
                by: person(),
            }),
        }
    }

    /// A second entry stops the session, so that it owes nothing; the others are marks.
    fn next(before: Option<&Session>, id: u64, seq: Seq) -> Event {
        let (lane, version, by) = (LaneId(0), Version(1), person());
        match before {
            None => created(id),
            Some(session) if !session.state().is_over() => {
                let (kind, reason) = (StopKind::Cancelled, "a person said so".into());
                Event::Stopped { kind, reason, next: String::new(), key: None, log: None }
            }
            Some(_) => Event::Marked { lane, version, hunks: vec![Digest::of(&seq.0.to_be_bytes())], by },
        }
    }

    /// Journal, store and folds, and what was folded from the first entry on without any of them.
    struct Ground {
        _folder: tempfile::TempDir,
        journal: Journal,
        tables: Tables,
        follower: Follower,
        folds: Folds,
        truth: BTreeMap<SessionId, Session>,
        waiting: Vec<(Told, Placed)>,
        reading: Vec<(Arc<Session>, Missed)>,
    }

    impl Ground {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let (journal, _) = Journal::open(folder.path(), JournalOptions::new(&RandomIds)).expect("a journal");
            let tables = Tables::new(Store::temporary().expect("a store")).expect("tables");
            let follower = Follower::new(tables.clone(), journal.reader());
            let folds = Folds::of(HashMap::new());
            let (truth, waiting, reading) = (BTreeMap::new(), Vec::new(), Vec::new());
            Self { _folder: folder, journal, tables, follower, folds, truth, waiting, reading }
        }

        fn record(&mut self, number: u64) {
            let (id, seq) = (SessionId(number), self.journal.head().next());
            let at = Timestamp(i64::try_from(seq.0).expect("small"));
            // as the core does: from what it holds, else from the journal
            let held = self.truth.get(&id).map(|_| self.held(id));
            let event = next(held.as_deref(), number, seq);
            let after = match (&held, &event) {
                (None, Event::Created { session }) => Session::created((**session).clone(), at, seq),
                (Some(before), event) => (**before).clone().apply(event, at, seq),
                (None, _) => unreachable!("the first entry creates"),
            };
            let entry = NewEntry { at, actor: "ada".to_owned(), session: Some(id), event: to_value(&event, None) };
            let placed = self.journal.append(&[entry]).expect("recorded")[0];
            let after = Arc::new(after);
            self.folds.keep([(&id, &after)]);
            let told = match self.truth.remove(&id) {
                Some(before) => before.apply(&event, at, seq),
                None => (*after).clone(),
            };
            self.truth.insert(id, told);
            let event = Box::new(event);
            self.waiting.push((Told::Session { event, at, asked: None, before: held, after }, placed));
        }

        fn follow(&mut self) {
            let (told, placed): (Vec<_>, Vec<_>) = self.waiting.drain(..).unzip();
            if !placed.is_empty() {
                self.follower.follow(&told, &placed, self.journal.head());
            }
            self.folds.settle(self.truth.keys());
        }

        fn held(&self, id: SessionId) -> Arc<Session> {
            self.folds.load(&self.tables, &self.journal.reader(), id).expect("it is there")
        }

        fn go_on(&mut self, what: &Happens) {
            match *what {
                Happens::Recorded(id) => self.record(id),
                Happens::Followed => self.follow(),
                Happens::Looked(id) if self.truth.contains_key(&SessionId(id)) => drop(self.held(SessionId(id))),
                Happens::Missed(id) if self.truth.contains_key(&SessionId(id)) => {
                    if let Err(missed) = self.folds.look(SessionId(id)) {
                        let read = load(&self.tables, &self.journal.reader(), SessionId(id)).expect("it reads");
                        self.reading.push((Arc::new(read), missed));
                    }
                }
                Happens::Offered if !self.reading.is_empty() => {
                    let (read, missed) = self.reading.remove(0);
                    self.folds.offer(read, missed);
                }
                Happens::Looked(_) | Happens::Missed(_) | Happens::Offered => {}
            }
        }
    }

    #[test]
    fn who_read_slowly_does_not_bring_back_an_older_fold() {
        let mut ground = Ground::new();
        for id in 1..=4 {
            // the second stops it: it owes nothing, and is let go of
            [Happens::Recorded(id), Happens::Recorded(id), Happens::Followed]
                .iter()
                .for_each(|what| ground.go_on(what));
        }
        ground.go_on(&Happens::Missed(1));
        assert_eq!(ground.reading.len(), 1, "it was let go of");
        for what in [Happens::Recorded(1), Happens::Followed, Happens::Looked(2), Happens::Looked(3)] {
            ground.go_on(&what);
        }
        ground.go_on(&Happens::Offered);
        assert_eq!(ground.folds.get(SessionId(1)), None);
        assert_eq!(*ground.held(SessionId(1)), ground.truth[&SessionId(1)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn a_fold_that_is_held_is_that_of_the_journal(history in prop::collection::vec(happens(), 1..80)) {
            let mut ground = Ground::new();
            for what in &history {
                ground.go_on(what);
                for (id, truth) in &ground.truth {
                    if let Some(held) = ground.folds.get(*id) {
                        prop_assert_eq!(&*held, truth);
                    }
                }
            }
            ground.follow();
            for (id, truth) in &ground.truth {
                prop_assert_eq!(&*ground.held(*id), truth);
                let read = load(&ground.tables, &ground.journal.reader(), *id).expect("it reads");
                prop_assert_eq!(&read, truth);
            }
        }
    }
}
