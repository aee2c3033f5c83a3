//! The names in a patch's headers: quoted or not, with `a/` and `b/` or without.

use crate::id::RepoPath;

/// Whether names carry a one-letter directory that is not theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefixes {
    Letters,
    None,
}

/// The letters that git's own prefixes use (`diff.mnemonicPrefix` too).
const LETTERS: &[u8] = b"abciow12";

/// The name on a `---`, `+++`, `rename from` … line: C-quoted, or up to a tab.
pub(super) fn name_on_line(rest: &[u8]) -> Option<Vec<u8>> {
    let rest = rest.strip_suffix(b"\r").unwrap_or(rest);
    let name = if rest.starts_with(b"\"") {
        unquote(rest)?.0
    } else {
        rest[..memchr::memchr(b'\t', rest).unwrap_or(rest.len())].to_vec()
    };
    (!name.is_empty() && !name.contains(&0)).then_some(name)
}

/// What `---` or `+++` names, if not `/dev/null`; a timestamp of 1970 says "not there" too.
pub(super) fn side_on_line(rest: &[u8]) -> Option<Option<Vec<u8>>> {
    let name = name_on_line(rest)?;
    let stamp = memchr::memchr(b'\t', rest).map_or(&[][..], |at| &rest[at + 1..]);
    let absent = name == b"/dev/null" || stamp.starts_with(b"1970-01-01 ") || stamp.starts_with(b"1969-12-31 ");
    Some((!absent).then_some(name))
}

/// The two names of `diff --git`, where both mean one path: old, new, and whether they carry prefixes.
pub(super) fn same_path(rest: &[u8]) -> Option<(RepoPath, Prefixes)> {
    let (old, new) = header_names(rest)?;
    let prefixes = prefixes_of(&old, &new);
    let (old, new) = (strip(&old, prefixes)?, strip(&new, prefixes)?);
    (old == new).then_some((old, prefixes))
}

/// Whether `diff --git` names these two paths (of a rename or copy), and with which prefixes.
pub(super) fn names_pair(rest: &[u8], old: &RepoPath, new: &RepoPath) -> Option<Prefixes> {
    let rest = rest.strip_suffix(b"\r").unwrap_or(rest);
    let fits = |left: &[u8], right: &[u8]| {
        [Prefixes::Letters, Prefixes::None].into_iter().find(|prefixes| {
            let is = |raw: &[u8], path: &RepoPath| strip(raw, *prefixes).is_some_and(|found| found == *path);
            is(left, old) && is(right, new)
        })
    };
    if rest.starts_with(b"\"") || rest.ends_with(b"\"") {
        let (left, right) = header_names(rest)?;
        return fits(&left, &right);
    }
    [2, 0]
        .into_iter()
        .map(|prefix| old.as_bytes().len() + prefix)
        .find_map(|at| (rest.get(at) == Some(&b' ')).then(|| fits(&rest[..at], &rest[at + 1..])).flatten())
}

/// Splits what follows `diff --git `. Unquoted names can hold blanks: they are told apart because both are of one
/// length when they mean one path.
fn header_names(rest: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let rest = rest.strip_suffix(b"\r").unwrap_or(rest);
    let (old, new) = if rest.starts_with(b"\"") {
        let (old, used) = unquote(rest)?;
        let right = rest[used..].strip_prefix(b" ")?;
        let new = if right.starts_with(b"\"") { whole_quoted(right)? } else { right.to_vec() };
        (old, new)
    } else if rest.ends_with(b"\"") {
        let at = memchr::memmem::find(rest, b" \"")?;
        (rest[..at].to_vec(), whole_quoted(&rest[at + 1..])?)
    } else {
        let middle = rest.len() / 2;
        if rest.len().is_multiple_of(2) || rest[middle] != b' ' {
            return None;
        }
        (rest[..middle].to_vec(), rest[middle + 1..].to_vec())
    };
    let readable = |name: &[u8]| !name.is_empty() && !name.contains(&0);
    (readable(&old) && readable(&new)).then_some((old, new))
}

/// Two different letters before a slash are prefixes; anything else belongs to the names.
pub(super) fn prefixes_of(old: &[u8], new: &[u8]) -> Prefixes {
    match (letter(old), letter(new)) {
        (Some(old), Some(new)) if old != new => Prefixes::Letters,
        _ => Prefixes::None,
    }
}

/// The prefixes of a plain diff that names one side only.
pub(super) fn prefixes_of_one(name: &[u8]) -> Prefixes {
    if letter(name).is_some() { Prefixes::Letters } else { Prefixes::None }
}

fn letter(name: &[u8]) -> Option<u8> {
    (name.len() > 2 && name[1] == b'/' && LETTERS.contains(&name[0])).then(|| name[0])
}

/// The path a name means.
pub(super) fn strip(name: &[u8], prefixes: Prefixes) -> Option<RepoPath> {
    match prefixes {
        Prefixes::Letters => letter(name).map(|_| RepoPath::from_bytes(&name[2..])),
        Prefixes::None => (!name.is_empty()).then(|| RepoPath::from_bytes(name)),
    }
}

fn whole_quoted(text: &[u8]) -> Option<Vec<u8>> {
    unquote(text).filter(|(_, used)| *used == text.len()).map(|(name, _)| name)
}

/// Reads a C-quoted name; gives it and how many bytes it took.
fn unquote(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut name = Vec::new();
    let mut at = 1;
    loop {
        match *text.get(at)? {
            b'"' => return Some((name, at + 1)),
            b'\\' => {
                let escape = *text.get(at + 1)?;
                at += 2;
                name.push(match escape {
                    b'a' => 7,
                    b'b' => 8,
                    b't' => b'\t',
                    b'n' => b'\n',
                    b'v' => 11,
                    b'f' => 12,
                    b'r' => b'\r',
                    b'"' | b'\\' => escape,
                    b'0'..=b'3' => {
                        let digit = |at: usize| text.get(at).filter(|digit| (b'0'..=b'7').contains(digit));
                        let (second, third) = (*digit(at)?, *digit(at + 1)?);
                        at += 2;
                        (escape - b'0') * 64 + (second - b'0') * 8 + (third - b'0')
                    }
                    _ => return None,
                });
            }
            byte => {
                name.push(byte);
                at += 1;
            }
        }
    }
}

/// The name as git writes it in a header, quoted where it must be.
pub(super) fn shown(name: &[u8]) -> String {
    RepoPath::from_bytes(name).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_same(rest: &[u8], path: Option<&[u8]>) {
        assert_eq!(same_path(rest).map(|(path, _)| path), path.map(RepoPath::from_bytes));
    }

    #[test]
    fn one_path_named_twice_is_found() {
        check_same(b"a/x b/x", Some(b"x"));
        check_same(b"a/x y b/x y", Some(b"x y"));
        check_same(b"a/x b/x b/x b/x", Some(b"x b/x"));
        check_same(b"src/x src/x", Some(b"src/x"));
        check_same(b"a/x a/x", Some(b"a/x"));
        check_same(b"i/x w/x", Some(b"x"));
        check_same(b"\"a/\\303\\244\" \"b/\\303\\244\"", Some("ä".as_bytes()));
        check_same(b"\"a/t\\tt\" \"b/t\\tt\"", Some(b"t\tt"));
        check_same(b"a/x b/y", None);
        check_same(b"a/x", None);
        check_same(b"\"a/x", None);
        check_same(b"a/ b/", None);
    }

    #[test]
    fn a_rename_is_checked_against_the_header() {
        let pair = |rest: &[u8], old: &str, new: &str| names_pair(rest, &old.into(), &new.into());
        assert_eq!(pair(b"a/x y b/z", "x y", "z"), Some(Prefixes::Letters));
        assert_eq!(pair(b"x z", "x", "z"), Some(Prefixes::None));
        assert_eq!(pair(b"a/x \"b/\\t\"", "x", "\t"), Some(Prefixes::Letters));
        assert_eq!(pair(b"a/x b/z", "x", "w"), None);
    }
}
