//! Names of things that are not there: told before anything is made, with what was probably meant.

use serde_json::Value;

use crate::den::{Den, GOAL, Repository, Said};

/// A scored session over a repository with a few files.
fn scored(den: &Den) -> (Repository, Value) {
    let repository = den.small_repository("repo");
    repository.write("src/other.py", b"y = 1\nz = 2\n");
    repository.write("empty.txt", b"");
    repository.commit("more");
    let seen = den.run(&["run", GOAL, "--repo", repository.arg(), "--wait", "--json"]).json();
    assert_eq!(seen["state"], "Scored", "{seen:#}");
    (repository, seen)
}

#[track_caller]
fn refused(said: Said, status: i32, hint: &str) {
    said.is_a_good_refusal();
    assert_eq!(said.status, status, "{said:#?}");
    assert!(said.err.contains(hint), "{said:#?}");
    assert_eq!(said.out, "", "{said:#?}");
}

#[test]
fn comments_hang_on_what_is_there() {
    let den = Den::new();
    scored(&den);
    let comment = |args: &str| den.line(&format!("comment 1@v1 -m words {args}"));
    refused(comment("--file nonsense"), 3, "--file with one of a.py");
    refused(comment("--file othr.py"), 3, "--file with one of src/other.py");
    refused(comment("--file a.py --line 99999"), 2, "--line with 1 to 4");
    refused(comment("--file a.py --line 2-5"), 2, "--line with 1 to 4");
    refused(comment("--file empty.txt --line 1"), 2, "leave --line away");
    for place in
        ["", "--file a.py", "--file a.py --line 4", "--file a.py --line 1-4 --side old", "--file src/other.py --line 2"]
    {
        comment(place).ended(0);
    }
    assert_eq!(den.line("comments 1 --json").ended(0).json()["threads"].as_array().map(Vec::len), Some(5));
    den.is_sound();
}

#[test]
fn what_is_not_there_is_not_empty() {
    let den = Den::new();
    let (_, seen) = scored(&den);
    for line in [
        "show 99",
        "show 1@v9",
        "diff 99",
        "diff 1@v9",
        "diff 1 --against v9",
        "log 99",
        "log 1 --check X",
        "artifacts 99",
        "artifacts 1 NAME",
        "context 99",
        "context 1@v9",
        "beads --run 99",
        "audit show 99",
        "comments 99",
        "comments 1@v9",
        "resolve 1 99",
        "watch 99",
        "cancel 99",
        "publish 99",
        "regenerate 99",
        "drop 99 --repo repo",
        "drop 1 --repo other",
        "comment 99@v1 -m x",
        "diff 1 --repo other",
        "override 1@v1 no-such-rule -m x",
    ] {
        let said = den.line(line);
        refused(said, 3, "hint: ");
    }
    let digest = seen["versions"][0]["patch_sets"][0]["digest"].as_str().unwrap();
    refused(den.line(&format!("approve 1@v9 --digest {digest} -m x")), 3, "paraph show 1");
    refused(den.line("beads --category nonsense"), 2, "possible values");
    refused(den.line("list --state nonsense"), 2, "needs-me");
    den.is_sound();
}

#[test]
fn nothing_is_started_on_a_name_that_nobody_knows() {
    let den = Den::new();
    let repository = den.small_repository("repo");
    let run = |args: &[&str]| den.run(&[&["run", GOAL, "--repo", repository.arg()], args].concat());
    refused(run(&["--base", "no-such-rev"]), 3, "git log");
    refused(run(&["--path", "nothing/**"]), 3, "--path");
    refused(run(&["--path", "a.pi"]), 3, "--path a.py");
    refused(run(&["--rules", "py-none-equalty"]), 3, "--rules py-none-equality");
    refused(run(&["--rules", ""]), 3, "hint: ");
    refused(run(&["--patch", "absent.diff"]), 1, "hint: ");
    let near = den.path().join("repp");
    refused(den.run(&["run", GOAL, "--repo", near.to_str().unwrap()]), 3, "/repo is there");
    refused(den.run(&["adopt", "no-such-branch", "--repo", repository.arg()]), 3, "git ");
    assert_eq!(den.line("list --json").ended(0).json()["sessions"], serde_json::json!([]));
    // what is known starts as before, and asks for known rules only
    let seen = run(&["--path", "*.py", "--rules", "py-none-equality", "--base", "HEAD", "--wait", "--json"]).json();
    assert_eq!(seen["state"], "Scored", "{seen:#}");
    refused(den.line("regenerate 1 --rules py-none-equalty"), 3, "--rules py-none-equality");
    den.is_sound();
}

#[test]
fn a_goal_that_fits_nothing_names_rules_that_would() {
    let den = Den::new();
    let repository = den.small_repository("repo");
    for goal in ["Modernise", "quite another thing"] {
        let said = den.run(&["run", goal, "--repo", repository.arg(), "--wait", "--json"]).ended(10);
        let seen = said.json();
        let command = format!("paraph regenerate {} --rules py-none-equality", seen["id"]);
        let reason = seen["reason"].as_str().unwrap();
        assert!(reason.contains(&format!("\n  {command}  (1 place here)\n")), "{reason}");
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        den.run(&words).ended(0);
        crate::den::eventually("a version", || {
            let shown = den.line(&format!("show {} --json", seen["id"])).ended(0).json();
            (shown["state"] == "Scored").then_some(())
        });
    }
    den.is_sound();
}
