//! What the workbench answers: plain data, shaped as `--json` prints it (design §6).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::view::{FileStat, ViolationView};
use crate::id::{Digest, HostPath, ObjectId, Seq};
use crate::text::Untrusted;

/// The answer to `check-patch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckedPatch {
    /// `paraph.check-patch/1`.
    pub schema: String,
    /// Whether every patch applies.
    pub applies: bool,
    /// Whether the policies judged it; left out where they did. What they would find is not known otherwise.
    #[serde(default = "judged", skip_serializing_if = "is_judged")]
    pub judged: bool,
    /// The resulting tree's id, where they apply.
    pub tree: Option<ObjectId>,
    /// The changed files.
    pub files: Vec<FileStat>,
    /// What the policies found.
    pub violations: Vec<ViolationView>,
    /// Why they do not apply.
    pub refusals: Vec<Untrusted>,
    /// What was tolerated in placing them; left out where nothing was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Untrusted>,
}

/// How one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// It works.
    Ok,
    /// It works, but.
    Warn,
    /// It does not.
    Fail,
}

/// One finding of `doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DoctorLine {
    /// What was looked at.
    pub name: String,
    /// How it is.
    pub health: Health,
    /// What was found.
    pub found: Untrusted,
    /// What to type, or an empty string.
    pub hint: String,
}

/// The answer to `doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DoctorReport {
    /// `paraph.doctor/1`.
    pub schema: String,
    /// Every finding.
    pub lines: Vec<DoctorLine>,
}

/// A rule that ships with Paraph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleView {
    /// Its name, for `--rules`.
    pub id: String,
    /// The languages it is for.
    pub languages: Vec<String>,
    /// What a goal may call it by.
    pub tags: Vec<String>,
    /// Why the code it finds should change: one sentence.
    pub message: String,
}

/// The answer to `audit verify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifyView {
    /// `paraph.verify/1`.
    pub schema: String,
    /// Whether everything holds.
    pub ok: bool,
    /// Entries read.
    pub entries: u64,
    /// Bytes read.
    pub bytes: u64,
    /// The last entry that holds.
    pub head: Seq,
    /// Its digest.
    pub head_digest: Digest,
    /// Blobs checked.
    pub blobs: u64,
    /// What does not hold: the first bad entry first.
    pub findings: Vec<Untrusted>,
    /// What to type next.
    pub hints: Vec<String>,
}

/// The answer to `recover`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecoverView {
    /// `paraph.recover/1`.
    pub schema: String,
    /// Entries replayed.
    pub entries: u64,
    /// Sessions rebuilt.
    pub sessions: u64,
    /// Where the old store was set aside, if there was one.
    pub set_aside: Option<HostPath>,
    /// What a person should know.
    pub notices: Vec<Untrusted>,
}

fn judged() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_judged(judged: &bool) -> bool {
    *judged
}
