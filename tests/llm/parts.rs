//! The real binary against a server that speaks as every role: one version of three parts, and one whose tester is dead.

use serde_json::Value;

use crate::den::{Den, FILE, GOAL, Repository, Said};
use crate::speaker::{Speaker, complete};

const CHECK: &str =
    "[[check]]\nname = \"unit\"\nkind = \"test\"\ncommand = [\"sh\", \"-c\", \"test -f tests/test_a.py\"]\n";

fn shop(den: &Den) -> Repository {
    let repository = den.repository("shop", &[("a.py", FILE), ("README.md", "# shop\n"), (".paraph.toml", CHECK)]);
    den.run(&["trust", repository.arg()]).ended(0);
    repository
}

fn runs(den: &Den, repository: &Repository) -> Value {
    let line =
        ["run", GOAL, "--repo", repository.arg(), "--engine", "llm", "--playbook", "shipped", "--wait", "--json"];
    let said: Said = den.run(&line);
    assert!(matches!(said.status, 0 | 10), "{said:#?}");
    said.json()
}

fn parts(view: &Value) -> Vec<String> {
    let parts = view["versions"][0]["parts"].as_array().expect("it has parts");
    let word = |part: &Value, name: &str| part[name].as_str().unwrap().to_owned();
    parts.iter().map(|part| format!("{} {} {}", word(part, "role"), word(part, "by"), word(part, "ended"))).collect()
}

#[test]
fn a_session_of_every_role_ends_in_one_version_whose_parts_are_told() {
    let den = Den::new();
    let speaker = Speaker::start(&complete());
    let roles: Vec<&str> = complete().iter().map(|(role, _)| *role).collect();
    speaker.configure(&den.path().join("user"), &roles, &[]);
    let repository = shop(&den);
    let estimate = ["run", GOAL, "--repo", repository.arg(), "--engine", "llm", "--playbook", "shipped", "--estimate"];
    let estimate = den.run(&estimate).ended(0).out;
    assert!(["tester", "documenter", "deployer"].iter().all(|role| estimate.contains(role)), "{estimate}");
    let view = runs(&den, &repository);
    let all = ["implementer acme/implementer added", "tester acme/tester added", "documenter acme/documenter added"];
    assert_eq!(parts(&view), all);
    assert_eq!(view["versions"][0]["checks"][0]["status"], "fixed", "what the tester wrote is checked");
    assert_eq!((speaker.asked("tester"), speaker.asked("documenter")), (1, 1));
    let shown = den.line("show 1").ended(0).out;
    assert!(shown.contains("part v1 tester acme/tester  tests/test_a.py"), "{shown}");
    assert!(shown.contains("acme/deployer  1 step  → paraph artifacts 1 runbook@v1"), "{shown}");
    let runbook = den.line("artifacts 1 runbook@v1").ended(0).out;
    let digest = view["versions"][0]["patch_sets"][0]["digest"].as_str().unwrap();
    assert!(
        runbook.contains("# Runbook of v1") && runbook.contains(digest) && runbook.contains("git merge"),
        "{runbook}"
    );
    let diff = den.line("diff 1").ended(0);
    assert!(diff.err.contains("part v1 documenter acme/documenter  README.md"), "{diff:#?}");
    for file in ["a.py", "tests/test_a.py", "README.md"] {
        assert!(diff.out.contains(&format!("b/{file}")), "{diff:#?}");
    }
    let replayed = den.line("replay 1 --json").ended(0).json();
    let set = &replayed["versions"][0]["patch_sets"][0];
    assert_eq!((&replayed["same"], &set["replayed"]), (&Value::Bool(true), &set["recorded"]), "{replayed:#}");
    let calls = den.line("context 1").ended(0).out;
    assert!(calls.contains("tester") && calls.contains("documenter"), "{calls}");
    den.is_sound();
}

#[test]
fn a_dead_tester_leaves_the_draft_standing_and_the_replay_says_the_same() {
    let den = Den::new();
    let speaker = Speaker::start(&complete());
    let living: Vec<&str> = complete().iter().map(|(role, _)| *role).filter(|role| *role != "tester").collect();
    speaker.configure(&den.path().join("user"), &living, &["tester"]);
    let view = runs(&den, &shop(&den));
    let all = ["implementer acme/implementer added", "tester  left-out", "documenter acme/documenter added"];
    assert_eq!(parts(&view), all);
    let note = view["versions"][0]["parts"][1]["note"].as_str().unwrap();
    assert!(note.contains("no model answered as tester"), "{note}");
    let shown = den.line("show 1").ended(0).out;
    assert!(shown.contains("part v1 tester  left out: no model answered as tester"), "{shown}");
    let replayed = den.line("replay 1 --json").ended(0).json();
    assert_eq!(replayed["same"], true, "{replayed:#}");
    den.is_sound();
}

#[test]
fn models_are_listed_with_their_contracts() {
    let den = Den::new();
    let speaker = Speaker::start(&complete());
    speaker.configure(&den.path().join("user"), &["tester", "deployer"], &[]);
    let said = den.line("models").ended(0).out;
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains("edits of test files only, and why; or NO CHANGES with the reason; at most 8000 tokens"),
        "{said}"
    );
    assert!(flat.contains("how to go back, risks, unknowns; at most 8192 tokens"), "{said}");
    assert!(flat.contains("healthy, degraded or unclear"), "{said}");
    let listed = den.line("models --json").ended(0).json();
    let most: Vec<&Value> = listed["roles"].as_array().unwrap().iter().map(|role| &role["max_output_tokens"]).collect();
    assert!(most.iter().all(|most| most.is_u64()), "each role has a contract: {most:?}");
}
