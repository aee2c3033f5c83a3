//! What a person meets at the edges: dropped repositories, sessions that are over, windows that are narrow.

use super::bench::Bench;
use super::bench_world::World;
use super::model::Overlay;
use crate::api::{PatchSetView, Request};
use crate::id::Digest;

fn last_line(bench: Bench) -> String {
    bench.screen().lines().last().unwrap_or_default().to_owned()
}

/// Session 12 with a second repository, `web`, that was dropped.
fn with_a_dropped_one() -> World {
    let mut world = World::new();
    let mut lane = world.view.lanes[0].clone();
    (lane.repo, lane.dropped) = ("web".to_owned(), true);
    world.view.lanes.push(lane);
    let set = PatchSetView { repo: "web".to_owned(), digest: Digest::of(b"web"), ..world.sets[0].clone() };
    world.sets.insert(0, set);
    let mut of_web = world.view.versions[1].patch_sets[0].clone();
    of_web.repo = "web".to_owned();
    world.view.versions[1].patch_sets.insert(0, of_web);
    world
}

#[test]
fn a_dropped_repository_is_neither_read_nor_counted_nor_decided_on() {
    let bench = Bench::of(with_a_dropped_one(), 120, 40).press("Enter");
    let screen = bench.screen();
    assert!(screen.contains("core · v2") && screen.contains("0/4 hunks read"), "{screen}");
    let bench = Bench::of(with_a_dropped_one(), 120, 40).press("Enter A");
    match bench.model.overlays.last() {
        Some(Overlay::Decision(decision)) => assert_eq!(decision.repo.as_deref(), Some("core")),
        other => panic!("a panel, not {other:?}"),
    }
    let screen = Bench::of(with_a_dropped_one(), 120, 40).press("Enter 1").screen();
    assert!(screen.contains("in 3 files") && screen.contains("dropped"), "{screen}");
}

#[test]
fn one_that_is_dropped_while_it_is_read_goes_from_the_screen() {
    let mut world = with_a_dropped_one();
    world.view.lanes[1].dropped = false;
    let mut bench = Bench::of(world, 120, 40).press("Enter");
    assert!(bench.model.review.as_ref().is_some_and(|review| review.patches.sets.len() == 2));
    bench.world.view.lanes[1].dropped = true;
    let row = Box::new(bench.world.rows[0].clone());
    bench.play(super::model::Msg::Notice(crate::api::Notice::SessionChanged { row }));
    let review = bench.model.review.as_ref().expect("open");
    assert_eq!((review.patches.sets.len(), review.patches.progress(None).1), (1, 4));
}

#[test]
fn no_decision_is_offered_where_there_is_none_to_make() {
    assert!(last_line(Bench::review(120, 40)).contains("A approve"));
    let mut over = World::new();
    over.view.state = "Done".to_owned();
    let mut none = World::new();
    none.view.versions.clear();
    for world in [over, none] {
        let line = last_line(Bench::of(world, 120, 40).press("Enter 1"));
        assert!(!line.contains("approve") && !line.contains("send back") && !line.contains("reject"), "{line}");
    }
}

#[test]
fn why_nothing_ran_is_told_whole_and_the_key_for_it_too() {
    let mut world = World::new();
    let why = "/home/ada/projects/core is not trusted to run its own commands: paraph trust /home/ada/projects/core";
    world.view.versions[1].unverified = Some(why.into());
    let screen = Bench::of(world, 80, 24).press("Enter 7").screen();
    assert!(screen.contains("paraph trust"), "{screen}");
    let line = screen.lines().last().unwrap_or_default();
    assert!(line.contains("gt trust"), "{line}");
}

#[test]
fn a_publication_names_its_branch() {
    let bench = Bench::review(80, 24).press(":").write("publish").press("Enter");
    let screen = bench.screen();
    assert!(screen.contains("paraph/12-replace-unwrap"), "{screen}");
    let bench = Bench::review(80, 24).press(":").write("publish").press("Enter y");
    assert!(matches!(bench.world.changes.last(), Some(Request::Publish(_))));
}

#[test]
fn no_line_of_the_help_is_cut() {
    let bench = Bench::review(80, 24);
    let columns = super::screens::help::columns(80);
    for row in super::screens::help::rows(&bench.model, "", columns) {
        let wide: usize = row.iter().map(|run| crate::text::width::columns(&run.text)).sum();
        assert!(wide <= columns, "{row:?}");
    }
}

#[test]
fn the_panels_fields_are_gone_through_with_tab() {
    let mut world = World::new();
    world.panel.open_threads = 1;
    world.panel.offer = crate::api::OfferView::WithCare { because: vec!["1 open thread".into()], reason: false };
    let bench = Bench::of(world, 80, 24).press("Enter A y Tab").write("fine").press("Tab").write("12").press("Ctrl-s");
    let Some(Request::Decide(decide)) = bench.world.changes.last() else { panic!("a decision") };
    assert_eq!(decide.message, "fine");
}
