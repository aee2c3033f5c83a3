//! The port through which a stage asks a model: by role, within the session's budget, every call recorded.

use std::time::Duration;

use async_trait::async_trait;

use super::Role;
use crate::cancel::Cancel;
use crate::infrastructure::llm::{ChatReply, ChatRequest, Part, Usage};

/// Why a role has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The next call could cost more than is left. No token of it was bought.
    #[error("the budget is spent: {why}")]
    BudgetSpent {
        /// Which limit, what is left of it, and what the call may need.
        why: String,
        /// The command that raises it.
        next: String,
    },
    /// No model is there for the role: none is configured, or none has a key.
    #[error("no model for the role {role}: {why}")]
    NoModel {
        /// The role.
        role: Role,
        /// What is missing.
        why: String,
        /// What to type.
        next: String,
    },
    /// Every model of the role failed; each try in its order.
    #[error("no model answered as {role}: {}", tries.join("; "))]
    Failed {
        /// The role.
        role: Role,
        /// Model and reason, one a try.
        tries: Vec<String>,
        /// What mends the last one.
        next: String,
    },
    /// The prompt is larger than any model of the role takes.
    #[error("the prompt is too large for every model of the role {role}: {why}")]
    TooLong {
        /// The role.
        role: Role,
        /// How large it is, and what there is room for.
        why: String,
        /// The setting that makes room.
        next: String,
        /// What was counted, where it was.
        counted: Option<Counted>,
    },
    /// Somebody asked to stop.
    #[error("cancelled")]
    Cancelled,
}

/// A prompt that was counted by whoever was to read it, and is too large: tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// So many it has.
    pub tokens: u64,
    /// So many there is room for.
    pub room: u64,
}

impl Counted {
    /// Of two counts that of the roomier model, as the one to write the prompt anew by.
    #[must_use]
    pub fn roomier(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        one.into_iter().chain(other).max_by_key(|counted| counted.room)
    }

    /// What fits, of something whose whole is `size` in whatever measure.
    #[must_use]
    pub fn fitting(self, size: u64) -> u64 {
        let part = u128::from(size) * u128::from(self.room) / u128::from(self.tokens.max(1));
        u64::try_from(part).unwrap_or(u64::MAX).min(size)
    }
}

/// What a role is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The role.
    pub role: Role,
    /// The request, secrets gone from it.
    pub request: ChatRequest,
    /// What was hidden in it: the name of a rule for each place, never a value.
    pub redacted: Vec<String>,
}

/// What a program asks models of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Elsewhere {
    /// `agent/NAME`.
    pub model: String,
    /// What it is asked.
    pub parts: Vec<Part>,
    /// What was hidden from what it is asked: a rule and a place each.
    pub redacted: Vec<String>,
}

/// The open record of what a program asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// The call's number.
    pub call: u32,
    /// Whose it is: `agent/NAME`.
    pub model: String,
    /// When it was asked, by the monotonic clock.
    pub since: Duration,
}

/// What a program's own models took, as far as it tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Took {
    /// What it said in the end.
    pub said: String,
    /// What that took; what it does not tell stays unknown.
    pub usage: Usage,
    /// Whether it came to its end and told all of it: one that is stopped in the middle says how far it was.
    pub is_whole: bool,
    /// How it ended.
    pub ended: String,
}

/// Asks models for one piece of work of one session.
///
/// Secrets must be gone from a request before it is asked; it is kept by its digest, and so is the reply. The call is
/// reserved before a token is bought and settled after; an attempt that ended by a crash counts as reserved. Pieces of
/// the answer go to the screen while they come. A session that replays another gets the recorded reply to the same
/// role and request, and buys nothing.
#[async_trait]
pub trait Models: Send + Sync {
    /// Asks the role's first model, and the next where it fails.
    ///
    /// # Errors
    /// [`AskError`].
    async fn ask(&self, question: &Question, cancel: &Cancel) -> Result<ChatReply, AskError>;

    /// Records that a program asks models of its own for this piece of work from now on, whatever becomes of it; none
    /// where nothing is bought.
    ///
    /// # Errors
    /// [`AskError::BudgetSpent`] where nothing is left, [`AskError::Failed`] where what it is asked cannot be kept,
    /// [`AskError::Cancelled`] where nobody waits for it any more.
    async fn asks_elsewhere(&self, _elsewhere: &Elsewhere) -> Result<Option<Bill>, AskError> {
        Ok(None)
    }

    /// Records what that came to: at its end, and where it was stopped or failed before.
    async fn took_elsewhere(&self, _bill: Bill, _took: &Took) {}

    /// How many tokens of prompt the role's models take by what is known of them, and the session's budget leaves; 0
    /// where there is none.
    fn room(&self, role: Role) -> u64;
}

/// No model at all: for engines that need none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoModels;

#[async_trait]
impl Models for NoModels {
    async fn ask(&self, question: &Question, _cancel: &Cancel) -> Result<ChatReply, AskError> {
        let (why, next) = ("no model is configured".to_owned(), "paraph help models".to_owned());
        Err(AskError::NoModel { role: question.role, why, next })
    }

    fn room(&self, _role: Role) -> u64 {
        0
    }
}
