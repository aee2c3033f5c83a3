//! Adapters that take a while to make and are not needed to start: the first to need one makes it, and a thread of its
//! own sees to it meanwhile. A start does not wait for the confinement's probe, the index cache or the rules.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;

use crate::api::{
    CheckPatchRequest, CheckedPatch, DoctorReport, Failure, RecoverView, ReplayView, RuleView, TimelineEntry,
    VerifyView, Workbench,
};
use crate::cancel::Cancel;
use crate::id::{Digest, HostPath, ObjectId, Seq, SessionId, SessionRef};
use crate::indexing::{CodeIndex, Focus, IndexError, IndexStrategy};
use crate::proposal::{Brief, Draft, DraftListener, EngineError, ProposalEngine};
use crate::repository::{RepoKey, Tree};
use crate::validation::{Progress, Reclaimed, ValidationJob, ValidationResult, Validator, ValidatorError};

type Make<T> = dyn Fn() -> T + Send + Sync;

/// Something that is made when it is first needed; clones share it.
pub(super) struct Later<T> {
    made: Arc<OnceLock<T>>,
    make: Arc<Make<T>>,
}

impl<T> Clone for Later<T> {
    fn clone(&self) -> Self {
        Self { made: self.made.clone(), make: self.make.clone() }
    }
}

impl<T: Send + Sync + 'static> Later<T> {
    pub(super) fn new(make: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Self { made: Arc::default(), make: Arc::new(make) }
    }

    /// It; whoever comes first makes it, and others wait.
    pub(super) fn get(&self) -> &T {
        self.made.get_or_init(|| (self.make)())
    }

    /// It, made where blocking is allowed.
    async fn made(&self) -> &T {
        if self.made.get().is_none() {
            let here = self.clone();
            // a panic in the making is met again, and told, by whoever needs it
            let _ = tokio::task::spawn_blocking(move || {
                here.get();
            })
            .await;
        }
        self.get()
    }
}

/// How long whoever started a daemon has its processors for the first answer: what is prepared takes 100 ms of one.
const FIRST_ANSWER: Duration = Duration::from_millis(300);

/// Makes everything of `work` on a thread of its own, in its order and a moment later.
pub(super) fn prepare(work: Vec<Box<dyn FnOnce() + Send>>) {
    let spawned = std::thread::Builder::new().name("paraph-prepare".to_owned()).spawn(|| {
        std::thread::sleep(FIRST_ANSWER);
        work.into_iter().for_each(|make| make());
    });
    if let Err(error) = spawned {
        tracing::warn!(%error, "adapters are made when they are first needed");
    }
}

#[async_trait]
impl<T: Validator + 'static> Validator for Later<T> {
    async fn validate(
        &self,
        job: &ValidationJob,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<ValidationResult, ValidatorError> {
        self.made().await.validate(job, progress, cancel).await
    }

    fn discard(&self, key: &RepoKey, trees: &[ObjectId]) -> Result<Reclaimed, ValidatorError> {
        self.get().discard(key, trees)
    }
}

#[async_trait]
impl<T: ProposalEngine + 'static> ProposalEngine for Later<T> {
    async fn draft(&self, brief: &Brief, cancel: &Cancel) -> Result<Draft, EngineError> {
        self.made().await.draft(brief, cancel).await
    }

    async fn draft_aloud(
        &self,
        brief: &Brief,
        listener: &dyn DraftListener,
        cancel: &Cancel,
    ) -> Result<Draft, EngineError> {
        self.made().await.draft_aloud(brief, listener, cancel).await
    }

    // a method with a default that is not passed on would be lost without a word
    fn accepts(&self, tree: &dyn Tree, rules: &[String], paths: &[String]) -> Result<(), EngineError> {
        self.get().accepts(tree, rules, paths)
    }
}

impl<T: Workbench + 'static> Workbench for Later<T> {
    fn check_patch(&self, request: &CheckPatchRequest) -> Result<CheckedPatch, Failure> {
        self.get().check_patch(request)
    }

    fn doctor(&self) -> DoctorReport {
        self.get().doctor()
    }

    fn audit_show(&self, session: Option<SessionId>, limit: Option<u64>) -> Result<Vec<TimelineEntry>, Failure> {
        self.get().audit_show(session, limit)
    }

    fn audit_verify(&self, anchors: &[(Seq, Digest)]) -> Result<VerifyView, Failure> {
        self.get().audit_verify(anchors)
    }

    fn audit_export(&self, out: &mut dyn Write) -> Result<u64, Failure> {
        self.get().audit_export(out)
    }

    fn recover(&self) -> Result<RecoverView, Failure> {
        self.get().recover()
    }

    fn replay(&self, session: SessionRef) -> Result<ReplayView, Failure> {
        self.get().replay(session)
    }

    fn repository_root(&self, path: &Path) -> Result<HostPath, Failure> {
        self.get().repository_root(path)
    }

    fn rules(&self) -> Vec<RuleView> {
        self.get().rules()
    }
}

impl<T: IndexStrategy + 'static> IndexStrategy for Later<T> {
    fn name(&self) -> &str {
        self.get().name()
    }

    fn index(&self, tree: &dyn Tree, focus: &Focus, cancel: &Cancel) -> Result<CodeIndex, IndexError> {
        self.get().index(tree, focus, cancel)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::proposal::RuleEngine;
    use crate::repository::MemoryTree;

    #[test]
    fn what_the_engine_refuses_is_refused() {
        let rules = Later::new(RuleEngine::default);
        let tree = MemoryTree::new(Vec::<(&str, crate::diff::FileSide)>::new());
        let asked = |rule: &str| rules.accepts(&tree, &[rule.to_owned()], &[]);
        assert!(asked("py-no-such-rule").is_err());
        assert!(asked("py-mutable-default").is_ok());
    }

    #[tokio::test]
    async fn it_is_made_once_whoever_comes_first() {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        let later = Later::new(move || counted.fetch_add(1, Ordering::SeqCst));
        let other = later.clone();
        assert_eq!(count.load(Ordering::SeqCst), 0);
        let (first, second) = (later.made().await, other.made().await);
        assert_eq!((*first, *second, count.load(Ordering::SeqCst)), (0, 0, 1));
    }
}
