//! Keeping the readable records: which are due is told by the store, so that none is missed over a kill or a crowd of
//! notices.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::api::{Failure, FailureKind, Notice};
use crate::audit::JournalReader;
use crate::id::{Seq, SessionId};
use crate::infrastructure::store::{Order, StoreError};
use crate::runtime::answer;
use crate::runtime::folds::load;
use crate::runtime::records;
use crate::runtime::start::Home;
use crate::runtime::tables::{Count, Tables};
use crate::runtime::texts::Texts;
use crate::session::State;

use super::{Runtime, whole};

/// How long the records of sessions that end together are gathered.
const GATHER: Duration = Duration::from_millis(100);

/// What writing records takes; nothing of it keeps the core awake.
struct Keeper {
    home: Home,
    tables: Tables,
    reader: JournalReader,
    texts: Texts,
}

/// Sessions to look at; all of them where it is none.
type Wanted = Option<BTreeSet<SessionId>>;

impl Runtime {
    /// Writes the readable record of every session that ended and has none, or an older one: now, and whenever one ends,
    /// until the service does. [`Runtime::stop`] waits for the last. Must be called within a tokio runtime.
    pub fn keep_records(&self, home: Home) {
        let shared = &self.shared;
        let (tables, reader) = (shared.tables.clone(), shared.reader.clone());
        let keeper = Keeper { home, tables, reader, texts: shared.texts.clone() };
        let task = tokio::spawn(keeper.keep(shared.notices.subscribe()));
        *shared.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    /// Waits until the last record is written, where records are kept.
    pub(super) async fn records_kept(&self) {
        let keeper = self.shared.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeper) = keeper {
            // it only ends early by a panic, which its thread told
            let _ = keeper.await;
        }
    }
}

impl Keeper {
    async fn keep(self, mut notices: broadcast::Receiver<Notice>) {
        let keeper = std::sync::Arc::new(self);
        let (mut wanted, mut last) = (None, false);
        loop {
            let (at_work, sessions) = (keeper.clone(), wanted);
            let kept = tokio::task::spawn_blocking(move || at_work.pass(sessions)).await;
            if let Ok(Err(error)) = kept {
                tracing::warn!(%error, "which records are due cannot be told");
            }
            if last {
                return;
            }
            (wanted, last) = next_wanted(&mut notices).await;
        }
    }

    /// Writes what is due of these sessions, or of all.
    fn pass(&self, sessions: Wanted) -> Result<(), StoreError> {
        let (due, kept): (Vec<_>, BTreeMap<SessionId, Count>) = match sessions {
            Some(ids) => {
                let (mut due, mut kept) = (Vec::new(), BTreeMap::new());
                for id in ids {
                    due.extend(self.tables.ends.get(&id)?.map(|ended| (id, ended)));
                    kept.extend(self.tables.kept.get(&id)?.map(|kept| (id, kept)));
                }
                (due, kept)
            }
            None => {
                let kept = self.tables.kept.scan(&(), Order::Forward, usize::MAX)?;
                (self.tables.ends.scan(&(), Order::Forward, usize::MAX)?, kept.into_iter().collect())
            }
        };
        for (id, ended) in due {
            if kept.get(&id).is_some_and(|kept| kept.0 >= ended.0) {
                continue;
            }
            // a store that was built again does not know what lies in the folder
            let there = records::as_of(&self.home, id).filter(|seq| seq.0 >= ended.0);
            match there.map_or_else(|| self.write(id), Ok) {
                Ok(seq) => self.tables.kept.put(&id, &Count(seq.0))?,
                Err(failure) => tracing::warn!(%failure, session = %id, "its record was not written"),
            }
        }
        Ok(())
    }

    /// Writes one record; the last entry that it tells of.
    fn write(&self, id: SessionId) -> Result<Seq, Failure> {
        let failed = |error: &(dyn std::error::Error + 'static)| Failure::from_error(FailureKind::Failed, error);
        // as the store has it, which is also where the timeline comes from
        let session = load(&self.tables, &self.reader, id)?;
        let places = self.tables.places_of(id).map_err(|error| failed(&error))?;
        let entries = self.reader.entries(&places).map_err(|error| failed(&error))?;
        let timeline = answer::timeline(&entries);
        let view = whole(&self.texts, &session, None);
        records::write(&self.home, &view, &timeline.entries).map_err(|error| failed(&error))?;
        Ok(view.head)
    }
}

/// The sessions whose records may be due after the next notices, and whether those were the last: all that came meanwhile
/// and a moment after the first at once, since a record costs two syncs that the next decisions would wait behind.
async fn next_wanted(notices: &mut broadcast::Receiver<Notice>) -> (Wanted, bool) {
    let mut ids = BTreeSet::new();
    let mut gathered = pin!(None);
    loop {
        let heard = match gathered.as_mut().as_pin_mut() {
            None => notices.recv().await,
            Some(gathered) => tokio::select! {
                heard = notices.recv() => heard,
                () = gathered => return (Some(ids), false),
            },
        };
        let notice = match heard {
            Ok(notice) => notice,
            Err(RecvError::Lagged(_)) => return (None, false),
            Err(RecvError::Closed) => return (Some(ids), true),
        };
        match notice {
            Notice::SessionChanged { row } if State::named(&row.state).is_some_and(records::is_due) => {
                ids.insert(row.id);
                if gathered.is_none() {
                    gathered.set(Some(tokio::time::sleep(GATHER)));
                }
            }
            Notice::Missed => return (None, false),
            Notice::Leaving => return (Some(ids), true),
            _ => {}
        }
    }
}
