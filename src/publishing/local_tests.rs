//! The branch that publishing makes: that commit, once, and nothing else in the user's repository.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::diff::{ChangeSet, FileChange, FileSide};
use crate::id::{Digest, RepoPath};
use crate::repository::{Base, GitVcs, Snapshot, Source, Vcs as _};

struct Bench {
    folder: tempfile::TempDir,
    repo: PathBuf,
    vcs: GitVcs,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("tempdir");
        let repo = folder.path().join("repo");
        fs::create_dir(&repo).expect("repo");
        let vcs = GitVcs::new(folder.path().join("repos"), Vec::<(OsString, OsString)>::new());
        let bench = Self { folder, repo, vcs };
        bench.git(&["init", "-q", "-b", "main"]);
        fs::write(bench.repo.join("a.txt"), "a\n").expect("write");
        bench.git(&["add", "-A"]);
        bench.git(&["commit", "-q", "-m", "first"]);
        bench
    }

    fn git(&self, args: &[&str]) -> String {
        git(&self.repo, args)
    }

    fn request(&self, base: &Base, path: &str) -> LocalBranch {
        let snapshot: Snapshot = self.vcs.snapshot(&Source::Path(HostPath::new(&*self.repo)), base).expect("snapshot");
        let side = FileSide::regular(&b"new\n"[..]);
        let changes = ChangeSet::new([FileChange { path: RepoPath::from(path), old: None, new: Some(side) }]);
        LocalBranch {
            repository: HostPath::new(&*self.repo),
            private: self.vcs.private_path(&snapshot.key),
            tree: self.vcs.write_tree(&snapshot.key, &snapshot.tree, &changes).expect("tree"),
            base: snapshot.commit,
            message: "Add it\n\nParaph-Session: 12\n".to_owned(),
            author: CommitIdentity { name: "Ada".to_owned(), email: "ada@example.org".to_owned() },
            at: Timestamp(1_795_169_400_123),
            branch: "paraph/12-add-it".to_owned(),
        }
    }

    /// Everything of the repository but its objects, with digests.
    fn state(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        walk(&self.repo, &mut found);
        found.retain(|path, _| !path.starts_with(self.repo.join(".git/objects")));
        found
    }
}

fn git(repo: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(repo).args(args).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "User").env(format!("GIT_{who}_EMAIL"), "user@example.org");
    }
    let output = command.output().expect("git runs");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

fn walk(path: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(path).expect("list") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.insert(path.clone(), Digest::of(&fs::read(&path).expect("read")).to_string());
        }
    }
}

#[test]
fn the_branch_is_the_approved_commit_and_nothing_else_changes() {
    let bench = Bench::new();
    let request = bench.request(&Base::Head, "deep/new.txt");
    let before = bench.state();
    let made = publish_branch(&request).expect("published");
    assert!(!made.already_there);
    let shown = bench.git(&["log", "-1", "--format=%H %T %P %an %cn %ct", "paraph/12-add-it"]);
    assert_eq!(shown, format!("{} {} {} Ada Paraph 1795169400", made.commit, request.tree, request.base));
    assert_eq!(
        bench.git(&["log", "-1", "--format=%(trailers:key=Paraph-Session,valueonly)", "paraph/12-add-it"]),
        "12\n".trim_end()
    );
    assert!(bench.git(&["reflog", "show", "paraph/12-add-it"]).contains("paraph: publish"));
    assert_eq!(bench.git(&["status", "--porcelain"]), "");
    assert_eq!(bench.git(&["symbolic-ref", "HEAD"]), "refs/heads/main");
    let new: Vec<_> = bench
        .state()
        .into_iter()
        .filter(|(path, digest)| before.get(path) != Some(digest))
        .map(|(path, _)| path)
        .collect();
    let git_dir = bench.repo.join(".git");
    assert_eq!(new, [git_dir.join("logs/refs/heads/paraph/12-add-it"), git_dir.join("refs/heads/paraph/12-add-it")]);
    // whole without the private repository
    fs::remove_dir_all(bench.folder.path().join("repos")).expect("remove");
    bench.git(&["fsck", "--strict", "--full"]);
    assert_eq!(bench.git(&["show", "paraph/12-add-it:deep/new.txt"]), "new");
}

#[test]
fn a_second_call_finds_what_the_first_made() {
    let bench = Bench::new();
    let request = bench.request(&Base::Head, "new.txt");
    let first = publish_branch(&request).expect("published");
    let before = bench.state();
    let second = publish_branch(&request).expect("found");
    assert_eq!(second, Published { already_there: true, ..first });
    assert_eq!(bench.state(), before);
}

#[test]
fn a_branch_of_somebody_else_is_left_as_it_is() {
    let bench = Bench::new();
    let request = bench.request(&Base::Head, "new.txt");
    bench.git(&["branch", "paraph/12-add-it"]);
    let head = bench.git(&["rev-parse", "HEAD"]);
    match publish_branch(&request) {
        Err(PublishBranchError::Conflict { branch, commit }) => {
            assert_eq!((branch.as_str(), commit.as_str()), ("paraph/12-add-it", head.as_str()));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.git(&["rev-parse", "paraph/12-add-it"]), head);
}

#[test]
fn work_on_uncommitted_work_brings_its_base_along() {
    let bench = Bench::new();
    fs::write(bench.repo.join("a.txt"), "dirty\n").expect("write");
    let request = bench.request(&Base::Dirty, "new.txt");
    publish_branch(&request).expect("published");
    fs::remove_dir_all(bench.folder.path().join("repos")).expect("remove");
    bench.git(&["fsck", "--strict", "--full"]);
    assert_eq!(bench.git(&["show", "paraph/12-add-it~1:a.txt"]), "dirty");
    assert_eq!(bench.git(&["rev-parse", "paraph/12-add-it~2"]), bench.git(&["rev-parse", "HEAD"]));
}

#[test]
fn bare_repositories_and_linked_worktrees_are_published_to() {
    let bench = Bench::new();
    let linked = bench.folder.path().join("linked");
    bench.git(&["worktree", "add", "-q", "--detach", linked.to_str().expect("text")]);
    let request = LocalBranch { repository: HostPath::new(&*linked), ..bench.request(&Base::Head, "new.txt") };
    let made = publish_branch(&request).expect("published");
    assert_eq!(bench.git(&["rev-parse", "paraph/12-add-it"]), made.commit.to_string());
    let bare = bench.folder.path().join("bare.git");
    bench.git(&["clone", "-q", "--bare", ".", bare.to_str().expect("text")]);
    let request = LocalBranch { repository: HostPath::new(&*bare), branch: "paraph/13".to_owned(), ..request };
    assert_eq!(publish_branch(&request).expect("published").commit, made.commit);
    assert_eq!(git(&bare, &["rev-parse", "paraph/13"]), made.commit.to_string());
}

#[test]
fn hooks_do_not_run() {
    let bench = Bench::new();
    let canary = bench.folder.path().join("canary");
    for hook in ["reference-transaction", "update", "post-update", "post-commit", "pre-commit"] {
        let path = bench.repo.join(".git/hooks").join(hook);
        fs::create_dir_all(path.parent().expect("a parent")).expect("hooks");
        fs::write(&path, format!("#!/bin/sh\ntouch {}\n", canary.display())).expect("hook");
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("chmod");
    }
    publish_branch(&bench.request(&Base::Head, "new.txt")).expect("published");
    assert!(!canary.exists());
    bench.git(&["branch", "by-git"]);
    assert!(canary.exists(), "the canary works");
}

#[test]
fn a_base_that_is_gone_and_a_file_in_the_way() {
    let bench = Bench::new();
    let request = bench.request(&Base::Head, "new.txt");
    let absent =
        LocalBranch { base: "0123456789012345678901234567890123456789".parse().expect("id"), ..request.clone() };
    let error = publish_branch(&absent);
    assert!(matches!(error, Err(PublishBranchError::Vcs(VcsError::BaseGone { .. }))), "{error:?}");
    // a file where a folder must be stops root as well as anybody
    let heads = bench.repo.join(".git/refs/heads/paraph");
    fs::write(&heads, "in the way").expect("write");
    assert!(publish_branch(&request).is_err());
    assert_eq!(fs::read_to_string(&heads).expect("left"), "in the way");
}

#[test]
fn a_place_that_cannot_be_written_says_so() {
    if rustix::process::geteuid().is_root() {
        return; // nothing is read-only to root
    }
    for locked in [".git/objects", ".git/refs/heads"] {
        let bench = Bench::new();
        let request = bench.request(&Base::Head, "new.txt");
        let folder = bench.repo.join(locked);
        fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o555)).expect("chmod");
        let error = publish_branch(&request);
        fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("chmod");
        assert!(matches!(error, Err(PublishBranchError::ReadOnly(_))), "{locked}: {error:?}");
        publish_branch(&request).expect("published once it can be");
    }
}
