//! Who is asked for what, what it may take, and the line to whoever answers.

use std::time::Duration;

use async_trait::async_trait;

use super::{ChatError, ChatReply, ChatRequest, ModelName, Route, Streamed, Usage};
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
    /// What the role may take of one session.
    pub share: Share,
    /// The longest that one call may take, tries included.
    pub latency: Duration,
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

    /// How many tokens of prompt a model takes, where that is known.
    fn room(&self, model: &ModelName) -> Option<u64>;

    /// The most that a call can cost, in millionths of a dollar; none where its price is not known.
    fn at_most_micros(&self, model: &ModelName, input_tokens: u64, output_tokens: u32) -> Option<u64>;

    /// What `usage` costs at that model, in millionths of a dollar; none where its price is not known.
    fn cost_micros(&self, model: &ModelName, usage: &Usage) -> Option<u64>;

    /// Where that model's price comes from: the date of a table, `user`; empty where it is not known.
    fn price_source(&self, model: &ModelName) -> String;

    /// The most that all sessions of one day (UTC) may take, in millionths of a dollar.
    fn max_day_micros(&self) -> Option<u64>;

    /// Takes a key that a client lends, under the name of its variable; whether any provider may read it.
    fn lend(&self, _variable: &str, _key: Secret) -> bool {
        false
    }

    /// Asks one model, again where the provider is busy. `tries` counts how often it was sent.
    ///
    /// # Errors
    /// [`ChatError`]: of the last try.
    async fn chat(
        &self,
        model: &ModelName,
        request: &ChatRequest,
        seen: &mut (dyn for<'p> FnMut(Streamed<'p>) + Send),
        tries: &mut u32,
        cancel: &Cancel,
    ) -> Result<ChatReply, ChatError>;
}

/// A switchboard with nobody at it: what is there until a model is configured.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

#[async_trait]
impl Switchboard for Nobody {
    fn lead(&self, _role: &str) -> Result<Lead, NoRoute> {
        let next = "paraph config set model PROVIDER/MODEL, or paraph help agents".to_owned();
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
        None
    }

    async fn chat(
        &self,
        model: &ModelName,
        _request: &ChatRequest,
        _seen: &mut (dyn for<'p> FnMut(Streamed<'p>) + Send),
        _tries: &mut u32,
        _cancel: &Cancel,
    ) -> Result<ChatReply, ChatError> {
        Err(ChatError::Unreachable { provider: model.provider.clone(), why: "it is not configured".to_owned() })
    }
}
