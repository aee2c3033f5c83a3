//! What reaches a session: commands of people, which may be refused, and outcomes of work, which may be stale.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::id::{Digest, DraftId, LaneId, ObjectId, RepoPath, SessionId, ThreadId, Version};
use crate::planning::{Monitored, Role, Runbook, TriageReport};
use crate::policy::{PolicySettings, Violation};
use crate::proposal::{EngineKind, ProgramChoice};
use crate::repository::Snapshot;
use crate::scoring::{Gate, Review, ReviewIssue, Score};
use crate::text::Untrusted;
use crate::validation::{Sides, ValidationResult};

use super::calls::{Budget, CallAsked, CallEnded};
use super::candidates::PickCommand;
use super::effect::EffectKey;
use super::event::{PatchSet, Person, StopKind, ThreadPlace};
use super::parts::{PartFound, WentOn};
use super::state::Planned;

/// How far the base moved, as it was measured for a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftSeen {
    /// Commits on the branch that the base lacks.
    pub commits: u32,
    /// Whether the patch still merges.
    pub merges_cleanly: bool,
    /// Why it could not be measured; then the rest says nothing.
    pub unknown: Option<String>,
}

impl DriftSeen {
    /// The branch stands where it stood.
    pub const NONE: Self = Self::of(0, true);

    /// It was measured.
    #[must_use]
    pub const fn of(commits: u32, merges_cleanly: bool) -> Self {
        Self { commits, merges_cleanly, unknown: None }
    }

    /// It could not be measured: that is not the same as no drift.
    #[must_use]
    pub fn unknown(why: String) -> Self {
        Self { unknown: Some(why), ..Self::NONE }
    }
}

/// A person's word on a patch set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecideCommand {
    /// The lane.
    pub lane: LaneId,
    /// The version that was read.
    pub version: Version,
    /// 12 or more hex digits of the digest that was seen.
    pub digest: String,
    /// The word.
    pub verdict: super::state::Verdict,
    /// Who.
    pub by: Person,
    /// The reason.
    pub message: Untrusted,
    /// How far the base moved.
    pub drift: DriftSeen,
}

/// A version that a person made of the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeriveCommand {
    /// The version that was read.
    pub parent: Version,
    /// 12 or more hex digits of the digest that was seen.
    pub digest: String,
    /// The change as it is now.
    pub patch_set: PatchSet,
    /// What the person did, in a few words: `2 hunks left out`.
    pub made_for: String,
    /// Who.
    pub by: Person,
}

/// A wish for the checks of a version to run once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckAgainCommand {
    /// The lane.
    pub lane: LaneId,
    /// The version.
    pub version: Version,
    /// What runs.
    pub sides: Sides,
    /// The asking client's allow-listed variables; the session keeps the ones it has where a client sends none.
    pub environment: BTreeMap<String, String>,
    /// Who.
    pub by: Person,
}

/// What the settings allow a session that has no limit of its own, for the engine that drafts from now on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// How often a red check goes back to it.
    pub repairs: u32,
    /// What its calls to models may take.
    pub budget: Budget,
}

/// A person asks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields repeat the type that each variant's line explains")]
pub enum Command {
    /// GO.
    Triage { by: Person, message: Untrusted },
    /// Put it off; GO takes it up again.
    Defer { by: Person, message: Untrusted },
    /// Do not take it up, for good.
    Decline { by: Person, message: Untrusted },
    /// Have the documents written again that were commented on.
    Rewrite { by: Person, message: Untrusted },
    /// Say that the version meets a criterion, or take it back.
    Tick { criterion: String, version: Version, ticked: bool, by: Person, message: Untrusted },
    /// Approve, reject or request changes.
    Decide(DecideCommand),
    /// Pick this one among several candidates.
    Pick(Box<PickCommand>),
    /// Accept a WARN.
    Override { lane: LaneId, version: Version, rule: String, path: Option<RepoPath>, by: Person, message: Untrusted },
    /// Make the next version.
    Regenerate {
        by: Person,
        engine: Option<EngineKind>,
        rules: Vec<String>,
        patch: Option<Digest>,
        message: Untrusted,
        made_for: String,
        program: Option<ProgramChoice>,
        limits: Limits,
    },
    /// Make the next version of what is there, without an engine.
    Derive(Box<DeriveCommand>),
    /// Run the checks of a version again: after a tool was installed, a test was red by chance, or trust was given.
    CheckAgain(Box<CheckAgainCommand>),
    /// Take a repository out.
    Drop { lane: LaneId, by: Person },
    /// Set what it may spend; a limit that is missing stays.
    SetBudget { budget: Budget, by: Person },
    /// End it.
    Cancel { by: Person },
    /// Hold all work.
    Pause { by: Person },
    /// Let it go on.
    Resume { by: Person },
    /// Say something to whoever drafts.
    Steer { by: Person, text: Untrusted },
    /// Publish what was approved.
    Publish { by: Person },
    /// Ask a model how what was published fares, with what was handed in; `budget` holds where nothing else does.
    Monitor { by: Person, log: Option<Digest>, budget: Budget },
    /// Open a thread.
    OpenThread { place: ThreadPlace, by: Person, text: Untrusted },
    /// Answer in one.
    Answer { thread: ThreadId, by: Person, text: Untrusted },
    /// Resolve one, or open it again.
    Resolve { thread: ThreadId, resolved: bool, by: Person },
    /// Keep a comment that is not sent yet: a new one where no draft is named.
    KeepDraft { draft: Option<DraftId>, place: ThreadPlace, thread: Option<ThreadId>, by: Person, text: Untrusted },
    /// Delete one.
    DropDraft { draft: DraftId, by: Person },
    /// Send all of one's own.
    SendDrafts { by: Person },
    /// Mark hunks.
    Mark { lane: LaneId, version: Version, hunks: Vec<Digest>, reviewed: bool, by: Person },
}

impl Command {
    /// What was asked, as a verb for messages.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Triage { .. } => "go ahead",
            Self::Defer { .. } => "defer",
            Self::Decline { .. } => "decline",
            Self::Rewrite { .. } => "have documents written again",
            Self::Tick { .. } => "tick",
            Self::Decide(decide) => decide.verdict.name(),
            Self::Pick(_) => "pick",
            Self::Override { .. } => "override",
            Self::Regenerate { .. } => "regenerate",
            Self::Derive(_) => "derive a version",
            Self::CheckAgain(_) => "check again",
            Self::Drop { .. } => "drop",
            Self::SetBudget { .. } => "set the budget",
            Self::Cancel { .. } => "cancel",
            Self::Pause { .. } => "pause",
            Self::Resume { .. } => "resume",
            Self::Steer { .. } => "steer",
            Self::Publish { .. } => "publish",
            Self::Monitor { .. } => "monitor",
            Self::OpenThread { .. } | Self::Answer { .. } => "comment",
            Self::KeepDraft { .. } | Self::DropDraft { .. } | Self::SendDrafts { .. } => "keep a draft",
            Self::Resolve { .. } => "resolve",
            Self::Mark { .. } => "mark",
        }
    }
}

/// What work found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields repeat the type that each variant's line explains")]
pub enum Finding {
    /// The snapshot.
    Snapshot { snapshot: Box<Snapshot>, plan: Digest, policy: PolicySettings },
    /// The index.
    Index { index: Digest, files: u64, definitions: u64 },
    /// What triage recommends, and the report in words.
    Triage { report: TriageReport, artifact: Digest },
    /// Documents, the plan, and what must be true in the end.
    Plan(Planned),
    /// What each role says, and its issues; where there was no money to ask all of them why not, and what to do.
    Review { reviews: Vec<(Review, Vec<ReviewIssue>)>, left_out: Option<(Untrusted, String)> },
    /// A runbook, or why there is none.
    Runbook(Runbook),
    /// A draft, one patch set for each lane that it changes; how many of the words that people said meanwhile its engine
    /// was given; the version that it was made on, where its engine goes on from one; and what was said while it was made,
    /// for where it comes to nothing.
    Draft {
        patch_sets: Vec<PatchSet>,
        answers: Vec<(ThreadId, Untrusted)>,
        heard: u32,
        went_on: Option<WentOn>,
        log: Option<Digest>,
    },
    /// What a role that follows a draft adds to it.
    Part(PartFound),
    /// A draft was asked to stop: what it had left by then.
    Held { patch_sets: Vec<PatchSet>, log: Option<Digest> },
    /// The branch.
    Branch { tree: ObjectId, commit: ObjectId, reference: String },
    /// It must not be applied.
    Blocked { violations: Vec<Violation> },
    /// The checks.
    Checks(Box<ValidationResult>),
    /// The score.
    Score { violations: Vec<Violation>, score: Box<Score>, gates: Vec<Gate> },
    /// It was published.
    Published { branch: String, commit: ObjectId, place: String },
    /// Every other candidate knows.
    PassedOver,
    /// What a model says of what was published, or why none does.
    Monitored(Monitored),
    /// It could not be done; what its program had said is kept.
    Stuck { kind: StopKind, reason: Untrusted, next: String, log: Option<Digest> },
}

/// A worker's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Work is about to start: the attempt is recorded first.
    Starting(EffectKey),
    /// Work needs a model: the call is reserved, or refused before a token is bought; with what its role may take of
    /// the session.
    Asking(CallAsked, Budget),
    /// A call ended.
    Answered(CallEnded),
    /// Another candidate was picked.
    OtherPicked {
        /// Which.
        picked: SessionId,
        /// Its version.
        version: Version,
        /// Who picked it.
        by: Person,
    },
    /// Work ended.
    Found {
        /// Which.
        key: EffectKey,
        /// The attempt that ended.
        attempt: u32,
        /// What it found.
        finding: Finding,
    },
}

/// What reaches a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A person asks.
    Command(Box<Command>),
    /// A worker answers.
    Outcome(Box<Outcome>),
}

/// Why a command was refused. Nothing was recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "fields are named by the messages")]
pub enum Refusal {
    /// The state does not allow it.
    #[error("cannot {asked} while the session is {state}")]
    NotNow { asked: &'static str, state: String },
    /// No such lane.
    #[error("the session has no such repository")]
    NoSuchLane,
    /// No such version, or none of this lane.
    #[error("there is no {version} of this repository")]
    NoSuchVersion { version: Version },
    /// Another patch was seen.
    #[error("what was seen ({seen}) is not {version} ({current})")]
    OtherPatch { seen: String, version: Version, current: String },
    /// A newer version is there.
    #[error("{version} was superseded by {newest}")]
    Superseded { version: Version, newest: Version },
    /// Somebody was first.
    #[error("{version} was already decided: {verdict} by {by} at {at}")]
    AlreadyDecided { version: Version, verdict: &'static str, by: String, at: Timestamp },
    /// An engine that takes no words while it drafts.
    #[error("engine {} hears nobody while it drafts", engine.name())]
    HearsNobody { engine: EngineKind },
    /// Its checks did not end yet.
    #[error("the checks of {version} have not ended")]
    StillChecked { version: Version },
    /// It was asked for, and nobody answered yet.
    #[error("the monitor is still asked about {version}")]
    StillMonitored { version: Version },
    /// The session is of a kind that is not checked.
    #[error("playbook {playbook} runs no checks")]
    NoChecks { playbook: String },
    /// It stands for itself.
    #[error("the session is no candidate: nothing else drafts for its goal")]
    NoCandidate,
    /// A candidate was picked before: this one, or another.
    #[error("{picked}@{version} was already picked by {by} at {at}")]
    AlreadyPicked { picked: SessionId, version: Version, by: String, at: Timestamp },
    /// A candidate is approved once it was picked.
    #[error("{session} is one of {of} candidates and was not picked")]
    NotPicked { session: SessionId, version: Version, of: usize },
    /// Approving is not offered.
    #[error("approving is not offered: {}", because.join("; "))]
    NotOffered { because: Vec<String> },
    /// Approving needs a reason.
    #[error("a reason is needed: {}", because.join("; "))]
    ReasonNeeded { because: Vec<String> },
    /// A WARN that is not there.
    #[error("{version} has no WARN of rule `{rule}`{}", path.as_ref().map(|path| format!(" on {path}")).unwrap_or_default())]
    NoSuchWarning { version: Version, rule: String, path: Option<RepoPath> },
    /// A BLOCK cannot be overridden.
    #[error("`{rule}` is a BLOCK and cannot be overridden")]
    CannotOverride { rule: String },
    /// Not every lane is approved.
    #[error("not every repository is approved: {}", waiting.join(", "))]
    NotApproved { waiting: Vec<String> },
    /// No such thread.
    #[error("there is no thread {}", thread.0)]
    NoSuchThread { thread: ThreadId },
    /// No such document.
    #[error("there is no document `{name}`")]
    NoSuchArtifact { name: String },
    /// The session is of a kind that has none.
    #[error("playbook {playbook} writes no documents")]
    NoDocuments { playbook: String },
    /// No comment waits, and no words came along.
    #[error("nothing was said of a document since it was written")]
    NothingSaid,
    /// No such criterion.
    #[error("there is no criterion `{criterion}`{}", if known.is_empty() { String::new() } else { format!(" among {}", known.join(", ")) })]
    NoSuchCriterion { criterion: String, known: Vec<String> },
    /// Something else shows it.
    #[error("`{criterion}` is shown by {shown_by}, not by a person's tick")]
    NotTicked { criterion: String, shown_by: String },
    /// No such draft of this person.
    #[error("you have no draft {}", draft.0)]
    NoSuchDraft { draft: DraftId },
    /// What a person made of a version is that version.
    #[error("that is {version} as it stands")]
    SameChange { version: Version },
    /// A call could take more than is left.
    #[error("the budget is spent: {why}")]
    BudgetSpent { why: String },
    /// A call could take more than is left of what its role may take.
    #[error("the budget is spent: role {role} {why}")]
    ShareSpent { role: Role, why: String },
    /// Nobody waits for the work that a call is for.
    #[error("nobody waits for {key} any more")]
    NotAwaited { key: EffectKey },
    /// The engine cannot do it by itself.
    #[error("{0}")]
    EngineNeeds(String),
}
