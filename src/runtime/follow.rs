//! The store follows the journal. It is never given a mark beyond a batch that it did not take: a gap behind the mark
//! would stay unseen for ever. After a failure it is brought up from its own mark before anything newer is written.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::audit::{Head, JournalReader, Placed};
use crate::id::{RequestId, Seq, SessionId};
use crate::infrastructure::store::{Batch, Mark, StoreError};
use crate::session::{Event, Session};

use super::core::load;
use super::house::{Said, read};
use super::stage::Told;
use super::start::StartError;
use super::tables::{Before, RequestRow, Staging, Tables};

/// Entries replayed between two commits to the store.
const REPLAY_BATCH: usize = 5000;

/// Folded sessions that a replay holds beside those of its last batch; another is folded from its places again.
const REPLAY_HELD: usize = 512;

/// Writes what was recorded to the store's tables.
pub(super) struct Follower {
    tables: Tables,
    reader: JournalReader,
    /// Answered requests that the store does not know, while it is behind.
    behind: Option<HashMap<RequestId, RequestRow>>,
}

impl Follower {
    pub(super) fn new(tables: Tables, reader: JournalReader) -> Self {
        Self { tables, reader, behind: None }
    }

    /// Whether recorded entries are missing from the store.
    pub(super) fn is_behind(&self) -> bool {
        self.behind.is_some()
    }

    /// What a request led to, if it was answered before.
    pub(super) fn answered(&self, request: &RequestId) -> Result<Option<RequestRow>, StoreError> {
        let recent = self.behind.as_ref().and_then(|requests| requests.get(request)).cloned();
        recent.map_or_else(|| self.tables.requests.get(&request.to_string()), |row| Ok(Some(row)))
    }

    /// Takes a recorded batch over, which ends in `head`. Where the store refuses it is offered once more at once: whoever
    /// is answered next reads what was acknowledged.
    pub(super) fn follow(&mut self, told: &[Told], placed: &[Placed], head: Head) {
        if self.behind.is_none() {
            let Err(error) = self.write(told, placed) else { return };
            tracing::error!(%error, "the store fell behind the journal; nothing is lost");
            self.behind = Some(HashMap::new());
            if self.catch_up(head) {
                return;
            }
        }
        if let Some(requests) = &mut self.behind {
            requests.extend(told.iter().filter_map(Told::answer));
        }
    }

    /// Brings the store up from its own mark to `head`, if it is behind. Whether it then agrees with the journal.
    ///
    /// What the disk holds after `head` was never acknowledged.
    pub(super) fn catch_up(&mut self, head: Head) -> bool {
        if self.behind.is_none() {
            return true;
        }
        let caught = self.tables.store.mark().map_err(StartError::from).and_then(|mark| {
            let from = mark.map_or(Seq(1), |mark| Seq(mark.seq.0 + 1));
            replay(&self.tables, &self.reader, from, head.seq)
        });
        match caught {
            Ok(entries) => {
                tracing::info!(entries, "the store agrees with the journal again");
                self.behind = None;
                true
            }
            Err(error) => {
                tracing::warn!(%error, "the store is still behind the journal");
                false
            }
        }
    }

    fn write(&self, told: &[Told], placed: &[Placed]) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        let mut staged = Staging::default();
        let mut newest: HashMap<SessionId, &Session> = HashMap::new();
        for (told, placed) in told.iter().zip(placed) {
            match told {
                Told::Session { event, at, before, after, .. } => {
                    let said = (&**event, *at, *placed);
                    let before = before.as_deref().map(Before::of).unwrap_or_default();
                    self.tables.project(&mut batch, &mut staged, said, &before, after)?;
                    newest.insert(after.asked.id, after);
                }
                Told::House { event, .. } => self.tables.put_house(&mut batch, event)?,
            }
            if let (Some(asked), Some((_, row))) = (told.asked(), told.answer()) {
                self.tables.put_request(&mut batch, asked, &row)?;
            }
        }
        for session in newest.into_values() {
            self.tables.put_row(&mut batch, &mut staged, session)?;
        }
        self.tables.put_gathered(&mut batch, staged)?;
        let mark = placed.last().copied().map(Mark::from);
        self.tables.store.commit(&batch, mark.as_ref())
    }
}

/// Folds the entries from `from` to `to` into the store.
pub(super) fn replay(tables: &Tables, reader: &JournalReader, from: Seq, to: Seq) -> Result<u64, StartError> {
    if from > to {
        // looking for where to go on would read the last segment from its start
        return Ok(0);
    }
    let mut sessions: HashMap<SessionId, Session> = HashMap::new();
    let mut count = 0;
    let mut entries = reader.iter_from(from)?;
    loop {
        let mut batch = Batch::new();
        let mut staged = Staging::default();
        let mut touched = BTreeSet::new();
        let mut gone = HashSet::new();
        let mut mark: Option<Mark> = None;
        for _ in 0..REPLAY_BATCH {
            let Some((placed, entry)) = entries.next().transpose()?.filter(|(placed, _)| placed.seq <= to) else {
                break;
            };
            let (said, asked) = read(&entry)?;
            mark = Some(placed.into());
            count += 1;
            let row = match (said, entry.session) {
                (Said::OfHouse(event), _) => {
                    tables.put_house(&mut batch, &event)?;
                    asked.as_ref().map(|asked| RequestRow { session: None, thread: None, what: asked.what.clone() })
                }
                (Said::OfSession(event), Some(id)) => {
                    let (before, after) = match (sessions.remove(&id), &*event) {
                        (_, Event::Created { session }) => {
                            (Before::default(), Session::created((**session).clone(), entry.at, entry.seq))
                        }
                        (known, event) => {
                            let known = known.map_or_else(|| load(tables, reader, id).map_err(StartError::Session), Ok);
                            let known = known?;
                            (Before::of(&known), known.apply(event, entry.at, entry.seq))
                        }
                    };
                    tables.project(&mut batch, &mut staged, (&event, entry.at, placed), &before, &after)?;
                    touched.insert(id);
                    if after.state().is_over() {
                        gone.insert(id);
                    } else {
                        gone.remove(&id);
                    }
                    sessions.insert(id, after);
                    asked.as_ref().map(|asked| RequestRow::of(id, &event, &asked.what))
                }
                (Said::OfSession(_), None) => None,
            };
            if let (Some(asked), Some(row)) = (asked, row) {
                tables.put_request(&mut batch, &asked, &row)?;
            }
        }
        let Some(mark) = mark else { return Ok(count) };
        for session in touched.iter().filter_map(|id| sessions.get(id)) {
            tables.put_row(&mut batch, &mut staged, session)?;
        }
        tables.put_gathered(&mut batch, staged)?;
        tables.store.commit(&batch, Some(&mark))?;
        sessions.retain(|id, _| !gone.contains(id));
        if sessions.len() > REPLAY_HELD {
            sessions.retain(|id, _| touched.contains(id));
        }
    }
}
