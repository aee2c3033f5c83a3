//! The format of Google's Gemini.

use serde_json::{Value, json};

use super::format::{Catalogue, Format};
use super::gathered::{Gathered, Seen, Wrong};
use super::json::{count, items, object, sum, text};
use super::settings::{ProviderSettings, ShapeMode};
use super::wrong::reported;
use super::{CallBlock, ChatRequest, Finish, JsonShape, Message, Part, Speaker, Usage};
use crate::infrastructure::http::Secret;

/// Stands between our number of a call and the signature that later models want back with it.
const SIGNED: char = '#';

/// What Google's documentation names for calls that another model made, which have no signature.
const UNSIGNED: &str = "skip_thought_signature_validator";

pub(super) struct Gemini;

impl Format for Gemini {
    fn path(&self, model: &str, stream: bool) -> String {
        let model = in_path(model.strip_prefix("models/").unwrap_or(model));
        match stream {
            true => format!("/models/{model}:streamGenerateContent?alt=sse"),
            false => format!("/models/{model}:generateContent"),
        }
    }

    fn catalogue(&self) -> Catalogue {
        ("/models?pageSize=1000", "/models", "name")
    }

    fn headers(&self, key: Option<&Secret>) -> Vec<(String, Secret)> {
        // in a header, never in the URL: URLs end up in logs of proxies
        key.map(|key| ("x-goog-api-key".to_owned(), key.clone())).into_iter().collect()
    }

    fn body(&self, settings: &ProviderSettings, model: &str, request: &ChatRequest) -> Value {
        let mut config = json!({ "maxOutputTokens": request.max_output_tokens });
        if let Some(hundredths) = request.temperature_hundredths.filter(|_| settings.temperature) {
            config["temperature"] = json!(f64::from(hundredths) / 100.0);
        }
        match (&request.shape, settings.shape) {
            (Some(JsonShape { schema, .. }), ShapeMode::Schema | ShapeMode::Tool) => {
                config["responseMimeType"] = json!("application/json");
                config["responseJsonSchema"] = schema.clone();
            }
            (Some(_), ShapeMode::Object) => config["responseMimeType"] = json!("application/json"),
            _ => {}
        }
        let signs = signs_calls(model);
        let contents: Vec<Value> = request.messages.iter().filter_map(|message| turn(message, signs)).collect();
        let mut body = json!({ "contents": contents, "generationConfig": config });
        let system = settings.system(request);
        if !system.is_empty() {
            let parts: Vec<Value> = system.iter().map(|text| json!({ "text": text })).collect();
            body["systemInstruction"] = json!({ "parts": parts });
        }
        if !request.tools.is_empty() {
            let tool = |tool: &super::ToolSpec| json!({ "name": tool.name, "description": tool.description, "parametersJsonSchema": tool.parameters });
            let tools: Vec<Value> = request.tools.iter().map(tool).collect();
            body["tools"] = json!([{ "functionDeclarations": tools }]);
            if request.calls_forbidden {
                body["toolConfig"] = json!({ "functionCallingConfig": { "mode": "NONE" } });
            }
        }
        body
    }

    fn event(&self, _kind: &str, event: &Value, into: &mut Gathered, seen: Seen<'_>) -> Result<(), Wrong> {
        take(event, into, seen)
    }

    fn whole(&self, body: &Value, into: &mut Gathered, seen: Seen<'_>) -> Result<(), Wrong> {
        let is_answer = ["candidates", "promptFeedback", "error"].iter().any(|name| body.get(name).is_some());
        if is_answer { take(body, into, seen) } else { Err(Wrong::unreadable("it is JSON without candidates")) }
    }
}

/// A model's name as one step of a path: it can neither leave the path nor add to the query.
pub(super) fn in_path(model: &str) -> String {
    let mut safe = String::new();
    for byte in model.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => safe.push(char::from(byte)),
            b'.' if !safe.is_empty() => safe.push('.'),
            _ => safe.push_str(&format!("%{byte:02X}")),
        }
    }
    safe
}

/// Whether the model refuses a call of its own that comes back without its signature: from the third generation on.
fn signs_calls(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let generation = name.strip_prefix("gemini-").and_then(|rest| rest.split(['.', '-']).next()?.parse::<u32>().ok());
    generation.is_some_and(|generation| generation >= 3)
}

fn turn(message: &Message, signs: bool) -> Option<Value> {
    let part = |part: &Part| match part {
        Part::Text { text } => json!({ "text": text }),
        Part::Call(CallBlock { id, name, arguments }) => {
            let mut call = json!({ "functionCall": { "name": name, "args": object(arguments) } });
            match id.split_once(SIGNED) {
                Some((_, signature)) => call["thoughtSignature"] = json!(signature),
                None if signs => call["thoughtSignature"] = json!(UNSIGNED),
                None => {}
            }
            call
        }
        Part::Result { name, text, .. } => {
            json!({ "functionResponse": { "name": name, "response": { "result": text } } })
        }
        Part::Kept { .. } => Value::Null, // another wire's
    };
    let role = match message.speaker {
        Speaker::User => "user",
        Speaker::Assistant => "model",
    };
    let parts: Vec<Value> = message.parts.iter().filter(|part| !matches!(part, Part::Kept { .. })).map(part).collect();
    (!parts.is_empty()).then(|| json!({ "role": role, "parts": parts }))
}

/// One chunk, or a whole answer: they have one form.
fn take(event: &Value, into: &mut Gathered, seen: Seen<'_>) -> Result<(), Wrong> {
    if let Some(error) = event.get("error").filter(|error| !error.is_null()) {
        return Err(reported(error));
    }
    let blocked = text(event, "/promptFeedback/blockReason");
    if !blocked.is_empty() {
        return Err(Wrong::Held(format!("the prompt was blocked: {blocked}")));
    }
    if into.model.is_empty() {
        text(event, "/modelVersion").clone_into(&mut into.model);
    }
    if into.request_id.is_empty() {
        text(event, "/responseId").clone_into(&mut into.request_id);
    }
    if let Some(usage) = event.get("usageMetadata").filter(|usage| usage.is_object()) {
        into.usage = Usage {
            input: sum(count(usage, "/promptTokenCount"), count(usage, "/toolUsePromptTokenCount")),
            output: sum(count(usage, "/candidatesTokenCount"), count(usage, "/thoughtsTokenCount")),
            cache_read: count(usage, "/cachedContentTokenCount"),
            cache_write: None,
            cost_micros: None,
        };
    }
    let Some(candidate) = items(event, "/candidates").first() else { return Ok(()) };
    for part in items(candidate, "/content/parts") {
        if let Some(call) = part.get("functionCall") {
            take_call(call, text(part, "/thoughtSignature"), into, seen);
        } else if part["thought"].as_bool() == Some(true) {
            into.think(text(part, "/text"), seen);
        } else {
            into.say(text(part, "/text"), seen);
        }
    }
    match text(candidate, "/finishReason") {
        "" | "FINISH_REASON_UNSPECIFIED" => {}
        "STOP" => into.finish(Finish::Stop),
        "FUNCTION_CALL" => into.finish(Finish::Tools), // a gateway's word
        "MAX_TOKENS" => into.finish(Finish::Length),
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE" => {
            into.finish(Finish::Filtered);
        }
        "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" => {
            return Err(Wrong::unreadable("it calls a tool in a way that cannot be read"));
        }
        other => into.finish(Finish::Other(other.chars().take(40).collect())),
    }
    Ok(())
}

/// A call comes whole. It has no id that is asked back, but perhaps a signature that is.
fn take_call(call: &Value, signature: &str, into: &mut Gathered, seen: Seen<'_>) {
    let index = into.next_call();
    let id = match signature {
        "" => format!("call-{index}"),
        signature => format!("call-{index}{SIGNED}{signature}"),
    };
    into.call(index, &id, text(call, "/name"), seen);
    if call["args"].is_object() {
        into.argue(index, &call["args"].to_string(), seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_name_stays_one_step_of_the_path() {
        assert_eq!(in_path("gemini-2.5-pro"), "gemini-2.5-pro");
        assert_eq!(in_path("../../v1/x?key=y#z"), "%2E.%2F..%2Fv1%2Fx%3Fkey%3Dy%23z");
        assert_eq!(Gemini.path("models/gemini-2.5-pro", true), "/models/gemini-2.5-pro:streamGenerateContent?alt=sse");
    }

    #[test]
    fn a_signature_goes_back_with_its_call() {
        let event = json!({ "candidates": [{ "finishReason": "STOP", "content": { "parts": [
            { "functionCall": { "name": "read", "args": { "path": "a" } }, "thoughtSignature": "c2ln" },
            { "functionCall": { "name": "list" } },
        ] } }] });
        let mut into = Gathered::new(None, String::new());
        take(&event, &mut into, &mut |_| ()).expect("a chunk");
        let reply = into.reply().expect("whole");
        let said = Message { speaker: Speaker::Assistant, parts: reply.calls.into_iter().map(Part::Call).collect() };
        let sent = |signs: bool| turn(&said, signs).expect("parts")["parts"].clone();
        assert_eq!(sent(true)[0]["thoughtSignature"], "c2ln");
        assert_eq!(sent(true)[1]["thoughtSignature"], UNSIGNED);
        assert_eq!(sent(false)[1], json!({ "functionCall": { "name": "list", "args": {} } }));
        assert!(signs_calls("gemini-3.1-pro-preview") && !signs_calls("gemini-2.5-pro"));
    }
}
