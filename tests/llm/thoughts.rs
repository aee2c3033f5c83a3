//! What a model thought before it called a tool: its provider gets it back as it came, and nobody else does.

use std::time::Duration;

use paraph::cancel::Cancel;
use paraph::infrastructure::llm::{ChatModel as _, Usage};
use paraph::infrastructure::llm::{
    ChatReply, ChatRequest, Message, Part, ProviderSettings, Speaker, Streamed, ToolSpec, Wire,
};
use serde_json::{Value, json};

use crate::server::{End, Play, Server};
use crate::support::{ask, provider, request};

fn events(events: &[Value]) -> Play {
    let kind = "text/event-stream";
    let named = |event: &Value| event["type"].as_str().map(|name| format!("event: {name}\n")).unwrap_or_default();
    let text: String = events.iter().map(|event| format!("{}data: {event}\n\n", named(event))).collect();
    Play::Pieces(kind, vec![text.into_bytes()], Duration::ZERO, End::Orderly)
}

fn looking() -> ChatRequest {
    let parameters = json!({"type": "object", "properties": {"path": {"type": "string"}}});
    let tool = ToolSpec { name: "read".to_owned(), description: "Reads a file.".to_owned(), parameters };
    ChatRequest { tools: vec![tool], ..request() }
}

/// The conversation that goes on after `reply`.
fn after(reply: &ChatReply) -> ChatRequest {
    let mut next = looking();
    let said = (!reply.text.is_empty()).then(|| Part::Text { text: reply.text.clone() });
    let kept = reply.kept.iter().map(|value| Part::Kept { value: value.clone() });
    let parts = said.into_iter().chain(kept).chain(reply.calls.iter().cloned().map(Part::Call)).collect();
    next.messages.push(Message { speaker: Speaker::Assistant, parts });
    let found = |id: &str| Part::Result { id: id.to_owned(), name: "read".to_owned(), text: "x = 1".to_owned() };
    let results = reply.calls.iter().map(|call| found(&call.id)).collect();
    next.messages.push(Message { speaker: Speaker::User, parts: results });
    next
}

/// What the same model, and another of its provider, is sent after it thought and called a tool.
async fn sent_after(wire: Wire, thought: &[Value], then: &[Value]) -> [Value; 2] {
    let server = Server::start(vec![events(thought), events(then), events(then)]).await;
    let provider = provider(ProviderSettings::new("acme", wire, format!("{}/v1", server.url())));
    let reply = ask(&provider, &looking()).await.outcome.expect("it calls a tool");
    assert!(reply.kept.is_some(), "{reply:?}");
    let next = after(&reply);
    let again: ChatRequest = serde_json::from_slice(&serde_json::to_vec(&next).unwrap()).unwrap();
    assert_eq!(again, next, "it is kept as it is");
    ask(&provider, &next).await.outcome.expect("it answers");
    provider.chat("another-model", &next, &mut |_| (), &Cancel::new()).await.expect("it answers");
    let seen = server.seen();
    [seen[1].body.clone(), seen[2].body.clone()]
}

#[tokio::test]
async fn openais_format_gives_back_words_details_and_what_came_with_a_call() {
    let delta = |delta: Value, finish: Option<&str>| json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    let call = json!({"index": 0, "id": "c1", "type": "function", "function": {"name": "read", "arguments": "{\"path\": \"a\"}"},
        "extra_content": {"google": {"thought_signature": "sig+/="}}});
    let thought = [
        delta(json!({"reasoning_content": "First I "}), None),
        delta(json!({"reasoning_content": "look."}), None),
        delta(json!({"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "First "}]}), None),
        delta(
            json!({"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "I look.", "signature": "abc"}]}),
            None,
        ),
        delta(json!({"reasoning_details": [{"type": "reasoning.encrypted", "index": 1, "data": "xyz"}]}), None),
        delta(json!({"tool_calls": [call]}), Some("tool_calls")),
    ];
    let then = [delta(json!({"content": "drafted"}), Some("stop"))];
    let [same, another] = sent_after(Wire::OpenAi, &thought, &then).await;
    let turn = |body: &Value| {
        body["messages"].as_array().unwrap().iter().find(|one| one["role"] == "assistant").cloned().unwrap()
    };
    let said = turn(&same);
    assert_eq!(said["reasoning_content"], "First I look.");
    let details = json!([
        {"type": "reasoning.text", "index": 0, "text": "First I look.", "signature": "abc"},
        {"type": "reasoning.encrypted", "index": 1, "data": "xyz"},
    ]);
    assert_eq!(said["reasoning_details"], details);
    assert_eq!(said["tool_calls"][0]["extra_content"]["google"]["thought_signature"], "sig+/=");
    let bare = turn(&another);
    assert!(bare["tool_calls"].is_array() && bare["reasoning_content"].is_null(), "{bare}");
    assert!(!bare.to_string().contains("sig+/="), "{bare}");
}

#[tokio::test]
async fn anthropics_format_gives_back_thoughts_with_their_signatures_first() {
    let block =
        |index: u64, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let delta = |index: u64, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let thought = [
        json!({"type": "message_start", "message": {"id": "m", "model": "c", "usage": {"input_tokens": 5}}}),
        block(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
        delta(0, json!({"type": "thinking_delta", "thinking": "First "})),
        delta(0, json!({"type": "thinking_delta", "thinking": "look."})),
        delta(0, json!({"type": "signature_delta", "signature": "sig+/="})),
        block(1, json!({"type": "redacted_thinking", "data": "opaque"})),
        block(2, json!({"type": "tool_use", "id": "c1", "name": "read", "input": {}})),
        delta(2, json!({"type": "input_json_delta", "partial_json": "{\"path\": \"a\"}"})),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}}),
        json!({"type": "message_stop"}),
    ];
    let then = [
        json!({"type": "message_start", "message": {"id": "m", "model": "c", "usage": {"input_tokens": 5}}}),
        block(0, json!({"type": "text", "text": "drafted"})),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}),
        json!({"type": "message_stop"}),
    ];
    let [same, another] = sent_after(Wire::Anthropic, &thought, &then).await;
    let turn = |body: &Value| {
        body["messages"].as_array().unwrap().iter().find(|one| one["role"] == "assistant").cloned().unwrap()
    };
    let said = turn(&same);
    let thoughts = [
        json!({"type": "thinking", "thinking": "First look.", "signature": "sig+/="}),
        json!({"type": "redacted_thinking", "data": "opaque"}),
    ];
    assert_eq!(said["content"].as_array().unwrap()[..2], thoughts);
    assert_eq!(said["content"][2]["type"], "tool_use");
    let bare = turn(&another);
    assert_eq!((bare["content"].as_array().unwrap().len(), &bare["content"][0]["type"]), (1, &json!("tool_use")));
}

#[tokio::test]
async fn openais_responses_give_back_thoughts_where_they_stood() {
    let done =
        |index: u64, item: Value| json!({"type": "response.output_item.done", "output_index": index, "item": item});
    let thought = |id: &str| json!({"type": "reasoning", "id": id, "summary": [], "encrypted_content": format!("gAAA{id}"), "status": "completed", "content": null});
    let call = |id: &str| {
        json!({"type": "function_call", "id": format!("fc-{id}"), "call_id": id, "name": "read",
            "arguments": format!("{{\"path\": \"{id}\"}}"), "status": "completed"})
    };
    let events = [
        json!({"type": "response.created", "response": {"id": "r", "model": "g", "status": "in_progress"}}),
        done(0, thought("rs-1")),
        json!({"type": "response.output_text.delta", "output_index": 1, "delta": "Looking."}),
        done(1, json!({"type": "message", "id": "m", "role": "assistant", "phase": "commentary", "content": []})),
        done(2, thought("rs-2")),
        done(3, call("c1")),
        done(4, call("c2")),
        done(5, json!({"type": "reasoning", "id": "rs-3", "summary": []})),
        json!({"type": "response.completed", "response": {"id": "r", "status": "completed"}}),
    ];
    let then = [
        json!({"type": "response.output_text.delta", "output_index": 0, "delta": "drafted"}),
        json!({"type": "response.completed", "response": {"id": "r", "status": "completed"}}),
    ];
    let [same, another] = sent_after(Wire::Responses, &events, &then).await;
    let input = same["input"].as_array().unwrap();
    let kinds: Vec<&str> = input.iter().map(|item| item["type"].as_str().or(item["role"].as_str()).unwrap()).collect();
    let all = ["user", "reasoning", "assistant", "reasoning", "function_call", "function_call"];
    assert_eq!(kinds[..6], all);
    assert_eq!(kinds[6..], ["function_call_output", "function_call_output"], "a thought without content stays behind");
    let sent = json!({"type": "reasoning", "id": "rs-1", "summary": [], "encrypted_content": "gAAArs-1"});
    assert_eq!((&input[1], &input[2]["phase"]), (&sent, &json!("commentary")));
    assert_eq!((&input[4]["call_id"], &input[6]["call_id"]), (&json!("c1"), &json!("c1")));
    assert!(!another.to_string().contains("gAAA"), "{another}");
    assert_eq!(another["input"].as_array().unwrap().len(), 6, "{another}");
}

#[tokio::test]
async fn what_an_answer_took_that_cannot_be_used_is_told() {
    let thought = json!({"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 2700, "completion_tokens": 3000}});
    let server = Server::start(vec![events(&[thought])]).await;
    let provider = provider(ProviderSettings::new("acme", Wire::OpenAi, format!("{}/v1", server.url())));
    let mut took = Vec::new();
    let mut seen = |piece: Streamed<'_>| {
        if let Streamed::Took(usage) = piece {
            took.push(usage);
        }
    };
    provider.chat("m", &request(), &mut seen, &Cancel::new()).await.expect_err("there is no word in it");
    assert_eq!(took, [Usage { input: Some(2700), output: Some(3000), ..Usage::default() }]);
}
