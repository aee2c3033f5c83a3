//! Whether new lines stand in the file already, beside where they would go: an edit of an older file, made there before.

use std::ops::Range;

/// From here on a copy need not touch the place: lines that only look alike are fewer.
const MANY: usize = 3;

/// How far beyond their own number of lines a copy of many is looked for.
const AROUND: usize = 4;

/// Whether `lines`, put before the file's line `at`, would stand there twice. The lines `seen` are those that whoever
/// wrote them named: what is alike among them is meant.
pub(super) fn stand_there(file: &[&[u8]], at: usize, lines: &[Vec<u8>], seen: Range<usize>) -> bool {
    let wanted: Vec<&[u8]> = lines.iter().map(|line| line.trim_ascii()).filter(|line| tells(line)).collect();
    if wanted.is_empty() {
        return false;
    }
    if wanted.len() >= MANY {
        let reach = lines.len() + AROUND;
        let near = at.saturating_sub(reach)..(at + reach).min(file.len());
        let near: Vec<usize> = near.filter(|line| tells(file[*line].trim_ascii())).collect();
        return near.windows(wanted.len()).any(|run| {
            let is_unseen = run.iter().any(|line| !seen.contains(line));
            is_unseen && run.iter().zip(&wanted).all(|(line, text)| file[*line].trim_ascii() == *text)
        });
    }
    // few lines: only at an edge of what was named, right beside
    let same = |found: &[&[u8]]| found == wanted;
    let telling = |range: Range<usize>| file[range].iter().map(|line| line.trim_ascii()).filter(|line| tells(line));
    let after: Vec<&[u8]> = telling(at..file.len()).take(wanted.len()).collect();
    let mut before: Vec<&[u8]> = telling(0..at).rev().take(wanted.len()).collect();
    before.reverse();
    (at == seen.end && same(&after)) || (at == seen.start && same(&before))
}

/// Whether a line is more than brackets.
fn tells(line: &[u8]) -> bool {
    line.iter().any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &str, at: usize, new: &str, seen: Range<usize>, expected: bool) {
        let file: Vec<&[u8]> = file.split(' ').map(str::as_bytes).collect();
        let lines: Vec<Vec<u8>> = new.split(' ').map(|line| line.as_bytes().to_vec()).collect();
        assert_eq!(stand_there(&file, at, &lines, seen), expected);
    }

    #[test]
    fn a_copy_beside_the_place_is_seen() {
        check("a b c", 2, "c", 0..2, true);
        check("a b c", 2, "x", 0..2, false);
        check("a b c", 1, "a", 1..3, true);
        check("a x y z b", 1, "x y z", 0..1, true);
        // begun one line later, as diffs sometimes have it
        check("a x y z x b", 2, "y z x", 0..2, true);
        check("a x y z b", 5, "x y z", 4..5, true);
    }

    #[test]
    fn what_was_named_and_what_only_looks_alike_is_not() {
        check("a c c", 2, "c", 0..3, false);
        check("a b { } c", 2, "{", 0..2, false);
        check("a q x y r b", 1, "x y", 0..1, false);
        check("x y z b", 3, "x y z", 0..4, false);
    }
}
