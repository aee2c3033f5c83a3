//! Printable text, and the only code that makes it from what somebody else wrote.

use std::borrow::Cow;
use std::fmt;

use super::width;

/// Text that a terminal prints as it reads: no escape sequences, no hidden or reordering characters.
///
/// Only this module makes one: from [`super::Untrusted`], from bytes, or from our own words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Safe<'a>(Cow<'a, str>);

impl Safe<'static> {
    /// Our own words, known when we were built.
    #[must_use]
    pub fn from_static(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl<'a> Safe<'a> {
    /// The printable text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The printable text itself, without a copy where it was borrowed.
    #[must_use]
    pub fn into_inner(self) -> Cow<'a, str> {
        self.0
    }

    /// The same text, owned.
    #[must_use]
    pub fn into_owned(self) -> Safe<'static> {
        Safe(Cow::Owned(self.0.into_owned()))
    }

    /// Whether nothing had to change.
    #[must_use]
    pub fn is_borrowed(&self) -> bool {
        matches!(self.0, Cow::Borrowed(_))
    }

    /// How many columns it takes on a terminal.
    #[must_use]
    pub fn width(&self) -> usize {
        width::columns(&self.0)
    }

    /// At most `columns` wide, cut at the end with `…`.
    #[must_use]
    pub fn truncate_end(&self, columns: usize) -> Safe<'_> {
        Safe(width::truncate_end(&self.0, columns))
    }

    /// At most `columns` wide, cut in the middle with `…`: for paths.
    #[must_use]
    pub fn truncate_middle(&self, columns: usize) -> Safe<'_> {
        Safe(width::truncate_middle(&self.0, columns))
    }

    /// These texts one after the other.
    #[must_use]
    pub fn concat<'b>(parts: impl IntoIterator<Item = Safe<'b>>) -> Safe<'static> {
        Safe(Cow::Owned(parts.into_iter().map(|part| part.0.into_owned()).collect()))
    }
}

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for Safe<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// What becomes of line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Newlines {
    /// They stay: a text of several lines.
    #[default]
    Keep,
    /// They show as `^J`: one line.
    Mark,
}

/// How text is made printable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayOptions {
    /// Columns between tab stops; 0 shows a tab as `^I`.
    pub tab_width: u8,
    /// What becomes of line ends.
    pub newlines: Newlines,
    /// The widest line, if it is limited; what is cut shows as `…`.
    pub max_columns: Option<usize>,
    /// The column that the text starts at: tab stops are counted from the line's own start.
    pub start_column: usize,
}

impl Default for DisplayOptions {
    fn default() -> Self {
        // 4: what most editors and forges show; git's own 8 wastes a narrow pane
        Self { tab_width: 4, newlines: Newlines::Keep, max_columns: None, start_column: 0 }
    }
}

impl DisplayOptions {
    /// One line, tabs of four.
    #[must_use]
    pub fn line() -> Self {
        Self { newlines: Newlines::Mark, ..Self::default() }
    }
}

/// The most combining marks one base character keeps: real writing needs at most four.
const MAX_COMBINING: u8 = 4;

/// Makes `bytes` printable; bytes that are no UTF-8 show as `<FF>`.
#[must_use]
pub fn display_bytes<'a>(bytes: &'a [u8], options: &DisplayOptions) -> Safe<'a> {
    if let Ok(text) = std::str::from_utf8(limited(bytes, options)) {
        return render(text, options);
    }
    let mut out = Writer::new(options, bytes.len());
    'chunks: for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if !out.push(c) {
                break 'chunks;
            }
        }
        for byte in chunk.invalid() {
            if !out.mark(&format!("<{byte:02X}>")) {
                break 'chunks;
            }
        }
    }
    Safe(Cow::Owned(out.text))
}

/// A prefix of `bytes` long enough to fill the wanted columns, cut where no ASCII character is torn apart; whole
/// where the width is not limited. A ten-megabyte line is not validated for eighty columns of it.
fn limited<'a>(bytes: &'a [u8], options: &DisplayOptions) -> &'a [u8] {
    let Some(max) = options.max_columns.filter(|_| options.newlines == Newlines::Mark) else { return bytes };
    let enough = max.saturating_add(1).saturating_mul(4);
    match bytes.get(..enough) {
        Some(prefix) if prefix.is_ascii() => prefix,
        _ => bytes,
    }
}

/// Makes `text` printable.
pub(super) fn render<'a>(text: &'a str, options: &DisplayOptions) -> Safe<'a> {
    let cut = std::str::from_utf8(limited(text.as_bytes(), options)).unwrap_or(text);
    let plain = |byte: &u8| matches!(byte, 0x20..=0x7e) || (*byte == b'\n' && options.newlines == Newlines::Keep);
    let unlimited = options.max_columns.is_none();
    let fits = || options.max_columns.is_some_and(|max| options.newlines == Newlines::Mark && cut.len() <= max);
    if cut.len() == text.len() && (unlimited || fits()) && text.as_bytes().iter().all(plain) {
        return Safe(Cow::Borrowed(text));
    }
    let mut out = Writer::new(options, cut.len());
    for c in text.chars() {
        if !out.push(c) {
            break;
        }
    }
    if out.changed { Safe(Cow::Owned(out.text)) } else { Safe(Cow::Borrowed(text)) }
}

/// Writes printable text, keeping count of columns and combining marks.
struct Writer<'o> {
    options: &'o DisplayOptions,
    text: String,
    /// Columns on this line, counted from its start; and the text length where `…` would go.
    column: usize,
    cut_at: usize,
    combining: u8,
    has_base: bool,
    overfull: bool,
    changed: bool,
}

impl<'o> Writer<'o> {
    fn new(options: &'o DisplayOptions, hint: usize) -> Self {
        let capacity = hint.min(options.max_columns.map_or(hint, |max| max.saturating_mul(4)));
        Self {
            options,
            text: String::with_capacity(capacity + 8),
            column: options.start_column,
            cut_at: 0,
            combining: 0,
            has_base: false,
            overfull: false,
            changed: false,
        }
    }

    /// Writes one character; false when nothing after it can be seen.
    fn push(&mut self, c: char) -> bool {
        match c {
            '\n' if self.options.newlines == Newlines::Keep => self.newline(),
            '\t' if self.options.tab_width > 0 => self.tab(),
            '\0'..='\x1f' | '\x7f' => self.mark(&format!("^{}", char::from(c as u8 ^ 0x40))),
            ' '..='~' => self.visible(c, 1),
            '\u{80}'..='\u{9f}' => self.mark(&format!("M-^{}", char::from((c as u32 - 0x40) as u8))),
            _ if is_hidden(c) => self.mark(&format!("<U+{:04X}>", c as u32)),
            _ => match width::char_columns(c) {
                0 => self.combine(c),
                columns => self.visible(c, columns),
            },
        }
    }

    fn newline(&mut self) -> bool {
        self.text.push('\n');
        (self.column, self.combining, self.has_base, self.overfull) = (0, 0, false, false);
        self.cut_at = self.text.len();
        true
    }

    fn tab(&mut self) -> bool {
        let stop = usize::from(self.options.tab_width);
        let blanks = stop - self.column % stop;
        self.changed = true;
        (0..blanks).all(|_| self.visible(' ', 1))
    }

    /// A visible stand-in for something that must not be printed.
    fn mark(&mut self, mark: &str) -> bool {
        self.changed = true;
        self.has_base = false;
        let going = mark.chars().all(|c| self.visible(c, 1));
        self.has_base = false;
        going
    }

    fn combine(&mut self, c: char) -> bool {
        if self.overfull {
            return true;
        }
        let selector = matches!(c, '\u{fe0e}' | '\u{fe0f}');
        if !self.has_base || (selector && self.combining > 0) {
            return self.mark(&format!("<U+{:04X}>", c as u32));
        }
        self.combining = self.combining.saturating_add(1);
        if self.combining <= MAX_COMBINING {
            self.text.push(c);
        } else {
            self.changed = true;
        }
        true
    }

    fn visible(&mut self, c: char, columns: usize) -> bool {
        if self.overfull {
            return self.options.newlines == Newlines::Keep;
        }
        let end = self.options.start_column_of_line(&self.text) + self.options.max_columns.unwrap_or(usize::MAX / 2);
        if self.column + columns > end {
            return self.cut();
        }
        self.text.push(c);
        self.column += columns;
        (self.combining, self.has_base) = (0, true);
        if self.column < end {
            self.cut_at = self.text.len();
        }
        true
    }

    /// Replaces what stands in the last column by `…`.
    fn cut(&mut self) -> bool {
        self.text.truncate(self.cut_at);
        if self.options.max_columns != Some(0) {
            self.text.push('…');
        }
        (self.overfull, self.changed) = (true, true);
        self.options.newlines == Newlines::Keep
    }
}

impl DisplayOptions {
    /// Only the first line starts at `start_column`.
    fn start_column_of_line(&self, so_far: &str) -> usize {
        if self.start_column == 0 || so_far.contains('\n') { 0 } else { self.start_column }
    }
}

/// Whether `c` is invisible, reorders its neighbours or breaks lines: never printed as itself.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0d}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{fffe}' | '\u{ffff}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Untrusted;

    #[track_caller]
    fn check(text: &str, shown: &str) {
        assert_eq!(Untrusted::new(text).display_line().as_str(), shown);
    }

    #[track_caller]
    fn check_within(text: &str, columns: usize, shown: &str) {
        let text = Untrusted::new(text);
        let safe = text.display_within(columns);
        assert_eq!(safe.as_str(), shown);
        assert!(safe.width() <= columns, "{} columns of {columns}", safe.width());
    }

    #[test]
    fn controls_show_in_caret_notation() {
        check("a\x1b[31mb", "a^[[31mb");
        check("\0\x07\x08\r\x7f", "^@^G^H^M^?");
        check("a\nb", "a^Jb");
        check("\u{9b}31m\u{80}\u{9f}", "M-^[31mM-^@M-^_");
    }

    #[test]
    fn hidden_and_reordering_characters_show_as_marks() {
        check("if (x\u{202e} y)", "if (x<U+202E> y)");
        check("\u{2066}a\u{2069}", "<U+2066>a<U+2069>");
        check("pass\u{200b}word", "pass<U+200B>word");
        check("x\u{e0041}", "x<U+E0041>");
        check("\u{feff}use", "<U+FEFF>use");
        check("a\u{2028}b", "a<U+2028>b");
        check("a\u{fe01}", "a<U+FE01>");
    }

    #[test]
    fn writing_of_all_peoples_is_left_alone() {
        for text in ["größe", "日本語", "한국어", "עברית", "e\u{301}", "👍🏽", "❤\u{fe0f}", "नमस्ते"]
        {
            let untrusted = Untrusted::new(text);
            let safe = untrusted.display_line();
            assert!(safe.is_borrowed(), "{text} became {safe}");
        }
    }

    #[test]
    fn combining_marks_are_at_most_four_and_never_first() {
        check(&format!("e{}x", "\u{301}".repeat(50)), &format!("e{}x", "\u{301}".repeat(4)));
        check("\u{301}a", "<U+0301>a");
        check("\x1b\u{301}", "^[<U+0301>");
        check("e\u{fe0f}\u{fe0f}", "e\u{fe0f}<U+FE0F>");
    }

    #[test]
    fn tabs_go_to_the_next_stop() {
        check("\tx", "    x");
        check("ab\tx", "ab  x");
        check("日\tx", "日  x");
        let eight = DisplayOptions { tab_width: 8, ..DisplayOptions::line() };
        assert_eq!(Untrusted::new("a\tx").display_with(&eight).as_str(), "a       x");
        let marked = DisplayOptions { tab_width: 0, ..DisplayOptions::line() };
        assert_eq!(Untrusted::new("a\tx").display_with(&marked).as_str(), "a^Ix");
    }

    #[test]
    fn plain_code_is_borrowed() {
        assert!(Untrusted::new("fn main() {}\n    x").display().is_borrowed());
        assert!(!Untrusted::new("fn main() {}\n    x").display_line().is_borrowed());
        assert!(Untrusted::new("fn main() {}").display_within(12).is_borrowed());
    }

    #[test]
    fn a_limit_in_columns_is_kept() {
        check_within("abcdef", 6, "abcdef");
        check_within("abcdef", 5, "abcd…");
        check_within("日本語", 5, "日本…");
        check_within("日本語", 4, "日…");
        check_within("ab\x1b\x1b", 4, "ab^…");
        check_within("abc", 1, "…");
        check_within("abc", 0, "");
        check_within(&"x".repeat(1_000_000), 3, "xx…");
        check_within(&format!("{}\u{301}", "x".repeat(4)), 3, "xx…");
    }

    #[test]
    fn each_line_has_its_own_limit() {
        let options = DisplayOptions { max_columns: Some(3), ..DisplayOptions::default() };
        assert_eq!(Untrusted::new("abcdef\nxy\nlonger").display_with(&options).as_str(), "ab…\nxy\nlo…");
    }

    #[test]
    fn bytes_that_are_no_text_show_as_hex() {
        let shown = |bytes: &[u8]| display_bytes(bytes, &DisplayOptions::line()).into_owned().to_string();
        assert_eq!(shown(b"a\xff\x9bb"), "a<FF><9B>b");
        assert_eq!(shown(b"\xc0\xaf"), "<C0><AF>", "overlong");
        assert_eq!(shown(b"\xed\xa0\x80"), "<ED><A0><80>", "a lone surrogate");
        assert_eq!(shown("größe".as_bytes()), "größe");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn nothing_printable_moves_a_cursor(bytes: Vec<u8>, columns in 0_usize..40) {
            let options = DisplayOptions { max_columns: Some(columns), ..DisplayOptions::line() };
            let safe = display_bytes(&bytes, &options);
            assert!(!safe.as_str().chars().any(|c| c.is_control() || is_hidden(c)));
            assert!(safe.width() <= columns);
        }

        #[test]
        fn any_text_is_printable(text: String) {
            let text = Untrusted::new(text);
            assert!(!text.display().as_str().chars().any(|c| (c.is_control() && c != '\n') || is_hidden(c)));
        }
    }
}
