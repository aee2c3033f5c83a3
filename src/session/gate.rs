//! The write gate: the only way to a permit for writing outside the data directory.

use crate::clock::Timestamp;
use crate::id::{Digest, LaneId, ObjectId, SessionId, SessionUuid, Version};
use crate::repository::Snapshot;
use crate::text::Untrusted;

use super::effect::{EffectKey, EffectKind};
use super::event::Person;
use super::input::Refusal;
use super::state::{OverrideRecord, Phase, Session, Verdict};

/// Leave to publish exactly one approved patch set, once. Only [`WriteGate::open`] makes one, and whoever writes
/// takes it by value.
///
/// A permit cannot be made by hand:
/// ```compile_fail
/// let permit = paraph::session::WritePermit { session: paraph::id::SessionId(1) };
/// ```
/// nothing is published without one:
/// ```compile_fail
/// async fn skip(forge: &dyn paraph::publishing::Forge, anchor: paraph::publishing::Anchor) {
///     let _ = forge.publish(anchor).await;
/// }
/// ```
/// it cannot be copied:
/// ```compile_fail
/// fn copy(permit: &paraph::session::WritePermit) -> paraph::session::WritePermit {
///     permit.clone()
/// }
/// ```
/// and cannot be used twice:
/// ```compile_fail
/// fn twice(permit: paraph::session::WritePermit) {
///     let write = |_: paraph::session::WritePermit| ();
///     write(permit);
///     write(permit);
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct WritePermit {
    session: SessionId,
    uuid: SessionUuid,
    goal: Untrusted,
    lane: LaneId,
    version: Version,
    digest: Digest,
    base: Snapshot,
    tree: ObjectId,
    message: Untrusted,
    approved_by: Person,
    approved_at: Timestamp,
    reason: Untrusted,
    because: Vec<String>,
    overrides: Vec<OverrideRecord>,
}

impl WritePermit {
    /// The session.
    #[must_use]
    pub fn session(&self) -> SessionId {
        self.session
    }
    /// The session's name across stores.
    #[must_use]
    pub fn uuid(&self) -> SessionUuid {
        self.uuid
    }
    /// The goal.
    #[must_use]
    pub fn goal(&self) -> &Untrusted {
        &self.goal
    }
    /// The lane.
    #[must_use]
    pub fn lane(&self) -> LaneId {
        self.lane
    }
    /// The version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }
    /// The digest that was approved.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
    /// The base that it starts from.
    #[must_use]
    pub fn base(&self) -> &Snapshot {
        &self.base
    }
    /// The approved tree.
    #[must_use]
    pub fn tree(&self) -> &ObjectId {
        &self.tree
    }
    /// The commit message, without trailers.
    #[must_use]
    pub fn message(&self) -> &Untrusted {
        &self.message
    }
    /// Who approved.
    #[must_use]
    pub fn approved_by(&self) -> &Person {
        &self.approved_by
    }
    /// When: the commit's time, so that a second run makes the same commit.
    #[must_use]
    pub fn approved_at(&self) -> Timestamp {
        self.approved_at
    }
    /// The reason that was given, and what asked for it.
    #[must_use]
    pub fn reason(&self) -> (&Untrusted, &[String]) {
        (&self.reason, &self.because)
    }
    /// The WARNs that somebody accepted, each with its reason.
    #[must_use]
    pub fn overrides(&self) -> &[OverrideRecord] {
        &self.overrides
    }
}

/// Makes permits.
#[derive(Debug)]
pub struct WriteGate;

impl WriteGate {
    /// A permit for `lane`, where its current version was approved by a recorded decision of its digest and a
    /// person asked to publish.
    ///
    /// # Errors
    /// [`Refusal::NotApproved`] otherwise.
    pub fn open(session: &Session, lane: LaneId) -> Result<WritePermit, Refusal> {
        let known = session.lane(lane).ok_or(Refusal::NoSuchLane)?;
        let closed = || Refusal::NotApproved { waiting: vec![format!("{} is {}", known.name(), known.phase.name())] };
        let Phase::Publishing(version) = known.phase else { return Err(closed()) };
        let is_owed = session.owed().contains_key(&EffectKey::on_version(EffectKind::Publish, lane, version));
        if known.dropped || !is_owed {
            return Err(closed());
        }
        let set = session.patch_set(lane, version).ok_or_else(closed)?;
        let decision = set
            .decision
            .as_ref()
            .filter(|decision| decision.verdict == Verdict::Approve && decision.digest == set.drafted.digest);
        let (decision, (tree, ..)) = decision.zip(set.applied.as_ref()).ok_or_else(closed)?;
        Ok(WritePermit {
            session: session.asked.id,
            uuid: session.asked.uuid,
            goal: session.asked.goal.clone(),
            lane,
            version,
            digest: decision.digest,
            base: session.base_of(lane, version).ok_or_else(closed)?.clone(),
            tree: tree.clone(),
            message: set.drafted.message.clone(),
            approved_by: decision.by.clone(),
            approved_at: decision.at,
            reason: decision.message.clone(),
            because: decision.because.clone(),
            overrides: set.overrides.clone(),
        })
    }
}
