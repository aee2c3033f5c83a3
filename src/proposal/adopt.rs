//! Engine `adopt`: work that somebody already did becomes a version. Nothing of it is touched.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Brief, Context, ContextItem, Draft, EngineError, ProposalEngine};
use crate::cancel::Cancel;
use crate::diff::{ChangeSet, FileMode};
use crate::id::ObjectId;
use crate::repository::{Vcs, VcsError};

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
        let (tree, commit_message) = self.vcs.commit_facts(&snapshot.key, adopted).map_err(unreadable)?;
        let changes = self.vcs.changes(&snapshot.key, &snapshot.tree, &tree).map_err(unreadable)?;
        if changes.is_empty() {
            return Err(EngineError::NothingFits {
                why: "the work to adopt is the same as its base".to_owned(),
                would_fit: vec!["commit or edit something, then paraph adopt again".to_owned()],
            });
        }
        let message = message(brief, &commit_message);
        Ok(Draft {
            explanation: explanation(brief, adopted, &changes).into(),
            message: message.into(),
            context: context(brief, adopted, &changes),
            base: Some(snapshot.clone()),
            changes,
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

/// The goal as subject, and the adopted commit's own words below it where they say more.
fn message(brief: &Brief, commit_message: &str) -> String {
    let goal = brief.goal.raw().trim();
    let own = commit_message.trim();
    if own.is_empty() || own == goal {
        goal.to_owned()
    } else if own.lines().next().is_some_and(|subject| subject.trim() == goal) {
        own.to_owned()
    } else {
        format!("{goal}\n\n{own}")
    }
}

fn explanation(brief: &Brief, adopted: &ObjectId, changes: &ChangeSet) -> String {
    let (files, base) = (changes.files().len(), brief.snapshot.commit.short());
    let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
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
