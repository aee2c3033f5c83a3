//! A home, a user's repository in it, and Paraph's view of both.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use paraph::clock::Timestamp;
use paraph::diff::{ChangeSet, FileChange, FileMode, FileSide};
use paraph::id::{Digest, HostPath, ObjectId, RepoPath};
use paraph::repository::{Base, CommitIdentity, GitVcs, NewCommit, Snapshot, Source, Tree, UserTree, Vcs, VcsError};

/// One test's places: `home`, `data` and the user's repository `repo`.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) repo: PathBuf,
    pub(crate) vcs: GitVcs,
}

impl Bench {
    /// An empty repository without a commit.
    pub(crate) fn empty() -> Self {
        Self::named("repo")
    }

    /// An empty repository in a folder of this name.
    pub(crate) fn named(name: impl AsRef<OsStr>) -> Self {
        let folder = tempfile::tempdir().expect("tempdir");
        let repo = folder.path().canonicalize().expect("canonical").join(name.as_ref());
        fs::create_dir_all(folder.path().join("home")).expect("home");
        fs::create_dir_all(&repo).expect("repo");
        let vcs = vcs(folder.path());
        let bench = Self { folder, repo, vcs };
        bench.git(&["init", "-q", "-b", "main"]);
        bench
    }

    /// A repository with a commit of a few files of every plain kind.
    pub(crate) fn small() -> Self {
        let bench = Self::empty();
        bench.fill();
        bench
    }

    pub(crate) fn fill(&self) {
        self.write("README.md", "hello\n");
        self.write("src/lib.rs", "pub fn one() -> u32 {\n    1\n}\n");
        self.write("src/deep/er/file.txt", "deep\n");
        self.write("run.sh", "#!/bin/sh\n");
        fs::set_permissions(self.repo.join("run.sh"), fs::Permissions::from_mode(0o755)).expect("chmod");
        std::os::unix::fs::symlink("src/lib.rs", self.repo.join("link")).expect("link");
        self.commit_all("first");
    }

    /// The tree of HEAD, without a private repository.
    pub(crate) fn user_tree(&self) -> UserTree {
        self.vcs.user_tree(&self.source(), None).expect("a user's tree")
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.repo.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folder");
        fs::write(path, content).expect("write");
    }

    pub(crate) fn commit_all(&self, message: &str) -> ObjectId {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.id("HEAD")
    }

    pub(crate) fn id(&self, rev: &str) -> ObjectId {
        self.git(&["rev-parse", rev]).trim().parse().expect("an id")
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        git_in(&self.repo, self.folder.path(), args)
    }

    pub(crate) fn source(&self) -> Source {
        source(&self.repo)
    }

    pub(crate) fn snapshot(&self, base: &Base) -> Result<Snapshot, VcsError> {
        self.vcs.snapshot(&self.source(), base)
    }

    pub(crate) fn head(&self) -> Snapshot {
        self.snapshot(&Base::Head).expect("a snapshot of HEAD")
    }

    /// Every file of a tree as text: `mode path content`.
    pub(crate) fn listing(&self, snapshot: &Snapshot, tree: &ObjectId) -> Vec<String> {
        listing(&*self.vcs.tree(&snapshot.key, tree).expect("a tree"))
    }

    /// The names of a snapshot's files.
    pub(crate) fn names(&self, snapshot: &Snapshot) -> Vec<String> {
        let tree = self.vcs.tree(&snapshot.key, &snapshot.tree).expect("a tree");
        tree.entries().expect("entries").iter().map(|entry| entry.path.to_string()).collect()
    }

    /// The content of one file of a snapshot's base.
    pub(crate) fn content(&self, snapshot: &Snapshot, path: &str) -> Option<String> {
        let tree = self.vcs.tree(&snapshot.key, &snapshot.tree).expect("a tree");
        let side = tree.side(&RepoPath::from(path)).expect("readable");
        side.map(|side| String::from_utf8_lossy(&side.content).into_owned())
    }

    pub(crate) fn checkout_folder(&self) -> PathBuf {
        let folder = self.folder.path().join("checkout");
        fs::create_dir_all(&folder).expect("checkout folder");
        folder
    }

    /// A digest of every file, link and folder of the user's repository, `.git` whole, with times.
    pub(crate) fn fingerprint(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        fingerprint(&self.repo, &mut found);
        found
    }
}

pub(crate) fn source(path: &Path) -> Source {
    Source::Path(HostPath::new(path))
}

pub(crate) fn vcs(folder: &Path) -> GitVcs {
    GitVcs::new(folder.join("data/repos"), environment(folder))
}

pub(crate) fn environment(folder: &Path) -> Vec<(OsString, OsString)> {
    let path = std::env::var_os("PATH").expect("PATH");
    vec![("HOME".into(), folder.join("home").into()), ("PATH".into(), path)]
}

pub(crate) fn git_in(repo: &Path, folder: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(repo).args(args).env_clear().envs(environment(folder));
    for (name, value) in [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "User"),
        ("GIT_AUTHOR_EMAIL", "user@example.org"),
        ("GIT_COMMITTER_NAME", "User"),
        ("GIT_COMMITTER_EMAIL", "user@example.org"),
        ("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z"),
        ("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z"),
    ] {
        command.env(name, value);
    }
    let output = command.output().expect("git runs");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn listing(tree: &dyn Tree) -> Vec<String> {
    let line = |entry: &paraph::repository::TreeEntry| {
        let content = tree.content(entry).expect("content");
        assert_eq!(tree.size(entry).expect("size"), content.len() as u64);
        format!("{:o} {} {}", entry.mode.bits(), entry.path, String::from_utf8_lossy(&content).trim_end())
    };
    tree.entries().expect("entries").iter().map(line).collect()
}

pub(crate) fn fingerprint(path: &Path, found: &mut BTreeMap<PathBuf, String>) {
    let facts = path.symlink_metadata().expect("metadata");
    let content = match facts.file_type() {
        kind if kind.is_symlink() => Digest::of(fs::read_link(path).expect("link").as_os_str().as_bytes()),
        kind if kind.is_file() => Digest::of(&fs::read(path).expect("read")),
        _ => Digest::of(b""),
    };
    let times = (facts.mtime(), facts.mtime_nsec(), facts.ctime(), facts.ctime_nsec());
    found.insert(path.to_owned(), format!("{:o} {} {} {times:?} {content}", facts.mode(), facts.ino(), facts.uid()));
    if facts.is_dir() {
        for entry in fs::read_dir(path).expect("list") {
            fingerprint(&entry.expect("entry").path(), found);
        }
    }
}

pub(crate) fn text(content: &str) -> Option<FileSide> {
    Some(FileSide::regular(content.as_bytes()))
}

pub(crate) fn side(mode: FileMode, content: &str) -> Option<FileSide> {
    Some(FileSide { mode, content: content.as_bytes().into() })
}

pub(crate) fn change(path: &str, old: Option<FileSide>, new: Option<FileSide>) -> FileChange {
    FileChange { path: RepoPath::from(path), old, new }
}

pub(crate) fn set(changes: impl IntoIterator<Item = FileChange>) -> ChangeSet {
    ChangeSet::new(changes)
}

pub(crate) fn new_commit(snapshot: &Snapshot, tree: &ObjectId) -> NewCommit {
    NewCommit {
        tree: tree.clone(),
        parent: snapshot.commit.clone(),
        message: "Change it\n\nParaph-Session: 12\n".to_owned(),
        author: CommitIdentity { name: "Ada".to_owned(), email: "ada@example.org".to_owned() },
        at: Timestamp(1_795_169_400_123),
        reference: "refs/heads/paraph/12/v1".to_owned(),
    }
}
