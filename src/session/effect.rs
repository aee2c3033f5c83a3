//! What a session owes: work that somebody must do and answer.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{LaneId, Version};

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectKind {
    /// Take the snapshot of a lane.
    Load,
    /// Index it.
    Index,
    /// Ask whether the goal is taken up.
    Triage,
    /// Have written what the change shall be.
    Plan,
    /// Draft a version.
    Draft,
    /// Have tests added to a draft.
    Test,
    /// Have documentation added to it.
    Document,
    /// Apply a patch set to its branch in the private repository.
    Apply,
    /// Run its checks.
    Check,
    /// Have models review it.
    Review,
    /// Have its runbook written.
    Runbook,
    /// Judge and score it.
    Score,
    /// Publish it.
    Publish,
    /// Tell the other candidates that this one was picked.
    PassOver,
    /// Ask how what was published fares.
    Monitor,
}

impl EffectKind {
    /// All kinds, in the order they follow each other.
    pub const ALL: [Self; 15] = [
        Self::Load,
        Self::Index,
        Self::Triage,
        Self::Plan,
        Self::Draft,
        Self::Test,
        Self::Document,
        Self::Apply,
        Self::Check,
        Self::Review,
        Self::Runbook,
        Self::Score,
        Self::Publish,
        Self::PassOver,
        Self::Monitor,
    ];

    /// The bead category that this work belongs to.
    #[must_use]
    pub fn category(self) -> &'static str {
        match self {
            Self::Load => "snapshot",
            Self::Index => "index",
            Self::Triage => "triage",
            Self::Plan => "plan",
            Self::Draft => "proposal",
            Self::Test => "tests",
            Self::Document => "documentation",
            Self::Apply => "branch",
            Self::Check => "validation",
            Self::Review => "review",
            Self::Runbook => "runbook",
            Self::Score => "score",
            Self::Publish => "publish",
            Self::PassOver => "pick",
            Self::Monitor => "monitor",
        }
    }
}

/// What names one piece of work within a session, whatever the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EffectKey {
    /// The kind.
    pub kind: EffectKind,
    /// The lane; none for what is about all of them: triage, plan, draft and its parts, monitor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<LaneId>,
    /// The version; none before there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
}

impl EffectKey {
    /// Work on a lane before there is a version.
    #[must_use]
    pub fn on_lane(kind: EffectKind, lane: LaneId) -> Self {
        Self { kind, lane: Some(lane), version: None }
    }

    /// Work on one lane of a version.
    #[must_use]
    pub fn on_version(kind: EffectKind, lane: LaneId, version: Version) -> Self {
        Self { kind, lane: Some(lane), version: Some(version) }
    }

    /// Work on the whole session before there is a version.
    #[must_use]
    pub fn of_session(kind: EffectKind) -> Self {
        Self { kind, lane: None, version: None }
    }

    /// The draft of a version.
    #[must_use]
    pub fn draft(version: Version) -> Self {
        Self { kind: EffectKind::Draft, lane: None, version: Some(version) }
    }
}

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.category())?;
        if let Some(version) = self.version {
            write!(f, " {version}")?;
        }
        if let Some(lane) = self.lane.filter(|lane| lane.0 > 0) {
            write!(f, " {lane}")?;
        }
        Ok(())
    }
}

/// How far a piece of work has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owed {
    /// The newest attempt that was recorded as started, now or when this was owed before; 0 before the first.
    pub attempt: u32,
    /// The first attempt since this became owed, or since before the budget stopped it: what stands between it and the
    /// newest was cut off.
    pub first: u32,
    /// Whether that attempt's answer is waited for; `false` until the next one is recorded as started.
    pub started: bool,
    /// When it became owed.
    pub since: Timestamp,
}
