//! Numbers of things, in words.

/// `1 file`, `2 files`, `0 files`: for nouns that take an s.
#[must_use]
pub fn counted<N: std::fmt::Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    if number == N::from(1) { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one() {
        assert_eq!([0_u32, 1, 2].map(|number| counted(number, "file")), ["0 files", "1 file", "2 files"]);
        assert_eq!(counted(1_usize, "open thread"), "1 open thread");
    }
}
