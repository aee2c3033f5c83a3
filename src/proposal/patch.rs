//! The engine `patch`: a ready diff or edits, placed in memory on the base; nothing is guessed.

use async_trait::async_trait;

use crate::cancel::Cancel;
use crate::diff::{ChangeSet, Patch, place, stats};
use crate::id::{Digest, RepoPath};
use crate::proposal::edits::{EditRefusals, Edits};
use crate::proposal::{Brief, Context, ContextItem, Draft, EngineError, ProposalEngine};
use crate::proposal::{PatchFile, PatchFileError, merge_stale};
use crate::repository::Tree;
use crate::text::{Untrusted, counted};

/// Characters: what `git log --oneline` shows whole.
const SUBJECT: usize = 72;

/// Drafts by placing the diff that the brief carries.
#[derive(Debug, Clone, Copy, Default)]
pub struct PatchEngine;

#[async_trait]
impl ProposalEngine for PatchEngine {
    async fn draft(&self, brief: &Brief, cancel: &Cancel) -> Result<Draft, EngineError> {
        let brief = brief.clone();
        let work = tokio::task::spawn_blocking(move || draft(&brief));
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(EngineError::Cancelled),
            done = work => done.unwrap_or_else(|error| Err(EngineError::Repository(format!("placing stopped: {error}")))),
        }
    }
}

fn draft(brief: &Brief) -> Result<Draft, EngineError> {
    let given = brief.patch.as_ref().ok_or_else(|| {
        EngineError::BadInput("the engine `patch` needs a diff: paraph run GOAL --patch FILE".to_owned())
    })?;
    let refused = |refusals: Vec<String>| EngineError::DoesNotApply { refusals };
    let made = match PatchFile::read(given) {
        Ok(PatchFile::Diff(patch)) => place_diff(brief, &patch),
        Ok(PatchFile::Edits(edits)) => place_edits(brief, &edits),
        Err(PatchFileError::Diff(error)) => Err(refused(vec![error.to_string()])),
        Err(PatchFileError::Edits(refusals)) => Err(refused(told(&refusals))),
    }?;
    if made.changes.is_empty() {
        return Err(refused(vec!["the base already has everything that the diff changes".to_owned()]));
    }
    Ok(Draft {
        explanation: Untrusted::new(made.explanation),
        message: Untrusted::new(made.message),
        context: context(brief, given, &made.changes)?,
        changes: made.changes,
        base: None,
        log: None,
        answers: Vec::new(),
    })
}

/// A change and what is said of it.
struct Made {
    changes: ChangeSet,
    explanation: String,
    message: String,
}

fn place_diff(brief: &Brief, patch: &Patch) -> Result<Made, EngineError> {
    let message = message(brief, patch);
    let read = |path: &RepoPath| brief.tree.side(path);
    let refusals = match place(patch, &read) {
        Ok(changes) => return Ok(Made { explanation: explanation(&changes), changes, message }),
        Err(refusals) => refusals,
    };
    // made of an older base whose contents are known: both sides' changes are joined, or none is
    let blob = |id: &str| brief.tree.blob(id);
    let merged = merge_stale(patch, &read, &blob).map_err(|error| EngineError::Repository(error.to_string()))?;
    if let Some(changes) = merged {
        let explanation = format!(
            "{}\nThe diff was made on another base than this one: it was merged three-way, without a conflict.\n",
            explanation(&changes)
        );
        return Ok(Made { changes, explanation, message });
    }
    Err(EngineError::DoesNotApply { refusals: hinted(&refusals) })
}

fn place_edits(brief: &Brief, edits: &Edits) -> Result<Made, EngineError> {
    let placed = edits.place(brief.tree.as_ref());
    let placed = placed.map_err(|refusals| EngineError::DoesNotApply { refusals: told(&refusals) })?;
    let files = counted(placed.changes.files().len(), "file");
    let mut explanation = format!("Ready edits, placed on {files}:\n\n");
    explanation.extend(placed.changes.files().iter().map(|file| format!("- `{}`\n", file.path)));
    if !placed.notes.is_empty() {
        explanation.push_str("\nNot written as the files have it, and placed where nothing else fits:\n\n");
        explanation.extend(placed.notes.iter().map(|note| format!("- {note}\n")));
    }
    Ok(Made { changes: placed.changes, explanation, message: goal_as_message(brief.goal.raw()) })
}

/// What printed edits or a diff make of `tree`, for engines whose programs print them.
pub(super) fn placed(given: &[u8], tree: &dyn Tree) -> Result<ChangeSet, EngineError> {
    let refused = |refusals: Vec<String>| EngineError::DoesNotApply { refusals };
    match PatchFile::read(given) {
        Ok(PatchFile::Diff(patch)) => {
            place(&patch, &|path: &RepoPath| tree.side(path)).map_err(|refusals| refused(hinted(&refusals)))
        }
        Ok(PatchFile::Edits(edits)) => {
            edits.place(tree).map(|placed| placed.changes).map_err(|why| refused(told(&why)))
        }
        Err(PatchFileError::Diff(error)) => Err(refused(vec![error.to_string()])),
        Err(PatchFileError::Edits(refusals)) => Err(refused(told(&refusals))),
    }
}

fn hinted(refusals: &[crate::diff::Refusal]) -> Vec<String> {
    let told = |refusal: &crate::diff::Refusal| match refusal.hint {
        Some(hint) => format!("{refusal}; {hint}"),
        None => refusal.to_string(),
    };
    refusals.iter().map(told).collect()
}

fn told(refusals: &EditRefusals) -> Vec<String> {
    refusals.list().iter().map(ToString::to_string).collect()
}

fn explanation(changes: &ChangeSet) -> String {
    let stats = stats(changes);
    let files = counted(stats.len(), "file");
    let list: String = changes.files().iter().map(|file| format!("- `{}`\n", file.path)).collect();
    format!("A ready diff, placed as it is on {files}:\n\n{list}")
}

/// The message of a mailed patch; else the goal.
fn message(brief: &Brief, patch: &Patch) -> String {
    if let [mail] = patch.messages() {
        return format!("{}\n\n{}\n", mail.subject.raw().trim(), mail.body.raw().trim()).trim_end().to_owned() + "\n";
    }
    goal_as_message(brief.goal.raw())
}

/// The goal as a commit message: its first line, shortened to a subject where it is long.
pub(super) fn goal_as_message(goal: &str) -> String {
    let goal = goal.lines().next().unwrap_or_default().trim();
    if goal.chars().count() <= SUBJECT {
        return format!("{goal}\n");
    }
    let start: String = goal.chars().take(SUBJECT - 1).collect();
    format!("{start}…\n\n{goal}\n")
}

fn context(brief: &Brief, given: &[u8], changes: &ChangeSet) -> Result<Context, EngineError> {
    let mut items = Vec::new();
    for file in changes.files().iter().filter(|file| file.old.is_some()) {
        let entry = brief.tree.entry(&file.path).map_err(|error| EngineError::Repository(error.to_string()))?;
        items.extend(entry.map(|entry| ContextItem {
            path: entry.path,
            id: entry.id,
            why: "changed by the diff".to_owned(),
        }));
    }
    Ok(Context {
        engine: "patch/1".to_owned(),
        goal: brief.goal.clone(),
        tree: brief.tree.id().clone(),
        inputs: vec![format!("diff {}", Digest::of(given))],
        items,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diff::FileSide;
    use crate::id::{LaneId, SessionId, Version};
    use crate::planning::Kind;
    use crate::repository::{MemoryTree, RepoKey, Snapshot, Source};

    const DIFF: &str = "--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n";

    fn brief(base: &str, patch: Option<&str>) -> Brief {
        let tree = MemoryTree::new([("a.txt", FileSide::regular(base.as_bytes()))]);
        Brief {
            session: SessionId(1),
            version: Version::FIRST,
            lane: LaneId(0),
            goal: "say three".into(),
            kind: Kind::Bugfix,
            paths: Vec::new(),
            rules: Vec::new(),
            work: None,
            snapshot: Snapshot {
                repo: "r".into(),
                source: Source::Url("https://example.invalid/r".into()),
                key: RepoKey("r".into()),
                commit: tree.id().clone(),
                tree: tree.id().clone(),
                branch: None,
                adopted: None,
                left_out: 0,
                notices: Vec::new(),
            },
            tree: Arc::new(tree),
            index: None,
            patch: patch.map(|text| text.as_bytes().into()),
            previous: None,
            feedback: Vec::new(),
            failures: Vec::new(),
            guidance: Vec::new(),
            artifacts: Vec::new(),
            issue: None,
            left: None,
            models: Arc::new(crate::planning::NoModels),
            ear: Arc::new(crate::proposal::Deaf),
            order: crate::proposal::WorkOrder::default(),
        }
    }

    #[track_caller]
    fn check_refused(base: &str, patch: &str, part: &str) {
        match draft(&brief(base, Some(patch))) {
            Err(EngineError::DoesNotApply { refusals }) => assert!(refusals.concat().contains(part), "{refusals:?}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_diff_is_placed_whole() {
        let made = draft(&brief("one\ntwo\n", Some(DIFF))).expect("it applies");
        let file = made.changes.get(&"a.txt".into()).expect("changed");
        assert_eq!(&*file.new.as_ref().expect("is there").content, b"one\nthree\n");
        assert_eq!(made.message.raw(), "say three\n");
        assert_eq!(made.context.items.len(), 1);
    }

    #[test]
    fn a_mail_brings_its_own_message() {
        let mail = format!("From: A <a@b.c>\nSubject: [PATCH] fix: say three\n\nBecause.\n---\n{DIFF}");
        let made = draft(&brief("one\ntwo\n", Some(&mail))).expect("it applies");
        assert_eq!(made.message.raw(), "fix: say three\n\nBecause.\n");
    }

    #[test]
    fn what_does_not_apply_is_refused_with_the_place() {
        check_refused("one\n2\n", DIFF, "a.txt");
        check_refused("one\ntwo\n", "hello", "no file's change");
        assert!(matches!(draft(&brief("one\n", None)), Err(EngineError::BadInput(_))));
    }
}
