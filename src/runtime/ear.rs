//! What people say to a draft in the making, from the journal to whoever drafts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::proposal::Word;
use crate::session::Comment;

use super::replay::Tape;

/// One attempt's ear. The core tells it what is recorded; the worker takes it.
#[derive(Default)]
pub(super) struct Ear {
    heard: Mutex<Heard>,
    /// How much was heard by each call when it was recorded: a replay hears no more and no less.
    tape: Option<Arc<Tape>>,
}

#[derive(Default)]
struct Heard {
    said: Vec<Comment>,
    /// How many of them were given.
    given: usize,
    /// How many of those the screen was told of.
    shown: usize,
}

impl Ear {
    /// An ear for an attempt that begins when this was said.
    pub(super) fn of(said: &[Comment]) -> Self {
        let ear = Self::default();
        ear.say(said);
        ear
    }

    /// An ear that hears what was recorded when it was heard then.
    pub(super) fn taped(said: &[Comment], tape: Arc<Tape>) -> Self {
        Self { tape: Some(tape), ..Self::of(said) }
    }

    /// All that was said by now.
    pub(super) fn say(&self, all: &[Comment]) {
        self.lock().said = all.to_vec();
    }

    /// How many words were given so far.
    pub(super) fn heard(&self) -> u32 {
        u32::try_from(self.lock().given).unwrap_or(u32::MAX)
    }

    /// Everything that was said by now, for a prompt that starts anew; it counts as given.
    pub(super) fn so_far(&self) -> Vec<Word> {
        let mut heard = self.lock();
        heard.given = heard.given.max(self.most(&heard));
        heard.shown = heard.given;
        heard.said[..heard.given].iter().map(word).collect()
    }

    /// What was given and not shown yet.
    pub(super) fn unshown(&self) -> Vec<Word> {
        let mut heard = self.lock();
        let (shown, given) = (heard.shown, heard.given);
        heard.shown = given;
        heard.said[shown..given].iter().map(word).collect()
    }

    fn most(&self, heard: &Heard) -> usize {
        let taped = self.tape.as_ref().map_or(usize::MAX, |tape| tape.heard());
        heard.said.len().min(taped)
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl crate::proposal::Ear for Ear {
    fn next(&self) -> Option<Word> {
        let mut heard = self.lock();
        if heard.given >= self.most(&heard) {
            return None;
        }
        heard.given += 1;
        heard.said.get(heard.given - 1).map(word)
    }
}

fn word(said: &Comment) -> Word {
    Word { by: said.by.login.clone(), text: said.text.clone() }
}
