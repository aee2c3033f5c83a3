//! A session that stands still because its models took what they may: the key is named, and another limit lets it go on.

use super::bench::Bench;
use super::bench_world::World;
use super::model::Overlay;
use super::tests::snapshot;
use crate::api::{BudgetRequest, Failure, FailureKind, Request, UsageView};
use crate::id::SessionId;

const WHY: &str = "the budget is spent: $0.98 of $1.00 is spent, and the call may cost $0.05";

/// Session 12 at its cap.
fn at_the_cap() -> World {
    let mut world = World::new();
    let next = "paraph budget 12 --usd AMOUNT, or --tokens COUNT";
    world.view.state = "NeedsHuman".to_owned();
    (world.view.reason, world.view.next) = (WHY.into(), next.to_owned());
    world.view.usage.budget_spent = true;
    let row = world.rows.iter_mut().find(|row| row.id == SessionId(12)).expect("it is there");
    row.state = "NeedsHuman".to_owned();
    (row.reason, row.next) = (WHY.into(), next.to_owned());
    world
}

fn is_open(bench: &Bench) -> bool {
    matches!(bench.model.overlays.last(), Some(Overlay::Budget(_)))
}

#[track_caller]
fn check_says(bench: Bench, text: &str) {
    let screen = bench.screen();
    assert!(screen.contains(text), "`{text}` is not in\n{screen}");
}

fn set(bench: &Bench) -> Vec<(Option<u64>, Option<u64>)> {
    let limits = |change: &Request| match change {
        Request::Budget(BudgetRequest { session: SessionId(12), cost_micros, tokens }) => Some((*cost_micros, *tokens)),
        _ => None,
    };
    bench.world.changes.iter().filter_map(limits).collect()
}

#[test]
fn what_a_running_call_may_take_is_not_told_as_taken() {
    let with = |(input_tokens, output_tokens), cost: &str, reserved: &str| {
        let mut world = World::new();
        world.view.usage = UsageView {
            input_tokens,
            output_tokens,
            cost_usd: cost.to_owned(),
            reserved_tokens: 18_204,
            reserved_usd: Some(reserved.to_owned()),
            ..UsageView::default()
        };
        Bench::of(world, 140, 24).press("Enter 1")
    };
    check_says(with((2_000, 150), "0.0215", "0.19"), "2000 in, 150 out, $0.0215");
    check_says(with((2_000, 150), "0.0215", "0.19"), "running: up to 18204 more, $0.19");
    check_says(with((0, 0), "0.00", "unknown"), "running: up to 18204 more, price unknown");
}

#[test]
fn figures_of_all_sessions_are_shown_whole() {
    let mut bench = Bench::inbox(80, 24).press("Enter 9");
    let metrics = bench.model.review.as_mut().and_then(|review| review.metrics.as_mut()).expect("they are there");
    (metrics.input_tokens, metrics.output_tokens) = (182_040_000, 19_300_000);
    metrics.cost_usd = "1204.000001+unknown".to_owned();
    metrics.sessions.insert("ChangesRequested".to_owned(), 3);
    snapshot("metrics_large_80x24", bench.screen());
}

#[test]
fn at_the_cap_the_screens_name_the_key_and_it_goes_on() {
    for (columns, rows) in [(80, 24), (140, 45)] {
        let overview = || Bench::of(at_the_cap(), columns, rows).press("Enter 1");
        snapshot(&format!("overview_at_the_cap_{columns}x{rows}"), overview().screen());
        snapshot(&format!("budget_{columns}x{rows}"), overview().press("$").write("2.50").screen());
    }
    snapshot("budget_40x12", Bench::of(at_the_cap(), 40, 12).press("$").screen());
    snapshot("budget_20x6", Bench::of(at_the_cap(), 20, 6).press("$").screen());
    check_says(Bench::of(at_the_cap(), 140, 45), "$ sets what its models may take");
    for before in ["", "Enter", "Enter 1"] {
        let open = || Bench::of(at_the_cap(), 100, 30).press(before).press("$");
        check_says(Bench::of(at_the_cap(), 100, 30).press(before), "$ budget");
        check_says(open(), "$0.98 of $1.00 is spent");
        let bench = open().write("2.50").press("Enter");
        assert_eq!((set(&bench), is_open(&bench)), (vec![(Some(2_500_000), None)], false), "after `{before}`");
        let toast = bench.model.toast.as_ref().expect("it is said");
        assert_eq!(toast.text, "budget set: session 12");
        let bench = open().write("4M tokens").press("Enter");
        assert_eq!(set(&bench), [(None, Some(4_000_000))]);
    }
    let bench = Bench::of(at_the_cap(), 100, 30).press("Enter 1 $").write("5").press("Enter");
    let screen = bench.screen();
    assert!(!screen.contains("is spent"), "it goes on:\n{screen}");
}

#[test]
fn what_is_no_amount_is_not_sent_and_what_is_refused_stays() {
    let bench = Bench::of(at_the_cap(), 80, 24).press("$").write("lots").press("Enter");
    assert!(is_open(&bench) && set(&bench).is_empty());
    check_says(Bench::of(at_the_cap(), 80, 24).press("$").write("lots").press("Enter"), "that is no amount");
    let bench = bench.press("Ctrl-u").write("3").press("Enter");
    assert_eq!(set(&bench), [(Some(3_000_000), None)]);
    for leave in ["Esc", "Enter", "Ctrl-c"] {
        let bench = Bench::of(at_the_cap(), 80, 24).press("$").press(leave);
        assert!(!is_open(&bench) && set(&bench).is_empty() && !bench.world.quit, "{leave}");
    }
    let mut world = at_the_cap();
    world.refuse = Some(Failure::new(FailureKind::Refused, "cannot set the budget while the session is Cancelled"));
    let bench = Bench::of(world, 80, 24).press("$").write("2.50").press("Enter");
    let toast = bench.model.toast.as_ref().expect("it is said");
    assert!(is_open(&bench) && toast.text.starts_with("cannot set the budget"), "{}", toast.text);
    check_says(bench, "2.50");
}

#[test]
fn the_budget_of_any_session_can_be_set_by_name_too() {
    let mut world = World::new();
    (world.view.usage.limit_usd, world.view.usage.limit_tokens) = (Some("1.00".to_owned()), Some(2_000_000));
    let bench = Bench::of(world, 80, 24).press("Enter :").write("set-budget").press("Enter");
    assert!(is_open(&bench));
    check_says(bench, "so far $0.00 of $1.00, 0 of 2000000 tokens");
    let several = Bench::of(at_the_cap(), 80, 24).press("f f f g g Space Space $");
    assert!(!is_open(&several));
    let toast = several.model.toast.as_ref().expect("it is said");
    assert_eq!(toast.text, "a budget is set for one session at a time");
}
