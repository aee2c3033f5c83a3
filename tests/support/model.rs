//! The model: random histories against the core, and what must be true after every step.
//!
//! [`Watch`] is an oracle of its own: it hears events only, never asks the session what it may do, and so finds the
//! session out where the two disagree.
#![allow(dead_code, missing_docs, clippy::unwrap_used, unreachable_pub, reason = "each test binary uses its own part")]

use std::collections::{BTreeMap, BTreeSet};

use paraph::id::{Digest, LaneId, ThreadId, Version};
use paraph::planning::{Recommendation, Role, Stage};
use paraph::policy::Severity;
use paraph::proposal::EngineKind;
use paraph::scoring::IssueSeverity;
use paraph::session::{
    BeadStatus, Budget, Command, DecideCommand, DriftSeen, EffectKey, EffectKind, Event, Finding, Input, Limits,
    Outcome, PartEnd, PatchSet, Phase, Session, StopKind, Verdict, WriteGate, decide,
};
use paraph::validation::{CheckStatus, Sides};

use super::story::{self, Story};

#[path = "seen.rs"]
mod seen;
pub use seen::{MUST_BE_SEEN, size};

/// Xorshift64*: small, seeded, the same everywhere.
pub struct Random(u64);

impl Random {
    pub fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// 0 to `end`, exclusive.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// Once in `n`.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }
}

/// What happened, as events alone tell it.
#[derive(Default)]
struct Watch {
    drafted: BTreeMap<(Version, LaneId), PatchSet>,
    decided: BTreeMap<(LaneId, Version), (Verdict, Digest)>,
    latest: BTreeMap<EffectKey, u32>,
    answered: BTreeSet<(EffectKey, u32)>,
    /// The versions whose checks ended, as long as nobody asked for them again.
    checked: BTreeSet<(LaneId, Version)>,
    publish_asked: bool,
    /// Whether triage that misses nothing, or a person, said GO.
    go: bool,
    /// Whether a person said GO to the documents that stand.
    agreed: bool,
    paused: bool,
    published: BTreeSet<(LaneId, Version)>,
    /// What each call took, or may take, in the order of their numbers.
    calls: Vec<(bool, u64)>,
    most: Option<u64>,
    /// Whether a person picked it among its candidates, and whether the others were told.
    picked: bool,
    told: bool,
    /// Whether another one was picked.
    lost: bool,
}

impl Watch {
    fn hear(&mut self, before: &Session, event: &Event) {
        let is_said = matches!(
            event,
            Event::ThreadOpened { .. }
                | Event::ThreadAnswered { .. }
                | Event::ThreadResolved { .. }
                | Event::ThreadReopened { .. }
                | Event::DraftKept { .. }
                | Event::DraftDropped { .. }
        );
        let is_read = matches!(event, Event::Marked { .. } | Event::Unmarked { .. });
        let is_reading = is_said || is_read || matches!(event, Event::CallSettled { .. });
        assert!(!self.lost || is_reading, "{} after another candidate was picked", event.name());
        match event {
            Event::AttemptStarted { key, attempt } => {
                let last = self.latest.insert(*key, *attempt).unwrap_or(0);
                assert_eq!(*attempt, last + 1, "attempts of {key} are numbered without a gap");
                let goes_on = matches!(key.kind, EffectKind::Publish | EffectKind::PassOver | EffectKind::Monitor);
                assert!(!self.paused || goes_on, "{key} started while it was paused");
            }
            Event::PartMade { version, part, patch_sets, .. } => {
                assert_eq!(*version, before.next_version(), "a part of a version that is there");
                let drafted = before.drafting.as_ref().is_some_and(|drafting| !drafting.parts.is_empty());
                assert_eq!(drafted, part.role != Role::Implementer, "the draft comes first, and once");
                assert!(drafted || !patch_sets.is_empty(), "a draft of {version} changes nothing");
            }
            Event::Proposed { version, patch_sets, parts, .. } => {
                let order = [Role::Implementer, Role::Tester, Role::Documenter];
                let at = |role: &Role| order.iter().position(|known| known == role).expect("a role that makes parts");
                assert!(parts.is_sorted_by(|one, other| at(&one.role) < at(&other.role)), "parts are out of order");
                assert_eq!(*version, before.next_version(), "versions are numbered without a gap");
                assert!(!patch_sets.is_empty(), "{version} changes nothing");
                let waits = before.asked.playbook.has(Stage::Triage);
                assert!(self.go || !waits, "{version} was drafted before anybody said GO");
                let waits = before.asked.playbook.has(Stage::Agreement) && before.planned.is_some();
                assert!(
                    self.agreed || !waits || !before.versions.is_empty(),
                    "{version} was drafted from what nobody agreed to"
                );
                for set in patch_sets {
                    assert!(!before.lane(set.lane).unwrap().dropped, "{version} changes a dropped lane");
                    let other = self.drafted.insert((*version, set.lane), set.clone());
                    assert!(other.is_none(), "{version} was drafted twice");
                }
            }
            Event::Validated { lane, version, .. } => {
                assert!(self.checked.insert((*lane, *version)), "checks ended twice, and nobody asked for them again");
            }
            Event::RecheckAsked { lane, version, .. } => {
                assert!(!self.decided.contains_key(&(*lane, *version)), "checked again after a decision");
                assert_eq!(self.newest(*lane), Some(*version), "a superseded version is checked again");
                let stuck = before.stop.as_ref().and_then(|stop| stop.key);
                let is_stuck = stuck == Some(EffectKey::on_version(EffectKind::Check, *lane, *version));
                let ended = self.checked.remove(&(*lane, *version));
                assert!(ended || is_stuck, "checked again while checks run");
            }
            Event::Approved { lane, version, digest, .. } => {
                assert!(self.checked.contains(&(*lane, *version)), "approved while checks run");
                let set = before.patch_set(*lane, *version).unwrap();
                assert!(set.score.is_some() && set.validation.is_some(), "approved before it was scored");
                let blocks = set.violations.iter().any(|violation| violation.severity == Severity::Block);
                assert!(!blocks, "approved with a BLOCK");
                assert!(self.picked || before.asked.candidate.is_none(), "approved before it was picked");
                self.decide(*lane, *version, Verdict::Approve, *digest);
            }
            Event::Rejected { lane, version, digest, .. } => self.decide(*lane, *version, Verdict::Reject, *digest),
            Event::ChangesRequested { lane, version, digest, .. } => {
                self.decide(*lane, *version, Verdict::RequestChanges, *digest);
            }
            Event::Triaged { .. } => self.go = true,
            Event::Agreed { .. } => {
                assert!(before.planned.is_some() && self.drafted.is_empty(), "agreed to nothing, or too late");
                self.agreed = true;
            }
            Event::TriageFound { report, .. } => {
                assert!(before.asked.roles.contains(&Role::Triage), "nobody was there to ask");
                self.go |= report.recommendation == Recommendation::Go && report.missing.is_empty();
            }
            Event::Planned { .. } => {
                assert!(before.versions.is_empty(), "documents come before the first version");
                self.agreed = false;
            }
            Event::Deferred { .. } | Event::Declined { .. } => {
                let asks = before.asked.playbook.has(Stage::Agreement) && before.planned.is_some();
                assert!(!self.go || (asks && !self.agreed), "it was taken up already");
            }
            Event::Ticked { version, .. } => {
                let newest = self.drafted.keys().map(|(version, _)| *version).max();
                assert_eq!(newest, Some(*version), "ticked on a superseded version");
            }
            Event::Paused { .. } | Event::Resumed { .. } => {
                let paused = matches!(event, Event::Paused { .. });
                assert_ne!(self.paused, paused, "a pause begins once and ends once");
                self.paused = paused;
            }
            Event::PublishAsked { .. } => {
                self.publish_asked = true;
                for lane in before.at_stake() {
                    let version = lane.phase.version().expect("nothing unversioned is published");
                    self.is_approved(lane.id, version);
                }
            }
            Event::Published { lane, version, .. } => {
                assert!(self.publish_asked, "published, and nobody asked");
                self.is_approved(*lane, *version);
                assert!(self.published.insert((*lane, *version)), "published twice");
            }
            Event::MonitorAsked { version, .. } => {
                assert!(self.published.iter().any(|(_, of)| of == version), "{version} was not published");
            }
            Event::CallReserved { call, asked } => {
                assert_eq!(*call as usize, self.calls.len() + 1, "calls are numbered without a gap");
                self.calls.push((false, asked.cost_micros.unwrap_or(0)));
                let spent: u64 = self.calls.iter().map(|(_, cost)| cost).sum();
                let most = self.most.or(before.asked.budget.cost_micros);
                assert!(most.is_none_or(|most| spent <= most), "more was reserved than may be spent");
            }
            Event::CallSettled { ended } => {
                let call = &mut self.calls[ended.call as usize - 1];
                assert!(!call.0, "settled twice");
                *call = (true, ended.cost_micros.unwrap_or(0));
            }
            Event::Picked { version, digests, over, .. } => {
                let field = before.asked.candidate.as_ref().expect("what was picked is a candidate");
                assert!(!self.picked, "picked twice");
                assert_eq!(over.len() + 1, field.field.len(), "picked over all the others");
                let newest = self.drafted.keys().map(|(version, _)| *version).max();
                assert_eq!(newest, Some(*version), "a superseded version was picked");
                for (lane, set) in self.drafted.iter().filter(|((of, _), _)| of == version) {
                    assert!(digests.contains(&set.digest), "the pick names what was picked");
                    assert!(!self.decided.contains_key(&(lane.1, *version)), "picked after a decision");
                }
                self.picked = true;
            }
            Event::OthersPassedOver {} => {
                assert!(self.picked && !self.told, "the others are told once, of a pick");
                self.told = true;
            }
            Event::PassedOver { .. } => {
                assert!(before.asked.candidate.is_some() && !self.picked, "what was picked is not passed over");
                self.lost = true;
            }
            Event::BudgetSet { budget, .. } => self.most = budget.cost_micros.or(self.most),
            Event::RepairAsked { number, .. } => assert!(*number <= before.asked.repairs, "repaired too often"),
            _ => {}
        }
    }

    fn decide(&mut self, lane: LaneId, version: Version, verdict: Verdict, digest: Digest) {
        assert_eq!(self.drafted[&(version, lane)].digest, digest, "decided on another digest");
        assert_eq!(self.newest(lane), Some(version), "decided on a superseded version");
        assert!(self.decided.insert((lane, version), (verdict, digest)).is_none(), "decided twice");
    }

    fn newest(&self, lane: LaneId) -> Option<Version> {
        self.drafted.keys().filter(|(_, of)| *of == lane).map(|(version, _)| *version).max()
    }

    fn is_approved(&self, lane: LaneId, version: Version) {
        let wanted = (Verdict::Approve, self.drafted[&(version, lane)].digest);
        assert_eq!(self.decided.get(&(lane, version)), Some(&wanted), "published without an approval of that digest");
    }

    /// A finding that recorded something was of the newest attempt, and the first answer to it.
    fn moved(&mut self, key: EffectKey, attempt: u32) {
        assert_eq!(self.latest.get(&key), Some(&attempt), "a stale answer to {key} moved something");
        assert!(self.answered.insert((key, attempt)), "{key} attempt {attempt} was answered twice");
    }
}

/// One history: a story, its watch, and where its randomness comes from.
pub struct History {
    story: Story,
    watch: Watch,
    random: Random,
    drafts: u64,
    pub steps: u64,
    /// How often each event was recorded: a model that never publishes proves nothing about publishing.
    pub seen: BTreeMap<&'static str, u64>,
}

impl History {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::seeded(seed);
        let story = Self::begin(&mut random);
        let seen = BTreeMap::from([("created", 1)]);
        Self { story, watch: Watch::default(), random, drafts: 0, steps: 0, seen }
    }

    fn begin(random: &mut Random) -> Story {
        let lanes = 1 + random.below(3) as u16;
        let playbook = *random.of(&[
            "quick", "indexed", "triaged", "tested", "reviewed", "designed", "agreed", "complete", "shipped", "static",
        ]);
        let engine =
            *random.of(&[EngineKind::Rules, EngineKind::Rules, EngineKind::Patch, EngineKind::Adopt, EngineKind::Llm]);
        let mut asked = story::new_session(lanes, playbook, engine);
        if random.once_in(2) {
            asked.roles = vec![Role::Triage];
        }
        if engine == EngineKind::Llm {
            asked.repairs = random.below(4) as u32;
            asked.budget.cost_micros = Some(4000 * (1 + random.below(6)));
        }
        if random.once_in(3) {
            asked.candidate = story::candidate(0, 3).candidate;
        }
        Story::of(asked)
    }

    /// Goes on with other choices.
    pub fn reseed(&mut self, seed: u64) {
        self.random = Random::seeded(seed);
    }

    /// Takes one step and checks what must be true after it.
    pub fn step(&mut self) {
        self.steps += 1;
        let input = self.input();
        self.take(&input);
        if self.story.session.state().is_over() && self.random.once_in(20) {
            self.finish();
            *self = Self {
                story: Self::begin(&mut self.random),
                watch: Watch::default(),
                random: Random(self.random.next() | 1),
                drafts: self.drafts,
                steps: self.steps,
                seen: std::mem::take(&mut self.seen),
            };
        }
    }

    /// Hears `input`.
    pub fn take(&mut self, input: &Input) {
        let Ok(step) = decide(&self.story.session, input) else {
            let asks = matches!(input, Input::Outcome(outcome) if matches!(**outcome, Outcome::Asking(..)));
            assert!(asks || matches!(input, Input::Command(_)), "only commands and calls are refused");
            return;
        };
        if let Input::Outcome(outcome) = input
            && let Outcome::Found { key, attempt, .. } = &**outcome
            && !step.events.is_empty()
        {
            self.watch.moved(*key, *attempt);
        }
        for event in step.events {
            *self.seen.entry(event.name()).or_default() += 1;
            self.watch.hear(&self.story.session, &event);
            self.story.record(event);
        }
        self.check();
    }

    /// What is true after every step.
    fn check(&self) {
        let session = &self.story.session;
        let waits_for_go = (session.asked.playbook.has(Stage::Triage) && !session.triaged) || session.asks_agreement();
        let state = session.state();
        assert!(
            !session.owed().is_empty()
                || state.needs_a_person()
                || state.is_over()
                || waits_for_go
                || self.watch.paused,
            "forgotten: {state:?} owes nothing and waits for nobody\n{session:#?}"
        );
        if state.is_over() {
            let tells = |key: &EffectKey| matches!(key.kind, EffectKind::PassOver | EffectKind::Monitor);
            assert!(session.owed().keys().all(tells), "{state:?} still owes {:?}", session.owed());
        }
        // telling that failed is tried again once a person lifted the stop, whatever that is about
        let told_last = session.beads.iter().rev().find(|bead| bead.key.kind == EffectKind::PassOver);
        let stuck = session.stop.is_some() && told_last.is_some_and(|bead| bead.status == BeadStatus::Failed);
        let to_tell = self.watch.picked && !self.watch.told && !stuck;
        let tells = session.owed().contains_key(&EffectKey::of_session(EffectKind::PassOver));
        assert_eq!(tells, to_tell, "the others hear of a pick, whatever comes after it");
        for (key, owed) in session.owed() {
            assert!(self.dispatchable(*key), "{key} is owed and cannot be done");
            assert_eq!(owed.attempt, self.watch.latest.get(key).copied().unwrap_or(0), "attempts of {key}");
            let bead = session.beads.iter().rev().find(|bead| bead.key == *key).expect("what is owed has a bead");
            let status = if owed.started { BeadStatus::Running } else { BeadStatus::Pending };
            assert_eq!(bead.status, status, "the bead of {key}");
        }
        for lane in &session.lanes {
            let opens = WriteGate::open(session, lane.id);
            assert_eq!(opens.is_ok(), matches!(lane.phase, Phase::Publishing(_)), "{:?}", lane.phase);
            if let Ok(permit) = opens {
                self.watch.is_approved(lane.id, permit.version());
                assert_eq!(permit.digest(), self.watch.drafted[&(permit.version(), lane.id)].digest);
                assert!(self.watch.publish_asked && !lane.dropped);
            }
        }
    }

    fn dispatchable(&self, key: EffectKey) -> bool {
        let session = &self.story.session;
        let started = decide(session, &Input::Outcome(Box::new(Outcome::Starting(key)))).expect("never refused");
        let lane = key.lane.and_then(|lane| session.lane(lane));
        let set = key.lane.zip(key.version).and_then(|(lane, version)| session.patch_set(lane, version));
        let ready = match key.kind {
            EffectKind::Load => lane.is_some_and(|lane| lane.snapshot.is_none()),
            EffectKind::Index => lane.is_some_and(|lane| lane.snapshot.is_some()),
            EffectKind::Draft => session.drafting.as_ref().is_some_and(|drafting| {
                let loaded = |id: &LaneId| session.lane(*id).is_some_and(|lane| lane.snapshot.is_some());
                Some(drafting.version) == key.version && !drafting.lanes.is_empty() && drafting.lanes.iter().all(loaded)
            }),
            EffectKind::Test | EffectKind::Document => session.drafting.as_ref().is_some_and(|drafting| {
                let on = |set: &PatchSet| drafting.lanes.contains(&set.lane);
                Some(drafting.version) == key.version && !drafting.so_far.is_empty() && drafting.so_far.iter().all(on)
            }),
            EffectKind::Triage | EffectKind::Plan => {
                let ready = |lane: &paraph::session::Lane| lane.snapshot.is_some();
                session.versions.is_empty() && session.active().all(ready)
            }
            EffectKind::Review => set.is_some_and(|set| set.validation.is_some() && set.reviews.is_none()),
            EffectKind::Runbook => set.is_some_and(|set| set.validation.is_some() && set.runbook.is_none()),
            EffectKind::Apply => set.is_some(),
            EffectKind::Check => set.is_some_and(|set| set.applied.is_some()),
            EffectKind::Score => set.is_some_and(|set| set.validation.is_some()),
            EffectKind::Publish => key.lane.is_some_and(|lane| WriteGate::open(session, lane).is_ok()),
            EffectKind::PassOver => session.picked.as_ref().is_some_and(|pick| !pick.told),
            EffectKind::Monitor => session.monitoring.as_ref().is_some_and(|asked| Some(asked.version) == key.version),
        };
        started.events.len() == 1 && ready && lane.is_none_or(|lane| !lane.dropped)
    }

    /// What is true of the whole record: it folds to the live state, and nothing that was said ever changed.
    pub fn finish(&self) {
        let session = &self.story.session;
        assert!(self.story.replayed() == *session, "replay differs from the live state");
        let mut found = 0;
        for version in &session.versions {
            for (lane, set) in &version.patch_sets {
                found += 1;
                assert_eq!(set.drafted, self.watch.drafted[&(version.number, *lane)], "a version changed");
                let decided = set.decision.as_ref().map(|decision| (decision.verdict, decision.digest));
                assert_eq!(decided, self.watch.decided.get(&(*lane, version.number)).copied(), "a decision changed");
                assert_eq!(set.published.is_some(), self.watch.published.contains(&(*lane, version.number)));
            }
        }
        assert_eq!(found, self.watch.drafted.len(), "a version was lost");
        let open = session.beads.iter().filter(|bead| bead.finished_at.is_none()).count();
        assert_eq!(open, session.owed().len(), "every open bead is owed");
    }

    fn input(&mut self) -> Input {
        match self.random.below(20) {
            0..12 => self.outcome(),
            12 => self.absurd_outcome(),
            13..18 => Input::Command(Box::new(self.command())),
            _ => Input::Command(Box::new(self.absurd_command())),
        }
    }

    /// Starts or answers something that is owed.
    fn outcome(&mut self) -> Input {
        let odds = if self.story.session.asked.candidate.is_some() { 150 } else { 5000 };
        if self.random.once_in(odds) {
            return Input::Outcome(Box::new(story::other_picked(6 + self.random.below(4))));
        }
        let owed: Vec<_> = self.story.session.owed().iter().map(|(key, owed)| (*key, *owed)).collect();
        if owed.is_empty() {
            return Input::Command(Box::new(self.command()));
        }
        let (key, owed) = *self.random.of(&owed);
        let outcome = if !owed.started || self.random.once_in(40) {
            Outcome::Starting(key)
        } else if self.random.once_in(6) {
            let calls = self.watch.calls.len() as u64;
            match self.random.once_in(2) {
                true => story::asking(key, owed.attempt - u32::from(self.random.once_in(9))),
                false => {
                    let call = 1 + self.random.below(calls + 1) as u32;
                    Outcome::Answered(story::call_ended(call, Some(self.random.below(3001))))
                }
            }
        } else {
            Outcome::Found { key, attempt: owed.attempt, finding: self.finding(key) }
        };
        Input::Outcome(Box::new(outcome))
    }

    fn finding(&mut self, key: EffectKey) -> Finding {
        if self.random.once_in(25) {
            let kinds = [StopKind::NeedsHuman, StopKind::BudgetSpent, StopKind::BlockedPolicy, StopKind::Deferred];
            let kind = *self.random.of(&kinds);
            return story::stuck(if self.random.once_in(40) { StopKind::Failed } else { kind });
        }
        match key.kind {
            EffectKind::Draft => {
                // sometimes the same again, sometimes not for every lane
                self.drafts += u64::from(!self.random.once_in(6));
                let wanted: Vec<LaneId> =
                    self.story.session.drafting.iter().flat_map(|drafting| drafting.lanes.iter().copied()).collect();
                let lanes: Vec<LaneId> = wanted.into_iter().filter(|_| !self.random.once_in(4)).collect();
                story::draft(lanes, &format!("draft {}", self.drafts))
            }
            EffectKind::Test | EffectKind::Document if self.random.once_in(3) => {
                let ended = *self.random.of(&[PartEnd::Nothing, PartEnd::LeftOut]);
                story::no_part(ended, "so it is")
            }
            EffectKind::Test | EffectKind::Document => {
                self.drafts += u64::from(!self.random.once_in(6));
                story::part(&self.story.session, &format!("part {}", self.drafts))
            }
            EffectKind::Triage => {
                let all = [Recommendation::Go, Recommendation::NoGo, Recommendation::Defer, Recommendation::Unclear];
                let missing: &[&str] = if self.random.once_in(3) { &["which currency?"] } else { &[] };
                story::triage(*self.random.of(&all), missing)
            }
            EffectKind::Review => {
                let found = [IssueSeverity::Must, IssueSeverity::Should, IssueSeverity::Nit];
                story::reviewed(1 + self.random.below(10) as u8, &found[self.random.below(4) as usize..])
            }
            EffectKind::Apply if self.random.once_in(12) => {
                Finding::Blocked { violations: vec![story::block("path-traversal", "../a")] }
            }
            EffectKind::Check if self.random.once_in(4) => Finding::Checks(Box::new(story::unverified())),
            EffectKind::Check if self.random.once_in(4) => {
                Finding::Checks(Box::new(story::checks(CheckStatus::Broken)))
            }
            EffectKind::Score if self.random.once_in(3) => {
                let violations = match self.random.below(3) {
                    0 => vec![story::warn("ci-file", ".github/a.yml")],
                    1 => vec![story::block("secret-added", "a.rs"), story::warn("exec-bit", "b.sh")],
                    _ => Vec::new(),
                };
                let tenths = 10 + self.random.below(91) as i64;
                let passed = *self.random.of(&[Some(true), Some(false), None]);
                story::scored(tenths, passed, violations)
            }
            _ => story::finding(&self.story.session, key),
        }
    }

    /// An answer that nobody waits for, or that is none.
    fn absurd_outcome(&mut self) -> Input {
        let kind = *self.random.of(&EffectKind::ALL);
        let lane = LaneId(self.random.below(4) as u16);
        let version = Version(1 + self.random.below(self.story.session.versions.len() as u64 + 2) as u32);
        let key = match kind {
            EffectKind::Draft => EffectKey::draft(version),
            EffectKind::Test | EffectKind::Document => EffectKey { kind, ..EffectKey::draft(version) },
            EffectKind::Load | EffectKind::Index => EffectKey::on_lane(kind, lane),
            EffectKind::Triage | EffectKind::Plan | EffectKind::PassOver => EffectKey::of_session(kind),
            _ => EffectKey::on_version(kind, lane, version),
        };
        let owed: Vec<EffectKey> = self.story.session.owed().keys().copied().collect();
        let known: Vec<EffectKey> = self.watch.latest.keys().copied().collect();
        let key = match self.random.below(3) {
            0 if !owed.is_empty() => *self.random.of(&owed),
            1 if !known.is_empty() => *self.random.of(&known),
            _ => key,
        };
        let other = EffectKey { kind: *self.random.of(&EffectKind::ALL), ..key };
        let found = if self.random.once_in(10) { other } else { key };
        let finding = self.finding(found);
        let attempt = self.random.below(u64::from(self.watch.latest.get(&key).copied().unwrap_or(0)) + 2) as u32;
        Input::Outcome(Box::new(Outcome::Found { key, attempt, finding }))
    }

    /// What a person would do who reads the screen.
    fn command(&mut self) -> Command {
        let session = &self.story.session;
        let lanes: Vec<LaneId> = session.active().map(|lane| lane.id).collect();
        let lane = *self.random.of(&lanes);
        let current = session.current(lane).map(|(version, set)| (version, set.drafted.digest));
        // who finds it paused mostly lets it go on
        let odds = if session.paused().is_some() { 3 } else { 24 };
        if self.random.once_in(odds) {
            let by = story::ana();
            return if odds == 3 { Command::Resume { by } } else { Command::Pause { by } };
        }
        let Some((version, digest)) = current else {
            return match self.random.below(24) {
                0..8 => story::regenerate("please"),
                8..11 => Command::Defer { by: story::ana(), message: "later".into() },
                11 => Command::Decline { by: story::ana(), message: "no".into() },
                12 => story::open_thread_on("plan"),
                _ => Command::Triage { by: story::ana(), message: "GO".into() },
            };
        };
        if self.random.once_in(20) {
            let (criterion, by, message) = ("C3".to_owned(), self.somebody(), "".into());
            return Command::Tick { criterion, version, ticked: !self.random.once_in(4), by, message };
        }
        if session.is_contending() && self.random.once_in(6) {
            let seen = self.story.session.versions.last().expect("there is one");
            let (version, digest) =
                (seen.number, seen.patch_sets.values().next().expect("it changes something").drafted.digest);
            let rivals = [8, 9].map(|id| story::rival(id, self.random.once_in(12))).to_vec();
            return story::pick(version, digest, rivals);
        }
        match self.random.below(70) {
            0..18 => self.decide_on(lane, version, digest.short(), Verdict::Approve),
            18..22 => self.decide_on(lane, version, digest.short(), Verdict::RequestChanges),
            22 | 23 => self.decide_on(lane, version, digest.short(), Verdict::Reject),
            24..34 => Command::Publish { by: story::ana() },
            34..38 => story::regenerate("again"),
            38..42 => story::check_again(lane, version, Sides::Proposal),
            42..46 => self.override_one(lane, version),
            46..52 => story::open_thread(lane, version),
            52..55 => {
                let hunks = vec![story::digest("hunk 1"), story::digest("hunk 2")];
                Command::Mark { lane, version, hunks, reviewed: !self.random.once_in(3), by: self.somebody() }
            }
            55..58 => Command::Resolve { thread: self.thread(), resolved: self.random.once_in(2), by: story::ana() },
            58 if self.random.once_in(2) => {
                let budget = Budget { cost_micros: Some(4000 * (1 + self.random.below(9))), tokens: None };
                Command::SetBudget { budget, by: story::ana() }
            }
            59 | 60 => Command::Answer { thread: self.thread(), by: self.somebody(), text: "because".into() },
            61 | 62 if self.random.once_in(4) => Command::Drop { lane, by: story::ana() },
            64..67 => story::keep_draft(None, None, "why?"),
            67 | 68 => {
                self.drafts += 1;
                story::derive(lane, version, digest, &format!("by hand {}", self.drafts))
            }
            69 => Command::SendDrafts { by: story::ana() },
            58 => story::monitor(),
            63 if self.random.once_in(12) => Command::Cancel { by: story::ana() },
            _ => Command::Triage { by: story::ana(), message: "GO".into() },
        }
    }

    /// What nobody who reads the screen would ask.
    fn absurd_command(&mut self) -> Command {
        let lane = LaneId(self.random.below(5) as u16);
        let version = Version(1 + self.random.below(self.story.session.versions.len() as u64 + 2) as u32);
        let digests: Vec<Digest> = self.watch.drafted.values().map(|set| set.digest).collect();
        let seen = if digests.is_empty() || self.random.once_in(3) {
            (*self.random.of(&["", "0", "000000000000", "nonsense"])).to_owned()
        } else {
            self.random.of(&digests).short()
        };
        if self.random.once_in(12) {
            let rivals = [8, 9].map(|id| story::rival(id, self.random.once_in(12))).to_vec();
            return story::pick(version, digests.last().copied().unwrap_or(story::digest("x")), rivals);
        }
        match self.random.below(10) {
            0..5 => {
                let verdict = *self.random.of(&[Verdict::Approve, Verdict::Reject, Verdict::RequestChanges]);
                self.decide_on(lane, version, seen, verdict)
            }
            5 => self.override_one(lane, version),
            6 => story::open_thread(lane, version),
            7 => story::check_again(lane, version, Sides::Both),
            8 => Command::Answer { thread: ThreadId(9999), by: story::ana(), text: "?".into() },
            _ => Command::Regenerate {
                by: story::ana(),
                engine: Some(*self.random.of(&[EngineKind::Patch, EngineKind::Rules, EngineKind::Adopt])),
                rules: vec!["no-such-rule".to_owned()],
                patch: None,
                message: "".into(),
                made_for: "regenerated".to_owned(),
                program: None,
                limits: Limits::default(),
            },
        }
    }

    fn decide_on(&mut self, lane: LaneId, version: Version, digest: String, verdict: Verdict) -> Command {
        let drifts = [DriftSeen::NONE, DriftSeen::of(2, true)];
        let drift = self.random.of(&drifts).clone();
        let message = *self.random.of(&["reason", "reason", ""]);
        Command::Decide(DecideCommand {
            lane,
            version,
            digest,
            verdict,
            by: self.somebody(),
            message: message.into(),
            drift,
        })
    }

    fn override_one(&mut self, lane: LaneId, version: Version) -> Command {
        let rule = *self.random.of(&["ci-file", "exec-bit", "secret-added", "no-such-rule"]);
        let (by, message) = (self.somebody(), "known".into());
        Command::Override { lane, version, rule: rule.to_owned(), path: None, by, message }
    }

    fn thread(&mut self) -> ThreadId {
        ThreadId(1 + self.random.below(self.story.session.threads.len() as u64 + 1) as u32)
    }

    fn somebody(&mut self) -> paraph::session::Person {
        story::person(if self.random.once_in(2) { "ana" } else { "ben" })
    }
}

/// Runs `histories` of `steps` each, from seeds that follow `seed`; what was recorded how often.
pub fn run(seed: u64, histories: u64, steps: u64) -> BTreeMap<&'static str, u64> {
    let mut seen: BTreeMap<&'static str, u64> = BTreeMap::new();
    for number in 0..histories {
        let seed = seed.wrapping_add(number);
        let run = std::panic::catch_unwind(|| {
            let mut history = History::new(seed);
            for step in 0..steps {
                history.step();
                // a fold of the whole record costs what the record is long
                if step % 250 == 249 {
                    history.finish();
                }
            }
            history.finish();
            history.seen
        });
        let Ok(events) = run else { panic!("history of seed {seed} failed; see above") };
        for (name, count) in events {
            *seen.entry(name).or_default() += count;
        }
    }
    seen
}
