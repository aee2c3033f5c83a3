//! What a client can ask. One struct a request; the route table names them all.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{Digest, DraftId, HostPath, ParseIdError, RepoPath, SessionId, SessionRef, ThreadId, Version};
use crate::planning::{IssueSource, Kind};
use crate::proposal::{EngineKind, ProgramChoice};
use crate::repository::{Base, Source, WorkSpec};
use crate::session::Verdict;

/// One repository of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RepositoryRequest {
    /// Where it is.
    pub source: Source,
    /// What to start from.
    pub base: Base,
}

/// Starts a session. Acknowledged as Created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunRequest {
    /// The goal, in words.
    pub goal: String,
    /// The kind; guessed from the goal where it is missing.
    pub kind: Option<Kind>,
    /// One lane for each.
    pub repositories: Vec<RepositoryRequest>,
    /// The engine; `patch` where a patch is given, else the configured default.
    pub engine: Option<EngineKind>,
    /// Only these rules.
    #[serde(default)]
    pub rules: Vec<String>,
    /// Only paths that match one of these globs.
    #[serde(default)]
    pub paths: Vec<String>,
    /// The playbook's name; the configured default where it is missing.
    pub playbook: Option<String>,
    /// A ready diff, stored as a blob by the client.
    pub patch: Option<Digest>,
    /// The program, for the engines that run one.
    #[serde(default)]
    pub program: Option<ProgramChoice>,
    /// The issue that the goal is from: read by the client, its text stored as a blob.
    #[serde(default)]
    pub issue: Option<Box<IssueSource>>,
    /// Several that draft for the goal side by side, each in a session of its own, for a person to pick one; engine, rules,
    /// patch and program are theirs then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<CandidateRequest>,
}

/// One of several that draft for a goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CandidateRequest {
    /// The engine.
    pub engine: EngineKind,
    /// The model, for engine `llm`: `PROVIDER/MODEL`; the implementer's own where it is missing.
    #[serde(default)]
    pub model: Option<String>,
    /// Only these rules.
    #[serde(default)]
    pub rules: Vec<String>,
    /// A ready diff, stored as a blob by the client.
    #[serde(default)]
    pub patch: Option<Digest>,
    /// The program, for the engines that run one.
    #[serde(default)]
    pub program: Option<ProgramChoice>,
}

impl CandidateRequest {
    /// What `ENGINE[:WHAT]` means. A ready diff is a blob that the client stores: what names its file is left to it.
    ///
    /// # Errors
    /// [`ParseIdError`] where there is no such engine.
    pub fn named(text: &str) -> Result<Self, ParseIdError> {
        let (name, what) = text.split_once(':').unwrap_or((text, ""));
        let engine = name.parse()?;
        let mut candidate = Self { engine, model: None, rules: Vec::new(), patch: None, program: None };
        match engine {
            EngineKind::Rules => {
                candidate.rules = what.split(',').filter(|rule| !rule.is_empty()).map(str::to_owned).collect();
            }
            EngineKind::Llm => candidate.model = Some(what.to_owned()).filter(|model| !model.is_empty()),
            EngineKind::Agent | EngineKind::Command if !what.is_empty() => {
                candidate.program = Some(ProgramChoice { name: what.to_owned(), hosts: Vec::new() });
            }
            // told by whoever starts it, in the same words as for a session of its own
            EngineKind::Agent | EngineKind::Command | EngineKind::Patch | EngineKind::Adopt => {}
        }
        Ok(candidate)
    }
}

/// Compares sessions side by side: all candidates of one, or any that are named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CompareRequest {
    /// One candidate stands for all of its field.
    pub sessions: Vec<SessionId>,
}

/// Picks one candidate over the others; write-once. It approves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PickRequest {
    /// The version that was read; it must be named.
    pub session: SessionRef,
    /// 12 or more hex digits of the digest of what was seen.
    pub digest: String,
}

/// Reviews work already done; the same work again makes the next version of its open session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdoptRequest {
    /// The repository.
    pub source: Source,
    /// The work.
    pub work: WorkSpec,
    /// What it is for; made from the work's own commit messages where it is missing.
    pub goal: Option<String>,
}

/// The sessions, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListRequest {
    /// Only sessions in this state (`Scored`, `NeedsHuman`, …), or of a group: `needs-me`, `running`, `open`, `done`.
    pub state: Option<String>,
    /// At most so many.
    pub limit: Option<u32>,
    /// Only sessions with a smaller number: the next page.
    pub before: Option<SessionId>,
}

/// One session, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShowRequest {
    /// Which, and which version (all, where none is named).
    pub session: SessionRef,
}

/// What a version is compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AgainstRequest {
    /// The base.
    #[default]
    Base,
    /// Another version.
    Version(Version),
    /// The newest version on which the asker left a mark, comment or decision; the base where there is none.
    LastReview,
}

/// The changed files of a version, each side as a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PatchSetRequest {
    /// Which; the current version where none is named.
    pub session: SessionRef,
    /// The repository's name; every one where it is missing.
    pub repo: Option<String>,
    /// Compared with what.
    pub against: AgainstRequest,
}

/// What happened in a session, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineRequest {
    /// The session.
    pub session: SessionId,
}

/// The threads of a version, with those of earlier ones that are still open; of the whole session where none is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ThreadsRequest {
    /// Which.
    pub session: SessionRef,
    /// The version in which the answer says where threads of others stand: that of `session` where none is named, else the
    /// newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Version>,
}

/// The side of a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Before.
    Old,
    /// After.
    New,
}

/// What a comment is meant as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ThreadKind {
    /// Something is wrong.
    Issue,
    /// Asks, changes nothing.
    Question,
    /// A small thing.
    Nit,
    /// Must change before approval.
    Must,
}

/// Opens a thread, or answers in one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommentRequest {
    /// The version it is about.
    pub session: SessionRef,
    /// The repository's name; may be missing where the session has one.
    pub repo: Option<String>,
    /// The thread to answer in; a new one where it is missing.
    pub thread: Option<ThreadId>,
    /// A document of the session instead of a version, such as `plan`.
    #[serde(default)]
    pub artifact: Option<String>,
    /// The file; missing for the whole version.
    pub path: Option<RepoPath>,
    /// The line (1-based) on `side`; missing for the whole file.
    pub line: Option<u32>,
    /// The first line of a range that ends at `line`.
    pub from_line: Option<u32>,
    /// The side that `line` counts on.
    pub side: Side,
    /// What the version is compared with where the line was seen: the old side is the left one of that comparison.
    #[serde(default)]
    pub against: AgainstRequest,
    /// What it is meant as.
    pub kind: ThreadKind,
    /// The words.
    pub text: String,
}

/// Keeps a comment that is not sent yet; its writer alone is shown it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DraftRequest {
    /// The draft that is changed; a new one where it is missing.
    pub draft: Option<DraftId>,
    /// What it will say, and where.
    pub comment: CommentRequest,
}

/// Deletes a draft of one's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DropDraftRequest {
    /// The session.
    pub session: SessionId,
    /// The draft.
    pub draft: DraftId,
}

/// Sends all drafts of one's own. Requesting changes does so too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SendDraftsRequest {
    /// The session.
    pub session: SessionId,
}

/// Resolves or reopens a thread; only a person can.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResolveRequest {
    /// The session.
    pub session: SessionId,
    /// The thread.
    pub thread: ThreadId,
    /// Resolved, or open again.
    pub resolved: bool,
}

/// Marks hunks as reviewed, or takes marks back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MarkRequest {
    /// The version that was read.
    pub session: SessionRef,
    /// The repository's name; may be missing where the session has one.
    pub repo: Option<String>,
    /// Hunk keys (SHA-256 of path, removed and added lines and occurrence).
    pub hunks: Vec<Digest>,
    /// Reviewed, or not any more.
    pub reviewed: bool,
}

/// Decides on a patch set. Write-once for (session, lane, version, digest).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecideRequest {
    /// The version that was read; it must be named.
    pub session: SessionRef,
    /// The repository's name; may be missing where the version has one patch set.
    pub repo: Option<String>,
    /// The word.
    pub verdict: Verdict,
    /// 12 or more hex digits of the digest of what was seen.
    pub digest: String,
    /// The reason; compulsory where the panel asks for one.
    pub message: String,
}

/// A person's word to triage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TriageWord {
    /// Take it up.
    Go,
    /// Put it off; GO takes it up again.
    Defer,
    /// Do not take it up, for good.
    Decline,
}

/// Says GO, puts a goal off, or declines it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TriageRequest {
    /// The session.
    pub session: SessionId,
    /// The word.
    pub word: TriageWord,
    /// Why.
    #[serde(default)]
    pub message: String,
}

/// Says that a version meets a criterion, or takes it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TickRequest {
    /// The version that was read; the newest where none is named.
    pub session: SessionRef,
    /// The criterion, such as `C1`.
    pub criterion: String,
    /// It is met, or not said to be any more.
    pub ticked: bool,
    /// What shows it.
    #[serde(default)]
    pub message: String,
}

/// Has documents written again: those that were commented on, with the comments; all of them where only `message` says
/// what is wrong. Comments on documents that the asker has not sent yet go with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RewriteRequest {
    /// The session.
    pub session: SessionId,
    /// What is wrong, beside what the comments say.
    #[serde(default)]
    pub message: String,
}

/// Accepts a WARN, with a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OverrideRequest {
    /// The version; it must be named.
    pub session: SessionRef,
    /// The repository's name; may be missing where the version has one patch set.
    pub repo: Option<String>,
    /// The rule's id.
    pub rule: String,
    /// The file, where only one of the rule's violations is meant.
    pub path: Option<RepoPath>,
    /// Why.
    pub message: String,
}

/// Asks for the next version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegenerateRequest {
    /// The session.
    pub session: SessionId,
    /// Another engine.
    pub engine: Option<EngineKind>,
    /// Other rules.
    #[serde(default)]
    pub rules: Vec<String>,
    /// Another ready diff, stored as a blob by the client.
    pub patch: Option<Digest>,
    /// Another program, for the engines that run one.
    #[serde(default)]
    pub program: Option<ProgramChoice>,
    /// What to do differently.
    pub message: String,
}

/// What is left out of a file's change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExcludeRequest {
    /// The file.
    pub path: RepoPath,
    /// Hunk keys, as marks have them; the whole file where there is none.
    #[serde(default)]
    pub hunks: Vec<Digest>,
}

/// A hunk as a person wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EditRequest {
    /// The file.
    pub path: RepoPath,
    /// The hunk that is replaced: its key.
    pub hunk: Digest,
    /// The hunk as a diff of this one file, on what the file is without it. Line counts in `@@` lines are mended.
    pub diff: String,
}

/// Makes the next version of the newest one without an engine: hunks or files left out, or a hunk of one's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeriveRequest {
    /// The version that was read; it must be named.
    pub session: SessionRef,
    /// The repository's name; may be missing where the version has one patch set.
    pub repo: Option<String>,
    /// 12 or more hex digits of the digest of what was seen.
    pub digest: String,
    /// What the version was compared with: what is left out stays as it is there.
    pub against: AgainstRequest,
    /// What is left out.
    #[serde(default)]
    pub exclude: Vec<ExcludeRequest>,
    /// A hunk of one's own.
    #[serde(default)]
    pub edit: Option<EditRequest>,
}

/// Runs the checks of the newest version again, with the variables of the client that asks: after a tool was installed,
/// after a red that nobody believes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckRequest {
    /// Which; the current version where none is named.
    pub session: SessionRef,
    /// The repository's name; may be missing where the version has one patch set.
    pub repo: Option<String>,
    /// Whether the base's runs are made again too, on a fresh checkout. Without it what is kept of them counts, as
    /// long as tools, variables and dependency folders are what they were.
    #[serde(default)]
    pub base_too: bool,
}

/// Takes a repository out of the session, so that the rest can ship.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DropRequest {
    /// The session.
    pub session: SessionId,
    /// The repository's name.
    pub repo: String,
}

/// Ends a session and everything it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CancelRequest {
    /// The session.
    pub session: SessionId,
}

/// Publishes what was approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublishRequest {
    /// The session.
    pub session: SessionId,
}

/// What the decision panel shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PanelRequest {
    /// The version; the current one where none is named.
    pub session: SessionRef,
    /// The repository's name; may be missing where the version has one patch set.
    pub repo: Option<String>,
}

/// The output of checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogRequest {
    /// Which version; the current one where none is named.
    pub session: SessionRef,
    /// Only this check.
    pub check: Option<String>,
}

/// The documents of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArtifactsRequest {
    /// The session.
    pub session: SessionId,
}

/// Exactly what an engine was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContextRequest {
    /// Which version; the current one where none is named.
    pub session: SessionRef,
}

/// Units of work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BeadsRequest {
    /// Of this session.
    pub session: Option<SessionId>,
    /// In this status: `PENDING`, `RUNNING`, `COMPLETED`, `FAILED`, `SKIPPED`.
    pub status: Option<String>,
    /// Of this category: one of [`bead_categories`](super::bead_categories), such as `proposal` or `validation`.
    pub category: Option<String>,
}

/// Figures over all sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MetricsRequest {}

/// Indexes a repository, or finds the index that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IndexRequest {
    /// The repository.
    pub source: Source,
    /// What to index.
    pub base: Base,
    /// Words that ranks lean to.
    pub focus: Option<String>,
}

/// Trusts a repository to run its own commands, asks whether it is trusted, or takes trust back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrustRequest {
    /// The repository.
    pub path: HostPath,
    /// `Some(true)` trusts, `Some(false)` revokes, `None` asks.
    pub trust: Option<bool>,
    /// `Some(true)` lets the setup steps that sessions wait with use the network (HEAD's where none waits),
    /// `Some(false)` tells which wait.
    #[serde(default)]
    pub setup_network: Option<bool>,
}

/// How the service is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusRequest {}

/// Ends the service: running work is owed and goes on at the next start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StopRequest {}

/// How far a patch is checked: each goes further than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CheckExtent {
    /// It is only told whether and where it applies; what no patch may write stops it all the same.
    Place,
    /// The policies judge the result.
    Judge,
    /// What nothing blocks is stored among the repository's objects.
    Store,
}

/// Parses, polices and applies patches in memory; needs no daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckPatchRequest {
    /// The repository.
    pub source: Source,
    /// What they apply to.
    pub base: Base,
    /// Each patch's name and bytes, applied one after the other.
    pub patches: Vec<(String, Vec<u8>)>,
    /// How far it goes.
    pub extent: CheckExtent,
}
