//! The store's tables and what each entry writes to them. All of it can be built again from the journal.

use serde::{Deserialize, Serialize};

use crate::audit::Placed;
use crate::id::{Digest, LaneId, Seq, SessionId, Version};
use crate::infrastructure::store::{Batch, Mark, Order, Record, Store, StoreError, Table};
use crate::session::{BeadStatus, Event, Session};

use super::house::HouseEvent;

/// Where a session's entries lie, at most [`PLACES_A_ROW`] of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Places(pub(super) Vec<Mark>);
impl Record for Places {
    const VERSION: u8 = 1;
}

/// 40 places of about 60 bytes stay under the 4 KiB that a value may have.
const PLACES_A_ROW: u64 = 40;

/// What `list` shows of a session, and nothing that is long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    /// The inbox's row as JSON, its texts cut.
    pub(super) json: String,
    /// Its state's name.
    pub(super) state: String,
}
impl Record for Row {
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
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct RequestRow {
    pub(super) session: SessionId,
    pub(super) seq: Seq,
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
    pub(super) open: Table<SessionId, Word>,
    pub(super) places: Table<(SessionId, u64), Places>,
    pub(super) proposals: Table<(SessionId, Version), ProposalRow>,
    pub(super) decisions: Table<(SessionId, LaneId, Version), DecisionRow>,
    pub(super) requests: Table<String, RequestRow>,
    pub(super) beads: Table<(SessionId, u32), BeadRow>,
    pub(super) trusted: Table<String, Word>,
}

impl Tables {
    pub(super) fn new(store: Store) -> Result<Self, StoreError> {
        Ok(Self {
            sessions: store.table("sessions")?,
            open: store.table("open")?,
            places: store.table("places")?,
            proposals: store.table("proposals")?,
            decisions: store.table("decisions")?,
            requests: store.table("requests")?,
            beads: store.table("beads")?,
            trusted: store.table("trusted")?,
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

    /// Writes what one entry of a session means.
    pub(super) fn project(
        &self,
        batch: &mut Batch,
        staged: &mut StagedPlaces,
        event: &Event,
        placed: Placed,
        before: Option<&Session>,
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
        self.put_beads(batch, before, after)
    }

    /// Writes what `list` shows; once for a session in a batch.
    pub(super) fn put_row(&self, batch: &mut Batch, session: &Session, json: String) -> Result<(), StoreError> {
        let id = session.asked.id;
        let state = session.state();
        batch.put(&self.sessions, &id, &Row { json, state: state.name().to_owned() })?;
        if state.is_over() {
            batch.remove(&self.open, &id);
        } else {
            batch.put(&self.open, &id, &Word(String::new()))?;
        }
        Ok(())
    }

    pub(super) fn put_house(&self, batch: &mut Batch, event: &HouseEvent) -> Result<(), StoreError> {
        match event {
            HouseEvent::Trusted { path, by } => batch.put(&self.trusted, &path.to_string(), &Word(by.login.clone())),
            HouseEvent::TrustRevoked { path, .. } => {
                batch.remove(&self.trusted, &path.to_string());
                Ok(())
            }
        }
    }

    fn put_place(
        &self,
        batch: &mut Batch,
        staged: &mut StagedPlaces,
        id: SessionId,
        placed: Placed,
    ) -> Result<(), StoreError> {
        let (count, places) = match staged.0.entry(id) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(free) => {
                let last = self.places.scan(&id, Order::Backward, 1)?.pop();
                free.insert(last.map_or((0, Places::default()), |((_, row), places)| (row, places)))
            }
        };
        if places.0.len() as u64 >= PLACES_A_ROW {
            *count += 1;
            places.0.clear();
        }
        places.0.push(placed.into());
        batch.put(&self.places, &(id, *count), places)
    }

    fn put_beads(&self, batch: &mut Batch, before: Option<&Session>, after: &Session) -> Result<(), StoreError> {
        for (index, bead) in after.beads.iter().enumerate() {
            if before.and_then(|session| session.beads.get(index)) == Some(bead) {
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

/// The last row of places of each session that a batch touches.
#[derive(Debug, Default)]
pub(super) struct StagedPlaces(std::collections::HashMap<SessionId, (u64, Places)>);

/// At most `chars` characters of `text`.
pub(super) fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
