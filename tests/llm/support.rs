//! What every test here needs: a provider with a key that must never show, asked once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use paraph::cancel::Cancel;
use paraph::clock::{FixedClock, Timestamp};
use paraph::infrastructure::http::{HttpClient, HttpLimits, HttpSettings, Secret};
use paraph::infrastructure::llm::{
    ChatError, ChatModel, ChatReply, ChatRequest, KeySource, Keys, Message, Provider, ProviderSettings, Streamed,
};

/// The key of every provider here.
pub(crate) const KEY: &str = "sk-canary-7f3a9c2e51d84b60";

/// Short enough for a test of each limit, long enough for a machine that is busy with all of them.
pub(crate) const LIMITS: HttpLimits = HttpLimits {
    first: Duration::from_secs(2),
    idle: Duration::from_secs(2),
    total: Duration::from_secs(5),
    bytes: 2 << 20,
    line: 256 << 10,
};

pub(crate) fn request() -> ChatRequest {
    ChatRequest {
        system: vec!["Be brief.".to_owned()],
        messages: vec![Message::user("Say something.")],
        tools: Vec::new(),
        calls_forbidden: false,
        shape: None,
        max_output_tokens: 1_000,
        temperature_hundredths: Some(20),
    }
}

pub(crate) fn http() -> HttpClient {
    let connect = Duration::from_millis(700);
    HttpClient::new(HttpSettings { connect, ..HttpSettings::default() }).unwrap()
}

/// The clock says 2026-11-28T12:00:00Z.
pub(crate) fn provider(settings: ProviderSettings) -> Provider {
    provider_through(settings, http())
}

pub(crate) fn provider_through(settings: ProviderSettings, http: HttpClient) -> Provider {
    provider_within(settings, http, LIMITS)
}

pub(crate) fn provider_within(settings: ProviderSettings, http: HttpClient, limits: HttpLimits) -> Provider {
    let keys = Keys::new(BTreeMap::from([("KEY".to_owned(), Secret::new(KEY))]), Vec::new());
    let clock = FixedClock::at("2026-11-28T12:00:00.000Z".parse::<Timestamp>().unwrap());
    let settings = ProviderSettings { key: KeySource::Variable("KEY".to_owned()), limits, ..settings };
    Provider::new(settings, http, Arc::new(keys), Arc::new(clock))
}

/// What came of asking: the answer, and what was told on the way.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) outcome: Result<ChatReply, ChatError>,
    pub(crate) text: String,
    pub(crate) thinking: String,
    pub(crate) calls: Vec<String>,
}

pub(crate) async fn ask(provider: &Provider, request: &ChatRequest) -> Asked {
    ask_until(provider, request, &Cancel::new()).await
}

pub(crate) async fn ask_until(provider: &Provider, request: &ChatRequest, cancel: &Cancel) -> Asked {
    let (mut text, mut thinking, mut calls) = (String::new(), String::new(), Vec::new());
    let mut seen = |piece: Streamed<'_>| match piece {
        Streamed::Text(more) => text.push_str(more),
        Streamed::Thinking(more) => thinking.push_str(more),
        Streamed::Call(name) => calls.push(name.to_owned()),
        Streamed::Took(_) => {}
        Streamed::Sent | Streamed::Waits { .. } => unreachable!("a provider is asked once"),
    };
    let outcome = provider.chat("some-model", request, &mut seen, cancel).await;
    Asked { outcome, text, thinking, calls }
}
