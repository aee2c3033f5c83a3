//! Roles that add to a draft: in their order, one version at the end, and none that takes the draft with it.

use super::story::{self, L0, L1, Story, V1, V2};
use super::*;
use crate::planning::{Role, Stage};
use crate::proposal::EngineKind;

fn asked(lanes: u16, engine: EngineKind) -> NewSession {
    let mut asked = story::new_session(lanes, "tested", engine);
    asked.playbook.stages.push(Stage::Documentation);
    asked
}

fn drafting() -> Story {
    Story::of(asked(1, EngineKind::Llm)).runs_until(Some(EffectKind::Draft))
}

fn drafted() -> Story {
    drafting().runs_until(Some(EffectKind::Test))
}

/// Whose parts the newest version has, and how they ended.
fn parts(story: &Story) -> Vec<(Role, PartEnd)> {
    let newest = story.session.versions.last().expect("a version");
    newest.parts.iter().map(|part| (part.role, part.ended)).collect()
}

#[test]
fn a_draft_is_a_version_once_the_tester_and_the_documenter_added_to_it() {
    let story = drafted();
    assert_eq!((story.owes().as_str(), story.session.versions.len()), ("tests v1", 0));
    let story = story.finds(EffectKind::Test, story::part(&drafted().session, "tests"));
    assert_eq!((story.owes().as_str(), story.session.versions.len()), ("documentation v1", 0));
    let added = story::part(&story.session, "words");
    let story = story.finds(EffectKind::Document, added);
    let all = [Role::Implementer, Role::Tester, Role::Documenter].map(|role| (role, PartEnd::Added));
    assert_eq!((parts(&story), story.owes().as_str()), (all.to_vec(), "branch v1"));
    let version = &story.session.versions[0];
    assert_eq!(version.patch_sets[&L0].drafted, story::patch_set(L0, "all with words"), "all of it, in one patch set");
    assert_eq!(version.parts[1].patch_sets, [story::patch_set(L0, "tests")]);
    assert_eq!(story.runs().session.state(), State::Scored);
}

#[test]
fn a_role_that_adds_nothing_or_cannot_be_asked_takes_nothing_from_the_draft() {
    let story = drafted()
        .finds(EffectKind::Test, story::no_part(PartEnd::LeftOut, "no model"))
        .finds(EffectKind::Document, story::no_part(PartEnd::Nothing, "nobody sees it"));
    let ended = [PartEnd::Added, PartEnd::LeftOut, PartEnd::Nothing];
    assert_eq!(parts(&story).iter().map(|(_, ended)| *ended).collect::<Vec<_>>(), ended);
    let version = &story.session.versions[0];
    assert_eq!(version.patch_sets[&L0].drafted, story::patch_set(L0, "draft v1"));
    assert_eq!(version.parts[1].note.raw(), "no model");
    assert_eq!(story.replayed(), story.session);
}

#[test]
fn what_stops_for_money_keeps_the_draft_and_goes_on_where_it_was() {
    let story = drafted().finds(EffectKind::Test, story::stuck(StopKind::BudgetSpent));
    assert_eq!((story.session.state(), story.owes().as_str()), (State::NeedsHuman, ""));
    let budget = Budget { cost_micros: Some(9_000_000), tokens: None };
    let story = story.does(Command::SetBudget { budget, by: story::ana() });
    assert_eq!(story.owes(), "tests v1", "the draft is not made again");
    let stuck = story.finds(EffectKind::Test, story::stuck(StopKind::NeedsHuman));
    assert_eq!(stuck.clone().does(story::regenerate("use a set")).owes(), "proposal v1", "words are for who drafts");
    let story = stuck.does(story::regenerate(" "));
    assert_eq!(story.owes(), "tests v1");
    assert_eq!(story.replayed(), story.session);
}

#[test]
fn a_person_goes_on_with_the_version_before_where_a_part_of_the_next_is_stuck() {
    let story = drafted().runs().does(story::regenerate("again")).runs_until(Some(EffectKind::Test));
    let stuck = story.finds(EffectKind::Test, story::stuck(StopKind::BudgetSpent));
    let story = stuck.decides(L0, Verdict::Approve);
    assert_eq!((story.session.state(), story.owes().as_str()), (State::Approved, ""));
    assert_eq!(story.publishes().runs().session.state(), State::Done);
}

#[test]
fn a_pause_and_a_crash_leave_the_part_owed() {
    let story = drafted().starts(EffectKind::Test);
    assert_eq!(story.replayed().owed().keys().map(ToString::to_string).collect::<Vec<_>>(), ["tests v1"]);
    let story = story.does(Command::Pause { by: story::ana() });
    assert_eq!(story.owes(), "");
    let mut story = story.does(Command::Resume { by: story::ana() });
    assert_eq!(story.owes(), "tests v1");
    let key = story.owed(EffectKind::Test);
    let late = story::part(&story.session, "late");
    assert!(story.outcome(Outcome::Found { key, attempt: 1, finding: late }).is_empty(), "the attempt was stopped");
}

#[test]
fn asked_for_again_a_version_has_parts_of_its_own() {
    let again = drafted().runs().does(story::regenerate("smaller"));
    assert_eq!(again.owes(), "proposal v2");
    let sets = vec![story::patch_set(L0, "smaller")];
    let went_on = WentOn { version: V1, patch_sets: vec![story::patch_set(L0, "what got smaller")] };
    let draft = Finding::Draft { patch_sets: sets, answers: Vec::new(), heard: 0, went_on: Some(went_on), log: None };
    let story = again.finds(EffectKind::Draft, draft);
    assert_eq!(story.owes(), "tests v2");
    let story = story.runs();
    let first = &story.session.version(V2).expect("v2").parts[0];
    assert_eq!((first.on, &first.patch_sets[..]), (Some(V1), &[story::patch_set(L0, "what got smaller")][..]));
    assert_eq!(parts(&story).len(), 3);
}

#[test]
fn a_repair_is_the_implementers_alone() {
    let mut asked = asked(1, EngineKind::Llm);
    asked.repairs = 1;
    let broken = Finding::Checks(Box::new(story::checks(crate::validation::CheckStatus::Broken)));
    let story = Story::of(asked).runs_until(Some(EffectKind::Check)).finds(EffectKind::Check, broken);
    let story = story.runs_until(Some(EffectKind::Draft));
    let story = story.finds(EffectKind::Draft, story::draft([L0], "mended"));
    assert_eq!((story.owes().as_str(), parts(&story)), ("branch v2", vec![(Role::Implementer, PartEnd::Added)]));
}

#[test]
fn the_same_draft_again_is_known_by_the_part_that_its_engine_made() {
    let story = Story::of(asked(1, EngineKind::Rules)).runs().does(story::regenerate("again"));
    let story = story.finds(EffectKind::Draft, story::draft([L0], "draft v1"));
    assert_eq!((story.session.state(), story.session.versions.len()), (State::NeedsHuman, 1));
    // what roles added may bring back what the version before was
    let story = story.does(story::regenerate("again")).finds(EffectKind::Draft, story::draft([L0], "other"));
    let same = Finding::Part(PartFound {
        ended: PartEnd::Added,
        own: vec![story::patch_set(L0, "own")],
        patch_sets: vec![story.session.current(L0).expect("v1").1.drafted.clone()],
        note: "".into(),
    });
    let nothing = story::no_part(PartEnd::Nothing, "nothing");
    let story = story.finds(EffectKind::Test, same).finds(EffectKind::Document, nothing);
    assert_eq!((story.session.state(), story.session.versions.len()), (State::NeedsHuman, 1));
    assert_eq!(story.does(story::regenerate("again")).owes(), "proposal v2");
}

#[test]
fn a_lane_that_is_dropped_meanwhile_has_no_part_in_the_version() {
    let story = Story::of(asked(2, EngineKind::Llm)).runs_until(Some(EffectKind::Test)).starts(EffectKind::Test);
    let (key, late) = (story.owed(EffectKind::Test), story::part(&story.session, "tests"));
    let mut story = story.does(Command::Drop { lane: L1, by: story::ana() });
    story.outcome(Outcome::Found { key, attempt: 1, finding: late });
    let story = story.runs();
    let version = &story.session.versions[0];
    assert_eq!(version.patch_sets.keys().copied().collect::<Vec<_>>(), [L0]);
    assert!(version.parts.iter().flat_map(|part| &part.patch_sets).all(|set| set.lane == L0));
    // a draft of nothing else is drafted anew for what is left
    let one = Story::of(asked(2, EngineKind::Llm)).runs_until(Some(EffectKind::Draft));
    let one =
        one.finds(EffectKind::Draft, story::draft([L1], "one")).does(Command::Drop { lane: L1, by: story::ana() });
    assert_eq!(one.owes(), "proposal v1");
    assert_eq!(one.replayed(), one.session);
}

#[test]
fn a_playbook_without_them_makes_versions_as_ever() {
    let story = Story::quick().runs();
    assert!(story.session.versions[0].parts.is_empty());
    assert!(story.entries.iter().all(|(event, ..)| event.name() != "part-made"));
}
