//! Work of a version that is stuck. A person asks for the same work again, or for another version instead: then the stuck
//! one is owed nothing more, or what cannot succeed would stop whatever comes after it too.

use crate::text::Untrusted;

use super::effect::{EffectKey, EffectKind};
use super::state::Session;

/// Whether a stop stands because work beside a draft was stuck: then the same work is wanted again, not another draft.
/// What is said while a part is stuck is for whoever drafts.
pub(super) fn is_stuck(session: &Session, message: &Untrusted) -> bool {
    let stuck = session.stop.as_ref().and_then(|stop| stop.key);
    stuck.is_some_and(|key| match key.kind {
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
}
