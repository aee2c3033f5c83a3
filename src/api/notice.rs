//! What a client hears without asking.

use serde::{Deserialize, Serialize};

use super::{CheckView, SessionRow};
use crate::id::{HostPath, SessionId, Version};

/// Something happened. A screen is a fold of these; missing one is mended by asking again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Notice {
    /// A session is new or changed: its row as it is now. Sent once for each batch of journal entries.
    SessionChanged {
        /// The row.
        row: Box<SessionRow>,
    },
    /// A check started; its output grows in `log`.
    CheckStarted {
        /// The session.
        session: SessionId,
        /// The version.
        version: Version,
        /// The repository's name in the session.
        repo: String,
        /// The check's name.
        check: String,
        /// Whether this is the run on the base.
        on_base: bool,
        /// The file to follow.
        log: HostPath,
    },
    /// Output of a running check grew; at most ten a second for each check.
    LogGrew {
        /// The session.
        session: SessionId,
        /// The check's name.
        check: String,
        /// The file.
        log: HostPath,
        /// Its size in bytes.
        size: u64,
    },
    /// A check ended.
    CheckFinished {
        /// The session.
        session: SessionId,
        /// The version.
        version: Version,
        /// What it found.
        check: Box<CheckView>,
    },
    /// The client was too slow and missed notices: ask again for what is shown.
    Missed,
    /// The service ends; a client of a daemon reconnects.
    Leaving,
}
