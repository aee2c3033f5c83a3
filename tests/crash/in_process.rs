//! One process that does everything writes the journal that a daemon writes.

use std::path::Path;

use serde_json::Value;

use crate::den::{Den, GOAL, Repository, eventually};

fn whole_session(den: &Den, repository: &Repository, how: &[&str]) -> Vec<Value> {
    let say = |args: &[&str]| den.run(&[args, how].concat());
    say(&["trust", repository.arg()]).ended(0);
    let seen = say(&["run", GOAL, "--repo", repository.arg(), "--wait", "--json"]);
    seen.has_not_panicked();
    let digest = seen.json()["versions"][0]["patch_sets"][0]["digest"].as_str().unwrap().to_owned();
    say(&["approve", "1@v1", "--digest", &digest, "-m", "read it"]).ended(0);
    say(&["publish", "1"]).ended(0);
    eventually("Done", || (say(&["show", "1", "--json"]).ended(0).json()["state"] == "Done").then_some(()));
    let _ = den.line("daemon stop");
    den.is_sound();
    den.entries("1")
}

/// An entry without what differs from run to run: times, ids, digests that hold them, and the number of an attempt.
fn without_time(entry: &Value) -> Value {
    fn strip(value: &mut Value) {
        const CHANGING: &[&str] =
            &["at", "digest", "seq", "request", "uuid", "attempt", "duration_ms", "log", "base_log", "commit"];
        match value {
            Value::Object(fields) => {
                fields.retain(|name, _| !CHANGING.contains(&name.as_str()));
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut entry = entry.clone();
    entry.as_object_mut().unwrap().remove("summary");
    strip(&mut entry);
    entry
}

#[test]
fn both_ways_write_the_same_journal() {
    let mut den = Den::new();
    let repository = den.small_repository("repo");
    let by_daemon = whole_session(&den, &repository, &[]);
    let branch = repository.branches().into_iter().find(|name| name.starts_with("paraph/")).expect("published");
    repository.git(&["branch", "-D", &branch]);
    den.home = den.path().join("other-home");
    let in_process = whole_session(&den, &repository, &["--in-process"]);
    assert!(!Path::new(&den.home.join("run/daemon.json")).exists(), "no daemon was needed");
    // a process that ends with its command may leave work to the next one: another attempt of the same
    let kinds = |entries: &[Value]| {
        let mut kinds: Vec<Value> = entries.iter().map(without_time).collect();
        kinds.dedup();
        kinds
    };
    assert_eq!(kinds(&by_daemon), kinds(&in_process));
}
