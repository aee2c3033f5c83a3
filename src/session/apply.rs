//! Folding: what each event makes of a session, and what it then owes. Total: every recorded event folds.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Timestamp;
use crate::id::{Digest, LaneId, Seq, Version};
use crate::planning::Stage;
use crate::validation::ValidationResult;

use super::calls::CallRecord;
use super::effect::{EffectKey, EffectKind, Owed};
use super::event::{Event, NewSession, Person, StopKind};
use super::stages::Before;
use super::state::{
    Bead, BeadStatus, Comment, Decision, DraftComment, Drafting, Lane, OverrideRecord, PatchSetRecord, Phase, Planned,
    Published, REPAIR, Session, Stop, Thread, Verdict, VersionRecord,
};

impl Session {
    /// The session that a `Created` event starts.
    #[must_use]
    pub fn created(asked: NewSession, at: Timestamp, seq: Seq) -> Self {
        let lanes = asked
            .lanes
            .iter()
            .enumerate()
            .map(|(position, lane)| Lane {
                id: LaneId(u16::try_from(position).expect("fewer than 65,536 repositories")),
                source: lane.source.clone(),
                base: lane.base.clone(),
                snapshot: None,
                plan: None,
                policy: crate::policy::PolicySettings::default(),
                index: None,
                phase: Phase::Created,
                dropped: false,
                given_up: None,
            })
            .collect();
        let budget = asked.budget;
        let mut session = Self {
            asked,
            created_at: at,
            updated_at: at,
            head: seq,
            lanes,
            versions: Vec::new(),
            threads: Vec::new(),
            marks: BTreeMap::new(),
            drafts: Vec::new(),
            last_draft: 0,
            reviewed_on: BTreeMap::new(),
            triaged: false,
            triage: None,
            go_by: None,
            agreed: false,
            planned: None,
            planned_before: Vec::new(),
            rewriting: None,
            written_with: BTreeMap::new(),
            ticks: BTreeMap::new(),
            drafting: None,
            steered: Vec::new(),
            monitoring: None,
            watched: Vec::new(),
            stop: None,
            picked: None,
            lost_to: None,
            paused_by: None,
            beads: Vec::new(),
            budget,
            calls: Vec::new(),
            environment: None,
            owed: BTreeMap::new(),
            unmade: None,
            stood_still: BTreeMap::new(),
        };
        session.owe_next(at);
        session
    }

    /// Folds the entries of one session, oldest first; `None` where the first is not `Created`.
    pub fn fold(entries: impl IntoIterator<Item = (Event, Timestamp, Seq)>) -> Option<Self> {
        let mut entries = entries.into_iter();
        let Some((Event::Created { session }, at, seq)) = entries.next() else { return None };
        Some(entries.fold(Self::created(*session, at, seq), |session, (event, at, seq)| session.apply(&event, at, seq)))
    }

    /// What `event` makes of this session.
    #[must_use]
    pub fn apply(mut self, event: &Event, at: Timestamp, seq: Seq) -> Self {
        self.head = seq;
        self.updated_at = at;
        self.fold_one(event, at);
        self.owe_next(at);
        self
    }

    fn fold_one(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::Created { .. } => {}
            Event::AttemptStarted { key, attempt } => self.start(*key, *attempt),
            Event::SnapshotLoaded { lane, snapshot, plan, policy } => {
                self.settle(EffectKey::on_lane(EffectKind::Load, *lane), at);
                if let Some(lane) = self.lane_mut(*lane) {
                    lane.snapshot = Some(snapshot.clone());
                    lane.plan = Some(*plan);
                    lane.policy = policy.clone();
                    lane.phase = Phase::SnapshotLoaded;
                }
            }
            Event::Indexed { lane, index, .. } => {
                self.settle(EffectKey::on_lane(EffectKind::Index, *lane), at);
                if let Some(lane) = self.lane_mut(*lane) {
                    lane.index = Some(*index);
                    lane.phase = Phase::Indexed;
                }
            }
            Event::TriageFound { report, artifact } => {
                self.settle(EffectKey::of_session(EffectKind::Triage), at);
                self.triaged |= report.goes_on();
                self.triage = Some((report.clone(), *artifact));
            }
            Event::Triaged { by, .. } => {
                self.triaged = true;
                self.go_by = Some(by.clone());
                self.stop = None;
            }
            Event::Deferred { by, message } => self.put_off(StopKind::Deferred, "deferred", by, message),
            Event::Declined { by, message } => self.put_off(StopKind::Declined, "declined", by, message),
            Event::Planned { artifacts, tasks, criteria, changes } => {
                self.settle(EffectKey::of_session(EffectKind::Plan), at);
                let (artifacts, tasks, criteria) = (artifacts.clone(), tasks.clone(), criteria.clone());
                self.planned_is(Planned { artifacts, tasks, criteria, changes: changes.clone() });
            }
            Event::DocumentsAsked { roles, threads, message, .. } => {
                self.stop = None;
                self.release(at, |key| key.kind == EffectKind::Plan);
                // what was drafted from the documents before is drafted anew from these
                if let Some(drafting) = &mut self.drafting {
                    drafting.parts.clear();
                    drafting.so_far.clear();
                    drafting.heard = 0;
                }
                self.want_documents(roles, threads, message);
            }
            Event::Agreed { .. } => {
                self.agreed = true;
                self.stop = None;
            }
            Event::Ticked { criterion, version, by, message } => {
                let said = Comment { by: by.clone(), at, text: message.clone() };
                self.ticks.insert((*version, criterion.clone()), said);
            }
            Event::Unticked { criterion, version, .. } => {
                self.ticks.remove(&(*version, criterion.clone()));
            }
            Event::PartMade { version, part, patch_sets, heard } => {
                self.part_made(*version, part, patch_sets, *heard, at);
            }
            Event::Proposed { version, engine, made_for, patch_sets, by, parent, parts } => {
                self.settle(parts.last().map_or_else(|| EffectKey::draft(*version), |part| part.key(*version)), at);
                self.drafting = None;
                self.steered.clear();
                if let Some(person) = by {
                    self.stop = None; // a person went on by their own hand
                    for (set, read) in patch_sets.iter().filter_map(|set| Some((set, (*parent)?))) {
                        self.reviewed(person, set.lane, read);
                    }
                }
                self.add_version(VersionRecord {
                    number: *version,
                    engine: *engine,
                    by: by.clone(),
                    parent: *parent,
                    made_for: made_for.clone(),
                    at,
                    patch_sets: patch_sets.iter().map(|set| (set.lane, PatchSetRecord::new(set))).collect(),
                    parts: parts.clone(),
                });
            }
            Event::BranchApplied { lane, version, tree, commit, reference } => {
                self.settle(EffectKey::on_version(EffectKind::Apply, *lane, *version), at);
                self.with_patch_set(*lane, *version, |set| {
                    set.applied = Some((tree.clone(), commit.clone(), reference.clone()));
                });
                self.advance(*lane, *version, Phase::BranchApplied(*version));
            }
            Event::PatchBlocked { lane, version, violations } => {
                self.settle(EffectKey::on_version(EffectKind::Apply, *lane, *version), at);
                self.with_patch_set(*lane, *version, |set| set.violations.clone_from(violations));
                self.advance(*lane, *version, Phase::BlockedPolicy(*version));
            }
            Event::Validated { lane, version, result } => {
                self.settle(EffectKey::on_version(EffectKind::Check, *lane, *version), at);
                self.with_patch_set(*lane, *version, |set| set.validation = Some(result.clone()));
                self.advance(*lane, *version, Phase::Validated(*version));
            }
            Event::Reviewed { lane, version, reviews } => {
                self.settle(EffectKey::on_version(EffectKind::Review, *lane, *version), at);
                self.with_patch_set(*lane, *version, |set| set.reviews = Some(reviews.clone()));
            }
            Event::RunbookWritten { lane, version, runbook, .. } => {
                self.settle(EffectKey::on_version(EffectKind::Runbook, *lane, *version), at);
                self.with_patch_set(*lane, *version, |set| set.runbook = Some(runbook.clone()));
            }
            Event::Scored { lane, version, violations, score, gates } => {
                self.settle(EffectKey::on_version(EffectKind::Score, *lane, *version), at);
                self.with_patch_set(*lane, *version, |set| {
                    set.violations.clone_from(violations);
                    set.score = Some(score.clone());
                    set.gates.clone_from(gates);
                });
                self.advance(*lane, *version, Phase::Scored(*version));
            }
            Event::Approved { lane, version, digest, by, message, because } => {
                let (verdict, because) = (Verdict::Approve, because.clone());
                let message = message.clone();
                self.decided(
                    *lane,
                    *version,
                    Decision { verdict, digest: *digest, by: by.clone(), at, message, because },
                );
                self.advance(*lane, *version, Phase::Approved(*version));
                self.lift_stop_where_settled();
            }
            Event::Rejected { lane, version, digest, by, message } => {
                let (verdict, because, message) = (Verdict::Reject, Vec::new(), message.clone());
                self.decided(
                    *lane,
                    *version,
                    Decision { verdict, digest: *digest, by: by.clone(), at, message, because },
                );
                self.advance(*lane, *version, Phase::Rejected(*version));
                self.lift_stop_where_settled();
            }
            Event::ChangesRequested { lane, version, digest, by, message } => {
                let (verdict, because) = (Verdict::RequestChanges, Vec::new());
                let (unmade, words) = (self.lanes_unmade(), self.words_for_draft(&"".into()));
                let decision =
                    Decision { verdict, digest: *digest, by: by.clone(), at, message: message.clone(), because };
                self.decided(*lane, *version, decision);
                self.advance(*lane, *version, Phase::ChangesRequested(*version));
                self.lift_stop_where_settled();
                if self.asked.engine.answers_words() {
                    self.stop = None;
                    // what they want stands in their word, until a version answers it
                    self.want_version(unmade.into_iter().chain([*lane]), words, "changes requested", at);
                }
            }
            Event::Overridden { lane, version, rule, path, by, message } => {
                self.reviewed(by, *lane, *version);
                self.with_patch_set(*lane, *version, |set| {
                    set.overrides.push(OverrideRecord {
                        rule: rule.clone(),
                        path: path.clone(),
                        by: by.clone(),
                        message: message.clone(),
                    });
                });
            }
            Event::Regenerated { engine, rules, patch, message, made_for, program, lanes, repairs, .. } => {
                let stuck = self.stop.take().and_then(|stop| stop.key);
                self.give_up(stuck);
                let lanes = if lanes.is_empty() { self.open_lanes() } else { lanes.clone() };
                if *repairs > 0 {
                    self.asked.repairs = *repairs;
                }
                if let Some(engine) = engine {
                    // another engine's program is none of this one's
                    self.asked.program.take_if(|_| *engine != self.asked.engine);
                    self.asked.engine = *engine;
                }
                if !rules.is_empty() {
                    self.asked.rules.clone_from(rules);
                }
                if patch.is_some() {
                    self.asked.patch = *patch;
                }
                if program.is_some() {
                    self.asked.program.clone_from(program);
                }
                // where documents could not be written a person may go on without; else they come first
                let without = stuck.is_some_and(|key| matches!(key.kind, EffectKind::Plan | EffectKind::Draft));
                self.rewriting.take_if(|_| without);
                if without || !self.lacks_artifacts() || !self.versions.is_empty() {
                    self.want_version(lanes, message.clone(), made_for, at);
                }
            }
            // what the lanes still owe follows from their phases
            Event::Retried { .. } => self.stop = None,
            Event::RecheckAsked { lane, version, sides, environment, .. } => {
                self.stop = None;
                if environment.is_some() {
                    self.environment.clone_from(environment);
                }
                self.with_patch_set(*lane, *version, |set| {
                    set.rechecks.sides = *sides;
                    set.rechecks.before.extend(what_ran(set.validation.take()));
                    set.score = None;
                    set.gates.clear();
                });
                self.advance(*lane, *version, Phase::BranchApplied(*version));
            }
            Event::LaneDropped { lane, .. } => {
                if let Some(lane) = self.lane_mut(*lane) {
                    lane.dropped = true;
                }
                let dropped = *lane;
                // a person took away what may have been stuck: the rest goes on
                self.stop = None;
                self.release(at, |key| key.lane == Some(dropped));
                self.drop_from_draft(dropped);
            }
            Event::Paused { by } => {
                self.paused_by = Some(by.clone());
                let key = self.drafting.as_ref().map(|drafting| EffectKey::draft(drafting.version));
                let running = key.and_then(|key| self.owed.get(&key)).filter(|owed| owed.started);
                let running = running.map(|owed| owed.attempt);
                if let Some(drafting) = &mut self.drafting {
                    // one that an earlier pause stopped may not be gone yet
                    drafting.stopping = running.or(drafting.stopping);
                }
            }
            Event::Steered { by, text } => {
                self.steered.push(Comment { by: by.clone(), at, text: text.clone() });
            }
            Event::Held { key, attempt, patch_sets, log } => {
                if let Some(drafting) = &mut self.drafting {
                    drafting.stopping = None;
                    // what it did not come to is as an earlier attempt left it
                    drafting.left.retain(|left| patch_sets.iter().all(|set| set.lane != left.lane));
                    drafting.left.extend(patch_sets.iter().cloned());
                }
                // the first of that number: who goes on after a pause begins with it
                let is_of_it = |bead: &&mut Bead| bead.key == *key && bead.attempt == *attempt;
                if let Some(bead) = self.beads.iter_mut().find(is_of_it) {
                    bead.log = log.or(bead.log);
                }
                // who waited for that attempt waits for the next
                if let Some(owed) = self.owed.get_mut(key) {
                    owed.started = false;
                }
            }
            Event::Resumed { .. } => self.paused_by = None,
            Event::PublishAsked { .. } => {
                self.give_up_part();
                self.stop = None;
                for lane in &mut self.lanes {
                    if let (Phase::Approved(version), false) = (lane.phase, lane.dropped) {
                        lane.phase = Phase::Publishing(version);
                    }
                }
            }
            Event::Published { lane, version, branch, commit, place } => {
                self.settle(EffectKey::on_version(EffectKind::Publish, *lane, *version), at);
                let published = Published { branch: branch.clone(), commit: commit.clone(), place: place.clone() };
                self.with_patch_set(*lane, *version, |set| set.published = Some(published.clone()));
                self.advance(*lane, *version, Phase::Done(*version));
            }
            Event::Stopped { kind, reason, next, key, log } => {
                let stop = Stop { kind: *kind, reason: reason.clone(), next: next.clone(), key: *key };
                if let Some(key) = key {
                    self.cut_short(*kind, *key);
                    self.fail(*key, reason, *log, at);
                    // only the lane that is stuck: what another one may have written outside by now is still awaited
                    if let (EffectKind::Publish, Some(lane)) = (key.kind, key.lane.and_then(|id| self.lane_mut(id)))
                        && let Phase::Publishing(version) = lane.phase
                    {
                        lane.phase = Phase::Approved(version);
                    }
                }
                // telling other candidates, where it is stuck, gives up no draft and takes back neither an end nor
                // another stop
                if !stop.spares_drafts() {
                    // a part that is stuck gives up no draft: the same role is asked again, and nobody drafts anew
                    self.drafting.take_if(|_| !stop.is_of_part());
                    self.stop.take_if(|before| !before.is_final());
                }
                self.stop.get_or_insert(stop);
            }
            Event::ThreadOpened { thread, place, by, text } => {
                if place.artifact.is_none() {
                    self.reviewed(by, place.lane, place.version);
                }
                let comments = vec![Comment { by: by.clone(), at, text: text.clone() }];
                self.threads.push(Thread { id: *thread, place: place.clone(), resolved: false, comments });
            }
            Event::ThreadAnswered { thread, by, text } => {
                let comment = Comment { by: by.clone(), at, text: text.clone() };
                if let Some(thread) = self.threads.iter_mut().find(|known| known.id == *thread) {
                    thread.comments.push(comment);
                    let (lane, version) = (thread.place.lane, thread.place.version);
                    if thread.place.artifact.is_none() {
                        self.reviewed(by, lane, version);
                    }
                }
            }
            Event::ThreadResolved { thread, .. } => self.resolve(*thread, true),
            Event::ThreadReopened { thread, .. } => self.resolve(*thread, false),
            Event::DraftKept { draft, place, thread, by, text } => {
                let (place, by, text) = (place.clone(), by.clone(), text.clone());
                let kept = DraftComment { id: *draft, place, thread: *thread, by, at, text };
                self.last_draft = self.last_draft.max(draft.0);
                match self.drafts.iter_mut().find(|known| known.id == *draft) {
                    Some(known) => *known = kept,
                    None => self.drafts.push(kept),
                }
            }
            Event::DraftDropped { draft, .. } => self.drafts.retain(|known| known.id != *draft),
            Event::RepairAsked { lane, .. } => self.want_version([*lane], "".into(), REPAIR, at),
            Event::CallReserved { asked, .. } => {
                self.calls.push(CallRecord { at, asked: (**asked).clone(), ended: None });
            }
            Event::CallSettled { ended } => {
                let position = ended.call.checked_sub(1).map(|position| position as usize);
                if let Some(call) = position.and_then(|position| self.calls.get_mut(position)) {
                    call.ended = Some((**ended).clone());
                }
            }
            Event::BudgetSet { budget, .. } => self.budget = *budget,
            Event::Picked { version, digests, over, by } => {
                self.pick((*version, digests), over, by, at);
                for lane in self.lanes_of(*version) {
                    self.reviewed(by, lane, *version);
                }
            }
            Event::MonitorAsked { version, by, log } => self.want_monitor(*version, by, *log),
            Event::Monitored { said, .. } => self.monitored(said, at),
            Event::OthersPassedOver {} => {
                self.settle(EffectKey::of_session(EffectKind::PassOver), at);
                self.picked.iter_mut().for_each(|pick| pick.told = true);
            }
            Event::PassedOver { picked, version, by } => self.pass_over(*picked, *version, by, at),
            Event::Marked { lane, version, hunks, by } => {
                self.reviewed(by, *lane, *version);
                self.marks.entry((by.login.clone(), *lane)).or_default().extend(hunks.iter().copied());
            }
            Event::Unmarked { lane, hunks, by, .. } => {
                let marks = self.marks.entry((by.login.clone(), *lane)).or_default();
                marks.retain(|key| !hunks.contains(key));
            }
        }
    }

    /// Works out what is owed now: the whole of "what comes next" in one place.
    fn owe_next(&mut self, at: Timestamp) {
        let mut wanted = BTreeSet::new();
        self.take_up_left_out();
        let goes_on = self.stop.as_ref().is_none_or(Stop::spares_lanes);
        let publishes = |lane: &&Lane| matches!(lane.phase, Phase::Publishing(_));
        wanted.extend(self.active().filter(|lane| goes_on || publishes(lane)).filter_map(|lane| self.next_on(lane)));
        if self.stop.as_ref().is_none_or(Stop::spares_drafts) {
            let rewrites = self.rewriting.is_some();
            if rewrites {
                // what is drafted follows from them
                wanted.insert(EffectKey::of_session(EffectKind::Plan));
            } else if self.drafting.is_none() && self.is_ready() {
                match self.asks_before_draft() {
                    Before::Ask(kind) => drop(wanted.insert(EffectKey::of_session(kind))),
                    Before::Wait => {}
                    Before::Draft => {
                        let lanes: Vec<LaneId> = self.active().map(|lane| lane.id).collect();
                        self.want_version(lanes, "".into(), "goal", at);
                    }
                }
            }
            let ready = |id: &LaneId| self.lane(*id).is_some_and(|lane| lane.phase >= self.before_draft());
            let held = rewrites || super::stages::waits_for_agreement(self);
            let goes_on = |drafting: &&Drafting| !held && drafting.lanes.iter().all(ready);
            if let Some(drafting) = self.drafting.as_ref().filter(goes_on) {
                wanted.extend(self.owed_of(drafting));
            }
        }
        wanted.extend(self.others_to_tell());
        wanted.extend(self.monitoring.as_ref().map(|asked| asked.key()));
        wanted.retain(|key| !self.is_given_up(key));
        wanted.retain(|key| self.paused_by.is_none() || !super::pause::holds(key));
        self.release(at, |key| !wanted.contains(key));
        for key in wanted {
            if !self.owed.contains_key(&key) {
                // numbers go on from the last attempt, and its late answer stays stale
                let attempt = self.beads.iter().rev().find(|bead| bead.key == key).map_or(0, |bead| bead.attempt);
                let first = self.first_of(key, attempt);
                self.owed.insert(key, Owed { attempt, first, started: false, since: at });
                self.beads.push(Bead {
                    key,
                    status: BeadStatus::Pending,
                    attempt,
                    started_at: at,
                    finished_at: None,
                    error: "".into(),
                    log: None,
                });
            }
        }
    }

    fn next_on(&self, lane: &Lane) -> Option<EffectKey> {
        let on = |kind, version| Some(EffectKey::on_version(kind, lane.id, version));
        match lane.phase {
            Phase::Created => Some(EffectKey::on_lane(EffectKind::Load, lane.id)),
            Phase::SnapshotLoaded if self.asked.playbook.has(Stage::Index) => {
                Some(EffectKey::on_lane(EffectKind::Index, lane.id))
            }
            Phase::Proposed(version) => on(EffectKind::Apply, version),
            Phase::BranchApplied(version) => on(EffectKind::Check, version),
            Phase::Validated(version) if self.asks_for_review(lane.id, version) => on(EffectKind::Review, version),
            Phase::Validated(version) if self.asks_for_runbook(lane.id, version) => on(EffectKind::Runbook, version),
            Phase::Validated(version) => on(EffectKind::Score, version),
            Phase::Publishing(version) => on(EffectKind::Publish, version),
            Phase::SnapshotLoaded
            | Phase::Indexed
            | Phase::Scored(_)
            | Phase::BlockedPolicy(_)
            | Phase::ChangesRequested(_)
            | Phase::Rejected(_)
            | Phase::Approved(_)
            | Phase::Done(_) => None,
        }
    }

    /// Whether every lane waits for the first version.
    fn is_ready(&self) -> bool {
        let ready = self.before_draft();
        let mut lanes = self.active().peekable();
        self.versions.is_empty() && lanes.peek().is_some() && lanes.all(|lane| lane.phase == ready)
    }

    /// A person's word to triage that is no GO.
    fn put_off(&mut self, kind: StopKind, word: &str, by: &Person, message: &crate::text::Untrusted) {
        let said = message.raw().trim();
        let why = if said.is_empty() { String::new() } else { format!(": {said}") };
        let id = self.asked.id;
        let next = match kind {
            StopKind::Declined => String::new(),
            _ => format!("paraph go {id} -m TEXT, or paraph decline {id}"),
        };
        self.stop = Some(Stop { kind, reason: format!("{word} by {}{why}", by.login).into(), next, key: None });
    }

    fn want_version(
        &mut self,
        lanes: impl IntoIterator<Item = LaneId>,
        mut message: crate::text::Untrusted,
        made_for: &str,
        at: Timestamp,
    ) {
        let version = self.next_version();
        let mut lanes: BTreeSet<LaneId> = lanes.into_iter().collect();
        self.unmade = None;
        if let Some(waiting) = &self.drafting {
            lanes.extend(waiting.lanes.iter().copied());
            if message.raw().trim().is_empty() {
                message = waiting.message.clone();
            }
            // asked again while it is drafted: the running attempt answers an older question
            let of_draft = |key: &EffectKey| key.version == Some(version) && key.kind.part_of().is_some();
            self.release(at, of_draft);
        }
        self.drafting = Some(Drafting {
            version,
            lanes,
            engine: self.asked.engine,
            rules: self.asked.rules.clone(),
            patch: self.asked.patch,
            message,
            made_for: made_for.to_owned(),
            stopping: None,
            left: Vec::new(),
            parts: Vec::new(),
            so_far: Vec::new(),
            heard: 0,
        });
    }

    fn add_version(&mut self, version: VersionRecord) {
        for id in version.patch_sets.keys() {
            let number = version.number;
            if let Some(lane) = self.lane_mut(*id) {
                (lane.phase, lane.given_up) = (Phase::Proposed(number), None);
            }
        }
        self.versions.push(version);
    }

    /// Moves a lane on, unless a newer version has taken it over.
    fn advance(&mut self, lane: LaneId, version: Version, phase: Phase) {
        if let Some(lane) = self.lane_mut(lane).filter(|lane| lane.phase.version().is_none_or(|now| now <= version)) {
            (lane.phase, lane.given_up) = (phase, None);
        }
    }

    fn decided(&mut self, lane: LaneId, version: Version, decision: Decision) {
        self.reviewed(&decision.by.clone(), lane, version);
        self.with_patch_set(lane, version, |set| {
            set.decision.get_or_insert(decision);
        });
    }

    fn reviewed(&mut self, by: &Person, lane: LaneId, version: Version) {
        if by.is_engine() {
            return;
        }
        self.reviewed_on.entry((by.login.clone(), lane)).or_default().insert(version);
    }

    /// A stop has nothing left to wait for once a person decided on everything there is to decide about.
    fn lift_stop_where_settled(&mut self) {
        let settled = |lane: &Lane| {
            matches!(lane.phase, Phase::Approved(_) | Phase::Rejected(_) | Phase::ChangesRequested(_) | Phase::Done(_))
        };
        // a part that is stuck of a version that somebody asked for is still wanted
        let is_wanted = |lane: &Lane| {
            let drafts = self.drafting.as_ref().is_some_and(|drafting| drafting.lanes.contains(&lane.id));
            drafts && matches!(lane.phase, Phase::ChangesRequested(_))
        };
        if self.at_stake().all(settled) && !self.at_stake().any(is_wanted) {
            self.give_up_part();
            self.stop = None;
        }
    }

    fn lanes_of(&self, version: Version) -> Vec<LaneId> {
        self.version(version).iter().flat_map(|record| record.patch_sets.keys().copied()).collect()
    }

    fn resolve(&mut self, id: crate::id::ThreadId, resolved: bool) {
        if let Some(thread) = self.threads.iter_mut().find(|thread| thread.id == id) {
            thread.resolved = resolved;
        }
    }

    pub(super) fn open_lanes(&self) -> Vec<LaneId> {
        let open = |lane: &&Lane| !matches!(lane.phase, Phase::Approved(_) | Phase::Done(_) | Phase::Publishing(_));
        let undecided: Vec<LaneId> = self.active().filter(open).map(|lane| lane.id).collect();
        if undecided.is_empty() { self.active().map(|lane| lane.id).collect() } else { undecided }
    }

    pub(super) fn lane_mut(&mut self, id: LaneId) -> Option<&mut Lane> {
        self.lanes.get_mut(usize::from(id.0))
    }

    pub(super) fn with_patch_set(&mut self, lane: LaneId, version: Version, change: impl FnOnce(&mut PatchSetRecord)) {
        let record = self.versions.iter_mut().find(|record| record.number == version);
        if let Some(set) = record.and_then(|record| record.patch_sets.get_mut(&lane)) {
            change(set);
        }
    }

    fn start(&mut self, key: EffectKey, attempt: u32) {
        if let Some(owed) = self.owed.get_mut(&key) {
            owed.attempt = attempt;
            owed.started = true;
        }
        if let Some(bead) = self.open_bead(key) {
            bead.status = BeadStatus::Running;
            bead.attempt = attempt;
        }
    }

    pub(super) fn settle(&mut self, key: EffectKey, at: Timestamp) {
        self.owed.remove(&key);
        if let Some(bead) = self.open_bead(key) {
            bead.status = BeadStatus::Completed;
            bead.finished_at = Some(at);
        }
    }

    /// Gives up what is not wanted any more.
    fn release(&mut self, at: Timestamp, gone: impl Fn(&EffectKey) -> bool) {
        self.owed.retain(|key, _| !gone(key));
        for bead in self.beads.iter_mut().filter(|bead| bead.finished_at.is_none() && gone(&bead.key)) {
            bead.status = BeadStatus::Skipped;
            bead.finished_at = Some(at);
        }
    }

    fn fail(&mut self, key: EffectKey, reason: &crate::text::Untrusted, log: Option<Digest>, at: Timestamp) {
        self.owed.remove(&key);
        if let Some(bead) = self.open_bead(key) {
            bead.status = BeadStatus::Failed;
            bead.finished_at = Some(at);
            bead.error = reason.clone();
            bead.log = log.or(bead.log);
        }
    }

    fn open_bead(&mut self, key: EffectKey) -> Option<&mut Bead> {
        self.beads.iter_mut().rev().find(|bead| bead.key == key && bead.finished_at.is_none())
    }
}

/// What checks came to, where any ran.
fn what_ran(result: Option<ValidationResult>) -> Option<String> {
    result.filter(|result| result.unverified.is_none()).map(|result| result.told())
}
