//! Hiding secrets in logs, prompts and on screens.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

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

    /// As [`SecretMask::mask`], and the rule of each secret that was replaced, in their order: `key` for a known one.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> (Cow<'a, str>, Vec<&'static str>) {
        let known = self.known.iter().flat_map(|known| known.find_iter(text)).map(|_| "key");
        let known: Vec<&'static str> = known.collect();
        let bare = self.mask_known(text);
        let shapes = self.scanner.scan(&bare).into_iter().map(|finding| finding.rule);
        let rules = known.into_iter().chain(shapes).collect();
        (self.mask(text), rules)
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

    /// `bytes` with every byte of a secret as `*`: line ends stay, so every line and column is where it was.
    #[must_use]
    pub fn hide<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        match std::str::from_utf8(bytes) {
            Ok(text) => starred(bytes, self.places(text)),
            Err(_) => {
                // each byte that is no text counts as one sign, so that places in one are places in the other
                let mut text = String::with_capacity(bytes.len());
                for chunk in bytes.utf8_chunks() {
                    text.push_str(chunk.valid());
                    text.extend(std::iter::repeat_n('?', chunk.invalid().len()));
                }
                starred(bytes, self.places(&text))
            }
        }
    }

    /// As [`SecretMask::hide`], for text.
    #[must_use]
    pub fn hide_text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let places = self.places(text);
        if places.is_empty() {
            return Cow::Borrowed(text);
        }
        let bytes = starred(text.as_bytes(), places).into_owned();
        Cow::Owned(String::from_utf8(bytes).expect("whole characters became stars"))
    }

    /// Where secrets stand, in bytes.
    fn places(&self, text: &str) -> Vec<Range<usize>> {
        let mut places: Vec<_> = self.scanner.scan(text).into_iter().map(|finding| finding.range).collect();
        places.extend(self.known.iter().flat_map(|known| known.find_iter(text)).map(|found| found.range()));
        places
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

fn starred(bytes: &[u8], places: Vec<Range<usize>>) -> Cow<'_, [u8]> {
    if places.is_empty() {
        return Cow::Borrowed(bytes);
    }
    let mut masked = bytes.to_vec();
    for place in places {
        masked[place].iter_mut().filter(|byte| !matches!(**byte, b'\n' | b'\r')).for_each(|byte| *byte = b'*');
    }
    Cow::Owned(masked)
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

    #[track_caller]
    fn check_hidden(text: &[u8], hidden: &[u8]) {
        let mask = SecretMask::new(vec!["hunter22".to_owned()]);
        assert_eq!(mask.hide(text), hidden, "{}", text.escape_ascii());
        if let (Ok(text), Ok(hidden)) = (std::str::from_utf8(text), std::str::from_utf8(hidden)) {
            assert_eq!(mask.hide_text(text), hidden);
        }
    }

    #[test]
    fn hidden_text_keeps_its_lines_and_columns() {
        let token = format!("{}{}", "ghp_", "k3J9".repeat(9).replace("k3J9k3J9", "Zx81Qw7e"));
        check_hidden(b"nothing here", b"nothing here");
        check_hidden("süß hunter22 é".as_bytes(), "süß ******** é".as_bytes());
        check_hidden(b"\xff\xfe hunter22\n\xff", b"\xff\xfe ********\n\xff");
        check_hidden(format!("a {token}\r\nb").as_bytes(), format!("a {}\r\nb", "*".repeat(40)).as_bytes());
        let (begin, end) = (format!("-----BEGIN {} KEY-----", "PRIVATE"), format!("-----END {} KEY-----", "PRIVATE"));
        let key = format!("{begin}\nMIIEvQ\n{end}");
        let stars: String = key.chars().map(|c| if c == '\n' { c } else { '*' }).collect();
        check_hidden(format!("x\n{key}\ny").as_bytes(), format!("x\n{stars}\ny").as_bytes());
    }

    #[test]
    fn keys_are_not_in_the_debug_form() {
        let mask = SecretMask::new(vec!["hunter22".to_owned()]);
        assert_eq!(format!("{mask:?}"), "SecretMask(1 known keys)");
    }
}
