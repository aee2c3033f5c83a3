//! A line that is longer than the terminal: broken at blanks, its further lines under its own words.

use super::output::{Role, Span};
use crate::text::width;

/// `spans` in at most `columns` columns a line; each line after a break starts after `indent` blanks. What stands in
/// several lines already keeps them.
pub(super) fn broken(spans: &[Span], columns: usize, indent: usize) -> Vec<Span> {
    let mut page = Page { spans: Vec::with_capacity(spans.len()), columns: columns.max(indent + 8), indent, at: 0 };
    for (role, text) in spans {
        let mut lines = text.split('\n');
        page.put(*role, lines.next().unwrap_or_default());
        for line in lines {
            page.spans.push((Role::Plain, "\n".to_owned()));
            page.at = 0;
            page.put(*role, line);
        }
    }
    page.spans
}

struct Page {
    spans: Vec<Span>,
    columns: usize,
    indent: usize,
    /// Columns that the line has so far.
    at: usize,
}

impl Page {
    fn put(&mut self, role: Role, line: &str) {
        let mut piece = String::new();
        for word in words(line) {
            let blanks = word.len() - word.trim_start_matches(' ').len();
            let (gap, word) = word.split_at(blanks);
            let mut word = word;
            let wide = width::columns(word);
            if self.at + blanks + wide > self.columns && self.at > self.indent && wide > 0 {
                self.end_line(role, &mut piece);
            } else {
                piece.push_str(gap);
                self.at += blanks;
            }
            // a word that no line has room for is broken within itself
            while self.at + width::columns(word) > self.columns {
                let (here, rest) = word.split_at(self.fitting(word));
                piece.push_str(here);
                self.end_line(role, &mut piece);
                word = rest;
            }
            piece.push_str(word);
            self.at += width::columns(word);
        }
        self.flush(role, &mut piece);
    }

    /// How many bytes of `word` the line has room for; one character at least.
    fn fitting(&self, word: &str) -> usize {
        let room = self.columns.saturating_sub(self.at).max(1);
        let first = width::wrap(word, room).first().map_or(0, |line| line.len());
        first.max(word.chars().next().map_or(0, char::len_utf8))
    }

    fn end_line(&mut self, role: Role, piece: &mut String) {
        self.flush(role, piece);
        self.spans.push((Role::Plain, format!("\n{}", " ".repeat(self.indent))));
        self.at = self.indent;
    }

    fn flush(&mut self, role: Role, piece: &mut String) {
        if !piece.is_empty() {
            self.spans.push((role, std::mem::take(piece)));
        }
    }
}

/// Each word with the blanks before it.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let blanks = rest.len() - rest.trim_start_matches(' ').len();
        let end = rest[blanks..].find(' ').map_or(rest.len(), |at| blanks + at);
        let (word, after) = rest.split_at(end);
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pieces: &[&str], columns: usize, expected: &str) {
        let spans: Vec<Span> = pieces.iter().map(|text| (Role::Dim, (*text).to_owned())).collect();
        let whole: String = broken(&spans, columns, 4).into_iter().map(|(_, text)| text).collect();
        assert_eq!(whole, expected);
    }

    #[test]
    fn lines_break_at_blanks_under_their_own_words() {
        check(&["short"], 20, "short");
        check(&["  G3 ", "not run ", "nothing shows that"], 20, "  G3 not run nothing\n    shows that");
        check(&["exactly twenty col!!"], 20, "exactly twenty col!!");
        check(&["a  b   c"], 20, "a  b   c");
        check(&["one two\n  three four five six"], 16, "one two\n  three four\n    five six");
    }

    #[test]
    fn a_word_that_no_line_has_room_for_is_broken_within_itself() {
        check(&["src/a/very/long/name.rs"], 12, "src/a/very/l\n    ong/name\n    .rs");
        check(&["ab 日本語日本語"], 12, "ab 日本語日\n    本語");
        check(&["", " "], 12, " ");
    }
}
