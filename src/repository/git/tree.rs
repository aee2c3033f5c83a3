//! A git tree behind the [`Tree`] port.

use std::sync::{Arc, OnceLock};

use git2::{ErrorCode, Odb, Oid};

use super::difference::{ChangedFile, Difference};
use super::objects::{RawEntry, parse_tree, to_id, to_oid};
use super::private::Private;
use super::working::WorkingCopy;
use crate::diff::FileMode;
use crate::id::{ObjectId, RepoPath};
use crate::repository::{PathChange, Tree, TreeEntry, TreeError, VcsError};

/// The longest path of a folder that is walked. // 4,096: PATH_MAX on Linux; a made-up tree may nest without end
const PATH_LIMIT: usize = 4096;

/// A tree that a private repository reaches.
pub(super) struct GitTree {
    private: Arc<Private>,
    /// What is asked before git's objects.
    working: Option<WorkingCopy>,
    id: ObjectId,
    root: Oid,
    entries: OnceLock<Arc<[TreeEntry]>>,
}

impl GitTree {
    /// The tree `id`; [`VcsError::BaseGone`] where it cannot be read.
    pub(super) fn open(private: Arc<Private>, id: &ObjectId) -> Result<Self, VcsError> {
        Self::open_near(private, id, None)
    }

    /// As [`GitTree::open`]; what `working` has of the tree is not looked for among git's objects.
    pub(super) fn open_near(
        private: Arc<Private>,
        id: &ObjectId,
        working: Option<WorkingCopy>,
    ) -> Result<Self, VcsError> {
        let tree = Self { private, working, id: id.clone(), root: to_oid(id)?, entries: OnceLock::new() };
        let found =
            tree.private.with(|repo| repo.odb().is_ok_and(|odb| tree.trees(&odb).read(tree.root, b"").is_ok()))?;
        if !found {
            return Err(VcsError::BaseGone { commit: id.clone(), repo: tree.private.source() });
        }
        Ok(tree)
    }

    pub(super) fn root(&self) -> Oid {
        self.root
    }

    pub(super) fn private(&self) -> &Private {
        &self.private
    }

    /// Where trees are read, `odb` after the working copy.
    pub(super) fn trees<'a>(&'a self, odb: &'a Odb<'a>) -> Trees<'a> {
        Trees { odb, working: self.working.as_ref() }
    }

    fn with<R>(&self, work: impl FnOnce(&Odb<'_>) -> Result<R, TreeError>) -> Result<R, TreeError> {
        let unreadable = |error: &dyn std::fmt::Display| TreeError::Unreadable(error.to_string());
        self.private
            .with(|repo| repo.odb().map_err(|error| unreadable(&error.message())).and_then(|odb| work(&odb)))
            .map_err(|error| unreadable(&error))?
    }

    fn oid(entry: &TreeEntry) -> Result<Oid, TreeError> {
        Oid::from_str(entry.id.as_str()).map_err(|error| TreeError::Unreadable(error.message().to_owned()))
    }
}

/// What reading the object of `path` came to.
pub(super) fn read_error(error: &git2::Error, id: Oid, path: &[u8]) -> TreeError {
    match error.code() {
        ErrorCode::NotFound => TreeError::Missing { id: to_id(id), path: RepoPath::from_bytes(path) },
        _ => TreeError::Unreadable(format!("{id}: {}", error.message())),
    }
}

/// Where tree objects are read.
#[derive(Clone, Copy)]
pub(super) struct Trees<'a> {
    odb: &'a Odb<'a>,
    working: Option<&'a WorkingCopy>,
}

impl<'a> Trees<'a> {
    /// Git's objects alone.
    pub(super) fn of(odb: &'a Odb<'a>) -> Self {
        Self { odb, working: None }
    }

    /// The entries of the tree `id`, which lies at `path`.
    pub(super) fn read(self, id: Oid, path: &[u8]) -> Result<Vec<RawEntry>, TreeError> {
        let near =
            self.working.filter(|_| path.len() <= PATH_LIMIT).and_then(|working| parse_tree(working.folder(id)?));
        near.map_or_else(|| read_tree(self.odb, id, path), Ok)
    }
}

/// The entries of the tree `id`, which lies at `path`, from git's objects.
pub(super) fn read_tree(odb: &Odb<'_>, id: Oid, path: &[u8]) -> Result<Vec<RawEntry>, TreeError> {
    if path.len() > PATH_LIMIT {
        return Err(TreeError::Unreadable(format!("{id} lies deeper than {PATH_LIMIT} bytes of path")));
    }
    let object = odb.read(id).map_err(|error| read_error(&error, id, path))?;
    let damaged = || TreeError::Unreadable(format!("{id} is not a tree"));
    if object.kind() != git2::ObjectType::Tree {
        return Err(damaged());
    }
    parse_tree(object.data()).ok_or_else(damaged)
}

/// `folder/name`, or `name` at the top.
pub(super) fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() {
        return name.to_vec();
    }
    [folder, b"/", name].concat()
}

/// Appends every file below the tree `id` at `folder`. A name that no tree may hold is left for the policy to see.
fn list(trees: Trees<'_>, id: Oid, folder: &[u8], found: &mut Vec<TreeEntry>) -> Result<(), TreeError> {
    for entry in trees.read(id, folder)? {
        let path = join(folder, &entry.name);
        if entry.is_directory() {
            list(trees, entry.id, &path, found)?;
        } else {
            found.push(TreeEntry { path: RepoPath::from_bytes(path), mode: entry.mode(), id: to_id(entry.id) });
        }
    }
    Ok(())
}

/// Finds the file or folder at `path` below the tree `root`.
pub(super) fn find(trees: Trees<'_>, root: Oid, path: &RepoPath) -> Result<Option<RawEntry>, TreeError> {
    let mut folder = root;
    let mut walked: Vec<u8> = Vec::new();
    let mut parts = path.components().peekable();
    while let Some(part) = parts.next() {
        let Some(entry) = trees.read(folder, &walked)?.into_iter().find(|entry| entry.name == part) else {
            return Ok(None);
        };
        if parts.peek().is_none() {
            return Ok(Some(entry));
        }
        if !entry.is_directory() {
            return Ok(None);
        }
        folder = entry.id;
        walked = join(&walked, part);
    }
    Ok(None)
}

impl Tree for GitTree {
    fn id(&self) -> &ObjectId {
        &self.id
    }

    fn entries(&self) -> Result<Arc<[TreeEntry]>, TreeError> {
        if let Some(entries) = self.entries.get() {
            return Ok(entries.clone());
        }
        let mut found = Vec::new();
        self.with(|odb| list(self.trees(odb), self.root, b"", &mut found))?;
        // git's own order differs from that of path bytes only where a folder's name is a prefix: nearly sorted
        found.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(self.entries.get_or_init(|| found.into()).clone())
    }

    fn entry(&self, path: &RepoPath) -> Result<Option<TreeEntry>, TreeError> {
        if let Some(entries) = self.entries.get() {
            let at = entries.binary_search_by(|entry| entry.path.cmp(path));
            return Ok(at.ok().map(|at| entries[at].clone()));
        }
        let found = self.with(|odb| find(self.trees(odb), self.root, path))?.filter(|entry| !entry.is_directory());
        Ok(found.map(|entry| TreeEntry { path: path.clone(), mode: entry.mode(), id: to_id(entry.id) }))
    }

    fn store(&self) -> Option<String> {
        Some(self.private.path().to_string_lossy().into_owned())
    }

    fn changed_since(&self, old: &ObjectId) -> Result<Option<Vec<PathChange>>, TreeError> {
        let Ok(old) = to_oid(old) else { return Ok(None) };
        let entry = |file: ChangedFile| {
            let of = |raw: RawEntry| TreeEntry { path: file.path.clone(), mode: raw.mode(), id: to_id(raw.id) };
            (file.path.clone(), file.new.map(of))
        };
        match self.with(|odb| Difference::between(odb, Some(old), Some(self.root))) {
            Ok(difference) => Ok(Some(difference.files.into_iter().map(entry).collect())),
            Err(TreeError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn blob(&self, id: &str) -> Result<Option<Arc<[u8]>>, TreeError> {
        // shorter ones git takes for names of nothing
        let is_id = (4..=40).contains(&id.len()) && id.bytes().all(|digit| digit.is_ascii_hexdigit());
        let Ok(short) = Oid::from_str(id) else { return Ok(None) };
        if !is_id || short.is_zero() {
            return Ok(None);
        }
        self.with(|odb| {
            let found = odb.exists_prefix(short, id.len()).and_then(|id| odb.read(id));
            let blob = found.ok().filter(|object| object.kind() == git2::ObjectType::Blob);
            Ok(blob.map(|object| object.data().into()))
        })
    }

    fn content(&self, entry: &TreeEntry) -> Result<Arc<[u8]>, TreeError> {
        if entry.mode == FileMode::Gitlink {
            return Ok(entry.id.as_str().as_bytes().into());
        }
        let id = Self::oid(entry)?;
        let is_file = matches!(entry.mode, FileMode::Regular | FileMode::Executable);
        let near = self.working.as_ref().filter(|_| is_file).and_then(|working| working.file(&entry.path, id));
        if let Some(content) = near {
            return Ok(content);
        }
        self.with(|odb| match odb.read(id) {
            Ok(object) => Ok(object.data().into()),
            Err(error) => Err(read_error(&error, id, entry.path.as_bytes())),
        })
    }

    fn size(&self, entry: &TreeEntry) -> Result<u64, TreeError> {
        if entry.mode == FileMode::Gitlink {
            return Ok(entry.id.as_str().len() as u64);
        }
        let id = Self::oid(entry)?;
        self.with(|odb| match odb.read_header(id) {
            Ok((size, _)) => Ok(size as u64),
            Err(error) => Err(read_error(&error, id, entry.path.as_bytes())),
        })
    }
}
