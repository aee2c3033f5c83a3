//! Why work that is owed does not go on: what no event tells, because it changes from moment to moment, or because
//! nothing can be recorded while it lasts.

use std::collections::BTreeMap;
use std::path::Path;

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
}

impl Held {
    /// Why this session does not go on, where it would.
    fn reason(&self, id: SessionId, needs_me: bool) -> Option<String> {
        if let Some(trouble) = &self.trouble {
            return Some(trouble.clone());
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
