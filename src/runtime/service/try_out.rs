//! Trying out what a session would start from, before it is made: a mistyped name is told to whoever typed it.

use crate::api::{Failure, FailureKind};
use crate::id::Digest;
use crate::planning::IssueSource;
use crate::proposal::{EngineError, EngineKind, PatchFile, PatchFileError};
use crate::repository::{Base, Snapshot};
use crate::session::{LaneRequest, Session};

use super::{Runtime, blocking, vcs_failure};
use crate::runtime::workbench::parse_hint;

/// The longest text of an issue, in bytes. // what a reader keeps, its frame included, with room
const LONGEST_ISSUE: usize = 1 << 20;

impl Runtime {
    /// Refuses a base that is no revision, rules that nobody has, and paths that match nothing in any of `lanes`.
    /// Where nothing of that was named nothing is looked at.
    pub(super) async fn try_out(
        &self,
        lanes: &[LaneRequest],
        engine: EngineKind,
        rules: &[String],
        paths: &[String],
    ) -> Result<(), Failure> {
        let names = !(rules.is_empty() && paths.is_empty());
        let (shared, lanes) = (self.shared.clone(), lanes.to_vec());
        let (rules, paths) = (rules.to_vec(), paths.to_vec());
        blocking(move || {
            let mut snapshots = Vec::new();
            for lane in lanes.iter().filter(|lane| names || matches!(lane.base, Base::Rev(_))) {
                // the snapshot that loading the lane finds again
                let snapshot = shared.ports.vcs.snapshot(&lane.source, &lane.base);
                snapshots.push(snapshot.map_err(|error| vcs_failure(&error))?);
            }
            if names { accepted(&shared.ports, &snapshots, engine, &rules, &paths) } else { Ok(()) }
        })
        .await
    }

    /// Refuses a diff that does not parse, in the words of `check-patch`. What it applies to is the draft's to say.
    pub(super) async fn try_patch(&self, patch: Option<Digest>) -> Result<(), Failure> {
        let Some(digest) = patch else { return Ok(()) };
        let shared = self.shared.clone();
        blocking(move || {
            // a body that is not there is told by the draft, with what to do
            let Ok(bytes) = shared.ports.blobs.get(digest) else { return Ok(()) };
            let Err(error) = PatchFile::read(&bytes) else { return Ok(()) };
            let failure = Failure::new(FailureKind::Failed, format!("the patch does not read: {error}"));
            let hint = match &error {
                PatchFileError::Diff(error) => parse_hint(&error.problem),
                PatchFileError::Edits(_) => None,
            };
            Err(failure.hint(hint.unwrap_or("paraph check-patch FILE")))
        })
        .await
    }

    /// Refuses an issue whose text is not there, or is none: it was read by a client, which is never trusted to have.
    pub(super) async fn try_issue(&self, issue: Option<&IssueSource>) -> Result<(), Failure> {
        let Some(digest) = issue.map(|issue| issue.text) else { return Ok(()) };
        let shared = self.shared.clone();
        blocking(move || {
            let bytes = shared.ports.blobs.get(digest).map_err(|error| {
                let hint = "the client stores it as a blob before it asks: paraph run --issue URL";
                Failure::from_error(FailureKind::NotFound, &error).hint(hint)
            })?;
            if bytes.len() <= LONGEST_ISSUE && std::str::from_utf8(&bytes).is_ok() {
                return Ok(());
            }
            let message = format!("an issue's text is UTF-8 of at most {LONGEST_ISSUE} bytes");
            Err(Failure::new(FailureKind::Usage, message).hint("paraph run --issue URL"))
        })
        .await
    }

    /// Refuses rules that nobody has, for an open session that shall use them from now on.
    pub(super) async fn try_rules(&self, session: &Session, rules: &[String]) -> Result<(), Failure> {
        let snapshots: Vec<Snapshot> = session.active().filter_map(|lane| lane.snapshot.clone()).collect();
        if rules.is_empty() || snapshots.is_empty() {
            return Ok(());
        }
        let (shared, rules) = (self.shared.clone(), rules.to_vec());
        blocking(move || accepted(&shared.ports, &snapshots, EngineKind::Rules, &rules, &[])).await
    }
}

/// Whether something can come of it in one lane at least: the others are left as they are.
fn accepted(
    ports: &crate::runtime::ports::Ports,
    snapshots: &[Snapshot],
    engine: EngineKind,
    rules: &[String],
    paths: &[String],
) -> Result<(), Failure> {
    let mut refused = None;
    for snapshot in snapshots {
        let tree = ports.vcs.tree(&snapshot.key, &snapshot.tree).map_err(|error| vcs_failure(&error))?;
        match ports.engines.of(engine).accepts(tree.as_ref(), rules, paths) {
            Ok(()) => return Ok(()),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    refused.map_or(Ok(()), |error| Err(failure(error)))
}

fn failure(error: EngineError) -> Failure {
    match error {
        EngineError::NothingFits { why, would_fit } => {
            let failure = Failure::new(FailureKind::NotFound, why);
            let as_typed = |fit: String| {
                if fit.starts_with("--") || fit.starts_with("paraph ") { fit } else { format!("--rules {fit}") }
            };
            match would_fit.is_empty() {
                true => failure.hint("git ls-files shows the paths; leave --path away for all of them"),
                false => would_fit.into_iter().take(5).map(as_typed).fold(failure, Failure::hint),
            }
        }
        error @ EngineError::BadInput(_) => Failure::from_error(FailureKind::Usage, &error).hint("paraph help run"),
        error => Failure::from_error(FailureKind::Failed, &error).hint("paraph doctor"),
    }
}
