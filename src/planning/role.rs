//! Roles: what a model is asked to be. Each is one bounded stage; none calls another, only the core puts them in order.

use serde::{Deserialize, Serialize};

use crate::id::ParseIdError;

/// What a model is asked to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// GO, NO-GO or DEFER, with reasons, before anything is drafted.
    Triage,
    /// Decision, architecture, scope and non-goals, acceptance criteria.
    Architect,
    /// The plan: tasks, and what each waits for.
    Planner,
    /// The change itself.
    Implementer,
    /// Tests for it.
    Tester,
    /// Six scores with evidence, and what must change.
    Reviewer,
    /// What the others overlooked.
    Critic,
    /// Words about it: documentation, the change log.
    Documenter,
    /// The runbook that a person may follow after it is done.
    Deployer,
    /// How what was published fares, by what checks, comments and logs say since.
    Monitor,
}

impl Role {
    /// Every role, in the order of a session's life.
    pub const ALL: [Self; 10] = [
        Self::Triage,
        Self::Architect,
        Self::Planner,
        Self::Implementer,
        Self::Tester,
        Self::Reviewer,
        Self::Critic,
        Self::Documenter,
        Self::Deployer,
        Self::Monitor,
    ];

    /// The name in the configuration, in JSON and on screens.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Triage => "triage",
            Self::Architect => "architect",
            Self::Planner => "planner",
            Self::Implementer => "implementer",
            Self::Tester => "tester",
            Self::Reviewer => "reviewer",
            Self::Critic => "critic",
            Self::Documenter => "documenter",
            Self::Deployer => "deployer",
            Self::Monitor => "monitor",
        }
    }

    /// Whether it reads what the implementer wrote, and so had better be another model.
    #[must_use]
    pub fn reads_another(self) -> bool {
        matches!(self, Self::Reviewer | Self::Critic)
    }

    /// Whether it answers in a shape; the others answer with edits.
    #[must_use]
    pub fn answers_in_a_shape(self) -> bool {
        !matches!(self, Self::Implementer | Self::Tester | Self::Documenter)
    }

    /// What it is given, in a line.
    #[must_use]
    pub fn given(self) -> &'static str {
        match self {
            Self::Triage => "the goal, its issue, a map of the repositories, guidance",
            Self::Architect => "the same, the checks and rules there are, what people said to its documents",
            Self::Planner => "the same, and the architect's documents",
            Self::Implementer => "the goal, documents, the files that matter, what was said and what checks found",
            Self::Tester => "the goal, documents, the change so far, the files of it and the tests near them",
            Self::Reviewer | Self::Critic => "the goal, documents, the diff, what checks and policies found",
            Self::Documenter => "the goal, documents, the change so far, README, change log and docs near it",
            Self::Deployer => "the goal, documents, the diff, what checks found, files that say how it is released",
            Self::Monitor => "the goal, documents, what was published, checks and comments since, a log handed in",
        }
    }

    /// What it must answer, in a line.
    #[must_use]
    pub fn must_answer(self) -> &'static str {
        match self {
            Self::Triage => "JSON: GO, NO-GO or DEFER, reasons, risks, unknowns, what is missing",
            Self::Architect => "JSON: decision, specification, architecture, scope, criteria",
            Self::Planner => "JSON: tasks, what each waits for, gates",
            Self::Implementer => "edits that are placed exactly, why, a commit message; or CANNOT",
            Self::Tester => "edits of test files only, and why; or NO CHANGES with the reason",
            Self::Reviewer | Self::Critic => "JSON: six scores with evidence, issues by place",
            Self::Documenter => "edits of documentation only, and why; or NO CHANGES with the reason",
            Self::Deployer => "JSON: what comes before, steps, how to check, how to go back, risks, unknowns",
            Self::Monitor => "JSON: healthy, degraded or unclear, findings with quotations, what to look at, goals",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Role {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| ParseIdError { given: text.to_owned(), wanted: "a role such as implementer or reviewer" })
    }
}
