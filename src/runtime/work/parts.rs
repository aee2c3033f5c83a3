//! Parts that follow a draft: a role is shown the change so far and adds to it.
//!
//! Who cannot be asked, or answers nothing that can be placed, takes nothing from the draft: what was left out is found
//! as such, with the reason, and the version goes on. Only a budget that is spent, and what a person must mend, stops.

use std::sync::Arc;

use super::draft::{brief, store};
use super::{Stuck, Worker, blocking};
use crate::cancel::Cancel;
use crate::id::{Digest, LaneId, Version};
use crate::planning::{AskError, Models, Role};
use crate::proposal::{Brief, Context, Draft, EngineError, EngineKind};
use crate::runtime::between::between;
use crate::runtime::desk::{Desk, Line};
use crate::session::{Finding, Lane, PartEnd, PartFound, PatchSet, Session, StopKind};
use crate::text::Untrusted;

/// What a role made of one lane.
enum Made {
    /// What it changed, and the change so far with it.
    Added(Box<(PatchSet, PatchSet)>),
    /// Nothing, and why.
    Nothing(String),
    /// It was left out, and why.
    LeftOut(String),
}

/// Asks `role` for its part of a version, on every lane that the draft changes.
pub(super) async fn part(
    worker: &Arc<Worker>,
    session: &Arc<Session>,
    line: &Line,
    (version, role): (Version, Role),
    cancel: &Cancel,
) -> Result<Finding, Stuck> {
    let drafting = session
        .drafting
        .clone()
        .filter(|drafting| drafting.version == version && !drafting.so_far.is_empty())
        .ok_or_else(|| Stuck::needs_human("there is no draft to add to", "paraph show"))?;
    let models: Arc<dyn Models> = Arc::new(Desk::new(worker.clone(), session, line.clone()));
    let several = drafting.so_far.len() > 1;
    let mut found =
        PartFound { ended: PartEnd::Nothing, own: Vec::new(), patch_sets: Vec::new(), note: Untrusted::default() };
    let (mut notes, mut left_out) = (Vec::new(), false);
    for set in &drafting.so_far {
        let brief = {
            let (worker, session, drafting, set) = (worker.clone(), session.clone(), drafting.clone(), set.clone());
            let (cancel, models, ear) = (cancel.clone(), models.clone(), line.ear.clone());
            blocking(move || {
                let brief = brief(&worker, &session, &drafting, set.lane, (models, ear), &cancel)?;
                Ok(part_brief(brief, role))
            })
            .await?
        };
        let why = match made(worker, &brief, set, cancel).await? {
            Made::Added(sets) => {
                found.own.push(sets.0);
                found.patch_sets.push(sets.1);
                continue;
            }
            Made::Nothing(why) => why,
            Made::LeftOut(why) => {
                left_out = true;
                why
            }
        };
        let name = session.lane(set.lane).map(Lane::name).filter(|_| several);
        notes.push(name.map_or(why.clone(), |name| format!("{name}: {why}")));
    }
    found.ended = match (found.own.is_empty(), left_out) {
        (false, _) => PartEnd::Added,
        (true, true) => PartEnd::LeftOut,
        (true, false) => PartEnd::Nothing,
    };
    found.note = notes.join("\n").into();
    Ok(Finding::Part(found))
}

/// What a role is told: as whoever drafted, with the change so far in place of the version before. What checks said of
/// that version is the implementer's to mend.
fn part_brief(brief: Brief, role: Role) -> Brief {
    Brief { role, failures: Vec::new(), patch: None, left: None, ..brief }
}

async fn made(worker: &Arc<Worker>, brief: &Brief, set: &PatchSet, cancel: &Cancel) -> Result<Made, Stuck> {
    let draft = match worker.ports.engines.of(EngineKind::Llm).draft(brief, cancel).await {
        Ok(draft) => draft,
        Err(error) => return not_made(error),
    };
    let (worker, set, lane, role) = (worker.clone(), set.clone(), set.lane, brief.role);
    let (snapshot, so_far) = (brief.snapshot.clone(), brief.previous.clone());
    blocking(move || {
        let Some(so_far) = so_far else { return Err(Stuck::needs_human("there is no draft to add to", "paraph show")) };
        let own = between(&so_far, &draft.changes);
        if own.is_empty() {
            return Ok(Made::Nothing("its edits change nothing".to_owned()));
        }
        let base = set.rebased.clone();
        let own = Draft { changes: own, base: base.clone(), answers: Vec::new(), ..draft.clone() };
        let own = store(worker.blobs(), lane, &snapshot, &own)?;
        let whole = joined(&worker, &set, role, &draft, own.context)?;
        Ok(Made::Added(Box::new((own, store(worker.blobs(), lane, &snapshot, &Draft { base, ..whole })?))))
    })
    .await
}

/// The draft with the part: its own message, one explanation, and a context that names that of the part.
fn joined(worker: &Worker, set: &PatchSet, role: Role, part: &Draft, context: Digest) -> Result<Draft, Stuck> {
    let text = |digest| Ok::<_, Stuck>(String::from_utf8_lossy(&worker.blobs().get(digest)?).into_owned());
    let mut whole: Context = serde_json::from_str(&text(set.context)?).map_err(|error| {
        Stuck::needs_human(format!("context {} does not read: {error}", set.context), "paraph audit verify")
    })?;
    whole.inputs.push(format!("part of the {role}: context {context}"));
    let heading = if role == Role::Documenter { "Documentation" } else { "Tests" };
    let explanation = format!("{}\n\n## {heading}\n\n{}", text(set.explanation)?.trim_end(), part.explanation.raw());
    Ok(Draft {
        explanation: explanation.into(),
        message: set.message.clone(),
        changes: part.changes.clone(),
        context: whole,
        base: None,
        log: set.log,
        answers: Vec::new(),
    })
}

/// Why there is no part of a lane, or why a person is needed first.
fn not_made(error: EngineError) -> Result<Made, Stuck> {
    match error {
        EngineError::NothingToAdd { why } => Ok(Made::Nothing(why)),
        EngineError::NothingFits { why, .. } => Ok(Made::LeftOut(why)),
        EngineError::DoesNotApply { refusals } => {
            Ok(Made::LeftOut(format!("no answer could be placed:\n  {}", refusals.join("\n  "))))
        }
        EngineError::Models(AskError::BudgetSpent { why, next }) => {
            Err(Stuck { kind: StopKind::BudgetSpent, reason: format!("the budget is spent: {why}"), next, log: None })
        }
        EngineError::Models(AskError::Cancelled) | EngineError::Cancelled | EngineError::Held(_) => {
            Err(Stuck::needs_human("it was stopped", "paraph regenerate"))
        }
        EngineError::Models(error) => Ok(Made::LeftOut(error.to_string())),
        error @ (EngineError::Repository(_) | EngineError::BadInput(_) | EngineError::Program { .. }) => {
            Err(Stuck::needs_human(error.to_string(), "paraph regenerate"))
        }
    }
}

/// What a draft changed of the version that it was made on, as one patch set of its own.
pub(super) fn of_version(worker: &Worker, lane: LaneId, brief: &Brief, draft: &Draft) -> Result<PatchSet, Stuck> {
    let changes = match &brief.previous {
        Some(previous) => between(previous, &draft.changes),
        None => draft.changes.clone(),
    };
    store(worker.blobs(), lane, &brief.snapshot, &Draft { changes, ..draft.clone() })
}
