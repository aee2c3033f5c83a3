//! Counting a prompt with whoever is to read it: what is asked, what is read, and that no fault of a counter costs more
//! than a few seconds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use paraph::cancel::Cancel;
use paraph::clock::{FixedClock, Timestamp};
use paraph::infrastructure::llm::{
    ChatError, ChatModel, ChatReply, ChatRequest, CountBy, Counter, Exchange, ExchangeParts, KeySource, Keys,
    ModelName, PriceTable, PromptSize, ProviderSettings, RateLimit, RealSleeper, RetryPolicy, Streamed, Switchboard,
    ToolSpec, Wire,
};
use serde_json::{Value, json};

use crate::server::{Play, Server};
use crate::support::{KEY, provider, request};

/// Past the few seconds that a count may take, on a busy machine.
const BOUND: Duration = Duration::from_secs(9);

fn answer(body: &Value) -> Play {
    Play::Answer(200, vec![("content-type", "application/json".to_owned())], body.to_string().into_bytes())
}

fn with_tools() -> ChatRequest {
    let parameters = json!({"type": "object", "properties": {"path": {"type": "string"}}});
    let tool = ToolSpec { name: "read".to_owned(), description: "Reads.".to_owned(), parameters };
    ChatRequest { tools: vec![tool], ..request() }
}

fn settings(by: CountBy, url: &str) -> ProviderSettings {
    let wire = match by {
        CountBy::Anthropic => Wire::Anthropic,
        CountBy::Gemini => Wire::Gemini,
        _ => Wire::OpenAi,
    };
    ProviderSettings { count: by, ..ProviderSettings::new("acme", wire, format!("{url}/v1")) }
}

/// What a counter that answers `answers` is asked, and what it comes to.
async fn counted(by: CountBy, answers: &[Value]) -> (Result<Option<u64>, ChatError>, Server) {
    let server = Server::start(answers.iter().map(answer).collect()).await;
    let provider = provider(settings(by, &server.url()));
    (provider.count("some-model", &with_tools(), &Cancel::new()).await, server)
}

#[tokio::test]
async fn each_counter_is_asked_in_its_own_way() {
    type Case = (CountBy, &'static [&'static str], Vec<Value>);
    let cases: [Case; 5] = [
        (CountBy::Anthropic, &["/v1/messages/count_tokens"], vec![json!({"input_tokens": 2095})]),
        (CountBy::Gemini, &["/v1/models/some-model:countTokens"], vec![json!({"totalTokens": 2095})]),
        (
            CountBy::OpenAi,
            &["/v1/responses/input_tokens"],
            vec![json!({"object": "response.input_tokens", "input_tokens": 2095})],
        ),
        (CountBy::Vllm, &["/tokenize"], vec![json!({"count": 2095, "max_model_len": 4096, "tokens": [1, 2]})]),
        (
            CountBy::LlamaCpp,
            &["/apply-template", "/tokenize"],
            vec![json!({"prompt": "<|user|>Say something."}), json!({"tokens": vec![7; 2095]})],
        ),
    ];
    for (by, paths, answers) in cases {
        let (tokens, server) = counted(by, &answers).await;
        assert_eq!(tokens, Ok(Some(2095)), "{by:?}");
        let seen = server.seen();
        let lines: Vec<String> = paths.iter().map(|path| format!("POST {path} HTTP/1.1")).collect();
        assert_eq!(seen.iter().map(|seen| seen.line.clone()).collect::<Vec<_>>(), lines, "{by:?}");
        let all = seen[0].body.to_string();
        for part in ["Be brief.", "Say something.", "Reads."] {
            assert!(all.contains(part), "{by:?} is not asked about {part}: {all}");
        }
        for seen in &seen {
            let holders = seen.headers.iter().filter(|(_, value)| value.contains(KEY)).count();
            assert_eq!((holders, seen.body.to_string().contains(KEY)), (1, false), "{by:?}");
            assert!(!seen.body["stream"].as_bool().unwrap_or(false), "a count is not streamed: {by:?}");
        }
        if by == CountBy::LlamaCpp {
            assert_eq!(seen[1].body["content"], "<|user|>Say something.");
        }
    }
    let (tokens, server) = counted(CountBy::Nobody, &[json!({"input_tokens": 1})]).await;
    assert_eq!((tokens, server.seen().len()), (Ok(None), 0));
}

#[tokio::test]
async fn a_count_that_cannot_be_one_is_none() {
    let gateway = json!({"input_tokens": 40, "litellm_count_source": "local_estimate"});
    for answered in [json!({"input_tokens": 0}), json!({"input_tokens": 1_000_000_000_000_u64}), gateway] {
        let (counted, _) = counted(CountBy::Anthropic, std::slice::from_ref(&answered)).await;
        assert!(matches!(counted, Err(ChatError::Faulty { .. })), "{answered}: {counted:?}");
    }
}

#[tokio::test]
async fn each_known_provider_has_the_counter_that_it_has() {
    let known = |name| ProviderSettings::known(name).unwrap().count;
    let all = ["openai", "anthropic", "gemini", "google", "vllm", "llamacpp", "ollama", "lmstudio", "groq"].map(known);
    use CountBy::{Anthropic, Gemini, LlamaCpp, Nobody, OpenAi, Vllm};
    assert_eq!(all, [OpenAi, Anthropic, Gemini, Gemini, Vllm, LlamaCpp, Nobody, Nobody, Nobody]);
}

#[tokio::test]
async fn no_fault_of_a_counter_hangs_repeats_itself_or_shows_the_key() {
    let other = Server::start(vec![answer(&json!({"input_tokens": 1}))]).await;
    let html = || vec![("content-type", "text/html".to_owned())];
    let away = vec![("location", format!("{}/v1/messages/count_tokens", other.url()))];
    let plays = [
        ("404", Play::Answer(404, html(), b"<html>".to_vec())),
        ("401", Play::Answer(401, html(), format!("bad key {KEY}").into_bytes())),
        ("429", Play::Answer(429, vec![("retry-after", "3600".to_owned())], Vec::new())),
        ("500", Play::Answer(500, html(), Vec::new())),
        ("HTML", Play::Answer(200, html(), b"<html>hello".to_vec())),
        ("empty", Play::Answer(200, html(), Vec::new())),
        ("no count", answer(&json!({"input_tokens": -1}))),
        ("a text", answer(&json!({"input_tokens": format!("2095 {KEY}")}))),
        ("away", Play::Answer(307, away, Vec::new())),
        ("closed", Play::Closed),
        ("no HTTP", Play::Raw(b"SSH-2.0\r\n")),
        ("endless", Play::Endless("application/json", b"{".to_vec(), vec![b' '; 64 << 10])),
        ("silent", Play::Silent),
    ];
    for (name, play) in plays {
        let server = Server::start(vec![play]).await;
        let provider = provider(settings(CountBy::Anthropic, &server.url()));
        let began = Instant::now();
        let error = provider.count("m", &request(), &Cancel::new()).await.unwrap_err();
        assert!(began.elapsed() < BOUND, "{name} took {:?}", began.elapsed());
        let (asked, again) = (server.seen().len(), provider.count("m", &request(), &Cancel::new()).await);
        assert_eq!((again.as_ref(), server.seen().len()), (Err(&error), asked), "{name}: it is left alone for a while");
        assert!(!format!("{error} {error:?}").contains(KEY), "{name}: {error:?}");
    }
    assert_eq!(other.seen().len(), 0, "another host is told nothing");
    // a wish to stop is no fault of the counter
    let server = Server::start(vec![Play::Silent, answer(&json!({"input_tokens": 5}))]).await;
    let provider = provider(settings(CountBy::Anthropic, &server.url()));
    let cancel = Cancel::new();
    let stop = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        cancel.cancel();
    };
    let request = request();
    let (stopped, ()) = tokio::join!(provider.count("m", &request, &cancel), stop);
    assert_eq!(stopped, Err(ChatError::Cancelled));
    assert_eq!(provider.count("m", &request, &Cancel::new()).await, Ok(Some(5)));
}

/// Counts as it is told to, and answers nothing.
struct Counts(Result<Option<u64>, ChatError>);

#[async_trait]
impl ChatModel for Counts {
    async fn chat(
        &self,
        _: &str,
        _: &ChatRequest,
        _: &mut (dyn for<'p> FnMut(Streamed<'p>) + Send),
        _: &Cancel,
    ) -> Result<ChatReply, ChatError> {
        Err(ChatError::Cancelled)
    }

    async fn count(&self, _: &str, _: &ChatRequest, _: &Cancel) -> Result<Option<u64>, ChatError> {
        self.0.clone()
    }
}

/// What a switchboard says of the size, asked as often as there are answers.
async fn check_sizes(counts: Result<Option<u64>, ChatError>, a_minute: Option<u32>, expected: &[PromptSize]) {
    let clock = Arc::new(FixedClock::at(Timestamp(0)));
    let model: ModelName = "acme/m".parse().unwrap();
    let counter = Counter {
        beside: Vec::new(),
        model: Arc::new(Counts(counts)),
        key: KeySource::None,
        rate: RateLimit::new(a_minute, None, clock),
        counts: true,
        context: None,
        patience: Duration::from_secs(900),
    };
    let exchange = Exchange::new(ExchangeParts {
        providers: BTreeMap::from([("acme".to_owned(), counter)]),
        routes: None,
        shares: BTreeMap::new(),
        prices: PriceTable::shipped(),
        day_micros: None,
        patience: RetryPolicy::default(),
        sleeper: Arc::new(RealSleeper),
        keys: Arc::new(Keys::new(BTreeMap::new(), Vec::new())),
        others: Vec::new(),
    });
    for size in expected {
        assert_eq!(exchange.size(&model, &request(), &Cancel::new()).await, *size);
    }
}

#[tokio::test]
async fn what_cannot_be_counted_within_the_rate_is_estimated_and_says_why() {
    let tokens = request().estimated_tokens();
    let estimated = |why: &str| PromptSize::Estimated { tokens, why: why.to_owned() };
    let why = "acme takes no more requests now than the call's own";
    check_sizes(Ok(Some(7)), None, &[PromptSize::Exact(7), PromptSize::Exact(7)]).await;
    check_sizes(Ok(Some(7)), Some(2), &[PromptSize::Exact(7), estimated(why)]).await;
    check_sizes(Ok(Some(7)), Some(1), &[estimated(why)]).await;
    check_sizes(Ok(None), None, &[estimated("")]).await;
    let failed = ChatError::Failed { provider: "acme".to_owned(), status: 500 };
    check_sizes(Err(failed), None, &[estimated("acme failed (HTTP 500)")]).await;
}
