//! Version control by libgit2, and by the `git` program only to clone.
//!
//! The user's repository is read and nothing else: not a ref, an object, a worktree record or the index's times.
//! New objects go to a private bare repository ([`private`]); the two exceptions are asked for by a person and say so
//! in their names: [`GitVcs::write_tree_into`] here and `publish_branch` in `publishing`.

mod adopted;
mod attributes;
mod base;
mod blame;
mod checkout;
mod difference;
mod directory;
mod dirty;
mod drift;
mod into_user;
mod kept;
mod log;
mod merging;
mod objects;
mod open;
mod pack;
mod private;
mod program;
mod stamps;
mod tree;
mod user;
mod worked;
mod working;
mod write;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::kept::Kept;
use self::objects::{io_error, new_object, store, to_id, to_oid};
use self::open::{Opened, git_error, open};
use self::private::{Private, Privates};
use self::program::GitProgram;
use self::tree::{GitTree, Trees};
use self::working::WorkingCopy;
use self::write::Aim;
use super::{
    Base, CommitIdentity, Drift, Earlier, GitDirectory, LineOrigin, NewCommit, RepoKey, RepositoryFacts, Snapshot,
    Source, Tree, Vcs, VcsError, WorkCommit, WorkSpec, Worked,
};
use crate::cancel::Cancel;
use crate::diff::ChangeSet;
use crate::id::{Digest, ObjectId, RepoPath};
pub use program::GIT_VARIABLES;

pub(crate) use self::into_user::{BranchPlace, CreateBranchError};

/// Version control by libgit2.
pub struct GitVcs {
    privates: Privates,
    kept: Kept,
    program: GitProgram,
    environment: BTreeMap<OsString, OsString>,
}

/// A tree read straight from the user's repository, with the commit it belongs to.
pub struct UserTree {
    /// What the repository is called, for people.
    pub name: String,
    /// The commit.
    pub commit: ObjectId,
    tree: GitTree,
}

impl UserTree {
    /// The commit's tree.
    #[must_use]
    pub fn tree(&self) -> &dyn Tree {
        &self.tree
    }
}

impl GitVcs {
    /// Private repositories go below `repos`; of `environment` the user's own git sees [`GIT_VARIABLES`].
    #[must_use]
    pub fn new(repos: PathBuf, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        // as git itself does: an object is checked as it is unpacked, its name is `git fsck`'s to check. Hashing again
        // takes 0.17 s of the 0.41 s in which the 14,800 files of deno (71 MB) are read
        git2::opts::strict_hash_verification(false);
        let environment: BTreeMap<_, _> = environment.into_iter().collect();
        Self {
            program: GitProgram::new(&environment),
            privates: Privates::new(repos),
            kept: Kept::default(),
            environment,
        }
    }

    /// The bare directory of a private repository.
    #[must_use]
    pub fn private_path(&self, key: &RepoKey) -> PathBuf {
        self.privates.path(key)
    }

    /// The tree of `rev` (HEAD where it is `None`), read without a private repository: for a look that must leave
    /// nothing anywhere.
    ///
    /// # Errors
    /// [`VcsError`]: no repository, unborn, no such revision.
    pub fn user_tree(&self, source: &Source, rev: Option<&str>) -> Result<UserTree, VcsError> {
        let opened = self.open(source)?;
        let (commit, tree) = into_user::commit_and_tree(&opened, rev)?;
        let private = Arc::new(Private::at(opened.object_home()));
        let name = name_of(source, &opened);
        let tree = GitTree::open_near(private, &to_id(tree), WorkingCopy::of(&opened))?;
        Ok(UserTree { name, commit: to_id(commit), tree })
    }

    /// The id of the tree that `changes` make of `base`, from which their old sides were read; nothing is stored.
    ///
    /// # Errors
    /// As [`Vcs::write_tree`].
    pub fn would_be_tree(&self, base: &UserTree, changes: &ChangeSet) -> Result<ObjectId, VcsError> {
        Ok(to_id(into_user::tree_of_changes(&base.tree, changes, Aim::NameOnRead)?.id))
    }

    /// Stores the tree that `changes` make of `base`, from which their old sides were read, among the objects of the
    /// user's repository, because the person asked for it (`check-patch --write-tree`). No ref, index or file changes.
    ///
    /// # Errors
    /// As [`Vcs::write_tree`].
    pub fn write_tree_into(&self, base: &UserTree, changes: &ChangeSet) -> Result<ObjectId, VcsError> {
        let tree = into_user::tree_of_changes(&base.tree, changes, Aim::StoreOnRead)?;
        into_user::store_missing(&base.tree, tree.objects)?;
        Ok(to_id(tree.id))
    }

    fn open(&self, source: &Source) -> Result<Opened, VcsError> {
        match source {
            Source::Path(path) => open(path.as_path(), self.privates.folder()),
            Source::Url(url) => open(&self.cloned(url)?, self.privates.folder()),
        }
    }

    /// The bare clone of `url`, made where it is missing.
    fn cloned(&self, url: &str) -> Result<PathBuf, VcsError> {
        let path = base::clone_path(self.privates.folder(), url);
        if path.join("HEAD").exists() {
            return Ok(path);
        }
        let folder = self.privates.folder();
        std::fs::create_dir_all(folder).map_err(|cause| io_error("create", folder, cause))?;
        let failed = |cause| io_error("clone into", &path, cause);
        let aside = tempfile::Builder::new().prefix("clone-").tempdir_in(folder).map_err(failed)?;
        let fresh = aside.path().join("clone");
        self.program.clone_bare(url, &fresh)?;
        match std::fs::rename(&fresh, &path) {
            Err(cause) if !path.join("HEAD").exists() => Err(failed(cause)),
            _ => Ok(path),
        }
    }

    fn taken(&self, source: &Source, base: &Base, earlier: Option<Earlier<'_>>) -> Result<Snapshot, VcsError> {
        // without a network the clone as it is serves as well, and says so
        let stale = match source {
            Source::Path(_) => false,
            Source::Url(url) => {
                let path = base::clone_path(self.privates.folder(), url);
                path.join("HEAD").exists() && self.program.fetch(&path).is_err()
            }
        };
        let opened = self.open(source)?;
        // refused before a private repository is made: a refusal leaves nothing behind
        if !matches!(base, Base::Rev(_) | Base::Of(WorkSpec::Range(_))) && opened.head()?.is_none() {
            return Err(VcsError::Unborn(open::shown(&opened.root)));
        }
        let private = self.privates.of(&opened)?;
        let mut snapshot = base::snapshot(&opened, &private, source, (base, earlier), self.privates.folder())?;
        if stale {
            snapshot.notices.push("the address could not be reached: this is the clone as of the last time".to_owned());
        }
        Ok(snapshot)
    }

    /// Where the record of the checkout `into` is kept.
    fn checkout_state(private: &Private, into: &Path) -> PathBuf {
        use std::os::unix::ffi::OsStrExt as _;
        let canonical = into.canonicalize().unwrap_or_else(|_| into.to_owned());
        private.path().join("checkouts").join(Digest::of(canonical.as_os_str().as_bytes()).to_string())
    }
}

/// What people call the repository at `source`.
fn name_of(source: &Source, opened: &Opened) -> String {
    match source {
        Source::Url(url) => base::name_of_url(url),
        Source::Path(_) => opened.name(),
    }
}

/// Where a repository of this machine is, as a snapshot names it.
fn source_root(source: &Source) -> Option<&Path> {
    match source {
        Source::Path(path) => Some(path.as_path()),
        Source::Url(_) => None,
    }
}

impl Vcs for GitVcs {
    fn facts(&self, source: &Source) -> Result<RepositoryFacts, VcsError> {
        let opened = self.open(source)?;
        Ok(RepositoryFacts { name: name_of(source, &opened), ..opened.facts()? })
    }

    fn changed_files(&self, source: &Source) -> Result<u32, VcsError> {
        dirty::count(&self.open(source)?)
    }

    fn snapshot(&self, source: &Source, base: &Base) -> Result<Snapshot, VcsError> {
        self.taken(source, base, None)
    }

    fn named(&self, source: &Source, work: &WorkSpec) -> Result<WorkSpec, VcsError> {
        adopted::named(&self.open(source)?, work)
    }

    fn next_snapshot(&self, source: &Source, work: &WorkSpec, earlier: Earlier<'_>) -> Result<Snapshot, VcsError> {
        self.taken(source, &Base::Of(work.clone()), Some(earlier))
    }

    fn tree(&self, key: &RepoKey, id: &ObjectId) -> Result<Arc<dyn Tree>, VcsError> {
        Ok(Arc::new(GitTree::open(self.privates.get(key)?, id)?))
    }

    fn changes(&self, key: &RepoKey, old: &ObjectId, new: &ObjectId) -> Result<ChangeSet, VcsError> {
        difference::changes(&*self.privates.get(key)?, to_oid(old)?, to_oid(new)?)
    }

    fn commit_facts(&self, key: &RepoKey, commit: &ObjectId) -> Result<(ObjectId, String), VcsError> {
        let private = self.privates.get(key)?;
        let oid = to_oid(commit)?;
        private.with(|repo| match repo.find_commit(oid) {
            Ok(found) => Ok((to_id(found.tree_id()), String::from_utf8_lossy(found.message_raw_bytes()).into_owned())),
            Err(_) => {
                Err(VcsError::NoSuchRevision { rev: commit.to_string(), repo: private.source(), near: Vec::new() })
            }
        })?
    }

    fn commits_between(
        &self,
        key: &RepoKey,
        base: &ObjectId,
        tip: &ObjectId,
        most: usize,
    ) -> Result<Vec<WorkCommit>, VcsError> {
        log::between(&*self.privates.get(key)?, to_oid(base)?, to_oid(tip)?, most)
    }

    fn write_tree(&self, key: &RepoKey, base: &ObjectId, changes: &ChangeSet) -> Result<ObjectId, VcsError> {
        let private = self.privates.get(key)?;
        let base = to_oid(base)?;
        let tree = private.with(|repo| {
            let odb = repo.odb().map_err(|error| git_error("open objects", &error))?;
            write::new_tree(Trees::of(&odb), base, changes, Aim::Store)
        })??;
        store(&private.objects(), tree.objects)?;
        Ok(to_id(tree.id))
    }

    fn commit(&self, key: &RepoKey, commit: &NewCommit) -> Result<ObjectId, VcsError> {
        let private = self.privates.get(key)?;
        let (tree, parent) = (to_oid(&commit.tree)?, to_oid(&commit.parent)?);
        let bytes = private.with(|repo| {
            base::commit_bytes(repo, tree, parent, &commit.message, &commit.author, commit.at.seconds())
        })??;
        let object = new_object(git2::ObjectType::Commit, bytes.into());
        let id = object.id;
        store(&private.objects(), vec![object])?;
        private.with(|repo| match repo.find_reference(&commit.reference) {
            Ok(found) if found.target() == Some(id) => Ok(to_id(id)),
            Ok(_) => Err(VcsError::RefTaken { reference: commit.reference.clone() }),
            Err(_) => {
                let made = repo.reference(&commit.reference, id, false, "paraph: version");
                made.map(|_| to_id(id)).map_err(|error| git_error("update-ref", &error))
            }
        })?
    }

    fn checkout(&self, key: &RepoKey, tree: &ObjectId, into: &Path, cancel: &Cancel) -> Result<(), VcsError> {
        let private = self.privates.get(key)?;
        let entries = GitTree::open(private.clone(), tree)?.entries()?;
        checkout::checkout(&private, &entries, into, &Self::checkout_state(&private, into), cancel)
    }

    fn git_directory(&self, key: &RepoKey, asked: &GitDirectory<'_>, into: &Path) -> Result<(), VcsError> {
        let private = self.privates.get(key)?;
        let entries = GitTree::open(private.clone(), asked.tree)?.entries()?;
        directory::make(&private, &entries, asked, into)
    }

    fn remove_checkout(&self, key: &RepoKey, into: &Path) -> Result<(), VcsError> {
        let private = self.privates.get(key)?;
        checkout::remove_checkout(into, &Self::checkout_state(&private, into))
    }

    fn worked(&self, key: &RepoKey, base: &ObjectId, from: &Path, cancel: &Cancel) -> Result<Worked, VcsError> {
        let private = self.privates.get(key)?;
        let tree = GitTree::open(private.clone(), base)?;
        let stamps = stamps::Stamps::read(&Self::checkout_state(&private, from));
        worked::worked(&tree, from, stamps.as_ref(), private.path(), cancel)
    }

    fn drift(&self, snapshot: &Snapshot, tree: &ObjectId) -> Result<Drift, VcsError> {
        let root = source_root(&snapshot.source);
        let opened = match root.and_then(|root| self.kept.take(root)) {
            Some(opened) => opened,
            None => self.open(&snapshot.source)?,
        };
        let drift = drift::drift(&opened, || self.privates.of(&opened), snapshot, tree)?;
        if let Some(root) = root {
            self.kept.keep(root, opened);
        }
        Ok(drift)
    }

    fn stands_still(&self, snapshot: &Snapshot) -> bool {
        let Some(root) = source_root(&snapshot.source) else { return false };
        let Some(opened) = self.kept.take(root) else { return false };
        let still = drift::stands_still(&opened, snapshot).unwrap_or(false);
        self.kept.keep(root, opened);
        still
    }

    fn blame(
        &self,
        key: &RepoKey,
        commit: &ObjectId,
        path: &RepoPath,
        line: u32,
        cancel: &Cancel,
    ) -> Result<LineOrigin, VcsError> {
        let program = self.environment.get(std::ffi::OsStr::new("PATH")).cloned().unwrap_or_default();
        blame::line(&program, self.privates.get(key)?.path(), commit, (path, line), cancel)
    }

    fn user(&self) -> Option<CommitIdentity> {
        user::user(&self.environment)
    }
}
