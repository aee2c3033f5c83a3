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
