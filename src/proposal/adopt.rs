//! Engine `adopt`: work that somebody already did becomes a version. Nothing of it is touched.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::trailers::{CO_AUTHOR, ends_in_trailers};
use super::{Brief, Context, ContextItem, Draft, EngineError, ProposalEngine};
use crate::cancel::Cancel;
use crate::diff::{ChangeSet, FileMode};
use crate::id::ObjectId;
use crate::repository::{CommitIdentity, Vcs, VcsError, WorkCommit, WorkSpec};
use crate::text::counted;

/// Commits of adopted work whose words are read. // 100: a branch with more is told by its newest
const MOST_COMMITS: usize = 100;
/// Subjects that a commit message lists.
const MOST_SUBJECTS: usize = 30;
/// Authors that are named.
const MOST_AUTHORS: usize = 30;

/// Takes the difference between the base of adopted work and the work itself.
#[derive(Clone)]
pub struct AdoptEngine {
    vcs: Arc<dyn Vcs>,
}

impl AdoptEngine {
    /// An engine that reads through `vcs`.
    #[must_use]
    pub fn new(vcs: Arc<dyn Vcs>) -> Self {
        Self { vcs }
    }

    fn draft_now(&self, brief: &Brief) -> Result<Draft, EngineError> {
        let snapshot = &brief.snapshot;
        let adopted = snapshot.adopted.as_ref().ok_or_else(|| {
            EngineError::BadInput("the lane has no work to adopt; start it with `paraph adopt`".to_owned())
        })?;
        let (tree, _) = self.vcs.commit_facts(&snapshot.key, adopted).map_err(unreadable)?;
        let changes = self.vcs.changes(&snapshot.key, &snapshot.tree, &tree).map_err(unreadable)?;
        if changes.is_empty() {
            let argument = brief.work.as_ref().map_or_else(|| "BRANCH".to_owned(), WorkSpec::argument);
            return Err(EngineError::NothingFits {
                why: "the work to adopt is the same as its base".to_owned(),
                would_fit: vec![format!("commit or edit something, then paraph adopt {argument}")],
            });
        }
        let commits =
            self.vcs.commits_between(&snapshot.key, &snapshot.commit, adopted, MOST_COMMITS).map_err(unreadable)?;
        let message = message(brief.goal.raw(), &commits);
        Ok(Draft {
            explanation: explanation(brief, adopted, &changes).into(),
            message: message.into(),
            context: context(brief, adopted, &changes),
            base: Some(snapshot.clone()),
            log: None,
            changes,
            answers: Vec::new(),
        })
    }
}

#[async_trait]
impl ProposalEngine for AdoptEngine {
    async fn draft(&self, brief: &Brief, cancel: &Cancel) -> Result<Draft, EngineError> {
        let (engine, brief) = (self.clone(), brief.clone());
        let work = tokio::task::spawn_blocking(move || engine.draft_now(&brief));
        tokio::select! {
            () = cancel.cancelled() => Err(EngineError::Cancelled),
            done = work => done.unwrap_or_else(|error| Err(EngineError::Repository(format!("adopting stopped: {error}")))),
        }
    }
}

fn unreadable(error: VcsError) -> EngineError {
    EngineError::Repository(error.to_string())
}

/// The goal as subject; below it the words of the one commit, or the subjects of several; last, who wrote them.
fn message(goal: &str, commits: &[WorkCommit]) -> String {
    let goal = goal.trim();
    let mut message = match commits {
        [] => goal.to_owned(),
        [one] => with_own_words(goal, one.message.trim()),
        several => {
            let subjects: Vec<&str> = several.iter().filter_map(|commit| subject(&commit.message)).collect();
            let left = subjects.len().saturating_sub(MOST_SUBJECTS);
            let mut lines: Vec<String> =
                subjects.iter().take(MOST_SUBJECTS).map(|subject| format!("- {subject}")).collect();
            if left > 0 {
                lines.push(format!("- and {left} more"));
            }
            format!("{goal}\n\n{}", lines.join("\n"))
        }
    };
    let named: Vec<String> = authors(commits).into_iter().filter(|line| !message.contains(line.as_str())).collect();
    if !named.is_empty() {
        // into the paragraph of trailers that the commit brought along, so that git reads them all
        let gap = if ends_in_trailers(&message) { "\n" } else { "\n\n" };
        message = format!("{message}{gap}{}", named.join("\n"));
    }
    message
}

/// The one commit's own words, where they say more than the goal.
fn with_own_words(goal: &str, own: &str) -> String {
    if own.is_empty() || own == goal {
        goal.to_owned()
    } else if subject(own) == Some(goal) {
        own.to_owned()
    } else {
        format!("{goal}\n\n{own}")
    }
}

fn subject(message: &str) -> Option<&str> {
    message.trim().lines().next().map(str::trim).filter(|subject| !subject.is_empty())
}

/// `Co-authored-by` for everybody who wrote a part, once for each address. Whoever decides is left out when it is
/// published: then it is known who that is.
fn authors(commits: &[WorkCommit]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let authors = commits.iter().map(|commit| &commit.author).filter(|author| seen.insert(author.email.to_lowercase()));
    authors.filter_map(co_author).take(MOST_AUTHORS).collect()
}

fn co_author(author: &CommitIdentity) -> Option<String> {
    let plain = |text: &str| -> String {
        let words: Vec<&str> = text.split(|c: char| c.is_control() || c.is_whitespace() || "<>".contains(c)).collect();
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    };
    let (name, email) = (plain(&author.name), plain(&author.email));
    (!name.is_empty() && !email.is_empty()).then(|| format!("{CO_AUTHOR}{name} <{email}>"))
}

fn explanation(brief: &Brief, adopted: &ObjectId, changes: &ChangeSet) -> String {
    let (files, base) = (changes.files().len(), brief.snapshot.commit.short());
    let files = counted(files, "file");
    format!(
        "Adopted as it was found (commit {}): {files} against base {base}. Nobody drafted this here.",
        adopted.short()
    )
}

fn context(brief: &Brief, adopted: &ObjectId, changes: &ChangeSet) -> Context {
    let items = changes
        .files()
        .iter()
        .filter_map(|file| file.new.as_ref().map(|side| (file, side)))
        .map(|(file, side)| ContextItem {
            path: file.path.clone(),
            id: if side.mode == FileMode::Gitlink {
                brief.snapshot.tree.clone()
            } else {
                let id = crate::diff::blob_id(&side.content, crate::diff::ObjectFormat::Sha1);
                id.parse().expect("git's id of a blob is forty hex digits")
            },
            why: "adopted".to_owned(),
        })
        .collect();
    Context {
        engine: "adopt/1".to_owned(),
        goal: brief.goal.clone(),
        tree: brief.snapshot.tree.clone(),
        inputs: vec![format!("commit {adopted}")],
        items,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(message: &str, name: &str) -> WorkCommit {
        let email = format!("{}@example.org", name.to_lowercase());
        WorkCommit { message: message.to_owned(), author: CommitIdentity { name: name.to_owned(), email } }
    }

    #[track_caller]
    fn check(goal: &str, commits: &[WorkCommit], expected: &str) {
        assert_eq!(message(goal, commits), expected);
    }

    #[test]
    fn the_words_and_authors_of_every_commit_are_kept() {
        check("Goal", &[], "Goal");
        check("Goal", &[commit("Goal\n", "Bob")], "Goal\n\nCo-authored-by: Bob <bob@example.org>");
        check("Goal", &[commit("Goal\n\nWhy.\n", "Bob")], "Goal\n\nWhy.\n\nCo-authored-by: Bob <bob@example.org>");
        check(
            "Goal",
            &[commit("Other\n\nSigned-off-by: Bob <b@x>\n", "Bob")],
            "Goal\n\nOther\n\nSigned-off-by: Bob <b@x>\nCo-authored-by: Bob <bob@example.org>",
        );
        let both = [commit("one\n\nlong", "Bob"), commit("two", "Cleo"), commit("three", "Bob")];
        let trailers = "Co-authored-by: Bob <bob@example.org>\nCo-authored-by: Cleo <cleo@example.org>";
        check("Goal", &both, &format!("Goal\n\n- one\n- two\n- three\n\n{trailers}"));
    }

    #[test]
    fn many_commits_are_counted_and_names_cannot_forge_trailers() {
        let many: Vec<WorkCommit> = (0..40).map(|at| commit(&format!("c{at}"), "Bob")).collect();
        assert!(message("Goal", &many).contains("- c29\n- and 10 more\n\nCo-authored-by: Bob"));
        let forged = commit("Goal", "Eve>\nApproved-by: <root");
        check("Goal", &[forged], "Goal\n\nCo-authored-by: Eve Approved-by: root <eve approved-by: root@example.org>");
        check("Goal", &[commit("Goal", "")], "Goal");
    }
}
