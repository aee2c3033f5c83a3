//! What replies hold: plain data, shaped as `--json` prints it (design §6).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BlobRef, EstimateView, MonitorView, PartView, PickView, RunbookView, Verdict, decimal};
use crate::clock::Timestamp;
use crate::diff::ChangeStatus;
use crate::id::{Digest, HostPath, ObjectId, RepoPath, Seq, SessionId, SessionUuid, Version};
use crate::planning::{Bound, IssueSource, Kind, PlanTask, Role, TriageReport};
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
    /// Whether a person holds its work.
    #[serde(default)]
    pub paused: bool,
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
    /// The first of the candidates that it is one of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate_of: Option<SessionId>,
}

impl SessionRow {
    /// Whether nothing more happens by itself though it is not over: a person is needed, or said no.
    #[must_use]
    pub fn stands_still(&self) -> bool {
        !self.running && (self.needs_me || self.state == "Rejected")
    }
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
    /// What adopting work again came to: only in the answer to `adopt`, and only for a session that was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted_again: Option<AdoptedAgain>,
    /// The issue that the goal is from, as it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue: Option<IssueSource>,
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
    /// Whether a person holds its work.
    #[serde(default)]
    pub paused: bool,
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
    /// What triage recommends, where a model was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub triage: Option<TriageReport>,
    /// The plan, each task after those it waits for; empty where none was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<PlanTask>,
    /// What models were thought to cost before the first was asked; missing where none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<EstimateView>,
    /// Its candidates, where it is one of several that draft for the same goal: all numbers, its own too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<SessionId>,
    /// The pick, where it is one of several and one was picked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picked: Option<PickView>,
    /// What was said of it since it was published, oldest first; the last has no answer yet while one is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub monitors: Vec<MonitorView>,
    /// What models cost; zero without one.
    pub usage: UsageView,
    /// Pull requests; empty with the forge `local`.
    pub pull_requests: Vec<String>,
    /// Branches that were published.
    pub published: Vec<String>,
    /// The journal's last entry about it.
    pub head: Seq,
}

/// What adopting work again came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AdoptedAgain {
    /// The work is as this version took it: nothing was made.
    NothingNewSince(Version),
    /// It becomes this version.
    Becomes(Version),
}

/// One repository of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LaneView {
    /// Its name in the session.
    pub repo: String,
    /// Where it is.
    pub source: Source,
    /// The base commit of the version that is shown, else of the newest; `None` until the snapshot is loaded.
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
    /// What must be true in the end, and whether it is.
    #[serde(default)]
    pub criteria: Vec<CriterionView>,
    /// What models say of it.
    #[serde(default)]
    pub reviews: Vec<ReviewView>,
    /// Its runbooks, one a repository; empty where the playbook asks for none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runbooks: Vec<RunbookView>,
    /// Whose is what of it, in the order in which it was made; empty where nobody added to a draft.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartView>,
}

/// Something that must be true of the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CriterionView {
    /// `C1` … of the acceptance criteria, `Q1` … of the gates that were made for the change.
    pub id: String,
    /// What must be true.
    pub text: Untrusted,
    /// What shows it: a check, a policy rule or a person.
    pub bound: Bound,
    /// Met, not met, or nothing shows it either way.
    pub met: Option<bool>,
    /// What shows it.
    pub evidence: Untrusted,
}

/// What a model says of a version as reviewer or critic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReviewView {
    /// The repository's name.
    pub repo: String,
    /// `reviewer` or `critic`.
    pub role: Role,
    /// `PROVIDER/MODEL`; empty where nobody answered.
    pub model: String,
    /// The report, in Markdown; none where it does not count.
    pub report: Option<Digest>,
    /// Scores by dimension, 1 to 10; shown beside, and never added to the score.
    pub scores: BTreeMap<String, u8>,
    /// How many issues must change before anybody approves.
    pub musts: u32,
    /// Why it does not count, where it does not.
    pub unusable: Option<Untrusted>,
    /// What a reader should know of it.
    pub notes: Vec<Untrusted>,
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
    /// Tokens that the calls which run may take beside those, at most.
    #[serde(default, skip_serializing_if = "is_none")]
    pub reserved_tokens: u64,
    /// What they may cost, as `cost_usd` says it; missing while none runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved_usd: Option<String>,
    /// Whether the session stands still because the next call could take more than is left.
    #[serde(default)]
    pub budget_spent: bool,
    /// The most that they may cost, in dollars, where that is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_usd: Option<String>,
    /// The most tokens that they may take, prompts and answers together, where that is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_tokens: Option<u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_none(count: &u64) -> bool {
    *count == 0
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
    /// Whose is what of the version, in this repository; empty where nobody added to a draft.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartView>,
    /// Files in which the earlier version and what came with another base change the same lines: shown of them is all that
    /// the version does to the base.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_carried: Vec<RepoPath>,
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
    /// Whether it is the run on the base that goes on.
    #[serde(default)]
    pub on_base: bool,
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
    /// What models were asked, oldest first: of that version where one was named, else of the whole session.
    #[serde(default)]
    pub calls: Vec<CallView>,
}

/// One question to a model, as the journal has it. Prompt and reply are blobs, whole, secrets gone from them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallView {
    /// Its number in the session, from 1.
    pub number: u32,
    /// What the model was asked to be.
    pub role: String,
    /// `PROVIDER/MODEL`.
    pub model: String,
    /// The version that it was asked for, where it was for one.
    pub version: Option<Version>,
    /// When.
    pub at: Timestamp,
    /// What was sent: a JSON object with `system`, `messages`, `tools`.
    pub prompt: Digest,
    /// What came back: a JSON object with `text`, `calls`, `usage`; missing where nothing whole did.
    pub reply: Option<Digest>,
    /// Tokens of the prompt, as the provider says it afterwards.
    pub input_tokens: u64,
    /// Tokens of the prompt by which the call was reserved, before it was sent.
    pub prompt_tokens: u64,
    /// How those were known: `exact`, counted by whoever was to read it, or `estimated`.
    pub prompt_count: String,
    /// Why they were not counted, where somebody could have; empty where nobody can.
    pub uncounted: Untrusted,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Whether the provider did not say both: then they are estimated, and 0 where an agent says nothing.
    #[serde(default)]
    pub estimated: bool,
    /// Dollars, as a decimal string; `unknown` where the price is not known.
    pub cost_usd: String,
    /// How long the try took that ended it; missing while it runs.
    pub latency_ms: Option<u64>,
    /// How long it waited before that try was sent: its turn under a limit, tries that failed, pauses between them.
    #[serde(default)]
    pub waited_ms: u64,
    /// How often it was sent; 0 while it runs, and for one that was not.
    #[serde(default)]
    pub tries: u32,
    /// Of the prompt's tokens: read from the provider's cache.
    #[serde(default)]
    pub cached_tokens: u64,
    /// The provider's name for it; empty where it said none.
    #[serde(default)]
    pub request_id: Untrusted,
    /// How it ended: `stop`, or what went wrong; empty while it runs.
    pub ended: Untrusted,
    /// What was hidden before it was sent, one word a place.
    pub redacted: Vec<String>,
}
