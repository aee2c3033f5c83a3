//! OpenAI's responses: learned where chat completions refuse a model or its tools, and read to their last event.

use std::time::Duration;

use paraph::cancel::Cancel;
use paraph::infrastructure::llm::{ChatError, ChatModel as _, ChatRequest, Finish, FoundFault, ToolSpec, Usage, Wire};
use serde_json::{Value, json};

use crate::dialect::Dialect;
use crate::server::{End, Play, Seen, Server};
use crate::support::{Asked, ask, provider, request};

const CHAT: Dialect = Dialect(Wire::OpenAi);
const RESPONSES: Dialect = Dialect(Wire::Responses);

/// Refusals that name the other way to ask, as OpenAI and a gateway word them.
const OF_TOOLS: (u16, &str) = (
    400,
    "Function tools with reasoning_effort are not supported for gpt-6-sol in /v1/chat/completions. To use function \
     tools, use /v1/responses or set reasoning_effort to 'none'.",
);
const REFUSALS: [(u16, &str); 5] = [
    OF_TOOLS,
    (
        400,
        "Function tools with reasoning_effort are not supported for gpt-5.4 in /v1/chat/completions. Please use \
         /v1/responses instead.",
    ),
    (404, "This model is only supported in v1/responses and not in v1/chat/completions."),
    (
        404,
        "This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you mean to use \
         v1/completions?",
    ),
    (400, "Unsupported legacy protocol: /v1/chat/completions is not supported. Please use /v1/responses."),
];

fn refusal((status, said): (u16, &str)) -> Play {
    Play::Answer(status, vec![("content-type", "application/json".to_owned())], CHAT.error(status, said))
}

fn says(dialect: Dialect, text: &str) -> Play {
    Play::Pieces(dialect.kind(), vec![dialect.stream(text).into_bytes()], Duration::ZERO, End::Orderly)
}

fn looking() -> ChatRequest {
    let parameters = json!({"type": "object", "properties": {"path": {"type": "string"}}});
    let tool = ToolSpec { name: "read".to_owned(), description: "Reads a file.".to_owned(), parameters };
    ChatRequest { tools: vec![tool], ..request() }
}

fn paths(server: &Server) -> Vec<String> {
    let path = |seen: &Seen| seen.line.split(' ').nth(1).unwrap().to_owned();
    server.seen().iter().map(path).collect()
}

/// What comes of a stream of these events.
async fn streamed(events: &[Value]) -> Asked {
    let text: String = events.iter().map(|event| RESPONSES.frame(&event.to_string())).collect();
    let server =
        Server::start(vec![Play::Pieces(RESPONSES.kind(), vec![text.into()], Duration::ZERO, End::Orderly)]).await;
    ask(&provider(RESPONSES.settings(&server.url())), &request()).await
}

fn words(text: &str) -> Value {
    json!({"type": "response.output_text.delta", "output_index": 0, "delta": text})
}

#[tokio::test]
async fn a_model_that_is_refused_at_chat_completions_is_asked_at_responses_from_then_on() {
    for refused in REFUSALS {
        let server = Server::start(vec![refusal(refused), says(RESPONSES, "drafted")]).await;
        let provider = provider(CHAT.settings(&server.url()));
        for _ in 0..2 {
            assert_eq!(ask(&provider, &looking()).await.outcome.expect(refused.1).text, "drafted");
        }
        assert_eq!(paths(&server), ["/chat/completions", "/responses", "/responses"], "{}", refused.1);
        for seen in &server.seen()[1..] {
            assert_eq!(seen.body["tools"][0]["name"], "read", "it still may look: {}", seen.body);
            assert!(!seen.body.to_string().contains("No tool can be called here"), "{}", seen.body);
        }
    }
}

#[tokio::test]
async fn what_is_asked_without_tools_goes_there_too_and_another_model_does_not() {
    let server = Server::start(vec![refusal(REFUSALS[2]), says(RESPONSES, "ready"), says(CHAT, "ready")]).await;
    let provider = provider(CHAT.settings(&server.url()));
    ask(&provider, &request()).await.outcome.expect("an answer");
    provider.chat("other", &request(), &mut |_| (), &Cancel::new()).await.expect("an answer");
    assert_eq!(paths(&server), ["/chat/completions", "/responses", "/chat/completions"]);
}

#[tokio::test]
async fn where_there_are_no_responses_either_it_drafts_without_looking() {
    for second in [(404, "404 page not found"), (405, "Method Not Allowed"), OF_TOOLS] {
        let server = Server::start(vec![refusal(OF_TOOLS), refusal(second), says(CHAT, "drafted")]).await;
        let provider = provider(CHAT.settings(&server.url()));
        for _ in 0..2 {
            assert_eq!(ask(&provider, &looking()).await.outcome.expect(second.1).text, "drafted");
        }
        let all = ["/chat/completions", "/responses", "/chat/completions", "/chat/completions"];
        assert_eq!(paths(&server), all, "{}", second.1);
        assert!(server.seen()[2..].iter().all(|seen| seen.body["tools"].is_null()));
    }
    // and where nothing was offered that could be left out, the refusal stands
    let server = Server::start(vec![refusal(REFUSALS[2]), refusal((404, "404 page not found"))]).await;
    let asked = ask(&provider(CHAT.settings(&server.url())), &request()).await;
    assert!(matches!(asked.outcome, Err(ChatError::Refused { status: 404, .. })), "{:?}", asked.outcome);
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_model_that_does_not_think_is_not_asked_for_its_thoughts_again() {
    let said = "Encrypted content is not supported with this model.";
    let server = Server::start(vec![refusal((400, said)), says(RESPONSES, "drafted")]).await;
    let provider = provider(RESPONSES.settings(&server.url()));
    for _ in 0..2 {
        assert_eq!(ask(&provider, &looking()).await.outcome.expect("an answer").text, "drafted");
    }
    let seen = server.seen();
    let included: Vec<&Value> = seen.iter().map(|seen| &seen.body["include"]).collect();
    assert_eq!(included, [&json!(["reasoning.encrypted_content"]), &Value::Null, &Value::Null]);
    assert!(seen.iter().all(|seen| seen.body["store"] == false), "nothing is left there");
}

#[tokio::test]
async fn a_response_says_how_it_ended() {
    let incomplete = |reason: &str| {
        json!({"type": "response.incomplete", "response": {"status": "incomplete",
            "incomplete_details": {"reason": reason},
            "usage": {"input_tokens": 70, "output_tokens": 8, "output_tokens_details": {"reasoning_tokens": 6}}}})
    };
    let reply = streamed(&[words("half a sen"), incomplete("max_output_tokens")]).await.outcome.unwrap();
    let usage = Usage { input: Some(70), output: Some(8), ..Usage::default() };
    assert_eq!((reply.text.as_str(), reply.finish, reply.usage), ("half a sen", Finish::Length, usage));
    let reply = streamed(&[words("half"), incomplete("content_filter")]).await.outcome.unwrap();
    assert_eq!(reply.finish, Finish::Filtered);
    let held = streamed(&[incomplete("content_filter")]).await.outcome;
    assert!(matches!(held, Err(ChatError::Refused { status: 200, .. })), "{held:?}");
    let thought = streamed(&[incomplete("max_output_tokens")]).await.outcome;
    assert!(matches!(&thought, Err(ChatError::Faulty { fault: FoundFault::Empty, why, .. }) if why.contains("tokens")));
    let refused = [
        json!({"type": "response.refusal.delta", "output_index": 0, "delta": "I will not."}),
        json!({"type": "response.refusal.done", "output_index": 0, "refusal": "I will not."}),
        json!({"type": "response.completed", "response": {"status": "completed"}}),
    ];
    let reply = streamed(&refused).await.outcome.unwrap();
    assert_eq!((reply.text.as_str(), reply.finish), ("I will not.", Finish::Filtered));
}

#[tokio::test]
async fn a_response_that_failed_is_no_answer_whatever_came_before() {
    let failed = |code: &str| {
        json!({"type": "response.failed", "response": {"status": "failed",
            "error": {"code": code, "message": "no more than that"}}})
    };
    let limit = streamed(&[words("half"), failed("rate_limit_exceeded")]).await.outcome;
    assert!(matches!(limit, Err(ChatError::Busy { status: 429, .. })), "{limit:?}");
    let policy = streamed(&[failed("invalid_prompt")]).await.outcome;
    assert!(matches!(policy, Err(ChatError::Refused { status: 400, .. })), "{policy:?}");
    let mute = streamed(&[json!({"type": "response.failed", "response": {"status": "failed", "error": null}})]).await;
    assert!(matches!(mute.outcome, Err(ChatError::Faulty { fault: FoundFault::CutOff, .. })), "{:?}", mute.outcome);
    for error in [
        json!({"type": "error", "code": "server_error", "message": "oh", "param": null}),
        json!({"type": "error", "error": {"type": "server_error", "message": "oh"}}),
        json!({"error": {"type": "server_error", "message": "oh"}}),
    ] {
        let outcome = streamed(&[words("half"), error]).await.outcome;
        assert!(matches!(outcome, Err(ChatError::Failed { status: 500, .. })), "{outcome:?}");
    }
    let long = json!({"type": "error", "code": "context_length_exceeded",
        "message": "Your input exceeds the context window of this model."});
    let outcome = streamed(&[long]).await.outcome;
    assert!(matches!(outcome, Err(ChatError::TooLong { .. })), "{outcome:?}");
}

#[tokio::test]
async fn only_the_last_event_ends_a_response() {
    // a router's mark is not it
    let text = format!("{}{}data: [DONE]\n\n", RESPONSES.opening(), RESPONSES.words("half an ans"));
    let play = Play::Pieces(RESPONSES.kind(), vec![text.into()], Duration::ZERO, End::Orderly);
    let server = Server::start(vec![play]).await;
    let asked = ask(&provider(RESPONSES.settings(&server.url())), &request()).await;
    assert!(matches!(asked.outcome, Err(ChatError::Faulty { fault: FoundFault::CutOff, .. })), "{:?}", asked.outcome);
    // and it alone is enough
    let call = json!({"type": "function_call", "call_id": "c1", "name": "read", "arguments": "{\"path\":\"a\"}"});
    let end = json!({"type": "response.completed", "response": {"status": "completed", "output": [call]}});
    let reply = streamed(&[end]).await.outcome.unwrap();
    assert_eq!((reply.finish, reply.calls[0].arguments.as_str()), (Finish::Tools, r#"{"path":"a"}"#));
}
