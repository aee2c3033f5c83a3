//! What is recorded, for ever. Past tense; integers and strings only.
//!
//! A field is only ever added, with a default: every journal ever written must still fold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::calls::{Budget, CallAsked, CallEnded};
use super::candidates::{Candidacy, Rival};
use super::effect::EffectKey;
use super::parts::VersionPart;
use crate::id::{Digest, DraftId, LaneId, ObjectId, RepoPath, SessionId, SessionUuid, ThreadId, Version};
use crate::planning::{
    Criterion, Estimate, IssueSource, Kind, Monitored, PlanTask, Playbook, Role, Runbook, TriageReport,
};
use crate::policy::{PolicySettings, Violation};
use crate::proposal::{EngineKind, ProgramChoice};
use crate::repository::{Base, Snapshot, Source, WorkSpec};
use crate::scoring::{Gate, Review, Score};
use crate::text::Untrusted;
use crate::validation::{Sides, ValidationResult};

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// `login@host` of the peer's uid.
    pub login: String,
    /// The name in their own git configuration, or empty.
    pub name: String,
    /// The address there, or empty.
    pub email: String,
    /// The client: `cli`, `tui`, …
    pub client: String,
    /// `yes` where a terminal was attached.
    pub terminal: String,
}

impl Person {
    /// An engine that speaks, where only people did before: it has no address and no terminal.
    #[must_use]
    pub fn engine(engine: EngineKind) -> Self {
        Self {
            login: format!("engine {}", engine.name()),
            name: String::new(),
            email: String::new(),
            client: "engine".to_owned(),
            terminal: "no".to_owned(),
        }
    }

    /// A model that speaks in a role.
    #[must_use]
    pub fn model(role: Role, model: &str) -> Self {
        let login = if model.is_empty() { role.name().to_owned() } else { format!("{role} {model}") };
        Self { login, ..Self::engine(EngineKind::Llm) }
    }

    /// Whether it is one.
    #[must_use]
    pub fn is_engine(&self) -> bool {
        self.client == "engine"
    }
}

/// One repository as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneRequest {
    /// Where it is.
    pub source: Source,
    /// What to start from.
    pub base: Base,
    /// The snapshot of it, where several candidates start from one: taken before any of them was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
}

/// A session as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSession {
    /// Its number.
    pub id: SessionId,
    /// Its name across stores.
    pub uuid: SessionUuid,
    /// The goal.
    pub goal: Untrusted,
    /// The kind of work.
    pub kind: Kind,
    /// The adopted work, where the session reviews some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<WorkSpec>,
    /// The issue that the goal is from, as it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue: Option<IssueSource>,
    /// The engine.
    pub engine: EngineKind,
    /// The program that the engine shall run, where it runs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<ProgramChoice>,
    /// The model that drafts, as `PROVIDER/MODEL`, where another than the role's own shall.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its place among several that draft for the same goal, where it is one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Box<Candidacy>>,
    /// Only these rules.
    pub rules: Vec<String>,
    /// Only paths that match.
    pub paths: Vec<String>,
    /// Its shape.
    pub playbook: Playbook,
    /// A ready diff, as a blob.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<Digest>,
    /// How often a red check goes back to the engine before a person is needed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repairs: u32,
    /// What its calls to models may take.
    #[serde(default, skip_serializing_if = "is_unlimited")]
    pub budget: Budget,
    /// What its calls to models were thought to take, before the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
    /// Roles that a model was there for when it started: their stages ask it, the others wait for a person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
    /// Its repositories.
    pub lanes: Vec<LaneRequest>,
    /// The client's allow-listed variables.
    pub environment: BTreeMap<String, String>,
    /// Who asked.
    pub by: Person,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
pub(super) fn is_zero(count: &u32) -> bool {
    *count == 0
}

pub(super) fn is_unlimited(budget: &Budget) -> bool {
    *budget == Budget::default()
}

/// The change of one lane as it was drafted. The manifest is the blob that `digest` names; contents are blobs too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchSet {
    /// The lane.
    pub lane: LaneId,
    /// What names it.
    pub digest: Digest,
    /// The base commit.
    pub base_commit: ObjectId,
    /// The base tree.
    pub base_tree: ObjectId,
    /// The base, where the engine took another than the lane's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebased: Option<Snapshot>,
    /// The commit message that an approval would publish, without trailers.
    pub message: Untrusted,
    /// What was done and why: a blob.
    pub explanation: Digest,
    /// The context hash: a blob.
    pub context: Digest,
    /// Lines by file: a blob.
    pub stats: Digest,
    /// Files changed.
    pub files: u32,
    /// Lines added.
    pub added: u32,
    /// Lines deleted.
    pub deleted: u32,
    /// What the engine's program said: a blob.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Digest>,
}

/// Why a session stands still, or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopKind {
    /// A person must do something.
    NeedsHuman,
    /// A policy forbids it before it could be validated.
    BlockedPolicy,
    /// Put off.
    Deferred,
    /// Not taken up.
    Declined,
    /// It broke.
    Failed,
    /// A person ended it.
    Cancelled,
    /// The next call to a model could take more than is left: a person must do something.
    BudgetSpent,
}

/// A document that a stage wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Its name.
    pub name: String,
    /// The body, in Markdown: a blob.
    pub digest: Digest,
}

/// Where a thread hangs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadPlace {
    /// The version it was opened on.
    pub version: Version,
    /// The lane.
    pub lane: LaneId,
    /// The file; none for the whole version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<RepoPath>,
    /// The line, 1-based; 0 for the whole file.
    #[serde(default)]
    pub line: u32,
    /// The first line of a range that ends at `line`; 0 where it is one line.
    #[serde(default)]
    pub from_line: u32,
    /// `old` or `new`.
    pub side: String,
    /// `issue`, `question`, `nit` or `must`.
    pub kind: String,
    /// The document it is about, where it is about one and not about a version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
}

impl ThreadPlace {
    /// Whether it stands in the way of approving `lane` without a reason, until somebody resolves it.
    #[must_use]
    pub fn is_must_of(&self, lane: LaneId) -> bool {
        self.kind == "must" && self.lane == lane
    }
}

/// Something that happened to a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "fields repeat the type that each variant's line explains")]
pub enum Event {
    /// A person started it.
    Created { session: Box<NewSession> },
    /// Work on an effect began.
    AttemptStarted { key: EffectKey, attempt: u32 },
    /// A lane's snapshot was taken; `plan` is a blob (its checks).
    SnapshotLoaded { lane: LaneId, snapshot: Snapshot, plan: Digest, policy: PolicySettings },
    /// A lane was indexed; `index` is a blob (its summary).
    Indexed { lane: LaneId, index: Digest, files: u64, definitions: u64 },
    /// A model said what it recommends; `artifact` is a blob (the report in Markdown).
    TriageFound { report: TriageReport, artifact: Digest },
    /// A person said GO.
    Triaged { by: Person, message: Untrusted },
    /// A person put it off.
    Deferred { by: Person, message: Untrusted },
    /// A person did not take it up.
    Declined { by: Person, message: Untrusted },
    /// Models wrote what the change shall be.
    ///
    /// Where they wrote again, `changes` are blobs: of each document that says something else, the diff.
    Planned {
        artifacts: Vec<Artifact>,
        tasks: Vec<PlanTask>,
        criteria: Vec<Criterion>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        changes: Vec<Artifact>,
    },
    /// A person wants documents written again: who writes, and the threads that they are written with.
    DocumentsAsked { by: Person, roles: Vec<Role>, threads: Vec<ThreadId>, message: Untrusted },
    /// A person said GO to these documents, as they stand.
    Agreed { by: Person, message: Untrusted, documents: Vec<Artifact> },
    /// A person says that a version meets a criterion.
    Ticked { criterion: String, version: Version, by: Person, message: Untrusted },
    /// A person takes that back.
    Unticked { criterion: String, version: Version, by: Person },
    /// A part of a version was made, and another role is asked for the next; `patch_sets` are the change so far with it,
    /// of the lanes that it changed. `heard` counts the words of people that the draft was given.
    PartMade {
        version: Version,
        part: Box<VersionPart>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        patch_sets: Vec<PatchSet>,
        #[serde(default, skip_serializing_if = "is_zero")]
        heard: u32,
    },
    /// A version was drafted: by an engine, or derived from `parent` by a person, who is named then. `parts` says whose
    /// is what, where roles added to the draft.
    Proposed {
        version: Version,
        engine: EngineKind,
        made_for: String,
        patch_sets: Vec<PatchSet>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Person>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<Version>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        parts: Vec<VersionPart>,
    },
    /// A patch set became a branch in the private repository.
    BranchApplied { lane: LaneId, version: Version, tree: ObjectId, commit: ObjectId, reference: String },
    /// A policy forbids applying it.
    PatchBlocked { lane: LaneId, version: Version, violations: Vec<Violation> },
    /// Its checks ended.
    Validated { lane: LaneId, version: Version, result: ValidationResult },
    /// Models reviewed it, or could not; one entry a role.
    Reviewed { lane: LaneId, version: Version, reviews: Vec<Review> },
    /// A model wrote the runbook of the change of that digest, or could not.
    RunbookWritten { lane: LaneId, version: Version, digest: Digest, runbook: Runbook },
    /// It was judged and scored.
    Scored { lane: LaneId, version: Version, violations: Vec<Violation>, score: Score, gates: Vec<Gate> },
    /// A person approved it.
    Approved { lane: LaneId, version: Version, digest: Digest, by: Person, message: Untrusted, because: Vec<String> },
    /// A person rejected it.
    Rejected { lane: LaneId, version: Version, digest: Digest, by: Person, message: Untrusted },
    /// A person sent it back.
    ChangesRequested { lane: LaneId, version: Version, digest: Digest, by: Person, message: Untrusted },
    /// A person accepted a WARN; an empty path means every violation of the rule.
    Overridden { lane: LaneId, version: Version, rule: String, path: Option<RepoPath>, by: Person, message: Untrusted },
    /// A person asked for the next version: of `lanes`, else of all that are open. Where `repairs` are named a red check
    /// goes back so often from now on.
    Regenerated {
        by: Person,
        engine: Option<EngineKind>,
        rules: Vec<String>,
        patch: Option<Digest>,
        message: Untrusted,
        made_for: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        program: Option<ProgramChoice>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lanes: Vec<LaneId>,
        #[serde(default, skip_serializing_if = "is_zero")]
        repairs: u32,
    },
    /// A person asked that what was stuck is tried again; the version stays.
    Retried { by: Person, message: Untrusted },
    /// A person asked for the checks again; with the variables that their client sent, where it sent some.
    RecheckAsked {
        lane: LaneId,
        version: Version,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Person>,
        #[serde(default, skip_serializing_if = "Sides::is_default")]
        sides: Sides,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        environment: Option<BTreeMap<String, String>>,
    },
    /// A person took a repository out.
    LaneDropped { lane: LaneId, by: Person },
    /// A person holds all work.
    Paused { by: Person },
    /// A person lets it go on.
    Resumed { by: Person },
    /// A person asked to publish.
    PublishAsked { by: Person },
    /// A lane was published.
    Published { lane: LaneId, version: Version, branch: String, commit: ObjectId, place: String },
    /// A person wants to hear how a published version fares; `log` is what they handed in: a blob.
    MonitorAsked {
        version: Version,
        by: Person,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        log: Option<Digest>,
    },
    /// A model said how it fares, or nobody did. It moves nothing.
    Monitored { version: Version, said: Box<Monitored> },
    /// It stands still, or ended; `key` is the work that was stuck, where work was, `log` what its program had said: a
    /// blob.
    Stopped {
        kind: StopKind,
        reason: Untrusted,
        next: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<EffectKey>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        log: Option<Digest>,
    },
    /// A person says something to whoever drafts the next version, while they do.
    Steered { by: Person, text: Untrusted },
    /// A draft was held in its middle: what it had left by then, one patch set a lane, is gone on from.
    Held {
        key: EffectKey,
        attempt: u32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        patch_sets: Vec<PatchSet>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        log: Option<Digest>,
    },
    /// A person opened a thread.
    ThreadOpened { thread: ThreadId, place: ThreadPlace, by: Person, text: Untrusted },
    /// Somebody answered in one.
    ThreadAnswered { thread: ThreadId, by: Person, text: Untrusted },
    /// A person resolved one.
    ThreadResolved { thread: ThreadId, by: Person },
    /// A person opened one again.
    ThreadReopened { thread: ThreadId, by: Person },
    /// A person keeps a comment that is not sent yet, or changed it; `thread` is the one it answers in.
    DraftKept {
        draft: DraftId,
        place: ThreadPlace,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        thread: Option<ThreadId>,
        by: Person,
        text: Untrusted,
    },
    /// A person's draft is gone: deleted, or sent by the entry before.
    DraftDropped { draft: DraftId, by: Person },
    /// A person marked hunks as reviewed.
    Marked { lane: LaneId, version: Version, hunks: Vec<Digest>, by: Person },
    /// Red checks go back to the engine: repair `number` of this version.
    RepairAsked { lane: LaneId, version: Version, number: u32, because: Vec<String> },
    /// A call to a model is about to be made; the most it can take counts as spent.
    CallReserved { call: u32, asked: Box<CallAsked> },
    /// It ended: what it took counts.
    CallSettled { ended: Box<CallEnded> },
    /// A person set what the session may spend.
    BudgetSet { budget: Budget, by: Person },
    /// A person picked this candidate: `version`, of these digests, over the others as they stood then.
    Picked { version: Version, digests: Vec<Digest>, over: Vec<Rival>, by: Person },
    /// Every other candidate was told.
    OthersPassedOver {},
    /// A person picked another candidate.
    PassedOver { picked: SessionId, version: Version, by: Person },
    /// A person took marks back.
    Unmarked { lane: LaneId, version: Version, hunks: Vec<Digest>, by: Person },
}

impl Event {
    /// The name that the journal and the timeline use.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::AttemptStarted { .. } => "attempt-started",
            Self::SnapshotLoaded { .. } => "snapshot-loaded",
            Self::Indexed { .. } => "indexed",
            Self::TriageFound { .. } => "triage-found",
            Self::Triaged { .. } => "triaged",
            Self::Deferred { .. } => "deferred",
            Self::Declined { .. } => "declined",
            Self::Planned { .. } => "planned",
            Self::DocumentsAsked { .. } => "documents-asked",
            Self::Agreed { .. } => "agreed",
            Self::Ticked { .. } => "ticked",
            Self::Unticked { .. } => "unticked",
            Self::PartMade { .. } => "part-made",
            Self::Proposed { .. } => "proposed",
            Self::BranchApplied { .. } => "branch-applied",
            Self::PatchBlocked { .. } => "patch-blocked",
            Self::Validated { .. } => "validated",
            Self::Reviewed { .. } => "reviewed",
            Self::RunbookWritten { .. } => "runbook-written",
            Self::Scored { .. } => "scored",
            Self::Approved { .. } => "approved",
            Self::Rejected { .. } => "rejected",
            Self::ChangesRequested { .. } => "changes-requested",
            Self::Overridden { .. } => "overridden",
            Self::Regenerated { .. } => "regenerated",
            Self::Retried { .. } => "retried",
            Self::RecheckAsked { .. } => "recheck-asked",
            Self::LaneDropped { .. } => "lane-dropped",
            Self::Paused { .. } => "paused",
            Self::Resumed { .. } => "resumed",
            Self::PublishAsked { .. } => "publish-asked",
            Self::Published { .. } => "published",
            Self::MonitorAsked { .. } => "monitor-asked",
            Self::Monitored { .. } => "monitored",
            Self::Stopped { .. } => "stopped",
            Self::Steered { .. } => "steered",
            Self::Held { .. } => "held",
            Self::ThreadOpened { .. } => "thread-opened",
            Self::ThreadAnswered { .. } => "thread-answered",
            Self::ThreadResolved { .. } => "thread-resolved",
            Self::ThreadReopened { .. } => "thread-reopened",
            Self::DraftKept { .. } => "draft-kept",
            Self::DraftDropped { .. } => "draft-dropped",
            Self::Marked { .. } => "marked",
            Self::RepairAsked { .. } => "repair-asked",
            Self::CallReserved { .. } => "call-reserved",
            Self::CallSettled { .. } => "call-settled",
            Self::BudgetSet { .. } => "budget-set",
            Self::Picked { .. } => "picked",
            Self::OthersPassedOver { .. } => "others-passed-over",
            Self::PassedOver { .. } => "passed-over",
            Self::Unmarked { .. } => "unmarked",
        }
    }

    /// Who did it, where a person did.
    #[must_use]
    pub fn person(&self) -> Option<&Person> {
        match self {
            Self::Created { session, .. } => Some(&session.by),
            Self::Proposed { by, .. } | Self::RecheckAsked { by, .. } => by.as_ref(),
            Self::Triaged { by, .. }
            | Self::Deferred { by, .. }
            | Self::Declined { by, .. }
            | Self::DocumentsAsked { by, .. }
            | Self::Agreed { by, .. }
            | Self::Ticked { by, .. }
            | Self::Unticked { by, .. }
            | Self::Approved { by, .. }
            | Self::Rejected { by, .. }
            | Self::ChangesRequested { by, .. }
            | Self::Overridden { by, .. }
            | Self::Regenerated { by, .. }
            | Self::Retried { by, .. }
            | Self::LaneDropped { by, .. }
            | Self::Paused { by }
            | Self::Resumed { by }
            | Self::PublishAsked { by }
            | Self::MonitorAsked { by, .. }
            | Self::Steered { by, .. }
            | Self::ThreadOpened { by, .. }
            | Self::ThreadAnswered { by, .. }
            | Self::ThreadResolved { by, .. }
            | Self::ThreadReopened { by, .. }
            | Self::DraftKept { by, .. }
            | Self::DraftDropped { by, .. }
            | Self::BudgetSet { by, .. }
            | Self::Picked { by, .. }
            | Self::PassedOver { by, .. }
            | Self::Marked { by, .. }
            | Self::Unmarked { by, .. } => Some(by),
            _ => None,
        }
    }
}
