//! A tree with changes on it that no store holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Tree, TreeEntry, TreeError};
use crate::diff::FileSide;
use crate::id::{Digest, ObjectId, RepoPath};

/// A base and what lies over it. Its id is the base's; entries that lie over it are named by their digests.
pub struct OverlayTree<'a> {
    base: &'a dyn Tree,
    over: &'a BTreeMap<RepoPath, Option<FileSide>>,
}

impl<'a> OverlayTree<'a> {
    /// `over` on `base`: what is `None` there is gone.
    #[must_use]
    pub fn new(base: &'a dyn Tree, over: &'a BTreeMap<RepoPath, Option<FileSide>>) -> Self {
        Self { base, over }
    }

    fn to_entry(path: &RepoPath, side: &FileSide) -> TreeEntry {
        let id = Digest::of(&side.content).to_string()[..40].parse().expect("forty hex digits");
        TreeEntry { path: path.clone(), mode: side.mode, id }
    }
}

impl Tree for OverlayTree<'_> {
    fn id(&self) -> &ObjectId {
        self.base.id()
    }

    fn entries(&self) -> Result<Arc<[TreeEntry]>, TreeError> {
        let base = self.base.entries()?;
        let mut all: Vec<TreeEntry> =
            base.iter().filter(|entry| !self.over.contains_key(&entry.path)).cloned().collect();
        all.extend(self.over.iter().filter_map(|(path, side)| Some(Self::to_entry(path, side.as_ref()?))));
        all.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(all.into())
    }

    fn entry(&self, path: &RepoPath) -> Result<Option<TreeEntry>, TreeError> {
        match self.over.get(path) {
            Some(side) => Ok(side.as_ref().map(|side| Self::to_entry(path, side))),
            None => self.base.entry(path),
        }
    }

    fn content(&self, entry: &TreeEntry) -> Result<Arc<[u8]>, TreeError> {
        match self.over.get(&entry.path) {
            Some(Some(side)) => Ok(side.content.clone()),
            Some(None) => Err(TreeError::Missing { id: entry.id.clone(), path: entry.path.clone() }),
            None => self.base.content(entry),
        }
    }

    fn size(&self, entry: &TreeEntry) -> Result<u64, TreeError> {
        match self.over.get(&entry.path) {
            Some(_) => Ok(self.content(entry)?.len() as u64),
            None => self.base.size(entry),
        }
    }

    fn blob(&self, id: &str) -> Result<Option<Arc<[u8]>>, TreeError> {
        self.base.blob(id)
    }
}
