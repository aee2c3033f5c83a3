//! Calls to models: reserved before a token is bought, settled after. What a session may spend is decided here.

use serde::{Deserialize, Serialize};

use super::effect::{EffectKey, EffectKind};
use super::event::{Event, Person, StopKind, is_zero};
use super::input::{Command, Refusal};
use super::machine::{Step, not_now};
use super::state::{REPAIR, Session};
use crate::clock::Timestamp;
use crate::id::Digest;
use crate::planning::Role;
use crate::text::Untrusted;

/// What a session may spend; a missing limit does not limit. A call without a known price counts by its tokens only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Millionths of a US dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micros: Option<u64>,
    /// Tokens, prompt and answer together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
}

/// How the tokens of a prompt are known before it is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptCount {
    /// Counted by whoever was to read it.
    Exact,
    /// By a rule of thumb, as everything was that an older Paraph recorded.
    #[default]
    Estimated,
}

impl PromptCount {
    /// The word that the record keeps.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Estimated => "estimated",
        }
    }
}

/// A call that is about to be made, and the most that it can take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallAsked {
    /// The work that needs it.
    pub key: EffectKey,
    /// That work's attempt.
    pub attempt: u32,
    /// What the model is asked to be.
    pub role: Role,
    /// `PROVIDER/MODEL`.
    pub model: String,
    /// The request, whole: a blob.
    pub prompt: Digest,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// How they are known.
    #[serde(default, skip_serializing_if = "is_estimated")]
    pub count: PromptCount,
    /// Why they were not counted, where somebody could have.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub uncounted: Untrusted,
    /// Tokens that there was room for, where the prompt was counted and has more.
    #[serde(default, skip_serializing_if = "is_unknown")]
    pub fits: u64,
    /// The most tokens of the answer; 0 where nothing is bought (the prompt was counted and is too large, or its answer
    /// was kept), and where an agent asks models of its own.
    pub output_tokens: u64,
    /// The most that it can cost; missing where the price is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micros: Option<u64>,
    /// The price table's date, or where else the price comes from; empty where there is none. Of an agent it is said
    /// before the agent tells: whether it told one stands in what the call cost.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prices: String,
    /// Tokens of prompt that the role's models take, by which the prompt was cut to size; 0 where an older Paraph
    /// recorded the call.
    #[serde(default, skip_serializing_if = "is_unknown")]
    pub room: u64,
    /// How many words of people, said while the draft was made, the request holds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub heard: u32,
    /// What was hidden before it was sent, one word a place: the rule, never the value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redacted: Vec<String>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEnded {
    /// Which.
    pub call: u32,
    /// Tokens of the prompt: the provider's count, else the estimate.
    pub input_tokens: u64,
    /// Tokens of the answer: the provider's count, else an estimate.
    pub output_tokens: u64,
    /// Who said so.
    #[serde(default, skip_serializing_if = "is_told")]
    pub tokens_by: TokensBy,
    /// Of the prompt: read from the provider's cache.
    #[serde(default)]
    pub cached_tokens: u64,
    /// What it cost; missing where the price is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micros: Option<u64>,
    /// From when the try that ended it was sent to the last byte read; where an older Paraph recorded it, with all that it
    /// waited before.
    pub latency_ms: u64,
    /// How often it was sent.
    pub tries: u32,
    /// The answer, whole: a blob; missing where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Digest>,
    /// The provider's name for it.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub request_id: Untrusted,
    /// Why it ended: `stop`, `length`, `tools`, `filtered`, or what went wrong.
    pub ended: Untrusted,
    /// How long it waited before that try was sent: its turn under a limit, tries that failed, pauses between them.
    #[serde(default, skip_serializing_if = "is_unknown")]
    pub waited_ms: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_unknown(count: &u64) -> bool {
    *count == 0
}

impl CallEnded {
    /// Whether nobody said what it took.
    #[must_use]
    pub fn is_estimated(&self) -> bool {
        self.tokens_by == TokensBy::Estimate
    }
}

/// Who said how many tokens a call took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokensBy {
    /// The provider, of prompt and answer.
    #[default]
    Provider,
    /// Nobody, of one or both: an estimate, and 0 where an agent says nothing.
    Estimate,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_told(by: &TokensBy) -> bool {
    *by == TokensBy::Provider
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_estimated(count: &PromptCount) -> bool {
    *count == PromptCount::Estimated
}

fn is_empty(text: &Untrusted) -> bool {
    text.raw().is_empty()
}

/// A call, as the session keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// When it was reserved.
    pub at: Timestamp,
    /// What was asked.
    pub asked: CallAsked,
    /// How it ended; none while it runs, and for one that a crash cut off.
    pub ended: Option<CallEnded>,
}

impl CallRecord {
    /// Tokens that it took, or may take: a call whose end nobody saw counts whole.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        let (input, output) = self.sides();
        input.saturating_add(output)
    }

    /// The same, of prompt and answer.
    fn sides(&self) -> (u64, u64) {
        match &self.ended {
            Some(ended) => (ended.input_tokens, ended.output_tokens),
            // it may have no answer: it was counted, was too large and was not sent
            None if self.asked.output_tokens == 0 => (0, 0),
            None => (self.asked.input_tokens, self.asked.output_tokens),
        }
    }

    /// What it cost, or may cost; none where the price is not known.
    #[must_use]
    pub fn cost_micros(&self) -> Option<u64> {
        self.ended.as_ref().map_or(self.asked.cost_micros, |ended| ended.cost_micros)
    }
}

/// What a session's calls add up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Calls.
    pub calls: u64,
    /// Tokens of prompts.
    pub input_tokens: u64,
    /// Tokens of answers.
    pub output_tokens: u64,
    /// Millionths of a US dollar, of calls whose price is known.
    pub cost_micros: u64,
    /// Calls whose price is not known.
    pub unknown: u64,
}

impl Spent {
    /// Tokens of both sides.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    fn of<'a>(calls: impl Iterator<Item = &'a CallRecord>) -> Self {
        calls.fold(Spent::default(), |mut sum, call| {
            let (input, output) = call.sides();
            sum.calls += 1;
            sum.input_tokens = sum.input_tokens.saturating_add(input);
            sum.output_tokens = sum.output_tokens.saturating_add(output);
            match call.cost_micros() {
                Some(cost) => sum.cost_micros = sum.cost_micros.saturating_add(cost),
                None => sum.unknown += 1,
            }
            sum
        })
    }
}

/// How a call ended that ran when its daemon did not any more.
const CUT_OFF: &str = "cut off when the daemon stopped";

impl Session {
    /// What its calls took so far, reserved ones with the most that they can take: what a budget is held against.
    #[must_use]
    pub fn spent(&self) -> Spent {
        Spent::of(self.calls.iter())
    }

    /// The same of the calls of one role.
    #[must_use]
    pub fn spent_by(&self, role: Role) -> Spent {
        Spent::of(self.calls.iter().filter(|call| call.asked.role == role))
    }

    /// What its calls took so far, without those that run.
    #[must_use]
    pub fn taken(&self) -> Spent {
        Spent::of(self.calls.iter().filter(|call| !self.awaits(call)))
    }

    /// The most that those can take that run.
    #[must_use]
    pub fn reserved(&self) -> Spent {
        Spent::of(self.calls.iter().filter(|call| self.awaits(call)))
    }

    /// The end of each call that has none, where nothing of the session runs: whoever made it is gone. Nobody heard how far
    /// it came, so what was reserved for it counts whole, and as an estimate.
    pub fn cut_off(&self) -> impl Iterator<Item = CallEnded> {
        (1..).zip(&self.calls).filter(|(_, call)| call.ended.is_none()).map(|(number, call)| {
            let (input_tokens, output_tokens) = call.sides();
            CallEnded {
                call: number,
                input_tokens,
                output_tokens,
                tokens_by: TokensBy::Estimate,
                cached_tokens: 0,
                cost_micros: call.cost_micros(),
                latency_ms: 0,
                tries: 1,
                reply: None,
                request_id: Untrusted::default(),
                ended: CUT_OFF.into(),
                waited_ms: 0,
            }
        })
    }

    /// Whether somebody waits for the end of a call that has none.
    #[must_use]
    pub fn awaits(&self, call: &CallRecord) -> bool {
        let owed = self.owed().get(&call.asked.key).filter(|owed| owed.started && owed.attempt == call.asked.attempt);
        call.ended.is_none() && owed.is_some()
    }

    /// The budget is met in the middle of this work: what it bought until now is good for the attempt that follows.
    pub(super) fn stand_still(&mut self, key: EffectKey) {
        if let Some(owed) = self.owed.get(&key) {
            self.stood_still.insert(key, owed.first);
        }
    }

    /// The first attempt at `key` whose answers are good for the next one, where the newest was `attempt`.
    pub(super) fn first_of(&mut self, key: EffectKey, attempt: u32) -> u32 {
        self.stood_still.remove(&key).unwrap_or(attempt.saturating_add(1))
    }

    /// Replies that attempts at `key` bought which a crash cut off, or the budget: the same question needs no other.
    pub fn bought_before(&self, key: EffectKey, attempt: u32) -> impl Iterator<Item = (u32, &CallAsked, Digest)> {
        let first = self.owed().get(&key).map_or(attempt, |owed| owed.first);
        let numbered = (1..).zip(&self.calls);
        let cut_off = move |asked: &CallAsked| asked.key == key && (first..attempt).contains(&asked.attempt);
        numbered.filter_map(move |(number, call)| {
            let reply = call.ended.as_ref().and_then(|ended| ended.reply)?;
            cut_off(&call.asked).then_some((number, &call.asked, reply))
        })
    }
}

/// A worker wants to make a call: it is reserved, or refused before a token is bought. One that may have no answer buys
/// nothing, and is only recorded.
///
/// Here alone all calls of a session meet, however many ask at once: so the role's share of it is held here too.
pub(super) fn reserve(session: &Session, asked: &CallAsked, share: Budget) -> Result<Step, Refusal> {
    let awaited = session.owed().get(&asked.key).is_some_and(|owed| owed.started && owed.attempt == asked.attempt);
    if !awaited {
        return Err(Refusal::NotAwaited { key: asked.key });
    }
    if asked.output_tokens > 0 {
        let role = asked.role;
        if let Some((needs, left)) = over(&session.spent_by(role), share, asked) {
            return Err(Refusal::ShareSpent { role, why: format!("has {left} left, and the next call may {needs}") });
        }
        if let Some((needs, left)) = over(&session.spent(), session.budget, asked) {
            let are = if left.starts_with('$') { "is" } else { "are" };
            return Err(Refusal::BudgetSpent { why: format!("the next call may {needs}, and {left} {are} left") });
        }
    }
    let call = u32::try_from(session.calls.len()).unwrap_or(u32::MAX).saturating_add(1);
    Ok(Step::record(Event::CallReserved { call, asked: Box::new(asked.clone()) }))
}

/// What the call may take, and what is left of the limit, in words, where that is more than `budget` has.
fn over(spent: &Spent, budget: Budget, asked: &CallAsked) -> Option<(String, String)> {
    let needs = asked.input_tokens.saturating_add(asked.output_tokens);
    if let Some(most) = budget.tokens.filter(|most| spent.tokens().saturating_add(needs) > *most) {
        let left = most.saturating_sub(spent.tokens());
        return Some((format!("take {needs}"), format!("{left} of {most} tokens")));
    }
    let (most, needs) = budget.cost_micros.zip(asked.cost_micros)?;
    let is_over = spent.cost_micros.saturating_add(needs) > most;
    let [left, most, needs] =
        [most.saturating_sub(spent.cost_micros), most, needs].map(|micros| format!("${}", dollars(micros)));
    is_over.then(|| (format!("cost {needs}"), format!("{left} of {most}")))
}

/// A call ended. What was bought is recorded, whether or not anybody still waits for the work it was for.
pub(super) fn settle(session: &Session, ended: &CallEnded) -> Step {
    match call(session, ended.call) {
        Some(CallRecord { ended: None, .. }) => Step::record(Event::CallSettled { ended: Box::new(ended.clone()) }),
        Some(_) | None => Step::default(),
    }
}

/// The limit that the settings have, where the session has none: from now on it holds.
pub(super) fn limited(session: &Session, budget: Budget, by: &Person) -> Option<Event> {
    let is_new = session.budget == Budget::default() && budget != Budget::default();
    is_new.then(|| Event::BudgetSet { budget, by: by.clone() })
}

/// The limit of what the session may spend is another from now on. What stood still for it goes on.
pub(super) fn raise(session: &Session, budget: Budget, by: &Person, command: &Command) -> Result<Step, Refusal> {
    if budget == Budget::default() {
        return Err(not_now(session, command));
    }
    let budget = Budget {
        cost_micros: budget.cost_micros.or(session.budget.cost_micros),
        tokens: budget.tokens.or(session.budget.tokens),
    };
    let mut step = Step::record(Event::BudgetSet { budget, by: by.clone() });
    let stands_still = session.stop.as_ref().filter(|stop| stop.kind == StopKind::BudgetSpent);
    let made_for = if session.was_to_mend() { REPAIR } else { "the budget was raised" };
    match stands_still.and_then(|stop| stop.key).map(|key| key.kind) {
        Some(EffectKind::Draft) => step.events.push(Event::Regenerated {
            by: by.clone(),
            engine: None,
            rules: Vec::new(),
            program: None,
            patch: None,
            message: session.words_for_draft(&Untrusted::default()),
            // a repair stays one: its tries are counted, and who adds to a draft is not asked again
            made_for: made_for.to_owned(),
            lanes: session.lanes_for_draft(),
            repairs: 0,
        }),
        Some(_) => step.events.push(Event::Retried { by: by.clone(), message: Untrusted::default() }),
        None => {}
    }
    Ok(step)
}

/// The call of that number.
pub(super) fn call(session: &Session, number: u32) -> Option<&CallRecord> {
    session.calls.get(number.checked_sub(1)? as usize)
}

/// Millionths as dollars with as many digits as they need, at least two: `0.25`, `1.000001`.
#[must_use]
pub fn dollars(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    let short = text.trim_end_matches('0');
    let least = text.len() - 4;
    text[..short.len().max(least)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(micros: u64, text: &str) {
        assert_eq!(dollars(micros), text);
    }

    #[test]
    fn money_is_told_exactly() {
        check(0, "0.00");
        check(250_000, "0.25");
        check(1_000_001, "1.000001");
        check(12_300_000, "12.30");
    }
}
