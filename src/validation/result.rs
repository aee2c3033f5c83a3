//! What checks found, and the port that runs them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{CheckKind, CheckPlan};
use crate::cancel::Cancel;
use crate::id::{Digest, LaneId, ObjectId, SessionId, Version};
use crate::repository::{RepoKey, Snapshot};

/// A check's verdict on the proposal, seen against the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CheckStatus {
    /// It passed, and passed on the base (or the base was not run).
    Passed,
    /// It failed, and failed on the base too: not this change's doing.
    Failed,
    /// It passed on the base and fails on the proposal, or a test that passed fails now, or it cannot start any more.
    Broken,
    /// It failed on the base and passes on the proposal.
    Fixed,
    /// It did not end in time.
    TimedOut,
    /// It lacked something: a missing tool, no network, confinement. Never red.
    Environment,
    /// It did not run: stopped by its group, cancelled, or nothing to do.
    Skipped,
    /// It runs now.
    Running,
}

impl CheckStatus {
    /// As it follows the name of a check: `unit broken`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed on both",
            Self::Broken => "broken",
            Self::Fixed => "fixed",
            Self::TimedOut => "timed out",
            Self::Environment => "could not run",
            Self::Skipped => "skipped",
            Self::Running => "running",
        }
    }
}

/// What the same check did on the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BaselineStatus {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// It did not end in time.
    TimedOut,
    /// It could not start.
    Environment,
    /// It was not run.
    NotRun,
}

/// Tests by outcome, read from reports or output; all zero where a check tells nothing of tests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TestTally {
    /// How many passed on the proposal.
    pub passed: u32,
    /// How many failed.
    pub failed: u32,
    /// How many could not be run.
    pub errors: u32,
    /// How many were left out.
    pub skipped: u32,
    /// How many fewer were told of than on the base.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u32,
    /// Names that failed on the base and pass now (at most 100).
    pub fixed: Vec<String>,
    /// Names that passed on the base and fail now (at most 100).
    pub broken: Vec<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// One check on one version of one lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CheckResult {
    /// The check's name.
    pub name: String,
    /// What it tells.
    pub kind: CheckKind,
    /// The verdict.
    pub status: CheckStatus,
    /// What it did on the base.
    pub baseline: BaselineStatus,
    /// How long the proposal's run took, in milliseconds.
    pub duration_ms: u64,
    /// Tests by outcome.
    pub tests: TestTally,
    /// The level and backend it ran in, such as `FULL (namespaces, landlock 7, seccomp)`; empty where it did not run.
    pub confinement: String,
    /// The proposal's output, a blob; `None` where it did not run.
    pub log: Option<Digest>,
    /// The base's output, a blob.
    pub base_log: Option<Digest>,
    /// One line on why, where the status needs one.
    #[serde(default)]
    pub note: String,
    /// Runs that were made again before anything was said to be broken or fixed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub again: Vec<RunAgain>,
}

impl CheckResult {
    /// Whether it speaks against the change: it broke, it timed out where the base did not, or it fails and nothing
    /// says that the base fails too. What could not start never does.
    #[must_use]
    pub fn is_red(&self) -> bool {
        match self.status {
            CheckStatus::Broken => true,
            CheckStatus::TimedOut => self.baseline != BaselineStatus::TimedOut,
            CheckStatus::Failed => self.baseline != BaselineStatus::Failed,
            CheckStatus::Passed
            | CheckStatus::Fixed
            | CheckStatus::Environment
            | CheckStatus::Skipped
            | CheckStatus::Running => false,
        }
    }
}

/// A side that a check runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunSide {
    /// The base.
    Base,
    /// The proposal.
    Proposal,
}

/// A second run of a check: evidence of whether its first can be relied on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RunAgain {
    /// What it ran on.
    pub on: RunSide,
    /// How it ended.
    pub end: BaselineStatus,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Its output, a blob.
    pub log: Option<Digest>,
}

/// A completed validation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ValidationResult {
    /// Every check of the plan, in order.
    pub checks: Vec<CheckResult>,
    /// Why nothing ran, where nothing did: not trusted, no check found, no confinement to be had.
    #[serde(default)]
    pub unverified: Option<String>,
    /// The setup step that did not succeed without the network, where nothing ran because of it: what a person may
    /// permit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_wants_network: Option<Digest>,
    /// What a person should know.
    #[serde(default)]
    pub notices: Vec<String>,
    /// What these checks came to before a person asked for them again, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
}

impl ValidationResult {
    /// What it came to, in a few words: `2 passed, unit broken`.
    #[must_use]
    pub fn told(&self) -> String {
        let is_green = |check: &&CheckResult| matches!(check.status, CheckStatus::Passed | CheckStatus::Fixed);
        let green = self.checks.iter().filter(is_green).count();
        let mut words: Vec<String> = (green > 0).then(|| format!("{green} passed")).into_iter().collect();
        let others = self.checks.iter().filter(|check| !is_green(check));
        words.extend(others.map(|check| format!("{} {}", check.name, check.status.word())));
        words.join(", ")
    }
}

/// What runs when checks run again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sides {
    /// The proposal; what is kept of the base's runs counts, where nothing that they depend on changed.
    #[default]
    Proposal,
    /// The base too, on a fresh checkout: nothing of what its runs left or came to is used.
    Both,
}

impl Sides {
    /// Whether it is the usual one, which events leave out.
    #[must_use]
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What to validate.
#[derive(Debug, Clone)]
pub struct ValidationJob {
    /// The session.
    pub session: SessionId,
    /// The version.
    pub version: Version,
    /// The lane.
    pub lane: LaneId,
    /// The base.
    pub snapshot: Snapshot,
    /// The tree that the version makes of it.
    pub tree: ObjectId,
    /// The commit in the sandbox that has that tree, and the base's commit as its parent.
    pub commit: ObjectId,
    /// What to run, from the base snapshot.
    pub plan: CheckPlan,
    /// The client's allow-listed variables (PATH, VIRTUAL_ENV, JAVA_HOME, locale …).
    pub environment: BTreeMap<String, String>,
    /// The user's home: only toolchains and caches found from PATH are lent from it.
    pub home: PathBuf,
    /// The setup steps, by [`super::Setup::digest`], that a person permitted the network for. Checks never have it.
    pub setup_network: BTreeSet<Digest>,
    /// Whether the base's runs are made again too.
    pub sides: Sides,
}

/// Hears of a validation while it runs. Calls come from any thread and must not block.
pub trait Progress: Send + Sync {
    /// A check started; its output grows in the file `log`, which a reader may follow.
    fn started(&self, check: &str, on_base: bool, log: PathBuf);
    /// A check ended.
    fn finished(&self, result: &CheckResult);
}

/// Why a validation could not be completed (a check that fails is a result, not an error).
#[derive(Debug, thiserror::Error)]
pub enum ValidatorError {
    /// The checkout could not be made.
    #[error("cannot prepare the checkout: {0}")]
    Checkout(String),
    /// Results could not be kept.
    #[error("cannot keep the output of a check: {0}")]
    Storage(String),
    /// Somebody asked to stop; every process it started is gone.
    #[error("cancelled")]
    Cancelled,
}

/// What came of checkouts that shall go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reclaimed {
    /// Checkouts that are gone.
    pub checkouts: u32,
    /// Bytes of the files that they held.
    pub bytes: u64,
    /// Checkouts that stay, because a check runs in them.
    pub in_use: u32,
}

/// Runs the checks of a plan on base and proposal.
///
/// Writes only below its own worktrees folder and the blobs. A second call with the same job may run the checks
/// again; base runs come from its cache. On `cancel` the whole process tree is gone within 5 s.
#[async_trait]
pub trait Validator: Send + Sync {
    /// Validates.
    ///
    /// # Errors
    /// [`ValidatorError`].
    async fn validate(
        &self,
        job: &ValidationJob,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<ValidationResult, ValidatorError>;

    /// Removes the checkouts that were made of these base trees of a repository; the next validation makes them anew.
    /// Blocks.
    ///
    /// # Errors
    /// [`ValidatorError::Checkout`] where the folder cannot be read.
    fn discard(&self, key: &RepoKey, trees: &[ObjectId]) -> Result<Reclaimed, ValidatorError>;
}
