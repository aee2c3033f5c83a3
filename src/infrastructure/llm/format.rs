//! A wire format: how a question is written and an answer read. It sends nothing itself.

use serde_json::Value;

use super::ChatRequest;
use super::gathered::{Gathered, Seen, Wrong};
use super::settings::ProviderSettings;
use crate::infrastructure::http::Secret;

/// How a stream is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// `text/event-stream`.
    Events,
    /// One JSON text a line.
    Lines,
}

/// Where a provider lists its models: the path, the array in its answer, and the name of the field.
pub(super) type Catalogue = (&'static str, &'static str, &'static str);

/// The key as a bearer's token, in the formats that take it so.
pub(super) fn bearer(key: Option<&Secret>) -> Vec<(String, Secret)> {
    let header = |key: &Secret| ("authorization".to_owned(), Secret::new(format!("Bearer {}", key.reveal())));
    key.map(header).into_iter().collect()
}

/// One file a format; none of them knows the others.
pub(super) trait Format: Send + Sync {
    /// What follows the base URL.
    fn path(&self, model: &str, stream: bool) -> String;

    /// Where it lists its models.
    fn catalogue(&self) -> Catalogue {
        ("/models", "/data", "id")
    }

    /// The headers of this format, with the key where there is one.
    fn headers(&self, key: Option<&Secret>) -> Vec<(String, Secret)>;

    /// The question.
    fn body(&self, settings: &ProviderSettings, model: &str, request: &ChatRequest) -> Value;

    /// The tool whose arguments are the answer, in formats that hold an answer to a shape that way.
    fn shape_tool(&self, _settings: &ProviderSettings, _request: &ChatRequest) -> Option<String> {
        None
    }

    /// How a stream is cut.
    fn framing(&self) -> Framing {
        Framing::Events
    }

    /// Whether a stream without its last event is cut, whatever came before.
    fn has_last_event(&self) -> bool {
        false
    }

    /// Takes one event of a stream; `kind` is its name, empty where it has none.
    fn event(&self, kind: &str, event: &Value, into: &mut Gathered, seen: Seen<'_>) -> Result<(), Wrong>;

    /// Takes a whole answer.
    fn whole(&self, body: &Value, into: &mut Gathered, seen: Seen<'_>) -> Result<(), Wrong>;
}
