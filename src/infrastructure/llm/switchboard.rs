//! Who is asked for what, what it may take, and the line to whoever answers.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

use super::{ChatError, ChatReply, ChatRequest, ModelName, PromptSize, Route, Streamed, Usage};
use crate::cancel::Cancel;
use crate::infrastructure::http::Secret;

/// What a role may take of one session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Millionths of a dollar.
    pub cost_micros: Option<u64>,
    /// Tokens.
    pub tokens: Option<u64>,
}

/// Whom a role asks, and on how short a lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lead {
    /// Models that can be asked, and what one call may take.
    pub route: Route,
    /// Tokens of prompt that the roomiest of them takes beside an answer.
    pub context_tokens: u64,
    /// The most tokens of an answer.
    pub max_output_tokens: u32,
    /// The setting that gives the roomiest of them more room.
    pub widen: String,
    /// What the role may take of one session.
    pub share: Share,
    /// The longest that one call may take, tries included.
    pub latency: Duration,
}

/// Tokens that a model may think before it says a word that an answer in a shape has. // 8,000: providers count them as the
/// answer's, and models that think by default take one to six thousand for a question of this size
const TO_THINK: u32 = 8_000;

impl Lead {
    /// The most tokens that are asked for, where the words of an answer in a shape take at most `words`: what a person set,
    /// else room to think beside the words.
    #[must_use]
    pub fn answer_in_a_shape(&self, words: u32) -> u32 {
        match self.route.max_output_tokens {
            Some(_) => self.max_output_tokens,
            None => words.saturating_add(TO_THINK).min(self.max_output_tokens),
        }
    }
}

/// Why a role has nobody to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoRoute {
    /// What is missing.
    pub why: String,
    /// What to type.
    pub next: String,
}

/// The models there are: configured, signed in, limited in their rate.
#[async_trait]
pub trait Switchboard: Send + Sync {
    /// Whom the role of that name asks.
    ///
    /// # Errors
    /// [`NoRoute`] where no model is configured for it, or none that is has its key.
    fn lead(&self, role: &str) -> Result<Lead, NoRoute>;

    /// The same role on the same lead, but asking that one model.
    ///
    /// # Errors
    /// [`NoRoute`] where the role has no lead, or the model's provider is not there or has no key.
    fn lead_to(&self, role: &str, model: &ModelName) -> Result<Lead, NoRoute>;

    /// The same role where it reads what `author` wrote: another model is asked before that one, where there is another.
    ///
    /// # Errors
    /// As [`Switchboard::lead`].
    fn lead_apart(&self, role: &str, author: &ModelName) -> Result<Lead, NoRoute> {
        let mut lead = self.lead(role)?;
        lead.route.prefer_others(author);
        Ok(lead)
    }

    /// How many tokens a model takes, prompt and answer together, where that is known: what its provider's setting
    /// `context` says, else what a table says.
    fn room(&self, model: &ModelName) -> Option<u64>;

    /// The most that a call can cost, in millionths of a dollar; none where its price is not known.
    fn at_most_micros(&self, model: &ModelName, input_tokens: u64, output_tokens: u32) -> Option<u64>;

    /// What a million tokens of prompt and of answer cost by the list, in millionths of a dollar, where that is known.
    fn list_price(&self, model: &ModelName) -> Option<(u64, u64)> {
        Some((self.at_most_micros(model, 1_000_000, 0)?, self.at_most_micros(model, 0, 1_000_000)?))
    }

    /// What `usage` costs at that model, in millionths of a dollar; none where its price is not known.
    fn cost_micros(&self, model: &ModelName, usage: &Usage) -> Option<u64>;

    /// Where that model's price comes from: the date of a table, `user`; empty where it is not known.
    fn price_source(&self, model: &ModelName) -> String;

    /// The most that all sessions of one day (UTC) may take, in millionths of a dollar.
    fn max_day_micros(&self) -> Option<u64>;

    /// What the role of that name may take of one session, whether or not it has anybody to ask.
    fn share(&self, _role: &str) -> Share {
        Share::default()
    }

    /// What a person does about a model that failed in this way.
    fn advice(&self, _model: &ModelName, _error: &ChatError) -> String {
        "paraph models --check".to_owned()
    }

    /// Takes what a client lends, under the name of its variable: a key, or what a program needs that prints one. Whether
    /// any provider's key comes that way.
    fn lend(&self, _variable: &str, _key: Secret) -> bool {
        false
    }

    /// Looks for the keys that asking that model takes, so that they are known, and hidden, before anything is written for
    /// it. Where one is not found whoever asks is told why.
    async fn find_keys(&self, _model: &ModelName, _cancel: &Cancel) {}

    /// Whether somebody can count a prompt for that model.
    fn counts(&self, _model: &ModelName) -> bool {
        false
    }

    /// How large a prompt is for that model: counted by whoever is to read it where that can be had, within its rate
    /// and a few seconds, else estimated.
    async fn size(&self, _model: &ModelName, request: &ChatRequest, _cancel: &Cancel) -> PromptSize {
        PromptSize::Estimated { tokens: request.estimated_tokens(), why: String::new() }
    }

    /// Asks one model, again where the provider is busy. `tries` counts how often it was sent; one that was asked
    /// before goes on counting.
    ///
    /// # Errors
    /// [`ChatError`]: of the last try. One that may be billed is never tried again here: whoever pays decides.
    async fn chat(
        &self,
        model: &ModelName,
        request: &ChatRequest,
        seen: &mut (dyn for<'p> FnMut(Streamed<'p>) + Send),
        tries: &mut u32,
        cancel: &Cancel,
    ) -> Result<ChatReply, ChatError>;

    /// Waits until that model may be asked again, after the `tries`-th try failed with `error`; false, at once, where it
    /// is not worth it, and where somebody asks to stop.
    async fn wait_to_ask_again(
        &self,
        _model: &ModelName,
        _error: &ChatError,
        _tries: u32,
        _seen: &mut (dyn for<'p> FnMut(Streamed<'p>) + Send),
        _cancel: &Cancel,
    ) -> bool {
        false
    }
}

/// A switchboard with nobody at it: what is there until a model is configured. Agents, which ask models of their own, are
/// held to its limits all the same.
#[derive(Debug, Clone, Default)]
pub struct Nobody {
    /// What all sessions of a day may take, in millionths of a dollar.
    pub day_micros: Option<u64>,
    /// What roles may take of one session.
    pub shares: BTreeMap<String, Share>,
}

#[async_trait]
impl Switchboard for Nobody {
    fn lead(&self, _role: &str) -> Result<Lead, NoRoute> {
        let next = "paraph config set model PROVIDER/MODEL, or paraph help models".to_owned();
        Err(NoRoute { why: "no model is configured".to_owned(), next })
    }

    fn lead_to(&self, role: &str, _model: &ModelName) -> Result<Lead, NoRoute> {
        self.lead(role)
    }

    fn room(&self, _model: &ModelName) -> Option<u64> {
        None
    }

    fn at_most_micros(&self, _model: &ModelName, _input_tokens: u64, _output_tokens: u32) -> Option<u64> {
        None
    }

    fn cost_micros(&self, _model: &ModelName, _usage: &Usage) -> Option<u64> {
        None
    }

    fn price_source(&self, _model: &ModelName) -> String {
        String::new()
    }

    fn max_day_micros(&self) -> Option<u64> {
        self.day_micros
    }

    fn share(&self, role: &str) -> Share {
        self.shares.get(role).copied().unwrap_or_default()
    }

    async fn chat(
        &self,
        model: &ModelName,
        _request: &ChatRequest,
        _seen: &mut (dyn for<'p> FnMut(Streamed<'p>) + Send),
        _tries: &mut u32,
        _cancel: &Cancel,
    ) -> Result<ChatReply, ChatError> {
        let why = "it is not configured".to_owned();
        Err(ChatError::Unreachable { provider: model.provider.clone(), why, lasts: true })
    }
}
