//! Names alone: what no tree may hold, what would mean another file elsewhere, what is merely unwise.

use super::Violation;
use super::alias;
use super::rules::breach;
use crate::id::RepoPath;

/// The longest component, in bytes, that file systems hold.
const LONGEST_COMPONENT: usize = 255;
/// The longest path, in bytes, that systems open.
const LONGEST_PATH: usize = 4096;
/// The deepest path that is taken: what is deeper was made to hurt, and costs every tool that walks it.
pub(super) const DEEPEST: usize = 128;
/// Names that Windows keeps for devices, with any extension.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "com", "lpt", "conin$", "conout$"];

/// Every breach by the name of `path`. `known`: the base has it under that name, so a name that is only odd may be
/// changed or deleted; `stays`: the change leaves a file there.
pub(super) fn check(path: &RepoPath, known: bool, stays: bool, found: &mut Vec<Violation>) {
    let bytes = path.as_bytes();
    let mut say = |id: &str, message: String| found.push(breach(id, path, None, message));
    dangerous(bytes, &mut say);
    if !known {
        odd(bytes, &mut say);
        if stays {
            unportable(bytes, &mut say);
        }
    }
}

fn dangerous(bytes: &[u8], say: &mut dyn FnMut(&str, String)) {
    if bytes.is_empty() {
        return say("path-empty-component", "the path is empty".into());
    }
    if bytes.contains(&0) {
        say("path-nul", "the path holds a NUL".into());
    }
    if bytes[0] == b'/' {
        say("path-absolute", "the path is absolute".into());
    }
    if let [letter, b':', ..] = bytes
        && letter.is_ascii_alphabetic()
    {
        say("path-absolute", format!("the path starts with the drive letter `{}:`", char::from(*letter)));
    }
    if bytes.len() > LONGEST_PATH {
        say("path-too-long", format!("the path is {} bytes long; {LONGEST_PATH} is the most", bytes.len()));
    }
    let depth = memchr::memchr_iter(b'/', bytes).count();
    if depth > DEEPEST {
        return say("path-too-long", format!("the path is {depth} folders deep; {DEEPEST} is the most"));
    }
    // a backslash separates on Windows, so what stands between is looked at too
    for part in bytes.split(|byte| *byte == b'/' || *byte == b'\\') {
        match part {
            b".." | b"." => say("path-traversal", format!("`{}` is a component", String::from_utf8_lossy(part))),
            _ if alias::is_git_directory(part) => {
                say("path-git-directory", "a component names the git directory, or an alias of it".into());
            }
            _ => {}
        }
    }
    let inner = bytes.strip_prefix(b"/").unwrap_or(bytes);
    if inner.split(|byte| *byte == b'/').any(<[u8]>::is_empty) {
        say("path-empty-component", "a component is empty".into());
    }
    if let Some(long) = bytes.split(|byte| *byte == b'/').map(<[u8]>::len).max().filter(|len| *len > LONGEST_COMPONENT)
    {
        say("path-too-long", format!("a component is {long} bytes long; {LONGEST_COMPONENT} is the most"));
    }
}

fn odd(bytes: &[u8], say: &mut dyn FnMut(&str, String)) {
    if let Some(control) = bytes.iter().find(|byte| **byte != 0 && byte.is_ascii_control()) {
        say("path-control-character", format!("the name holds the control character U+{control:04X}"));
    }
    if bytes.contains(&b'\\') {
        say("path-backslash", "the name holds a backslash".into());
    }
    match std::str::from_utf8(bytes) {
        Err(_) => say("path-not-utf8", "the name is not UTF-8".into()),
        Ok(text) => {
            if let Some(c1) = text.chars().find(|c| c.is_control() && !c.is_ascii()) {
                say("path-control-character", format!("the name holds the control character U+{:04X}", u32::from(c1)));
            }
            if let Some(hidden) = text.chars().find(|c| alias::HFS_IGNORED.contains(c)) {
                say("path-alias", format!("the name holds the invisible character U+{:04X}", u32::from(hidden)));
            }
        }
    }
    let ends_badly = |part: &[u8]| !matches!(part, b"." | b"..") && matches!(part.last(), Some(b'.' | b' '));
    if bytes.split(|byte| *byte == b'/').any(ends_badly) {
        say("path-alias", "a component ends in a dot or a space, which Windows drops".into());
    }
}

fn unportable(bytes: &[u8], say: &mut dyn FnMut(&str, String)) {
    let refused = |byte: &u8| matches!(byte, b':' | b'<' | b'>' | b'"' | b'|' | b'?' | b'*');
    if let Some(byte) = bytes.iter().find(|byte| refused(byte)) {
        say("path-unportable", format!("Windows has no names with `{}`", char::from(*byte)));
    }
    let device = |part: &[u8]| {
        let stem = part.split(|byte| *byte == b'.').next().unwrap_or(part).to_ascii_lowercase();
        let numbered = matches!(&stem[..], [b'c', b'o', b'm', b'1'..=b'9'] | [b'l', b'p', b't', b'1'..=b'9']);
        let plain = DEVICES.iter().any(|name| !matches!(*name, "com" | "lpt") && name.as_bytes() == stem);
        numbered || plain
    };
    if let Some(part) = bytes.split(|byte| *byte == b'/').find(|part| device(part)) {
        say("path-unportable", format!("`{}` is a device on Windows", String::from_utf8_lossy(part)));
    }
}
