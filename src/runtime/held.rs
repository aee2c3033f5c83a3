//! Why work that is owed does not go on: what no event tells, because it changes from moment to moment, or because
//! nothing can be recorded while it lasts.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::api::{SessionRow, SessionView, StatusView};
use crate::audit::JournalError;
use crate::id::SessionId;
use crate::text::counted;

/// What holds sessions up at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Why nothing can be recorded.
    pub(super) trouble: Option<String>,
    /// Sessions that only wait for a place for their checks, and how many checks come before.
    pub(super) queued: BTreeMap<SessionId, usize>,
    /// Sessions whose model gave no answer and is asked again later, in words.
    pub(super) paused: BTreeMap<SessionId, String>,
}

/// Waits before a model is asked again. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Pauses(Arc<Mutex<BTreeMap<SessionId, Pause>>>);

#[derive(Debug)]
struct Pause {
    /// Of the monotonic clock.
    until: Duration,
    next: u32,
    why: String,
}

impl Pauses {
    /// The session's model is asked for the `next` time at `until`.
    pub(super) fn begin(&self, session: SessionId, until: Duration, next: u32, why: &str) {
        self.lock().insert(session, Pause { until, next, why: why.to_owned() });
    }

    /// It is asked.
    pub(super) fn end(&self, session: SessionId) {
        self.lock().remove(&session);
    }

    /// What each waits for, at `now`.
    pub(super) fn at(&self, now: Duration) -> BTreeMap<SessionId, String> {
        let words = |pause: &Pause| {
            let seconds = pause.until.saturating_sub(now).as_secs_f64().ceil();
            format!("waiting {seconds} s before try {}: {}", pause.next, pause.why)
        };
        self.lock().iter().map(|(session, pause)| (*session, words(pause))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SessionId, Pause>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Why this session does not go on, where it would.
    fn reason(&self, id: SessionId, needs_me: bool) -> Option<String> {
        if let Some(trouble) = &self.trouble {
            return Some(trouble.clone());
        }
        // what stands still for a person says so, though another piece of it waits for its model
        if let Some(words) = self.paused.get(&id).filter(|_| !needs_me) {
            return Some(words.clone());
        }
        let behind = self.queued.get(&id).filter(|_| !needs_me)?;
        Some(format!("queued behind {}", counted(*behind, "check")))
    }

    /// Says so in a row of the inbox.
    pub(super) fn tell_in_row(&self, row: &mut SessionRow) {
        if row.running
            && let Some(reason) = self.reason(row.id, row.needs_me)
        {
            row.reason = reason.into();
        }
    }

    /// Says so in the view of a session that owes work.
    pub(super) fn tell_in_view(&self, view: &mut SessionView) {
        if let Some(reason) = self.reason(view.id, view.needs_me) {
            view.reason = reason.into();
        }
    }

    /// Says so of the whole service.
    pub(super) fn tell_in_status(self, status: &mut StatusView) {
        let sessions = self.queued.len();
        let queued = self
            .queued
            .values()
            .min()
            .map(|first| format!("{} queued behind {}", counted(sessions, "session"), counted(*first, "check")));
        status.held = self.trouble.or(queued);
    }
}

/// What a person reads while the journal takes nothing. It is offered again all the time.
pub(super) fn trouble_of(error: &JournalError) -> String {
    match error {
        JournalError::NoSpace { path, .. } => {
            let folder = path.parent().unwrap_or(Path::new("/"));
            format!("no space left on {}; free some, it goes on by itself", folder.display())
        }
        error => {
            let cause = std::error::Error::source(error).map_or_else(String::new, |cause| format!(": {cause}"));
            format!("{error}{cause}; it is tried again by itself")
        }
    }
}
