//! Caps of money and of patience that hold however a session came to ask models, through the real runtime. Swapped: the
//! models, which say what a test tells them to.

use std::sync::Arc;

use paraph::api::{BudgetRequest, DecideRequest, RegenerateRequest, SessionView, ThreadsRequest, Verdict};
use paraph::id::{SessionId, SessionRef};
use paraph::infrastructure::llm::{ChatError, ChatReply, ChatRequest, Usage};
use paraph::proposal::EngineKind;
use paraph::session::Budget;
use paraph::validation::CheckStatus;
use serde_json::{Value, json};

use crate::house::{Desk, House, Told, version};
use crate::models::{Scripted, says};

fn edit(from: &str, to: &str) -> String {
    format!("Done.\n\na.py\n```\n<<<<<<< SEARCH\n{from}\n=======\n{to}\n>>>>>>> REPLACE\n```\n")
}

const FIRST: (&str, &str) = ("    if x == None:", "    if x is None:");

fn review() -> String {
    review_that_finds(&json!([]))
}

fn review_that_finds(issues: &Value) -> String {
    let names = ["correctness", "tests", "security", "policy-fit", "maintainability", "scope-fit"];
    let scores: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!({"score": 9, "evidence": "seen"}))).collect();
    json!({"scores": scores, "issues": issues, "summary": "read it"}).to_string()
}

/// A model that reviews, as often as it is asked.
fn reviewer() -> Scripted {
    Scripted::new().answers("reviewer", |_: &ChatRequest| Ok(says(review())))
}

fn again(session: SessionId, message: &str) -> RegenerateRequest {
    let (rules, message) = (Vec::new(), message.to_owned());
    RegenerateRequest { session, engine: None, rules, patch: None, message, program: None }
}

/// It stands still for its budget, and what it has is scored.
async fn stands(desk: &Desk, id: SessionId) -> SessionView {
    let scored = |view: &SessionView| view.versions.iter().all(|version| version.score.is_some());
    let still = |view: &SessionView| view.state == "NeedsHuman" && !view.versions.is_empty() && scored(view);
    let view = desk.wait_until(id, still).await.expect("it stands still");
    assert!(view.usage.budget_spent, "{:?}", view.reason);
    view
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_held_to_its_share_by_two_repositories_that_ask_at_once() {
    let asked = |models: &Scripted| models.asked().iter().filter(|(model, _)| model.model == "reviewer").count();
    // what one review may take at most
    let models = reviewer().shared();
    let one = House::with(|house| house.ports.models = models.clone());
    let desk = one.open();
    let id = desk.run_by(&[&one.small_repository("shop")], Some("reviewed")).await;
    desk.until(id, "Scored").await;
    let request = models.asked().remove(0).1;
    let most = request.estimated_tokens() + u64::from(request.max_output_tokens);

    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let mut models = reviewer();
    (models.waits, models.share.cost_micros) = (Some(gate.clone()), Some(most + most / 2));
    let models = models.shared();
    let house = House::with(|house| house.ports.models = models.clone());
    let (shop, bank) = (house.small_repository("shop"), house.small_repository("bank"));
    let desk = house.open();
    let id = desk.run_by(&[&shop, &bank], Some("reviewed")).await;
    // the first review runs while the second is refused
    let view = desk.wait_until(id, |view| view.state == "NeedsHuman").await.expect("there is not enough for both");
    assert!(view.usage.budget_spent && view.reason.raw().contains("role reviewer has $"), "{:?}", view.reason);
    assert!(view.next.contains("[roles.reviewer]"), "{}", view.next);
    gate.add_permits(100);
    let view = stands(&desk, id).await;
    assert_eq!(asked(&models), 1, "{:?}", view.reason);
    assert!(house.verify().is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_that_there_is_no_money_for_is_told_and_made_up_for_once_there_is() {
    let models = reviewer().shared();
    let house = House::with(|house| {
        house.ports.models = models.clone();
        house.settings.budget = Budget { cost_micros: Some(10), tokens: None };
    });
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run_by(&[&repository], Some("reviewed")).await;
    let view = stands(&desk, id).await;
    let reason = view.reason.raw();
    assert!(reason.contains("the next call may cost") && reason.contains("$0.00001 of $0.00001 is left"), "{reason}");
    assert!(
        view.next.contains(&format!("paraph budget {id}")) && view.next.contains("decide without"),
        "{}",
        view.next
    );
    assert!(models.asked().is_empty() && version(&view, 1).reviews.is_empty());
    desk.ask(BudgetRequest { session: id, cost_micros: Some(5_000_000), tokens: None }).await.expect("it is set");
    let view = desk.until(id, "Scored").await;
    assert_eq!(models.asked().len(), 1);
    let [reviewer, critic] = &version(&view, 1).reviews[..] else { panic!("{:?}", version(&view, 1).reviews) };
    assert!(reviewer.unusable.is_none() && critic.unusable.is_some(), "nobody is there to be the critic");
    let of = SessionRef { session: id, version: None };
    let replayed = paraph::runtime::replay(&house.home, &house.ports, &house.settings, of).expect("replayed");
    assert!(replayed.same && replayed.complete, "{replayed:#?}");

    // and a person decides without it
    let id = desk.run_by(&[&house.small_repository("bank")], Some("reviewed")).await;
    stands(&desk, id).await;
    let view = desk.decide(id, Verdict::Approve, "it is small").await.unwrap();
    assert_eq!((view.state.as_str(), view.usage.budget_spent), ("Approved", false));
    desk.publish(id).await.unwrap();
    desk.until(id, "Done").await;
    assert_eq!(models.asked().len(), 1);
    assert!(house.verify().is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_that_was_paid_is_shown_to_who_decides_without_the_critic_and_is_not_paid_again() {
    let must = json!([{"severity": "must", "path": "a.py", "line": 2, "text": "an empty list is lost"}]);
    let dear = ChatReply {
        usage: Usage { input: Some(90_000), output: Some(100), ..Usage::default() },
        ..says(review_that_finds(&must))
    };
    let models = Scripted::new().replies("reviewer", [Ok(dear)]).says("critic", [review()]).shared();
    let house = House::with(|house| {
        house.ports.models = models.clone();
        house.settings.budget = Budget { cost_micros: Some(91_000), tokens: None };
        house.settings.repairs = 0;
    });
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run_by(&[&repository], Some("reviewed")).await;
    let of = SessionRef { session: id, version: None };
    let view = stands(&desk, id).await;
    assert!(view.reason.raw().contains("the critic was not asked"), "{:?}", view.reason);
    let [reviewer] = &version(&view, 1).reviews[..] else { panic!("{:?}", version(&view, 1).reviews) };
    assert_eq!((reviewer.unusable.is_none(), reviewer.musts), (true, 1), "{reviewer:?}");
    let threads = desk.ask(ThreadsRequest { session: of, on: None }).await.expect("they are told").threads;
    assert_eq!(threads.len(), 1, "who decides has its must before them");
    desk.ask(BudgetRequest { session: id, cost_micros: Some(5_000_000), tokens: None }).await.expect("it is set");
    let both = |view: &SessionView| {
        let version = version(view, 1);
        version.reviews.len() == 2 && version.score.is_some()
    };
    let view = desk.wait_until(id, both).await.expect("it is made up for");
    assert!(version(&view, 1).reviews.iter().all(|review| review.unusable.is_none()), "{:?}", view.reason);
    let asked = |role: &str| models.asked_as(role).len();
    assert_eq!((asked("reviewer"), asked("critic")), (1, 1), "nobody is paid twice");
    let threads = desk.ask(ThreadsRequest { session: of, on: None }).await.expect("they are told").threads;
    assert_eq!(threads.len(), 1, "and it is the same must");
    let replayed = paraph::runtime::replay(&house.home, &house.ports, &house.settings, of).expect("replayed");
    assert!(replayed.same && replayed.complete, "{replayed:#?}");
    assert!(house.verify().is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_rules_that_goes_on_with_a_model_is_held_to_the_limits_that_are_set() {
    let by_model = |session| RegenerateRequest { engine: Some(EngineKind::Llm), ..again(session, "") };
    let models = || {
        let edits =
            [("        return True", "        return bool(1)"), ("        return bool(1)", "        return bool(2)")];
        Scripted::new().says("implementer", edits.map(|(from, to)| edit(from, to)))
    };
    let budget = Budget { cost_micros: Some(10), tokens: None };
    let (few, enough) = (models().shared(), models().shared());
    for (models, budget) in [(few.clone(), budget), (enough.clone(), Budget { cost_micros: Some(2_000_000), ..budget })]
    {
        let house = House::with(|house| {
            house.ports.models = models;
            house.ports.validator = Arc::new(Told::all(CheckStatus::Broken));
            (house.settings.budget, house.settings.repairs) = (budget, 1);
        });
        let repository = house.small_repository("shop");
        let desk = house.open();
        desk.trust(&repository).await;
        let id = desk.run(&[&repository]).await;
        let view = desk.until(id, "Scored").await;
        assert_eq!(view.usage.limit_usd, None, "rules ask nobody");
        desk.ask(by_model(id)).await.expect("a model may be asked");
        let view = desk.wait_until(id, |view| view.state == "NeedsHuman").await.expect("it stands still");
        assert!(view.usage.limit_usd.is_some(), "{:?}", view.usage);
        let repairs = desk.timeline(id).await.iter().filter(|event| *event == "repair-asked").count();
        assert_eq!(
            (view.usage.budget_spent, repairs),
            if budget.cost_micros == Some(10) { (true, 0) } else { (false, 1) }
        );
        assert!(house.verify().is_sound());
    }
    assert_eq!((few.asked().len(), enough.asked().len() >= 2), (0, true), "the cap is a hard one");
}

/// An answer for whoever was told `keep it short`, for whoever was told `drop the cache`, and for the rest.
fn told(request: &ChatRequest) -> String {
    let text = serde_json::to_string(&request.messages).unwrap();
    match (text.contains("keep it short"), text.contains("drop the cache")) {
        (true, _) => edit("        return True", "        return bool(1)"),
        (_, true) => edit("        return True", "        return bool(2)"),
        _ => edit(FIRST.0, FIRST.1),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_asked_for_is_said_to_the_draft_after_the_one_that_stopped() {
    let refused = ChatError::Failed { provider: "scripted".to_owned(), status: 500 };
    let models = Scripted::new()
        .replies("implementer", [Ok(says(edit(FIRST.0, FIRST.1))), Err(refused)])
        .answers("implementer", |request| Ok(says(told(request))))
        .shared();
    let house = House::with(|house| {
        house.ports.models = models.clone();
        house.settings.engine = EngineKind::Llm;
    });
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    desk.until(id, "Scored").await;
    desk.decide(id, Verdict::RequestChanges, "keep it short").await.unwrap();
    desk.wait_until(id, |view| view.state == "NeedsHuman").await.expect("nobody answered");
    desk.ask(again(id, "")).await.unwrap();
    let view = desk.wait_until(id, |view| view.versions.len() == 2 && view.state == "Scored").await.expect("v2");
    let asked = models.asked_as("implementer");
    assert_eq!(asked.len(), 3, "{:?}", view.reason);
    assert!(asked[1].contains("keep it short") && asked[2].contains("keep it short"), "{}", asked[2]);
    // once a version answers them they are said no more
    desk.ask(again(id, "drop the cache")).await.unwrap();
    desk.wait_until(id, |view| view.versions.len() == 3 || view.state == "NeedsHuman").await.expect("an end");
    let last = models.asked_as("implementer").remove(3);
    assert!(last.contains("drop the cache") && !last.contains("keep it short"), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_repositories_that_are_sent_back_one_after_the_other_are_told_their_own_words() {
    let gate = Arc::new(tokio::sync::Semaphore::new(2));
    let mut models = Scripted::new().answers("implementer", |request| Ok(says(told(request))));
    models.waits = Some(gate.clone());
    let models = models.shared();
    let house = House::with(|house| {
        house.ports.models = models.clone();
        house.settings.engine = EngineKind::Llm;
    });
    let (shop, bank) = (house.small_repository("shop"), house.small_repository("bank"));
    let desk = house.open();
    let id = desk.run(&[&shop, &bank]).await;
    let view = desk.until(id, "Scored").await;
    let sends_back = async |repo: &str, message: &str| {
        let sets = &version(&view, 1).patch_sets;
        let set = sets.iter().find(|set| set.repo == repo).expect("it is changed");
        let of = SessionRef { session: id, version: Some(paraph::id::Version(1)) };
        let (repo, digest, message) = (Some(repo.to_owned()), set.digest.short(), message.to_owned());
        let decide = DecideRequest { session: of, repo, verdict: Verdict::RequestChanges, digest, message };
        desk.ask(decide).await.expect("it is sent back");
    };
    sends_back("shop", "keep it short").await;
    desk.wait_until(id, |_| models.asked().len() == 3).await.expect("its draft runs");
    sends_back("bank", "drop the cache").await;
    gate.add_permits(100);
    let view = desk.wait_until(id, |view| view.versions.len() == 2 && view.state == "Scored").await.expect("v2");
    assert_eq!(version(&view, 2).patch_sets.len(), 2);
    let asked = models.asked_as("implementer").split_off(3);
    let words = |text: &String| (text.contains("keep it short"), text.contains("drop the cache"));
    assert_eq!(asked.iter().map(words).collect::<Vec<_>>(), [(true, false), (false, true)]);
}
