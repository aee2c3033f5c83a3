//! Repositories of every odd kind: read, or refused with words a person can act on.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;

use paraph::id::RepoPath;
use paraph::repository::{Base, Source, Vcs as _, VcsError};

use crate::bench::{Bench, git_in, source};

#[test]
fn no_repository_no_commit_no_folder() {
    let bench = Bench::empty();
    let error = |source: &Source| bench.vcs.snapshot(source, &Base::Head).expect_err("refused");
    assert!(matches!(error(&bench.source()), VcsError::Unborn(_)));
    assert!(matches!(bench.snapshot(&Base::Dirty), Err(VcsError::Unborn(_))));
    let facts = bench.vcs.facts(&bench.source()).expect("facts of an unborn branch");
    assert_eq!((facts.head, facts.branch.as_deref()), (None, Some("main")));
    assert!(matches!(error(&source(&bench.folder.path().join("home"))), VcsError::NotARepository(_)));
    assert!(matches!(error(&source(&bench.folder.path().join("nowhere"))), VcsError::NotARepository(_)));
    let folder = bench.folder.path().join("broken");
    fs::create_dir_all(&folder).expect("folder");
    fs::write(folder.join(".git"), "nonsense").expect("file");
    assert!(bench.vcs.facts(&source(&folder)).is_err());
    assert!(!bench.folder.path().join("data").exists(), "a refusal leaves nothing behind");
}

#[test]
fn detached_and_bare() {
    let bench = Bench::small();
    bench.git(&["checkout", "-q", "--detach"]);
    let base = bench.head();
    assert_eq!(base.branch, None);
    assert!(bench.vcs.drift(&base, &base.tree).expect("no branch, no drift").merges_cleanly);
    let bare = bench.folder.path().canonicalize().expect("canonical").join("bare.git");
    bench.git(&["clone", "-q", "--bare", ".", bare.to_str().expect("text")]);
    let facts = bench.vcs.facts(&source(&bare)).expect("facts");
    assert_eq!((facts.bare, facts.name.as_str(), facts.root.as_path()), (true, "bare", bare.as_path()));
    let found = bench.vcs.snapshot(&source(&bare), &Base::Rev("main".into())).expect("bare");
    assert_eq!(found.commit, base.commit);
    assert_ne!(found.key, base.key);
    assert_eq!(bench.vcs.changed_files(&source(&bare)).expect("nothing"), 0);
    assert!(matches!(bench.vcs.snapshot(&source(&bare), &Base::Dirty), Err(VcsError::Unsupported { .. })));
    bench.write("README.md", "x");
    assert!(bench.vcs.facts(&source(&bench.repo.join(".git"))).is_ok(), "from inside .git");
}

#[test]
fn shallow() {
    let bench = Bench::small();
    bench.write("README.md", "two\n");
    bench.commit_all("second");
    let shallow = bench.folder.path().canonicalize().expect("canonical").join("shallow");
    let url = format!("file://{}", bench.repo.display());
    bench.git(&["clone", "-q", "--depth=1", &url, shallow.to_str().expect("text")]);
    assert!(bench.vcs.facts(&source(&shallow)).expect("facts").shallow);
    let base = bench.vcs.snapshot(&source(&shallow), &Base::Head).expect("shallow");
    assert!(base.notices.iter().any(|notice| notice.contains("shallow")), "{:?}", base.notices);
    assert_eq!(bench.names(&base).len(), 5);
    git_in(&shallow, bench.folder.path(), &["commit", "-q", "--allow-empty", "-m", "local"]);
    assert_eq!(bench.vcs.drift(&base, &base.tree).expect("drift").commits, 1);
}

#[test]
fn partial_clones() {
    partial_clone(false);
    partial_clone(true);
}

/// `extension`: as other versions of git mark it, in a way that libgit2 would not open.
fn partial_clone(extension: bool) {
    let bench = Bench::small();
    bench.write("README.md", "two\n");
    bench.commit_all("second");
    bench.git(&["config", "uploadpack.allowFilter", "true"]);
    let partial = bench.folder.path().canonicalize().expect("canonical").join("partial");
    let url = format!("file://{}", bench.repo.display());
    bench.git(&["clone", "-q", "--filter=blob:none", &url, partial.to_str().expect("text")]);
    if extension {
        let set = |key: &str, value: &str| git_in(&partial, bench.folder.path(), &["config", key, value]);
        set("core.repositoryFormatVersion", "1");
        set("extensions.partialClone", "origin");
    }
    let mut before = Default::default();
    crate::bench::fingerprint(&partial, &mut before);
    let base = bench.vcs.snapshot(&source(&partial), &Base::Head).expect("what is checked out is there");
    assert_eq!(bench.listing(&base, &base.tree).len(), 5);
    assert!(base.notices.iter().any(|notice| notice.contains("--refetch")), "{:?}", base.notices);
    let old = bench.vcs.snapshot(&source(&partial), &Base::Rev("HEAD~1".into())).expect("trees are there");
    let tree = bench.vcs.tree(&old.key, &old.tree).expect("tree");
    let missing = tree.side(&RepoPath::from("README.md"));
    assert!(matches!(missing, Err(paraph::repository::TreeError::Missing { .. })), "{missing:?}");
    fs::write(partial.join("README.md"), "dirty\n").expect("write");
    crate::bench::fingerprint(&partial, &mut before);
    let dirty = bench.vcs.snapshot(&source(&partial), &Base::Dirty).expect("dirty");
    assert_eq!(bench.content(&dirty, "README.md").as_deref(), Some("dirty\n"));
    let mut after = Default::default();
    crate::bench::fingerprint(&partial, &mut after);
    assert_eq!(before, after);
}

#[test]
fn sparse_checkout() {
    let bench = Bench::small();
    bench.git(&["sparse-checkout", "set", "--no-cone", "/README.md"]);
    assert!(!bench.repo.join("src/lib.rs").exists());
    bench.write("README.md", "changed\n");
    assert_eq!(bench.vcs.changed_files(&bench.source()).expect("count"), 1);
    let base = bench.snapshot(&Base::Dirty).expect("sparse");
    assert_eq!(bench.names(&base).len(), 5, "what is not checked out is not deleted");
    assert_eq!(bench.content(&base, "README.md").as_deref(), Some("changed\n"));
    bench.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "src"]);
    assert_eq!(bench.names(&bench.head()).len(), 5, "HEAD needs no index");
    let dirty = bench.snapshot(&Base::Dirty);
    assert!(dirty.is_ok() || matches!(dirty, Err(VcsError::Unsupported { .. })), "{dirty:?}");
}

#[track_caller]
fn check_unsupported(bench: &Bench, words: &str) {
    match bench.vcs.facts(&bench.source()) {
        Err(error @ VcsError::Unsupported { .. }) => {
            assert!(error.to_string().contains(words), "{error}");
            assert!(error.hint().is_some_and(|hint| hint.contains("git ")), "{error} names no way out");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn formats_that_are_not_read() {
    let bench = Bench::empty();
    fs::remove_dir_all(bench.repo.join(".git")).expect("remove");
    bench.git(&["init", "-q", "--object-format=sha256"]);
    check_unsupported(&bench, "SHA-256");
    // git older than 2.45 makes none, so the configuration says so by hand
    let bench = Bench::small();
    bench.git(&["config", "core.repositoryFormatVersion", "1"]);
    fs::write(
        bench.repo.join(".git/config"),
        "[core]\n\trepositoryformatversion = 1\n[extensions]\n\trefstorage = reftable\n",
    )
    .expect("config");
    check_unsupported(&bench, "reftable");
    fs::write(bench.repo.join(".git/config"), "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tnewer = 1\n")
        .expect("config");
    check_unsupported(&bench, "newer");
    fs::write(bench.repo.join(".git/config"), "[core\n").expect("config");
    check_unsupported(&bench, "configuration");
}

#[test]
fn submodules_are_seen_as_commits() {
    let inner = Bench::small();
    let bench = Bench::small();
    bench.git(&[
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        inner.repo.to_str().expect("text"),
        "sub",
    ]);
    bench.commit_all("submodule");
    fs::write(bench.repo.join("sub/README.md"), "changed inside\n").expect("write");
    let base = bench.snapshot(&Base::Dirty).expect("dirty");
    assert_eq!(base.commit, bench.id("HEAD"), "what changed inside is not this repository's");
    let tree = bench.vcs.tree(&base.key, &base.tree).expect("tree");
    let side = tree.side(&RepoPath::from("sub")).expect("side").expect("there");
    assert_eq!((side.mode, &*side.content), (paraph::diff::FileMode::Gitlink, inner.id("HEAD").as_str().as_bytes()));
    assert!(base.notices.iter().any(|notice| notice.contains("submodules")), "{:?}", base.notices);
    let facts = bench.vcs.facts(&source(&bench.repo.join("sub"))).expect("a submodule is a repository");
    assert_eq!(facts.root.as_path(), bench.repo.join("sub"));
}

#[test]
fn odd_places() {
    let odd: [&[u8]; 8] =
        [b"a b", b"new\nline", b"esc\x1b[31m", b"\xff\xfe", b"\"quoted\"", b"#hash", b"back\\slash", b"cr\r"];
    for name in odd {
        let bench = Bench::named(OsStr::from_bytes(name));
        bench.fill();
        let base = bench.head();
        assert_eq!(bench.listing(&base, &base.tree).len(), 5, "{name:?}");
        bench.write("README.md", "x");
        bench.snapshot(&Base::Dirty).expect("dirty");
        let private = bench.vcs.private_path(&base.key);
        git_in(&private, bench.folder.path(), &["cat-file", "-e", base.commit.as_str()]);
    }
}

#[test]
fn odd_names_and_contents() {
    let bench = Bench::small();
    let odd: [&[u8]; 5] = [b"\xff\xfe", b"new\nline", b"esc\x1b[31m", b"quote\"", b"tab\t"];
    for name in odd {
        fs::write(bench.repo.join(OsStr::from_bytes(name)), b"\0\xff\r\n").expect("write");
    }
    std::os::unix::fs::symlink("loop", bench.repo.join("loop")).expect("link");
    let dirty = bench.snapshot(&Base::Dirty).expect("dirty");
    bench.commit_all("odd");
    assert_eq!(dirty.tree, bench.id("HEAD^{tree}"), "git makes the same tree");
    let base = bench.head();
    let tree = bench.vcs.tree(&base.key, &base.tree).expect("tree");
    for name in odd {
        let side = tree.side(&RepoPath::from_bytes(name)).expect("readable").expect("there");
        assert_eq!(&*side.content, b"\0\xff\r\n");
        assert!(side.is_binary());
    }
    let made = std::process::Command::new("mkfifo").arg(bench.repo.join("pipe")).status();
    assert!(made.expect("mkfifo runs").success());
    assert_eq!(bench.snapshot(&Base::Dirty).expect("a pipe is not waited for").tree, base.tree);
}

#[test]
fn big_files_are_left_as_they_were() {
    let bench = Bench::small();
    let big = fs::File::create(bench.repo.join("big.bin")).expect("create");
    big.set_len(100_000_001).expect("sparse file");
    let base = bench.snapshot(&Base::Dirty).expect("dirty");
    assert_eq!(bench.names(&base).len(), 5);
    assert!(
        base.notices.iter().any(|notice| notice.contains("100 MB") && notice.contains("big.bin")),
        "{:?}",
        base.notices
    );
}

#[test]
fn borrowed_objects_of_borrowed_objects() {
    let bench = Bench::small();
    let folder = bench.folder.path().canonicalize().expect("canonical");
    let (one, two) = (folder.join("one \"quoted\""), folder.join("two"));
    bench.git(&["clone", "-q", "--shared", ".", one.to_str().expect("text")]);
    git_in(&one, &folder, &["clone", "-q", "--shared", ".", two.to_str().expect("text")]);
    let base = bench.vcs.snapshot(&source(&two), &Base::Head).expect("borrowed");
    assert_eq!(bench.listing(&base, &base.tree).len(), 5);
}

#[test]
fn a_read_only_repository_is_read() {
    let bench = Bench::small();
    bench.write("README.md", "changed\n");
    let paths: Vec<_> = bench.fingerprint().into_keys().collect();
    let lock = |bits: u32| {
        for path in paths.iter().filter(|path| path.is_dir()) {
            fs::set_permissions(path, fs::Permissions::from_mode(bits)).expect("chmod");
        }
    };
    lock(0o555);
    let base = bench.snapshot(&Base::Dirty);
    lock(0o755);
    assert_eq!(bench.content(&base.expect("read-only"), "README.md").as_deref(), Some("changed\n"));
}

#[test]
fn unknown_keys_and_damaged_objects() {
    let bench = Bench::small();
    let base = bench.head();
    let wrong = paraph::repository::RepoKey("../../etc".into());
    assert!(matches!(bench.vcs.tree(&wrong, &base.tree).map(drop), Err(VcsError::NotARepository(_))));
    let absent = "0123456789012345678901234567890123456789".parse().expect("id");
    assert!(matches!(bench.vcs.tree(&base.key, &absent).map(drop), Err(VcsError::BaseGone { .. })));
    let long = "0".repeat(64).parse().expect("id");
    assert!(matches!(bench.vcs.tree(&base.key, &long).map(drop), Err(VcsError::Unsupported { .. })));
    // a blob is damaged: its file cannot be read, the others can
    let blob = bench.id("HEAD:README.md");
    let path = bench.repo.join(".git/objects").join(&blob.as_str()[..2]).join(&blob.as_str()[2..]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("chmod");
    fs::write(&path, b"nonsense").expect("damage");
    let tree = bench.vcs.tree(&base.key, &base.tree).expect("tree");
    assert!(tree.side(&RepoPath::from("README.md")).is_err());
    assert!(tree.side(&RepoPath::from("run.sh")).is_ok());
}
