//! What a provider's refusal means: statuses, error objects and words, made one of the few [`ChatError`]s.

use std::time::Duration;

use serde_json::Value;

use super::ChatError;
use super::gathered::Wrong;
use super::json::text;

/// What a refused request says.
pub(super) struct Refusal<'a> {
    pub(super) provider: &'a str,
    pub(super) model: &'a str,
    pub(super) status: u16,
    /// Its words, masked and shortened.
    pub(super) said: String,
    pub(super) retry_after: Option<Duration>,
}

/// The error that a status and the words with it stand for.
pub(super) fn refused(Refusal { provider, model, status, said, retry_after }: Refusal<'_>) -> ChatError {
    let provider = provider.to_owned();
    match status {
        400 | 413 | 422 | 500 if status == 413 || is_overflow(&said) => {
            ChatError::TooLong { model: model.to_owned(), said }
        }
        // Google says this with 400
        400 if is_about_the_key(&said) => ChatError::NotSignedIn { provider, said },
        401 | 403 => ChatError::NotSignedIn { provider, said },
        // no money is not too many requests: waiting does not help
        429 if is_unpaid(&said) => ChatError::Refused { provider, status, said },
        429 | 503 | 529 => ChatError::Busy { provider, status, retry_after },
        408 | 500.. => ChatError::Failed { provider, status },
        _ => ChatError::Refused { provider, status, said },
    }
}

/// Whether the words say that the prompt is too large. Providers have no common code for it.
fn is_overflow(said: &str) -> bool {
    // OpenAI, vLLM, llama.cpp, Anthropic, Gemini, Groq, OpenRouter, Ollama, LiteLLM
    const WORDS: [&str; 15] = [
        "context_length_exceeded",
        "context length",
        "context window",
        "contextwindowexceeded",
        "exceed_context_size",
        "context size",
        "context limit",
        "prompt is too long",
        "input is too long",
        "exceeds the maximum number of tokens",
        "prompt too long",
        "too many input tokens",
        "input tokens exceed the configured limit",
        "maximum input length is",
        "is longer than the model",
    ];
    let said = said.to_ascii_lowercase();
    WORDS.iter().any(|words| said.contains(words))
}

fn is_about_the_key(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    ["api key not valid", "api_key_invalid", "api key expired"].iter().any(|words| said.contains(words))
}

fn is_unpaid(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    ["insufficient_quota", "exceeded your current quota, please check your plan", "credit balance"]
        .iter()
        .any(|words| said.contains(words) && !said.contains("retry in"))
}

/// An error object in place of an answer.
pub(super) fn reported(error: &Value) -> Wrong {
    let number = |pointer: &str| {
        let value = error.pointer(pointer)?;
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        number.and_then(|number| u16::try_from(number).ok()).filter(|number| (400..600).contains(number))
    };
    let kinds =
        [text(error, "/type"), text(error, "/code"), text(error, "/status"), text(error, "/metadata/error_type")];
    let status =
        number("/code").or_else(|| number("/status")).or_else(|| kinds.iter().find_map(|kind| status_of(kind)));
    Wrong::Reported { status, said: words(error) }
}

/// The status that an error's kind stands for.
fn status_of(kind: &str) -> Option<u16> {
    Some(match kind {
        "authentication_error" | "invalid_api_key" | "UNAUTHENTICATED" => 401,
        "permission_error" | "PERMISSION_DENIED" => 403,
        "not_found_error" | "NOT_FOUND" => 404,
        "request_too_large" => 413,
        "insufficient_quota" | "billing_error" => 402,
        "rate_limit_error" | "rate_limit_exceeded" | "RESOURCE_EXHAUSTED" => 429,
        "invalid_request_error" | "context_length_exceeded" | "INVALID_ARGUMENT" | "FAILED_PRECONDITION" => 400,
        // what OpenAI will not answer, found while it was about to
        "invalid_prompt" | "bio_policy" | "misalignment_policy_violation" | "data_residency_mismatch" => 400,
        "overloaded_error" | "overloaded" => 529,
        "UNAVAILABLE" => 503,
        "timeout_error" | "DEADLINE_EXCEEDED" => 504,
        "api_error" | "server_error" | "internal_server_error" | "INTERNAL" => 500,
        _ => return None,
    })
}

/// The words of an error: of its object, of one of the forms around it, or the text itself where it is no JSON.
pub(super) fn words(error: &Value) -> String {
    let object = error.get("error").filter(|inner| !inner.is_null()).unwrap_or(error);
    if let Some(said) = object.as_str() {
        return said.to_owned();
    }
    let message = ["/message", "/detail", "/error_description", "/0/error/message"]
        .into_iter()
        .map(|pointer| text(object, pointer))
        .find(|said| !said.is_empty())
        .map_or_else(|| object.to_string(), str::to_owned);
    let mut said = message;
    // a gateway keeps what its upstream said in one of these
    for more in [text(object, "/code"), text(object, "/metadata/error_type"), text(object, "/metadata/raw")] {
        let says_more = !more.is_empty() && more.parse::<u32>().is_err();
        if says_more && !said.contains(more) {
            said = format!("{said} ({more})");
        }
    }
    said
}

/// The words of an error's body, whatever it is.
pub(super) fn words_of_body(body: &[u8]) -> String {
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        return if value.is_null() { String::new() } else { words(&value) };
    }
    let text = String::from_utf8_lossy(body);
    if is_html(body) { "an HTML page".to_owned() } else { text.trim().to_owned() }
}

/// Whether bytes begin as a web page does.
pub(super) fn is_html(body: &[u8]) -> bool {
    let begin = body.trim_ascii_start().get(..14).unwrap_or_default().to_ascii_lowercase();
    begin.starts_with(b"<!doctype") || begin.starts_with(b"<html")
}

/// How long Google asks to wait; it says so in the error's details.
pub(super) fn delay_in_body(body: &[u8]) -> Option<Duration> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let object = value.get(0).unwrap_or(&value);
    let details = object.pointer("/error/details")?.as_array()?;
    let delay = details.iter().map(|detail| text(detail, "/retryDelay")).find(|delay| !delay.is_empty())?;
    Duration::try_from_secs_f64(delay.strip_suffix('s')?.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(status: u16, said: &str, expected: &str) {
        let refusal = Refusal { provider: "p", model: "m", status, said: said.to_owned(), retry_after: None };
        let error = format!("{:?}", refused(refusal));
        assert!(error.starts_with(expected), "{status} {said}: {error}");
    }

    #[test]
    fn every_providers_words_for_a_prompt_that_is_too_large_are_known() {
        for said in [
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
            "prompt is too long: 213462 tokens > 200000 maximum",
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            "the request exceeds the available context size, try increasing it",
            "the input length exceeds the context length",
            "Your input exceeds the context window of this model. (context_length_exceeded)",
        ] {
            check(400, said, "TooLong");
        }
        check(400, "API key not valid. Please pass a valid API key.", "NotSignedIn");
        check(413, "Request too large", "TooLong");
        check(400, "max_tokens is too large: 5000. This model supports at most 4096 completion tokens", "Refused");
    }

    #[test]
    fn statuses_have_one_meaning_each() {
        for (status, expected) in [
            (401, "NotSignedIn"),
            (402, "Refused"),
            (403, "NotSignedIn"),
            (404, "Refused"),
            (408, "Failed"),
            (409, "Refused"),
            (422, "Refused"),
            (429, "Busy"),
            (500, "Failed"),
            (502, "Failed"),
            (503, "Busy"),
            (504, "Failed"),
            (529, "Busy"),
        ] {
            check(status, "no", expected);
        }
        check(429, "You exceeded your current quota, please check your plan (insufficient_quota)", "Refused");
    }

    #[test]
    fn an_error_in_place_of_an_answer_has_the_status_that_it_names() {
        for (error, status) in [
            (json!({"code": 502, "message": "upstream"}), Some(502)),
            (json!({"code": "429", "message": "slow down"}), Some(429)),
            (json!({"type": "overloaded_error", "message": "Overloaded"}), Some(529)),
            (json!({"type": "odd", "code": "rate_limit_exceeded"}), Some(429)),
            (json!({"code": 5, "status": "UNAVAILABLE"}), Some(503)),
            (json!("model runner has unexpectedly stopped"), None),
            (json!({"code": 99_999}), None),
        ] {
            assert!(matches!(reported(&error), Wrong::Reported { status: found, .. } if found == status), "{error}");
        }
    }

    #[test]
    fn words_are_found_in_every_form() {
        for (body, said) in [
            (r#"{"error":{"message":"no such model","type":"invalid"}}"#, "no such model"),
            (r#"{"error":"no such model"}"#, "no such model"),
            (r#"[{"error":{"message":"no such model"}}]"#, "no such model"),
            (r#"{"detail":"no such model"}"#, "no such model"),
            (r#"{"error":{"message":"bad","code":"too_bad"}}"#, "bad (too_bad)"),
            (" upstream connect error\n", "upstream connect error"),
            ("<!DOCTYPE html><html>…", "an HTML page"),
            ("", ""),
        ] {
            assert_eq!(words_of_body(body.as_bytes()), said, "{body}");
        }
        let google = br#"{"error":{"code":429,"details":[{"@type":"x"},{"retryDelay":"34.5s"}]}}"#;
        assert_eq!(delay_in_body(google), Some(Duration::from_millis(34_500)));
    }
}
