//! The port to version control.

use std::path::Path;
use std::sync::Arc;

use super::{Base, Earlier, RepoKey, RepositoryFacts, Snapshot, Source, Tree, TreeError, WorkSpec};
use crate::cancel::Cancel;
use crate::clock::Timestamp;
use crate::diff::ChangeSet;
use crate::id::{ObjectId, RepoPath};
use crate::text::shell_word;

/// Why version control could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum VcsError {
    /// There is no repository at that place.
    #[error("`{0}` is not inside a git repository")]
    NotARepository(String),
    /// There is one, but it is not a worktree of the repository that was named.
    #[error("`{path}` is a repository of its own, not a worktree of `{repo}`")]
    NotAWorktree {
        /// The folder.
        path: String,
        /// The repository.
        repo: String,
    },
    /// There is one, but it has no commit to start from.
    #[error("`{0}` has no commit yet")]
    Unborn(String),
    /// It is of a kind that cannot be read here (SHA-256 objects, reftable).
    #[error("`{path}` uses {what}, which this build cannot read")]
    Unsupported {
        /// The repository.
        path: String,
        /// What it uses.
        what: String,
    },
    /// The repository belongs to somebody else and git was not told to trust it.
    #[error("`{0}` is owned by another user")]
    OtherOwner(String),
    /// No such revision.
    #[error("`{rev}` names no commit in `{repo}`{}", meant(near))]
    NoSuchRevision {
        /// The revision as asked.
        rev: String,
        /// The repository.
        repo: String,
        /// Branches of that name in remotes, as they are typed.
        near: Vec<String>,
    },
    /// Two revisions have no history in common: there is nothing to compare the one with.
    #[error("`{one}` and `{other}` have no commit in common in `{repo}`")]
    Unrelated {
        /// What the work is compared with.
        one: String,
        /// The work.
        other: String,
        /// The repository.
        repo: String,
        /// Whether the history is cut, and may be in common further back.
        shallow: bool,
    },
    /// The work belongs to what was checked out when it was adopted, and something else is now.
    #[error("{work} was adopted on {then}, and `{repo}` has {now} checked out")]
    CheckedOutElse {
        /// The work, as people call it.
        work: String,
        /// What was checked out.
        then: String,
        /// What is.
        now: String,
        /// What git takes to check it out again.
        switch: String,
        /// The repository.
        repo: String,
    },
    /// The base is gone: the user's gc pruned it, or the repository moved.
    #[error("base commit {commit} of `{repo}` is no longer there")]
    BaseGone {
        /// The base.
        commit: ObjectId,
        /// The repository.
        repo: String,
    },
    /// A path that cannot be written to a tree.
    #[error("`{path}` cannot be written: {why}")]
    BadPath {
        /// The path.
        path: RepoPath,
        /// The reason.
        why: String,
    },
    /// A ref of Paraph's own names another commit than the one to be made; versions never change.
    #[error("`{reference}` already names another commit")]
    RefTaken {
        /// The ref.
        reference: String,
    },
    /// Objects could not be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The git program failed; its own words follow.
    #[error("`git {command}` failed: {message}")]
    Git {
        /// The subcommand.
        command: String,
        /// What it said, as it is: untrusted.
        message: String,
    },
    /// The git program is not installed, or too old.
    #[error("git is needed and was not found: {0}")]
    NoGit(String),
    /// The file system refused.
    #[error("cannot {what} `{path}`")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: String,
        /// The cause.
        #[source]
        cause: std::io::Error,
    },
    /// A folder holds more than can be taken as one change.
    #[error("the working folder holds too much for one change: {0}")]
    TooMuch(String),
    /// Somebody asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl VcsError {
    /// The next command to type, where there is one.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let words = match self {
            Self::NotARepository(_) => "git init",
            Self::NotAWorktree { repo, .. } => return Some(format!("git -C {} worktree list", shell_word(repo))),
            Self::Unborn(_) => "git commit --allow-empty -m 'first commit'",
            Self::OtherOwner(path) => {
                return Some(format!("git config --global --add safe.directory {}", shell_word(path)));
            }
            Self::Unsupported { what, .. } if what.contains("an index that") => {
                "git sparse-checkout reapply --no-sparse-index"
            }
            Self::Unsupported { path, what } if what.contains("damaged index") => {
                let repo = shell_word(path);
                return Some(format!(
                    "git -C {repo} status; where it fails too, remove its .git/index, then git -C {repo} reset"
                ));
            }
            Self::Io { path, cause, .. } if cause.kind() == std::io::ErrorKind::PermissionDenied => {
                return Some(format!("ls -l {}", shell_word(path)));
            }
            Self::Unsupported { what, .. } if what.contains("core.worktree") => "git config --unset core.worktree",
            Self::Unsupported { what, .. } if what.contains("configuration file") => "git config --list --show-origin",
            Self::Unsupported { what, .. } if what.contains("reftable") => "git refs migrate --ref-format=files",
            Self::Unsupported { what, .. } if what.contains("SHA-256") => {
                "use a repository of SHA-1 objects: git init --object-format=sha1 makes one, git apply brings a diff over"
            }
            Self::Unsupported { what, .. } if what.contains("extension") => {
                "git config --get-regexp '^extensions[.]' shows what it asks for; a clone without that can be read"
            }
            Self::Git { command, .. } if command.starts_with("rev-parse") => "git fsck",
            Self::Unrelated { repo, shallow: true, .. } => {
                return Some(format!("git -C {} fetch --unshallow", shell_word(repo)));
            }
            Self::Unrelated { other, .. } => {
                return Some(format!("git log --oneline {0}, then paraph adopt COMMIT..{0}", shell_word(other)));
            }
            Self::CheckedOutElse { repo, switch, .. } => {
                return Some(format!("git -C {} switch {switch}", shell_word(repo)));
            }
            Self::NoSuchRevision { .. } => "git log --oneline --all",
            Self::Tree(TreeError::Missing { .. }) => "git fetch --refetch --no-filter",
            Self::NoGit(_) => "git --version",
            _ => return None,
        };
        Some(words.to_owned())
    }
}

/// A name and an address, as git writes them into commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitIdentity {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
}

/// What may have been meant.
fn meant(near: &[String]) -> String {
    match near {
        [] => String::new(),
        names => format!("; did you mean `{}`?", names.join("` or `")),
    }
}

impl CommitIdentity {
    /// Who commits all that Paraph makes: a constant, so that a second run makes the same commit.
    #[must_use]
    pub fn paraph() -> Self {
        Self { name: "Paraph".to_owned(), email: "paraph@localhost".to_owned() }
    }

    /// Whoever is logged in as `login` (`name@host`): what git's configuration lacks of name and address is the login.
    #[must_use]
    pub fn of(login: &str, name: &str, email: &str) -> Self {
        let or_login = |text: &str| if text.trim().is_empty() { login.to_owned() } else { text.to_owned() };
        Self { name: or_login(name), email: or_login(email) }
    }
}

/// What the commit says that Paraph makes of uncommitted work: nobody wrote these words.
pub(crate) const UNCOMMITTED: &str = "paraph: uncommitted work";

/// A commit of adopted work: what it says and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkCommit {
    /// The whole message.
    pub message: String,
    /// Who wrote it.
    pub author: CommitIdentity,
}

/// A commit to make in the private repository. The same value makes the same commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommit {
    /// The tree, which the private repository can reach.
    pub tree: ObjectId,
    /// The parent: the base commit.
    pub parent: ObjectId,
    /// The whole message, trailers included.
    pub message: String,
    /// Whose work it is.
    pub author: CommitIdentity,
    /// When, from the event that asked: a second run makes the same commit.
    pub at: Timestamp,
    /// The ref to set, such as `refs/heads/paraph/12/v3`.
    pub reference: String,
}

/// What a program made of a checkout.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Worked {
    /// The change, with whole contents.
    pub changes: ChangeSet,
    /// What a person should know: files that were left as they were.
    pub notices: Vec<String>,
}

/// The commit that a line comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineOrigin {
    /// The commit.
    pub commit: ObjectId,
    /// Who wrote it.
    pub author: CommitIdentity,
    /// When.
    pub at: Timestamp,
    /// The first line of its message.
    pub subject: String,
    /// The file's path in that commit, and the line there (1-based).
    pub place: (RepoPath, u32),
    /// Whether the history ends there: then the line may be older.
    pub oldest_known: bool,
}

/// A git directory to make for files that hold a tree.
#[derive(Debug, Clone, Copy)]
pub struct GitDirectory<'a> {
    /// The tree, which the first of `commits` has.
    pub tree: &'a ObjectId,
    /// HEAD, then its parent and so on, as far as history shall go.
    pub commits: &'a [ObjectId],
    /// Where the files lie: each in the first folder that has it.
    pub files: &'a [&'a Path],
}

/// How far the user's branch moved since a base was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Commits on the branch that the base lacks.
    pub commits: u32,
    /// Paths that both the branch and the change touch.
    pub touched_by_both: Vec<RepoPath>,
    /// Whether the change still merges without a conflict.
    pub merges_cleanly: bool,
}

impl Drift {
    /// The branch stands where it stood.
    pub(crate) const NONE: Self = Self { commits: 0, touched_by_both: Vec::new(), merges_cleanly: true };
}

/// Version control. Every method blocks: call it on a thread that may.
///
/// A second call with the same arguments finds what the first made and changes nothing.
pub trait Vcs: Send + Sync {
    /// Looks at a repository without refreshing or writing anything of it. One named by an address is cloned into
    /// the data directory at the first look.
    ///
    /// # Errors
    /// [`VcsError`] naming what is wrong with it.
    fn facts(&self, source: &Source) -> Result<RepositoryFacts, VcsError>;

    /// How many files of the working copy differ from HEAD: tracked changes and new files that are not ignored. It
    /// scans the working copy, so it is asked apart and its answer put into [`Snapshot::left_out`] when it comes.
    ///
    /// # Errors
    /// As [`Vcs::facts`].
    fn changed_files(&self, source: &Source) -> Result<u32, VcsError>;

    /// Resolves `base` and makes (or finds) the private repository that borrows the user's objects.
    ///
    /// The working copy is scanned only for `Base::Dirty` and adopted uncommitted work; [`Snapshot::left_out`] is 0.
    ///
    /// # Errors
    /// [`VcsError`]: no repository, unborn, no such revision, unsupported.
    fn snapshot(&self, source: &Source, base: &Base) -> Result<Snapshot, VcsError>;

    /// `work` with HEAD told by the name of the branch that is checked out (by its commit where it is detached), and
    /// where a range begins by its commit where it was told by a distance: words that mean the same work later.
    ///
    /// # Errors
    /// [`VcsError`]: no repository, unborn, no such revision.
    fn named(&self, source: &Source, work: &WorkSpec) -> Result<WorkSpec, VcsError>;

    /// As [`Vcs::snapshot`] of adopted work of which `earlier` versions are there: it is compared with what they are
    /// compared with, whatever is checked out now.
    ///
    /// # Errors
    /// As [`Vcs::snapshot`], and [`VcsError::CheckedOutElse`] where what `work` names is something else now.
    fn next_snapshot(&self, source: &Source, work: &WorkSpec, earlier: Earlier<'_>) -> Result<Snapshot, VcsError>;

    /// The tree `id` as the private repository `key` reaches it.
    ///
    /// # Errors
    /// [`VcsError::BaseGone`] where the user's repository no longer has the objects.
    fn tree(&self, key: &RepoKey, id: &ObjectId) -> Result<Arc<dyn Tree>, VcsError>;

    /// What turns tree `old` into tree `new`, with whole contents.
    ///
    /// # Errors
    /// [`VcsError::Tree`] where an object is missing.
    fn changes(&self, key: &RepoKey, old: &ObjectId, new: &ObjectId) -> Result<ChangeSet, VcsError>;

    /// The tree of a commit, and its message.
    ///
    /// # Errors
    /// [`VcsError::NoSuchRevision`].
    fn commit_facts(&self, key: &RepoKey, commit: &ObjectId) -> Result<(ObjectId, String), VcsError>;

    /// The commits that `tip` has and `base` lacks, oldest first; the newest `most` of them where there are more.
    ///
    /// # Errors
    /// [`VcsError::NoSuchRevision`].
    fn commits_between(
        &self,
        key: &RepoKey,
        base: &ObjectId,
        tip: &ObjectId,
        most: usize,
    ) -> Result<Vec<WorkCommit>, VcsError>;

    /// Writes the tree that `changes` make of `base` (a tree id) into the private repository, in memory, without
    /// a checkout. Sides of `changes` that do not fit the base are refused.
    ///
    /// # Errors
    /// [`VcsError::BadPath`] for a path or mode git cannot hold, or an old side that differs from the base.
    fn write_tree(&self, key: &RepoKey, base: &ObjectId, changes: &ChangeSet) -> Result<ObjectId, VcsError>;

    /// Makes a commit and sets its ref in the private repository.
    ///
    /// # Errors
    /// [`VcsError`] where tree or parent cannot be reached.
    fn commit(&self, key: &RepoKey, commit: &NewCommit) -> Result<ObjectId, VcsError>;

    /// Writes the files of `tree` into the folder `into`, which exists and is empty, or was filled by an earlier
    /// call of this (then only what differs is touched, and what does not belong is removed except ignored
    /// folders lent to it). No filter, hook or attribute of the repository runs; links are written as links and
    /// never followed; nothing named `.git` is written.
    ///
    /// # Errors
    /// [`VcsError::Io`], [`VcsError::Cancelled`].
    fn checkout(&self, key: &RepoKey, tree: &ObjectId, into: &Path, cancel: &Cancel) -> Result<(), VcsError>;

    /// The change that leads from the tree `base` to what now lies in `from`, the folder of an earlier
    /// [`Vcs::checkout`] in which a program worked: modes and links as git has them, no link followed, no filter or
    /// hook run, nothing named `.git`. New files that the base's own `.gitignore` files ignore are left out, as are
    /// files that cannot be taken, with a notice. The same folder gives the same change.
    ///
    /// # Errors
    /// [`VcsError::TooMuch`], [`VcsError::Io`], [`VcsError::Cancelled`].
    fn worked(&self, key: &RepoKey, base: &ObjectId, from: &Path, cancel: &Cancel) -> Result<Worked, VcsError>;

    /// Makes the git directory `into`, which is not there: for code that nobody trusts, and that finds there what a
    /// shallow clone without file contents has. Nothing of the user's configuration, hooks, refs or remotes is in it.
    ///
    /// # Errors
    /// [`VcsError::Tree`] where an object is missing, [`VcsError::Io`].
    fn git_directory(&self, key: &RepoKey, asked: &GitDirectory<'_>, into: &Path) -> Result<(), VcsError>;

    /// Removes a checkout with all that is in it, read-only folders too. What is not there is no error.
    ///
    /// # Errors
    /// [`VcsError::Io`].
    fn remove_checkout(&self, key: &RepoKey, into: &Path) -> Result<(), VcsError>;

    /// How the user's branch moved since the snapshot, and whether `changes` still merge (three-way, on trees).
    ///
    /// # Errors
    /// [`VcsError`] where the branch is gone.
    fn drift(&self, snapshot: &Snapshot, tree: &ObjectId) -> Result<Drift, VcsError>;

    /// Whether it is known at once that the user's branch has not moved since the snapshot, so that there is no drift:
    /// from what an earlier [`Vcs::drift`] left open, by a look at three files' facts and one ref. `false` where it is not
    /// known. The one look at a repository that is taken on a thread of the clients': a person waits for it, handing it
    /// to another thread takes longer than the look, and only a folder that answered a moment ago is looked at.
    fn stands_still(&self, snapshot: &Snapshot) -> bool {
        let _ = snapshot;
        false
    }

    /// Where line `line` (1-based) of the file `path` of `commit` comes from. Gives up after 10 s: a line of a file with
    /// a long history may take as long as reading all of it.
    ///
    /// # Errors
    /// [`VcsError::Git`] where the file has no such line, or it took too long.
    fn blame(
        &self,
        key: &RepoKey,
        commit: &ObjectId,
        path: &RepoPath,
        line: u32,
        cancel: &Cancel,
    ) -> Result<LineOrigin, VcsError>;

    /// Name and address from the user's own git configuration (global and system, never the repository's).
    fn user(&self) -> Option<CommitIdentity>;
}

#[cfg(test)]
mod tests {
    use super::VcsError;

    #[track_caller]
    fn check(path: &str, expected: &str) {
        let hint = VcsError::OtherOwner(path.to_owned()).hint();
        assert_eq!(hint.as_deref(), Some(format!("git config --global --add safe.directory {expected}").as_str()));
    }

    #[test]
    fn hints_can_be_pasted_into_a_shell() {
        check("/srv/repo", "/srv/repo");
        check("/srv/my repo", "'/srv/my repo'");
        check("/srv/$(touch x)", "'/srv/$(touch x)'");
        check("/srv/it's", "'/srv/it'\\''s'");
    }
}
