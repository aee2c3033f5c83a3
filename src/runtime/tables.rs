//! The store's tables and what each entry writes to them. All of it can be built again from the journal.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use crate::audit::Placed;
use crate::clock::Timestamp;
use crate::id::{Digest, LaneId, Seq, SessionId, ThreadId, Version};
use crate::infrastructure::store::{Batch, Mark, Order, Record, Store, StoreError, Table};
use crate::repository::{Source, WorkSpec};
use crate::session::{Bead, BeadStatus, Event, Session};

use super::house::HouseEvent;
use super::metrics::{Counter, count_event, never_scored};
use super::order::Asked;
use super::records::is_due;
use super::trust::Answer;
use super::views::{is_waiting, stored_row};

/// Where a session's entries lie, at most [`PLACES_A_ROW`] of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Places(pub(super) Vec<Mark>);
impl Record for Places {
    const VERSION: u8 = 1;
}

/// 40 places of at most 94 bytes stay under the 4 KiB that a value may have.
const PLACES_A_ROW: u64 = 40;

/// What `list` shows of a session, and nothing that is long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    /// The inbox's row as JSON, its texts cut.
    pub(super) json: String,
    /// Its state's name.
    pub(super) state: String,
    /// Whether a person is needed now.
    pub(super) needs_me: bool,
    /// Whether something of it runs or waits to run.
    pub(super) running: bool,
}
impl Record for Row {
    const VERSION: u8 = 1;
}

impl Row {
    pub(super) fn of(session: &Session) -> Self {
        Self {
            json: stored_row(session),
            state: session.state().name().to_owned(),
            needs_me: is_waiting(session),
            running: !session.owed().is_empty(),
        }
    }
}

/// What is looked for among the sessions that are not over, without folding them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OpenRow {
    /// Whether it owes work: those are folded at the start.
    pub(super) owes: bool,
    /// The work that it adopted, as [`short_of`]; 0 where it adopted none.
    pub(super) adopted: u64,
    /// Its repositories, as [`short_of`].
    pub(super) sources: Vec<u64>,
}
impl Record for OpenRow {
    const VERSION: u8 = 1;
}

/// A count.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Count(pub(super) u64);
impl Record for Count {
    const VERSION: u8 = 1;
}

/// A version, as it was proposed: lanes and digests.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ProposalRow {
    pub(super) seq: Seq,
    pub(super) patch_sets: Vec<(LaneId, Digest)>,
}
impl Record for ProposalRow {
    const VERSION: u8 = 1;
}

/// A decision, written once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DecisionRow {
    pub(super) seq: Seq,
    pub(super) verdict: String,
    pub(super) digest: Digest,
}
impl Record for DecisionRow {
    const VERSION: u8 = 1;
}

/// What a request led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RequestRow {
    /// The session; none for what the house was asked.
    pub(super) session: Option<SessionId>,
    /// The thread, or the draft, that it made.
    pub(super) thread: Option<ThreadId>,
    /// What was asked, as [`Asked`] has it.
    pub(super) what: String,
}

impl RequestRow {
    /// What `event` answers to a request for `what`.
    pub(super) fn of(id: SessionId, event: &Event, what: &str) -> Self {
        let thread = match event {
            Event::ThreadOpened { thread, .. } | Event::ThreadAnswered { thread, .. } => Some(*thread),
            // a row of the store has one number for what was written: the request says of which sort
            Event::DraftKept { draft, .. } => Some(ThreadId(draft.0)),
            _ => None,
        };
        Self { session: Some(id), thread, what: what.to_owned() }
    }
}
impl Record for RequestRow {
    const VERSION: u8 = 1;
}

/// A unit of work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct BeadRow {
    pub(super) name: String,
    pub(super) category: String,
    pub(super) status: String,
    pub(super) attempt: u32,
    pub(super) started_at: i64,
    pub(super) finished_at: Option<i64>,
    pub(super) error: String,
}
impl Record for BeadRow {
    const VERSION: u8 = 1;
}

/// Numbers and words kept under a name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Word(pub(super) String);
impl Record for Word {
    const VERSION: u8 = 1;
}

/// The tables.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    pub(super) store: Store,
    pub(super) sessions: Table<SessionId, Row>,
    pub(super) open: Table<SessionId, OpenRow>,
    pub(super) counts: Table<String, Count>,
    pub(super) places: Table<(SessionId, u64), Places>,
    pub(super) proposals: Table<(SessionId, Version), ProposalRow>,
    pub(super) decisions: Table<(SessionId, LaneId, Version), DecisionRow>,
    pub(super) requests: Table<String, RequestRow>,
    pub(super) beads: Table<(SessionId, u32), BeadRow>,
    pub(super) trusted: Table<String, Word>,
    pub(super) answers: Table<String, Word>,
    /// The sequence at which a session ended, for now or for good: its readable record is due.
    pub(super) ends: Table<SessionId, Count>,
    /// The sequence up to which a readable record was written. The one table that the core does not write.
    pub(super) kept: Table<SessionId, Count>,
}

impl Tables {
    pub(super) fn new(store: Store) -> Result<Self, StoreError> {
        Ok(Self {
            sessions: store.table("sessions")?,
            open: store.table("open")?,
            counts: store.table("counts")?,
            places: store.table("places")?,
            proposals: store.table("proposals")?,
            decisions: store.table("decisions")?,
            requests: store.table("requests")?,
            beads: store.table("beads")?,
            trusted: store.table("trusted")?,
            answers: store.table("answers")?,
            ends: store.table("ends")?,
            kept: store.table("kept")?,
            store,
        })
    }

    /// The highest session number there is; 0 in a new store.
    pub(super) fn last_session(&self) -> Result<u64, StoreError> {
        Ok(self.sessions.scan(&(), Order::Backward, 1)?.first().map_or(0, |(id, _)| id.0))
    }

    /// Where the entries of a session lie, oldest first.
    pub(super) fn places_of(&self, session: SessionId) -> Result<Vec<Placed>, StoreError> {
        let rows = self.places.scan(&session, Order::Forward, usize::MAX)?;
        Ok(rows.into_iter().flat_map(|(_, places)| places.0).map(Placed::from).collect())
    }

    /// The counts whose name starts with `family/`, by the rest of their name.
    pub(super) fn counted(&self, family: &str) -> Result<BTreeMap<String, u64>, StoreError> {
        let (from, to) = (format!("{family}/"), format!("{family}0"));
        let rows = self.counts.range(Bound::Included(&from), Bound::Excluded(&to), Order::Forward, usize::MAX)?;
        let rest = |name: &str| name.strip_prefix(&from).map(str::to_owned);
        Ok(rows
            .into_iter()
            .filter(|(_, count)| count.0 > 0)
            .filter_map(|(name, n)| Some((rest(&name)?, n.0)))
            .collect())
    }

    /// Open sessions of which `meant` is true, newest first.
    pub(super) fn open_where(&self, meant: impl Fn(&OpenRow) -> bool) -> Result<Vec<SessionId>, StoreError> {
        let rows = self.open.scan(&(), Order::Backward, usize::MAX)?;
        Ok(rows.into_iter().filter(|(_, row)| meant(row)).map(|(id, _)| id).collect())
    }

    /// Writes what one entry of a session means.
    pub(super) fn project(
        &self,
        batch: &mut Batch,
        staged: &mut Staging,
        (event, at, placed): (&Event, Timestamp, Placed),
        before: &Before,
        after: &Session,
    ) -> Result<(), StoreError> {
        let id = after.asked.id;
        self.put_place(batch, staged, id, placed)?;
        match event {
            Event::Proposed { version, patch_sets, .. } => {
                let patch_sets = patch_sets.iter().map(|set| (set.lane, set.digest)).collect();
                batch.insert_new(&self.proposals, &(id, *version), &ProposalRow { seq: placed.seq, patch_sets })?;
            }
            Event::Approved { lane, version, digest, .. }
            | Event::Rejected { lane, version, digest, .. }
            | Event::ChangesRequested { lane, version, digest, .. } => {
                let verdict = event.name().to_owned();
                let row = DecisionRow { seq: placed.seq, verdict, digest: *digest };
                batch.insert_new(&self.decisions, &(id, *lane, *version), &row)?;
            }
            _ => {}
        }
        count_event(&mut staged.counts, event, at, before, after);
        Ok(())
    }

    /// Writes that a request was answered, once.
    pub(super) fn put_request(&self, batch: &mut Batch, asked: &Asked, row: &RequestRow) -> Result<(), StoreError> {
        batch.put(&self.requests, &asked.id.to_string(), row)
    }

    /// Writes what `list` shows, and the units of work that changed; once for a session in a batch.
    pub(super) fn put_row(&self, batch: &mut Batch, staged: &mut Staging, session: &Session) -> Result<(), StoreError> {
        let id = session.asked.id;
        self.put_beads(batch, staged.beads.get(&id).map_or(&[], Vec::as_slice), session)?;
        let state = session.state();
        let row = Row::of(session);
        let was = self.sessions.get(&id)?;
        for (row, step) in was.iter().map(|row| (row, -1)).chain([(&row, 1)]) {
            staged.counts.add(format!("state/{}", row.state), step);
            staged.counts.add("now/needs-me", step * i64::from(row.needs_me));
            staged.counts.add("now/running", step * i64::from(row.running));
        }
        batch.put(&self.sessions, &id, &row)?;
        if is_due(state) {
            batch.put(&self.ends, &id, &Count(session.head.0))?;
        }
        // what is over may have to tell its candidates yet
        if state.is_over() && session.owed().is_empty() {
            batch.remove(&self.open, &id);
            Ok(())
        } else {
            batch.put(&self.open, &id, &OpenRow::of(session))
        }
    }

    /// Writes what the batch gathered: places and counts; last.
    pub(super) fn put_gathered(&self, batch: &mut Batch, staged: Staging) -> Result<(), StoreError> {
        for (id, (row, places)) in &staged.places {
            batch.put(&self.places, &(*id, *row), places)?;
        }
        for (name, step) in staged.counts.steps() {
            let before = self.counts.get(&name)?.unwrap_or_default();
            batch.put(&self.counts, &name, &Count(before.0.saturating_add_signed(step)))?;
        }
        Ok(())
    }

    pub(super) fn put_house(&self, batch: &mut Batch, event: &HouseEvent) -> Result<(), StoreError> {
        match event {
            HouseEvent::Trusted { path, by } => {
                batch.remove(&self.answers, &path.to_string());
                batch.put(&self.trusted, &path.to_string(), &Word(cut(&by.login, 200)))
            }
            HouseEvent::TrustRevoked { path, .. } => {
                batch.remove(&self.trusted, &path.to_string());
                batch.put(&self.answers, &path.to_string(), &Word(Answer::Refused.to_word()))
            }
            HouseEvent::SetupNetworkPermitted { path, setups, .. } => {
                let answer = Answer::Network(setups.clone());
                batch.put(&self.answers, &path.to_string(), &Word(answer.to_word()))
            }
        }
    }

    fn put_place(
        &self,
        batch: &mut Batch,
        staged: &mut Staging,
        id: SessionId,
        placed: Placed,
    ) -> Result<(), StoreError> {
        let (count, places) = match staged.places.entry(id) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(free) => {
                let last = self.places.scan(&id, Order::Backward, 1)?.pop();
                free.insert(last.map_or((0, Places::default()), |((_, row), places)| (row, places)))
            }
        };
        if places.0.len() as u64 >= PLACES_A_ROW {
            batch.put(&self.places, &(id, *count), places)?;
            *count += 1;
            places.0.clear();
        }
        places.0.push(placed.into());
        Ok(())
    }

    fn put_beads(&self, batch: &mut Batch, before: &[Bead], after: &Session) -> Result<(), StoreError> {
        for (index, bead) in after.beads.iter().enumerate() {
            if before.get(index) == Some(bead) {
                continue;
            }
            let index = u32::try_from(index).expect("fewer than 2^32 beads");
            let row = BeadRow {
                name: bead.key.to_string(),
                category: bead.key.kind.category().to_owned(),
                status: bead.status.name().to_owned(),
                attempt: bead.attempt,
                started_at: bead.started_at.0,
                finished_at: bead.finished_at.map(|at| at.0),
                error: if bead.status == BeadStatus::Failed { cut(bead.error.raw(), 400) } else { String::new() },
            };
            batch.put(&self.beads, &(after.asked.id, index), &row)?;
        }
        Ok(())
    }
}

/// What is remembered of a session before an event, to tell what the event changed. Nothing, before its first one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Before {
    pub(super) beads: usize,
    pub(super) never_scored: bool,
}

impl Before {
    pub(super) fn of(session: &Session) -> Self {
        Self { beads: session.beads.len(), never_scored: never_scored(session) }
    }
}

/// What a batch has read or counted and not written yet.
#[derive(Debug, Default)]
pub(super) struct Staging {
    /// The last row of places of each session that the batch touches.
    places: HashMap<SessionId, (u64, Places)>,
    /// The units of work of each session that the batch touches, as the store has them.
    beads: HashMap<SessionId, Vec<Bead>>,
    counts: Counter,
}

impl Staging {
    /// A session before the first event of the batch: what the store has of it.
    pub(super) fn touch(&mut self, before: &Session) {
        self.beads.entry(before.asked.id).or_insert_with(|| before.beads.clone());
    }
}

impl OpenRow {
    fn of(session: &Session) -> Self {
        let first = session.lanes.first().map(|lane| &lane.source);
        Self {
            owes: !session.owed().is_empty(),
            adopted: session.asked.adopted.as_ref().zip(first).map_or(0, |(work, source)| short_of_work(work, source)),
            sources: session.lanes.iter().map(|lane| short_of(&lane.source.to_string())).collect(),
        }
    }
}

/// The start of the digest of `text`, enough to find candidates.
pub(super) fn short_of(text: &str) -> u64 {
    let digest = Digest::of(text.as_bytes());
    u64::from_be_bytes(*digest.as_bytes().first_chunk().expect("a digest has 32 bytes"))
}

/// The same of adopted work of a repository.
pub(super) fn short_of_work(work: &WorkSpec, source: &Source) -> u64 {
    short_of(&format!("{} {source}", serde_json::to_string(work).expect("plain data"))).max(1)
}

/// At most `chars` characters of `text`.
pub(super) fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
