//! What replies hold: plain data, shaped as `--json` prints it (design §6).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BlobRef, Side, ThreadKind, Verdict, decimal};
use crate::clock::Timestamp;
use crate::diff::ChangeStatus;
use crate::id::{Digest, DraftId, HostPath, ObjectId, RepoPath, Seq, SessionId, SessionUuid, ThreadId, Version};
use crate::planning::Kind;
use crate::policy::Severity;
use crate::proposal::Context;
use crate::repository::Source;
use crate::scoring::{GateId, Rating, Tenths};
use crate::text::Untrusted;
use crate::validation::{BaselineStatus, CheckKind, CheckStatus, TestTally};

/// One line of the inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionRow {
    /// The session's number.
    pub id: SessionId,
    /// What it is for.
    pub goal: Untrusted,
    /// The kind of work.
    pub kind: Kind,
    /// The computed state: `Created` … `Done`, `NeedsHuman`, …
    pub state: String,
    /// Why it stands still, or an empty string.
    pub reason: Untrusted,
    /// The next thing to press or type, or an empty string.
    pub next: String,
    /// Whether a person is needed now.
    pub needs_me: bool,
    /// Whether something of it runs or waits to run.
    pub running: bool,
    /// The engine's name.
    pub engine: String,
    /// Its repositories' names.
    pub repos: Vec<String>,
    /// The newest version, where there is one.
    pub version: Option<Version>,
    /// The newest version's overall score, 1.0–10.0.
    #[serde(default, with = "decimal::maybe")]
    #[schemars(with = "Option<f64>")]
    pub score: Option<Tenths>,
    /// Gates of the newest version, G0 first; the worst over its lanes.
    pub gates: Vec<GateView>,
    /// Files that the newest version changes.
    pub files: u32,
    /// Lines it adds.
    pub added: u32,
    /// Lines it deletes.
    pub deleted: u32,
    /// Open threads.
    pub open_threads: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// The answer to `list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionList {
    /// `paraph.list/1`.
    pub schema: String,
    /// Newest first.
    pub sessions: Vec<SessionRow>,
    /// How many sessions there are by state, over the whole store.
    pub totals: BTreeMap<String, u32>,
}

/// One session, whole: what `show --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionView {
    /// `paraph.session/1`.
    pub schema: String,
    /// The number.
    pub id: SessionId,
    /// The name across stores.
    pub uuid: SessionUuid,
    /// What it is for.
    pub goal: Untrusted,
    /// The kind of work.
    pub kind: Kind,
    /// Where the goal came from: `goal`, `issue …`, `adopted …`.
    pub source: String,
    /// The computed state.
    pub state: String,
    /// What the four systems that Paraph unites call this state.
    pub aliases: Vec<String>,
    /// Why it stands still, or an empty string.
    pub reason: Untrusted,
    /// The next thing to press or type, or an empty string.
    pub next: String,
    /// Whether a person is needed now.
    pub needs_me: bool,
    /// The playbook's name.
    pub playbook: String,
    /// The engine's name.
    pub engine: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Its repositories.
    pub lanes: Vec<LaneView>,
    /// Its versions, oldest first.
    pub versions: Vec<VersionView>,
    /// What models cost; zero without one.
    pub usage: UsageView,
    /// Pull requests; empty with the forge `local`.
    pub pull_requests: Vec<String>,
    /// Branches that were published.
    pub published: Vec<String>,
    /// The journal's last entry about it.
    pub head: Seq,
}

/// One repository of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LaneView {
    /// Its name in the session.
    pub repo: String,
    /// Where it is.
    pub source: Source,
    /// The base commit; `None` until the snapshot is loaded.
    pub base_commit: Option<ObjectId>,
    /// The branch that the base came from.
    pub branch: Option<String>,
    /// Its own phase.
    pub phase: String,
    /// Whether it was dropped.
    pub dropped: bool,
    /// Changed files of the working copy that the base leaves out.
    pub left_out: u32,
    /// What a person should know.
    pub notices: Vec<Untrusted>,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VersionView {
    /// 1, 2, …
    pub number: Version,
    /// The version before.
    pub parent: Option<Version>,
    /// The engine that made it, or the person (`login@host`) where no engine did.
    pub made_by: String,
    /// Why it was made: `goal`, `changes requested`, `regenerated`, `adopted again`, `2 hunks left out`.
    pub made_for: String,
    /// When.
    pub made_at: Timestamp,
    /// What was done and why.
    pub explanation: Untrusted,
    /// The context hash.
    pub context: Digest,
    /// Its changes.
    pub patch_sets: Vec<VersionPatchSet>,
    /// What its checks found.
    pub checks: Vec<CheckView>,
    /// Why nothing ran, where nothing did.
    pub unverified: Option<Untrusted>,
    /// What its policies found.
    pub violations: Vec<ViolationView>,
    /// Its score: the lowest lane's.
    pub score: Option<ScoreView>,
    /// Its gates.
    pub gates: Vec<GateView>,
}

/// The change of one lane in a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VersionPatchSet {
    /// The repository's name.
    pub repo: String,
    /// What names it.
    pub digest: Digest,
    /// The ref in the private repository, once it was applied.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// The commit there.
    pub commit: Option<ObjectId>,
    /// The lane's score, 1.0–10.0.
    #[serde(default, with = "decimal::maybe")]
    #[schemars(with = "Option<f64>")]
    pub score: Option<Tenths>,
    /// The commit message that an approval would publish.
    pub message: Untrusted,
    /// Its files.
    pub files: Vec<FileStat>,
    /// A person's word, where there is one.
    pub decision: Option<DecisionView>,
}

/// One changed file, in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileStat {
    /// Where.
    pub path: RepoPath,
    /// What happened.
    pub status: ChangeStatus,
    /// Lines added.
    pub added: u32,
    /// Lines deleted.
    pub deleted: u32,
}

/// A recorded decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionView {
    /// The word.
    pub verdict: Verdict,
    /// Who: `login@host`, and name and address of their git configuration.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The reason.
    pub message: Untrusted,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckView {
    /// The repository's name.
    pub repo: String,
    /// The check's name.
    pub name: String,
    /// What it tells.
    pub kind: CheckKind,
    /// The verdict.
    pub status: CheckStatus,
    /// What it did on the base.
    pub baseline: BaselineStatus,
    /// How long it took.
    pub duration_ms: u64,
    /// Tests by outcome.
    pub tests: TestTally,
    /// The level it ran in.
    pub confinement: String,
    /// One line on why.
    pub note: Untrusted,
    /// Its output.
    pub log: Option<Digest>,
    /// The base's output.
    pub base_log: Option<Digest>,
}

/// A breach of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ViolationView {
    /// The repository's name.
    pub repo: String,
    /// The rule's id.
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// The file.
    pub path: RepoPath,
    /// The line on the new side.
    pub line: Option<u32>,
    /// What is wrong.
    pub message: Untrusted,
    /// Whether a person accepted it.
    pub overridden: bool,
    /// Who accepted it and why, where somebody did.
    #[serde(default)]
    pub accepted: Option<AcceptedView>,
}

/// An accepted WARN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptedView {
    /// Who.
    pub by: String,
    /// Why.
    pub message: Untrusted,
}

/// A score as `show --json` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScoreView {
    /// The overall score, 1.0–10.0.
    #[serde(with = "decimal")]
    #[schemars(with = "f64")]
    pub overall: Tenths,
    /// Who scored.
    pub scorer: String,
    /// Scores by dimension, 1.0–10.0.
    #[serde(with = "decimal::by_name")]
    #[schemars(with = "BTreeMap<String, f64>")]
    pub dimensions: BTreeMap<String, Tenths>,
    /// The same with their reasons.
    pub ratings: Vec<Rating>,
}

/// A gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateView {
    /// The repository's name; `None` for the whole version.
    pub repo: Option<String>,
    /// Which.
    pub id: GateId,
    /// Passed, failed, or not run.
    pub passed: Option<bool>,
    /// What shows it.
    pub evidence: Untrusted,
}

/// What models cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UsageView {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Dollars, as a decimal string; `unknown` where a price is unknown.
    pub cost_usd: String,
}

/// The changed files of one lane with both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PatchSetView {
    /// The session.
    pub session: SessionId,
    /// The version shown.
    pub version: Version,
    /// What it is compared with: `base`, or `v2`.
    pub against: String,
    /// The repository's name.
    pub repo: String,
    /// The version's digest: what a decision names, whatever it is compared with.
    pub digest: Digest,
    /// The base commit.
    pub base_commit: ObjectId,
    /// The commit message.
    pub message: Untrusted,
    /// The files, in the order of their paths.
    pub files: Vec<FileView>,
    /// Hunk keys that the asker marked as reviewed, on any version of this lane.
    pub reviewed: Vec<Digest>,
}

/// One changed file with both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileView {
    /// Where.
    pub path: RepoPath,
    /// What happened.
    pub status: ChangeStatus,
    /// Lines added.
    pub added: u32,
    /// Lines deleted.
    pub deleted: u32,
    /// Whether a side is binary.
    pub binary: bool,
    /// The old mode, in octal; empty where the file is added.
    pub old_mode: String,
    /// The new mode, in octal; empty where the file is deleted.
    pub new_mode: String,
    /// The old content.
    pub old: Option<BlobRef>,
    /// The new content.
    pub new: Option<BlobRef>,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommentView {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The words.
    pub text: Untrusted,
}

/// A thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ThreadView {
    /// Its number in the session.
    pub id: ThreadId,
    /// The version it was opened on.
    pub version: Version,
    /// The repository's name.
    pub repo: String,
    /// The file; `None` for the whole version.
    pub path: Option<RepoPath>,
    /// The line on `side`, on the version it was opened on.
    pub line: Option<u32>,
    /// The first line of a range.
    pub from_line: Option<u32>,
    /// The side.
    pub side: Side,
    /// What it is meant as.
    pub kind: ThreadKind,
    /// Whether a person resolved it.
    pub resolved: bool,
    /// The comments, oldest first.
    pub comments: Vec<CommentView>,
}

/// A comment of the asker's own that is not sent yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DraftView {
    /// Its number in the session.
    pub id: DraftId,
    /// The thread that it answers in; a new one where it is missing.
    pub thread: Option<ThreadId>,
    /// The version it is about.
    pub version: Version,
    /// The repository's name.
    pub repo: String,
    /// The file; `None` for the whole version.
    pub path: Option<RepoPath>,
    /// The line on `side`.
    pub line: Option<u32>,
    /// The first line of a range.
    pub from_line: Option<u32>,
    /// The side.
    pub side: Side,
    /// What it is meant as.
    pub kind: ThreadKind,
    /// When it was last changed.
    pub at: Timestamp,
    /// The words.
    pub text: Untrusted,
}

/// The answer to `comments`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ThreadsView {
    /// `paraph.threads/1`.
    pub schema: String,
    /// Oldest first.
    pub threads: Vec<ThreadView>,
    /// What the asker wrote and did not send, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drafts: Vec<DraftView>,
}

/// One entry of a session's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineEntry {
    /// The journal's sequence.
    pub seq: Seq,
    /// When.
    pub at: Timestamp,
    /// Who: `login@host`, or `paraph`.
    pub actor: String,
    /// The event's name.
    pub event: String,
    /// One line for people.
    pub summary: Untrusted,
    /// The event as the journal has it.
    pub payload: serde_json::Value,
    /// The entry's digest.
    pub digest: Digest,
}

/// The answer to `timeline`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineView {
    /// Oldest first.
    pub entries: Vec<TimelineEntry>,
}

/// What may be decided now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "offer", rename_all = "kebab-case")]
pub enum OfferView {
    /// Approve with the second key.
    Clean,
    /// Approve by typing the session's number and giving a reason (where `reason` is set).
    WithCare {
        /// What asks for care.
        because: Vec<String>,
        /// Whether a reason must be given.
        reason: bool,
    },
    /// Not offered.
    Not {
        /// What stands in the way, and what would unlock it.
        because: Vec<String>,
    },
}

/// What the decision panel shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PanelView {
    /// The session.
    pub session: SessionId,
    /// The goal.
    pub goal: Untrusted,
    /// The version.
    pub version: Version,
    /// The repository's name.
    pub repo: String,
    /// What a decision names.
    pub digest: Digest,
    /// The base commit.
    pub base_commit: ObjectId,
    /// How far the branch moved since: commits.
    pub drift: u32,
    /// Whether the patch still merges cleanly.
    pub merges_cleanly: bool,
    /// Why the drift could not be measured; then the two above say nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_unknown: Option<Untrusted>,
    /// The gates.
    pub gates: Vec<GateView>,
    /// The score.
    pub score: Option<ScoreView>,
    /// What the policies found.
    pub violations: Vec<ViolationView>,
    /// Open threads.
    pub open_threads: u32,
    /// What approving offers.
    pub offer: OfferView,
    /// What publishing would write: remote or repository, branch, title.
    pub writes: Vec<String>,
    /// The decision that was already made, if one was.
    pub decided: Option<DecisionView>,
}

/// One check's output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogView {
    /// The repository's name.
    pub repo: String,
    /// The check's name.
    pub check: String,
    /// The verdict so far.
    pub status: CheckStatus,
    /// Where its output grows, while it runs.
    pub live: Option<HostPath>,
    /// Its output, when it ended.
    pub log: Option<Digest>,
    /// The base's output.
    pub base_log: Option<Digest>,
}

/// A document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArtifactView {
    /// Its name: `explanation@v1`, `checks`, `context@v1`, …
    pub name: String,
    /// `text/markdown` or `application/json`.
    pub media_type: String,
    /// The body.
    pub blob: Digest,
}

/// The answer to `artifacts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArtifactsView {
    /// In the order they were made.
    pub artifacts: Vec<ArtifactView>,
}

/// The answer to `context`: exactly what an engine was given, by lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContextView {
    /// `paraph.context/1`.
    pub schema: String,
    /// The version.
    pub version: Version,
    /// Repository, context hash and context.
    pub lanes: Vec<(String, Digest, Context)>,
}

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
}

/// The service was told to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoppedView {
    /// The process that ends.
    pub pid: u32,
}
