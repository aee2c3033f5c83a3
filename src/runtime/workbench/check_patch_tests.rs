//! `check-patch` on real repositories: what applies, what does not, what is blocked, and that nothing is left behind.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::api::CheckExtent;
use crate::clock::SystemClock;
use crate::id::RandomIds;
use crate::policy::{BuiltInPolicy, Severity};
use crate::repository::{Base, GitVcs};

/// A home and a repository with a few files.
pub(super) struct Lab {
    folder: tempfile::TempDir,
    pub(super) repo: PathBuf,
}

impl Lab {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let repo = folder.path().join("work");
        fs::create_dir(&repo).expect("a folder");
        let lab = Self { folder, repo };
        lab.git(&["init", "-q", "-b", "main"]);
        lab.write("a.txt", "one\ntwo\nthree\n");
        lab.write("dir/b.txt", "b\n");
        lab.commit();
        lab
    }

    pub(super) fn home(&self) -> Home {
        Home::at(self.folder.path().join("home"))
    }

    pub(super) fn bench(&self) -> LocalWorkbench {
        LocalWorkbench::new(self.parts())
    }

    pub(super) fn parts(&self) -> WorkbenchParts {
        WorkbenchParts {
            home: self.home(),
            vcs: Arc::new(GitVcs::new(self.home().repos(), Vec::<(OsString, OsString)>::new())),
            policy: Arc::new(BuiltInPolicy::new()),
            policy_settings: PolicySettings::default(),
            max_check: Duration::from_secs(900),
            clock: Arc::new(SystemClock::default()),
            ids: Arc::new(RandomIds),
            machine: Arc::new(super::doctor_tests::facts),
            adapters: Arc::new(|| unreachable!("only `replay` asks")),
        }
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.repo.join(path);
        fs::create_dir_all(path.parent().expect("in the repository")).expect("folders");
        fs::write(path, text).expect("a file");
    }

    pub(super) fn git(&self, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(&self.repo)
            .args(args)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "User").env(format!("GIT_{who}_EMAIL"), "user@example.org");
        }
        let output = command.output().expect("git runs");
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    pub(super) fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "next"]);
    }

    fn check(&self, patches: &[&str]) -> CheckedPatch {
        self.ask(patches, false).expect("an answer")
    }

    fn ask(&self, patches: &[&str], write_tree: bool) -> Result<CheckedPatch, Failure> {
        let extent = if write_tree { CheckExtent::Store } else { CheckExtent::Judge };
        self.bench().check_patch(&CheckPatchRequest { extent, ..self.request(patches) })
    }

    fn request(&self, patches: &[&str]) -> CheckPatchRequest {
        let patches = patches.iter().enumerate().map(|(at, text)| (format!("{at}.patch"), text.as_bytes().to_vec()));
        let source = Source::Path(HostPath::new(&*self.repo));
        CheckPatchRequest { source, base: Base::Head, patches: patches.collect(), extent: CheckExtent::Judge }
    }

    /// Every file of the repository, `.git` whole.
    fn everything(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        walk(&self.repo, &mut found);
        found
    }
}

fn walk(folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.insert(path.clone(), fs::read(path).expect("readable"));
        }
    }
}

const TWO: &str = "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three\n";
const AGAIN: &str = "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,4 @@\n one\n-zwei\n+deux\n+dos\n three\n";

#[test]
fn without_the_policies_only_the_placing_is_told_and_what_no_patch_may_write_still_stops_it() {
    let lab = Lab::new();
    let ask = |patches: &[&str]| {
        lab.bench()
            .check_patch(&CheckPatchRequest { extent: CheckExtent::Place, ..lab.request(patches) })
            .expect("an answer")
    };
    let secret =
        "--- /dev/null\n+++ b/k.py\n@@ -0,0 +1 @@\n+aws_key = \"AKIAQ4X7ZK2LMN5PRST6\" # aws_secret_access_key\n";
    let judged = lab.check(&[secret]);
    assert!(judged.violations.iter().any(|found| found.rule == "secret-added"), "{judged:?}");
    let placed = ask(&[secret]);
    assert_eq!((placed.violations.len(), placed.tree.clone()), (0, judged.tree), "{placed:?}");
    assert_eq!((judged.judged, placed.judged), (true, false), "a script is told that nothing was looked for");
    assert!(placed.notes.iter().any(|note| note.raw().contains("--apply-only")), "{placed:?}");
    assert!(!ask(&[AGAIN]).applies);
    let outside = ask(&["--- /dev/null\n+++ b/../out\n@@ -0,0 +1 @@\n+x\n"]);
    assert!(!outside.applies, "{outside:?}");
    let hook = ask(&["--- /dev/null\n+++ b/.git/hooks/pre-commit\n@@ -0,0 +1 @@\n+x\n"]);
    assert!(!hook.applies && hook.violations.iter().any(|found| found.severity == Severity::Block), "{hook:?}");
}

#[test]
fn the_tree_is_gits_own_and_nothing_is_left_behind() {
    let lab = Lab::new();
    let before = lab.everything();
    let checked = lab.check(&[TWO]);
    assert!(checked.applies, "{checked:?}");
    assert_eq!(lab.everything(), before);
    let stat: Vec<_> = checked.files.iter().map(|file| (file.path.to_string(), file.added, file.deleted)).collect();
    assert_eq!(stat, [("a.txt".to_owned(), 1, 1)]);
    lab.write("a.txt", "one\nzwei\nthree\n");
    lab.git(&["add", "-A"]);
    assert_eq!(checked.tree.map(|tree| tree.to_string()), Some(lab.git(&["write-tree"])));
}

#[test]
fn a_second_patch_sees_what_the_first_made() {
    let lab = Lab::new();
    let both = lab.check(&[TWO, AGAIN]);
    assert!(both.applies && both.violations.is_empty(), "{both:?}");
    assert_eq!((both.files[0].added, both.files[0].deleted), (2, 1));
    let alone = lab.check(&[AGAIN]);
    assert!(!alone.applies && alone.tree.is_none() && alone.files.is_empty(), "{alone:?}");
    assert!(alone.refusals[0].raw().starts_with("0.patch: a.txt: its old lines are nowhere"), "{alone:?}");
    let made_and_gone = [
        "diff --git a/n b/n\nnew file mode 100644\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+n\n",
        "diff --git a/n b/n\ndeleted file mode 100644\n--- a/n\n+++ /dev/null\n@@ -1 +0,0 @@\n-n\n",
    ];
    let nothing = lab.check(&made_and_gone);
    assert!(nothing.applies && nothing.files.is_empty(), "{nothing:?}");
    assert_eq!(nothing.tree.map(|tree| tree.to_string()), Some(lab.git(&["rev-parse", "HEAD^{tree}"])));
}

#[test]
fn a_tree_is_stored_where_it_is_asked_for_and_only_there() {
    let lab = Lab::new();
    let dry = lab.check(&[TWO]).tree.expect("a tree").to_string();
    let missing =
        Command::new("git").arg("-C").arg(&lab.repo).args(["cat-file", "-e", &dry]).output().expect("git runs");
    assert!(!missing.status.success());
    let stored = lab.ask(&[TWO], true).expect("an answer");
    assert_eq!(stored.tree.map(|tree| tree.to_string()), Some(dry.clone()));
    assert_eq!(lab.git(&["show", &format!("{dry}:a.txt")]), "one\nzwei\nthree");
    assert_eq!(lab.git(&["status", "--porcelain"]), "");
}

#[test]
fn whole_names_below_the_repository_are_told_from_there() {
    let mut lab = Lab::new();
    let top = lab.repo.canonicalize().expect("it is there").display().to_string();
    let expected = lab.check(&[TWO]).tree;
    let whole = format!("--- {top}/a.txt\t2026-01-01\n+++ {top}/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three\n");
    let edits = format!("{top}/a.txt\n```\n<<<<<<< SEARCH\ntwo\n=======\nzwei\n>>>>>>> REPLACE\n```\n");
    let wrong_counts = whole.replace("@@ -1,3 +1,3 @@", "@@ -1,2 +1,2 @@");
    for patch in [&whole, &edits, &wrong_counts] {
        let checked = lab.check(&[patch]);
        assert!(checked.applies && checked.tree == expected, "{patch}: {checked:?}");
    }
    let made = format!("--- /dev/null\n+++ {top}/new/n.txt\n@@ -0,0 +1 @@\n+n\n");
    assert_eq!(lab.check(&[&made]).files[0].path, "new/n.txt".into());
    // lines of files are never names, whatever they look like
    lab.write("a.sql", &format!("-- {top}/x\nselect 1;\n"));
    lab.commit();
    let lines = format!("--- {top}/a.sql\n+++ {top}/a.sql\n@@ -1,2 +1,2 @@\n--- {top}/x\n+++ {top}/y\n select 1;\n");
    let checked = lab.ask(&[&lines], true).expect("an answer");
    let tree = checked.tree.as_ref().unwrap_or_else(|| panic!("{checked:?}"));
    assert_eq!(lab.git(&["show", &format!("{tree}:a.sql")]), format!("++ {top}/y\nselect 1;"));
    // by another name of the same folder, and asked from a folder inside
    let link = lab.folder.path().join("link");
    std::os::unix::fs::symlink(&lab.repo, &link).expect("a link");
    let through = whole.replace(&top, &link.display().to_string());
    let guessed = lab.check(&[&through]);
    assert!(guessed.notes.iter().any(|note| note.raw().contains("calls it")), "nobody said that name: {guessed:?}");
    lab.repo = link.join("dir");
    for patch in [&whole, &through] {
        assert!(lab.check(&[patch]).applies, "{patch}");
    }
}

#[test]
fn whole_names_of_elsewhere_are_nobodys_unless_their_lines_tell_and_then_it_is_told() {
    let lab = Lab::new();
    let top = lab.repo.canonicalize().expect("it is there").display().to_string();
    let named = |name: &str| format!("--- {name}\n+++ {name}\n@@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three\n");
    for name in [
        format!("{top}/../a.txt"),
        format!("{top}/../{}/a.txt", lab.repo.file_name().expect("a name").display()),
        format!("{top}/.git/a.txt"),
        format!("{top}2/b.txt"),
    ] {
        let checked = lab.check(&[&named(&name)]);
        let blocks = checked.violations.iter().any(|found| found.severity == Severity::Block);
        assert!(!checked.applies || blocks, "{name}: {checked:?}");
    }
    // as agents call the files of their own sandbox
    for name in [format!("{top}2/a.txt"), format!("/x{top}/a.txt"), "/workspace/a.txt".to_owned()] {
        let checked = lab.check(&[&named(&name)]);
        let told = format!("the reply calls it `{name}`");
        assert!(checked.applies && checked.notes.iter().any(|note| note.raw().contains(&told)), "{name}: {checked:?}");
        let other = lab.check(&[&named(&name).replace("two", "deux")]);
        assert!(!other.applies, "{name}: {other:?}");
    }
}

#[track_caller]
fn check_blocked(patch: &str, rule: &str) {
    let lab = Lab::new();
    let before = lab.everything();
    let checked = lab.ask(&[patch], true).expect("an answer");
    let blocks = |violation: &&crate::api::ViolationView| violation.severity == Severity::Block;
    let rules: Vec<&str> = checked.violations.iter().filter(blocks).map(|found| found.rule.as_str()).collect();
    assert!(rules.contains(&rule), "{checked:?}");
    assert!(checked.refusals.is_empty(), "{checked:?}");
    assert_eq!(lab.everything(), before, "a patch that is blocked stores nothing");
}

fn new_file(path: &str, mode: &str) -> String {
    format!("diff --git a/{path} b/{path}\nnew file mode {mode}\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n")
}

#[test]
fn what_a_policy_blocks_is_named_and_not_stored() {
    check_blocked(&new_file("../x", "100644"), "path-traversal");
    check_blocked(&new_file("dir/../../x", "100644"), "path-traversal");
    check_blocked(&new_file(".git/hooks/pre-commit", "100755"), "path-git-directory");
    check_blocked(&new_file("n", "100600"), "odd-mode");
    let link = "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc/passwd\n\\ No newline at end of file\n";
    check_blocked(link, "link-escapes");
}

#[test]
fn a_link_that_stays_inside_applies() {
    let lab = Lab::new();
    let link = "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+a.txt\n\\ No newline at end of file\n";
    let checked = lab.check(&[link]);
    assert!(checked.applies, "{checked:?}");
    assert!(checked.violations.iter().all(|found| found.severity == Severity::Warn), "{checked:?}");
    // and a patch after it cannot write through it
    let through = lab.check(&[link, &new_file("l/x", "100644")]);
    assert!(!through.applies, "{through:?}");
}

#[test]
fn the_bases_own_policy_tightens() {
    let lab = Lab::new();
    lab.write(".paraph.toml", "[policy]\nfrozen = [\"a.txt\"]\nraised = [\"frozen-path\"]\n");
    lab.commit();
    let checked = lab.check(&[TWO]);
    assert!(checked.violations.iter().any(|found| found.rule == "frozen-path"), "{checked:?}");
    lab.write(".paraph.toml", "[policy]\nfrozen = 3\n");
    lab.commit();
    let failure = lab.ask(&[TWO], false).expect_err("the configuration does not read");
    assert!(failure.causes[0].starts_with(".paraph.toml:2: "), "{failure:?}");
}

#[track_caller]
fn check_refused(patch: &str, part: &str) {
    let checked = Lab::new().check(&[patch]);
    assert!(!checked.applies);
    assert!(checked.refusals[0].raw().contains(part), "{checked:?}");
}

#[test]
fn a_refusal_says_where_why_and_what_may_help() {
    check_refused("hello\n", "git diff");
    check_refused("--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n", "line 6: the hunk ends early");
    check_refused(
        "--- a/gone\n+++ b/gone\n@@ -1 +1 @@\n-a\n+b\n",
        "0.patch: gone: no such file in the base (line 1 of the patch); was",
    );
    check_refused(&new_file("a.txt", "100644"), "already exists");
}

#[test]
fn bad_places_are_failures_with_a_hint() {
    let lab = Lab::new();
    let empty = lab.folder.path().join("empty");
    fs::create_dir(&empty).expect("a folder");
    let failure = lab.bench().repository_root(&empty).expect_err("no repository");
    assert_eq!((failure.kind, &failure.hints[..]), (FailureKind::NotFound, &["git init".to_owned()][..]));
    let source = Source::Path(HostPath::new(&*lab.repo));
    let ask =
        |base| CheckPatchRequest { source: source.clone(), base, patches: Vec::new(), extent: CheckExtent::Judge };
    let failure = lab.bench().check_patch(&ask(Base::Rev("nowhere".to_owned()))).expect_err("no such revision");
    assert_eq!(failure.kind, FailureKind::NotFound);
    let failure = lab.bench().check_patch(&ask(Base::Dirty)).expect_err("no commit");
    assert_eq!(failure.kind, FailureKind::Usage);
    assert_eq!(
        lab.bench().repository_root(&lab.repo.join("dir")).ok().map(|root| root.to_string()),
        lab.repo.canonicalize().ok().map(|path| path.display().to_string())
    );
}

fn check_text(lab: &Lab, patch: &[u8]) -> CheckedPatch {
    let source = Source::Path(crate::id::HostPath::new(lab.repo.clone()));
    let patches = vec![("reply.md".to_owned(), patch.to_vec())];
    let request = CheckPatchRequest { source, base: Base::Head, patches, extent: CheckExtent::Judge };
    lab.bench().check_patch(&request).expect("it is checked")
}

#[test]
fn a_models_reply_is_placed_and_what_was_tolerated_is_told() {
    let lab = Lab::new();
    let reply = b"Sure:\n\na.txt\n```\n<<<<<<< SEARCH\n two\n=======\n zwei\n>>>>>>> REPLACE\n```\n";
    let checked = check_text(&lab, reply);
    assert!(checked.applies, "{checked:?}");
    assert_eq!((checked.files[0].added, checked.files[0].deleted), (1, 1));
    assert!(checked.notes.len() == 1 && checked.notes[0].raw().contains("indentation"), "{checked:?}");
    let refused = check_text(&lab, b"a.txt\n<<<<<<< SEARCH\nnine\n=======\nten\n>>>>>>> REPLACE\n");
    assert!(!refused.applies && refused.refusals[0].raw().contains("nowhere"), "{refused:?}");
    let plain = check_text(&lab, b"--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n");
    let json = serde_json::to_value(&plain).expect("plain data");
    assert!(plain.applies && json.get("notes").is_none(), "a plain diff's answer has no more fields than before");
}

/// A diff of `a.txt` under another name, with `lines` for its hunk.
fn diff_of(name: &str, lines: &str) -> Vec<u8> {
    format!("--- {name}\n+++ {name}\n{lines}").into_bytes()
}

#[test]
fn a_diff_as_models_write_it_is_placed_where_its_names_and_lines_are_clear() {
    let lab = Lab::new();
    let plain = "@@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three\n";
    for (what, diff, note) in [
        ("a sandbox's name", diff_of("/workspace/dir/b.txt", "@@ -1 +1 @@\n-b\n+c\n"), "/workspace/dir/b.txt"),
        ("a name with a backslash", diff_of("dir\\b.txt", "@@ -1 +1 @@\n-b\n+c\n"), "dir\\b.txt"),
        (
            "another indentation",
            diff_of("a/a.txt", "@@ -1,3 +1,3 @@\n   one\n-  two\n+  zwei\n   three\n"),
            "indentation",
        ),
        ("blanks at the end", diff_of("a/a.txt", "@@ -1,3 +1,3 @@\n one \n-two\n+zwei\n three\n"), "blanks"),
        ("other line ends", plain_with_cr("a.txt", plain), "line ends"),
    ] {
        let checked = check_text(&lab, &diff);
        assert!(checked.applies && checked.violations.is_empty(), "{what}: {checked:?}");
        assert!(checked.notes.iter().any(|told| told.raw().contains(note)), "{what}: {:?}", checked.notes);
    }
    for (what, diff) in [
        ("other lines", diff_of("a/a.txt", "@@ -1,3 +1,3 @@\n eins\n-two\n+zwei\n drei\n")),
        ("nobody's name", diff_of("/etc/passwd", plain)),
        ("git's own", diff_of("/workspace/.git/config", plain)),
    ] {
        let checked = check_text(&lab, &diff);
        let blocks = checked.violations.iter().any(|found| found.severity == Severity::Block);
        assert!(!checked.applies && (blocks || !checked.refusals.is_empty()), "{what}: {checked:?}");
    }
}

#[test]
fn a_diff_that_has_no_place_finds_none_that_only_looks_alike() {
    let lab = Lab::new();
    for (what, base, diff) in [
        (
            "it is there already",
            "one\nzwei\nthree\nx\none \ntwo\nthree\n",
            diff_of("a.txt", "@@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three\n"),
        ),
        (
            "it ends where the file ends",
            "a\n  b\n  }\n}\nend\n",
            diff_of("a.txt", "@@ -7,3 +7,4 @@\n   b\n   }\n }\n+new\n"),
        ),
        ("only new lines", "one\n", diff_of("new.txt", "@@ -5,0 +6,2 @@\n+x\n+y\n")),
        (
            "a file twice",
            "[x]\nn = 1\n[y]\nn = 2\n",
            plain_with_cr(
                "a.txt",
                "@@ -2 +2 @@\n-n = 1\n+n = 2\n--- a.txt\n+++ a.txt\n@@ -2 +2 @@\n-n = 2\n+n = 3\n",
            ),
        ),
        (
            "dots that are the file's own",
            "class A:\n    timeout = 10\nclass B:\n    timeout = 5\n",
            diff_of("a.txt", "@@ -1,3 +1,3 @@\n class A:\n     ...\n-    timeout = 5\n+    timeout = 10\n"),
        ),
        (
            "a mail",
            "one\ntwo\nthree\nfour\n",
            b"From 1 Mon Sep 17 00:00:00 2001\nFrom: A <a@b.c>\nSubject: x\n\n---\n--- a/a.txt\n+++ b/a.txt\n@@ -1,4 +1,4 @@\n one\n-two\n+long\nwrapped\n three\n-four\n+vier\n".to_vec(),
        ),
    ] {
        lab.write("a.txt", base);
        lab.commit();
        let checked = check_text(&lab, &diff);
        assert!(!checked.applies, "{what}: {checked:?}");
    }
}

#[test]
fn edits_may_not_write_what_a_diff_may_not() {
    let lab = Lab::new();
    let reply = b"a.txt\n```\n<<<<<<< SEARCH\ntwo\n=======\nzwei\n>>>>>>> REPLACE\n```\n\n`git~1/hooks/x` (new file):\n\n```\nx\n```\n";
    let patches = vec![("reply.md".to_owned(), reply.to_vec())];
    let source = Source::Path(crate::id::HostPath::new(lab.repo.clone()));
    let request = CheckPatchRequest { source, base: Base::Head, patches, extent: CheckExtent::Place };
    let checked = lab.bench().check_patch(&request).expect("it is checked");
    let blocks = checked.violations.iter().any(|found| found.severity == Severity::Block);
    assert!(!checked.applies && blocks, "{checked:?}");
}

fn plain_with_cr(name: &str, hunk: &str) -> Vec<u8> {
    diff_of(name, hunk)
        .into_iter()
        .flat_map(|byte| if byte == b'\n' { vec![b'\r', byte] } else { vec![byte] })
        .collect()
}

#[test]
fn a_diff_of_a_content_that_the_repository_has_is_merged_or_refused_and_never_bent() {
    let lab = Lab::new();
    lab.write("a.txt", "one\nzwei\nthree\n");
    let diff = format!("{}\n", lab.git(&["diff"]));
    lab.write("a.txt", "  one\n  two\n  three\n");
    lab.commit();
    let checked = check_text(&lab, diff.as_bytes());
    assert!(!checked.applies, "git merges no other indentation: {checked:?}");
    let nameless: String =
        diff.lines().filter(|line| !line.starts_with("index ")).fold(String::new(), |text, line| text + line + "\n");
    assert!(check_text(&lab, nameless.as_bytes()).applies, "nobody knows what it was made on");
}

#[test]
fn what_a_fence_says_of_a_diff_in_it_counts() {
    let lab = Lab::new();
    let hunk = "@@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three\n";
    let diff = String::from_utf8(diff_of("a.txt", hunk)).expect("text");
    let cut = check_text(&lab, format!("Here:\n\n```diff\n{diff}").as_bytes());
    assert!(!cut.applies && cut.refusals[0].raw().contains("cut"), "{cut:?}");
    let whole = check_text(&lab, format!("Here:\n\n```diff\n{diff}```\n").as_bytes());
    assert!(whole.applies && whole.notes.is_empty(), "{whole:?}");
    let more = format!("Here:\n\n```diff\n{diff}```\n\nc.txt (whole file)\n```\nnew\n```\n");
    let both = check_text(&lab, more.as_bytes());
    assert!(both.applies && both.files.len() == 2, "nothing beside a diff is lost: {both:?}");
}

#[test]
fn a_diff_of_an_older_base_merges_as_gits_three_way_does_or_not_at_all() {
    let lab = Lab::new();
    let base: Vec<String> = (1..=30).map(|line| format!("line {line}")).collect();
    let with = |changes: &[(usize, &str)]| {
        let mut lines = base.clone();
        changes.iter().for_each(|(line, text)| lines[line - 1] = (*text).to_owned());
        lines.join("\n") + "\n"
    };
    // what the diff changes, what came meanwhile, and whether git joins them
    let cases = [
        (vec![(10, "ours")], vec![(14, "theirs")], true),
        (vec![(10, "ours")], vec![(12, "theirs")], true),
        (vec![(10, "ours")], vec![(11, "theirs")], false),
        (vec![(10, "ours")], vec![(10, "theirs")], false),
        (vec![(10, "same")], vec![(10, "same"), (20, "theirs")], true),
    ];
    for (at, (ours, theirs, joins)) in cases.iter().enumerate() {
        let name = format!("f{at}.txt");
        lab.write(&name, &with(&[]));
        lab.commit();
        lab.write(&name, &with(ours));
        let diff = format!("{}\n", lab.git(&["diff"]));
        lab.write(&name, &with(theirs));
        lab.commit();
        let patch = lab.repo.join("../old.diff");
        fs::write(&patch, &diff).expect("a file");
        let index = lab.repo.join("../scratch.index");
        fs::copy(lab.repo.join(".git/index"), &index).expect("a scratch index");
        let mut apply = Command::new("git");
        apply.arg("-C").arg(&lab.repo).args(["apply", "--3way", "--cached"]).arg(&patch).env("GIT_INDEX_FILE", &index);
        assert_eq!(apply.output().expect("git runs").status.success(), *joins, "what git does in case {at}");
        let checked = check_text(&lab, diff.as_bytes());
        // equal lines on both sides leave nothing to do
        assert_eq!(checked.applies, *joins, "case {at}: {checked:?}");
        if let Some(tree) = checked.tree.filter(|_| *joins) {
            let mut written = Command::new("git");
            written.arg("-C").arg(&lab.repo).arg("write-tree").env("GIT_INDEX_FILE", &index);
            let written = String::from_utf8(written.output().expect("git runs").stdout).expect("an id");
            assert_eq!(tree.as_str(), written.trim(), "case {at}");
            let merged = checked.notes.iter().any(|note| note.raw().contains("three-way"));
            assert!(merged, "case {at}: {:?}", checked.notes);
        }
    }
}

#[test]
fn a_diff_that_the_base_has_already_changes_nothing_and_finds_no_second_place() {
    let lab = Lab::new();
    let function = |name: &str| format!("fn {name}() {{\n    a();\n    b();\n}}\n\n");
    let file = |names: &[&str]| names.iter().map(|name| function(name)).collect::<String>() + "end\n";
    lab.write("f.rs", &file(&["x"]));
    lab.commit();
    lab.write("f.rs", &file(&["x", "y"]));
    let diff = format!("{}\n", lab.git(&["diff"]));
    lab.commit();
    let checked = check_text(&lab, diff.as_bytes());
    assert!(checked.applies && checked.notes.iter().any(|note| note.raw().contains("three-way")), "{checked:?}");
    assert!(checked.files.is_empty(), "{checked:?}");
    // without the ids nothing tells of the base; what it makes is where it says
    let bare: String =
        diff.lines().filter(|line| !line.starts_with("index ")).map(|line| format!("{line}\n")).collect();
    let refused = check_text(&lab, bare.as_bytes());
    assert!(!refused.applies && refused.refusals[0].raw().contains("already"), "{refused:?}");
    // the same lines changed otherwise on both sides: git has a conflict, wherever its old lines may stand
    lab.write("f.rs", &file(&["x", "z"]));
    lab.commit();
    let refused = check_text(&lab, diff.as_bytes());
    assert!(!refused.applies && refused.refusals[0].raw().contains("the base has other lines"), "{refused:?}");
    // beside a file of which nothing older is known each is what git makes of it: merged, and placed
    lab.write("f.rs", &format!("one\ntwo\nthree\n{}", file(&["x", "y"])));
    lab.commit();
    let other = "diff --git a/a.txt b/a.txt\nindex 1234567..89abcde 100644\n--- a/a.txt\n+++ b/a.txt\n\
                 @@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three\n";
    let checked = check_text(&lab, format!("{diff}{other}").as_bytes());
    let paths: Vec<String> = checked.files.iter().map(|file| file.path.to_string()).collect();
    assert_eq!((checked.applies, paths), (true, vec!["a.txt".to_owned()]), "{:?}", checked.refusals);
}

#[test]
fn a_file_that_becomes_a_folder_is_placed_beside_one_that_moved_on() {
    let lab = Lab::new();
    lab.write("thing", "a file\n");
    let lines = |first: &str, last: &str| format!("{first}\n{}{last}\n", "between\n".repeat(20));
    lab.write("g.txt", &lines("one", "two"));
    lab.commit();
    std::fs::remove_file(lab.repo.join("thing")).expect("it is there");
    lab.write("thing/inside", "a file\n");
    lab.write("g.txt", &lines("one", "zwei"));
    lab.git(&["add", "-A"]);
    let diff = format!("{}\n", lab.git(&["diff", "--cached", "--no-renames"]));
    lab.git(&["reset", "-q", "--hard"]);
    lab.write("g.txt", &lines("eins", "two"));
    lab.commit();
    let checked = check_text(&lab, diff.as_bytes());
    assert!(checked.applies, "{:?}", checked.refusals);
    assert_eq!(checked.files.len(), 3);
}
