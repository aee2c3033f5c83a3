//! Adopted work of several people, some with hostile names: their words and names are kept, nobody else's forged.

use serde_json::Value;

use crate::den::{Den, Repository};

/// Commits what is there as somebody.
fn commit_as(repository: &Repository, name: &str, message: &str) {
    repository.git(&["add", "-A"]);
    let author = format!("{name} <{}@example.org>", name.to_lowercase());
    repository.git(&["commit", "-q", "-m", message, "--author", &author]);
}

/// `main..topic` with three commits of two people and a workflow that a policy warns of, adopted and scored.
fn adopted(den: &Den) -> (Repository, Value) {
    let repository = den.small_repository("repo");
    repository.git(&["checkout", "-q", "-b", "topic"]);
    repository.write("b.py", b"b = 1\n");
    commit_as(&repository, "Bob", "first thing\n\nApproved-by: root@everywhere");
    repository.write(".github/workflows/ci.yml", b"on: push\n");
    commit_as(&repository, "Cleo", "second thing");
    repository.write("c.py", b"c = 1\n");
    commit_as(&repository, "Ana", "third thing");
    repository.git(&["checkout", "-q", "main"]);
    den.run(&["trust", repository.arg()]).ended(0);
    let adopt = ["adopt", "main..topic", "--repo", repository.arg(), "-m", "Add both", "--wait", "--json"];
    let seen = den.run(&adopt).json();
    assert_eq!(seen["state"], "Scored", "{seen:#}");
    (repository, seen)
}

#[test]
fn every_subject_and_author_of_a_range_is_published() {
    let den = Den::new();
    let (repository, seen) = adopted(&den);
    let set = &seen["versions"][0]["patch_sets"][0];
    let message = set["message"].as_str().unwrap();
    assert!(
        message.starts_with("Add both\n\n- first thing\n- second thing\n- third thing\n\nCo-authored-by: Bob"),
        "{message}"
    );
    // the person who decides is the author and no co-author
    let digest = set["digest"].as_str().unwrap();
    std::fs::write(den.path().join("user/.gitconfig"), "[user]\nname = Ana\nemail = ana@example.org\n").unwrap();
    den.line("daemon stop").ended(0);
    den.run(&["approve", "1@v1", "--digest", digest, "-m", "two\nlines"]).ended(0);
    den.line("publish 1 --wait").ended(0);
    let trailers = |key: &str| {
        let format = format!("--format=%(trailers:key={key},valueonly)");
        repository.git(&["log", "-1", &format, "paraph/1-add-both"])
    };
    assert_eq!(trailers("Co-authored-by"), "Bob <bob@example.org>\nCleo <cleo@example.org>");
    assert_eq!(repository.git(&["log", "-1", "--format=%an <%ae>", "paraph/1-add-both"]), "Ana <ana@example.org>");
    assert!(!trailers("Approved-by").contains("everywhere") && !trailers("Approved-by").is_empty());
    assert_eq!(trailers("Paraph-Digest"), digest);
    let shown = den.line("show 1").ended(0).out;
    assert!(shown.contains("\n      two\n      lines\n"), "{shown}");
    // what is done says where to look
    for line in [format!("approve 1@v1 --digest {digest} -m x"), "publish 1".to_owned()] {
        let said = den.line(&line).ended(6);
        said.is_a_good_refusal();
        assert!(said.err.contains("hint: paraph show 1"), "{said:#?}");
    }
    den.is_sound();
}

#[test]
fn an_override_is_told_with_who_and_why() {
    let den = Den::new();
    adopted(&den);
    let gate = |seen: &Value| {
        let gates = seen["versions"][0]["gates"].as_array().unwrap().clone();
        gates.iter().find(|gate| gate["id"] == "G4").unwrap()["evidence"].as_str().unwrap().to_owned()
    };
    let show = || den.line("show 1 --json").ended(0).json();
    assert!(gate(&show()).ends_with("; 1 warning open"), "{}", gate(&show()));
    den.run(&["override", "1@v1", "ci-file", "-m", "reviewed by hand"]).ended(0);
    let seen = show();
    let evidence = gate(&seen);
    assert!(!evidence.contains("open") && evidence.contains("; WARN ci-file overridden by "), "{evidence}");
    assert!(evidence.ends_with(": reviewed by hand"), "{evidence}");
    let violation = &seen["versions"][0]["violations"][0];
    assert_eq!(violation["accepted"]["message"], "reviewed by hand", "{violation:#}");
    let shown = den.line("show 1").ended(0).out;
    assert!(shown.contains("overridden by ") && !shown.contains("warning open"), "{shown}");
    den.is_sound();
}

#[test]
fn advice_fits_the_engine() {
    let den = Den::new();
    let (repository, seen) = adopted(&den);
    let digest = seen["versions"][0]["patch_sets"][0]["digest"].as_str().unwrap().to_owned();
    den.run(&["reject", "1@v1", "--digest", &digest, "-m", "no"]).ended(0);
    let next = |id: u64| den.line(&format!("show {id} --json")).ended(0).json()["next"].as_str().unwrap().to_owned();
    assert_eq!(next(1), "change the work, then paraph adopt main..topic, or paraph cancel 1");
    let nothing = den.run(&["adopt", "main", "--repo", repository.arg(), "--wait"]).ended(6);
    nothing.is_a_good_refusal();
    assert!(nothing.err.contains("hint: commit or edit something, then paraph adopt main"), "{nothing:#?}");
    let patch = b"--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-nothing like it\n+x\n";
    let run = ["run", "try", "--patch", "-", "--repo", repository.arg(), "--wait"];
    den.say(den.paraph(), &run, patch).ended(6);
    assert_eq!(next(2), "paraph regenerate 2 --patch FILE");
    den.is_sound();
}

#[test]
fn a_range_that_is_told_by_its_distance_keeps_where_it_began() {
    let den = Den::new();
    let repository = den.small_repository("repo");
    repository.write("b.py", b"b = 1\n");
    repository.commit("first");
    let adopt = |range: &str| den.run(&["adopt", range, "--repo", repository.arg(), "--wait", "--json"]).json();
    let seen = adopt("HEAD~1..HEAD");
    assert_eq!(seen["id"], 1);
    // an amended commit is the same work
    repository.write("b.py", b"b = 2\n");
    repository.git(&["commit", "-q", "-a", "--amend", "-m", "first, better"]);
    assert_eq!(adopt("HEAD~1..HEAD")["versions"].as_array().map(Vec::len), Some(2));
    // and so is one with another on top, by what the session itself says to type
    repository.write("c.py", b"c = 1\n");
    repository.commit("second");
    let digest = adopted_digest(&den, 2);
    den.run(&["request-changes", "1@v2", "--digest", &digest, "-m", "more"]).ended(0);
    let next = den.line("show 1 --json").ended(0).json()["next"].as_str().unwrap().to_owned();
    let range = next.split("paraph adopt ").nth(1).and_then(|rest| rest.split(',').next()).unwrap().to_owned();
    assert!(range.ends_with("..main") && !range.starts_with("HEAD"), "{next}");
    let seen = adopt(&range);
    let files = seen["versions"][2]["patch_sets"][0]["files"].as_array().unwrap().len();
    assert_eq!((seen["id"].as_u64(), files), (Some(1), 2), "{seen:#}");
    den.is_sound();
}

fn adopted_digest(den: &Den, version: usize) -> String {
    let seen = den.line("show 1 --json").ended(0).json();
    seen["versions"][version - 1]["patch_sets"][0]["digest"].as_str().unwrap().to_owned()
}

#[test]
fn what_came_with_another_base_is_no_change_of_the_versions() {
    let den = Den::new();
    let repository = den.small_repository("repo");
    let lines = |first: &str, last: &str| format!("{first}\n{}{last}\n", "same\n".repeat(12));
    repository.write("shared.txt", lines("one", "end"));
    repository.commit("lines");
    repository.git(&["checkout", "-q", "-b", "topic"]);
    repository.write("shared.txt", lines("one", "END"));
    repository.write("mine.txt", "mine\n");
    repository.commit("mine");
    repository.git(&["checkout", "-q", "main"]);
    let adopt = || den.run(&["adopt", "main..topic", "--repo", repository.arg(), "--wait", "--json"]).json();
    adopt();
    // upstream goes on, in the same file and in others, and the branch follows
    repository.write("shared.txt", lines("ONE", "end"));
    repository.write("upstream.txt", "upstream\n");
    repository.commit("upstream");
    repository.git(&["checkout", "-q", "topic"]);
    repository.git(&["rebase", "-q", "main"]);
    repository.write("mine.txt", "mine\nand more\n");
    repository.commit("more");
    repository.git(&["checkout", "-q", "main"]);
    let seen = adopt();
    assert_eq!(seen["versions"].as_array().map(Vec::len), Some(2), "{seen:#}");
    let diff = den.line("diff 1@v2 --against v1").ended(0).out;
    assert!(diff.contains("+and more"), "{diff}");
    for foreign in ["shared.txt", "upstream.txt", "ONE", "END"] {
        assert!(!diff.contains(foreign), "{foreign} is nothing that the versions changed: {diff}");
    }
    let back = den.line("diff 1@v1 --against v2").ended(0).out;
    assert!(back.contains("-and more") && !back.contains("upstream"), "{back}");
    den.is_sound();
}

#[test]
fn a_setting_with_which_nothing_would_start_is_not_kept() {
    let den = Den::new();
    den.small_repository("repo");
    den.line("daemon start").ended(0);
    let refused = den.line("config set model nobody/any").ended(2);
    refused.is_a_good_refusal();
    assert!(refused.err.contains("nobody"), "{refused:#?}");
    den.line("daemon stop").ended(0);
    den.line("list").ended(0);
    assert!(!den.line("config get model").out.contains("nobody"));
    den.line("config set workers 3").ended(0);
    assert!(den.line("config get workers").ended(0).out.contains('3'));
}
