//! The words of requests and views that are defined left of `api`, at one door for every client, and how they are
//! written in JSON, on the command line and on screens.

use crate::planning::Playbook;
pub use crate::planning::{
    ARTIFACTS as DOCUMENTS, Bound, IssueSource, Kind, MonitorFinding, MonitorReport, MonitorWord, Quoted, Unsaid,
};
pub use crate::policy::Severity;
pub use crate::proposal::{EngineKind, ProgramChoice};
pub use crate::repository::{Base, Source, WorkSpec};
pub use crate::scoring::{Dimension, GateId, Rating, Tenths};
use crate::session::EffectKind;
pub use crate::session::Verdict;
pub use crate::validation::{BaselineStatus, CheckStatus};

/// The word that a check's verdict has in JSON and on the command line.
#[must_use]
pub fn status_word(status: CheckStatus) -> &'static str {
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

/// The names of the playbooks that there are, in their order.
#[must_use]
pub fn playbooks() -> Vec<String> {
    Playbook::names()
}

/// What work may be about, in its order: a bead's category is one of these.
#[must_use]
pub fn bead_categories() -> [&'static str; EffectKind::ALL.len()] {
    EffectKind::ALL.map(EffectKind::category)
}

/// The word of a severity, as everybody writes it.
#[must_use]
pub fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Warn => "WARN",
        Severity::Block => "BLOCK",
    }
}

// the core borrows serde alone, so the contract says here what the core's own word looks like in a schema
impl schemars::JsonSchema for Verdict {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Verdict".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let words = Verdict::ALL.map(Verdict::name);
        schemars::json_schema!({ "description": "A person's word on a patch set.", "type": "string", "enum": words })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &impl serde::Serialize, word: &str) {
        assert_eq!(serde_json::to_value(written).ok(), Some(word.into()));
    }

    #[test]
    fn the_words_are_those_of_the_json() {
        for verdict in Verdict::ALL {
            check(&verdict, verdict.name());
        }
        for status in [
            CheckStatus::Passed,
            CheckStatus::Failed,
            CheckStatus::Broken,
            CheckStatus::Fixed,
            CheckStatus::TimedOut,
            CheckStatus::Environment,
            CheckStatus::Skipped,
            CheckStatus::Running,
        ] {
            check(&status, status_word(status));
        }
        for severity in [Severity::Warn, Severity::Block] {
            check(&severity, severity_word(severity));
        }
    }
}
