//! A slip in a file that a person wrote: on which line it is, and which word was probably meant.

use super::near::distance;

/// The line of a byte of `text`, 1-based; of a byte behind its end, the last.
#[must_use]
pub fn line_of(text: &str, at: usize) -> u32 {
    let before = text.as_bytes().get(..at.min(text.len())).unwrap_or_default();
    1 + u32::try_from(memchr::memchr_iter(b'\n', before).count()).unwrap_or(u32::MAX - 1)
}

/// The known word that was probably meant. A dot separates tables from what is in them.
#[must_use]
pub fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
    let apart = |one: &str, other: &str| distance(&first(one), &first(other));
    // `max_files` for `policy.max_files`: the right word in the wrong table
    let distance_of = |word: &str| apart(given, word).min(1 + apart(&last(given), &last(word)));
    let (distance, word) = known.map(|word| (distance_of(word), word)).min()?;
    (distance <= 1 + last(word).len() / 3).then_some(word)
}

/// The first 64 characters: longer words are no slips of each other.
fn first(word: &str) -> Vec<char> {
    word.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: &str, expected: Option<&str>) {
        assert_eq!(nearest(given, ["workers", "policy.max_files", "ci-file"].into_iter()), expected, "{given}");
    }

    #[test]
    fn a_slip_of_the_fingers_is_understood() {
        check("workrs", Some("workers"));
        check("ci-fiel", Some("ci-file"));
        check("max_files", Some("policy.max_files"));
        check("polici.max_files", Some("policy.max_files"));
        check("colour", None);
        check(&"w".repeat(100_000), None);
    }

    #[test]
    fn a_byte_has_its_line() {
        assert_eq!([0, 1, 2, 3, 99].map(|at| line_of("a\nb\n", at)), [1, 1, 2, 2, 3]);
    }
}
