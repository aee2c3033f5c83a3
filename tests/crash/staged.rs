//! The daemon aborts in every stage that asks a model, with a server that speaks the models' part, and another one
//! finishes the session: once, and as if nothing had happened.

use std::os::unix::process::ExitStatusExt as _;

use serde_json::Value;

use crate::den::{Den, FILE, GOAL, eventually};
use crate::for_each;
use crate::points::Faulty;
use crate::speaker::{Speaker, complete};

const CHECK: &str =
    "[[check]]\nname = \"unit\"\nkind = \"test\"\ncommand = [\"sh\", \"-c\", \"test -f tests/test_a.py\"]\n";

/// When the base was committed: its digest is part of what is compared.
const WHEN: &str = "2026-11-20T09:30:00Z";

/// What a session of every stage comes to: the files of its version, whose they are, and how often each thing happened.
#[derive(Debug, PartialEq)]
struct Came {
    files: Vec<(String, u64)>,
    parts: Vec<(String, String)>,
    digest: String,
    events: Vec<(&'static str, usize)>,
    /// Answers that were paid for: what a crash cut off is not bought again.
    bought: usize,
}

/// What has to happen once, whatever died.
const ONCE: [&str; 9] = [
    "indexed",
    "triage-found",
    "planned",
    "proposed",
    "branch-applied",
    "validated",
    "reviewed",
    "runbook-written",
    "scored",
];

fn comes(fault: Option<&str>) -> (Came, Vec<Value>) {
    let den = Den::new();
    let files = [("a.py", FILE), ("README.md", "# shop\n"), (".paraph.toml", CHECK)];
    let repository = den.repository("shop", &files);
    let mut amend = repository.command(&["commit", "-q", "--amend", "--no-edit", "--date", WHEN]);
    assert!(amend.env("GIT_COMMITTER_DATE", WHEN).status().unwrap().success());
    let speaker = Speaker::start(&complete());
    let roles: Vec<&str> = complete().iter().map(|(role, _)| *role).collect();
    speaker.configure(&den.path().join("user"), &roles, &[]);
    den.run(&["trust", repository.arg()]).ended(0);
    den.line("daemon stop").ended(0);
    let faulty = fault.map(|fault| Faulty::start(&den, fault));
    let run = ["run", GOAL, "--repo", repository.arg(), "--engine", "llm", "--playbook", "shipped", "--json"];
    // one that died before it answered is asked again where nothing was recorded
    eventually("a session", || {
        let listed = den.line("list --json");
        let is_there = listed.done() && !listed.json()["sessions"].as_array().is_some_and(Vec::is_empty);
        (is_there || den.run(&run).done()).then_some(())
    });
    let view = eventually("a scored version", || {
        let said = den.line("show 1 --json");
        said.has_not_panicked();
        let view = said.done().then(|| said.json())?;
        assert_ne!(view["state"], "NeedsHuman", "{view:#}");
        (view["state"] == "Scored").then_some(view)
    });
    if let Some(faulty) = faulty {
        let ended = faulty.ended(&den);
        assert_eq!(ended.signal(), Some(6), "{fault:?} was not passed, or did not kill: {ended:?}");
    }
    let version = &view["versions"][0];
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let entries = den.entries("1");
    let count = |name: &str| entries.iter().filter(|entry| entry["event"] == name).count();
    let is_bought =
        |entry: &&Value| entry["payload"]["ended"]["output_tokens"].as_u64().is_some_and(|tokens| tokens > 0);
    let bought = entries.iter().filter(|entry| entry["event"] == "call-settled").filter(is_bought).count();
    let set = &version["patch_sets"][0];
    let came = Came {
        files: list(&set["files"]).iter().map(|file| (text(&file["path"]), file["added"].as_u64().unwrap())).collect(),
        parts: list(&version["parts"]).iter().map(|part| (text(&part["role"]), text(&part["ended"]))).collect(),
        digest: text(&set["digest"]),
        events: ONCE.iter().map(|name| (*name, count(name))).chain([("part-made", count("part-made"))]).collect(),
        bought,
    };
    assert_eq!(version["checks"][0]["status"], "fixed", "{:#}", version["checks"]);
    let replayed = den.line("replay 1 --json").ended(0).json();
    assert_eq!(replayed["same"], true, "{replayed:#}");
    den.is_sound();
    (came, entries)
}

#[test]
fn a_daemon_that_dies_in_a_stage_finishes_once_and_the_same() {
    let (quiet, _) = comes(None);
    let added = |role: &str| (role.to_owned(), "added".to_owned());
    assert_eq!(quiet.parts, [added("implementer"), added("tester"), added("documenter")]);
    assert!(quiet.events.iter().all(|(name, count)| *count == if *name == "part-made" { 2 } else { 1 }), "{quiet:?}");
    assert_eq!(quiet.bought, complete().iter().filter(|(role, _)| *role != "monitor").count());
    let stages = ["index", "triage", "plan", "draft", "test", "document", "review", "runbook"];
    let points: Vec<String> =
        stages.iter().flat_map(|stage| ["before", "after"].map(|at| format!("effect.{stage}.{at}:1"))).collect();
    for_each(&points, |point| {
        let (came, entries) = comes(Some(point));
        assert_eq!(came, quiet, "{point}");
        let again = entries.iter().filter(|entry| entry["event"] == "attempt-started");
        let again = again.filter(|entry| entry["payload"]["attempt"] == 2).count();
        assert!(again >= 1, "{point}: nothing was begun again");
    });
}

#[test]
fn a_daemon_that_dies_while_the_monitor_is_asked_answers_once() {
    for_each(&["effect.monitor.before:1", "effect.monitor.after:1"], |fault| {
        let den = Den::new();
        let repository = den.repository("shop", &[("a.py", FILE)]);
        let speaker = Speaker::start(&complete());
        speaker.configure(&den.path().join("user"), &["monitor"], &[]);
        den.run(&["run", GOAL, "--repo", repository.arg(), "--engine", "rules", "--playbook", "quick", "--wait"]);
        let digest = den.line("show 1 --json").ended(0).json()["versions"][0]["patch_sets"][0]["digest"].clone();
        let approve = format!("approve 1@v1 --digest {} -m untested", digest.as_str().unwrap());
        den.line(&approve).ended(0);
        den.line("publish 1 --wait").ended(0);
        den.line("daemon stop").ended(0);
        let faulty = Faulty::start(&den, fault);
        let log = den.path().join("ci.log");
        std::fs::write(&log, "12:00 ERROR: the shop is closed\n").unwrap();
        // who waits reaches the next daemon
        let said = den.run(&["monitor", "1", "--log", log.to_str().unwrap(), "--json"]).ended(7).json();
        assert_eq!(faulty.ended(&den).signal(), Some(6), "{fault}");
        assert_eq!(said["report"]["findings"][0]["quoted"], "found", "{said:#}");
        let entries = den.entries("1");
        assert_eq!(entries.iter().filter(|entry| entry["event"] == "monitored").count(), 1, "{fault}");
        assert_eq!(den.line("show 1 --json").ended(0).json()["state"], "Done");
        let shown = den.line("artifacts 1 monitor@v1").ended(0).out;
        assert!(shown.contains("# Monitor of v1: degraded") && shown.contains("paraph run --repo"), "{shown}");
        assert_eq!(den.line("replay 1 --json").ended(0).json()["same"], true);
        den.is_sound();
    });
}

/// A session whose only call is asked twice, because `ends` ends the daemon in the first: the first as it is told of
/// afterwards.
fn cut_off(ends: impl Fn(&Den)) -> Value {
    let den = Den::new();
    let repository = den.repository("shop", &[("a.py", FILE)]);
    let speaker = Speaker::that_holds("implementer", &complete());
    speaker.configure(&den.path().join("user"), &["implementer"], &[]);
    den.run(&["run", GOAL, "--repo", repository.arg(), "--engine", "llm", "--playbook", "static"]).ended(0);
    eventually("a call", || (speaker.asked("implementer") == 1).then_some(()));
    let calls = || den.line("context 1 --json").ended(0).json()["calls"].clone();
    assert_eq!((&calls()[0]["ended"], &calls()[0]["latency_ms"]), (&Value::from(""), &Value::Null), "it runs");
    assert!(den.line("context 1").ended(0).out.contains("not answered yet"));
    let usage = || den.line("show 1 --json").ended(0).json()["usage"].clone();
    assert_eq!(usage()["input_tokens"], 0, "what is reserved is not taken: {:#}", usage());
    assert!(usage()["reserved_tokens"].as_u64() > Some(5_000), "{:#}", usage());
    ends(&den);
    eventually("a scored version", || (den.line("show 1 --json").ended(0).json()["state"] == "Scored").then_some(()));
    let [cut, answered] = [&calls()[0], &calls()[1]].map(Clone::clone);
    assert_eq!(answered["ended"], "stop", "{answered:#}");
    assert!(!den.line("context 1").ended(0).out.contains("not answered yet"));
    assert_eq!((&cut["estimated"], &cut["input_tokens"]), (&Value::from(true), &cut["prompt_tokens"]), "{cut:#}");
    // what may have been billed counts, and the figures of the whole house have it too
    assert_eq!(tokens(&usage()), tokens(&cut) + tokens(&answered));
    assert_eq!(tokens(&den.line("metrics --json").ended(0).json()), tokens(&usage()));
    assert_eq!(den.line("replay 1 --json").ended(0).json()["same"], true);
    den.is_sound();
    cut
}

fn tokens(of: &Value) -> u64 {
    of["input_tokens"].as_u64().unwrap() + of["output_tokens"].as_u64().unwrap()
}

#[test]
fn a_call_that_a_kill_cut_off_is_told_as_that_and_counts_whole() {
    let cut = cut_off(|den| assert!(den.kill_daemon(), "it was there"));
    assert_eq!(cut["ended"], "cut off when the daemon stopped", "{cut:#}");
    assert!(tokens(&cut) > 5_000, "nobody saw how much of an answer was made: {cut:#}");
}

#[test]
fn a_daemon_that_is_stopped_says_itself_what_its_calls_took() {
    let cut = cut_off(|den| drop(den.line("daemon stop").ended(0)));
    assert_eq!(cut["ended"], "cancelled", "{cut:#}");
    assert!(tokens(&cut) > cut["prompt_tokens"].as_u64().unwrap(), "what it may have made counts: {cut:#}");
}
