//! Damage: whatever happens to the files of a home is found, refused or healed; nothing acknowledged is lost, and every
//! message names the next command to type.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr)]

#[path = "damage/chain.rs"]
mod chain;
#[path = "damage/crashes.rs"]
mod crashes;
#[path = "damage/daemons.rs"]
mod daemons;
#[path = "damage/going_on.rs"]
mod going_on;
#[path = "damage/stores.rs"]
mod stores;

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use paraph::audit::{
    self, Entry, Finding, Head, Journal, JournalError, JournalOptions, JournalReader, MarkStanding, NewEntry, Opened,
    Placed, Problem, Report, VerifyOptions, verify,
};
use paraph::clock::Timestamp;
use paraph::id::{Digest, RandomIds, Seq, SessionId};
use paraph::infrastructure::blobs::Blobs;
use paraph::infrastructure::fault::{self, Faults};
use paraph::infrastructure::store::{self, Batch, Order, Record, Store, StoreError, Table};
use serde_json::json;

/// Segments this small hold a handful of entries: damage between segments is met too.
const SMALL: u64 = 1200;

fn entry(n: u64) -> NewEntry {
    let event = json!({"kind": "noted", "number": n, "text": "größe \" \\ \n"});
    NewEntry {
        at: Timestamp(1_795_169_400_123),
        actor: "ana@build1".to_owned(),
        session: (!n.is_multiple_of(3)).then_some(SessionId(n % 3)),
        event,
    }
}

fn options() -> JournalOptions<'static> {
    JournalOptions { segment_bytes: SMALL, ..JournalOptions::new(&RandomIds) }
}

/// A journal of `entries` in several segments, anchored, and its places.
fn journal_of(dir: &Path, entries: u64) -> Vec<Placed> {
    let (mut journal, _) = Journal::open(dir, options()).unwrap();
    let places = (1..=entries).map(|n| journal.append(&[entry(n)]).unwrap()[0]).collect();
    journal.anchor().unwrap();
    places
}

fn checked(dir: &Path) -> Report {
    verify(dir, &VerifyOptions::default())
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(dir).unwrap().map(|item| item.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    found.sort();
    found
}

fn lines(dir: &Path) -> Vec<String> {
    segments(dir)
        .iter()
        .flat_map(|path| fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[track_caller]
fn names_a_command(hint: &str) {
    assert!(hint.contains("`paraph "), "the hint names no command: {hint}");
}

/// Verifying finds `problem` at entry `seq`, and opening (with nothing to start from but the anchor) does not go on as if nothing was.
#[track_caller]
fn finds(dir: &Path, seq: u64, problem: &str) {
    let report = checked(dir);
    assert!(!report.is_sound(), "nothing was found");
    assert_eq!(report.first_bad(), Some(Seq(seq)), "{:?}", report.findings);
    let said: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|text| text.contains(problem)), "`{problem}` is not in {said:?}");
    report.findings.iter().for_each(|finding| names_a_command(&finding.hint()));
}

fn flip(path: &Path, at: u64, bit: u32) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ (1 << bit)], at).unwrap();
}

fn cut(path: &Path, by: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - by).unwrap();
}
