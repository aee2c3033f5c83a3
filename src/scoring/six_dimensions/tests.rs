//! Scores by cases: what moves a dimension, and what the overall makes of it.

use super::SixDimensions;
use crate::diff::{ChangeSet, FileChange, FileSide};
use crate::planning::{Kind, Role};
use crate::policy::{Severity, Violation, rule};
use crate::scoring::{Dimension, Evidence, Review, Score, Scorer};
use crate::validation::{BaselineStatus, CheckKind, CheckResult, CheckStatus, TestTally, ValidationResult};

fn check(kind: CheckKind, status: CheckStatus, passed: u32) -> CheckResult {
    let baseline = match status {
        CheckStatus::Failed | CheckStatus::Fixed => BaselineStatus::Failed,
        _ => BaselineStatus::Passed,
    };
    CheckResult {
        name: format!("{kind:?}").to_lowercase(),
        kind,
        status,
        baseline,
        duration_ms: 1,
        tests: TestTally { passed, ..TestTally::default() },
        confinement: String::new(),
        log: None,
        base_log: None,
        note: String::new(),
        again: Vec::new(),
    }
}

fn green() -> ValidationResult {
    let checks = vec![check(CheckKind::Build, CheckStatus::Passed, 0), check(CheckKind::Test, CheckStatus::Passed, 40)];
    ValidationResult { checks, ..ValidationResult::default() }
}

fn change(paths: &[&str]) -> ChangeSet {
    let file = |path: &&str| FileChange {
        path: (*path).into(),
        old: Some(FileSide::regular(*b"a\n")),
        new: Some(FileSide::regular(*b"b\n")),
    };
    ChangeSet::new(paths.iter().map(file))
}

struct Case {
    goal: &'static str,
    kind: Kind,
    paths: Vec<String>,
    changes: ChangeSet,
    lines: u32,
    validation: ValidationResult,
    violations: Vec<Violation>,
    reviews: Vec<Review>,
}

impl Case {
    fn good() -> Self {
        Self {
            goal: "fix the parser",
            kind: Kind::Bugfix,
            paths: Vec::new(),
            changes: change(&["src/parser.rs", "tests/parser.rs"]),
            lines: 5,
            validation: green(),
            violations: Vec::new(),
            reviews: Vec::new(),
        }
    }

    fn score(&self) -> Score {
        let lines = vec![(self.lines, 1); self.changes.files().len()];
        SixDimensions.score(&Evidence {
            goal: self.goal,
            kind: self.kind,
            paths: &self.paths,
            changes: &self.changes,
            lines: &lines,
            validation: &self.validation,
            violations: &self.violations,
            reviews: &self.reviews,
        })
    }

    #[track_caller]
    fn rates(&self, dimension: Dimension, expected: u16, reason: &str) {
        let score = self.score();
        let rating = score.ratings.iter().find(|rating| rating.dimension == dimension).expect("all six are rated");
        assert_eq!(rating.score.get(), expected, "{:?}", rating.reasons);
        assert!(rating.reasons.iter().any(|each| each.contains(reason)), "{reason}: {:?}", rating.reasons);
    }
}

fn violation(id: &str) -> Violation {
    rule(id).expect("a rule of the table").breach(&"a".into(), None, "m")
}

#[test]
fn a_good_change_passes_well() {
    let score = Case::good().score();
    assert_eq!(score.overall.get(), 98, "{score:?}");
    assert_eq!(score.ratings.len(), 6);
    assert!(score.scorer.contains("no reviewer model"));
    assert_eq!(score, Case::good().score(), "twice the same");
    assert!(score.ratings.iter().all(|rating| !rating.reasons.is_empty()));
}

#[test]
fn what_broke_is_told_first() {
    #[track_caller]
    fn first(checks: Vec<CheckResult>, expected: &str) {
        let case = Case { validation: ValidationResult { checks, ..Default::default() }, ..Case::good() };
        let score = case.score();
        let rating = score.ratings.iter().find(|rating| rating.dimension == Dimension::Correctness);
        let reasons = &rating.expect("all six are rated").reasons;
        assert!(reasons[0].starts_with(expected), "{reasons:?}");
        let told = |words: &str| reasons.iter().any(|reason| reason.starts_with(words));
        assert!(told("no reviewer model took part") && told("from 6.0 at the start"), "{reasons:?}");
    }
    let of = |kind, status| check(kind, status, 0);
    let (build, test) = (of(CheckKind::Build, CheckStatus::Broken), of(CheckKind::Test, CheckStatus::Broken));
    first(vec![build.clone(), test.clone()], "2 checks broken: build, test");
    first(vec![test, of(CheckKind::Lint, CheckStatus::Passed)], "1 check broken: test");
    first(vec![build, of(CheckKind::Test, CheckStatus::TimedOut)], "2 checks red: build, test");
    first(vec![of(CheckKind::Test, CheckStatus::Passed)], "+");
}

#[test]
fn correctness() {
    let with = |checks: Vec<CheckResult>| Case {
        validation: ValidationResult { checks, ..Default::default() },
        ..Case::good()
    };
    let rates = |case: Case, expected, reason| case.rates(Dimension::Correctness, expected, reason);
    rates(Case::good(), 95, "`test` passed with 40 tests");
    rates(Case::good(), 95, "no reviewer model");
    let unverified = ValidationResult { unverified: Some("not trusted".into()), ..Default::default() };
    rates(Case { validation: unverified, ..Case::good() }, 60, "nothing was run: not trusted");
    rates(with(vec![check(CheckKind::Test, CheckStatus::Broken, 3)]), 25, "fails now");
    rates(
        with(vec![check(CheckKind::Test, CheckStatus::Failed, 3)]),
        70,
        "3 tests passed; what fails there fails on the base",
    );
    rates(with(vec![check(CheckKind::Build, CheckStatus::Failed, 0)]), 55, "as it does on the base");
    rates(with(vec![check(CheckKind::Test, CheckStatus::TimedOut, 0)]), 40, "is red");
    rates(with(vec![check(CheckKind::Test, CheckStatus::Environment, 0)]), 60, "counts neither way");
    rates(with(vec![check(CheckKind::Test, CheckStatus::Fixed, 4)]), 90, "failed on the base and passes now");
    let mut broken = check(CheckKind::Test, CheckStatus::Broken, 3);
    broken.tests.broken = vec!["t::a".into(), "t::b".into()];
    rates(with(vec![broken]), 20, "broke 2 tests (`t::a`)");
}

#[test]
fn tests() {
    let rates = |case: Case, expected, reason| case.rates(Dimension::Tests, expected, reason);
    rates(Case::good(), 100, "1 test file touched, such as `tests/parser.rs`");
    rates(Case { changes: change(&["src/a.rs"]), ..Case::good() }, 60, "without a test");
    rates(Case { changes: change(&["src/a.rs"]), kind: Kind::Refactor, ..Case::good() }, 90, "keeps behaviour");
    rates(Case { changes: change(&["README.md"]), ..Case::good() }, 95, "nothing to test");
    rates(Case { violations: vec![violation("test-deleted")], ..Case::good() }, 80, "test-deleted");
    rates(Case { validation: ValidationResult::default(), ..Case::good() }, 75, "no test that passed");
}

#[test]
fn security_and_policy() {
    let with = |ids: &[&str]| Case { violations: ids.iter().map(|id| violation(id)).collect(), ..Case::good() };
    with(&["secret-added"]).rates(Dimension::Security, 40, "BLOCK secret-added");
    with(&["secret-added"]).rates(Dimension::PolicyFit, 50, "BLOCK secret-added");
    with(&["lockfile-change", "lockfile-change"]).rates(Dimension::Security, 92, "and 1 place more");
    with(&["test-deleted"]).rates(Dimension::Security, 100, "no secret");
    with(&["test-deleted"]).rates(Dimension::PolicyFit, 93, "WARN test-deleted");
    let unknown = Violation { rule: "team/own-rule".into(), severity: Severity::Warn, ..violation("ci-file") };
    Case { violations: vec![unknown], ..Case::good() }.rates(Dimension::PolicyFit, 93, "team/own-rule");
}

#[test]
fn size_and_scope() {
    Case { lines: 300, ..Case::good() }.rates(Dimension::Maintainability, 75, "600 lines added");
    let many: Vec<String> = (0..40).map(|n| format!("src/f{n}.rs")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    Case { changes: change(&many), lines: 1, ..Case::good() }.rates(Dimension::Maintainability, 80, "40 files");
    Case::good().rates(Dimension::ScopeFit, 90, "no reviewer model");
    let limited = Case { paths: vec!["src".into()], ..Case::good() };
    limited.rates(Dimension::ScopeFit, 65, "1 file outside of the session's paths, such as `tests/parser.rs`");
    Case { paths: vec!["src/**".into(), "tests/".into()], ..Case::good() }.rates(Dimension::ScopeFit, 90, "");
    // as whoever drafts reads it: over slashes
    Case { paths: vec!["*.rs".into()], ..Case::good() }.rates(Dimension::ScopeFit, 90, "");
    Case { kind: Kind::Docs, ..Case::good() }.rates(Dimension::ScopeFit, 70, "work on words");
    let named = Case { goal: "fix src/parser.rs.", changes: change(&["src/parser.rs", "src/a.rs"]), ..Case::good() };
    named.rates(Dimension::ScopeFit, 86, "`src/a.rs`");
}

#[test]
fn nothing_makes_up_for_a_secret_or_a_broken_check() {
    let secret = Case { violations: vec![violation("secret-added")], ..Case::good() };
    assert_eq!(secret.score().overall.get(), 60);
    let checks = vec![check(CheckKind::Test, CheckStatus::Broken, 3)];
    let broken = Case { validation: ValidationResult { checks, ..Default::default() }, ..Case::good() };
    assert_eq!(broken.score().overall.get(), 45);
}

/// A review that gives every dimension `score`.
fn review(role: Role, score: u8) -> Review {
    Review {
        model: "scripted/one".to_owned(),
        report: Some(crate::id::Digest::of(b"report")),
        scores: Dimension::ALL.into_iter().map(|dimension| (dimension, score)).collect(),
        unusable: "".into(),
        ..Review::unusable(role, "")
    }
}

fn tenths(score: &Score) -> Vec<u16> {
    score.ratings.iter().map(|rating| rating.score.get()).chain([score.overall.get()]).collect()
}

#[test]
fn a_reviewer_takes_at_most_two_and_never_adds() {
    let alone = Case::good().score();
    for given in 1..=10 {
        for critic in 1..=10 {
            let reviews = vec![review(Role::Reviewer, given), review(Role::Critic, critic)];
            let reviewed = Case { reviews, ..Case::good() }.score();
            for (now, before) in tenths(&reviewed).into_iter().zip(tenths(&alone)) {
                assert!(now <= before && now + 20 >= before, "{given}, {critic}: {now} of {before}");
            }
            assert_eq!(reviewed.scorer, SixDimensions::REVIEWED);
        }
    }
    let praised = Case { reviews: vec![review(Role::Reviewer, 10)], ..Case::good() }.score();
    assert_eq!(tenths(&praised), tenths(&alone), "praise changes nothing");
    let blamed = Case { reviews: vec![review(Role::Reviewer, 9), review(Role::Critic, 3)], ..Case::good() }.score();
    let correctness = &blamed.ratings[0];
    assert!(
        correctness.reasons.iter().any(|reason| reason == "-2.0 the reviewer gives 9 of 10, the critic gives 3 of 10")
    );
}

#[test]
fn what_does_not_count_is_not_heard() {
    let alone = Case::good().score();
    let unusable = Review { scores: review(Role::Critic, 1).scores, ..Review::unusable(Role::Critic, "prose") };
    assert_eq!(Case { reviews: vec![unusable], ..Case::good() }.score(), alone);
}

#[test]
fn praise_opens_no_gate_that_checks_closed() {
    let red = |reviews| Case {
        validation: ValidationResult {
            checks: vec![check(CheckKind::Test, CheckStatus::Broken, 3)],
            ..ValidationResult::default()
        },
        reviews,
        ..Case::good()
    };
    assert_eq!(tenths(&red(vec![review(Role::Reviewer, 10)]).score()), tenths(&red(Vec::new()).score()));
}

#[test]
fn a_patch_that_speaks_to_reviewers_gains_nothing_by_their_praise() {
    let rule = rule("addressed-to-reviewers").expect("a rule");
    let violations = || vec![rule.breach(&"a".into(), Some(1), "m")];
    let praised = Case { violations: violations(), reviews: vec![review(Role::Reviewer, 10)], ..Case::good() }.score();
    let blamed = Case { violations: violations(), reviews: vec![review(Role::Reviewer, 1)], ..Case::good() }.score();
    assert_eq!(tenths(&praised), tenths(&blamed));
    assert!(praised.ratings[2].reasons.iter().any(|reason| reason.contains("not heard")), "{:?}", praised.ratings[2]);
}
