//! Adopted work: the commit that it is, and the one that it is compared with, at first and for each next version.
//!
//! What is checked out says what a person means at the moment they adopt. Later it says nothing: the next version is
//! compared with what the first was compared with, and work that is told by what is checked out is other work on another
//! branch.

use std::path::Path;

use git2::{ErrorCode, Oid};

use super::base::{Resolved, checked_out, commit_named, dirty_commit, no_such};
use super::drift;
use super::objects::{to_id, to_oid};
use super::open::{Opened, git_error, open, shown};
use super::private::Private;
use crate::id::HostPath;
use crate::repository::{AdoptedAt, Earlier, Snapshot, VcsError, WorkSpec};
use crate::text::shell_word;

/// Looks for adopted work in one repository.
pub(super) struct Adoption<'a> {
    pub(super) opened: &'a Opened,
    pub(super) private: &'a Private,
    /// A folder for stand-ins of other worktrees.
    pub(super) views: &'a Path,
    /// The versions that are there already.
    pub(super) earlier: Option<Earlier<'a>>,
}

/// What work is compared with.
struct Onto {
    commit: Oid,
    branch: Option<String>,
    notice: Option<String>,
}

impl Onto {
    fn name(&self) -> String {
        self.branch.clone().unwrap_or_else(|| to_id(self.commit).short().to_owned())
    }
}

impl Adoption<'_> {
    /// The work and its base.
    pub(super) fn of(&self, work: &WorkSpec) -> Result<Resolved, VcsError> {
        match work {
            WorkSpec::Branch(rev) => {
                if let Some(Earlier { newest, .. }) = self.earlier.filter(|_| follows_head(rev)) {
                    self.is_where(newest, rev)?;
                }
                let (tip, branch) = commit_named(self.opened, rev)?;
                self.against(tip.id(), rev, branch)
            }
            WorkSpec::Range(range) => self.range(range),
            WorkSpec::Dirty => self.uncommitted(),
            WorkSpec::Worktree(path) => self.worktree(path),
        }
    }

    /// A branch against its merge base with HEAD; the branch that is checked out, against the main branch.
    fn against(&self, tip: Oid, rev: &str, branch: Option<String>) -> Result<Resolved, VcsError> {
        let onto = match self.earlier {
            None => self.onto_at_first(tip, rev)?,
            Some(earlier) => self.onto_again(earlier, tip, rev)?,
        };
        let (base, several) = self.merge_base((onto.commit, &onto.name()), (tip, rev))?;
        Ok(Resolved {
            adopted: Some(tip),
            adopted_at: Some(AdoptedAt { branch, onto: to_id(onto.commit) }),
            notices: onto.notice.into_iter().chain(several).collect(),
            ..Resolved::at(base, onto.branch)
        })
    }

    fn onto_at_first(&self, tip: Oid, rev: &str) -> Result<Onto, VcsError> {
        let head = checked_out(self.opened)?;
        Ok(match main_branch(self.opened).filter(|_| head == tip) {
            Some((commit, name)) => {
                let notice = (commit != head).then(|| checked_out_notice(rev, &name));
                Onto { commit, branch: Some(name), notice }
            }
            None => Onto { commit: head, branch: self.opened.branch(), notice: None },
        })
    }

    /// What the first version was compared with, where it stands now; the base that was, where it is gone.
    fn onto_again(&self, Earlier { first, newest }: Earlier<'_>, tip: Oid, rev: &str) -> Result<Onto, VcsError> {
        if let Some(name) = &first.branch {
            let branch = drift::found(self.opened, name).ok().and_then(|found| found.peel_to_commit().ok());
            if let Some(commit) = branch.map(|commit| commit.id()) {
                let here = self.opened.branch();
                let notice = match here.as_ref() {
                    Some(here) if here == name => None,
                    _ if self.opened.head()? == Some(tip) && commit != tip => Some(checked_out_notice(rev, name)),
                    here => Some(format!(
                        "it is compared with `{name}` as before, though {} is checked out",
                        here.map_or_else(|| "a commit".to_owned(), |here| format!("`{here}`"))
                    )),
                };
                return Ok(Onto { commit, branch: Some(name.clone()), notice });
            }
        }
        let at_first = first.adopted_at.as_ref().filter(|_| first.branch.is_none()).map(|at| &at.onto);
        let commit = to_oid(at_first.unwrap_or(&newest.commit))?;
        if self.opened.repo.find_commit(commit).is_err() {
            return Err(VcsError::BaseGone { commit: to_id(commit), repo: shown(&self.opened.root) });
        }
        let notice = first.branch.as_ref().map(|name| {
            format!("`{name}` is gone: it is compared with the base that it had, {}", to_id(commit).short())
        });
        Ok(Onto { commit, branch: None, notice })
    }

    /// What the end of a range has that its beginning has not.
    fn range(&self, range: &str) -> Result<Resolved, VcsError> {
        let Some((from, dots, to)) = ends(range) else { return Err(no_such(self.opened, range)) };
        if let Some(earlier) = self.earlier {
            // words of a time when HEAD was kept as such
            if follows_head(to) {
                self.is_where(earlier.newest, range)?;
            }
            if dots == "..." && follows_head(from) {
                self.is_on(self.opened, earlier.first.branch.as_ref(), range)?;
            }
        }
        let or_head = |rev: &str| if rev.is_empty() { "HEAD".to_owned() } else { rev.to_owned() };
        let (from, to) = (or_head(from), or_head(to));
        let ((onto, branch), (tip, of)) = (commit_named(self.opened, &from)?, commit_named(self.opened, &to)?);
        let (base, several) = self.merge_base((onto.id(), &from), (tip.id(), &to))?;
        Ok(Resolved {
            adopted: Some(tip.id()),
            adopted_at: Some(AdoptedAt { branch: of, onto: to_id(onto.id()) }),
            notices: several.into_iter().collect(),
            ..Resolved::at(base, branch)
        })
    }

    /// What is not committed in the working copy: the work of the branch that is checked out.
    fn uncommitted(&self) -> Result<Resolved, VcsError> {
        let (head, branch) = (checked_out(self.opened)?, self.opened.branch());
        if let Some(Earlier { first, newest }) = self.earlier {
            let work = "the uncommitted work";
            self.is_on(self.opened, first.branch.as_ref(), work)?;
            if branch.is_none() && to_id(head) != newest.commit {
                return Err(self.other(self.opened, (newest.commit.as_str(), None), work));
            }
        }
        let (adopted, notices) = dirty_commit(self.opened, self.private, head)?;
        let adopted_at = Some(AdoptedAt { branch: branch.clone(), onto: to_id(head) });
        Ok(Resolved { adopted: Some(adopted), adopted_at, notices, ..Resolved::at(head, branch) })
    }

    /// Another worktree: its commits, and what is not committed there.
    fn worktree(&self, path: &HostPath) -> Result<Resolved, VcsError> {
        let other = open(path.as_path(), self.views)?;
        if other.common != self.opened.common {
            return Err(VcsError::NotAWorktree { path: path.to_string(), repo: shown(&self.opened.root) });
        }
        // a session of an earlier time does not say on which branch it was
        if let Some(at) = self.earlier.and_then(|earlier| earlier.first.adopted_at.as_ref()) {
            self.is_on(&other, at.branch.as_ref(), "the work there")?;
        }
        let head = other.head()?.ok_or_else(|| VcsError::Unborn(path.to_string()))?;
        let mut resolved = self.against(head, &path.to_string(), other.branch())?;
        let (adopted, notices) = dirty_commit(&other, self.private, head)?;
        resolved.adopted = Some(adopted);
        resolved.notices.extend(notices);
        Ok(resolved)
    }

    /// The newest commit that both have, and a word where there are several that nothing tells apart.
    fn merge_base(
        &self,
        (one, one_name): (Oid, &str),
        (other, other_name): (Oid, &str),
    ) -> Result<(Oid, Option<String>), VcsError> {
        let found = match self.opened.repo.merge_bases(one, other) {
            Ok(found) => found.to_vec(),
            Err(error) if error.code() == ErrorCode::NotFound => Vec::new(),
            Err(error) => return Err(git_error("merge-base", &error)),
        };
        let Some(base) = found.first() else {
            return Err(VcsError::Unrelated {
                one: one_name.to_owned(),
                other: other_name.to_owned(),
                repo: shown(&self.opened.root),
                shallow: self.opened.repo.is_shallow(),
            });
        };
        let several = (found.len() > 1).then(|| {
            let base = to_id(*base);
            format!(
                "`{one_name}` and `{other_name}` were merged into each other and have {} merge bases: it is compared with {}",
                found.len(),
                base.short()
            )
        });
        Ok((*base, several))
    }

    /// Refuses where `opened` has another branch checked out than `then`.
    fn is_on(&self, opened: &Opened, then: Option<&String>, work: &str) -> Result<(), VcsError> {
        match (then, opened.branch()) {
            (then, now) if then == now.as_ref() => Ok(()),
            (Some(then), _) => Err(self.other(opened, (then, Some(then)), work)),
            (None, _) => {
                let newest = self.earlier.map_or("", |earlier| earlier.newest.commit.as_str());
                Err(self.other(opened, (newest, None), work))
            }
        }
    }

    /// Refuses where what is checked out never was the commit that `newest` took: its words name HEAD, and do not say
    /// of which branch. What a branch was is told by its reflog; where it was made is no work of its own.
    fn is_where(&self, newest: &Snapshot, work: &str) -> Result<(), VcsError> {
        let Some(taken) = &newest.adopted else { return Ok(()) };
        let (head, oid) = (self.opened.head()?, to_oid(taken)?);
        if head == Some(oid) {
            return Ok(());
        }
        let log = self.opened.branch().and_then(|name| self.opened.repo.reflog(&format!("refs/heads/{name}")).ok());
        let was = |log: &git2::Reflog| log.iter().any(|entry| entry.id_new() == oid && !entry.id_old().is_zero());
        if log.as_ref().is_some_and(was) { Ok(()) } else { Err(self.other(self.opened, (taken.as_str(), None), work)) }
    }

    fn other(&self, opened: &Opened, (then, branch): (&str, Option<&String>), work: &str) -> VcsError {
        let short = |commit: &str| commit.get(..10).unwrap_or(commit).to_owned();
        let now = match (opened.branch(), opened.head()) {
            (Some(branch), _) => format!("`{branch}`"),
            (None, Ok(Some(head))) => to_id(head).short().to_owned(),
            (None, _) => "no commit".to_owned(),
        };
        VcsError::CheckedOutElse {
            work: work.to_owned(),
            then: branch.map_or_else(|| short(then), |branch| format!("`{branch}`")),
            now,
            switch: branch.map_or_else(|| format!("--detach {}", short(then)), |branch| shell_word(branch)),
            repo: shown(&opened.root),
        }
    }
}

fn checked_out_notice(rev: &str, name: &str) -> String {
    format!("`{rev}` is checked out, so it is compared with `{name}`")
}

/// The branch that work is usually merged into, where there is one apart from HEAD.
fn main_branch(opened: &Opened) -> Option<(Oid, String)> {
    let checked_out = opened.branch();
    let remote = opened.repo.find_reference("refs/remotes/origin/HEAD").ok();
    let remote =
        remote.and_then(|head| Some(head.symbolic_target().ok()??.strip_prefix("refs/remotes/origin/")?.to_owned()));
    let names = remote.into_iter().chain(["main", "master", "trunk"].map(str::to_owned));
    names.filter(|name| Some(name) != checked_out.as_ref()).find_map(|name| {
        let found = drift::found(opened, &name).ok()?;
        Some((found.peel_to_commit().ok()?.id(), name))
    })
}

/// Both ends of a range, and the dots between them.
fn ends(range: &str) -> Option<(&str, &'static str, &str)> {
    let split = |dots: &'static str| range.split_once(dots).map(|(from, to)| (from, dots, to));
    split("...").or_else(|| split(".."))
}

/// What follows HEAD in a revision that is told from it, such as `~2` of `HEAD~2`.
fn after_head(rev: &str) -> Option<&str> {
    let rest = rev.strip_prefix("HEAD").or_else(|| rev.strip_prefix('@')).unwrap_or(rev);
    let told = rest.len() < rev.len() || rev.is_empty();
    (told && (rest.is_empty() || rest.starts_with(['~', '^']))).then_some(rest)
}

/// Whether a revision is another one when something else is checked out.
fn follows_head(rev: &str) -> bool {
    after_head(rev).is_some() || rev.starts_with("@{") || rev.starts_with("HEAD@{")
}

/// `work` in words that mean the same whatever is checked out.
pub(super) fn named(opened: &Opened, work: &WorkSpec) -> Result<WorkSpec, VcsError> {
    Ok(match work {
        WorkSpec::Branch(rev) => WorkSpec::Branch(end(opened, rev)?),
        WorkSpec::Range(range) => match ends(range) {
            Some((from, dots, to)) => {
                WorkSpec::Range(format!("{}{dots}{}", beginning(opened, from)?, end(opened, to)?))
            }
            None => work.clone(),
        },
        WorkSpec::Dirty | WorkSpec::Worktree(_) => work.clone(),
    })
}

/// Where a range begins: a distance from something begins somewhere else after the next commit, so it is told by where
/// that is now, and adopting it again is the same work and what came since.
fn beginning(opened: &Opened, rev: &str) -> Result<String, VcsError> {
    if rev.contains(['~', '^']) { Ok(commit_of(opened, rev)?) } else { end(opened, rev) }
}

/// A revision that goes on with its branch.
fn end(opened: &Opened, rev: &str) -> Result<String, VcsError> {
    if let Some(rest) = after_head(rev) {
        return match opened.branch() {
            Some(branch) => Ok(format!("{}{rest}", typed(opened, "refs/heads/", &branch))),
            None => commit_of(opened, if rev.is_empty() { "HEAD" } else { rev }),
        };
    }
    if !rev.contains("@{") {
        return Ok(rev.to_owned());
    }
    // `@{upstream}`, `@{-1}`: a branch by another name; `main@{yesterday}`: a commit
    let reference = opened.repo.revparse_ext(rev).map_err(|_| no_such(opened, rev))?.1;
    let name = reference.as_ref().and_then(|reference| reference.name().ok());
    let known = ["refs/heads/", "refs/remotes/"];
    match known.iter().find_map(|folder| Some((*folder, name?.strip_prefix(folder)?))) {
        Some((folder, short)) => Ok(typed(opened, folder, short)),
        None => commit_of(opened, rev),
    }
}

fn commit_of(opened: &Opened, rev: &str) -> Result<String, VcsError> {
    Ok(to_id(commit_named(opened, rev)?.0.id()).to_string())
}

/// A branch as it is typed: by its short name, where no tag has the same.
fn typed(opened: &Opened, folder: &str, short: &str) -> String {
    let whole = format!("{folder}{short}");
    let meant =
        opened.repo.resolve_reference_from_short_name(short).is_ok_and(|found| found.name().ok() == Some(&whole));
    if meant { short.to_owned() } else { whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rev: &str, expected: Option<&str>) {
        assert_eq!(after_head(rev), expected, "{rev}");
    }

    #[test]
    fn what_is_told_from_head_is_known() {
        check("", Some(""));
        check("HEAD", Some(""));
        check("@", Some(""));
        check("HEAD~2", Some("~2"));
        check("@^", Some("^"));
        check("HEADLINE", None);
        check("@home", None);
        check("feature/HEAD", None);
        check("@{upstream}", None);
        check("main", None);
        assert!(follows_head("HEAD@{1}") && follows_head("@{-1}") && !follows_head("main@{1}"));
    }

    #[test]
    fn a_range_has_two_ends() {
        assert_eq!(ends("main..topic"), Some(("main", "..", "topic")));
        assert_eq!(ends("main...topic"), Some(("main", "...", "topic")));
        assert_eq!(ends("..topic"), Some(("", "..", "topic")));
        assert_eq!(ends("main"), None);
    }
}
