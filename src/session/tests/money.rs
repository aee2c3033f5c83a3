//! What a session may spend: reserved before, settled after, never forgotten, and raised by a person alone.

use super::story::{self, L0, Story, V1};
use super::*;
use crate::id::Digest;
use crate::proposal::EngineKind;
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
        story.outcome(Outcome::Asking(story::call_asked(key, 1)));
    }
    assert_eq!(story.session.spent().cost_micros, 6000, "the most that both may take is spent");
    let third = story.refused(Outcome::Asking(story::call_asked(key, 1)));
    assert!(matches!(third, Refusal::BudgetSpent { .. }), "{third:?}");
    story.outcome(Outcome::Answered(story::call_ended(1, Some(1200))));
    story.outcome(Outcome::Answered(story::call_ended(1, Some(9999))));
    assert_eq!(story.session.spent().cost_micros, 4200, "settled once, whatever is said again");
    assert_eq!(story.session.spent().tokens(), 1000 + 1500);
    for stale in [story::call_asked(key, 2), story::call_asked(EffectKey::draft(V1.next()), 1)] {
        assert!(matches!(story.refused(Outcome::Asking(stale)), Refusal::NotAwaited { .. }));
    }
}

#[test]
fn tokens_limit_where_a_price_is_not_known() {
    let mut story = drafting(Budget { cost_micros: Some(1), tokens: Some(2000) });
    let unknown = CallAsked { cost_micros: None, ..story::call_asked(EffectKey::draft(V1), 1) };
    story.outcome(Outcome::Asking(unknown.clone()));
    assert_eq!((story.session.spent().unknown, story.session.spent().cost_micros), (1, 0));
    assert!(matches!(story.refused(Outcome::Asking(unknown)), Refusal::BudgetSpent { .. }));
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
    story.outcome(Outcome::Asking(story::call_asked(key, 1)));
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
