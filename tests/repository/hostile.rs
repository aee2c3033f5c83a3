//! Repositories made to run something: no canary is ever touched.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use paraph::cancel::Cancel;
use paraph::repository::{Base, Vcs as _, VcsError, WorkSpec};

use crate::bench::{Bench, change, new_commit, set, text};

#[test]
fn nothing_that_a_configuration_names_is_run() {
    let bench = Bench::small();
    bench.write(".gitattributes", "*.f filter=evil diff=evil merge=evil\n*.rs diff=evil merge=evil\n");
    bench.write("x.f", "x\n");
    bench.commit_all("attributes");
    let canaries = bench.folder.path().join("canaries");
    fs::create_dir(&canaries).expect("canaries");
    let script = bench.folder.path().join("evil.sh");
    fs::write(&script, format!("#!/bin/sh\ntouch {}/$$\ncat\n", canaries.display())).expect("script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("chmod");
    let evil = script.to_str().expect("text");
    for key in [
        "core.fsmonitor",
        "core.pager",
        "core.editor",
        "core.sshCommand",
        "core.gitProxy",
        "core.askPass",
        "core.alternateRefsCommand",
        "gpg.program",
        "diff.external",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "diff.evil.textconv",
        "diff.evil.command",
        "merge.evil.driver",
        "alias.status",
        "alias.clone",
        "credential.helper",
        "uploadpack.packObjectsHook",
        "pager.status",
    ] {
        bench.git(&["config", key, evil]);
    }
    bench.git(&["config", "commit.gpgSign", "true"]);
    bench.git(&["config", "core.hooksPath", bench.folder.path().to_str().expect("text")]);
    let hooks = [
        "pre-commit",
        "post-checkout",
        "post-index-change",
        "reference-transaction",
        "fsmonitor-watchman",
        "post-commit",
        "commit-msg",
        "pre-push",
        "pre-auto-gc",
        "update",
        "post-update",
        "pre-receive",
    ];
    for hook in hooks {
        for folder in [bench.folder.path().to_owned(), bench.repo.join(".git/hooks")] {
            fs::create_dir_all(&folder).expect("hooks");
            fs::copy(&script, folder.join(hook)).expect("hook");
        }
    }
    bench.write("x.f", "changed\n");
    bench.write("src/lib.rs", "changed\n");
    for base in [Base::Head, Base::Dirty, Base::Of(WorkSpec::Dirty), Base::Rev("main".into())] {
        bench.vcs.facts(&bench.source()).expect("facts");
        bench.vcs.changed_files(&bench.source()).expect("count");
        let snapshot = bench.snapshot(&base).expect("snapshot");
        let tree =
            bench.vcs.write_tree(&snapshot.key, &snapshot.tree, &set([change("n.f", None, text("n"))])).expect("tree");
        let reference = format!("refs/heads/paraph/{tree}");
        bench
            .vcs
            .commit(&snapshot.key, &paraph::repository::NewCommit { reference, ..new_commit(&snapshot, &tree) })
            .expect("commit");
        bench.vcs.checkout(&snapshot.key, &tree, &bench.checkout_folder(), &Cancel::new()).expect("checkout");
        bench.vcs.drift(&snapshot, &tree).expect("drift");
    }
    assert_eq!(fs::read_dir(&canaries).expect("list").count(), 0, "a canary was touched");
    // the canary works: git itself would have touched it
    let _ = std::process::Command::new(&script).stdin(std::process::Stdio::null()).output();
    assert_eq!(fs::read_dir(&canaries).expect("list").count(), 1);
}

#[test]
fn a_worktree_that_leads_elsewhere_is_refused() {
    let bench = Bench::small();
    let outside = bench.folder.path().join("outside");
    fs::create_dir(&outside).expect("outside");
    fs::write(outside.join("secret"), "secret").expect("secret");
    bench.git(&["config", "core.worktree", outside.to_str().expect("text")]);
    let error = bench.snapshot(&Base::Dirty);
    assert!(matches!(error, Err(VcsError::Unsupported { .. })), "{error:?}");
}

#[test]
fn includes_are_read_and_change_nothing() {
    let bench = Bench::small();
    let outside = bench.folder.path().join("included");
    fs::write(&outside, "[core]\n\tbare = false\n[include]\n\tpath = included\n").expect("included");
    let config = bench.repo.join(".git/config");
    let text = fs::read_to_string(&config).expect("config") + "[include]\n\tpath = ../../included\n";
    fs::write(&config, text).expect("config");
    let result = bench.snapshot(&Base::Head);
    // git refuses an include that includes itself; so may we, but never by a crash
    assert!(result.is_ok() || matches!(result, Err(VcsError::Unsupported { .. })), "{result:?}");
}

#[test]
fn a_repository_of_another_user_is_refused_until_git_is_told() {
    if !rustix::process::geteuid().is_root() {
        return; // only root can give a folder away; the other cases run as anybody
    }
    let bench = Bench::small();
    for path in bench.fingerprint().keys() {
        std::os::unix::fs::lchown(path, Some(54321), None).expect("chown");
    }
    let hint = match bench.vcs.facts(&crate::bench::source(&bench.repo.join("src"))) {
        Err(error @ VcsError::OtherOwner(_)) => error.hint().expect("a hint"),
        other => panic!("{other:?}"),
    };
    assert_eq!(hint, format!("git config --global --add safe.directory {}", bench.repo.display()));
    // libgit2 reads HOME once a process, so what follows the hint is tried in one of its own
    assert!(!facts_in_a_process_of_its_own(&bench), "not yet told");
    let words: Vec<&str> = hint.split(' ').skip(1).collect();
    bench.git(&words);
    assert!(facts_in_a_process_of_its_own(&bench), "git was told");
}

const ASKED: &str = "PARAPH_TEST_FACTS_OF";

fn facts_in_a_process_of_its_own(bench: &Bench) -> bool {
    let mut command = std::process::Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "hostile::facts_of_what_the_environment_names"]).env(ASKED, &bench.repo);
    command.env("HOME", bench.folder.path().join("home")).env_remove("XDG_CONFIG_HOME");
    command.output().expect("the test runs").status.success()
}

#[test]
fn facts_of_what_the_environment_names() {
    let Some(repo) = std::env::var_os(ASKED) else { return }; // run by the test above
    let folder = tempfile::tempdir().expect("tempdir");
    let facts = crate::bench::vcs(folder.path()).facts(&crate::bench::source(repo.as_ref()));
    assert!(facts.is_ok(), "{facts:?}");
}
