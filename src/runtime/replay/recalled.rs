//! A policy that has held keys from the record alone: whoever replays it need not have them, and may have others.

use std::sync::{Arc, Mutex, PoisonError};

use crate::diff::ChangeSet;
use crate::policy::{Policy, PolicySettings, Violation, with_recorded};
use crate::repository::{Tree, TreeError};

/// Judges by another policy, and finds the keys that were found.
pub(super) struct Recalled {
    policy: Arc<dyn Policy>,
    /// Of the change that is judged next.
    recorded: Mutex<Vec<Violation>>,
}

impl Recalled {
    pub(super) fn new(policy: Arc<dyn Policy>) -> Self {
        Self { policy, recorded: Mutex::default() }
    }

    /// What is judged from now on came to these violations.
    pub(super) fn recall(&self, recorded: &[Violation]) {
        *self.recorded.lock().unwrap_or_else(PoisonError::into_inner) = recorded.to_vec();
    }
}

impl Policy for Recalled {
    fn judge(
        &self,
        changes: &ChangeSet,
        base: &dyn Tree,
        settings: &PolicySettings,
    ) -> Result<Vec<Violation>, TreeError> {
        let found = self.policy.judge(changes, base, settings)?;
        Ok(with_recorded(found, &self.recorded.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}
