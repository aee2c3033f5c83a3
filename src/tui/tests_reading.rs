//! How a reader finds the way: hunks stand where they are read, reasons are whole, searches and numbers lead on.

use super::bench::Bench;
use super::bench_world::World;
use super::model::{Msg, Overlay};
use crate::api::Reply;

/// A review of a file of 40 hunks, 20 lines apart, each of `lines` new lines.
fn long_file(columns: u16, rows: u16, lines: usize) -> Bench {
    Bench::of(long_world(lines), columns, rows).press("Enter g g")
}

fn long_world(lines: usize) -> World {
    let old: String = (0..800).map(|at| format!("line {at}\n")).collect();
    let added = |at: usize| (0..lines).map(|n| format!("new {at} {n}\n")).collect::<String>();
    let new: String = (0..800).map(|at| if at % 20 == 10 { added(at) } else { format!("line {at}\n") }).collect();
    let mut world = World::new();
    let (old, new) = (world.blob(&old), world.blob(&new));
    let file = &mut world.sets[0].files[0];
    (file.old, file.new) = (Some(old), Some(new));
    world
}

/// Where the header of the hunk under the cursor stands in its window, and how high that is.
fn stands(bench: &Bench) -> (usize, usize) {
    let review = bench.model.review.as_ref().expect("a review");
    let panes = super::screens::patches::panes(&bench.model, review);
    let patches = &review.patches;
    assert!(patches.layout.hunk_rows().contains(&u32::try_from(patches.cursor).expect("small")), "on a header");
    (patches.cursor - patches.top, usize::from(panes.diff.height))
}

#[track_caller]
fn check_hunks_stand_high(lines: usize, key: &str) {
    let mut bench = long_file(100, 30, lines);
    for _ in 0..39 {
        bench = bench.press(key);
        let (at, height) = stands(&bench);
        assert!(at <= height / 3, "{at} of {height}");
        assert!(lines < height || at == 0, "a long hunk begins at the top: {at}");
    }
}

#[test]
fn the_next_hunk_stands_in_the_upper_third() {
    check_hunks_stand_high(2, "]");
    check_hunks_stand_high(2, "Space");
    check_hunks_stand_high(60, "]");
}

#[test]
fn a_reason_of_several_lines_is_told_whole() {
    let mut world = World::new();
    let reason = "no rule fits the goal\nfirst try\nsecond try\nthird try\nfourth try";
    world.rows[0].reason = reason.into();
    world.view.reason = reason.into();
    world.view.next = "paraph show 12@v2, then paraph approve 12@v2".to_owned();
    let screen = Bench::of(world, 100, 45).press("Enter 1").screen();
    for line in reason.lines() {
        assert!(screen.contains(line), "{line}: {screen}");
    }
    assert!(screen.contains("A approves, X rejects, R sends back") && !screen.contains("paraph show"), "{screen}");
    assert!(!screen.contains("^J"), "{screen}");
}

#[test]
fn a_row_of_the_inbox_tells_the_first_line_of_a_reason() {
    let mut world = World::new();
    world.rows[0].reason = "no rule fits\nmore of it".into();
    let screen = Bench::of(world, 80, 24).screen();
    assert!(screen.contains("no rule fits") && !screen.contains("more of it") && !screen.contains("^J"), "{screen}");
}

/// Searches for `text` in the whole inbox, presses `keys`; gives the session under the cursor.
fn found(text: &str, keys: &str) -> Option<u64> {
    let bench = Bench::inbox(80, 24).press("f f f /").write(text).press("Enter").press(keys);
    assert!(bench.model.overlays.is_empty());
    bench.model.inbox.selected().map(|row| row.id.0)
}

#[test]
fn a_search_of_the_inbox_looks_at_what_the_rows_show() {
    assert_eq!(found("web", ""), Some(7), "a repository");
    assert_eq!(found("+310", ""), Some(5), "a count");
    assert_eq!(found("needs human", ""), Some(9), "a state");
    assert_eq!(found("base commit is gone", ""), Some(5), "a reason");
}

#[test]
fn n_goes_through_what_was_found_until_escape() {
    assert_ne!(found("core", "n"), found("core", ""));
    assert_eq!(found("core", "n N"), found("core", ""));
    let bench = Bench::inbox(80, 24).press("/").write("core").press("Enter Esc n");
    assert!(matches!(bench.model.overlays.last(), Some(Overlay::Wizard(_))), "a new session again");
}

#[test]
fn a_number_opens_that_session() {
    let bench = Bench::inbox(80, 24).press(":").write("12").press("Enter");
    assert_eq!(bench.model.review.as_ref().map(|review| review.id.0), Some(12));
    let bench = Bench::inbox(80, 24).press(":").write("4711").press("Enter");
    assert!(bench.model.review.is_none());
    assert!(bench.screen().contains("there is no session 4711"));
}

#[test]
fn a_panel_that_does_not_count_yet_says_so_and_says_which_keys_were_not_taken() {
    // the frame before the terminal said that it was shown
    let shows = |keys: &str| -> String {
        let mut bench = Bench::review(100, 30).type_ahead(keys);
        bench.cells().content.iter().map(|cell| cell.symbol()).collect()
    };
    assert!(shows("X").contains("one moment: keys count once you have seen this"));
    assert!(shows("X y").contains("not taken: keys count once you have seen this"));
    let seen = Bench::review(100, 30).press("X").screen();
    assert!(!seen.contains("keys count once"), "{seen}");
    // once they count, what came before is told until the next key
    for (panel, early) in [("X", "X y"), ("A", "A y")] {
        let again = "not taken, it came too soon: press it again";
        let screen = Bench::review(100, 30).type_ahead(early).screen();
        assert!(screen.contains(again), "{panel}:\n{screen}");
        assert!(!Bench::review(100, 30).press(panel).screen().contains(again), "{panel}");
    }
    let mut bench = Bench::review(100, 30).type_ahead("A y");
    bench.show();
    assert!(!bench.press("j").screen().contains("too soon"));
}

#[test]
fn a_published_branch_is_named() {
    let mut bench = Bench::review(100, 30);
    let mut view = bench.world.view.clone();
    view.published = vec!["paraph/12-unwrap".to_owned()];
    bench.model.say(super::model::Tone::Success, "publishing: session 12");
    bench.play(Msg::Answer(super::model::Ticket::Session(view.id), Box::new(Ok(Reply::Show(view)))));
    let screen = bench.screen();
    assert!(screen.contains("published: paraph/12-unwrap") && !screen.contains("publishing"), "{screen}");
}

/// Every hunk of session 12 was on the screen.
fn all_shown() -> Bench {
    Bench::review(120, 40).press("] ] ] ] ] ]")
}

#[test]
fn what_was_shown_stays_shown_when_the_session_is_opened_again() {
    let screen = Bench::inbox(80, 24).press("A").screen();
    assert!(screen.contains("never shown"), "{screen}");
    let screen = all_shown().press("A").screen();
    assert!(!screen.contains("never shown"), "{screen}");
    let screen = all_shown().press("q Enter A").screen();
    assert!(screen.contains("Approve 12@v2") && !screen.contains("never shown"), "{screen}");
}

#[test]
fn a_session_opens_at_the_first_hunk_that_is_not_read() {
    let file = |bench: &Bench| bench.model.review.as_ref().expect("a review").patches.current;
    let bench = Bench::review(120, 40);
    assert_eq!(file(&bench), 0);
    let keys = |files: std::ops::Range<usize>| {
        let patches = &bench.model.review.as_ref().expect("a review").patches;
        files.flat_map(|file| patches.keys[&file].clone()).collect::<Vec<_>>()
    };
    let opened = |reviewed| {
        let mut world = World::new();
        world.sets[0].reviewed = reviewed;
        file(&Bench::of(world, 120, 40).press("Enter"))
    };
    assert_eq!(opened(keys(0..1)), 1);
    assert_eq!(opened(keys(0..2)), 2);
}

#[test]
fn a_comment_on_the_whole_change_stands_before_the_first_file_and_can_be_settled() {
    let mut world = World::new();
    world.threads[0].path = None;
    world.threads[0].line = None;
    let bench = Bench::of(world, 120, 40).press("Enter g g");
    let patches = &bench.model.review.as_ref().expect("a review").patches;
    assert_eq!((patches.current, patches.threads_here.len()), (0, 1));
    let screen = bench.press("m").screen();
    assert!(screen.contains("on the whole change") && screen.contains("who checked it?"), "{screen}");
}

#[test]
fn an_open_panel_says_that_somebody_else_decided() {
    let mut bench = all_shown().press("A");
    let decided =
        serde_json::json!({"verdict": "reject", "by": "bo@vm", "at": "2026-11-20T10:09:00.000Z", "message": ""});
    bench.world.panel.decided = Some(serde_json::from_value(decided).expect("a decision"));
    let mut row = Box::new(bench.world.rows[0].clone());
    row.state = "Rejected".to_owned();
    bench.play(Msg::Notice(crate::api::Notice::SessionChanged { row }));
    let bench = bench.press("y");
    let screen = bench.screen();
    assert!(screen.contains("already rejected by bo@vm"), "{screen}");
}

#[test]
fn the_cursor_stays_on_its_hunk_when_a_comment_comes_in_above() {
    let row = |bench: &Bench| {
        let patches = &bench.model.review.as_ref().expect("a review").patches;
        patches.layout.row(patches.cursor)
    };
    let mut world = long_world(2);
    world.sets[0].files.truncate(1);
    let mut bench = Bench::of(world, 120, 40).press("Enter g g ] ] ]");
    let before = row(&bench);
    assert!(matches!(before, Some(crate::tui::diff_view::Row::Hunk(_))), "{before:?}");
    let mut whole = bench.world.threads[0].clone();
    (whole.path, whole.line) = (None, None);
    bench.world.threads.push(whole);
    let row_now = Box::new(bench.world.rows[0].clone());
    bench.play(Msg::Notice(crate::api::Notice::SessionChanged { row: row_now }));
    let patches = &bench.model.review.as_ref().expect("a review").patches;
    let is_whole = |at: &usize| bench.world.threads[*at].path.is_none();
    assert!(patches.threads_here.iter().any(is_whole), "it came in above");
    assert_eq!(row(&bench), before, "the next key acts on what the reader sees");
}
