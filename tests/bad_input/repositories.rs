//! Repositories that are odd: read as they are, or refused with what to type.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::den::{Den, FILE, GOAL, Repository, Said};

fn session(den: &Den, path: &Path) -> Said {
    let said = den.run(&[
        OsStr::new("run"),
        GOAL.as_ref(),
        "--repo".as_ref(),
        path.as_ref(),
        "--wait".as_ref(),
        "--json".as_ref(),
    ]);
    said.has_not_panicked();
    said
}

/// A session over `path` drafts the one change there is; every way to look at it works.
#[track_caller]
fn copes(den: &Den, path: &Path) -> Value {
    let seen = session(den, path).json();
    assert_eq!(seen["state"], "Scored", "{seen:#}");
    let files: Vec<_> = seen["versions"][0]["patch_sets"][0]["files"].as_array().unwrap().clone();
    assert_eq!(files.len(), 1, "{files:#?}");
    let id = seen["id"].to_string();
    for verb in ["show", "diff", "log", "artifacts", "context"] {
        let looked = den.run(&[verb, &id]);
        assert!(looked.done() && !looked.err.contains("panicked"), "{looked:#?}");
    }
    seen
}

/// A clone made by git itself.
fn clone(den: &Den, of: &Repository, name: &str, how: &[&str]) -> std::path::PathBuf {
    let to = den.path().join(name);
    let url = format!("file://{}", of.path.display());
    of.git(&[&["clone", "-q"], how, &[url.as_str(), to.to_str().unwrap()]].concat());
    to
}

#[test]
fn clones_of_every_shape_are_read() {
    let den = Den::new();
    let origin = den.small_repository("origin");
    origin.write("b.txt", b"more\n");
    origin.commit("second");
    origin.git(&["config", "uploadpack.allowFilter", "true"]);
    copes(&den, &clone(&den, &origin, "bare", &["--bare"]));
    copes(&den, &clone(&den, &origin, "shallow", &["--depth", "1"]));
    copes(&den, &clone(&den, &origin, "sparse", &["--sparse"]));
    let detached = clone(&den, &origin, "detached", &[]);
    origin.git(&["-C", detached.to_str().unwrap(), "checkout", "-q", "--detach", "HEAD~1"]);
    copes(&den, &detached);
    origin.git(&["worktree", "add", "-q", "-b", "side", "../linked"]);
    copes(&den, &den.path().join("linked"));
    // the standing folder may be deep inside
    std::fs::create_dir_all(origin.path.join("deep/er")).unwrap();
    copes(&den, &origin.path.join("deep/er"));
    den.is_sound();
}

#[test]
fn what_is_no_repository_or_has_no_commit_is_refused() {
    let den = Den::new();
    let folder = den.path().join("plain");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("file"), "").unwrap();
    for path in [folder.clone(), folder.join("file"), den.path().join("missing")] {
        session(&den, &path).ended(3).is_a_good_refusal();
    }
    let unborn = den.empty_repository("unborn");
    let said = session(&den, &unborn.path);
    assert!(!said.done() && (said.err.contains("commit") || said.out.contains("commit")), "{said:#?}");
    assert!(said.err.contains("hint: ") || said.out.contains("\"next\":\""), "{said:#?}");
    let known = den.small_repository("known");
    let said = den.run(&["run", GOAL, "--repo", known.arg(), "--base", "no-such-rev", "--wait"]);
    assert!(!said.done() && (said.out.clone() + &said.err).contains("no-such-rev"), "{said:#?}");
    // a repository that lost its HEAD, and one whose objects are gone
    let broken = den.small_repository("broken");
    std::fs::write(broken.path.join(".git/HEAD"), "nonsense\n").unwrap();
    assert!(!session(&den, &broken.path).done());
    let hollow = den.small_repository("hollow");
    std::fs::remove_dir_all(hollow.path.join(".git/objects")).unwrap();
    std::fs::create_dir(hollow.path.join(".git/objects")).unwrap();
    let said = session(&den, &hollow.path);
    assert!(!said.done() && said.status != 101, "{said:#?}");
    den.is_sound();
}

#[test]
fn names_and_contents_of_every_kind_stay_as_they_are() {
    let den = Den::new();
    let repository = den.repository(
        "odd",
        &[
            ("a.py", FILE),
            (" lead and trail ", "x\n"),
            ("a\nb", "x\n"),
            ("\u{1b}[31mred", "x\n"),
            ("\u{202e}gnp.py", "y = 1\n"),
        ],
    );
    repository.write("bin.py", b"\x00\x01if x == None:\n    pass\n");
    repository.write("latin.py", b"# \xe9\nif x == None:\n    pass\n");
    std::fs::write(repository.path.join(OsStr::from_bytes(b"inv\xffalid.txt")), "x\n").unwrap();
    symlink("loop-b", repository.path.join("loop-a")).unwrap();
    symlink("loop-a", repository.path.join("loop-b")).unwrap();
    symlink("/etc/passwd", repository.path.join("outside.py")).unwrap();
    symlink(".", repository.path.join("here")).unwrap();
    repository.commit("odd");
    let seen = copes(&den, &repository.path);
    assert_eq!(seen["versions"][0]["patch_sets"][0]["files"][0]["path"], "a.py");
    let index = den.run(&["index", "--repo", repository.arg()]);
    index.has_not_panicked();
    assert!(index.done(), "{index:#?}");
    // what the rules touched in a file with CRLF keeps its line ends
    let crlf = den.repository("crlf", &[("a.py", &FILE.replace('\n', "\r\n"))]);
    let seen = copes(&den, &crlf.path);
    let diff = den.run(&["diff", &seen["id"].to_string()]).ended(0);
    assert!(diff.out.contains("+    if x is None:\r\n"), "{diff:#?}");
    // a repository whose own path is odd
    let spaced = den.repository(OsStr::from_bytes(b"sp ace\n\x1b[1m"), &[("a.py", FILE)]);
    copes(&den, &spaced.path);
    let invalid = den.repository(OsStr::from_bytes(b"inv\xffalid"), &[("a.py", FILE)]);
    let mut inside = den.paraph();
    inside.current_dir(&invalid.path);
    let said = den.say(inside, &["run", GOAL, "--wait", "--json"], b"");
    said.has_not_panicked();
    assert!(said.json()["state"] == "Scored" || said.err.contains("hint: "), "{said:#?}");
    let listed = den.line("list").ended(0);
    listed.has_not_panicked();
    den.is_sound();
}

#[test]
fn large_files_and_submodules_are_left_alone() {
    let den = Den::new();
    let repository = den.small_repository("large");
    let sub = den.repository("sub", &[("s.py", FILE)]);
    repository.git(&["submodule", "add", "-q", sub.arg(), "inner"]);
    let file = std::fs::File::create(repository.path.join("large.py")).unwrap();
    file.set_len(100 << 20).unwrap();
    repository.commit("large");
    let started = std::time::Instant::now();
    let seen = copes(&den, &repository.path);
    assert_eq!(seen["versions"][0]["patch_sets"][0]["files"][0]["path"], "a.py");
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
    den.line(&format!("index --repo {}", repository.arg())).ended(0);
    den.is_sound();
}

#[test]
fn a_read_only_repository_is_reviewed_and_said_to_be_so_at_publishing() {
    let den = Den::new();
    let repository = den.small_repository("repo");
    let seen = copes(&den, &repository.path);
    let mode = |mode: &str| {
        let done = Command::new("chmod").args(["-R", mode]).arg(&repository.path).status().unwrap();
        assert!(done.success());
    };
    mode("a-w");
    let again = copes(&den, &repository.path);
    let digest = again["versions"][0]["patch_sets"][0]["digest"].as_str().unwrap();
    let id = again["id"].to_string();
    den.run(&["approve", &format!("{id}@v1"), "--digest", digest, "-m", "ok"]).ended(0);
    den.run(&["publish", &id]).ended(0);
    let end = crate::den::eventually("an end", || {
        let shown = den.run(&["show", &id, "--json"]).ended(0).json();
        matches!(shown["state"].as_str(), Some("Done" | "NeedsHuman")).then_some(shown)
    });
    let writable = rustix::process::geteuid().is_root();
    assert_eq!(end["state"], if writable { "Done" } else { "NeedsHuman" }, "{end:#}");
    mode("u+w");
    if !writable {
        assert!(end["reason"].as_str().unwrap().contains("read-only"), "{end:#}");
        den.run(&["publish", &id]).ended(0);
        crate::den::eventually("Done", || {
            (den.run(&["show", &id, "--json"]).ended(0).json()["state"] == "Done").then_some(())
        });
    }
    assert_ne!(seen["id"], again["id"]);
    den.is_sound();
}
