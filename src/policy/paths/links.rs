//! Links, submodules and modes; and writes that would go through a link of the base.

use std::collections::BTreeMap;

use super::rules::breach;
use super::{Touch, Violation, alias};
use crate::diff::FileMode;
use crate::id::RepoPath;
use crate::repository::{Tree, TreeError};

/// What the new mode of one touch breaks.
pub(super) fn check_mode(touch: &Touch<'_>, found: &mut Vec<Violation>) {
    let mut say = |id: &str, message: String| found.push(breach(id, touch.path, None, message));
    match touch.new {
        Some(FileMode::Other(bits)) => say("odd-mode", format!("the mode {bits:06o} is none that git stores")),
        Some(FileMode::Gitlink) => say("gitlink", "a submodule is added or moved to another commit".into()),
        Some(FileMode::Symlink) => link(touch, &mut say),
        Some(FileMode::Executable) if touch.old == Some(FileMode::Regular) => {
            say("exec-bit", "the file becomes executable".into());
        }
        Some(FileMode::Regular | FileMode::Executable) | None => {}
    }
}

fn link(touch: &Touch<'_>, say: &mut dyn FnMut(&str, String)) {
    if special(touch.path.file_name()) {
        return say("link-escapes", "git's own files must not be links".into());
    }
    let Some(target) = touch.target else {
        return say("link-escapes", "a new link whose target is not known".into());
    };
    match resolve(touch.path, target) {
        Target::Outside(why) => say("link-escapes", format!("the link {why}")),
        Target::Git => say("link-escapes", "the link points into the git directory".into()),
        Target::Inside if touch.old == Some(FileMode::Symlink) => {
            say("link-added", "a link points elsewhere now".into())
        }
        Target::Inside => say("link-added", "a new link".into()),
    }
}

/// Files that git itself reads by name; as links they would be read from elsewhere.
fn special(name: &[u8]) -> bool {
    let known =
        [(".gitmodules", "gitmod"), (".gitattributes", "gitatt"), (".gitignore", "gitign"), (".mailmap", "mailma")];
    known.iter().any(|(name_of, short)| alias::is_alias_of(name, name_of, short))
}

enum Target {
    Outside(&'static str),
    Git,
    Inside,
}

fn resolve(path: &RepoPath, target: &[u8]) -> Target {
    if target.is_empty() {
        return Target::Outside("has an empty target");
    }
    if target.contains(&0) {
        return Target::Outside("has a NUL in its target");
    }
    let drive = matches!(target, [letter, b':', ..] if letter.is_ascii_alphabetic());
    if matches!(target[0], b'/' | b'\\' | b'~') || drive {
        return Target::Outside("points to an absolute place");
    }
    let mut depth = path.components().count().saturating_sub(1);
    for part in target.split(|byte| *byte == b'/' || *byte == b'\\') {
        match part {
            b"" | b"." => {}
            b".." if depth == 0 => return Target::Outside("leaves the repository"),
            b".." => depth -= 1,
            part if alias::is_git_directory(part) => return Target::Git,
            _ => depth += 1,
        }
    }
    Target::Inside
}

/// Paths below something that is a link, in the base (unless the change takes the link away) or in the change.
pub(super) fn check_parents(
    touches: &[Touch<'_>],
    base: Option<&dyn Tree>,
    found: &mut Vec<Violation>,
) -> Result<(), TreeError> {
    let after: BTreeMap<&[u8], Option<FileMode>> =
        touches.iter().map(|touch| (touch.path.as_bytes(), touch.new)).collect();
    let is_leaf = |mode: FileMode| matches!(mode, FileMode::Symlink | FileMode::Gitlink);
    for touch in touches {
        let bytes = touch.path.as_bytes();
        for at in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at) {
            let parent = &bytes[..at];
            let mode = match after.get(parent) {
                Some(mode) => *mode,
                None => match base {
                    Some(base) => base.entry(&RepoPath::from_bytes(parent))?.map(|entry| entry.mode),
                    None => None,
                },
            };
            let below = RepoPath::from_bytes(parent);
            match mode {
                Some(mode) if is_leaf(mode) => {
                    let message = format!("`{below}` above it is a link or a submodule, and stays one");
                    found.push(breach("write-through-link", touch.path, None, message));
                }
                Some(_) if touch.new.is_some() => {
                    let message = format!("`{below}` above it is a file, and stays one");
                    found.push(breach("path-conflict", touch.path, None, message));
                }
                Some(_) | None => {}
            }
        }
    }
    Ok(())
}
