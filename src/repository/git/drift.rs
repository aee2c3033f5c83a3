//! Drift: how far the user's branch moved since a base was taken, and whether a change still merges.

use std::collections::BTreeSet;
use std::sync::Arc;

use git2::{Oid, Repository};

use super::difference::Difference;
use super::merging::{SideOfMerge, merges};
use super::objects::{to_id, to_oid};
use super::open::{Opened, git_error, shown};
use super::private::Private;
use crate::id::ObjectId;
use crate::repository::{Drift, Snapshot, VcsError};

/// Compares the base of `snapshot` with the tip of its branch now, and `tree` with both. The private repository is
/// only asked for where the branch moved: a person who approves waits for this.
pub(super) fn drift(
    opened: &Opened,
    private: impl FnOnce() -> Result<Arc<Private>, VcsError>,
    snapshot: &Snapshot,
    tree: &ObjectId,
) -> Result<Drift, VcsError> {
    let Some(branch) = &snapshot.branch else { return Ok(Drift::NONE) };
    let no_branch = |_| VcsError::NoSuchRevision { rev: branch.clone(), repo: shown(&opened.root), near: Vec::new() };
    let found = found(opened, branch).map_err(no_branch)?;
    let (base, tree) = (to_oid(&snapshot.commit)?, to_oid(tree)?);
    // no object has to be read to see that nothing moved
    if found.target() == Some(base) {
        return Ok(Drift::NONE);
    }
    let tip = found.peel_to_commit().map_err(no_branch)?.id();
    if tip == base {
        return Ok(Drift::NONE);
    }
    let private = &*private()?;
    private.with(|repo| compare(repo, base, tip, tree))?.map_err(|error| match error {
        VcsError::Git { .. } if !reaches(private, base) => {
            VcsError::BaseGone { commit: to_id(base), repo: shown(&opened.root) }
        }
        error => error,
    })
}

/// Whether the branch of `snapshot` points at its base: no object is read.
pub(super) fn stands_still(opened: &Opened, snapshot: &Snapshot) -> Result<bool, VcsError> {
    let Some(branch) = &snapshot.branch else { return Ok(true) };
    let base = to_oid(&snapshot.commit)?;
    Ok(found(opened, branch).is_ok_and(|found| found.target() == Some(base)))
}

/// The branch, here or where it was fetched from.
pub(super) fn found<'a>(opened: &'a Opened, branch: &str) -> Result<git2::Reference<'a>, git2::Error> {
    let local = opened.repo.find_reference(&format!("refs/heads/{branch}"));
    local.or_else(|_| opened.repo.find_reference(&format!("refs/remotes/origin/{branch}")))
}

fn reaches(private: &Private, commit: Oid) -> bool {
    private.with(|repo| repo.find_commit(commit).is_ok()).unwrap_or(false)
}

fn compare(repo: &Repository, base: Oid, tip: Oid, tree: Oid) -> Result<Drift, VcsError> {
    let failed = |error: git2::Error| git_error("merge-tree", &error);
    let base_tree = repo.find_commit(base).and_then(|commit| commit.tree()).map_err(failed)?;
    let tip_tree = repo.find_commit(tip).and_then(|commit| commit.tree()).map_err(failed)?;
    // a shallow history ends before the base: all that can be said is that the branch moved
    let commits = repo.graph_ahead_behind(tip, base).map_or(1, |(ahead, _)| ahead);
    let odb = repo.odb().map_err(failed)?;
    let touched = |new: Oid| Difference::between(&odb, Some(base_tree.id()), Some(new));
    let (theirs, ours) = (touched(tip_tree.id())?, touched(tree)?);
    let paths = |of: &Difference| of.files.iter().map(|file| file.path.clone()).collect::<BTreeSet<_>>();
    let merges_cleanly = merges(
        repo,
        &odb,
        base_tree.id(),
        &SideOfMerge { tree, files: &ours.files },
        &SideOfMerge { tree: tip_tree.id(), files: &theirs.files },
    )?;
    Ok(Drift {
        commits: u32::try_from(commits).unwrap_or(u32::MAX),
        touched_by_both: paths(&theirs).intersection(&paths(&ours)).cloned().collect(),
        merges_cleanly,
    })
}
