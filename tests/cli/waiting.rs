//! `run --wait`: progress on standard error, the exit status of the first thing that fits.

use paraph::api::Notice;
use paraph::clock::Timestamp;
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
    check("Scored", |view| version(view)["gates"] = sample::gates(None), 10);
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
    over.answer("list", sample::list(&[sample::row("Created", false, true)]));
    over.notices(vec![sample::notice_changed("Done", false, false), sample::notice_changed("Done", false, false)]);
    assert_eq!(over.run("watch 12").out.lines().filter(|line| line.contains("Done")).count(), 1);
}

#[track_caller]
fn watched(state: &str, needs_me: bool, running: bool, status: u8) {
    let bench = Bench::new();
    bench.answer("list", sample::list(&[sample::row("Created", false, true)]));
    bench.notices(vec![sample::notice_changed(state, needs_me, running), paraph::api::Notice::Leaving]);
    let outcome = bench.run("watch 12");
    assert_eq!(outcome.status, status, "{state}: {outcome:?}");
    assert_eq!(outcome.out.contains("the service leaves"), running, "it went on only while something ran: {outcome:?}");
}

#[test]
fn one_session_is_watched_until_nothing_more_happens_by_itself() {
    watched("Done", false, false, 0);
    watched("Scored", true, false, 10);
    watched("NeedsHuman", true, false, 10);
    watched("Proposed", false, true, 0);
}

/// The lines of the last frame that was drawn, after what a terminal is told to do with them.
fn frame(size: (usize, usize), states: &[&str]) -> Vec<String> {
    let mut bench = Bench::new().at_terminal("");
    bench.size = Some(size);
    let rows: Vec<_> = states
        .iter()
        .enumerate()
        .map(|(at, state)| {
            let mut row = sample::row(state, false, true);
            row.id = paraph::id::SessionId(at as u64 + 1);
            row
        })
        .collect();
    bench.answer("list", sample::list(&rows));
    bench.notices(vec![paraph::api::Notice::Leaving]);
    let out = bench.run("watch --color never").out;
    assert!(out.ends_with("\x1b[J\r\x1b[K"), "the cursor waits on an empty line: {out:?}");
    let last = out.rsplit("\x1b[H").next().expect("a frame").split("\x1b[J").next().expect("its lines");
    last.split_terminator("\x1b[K\r\n").map(str::to_owned).collect()
}

#[track_caller]
fn pane(size: (usize, usize), states: &[&str], first: &str, last: &str) {
    let lines = frame(size, states);
    assert!(lines.len() < size.1, "a row is left for the cursor: {lines:?}");
    for line in &lines {
        assert!(paraph::text::width::columns(line) < size.0, "nothing wraps: {line:?}");
    }
    let starts = |line: Option<&String>, with: &str| line.is_some_and(|line| line.starts_with(with));
    assert!(starts(lines.first(), first) && starts(lines.last(), last), "{lines:?}");
}

#[test]
fn on_a_terminal_watch_is_a_pane_of_a_line_a_session() {
    pane((80, 24), &["Proposed", "Scored"], "* 2 Scored           ", "* 1 Proposed         ");
    pane((20, 6), &["BranchApplied", "ChangesRequested"], "* 2 ChangesReq", "* 1 BranchAppl");
    pane((20, 6), &["Scored"; 9], "* 9 Scored", "+5 more");
    pane((20, 6), &["Scored"; 5], "* 5 Scored", "* 1 Scored");
    pane((80, 24), &["Done", "Scored", "Done"], "* 2 Scored", "- 1 Done");
    pane((5, 2), &["Scored"], "* 1", "* 1");
}

#[test]
fn what_was_told_is_not_told_again_by_older_notices() {
    let bench = Bench::new();
    let aged = |state: &str, needs_me, running, second: i64| {
        let mut row = sample::row(state, needs_me, running);
        row.updated_at = Timestamp(row.updated_at.0 + second * 1000);
        row
    };
    let told = |row| Notice::SessionChanged { row: Box::new(row) };
    bench.answer("show", sample::session("Scored"));
    bench.answer("list", sample::list(&[aged("SnapshotLoaded", false, true, 2)]));
    bench.notices(vec![
        told(aged("Created", false, true, 1)),
        told(aged("SnapshotLoaded", false, true, 2)),
        told(aged("Scored", true, false, 9)),
    ]);
    let outcome = bench.run("run a-goal --wait");
    assert_eq!(outcome.err.matches("SnapshotLoaded").count(), 1, "{outcome:?}");
    assert!(!outcome.err.contains("Created") && outcome.err.contains("Scored"), "{outcome:?}");
}
