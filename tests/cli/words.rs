//! Words for people: several lines stay several, one thing is singular, and scores say why.

use serde_json::json;

use super::bench::Bench;
use super::sample::{self, EVIL};

fn shown(change: impl Fn(&mut serde_json::Value)) -> String {
    let bench = Bench::new();
    let mut session = sample::session("NeedsHuman");
    change(&mut session);
    bench.answer("show", session);
    bench.run("show 12").out
}

#[test]
fn reasons_of_several_lines_stay_lines() {
    let out = shown(|session| {
        session["reason"] = json!("no rule fits\nwhat would fit:\n  --rules a");
        session["next"] = json!("paraph regenerate 12");
        session["versions"][0]["patch_sets"][0]["decision"]["message"] = json!("first\nsecond");
        session["versions"][0]["gates"][0]["evidence"] = json!("one\ntwo");
    });
    assert!(!out.contains("^J"), "{out}");
    assert!(
        out.starts_with("12 NeedsHuman: no rule fits\n  what would fit:\n    --rules a\n  → paraph regenerate 12\n")
    );
    assert!(out.contains("\n      first\n      second\n") && out.contains("one\n    two\n"), "{out}");
    let bench = Bench::new();
    let failure = paraph::api::Failure::new(paraph::api::FailureKind::Failed, "a\nb").hint("c\nd");
    bench.fail("show", failure);
    assert_eq!(bench.run("show 12").err, "error: a\n       b\nhint: c\n      d\n");
}

#[test]
fn a_goal_of_several_lines_is_one_row() {
    let bench = Bench::new();
    let mut row = sample::row("Scored", true, false);
    row.goal = "fix\n  it".into();
    bench.answer("list", sample::list(&[row]));
    assert!(bench.run("list").out.ends_with("fix it\n"));
}

#[test]
fn scores_say_why_and_warnings_who_accepted_them() {
    let out = shown(|session| {
        let version = &mut session["versions"][0];
        version["score"]["dimensions"] = json!({"tests": 3.5});
        version["score"]["ratings"] =
            json!([{"dimension": "tests", "score": 35, "reasons": ["no test was added", "another"]}]);
        version["violations"][0]["overridden"] = json!(true);
        version["violations"][0]["accepted"] = json!({"by": "ada@vm", "message": "known\nfor long"});
    });
    let reasons = format!("  tests            3.5  no test was added\n{}another\n", " ".repeat(24));
    assert!(out.contains(&reasons), "{out}");
    assert!(out.contains("\n        overridden by ada@vm: known\n        for long\n"), "{out}");
}

#[test]
fn what_a_person_holds_says_so() {
    let bench = Bench::new();
    let mut row = sample::row("BranchApplied", false, false);
    row.paused = true;
    bench.answer("list", sample::list(&[row]));
    assert!(bench.run("list").out.contains(" paused "), "{:?}", bench.run("list"));
    let outcome = Bench::new().run("discard 12");
    assert_eq!(outcome.out, "  12 2 checkouts removed, 3.0 GiB\n");
    assert!(outcome.err.contains("1 checkout in use by a running check stayed"), "{outcome:?}");
}

#[test]
fn one_is_singular() {
    let bench = Bench::new().at_terminal("n\n");
    let mut panel = sample::panel(json!({"offer": "clean"}), json!(null));
    (panel["open_threads"], panel["drift"]) = (json!(1), json!(1));
    bench.answer("panel", panel);
    let err = bench.run("approve 12").err;
    assert!(err.contains("drift 1 commit, merges") && err.contains("· 1 open thread\n"), "{err}");
    let bench = Bench::new();
    let mut status = sample::status();
    (status["need_me"], status["sessions"]) = (json!(1), json!(1));
    bench.answer("status", status);
    assert!(bench.run("status").out.starts_with("1 needs you · 3 running\n1 session · "));
    let out = shown(|session| session["lanes"][0]["left_out"] = json!(1));
    assert!(out.contains("1 changed file of the working copy is left out"), "{out}");
}

#[test]
fn every_refusal_says_what_to_type_instead() {
    for line in [
        "merge 12 --pr 3",
        "run a --issue https://x.org/missing/b/issues/1",
        "diff 12 --task 1",
        "override 12@v1 G3 -m why",
        "artifacts 12 none",
        "audit export --out no/such/folder/file",
        "man --out /dev/null/x",
        "run a --patch no-such-file",
        "check-patch no-such-file",
        "run a --repo no-such-folder/x",
        "reject 12@v1 --digest 7f3a9c0d11aa -F no-such-file",
        "config get",
    ] {
        let mut bench = Bench::new();
        bench.workbench.repository = !line.contains("no-such-folder");
        let outcome = bench.run(line);
        assert!(outcome.status == 0 || outcome.err.contains("hint: "), "{line}: {outcome:?}");
        assert_eq!(outcome.status == 0, line == "config get", "{line}: {outcome:?}");
    }
    let bench = Bench::new();
    std::fs::write(bench.home.path().join("change.diff"), "x").expect("a file");
    let outcome = bench.run("run a --patch chnge.diff");
    assert!(outcome.err.contains("/change.diff is there"), "{outcome:?}");
}

#[test]
fn sessions_are_completed_without_a_daemon_and_described_with_one() {
    let bench = Bench::new();
    assert_eq!(bench.run("__complete sessions").out, "12\n");
    let described = bench.run("__complete sessions --described").out;
    assert!(described.starts_with("12\tScored ") && !described.contains(EVIL), "{described:?}");
    let none = Bench { daemon: false, ..Bench::new() };
    let outcome = none.run("__complete sessions");
    assert_eq!((outcome.status, outcome.out.as_str(), outcome.err.as_str()), (0, "", ""));
    for shell in ["bash", "zsh", "fish"] {
        let script = bench.run(&format!("completions {shell}")).out;
        assert!(script.contains("paraph __complete sessions"), "{shell}");
    }
    let bash = bench.run("completions bash").out;
    assert!(bash.contains("show|watch|diff|log|"), "the verbs that take a session");
    assert!(!bench.run("help").out.contains("__complete"), "it is no verb for people");
}

#[test]
fn the_issue_is_the_goal_where_nobody_wrote_another() {
    let url = "https://x.org/a/b/issues/1";
    let bench = Bench::new();
    let said = bench.run(&format!("run --issue {url} --forge gitea"));
    let asked = bench.request("run").expect("a session was asked for");
    assert_eq!((said.status, &asked["goal"]), (0, &json!(format!("It breaks {EVIL}"))));
    assert_eq!((&asked["issue"]["url"], &asked["issue"]["forge"]), (&json!(url), &json!("gitea")));
    assert!(
        said.err.starts_with("issue  It breaks") && said.err.contains("  3 comments, 1 more left out\n"),
        "{said:?}"
    );
    let digest = asked["issue"]["text"].as_str().expect("a digest").parse().expect("a digest");
    let stored = paraph::api::BlobStore::of_home(bench.home.path()).read(&digest).expect("it is stored");
    assert!(stored.starts_with(b"# It breaks"), "handed in as a blob");
    let bench = Bench::new();
    bench.run(&format!("run mine --issue {url}"));
    assert_eq!(bench.request("run").expect("asked")["goal"], "mine");
    let bench = Bench::new();
    let said = bench.run("run --issue https://x.org/missing/b/issues/1");
    assert_eq!((said.status, bench.asked()), (3, Vec::new()));
    assert_eq!(Bench::new().run("run a --forge gitea").status, 2);
}

#[test]
fn the_editor_is_asked_on_a_terminal_alone_and_told_what_goes_along() {
    let bench = Bench::new().at_terminal("");
    assert_eq!(bench.run("run --issue https://x.org/a/b/issues/1 -e").status, 0);
    let goal = bench.request("run").expect("asked")["goal"].clone();
    assert_eq!(
        goal,
        json!(format!("said {EVIL}\n\nIt breaks {EVIL}").replace('\r', "\n")),
        "nothing below the line is the goal"
    );
    assert!(!bench.home.path().join("goal.md").exists());
    let mut bench = Bench::new().at_terminal("");
    bench.editor = |_| "\n# ------------------------ >8 ------------------------\nx".to_owned();
    let said = bench.run("run");
    assert_eq!((said.status, bench.asked()), (130, Vec::new()), "{said:?}");
    let bench = Bench::new().at_terminal("");
    bench.fail("run", paraph::api::Failure::new(paraph::api::FailureKind::Unreachable, "gone"));
    let said = bench.run("run");
    assert!(said.status == 9 && said.err.contains("what you wrote is kept: paraph run -F "), "{said:?}");
    assert!(bench.home.path().join("goal.md").exists());
    for line in ["run", "run --json", "run -e a"] {
        let mut bench = Bench::new();
        bench.editor = |_| panic!("nobody sits there");
        assert_eq!(bench.run(line).status, 2, "{line}");
    }
}

#[test]
fn what_models_may_cost_is_told_before_and_alone() {
    let bench = Bench::new();
    let said = bench.run("run a-goal --engine llm --estimate");
    assert_eq!((said.status, bench.asked()), (0, vec!["estimate"]), "nothing is started");
    let words = "models may cost about $0.02 to at most $1.00 (the session's limit): 9 to 900 tokens";
    assert!(
        said.out.starts_with(&format!("{words}\n  ")) && said.out.contains("1 to 64 calls, $0.02 to $3.10"),
        "{said:?}"
    );
    assert_eq!(bench.request("estimate").expect("asked")["run"]["engine"], "llm");
    let bench = Bench::new();
    let mut session = sample::session("Created");
    session["estimate"] = sample::estimate();
    bench.answer("run", session);
    assert!(bench.run("run a-goal").err.contains(words));
    assert_eq!(bench.run("run a-goal --json").json()["estimate"]["most_usd"], "1.00");
    assert_eq!(Bench::new().run("run a --estimate --wait").status, 2);
    let bench = Bench::new();
    let said = bench.run("run a-goal --candidate rules --candidate llm:openai/gpt-4.1 --estimate");
    assert_eq!((said.status, bench.asked()), (0, vec!["estimate"]), "of several too");
    assert_eq!(bench.request("estimate").expect("asked")["run"]["candidates"][1]["model"], "openai/gpt-4.1");
}

#[test]
fn documents_are_written_again_by_a_word_of_their_own() {
    let bench = Bench::new();
    assert_eq!((bench.run("regenerate 12 --documents -m smaller").status, bench.asked()), (0, vec!["rewrite"]));
    assert_eq!(bench.request("rewrite").expect("asked"), json!({"session": 12, "message": "smaller"}));
    for line in ["--engine llm", "--rules a", "--exclude a.rs", "--patch a.diff", "--agent claude"] {
        assert_eq!(Bench::new().run(&format!("regenerate 12 --documents {line}")).status, 2, "{line}");
    }
}

#[test]
fn the_monitor_is_handed_both_ends_of_a_log_and_its_word_is_the_exit_status() {
    let bench = Bench::new();
    let mut row = sample::row("Done", false, false);
    row.running = false;
    bench.answer("list", sample::list(&[row]));
    let mut done = sample::session("Done");
    let degraded = bench.home.path().join("ci.log");
    let lines: String = (0..40_000).map(|at| format!("line {at}\n")).collect();
    std::fs::write(&degraded, &lines).expect("it can be written");
    let outcome = bench.run("monitor 12 --log ci.log");
    assert_eq!(outcome.status, 7, "{outcome:?}");
    assert!(outcome.out.contains("that is not in what it was given"), "{outcome:?}");
    let log = bench.request("monitor").expect("asked")["log"].as_str().expect("a log").to_owned();
    assert!(log.starts_with("line 0\nline 1\n") && log.ends_with("\nline 39999\n"), "{} bytes", log.len());
    assert!(log.len() < 130 << 10 && log.matches("left out").count() == 1, "{} bytes", log.len());
    assert!(log.lines().all(|line| line.contains("left out") || lines.contains(&format!("{line}\n"))), "whole lines");
    std::fs::write(&degraded, "short\n").expect("it can be written");
    bench.run("monitor 12 --log ci.log");
    assert_eq!(bench.request("monitor").expect("asked")["log"], "short\n");
    // its finding rests on words that are nowhere: no such word is good news
    for (word, quoted, status) in [("healthy", "not-found", 10), ("healthy", "found", 0), ("unclear", "found", 10)] {
        done["monitors"][0]["report"]["word"] = json!(word);
        for finding in done["monitors"][0]["report"]["findings"].as_array_mut().expect("findings") {
            finding["quoted"] = json!(quoted);
        }
        bench.answer("show", done.clone());
        bench.answer("monitor", done.clone());
        assert_eq!(bench.run("monitor 12 --json").status, status, "{word}");
    }
    done["monitors"][0]["report"] = json!(null);
    done["monitors"][0]["unsaid"] = json!(["budget-spent", "the budget is spent"]);
    bench.answer("show", done.clone());
    bench.answer("monitor", done);
    let outcome = bench.run("monitor 12");
    assert!(outcome.status == 8 && outcome.out.contains("nothing was said: the budget is spent"), "{outcome:?}");
}
