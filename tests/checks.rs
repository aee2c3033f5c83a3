//! Checks on real repositories in real confinement: what a change broke and fixed, and that a run leaves nothing
//! for another.

#[path = "checks/bench.rs"]
mod bench;
#[path = "checks/git.rs"]
mod git;
#[path = "checks/ground.rs"]
mod ground;
#[path = "checks/projects.rs"]
mod projects;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use bench::{Bench, Heard, holds, levels, lives, program, sh, status};
use paraph::cancel::Cancel;
use paraph::validation::{BaselineStatus, Check, CheckKind, ValidatorError};

#[test]
fn a_change_breaks_fixes_and_leaves_alone() {
    for confinement in levels() {
        let bench = Bench::at(confinement.clone(), &[("value", "good\n"), ("other", "x\n")]);
        let checks = vec![
            sh("passes", "test -f value"),
            sh("fails", "echo no; exit 3"),
            sh("breaks", "grep -q good value"),
            sh("is fixed", "grep -q bad value"),
        ];
        let tree = bench.proposal(&[("value", Some("bad\n"))]);
        let job = bench.job(&tree, checks);
        let untouched = bench.fingerprint();
        let (result, heard) = bench.validate(&job);
        assert!(untouched == bench.fingerprint(), "the user's repository was touched");
        let statuses: Vec<String> = result.checks.iter().map(status).collect();
        assert_eq!(statuses, ["passed", "failed", "broken", "fixed"]);
        // what is about to be called broken runs once more on both sides
        assert_eq!(heard.len(), 4 + 4 + 2 + 4);
        assert_eq!((heard[0].as_str(), heard[4].as_str(), heard[5].as_str()), ("+passes", "passes", "passes=passed"));
        assert_eq!(result.checks[2].note, "failed 2 of 2 runs; the base failed 0 of 2 runs");
        assert_eq!(result.checks[2].again.len(), 2);
        let fails = &result.checks[1];
        assert!(fails.confinement.starts_with(&confinement.level().to_string()), "{}", fails.confinement);
        let log = bench.log(fails);
        assert!(log.contains("`echo no; exit 3` on the proposal") && log.contains("\nno\n"), "{log}");
        assert!(fails.base_log.is_some() && fails.note == "it fails on the base too");
    }
}

#[test]
fn base_runs_are_kept_and_proposals_run_each_time() {
    let bench = Bench::new(&[("value", "good\n")]);
    let checks = vec![sh("one", "grep -q good value"), sh("two", "true")];
    let job = bench.job(&bench.proposal(&[("value", Some("bad\n"))]), checks.clone());
    assert_eq!(bench.validate(&job).1.iter().filter(|told| told.starts_with('+')).count(), 2 + 1);
    let (again, heard) = bench.validate(&job);
    assert_eq!(heard, ["one", "one", "two", "two=passed", "+one", "one=broken"]);
    assert_eq!(again.checks[0].baseline, BaselineStatus::Passed);
    assert!(again.checks[0].base_log.is_some());
    // another command is another check
    let other = bench.job(&job.tree, vec![checks[0].clone(), sh("two", "true; true")]);
    assert_eq!(bench.validate(&other).1.iter().filter(|told| told.starts_with('+')).count(), 1 + 1);
    // and other variables of its own make another
    let mut with_variable = checks.clone();
    with_variable[1].env.insert("A".into(), "1".into());
    let other = bench.job(&job.tree, with_variable);
    assert_eq!(bench.validate(&other).1.iter().filter(|told| told.starts_with('+')).count(), 1 + 1);
}

#[test]
fn a_test_that_fails_now_and_then_is_neither_broken_nor_fixed() {
    // a run sees what the one before it on the same side left
    let once = "if test -e ran; then exit 0; fi; touch ran; exit 1";
    let later = "if test -e ran; then exit 1; fi; touch ran; exit 0";
    for confinement in levels() {
        let check = |on_base: &str, on_proposal: &str, expected: &[(&str, &str)]| {
            let bench = Bench::at(confinement.clone(), &[("value", "good\n")]);
            let script = format!("if grep -q good value; then {on_base}; else {on_proposal}; fi");
            let job = bench.job(&bench.proposal(&[("value", Some("bad\n"))]), vec![sh("one", &script)]);
            for expected in expected {
                let (result, _) = bench.validate(&job);
                let found = (status(&result.checks[0]), result.checks[0].note.clone());
                assert_eq!((found.0.as_str(), found.1.as_str()), *expected, "{script}");
            }
        };
        check("true", once, &[("passed", "failed 1 of 2 runs")]);
        check("true", "exit 1", &[("broken", "failed 2 of 2 runs; the base failed 0 of 2 runs")]);
        let failed = "it fails on the base too; failed 2 of 2 runs; the base failed 1 of 2 runs";
        check(later, "exit 1", &[("failed", failed)]);
        // only an old result of the base is looked at again before something is called fixed
        check(once, "true", &[("fixed", ""), ("passed", "the base failed 1 of 2 runs")]);
        check("exit 1", "true", &[("fixed", ""), ("fixed", "the base failed 2 of 2 runs")]);
    }
}

#[test]
fn what_cannot_run_is_the_environments_fault() {
    let bench = Bench::new(&[("value", "good\n")]);
    let checks = vec![
        program("no program", &["no-such-program-4711"]),
        sh("no command", "no-such-program-4711"),
        Check { cwd: "missing".into(), ..sh("no folder", "true") },
        sh("no network", "echo 'Temporary failure in name resolution' >&2; exit 1"),
    ];
    let job = bench.job(&bench.proposal(&[("value", Some("bad\n"))]), checks);
    for _ in 0..2 {
        let (result, heard) = bench.validate(&job);
        for check in &result.checks {
            assert_eq!(status(check), "environment", "{check:?}");
            assert!(!check.note.is_empty() && check.log.is_some(), "{check:?}");
        }
        // what could not start is tried again
        assert_eq!(heard.iter().filter(|told| told.starts_with('+')).count(), 4);
    }
}

#[test]
fn time_that_is_up_is_told_and_not_kept() {
    let bench = Bench::new(&[("value", "good\n")]);
    let slow = Check { timeout_s: 1, ..sh("slow", "grep -q good value || exec sleep 60") };
    let job = bench.job(&bench.proposal(&[("value", Some("bad\n"))]), vec![slow]);
    let (result, _) = bench.validate(&job);
    assert_eq!(status(&result.checks[0]), "timed-out");
    assert_eq!(result.checks[0].note, "stopped after 1 s");
    let always = Check { timeout_s: 1, ..sh("always", "echo begun; exec sleep 60") };
    let job = bench.job(&job.tree, vec![always]);
    for _ in 0..2 {
        let (result, heard) = bench.validate(&job);
        assert_eq!((status(&result.checks[0]).as_str(), heard[0].as_str()), ("timed-out", "+always"));
        assert_eq!(result.checks[0].baseline, BaselineStatus::TimedOut);
        assert!(bench.log(&result.checks[0]).contains("begun"));
    }
}

#[test]
fn cancel_leaves_no_process() {
    for confinement in levels() {
        let mark = format!("98{}{}", std::process::id(), confinement.level() as u8);
        let bench = Bench::at(confinement, &[("value", "good\n")]);
        let script = format!("trap '' TERM; (setsid sleep {mark} &) ; sleep {mark} & sleep {mark}");
        let job = bench.job(&bench.proposal(&[("value", Some("bad\n"))]), vec![sh("endless", &script)]);
        let cancel = Cancel::new();
        let (from_outside, seen) = (cancel.clone(), mark.clone());
        let on_start = Box::new(move || {
            let (cancel, mark) = (from_outside.clone(), seen.clone());
            std::thread::spawn(move || {
                while !lives(&mark) {
                    std::thread::sleep(Duration::from_millis(20));
                }
                cancel.cancel();
            });
        });
        let heard = Heard { told: Mutex::default(), on_start };
        let started = Instant::now();
        let result = bench.validate_with(&job, &heard, &cancel);
        assert!(matches!(result, Err(ValidatorError::Cancelled)), "{result:?}");
        assert!(!lives(&mark), "a process lives on");
        assert!(started.elapsed() < Duration::from_secs(10), "took {:?}", started.elapsed());
        // and nothing stands in the way of the next
        assert_eq!(bench.statuses(&[("value", Some("bad\n"))], vec![sh("next", "true")]), ["next: passed"]);
    }
}

#[test]
fn a_group_stops_itself_and_no_other() {
    let bench = Bench::new(&[("value", "good\n")]);
    let of = |group: &str, check: Check| Check { group: group.to_owned(), ..check };
    let checks = vec![
        of("a", sh("a test", "true")),
        of("b", sh("b test", "true")),
        of("a", Check { kind: CheckKind::Build, ..sh("a build", "grep -q good value") }),
        sh("alone", "exit 1"),
        sh("alone too", "true"),
    ];
    let statuses = bench.statuses(&[("value", Some("bad\n"))], checks);
    let expected = ["a build: broken", "a test: skipped", "b test: passed", "alone: failed", "alone too: passed"];
    assert_eq!(statuses, expected);
}

#[test]
fn a_long_log_keeps_its_beginning_and_its_end() {
    let bench = Bench::new(&[("value", "good\n")]);
    let noisy = sh("noisy", "echo first; head -c 70000000 /dev/zero | tr '\\0' x; echo; echo last; test -f more");
    let (result, _) = bench.validate(&bench.job(&bench.proposal(&[("more", Some("m"))]), vec![noisy]));
    assert_eq!(status(&result.checks[0]), "fixed");
    let log = bench.log(&result.checks[0]);
    assert!(log.len() < (64 << 20) + 1000 && log.contains("bytes left out") && log.contains("\nlast\n"));
    assert!(log[..1000].contains("\nfirst\n"));
}

#[test]
fn nothing_of_the_environment_but_what_is_listed() {
    let bench = Bench::new(&[("value", "good\n")]);
    let mut job = bench.job(&bench.proposal(&[("more", Some("m"))]), vec![sh("env", "env; test \"$HOME\" != /root")]);
    job.environment.insert("AWS_SECRET_ACCESS_KEY".into(), "s3cr3t".into());
    job.environment.insert("LANG".into(), "C.UTF-8".into());
    job.plan.checks[0].env.insert("GIVEN".into(), "yes".into());
    let (result, _) = bench.validate(&job);
    let log = bench.log(&result.checks[0]);
    assert!(!log.contains("s3cr3t") && log.contains("LANG=C.UTF-8\n") && log.contains("GIVEN=yes\n"), "{log}");
    assert_eq!(status(&result.checks[0]), "passed");
    assert!(!holds(&bench.folder.path().join("worktrees"), "upper"), "a proposal's layer is gone");
}
