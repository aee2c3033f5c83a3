//! What works: streamed and whole, words and tools, what is sent and what is counted.

use std::time::Duration;

use paraph::infrastructure::llm::{
    CallBlock, ChatError, ChatRequest, Finish, JsonShape, Message, OutputLimit, Part, ProviderSettings, ShapeMode,
    Speaker, ToolSpec, Usage, Wire,
};
use serde_json::{Value, json};

use crate::dialect::{ALL, Dialect};
use crate::server::{End, Play, Server};
use crate::support::{Asked, KEY, ask, provider, request};

/// Asks a server that says `text`, in pieces of `size` bytes.
async fn say(dialect: Dialect, text: &str, size: usize) -> (Asked, Server) {
    let pieces = text.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
    let server = Server::start(vec![Play::Pieces(dialect.kind(), pieces, Duration::ZERO, End::Orderly)]).await;
    (ask(&provider(dialect.settings(&server.url())), &request()).await, server)
}

/// What a server was asked with `settings`.
async fn sent(settings: impl FnOnce(&str) -> ProviderSettings, request: &ChatRequest) -> Value {
    let server = Server::start(vec![Play::Closed]).await;
    let _no_answer = ask(&provider(settings(&server.url())), request).await;
    server.seen()[0].body.clone()
}

fn usage(dialect: Dialect) -> Usage {
    let cached = (dialect.0 != Wire::Ollama).then_some(90);
    Usage {
        input: Some(100),
        output: Some(5),
        cache_read: cached,
        cache_write: (dialect.0 == Wire::Anthropic).then_some(3),
        cost_micros: matches!(dialect.0, Wire::OpenAi | Wire::Responses).then_some(125),
    }
}

#[tokio::test]
async fn answers_are_the_same_in_whatever_pieces_they_come() {
    let text = "Schöne Grüße, 日本語 und 🦀🙂: \"quoted\"\n\tand\\so on";
    for dialect in ALL {
        let stream = dialect.stream(text);
        for size in [1, 3, 7, 64, stream.len()] {
            let (asked, _) = say(dialect, &stream, size).await;
            let reply = asked.outcome.unwrap();
            assert_eq!((reply.text.as_str(), asked.text.as_str()), (text, text), "{:?} by {size}", dialect.0);
            assert_eq!((reply.finish, reply.usage), (Finish::Stop, usage(dialect)), "{:?}", dialect.0);
            assert_eq!((reply.model.as_str(), reply.request_id.as_str()), ("real-model", "req-1"));
        }
    }
}

#[tokio::test]
async fn whole_answers_are_the_same_as_streamed_ones() {
    for dialect in ALL {
        for stream in [false, true] {
            // a server that cannot stream answers whole, asked or not
            let body = dialect.whole("all of it").to_string().into_bytes();
            let kind = vec![("content-type", "application/json; charset=utf-8".to_owned())];
            let server = Server::start(vec![Play::Answer(200, kind, body)]).await;
            let settings = ProviderSettings { stream, ..dialect.settings(&server.url()) };
            let asked = ask(&provider(settings), &request()).await;
            let reply = asked.outcome.unwrap();
            assert_eq!((reply.text.as_str(), asked.text.as_str()), ("all of it", "all of it"));
            assert_eq!((reply.finish, reply.usage), (Finish::Stop, usage(dialect)), "{:?}", dialect.0);
        }
    }
}

#[tokio::test]
async fn pieces_are_told_while_they_come() {
    for dialect in ALL {
        let pieces =
            vec![dialect.opening() + &dialect.words("first "), dialect.words("then"), dialect.closing("1", "2")];
        let pieces = pieces.into_iter().map(String::into_bytes).collect();
        let play = Play::Pieces(dialect.kind(), pieces, Duration::from_millis(150), End::Orderly);
        let server = Server::start(vec![play]).await;
        let (mut first, started) = (None, std::time::Instant::now());
        let provider = provider(dialect.settings(&server.url()));
        let mut seen = |_: paraph::infrastructure::llm::Streamed<'_>| {
            first.get_or_insert(started.elapsed());
        };
        let cancel = paraph::cancel::Cancel::new();
        paraph::infrastructure::llm::ChatModel::chat(&provider, "m", &request(), &mut seen, &cancel).await.unwrap();
        let (first, all) = (first.unwrap(), started.elapsed());
        assert!(all - first > Duration::from_millis(250), "{:?}: first {first:?}, all {all:?}", dialect.0);
    }
}

#[tokio::test]
async fn the_key_goes_into_its_header_and_nowhere_else() {
    for dialect in ALL {
        let (asked, server) = say(dialect, &dialect.stream("fine"), 1000).await;
        asked.outcome.unwrap();
        let seen = &server.seen()[0];
        let (header, value) = match dialect.0 {
            Wire::OpenAi | Wire::Responses | Wire::Ollama => ("authorization", format!("Bearer {KEY}")),
            Wire::Anthropic => ("x-api-key", KEY.to_owned()),
            Wire::Gemini => ("x-goog-api-key", KEY.to_owned()),
        };
        assert_eq!(seen.header(header), Some(value.as_str()));
        let path = match dialect.0 {
            Wire::OpenAi => "/chat/completions",
            Wire::Responses => "/responses",
            Wire::Anthropic => "/messages",
            Wire::Gemini => "/models/some-model:streamGenerateContent?alt=sse",
            Wire::Ollama => "/api/chat",
        };
        assert_eq!(seen.line, format!("POST {path} HTTP/1.1"));
        assert_eq!(seen.header("accept-encoding"), Some("identity"));
        let holders = seen.headers.iter().filter(|(_, value)| value.contains(KEY)).count();
        assert_eq!((holders, seen.body.to_string().contains(KEY)), (1, false));
    }
}

#[tokio::test]
async fn a_key_that_is_repeated_in_an_answer_is_hidden() {
    for dialect in ALL {
        let (asked, _) = say(dialect, &dialect.stream(&format!("your key is {KEY}, is it not")), 1000).await;
        assert_eq!(asked.outcome.unwrap().text, "your key is [masked] is it not".replace("] ", "], "));
    }
}

/// A stream that thinks, says a word and calls two tools.
pub(crate) fn calling(dialect: Dialect) -> String {
    let events: Vec<Value> = match dialect.0 {
        Wire::OpenAi => vec![
            json!({"choices": [{"delta": {"role": "assistant", "reasoning_content": "hmm"}}]}),
            json!({"choices": [{"delta": {"content": "Looking."}}]}),
            json!({"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "a", "type": "function",
                "function": {"name": "read", "arguments": ""}}]}}]}),
            json!({"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{\"path\":"}}]}}]}),
            json!({"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "\"süß\"}"}},
                {"index": 1, "id": "b", "function": {"name": "list", "arguments": "{}"}}]}}]}),
            json!({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}),
        ],
        Wire::Responses => vec![
            json!({"type": "response.created", "response": {"id": "r", "model": "x", "status": "in_progress"}}),
            json!({"type": "response.output_item.added", "output_index": 0,
                "item": {"type": "reasoning", "id": "rs-1", "summary": []}}),
            json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "hmm"}),
            json!({"type": "response.output_item.done", "output_index": 0, "item": {"type": "reasoning",
                "id": "rs-1", "summary": [{"type": "summary_text", "text": "hmm"}], "encrypted_content": "gAAA"}}),
            json!({"type": "response.output_item.added", "output_index": 1,
                "item": {"type": "message", "id": "msg-1", "role": "assistant", "content": []}}),
            json!({"type": "response.output_text.delta", "output_index": 1, "delta": "Looking."}),
            json!({"type": "response.output_text.done", "output_index": 1, "text": "Looking."}),
            json!({"type": "response.output_item.added", "output_index": 2, "item": {"type": "function_call",
                "id": "fc-1", "call_id": "a", "name": "read", "arguments": "", "status": "in_progress"}}),
            json!({"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "{\"path\":"}),
            json!({"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "\"süß\"}"}),
            json!({"type": "response.function_call_arguments.done", "output_index": 2,
                "arguments": "{\"path\":\"süß\"}"}),
            json!({"type": "response.output_item.done", "output_index": 2, "item": {"type": "function_call",
                "id": "fc-1", "call_id": "a", "name": "read", "arguments": "{\"path\":\"süß\"}"}}),
            // a server that has it whole begins no call before it
            json!({"type": "response.output_item.done", "output_index": 3, "item": {"type": "function_call",
                "id": "fc-2", "call_id": "b", "name": "list", "arguments": "{}", "status": "completed"}}),
            json!({"type": "response.completed", "response": {"id": "r", "model": "x", "status": "completed"}}),
        ],
        Wire::Anthropic => vec![
            json!({"type": "message_start", "message": {"id": "m", "model": "x", "usage": {"input_tokens": 1}}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hmm"}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "ping"}),
            json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}}),
            json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Looking."}}),
            json!({"type": "content_block_start", "index": 2,
                "content_block": {"type": "tool_use", "id": "a", "name": "read", "input": {}}}),
            json!({"type": "content_block_delta", "index": 2,
                "delta": {"type": "input_json_delta", "partial_json": "{\"path\":"}}),
            json!({"type": "content_block_delta", "index": 2,
                "delta": {"type": "input_json_delta", "partial_json": "\"süß\"}"}}),
            json!({"type": "content_block_start", "index": 3,
                "content_block": {"type": "tool_use", "id": "b", "name": "list", "input": {}}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}}),
            json!({"type": "message_stop"}),
        ],
        Wire::Gemini => vec![
            json!({"candidates": [{"content": {"parts": [{"text": "hmm", "thought": true}, {"text": "Looking."}]}}]}),
            json!({"candidates": [{"content": {"parts": [
                {"functionCall": {"name": "read", "args": {"path": "süß"}}},
                {"functionCall": {"name": "list", "args": {}}}]}, "finishReason": "STOP"}]}),
        ],
        Wire::Ollama => vec![
            json!({"message": {"role": "assistant", "content": "", "thinking": "hmm"}, "done": false}),
            json!({"message": {"content": "Looking.", "tool_calls": [
                {"function": {"name": "read", "arguments": {"path": "süß"}}},
                {"function": {"name": "list", "arguments": {}}}]}, "done": false}),
            json!({"message": {"content": ""}, "done": true, "done_reason": "stop"}),
        ],
    };
    events.iter().map(|event| dialect.frame(&event.to_string())).collect()
}

#[tokio::test]
async fn tools_are_called_and_thoughts_are_shown_and_not_kept() {
    for dialect in ALL {
        for size in [5, 10_000] {
            let (asked, _) = say(dialect, &calling(dialect), size).await;
            let reply = asked.outcome.unwrap();
            assert_eq!((reply.text.as_str(), reply.finish), ("Looking.", Finish::Tools), "{:?}", dialect.0);
            let calls: Vec<_> = reply.calls.iter().map(|call| (call.name.as_str(), call.arguments.as_str())).collect();
            assert_eq!(calls, [("read", r#"{"path":"süß"}"#), ("list", "{}")], "{:?}", dialect.0);
            assert_ne!(reply.calls[0].id, reply.calls[1].id);
            assert_eq!((asked.thinking.as_str(), asked.calls), ("hmm", vec!["read".to_owned(), "list".to_owned()]));
        }
    }
}

/// A question in the middle of a conversation with tools, of which one wants a shape.
fn long_request() -> ChatRequest {
    let call = |arguments: &str| {
        Part::Call(CallBlock { id: "a".to_owned(), name: "read".to_owned(), arguments: arguments.to_owned() })
    };
    let result = Part::Result { id: "a".to_owned(), name: "read".to_owned(), text: "fn main() {}".to_owned() };
    ChatRequest {
        system: vec!["Stable.".to_owned(), "Of this repository.".to_owned()],
        messages: vec![
            Message::user("Go."),
            Message {
                speaker: Speaker::Assistant,
                parts: vec![Part::Text { text: "Looking.".to_owned() }, call(r#"{"path":"a"}"#)],
            },
            Message { speaker: Speaker::User, parts: vec![result, Part::Text { text: "And now?".to_owned() }] },
        ],
        tools: vec![ToolSpec {
            name: "read".to_owned(),
            description: "Reads a file.".to_owned(),
            parameters: json!({"type": "object", "properties": {"path": {"type": "string"}}}),
        }],
        calls_forbidden: false,
        shape: None,
        max_output_tokens: 500,
        temperature_hundredths: Some(30),
    }
}

#[tokio::test]
async fn a_conversation_is_written_as_each_format_wants_it() {
    for dialect in ALL {
        let body = sent(|url| dialect.settings(url), &long_request()).await;
        let name = match dialect.0 {
            Wire::OpenAi => "openai",
            Wire::Responses => "responses",
            Wire::Anthropic => "anthropic",
            Wire::Gemini => "gemini",
            Wire::Ollama => "ollama",
        };
        insta::with_settings!({ snapshot_path => "../../snapshots/llm", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("asks {name}"), serde_json::to_string_pretty(&body).unwrap());
        });
    }
}

#[tokio::test]
async fn tools_that_may_not_be_called_any_more_are_told_all_the_same() {
    let request = ChatRequest { calls_forbidden: true, ..long_request() };
    let body = async |wire: Wire, request: &ChatRequest| sent(|url| Dialect(wire).settings(url), request).await;
    for dialect in ALL {
        let (may, may_not) = (body(dialect.0, &long_request()).await, body(dialect.0, &request).await);
        assert!(may["tool_choice"].is_null() && may["toolConfig"].is_null(), "{may}");
        if dialect.0 == Wire::Ollama {
            assert!(may_not["tools"].is_null(), "it has no word for it: {may_not}");
            continue;
        }
        assert!(may["tools"].is_array() && may["tools"] == may_not["tools"], "{may_not}");
        let (place, word) = match dialect.0 {
            Wire::Anthropic => ("/tool_choice/type", "none"),
            Wire::Gemini => ("/toolConfig/functionCallingConfig/mode", "NONE"),
            _ => ("/tool_choice", "none"),
        };
        assert_eq!(may_not.pointer(place), Some(&json!(word)), "{may_not}");
    }
    let schema = json!({"type": "object"});
    let shape = Some(JsonShape { name: "verdict".to_owned(), schema });
    let shaped = body(Wire::Anthropic, &ChatRequest { shape, ..request }).await;
    assert_eq!(shaped["tool_choice"], json!({"type": "tool", "name": "verdict"}), "its answer is a call too");
}

#[tokio::test]
async fn a_stable_prefix_is_marked_for_the_cache() {
    let marks = |body: &Value| body.to_string().matches("ephemeral").count();
    let anthropic = Dialect(Wire::Anthropic);
    let body = sent(|url| anthropic.settings(url), &long_request()).await;
    let kept = |at: usize| body["system"][at]["cache_control"]["type"] == "ephemeral";
    assert!(kept(0) && kept(1), "{body}");
    assert_eq!(marks(&body), 3, "the conversation so far is kept too, four marks are the most: {body}");
    assert_eq!(marks(&sent(|url| anthropic.settings(url), &request()).await), 1, "one block, one mark");
    let without = |url: &str| ProviderSettings { prompt_cache: false, ..anthropic.settings(url) };
    assert_eq!(marks(&sent(without, &long_request()).await), 0);
    let router =
        |url: &str| ProviderSettings { base_url: url.to_owned(), ..ProviderSettings::known("openrouter").unwrap() };
    let body = sent(router, &long_request()).await;
    assert_eq!(body["messages"][0]["content"][1]["cache_control"]["type"], "ephemeral");
    assert_eq!((marks(&body), &body["usage"]["include"]), (1, &json!(true)));
}

#[tokio::test]
async fn shapes_are_asked_for_as_each_provider_can() {
    let schema = json!({"type": "object", "properties": {"go": {"type": "boolean"}}, "required": ["go"], "additionalProperties": false});
    let shape = Some(JsonShape { name: "verdict".to_owned(), schema: schema.clone() });
    let request = ChatRequest { shape, ..request() };
    let body = async |wire: Wire, shape: ShapeMode| {
        sent(|url| ProviderSettings { shape, ..Dialect(wire).settings(url) }, &request).await
    };
    let openai = body(Wire::OpenAi, ShapeMode::Schema).await;
    assert_eq!(openai["response_format"]["json_schema"], json!({"name": "verdict", "schema": schema, "strict": true}));
    assert_eq!(body(Wire::OpenAi, ShapeMode::Object).await["response_format"], json!({"type": "json_object"}));
    let words = body(Wire::OpenAi, ShapeMode::Words).await;
    assert!(words["response_format"].is_null() && words["messages"][0]["content"].to_string().contains("JSON Schema"));
    let responses = body(Wire::Responses, ShapeMode::Schema).await;
    let format = json!({"type": "json_schema", "name": "verdict", "schema": schema, "strict": true});
    assert_eq!(responses["text"]["format"], format);
    assert_eq!(body(Wire::Responses, ShapeMode::Object).await["text"]["format"], json!({"type": "json_object"}));
    let words = body(Wire::Responses, ShapeMode::Words).await;
    assert!(words["text"].is_null() && words["instructions"].to_string().contains("JSON Schema"), "{words}");
    let anthropic = body(Wire::Anthropic, ShapeMode::Schema).await;
    assert_eq!(anthropic["output_config"]["format"], json!({"type": "json_schema", "schema": schema}));
    assert!(anthropic["tools"].is_null() && anthropic["tool_choice"].is_null(), "{anthropic}");
    assert_eq!(body(Wire::OpenAi, ShapeMode::Tool).await, openai, "these hold it to the schema anyway");
    let anthropic = body(Wire::Anthropic, ShapeMode::Tool).await;
    assert!(anthropic["output_config"].is_null(), "{anthropic}");
    assert_eq!(anthropic["tool_choice"], json!({"type": "tool", "name": "verdict"}));
    assert_eq!(anthropic["tools"][0]["input_schema"], schema);
    let gemini = body(Wire::Gemini, ShapeMode::Schema).await;
    assert_eq!(gemini["generationConfig"]["responseJsonSchema"], schema);
    assert_eq!(body(Wire::Ollama, ShapeMode::Schema).await["format"], schema);
    assert_eq!(body(Wire::Ollama, ShapeMode::Object).await["format"], "json");
}

#[tokio::test]
async fn the_limit_of_the_answer_has_the_name_that_the_provider_knows() {
    let settings =
        |output_limit| move |url: &str| ProviderSettings { output_limit, ..Dialect(Wire::OpenAi).settings(url) };
    let old = sent(settings(OutputLimit::MaxTokens), &request()).await;
    let new = sent(settings(OutputLimit::MaxCompletionTokens), &request()).await;
    assert_eq!((&old["max_tokens"], &old["max_completion_tokens"]), (&json!(1_000), &Value::Null));
    assert_eq!((&new["max_tokens"], &new["max_completion_tokens"]), (&Value::Null, &json!(1_000)));
}

#[tokio::test]
async fn a_blocked_prompt_and_an_answer_held_back_are_refusals() {
    let gemini = Dialect(Wire::Gemini);
    for event in
        [r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"}}"#, r#"{"candidates":[{"finishReason":"SAFETY"}]}"#]
    {
        let (asked, _) = say(gemini, &gemini.frame(event), 1000).await;
        let error = asked.outcome.unwrap_err();
        assert!(matches!(error, ChatError::Refused { status: 200, .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_would_cut_a_prompt_is_not_asked() {
    let ollama = Dialect(Wire::Ollama);
    let server = Server::start(vec![Play::Closed]).await;
    let settings = ProviderSettings { context: Some(2_000), ..ollama.settings(&server.url()) };
    let long = ChatRequest { messages: vec![Message::user("x".repeat(6_000))], ..request() };
    let error = ask(&provider(settings), &long).await.outcome.unwrap_err();
    assert!(matches!(error, ChatError::TooLong { .. }), "{error:?}");
    assert!(server.seen().is_empty());
    let body = sent(|url| ollama.settings(url), &request()).await;
    assert_eq!((&body["options"]["num_ctx"], &body["truncate"]), (&json!(32_768), &json!(false)));
}

#[tokio::test]
async fn a_parameter_that_a_model_does_not_know_is_left_out_from_then_on() {
    let dialect = Dialect(Wire::OpenAi);
    let unknown =
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
    let kind = || vec![("content-type", "application/json".to_owned())];
    let refusal = Play::Answer(400, kind(), dialect.error(400, unknown));
    let whole = Play::Answer(200, kind(), dialect.whole("fine").to_string().into_bytes());
    let server = Server::start(vec![refusal.clone(), whole]).await;
    let provider = provider(dialect.settings(&server.url()));
    for _ in 0..2 {
        assert_eq!(ask(&provider, &request()).await.outcome.unwrap().text, "fine");
    }
    let limits: Vec<_> = server.seen().iter().map(|seen| seen.body["max_completion_tokens"].clone()).collect();
    assert_eq!(limits, [Value::Null, json!(1_000), json!(1_000)]);
    let server = Server::start(vec![refusal]).await;
    let asked = ask(&crate::support::provider(dialect.settings(&server.url())), &request()).await;
    assert!(asked.outcome.is_err());
    assert_eq!(server.seen().len(), 2, "it is not asked for ever");
}

#[tokio::test]
async fn models_are_listed_without_a_question() {
    for dialect in ALL {
        let (path, body) = match dialect.0 {
            Wire::OpenAi | Wire::Responses => ("/models", json!({"data": [{"id": "one"}, {"id": "two"}]})),
            Wire::Anthropic => ("/models?limit=1000", json!({"data": [{"id": "one"}, {"id": "two"}]})),
            Wire::Gemini => {
                ("/models?pageSize=1000", json!({"models": [{"name": "models/one"}, {"name": "models/two"}]}))
            }
            Wire::Ollama => ("/api/tags", json!({"models": [{"name": "one"}, {"name": "two"}]})),
        };
        let list = Play::Answer(200, Vec::new(), body.to_string().into_bytes());
        let refusal = Play::Answer(401, Vec::new(), dialect.error(401, "bad key"));
        let odd = Play::Answer(200, Vec::new(), b"{}".to_vec());
        let server = Server::start(vec![list, refusal, odd]).await;
        let provider = provider(dialect.settings(&server.url()));
        let cancel = paraph::cancel::Cancel::new();
        assert_eq!(provider.models(&cancel).await.unwrap(), ["one", "two"]);
        let error = provider.models(&cancel).await.unwrap_err();
        assert!(matches!(error, ChatError::NotSignedIn { .. }), "{error:?}");
        let error = provider.models(&cancel).await.unwrap_err();
        assert!(matches!(error, ChatError::Faulty { .. }), "{error:?}");
        assert_eq!(server.seen()[0].line, format!("GET {path} HTTP/1.1"));
    }
}
