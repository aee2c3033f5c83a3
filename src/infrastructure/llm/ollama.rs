//! Ollama's own format: one JSON text a line, and a context whose size each request names.

use serde_json::{Value, json};

use super::format::{Catalogue, Format, Framing, bearer};
use super::gathered::{Gathered, Seen, Wrong};
use super::json::{count, items, object, text};
use super::settings::{ProviderSettings, ShapeMode};
use super::wrong::reported;
use super::{ChatRequest, Finish, JsonShape, Message, Part, Speaker, Usage};
use crate::infrastructure::http::Secret;

pub(super) struct Ollama;

impl Format for Ollama {
    fn path(&self, _model: &str, _stream: bool) -> String {
        "/api/chat".to_owned()
    }

    fn catalogue(&self) -> Catalogue {
        ("/api/tags", "/models", "name")
    }

    fn headers(&self, key: Option<&Secret>) -> Vec<(String, Secret)> {
        bearer(key)
    }

    fn body(&self, settings: &ProviderSettings, model: &str, request: &ChatRequest) -> Value {
        let mut options = json!({ "num_predict": request.max_output_tokens });
        if let Some(context) = settings.context {
            options["num_ctx"] = json!(context);
        }
        if let Some(hundredths) = request.temperature_hundredths.filter(|_| settings.temperature) {
            options["temperature"] = json!(f64::from(hundredths) / 100.0);
        }
        let mut messages = Vec::new();
        let system = settings.system(request);
        if !system.is_empty() {
            messages.push(json!({ "role": "system", "content": system.join("\n\n") }));
        }
        request.messages.iter().for_each(|message| turn(message, &mut messages));
        let mut body = json!({
            "model": model,
            "messages": messages,
            "stream": settings.stream,
            "options": options,
            // a prompt that does not fit is refused, not cut at its front without a word
            "truncate": false,
            "shift": false,
        });
        // it knows no word that forbids calls, and takes what tools found without them
        if !request.tools.is_empty() && !request.calls_forbidden {
            let tool = |tool: &super::ToolSpec| {
                json!({ "type": "function", "function": {
                    "name": tool.name, "description": tool.description, "parameters": tool.parameters } })
            };
            body["tools"] = request.tools.iter().map(tool).collect();
        }
        match (&request.shape, settings.shape) {
            (Some(JsonShape { schema, .. }), ShapeMode::Schema | ShapeMode::Tool) => body["format"] = schema.clone(),
            (Some(_), ShapeMode::Object) => body["format"] = json!("json"),
            _ => {}
        }
        body
    }

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn event(&self, _kind: &str, event: &Value, into: &mut Gathered, seen: Seen<'_>) -> Result<(), Wrong> {
        if let Some(error) = event.get("error").filter(|error| !error.is_null()) {
            return Err(reported(error));
        }
        if into.model.is_empty() {
            text(event, "/model").clone_into(&mut into.model);
        }
        into.think(text(event, "/message/thinking"), seen);
        into.say(text(event, "/message/content"), seen);
        for call in items(event, "/message/tool_calls") {
            let index = into.next_call();
            into.call(index, text(call, "/id"), text(call, "/function/name"), seen);
            let arguments = &call["function"]["arguments"];
            match arguments.as_str() {
                Some(text) => into.argue(index, text, seen),
                None if arguments.is_object() => into.argue(index, &arguments.to_string(), seen),
                None => {}
            }
        }
        if event["done"].as_bool() == Some(true) {
            into.usage = Usage {
                input: count(event, "/prompt_eval_count"),
                output: count(event, "/eval_count"),
                ..Usage::default()
            };
            into.finish(match text(event, "/done_reason") {
                "" | "stop" => Finish::Stop,
                "length" => Finish::Length,
                other => Finish::Other(other.chars().take(40).collect()),
            });
            into.done();
        }
        Ok(())
    }

    fn whole(&self, body: &Value, into: &mut Gathered, seen: Seen<'_>) -> Result<(), Wrong> {
        let is_answer = body.get("message").is_some() || body.get("error").is_some();
        if is_answer {
            self.event("", body, into, seen)
        } else {
            Err(Wrong::unreadable("it is JSON without a message"))
        }
    }
}

fn turn(message: &Message, all: &mut Vec<Value>) {
    let (mut words, mut calls) = (Vec::new(), Vec::new());
    for part in &message.parts {
        match part {
            Part::Text { text } => words.push(text.as_str()),
            Part::Call(call) => {
                calls.push(json!({ "function": { "name": call.name, "arguments": object(&call.arguments) } }))
            }
            Part::Result { name, text, .. } => {
                all.push(json!({ "role": "tool", "tool_name": name, "content": text }));
            }
            Part::Kept { .. } => {} // another wire's
        }
    }
    let role = match message.speaker {
        Speaker::User if words.is_empty() => return, // results alone
        Speaker::User => "user",
        Speaker::Assistant => "assistant",
    };
    let mut said = json!({ "role": role, "content": words.join("\n\n") });
    if !calls.is_empty() {
        said["tool_calls"] = calls.into();
    }
    all.push(said);
}
