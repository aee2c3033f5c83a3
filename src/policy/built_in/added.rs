//! The text that a change brings into a file: what content rules look at.

use std::collections::HashMap;

use crate::diff::{FileChange, FileMode, FileSide};

/// The longest line that content rules read, in bytes: what is longer is generated, and no person reads it.
const LONGEST_LINE: usize = 20_000;

/// A side as lines, without their endings; `None` for links, submodules, binaries and what is not UTF-8.
pub(super) fn text(side: Option<&FileSide>) -> Option<&str> {
    let side = side?;
    if !matches!(side.mode, FileMode::Regular | FileMode::Executable) || side.is_binary() {
        return None;
    }
    std::str::from_utf8(&side.content).ok()
}

/// The lines of the new side that the old side does not have, with their numbers (1-based). A line that moved is
/// not added; a line that occurs once more is, at its last place.
pub(super) fn lines(file: &FileChange) -> Vec<(u32, &str)> {
    let Some(new) = text(file.new.as_ref()) else { return Vec::new() };
    let mut had: HashMap<&str, u32> = HashMap::new();
    for line in text(file.old.as_ref()).unwrap_or("").lines() {
        *had.entry(line).or_default() += 1;
    }
    let mut added = Vec::new();
    for (number, line) in (1_u32..).zip(new.lines()) {
        match had.get_mut(line).filter(|left| **left > 0) {
            Some(left) => *left -= 1,
            None if line.len() <= LONGEST_LINE => added.push((number, line)),
            None => {}
        }
    }
    added
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(old: Option<&str>, new: &str, expected: &[(u32, &str)]) {
        let side = |text: &str| FileSide::regular(text.as_bytes());
        let file = FileChange { path: "a".into(), old: old.map(side), new: Some(side(new)) };
        assert_eq!(lines(&file), expected);
    }

    #[test]
    fn only_new_lines_are_added() {
        check(None, "a\nb\n", &[(1, "a"), (2, "b")]);
        check(Some("a\nb\n"), "b\na\n", &[]);
        check(Some("a\n"), "a\nx\na\n", &[(2, "x"), (3, "a")]);
        check(Some("a\r\n"), "a\n", &[]);
        check(None, "a\0b", &[]);
    }
}
