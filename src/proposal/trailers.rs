//! Trailers of commit messages: the last paragraph, `Key: value` a line, as git reads them.

/// What names somebody who wrote a part of it.
pub const CO_AUTHOR: &str = "Co-authored-by: ";

/// Whether the last paragraph of `message` is one of trailers; its subject never is.
#[must_use]
pub fn ends_in_trailers(message: &str) -> bool {
    let Some((_, last)) = message.trim_end().rsplit_once("\n\n") else { return false };
    last.lines().all(is_trailer)
}

/// Whether git reads the line as a trailer.
fn is_trailer(line: &str) -> bool {
    line.split_once(": ").is_some_and(|(key, value)| {
        let named = key.starts_with(|c: char| c.is_ascii_alphabetic());
        named && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') && !value.trim().is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, expected: bool) {
        assert_eq!(ends_in_trailers(message), expected, "{message:?}");
    }

    #[test]
    fn only_a_last_paragraph_of_trailers_is_one() {
        check("fix: it", false);
        check("fix: it\n\nWords that explain.", false);
        check("fix: it\n\nSigned-off-by: A <a@x>\n", true);
        check("fix: it\n\nWhy.\n\nA: b\nB-c: d", true);
        check("fix: it\n\nA: b\nand words", false);
        check("fix: it\n\n- a: b", false);
    }
}
