//! The format of Anthropic's messages.

use serde_json::{Value, json};

use super::format::{Catalogue, Format};
use super::gathered::{Gathered, Seen, Wrong};
use super::json::{count, is_strict, items, object, sum, text};
use super::settings::{ProviderSettings, ShapeMode};
use super::wrong::reported;
use super::{ChatRequest, Finish, JsonShape, Part, Speaker, Usage};
use crate::infrastructure::http::Secret;

/// The version of the format that this file reads and writes.
const VERSION: &str = "2023-06-01";

pub(super) struct Anthropic;

impl Format for Anthropic {
    fn path(&self, _model: &str, _stream: bool) -> String {
        "/messages".to_owned()
    }

    fn catalogue(&self) -> Catalogue {
        ("/models?limit=1000", "/data", "id")
    }

    fn headers(&self, key: Option<&Secret>) -> Vec<(String, Secret)> {
        let version = ("anthropic-version".to_owned(), Secret::new(VERSION));
        key.map(|key| ("x-api-key".to_owned(), key.clone())).into_iter().chain([version]).collect()
    }

    fn body(&self, settings: &ProviderSettings, model: &str, request: &ChatRequest) -> Value {
        let mut body = json!({
            "model": model,
            "max_tokens": request.max_output_tokens,
            "messages": messages(settings, request),
            "stream": settings.stream,
        });
        let mut system: Vec<Value> =
            settings.system(request).iter().map(|text| json!({ "type": "text", "text": text })).collect();
        if settings.prompt_cache {
            // what changes least comes first: kept up to there, and up to the end of the standing part
            system.first_mut().into_iter().for_each(keep);
            system.last_mut().into_iter().for_each(keep);
        }
        if !system.is_empty() {
            body["system"] = system.into();
        }
        if let Some(hundredths) = request.temperature_hundredths.filter(|_| settings.temperature) {
            body["temperature"] = json!(f64::from(hundredths.min(100)) / 100.0); // its scale ends at 1
        }
        let tool = |name: &str, description: &str, schema: &Value| json!({ "name": name, "description": description, "input_schema": schema });
        let mut tools: Vec<Value> =
            request.tools.iter().map(|given| tool(&given.name, &given.description, &given.parameters)).collect();
        if request.calls_forbidden && !tools.is_empty() {
            body["tool_choice"] = json!({ "type": "none" });
        }
        if let Some(JsonShape { schema, .. }) = request.shape.as_ref().filter(|shape| is_held(settings, shape)) {
            let format = json!({ "type": "json_schema", "schema": without_limits(schema) });
            body["output_config"] = json!({ "format": format });
        } else if let (Some(JsonShape { name, schema }), ShapeMode::Schema | ShapeMode::Tool) =
            (&request.shape, settings.shape)
        {
            body["tool_choice"] = match tools.is_empty() || request.calls_forbidden {
                true => json!({ "type": "tool", "name": name }),
                false => json!({ "type": "any" }),
            };
            tools.push(tool(name, "Gives the final answer. Call it once, when it is complete.", schema));
        }
        if !tools.is_empty() {
            body["tools"] = tools.into();
        }
        body
    }

    fn shape_tool(&self, settings: &ProviderSettings, request: &ChatRequest) -> Option<String> {
        let shape = request.shape.as_ref().filter(|shape| !is_held(settings, shape));
        let shape = shape.filter(|_| matches!(settings.shape, ShapeMode::Schema | ShapeMode::Tool));
        shape.map(|shape| shape.name.clone())
    }

    fn has_last_event(&self) -> bool {
        true
    }

    fn event(&self, kind: &str, event: &Value, into: &mut Gathered, seen: Seen<'_>) -> Result<(), Wrong> {
        let index = event["index"].as_u64().unwrap_or(0);
        match (kind, text(event, "/type")) {
            (_, "message_start") => begin(&event["message"], into),
            (_, "content_block_start") => block(index, &event["content_block"], into, seen),
            (_, "content_block_delta") => delta(index, &event["delta"], into, seen),
            (_, "message_delta") => {
                merge(&event["usage"], into);
                stop(text(event, "/delta/stop_reason"), into);
            }
            (_, "message_stop") => into.done(),
            ("error", _) | (_, "error") => return Err(reported(event.get("error").unwrap_or(event))),
            _ => {} // ping, content_block_stop, and what a later version may add
        }
        Ok(())
    }

    fn whole(&self, body: &Value, into: &mut Gathered, seen: Seen<'_>) -> Result<(), Wrong> {
        if text(body, "/type") == "error" || body.get("error").is_some_and(|error| !error.is_null()) {
            return Err(reported(body.get("error").unwrap_or(body)));
        }
        if !body["content"].is_array() {
            return Err(Wrong::unreadable("it is JSON without content"));
        }
        begin(body, into);
        for (index, given) in items(body, "/content").iter().enumerate() {
            block(index as u64, given, into, seen);
        }
        stop(text(body, "/stop_reason"), into);
        Ok(())
    }
}

/// Whether the provider itself holds an answer to that shape: it takes only schemas whose objects are closed.
fn is_held(settings: &ProviderSettings, shape: &JsonShape) -> bool {
    settings.shape == ShapeMode::Schema && is_strict(&shape.schema)
}

/// What the provider does not take in a schema that it holds an answer to.
const LIMITS: [&str; 9] =
    ["minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems", "minimum", "maximum", "multipleOf"];

/// `schema` with its limits in words: whoever asked checks them in the answer.
fn without_limits(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let (mut bare, mut limits) = (serde_json::Map::new(), Vec::new());
            for (name, value) in fields {
                match (name.as_str(), value) {
                    // names of its own, not words of the schema
                    ("properties" | "$defs", Value::Object(named)) => {
                        let named = named.iter().map(|(name, value)| (name.clone(), without_limits(value)));
                        bare.insert(name.clone(), Value::Object(named.collect()));
                    }
                    (word, _) if LIMITS.contains(&word) => limits.push(format!("{word}: {value}")),
                    _ => drop(bare.insert(name.clone(), without_limits(value))),
                }
            }
            if !limits.is_empty() {
                let said = format!("{} ({})", text(schema, "/description"), limits.join(", "));
                bare.insert("description".to_owned(), json!(said.trim_start()));
            }
            Value::Object(bare)
        }
        Value::Array(several) => several.iter().map(without_limits).collect(),
        other => other.clone(),
    }
}

/// Marks what the provider is to keep up to here.
fn keep(block: &mut Value) {
    block["cache_control"] = json!({ "type": "ephemeral" });
}

fn messages(settings: &ProviderSettings, request: &ChatRequest) -> Value {
    let part = |part: &Part| match part {
        Part::Text { text } => json!({ "type": "text", "text": text }),
        Part::Call(call) => {
            json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": object(&call.arguments) })
        }
        Part::Result { id, text, .. } => json!({ "type": "tool_result", "tool_use_id": id, "content": text }),
        Part::Kept { .. } => Value::Null, // stands first, below
    };
    // an empty block is refused
    let is_said = |part: &&Part| !matches!(part, Part::Text { text } if text.trim().is_empty());
    let mut all: Vec<Value> = Vec::new();
    for message in &request.messages {
        let role = match message.speaker {
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
        };
        let thoughts = message.parts.iter().filter_map(|part| match part {
            Part::Kept { value } => Some(items(value, "/thoughts").iter().map(without_number)),
            _ => None,
        });
        let said = message.parts.iter().filter(is_said).map(part).filter(|part| !part.is_null());
        let parts: Vec<Value> = thoughts.flatten().chain(said).collect();
        if !parts.is_empty() {
            all.push(json!({ "role": role, "content": parts }));
        }
    }
    // a conversation that goes on is read from the cache the next time
    let last = all.last_mut().filter(|_| settings.prompt_cache && request.messages.len() > 1);
    if let Some(block) = last.and_then(|last| last["content"].as_array_mut()?.last_mut()) {
        keep(block);
    }
    Value::Array(all)
}

fn begin(message: &Value, into: &mut Gathered) {
    if into.model.is_empty() {
        text(message, "/model").clone_into(&mut into.model);
    }
    if into.request_id.is_empty() {
        text(message, "/id").clone_into(&mut into.request_id);
    }
    merge(&message["usage"], into);
}

fn block(index: u64, given: &Value, into: &mut Gathered, seen: Seen<'_>) {
    match text(given, "/type") {
        "text" => into.say(text(given, "/text"), seen),
        "thinking" | "redacted_thinking" => {
            into.think(text(given, "/thinking"), seen);
            keep_thought(index, given, into);
        }
        "tool_use" if !into.has_call(index, text(given, "/id")) => {
            into.call(index, text(given, "/id"), text(given, "/name"), seen);
            let input = given["input"].as_object().filter(|input| !input.is_empty());
            if let Some(input) = input {
                into.argue(index, &Value::Object(input.clone()).to_string(), seen);
            }
        }
        _ => {}
    }
}

fn delta(index: u64, given: &Value, into: &mut Gathered, seen: Seen<'_>) {
    match text(given, "/type") {
        "text_delta" => into.say(text(given, "/text"), seen),
        "thinking_delta" => {
            into.think(text(given, "/thinking"), seen);
            keep_thought(index, &json!({ "thinking": given["thinking"] }), into);
        }
        "signature_delta" => keep_thought(index, &json!({ "signature": given["signature"] }), into),
        "input_json_delta" => into.argue(index, text(given, "/partial_json"), seen),
        _ => {}
    }
}

/// Thoughts go back unchanged, with their signatures, before what they led to.
fn keep_thought(index: u64, piece: &Value, into: &mut Gathered) {
    let mut piece = piece.clone();
    piece["index"] = json!(index);
    into.keep_piece("thoughts", &piece);
}

fn without_number(thought: &Value) -> Value {
    let mut thought = thought.clone();
    thought.as_object_mut().map(|fields| fields.remove("index"));
    thought
}

fn stop(reason: &str, into: &mut Gathered) {
    match reason {
        "" => {}
        "end_turn" | "stop_sequence" => into.finish(Finish::Stop),
        "max_tokens" | "model_context_window_exceeded" => into.finish(Finish::Length),
        "tool_use" => into.finish(Finish::Tools),
        "refusal" => into.finish(Finish::Filtered),
        other => into.finish(Finish::Other(other.chars().take(40).collect())),
    }
}

/// Counts come at the start and again at the end. Its `input_tokens` leave out what was read from or written to the
/// cache; ours are all of the prompt.
fn merge(usage: &Value, into: &mut Gathered) {
    let read = count(usage, "/cache_read_input_tokens").or(into.usage.cache_read);
    let written = count(usage, "/cache_creation_input_tokens").or(into.usage.cache_write);
    let fresh = count(usage, "/input_tokens").or_else(|| {
        let cached = into.usage.cache_read.unwrap_or(0) + into.usage.cache_write.unwrap_or(0);
        into.usage.input.map(|input| input.saturating_sub(cached))
    });
    into.usage = Usage {
        input: fresh.and_then(|fresh| sum(Some(fresh), sum(read, written))),
        output: count(usage, "/output_tokens").or(into.usage.output),
        cache_read: read,
        cache_write: written,
        cost_micros: None,
    };
}
