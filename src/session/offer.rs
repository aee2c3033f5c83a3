//! Whether approving is offered, and what it asks for (design §2).

use crate::id::{LaneId, Version};
use crate::policy::Severity;
use crate::scoring::GateId;
use crate::text::counted;

use super::input::DriftSeen;
use super::state::{PatchSetRecord, Session};

/// What approving offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// Nothing stands in the way.
    Clean,
    /// It needs a reason, which is recorded and shown in the pull request.
    WithReason {
        /// What asks for it.
        because: Vec<String>,
    },
    /// It cannot be approved as it is.
    Not {
        /// What stands in the way, and what unlocks it.
        because: Vec<String>,
    },
}

/// What approving one lane of a version offers now. A number never outvotes a person: it can only ask for a reason.
#[must_use]
pub fn offer(session: &Session, lane: LaneId, version: Version, drift: &DriftSeen) -> Offer {
    let Some(set) = session.patch_set(lane, version) else {
        return Offer::Not { because: vec![format!("there is no {version} of this repository")] };
    };
    let mut not = session.waits_for_pick(version);
    if let Some((newest, _)) = session.current(lane).filter(|(newest, _)| *newest != version) {
        not.push(format!("superseded by {newest}: read it and decide on that"));
    }
    if set.validation.is_none() || set.score.is_none() {
        let blocked = set.violations.iter().any(|violation| violation.severity == Severity::Block);
        not.push(if blocked {
            "a policy forbids applying it: request changes".to_owned()
        } else {
            "its validation has not ended: wait for it".to_owned()
        });
    }
    let blocks = set.violations.iter().filter(|violation| violation.severity == Severity::Block);
    not.extend(blocks.map(|block| format!("BLOCK {} on {}: request changes", block.rule, block.path)));
    if !not.is_empty() {
        return Offer::Not { because: not };
    }
    let mut because = reasons(set, drift);
    let unmet = session.criteria(version).into_iter().filter(|state| state.met != Some(true));
    because.extend(unmet.map(|state| format!("{}: {}", state.criterion.id, state.evidence)));
    let musts = session.threads.iter().filter(|thread| !thread.resolved && thread.place.is_must_of(lane));
    because.extend(musts.map(|thread| format!("thread {} is a `must`, and open", thread.id.0)));
    if because.is_empty() { Offer::Clean } else { Offer::WithReason { because } }
}

fn reasons(set: &PatchSetRecord, drift: &DriftSeen) -> Vec<String> {
    let mut because = Vec::new();
    let gate = |id| set.gates.iter().find(|gate| gate.id == id);
    if let Some(checks) = gate(GateId::G3).filter(|gate| gate.passed != Some(true)) {
        let how = if checks.passed.is_none() { "was not run" } else { "failed" };
        because.push(format!("G3 {how}: {}", checks.evidence));
    }
    if let Some(artifacts) = gate(GateId::G1).filter(|gate| gate.passed == Some(false)) {
        because.push(format!("G1 failed: {}", artifacts.evidence));
    }
    // the gate knows which threshold it was judged by
    if let Some(judged) = gate(GateId::G4).filter(|gate| gate.passed == Some(false)) {
        because.push(format!("G4 failed: {}", judged.evidence));
    }
    if let Some(why) = &drift.unknown {
        because.push(format!("drift unknown: {why}"));
    } else if !drift.merges_cleanly {
        because.push("the patch no longer merges cleanly with its branch".to_owned());
    } else if drift.commits > 0 {
        because.push(format!("the base moved on by {}", counted(drift.commits, "commit")));
    }
    let open =
        |violation: &&crate::policy::Violation| violation.severity == Severity::Warn && !set.is_overridden(violation);
    because.extend(set.violations.iter().filter(open).map(|warn| format!("WARN {} on {}", warn.rule, warn.path)));
    because
}
