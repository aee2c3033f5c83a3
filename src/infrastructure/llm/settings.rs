//! What is known of a provider: where it is, which format it speaks, and where it differs from others of that format.

use std::borrow::Cow;

use super::counting::CountBy;
use super::keys::{KeySource, Keyed};
use super::{ChatRequest, Part};
use crate::infrastructure::http::{HttpLimits, Secret};

/// A wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wire {
    /// OpenAI's chat completions, which most servers speak.
    OpenAi,
    /// OpenAI's responses, at which alone its newer models take tools.
    Responses,
    /// Anthropic's messages.
    Anthropic,
    /// Google's Gemini.
    Gemini,
    /// Ollama's own.
    Ollama,
}

impl Wire {
    /// Every format, by the name in the configuration.
    pub const ALL: [(&str, Self); 5] = [
        ("openai", Self::OpenAi),
        ("responses", Self::Responses),
        ("anthropic", Self::Anthropic),
        ("gemini", Self::Gemini),
        ("ollama", Self::Ollama),
    ];

    /// The format of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, wire)| *wire)
    }
}

/// How an answer is held to a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShapeMode {
    /// The provider holds it to the schema.
    Schema,
    /// It is what a tool is called with that the model is made to call (Anthropic's format; the others hold it to the
    /// schema).
    Tool,
    /// The provider holds it to JSON; the schema stands in the instructions.
    Object,
    /// The schema stands in the instructions and nothing else holds it.
    Words,
}

/// The name of the limit of output tokens, which OpenAI renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputLimit {
    /// `max_tokens`.
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
}

/// A provider, ready to be asked. Holds no key: that is resolved when it is first needed.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// Its name in the configuration, and the first part of its models' names.
    pub name: String,
    /// What it speaks.
    pub wire: Wire,
    /// What every URL begins with, version included, such as `https://api.openai.com/v1`.
    pub base_url: String,
    /// Where its key comes from.
    pub key: KeySource,
    /// Headers beside the format's own, as a gateway may want them.
    pub headers: Vec<(String, Secret)>,
    /// Headers whose values hold keys, which are looked for when they are first needed.
    pub key_headers: Vec<(String, Keyed)>,
    /// Whether answers come in pieces. Whole ones may take until the limit of the whole call before their first byte.
    pub stream: bool,
    /// How an answer is held to a shape.
    pub shape: ShapeMode,
    /// The name of the output limit (OpenAI's format).
    pub output_limit: OutputLimit,
    /// Whether it takes a temperature.
    pub temperature: bool,
    /// Whether it takes tools. One that does not is told so, and answers from what the prompt holds.
    pub tools: bool,
    /// Whether it can be told to call none of its tools. To one that cannot, a conversation with calls is told in words.
    pub forbids_calls: bool,
    /// Whether it is asked for its thoughts in a form that it takes back (OpenAI's responses).
    pub thoughts: bool,
    /// Whether a stream is asked to end with its usage (OpenAI's format).
    pub stream_usage: bool,
    /// Whether it is asked what the call cost (OpenRouter).
    pub asks_cost: bool,
    /// Whether marks tell it what of the prompt to keep for the next call.
    pub prompt_cache: bool,
    /// The context that a local server is to make room for, in tokens (Ollama). A prompt that may not fit is refused
    /// before it is sent: this server would cut it without a word.
    pub context: Option<u32>,
    /// Who counts the tokens of a prompt before it is sent.
    pub count: CountBy,
    /// What one call may take.
    pub limits: HttpLimits,
    /// The most requests that it takes a minute.
    pub requests_per_minute: Option<u32>,
    /// The most tokens that it takes a minute, prompt and answer together.
    pub tokens_per_minute: Option<u32>,
}

/// What is known of a name: format, base URL, and the variable that holds the key, if it wants one.
type Known = (&'static str, Wire, &'static str, Option<&'static str>);

/// Providers that need no more than a key, and servers on this machine that need none.
const KNOWN: [Known; 13] = [
    ("openai", Wire::OpenAi, "https://api.openai.com/v1", Some("OPENAI_API_KEY")),
    ("anthropic", Wire::Anthropic, "https://api.anthropic.com/v1", Some("ANTHROPIC_API_KEY")),
    ("gemini", Wire::Gemini, "https://generativelanguage.googleapis.com/v1beta", Some("GEMINI_API_KEY")),
    ("google", Wire::Gemini, "https://generativelanguage.googleapis.com/v1beta", Some("GOOGLE_API_KEY")),
    ("groq", Wire::OpenAi, "https://api.groq.com/openai/v1", Some("GROQ_API_KEY")),
    ("openrouter", Wire::OpenAi, "https://openrouter.ai/api/v1", Some("OPENROUTER_API_KEY")),
    ("deepseek", Wire::OpenAi, "https://api.deepseek.com/v1", Some("DEEPSEEK_API_KEY")),
    ("mistral", Wire::OpenAi, "https://api.mistral.ai/v1", Some("MISTRAL_API_KEY")),
    ("xai", Wire::OpenAi, "https://api.x.ai/v1", Some("XAI_API_KEY")),
    ("ollama", Wire::Ollama, "http://127.0.0.1:11434", None),
    ("vllm", Wire::OpenAi, "http://127.0.0.1:8000/v1", None),
    ("llamacpp", Wire::OpenAi, "http://127.0.0.1:8080/v1", None),
    ("lmstudio", Wire::OpenAi, "http://127.0.0.1:1234/v1", None),
];

/// What a model is told that cannot call what its instructions speak of.
const NO_TOOLS: &str = "No tool can be called here, whatever is said above: there is nothing to look at but what this \
                        prompt holds. Answer from it, at once and in full.";

impl ProviderSettings {
    /// The names of [`ProviderSettings::known`], with the variable that holds the key of each.
    pub fn names() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
        KNOWN.iter().map(|(name, _, _, variable)| (*name, *variable))
    }

    /// A provider that is known by its name.
    #[must_use]
    pub fn known(name: &str) -> Option<Self> {
        let (name, wire, base_url, variable) = KNOWN.iter().find(|(known, ..)| *known == name)?;
        let key = variable.map_or(KeySource::None, |variable| KeySource::Variable(variable.to_owned()));
        let mut settings = Self { key, ..Self::new(*name, *wire, *base_url) };
        match *name {
            "openai" => {
                (settings.output_limit, settings.count) = (OutputLimit::MaxCompletionTokens, CountBy::OpenAi);
            }
            "vllm" => settings.count = CountBy::Vllm,
            "llamacpp" => settings.count = CountBy::LlamaCpp,
            "openrouter" => (settings.asks_cost, settings.prompt_cache) = (true, true),
            // these two hold an answer to JSON, not to a schema
            "deepseek" => settings.shape = ShapeMode::Object,
            "groq" => (settings.shape, settings.output_limit) = (ShapeMode::Object, OutputLimit::MaxCompletionTokens),
            _ => {}
        }
        Some(settings)
    }

    /// A server that speaks `wire` at `base_url`, without a key.
    #[must_use]
    pub fn new(name: impl Into<String>, wire: Wire, base_url: impl Into<String>) -> Self {
        let base_url = base_url.into();
        Self {
            name: name.into(),
            wire,
            key: KeySource::None,
            headers: Vec::new(),
            key_headers: Vec::new(),
            stream: true,
            shape: Self::usual_shape(wire, &base_url),
            base_url,
            output_limit: OutputLimit::MaxTokens,
            temperature: true,
            tools: true,
            forbids_calls: true,
            thoughts: true,
            stream_usage: wire == Wire::OpenAi,
            asks_cost: false,
            prompt_cache: wire == Wire::Anthropic,
            context: (wire == Wire::Ollama).then_some(32_768), // its own default of 4,096 holds no real prompt
            count: match wire {
                Wire::Anthropic => CountBy::Anthropic,
                Wire::Gemini => CountBy::Gemini,
                Wire::Responses => CountBy::OpenAi,
                Wire::OpenAi | Wire::Ollama => CountBy::Nobody,
            },
            limits: HttpLimits::default(),
            requests_per_minute: None,
            tokens_per_minute: None,
        }
    }

    /// How an answer is held to a shape at `base_url`, where nobody says it. A gateway in Anthropic's format may leave out
    /// what it does not know of without a word; a tool it knows.
    #[must_use]
    pub fn usual_shape(wire: Wire, base_url: &str) -> ShapeMode {
        match wire {
            Wire::Anthropic if !base_url.starts_with("https://api.anthropic.com/") => ShapeMode::Tool,
            _ => ShapeMode::Schema,
        }
    }

    /// `request` as that model can be asked: with its own thoughts and no other's, without tools where none are taken,
    /// and what was called before in words.
    pub(super) fn asked<'r>(&self, model: &str, request: &'r ChatRequest) -> Cow<'r, ChatRequest> {
        let is_kept = |part: &Part| matches!(part, Part::Kept { .. });
        let tools = self.tools && (self.forbids_calls || !request.calls_forbidden);
        if tools && !request.messages.iter().flat_map(|message| &message.parts).any(is_kept) {
            return Cow::Borrowed(request);
        }
        let mut request = request.clone();
        let of = self.kept_of(model);
        for message in &mut request.messages {
            message.parts.retain(|part| !matches!(part, Part::Kept { value } if !tools || value["of"] != of));
            for part in &mut message.parts {
                if let Part::Kept { value } = part {
                    *value = value["value"].take();
                }
            }
        }
        if tools {
            return Cow::Owned(request);
        }
        if !std::mem::take(&mut request.tools).is_empty() {
            request.system.push(NO_TOOLS.to_owned());
        }
        for part in request.messages.iter_mut().flat_map(|message| &mut message.parts) {
            let text = match part {
                Part::Text { .. } | Part::Kept { .. } => continue,
                Part::Call(call) => format!("I called {} with {}", call.name, call.arguments),
                Part::Result { text, .. } => format!("What the call gave:\n{text}"),
            };
            *part = Part::Text { text };
        }
        Cow::Owned(request)
    }

    /// Whose thoughts are kept, in a word.
    pub(super) fn kept_of(&self, model: &str) -> String {
        format!("{}/{model}", self.name)
    }

    /// The standing instructions, with the shape of the answer in words where nothing else holds it.
    pub(super) fn system(&self, request: &ChatRequest) -> Vec<String> {
        let mut system: Vec<String> = request.system.iter().filter(|text| !text.trim().is_empty()).cloned().collect();
        let is_told = matches!(self.shape, ShapeMode::Object | ShapeMode::Words);
        if let Some(shape) = request.shape.as_ref().filter(|_| is_told) {
            let schema = &shape.schema;
            system.push(format!(
                "Answer with one JSON object that fits this JSON Schema, and with nothing before or after it:\n{schema}"
            ));
        }
        system
    }
}
