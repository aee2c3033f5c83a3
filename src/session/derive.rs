//! Versions that a person makes of the one they read: hunks left out, or a hunk of their own. No engine is asked.

use super::event::Event;
use super::input::{Command, DeriveCommand, Refusal};
use super::machine::{Step, not_now, patch_set};
use super::state::{Phase, Session};
use super::steer;

/// The next version: that of the person, made of the newest one of its lane. Validated and scored anew, as any.
pub(super) fn derive(session: &Session, asked: &DeriveCommand, command: &Command) -> Result<Step, Refusal> {
    let lane = asked.patch_set.lane;
    let current = patch_set(session, lane, asked.parent)?.drafted.digest;
    if !current.matches(&asked.digest) {
        let (seen, version, current) = (asked.digest.clone(), asked.parent, current.short());
        return Err(Refusal::OtherPatch { seen, version, current });
    }
    if let Some((newest, _)) = session.current(lane).filter(|(newest, _)| *newest != asked.parent) {
        return Err(Refusal::Superseded { version: asked.parent, newest });
    }
    // what was approved stands until a person asks for the next by name; what an engine drafts would be overtaken
    let settled = |phase| matches!(phase, Phase::Approved(_) | Phase::Publishing(_) | Phase::Done(_));
    let open = session.lane(lane).is_some_and(|lane| !lane.dropped && !settled(lane.phase));
    let published = session.active().any(|lane| matches!(lane.phase, Phase::Publishing(_) | Phase::Done(_)));
    if !open || published || session.drafting.is_some() {
        return Err(not_now(session, command));
    }
    if asked.patch_set.digest == current {
        return Err(Refusal::SameChange { version: asked.parent });
    }
    let version = session.next_version();
    let mut step = Step::record(Event::Proposed {
        version,
        engine: session.asked.engine,
        made_for: asked.made_for.clone(),
        patch_sets: vec![asked.patch_set.clone()],
        by: Some(asked.by.clone()),
        parent: Some(asked.parent),
        parts: Vec::new(),
    });
    // no engine heard what people said to the one that failed
    step.events.extend(steer::unheard(session, (lane, version), 0));
    Ok(step)
}
