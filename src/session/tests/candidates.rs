//! Candidates: one is picked, the others hear of it, and a crash between any two records leads to the same end.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::story::{self, L0, Story, V1, V2};
use super::*;
use crate::id::{Digest, SessionId};

fn seen(session: &Session) -> Digest {
    session.current(L0).expect("v1").1.drafted.digest
}

fn scored() -> Story {
    Story::of(story::candidate(0, 3)).runs()
}

fn two_rivals() -> Vec<RivalSeen> {
    vec![story::rival(8, false), story::rival(9, false)]
}

#[track_caller]
fn refused(mut story: Story, command: Command) -> Refusal {
    story.command(command).expect_err("it is refused")
}

#[test]
fn a_contender_is_the_goal_with_its_own_engine() {
    let first = story::candidate(0, 3);
    let second = first.contending(1).expect("a second");
    assert_eq!((second.id, second.engine), (SessionId(8), crate::proposal::EngineKind::Llm));
    assert_eq!((&second.goal, &second.playbook, &second.lanes), (&first.goal, &first.playbook, &first.lanes));
    assert_eq!(second.contending(0), Some(first.clone()), "whoever is asked, the field is the same");
    assert_eq!(first.contending(3), None);
    assert_eq!(story::new_session(1, "quick", first.engine).contending(0), None);
}

#[test]
fn a_candidate_is_approved_once_it_was_picked() {
    let story = scored();
    let digest = seen(&story.session);
    let approve = || story::decision(L0, V1, digest, Verdict::Approve, "");
    assert!(matches!(refused(story.clone(), approve()), Refusal::NotPicked { of: 3, .. }));
    let Offer::Not { because } = offer(&story.session, L0, V1, &DriftSeen::NONE) else { panic!("it is not offered") };
    assert!(because[0].contains("paraph pick 7@v1"), "{because:?}");
    let picked = story.does(story::pick(V1, digest, two_rivals()));
    assert_eq!(picked.session.picked.as_ref().map(|pick| pick.digests.clone()), Some(vec![digest]));
    assert_eq!(offer(&picked.session, L0, V1, &DriftSeen::NONE), Offer::Clean);
    assert_eq!(picked.does(approve()).phase(L0), "Approved v1", "before the others heard of it, too");
}

#[test]
fn a_pick_is_written_once() {
    let story = scored();
    let digest = seen(&story.session);
    let after_another = story::pick(V1, digest, vec![story::rival(8, true), story::rival(9, false)]);
    assert!(matches!(
        refused(story.clone(), after_another),
        Refusal::AlreadyPicked { picked: SessionId(8), version: V1, .. }
    ));
    let picked = story.does(story::pick(V1, digest, two_rivals()));
    let again = refused(picked, story::pick(V1, digest, two_rivals()));
    assert!(matches!(again, Refusal::AlreadyPicked { picked: SessionId(7), .. }));
}

#[test]
fn a_pick_names_what_was_read() {
    let story = scored();
    let digest = seen(&story.session);
    let other = story::pick(V1, story::digest("other"), two_rivals());
    assert!(matches!(refused(story.clone(), other), Refusal::OtherPatch { .. }));
    let none = story::pick(V2, digest, two_rivals());
    assert!(matches!(refused(story.clone(), none), Refusal::NoSuchVersion { .. }));
    let newer = story.clone().does(story::regenerate("again")).runs();
    let older = story::pick(V1, digest, two_rivals());
    assert!(matches!(refused(newer, older), Refusal::Superseded { newest: V2, .. }));
    let rejected = story.clone().decides(L0, Verdict::Reject);
    let no = story::pick(V1, digest, two_rivals());
    assert!(matches!(refused(rejected, no), Refusal::AlreadyDecided { .. }));
    let alone = refused(Story::quick().runs(), story::pick(V1, digest, Vec::new()));
    assert_eq!(alone, Refusal::NoCandidate);
    let nothing = refused(Story::of(story::candidate(1, 3)), story::pick(V1, digest, two_rivals()));
    assert!(matches!(nothing, Refusal::NoSuchVersion { .. }));
}

#[test]
fn what_is_passed_over_ends_and_its_late_answers_mean_nothing() {
    let mut story = Story::of(story::candidate(0, 3)).runs_until(Some(EffectKind::Check)).starts(EffectKind::Check);
    let key = story.owed(EffectKind::Check);
    assert_eq!(story.outcome(story::other_picked(8)).len(), 1);
    let (reason, _) = story.session.waits_for();
    assert_eq!((story.session.state(), reason.raw()), (State::Declined, "8 was picked (v1, by ben@build1)"));
    assert_eq!(story.owes(), "");
    assert_eq!(
        story.session.beads.iter().find(|bead| bead.key == key).map(|bead| bead.status),
        Some(BeadStatus::Skipped)
    );
    let late = Outcome::Found { key, attempt: 1, finding: story::finding(&story.session, key) };
    assert_eq!(story.outcome(late), []);
    assert_eq!(story.outcome(story::other_picked(8)), [], "told twice");
    assert!(story.command(story::open_thread(L0, V1)).is_ok(), "it can still be read and discussed");
    let approve = story::decision(L0, V1, seen(&story.session), Verdict::Approve, "");
    assert!(matches!(refused(story, approve), Refusal::NotNow { .. }));
}

#[test]
fn only_its_own_rivals_pass_it_over() {
    let unmoved = |mut story: Story, picked| assert_eq!(story.outcome(story::other_picked(picked)), []);
    unmoved(scored(), 7);
    unmoved(scored(), 10);
    unmoved(Story::quick().runs(), 8);
    let story = scored();
    let digest = seen(&story.session);
    unmoved(story.clone().does(story::pick(V1, digest, two_rivals())), 8);
    unmoved(story.does(Command::Cancel { by: story::ana() }), 8);
}

#[test]
fn telling_the_others_is_owed_whatever_comes_after_the_pick() {
    let story = scored();
    let digest = seen(&story.session);
    let picked = story.does(story::pick(V1, digest, two_rivals()));
    assert_eq!(picked.owes(), "pick");
    assert_eq!(picked.clone().does(Command::Cancel { by: story::ana() }).owes(), "pick");
    assert_eq!(picked.clone().decides(L0, Verdict::Reject).owes(), "pick");
    assert_eq!(picked.clone().runs().owes(), "");
    let stuck = picked.finds(EffectKind::PassOver, story::stuck(StopKind::NeedsHuman));
    assert_eq!(stuck.owes(), "", "a person is told first");
    assert_eq!(stuck.does(story::regenerate("again")).owes(), "pick");
}

fn picked() -> Story {
    let story = scored();
    let digest = seen(&story.session);
    story.does(story::pick(V1, digest, two_rivals()))
}

#[test]
fn telling_that_fails_after_the_end_is_not_owed_again() {
    let story = picked().does(Command::Cancel { by: story::ana() });
    let story = story.finds(EffectKind::PassOver, story::stuck(StopKind::NeedsHuman));
    assert_eq!((story.session.state(), story.owes().as_str()), (State::Cancelled, ""));
}

#[test]
fn telling_that_fails_takes_nothing_from_a_draft() {
    let story = picked().does(story::regenerate("again"));
    let story = story.finds(EffectKind::PassOver, story::stuck(StopKind::NeedsHuman));
    assert_eq!((story.session.state(), story.owes().as_str()), (State::NeedsHuman, "proposal v2"));
    let story = story.runs();
    assert_eq!((story.phase(L0).as_str(), story.session.state()), ("Scored v2", State::NeedsHuman));
    let story = story.does(story::regenerate("tell them")).runs();
    assert_eq!(
        (story.session.state(), story.session.picked.as_ref().map(|pick| pick.told)),
        (State::Scored, Some(true))
    );
}

#[test]
fn telling_that_fails_lifts_no_other_stop() {
    let stuck = || story::stuck(StopKind::NeedsHuman);
    let story = picked().does(story::regenerate("again")).finds(EffectKind::Draft, story::draft([L0], "two"));
    let found = story::finding(&story.session, story.owed(EffectKind::Apply));
    let story = story.finds(EffectKind::Apply, found).finds(EffectKind::Check, stuck());
    let story = story.finds(EffectKind::PassOver, stuck());
    let about = story.session.stop.as_ref().and_then(|stop| stop.key).map(|key| key.kind);
    assert_eq!((about, story.owes().as_str()), (Some(EffectKind::Check), ""));
    assert_eq!(story.does(story::regenerate("again")).owes(), "validation v2, pick");
}

/// Several candidates as the core has them, and the journal that all of them share.
struct Field {
    journal: Vec<(SessionId, Event)>,
    sessions: BTreeMap<SessionId, Session>,
}

impl Field {
    fn of(number: usize) -> Self {
        let created = |place| Event::Created { session: Box::new(story::candidate(place, number)) };
        let journal = (0..number as u16).map(|place| (SessionId(7 + u64::from(place)), created(place))).collect();
        let mut field = Self { journal, sessions: BTreeMap::new() };
        field.fold();
        field
    }

    fn fold(&mut self) {
        let mut entries = BTreeMap::<SessionId, Vec<_>>::new();
        for (at, (id, event)) in self.journal.iter().enumerate() {
            let at = (crate::clock::Timestamp(at as i64), crate::id::Seq(at as u64 + 1));
            entries.entry(*id).or_default().push((event.clone(), at.0, at.1));
        }
        self.sessions =
            entries.into_iter().map(|(id, entries)| (id, Session::fold(entries).expect("created first"))).collect();
    }

    fn decide(&mut self, id: SessionId, input: &Input) -> Result<(), Refusal> {
        let step = decide(&self.sessions[&id], input)?;
        self.journal.extend(step.events.into_iter().map(|event| (id, event)));
        self.fold();
        Ok(())
    }

    fn hear(&mut self, id: SessionId, outcome: Outcome) {
        self.decide(id, &Input::Outcome(Box::new(outcome))).expect("never refused");
    }

    /// Does one piece of work of that candidate.
    fn work(&mut self, id: SessionId) {
        let Some(key) = self.sessions[&id].owed().keys().find(|key| key.kind != EffectKind::PassOver).copied() else {
            return;
        };
        self.hear(id, Outcome::Starting(key));
        let (attempt, finding) = (self.sessions[&id].owed()[&key].attempt, story::finding(&self.sessions[&id], key));
        self.hear(id, Outcome::Found { key, attempt, finding });
    }

    fn pick(&mut self, id: SessionId) -> Result<(), Refusal> {
        let rivals = self.sessions.iter().filter(|(other, _)| **other != id).map(|(_, session)| RivalSeen::of(session));
        let rivals = rivals.collect();
        let (version, digest) =
            self.sessions[&id].current(L0).map_or((V1, story::digest("none")), |(v, set)| (v, set.drafted.digest));
        self.decide(id, &Input::Command(Box::new(story::pick(version, digest, rivals))))
    }

    /// Tells so many others of the pick; all of them where there are no more.
    fn tell(&mut self, most: usize) {
        let key = EffectKey::of_session(EffectKind::PassOver);
        let owes = self.sessions.iter().find(|(_, session)| session.owed().contains_key(&key));
        let Some((id, pick)) = owes.map(|(id, session)| (*id, session.picked.clone().expect("picked"))) else { return };
        self.hear(id, Outcome::Starting(key));
        for rival in pick.over.iter().take(most) {
            self.hear(rival.session, Outcome::OtherPicked { picked: id, version: pick.version, by: pick.by.clone() });
        }
        if most >= pick.over.len() {
            let attempt = self.sessions[&id].owed()[&key].attempt;
            self.hear(id, Outcome::Found { key, attempt, finding: Finding::PassedOver });
        }
    }

    fn picked(&self) -> Vec<SessionId> {
        self.sessions.iter().filter(|(_, session)| session.picked.is_some()).map(|(id, _)| *id).collect()
    }
}

/// What may happen to a field, in any order.
#[derive(Debug, Clone)]
enum Happens {
    Works(u64),
    Picks(u64),
    Tells(usize),
    Cancels(u64),
    /// The last so many records are lost: nobody was told of them.
    Crashes(usize),
}

fn happens() -> impl Strategy<Value = Happens> {
    let id = || 7_u64..10;
    prop_oneof![
        8 => id().prop_map(Happens::Works),
        2 => id().prop_map(Happens::Picks),
        2 => (0_usize..3).prop_map(Happens::Tells),
        1 => id().prop_map(Happens::Cancels),
        1 => (0_usize..6).prop_map(Happens::Crashes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn one_is_picked_and_every_other_ends_wherever_a_crash_comes(history in prop::collection::vec(happens(), 1..60)) {
        let mut field = Field::of(3);
        for what in history {
            let before = field.picked();
            match what {
                Happens::Works(id) => field.work(SessionId(id)),
                Happens::Picks(id) => {
                    let done = field.pick(SessionId(id));
                    prop_assert!(before.is_empty() || matches!(done, Err(Refusal::AlreadyPicked { .. })), "{done:?}");
                }
                Happens::Tells(most) => field.tell(most),
                Happens::Cancels(id) => {
                    let by = story::ana();
                    let _ = field.decide(SessionId(id), &Input::Command(Box::new(Command::Cancel { by })));
                }
                Happens::Crashes(lost) => {
                    let kept = field.journal.len().saturating_sub(lost).max(3);
                    field.journal.truncate(kept);
                    field.fold();
                }
            }
            prop_assert!(field.picked().len() <= 1);
        }
        field.tell(usize::MAX);
        if let [picked] = field.picked()[..] {
            for (id, session) in field.sessions.iter().filter(|(id, _)| **id != picked) {
                prop_assert!(session.state().is_over(), "{id} is {:?}", session.state());
                prop_assert!(session.lost_to.as_ref().is_none_or(|lost| lost.picked == picked));
                prop_assert!(session.owed().is_empty());
            }
            prop_assert!(field.sessions[&picked].owed().keys().all(|key| key.kind != EffectKind::PassOver));
        }
    }
}
