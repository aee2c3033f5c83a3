//! Opening a home: the journal is the truth, the store is made to agree with it, open sessions are folded.

use std::collections::{BTreeSet, HashMap};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::audit::{Journal, JournalError, JournalOptions, JournalReader, MarkStanding, Placed};
use crate::clock::Clock;
use crate::id::{Ids, Seq, SessionId};
use crate::infrastructure::fault::Faults;
use crate::infrastructure::store::{Batch, Mark, Order, Store, StoreError, set_aside};
use crate::session::{Event, Session};

use super::core::{load, stored_row};
use super::house::{Said, UnknownEntry, read};
use super::tables::{RequestRow, StagedPlaces, Tables};

/// Entries replayed between two commits to the store.
const REPLAY_BATCH: usize = 2000;

/// The folders of a home.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
}

macro_rules! folders {
    ($($(#[$about:meta])* $name:ident)*) => {
        $($(#[$about])* #[must_use] pub fn $name(&self) -> PathBuf { self.root.join(stringify!($name)) })*
    };
}

impl Home {
    /// The home at `root`; nothing is made.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    folders! {
        /// The journal.
        journal
        /// The store.
        store
        /// The index cache.
        cache
        /// Bodies by digest.
        blobs
        /// A readable record of each run.
        records
        /// Private repositories.
        repos
        /// Checkouts for checks.
        worktrees
        /// Paraph's own logs.
        logs
        /// Socket, lock and the like.
        run
    }

    /// Makes every folder, for its owner only.
    ///
    /// # Errors
    /// The file system's, with the folder that could not be made.
    pub fn create(&self) -> Result<(), StartError> {
        let folders = [
            self.root.clone(),
            self.journal(),
            self.blobs(),
            self.records(),
            self.repos(),
            self.worktrees(),
            self.logs(),
            self.run(),
        ];
        for folder in folders {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)
                .map_err(|source| StartError::Folder { path: folder, source })?;
        }
        // whoever made it first, nobody else looks in
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&self.root, private)
            .map_err(|source| StartError::Folder { path: self.root.clone(), source })
    }
}

/// Why a home cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A folder cannot be made.
    #[error("cannot make folder `{}`", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The store, after it was rebuilt.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A newer Paraph wrote here.
    #[error("{0}")]
    Newer(String),
}

impl StartError {
    /// What to type next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Folder { .. } => "set PARAPH_HOME to a folder you can write".to_owned(),
            Self::Journal(error) => error.hint(),
            Self::Store(error) => error.hint(),
            Self::Newer(_) => "install a newer paraph".to_owned(),
        }
    }
}

impl From<UnknownEntry> for StartError {
    fn from(error: UnknownEntry) -> Self {
        Self::Newer(error.to_string())
    }
}

/// An opened home.
pub struct Started {
    pub(super) journal: Journal,
    pub(super) tables: Tables,
    pub(super) live: HashMap<SessionId, Arc<Session>>,
    /// What a person should know: what was set aside, what was rebuilt.
    pub notices: Vec<String>,
    /// Entries that were replayed into the store.
    pub replayed: u64,
    /// Where the old store went, if it was set aside.
    pub set_aside: Option<PathBuf>,
}

impl Started {
    /// Opens `home` and makes its store agree with its journal.
    ///
    /// # Errors
    /// [`StartError`]; the journal is as it was then.
    pub fn open(home: &Home, clock: &dyn Clock, ids: &dyn Ids, faults: &Faults) -> Result<Self, StartError> {
        home.create()?;
        let mut notices = Vec::new();
        let mut aside = None;
        let stamp = clock.now().to_string().replace([':', '.'], "-");
        let (mut store, mut mark) = match Store::open(&home.store(), faults.clone()) {
            Ok((store, opened)) => (store, opened.mark),
            Err(error) if error.is_rebuildable() => {
                let path = set_aside(&home.store(), &stamp)?;
                notices
                    .push(format!("the store was damaged ({error}); it is kept at {} and was rebuilt", path.display()));
                aside = Some(path);
                (Store::open(&home.store(), faults.clone())?.0, None)
            }
            Err(error) => return Err(error.into()),
        };
        let options =
            JournalOptions { faults: faults.clone(), mark: mark.map(Placed::from), ..JournalOptions::new(ids) };
        let (journal, opened) = Journal::open(&home.journal(), options)?;
        if let Some(torn) = &opened.torn {
            notices.push(format!(
                "the journal ended in {} bytes that were never acknowledged; they are kept at {}",
                torn.bytes,
                torn.path.display()
            ));
        }
        if opened.mark == MarkStanding::Unknown {
            drop(store);
            let path = set_aside(&home.store(), &stamp)?;
            notices.push(format!(
                "the store belonged to another history; it is kept at {} and was rebuilt",
                path.display()
            ));
            aside = Some(path);
            store = Store::open(&home.store(), faults.clone())?.0;
            mark = None;
        }
        let tables = Tables::new(store)?;
        let from = mark.map_or(Seq(1), |mark| Seq(mark.seq.0 + 1));
        let replayed = replay(&tables, &journal.reader(), from)?;
        let mut live = HashMap::new();
        for (id, _) in tables.open.scan(&(), Order::Forward, usize::MAX)? {
            let session = load(&tables, &journal.reader(), id).map_err(|failure| StartError::Newer(failure.message))?;
            live.insert(id, Arc::new(session));
        }
        Ok(Self { journal, tables, live, notices, replayed, set_aside: aside })
    }

    /// How many sessions the store knows.
    ///
    /// # Errors
    /// [`StartError::Store`].
    pub fn sessions(&self) -> Result<u64, StartError> {
        Ok(self.tables.last_session()?)
    }
}

/// Sets the store aside and builds it again, by hand.
///
/// # Errors
/// [`StartError`].
pub fn rebuild(home: &Home, clock: &dyn Clock, ids: &dyn Ids) -> Result<Started, StartError> {
    let mut aside = None;
    if home.store().exists() {
        // a store that another process holds must stay: opening tells
        match Store::open(&home.store(), Faults::none()) {
            Err(error) if !error.is_rebuildable() => return Err(error.into()),
            opened => drop(opened),
        }
        let stamp = clock.now().to_string().replace([':', '.'], "-");
        aside = Some(set_aside(&home.store(), &stamp)?);
    }
    let started = Started::open(home, clock, ids, &Faults::none())?;
    Ok(Started { set_aside: aside, ..started })
}

/// Folds the entries from `from` on into the store.
fn replay(tables: &Tables, reader: &JournalReader, from: Seq) -> Result<u64, StartError> {
    let mut sessions: HashMap<SessionId, Session> = HashMap::new();
    let mut count = 0;
    let mut entries = reader.iter_from(from)?;
    loop {
        let mut batch = Batch::new();
        let mut places = StagedPlaces::default();
        let mut touched = BTreeSet::new();
        let mut mark: Option<Mark> = None;
        for _ in 0..REPLAY_BATCH {
            let Some((placed, entry)) = entries.next().transpose()? else { break };
            let (said, request) = read(&entry)?;
            mark = Some(placed.into());
            count += 1;
            match (said, entry.session) {
                (Said::OfHouse(event), _) => tables.put_house(&mut batch, &event)?,
                (Said::OfSession(event), Some(id)) => {
                    let before = match (sessions.remove(&id), &*event) {
                        (_, Event::Created { .. }) => None,
                        (Some(session), _) => Some(session),
                        (None, _) => {
                            Some(load(tables, reader, id).map_err(|failure| StartError::Newer(failure.message))?)
                        }
                    };
                    let after = match (&before, *event.clone()) {
                        (Some(session), event) => session.clone().apply(&event, entry.at, entry.seq),
                        (None, Event::Created { session }) => Session::created(*session, entry.at, entry.seq),
                        (None, _) => continue,
                    };
                    tables.project(&mut batch, &mut places, &event, placed, before.as_ref(), &after)?;
                    if let Some(request) = request {
                        let row = RequestRow { session: id, seq: placed.seq };
                        batch.put(&tables.requests, &request.to_string(), &row)?;
                    }
                    touched.insert(id);
                    sessions.insert(id, after);
                }
                (Said::OfSession(_), None) => {}
            }
        }
        let Some(mark) = mark else { return Ok(count) };
        for id in touched {
            if let Some(session) = sessions.get(&id) {
                tables.put_row(&mut batch, session, stored_row(session))?;
            }
        }
        sessions.retain(|_, session| !session.state().is_over());
        tables.store.commit(&batch, Some(&mark))?;
    }
}
