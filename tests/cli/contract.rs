//! What scripts rely on: exit statuses, one JSON object with a schema, streams kept apart.

use paraph::api::{Failure, FailureKind};
use serde_json::{Value, json};

use super::bench::Bench;
use super::sample::{self, digest};

/// A command line for every verb, such that the bench's service answers it.
pub(crate) fn every_verb() -> Vec<String> {
    let decided = format!("--digest {} -m why", digest());
    let patch = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    [
        "run a-goal",
        "run a-goal --wait",
        "run a-goal --estimate",
        "run a-goal --estimate --candidate rules --candidate llm",
        "run --issue https://x.org/a/b/issues/1",
        "run a-goal --candidate rules --candidate llm:openai/gpt-4.1",
        "adopt feature",
        "adopt --dirty",
        &format!("check-patch {patch}"),
        "list",
        "show 12@v1",
        "next",
        "watch",
        "diff 12@v1",
        "diff 12 --stat --against v1",
        "log 12",
        "artifacts 12",
        "artifacts 12 explanation@v1",
        "context 12",
        "beads --run 12",
        "comment 12@v1 --file src/a.rs --line 1-2 -m words",
        "comments 12",
        "comments 12 --format prompt",
        "resolve 12 3",
        &format!("approve 12@v1 {decided}"),
        &format!("reject 12@v1 {decided}"),
        &format!("request-changes 12@v1 {decided}"),
        "override 12@v1 rule -m why",
        "regenerate 12 -m why",
        "regenerate 12 --documents -m why",
        "check 12 --base-too",
        "go 12 -m why",
        "defer 12 -m why",
        "decline 12 -m why",
        "tick 12@v1 A1",
        "compare 12",
        "compare 12 13",
        &format!("pick 12@v1 --digest {}", digest()),
        "budget 12",
        "budget 12 --usd 2.50",
        "models",
        "drop 12 --repo r",
        "steer 12 -m shorter",
        "pause 12",
        "resume 12",
        "discard 12",
        "cancel 12",
        "publish 12",
        "monitor 12",
        "merge 12 --pr 7",
        "index",
        "audit show",
        "audit verify",
        "audit export",
        "replay 12@v1",
        "recover",
        "metrics",
        "metrics --prometheus",
        "status",
        "status --tmux",
        "daemon start",
        "daemon status",
        "doctor",
        "init",
        "trust",
        "config get",
        "config path",
        "config check",
        "theme lint mine.toml",
        "__complete sessions",
        "completions bash",
        "help",
        "help lifecycle",
    ]
    .map(str::to_owned)
    .to_vec()
}

#[test]
fn every_verb_answers_one_json_object_with_a_schema() {
    for line in every_verb() {
        let outcome = Bench::new().run(&format!("{line} --json"));
        let lines: Vec<Value> = outcome
            .out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect();
        assert!(lines.len() == 1 || line == "watch", "{line}: {outcome:?}");
        for object in &lines {
            let schema = object["schema"].as_str().unwrap_or_else(|| panic!("{line}: {object}"));
            assert!(schema.starts_with("paraph.") && schema.contains('/'), "{line}: {schema}");
        }
    }
}

#[test]
fn every_verb_of_the_grammar_is_in_the_table() {
    let bench = Bench::new();
    let pages = bench.run("man --out man --json").json();
    let lines = every_verb();
    for page in pages["pages"].as_array().expect("pages") {
        let verb = page.as_str().and_then(|page| page.strip_prefix("paraph-")?.strip_suffix(".1")).unwrap_or("help");
        let known = |line: &String| line.split(' ').next().is_some_and(|first| verb.starts_with(first));
        let of_the_terminal = matches!(verb, "demo" | "man");
        assert!(of_the_terminal || lines.iter().any(known), "{verb} is tested by no line");
    }
}

#[test]
fn a_verb_that_lacks_its_word_says_which_there_are() {
    for (line, told) in [
        ("config", "`paraph config` needs one of: path, get, set, check, origins"),
        ("daemon", "`paraph daemon` needs one of: run, start, stop, status"),
        ("audit", "`paraph audit` needs one of: show, verify, export"),
        ("theme --color never", "`paraph theme` needs one of: lint"),
    ] {
        let outcome = Bench::new().run(line);
        assert_eq!((outcome.status, outcome.out.as_str()), (2, ""), "{line}");
        let verb = line.split(' ').next().expect("a verb");
        assert_eq!(outcome.err, format!("error: {told}\nhint: paraph help {verb}\n"));
    }
}

#[test]
fn words_for_people_are_not_data() {
    let outcome = Bench::new().run("list");
    assert_eq!(outcome.out.lines().count(), 1, "{outcome:?}");
    let empty = Bench::new();
    empty.answer("list", json!({"schema": "paraph.list/1", "sessions": [], "totals": {}}));
    let outcome = empty.run("list");
    assert_eq!((outcome.out.as_str(), outcome.status), ("", 0));
    assert!(outcome.err.contains("paraph run"), "{outcome:?}");
}

#[track_caller]
fn ends(bench: &Bench, line: &str, status: u8) {
    let outcome = bench.run(line);
    assert_eq!(outcome.status, status, "{line}: {outcome:?}");
    let json = bench.run(&format!("{line} --json"));
    assert_eq!(json.status, status, "{line} --json: {json:?}");
}

#[test]
fn every_kind_of_failure_has_its_exit_status() {
    let kinds = [
        (FailureKind::Failed, 1),
        (FailureKind::Usage, 2),
        (FailureKind::NotFound, 3),
        (FailureKind::SignIn, 4),
        (FailureKind::Conflict, 5),
        (FailureKind::Refused, 6),
        (FailureKind::ValidationFailed, 7),
        (FailureKind::Budget, 8),
        (FailureKind::Unreachable, 9),
        (FailureKind::NeedsHuman, 10),
        (FailureKind::TimedOut, 124),
        (FailureKind::Interrupted, 130),
    ];
    for (kind, status) in kinds {
        let bench = Bench::new();
        bench.fail("show", Failure::new(kind, "no").hint("paraph list"));
        ends(&bench, "show 12", status);
        let outcome = bench.run("show 12 --json");
        assert_eq!(outcome.json()["schema"], "paraph.failure/1");
        assert_eq!(outcome.json()["exit"], status);
        assert_eq!(outcome.err, "error: no\nhint: paraph list\n");
    }
}

#[test]
fn verbs_that_find_something_say_so_by_their_status() {
    ends(&Bench::new(), "list", 0);
    ends(&Bench::new(), "merge 12 --pr 3", 6);
    ends(&Bench::new(), "theme lint", 0);
    ends(&Bench::new(), "theme lint mine.toml", 1);
    ends(&Bench::new(), "run a --issue https://x.org/missing/b/issues/1", 3);
    ends(&Bench::new(), "diff 12 --task 1", 6);
    ends(&Bench::new(), "override 12@v1 G3 -m why", 6);
    ends(&Bench::new(), "artifacts 12 none", 3);
    let mut bench = Bench::new();
    (bench.workbench.verified, bench.workbench.doctor) = (sample::verified(false), sample::doctor("fail"));
    ends(&bench, "audit verify", 1);
    ends(&bench, "doctor", 1);
    bench.workbench.doctor = sample::doctor("warn");
    ends(&bench, "doctor", 0);
}

#[test]
fn a_replay_tells_apart_what_differs_and_what_is_not_recorded() {
    for (same, complete, status) in [(true, true, 0), (true, false, 6), (false, true, 1), (false, false, 1)] {
        let mut bench = Bench::new();
        bench.workbench.replayed = sample::replayed(same, complete);
        ends(&bench, "replay 12", status);
    }
}

#[test]
fn check_patch_tells_apart_what_does_not_apply_and_what_is_blocked() {
    for (applies, severity, status) in [
        (true, None, 0),
        (true, Some("WARN"), 0),
        (false, None, 1),
        (true, Some("BLOCK"), 6),
        (false, Some("BLOCK"), 6),
    ] {
        let mut bench = Bench::new();
        bench.typed = b"diff --git a/a b/a\n".to_vec();
        bench.workbench.checked = sample::checked_patch(applies, severity);
        ends(&bench, "check-patch -", status);
    }
}

#[test]
fn wrong_usage_is_2_and_helps() {
    let check = |line: &str, helps: &str| {
        let outcome = Bench::new().run(line);
        assert_eq!(outcome.status, 2, "{line}: {outcome:?}");
        assert!(outcome.err.starts_with("error: ") && outcome.err.contains(helps), "{line}: {outcome:?}");
        assert_eq!(outcome.out, "");
        let json = Bench::new().run(&format!("{line} --json"));
        assert_eq!((json.status, json.json()["kind"].clone()), (2, json!("usage")), "{line}");
    };
    check("lst", "'list'");
    check("list --jsn", "'--json'");
    check("show", "<ID[@vN]>");
    check("show abc", "such as 12 or 12@v3");
    check("show 12@", "such as 12 or 12@v3");
    check("list --limit many", "many");
    check("diff 12 --against v0", "a version such as v2");
    check("audit verify --anchor 5", "a sequence, a colon");
    check("comment 12@v1 --file f --line 9-3 -m x", "a range of lines");
    check("comment 12@v1", "-m TEXT");
    check("override 12@v1 rule", "needs a reason");
    check("run", "GOAL");
    check("run a --kind nonsense", "bugfix, refactor, feature, docs or deps");
    check("run a --engine nonsense", "rules, patch, adopt, llm, command or agent");
    check("help nonsense", "lifecycle");
    check("", "a terminal");
}

#[test]
fn nothing_that_needs_no_daemon_starts_one() {
    let mut bench = Bench::new();
    bench.daemon = false;
    for line in [
        "status",
        "status --tmux",
        "daemon stop",
        "doctor",
        "audit verify",
        "recover",
        "config path",
        "help",
        "check-patch -",
    ] {
        let outcome = bench.run(line);
        assert_eq!(outcome.status, 0, "{line}: {outcome:?}");
    }
    assert_eq!(bench.run("status").out, "no daemon runs\n");
    assert_eq!(bench.run("status --tmux").out, "");
    assert_eq!(bench.run("status --json").json(), json!({"schema": "paraph.status/1", "daemon": false}));
    ends(&bench, "daemon status", 9);
    ends(&bench, "list", 9);
    assert!(bench.asked().is_empty());
}

#[test]
fn the_tmux_line_names_only_what_is_there() {
    assert_eq!(Bench::new().run("status --tmux").out, "2 need you · 3 running\n");
}

#[test]
fn a_reader_who_goes_away_ends_it_quietly() {
    for line in every_verb() {
        let mut bench = Bench::new();
        bench.nobody_reads = true;
        let outcome = bench.run(&line);
        assert!(!outcome.err.contains("error:") || matches!(outcome.status, 6), "{line}: {outcome:?}");
    }
}

#[test]
fn a_repository_is_found_or_said_to_be_missing() {
    let bench = Bench::new();
    bench.run("run a-goal");
    let here = bench.home.path().to_str().expect("a plain path");
    let of = |bench: &Bench| bench.request("run").expect("asked")["repositories"].clone();
    assert_eq!(of(&bench), json!([{"source": {"path": here}, "base": "head"}]));
    bench.run("run a-goal --repo https://example.org/x.git --repo sub --base main~1");
    let sub = format!("{here}/sub");
    let expected = json!([
        {"source": {"url": "https://example.org/x.git"}, "base": {"rev": "main~1"}},
        {"source": {"path": sub}, "base": {"rev": "main~1"}},
    ]);
    assert_eq!(of(&bench), expected);
    let mut nowhere = Bench::new();
    nowhere.workbench.repository = false;
    ends(&nowhere, "run a-goal", 3);
    assert!(nowhere.asked().is_empty(), "nothing was started");
}

#[test]
fn a_patch_crosses_as_a_blob() {
    let mut bench = Bench::new();
    bench.typed = b"diff --git a/x b/x\n".to_vec();
    let outcome = bench.run("run --patch - --json");
    assert_eq!(outcome.status, 0, "{outcome:?}");
    let request = bench.request("run").expect("asked");
    assert_eq!(request["patch"], json!(paraph::id::Digest::of(b"diff --git a/x b/x\n").to_string()));
    assert_eq!(request["goal"], "review a patch");
    bench.typed = b"  \n".to_vec();
    ends(&bench, "run --patch -", 2);
    ends(&bench, "run --patch no-such-file goal", 1);
}

#[test]
fn work_is_adopted_as_what_it_is() {
    let check = |named: &str, expected: Value| {
        let bench = Bench::new();
        std::fs::create_dir_all(bench.home.path().join("tree/.git")).expect("a folder");
        let outcome = bench.run(&format!("adopt {named} -m why"));
        assert_eq!(outcome.status, 0, "{outcome:?}");
        let request = bench.request("adopt").expect("asked");
        assert_eq!((&request["work"], &request["goal"]), (&expected, &json!("why")), "{named}");
    };
    check("feature/login", json!({"branch": "feature/login"}));
    check("main..topic", json!({"range": "main..topic"}));
    check("main...topic", json!({"range": "main...topic"}));
    check("--dirty", json!("dirty"));
    let ends_in_tree = |named: &str| {
        let bench = Bench::new();
        std::fs::create_dir_all(bench.home.path().join("tree/.git")).expect("a folder");
        bench.run(&format!("adopt {named}"));
        let path = bench.request("adopt").expect("asked")["work"]["worktree"].as_str().expect("a path").to_owned();
        assert!(path.trim_end_matches('/').ends_with("tree"), "{path}");
    };
    ends_in_tree("tree");
    ends_in_tree("./tree/");
    assert_eq!(Bench::new().run("adopt").status, 2);
    assert_eq!(Bench::new().run("adopt x --dirty").status, 2);
}
