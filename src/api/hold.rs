//! Holding a session's work, saying something to whoever drafts, and giving back the room that its checks took.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::SessionId;

/// Holds all work of a session but publishing: what runs is stopped, nothing starts until `resume`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PauseRequest {
    /// The session.
    pub session: SessionId,
}

/// Lets a paused session go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResumeRequest {
    /// The session.
    pub session: SessionId,
}

/// Says something to whoever drafts, while they do: an agent is stopped for it, a model is told with its next call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SteerRequest {
    /// The session.
    pub session: SessionId,
    /// The words.
    pub text: String,
}

/// Removes the disposable checkouts of a session's bases; patches and history stay. The next check makes them anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiscardRequest {
    /// The session.
    pub session: SessionId,
}

/// The answer to `discard`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiscardView {
    /// `paraph.discard/1`.
    pub schema: String,
    /// The session.
    pub session: SessionId,
    /// Checkouts that were removed.
    pub checkouts: u32,
    /// Bytes of files that they held.
    pub bytes: u64,
    /// Checkouts that a running check uses: they stay.
    pub in_use: u32,
}
