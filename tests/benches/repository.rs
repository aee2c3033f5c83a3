//! Repositories beside git: listing a tree, reading it, checking it out, and making a tree of a large change.
//!
//! `PARAPH_BENCH_REPO` names a repository to use; without it one of 5,000 files is made.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use divan::Bencher;
use paraph::cancel::Cancel;
use paraph::diff::{ChangeSet, FileChange, FileMode, FileSide};
use paraph::id::HostPath;
use paraph::repository::{Base, GitDirectory, GitVcs, Snapshot, Source, Tree, Vcs};

fn main() {
    divan::main();
}

struct Fixture {
    folder: tempfile::TempDir,
    repo: PathBuf,
    vcs: GitVcs,
    base: Snapshot,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    // on tmpfs where there is one: a disk's write budget would be measured instead
    let shared = Path::new("/dev/shm");
    let folder = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() }.expect("tempdir");
    let repo = std::env::var_os("PARAPH_BENCH_REPO").map_or_else(|| make(folder.path()), PathBuf::from);
    let vcs = GitVcs::new(folder.path().join("repos"), std::env::vars_os());
    let base = vcs.snapshot(&Source::Path(HostPath::new(&*repo)), &Base::Head).expect("snapshot");
    Fixture { folder, repo, vcs, base }
});

/// A packed repository of 5,000 files of about 8 kB in 250 folders.
fn make(folder: &Path) -> PathBuf {
    use std::io::Write as _;
    let repo = folder.join("user.git");
    git(folder, &["init", "-q", "--bare", "-b", "main", "user.git"]);
    let mut import = Command::new("git");
    import.arg("-C").arg(&repo).args(["fast-import", "--quiet"]).stdin(Stdio::piped());
    let mut child = import.spawn().expect("git runs");
    let mut input = std::io::BufWriter::new(child.stdin.take().expect("piped"));
    write!(input, "commit refs/heads/main\ncommitter B <b@b> 0 +0000\ndata 1\nx\n").expect("write");
    for n in 0..5000 {
        let content =
            (0..200).map(|line| format!("let value_{line}_{n} = compute({});\n", line * n)).collect::<String>();
        writeln!(input, "M 644 inline d{}/e{}/f{n}.rs\ndata {}\n{content}", n % 25, n % 10, content.len())
            .expect("write");
    }
    drop(input);
    assert!(child.wait().expect("git ends").success());
    repo
}

fn git(repo: &Path, args: &[&str]) {
    let done = Command::new("git").arg("-C").arg(repo).args(args).stdout(Stdio::null()).status();
    assert!(done.expect("git runs").success(), "git {args:?}");
}

fn tree() -> std::sync::Arc<dyn Tree> {
    FIXTURE.vcs.tree(&FIXTURE.base.key, &FIXTURE.base.tree).expect("tree")
}

#[divan::bench(sample_count = 20)]
fn list_tree(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(tree).bench_values(|tree| tree.entries().expect("entries").len());
}

#[divan::bench(sample_count = 20)]
fn list_tree_by_git(bencher: Bencher<'_, '_>) {
    bencher.bench(|| git(&FIXTURE.repo, &["ls-tree", "-r", "HEAD"]));
}

#[divan::bench(sample_count = 5)]
fn read_every_blob(bencher: Bencher<'_, '_>) {
    let tree = tree();
    let entries = tree.entries().expect("entries");
    bencher.bench(|| entries.iter().map(|entry| tree.content(entry).map_or(0, |content| content.len())).sum::<usize>());
}

#[divan::bench(sample_count = 5)]
fn checkout_fresh(bencher: Bencher<'_, '_>) {
    let fresh = || tempfile::tempdir_in(FIXTURE.folder.path()).expect("tempdir");
    bencher.with_inputs(fresh).bench_refs(|into| checkout(into.path()));
}

#[divan::bench(sample_count = 5)]
fn checkout_fresh_by_git(bencher: Bencher<'_, '_>) {
    let copy = FIXTURE.folder.path().join("copy.git");
    if !copy.exists() {
        let from = FIXTURE.repo.to_str().expect("text");
        git(FIXTURE.folder.path(), &["clone", "-q", "--bare", "--shared", from, "copy.git"]);
    }
    let fresh = || tempfile::tempdir_in(FIXTURE.folder.path()).expect("tempdir");
    bencher.with_inputs(fresh).bench_refs(|into| {
        let path = into.path().join("tree");
        git(&copy, &["-c", "checkout.workers=0", "worktree", "add", "-q", "--detach", path.to_str().expect("text")]);
    });
}

/// What `git` finds in a checkout: commit, trees and an index, beside the checkout itself.
#[divan::bench(sample_count = 5)]
fn git_directory(bencher: Bencher<'_, '_>) {
    let files = tempfile::tempdir_in(FIXTURE.folder.path()).expect("tempdir");
    checkout(files.path());
    let fresh = || tempfile::tempdir_in(FIXTURE.folder.path()).expect("tempdir");
    bencher.with_inputs(fresh).bench_refs(|into| {
        let base = &FIXTURE.base;
        let (commits, files) = ([base.commit.clone()], [files.path()]);
        let asked = GitDirectory { tree: &base.tree, commits: &commits, files: &files };
        FIXTURE.vcs.git_directory(&base.key, &asked, &into.path().join("git")).expect("a git directory");
    });
}

#[divan::bench(sample_count = 5)]
fn checkout_again(bencher: Bencher<'_, '_>) {
    let into = tempfile::tempdir_in(FIXTURE.folder.path()).expect("tempdir");
    checkout(into.path());
    bencher.bench(|| checkout(into.path()));
}

fn checkout(into: &Path) {
    FIXTURE.vcs.checkout(&FIXTURE.base.key, &FIXTURE.base.tree, into, &Cancel::new()).expect("checkout");
}

/// One line more in each of 1,020 files, as in the largest patch that was measured.
fn large_change() -> ChangeSet {
    let tree = tree();
    let entries = tree.entries().expect("entries");
    let files = entries.iter().filter(|entry| entry.mode == FileMode::Regular).step_by(4).take(1020);
    ChangeSet::new(files.map(|entry| {
        let old = tree.side(&entry.path).expect("readable").expect("there");
        let new = [b"// changed\n", &*old.content].concat();
        FileChange { path: entry.path.clone(), old: Some(old), new: Some(FileSide::regular(new)) }
    }))
}

#[divan::bench(sample_count = 10)]
fn tree_of_1020_files_dry(bencher: Bencher<'_, '_>) {
    let (changes, source) = (large_change(), &FIXTURE.base.source);
    let base = FIXTURE.vcs.user_tree(source, None).expect("the base");
    bencher.bench(|| FIXTURE.vcs.would_be_tree(&base, &changes).expect("tree"));
}

#[divan::bench(sample_count = 10)]
fn tree_of_1020_files_stored(bencher: Bencher<'_, '_>) {
    let changes = large_change();
    let packs = FIXTURE.vcs.private_path(&FIXTURE.base.key).join("objects/pack");
    let forget = || {
        for entry in std::fs::read_dir(&packs).expect("packs") {
            std::fs::remove_file(entry.expect("entry").path()).expect("remove");
        }
    };
    bencher
        .with_inputs(forget)
        .bench_values(|()| FIXTURE.vcs.write_tree(&FIXTURE.base.key, &FIXTURE.base.tree, &changes).expect("tree"));
}
