//! What a model turned out not to take: names of parameters differ between models of one provider, and change.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::ChatRequest;
use super::settings::{OutputLimit, ProviderSettings, ShapeMode};

/// What one model does not take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Refused {
    limit_name: bool,
    temperature: bool,
    stream_usage: bool,
    tools: bool,
    forced_tool: bool,
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

/// What each model of a provider does not take, as far as it said so. A refusal costs nothing, so the question is asked
/// again at once without what was refused, and later ones leave it out.
#[derive(Debug, Default)]
pub(super) struct Learned {
    by_model: Mutex<HashMap<String, Refused>>,
}

impl Learned {
    /// Learns from a refusal; whether there was anything to learn that was not known.
    pub(super) fn learn(&self, model: &str, said: &str, request: &ChatRequest) -> bool {
        let is_of_tools = !request.tools.is_empty() && is_of_tools(said);
        let said = said.to_ascii_lowercase();
        let mut by_model = self.by_model.lock().unwrap_or_else(PoisonError::into_inner);
        let known = by_model.get(model).copied().unwrap_or_default();
        let mut refused = known;
        let is_unknown =
            ["unsupported", "not support", "unrecognized", "unknown", "not permitted", "deprecated", "extra inputs"]
                .iter()
                .any(|words| said.contains(words));
        refused.limit_name |= is_unknown && (said.contains("max_tokens") || said.contains("max_completion_tokens"));
        refused.temperature |= is_unknown && said.contains("temperature");
        refused.stream_usage |= is_unknown && said.contains("stream_options");
        refused.tools |= is_of_tools;
        // models that always think call a tool only where they want to
        refused.forced_tool |= request.shape.is_some()
            && ["tool_choice", "forced tool", "forces tool"].iter().any(|words| said.contains(words));
        if refused == known {
            return false;
        }
        by_model.insert(model.to_owned(), refused);
        true
    }

    /// `settings` as they are right for `model`.
    pub(super) fn apply(&self, model: &str, settings: &ProviderSettings) -> ProviderSettings {
        let by_model = self.by_model.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = by_model.get(model).copied().unwrap_or_default();
        let other = match settings.output_limit {
            OutputLimit::MaxTokens => OutputLimit::MaxCompletionTokens,
            OutputLimit::MaxCompletionTokens => OutputLimit::MaxTokens,
        };
        ProviderSettings {
            output_limit: if refused.limit_name { other } else { settings.output_limit },
            temperature: settings.temperature && !refused.temperature,
            tools: settings.tools && !refused.tools,
            shape: if refused.forced_tool { ShapeMode::Words } else { settings.shape },
            stream_usage: settings.stream_usage && !refused.stream_usage,
            ..settings.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infrastructure::llm::Wire;

    #[test]
    fn each_model_is_asked_without_what_it_refused() {
        let (learned, settings) = (Learned::default(), ProviderSettings::new("p", Wire::OpenAi, "http://x"));
        let request = ChatRequest {
            system: Vec::new(),
            messages: Vec::new(),
            tools: Vec::new(),
            shape: None,
            max_output_tokens: 5_000,
            temperature_hundredths: None,
        };
        let limit = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        assert!(learned.learn("a", limit, &request));
        assert!(!learned.learn("a", limit, &request), "nothing new: the refusal stands");
        assert!(learned.learn("a", "`temperature` is deprecated for this model.", &request));
        assert!(!learned.learn("a", "max_tokens is too large: 5000", &request));
        assert!(!learned.learn("a", "some-model does not support tools", &request), "none were offered");
        let right = learned.apply("a", &settings);
        assert_eq!((right.output_limit, right.temperature), (OutputLimit::MaxCompletionTokens, false));
        let other = learned.apply("b", &settings);
        assert_eq!((other.output_limit, other.temperature), (OutputLimit::MaxTokens, true));
    }
}
