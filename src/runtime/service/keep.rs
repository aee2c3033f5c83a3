//! Keeping the readable records: which are due is told by the store, so that none is missed over a kill or a crowd of
//! notices.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::api::{Failure, FailureKind, Notice};
use crate::audit::JournalReader;
use crate::id::{Seq, SessionId};
use crate::infrastructure::blobs::Blobs;
use crate::infrastructure::store::{Order, StoreError};
use crate::runtime::answer;
use crate::runtime::core::load;
use crate::runtime::records;
use crate::runtime::start::Home;
use crate::runtime::tables::{Count, Tables};
use crate::session::State;

use super::{Runtime, whole};

/// What writing records takes; nothing of it keeps the core awake.
struct Keeper {
    home: Home,
    tables: Tables,
    reader: JournalReader,
    blobs: Blobs,
}

impl Runtime {
    /// Writes the readable record of every session that ended and has none, or an older one: now, and whenever one ends,
    /// until the service does. [`Runtime::stop`] waits for the last. Must be called within a tokio runtime.
    pub fn keep_records(&self, home: Home) {
        let shared = &self.shared;
        let (tables, reader) = (shared.tables.clone(), shared.reader.clone());
        let keeper = Keeper { home, tables, reader, blobs: shared.ports.blobs.clone() };
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
        let mut wanted = None;
        loop {
            let (at_work, session) = (keeper.clone(), wanted);
            let kept = tokio::task::spawn_blocking(move || at_work.pass(session)).await;
            if let Ok(Err(error)) = kept {
                tracing::warn!(%error, "which records are due cannot be told");
            }
            wanted = loop {
                match notices.recv().await {
                    Ok(Notice::SessionChanged { row }) if State::named(&row.state).is_some_and(records::is_due) => {
                        break Some(row.id);
                    }
                    Ok(Notice::Missed) | Err(RecvError::Lagged(_)) => break None,
                    Ok(Notice::Leaving) | Err(RecvError::Closed) => return,
                    Ok(_) => {}
                }
            };
        }
    }

    /// Writes what is due of one session, or of all.
    fn pass(&self, session: Option<SessionId>) -> Result<(), StoreError> {
        let due = match session {
            Some(id) => self.tables.ends.get(&id)?.map(|ended| (id, ended)).into_iter().collect(),
            None => self.tables.ends.scan(&(), Order::Forward, usize::MAX)?,
        };
        let kept: BTreeMap<SessionId, Count> = match session {
            Some(id) => self.tables.kept.get(&id)?.map(|kept| (id, kept)).into_iter().collect(),
            None => self.tables.kept.scan(&(), Order::Forward, usize::MAX)?.into_iter().collect(),
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
        let session = load(&self.tables, &self.reader, id)?;
        let places = self.tables.places_of(id).map_err(|error| failed(&error))?;
        let entries = self.reader.entries(&places).map_err(|error| failed(&error))?;
        let timeline = answer::timeline(&entries);
        let view = whole(&self.blobs, &session, None);
        records::write(&self.home, &view, &timeline.entries).map_err(|error| failed(&error))?;
        Ok(view.head)
    }
}
