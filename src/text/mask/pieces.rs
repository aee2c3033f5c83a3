//! Hiding secrets in a text that comes in pieces, wherever it is cut.

use std::ops::Range;

use super::{KNOWN, LiveMask, Masked, SHORTEST_KEY, SecretMask, mark};
use crate::text::secrets::{LARGEST_KEY, PRIVATE_KEY, SecretScanner};

/// How much of a line without an end is kept to look at what follows. // 4 KiB: a name and a value of any rule
const KEPT: usize = 4 << 10;

/// A run without a blank that is longer is data: nothing of it waits. // 16 KiB: longer than any token
const LONGEST_RUN: usize = 16 << 10;

/// Shows a text piece by piece without its secrets. What may be the beginning of one waits for what follows; everything
/// else is shown as it comes.
#[derive(Debug)]
pub struct Pieces {
    mask: LiveMask,
    /// What is looked at: from the start of the line, or of the key block, on.
    seen: String,
    /// How much of that was shown, or hidden.
    shown: usize,
    /// Secrets that begin before have their mark.
    marked: usize,
}

impl Pieces {
    /// A text that begins.
    #[must_use]
    pub fn new(mask: LiveMask) -> Self {
        Self { mask, seen: String::new(), shown: 0, marked: 0 }
    }

    /// What may be shown now that `piece` came.
    pub fn more(&mut self, piece: &str) -> String {
        let mut seen = std::mem::take(&mut self.seen);
        seen.push_str(piece);
        let mask = self.mask.now();
        let masked = mask.over(&seen);
        let until = settled(&mask, &masked).max(self.shown);
        let out = self.show(&masked, until);
        let from = kept_from(&masked, self.shown);
        self.shown -= from;
        self.marked = self.marked.saturating_sub(from);
        self.seen = seen.split_off(from);
        out
    }

    /// What waited, now that the text is at its end. Most of a key is a secret too: it is not shown.
    pub fn rest(&mut self) -> String {
        let seen = std::mem::take(&mut self.seen);
        let mask = self.mask.now();
        let begun = key_begun(&mask, &seen).max(self.shown);
        let is_most_of_one = seen.len() - begun >= SHORTEST_KEY;
        let until = if is_most_of_one { begun } else { seen.len() };
        let mut out = self.show(&mask.over(&seen), until);
        if is_most_of_one && self.shown < seen.len() {
            out.push_str(&mark(KNOWN));
        }
        (self.shown, self.marked) = (0, 0);
        out
    }

    /// The text up to `until` that was not shown yet, without what is secret in it; each secret is marked once.
    fn show(&mut self, masked: &Masked<'_>, until: usize) -> String {
        let (start, mut out, mut from) = (self.shown, String::new(), self.shown);
        for (place, rule) in masked.places.iter().filter(|(place, _)| place.end > start && place.start < until) {
            out.push_str(&masked.text[from..place.start.max(from)]);
            if place.start >= self.marked {
                out.push_str(&mark(rule));
                self.marked = place.start + 1;
            }
            from = place.end.min(until).max(from);
        }
        out.push_str(&masked.text[from..until.max(from)]);
        self.shown = until.max(from);
        out
    }
}

/// Up to where nothing that follows makes a secret of what is there.
fn settled(mask: &SecretMask, masked: &Masked<'_>) -> usize {
    let text = masked.text;
    let line = line_start(text);
    let mut until = key_begun(mask, text).min(run_begun(mask.scanner.as_ref(), text, line));
    for (place, rule) in &masked.places {
        let is_block = *rule == PRIVATE_KEY;
        // a header's own line is its block's until it ends; of the lines below it the last may turn out to be none
        let is_open = is_block && place.start >= line && !text[place.clone()].contains("-----END ");
        if is_open || (place.end == text.len() && !is_block) {
            until = until.min(place.start);
        } else if place.end == text.len() && !text[place.clone()].trim_end().ends_with("-----") {
            until = until.min(place.start.max(line));
        }
    }
    until
}

/// Where the end of the text may be the beginning of a known key; its length where it is none.
fn key_begun(mask: &SecretMask, text: &str) -> usize {
    let bytes = text.as_bytes();
    let begun = |key: &String| {
        let key = key.as_bytes();
        (1..key.len().min(bytes.len() + 1)).rev().find(|length| bytes.ends_with(&key[..*length])).unwrap_or(0)
    };
    text.len() - mask.keys.iter().map(begun).max().unwrap_or(0)
}

/// Where the end of the text may be the beginning of what looks like a secret: a run that holds what such begin with,
/// or that is no word, or that stands as the value of a telling name. Its length where it is none.
fn run_begun(scanner: &SecretScanner, text: &str, line: usize) -> usize {
    let is_of_a_value = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.+/=~!@#%^*:-".contains(byte);
    let length = text.as_bytes()[line..].iter().rev().take(LONGEST_RUN).take_while(|byte| is_of_a_value(byte)).count();
    if length == 0 || length == LONGEST_RUN {
        return text.len();
    }
    let from = text.len() - length;
    let run = &text[from..];
    let has = |class: fn(&u8) -> bool| run.as_bytes().iter().any(class);
    let is_no_word = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    // `NAME=value` is one run
    let has_value = run.match_indices(['=', ':']).map(|(at, _)| from + at + 1).filter(|after| *after < text.len());
    let mut starts = std::iter::once(from).chain(has_value);
    let may_be = is_no_word || scanner.has_beginning(run) || starts.any(|start| scanner.is_value(&text[line..start]));
    if may_be { from } else { text.len() }
}

/// Where the line begins that has no end yet.
fn line_start(text: &str) -> usize {
    memchr::memrchr(b'\n', text.as_bytes()).map_or(0, |at| at + 1)
}

/// From where on the text is looked at again, of which all before `shown` is done with: the line, or a key block that
/// has no end yet.
fn kept_from(masked: &Masked<'_>, shown: usize) -> usize {
    let text = masked.text;
    let is_open = |place: &Range<usize>, rule: &str| {
        let lines = text[place.clone()].trim_end();
        rule == PRIVATE_KEY && text[place.end..].trim_end().is_empty() && !lines.contains("-----END ")
    };
    let block = masked.places.iter().find(|(place, rule)| is_open(place, rule)).map(|(place, _)| place.start);
    let most = if block.is_some() { LARGEST_KEY } else { KEPT };
    let mut from = block.unwrap_or_else(|| line_start(text)).min(shown);
    if shown - from > 2 * most {
        from = text.floor_char_boundary(shown - most);
    }
    from
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "team-llm-4711-blue";

    fn mask() -> LiveMask {
        LiveMask::new(vec![KEY.to_owned()])
    }

    /// What each piece shows, and the end.
    #[track_caller]
    fn check(pieces: &[&str], shown: &[&str]) {
        let mut text = Pieces::new(mask());
        let mut all: Vec<String> = pieces.iter().map(|piece| text.more(piece)).collect();
        all.push(text.rest());
        assert_eq!(all, shown, "{pieces:?}");
    }

    /// `text` shows the same however it is cut.
    #[track_caller]
    fn check_all_cuts(text: &str, shown: &str) {
        let mask = mask();
        for size in 1..=text.len() {
            let mut pieces = Pieces::new(mask.clone());
            let mut all = String::new();
            let mut rest = text;
            while !rest.is_empty() {
                let (piece, more) = rest.split_at(rest.ceil_char_boundary(size.min(rest.len())));
                all.push_str(&pieces.more(piece));
                rest = more;
            }
            all.push_str(&pieces.rest());
            assert_eq!(all, shown, "in pieces of {size}: {text}");
        }
    }

    fn token() -> String {
        format!("{}{}", "ghp_", "k3J9".repeat(9).replace("k3J9k3J9", "Zx81Qw7e"))
    }

    #[test]
    fn words_are_shown_as_they_come() {
        check(&["Yes", ",", " the keys"], &["Yes", ",", " the keys", ""]);
        check(&["Token", " rings\n", "and "], &["Token", " rings\n", "and ", ""]);
        check(&["The secret is here", " so", " wor", "ks."], &["The secret is here", " so", " wor", "ks.", ""]);
        check(&["fn a() {\n", "    b\n", "}\n"], &["fn a() {\n", "    b\n", "}\n", ""]);
    }

    #[test]
    fn a_key_is_hidden_however_it_is_cut() {
        check_all_cuts(&format!("It is {KEY}, is it?\n{KEY}{KEY} é"), "It is [masked], is it?\n[masked][masked] é");
        check(&["so team-llm", "-4711", "-blue, so"], &["so ", "", "[masked], so", ""]);
        check(&["the team", "s are", " two"], &["the ", "teams are", " two", ""]);
    }

    #[test]
    fn most_of_a_key_at_the_end_is_not_shown() {
        check(&["it is ", "team-llm-47"], &["it is ", "", "[masked]"]);
        check(&["it is a tea"], &["it is a ", "tea"]);
    }

    #[test]
    fn what_looks_like_a_secret_is_hidden_however_it_is_cut() {
        let (token, value) = (token(), "q8Zr5Tk2Wv9Xb4Nc7Lm3");
        let mut cut = Pieces::new(mask());
        let pieces = [&token[..9], &token[9..20], &token[20..], " then"];
        let shown: Vec<String> = pieces.iter().map(|piece| cut.more(piece)).collect();
        assert_eq!(shown, ["", "", "", "[masked:github-token] then"]);
        let mask = mask();
        for text in [format!("DB_PASSWORD='{value}'\nx"), format!("DB_PASSWORD={value}\nx"), format!("a {token} b")] {
            let whole = mask.now().mask(&text).into_owned();
            assert!(whole.contains("[masked:"), "{whole}");
            for size in 1..text.len() {
                let mut pieces = Pieces::new(mask.clone());
                let mut all: String = text
                    .as_bytes()
                    .chunks(size)
                    .map(|piece| pieces.more(std::str::from_utf8(piece).expect("ASCII")))
                    .collect();
                all.push_str(&pieces.rest());
                // what names a shape may be shown before it is known to name one
                assert!(!all.contains(&value[..6]) && !all.contains(&token[6..12]), "{size}: {all}");
                assert!(all.contains("[masked:") && all.ends_with(&whole[whole.len() - 1..]), "{size}: {all}");
            }
        }
    }

    #[test]
    fn a_private_key_is_hidden_line_by_line_and_what_follows_is_shown() {
        let (begin, end) =
            (format!("-----BEGIN RSA {} KEY-----", "PRIVATE"), format!("-----END RSA {} KEY-----", "PRIVATE"));
        let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj";
        let text = format!("x\n{begin}\n{body}\n{body}\n{end}\nlet a = 1;\n");
        let mask = mask();
        for size in [1, 3, 10, 40, 50, 1_000] {
            let mut pieces = Pieces::new(mask.clone());
            let mut all: String = text
                .as_bytes()
                .chunks(size)
                .map(|piece| pieces.more(std::str::from_utf8(piece).expect("ASCII")))
                .collect();
            all.push_str(&pieces.rest());
            assert!(!all.contains("MIIE") && !all.contains("gkqhk"), "{size}: {all}");
            assert!(all.starts_with("x\n") && all.ends_with("\nlet a = 1;\n"), "{size}: {all}");
        }
        check(
            &[&format!("{begin}\n"), &format!("{body}\n"), "no more of it\n"],
            &["[masked:private-key]", "", "no more of it\n", ""],
        );
    }

    #[test]
    fn little_is_kept_of_a_text_that_has_no_end() {
        let mut pieces = Pieces::new(mask());
        for _ in 0..2_000 {
            assert_eq!(pieces.more("so it goes on "), "so it goes on ");
        }
        assert!(pieces.seen.len() < 3 * KEPT, "{}", pieces.seen.len());
        assert_eq!(pieces.more(&"x".repeat(3 * LONGEST_RUN)).len(), 3 * LONGEST_RUN);
    }
}
