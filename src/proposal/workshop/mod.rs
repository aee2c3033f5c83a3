//! Workshops: where a program drafts. A scratch worktree in which it may write, in confinement, and from which the
//! change is read back; then it is gone.
//!
//! The program sees the tree in the place of the user's working copy where that can be shown, with what git ignores
//! there lent copy-on-write; it never sees the working copy itself, a key, the daemon or, unless hosts were allowed, a
//! network. Whatever it does, what comes of it is a [`ChangeSet`](crate::diff::ChangeSet) of files below the worktree.

mod room;
mod spec;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::cancel::Cancel;
use crate::infrastructure::blobs::Blobs;
use crate::infrastructure::confinement::{Confinement, Level, Limits, discard};
use crate::infrastructure::live_log::LiveLog;
use crate::repository::{Vcs, VcsError};

use super::{Brief, EngineError};
pub(super) use room::{Began, Room, Sees};
pub use spec::{AgentKey, AgentSpec, CommandSpec, Edits, Run};
pub(super) use spec::{exec, ran_into};

/// The most bytes of a log that are kept: its beginning and its end.
const LOG_BYTES: usize = 16 << 20;

/// What workshops need.
#[derive(Clone)]
pub struct WorkshopPorts {
    /// Trees, checkouts and what became of them.
    pub vcs: Arc<dyn Vcs>,
    /// Where programs run.
    pub confinement: Confinement,
    /// Keeps logs.
    pub blobs: Blobs,
    /// The folder of all workshops, which is theirs alone.
    pub folder: PathBuf,
    /// Paraph's own places, which no program may see.
    pub private: Vec<PathBuf>,
    /// How much one program may use.
    pub limits: Limits,
}

/// All workshops. Clones share them.
#[derive(Clone)]
pub struct Workshop {
    ports: Arc<WorkshopPorts>,
    numbers: Arc<AtomicU64>,
}

impl Workshop {
    /// Workshops below `ports.folder`; what a crash left there is removed. Blocks.
    #[must_use]
    pub fn new(ports: WorkshopPorts) -> Self {
        if let Err(error) = discard(&ports.folder) {
            tracing::warn!(%error, "what an earlier workshop left could not be removed");
        }
        Self { ports: Arc::new(ports), numbers: Arc::default() }
    }

    /// A room for the work of `brief`: the base, or the version before where something was said about that.
    pub(super) fn open(&self, brief: &Brief, cancel: &Cancel) -> Result<Room, EngineError> {
        let confinement = &self.ports.confinement;
        if confinement.level() == Level::None {
            let missing = confinement.missing().iter().map(|one| format!("{}: {}", one.level, one.why));
            return Err(EngineError::Program {
                why: format!(
                    "programs cannot be confined on this machine ({})",
                    missing.collect::<Vec<_>>().join("; ")
                ),
                hint: "paraph doctor".to_owned(),
            });
        }
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        Room::open(self.ports.clone(), number, brief, cancel)
    }

    pub(super) fn confinement(&self) -> &Confinement {
        &self.ports.confinement
    }

    /// A log that can be followed while it grows.
    pub(super) fn log(&self) -> Result<LiveLog, EngineError> {
        LiveLog::create(&self.ports.blobs, LOG_BYTES).map_err(|error| unstored(&error))
    }
}

/// The disk's fault.
pub(super) fn unstored(error: &dyn std::fmt::Display) -> EngineError {
    EngineError::Program {
        why: format!("what the program says cannot be kept: {error}"),
        hint: "paraph doctor".to_owned(),
    }
}

fn repository(error: VcsError) -> EngineError {
    match error {
        VcsError::Cancelled => EngineError::Cancelled,
        error @ VcsError::TooMuch(_) => EngineError::Program {
            why: error.to_string(),
            hint: "say in .gitignore what the program makes and nobody keeps".to_owned(),
        },
        error => {
            let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
            EngineError::Repository(format!("{error}{cause}"))
        }
    }
}
