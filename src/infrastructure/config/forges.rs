//! `[forges."HOST"]`: what a host of one's own is, and where a token for it comes from.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Config, KeyPart};

/// What the files say of one host.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgePart {
    /// `github`, `gitlab`, `gitea`; found out where it is missing.
    pub kind: Option<String>,
    /// Where its token comes from; never a token.
    pub key: Option<KeyPart>,
}

impl Config {
    /// Hosts that the user named, by `host` or `host:port`.
    #[must_use]
    pub fn forges(&self) -> &BTreeMap<String, ForgePart> {
        &self.forges
    }
}
