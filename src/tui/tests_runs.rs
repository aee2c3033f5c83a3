//! Checks while they run: a row each, and their output as it grows, whenever the session was opened.

use super::bench::Bench;
use super::bench_world::World;
use super::model::Msg;
use super::tests::snapshot;
use super::words::CheckStatus;
use crate::api::{LogView, Notice};
use crate::id::{HostPath, SessionId, Version};

/// A file that a check writes to, in the world's home.
fn growing(world: &World, name: &str, text: &str) -> HostPath {
    let path = world.home.path().join(name);
    std::fs::write(&path, text).expect("a log");
    HostPath::new(&path)
}

fn live(check: &str, on_base: bool, log: HostPath) -> LogView {
    let (repo, check) = ("core".to_owned(), check.to_owned());
    LogView { repo, check, status: CheckStatus::Running, live: Some(log), on_base, log: None, base_log: None }
}

fn started(check: &str, on_base: bool, log: &HostPath) -> Msg {
    let (session, version, repo) = (SessionId(12), Version(2), "core".to_owned());
    Msg::Notice(Notice::CheckStarted { session, version, repo, check: check.to_owned(), on_base, log: log.clone() })
}

fn grew(check: &str, log: &HostPath) -> Msg {
    let (session, check) = (SessionId(12), check.to_owned());
    Msg::Notice(Notice::LogGrew { session, check, log: log.clone(), size: 1 })
}

/// Session 12 while its first checks run: nothing of them is in its record.
fn first_run() -> World {
    let mut world = World::new();
    world.view.versions[1].checks.clear();
    for row in world.rows.iter_mut().filter(|row| row.id == SessionId(12)) {
        row.running = true;
    }
    world
}

#[test]
fn checks_that_began_before_the_session_was_opened_are_there_with_their_output() {
    let mut world = first_run();
    let log = growing(&world, "build", "compiling\n");
    world.live = vec![live("build", true, log.clone())];
    let mut bench = Bench::of(world, 100, 24).press("Enter 7");
    std::fs::write(log.as_path(), "compiling\nlinking\n").expect("a log");
    bench.play(grew("build", &log));
    let screen = bench.screen();
    assert!(screen.contains("◐ build") && screen.contains("linking"), "{screen}");
    assert!(screen.contains("build on the base · following"), "{screen}");
    assert!(!screen.contains("Nothing ran yet"), "{screen}");
}

#[test]
fn a_check_that_starts_is_told_and_one_that_ends_keeps_what_it_came_to() {
    let world = first_run();
    let (build, test) = (growing(&world, "build", "compiling\n"), growing(&world, "test", "testing\n"));
    let check = World::new().view.versions[1].checks[0].clone();
    let mut bench = Bench::of(world, 100, 24).press("Enter 7");
    bench.play(started("build", false, &build));
    bench.play(Msg::Notice(Notice::CheckFinished { session: SessionId(12), version: Version(2), check: check.into() }));
    bench.play(started("test", false, &test));
    snapshot("runs_live_100x24", bench.press("j").screen());
}

#[test]
fn what_ran_before_is_not_shown_as_followed_while_it_runs_again() {
    let world = World::new();
    let log = growing(&world, "again", "once more\n");
    let mut bench = Bench::of(world, 100, 24).press("Enter 7");
    bench.play(started("build", true, &log));
    let screen = bench.screen();
    assert!(screen.contains("once more") && screen.contains("build on the base · following"), "{screen}");
}

#[test]
fn the_side_that_was_chosen_is_held() {
    let world = World::new();
    let log = growing(&world, "again", "once more\n");
    let mut bench = Bench::of(world, 100, 24).press("Enter 7 b b");
    bench.play(started("build", false, &log));
    let bench = bench.press("b");
    assert!(bench.model.review.as_ref().is_some_and(|review| !review.runs.follow));
    let screen = bench.screen();
    assert!(screen.contains("build on the base · held") && !screen.contains("once more"), "{screen}");
}

/// Session 12 before its first version, while a model drafts it.
fn drafting(said: &HostPath) -> World {
    let mut world = first_run();
    world.view.versions.clear();
    world.view.needs_me = false;
    world.rows.retain(|row| row.id == SessionId(12));
    (world.rows[0].version, world.rows[0].needs_me) = (None, false);
    world.live = vec![LogView { repo: String::new(), ..live("model implementer", false, said.clone()) }];
    world
}

#[test]
fn what_a_model_says_is_on_the_overview_as_it_comes_and_breaks_at_blanks() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = HostPath::new(folder.path().join("said"));
    std::fs::write(said.as_path(), "I look at the file first.\n").expect("said");
    let mut bench = Bench::of(drafting(&said), 80, 24).press("f Enter 1");
    let more = "I look at the file first.\nThe comparison is by identity in all four places now, and the words of the\
                \u{20}docstring say so too.\n";
    std::fs::write(said.as_path(), more).expect("said");
    bench.play(grew("model implementer", &said));
    snapshot("overview_drafting_80x24", bench.screen());
}

#[test]
fn words_whose_file_went_with_their_speaker_stay_and_are_no_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = HostPath::new(folder.path().join("said"));
    std::fs::write(said.as_path(), "It is done.\n").expect("said");
    let mut bench = Bench::of(drafting(&said), 80, 24).press("f Enter 7");
    std::fs::remove_file(said.as_path()).expect("gone");
    bench.play(grew("model implementer", &said));
    let screen = bench.screen();
    assert!(screen.contains("It is done.") && !screen.contains("cannot read"), "{screen}");
    assert!(!screen.contains("following"), "{screen}");
}

#[test]
fn long_lines_of_output_are_broken_or_cut_as_asked() {
    let world = first_run();
    let words = "a line that is longer than the screen is wide, by some words at least, and goes on to its last word";
    let log = growing(&world, "build", words);
    let opened = |keys: &str| {
        let mut bench = Bench::of(first_run(), 80, 24).press("Enter 7");
        bench.play(started("build", false, &log));
        bench.press(keys).screen()
    };
    let (broken, cut) = (opened(""), opened("w"));
    assert!(broken.contains("last word"), "{broken}");
    assert!(!cut.contains("last word") && cut.contains("a line that is longer"), "{cut}");
}
