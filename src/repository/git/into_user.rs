//! The only code of this module that writes to the user's repository: objects that a person asked for, and the
//! branch that the write gate allows. Never HEAD, index, configuration or a file; no hook runs.

use std::path::{Path, PathBuf};

use git2::{OdbLookupFlags, Oid, Repository};

use super::base::commit_bytes;
use super::difference::{copy_new, read_object};
use super::objects::{new_object, store, to_id, to_oid};
use super::open::{Opened, git_error, open, shown};
use super::pack::NewObject;
use super::tree::GitTree;
use super::write::{Aim, NewTree, new_tree};
use crate::diff::ChangeSet;
use crate::id::{HostPath, ObjectId};
use crate::repository::{NewCommit, VcsError};

/// The commit that `rev` (or HEAD) names, and its tree.
pub(super) fn commit_and_tree(opened: &Opened, rev: Option<&str>) -> Result<(Oid, Oid), VcsError> {
    let commit = match rev {
        None => opened.head()?.ok_or_else(|| VcsError::Unborn(shown(&opened.root)))?,
        Some(rev) => {
            let found = opened.repo.revparse_single(rev).and_then(|object| object.peel_to_commit());
            let no_such =
                |_| VcsError::NoSuchRevision { rev: rev.to_owned(), repo: shown(&opened.root), near: Vec::new() };
            found.map_err(no_such)?.id()
        }
    };
    let tree = opened.repo.find_commit(commit).map_err(|error| git_error("read commit", &error))?.tree_id();
    Ok((commit, tree))
}

/// The tree that `changes` make of `base`, not stored. Their old sides must have been read from it.
pub(super) fn tree_of_changes(base: &GitTree, changes: &ChangeSet, aim: Aim) -> Result<NewTree, VcsError> {
    base.private().with(|repo| {
        let odb = repo.odb().map_err(|error| git_error("open objects", &error))?;
        new_tree(base.trees(&odb), base.root(), changes, aim)
    })?
}

/// Stores those of `objects` that the repository of `base` lacks.
pub(super) fn store_missing(base: &GitTree, objects: Vec<NewObject>) -> Result<(), VcsError> {
    let missing = base.private().with(|repo| -> Result<Vec<NewObject>, VcsError> {
        let odb = repo.odb().map_err(|error| git_error("open objects", &error))?;
        // libgit2 lists the folders again for every object that it does not find: once is enough for all
        odb.refresh().map_err(|error| git_error("open objects", &error))?;
        let there = |object: &NewObject| odb.exists_ext(object.id, OdbLookupFlags::NO_REFRESH);
        Ok(objects.into_iter().filter(|object| !there(object)).collect())
    })??;
    store(&base.private().objects(), missing)
}

/// A repository of the user in which a branch is about to be made.
pub(crate) struct BranchPlace {
    opened: Opened,
    private: PathBuf,
}

/// Why a branch could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreateBranchError {
    /// A branch of that name is there and is another commit.
    #[error("branch `{branch}` is there already, at {commit}")]
    Taken {
        /// The branch, without `refs/heads/`.
        branch: String,
        /// What it names.
        commit: ObjectId,
    },
    /// The place cannot be written: permissions, or a read-only file system.
    #[error("the repository cannot be written")]
    ReadOnly,
    /// Version control refused.
    #[error(transparent)]
    Vcs(VcsError),
}

impl From<VcsError> for CreateBranchError {
    fn from(error: VcsError) -> Self {
        use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        match error {
            VcsError::Io { cause, .. } if matches!(cause.kind(), PermissionDenied | ReadOnlyFilesystem) => {
                Self::ReadOnly
            }
            error => Self::Vcs(error),
        }
    }
}

impl BranchPlace {
    /// Opens the repository at `path`; its private repository is at `private`.
    pub(crate) fn open(path: &HostPath, private: &Path) -> Result<Self, VcsError> {
        let views = private.parent().unwrap_or(private);
        Ok(Self { opened: open(path.as_path(), views)?, private: private.to_owned() })
    }

    /// Copies what `commit.tree` adds to its parent from the private repository, makes the commit and the branch. True where the branch was there already with this very commit.
    pub(crate) fn create(&self, commit: &NewCommit) -> Result<(ObjectId, bool), CreateBranchError> {
        let user = &self.opened.repo;
        let (tree, parent) = (to_oid(&commit.tree)?, to_oid(&commit.parent)?);
        let source = Repository::open_bare(&self.private).map_err(|error| git_error("open", &error))?;
        let bytes = commit_bytes(&source, tree, parent, &commit.message, &commit.author, commit.at.seconds())?;
        let object = new_object(git2::ObjectType::Commit, bytes.into());
        let id = object.id;
        if self.existing(commit, id)? {
            return Ok((to_id(id), true));
        }
        self.copy(&source, tree, parent)?;
        store(&self.opened.common.join("objects"), vec![object])?;
        let log = format!("paraph: publish {}", commit.reference);
        match user.reference(&commit.reference, id, false, &log) {
            Ok(_) => Ok((to_id(id), false)),
            // somebody made it between the look and the act
            Err(error) if error.code() == git2::ErrorCode::Exists => Ok((to_id(id), self.existing(commit, id)?)),
            Err(error) if error.class() == git2::ErrorClass::Os => Err(CreateBranchError::ReadOnly),
            Err(error) => Err(git_error("branch", &error).into()),
        }
    }

    /// Whether the branch is there with `id`; an error where it is there with another commit.
    fn existing(&self, commit: &NewCommit, id: Oid) -> Result<bool, CreateBranchError> {
        let Ok(found) = self.opened.repo.find_reference(&commit.reference) else { return Ok(false) };
        let target = found.resolve().ok().and_then(|found| found.target());
        match target {
            Some(target) if target == id => Ok(true),
            target => Err(CreateBranchError::Taken {
                branch: commit.reference.trim_start_matches("refs/heads/").to_owned(),
                commit: to_id(target.unwrap_or(Oid::ZERO_SHA1)),
            }),
        }
    }

    /// Copies the objects that the user's repository lacks: of the tree, and of a parent that was made of
    /// uncommitted work and is in the private repository only.
    fn copy(&self, source: &Repository, tree: Oid, parent: Oid) -> Result<(), VcsError> {
        let gone = |_| VcsError::BaseGone { commit: to_id(parent), repo: shown(&self.opened.root) };
        let failed = |error: git2::Error| git_error("open objects", &error);
        let (from, user) = (source.odb().map_err(failed)?, self.opened.repo.odb().map_err(failed)?);
        let objects = self.opened.common.join("objects");
        let there = |id| user.exists(id);
        let base = source.find_commit(parent).map_err(gone)?;
        if !there(parent) {
            let before = base.parent(0).map_err(gone)?;
            if !there(before.id()) {
                return Err(VcsError::BaseGone { commit: to_id(before.id()), repo: shown(&self.opened.root) });
            }
            copy_new(&from, Some(before.tree_id()), base.tree_id(), &objects, there)?;
            store(&objects, vec![read_object(&from, parent, b"")?])?;
        }
        copy_new(&from, Some(base.tree_id()), tree, &objects, there)
    }
}
