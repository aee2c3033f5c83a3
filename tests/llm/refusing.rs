//! What a model refuses besides single values: tools, and a tool that it is made to call. It is asked again without.

use std::time::Duration;

use paraph::infrastructure::llm::{
    CallBlock, ChatError, ChatRequest, JsonShape, Message, Part, ProviderSettings, ShapeMode, Speaker, ToolSpec, Wire,
};
use serde_json::json;

use crate::dialect::{ALL, Dialect};
use crate::server::{End, Play, Server};
use crate::support::{ask, provider, request};

fn refusal(dialect: Dialect, status: u16, said: &str) -> Play {
    Play::Answer(status, vec![("content-type", "application/json".to_owned())], dialect.error(status, said))
}

fn says(dialect: Dialect, text: &str) -> Play {
    Play::Pieces(dialect.kind(), vec![dialect.stream(text).into_bytes()], Duration::ZERO, End::Orderly)
}

fn looking() -> ChatRequest {
    let parameters = json!({"type": "object", "properties": {"path": {"type": "string"}}});
    let tool = ToolSpec { name: "read".to_owned(), description: "Reads a file.".to_owned(), parameters };
    ChatRequest { tools: vec![tool], ..request() }
}

fn shaped() -> ChatRequest {
    let schema = json!({"type": "object", "properties": {"go": {"type": "boolean"}}, "required": ["go"]});
    ChatRequest { shape: Some(JsonShape { name: "verdict".to_owned(), schema }), ..request() }
}

#[tokio::test]
async fn a_model_that_refuses_tools_is_asked_without_them_from_then_on() {
    let refusals = [
        (400, "registry.ollama.ai/library/gemma3:4b does not support tools"),
        (400, "\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set"),
        (404, "No endpoints found that support tool use. To learn more about provider routing, visit the docs."),
        (500, "tools param requires --jinja flag"),
        (
            400,
            "Function tools with reasoning_effort are not supported for gpt-6-sol in /v1/chat/completions. To use \
             function tools, use /v1/responses or set reasoning_effort to 'none'.",
        ),
    ];
    for dialect in ALL {
        for (status, said) in refusals {
            if dialect.0 == Wire::OpenAi && said.contains("/v1/responses") {
                continue; // there is another way to ask: see the tests of responses
            }
            let server = Server::start(vec![refusal(dialect, status, said), says(dialect, "drafted")]).await;
            let provider = provider(dialect.settings(&server.url()));
            for _ in 0..2 {
                assert_eq!(ask(&provider, &looking()).await.outcome.expect(said).text, "drafted");
            }
            let seen = server.seen();
            assert_eq!(seen.len(), 3, "{:?} learned `{said}` once", dialect.0);
            assert!(seen[0].body["tools"].is_array(), "{}", seen[0].body);
            for later in &seen[1..] {
                assert!(later.body["tools"].is_null(), "{}", later.body);
                assert!(later.body.to_string().contains("No tool can be called here"), "{}", later.body);
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_of_tools_stands_where_none_were_offered() {
    let dialect = Dialect(Wire::OpenAi);
    let server = Server::start(vec![refusal(dialect, 400, "some-model does not support tools")]).await;
    let asked = ask(&provider(dialect.settings(&server.url())), &request()).await;
    assert!(matches!(asked.outcome, Err(ChatError::Refused { status: 400, .. })), "{:?}", asked.outcome);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn what_another_model_looked_at_is_told_in_words_where_tools_are_off() {
    for dialect in ALL {
        let server = Server::start(vec![says(dialect, "drafted")]).await;
        let provider = provider(ProviderSettings { tools: false, ..dialect.settings(&server.url()) });
        let call = CallBlock { id: "c1".to_owned(), name: "read".to_owned(), arguments: r#"{"path":"a"}"#.to_owned() };
        let result = Part::Result { id: "c1".to_owned(), name: "read".to_owned(), text: "all of a".to_owned() };
        let mut request = looking();
        request.messages.push(Message { speaker: Speaker::Assistant, parts: vec![Part::Call(call)] });
        request.messages.push(Message { speaker: Speaker::User, parts: vec![result] });
        assert_eq!(ask(&provider, &request).await.outcome.expect("an answer").text, "drafted");
        let sent = server.seen()[0].body.to_string();
        for word in ["I called read with", "What the call gave:\\nall of a"] {
            assert!(sent.contains(word), "{sent}");
        }
        for word in ["tool_calls", "tool_use", "tool_result", "functionCall", "\"tools\""] {
            assert!(!sent.contains(word), "{word}: {sent}");
        }
    }
}

#[tokio::test]
async fn a_model_that_is_not_to_be_forced_gives_its_answer_in_words() {
    let dialect = Dialect(Wire::Anthropic);
    let refusals = [
        "tool_choice: forced tool use is not supported by this model",
        "Thinking may not be enabled when tool_choice forces tool use.",
    ];
    for said in refusals {
        let server = Server::start(vec![refusal(dialect, 400, said), says(dialect, r#"{"go": true}"#)]).await;
        let provider = provider(dialect.settings(&server.url()));
        for _ in 0..2 {
            assert_eq!(ask(&provider, &shaped()).await.outcome.expect("an answer").text, r#"{"go": true}"#);
        }
        let seen = server.seen();
        assert_eq!(seen.len(), 3, "learned once");
        assert_eq!(seen[0].body["tool_choice"]["type"], "tool");
        for later in &seen[1..] {
            assert!(later.body["tool_choice"].is_null() && later.body["tools"].is_null(), "{}", later.body);
            assert!(later.body["system"].to_string().contains("JSON Schema"), "{}", later.body);
        }
    }
}

#[tokio::test]
async fn a_model_that_cannot_be_told_to_call_nothing_is_told_in_words() {
    let refusals = [
        (Wire::OpenAi, "deepseek-reasoner does not support this tool_choice"),
        (Wire::Responses, "Unsupported parameter: 'tool_choice' is not supported with this model."),
        (Wire::Anthropic, "tool_choice: Input should be 'auto', 'any' or 'tool'"),
        (Wire::Gemini, "Function calling config is set without function_calling_config support."),
    ];
    for (wire, said) in refusals {
        let dialect = Dialect(wire);
        let server = Server::start(vec![refusal(dialect, 400, said), says(dialect, "drafted")]).await;
        let provider = provider(dialect.settings(&server.url()));
        let last = ChatRequest { calls_forbidden: true, ..looking() };
        for request in [&last, &last, &looking()] {
            assert_eq!(ask(&provider, request).await.outcome.expect(said).text, "drafted");
        }
        let seen = server.seen();
        assert_eq!(seen.len(), 4, "learned once: {said}");
        assert!(seen[1..3].iter().all(|seen| seen.body["tools"].is_null()), "{said}");
        assert!(seen[3].body["tools"].is_array(), "it still may call where it may");
    }
}

#[tokio::test]
async fn a_model_that_calls_where_it_was_told_to_call_nothing_is_told_of_no_tool_from_then_on() {
    for wire in [Wire::OpenAi, Wire::Responses, Wire::Anthropic, Wire::Gemini] {
        let dialect = Dialect(wire);
        let call = vec![crate::happy::calling(dialect).into_bytes()];
        let plays = vec![Play::Pieces(dialect.kind(), call, Duration::ZERO, End::Orderly), says(dialect, "drafted")];
        let server = Server::start(plays).await;
        let provider = provider(dialect.settings(&server.url()));
        let last = ChatRequest { calls_forbidden: true, ..looking() };
        let first = ask(&provider, &last).await.outcome.expect("a call");
        assert_eq!(first.calls.len(), 2, "{wire:?}");
        assert_eq!(ask(&provider, &last).await.outcome.expect("words").text, "drafted", "{wire:?}");
        let seen = server.seen();
        assert!(seen[0].body["tools"].is_array() && seen[1].body["tools"].is_null(), "{wire:?}");
    }
}

/// The verdict's schema as one that a provider holds an answer to: closed, and with limits.
fn closed() -> ChatRequest {
    let why = json!({"type": "string", "description": "Why.", "maxLength": 80});
    let schema = json!({"type": "object", "properties": {"go": {"type": "boolean"}, "pattern": why},
        "required": ["go", "pattern"], "additionalProperties": false});
    ChatRequest { shape: Some(JsonShape { name: "verdict".to_owned(), schema }), ..request() }
}

#[tokio::test]
async fn a_model_without_structured_outputs_is_made_to_call_a_tool_and_then_asked_in_words() {
    let dialect = Dialect(Wire::Anthropic);
    let own = [
        "output_config.format: Extra inputs are not permitted",
        "'claude-3-5-haiku' does not support output format.",
        "The compiled grammar is too large.",
    ];
    for said in own {
        let forced = "tool_choice: forced tool use is not supported by this model";
        let plays = vec![refusal(dialect, 400, said), refusal(dialect, 400, forced), says(dialect, "{}")];
        let server = Server::start(plays).await;
        let settings = ProviderSettings { shape: ShapeMode::Schema, ..dialect.settings(&server.url()) };
        let provider = provider(settings);
        for _ in 0..2 {
            assert_eq!(ask(&provider, &closed()).await.outcome.expect(said).text, "{}");
        }
        let seen = server.seen();
        assert_eq!(seen.len(), 4, "each is learned once: {said}");
        let properties = &seen[0].body["output_config"]["format"]["schema"]["properties"];
        let bare = json!({"type": "string", "description": "Why. (maxLength: 80)"});
        assert_eq!(properties["pattern"], bare, "a limit is told in words, and a name is no limit");
        assert!(seen[1].body["output_config"].is_null(), "{}", seen[1].body);
        assert_eq!(seen[1].body["tools"][0]["input_schema"]["properties"]["pattern"]["maxLength"], 80);
        for later in &seen[2..] {
            assert!(later.body["tools"].is_null() && later.body["output_config"].is_null(), "{}", later.body);
        }
    }
    // a schema that is not closed is one for the tool, without a question
    let server = Server::start(vec![says(dialect, "{}")]).await;
    let settings = ProviderSettings { shape: ShapeMode::Schema, ..dialect.settings(&server.url()) };
    ask(&provider(settings), &shaped()).await.outcome.expect("an answer");
    assert_eq!(server.seen()[0].body["tool_choice"]["type"], "tool");
}
