//! Models, as clients ask about them: who is asked for what, what a session may spend, keys that are lent.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::SessionId;
use crate::text::Untrusted;

/// Who is asked for what; with `check` each model is asked for one word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelsRequest {
    /// Whether each model is asked: it costs what a few tokens cost. Each has 30 s.
    pub check: bool,
    /// This model alone is told of, and asked; all where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// Whom one role asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoleView {
    /// The role.
    pub role: String,
    /// Models that can be asked, in their order.
    pub models: Vec<String>,
    /// Whether the first is another than the one that writes what the role reads; empty where it reads no change.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Why none can, where none can.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What it is given; why nothing asks it, where nothing does.
    #[serde(default)]
    pub given: String,
    /// What it must answer; empty where nothing asks it.
    #[serde(default)]
    pub answers: String,
    /// The most tokens of one answer; none where nothing asks it.
    #[serde(default)]
    pub max_output_tokens: Option<u32>,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelView {
    /// `PROVIDER/MODEL`.
    pub model: String,
    /// Tokens of prompt that it takes, where that is known.
    pub context_tokens: Option<u64>,
    /// Dollars for a prompt of 1,000,000 tokens, as a decimal string; `unknown` where it is not known.
    pub usd_per_million_in: String,
    /// Dollars for an answer of 1,000,000 tokens.
    pub usd_per_million_out: String,
    /// How it answered, where it was asked: `answers`, or what went wrong.
    pub checked: Option<Untrusted>,
    /// Whether it called the tool that it was offered, where it answered: one that does not drafts from what its prompt
    /// holds.
    #[serde(default)]
    pub can_look: Option<bool>,
    /// How long it took to answer.
    pub latency_ms: Option<u64>,
}

/// The models there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelsView {
    /// `paraph.models/1`
    pub schema: String,
    /// Every role.
    pub roles: Vec<RoleView>,
    /// Every model that a role may ask.
    pub models: Vec<ModelView>,
    /// Where prices come from.
    pub prices: String,
}

/// Sets what a session may spend on models; a limit that is missing stays. What stood still for it goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetRequest {
    /// The session.
    pub session: SessionId,
    /// Millionths of a US dollar.
    pub cost_micros: Option<u64>,
    /// Tokens, prompt and answer together.
    pub tokens: Option<u64>,
}

/// A key on its way from a client's environment to the service. No print shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct LentKey(pub String);

impl fmt::Debug for LentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Lends keys of the client's environment to the service, which has none of its own, and what programs need that print
/// keys (`VAULT_ADDR`): kept in memory, until it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LendKeysRequest {
    /// By the name of their variable; names that no provider reads are passed over.
    pub keys: BTreeMap<String, LentKey>,
}

/// What was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LentView {
    /// How many keys.
    pub taken: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lent_key_is_never_printed() {
        let request = LendKeysRequest { keys: BTreeMap::from([("OPENAI_API_KEY".into(), LentKey("hunter22".into()))]) };
        assert!(!format!("{request:?}").contains("hunter22"));
    }
}
