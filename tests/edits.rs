//! Model replies, made from known changes and malformed in known ways: what is clear is placed right, nothing is ever
//! placed wrong, what is ambiguous, cut or stale is refused.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "edits/cases.rs"]
mod cases;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cases::{Case, Dice, FAULTS, FORMATS, Fault, Format};
use paraph::diff::FileSide;
use paraph::infrastructure::llm::Finish;
use paraph::proposal::edits::{self, Placed};
use paraph::repository::MemoryTree;

/// The seed of every run, so that a failure is the same on every machine.
const SEED: u64 = 20_261_128;

fn samples() -> Vec<(String, String)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    collect(&root.join("src"), &root, &mut found);
    found.push(("README.md".to_owned(), fs::read_to_string(root.join("README.md")).unwrap()));
    found.sort();
    found
}

fn collect(folder: &Path, root: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, root, found);
        } else if let Ok(text) = fs::read_to_string(&path) {
            found.push((path.strip_prefix(root).unwrap().display().to_string(), text));
        }
    }
}

/// A tree of the case's file and others beside it.
fn tree(case: &Case) -> MemoryTree {
    let side = |text: &str| FileSide::regular(text.as_bytes());
    MemoryTree::new([
        (case.path.as_str(), side(&case.base)),
        ("other/file.txt", side("one\ntwo\n")),
        ("z.txt", side("z\n")),
    ])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Right,
    Refused,
    Wrong,
}

fn outcome(case: &Case) -> (Outcome, String) {
    let placed = edits::read(&case.reply, &finish(case)).and_then(|edits| edits.place(&tree(case)));
    let content = |placed: &Placed| {
        let file = placed.changes.get(&case.path.as_str().into())?;
        Some(String::from_utf8_lossy(&file.new.as_ref()?.content).into_owned())
    };
    match placed {
        Err(refusals) => (Outcome::Refused, refusals.to_string()),
        Ok(placed) if placed.changes.files().len() == 1 && content(&placed) == case.right => {
            (Outcome::Right, String::new())
        }
        Ok(placed) => (Outcome::Wrong, content(&placed).unwrap_or_default()),
    }
}

/// The first line in which `found` is not what is right.
fn differing(case: &Case, found: &str) -> String {
    let right = case.right.as_deref().unwrap_or(&case.base);
    let pair = right.lines().zip(found.lines()).enumerate().find(|(_, (one, other))| one != other);
    pair.map_or_else(|| found.chars().take(300).collect(), |(at, pair)| format!("line {}: {pair:?}", at + 1))
}

/// A reply that was cut comes without the word that it is whole: the text alone must tell.
fn finish(case: &Case) -> Finish {
    if case.fault == Fault::CutOff { Finish::Other("file".to_owned()) } else { Finish::Stop }
}

#[test]
fn clear_edits_are_placed_right_and_unclear_ones_refused() {
    let samples = samples();
    let mut dice = Dice(SEED);
    let mut counts: BTreeMap<(Fault, Format), [usize; 3]> = BTreeMap::new();
    let mut told = Vec::new();
    for _ in 0..2_500 {
        let (path, text) = &samples[dice.below(samples.len())];
        let (format, fault) = (dice.pick(&FORMATS), dice.pick(&FAULTS));
        let Some(change) = cases::invent(path, text, &mut dice) else { continue };
        let Some(case) = cases::case(&change, format, fault, &mut dice) else { continue };
        let (found, why) = outcome(&case);
        counts.entry((fault, format)).or_default()[found as usize] += 1;
        if found == Outcome::Wrong || (found == Outcome::Refused) != case.right.is_none() {
            told.push(format!("{format:?} {fault:?} {found:?}: {}\n{}\n", differing(&case, &why), case.reply));
        }
    }
    let sum = |refused: bool| {
        let rows = counts.iter().filter(|((fault, _), _)| fault.must_be_refused() == refused);
        rows.fold([0, 0, 0], |sum, (_, row)| [sum[0] + row[0], sum[1] + row[1], sum[2] + row[2]])
    };
    let ([right, missed, wrong], [placed, refused, wrongly]) = (sum(false), sum(true));
    let shown = || told.iter().take(3).cloned().collect::<String>();
    assert_eq!((wrong, placed, wrongly), (0, 0, 0), "{}", shown());
    assert!(right + missed > 500 && refused > 100, "too few cases: {right} {missed} {refused}");
    assert!(right * 100 >= (right + missed) * 87, "{right} of {}\n{}", right + missed, shown());
}

/// Twenty times what the slowest of these takes in a build without optimisation; a quadratic one takes hours.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

#[test]
fn a_megabyte_made_to_be_slow_is_not() {
    let same = "a\n".repeat(200_000);
    let tree = MemoryTree::new([
        ("a.txt", FileSide::regular(same.as_bytes())),
        ("b.txt", FileSide::regular(vec![b'a'; 1 << 20])),
    ]);
    let block = |search: &str| format!("a.txt\n```\n<<<<<<< SEARCH\n{search}=======\nx\n>>>>>>> REPLACE\n```\n");
    let text = |search: String| serde_json::json!({"path": "b.txt", "search": search, "replace": "b"}).to_string();
    let replies = [
        block(&"a\n".repeat(100_000)),
        block(&format!("{}b\n", "a\n".repeat(100_000))),
        block(&format!("{}\n", "  a\n".repeat(100_000))),
        block(&"a\n  a\n".repeat(60_000)),
        block("a\na\n").repeat(4_000),
        "```\n".repeat(250_000),
        "<<<<<<< SEARCH\n".repeat(60_000),
        "{\n".repeat(400_000),
        format!("```json\n{}", "[\n".repeat(300_000)),
        "--- a\n+++ a\n".repeat(80_000),
        format!("--- a.txt\n+++ a.txt\n{}", "@@\n a\n-a\n".repeat(80_000)),
        format!("*** Begin Patch\n*** Update File: a.txt\n{}*** End Patch\n", "@@ a\n-a\n".repeat(4_000)),
        "*** Begin Patch\n".repeat(60_000),
        text("a".repeat(500_000)),
    ];
    for reply in replies {
        let started = std::time::Instant::now();
        let outcome = edits::read(&reply, &Finish::Stop).and_then(|edits| edits.place(&tree));
        assert!(outcome.is_err(), "what fits everywhere has no place");
        let shown: String = reply.chars().take(60).collect();
        assert!(started.elapsed() < PATIENCE, "{shown:?} took {:?}", started.elapsed());
    }
}
