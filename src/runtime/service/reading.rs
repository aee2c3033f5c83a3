//! Reading around a change: definitions, whole files, who wrote a line. Nothing here moves a session.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::api::{
    BlameRequest, BlameView, BlobRef, DefinitionView, DefinitionsRequest, DefinitionsView, Failure, FailureKind, Side,
    SourceRequest, SourceView,
};
use crate::cancel::Cancel;
use crate::id::{LaneId, ObjectId, RepoPath, SessionRef, Version};
use crate::indexing::{Focus, IndexError};
use crate::repository::{RepoKey, VcsError};
use crate::session::Session;

use super::{Runtime, answer, blocking, vcs_failure};

/// The most names of one question: a line of code has fewer.
const MOST_NAMES: usize = 64;
/// The most definitions of one answer.
const MOST_DEFINITIONS: usize = 200;
/// The largest file that is shown whole, in bytes.
const LARGEST_SOURCE: u64 = 8 << 20;
/// How long an index may take that nobody made before: a tree of a hundred thousand files.
const INDEX_PATIENCE: Duration = Duration::from_secs(30);
/// Lines whose origin is remembered.
const REMEMBERED: usize = 4096;

/// A line of a commit's file.
type Line = (RepoKey, ObjectId, RepoPath, u32);

/// Origins of lines, which never change, and how many are looked for at once.
pub(super) struct Blames {
    known: Mutex<HashMap<Line, BlameView>>,
    /// Two: each may read a history, and checks want the machine too.
    places: Semaphore,
}

impl Default for Blames {
    fn default() -> Self {
        Self { known: Mutex::default(), places: Semaphore::new(2) }
    }
}

impl Blames {
    fn get(&self, line: &Line) -> Option<BlameView> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(line).cloned()
    }

    fn keep(&self, line: Line, view: BlameView) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear(); // a reader stays in a few files: those fill it again
        }
        known.insert(line, view);
    }
}

/// Stops work that nobody waits for any more, and work that takes too long.
struct Limit(Cancel);

impl Limit {
    fn of(patience: Duration) -> Self {
        let cancel = Cancel::new();
        let stopped = cancel.clone();
        tokio::spawn(async move {
            tokio::time::sleep(patience).await;
            stopped.cancel();
        });
        Self(cancel)
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Runtime {
    pub(super) async fn definitions(&self, asked: DefinitionsRequest) -> Result<DefinitionsView, Failure> {
        if asked.names.len() > MOST_NAMES {
            let message = format!("{} names are too many; the most is {MOST_NAMES}", asked.names.len());
            return Err(Failure::new(FailureKind::Usage, message).hint("ask for the names of one line"));
        }
        let (session, version, lane) = self.meant(asked.session, asked.repo.as_deref()).await?;
        let (key, tree) = tree_of(&session, version, lane, asked.side)?;
        let limit = Limit::of(INDEX_PATIENCE);
        let (shared, cancel) = (self.shared.clone(), limit.0.clone());
        blocking(move || {
            let ports = &shared.ports;
            let tree = ports.vcs.tree(&key, &tree).map_err(|error| vcs_failure(&error))?;
            let index = ports.index.index(tree.as_ref(), &Focus::default(), &cancel).map_err(|error| match error {
                IndexError::Cancelled => {
                    let message = format!("indexing took longer than {} s", INDEX_PATIENCE.as_secs());
                    Failure::new(FailureKind::TimedOut, message).hint("paraph index")
                }
                error => Failure::from_error(FailureKind::Failed, &error),
            })?;
            let found = asked.names.iter().flat_map(|name| index.definitions_of(name));
            let mut definitions: Vec<DefinitionView> = found
                .map(|site| DefinitionView {
                    name: site.name.into(),
                    kind: site.kind.name().to_owned(),
                    path: site.file.path.clone(),
                    line: site.line,
                    end_line: site.end_line,
                })
                .collect();
            let more = definitions.len().saturating_sub(MOST_DEFINITIONS);
            definitions.truncate(MOST_DEFINITIONS);
            Ok(DefinitionsView { definitions, more: u32::try_from(more).unwrap_or(u32::MAX) })
        })
        .await
    }

    pub(super) async fn source(&self, asked: SourceRequest) -> Result<SourceView, Failure> {
        let (session, version, lane) = self.meant(asked.session, asked.repo.as_deref()).await?;
        let (key, tree) = tree_of(&session, version, lane, asked.side)?;
        let shared = self.shared.clone();
        blocking(move || {
            let failed = |error: VcsError| vcs_failure(&error);
            let tree = shared.ports.vcs.tree(&key, &tree).map_err(failed)?;
            let entry = tree.entry(&asked.path).map_err(|error| failed(error.into()))?.ok_or_else(|| {
                Failure::new(FailureKind::NotFound, format!("there is no file `{}` on that side", asked.path))
                    .hint(format!("paraph show {}", session.asked.id))
            })?;
            let size = tree.size(&entry).map_err(|error| failed(error.into()))?;
            if size > LARGEST_SOURCE {
                let message = format!("`{}` has {size} bytes; the most that is shown is {LARGEST_SOURCE}", asked.path);
                return Err(Failure::new(FailureKind::Refused, message).hint("open it in an editor"));
            }
            let content = tree.content(&entry).map_err(|error| failed(error.into()))?;
            let kept = shared.ports.blobs.put(&content);
            let digest = kept.map_err(|error| Failure::from_error(FailureKind::Failed, &error).hint(error.hint()))?;
            Ok(SourceView { path: asked.path, content: BlobRef { digest, size } })
        })
        .await
    }

    pub(super) async fn blame(&self, asked: BlameRequest) -> Result<BlameView, Failure> {
        let (session, version, lane) = self.meant(asked.session, asked.repo.as_deref()).await?;
        let base = session.base_of(lane, version).ok_or_else(|| no_tree(&session))?;
        let line = (base.key.clone(), base.commit.clone(), asked.path, asked.line);
        if let Some(known) = self.shared.blames.get(&line) {
            return Ok(known);
        }
        let _place = self.shared.blames.places.acquire().await;
        let cancel = Limit(Cancel::new());
        let (shared, stop) = (self.shared.clone(), cancel.0.clone());
        blocking(move || {
            let (key, commit, path, number) = &line;
            let origin =
                shared.ports.vcs.blame(key, commit, path, *number, &stop).map_err(|error| vcs_failure(&error))?;
            let view = BlameView {
                commit: origin.commit,
                author: origin.author.name.into(),
                at: origin.at,
                subject: origin.subject.into(),
                path: origin.place.0,
                line: origin.place.1,
                oldest_known: origin.oldest_known,
            };
            shared.blames.keep(line, view.clone());
            Ok(view)
        })
        .await
    }

    async fn meant(&self, of: SessionRef, repo: Option<&str>) -> Result<(Arc<Session>, Version, LaneId), Failure> {
        let session = self.session(of.session).await?;
        let version = answer::version_of(&session, of)?;
        let lane = answer::lane_of(&session, version, repo)?;
        Ok((session, version, lane))
    }
}

/// The tree of a side, and the private repository that reaches it.
fn tree_of(session: &Session, version: Version, lane: LaneId, side: Side) -> Result<(RepoKey, ObjectId), Failure> {
    let base = session.base_of(lane, version).ok_or_else(|| no_tree(session))?;
    let tree = match side {
        Side::Old => base.tree.clone(),
        Side::New => {
            let applied = session.patch_set(lane, version).and_then(|set| set.applied.as_ref());
            applied.map(|(tree, ..)| tree.clone()).ok_or_else(|| no_tree(session))?
        }
    };
    Ok((base.key.clone(), tree))
}

fn no_tree(session: &Session) -> Failure {
    Failure::new(FailureKind::Refused, "there is no tree of it yet").hint(format!("paraph watch {}", session.asked.id))
}
