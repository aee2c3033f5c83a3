//! Opening a home: the journal is the truth, the store is made to agree with it, open sessions are folded.

use std::collections::HashMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::api::Failure;
use crate::audit::{Journal, JournalError, JournalOptions, MarkStanding, Placed};
use crate::clock::Clock;
use crate::id::{Ids, Seq, SessionId};
use crate::infrastructure::fault::Faults;
use crate::infrastructure::store::{Mark, Order, Store, StoreError, set_aside};
use crate::session::Session;

use super::folds::load;
use super::follow::replay;
use super::house::UnknownEntry;
use super::tables::Tables;
use super::trust::{Answer, Trust};

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
        /// Folders in which programs and agents draft; each is gone when its draft is there.
        workshops
        /// Paraph's own logs.
        logs
        /// Socket, lock and the like.
        run
    }

    /// A file whose being there means: build the store again at the next start.
    pub(super) fn rebuild_note(&self) -> PathBuf {
        self.root.join("store.rebuild")
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
            self.workshops(),
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
    /// A session cannot be folded.
    #[error("{0}")]
    Session(Failure),
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
            Self::Session(failure) => failure.hints.first().cloned().unwrap_or_else(|| "paraph recover".to_owned()),
            Self::Newer(_) => "install a newer paraph".to_owned(),
        }
    }
}

impl StartError {
    /// Whether building the store again from the journal may mend it: another process, a full disk and a newer
    /// Paraph stay what they are.
    fn lies_in_the_store(&self) -> bool {
        match self {
            Self::Store(error) => error.is_rebuildable() || matches!(error, StoreError::AlreadyWritten { .. }),
            Self::Session(_) => true,
            Self::Folder { .. } | Self::Journal(_) | Self::Newer(_) => false,
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
    pub(super) trust: Trust,
    /// Where to note that the store must be built again; none where all of it was read already.
    pub(super) unchecked: Option<PathBuf>,
    /// What a person should know: what was set aside, what was rebuilt.
    pub notices: Vec<String>,
    /// Entries that were replayed into the store.
    pub replayed: u64,
    /// Where the old store went, if it was set aside.
    pub set_aside: Option<PathBuf>,
}

/// The store while a home is opened.
struct Opening<'a> {
    home: &'a Home,
    stamp: String,
    faults: &'a Faults,
    notices: Vec<String>,
    aside: Option<PathBuf>,
}

impl Opening<'_> {
    fn store(&mut self) -> Result<(Store, Option<Mark>, bool), StartError> {
        if self.home.rebuild_note().exists() {
            let store = self.anew("the store was found damaged while Paraph ran")?;
            return Ok((store, None, true));
        }
        match Store::open(&self.home.store(), self.faults.clone()) {
            Ok((store, opened)) => Ok((store, opened.mark, opened.checked)),
            Err(error) if error.is_rebuildable() => {
                let store = self.anew(&format!("the store was damaged ({error})"))?;
                Ok((store, None, true))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Sets the store aside and starts an empty one.
    fn anew(&mut self, why: &str) -> Result<Store, StartError> {
        if self.home.store().exists() {
            let path = set_aside(&self.home.store(), &self.stamp)?;
            self.notices.push(format!("{why}; it is kept at {} and was rebuilt", path.display()));
            self.aside = Some(path);
        }
        let store = Store::open(&self.home.store(), self.faults.clone())?.0;
        match std::fs::remove_file(self.home.rebuild_note()) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(StartError::Folder { path: self.home.rebuild_note(), source })
            }
            _ => Ok(store),
        }
    }
}

impl Started {
    /// Opens `home` and makes its store agree with its journal.
    ///
    /// # Errors
    /// [`StartError`]; the journal is as it was then.
    pub fn open(home: &Home, clock: &dyn Clock, ids: &dyn Ids, faults: &Faults) -> Result<Self, StartError> {
        home.create()?;
        let stamp = clock.now().to_string().replace([':', '.'], "-");
        let mut opening = Opening { home, stamp, faults, notices: Vec::new(), aside: None };
        let (mut store, mut mark, mut checked) = opening.store()?;
        let options =
            JournalOptions { faults: faults.clone(), mark: mark.map(Placed::from), ..JournalOptions::new(ids) };
        let (journal, opened) = Journal::open(&home.journal(), options)?;
        if let Some(torn) = &opened.torn {
            opening.notices.push(format!(
                "the journal ended in {} bytes that were never acknowledged; they are kept at {}",
                torn.bytes,
                torn.path.display()
            ));
        }
        if opened.mark == MarkStanding::Unknown {
            drop(store);
            store = opening.anew("the store belonged to another history")?;
            (mark, checked) = (None, true);
        }
        let agreed = match agree(store, &journal, mark) {
            Err(error) if mark.is_some() && error.lies_in_the_store() => {
                let store = opening.anew(&format!("the store could not go on ({error})"))?;
                checked = true;
                agree(store, &journal, None)
            }
            agreed => agreed,
        };
        let (tables, replayed, live) = agreed?;
        let trusted = tables.trusted.scan(&(), Order::Forward, usize::MAX)?;
        let answers = tables.answers.scan(&(), Order::Forward, usize::MAX)?;
        let answers = answers.into_iter().filter_map(|(top, word)| Some((top, Answer::of_word(&word.0)?)));
        let trust = Trust::of(trusted.into_iter().map(|(top, _)| top), answers);
        let unchecked = (!checked).then(|| home.rebuild_note());
        let Opening { notices, aside: set_aside, .. } = opening;
        Ok(Self { journal, tables, live, trust, unchecked, notices, replayed, set_aside })
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

/// Tables that agree with the journal, how many entries that took, and the sessions that owe work.
type Agreed = (Tables, u64, HashMap<SessionId, Arc<Session>>);

/// Brings the store up to the journal and folds the sessions that owe work; others are folded when looked at.
fn agree(store: Store, journal: &Journal, mark: Option<Mark>) -> Result<Agreed, StartError> {
    let tables = Tables::new(store)?;
    let reader = journal.reader();
    let from = mark.map_or(Seq(1), |mark| Seq(mark.seq.0 + 1));
    let replayed = replay(&tables, &reader, from, journal.head().seq)?;
    let mut live = HashMap::new();
    for id in tables.open_where(|row| row.owes)? {
        let session = load(&tables, &reader, id).map_err(StartError::Session)?;
        live.insert(id, Arc::new(session));
    }
    Ok((tables, replayed, live))
}
