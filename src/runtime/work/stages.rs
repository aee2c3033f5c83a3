//! Stages that ask models: triage and documents before a draft, a review after the checks.
//!
//! What a stage asks and how its answer is read is its contract's, in planning and scoring. Here it is given what it
//! reads, and what it says becomes a finding.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::cancel::Cancel;
use crate::diff::{ChangeSet, FileChange, FileSide, unified};
use crate::id::{LaneId, RepoPath, Version};
use crate::planning::{
    Answer, AskError, Assignment, Bindings, Criterion, Models as _, Redactor, RepositoryBrief, Revision, Role, Stage,
    StageBrief, TriageReport, assign, design_assignment, plan_assignment, read_design, read_plan, read_triage,
    triage_assignment, writer,
};
use crate::policy::{RULES, Violation};
use crate::repository::{Tree, VcsError};
use crate::scoring::{IssueSeverity, REVIEWERS, Review, ReviewBrief, ReviewIssue, read_review, review_assignment};
use crate::session::{Artifact, Finding, Planned, Session, StopKind};
use crate::text::{Untrusted, counted};
use crate::validation::{CheckPlan, ValidationResult};

use super::{Stuck, Worker, blocking, draft, evidence, read_changes, with_id};
use crate::runtime::desk::{Desk, Line};

/// Bytes of the map of one repository, of all there are. // 24 KiB: the 300 symbols that are used most
const MOST_MAP: usize = 24 << 10;

/// Asks whether the goal is taken up.
pub(super) async fn triage(
    worker: &Arc<Worker>,
    session: &Arc<Session>,
    line: &Line,
    cancel: &Cancel,
) -> Result<Finding, Stuck> {
    let brief = stage_brief(worker, session, cancel).await?;
    let desk = Desk::new(worker.clone(), session, line.clone());
    let assignment = |room| (triage_assignment(&brief, room, &mut redactor(worker)), ());
    let (answer, ()) = ask_within(&desk, Role::Triage, &assignment, &read_triage, cancel).await;
    let words = format!("paraph regenerate, or paraph go {} -m TEXT", session.asked.id);
    let report = match answer.map_err(|error| unanswered(error, &words))? {
        Answer::Counts(report) => report,
        Answer::Unclear(why) => TriageReport::unclear(&why),
    };
    let artifact = put(worker, report.markdown()).await?;
    Ok(Finding::Triage { report, artifact })
}

/// Has written what the change shall be: by the architect what is wanted, by the planner how. Where people have it
/// written again each is shown what it wrote and what was said to it, and only who has something to change is asked.
pub(super) async fn plan(
    worker: &Arc<Worker>,
    session: &Arc<Session>,
    line: &Line,
    cancel: &Cancel,
) -> Result<Finding, Stuck> {
    let brief = stage_brief(worker, session, cancel).await?;
    let bindings = {
        let (worker, session) = (worker.clone(), session.clone());
        blocking(move || bindings(&worker, &session)).await?
    };
    let desk = Desk::new(worker.clone(), session, line.clone());
    let words = format!("paraph regenerate, or paraph regenerate --engine {}", session.asked.engine.name());
    let unread = |role: Role, why: Vec<String>| {
        Stuck::needs_human(format!("no answer of the {role} counts:\n  {}", why.join("\n  ")), words.clone())
    };
    let before = {
        let (worker, session) = (worker.clone(), session.clone());
        blocking(move || written_before(&worker, &session)).await?
    };
    let revision = before.as_ref();
    let designs = session.rewriting.as_ref().is_none_or(|asked| asked.roles.contains(&Role::Architect));
    let (design, acceptance) = match revision.filter(|_| !designs) {
        Some(before) => kept_design(session, before),
        None => {
            let assignment = |room| (design_assignment((&brief, room), revision, &bindings, &mut redactor(worker)), ());
            let read = |text: &str| read_design(text, &bindings);
            let (answer, ()) = ask_within(&desk, Role::Architect, &assignment, &read, cancel).await;
            match answer.map_err(|error| unanswered(error, &words))? {
                Answer::Counts(design) => (design.documents(), design.acceptance),
                Answer::Unclear(why) => return Err(unread(Role::Architect, why)),
            }
        }
    };
    let assignment = |room| (plan_assignment((&brief, room), &design, revision, &bindings, &mut redactor(worker)), ());
    let read = |text: &str| read_plan(text, &bindings);
    let (answer, ()) = ask_within(&desk, Role::Planner, &assignment, &read, cancel).await;
    let plan = match answer.map_err(|error| unanswered(error, &words))? {
        Answer::Counts(plan) => plan,
        Answer::Unclear(why) => return Err(unread(Role::Planner, why)),
    };
    let (mut artifacts, mut changes) = (Vec::new(), Vec::new());
    for (name, text) in design.into_iter().chain(plan.documents()) {
        let known = revision.and_then(|before| before.documents.iter().find(|(known, _)| *known == name));
        if let Some((_, known)) = known.filter(|(_, known)| *known != text) {
            let digest = put(worker, difference(&name, known, &text)).await?;
            changes.push(Artifact { name: name.clone(), digest });
        }
        artifacts.push(Artifact { name, digest: put(worker, text).await? });
    }
    let criteria = acceptance.into_iter().chain(plan.gates).collect();
    Ok(Finding::Plan(Planned { artifacts, tasks: plan.tasks, criteria, changes }))
}

/// The documents that are to be written again, and what people say to them; none where they are written for the first
/// time.
fn written_before(worker: &Worker, session: &Session) -> Result<Option<Revision>, Stuck> {
    let Some(asked) = &session.rewriting else { return Ok(None) };
    let documents = draft::artifacts(worker, session)?;
    let threads = asked.threads.iter().filter_map(|thread| session.thread(*thread));
    let said = threads.flat_map(|thread| {
        let name = thread.place.artifact.clone().unwrap_or_default();
        let kind = thread.place.kind.clone();
        thread.comments.iter().map(move |comment| (name.clone(), kind.clone(), comment.text.clone()))
    });
    Ok(Some(Revision {
        documents: documents.into_iter().map(|(name, text)| (name, text.raw().to_owned())).collect(),
        said: said.collect(),
        message: asked.message.clone(),
    }))
}

/// The architect's documents and criteria, where only the plan is written again.
fn kept_design(session: &Session, before: &Revision) -> (Vec<(String, String)>, Vec<Criterion>) {
    let kept = before.documents.iter().filter(|(name, _)| writer(name) == Some(Role::Architect));
    let criteria = session.planned.iter().flat_map(|planned| &planned.criteria);
    (kept.cloned().collect(), criteria.filter(|known| known.id.starts_with('C')).cloned().collect())
}

/// What changed in a document, as a diff.
fn difference(name: &str, before: &str, now: &str) -> String {
    let side = |text: &str| Some(FileSide::regular(text.as_bytes().to_vec()));
    let path = RepoPath::from(format!("{name}.md").as_str());
    let change = FileChange { path, old: side(before), new: side(now) };
    let mut written = Vec::new();
    unified::write_file(&change, &unified::WriteOptions::default(), &mut written);
    String::from_utf8_lossy(&written).into_owned()
}

/// Has one lane of a version reviewed. A reviewer that cannot be asked, or whose answer does not read, is recorded as
/// such and nothing waits for it: a review is evidence, and a person decides with it or without. Where there is no money
/// for it a person is told, with what was said by then, and it is made up for once there is.
pub(super) async fn review(
    worker: &Arc<Worker>,
    session: &Arc<Session>,
    line: &Line,
    (lane, version): (LaneId, Version),
    cancel: &Cancel,
) -> Result<Finding, Stuck> {
    let seen = {
        let (worker, session) = (worker.clone(), session.clone());
        blocking(move || reviewed(&worker, &session, lane, version)).await?
    };
    let desk = Desk::new(worker.clone(), session, line.clone());
    let mut reviews: Vec<(Review, Vec<ReviewIssue>)> = Vec::new();
    for role in REVIEWERS {
        let brief = |room| ReviewBrief {
            goal: &session.asked.goal,
            kind: session.asked.kind,
            diff: &seen.diff,
            validation: &seen.validation,
            violations: &seen.violations,
            artifacts: &seen.artifacts,
            room,
        };
        let assignment = |room| review_assignment(role, &brief(room), &mut redactor(worker));
        let (answer, is_cut) = ask_within(&desk, role, &assignment, &read_review, cancel).await;
        let report = match answer {
            Ok(Answer::Counts(report)) => report,
            Ok(Answer::Unclear(why)) => {
                let why = format!("no answer counts: {}", why.join("; "));
                reviews.push((Review::unusable(role, why), Vec::new()));
                continue;
            }
            Err(AskError::Cancelled) => return Err(Stuck::needs_human("the review was stopped", "paraph regenerate")),
            Err(AskError::BudgetSpent { why, next }) => {
                let stuck = left_out(&format!("{why}; the {role} was not asked"), &next, session, version);
                if !reviews.iter().any(|(review, _)| review.counts()) {
                    return Err(stuck);
                }
                // what was paid for is there for who decides without the rest
                let next = with_id(&stuck.next, session.asked.id);
                return Ok(Finding::Review { reviews, left_out: Some((stuck.reason.into(), next)) });
            }
            Err(error) => {
                reviews.push((Review::unusable(role, error.to_string()), Vec::new()));
                continue;
            }
        };
        let issues: Vec<ReviewIssue> = report.issues.iter().map(|issue| issue.clone().placed(&seen.changes)).collect();
        let musts = issues.iter().filter(|issue| issue.severity == IssueSeverity::Must).count();
        let review = Review {
            report: Some(put(worker, report.markdown(role)).await?),
            scores: report.scores.iter().map(|(dimension, given)| (*dimension, given.score)).collect(),
            musts: u32::try_from(musts).unwrap_or(u32::MAX),
            notes: is_cut
                .then(|| format!("it saw the first part of {} only", counted(seen.diff.lines().count(), "line")))
                .into_iter()
                .collect(),
            ..Review::unusable(role, "")
        };
        reviews.push((review, issues));
    }
    Ok(Finding::Review { reviews, left_out: None })
}

/// There is no money for what would be said of a version: a person has it made up for, or decides without it.
pub(super) fn left_out(why: &str, next: &str, session: &Session, version: Version) -> Stuck {
    Stuck {
        kind: StopKind::BudgetSpent,
        reason: format!("the budget is spent: {why}"),
        next: format!("{next}, or paraph show {}@{version}, and decide without", session.asked.id),
        log: None,
    }
}

/// Asks with as much as there is room for; with the answer what is known of what was shown for it.
pub(super) async fn ask_within<T: Send, S: Send>(
    desk: &Desk,
    role: Role,
    assignment: &(dyn Fn(u64) -> (Assignment, S) + Send + Sync),
    read: &(dyn Fn(&str) -> Result<T, String> + Send + Sync),
    cancel: &Cancel,
) -> (Result<Answer<T>, AskError>, S) {
    let room = desk.room(role);
    let (whole, shown) = assignment(room);
    let sent = room.min(whole.estimated_tokens());
    let answer = assign(desk, whole, read, cancel).await;
    let Err(AskError::TooLong { counted, .. }) = &answer else { return (answer, shown) };
    // what fits by the count, else what half the room takes, is shown once, and it says that it is a part
    let (less, shown) = assignment(counted.map_or(room / 2, |counted| counted.fitting(sent)));
    (assign(desk, less, read, cancel).await, shown)
}

/// What is shown of a version to whoever says something of it.
pub(super) struct Seen {
    pub(super) changes: ChangeSet,
    pub(super) diff: String,
    pub(super) validation: ValidationResult,
    pub(super) violations: Vec<Violation>,
    pub(super) artifacts: Vec<(String, Untrusted)>,
}

pub(super) fn reviewed(worker: &Worker, session: &Session, lane: LaneId, version: Version) -> Result<Seen, Stuck> {
    let gone = || Stuck::needs_human(format!("there is no {version} of this lane"), "paraph show");
    let set = session.patch_set(lane, version).ok_or_else(gone)?;
    let base = session.base_of(lane, version).ok_or_else(gone)?;
    let changes = read_changes(worker.blobs(), &set.drafted.digest)?.changes;
    let tree = worker.ports.vcs.tree(&base.key, &base.tree)?;
    let policy = super::inspect::policy_of(worker, session, lane, version, tree.as_ref())?;
    let violations = worker
        .ports
        .policy
        .judge(&changes, tree.as_ref(), &policy)
        .map_err(|error| Stuck::from(VcsError::from(error)))?;
    let diff = unified::write(&changes, &unified::WriteOptions::default());
    Ok(Seen {
        diff: String::from_utf8_lossy(&diff).into_owned(),
        validation: set.validation.clone().unwrap_or_default(),
        violations,
        // what was asked for, before what was made of it
        artifacts: draft::issue(worker, session)?
            .map(|issue| ("issue, as its reporters wrote it".to_owned(), issue.text))
            .into_iter()
            .chain(draft::artifacts(worker, session)?)
            .collect(),
        changes,
    })
}

/// What stages before a draft are told.
async fn stage_brief(worker: &Arc<Worker>, session: &Arc<Session>, cancel: &Cancel) -> Result<StageBrief, Stuck> {
    let (worker, session, cancel) = (worker.clone(), session.clone(), cancel.clone());
    blocking(move || {
        let lanes: Vec<_> = session.active().cloned().collect();
        let most = MOST_MAP / lanes.len().max(1);
        let mut repositories = Vec::new();
        for lane in lanes {
            let Some(snapshot) = &lane.snapshot else { continue };
            let tree = worker.ports.vcs.tree(&snapshot.key, &snapshot.tree)?;
            let map = match session.asked.playbook.has(Stage::Index) {
                true => draft::index(&worker, &session, tree.as_ref(), &cancel)?.map(most).raw().to_owned(),
                false => paths(tree.as_ref(), most)?,
            };
            let guidance = evidence::guidance(tree.as_ref()).map_err(|error| Stuck::from(VcsError::from(error)))?;
            let guidance = guidance.into_iter().map(|found| (found.path, found.text)).collect();
            repositories.push(RepositoryBrief { name: lane.name(), map, guidance });
        }
        let asked = &session.asked;
        let issue = draft::issue(&worker, &session)?;
        Ok(StageBrief { goal: asked.goal.clone(), issue, kind: asked.kind, paths: asked.paths.clone(), repositories })
    })
    .await
}

fn paths(tree: &dyn Tree, most: usize) -> Result<String, Stuck> {
    let entries = tree.entries().map_err(|error| Stuck::from(VcsError::from(error)))?;
    let mut text = String::new();
    for (at, entry) in entries.iter().enumerate() {
        if text.len() > most {
            text.push_str(&format!("… and {} more\n", entries.len() - at));
            break;
        }
        text.push_str(&format!("{}\n", entry.path));
    }
    Ok(text)
}

/// What criteria may be bound to: the checks that run, and every rule.
fn bindings(worker: &Worker, session: &Session) -> Result<Bindings, Stuck> {
    let mut checks = BTreeSet::new();
    for plan in session.active().filter_map(|lane| lane.plan) {
        let bytes = worker.blobs().get(plan)?;
        let plan: CheckPlan = serde_json::from_slice(&bytes).map_err(|error| {
            Stuck::needs_human(format!("check plan {plan} does not read: {error}"), "paraph doctor")
        })?;
        checks.extend(plan.checks.into_iter().map(|check| check.name));
    }
    if !session.asked.playbook.has(Stage::Checks) {
        checks.clear();
    }
    Ok(Bindings { checks, rules: RULES.iter().map(|rule| rule.id.to_owned()).collect() })
}

pub(super) fn redactor(worker: &Worker) -> Redactor {
    Redactor::new(worker.ports.mask.clone())
}

/// Stores a document.
pub(super) async fn put(worker: &Arc<Worker>, text: String) -> Result<crate::id::Digest, Stuck> {
    let worker = worker.clone();
    blocking(move || Ok(worker.blobs().put(text.as_bytes())?)).await
}

/// Why a stage has no answer; `words` are what a person can do instead of mending it.
fn unanswered(error: AskError, words: &str) -> Stuck {
    match error {
        AskError::BudgetSpent { why, next } => {
            Stuck { kind: StopKind::BudgetSpent, reason: format!("the budget is spent: {why}"), next, log: None }
        }
        AskError::NoModel { role, why, next } => {
            Stuck::needs_human(format!("no model for the role {role}: {why}"), format!("{next}, then {words}"))
        }
        AskError::Cancelled => Stuck::needs_human("the model was not waited for", words),
        AskError::Failed { ref next, .. } | AskError::TooLong { ref next, .. } => {
            Stuck::needs_human(error.to_string(), format!("{next}, then {words}"))
        }
    }
}
