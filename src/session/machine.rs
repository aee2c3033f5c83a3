//! What an input means for a session. Read top to bottom: this is the product.

use crate::id::{LaneId, RepoPath, ThreadId, Version};
use crate::planning::Stage;
use crate::proposal::EngineKind;
use crate::text::Untrusted;

use super::derive::derive;
use super::drafts;
use super::effect::{EffectKey, EffectKind, Owed};
use super::event::{Event, PatchSet, Person, StopKind, ThreadPlace};
use super::input::{Command, DecideCommand, Finding, Input, Outcome, Refusal};
use super::offer::{Offer, offer};
use super::pause;
use super::state::{PatchSetRecord, Phase, Session, Verdict};

/// What to record. What is then owed follows from folding it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// In this order.
    pub events: Vec<Event>,
}

impl Step {
    pub(super) fn record(event: Event) -> Self {
        Self { events: vec![event] }
    }
}

/// Decides what `input` means for `session`: a command may be refused, a stale outcome means nothing.
///
/// # Errors
/// [`Refusal`]: why a command is not carried out; then nothing is recorded.
pub fn decide(session: &Session, input: &Input) -> Result<Step, Refusal> {
    match input {
        Input::Outcome(outcome) => Ok(answer(session, outcome)),
        Input::Command(command) => order(session, command),
    }
}

fn order(session: &Session, command: &Command) -> Result<Step, Refusal> {
    match command {
        Command::OpenThread { place, by, text } => open_thread(session, place, by, text),
        Command::Answer { thread, by, text } => {
            known_thread(session, *thread)?;
            Ok(Step::record(Event::ThreadAnswered { thread: *thread, by: by.clone(), text: text.clone() }))
        }
        Command::Resolve { thread, resolved, by } => resolve(session, *thread, *resolved, by),
        Command::KeepDraft { draft, place, thread, by, text } => {
            patch_set(session, place.lane, place.version)?;
            thread.map(|thread| known_thread(session, thread)).transpose()?;
            drafts::keep(session, *draft, place, *thread, by, text)
        }
        Command::DropDraft { draft, by } => drafts::drop_one(session, *draft, by),
        Command::SendDrafts { by } => Ok(Step { events: drafts::sent(session, by) }),
        Command::Mark { lane, version, hunks, reviewed, by } => {
            patch_set(session, *lane, *version)?;
            let (lane, version, hunks, by) = (*lane, *version, hunks.clone(), by.clone());
            Ok(Step::record(if *reviewed {
                Event::Marked { lane, version, hunks, by }
            } else {
                Event::Unmarked { lane, version, hunks, by }
            }))
        }
        other if is_over(session) => Err(not_now(session, other)),
        Command::Triage { by, message } => triage(session, by, message, command),
        Command::Decide(asked) => decide_on(session, asked, command),
        Command::Override { lane, version, rule, path, by, message } => {
            override_warning(session, (*lane, *version), rule, path.as_ref(), by, message, command)
        }
        Command::Regenerate { by, engine: None, rules, patch: None, message, .. }
            if rules.is_empty() && is_stuck_on_a_lane(session) =>
        {
            Ok(Step::record(Event::Retried { by: by.clone(), message: message.clone() }))
        }
        Command::Regenerate { by, engine, rules, patch, message, made_for } => {
            let regenerated = Event::Regenerated {
                by: by.clone(),
                engine: *engine,
                rules: rules.clone(),
                patch: *patch,
                message: message.clone(),
                made_for: made_for.clone(),
            };
            if waits_for_go(session) && (engine.is_some() || !rules.is_empty() || patch.is_some()) {
                // who says how it shall be drafted says GO
                let mut step = triage(session, by, message, command)?;
                step.events.push(regenerated);
                return Ok(step);
            }
            let wants = engine.unwrap_or(session.asked.engine);
            check_regenerate(session, wants, patch.is_some(), command)?;
            Ok(Step::record(regenerated))
        }
        Command::Derive(asked) => derive(session, asked, command),
        Command::Recheck { lane } => recheck(session, *lane, command),
        Command::Drop { lane, by } => drop_lane(session, *lane, by, command),
        // what is being written outside cannot be called back: its outcome is recorded first
        Command::Cancel { .. } if session.active().any(|lane| matches!(lane.phase, Phase::Publishing(_))) => {
            Err(not_now(session, command))
        }
        Command::Cancel { by } => Ok(Step::record(Event::Stopped {
            kind: StopKind::Cancelled,
            reason: Untrusted::new(format!("cancelled by {}", by.login)),
            next: String::new(),
            key: None,
        })),
        Command::Pause { by } => pause::pause(session, by, command),
        Command::Resume { by } => pause::resume(session, by, command),
        Command::Publish { by } => publish(session, by, command),
    }
}

fn answer(session: &Session, outcome: &Outcome) -> Step {
    match outcome {
        Outcome::Starting(key) => match session.owed().get(key) {
            Some(Owed { attempt, .. }) => Step::record(Event::AttemptStarted { key: *key, attempt: attempt + 1 }),
            None => Step::default(),
        },
        Outcome::Found { key, attempt, finding } => match session.owed().get(key) {
            Some(owed) if owed.started && owed.attempt == *attempt => found(session, *key, finding),
            _ => Step::default(), // an older attempt, or nobody waits for it any more
        },
    }
}

fn found(session: &Session, key: EffectKey, finding: &Finding) -> Step {
    let lane = key.lane.unwrap_or(LaneId(0));
    let version = key.version.unwrap_or(Version::FIRST);
    Step::record(match (key.kind, finding.clone()) {
        (EffectKind::Load, Finding::Snapshot { snapshot, plan, policy }) => {
            Event::SnapshotLoaded { lane, snapshot: *snapshot, plan, policy }
        }
        (EffectKind::Index, Finding::Index { index, files, definitions }) => {
            Event::Indexed { lane, index, files, definitions }
        }
        (EffectKind::Draft, Finding::Draft { patch_sets }) => proposed(session, key, patch_sets),
        (EffectKind::Apply, Finding::Branch { tree, commit, reference }) => {
            Event::BranchApplied { lane, version, tree, commit, reference }
        }
        (EffectKind::Apply, Finding::Blocked { violations }) => Event::PatchBlocked { lane, version, violations },
        (EffectKind::Check, Finding::Checks(result)) => Event::Validated { lane, version, result: *result },
        (EffectKind::Score, Finding::Score { violations, score, gates }) => {
            Event::Scored { lane, version, violations, score: *score, gates }
        }
        (EffectKind::Publish, Finding::Published { branch, commit, place }) => {
            Event::Published { lane, version, branch, commit, place }
        }
        (_, Finding::Stuck { kind, reason, next }) => Event::Stopped { kind, reason, next, key: Some(key) },
        // a finding of another kind of work is a mistake of ours; it must never move a lane
        (_, Finding::Snapshot { .. } | Finding::Index { .. } | Finding::Draft { .. } | Finding::Branch { .. })
        | (_, Finding::Blocked { .. } | Finding::Checks(_) | Finding::Score { .. } | Finding::Published { .. }) => {
            Event::Stopped {
                kind: StopKind::NeedsHuman,
                reason: format!("{key} was answered with a finding of other work").into(),
                next: "paraph doctor".to_owned(),
                key: Some(key),
            }
        }
    })
}

/// A draft equal to the version before makes no version.
fn proposed(session: &Session, key: EffectKey, patch_sets: Vec<PatchSet>) -> Event {
    let drafting = session.drafting.as_ref().expect("a draft is owed only while one is wanted");
    let version = drafting.version;
    let same =
        |set: &PatchSet| session.current(set.lane).is_some_and(|(_, current)| current.drafted.digest == set.digest);
    let news: Vec<_> = patch_sets.into_iter().filter(|set| drafting.lanes.contains(&set.lane) && !same(set)).collect();
    if news.is_empty() {
        return Event::Stopped {
            kind: StopKind::NeedsHuman,
            reason: Untrusted::new(format!(
                "engine {} drafted the same change again, so there is no {version}",
                drafting.engine.name()
            )),
            next: session.next_draft(drafting.engine),
            key: Some(key),
        };
    }
    let (engine, made_for) = (drafting.engine, drafting.made_for.clone());
    Event::Proposed { version, engine, made_for, patch_sets: news, by: None, parent: None }
}

fn waits_for_go(session: &Session) -> bool {
    session.asked.playbook.has(Stage::Triage) && !session.triaged
}

fn triage(session: &Session, by: &Person, message: &Untrusted, command: &Command) -> Result<Step, Refusal> {
    if session.triaged || !session.asked.playbook.has(Stage::Triage) {
        return Err(not_now(session, command));
    }
    Ok(Step::record(Event::Triaged { by: by.clone(), message: message.clone() }))
}

fn decide_on(session: &Session, asked: &DecideCommand, command: &Command) -> Result<Step, Refusal> {
    let set = patch_set(session, asked.lane, asked.version)?;
    let digest = set.drafted.digest;
    if !digest.matches(&asked.digest) {
        let (seen, current) = (asked.digest.clone(), digest.short());
        return Err(Refusal::OtherPatch { seen, version: asked.version, current });
    }
    if let Some(decision) = &set.decision {
        return Err(Refusal::AlreadyDecided {
            version: asked.version,
            verdict: decision.verdict.name(),
            by: decision.by.login.clone(),
            at: decision.at,
        });
    }
    if let Some((newest, _)) = session.current(asked.lane).filter(|(newest, _)| *newest != asked.version) {
        return Err(Refusal::Superseded { version: asked.version, newest });
    }
    if session.lane(asked.lane).is_none_or(|lane| lane.dropped) {
        return Err(not_now(session, command));
    }
    let (lane, version) = (asked.lane, asked.version);
    let (by, message) = (asked.by.clone(), asked.message.clone());
    match asked.verdict {
        Verdict::Approve => {
            let because = approvable(session, asked)?;
            Ok(Step::record(Event::Approved { lane, version, digest, by, message, because }))
        }
        Verdict::Reject => Ok(Step::record(Event::Rejected { lane, version, digest, by, message })),
        // the person's comments go with their word: one without the other would be half an answer
        Verdict::RequestChanges => {
            let mut events = drafts::sent(session, &by);
            events.push(Event::ChangesRequested { lane, version, digest, by, message });
            Ok(Step { events })
        }
    }
}

/// What asks for a reason, where approving is offered and the reason was given.
fn approvable(session: &Session, asked: &DecideCommand) -> Result<Vec<String>, Refusal> {
    match offer(session, asked.lane, asked.version, &asked.drift) {
        Offer::Clean => Ok(Vec::new()),
        Offer::WithReason { because } if asked.message.raw().trim().is_empty() => {
            Err(Refusal::ReasonNeeded { because })
        }
        Offer::WithReason { because } => Ok(because),
        Offer::Not { because } => Err(Refusal::NotOffered { because }),
    }
}

fn override_warning(
    session: &Session,
    (lane, version): (LaneId, Version),
    rule: &str,
    path: Option<&RepoPath>,
    by: &Person,
    message: &Untrusted,
    command: &Command,
) -> Result<Step, Refusal> {
    let set = patch_set(session, lane, version)?;
    if let Some((newest, _)) = session.current(lane).filter(|(newest, _)| *newest != version) {
        return Err(Refusal::Superseded { version, newest });
    }
    if set.decision.is_some() || set.score.is_none() {
        return Err(not_now(session, command));
    }
    let meant = |violation: &&crate::policy::Violation| {
        violation.rule == rule && path.is_none_or(|path| *path == violation.path)
    };
    let mut found = set.violations.iter().filter(meant).peekable();
    if found.peek().is_none() {
        return Err(Refusal::NoSuchWarning { version, rule: rule.to_owned(), path: path.cloned() });
    }
    if found.any(|violation| violation.severity == crate::policy::Severity::Block) {
        return Err(Refusal::CannotOverride { rule: rule.to_owned() });
    }
    if message.raw().trim().is_empty() {
        return Err(Refusal::ReasonNeeded {
            because: vec![format!("overriding `{rule}` is recorded with its reason")],
        });
    }
    Ok(Step::record(Event::Overridden {
        lane,
        version,
        rule: rule.to_owned(),
        path: path.cloned(),
        by: by.clone(),
        message: message.clone(),
    }))
}

fn check_regenerate(session: &Session, engine: EngineKind, patch: bool, command: &Command) -> Result<(), Refusal> {
    let published = session.active().any(|lane| matches!(lane.phase, Phase::Publishing(_) | Phase::Done(_)));
    if published || waits_for_go(session) {
        return Err(not_now(session, command));
    }
    if engine == EngineKind::Patch && !patch && !session.versions.is_empty() {
        return Err(Refusal::EngineNeeds("engine patch needs another diff: `--patch FILE`".to_owned()));
    }
    Ok(())
}

fn recheck(session: &Session, lane: LaneId, command: &Command) -> Result<Step, Refusal> {
    let Some(Phase::Scored(version)) = session.lane(lane).map(|lane| lane.phase) else {
        return Err(not_now(session, command));
    };
    let set = patch_set(session, lane, version)?;
    match set.validation.as_ref().and_then(|result| result.unverified.as_ref()) {
        Some(_) if set.decision.is_none() => Ok(Step::record(Event::RecheckAsked { lane, version })),
        _ => Err(not_now(session, command)),
    }
}

fn drop_lane(session: &Session, lane: LaneId, by: &Person, command: &Command) -> Result<Step, Refusal> {
    let known = session.lane(lane).ok_or(Refusal::NoSuchLane)?;
    // what is left must have something to decide about
    let last = session.at_stake().all(|other| other.id == lane);
    if known.dropped || last || matches!(known.phase, Phase::Publishing(_) | Phase::Done(_)) {
        return Err(not_now(session, command));
    }
    Ok(Step::record(Event::LaneDropped { lane, by: by.clone() }))
}

fn publish(session: &Session, by: &Person, command: &Command) -> Result<Step, Refusal> {
    let waiting: Vec<String> = session
        .at_stake()
        .filter(|lane| !matches!(lane.phase, Phase::Approved(_) | Phase::Done(_)))
        .map(|lane| format!("{} is {}", lane.name(), lane.phase.name()))
        .collect();
    if !waiting.is_empty() {
        return Err(Refusal::NotApproved { waiting });
    }
    if session.drafting.is_some() || session.at_stake().all(|lane| matches!(lane.phase, Phase::Done(_))) {
        return Err(not_now(session, command));
    }
    Ok(Step::record(Event::PublishAsked { by: by.clone() }))
}

fn open_thread(session: &Session, place: &ThreadPlace, by: &Person, text: &Untrusted) -> Result<Step, Refusal> {
    patch_set(session, place.lane, place.version)?;
    let thread = ThreadId(u32::try_from(session.threads.len()).expect("fewer than 2^32 threads") + 1);
    Ok(Step::record(Event::ThreadOpened { thread, place: place.clone(), by: by.clone(), text: text.clone() }))
}

fn resolve(session: &Session, thread: ThreadId, resolved: bool, by: &Person) -> Result<Step, Refusal> {
    let known = known_thread(session, thread)?;
    if known.resolved == resolved {
        return Ok(Step::default());
    }
    let by = by.clone();
    Ok(Step::record(if resolved { Event::ThreadResolved { thread, by } } else { Event::ThreadReopened { thread, by } }))
}

fn known_thread(session: &Session, thread: ThreadId) -> Result<&super::state::Thread, Refusal> {
    session.thread(thread).ok_or(Refusal::NoSuchThread { thread })
}

pub(super) fn patch_set(session: &Session, lane: LaneId, version: Version) -> Result<&PatchSetRecord, Refusal> {
    session.lane(lane).ok_or(Refusal::NoSuchLane)?;
    session.patch_set(lane, version).ok_or(Refusal::NoSuchVersion { version })
}

/// Whether a stop stands because work on a lane was stuck: then the same work is wanted again, not another draft.
fn is_stuck_on_a_lane(session: &Session) -> bool {
    let stuck = session.stop.as_ref().and_then(|stop| stop.key);
    stuck.is_some_and(|key| {
        matches!(
            key.kind,
            EffectKind::Load | EffectKind::Index | EffectKind::Apply | EffectKind::Check | EffectKind::Score
        )
    })
}

fn is_over(session: &Session) -> bool {
    session.stop.as_ref().is_some_and(super::state::Stop::is_final)
        || session.at_stake().all(|lane| matches!(lane.phase, Phase::Done(_)))
}

pub(super) fn not_now(session: &Session, command: &Command) -> Refusal {
    Refusal::NotNow { asked: command.verb(), state: session.state().name().to_owned() }
}
