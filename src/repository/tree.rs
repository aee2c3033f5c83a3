//! A tree of files as git has it: read by path, never through a working directory.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diff::{FileMode, FileSide};
use crate::id::{ObjectId, RepoPath};

/// One file of a tree (never a directory).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Where.
    pub path: RepoPath,
    /// Kind and permission.
    pub mode: FileMode,
    /// The blob's id (for a submodule its commit's): a key for caches.
    pub id: ObjectId,
}

/// A path whose file differs between two trees, and what is there in the newer one: nothing where it was deleted.
pub type PathChange = (RepoPath, Option<TreeEntry>);

/// Why a tree could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// An object that the tree names is not there: pruned, a partial clone, or damage.
    #[error("object {id} of `{path}` is missing")]
    Missing {
        /// The object.
        id: ObjectId,
        /// The file that needs it.
        path: RepoPath,
    },
    /// Git's objects could not be read.
    #[error("cannot read git objects: {0}")]
    Unreadable(String),
}

/// An immutable tree. Reading is safe from many threads at once.
pub trait Tree: Send + Sync {
    /// The tree's id.
    fn id(&self) -> &ObjectId;

    /// Every file, in the order of the bytes of its path. Cheap to call again: kept after the first call.
    ///
    /// # Errors
    /// [`TreeError`] where a tree object is missing or damaged.
    fn entries(&self) -> Result<Arc<[TreeEntry]>, TreeError>;

    /// The file at `path`, without its content.
    ///
    /// # Errors
    /// [`TreeError`] where a tree object on the way is missing or damaged.
    fn entry(&self, path: &RepoPath) -> Result<Option<TreeEntry>, TreeError>;

    /// The content of an entry of this tree, as git's object has it. A submodule's content is its commit's hex id.
    ///
    /// # Errors
    /// [`TreeError::Missing`] where the blob is not there.
    fn content(&self, entry: &TreeEntry) -> Result<Arc<[u8]>, TreeError>;

    /// The size of an entry's content in bytes, without reading it where the store can tell.
    ///
    /// # Errors
    /// [`TreeError::Missing`] where the blob is not there.
    fn size(&self, entry: &TreeEntry) -> Result<u64, TreeError>;

    /// Names the store that it lies in, where [`Tree::changed_since`] can be asked: trees of one store are often alike.
    fn store(&self) -> Option<String> {
        None
    }

    /// The paths of files that differ from the tree `old` of the same store, with what is there in this one, found
    /// without a look at what is the same; `None` where `old` is not there.
    ///
    /// # Errors
    /// [`TreeError`] where a tree object is damaged.
    fn changed_since(&self, _old: &ObjectId) -> Result<Option<Vec<PathChange>>, TreeError> {
        Ok(None)
    }

    /// The content of a blob of the store that this tree lies in, whether the tree names it or not; `id` may be short.
    /// `None` where there is no such blob, more than one, or no store to ask.
    ///
    /// # Errors
    /// [`TreeError`] where the store is damaged.
    fn blob(&self, _id: &str) -> Result<Option<Arc<[u8]>>, TreeError> {
        Ok(None)
    }

    /// Mode and content at `path`.
    ///
    /// # Errors
    /// As [`Tree::entry`] and [`Tree::content`].
    fn side(&self, path: &RepoPath) -> Result<Option<FileSide>, TreeError> {
        let Some(entry) = self.entry(path)? else { return Ok(None) };
        Ok(Some(FileSide { mode: entry.mode, content: self.content(&entry)? }))
    }
}

/// A tree in memory: for tests, and for trees that were never written.
#[derive(Debug, Clone)]
pub struct MemoryTree {
    id: ObjectId,
    files: BTreeMap<RepoPath, FileSide>,
}

impl MemoryTree {
    /// A tree of these files; its id is made from their digests.
    #[must_use]
    pub fn new<P: Into<RepoPath>>(files: impl IntoIterator<Item = (P, FileSide)>) -> Self {
        let files: BTreeMap<_, _> = files.into_iter().map(|(path, side)| (path.into(), side)).collect();
        let named: Vec<String> = files.iter().map(|(path, side)| format!("{path} {}", side.digest())).collect();
        Self { id: Self::object_id(named.join("\n").as_bytes()), files }
    }

    fn object_id(bytes: &[u8]) -> ObjectId {
        crate::id::Digest::of(bytes).to_string()[..40].parse().expect("forty hex digits")
    }

    fn to_entry(path: &RepoPath, side: &FileSide) -> TreeEntry {
        TreeEntry { path: path.clone(), mode: side.mode, id: Self::object_id(&side.content) }
    }
}

impl Tree for MemoryTree {
    fn id(&self) -> &ObjectId {
        &self.id
    }

    fn entries(&self) -> Result<Arc<[TreeEntry]>, TreeError> {
        Ok(self.files.iter().map(|(path, side)| Self::to_entry(path, side)).collect())
    }

    fn entry(&self, path: &RepoPath) -> Result<Option<TreeEntry>, TreeError> {
        Ok(self.files.get(path).map(|side| Self::to_entry(path, side)))
    }

    fn content(&self, entry: &TreeEntry) -> Result<Arc<[u8]>, TreeError> {
        let missing = || TreeError::Missing { id: entry.id.clone(), path: entry.path.clone() };
        self.files.get(&entry.path).map(|side| side.content.clone()).ok_or_else(missing)
    }

    fn size(&self, entry: &TreeEntry) -> Result<u64, TreeError> {
        Ok(self.content(entry)?.len() as u64)
    }
}
