//! The workbench: what works without a daemon. It reads repositories, the journal and the machine.
//!
//! Nothing here changes a session. The two verbs that write do what a person typed: `check-patch --write-tree` stores
//! a tree, `recover` sets damage aside and rebuilds the store.

mod audit;
#[cfg(test)]
mod audit_tests;
mod check_patch;
#[cfg(test)]
mod check_patch_tests;
mod doctor;
#[cfg(test)]
mod doctor_tests;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::api::{
    CheckPatchRequest, CheckedPatch, DoctorReport, Failure, FailureKind, RecoverView, ReplayView, RuleView,
    TimelineEntry, VerifyView, Workbench,
};
use crate::clock::Clock;
use crate::id::{Digest, HostPath, Ids, Seq, SessionId, SessionRef};
use crate::policy::{Policy, PolicySettings};
use crate::repository::{PatchBench, Source, VcsError};

use super::ports::{Ports, Settings};
use super::start::Home;

pub(super) use check_patch::parse_hint;
pub use doctor::{ConfinementFacts, DaemonFacts, MachineFacts};

/// What a workbench is made of.
pub struct WorkbenchParts {
    /// The data directory; it need not be there.
    pub home: Home,
    /// Reads the user's repositories.
    pub vcs: Arc<dyn PatchBench>,
    /// Finds violations.
    pub policy: Arc<dyn Policy>,
    /// The user's policy.
    pub policy_settings: PolicySettings,
    /// The longest a check may take: what a repository's configuration is read against.
    pub max_check: Duration,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Fresh names.
    pub ids: Arc<dyn Ids>,
    /// Looks at the machine; asked by `doctor` only, because it starts programs.
    pub machine: Arc<dyn Fn() -> MachineFacts + Send + Sync>,
    /// The adapters of the home, and the user's settings; asked by `replay` only.
    pub adapters: Arc<dyn Fn() -> (Ports, Settings) + Send + Sync>,
}

/// The workbench on this machine.
pub struct LocalWorkbench {
    parts: WorkbenchParts,
}

impl LocalWorkbench {
    /// A workbench of these parts.
    #[must_use]
    pub fn new(parts: WorkbenchParts) -> Self {
        Self { parts }
    }
}

impl Workbench for LocalWorkbench {
    fn check_patch(&self, request: &CheckPatchRequest) -> Result<CheckedPatch, Failure> {
        check_patch::check_patch(&self.parts, request)
    }

    fn doctor(&self) -> DoctorReport {
        doctor::doctor(&self.parts)
    }

    fn audit_show(&self, session: Option<SessionId>, limit: Option<u64>) -> Result<Vec<TimelineEntry>, Failure> {
        audit::show(&self.parts.home, session, limit)
    }

    fn audit_verify(&self, anchors: &[(Seq, Digest)]) -> Result<VerifyView, Failure> {
        audit::check(&self.parts.home, anchors)
    }

    fn audit_export(&self, out: &mut dyn Write) -> Result<u64, Failure> {
        audit::write_all(&self.parts.home, out)
    }

    fn recover(&self) -> Result<RecoverView, Failure> {
        audit::recover(&self.parts)
    }

    fn replay(&self, session: SessionRef) -> Result<ReplayView, Failure> {
        let (ports, settings) = (self.parts.adapters)();
        super::replay::replay(&self.parts.home, &ports, &settings, session)
    }

    fn rules(&self) -> Vec<RuleView> {
        let view = |rule: &crate::syntax::structural::Rule| RuleView {
            id: rule.id.clone(),
            languages: rule.languages().map(|language| language.name().to_owned()).collect(),
            tags: rule.metadata.tags.clone(),
            message: rule.message.clone(),
        };
        let mut rules: Vec<RuleView> =
            crate::proposal::catalogue().rules().iter().map(|rule| view(rule.as_ref())).collect();
        rules.sort_by(|one, other| (&one.languages, &one.id).cmp(&(&other.languages, &other.id)));
        rules
    }

    fn repository_root(&self, path: &Path) -> Result<HostPath, Failure> {
        let source = Source::Path(HostPath::new(path));
        Ok(self.parts.vcs.facts(&source).map_err(|error| vcs_failure(&error))?.root)
    }
}

/// A failure of version control, with what to type.
fn vcs_failure(error: &VcsError) -> Failure {
    let kind = match error {
        VcsError::NotARepository(_) | VcsError::Unborn(_) | VcsError::NoSuchRevision { .. } => FailureKind::NotFound,
        _ => FailureKind::Failed,
    };
    let failure = Failure::from_error(kind, error);
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
