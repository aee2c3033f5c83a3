//! The format of OpenAI's responses, at which its newer models take tools. Nothing is left with the provider: each
//! question holds the whole conversation, and the thoughts of a turn go back with it, encrypted.

use serde_json::{Value, json};

use super::format::{Format, bearer};
use super::gathered::{Gathered, Seen, Wrong};
use super::json::{count, is_strict, items, micros, text};
use super::settings::{ProviderSettings, ShapeMode};
use super::wrong::reported;
use super::{ChatRequest, Finish, JsonShape, Message, Part, Speaker, Usage};
use crate::infrastructure::http::Secret;

/// Where a turn keeps its items, in their order: a thought stands before what it led to, or it is refused.
const ITEMS: &str = "items";

pub(super) struct Responses;

impl Format for Responses {
    fn path(&self, _model: &str, _stream: bool) -> String {
        "/responses".to_owned()
    }

    fn headers(&self, key: Option<&Secret>) -> Vec<(String, Secret)> {
        bearer(key)
    }

    fn body(&self, settings: &ProviderSettings, model: &str, request: &ChatRequest) -> Value {
        let mut body = prompt(settings, model, request);
        body["max_output_tokens"] = json!(request.max_output_tokens);
        body["stream"] = json!(settings.stream);
        body["store"] = json!(false);
        if settings.thoughts {
            body["include"] = json!(["reasoning.encrypted_content"]);
        }
        if let Some(hundredths) = request.temperature_hundredths.filter(|_| settings.temperature) {
            body["temperature"] = json!(f64::from(hundredths) / 100.0);
        }
        body
    }

    fn has_last_event(&self) -> bool {
        true
    }

    fn event(&self, kind: &str, event: &Value, into: &mut Gathered, seen: Seen<'_>) -> Result<(), Wrong> {
        let named = text(event, "/type");
        let index = event["output_index"].as_u64().unwrap_or(0);
        let named = if named.is_empty() { kind } else { named };
        match named {
            "response.created" | "response.in_progress" => begin(&event["response"], into),
            "response.output_item.added" => call(index, &event["item"], into, seen),
            "response.output_text.delta" | "response.refusal.delta" => into.say(text(event, "/delta"), seen),
            "response.refusal.done" => into.finish(Finish::Filtered),
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                into.think(text(event, "/delta"), seen);
            }
            "response.function_call_arguments.delta" => into.argue(index, text(event, "/delta"), seen),
            "response.function_call_arguments.done" if !into.is_argued(index) => {
                into.argue(index, text(event, "/arguments"), seen);
            }
            "response.output_item.done" => {
                let item = &event["item"];
                call(index, item, into, seen);
                if !into.is_argued(index) {
                    into.argue(index, text(item, "/arguments"), seen);
                }
                keep(item, into);
            }
            "response.completed" | "response.incomplete" | "response.failed" => {
                end(&event["response"], named.trim_start_matches("response."), into, seen)?;
                into.done();
            }
            "error" => return Err(reported(not_null(event, "error").unwrap_or(event))),
            // in the way of chat completions
            _ => {
                if let Some(error) = not_null(event, "error") {
                    return Err(reported(error));
                }
            }
        }
        Ok(())
    }

    fn whole(&self, body: &Value, into: &mut Gathered, seen: Seen<'_>) -> Result<(), Wrong> {
        if !body["output"].is_array() && not_null(body, "error").is_none() {
            return Err(Wrong::unreadable("it is JSON without an output"));
        }
        end(body, "", into, seen)
    }
}

/// What is asked, without how it is to be answered.
pub(super) fn prompt(settings: &ProviderSettings, model: &str, request: &ChatRequest) -> Value {
    let mut input = Vec::new();
    request.messages.iter().for_each(|message| turn(settings, message, &mut input));
    let mut body = json!({ "model": model, "input": input });
    let system = settings.system(request);
    if !system.is_empty() {
        body["instructions"] = json!(system.join("\n\n"));
    }
    if !request.tools.is_empty() {
        // held to the letter where nothing is said, and then every argument is required
        let tool = |tool: &super::ToolSpec| {
            json!({ "type": "function", "name": tool.name, "description": tool.description,
                "parameters": tool.parameters, "strict": false })
        };
        body["tools"] = request.tools.iter().map(tool).collect();
        if request.calls_forbidden {
            body["tool_choice"] = json!("none");
        }
    }
    match (&request.shape, settings.shape) {
        (Some(JsonShape { name, schema }), ShapeMode::Schema | ShapeMode::Tool) => {
            body["text"] = json!({ "format": {
                "type": "json_schema", "name": name, "schema": schema, "strict": is_strict(schema) } });
        }
        (Some(_), ShapeMode::Object) => body["text"] = json!({ "format": { "type": "json_object" } }),
        _ => {}
    }
    body
}

fn turn(settings: &ProviderSettings, message: &Message, all: &mut Vec<Value>) {
    let called = |call: &super::CallBlock| json!({ "type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments });
    let words: Vec<&str> = message
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::Text { text } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let words = words.join("\n\n");
    if message.speaker == Speaker::User {
        for part in &message.parts {
            if let Part::Result { id, text, .. } = part {
                all.push(json!({ "type": "function_call_output", "call_id": id, "output": text }));
            }
        }
        if !words.is_empty() {
            all.push(json!({ "role": "user", "content": words }));
        }
        return;
    }
    let kept = message.parts.iter().find_map(|part| match part {
        Part::Kept { value } => Some(items(value, &format!("/{ITEMS}"))),
        _ => None,
    });
    let mut said = (!words.is_empty()).then(|| json!({ "role": "assistant", "content": words }));
    let mut calls: Vec<_> = message
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::Call(call) => Some(call),
            _ => None,
        })
        .collect();
    for item in kept.unwrap_or_default() {
        match text(item, "/type") {
            "reasoning" if settings.thoughts => all.push(item.clone()),
            "message" => {
                if let Some(mut said) = said.take() {
                    if let Some(phase) = not_null(item, "phase") {
                        said["phase"] = phase.clone();
                    }
                    all.push(said);
                }
            }
            "function_call" => {
                if let Some(at) = calls.iter().position(|call| call.id == text(item, "/call_id")) {
                    all.push(called(calls.remove(at)));
                }
            }
            _ => {}
        }
    }
    all.extend(said);
    all.extend(calls.into_iter().map(called));
}

/// What goes back of an item: of a thought all that a provider takes, of the others where they stood.
fn keep(item: &Value, into: &mut Gathered) {
    let kept = match text(item, "/type") {
        "reasoning" => {
            // its name alone is of no use: nothing is stored under it
            let is_there = !text(item, "/encrypted_content").is_empty() || !items(item, "/content").is_empty();
            let mut thought = item.clone();
            if let Some(fields) = thought.as_object_mut().filter(|_| is_there) {
                fields.retain(|name, value| name != "status" && !value.is_null());
                into.keep_piece(ITEMS, &thought);
            }
            return;
        }
        "message" => json!({ "type": "message", "phase": item["phase"] }),
        "function_call" => json!({ "type": "function_call", "call_id": item["call_id"] }),
        _ => return,
    };
    into.keep_piece(ITEMS, &kept);
}

fn not_null<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name).filter(|value| !value.is_null())
}

fn begin(response: &Value, into: &mut Gathered) {
    if into.model.is_empty() {
        text(response, "/model").clone_into(&mut into.model);
    }
    if into.request_id.is_empty() {
        text(response, "/id").clone_into(&mut into.request_id);
    }
}

/// A call begins, where the item is one. Its `id` is the item's; what is asked back is its `call_id`.
fn call(index: u64, item: &Value, into: &mut Gathered, seen: Seen<'_>) {
    if text(item, "/type") == "function_call" {
        into.call(index, text(item, "/call_id"), text(item, "/name"), seen);
    }
}

/// A whole response, or the one that a stream ends with: all of it where no piece came before. It ended as `told`, where it
/// does not say itself how.
fn end(response: &Value, told: &str, into: &mut Gathered, seen: Seen<'_>) -> Result<(), Wrong> {
    begin(response, into);
    if let Some(usage) = not_null(response, "usage") {
        into.usage = Usage {
            input: count(usage, "/input_tokens"),
            output: count(usage, "/output_tokens"),
            cache_read: count(usage, "/input_tokens_details/cached_tokens"),
            cache_write: count(usage, "/input_tokens_details/cache_write_tokens"),
            cost_micros: micros(usage, "/cost"), // a router's
        };
    }
    if let Some(error) = not_null(response, "error") {
        return Err(reported(error));
    }
    if into.is_empty() {
        for (index, item) in items(response, "/output").iter().enumerate() {
            take(index as u64, item, into, seen);
        }
    }
    let status = text(response, "/status");
    match (if status.is_empty() { told } else { status }, text(response, "/incomplete_details/reason")) {
        ("completed", _) => into.finish(Finish::Stop),
        ("incomplete", "max_output_tokens") => into.finish(Finish::Length),
        ("incomplete", "content_filter") => into.finish(Finish::Filtered),
        ("incomplete", reason) => into.finish(Finish::Other(reason.chars().take(40).collect())),
        ("failed", _) => return Err(Wrong::Reported { status: None, said: "it failed without a word".to_owned() }),
        _ => {} // queued, in progress, cancelled: no answer
    }
    Ok(())
}

fn take(index: u64, item: &Value, into: &mut Gathered, seen: Seen<'_>) {
    match text(item, "/type") {
        "message" => {
            for part in items(item, "/content") {
                into.say(text(part, "/text"), seen);
                let refusal = text(part, "/refusal");
                if !refusal.is_empty() {
                    into.say(refusal, seen);
                    into.finish(Finish::Filtered);
                }
            }
        }
        "function_call" => {
            call(index, item, into, seen);
            into.argue(index, text(item, "/arguments"), seen);
        }
        "reasoning" => {
            let thoughts = items(item, "/summary").iter().chain(items(item, "/content"));
            thoughts.for_each(|thought| into.think(text(thought, "/text"), seen));
        }
        _ => {}
    }
    keep(item, into);
}
