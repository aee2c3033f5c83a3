//! What one attempt at one piece of work may still spend, and what each day's took.
//!
//! The session's own budget and a role's share of it are held where a call is recorded; here is what must be known before
//! one is made, and before an agent starts that asks its models itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::order::raises_share;
use crate::id::SessionId;
use crate::infrastructure::llm::Share;
use crate::planning::{AskError, Role};
use crate::session::{Budget, Session, Spent, dollars};

/// What models took on each day, over all sessions of this process. A day is known by its date: a clock that is set forth
/// and back finds the sum that it had.
pub(super) struct Today {
    days: Mutex<BTreeMap<String, u64>>,
    /// What a date took before this process.
    before: Box<dyn Fn(&str) -> u64 + Send + Sync>,
}

impl Today {
    /// Days that took what `before` says when their date is met for the first time.
    pub(super) fn new(before: impl Fn(&str) -> u64 + Send + Sync + 'static) -> Self {
        Self { days: Mutex::default(), before: Box::new(before) }
    }

    fn with<T>(&self, date: &str, change: impl FnOnce(&mut u64) -> T) -> T {
        let mut days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = days.entry(date.to_owned()).or_insert_with(|| (self.before)(date));
        change(sum)
    }

    /// What `date` took until now.
    pub(super) fn spent(&self, date: &str) -> u64 {
        self.with(date, |sum| *sum)
    }

    /// Whether `micros` more are within `most` on `date`.
    pub(super) fn holds(&self, date: &str, micros: u64, most: Option<u64>) -> bool {
        most.is_none_or(|most| self.spent(date).saturating_add(micros) <= most)
    }

    /// Takes `micros` for `date`, unless the day would take more than `most`; then what it took already.
    pub(super) fn take(&self, date: &str, micros: u64, most: Option<u64>) -> Result<(), u64> {
        self.with(date, |sum| {
            let after = sum.saturating_add(micros);
            if most.is_some_and(|most| after > most) {
                return Err(*sum);
            }
            *sum = after;
            Ok(())
        })
    }

    /// A call that had taken `taken` cost `cost`.
    pub(super) fn settle(&self, date: &str, taken: u64, cost: u64) {
        self.with(date, |sum| *sum = sum.saturating_sub(taken).saturating_add(cost));
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
    /// What the session may take in all.
    most: Budget,
    /// What it took when this attempt started.
    spent: Spent,
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
        Self { most: session.budget, spent: session.spent(), taken: Mutex::new(taken), since: Mutex::default() }
    }

    /// Tokens that the session's budget left when this attempt started, where it limits them.
    pub(super) fn tokens_at_first(&self) -> Option<u64> {
        self.most.tokens.map(|most| most.saturating_sub(self.spent.tokens()))
    }

    /// Whether a call that needs so much is within the session's budget and the role's share of it, as far as this
    /// attempt knows.
    pub(super) fn holds(&self, role: Role, share: Share, needs: Needs) -> bool {
        let within =
            |most: Option<u64>, taken: u64, needs: u64| most.is_none_or(|most| taken.saturating_add(needs) <= most);
        let ((all_micros, all_tokens), (micros, tokens)) = (self.taken_by_all(), self.taken_by(role));
        within(self.most.cost_micros, all_micros, needs.cost_micros)
            && within(self.most.tokens, all_tokens, needs.tokens)
            && within(share.cost_micros, micros, needs.cost_micros)
            && within(share.tokens, tokens, needs.tokens)
    }

    /// Whether anything is left for work of the role that says only afterwards what it took.
    pub(super) fn has_some(&self, session: SessionId, role: Role, share: Share) -> Result<(), AskError> {
        let used_up = |most: Budget, (micros, tokens): (u64, u64)| {
            let tokens = most.tokens.filter(|most| tokens >= *most).map(|most| format!("{tokens} of {most} tokens"));
            let micros = most.cost_micros.filter(|most| micros >= *most).map(|most| (dollars(micros), dollars(most)));
            micros.map(|(spent, most)| format!("${spent} of ${most}")).or(tokens)
        };
        let share = Budget { cost_micros: share.cost_micros, tokens: share.tokens };
        if let Some(spent) = used_up(share, self.taken_by(role)) {
            return Err(AskError::BudgetSpent { why: format!("role {role} took {spent}"), next: raises_share(role) });
        }
        match used_up(self.most, self.taken_by_all()) {
            Some(spent) => Err(AskError::BudgetSpent {
                why: format!("the session took {spent}"),
                next: format!("paraph budget {session} --usd AMOUNT, or --tokens COUNT"),
            }),
            None => Ok(()),
        }
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

    fn taken_by_all(&self) -> (u64, u64) {
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        (self.spent.cost_micros.saturating_add(since.0), self.spent.tokens().saturating_add(since.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_keeps_its_sum_when_the_clock_goes_forth_and_back() {
        let today = Today::new(|date| if date == "2026-11-20" { 700 } else { 0 });
        let most = Some(1_000);
        assert_eq!(today.take("2026-11-20", 200, most), Ok(()));
        assert_eq!(today.take("2026-11-21", 900, most), Ok(()), "another day");
        assert_eq!(today.take("2026-11-20", 200, most), Err(900), "what it took before this process counts once");
        today.settle("2026-11-21", 900, 50);
        assert_eq!((today.spent("2026-11-20"), today.spent("2026-11-21")), (900, 50));
        // what nothing was reserved for opens a day too
        today.settle("2026-11-22", 0, 1_000);
        assert!(!today.holds("2026-11-22", 1, most));
    }
}
