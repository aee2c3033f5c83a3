//! Criteria of a session's documents, and what shows on a version that they are met.

use crate::id::Version;
use crate::planning::{Bound, Criterion};
use crate::validation::CheckStatus;

use super::state::{Lane, PatchSetRecord, Session};

/// A criterion on one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CriterionState<'a> {
    /// Which.
    pub criterion: &'a Criterion,
    /// Met, not met, or nothing shows it either way.
    pub met: Option<bool>,
    /// What shows it, in a few words of our own; of a tick, in those of who ticked it too.
    pub evidence: String,
}

impl Session {
    /// Every criterion and how it stands on `version`, over all its repositories.
    #[must_use]
    pub fn criteria(&self, version: Version) -> Vec<CriterionState<'_>> {
        let criteria = self.planned.iter().flat_map(|planned| &planned.criteria);
        criteria
            .map(|criterion| {
                let (met, evidence) = self.shown(criterion, version);
                CriterionState { criterion, met, evidence }
            })
            .collect()
    }

    fn shown(&self, criterion: &Criterion, version: Version) -> (Option<bool>, String) {
        // a version that leaves a repository alone has the newest change of it before
        let of_lane = |lane: &Lane| {
            let mut until = self.versions.iter().rev().filter(|record| record.number <= version);
            until.find_map(|record| record.patch_sets.get(&lane.id))
        };
        let sets: Vec<&PatchSetRecord> = self.active().filter_map(of_lane).collect();
        match &criterion.bound {
            Bound::Check(name) => check(&sets, name),
            Bound::Rule(id) => rule(&sets, id),
            Bound::Person => match self.ticks.get(&(version, criterion.id.clone())) {
                Some(tick) => {
                    let why = tick.text.raw().trim().lines().next().unwrap_or_default();
                    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
                    (Some(true), format!("ticked by {}{why}", tick.by.login))
                }
                None => (None, format!("nobody ticked it: paraph tick {}@{version} {}", self.asked.id, criterion.id)),
            },
        }
    }
}

fn check(sets: &[&PatchSetRecord], name: &str) -> (Option<bool>, String) {
    let results = sets.iter().filter_map(|set| set.validation.as_ref()).flat_map(|result| &result.checks);
    let named: Vec<_> = results.filter(|check| check.name == name).collect();
    let green = |status| matches!(status, CheckStatus::Passed | CheckStatus::Fixed);
    match named.as_slice() {
        [] => (None, format!("check `{name}` did not run")),
        checks if checks.iter().any(|check| check.is_red()) => (Some(false), format!("check `{name}` is red")),
        checks if checks.iter().all(|check| green(check.status)) => (Some(true), format!("check `{name}` passed")),
        _ => (None, format!("check `{name}` shows nothing")),
    }
}

fn rule(sets: &[&PatchSetRecord], id: &str) -> (Option<bool>, String) {
    if sets.is_empty() || sets.iter().any(|set| set.score.is_none()) {
        return (None, format!("rule `{id}` was not judged yet"));
    }
    let broken =
        |set: &&&PatchSetRecord| set.violations.iter().any(|found| found.rule == id && !set.is_overridden(found));
    let accepted = |set: &&PatchSetRecord| set.violations.iter().any(|found| found.rule == id);
    match (sets.iter().find(broken), sets.iter().any(accepted)) {
        (Some(_), _) => (Some(false), format!("rule `{id}` is broken")),
        (None, true) => (Some(true), format!("a breach of rule `{id}` was accepted")),
        (None, false) => (Some(true), format!("rule `{id}` holds")),
    }
}
