//! Searching a change: through the rest of the file, then through the other files in their order, and round.

use super::bench::Bench;
use super::bench_world::World;
use super::input::Input;
use super::keymap::Key;
use super::model::{Msg, Task};
use super::search::FileSearch;
use super::update::update;

/// Three files; the first and the last have a needle, the last has two.
fn world() -> World {
    let mut world = World::new();
    world.sets[0].files = vec![
        world.file("a.rs", Some("one\n"), Some("a needle\n"), 1, 1),
        world.file("b.rs", Some("one\n"), Some("nothing\n"), 1, 1),
        world.file("c.rs", Some("one\n"), Some("x\na needle\ny\nthe last needle\n"), 4, 1),
    ];
    world
}

/// The file and the text of the line that the cursor is on.
fn at(bench: &Bench) -> (usize, String) {
    let patches = &bench.model.review.as_ref().expect("open").patches;
    let (side, line, _) = patches.line().expect("a line");
    (patches.current, patches.text_of(side, line))
}

fn said(bench: &Bench) -> String {
    bench.model.toast.as_ref().map(|toast| toast.text.clone()).unwrap_or_default()
}

#[test]
fn a_search_goes_on_in_the_other_files() {
    let bench = Bench::of(world(), 80, 24).press("Enter /").write("needle").press("Enter");
    assert_eq!(at(&bench), (0, "a needle".to_owned()));
    let bench = bench.press("n");
    assert_eq!((at(&bench), said(&bench)), ((2, "a needle".to_owned()), "“needle”: file 3 of 3".to_owned()));
    let bench = bench.press("n");
    assert_eq!(at(&bench), (2, "the last needle".to_owned()));
    let bench = bench.press("n");
    assert_eq!(at(&bench), (0, "a needle".to_owned()), "round");
    let bench = bench.press("N");
    assert_eq!(at(&bench), (2, "the last needle".to_owned()), "backwards: the last of the file before");
}

#[test]
fn what_one_file_has_is_found_round_it_and_what_none_has_is_said() {
    let bench = Bench::of(world(), 80, 24).press("Enter /").write("nothing").press("Enter");
    assert_eq!(at(&bench), (1, "nothing".to_owned()), "from another file");
    let bench = bench.press("n");
    assert_eq!((at(&bench).0, said(&bench)), (1, "“nothing”: in this file alone, from its top".to_owned()));
    let bench = bench.press("/").write("absent").press("Enter");
    assert_eq!((at(&bench).0, said(&bench)), (1, "nothing here holds “absent”".to_owned()));
}

/// Searches for `text` from the first file on; the search of the other files is held back.
fn began(text: &str) -> (Bench, Box<FileSearch>) {
    let mut bench = Bench::of(world(), 80, 24).press("Enter /").write(text);
    let enter = Msg::Input(Input::Key(Key::parse("Enter").expect("a key").event()));
    let tasks = update(&mut bench.model, enter);
    let search = tasks.into_iter().find_map(|task| if let Task::Search(search) = task { Some(search) } else { None });
    (bench, search.expect("the other files are searched"))
}

#[test]
fn a_search_of_many_files_is_stopped_by_a_key_and_its_end_is_not_heard() {
    let (bench, search) = began("nothing");
    assert_eq!(said(&bench), "searching 2 other files … Esc stops it");
    let mut bench = bench.press("Esc");
    assert_eq!(said(&bench), "search stopped");
    assert!(bench.model.review.is_some(), "the key stops the search, and leaves nothing");
    assert_eq!(search.run(|_| panic!("no other file is read")), None);
    bench.play(Msg::Searched(search, Some(1)));
    assert_eq!((at(&bench).0, said(&bench).as_str()), (0, "search stopped"));
    assert!(bench.model.searching.is_none(), "there is nothing to stop any more");
}

#[test]
fn a_search_that_ends_takes_nobody_away_who_went_on() {
    let (mut bench, search) = began("nothing");
    bench.play(Msg::Searched(search, Some(1)));
    assert_eq!((at(&bench), said(&bench).as_str()), ((1, "nothing".to_owned()), "“nothing”: file 2 of 3"));
    // who moved meanwhile stays; so does who looks for something else by now
    let (bench, search) = began("nothing");
    let mut bench = bench.press("k");
    let stands = |bench: &Bench| {
        let patches = &bench.model.review.as_ref().expect("open").patches;
        (patches.current, patches.cursor)
    };
    let before = stands(&bench);
    bench.play(Msg::Searched(search, Some(1)));
    assert_eq!(stands(&bench), before);
    let (bench, first) = began("absent");
    let mut bench = bench.press("/").write("nothing").press("Enter");
    assert_eq!(at(&bench).0, 1);
    bench.play(Msg::Searched(first, None));
    assert_eq!((at(&bench).0, said(&bench).as_str()), (1, "“nothing”: file 2 of 3"), "the first is not heard");
}
