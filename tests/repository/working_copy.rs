//! The working copy as a cache of objects: what lies in it is used where it is the very object, and only there.

use std::fs;
use std::path::PathBuf;

use paraph::id::RepoPath;
use paraph::repository::{Tree, TreeError};

use crate::bench::{Bench, listing};

/// Where a loose object lies.
fn object(bench: &Bench, name: &str) -> PathBuf {
    let id = bench.git(&["rev-parse", name]);
    let (folder, file) = id.trim().split_at(2);
    bench.repo.join(".git/objects").join(folder).join(file)
}

/// Every file of a tree with its content.
fn whole(tree: &dyn Tree) -> Vec<(RepoPath, Vec<u8>)> {
    let entries = tree.entries().expect("it can be listed");
    entries.iter().map(|entry| (entry.path.clone(), tree.content(entry).expect("it can be read").to_vec())).collect()
}

#[test]
fn what_lies_there_needs_no_object() {
    let bench = Bench::small();
    let expected = whole(bench.user_tree().tree());
    for name in ["HEAD:README.md", "HEAD:src", "HEAD:src/deep/er"] {
        fs::remove_file(object(&bench, name)).expect("a loose object");
    }
    assert_eq!(whole(bench.user_tree().tree()), expected);
    bench.git(&["update-index", "--index-version", "4"]);
    assert_eq!(whole(bench.user_tree().tree()), expected);
    bench.write("README.md", "HELLO\n");
    let base = bench.user_tree();
    let entry = base.tree().entry(&"README.md".into()).expect("readable").expect("there");
    assert!(matches!(base.tree().content(&entry), Err(TreeError::Missing { .. })), "an edited file is another object");
}

/// `change` is done to a working copy; the commit reads as before.
#[track_caller]
fn check(change: impl FnOnce(&Bench)) {
    let bench = Bench::small();
    bench.write("src/zz.txt", "last\n");
    bench.write("src-a/x", "x\n");
    bench.commit_all("second");
    let base = bench.head();
    let expected = bench.vcs.tree(&base.key, &base.tree).expect("a tree");
    change(&bench);
    let found = bench.user_tree();
    assert_eq!(whole(found.tree()), whole(&*expected));
    assert_eq!(listing(found.tree()), listing(&*expected));
}

#[test]
fn nothing_in_it_is_believed() {
    let file = |bench: &Bench, name: &str| bench.repo.join(name);
    check(|_| {});
    check(|bench| bench.write("README.md", "HELLO\n"));
    check(|bench| bench.write("README.md", "much longer than it was\n"));
    check(|bench| fs::remove_file(file(bench, "src/lib.rs")).expect("remove"));
    check(|bench| {
        bench.write("src/new.rs", "new\n");
        bench.write("README.md", "staged\n");
        bench.git(&["add", "."]);
    });
    check(|bench| {
        bench.write("src/later.rs", "later\n");
        bench.git(&["add", "--intent-to-add", "."]);
    });
    check(|bench| drop(bench.git(&["rm", "-q", "-r", "src"])));
    check(|bench| {
        fs::rename(file(bench, "src"), file(bench, "elsewhere")).expect("rename");
        std::os::unix::fs::symlink("elsewhere", file(bench, "src")).expect("link");
    });
    check(|bench| {
        fs::remove_file(file(bench, "src/lib.rs")).expect("remove");
        let made = std::process::Command::new("mkfifo").arg(file(bench, "src/lib.rs")).status().expect("mkfifo runs");
        assert!(made.success());
    });
}

#[test]
fn an_index_may_be_anything() {
    check(|bench| fs::remove_file(bench.repo.join(".git/index")).expect("remove"));
    check(|bench| fs::write(bench.repo.join(".git/index"), b"DIRC\0\0\0\x04\xff\xff\xff\xff").expect("write"));
    for version in ["2", "4"] {
        check(|bench| {
            bench.git(&["update-index", "--index-version", version]);
            let index = bench.repo.join(".git/index");
            let mut bytes = fs::read(&index).expect("an index");
            for at in (12..bytes.len()).step_by(7) {
                bytes[at] ^= 0x15;
            }
            fs::write(&index, bytes).expect("write");
        });
        check(|bench| {
            bench.git(&["update-index", "--index-version", version]);
            let index = bench.repo.join(".git/index");
            let bytes = fs::read(&index).expect("an index");
            fs::write(&index, &bytes[..bytes.len() / 2]).expect("write");
        });
    }
}
