//! Trees made of changes, compared with what git makes of the same.

use paraph::diff::{ChangeSet, FileMode};
use paraph::id::RepoPath;
use paraph::repository::{Vcs as _, VcsError};

use crate::bench::{Bench, change, new_commit, set, side, text};

const LIB: &str = "pub fn one() -> u32 {\n    1\n}\n";

/// Applies `changes` to the small repository; the listing afterwards, or why not.
fn apply(changes: ChangeSet) -> Result<Vec<String>, String> {
    let bench = Bench::small();
    let base = bench.head();
    match bench.vcs.write_tree(&base.key, &base.tree, &changes) {
        Ok(tree) => {
            let would_be = bench.vcs.would_be_tree(&bench.user_tree(), &changes);
            assert_eq!(would_be.expect("the dry run agrees"), tree);
            let back = bench.vcs.changes(&base.key, &base.tree, &tree).expect("changes");
            assert_eq!(back, changes, "the difference of the trees is the change");
            let private = bench.vcs.private_path(&base.key);
            crate::bench::git_in(&private, bench.folder.path(), &["fsck", "--strict", "--no-dangling"]);
            let shown = crate::bench::git_in(&private, bench.folder.path(), &["ls-tree", "-r", tree.as_str()]);
            let listing = bench.listing(&base, &tree);
            assert_eq!(shown.lines().count(), listing.len(), "git reads the same tree");
            Ok(listing)
        }
        Err(VcsError::BadPath { path, why }) => Err(format!("{path}: {why}")),
        Err(other) => panic!("{other:?}"),
    }
}

#[track_caller]
fn check_has(changes: ChangeSet, expected: &[&str], without: &[&str]) {
    let listing = apply(changes).expect("it applies");
    for line in expected {
        assert!(listing.contains(&(*line).to_owned()), "{line} in {listing:#?}");
    }
    for name in without {
        assert!(!listing.iter().any(|line| line.split(' ').nth(1) == Some(name)), "{name} in {listing:#?}");
    }
}

#[track_caller]
fn check_refused(changes: ChangeSet, why: &str) {
    let error = apply(changes).expect_err("it is refused");
    assert!(error.contains(why), "{error}");
}

#[test]
fn files_are_added_changed_and_deleted() {
    check_has(set([change("new.txt", None, text("new\n"))]), &["100644 new.txt new", "100644 README.md hello"], &[]);
    check_has(set([change("a/b/c/d", None, text("x"))]), &["100644 a/b/c/d x"], &[]);
    check_has(set([change("src/lib.rs", text(LIB), text("gone\n"))]), &["100644 src/lib.rs gone"], &[]);
    check_has(set([change("src/deep/er/file.txt", text("deep\n"), None)]), &[], &["src/deep/er/file.txt"]);
    let exec = |content| side(FileMode::Executable, content);
    check_has(set([change("README.md", text("hello\n"), exec("hello\n"))]), &["100755 README.md hello"], &[]);
    check_has(set([change("l", None, side(FileMode::Symlink, "run.sh"))]), &["120000 l run.sh"], &[]);
}

#[test]
fn a_file_becomes_a_folder_and_back() {
    check_has(
        set([change("README.md", text("hello\n"), None), change("README.md/x", None, text("x"))]),
        &["100644 README.md/x x"],
        &["README.md"],
    );
    check_has(
        set([change("src/deep/er/file.txt", text("deep\n"), None), change("src/deep", None, text("flat"))]),
        &["100644 src/deep flat"],
        &[],
    );
    // `a`, `a.b`, `a/c` is the order of path bytes
    check_has(
        set([
            change("run.sh", side(FileMode::Executable, "#!/bin/sh\n"), None),
            change("run.sh.bak", None, text("b")),
            change("run.sh/x", None, text("x")),
        ]),
        &["100644 run.sh.bak b", "100644 run.sh/x x"],
        &["run.sh"],
    );
    check_refused(set([change("src/deep", None, text("flat"))]), "same name");
    check_refused(set([change("README.md/x", None, text("x"))]), "`README.md` is a file");
}

#[test]
fn nothing_is_written_through_a_committed_link() {
    check_refused(set([change("link/x", None, text("x"))]), "`link` is a link");
    check_has(
        set([change("link", side(FileMode::Symlink, "src/lib.rs"), None), change("link/x", None, text("x"))]),
        &["100644 link/x x"],
        &["link"],
    );
}

#[test]
fn what_git_cannot_hold_is_refused() {
    for path in ["", "/abs", "a//b", "a/", "../x", "a/../b", "./x", ".git/config", "a/.GIT/x", "a\0b"] {
        let error = apply(set([change(path, None, text("x"))])).expect_err(path);
        assert!(!error.is_empty());
    }
    check_refused(set([change("x", None, side(FileMode::Other(0o104_755), "x"))]), "no file mode 104755");
    check_refused(set([change("x", None, side(FileMode::Gitlink, "not a commit"))]), "must name a commit");
}

#[test]
fn sides_that_do_not_fit_the_base_are_refused() {
    check_refused(set([change("README.md", None, text("x"))]), "in the base already");
    check_refused(set([change("nowhere", text("x"), None)]), "not in the base");
    check_refused(set([change("README.md", text("other\n"), text("x"))]), "another content or mode");
    let exec = side(FileMode::Executable, "hello\n");
    check_refused(set([change("README.md", exec, text("x"))]), "another content or mode");
}

#[test]
fn every_file_may_go() {
    let bench = Bench::small();
    let base = bench.head();
    let tree = bench.vcs.tree(&base.key, &base.tree).expect("tree");
    let gone = tree
        .entries()
        .expect("entries")
        .iter()
        .map(|entry| paraph::diff::FileChange {
            path: entry.path.clone(),
            old: tree.side(&entry.path).expect("side"),
            new: None,
        })
        .collect::<Vec<_>>();
    let empty = bench.vcs.write_tree(&base.key, &base.tree, &set(gone)).expect("empty");
    assert_eq!(empty.as_str(), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    assert!(bench.listing(&base, &empty).is_empty());
}

#[test]
fn a_thousand_files_are_one_pack_and_a_second_call_writes_nothing() {
    let bench = Bench::small();
    let base = bench.head();
    let changes = set((0..1000).map(|n| change(&format!("d{}/f{n}", n % 30), None, text(&format!("{n}\n")))));
    let write = || bench.vcs.write_tree(&base.key, &base.tree, &changes).expect("tree");
    let tree = write();
    let private = bench.vcs.private_path(&base.key);
    let mut before = Default::default();
    crate::bench::fingerprint(&private.join("objects"), &mut before);
    assert_eq!(std::fs::read_dir(private.join("objects/pack")).expect("packs").count(), 2);
    assert_eq!(write(), tree);
    let mut after = Default::default();
    crate::bench::fingerprint(&private.join("objects"), &mut after);
    assert_eq!(before, after);
    assert_eq!(bench.listing(&base, &tree).len(), 1005);
    crate::bench::git_in(&private, bench.folder.path(), &["fsck", "--strict", "--no-dangling"]);
}

#[test]
fn a_second_commit_is_the_same_and_a_version_never_changes() {
    let bench = Bench::small();
    let base = bench.head();
    let tree = bench.vcs.write_tree(&base.key, &base.tree, &set([change("n", None, text("n"))])).expect("tree");
    let commit = new_commit(&base, &tree);
    let made = bench.vcs.commit(&base.key, &commit).expect("commit");
    assert_eq!(bench.vcs.commit(&base.key, &commit).expect("again"), made);
    let (found, message) = bench.vcs.commit_facts(&base.key, &made).expect("facts");
    assert_eq!((found, message), (tree, commit.message.clone()));
    let private = bench.vcs.private_path(&base.key);
    let who = crate::bench::git_in(
        &private,
        bench.folder.path(),
        &["log", "-1", "--format=%an %ae|%cn %ce|%ct|%P", "paraph/12/v1"],
    );
    assert_eq!(who.trim(), format!("Ada ada@example.org|Paraph paraph@localhost|1795169400|{}", base.commit));
    let other = bench.vcs.commit(&base.key, &paraph::repository::NewCommit { message: "other".into(), ..commit });
    assert!(matches!(other, Err(VcsError::RefTaken { .. })), "{other:?}");
    // an author that git cannot hold does not lose the work
    let nameless = paraph::repository::CommitIdentity { name: String::new(), email: "<>".into() };
    let commit = paraph::repository::NewCommit {
        author: nameless,
        reference: "refs/heads/paraph/12/v2".into(),
        ..new_commit(&base, &base.tree)
    };
    bench.vcs.commit(&base.key, &commit).expect("a nameless author");
}

#[test]
fn a_tree_written_into_the_users_repository_adds_objects_only() {
    let bench = Bench::small();
    let before = bench.fingerprint();
    let tree = bench.vcs.write_tree_into(&bench.user_tree(), &set([change("n", None, text("n\n"))])).expect("tree");
    assert_eq!(bench.git(&["cat-file", "-p", &format!("{tree}:n")]), "n\n");
    let changed: Vec<_> =
        bench.fingerprint().into_iter().filter(|(path, facts)| before.get(path) != Some(facts)).collect();
    assert!(changed.iter().all(|(path, _)| path.starts_with(bench.repo.join(".git/objects"))), "{changed:#?}");
    let user = bench.user_tree();
    assert_eq!(user.commit, bench.id("HEAD"));
    assert!(user.tree().entry(&RepoPath::from("src")).expect("readable").is_none(), "a folder is no entry");
    assert!(user.tree().entry(&RepoPath::from("src/lib.rs")).expect("readable").is_some());
}

#[test]
fn trees_are_read_by_many_threads_at_once() {
    let bench = Bench::small();
    let base = bench.head();
    let tree = bench.vcs.tree(&base.key, &base.tree).expect("tree");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..50).for_each(|_| assert_eq!(crate::bench::listing(&*tree).len(), 5)));
        }
    });
}
