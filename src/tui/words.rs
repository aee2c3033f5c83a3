//! The words of the views that screens match on, in one place, and how they read.

pub(crate) use crate::api::{
    Base, BaselineStatus, Bound, CheckStatus, Dimension, EngineKind, GateId, ProgramChoice, Severity, Source, Tenths,
};

use super::theme::Role;
use crate::api::{SessionRow, ThreadKind, Verdict};
use crate::clock::Timestamp;
use crate::diff::ChangeStatus;

/// Whether a session moves, and who moves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Motion {
    /// A person is needed.
    NeedsMe,
    /// A person holds it.
    Paused,
    /// It goes on by itself.
    Runs,
    /// Nothing is to be done.
    Rests,
}

impl Motion {
    /// Of a row of the inbox.
    pub(crate) fn of(row: &SessionRow) -> Self {
        match row {
            _ if row.needs_me => Self::NeedsMe,
            _ if row.paused => Self::Paused,
            _ if row.running => Self::Runs,
            _ => Self::Rests,
        }
    }
}

/// A state's mark and how it looks.
pub(crate) fn state(state: &str, motion: Motion) -> (&'static str, Role) {
    match state {
        _ if motion == Motion::NeedsMe => ("●", Role::NeedsHuman),
        _ if motion == Motion::Paused => ("‖", Role::Idle),
        "Done" => ("✓", Role::Done),
        "Failed" | "BlockedPolicy" => ("✗", Role::Failed),
        "Cancelled" | "Declined" | "Rejected" | "Deferred" => ("○", Role::Idle),
        _ if motion == Motion::Runs => ("◐", Role::Running),
        _ => ("○", Role::Idle),
    }
}

/// What goes on in a state that moves by itself; empty where the state says it.
pub(crate) fn doing(state: &str) -> &'static str {
    match state {
        "Created" => "the repository is read",
        "SnapshotLoaded" | "Indexed" | "Triaged" | "ChangesRequested" => "a version is drafted",
        "Proposed" => "the patch is placed",
        "BranchApplied" => "its checks run",
        "Validated" => "it is scored",
        _ => "",
    }
}

/// A state in words; a session that is held says so in its place.
pub(crate) fn standing(state: &str, motion: Motion) -> String {
    if motion == Motion::Paused { "paused".to_owned() } else { spaced(state) }
}

/// `NeedsHuman` → `needs human`.
pub(crate) fn spaced(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    for (at, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() {
            if at > 0 {
                words.push(' ');
            }
            words.push(c.to_ascii_lowercase());
        } else {
            words.push(c);
        }
    }
    words
}

/// What a gate is about, in a word or two.
pub(crate) fn gate(id: GateId) -> &'static str {
    match id {
        GateId::G0 => "intake",
        GateId::G1 => "artifacts",
        GateId::G2 => "patch",
        GateId::G3 => "checks",
        GateId::G4 => "policy",
        GateId::G5 => "remote CI",
    }
}

/// How a score looks; 7.0 is the threshold (design §2).
pub(crate) fn score_role(score: Tenths) -> Role {
    match score.get() {
        80.. => Role::ScoreGood,
        70..80 => Role::ScoreFair,
        _ => Role::ScorePoor,
    }
}

/// A check's mark, word and look.
pub(crate) fn check_status(status: CheckStatus) -> (&'static str, &'static str, Role) {
    match status {
        CheckStatus::Passed => ("✓", "passed", Role::GatePassed),
        CheckStatus::Fixed => ("✓", "fixed", Role::GatePassed),
        CheckStatus::Failed => ("!", "failed before too", Role::Warn),
        CheckStatus::Broken => ("✗", "broken", Role::GateFailed),
        CheckStatus::TimedOut => ("✗", "timed out", Role::GateFailed),
        CheckStatus::Environment => ("–", "could not start", Role::GateNotRun),
        CheckStatus::Skipped => ("–", "skipped", Role::GateNotRun),
        CheckStatus::Running => ("◐", "running", Role::Running),
    }
}

/// Whether nothing but reading is left in that state.
pub(crate) fn is_over(state: &str) -> bool {
    matches!(state, "Done" | "Declined" | "Failed" | "Cancelled")
}

/// What a check did on the base, in a word.
pub(crate) fn baseline(status: BaselineStatus) -> &'static str {
    match status {
        BaselineStatus::Passed => "passed",
        BaselineStatus::Failed => "failed",
        BaselineStatus::TimedOut => "timed out",
        BaselineStatus::Environment => "could not start",
        BaselineStatus::NotRun => "not run",
    }
}

/// A file's letter and look.
pub(crate) fn change_status(status: ChangeStatus) -> (&'static str, Role) {
    match status {
        ChangeStatus::Added => ("A", Role::DiffAddedSign),
        ChangeStatus::Modified => ("M", Role::Warning),
        ChangeStatus::Deleted => ("D", Role::DiffDeletedSign),
    }
}

/// A comment's kind and look.
pub(crate) fn thread_kind(kind: ThreadKind) -> (&'static str, Role) {
    match kind {
        ThreadKind::Issue => ("issue", Role::ThreadMust),
        ThreadKind::Question => ("question", Role::ThreadQuestion),
        ThreadKind::Nit => ("nit", Role::ThreadNit),
        ThreadKind::Must => ("must", Role::ThreadMust),
    }
}

/// A verdict in words, past tense, and its look.
pub(crate) fn verdict(verdict: Verdict) -> (&'static str, Role) {
    match verdict {
        Verdict::Approve => ("approved", Role::Approve),
        Verdict::Reject => ("rejected", Role::Reject),
        Verdict::RequestChanges => ("changes requested", Role::Request),
    }
}

/// How long ago: one number and one unit, at most four columns.
pub(crate) fn age(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.since(then).as_secs();
    match seconds {
        0..60 => "now".to_owned(),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        86_400..31_536_000 => format!("{}d", seconds / 86_400),
        _ => format!("{}y", seconds / 31_536_000),
    }
}

/// How long ago that was, in words: `just now`, `12m ago`.
pub(crate) fn ago(now: Timestamp, then: Timestamp) -> String {
    match age(now, then).as_str() {
        "now" => "just now".to_owned(),
        age => format!("{age} ago"),
    }
}

/// A duration as people say it: `830 ms`, `12.4 s`, `3 min 05 s`.
pub(crate) fn duration(milliseconds: u64) -> String {
    match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        1000..60_000 => format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100),
        _ => format!("{} min {:02} s", milliseconds / 60_000, milliseconds % 60_000 / 1000),
    }
}

/// The time of day and the day, in UTC: `09:30` and `2026-11-20`.
pub(crate) fn clock(at: Timestamp) -> (String, String) {
    let text = at.to_string();
    (text.get(11..16).unwrap_or_default().to_owned(), text.get(..10).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: impl AsRef<str>, expected: &str) {
        assert_eq!(found.as_ref(), expected);
    }

    #[test]
    fn numbers_read_as_people_say_them() {
        check(spaced("NeedsHuman"), "needs human");
        check(age(Timestamp(90_000), Timestamp(0)), "1m");
        check(age(Timestamp(0), Timestamp(90_000)), "now");
        check(age(Timestamp(7_200_000), Timestamp(0)), "2h");
        check(duration(830), "830 ms");
        check(duration(12_450), "12.4 s");
        check(duration(185_000), "3 min 05 s");
    }
}
