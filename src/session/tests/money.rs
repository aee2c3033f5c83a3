//! What a session may spend: reserved before, settled after, never forgotten, and raised by a person alone.

use super::story::{self, L0, Story, V1};
use super::*;
use crate::id::Digest;
use crate::proposal::EngineKind;
use crate::scoring::IssueSeverity;
use crate::validation::CheckStatus;

fn asks_models(budget: Budget, repairs: u32) -> Story {
    let mut asked = story::new_session(1, "quick", EngineKind::Llm);
    (asked.budget, asked.repairs) = (budget, repairs);
    Story::of(asked)
}

/// A session whose draft runs.
fn drafting(budget: Budget) -> Story {
    asks_models(budget, 0).runs_until(Some(EffectKind::Draft)).starts(EffectKind::Draft)
}

fn dollars_of(cost_micros: u64) -> Budget {
    Budget { cost_micros: Some(cost_micros), tokens: None }
}

#[test]
fn a_call_is_reserved_while_its_work_is_awaited_and_fits() {
    let mut story = drafting(dollars_of(6000));
    let key = EffectKey::draft(V1);
    for _ in 0..2 {
        story.outcome(Outcome::Asking(story::call_asked(key, 1), Budget::default()));
    }
    assert_eq!(story.session.spent().cost_micros, 6000, "the most that both may take is spent");
    let third = story.refused(Outcome::Asking(story::call_asked(key, 1), Budget::default()));
    assert!(matches!(third, Refusal::BudgetSpent { .. }), "{third:?}");
    story.outcome(Outcome::Answered(story::call_ended(1, Some(1200))));
    story.outcome(Outcome::Answered(story::call_ended(1, Some(9999))));
    assert_eq!(story.session.spent().cost_micros, 4200, "settled once, whatever is said again");
    assert_eq!(story.session.spent().tokens(), 1000 + 1500);
    for stale in [story::call_asked(key, 2), story::call_asked(EffectKey::draft(V1.next()), 1)] {
        assert!(matches!(story.refused(Outcome::Asking(stale, Budget::default())), Refusal::NotAwaited { .. }));
    }
}

#[test]
fn tokens_limit_where_a_price_is_not_known() {
    let mut story = drafting(Budget { cost_micros: Some(1), tokens: Some(2000) });
    let unknown = CallAsked { cost_micros: None, ..story::call_asked(EffectKey::draft(V1), 1) };
    story.outcome(Outcome::Asking(unknown.clone(), Budget::default()));
    assert_eq!((story.session.spent().unknown, story.session.spent().cost_micros), (1, 0));
    assert!(matches!(story.refused(Outcome::Asking(unknown, Budget::default())), Refusal::BudgetSpent { .. }));
}

#[test]
fn a_raised_budget_lets_a_draft_go_on() {
    let spent = Finding::Stuck { kind: StopKind::BudgetSpent, reason: "spent".into(), next: String::new(), log: None };
    let story = asks_models(dollars_of(1), 0).runs_until(Some(EffectKind::Draft)).finds(EffectKind::Draft, spent);
    assert_eq!(story.session.state(), State::NeedsHuman);
    let story = story.does(Command::SetBudget { budget: dollars_of(9_000_000), by: story::ana() });
    assert_eq!(story.session.budget.cost_micros, Some(9_000_000));
    assert!(story.session.stop.is_none() && story.session.owed().contains_key(&EffectKey::draft(V1)));
}

/// Its draft stops because there is no money for it.
fn stops(story: Story) -> Story {
    story.finds(EffectKind::Draft, story::stuck(StopKind::BudgetSpent))
}

/// A person raises its budget.
fn raised(story: Story) -> Story {
    story.does(Command::SetBudget { budget: dollars_of(9_000_000), by: story::ana() })
}

#[test]
fn what_an_attempt_bought_before_the_cap_is_there_for_the_next_ones() {
    let (key, reply) = (EffectKey::draft(V1), Digest::of(b"looked"));
    let mut story = drafting(Budget::default());
    story.outcome(Outcome::Asking(story::call_asked(key, 1), Budget::default()));
    story.outcome(Outcome::Answered(CallEnded { reply: Some(reply), ..story::call_ended(1, Some(1200)) }));
    let bought = |story: &Story, attempt| -> Vec<(u32, Digest)> {
        story.session.bought_before(key, attempt).map(|(call, _, reply)| (call, reply)).collect()
    };
    for attempt in [2, 3] {
        story = raised(stops(story)).starts(EffectKind::Draft);
        assert_eq!(bought(&story, attempt), [(1, reply)], "attempt {attempt}");
    }
    // what is stuck for another reason is asked anew: the same answer would be as wrong again
    let story = story.finds(EffectKind::Draft, story::stuck(StopKind::NeedsHuman));
    let story = story.does(story::regenerate("")).starts(EffectKind::Draft);
    assert_eq!(bought(&story, 4), []);
}

#[test]
fn a_draft_that_goes_on_with_more_money_is_told_what_it_was_told_before() {
    let story = || stops(asks_models(Budget::default(), 0).runs().does(story::regenerate("use a set")));
    let told = |story: &Story| story.session.drafting.as_ref().expect("it drafts").message.raw().to_owned();
    assert_eq!(told(&raised(story())), "use a set");
    let again = |message: &str| told(&story().does(story::regenerate(message)));
    assert_eq!(again(""), "use a set", "where the cap of a role was raised in the settings");
    assert_eq!(again("use a list"), "use a list");
}

#[test]
fn a_draft_that_comes_to_nothing_leaves_the_words_and_the_lanes_that_it_was_asked_for() {
    let mut asked = story::new_session(2, "quick", EngineKind::Llm);
    asked.budget = Budget::default();
    let told = |story: &Story| {
        let drafting = story.session.drafting.as_ref().expect("it drafts");
        (drafting.message.raw().to_owned(), drafting.lanes.iter().copied().collect::<Vec<_>>())
    };
    let both = vec![L0, story::L1];
    for kind in [StopKind::NeedsHuman, StopKind::BudgetSpent] {
        let stops = |story: Story| story.finds(EffectKind::Draft, story::stuck(kind));
        let again = |story: Story, message: &str| story.does(story::regenerate(message));
        let all = stops(again(Story::of(asked.clone()).runs(), "use a set"));
        assert_eq!(told(&again(all.clone(), "")), ("use a set".to_owned(), both.clone()));
        assert_eq!(told(&again(all, "use a list")), ("use a list".to_owned(), both.clone()));
        // nobody complained about the other one, and it is not paid for again
        let one = stops(Story::of(asked.clone()).runs().decides(L0, Verdict::RequestChanges));
        assert_eq!(told(&again(one.clone(), "")).1, [L0]);
        assert_eq!(told(&again(one.clone(), "shorter")).1, [L0]);
        assert_eq!(told(&again(stops(again(one.clone(), "")), "")).1, [L0], "however often it stops");
        let both_sent_back = one.clone().decides(story::L1, Verdict::RequestChanges);
        assert_eq!(told(&both_sent_back).1, both, "who sent it back first still waits");
        let by_rules = one.clone().does(story::regenerate_by(EngineKind::Rules));
        assert_eq!(told(&by_rules).1, both, "who says how it shall be drafted asks for all that is open");
        let story = again(one, "").runs();
        assert_eq!((story.session.state(), story.phase(story::L1).as_str()), (State::Scored, "Scored v1"));
        assert_eq!(story.replayed(), story.session);
    }
}

#[test]
fn a_repository_that_is_sent_back_while_another_is_drafted_joins_it_and_takes_no_words_from_it() {
    let asked = story::new_session(2, "quick", EngineKind::Llm);
    let story = Story::of(asked).runs().does(story::regenerate("smaller")).runs_until(Some(EffectKind::Draft));
    let story = story.starts(EffectKind::Draft).decides(L0, Verdict::RequestChanges);
    let drafting = story.session.drafting.as_ref().expect("it drafts");
    assert_eq!((drafting.message.raw(), drafting.lanes.len()), ("smaller", 2));
    let said = story.session.current(L0).and_then(|(_, set)| set.decision.as_ref()).expect("their word");
    assert_eq!(said.message.raw(), "reason");
}

#[test]
fn a_role_takes_no_more_than_its_share_however_many_ask_at_once() {
    let mut story =
        Story::of(story::new_session(2, "reviewed", EngineKind::Rules)).runs_until(Some(EffectKind::Review));
    let keys = [L0, story::L1].map(|lane| EffectKey::on_version(EffectKind::Review, lane, V1));
    let role = crate::planning::Role::Reviewer;
    let asks = |key, role| CallAsked { role, ..story::call_asked(key, 1) };
    for key in keys {
        story.outcome(Outcome::Starting(key));
    }
    let share = dollars_of(5000);
    story.outcome(Outcome::Asking(asks(keys[0], role), share));
    let refused = story.refused(Outcome::Asking(asks(keys[1], role), share));
    let words = "the budget is spent: role reviewer has $0.002 of $0.005 left, and the next call may cost $0.003";
    assert_eq!(refused.to_string(), words);
    let tokens = Budget { cost_micros: None, tokens: Some(2000) };
    let refused = story.refused(Outcome::Asking(asks(keys[1], role), tokens));
    let words = "the budget is spent: role reviewer has 500 of 2000 tokens left, and the next call may take 1500";
    assert_eq!(refused.to_string(), words);
    story.outcome(Outcome::Asking(asks(keys[1], crate::planning::Role::Critic), share));
    story.outcome(Outcome::Answered(story::call_ended(1, Some(1200))));
    story.outcome(Outcome::Asking(asks(keys[1], role), share));
}

#[test]
fn a_session_that_goes_on_with_a_model_is_held_to_what_the_settings_allow() {
    let limits = Limits { repairs: 1, budget: dollars_of(4000) };
    let by_model = |story: Story| story.does(story::regenerate_within(EngineKind::Llm, limits));
    for engine in [EngineKind::Adopt, EngineKind::Rules] {
        let story = by_model(Story::of(story::new_session(1, "quick", engine)).runs());
        assert_eq!((story.session.budget, story.session.asked.repairs), (limits.budget, 1));
        let mut running = story.clone().starts(EffectKind::Draft);
        let key = running.owed(EffectKind::Draft);
        running.outcome(Outcome::Asking(story::call_asked(key, 1), Budget::default()));
        let second = running.refused(Outcome::Asking(story::call_asked(key, 1), Budget::default()));
        assert!(matches!(second, Refusal::BudgetSpent { .. }), "{second:?}");
        let broken = Finding::Checks(Box::new(story::checks(CheckStatus::Broken)));
        let story = story.runs_until(Some(EffectKind::Check)).finds(EffectKind::Check, broken);
        let story = story.finds(EffectKind::Score, story::scored(42, Some(false), Vec::new()));
        assert_eq!(story.session.drafting.as_ref().map(|drafting| drafting.made_for.as_str()), Some("repair"));
        assert_eq!(story.replayed(), story.session);
    }
    // who has a limit keeps it, and a GO that names an engine brings it too
    let own = Command::SetBudget { budget: dollars_of(9000), by: story::ana() };
    let story = by_model(Story::of(story::new_session(1, "quick", EngineKind::Rules)).runs().does(own));
    assert_eq!(story.session.budget, dollars_of(9000));
    let waits = Story::of(story::new_session(1, "triaged", EngineKind::Rules)).runs();
    assert_eq!(by_model(waits).session.budget, limits.budget);
}

/// A version whose review, or runbook, there is no money for.
fn left_out(kind: EffectKind) -> Story {
    let playbook = if kind == EffectKind::Review { "reviewed" } else { "shipped" };
    let story = Story::of(story::asks_triage(1, playbook)).runs_until(Some(kind));
    story.finds(kind, story::stuck(StopKind::BudgetSpent))
}

fn is_there(story: &Story, kind: EffectKind) -> bool {
    let set = story.session.patch_set(L0, V1).expect("v1");
    if kind == EffectKind::Review { set.reviews.is_some() } else { set.runbook.is_some() }
}

#[test]
fn what_there_is_no_money_for_is_told_and_made_up_for_once_there_is() {
    for (kind, owed) in [(EffectKind::Review, "review v1"), (EffectKind::Runbook, "runbook v1")] {
        let stands = left_out(kind);
        assert_eq!(stands.session.state(), State::NeedsHuman);
        let stands = stands.runs();
        assert_eq!((stands.session.state(), stands.phase(L0).as_str()), (State::NeedsHuman, "Scored v1"));
        assert!(stands.session.stop.as_ref().is_some_and(|stop| stop.kind == StopKind::BudgetSpent));
        assert!(!is_there(&stands, kind));
        for story in [raised(stands.clone()), stands.clone().does(story::regenerate(""))] {
            assert_eq!(story.owes(), owed, "it is asked for again, and judged with it");
            let story = story.runs();
            assert!(is_there(&story, kind) && story.session.state() == State::Scored, "{}", story.phase(L0));
            assert_eq!(story.replayed(), story.session);
        }
        let again = raised(stands).finds(kind, story::stuck(StopKind::BudgetSpent)).runs();
        assert_eq!((again.session.state(), again.phase(L0).as_str()), (State::NeedsHuman, "Scored v1"));
    }
}

#[test]
fn a_person_decides_without_what_there_is_no_money_for() {
    for kind in [EffectKind::Review, EffectKind::Runbook] {
        let stands = left_out(kind).runs();
        let story = stands.clone().decides(L0, Verdict::Approve);
        assert_eq!((story.session.state(), story.owes().as_str()), (State::Approved, ""));
        assert_eq!(story.publishes().runs().session.state(), State::Done);
        assert_eq!(stands.clone().decides(L0, Verdict::Reject).session.state(), State::Rejected);
        assert_eq!(stands.clone().decides(L0, Verdict::RequestChanges).owes(), "proposal v2");
        let other = stands.does(story::regenerate("use a set"));
        assert_eq!((other.owes().as_str(), other.phase(L0).as_str()), ("proposal v2", "Scored v1"));
        let stuck = other.finds(EffectKind::Draft, story::stuck(StopKind::NeedsHuman));
        assert_eq!(stuck.decides(L0, Verdict::Approve).session.state(), State::Approved, "the first one stays");
    }
}

#[test]
fn what_is_left_out_of_one_repository_stops_no_other_and_is_not_forgotten_for_it() {
    let both = Story::of(story::new_session(2, "reviewed", EngineKind::Rules)).runs_until(Some(EffectKind::Check));
    let key = |kind, lane| EffectKey::on_version(kind, lane, V1);
    let checked = |story: Story, lane| {
        story.answers(key(EffectKind::Check, lane), Finding::Checks(Box::new(story::checks(CheckStatus::Passed))))
    };
    let spent = |story: Story, lane| story.answers(key(EffectKind::Review, lane), story::stuck(StopKind::BudgetSpent));
    let one = spent(checked(both, L0), L0);
    assert!(one.owes().contains("validation v1 lane 1") || one.owes().contains("validation v1"), "{}", one.owes());
    let story = spent(checked(one, story::L1), story::L1).runs();
    assert_eq!((story.phase(L0), story.phase(story::L1)), ("Scored v1".to_owned(), "Scored v1".to_owned()));
    let reviews = |story: &Story| story.session.owed().keys().filter(|key| key.kind == EffectKind::Review).count();
    assert_eq!((story.session.state(), reviews(&story), reviews(&raised(story.clone()))), (State::NeedsHuman, 0, 2));
    // a word on one takes the stop away: the other one is asked for again rather than passed over in silence
    let story = story.decides(L0, Verdict::RequestChanges);
    assert_eq!(reviews(&story), 1, "{}", story.owes());
    let story = spent(story, story::L1).runs();
    assert_eq!((story.session.state(), story.phase(L0).as_str()), (State::NeedsHuman, "Scored v2"), "and drafts go on");
}

#[test]
fn a_repair_that_goes_on_with_more_money_is_still_that_repair() {
    let broken = Finding::Checks(Box::new(story::checks(CheckStatus::Broken)));
    let story = asks_models(Budget::default(), 1).runs_until(Some(EffectKind::Check));
    let story =
        story.finds(EffectKind::Check, broken).finds(EffectKind::Score, story::scored(42, Some(false), Vec::new()));
    let story = raised(stops(story));
    assert_eq!(story.session.drafting.as_ref().map(|drafting| drafting.made_for.as_str()), Some("repair"));
}

#[test]
fn red_checks_go_back_to_the_model_and_then_to_a_person() {
    let mut story = asks_models(Budget::default(), 2).runs_until(Some(EffectKind::Check));
    for number in 1..=3 {
        let broken = Finding::Checks(Box::new(story::checks(CheckStatus::Broken)));
        story =
            story.finds(EffectKind::Check, broken).finds(EffectKind::Score, story::scored(42, Some(false), Vec::new()));
        let version = crate::id::Version(number);
        assert!(story.session.patch_set(L0, version).is_some_and(|set| set.score.is_some()));
        if number <= 2 {
            assert_eq!(story.session.drafting.as_ref().map(|drafting| drafting.made_for.as_str()), Some("repair"));
            story = story.runs_until(Some(EffectKind::Check));
        }
    }
    assert_eq!(story.session.state(), State::NeedsHuman);
    assert!(story.session.drafting.is_none());
    let reason = &story.session.stop.as_ref().expect("it stands still").reason;
    assert!(reason.raw().ends_with("still red after 2 repairs"), "{reason:?}");
}

#[test]
fn each_lane_has_repairs_of_its_own() {
    let mut asked = story::new_session(2, "quick", EngineKind::Llm);
    asked.repairs = 1;
    let mut story = Story::of(asked).runs_until(Some(EffectKind::Check));
    let scored = |story: Story, lane, version, status| {
        let key = |kind| EffectKey::on_version(kind, lane, version);
        let checks = Finding::Checks(Box::new(story::checks(status)));
        let score = story::scored(42, Some(status == CheckStatus::Passed), Vec::new());
        story.answers(key(EffectKind::Check), checks).answers(key(EffectKind::Score), score)
    };
    for lane in [L0, story::L1] {
        story = scored(story, lane, V1, CheckStatus::Broken);
    }
    let lanes = |story: &Story| {
        let drafting = story.session.drafting.as_ref().expect("it is repaired");
        (drafting.version, drafting.lanes.iter().copied().collect::<Vec<_>>())
    };
    assert_eq!(lanes(&story), (story::V2, vec![L0]));
    let story = scored(story.runs_until(Some(EffectKind::Check)), L0, story::V2, CheckStatus::Broken);
    assert_eq!(lanes(&story), (story::V3, vec![story::L1]), "the other one has its turn before a person is needed");
    let story = scored(story.runs_until(Some(EffectKind::Check)), story::L1, story::V3, CheckStatus::Broken);
    assert_eq!(story.session.state(), State::NeedsHuman);
}

#[test]
fn green_checks_and_decided_versions_are_not_repaired() {
    let story = asks_models(Budget::default(), 3).runs();
    assert_eq!(story.session.state(), State::Scored);
    assert!(story.session.drafting.is_none());
}

#[test]
fn what_a_reviewer_said_before_the_cap_is_there_for_who_decides_and_is_said_once() {
    let (must, reply) = ([IssueSeverity::Must], Digest::of(b"a must"));
    let story = Story::of(story::new_session(1, "reviewed", EngineKind::Rules)).runs_until(Some(EffectKind::Review));
    let mut story = story.starts(EffectKind::Review);
    let key = story.owed(EffectKind::Review);
    let role = crate::planning::Role::Reviewer;
    story.outcome(Outcome::Asking(CallAsked { role, ..story::call_asked(key, 1) }, Budget::default()));
    story.outcome(Outcome::Answered(CallEnded { reply: Some(reply), ..story::call_ended(1, Some(1200)) }));
    let Finding::Review { mut reviews, .. } = story::reviewed(4, &must) else { unreachable!("it is a review") };
    reviews.truncate(1);
    let left_out = Some(("spent".into(), "paraph budget 7".to_owned()));
    story.outcome(Outcome::Found { key, attempt: 1, finding: Finding::Review { reviews, left_out } });
    let stands = story.runs();
    let said = |story: &Story| {
        let set = story.session.patch_set(L0, V1).expect("v1");
        (set.reviews.as_ref().map_or(0, Vec::len), story.session.threads.len())
    };
    assert_eq!((stands.session.state(), stands.phase(L0).as_str()), (State::NeedsHuman, "Scored v1"));
    assert_eq!(said(&stands), (1, 1), "who decides without the critic reads the reviewer");
    assert_eq!(stands.replayed(), stands.session);
    let story = raised(stands);
    assert_eq!(story.owes(), "review v1");
    let mut story = story.starts(EffectKind::Review);
    let bought: Vec<Digest> = story.session.bought_before(key, 2).map(|(_, _, reply)| reply).collect();
    assert_eq!(bought, [reply], "the reviewer is not paid again");
    story.outcome(Outcome::Found { key, attempt: 2, finding: story::reviewed(4, &must) });
    assert_eq!(said(&story), (2, 1), "and the same must is no other thread");
    assert_eq!(story.replayed(), story.session);
}
