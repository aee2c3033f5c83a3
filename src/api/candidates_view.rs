//! What a comparison holds: candidates, or any sessions, side by side.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decimal;
use super::view::{CheckView, UsageView};
use crate::clock::Timestamp;
use crate::id::{Digest, ObjectId, SessionId, Version};
use crate::scoring::Tenths;
use crate::text::Untrusted;

/// The answer to `compare`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComparisonView {
    /// `paraph.comparison/1`.
    pub schema: String,
    /// The goal of the first.
    pub goal: Untrusted,
    /// The first of the field, where these are the candidates of one.
    pub field: Option<SessionId>,
    /// The pick, where there is one.
    pub picked: Option<PickView>,
    /// In the order of the field, or as they were named.
    pub candidates: Vec<CandidateView>,
}

/// A recorded pick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PickView {
    /// Which was picked.
    pub session: SessionId,
    /// The version that was read.
    pub version: Version,
    /// Who: `login@host`, and name and address of their git configuration.
    pub by: String,
    /// When, as this session heard of it.
    pub at: Timestamp,
}

/// One of those that are compared, as its newest version stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CandidateView {
    /// The session.
    pub session: SessionId,
    /// The engine's name.
    pub engine: String,
    /// What of the engine: the model, the program, the rules; an empty string where nothing was named.
    pub with: String,
    /// The computed state.
    pub state: String,
    /// Why it stands still, or ended.
    pub reason: Untrusted,
    /// The newest version, where there is one.
    pub version: Option<Version>,
    /// What it changes.
    pub patch_sets: Vec<ComparedSet>,
    /// The overall score, 1.0–10.0: the lowest lane's.
    #[serde(default, with = "decimal::maybe")]
    #[schemars(with = "Option<f64>")]
    pub score: Option<Tenths>,
    /// That lane's scores by dimension, 1.0–10.0.
    #[serde(with = "decimal::by_name")]
    #[schemars(with = "BTreeMap<String, f64>")]
    pub dimensions: BTreeMap<String, Tenths>,
    /// Its checks in numbers.
    pub tally: ChecksTally,
    /// Its checks.
    pub checks: Vec<CheckView>,
    /// Why nothing ran, where nothing did.
    pub unverified: Option<Untrusted>,
    /// What its policies found, in numbers.
    pub violations: PolicyTally,
    /// Files that it changes.
    pub files: u32,
    /// Lines it adds.
    pub added: u32,
    /// Lines it deletes.
    pub deleted: u32,
    /// What its models took.
    pub usage: UsageView,
    /// How long its models took, in milliseconds; 0 without one.
    pub model_ms: u64,
    /// From its start to its newest score, in milliseconds; missing before there is one.
    pub took_ms: Option<u64>,
    /// Others of the comparison whose digests are the same: one change, one commit message.
    pub same_as: Vec<SessionId>,
    /// Others that leave the same files on the same base, with another commit message.
    #[serde(default)]
    pub same_files_as: Vec<SessionId>,
    /// Whether it can be picked now.
    pub can_be_picked: bool,
}

/// One lane's change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComparedSet {
    /// The repository's name.
    pub repo: String,
    /// What names the change.
    pub digest: Digest,
    /// The commit that it starts from.
    pub base_commit: ObjectId,
}

/// Checks by what they came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChecksTally {
    /// Green, fixed ones too.
    pub passed: u32,
    /// Red on the base, green now.
    pub fixed: u32,
    /// Green on the base, red now.
    pub broken: u32,
    /// Red on both: not this change's doing.
    pub failed: u32,
    /// Could not tell: the environment, a time-out, skipped.
    pub untold: u32,
    /// Tests that were red on the base and are green now.
    pub tests_fixed: u32,
    /// Tests that were green on the base and are red now.
    pub tests_broken: u32,
}

/// Violations by weight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyTally {
    /// They forbid approving.
    pub blocks: u32,
    /// A person must see them.
    pub warns: u32,
    /// Of those, accepted by a person.
    pub accepted: u32,
}
