//! Planning: what a session is for, and the stages it goes through.

mod artifacts;
mod contract;
mod estimate;
mod issue;
mod models;
mod monitor;
mod redactor;
mod releasing;
mod role;
mod runbook;
mod triage;

use serde::{Deserialize, Serialize};

pub use artifacts::{
    ARTIFACTS, Bindings, Bound, Criterion, Design, Plan, PlanTask, Revision, STAGE_OUTPUT, design_assignment,
    plan_assignment, read_design, read_plan, writer,
};
pub use contract::{Answer, Assignment, SEND_BACKS, assign, assign_alone, strict};
pub(crate) use contract::{fenced, fenced_goal, listed, share_of, within, words};
pub use estimate::{CALLS_A_STAGE, Estimate, RoleEstimate};
pub use issue::{IssueSource, IssueText};
pub use models::{AskError, Bill, Counted, Elsewhere, Models, NoModels, Question, Took};
pub use monitor::{
    Evidence, Given, MONITOR_OUTPUT, MonitorBrief, MonitorFinding, MonitorReport, MonitorWord, Monitored, Quoted,
    Unsaid, ends, monitor_assignment, read_monitor, run_line,
};
pub use redactor::Redactor;
pub use releasing::{ReleaseFile, ReleaseKind, excerpt, ranked, release_kind};
pub use role::Role;
pub use runbook::{RUNBOOK_OUTPUT, Runbook, RunbookBrief, RunbookStep, RunbookText, read_runbook, runbook_assignment};
pub use triage::{Recommendation, RepositoryBrief, StageBrief, TriageReport, read_triage, triage_assignment};

/// What kind of work a goal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Something is wrong and shall be right.
    Bugfix,
    /// The same behaviour, better code.
    Refactor,
    /// Something new.
    Feature,
    /// Words only.
    Docs,
    /// Dependencies.
    Deps,
}

impl Kind {
    /// The name on the command line and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bugfix => "bugfix",
            Self::Refactor => "refactor",
            Self::Feature => "feature",
            Self::Docs => "docs",
            Self::Deps => "deps",
        }
    }
}

impl std::str::FromStr for Kind {
    type Err = crate::id::ParseIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Bugfix, Self::Refactor, Self::Feature, Self::Docs, Self::Deps]
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| crate::id::ParseIdError {
                given: text.to_owned(),
                wanted: "a kind: bugfix, refactor, feature, docs or deps",
            })
    }
}

/// A stage that a playbook may leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// A symbol index is built before drafting.
    Index,
    /// A model recommends, where one is there for it, or a person gives a word (GO), before drafting.
    Triage,
    /// Models write what the change shall be before it is drafted.
    Artifacts,
    /// A person reads what models wrote and says GO to it before it is drafted.
    Agreement,
    /// A model adds tests to a draft.
    Tests,
    /// A model adds documentation to it.
    Documentation,
    /// Checks run.
    Checks,
    /// Models review a version after its checks.
    Review,
    /// A model writes down how a version comes to where it runs, and back, before anybody decides on it.
    Runbook,
}

impl Stage {
    /// Stages in which a role adds its part to a draft.
    pub const ADDING: [Self; 2] = [Self::Tests, Self::Documentation];

    /// Stages that may ask a model of their own accord.
    pub const ASKING: [Self; 6] =
        [Self::Triage, Self::Artifacts, Self::Tests, Self::Documentation, Self::Review, Self::Runbook];
}

/// A session's shape as data: which of the optional stages it has. Stages are left out, never reordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Playbook {
    /// Its name.
    pub name: String,
    /// The optional stages that it has.
    pub stages: Vec<Stage>,
}

impl Playbook {
    /// The playbooks that ship: `quick` drafts without an index, `indexed` builds one first, `triaged` waits for a GO as
    /// well, `tested` has tests added to each draft, `reviewed` has models review each version, `designed` waits for a GO,
    /// writes down first what the change shall be and has it reviewed, `agreed` waits for a GO to that as well, `complete`
    /// has all of it but that, and tests and documentation added to each draft, `shipped` a runbook of each version as
    /// well, `static` runs no check.
    #[must_use]
    pub fn shipped() -> Vec<Self> {
        let playbook = |name: &str, stages: &[Stage]| Self { name: name.to_owned(), stages: stages.to_vec() };
        vec![
            playbook("quick", &[Stage::Checks]),
            playbook("indexed", &[Stage::Index, Stage::Checks]),
            playbook("triaged", &[Stage::Index, Stage::Triage, Stage::Checks]),
            playbook("tested", &[Stage::Index, Stage::Tests, Stage::Checks]),
            playbook("reviewed", &[Stage::Index, Stage::Checks, Stage::Review]),
            playbook("designed", &[Stage::Index, Stage::Triage, Stage::Artifacts, Stage::Checks, Stage::Review]),
            playbook(
                "agreed",
                &[Stage::Index, Stage::Triage, Stage::Artifacts, Stage::Agreement, Stage::Checks, Stage::Review],
            ),
            playbook(
                "complete",
                &[
                    Stage::Index,
                    Stage::Triage,
                    Stage::Artifacts,
                    Stage::Tests,
                    Stage::Documentation,
                    Stage::Checks,
                    Stage::Review,
                ],
            ),
            playbook(
                "shipped",
                &[
                    Stage::Index,
                    Stage::Triage,
                    Stage::Artifacts,
                    Stage::Tests,
                    Stage::Documentation,
                    Stage::Checks,
                    Stage::Review,
                    Stage::Runbook,
                ],
            ),
            playbook("static", &[]),
        ]
    }

    /// The names of those that ship, in their order.
    #[must_use]
    pub fn names() -> Vec<String> {
        Self::shipped().into_iter().map(|playbook| playbook.name).collect()
    }

    /// The shipped playbook of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::shipped().into_iter().find(|playbook| playbook.name == name)
    }

    /// Whether it has that stage.
    #[must_use]
    pub fn has(&self, stage: Stage) -> bool {
        self.stages.contains(&stage)
    }
}
