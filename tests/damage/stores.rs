//! The store: whatever happens to sled, the journal builds it again.

use super::*;

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Row {
    text: String,
}

impl Record for Row {
    const VERSION: u8 = 1;
}

fn row(seq: u64) -> Row {
    Row { text: format!("{seq} {}", "x".repeat(200)) }
}

pub(super) fn apply(store: &Store, rows: &Table<u64, Row>, placed: Placed) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    batch.insert_new(rows, &placed.seq.0, &row(placed.seq.0))?;
    store.commit(&batch, Some(&placed.into()))
}

/// What a start does: open the store, compare its mark, replay or set aside and build again. Says whether it was set aside.
pub(super) fn heal(home: &Path) -> bool {
    let dir = home.join("store");
    let (store, aside) = match Store::open(&dir, Faults::none()) {
        Ok((store, opened)) => {
            let mark = opened.mark.map(Into::into);
            let (journal, found) = Journal::open(&home.join("journal"), JournalOptions { mark, ..options() }).unwrap();
            drop(journal);
            match found.mark {
                MarkStanding::Unknown => {
                    drop(store);
                    (rebuild(&dir), true)
                }
                MarkStanding::NotGiven | MarkStanding::Equal | MarkStanding::Behind(_) => (store, false),
            }
        }
        Err(error) => {
            names_a_command(&error.hint());
            assert!(error.is_rebuildable(), "{error:?}");
            (rebuild(&dir), true)
        }
    };
    let rows = store.table("rows").unwrap();
    let next = store.mark().unwrap().map_or(1, |mark| mark.seq.0 + 1);
    let reader = JournalReader::open(&home.join("journal")).unwrap();
    for read in reader.iter_from(Seq(next)).unwrap() {
        apply(&store, &rows, read.unwrap().0).unwrap_or_else(|error| panic!("replaying from {next}: {error}"));
    }
    let last = reader.iter_from(Seq(1)).unwrap().count() as u64;
    let all = rows.scan(&(), Order::Forward, usize::MAX).unwrap();
    assert_eq!(all, (1..=last).map(|seq| (seq, row(seq))).collect::<Vec<_>>(), "the store holds what the journal says");
    store.sync().unwrap();
    aside
}

fn rebuild(dir: &Path) -> Store {
    let aside = store::set_aside(dir, "20261120T093000Z").unwrap();
    assert!(aside.exists() && !dir.exists());
    Store::open(dir, Faults::none()).unwrap().0
}

/// A home with 300 entries, its store closed cleanly twice (so that sled has a snapshot).
fn stored_home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(&home.path().join("journal"), JournalOptions::new(&RandomIds)).unwrap();
    journal.append(&(1..=300).map(entry).collect::<Vec<_>>()).unwrap();
    journal.anchor().unwrap();
    drop(journal);
    assert!(!heal(home.path()));
    assert!(!heal(home.path()));
    home
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        match item.file_type().unwrap().is_dir() {
            true => copy_dir(&item.path(), &to.join(item.file_name())),
            false => drop(fs::copy(item.path(), to.join(item.file_name())).unwrap()),
        }
    }
}

#[track_caller]
fn check_healed(home: &Path, name: &str, damage: impl FnOnce(&Path)) -> bool {
    let copy = tempfile::tempdir().unwrap();
    copy_dir(home, copy.path());
    damage(&copy.path().join("store"));
    let aside = heal(copy.path());
    assert!(!heal(copy.path()), "{name}: healed once and for all");
    assert!(checked(&copy.path().join("journal")).is_sound());
    aside
}

fn snapshot(store: &Path) -> PathBuf {
    let mut files = fs::read_dir(store).unwrap().map(|item| item.unwrap().path());
    files.find(|path| path.file_name().unwrap().to_string_lossy().starts_with("snap.")).unwrap()
}

#[test]
fn a_damaged_store_is_built_again_from_the_journal() {
    let home = stored_home();
    let check = |name: &str, damage: &dyn Fn(&Path)| check_healed(home.path(), name, damage);
    assert!(!check("nothing", &|_| {}));
    assert!(!check("deleted", &|store| fs::remove_dir_all(store).unwrap()));
    check("db deleted", &|store| fs::remove_file(store.join("db")).unwrap());
    check("conf emptied", &|store| fs::write(store.join("conf"), "").unwrap());
    check("conf zeroed", &|store| fs::write(store.join("conf"), [0; 64]).unwrap());
    check("conf deleted", &|store| fs::remove_file(store.join("conf")).unwrap());
    check("snapshot emptied", &|store| fs::write(snapshot(store), "").unwrap());
    check("snapshot zeroed", &|store| fs::write(snapshot(store), [0; 200]).unwrap());
    check("snapshot deleted", &|store| fs::remove_file(snapshot(store)).unwrap());
    check("head zeroed", &|store| {
        OpenOptions::new().write(true).open(store.join("db")).unwrap().write_all_at(&[0; 4096], 0).unwrap()
    });
    check("db emptied", &|store| fs::write(store.join("db"), "").unwrap());
    for percent in [1, 25, 50, 75, 95, 99] {
        check(&format!("cut to {percent} %"), &|store| {
            let size = fs::metadata(store.join("db")).unwrap().len();
            cut(&store.join("db"), size - size * percent / 100);
        });
    }
}

#[test]
fn a_flipped_bit_in_the_store_is_healed_or_harmless() {
    let home = stored_home();
    let (mut panicked, mut aside) = (0, 0);
    for n in 0..40_u64 {
        let damage = |store: &Path| {
            let data = fs::read(store.join("db")).unwrap();
            let filled: Vec<u64> = (0..data.len() as u64).filter(|at| data[*at as usize] != 0).collect();
            flip(&store.join("db"), filled[(n as usize * 7919) % filled.len()], (n % 8) as u32);
            let opened = Store::open(store, Faults::none());
            panicked += u64::from(matches!(&opened, Err(error) if error.to_string().contains("panicked")));
        };
        aside += u64::from(check_healed(home.path(), &format!("flip {n}"), damage));
    }
    assert!(aside > 0, "some flips were met ({panicked} panics, {aside} set aside)");
}

#[test]
fn a_store_ahead_of_its_journal_is_built_again() {
    let home = stored_home();
    let aside = check_healed(home.path(), "ahead", |dir| {
        let (store, opened) = Store::open(dir, Faults::none()).unwrap();
        let mark = opened.mark.unwrap();
        store.set_mark(&store::Mark { seq: Seq(999), digest: Digest::of(b"never"), ..mark }).unwrap();
        let rows: Table<u64, Row> = store.table("rows").unwrap();
        rows.put(&999, &row(999)).unwrap();
        store.sync().unwrap();
    });
    assert!(aside);
}

/// A store of 12,000 rows over many of sled's segments; after each hundred its mark says how many they are.
fn large_store(dir: &Path, reopened: bool) {
    let (store, _) = Store::open(dir, Faults::none()).unwrap();
    let rows: Table<u64, Row> = store.table("rows").unwrap();
    for last in (100..=12_000).step_by(100) {
        let mut batch = Batch::new();
        (last - 99..=last).for_each(|seq| batch.insert_new(&rows, &seq, &row(seq)).unwrap());
        let mark = store::Mark { seq: Seq(last), digest: Digest::of(b""), segment: Seq(1), offset: 0, len: 0 };
        store.commit(&batch, Some(&mark)).unwrap();
    }
    store.sync().unwrap();
    drop((store, rows));
    if reopened {
        drop(Store::open(dir, Faults::none()).unwrap());
    }
}

/// What a damaged store opens as: refused (with what words), or exactly the rows that its mark says.
#[track_caller]
fn opens_honestly(dir: &Path, name: &str) -> Result<u64, String> {
    let read = |(store, opened): (Store, store::Opened)| {
        store.check()?;
        let rows: Table<u64, Row> = store.table("rows")?;
        Ok((opened.mark.map_or(0, |mark| mark.seq.0), rows.scan(&(), Order::Forward, usize::MAX)?))
    };
    match Store::open(dir, Faults::none()).and_then(read) {
        Ok((marked, all)) => {
            let honest = all.iter().cloned().eq((1..=marked).map(|seq| (seq, row(seq))));
            assert!(honest, "{name}: the mark says {marked}, {} rows are there", all.len());
            Ok(marked)
        }
        Err(error) => {
            assert!(error.is_rebuildable(), "{name}: {error:?}");
            names_a_command(&error.hint());
            let aside = store::set_aside(dir, "20261120T093000Z").unwrap();
            assert!(aside.exists() && Store::open(dir, Faults::none()).unwrap().1.created, "{name}: built again");
            Err(error.to_string())
        }
    }
}

#[test]
fn sled_panicking_losing_rows_or_opening_empty_never_goes_unseen() {
    let mut refused = Vec::new();
    for reopened in [false, true] {
        let home = tempfile::tempdir().unwrap();
        large_store(home.path(), reopened);
        let check = |name: &str, damage: &dyn Fn(&fs::File, u64)| {
            let copy = tempfile::tempdir().unwrap();
            let dir = copy.path().join("store");
            copy_dir(home.path(), &dir);
            let file = OpenOptions::new().read(true).write(true).open(dir.join("db")).unwrap();
            damage(&file, file.metadata().unwrap().len());
            opens_honestly(&dir, name)
        };
        assert_eq!(check("nothing", &|_, _| {}), Ok(12_000));
        for percent in [20, 40, 60, 90, 99] {
            let turned = check(&format!("16 bytes at {percent} %"), &|file, size| {
                let mut bytes = [0; 16];
                file.read_exact_at(&mut bytes, size * percent / 100).unwrap();
                file.write_all_at(&bytes.map(|byte| !byte), size * percent / 100).unwrap();
            });
            let shorter =
                check(&format!("cut to {percent} %"), &|file, size| file.set_len(size * percent / 100).unwrap());
            refused.extend(turned.err().into_iter().chain(shorter.err()));
        }
    }
    // which damage makes sled panic, open empty or lose rows depends on where its threads put things
    assert!(refused.len() > 3, "{refused:?}");
}
