//! The format of OpenAI's chat completions, which most servers speak: also Groq, OpenRouter, vLLM, llama.cpp, LM Studio.

use serde_json::{Value, json};

use super::format::{Format, bearer};
use super::gathered::{Gathered, Seen, Wrong};
use super::json::{count, is_strict, items, micros, text};
use super::settings::{OutputLimit, ProviderSettings, ShapeMode};
use super::wrong::reported;
use super::{ChatRequest, Finish, JsonShape, Message, Part, Speaker, Usage};
use crate::infrastructure::http::Secret;

/// What some providers want back with the turn in which a model that thinks called tools: DeepSeek its words, OpenRouter
/// their details. // api-docs.deepseek.com, "Thinking mode"; openrouter.ai/docs, "Preserving reasoning blocks"
const THOUGHTS: [&str; 3] = ["reasoning_content", "reasoning", "reasoning_details"];

/// What goes back with a call: Google's signatures, behind its own address and behind gateways.
const WITH_CALLS: [&str; 2] = ["extra_content", "provider_specific_fields"];

/// Stands before a call's id where that is kept.
const WITH_CALL: &str = "call ";

pub(super) struct OpenAi;

impl Format for OpenAi {
    fn path(&self, _model: &str, _stream: bool) -> String {
        "/chat/completions".to_owned()
    }

    fn headers(&self, key: Option<&Secret>) -> Vec<(String, Secret)> {
        bearer(key)
    }

    fn body(&self, settings: &ProviderSettings, model: &str, request: &ChatRequest) -> Value {
        let mut body = json!({ "model": model, "messages": messages(settings, request), "stream": settings.stream });
        let limit = match settings.output_limit {
            OutputLimit::MaxTokens => "max_tokens",
            OutputLimit::MaxCompletionTokens => "max_completion_tokens",
        };
        body[limit] = json!(request.max_output_tokens);
        if settings.stream && settings.stream_usage {
            body["stream_options"] = json!({ "include_usage": true });
        }
        if settings.asks_cost {
            body["usage"] = json!({ "include": true });
        }
        if let Some(hundredths) = request.temperature_hundredths.filter(|_| settings.temperature) {
            body["temperature"] = json!(f64::from(hundredths) / 100.0);
        }
        if !request.tools.is_empty() {
            let tool = |tool: &super::ToolSpec| {
                json!({ "type": "function", "function": {
                    "name": tool.name, "description": tool.description, "parameters": tool.parameters } })
            };
            body["tools"] = request.tools.iter().map(tool).collect();
            if request.calls_forbidden {
                body["tool_choice"] = json!("none");
            }
        }
        match (&request.shape, settings.shape) {
            (Some(JsonShape { name, schema }), ShapeMode::Schema | ShapeMode::Tool) => {
                body["response_format"] = json!({ "type": "json_schema", "json_schema": {
                    "name": name, "schema": schema, "strict": is_strict(schema) } });
            }
            (Some(_), ShapeMode::Object) => body["response_format"] = json!({ "type": "json_object" }),
            _ => {}
        }
        body
    }

    fn event(&self, kind: &str, event: &Value, into: &mut Gathered, seen: Seen<'_>) -> Result<(), Wrong> {
        if kind == "error" {
            return Err(reported(event.get("error").unwrap_or(event)));
        }
        take(event, "/delta", into, seen)
    }

    fn whole(&self, body: &Value, into: &mut Gathered, seen: Seen<'_>) -> Result<(), Wrong> {
        if body.get("choices").is_none() && body.get("error").is_none() && text(body, "/object") != "error" {
            return Err(Wrong::unreadable("it is JSON without choices"));
        }
        take(body, "/message", into, seen)
    }
}

fn messages(settings: &ProviderSettings, request: &ChatRequest) -> Value {
    let mut all = Vec::new();
    let system = settings.system(request);
    if settings.prompt_cache && !system.is_empty() {
        let mut blocks: Vec<Value> = system.iter().map(|text| json!({ "type": "text", "text": text })).collect();
        if let Some(last) = blocks.last_mut() {
            last["cache_control"] = json!({ "type": "ephemeral" });
        }
        all.push(json!({ "role": "system", "content": blocks }));
    } else if !system.is_empty() {
        // one message: the templates of many open models take no second
        all.push(json!({ "role": "system", "content": system.join("\n\n") }));
    }
    request.messages.iter().for_each(|message| turn(message, &mut all));
    Value::Array(all)
}

fn turn(message: &Message, all: &mut Vec<Value>) {
    let words: Vec<&str> = message
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::Text { text } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let words = words.join("\n\n");
    match message.speaker {
        Speaker::User => {
            for part in &message.parts {
                if let Part::Result { id, text, .. } = part {
                    all.push(json!({ "role": "tool", "tool_call_id": id, "content": text }));
                }
            }
            if !words.is_empty() {
                all.push(json!({ "role": "user", "content": words }));
            }
        }
        Speaker::Assistant => {
            let call = |part: &Part| match part {
                Part::Call(call) => Some(json!({ "id": call.id, "type": "function", "function": {
                    "name": call.name, "arguments": call.arguments } })),
                _ => None,
            };
            let calls: Vec<Value> = message.parts.iter().filter_map(call).collect();
            let mut said = json!({ "role": "assistant", "content": words });
            if !calls.is_empty() {
                said["tool_calls"] = calls.into();
            }
            for part in &message.parts {
                if let Part::Kept { value } = part {
                    give_back(value, &mut said);
                }
            }
            all.push(said);
        }
    }
}

/// What of a turn goes back as it came: thoughts in the turn, the rest with the call that it came with.
fn give_back(kept: &Value, said: &mut Value) {
    for name in THOUGHTS.into_iter().filter(|name| !kept[*name].is_null()) {
        said[name] = kept[name].clone();
    }
    let calls = said["tool_calls"].as_array_mut().into_iter().flatten();
    for call in calls {
        let with = call["id"].as_str().map(|id| kept[format!("{WITH_CALL}{id}")].clone()).unwrap_or_default();
        for (name, value) in with.as_object().into_iter().flatten() {
            call[name] = value.clone();
        }
    }
}

/// One chunk of a stream, or a whole answer: they differ in the name of what was said.
fn take(event: &Value, said: &str, into: &mut Gathered, seen: Seen<'_>) -> Result<(), Wrong> {
    if let Some(error) = event.get("error").filter(|error| !error.is_null()) {
        return Err(reported(error));
    }
    if text(event, "/object") == "error" {
        return Err(reported(event)); // vLLM's form
    }
    let stopped = text(event, "/x_groq/error");
    if !stopped.is_empty() {
        return Err(Wrong::Reported { status: None, said: stopped.to_owned() });
    }
    if into.model.is_empty() {
        text(event, "/model").clone_into(&mut into.model);
    }
    if into.request_id.is_empty() {
        text(event, "/id").clone_into(&mut into.request_id);
    }
    let usage = event.get("usage").filter(|usage| usage.is_object()).or_else(|| event.pointer("/x_groq/usage"));
    if let Some(usage) = usage {
        into.usage = read_usage(usage);
    }
    let first = items(event, "/choices").iter().find(|choice| choice["index"].as_u64().unwrap_or(0) == 0);
    let Some(choice) = first else { return Ok(()) };
    if let Some(error) = choice.get("error").filter(|error| !error.is_null()) {
        return Err(reported(error));
    }
    let more = choice.pointer(said).unwrap_or(&Value::Null);
    words(more, into, seen);
    for (place, call) in items(more, "/tool_calls").iter().enumerate() {
        take_call(call, place, said == "/message", into, seen);
    }
    match text(choice, "/finish_reason") {
        "" => {}
        "stop" | "eos" | "end_turn" => into.finish(Finish::Stop),
        "length" | "max_tokens" | "model_length" => into.finish(Finish::Length),
        "tool_calls" | "function_call" => into.finish(Finish::Tools),
        "content_filter" => into.finish(Finish::Filtered),
        "abort" => {} // vLLM's word for a request that it gave up: what came is no answer
        "error" => return Err(Wrong::Reported { status: None, said: "it stopped with an error".to_owned() }),
        other => into.finish(Finish::Other(other.chars().take(40).collect())),
    }
    Ok(())
}

fn words(more: &Value, into: &mut Gathered, seen: Seen<'_>) {
    for thought_name in ["reasoning_content", "reasoning"] {
        let thought = text(more, &format!("/{thought_name}"));
        if !thought.is_empty() {
            into.think(thought, seen);
            into.keep_text(thought_name, thought);
            break; // some servers send the same under both names
        }
    }
    for piece in items(more, "/reasoning_details") {
        into.keep_piece("reasoning_details", piece);
    }
    into.say(text(more, "/content"), seen);
    for part in items(more, "/content") {
        match text(part, "/type") {
            "thinking" => items(part, "/thinking").iter().for_each(|thought| into.think(text(thought, "/text"), seen)),
            _ => into.say(text(part, "/text"), seen),
        }
    }
    let refusal = text(more, "/refusal");
    if !refusal.is_empty() {
        into.say(refusal, seen);
        into.finish(Finish::Filtered);
    }
}

/// Calls come in pieces numbered by `index`; a server that leaves the number out begins a call with an id.
fn take_call(call: &Value, place: usize, is_whole: bool, into: &mut Gathered, seen: Seen<'_>) {
    let (id, name) = (text(call, "/id"), text(call, "/function/name"));
    let index = match call["index"].as_u64() {
        _ if is_whole => place as u64,
        // two calls under one number: some servers number every call 0
        Some(index) if into.has_call(index, id) || into.call_named(id).is_none() && !into.has_call(index, "") => index,
        _ if id.is_empty() && name.is_empty() => into.call_named("").unwrap_or(0),
        _ => into.call_named(id).filter(|_| !id.is_empty()).unwrap_or_else(|| into.next_call()),
    };
    into.call(index, id, name, seen);
    let with: serde_json::Map<String, Value> = WITH_CALLS
        .into_iter()
        .filter(|name| !call[*name].is_null())
        .map(|name| (name.to_owned(), call[name].clone()))
        .collect();
    if !with.is_empty() && !id.is_empty() {
        into.keep_value(&format!("{WITH_CALL}{id}"), &Value::Object(with));
    }
    let arguments = &call["function"]["arguments"];
    match arguments.as_str() {
        Some(more) => into.argue(index, more, seen),
        None if arguments.is_object() => into.argue(index, &arguments.to_string(), seen),
        None => {}
    }
}

fn read_usage(usage: &Value) -> Usage {
    let details = |name: &str| count(usage, &format!("/prompt_tokens_details/{name}"));
    let (input, output) = (count(usage, "/prompt_tokens"), count(usage, "/completion_tokens"));
    // some count hidden thoughts beside the answer and not in it: their own sum tells
    let thoughts = count(usage, "/completion_tokens_details/reasoning_tokens").filter(|thoughts| {
        let parts = [input, output, Some(*thoughts)].into_iter().try_fold(0_u64, |sum, part| sum.checked_add(part?));
        *thoughts > 0 && parts.is_some() && parts == count(usage, "/total_tokens")
    });
    Usage {
        input,
        output: output.map(|output| output.saturating_add(thoughts.unwrap_or(0))),
        cache_read: details("cached_tokens").or_else(|| count(usage, "/prompt_cache_hit_tokens")),
        cache_write: details("cache_write_tokens").or_else(|| count(usage, "/cache_creation_input_tokens")),
        cost_micros: micros(usage, "/cost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_calls(chunks: &[Value], expected: &[(&str, &str, &str)]) {
        let mut into = Gathered::new(None, String::new());
        for call in chunks {
            let event = json!({ "choices": [{ "delta": { "tool_calls": [call] } }] });
            take(&event, "/delta", &mut into, &mut |_| ()).expect("a chunk");
        }
        into.finish(Finish::Tools);
        let reply = into.reply().expect("whole");
        let found: Vec<_> =
            reply.calls.iter().map(|call| (call.id.as_str(), call.name.as_str(), call.arguments.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn hidden_thoughts_are_paid_for_wherever_they_are_counted() {
        let usage = |total: u64| {
            json!({
                "prompt_tokens": 3000, "completion_tokens": 60, "total_tokens": total,
                "completion_tokens_details": { "reasoning_tokens": 50 },
            })
        };
        assert_eq!(read_usage(&usage(3110)).output, Some(110), "beside the answer");
        assert_eq!(read_usage(&usage(3060)).output, Some(60), "in it");
    }

    #[test]
    fn calls_come_together_however_they_are_numbered() {
        let begin = |index: Option<u64>, id: &str, name: &str, arguments: &str| {
            let mut call = json!({ "id": id, "function": { "name": name, "arguments": arguments } });
            if let Some(index) = index {
                call["index"] = json!(index);
            }
            call
        };
        let more = |index: Option<u64>, arguments: &str| begin(index, "", "", arguments);
        let both = [("a", "read", r#"{"x":1}"#), ("b", "find", "{}")];
        let (one, two) = (r#"{"x""#, ":1}");
        check_calls(
            &[
                begin(Some(0), "a", "read", ""),
                more(Some(0), one),
                begin(Some(1), "b", "find", "{}"),
                more(Some(0), two),
            ],
            &both,
        );
        check_calls(&[begin(None, "a", "read", one), more(None, two), begin(None, "b", "find", "{}")], &both);
        check_calls(&[begin(Some(0), "a", "read", r#"{"x":1}"#), begin(Some(0), "b", "find", "{}")], &both);
        check_calls(
            &[begin(Some(0), "a", "read", one), begin(Some(0), "a", "read", two), begin(Some(1), "b", "find", "")],
            &both,
        );
        check_calls(&[begin(Some(1), "b", "find", "{}"), begin(Some(0), "a", "read", r#"{"x":1}"#)], &both);
    }
}
