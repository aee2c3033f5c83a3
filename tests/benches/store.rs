//! How the journal, the store and a start grow with the record: appends that share a sync, a store built again from
//! 100,000 entries, a start and an inbox over a home of any size.
//!
//! `PARAPH_LARGE_HOME=/tmp/large PARAPH_LARGE_SESSIONS=10000 cargo bench --bench store` makes a home of that many
//! sessions with a hundred entries each and ends (`cargo build --bench store` in debug is as good, and slower); the release
//! binary is measured on it, whose first start builds the store.

#[path = "../support/large.rs"]
mod large;
#[path = "../support/story.rs"]
mod story;

use std::path::Path;

use paraph::audit::{Journal, JournalOptions, NewEntry, VerifyOptions, verify};
use paraph::clock::{SystemClock, Timestamp};
use paraph::id::{RandomIds, SessionId};
use paraph::infrastructure::fault::Faults;
use paraph::runtime::{Home, Started};

#[allow(clippy::print_stdout, reason = "it tells where the home is")]
fn main() {
    let Some(home) = std::env::var_os("PARAPH_LARGE_HOME") else { return divan::main() };
    let sessions = std::env::var("PARAPH_LARGE_SESSIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let began = std::time::Instant::now();
    let entries = large::make_home(Path::new(&home), sessions);
    println!("{entries} entries of {sessions} sessions in {:?}", began.elapsed());
}

fn open(home: &Home) -> Started {
    Started::open(home, &SystemClock::default(), &RandomIds, &Faults::none()).expect("the home opens")
}

fn home_of(sessions: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    large::make_home(folder.path(), sessions);
    folder
}

/// 100,000 entries: read, verified, folded, and written to a new store.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn rebuild_of_1000_sessions(bencher: divan::Bencher<'_, '_>) {
    let folder = home_of(1000);
    let home = Home::at(folder.path());
    bencher
        .with_inputs(|| {
            if home.store().exists() {
                std::fs::remove_dir_all(home.store()).expect("removed");
            }
        })
        .bench_local_values(|()| assert!(open(&home).replayed > 90_000));
}

/// A start whose store agrees with its journal.
#[divan::bench(args = [100, 1000], sample_count = 5, sample_size = 1)]
fn start(bencher: divan::Bencher<'_, '_>, sessions: u64) {
    let folder = home_of(sessions);
    let home = Home::at(folder.path());
    drop(open(&home));
    bencher.bench_local(|| assert_eq!(open(&home).replayed, 0));
}

#[divan::bench(sample_count = 5)]
fn verify_1000_sessions(bencher: divan::Bencher<'_, '_>) {
    let folder = home_of(1000);
    let journal = Home::at(folder.path()).journal();
    let bytes = verify(&journal, &VerifyOptions::default()).bytes;
    let bencher = bencher.counter(divan::counter::BytesCount::new(bytes));
    bencher.bench_local(|| assert!(verify(&journal, &VerifyOptions::default()).is_sound()));
}

/// A hundred records that wait share one sync: the time of one.
#[divan::bench(args = [1, 100], sample_count = 100)]
fn append_together(bencher: divan::Bencher<'_, '_>, entries: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut journal, _) = Journal::open(folder.path(), JournalOptions::new(&RandomIds)).expect("a journal");
    let entry = |n| NewEntry {
        at: Timestamp(1_795_169_400_123),
        actor: "ana@build1".to_owned(),
        session: Some(SessionId(n)),
        event: serde_json::json!({"type": "lane-dropped", "lane": n}),
    };
    let batch: Vec<NewEntry> = (1..=entries).map(entry).collect();
    bencher.bench_local(|| journal.append(&batch).expect("appended"));
}
