//! What a model turned out not to take: names of parameters differ between models of one provider, and change.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::ChatRequest;
use super::settings::{OutputLimit, ProviderSettings, ShapeMode, Wire};

/// What one model does not take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Refused {
    limit_name: bool,
    temperature: bool,
    stream_usage: bool,
    tools: bool,
    forced_tool: bool,
    /// To hold an answer to a schema in its own way.
    own_shape: bool,
    /// To be told that it may call none of its tools.
    forbidden_calls: bool,
    /// OpenAI's chat completions: it is asked at responses.
    chat: bool,
    /// Responses, which its refusal of the others named and which are not there.
    responses: bool,
    /// To give its thoughts in a form that it takes back.
    thoughts: bool,
}

/// Whether a refusal is one of tools, in the words of Ollama, OpenRouter, vLLM, llama.cpp and OpenAI.
pub(super) fn is_of_tools(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    let words = [
        "not support tools",
        "not support tool use",
        "not support function calling",
        "endpoints found that support tool use",
        "tool choice requires --enable-auto-tool-choice",
        "tools param requires",
    ];
    words.iter().any(|words| said.contains(words)) || said.contains("function tools") && said.contains("not supported")
}

/// Whether a refusal is one of chat completions, in OpenAI's words and those of gateways before it. Where it names
/// responses, they are the way to ask with tools.
fn is_of_chat(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    let names_both = said.contains("chat/completions") && said.contains("v1/responses");
    names_both || said.contains("not a chat model") && said.contains("chat/completions")
}

/// Models that think take no temperature but their own.
fn takes_one(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let is_o = name.strip_prefix('o').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
    let is_later = name
        .strip_prefix("gpt-")
        .and_then(|rest| rest.split(['.', '-', 'o']).next()?.parse::<u32>().ok())
        .is_some_and(|generation| generation >= 5);
    !is_o && !is_later
}

/// What each model of a provider does not take, as far as it said so. A refusal costs nothing, so the question is asked
/// again at once without what was refused, and later ones leave it out.
#[derive(Debug, Default)]
pub(super) struct Learned {
    by_model: Mutex<HashMap<String, Refused>>,
}

impl Learned {
    /// Whether another call has learned since `asked` was right for `model`: a refusal of that is none of what would be
    /// asked now.
    pub(super) fn has_more(&self, asked: &ProviderSettings, model: &str, settings: &ProviderSettings) -> bool {
        let told = |by: &ProviderSettings| {
            let flags = [by.temperature, by.tools, by.forbids_calls, by.thoughts, by.stream_usage];
            (by.wire, by.output_limit, by.shape, flags)
        };
        told(&self.apply(model, settings)) != told(asked)
    }

    /// Learns from a refusal of `request`, which was `asked` in that way; whether there was anything to learn that was not
    /// known.
    pub(super) fn learn(
        &self,
        asked: &ProviderSettings,
        model: &str,
        refusal: (u16, &str),
        request: &ChatRequest,
    ) -> bool {
        let (status, said) = refusal;
        let (is_of_chat, has_tools) = (is_of_chat(said), !request.tools.is_empty());
        let is_of_tools = has_tools && is_of_tools(said);
        let said = said.to_ascii_lowercase();
        let mut by_model = self.by_model.lock().unwrap_or_else(PoisonError::into_inner);
        let known = by_model.get(model).copied().unwrap_or_default();
        let mut refused = known;
        match asked.wire {
            Wire::OpenAi if is_of_chat && !known.chat => {
                // the same question as it is: no more is left out than has to be
                refused.chat = true;
                by_model.insert(model.to_owned(), refused);
                return true;
            }
            // a gateway that has no responses, or hands them on as chat completions
            Wire::Responses if known.chat && has_tools && (is_of_chat || matches!(status, 404 | 405)) => {
                (refused.responses, refused.tools) = (true, true);
            }
            Wire::Responses => {
                refused.thoughts |= said.contains("encrypted content") || said.contains("encrypted_content");
            }
            _ => {}
        }
        let is_unknown =
            ["unsupported", "not support", "unrecognized", "unknown", "not permitted", "deprecated", "extra inputs"]
                .iter()
                .any(|words| said.contains(words));
        refused.limit_name |= is_unknown && (said.contains("max_tokens") || said.contains("max_completion_tokens"));
        refused.temperature |= is_unknown && said.contains("temperature");
        refused.stream_usage |= is_unknown && said.contains("stream_options");
        refused.tools |= is_of_tools;
        let own = ["output_config", "output_format", "output format", "structured output", "grammar"];
        refused.own_shape |= request.shape.is_some()
            && (asked.wire, asked.shape) == (Wire::Anthropic, ShapeMode::Schema)
            && own.iter().any(|words| said.contains(words));
        let choice = ["tool_choice", "toolconfig", "tool_config", "function_calling_config", "functioncallingconfig"];
        refused.forbidden_calls |=
            has_tools && request.calls_forbidden && choice.iter().any(|word| said.contains(word));
        // models that always think call a tool only where they want to
        refused.forced_tool |= request.shape.is_some()
            && ["tool_choice", "forced tool", "forces tool"].iter().any(|words| said.contains(words));
        if refused == known {
            return false;
        }
        by_model.insert(model.to_owned(), refused);
        true
    }

    /// Learns that `model` calls tools where it was told to call none: then it is told of none.
    pub(super) fn learn_of_a_call(&self, model: &str) {
        let mut by_model = self.by_model.lock().unwrap_or_else(PoisonError::into_inner);
        by_model.entry(model.to_owned()).or_default().forbidden_calls = true;
    }

    /// `settings` as they are right for `model`.
    pub(super) fn apply(&self, model: &str, settings: &ProviderSettings) -> ProviderSettings {
        let by_model = self.by_model.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = by_model.get(model).copied().unwrap_or_default();
        let other = match settings.output_limit {
            OutputLimit::MaxTokens => OutputLimit::MaxCompletionTokens,
            OutputLimit::MaxCompletionTokens => OutputLimit::MaxTokens,
        };
        let wire = if refused.chat && !refused.responses { Wire::Responses } else { settings.wire };
        let takes_temperature = !matches!(wire, Wire::OpenAi | Wire::Responses) || takes_one(model);
        ProviderSettings {
            wire,
            output_limit: if refused.limit_name { other } else { settings.output_limit },
            temperature: settings.temperature && !refused.temperature && takes_temperature,
            tools: settings.tools && !refused.tools,
            forbids_calls: settings.forbids_calls && !refused.forbidden_calls,
            shape: match settings.shape {
                _ if refused.forced_tool => ShapeMode::Words,
                ShapeMode::Schema if refused.own_shape => ShapeMode::Tool,
                shape => shape,
            },
            stream_usage: settings.stream_usage && !refused.stream_usage,
            thoughts: settings.thoughts && !refused.thoughts,
            ..settings.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infrastructure::llm::{ToolSpec, Wire};

    fn request() -> ChatRequest {
        ChatRequest {
            system: Vec::new(),
            messages: Vec::new(),
            tools: Vec::new(),
            calls_forbidden: false,
            shape: None,
            max_output_tokens: 5_000,
            temperature_hundredths: None,
        }
    }

    #[test]
    fn calls_at_once_learn_once_and_leave_out_no_more_than_they_have_to() {
        let (learned, settings) = (Learned::default(), ProviderSettings::new("p", Wire::OpenAi, "http://x"));
        let tool = ToolSpec { name: "read".to_owned(), description: String::new(), parameters: serde_json::json!({}) };
        let request = ChatRequest { tools: vec![tool], ..request() };
        let said = "Function tools are not supported for m in /v1/chat/completions. Please use /v1/responses instead.";
        // two calls are under way, and both are refused
        let both = [learned.apply("m", &settings), learned.apply("m", &settings)];
        for asked in &both {
            let asks_again =
                learned.has_more(asked, "m", &settings) || learned.learn(asked, "m", (400, said), &request);
            assert!(asks_again, "neither is given up");
        }
        let now = learned.apply("m", &settings);
        assert_eq!((now.wire, now.tools), (Wire::Responses, true));
    }

    #[test]
    fn models_that_think_take_no_temperature() {
        for model in ["o3", "o4-mini", "gpt-5", "gpt-5.2-codex", "openai/gpt-6-sol"] {
            assert!(!takes_one(model), "{model}");
        }
        for model in ["gpt-4.1", "gpt-4o-mini", "llama-3.3-70b", "openai/gpt-oss-120b", "olmo-3"] {
            assert!(takes_one(model), "{model}");
        }
    }

    #[test]
    fn each_model_is_asked_without_what_it_refused() {
        let (learned, settings) = (Learned::default(), ProviderSettings::new("p", Wire::OpenAi, "http://x"));
        let learns = |said: &str, request: &ChatRequest| learned.learn(&settings, "a", (400, said), request);
        let request = request();
        let limit = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        assert!(!learned.has_more(&settings, "a", &settings));
        assert!(learns(limit, &request));
        assert!(learned.has_more(&settings, "a", &settings), "who asked before that asks again");
        assert!(!learned.has_more(&learned.apply("a", &settings), "a", &settings));
        assert!(!learns(limit, &request), "nothing new: the refusal stands");
        assert!(learns("`temperature` is deprecated for this model.", &request));
        assert!(!learns("max_tokens is too large: 5000", &request));
        assert!(!learns("some-model does not support tools", &request), "none were offered");
        let right = learned.apply("a", &settings);
        assert_eq!((right.output_limit, right.temperature), (OutputLimit::MaxCompletionTokens, false));
        let other = learned.apply("b", &settings);
        assert_eq!((other.output_limit, other.temperature), (OutputLimit::MaxTokens, true));
    }
}
