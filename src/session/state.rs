//! The folded session.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Timestamp;
use crate::id::{Digest, DraftId, LaneId, ObjectId, RepoPath, Seq, ThreadId, Version};
use crate::planning::{Criterion, PlanTask, Role, Runbook, TriageReport};
use crate::policy::{PolicySettings, Violation};
use crate::proposal::EngineKind;
use crate::repository::{Base, Snapshot, Source};
use crate::scoring::{Accepted, Gate, Review, Score};
use crate::text::Untrusted;
use crate::validation::{Sides, ValidationResult};

use super::calls::{Budget, CallRecord};
use super::candidates::{LostTo, Pick};
use super::effect::{EffectKey, EffectKind, Owed};
use super::event::{Artifact, NewSession, PatchSet, Person, StopKind, ThreadPlace};
use super::monitor::{Monitoring, Watched};
use super::parts::VersionPart;
use super::stuck::Unmade;

/// A person's word on a patch set. Requests and views carry it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It may ship.
    Approve,
    /// It may not.
    Reject,
    /// Not like this.
    RequestChanges,
}

impl Verdict {
    /// Every word.
    pub const ALL: [Self; 3] = [Self::Approve, Self::Reject, Self::RequestChanges];

    /// The name in JSON and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::RequestChanges => "request-changes",
        }
    }
}

/// How far a lane has come. What a variant names is guaranteed to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Asked for.
    Created,
    /// The snapshot is there.
    SnapshotLoaded,
    /// The index is there.
    Indexed,
    /// A version changes it.
    Proposed(Version),
    /// That version is a branch in the private repository.
    BranchApplied(Version),
    /// Its checks ended.
    Validated(Version),
    /// It waits for a person.
    Scored(Version),
    /// A policy forbids applying it.
    BlockedPolicy(Version),
    /// A person sent it back.
    ChangesRequested(Version),
    /// A person rejected it.
    Rejected(Version),
    /// A person approved it.
    Approved(Version),
    /// It is being published.
    Publishing(Version),
    /// It was published.
    Done(Version),
}

impl Phase {
    /// The version that the phase is about.
    #[must_use]
    pub fn version(self) -> Option<Version> {
        match self {
            Self::Created | Self::SnapshotLoaded | Self::Indexed => None,
            Self::Proposed(version)
            | Self::BranchApplied(version)
            | Self::Validated(version)
            | Self::Scored(version)
            | Self::BlockedPolicy(version)
            | Self::ChangesRequested(version)
            | Self::Rejected(version)
            | Self::Approved(version)
            | Self::Publishing(version)
            | Self::Done(version) => Some(version),
        }
    }

    /// The phase's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::SnapshotLoaded => "SnapshotLoaded",
            Self::Indexed => "Indexed",
            Self::Proposed(_) => "Proposed",
            Self::BranchApplied(_) => "BranchApplied",
            Self::Validated(_) => "Validated",
            Self::Scored(_) => "Scored",
            Self::BlockedPolicy(_) => "BlockedPolicy",
            Self::ChangesRequested(_) => "ChangesRequested",
            Self::Rejected(_) => "Rejected",
            Self::Approved(_) => "Approved",
            Self::Publishing(_) => "Publishing",
            Self::Done(_) => "Done",
        }
    }
}

/// One repository inside a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Which.
    pub id: LaneId,
    /// Where it is.
    pub source: Source,
    /// What it was asked to start from.
    pub base: Base,
    /// Its base, once it is loaded.
    pub snapshot: Option<Snapshot>,
    /// Its check plan: a blob.
    pub plan: Option<Digest>,
    /// Its policy, from the base and the user's configuration.
    pub policy: PolicySettings,
    /// Its index's summary: a blob.
    pub index: Option<Digest>,
    /// How far it has come.
    pub phase: Phase,
    /// Whether a person took it out.
    pub dropped: bool,
    /// What was stuck when a person wanted another version instead.
    pub given_up: Option<EffectKey>,
}

impl Lane {
    /// Its name in the session; the source's own text until the snapshot is loaded.
    #[must_use]
    pub fn name(&self) -> String {
        self.snapshot.as_ref().map_or_else(|| self.source.to_string(), |snapshot| snapshot.repo.clone())
    }
}

/// A recorded decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The word.
    pub verdict: Verdict,
    /// The digest it names.
    pub digest: Digest,
    /// Who.
    pub by: Person,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub message: Untrusted,
    /// What asked for a reason.
    pub because: Vec<String>,
}

/// An accepted WARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideRecord {
    /// The rule.
    pub rule: String,
    /// The file; none for all.
    pub path: Option<RepoPath>,
    /// Who.
    pub by: Person,
    /// Why.
    pub message: Untrusted,
}

impl OverrideRecord {
    /// Whether it is about that violation.
    #[must_use]
    pub fn meets(&self, violation: &Violation) -> bool {
        self.accepted().meets(violation)
    }

    /// The same for the gates.
    #[must_use]
    pub fn accepted(&self) -> Accepted<'_> {
        Accepted { rule: &self.rule, path: self.path.as_ref() }
    }
}

/// Where a lane was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The branch.
    pub branch: String,
    /// The commit.
    pub commit: ObjectId,
    /// The repository or remote.
    pub place: String,
}

/// That a person asked for checks again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rechecks {
    /// What runs, as it was asked for last.
    pub sides: Sides,
    /// What the checks had come to each time, oldest first: who decides sees that a green run was not the first.
    pub before: Vec<String>,
}

/// One lane's change in a version, and all that was found about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchSetRecord {
    /// As it was drafted.
    pub drafted: PatchSet,
    /// Tree, commit and ref in the private repository.
    pub applied: Option<(ObjectId, ObjectId, String)>,
    /// What its checks found.
    pub validation: Option<ValidationResult>,
    /// How its checks were asked for again.
    pub rechecks: Rechecks,
    /// What models say of it; none before they were asked.
    pub reviews: Option<Vec<Review>>,
    /// Its runbook, or why there is none; none before it was asked for.
    pub runbook: Option<Runbook>,
    /// What its policies found.
    pub violations: Vec<Violation>,
    /// Its score.
    pub score: Option<Score>,
    /// Its gates, as they were scored.
    pub gates: Vec<Gate>,
    /// Accepted WARNs.
    pub overrides: Vec<OverrideRecord>,
    /// A person's word, write-once.
    pub decision: Option<Decision>,
    /// Where it was published.
    pub published: Option<Published>,
    /// What there was no money for: it is judged without, and asked for once nothing stands still any more.
    pub left_out: BTreeSet<EffectKind>,
}

impl PatchSetRecord {
    /// Whether a person accepted that violation.
    #[must_use]
    pub fn is_overridden(&self, violation: &Violation) -> bool {
        self.overrides.iter().any(|accepted| accepted.meets(violation))
    }
}

/// One version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRecord {
    /// Its number.
    pub number: Version,
    /// The engine that made it, or would make the next.
    pub engine: EngineKind,
    /// The person who made it, where no engine did.
    pub by: Option<Person>,
    /// The version that it was made of.
    pub parent: Option<Version>,
    /// Why it was made.
    pub made_for: String,
    /// When.
    pub at: Timestamp,
    /// Its patch sets, by lane.
    pub patch_sets: BTreeMap<LaneId, PatchSetRecord>,
    /// Whose is what of it, in the order in which it was made; empty where nobody added to a draft.
    pub parts: Vec<VersionPart>,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Who.
    pub by: Person,
    /// When.
    pub at: Timestamp,
    /// The words.
    pub text: Untrusted,
}

/// A thread of comments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// Its number.
    pub id: ThreadId,
    /// Where it hangs.
    pub place: ThreadPlace,
    /// Whether a person resolved it.
    pub resolved: bool,
    /// Its comments.
    pub comments: Vec<Comment>,
}

/// A comment that its writer did not send yet; nobody else is shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftComment {
    /// Its number.
    pub id: DraftId,
    /// Where it will hang.
    pub place: ThreadPlace,
    /// The thread that it answers in.
    pub thread: Option<ThreadId>,
    /// Who.
    pub by: Person,
    /// When it was last changed.
    pub at: Timestamp,
    /// The words.
    pub text: Untrusted,
}

/// Why a version is made that mends what checks found.
pub(super) const REPAIR: &str = "repair";

/// What models wrote before the first draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The documents, in the order they are read.
    pub artifacts: Vec<Artifact>,
    /// The plan, each task after those it waits for.
    pub tasks: Vec<PlanTask>,
    /// What must be true in the end.
    pub criteria: Vec<Criterion>,
    /// Of documents that were written again, what changed: diffs, by the document's name.
    pub changes: Vec<Artifact>,
}

/// Documents that are wanted anew, while they are not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewriting {
    /// Who writes again.
    pub roles: Vec<Role>,
    /// The threads that they are written with.
    pub threads: Vec<ThreadId>,
    /// How many comments each had when that was asked for: later ones count again.
    pub heard: BTreeMap<ThreadId, usize>,
    /// What a person said beside.
    pub message: Untrusted,
}

/// The next version, while it is wanted and not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drafting {
    /// Its number.
    pub version: Version,
    /// The lanes that it shall change.
    pub lanes: BTreeSet<LaneId>,
    /// The engine.
    pub engine: EngineKind,
    /// Only these rules.
    pub rules: Vec<String>,
    /// A ready diff.
    pub patch: Option<Digest>,
    /// What to do differently.
    pub message: Untrusted,
    /// Why it is made.
    pub made_for: String,
    /// The attempt that a pause stopped: what it leaves is gone on from.
    pub stopping: Option<u32>,
    /// What attempts that were held had left, one patch set a lane.
    pub left: Vec<PatchSet>,
    /// Its parts so far, where other roles add to the draft.
    pub parts: Vec<VersionPart>,
    /// The change with them, against the base: one patch set a lane.
    pub so_far: Vec<PatchSet>,
    /// How many of the words that people said meanwhile its engine was given.
    pub heard: u32,
}

/// Why a session stands still, or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// The sort.
    pub kind: StopKind,
    /// Why.
    pub reason: Untrusted,
    /// What to press or type.
    pub next: String,
    /// The work that was stuck, where work was.
    pub key: Option<EffectKey>,
}

/// How a unit of work stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BeadStatus {
    /// Owed.
    Pending,
    /// Started.
    Running,
    /// Done.
    Completed,
    /// Stuck.
    Failed,
    /// Not needed any more.
    Skipped,
}

impl BeadStatus {
    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Skipped => "SKIPPED",
        }
    }
}

/// A unit of work and how it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bead {
    /// Which.
    pub key: EffectKey,
    /// How it stands.
    pub status: BeadStatus,
    /// The newest attempt; 0 before the first.
    pub attempt: u32,
    /// When it was owed.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The error, where it failed.
    pub error: Untrusted,
    /// What its program had said when it failed or was held: a blob.
    pub log: Option<Digest>,
}

/// A session: the fold of its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// As it was asked for.
    pub asked: NewSession,
    /// When.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The journal's last entry about it.
    pub head: Seq,
    /// Its repositories, by their id.
    pub lanes: Vec<Lane>,
    /// Its versions, oldest first.
    pub versions: Vec<VersionRecord>,
    /// Its threads, oldest first.
    pub threads: Vec<Thread>,
    /// Comments that were not sent yet, oldest first.
    pub drafts: Vec<DraftComment>,
    /// Reviewed hunks by login and lane.
    pub marks: BTreeMap<(String, LaneId), BTreeSet<Digest>>,
    /// The versions on which a person left something, by login and lane.
    pub reviewed_on: BTreeMap<(String, LaneId), BTreeSet<Version>>,
    /// Whether it is a GO: by triage that misses nothing, or a person's word.
    pub triaged: bool,
    /// What triage recommends, and the blob of its report.
    pub triage: Option<(TriageReport, Digest)>,
    /// The person who said GO, where one did.
    pub go_by: Option<Person>,
    /// What models wrote before the first draft, or wrote again.
    pub planned: Option<Planned>,
    /// What they had written before that, oldest first.
    pub planned_before: Vec<Planned>,
    /// Whether a person agreed to them, where the playbook asks.
    pub agreed: bool,
    /// Documents that are wanted anew.
    pub rewriting: Option<Rewriting>,
    /// How many comments of a thread documents were written with.
    pub written_with: BTreeMap<ThreadId, usize>,
    /// Criteria that a person ticked, by version: who, and what shows it.
    pub ticks: BTreeMap<(Version, String), Comment>,
    /// The next version, while it is wanted.
    pub drafting: Option<Drafting>,
    /// What people said to whoever drafts, since the newest version was made.
    pub steered: Vec<Comment>,
    /// A wish to hear how it fares since it was published, while nobody answered.
    pub monitoring: Option<Monitoring>,
    /// What was said of that, oldest first.
    pub watched: Vec<Watched>,
    /// Why it stands still.
    pub stop: Option<Stop>,
    /// That a person picked it among its candidates.
    pub picked: Option<Pick>,
    /// The candidate that was picked instead of it.
    pub lost_to: Option<LostTo>,
    /// Who holds its work, where a person does.
    pub paused_by: Option<Person>,
    /// Its units of work, oldest first.
    pub beads: Vec<Bead>,
    /// What its calls to models may take.
    pub budget: Budget,
    /// Its calls to models, oldest first: number n stands at n - 1.
    pub calls: Vec<CallRecord>,
    pub(super) environment: Option<BTreeMap<String, String>>,
    pub(super) owed: BTreeMap<EffectKey, Owed>,
    /// The draft that came to nothing, until another is wanted.
    pub(super) unmade: Option<Unmade>,
    /// Work that the budget cut short, until it is owed again: the first of its attempts whose answers are as good as new.
    pub(super) stood_still: BTreeMap<EffectKey, u32>,
    /// The newest number of a draft, so that none is used twice.
    pub(super) last_draft: u32,
}

impl Session {
    /// What is owed, by key.
    #[must_use]
    pub fn owed(&self) -> &BTreeMap<EffectKey, Owed> {
        &self.owed
    }

    /// The variables that its checks see: those that came with the newest wish for them, else with the goal.
    #[must_use]
    pub fn environment(&self) -> &BTreeMap<String, String> {
        self.environment.as_ref().unwrap_or(&self.asked.environment)
    }

    /// The lane of that id.
    #[must_use]
    pub fn lane(&self, id: LaneId) -> Option<&Lane> {
        self.lanes.get(usize::from(id.0))
    }

    /// The version of that number.
    #[must_use]
    pub fn version(&self, number: Version) -> Option<&VersionRecord> {
        self.versions.get(number.0.checked_sub(1)? as usize)
    }

    /// One lane's change in a version.
    #[must_use]
    pub fn patch_set(&self, lane: LaneId, version: Version) -> Option<&PatchSetRecord> {
        self.version(version)?.patch_sets.get(&lane)
    }

    /// The newest version that changes the lane.
    #[must_use]
    pub fn current(&self, lane: LaneId) -> Option<(Version, &PatchSetRecord)> {
        self.versions.iter().rev().find_map(|version| Some((version.number, version.patch_sets.get(&lane)?)))
    }

    /// The base of one lane's change in a version.
    #[must_use]
    pub fn base_of(&self, lane: LaneId, version: Version) -> Option<&Snapshot> {
        let rebased = self.patch_set(lane, version).and_then(|set| set.drafted.rebased.as_ref());
        rebased.or_else(|| self.lane(lane)?.snapshot.as_ref())
    }

    /// The newest version before `version` on which the person left a mark, a comment or a decision: what they have
    /// read. What they leave on `version` itself while they read it does not change what it is compared with.
    #[must_use]
    pub fn last_review(&self, login: &str, lane: LaneId, version: Version) -> Option<Version> {
        let left = self.reviewed_on.get(&(login.to_owned(), lane))?;
        left.range(..version).next_back().copied()
    }

    /// Drafts of that person, oldest first.
    pub fn drafts_of<'a>(&'a self, login: &'a str) -> impl Iterator<Item = &'a DraftComment> {
        self.drafts.iter().filter(move |draft| draft.by.login == login)
    }

    /// Lanes that were not dropped.
    pub fn active(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.iter().filter(|lane| !lane.dropped)
    }

    /// Lanes that there is something to decide about: those that a version changes or shall change. Before the first
    /// version, and should no lane that is left have a change, all that were not dropped.
    pub fn at_stake(&self) -> impl Iterator<Item = &Lane> {
        let changed = |lane: &Lane| {
            self.drafting.as_ref().is_some_and(|drafting| drafting.lanes.contains(&lane.id))
                || self.versions.iter().any(|version| version.patch_sets.contains_key(&lane.id))
        };
        let all = !self.active().any(changed);
        self.active().filter(move |lane| all || changed(lane))
    }

    /// The thread of that number.
    #[must_use]
    pub fn thread(&self, id: ThreadId) -> Option<&Thread> {
        self.threads.iter().find(|thread| thread.id == id)
    }

    /// The number that the next version will have.
    #[must_use]
    pub fn next_version(&self) -> Version {
        self.versions.last().map_or(Version::FIRST, |version| version.number.next())
    }
}

impl PatchSetRecord {
    /// A patch set as it was drafted, of which nothing is known yet.
    pub(super) fn new(drafted: &PatchSet) -> Self {
        Self {
            drafted: drafted.clone(),
            applied: None,
            validation: None,
            rechecks: Rechecks::default(),
            reviews: None,
            runbook: None,
            violations: Vec::new(),
            score: None,
            gates: Vec::new(),
            overrides: Vec::new(),
            decision: None,
            published: None,
            left_out: BTreeSet::new(),
        }
    }
}

impl Stop {
    /// Whether work on lanes goes on: a draft that came to nothing takes nothing from the version that is there, and
    /// neither do documents that could not be written, what was left out, nor other candidates that could not be told.
    #[must_use]
    pub fn spares_lanes(&self) -> bool {
        let of_draft = self.key.is_some_and(|key| {
            matches!(key.kind, EffectKind::Draft | EffectKind::Test | EffectKind::Document | EffectKind::Plan)
        });
        self.spares_drafts() || of_draft && !self.is_final()
    }

    /// Whether drafting goes on.
    #[must_use]
    pub fn spares_drafts(&self) -> bool {
        !self.is_final() && (self.leaves_out() || self.key.is_some_and(|key| key.kind == EffectKind::PassOver))
    }

    /// Whether the session is over: nothing but reading is left.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self.kind, StopKind::Cancelled | StopKind::Failed | StopKind::Declined)
    }
}
