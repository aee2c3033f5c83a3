//! What other file systems make of a name: case, HFS+ ignorable code points, NTFS short names, streams and endings,
//! and canonical Unicode forms.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Code points that HFS+ leaves out when it compares names.
pub(super) const HFS_IGNORED: &[char] = &[
    '\u{200c}', '\u{200d}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}',
    '\u{206a}', '\u{206b}', '\u{206c}', '\u{206d}', '\u{206e}', '\u{206f}', '\u{feff}',
];

/// Canonical decompositions of Unicode 15 in full: a code point and what it becomes, in hex. Hangul is computed,
/// compatibility ideographs are left out (they decompose to what nobody types beside them).
static CANONICAL: LazyLock<HashMap<char, Vec<char>>> = LazyLock::new(|| {
    let code = |hex: &str| u32::from_str_radix(hex, 16).ok().and_then(char::from_u32);
    let line = |line: &str| {
        let mut parts = line.split(' ').filter_map(code);
        parts.next().map(|first| (first, parts.collect()))
    };
    include_str!("canonical.txt").lines().filter_map(line).collect()
});

fn decompose(c: char, into: &mut String) {
    let code = u32::from(c);
    if (0xac00..=0xd7a3).contains(&code) {
        let at = code - 0xac00;
        let jamo = [0x1100 + at / 588, 0x1161 + at % 588 / 28, 0x11a7 + at % 28];
        into.extend(jamo.iter().take(if at % 28 == 0 { 2 } else { 3 }).filter_map(|code| char::from_u32(*code)));
    } else if let Some(parts) = CANONICAL.get(&c) {
        into.extend(parts);
    } else {
        into.push(c);
    }
}

/// A name as the most forgiving file system compares it: two names with one fold can be one file.
pub(super) fn fold(name: &[u8]) -> Vec<u8> {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let Ok(text) = std::str::from_utf8(name) else { return name.to_ascii_lowercase() };
    let mut whole = String::with_capacity(text.len() + 8);
    for c in text.chars().filter(|c| !HFS_IGNORED.contains(c)) {
        decompose(c, &mut whole);
    }
    // upper first: `ß`, `ſ` and the final sigma meet their twins that way
    whole.to_uppercase().to_lowercase().into_bytes()
}

/// A component with everything taken away that some file system ignores.
fn bare(component: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(component);
    let kept: String = text.chars().filter(|c| !HFS_IGNORED.contains(c)).collect();
    let before_stream = kept.split(':').next().unwrap_or("");
    before_stream.trim_end_matches(['.', ' ']).to_lowercase().into_bytes()
}

/// Whether some file system takes this component for `name` (`.git`, `.gitmodules`, …, in lower case), whose NTFS
/// short names start with `short` and a tilde.
pub(super) fn is_alias_of(component: &[u8], name: &str, short: &str) -> bool {
    if component.is_ascii() {
        return is_ascii_alias_of(component, name, short);
    }
    let bare = bare(component);
    if bare == name.as_bytes() {
        return true;
    }
    let Some(rest) = bare.strip_prefix(short.as_bytes()) else { return false };
    matches!(rest, [b'~', digit] if digit.is_ascii_digit())
}

/// As [`is_alias_of`] where nothing but case, streams and endings can differ.
fn is_ascii_alias_of(component: &[u8], name: &str, short: &str) -> bool {
    let before_stream = component.split(|byte| *byte == b':').next().unwrap_or_default();
    let end = before_stream.iter().rposition(|byte| !matches!(byte, b'.' | b' ')).map_or(0, |last| last + 1);
    let bare = &before_stream[..end];
    if bare.eq_ignore_ascii_case(name.as_bytes()) {
        return true;
    }
    let Some((start, rest)) = bare.split_at_checked(short.len()) else { return false };
    start.eq_ignore_ascii_case(short.as_bytes()) && matches!(rest, [b'~', digit] if digit.is_ascii_digit())
}

/// Whether some file system takes this component for `.git`.
pub(super) fn is_git_directory(component: &[u8]) -> bool {
    is_alias_of(component, ".git", "git")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn same(a: &str, b: &str) {
        assert_eq!(fold(a.as_bytes()), fold(b.as_bytes()), "{a} and {b}");
    }

    #[track_caller]
    fn differ(a: &str, b: &str) {
        assert_ne!(fold(a.as_bytes()), fold(b.as_bytes()), "{a} and {b}");
    }

    #[test]
    fn names_fold_as_forgiving_file_systems_do() {
        same("README.md", "readme.MD");
        same("caf\u{e9}", "cafe\u{301}");
        same("\u{c4}rger", "a\u{308}RGER");
        same("stra\u{df}e", "STRASSE");
        same("\u{3c3}\u{3c2}", "\u{3a3}\u{3a3}");
        same("\u{ac01}", "\u{1100}\u{1161}\u{11a8}");
        same("\u{30ac}", "\u{30ab}\u{3099}");
        same("a\u{200c}b", "ab");
        differ("caf\u{e9}", "cafe");
        differ("a-b", "a_b");
        differ("\u{430}", "a");
    }

    #[test]
    fn ascii_names_are_judged_as_any_other() {
        let by_definition = |component: &[u8]| {
            let bare = bare(component);
            let rest = bare.strip_prefix(b"git");
            bare == b".git" || rest.is_some_and(|rest| matches!(rest, [b'~', d] if d.is_ascii_digit()))
        };
        for first in ["", ".", ".g", ".gi", ".git", ".Git", "git", "GIT", "gi", "x.git"] {
            for last in ["", ".", " ", ". .", "~", "~1", "~1 ", "~12", "~a", ":", ":x", "~1:x.", " :", "hub", ".git"] {
                let name = format!("{first}{last}");
                assert_eq!(is_git_directory(name.as_bytes()), by_definition(name.as_bytes()), "{name:?}");
            }
        }
    }

    #[test]
    fn the_git_directory_has_many_names() {
        for alias in [".git", ".GIT", ".Git", "git~1", "GIT~2", ".git.", ".git ", ".git . .", ".git::$INDEX_ALLOCATION"]
        {
            assert!(is_git_directory(alias.as_bytes()), "{alias}");
        }
        for ignored in HFS_IGNORED {
            assert!(is_git_directory(format!(".g{ignored}it").as_bytes()), "{ignored:?}");
        }
        for other in [".github", ".gitignore", "git", "git~", "git~10", ".gitx", "..git", "a.git", "git~1.txt"] {
            assert!(!is_git_directory(other.as_bytes()), "{other}");
        }
    }
}
