//! What leaves the house has no secrets in it: every text that goes into a prompt goes through here.
//!
//! A text that is shown in part is looked at whole and cut afterwards: half a key is a secret, and looks like none.

use super::contract::within;
use crate::text::LiveMask;

/// Hides secrets and remembers by which rules, never what.
#[derive(Debug, Clone)]
pub struct Redactor {
    mask: LiveMask,
    found: Vec<String>,
}

impl Redactor {
    /// Hides what `mask` finds: for each text all that it knows by then.
    #[must_use]
    pub fn new(mask: impl Into<LiveMask>) -> Self {
        Self { mask: mask.into(), found: Vec::new() }
    }

    /// `text` without its secrets; `place` is what the record says of where one was.
    pub fn hide(&mut self, place: &str, text: &str) -> String {
        self.hide_parts(place, text, |text| [text]).concat()
    }

    /// The start of `text` within `bytes` without its secrets, and whether anything is missing.
    pub fn hide_within(&mut self, place: &str, text: &str, bytes: usize) -> (String, bool) {
        let (start, is_cut) = within(text, bytes);
        (self.hide_parts(place, text, |_| [start]).concat(), is_cut)
    }

    /// Parts of `text`, each without what reaches into it of a secret. `cut` gives slices of what it is given.
    pub fn hide_parts<'a, P: IntoIterator<Item = &'a str>>(
        &mut self,
        place: &str,
        text: &'a str,
        cut: impl FnOnce(&'a str) -> P,
    ) -> Vec<String> {
        let mask = self.mask.now();
        let masked = mask.over(text);
        let found = &mut self.found;
        let shown = cut(text).into_iter().map(|part| {
            let from = part.as_ptr().addr() - text.as_ptr().addr();
            let (shown, rules) = masked.part(from..from + part.len());
            found.extend(rules.iter().map(|rule| format!("{rule} in {place}")));
            shown
        });
        shown.collect()
    }

    /// `text` with every byte of a secret as a star: what is searched, so that no search guesses at one.
    #[must_use]
    pub fn starred<'a>(&self, text: &'a str) -> std::borrow::Cow<'a, str> {
        self.mask.now().hide_text(text)
    }

    /// `text` as whoever is shown it sees it; nothing is recorded.
    #[must_use]
    pub fn marked(&self, text: &str) -> String {
        self.mask.now().over(text).part(0..text.len()).0
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
