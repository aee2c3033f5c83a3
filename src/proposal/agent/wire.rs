//! The Agent Client Protocol, version 1, as far as a client needs it: JSON-RPC 2.0, one message a line.
//!
//! Structs of our own, because every field here is read from somebody who may lie: unknown fields are left alone,
//! unknown words of an enumeration become [`Unknown`](ToolKind::Unknown), a line has a longest length.

use std::io::{self, Read};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::infrastructure::llm::token_count;

/// The version of the protocol that is spoken.
pub(super) const VERSION: u64 = 1;
/// The longest line; a whole file may be in one.
pub(super) const LONGEST_LINE: usize = 16 << 20;
/// What an agent answers that wants a login first.
pub(super) const LOGIN_NEEDED: i64 = -32000;
pub(super) const NO_SUCH_METHOD: i64 = -32601;
pub(super) const BAD_PARAMS: i64 = -32602;
pub(super) const REFUSED: i64 = -32603;
pub(super) const NOT_FOUND: i64 = -32002;

/// A message of the agent's.
#[derive(Debug)]
pub(super) enum Message {
    /// It asks, and waits for an answer.
    Request { id: Value, method: String, params: Value },
    /// It tells.
    Notice { method: String, params: Value },
    /// It answers the request of that number.
    Answer { id: u64, result: Result<Value, Fault> },
    /// It said something that is none of these; the words are shortened.
    Noise(String),
}

/// An error of JSON-RPC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fault {
    pub(super) code: i64,
    #[serde(default)]
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

#[derive(Deserialize)]
struct Envelope {
    id: Option<Value>,
    method: Option<String>,
    #[serde(default)]
    params: Value,
    result: Option<Value>,
    error: Option<Fault>,
}

/// How much of a line that is no message is kept.
const SHOWN: usize = 200;

impl Message {
    pub(super) fn parse(line: &[u8]) -> Self {
        let noise = || Self::Noise(String::from_utf8_lossy(&line[..line.len().min(SHOWN)]).into_owned());
        let Ok(envelope) = serde_json::from_slice::<Envelope>(line) else { return noise() };
        let id = envelope.id.filter(|id| !id.is_null());
        match (envelope.method, id) {
            (Some(method), Some(id)) => Self::Request { id, method, params: envelope.params },
            (Some(method), None) => Self::Notice { method, params: envelope.params },
            (None, Some(id)) => match (id.as_u64(), envelope.error) {
                (Some(id), Some(fault)) => Self::Answer { id, result: Err(fault) },
                (Some(id), None) => Self::Answer { id, result: Ok(envelope.result.unwrap_or_default()) },
                (None, _) => noise(),
            },
            (None, None) => noise(),
        }
    }
}

/// Lines of a stream whose reads may time out.
pub(super) struct Lines<R> {
    from: R,
    bytes: Vec<u8>,
    /// How far `bytes` was searched for a line's end.
    searched: usize,
}

/// What a look for a line found.
pub(super) enum Next {
    Line(Vec<u8>),
    /// Nothing came for as long as a read waits.
    Quiet,
    End,
    /// A line longer than any may be.
    TooLong,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, bytes: Vec::new(), searched: 0 }
    }

    pub(super) fn next(&mut self) -> io::Result<Next> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.bytes[self.searched..]) {
                let rest = self.bytes.split_off(self.searched + at + 1);
                let line = std::mem::replace(&mut self.bytes, rest);
                self.searched = 0;
                return Ok(Next::Line(line));
            }
            self.searched = self.bytes.len();
            if self.bytes.len() > LONGEST_LINE {
                return Ok(Next::TooLong);
            }
            let mut piece = [0; 64 << 10];
            match self.from.read(&mut piece) {
                Ok(0) => return Ok(Next::End),
                Ok(read) => self.bytes.extend_from_slice(&piece[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Ok(Next::Quiet);
                }
                // whoever closes in the middle of our words resets
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(Next::End),
                Err(error) => return Err(error),
            }
        }
    }
}

/// What an agent says of itself first.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Initialized {
    pub(super) protocol_version: u64,
    pub(super) auth_methods: Vec<AuthMethod>,
    pub(super) agent_info: Option<Implementation>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AuthMethod {
    pub(super) name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Implementation {
    pub(super) name: String,
    pub(super) version: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewSession {
    pub(super) session_id: String,
    pub(super) modes: Option<Modes>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Modes {
    #[serde(default)]
    pub(super) available_modes: Vec<Mode>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Mode {
    pub(super) id: String,
}

/// Why a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StopReason {
    EndTurn,
    MaxTokens,
    MaxTurnRequests,
    Refusal,
    Cancelled,
    #[serde(other)]
    Unknown,
}

impl StopReason {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::EndTurn => "its turn ended",
            Self::MaxTokens => "it ran out of tokens",
            Self::MaxTurnRequests => "it made as many requests as it may",
            Self::Refusal => "it refused",
            Self::Cancelled => "it was cancelled",
            Self::Unknown => "its turn ended for a reason that is not known here",
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Prompted {
    pub(super) stop_reason: StopReason,
    #[serde(default, deserialize_with = "told_tokens")]
    pub(super) usage: Option<TokensUsed>,
    /// Where some tell them beside the protocol. // gemini-cli: `_meta.quota.token_count`
    #[serde(default, rename = "_meta")]
    beside: Value,
}

impl Prompted {
    /// What the turn took, wherever it is told.
    pub(super) fn took(&self) -> Option<TokensUsed> {
        let beside = || {
            let counts = self.beside.get("quota")?.get("token_count")?;
            let count = |name: &str| counts.get(name).and_then(token_count);
            let (input_tokens, output_tokens) = (count("input_tokens")?, count("output_tokens")?);
            Some(TokensUsed { input_tokens, output_tokens, ..TokensUsed::default() })
        };
        self.usage.or_else(beside)
    }
}

/// What an agent tells of its tokens; nothing where one of them cannot be a count: the journal keeps none of those, and
/// what a turn really took is as unknown as of an agent that tells nothing. Its work is not refused for it.
fn told_tokens<'de, D: Deserializer<'de>>(told: D) -> Result<Option<TokensUsed>, D::Error> {
    const COUNTS: [&str; 5] = ["inputTokens", "outputTokens", "thoughtTokens", "cachedReadTokens", "cachedWriteTokens"];
    let told = Value::deserialize(told)?;
    let is_count = |name: &&str| told.get(name).is_none_or(|told| told.is_null() || token_count(told).is_some());
    Ok(if COUNTS.iter().all(is_count) { serde_json::from_value(told).ok() } else { None })
}

/// Tokens of a turn, as agents tell them that tell them at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TokensUsed {
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) thought_tokens: Option<u64>,
    pub(super) cached_read_tokens: Option<u64>,
    pub(super) cached_write_tokens: Option<u64>,
}

impl TokensUsed {
    /// Those of two turns together.
    pub(super) fn and(self, other: Self) -> Self {
        let both = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.saturating_add(other)),
            (one, other) => one.or(other),
        };
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            thought_tokens: both(self.thought_tokens, other.thought_tokens),
            cached_read_tokens: both(self.cached_read_tokens, other.cached_read_tokens),
            cached_write_tokens: both(self.cached_write_tokens, other.cached_write_tokens),
        }
    }
}

/// What a session cost until now.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cost {
    pub(super) amount: f64,
    pub(super) currency: String,
}

/// `session/update`
#[derive(Debug, Deserialize)]
pub(super) struct Updated {
    pub(super) update: Update,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "sessionUpdate", rename_all = "snake_case")]
pub(super) enum Update {
    AgentMessageChunk {
        content: Content,
    },
    AgentThoughtChunk {
        content: Content,
    },
    ToolCall(ToolCall),
    #[serde(rename = "tool_call_update")]
    ToolChanged(ToolCall),
    Plan {
        #[serde(default)]
        entries: Vec<PlanEntry>,
    },
    #[serde(rename = "usage_update")]
    Used {
        /// Tokens that its context holds now.
        #[serde(default)]
        used: Option<f64>,
        #[serde(default)]
        cost: Option<Cost>,
    },
    #[serde(other)]
    Other,
}

/// A block of content; all but text is only named.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Content {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) text: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PlanEntry {
    pub(super) content: String,
    pub(super) status: String,
}

/// What an agent is about to do, does or did.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ToolCall {
    pub(super) tool_call_id: String,
    pub(super) title: Option<String>,
    pub(super) kind: Option<ToolKind>,
    pub(super) status: Option<String>,
    pub(super) locations: Option<Vec<Location>>,
    pub(super) raw_input: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ToolKind {
    Read,
    Edit,
    Delete,
    Move,
    Search,
    Execute,
    Think,
    Fetch,
    SwitchMode,
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Location {
    pub(super) path: String,
}

/// `session/request_permission`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Permission {
    #[serde(default)]
    pub(super) tool_call: ToolCall,
    pub(super) options: Vec<PermissionOption>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PermissionOption {
    pub(super) option_id: String,
    pub(super) kind: OptionKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OptionKind {
    AllowOnce,
    AllowAlways,
    RejectOnce,
    RejectAlways,
    #[serde(other)]
    Unknown,
}

/// `fs/read_text_file`
#[derive(Debug, Deserialize)]
pub(super) struct ReadFile {
    pub(super) path: String,
    /// 1-based.
    pub(super) line: Option<usize>,
    pub(super) limit: Option<usize>,
}

/// `fs/write_text_file`
#[derive(Debug, Deserialize)]
pub(super) struct WriteFile {
    pub(super) path: String,
    pub(super) content: String,
}

/// `terminal/create`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateTerminal {
    pub(super) command: String,
    #[serde(default)]
    pub(super) args: Vec<String>,
    #[serde(default)]
    pub(super) env: Vec<Variable>,
    pub(super) cwd: Option<String>,
    pub(super) output_byte_limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: String,
}

/// The other requests about a terminal.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfTerminal {
    pub(super) terminal_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_usage(usage: &str, expected: Option<(u64, Option<u64>)>) {
        let text = format!("{{\"stopReason\": \"end_turn\", \"usage\": {usage}}}");
        let ended: Prompted = serde_json::from_str(&text).expect("its turn ended");
        assert_eq!(ended.took().map(|tokens| (tokens.input_tokens, tokens.cached_read_tokens)), expected, "{usage}");
    }

    #[test]
    fn tokens_that_cannot_be_are_not_told_and_end_no_turn() {
        check_usage("{\"inputTokens\": 100000000, \"outputTokens\": 3}", Some((100_000_000, None)));
        check_usage("{\"inputTokens\": 7, \"cachedReadTokens\": null}", Some((7, None)));
        check_usage("{\"inputTokens\": 7, \"cachedReadTokens\": 100000001}", None);
        for absurd in ["9000000000000000000", "1e30", "-5", "\"many\"", "[]"] {
            check_usage(&format!("{{\"inputTokens\": {absurd}, \"outputTokens\": 3}}"), None);
            check_usage(&format!("{{\"inputTokens\": 3, \"outputTokens\": {absurd}}}"), None);
        }
        check_usage("null", None);
        check_usage("\"some\"", None);
        let beside = |counts: &str| format!("null, \"_meta\": {{\"quota\": {{\"token_count\": {counts}}}}}");
        check_usage(&beside("{\"input_tokens\": 7, \"output_tokens\": 3}"), Some((7, None)));
        check_usage(&beside("{\"input_tokens\": 7}"), None);
        check_usage(&beside("{\"input_tokens\": -7, \"output_tokens\": 3}"), None);
        let other = beside("{\"input_tokens\": 7, \"output_tokens\": 3}");
        let both = format!("{{\"inputTokens\": 9, \"outputTokens\": 3}}{}", &other["null".len()..]);
        check_usage(&both, Some((9, None)));
    }

    fn kind(line: &str) -> &'static str {
        match Message::parse(line.as_bytes()) {
            Message::Request { .. } => "request",
            Message::Notice { .. } => "notice",
            Message::Answer { result: Ok(_), .. } => "answer",
            Message::Answer { result: Err(_), .. } => "fault",
            Message::Noise(_) => "noise",
        }
    }

    #[test]
    fn messages_are_told_apart() {
        let check = |line: &str, expected: &str| assert_eq!(kind(line), expected, "{line}");
        check(r#"{"jsonrpc":"2.0","id":"a","method":"x","params":{}}"#, "request");
        check(r#"{"jsonrpc":"2.0","method":"x"}"#, "notice");
        check(r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#, "notice");
        check(r#"{"jsonrpc":"2.0","id":3,"result":null}"#, "answer");
        check(r#"{"jsonrpc":"2.0","id":3,"error":{"code":-1,"message":"m"}}"#, "fault");
        check(r#"{"jsonrpc":"2.0","id":3,"error":{"code":"x"}}"#, "noise");
        check("warning: something\n", "noise");
        check("[]", "noise");
        check(r#"{"id":3"#, "noise");
        check("\u{0}\u{1}", "noise");
    }

    #[test]
    fn unknown_words_are_no_errors() {
        let update = r#"{"sessionId":"s","update":{"sessionUpdate":"brand_new","x":1}}"#;
        assert!(matches!(serde_json::from_str::<Updated>(update).expect("reads").update, Update::Other));
        let call = r#"{"update":{"sessionUpdate":"tool_call","toolCallId":"1","kind":"teleport"}}"#;
        let Update::ToolCall(call) = serde_json::from_str::<Updated>(call).expect("reads").update else {
            panic!("call")
        };
        assert_eq!(call.kind, Some(ToolKind::Unknown));
        assert_eq!(serde_json::from_str::<StopReason>("\"tired\"").expect("reads"), StopReason::Unknown);
    }

    #[test]
    fn lines_come_whole_and_have_a_longest_length() {
        let mut lines = Lines::new(&b"one\ntwo"[..]);
        assert!(matches!(lines.next(), Ok(Next::Line(line)) if line == b"one\n"));
        assert!(matches!(lines.next(), Ok(Next::End)));
        let flood = vec![b'x'; LONGEST_LINE + (1 << 20)];
        assert!(matches!(Lines::new(flood.as_slice()).next(), Ok(Next::TooLong)));
    }
}
