//! What one attempt at one piece of work may still spend, and what all of today's took.
//!
//! The session's own budget is held where a call is recorded; here is what must be known before one is made.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::infrastructure::llm::Share;
use crate::planning::{AskError, Role};
use crate::session::{Budget, CallAsked, Session, dollars};

/// What models took today, over all sessions of this process.
#[derive(Debug, Default)]
pub(super) struct Today(Mutex<(String, u64)>);

impl Today {
    /// What `date` took before this process.
    pub(super) fn starting(date: String, micros: u64) -> Self {
        Self(Mutex::new((date, micros)))
    }

    /// Whether `micros` more are within `most` on `date`.
    pub(super) fn holds(&self, date: &str, micros: u64, most: Option<u64>) -> bool {
        let today = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = if today.0 == date { today.1 } else { 0 };
        most.is_none_or(|most| sum.saturating_add(micros) <= most)
    }

    /// Takes `micros` for `date`, unless the day would take more than `most`; then what it took already.
    pub(super) fn take(&self, date: &str, micros: u64, most: Option<u64>) -> Result<(), u64> {
        let mut today = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if today.0 != date {
            *today = (date.to_owned(), 0);
        }
        let sum = today.1.saturating_add(micros);
        if most.is_some_and(|most| sum > most) {
            return Err(today.1);
        }
        today.1 = sum;
        Ok(())
    }

    /// A call that had taken `taken` cost `cost`.
    pub(super) fn settle(&self, date: &str, taken: u64, cost: u64) {
        let mut today = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if today.0 == date {
            today.1 = today.1.saturating_sub(taken).saturating_add(cost);
        }
    }
}

/// What a call may take at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needs {
    /// Of prompt and answer.
    pub(super) tokens: u64,
    /// Millionths of a dollar; 0 where its price is not known.
    pub(super) cost_micros: u64,
}

/// What one attempt may spend of its session.
pub(super) struct Purse {
    /// The session's when this attempt started; no limit where there is none.
    left: Budget,
    /// What each role took of the session when this attempt started, and since: micros and tokens.
    taken: Mutex<BTreeMap<Role, (u64, u64)>>,
    /// What this attempt took.
    since: Mutex<(u64, u64)>,
}

impl Purse {
    /// The purse of an attempt that starts now.
    pub(super) fn of(session: &Session) -> Self {
        let mut taken = BTreeMap::<Role, (u64, u64)>::new();
        for call in &session.calls {
            let sum = taken.entry(call.asked.role).or_default();
            sum.0 = sum.0.saturating_add(call.cost_micros().unwrap_or(0));
            sum.1 = sum.1.saturating_add(call.tokens());
        }
        let spent = session.spent();
        let left = Budget {
            cost_micros: session.budget.cost_micros.map(|most| most.saturating_sub(spent.cost_micros)),
            tokens: session.budget.tokens.map(|most| most.saturating_sub(spent.tokens())),
        };
        Self { left, taken: Mutex::new(taken), since: Mutex::default() }
    }

    /// Tokens that the session's budget left when this attempt started, where it limits them.
    pub(super) fn tokens_at_first(&self) -> Option<u64> {
        self.left.tokens
    }

    /// Whether the session's budget was all spent when this attempt started.
    pub(super) fn is_empty(&self) -> bool {
        self.left.tokens == Some(0) || self.left.cost_micros == Some(0)
    }

    /// Whether a call that needs so much is within the session's budget and the role's share of it, as far as this
    /// attempt knows.
    pub(super) fn holds(&self, role: Role, share: Share, needs: Needs) -> bool {
        let within =
            |most: Option<u64>, taken: u64, needs: u64| most.is_none_or(|most| taken.saturating_add(needs) <= most);
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let (micros, tokens) = self.taken_by(role);
        within(self.left.cost_micros, since.0, needs.cost_micros)
            && within(self.left.tokens, since.1, needs.tokens)
            && within(share.cost_micros, micros, needs.cost_micros)
            && within(share.tokens, tokens, needs.tokens)
    }

    /// Whether the role may take that much more of this session.
    pub(super) fn holds_share(&self, role: Role, share: Share, asked: &CallAsked) -> Result<(), AskError> {
        let (micros, tokens) = self.taken_by(role);
        let needs = asked.input_tokens.saturating_add(asked.output_tokens);
        let spent = |why: String| AskError::BudgetSpent {
            why,
            next: format!("raise max_session_cents or max_session_tokens under [roles.{role}], then paraph regenerate"),
        };
        if let Some(most) = share.tokens.filter(|most| tokens.saturating_add(needs) > *most) {
            return Err(spent(format!("role {role} took {tokens} of {most} tokens, and the call may take {needs}")));
        }
        if let (Some(most), Some(cost)) = (share.cost_micros, asked.cost_micros)
            && micros.saturating_add(cost) > most
        {
            let [taken, most, cost] = [micros, most, cost].map(dollars);
            return Err(spent(format!("role {role} took ${taken} of ${most}, and the call may cost ${cost}")));
        }
        Ok(())
    }

    /// A call of the role took so much.
    pub(super) fn take(&self, role: Role, micros: u64, tokens: u64) {
        let add = |sum: &mut (u64, u64)| *sum = (sum.0.saturating_add(micros), sum.1.saturating_add(tokens));
        add(self.taken.lock().unwrap_or_else(PoisonError::into_inner).entry(role).or_default());
        add(&mut self.since.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn taken_by(&self, role: Role) -> (u64, u64) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).get(&role).copied().unwrap_or_default()
    }
}
