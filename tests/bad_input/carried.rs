//! What a reviewer reads between versions: changes and threads, carried over other bases and other lines.

use serde_json::Value;

use crate::den::{Den, Repository};

/// `line 1` to `line 40`, some of them replaced.
fn lines(replaced: &[(usize, &str)]) -> String {
    let line = |number: usize| replaced.iter().find(|(at, _)| *at == number).map(|(_, text)| (*text).to_owned());
    (1..=40).map(|number| line(number).unwrap_or_else(|| format!("line {number}")) + "\n").collect()
}

/// A repository on `feat`, where a.txt of `main` has one more line changed; that is v1.
fn adopted(den: &Den, changed: &[(usize, &str)]) -> Repository {
    let repository = den.small_repository("repo");
    repository.write("a.txt", lines(&[]));
    repository.commit("lines");
    repository.git(&["checkout", "-q", "-b", "feat"]);
    repository.write("a.txt", lines(changed));
    repository.commit("first");
    adopt(den, &repository);
    repository
}

fn adopt(den: &Den, repository: &Repository) -> Value {
    den.run(&["adopt", "feat", "--repo", repository.arg(), "--wait", "--json"]).json()
}

/// Upstream changes a line of the same file, and the branch follows with these lines.
fn rebased(den: &Den, repository: &Repository, upstream: &[(usize, &str)], branch: &[(usize, &str)]) {
    repository.git(&["checkout", "-q", "main"]);
    repository.write("a.txt", lines(upstream));
    repository.commit("upstream");
    repository.git(&["checkout", "-q", "-B", "feat", "main"]);
    repository.write("a.txt", lines(branch));
    repository.commit("first, on top");
    let seen = adopt(den, repository);
    assert_eq!(seen["versions"].as_array().map(Vec::len), Some(2), "{seen:#}");
}

/// The changed lines of a diff.
fn changed(diff: &str) -> Vec<&str> {
    let is_change = |line: &&str| line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---");
    diff.lines().filter(is_change).collect()
}

#[test]
fn a_file_that_upstream_changed_too_is_compared_without_what_upstream_did() {
    let den = Den::new();
    let repository = adopted(&den, &[(5, "line five")]);
    let branch = [(5, "line five"), (20, "UPSTREAM"), (35, "line thirtyfive")];
    rebased(&den, &repository, &[(20, "UPSTREAM")], &branch);
    let diff = den.line("diff 1@v2 --against v1").ended(0).out;
    assert_eq!(changed(&diff), ["-line 35", "+line thirtyfive"], "{diff}");
    let json = den.line("diff 1@v2 --against v1 --json").ended(0).json();
    assert!(json["patch_sets"][0].get("not_carried").is_none(), "{json:#}");
    let back = den.line("diff 1@v1 --against v2").ended(0).out;
    assert_eq!(changed(&back), ["-line thirtyfive", "+line 35"], "{back}");
    den.is_sound();
}

#[test]
fn what_does_not_fit_another_base_is_said_and_shown_whole() {
    let den = Den::new();
    let repository = adopted(&den, &[(5, "line five")]);
    rebased(&den, &repository, &[(5, "UPSTREAM 5")], &[(5, "five at last"), (30, "thirty")]);
    let diff = den.line("diff 1@v2 --against v1").ended(0);
    assert_eq!(changed(&diff.out), ["-UPSTREAM 5", "+five at last", "-line 30", "+thirty"], "{}", diff.out);
    assert!(diff.err.contains("a.txt: what v1 changed does not fit the new base"), "{}", diff.err);
    let json = den.line("diff 1@v2 --against v1 --json").ended(0).json();
    assert_eq!(json["patch_sets"][0]["not_carried"][0], "a.txt", "{json:#}");
    den.is_sound();
}

/// A thread as `comments --json` has it.
fn threads(den: &Den) -> Vec<Value> {
    den.line("comments 1 --json").ended(0).json()["threads"].as_array().unwrap().clone()
}

#[test]
fn threads_of_an_earlier_version_stand_at_their_code() {
    let den = Den::new();
    let repository = adopted(&den, &[(10, "line TEN"), (30, "line THIRTY")]);
    for (line, words) in [("10", "about TEN"), ("30", "about THIRTY"), ("12-14", "a range"), ("20", "a line that goes")]
    {
        den.run(&["comment", "1@v1", "--file", "a.txt", "--line", line, "-m", words]).ended(0);
    }
    den.run(&["comment", "1@v1", "--file", "a.txt", "--side", "old", "--line", "10", "-m", "as it was"]).ended(0);
    assert!(threads(&den).iter().all(|thread| thread.get("now").is_none()), "none of another version");
    let replaced = [(3, "new\nnew\nnew\nnew\nnew\nline 3"), (10, "line TEN"), (20, "?"), (30, "line THIRTY")];
    repository.write("a.txt", lines(&replaced));
    repository.commit("five above");
    adopt(&den, &repository);
    let now: Vec<(Value, Value, Value)> = threads(&den)
        .iter()
        .map(|thread| {
            let now = &thread["now"];
            (now["now_from_line"].clone(), now["now_line"].clone(), now["outdated"].clone())
        })
        .collect();
    let at = |from: Option<u32>, line: u32, outdated: bool| (from.into(), line.into(), outdated.into());
    let expected =
        [at(None, 15, false), at(None, 35, false), at(Some(17), 19, false), at(None, 24, true), at(None, 10, false)];
    assert_eq!(now, expected);
    let seen = threads(&den);
    assert_eq!((&seen[0]["line"], &seen[3]["now"]["quoted"]), (&10.into(), &"line 20".into()), "the old fields stay");
    let text = den.line("comments 1").ended(0).out;
    assert!(text.contains("v1 a.txt:10, in v2 a.txt:15"), "{text}");
    assert!(text.contains("v1 a.txt:20, outdated, in v2 near a.txt:24") && text.contains("> line 20"), "{text}");
    let prompt = den.line("comments 1 --format prompt").ended(0).out;
    assert!(prompt.contains("line TEN") && prompt.contains("a.txt:10 (issue), in v2 a.txt:15"), "{prompt}");
    // a file that the version no longer has
    repository.git(&["rm", "-q", "a.txt"]);
    repository.commit("gone");
    adopt(&den, &repository);
    let text = den.line("comments 1").ended(0).out;
    assert!(text.contains("v1 a.txt:10, outdated"), "{text}");
    // one that it neither has nor changes
    repository.git(&["checkout", "-q", "main"]);
    repository.git(&["rm", "-q", "a.txt"]);
    repository.commit("gone upstream");
    repository.git(&["checkout", "-q", "-B", "feat", "main"]);
    repository.write("b.txt", "another\n");
    repository.commit("another");
    adopt(&den, &repository);
    let text = den.line("comments 1").ended(0).out;
    assert!(text.contains("v1 a.txt:10, outdated, not in v4"), "{text}");
    den.is_sound();
}
