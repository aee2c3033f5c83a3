//! Journal entries: a session's events and those of the house, as canonical values and back.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit::Entry;
use crate::id::{HostPath, RequestId};
use crate::session::{Event, Person};

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

/// The value that the journal keeps: no nulls, the request beside the event.
pub(super) fn to_value<E: Serialize>(event: &E, request: Option<&RequestId>) -> Value {
    let mut value = serde_json::to_value(event).expect("events are plain data");
    drop_nulls(&mut value);
    if let (Value::Object(fields), Some(request)) = (&mut value, request) {
        fields.insert("request".to_owned(), Value::String(request.to_string()));
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
pub(super) fn read(entry: &Entry) -> Result<(Said, Option<RequestId>), UnknownEntry> {
    let unknown = |why| UnknownEntry { seq: entry.seq.0, why };
    let request = entry.event.get("request").and_then(Value::as_str).and_then(|text| text.parse().ok());
    let said = if entry.session.is_some() {
        Said::OfSession(Box::new(Event::deserialize(&entry.event).map_err(unknown)?))
    } else {
        Said::OfHouse(HouseEvent::deserialize(&entry.event).map_err(unknown)?)
    };
    Ok((said, request))
}
