//! Threads of an earlier version: drawn at their code in the one that is read.

use super::bench::Bench;
use super::bench_world::World;
use super::model::{Msg, Ticket};
use crate::api::{PlaceNow, Reply, Request, Side, ThreadView, ThreadsView};
use crate::id::{ThreadId, Version};

/// Twelve lines, of which the fifth is changed.
fn world(threads: Vec<ThreadView>) -> World {
    let mut world = World::new();
    let old: String = (1..=12).map(|line| format!("line {line}\n")).collect();
    let new = old.replace("line 5\n", "line five\n");
    let files = vec![
        world.file("src/a.rs", Some(&old), Some(&new), 1, 1),
        world.file("src/b.rs", Some("one\n"), Some("two\n"), 1, 1),
    ];
    world.sets[0].files = files;
    world.threads = threads;
    world
}

/// A thread of v1 on line 2 of a file, with where it stands in v2.
fn thread(path: &str, now: PlaceNow) -> ThreadView {
    let before = World::new().threads.remove(0);
    let (path, line) = (Some(path.into()), Some(2));
    ThreadView { id: ThreadId(1), path, line, version: Version(1), now: Some(now), ..before }
}

fn now(path: Option<&str>, line: Option<u32>, outdated: bool, quoted: Option<&str>) -> PlaceNow {
    PlaceNow {
        version: Version(2),
        path: path.map(Into::into),
        now_line: line,
        now_from_line: None,
        outdated,
        quoted: quoted.map(Into::into),
    }
}

/// What stands right above the thread's head, and the head.
#[track_caller]
fn check(columns: u16, thread: ThreadView, above: &str, head: &str) {
    let screen = Bench::of(world(vec![thread]), columns, 40).press("Enter").screen();
    let rows: Vec<&str> = screen.lines().collect();
    let at = rows.iter().position(|row| row.contains("╭ question")).unwrap_or_else(|| panic!("a thread: {screen}"));
    assert!(rows[at - 1].contains(above), "`{above}` stands above it: {screen}");
    assert!(rows[at].contains(head), "`{head}`: {screen}");
}

#[test]
fn a_thread_follows_its_line() {
    for columns in [80, 120, 200] {
        let carried = || thread("src/a.rs", now(Some("src/a.rs"), Some(7), false, None));
        check(columns, carried(), "line 7", "question · on v1");
        let outdated = thread("src/a.rs", now(Some("src/a.rs"), Some(5), true, Some("line 5 as it was")));
        check(columns, outdated, "line five", "question · on v1 · outdated");
    }
    let outdated = thread("src/a.rs", now(Some("src/a.rs"), Some(5), true, Some("line 5 as it was")));
    let screen = Bench::of(world(vec![outdated]), 80, 24).press("Enter").screen();
    assert!(screen.contains("│ > line 5 as it was"), "{screen}");
}

#[test]
fn a_thread_whose_line_is_nowhere_stands_on_its_file_or_on_the_whole_change() {
    let on_file = thread("src/a.rs", now(Some("src/a.rs"), None, true, Some("gone")));
    check(100, on_file, "src/a.rs", "question · on v1 · line 2 · outdated");
    // a file that is not in the change: with its first file
    let whole = thread("src/gone.rs", now(None, None, true, Some("gone")));
    check(100, whole.clone(), "src/a.rs", "question · on v1 · src/gone.rs · line 2 · outdated");
    // one that the change leaves alone is named with its line
    let alone = thread("src/other.rs", now(Some("src/other.rs"), Some(7), false, None));
    check(100, alone, "src/a.rs", "question · on v1 · src/other.rs · line 2");
    let screen = Bench::of(world(vec![whole]), 120, 40).press("Enter").screen();
    assert!(screen.contains("the whole change"), "it is counted on no file: {screen}");
}

#[test]
fn the_old_side_of_another_comparison_has_other_lines() {
    let mut thread = thread("src/a.rs", now(Some("src/a.rs"), Some(2), false, None));
    thread.side = Side::Old;
    check(100, thread.clone(), "line 2", "question · on v1");
    let mut world = world(vec![thread]);
    world.sets[0].against = "v1".to_owned();
    world.bases = [(Version(1), world.sets.clone()), (Version(2), world.sets.clone())].into();
    let screen = Bench::of(world, 100, 40).press("Enter").screen();
    let rows: Vec<&str> = screen.lines().collect();
    let at = rows.iter().position(|row| row.contains("╭ question")).expect("a thread");
    assert!(!rows[at - 1].contains("line 2"), "{screen}");
}

#[test]
fn another_version_asks_where_threads_stand_in_it() {
    let bench = Bench::of(world(Vec::new()), 100, 40).press("Enter");
    let asked = super::asks::ask_threads(bench.model.review.as_ref().expect("open"));
    let super::model::Task::Ask(_, Request::Threads(asked)) = asked else { panic!("a request") };
    assert_eq!(asked.on, Some(Version(2)));
}

#[test]
fn an_answer_about_another_version_is_not_taken() {
    let mut bench = Bench::of(world(Vec::new()), 100, 40).press("Enter");
    let answer = |on: u32| {
        let threads = vec![thread("src/a.rs", now(Some("src/a.rs"), Some(7), false, None))];
        let view = ThreadsView { schema: "paraph.threads/1".to_owned(), threads, drafts: Vec::new() };
        let id = World::new().sets[0].session;
        Msg::Answer(Ticket::Threads(id, Some(Version(on))), Box::new(Ok(Reply::Threads(view))))
    };
    let shown = |bench: &Bench| bench.model.review.as_ref().map_or(0, |review| review.threads.len());
    bench.play(answer(1));
    assert_eq!(shown(&bench), 0, "and it is asked again for the one that is read");
    bench.play(answer(2));
    assert_eq!(shown(&bench), 1);
}

#[test]
fn the_oldest_side_says_so_and_a_new_file_says_what_it_is() {
    let mut world = world(Vec::new());
    world.sets[0].files[0].status = crate::diff::ChangeStatus::Added;
    world.sets[0].files[0].new_mode = "100755".to_owned();
    let screen = Bench::of(world, 80, 24).press("Enter = <").screen();
    assert!(screen.contains("nothing is older than the base"), "{screen}");
    assert!(screen.contains("executable"), "{screen}");
}
