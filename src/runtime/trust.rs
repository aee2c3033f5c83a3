//! Which repositories may run their own commands: in memory, so that a revocation counts at once whatever the store does.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use crate::id::HostPath;
use crate::repository::Source;

use super::house::HouseEvent;

/// The trusted repositories by their tops. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Trust(Arc<RwLock<BTreeSet<String>>>);

impl Trust {
    /// These are trusted.
    pub(super) fn of(tops: impl IntoIterator<Item = String>) -> Self {
        Self(Arc::new(RwLock::new(tops.into_iter().collect())))
    }

    /// Whether the repository is trusted.
    pub(super) fn has(&self, top: &HostPath) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&top.to_string())
    }

    /// Follows a recorded event.
    pub(super) fn follow(&self, event: &HouseEvent) {
        let mut tops = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match event {
            HouseEvent::Trusted { path, .. } => tops.insert(path.to_string()),
            HouseEvent::TrustRevoked { path, .. } => tops.remove(&path.to_string()),
        };
    }
}

/// What names a repository for trust: the top of its worktree, or its address.
pub(super) fn top_of(source: &Source) -> HostPath {
    match source {
        Source::Path(path) => path.clone(),
        Source::Url(url) => HostPath::new(PathBuf::from(url)),
    }
}

/// The repository that a person meant: what looks like an address is one.
pub(super) fn source_of(meant: &HostPath) -> Source {
    let text = meant.to_string();
    // what is there is meant, whatever it looks like
    if Source::is_address(&text) && !meant.as_path().exists() { Source::Url(text) } else { Source::Path(meant.clone()) }
}
