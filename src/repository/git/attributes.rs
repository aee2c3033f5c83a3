//! What git would store of a file of the working copy: line endings as its attributes and configuration say, no
//! filter run.
//!
//! The rules are those of gitattributes(5): `text`, `eol`, the older `crlf`, and `core.autocrlf`.

use std::path::Path;

use git2::{AttrCheckFlags, AttrValue, Repository};

/// What happens to a file on its way into git.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conversion {
    /// Stored as it is.
    None,
    /// CRLF becomes LF.
    Text,
    /// CRLF becomes LF where the content is text and the stored file has no CRLF.
    Auto,
    /// A program or a substitution that Paraph does not run would change it.
    Filter,
}

/// The conversion of `path` (relative to the worktree).
pub(super) fn conversion(repo: &Repository, path: &Path) -> Conversion {
    let attribute = |name: &str| {
        let value = repo.get_attr_bytes(path, name, AttrCheckFlags::FILE_THEN_INDEX).ok().flatten();
        Attribute::from(AttrValue::always_bytes(value))
    };
    let set = |name: &str| !matches!(attribute(name), Attribute::Unset | Attribute::Unspecified);
    if set("filter") || set("ident") || set("working-tree-encoding") {
        return Conversion::Filter;
    }
    let text = match attribute("text") {
        Attribute::Unspecified => attribute("crlf"),
        text => text,
    };
    match text {
        Attribute::Set => Conversion::Text,
        Attribute::Unset => Conversion::None,
        Attribute::Value(value) if value == b"auto" => Conversion::Auto,
        Attribute::Value(value) if value == b"input" => Conversion::Text,
        _ if set("eol") => Conversion::Text,
        _ if converts_by_default(repo) => Conversion::Auto,
        _ => Conversion::None,
    }
}

enum Attribute {
    Set,
    Unset,
    Unspecified,
    Value(Vec<u8>),
}

impl From<AttrValue<'_>> for Attribute {
    fn from(value: AttrValue<'_>) -> Self {
        match value {
            AttrValue::True => Self::Set,
            AttrValue::False => Self::Unset,
            AttrValue::Unspecified => Self::Unspecified,
            AttrValue::String(text) => Self::Value(text.as_bytes().to_vec()),
            AttrValue::Bytes(bytes) => Self::Value(bytes.to_vec()),
        }
    }
}

/// `core.autocrlf` is `true` or `input`.
fn converts_by_default(repo: &Repository) -> bool {
    let Ok(config) = repo.config().and_then(|mut config| config.snapshot()) else { return false };
    config.get_str("core.autocrlf").is_ok_and(|value| value.eq_ignore_ascii_case("input"))
        || config.get_bool("core.autocrlf").unwrap_or(false)
}

/// What git would store of `content`, given what it has stored before.
pub(super) fn stored_form(content: Vec<u8>, conversion: Conversion, stored: Option<&[u8]>) -> Vec<u8> {
    let converts = match conversion {
        Conversion::None | Conversion::Filter => false,
        Conversion::Text => true,
        Conversion::Auto => !looks_binary(&content) && !stored.is_some_and(has_crlf),
    };
    if !converts || !has_crlf(&content) {
        return content;
    }
    let mut out = Vec::with_capacity(content.len());
    for (at, byte) in content.iter().enumerate() {
        if *byte != b'\r' || content.get(at + 1) != Some(&b'\n') {
            out.push(*byte);
        }
    }
    out
}

fn has_crlf(content: &[u8]) -> bool {
    memchr::memmem::find(content, b"\r\n").is_some()
}

/// Git's guess: a NUL, a lone CR, or more than one unprintable byte in 128 printable ones.
fn looks_binary(content: &[u8]) -> bool {
    let (mut printable, mut unprintable) = (0usize, 0usize);
    for (at, byte) in content.iter().enumerate() {
        match byte {
            0 => return true,
            b'\r' if content.get(at + 1) != Some(&b'\n') => return true,
            b'\r' | b'\n' => {}
            0x1a if at + 1 == content.len() => {} // a DOS end-of-file mark
            8 | b'\t' | 0x1b | 0x0c => printable += 1,
            0x7f | 1..32 => unprintable += 1,
            _ => printable += 1,
        }
    }
    (printable >> 7) < unprintable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &[u8], conversion: Conversion, stored: Option<&[u8]>, expected: &[u8]) {
        assert_eq!(stored_form(content.to_vec(), conversion, stored), expected);
    }

    #[test]
    fn line_endings_are_stored_as_git_would() {
        check(b"a\r\nb\r\n", Conversion::Text, None, b"a\nb\n");
        check(b"a\r\nb\r\n", Conversion::Auto, None, b"a\nb\n");
        check(b"a\r\nb\r\n", Conversion::Auto, Some(b"a\nb\n"), b"a\nb\n");
        check(b"a\r\nb\r\n", Conversion::Auto, Some(b"a\r\n"), b"a\r\nb\r\n");
        check(b"a\r\nb\r\n", Conversion::None, None, b"a\r\nb\r\n");
        check(b"a\r\nb\rc", Conversion::Auto, None, b"a\r\nb\rc");
        check(b"a\r\nb\rc", Conversion::Text, None, b"a\nb\rc");
        check(b"a\r\n\0", Conversion::Auto, None, b"a\r\n\0");
        check(b"\r\r\n", Conversion::Text, None, b"\r\n");
    }
}
