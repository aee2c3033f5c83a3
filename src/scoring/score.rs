//! A score, its dimensions and the evidence for each.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Review;
use crate::diff::ChangeSet;
use crate::planning::Kind;
use crate::policy::Violation;
use crate::validation::ValidationResult;

/// A score in tenths, 10 (1.0) to 100 (10.0): the journal holds integers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Tenths(u16);

impl Tenths {
    /// The lowest score.
    pub const MIN: Self = Self(10);
    /// The highest.
    pub const MAX: Self = Self(100);

    /// The score of that many tenths, brought into 10..=100.
    #[must_use]
    pub fn clamped(tenths: i64) -> Self {
        Self(u16::try_from(tenths.clamp(10, 100)).expect("ten to a hundred fits"))
    }

    /// The number of tenths.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

/// What is rated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dimension {
    /// Checks pass, nothing broke.
    Correctness,
    /// The change is tested.
    Tests,
    /// No secret, no risky file.
    Security,
    /// What the policies say.
    PolicyFit,
    /// Size, shape and readability.
    Maintainability,
    /// It does what the goal says and nothing else.
    ScopeFit,
}

impl Dimension {
    /// All six, in the order they are shown.
    pub const ALL: [Self; 6] =
        [Self::Correctness, Self::Tests, Self::Security, Self::PolicyFit, Self::Maintainability, Self::ScopeFit];

    /// The name in JSON and on screens.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Correctness => "correctness",
            Self::Tests => "tests",
            Self::Security => "security",
            Self::PolicyFit => "policy-fit",
            Self::Maintainability => "maintainability",
            Self::ScopeFit => "scope-fit",
        }
    }
}

/// One dimension's score with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Rating {
    /// What is rated.
    pub dimension: Dimension,
    /// How well.
    pub score: Tenths,
    /// Why, each one sentence that names its evidence.
    pub reasons: Vec<String>,
}

/// The score of one lane of one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Score {
    /// Who scored: `six-dimensions/1`, and whether a reviewer model was heard.
    pub scorer: String,
    /// The overall score.
    pub overall: Tenths,
    /// The dimensions; may be fewer than six for a simpler scorer.
    pub ratings: Vec<Rating>,
}

/// What a scorer may look at: facts, and what models said of them.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// The goal, in a person's words.
    pub goal: &'a str,
    /// The kind of work.
    pub kind: Kind,
    /// The globs that the session is limited to.
    pub paths: &'a [String],
    /// The change.
    pub changes: &'a ChangeSet,
    /// Lines added and deleted by file, in the order of the change's files.
    pub lines: &'a [(u32, u32)],
    /// What the checks found.
    pub validation: &'a ValidationResult,
    /// What the policies found.
    pub violations: &'a [Violation],
    /// What models said, where the playbook asks some: the one thing here that is no fact.
    pub reviews: &'a [Review],
}

/// Turns evidence into a score. Pure and total.
pub trait Scorer: Send + Sync {
    /// Scores.
    fn score(&self, evidence: &Evidence<'_>) -> Score;
}
