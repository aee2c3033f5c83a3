//! Whether a Rust text has a test's mark in its code: what stands in a string or a comment marks nothing, and
//! Cargo's own tests hold whole projects in strings.

/// The words of marks that make a function a test.
const WORDS: &[&[u8]] = &[b"test", b"rstest", b"quickcheck", b"wasm_bindgen_test", b"bench"];

/// Whether a mark may stand in the code of `text`; true where a string or a comment does not end.
pub(super) fn in_code(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let after = match (byte, bytes.get(at + 1)) {
            (b'/', Some(b'/')) => memchr::memchr(b'\n', &bytes[at..]).map_or(Some(bytes.len()), |end| Some(at + end)),
            (b'/', Some(b'*')) => after_comment(bytes, at),
            (b'"', _) => after_string(bytes, at),
            (b'\'', _) => after_quote(text, at),
            (b'[' | b':' | b'.' | b'>' | b'\\' | b'#' | b'@' | b'!' | b'<', _) => {
                let rest = &bytes[at + 1..];
                let may = matches!(rest.first(), Some(b't' | b'r' | b'q' | b'w' | b'b'));
                Some(at + 1).filter(|_| !(may && WORDS.iter().any(|word| rest.starts_with(word))))
            }
            _ => Some(at + 1),
        };
        match after {
            Some(after) => at = after,
            None => return true,
        }
    }
    false
}

/// The end of the comment that starts at `start`, with those in it.
pub(super) fn after_comment(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut depth) = (start + 2, 1);
    while depth > 0 {
        at += memchr::memchr2(b'/', b'*', bytes.get(at..)?)?;
        match &bytes[at..bytes.len().min(at + 2)] {
            b"/*" => (at, depth) = (at + 2, depth + 1),
            b"*/" => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    Some(at)
}

/// The end of the string that the quote at `start` opens: raw where an `r`, perhaps with `#` after it, stands before.
pub(super) fn after_string(bytes: &[u8], start: usize) -> Option<usize> {
    let hashes = bytes[..start].iter().rev().take_while(|byte| **byte == b'#').count();
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
    let before = &bytes[..start - hashes];
    let is_raw = match before {
        [.., b'b' | b'c', b'r'] => !before[..before.len() - 2].last().is_some_and(is_name),
        [.., b'r'] => !before[..before.len() - 1].last().is_some_and(is_name),
        _ => false,
    };
    let mut at = start + 1;
    loop {
        if is_raw {
            at += memchr::memchr(b'"', bytes.get(at..)?)? + 1;
            let closing = bytes.get(at..at + hashes)?;
            if closing.iter().all(|byte| *byte == b'#') {
                return Some(at + hashes);
            }
        } else {
            at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
            if bytes[at] == b'"' {
                return Some(at + 1);
            }
            at += 2;
        }
    }
}

/// After a character, or after the quote of a lifetime.
pub(super) fn after_quote(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    if bytes.get(start + 1) == Some(&b'\\') {
        return memchr::memchr(b'\'', bytes.get(start + 3..)?).map(|end| start + 3 + end + 1);
    }
    let Some(character) = text[start + 1..].chars().next() else { return Some(start + 1) };
    let end = start + 1 + character.len_utf8();
    Some(if bytes.get(end) == Some(&b'\'') { end + 1 } else { start + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(in_code(text), expected, "{text}");
    }

    #[test]
    fn marks_in_strings_and_comments_are_none() {
        check("#[test]\nfn a() {}", true);
        check("#[tokio::test]\nfn a() {}", true);
        check("#[cargo_test]\nfn a() { file(\"#[test]\"); }", false);
        check("const S: &str = r#\"\n\"quoted\"\n#[test]\n\"#;", false);
        check("const S: &str = r#\"\n\"#;\n#[test]\nfn a() {}", true);
        check("const S: &[u8] = br##\"\"# #[test]\"##;", false);
        check("let var\"; #[test] \"", false);
        check("// #[test]\n/* /* #[test] */ #[bench] */\n/// #[test]\n", false);
        check("/* a */ #[test]", true);
        check("let c = '\"'; #[test]", true);
        check("let c = '\\''; let s = \"#[test]\";", false);
        check("fn f<'a>(x: &'a str) {} #[test]", true);
        check("let é = 'é'; let s = \"\\\"#[test]\";", false);
        check("let s = \"open #[test]", true);
        check("/* open #[test]", true);
    }
}
