//! The record shown, verified, exported and recovered, on real homes.

use std::fs;
use std::path::PathBuf;

use super::check_patch_tests::Lab;
use super::*;
use crate::audit::{Journal, JournalOptions, NewEntry};
use crate::clock::Timestamp;
use crate::id::RandomIds;
use crate::infrastructure::fault::Faults;
use crate::infrastructure::store::Store;
use crate::runtime::HouseEvent;
use crate::session::Person;

/// A home whose journal has `entries` entries of the house.
fn home_with(entries: u64) -> Lab {
    let lab = Lab::new();
    lab.home().create().expect("a home");
    let (mut journal, _) = Journal::open(&lab.home().journal(), JournalOptions::new(&RandomIds)).expect("a journal");
    let by = Person {
        login: "ana@here".into(),
        name: String::new(),
        email: String::new(),
        client: "cli".into(),
        terminal: "no".into(),
    };
    let event = HouseEvent::Trusted { path: HostPath::new("/srv/x"), by };
    let event = serde_json::to_value(&event).expect("plain data");
    let entry = |n: u64| NewEntry {
        at: Timestamp(1_795_169_400_000 + i64::try_from(n).expect("small")),
        actor: "ana@here".into(),
        session: None,
        event: event.clone(),
    };
    let all: Vec<NewEntry> = (0..entries).map(entry).collect();
    journal.append(&all).expect("appended");
    journal.anchor().expect("anchored");
    lab
}

fn segment(lab: &Lab) -> PathBuf {
    lab.home().journal().join(format!("{:020}.jsonl", 1))
}

#[test]
fn a_whole_record_is_shown_verified_and_exported() {
    let lab = home_with(5);
    let bench = lab.bench();
    let shown = bench.audit_show(None, Some(2)).expect("readable");
    assert_eq!(shown.iter().map(|entry| entry.seq.0).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(bench.audit_show(None, None).expect("readable").len(), 5);
    let absent = bench.audit_show(Some(SessionId(7)), None).expect_err("there is no such session");
    assert_eq!((absent.kind, absent.hints.len()), (FailureKind::NotFound, 2));
    let verified = bench.audit_verify(&[(shown[0].seq, shown[0].digest)]).expect("readable");
    assert!(verified.ok, "{verified:?}");
    assert_eq!((verified.entries, verified.head), (5, Seq(5)));
    let other = bench.audit_verify(&[(Seq(4), Digest::of(b"another history"))]).expect("readable");
    assert!(!other.ok && !other.hints.is_empty(), "{other:?}");
    let mut out = Vec::new();
    assert_eq!(bench.audit_export(&mut out).ok(), Some(5));
    assert_eq!(out, fs::read(segment(&lab)).expect("the segment"));
}

#[test]
fn a_flipped_bit_is_found_and_recovered_from() {
    let lab = home_with(5);
    let mut bytes = fs::read(segment(&lab)).expect("the segment");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(segment(&lab), &bytes).expect("damaged");
    let bench = lab.bench();
    let verified = bench.audit_verify(&[]).expect("readable");
    assert!(!verified.ok && verified.entries == 2, "{verified:?}");
    assert!(verified.hints[0].contains("paraph recover"), "{verified:?}");
    let told = bench.audit_show(None, None).expect_err("damaged");
    assert!(told.message.contains("journal entry 3"), "{told:?}");
    let export = bench.audit_export(&mut Vec::new()).expect_err("damaged");
    assert!(export.message.starts_with("2 entries were written"), "{export:?}");
    let recovered = bench.recover().expect("recovered");
    assert_eq!((recovered.entries, recovered.sessions), (2, 0));
    let notices: Vec<&str> = recovered.notices.iter().map(crate::text::Untrusted::raw).collect();
    assert!(notices[0].starts_with("the journal goes on after entry 2; "), "{notices:?}");
    assert!(notices[1].starts_with("entries 3 to 5 were acknowledged"), "{notices:?}");
    assert!(bench.audit_verify(&[]).expect("readable").ok);
}

#[test]
fn a_store_that_is_lost_is_rebuilt_and_one_that_is_open_is_left_alone() {
    let lab = home_with(3);
    let first = lab.bench().recover().expect("recovered");
    assert_eq!((first.entries, first.set_aside), (3, None));
    let again = lab.bench().recover().expect("recovered");
    assert!(again.set_aside.is_some_and(|path| path.as_path().exists()));
    let (held, _) = Store::open(&lab.home().store(), Faults::none()).expect("opened");
    let refused = lab.bench().recover().expect_err("somebody has it");
    assert_eq!((refused.kind, &refused.hints[..]), (FailureKind::Conflict, &["paraph daemon stop".to_owned()][..]));
    drop(held);
}

#[test]
fn nothing_is_made_where_nothing_is() {
    let lab = Lab::new();
    let bench = lab.bench();
    let kinds = [
        bench.audit_show(None, None).map(drop),
        bench.audit_verify(&[]).map(drop),
        bench.audit_export(&mut Vec::new()).map(drop),
        bench.recover().map(drop),
    ];
    for told in kinds {
        let told = told.expect_err("no journal");
        assert!(told.kind == FailureKind::NotFound && !told.hints.is_empty(), "{told:?}");
    }
    assert!(!lab.home().root().exists());
}
