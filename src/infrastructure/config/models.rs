//! `[providers.NAME]` and `[roles.NAME]`: tables whose names the user makes. Keys are named, never written, in them.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::layers::plain;
use super::written::{NAME_IT, written_key};
use super::{Config, Origin, Weight};
use crate::infrastructure::llm::PriceRow;

/// What the files say of models.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelsPart {
    /// By the name that their models' names begin with.
    pub providers: BTreeMap<String, ProviderPart>,
    /// By the role's name.
    pub roles: BTreeMap<String, RolePart>,
    /// By the model's name, `PROVIDER/MODEL`.
    pub prices: BTreeMap<String, PriceRow>,
}

/// `[providers.NAME]`: what differs from what is known of a provider of that name.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the help topic `models` explains each")]
pub struct ProviderPart {
    pub wire: Option<String>,
    pub base_url: Option<String>,
    pub key: Option<KeyPart>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub stream: Option<bool>,
    pub shape: Option<String>,
    pub temperature: Option<bool>,
    /// Whether it takes tools.
    pub tools: Option<bool>,
    pub context: Option<u32>,
    pub count: Option<String>,
    pub requests_per_minute: Option<u32>,
    pub tokens_per_minute: Option<u32>,
    pub timeout_s: Option<u64>,
}

/// Where a key comes from: a preset such as `env:NAME`, or a program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
#[allow(missing_docs, reason = "one word or several")]
pub enum KeyPart {
    Preset(String),
    Program(Vec<String>),
}

impl KeyPart {
    /// The variable that holds it, where one does.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::Preset(text) => text.strip_prefix("env:"),
            Self::Program(_) => None,
        }
    }

    /// The key that a header or a variable names, and what stands before it: `env:NAME`, `Bearer env:NAME`.
    #[must_use]
    pub fn named_in(value: &str) -> Option<(&str, Self)> {
        let named = value.rsplit(' ').next().unwrap_or_default();
        let kinds = ["env:", "vault:", "op:", "pass:", "sops:", "gh:", "keyring:"];
        let before = &value[..value.len() - named.len()];
        kinds.iter().any(|kind| named.starts_with(kind)).then(|| (before, Self::Preset(named.to_owned())))
    }

    /// Whether a program prints it.
    #[must_use]
    pub fn is_program(&self) -> bool {
        match self {
            Self::Preset(text) => text != "none" && !text.starts_with("env:"),
            Self::Program(_) => true,
        }
    }
}

/// `[roles.NAME]`: whom the role asks, and how much it may take.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the help topic `models` explains each")]
pub struct RolePart {
    #[serde(default)]
    pub models: Vec<String>,
    pub max_output_tokens: Option<u32>,
    pub max_call_cents: Option<u64>,
    pub max_session_cents: Option<u64>,
    pub max_session_tokens: Option<u64>,
    pub max_latency_s: Option<u64>,
}

/// The tables that are read here.
const TABLES: [&str; 4] = ["providers", "roles", "forges", "prices"];

impl Config {
    /// What the files say of models.
    #[must_use]
    pub fn models(&self) -> &ModelsPart {
        &self.models
    }

    /// Reads `[providers]`, `[roles]`, `[prices]` or `[forges]`; false where `name` is another table.
    pub(super) fn read_models(
        &mut self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        place: &dyn Fn(usize) -> Origin,
    ) -> bool {
        if !TABLES.contains(&name) {
            return false;
        }
        let DeValue::Table(table) = value.get_ref() else {
            let hint = format!("write [{name}.NAME]");
            self.problem(Weight::Error, place(value.span().start), format!("`{name}` is a table of tables"), &hint);
            return true;
        };
        self.read_named(name, table, place);
        true
    }

    fn read_named(&mut self, kind: &str, table: &DeTable<'_>, place: &dyn Fn(usize) -> Origin) {
        for (name, value) in table.iter() {
            let (at, value) = (place(name.span().start), plain(value.get_ref()));
            let name = name.get_ref().to_string();
            if let Some(key) = written_key(&value) {
                let message = format!("`{kind}.{name}.{key}` looks like a key; keys are not read from this file");
                self.problem(Weight::Error, at, message, NAME_IT);
                continue;
            }
            let read = match kind {
                "providers" => value.try_into().map(|part| drop(self.models.providers.insert(name.clone(), part))),
                "prices" => value.try_into().map(|row| drop(self.models.prices.insert(name.clone(), row))),
                "forges" => value.try_into().map(|part| drop(self.forges.insert(name.clone(), part))),
                _ => value.try_into().map(|part| drop(self.models.roles.insert(name.clone(), part))),
            };
            if let Err(error) = read {
                // serde's words may repeat a value, and a value may be a key in the wrong place: only the first line's form
                let message = format!("`{kind}.{name}`: {}", form_of(error.message()));
                let topic = if kind == "forges" { "paraph help agents" } else { "paraph help models" };
                self.problem(Weight::Error, at, message, topic);
            }
        }
    }
}

/// What is wrong, without the value that is.
fn form_of(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let known = ["unknown field", "missing field", "invalid type", "unknown variant", "data did not match"];
    match known.iter().find(|start| first.starts_with(*start)) {
        Some(start) if start.starts_with("unknown field") => first.to_owned(),
        Some(_) | None => first.split(['"', '`']).next().unwrap_or_default().trim_end().to_owned(),
    }
}
