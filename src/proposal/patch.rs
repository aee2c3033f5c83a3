//! The engine `patch`: a ready diff or edits, placed in memory on the base; nothing is guessed.

use std::collections::HashMap;
use std::path::PathBuf;

use async_trait::async_trait;
use rayon::prelude::*;

use crate::cancel::Cancel;
use crate::diff::{ChangeSet, FileSide, Patch, stats};
use crate::id::{Digest, RepoPath};
use crate::proposal::edits::{EditRefusals, Placed};
use crate::proposal::{Brief, Context, ContextItem, Draft, EngineError, ProposalEngine};
use crate::proposal::{PatchFile, PatchFileError, Scope, place_or_merge};
use crate::repository::{Tree, TreeError};
use crate::text::{Untrusted, counted};

/// Characters: what `git log --oneline` shows whole.
const SUBJECT: usize = 72;

/// What is told of a diff that was merged.
const MERGED: &str = "The diff was made on another base than this one: it was merged three-way, without a conflict.";

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
    let file = read(given, &brief.snapshot.source.tops())?;
    let message = match &file {
        PatchFile::Diff(diff) => message(brief, &diff.patch),
        PatchFile::Edits(_) => goal_as_message(brief.goal.raw()),
    };
    let placed = placed(&file, brief.tree.as_ref())?;
    if placed.changes.is_empty() {
        let why = "the base already has everything that the diff changes".to_owned();
        return Err(EngineError::DoesNotApply { refusals: vec![why] });
    }
    let scope = Scope::new(&brief.paths)?;
    let outside = placed.changes.files().iter();
    let outside = outside.filter_map(|file| Some(format!("{}: {}", file.path, scope.refused(file)?)));
    let refusals: Vec<String> = outside.collect();
    if !refusals.is_empty() {
        return Err(EngineError::DoesNotApply { refusals });
    }
    Ok(Draft {
        explanation: Untrusted::new(explanation(&file, &placed)),
        message: Untrusted::new(message),
        context: context(brief, given, &placed.changes)?,
        changes: placed.changes,
        base: None,
        log: None,
        answers: Vec::new(),
    })
}

/// What a patch file makes of a tree, and what a person should know of how it was placed.
pub(super) struct PlacedFile {
    pub(super) changes: ChangeSet,
    pub(super) notes: Vec<String>,
}

/// Reads a diff or edits; whole names below one of `tops` are told from there.
pub(super) fn read(given: &[u8], tops: &[PathBuf]) -> Result<PatchFile, EngineError> {
    let refused = |refusals: Vec<String>| EngineError::DoesNotApply { refusals };
    PatchFile::read(given).map(|file| file.below(tops)).map_err(|error| match error {
        PatchFileError::Diff(error) => refused(vec![error.to_string()]),
        PatchFileError::Edits(refusals) => refused(told(&refusals)),
    })
}

/// Places `file` on `tree`, all of it or nothing. A diff of another base whose contents are known is merged three-way.
pub(super) fn placed(file: &PatchFile, tree: &dyn Tree) -> Result<PlacedFile, EngineError> {
    let diff = match file {
        PatchFile::Diff(diff) => diff,
        PatchFile::Edits(edits) => {
            let placed = edits.place(tree);
            let placed = placed.map_err(|refusals| EngineError::DoesNotApply { refusals: told(&refusals) })?;
            return Ok(placed.into());
        }
    };
    let patch = &diff.patch;
    // each is asked for more than once; what cannot be read is left to the placing, which says so
    let known: HashMap<&RepoPath, Option<FileSide>> = patch
        .files()
        .par_iter()
        .filter_map(|file| file.old_path.as_ref())
        .filter_map(|path| Some((path, tree.side(path).ok()?)))
        .collect();
    let read = |path: &RepoPath| known.get(path).map_or_else(|| tree.side(path), |side| Ok(side.clone()));
    let blob = |id: &str| tree.blob(id);
    let unreadable = |error: TreeError| EngineError::Repository(error.to_string());
    let refusals = match place_or_merge(patch, &read, &blob).map_err(unreadable)? {
        Ok(placed) => {
            let notes = placed.is_merged.then(|| MERGED.to_owned()).into_iter().collect();
            return Ok(PlacedFile { changes: placed.changes, notes });
        }
        Err(refusals) => refusals,
    };
    match diff.place_tolerantly(&refusals, tree, &read, &blob).map_err(unreadable)? {
        Some(placed) => Ok(placed.into()),
        None => Err(EngineError::DoesNotApply { refusals: hinted(&refusals) }),
    }
}

impl From<Placed> for PlacedFile {
    fn from(placed: Placed) -> Self {
        Self { notes: placed.notes.iter().map(ToString::to_string).collect(), changes: placed.changes }
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

fn explanation(file: &PatchFile, placed: &PlacedFile) -> String {
    let stats = stats(&placed.changes);
    let files = counted(stats.len(), "file");
    let list: String = placed.changes.files().iter().map(|file| format!("- `{}`\n", file.path)).collect();
    match file {
        PatchFile::Diff(_) => {
            let notes: String = placed.notes.iter().map(|note| format!("\n{note}\n")).collect();
            let how = if notes.is_empty() { "placed as it is" } else { "placed" };
            format!("A ready diff, {how} on {files}:\n\n{list}{notes}")
        }
        PatchFile::Edits(_) => {
            let mut text = format!("Ready edits, placed on {files}:\n\n{list}");
            if !placed.notes.is_empty() {
                text.push_str("\nNot written as the files have it, and placed where nothing else fits:\n\n");
                text.extend(placed.notes.iter().map(|note| format!("- {note}\n")));
            }
            text
        }
    }
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
            role: crate::planning::Role::Implementer,
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
                adopted_at: None,
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
            unwanted: Cancel::new(),
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
    fn a_diff_of_what_lies_outside_of_the_paths_is_refused_whole() {
        let within = |paths: &[&str]| {
            let paths = paths.iter().map(|path| (*path).to_owned()).collect();
            draft(&Brief { paths, ..brief("one\ntwo\n", Some(DIFF)) })
        };
        assert!(within(&["*.txt"]).is_ok());
        let Err(EngineError::DoesNotApply { refusals }) = within(&["src"]) else { panic!("it is outside") };
        assert_eq!(refusals, ["a.txt: it is outside of the paths that may be changed"]);
    }

    #[test]
    fn whole_names_below_the_working_copy_are_told_from_there() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join(".git")).expect("a folder");
        let top = folder.path().display().to_string();
        let whole = format!("--- {top}/a.txt\n+++ {top}/a.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n");
        let mut brief = brief("one\ntwo\n", Some(&whole));
        let told = format!("the reply calls it `{top}/a.txt`");
        let explained = |made: &Draft| made.explanation.raw().contains(&told);
        let made = draft(&brief).expect("its lines tell which file of a remote it is");
        assert!(explained(&made), "{made:?}");
        brief.snapshot.source = Source::Path(crate::id::HostPath::new(folder.path()));
        let made = draft(&brief).expect("it applies");
        assert!(!explained(&made), "{made:?}");
        let file = made.changes.get(&"a.txt".into()).expect("changed");
        assert_eq!(&*file.new.as_ref().expect("is there").content, b"one\nthree\n");
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
