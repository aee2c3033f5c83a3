//! Folding: attempts, what is owed again, and what people do to a session.

use super::story::{self, L0, L1, Story, V1, V2};
use super::*;
use crate::id::{Digest, DraftId, ThreadId, Version};
use crate::proposal::EngineKind;
use crate::validation::{CheckStatus, Sides};

/// Every bead: what, how it stands, which attempt.
fn beads(story: &Story) -> Vec<String> {
    story.session.beads.iter().map(|bead| format!("{} {} #{}", bead.key, bead.status.name(), bead.attempt)).collect()
}

#[test]
fn attempts_are_numbered_without_a_gap_and_only_the_newest_counts() {
    let mut story = Story::quick();
    let key = story.owed(EffectKind::Load);
    let finding = story::finding(&story.session, key);
    let answer = |attempt| Outcome::Found { key, attempt, finding: finding.clone() };
    assert_eq!(story.outcome(answer(1)), [], "nobody started it");
    story.outcome(Outcome::Starting(key));
    story.outcome(Outcome::Starting(key)); // the process was gone before the first answered
    assert_eq!(story.outcome(answer(1)), [], "an older attempt");
    assert_eq!(story.outcome(answer(3)), [], "an attempt that never was");
    assert_eq!(story.outcome(answer(2)).len(), 1);
    assert_eq!(story.outcome(answer(2)), [], "answered already");
    assert_eq!(beads(&story)[0], "snapshot COMPLETED #2");
}

#[test]
fn go_with_other_rules_drafts_by_them() {
    let waiting = Story::of(story::new_session(1, "triaged", EngineKind::Rules)).runs();
    let (by, message, made_for) = (story::ana(), "GO".into(), "regenerated".to_owned());
    let rules = vec!["rust-len-zero".to_owned()];
    let (patch, program, limits) = (None, None, Limits::default());
    let go = Command::Regenerate { by, engine: None, rules: rules.clone(), patch, message, made_for, program, limits };
    let story = waiting.does(go);
    assert!(story.session.triaged);
    assert_eq!(story.session.drafting.as_ref().expect("it drafts").rules, rules);
    assert_eq!(story.owes(), "proposal v1");
    assert_eq!(story.replayed(), story.session);
    assert_eq!(story.runs().session.state(), State::Scored);
}

#[test]
fn a_draft_that_was_asked_again_answers_an_older_question() {
    let mut story = Story::quick().runs_until(Some(EffectKind::Draft));
    let key = story.owed(EffectKind::Draft);
    story.outcome(Outcome::Starting(key));
    story = story.does(story::regenerate("smaller"));
    let late = Outcome::Found { key, attempt: 1, finding: story::draft([L0], "late") };
    assert_eq!(story.outcome(late.clone()), [], "it was not started again");
    story.outcome(Outcome::Starting(key));
    assert_eq!(story.outcome(late), []);
    assert_eq!(beads(&story)[1..], ["proposal v1 SKIPPED #1", "proposal v1 RUNNING #2"]);
    let story = story.runs();
    assert_eq!(story.session.version(V1).map(|version| version.made_for.as_str()), Some("regenerated"));
}

#[test]
fn a_stop_ends_what_is_owed_and_regenerating_goes_on() {
    let story = Story::quick().runs_until(Some(EffectKind::Check));
    let story = story.finds(EffectKind::Check, story::stuck(StopKind::NeedsHuman));
    assert_eq!((story.session.state(), story.owes().as_str()), (State::NeedsHuman, ""));
    let failed = story.session.beads.last().expect("a bead");
    assert_eq!((failed.status, failed.error.raw()), (BeadStatus::Failed, "it went wrong"));
    let story = story.does(story::regenerate("again"));
    assert_eq!(story.owes(), "validation v1", "the check is tried again; the version stays");
    let story = story.runs();
    assert_eq!((story.phase(L0).as_str(), story.session.state()), ("Scored v1", State::Scored));
}

#[test]
fn another_version_is_drafted_instead_of_one_whose_work_cannot_succeed() {
    for kind in [EffectKind::Apply, EffectKind::Check, EffectKind::Score] {
        let story = Story::quick().runs_until(Some(kind)).finds(kind, story::stuck(StopKind::NeedsHuman));
        let same = story.clone().does(story::regenerate(""));
        assert!(same.session.owed().keys().all(|key| key.kind == kind), "the same is tried again: {}", same.owes());
        let story = story.does(story::regenerate_by(EngineKind::Llm));
        assert_eq!(story.owes(), "proposal v2", "{kind:?}");
        // where the draft comes to nothing its reason stands, and the same way is open
        let nothing = story.clone().finds(EffectKind::Draft, story::stuck(StopKind::BudgetSpent));
        assert_eq!((nothing.session.state(), nothing.owes().as_str()), (State::NeedsHuman, ""));
        let again = nothing.does(story::regenerate_by(EngineKind::Llm));
        assert_eq!(again.owes(), "proposal v2");
        assert_eq!(again.replayed(), again.session);
        let story = story.runs();
        assert_eq!((story.phase(L0).as_str(), story.session.state()), ("Scored v2", State::Scored));
    }
}

#[test]
fn two_lanes_that_cannot_be_applied_are_given_up_one_after_the_other() {
    let stuck = |story: Story| story.finds(EffectKind::Apply, story::stuck(StopKind::NeedsHuman));
    let story = stuck(Story::two_lanes().runs_until(Some(EffectKind::Apply)));
    let story = story.does(story::regenerate_by(EngineKind::Llm));
    assert_eq!(story.owes(), "proposal v2, branch v1 lane 1");
    let story = stuck(story).does(story::regenerate_by(EngineKind::Llm));
    assert_eq!(story.owes(), "proposal v2");
    assert_eq!(story.runs().session.state(), State::Scored);
}

#[test]
fn checks_that_were_given_up_can_be_asked_for_again() {
    let story = Story::quick().runs_until(Some(EffectKind::Check));
    let story = story.finds(EffectKind::Check, story::stuck(StopKind::NeedsHuman));
    let story = story.does(story::regenerate_by(EngineKind::Llm));
    let story = story.finds(EffectKind::Draft, story::stuck(StopKind::NeedsHuman));
    let story = story.does(story::check_again(L0, V1, Sides::Proposal));
    assert_eq!(story.owes(), "validation v1");
    assert_eq!(story.runs().phase(L0), "Scored v1");
}

#[test]
fn a_draft_that_came_to_nothing_takes_nothing_from_the_version_that_is_there() {
    let story = Story::quick().runs_until(Some(EffectKind::Check)).does(story::regenerate("again"));
    let story = story.finds(EffectKind::Draft, story::draft([L0], "draft v1"));
    assert_eq!((story.session.state(), story.owes().as_str()), (State::NeedsHuman, "validation v1"));
    let story = story.runs().decides(L0, Verdict::Approve);
    assert_eq!(story.session.state(), State::Approved, "the decision answered the stop");
}

#[test]
fn asking_for_changes_lifts_a_stop() {
    let story = Story::quick().runs().does(story::regenerate("again"));
    let story = story.finds(EffectKind::Draft, story::draft([L0], "draft v1"));
    let story = story.decides(L0, Verdict::RequestChanges);
    assert_eq!((story.session.stop.is_none(), story.owes().as_str()), (true, "proposal v2"));
}

#[test]
fn a_recheck_forgets_what_the_checks_said() {
    let story = Story::quick().runs_until(Some(EffectKind::Check));
    let story = story
        .finds(EffectKind::Check, Finding::Checks(Box::new(story::unverified())))
        .finds(EffectKind::Score, story::scored(60, None, Vec::new()))
        .does(story::check_again(L0, V1, Sides::Proposal));
    let set = story.session.patch_set(L0, V1).expect("v1");
    assert!(set.validation.is_none() && set.score.is_none() && set.gates.is_empty());
    assert_eq!((story.phase(L0).as_str(), story.owes().as_str()), ("BranchApplied v1", "validation v1"));
    let mut story = story;
    let late = story::finding(&story.session, story.owed(EffectKind::Check));
    let key = story.owed(EffectKind::Check);
    assert_eq!(story.outcome(Outcome::Found { key, attempt: 1, finding: late }), [], "the first run's answer");
    assert_eq!(story.runs().phase(L0), "Scored v1");
}

#[test]
fn checks_run_again_with_what_came_with_the_wish() {
    let red = || Finding::Checks(Box::new(story::checks(CheckStatus::Broken)));
    let mut story = Story::quick();
    for sides in [Sides::Proposal, Sides::Both] {
        story = story.runs_until(Some(EffectKind::Check)).finds(EffectKind::Check, red()).runs();
        story = story.does(story::check_again(L0, V1, sides));
        let set = story.session.patch_set(L0, V1).expect("v1");
        assert_eq!((set.rechecks.sides, set.score.is_none()), (sides, true));
    }
    let set = story.session.patch_set(L0, V1).expect("v1");
    assert_eq!(set.rechecks.before, ["test broken", "test broken"]);
    assert_eq!(story.session.environment()["PATH"], "/opt/tool/bin:/usr/bin");
    assert_eq!(story.session.owed().values().map(|owed| owed.attempt).collect::<Vec<_>>(), [2]);
    // a client that sends no variables changes none
    let story = story.runs();
    let Command::CheckAgain(mut asked) = story::check_again(L0, V1, Sides::Proposal) else { unreachable!() };
    asked.environment.clear();
    let story = story.does(Command::CheckAgain(asked));
    assert_eq!(story.session.environment()["PATH"], "/opt/tool/bin:/usr/bin");
    assert_eq!(story.runs().decides(L0, Verdict::Approve).session.state(), State::Approved);
}

#[test]
fn checks_that_were_stuck_run_again() {
    let story = Story::quick().runs_until(Some(EffectKind::Check));
    let story = story.finds(EffectKind::Check, story::stuck(StopKind::NeedsHuman));
    let story = story.does(story::check_again(L0, V1, Sides::Proposal));
    assert_eq!((story.session.stop.is_none(), story.owes().as_str()), (true, "validation v1"));
    assert_eq!(story.runs().phase(L0), "Scored v1");
}

#[test]
fn dropping_a_lane_gives_up_its_work_and_its_part_of_a_draft() {
    let story = Story::two_lanes().runs_until(Some(EffectKind::Check));
    let story = story.does(Command::Drop { lane: L1, by: story::ana() });
    assert_eq!(story.owes(), "validation v1");
    assert!(beads(&story).contains(&"validation v1 lane 1 SKIPPED #0".to_owned()));
    let drafting = Story::two_lanes().runs_until(Some(EffectKind::Draft));
    let drafting = drafting.does(Command::Drop { lane: L1, by: story::ana() });
    let drafting = drafting.finds(EffectKind::Draft, story::draft([L0, L1], "both"));
    assert_eq!(drafting.session.versions[0].patch_sets.len(), 1, "nothing of a dropped lane becomes part of a version");
    // the last lane of a draft
    let mut only = Story::two_lanes().runs().decides(L0, Verdict::Approve).decides(L1, Verdict::RequestChanges);
    only = only.does(Command::Drop { lane: L1, by: story::ana() });
    assert!(only.session.drafting.is_none() && only.owes().is_empty());
    assert_eq!(only.publishes().runs().session.state(), State::Done);
}

#[test]
fn dropping_what_is_stuck_lets_the_rest_go_on() {
    let story = Story::two_lanes();
    let story = story.answers(EffectKey::on_lane(EffectKind::Load, L1), story::stuck(StopKind::NeedsHuman));
    assert_eq!(story.session.state(), State::NeedsHuman);
    let story = story.does(Command::Drop { lane: L1, by: story::ana() });
    assert_eq!(story.runs().session.state(), State::Scored);
}

#[test]
fn the_last_change_cannot_be_dropped() {
    let mut story = Story::two_lanes().runs_until(Some(EffectKind::Draft));
    story = story.finds(EffectKind::Draft, story::draft([L0], "one")).runs();
    assert!(story.command(Command::Drop { lane: L0, by: story::ana() }).is_err());
    assert!(story.command(Command::Drop { lane: L1, by: story::ana() }).is_ok());
}

#[test]
fn changes_of_one_lane_leave_the_other_alone() {
    let story = Story::two_lanes().runs().decides(L0, Verdict::Approve).decides(L1, Verdict::RequestChanges);
    assert_eq!(story.owes(), "proposal v2");
    let story = story.finds(EffectKind::Draft, story::draft([L0, L1], "second")).runs();
    assert_eq!((story.phase(L0).as_str(), story.phase(L1).as_str()), ("Approved v1", "Scored v2"));
    let lanes: Vec<_> = story.session.versions[1].patch_sets.keys().copied().collect();
    assert_eq!(lanes, [L1], "v2 holds what was asked for");
    let story = story.decides(L1, Verdict::Approve).publishes().runs();
    assert_eq!(story.session.state(), State::Done);
    assert!(story.session.patch_set(L0, V1).is_some_and(|set| set.published.is_some()));
    assert!(story.session.patch_set(L1, V2).is_some_and(|set| set.published.is_some()));
}

#[test]
fn adopting_again_makes_the_next_version() {
    let story = Story::of(story::new_session(1, "quick", EngineKind::Adopt)).runs();
    let story = story.decides(L0, Verdict::RequestChanges);
    assert_eq!(story.owes(), "", "somebody else does the work");
    let again = Command::Regenerate {
        by: story::ana(),
        engine: None,
        rules: Vec::new(),
        patch: None,
        message: "".into(),
        made_for: "adopted again".to_owned(),
        program: None,
        limits: Limits::default(),
    };
    let story = story.does(again).runs();
    let made: Vec<_> = story.session.versions.iter().map(|version| version.made_for.as_str()).collect();
    assert_eq!((story.phase(L0).as_str(), made), ("Scored v2", vec!["goal", "adopted again"]));
}

#[test]
fn publishing_fails_and_is_asked_again() {
    let story = Story::two_lanes().runs().decides(L0, Verdict::Approve).decides(L1, Verdict::Approve).publishes();
    let first = story.owed(EffectKind::Publish);
    let found = story::finding(&story.session, first);
    let story = story.answers(first, found);
    let story = story.finds(EffectKind::Publish, story::stuck(StopKind::NeedsHuman));
    assert_eq!((story.phase(L0).as_str(), story.phase(L1).as_str()), ("Done v1", "Approved v1"));
    assert!(WriteGate::open(&story.session, L1).is_err(), "a person has to ask again");
    let story = story.publishes();
    assert_eq!(story.owes(), "publish v1 lane 1", "what was published is not published again");
    let permit = WriteGate::open(&story.session, L1).expect("approved and asked for");
    assert_eq!(permit.digest(), story.session.patch_set(L1, V1).expect("v1").drafted.digest);
    assert_eq!(story.runs().session.state(), State::Done);
}

#[test]
fn a_lane_that_is_being_published_is_awaited_though_another_is_stuck() {
    let story = Story::two_lanes().runs().decides(L0, Verdict::Approve).decides(L1, Verdict::Approve).publishes();
    let key = |lane| EffectKey::on_version(EffectKind::Publish, lane, V1);
    let mut story = story;
    story.outcome(Outcome::Starting(key(L0)));
    let story = story.answers(key(L1), story::stuck(StopKind::NeedsHuman));
    assert_eq!((story.phase(L0).as_str(), story.phase(L1).as_str()), ("Publishing v1", "Approved v1"));
    assert!(WriteGate::open(&story.session, L0).is_ok(), "it was asked for, and nobody took that back");
    assert!(WriteGate::open(&story.session, L1).is_err(), "a person has to ask again");
    let finding = story::finding(&story.session, key(L0));
    let mut story = story;
    let recorded = story.outcome(Outcome::Found { key: key(L0), attempt: 1, finding });
    assert_eq!((recorded.len(), story.phase(L0).as_str()), (1, "Done v1"), "a branch outside is never unrecorded");
    assert_eq!(story.session.state(), State::NeedsHuman);
    assert_eq!(story.publishes().runs().session.state(), State::Done);
}

#[test]
fn marks_and_the_last_review_are_each_persons_own() {
    let hunks: Vec<Digest> = vec![story::digest("one"), story::digest("two")];
    let mark = |login: &str, version, hunks: &[Digest], reviewed| Command::Mark {
        lane: L0,
        version,
        hunks: hunks.to_vec(),
        reviewed,
        by: story::person(login),
    };
    let story = Story::quick().runs().does(mark("ana", V1, &hunks, true));
    let story = story.does(mark("ana", V1, &hunks[..1], false)).does(story::regenerate("again")).runs();
    let of = |story: &Story, login: &str| {
        let key = (format!("{login}@build1"), L0);
        let marks = story.session.marks.get(&key).map_or(0, std::collections::BTreeSet::len);
        (marks, story.session.last_review(&key.0, L0, Version(9)))
    };
    assert_eq!(of(&story, "ana"), (1, Some(V1)));
    assert_eq!(of(&story, "ben"), (0, None));
    let story = story.does(mark("ben", V2, &hunks, true)).does(story::open_thread(L0, V2));
    assert_eq!((of(&story, "ana"), of(&story, "ben")), ((1, Some(V2)), (2, Some(V2))));
    let by = story::person("eve");
    let thread = ThreadId(1);
    let story = story.does(Command::Answer { thread, by, text: "because".into() });
    assert_eq!(of(&story, "eve"), (0, Some(V2)), "an answer is a comment");
    let before = story.session.last_review("ana@build1", L0, V2);
    assert_eq!(before, Some(V1), "what is left on a version while it is read is no reading of an older one");
    let story = story.does(Command::Resolve { thread, resolved: true, by: story::ana() });
    let mut story = story;
    let again = story.command(Command::Resolve { thread, resolved: true, by: story::ana() });
    assert_eq!(again, Ok(Vec::new()), "resolved is resolved");
    assert!(story.session.thread(thread).is_some_and(|thread| thread.resolved && thread.comments.len() == 2));
}

#[test]
fn who_makes_the_next_version_by_hand_has_read_the_one_before() {
    let story = Story::quick().runs();
    let seen = story.session.patch_set(L0, V1).expect("v1").drafted.digest;
    let story = story.does(story::derive(L0, V1, seen, "derived")).runs();
    assert_eq!(story.session.last_review("ana@build1", L0, V2), Some(V1));
    assert_eq!(story.session.last_review("ben@build1", L0, V2), None);
}

#[test]
fn drafts_are_their_writers_own_and_are_sent_together() {
    let story = Story::quick().runs().does(story::open_thread(L0, V1));
    let story = story.does(story::keep_draft(None, None, "why?")).does(story::keep_draft(None, Some(1), "so it is"));
    let story = story.does(story::keep_draft(Some(1), None, "why not?"));
    let texts = |story: &Story| -> Vec<String> {
        story.session.drafts_of("ana@build1").map(|draft| draft.text.raw().to_owned()).collect()
    };
    assert_eq!(texts(&story), ["why not?", "so it is"]);
    let mut story = story;
    let bens = Command::DropDraft { draft: DraftId(1), by: story::person("ben") };
    assert_eq!(story.command(bens), Err(Refusal::NoSuchDraft { draft: DraftId(1) }));
    assert_eq!(story.command(story::keep_draft(Some(1), None, "why not?")), Ok(Vec::new()), "nothing changed");
    let story = story.decides(L0, Verdict::RequestChanges);
    assert_eq!(texts(&story), Vec::<String>::new());
    let said = |thread: u32| {
        let thread = story.session.thread(ThreadId(thread)).expect("it is there");
        thread.comments.last().map(|comment| comment.text.raw().to_owned())
    };
    assert_eq!((said(1), said(2)), (Some("so it is".into()), Some("why not?".into())));
    let mut story = story;
    let next = story.command(story::keep_draft(None, None, "more")).expect("kept");
    assert!(matches!(next[..], [Event::DraftKept { draft: DraftId(3), .. }]), "a number is used once: {next:?}");
}

#[test]
fn a_person_makes_the_next_version_by_hand() {
    let story = Story::quick().runs();
    let first = story.session.patch_set(L0, V1).expect("v1").drafted.digest;
    let story = story.does(story::derive(L0, V1, first, "less"));
    let made = story.session.version(V2).expect("v2");
    assert_eq!((made.parent, made.by.as_ref()), (Some(V1), Some(&story::ana())));
    assert_eq!(story.owes(), "branch v2", "it is applied, checked and scored as any version");
    let mut story = story.runs();
    assert_eq!(story.phase(L0), "Scored v2");
    assert_eq!(story.session.patch_set(L0, V1).expect("v1").drafted.digest, first, "v1 stays");
    let again = story.command(story::derive(L0, V1, first, "other"));
    assert_eq!(again, Err(Refusal::Superseded { version: V1, newest: V2 }));
    let second = story.session.patch_set(L0, V2).expect("v2").drafted.digest;
    let same = story.command(story::derive(L0, V2, second, "less"));
    assert_eq!(same, Err(Refusal::SameChange { version: V2 }));
    let mut story = story.decides(L0, Verdict::Approve);
    assert!(matches!(story.command(story::derive(L0, V2, second, "none")), Err(Refusal::NotNow { .. })));
    assert_eq!(story.replayed(), story.session);
}

#[test]
fn a_pause_stops_what_runs_and_what_comes_until_it_ends() {
    let mut story = Story::quick().runs_until(Some(EffectKind::Check));
    let key = story.owed(EffectKind::Check);
    story.outcome(Outcome::Starting(key));
    let mut story = story.does(Command::Pause { by: story::ana() });
    assert_eq!((story.owes().as_str(), story.phase(L0).as_str()), ("", "BranchApplied v1"));
    let (reason, next) = story.session.waits_for();
    assert_eq!((reason.raw(), next.as_str()), ("paused by ana@build1", "paraph resume 7"));
    story.outcome(Outcome::Starting(key));
    let late = story::finding(&story.session, key);
    story.outcome(Outcome::Found { key, attempt: 1, finding: late });
    assert_eq!(
        (story.owes().as_str(), story.phase(L0).as_str()),
        ("", "BranchApplied v1"),
        "a late answer moves nothing"
    );
    assert!(matches!(story.command(Command::Pause { by: story::ana() }), Err(Refusal::NotNow { .. })));
    let mut story = story.does(Command::Resume { by: story::ana() });
    story.outcome(Outcome::Starting(key));
    assert_eq!(story.session.owed()[&key].attempt, 2, "attempts are numbered on");
    let mut story = story.runs();
    assert_eq!(story.phase(L0), "Scored v1");
    assert!(matches!(story.command(Command::Pause { by: story::ana() }), Err(Refusal::NotNow { .. })), "nothing runs");
    assert_eq!(story.replayed(), story.session);
}

#[test]
fn only_created_begins_a_session() {
    let story = Story::quick().runs();
    assert_eq!(Session::fold(story.entries[1..].iter().cloned()), None);
    assert_eq!(Session::fold(std::iter::empty()), None);
    assert_eq!(story.replayed(), story.session);
}
