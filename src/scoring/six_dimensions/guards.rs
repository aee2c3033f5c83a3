//! Security and policy fit: what the policies found.

use super::{Evidence, Points};
use crate::policy::{RuleClass, Severity, Violation, rule};
use crate::text::counted;

/// The most that warnings alone take away.
const MOST_FOR_WARNINGS: i64 = 45;

/// Whether a breach is about safety: where it writes, what it runs, keys, what it hides.
fn is_security(violation: &Violation) -> bool {
    let class = rule(&violation.rule).map(|rule| rule.class);
    let named = ["secret-added", "hidden-characters", "addressed-to-reviewers", "ci-file", "attributes-hide"];
    matches!(class, Some(RuleClass::Path | RuleClass::Executes)) || named.contains(&violation.rule.as_str())
}

pub(super) fn security(evidence: &Evidence<'_>) -> Points {
    let about = evidence.violations.iter().filter(|violation| is_security(violation));
    let mut points = count(about, 60, 8);
    if points.reasons.is_empty() {
        points.note("no secret, no file that runs by itself, no path or character that hides");
    }
    points
}

pub(super) fn policy_fit(evidence: &Evidence<'_>) -> Points {
    let mut points = count(evidence.violations.iter(), 50, 7);
    if points.reasons.is_empty() {
        points.note("no policy is broken");
    }
    points
}

/// Takes `block` for each rule that blocks and `warn` for each that warns: by rules, not by places, so a change
/// in forty lockfiles is one matter.
fn count<'a>(violations: impl Iterator<Item = &'a Violation>, block: i64, warn: i64) -> Points {
    let mut rules: std::collections::BTreeMap<(std::cmp::Reverse<Severity>, &str), Vec<&Violation>> =
        Default::default();
    for violation in violations {
        rules.entry((std::cmp::Reverse(violation.severity), &violation.rule)).or_default().push(violation);
    }
    let mut points = Points::start(100);
    let mut for_warnings = 0;
    for ((severity, id), found) in rules {
        let first = found[0];
        let places =
            if found.len() > 1 { format!(" and {} more", counted(found.len() - 1, "place")) } else { String::new() };
        let takes = match severity.0 {
            Severity::Block => block,
            Severity::Warn => warn.min(MOST_FOR_WARNINGS - for_warnings),
        };
        if severity.0 == Severity::Warn {
            for_warnings += takes;
        }
        let word = if severity.0 == Severity::Block { "BLOCK" } else { "WARN" };
        points.add(-takes, format!("{word} {id}: `{}`{places}", first.path));
    }
    points
}
