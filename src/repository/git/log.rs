//! The commits of adopted work: read through the private repository, which borrows the user's objects.

use git2::{Oid, Repository, Sort};

use super::objects::to_id;
use super::private::Private;
use crate::repository::{CommitIdentity, VcsError, WorkCommit};

/// The commits that `tip` has and `base` lacks, oldest first; the newest `most` where there are more. Commits that
/// Paraph made of uncommitted work are left out: nobody wrote their words.
pub(super) fn between(private: &Private, base: Oid, tip: Oid, most: usize) -> Result<Vec<WorkCommit>, VcsError> {
    let gone = || VcsError::NoSuchRevision { rev: to_id(tip).to_string(), repo: private.source(), near: Vec::new() };
    private.with(|repo| {
        repo.find_commit(tip).map_err(|_| gone())?;
        // a shallow history ends early: what is there is told
        Ok(walk(repo, base, tip, most).unwrap_or_default())
    })?
}

fn walk(repo: &Repository, base: Oid, tip: Oid, most: usize) -> Result<Vec<WorkCommit>, git2::Error> {
    let mut walk = repo.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL)?;
    walk.push(tip)?;
    walk.hide(base)?;
    let mut found = Vec::new();
    for id in walk {
        let Some(commit) = id.ok().and_then(|id| repo.find_commit(id).ok()) else { break };
        if found.len() == most {
            break;
        }
        let merges = commit.parent_count() > 1;
        let author = commit.author();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let author = CommitIdentity { name: text(author.name_bytes()), email: text(author.email_bytes()) };
        if !merges && author != CommitIdentity::paraph() {
            found.push(WorkCommit { message: text(commit.message_raw_bytes()), author });
        }
    }
    found.reverse();
    Ok(found)
}
