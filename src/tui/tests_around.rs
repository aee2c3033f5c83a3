//! Looking around a change, and what may be done to several sessions.

use super::bench::Bench;
use super::bench_world::World;
use super::model::{Msg, Overlay, Ticket};
use super::tests::snapshot;
use crate::api::{Failure, FailureKind, Notice, Reply, Request, SourceView};
use crate::id::SessionId;

/// The diff of `src/config.rs` with the cursor on the line of `text`.
fn on_line(text: &str, columns: u16, rows: u16) -> Bench {
    Bench::review(columns, rows).press("} z R /").write(text).press("Enter")
}

fn said(bench: &Bench) -> &str {
    bench.model.toast.as_ref().map_or("", |toast| toast.text.as_str())
}

fn windows(bench: &Bench) -> Vec<&'static str> {
    let name = |overlay: &Overlay| match overlay {
        Overlay::Peek(_) => "peek",
        Overlay::Picker(_) => "picker",
        Overlay::Origin(_) => "origin",
        Overlay::Decision(_) => "decision",
        Overlay::Confirm(_) => "confirm",
        Overlay::Steer(_) => "steer",
        _ => "other",
    };
    bench.model.overlays.iter().map(name).collect()
}

#[test]
fn one_definition_is_shown_and_left_again() {
    let bench = on_line("log(path)", 80, 24).press("g d");
    assert_eq!(windows(&bench), ["peek"]);
    snapshot("definition_80x24", bench.screen());
    snapshot("definition_140x45", on_line("log(path)", 140, 45).press("g d").screen());
    snapshot("definition_40x12", on_line("log(path)", 40, 12).press("g d").screen());
    snapshot("definition_20x6", on_line("log(path)", 20, 6).press("g d").screen());
    for back in ["Ctrl-o", "q", "Esc"] {
        assert_eq!(windows(&on_line("log(path)", 80, 24).press("g d").press(back)), [""; 0], "{back}");
    }
}

#[test]
fn several_definitions_are_listed_the_rarest_name_first() {
    // the line names `fs`, `write`, `path` and `text`
    let bench = on_line("fs::write", 80, 24).press("g d");
    assert_eq!(windows(&bench), ["picker"]);
    snapshot("definitions_80x24", bench.screen());
    let bench = on_line("fs::write", 80, 24).press("g d").write("log").press("Enter");
    assert_eq!(windows(&bench), ["peek"]);
    assert!(bench.screen().contains("src/log.rs:7"), "the one that fits what was typed");
}

#[test]
fn a_definition_leads_to_the_next_and_back() {
    let bench = on_line("log(path)", 80, 24).press("g d j g d");
    assert_eq!(windows(&bench), ["peek", "picker"]);
    let bench = bench.press("Enter");
    assert_eq!(windows(&bench), ["peek", "peek"]);
    assert_eq!(windows(&bench.press("Ctrl-o")), ["peek"]);
}

#[test]
fn a_line_that_defines_or_names_nothing_says_so() {
    assert_eq!(said(&on_line("fn parse_line", 80, 24).press("g d")), "this line is the definition");
    assert_eq!(
        said(&on_line("let mut text", 80, 24).press("g d")),
        "not defined in this repository: text, String, new"
    );
    assert_eq!(said(&on_line("}", 80, 24).press("g d")), "no name on this line");
    assert_eq!(said(&Bench::review(80, 24).press("Ctrl-o")), "no jump to go back from");
}

#[test]
fn an_answer_that_comes_late_opens_nothing() {
    let mut bench = on_line("log(path)", 80, 24).press("g d q");
    let content = bench.world.blob("late");
    let view = SourceView { path: "src/log.rs".into(), content };
    let asked = bench.model.questions;
    bench.play(Msg::Answer(Ticket::Source(asked), Box::new(Ok(Reply::Source(view)))));
    assert_eq!(windows(&bench), [""; 0]);
    let failure = Failure::new(FailureKind::TimedOut, "too late");
    bench.play(Msg::Answer(Ticket::Definitions(asked), Box::new(Err(failure))));
    assert_eq!(said(&bench), "", "nobody waits for it");
}

#[test]
fn what_cannot_be_read_closes_its_window_and_says_why() {
    let mut world = World::new();
    world.definitions = vec![("log", "src/gone.rs", 1)];
    let bench = Bench::of(world, 80, 24).press("Enter } z R /").write("log(path)").press("Enter g d");
    assert_eq!((windows(&bench).len(), said(&bench)), (0, "there is no src/gone.rs"));
}

#[test]
fn an_outline_goes_to_a_line_and_back() {
    let bench = Bench::review(80, 24).press("} o");
    assert_eq!(windows(&bench), ["picker"]);
    snapshot("outline_80x24", bench.screen());
    // shown in the diff: the cursor goes there, and back
    let bench = on_line("log(path)", 80, 24);
    let before = bench.model.review.as_ref().expect("open").patches.cursor;
    let bench = bench.press("o").write("parse_line").press("Enter");
    let there = bench.model.review.as_ref().expect("open").patches.line();
    assert_eq!((windows(&bench).len(), there.map(|(_, line, _)| line)), (0, Some(18)));
    let bench = bench.press("Ctrl-o");
    assert_eq!(bench.model.review.as_ref().expect("open").patches.cursor, before);
    // folded away: the whole file on top
    let bench = Bench::review(80, 24).press("} z c z c o").write("Entry").press("Enter");
    assert_eq!(windows(&bench), ["peek"]);
    assert!(bench.screen().contains("src/config.rs:7 (with the change)"));
}

#[test]
fn who_wrote_a_line_of_the_base_is_told() {
    let bench = on_line("pub fn read", 80, 24).press("b");
    snapshot("blame_80x24", bench.screen());
    snapshot("blame_20x6", on_line("pub fn read", 20, 6).press("b").screen());
    let bench = on_line("pub fn read", 80, 24).press("b y");
    assert_eq!((windows(&bench).len(), bench.world.copied.clone()), (0, vec!["3".repeat(40)]));
    assert_eq!(said(&on_line("log(path)", 80, 24).press("b")), "this line is new: the base does not have it");
    let mut world = World::new();
    world.sets[0].against = "v1".to_owned();
    let bench = Bench::of(world, 80, 24).press("Enter } b");
    assert_eq!(said(&bench), "who wrote a line is told of the base: = compares with it");
}

fn asked(bench: &Bench) -> Vec<String> {
    let name = |request: &Request| match request {
        Request::Pause(asked) => format!("pause {}", asked.session),
        Request::Resume(asked) => format!("resume {}", asked.session),
        Request::Discard(asked) => format!("discard {}", asked.session),
        Request::Steer(asked) => format!("steer {} {}", asked.session, asked.text),
        other => other.route().to_owned(),
    };
    bench.world.changes.iter().map(name).collect()
}

/// Tells the screens what the world has become.
fn told(mut bench: Bench) -> Bench {
    for row in bench.world.rows.clone() {
        bench.play(Msg::Notice(Notice::SessionChanged { row: Box::new(row) }));
    }
    bench
}

#[test]
fn a_running_session_is_paused_and_goes_on_by_the_same_key() {
    let bench = told(Bench::inbox(80, 24).press("f P"));
    assert_eq!(asked(&bench), ["pause 14"]);
    snapshot("inbox_paused_80x24", told(Bench::inbox(80, 24).press("f P")).screen());
    assert_eq!(asked(&bench.press("P")), ["pause 14", "resume 14"]);
    let bench = Bench::inbox(80, 24).press("P");
    assert_eq!(asked(&bench), [""; 0]);
    assert_eq!(said(&bench), "nothing to pause: session 12 runs nothing now");
}

#[test]
fn words_to_whoever_drafts_are_typed_and_stay_until_they_are_heard() {
    let typed = || Bench::inbox(80, 24).press("f S").write("use a list");
    snapshot("steer_80x24", typed().screen());
    let bench = typed().press("Enter");
    assert_eq!((asked(&bench), windows(&bench).len()), (vec!["steer 14 use a list".to_owned()], 0));
    assert_eq!(said(&bench), "said to whoever drafts session 14");
    let late = || Bench::inbox(80, 24).press("f S").write("too late").press("Enter");
    assert!(said(&late()).contains("cannot steer"), "{}", said(&late()));
    assert!(late().screen().contains("too late"), "the words are still there");
    assert_eq!((windows(&late()), windows(&late().press("Esc")).len()), (vec!["steer"], 0));
    assert_eq!(said(&Bench::inbox(80, 24).press("S")), "nobody drafts session 12 now");
    let long = "word ".repeat(30);
    let bench = Bench::inbox(40, 12).press("f S").write(&long);
    assert!(bench.screen().contains("word word"), "the end is shown");
}

#[test]
fn several_are_selected_for_what_decides_nothing() {
    let mut world = World::new();
    world.rows[2].needs_me = false;
    world.rows[0].running = true;
    let bench = Bench::of(world, 80, 24).press("f f f g g Space Space Space");
    assert_eq!(bench.model.inbox.picked.len(), 3);
    snapshot("inbox_selected_80x24", bench.screen());
    let several = || {
        let mut world = World::new();
        world.rows[0].running = true;
        Bench::of(world, 80, 24).press("f f f g g Space Space Space")
    };
    let bench = several().press("P");
    assert_eq!(asked(&bench), ["pause 12", "pause 14"], "what does not run is left alone");
    assert_eq!(said(&bench), "paused: session 12, 14");
    assert!(bench.model.inbox.picked.is_empty());
    for key in ["A", "X", "R", "O"] {
        let bench = several().press(key);
        assert_eq!((windows(&bench).len(), said(&bench)), (0, "a decision is made on one session at a time"), "{key}");
    }
    let bench = several().press("Esc");
    assert!(bench.model.inbox.picked.is_empty() && !bench.world.quit);
    let bench = several().press("q");
    assert!(bench.model.inbox.picked.is_empty() && !bench.world.quit, "the selection goes first");
    assert_eq!(several().press("Space Space").model.inbox.picked.len(), 5);
    assert_eq!(several().press("k Space").model.inbox.picked.len(), 2, "again: not any more");
}

#[test]
fn checkouts_go_after_a_yes() {
    let bench = Bench::inbox(80, 24).press("D");
    assert_eq!(asked(&bench), [""; 0]);
    snapshot("discard_80x24", bench.screen());
    let bench = Bench::inbox(80, 24).press("D Q 1 Enter j");
    assert_eq!(windows(&bench), ["confirm"], "a key that means nothing here is no answer");
    let bench = Bench::inbox(80, 24).press("D y");
    assert_eq!(asked(&bench), ["discard 12"]);
    assert_eq!(said(&bench), "session 12: 2 checkouts removed, 5.0 MiB");
    assert_eq!(asked(&Bench::inbox(80, 24).press("D n")), [""; 0]);
    assert_eq!(asked(&Bench::inbox(80, 24).press("Space Space D y")).len(), 2);
    assert_eq!(asked(&Bench::inbox(80, 24).type_ahead("D y")), [""; 0], "a key that was typed ahead is no yes");
    assert_eq!(Bench::inbox(80, 24).model.inbox.row(SessionId(12)).map(|row| row.paused), Some(false));
}
