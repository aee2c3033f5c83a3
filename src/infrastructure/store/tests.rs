//! What the store promises, on real sled databases.

use std::ops::Bound;

use super::*;
use crate::id::{SessionId, Version};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    text: String,
}

impl Record for Row {
    const VERSION: u8 = 1;
}

type Rows = Table<(SessionId, Version), Row>;

fn row(text: &str) -> Row {
    Row { text: text.to_owned() }
}

fn mark(seq: u64) -> Mark {
    Mark { seq: Seq(seq), digest: Digest::of(&seq.to_be_bytes()), segment: Seq(1), offset: 300 * seq, len: 299 }
}

fn key(session: u64, version: u32) -> (SessionId, Version) {
    (SessionId(session), Version(version))
}

#[test]
fn a_key_is_written_once() {
    let store = Store::temporary().expect("a store");
    let rows: Rows = store.table("proposals").expect("a table");
    rows.insert_new(&key(1, 1), &row("first")).expect("written");
    let again = rows.insert_new(&key(1, 1), &row("second")).expect_err("refused");
    assert!(matches!(again, StoreError::AlreadyWritten { table: "proposals", .. }), "{again}");
    assert!(again.hint().contains("`paraph list`"));
    assert_eq!(rows.get(&key(1, 1)).expect("read"), Some(row("first")));
    rows.put(&key(1, 1), &row("third")).expect("written over");
    assert_eq!(rows.get(&key(1, 1)).expect("read"), Some(row("third")));
    assert!(rows.remove(&key(1, 1)).expect("removed"));
    assert!(!rows.remove(&key(1, 1)).expect("not there"));
    assert_eq!(rows.get(&key(1, 1)).expect("read"), None);
}

#[test]
fn of_what_a_batch_writes_again_the_last_counts() {
    let store = Store::temporary().expect("a store");
    let rows: Rows = store.table("proposals").expect("a table");
    let mut batch = Batch::new();
    for text in ["one", "two", "three"] {
        batch.put(&rows, &key(1, 1), &row(text)).expect("staged");
        batch.put(&rows, &key(1, 2), &row(text)).expect("staged");
    }
    batch.remove(&rows, &key(1, 2));
    batch.insert_new(&rows, &key(1, 3), &row("new")).expect("staged");
    batch.put(&rows, &key(1, 3), &row("newer")).expect("staged");
    assert_eq!(batch.writes.len(), 4);
    store.commit(&batch, None).expect("written");
    let found = rows.scan(&(), Order::Forward, 9).expect("read");
    assert_eq!(found, [(key(1, 1), row("three")), (key(1, 3), row("newer"))]);
    assert_eq!(store.check().expect("whole"), 2);
    let mut twice = Batch::new();
    twice.insert_new(&rows, &key(2, 1), &row("one")).expect("staged");
    twice.insert_new(&rows, &key(2, 1), &row("two")).expect("staged");
    let refused = store.commit(&twice, None).expect_err("inserted twice");
    assert!(matches!(refused, StoreError::AlreadyWritten { .. }), "{refused}");
}

#[test]
fn a_row_that_vanished_or_changed_is_counted() {
    let store = Store::temporary().expect("a store");
    let rows: Rows = store.table("proposals").expect("a table");
    for version in 1..=5 {
        rows.put(&key(1, version), &row("first")).expect("written");
        rows.put(&key(1, version), &row("second")).expect("written over");
    }
    rows.remove(&key(1, 5)).expect("removed");
    rows.remove(&key(1, 6)).expect("nothing to remove");
    assert_eq!(store.check().expect("whole"), 4);
    let old = rows.tree.remove(key(1, 2).to_bytes()).expect("past the tally").expect("there");
    let missing = store.check().expect_err("one is missing");
    assert!(
        missing.is_rebuildable() && missing.to_string().contains("4 rows were written and 3 are there"),
        "{missing}"
    );
    rows.tree.insert(key(1, 2).to_bytes(), encode(&row("other")).expect("written")).expect("past the tally");
    assert!(store.check().is_err(), "another value");
    rows.tree.insert(key(1, 2).to_bytes(), old).expect("past the tally");
    assert_eq!(store.check().expect("whole"), 4);
}

#[test]
fn checking_beside_a_writer_calls_nothing_damaged() {
    let store = Store::temporary().expect("a store");
    let rows: Rows = store.table("proposals").expect("a table");
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for session in 1..300 {
                rows.put(&key(session % 20, 1), &row(&session.to_string())).expect("written");
            }
        });
        while !writer.is_finished() {
            let checked = store.check();
            assert!(matches!(checked, Ok(_) | Err(StoreError::Changing { .. })), "{checked:?}");
        }
    });
    assert_eq!(store.check().expect("whole"), 20);
}

#[test]
fn a_store_that_opens_without_its_first_record_is_damaged() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, _) = Store::open(dir.path(), Faults::none()).expect("a store");
    store.meta.clear().expect("emptied, as sled does with a cut file");
    store.sync().expect("synced");
    drop(store);
    let error = Store::open(dir.path(), Faults::none()).expect_err("it was not empty");
    assert!(error.is_rebuildable() && error.to_string().contains("opened empty"), "{error}");
}

#[test]
fn of_many_writers_of_one_key_one_wins() {
    let store = Store::temporary().expect("a store");
    let rows: Rows = store.table("decisions").expect("a table");
    for round in 1..50 {
        let won: usize = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..4)
                .map(|writer| {
                    let (store, rows) = (&store, &rows);
                    scope.spawn(move || {
                        let value = row(&writer.to_string());
                        if writer % 2 == 0 {
                            return rows.insert_new(&key(round, 1), &value).is_ok();
                        }
                        let mut batch = Batch::new();
                        batch.insert_new(rows, &key(round, 1), &value).expect("small");
                        store.commit(&batch, None).is_ok()
                    })
                })
                .collect();
            writers.into_iter().map(|writer| usize::from(writer.join().expect("no panic"))).sum()
        });
        assert_eq!(won, 1, "round {round}");
    }
}

#[test]
fn scans_follow_the_keys() {
    let store = Store::temporary().expect("a store");
    let rows: Rows = store.table("proposals").expect("a table");
    for session in [1, 2, 255, 256] {
        for version in 1..=3 {
            rows.put(&key(session, version), &row(&format!("{session}@{version}"))).expect("written");
        }
    }
    let texts = |rows: Result<Vec<(_, Row)>, StoreError>| {
        rows.expect("read").into_iter().map(|(_, row)| row.text).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(texts(rows.scan(&SessionId(255), Order::Forward, 9)), "255@1 255@2 255@3");
    assert_eq!(texts(rows.scan(&SessionId(255), Order::Backward, 1)), "255@3");
    assert_eq!(texts(rows.scan(&(), Order::Backward, 4)), "256@3 256@2 256@1 255@3");
    let after = Bound::Excluded(&(SessionId(2), Version(3)));
    assert_eq!(texts(rows.range(after, Bound::Unbounded, Order::Forward, 2)), "255@1 255@2");
    let before = Bound::Excluded(&(SessionId(2), Version(1)));
    assert_eq!(texts(rows.range(Bound::Unbounded, before, Order::Backward, 2)), "1@3 1@2");
    assert_eq!(texts(rows.range(after, before, Order::Forward, 2)), "", "a range that ends before it starts");
    assert_eq!(rows.count(&SessionId(1)).expect("counted"), 3);
}

#[test]
fn a_batch_is_all_or_nothing_with_its_mark() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("store");
    let (store, opened) = Store::open(&path, Faults::none()).expect("a store");
    assert_eq!(opened, Opened { created: true, mark: None, checked: true });
    let rows: Rows = store.table("proposals").expect("a table");
    let others: Table<u32, Row> = store.table("beads").expect("a table");
    let mut batch = Batch::new();
    batch.put(&others, &7, &row("bead")).expect("small");
    batch.insert_new(&rows, &key(1, 1), &row("one")).expect("small");
    store.commit(&batch, Some(&mark(1))).expect("committed");
    let refused = store.commit(&batch, Some(&mark(2))).expect_err("written before");
    assert!(matches!(refused, StoreError::AlreadyWritten { .. }), "{refused}");
    batch = Batch::new();
    batch.remove(&others, &7);
    batch.insert_new(&rows, &key(1, 1), &row("two")).expect("small");
    store.commit(&batch, Some(&mark(3))).expect_err("written before");
    assert_eq!(others.get(&7).expect("read"), Some(row("bead")), "the removal did not happen either");
    assert_eq!(store.mark().expect("read"), Some(mark(1)));
    store.set_mark(&mark(4)).expect("marked");
    store.sync().expect("synced");
    let busy = Store::open(&path, Faults::none()).expect_err("open twice");
    assert!(matches!(busy, StoreError::Busy { .. }) && !busy.is_rebuildable(), "{busy:?}");
    drop((store, rows, others, batch));
    let (store, opened) = Store::open(&path, Faults::none()).expect("again");
    assert_eq!(opened, Opened { created: false, mark: Some(mark(4)), checked: true });
    assert_eq!(store.check().expect("whole"), 2);
}

#[test]
fn values_stay_small_and_in_sleds_one_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, _) = Store::open(dir.path(), Faults::none()).expect("a store");
    let rows: Rows = store.table("proposals").expect("a table");
    let large = rows.put(&key(1, 1), &row(&"x".repeat(MAX_VALUE))).expect_err("too large");
    assert!(
        matches!(large, StoreError::TooLarge { limit: MAX_VALUE, .. }) && large.hint().contains("`paraph"),
        "{large}"
    );
    let full = row(&"x".repeat(MAX_VALUE - 4));
    for version in 1..2000 {
        rows.put(&key(1, version), &full).expect("just small enough");
    }
    store.sync().expect("synced");
    assert_eq!(store.check().expect("no file in blobs/"), 1999);
}

#[test]
fn a_record_of_a_newer_version_is_rebuildable() {
    let store = Store::temporary().expect("a store");
    let rows: Rows = store.table("proposals").expect("a table");
    rows.tree.insert(key(1, 1).to_bytes(), &[9_u8, 0][..]).expect("written past the codec");
    let error = rows.get(&key(1, 1)).expect_err("unknown version");
    assert!(error.is_rebuildable() && error.hint().contains("`paraph recover`"), "{error}");
}

#[test]
fn bytes_of_every_version_still_read() {
    let golden = include_bytes!("../../../tests/golden/store/mark-v1.bin");
    assert_eq!(decode::<Mark>(golden), Ok(mark(12)));
    assert_eq!(encode(&mark(12)).expect("written"), golden, "a new form needs a new version");
}

#[cfg(debug_assertions)]
#[test]
fn a_full_disk_is_an_error_that_says_so() {
    let dir = tempfile::tempdir().expect("a folder");
    for point in ["store.before-open", "store.before-commit", "store.before-flush", "store.before-sync"] {
        let faults = Faults::parse(Some(&format!("{point}:2:enospc"))).expect("a fault");
        let path = dir.path().join(point);
        let work = |faults: &Faults| {
            let (store, _) = Store::open(&path, faults.clone())?;
            for seq in 1..4 {
                store.set_mark(&mark(seq))?;
                store.sync()?;
            }
            Ok(())
        };
        let error = [work(&faults), work(&faults)].into_iter().find_map(Result::err).expect("it failed once");
        assert!(matches!(error, StoreError::Io { .. }) && error.hint().contains("`paraph"), "{point}: {error:?}");
        work(&Faults::none()).expect("room again");
    }
}

#[test]
fn the_cache_forgets_rather_than_fails() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("cache");
    let cache = Cache::open(&path, u64::MAX);
    assert!(cache.put("symbols/1", "abc", &row("cached")));
    assert!(cache.put("symbols/1", "large", &row(&"y".repeat(300_000))), "larger than a value of the store");
    assert!(!cache.put("symbols/1", "huge", &row(&"y".repeat(1_100_000))));
    assert_eq!(cache.get("symbols/1", "abc"), Some(row("cached")));
    assert_eq!(cache.get::<Row>("symbols/1", "large").map(|row| row.text.len()), Some(300_000));
    assert_eq!(cache.get::<Row>("symbols/2", "abc"), None);
    assert!(!Cache::open(&path, u64::MAX).put("symbols/1", "x", &row("y")), "another has it");
    assert_eq!(cache.get("symbols/1", "abc"), Some(row("cached")), "and keeps it");
    drop(cache);
    assert_eq!(Cache::open(&path, u64::MAX).get("symbols/1", "abc"), Some(row("cached")));
    assert_eq!(Cache::open(&path, 10).get::<Row>("symbols/1", "abc"), None, "too large: deleted");
    fs::write(path.join("db"), [0x5a; 100_000]).expect("damaged");
    fs::write(path.join("conf"), [0x5a; 100]).expect("damaged");
    let healed = Cache::open(&path, u64::MAX);
    assert!(healed.put("symbols/1", "abc", &row("new")));
    assert_eq!(Cache::none().get::<Row>("symbols/1", "abc"), None);
}
