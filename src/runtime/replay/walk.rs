//! The walk over a session's entries: what came from outside is taken, what Paraph made is made anew.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::api::{
    DifferenceView, Failure, FailureKind, ReplayView, Replayed, ReplayedPatchSet, ReplayedStage, ReplayedVersion,
    UsageView,
};
use crate::cancel::Cancel;
use crate::clock::Timestamp;
use crate::id::{Digest, LaneId, Seq, Version};
use crate::policy::Violation;
use crate::proposal::EngineKind;
use crate::runtime::desk::Line;
use crate::runtime::ear::Ear;
use crate::runtime::metrics::cost_of;
use crate::runtime::work::{Worker, paths_blocked, read_changes};
use crate::session::{EffectKey, EffectKind, Event, Finding, Input, Outcome, Session, StopKind, VersionRecord, decide};

use super::compare::{self, Compared};
use super::recalled::Recalled;
use super::record::Record;
use super::tape::{Miss, Tape};

/// What an entry is to a replay.
enum Part {
    /// It came from outside, or tells what did.
    Taken,
    /// It followed from the entry before, and does so again.
    Follows,
    /// A piece of work began.
    Began(EffectKey, u32),
    /// What it found.
    Found(EffectKey),
}

fn part(event: &Event) -> Part {
    match event {
        Event::AttemptStarted { key, attempt } => Part::Began(*key, *attempt),
        Event::SnapshotLoaded { lane, .. } => Part::Found(EffectKey::on_lane(EffectKind::Load, *lane)),
        Event::Indexed { lane, .. } => Part::Found(EffectKey::on_lane(EffectKind::Index, *lane)),
        Event::TriageFound { .. } => Part::Found(EffectKey::of_session(EffectKind::Triage)),
        Event::Planned { .. } => Part::Found(EffectKey::of_session(EffectKind::Plan)),
        Event::PartMade { version, part, .. } => Part::Found(part.key(*version)),
        Event::Proposed { version, by: None, parts, .. } => {
            Part::Found(parts.last().map_or_else(|| EffectKey::draft(*version), |part| part.key(*version)))
        }
        Event::BranchApplied { lane, version, .. } | Event::PatchBlocked { lane, version, .. } => {
            Part::Found(EffectKey::on_version(EffectKind::Apply, *lane, *version))
        }
        Event::Validated { lane, version, .. } => {
            Part::Found(EffectKey::on_version(EffectKind::Check, *lane, *version))
        }
        Event::Reviewed { lane, version, .. } => {
            Part::Found(EffectKey::on_version(EffectKind::Review, *lane, *version))
        }
        Event::RunbookWritten { lane, version, .. } => {
            Part::Found(EffectKey::on_version(EffectKind::Runbook, *lane, *version))
        }
        Event::Scored { lane, version, .. } => Part::Found(EffectKey::on_version(EffectKind::Score, *lane, *version)),
        Event::Published { lane, version, .. } => {
            Part::Found(EffectKey::on_version(EffectKind::Publish, *lane, *version))
        }
        Event::Monitored { version, .. } => {
            Part::Found(EffectKey { version: Some(*version), ..EffectKey::of_session(EffectKind::Monitor) })
        }
        Event::Stopped { key: Some(key), .. } => Part::Found(*key),
        // only a person cancels; whatever else stops without a piece of work followed from what was found
        Event::Stopped { kind, key: None, .. } if *kind != StopKind::Cancelled => Part::Follows,
        Event::RepairAsked { .. } => Part::Follows,
        Event::ThreadOpened { by, .. } | Event::ThreadAnswered { by, .. } if by.is_engine() => Part::Follows,
        _ => Part::Taken,
    }
}

/// What became of a version so far.
struct Made {
    standing: Replayed,
    digests: BTreeMap<LaneId, Digest>,
    differences: Vec<DifferenceView>,
    why: String,
}

pub(super) struct Walk<'a> {
    worker: Arc<Worker>,
    /// The worker's policy.
    policy: Arc<Recalled>,
    record: &'a Record,
    until: Option<Version>,
    ours: Session,
    /// What was folded when a piece of work began, and which attempt that was.
    began: BTreeMap<EffectKey, (u32, Arc<Session>)>,
    versions: BTreeMap<Version, Made>,
    stages: Vec<ReplayedStage>,
    differences: Vec<DifferenceView>,
    replayed: Vec<(EffectKey, u32)>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(worker: Arc<Worker>, policy: Arc<Recalled>, record: &'a Record, until: Option<Version>) -> Self {
        // as it was asked for: asking again changes engine and rules
        let first = record.events.iter().take(1).cloned();
        let ours = Session::fold(first).unwrap_or_else(|| record.session.clone());
        let (versions, stages, differences, replayed) = Default::default();
        Self { worker, policy, record, until, ours, began: BTreeMap::new(), versions, stages, differences, replayed }
    }

    /// Walks to the end, or until what differs is too much to go on.
    pub(super) async fn walk(mut self) -> Result<ReplayView, Failure> {
        let record = self.record;
        for (event, at, seq) in record.events.iter().skip(1) {
            if self.is_past(event) || self.step(event, *at, *seq).await?.is_break() {
                break;
            }
        }
        Ok(self.told())
    }

    /// Whether the entry is about a version after the one that was asked for.
    fn is_past(&self, event: &Event) -> bool {
        let version = match event {
            Event::AttemptStarted { key, .. } if key.kind == EffectKind::Draft => key.version,
            Event::Proposed { version, .. } => Some(*version),
            _ => None,
        };
        self.until.zip(version).is_some_and(|(until, version)| version > until)
    }

    async fn step(&mut self, event: &Event, at: Timestamp, seq: Seq) -> Result<ControlFlow<()>, Failure> {
        match part(event) {
            Part::Follows => {
                // of a review that the budget cut short nothing is made anew: what it had said is taken
                if let Event::ThreadOpened { thread, .. } = event
                    && self.ours.thread(*thread).is_none()
                {
                    self.fold(event, at, seq);
                }
            }
            Part::Taken => {
                if let Event::Proposed { version, patch_sets, by: Some(_), .. } = event {
                    let digests = patch_sets.iter().map(|set| (set.lane, set.digest)).collect();
                    let (differences, why) = Default::default();
                    let standing = Replayed::ByAPerson;
                    self.versions.insert(*version, Made { standing, digests, differences, why });
                }
                self.fold(event, at, seq);
            }
            Part::Began(key, attempt) => {
                if !self.ours.owed().contains_key(&key) {
                    return Ok(self.lost(key));
                }
                self.fold(event, at, seq);
                self.began.insert(key, (attempt, Arc::new(self.ours.clone())));
            }
            Part::Found(key) => match self.began.remove(&key) {
                Some((attempt, then)) => self.found(key, attempt, &then, (event, at, seq)).await?,
                None => self.fold(event, at, seq),
            },
        }
        Ok(ControlFlow::Continue(()))
    }

    fn fold(&mut self, event: &Event, at: Timestamp, seq: Seq) {
        self.ours = self.ours.clone().apply(event, at, seq);
    }

    /// The record goes on with work that the replay does not owe.
    fn lost(&mut self, key: EffectKey) -> ControlFlow<()> {
        let owed: Vec<String> = self.ours.owed().keys().map(ToString::to_string).collect();
        let replayed = match (&self.ours.stop, owed.is_empty()) {
            (Some(stop), _) => format!("stands still: {}", stop.reason.raw()),
            (None, true) => "nothing is to be done".to_owned(),
            (None, false) => owed.join(", "),
        };
        self.differences.push(compare::difference("what is done next", &key.to_string(), &replayed));
        ControlFlow::Break(())
    }

    /// A piece of work ended: it is done anew, unless it came from outside.
    async fn found(
        &mut self,
        key: EffectKey,
        attempt: u32,
        then: &Arc<Session>,
        (event, at, seq): (&Event, Timestamp, Seq),
    ) -> Result<(), Failure> {
        if let Some(why) = unrecorded(key, then) {
            if let Event::Proposed { version, patch_sets, .. } | Event::PartMade { version, patch_sets, .. } = event {
                let digests = patch_sets.iter().map(|set| (set.lane, set.digest)).collect();
                let (standing, differences) = (Replayed::Unrecorded, Vec::new());
                self.versions.insert(*version, Made { standing, digests, differences, why });
            }
            self.fold(event, at, seq);
            return Ok(());
        }
        match key.kind {
            kind if is_outside(kind) => self.fold(event, at, seq),
            EffectKind::Apply => {
                let blocked = self.judged(key, then).await?;
                let differences = compare::placed(event, blocked.as_ref());
                self.note(key, event, differences, None);
                self.fold(event, at, seq);
            }
            _ => self.made(key, attempt, then, (event, at, seq)).await,
        }
        Ok(())
    }

    /// Whether paths forbid the patch set. The tree that it makes is a function of what its digest names, so it is not
    /// written again.
    async fn judged(&self, key: EffectKey, then: &Arc<Session>) -> Result<Option<Finding>, Failure> {
        let (worker, then) = (self.worker.clone(), then.clone());
        let (lane, version) = (key.lane.unwrap_or(LaneId(0)), key.version.unwrap_or(Version::FIRST));
        let judge = move || {
            let Some(set) = then.patch_set(lane, version) else { return Ok(None) };
            let stored = read_changes(worker.blobs(), &set.drafted.digest)?;
            paths_blocked(&worker, &then, (lane, version), &stored)
        };
        let judged = crate::runtime::work::blocking(judge).await;
        judged.map_err(|stuck| Failure::new(FailureKind::Failed, stuck.reason).hint("paraph audit verify"))
    }

    async fn made(
        &mut self,
        key: EffectKey,
        attempt: u32,
        then: &Arc<Session>,
        (event, at, seq): (&Event, Timestamp, Seq),
    ) {
        let blobs = self.worker.blobs().clone();
        let is_same = move |then, now| compare::same_but_for_keys(&blobs, then, now);
        let tape = Arc::new(Tape::of(&self.record.session.calls, key, attempt, Box::new(is_same)));
        // nobody listens: with a tape nothing is reserved
        let (inbox, _) = mpsc::channel(1);
        let ear = Arc::new(Ear::taped(&self.ours.steered, tape.clone()));
        let unwanted = Cancel::new();
        let line = Line { inbox, session: then.asked.id, key, attempt, ear, unwanted, tape: Some(tape.clone()) };
        self.policy.recall(self.violations(key, seq));
        let finding = self.worker.run(then, &line, &Cancel::new()).await;
        self.replayed.push((key, attempt));
        let finding = compare::with_recorded_reasons(finding, event);
        let outcome = Outcome::Found { key, attempt, finding };
        let step = decide(&self.ours, &Input::Outcome(Box::new(outcome))).unwrap_or_default();
        let miss = tape.missed();
        let blobs = self.worker.blobs();
        let compared = Compared { recorded: event, ours: &step.events, tape: &tape, session: then, blobs };
        let compared = compare::made(&compared);
        let outside = matches!(event, Event::Stopped { .. })
            && matches!(miss, Some(Miss::More { .. } | Miss::Unasked { .. } | Miss::Unanswered));
        let mut differences = if outside { Vec::new() } else { compared };
        if let Some(Miss::Other { role, nth, recorded, replayed }) = miss {
            let place = compare::prompts(self.worker.blobs(), recorded, replayed);
            let at = format!("call {nth} of the {role}{place}");
            let told = compare::difference("prompt", &recorded.to_string(), &replayed.to_string());
            differences.insert(0, DifferenceView { at: at.into(), ..told });
        }
        self.note(key, event, differences, Some(&step.events));
        // a person's next word answered the stop that is recorded
        if matches!(event, Event::Stopped { .. }) {
            return self.fold(event, at, seq);
        }
        for event in &step.events {
            // what a person said too late for the draft is recorded as theirs, and comes with the next entry
            if !matches!(event, Event::ThreadOpened { by, .. } if !by.is_engine()) {
                self.fold(event, at, seq);
            }
        }
    }

    /// What the version that the work is of came to have violated, from that entry on.
    fn violations(&self, key: EffectKey, from: Seq) -> &'a [Violation] {
        let later = self.record.events.iter().filter(|(_, _, seq)| *seq >= from);
        let scored = later.filter_map(|(event, ..)| match event {
            Event::Scored { lane, version, violations, .. } => Some(((Some(*lane), Some(*version)), violations)),
            _ => None,
        });
        let mut of_it = scored.filter(|(whose, _)| *whose == (key.lane, key.version));
        of_it.next().map_or(&[], |(_, violations)| violations)
    }

    /// Keeps what was found about a piece of work with the version that it is of, else with the stages.
    fn note(&mut self, key: EffectKey, event: &Event, differences: Vec<DifferenceView>, ours: Option<&[Event]>) {
        let standing = if differences.is_empty() { Replayed::Same } else { Replayed::Differs };
        let is_version = key.version.filter(|version| self.record.session.version(*version).is_some());
        let is_stop = key.kind.part_of().is_some() && matches!(event, Event::Stopped { .. });
        // what is said of it once it is published is no part of how it was made
        let is_after = key.kind == EffectKind::Monitor;
        let Some(version) = is_version.filter(|_| !is_stop && !is_after) else {
            return self.stages.push(ReplayedStage { stage: key.to_string(), standing, differences });
        };
        let digests = BTreeMap::new();
        let made = Made { standing: Replayed::Same, digests, differences: Vec::new(), why: String::new() };
        let made = self.versions.entry(version).or_insert(made);
        for event in ours.into_iter().flatten() {
            if let Event::Proposed { patch_sets, .. } = event {
                made.digests.extend(patch_sets.iter().map(|set| (set.lane, set.digest)));
            }
        }
        if !differences.is_empty() {
            made.standing = Replayed::Differs;
            made.differences.extend(differences);
        }
    }

    fn told(mut self) -> ReplayView {
        let record = &self.record.session;
        let wanted = record.versions.iter().filter(|version| self.until.is_none_or(|until| version.number <= until));
        let wanted: Vec<&VersionRecord> = wanted.collect();
        let versions: Vec<ReplayedVersion> = wanted
            .into_iter()
            .map(|version| told_version(record, version, self.versions.remove(&version.number)))
            .collect();
        let standing = |standing: Replayed| versions.iter().any(|version| version.standing == standing);
        let same = self.differences.is_empty()
            && !standing(Replayed::Differs)
            && !standing(Replayed::NotReached)
            && self.stages.iter().all(|stage| stage.standing == Replayed::Same);
        let complete = !standing(Replayed::Unrecorded);
        let (calls, usage) = self.usage();
        ReplayView {
            schema: "paraph.replay/1".to_owned(),
            session: record.asked.id,
            same,
            complete,
            stages: self.stages,
            versions,
            differences: self.differences,
            calls,
            usage,
        }
    }

    /// What the calls took that were answered from the record.
    fn usage(&self) -> (u64, UsageView) {
        let of_work = |call: &&crate::session::CallRecord| {
            self.replayed.contains(&(call.asked.key, call.asked.attempt))
                && call.ended.as_ref().is_some_and(|ended| ended.reply.is_some())
        };
        let (mut calls, mut unknown, mut micros) = (0, 0, 0_u64);
        let mut usage = UsageView::default();
        for ended in self.record.session.calls.iter().filter(of_work).filter_map(|call| call.ended.as_ref()) {
            calls += 1;
            usage.input_tokens = usage.input_tokens.saturating_add(ended.input_tokens);
            usage.output_tokens = usage.output_tokens.saturating_add(ended.output_tokens);
            match ended.cost_micros {
                Some(cost) => micros = micros.saturating_add(cost),
                None => unknown += 1,
            }
        }
        usage.cost_usd = cost_of(micros, unknown, calls);
        (calls, usage)
    }
}

fn told_version(record: &Session, version: &VersionRecord, made: Option<Made>) -> ReplayedVersion {
    let (differences, digests, why) = Default::default();
    let made = made.unwrap_or(Made { standing: Replayed::NotReached, digests, differences, why });
    let patch_sets = version.patch_sets.iter().map(|(lane, set)| ReplayedPatchSet {
        repo: record.lane(*lane).map(crate::session::Lane::name).unwrap_or_default(),
        recorded: set.drafted.digest,
        replayed: made.digests.get(lane).copied(),
    });
    ReplayedVersion {
        number: version.number,
        made_by: version.by.as_ref().map_or_else(|| version.engine.name().to_owned(), |by| by.login.clone()),
        standing: made.standing,
        patch_sets: patch_sets.collect(),
        differences: made.differences,
        why: made.why,
    }
}

/// Whether what such work comes to is in the world outside, or in another session: it is taken as it was.
fn is_outside(kind: EffectKind) -> bool {
    matches!(kind, EffectKind::Load | EffectKind::Check | EffectKind::Publish | EffectKind::PassOver)
}

/// Why what a piece of work did cannot be done again from the record, where it cannot.
fn unrecorded(key: EffectKey, then: &Session) -> Option<String> {
    let drafting = then.drafting.as_ref().filter(|_| key.kind == EffectKind::Draft)?;
    let id = then.asked.id;
    match drafting.engine {
        EngineKind::Agent => Some(format!(
            "what an agent does is not recorded step by step: paraph artifacts {id} log@{} has its transcript",
            drafting.version
        )),
        EngineKind::Command => Some("a replay runs no programs: what this one left is taken as it was".to_owned()),
        EngineKind::Adopt if drafting.made_for != "goal" => {
            Some("the work was looked at again, and as it was then it is only in its version".to_owned())
        }
        EngineKind::Rules | EngineKind::Patch | EngineKind::Adopt | EngineKind::Llm => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_from_the_record_is_done_anew_and_nobody_is_told_twice() {
        let anew: Vec<&str> =
            EffectKind::ALL.iter().filter(|kind| !is_outside(**kind)).map(|kind| kind.category()).collect();
        assert_eq!(
            anew,
            [
                "index",
                "triage",
                "plan",
                "proposal",
                "tests",
                "documentation",
                "branch",
                "review",
                "runbook",
                "score",
                "monitor"
            ]
        );
    }
}
