//! The session's state, computed from its lanes; never stored.

use crate::planning::Stage;
use crate::policy::Severity;
use crate::proposal::EngineKind;
use crate::scoring::GateId;
use crate::validation::CheckStatus;

use super::event::StopKind;
use super::state::{Lane, Phase, Session};

/// The state of a whole session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names are design §2's")]
pub enum State {
    Created,
    SnapshotLoaded,
    Indexed,
    Triaged,
    Planned,
    Proposed,
    BranchApplied,
    Validated,
    Scored,
    Approved,
    Publishing,
    Done,
    ChangesRequested,
    Rejected,
    BlockedPolicy,
    NeedsHuman,
    Deferred,
    Declined,
    Failed,
    Cancelled,
}

impl State {
    /// Every state, in the order of a session's life, stops last.
    pub const ALL: [Self; 20] = [
        Self::Created,
        Self::SnapshotLoaded,
        Self::Indexed,
        Self::Triaged,
        Self::Planned,
        Self::Proposed,
        Self::BranchApplied,
        Self::Validated,
        Self::Scored,
        Self::Approved,
        Self::Publishing,
        Self::Done,
        Self::ChangesRequested,
        Self::Rejected,
        Self::BlockedPolicy,
        Self::NeedsHuman,
        Self::Deferred,
        Self::Declined,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::SnapshotLoaded => "SnapshotLoaded",
            Self::Indexed => "Indexed",
            Self::Triaged => "Triaged",
            Self::Planned => "Planned",
            Self::Proposed => "Proposed",
            Self::BranchApplied => "BranchApplied",
            Self::Validated => "Validated",
            Self::Scored => "Scored",
            Self::Approved => "Approved",
            Self::Publishing => "Publishing",
            Self::Done => "Done",
            Self::ChangesRequested => "ChangesRequested",
            Self::Rejected => "Rejected",
            Self::BlockedPolicy => "BlockedPolicy",
            Self::NeedsHuman => "NeedsHuman",
            Self::Deferred => "Deferred",
            Self::Declined => "Declined",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether nothing but reading is left.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Declined | Self::Failed | Self::Cancelled)
    }

    /// Whether it stands still until a person does something.
    #[must_use]
    pub fn needs_a_person(self) -> bool {
        matches!(
            self,
            Self::Scored
                | Self::Approved
                | Self::ChangesRequested
                | Self::Rejected
                | Self::BlockedPolicy
                | Self::NeedsHuman
                | Self::Deferred
        )
    }
}

/// What the four systems that Paraph unites call a state (features.md 1.17).
#[must_use]
pub fn aliases(state: State) -> &'static [&'static str] {
    match state {
        State::Created => &["INGESTED", "NEW"],
        State::Validated => &["TEST"],
        State::Triaged => &["DISCOVERY"],
        State::Planned => &["PLANNING", "DESIGN"],
        State::Proposed => &["PATCHES_PROPOSED", "BUILD"],
        State::Scored => &["WAITING_USER_APPROVAL", "REVIEW"],
        State::Publishing => &["APPLYING_PATCHES", "DEPLOY"],
        State::Done => &["DONE"],
        State::Failed => &["FAILED"],
        State::NeedsHuman => &["NEEDS_HUMAN"],
        State::BlockedPolicy => &["BLOCKED_POLICY"],
        _ => &[],
    }
}

impl Session {
    /// The computed state: a stop if one stands; else a lane that cannot go on; else the least advanced lane.
    #[must_use]
    pub fn state(&self) -> State {
        if let Some(stop) = &self.stop {
            return match stop.kind {
                StopKind::NeedsHuman | StopKind::BudgetSpent => State::NeedsHuman,
                StopKind::BlockedPolicy => State::BlockedPolicy,
                StopKind::Deferred => State::Deferred,
                StopKind::Declined => State::Declined,
                StopKind::Failed => State::Failed,
                StopKind::Cancelled => State::Cancelled,
            };
        }
        let drafting = |lane: &Lane| self.drafting.as_ref().is_some_and(|drafting| drafting.lanes.contains(&lane.id));
        let waiting = |lane: &&Lane| {
            matches!(lane.phase, Phase::BlockedPolicy(_) | Phase::Rejected(_) | Phase::ChangesRequested(_))
                && !drafting(lane)
        };
        // what a policy forbids weighs more than what a person refused, and that more than what was sent back
        let weight = |lane: &&Lane| match lane.phase {
            Phase::BlockedPolicy(_) => 0,
            Phase::Rejected(_) => 1,
            _ => 2,
        };
        if let Some(lane) = self.at_stake().filter(waiting).min_by_key(weight) {
            return Self::of_phase(lane.phase);
        }
        let reached = |lane: &Lane| if drafting(lane) { lane.phase.min(self.before_draft()) } else { lane.phase };
        let least = self.at_stake().map(reached).min();
        let state = least.map_or(State::Cancelled, Self::of_phase);
        let is_ready = state == Self::of_phase(self.before_draft());
        match (is_ready, &self.planned) {
            (true, Some(_)) => State::Planned,
            (true, None) if self.triaged && self.asked.playbook.has(Stage::Triage) => State::Triaged,
            _ => state,
        }
    }

    /// Whether a person rejected all that there is to decide on.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.state() == State::Rejected && self.at_stake().all(|lane| matches!(lane.phase, Phase::Rejected(_)))
    }

    /// Whether checks failed in a lane that waits for a decision.
    fn has_failed_checks(&self) -> bool {
        let waits = |lane: &&Lane| matches!(lane.phase, Phase::Scored(_));
        let failed = |lane: &Lane| {
            let gates = self.current(lane.id).map_or(&[][..], |(_, set)| &set.gates);
            gates.iter().any(|gate| gate.id == GateId::G3 && gate.passed == Some(false))
        };
        self.at_stake().filter(waits).any(failed)
    }

    /// Whether that is only because some did not end in time.
    fn has_only_late_checks(&self) -> bool {
        let waits = |lane: &&Lane| matches!(lane.phase, Phase::Scored(_));
        let checks = self.at_stake().filter(waits).filter_map(|lane| self.current(lane.id)?.1.validation.as_ref());
        let mut red = checks.flat_map(|validation| &validation.checks).filter(|check| check.is_red()).peekable();
        red.peek().is_some() && red.all(|check| check.status == CheckStatus::TimedOut)
    }

    /// Whether every lane that waits for a decision waits with a change that a policy blocks.
    fn is_blocked(&self) -> bool {
        let waits = |lane: &&Lane| matches!(lane.phase, Phase::Scored(_));
        let blocks = |lane: &Lane| {
            let set = self.current(lane.id).map(|(_, set)| set);
            set.is_some_and(|set| set.violations.iter().any(|found| found.severity == Severity::Block))
        };
        self.at_stake().filter(waits).all(blocks)
    }

    /// How far a lane must have come before anything is drafted.
    pub(super) fn before_draft(&self) -> Phase {
        if self.asked.playbook.has(Stage::Index) { Phase::Indexed } else { Phase::SnapshotLoaded }
    }

    fn of_phase(phase: Phase) -> State {
        match phase {
            Phase::Created => State::Created,
            Phase::SnapshotLoaded => State::SnapshotLoaded,
            Phase::Indexed => State::Indexed,
            Phase::Proposed(_) => State::Proposed,
            Phase::BranchApplied(_) => State::BranchApplied,
            Phase::Validated(_) => State::Validated,
            Phase::Scored(_) => State::Scored,
            Phase::BlockedPolicy(_) => State::BlockedPolicy,
            Phase::ChangesRequested(_) => State::ChangesRequested,
            Phase::Rejected(_) => State::Rejected,
            Phase::Approved(_) => State::Approved,
            Phase::Publishing(_) => State::Publishing,
            Phase::Done(_) => State::Done,
        }
    }

    /// What makes the next version: each engine is told in its own way what to do differently.
    #[must_use]
    pub fn asks_again(&self) -> String {
        match self.asked.engine {
            engine if engine.answers_words() => format!("paraph regenerate {} -m TEXT", self.asked.id),
            engine => self.next_draft(engine),
        }
    }

    /// What gives `engine` something else to draft from, after it drafted nothing or the same again.
    #[must_use]
    pub fn next_draft(&self, engine: EngineKind) -> String {
        let id = self.asked.id;
        match (engine, &self.asked.adopted) {
            (EngineKind::Rules, _) => format!("paraph regenerate {id} --rules ID (paraph help rules), or --patch FILE"),
            (EngineKind::Command, _) => format!("paraph regenerate {id} --command NAME (paraph help agents)"),
            (EngineKind::Agent, _) => format!("paraph regenerate {id} --agent NAME -m TEXT (paraph help agents)"),
            (EngineKind::Patch, _) => format!("paraph regenerate {id} --patch FILE"),
            (EngineKind::Adopt, Some(work)) => {
                format!("change the work, then paraph adopt {}", work.argument())
            }
            (EngineKind::Llm, _) => format!("paraph regenerate {id} -m TEXT"),
            (EngineKind::Adopt, None) => format!("paraph regenerate {id} --engine rules"),
        }
    }

    /// Why it stands still and the commands to type next; both empty while it runs.
    #[must_use]
    pub fn waits_for(&self) -> (crate::text::Untrusted, String) {
        let id = self.asked.id;
        if let Some(stop) = &self.stop {
            return (stop.reason.clone(), stop.next.clone());
        }
        if let Some(by) = self.paused().filter(|_| !self.state().needs_a_person()) {
            return (format!("paused by {}", by.login).into(), format!("paraph resume {id}"));
        }
        let current = self.versions.last().map_or(String::new(), |version| format!("@{}", version.number));
        match self.state() {
            State::Scored if self.is_contending() => (
                "waits for a pick among its candidates".into(),
                format!("paraph compare {id}, then paraph pick {id}{current}"),
            ),
            State::Scored if self.is_blocked() => (
                "a policy forbids approving it: request changes, or reject it".into(),
                format!("paraph show {id}{current}, then paraph request-changes {id}{current} -m TEXT"),
            ),
            State::Scored if self.has_only_late_checks() => (
                "a check did not end in time; waits for your decision".into(),
                format!(
                    "paraph check {id}, or commit a longer timeout_s in .paraph.toml (checks.max_timeout_s holds it) and \
                     run anew"
                ),
            ),
            State::Scored if self.has_failed_checks() => (
                "its checks fail; waits for your decision".into(),
                format!("paraph log {id}, then paraph request-changes {id}{current} -m TEXT"),
            ),
            State::Scored => (
                "waits for your decision".into(),
                format!("paraph show {id}{current}, then paraph approve {id}{current}"),
            ),
            State::Approved => ("approved, not published".into(), format!("paraph publish {id}")),
            State::Rejected => {
                // the same draft again would be refused, so something else has to be drafted from
                let next = self.next_draft(self.asked.engine);
                ("a person said no".into(), format!("{next}, or paraph cancel {id}"))
            }
            State::ChangesRequested => ("changes were requested".into(), self.asks_again()),
            State::BlockedPolicy => ("a policy forbids applying it".into(), format!("paraph show {id}{current}")),
            State::Indexed if self.asked.playbook.has(Stage::Triage) && !self.triaged && self.owed.is_empty() => {
                ("waits for GO".into(), self.words_of_triage())
            }
            State::Planned if self.asks_agreement() => {
                ("the documents wait for your GO".into(), self.words_of_agreement())
            }
            _ => ("".into(), String::new()),
        }
    }
}
