//! Words to whoever drafts, and drafts that are held: none is lost, whatever comes between.

use super::story::{self, L0, L1, Story, V1, V2};
use super::*;
use crate::proposal::EngineKind;

fn steer(text: &str) -> Command {
    Command::Steer { by: story::ana(), text: text.into() }
}

fn pause() -> Command {
    Command::Pause { by: story::ana() }
}

fn resume() -> Command {
    Command::Resume { by: story::ana() }
}

/// The draft's attempt is gone and had left that.
fn held(story: &mut Story, attempt: u32, left: &[PatchSet]) -> usize {
    let key = EffectKey::draft(V1);
    let finding = Finding::Held { patch_sets: left.to_vec(), log: Some(story::digest("log")) };
    story.outcome(Outcome::Found { key, attempt, finding }).len()
}

fn left(story: &Story) -> &[PatchSet] {
    &story.session.drafting.as_ref().expect("it drafts").left
}

fn drafting(lanes: u16) -> Story {
    let story = Story::of(story::new_session(lanes, "quick", EngineKind::Agent));
    story.runs_until(Some(EffectKind::Draft)).starts(EffectKind::Draft)
}

#[test]
fn words_to_an_agent_that_failed_are_threads_on_the_version_that_a_person_makes() {
    let story = drafting(1).runs().does(story::regenerate("again")).does(steer("shorter"));
    let story = story.finds(EffectKind::Draft, story::stuck(StopKind::NeedsHuman));
    let seen = story.session.current(L0).expect("v1").1.drafted.digest;
    let story = story.does(story::derive(L0, V1, seen, "derived"));
    let threads: Vec<_> = story
        .session
        .threads
        .iter()
        .map(|thread| (thread.place.version, thread.comments[0].by.clone(), thread.comments[0].text.raw()))
        .collect();
    assert_eq!(threads, [(V2, story::ana(), "shorter")]);
    assert!(story.session.steered.is_empty());
    assert_eq!(story.replayed(), story.session);
}

#[test]
fn what_a_paused_attempt_left_counts_however_often_it_is_paused_before_it_is_gone() {
    let mut story = drafting(1).does(pause()).does(resume()).does(pause());
    let change = story::patch_set(L0, "left");
    assert_eq!(held(&mut story, 1, std::slice::from_ref(&change)), 1);
    assert_eq!(left(&story), [change]);
    assert_eq!(held(&mut story, 1, &[]), 0, "once");
    let beads = story.session.beads.iter().filter(|bead| bead.key == EffectKey::draft(V1));
    let logs: Vec<_> = beads.map(|bead| (bead.attempt, bead.log)).collect();
    assert_eq!(logs, [(1, Some(story::digest("log"))), (1, None)], "the log is that of the attempt that ran");
}

#[test]
fn what_one_repository_has_left_stays_while_another_is_held() {
    let sets = |text| [story::patch_set(L0, text), story::patch_set(L1, text)];
    let mut story = drafting(2).does(pause());
    held(&mut story, 1, &sets("first"));
    let mut story = story.does(resume()).starts(EffectKind::Draft).does(pause());
    held(&mut story, 2, &sets("second")[1..]);
    assert_eq!(left(&story), [story::patch_set(L0, "first"), story::patch_set(L1, "second")]);
}
