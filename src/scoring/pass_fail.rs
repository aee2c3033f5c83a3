//! The simplest scorer: everything or nothing.

use super::evidence::{is_green, is_red};
use super::{Dimension, Evidence, Rating, Score, Scorer, Tenths};
use crate::policy::Severity;

/// 10.0 where no check is red and nothing blocks, 1.0 otherwise; 6.0 where no check passed. Reviews change nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct SimplePassFail;

impl SimplePassFail {
    /// What the score says about who scored.
    pub const NAME: &'static str = "pass-fail/1 (evidence only, no reviewer model)";
}

impl Scorer for SimplePassFail {
    fn score(&self, evidence: &Evidence<'_>) -> Score {
        let checks = &evidence.validation.checks;
        let (tenths, reason) = match (checks.iter().find(|check| is_red(check)), checks.iter().any(is_green)) {
            (Some(red), _) => (10, format!("the check `{}` is red", red.name)),
            (None, true) => (100, "no check is red".to_owned()),
            (None, false) => {
                let why = evidence.validation.unverified.as_deref().unwrap_or("no check ran to an end");
                (60, format!("nothing shows that it works: {why}"))
            }
        };
        let blocking = evidence.violations.iter().find(|violation| violation.severity == Severity::Block);
        let (policy, because) = match blocking {
            Some(violation) => (10, format!("BLOCK {}: `{}`", violation.rule, violation.path)),
            None => (100, "nothing blocks".to_owned()),
        };
        let rating =
            |dimension, tenths, reason| Rating { dimension, score: Tenths::clamped(tenths), reasons: vec![reason] };
        Score {
            scorer: Self::NAME.to_owned(),
            overall: Tenths::clamped(tenths.min(policy)),
            ratings: vec![
                rating(Dimension::Correctness, tenths, reason),
                rating(Dimension::PolicyFit, policy, because),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::ChangeSet;
    use crate::planning::Kind;
    use crate::policy::{Violation, rule};
    use crate::validation::ValidationResult;

    #[track_caller]
    fn check(validation: &ValidationResult, violations: &[Violation], expected: u16) {
        let changes = ChangeSet::default();
        let evidence = Evidence {
            goal: "",
            kind: Kind::Docs,
            paths: &[],
            changes: &changes,
            lines: &[],
            validation,
            violations,
            reviews: &[],
        };
        assert_eq!(SimplePassFail.score(&evidence).overall.get(), expected);
    }

    #[test]
    fn everything_or_nothing() {
        let none = ValidationResult { unverified: Some("no check was found".into()), ..Default::default() };
        check(&none, &[], 60);
        check(&none, &[rule("gitlink").expect("a rule").breach(&"a".into(), None, "m")], 10);
    }
}
