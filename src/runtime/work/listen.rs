//! Progress of checks as notices, and where their output grows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::broadcast;

use crate::api::{LogView, Notice};
use crate::id::{Digest, HostPath, SessionId, Version};
use crate::proposal::DraftListener;
use crate::runtime::views::check_view;
use crate::validation::{CheckResult, CheckStatus, Progress};

/// At most ten notices a second for each check.
const LOOK_EVERY: Duration = Duration::from_millis(100);

type Logs = BTreeMap<(SessionId, String, String), Growing>;

/// A file that grows, and whether that is a run on the base.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Growing {
    path: PathBuf,
    on_base: bool,
}

/// Where the output of running checks grows. Clones share it.
#[derive(Debug, Clone, Default)]
pub(in crate::runtime) struct LiveLogs(Arc<Mutex<Logs>>);

impl LiveLogs {
    /// Every check of a session that runs now, as clients see it.
    pub(in crate::runtime) fn of(&self, session: SessionId) -> Vec<LogView> {
        let logs = self.lock();
        let of = logs.iter().filter(|((id, ..), _)| *id == session);
        of.map(|((_, repo, check), growing)| LogView {
            repo: repo.clone(),
            check: check.clone(),
            status: CheckStatus::Running,
            live: Some(HostPath::new(&growing.path)),
            on_base: growing.on_base,
            log: None,
            base_log: None,
        })
        .collect()
    }

    /// Something's output grows in `path` from now on.
    pub(in crate::runtime) fn begin(&self, session: SessionId, repo: &str, name: &str, path: &std::path::Path) {
        let growing = Growing { path: path.to_owned(), on_base: false };
        self.lock().insert((session, repo.to_owned(), name.to_owned()), growing);
    }

    /// It does not any more.
    pub(in crate::runtime) fn end(&self, session: SessionId, repo: &str, name: &str) {
        self.lock().remove(&(session, repo.to_owned(), name.to_owned()));
    }

    fn lock(&self) -> MutexGuard<'_, Logs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name under which what an engine's program says is followed, as a check's output is.
pub(in crate::runtime) const DRAFT_LOG: &str = "draft";

/// Tells how what an engine's program says grows. Dropped, none runs any more.
pub(super) struct DraftWatch {
    of: Listener,
    kept: Mutex<Option<Digest>>,
}

impl DraftWatch {
    pub(super) fn new(worker: &super::Worker, session: SessionId, version: Version, repo: &str) -> Self {
        let of = Listener {
            session,
            version,
            repo: repo.to_owned(),
            notices: worker.notices.clone(),
            live_logs: worker.live_logs.clone(),
            handle: Handle::current(),
        };
        Self { of, kept: Mutex::default() }
    }

    /// What the engine's program said, once it is kept.
    pub(super) fn log(&self) -> Option<Digest> {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DraftListener for DraftWatch {
    fn growing(&self, log: &Path) {
        self.of.live_logs.lock().insert(self.of.key(DRAFT_LOG), Growing { path: log.to_owned(), on_base: false });
        let _ = self.of.notices.send(Notice::CheckStarted {
            session: self.of.session,
            version: self.of.version,
            repo: self.of.repo.clone(),
            check: DRAFT_LOG.to_owned(),
            on_base: false,
            log: HostPath::new(log),
        });
        self.of.watch(DRAFT_LOG, log.to_owned());
    }

    fn kept(&self, log: Digest) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(log);
    }
}

/// Turns the progress of one lane's checks into notices. Dropped, none of them runs any more.
pub(super) struct Listener {
    pub(super) session: SessionId,
    pub(super) version: Version,
    pub(super) repo: String,
    pub(super) notices: broadcast::Sender<Notice>,
    pub(super) live_logs: LiveLogs,
    /// Where the watchers run; checks report from any thread.
    pub(super) handle: Handle,
}

impl Listener {
    fn key(&self, check: &str) -> (SessionId, String, String) {
        (self.session, self.repo.clone(), check.to_owned())
    }

    /// Tells how a log grows, as long as it is the one that grows.
    fn watch(&self, check: &str, log: PathBuf) {
        let (notices, live_logs, key) = (self.notices.clone(), self.live_logs.clone(), self.key(check));
        self.handle.spawn(async move {
            let mut told = 0;
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                if live_logs.lock().get(&key).map(|growing| &growing.path) != Some(&log) {
                    return;
                }
                let size = tokio::fs::metadata(&log).await.map_or(told, |file| file.len());
                if size > told {
                    told = size;
                    let (session, check) = (key.0, key.2.clone());
                    let _ = notices.send(Notice::LogGrew { session, check, log: HostPath::new(&log), size });
                }
            }
        });
    }
}

impl Progress for Listener {
    fn started(&self, check: &str, on_base: bool, log: PathBuf) {
        self.live_logs.lock().insert(self.key(check), Growing { path: log.clone(), on_base });
        let _ = self.notices.send(Notice::CheckStarted {
            session: self.session,
            version: self.version,
            repo: self.repo.clone(),
            check: check.to_owned(),
            on_base,
            log: HostPath::new(&log),
        });
        self.watch(check, log);
    }

    fn finished(&self, result: &CheckResult) {
        self.live_logs.lock().remove(&self.key(&result.name));
        let check = Box::new(check_view(self.repo.clone(), result));
        let _ = self.notices.send(Notice::CheckFinished { session: self.session, version: self.version, check });
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.live_logs.lock().retain(|(session, repo, _), _| *session != self.session || *repo != self.repo);
    }
}
