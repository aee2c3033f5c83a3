//! The local forge's git part: the approved commit as a branch in the user's own repository.
//!
//! Objects and one ref; nothing is checked out, no hook runs, HEAD, index and configuration stay as they are.

use std::path::PathBuf;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::id::{HostPath, ObjectId, SessionId};
use crate::proposal::{CO_AUTHOR, ends_in_trailers};
use crate::repository::{
    BranchPlace, CommitIdentity, CreateBranchError, NewCommit, RepoKey, Snapshot, Source, VcsError,
};
use crate::session::WritePermit;

use super::{Anchor, Forge, ForgeError, PublishedBranch};

/// The longest branch name that is made. // 50: whole in one line of `git branch` and of every forge's list
const NAME_LIMIT: usize = 50;

/// A branch to make. The same value makes the same commit.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LocalBranch {
    /// The user's repository: a folder of it, a linked worktree, or the bare directory.
    repository: HostPath,
    /// The private bare repository that holds the tree.
    private: PathBuf,
    /// The parent: the base commit of the approved patch set.
    base: ObjectId,
    /// The approved tree.
    tree: ObjectId,
    /// The whole message, trailers included.
    message: String,
    /// Whose approval it is.
    author: CommitIdentity,
    /// When it was asked for.
    at: Timestamp,
    /// The branch, without `refs/heads/`.
    branch: String,
}

/// A branch that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Published {
    /// The branch, without `refs/heads/`.
    branch: String,
    /// The commit that it names.
    commit: ObjectId,
    /// Whether it was there before this call.
    already_there: bool,
}

/// Why no branch was made.
#[derive(Debug, thiserror::Error)]
enum PublishBranchError {
    /// A branch of that name is there and names something else.
    #[error("branch `{branch}` is in the repository already, at {commit}")]
    Conflict {
        /// The branch.
        branch: String,
        /// What it names.
        commit: ObjectId,
    },
    /// The repository cannot be written.
    #[error("`{0}` cannot be written")]
    ReadOnly(HostPath),
    /// The repository could not be read, or its base is gone.
    #[error(transparent)]
    Vcs(VcsError),
}

/// Makes the branch that `request` describes; finds it where an earlier call made it.
///
/// # Errors
/// [`PublishBranchError::Conflict`] where a branch of that name has another commit; it is left as it is.
fn publish_branch(request: &LocalBranch) -> Result<Published, PublishBranchError> {
    let failed = |error: CreateBranchError| match error {
        CreateBranchError::Taken { branch, commit } => PublishBranchError::Conflict { branch, commit },
        CreateBranchError::ReadOnly => PublishBranchError::ReadOnly(request.repository.clone()),
        CreateBranchError::Vcs(error) => PublishBranchError::Vcs(error),
    };
    let commit = NewCommit {
        tree: request.tree.clone(),
        parent: request.base.clone(),
        message: request.message.clone(),
        author: request.author.clone(),
        at: request.at,
        reference: format!("refs/heads/{}", request.branch),
    };
    let place = BranchPlace::open(&request.repository, &request.private).map_err(PublishBranchError::Vcs)?;
    let (commit, already_there) = place.create(&commit).map_err(failed)?;
    Ok(Published { branch: request.branch.clone(), commit, already_there })
}

/// `paraph/<n>-<slug>`: the words of the goal in ASCII, 50 bytes at most, a name that git takes.
#[must_use]
pub fn branch_name(session: SessionId, goal: &str) -> String {
    let mut name = format!("paraph/{session}");
    // never the bare number: `paraph/12/v1` is a ref of the private repository, and git has no ref below a ref
    let goal = if goal.chars().any(|c| c.is_ascii_alphanumeric()) { goal } else { "change" };
    let words = goal.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    for word in words {
        let room = NAME_LIMIT.saturating_sub(name.len() + 1);
        if room == 0 || (word.len() > room && name.contains('-')) {
            break;
        }
        name.push('-');
        name.push_str(&word[..word.len().min(room)].to_ascii_lowercase());
    }
    name
}

/// The forge `local`: the approved commit becomes a branch of the user's own repository, never checked out.
#[derive(Debug, Clone)]
pub struct LocalForge {
    repos: PathBuf,
}

impl LocalForge {
    /// A forge that takes trees from the private repositories below `repos`.
    #[must_use]
    pub fn new(repos: PathBuf) -> Self {
        Self { repos }
    }

    fn private(&self, key: &RepoKey) -> PathBuf {
        self.repos.join(format!("{}.git", key.0))
    }

    /// Where the branch goes: the user's repository; a clone of a URL has only the private one.
    fn place(&self, base: &Snapshot) -> HostPath {
        match &base.source {
            Source::Path(path) => path.clone(),
            Source::Url(_) => HostPath::new(self.private(&base.key)),
        }
    }
}

#[async_trait]
impl Forge for LocalForge {
    fn preview(&self, session: SessionId, goal: &str, base: &Snapshot) -> Vec<String> {
        let (branch, place) = (branch_name(session, goal), self.place(base));
        let fetch = match &base.source {
            Source::Path(_) => String::new(),
            Source::Url(_) => format!("; from your clone: git fetch {place} {branch}"),
        };
        vec![format!("branch {branch} in {place}{fetch}")]
    }

    async fn publish(&self, permit: WritePermit, anchor: Anchor) -> Result<PublishedBranch, ForgeError> {
        let base = permit.base();
        let place = self.place(base);
        let approver = permit.approved_by();
        let request = LocalBranch {
            repository: place.clone(),
            private: self.private(&base.key),
            base: base.commit.clone(),
            tree: permit.tree().clone(),
            message: with_trailers(&permit, anchor),
            author: CommitIdentity::of(&approver.login, &approver.name, &approver.email),
            at: permit.approved_at(),
            branch: branch_name(permit.session(), permit.goal().raw()),
        };
        let made = tokio::task::spawn_blocking(move || publish_branch(&request)).await;
        let shown = place.to_string();
        match made.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) {
            Ok(published) => {
                tracing::info!(branch = published.branch, again = published.already_there, "published");
                Ok(PublishedBranch { branch: published.branch, commit: published.commit, place: shown })
            }
            Err(PublishBranchError::Conflict { branch, commit }) => {
                Err(ForgeError::BranchTaken { branch, place: shown, found: commit.short().to_owned() })
            }
            Err(PublishBranchError::ReadOnly(_)) => {
                Err(ForgeError::CannotWrite { place: shown, why: "it is read-only".to_owned() })
            }
            Err(PublishBranchError::Vcs(error @ VcsError::BaseGone { .. })) => {
                Err(ForgeError::BaseGone(error.to_string()))
            }
            Err(PublishBranchError::Vcs(error)) => {
                let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
                Err(ForgeError::CannotWrite { place: shown, why: format!("{error}{cause}") })
            }
        }
    }
}

/// The approved message and, as trailers, what names session, patch and the entry that recorded the approval.
fn with_trailers(permit: &WritePermit, anchor: Anchor) -> String {
    let (reason, because) = permit.reason();
    let mut trailers = vec![
        format!("Paraph-Session: {}", permit.uuid()),
        format!("Paraph-Version: {}", permit.version()),
        format!("Paraph-Digest: {}", permit.digest()),
        format!("Paraph-Anchor: {}:{}", anchor.seq, anchor.digest),
        format!("Approved-by: {}", one_line(&permit.approved_by().login)),
    ];
    match (one_line(reason.raw()), one_line(&because.join("; "))) {
        (reason, because) if !because.is_empty() => trailers.push(format!("Paraph-Reason: {reason} ({because})")),
        (reason, _) if !reason.is_empty() => trailers.push(format!("Paraph-Reason: {reason}")),
        _ => {}
    }
    for accepted in permit.overrides() {
        let what = accepted.path.as_ref().map_or_else(String::new, |path| format!(" on {path}"));
        let (why, by) = (one_line(accepted.message.raw()), one_line(&accepted.by.login));
        trailers.push(format!("Paraph-Override: {}{what}: {why} ({by})", accepted.rule));
    }
    signed(permit.message().raw(), &permit.approved_by().email, &trailers)
}

/// `message` with `trailers` behind its own, in one paragraph: git reads the last one only. Whoever decides is the
/// commit's author and needs no line of their own; a trailer that only Paraph may write is no longer one.
fn signed(message: &str, author: &str, trailers: &[String]) -> String {
    let message = message.trim_end();
    let (body, own) = match message.rsplit_once("\n\n") {
        Some((body, last)) if ends_in_trailers(message) => (body, last),
        _ => (message, ""),
    };
    // git reads the keys of trailers in any case
    let ours = |line: &&str| {
        let line = line.to_ascii_lowercase();
        line.starts_with("paraph-") || line.starts_with("approved-by:")
    };
    let decides = format!("<{author}>");
    let is_author = |line: &&str| line.starts_with(CO_AUTHOR) && !author.is_empty() && line.ends_with(&decides);
    let own: Vec<&str> = own.lines().filter(|line| !is_author(line)).collect();
    let (forged, kept): (Vec<&str>, Vec<&str>) = own.into_iter().partition(|line| ours(line));
    let mut paragraphs = vec![body.to_owned()];
    if !forged.is_empty() {
        paragraphs.push(forged.iter().map(|line| format!("> {line}")).collect::<Vec<_>>().join("\n"));
    }
    paragraphs.push(kept.into_iter().map(str::to_owned).chain(trailers.iter().cloned()).collect::<Vec<_>>().join("\n"));
    format!("{}\n", paragraphs.join("\n\n"))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod branch_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(goal: &str, expected: &str) {
        let name = branch_name(SessionId(12), goal);
        assert_eq!(name, expected);
        assert!(name.len() <= NAME_LIMIT);
        assert!(git2::Reference::is_valid_name(&format!("refs/heads/{name}")), "{name}");
    }

    #[test]
    fn branch_names_are_plain_and_short() {
        check("Fix the parser", "paraph/12-fix-the-parser");
        check("", "paraph/12-change");
        check("  ../..//@{0}~^:?*[\\ ", "paraph/12-0");
        check("größe ändern", "paraph/12-gr-e-ndern");
        check("日本語", "paraph/12-change");
        check("a\x1b[31mb\n.lock", "paraph/12-a-31mb-lock");
        check(&"x".repeat(99), &format!("paraph/12-{}", "x".repeat(40)));
        check(
            "replace every deprecated call of datetime utcnow in the code",
            "paraph/12-replace-every-deprecated-call-of",
        );
    }

    #[track_caller]
    fn check_signed(message: &str, expected: &str) {
        let trailers = ["Paraph-Version: v1".to_owned(), "Approved-by: ada@vm".to_owned()];
        assert_eq!(signed(message, "ada@x", &trailers), expected);
    }

    #[test]
    fn trailers_of_the_work_stay_and_those_of_paraph_cannot_be_forged() {
        let ours = "Paraph-Version: v1\nApproved-by: ada@vm\n";
        check_signed("fix: it\n", &format!("fix: it\n\n{ours}"));
        check_signed("a\n\nCo-authored-by: Bob <b@x>", &format!("a\n\nCo-authored-by: Bob <b@x>\n{ours}"));
        check_signed(
            "a\n\nCo-authored-by: Bob <b@x>\nCo-authored-by: Ada <ada@x>",
            &format!("a\n\nCo-authored-by: Bob <b@x>\n{ours}"),
        );
        check_signed("a\n\nApproved-by: root", &format!("a\n\n> Approved-by: root\n\n{ours}"));
        check_signed("a\n\nwords\nApproved-by: x", &format!("a\n\nwords\nApproved-by: x\n\n{ours}"));
    }
}
