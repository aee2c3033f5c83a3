//! What a model turned out not to take: names of parameters differ between models of one provider, and change.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::settings::{OutputLimit, ProviderSettings};

/// What one model does not take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Refused {
    limit_name: bool,
    temperature: bool,
    stream_usage: bool,
}

/// What each model of a provider does not take, as far as it said so. A refusal costs nothing, so the question is asked
/// again at once without what was refused, and later ones leave it out.
#[derive(Debug, Default)]
pub(super) struct Learned {
    by_model: Mutex<HashMap<String, Refused>>,
}

impl Learned {
    /// Learns from a refusal; whether there was anything to learn that was not known.
    pub(super) fn learn(&self, model: &str, said: &str) -> bool {
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
        let limit = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        assert!(learned.learn("a", limit));
        assert!(!learned.learn("a", limit), "nothing new: the refusal stands");
        assert!(learned.learn("a", "`temperature` is deprecated for this model."));
        assert!(!learned.learn("a", "max_tokens is too large: 5000"));
        let right = learned.apply("a", &settings);
        assert_eq!((right.output_limit, right.temperature), (OutputLimit::MaxCompletionTokens, false));
        let other = learned.apply("b", &settings);
        assert_eq!((other.output_limit, other.temperature), (OutputLimit::MaxTokens, true));
    }
}
