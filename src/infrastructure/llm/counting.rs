//! How many tokens a prompt has, asked of the server that is to read it: exact, as it counts what it is sent.
//!
//! A count is worth having and no more than that: it has little time, a counter that failed is left alone for a while,
//! and whoever asked goes on with the estimate and says so.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::chat::MOST_AROUND;
use super::settings::ProviderSettings;
use super::{ChatError, ChatRequest};

/// The longest that a count may take. // 5 s: a prompt of 200,000 tokens on a slow line; a call takes longer by far
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How long a counter that failed is left alone.
const REST: Duration = Duration::from_secs(60);

/// Who counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountBy {
    /// Nobody: the estimate counts.
    Nobody,
    /// Anthropic's `/messages/count_tokens`.
    Anthropic,
    /// Gemini's `:countTokens`.
    Gemini,
    /// OpenAI's `/responses/input_tokens`, which counts the same words in the form of its newer interface.
    OpenAi,
    /// vLLM's `/tokenize`, beside its `/v1`.
    Vllm,
    /// llama.cpp's `/apply-template` and `/tokenize`, beside its `/v1`.
    LlamaCpp,
}

impl CountBy {
    /// Every way, by the name in the configuration.
    pub const ALL: [(&str, Self); 6] = [
        ("none", Self::Nobody),
        ("anthropic", Self::Anthropic),
        ("gemini", Self::Gemini),
        ("openai", Self::OpenAi),
        ("vllm", Self::Vllm),
        ("llamacpp", Self::LlamaCpp),
    ];

    /// The way of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, way)| *way)
    }
}

/// One request of a count.
#[derive(Debug, PartialEq)]
pub(super) struct CountAsk {
    /// What follows the address.
    pub(super) path: String,
    /// Whether it stands beside the version of the base URL, not below it.
    pub(super) beside: bool,
    /// What is sent.
    pub(super) body: Value,
}

/// What is asked first; `body` is what a call would send.
pub(super) fn ask(settings: &ProviderSettings, model: &str, request: &ChatRequest, body: Value) -> Option<CountAsk> {
    let below = |path: String, body| Some(CountAsk { path, beside: false, body });
    let beside = |path: &str, body| Some(CountAsk { path: path.to_owned(), beside: true, body });
    match settings.count {
        CountBy::Nobody => None,
        CountBy::Anthropic => {
            below("/messages/count_tokens".to_owned(), without(body, &["max_tokens", "stream", "temperature"]))
        }
        CountBy::Gemini => {
            let mut whole = body;
            let name = model.strip_prefix("models/").unwrap_or(model);
            whole["model"] = json!(format!("models/{name}"));
            let path = format!("/models/{}:countTokens", super::gemini::in_path(name));
            below(path, json!({ "generateContentRequest": whole }))
        }
        CountBy::OpenAi => below("/responses/input_tokens".to_owned(), of_responses(settings, model, request)),
        CountBy::Vllm => {
            let mut asked = json!({ "model": model, "messages": body["messages"], "add_generation_prompt": true });
            if body["tools"].is_array() {
                asked["tools"] = body["tools"].clone();
            }
            beside("/tokenize", asked)
        }
        // its template may hold the tools and the shape too, so it gets what the call will send
        CountBy::LlamaCpp => beside("/apply-template", without(body, &["stream", "stream_options"])),
    }
}

/// Bytes of a prompt that no tokenizer makes one token of, on the whole. // 24: long runs of blanks come near it
const MOST_BYTES_A_TOKEN: u64 = 24;

/// Why a count of a prompt of `bytes` cannot be one; gateways have counted an empty prompt instead of the one sent.
pub(super) fn unlikely(tokens: u64, bytes: u64) -> Option<String> {
    let fits = tokens >= bytes / MOST_BYTES_A_TOKEN && tokens <= bytes.saturating_add(MOST_AROUND);
    (!fits).then(|| format!("it counts {tokens} tokens in {bytes} bytes"))
}

/// What an answer to [`ask`] says, or what is asked next.
pub(super) fn read(by: CountBy, answer: &Value) -> Result<Counted, &'static str> {
    if answer["litellm_count_source"] == "local_estimate" {
        return Err("it is an estimate of the gateway's own");
    }
    let tokens = |name: &str| answer[name].as_u64().map(Counted::Tokens);
    match by {
        CountBy::Nobody => None,
        CountBy::Anthropic | CountBy::OpenAi => tokens("input_tokens"),
        CountBy::Gemini => tokens("totalTokens"),
        CountBy::Vllm => tokens("count"),
        CountBy::LlamaCpp => match (answer["tokens"].as_array(), answer["prompt"].as_str()) {
            (Some(list), _) => Some(Counted::Tokens(list.len() as u64)),
            (None, Some(prompt)) => Some(Counted::Next(CountAsk {
                path: "/tokenize".to_owned(),
                beside: true,
                body: json!({ "content": prompt, "add_special": true, "parse_special": true }),
            })),
            (None, None) => None,
        },
    }
    .ok_or("it is JSON without a count")
}

/// What came of one request of a count.
#[derive(Debug, PartialEq)]
pub(super) enum Counted {
    Tokens(u64),
    Next(CountAsk),
}

fn without(mut body: Value, names: &[&str]) -> Value {
    if let Some(fields) = body.as_object_mut() {
        names.iter().for_each(|name| drop(fields.remove(*name)));
    }
    body
}

/// The same question in the form of OpenAI's responses, as far as it is counted.
fn of_responses(settings: &ProviderSettings, model: &str, request: &ChatRequest) -> Value {
    let mut body = super::responses::prompt(settings, model, request);
    if let Some(input) = body["input"].as_array_mut() {
        input.retain(|item| item["type"] != "reasoning"); // no counter takes them
    }
    body
}

/// A counter that failed for a model is not asked again at once, and one that is not there never.
#[derive(Debug, Default)]
pub(super) struct Resting(Mutex<HashMap<String, (Duration, ChatError)>>);

impl Resting {
    /// Why nobody is asked at `now`.
    pub(super) fn at(&self, model: &str, now: Duration) -> Option<ChatError> {
        let resting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        resting.get(model).filter(|(until, _)| now < *until).map(|(_, why)| why.clone())
    }

    /// It failed at `now`.
    pub(super) fn begin(&self, model: &str, now: Duration, why: &ChatError) {
        let until = match why {
            // it was stopped, or it counted in its own way
            ChatError::Cancelled | ChatError::TooLong { .. } => return,
            ChatError::Refused { status: 404 | 405 | 410 | 501, .. } => Duration::MAX,
            ChatError::Busy { retry_after: Some(pause), .. } => now.saturating_add((*pause).max(REST)),
            _ => now.saturating_add(REST),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(model.to_owned(), (until, why.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16) -> ChatError {
        ChatError::Refused { provider: "p".to_owned(), status, said: String::new() }
    }

    #[track_caller]
    fn check_rest(why: &ChatError, rests: &[(u64, bool)]) {
        let resting = Resting::default();
        resting.begin("m", Duration::from_secs(10), why);
        assert_eq!(resting.at("other", Duration::from_secs(11)), None);
        for (second, expected) in rests {
            assert_eq!(resting.at("m", Duration::from_secs(*second)).is_some(), *expected, "{why} at {second}");
        }
    }

    #[test]
    fn a_counter_that_failed_is_left_alone_and_one_that_is_not_there_for_good() {
        check_rest(&refused(404), &[(11, true), (1 << 40, true)]);
        check_rest(&refused(400), &[(11, true), (69, true), (70, false)]);
        let busy = |pause| ChatError::Busy { provider: "p".to_owned(), status: 429, retry_after: pause };
        check_rest(&busy(Some(Duration::from_secs(300))), &[(309, true), (310, false)]);
        check_rest(&busy(Some(Duration::ZERO)), &[(69, true), (70, false)]);
        check_rest(&ChatError::Cancelled, &[(11, false)]);
    }

    #[test]
    fn an_answer_without_a_count_is_none() {
        for (_, by) in CountBy::ALL {
            for answer in
                [json!({}), json!([]), json!({"input_tokens": "12"}), json!({"count": -1, "totalTokens": 1.5})]
            {
                assert!(read(by, &answer).is_err(), "{by:?} {answer}");
            }
        }
        assert_eq!(read(CountBy::Vllm, &json!({"count": 0, "tokens": []})), Ok(Counted::Tokens(0)));
        assert_eq!(read(CountBy::LlamaCpp, &json!({"tokens": [1, {"id": 2}]})), Ok(Counted::Tokens(2)));
    }
}
