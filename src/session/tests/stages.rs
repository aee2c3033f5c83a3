//! Stages that ask models: what they say moves nothing but a GO that misses nothing; people decide the rest.

use super::story::{self, L0, Story, V1, V2};
use super::*;
use crate::id::ThreadId;
use crate::planning::Recommendation;
use crate::proposal::EngineKind;
use crate::scoring::IssueSeverity;
use crate::validation::{CheckStatus, Sides};

fn designed() -> Story {
    Story::of(story::asks_triage(1, "designed"))
}

fn asked_triage() -> Story {
    designed().runs_until(Some(EffectKind::Triage))
}

fn says(word: fn(Person, crate::text::Untrusted) -> Command, why: &str) -> Command {
    word(story::ana(), why.into())
}

fn go(by: Person, message: crate::text::Untrusted) -> Command {
    Command::Triage { by, message }
}

fn defer(by: Person, message: crate::text::Untrusted) -> Command {
    Command::Defer { by, message }
}

fn decline(by: Person, message: crate::text::Untrusted) -> Command {
    Command::Decline { by, message }
}

#[track_caller]
fn after_triage(finding: Finding, state: State, owes: &str) -> Story {
    let story = asked_triage().finds(EffectKind::Triage, finding);
    assert_eq!((story.session.state(), story.owes().as_str()), (state, owes));
    assert_eq!(story.replayed(), story.session);
    story
}

#[test]
fn only_a_go_that_misses_nothing_goes_on() {
    after_triage(story::triage(Recommendation::Go, &[]), State::Triaged, "plan");
    for finding in [
        story::triage(Recommendation::Go, &["which currency?"]),
        story::triage(Recommendation::NoGo, &[]),
        story::triage(Recommendation::Defer, &[]),
        story::triage(Recommendation::Unclear, &[]),
    ] {
        after_triage(finding, State::NeedsHuman, "");
    }
}

#[test]
fn the_reasons_are_told_and_a_person_goes_on_against_them() {
    let story = after_triage(story::triage(Recommendation::NoGo, &["a currency"]), State::NeedsHuman, "");
    let (reason, next) = story.session.waits_for();
    assert_eq!(reason.raw(), "triage recommends NO-GO\n  it is small\nmissing:\n  a currency");
    assert_eq!(next, "paraph go 7 -m TEXT, paraph defer 7, or paraph decline 7");
    let story = story.does(says(go, "euro"));
    assert_eq!(story.owes(), "plan");
    assert_eq!(story.session.go_by.as_ref().map(|by| by.login.as_str()), Some("ana@build1"));
    assert_eq!(story.runs().session.state(), State::Scored);
}

#[test]
fn what_is_deferred_is_taken_up_by_go_and_what_is_declined_is_over() {
    let waits = after_triage(story::triage(Recommendation::Defer, &[]), State::NeedsHuman, "");
    let deferred = waits.clone().does(says(defer, "after the release"));
    assert_eq!(deferred.session.state(), State::Deferred);
    assert_eq!(deferred.session.waits_for().0.raw(), "deferred by ana@build1: after the release");
    assert_eq!(deferred.clone().does(says(go, "")).runs().session.state(), State::Scored);
    let mut declined = deferred.does(says(decline, "no"));
    assert_eq!((declined.session.state(), declined.owes().as_str()), (State::Declined, ""));
    for word in [go, defer, decline] {
        assert!(declined.command(says(word, "")).is_err(), "what is declined stays so");
    }
    let mut scored = waits.does(says(go, "")).runs();
    for word in [go, defer, decline] {
        assert!(scored.command(says(word, "")).is_err(), "it was taken up");
    }
}

#[test]
fn a_person_need_not_wait_for_the_model_and_a_late_answer_moves_nothing() {
    let mut story = asked_triage();
    let key = story.owed(EffectKind::Triage);
    story.outcome(Outcome::Starting(key));
    let mut story = story.does(says(go, "now"));
    let late = Outcome::Found { key, attempt: 1, finding: story::triage(Recommendation::NoGo, &[]) };
    assert_eq!(story.outcome(late), []);
    assert_eq!(story.owes(), "plan");
}

#[test]
fn without_a_model_for_it_triage_waits_for_a_person() {
    let story = Story::of(story::new_session(1, "designed", EngineKind::Rules)).runs();
    assert_eq!((story.session.state(), story.owes().as_str()), (State::Indexed, ""));
    assert_eq!(story.session.waits_for().0.raw(), "waits for GO");
}

#[test]
fn what_triage_was_stuck_at_is_asked_again() {
    let story = asked_triage().finds(EffectKind::Triage, story::stuck(StopKind::NeedsHuman));
    let story = story.does(story::regenerate("again"));
    assert_eq!(story.owes(), "triage");
    let story = asked_triage().finds(EffectKind::Triage, story::stuck(StopKind::BudgetSpent));
    let budget = Budget { cost_micros: Some(9_000_000), tokens: None };
    assert_eq!(story.does(Command::SetBudget { budget, by: story::ana() }).owes(), "triage");
}

#[test]
fn documents_come_before_the_draft_and_a_person_may_go_on_without() {
    let story = designed().runs_until(Some(EffectKind::Draft));
    assert_eq!((story.session.state(), story.owes().as_str()), (State::Planned, "proposal v1"));
    let stuck =
        designed().runs_until(Some(EffectKind::Plan)).finds(EffectKind::Plan, story::stuck(StopKind::NeedsHuman));
    assert_eq!(stuck.clone().does(story::regenerate("again")).owes(), "plan");
    let engine = Some(EngineKind::Rules);
    let by_rules = |story: Story| {
        let (by, message, made_for) = (story::ana(), "without".into(), "regenerated".to_owned());
        let (rules, patch, program, limits) = (Vec::new(), None, None, Limits::default());
        story.does(Command::Regenerate { by, engine, rules, patch, message, made_for, program, limits })
    };
    let without = by_rules(stuck);
    assert_eq!(without.owes(), "proposal v1");
    assert!(without.session.lacks_artifacts());
    let stuck = without.finds(EffectKind::Draft, story::stuck(StopKind::NeedsHuman));
    assert_eq!(by_rules(stuck).owes(), "proposal v1", "who went on without is not held up again");
    let waits = by_rules(after_triage(story::triage(Recommendation::NoGo, &[]), State::NeedsHuman, ""));
    assert_eq!(waits.owes(), "plan", "GO with an engine is a GO");
}

fn agreed() -> Story {
    Story::of(story::asks_triage(1, "agreed")).runs()
}

#[test]
fn nothing_is_drafted_from_documents_before_a_person_agreed_to_them() {
    let story = agreed();
    assert_eq!((story.session.state(), story.owes().as_str()), (State::Planned, ""));
    let (reason, next) = story.session.waits_for();
    assert_eq!(reason.raw(), "the documents wait for your GO");
    assert_eq!(next, "paraph artifacts 7, then paraph go 7, or paraph regenerate 7 --documents -m TEXT");
    let mut drafted = story.clone().does(says(go, "as written"));
    assert_eq!(drafted.owes(), "proposal v1");
    assert!(drafted.command(says(go, "")).is_err(), "once is enough");
    assert_eq!(drafted.replayed(), drafted.session);
    assert_eq!(drafted.runs().session.state(), State::Scored);
    let deferred = story.clone().does(says(defer, "after the release"));
    assert_eq!(deferred.session.state(), State::Deferred);
    assert_eq!(deferred.does(says(go, "")).owes(), "proposal v1");
    assert_eq!(story.clone().does(says(decline, "no")).session.state(), State::Declined);
    let said = story.does(story::regenerate("smaller"));
    assert_eq!((said.owes().as_str(), said.session.agreed), ("proposal v1", true), "who has it drafted agrees");
}

#[test]
fn what_is_written_again_waits_for_agreement_again() {
    let story = agreed().does(says(go, "")).starts(EffectKind::Draft);
    let mut story = story.does(story::objects_to("plan")).does(story::rewrite(""));
    assert_eq!(story.owes(), "plan");
    assert!(story.command(says(go, "")).is_err(), "there is nothing to agree to yet");
    let story = story.finds(EffectKind::Plan, story::planned_again());
    assert_eq!((story.session.state(), story.owes().as_str()), (State::Planned, ""));
    assert_eq!(story.replayed(), story.session);
    let story = story.does(says(go, ""));
    assert_eq!(story.owes(), "proposal v1");
    let story = story.runs().does(story::objects_to("plan")).does(story::rewrite(""));
    let story = story.finds(EffectKind::Plan, story::planned());
    assert_eq!((story.session.state(), story.owes().as_str()), (State::Scored, ""), "a version that is there stays");
}

#[test]
fn a_document_is_commented_on_and_that_reads_no_version() {
    let mut story = designed().runs_until(Some(EffectKind::Draft));
    story = story.does(story::open_thread_on("plan"));
    assert_eq!(story.session.threads[0].place.artifact.as_deref(), Some("plan"));
    assert!(story.session.reviewed_on.is_empty());
    let missing = story.command(story::open_thread_on("no-such-document"));
    assert_eq!(missing, Err(Refusal::NoSuchArtifact { name: "no-such-document".to_owned() }));
    assert_eq!(story.replayed(), story.session);
}

#[test]
fn a_plan_is_written_again_with_what_was_said_to_it_before_anything_is_drafted() {
    let mut story = designed().runs_until(Some(EffectKind::Draft)).starts(EffectKind::Draft);
    assert_eq!(story.command(story::rewrite("")), Err(Refusal::NothingSaid));
    let Command::OpenThread { mut place, by, text } = story::open_thread_on("plan") else {
        unreachable!("it opens one")
    };
    "question".clone_into(&mut place.kind);
    story = story.does(Command::OpenThread { place, by, text });
    assert_eq!(story.command(story::rewrite("")), Err(Refusal::NothingSaid), "a question changes nothing");
    story = story.does(story::objects_to("plan")).does(story::rewrite(""));
    let asked = story.session.rewriting.as_ref().expect("it is wanted");
    let planner = [crate::planning::Role::Planner];
    assert_eq!((asked.roles.as_slice(), asked.threads.as_slice()), (&planner[..], &[ThreadId(2)][..]));
    assert_eq!(story.owes(), "plan", "what is drafted follows from it");
    assert_eq!(story.replayed(), story.session);
    let mut story = story.finds(EffectKind::Plan, story::planned_again());
    assert_eq!(story.owes(), "proposal v1");
    let plan = story.session.documents().into_iter().find(|document| document.name == "plan").expect("it is there");
    assert_eq!(plan.written, [story::digest("plan"), story::digest("plan, the second")]);
    assert_eq!(plan.changes, [story::digest("what changed of the plan")]);
    let decision = story.session.documents().into_iter().find(|document| document.name == "decision");
    assert_eq!(decision.expect("it is there").written.len(), 1, "nobody wrote it again");
    let told = story.session.threads[1].comments.last().expect("an answer");
    assert!(told.by.is_engine() && told.text.raw().ends_with("paraph artifacts 7 plan@1..2"), "{}", told.text.raw());
    assert_eq!(story.command(story::rewrite("")), Err(Refusal::NothingSaid), "a comment counts once");
    story = story.does(Command::Answer { thread: ThreadId(2), by: story::ana(), text: "still too long".into() });
    story = story.does(story::rewrite(""));
    assert_eq!(story.owes(), "plan", "what is said after it counts again");
    assert_eq!(story.replayed(), story.session);
    assert_eq!(story.finds(EffectKind::Plan, story::planned()).runs().session.state(), State::Scored);
}

#[test]
fn documents_written_after_a_draft_bind_its_criteria_anew_and_leave_the_version() {
    let mut story = designed().runs().does(tick("C3", V1)).does(story::objects_to("decision"));
    story = story.does(story::rewrite("smaller"));
    let asked = story.session.rewriting.as_ref().expect("it is wanted");
    let both = [crate::planning::Role::Architect, crate::planning::Role::Planner];
    assert_eq!((asked.roles.as_slice(), asked.message.raw()), (&both[..], "smaller"), "a plan follows from the design");
    assert_eq!((story.session.state(), story.owes().as_str()), (State::Scored, "plan"));
    let again = story.clone().finds(EffectKind::Plan, story::planned_again());
    assert_eq!((again.session.state(), again.owes().as_str()), (State::Scored, ""));
    assert_eq!(again.session.criteria(V1)[0].criterion.text.raw(), "it still holds");
    assert_eq!(again.session.criteria(V1)[2].met, Some(true), "the same criterion is ticked as before");
    let Finding::Plan(mut other) = story::planned_again() else { unreachable!("it is a plan") };
    other.criteria[2].text = "something else holds".into();
    let other = story.clone().finds(EffectKind::Plan, Finding::Plan(other));
    assert_eq!(other.session.criteria(V1)[2].met, None, "a tick is about the words that were ticked");
    assert_eq!(other.replayed(), other.session);
    let stuck = story.finds(EffectKind::Plan, story::stuck(StopKind::NeedsHuman));
    assert_eq!(stuck.session.state(), State::NeedsHuman);
    assert_eq!(stuck.clone().decides(L0, Verdict::Approve).session.state(), State::Approved, "the version is there");
    assert_eq!(stuck.does(story::regenerate("again")).owes(), "plan");
}

#[test]
fn ones_own_unsent_comments_on_documents_go_with_the_wish_and_others_do_not() {
    let Command::OpenThread { place, .. } = story::objects_to("plan") else { unreachable!("it opens one") };
    let on_plan = Command::KeepDraft { draft: None, place, thread: None, by: story::ana(), text: "split it".into() };
    let story = designed().runs().does(story::keep_draft(None, None, "why?")).does(on_plan).does(story::rewrite(""));
    let said: Vec<_> = story.session.threads.iter().map(|thread| thread.place.artifact.as_deref()).collect();
    assert_eq!((said, story.session.drafts.len()), (vec![Some("plan")], 1));
    assert_eq!(story.owes(), "plan");
}

#[test]
fn an_answer_to_an_older_wish_writes_no_document() {
    let mut story = designed().runs().does(story::rewrite("smaller")).starts(EffectKind::Plan);
    let key = story.owed(EffectKind::Plan);
    let attempt = story.session.owed()[&key].attempt;
    story = story.does(story::rewrite("and in another order"));
    assert_eq!(
        story.session.rewriting.as_ref().map(|asked| asked.message.raw()),
        Some("smaller\nand in another order")
    );
    let late = Outcome::Found { key, attempt, finding: story::planned_again() };
    assert_eq!(story.outcome(late), []);
    assert_eq!(story.owes(), "plan");
}

#[test]
fn without_documents_there_is_nothing_to_write_again() {
    let mut quick = Story::of(story::new_session(1, "quick", EngineKind::Rules)).runs();
    let none = Refusal::NoDocuments { playbook: "quick".to_owned() };
    assert_eq!(quick.command(story::rewrite("smaller")), Err(none));
    let mut waits = designed().runs_until(Some(EffectKind::Plan));
    assert!(matches!(waits.command(story::rewrite("smaller")), Err(Refusal::NotNow { .. })));
}

fn tick(criterion: &str, version: crate::id::Version) -> Command {
    Command::Tick { criterion: criterion.to_owned(), version, ticked: true, by: story::ana(), message: "".into() }
}

#[test]
fn criteria_ask_for_a_reason_until_they_are_met_and_never_block() {
    let story = designed().runs();
    let unmet = |story: &Story, version| -> Vec<String> {
        let states = story.session.criteria(version).into_iter().filter(|state| state.met != Some(true));
        states.map(|state| state.criterion.id.clone()).collect()
    };
    assert_eq!(unmet(&story, V1), ["C3"], "the check passed and the rule holds");
    let asked = offer(&story.session, L0, V1, &DriftSeen::NONE);
    let because = vec!["C3: nobody ticked it: paraph tick 7@v1 C3".to_owned()];
    assert_eq!(asked, Offer::WithReason { because });
    assert_eq!(story.clone().decides(L0, Verdict::Approve).session.state(), State::Approved, "with a reason");
    let ticked = story.does(tick("C3", V1));
    assert_eq!(offer(&ticked.session, L0, V1, &DriftSeen::NONE), Offer::Clean);
    let next = ticked.does(story::regenerate("again")).runs();
    assert_eq!(unmet(&next, V2), ["C3"], "a tick is about the version that was read");
    let broken = designed().runs_until(Some(EffectKind::Check));
    let broken = broken
        .finds(EffectKind::Check, Finding::Checks(Box::new(story::checks(crate::validation::CheckStatus::Broken))));
    let warn = story::scored(85, Some(false), vec![story::warn("ci-file", "a.yml")]);
    let broken = broken.runs_until(Some(EffectKind::Score)).finds(EffectKind::Score, warn);
    assert_eq!(unmet(&broken, V1), ["C1", "C2", "C3"]);
}

#[test]
fn a_version_that_leaves_a_repository_alone_has_its_newest_checks() {
    let mut story = Story::of(story::asks_triage(2, "designed")).runs_until(Some(EffectKind::Check));
    for (lane, status) in [(L0, CheckStatus::Passed), (story::L1, CheckStatus::Broken)] {
        let checks = Finding::Checks(Box::new(story::checks(status)));
        story = story.answers(EffectKey::on_version(EffectKind::Check, lane, V1), checks);
    }
    let met = |story: &Story, version| story.session.criteria(version)[0].met;
    let story = story.runs().decides(L0, Verdict::RequestChanges).runs();
    assert_eq!(story.session.versions[1].patch_sets.keys().copied().collect::<Vec<_>>(), [L0]);
    assert_eq!((met(&story, V1), met(&story, V2)), (Some(false), Some(false)), "the other one is still red");
    let story = story.does(Command::Drop { lane: story::L1, by: story::ana() });
    assert_eq!(met(&story, V2), Some(true));
}

#[test]
fn what_did_not_end_in_time_is_told_with_the_setting_that_gives_it_longer() {
    for (status, told) in [(CheckStatus::TimedOut, "checks.max_timeout_s"), (CheckStatus::Broken, "paraph log")] {
        let checks = Finding::Checks(Box::new(story::checks(status)));
        let story = Story::of(story::new_session(1, "quick", EngineKind::Adopt)).runs_until(Some(EffectKind::Check));
        let story = story.finds(EffectKind::Check, checks).runs_until(Some(EffectKind::Score));
        let story = story.finds(EffectKind::Score, story::scored(42, Some(false), Vec::new()));
        let (reason, next) = story.session.waits_for();
        assert!(next.contains(told), "{status:?}: {reason:?}, {next}");
    }
}

#[test]
fn only_what_nothing_else_shows_is_ticked() {
    let mut story = designed().runs();
    let refused = |story: &mut Story, command| story.command(command).expect_err("it is refused").to_string();
    assert_eq!(refused(&mut story, tick("C1", V1)), "`C1` is shown by check `test`, not by a person's tick");
    assert_eq!(refused(&mut story, tick("C9", V1)), "there is no criterion `C9` among C1, C2, C3");
    assert_eq!(refused(&mut story, tick("C3", V2)), "there is no v2 of this repository");
    let mut story = story.does(story::regenerate("again")).runs();
    assert_eq!(refused(&mut story, tick("C3", V1)), "v1 was superseded by v2");
    let mut story = story.does(tick("C3", V2));
    assert_eq!(story.command(tick("C3", V2)), Ok(Vec::new()), "once is enough");
    let undo =
        Command::Tick { criterion: "C3".to_owned(), version: V2, ticked: false, by: story::ana(), message: "".into() };
    assert!(story.does(undo).session.ticks.is_empty());
}

fn reviewed(score: u8, issues: &[IssueSeverity]) -> Story {
    let mut asked = story::new_session(1, "reviewed", EngineKind::Llm);
    asked.repairs = 1;
    Story::of(asked).runs_until(Some(EffectKind::Review)).finds(EffectKind::Review, story::reviewed(score, issues))
}

#[test]
fn a_review_comes_before_the_score_and_its_findings_are_threads_that_a_person_resolves() {
    use IssueSeverity::{Nit, Should};
    let story = reviewed(6, &[Should, Nit]);
    assert_eq!((story.phase(L0).as_str(), story.owes().as_str()), ("Validated v1", "score v1"));
    let kinds: Vec<&str> = story.session.threads.iter().map(|thread| thread.place.kind.as_str()).collect();
    assert_eq!(kinds, ["issue", "nit"]);
    assert!(story.session.threads.iter().all(|thread| thread.comments[0].by.is_engine() && !thread.resolved));
    assert!(story.session.reviewed_on.is_empty(), "a model's thread is no person's reading");
    let set = story.session.patch_set(L0, V1).expect("v1");
    let counts: Vec<bool> = set.reviews.iter().flatten().map(crate::scoring::Review::counts).collect();
    assert_eq!(counts, [true, false]);
    let story = story.runs();
    assert_eq!(story.session.state(), State::Scored, "what should change is no must");
    let thread = story.session.threads[0].id;
    let story = story.does(Command::Resolve { thread, resolved: true, by: story::ana() });
    assert!(story.session.threads[0].resolved);
    assert_eq!(story.replayed(), story.session);
}

#[test]
fn a_must_goes_back_to_the_model_and_then_to_a_person() {
    let story = reviewed(4, &[IssueSeverity::Must]).runs_until(Some(EffectKind::Draft));
    let drafting = story.session.drafting.as_ref().expect("it is repaired");
    assert_eq!(drafting.made_for, "repair");
    let story = story.runs_until(Some(EffectKind::Review));
    let again = story.finds(EffectKind::Review, story::reviewed(4, &[IssueSeverity::Must])).runs();
    assert_eq!(again.session.state(), State::NeedsHuman);
    assert_eq!(again.session.waits_for().0.raw(), "1 must of the reviewer still there after 1 repair");
    let fixed = reviewed(4, &[IssueSeverity::Must]).runs();
    assert_eq!(fixed.session.state(), State::Scored, "the second version is found to be well");
}

#[test]
fn a_must_that_a_person_resolved_is_not_repaired() {
    let mut story = reviewed(4, &[IssueSeverity::Must]);
    let thread = story.session.threads[0].id;
    story = story.does(Command::Resolve { thread, resolved: true, by: story::ana() });
    let story = story.runs();
    assert_eq!((story.session.state(), story.session.drafting.is_none()), (State::Scored, true));
}

#[test]
fn a_model_that_reviews_itself_is_said_to() {
    let told = |reviewer: &str| {
        let story = Story::of(story::new_session(1, "reviewed", EngineKind::Llm));
        let mut story = story.runs_until(Some(EffectKind::Draft)).starts(EffectKind::Draft);
        let call = |story: &mut Story, asked: CallAsked| {
            story.outcome(Outcome::Asking(asked, Budget::default()));
            let number = u32::try_from(story.session.calls.len()).expect("a few");
            let reply = Some(story::digest("reply"));
            story.outcome(Outcome::Answered(CallEnded { reply, ..story::call_ended(number, Some(1)) }));
        };
        let key = story.owed(EffectKind::Draft);
        call(&mut story, story::call_asked(key, 1));
        let finding = story::draft([L0], "one");
        story.outcome(Outcome::Found { key, attempt: 1, finding });
        let mut story = story.runs_until(Some(EffectKind::Review)).starts(EffectKind::Review);
        let key = story.owed(EffectKind::Review);
        let role = crate::planning::Role::Reviewer;
        call(&mut story, CallAsked { role, model: reviewer.to_owned(), ..story::call_asked(key, 1) });
        story.outcome(Outcome::Found { key, attempt: 1, finding: story::reviewed(8, &[]) });
        let set = story.session.patch_set(L0, V1).expect("v1");
        set.reviews.as_ref().expect("it was reviewed")[0].clone()
    };
    let other = told("anthropic/claude");
    assert_eq!((other.model.as_str(), other.notes.len()), ("anthropic/claude", 0));
    let same = told("openai/gpt-4.1");
    assert!(same.notes[0].starts_with("the model that wrote the change reviewed it"), "{:?}", same.notes);
}

#[test]
fn a_recheck_does_not_buy_the_review_again() {
    let story = reviewed(8, &[]);
    let unverified = story::scored(60, None, Vec::new());
    let mut asked = story::new_session(1, "reviewed", EngineKind::Rules);
    asked.repairs = 0;
    let fresh = Story::of(asked).runs_until(Some(EffectKind::Check));
    let fresh = fresh.finds(EffectKind::Check, Finding::Checks(Box::new(story::unverified())));
    let fresh = fresh.runs_until(Some(EffectKind::Score)).finds(EffectKind::Score, unverified);
    let again = fresh.does(story::check_again(L0, V1, Sides::Proposal)).runs_until(Some(EffectKind::Score));
    assert_eq!(again.owes(), "score v1");
    assert_eq!(story.owes(), "score v1");
}
