//! The session: what happened, what that means, and what is owed next.
//!
//! [`decide`] and [`Session::apply`] are pure: a session is the fold of its events, so a crash is recovered by
//! folding them again and running what is still owed. Nothing here reads a clock, a file or a repository.

mod apply;
mod calls;
mod candidates;
mod criteria;
mod derive;
mod documents;
mod drafts;
mod effect;
mod event;
mod gate;
mod input;
mod machine;
mod monitor;
mod offer;
mod parts;
mod pause;
mod stages;
mod state;
mod status;
mod steer;
mod stuck;

pub use calls::{Budget, CallAsked, CallEnded, CallRecord, PromptCount, Spent, TokensBy, dollars};
pub use candidates::{Candidacy, Contender, LostTo, Pick, PickCommand, Rival, RivalSeen};
pub use criteria::CriterionState;
pub use documents::Document;
pub use effect::{EffectKey, EffectKind, Owed};
pub use event::{Artifact, Event, LaneRequest, NewSession, PatchSet, Person, StopKind, ThreadPlace};
pub use gate::{WriteGate, WritePermit};
pub use input::{
    CheckAgainCommand, Command, DecideCommand, DeriveCommand, DriftSeen, Finding, Input, Limits, Outcome, Refusal,
};
pub use machine::{Step, decide};
pub use monitor::{Monitoring, Watched};
pub use offer::{Offer, offer};
pub use parts::{PartEnd, PartFound, VersionPart, WentOn};
pub use state::{
    Bead, BeadStatus, Comment, Decision, DraftComment, Drafting, Lane, OverrideRecord, PatchSetRecord, Phase, Planned,
    Published, Rechecks, Rewriting, Session, Stop, Thread, Verdict, VersionRecord,
};
pub use status::{State, aliases};

#[cfg(test)]
mod tests;
