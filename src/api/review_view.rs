//! What replies hold of a review: threads, drafts, the timeline, the decision panel.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::view::{CriterionView, DecisionView, GateView, ReviewView, ScoreView, ViolationView};
use super::{RunbookView, Side, ThreadKind};
use crate::clock::Timestamp;
use crate::id::{Digest, DraftId, ObjectId, RepoPath, Seq, SessionId, ThreadId, Version};
use crate::text::Untrusted;

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
    /// The document it is about, where it is about one and not about a version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
    /// Whether a person resolved it.
    pub resolved: bool,
    /// The comments, oldest first.
    pub comments: Vec<CommentView>,
    /// Where it stands in the version that was asked about, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<PlaceNow>,
}

/// A place of one version in another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlaceNow {
    /// The version that it is a place in.
    pub version: Version,
    /// The file; `None` where it is gone: then the whole change is meant.
    pub path: Option<RepoPath>,
    /// The line on the same side; `None` for the file itself.
    pub now_line: Option<u32>,
    /// The first line of a range.
    pub now_from_line: Option<u32>,
    /// Whether the line was changed or deleted since; then the place is the nearest to where it was.
    pub outdated: bool,
    /// The line that was written about, where it is outdated or not followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quoted: Option<Untrusted>,
}

impl ThreadView {
    /// Where it stands in a version: its own place where that is not known to be another.
    #[must_use]
    pub fn place_in(&self, version: Option<Version>) -> (Option<&RepoPath>, Option<u32>) {
        place_in(self.now.as_ref(), version, (self.path.as_ref(), self.line))
    }
}

impl DraftView {
    /// As that of a thread.
    #[must_use]
    pub fn place_in(&self, version: Option<Version>) -> (Option<&RepoPath>, Option<u32>) {
        place_in(self.now.as_ref(), version, (self.path.as_ref(), self.line))
    }
}

type Place<'a> = (Option<&'a RepoPath>, Option<u32>);

fn place_in<'a>(now: Option<&'a PlaceNow>, version: Option<Version>, own: Place<'a>) -> Place<'a> {
    let now = now.filter(|now| version == Some(now.version));
    now.map_or(own, |now| (now.path.as_ref(), now.now_line))
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
    /// The document it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
    /// When it was last changed.
    pub at: Timestamp,
    /// The words.
    pub text: Untrusted,
    /// Where it stands in the version that was asked about, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<PlaceNow>,
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
    /// The commit message that would be published; the digest names it too.
    #[serde(default)]
    pub message: Untrusted,
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
    /// What must be true in the end, and whether it is.
    #[serde(default)]
    pub criteria: Vec<CriterionView>,
    /// What models say of it.
    #[serde(default)]
    pub reviews: Vec<ReviewView>,
    /// Its runbook, or why there is none; missing where the playbook asks for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<RunbookView>,
    /// The decision that was already made, if one was.
    pub decided: Option<DecisionView>,
}
