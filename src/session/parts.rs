//! The parts of a version: what its engine drafted, then what the tester and the documenter added.
//!
//! Where the playbook has a stage for it, a draft is no version yet. Each role that follows is asked in its turn, is
//! shown the change so far and adds to it, and the version that is proposed at the end is all of it together: one patch
//! set a lane, whose parts are recorded beside it. A role that adds nothing, or cannot be asked, takes nothing from the
//! draft: the version goes on without its part and says so.
//!
//! The roles follow each draft, whoever asked for it, except for a repair by a model: that goes on from the whole
//! version, and what it mends is the change, so the tests and words that are there stay and nobody is asked again.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{Digest, LaneId, ThreadId, Version};
use crate::planning::{Role, Stage};
use crate::proposal::EngineKind;
use crate::text::{Untrusted, counted};

use super::effect::{EffectKey, EffectKind};
use super::event::{Event, PatchSet, StopKind};
use super::machine::Step;
use super::state::{Drafting, REPAIR, Session, Stop};
use super::steer;

/// How a role's part of a version ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartEnd {
    /// It changed something.
    Added,
    /// It had nothing to add, and said why.
    Nothing,
    /// Nobody could be asked, or no answer could be placed: the version goes on without it.
    LeftOut,
}

impl PartEnd {
    /// The name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Nothing => "nothing",
            Self::LeftOut => "left-out",
        }
    }
}

/// The part of a version that one role made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionPart {
    /// The role; the implementer stands for whatever engine drafted.
    pub role: Role,
    /// `PROVIDER/MODEL`; the engine's name where another engine drafted, empty where nobody answered.
    pub by: String,
    /// How it ended.
    pub ended: PartEnd,
    /// The version that a draft was made on, where its engine goes on from one: what it changed is told against that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Version>,
    /// What it changed of what was there before it, one patch set a lane.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patch_sets: Vec<PatchSet>,
    /// Why it added nothing or was left out, in a lane or in all.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub note: Untrusted,
}

fn is_empty(text: &Untrusted) -> bool {
    text.raw().is_empty()
}

/// The version that a draft was made on, and what it changed of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WentOn {
    /// Which.
    pub version: Version,
    /// One patch set a lane, against what that version left.
    pub patch_sets: Vec<PatchSet>,
}

/// What came of asking a role for its part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartFound {
    /// How it ended.
    pub ended: PartEnd,
    /// What it changed, one patch set a lane.
    pub own: Vec<PatchSet>,
    /// The change so far with it, against the base: of the same lanes.
    pub patch_sets: Vec<PatchSet>,
    /// Why there is none, or none of some lane.
    pub note: Untrusted,
}

/// The roles whose part may follow a draft, in their order.
const FOLLOWERS: [(Role, Stage, EffectKind); 2] =
    [(Role::Tester, Stage::Tests, EffectKind::Test), (Role::Documenter, Stage::Documentation, EffectKind::Document)];

impl EffectKind {
    /// The role whose part of a version such work makes.
    #[must_use]
    pub fn part_of(self) -> Option<Role> {
        if self == Self::Draft {
            return Some(Role::Implementer);
        }
        FOLLOWERS.iter().find(|(_, _, kind)| *kind == self).map(|(role, ..)| *role)
    }
}

impl VersionPart {
    /// Who, and what it came to, in a line.
    #[must_use]
    pub fn told(&self) -> String {
        let files: u32 = self.patch_sets.iter().map(|set| set.files).sum();
        let on = self.on.map(|version| format!(" on {version}")).unwrap_or_default();
        let by = if self.by.is_empty() { String::new() } else { format!(" {}", self.by) };
        let note = if is_empty(&self.note) { String::new() } else { format!(" ({})", self.note.raw()) };
        let ended = match self.ended {
            PartEnd::Added => format!("{}{on}", counted(files, "file")),
            PartEnd::Nothing => "nothing to add".to_owned(),
            PartEnd::LeftOut => "left out".to_owned(),
        };
        format!("{}{by}: {ended}{note}", self.role)
    }

    /// The work that makes it.
    #[must_use]
    pub fn key(&self, version: Version) -> EffectKey {
        let kind = FOLLOWERS.iter().find(|(role, ..)| *role == self.role).map_or(EffectKind::Draft, |(.., kind)| *kind);
        EffectKey { kind, ..EffectKey::draft(version) }
    }
}

/// Whether a session's versions have parts at all.
fn has_parts(session: &Session) -> bool {
    FOLLOWERS.iter().any(|(_, stage, _)| session.asked.playbook.has(*stage))
}

impl Session {
    /// What a draft still needs before it is a version.
    pub(super) fn owed_of(&self, drafting: &Drafting) -> Option<EffectKey> {
        if drafting.parts.is_empty() {
            return Some(EffectKey::draft(drafting.version));
        }
        let mended = drafting.made_for == REPAIR && drafting.engine == EngineKind::Llm;
        let asked = |role: &Role| mended || drafting.parts.iter().any(|part| part.role == *role);
        let next = FOLLOWERS.iter().find(|(role, stage, _)| self.asked.playbook.has(*stage) && !asked(role));
        next.map(|(.., kind)| EffectKey { kind: *kind, ..EffectKey::draft(drafting.version) })
    }

    /// A part is there: the change so far has it, and the next role follows.
    pub(super) fn part_made(
        &mut self,
        version: Version,
        part: &VersionPart,
        sets: &[PatchSet],
        heard: u32,
        at: Timestamp,
    ) {
        self.settle(part.key(version), at);
        if let Some(drafting) = self.drafting.as_mut().filter(|drafting| drafting.version == version) {
            drafting.add(part.clone(), sets);
            drafting.heard = drafting.heard.max(heard);
        }
    }

    /// A person went on with what is there: a draft whose part is stuck is not waited for.
    pub(super) fn give_up_part(&mut self) {
        let is_stuck = self.stop.as_ref().is_some_and(Stop::is_of_part);
        self.drafting.take_if(|_| is_stuck);
    }

    /// A lane was taken out of what is drafted. A draft that changed no other lane is none any more.
    pub(super) fn drop_from_draft(&mut self, lane: LaneId) {
        let Some(drafting) = &mut self.drafting else { return };
        drafting.lanes.remove(&lane);
        drafting.so_far.retain(|set| set.lane != lane);
        drafting.parts.iter_mut().for_each(|part| part.patch_sets.retain(|set| set.lane != lane));
        let is_gone = drafting.lanes.is_empty() || !drafting.parts.is_empty() && drafting.so_far.is_empty();
        self.drafting.take_if(|_| is_gone);
    }
}

impl Stop {
    /// Whether a role that follows a draft is stuck, and nothing is over.
    pub(super) fn is_of_part(&self) -> bool {
        let of_part = |key: EffectKey| FOLLOWERS.iter().any(|(.., kind)| *kind == key.kind);
        !self.is_final() && self.key.is_some_and(of_part)
    }
}

impl Drafting {
    fn add(&mut self, part: VersionPart, sets: &[PatchSet]) {
        self.so_far.retain(|known| sets.iter().all(|set| set.lane != known.lane));
        self.so_far.extend(sets.iter().cloned());
        self.so_far.sort_by_key(|set| set.lane);
        self.parts.push(part);
    }
}

/// A draft is there: `sets` differ from what the lanes have. It is a version, or waits for the roles that follow.
pub(super) fn drafted(session: &Session, sets: Vec<PatchSet>, went_on: Option<&WentOn>, heard: u32) -> Vec<Event> {
    let drafting = session.drafting.as_ref().expect("a draft is owed only while one is wanted");
    if !has_parts(session) {
        return proposed(session, drafting, sets, Vec::new(), heard);
    }
    let key = EffectKey::draft(drafting.version);
    let by = match drafting.engine {
        EngineKind::Llm => session.model_of(key, Role::Implementer).unwrap_or_default().to_owned(),
        engine => engine.name().to_owned(),
    };
    let is_new = |own: &&PatchSet| sets.iter().any(|set| set.lane == own.lane);
    let own = went_on.map_or_else(|| sets.clone(), |on| on.patch_sets.iter().filter(is_new).cloned().collect());
    let part = VersionPart {
        role: Role::Implementer,
        by,
        ended: PartEnd::Added,
        on: went_on.map(|on| on.version),
        patch_sets: own,
        note: Untrusted::default(),
    };
    goes_on(session, drafting, part, &sets, heard)
}

/// A role that follows a draft was asked.
pub(super) fn found(session: &Session, key: EffectKey, role: Role, found: &PartFound) -> Step {
    let drafting = session.drafting.as_ref().expect("a part is owed only while a draft is wanted");
    let here = |sets: &[PatchSet]| -> Vec<PatchSet> {
        sets.iter().filter(|set| drafting.so_far.iter().any(|known| known.lane == set.lane)).cloned().collect()
    };
    let part = VersionPart {
        role,
        by: session.model_of(key, role).unwrap_or_default().to_owned(),
        ended: found.ended,
        on: None,
        patch_sets: here(&found.own),
        note: found.note.clone(),
    };
    Step { events: goes_on(session, drafting, part, &here(&found.patch_sets), drafting.heard) }
}

/// What a part leads to: it is recorded and the next role is asked, or the version is there, with all of its parts.
fn goes_on(session: &Session, drafting: &Drafting, part: VersionPart, sets: &[PatchSet], heard: u32) -> Vec<Event> {
    let mut then = drafting.clone();
    then.add(part.clone(), sets);
    if session.owed_of(&then).is_some() {
        let (version, part, patch_sets) = (drafting.version, Box::new(part), sets.to_vec());
        return vec![Event::PartMade { version, part, patch_sets, heard }];
    }
    proposed(session, drafting, then.so_far, then.parts, heard)
}

/// The version, and what a person said too late for it. What roles added may have brought back what the lanes have.
fn proposed(
    session: &Session,
    drafting: &Drafting,
    sets: Vec<PatchSet>,
    parts: Vec<VersionPart>,
    heard: u32,
) -> Vec<Event> {
    let same =
        |set: &PatchSet| session.current(set.lane).is_some_and(|(_, current)| current.drafted.digest == set.digest);
    let news: Vec<PatchSet> = sets.into_iter().filter(|set| !same(set)).collect();
    let Some(lane) = news.first().map(|set| set.lane) else { return vec![same_again(session, drafting, &[], None)] };
    let (version, engine, made_for) = (drafting.version, drafting.engine, drafting.made_for.clone());
    let late = steer::unheard(session, (lane, version), heard);
    let proposed = Event::Proposed { version, engine, made_for, patch_sets: news, by: None, parent: None, parts };
    std::iter::once(proposed).chain(late).collect()
}

/// A draft equal to the version before makes no version. Where its engine answered threads it did what it was asked for
/// all the same: the answers are put before the person who waits for them.
pub(super) fn same_again(
    session: &Session,
    drafting: &Drafting,
    answered: &[&(ThreadId, Untrusted)],
    log: Option<Digest>,
) -> Event {
    let (id, engine, version) = (session.asked.id, drafting.engine, drafting.version);
    let threads: BTreeSet<u32> = answered.iter().map(|(thread, _)| thread.0).collect();
    let listed = threads.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let next = session.next_draft(engine);
    let (what, next) = match threads.len() {
        0 => ("drafted the same change again".to_owned(), next),
        1 => (format!("answered thread {listed} and changed nothing"), format!("paraph comments {id}, or {next}")),
        _ => (format!("answered threads {listed} and changed nothing"), format!("paraph comments {id}, or {next}")),
    };
    Event::Stopped {
        kind: StopKind::NeedsHuman,
        reason: Untrusted::new(format!("engine {} {what}, so there is no {version}", engine.name())),
        next,
        key: Some(EffectKey::draft(version)),
        log,
    }
}
