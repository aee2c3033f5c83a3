//! What ships: a runbook beside the patch, and what the monitor says of a session that is done.

use super::bench::Bench;
use super::bench_world::World;
use super::model::Msg;
use super::tests::snapshot;
use crate::api::{MonitorRequest, MonitorView, Notice, Request, RunbookView};
use crate::id::{Digest, SessionId};

fn from_json<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).expect("the fake speaks the contract")
}

/// A runbook of five steps that its writer saw a part for, or why there is none.
fn runbook(missing: Option<&str>) -> RunbookView {
    let is_there = missing.is_none();
    let notes: &[&str] = if is_there { &["who wrote it saw a part of the change"] } else { &[] };
    from_json(serde_json::json!({
        "repo": "core", "model": if is_there { "openai/gpt-4.1" } else { "" },
        "name": is_there.then_some("runbook@v2"), "document": is_there.then(|| Digest::of(b"runbook")),
        "steps": if is_there { 5 } else { 0 }, "missing": missing, "notes": notes,
    }))
}

/// What was said of v2 when it was asked about for the first time.
fn monitored(word: &str, quoted: &str) -> MonitorView {
    let finding = serde_json::json!({"what": "it answers 500", "quote": "ERROR: \u{1b}[31mclosed", "quoted": quoted});
    from_json(serde_json::json!({
        "version": 2, "number": 1, "by": "ada@host", "log": null, "at": null, "model": "openai/gpt-4.1-mini",
        "name": "monitor@v2", "document": Digest::of(b"monitor"), "notes": [], "unsaid": null,
        "report": {"word": word, "findings": [finding], "next": ["the log"], "follow_ups": ["open the shop"]},
        "commands": ["paraph run --repo /home/ada/core 'open the shop'"],
    }))
}

fn unsaid(why: Option<&str>) -> MonitorView {
    let unsaid = why.map(|why| serde_json::json!(["budget-spent", why]));
    from_json(serde_json::json!({
        "version": 2, "number": 1, "by": "ada@host", "log": null, "at": null, "model": "", "name": null,
        "document": null, "notes": [], "unsaid": unsaid, "report": null, "commands": [],
    }))
}

/// The overview of session 12 as it is after `change`.
fn overview(change: impl FnOnce(&mut World), columns: u16, rows: u16) -> Bench {
    let mut world = World::new();
    change(&mut world);
    Bench::of(world, columns, rows).press("Enter 1")
}

fn done(world: &mut World, said: &MonitorView) {
    world.view.state = "Done".to_owned();
    world.view.monitors = vec![said.clone()];
}

#[track_caller]
fn check_says(bench: Bench, text: &str) {
    let screen = bench.screen();
    assert!(screen.contains(text), "`{text}` is not in\n{screen}");
}

#[test]
fn a_runbook_stands_beside_the_patch_and_a_missing_one_says_why() {
    let with = |missing: Option<&'static str>| {
        move |world: &mut World| world.view.versions.iter_mut().for_each(|one| one.runbooks = vec![runbook(missing)])
    };
    snapshot("runbook_140x45", overview(with(None), 140, 45).screen());
    snapshot("runbook_80x40", overview(with(None), 80, 40).screen());
    check_says(overview(with(Some("no model is configured")), 140, 45), "none: no model is configured");
    // the panel of a decision has it too, before anybody decides
    let mut world = World::new();
    world.panel.runbook = Some(runbook(None));
    let panel = Bench::of(world, 140, 45).press("Enter A");
    snapshot("runbook_panel_140x45", panel.screen());
}

#[test]
fn what_the_monitor_says_stands_first_and_shows_what_nothing_bears_out() {
    let degraded = |quoted: &'static str| move |world: &mut World| done(world, &monitored("degraded", quoted));
    snapshot("monitor_140x45", overview(degraded("found"), 140, 45).screen());
    snapshot("monitor_80x40", overview(degraded("found"), 80, 40).screen());
    check_says(overview(degraded("not-found"), 140, 45), "1 of them not found in what it was given");
    for (said, words) in [
        (monitored("healthy", "found"), "v2 healthy"),
        (unsaid(None), "v2 is asked"),
        (unsaid(Some("$0.98 of $1.00 is spent")), "v2 nothing was said: $0.98 of $1.00 is spent"),
    ] {
        check_says(overview(|world| done(world, &said), 140, 45), words);
    }
}

#[test]
fn a_key_has_the_monitor_asked_after_another_one() {
    let of = |bench: &Bench| -> Vec<Request> {
        let is_it = |change: &&Request| matches!(change, Request::Monitor(_));
        bench.world.changes.iter().filter(is_it).cloned().collect()
    };
    let bench = || overview(|world| world.view.state = "Done".to_owned(), 100, 30);
    let open = bench().press("g m");
    assert_eq!(of(&open), [], "it costs money: one key is not enough");
    snapshot("monitor_asked_for_100x30", bench().press("g m").screen());
    assert_eq!(of(&open.press("Esc")), []);
    let mut asked = bench().press("g m y");
    assert_eq!(of(&asked), [Request::Monitor(MonitorRequest { session: SessionId(12), log: None })]);
    let toast = asked.model.toast.as_ref().expect("it is said");
    assert_eq!(toast.text, "the monitor is asked: session 12");
    // the answer comes by itself
    asked.world.view.monitors = vec![monitored("healthy", "found")];
    asked.world.view.head.0 += 1;
    let row = asked.world.rows.iter().find(|row| row.id == SessionId(12)).expect("it is there").clone();
    asked.play(Msg::Notice(Notice::SessionChanged { row: Box::new(row) }));
    check_says(asked, "v2 healthy");
}
