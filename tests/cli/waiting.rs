//! `run --wait`: progress on standard error, the exit status of the first thing that fits.

use serde_json::{Value, json};

use super::bench::Bench;
use super::sample;

fn waits(state: &str, change: impl Fn(&mut Value)) -> (Bench, super::bench::Outcome) {
    let bench = Bench::new();
    let mut settled = sample::session(state);
    change(&mut settled);
    bench.answer("show", settled);
    bench.answer("list", sample::list(&[sample::row("Created", false, true)]));
    bench.notices(vec![
        sample::notice_changed("Proposed", false, true),
        sample::notice_changed("Validated", true, true),
        sample::notice_changed(state, true, false),
    ]);
    let outcome = bench.run("run a-goal --wait --json");
    (bench, outcome)
}

#[track_caller]
fn check(state: &str, change: impl Fn(&mut Value), status: u8) {
    let (_, outcome) = waits(state, change);
    assert_eq!(outcome.status, status, "{state}: {outcome:?}");
    assert_eq!(outcome.json()["schema"], "paraph.session/1");
    for state in ["Created", "Proposed", state] {
        assert!(outcome.err.contains(state), "{outcome:?}");
    }
}

fn version(view: &mut Value) -> &mut Value {
    &mut view["versions"][0]
}

#[test]
fn the_first_that_fits_is_the_exit_status() {
    let as_it_is = |_: &mut Value| {};
    let broken = |view: &mut Value| version(view)["checks"] = json!([sample::check("broken")]);
    let timed_out = |view: &mut Value| {
        version(view)["checks"] = json!([sample::check("broken"), sample::check("timed-out")]);
    };
    let blocked = |view: &mut Value| version(view)["violations"] = json!([sample::violation("BLOCK")]);
    let unverified = |view: &mut Value| version(view)["unverified"] = json!("not trusted");
    check("Scored", as_it_is, 0);
    check("Scored", |view| version(view)["checks"] = json!([sample::check("failed")]), 0);
    check("Scored", |view| version(view)["checks"] = json!([sample::check("environment")]), 0);
    check("Scored", broken, 7);
    check("Scored", |view| version(view)["gates"] = sample::gates(Some(false)), 7);
    check("Scored", |view| version(view)["gates"] = sample::gates(None), 0);
    check("Scored", |view| (blocked(view), version(view)["gates"] = sample::gates(Some(false))).0, 6);
    check("Scored", blocked, 6);
    check("Scored", |view| (blocked(view), broken(view)).0, 6);
    check("Scored", unverified, 10);
    check("Scored", |view| (unverified(view), blocked(view)).0, 10);
    check("BlockedPolicy", |view| (unverified(view), blocked(view)).0, 6);
    check("NeedsHuman", |view| view["versions"] = json!([]), 10);
    check("Failed", broken, 1);
    check("Scored", timed_out, 124);
    check("Cancelled", timed_out, 130);
}

#[test]
fn unverified_names_the_way_out() {
    let (bench, _) = waits("Scored", |view| version(view)["unverified"] = json!("not trusted"));
    bench.notices(vec![sample::notice_changed("Scored", true, false)]);
    let outcome = bench.run("run a-goal --wait");
    assert!(outcome.err.contains("hint: paraph trust"), "{outcome:?}");
}

#[test]
fn a_service_that_leaves_is_asked_again() {
    let bench = Bench::new();
    bench.notices(vec![paraph::api::Notice::Leaving]);
    bench.answer("list", sample::list(&[sample::row("Scored", true, false)]));
    assert_eq!(bench.run("run a-goal --wait").status, 0);
}

#[test]
fn watch_prints_a_notice_a_line() {
    let bench = Bench::new();
    bench.notices(vec![sample::notice_changed("Proposed", false, true), paraph::api::Notice::Leaving]);
    let outcome = bench.run("watch --json");
    let types: Vec<Value> =
        outcome.out.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["type"].clone()).collect();
    assert_eq!(types, ["session-changed", "session-changed", "leaving"], "{outcome:?}");
    let over = Bench::new();
    over.notices(vec![sample::notice_changed("Done", false, false), sample::notice_changed("Done", false, false)]);
    assert_eq!(over.run("watch 12").out.lines().filter(|line| line.contains("Done")).count(), 1);
}
