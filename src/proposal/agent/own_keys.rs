//! Keys that a person's configuration names for an agent's own variables.
//!
//! They are looked for when the agent starts, given to its process alone (no command that it has Paraph run sees them),
//! and hidden in all that it says from then on. What can do without should: a key that Paraph holds is not there at all.

use std::collections::BTreeMap;

use super::login::AgentKeys;
use crate::cancel::Cancel;
use crate::infrastructure::http::Secret;
use crate::proposal::{AgentSpec, EngineError};

/// The variables of `spec` that hold keys, each with its key.
pub(super) async fn of(
    spec: &AgentSpec,
    keys: Option<&AgentKeys>,
    cancel: &Cancel,
) -> Result<BTreeMap<String, Secret>, EngineError> {
    let mut found = BTreeMap::new();
    for (name, keyed) in &spec.env_keys {
        let no_key = |why: String| EngineError::Program {
            why: format!("the agent {} has nothing for its variable {name}: {why}", spec.name),
            hint: "paraph help agents".to_owned(),
        };
        let keys = &keys.ok_or_else(|| no_key("no key can be found here".to_owned()))?.keys;
        // a program that gives keys may ask its person something first
        let value = tokio::select! {
            value = keyed.find(keys) => value,
            () = cancel.cancelled() => return Err(EngineError::Cancelled),
        };
        found.insert(name.clone(), value.map_err(|error| no_key(keys.mask(&error.to_string())))?);
    }
    Ok(found)
}
