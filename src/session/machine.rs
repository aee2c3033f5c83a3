//! What an input means for a session. Read top to bottom: this is the product.

use crate::id::{Digest, LaneId, RepoPath, ThreadId, Version};
use crate::planning::{Role, Stage};
use crate::proposal::EngineKind;
use crate::text::{Untrusted, counted};

use super::calls;
use super::candidates;
use super::derive::derive;
use super::documents;
use super::drafts;
use super::effect::{EffectKey, EffectKind, Owed};
use super::event::{Event, PatchSet, Person, StopKind, ThreadPlace};
use super::input::{CheckAgainCommand, Command, DecideCommand, Finding, Input, Outcome, Refusal};
use super::monitor;
use super::offer::{Offer, offer};
use super::parts::{self, WentOn};
use super::pause;
use super::stages::{self, waits_for_go, waits_for_word};
use super::state::{PatchSetRecord, Phase, REPAIR, Session, Verdict};
use super::status::State;
use super::steer;
use super::stuck::is_stuck;

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
/// [`Refusal`]: why a command is not carried out, or a call to a model is not made; then nothing is recorded.
pub fn decide(session: &Session, input: &Input) -> Result<Step, Refusal> {
    match input {
        Input::Outcome(outcome) => answer(session, outcome),
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
            placed(session, place)?;
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
        Command::Monitor { by, log, budget } => monitor::ask(session, by, *log, *budget, command),
        // what is asked after it is done is paid for too
        Command::SetBudget { budget, by } if session.state() == State::Done => {
            calls::raise(session, *budget, by, command)
        }
        // that another one was picked is said before that this one is over, which follows from it
        Command::Pick(asked) => candidates::pick(session, asked, command),
        other if is_over(session) => Err(not_now(session, other)),
        Command::Triage { by, message } => stages::go(session, by, message, command),
        Command::Defer { by, message } => {
            stages::put_off(session, Event::Deferred { by: by.clone(), message: message.clone() }, command)
        }
        Command::Decline { by, message } => {
            stages::put_off(session, Event::Declined { by: by.clone(), message: message.clone() }, command)
        }
        Command::Rewrite { by, message } => documents::ask_again(session, by, message, command),
        Command::Tick { criterion, version, ticked, by, message } => {
            stages::tick(session, (criterion, *version), *ticked, by, message, command)
        }
        Command::Decide(asked) => decide_on(session, asked, command),
        Command::Override { lane, version, rule, path, by, message } => {
            override_warning(session, (*lane, *version), rule, path.as_ref(), by, message, command)
        }
        Command::Regenerate { by, engine: None, rules, patch: None, message, program: None, .. }
            if rules.is_empty() && is_stuck(session, message) =>
        {
            Ok(Step::record(Event::Retried { by: by.clone(), message: message.clone() }))
        }
        Command::Regenerate { by, engine, rules, patch, message, made_for, program, limits } => {
            let says_how = engine.is_some() || program.is_some() || !rules.is_empty() || patch.is_some();
            let regenerated = Event::Regenerated {
                by: by.clone(),
                engine: *engine,
                rules: rules.clone(),
                patch: *patch,
                message: session.words_for_draft(message),
                made_for: made_for.clone(),
                program: program.clone(),
                lanes: if says_how { Vec::new() } else { session.lanes_for_draft() },
                repairs: if session.asked.repairs == 0 { limits.repairs } else { 0 },
            };
            let limited = calls::limited(session, limits.budget, by);
            if waits_for_go(session) && says_how {
                // who says how it shall be drafted says GO
                let mut step = stages::go(session, by, message, command)?;
                step.events.extend(limited.into_iter().chain([regenerated]));
                return Ok(step);
            }
            let wants = engine.unwrap_or(session.asked.engine);
            check_regenerate(session, wants, patch.is_some(), command)?;
            let mut step = Step { events: limited.into_iter().chain([regenerated]).collect() };
            // who has it drafted agrees to what it is drafted from
            let agreed = waits_for_word(session).then(|| stages::agreed(session, by.clone(), message.clone()));
            step.events.extend(agreed);
            Ok(step)
        }
        Command::Derive(asked) => derive(session, asked, command),
        Command::CheckAgain(asked) => check_again(session, asked, command),
        Command::SetBudget { budget, by } => calls::raise(session, *budget, by, command),
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
            log: None,
        })),
        Command::Pause { by } => pause::pause(session, by, command),
        Command::Resume { by } => pause::resume(session, by, command),
        Command::Steer { by, text } => steer::steer(session, by, text, command),
        Command::Publish { by } => publish(session, by, command),
    }
}

fn answer(session: &Session, outcome: &Outcome) -> Result<Step, Refusal> {
    Ok(match outcome {
        Outcome::Starting(key) => match session.owed().get(key) {
            Some(Owed { attempt, .. }) => Step::record(Event::AttemptStarted { key: *key, attempt: attempt + 1 }),
            None => Step::default(),
        },
        Outcome::Found { key, attempt, finding: Finding::Held { patch_sets, log } } => {
            steer::held(session, *key, *attempt, patch_sets, *log)
        }
        Outcome::Found { key, attempt, finding } => match session.owed().get(key) {
            Some(owed) if owed.started && owed.attempt == *attempt => found(session, *key, finding),
            _ => Step::default(), // an older attempt, or nobody waits for it any more
        },
        Outcome::Asking(asked, share) => return calls::reserve(session, asked, *share),
        Outcome::Answered(ended) => calls::settle(session, ended),
        Outcome::OtherPicked { picked, version, by } => candidates::other_picked(session, *picked, *version, by),
    })
}

fn found(session: &Session, key: EffectKey, finding: &Finding) -> Step {
    if let (EffectKind::Draft, Finding::Draft { patch_sets, answers, heard, went_on, log }) = (key.kind, finding) {
        return drafted(session, patch_sets.clone(), answers, (*heard, *log), went_on.as_ref());
    }
    let lane = key.lane.unwrap_or(LaneId(0));
    let version = key.version.unwrap_or(Version::FIRST);
    match (key.kind, finding) {
        (EffectKind::Triage, Finding::Triage { report, artifact }) => {
            return stages::triaged(session, report.clone(), *artifact);
        }
        (EffectKind::Plan, Finding::Plan(planned)) => return documents::written(session, key, planned),
        (EffectKind::Test, Finding::Part(made)) => return parts::found(session, key, Role::Tester, made),
        (EffectKind::Document, Finding::Part(made)) => return parts::found(session, key, Role::Documenter, made),
        (EffectKind::Review, Finding::Review { reviews, left_out }) => {
            return stages::reviewed(session, key, (lane, version), reviews, left_out.as_ref());
        }
        (EffectKind::Monitor, finding) => return monitor::found(session, key, finding),
        (EffectKind::Runbook, Finding::Runbook(found)) => {
            return stages::runbook(session, key, (lane, version), found);
        }
        _ => {}
    }
    Step::record(match (key.kind, finding.clone()) {
        (EffectKind::Load, Finding::Snapshot { snapshot, plan, policy }) => {
            Event::SnapshotLoaded { lane, snapshot: *snapshot, plan, policy }
        }
        (EffectKind::Index, Finding::Index { index, files, definitions }) => {
            Event::Indexed { lane, index, files, definitions }
        }
        (EffectKind::Apply, Finding::Branch { tree, commit, reference }) => {
            Event::BranchApplied { lane, version, tree, commit, reference }
        }
        (EffectKind::Apply, Finding::Blocked { violations }) => Event::PatchBlocked { lane, version, violations },
        (EffectKind::Check, Finding::Checks(result)) => Event::Validated { lane, version, result: *result },
        (EffectKind::Score, Finding::Score { violations, score, gates }) => {
            let mut step = Step::record(Event::Scored { lane, version, violations, score: *score, gates });
            step.events.extend(repair(session, lane, version));
            return step;
        }
        (EffectKind::Publish, Finding::Published { branch, commit, place }) => {
            Event::Published { lane, version, branch, commit, place }
        }
        (EffectKind::PassOver, Finding::PassedOver) => Event::OthersPassedOver {},
        (_, Finding::Stuck { kind, reason, next, log }) => Event::Stopped { kind, reason, next, key: Some(key), log },
        // a finding of another kind of work is a mistake of ours; it must never move a lane
        (_, Finding::Snapshot { .. } | Finding::Index { .. } | Finding::Draft { .. } | Finding::Branch { .. })
        | (_, Finding::Triage { .. } | Finding::Plan(_) | Finding::Review { .. } | Finding::Held { .. })
        | (_, Finding::PassedOver | Finding::Part(_) | Finding::Runbook(_) | Finding::Monitored(_))
        | (_, Finding::Blocked { .. } | Finding::Checks(_) | Finding::Score { .. } | Finding::Published { .. }) => {
            Event::Stopped {
                kind: StopKind::NeedsHuman,
                reason: format!("{key} was answered with a finding of other work").into(),
                next: "paraph doctor".to_owned(),
                key: Some(key),
                log: None,
            }
        }
    })
}

/// What the engine says to threads is kept whatever becomes of its draft. One equal to the version before, or to what the
/// engine made of that before others added to it, comes to nothing.
fn drafted(
    session: &Session,
    patch_sets: Vec<PatchSet>,
    answers: &[(ThreadId, Untrusted)],
    (heard, log): (u32, Option<Digest>),
    went_on: Option<&WentOn>,
) -> Step {
    let drafting = session.drafting.as_ref().expect("a draft is owed only while one is wanted");
    let known: Vec<_> = answers.iter().filter(|(thread, _)| session.thread(*thread).is_some()).collect();
    let by = Person::engine(drafting.engine);
    let mut step = Step {
        events: known
            .iter()
            .map(|(thread, text)| Event::ThreadAnswered { thread: *thread, by: by.clone(), text: text.clone() })
            .collect(),
    };
    let same = |set: &PatchSet| {
        session.current(set.lane).is_some_and(|(version, current)| {
            let before = session.version(version).and_then(|record| record.parts.first());
            let before = before.filter(|part| went_on.is_none() && part.on.is_none());
            let own = before.into_iter().flat_map(|part| &part.patch_sets).find(|own| own.lane == set.lane);
            [Some(&current.drafted), own].into_iter().flatten().any(|known| known.digest == set.digest)
        })
    };
    let news: Vec<_> = patch_sets.into_iter().filter(|set| drafting.lanes.contains(&set.lane) && !same(set)).collect();
    step.events.extend(match news.is_empty() {
        true => vec![parts::same_again(session, drafting, &known, log)],
        false => parts::drafted(session, news, went_on, heard),
    });
    step
}

/// What a lane that was scored leads to where the session may repair. While one was repaired another may have turned red:
/// its turn comes before a person is needed.
fn repair(session: &Session, lane: LaneId, version: Version) -> Option<Event> {
    let of_it = repair_of(session, lane, version);
    if matches!(of_it, Some(Event::RepairAsked { .. })) {
        return of_it;
    }
    let others = session.active().filter(|other| other.id != lane);
    let mut scored = others.filter_map(|other| match other.phase {
        Phase::Scored(version) => repair_of(session, other.id, version),
        _ => None,
    });
    scored.find(|event| matches!(event, Event::RepairAsked { .. })).or(of_it)
}

/// What a red check, or a reviewer's `must`, of one lane leads to: the evidence goes back to the engine, a version each
/// time; after the last a person is needed. Each lane has tries of its own.
fn repair_of(session: &Session, lane: LaneId, version: Version) -> Option<Event> {
    let most = session.asked.repairs;
    let set = session.patch_set(lane, version).filter(|set| set.decision.is_none())?;
    let is_current = session.current(lane).is_some_and(|(newest, _)| newest == version);
    if most == 0 || !is_current || session.drafting.is_some() || session.stop.is_some() {
        return None;
    }
    let checks = set.validation.iter().flat_map(|result| &result.checks);
    let red: Vec<String> = checks.filter(|check| check.is_red()).map(|check| check.name.clone()).collect();
    let musts = stages::musts(session, lane, version);
    let stand = if musts.is_empty() { "still red" } else { "still there" };
    let because = [red, musts].concat();
    if because.is_empty() {
        return None;
    }
    let of_lane = session.versions.iter().rev().filter(|record| record.patch_sets.contains_key(&lane));
    let repairs = of_lane.take_while(|record| record.made_for == REPAIR).count();
    let number = u32::try_from(repairs).unwrap_or(u32::MAX).saturating_add(1);
    Some(if number <= most {
        Event::RepairAsked { lane, version, number, because }
    } else {
        Event::Stopped {
            kind: StopKind::NeedsHuman,
            reason: Untrusted::new(format!("{} {stand} after {}", because.join(", "), counted(most, "repair"))),
            next: session.next_draft(session.asked.engine),
            key: None,
            log: None,
        }
    })
}

fn decide_on(session: &Session, asked: &DecideCommand, command: &Command) -> Result<Step, Refusal> {
    let set = patch_set(session, asked.lane, asked.version)?;
    let digest = set.drafted.digest;
    if !digest.matches(&asked.digest) {
        let (seen, current) = (asked.digest.clone(), digest.short());
        return Err(Refusal::OtherPatch { seen, version: asked.version, current });
    }
    let (lane, version) = (asked.lane, asked.version);
    still_open(session, (lane, version), set, command)?;
    let (by, message) = (asked.by.clone(), asked.message.clone());
    match asked.verdict {
        Verdict::Approve => {
            candidates::may_be_approved(session, version)?;
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

/// Refuses what is about a version that a person decided on, that is not the newest, or of a lane that was dropped.
fn still_open(
    session: &Session,
    (lane, version): (LaneId, Version),
    set: &PatchSetRecord,
    command: &Command,
) -> Result<(), Refusal> {
    if let Some(decision) = &set.decision {
        let (verdict, by) = (decision.verdict.name(), decision.by.login.clone());
        return Err(Refusal::AlreadyDecided { version, verdict, by, at: decision.at });
    }
    if let Some((newest, _)) = session.current(lane).filter(|(newest, _)| *newest != version) {
        return Err(Refusal::Superseded { version, newest });
    }
    if session.lane(lane).is_none_or(|lane| lane.dropped) {
        return Err(not_now(session, command));
    }
    Ok(())
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

/// Checks that ended, whatever they said, or that are stuck can run again; until a person decided.
fn check_again(session: &Session, asked: &CheckAgainCommand, command: &Command) -> Result<Step, Refusal> {
    let (lane, version) = (asked.lane, asked.version);
    let set = patch_set(session, lane, version)?;
    still_open(session, (lane, version), set, command)?;
    if !session.asked.playbook.has(Stage::Checks) {
        return Err(Refusal::NoChecks { playbook: session.asked.playbook.name.clone() });
    }
    let check = EffectKey::on_version(EffectKind::Check, lane, version);
    let stands = session.stop.as_ref().is_some_and(|stop| stop.key == Some(check)) || session.is_given_up(&check);
    match session.lane(lane).map(|lane| lane.phase) {
        Some(Phase::Scored(_)) => {}
        Some(Phase::BranchApplied(_)) if stands => {}
        Some(Phase::Proposed(_) | Phase::BranchApplied(_) | Phase::Validated(_)) => {
            return Err(Refusal::StillChecked { version });
        }
        _ => return Err(not_now(session, command)),
    }
    let environment = Some(asked.environment.clone()).filter(|sent| !sent.is_empty());
    Ok(Step::record(Event::RecheckAsked { lane, version, by: Some(asked.by.clone()), sides: asked.sides, environment }))
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
    let drafts = session.drafting.is_some() && !session.stop.as_ref().is_some_and(super::state::Stop::is_of_part);
    if drafts || session.at_stake().all(|lane| matches!(lane.phase, Phase::Done(_))) {
        return Err(not_now(session, command));
    }
    Ok(Step::record(Event::PublishAsked { by: by.clone() }))
}

fn open_thread(session: &Session, place: &ThreadPlace, by: &Person, text: &Untrusted) -> Result<Step, Refusal> {
    placed(session, place)?;
    let thread = ThreadId(u32::try_from(session.threads.len()).expect("fewer than 2^32 threads") + 1);
    Ok(Step::record(Event::ThreadOpened { thread, place: place.clone(), by: by.clone(), text: text.clone() }))
}

/// Refuses a place that is none: a comment hangs on a version, or on a document.
fn placed(session: &Session, place: &ThreadPlace) -> Result<(), Refusal> {
    let Some(name) = &place.artifact else { return patch_set(session, place.lane, place.version).map(drop) };
    session.lane(place.lane).ok_or(Refusal::NoSuchLane)?;
    let artifacts = session.planned.iter().flat_map(|planned| &planned.artifacts);
    let known = artifacts.map(|artifact| &artifact.name).any(|known| known == name);
    if known { Ok(()) } else { Err(Refusal::NoSuchArtifact { name: name.clone() }) }
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

pub(super) fn is_over(session: &Session) -> bool {
    session.stop.as_ref().is_some_and(super::state::Stop::is_final)
        || session.at_stake().all(|lane| matches!(lane.phase, Phase::Done(_)))
}

pub(super) fn not_now(session: &Session, command: &Command) -> Refusal {
    Refusal::NotNow { asked: command.verb(), state: session.state().name().to_owned() }
}
