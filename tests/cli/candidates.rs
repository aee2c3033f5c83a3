//! Candidates: named on the command line, compared, and picked by nobody who did not see them.

use paraph::api::{Failure, FailureKind};
use serde_json::{Value, json};

use super::bench::Bench;
use super::sample::{self, digest};

#[test]
fn each_flag_names_a_candidate() {
    let bench = Bench::new();
    std::fs::write(bench.home.path().join("a.diff"), "--- a/a\n+++ b/a\n").expect("written");
    let line = "run a-goal --candidate rules --candidate rules:a,b --candidate llm --candidate llm:openai/gpt-4.1 \
                --candidate agent:codex --candidate command:ruff --candidate patch:a.diff";
    assert_eq!(bench.run(line).status, 0);
    let asked = bench.request("run").expect("it is asked");
    let one = |engine: &str, more: Value| {
        let mut one = json!({"engine": engine, "model": null, "rules": [], "patch": null, "program": null});
        one.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        one
    };
    let patch = paraph::id::Digest::of(b"--- a/a\n+++ b/a\n").to_string();
    let expected = [
        one("rules", json!({})),
        one("rules", json!({"rules": ["a", "b"]})),
        one("llm", json!({})),
        one("llm", json!({"model": "openai/gpt-4.1"})),
        one("agent", json!({"program": {"name": "codex"}})),
        one("command", json!({"program": {"name": "ruff"}})),
        one("patch", json!({"patch": patch})),
    ];
    assert_eq!(asked["candidates"], json!(expected));
    assert_eq!(asked["engine"], Value::Null);
}

#[test]
fn hosts_are_for_every_agent_among_them() {
    let bench = Bench::new();
    let line = "run a-goal --candidate agent:codex --candidate rules --candidate agent:claude --allow-host a.org:81";
    assert_eq!(bench.run(line).status, 0);
    let asked = bench.request("run").expect("it is asked");
    let hosts: Vec<&Value> = (0..3).map(|at| &asked["candidates"][at]["program"]["hosts"]).collect();
    assert_eq!(hosts, [&json!(["a.org:81"]), &Value::Null, &json!(["a.org:81"])]);
}

#[test]
fn a_candidate_that_is_none_starts_nothing() {
    for line in [
        "run a-goal --candidate no-engine --candidate rules",
        "run a-goal --candidate rules --engine rules",
        "run a-goal --candidate rules --command ruff",
        "run a-goal --candidate rules --candidate patch:no-such-file",
    ] {
        let bench = Bench::new();
        let outcome = bench.run(line);
        assert!(outcome.status == 1 || outcome.status == 2, "{line}: {outcome:?}");
        assert!(outcome.err.contains("hint: "), "{line}: {outcome:?}");
        assert!(!bench.asked().contains(&"run"), "{line}");
    }
}

#[test]
fn a_session_without_candidates_asks_as_it_always_did() {
    let bench = Bench::new();
    bench.run("run a-goal");
    let asked = bench.request("run").expect("it is asked");
    assert!(asked.get("candidates").is_none(), "{asked}");
}

#[test]
fn waiting_for_candidates_ends_in_their_comparison() {
    let bench = Bench::new();
    let mut started = sample::session("Scored");
    started["candidates"] = json!([12, 13, 14]);
    bench.answer("run", started.clone());
    bench.answer("show", started);
    let rows = [12, 13, 14].map(|id| {
        let mut row = sample::row("Scored", true, false);
        row.id = paraph::id::SessionId(id);
        row
    });
    bench.answer("list", sample::list(&rows));
    let outcome = bench.run("run a-goal --candidate rules --candidate rules --wait --json");
    assert_eq!(outcome.json()["schema"], "paraph.comparison/1");
    assert_eq!(bench.request("compare"), Some(json!({"sessions": [12]})));
    assert_eq!(bench.asked().iter().filter(|route| **route == "show").count(), 3, "each is waited for");
}

#[test]
fn a_comparison_is_data_or_a_table() {
    let bench = Bench::new();
    let json = bench.run("compare 12 --json").json();
    assert_eq!((json["candidates"].as_array().map(Vec::len), &json["field"]), (Some(3), &json!(12)));
    let mut wide = Bench::new().at_terminal("");
    wide.terminal.columns = 120;
    let out = wide.run("compare 12 --color never").out;
    for wanted in [
        "12@v1 ",
        "13@v1 ",
        "\nscore ",
        "8.1",
        "1 broken",
        "3 fixed, 4 broken",
        "1 BLOCK, 2 WARN",
        "3 files, +12 -4",
        "1200 in, 34 out",
        "$0.0519",
        "= 13 ~ 14",
        "7f3a9c0d11aa",
    ] {
        assert!(out.contains(wanted), "{wanted}: {out}");
    }
    assert!(out.lines().all(|line| line.chars().count() <= 120), "{out}");
    let mut narrow = Bench::new().at_terminal("");
    narrow.terminal.columns = 40;
    let out = narrow.run("compare 12 --color never").out;
    assert_eq!(out.matches("\nsession ").count(), 3, "one below the other: {out}");
}

#[test]
fn a_pick_names_what_was_seen() {
    let check = |line: &str, status: u8| {
        let bench = Bench::new();
        let outcome = bench.run(line);
        assert_eq!(outcome.status, status, "{line}: {outcome:?}");
        assert_eq!(bench.asked().contains(&"pick"), status == 0, "{line}");
    };
    check("pick 12@v1 --digest 7f3a9c0d11aa", 0);
    check("pick 12@v1 --digest 7F3A9C0D11AA", 0);
    check("pick 12@v1 --digest 7f3a9c0d11a", 2);
    check("pick 12 --digest 7f3a9c0d11aa", 2);
    check("pick 12@v1", 2);
    let bench = Bench::new();
    bench.run("pick 12@v1 --digest 7f3a9c0d11aa");
    assert_eq!(bench.request("pick"), Some(json!({"session": "12@v1", "digest": "7f3a9c0d11aa"})));
}

#[test]
fn who_is_second_is_told_who_was_first() {
    let bench = Bench::new();
    let message = "13@v1 was already picked by ben@build1 at 2026-11-20T09:30:00.000Z";
    bench.fail("pick", Failure::new(FailureKind::Conflict, message).hint("paraph show 13"));
    let outcome = bench.run("pick 12@v1 --digest 7f3a9c0d11aa");
    assert_eq!(outcome.status, 5);
    assert!(outcome.err.contains(message) && outcome.err.contains("hint: paraph show 13"), "{outcome:?}");
}

#[test]
fn on_a_terminal_the_comparison_is_shown_and_a_second_key_picks() {
    for (typed, status) in [("y\n", 0), ("Y\n", 0), ("\n", 130), ("", 130), ("yes please\n", 130)] {
        let bench = Bench::new().at_terminal(typed);
        let outcome = bench.run("pick 12@v1");
        assert_eq!(outcome.status, status, "{typed:?}: {outcome:?}");
        assert!(outcome.out.contains("8.1"), "it was shown: {outcome:?}");
        let picked = bench.request("pick");
        assert_eq!(picked.is_some(), status == 0, "{typed:?}");
        assert!(picked.is_none_or(|it| it["digest"] == digest()), "the whole digest that was shown");
    }
    let none = Bench::new().at_terminal("y\n");
    assert_eq!(none.run("pick 14@v1").status, 3, "it has no version");
    assert!(!none.asked().contains(&"pick"));
}
