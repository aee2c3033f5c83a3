//! The chain: its ends, altered bytes, records moved about.

use super::*;

/// What is read side by side is what is read line by line: the same entries, and then the same flaw or none.
#[track_caller]
fn reads_the_same_ahead(reader: &JournalReader, from: u64) {
    let (mut one_by_one, mut ahead) = (Vec::new(), Vec::new());
    let flaw = reader.iter_from(Seq(from)).unwrap().find_map(|read| read.map(|read| one_by_one.push(read)).err());
    let mut take = |piece| {
        ahead.extend::<Vec<(Placed, Entry)>>(piece);
        Ok::<_, JournalError>(())
    };
    let other = reader.take_from(Seq(from), &|entry| entry, &mut take).err();
    assert_eq!((ahead, format!("{other:?}")), (one_by_one, format!("{flaw:?}")));
}

#[test]
fn what_was_appended_is_there_after_opening_again() {
    let home = tempfile::tempdir().unwrap();
    let places = journal_of(home.path(), 20);
    assert!(segments(home.path()).len() > 2, "several segments");
    let (journal, opened) = Journal::open(home.path(), JournalOptions { mark: Some(places[7]), ..options() }).unwrap();
    let last = places[19];
    let head = Head { seq: last.seq, digest: last.digest };
    assert_eq!(opened, Opened { created: false, head, mark: MarkStanding::Behind(12), torn: None });
    let reader = journal.reader();
    let read: Vec<_> = reader.iter_from(Seq(1)).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(read.iter().map(|(placed, _)| *placed).collect::<Vec<_>>(), places);
    for (n, (placed, whole)) in (1..).zip(&read) {
        assert_eq!(&reader.read_at(placed).unwrap(), whole);
        let Entry { seq, at, actor, session, event, .. } = whole.clone();
        assert_eq!((seq, NewEntry { at, actor, session, event }), (Seq(n), entry(n)));
    }
    let of_one: Vec<_> = places.iter().copied().filter(|placed| placed.seq.0 % 3 == 1).collect();
    assert!(reader.entries(&of_one).unwrap().iter().all(|entry| entry.session == Some(SessionId(1))));
    for from in 1..=21 {
        let first = reader.iter_from(Seq(from)).unwrap().next().map(|read| read.unwrap().1.seq);
        assert_eq!(first, (from <= 20).then_some(Seq(from)));
        reads_the_same_ahead(&reader, from);
    }
    let report = checked(home.path());
    assert!(report.is_sound() && report.entries == 20 && report.head == Some(head) && report.anchor == Some(head));
    assert_eq!(report.bytes, segments(home.path()).iter().map(|path| path.metadata().unwrap().len()).sum::<u64>());
}

#[test]
fn a_mark_that_the_journal_does_not_know_is_said() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ahead = *journal_of(one.path(), 9).last().unwrap();
    journal_of(other.path(), 5);
    let standing =
        |dir: &Path, mark| Journal::open(dir, JournalOptions { mark: Some(mark), ..options() }).unwrap().1.mark;
    assert_eq!(standing(one.path(), ahead), MarkStanding::Equal);
    assert_eq!(standing(other.path(), ahead), MarkStanding::Unknown, "of another journal, and ahead");
    let odd = Placed { offset: u64::MAX / 2, ..ahead };
    assert_eq!(standing(one.path(), odd), MarkStanding::Unknown);
    assert_eq!(standing(one.path(), Placed { len: u32::MAX, ..ahead }), MarkStanding::Unknown);
}

#[cfg(debug_assertions)]
#[test]
fn a_group_of_entries_costs_few_syncs() {
    let home = tempfile::tempdir().unwrap();
    let faults = Faults::counting();
    let (mut journal, _) =
        Journal::open(home.path(), JournalOptions { faults: faults.clone(), ..JournalOptions::new(&RandomIds) })
            .unwrap();
    let syncs = || faults.passages("journal.before-sync") + faults.passages("journal.after-folder-sync");
    let group: Vec<_> = (1..=100).map(entry).collect();
    assert_eq!(journal.append(&group).unwrap().len(), 100);
    assert!(syncs() <= 3, "{} for the first group, which makes a segment", syncs());
    let before = syncs();
    journal.append(&group).unwrap();
    assert_eq!(syncs() - before, 1, "the steady state");
    assert_eq!(journal.append(&[]).unwrap(), []);
    assert_eq!(syncs() - before, 1, "nothing to record costs nothing");
}

#[test]
fn an_unfinished_last_line_past_the_anchor_is_set_aside() {
    for keep in [1, 100, 150] {
        let home = tempfile::tempdir().unwrap();
        let places = journal_of(home.path(), 10);
        let (mut journal, _) = Journal::open(home.path(), options()).unwrap();
        let placed = journal.append(&[entry(11)]).unwrap()[0];
        drop(journal);
        let segment = segments(home.path()).pop().unwrap();
        cut(&segment, u64::from(placed.len) + 1 - keep);
        let report = checked(home.path());
        assert!(report.is_sound() && report.entries == 10);
        names_a_command(report.torn.unwrap().hint());
        let read = JournalReader::open(home.path()).unwrap().iter_from(Seq(1)).unwrap().count();
        assert_eq!(read, 10, "readers stop at the last whole line");
        reads_the_same_ahead(&JournalReader::open(home.path()).unwrap(), 1);
        let (mut journal, opened) =
            Journal::open(home.path(), JournalOptions { mark: Some(places[8]), ..options() }).unwrap();
        let torn = opened.torn.unwrap();
        assert_eq!((torn.bytes, fs::read(&torn.path).unwrap().len() as u64), (keep, keep));
        assert_eq!((opened.head.seq, opened.mark), (Seq(10), MarkStanding::Behind(1)));
        journal.append(&[entry(11)]).unwrap();
        assert!(checked(home.path()).is_sound());
    }
}

#[test]
fn a_journal_shorter_than_its_anchor_is_refused() {
    for by in [1, 2, 100, 400, 900] {
        let home = tempfile::tempdir().unwrap();
        let places = journal_of(home.path(), 10);
        let segment = segments(home.path()).pop().unwrap();
        cut(&segment, by.min(segment.metadata().unwrap().len()));
        for mark in [None, Some(places[0])] {
            let error = Journal::open(home.path(), JournalOptions { mark, ..options() }).unwrap_err();
            let JournalError::Damaged(flaw) = &error else { panic!("{error:?}") };
            assert!(matches!(flaw.problem, Problem::Cut { anchor: Seq(10), .. }), "{flaw}");
            assert!(error.hint().contains("`paraph audit verify`") && error.hint().contains("`paraph recover`"));
        }
        finds(home.path(), checked(home.path()).entries + 1, "the journal was cut");
    }
    let home = tempfile::tempdir().unwrap();
    journal_of(home.path(), 10);
    fs::remove_file(segments(home.path()).pop().unwrap()).unwrap();
    assert!(Journal::open(home.path(), options()).is_err(), "a whole segment less");
    segments(home.path()).iter().for_each(|path| fs::remove_file(path).unwrap());
    finds(home.path(), 1, "the journal was cut");
    assert!(Journal::open(home.path(), options()).is_err(), "all segments gone");
    fs::remove_file(home.path().join("store.json")).unwrap();
    assert!(Journal::open(home.path(), options()).is_err(), "and store.json too: never begun anew over an anchor");
}

#[test]
fn a_flipped_bit_in_any_byte_of_any_record_is_found_where_it_is() {
    let home = tempfile::tempdir().unwrap();
    let places = journal_of(home.path(), 12);
    let mut tried = 0;
    for placed in places {
        let path = home.path().join(format!("{:020}.jsonl", placed.segment.0));
        for at in placed.offset..=placed.offset + u64::from(placed.len) {
            let bit = (at % 8) as u32;
            flip(&path, at, bit);
            let report = checked(home.path());
            assert_eq!(report.first_bad(), Some(placed.seq), "byte {at} bit {bit}: {:?}", report.findings);
            names_a_command(&report.findings[0].hint());
            if tried % 16 == 0 {
                let read = JournalReader::open(home.path()).unwrap().iter_from(Seq(1)).unwrap();
                let whole = read.take_while(Result::is_ok).count() as u64;
                assert!(whole < placed.seq.0, "reading stops before it");
                reads_the_same_ahead(&JournalReader::open(home.path()).unwrap(), 1);
                assert!(
                    Journal::open(home.path(), JournalOptions { mark: None, segment_bytes: u64::MAX, ..options() })
                        .is_err()
                        || !is_last(&path)
                );
            }
            flip(&path, at, bit);
            tried += 1;
        }
    }
    assert!(tried > 3000, "{tried}");
    assert!(checked(home.path()).is_sound(), "all flipped back");
}

fn is_last(path: &Path) -> bool {
    segments(path.parent().unwrap()).last().is_some_and(|last| last == path)
}

#[test]
fn a_flipped_bit_in_the_anchor_or_store_json_is_found() {
    let home = tempfile::tempdir().unwrap();
    journal_of(home.path(), 3);
    for name in ["anchor", "store.json"] {
        let path = home.path().join(name);
        for at in 0..path.metadata().unwrap().len() {
            for bit in 0..8 {
                flip(&path, at, bit);
                let report = checked(home.path());
                assert!(!report.is_sound(), "{name} byte {at} bit {bit}");
                report.findings.iter().for_each(|finding| names_a_command(&finding.hint()));
                let error = Journal::open(home.path(), options()).unwrap_err();
                names_a_command(&error.hint());
                flip(&path, at, bit);
            }
        }
        let whole = fs::read(&path).unwrap();
        for damage in [&b""[..], b"{}", &whole[..whole.len() - 1], b"\0\0\0\0", &[&whole[..], b"x"].concat()] {
            fs::write(&path, damage).unwrap();
            assert!(
                !checked(home.path()).is_sound() && Journal::open(home.path(), options()).is_err(),
                "{name} {damage:?}"
            );
        }
        fs::remove_file(&path).unwrap();
        assert!(!checked(home.path()).is_sound() && Journal::open(home.path(), options()).is_err(), "{name} removed");
        fs::write(&path, whole).unwrap();
    }
    Journal::open(home.path(), options()).unwrap();
    fs::write(
        home.path().join("store.json"),
        "{\"format\":\"paraph.journal/2\",\"uuid\":\"00000000-0000-0000-0000-000000000000\"}\n",
    )
    .unwrap();
    let newer = Journal::open(home.path(), options()).unwrap_err();
    assert!(matches!(newer, JournalError::Newer { .. }), "{newer}");
    names_a_command(&newer.hint());
}

#[track_caller]
fn check_rewritten(change: impl FnOnce(&mut Vec<String>), seq: u64, problem: &str) {
    let home = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(home.path(), JournalOptions::new(&RandomIds)).unwrap();
    journal.append(&(1..=10).map(entry).collect::<Vec<_>>()).unwrap();
    journal.anchor().unwrap();
    drop(journal);
    let mut changed = lines(home.path());
    change(&mut changed);
    fs::write(&segments(home.path())[0], changed.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    finds(home.path(), seq, problem);
    reads_the_same_ahead(&JournalReader::open(home.path()).unwrap(), 1);
    let error = Journal::open(home.path(), options()).unwrap_err();
    names_a_command(&error.hint());
}

#[test]
fn moved_records_are_found() {
    check_rewritten(|lines| drop(lines.remove(3)), 4, "it is missing: entry 5 follows");
    check_rewritten(|lines| drop(lines.remove(0)), 1, "it is missing: entry 2 follows");
    check_rewritten(
        |lines| drop(lines.pop()),
        10,
        "the journal was cut: its anchor names entry 10, its last whole entry is 9",
    );
    check_rewritten(|lines| lines.insert(4, lines[3].clone()), 5, "entry 4 is repeated in its place");
    check_rewritten(|lines| lines.push(lines[9].clone()), 11, "entry 10 is repeated in its place");
    check_rewritten(|lines| lines.swap(3, 4), 4, "it is out of order: entry 5 stands in its place");
    check_rewritten(|lines| lines[2..8].rotate_left(2), 3, "it is out of order: entry 5 stands in its place");
    check_rewritten(|lines| lines.insert(5, String::new()), 6, "it was altered");
    check_rewritten(|lines| lines[6].push('\r'), 7, "it was altered");
    check_rewritten(|lines| lines[6] = lines[6].replace("\"number\":7", "\"number\": 7"), 7, "it was altered");
    check_rewritten(|lines| lines[6] = "x".repeat(3_000_000), 7, "it is longer than any entry");
    check_rewritten(|lines| lines[6] = rewritten(&lines[6]), 8, "it continues another entry");
    check_rewritten(|lines| lines[9] = rewritten(&lines[9]), 10, "the anchor names it with digest");
}

/// The line with another content and the digest that fits it: what a careful forger writes.
fn rewritten(line: &str) -> String {
    let start = line.find("\"digest\":").unwrap();
    let without = line[..start].to_owned() + &line[start + 76..];
    let forged = without.replace("\"text\":\"", "\"text\":\"forged ");
    let digest = Digest::of(forged.as_bytes());
    format!("{}\"digest\":\"{digest}\",{}", &forged[..start], &forged[start..])
}

#[test]
fn segments_under_a_wrong_name_are_found() {
    let home = tempfile::tempdir().unwrap();
    journal_of(home.path(), 20);
    let all = segments(home.path());
    let first = |path: &Path| path.file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap();
    let second = first(&all[1]);
    let moved = home.path().join(format!("{:020}.jsonl", second + 1));
    fs::rename(&all[1], &moved).unwrap();
    finds(home.path(), second, &format!("no segment starts with it; the next one is named {}", second + 1));
    fs::rename(&moved, home.path().join("5.jsonl")).unwrap();
    finds(home.path(), second, "no segment starts with it");
    fs::rename(home.path().join("5.jsonl"), &all[1]).unwrap();
    fs::copy(&all[1], home.path().join("copy.jsonl")).unwrap();
    finds(home.path(), 21, "a name that no segment has");
    assert!(Journal::open(home.path(), options()).is_err());
    fs::remove_file(home.path().join("copy.jsonl")).unwrap();
    cut(&all[1], 5);
    finds(home.path(), first(&all[2]) - 1, "its segment ends within it, and another segment follows");
}

#[test]
fn an_older_copy_of_the_home_is_found_by_an_anchor_that_left_it() {
    let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let old = journal_of(home.path(), 5);
    let copies: Vec<_> = fs::read_dir(home.path())
        .unwrap()
        .map(|item| item.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    let (mut journal, _) = Journal::open(home.path(), options()).unwrap();
    let left = journal.append(&[entry(6), entry(7)]).unwrap()[1];
    journal.anchor().unwrap();
    drop(journal);
    let against = |dir: &Path, places: &[Placed]| {
        let anchors = places.iter().map(|placed| (placed.seq, placed.digest)).collect();
        verify(dir, &VerifyOptions { anchors, blobs: None })
    };
    let now = against(home.path(), &[left, old[2], old[4]]);
    assert!(now.is_sound() && now.anchors_met == 3, "{:?}", now.findings);
    segments(home.path()).iter().for_each(|path| fs::remove_file(path).unwrap());
    copies.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    assert!(checked(home.path()).is_sound(), "an older copy is whole in itself");
    let older = against(home.path(), &[old[2], left]);
    assert_eq!((older.first_bad(), older.anchors_met), (Some(Seq(7)), 1));
    let text = older.findings[0].to_string();
    assert!(text.contains("an older copy") && text.contains("its last is 5"), "{text}");
    names_a_command(&older.findings[0].hint());
    journal_of(other.path(), 9);
    let foreign = against(other.path(), &[left]);
    assert_eq!(foreign.first_bad(), Some(Seq(7)));
    assert!(foreign.findings[0].to_string().contains("another history"), "{}", foreign.findings[0]);
}

// what was ever written must be read for ever

#[test]
fn the_bytes_of_every_version_still_verify_and_read() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/journal/v1");
    let report = checked(&golden);
    assert!(report.is_sound() && report.entries == 3, "{:?}", report.findings);
    assert_eq!(report.uuid.unwrap().to_string(), "01936e0e-5b7a-7000-8000-000000000001");
    let reader = JournalReader::open(&golden).unwrap();
    let read = reader.iter_from(Seq(1)).unwrap().map(|read| read.unwrap().1);
    for (n, Entry { at, actor, session, event, .. }) in (1..).zip(read) {
        assert_eq!(NewEntry { at, actor, session, event }, entry(n));
    }
}

#[test]
fn the_same_entries_give_the_same_bytes() {
    struct Fixed;
    impl paraph::id::Ids for Fixed {
        fn uuid(&self) -> uuid::Uuid {
            uuid::Uuid::from_u128(0x0193_6e0e_5b7a_7000_8000_0000_0000_0001)
        }
    }
    let home = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(home.path(), JournalOptions::new(&Fixed)).unwrap();
    journal.append(&(1..=3).map(entry).collect::<Vec<_>>()).unwrap();
    journal.anchor().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/journal/v1");
    for name in ["store.json", "anchor", "00000000000000000001.jsonl"] {
        let (now, then) = (fs::read_to_string(home.path().join(name)).unwrap(), fs::read_to_string(golden.join(name)));
        assert_eq!(Ok(now), then.map_err(|error| error.to_string()), "{name}: a new form needs a new version");
    }
}
