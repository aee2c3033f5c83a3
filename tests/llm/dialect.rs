//! The five formats as their servers speak them: whole answers, streams and errors, made of plain text.

use paraph::infrastructure::llm::{ProviderSettings, Wire};
use serde_json::{Value, json};

/// How a server of one format speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect(pub(crate) Wire);

pub(crate) const ALL: [Dialect; 5] = [
    Dialect(Wire::OpenAi),
    Dialect(Wire::Responses),
    Dialect(Wire::Anthropic),
    Dialect(Wire::Gemini),
    Dialect(Wire::Ollama),
];

impl Dialect {
    pub(crate) fn settings(self, base: &str) -> ProviderSettings {
        ProviderSettings::new("acme", self.0, base)
    }

    /// The content type of its streams.
    pub(crate) fn kind(self) -> &'static str {
        if self.0 == Wire::Ollama { "application/x-ndjson" } else { "text/event-stream" }
    }

    /// One event as it stands in the stream.
    pub(crate) fn frame(self, event: &str) -> String {
        match self.0 {
            Wire::Ollama => format!("{event}\n"),
            Wire::Anthropic | Wire::Responses => {
                let kind: Value = serde_json::from_str(event).unwrap_or_default();
                format!("event: {}\ndata: {event}\n\n", kind["type"].as_str().unwrap_or("message"))
            }
            _ => format!("data: {event}\n\n"),
        }
    }

    /// What comes before the first word.
    pub(crate) fn opening(self) -> String {
        match self.0 {
            Wire::OpenAi => self.frame(
                &json!({"id": "c-1", "model": "real-model", "choices": [
                {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": null}]})
                .to_string(),
            ),
            Wire::Responses => [
                json!({"type": "response.created", "response": {"id": "c-1", "object": "response",
                    "model": "real-model", "status": "in_progress", "error": null, "output": [], "usage": null}}),
                json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "message",
                    "id": "msg-1", "role": "assistant", "status": "in_progress", "content": []}}),
            ]
            .map(|event| self.frame(&event.to_string()))
            .concat(),
            Wire::Anthropic => [
                json!({"type": "message_start", "message": {"id": "m-1", "model": "real-model", "content": [],
                    "usage": {"input_tokens": 7, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 3,
                        "output_tokens": 1}}}),
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            ]
            .map(|event| self.frame(&event.to_string()))
            .concat(),
            Wire::Gemini | Wire::Ollama => String::new(),
        }
    }

    /// Some words.
    pub(crate) fn words(self, text: &str) -> String {
        let event = match self.0 {
            Wire::OpenAi => json!({"choices": [{"index": 0, "delta": {"content": text}}]}),
            Wire::Responses => json!({"type": "response.output_text.delta", "item_id": "msg-1", "output_index": 0,
                "content_index": 0, "delta": text}),
            Wire::Anthropic => {
                json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
            }
            Wire::Gemini => json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}],
                "modelVersion": "real-model", "responseId": "c-1"}),
            Wire::Ollama => json!({"model": "real-model", "message": {"role": "assistant", "content": text},
                "done": false}),
        };
        self.frame(&event.to_string())
    }

    /// The end, with counts of the prompt and the answer as they stand in JSON. Of 100 tokens of prompt 90 come from
    /// the cache where the format can say so.
    pub(crate) fn closing(self, input: &str, output: &str) -> String {
        match self.0 {
            Wire::OpenAi => [
                self.frame(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#),
                self.frame(&format!(
                    r#"{{"choices":[],"usage":{{"prompt_tokens":{input},"completion_tokens":{output},"prompt_tokens_details":{{"cached_tokens":90}},"cost":0.000125}}}}"#
                )),
                self.frame("[DONE]"),
            ]
            .concat(),
            Wire::Responses => [
                self.frame(
                    r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"message","id":"msg-1","role":"assistant","status":"completed"}}"#,
                ),
                self.frame(&format!(
                    r#"{{"type":"response.completed","response":{{"id":"c-1","model":"real-model","status":"completed","error":null,"incomplete_details":null,"usage":{{"input_tokens":{input},"input_tokens_details":{{"cached_tokens":90}},"output_tokens":{output},"output_tokens_details":{{"reasoning_tokens":2}},"cost":0.000125}}}}}}"#
                )),
            ]
            .concat(),
            Wire::Anthropic => [
                self.frame(r#"{"type":"content_block_stop","index":0}"#),
                // a lie about the prompt comes at the end too, and is all that counts
                self.frame(&format!(
                    r#"{{"type":"message_delta","delta":{{"stop_reason":"end_turn"}},"usage":{{"output_tokens":{output}}}}}"#
                )),
                self.frame(r#"{"type":"message_stop"}"#),
            ]
            .concat(),
            Wire::Gemini => self.frame(&format!(
                r#"{{"candidates":[{{"content":{{"parts":[{{"text":""}}]}},"finishReason":"STOP"}}],"usageMetadata":{{"promptTokenCount":{input},"candidatesTokenCount":{output},"cachedContentTokenCount":90}}}}"#
            )),
            Wire::Ollama => self.frame(&format!(
                r#"{{"model":"real-model","message":{{"role":"assistant","content":""}},"done":true,"done_reason":"stop","prompt_eval_count":{input},"eval_count":{output}}}"#
            )),
        }
    }

    /// A whole stream that says `text` word by word.
    pub(crate) fn stream(self, text: &str) -> String {
        let words: String = text.split_inclusive(' ').map(|word| self.words(word)).collect();
        format!("{}{words}{}", self.opening(), self.closing("100", "5"))
    }

    /// The same answer whole.
    pub(crate) fn whole(self, text: &str) -> Value {
        match self.0 {
            Wire::OpenAi => json!({"id": "c-1", "model": "real-model",
                "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 100, "completion_tokens": 5,
                    "prompt_tokens_details": {"cached_tokens": 90}, "cost": 0.000_125}}),
            Wire::Responses => json!({"id": "c-1", "object": "response", "model": "real-model", "status": "completed",
                "error": null, "incomplete_details": null,
                "output": [{"type": "message", "id": "msg-1", "role": "assistant", "status": "completed",
                    "content": [{"type": "output_text", "text": text, "annotations": []}]}],
                "usage": {"input_tokens": 100, "input_tokens_details": {"cached_tokens": 90}, "output_tokens": 5,
                    "output_tokens_details": {"reasoning_tokens": 2}, "cost": 0.000_125}}),
            Wire::Anthropic => json!({"id": "m-1", "type": "message", "model": "real-model",
                "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
                "usage": {"input_tokens": 7, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 3,
                    "output_tokens": 5}}),
            Wire::Gemini => json!({"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}],
                "modelVersion": "real-model", "responseId": "c-1",
                "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 5, "cachedContentTokenCount": 90}}),
            Wire::Ollama => json!({"model": "real-model", "message": {"role": "assistant", "content": text},
                "done": true, "done_reason": "stop", "prompt_eval_count": 100, "eval_count": 5}),
        }
    }

    /// The body of a refusal.
    pub(crate) fn error(self, status: u16, said: &str) -> Vec<u8> {
        let body = match self.0 {
            Wire::OpenAi | Wire::Responses => json!({"error": {"message": said, "type": "some_error", "code": null}}),
            Wire::Anthropic => json!({"type": "error", "error": {"type": "some_error", "message": said}}),
            Wire::Gemini => json!({"error": {"code": status, "message": said, "status": "SOME_STATUS"}}),
            Wire::Ollama => json!({"error": said}),
        };
        body.to_string().into_bytes()
    }

    /// How it says that a prompt is too large.
    pub(crate) fn overflow(self) -> &'static str {
        match self.0 {
            Wire::OpenAi => "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.",
            Wire::Responses => {
                "Your input exceeds the context window of this model. Please adjust your input and try again."
            }
            Wire::Anthropic => "prompt is too long: 213462 tokens > 200000 maximum",
            Wire::Gemini => "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            Wire::Ollama => "the input length exceeds the context length",
        }
    }

    /// An error in the middle of a stream.
    pub(crate) fn error_event(self) -> String {
        match self.0 {
            Wire::OpenAi => self.frame(
                r#"{"id":"c-1","error":{"code":502,"message":"upstream went away"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#,
            ),
            Wire::Responses => self.frame(
                r#"{"type":"response.failed","response":{"id":"c-1","status":"failed","error":{"code":"server_error","message":"The model produced no answer."}}}"#,
            ),
            Wire::Anthropic => {
                self.frame(r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#)
            }
            Wire::Gemini => self.frame(r#"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}"#),
            Wire::Ollama => self.frame(r#"{"error":"model runner has unexpectedly stopped"}"#),
        }
    }
}
