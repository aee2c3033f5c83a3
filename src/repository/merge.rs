//! Merging the contents of one file, in memory.

use git2::{MergeFileInput, MergeFileOptions, merge_file};

/// What becomes of `base` when both `ours` and `theirs` were made of it; `None` where both changed the same lines, or
/// one of them is not text. The way of merging is git's own.
#[must_use]
pub fn merge_contents(base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<Vec<u8>> {
    if ours == theirs || theirs == base {
        return Some(ours.to_vec());
    }
    if ours == base {
        return Some(theirs.to_vec());
    }
    // a NUL among the first 8,000 bytes, as git decides
    if [base, ours, theirs].iter().any(|content| content[..content.len().min(8000)].contains(&0)) {
        return None;
    }
    let input = |content| {
        let mut input = MergeFileInput::new();
        input.content(content);
        input
    };
    let merged = merge_file(&input(base), &input(ours), &input(theirs), Some(&mut MergeFileOptions::new())).ok()?;
    merged.is_automergeable().then(|| merged.content().to_vec())
}

#[cfg(test)]
mod tests {
    use super::merge_contents;

    #[track_caller]
    fn check(ours: &str, theirs: &str, expected: Option<&str>) {
        let merged = merge_contents(b"1\n2\n3\n4\n5\n6\n7\n", ours.as_bytes(), theirs.as_bytes());
        assert_eq!(merged.as_deref(), expected.map(str::as_bytes));
    }

    #[test]
    fn both_changes_are_kept_or_nothing_is() {
        check("1\nA\n3\n4\n5\n6\n7\n", "1\n2\n3\n4\n5\nB\n7\n", Some("1\nA\n3\n4\n5\nB\n7\n"));
        check("1\nA\n3\n4\n5\n6\n7\n", "1\nB\n3\n4\n5\n6\n7\n", None);
        check("same\n", "same\n", Some("same\n"));
        check("1\0\n", "2\0\n", None);
    }
}
