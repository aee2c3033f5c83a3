//! Names that would be one file on a forgiving file system, or a file and a folder at once, in the result.

use std::collections::{BTreeSet, HashMap};

use super::rules::breach;
use super::{Touch, Violation, alias};
use crate::id::RepoPath;
use crate::repository::{Tree, TreeError};

/// Collisions of what the change adds with the rest of the result. Only added paths are blamed: a pair that the
/// base already holds is not this change's doing.
pub(super) fn check(
    touches: &[Touch<'_>],
    base: Option<&dyn Tree>,
    found: &mut Vec<Violation>,
) -> Result<(), TreeError> {
    let entries = base.map(|base| base.entries()).transpose()?;
    let entries = entries.as_deref().unwrap_or(&[]);
    let in_base = |path: &RepoPath| entries.binary_search_by(|entry| entry.path.cmp(path)).is_ok();
    let added: Vec<&RepoPath> =
        touches.iter().filter(|touch| touch.new.is_some() && !in_base(touch.path)).map(|touch| touch.path).collect();
    if added.is_empty() {
        return Ok(());
    }
    let gone: BTreeSet<&RepoPath> =
        touches.iter().filter(|touch| touch.new.is_none()).map(|touch| touch.path).collect();
    let kept = entries.iter().map(|entry| &entry.path).filter(|path| !gone.contains(path));
    let wanted: BTreeSet<Vec<u8>> = added.iter().flat_map(|path| prefixes(path.as_bytes())).map(alias::fold).collect();
    let names = Names::of(kept.chain(added.iter().copied()), &wanted);
    for path in added {
        names.judge(path, found);
    }
    Ok(())
}

/// Every folder above a path, and the path itself.
fn prefixes(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    ends.chain([bytes.len()]).map(|end| &bytes[..end])
}

/// The spellings that the result has for each fold that matters, and what is a file, what a folder.
struct Names<'a> {
    spellings: HashMap<Vec<u8>, BTreeSet<&'a [u8]>>,
    folders: BTreeSet<&'a [u8]>,
}

impl<'a> Names<'a> {
    fn of(paths: impl Iterator<Item = &'a RepoPath>, wanted: &BTreeSet<Vec<u8>>) -> Self {
        let mut names = Self { spellings: HashMap::new(), folders: BTreeSet::new() };
        let mut last_folder: &[u8] = &[];
        for path in paths {
            let bytes = path.as_bytes();
            let folder = bytes.iter().rposition(|byte| *byte == b'/').map_or(&bytes[..0], |at| &bytes[..at]);
            // neighbours share their folder: fold it once
            let from = if folder == last_folder && !folder.is_empty() { folder.len() + 1 } else { 0 };
            last_folder = folder;
            for prefix in prefixes(bytes).filter(|prefix| prefix.len() >= from) {
                let fold = alias::fold(prefix);
                if wanted.contains(&fold) {
                    names.spellings.entry(fold).or_default().insert(prefix);
                    if prefix.len() < bytes.len() {
                        names.folders.insert(prefix);
                    }
                }
            }
        }
        names
    }

    fn judge(&self, path: &RepoPath, found: &mut Vec<Violation>) {
        let bytes = path.as_bytes();
        if self.folders.contains(bytes) {
            found.push(breach("path-conflict", path, None, "a folder of that name stays in the result"));
        }
        for prefix in prefixes(bytes) {
            let twin = self.spellings.get(&alias::fold(prefix)).and_then(|all| all.iter().find(|one| **one != prefix));
            if let Some(twin) = twin {
                let (one, other) = (RepoPath::from_bytes(prefix), RepoPath::from_bytes(*twin));
                let message = format!("`{one}` and `{other}` are one name where case or Unicode form does not count");
                found.push(breach("path-collision", path, None, message));
                return;
            }
        }
    }
}
