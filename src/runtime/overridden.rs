//! What accepted WARNs change in what is told: the recorded gate stays, its words name who accepted what, and why.

use crate::api::AcceptedView;
use crate::policy::Violation;
use crate::scoring::{Gate, GateId};
use crate::session::{OverrideRecord, PatchSetRecord};
use crate::text::counted;

use super::views::person_text;

/// The evidence of `gate` as it stands now: G4 counted its warnings before anybody accepted one.
pub(super) fn evidence(set: &PatchSetRecord, gate: &Gate) -> String {
    if gate.id != GateId::G4 || set.overrides.is_empty() {
        return gate.evidence.clone();
    }
    // what is told of the score stands before the warnings; a BLOCK has no such second part
    let Some((score, _)) = gate.evidence.split_once("; ") else { return gate.evidence.clone() };
    let open = set.violations.iter().filter(|violation| !set.is_overridden(violation)).count();
    let mut parts = vec![score.to_owned()];
    if open > 0 {
        parts.push(format!("{} open", counted(open, "warning")));
    }
    let named = |record: &OverrideRecord| set.violations.iter().any(|violation| record.meets(violation));
    parts.extend(set.overrides.iter().filter(|record| named(record)).map(told));
    parts.join("; ")
}

fn told(record: &OverrideRecord) -> String {
    let place = record.path.as_ref().map(|path| format!(" on {path}")).unwrap_or_default();
    format!("WARN {}{place} overridden by {}: {}", record.rule, person_text(&record.by), record.message.raw().trim())
}

/// Who accepted a violation; the last word counts.
pub(super) fn accepted(set: &PatchSetRecord, violation: &Violation) -> Option<AcceptedView> {
    let record = set.overrides.iter().rev().find(|record| record.meets(violation))?;
    Some(AcceptedView { by: person_text(&record.by), message: record.message.clone() })
}
