//! What replies hold of the whole house: units of work, metrics, trust, the daemon.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{Digest, HostPath, Seq, SessionId};
use crate::text::Untrusted;

/// A unit of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BeadView {
    /// The session.
    pub session: SessionId,
    /// Its name within the session, such as `checks v1`.
    pub name: String,
    /// The category.
    pub category: String,
    /// `PENDING`, `RUNNING`, `COMPLETED`, `FAILED` or `SKIPPED`.
    pub status: String,
    /// When it was owed.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Which attempt this is, 1 first.
    pub attempt: u32,
    /// The error, where it failed.
    pub error: Untrusted,
}

/// The answer to `beads`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BeadsView {
    /// `paraph.beads/1`.
    pub schema: String,
    /// Newest session first, oldest bead first.
    pub beads: Vec<BeadView>,
}

/// Figures over all sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Metrics {
    /// `paraph.metrics/1`.
    pub schema: String,
    /// Sessions by state.
    pub sessions: BTreeMap<String, u64>,
    /// Drafts asked for.
    pub proposals_asked: u64,
    /// Drafts that became a version.
    pub proposals_made: u64,
    /// Validations completed.
    pub validations: u64,
    /// Validations in which nothing broke and something ran.
    pub validations_passed: u64,
    /// Validations that ran nothing: they neither passed nor failed.
    #[serde(default)]
    pub validations_unverified: u64,
    /// Versions after a session's first.
    pub regenerations: u64,
    /// Decisions by verdict.
    pub decisions: BTreeMap<String, u64>,
    /// Branches published.
    pub published: u64,
    /// Tokens read by models.
    pub input_tokens: u64,
    /// Tokens written by models.
    pub output_tokens: u64,
    /// Dollars, as a decimal string.
    pub cost_usd: String,
    /// Milliseconds from Created to the first Scored: median over sessions.
    pub to_review_ms_median: u64,
    /// The same: the slowest tenth starts here.
    pub to_review_ms_p90: u64,
    /// Milliseconds from Scored to the decision: median.
    pub to_decision_ms_median: u64,
    /// Entries in the journal.
    pub journal_entries: u64,
}

/// The answer to `index`: `paraph.index/1`.
pub use crate::indexing::IndexSummary as IndexView;

/// Whether a repository's own commands may run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrustView {
    /// The top of the repository.
    pub path: HostPath,
    /// Whether it is trusted.
    pub trusted: bool,
    /// The commands that trust lets run, as they stand in the base.
    pub commands: Vec<Untrusted>,
    /// What a person should know of them: checks that were found and lack a tool.
    #[serde(default)]
    pub notices: Vec<Untrusted>,
    /// Whether a person said no: then nobody needs to be asked again.
    #[serde(default)]
    pub refused: bool,
    /// The setup steps that wait for the network, or were permitted it by this very request; told where asked for.
    #[serde(default)]
    pub setup_waits: Vec<Untrusted>,
}

/// How the service is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusView {
    /// `paraph.status/1`.
    pub schema: String,
    /// The process.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Sessions in the store.
    pub sessions: u64,
    /// Sessions that need a person.
    pub need_me: u64,
    /// Sessions that run.
    pub running: u64,
    /// Sessions whose remote CI failed.
    pub ci_failed: u64,
    /// Clients connected.
    pub clients: u64,
    /// The journal's head.
    pub head: Seq,
    /// Its digest.
    pub head_digest: Digest,
    /// What holds sessions up: that nothing can be recorded, or that places for checks are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
}

/// The service was told to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoppedView {
    /// The process that ends.
    pub pid: u32,
}
