//! A daemon that dies while a candidate is picked: the next one ends in the same state, wherever it was.

use std::os::unix::process::ExitStatusExt as _;

use serde_json::Value;

use crate::den::{Den, GOAL, Repository, eventually};
use crate::for_each;
use crate::points::Faulty;

const SAME: &str = "--- a/a.py\n+++ b/a.py\n@@ -1,4 +1,4 @@\n def empty(x):\n-    if x == None:\n+    if x is None:\n         return True\n     return False\n";

/// Four candidates, two of them the rules, all scored.
fn field(den: &Den, repository: &Repository) -> Vec<Value> {
    std::fs::write(den.path().join("same.diff"), SAME).unwrap();
    let line = ["run", GOAL, "--repo", repository.arg(), "--json"];
    let named = ["rules", "patch:same.diff", "rules", "patch:same.diff"];
    let candidates: Vec<&str> = named.iter().flat_map(|named| ["--candidate", named]).collect();
    let started = den.run(&[&line[..], &candidates[..]].concat()).ended(0).json();
    assert_eq!(started["candidates"], serde_json::json!([1, 2, 3, 4]));
    eventually("four scored candidates", || {
        let seen = compared(den)?;
        seen.iter().all(|one| one["state"] == "Scored").then_some(seen)
    })
}

fn compared(den: &Den) -> Option<Vec<Value>> {
    let said = den.line("compare 1 --json");
    said.has_not_panicked();
    said.done().then(|| said.json()["candidates"].as_array().cloned().unwrap_or_default())
}

fn dies_at(fault: &str) {
    let den = Den::new();
    let repository = den.small_repository("repo");
    let scored = field(&den, &repository);
    den.line("daemon stop").ended(0);
    let faulty = Faulty::start(&den, fault);
    let digest = scored[2]["patch_sets"][0]["digest"].as_str().unwrap().to_owned();
    let pick = ["pick", "3@v1", "--digest", &digest, "--json"];
    // whoever is not answered asks again; a pick that was recorded before the end is a conflict then, with its name
    let picked = (0..10).any(|_| {
        let said = den.run(&pick);
        said.has_not_panicked();
        said.done() || (said.status == 5 && said.err.contains("3@v1 was already picked"))
    });
    assert!(picked, "{fault}: the pick is not taken");
    let end = eventually("the end of the others", || {
        let seen = compared(&den)?;
        let over = |at: usize| seen[at]["state"] == "Declined";
        (over(0) && over(1) && over(3)).then_some(seen)
    });
    let count = |id: &str, name: &str| den.entries(id).iter().filter(|entry| entry["event"] == name).count();
    eventually("that all of them are told", || (count("3", "others-passed-over") == 1).then_some(()));
    let _ = den.line("daemon stop");
    let ended = faulty.ended(&den);
    assert_eq!(ended.signal(), Some(6), "{fault} was not passed, or did not kill: {ended:?}");
    assert_eq!(end[2]["state"], "Scored");
    for other in [0, 1, 3] {
        let reason = end[other]["reason"].as_str().unwrap();
        assert!(reason.starts_with("3 was picked (v1, by "), "{reason}");
    }
    assert_eq!(count("3", "picked"), 1);
    for id in ["1", "2", "4"] {
        assert_eq!((count(id, "passed-over"), count(id, "picked")), (1, 0), "{id} hears of it once");
    }
    let refused = den.run(&["pick", "1@v1", "--digest", scored[0]["patch_sets"][0]["digest"].as_str().unwrap()]);
    assert_eq!(refused.status, 5, "{refused:#?}");
    den.run(&["approve", "3@v1", "--digest", &digest, "-m", "read it"]).ended(0);
    let _ = den.line("daemon stop");
    den.is_sound();
}

#[test]
fn a_pick_ends_the_same_wherever_the_daemon_dies() {
    let mut moments: Vec<String> =
        ["effect.pass-over.before:1", "effect.pass-over.after:1"].map(str::to_owned).to_vec();
    moments.extend((1..=3).map(|passage| format!("effect.pass-over.between:{passage}")));
    // the pick, the attempt, each of the others, and the end of it: before and after each of them is on the disk
    for point in ["journal.before-write", "journal.after-sync", "store.before-commit"] {
        moments.extend((1..=5).map(|passage| format!("{point}:{passage}")));
    }
    for_each(&moments, |fault| dies_at(fault));
}
