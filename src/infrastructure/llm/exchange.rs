//! The exchange: every provider that is configured, with its key, its rate and its patience, and whom each role asks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::{
    ChatError, ChatModel, ChatReply, ChatRequest, KeySource, Keys, Lead, ModelName, Next, NoRoute, PriceTable,
    RateLimit, RetryPolicy, Route, Routes, Share, Sleeper, Streamed, Switchboard, Usage,
};
use crate::cancel::Cancel;
use crate::infrastructure::http::Secret;

/// The prompt that a model of which nothing is known is taken to have room for. // 32,768: the least of what is sold now
const UNKNOWN_ROOM: u64 = 32_768;

/// The longest that a call may take where neither role nor provider says less.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// A provider and what keeps it on a short lead.
pub struct Counter {
    /// Who is asked.
    pub model: Arc<dyn ChatModel>,
    /// Where its key comes from.
    pub key: KeySource,
    /// How much a minute.
    pub rate: RateLimit,
}

/// What an exchange is made of.
pub struct ExchangeParts {
    /// By name.
    pub providers: BTreeMap<String, Counter>,
    /// Whom roles ask; none where no model is configured.
    pub routes: Option<Routes>,
    /// What each role may take, by its name.
    pub shares: BTreeMap<String, Share>,
    /// What models cost.
    pub prices: PriceTable,
    /// What all sessions of a day may take, in millionths of a dollar.
    pub day_micros: Option<u64>,
    /// How often and how long it is tried again.
    pub patience: RetryPolicy,
    /// Waits between tries.
    pub sleeper: Arc<dyn Sleeper>,
    /// Where keys are found.
    pub keys: Arc<Keys>,
}

/// The switchboard of a configuration.
pub struct Exchange {
    parts: ExchangeParts,
    /// Spreads tries of several sessions; no secret hangs on it.
    chance: AtomicU32,
}

impl Exchange {
    /// An exchange; nobody is asked and no key is looked for yet.
    #[must_use]
    pub fn new(parts: ExchangeParts) -> Self {
        Self { parts, chance: AtomicU32::new(0) }
    }

    fn room(&self, model: &ModelName) -> Option<u64> {
        self.parts.prices.price(model)?.context
    }

    /// The role's lead, as far as models of `route` can be asked.
    fn lead_on(&self, role: &str, mut route: Route) -> Result<Lead, NoRoute> {
        let missing: Vec<String> = route.models.iter().filter_map(|model| self.missing(model)).collect();
        route.models.retain(|model| self.missing(model).is_none());
        if route.models.is_empty() {
            return Err(NoRoute { why: missing.join("; "), next: "paraph models".to_owned() });
        }
        let known = |model: &ModelName| self.parts.prices.price(model);
        // what a model is known to answer at most; a larger wish is refused by some providers
        let most = route.models.iter().filter_map(|model| known(model)?.max_output).max();
        route.max_output_tokens = route.max_output_tokens.min(most.unwrap_or(u32::MAX));
        let room = route.models.iter().map(|model| self.room(model).unwrap_or(UNKNOWN_ROOM)).max();
        let share = self.parts.shares.get(role).copied().unwrap_or_default();
        let latency = route.max_latency.unwrap_or(PATIENCE);
        let answer = u64::from(route.max_output_tokens);
        let context_tokens = room.unwrap_or(UNKNOWN_ROOM).saturating_sub(answer);
        Ok(Lead { route, context_tokens, share, latency })
    }

    /// Why a model cannot be asked at all.
    fn missing(&self, model: &ModelName) -> Option<String> {
        let Some(counter) = self.parts.providers.get(&model.provider) else {
            return Some(format!("there is no provider `{}`", model.provider));
        };
        self.parts.keys.is_missing(&counter.key).then(|| format!("{} has no key: {}", model.provider, counter.key))
    }
}

#[async_trait]
impl Switchboard for Exchange {
    fn lead(&self, role: &str) -> Result<Lead, NoRoute> {
        let Some(routes) = &self.parts.routes else {
            let next = "paraph config set model openai/gpt-4.1 (any PROVIDER/MODEL), or paraph help agents".to_owned();
            return Err(NoRoute { why: "no model is configured".to_owned(), next });
        };
        self.lead_on(role, routes.of(role).clone())
    }

    fn lead_to(&self, role: &str, model: &ModelName) -> Result<Lead, NoRoute> {
        let route = match &self.parts.routes {
            Some(routes) => routes.of(role).clone(),
            None => Route::to(model.clone()),
        };
        self.lead_on(role, Route { models: vec![model.clone()], ..route })
    }

    fn room(&self, model: &ModelName) -> Option<u64> {
        Exchange::room(self, model)
    }

    fn at_most_micros(&self, model: &ModelName, input_tokens: u64, output_tokens: u32) -> Option<u64> {
        Some(self.parts.prices.price(model)?.at_most(input_tokens, output_tokens))
    }

    fn cost_micros(&self, model: &ModelName, usage: &Usage) -> Option<u64> {
        match self.parts.prices.price(model) {
            Some(price) => price.cost(usage),
            None => usage.cost_micros,
        }
    }

    fn price_source(&self, model: &ModelName) -> String {
        self.parts.prices.source(model).unwrap_or_default().to_owned()
    }

    fn lend(&self, variable: &str, key: Secret) -> bool {
        let wanted = KeySource::Variable(variable.to_owned());
        let reads = self.parts.providers.values().any(|counter| counter.key == wanted);
        if reads {
            self.parts.keys.lend(variable, key);
        }
        reads
    }

    fn max_day_micros(&self) -> Option<u64> {
        self.parts.day_micros
    }

    async fn chat(
        &self,
        model: &ModelName,
        request: &ChatRequest,
        seen: &mut (dyn for<'p> FnMut(Streamed<'p>) + Send),
        tries: &mut u32,
        cancel: &Cancel,
    ) -> Result<ChatReply, ChatError> {
        let Some(counter) = self.parts.providers.get(&model.provider) else {
            let why = "it is not configured".to_owned();
            return Err(ChatError::Unreachable { provider: model.provider.clone(), why });
        };
        let sleeper = self.parts.sleeper.as_ref();
        let tokens = request.estimated_tokens().saturating_add(u64::from(request.max_output_tokens));
        loop {
            *tries += 1;
            counter.rate.admit(tokens, sleeper, cancel).await?;
            let answer = counter.model.chat(&model.model, request, seen, cancel).await;
            let used = answer.as_ref().ok().and_then(|reply| reply.usage.input?.checked_add(reply.usage.output?));
            counter.rate.settle(tokens, used.unwrap_or(tokens));
            let error = match answer {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            let chance = self.chance.fetch_add(37, Ordering::Relaxed) % 100;
            let pause = match self.parts.patience.after(*tries, &error, chance) {
                Next::GiveUp(why) => {
                    tracing::warn!(%model, %error, ?why, "a model gave no answer");
                    return Err(error);
                }
                Next::After(pause) => pause,
            };
            tracing::info!(%model, %error, ?pause, "a model is asked again");
            if matches!(error, ChatError::Busy { .. }) {
                counter.rate.hold(pause); // it means every session
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(ChatError::Cancelled),
                () = sleeper.sleep(pause) => {}
            }
        }
    }
}
