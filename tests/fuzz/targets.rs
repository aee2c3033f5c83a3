//! What every fuzz target does with its bytes: plain functions, so that the fuzzer and the ordinary tests run the same.
//!
//! Each panics where a promise is broken.

use std::cell::LazyCell;
use std::fs;
use std::path::PathBuf;

use paraph::audit::{self, VerifyOptions};
use paraph::diff::{ChangeSet, FileSide, Patch, place, unified};
use paraph::id::RepoPath;
use paraph::infrastructure::config::set_in_text;
use paraph::infrastructure::llm::Finish;
use paraph::policy::{PathPolicy, PolicySettings, Severity, Touch};
use paraph::proposal::PatchFile;
use paraph::proposal::edits::read;
use paraph::repository::{MemoryTree, Tree as _};
use paraph::text::{DisplayOptions, Newlines, Safe, Untrusted, display_bytes, sanitize_log, strip_ansi};
use paraph::validation::{ConfigLimits, RepositoryConfig, read_output, read_report};

/// A target: its name, and what it does.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All of them.
pub(crate) const TARGETS: [Target; 6] = [
    ("patch", patch),
    ("edits", edits),
    ("journal", journal),
    ("config", config),
    ("reports", reports),
    ("safe_text", safe_text),
];

/// A patch is read, placed and policed; what was placed is written and read back as the same.
pub(crate) fn patch(bytes: &[u8]) {
    let text: String = (0..12).map(|line| format!("line {line}\n")).collect();
    let tree = MemoryTree::new([
        ("a.txt", FileSide::regular(text.as_bytes())),
        ("dir/b.txt", FileSide::regular(*b"one\ntwo")),
        ("empty", FileSide::regular(*b"")),
    ]);
    let Ok(patch) = Patch::parse(bytes) else { return };
    let read = |path: &RepoPath| tree.side(path);
    let Ok(changes) = place(&patch, &read) else { return };
    let found = PathPolicy.judge(&changes, &tree, &PolicySettings::default()).expect("a tree in memory reads");
    let blocked = found.iter().any(|violation| violation.severity == Severity::Block);
    for file in changes.files() {
        let leaves = file.path.components().any(|part| matches!(part, b".." | b"." | b"" | b".git"));
        assert!(!leaves || blocked, "`{}` is let through", file.path);
    }
    assert_eq!(Touch::all(&changes).len(), changes.files().len());
    if !blocked {
        let written = unified::write(&changes, &unified::WriteOptions::default());
        let again = Patch::parse(&written).ok().and_then(|patch| place(&patch, &read).ok());
        assert_eq!(again.or(changes.is_empty().then(ChangeSet::default)), Some(changes), "it is not what was written");
    }
}

/// A reply is read and placed without end or harm: what it does not name stays, and no path leaves the tree.
pub(crate) fn edits(bytes: &[u8]) {
    let Ok(reply) = std::str::from_utf8(bytes) else { return };
    let text: String = (0..12).map(|line| format!("line {line}\n")).collect();
    let tree = MemoryTree::new([
        ("a.txt", FileSide::regular(text.as_bytes())),
        ("dir/b.txt", FileSide::regular(*b"one\r\ntwo\r\n")),
        ("empty", FileSide::regular(*b"")),
    ]);
    let _ = PatchFile::read(bytes);
    let Ok(edits) = read(reply, &Finish::Stop) else { return };
    match edits.place(&tree) {
        Err(refusals) => assert!(refusals.for_model().len() > 100, "a refusal that says nothing"),
        Ok(placed) => {
            for file in placed.changes.files() {
                let leaves = file.path.components().any(|part| matches!(part, b".." | b"." | b"" | b".git"));
                assert!(!leaves, "`{}` is let through", file.path);
                assert_eq!(file.old, tree.side(&file.path).expect("a tree in memory reads"), "another base");
            }
        }
    }
}

/// A journal with bytes changed is never sound, and never ends the program.
pub(crate) fn journal(bytes: &[u8]) {
    thread_local! {
        static HOME: LazyCell<(tempfile::TempDir, PathBuf, Vec<u8>)> = LazyCell::new(|| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let golden = golden();
            for name in ["store.json", "anchor"] {
                fs::copy(golden.join(name), folder.path().join(name)).expect("a copy");
            }
            let segment = folder.path().join("00000000000000000001.jsonl");
            let whole = fs::read(golden.join("00000000000000000001.jsonl")).expect("the golden journal");
            (folder, segment, whole)
        });
    }
    HOME.with(|home| {
        let (folder, segment, whole) = &**home;
        let mut changed = whole.clone();
        if let Some(raw) = bytes.strip_prefix(b"raw") {
            changed = raw.to_vec();
        } else {
            for edit in bytes.chunks_exact(3) {
                let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % changed.len();
                changed[at] = edit[2];
            }
        }
        fs::write(segment, &changed).expect("it is written");
        let report = audit::verify(folder.path(), &VerifyOptions::default());
        assert_eq!(report.is_sound(), changed == *whole, "{report:?}");
    });
}

/// The golden journal, from the manifest of whoever builds the targets.
fn golden() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let places = ["tests/golden/journal/v1", "../golden/journal/v1"].map(|place| here.join(place));
    places.into_iter().find(|place| place.exists()).expect("the golden journal is in the repository")
}

/// A repository's configuration, and the user's with a setting written into it.
pub(crate) fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let limits = ConfigLimits { max_timeout_s: 60, rules: &["ci-file", "lockfile"] };
    let _ = RepositoryConfig::parse(text, &limits);
    if let Ok(changed) = set_in_text(text, "workers", "3") {
        assert!(set_in_text(&changed, "workers", "3").is_ok_and(|again| again == changed), "setting twice differs");
    }
}

/// Reports of every name, and the output of a run.
pub(crate) fn reports(bytes: &[u8]) {
    for name in ["junit.xml", "report.json", "results.tap", "x.trx", "cargo.json", ""] {
        let _ = read_report(name, bytes);
    }
    let _ = read_output(bytes);
}

/// Nothing that a terminal obeys comes out, whatever went in.
pub(crate) fn safe_text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let outside = Untrusted::new(text.as_str());
    for newlines in [Newlines::Keep, Newlines::Mark] {
        for max_columns in [None, Some(0), Some(7)] {
            let options = DisplayOptions { newlines, max_columns, ..DisplayOptions::default() };
            is_safe(&display_bytes(bytes, &options), newlines);
            is_safe(&outside.display_with(&options), newlines);
        }
    }
    is_safe(&outside.display_line(), Newlines::Mark);
    is_safe(&outside.display_within(5), Newlines::Mark);
    let plain = strip_ansi(&text);
    assert!(!plain.contains('\u{1b}') && !plain.contains('\u{9b}'), "{plain:?}");
    let log = sanitize_log(bytes);
    let rest = colours_gone(&log);
    assert!(!rest.contains('\u{1b}') && !rest.contains('\u{9b}'), "more than colours is left: {log:?}");
}

fn is_safe(safe: &Safe<'_>, newlines: Newlines) {
    let obeyed = |c: &char| {
        let bidi = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}');
        let hidden = matches!(c, '\u{feff}' | '\u{e0000}'..='\u{e007f}' | '\u{2028}' | '\u{2029}');
        bidi || hidden || (c.is_control() && !(*c == '\n' && newlines == Newlines::Keep))
    };
    let found = safe.as_str().chars().find(obeyed);
    assert!(found.is_none(), "{found:?} in {:?}", safe.as_str());
}

/// Without `ESC [ numbers m`, the one sequence that logs keep.
fn colours_gone(log: &str) -> String {
    let mut parts = log.split("\u{1b}[");
    let mut rest = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit() && !matches!(c, ';' | ':'));
        match end.filter(|end| part[*end..].starts_with('m')) {
            Some(end) => rest.push_str(&part[end + 1..]),
            None => rest.push_str(&format!("\u{1b}[{part}")),
        }
    }
    rest
}
