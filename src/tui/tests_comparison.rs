//! Candidates side by side, as text, and what keys do there.

use super::bench::Bench;
use super::bench_world::{NOW, World};
use super::model::{Msg, Overlay};
use super::tests::snapshot;
use crate::api::{CandidateView, ComparisonView, Notice, OfferView, PickView, Request};
use crate::id::{Digest, SessionId, Version};

fn candidate(id: u64, engine: &str, with: &str, tenths: u16, more: serde_json::Value) -> CandidateView {
    let of = |by: i32| f64::from(i32::from(tenths) + by) / 10.0;
    let mut value = serde_json::json!({
        "session": id, "engine": engine, "with": with, "state": "Scored", "reason": "waits for a pick among its candidates",
        "version": 1, "score": of(0),
        "patch_sets": [{
            "repo": "core", "digest": Digest::of(format!("draft {id}").as_bytes()), "base_commit": "3".repeat(40),
        }],
        "dimensions": {
            "correctness": of(5), "tests": of(-14), "security": 10.0, "policy-fit": 9.0, "maintainability": of(0),
            "scope-fit": of(3),
        },
        "tally": {
            "passed": 3, "fixed": 1, "broken": 0, "failed": 0, "untold": 0, "tests_fixed": 2, "tests_broken": 0,
        },
        "checks": [{
            "repo": "core", "name": "unit", "kind": "test", "status": "fixed", "baseline": "failed", "duration_ms": 1200,
            "tests": {"passed": 41, "failed": 0, "errors": 0, "skipped": 0, "fixed": ["a", "b"], "broken": []},
            "confinement": "FULL", "note": "", "log": null, "base_log": null,
        }],
        "unverified": null, "violations": {"blocks": 0, "warns": 0, "accepted": 0}, "files": 3, "added": 12, "deleted": 4,
        "usage": {"input_tokens": 0, "output_tokens": 0, "cost_usd": "0.00"}, "model_ms": 0, "took_ms": 4_210,
        "same_as": [], "can_be_picked": true,
    });
    if let (Some(value), serde_json::Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    serde_json::from_value(value).expect("the fake speaks the contract")
}

fn comparison() -> ComparisonView {
    let asked = serde_json::json!({
        "usage": {"input_tokens": 18_204, "output_tokens": 1_930, "cost_usd": "0.0519"}, "took_ms": 78_900,
        "violations": {"blocks": 0, "warns": 1, "accepted": 0}, "added": 31,
    });
    let broke = serde_json::json!({
        "tally": {
            "passed": 2, "fixed": 0, "broken": 1, "failed": 0, "untold": 0, "tests_fixed": 0, "tests_broken": 3,
        },
        "usage": {"input_tokens": 22_010, "output_tokens": 4_002, "cost_usd": "unknown"}, "took_ms": 131_000,
    });
    let same = serde_json::json!({"same_as": [12]});
    let nothing = serde_json::json!({
        "state": "NeedsHuman", "reason": "the patch does not apply:\n  a.py moved on", "version": null, "score": null,
        "patch_sets": [], "dimensions": {}, "checks": [], "took_ms": null, "can_be_picked": false,
        "tally": {
            "passed": 0, "fixed": 0, "broken": 0, "failed": 0, "untold": 0, "tests_fixed": 0, "tests_broken": 0,
        },
    });
    let mut same = candidate(15, "command", "ruff check --fix", 84, same);
    same.patch_sets[0].digest = Digest::of(b"draft 12");
    ComparisonView {
        schema: "paraph.comparison/1".to_owned(),
        goal: "Replace unwrap with expect in the configuration reader".into(),
        field: Some(SessionId(12)),
        picked: None,
        candidates: vec![
            candidate(12, "rules", "rust-unwrap", 84, serde_json::json!({"same_as": [15]})),
            candidate(13, "llm", "openai/gpt-4.1", 88, asked),
            candidate(14, "llm", "anthropic/claude-sonnet-4-5", 61, broke),
            same,
            candidate(16, "patch", "7f3a9c0d11aa", 10, nothing),
        ],
    }
}

/// The inbox of a world in which session 12 is one of five candidates.
fn bench(columns: u16, rows: u16) -> Bench {
    let mut world = World::new();
    world.rows[0].candidate_of = Some(SessionId(12));
    world.view.candidates = (12..=16).map(SessionId).collect();
    world.comparison = Some(comparison());
    Bench::of(world, columns, rows)
}

fn picks(bench: &Bench) -> Vec<(String, String)> {
    let pick = |request: &Request| match request {
        Request::Pick(pick) => Some((pick.session.to_string(), pick.digest.clone())),
        _ => None,
    };
    bench.world.changes.iter().filter_map(pick).collect()
}

#[test]
fn candidates_stand_side_by_side() {
    for (columns, rows) in [(20, 6), (40, 20), (80, 24), (120, 40)] {
        snapshot(&format!("comparison_{columns}x{rows}"), bench(columns, rows).press("K").screen());
    }
    snapshot("comparison_scrolled_40x20", bench(40, 20).press("K l j j j j j j j j j").screen());
    snapshot("comparison_last_80x24", bench(80, 24).press("K l l l l").screen());
    snapshot("comparison_pick_80x24", bench(80, 24).press("K l p").screen());
    let mut picked = bench(80, 24);
    let view = picked.world.comparison.as_mut().expect("there is one");
    view.picked = Some(PickView { session: SessionId(13), version: Version(1), by: "ada@host".to_owned(), at: NOW });
    for one in &mut view.candidates {
        one.can_be_picked = false;
        if one.session != SessionId(13) {
            one.state = "Declined".to_owned();
            one.reason = "13 was picked (v1, by ada@host)".into();
        }
    }
    snapshot("comparison_picked_80x24", picked.press("K").screen());
}

#[test]
fn plain_characters_only() {
    let mut bench = bench(80, 24).press("K");
    bench.model.settings.ascii = true;
    // `▏` is the bench's own mark of the cursor
    let strange: Vec<String> =
        bench.screen().lines().filter(|line| !line.replace('▏', " ").is_ascii()).map(str::to_owned).collect();
    assert!(strange.is_empty(), "{strange:#?}");
}

#[test]
fn a_pick_takes_a_second_key_that_was_meant() {
    let second = Digest::of(b"draft 13").to_string();
    assert_eq!(picks(&bench(80, 24).press("K l p")), [], "one key never picks");
    assert_eq!(picks(&bench(80, 24).press("K l p y")), [("13@v1".to_owned(), second)]);
    for keys in ["K l p Enter", "K l p Esc", "K l p n", "K p p"] {
        assert_eq!(picks(&bench(80, 24).press(keys)), [], "{keys}");
    }
    assert_eq!(picks(&bench(80, 24).type_ahead("K l p y y")), [], "typed ahead");
}

#[test]
fn what_cannot_be_picked_says_so() {
    let bench = bench(80, 24).press("K l l l l p");
    assert!(matches!(bench.model.overlays.last(), Some(Overlay::Comparison(_))), "nothing is asked");
    assert!(bench.screen().contains("16 cannot be picked: needs human"));
}

#[test]
fn enter_reads_the_candidate_and_escape_goes_back() {
    let bench = bench(80, 24).press("K l Enter");
    assert_eq!(bench.model.review.as_ref().map(|review| review.id), Some(SessionId(13)));
    let bench = self::bench(80, 24).press("Enter K");
    assert!(matches!(bench.model.overlays.last(), Some(Overlay::Comparison(_))), "from the open session too");
    assert!(bench.press("Esc").model.overlays.is_empty());
}

#[test]
fn a_candidate_is_picked_before_it_is_approved_and_every_place_says_so() {
    let contending = |columns, rows| {
        let mut bench = bench(columns, rows);
        for row in bench.world.rows.iter_mut().filter(|row| row.id == SessionId(12)) {
            row.next = "paraph compare 12, then paraph pick 12@v2".to_owned();
        }
        bench.world.view.next = "paraph compare 12, then paraph pick 12@v2".to_owned();
        let why = "one of 5 candidates: pick it first (paraph compare 12, paraph pick 12@v2)";
        bench.world.panel.offer = OfferView::Not { because: vec![why.to_owned()] };
        bench.play(Msg::Connected);
        bench
    };
    for keys in ["", "Enter", "Enter 1", "Enter 3"] {
        let screen = contending(120, 40).press(keys).screen();
        let footer = screen.lines().last().unwrap_or_default();
        assert!(footer.contains("K candidates") && !footer.contains("approve"), "{keys}: {footer}");
        assert!(footer.contains("R send back"), "{keys}: {footer}");
    }
    snapshot("comparison_first_panel_80x24", contending(80, 24).press("Enter A").screen());
    let bench = contending(80, 24).press("Enter A y K");
    assert!(matches!(bench.model.overlays.as_slice(), [Overlay::Comparison(_)]), "the key leads there");
    assert!(picks(&bench).is_empty());
    assert!(contending(80, 24).press("Enter 1").screen().contains("K compares the candidates, p picks one there"));
}

#[test]
fn a_session_that_stands_for_itself_has_nothing_to_compare() {
    let bench = Bench::inbox(80, 24).press("K");
    assert!(bench.model.overlays.is_empty());
    assert!(bench.screen().contains("no other candidates"));
}

#[test]
fn what_changes_is_compared_anew_and_the_cursor_stays() {
    let mut bench = bench(80, 24).press("K l l");
    let view = bench.world.comparison.as_mut().expect("there is one");
    view.candidates.remove(0);
    let mut row = bench.world.rows[0].clone();
    row.id = SessionId(14);
    bench.play(Msg::Notice(Notice::SessionChanged { row: Box::new(row) }));
    let Some(Overlay::Comparison(open)) = bench.model.overlays.last() else { panic!("it stays open") };
    assert_eq!(open.selected().map(|one| one.session), Some(SessionId(14)));
    assert_eq!(open.view.as_ref().map(|view| view.candidates.len()), Some(4));
}
