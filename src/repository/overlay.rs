//! A tree with a change on top of it that was never written: what a version left, for whoever goes on from it.

use std::sync::Arc;

use super::{Tree, TreeEntry, TreeError};
use crate::diff::{ChangeSet, FileChange, FileSide, ObjectFormat, blob_id};
use crate::id::{ObjectId, RepoPath};

/// `base` as `changes` leave it.
#[derive(Clone)]
pub struct OverlayTree {
    base: Arc<dyn Tree>,
    changes: Arc<ChangeSet>,
}

impl OverlayTree {
    /// The tree that `changes` make of `base`. Its id is the base's: it has none of its own before it is written.
    #[must_use]
    pub fn new(base: Arc<dyn Tree>, changes: Arc<ChangeSet>) -> Self {
        Self { base, changes }
    }
}

fn entry_of(file: &FileChange) -> Option<TreeEntry> {
    let side = file.new.as_ref()?;
    let id = blob_id(&side.content, ObjectFormat::Sha1).parse().expect("a blob's id is an object's");
    Some(TreeEntry { path: file.path.clone(), mode: side.mode, id })
}

impl Tree for OverlayTree {
    fn id(&self) -> &ObjectId {
        self.base.id()
    }

    fn entries(&self) -> Result<Arc<[TreeEntry]>, TreeError> {
        let base = self.base.entries()?;
        let untouched = base.iter().filter(|entry| self.changes.get(&entry.path).is_none()).cloned();
        let mut entries: Vec<TreeEntry> = untouched.chain(self.changes.files().iter().filter_map(entry_of)).collect();
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(entries.into())
    }

    fn entry(&self, path: &RepoPath) -> Result<Option<TreeEntry>, TreeError> {
        match self.changes.get(path) {
            Some(file) => Ok(entry_of(file)),
            None => self.base.entry(path),
        }
    }

    fn content(&self, entry: &TreeEntry) -> Result<Arc<[u8]>, TreeError> {
        match self.changes.get(&entry.path) {
            Some(FileChange { new: Some(FileSide { content, .. }), .. }) => Ok(content.clone()),
            Some(_) => Err(TreeError::Missing { id: entry.id.clone(), path: entry.path.clone() }),
            None => self.base.content(entry),
        }
    }

    fn size(&self, entry: &TreeEntry) -> Result<u64, TreeError> {
        match self.changes.get(&entry.path) {
            Some(_) => Ok(self.content(entry)?.len() as u64),
            None => self.base.size(entry),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::MemoryTree;

    #[test]
    fn what_changed_lies_above_what_did_not() {
        let side = |text: &str| FileSide::regular(text.as_bytes());
        let base = MemoryTree::new([("a", side("old")), ("b", side("gone")), ("c", side("same"))]);
        let change = |path: &str, old: Option<&str>, new: Option<&str>| FileChange {
            path: path.into(),
            old: old.map(side),
            new: new.map(side),
        };
        let changes = ChangeSet::new([
            change("a", Some("old"), Some("new")),
            change("b", Some("gone"), None),
            change("d/e", None, Some("more")),
        ]);
        let tree = OverlayTree::new(Arc::new(base), Arc::new(changes));
        let paths: Vec<String> = tree.entries().expect("reads").iter().map(|entry| entry.path.to_string()).collect();
        assert_eq!(paths, ["a", "c", "d/e"]);
        let text = |path: &str| {
            let side = tree.side(&path.into()).expect("reads")?;
            Some(String::from_utf8(side.content.to_vec()).expect("text"))
        };
        assert_eq!(text("a").as_deref(), Some("new"));
        assert_eq!(text("b"), None);
        assert_eq!(text("c").as_deref(), Some("same"));
        assert_eq!(text("d/e").as_deref(), Some("more"));
    }
}
