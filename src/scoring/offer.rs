//! What a person may decide on one patch set: offered, offered with a reason, or not offered and what unlocks it.

use serde::{Deserialize, Serialize};

use super::evidence::plural;
use super::{Gate, GateId};
use crate::id::Version;
use crate::policy::{Severity, Violation};
use crate::repository::Drift;

/// Where the patch set stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is the lane's current one, and its validation is complete.
    Ready,
    /// It is the lane's current one; checks, policies or score did not end yet.
    Unfinished,
    /// A newer version took its place.
    Superseded(Version),
    /// It was decided, in these words: a decision is write-once.
    Decided(String),
}

/// What the offering looks at.
#[derive(Debug)]
pub struct OfferInput<'a> {
    /// Where the patch set stands.
    pub standing: &'a Standing,
    /// Its gates.
    pub gates: &'a [Gate],
    /// What the policies found.
    pub violations: &'a [Violation],
    /// The rules and gates that a person overrode, with a reason each.
    pub overrides: &'a [String],
    /// How far the user's branch moved.
    pub drift: Option<&'a Drift>,
}

/// Why something is not offered, and what unlocks it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Unlock {
    /// Why not.
    pub why: String,
    /// What would change that.
    pub unlocks: String,
}

/// Whether one decision may be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Offering {
    /// At once.
    Offered,
    /// With a reason, which is recorded and shown in the pull request; what it must answer for.
    NeedsReason(Vec<String>),
    /// Not now.
    NotOffered(Vec<Unlock>),
}

/// The three decisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Offer {
    /// Approving.
    pub approve: Offering,
    /// Requesting changes.
    pub request_changes: Offering,
    /// Rejecting.
    pub reject: Offering,
}

/// What is offered. Rejecting and requesting changes need nothing but a current, undecided patch set; approving
/// needs a complete validation and nothing that blocks. A number never outvotes a person: it asks for a reason.
#[must_use]
pub fn offer(input: &OfferInput<'_>) -> Offer {
    let closed = closed(input.standing);
    let other = if closed.is_empty() { Offering::Offered } else { Offering::NotOffered(closed.clone()) };
    Offer { approve: approve(input, closed), request_changes: other.clone(), reject: other }
}

fn unlock(why: impl Into<String>, unlocks: impl Into<String>) -> Unlock {
    Unlock { why: why.into(), unlocks: unlocks.into() }
}

/// Why no decision at all may be made.
fn closed(standing: &Standing) -> Vec<Unlock> {
    match standing {
        Standing::Ready | Standing::Unfinished => Vec::new(),
        Standing::Superseded(newer) => vec![unlock(format!("{newer} took its place"), format!("decide on {newer}"))],
        Standing::Decided(words) => {
            vec![unlock(format!("it was decided: {words}"), "a new version, by requesting changes or regenerating")]
        }
    }
}

fn approve(input: &OfferInput<'_>, mut against: Vec<Unlock>) -> Offering {
    if *input.standing == Standing::Unfinished {
        against.push(unlock("its validation is not complete", "wait for the checks, or request changes now"));
    }
    for found in input.violations.iter().filter(|found| found.severity == Severity::Block) {
        let line = found.line.map(|line| format!(":{line}")).unwrap_or_default();
        let why = format!("BLOCK {} at `{}`{line}: {}", found.rule, found.path, found.message);
        against.push(unlock(why, "a version without it: exclude the hunk, edit it, or request changes"));
    }
    let gate = |id: GateId| input.gates.iter().find(|gate| gate.id == id);
    let merges = input.drift.is_none_or(|drift| drift.merges_cleanly);
    if let Some(refused) = gate(GateId::G2).filter(|gate| gate.passed == Some(false) && merges) {
        against.push(unlock(refused.evidence.clone(), "a version that applies: regenerate it"));
    }
    for gate in [GateId::G0, GateId::G1].into_iter().filter_map(gate).filter(|gate| gate.passed == Some(false)) {
        against.push(unlock(format!("{} failed: {}", gate.id, gate.evidence), "complete it, then regenerate"));
    }
    if !against.is_empty() {
        return Offering::NotOffered(against);
    }
    let reasons = reasons(input, gate(GateId::G3), gate(GateId::G4));
    if reasons.is_empty() { Offering::Offered } else { Offering::NeedsReason(reasons) }
}

/// What a reason must answer for; what was overridden has its reason already.
fn reasons(input: &OfferInput<'_>, g3: Option<&Gate>, g4: Option<&Gate>) -> Vec<String> {
    let overridden = |id: GateId| input.overrides.iter().any(|each| *each == id.to_string());
    let mut reasons = Vec::new();
    match g3.map(|gate| (gate.passed, &gate.evidence)) {
        Some((Some(true), _)) => {}
        _ if overridden(GateId::G3) => {}
        Some((Some(false), evidence)) => reasons.push(format!("G3 failed: {evidence}")),
        Some((None, evidence)) => reasons.push(format!("G3 was not run: {evidence}")),
        None => reasons.push("G3 was not run".to_owned()),
    }
    if let Some(gate) = g4.filter(|gate| gate.passed != Some(true) && !overridden(GateId::G4)) {
        reasons.push(format!("G4 did not pass: {}", gate.evidence));
    }
    let open = |found: &&Violation| found.severity == Severity::Warn && !input.overrides.contains(&found.rule);
    reasons
        .extend(input.violations.iter().filter(open).map(|found| format!("WARN {} on `{}`", found.rule, found.path)));
    if let Some(drift) = input.drift.filter(|drift| drift.commits > 0 && !overridden(GateId::G2)) {
        let merges = if drift.merges_cleanly { "still merges" } else { "no longer merges" };
        reasons
            .push(format!("the branch moved on by {}; the change {merges}", plural(drift.commits as usize, "commit")));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::rule;

    struct Case {
        standing: Standing,
        gates: [Option<bool>; 6],
        blocks: bool,
        overrides: &'static [&'static str],
        drift: Option<Drift>,
    }

    fn good() -> Case {
        let yes = Some(true);
        Case {
            standing: Standing::Ready,
            gates: [yes, yes, yes, yes, yes, None],
            blocks: false,
            overrides: &[],
            drift: None,
        }
    }

    fn judge(case: &Case) -> Offer {
        let ids = [GateId::G0, GateId::G1, GateId::G2, GateId::G3, GateId::G4, GateId::G5];
        let gates: Vec<Gate> =
            ids.iter().zip(case.gates).map(|(id, passed)| Gate { id: *id, passed, evidence: "e".into() }).collect();
        let violations: Vec<Violation> =
            case.blocks.then(|| rule("gitlink").expect("a rule").breach(&"a".into(), None, "m")).into_iter().collect();
        let overrides: Vec<String> = case.overrides.iter().map(|id| (*id).to_owned()).collect();
        offer(&OfferInput {
            standing: &case.standing,
            gates: &gates,
            violations: &violations,
            overrides: &overrides,
            drift: case.drift.as_ref(),
        })
    }

    #[track_caller]
    fn offered(case: &Case) {
        assert_eq!(judge(case).approve, Offering::Offered);
    }

    #[track_caller]
    fn needs_reason(case: &Case, words: &str) {
        let Offer { approve: Offering::NeedsReason(reasons), reject, request_changes } = judge(case) else {
            panic!("{:?}", judge(case).approve)
        };
        assert!(reasons.iter().any(|reason| reason.contains(words)), "{reasons:?}");
        assert_eq!((reject, request_changes), (Offering::Offered, Offering::Offered));
    }

    #[track_caller]
    fn not_offered(case: &Case, why: &str, others: bool) {
        let found = judge(case);
        let Offering::NotOffered(against) = &found.approve else { panic!("{:?}", found.approve) };
        assert!(against.iter().any(|each| each.why.contains(why) && !each.unlocks.is_empty()), "{against:?}");
        assert_eq!((found.reject == Offering::Offered, found.request_changes == Offering::Offered), (others, others));
    }

    fn gate(at: usize, passed: Option<bool>) -> Case {
        let mut case = good();
        case.gates[at] = passed;
        case
    }

    fn drift(commits: u32, merges_cleanly: bool) -> Option<Drift> {
        Some(Drift { commits, touched_by_both: Vec::new(), merges_cleanly })
    }

    #[test]
    fn a_clean_version_is_offered() {
        offered(&good());
        offered(&Case { drift: drift(0, true), ..good() });
    }

    #[test]
    fn some_things_ask_for_a_reason() {
        needs_reason(&gate(3, Some(false)), "G3 failed");
        needs_reason(&gate(3, None), "G3 was not run");
        needs_reason(&gate(4, Some(false)), "G4 did not pass");
        needs_reason(&Case { drift: drift(2, true), ..good() }, "moved on by 2 commits");
        needs_reason(&Case { drift: drift(2, false), ..gate(2, Some(false)) }, "no longer merges");
        offered(&Case { overrides: &["G3"], ..gate(3, None) });
        offered(&Case { overrides: &["G4"], ..gate(4, Some(false)) });
        needs_reason(&Case { overrides: &["G4"], ..gate(3, None) }, "G3");
    }

    #[test]
    fn an_open_warning_asks_and_an_accepted_one_does_not() {
        let warning = [rule("ci-file").expect("a rule").breach(&".travis.yml".into(), None, "m")];
        let approve = |overrides: &[String]| {
            let gates = [Gate { id: GateId::G3, passed: Some(true), evidence: "e".into() }];
            let standing = Standing::Ready;
            offer(&OfferInput { standing: &standing, gates: &gates, violations: &warning, overrides, drift: None })
                .approve
        };
        assert_eq!(approve(&[]), Offering::NeedsReason(vec!["WARN ci-file on `.travis.yml`".into()]));
        assert_eq!(approve(&["ci-file".into()]), Offering::Offered);
    }

    #[test]
    fn some_things_forbid_an_approval() {
        not_offered(&Case { blocks: true, ..good() }, "BLOCK gitlink", true);
        not_offered(&Case { blocks: true, overrides: &["gitlink"], ..good() }, "BLOCK gitlink", true);
        not_offered(&Case { standing: Standing::Unfinished, ..good() }, "not complete", true);
        not_offered(&gate(2, Some(false)), "e", true);
        not_offered(&gate(0, Some(false)), "G0 failed", true);
        not_offered(&Case { standing: Standing::Superseded(Version(3)), ..good() }, "v3 took its place", false);
        not_offered(&Case { standing: Standing::Decided("approve by a@b".into()), ..good() }, "was decided", false);
    }
}
