//! Criteria and what models say: where they are shown, and how a person ticks one.

use super::bench::Bench;
use super::bench_world::World;
use super::model::{Msg, Overlay};
use super::tests::snapshot;
use crate::api::{CriterionView, Failure, FailureKind, Notice, OfferView, Request, ReviewView, TickRequest};

const UNTICKED: &str = "nobody ticked it: paraph tick 12@v2 C3";

fn criteria() -> Vec<CriterionView> {
    let one = |id: &str, text: &str, bound: serde_json::Value, met: Option<bool>, evidence: &str| {
        serde_json::from_value(serde_json::json!({
            "id": id, "text": text, "bound": bound, "met": met, "evidence": evidence,
        }))
        .expect("the fake speaks the contract")
    };
    let by = |by: &str, name: &str| serde_json::json!({"by": by, "name": name});
    let person = serde_json::json!({"by": "person"});
    vec![
        one("C1", "Every test passes", by("check", "test"), Some(true), "check `test` passed"),
        one(
            "C2",
            "No test says less than before",
            by("rule", "tests-weakened"),
            Some(false),
            "rule `tests-weakened` is broken",
        ),
        one(
            "C3",
            "Whoever reads the message of a panic knows which line of which file is wrong and what to write there instead",
            person.clone(),
            None,
            UNTICKED,
        ),
        one("Q1", "The lint says nothing new", by("check", "clippy"), None, "check `clippy` shows nothing"),
        one("Q2", "The README needs no word", person, Some(true), "ticked by ada@host: \u{1b}[31mit has none"),
    ]
}

fn reviews() -> Vec<ReviewView> {
    let names = ["correctness", "tests", "security", "policy-fit", "maintainability", "scope-fit"];
    let scores: serde_json::Map<String, serde_json::Value> =
        names.iter().zip([8, 6, 10, 9, 7, 9]).map(|(name, score)| ((*name).to_owned(), score.into())).collect();
    serde_json::from_value(serde_json::json!([
        {
            "repo": "core", "role": "reviewer", "model": "openai/gpt-4.1", "report": null, "scores": scores, "musts": 1,
            "unusable": null, "notes": [],
        },
        {
            "repo": "core", "role": "critic", "model": "", "report": null, "scores": {}, "musts": 0,
            "unusable": "no model is configured for the role critic", "notes": [],
        },
    ]))
    .expect("the fake speaks the contract")
}

fn judged(columns: u16, rows: u16) -> Bench {
    let mut world = World::new();
    for version in &mut world.view.versions {
        (version.criteria, version.reviews) = (criteria(), reviews());
    }
    (world.panel.criteria, world.panel.reviews) = (criteria(), reviews());
    let because = vec!["C2: rule `tests-weakened` is broken".to_owned(), format!("C3: {UNTICKED}")];
    world.panel.offer = OfferView::WithCare { because, reason: true };
    Bench::of(world, columns, rows).press("Enter")
}

fn ticks(bench: &Bench) -> Vec<TickRequest> {
    let asked = |request: &Request| match request {
        Request::Tick(tick) => Some(tick.clone()),
        _ => None,
    };
    bench.world.changes.iter().filter_map(asked).collect()
}

fn tick(criterion: &str, ticked: bool, message: &str) -> TickRequest {
    let session = "12@v2".parse().expect("a reference");
    TickRequest { session, criterion: criterion.to_owned(), ticked, message: message.to_owned() }
}

#[test]
fn criteria_and_reviews_are_shown_where_one_decides() {
    for (columns, rows) in [(80, 24), (120, 40)] {
        snapshot(&format!("criteria_overview_{columns}x{rows}"), judged(columns, rows).press("1").screen());
        snapshot(&format!("criteria_overview_below_{columns}x{rows}"), judged(columns, rows).press("1 G").screen());
        snapshot(&format!("criteria_panel_{columns}x{rows}"), judged(columns, rows).press("A").screen());
        snapshot(&format!("criteria_ticks_{columns}x{rows}"), judged(columns, rows).press("T").screen());
    }
    snapshot("criteria_ticks_40x12", judged(40, 12).press("T j").screen());
    snapshot("criteria_ticks_20x6", judged(20, 6).press("T").screen());
}

#[test]
fn a_criterion_is_ticked_with_words_or_without_and_taken_back() {
    let bench = judged(80, 24).press("T Space");
    assert_eq!(ticks(&bench), [tick("C3", true, "")]);
    let screen = bench.press("Space").screen();
    assert!(screen.contains("nobody ticked it yet"), "{screen}");
    let bench = judged(80, 24).press("T m").write("I broke it and read j k q").press("Enter");
    assert_eq!(ticks(&bench), [tick("C3", true, "I broke it and read j k q")]);
    assert!(bench.screen().contains("ticked by ada@host: I broke it and read j k q"));
    let bench = judged(80, 24).press("T j Enter");
    assert_eq!(ticks(&bench), [tick("Q2", false, "")], "what is ticked is taken back");
    let bench = judged(80, 24).press("T m x Esc Esc");
    assert_eq!((ticks(&bench), bench.model.overlays.len()), (Vec::new(), 0), "Esc ticks nothing");
    assert!(bench.model.review.is_some(), "and closes no session");
}

#[test]
fn a_tick_that_is_refused_is_told_and_may_be_tried_again() {
    let mut bench = judged(80, 24).press("T");
    bench.world.refuse = Some(Failure::new(FailureKind::Refused, "v2 was superseded by v3"));
    let mut bench = bench.press("Space");
    assert_eq!(bench.model.toast.as_ref().map(|toast| toast.text.as_str()), Some("v2 was superseded by v3"));
    bench.world.refuse = None;
    assert_eq!(ticks(&bench.press("Space")).len(), 2);
}

#[test]
fn the_panel_leads_to_the_ticks_and_is_read_anew_after_them() {
    let bench = judged(80, 24).press("A T");
    assert!(matches!(bench.model.overlays.last(), Some(Overlay::Ticks(_))));
    let bench = bench.press("Space Esc");
    let Some(Overlay::Decision(decision)) = bench.model.overlays.last() else { panic!("the panel is there again") };
    let met = decision.panel.as_ref().map(|panel| panel.criteria[2].met);
    assert_eq!((met, decision.armed), (Some(Some(true)), true), "it was read anew, and shown");
    let ahead = judged(80, 24).press("A T Space").type_ahead("Esc y");
    let Some(Overlay::Decision(decision)) = ahead.model.overlays.last() else { panic!("the panel is there again") };
    assert!(!decision.armed && decision.early, "no key counts before the new panel was seen");
}

#[test]
fn where_nothing_waits_for_a_tick_that_is_said() {
    let bench = Bench::review(80, 24).press("T");
    let said = bench.model.toast.as_ref().map(|toast| toast.text.as_str());
    assert_eq!(said, Some("nothing here waits for a tick: checks and rules show the rest"));
    assert!(bench.model.overlays.is_empty());
}

/// A session with a plan, and comments on it.
fn planned(columns: u16, rows: u16) -> Bench {
    let mut world = World::new();
    world.documents = vec!["plan", "plan@1", "plan@1..2", "explanation@v2"];
    Bench::of(world, columns, rows).press("Enter 4")
}

#[test]
fn documents_are_written_again_once_somebody_said_something_to_them() {
    let silent = planned(80, 24).press("W");
    assert!(silent.model.overlays.is_empty(), "nothing was said yet");
    assert!(silent.screen().contains("nothing was said of a document since it was written"));
    let commented = |columns, rows| planned(columns, rows).press("c").write("two steps, please").press("Ctrl-s g s");
    for (columns, rows) in [(80, 24), (120, 40)] {
        snapshot(&format!("artifacts_commented_{columns}x{rows}"), commented(columns, rows).screen());
    }
    let asked = |bench: &Bench| bench.world.changes.iter().filter(|one| matches!(one, Request::Rewrite(_))).count();
    snapshot("artifacts_again_80x24", commented(80, 24).press("W").screen());
    assert_eq!(asked(&commented(80, 24).press("W Enter")), 0, "Enter asks for nothing");
    assert_eq!(asked(&commented(80, 24).type_ahead("W y")), 0, "typed ahead");
    assert_eq!(asked(&commented(80, 24).press("W y")), 1);
    // whoever wrote it again says so in the thread: what was said is in the document
    let mut taken = commented(80, 24);
    let thread = taken.world.threads.last_mut().expect("the comment");
    let mut answer = thread.comments[0].clone();
    (answer.by, answer.text) = ("planner openai/gpt-4.1".to_owned(), "written again with this".into());
    thread.comments.push(answer);
    taken.play(Msg::Connected);
    assert!(taken.press("W").model.overlays.is_empty());
    let mut grown = planned(80, 24).press("j j j");
    grown.world.documents.insert(1, "plan@2");
    let row = grown.world.rows[0].clone();
    grown.play(Msg::Notice(Notice::SessionChanged { row: Box::new(row) }));
    let shown = grown.model.review.as_ref().and_then(|review| review.document.as_ref());
    assert_eq!(shown.map(|(name, _)| name.as_str()), Some("explanation@v2"), "the cursor stays on its document");
    let unsent = planned(80, 24).press("c").write("two steps, please").press("Ctrl-s W");
    assert!(unsent.screen().contains("With 1 draft on plan."), "unsent comments go with it");
}
