//! The words of requests and views that are defined left of `api`, gathered at one door.

pub(crate) use crate::planning::Kind;
pub(crate) use crate::policy::Severity;
pub(crate) use crate::proposal::EngineKind;
pub(crate) use crate::repository::{Base, Source, WorkSpec};
pub(crate) use crate::validation::CheckStatus;

/// The word that a check's verdict has in JSON and on the command line.
pub(crate) fn status_word(status: CheckStatus) -> &'static str {
    match status {
        CheckStatus::Passed => "passed",
        CheckStatus::Failed => "failed",
        CheckStatus::Broken => "broken",
        CheckStatus::Fixed => "fixed",
        CheckStatus::TimedOut => "timed-out",
        CheckStatus::Environment => "environment",
        CheckStatus::Skipped => "skipped",
        CheckStatus::Running => "running",
    }
}

/// The word of a severity, as everybody writes it.
pub(crate) fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Warn => "WARN",
        Severity::Block => "BLOCK",
    }
}
