//! A pause: a person holds a session's work until they let it go on.
//!
//! While it stands nothing is owed, so nothing starts, not even after a crash, and what runs is stopped: the machine
//! is free at once. To let a run come to its end instead would hold the machine for as long as a build takes, and a
//! daemon that starts again would have to begin it anew, paused or not. What a run had not found is found after
//! `resume`: attempts are numbered on, and the base's runs come from their cache. What is being written outside
//! cannot be called back: publishing goes on. So does telling the other candidates which one was picked, and
//! asking how what was published fares.

use super::effect::{EffectKey, EffectKind};
use super::event::{Event, Person};
use super::input::{Command, Refusal};
use super::machine::{Step, not_now};
use super::state::Session;

/// Whether work of that kind is held by a pause.
pub(super) fn holds(key: &EffectKey) -> bool {
    !matches!(key.kind, EffectKind::Publish | EffectKind::PassOver | EffectKind::Monitor)
}

/// Only work that is owed can be held.
pub(super) fn pause(session: &Session, by: &Person, command: &Command) -> Result<Step, Refusal> {
    if session.paused_by.is_some() {
        return Err(Refusal::NotNow { asked: command.verb(), state: "paused".to_owned() });
    }
    if !session.owed().keys().any(holds) {
        return Err(not_now(session, command));
    }
    Ok(Step::record(Event::Paused { by: by.clone() }))
}

pub(super) fn resume(session: &Session, by: &Person, command: &Command) -> Result<Step, Refusal> {
    if session.paused_by.is_none() {
        return Err(Refusal::NotNow { asked: command.verb(), state: "not paused".to_owned() });
    }
    Ok(Step::record(Event::Resumed { by: by.clone() }))
}

impl Session {
    /// Who holds its work, while it is held and not over.
    #[must_use]
    pub fn paused(&self) -> Option<&Person> {
        self.paused_by.as_ref().filter(|_| !self.state().is_over())
    }
}
