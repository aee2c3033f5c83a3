//! Base against proposal: what a change broke, fixed, or left as it was.

use std::collections::BTreeSet;

use super::{BaselineStatus, CheckStatus, TestOutcomes, TestTally};

/// The most names a tally holds on either list.
const MOST_NAMES: usize = 100;

/// How one run of a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// It exited with success.
    Passed,
    /// It exited otherwise.
    Failed,
    /// It was stopped at its limit.
    TimedOut,
    /// It could not start: nothing to run, or nothing that may be run.
    CouldNotStart,
    /// What it needs was not there.
    Environment,
    /// It did not run.
    NotRun,
}

impl From<RunEnd> for BaselineStatus {
    fn from(end: RunEnd) -> Self {
        match end {
            RunEnd::Passed => Self::Passed,
            RunEnd::Failed => Self::Failed,
            RunEnd::TimedOut => Self::TimedOut,
            RunEnd::CouldNotStart | RunEnd::Environment => Self::Environment,
            RunEnd::NotRun => Self::NotRun,
        }
    }
}

/// One run of a check: its end, and the tests it told of.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// How it ended.
    pub end: RunEnd,
    /// What its reports or its output say of tests, where they say something.
    pub tests: Option<&'a TestOutcomes>,
}

/// What a check says about the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The verdict.
    pub status: CheckStatus,
    /// What the base did.
    pub baseline: BaselineStatus,
    /// The proposal's tests, with names of what was fixed and broken.
    pub tests: TestTally,
    /// One line on why, where the status needs one.
    pub note: String,
}

/// Compares two runs of one check.
///
/// What the base failed as well is not this change's doing; what cannot start is red only where the base could.
#[must_use]
pub fn compare(base: Run<'_>, proposal: Run<'_>) -> Verdict {
    let baseline = base.end.into();
    let tests = tally(base, proposal);
    let (status, note) = status(base, proposal, &tests);
    Verdict { status, baseline, tests, note }
}

fn status(base: Run<'_>, proposal: Run<'_>, tests: &TestTally) -> (CheckStatus, String) {
    let plain = |status| (status, String::new());
    match (base.end, proposal.end) {
        (_, RunEnd::NotRun) => plain(CheckStatus::Skipped),
        (RunEnd::Passed | RunEnd::Failed | RunEnd::TimedOut, RunEnd::CouldNotStart) => {
            (CheckStatus::Broken, "it started on the base and cannot start now".into())
        }
        (RunEnd::Passed | RunEnd::Failed | RunEnd::TimedOut, RunEnd::Environment) => {
            (CheckStatus::Environment, "it lacks something now that it did not lack on the base".into())
        }
        (_, RunEnd::CouldNotStart | RunEnd::Environment) => {
            (CheckStatus::Environment, "it could not start; this says nothing of the change".into())
        }
        (RunEnd::TimedOut, RunEnd::TimedOut) => (CheckStatus::TimedOut, "the base does not end in time either".into()),
        (_, RunEnd::TimedOut) => plain(CheckStatus::TimedOut),
        (_, RunEnd::Passed) => match vanished(base, proposal) {
            Some(note) => (CheckStatus::Passed, note),
            None if base.end == RunEnd::Failed => plain(CheckStatus::Fixed),
            None => plain(CheckStatus::Passed),
        },
        (RunEnd::Passed, RunEnd::Failed) => plain(CheckStatus::Broken),
        (RunEnd::Failed, RunEnd::Failed) if !tests.broken.is_empty() => {
            let count = tests.broken.len();
            (CheckStatus::Broken, format!("the base fails too, but {count} that passed there fail now"))
        }
        (RunEnd::Failed, RunEnd::Failed) => worse(base, proposal),
        (RunEnd::NotRun | RunEnd::TimedOut | RunEnd::CouldNotStart | RunEnd::Environment, RunEnd::Failed) => {
            (CheckStatus::Failed, "there is no result of the base to compare with".into())
        }
    }
}

/// Both failed and no test is named broken: numbers, or the lack of any result, may still tell.
fn worse(base: Run<'_>, proposal: Run<'_>) -> (CheckStatus, String) {
    match (base.tests, proposal.tests) {
        (Some(before), None) if before.total() > 0 => {
            (CheckStatus::Broken, format!("{} tests ran on the base; none ends now", before.total()))
        }
        (Some(before), Some(after)) if !(before.names_everything() && after.names_everything()) => {
            let (was, is) = (before.failed + before.errors, after.failed + after.errors);
            if is > was {
                (CheckStatus::Broken, format!("{is} tests fail where {was} failed on the base"))
            } else {
                (CheckStatus::Failed, "it fails on the base too".into())
            }
        }
        _ => (CheckStatus::Failed, "it fails on the base too".into()),
    }
}

/// A check that passes with far fewer tests than before is green for another reason.
fn vanished(base: Run<'_>, proposal: Run<'_>) -> Option<String> {
    let (was, is) = (base.tests?.total(), proposal.tests.map_or(0, TestOutcomes::total));
    (is < was).then(|| format!("{is} tests ran where {was} ran on the base"))
}

/// How many fewer tests a run told of than the base's, where both came to an end of their own.
fn lost(base: Run<'_>, proposal: Run<'_>) -> u32 {
    let comparable = |end| matches!(end, RunEnd::Passed | RunEnd::Failed);
    if !comparable(base.end) || !comparable(proposal.end) {
        return 0;
    }
    let total = |run: Run<'_>| run.tests.map_or(0, TestOutcomes::total);
    total(base).saturating_sub(total(proposal))
}

fn tally(base: Run<'_>, proposal: Run<'_>) -> TestTally {
    let lost = lost(base, proposal);
    let Some(now) = proposal.tests else { return TestTally { lost, ..TestTally::default() } };
    let mut tally = TestTally {
        lost,
        passed: now.passed,
        failed: now.failed,
        errors: now.errors,
        skipped: now.skipped,
        ..TestTally::default()
    };
    let comparable = |end| matches!(end, RunEnd::Passed | RunEnd::Failed);
    let Some(before) = base.tests.filter(|_| comparable(base.end)) else { return tally };
    let names = |names: &BTreeSet<String>, keep: &dyn Fn(&str) -> bool| {
        names.iter().filter(|name| keep(name)).take(MOST_NAMES).cloned().collect()
    };
    // a test that no report names as passed may be new, so a failure counts as broken only where the base is
    // known to have passed it: by name, or because the base named all its failures and this is none of them
    let passed_before = |name: &str| {
        if before.passed_names.is_empty() && before.passed > 0 {
            base.end == RunEnd::Passed || before.names_failures()
        } else {
            before.passed_names.contains(name)
        }
    };
    let passes_now = |name: &str| {
        if now.passed_names.is_empty() {
            now.passed > 0 && now.names_failures()
        } else {
            now.passed_names.contains(name)
        }
    };
    tally.broken = names(&now.failed_names, &|name| !before.failed_names.contains(name) && passed_before(name));
    tally.fixed = names(&before.failed_names, &|name| !now.failed_names.contains(name) && passes_now(name));
    tally
}

#[cfg(test)]
mod tests {
    use super::*;
    use RunEnd::{CouldNotStart, Environment, Failed, NotRun, Passed, TimedOut};

    fn outcomes(passed: &[&str], failed: &[&str]) -> TestOutcomes {
        let mut outcomes = TestOutcomes::default();
        passed.iter().for_each(|name| outcomes.pass(name));
        failed.iter().for_each(|name| outcomes.fail(name));
        outcomes
    }

    #[track_caller]
    fn ends(base: RunEnd, proposal: RunEnd, expected: CheckStatus) {
        let verdict = compare(Run { end: base, tests: None }, Run { end: proposal, tests: None });
        assert_eq!(verdict.status, expected);
    }

    #[track_caller]
    fn tests(
        base: (RunEnd, &TestOutcomes),
        proposal: (RunEnd, &TestOutcomes),
        expected: CheckStatus,
        fixed: &[&str],
        broken: &[&str],
    ) {
        let run = |(end, tests)| Run { end, tests: Some(tests) };
        let verdict = compare(run(base), run(proposal));
        assert_eq!(
            (verdict.status, &verdict.tests.fixed[..], &verdict.tests.broken[..]),
            (expected, &owned(fixed)[..], &owned(broken)[..])
        );
    }

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn ends_alone_decide_where_no_test_is_told_of() {
        ends(Passed, Passed, CheckStatus::Passed);
        ends(Passed, Failed, CheckStatus::Broken);
        ends(Failed, Passed, CheckStatus::Fixed);
        ends(Failed, Failed, CheckStatus::Failed);
        ends(NotRun, Passed, CheckStatus::Passed);
        ends(NotRun, Failed, CheckStatus::Failed);
        ends(TimedOut, Passed, CheckStatus::Passed);
        ends(TimedOut, Failed, CheckStatus::Failed);
        ends(Passed, TimedOut, CheckStatus::TimedOut);
        for base in [Passed, Failed, TimedOut, Environment, NotRun] {
            ends(base, Environment, CheckStatus::Environment);
            ends(base, NotRun, CheckStatus::Skipped);
        }
        for base in [Passed, Failed, TimedOut] {
            ends(base, CouldNotStart, CheckStatus::Broken);
        }
        for base in [CouldNotStart, Environment, NotRun] {
            ends(base, CouldNotStart, CheckStatus::Environment);
        }
        ends(CouldNotStart, Passed, CheckStatus::Passed);
        ends(CouldNotStart, Failed, CheckStatus::Failed);
    }

    #[test]
    fn names_tell_broken_from_still_failing() {
        let old = outcomes(&["a", "b"], &["c"]);
        tests((Failed, &old), (Failed, &outcomes(&["a", "b"], &["c"])), CheckStatus::Failed, &[], &[]);
        tests((Failed, &old), (Failed, &outcomes(&["a"], &["b", "c"])), CheckStatus::Broken, &[], &["b"]);
        tests((Failed, &old), (Passed, &outcomes(&["a", "b", "c"], &[])), CheckStatus::Fixed, &["c"], &[]);
        tests((Failed, &old), (Failed, &outcomes(&["a", "c"], &["b"])), CheckStatus::Broken, &["c"], &["b"]);
        let new_test = outcomes(&["a", "b"], &["c", "new"]);
        tests((Failed, &old), (Failed, &new_test), CheckStatus::Failed, &[], &[]);
        let gone = outcomes(&["a", "b"], &[]);
        tests((Failed, &old), (Passed, &gone), CheckStatus::Passed, &[], &[]);
    }

    #[test]
    fn numbers_tell_where_names_are_missing() {
        let counts = |passed, failed| TestOutcomes { passed, failed, ..TestOutcomes::default() };
        tests((Failed, &counts(9, 1)), (Failed, &counts(8, 2)), CheckStatus::Broken, &[], &[]);
        tests((Failed, &counts(9, 1)), (Failed, &counts(9, 1)), CheckStatus::Failed, &[], &[]);
        let verdict = compare(Run { end: Failed, tests: Some(&counts(9, 1)) }, Run { end: Failed, tests: None });
        assert_eq!(verdict.status, CheckStatus::Broken, "it no longer compiles");
    }

    #[track_caller]
    fn loses(base: (RunEnd, u32), proposal: (RunEnd, Option<u32>), status: CheckStatus, lost: u32) {
        let count = |passed| TestOutcomes { passed, ..TestOutcomes::default() };
        let (before, after) = (count(base.1), proposal.1.map(count));
        let verdict =
            compare(Run { end: base.0, tests: Some(&before) }, Run { end: proposal.0, tests: after.as_ref() });
        assert_eq!((verdict.status, verdict.tests.lost), (status, lost));
    }

    #[test]
    fn tests_that_vanished_are_counted_and_nothing_is_fixed_by_them() {
        loses((Passed, 5), (Passed, Some(5)), CheckStatus::Passed, 0);
        loses((Passed, 5), (Passed, Some(6)), CheckStatus::Passed, 0);
        loses((Passed, 5), (Passed, Some(3)), CheckStatus::Passed, 2);
        loses((Passed, 5), (Passed, None), CheckStatus::Passed, 5);
        loses((Failed, 5), (Passed, Some(5)), CheckStatus::Fixed, 0);
        loses((Failed, 5), (Passed, Some(4)), CheckStatus::Passed, 1);
        loses((Failed, 5), (Passed, None), CheckStatus::Passed, 5);
        loses((Failed, 5), (Failed, Some(4)), CheckStatus::Failed, 1);
        loses((NotRun, 5), (Passed, Some(4)), CheckStatus::Passed, 0);
    }

    #[test]
    fn fewer_tests_are_said() {
        let verdict = compare(
            Run { end: Passed, tests: Some(&outcomes(&["a", "b"], &[])) },
            Run { end: Passed, tests: Some(&outcomes(&["a"], &[])) },
        );
        assert_eq!(verdict.status, CheckStatus::Passed);
        assert_eq!(verdict.note, "1 tests ran where 2 ran on the base");
    }

    #[test]
    fn names_are_bounded() {
        let names: Vec<String> = (0..500).map(|n| format!("t{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let verdict = compare(
            Run { end: Passed, tests: Some(&outcomes(&names, &[])) },
            Run { end: Failed, tests: Some(&outcomes(&[], &names)) },
        );
        assert_eq!((verdict.tests.broken.len(), verdict.tests.failed), (100, 500));
    }
}
