//! Goals and patches that are too large, hostile, empty or nonsense.

use crate::den::{Den, GOAL, Said};

fn patched(den: &Den, repo: &str, patch: &[u8]) -> (Said, Said) {
    let checked = den.say(den.paraph(), &["check-patch", "--repo", repo, "-", "--json"], patch);
    let ran = den.say(den.paraph(), &["run", "try it", "--repo", repo, "--patch", "-", "--wait", "--json"], patch);
    (checked, ran)
}

#[test]
fn goals_of_any_kind_are_kept_as_data() {
    let den = Den::new();
    let repository = den.small_repository("repo");
    let run = |goal: &str| den.run(&["run", goal, "--repo", repository.arg(), "--wait", "--json"]);
    for goal in ["", "   ", "\n\t"] {
        run(goal).ended(2).is_a_good_refusal();
    }
    let huge = format!("{GOAL} {}", "word ".repeat(20_000));
    let said = run(&huge);
    said.has_not_panicked();
    assert!(said.done() || said.err.contains("hint: ") || said.json()["next"] != "", "{}", said.err);
    for goal in [
        "\u{1b}[2J\u{1b}]52;c;YQ==\u{7} compare with None by identity",
        "\u{202e}compare with None\u{200b}",
        "; rm -rf / $(id) `id` '\"",
    ] {
        let said = run(goal);
        said.has_not_panicked();
        let shown = den.run(&["show", &said.json()["id"].to_string()]).ended(0);
        shown.has_not_panicked();
        assert!(!shown.out.contains('\u{202e}') && !shown.out.contains('\u{7}'), "{shown:#?}");
    }
    for line in ["list", "next", "watch", "beads", "audit show", "metrics", "status"] {
        if line != "watch" {
            den.line(line).has_not_panicked();
        }
    }
    // a goal that no rule fits ends with a person, not in a silly patch
    let said = run("zzz qqq").ended(10);
    assert_eq!(said.json()["versions"].as_array().unwrap().len(), 0);
    den.is_sound();
}

#[test]
fn patches_that_cannot_be_are_refused_and_change_nothing() {
    let den = Den::new();
    let repository = den.small_repository("repo");
    let before = repository.git(&["rev-parse", "HEAD"]);
    let new = |path: &str, mode: &str, line: &str| {
        format!(
            "diff --git a/{path} b/{path}\nnew file mode {mode}\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+{line}\n"
        )
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("blank", b"  \n\n".to_vec()),
        ("words", b"this is no patch at all\n".to_vec()),
        ("bytes", (0..=255).collect()),
        ("zeros", vec![0; 4096]),
        ("half", b"diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1,4 +1,4 @@\n def".to_vec()),
        ("counts", b"--- a/a.py\n+++ b/a.py\n@@ -1,999999999999999999999 +1 @@\n-x\n+y\n".to_vec()),
        ("elsewhere", b"--- a/none.py\n+++ b/none.py\n@@ -1 +1 @@\n-x\n+y\n".to_vec()),
        ("out", new("../out", "100644", "x").into_bytes()),
        ("deep out", new("a/../../out", "100644", "x").into_bytes()),
        ("absolute", new("/tmp/out", "100644", "x").into_bytes()),
        ("git", new(".git/hooks/pre-commit", "100755", "x").into_bytes()),
        ("link out", new("link", "120000", "../../etc/passwd").into_bytes()),
        ("submodule", new("sub", "160000", "Subproject commit 1234567890123456789012345678901234567890").into_bytes()),
        ("esc", new("\u{1b}[31mred", "100644", "x").into_bytes()),
    ];
    for (name, patch) in cases {
        let (checked, ran) = patched(&den, repository.arg(), &patch);
        for said in [&checked, &ran] {
            said.has_not_panicked();
            assert!(!said.done(), "{name}: {said:#?}");
            let told = said.err.contains("error: ")
                || said.out.contains("refusals")
                || said.out.contains("reason")
                || said.out.contains("BLOCK");
            assert!(told, "{name}: {said:#?}");
        }
        assert!([1, 2, 6].contains(&checked.status), "{name}: {checked:#?}");
    }
    assert_eq!(repository.git(&["rev-parse", "HEAD"]), before);
    assert_eq!(repository.branches(), ["main"]);
    assert_eq!(repository.git(&["status", "--porcelain"]), "");
    assert!(!den.path().join("out").exists() && !std::path::Path::new("/tmp/out").exists());
    den.is_sound();
}
