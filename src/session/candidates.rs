//! Candidates: several engines or models draft for one goal, and a person picks one of them.
//!
//! Each candidate is a session of its own; what makes them candidates stands in each one's first event: the number of
//! the first, its own place, and the whole field. They were recorded together under numbers that follow each other, so
//! every one of them knows all the others without an index. The other shape, candidates as versions of one session, was
//! weighed and left: phases, decisions, budgets and repairs would each have had to learn of a third number beside lane
//! and version, and "the newest version is current" is what everything about a version rests on. So a session without a
//! [`Candidacy`] is what it always was, each candidate has a budget of its own, and everything that a person can do with
//! a session they can do with a candidate.
//!
//! # What a pick is
//!
//! A person's write-once word ([`Event::Picked`]) in the session that was picked. It names who, the version, its
//! digests, and every other candidate as it stood. Whether another one was picked before is no fact of this session, so
//! it comes with the command, as the drift of a base does: the core gathers it from the others while it decides, and
//! decides one thing after the other. Of two at once, one wins.
//!
//! What follows is owed by the one that was picked ([`EffectKind::PassOver`]): each other candidate is told, and records
//! [`Event::PassedOver`]. Its work is given up and it ends as Declined, readable for ever. Telling it twice records
//! nothing, so a crash between any two of these records leads to the same end: what is owed is told again.
//!
//! **No candidate is approved before it was picked,** by its own record. A candidate that was not told yet can therefore
//! be approved in no case, however late it hears. **Picking approves nothing:** the panel, its reasons and its second key
//! are as for any version.
//!
//! **A pick is not taken back.** It ends the work of the others, and what was thrown away cannot be offered again as if
//! it had been finished. Whoever thinks better of it has the next version of the one that was picked, or runs the other
//! change, which is kept: `paraph diff 13@v1 | paraph run GOAL --patch -`.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{Digest, SessionId, Version};
use crate::proposal::{EngineKind, ProgramChoice};
use crate::text::counted;

use super::calls::Budget;
use super::effect::{EffectKey, EffectKind};
use super::event::{Event, NewSession, Person, StopKind, is_unlimited, is_zero};
use super::input::{Command, Refusal};
use super::machine::{Step, is_over, not_now};
use super::state::{BeadStatus, Session, Stop};

/// One that drafts, among several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contender {
    /// The engine.
    pub engine: EngineKind,
    /// The program, for the engines that run one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<ProgramChoice>,
    /// The model, as `PROVIDER/MODEL`, where another than the role's own shall draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Only these rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// A ready diff, as a blob.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<Digest>,
    /// How often a red check goes back to it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repairs: u32,
    /// What its calls to models may take: each has a budget of its own, and the day's holds over all.
    #[serde(default, skip_serializing_if = "is_unlimited")]
    pub budget: Budget,
}

/// A session's place among several that draft for the same goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidacy {
    /// The number of the first; the others follow it without a gap.
    pub first: SessionId,
    /// Its own place, 0 for the first.
    pub place: u16,
    /// All of them, by place.
    pub field: Vec<Contender>,
}

impl Candidacy {
    /// The numbers of all of them, by place.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> {
        (self.first.0..).take(self.field.len()).map(SessionId)
    }
}

impl NewSession {
    /// The candidate of that place, for whom everything but what drafts is as in this one; `None` past the last.
    #[must_use]
    pub fn contending(&self, place: u16) -> Option<Self> {
        let candidacy = self.candidate.as_ref()?;
        let contender = candidacy.field.get(usize::from(place))?.clone();
        let Contender { engine, program, model, rules, patch, repairs, budget } = contender;
        let candidate = Some(Box::new(Candidacy { place, ..(**candidacy).clone() }));
        let id = SessionId(candidacy.first.0 + u64::from(place));
        Some(Self { id, engine, program, model, rules, patch, repairs, budget, candidate, ..self.clone() })
    }
}

/// Another candidate, as it stood when one was picked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rival {
    /// Which.
    pub session: SessionId,
    /// Its state's name.
    pub state: String,
    /// Its newest version, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// That version's digests, by lane.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<Digest>,
}

/// What the core knows of another candidate while it decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RivalSeen {
    /// As it stands.
    pub rival: Rival,
    /// That it was picked: its version, who, when.
    pub picked: Option<(Version, String, Timestamp)>,
}

impl RivalSeen {
    /// What another candidate should know of `session`.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        let newest = session.versions.last();
        let digests = newest.iter().flat_map(|version| version.patch_sets.values().map(|set| set.drafted.digest));
        let rival = Rival {
            session: session.asked.id,
            state: session.state().name().to_owned(),
            version: newest.map(|version| version.number),
            digests: digests.collect(),
        };
        let picked = session.picked.as_ref().map(|pick| (pick.version, pick.by.login.clone(), pick.at));
        Self { rival, picked }
    }
}

/// A person picks one candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PickCommand {
    /// The version that was read.
    pub version: Version,
    /// 12 or more hex digits of the digest of one of its changes.
    pub digest: String,
    /// Who.
    pub by: Person,
    /// The other candidates, as they stand while this is decided; the core sees to it.
    pub rivals: Vec<RivalSeen>,
}

/// A recorded pick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pick {
    /// The version that was read.
    pub version: Version,
    /// Its digests, by lane.
    pub digests: Vec<Digest>,
    /// The others, as they stood.
    pub over: Vec<Rival>,
    /// Who.
    pub by: Person,
    /// When.
    pub at: Timestamp,
    /// Whether every other one was told.
    pub told: bool,
}

/// The pick of another candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostTo {
    /// Which was picked.
    pub picked: SessionId,
    /// Its version.
    pub version: Version,
    /// Who.
    pub by: Person,
    /// When this one heard of it.
    pub at: Timestamp,
}

/// Picks this candidate, unless one was picked before.
pub(super) fn pick(session: &Session, asked: &PickCommand, command: &Command) -> Result<Step, Refusal> {
    if session.asked.candidate.is_none() {
        return Err(Refusal::NoCandidate);
    }
    let own = session.picked.as_ref().map(|pick| (session.asked.id, (pick.version, pick.by.login.clone(), pick.at)));
    let lost = session.lost_to.as_ref().map(|lost| (lost.picked, (lost.version, lost.by.login.clone(), lost.at)));
    let others = asked.rivals.iter().filter_map(|seen| Some((seen.rival.session, seen.picked.clone()?)));
    if let Some((picked, (version, by, at))) = others.chain(own).chain(lost).next() {
        return Err(Refusal::AlreadyPicked { picked, version, by, at });
    }
    if is_over(session) {
        return Err(not_now(session, command));
    }
    let version = asked.version;
    let record = session.version(version).ok_or(Refusal::NoSuchVersion { version })?;
    let newest = session.versions.last().map_or(version, |newest| newest.number);
    if newest != version {
        return Err(Refusal::Superseded { version, newest });
    }
    let digests: Vec<Digest> = record.patch_sets.values().map(|set| set.drafted.digest).collect();
    if !digests.iter().any(|digest| digest.matches(&asked.digest)) {
        let current = digests.first().map(|digest| digest.short()).unwrap_or_default();
        return Err(Refusal::OtherPatch { seen: asked.digest.clone(), version, current });
    }
    // a person's no is not picked over what they have not judged yet
    if let Some(decision) = record.patch_sets.values().find_map(|set| set.decision.as_ref()) {
        let (verdict, by) = (decision.verdict.name(), decision.by.login.clone());
        return Err(Refusal::AlreadyDecided { version, verdict, by, at: decision.at });
    }
    let over = asked.rivals.iter().map(|seen| seen.rival.clone()).collect();
    Ok(Step::record(Event::Picked { version, digests, over, by: asked.by.clone() }))
}

/// Another candidate was picked. Told again it means nothing, and neither does it where nothing is left to give up.
pub(super) fn other_picked(session: &Session, picked: SessionId, version: Version, by: &Person) -> Step {
    let is_rival = |candidacy: &Candidacy| candidacy.sessions().any(|other| other == picked);
    let rivals = session.asked.candidate.as_deref().is_some_and(is_rival) && picked != session.asked.id;
    if !rivals || session.picked.is_some() || is_over(session) {
        return Step::default();
    }
    Step::record(Event::PassedOver { picked, version, by: by.clone() })
}

/// Refuses to approve a candidate that nobody picked.
pub(super) fn may_be_approved(session: &Session, version: Version) -> Result<(), Refusal> {
    match &session.asked.candidate {
        Some(candidacy) if session.picked.is_none() => {
            Err(Refusal::NotPicked { session: session.asked.id, version, of: candidacy.field.len() })
        }
        _ => Ok(()),
    }
}

impl Session {
    /// Whether it is one of several and no pick is known to it.
    #[must_use]
    pub fn is_contending(&self) -> bool {
        self.asked.candidate.is_some() && self.picked.is_none() && self.lost_to.is_none()
    }

    /// What stands in the way of approving a candidate, and what unlocks it.
    pub(super) fn waits_for_pick(&self, version: Version) -> Vec<String> {
        let id = self.asked.id;
        match (&self.asked.candidate, &self.lost_to) {
            (_, Some(lost)) => vec![format!("{} was picked: decide on that", lost.picked)],
            (Some(candidacy), None) if self.picked.is_none() => {
                let of = counted(candidacy.field.len(), "candidate");
                vec![format!("one of {of}: pick it first (paraph compare {id}, paraph pick {id}@{version})")]
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn pick(
        &mut self,
        (version, digests): (Version, &[Digest]),
        over: &[Rival],
        by: &Person,
        at: Timestamp,
    ) {
        let (digests, over, by) = (digests.to_vec(), over.to_vec(), by.clone());
        self.picked.get_or_insert(Pick { version, digests, over, by, at, told: false });
    }

    /// It ends: what runs is given up, what was found stays.
    pub(super) fn pass_over(&mut self, picked: SessionId, version: Version, by: &Person, at: Timestamp) {
        self.lost_to = Some(LostTo { picked, version, by: by.clone(), at });
        self.drafting = None;
        self.stop = Some(Stop {
            kind: StopKind::Declined,
            reason: format!("{picked} was picked ({version}, by {})", by.login).into(),
            next: String::new(),
            key: None,
        });
    }

    /// Telling the others is owed until it is done, whatever became of this one meanwhile. Where it was stuck it waits
    /// until a person lifts the stop, whatever that is about: after the end, for ever.
    pub(super) fn others_to_tell(&self) -> Option<EffectKey> {
        let key = EffectKey::of_session(EffectKind::PassOver);
        let newest = self.beads.iter().rev().find(|bead| bead.key == key);
        let is_stuck = self.stop.is_some() && newest.is_some_and(|bead| bead.status == BeadStatus::Failed);
        self.picked.as_ref().filter(|pick| !pick.told && !is_stuck).map(|_| key)
    }
}
