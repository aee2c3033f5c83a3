//! Patches and diffs of the size that goals 12, 17 and 20 of the benchmarks speak of: 1,020 files, 105,000 diff
//! lines; one file of 100,000 changed lines. `PARAPH_BENCH_REPO` names a git repository and `PARAPH_BENCH_RANGE` two of
//! its commits (`A B`) to measure a real range instead.

use std::collections::HashMap;
use std::process::Command;
use std::sync::OnceLock;

use divan::counter::BytesCount;
use paraph::diff::{ChangeSet, DiffOptions, FileChange, FileDiff, FileSide, Patch, line_stat, place, unified};
use paraph::id::RepoPath;
use paraph::policy::{BuiltInPolicy, Policy as _, PolicySettings};
use paraph::repository::MemoryTree;
use paraph::text::{DisplayOptions, SecretScanner, display_bytes};

fn main() {
    divan::main();
}

/// A change, and the patch that makes it.
struct Fixture {
    base: HashMap<RepoPath, FileSide>,
    changes: ChangeSet,
    patch: Vec<u8>,
}

fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| match std::env::var("PARAPH_BENCH_REPO") {
        Ok(repository) => real(&repository),
        Err(_) => made(),
    })
}

/// 1,020 files of 300 lines, in each 34 lines changed in 8 places.
fn made() -> Fixture {
    let line = |file: usize, line: usize| format!("    let value_{line} = compute(file_{file}, {line}) + 1;\n");
    let changes = ChangeSet::new((0..1020).map(|file| {
        let old: String = (0..300).map(|number| line(file, number)).collect();
        let new: String =
            (0..300).map(|number| if number % 36 < 4 { line(file + 7, number) } else { line(file, number) }).collect();
        FileChange {
            path: format!("src/module_{}/file_{file}.rs", file % 40).as_str().into(),
            old: Some(FileSide::regular(old.into_bytes())),
            new: Some(FileSide::regular(new.into_bytes())),
        }
    }));
    let patch = unified::write(&changes, &unified::WriteOptions::default());
    let old = |file: &FileChange| Some((file.path.clone(), file.old.clone()?));
    Fixture { base: changes.files().iter().filter_map(old).collect(), changes, patch }
}

/// A range of a real repository, by git's own diff.
fn real(repository: &str) -> Fixture {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(repository).args(arguments).output().expect("git runs");
        assert!(output.status.success(), "git {arguments:?}");
        output.stdout
    };
    let range = std::env::var("PARAPH_BENCH_RANGE").unwrap_or_else(|_| "HEAD~400 HEAD".to_owned());
    let (from, to) = range.split_once(' ').expect("PARAPH_BENCH_RANGE is two commits");
    let patch = git(&["diff", "--binary", "--full-index", "--no-renames", from, to]);
    let parsed = Patch::parse(&patch).expect("git's own diff");
    let side = |path: &RepoPath| FileSide::regular(git(&["show", &format!("{from}:{path}")]));
    let base = parsed.files().iter().filter_map(|file| file.old_path.clone()).map(|path| (path.clone(), side(&path)));
    let base: HashMap<_, _> = base.collect();
    let changes = place(&parsed, &|path| Ok::<_, String>(base.get(path).cloned())).expect("it applies to its base");
    Fixture { base, changes, patch }
}

#[divan::bench]
fn parse(bencher: divan::Bencher<'_, '_>) {
    let patch = &fixture().patch;
    bencher.counter(BytesCount::of_slice(&patch[..])).bench(|| Patch::parse(patch).expect("it is a patch"));
}

#[divan::bench]
fn parse_and_place(bencher: divan::Bencher<'_, '_>) {
    let Fixture { base, patch, .. } = fixture();
    bencher.counter(BytesCount::of_slice(&patch[..])).bench(|| {
        let patch = Patch::parse(patch).expect("it is a patch");
        place(&patch, &|path| Ok::<_, String>(base.get(path).cloned())).expect("it applies")
    });
}

/// What `check-patch` does after placing: every rule over every file, on all cores.
#[divan::bench]
fn judge(bencher: divan::Bencher<'_, '_>) {
    let Fixture { base, changes, .. } = fixture();
    let tree = MemoryTree::new(base.iter().map(|(path, side)| (path.clone(), side.clone())));
    let (policy, settings) = (BuiltInPolicy::new(), PolicySettings::default());
    bencher.bench(|| policy.judge(changes, &tree, &settings).expect("the base is in memory").len());
}

/// As `judge`, where every file moved and was changed a little: to the rules all of its text is new.
#[divan::bench]
fn judge_moves(bencher: divan::Bencher<'_, '_>) {
    let Fixture { base, changes, .. } = fixture();
    let moved = |file: &FileChange| {
        let to = format!("moved/{}", file.path);
        [
            FileChange { path: file.path.clone(), old: file.old.clone(), new: None },
            FileChange { path: to.as_str().into(), old: None, new: file.new.clone() },
        ]
    };
    let moves = ChangeSet::new(changes.files().iter().filter(|file| file.new.is_some()).flat_map(moved));
    let tree = MemoryTree::new(base.iter().map(|(path, side)| (path.clone(), side.clone())));
    let (policy, settings) = (BuiltInPolicy::new(), PolicySettings::default());
    bencher.bench(|| policy.judge(&moves, &tree, &settings).expect("the base is in memory").len());
}

/// As `judge`, where every file has tests, and every second one loses an assertion: what the counting costs.
#[divan::bench]
fn judge_tests(bencher: divan::Bencher<'_, '_>) {
    let test =
        |number: usize| format!("#[test]\nfn test_{number}() {{\n    let x = f({number});\n    assert!(x);\n}}\n");
    let old: String = (0..60).map(test).collect();
    let changes = ChangeSet::new((0..1020).map(|file| FileChange {
        path: format!("src/module_{}/file_{file}.rs", file % 40).as_str().into(),
        old: Some(FileSide::regular(old.as_bytes())),
        new: Some(FileSide::regular(match file % 2 {
            0 => old.replacen("    assert!(x);\n", "", 1).into_bytes(),
            _ => old.replacen("let x", "let mut x", 1).into_bytes(),
        })),
    }));
    let sides = changes.files().iter().filter_map(|file| Some((file.path.clone(), file.old.clone()?)));
    let tree = MemoryTree::new(sides);
    let (policy, settings) = (BuiltInPolicy::new(), PolicySettings::default());
    bencher.bench(|| policy.judge(&changes, &tree, &settings).expect("the base is in memory").len());
}

#[divan::bench]
fn diff_all(bencher: divan::Bencher<'_, '_>) {
    let changes = &fixture().changes;
    let side = |side: &Option<FileSide>| side.as_ref().map(|side| side.content.clone()).unwrap_or_default();
    bencher.bench(|| {
        let diff = |file: &FileChange| FileDiff::compute(&side(&file.old), &side(&file.new), &DiffOptions::default());
        changes.files().iter().map(|file| diff(file).hunks().len()).sum::<usize>()
    });
}

#[divan::bench]
fn stat_all(bencher: divan::Bencher<'_, '_>) {
    let changes = &fixture().changes;
    let side = |side: &Option<FileSide>| side.as_ref().map(|side| side.content.clone()).unwrap_or_default();
    bencher.bench(|| changes.files().iter().filter_map(|file| line_stat(&side(&file.old), &side(&file.new))).count());
}

#[divan::bench]
fn write_all(bencher: divan::Bencher<'_, '_>) {
    bencher.bench(|| unified::write(&fixture().changes, &unified::WriteOptions::default()));
}

fn long_pair() -> (Vec<u8>, Vec<u8>) {
    let text = |changed: bool| -> String {
        let number = |at: usize| if changed && at.is_multiple_of(2) { at + 1_000_000 } else { at };
        (0..100_000).map(|at| format!("    let value = compute({});\n", number(at))).collect()
    };
    (text(false).into_bytes(), text(true).into_bytes())
}

#[divan::bench]
fn diff_of_100k_lines(bencher: divan::Bencher<'_, '_>) {
    let (old, new) = long_pair();
    bencher.bench(|| FileDiff::compute(&old, &new, &DiffOptions::default()));
}

#[divan::bench]
fn a_screen_within_100k_lines(bencher: divan::Bencher<'_, '_>) {
    let (old, new) = long_pair();
    let diff = FileDiff::compute(&old, &new, &DiffOptions::default());
    let options = DisplayOptions { max_columns: Some(120), ..DisplayOptions::line() };
    bencher.bench(|| {
        let rows = diff.rows_from(0, 75_000).take(40);
        rows.map(|row| display_bytes(row.bytes(&old, &new).trim_ascii_end(), &options).as_str().len()).sum::<usize>()
    });
}

#[divan::bench]
fn scan_for_secrets(bencher: divan::Bencher<'_, '_>) {
    let text = String::from_utf8_lossy(&fixture().patch).into_owned();
    let scanner = SecretScanner::new();
    bencher.counter(BytesCount::of_str(&text)).bench(|| scanner.scan(&text).len());
}
