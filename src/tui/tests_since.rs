//! Reading a version since the one before: what it says counts against the base.

use super::bench::Bench;
use super::bench_world::World;
use super::model::Overlay;
use crate::api::{AgainstRequest, PatchSetView, PlaceNow, Request, Side, ThreadView, Verdict};
use crate::id::Version;

const BASE: &str = "fn one() {\n    1\n}\n";
const FIRST: &str = "fn one() {\n    11\n}\n";
const SECOND: &str = "fn one() {\n    11 + 0\n}\n";

/// v1 changes two files; v2 is v1 with one line changed in the first of them, and is shown against v1.
fn since_v1() -> World {
    let mut world = World::new();
    let mut set = |old: &str, new: &str, more: bool, against: &str| {
        let mut files = vec![world.file("src/a.rs", Some(old), Some(new), 1, 1)];
        if more {
            files.push(world.file("src/b.rs", Some(BASE), Some(FIRST), 1, 1));
        }
        PatchSetView { files, against: against.to_owned(), reviewed: Vec::new(), ..world.sets[0].clone() }
    };
    let (shown, first, second) =
        (set(FIRST, SECOND, false, "v1"), set(BASE, FIRST, true, "base"), set(BASE, SECOND, true, "base"));
    world.sets = vec![shown];
    world.bases = [(Version(1), vec![first]), (Version(2), vec![second])].into();
    world
}

fn progress(bench: &Bench) -> (usize, usize, bool) {
    bench.model.review.as_ref().expect("open").patches.progress(Some("core"))
}

fn unseen(bench: &Bench) -> usize {
    match bench.model.overlays.last() {
        Some(Overlay::Decision(decision)) => decision.unseen,
        other => panic!("a panel, not {other:?}"),
    }
}

fn approved(bench: &Bench) -> bool {
    let is = |request: &Request| matches!(request, Request::Decide(decide) if decide.verdict == Verdict::Approve);
    bench.world.changes.iter().any(is)
}

/// Marks, on the service, what `at` says of the hunks of v1 against the base.
fn read_in_v1(world: &mut World, at: &[usize]) {
    let mut alone = World::new();
    alone.sets = world.bases[&Version(1)].clone();
    alone.blobs = crate::api::BlobStore::of_home(world.home.path());
    let bench = Bench::of(alone, 120, 40).press("Enter");
    let keys = &bench.model.review.as_ref().expect("open").patches.keys;
    world.sets[0].reviewed = at.iter().flat_map(|file| keys[file].clone()).collect();
}

#[test]
fn what_no_comparison_showed_is_not_read() {
    let bench = Bench::of(since_v1(), 120, 40).press("Enter");
    assert_eq!(progress(&bench), (0, 2, true), "two hunks against the base, whatever is shown");
    let bench = bench.press("Space");
    assert!(bench.model.toast.as_ref().is_some_and(|toast| {
        toast.text == "read since then; 2 hunks of v2 nobody read yet" && toast.hint == "= shows all of it"
    }));
    super::tests::snapshot("review_since_120x40", Bench::of(since_v1(), 120, 40).press("Enter Space").screen());
    let bench = bench.press("A");
    assert_eq!(unseen(&bench), 2, "a line of the first file was read in neither version");
    super::tests::snapshot("decision_since_120x40", Bench::of(since_v1(), 120, 40).press("Enter Space A").screen());
    assert!(!approved(&bench.press("y")), "the number is asked for");
}

#[test]
fn what_was_read_before_carries_over_by_its_key() {
    let mut world = since_v1();
    read_in_v1(&mut world, &[0, 1]);
    let bench = Bench::of(world, 120, 40).press("Enter");
    assert_eq!(progress(&bench), (1, 2, true), "the second file is as it was");
    let bench = bench.press("Space");
    assert_eq!(progress(&bench), (2, 2, true), "the first is what was read, and what changed since");
    let Some(Request::Mark(mark)) = bench.world.changes.last() else { panic!("a mark") };
    assert_eq!(mark.hunks.len(), 2, "the hunk against the base is marked with it");
    assert!(bench.screen().contains("everything is read"));
    let mut world = since_v1();
    read_in_v1(&mut world, &[0, 1]);
    let bench = Bench::of(world, 120, 40).press("Enter Space A");
    assert_eq!(unseen(&bench), 0);
    assert!(approved(&bench.press("y")), "all of it was read");
}

#[test]
fn the_second_file_stays_unread_where_only_the_first_was() {
    let mut world = since_v1();
    read_in_v1(&mut world, &[0]);
    let bench = Bench::of(world, 120, 40).press("Enter Space A");
    assert_eq!((progress(&bench), unseen(&bench)), ((1, 2, true), 1));
    assert!(!approved(&bench.press("y")));
}

#[test]
fn what_is_taken_back_is_unread_against_the_base_too() {
    let mut world = since_v1();
    read_in_v1(&mut world, &[0, 1]);
    let bench = Bench::of(world, 120, 40).press("Enter Space r");
    assert_eq!(progress(&bench), (1, 2, true));
    let Some(Request::Mark(mark)) = bench.world.changes.last() else { panic!("a mark") };
    assert_eq!((mark.reviewed, mark.hunks.len()), (false, 2));
}

#[test]
fn a_file_that_cannot_be_read_is_not_ticked_as_read() {
    let mut world = since_v1();
    let lost = crate::api::BlobRef { digest: crate::id::Digest::of(b"lost"), size: 4 };
    world.sets[0].files[0].old = Some(lost);
    let bench = Bench::of(world, 120, 40).press("Enter");
    assert_eq!(bench.model.review.as_ref().expect("open").patches.file_progress(0), None);
    let screen = bench.screen();
    assert!(screen.contains("cannot read blob") && screen.contains("✗ not read"), "{screen}");
    assert!(!screen.contains("✓ 0/0"), "{screen}");
}

#[test]
fn what_does_not_fit_the_new_base_is_said_above_the_file() {
    for (columns, rows) in [(80, 24), (120, 40)] {
        let mut world = since_v1();
        world.sets[0].not_carried = vec!["src/a.rs".into()];
        let screen = Bench::of(world, columns, rows).press("Enter").screen();
        assert!(screen.contains("what v1 changed here does not fit the new base"), "{screen}");
    }
}

#[test]
fn a_file_that_the_newer_version_leaves_alone_is_named_though_it_is_in_no_list() {
    for (columns, rows) in [(80, 24), (120, 40)] {
        let mut world = since_v1();
        world.sets[0].not_carried = vec!["src/gone.rs".into()];
        let screen = Bench::of(world, columns, rows).press("Enter").screen();
        assert!(screen.contains("what v1 changed in src/gone.rs does not fit the new base"), "{screen}");
        assert!(columns < 100 || screen.contains("src/gone.rs (not carried)"), "{screen}");
        let mut world = since_v1();
        (world.sets[0].not_carried, world.sets[0].files) = (vec!["src/gone.rs".into()], Vec::new());
        let screen = Bench::of(world, columns, rows).press("Enter").screen();
        assert!(screen.contains("changes nothing") && screen.contains("what v1 changed in src/gone.rs"), "{screen}");
    }
}

#[test]
fn a_comment_on_a_removed_line_says_what_it_was_removed_from() {
    let mut bench = Bench::of(since_v1(), 80, 24).press("Enter");
    let side = |bench: &Bench| bench.model.review.as_ref().and_then(|review| review.patches.line()).map(|line| line.0);
    for _ in 0..6 {
        if side(&bench) != Some(Side::Old) {
            bench = bench.press("j");
        }
    }
    let bench = bench.press("c").write("why?").press("Ctrl-s");
    let Some(Request::Draft(draft)) = bench.world.changes.last() else { panic!("a draft") };
    let comment = &draft.comment;
    assert_eq!((comment.side, comment.line), (Side::Old, Some(2)));
    assert_eq!(comment.against, AgainstRequest::Version(Version(1)));
}

/// What stands above the head of the only thread, and the head.
fn around(thread: ThreadView) -> (String, String) {
    let mut world = since_v1();
    world.threads = vec![thread];
    let screen = Bench::of(world, 80, 24).press("Enter").screen();
    let rows: Vec<&str> = screen.lines().collect();
    let at = rows.iter().position(|row| row.contains("╭ question")).unwrap_or_else(|| panic!("a thread: {screen}"));
    (rows[at - 1].to_owned(), rows[at].to_owned())
}

#[test]
fn what_was_written_on_the_left_is_drawn_there_and_nothing_on_a_line_that_it_is_not_about() {
    let before = World::new().threads.remove(0);
    let now = |quoted: &str| PlaceNow {
        version: Version(2),
        path: Some("src/a.rs".into()),
        now_line: Some(3),
        now_from_line: None,
        outdated: true,
        quoted: Some(quoted.into()),
    };
    let on = |version, side, now| ThreadView {
        path: Some("src/a.rs".into()),
        line: Some(2),
        from_line: None,
        version: Version(version),
        side,
        now,
        ..before.clone()
    };
    let (above, head) = around(on(1, Side::New, Some(now("    11"))));
    assert!(above.contains("11") && !above.contains("11 + 0"), "{above}");
    assert!(head.contains("question · on v1 · outdated"), "{head}");
    // on another base the left side has other lines
    let (above, _) = around(on(1, Side::New, Some(now("something else"))));
    assert!(above.contains('}'), "{above}");
    // the base's line 2 is not the left side's
    let (above, head) = around(on(2, Side::Old, None));
    assert!(!above.contains("11"), "{above}");
    assert!(head.contains("question · line 2 of the base"), "{head}");
}
