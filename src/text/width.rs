//! Widths on a terminal: measuring, cutting, padding and wrapping text that is already printable.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What stands for text that was cut.
pub const ELLIPSIS: char = '…';

/// How many columns `text` takes.
#[must_use]
pub fn columns(text: &str) -> usize {
    if text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) { text.len() } else { text.width() }
}

/// How many columns `c` takes; a control character takes none.
#[must_use]
pub fn char_columns(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// `text` in at most `max` columns, its end replaced by `…` where it is longer.
#[must_use]
pub fn truncate_end(text: &str, max: usize) -> Cow<'_, str> {
    if columns(text) <= max {
        return Cow::Borrowed(text);
    }
    if max == 0 {
        return Cow::Borrowed("");
    }
    let mut cut = take_start(text, max - 1).to_owned();
    cut.push(ELLIPSIS);
    Cow::Owned(cut)
}

/// `text` in at most `max` columns, its middle replaced by `…` where it is longer: both ends of a path tell more.
#[must_use]
pub fn truncate_middle(text: &str, max: usize) -> Cow<'_, str> {
    if columns(text) <= max {
        return Cow::Borrowed(text);
    }
    if max == 0 {
        return Cow::Borrowed("");
    }
    let head = take_start(text, (max - 1) / 2);
    let tail = take_end(text, max - 1 - columns(head));
    Cow::Owned(format!("{head}{ELLIPSIS}{tail}"))
}

/// `text` followed by blanks up to `wanted` columns; never cut.
#[must_use]
pub fn pad_end(text: &str, wanted: usize) -> Cow<'_, str> {
    match wanted.checked_sub(columns(text)) {
        None | Some(0) => Cow::Borrowed(text),
        Some(missing) => Cow::Owned(format!("{text}{:missing$}", "")),
    }
}

/// Blanks up to `wanted` columns, then `text`; never cut.
#[must_use]
pub fn pad_start(text: &str, wanted: usize) -> Cow<'_, str> {
    match wanted.checked_sub(columns(text)) {
        None | Some(0) => Cow::Borrowed(text),
        Some(missing) => Cow::Owned(format!("{:missing$}{text}", "")),
    }
}

/// Exactly `wanted` columns: cut or padded at the end.
#[must_use]
pub fn fit(text: &str, wanted: usize) -> Cow<'_, str> {
    match truncate_end(text, wanted) {
        Cow::Borrowed(same) => pad_end(same, wanted),
        Cow::Owned(cut) => Cow::Owned(pad_end(&cut, wanted).into_owned()),
    }
}

/// The lines of `text` in at most `max` columns each, broken at blanks, a word longer than a line within itself.
/// Blanks at a break are dropped; an empty line stays one. At least one line, at least one column.
#[must_use]
pub fn wrap(text: &str, max: usize) -> Vec<&str> {
    text.split('\n').flat_map(|line| wrap_line(line, max.max(1))).collect()
}

fn wrap_line(mut line: &str, max: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    loop {
        let fitting = take_start(line, max);
        // never the whole rest is measured: a line may be a file
        if fitting.len() == line.len() {
            break;
        }
        let at_blank = fitting.ends_with(' ') || line[fitting.len()..].starts_with(' ');
        let end = match fitting.trim_end().rfind(' ') {
            _ if at_blank => fitting.len(),
            Some(blank) if !fitting[..blank].trim().is_empty() => blank,
            _ if fitting.is_empty() => line.graphemes(true).next().map_or(line.len(), str::len),
            _ => fitting.len(),
        };
        lines.push(line[..end].trim_end_matches(' '));
        line = line[end..].trim_start_matches(' ');
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

fn take_start(text: &str, max: usize) -> &str {
    let (mut used, mut end) = (0, 0);
    for grapheme in text.graphemes(true) {
        used += columns(grapheme);
        if used > max {
            break;
        }
        end += grapheme.len();
    }
    &text[..end]
}

fn take_end(text: &str, max: usize) -> &str {
    let (mut used, mut start) = (0, text.len());
    for grapheme in text.graphemes(true).rev() {
        used += columns(grapheme);
        if used > max {
            break;
        }
        start -= grapheme.len();
    }
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_cut() {
        assert_eq!(truncate_end("abc", 3), "abc");
        assert_eq!(truncate_end("abcd", 3), "ab…");
        assert_eq!(truncate_end("日本語", 4), "日…");
        assert_eq!(truncate_end("abc", 0), "");
    }

    #[test]
    fn middles_are_cut() {
        assert_eq!(truncate_middle("src/text/width.rs", 9), "src/…h.rs");
        assert_eq!(truncate_middle("abc", 1), "…");
        assert_eq!(truncate_middle("日本語日本語", 6), "日…語");
    }

    #[test]
    fn padding_counts_columns() {
        assert_eq!(pad_end("日", 4), "日  ");
        assert_eq!(pad_start("7", 3), "  7");
        assert_eq!(pad_end("long", 2), "long");
        assert_eq!(fit("long", 2), "l…");
        assert_eq!(fit("日本", 2), "… ");
    }

    #[track_caller]
    fn check_wrap(text: &str, max: usize, lines: &[&str]) {
        assert_eq!(wrap(text, max), lines);
    }

    #[test]
    fn lines_break_at_blanks() {
        check_wrap("one two three", 7, &["one two", "three"]);
        check_wrap("one two three", 8, &["one two", "three"]);
        check_wrap("abcdefgh", 3, &["abc", "def", "gh"]);
        check_wrap("a\n\nb", 5, &["a", "", "b"]);
        check_wrap("日本語", 1, &["日", "本", "語"]);
        check_wrap("", 3, &[""]);
        check_wrap("  indented text", 10, &["  indented", "text"]);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn cuts_keep_their_word(text in "\\PC*", max in 0_usize..20) {
            assert!(columns(&truncate_end(&text, max)) <= max);
            assert!(columns(&truncate_middle(&text, max)) <= max);
        }
    }
}
