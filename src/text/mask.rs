//! Hiding secrets in logs, prompts and on screens.

use std::borrow::Cow;
use std::fmt;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};

use super::secrets::SecretScanner;

/// Known keys shorter than this are not masked verbatim: they would hide ordinary words.
const SHORTEST_KEY: usize = 6;

/// Replaces keys that Paraph was given, and whatever looks like one, by a mark.
pub struct SecretMask {
    known: Option<AhoCorasick>,
    scanner: SecretScanner,
}

impl SecretMask {
    /// A mask for `known` keys and all known shapes of secrets. Keys of fewer than six bytes are ignored.
    #[must_use]
    pub fn new(known: Vec<String>) -> Self {
        let known: Vec<String> = known.into_iter().filter(|key| key.len() >= SHORTEST_KEY).collect();
        let automaton = || {
            AhoCorasickBuilder::new()
                .match_kind(MatchKind::LeftmostLongest)
                .build(&known)
                .expect("a user's few keys fit an automaton")
        };
        Self { known: (!known.is_empty()).then(automaton), scanner: SecretScanner::new() }
    }

    /// `text` with every secret replaced: `[masked]` for a known key, `[masked:github-token]` for a shape.
    #[must_use]
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.mask_known(text) {
            Cow::Borrowed(text) => self.mask_shapes(text),
            Cow::Owned(text) => Cow::Owned(self.mask_shapes(&text).into_owned()),
        }
    }

    /// As [`SecretMask::mask`], known keys only: for text that must stay as it is but for Paraph's own keys.
    #[must_use]
    pub fn mask_known<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.known {
            Some(known) if known.is_match(text) => {
                let mut masked = String::with_capacity(text.len());
                known.replace_all_with(text, &mut masked, |_, _, out| {
                    out.push_str("[masked]");
                    true
                });
                Cow::Owned(masked)
            }
            _ => Cow::Borrowed(text),
        }
    }

    fn mask_shapes<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let findings = self.scanner.scan(text);
        if findings.is_empty() {
            return Cow::Borrowed(text);
        }
        let (mut masked, mut from) = (String::with_capacity(text.len()), 0);
        for finding in findings {
            masked.push_str(&text[from..finding.range.start]);
            masked.push_str(&format!("[masked:{}]", finding.rule));
            from = finding.range.end;
        }
        masked.push_str(&text[from..]);
        Cow::Owned(masked)
    }
}

impl fmt::Debug for SecretMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.known.as_ref().map_or(0, AhoCorasick::patterns_len);
        write!(f, "SecretMask({known} known keys)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(known: &[&str], text: &str, masked: &str) {
        let mask = SecretMask::new(known.iter().map(|key| (*key).to_owned()).collect());
        assert_eq!(mask.mask(text), masked);
    }

    #[test]
    fn known_keys_are_hidden_wherever_they_stand() {
        check(&["hunter22"], "a hunter22 b?k=hunter22&", "a [masked] b?k=[masked]&");
        check(&["hunter22", "hunter22-long"], "hunter22-long", "[masked]");
        check(&["abc"], "abc", "abc");
        check(&[], "nothing here", "nothing here");
    }

    #[test]
    fn shapes_are_hidden_with_their_name() {
        let token = format!("{}{}", "ghp_", "k3J9".repeat(9).replace("k3J9k3J9", "Zx81Qw7e"));
        check(&[], &format!("push with {token} failed"), "push with [masked:github-token] failed");
    }

    #[test]
    fn keys_are_not_in_the_debug_form() {
        let mask = SecretMask::new(vec!["hunter22".to_owned()]);
        assert_eq!(format!("{mask:?}"), "SecretMask(1 known keys)");
    }
}
