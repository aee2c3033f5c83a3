//! Links, submodules and modes; and writes that would go through a link of the base.

use std::collections::{BTreeMap, HashMap};

use super::rules::breach;
use super::{Touch, Violation, alias, names};
use crate::diff::FileMode;
use crate::id::RepoPath;
use crate::repository::{Tree, TreeError};

/// The most bytes of a link's target; no system follows a longer one.
const LONGEST_TARGET: usize = 4096;
/// The most links that are followed one after the other, as systems do.
const MOST_LINKS: usize = 40;

/// What is there once the change is made: the base with the change over it.
pub(super) struct After<'a> {
    changed: BTreeMap<&'a [u8], &'a Touch<'a>>,
    base: Option<&'a dyn Tree>,
}

impl<'a> After<'a> {
    pub(super) fn new(touches: &'a [Touch<'a>], base: Option<&'a dyn Tree>) -> Self {
        Self { changed: touches.iter().map(|touch| (touch.path.as_bytes(), touch)).collect(), base }
    }

    fn mode(&self, path: &[u8]) -> Result<Option<FileMode>, TreeError> {
        match (self.changed.get(path), self.base) {
            (Some(touch), _) => Ok(touch.new),
            (None, Some(base)) => Ok(base.entry(&RepoPath::from_bytes(path))?.map(|entry| entry.mode)),
            (None, None) => Ok(None),
        }
    }

    /// Where the link at `path` points; `None` where that is not known.
    fn target(&self, path: &[u8]) -> Result<Option<Vec<u8>>, TreeError> {
        match (self.changed.get(path), self.base) {
            (Some(touch), _) => Ok(touch.target.map(<[u8]>::to_vec)),
            (None, Some(base)) => Ok(base.side(&RepoPath::from_bytes(path))?.map(|side| side.content[..].to_vec())),
            (None, None) => Ok(None),
        }
    }
}

/// What the new mode of one touch breaks.
pub(super) fn check_mode(touch: &Touch<'_>, after: &After<'_>, found: &mut Vec<Violation>) -> Result<(), TreeError> {
    let mut say = |id: &str, message: String| found.push(breach(id, touch.path, None, message));
    if touch.old == Some(FileMode::Gitlink) && touch.new != Some(FileMode::Gitlink) {
        say("gitlink-removed", "a submodule is taken out".into());
    }
    match touch.new {
        Some(FileMode::Other(bits)) => say("odd-mode", format!("the mode {bits:06o} is none that git stores")),
        Some(FileMode::Gitlink) => say("gitlink", "a submodule is added or moved to another commit".into()),
        Some(FileMode::Symlink) => link(touch, after, &mut say)?,
        Some(FileMode::Executable) if touch.old == Some(FileMode::Regular) => {
            say("exec-bit", "the file becomes executable".into());
        }
        Some(FileMode::Regular | FileMode::Executable) | None => {}
    }
    Ok(())
}

fn link(touch: &Touch<'_>, after: &After<'_>, say: &mut dyn FnMut(&str, String)) -> Result<(), TreeError> {
    // below a folder of such a name git has no links either
    if touch.path.components().any(special) {
        say("link-escapes", "git's own files must not be links, and have none below them".into());
        return Ok(());
    }
    let Some(target) = touch.target else {
        say("link-escapes", "a new link whose target is not known".into());
        return Ok(());
    };
    match resolve(touch.path, target) {
        Target::Outside(why) => say("link-escapes", format!("the link {why}")),
        Target::Git => say("link-escapes", "the link points into the git directory".into()),
        Target::Inside(place) => match through(place, after)? {
            Some(why) => say("link-escapes", why),
            None if touch.old == Some(FileMode::Symlink) => say("link-added", "a link points elsewhere now".into()),
            None => say("link-added", "a new link".into()),
        },
    }
    Ok(())
}

/// What speaks against a link to `place`: a link on the way there, or one at its end that leads out itself.
fn through(mut place: Vec<u8>, after: &After<'_>) -> Result<Option<String>, TreeError> {
    for _ in 0..MOST_LINKS {
        if memchr::memchr_iter(b'/', &place).count() > names::DEEPEST {
            return Ok(Some(format!("the link leads more than {} folders deep", names::DEEPEST)));
        }
        for at in memchr::memchr_iter(b'/', &place) {
            if after.mode(&place[..at])? == Some(FileMode::Symlink) {
                let other = RepoPath::from_bytes(&place[..at]);
                return Ok(Some(format!("the link goes through another one, `{other}`")));
            }
        }
        if place.is_empty() || after.mode(&place)? != Some(FileMode::Symlink) {
            return Ok(None);
        }
        let path = RepoPath::from_bytes(&place[..]);
        let Some(target) = after.target(&place)? else {
            return Ok(Some(format!("the link points to another one, `{path}`, whose target is not known")));
        };
        match resolve(&path, &target) {
            Target::Inside(next) => place = next,
            Target::Outside(why) => {
                return Ok(Some(format!("the link points to another one, `{path}`, which {why}")));
            }
            Target::Git => {
                return Ok(Some(format!(
                    "the link points to another one, `{path}`, which points into the git directory"
                )));
            }
        }
    }
    Ok(Some(format!("the link leads through more than {MOST_LINKS} others")))
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
    /// The place from the top of the repository, as far as names alone tell.
    Inside(Vec<u8>),
}

/// Where `target` leads from the link at `path`. Only `..` in front of every name are taken: a name may be a link,
/// now or later, and what `..` after it means is then its to say.
fn resolve(path: &RepoPath, target: &[u8]) -> Target {
    if target.is_empty() {
        return Target::Outside("has an empty target");
    }
    if target.contains(&0) {
        return Target::Outside("has a NUL in its target");
    }
    if target.len() > LONGEST_TARGET {
        return Target::Outside("has a target that is too long to follow");
    }
    let drive = matches!(target, [letter, b':', ..] if letter.is_ascii_alphabetic());
    if matches!(target[0], b'/' | b'\\' | b'~') || drive {
        return Target::Outside("points to an absolute place");
    }
    let mut place: Vec<&[u8]> = path.components().collect();
    place.pop();
    let mut named = false;
    for part in target.split(|byte| *byte == b'/' || *byte == b'\\') {
        match part {
            b"" | b"." => {}
            b".." if named => return Target::Outside("goes up again after a name, which may be a link"),
            b".." if place.is_empty() => return Target::Outside("leaves the repository"),
            b".." => {
                place.pop();
            }
            part if alias::is_git_directory(part) => return Target::Git,
            part => {
                named = true;
                place.push(part);
            }
        }
    }
    Target::Inside(place.join(&b'/'))
}

/// Paths below something that is a link, in the base (unless the change takes the link away) or in the change.
pub(super) fn check_parents(
    touches: &[Touch<'_>],
    base: Option<&dyn Tree>,
    found: &mut Vec<Violation>,
) -> Result<(), TreeError> {
    let after = After::new(touches, base);
    let is_leaf = |mode: FileMode| matches!(mode, FileMode::Symlink | FileMode::Gitlink);
    // folders have many files: each is looked up once
    let mut known: HashMap<&[u8], Option<FileMode>> = HashMap::new();
    for touch in touches {
        let bytes = touch.path.as_bytes();
        for at in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at) {
            let parent = &bytes[..at];
            let mode = match known.get(parent) {
                Some(mode) => *mode,
                None => *known.entry(parent).or_insert(after.mode(parent)?),
            };
            let Some(mode) = mode else { continue };
            let below = RepoPath::from_bytes(parent);
            match mode {
                mode if is_leaf(mode) => {
                    let message = format!("`{below}` above it is a link or a submodule, and stays one");
                    found.push(breach("write-through-link", touch.path, None, message));
                }
                _ if touch.new.is_some() => {
                    let message = format!("`{below}` above it is a file, and stays one");
                    found.push(breach("path-conflict", touch.path, None, message));
                }
                _ => {}
            }
        }
    }
    Ok(())
}
