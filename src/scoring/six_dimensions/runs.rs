//! Correctness and tests: what the checks found, and whether the change brought tests.

use super::super::evidence::{FileRole, adds_inline_tests, is_compared, is_green, is_red, role};
use super::{Evidence, Points};
use crate::planning::Kind;
use crate::scoring::Review;
use crate::text::counted;
use crate::validation::{CheckKind, CheckResult, CheckStatus};

/// Where nothing is known: neither right nor wrong.
const UNKNOWN: i64 = 60;

pub(super) fn correctness(evidence: &Evidence<'_>) -> Points {
    let mut points = Points::start(UNKNOWN);
    let checks = &evidence.validation.checks;
    if let Some(broken) = broken(checks) {
        points.note(broken);
    }
    if let Some(why) = &evidence.validation.unverified {
        points.note(format!("nothing was run: {why}"));
    }
    for kind in [CheckKind::Build, CheckKind::Test, CheckKind::Lint, CheckKind::Perf] {
        green(&mut points, kind, checks);
    }
    for check in checks {
        one(&mut points, check);
    }
    if !checks.iter().any(|check| is_green(check) || is_compared(check)) {
        points.cap(UNKNOWN, "no check passed, so nothing shows that it works");
    }
    if let Some(red) = checks.iter().find(|check| is_red(check)) {
        points.cap(40, format!("the check `{}` is red", red.name));
    }
    if !evidence.reviews.iter().any(Review::counts) {
        points.note("no reviewer model took part: checks alone speak here");
    }
    points
}

/// The checks that speak against the change, which is the first that a person wants to know.
fn broken(checks: &[CheckResult]) -> Option<String> {
    let red: Vec<&CheckResult> = checks.iter().filter(|check| is_red(check)).collect();
    let names: Vec<&str> = red.iter().map(|check| check.name.as_str()).collect();
    let word = if red.iter().all(|check| check.status == CheckStatus::Broken) { "broken" } else { "red" };
    (!red.is_empty()).then(|| format!("{} {word}: {}", counted(red.len(), "check"), names.join(", ")))
}

/// What it is worth that every check of a kind that ran passed.
fn green(points: &mut Points, kind: CheckKind, checks: &[CheckResult]) {
    let ran: Vec<&CheckResult> =
        checks.iter().filter(|check| check.kind == kind && (is_green(check) || is_red(check))).collect();
    if ran.is_empty() || ran.iter().any(|check| is_red(check)) {
        return;
    }
    let passed: u32 = ran.iter().map(|check| check.tests.passed).fold(0, u32::saturating_add);
    let names: Vec<String> = ran.iter().map(|check| format!("`{}`", check.name)).collect();
    let names = names.join(", ");
    match kind {
        CheckKind::Build => points.add(10, format!("{names} passed")),
        CheckKind::Test if passed > 0 => {
            points.add(25, format!("{names} passed with {}", counted(passed as usize, "test")))
        }
        CheckKind::Test => points.add(15, format!("{names} passed; how many tests ran is not known")),
        CheckKind::Lint | CheckKind::Perf => points.add(5, format!("{names} passed")),
    }
}

fn one(points: &mut Points, check: &CheckResult) {
    let name = &check.name;
    let broken = i64::try_from(check.tests.broken.len()).unwrap_or(100);
    match check.status {
        CheckStatus::Broken if broken > 0 => {
            let first = &check.tests.broken[0];
            points.add(
                -30 - (5 * broken).min(20),
                format!("`{name}` broke {} (`{first}`)", counted(broken as usize, "test")),
            );
        }
        CheckStatus::Broken => points.add(-35, format!("`{name}` passed on the base and fails now")),
        CheckStatus::Failed if is_red(check) => points.add(-25, format!("`{name}` fails; the base has no result")),
        CheckStatus::Failed if is_compared(check) => {
            let passed = counted(check.tests.passed as usize, "test");
            points.add(10, format!("`{name}`: {passed} passed; what fails there fails on the base too"));
        }
        CheckStatus::Failed => points.add(-5, format!("`{name}` fails, as it does on the base")),
        CheckStatus::TimedOut if is_red(check) => points.add(-15, format!("`{name}` did not end in time")),
        CheckStatus::TimedOut => points.note(format!("`{name}` did not end in time, nor does the base")),
        CheckStatus::Fixed => points.add(5, format!("`{name}` failed on the base and passes now")),
        CheckStatus::Environment => points.note(format!("`{name}` could not start; it counts neither way")),
        CheckStatus::Skipped => points.note(format!("`{name}` did not run")),
        CheckStatus::Passed | CheckStatus::Running => {}
    }
}

pub(super) fn tests(evidence: &Evidence<'_>) -> Points {
    let files = evidence.changes.files();
    let sources = files.iter().filter(|file| role(&file.path) == FileRole::Source).count();
    let touched: Vec<_> = files
        .iter()
        .filter(|file| file.new.is_some() && (role(&file.path) == FileRole::Test || adds_inline_tests(file)))
        .collect();
    let told = evidence.validation.checks.iter().filter(|check| is_green(check) || is_compared(check));
    let ran: u32 = told.map(|check| check.tests.passed).fold(0, u32::saturating_add);
    let quiet = matches!(evidence.kind, Kind::Refactor | Kind::Docs | Kind::Deps);
    let mut points = Points::start(50);
    match (sources, touched.first()) {
        (_, Some(first)) => {
            points.add(35, format!("{} touched, such as `{}`", counted(touched.len(), "test file"), first.path))
        }
        (0, None) => points.add(30, "no source file changes, so there is nothing to test"),
        (_, None) if quiet && ran > 0 => points
            .add(25, format!("a change of kind {} keeps behaviour; existing tests cover it", evidence.kind.name())),
        (_, None) => points.add(-5, format!("{} without a test", counted(sources, "source file"))),
    }
    if ran > 0 {
        points.add(15, format!("{} ran and passed", counted(ran as usize, "test")));
    } else if sources > 0 {
        points.add(-10, "no test that passed is known");
    }
    moved(&mut points, evidence);
    points
}

/// Tests that were fixed, broken, or taken away.
fn moved(points: &mut Points, evidence: &Evidence<'_>) {
    let checks = &evidence.validation.checks;
    let (fixed, broken): (usize, usize) =
        (checks.iter().map(|c| c.tests.fixed.len()).sum(), checks.iter().map(|c| c.tests.broken.len()).sum());
    if fixed > 0 {
        points.add(10, format!("{} fixed", counted(fixed, "test")));
    }
    if broken > 0 {
        points.add(-(10 * i64::try_from(broken).unwrap_or(4)).min(40), format!("{} broken", counted(broken, "test")));
    }
    for violation in evidence.violations.iter().filter(|v| v.rule.starts_with("test-")).take(3) {
        points.add(-20, format!("{}: `{}`: {}", violation.rule, violation.path, violation.message));
    }
}
