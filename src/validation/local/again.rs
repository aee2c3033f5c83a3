//! Second runs: a test that fails now and then is neither broken nor fixed by a change.
//!
//! Before a check is said to be broken it runs once more on both sides, and before it is said to be fixed where the
//! base's result is an old one, the base runs once more. What two runs of one side disagree on is held for what makes
//! the smaller claim.

use super::run::Ran;
use crate::validation::{Check, CheckKind, RunAgain, RunEnd, RunSide, TestOutcomes};

/// The most names that a note tells.
const MOST_NAMES: usize = 3;

/// Whether a second run can tell more: a compiler says the same again.
pub(super) fn can_differ(check: &Check) -> bool {
    matches!(check.kind, CheckKind::Test | CheckKind::Perf)
}

/// Two runs of one side as one.
pub(super) struct Both {
    /// What they come to.
    pub(super) ran: Ran,
    /// One line of evidence.
    pub(super) note: String,
}

/// What holds of a test on which the runs of one side disagree.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// It passes: only what failed twice is broken by a change, or was broken before it.
    Passing,
    /// It fails: what failed once without a change is not broken by it.
    Failing,
}

/// Takes both runs together; `None` where the second came to no end that could be compared.
pub(super) fn together(first: &Ran, second: &Ran, holds: Holds, on: RunSide) -> Option<Both> {
    let ended = |ran: &Ran| matches!(ran.end, RunEnd::Passed | RunEnd::Failed);
    if !ended(first) || !ended(second) {
        return None;
    }
    let failed = [first, second].iter().filter(|ran| ran.end == RunEnd::Failed).count();
    let tests = match (&first.tests, &second.tests) {
        (Some(one), Some(other)) if one.names_failures() && other.names_failures() => Some(merged(one, other, holds)),
        _ => None,
    };
    // two failures that name no test in common are no failure of one test
    let none_twice = holds == Holds::Passing && tests.as_ref().is_some_and(|tests| tests.failed_names.is_empty());
    let passes = match holds {
        Holds::Passing => failed < 2 || none_twice && names_any(first) && names_any(second),
        Holds::Failing => failed == 0,
    };
    // where a log tells of the failure, that is the one to read
    let (wanted, unwanted) = if first.end == RunEnd::Failed { (first, second) } else { (second, first) };
    let plain = if passes == (unwanted.end == RunEnd::Passed) { &unwanted.tests } else { &wanted.tests };
    let side = if on == RunSide::Base { "the base " } else { "" };
    let mut note = format!("{side}failed {failed} of 2 runs");
    let unstable = names(first, second);
    if !unstable.is_empty() {
        note = format!("{note}; now one way, now the other: {unstable}");
    }
    let ran = Ran {
        end: if passes { RunEnd::Passed } else { RunEnd::Failed },
        tests: tests.or_else(|| plain.clone()),
        log: wanted.log,
        ..first.clone()
    };
    Some(Both { ran, note })
}

/// The evidence of a second run.
pub(super) fn evidence(second: &Ran, on: RunSide) -> RunAgain {
    RunAgain { on, end: second.end.into(), duration_ms: second.duration_ms, log: second.log }
}

fn names_any(ran: &Ran) -> bool {
    ran.end == RunEnd::Passed || ran.tests.as_ref().is_some_and(|tests| !tests.failed_names.is_empty())
}

fn merged(one: &TestOutcomes, other: &TestOutcomes, holds: Holds) -> TestOutcomes {
    let twice = |name: &&String| one.failed_names.contains(*name) && other.failed_names.contains(*name);
    let all = one.failed_names.union(&other.failed_names);
    let failed_names = match holds {
        Holds::Passing => all.filter(twice).cloned().collect(),
        Holds::Failing => all.cloned().collect::<std::collections::BTreeSet<String>>(),
    };
    let passed_names: std::collections::BTreeSet<String> = one
        .passed_names
        .union(&other.passed_names)
        .chain(one.failed_names.symmetric_difference(&other.failed_names))
        .filter(|name| !failed_names.contains(*name))
        .cloned()
        .collect();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let most = |tests: &TestOutcomes| tests.passed + tests.failed + tests.errors;
    let ran = most(one).max(most(other));
    let errors = one.errors.min(other.errors).min(count(failed_names.len()));
    let failed = count(failed_names.len()) - errors;
    TestOutcomes {
        passed: ran.saturating_sub(failed + errors),
        failed,
        errors,
        skipped: one.skipped.max(other.skipped),
        passed_names: if one.passed_names.is_empty() && other.passed_names.is_empty() {
            std::collections::BTreeSet::new()
        } else {
            passed_names
        },
        failed_names,
    }
}

/// The tests that failed in one run and not in the other.
fn names(first: &Ran, second: &Ran) -> String {
    let of = |ran: &Ran| ran.tests.as_ref().map(|tests| tests.failed_names.clone()).unwrap_or_default();
    let (one, other) = (of(first), of(second));
    let differ: Vec<&String> = one.symmetric_difference(&other).collect();
    let mut names: Vec<String> = differ.iter().take(MOST_NAMES).map(|name| format!("`{name}`")).collect();
    if differ.len() > MOST_NAMES {
        names.push(format!("{} more", differ.len() - MOST_NAMES));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::compare;

    fn ran(passed: &[&str], failed: &[&str]) -> Ran {
        let mut tests = TestOutcomes::default();
        passed.iter().for_each(|name| tests.pass(name));
        failed.iter().for_each(|name| tests.fail(name));
        let end = if failed.is_empty() { RunEnd::Passed } else { RunEnd::Failed };
        Ran { end, tests: (tests.total() > 0).then_some(tests), ..Ran::not(String::new()) }
    }

    fn plain(end: RunEnd) -> Ran {
        Ran { end, ..Ran::not(String::new()) }
    }

    #[track_caller]
    fn check(first: &Ran, second: &Ran, holds: Holds, end: RunEnd, failed: &[&str], note: &str) {
        let both = together(first, second, holds, RunSide::Proposal).expect("both came to an end");
        let names: Vec<String> = both.ran.tests.iter().flat_map(|tests| tests.failed_names.clone()).collect();
        assert_eq!(
            (both.ran.end, names, both.note.as_str()),
            (end, failed.iter().map(|n| (*n).into()).collect(), note)
        );
    }

    #[test]
    fn what_two_runs_disagree_on_makes_the_smaller_claim() {
        use Holds::{Failing, Passing};
        use RunEnd::{Failed, Passed};
        let (good, a, ab, b) = (ran(&["a", "b"], &[]), ran(&["b"], &["a"]), ran(&[], &["a", "b"]), ran(&["a"], &["b"]));
        let unstable =
            |name: &str, failed: u32| format!("failed {failed} of 2 runs; now one way, now the other: {name}");
        check(&a, &good, Passing, Passed, &[], &unstable("`a`", 1));
        check(&a, &a, Passing, Failed, &["a"], "failed 2 of 2 runs");
        check(&ab, &a, Passing, Failed, &["a"], &unstable("`b`", 2));
        check(&a, &b, Passing, Passed, &[], &unstable("`a`, `b`", 2));
        check(&good, &a, Failing, Failed, &["a"], &unstable("`a`", 1));
        check(&good, &good, Failing, Passed, &[], "failed 0 of 2 runs");
        check(&plain(Failed), &plain(Passed), Passing, Passed, &[], "failed 1 of 2 runs");
        check(&plain(Failed), &plain(Failed), Passing, Failed, &[], "failed 2 of 2 runs");
        check(&plain(Passed), &plain(Failed), Failing, Failed, &[], "failed 1 of 2 runs");
        assert!(together(&a, &plain(RunEnd::TimedOut), Passing, RunSide::Base).is_none());
    }

    #[test]
    fn a_test_that_fails_now_and_then_is_not_broken() {
        let (good, flaky) = (ran(&["a", "b"], &[]), ran(&["b"], &["a"]));
        let proposal = together(&flaky, &good, Holds::Passing, RunSide::Proposal).expect("ended").ran;
        let verdict = compare(good.seen(), proposal.seen());
        assert_eq!((verdict.status, verdict.tests.passed), (crate::validation::CheckStatus::Passed, 2));
        let base = together(&good, &flaky, Holds::Failing, RunSide::Base).expect("ended").ran;
        let verdict = compare(base.seen(), flaky.seen());
        assert_eq!(verdict.status, crate::validation::CheckStatus::Failed);
    }
}
