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
    /// What remote checks and comments say, in a few words.
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
