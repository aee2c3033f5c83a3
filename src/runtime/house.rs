//! Journal entries: a session's events and those of the house, as canonical values and back.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::audit::Entry;
use crate::clock::Timestamp;
use crate::id::{Digest, HostPath, RequestId, Seq, SessionId};
use crate::session::{Event, Person};

use super::order::Asked;

/// Something that happened to the store, not to a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum HouseEvent {
    /// A person trusted a repository to run its own commands.
    Trusted {
        /// The top of the repository.
        path: HostPath,
        /// Who.
        by: Person,
    },
    /// A person took that back.
    TrustRevoked {
        /// The top of the repository.
        path: HostPath,
        /// Who.
        by: Person,
    },
    /// A person let setup steps use the network: each is a command on one state of the lockfiles.
    SetupNetworkPermitted {
        /// The top of the repository.
        path: HostPath,
        /// All that are permitted from now on, the newest at the end.
        setups: Vec<Digest>,
        /// Who.
        by: Person,
    },
}

impl HouseEvent {
    /// The repository that it is about.
    #[must_use]
    pub fn path(&self) -> &HostPath {
        match self {
            Self::Trusted { path, .. } | Self::TrustRevoked { path, .. } | Self::SetupNetworkPermitted { path, .. } => {
                path
            }
        }
    }

    /// Who did it.
    #[must_use]
    pub fn by(&self) -> &Person {
        match self {
            Self::Trusted { by, .. } | Self::TrustRevoked { by, .. } | Self::SetupNetworkPermitted { by, .. } => by,
        }
    }

    /// The name that the timeline uses.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Trusted { .. } => "trusted",
            Self::TrustRevoked { .. } => "trust-revoked",
            Self::SetupNetworkPermitted { .. } => "setup-network-permitted",
        }
    }
}

/// What an entry of the journal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// Of a session.
    OfSession(Box<Event>),
    /// Of the house.
    OfHouse(HouseEvent),
}

/// Why an entry cannot be read by this program.
#[derive(Debug, thiserror::Error)]
#[error("entry {seq} is of a kind that this version does not know: {why}")]
pub(super) struct UnknownEntry {
    seq: u64,
    why: serde_json::Error,
}

/// Room for what the journal adds to an event: actor, time, both digests, numbers.
const AROUND: usize = 4096;

/// The largest integer that every JSON reader keeps exactly.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Why the journal would not take `event`, if it would not. One such entry would have its whole batch refused.
pub(super) fn misfit(event: &Value) -> Option<String> {
    let bytes = event.to_string().len();
    if bytes + AROUND > crate::audit::MAX_LINE {
        return Some(format!("{bytes} bytes are too many to record; the most is {}", crate::audit::MAX_LINE - AROUND));
    }
    odd_leaf(event).map(|leaf| format!("`{leaf}` cannot be recorded exactly"))
}

fn odd_leaf(value: &Value) -> Option<String> {
    match value {
        Value::Object(fields) => fields.values().find_map(odd_leaf),
        Value::Array(items) => items.iter().find_map(odd_leaf),
        Value::Number(number) => {
            let amount = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            amount.is_none_or(|amount| amount > MAX_INTEGER).then(|| number.to_string())
        }
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null => Some("null".to_owned()),
        Value::String(_) => None,
    }
}

/// The value that the journal keeps: no nulls, the request and what it asked beside the event.
pub(super) fn to_value<E: Serialize>(event: &E, asked: Option<&Asked>) -> Value {
    let mut value = serde_json::to_value(event).expect("events are plain data");
    drop_nulls(&mut value);
    if let (Value::Object(fields), Some(asked)) = (&mut value, asked) {
        fields.insert("request".to_owned(), Value::String(asked.id.to_string()));
        fields.insert("asked".to_owned(), Value::String(asked.what.clone()));
    }
    value
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// What an entry says, and the request that it answered.
pub(super) fn read(entry: &Entry) -> Result<(Said, Option<Asked>), UnknownEntry> {
    let asked = asked(&entry.event);
    Ok((said(entry.seq, entry.session.is_some(), &entry.event)?, asked))
}

/// An entry as it is folded: what it says, of whom and when, and the request that it answered.
pub(super) struct Recorded {
    pub(super) session: Option<SessionId>,
    pub(super) at: Timestamp,
    pub(super) said: Said,
    pub(super) asked: Option<Asked>,
}

impl Recorded {
    /// Takes the entry apart: nothing of it is copied.
    pub(super) fn of(entry: Entry) -> Result<Self, UnknownEntry> {
        let Entry { seq, session, at, event, .. } = entry;
        let asked = asked(&event);
        Ok(Self { session, at, said: said(seq, session.is_some(), event)?, asked })
    }
}

fn asked(event: &Value) -> Option<Asked> {
    let text = |name| event.get(name).and_then(Value::as_str);
    let id = text("request").and_then(|text| text.parse::<RequestId>().ok())?;
    Some(Asked { id, what: text("asked").unwrap_or_default().to_owned() })
}

fn said<'de>(
    seq: Seq,
    of_session: bool,
    event: impl Deserializer<'de, Error = serde_json::Error>,
) -> Result<Said, UnknownEntry> {
    let unknown = |why| UnknownEntry { seq: seq.0, why };
    Ok(match of_session {
        true => Said::OfSession(Box::new(Event::deserialize(event).map_err(unknown)?)),
        false => Said::OfHouse(HouseEvent::deserialize(event).map_err(unknown)?),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(event: &Value, expected: Option<&str>) {
        let found = misfit(event);
        assert_eq!(found.is_some(), expected.is_some(), "{found:?}");
        if let (Some(found), Some(expected)) = (found, expected) {
            assert!(found.contains(expected), "{found}");
        }
    }

    #[test]
    fn what_the_journal_would_refuse_is_known_before() {
        check(&json!({"a": "text", "b": [1, -5, {"c": 9_007_199_254_740_991_u64}]}), None);
        check(&json!({"a": 1.5}), Some("`1.5`"));
        check(&json!([{"a": 9_007_199_254_740_992_u64}]), Some("`9007199254740992`"));
        check(&json!({"a": true}), Some("`true`"));
        check(&json!({"a": "x".repeat(1024 * 1024)}), Some("too many to record"));
    }
}
