//! The base of a lane, as values that the journal keeps.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::id::{HostPath, ObjectId};
use crate::text::shell_word;

/// Where a repository comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A repository (or a folder of one, or a linked worktree, or a bare one) on this machine.
    Path(HostPath),
    /// A remote: cloned bare into the data directory by the user's own git.
    Url(String),
}

impl Source {
    /// The folder that the working copy's names are told from, as it was given and as it really is; none where it is no
    /// working copy of this machine, or is not there any more.
    #[must_use]
    pub fn tops(&self) -> Vec<PathBuf> {
        let Self::Path(path) = self else { return Vec::new() };
        let given = path.as_path().to_owned();
        let real = given.canonicalize().ok().filter(|real| *real != given);
        let top = |path: PathBuf| path.ancestors().find(|folder| folder.join(".git").exists()).map(PathBuf::from);
        std::iter::once(given).chain(real).filter_map(top).collect()
    }

    /// Whether a text can only be the address of a remote: `https://…`, `ssh://…`, `git@host:path`. Every verb and
    /// the service tell addresses from paths by this one rule, so that trust and sessions name the same repository.
    #[must_use]
    pub fn is_address(text: &str) -> bool {
        if text.contains("://") {
            return true;
        }
        // scp's form: a colon before any slash, and something that looks like a host before it
        text.split_once(':').is_some_and(|(host, path)| {
            !host.contains('/') && !path.is_empty() && (host.contains('@') || host.contains('.'))
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.fmt(f),
            Self::Url(url) => f.write_str(url),
        }
    }
}

/// The private bare repository that belongs to one repository of the user: `repos/<key>.git`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct RepoKey(pub String);

/// Work that somebody already did, for the `adopt` engine. It is only read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WorkSpec {
    /// A branch, tag or commit, against its merge base with HEAD (or with the named base).
    Branch(String),
    /// `A..B` or `A...B`: what B has that A has not, which is B against their merge base.
    Range(String),
    /// What is not committed in the working copy, against HEAD.
    Dirty,
    /// Another worktree of the repository: its commits and what is not committed there, against the merge base.
    Worktree(HostPath),
}

impl WorkSpec {
    /// What `paraph adopt` takes for this work, ready for a shell.
    #[must_use]
    pub fn argument(&self) -> String {
        match self {
            Self::Branch(name) | Self::Range(name) => shell_word(name),
            Self::Dirty => "--dirty".to_owned(),
            Self::Worktree(path) => shell_word(&path.to_string()),
        }
    }
}

/// What a lane starts from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    /// The commit that is checked out.
    Head,
    /// Any revision git understands.
    Rev(String),
    /// HEAD and, on top, tracked changes and new files that are not ignored.
    Dirty,
    /// The base of adopted work.
    Of(WorkSpec),
}

/// The immutable base of one lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Snapshot {
    /// The repository's short name, unique in a session: the folder's name, or the URL's last part.
    pub repo: String,
    /// Where it came from; a path is the top of the worktree (or the bare directory).
    pub source: Source,
    /// Its private repository.
    pub key: RepoKey,
    /// The base commit: in the user's repository, or, with `Base::Dirty`, in the private one.
    pub commit: ObjectId,
    /// The commit's tree.
    pub tree: ObjectId,
    /// The branch that the base came from, where there is one; drift is measured against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit whose tree is the adopted work, with `Base::Of`; pinned in the private repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<ObjectId>,
    /// What was checked out when it was adopted, with `Base::Of`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted_at: Option<AdoptedAt>,
    /// How many changed files of the working copy this base leaves out: 0 from `Vcs::snapshot`, which does not scan
    /// the working copy; filled from `Vcs::changed_files`.
    pub left_out: u32,
    /// What a person should know: filters, LFS pointers, a shallow history, submodules.
    #[serde(default)]
    pub notices: Vec<String>,
}

/// What was checked out when work was adopted. Its next version is found from here, whatever is checked out then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AdoptedAt {
    /// The branch that was checked out where the work is; none where HEAD was detached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit that the work was compared with: the base is their merge base.
    pub onto: ObjectId,
}

/// The versions of adopted work that were there before the next.
#[derive(Debug, Clone, Copy)]
pub struct Earlier<'a> {
    /// The base of the first.
    pub first: &'a Snapshot,
    /// The base of the newest.
    pub newest: &'a Snapshot,
}

/// What a look at a repository found; nothing of it is refreshed or written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryFacts {
    /// The top of the worktree, or the bare directory.
    pub root: HostPath,
    /// The repository that all worktrees share: the top of its own worktree, or the bare directory.
    pub main: HostPath,
    /// The folder's name.
    pub name: String,
    /// The commit checked out; `None` on an unborn branch.
    pub head: Option<ObjectId>,
    /// The branch checked out; `None` when HEAD is detached.
    pub branch: Option<String>,
    /// Whether there is no worktree.
    pub bare: bool,
    /// Whether history is cut.
    pub shallow: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(Source::is_address(text), expected, "{text}");
    }

    #[test]
    fn remotes_are_told_from_paths() {
        check("https://example.org/a.git", true);
        check("git@example.org:a/b", true);
        check("example.org:a/b", true);
        check("../a", false);
        check("a/b:c", false);
        check("C:", false);
        check(".", false);
        check("/srv/a", false);
    }

    #[test]
    fn work_is_named_as_a_shell_takes_it() {
        let check = |work: WorkSpec, expected: &str| assert_eq!(work.argument(), expected);
        check(WorkSpec::Branch("feature/login".to_owned()), "feature/login");
        check(WorkSpec::Range("main..a b".to_owned()), "'main..a b'");
        check(WorkSpec::Dirty, "--dirty");
        check(WorkSpec::Worktree(HostPath::new("/srv/$x")), "'/srv/$x'");
    }
}
