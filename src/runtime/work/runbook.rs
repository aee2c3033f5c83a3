//! The runbook of a version: asked for after its checks and reviews, so that it can be read with the patch.
//!
//! Who answers nothing that reads is asked for it once more, alone. Who cannot be asked, or still answers nothing, takes
//! nothing from the version: it stands without a runbook and says why. What is written is kept as text; no command in it
//! is ever run.

use std::sync::Arc;

use crate::cancel::Cancel;
use crate::diff::{ChangeSet, FileMode};
use crate::id::{LaneId, RepoPath, Version};
use crate::planning::{
    Answer, AskError, Models as _, ReleaseFile, ReleaseKind, Role, Runbook, RunbookBrief, assign_alone, excerpt,
    ranked, read_runbook, runbook_assignment,
};
use crate::repository::{OverlayTree, Tree, TreeEntry, TreeError, VcsError};
use crate::runtime::desk::{Desk, Line};
use crate::scoring::facts;
use crate::session::{Finding, Lane, Session};
use crate::text::SecretMask;

use super::stages::{ask_within, left_out, put, redactor, reviewed};
use super::{Stuck, Worker, blocking};

/// The largest file that is read, and what of one is shown at most. // 8 KiB: a long workflow, whole
const LARGEST: u64 = 256 << 10;
const MOST_SHOWN: usize = 8 << 10;

/// Has the runbook of one lane of a version written.
pub(super) async fn runbook(
    worker: &Arc<Worker>,
    session: &Arc<Session>,
    line: &Line,
    (lane, version): (LaneId, Version),
    cancel: &Cancel,
) -> Result<Finding, Stuck> {
    let (seen, files) = {
        let (worker, session) = (worker.clone(), session.clone());
        blocking(move || {
            let seen = reviewed(&worker, &session, lane, version)?;
            let base = session.base_of(lane, version).ok_or_else(|| gone(version))?;
            let tree = worker.ports.vcs.tree(&base.key, &base.tree)?;
            let files = releases(tree.as_ref(), &seen.changes, &worker.ports.mask.now())
                .map_err(|error| Stuck::from(VcsError::from(error)))?;
            Ok((seen, files))
        })
        .await?
    };
    let digest = session.patch_set(lane, version).ok_or_else(|| gone(version))?.drafted.digest;
    let repo = session.lane(lane).map(Lane::name).unwrap_or_default();
    let found = facts(&seen.validation, &seen.violations);
    let brief = |room| RunbookBrief {
        goal: &session.asked.goal,
        kind: session.asked.kind,
        diff: &seen.diff,
        found: &found,
        artifacts: &seen.artifacts,
        files: &files,
        room,
    };
    let desk = Desk::new(worker.clone(), session, line.clone());
    let assignment = |room| runbook_assignment(&brief(room), &mut redactor(worker));
    let (mut answer, is_cut) = ask_within(&desk, Role::Deployer, &assignment, &read_runbook, cancel).await;
    // a version without it would have to be drafted anew to get one
    if let Ok(Answer::Unclear(why)) = &answer {
        let (again, _) = assignment(desk.room(Role::Deployer));
        match assign_alone(&desk, again, why, &read_runbook, cancel).await {
            Ok(Answer::Unclear(last)) => answer = Ok(Answer::Unclear([why.as_slice(), last.as_slice()].concat())),
            // it is made up for once there is money, and the answers that were bought are not bought again
            Err(error @ AskError::BudgetSpent { .. }) => answer = Err(error),
            // why there is none is said already, whatever else keeps this one from being asked
            Err(error) if error != AskError::Cancelled => {
                tracing::info!(%error, session = %session.asked.id, "no runbook is asked for again");
            }
            alone => answer = alone,
        }
    }
    let text = match answer {
        Ok(Answer::Counts(text)) => text,
        Ok(Answer::Unclear(why)) => {
            return Ok(Finding::Runbook(Runbook::missing(format!("no answer counts: {}", why.join("; ")))));
        }
        Err(AskError::Cancelled) => {
            return Err(Stuck::needs_human("the runbook was not waited for", "paraph regenerate"));
        }
        Err(AskError::BudgetSpent { why, next }) => {
            return Err(left_out(&format!("{why}; no runbook was written"), &next, session, version));
        }
        Err(error) => return Ok(Finding::Runbook(Runbook::missing(error.to_string()))),
    };
    let note = "who wrote it saw a part of the change and of the files that say how it is released".to_owned();
    Ok(Finding::Runbook(Runbook {
        document: Some(put(worker, text.markdown(&repo, version, &digest)).await?),
        steps: u32::try_from(text.steps.len()).unwrap_or(u32::MAX),
        notes: is_cut.then_some(note).into_iter().collect(),
        ..Runbook::missing("")
    }))
}

fn gone(version: Version) -> Stuck {
    Stuck::needs_human(format!("there is no {version} of this lane"), "paraph show")
}

/// The files that say how the project is released and run, as they are with the change.
fn releases(base: &dyn Tree, changes: &ChangeSet, mask: &SecretMask) -> Result<Vec<ReleaseFile>, TreeError> {
    let over = changes.files().iter().map(|file| (file.path.clone(), file.new.clone())).collect();
    let tree = OverlayTree::new(base, &over);
    let entries = tree.entries()?;
    let is_file = |entry: &&TreeEntry| matches!(entry.mode, FileMode::Regular | FileMode::Executable);
    let paths: Vec<RepoPath> = entries.iter().filter(is_file).map(|entry| entry.path.clone()).collect();
    let mut files = Vec::new();
    for (path, kind) in ranked(&paths, |path| over.contains_key(path)) {
        let Some(entry) = tree.entry(&path)? else { continue };
        if tree.size(&entry)? <= LARGEST {
            files.extend(shown(path, kind, &tree.content(&entry)?, mask));
        }
    }
    Ok(files)
}

/// What of a file is shown; nothing of one that is no text, or says nothing of it. Secrets go before it is cut.
fn shown(path: RepoPath, kind: ReleaseKind, content: &[u8], mask: &SecretMask) -> Option<ReleaseFile> {
    let text = excerpt(kind, &mask.mask(std::str::from_utf8(content).ok()?), MOST_SHOWN);
    (!text.trim().is_empty()).then(|| ReleaseFile { path, why: kind.why(), text })
}
