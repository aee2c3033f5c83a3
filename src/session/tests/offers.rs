//! What approving offers, and what a session's state is, one line each.

use super::story::{self, L0, L1, Story, V1};
use super::*;
use crate::policy::Violation;
use crate::proposal::EngineKind;

/// `clean`, `reason: …` or `not: …` for a version with that score, G3 and violations.
#[track_caller]
fn offers(tenths: i64, g3: Option<bool>, violations: Vec<Violation>, drift: (u32, bool), expected: &str) {
    let story = Story::quick().runs_until(Some(EffectKind::Score));
    let story = story.finds(EffectKind::Score, story::scored(tenths, g3, violations));
    shows(&story, L0, DriftSeen::of(drift.0, drift.1), expected);
}

/// The recorded gate counts, whatever threshold it was judged by.
#[track_caller]
fn strict(tenths: i64, expected: &str) {
    let Finding::Score { violations, score, mut gates } = story::scored(tenths, Some(true), vec![]) else {
        unreachable!("a score was asked for")
    };
    for gate in gates.iter_mut().filter(|gate| gate.id == crate::scoring::GateId::G4) {
        gate.passed = Some(tenths >= 90);
        gate.evidence = format!("the score {} is under 9.0", score.overall);
    }
    let story = Story::quick().runs_until(Some(EffectKind::Score));
    let story = story.finds(EffectKind::Score, Finding::Score { violations, score, gates });
    shows(&story, L0, DriftSeen::NONE, expected);
}

#[track_caller]
fn shows(story: &Story, lane: crate::id::LaneId, drift: DriftSeen, expected: &str) {
    let text = match offer(&story.session, lane, V1, &drift) {
        Offer::Clean => "clean".to_owned(),
        Offer::WithReason { because } => format!("reason: {}", because.join("; ")),
        Offer::Not { because } => format!("not: {}", because.join("; ")),
    };
    assert_eq!(text, expected);
}

#[test]
fn approving_is_offered_by_rule() {
    let warn = || vec![story::warn("ci-file", "a.yml")];
    let block = || vec![story::block("secret-added", "a.rs")];
    offers(85, Some(true), vec![], (0, true), "clean");
    offers(70, Some(true), vec![], (0, true), "clean");
    offers(69, Some(true), vec![], (0, true), "reason: G4 failed: what the score said");
    strict(85, "reason: G4 failed: the score 8.5 is under 9.0");
    strict(95, "clean");
    offers(85, Some(false), vec![], (0, true), "reason: G3 failed: what the checks said");
    offers(85, None, vec![], (0, true), "reason: G3 was not run: what the checks said");
    offers(85, Some(true), warn(), (0, true), "reason: WARN ci-file on a.yml");
    offers(85, Some(true), vec![], (2, true), "reason: the base moved on by 2 commits");
    offers(85, Some(true), vec![], (2, false), "reason: the patch no longer merges cleanly with its branch");
    offers(85, Some(true), block(), (0, true), "not: BLOCK secret-added on a.rs: request changes");
    offers(10, None, block(), (2, false), "not: BLOCK secret-added on a.rs: request changes");
    let unfinished = Story::quick().runs_until(Some(EffectKind::Check));
    shows(&unfinished, L0, DriftSeen::NONE, "not: its validation has not ended: wait for it");
    shows(&unfinished, L1, DriftSeen::NONE, "not: there is no v1 of this repository");
    let scored = Story::quick().runs_until(Some(EffectKind::Score));
    let scored = scored.finds(EffectKind::Score, story::scored(85, Some(true), vec![]));
    shows(&scored, L0, DriftSeen::unknown("no branch".to_owned()), "reason: drift unknown: no branch");
    let superseded = Story::quick().runs().does(story::regenerate("again")).runs();
    shows(&superseded, L0, DriftSeen::NONE, "not: superseded by v2: read it and decide on that");
    let accepted = Story::quick().runs_until(Some(EffectKind::Score));
    let accepted = accepted.finds(EffectKind::Score, story::scored(85, Some(true), warn())).does(Command::Override {
        lane: L0,
        version: V1,
        rule: "ci-file".to_owned(),
        path: None,
        by: story::ana(),
        message: "known".into(),
    });
    shows(&accepted, L0, DriftSeen::NONE, "clean");
}

#[track_caller]
fn is(story: Story, expected: &str) {
    assert_eq!(story.session.state().name(), expected);
}

#[test]
fn a_session_is_as_far_as_its_lanes() {
    use EffectKind::{Check, Draft, Load, Score};
    let two = Story::two_lanes;
    let reviewed = || two().runs();
    is(two(), "Created");
    is(two().finds(Load, story::finding(&two().session, EffectKey::on_lane(Load, L0))), "Created");
    is(two().runs_until(Some(Draft)), "SnapshotLoaded");
    is(two().runs_until(Some(Check)), "BranchApplied");
    is(two().runs_until(Some(Check)).finds(Check, Finding::Checks(Box::default())), "BranchApplied");
    is(two().runs_until(Some(Score)), "Validated");
    is(reviewed(), "Scored");
    is(reviewed().decides(L0, Verdict::Approve), "Scored");
    is(reviewed().decides(L0, Verdict::Reject), "Rejected");
    is(reviewed().decides(L0, Verdict::Approve).decides(L1, Verdict::Reject), "Rejected");
    is(reviewed().decides(L0, Verdict::Approve).decides(L1, Verdict::Approve), "Approved");
    is(reviewed().decides(L0, Verdict::Reject).does(Command::Drop { lane: L0, by: story::ana() }), "Scored");
    is(reviewed().decides(L0, Verdict::RequestChanges), "SnapshotLoaded");
    is(reviewed().does(Command::Cancel { by: story::ana() }), "Cancelled");
    is(reviewed().decides(L0, Verdict::Approve).decides(L1, Verdict::Approve).publishes(), "Publishing");
    is(reviewed().decides(L0, Verdict::Approve).decides(L1, Verdict::Approve).publishes().runs(), "Done");
    // one lane that no version changes holds nothing back
    let one = || two().runs_until(Some(Draft)).finds(Draft, story::draft([L1], "one")).runs();
    is(one(), "Scored");
    is(one().decides(L1, Verdict::Approve), "Approved");
    is(one().decides(L1, Verdict::Approve).publishes().runs(), "Done");
    let adopt = || Story::of(story::new_session(1, "quick", EngineKind::Adopt)).runs();
    is(adopt().decides(L0, Verdict::RequestChanges), "ChangesRequested");
    let both = || Story::of(story::new_session(2, "quick", EngineKind::Adopt)).runs();
    is(both().decides(L0, Verdict::Reject).decides(L1, Verdict::RequestChanges), "Rejected");
    is(both().decides(L0, Verdict::RequestChanges).decides(L1, Verdict::Reject), "Rejected");
    let triaged = || Story::of(story::new_session(1, "triaged", EngineKind::Rules)).runs();
    is(triaged(), "Indexed");
    is(triaged().does(Command::Triage { by: story::ana(), message: "GO".into() }), "Triaged");
}

#[test]
fn what_to_type_next_leaves_out_what_is_refused() {
    let next = |violations: Vec<Violation>| {
        let story = Story::quick().runs_until(Some(EffectKind::Score));
        story.finds(EffectKind::Score, story::scored(85, Some(true), violations)).session.waits_for().1
    };
    let (show, may) = ("paraph show 7@v1, then paraph", |violation| next(vec![violation]));
    assert_eq!(may(story::warn("ci-file", "a.yml")), format!("{show} approve 7@v1"));
    assert_eq!(may(story::block("secret-added", "a.rs")), format!("{show} request-changes 7@v1 -m TEXT"));
}
