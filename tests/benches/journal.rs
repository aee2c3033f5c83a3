//! How fast the journal is verified, and what an append costs beside a raw append with fdatasync.

use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;

use divan::counter::BytesCount;
use paraph::audit::{Journal, JournalOptions, JournalReader, NewEntry, VerifyOptions, verify};
use paraph::clock::Timestamp;
use paraph::id::{RandomIds, Seq, SessionId};
use serde_json::json;

fn main() {
    divan::main();
}

fn entry(n: u64) -> NewEntry {
    let event = json!({
        "kind": "check-finished", "lane": 0, "version": 2, "attempt": n,
        "check": {"name": "cargo test", "status": "passed", "duration_ms": 1234, "confinement": "FULL"},
        "log": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    });
    NewEntry {
        at: Timestamp(1_795_169_400_123),
        actor: "ana@build1".to_owned(),
        session: Some(SessionId(n / 100 + 1)),
        event,
    }
}

fn journal_of(entries: u64) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut journal, _) = Journal::open(dir.path(), JournalOptions::new(&RandomIds)).expect("a journal");
    for start in (0..entries).step_by(1000) {
        let batch: Vec<_> = (start..start + 1000).map(entry).collect();
        journal.append(&batch).expect("appended");
    }
    journal.anchor().expect("anchored");
    dir
}

#[divan::bench(sample_count = 10)]
fn verify_200_000_entries(bencher: divan::Bencher<'_, '_>) {
    let dir = journal_of(200_000);
    let bytes = verify(dir.path(), &VerifyOptions::default()).bytes;
    bencher.counter(BytesCount::new(bytes)).bench_local(|| {
        let report = verify(dir.path(), &VerifyOptions::default());
        assert!(report.is_sound() && report.entries == 200_000);
    });
}

#[divan::bench(sample_count = 10)]
fn open_with_200_000_entries(bencher: divan::Bencher<'_, '_>) {
    let dir = journal_of(200_000);
    bencher.bench_local(|| Journal::open(dir.path(), JournalOptions::new(&RandomIds)).expect("opens"));
}

#[divan::bench(sample_count = 10)]
fn read_20_000_entries(bencher: divan::Bencher<'_, '_>) {
    let dir = journal_of(20_000);
    let reader = JournalReader::open(dir.path()).expect("a journal");
    bencher.bench_local(|| reader.iter_from(Seq(1)).expect("opens").filter(|entry| black_box(entry).is_ok()).count());
}

#[divan::bench(args = [1, 10, 100], sample_count = 100)]
fn append_and_sync(bencher: divan::Bencher<'_, '_>, entries: u64) {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut journal, _) = Journal::open(dir.path(), JournalOptions::new(&RandomIds)).expect("a journal");
    let batch: Vec<_> = (0..entries).map(entry).collect();
    bencher.bench_local(|| journal.append(&batch).expect("appended"));
}

#[divan::bench(args = [1, 10, 100], sample_count = 100)]
fn raw_append_and_sync(bencher: divan::Bencher<'_, '_>, entries: u64) {
    let dir = tempfile::tempdir().expect("a folder");
    let mut file = File::create(dir.path().join("raw")).expect("a file");
    // as long as an entry of the journal
    let bytes = vec![b'x'; 460 * usize::try_from(entries).expect("small")];
    bencher.bench_local(|| {
        file.write_all(&bytes).expect("written");
        file.sync_data().expect("synced");
    });
}
