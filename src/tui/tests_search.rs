//! Searching a change: through the rest of the file, then through the other files in their order, and round.

use super::bench::Bench;
use super::bench_world::World;

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
