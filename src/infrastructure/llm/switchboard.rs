//! Who is asked for what, what it may take, and the line to whoever answers.

use std::time::Duration;

use async_trait::async_trait;

use super::{ChatError, ChatReply, ChatRequest, ModelName, Streamed, Usage};
use crate::cancel::Cancel;

/// Whom a role asks, in this order, and on how short a lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The first that can be asked is asked first.
    pub models: Vec<ModelName>,
    /// The most tokens of one answer.
    pub max_output_tokens: u32,
    /// Tokens of prompt that every model of the route takes.
    pub context_tokens: u64,
    /// The most that the role may take of one session, in millionths of a dollar.
    pub max_cost_micros: Option<u64>,
    /// The same in tokens.
    pub max_tokens: Option<u64>,
    /// The longest that one call may take, tries included.
    pub max_latency: Duration,
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
    fn route(&self, role: &str) -> Result<Route, NoRoute>;

    /// What `usage` costs at that model, in millionths of a dollar; none where its price is not known.
    fn cost_micros(&self, model: &ModelName, usage: &Usage) -> Option<u64>;

    /// Where that model's price comes from: the date of a table, `user`; empty where it is not known.
    fn price_source(&self, model: &ModelName) -> String;

    /// The most that all sessions of one day (UTC) may take, in millionths of a dollar.
    fn max_day_micros(&self) -> Option<u64>;

    /// Asks one model, again where the provider is busy. `tries` counts how often it was sent.
    ///
    /// # Errors
    /// [`ChatError`]: of the last try.
    async fn chat(
        &self,
        model: &ModelName,
        request: &ChatRequest,
        seen: &mut (dyn FnMut(Streamed<'_>) + Send),
        tries: &mut u32,
        cancel: &Cancel,
    ) -> Result<ChatReply, ChatError>;
}

/// A switchboard with nobody at it: what is there until a model is configured.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

#[async_trait]
impl Switchboard for Nobody {
    fn route(&self, role: &str) -> Result<Route, NoRoute> {
        let next = format!("paraph config set roles.{role} PROVIDER/MODEL, or paraph help agents");
        Err(NoRoute { why: "no model is configured".to_owned(), next })
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
        _seen: &mut (dyn FnMut(Streamed<'_>) + Send),
        _tries: &mut u32,
        _cancel: &Cancel,
    ) -> Result<ChatReply, ChatError> {
        Err(ChatError::Unreachable { provider: model.provider.clone(), why: "it is not configured".to_owned() })
    }
}
