//! The store follows the journal. It is never given a mark beyond a batch that it did not take: a gap behind the mark
//! would stay unseen for ever. After a failure it is brought up from its own mark before anything newer is written.

use std::collections::{BTreeSet, HashMap};

use crate::audit::{Head, JournalReader, Placed};
use crate::id::{RequestId, Seq, SessionId};
use crate::infrastructure::store::{Batch, Mark, StoreError};
use crate::session::{Event, Session};

use super::folds::load;
use super::house::{Recorded, Said};
use super::stage::Told;
use super::start::StartError;
use super::tables::{Before, RequestRow, Staging, Tables};

/// Entries replayed between two commits to the store.
const REPLAY_BATCH: usize = 20_000;

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
                    before.iter().for_each(|before| staged.touch(before));
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

/// Folds the entries from `from` to `to` into the store. They are read, checked and parsed on other threads meanwhile.
pub(super) fn replay(tables: &Tables, reader: &JournalReader, from: Seq, to: Seq) -> Result<u64, StartError> {
    if from > to {
        // looking for where to go on would read the last segment from its start
        return Ok(0);
    }
    let mut replay = Replay { tables, reader, sessions: HashMap::new(), count: 0, piece: Piece::default() };
    reader.take_from(from, &Recorded::of, &mut |entries| {
        for (placed, read) in entries.into_iter().filter(|(placed, _)| placed.seq <= to) {
            replay.entry(placed, read?)?;
            if replay.piece.entries == REPLAY_BATCH {
                replay.commit()?;
            }
        }
        Ok::<_, StartError>(())
    })?;
    replay.commit()?;
    Ok(replay.count)
}

/// A replay under way.
struct Replay<'a> {
    tables: &'a Tables,
    reader: &'a JournalReader,
    /// Folded sessions: all that the piece touches, and some more.
    sessions: HashMap<SessionId, Session>,
    count: u64,
    piece: Piece,
}

/// What is committed together.
#[derive(Default)]
struct Piece {
    batch: Batch,
    staged: Staging,
    touched: BTreeSet<SessionId>,
    mark: Option<Mark>,
    entries: usize,
}

impl Replay<'_> {
    fn entry(&mut self, placed: Placed, told: Recorded) -> Result<(), StartError> {
        let piece = &mut self.piece;
        piece.mark = Some(placed.into());
        piece.entries += 1;
        self.count += 1;
        let row = match (told.said, told.session) {
            (Said::OfHouse(event), _) => {
                self.tables.put_house(&mut piece.batch, &event)?;
                told.asked.as_ref().map(|asked| RequestRow { session: None, thread: None, what: asked.what.clone() })
            }
            (Said::OfSession(event), Some(id)) => {
                let (before, after) = match (self.sessions.remove(&id), &*event) {
                    (_, Event::Created { session }) => {
                        (Before::default(), Session::created((**session).clone(), told.at, placed.seq))
                    }
                    (known, event) => {
                        let load = || load(self.tables, self.reader, id).map_err(StartError::Session);
                        let known = known.map_or_else(load, Ok)?;
                        piece.staged.touch(&known);
                        (Before::of(&known), known.apply(event, told.at, placed.seq))
                    }
                };
                let said = (&*event, told.at, placed);
                self.tables.project(&mut piece.batch, &mut piece.staged, said, &before, &after)?;
                piece.touched.insert(id);
                self.sessions.insert(id, after);
                told.asked.as_ref().map(|asked| RequestRow::of(id, &event, &asked.what))
            }
            (Said::OfSession(_), None) => None,
        };
        if let (Some(asked), Some(row)) = (told.asked, row) {
            self.tables.put_request(&mut piece.batch, &asked, &row)?;
        }
        Ok(())
    }

    /// Writes the piece, and lets go of what is not needed any more.
    fn commit(&mut self) -> Result<(), StartError> {
        let Piece { mut batch, mut staged, touched, mark, .. } = std::mem::take(&mut self.piece);
        let Some(mark) = mark else { return Ok(()) };
        for session in touched.iter().filter_map(|id| self.sessions.get(id)) {
            self.tables.put_row(&mut batch, &mut staged, session)?;
        }
        self.tables.put_gathered(&mut batch, staged)?;
        self.tables.store.commit(&batch, Some(&mark))?;
        let over = |session: &Session| session.state().is_over();
        self.sessions.retain(|id, session| !touched.contains(id) || !over(session));
        if self.sessions.len() > REPLAY_HELD {
            self.sessions.retain(|id, _| touched.contains(id));
        }
        Ok(())
    }
}
