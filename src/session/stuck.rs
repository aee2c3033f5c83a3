//! Work of a version that is stuck. A person asks for the same work again, or for another version instead: then the stuck
//! one is owed nothing more, or what cannot succeed would stop whatever comes after it too.

use std::collections::BTreeSet;

use crate::id::LaneId;
use crate::text::Untrusted;

use super::effect::{EffectKey, EffectKind};
use super::event::StopKind;
use super::state::{Lane, Phase, REPAIR, Session, Stop};

/// A draft that came to nothing: what was wanted of it is wanted of the one that is asked for instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unmade {
    /// Which.
    key: EffectKey,
    lanes: BTreeSet<LaneId>,
    /// What it was told to do differently.
    message: Untrusted,
    /// Why it was made.
    made_for: String,
}

/// Whether a stop stands because work beside a draft was stuck: then the same work is wanted again, not another draft.
/// What is said while a part is stuck is for whoever drafts.
pub(super) fn is_stuck(session: &Session, message: &Untrusted) -> bool {
    let stuck = session.stop.as_ref().and_then(|stop| stop.key);
    let left_out = session.stop.as_ref().is_some_and(Stop::leaves_out);
    stuck.is_some_and(|key| match key.kind {
        // there is a version to say something of
        EffectKind::Review | EffectKind::Runbook if left_out => message.raw().trim().is_empty(),
        EffectKind::Test | EffectKind::Document => message.raw().trim().is_empty(),
        _ => matches!(
            key.kind,
            EffectKind::Load
                | EffectKind::Index
                | EffectKind::Triage
                | EffectKind::Plan
                | EffectKind::Apply
                | EffectKind::Check
                | EffectKind::Review
                | EffectKind::Runbook
                | EffectKind::Score
                | EffectKind::PassOver
        ),
    })
}

/// Whether it is work on a version that is there, before anybody decided.
fn is_of_version(key: &EffectKey) -> bool {
    matches!(
        key.kind,
        EffectKind::Apply | EffectKind::Check | EffectKind::Review | EffectKind::Runbook | EffectKind::Score
    )
}

impl Session {
    /// Another version is wanted instead of the one whose work was stuck.
    pub(super) fn give_up(&mut self, stuck: Option<EffectKey>) {
        let Some(key) = stuck.filter(is_of_version) else { return };
        if let Some(lane) = key.lane.and_then(|lane| self.lane_mut(lane)) {
            lane.given_up = Some(key);
        }
    }

    /// Whether that work was given up, and its lane waits for something else: for the version that is wanted instead, or
    /// for a person, where that one came to nothing. A lane that waits for neither goes on where it stands.
    pub(super) fn is_given_up(&self, key: &EffectKey) -> bool {
        let is_it = key.lane.and_then(|lane| self.lane(lane)).filter(|lane| lane.given_up == Some(*key));
        is_it.is_some_and(|lane| {
            let is_drafted = self.drafting.as_ref().is_some_and(|drafting| drafting.lanes.contains(&lane.id));
            is_drafted || self.stop.is_some()
        })
    }

    /// This work is stuck. What was wanted of a draft stays wanted; where it is the budget that stops it, what was bought is
    /// good for the attempt that follows, and a version is judged without what can be left out.
    pub(super) fn cut_short(&mut self, kind: StopKind, key: EffectKey) {
        let drafting = self.drafting.as_ref().filter(|drafting| key == EffectKey::draft(drafting.version));
        if let Some(drafting) = drafting {
            let (lanes, message, made_for) =
                (drafting.lanes.clone(), drafting.message.clone(), drafting.made_for.clone());
            self.unmade = Some(Unmade { key, lanes, message, made_for });
        }
        if kind != StopKind::BudgetSpent {
            return;
        }
        self.stand_still(key);
        if let (true, Some(lane), Some(version)) = (can_be_left_out(key), key.lane, key.version) {
            self.with_patch_set(lane, version, |set| {
                set.left_out.insert(key.kind);
            });
        }
    }

    /// The draft for which it stands still.
    fn unmade(&self) -> Option<&Unmade> {
        let stuck = self.stop.as_ref().and_then(|stop| stop.key);
        self.unmade.as_ref().filter(|unmade| Some(unmade.key) == stuck)
    }

    /// What a draft is told that a person asks for with these words: without any, what the one was told that came to
    /// nothing.
    pub(super) fn words_for_draft(&self, said: &Untrusted) -> Untrusted {
        let before = self.unmade().filter(|_| said.raw().trim().is_empty());
        before.map_or_else(|| said.clone(), |unmade| unmade.message.clone())
    }

    /// The lanes of the draft that came to nothing, as far as they are open.
    pub(super) fn lanes_unmade(&self) -> Vec<LaneId> {
        let Some(unmade) = self.unmade() else { return Vec::new() };
        self.open_lanes().into_iter().filter(|lane| unmade.lanes.contains(lane)).collect()
    }

    /// The same, where they are not simply all that are open.
    pub(super) fn lanes_for_draft(&self) -> Vec<LaneId> {
        let again = self.lanes_unmade();
        if again == self.open_lanes() { Vec::new() } else { again }
    }

    /// Whether the draft that came to nothing was to mend what checks found.
    pub(super) fn was_to_mend(&self) -> bool {
        self.unmade().is_some_and(|unmade| unmade.made_for == REPAIR)
    }

    /// Nothing stands still any more: what there was no money for is asked for, and the version is judged anew with it.
    /// What a person decided without it stays as it is, and nobody is asked of a version that another is to replace.
    pub(super) fn take_up_left_out(&mut self) {
        if self.stop.is_some() {
            return;
        }
        let is_drafted = |id| self.drafting.as_ref().is_some_and(|drafting| drafting.lanes.contains(&id));
        let lacks = |lane: &Lane| {
            let (version, set) = self.current(lane.id)?;
            let lacks = !set.left_out.is_empty() && set.decision.is_none() && !is_drafted(lane.id);
            lacks.then_some((lane.id, version, lane.phase == Phase::Scored(version)))
        };
        let lacking: Vec<_> = self.active().filter_map(lacks).collect();
        for (id, version, is_scored) in lacking {
            self.with_patch_set(id, version, |set| {
                // who had answered says it again, beside those whom there was no money for
                if set.left_out.contains(&EffectKind::Review) {
                    set.reviews = None;
                }
                set.left_out.clear();
                if is_scored {
                    set.score = None;
                    set.gates.clear();
                }
            });
            if let Some(lane) = self.lane_mut(id).filter(|_| is_scored) {
                lane.phase = Phase::Validated(version);
            }
        }
    }
}

/// Whether a version is judged without that work where there is no money for it.
fn can_be_left_out(key: EffectKey) -> bool {
    matches!(key.kind, EffectKind::Review | EffectKind::Runbook)
}

impl Stop {
    /// Whether something was left out for want of money: a person decides without it, or has it made up for.
    pub(super) fn leaves_out(&self) -> bool {
        self.kind == StopKind::BudgetSpent && self.key.is_some_and(can_be_left_out)
    }
}
