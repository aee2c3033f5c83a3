//! Several engines on one goal, side by side, and a person picks one. Swapped: the models and the validator.

use std::sync::Arc;
use std::time::Duration;

use paraph::api::{
    CandidateRequest, CompareRequest, ComparisonView, FailureKind, PickRequest, RunRequest, SessionView, Verdict,
};
use paraph::id::{Digest, SessionId, SessionRef, Version};
use paraph::proposal::EngineKind;
use paraph::session::Budget;
use paraph::validation::CheckStatus;

use crate::house::{Desk, House, Repository, Told, fresh};
use crate::models::{Scripted, model, says};

/// Does what the rules do, in other words.
const SAME: &str = "--- a/a.py\n+++ b/a.py\n@@ -1,4 +1,4 @@\n def empty(x):\n-    if x == None:\n+    if x is None:\n         return True\n     return False\n";
/// Is of another file than there is.
const MOVED_ON: &str = "--- a/gone.py\n+++ b/gone.py\n@@ -1,2 +1,2 @@\n-x = 1\n+x = 2\n y = 3\n";

fn edit() -> String {
    "Shorter.\n\nCOMMIT: refactor(a): say it in a line\n\na.py\n```\n<<<<<<< SEARCH\n    if x == None:\n        return True\n    return False\n=======\n    return x is None\n>>>>>>> REPLACE\n```\n".to_owned()
}

fn by(engine: EngineKind) -> CandidateRequest {
    CandidateRequest { engine, model: None, rules: Vec::new(), patch: None, program: None }
}

fn patch(house: &House, diff: &str) -> CandidateRequest {
    let patch: Digest = house.ports.blobs.put(diff.as_bytes()).unwrap();
    CandidateRequest { patch: Some(patch), ..by(EngineKind::Patch) }
}

fn llm(name: &str) -> CandidateRequest {
    CandidateRequest { model: Some(model(name).to_string()), ..by(EngineKind::Llm) }
}

fn asks(repository: &Repository, candidates: Vec<CandidateRequest>) -> RunRequest {
    RunRequest { candidates, ..crate::house::run(&[repository], None) }
}

async fn starts(desk: &Desk, repository: &Repository, candidates: Vec<CandidateRequest>) -> Vec<SessionId> {
    desk.ask(asks(repository, candidates)).await.unwrap().candidates
}

async fn compared(desk: &Desk, session: SessionId) -> ComparisonView {
    desk.ask(CompareRequest { sessions: vec![session] }).await.unwrap()
}

fn pick(view: &SessionView) -> PickRequest {
    let version = view.versions.last().expect("a version is there");
    let session = SessionRef { session: view.id, version: Some(version.number) };
    PickRequest { session, digest: version.patch_sets[0].digest.short() }
}

async fn ends(desk: &Desk, id: SessionId, state: &str) -> SessionView {
    desk.wait_until(id, |view| view.state == state).await.unwrap_or_else(|view| panic!("{id} is {}", view.state))
}

#[tokio::test(flavor = "multi_thread")]
async fn candidates_are_compared_one_is_picked_and_only_that_is_approved() {
    let models = Scripted::new().says("implementer", [edit()]).shared();
    let house = House::with(|house| house.ports.models = models.clone());
    let repository = house.small_repository("shop");
    let desk = house.open();
    desk.trust(&repository).await;
    let field = vec![
        by(EngineKind::Rules),
        by(EngineKind::Llm),
        patch(&house, SAME),
        patch(&house, MOVED_ON),
        by(EngineKind::Rules),
    ];
    let ids = starts(&desk, &repository, field).await;
    assert_eq!(ids, [1, 2, 3, 4, 5].map(SessionId));
    for id in [ids[0], ids[1], ids[2], ids[4]] {
        desk.until(id, "Scored").await;
    }
    ends(&desk, ids[3], "BlockedPolicy").await;

    let view = compared(&desk, ids[2]).await;
    assert_eq!((view.field, view.picked.clone(), view.candidates.len()), (Some(ids[0]), None, 5));
    let [rules, written, same, none, again] = &view.candidates[..] else { panic!("five") };
    assert_eq!((&rules.same_as, &again.same_as), (&vec![ids[4]], &vec![ids[0]]), "one digest");
    assert_eq!((&rules.same_files_as, &same.same_files_as), (&vec![ids[2]], &vec![ids[0], ids[4]]), "other words");
    assert!(written.same_as.is_empty() && none.same_as.is_empty());
    assert_eq!((written.engine.as_str(), written.with.as_str()), ("llm", "scripted/implementer"));
    assert_eq!((written.usage.input_tokens, written.usage.cost_usd.as_str()), (1_000, "0.0011"));
    assert_eq!((rules.usage.input_tokens, rules.tally.passed, rules.tally.broken), (0, 1, 0));
    assert_eq!((written.files, written.added, written.deleted), (1, 1, 3));
    assert!(rules.score.is_some() && rules.dimensions.len() == 6 && rules.took_ms.is_some());
    assert!(none.version.is_none() && !none.can_be_picked && none.reason.raw().contains("does not apply"));
    let bases: Vec<_> = view.candidates.iter().flat_map(|one| &one.patch_sets).map(|set| &set.base_commit).collect();
    assert!(bases.iter().all(|base| *base == bases[0]), "one base");

    let failure = desk.decide(ids[0], Verdict::Approve, "").await.expect_err("nobody picked it");
    assert_eq!(failure.kind, FailureKind::Refused);
    assert!(failure.hints[0].contains("paraph pick 1@v1"), "{failure:?}");
    let nothing =
        PickRequest { session: SessionRef { session: ids[3], version: Some(Version(1)) }, digest: "0".repeat(12) };
    assert_eq!(desk.ask(nothing).await.expect_err("there is nothing").kind, FailureKind::NotFound);

    let picked = desk.ask(pick(&desk.show(ids[1]).await)).await.unwrap();
    assert_eq!((picked.state.as_str(), picked.picked.as_ref().map(|pick| pick.session)), ("Scored", Some(ids[1])));
    for id in [ids[0], ids[2], ids[3], ids[4]] {
        let lost = ends(&desk, id, "Declined").await;
        assert_eq!(lost.reason.raw(), "2 was picked (v1, by ana@build1)");
        // what has no version cannot be decided on at all
        if !lost.versions.is_empty() {
            let failure = desk.decide(id, Verdict::Approve, "").await.expect_err("another was picked");
            assert_eq!(failure.kind, FailureKind::Refused);
        }
    }
    let view = compared(&desk, ids[0]).await;
    assert!(view.picked.is_some_and(|pick| pick.session == ids[1] && pick.by.contains("ana@build1")));
    assert!(view.candidates.iter().all(|one| !one.can_be_picked));
    assert_eq!(desk.show(ids[0]).await.versions.len(), 1, "what lost can still be read");

    desk.decide(ids[1], Verdict::Approve, "shorter").await.unwrap();
    desk.publish(ids[1]).await.unwrap();
    ends(&desk, ids[1], "Done").await;
    desk.runtime.stop().await;
    assert!(house.verify().is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pick_names_whom_it_was_made_over() {
    let house = House::new();
    let repository = house.small_repository("shop");
    let desk = house.open();
    let ids = starts(&desk, &repository, vec![by(EngineKind::Rules), patch(&house, MOVED_ON)]).await;
    let first = desk.until(ids[0], "Scored").await;
    ends(&desk, ids[1], "BlockedPolicy").await;
    desk.ask(pick(&first)).await.unwrap();
    ends(&desk, ids[1], "Declined").await;
    let line = house.journal().into_iter().find(|line| line.contains("\"type\":\"picked\"")).expect("recorded");
    let entry: serde_json::Value = serde_json::from_str(&line).unwrap();
    let event = &entry["event"];
    assert_eq!(event["digests"][0], first.versions[0].patch_sets[0].digest.to_string());
    assert_eq!(event["over"], serde_json::json!([{"session": 2, "state": "BlockedPolicy"}]));
    assert_eq!(event["by"]["login"], "ana@build1");
    assert_eq!(entry["actor"], "ana@build1");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_asks_the_model_that_was_named_and_has_a_budget_of_its_own() {
    let models = Scripted::new()
        .routed("implementer", &[model("usual")])
        .replies("one", [Ok(says(edit()))])
        .replies("two", [Ok(says(edit().replace("x is None", "None is x")))])
        .shared();
    let house = House::with(|house| {
        house.ports.models = models.clone();
        house.settings.budget = Budget { cost_micros: Some(20_000), tokens: None };
    });
    let repository = house.small_repository("shop");
    let desk = house.open();
    let ids = starts(&desk, &repository, vec![llm("one"), llm("two"), llm("silent")]).await;
    desk.until(ids[0], "Scored").await;
    desk.until(ids[1], "Scored").await;
    ends(&desk, ids[2], "NeedsHuman").await;
    let mut asked: Vec<String> = models.asked().iter().map(|(model, _)| model.to_string()).collect();
    asked.sort();
    assert_eq!(asked, ["scripted/one", "scripted/silent", "scripted/two"], "nobody asks the usual one");
    let view = compared(&desk, ids[0]).await;
    let costs: Vec<&str> = view.candidates.iter().map(|one| one.usage.cost_usd.as_str()).collect();
    assert_eq!(costs, ["0.0011", "0.0011", "0.00"], "one's bill is not another's");
    assert!(view.candidates.iter().all(|one| one.same_as.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cap_of_the_day_holds_over_all_of_them() {
    // a call may take 16,000 tokens of answer and some of prompt: there is room for one, not for two
    let mut models = Scripted::new().answers("implementer", |_| {
        // so slow that all of them have asked
        std::thread::sleep(Duration::from_millis(300));
        Ok(says(edit()))
    });
    models.day = Some(30_000);
    let models = models.shared();
    let house = House::with(|house| house.ports.models = models.clone());
    let repository = house.small_repository("shop");
    let desk = house.open();
    let ids = starts(&desk, &repository, vec![by(EngineKind::Llm), by(EngineKind::Llm), by(EngineKind::Llm)]).await;
    let mut spent = 0;
    for id in ids {
        let view = desk.wait_until(id, |view| matches!(view.state.as_str(), "Scored" | "NeedsHuman")).await.unwrap();
        spent += u32::from(view.usage.budget_spent);
    }
    assert_eq!((spent, models.asked().len()), (2, 1), "two were refused before a token was bought");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_of_the_others_is_stopped_by_the_pick() {
    let held = Arc::new(Told::held(CheckStatus::Passed));
    let house = House::with(|house| house.ports.validator = held.clone());
    let repository = house.small_repository("shop");
    let desk = house.open();
    desk.trust(&repository).await;
    let ids = starts(&desk, &repository, vec![by(EngineKind::Rules), patch(&house, SAME)]).await;
    desk.wait_until(ids[1], |_| held.runs() == 2).await.unwrap();
    assert_eq!(held.most(), 2, "they run side by side");
    // what is picked need not have ended: its digest is what was read
    desk.ask(pick(&desk.show(ids[0]).await)).await.unwrap();
    let lost = ends(&desk, ids[1], "Declined").await;
    assert_eq!(lost.versions[0].checks.len(), 0);
    // should its worker not have gone yet, what it finds is not heard any more
    held.let_go(2);
    desk.until(ids[0], "Scored").await;
    assert_eq!(desk.timeline(ids[1]).await.last().map(String::as_str), Some("passed-over"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_pick_at_once_one_wins() {
    let house = House::new();
    let repository = house.small_repository("shop");
    let desk = house.open();
    for round in 0..6 {
        let ids = starts(&desk, &repository, vec![by(EngineKind::Rules), patch(&house, SAME)]).await;
        let one = pick(&desk.until(ids[0], "Scored").await);
        let other = pick(&desk.until(ids[1], "Scored").await);
        let (one, other) = match round % 2 {
            0 => tokio::join!(desk.ask(one), desk.ask(other)),
            // the same one twice is no second pick either
            _ => tokio::join!(desk.ask(one.clone()), desk.ask(one)),
        };
        let failure = match (one, other) {
            (Ok(_), Err(failure)) | (Err(failure), Ok(_)) => failure,
            both => panic!("one wins: {both:?}"),
        };
        assert_eq!(failure.kind, FailureKind::Conflict);
        assert_eq!(failure.kind.exit_code(), 5);
        assert!(failure.message.contains("was already picked by ana@build1"), "{failure:?}");
        let picked = compared(&desk, ids[0]).await.picked.expect("one").session;
        for id in ids.into_iter().filter(|id| *id != picked) {
            ends(&desk, id, "Declined").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_again_gets_the_same_field_and_the_same_pick() {
    let house = House::new();
    let repository = house.small_repository("shop");
    let desk = house.open();
    let (start, choice) = (fresh(), fresh());
    let request = asks(&repository, vec![by(EngineKind::Rules), patch(&house, SAME)]);
    let first = desk.ask_as(start.clone(), request.clone()).await.unwrap();
    let again = desk.ask_as(start.clone(), request.clone()).await.unwrap();
    assert_eq!((first.id, &first.candidates), (again.id, &again.candidates));
    let pick = pick(&desk.until(first.id, "Scored").await);
    for _ in 0..2 {
        let view = desk.ask_as(choice.clone(), pick.clone()).await.unwrap();
        assert_eq!(view.picked.map(|pick| pick.session), Some(first.id));
    }
    desk.runtime.stop().await;
    drop(desk);
    let desk = house.open();
    let again = desk.ask_as(start, request).await.unwrap();
    assert_eq!((first.id, &first.candidates), (again.id, &again.candidates), "after a start, too");
    assert!(desk.ask_as(choice, pick).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_start_from_the_base_that_was_there_first() {
    let held = Arc::new(Told::held(CheckStatus::Passed));
    let house = House::with(|house| {
        house.ports.validator = held.clone();
        house.settings.workers = 1;
    });
    let repository = house.small_repository("shop");
    let head = repository.git(&["rev-parse", "HEAD"]);
    let desk = house.open();
    let ids = starts(&desk, &repository, vec![by(EngineKind::Rules), patch(&house, SAME)]).await;
    repository.write("b.py", b"y = 1\n");
    repository.commit("the branch moves on");
    held.let_go(2);
    for id in ids {
        let view = desk.wait_until(id, |view| view.lanes[0].base_commit.is_some()).await.unwrap();
        assert_eq!(view.lanes[0].base_commit.as_ref().map(ToString::to_string), Some(head.clone()));
        assert_eq!(view.lanes[0].branch.as_deref(), Some("main"), "drift is measured as for any session");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_makes_no_sense_starts_nothing() {
    let house = House::new();
    let repository = house.small_repository("shop");
    let desk = house.open();
    let refused = async |request: RunRequest, kind: FailureKind| {
        let failure = desk.ask(request).await.expect_err("refused");
        assert_eq!(failure.kind, kind, "{failure:?}");
        assert!(!failure.hints.is_empty(), "{failure:?}");
    };
    let two = || vec![by(EngineKind::Rules), by(EngineKind::Rules)];
    refused(asks(&repository, vec![by(EngineKind::Rules)]), FailureKind::Usage).await;
    refused(asks(&repository, vec![by(EngineKind::Rules); 9]), FailureKind::Usage).await;
    refused(RunRequest { engine: Some(EngineKind::Rules), ..asks(&repository, two()) }, FailureKind::Usage).await;
    refused(asks(&repository, vec![by(EngineKind::Rules), by(EngineKind::Patch)]), FailureKind::Usage).await;
    refused(asks(&repository, vec![by(EngineKind::Rules), by(EngineKind::Adopt)]), FailureKind::Usage).await;
    refused(asks(&repository, vec![by(EngineKind::Rules), by(EngineKind::Command)]), FailureKind::Usage).await;
    refused(asks(&repository, vec![by(EngineKind::Rules), by(EngineKind::Llm)]), FailureKind::SignIn).await;
    let named = CandidateRequest { model: Some("a/b".to_owned()), ..by(EngineKind::Rules) };
    refused(asks(&repository, vec![named, by(EngineKind::Rules)]), FailureKind::Usage).await;
    let rules = CandidateRequest { rules: vec!["no-such-rule".to_owned()], ..by(EngineKind::Rules) };
    refused(asks(&repository, vec![rules, by(EngineKind::Rules)]), FailureKind::NotFound).await;
    assert!(house.journal().iter().all(|line| !line.contains("\"created\"")), "nothing was recorded");
    let alone = desk.run(&[&repository]).await;
    let failure = desk.ask(CompareRequest { sessions: vec![alone] }).await.expect_err("with what?");
    assert_eq!(failure.kind, FailureKind::Refused);
    let scored = desk.until(alone, "Scored").await;
    assert_eq!(desk.ask(pick(&scored)).await.expect_err("no candidate").kind, FailureKind::Refused);
    let other = desk.run(&[&repository]).await;
    let view = desk.ask(CompareRequest { sessions: vec![alone, other, alone] }).await.unwrap();
    assert_eq!((view.field, view.candidates.len()), (None, 2), "any sessions can be compared");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_cut_off_while_they_were_recorded_is_started_at_the_next_start() {
    let house = House::new();
    let repository = house.small_repository("shop");
    let desk = house.open();
    desk.runtime.stop().await;
    drop(desk);
    let anchor = house.home.journal().join("anchor");
    let before = std::fs::read(&anchor).unwrap();
    let desk = house.open();
    let field = vec![by(EngineKind::Rules), patch(&house, SAME), by(EngineKind::Rules)];
    let ids = starts(&desk, &repository, field).await;
    desk.runtime.stop().await;
    drop(desk);
    // as the disk has it where the power went while the batch was written: the first of them, and the anchor of before
    let segment = house.home.journal().join("00000000000000000001.jsonl");
    let text = std::fs::read_to_string(&segment).unwrap();
    let whole = text.match_indices('\n').map(|(at, _)| at + 1).find(|at| text[..*at].contains("\"created\"")).unwrap();
    std::fs::write(&segment, &text[..whole]).unwrap();
    std::fs::write(&anchor, before).unwrap();
    std::fs::remove_dir_all(house.home.store()).unwrap();

    let desk = house.open();
    for id in &ids {
        desk.until(*id, "Scored").await;
    }
    let view = compared(&desk, ids[0]).await;
    let engines: Vec<&str> = view.candidates.iter().map(|one| one.engine.as_str()).collect();
    assert_eq!(engines, ["rules", "patch", "rules"]);
    assert_eq!(desk.run(&[&repository]).await, SessionId(4), "the next number is nobody's");
    desk.runtime.stop().await;
    assert!(house.verify().is_sound());
    let created = house.journal().iter().filter(|line| line.contains("\"type\":\"created\"")).count();
    assert_eq!(created, 4);
}
