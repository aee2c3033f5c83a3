//! Words to whoever drafts, while they do; and a draft that is held in its middle.
//!
//! What a person says is recorded first and then given to the attempt that runs, which takes it at the next place where
//! it can: an agent when its turn was stopped for it, a model with its next call. **No word is lost.** It stays with the
//! session until there is a version: an attempt that follows a crash, a pause or a failure is given all of them with its
//! goal, and what came too late for the version that was made is a thread on it, in the person's name.
//!
//! A pause stops the turn of an agent, and its process. What it had left in its worktree is kept as a change, and the
//! next attempt goes on from there; so is the stop of the service. A model's draft has left nothing yet: it is asked anew.

use crate::id::{Digest, LaneId, ThreadId, Version};
use crate::text::Untrusted;

use super::effect::EffectKey;
use super::event::{Event, PatchSet, Person, ThreadPlace};
use super::input::{Command, Refusal};
use super::machine::{Step, not_now};
use super::state::Session;

/// A person says something to whoever drafts: while a draft is owed, or held.
pub(super) fn steer(session: &Session, by: &Person, text: &Untrusted, command: &Command) -> Result<Step, Refusal> {
    let Some(drafting) = &session.drafting else { return Err(not_now(session, command)) };
    let is_owed = session.owed().contains_key(&EffectKey::draft(drafting.version));
    if !is_owed && session.paused_by.is_none() {
        return Err(not_now(session, command));
    }
    if !drafting.engine.hears_words() {
        return Err(Refusal::HearsNobody { engine: drafting.engine });
    }
    Ok(Step::record(Event::Steered { by: by.clone(), text: text.clone() }))
}

/// What the engine was not given in time, as threads on the version that it made.
pub(super) fn unheard(session: &Session, (lane, version): (LaneId, Version), heard: u32) -> Vec<Event> {
    let late = session.steered.iter().skip(heard as usize);
    let first = u32::try_from(session.threads.len()).expect("fewer than 2^32 threads") + 1;
    let opened = (first..).zip(late).map(|(number, said)| Event::ThreadOpened {
        thread: ThreadId(number),
        place: ThreadPlace {
            version,
            lane,
            path: None,
            line: 0,
            from_line: 0,
            side: "new".to_owned(),
            kind: "issue".to_owned(),
            artifact: None,
        },
        by: said.by.clone(),
        text: said.text.clone(),
    });
    opened.collect()
}

/// A draft was asked to stop and says what it had left. It counts where a pause or the end of the service asked for it,
/// and for nothing that somebody asks otherwise since.
pub(super) fn held(
    session: &Session,
    key: EffectKey,
    attempt: u32,
    patch_sets: &[PatchSet],
    log: Option<Digest>,
) -> Step {
    let wanted = session.drafting.as_ref().filter(|drafting| EffectKey::draft(drafting.version) == key);
    let Some(drafting) = wanted else { return Step::default() };
    let waited = session.owed().get(&key).is_some_and(|owed| owed.started && owed.attempt == attempt);
    if !waited && drafting.stopping != Some(attempt) {
        return Step::default();
    }
    let of_it = |set: &&PatchSet| drafting.lanes.contains(&set.lane);
    let patch_sets = patch_sets.iter().filter(of_it).cloned().collect();
    Step::record(Event::Held { key, attempt, patch_sets, log })
}
