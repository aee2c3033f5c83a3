//! Full disks, failing writes and crashes at every fault point.

use super::stores::{Row, apply, heal};
use super::*;

/// The second passage of `point` fails with `error`. Says what the first failure was, and whether the journal went on.
#[cfg(debug_assertions)]
#[track_caller]
fn failing(point: &str, error: &str) -> (JournalError, bool) {
    let home = tempfile::tempdir().unwrap();
    journal_of(home.path(), 3);
    let faults = Faults::parse(Some(&format!("{point}:2:{error}"))).unwrap();
    let (mut journal, _) = Journal::open(home.path(), JournalOptions { faults, ..options() }).unwrap();
    let bytes = || segments(home.path()).iter().flat_map(|path| fs::read(path).unwrap()).collect::<Vec<_>>();
    let (mut acknowledged, mut failed, mut went_on) = (3, None, true);
    for n in 4..12 {
        let before = bytes();
        let outcome = journal.append(&[entry(n)]).and_then(|placed| journal.anchor().map(|()| placed));
        went_on = outcome.is_ok();
        match outcome {
            Ok(placed) => acknowledged = placed[0].seq.0,
            Err(found) => {
                names_a_command(&found.hint());
                assert!(!point.starts_with("journal") || bytes() == before, "{point} {error}: cut back");
                failed.get_or_insert(found);
            }
        }
    }
    drop(journal);
    let (_, opened) = Journal::open(home.path(), options()).unwrap();
    assert!(opened.head.seq.0 >= acknowledged && opened.torn.is_none(), "{point}: nothing acknowledged is lost");
    let report = checked(home.path());
    assert!(report.is_sound(), "{point}: {:?}", report.findings);
    let failed = failed.expect("it failed once");
    let text = failed.to_string();
    assert!(text.contains(&home.path().display().to_string()) && text.contains("bytes"), "{text}");
    (failed, went_on)
}

#[cfg(debug_assertions)]
#[track_caller]
fn check_failing(point: &str, error: &str, usable: bool) {
    let (failed, went_on) = failing(point, error);
    assert_eq!(matches!(failed, JournalError::NoSpace { needed: 1.., .. }), error == "enospc", "{failed:?}");
    assert_eq!(went_on, usable, "{point} {error}: goes on, or is read-only");
}

#[cfg(debug_assertions)]
#[test]
fn a_failed_write_or_sync_acknowledges_nothing() {
    for point in ["journal.before-segment", "journal.before-write"] {
        check_failing(point, "enospc", true);
        check_failing(point, "eio", true);
    }
    for point in ["journal.before-sync", "journal.after-sync", "journal.after-folder-sync"] {
        check_failing(point, "enospc", true);
        check_failing(point, "eio", false);
    }
    for point in ["anchor.before-write", "anchor.before-sync", "anchor.before-rename"] {
        check_failing(point, "enospc", true);
        check_failing(point, "eio", true);
    }
}

#[cfg(debug_assertions)]
#[test]
fn a_journal_that_cannot_be_cut_back_is_read_only_until_it_is_opened_again() {
    let home = tempfile::tempdir().unwrap();
    journal_of(home.path(), 3);
    let faults = Faults::parse(Some("journal.before-sync:1:enospc,journal.before-cut:1:eio")).unwrap();
    let (mut journal, _) =
        Journal::open(home.path(), JournalOptions { faults, ..JournalOptions::new(&RandomIds) }).unwrap();
    assert!(matches!(journal.append(&[entry(4)]), Err(JournalError::NoSpace { .. })));
    let error = journal.append(&[entry(4)]).unwrap_err();
    assert!(matches!(error, JournalError::ReadOnly { .. }), "{error:?}");
    names_a_command(&error.hint());
    assert_eq!(journal.head().seq, Seq(3));
    assert_eq!(journal.reader().iter_from(Seq(3)).unwrap().next().unwrap().unwrap().1.seq, Seq(3), "reading goes on");
    drop(journal);
    let (mut journal, _) = Journal::open(home.path(), options()).unwrap();
    journal.append(&[entry(5)]).unwrap();
    assert!(checked(home.path()).is_sound());
}

/// Runs in a process of its own: see [`crash_at`] and [`a_disk_that_fills_up_loses_nothing`]. Without its variable it does nothing.
#[test]
fn child() {
    let Ok(home) = std::env::var("PARAPH_TEST_HOME").map(PathBuf::from) else { return };
    let disk = home.join("disk");
    if std::env::var_os("PARAPH_TEST_FULL").is_some() {
        fs::create_dir_all(&disk).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "none"]).arg(&disk).status();
        let outcome = if mounted.is_ok_and(|status| status.success()) { fill(&disk) } else { "may not mount" };
        return fs::write(home.join("outcome"), outcome).unwrap();
    }
    let faults = Faults::parse(std::env::var("PARAPH_FAULT").ok().as_deref()).unwrap();
    let (mut journal, _) =
        Journal::open(&home.join("journal"), JournalOptions { faults: faults.clone(), ..options() }).unwrap();
    let (store, _) = Store::open(&home.join("store"), faults.clone()).unwrap();
    let rows: Table<u64, Row> = store.table("rows").unwrap();
    let blobs = Blobs::new(&home.join("blobs"), faults);
    for n in journal.head().seq.0 + 1..=9 {
        blobs.put(format!("blob {n}").as_bytes()).unwrap();
        let placed = journal.append(&[entry(n)]).unwrap()[0];
        fs::write(home.join("acknowledged"), n.to_string()).unwrap();
        apply(&store, &rows, placed).unwrap();
        journal.anchor().unwrap();
        store.sync().unwrap();
    }
    fs::write(home.join("finished"), "").unwrap();
}

fn run_child(home: &Path, variable: &str, value: &str) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "crashes::child"]).env("PARAPH_TEST_HOME", home).env(variable, value);
    command.output().unwrap();
}

/// Kills a writer at `fault`, starts another: nothing acknowledged is lost, all is whole.
#[cfg(debug_assertions)]
#[track_caller]
fn crash_at(home: &Path, fault: &str) {
    run_child(home, "PARAPH_FAULT", fault);
    assert!(!home.join("finished").exists(), "{fault}: the process was to die there");
    let acknowledged = fs::read_to_string(home.join("acknowledged")).map_or(0, |n| n.parse().unwrap());
    let opened = Journal::open(&home.join("journal"), options()).unwrap_or_else(|error| panic!("{fault}: {error}")).1;
    assert!(opened.head.seq.0 >= acknowledged, "{fault}: {acknowledged} were acknowledged, {opened:?}");
    let (_, wrong) = Blobs::new(&home.join("blobs"), Faults::none()).verify_all();
    assert!(wrong.is_empty(), "{fault}: {wrong:?}");
    heal(home);
    run_child(home, "PARAPH_FAULT", "");
    assert!(home.join("finished").exists(), "{fault}: the next start finishes");
    let report = checked(&home.join("journal"));
    assert!(report.is_sound() && report.entries == 9, "{fault}: {:?}", report.findings);
}

#[cfg(debug_assertions)]
#[test]
fn a_crash_at_any_fault_point_loses_nothing_acknowledged() {
    let mine =
        |point: &&&str| ["journal.", "anchor.", "blobs.", "store."].iter().any(|module| point.starts_with(module));
    for point in fault::ALL.iter().filter(mine) {
        let home = tempfile::tempdir().unwrap();
        let fault = match *point {
            "journal.before-create" | "store.before-open" => format!("{point}:1"),
            "journal.before-cut" => format!("journal.before-write:2:eio,{point}:1"),
            "journal.before-torn" | "journal.after-torn" => {
                journal_of(&home.path().join("journal"), 2);
                let segment = segments(&home.path().join("journal")).pop().unwrap();
                let whole = fs::read(&segment).unwrap();
                fs::write(segment, [&whole[..], &whole[..50]].concat()).unwrap();
                format!("{point}:1")
            }
            _ => format!("{point}:2"),
        };
        crash_at(home.path(), &fault);
    }
}

/// Fills a real small disk until nothing more goes in, makes room, goes on.
fn fill(disk: &Path) -> &'static str {
    let ballast = disk.join("ballast");
    fs::write(&ballast, vec![0; 64 * 1024]).unwrap();
    let (mut journal, _) = Journal::open(&disk.join("journal"), JournalOptions::new(&RandomIds)).unwrap();
    let mut acknowledged = 0;
    let full = loop {
        match journal.append(&(0..7).map(entry).collect::<Vec<_>>()) {
            Ok(placed) => acknowledged = placed[6].seq.0,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, JournalError::NoSpace { needed: 1.., .. }), "{full:?}");
    names_a_command(&full.hint());
    assert!(journal.append(&[entry(1)]).is_err() || journal.head().seq.0 == acknowledged + 1, "a smaller one may fit");
    acknowledged = journal.head().seq.0;
    fs::remove_file(ballast).unwrap();
    journal.append(&[entry(1)]).unwrap();
    journal.anchor().unwrap();
    let report = checked(&disk.join("journal"));
    assert!(report.is_sound() && report.entries == acknowledged + 1, "{:?}", report.findings);
    "filled"
}

#[test]
fn a_disk_that_fills_up_loses_nothing() {
    let home = tempfile::tempdir().unwrap();
    let child = std::env::current_exe().unwrap();
    let run = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount"])
        .arg(child)
        .args(["--exact", "crashes::child", "--nocapture"])
        .env("PARAPH_TEST_HOME", home.path())
        .env("PARAPH_TEST_FULL", "1")
        .output();
    // where a user may not unshare or mount, the fault points above stand in for the disk
    let Ok(output) = run else { return };
    let text = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    if text.contains("running 1 test") {
        let outcome = fs::read_to_string(home.path().join("outcome")).unwrap_or_default();
        assert!(["filled", "may not mount"].contains(&outcome.as_str()), "{text}");
    }
}
