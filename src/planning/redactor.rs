//! What leaves the house has no secrets in it: every text that goes into a prompt goes through here.

use std::sync::Arc;

use crate::text::SecretMask;

/// Hides secrets and remembers by which rules, never what.
#[derive(Debug)]
pub struct Redactor {
    mask: Arc<SecretMask>,
    found: Vec<String>,
}

impl Redactor {
    /// Hides what `mask` finds.
    #[must_use]
    pub fn new(mask: Arc<SecretMask>) -> Self {
        Self { mask, found: Vec::new() }
    }

    /// `text` without its secrets; `place` is what the record says of where one was.
    pub fn hide(&mut self, place: &str, text: &str) -> String {
        let (hidden, rules) = self.mask.redact(text);
        self.found.extend(rules.iter().map(|rule| format!("{rule} in {place}")));
        hidden.into_owned()
    }

    /// Records that `place` came without its secrets, where it did.
    pub fn note(&mut self, place: &str, redacted: bool) {
        self.found.extend(redacted.then(|| format!("secret in {place}")));
    }

    /// What was hidden, a rule and a place each.
    #[must_use]
    pub fn found(&self) -> &[String] {
        &self.found
    }
}
