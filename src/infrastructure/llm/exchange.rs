//! The exchange: every provider that is configured, with its key, its rate and its patience, and whom each role asks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::{
    ChatError, ChatModel, ChatReply, ChatRequest, KeySource, Keys, Lead, ModelName, Next, NoRoute, PriceTable,
    PromptSize, RateLimit, RetryPolicy, Route, Routes, Share, Sleeper, Streamed, Switchboard, Usage,
};
use crate::cancel::Cancel;
use crate::infrastructure::config::is_for_key_programs;
use crate::infrastructure::http::Secret;

/// The context that a model of which nothing is known is taken to have. // 32,768: the least of what is sold now
const UNKNOWN_ROOM: u64 = 32_768;

/// The longest answer where a role says nothing. // 16,384: a patch of 1,500 lines
const USUAL_ANSWER: u32 = 16_384;

/// The part of a context that an answer may take where a role says nothing, and where it says too much.
const USUAL_SHARE: u64 = 4;
const LARGEST_SHARE: u64 = 2;

/// The longest that a call may take where neither its role says how long, nor one of its providers that it takes longer.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// A provider and what keeps it on a short lead.
pub struct Counter {
    /// Who is asked.
    pub model: Arc<dyn ChatModel>,
    /// Where its key comes from.
    pub key: KeySource,
    /// Where keys come from that its headers hold beside it.
    pub beside: Vec<KeySource>,
    /// How much a minute.
    pub rate: RateLimit,
    /// Whether it counts the tokens of a prompt.
    pub counts: bool,
    /// Tokens that its models take, prompt and answer together, where its settings say so.
    pub context: Option<u32>,
    /// The longest that one call to it may take.
    pub patience: Duration,
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
    /// Keys that are lent for others than models: agents that Paraph holds a key for.
    pub others: Vec<KeySource>,
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
        let said = self.parts.providers.get(&model.provider).and_then(|counter| counter.context);
        said.map(u64::from).or_else(|| self.parts.prices.price(model)?.context)
    }

    /// The role's lead, as far as models of `route` can be asked.
    fn lead_on(&self, role: &str, mut route: Route) -> Result<Lead, NoRoute> {
        let missing: Vec<String> = route.models.iter().filter_map(|model| self.missing(model)).collect();
        route.models.retain(|model| self.missing(model).is_none());
        if route.models.is_empty() {
            return Err(NoRoute { why: missing.join("; "), next: "paraph models".to_owned() });
        }
        let known = |model: &ModelName| self.parts.prices.price(model);
        let room_of = |model: &ModelName| self.room(model).unwrap_or(UNKNOWN_ROOM);
        let room = route.models.iter().map(room_of).max().unwrap_or(UNKNOWN_ROOM);
        // what a model is known to answer at most; a larger wish is refused by some providers
        let most = route.models.iter().filter_map(|model| known(model)?.max_output).max().unwrap_or(u32::MAX);
        let share_of_room = |parts: u64| u32::try_from(room / parts).unwrap_or(u32::MAX);
        let wished = match route.max_output_tokens {
            Some(wished) => wished.min(share_of_room(LARGEST_SHARE)),
            None => USUAL_ANSWER.min(share_of_room(USUAL_SHARE)),
        };
        let max_output_tokens = wished.min(most).max(1);
        let roomiest = route.models.iter().max_by_key(|model| room_of(model));
        let widen = roomiest.map_or_else(String::new, |model| {
            format!("context = TOKENS under [providers.{}], now {}", model.provider, room_of(model))
        });
        let share = self.share(role);
        let patience = |model: &ModelName| Some(self.parts.providers.get(&model.provider)?.patience);
        let usual = || route.models.iter().filter_map(patience).fold(PATIENCE, Duration::max);
        let latency = route.max_latency.unwrap_or_else(usual);
        let context_tokens = room.saturating_sub(u64::from(max_output_tokens));
        Ok(Lead { route, context_tokens, max_output_tokens, widen, share, latency })
    }

    /// Why a model cannot be asked at all.
    fn missing(&self, model: &ModelName) -> Option<String> {
        let Some(counter) = self.parts.providers.get(&model.provider) else {
            return Some(format!("there is no provider `{}`", model.provider));
        };
        let mut keys = std::iter::once(&counter.key).chain(&counter.beside);
        let missing = keys.find(|key| self.parts.keys.is_missing(key))?;
        Some(format!("{} has no key: {missing} is not set", model.provider))
    }
}

#[async_trait]
impl Switchboard for Exchange {
    fn lead(&self, role: &str) -> Result<Lead, NoRoute> {
        let Some(routes) = &self.parts.routes else {
            let next = "paraph config set model openai/gpt-4.1 (any PROVIDER/MODEL), or paraph help models".to_owned();
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

    fn lead_apart(&self, role: &str, author: &ModelName) -> Result<Lead, NoRoute> {
        let Some(routes) = &self.parts.routes else { return self.lead(role) };
        let dear = |model: &ModelName| Some(self.parts.prices.price(model)?.rates.output);
        let mut route = routes.apart_from(role, author, dear);
        // who has no key reviews nothing: then it is the next
        if route.models.iter().any(|model| self.missing(model).is_none()) {
            route.models.retain(|model| self.missing(model).is_none());
        }
        self.lead_on(role, route)
    }

    fn room(&self, model: &ModelName) -> Option<u64> {
        Exchange::room(self, model)
    }

    fn at_most_micros(&self, model: &ModelName, input_tokens: u64, output_tokens: u32) -> Option<u64> {
        Some(self.parts.prices.price(model)?.at_most(input_tokens, output_tokens))
    }

    fn list_price(&self, model: &ModelName) -> Option<(u64, u64)> {
        let rates = self.parts.prices.price(model)?.rates;
        Some((rates.input, rates.output))
    }

    fn cost_micros(&self, model: &ModelName, usage: &Usage) -> Option<u64> {
        self.parts.prices.cost(model, usage)
    }

    fn price_source(&self, model: &ModelName) -> String {
        self.parts.prices.source(model).unwrap_or_default().to_owned()
    }

    fn advice(&self, model: &ModelName, error: &ChatError) -> String {
        let provider = &model.provider;
        let key = self.parts.providers.get(provider).map(|counter| &counter.key);
        match (error, key) {
            (ChatError::NotSignedIn { .. }, Some(KeySource::Variable(name))) => {
                format!("export {name}=… with a key that {provider} takes (paraph models --check tries it)")
            }
            (ChatError::NotSignedIn { .. }, Some(KeySource::Command(words))) => {
                format!("see what `{}` prints (paraph models --check tries it)", words.join(" "))
            }
            (ChatError::NotSignedIn { .. }, _) => {
                format!("key = \"env:NAME\" under [providers.{provider}] (paraph models --check tries it)")
            }
            (ChatError::Refused { status: 404, .. }, _) => {
                "paraph config set model PROVIDER/MODEL with a model that is there (paraph models --check)".to_owned()
            }
            (ChatError::TooLong { .. }, _) => {
                format!("context = TOKENS under [providers.{provider}] with what the model takes")
            }
            _ => "paraph models --check".to_owned(),
        }
    }

    fn lend(&self, variable: &str, key: Secret) -> bool {
        let wanted = KeySource::Variable(variable.to_owned());
        let of_providers =
            self.parts.providers.values().flat_map(|counter| std::iter::once(&counter.key).chain(&counter.beside));
        let sources = of_providers.chain(&self.parts.others);
        let (is_key, asks_programs) = sources.fold((false, false), |(is_key, asks), source| {
            (is_key || *source == wanted, asks || matches!(source, KeySource::Command(_)))
        });
        let is_for_programs = asks_programs && is_for_key_programs(variable);
        if is_for_programs {
            self.parts.keys.lend_to_programs(variable, &key);
        }
        if is_key {
            self.parts.keys.lend(variable, key);
        }
        is_key || is_for_programs
    }

    async fn find_keys(&self, model: &ModelName, cancel: &Cancel) {
        let Some(counter) = self.parts.providers.get(&model.provider) else { return };
        for source in std::iter::once(&counter.key).chain(&counter.beside) {
            tokio::select! {
                () = cancel.cancelled() => return,
                found = self.parts.keys.find(source) => drop(found),
            }
        }
    }

    fn max_day_micros(&self) -> Option<u64> {
        self.parts.day_micros
    }

    fn share(&self, role: &str) -> Share {
        self.parts.shares.get(role).copied().unwrap_or_default()
    }

    fn counts(&self, model: &ModelName) -> bool {
        self.parts.providers.get(&model.provider).is_some_and(|counter| counter.counts)
    }

    async fn size(&self, model: &ModelName, request: &ChatRequest, cancel: &Cancel) -> PromptSize {
        let estimated = |why: String| PromptSize::Estimated { tokens: request.estimated_tokens(), why };
        let Some(counter) = self.parts.providers.get(&model.provider).filter(|counter| counter.counts) else {
            return estimated(String::new());
        };
        if !counter.rate.spare() {
            return estimated(format!("{} takes no more requests now than the call's own", model.provider));
        }
        match counter.model.count(&model.model, request, cancel).await {
            Ok(Some(tokens)) => PromptSize::Exact(tokens),
            Ok(None) => estimated(String::new()),
            Err(error) => {
                tracing::info!(%model, %error, "a prompt could not be counted");
                estimated(error.to_string())
            }
        }
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
            return Err(ChatError::Unreachable { provider: model.provider.clone(), why, lasts: true });
        };
        let sleeper = self.parts.sleeper.as_ref();
        let tokens = request.estimated_tokens().saturating_add(u64::from(request.max_output_tokens));
        loop {
            *tries += 1;
            if let Some(pause) = counter.rate.would_wait(tokens) {
                let why = format!("at most {} to {}", counter.rate, model.provider);
                seen(Streamed::Waits { pause, next: *tries, why: &why });
            }
            counter.rate.admit(tokens, sleeper, cancel).await?;
            seen(Streamed::Sent);
            let mut spoke = false;
            let mut hear = |piece: Streamed<'_>| {
                spoke = true;
                seen(piece);
            };
            let answer = counter.model.chat(&model.model, request, &mut hear, cancel).await;
            let used = answer.as_ref().ok().and_then(|reply| reply.usage.input?.checked_add(reply.usage.output?));
            counter.rate.settle(tokens, used.unwrap_or(tokens));
            let error = match answer {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            // what was said is paid for, whatever ended it
            if spoke || error.may_be_billed() {
                return Err(error);
            }
            if !self.wait_to_ask_again(model, &error, *tries, seen, cancel).await {
                return Err(if cancel.is_cancelled() { ChatError::Cancelled } else { error });
            }
        }
    }

    async fn wait_to_ask_again(
        &self,
        model: &ModelName,
        error: &ChatError,
        tries: u32,
        seen: &mut (dyn for<'p> FnMut(Streamed<'p>) + Send),
        cancel: &Cancel,
    ) -> bool {
        let chance = self.chance.fetch_add(37, Ordering::Relaxed) % 100;
        let pause = match self.parts.patience.after(tries, error, chance) {
            Next::GiveUp(why) => {
                tracing::warn!(%model, %error, %why, "a model gave no answer");
                return false;
            }
            Next::After(pause) => pause,
        };
        tracing::info!(%model, %error, ?pause, "a model is asked again");
        seen(Streamed::Waits { pause, next: tries + 1, why: &error.to_string() });
        if let (ChatError::Busy { .. }, Some(counter)) = (error, self.parts.providers.get(&model.provider)) {
            counter.rate.hold(pause); // it means every session
        }
        tokio::select! {
            biased;
            () = cancel.cancelled() => false,
            () = self.parts.sleeper.sleep(pause) => true,
        }
    }
}
