//! Work that is adopted again while something else is checked out: each branch has its session, and each session stays
//! compared with what it was compared with.

use serde_json::Value;

use crate::den::{Den, Repository};

/// Twelve lines, some of them another.
fn lines(changed: &[(usize, &str)]) -> String {
    let line = |number: usize| changed.iter().find(|(at, _)| *at == number).map_or("same", |(_, text)| *text);
    (1..=12).map(|number| format!("{}\n", line(number))).collect()
}

fn repository(den: &Den) -> Repository {
    den.repository("repo", &[("a.txt", &lines(&[])), ("b.txt", &lines(&[]))])
}

/// A branch from `from` on which `file` has other lines.
fn branch(repository: &Repository, name: &str, from: &str, file: &str, changed: &[(usize, &str)]) {
    repository.git(&["switch", "-q", "-c", name, from]);
    repository.write(file, lines(changed));
    repository.commit(name);
}

#[track_caller]
fn adopt(den: &Den, work: &str) -> Value {
    let repository = den.path().join("repo");
    let seen = den.run(&["adopt", work, "--repo", repository.to_str().unwrap(), "--wait", "--json"]);
    serde_json::from_str(&seen.out).unwrap_or_else(|error| panic!("{error}: {seen:#?}"))
}

/// The session, how many versions it has, and what the newest changes.
fn told(seen: &Value) -> (u64, usize, Vec<String>) {
    let versions = seen["versions"].as_array().unwrap();
    let files = versions.last().unwrap()["patch_sets"][0]["files"].as_array().unwrap();
    let paths = files.iter().map(|file| file["path"].as_str().unwrap().to_owned()).collect();
    (seen["id"].as_u64().unwrap(), versions.len(), paths)
}

fn expected(session: u64, versions: usize, paths: &[&str]) -> (u64, usize, Vec<String>) {
    (session, versions, paths.iter().map(|path| (*path).to_owned()).collect())
}

#[test]
fn head_on_another_branch_is_other_work_even_beside_an_approved_version() {
    let den = Den::new();
    let repository = repository(&den);
    branch(&repository, "f1", "main", "a.txt", &[(1, "one")]);
    let first = adopt(&den, "main..HEAD");
    assert_eq!(told(&first), expected(1, 1, &["a.txt"]));
    let digest = first["versions"][0]["patch_sets"][0]["digest"].as_str().unwrap();
    den.run(&["approve", "1@v1", "--digest", digest, "-m", "good"]).ended(0);
    branch(&repository, "f2", "main", "b.txt", &[(2, "two")]);
    for range in ["main..HEAD", "main..", "main..f2"] {
        assert_eq!(told(&adopt(&den, range)), expected(2, 1, &["b.txt"]), "{range}");
    }
    assert_eq!(told(&adopt(&den, "HEAD~1..HEAD")), expected(3, 1, &["b.txt"]));
    // a detached HEAD is its commit
    repository.git(&["switch", "-q", "--detach", "f1"]);
    assert_eq!(told(&adopt(&den, "main..HEAD")), expected(4, 1, &["a.txt"]));
    // nothing overtook what was approved, and its own branch does
    den.line("publish 1 --wait").ended(0);
    repository.git(&["switch", "-q", "f2"]);
    repository.write("a.txt", lines(&[(3, "three")]));
    repository.commit("more");
    assert_eq!(told(&adopt(&den, "main..HEAD")), expected(2, 2, &["a.txt", "b.txt"]));
    den.is_sound();
}

#[test]
fn uncommitted_work_is_that_of_its_branch() {
    let den = Den::new();
    let repository = repository(&den);
    repository.git(&["branch", "f2"]);
    repository.git(&["switch", "-q", "-c", "f1"]);
    repository.write("a.txt", lines(&[(1, "one")]));
    assert_eq!(told(&adopt(&den, "--dirty")), expected(1, 1, &["a.txt"]));
    repository.git(&["stash", "-q"]);
    let gone = den.run(&["adopt", "--dirty", "--repo", repository.arg()]).ended(6);
    gone.is_a_good_refusal();
    assert!(gone.err.contains("there is nothing to adopt"), "{gone:#?}");
    assert_eq!(den.line("show 1 --json").json()["state"], "Scored", "nothing changed");
    repository.git(&["switch", "-q", "f2"]);
    repository.write("b.txt", lines(&[(2, "two")]));
    assert_eq!(told(&adopt(&den, "--dirty")), expected(2, 1, &["b.txt"]));
    // asked on the wrong branch, the session of the other takes nothing
    den.line("regenerate 1 --wait").ended(10);
    let seen = den.line("show 1 --json").json();
    assert!(seen["reason"].as_str().unwrap().contains("`f1`"), "{seen:#}");
    assert_eq!(told(&seen), expected(1, 1, &["a.txt"]));
    repository.write("a.txt", lines(&[(3, "three")]));
    let said = den.run(&["adopt", "--dirty", "--repo", repository.arg(), "--wait"]);
    assert!(said.err.contains("v2 of session 2"), "{said:#?}");
    let said = den.run(&["adopt", "--dirty", "--repo", repository.arg()]).ended(0);
    assert!(said.err.contains("nothing new since v2 of session 2"), "{said:#?}");
    let shown = |version: &str| den.line(&format!("show {version}")).out;
    assert!(shown("2@v1").contains("1 uncommitted file is") && shown("2").contains("2 uncommitted files are"));
    den.is_sound();
}

#[test]
fn a_branch_stays_compared_with_what_it_was_compared_with() {
    let den = Den::new();
    let repository = repository(&den);
    branch(&repository, "feat", "main", "a.txt", &[(1, "one")]);
    repository.git(&["branch", "stacked"]);
    repository.write("b.txt", lines(&[(2, "two")]));
    repository.commit("two");
    repository.git(&["switch", "-q", "main"]);
    assert_eq!(told(&adopt(&den, "feat")), expected(1, 1, &["a.txt", "b.txt"]));
    repository.git(&["switch", "-q", "stacked"]);
    assert_eq!(told(&adopt(&den, "feat")), expected(1, 1, &["a.txt", "b.txt"]), "nothing is new");
    repository.git(&["switch", "-q", "feat"]);
    repository.write("c.txt", "new\n");
    repository.commit("three");
    repository.git(&["switch", "-q", "stacked"]);
    let seen = adopt(&den, "feat");
    assert_eq!(told(&seen), expected(1, 2, &["a.txt", "b.txt", "c.txt"]));
    let notices = seen["lanes"][0]["notices"].to_string();
    assert!(notices.contains("compared with `main` as before"), "{notices}");
    // after a rebase the base is where the branch begins now
    repository.git(&["switch", "-q", "main"]);
    repository.write("b.txt", lines(&[(11, "upstream")]));
    repository.commit("upstream");
    repository.git(&["switch", "-q", "feat"]);
    repository.git(&["rebase", "-q", "main"]);
    let main = repository.git(&["rev-parse", "main"]);
    let seen = adopt(&den, "feat");
    assert_eq!(told(&seen), expected(1, 3, &["a.txt", "b.txt", "c.txt"]));
    assert_eq!(seen["lanes"][0]["base_commit"], main.trim(), "show tells the base of its newest version");
    assert!(!den.line("diff 1@v3").out.contains("upstream"), "what upstream did is no part of it");
    // and where that branch is gone, it is what it was
    repository.git(&["branch", "-q", "-m", "main", "trunk"]);
    repository.write("c.txt", "newer\n");
    repository.commit("four");
    let seen = adopt(&den, "feat");
    assert_eq!(told(&seen), expected(1, 4, &["a.txt", "b.txt", "c.txt"]));
    assert!(seen["lanes"][0]["notices"].to_string().contains("`main` is gone"), "{seen:#}");
    den.is_sound();
}

#[test]
fn a_worktree_stays_compared_too_and_another_branch_in_it_is_other_work() {
    let den = Den::new();
    let repository = repository(&den);
    let other = den.path().join("other").to_str().unwrap().to_owned();
    repository.git(&["worktree", "add", "-q", "-b", "w1", &other]);
    let commit = |file: &str, text: &str| {
        std::fs::write(den.path().join("other").join(file), text).unwrap();
        repository.git(&["-C", &other, "add", "-A"]);
        repository.git(&["-C", &other, "commit", "-q", "-m", file]);
    };
    commit("a.txt", &lines(&[(1, "one")]));
    repository.git(&["branch", "stacked", "w1"]);
    std::fs::write(den.path().join("other/c.txt"), "new\n").unwrap();
    let seen = adopt(&den, &other);
    assert_eq!(told(&seen), expected(1, 1, &["a.txt", "c.txt"]));
    assert!(seen["lanes"][0]["notices"].to_string().contains("1 uncommitted file"), "{seen:#}");
    repository.git(&["switch", "-q", "stacked"]);
    commit("b.txt", &lines(&[(2, "two")]));
    let seen = adopt(&den, &other);
    assert_eq!(told(&seen), expected(1, 2, &["a.txt", "b.txt", "c.txt"]));
    assert!(!seen["lanes"][0]["notices"].to_string().contains("uncommitted"), "{seen:#}");
    repository.git(&["-C", &other, "switch", "-q", "-c", "w2", "main"]);
    commit("d.txt", "other\n");
    assert_eq!(told(&adopt(&den, &other)).0, 2);
    den.is_sound();
}

#[test]
fn what_a_range_begins_with_is_not_undone_where_it_went_on() {
    let den = Den::new();
    let repository = repository(&den);
    branch(&repository, "feat", "main", "a.txt", &[(5, "five")]);
    repository.git(&["switch", "-q", "main"]);
    repository.write("b.txt", lines(&[(10, "upstream")]));
    repository.commit("upstream");
    let seen = adopt(&den, "main..feat");
    assert_eq!(told(&seen), expected(1, 1, &["a.txt"]));
    let digest = seen["versions"][0]["patch_sets"][0]["digest"].as_str().unwrap();
    den.run(&["approve", "1@v1", "--digest", digest, "-m", "good"]).ended(0);
    den.line("publish 1 --wait").ended(0);
    let published = repository.git(&["diff", "--name-only", "main...paraph/1-feat"]);
    assert_eq!(published.trim(), "a.txt");
    let nothing = den.run(&["adopt", "feat..main~1", "--repo", repository.arg()]).ended(6);
    nothing.is_a_good_refusal();
    den.is_sound();
}
