//! Bases: from what a person named to a commit, a tree and, for adopted work, a second commit.

use std::path::{Path, PathBuf};

use git2::{Commit, ErrorCode, Oid, Repository, Signature, Time};

use super::adopted::Adoption;
use super::difference::{copy_new, read_object};
use super::dirty::{Dirty, dirty_tree};
use super::objects::{new_object, store, to_id};
use super::open::{Opened, git_error, shown};
use super::private::Private;
use crate::id::HostPath;
use crate::repository::{AdoptedAt, Base, CommitIdentity, Earlier, Snapshot, Source, UNCOMMITTED, VcsError};

/// What a base resolved to.
pub(super) struct Resolved {
    pub(super) commit: Oid,
    pub(super) branch: Option<String>,
    pub(super) adopted: Option<Oid>,
    pub(super) adopted_at: Option<AdoptedAt>,
    pub(super) notices: Vec<String>,
}

impl Resolved {
    pub(super) fn at(commit: Oid, branch: Option<String>) -> Self {
        Self { commit, branch, adopted: None, adopted_at: None, notices: Vec::new() }
    }
}

/// Resolves `base` in `opened`, whose private repository is `private`; keeps what it found there. `earlier` are the
/// versions that adopted work has already.
pub(super) fn snapshot(
    opened: &Opened,
    private: &Private,
    source: &Source,
    (base, earlier): (&Base, Option<Earlier<'_>>),
    views: &Path,
) -> Result<Snapshot, VcsError> {
    let mut resolved = match base {
        Base::Head => Resolved::at(checked_out(opened)?, opened.branch()),
        Base::Rev(rev) => revision(opened, rev)?,
        Base::Dirty => {
            let (commit, notices) = dirty_commit(opened, private, checked_out(opened)?)?;
            Resolved { notices, ..Resolved::at(commit, opened.branch()) }
        }
        Base::Of(work) => Adoption { opened, private, views, earlier }.of(work)?,
    };
    let tree = private
        .with(|repo| tree_of(repo, resolved.commit))?
        .map_err(|_| VcsError::BaseGone { commit: to_id(resolved.commit), repo: shown(&opened.root) })?;
    private.pin("base", resolved.commit)?;
    if let Some(adopted) = resolved.adopted {
        keep_adopted(private, tree, adopted)?;
        private.pin("adopted", adopted)?;
    }
    resolved.notices.extend(notices(opened, private, tree)?);
    let (repo, source) = match source {
        Source::Path(_) => (opened.name(), Source::Path(HostPath::new(opened.root.clone()))),
        Source::Url(url) => (name_of_url(url), source.clone()),
    };
    Ok(Snapshot {
        repo,
        source,
        key: opened.key(),
        commit: to_id(resolved.commit),
        tree: to_id(tree),
        branch: resolved.branch,
        adopted: resolved.adopted.map(to_id),
        adopted_at: resolved.adopted_at,
        left_out: 0,
        notices: resolved.notices,
    })
}

/// The last part of an address, without `.git` and without what precedes an `@`.
pub(super) fn name_of_url(url: &str) -> String {
    let path = url.trim_end_matches('/');
    let last = path.rsplit(['/', ':']).next().unwrap_or(path);
    let name = last.strip_suffix(".git").unwrap_or(last);
    if name.is_empty() { "repository".to_owned() } else { name.to_owned() }
}

fn tree_of(repo: &Repository, commit: Oid) -> Result<Oid, git2::Error> {
    let tree = repo.find_commit(commit)?.tree_id();
    repo.find_tree(tree).map(|tree| tree.id())
}

/// The commit that is checked out.
pub(super) fn checked_out(opened: &Opened) -> Result<Oid, VcsError> {
    opened.head()?.ok_or_else(|| VcsError::Unborn(shown(&opened.root)))
}

pub(super) fn no_such(opened: &Opened, rev: &str) -> VcsError {
    VcsError::NoSuchRevision { rev: rev.to_owned(), repo: shown(&opened.root), near: in_remotes(&opened.repo, rev) }
}

/// Branches of remotes that are called `name`, as they are typed.
fn in_remotes(repo: &Repository, name: &str) -> Vec<String> {
    let Ok(remotes) = repo.remotes() else { return Vec::new() };
    let named = remotes.iter().flatten().flatten().map(|remote| format!("{remote}/{name}"));
    named.filter(|branch| repo.find_branch(branch, git2::BranchType::Remote).is_ok()).collect()
}

pub(super) fn commit_named<'a>(opened: &'a Opened, rev: &str) -> Result<(Commit<'a>, Option<String>), VcsError> {
    let (object, reference) = opened.repo.revparse_ext(rev).map_err(|error| match error.code() {
        ErrorCode::UnbornBranch => VcsError::Unborn(shown(&opened.root)),
        _ => no_such(opened, rev),
    })?;
    let branch = reference.and_then(|reference| {
        let reference = reference.resolve().ok()?;
        reference.name().ok()?.strip_prefix("refs/heads/").map(str::to_owned)
    });
    Ok((object.peel_to_commit().map_err(|_| no_such(opened, rev))?, branch))
}

fn revision(opened: &Opened, rev: &str) -> Result<Resolved, VcsError> {
    let (commit, branch) = commit_named(opened, rev)?;
    Ok(Resolved::at(commit.id(), branch))
}

/// The commit, in the private repository, of what is not committed on top of `head`; `head` itself where nothing is.
pub(super) fn dirty_commit(opened: &Opened, private: &Private, head: Oid) -> Result<(Oid, Vec<String>), VcsError> {
    let Dirty { tree, changed, mut notices } = dirty_tree(opened, private, head)?;
    if changed == 0 {
        return Ok((head, notices));
    }
    let files = if changed == 1 { "file is" } else { "files are" };
    notices.insert(0, format!("{changed} uncommitted {files} part of it"));
    let id = tree.id;
    store(&private.objects(), tree.objects)?;
    let time = opened.repo.find_commit(head).map_err(|error| git_error("read HEAD", &error))?.time();
    let commit = private.with(|repo| {
        let paraph = CommitIdentity::paraph();
        commit_bytes(repo, id, head, &format!("{UNCOMMITTED}\n"), &paraph, time.seconds())
    })??;
    let object = new_object(git2::ObjectType::Commit, commit.into());
    let id = object.id;
    store(&private.objects(), vec![object])?;
    Ok((id, notices))
}

/// The bytes of a commit. The same arguments give the same bytes; the committer is Paraph.
pub(super) fn commit_bytes(
    repo: &Repository,
    tree: Oid,
    parent: Oid,
    message: &str,
    author: &CommitIdentity,
    seconds: i64,
) -> Result<Vec<u8>, VcsError> {
    let failed = |error: git2::Error| git_error("commit", &error);
    let signature = |who: &CommitIdentity| Signature::new(&who.name, &who.email, &Time::new(seconds, 0));
    let paraph = CommitIdentity::paraph();
    let committer = signature(&paraph).map_err(failed)?;
    // a name that git cannot hold (empty, or only punctuation) must not lose the work
    let author =
        signature(author).or_else(|_| Signature::new("unknown", "unknown", &Time::new(seconds, 0))).map_err(failed)?;
    let gone = |_| VcsError::BaseGone { commit: to_id(parent), repo: shown(repo.path()) };
    let parent = repo.find_commit(parent).map_err(gone)?;
    let tree = repo.find_tree(tree).map_err(failed)?;
    let bytes = repo.commit_create_buffer(&author, &committer, message, &tree, &[&parent]).map_err(failed)?;
    Ok(bytes.to_vec())
}

/// Copies what adopted work adds into the private repository: a rebase and a gc in the user's must not take it.
fn keep_adopted(private: &Private, base_tree: Oid, adopted: Oid) -> Result<(), VcsError> {
    let own = private.objects();
    private.with(|repo| {
        let gone = |_| VcsError::BaseGone { commit: to_id(adopted), repo: private.source() };
        let tree = repo.find_commit(adopted).map_err(gone)?.tree_id();
        let odb = repo.odb().map_err(|error| git_error("open objects", &error))?;
        copy_new(&odb, Some(base_tree), tree, &own, |_| false)?;
        store(&own, vec![read_object(&odb, adopted, b"")?])
    })?
}

/// What a person should know of this base, from its root tree and the repository's state.
fn notices(opened: &Opened, private: &Private, tree: Oid) -> Result<Vec<String>, VcsError> {
    let mut notices = Vec::new();
    if opened.repo.is_shallow() {
        notices.push("the history is shallow: merge bases and drift may be missing".to_owned());
    }
    if opened.partial {
        notices.push("a partial clone: files that were never fetched cannot be read; `git fetch --refetch --no-filter` gets them".to_owned());
    }
    let read = |name: &str| -> Result<Vec<u8>, VcsError> {
        private.with(|repo| {
            let entry = repo.find_tree(tree).ok().and_then(|tree| tree.get_name(name).map(|entry| entry.id()));
            let blob = entry.and_then(|id| repo.find_blob(id).ok());
            blob.map(|blob| blob.content().to_vec()).unwrap_or_default()
        })
    };
    if memchr::memmem::find(&read(".gitattributes")?, b"filter=lfs").is_some() {
        notices.push("files under Git LFS are seen as their pointers".to_owned());
    }
    if !read(".gitmodules")?.is_empty() {
        notices.push("submodules are seen as the commits they name; their files are not read".to_owned());
    }
    Ok(notices)
}

/// Where a cloned address is kept.
pub(super) fn clone_path(repos: &Path, url: &str) -> PathBuf {
    repos.join(format!("{}.clone", super::open::key_of(url.as_bytes()).0))
}
