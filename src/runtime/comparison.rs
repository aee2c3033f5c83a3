//! Sessions side by side, as clients compare them.

use std::sync::Arc;

use crate::api::{CandidateView, CheckView, ChecksTally, ComparedSet, ComparisonView, PickView, PolicyTally};
use crate::id::{Digest, LaneId, ObjectId, SessionId};
use crate::policy::Severity;
use crate::proposal::EngineKind;
use crate::session::{Lane, PatchSetRecord, Person, Session, VersionRecord};
use crate::validation::CheckStatus;

use super::views::{check_view, person_text, unverified, usage_of};

/// The sessions as they stand, in this order.
pub(super) fn of(sessions: &[Arc<Session>]) -> ComparisonView {
    let field = |session: &Session| session.asked.candidate.as_ref().map(|candidacy| candidacy.first);
    let first = sessions.first().and_then(|session| field(session));
    let changes: Vec<Change> = sessions.iter().map(|session| Change::of(session)).collect();
    ComparisonView {
        schema: "paraph.comparison/1".to_owned(),
        goal: sessions.first().map(|session| session.asked.goal.clone()).unwrap_or_default(),
        field: first.filter(|_| sessions.iter().all(|session| field(session) == first)),
        picked: sessions.iter().find_map(|session| pick_of(session)),
        candidates: sessions.iter().map(|session| candidate(session, &changes)).collect(),
    }
}

/// The pick that a session knows of.
pub(super) fn pick_of(session: &Session) -> Option<PickView> {
    let view = |session, version, by: &Person, at| PickView { session, version, by: person_text(by), at };
    let own = session.picked.as_ref().map(|pick| view(session.asked.id, pick.version, &pick.by, pick.at));
    own.or_else(|| session.lost_to.as_ref().map(|lost| view(lost.picked, lost.version, &lost.by, lost.at)))
}

/// What tells whether two newest versions are the same.
struct Change {
    session: SessionId,
    digests: Vec<Digest>,
    /// Of each lane, the base's tree and the one that the change leaves; nothing until all of them were applied.
    trees: Option<Vec<(LaneId, ObjectId, ObjectId)>>,
}

impl Change {
    fn of(session: &Session) -> Self {
        let sets = || session.versions.last().into_iter().flat_map(|version| &version.patch_sets);
        let trees = sets().map(|(lane, set)| {
            let (tree, ..) = set.applied.as_ref()?;
            Some((*lane, set.drafted.base_tree.clone(), tree.clone()))
        });
        Self {
            session: session.asked.id,
            digests: sets().map(|(_, set)| set.drafted.digest).collect(),
            trees: trees.collect(),
        }
    }

    /// One change, one commit message.
    fn is(&self, other: &Self) -> bool {
        !self.digests.is_empty() && self.digests == other.digests
    }

    /// The same files, told in other words.
    fn leaves_what(&self, other: &Self) -> bool {
        let some = self.trees.as_ref().is_some_and(|trees| !trees.is_empty());
        some && self.trees == other.trees && !self.is(other)
    }
}

fn candidate(session: &Session, all: &[Change]) -> CandidateView {
    let id = session.asked.id;
    let newest = session.versions.last();
    let sets = || newest.into_iter().flat_map(|version| version.patch_sets.values());
    let sum = |count: fn(&PatchSetRecord) -> u32| sets().map(count).fold(0, u32::saturating_add);
    let lowest = sets().filter_map(|set| set.score.as_ref()).min_by_key(|score| score.overall);
    let own = Change::of(session);
    let others = |same: &dyn Fn(&Change) -> bool| {
        let same = all.iter().filter(|other| other.session != id && same(other));
        same.map(|other| other.session).collect::<Vec<_>>()
    };
    let checks = checks(session, newest);
    CandidateView {
        session: id,
        engine: session.asked.engine.name().to_owned(),
        with: with(session),
        state: session.state().name().to_owned(),
        reason: session.waits_for().0,
        version: newest.map(|version| version.number),
        patch_sets: newest.map_or_else(Vec::new, |version| compared(session, version)),
        score: lowest.map(|score| score.overall),
        dimensions: lowest.map_or_else(Default::default, |score| {
            score.ratings.iter().map(|rating| (rating.dimension.name().to_owned(), rating.score)).collect()
        }),
        tally: tally(&checks),
        checks,
        unverified: newest.and_then(|version| unverified(session, version)),
        violations: policy(sets()),
        files: sum(|set| set.drafted.files),
        added: sum(|set| set.drafted.added),
        deleted: sum(|set| set.drafted.deleted),
        usage: usage_of(session),
        model_ms: session.calls.iter().filter_map(|call| call.ended.as_ref()).map(|ended| ended.latency_ms).sum(),
        took_ms: took(session),
        same_as: others(&|other| own.is(other)),
        same_files_as: others(&|other| own.leaves_what(other)),
        can_be_picked: can_be_picked(session),
    }
}

/// What of the engine drafts: the model, the program, the rules.
fn with(session: &Session) -> String {
    let asked = &session.asked;
    match asked.engine {
        EngineKind::Llm => {
            let drafted =
                session.calls.iter().rev().find(|call| call.asked.key.kind == crate::session::EffectKind::Draft);
            let named = asked.model.clone().or_else(|| drafted.map(|call| call.asked.model.clone()));
            named.unwrap_or_default()
        }
        EngineKind::Command | EngineKind::Agent => {
            asked.program.as_ref().map(|program| program.name.clone()).unwrap_or_default()
        }
        EngineKind::Rules => asked.rules.join(", "),
        EngineKind::Patch => asked.patch.map(|patch| patch.short()).unwrap_or_default(),
        EngineKind::Adopt => String::new(),
    }
}

fn compared(session: &Session, version: &VersionRecord) -> Vec<ComparedSet> {
    let set = |(lane, set): (&LaneId, &PatchSetRecord)| ComparedSet {
        repo: session.lane(*lane).map(Lane::name).unwrap_or_default(),
        digest: set.drafted.digest,
        base_commit: set.drafted.base_commit.clone(),
    };
    version.patch_sets.iter().map(set).collect()
}

fn checks(session: &Session, newest: Option<&VersionRecord>) -> Vec<CheckView> {
    let sets = newest.into_iter().flat_map(|version| &version.patch_sets);
    sets.flat_map(|(lane, set)| {
        let repo = session.lane(*lane).map(Lane::name).unwrap_or_default();
        let results = set.validation.iter().flat_map(|result| &result.checks);
        results.map(|check| check_view(repo.clone(), check)).collect::<Vec<_>>()
    })
    .collect()
}

fn tally(checks: &[CheckView]) -> ChecksTally {
    checks.iter().fold(ChecksTally::default(), |mut sum, check| {
        match check.status {
            CheckStatus::Passed => sum.passed += 1,
            CheckStatus::Fixed => (sum.passed, sum.fixed) = (sum.passed + 1, sum.fixed + 1),
            CheckStatus::Broken => sum.broken += 1,
            CheckStatus::Failed => sum.failed += 1,
            CheckStatus::TimedOut | CheckStatus::Environment | CheckStatus::Skipped | CheckStatus::Running => {
                sum.untold += 1;
            }
        }
        let count = |names: &[String]| u32::try_from(names.len()).unwrap_or(u32::MAX);
        sum.tests_fixed = sum.tests_fixed.saturating_add(count(&check.tests.fixed));
        sum.tests_broken = sum.tests_broken.saturating_add(count(&check.tests.broken));
        sum
    })
}

fn policy<'a>(sets: impl Iterator<Item = &'a PatchSetRecord>) -> PolicyTally {
    let mut sum = PolicyTally::default();
    for set in sets {
        for violation in &set.violations {
            match violation.severity {
                Severity::Block => sum.blocks += 1,
                Severity::Warn => {
                    sum.warns += 1;
                    sum.accepted += u32::from(set.is_overridden(violation));
                }
            }
        }
    }
    sum
}

/// From its start to its newest score.
fn took(session: &Session) -> Option<u64> {
    let scored = |bead: &&crate::session::Bead| bead.key.kind == crate::session::EffectKind::Score;
    let last = session.beads.iter().rev().filter(scored).find_map(|bead| bead.finished_at)?;
    u64::try_from(last.since(session.created_at).as_millis()).ok()
}

/// Whether a pick of its newest version would be taken now, as far as it knows itself.
fn can_be_picked(session: &Session) -> bool {
    let newest = session.versions.last();
    let undecided = |version: &&VersionRecord| version.patch_sets.values().all(|set| set.decision.is_none());
    session.is_contending() && !session.state().is_over() && newest.filter(undecided).is_some()
}
