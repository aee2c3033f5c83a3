//! The gates of one lane of one version, from facts.

use super::evidence::{is_compared, is_green, is_red};
use super::{Gate, GateId, Score, Tenths};
use crate::id::RepoPath;
use crate::policy::{Severity, Violation};
use crate::repository::Drift;
use crate::text::counted;
use crate::validation::{BaselineStatus, CheckResult, CheckStatus, ValidationResult};

/// Whether the patch could be placed on its base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// Not yet tried.
    Pending,
    /// It applies.
    Clean,
    /// It does not; why.
    Refused(String),
}

/// A WARN that a person accepted.
#[derive(Debug, Clone, Copy)]
pub struct Accepted<'a> {
    /// The rule.
    pub rule: &'a str,
    /// The file; none for all.
    pub path: Option<&'a RepoPath>,
}

impl Accepted<'_> {
    /// Whether it is about that violation: what was accepted on one file says nothing of another.
    #[must_use]
    pub fn meets(&self, violation: &Violation) -> bool {
        self.rule == violation.rule && self.path.is_none_or(|path| *path == violation.path)
    }
}

/// What the gates look at.
#[derive(Debug)]
pub struct GateInput<'a> {
    /// Whether the goal was taken up, and what says so; `None` before triage.
    pub intake: Option<(bool, &'a str)>,
    /// The artifacts that the playbook asks for and that are not there; `None` before drafting.
    pub missing_artifacts: Option<&'a [String]>,
    /// Whether the patch applies.
    pub placement: &'a Placement,
    /// How far the user's branch moved, or why that is not known; `None` where nobody looked.
    pub drift: Option<Result<&'a Drift, &'a str>>,
    /// What the checks found; `None` before they ended.
    pub validation: Option<&'a ValidationResult>,
    /// What the policies found.
    pub violations: &'a [Violation],
    /// What a person accepted.
    pub overrides: &'a [Accepted<'a>],
    /// The score; `None` before it was made.
    pub score: Option<&'a Score>,
    /// From which score G4 passes.
    pub threshold: Tenths,
    /// What remote CI said; `None` before publishing.
    pub ci: Option<(bool, &'a str)>,
}

/// All six gates, in order.
#[must_use]
pub fn gates(input: &GateInput<'_>) -> Vec<Gate> {
    let gate = |id, (passed, evidence)| Gate { id, passed, evidence };
    vec![
        gate(GateId::G0, said(input.intake, "the goal was not triaged yet")),
        gate(GateId::G1, artifacts(input)),
        gate_of_base(input.placement, input.drift),
        gate(GateId::G3, with_earlier_runs(checks(input.validation), input.validation)),
        gate(GateId::G4, judged(input)),
        gate(GateId::G5, said(input.ci, "nothing was published yet")),
    ]
}

/// How the evidence of a judged score starts, and what stands before its warnings.
const SCORE: &str = "the score ";
const WARNINGS_FOLLOW: &str = "; ";

fn warnings(open: usize, accepted: usize) -> String {
    match (open, accepted) {
        (0, 0) => "no policy is broken".to_owned(),
        (open, 0) => format!("{} open", counted(open, "warning")),
        (open, accepted) => format!("{} open, {accepted} accepted", counted(open, "warning")),
    }
}

/// G2 alone, for a drift that was measured later.
#[must_use]
pub fn gate_of_base(placement: &Placement, drift: Option<Result<&Drift, &str>>) -> Gate {
    let (passed, evidence) = placed(placement, drift);
    Gate { id: GateId::G2, passed, evidence }
}

type Verdict = (Option<bool>, String);

fn said(word: Option<(bool, &str)>, otherwise: &str) -> Verdict {
    word.map_or_else(|| (None, otherwise.to_owned()), |(passed, text)| (Some(passed), text.to_owned()))
}

fn artifacts(input: &GateInput<'_>) -> Verdict {
    match input.missing_artifacts {
        None => (None, "nothing was drafted yet".to_owned()),
        Some([]) => (Some(true), "every artifact that the playbook asks for is there".to_owned()),
        Some(missing) => (Some(false), format!("missing: {}", missing.join(", "))),
    }
}

fn placed(placement: &Placement, drift: Option<Result<&Drift, &str>>) -> Verdict {
    match (placement, drift) {
        (Placement::Pending, _) => (None, "the patch was not placed yet".to_owned()),
        (Placement::Refused(why), _) => (Some(false), format!("the patch does not apply: {why}")),
        (Placement::Clean, None) => (Some(true), "the patch applies to its base".to_owned()),
        (Placement::Clean, Some(Err(why))) => (None, format!("the patch applies to its base; drift unknown: {why}")),
        (Placement::Clean, Some(Ok(drift))) if !drift.merges_cleanly => {
            let both = drift.touched_by_both.first().map_or_else(String::new, |path| format!(", such as `{path}`"));
            let behind = counted(drift.commits as usize, "commit");
            (Some(false), format!("the branch is {behind} ahead of the base and no longer merges{both}"))
        }
        (Placement::Clean, Some(Ok(drift))) if drift.commits > 0 => {
            let behind = counted(drift.commits as usize, "commit");
            (Some(true), format!("the patch applies; the branch is {behind} ahead of the base and still merges"))
        }
        (Placement::Clean, Some(Ok(_))) => (Some(true), "the patch applies and its base is fresh".to_owned()),
    }
}

/// Checks that a person ran again until they were green are not the same as checks that were green: it is said.
fn with_earlier_runs((passed, evidence): Verdict, validation: Option<&ValidationResult>) -> Verdict {
    let before = validation.map_or(&[][..], |validation| &validation.before);
    match before {
        [] => (passed, evidence),
        [once] => (passed, format!("{evidence}; ran again, before: {once}")),
        [.., last] => (passed, format!("{evidence}; ran again {} times, last before: {last}", before.len())),
    }
}

fn checks(validation: Option<&ValidationResult>) -> Verdict {
    let Some(validation) = validation else { return (None, "the checks did not end yet".to_owned()) };
    let checks = &validation.checks;
    if let Some(why) = &validation.unverified {
        return (None, format!("unverified: {why}"));
    }
    if checks.iter().any(|check| check.status == CheckStatus::Running) {
        return (None, "checks are running".to_owned());
    }
    let count = |test: &dyn Fn(&CheckResult) -> bool| checks.iter().filter(|check| test(check)).count();
    let red: Vec<String> =
        checks.iter().filter(|check| is_red(check)).map(|check| format!("`{}`", check.name)).collect();
    let (green, quiet) = (count(&is_green), count(&|check| check.status == CheckStatus::Environment));
    if !red.is_empty() {
        return (Some(false), format!("{} red: {}", counted(red.len(), "check"), red.join(", ")));
    }
    let known = checks.len() - green - quiet - count(&|check| check.status == CheckStatus::Skipped);
    if green + known == 0 {
        let unlike = unlike_base(checks).map_or_else(String::new, |unlike| format!(": {unlike}"));
        let lacks = checks.iter().filter(|check| check.status == CheckStatus::Environment).map(|check| &check.note);
        let lacks = lacks.into_iter().find(|note| unlike.is_empty() && !note.is_empty());
        let lacks = lacks.map_or_else(String::new, |note| format!(": {note}"));
        return (None, format!("no check ran to an end; {quiet} could not start{unlike}{lacks}"));
    }
    let mut evidence = format!("{} passed", counted(green, "check"));
    if known > 0 {
        evidence.push_str(&format!(", {known} {} as on the base", if known == 1 { "fails" } else { "fail" }));
    }
    let still: u32 = checks.iter().filter(|check| is_compared(check)).map(|check| check.tests.passed).sum();
    if still > 0 {
        evidence.push_str(&format!(" where {} still {}", counted(still as usize, "test"), pass(still)));
    }
    if quiet > 0 {
        evidence.push_str(&format!(", {quiet} could not start"));
    }
    if green == 0 && !checks.iter().any(is_compared) {
        // what fails on the base too is not the change's doing, but shows nothing of it either
        return (None, format!("nothing shows that it works: {evidence}"));
    }
    match unlike_base(checks) {
        Some(unlike) => (None, format!("{evidence}, but {unlike}")),
        None => (Some(true), evidence),
    }
}

fn pass(count: u32) -> &'static str {
    if count == 1 { "passes" } else { "pass" }
}

/// What was seen on the base and is not seen now, without any failure: it may be gone for that very reason.
fn unlike_base(checks: &[CheckResult]) -> Option<String> {
    let ran = |end| matches!(end, BaselineStatus::Passed | BaselineStatus::Failed | BaselineStatus::TimedOut);
    let unlike = |check: &CheckResult| {
        if check.status == CheckStatus::Environment && ran(check.baseline) {
            Some(format!("`{}` ran on the base and lacks something now", check.name))
        } else if check.tests.lost > 0 {
            let lost = counted(check.tests.lost as usize, "test");
            Some(format!("`{}` told of {lost} fewer than on the base", check.name))
        } else {
            None
        }
    };
    let found: Vec<String> = checks.iter().filter_map(unlike).collect();
    (!found.is_empty()).then(|| found.join("; "))
}

fn judged(input: &GateInput<'_>) -> Verdict {
    let blocks: Vec<&Violation> = input.violations.iter().filter(|found| found.severity == Severity::Block).collect();
    if let Some(first) = blocks.first() {
        let more = if blocks.len() > 1 { format!(" and {} more", blocks.len() - 1) } else { String::new() };
        return (Some(false), format!("BLOCK {}: `{}`{more}", first.rule, first.path));
    }
    let Some(score) = input.score else { return (None, "there is no score yet".to_owned()) };
    let (accepted, open): (Vec<&Violation>, Vec<&Violation>) =
        input.violations.iter().partition(|found| input.overrides.iter().any(|accepted| accepted.meets(found)));
    let warnings = warnings(open.len(), accepted.len());
    let passed = score.overall >= input.threshold;
    let relation = if passed { "reaches" } else { "is under" };
    (Some(passed), format!("{SCORE}{} {relation} {}{WARNINGS_FOLLOW}{warnings}", score.overall, input.threshold))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::rule;
    use crate::validation::{CheckKind, TestTally};

    fn result(statuses: &[(CheckStatus, BaselineStatus)]) -> ValidationResult {
        let check = |(at, (status, baseline)): (usize, &(CheckStatus, BaselineStatus))| CheckResult {
            name: format!("c{at}"),
            kind: CheckKind::Test,
            status: *status,
            baseline: *baseline,
            duration_ms: 0,
            tests: TestTally::default(),
            confinement: String::new(),
            log: None,
            base_log: None,
            note: String::new(),
            again: Vec::new(),
        };
        ValidationResult { checks: statuses.iter().enumerate().map(check).collect(), ..Default::default() }
    }

    #[track_caller]
    fn g3(statuses: &[(CheckStatus, BaselineStatus)], passed: Option<bool>, evidence: &str) {
        let found = checks(Some(&result(statuses)));
        assert_eq!(found.0, passed, "{}", found.1);
        assert!(found.1.contains(evidence), "{}", found.1);
    }

    #[test]
    fn checks_are_red_only_for_what_the_change_did() {
        use BaselineStatus as B;
        use CheckStatus as S;
        g3(&[(S::Passed, B::Passed), (S::Fixed, B::Failed)], Some(true), "2 checks passed");
        g3(&[(S::Passed, B::Passed), (S::Failed, B::Failed)], Some(true), "1 fails as on the base");
        g3(&[(S::Passed, B::Passed), (S::Environment, B::Environment)], Some(true), "1 could not start");
        g3(&[(S::Passed, B::Passed), (S::Broken, B::Passed)], Some(false), "`c1`");
        g3(&[(S::TimedOut, B::Passed)], Some(false), "1 check red");
        g3(&[(S::Failed, B::Failed), (S::Skipped, B::NotRun)], None, "nothing shows that it works");
        g3(&[(S::TimedOut, B::TimedOut)], None, "0 checks passed, 1 fails as on the base");
        let mut some_pass = result(&[(S::Failed, B::Failed)]);
        some_pass.checks[0].tests = TestTally { passed: 615, failed: 4, ..TestTally::default() };
        assert_eq!(
            checks(Some(&some_pass)),
            (Some(true), "0 checks passed, 1 fails as on the base where 615 tests still pass".to_owned())
        );
        g3(&[(S::Failed, B::NotRun)], Some(false), "1 check red");
        g3(&[(S::Environment, B::Environment)], None, "1 could not start");
        g3(&[(S::Skipped, B::NotRun)], None, "no check ran");
        g3(&[(S::Running, B::NotRun)], None, "running");
        let lacks = "1 check passed, 1 could not start, but `c1` ran on the base and lacks something now";
        g3(&[(S::Passed, B::Passed), (S::Environment, B::Passed)], None, lacks);
        g3(&[(S::Passed, B::Passed), (S::Environment, B::Failed)], None, lacks);
        g3(&[(S::Environment, B::Passed)], None, "1 could not start: `c0` ran on the base");
        g3(&[(S::Broken, B::Passed), (S::Environment, B::Passed)], Some(false), "`c0`");
        let mut fewer = result(&[(S::Passed, B::Passed), (S::Passed, B::Failed)]);
        fewer.checks[1].tests.lost = 2;
        let told = "2 checks passed, but `c1` told of 2 tests fewer than on the base";
        assert_eq!(checks(Some(&fewer)), (None, told.to_owned()));
        let mut lacking = result(&[(S::Environment, B::Environment)]);
        lacking.checks[0].note = "node_modules is missing: npm ci in /w".to_owned();
        let told = "no check ran to an end; 1 could not start: node_modules is missing: npm ci in /w";
        assert_eq!(checks(Some(&lacking)), (None, told.to_owned()));
        g3(&[], None, "no check ran");
        let unverified = ValidationResult { unverified: Some("not trusted".into()), ..Default::default() };
        assert_eq!(checks(Some(&unverified)), (None, "unverified: not trusted".to_owned()));
        assert_eq!(checks(None).0, None);
    }

    fn drift(commits: u32, merges_cleanly: bool) -> Drift {
        Drift { commits, touched_by_both: vec!["a.rs".into()], merges_cleanly }
    }

    fn input<'a>(placement: &'a Placement, drift: Option<Result<&'a Drift, &'a str>>) -> GateInput<'a> {
        GateInput {
            intake: Some((true, "a person asked for it")),
            missing_artifacts: Some(&[]),
            placement,
            drift,
            validation: None,
            violations: &[],
            overrides: &[],
            score: None,
            threshold: Tenths::clamped(70),
            ci: None,
        }
    }

    #[test]
    fn drift_fails_only_where_nothing_merges() {
        #[track_caller]
        fn check(placement: Placement, drift: Option<Drift>, passed: Option<bool>) {
            assert_eq!(gates(&input(&placement, drift.as_ref().map(Ok)))[2].passed, passed);
        }
        check(Placement::Pending, None, None);
        check(Placement::Refused("hunk 2".into()), None, Some(false));
        check(Placement::Clean, None, Some(true));
        check(Placement::Clean, Some(drift(0, true)), Some(true));
        check(Placement::Clean, Some(drift(3, true)), Some(true));
        check(Placement::Clean, Some(drift(3, false)), Some(false));
        let unknown = gate_of_base(&Placement::Clean, Some(Err("no branch")));
        assert_eq!(unknown.passed, None, "what could not be measured is not fresh");
        assert!(unknown.evidence.ends_with("drift unknown: no branch"), "{}", unknown.evidence);
    }

    #[test]
    fn policy_and_score() {
        #[track_caller]
        fn check(ids: &[&str], overrides: &[&'static str], tenths: Option<i64>, passed: Option<bool>, evidence: &str) {
            let violations: Vec<Violation> =
                ids.iter().map(|id| rule(id).expect("a rule").breach(&"a".into(), None, "m")).collect();
            let paths = [RepoPath::from("a"), RepoPath::from("b")];
            let accepted = |id: &&'static str| {
                let (rule, at) = id.split_once(':').map_or((*id, None), |(rule, at)| (rule, Some(at)));
                Accepted { rule, path: at.and_then(|at| paths.iter().find(|path| path.as_bytes() == at.as_bytes())) }
            };
            let overrides: Vec<Accepted<'_>> = overrides.iter().map(accepted).collect();
            let score = tenths.map(|t| Score { scorer: "s".into(), overall: Tenths::clamped(t), ratings: Vec::new() });
            let placement = Placement::Clean;
            let base = input(&placement, None);
            let input = GateInput { violations: &violations, overrides: &overrides, score: score.as_ref(), ..base };
            let gate = &gates(&input)[4];
            assert_eq!(gate.passed, passed, "{}", gate.evidence);
            assert!(gate.evidence.contains(evidence), "{}", gate.evidence);
        }
        check(&[], &[], Some(70), Some(true), "the score 7.0 reaches 7.0; no policy is broken");
        check(&[], &[], Some(69), Some(false), "is under");
        check(&[], &[], None, None, "no score");
        check(&["ci-file"], &[], Some(90), Some(true), "1 warning open");
        check(&["ci-file", "exec-bit"], &["ci-file"], Some(90), Some(true), "1 warning open, 1 accepted");
        check(&["ci-file"], &["ci-file:a"], Some(90), Some(true), "0 warnings open, 1 accepted");
        check(&["ci-file"], &["ci-file:b"], Some(90), Some(true), "1 warning open");
        check(&["gitlink"], &["gitlink"], Some(90), Some(false), "BLOCK gitlink");
        check(&["gitlink"], &[], None, Some(false), "BLOCK gitlink");
    }

    #[test]
    fn all_six_are_told() {
        let placement = Placement::Clean;
        let all = gates(&input(&placement, None));
        let ids: Vec<String> = all.iter().map(|gate| gate.id.to_string()).collect();
        assert_eq!(ids, ["G0", "G1", "G2", "G3", "G4", "G5"]);
        assert_eq!(all[5].passed, None, "nothing was published");
        assert!(all.iter().all(|gate| !gate.evidence.is_empty()));
        let missing = ["plan".to_owned()];
        let without = GateInput { missing_artifacts: Some(&missing), intake: None, ..input(&placement, None) };
        assert_eq!(gates(&without)[1].passed, Some(false));
        assert_eq!(gates(&without)[0].passed, None);
    }
}
