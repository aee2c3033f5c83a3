//! What changed within a line: words, for emphasis on a screen. Made for the lines that are looked at.

use std::ops::Range;
use std::time::Instant;

use similar::{Algorithm, DiffTag, capture_diff_slices_deadline};

/// The bytes of each line that the other one does not have. Both empty: the lines have too little in common for
/// emphasis to help, or nothing differs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InlineDiff {
    /// Changed pieces of the old line.
    pub old: Vec<Range<usize>>,
    /// Changed pieces of the new line.
    pub new: Vec<Range<usize>>,
}

/// Longer lines are not compared word by word: nobody reads them so.
const LONGEST: usize = 16 * 1024;

/// Compares two lines word by word. Line ends are left out.
#[must_use]
pub fn inline_diff(old: &[u8], new: &[u8], deadline: Option<Instant>) -> InlineDiff {
    let (old, new) = (without_end(old), without_end(new));
    if old.len().max(new.len()) > LONGEST || old == new {
        return InlineDiff::default();
    }
    let (old_words, new_words) = (words(old), words(new));
    let old_texts: Vec<&[u8]> = old_words.iter().map(|word| &old[word.clone()]).collect();
    let new_texts: Vec<&[u8]> = new_words.iter().map(|word| &new[word.clone()]).collect();
    let ops = capture_diff_slices_deadline(Algorithm::Myers, &old_texts, &new_texts, deadline);
    let mut diff = InlineDiff::default();
    let mut common = 0;
    for op in ops {
        if op.tag() == DiffTag::Equal {
            common += old_texts[op.old_range()].iter().map(|word| word.trim_ascii().len()).sum::<usize>();
        } else {
            push(&mut diff.old, &old_words[op.old_range()]);
            push(&mut diff.new, &new_words[op.new_range()]);
        }
    }
    // a quarter of the longer line: less in common is chance (brackets, `let`), and emphasis would be noise
    let longer = old.trim_ascii().len().max(new.trim_ascii().len());
    if common * 4 < longer { InlineDiff::default() } else { diff }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn push(pieces: &mut Vec<Range<usize>>, words: &[Range<usize>]) {
    let (Some(first), Some(last)) = (words.first(), words.last()) else { return };
    match pieces.last_mut() {
        Some(piece) if piece.end == first.start => piece.end = last.end,
        _ => pieces.push(first.start..last.end),
    }
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Class {
    Word,
    Blank,
    Sign,
}

/// Identifiers and numbers, runs of blanks, single signs. A character of several bytes stays whole.
fn words(line: &[u8]) -> Vec<Range<usize>> {
    let class = |byte: u8| match byte {
        b' ' | b'\t' => Class::Blank,
        b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => Class::Word,
        _ => Class::Sign,
    };
    let mut words: Vec<Range<usize>> = Vec::new();
    let mut before = Class::Sign;
    for (at, byte) in line.iter().enumerate() {
        let class = class(*byte);
        match words.last_mut() {
            Some(word) if class == before && class != Class::Sign => word.end = at + 1,
            _ => words.push(at..at + 1),
        }
        before = class;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(old: &str, new: &str, old_pieces: &[&str], new_pieces: &[&str]) {
        let diff = inline_diff(old.as_bytes(), new.as_bytes(), None);
        assert_eq!(diff.old.iter().map(|piece| &old[piece.clone()]).collect::<Vec<_>>(), old_pieces);
        assert_eq!(diff.new.iter().map(|piece| &new[piece.clone()]).collect::<Vec<_>>(), new_pieces);
    }

    #[test]
    fn words_that_differ_are_named() {
        check("let size = 10;\n", "let size = 12;\n", &["10"], &["12"]);
        check("f(a, b)", "f(a, b, c)", &[], &[", c"]);
        check("größe = alt", "größe = neu", &["alt"], &["neu"]);
        check("same\r\n", "same\n", &[], &[]);
        check("one two three", "x", &[], &[]);
        check("", "anything", &[], &[]);
    }
}
