//! Going on after damage, exporting, and reading beside a writer.

use super::*;

#[test]
fn recovering_keeps_what_is_whole_and_a_copy_of_the_rest() {
    let home = tempfile::tempdir().unwrap();
    let places = journal_of(home.path(), 20);
    let untouched = audit::recover(home.path(), &Faults::none()).unwrap();
    assert_eq!((untouched.head.seq, untouched.kept), (Seq(20), None), "a whole journal is left alone");
    let bad = places[9];
    let path = home.path().join(format!("{:020}.jsonl", bad.segment.0));
    flip(&path, bad.offset + 30, 1);
    let before: Vec<_> = segments(home.path()).iter().map(|path| fs::read(path).unwrap()).collect();
    let recovered = audit::recover(home.path(), &Faults::none()).unwrap();
    assert_eq!((recovered.head.seq, recovered.anchored.unwrap().seq), (Seq(9), Seq(20)));
    let kept: BTreeSet<_> =
        fs::read_dir(recovered.kept.unwrap()).unwrap().map(|item| fs::read(item.unwrap().path()).unwrap()).collect();
    let at_and_after = before.iter().filter(|bytes| {
        String::from_utf8_lossy(bytes).lines().any(|line| {
            let seq = line.split("\"seq\":").nth(1).unwrap().split(',').next().unwrap().parse::<u64>().unwrap();
            seq >= 10
        })
    });
    assert!(
        at_and_after.clone().count() > 1 && at_and_after.into_iter().all(|bytes| kept.contains(bytes)),
        "byte for byte"
    );
    let (mut journal, opened) = Journal::open(home.path(), options()).unwrap();
    assert_eq!(opened.head.seq, Seq(9));
    journal.append(&[entry(10)]).unwrap();
    journal.anchor().unwrap();
    assert!(checked(home.path()).is_sound());
    let anchors = vec![(places[14].seq, places[14].digest)];
    let report = verify(home.path(), &VerifyOptions { anchors, blobs: None });
    assert!(!report.is_sound(), "an anchor that left the journal still tells");
}

#[test]
fn every_damage_can_be_recovered_from() {
    type Damage = (&'static str, fn(&Path));
    let damages: [Damage; 6] = [
        ("anchor removed", |dir| fs::remove_file(dir.join("anchor")).unwrap()),
        ("anchor damaged", |dir| fs::write(dir.join("anchor"), "x").unwrap()),
        ("first segment removed", |dir| fs::remove_file(&segments(dir)[0]).unwrap()),
        ("last segment cut", |dir| cut(segments(dir).last().unwrap(), 10)),
        ("odd file", |dir| fs::write(dir.join("x.jsonl"), "x").unwrap()),
        ("all segments emptied", |dir| segments(dir).iter().for_each(|path| fs::write(path, "").unwrap())),
    ];
    for (name, damage) in damages {
        let home = tempfile::tempdir().unwrap();
        journal_of(home.path(), 10);
        damage(home.path());
        assert!(!checked(home.path()).is_sound(), "{name}");
        let recovered = audit::recover(home.path(), &Faults::none()).unwrap();
        assert!(recovered.kept.is_some(), "{name}");
        let (mut journal, opened) =
            Journal::open(home.path(), options()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(opened.head, recovered.head, "{name}");
        journal.append(&[entry(1)]).unwrap();
        journal.anchor().unwrap();
        let report = checked(home.path());
        assert!(report.is_sound(), "{name}: {:?}", report.findings);
    }
}

#[test]
fn an_export_is_the_journal_and_stops_at_damage() {
    let home = tempfile::tempdir().unwrap();
    let places = journal_of(home.path(), 12);
    let mut out = Vec::new();
    let exported = audit::export(home.path(), &mut out).unwrap();
    assert!(exported.stopped.is_none() && exported.entries == 12 && exported.bytes == out.len() as u64);
    assert_eq!(String::from_utf8(out).unwrap().lines().collect::<Vec<_>>(), lines(home.path()));
    let bad = places[6];
    flip(&home.path().join(format!("{:020}.jsonl", bad.segment.0)), bad.offset + 3, 0);
    let mut out = Vec::new();
    let exported = audit::export(home.path(), &mut out).unwrap();
    assert_eq!(exported.entries, 6);
    names_a_command(&exported.stopped.unwrap().hint());
    fs::remove_file(home.path().join("store.json")).unwrap();
    let exported = audit::export(home.path(), &mut Vec::new()).unwrap();
    assert_eq!(exported.entries, 6, "without store.json too");
    names_a_command(&exported.stopped.unwrap().hint());
    let nothing = checked(&home.path().join("nowhere"));
    assert!(matches!(nothing.findings[0], Finding::Journal(JournalError::NoJournal { .. })), "{:?}", nothing.findings);
    names_a_command(&nothing.findings[0].hint());
}

#[test]
fn damaged_blobs_are_found_beside_the_journal() {
    let home = tempfile::tempdir().unwrap();
    journal_of(&home.path().join("journal"), 3);
    let blobs = Blobs::new(&home.path().join("blobs"), Faults::none());
    let digest = blobs.put(b"a patch").unwrap();
    let check = || verify(&home.path().join("journal"), &VerifyOptions { anchors: Vec::new(), blobs: Some(&blobs) });
    assert!(check().is_sound() && check().blobs == 1);
    flip(&blobs.path(digest), 3, 3);
    let report = check();
    assert!(report.findings[0].to_string().contains(&digest.to_string()), "{:?}", report.findings);
    names_a_command(&report.findings[0].hint());
}

#[test]
fn readers_see_a_whole_chain_while_another_appends() {
    let home = tempfile::tempdir().unwrap();
    journal_of(home.path(), 1);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut rounds = 0;
                    while !done.load(Ordering::SeqCst) || rounds == 0 {
                        let report = checked(home.path());
                        assert!(report.is_sound(), "{:?}", report.findings);
                        let reader = JournalReader::open(home.path()).unwrap();
                        let read: Vec<_> = reader.iter_from(Seq(1)).unwrap().collect::<Result<_, _>>().unwrap();
                        assert!(read.len() as u64 >= report.entries);
                        rounds += 1;
                    }
                    rounds
                })
            })
            .collect();
        let (mut journal, _) = Journal::open(home.path(), options()).unwrap();
        for group in 0..150 {
            journal.append(&(0..group % 7).map(entry).collect::<Vec<_>>()).unwrap();
            journal.anchor().unwrap();
        }
        done.store(true, Ordering::SeqCst);
        readers.into_iter().for_each(|reader| assert!(reader.join().unwrap() > 0));
    });
}
