//! What is asked of a model and what it answers, whatever wire format carries it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::cancel::Cancel;
use crate::id::ParseIdError;

/// A model as people write it: `PROVIDER/MODEL`, such as `openrouter/qwen/qwen3-coder`. The provider ends at the first
/// slash; the rest is the provider's own name for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelName {
    /// The provider, as the configuration names it.
    pub provider: String,
    /// The provider's name for the model.
    pub model: String,
}

impl ModelName {
    /// The model that a person means: of OpenAI where they name no provider.
    ///
    /// # Errors
    /// [`ParseIdError`] where nothing is named.
    pub fn said(text: &str) -> Result<Self, ParseIdError> {
        text.parse().or_else(|_| format!("openai/{text}").parse())
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

impl FromStr for ModelName {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((provider, model)) if !provider.is_empty() && !model.is_empty() => {
                Ok(Self { provider: provider.to_owned(), model: model.to_owned() })
            }
            _ => Err(ParseIdError { given: text.to_owned(), wanted: "a model such as openai/gpt-4.1" }),
        }
    }
}

impl TryFrom<String> for ModelName {
    type Error = ParseIdError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ModelName> for String {
    fn from(name: ModelName) -> Self {
        name.to_string()
    }
}

/// Who says something in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speaker {
    /// Who asks; results of tools are this side's too.
    User,
    /// The model.
    Assistant,
}

/// A model's wish that a tool runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallBlock {
    /// The provider's name for this call; made by us where a provider gives none.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments, as the JSON text that the model wrote: untrusted, perhaps not JSON at all.
    pub arguments: String,
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Part {
    /// Words.
    Text {
        /// Them.
        text: String,
    },
    /// The model wants a tool to run (assistant only).
    Call(CallBlock),
    /// What its provider wants back with a turn that calls tools, in the provider's own form: thoughts, signatures
    /// (assistant only). Nobody else is told of it.
    Kept {
        /// As it came.
        value: serde_json::Value,
    },
    /// What a tool found (user only).
    Result {
        /// The call it answers.
        id: String,
        /// The tool.
        name: String,
        /// What it found.
        text: String,
    },
}

/// One turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Whose.
    pub speaker: Speaker,
    /// What.
    pub parts: Vec<Part>,
}

impl Message {
    /// Words of who asks.
    #[must_use]
    pub fn user(text: impl Into<String>) -> Self {
        Self { speaker: Speaker::User, parts: vec![Part::Text { text: text.into() }] }
    }
}

/// A tool that a model may ask for. It reads; nothing a model asks for has an effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Its name: letters, digits and `_`, at most 64.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// JSON Schema of its arguments.
    pub parameters: serde_json::Value,
}

/// The shape that an answer must have, where it is to be JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JsonShape {
    /// A short name for it.
    pub name: String,
    /// JSON Schema. Providers that can, are held to it; the reply is checked again by whoever asked.
    pub schema: serde_json::Value,
}

/// One question, whole. Its canonical JSON is what a prompt digest names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatRequest {
    /// Standing instructions, first what changes least: a provider with a prompt cache is told to keep them.
    pub system: Vec<String>,
    /// The conversation, oldest first, ending with a user's turn.
    pub messages: Vec<Message>,
    /// Tools it may ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolSpec>,
    /// Whether none of them may be called any more. They are told all the same: providers refuse what tools found where
    /// no tool is told, and a prompt that begins in another way is in no cache.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub calls_forbidden: bool,
    /// The answer's shape, where it is to be JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<JsonShape>,
    /// The most tokens of the answer, thinking included.
    pub max_output_tokens: u32,
    /// Hundredths (0 to 200), where the caller cares and the model takes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_hundredths: Option<u16>,
}

/// Tokens that a template, tools and a shape may add to those of the words. // 4,000: a schema of 12 KB
pub(super) const MOST_AROUND: u64 = 4_000;

impl ChatRequest {
    /// A prompt's size by a rule of thumb, in tokens: never less than a real count by much, so that a reservation
    /// holds. // 3 bytes a token: code in the tokenizers of the big providers takes 3.0 to 4.2
    #[must_use]
    pub fn estimated_tokens(&self) -> u64 {
        self.bytes().div_ceil(3)
    }

    /// The most tokens that the prompt can be: none is shorter than a byte, and templates add a few.
    #[must_use]
    pub fn most_tokens(&self) -> u64 {
        self.bytes().saturating_add(MOST_AROUND)
    }

    /// Bytes of all that a model is told, and a few for what stands between.
    pub(super) fn bytes(&self) -> u64 {
        let part = |part: &Part| match part {
            Part::Text { text } | Part::Result { text, .. } => text.len(),
            Part::Call(call) => call.name.len() + call.arguments.len(),
            Part::Kept { value } => value.to_string().len(),
        };
        let words: usize = self.system.iter().map(String::len).sum();
        let turns: usize = self.messages.iter().flat_map(|message| &message.parts).map(part).sum();
        let tools: usize =
            self.tools.iter().map(|tool| tool.description.len() + tool.parameters.to_string().len()).sum();
        let shape = self.shape.as_ref().map_or(0, |shape| shape.schema.to_string().len());
        let marks = 8 * (self.messages.len() + self.system.len() + self.tools.len());
        (words + turns + tools + shape + marks) as u64
    }
}

/// How many tokens a prompt has, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptSize {
    /// Counted by whoever is to read it.
    Exact(u64),
    /// By the rule of thumb.
    Estimated {
        /// So many.
        tokens: u64,
        /// Why whoever could count it did not; empty where nobody can.
        why: String,
    },
}

impl PromptSize {
    /// Tokens.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        match self {
            Self::Exact(tokens) | Self::Estimated { tokens, .. } => *tokens,
        }
    }
}

/// Why a model stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finish {
    /// It was done.
    Stop,
    /// It ran out of tokens: the answer is cut off and must not be used as if it were whole.
    Length,
    /// It waits for tools.
    Tools,
    /// The provider held the answer back.
    Filtered,
    /// Another word of the provider's, kept as it is.
    Other(String),
}

/// What a call used. A provider that tells nothing leaves `None`, and the estimate counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub input: Option<u64>,
    /// Tokens of the answer, thinking included.
    pub output: Option<u64>,
    /// Of the prompt: read from the provider's cache.
    pub cache_read: Option<u64>,
    /// Of the prompt: written to the provider's cache.
    pub cache_write: Option<u64>,
    /// What the provider itself says it cost, in millionths of a US dollar.
    pub cost_micros: Option<u64>,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatReply {
    /// Its words, thinking left out: untrusted.
    pub text: String,
    /// The tools it wants to run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<CallBlock>,
    /// Why it stopped.
    pub finish: Finish,
    /// What it used.
    pub usage: Usage,
    /// The model that the provider says has answered; empty where it does not say.
    pub model: String,
    /// The provider's name for this exchange; empty where it gives none.
    pub request_id: String,
    /// What the provider wants back with this turn where it calls tools; see [`Part::Kept`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<serde_json::Value>,
    /// Whether tools were told that the model could not be asked with: it answered from what the prompt holds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_tools: bool,
    /// Whether a key that Paraph holds stood in it, where a mark stands now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hides_key: bool,
}

/// A piece of an answer on its way, for a screen; what counts is the [`ChatReply`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streamed<'a> {
    /// More words: untrusted.
    Text(&'a str),
    /// More of what the model thinks: untrusted, never part of the reply.
    Thinking(&'a str),
    /// It wants this tool.
    Call(&'a str),
    /// What an answer took that cannot be used, as its provider says it.
    Took(Usage),
    /// It is asked: what comes from now on is its answer.
    Sent,
    /// It is asked after a pause, because it gave no answer or a limit says so: what came until now is void.
    Waits {
        /// How long.
        pause: Duration,
        /// The number of the try that follows, from 1.
        next: u32,
        /// Why, fit for a screen.
        why: &'a str,
    },
}

/// What is wrong with a provider's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FoundFault {
    /// It is not the format that it should be (HTML, broken JSON, another content type).
    Unreadable,
    /// The stream ended without its last event, or before a byte of it: the answer may be cut, or be there and lost.
    CutOff,
    /// Nothing was in it.
    Empty,
    /// It is larger than anything that is read.
    TooLarge,
}

/// Why there is no answer. No text of it holds a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// Nobody was reached: refused, no such host, TLS, no HTTP.
    #[error("{provider} could not be reached: {why}")]
    Unreachable {
        /// The provider.
        provider: String,
        /// What the system said.
        why: String,
        /// Whether it will be so in a minute too.
        lasts: bool,
    },
    /// The key is missing or was not taken (401, 403).
    #[error("{provider} did not accept the key{}", if .said.is_empty() { String::new() } else { format!(": {said}") })]
    NotSignedIn {
        /// The provider.
        provider: String,
        /// Its words: untrusted.
        said: String,
    },
    /// Too many requests, or an overloaded provider (429, 503, 529).
    #[error("{provider} is busy (HTTP {status}{})", .retry_after.map_or_else(String::new, |pause| format!(", it asks to wait {} s", pause.as_secs())))]
    Busy {
        /// The provider.
        provider: String,
        /// The status.
        status: u16,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// The prompt is larger than the model takes.
    #[error("the prompt is too large for {model}")]
    TooLong {
        /// The model.
        model: String,
        /// The provider's words: untrusted.
        said: String,
    },
    /// The request was refused for another reason (other 4xx).
    #[error("{provider} refused the request (HTTP {status}): {said}")]
    Refused {
        /// The provider.
        provider: String,
        /// The status.
        status: u16,
        /// Its words, shortened: untrusted.
        said: String,
    },
    /// The provider failed (5xx).
    #[error("{provider} failed (HTTP {status})")]
    Failed {
        /// The provider.
        provider: String,
        /// The status.
        status: u16,
    },
    /// What came back cannot be used.
    #[error("the answer of {provider} cannot be used: {why}")]
    Faulty {
        /// The provider.
        provider: String,
        /// The sort.
        fault: FoundFault,
        /// What was found.
        why: String,
    },
    /// It took longer than allowed.
    #[error("{provider} took longer than {} s", limit.as_secs())]
    TimedOut {
        /// The provider.
        provider: String,
        /// The limit that was over: between two bytes, or of the whole call.
        limit: Duration,
    },
    /// Somebody asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl ChatError {
    /// Whether the same request may succeed later, or with another model.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Busy { .. } | Self::Failed { .. } | Self::TimedOut { .. } => true,
            Self::Faulty { .. } => true,
            Self::NotSignedIn { .. } | Self::TooLong { .. } | Self::Refused { .. } | Self::Cancelled => false,
        }
    }

    /// Whether what was asked may be billed though no answer came: it broke off while one was made. What was refused
    /// before a token was made costs nothing.
    #[must_use]
    pub fn may_be_billed(&self) -> bool {
        matches!(self, Self::Faulty { .. } | Self::TimedOut { .. } | Self::Cancelled)
    }
}

/// Asks one model once.
///
/// Sends, streams and reads within its limits of time and size; it neither tries again nor spends on its own. An answer
/// that is not whole is an error, whatever arrived before.
#[async_trait]
pub trait ChatModel: Send + Sync {
    /// Asks. `seen` is told of pieces as they come, on the task that polls this; it must be quick. (Its lifetime is
    /// written out: `async_trait` would make one of the whole call of it.)
    ///
    /// # Errors
    /// [`ChatError`]; what `seen` was told until then is void.
    async fn chat(
        &self,
        model: &str,
        request: &ChatRequest,
        seen: &mut (dyn for<'p> FnMut(Streamed<'p>) + Send),
        cancel: &Cancel,
    ) -> Result<ChatReply, ChatError>;

    /// How many tokens the prompt of `request` has for `model`, by the count of whoever would read it: nothing is
    /// drafted, and nothing is paid. None where it has no counter. A second call asks again; it takes a few seconds at
    /// most, and one after a failure fails at once for a while.
    ///
    /// # Errors
    /// [`ChatError`]: the estimate counts then.
    async fn count(&self, _model: &str, _request: &ChatRequest, _cancel: &Cancel) -> Result<Option<u64>, ChatError> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_named_with_its_provider() {
        let name: ModelName = "openrouter/qwen/qwen3-coder".parse().expect("a name");
        assert_eq!((name.provider.as_str(), name.model.as_str()), ("openrouter", "qwen/qwen3-coder"));
        assert_eq!(name.to_string(), "openrouter/qwen/qwen3-coder");
        for wrong in ["gpt-4.1", "/gpt", "openai/", ""] {
            assert!(wrong.parse::<ModelName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_estimate_counts_everything_that_is_sent() {
        let request = ChatRequest {
            system: vec!["s".repeat(300)],
            messages: vec![Message::user("u".repeat(600))],
            tools: Vec::new(),
            calls_forbidden: false,
            shape: None,
            max_output_tokens: 100,
            temperature_hundredths: None,
        };
        assert_eq!(request.estimated_tokens(), (900 + 16_u64).div_ceil(3));
    }
}
