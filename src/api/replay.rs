//! What a replay found: version by version the same, or what differs first.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::view::UsageView;
use crate::id::{Digest, SessionId, Version};
use crate::text::Untrusted;

/// How what a replay made compares with the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Replayed {
    /// Made anew, the same.
    Same,
    /// Made anew, and another.
    Differs,
    /// Taken as it was recorded: its maker was a person.
    ByAPerson,
    /// Taken as it was recorded: what its maker did is not.
    Unrecorded,
    /// What came before it differs too much.
    NotReached,
}

impl Replayed {
    /// The word in JSON and for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Differs => "differs",
            Self::ByAPerson => "by a person",
            Self::Unrecorded => "not recorded",
            Self::NotReached => "not reached",
        }
    }
}

/// One thing that is another than the record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DifferenceView {
    /// What: `prompt`, `patch set`, `context`, `explanation`, `review`, `score`, `violations`, `gates`, …
    pub what: String,
    /// The repository; none where it is about the whole version.
    pub repo: Option<String>,
    /// As it was recorded: a digest, or words.
    pub recorded: Untrusted,
    /// As it came out now.
    pub replayed: Untrusted,
    /// Where it begins to differ; empty where that says nothing.
    pub at: Untrusted,
}

/// A stage before the first version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayedStage {
    /// `index`, `triage`, `plan`.
    pub stage: String,
    /// How it compares.
    pub standing: Replayed,
    /// What differs, the first first.
    pub differences: Vec<DifferenceView>,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayedVersion {
    /// Its number.
    pub number: Version,
    /// The engine or the person.
    pub made_by: String,
    /// How it compares.
    pub standing: Replayed,
    /// Its patch sets: repository, digest as recorded, digest as it came out.
    pub patch_sets: Vec<ReplayedPatchSet>,
    /// What differs, the first first.
    pub differences: Vec<DifferenceView>,
    /// Why it is taken as recorded; empty where it is not.
    pub why: String,
}

/// One lane of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayedPatchSet {
    /// The repository.
    pub repo: String,
    /// As recorded.
    pub recorded: Digest,
    /// As it came out; none where it did not.
    pub replayed: Option<Digest>,
}

/// The answer to `replay`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayView {
    /// `paraph.replay/1`.
    pub schema: String,
    /// The session.
    pub session: SessionId,
    /// Whether nothing differs.
    pub same: bool,
    /// Whether everything that an engine made was made anew.
    pub complete: bool,
    /// Stages before the first version.
    pub stages: Vec<ReplayedStage>,
    /// The versions, oldest first.
    pub versions: Vec<ReplayedVersion>,
    /// What else differs: how the session stands, what it owes.
    pub differences: Vec<DifferenceView>,
    /// Calls to models that were answered from the record.
    pub calls: u64,
    /// What they took when they were made. Nothing was bought now.
    pub usage: UsageView,
}
