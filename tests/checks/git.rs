//! What `git` finds in the checkout of a check, and that nothing a check leaves there runs later.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use paraph::cancel::Cancel;
use paraph::diff::ChangeSet;
use paraph::repository::{Base, Source, Vcs as _};

use crate::bench::{Bench, LAUNCHER, levels, sh, status};

const FILES: [(&str, &str); 4] =
    [("a.txt", "one\n"), ("src/deep/b.txt", "two\n"), ("run.sh", "#!/bin/sh\n"), ("größe ü.txt", "three\n")];

#[test]
fn git_knows_base_and_proposal() {
    for confinement in levels() {
        let bench = Bench::at(confinement, &FILES);
        let base = bench.git(&["rev-parse", "HEAD"]);
        let tree = bench.proposal(&[("a.txt", Some("another\n")), ("src/deep/b.txt", None), ("new/c", Some("c\n"))]);
        let script = "set -e; git diff-index --quiet HEAD --; git rev-parse HEAD; git describe --always; git ls-files; \
                      echo \"status:$(git status --porcelain)\"; git log --format=%s -n 1; git rev-list --count HEAD";
        let job = bench.job(&tree, vec![sh("git", script)]);
        let (result, _) = bench.validate(&job);
        let check = &result.checks[0];
        let log = bench.log(check);
        assert_eq!(status(check), "passed", "{log}");
        assert!(log.contains(job.commit.as_str()), "{log}");
        assert!(log.contains("new/c\n") && !log.contains("src/deep"), "{log}");
        assert!(log.contains("status:\n") && log.contains("the proposal\n2\n"), "{log}");
        let log = bench.blobs.get(check.base_log.expect("it ran")).expect("is kept");
        let log = String::from_utf8_lossy(&log).into_owned();
        assert!(log.contains(&base) && log.contains("src/deep/b.txt") && log.contains("status:\n"), "{log}");
    }
}

#[test]
fn what_a_check_changes_is_seen_by_git() {
    for confinement in levels() {
        let bench = Bench::at(confinement, &FILES);
        let tree = bench.proposal(&[("new", Some("c\n"))]);
        let script = "echo other > a.txt; rm run.sh; echo x > added; git status --porcelain; git diff-files --quiet";
        let (result, _) = bench.validate(&bench.job(&tree, vec![sh("dirty", script)]));
        let log = bench.log(&result.checks[0]);
        for line in [" M a.txt\n", " D run.sh\n", "?? added\n"] {
            assert!(log.contains(line), "{line}: {log}");
        }
        assert_eq!(status(&result.checks[0]), "failed", "{log}");
    }
}

/// Nothing of the user's is in it: no configuration, hook, remote, branch, stash or content of another version.
#[test]
fn nothing_of_the_user_s_repository_is_in_it() {
    for confinement in levels() {
        let bench = Bench::at(confinement, &FILES);
        bench.git(&["config", "remote.origin.url", "https://token@example.org/x"]);
        bench.git(&["tag", "secret-tag"]);
        fs::write(bench.repo.join(".git/hooks/post-checkout"), "#!/bin/sh\n").expect("a hook");
        let blob = bench.git(&["rev-parse", "HEAD:a.txt"]);
        let tree = bench.proposal(&[("new", Some("c\n"))]);
        let script = format!(
            "cat .git/config; ls -A .git .git/hooks; git for-each-ref; git remote; git stash list; \
             git cat-file -e {blob} && echo has content; true"
        );
        let (result, _) = bench.validate(&bench.job(&tree, vec![sh("look", &script)]));
        let log = bench.log(&result.checks[0]);
        for secret in ["token", "secret-tag", "post-checkout", "origin", "has content"] {
            // the first line tells the command
            assert!(!log[log.find('\n').unwrap_or(0)..].contains(secret), "{secret}: {log}");
        }
    }
}

/// A check writes whatever makes git run something into its `.git`, or another thing in its place. No later git of
/// Paraph's runs it, and the next check finds a `.git` of its own. // E33
#[test]
fn what_a_check_leaves_there_is_never_run() {
    for confinement in levels() {
        let bench = Bench::at(confinement, &FILES);
        let canary = bench.folder.path().join("canary");
        let outside = bench.folder.path().join("outside");
        fs::create_dir(&outside).expect("a folder");
        fs::set_permissions(&outside, fs::Permissions::from_mode(0o777)).expect("chmod");
        let (canary_path, outside_path) = (canary.display(), outside.display());
        let hostile = format!(
            "for key in core.fsmonitor core.sshCommand core.pager diff.external core.hooksPath filter.x.clean; do \
             git config $key 'touch {canary_path}; true'; done; mkdir -p .git/hooks; \
             for hook in post-checkout pre-commit post-index-change reference-transaction; do \
             printf '#!/bin/sh\\ntouch {canary_path}\\n' > .git/hooks/$hook; chmod +x .git/hooks/$hook; done; \
             echo '* filter=x' > .git/info/attributes; rm -rf .git; ln -s {outside_path} .git; echo left; true"
        );
        for (round, content) in ["first\n", "second\n", "third\n"].into_iter().enumerate() {
            let tree = bench.proposal(&[("new", Some(content))]);
            let look =
                "git config --get core.fsmonitor; ls .git/hooks; git status --porcelain | head -3; git rev-parse HEAD";
            // the hostile one runs last in one round and is what the next finds
            let job = bench.job(&tree, vec![sh("look", look), sh(&format!("hostile {round}"), &hostile)]);
            let before = bench.fingerprint();
            let (result, _) = bench.validate(&job);
            assert!(before == bench.fingerprint(), "the user's repository was touched");
            let log = bench.log(&result.checks[0]);
            assert!(log.contains(job.commit.as_str()) && !log.contains("touch"), "{log}");
            assert!(!log.contains("post-checkout"), "{log}");
        }
        let source = Source::Path(paraph::id::HostPath::new(bench.repo.clone()));
        let snapshot = bench.vcs.snapshot(&source, &Base::Head).expect("a snapshot");
        bench.vcs.changed_files(&source).expect("counted");
        bench.vcs.write_tree(&snapshot.key, &snapshot.tree, &ChangeSet::default()).expect("a tree");
        let into = bench.folder.path().join("again");
        fs::create_dir(&into).expect("a folder");
        bench.vcs.checkout(&snapshot.key, &snapshot.tree, &into, &Cancel::new()).expect("a checkout");
        assert!(!canary.exists(), "something that a check left was run");
        assert_eq!(fs::read_dir(&outside).expect("a folder").count(), 0, "something was written through its link");
    }
}

/// As an ordinary user git must own what it finds.
#[test]
fn it_belongs_to_who_runs_the_check() {
    let bench = Bench::new(&FILES);
    let tree = bench.proposal(&[("new", Some("c\n"))]);
    let script = "test \"$(stat -c %u .git)\" = \"$(id -u)\" && git status --porcelain && id -u";
    let (result, _) = bench.validate(&bench.job(&tree, vec![sh("owner", script)]));
    let log = bench.log(&result.checks[0]);
    assert_eq!(status(&result.checks[0]), "passed", "{log}");
    let owner = fs::metadata(bench.folder.path()).expect("is there").uid();
    assert!(log.contains(&format!("\n{owner}\n")), "{log}");
}

#[test]
fn all_of_it_holds_for_an_ordinary_user() {
    use std::os::unix::process::CommandExt as _;
    if std::env::var_os(LAUNCHER).is_some() || !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (program, paraph, tmp) = (folder.path().join("tests"), folder.path().join("paraph"), folder.path().join("tmp"));
    fs::copy(std::env::current_exe().expect("a path"), &program).expect("copies");
    fs::copy(env!("CARGO_BIN_EXE_paraph"), &paraph).expect("copies");
    fs::create_dir(&tmp).expect("a folder");
    for (place, mode) in [(folder.path(), 0o755), (tmp.as_path(), 0o1777)] {
        fs::set_permissions(place, fs::Permissions::from_mode(mode)).expect("chmod");
    }
    let mut command = std::process::Command::new(&program);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("TMPDIR", &tmp).env(LAUNCHER, &paraph);
    let output = command.arg("git::").current_dir(&tmp).uid(65534).gid(65534).output().expect("starts");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains("it_belongs_to_who_runs_the_check ... ok"), "{printed}");
}
