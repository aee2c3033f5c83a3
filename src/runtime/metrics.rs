//! Figures over all sessions: counted as entries are written to the store, so that asking reads a few rows.

use std::collections::BTreeMap;

use crate::api::{Failure, FailureKind, Metrics};
use crate::audit::Head;
use crate::clock::Timestamp;
use crate::id::{LaneId, Version};
use crate::session::{BeadStatus, EffectKey, EffectKind, Event, Session, dollars};
use crate::validation::{CheckStatus, ValidationResult};

use super::tables::{Before, Tables};

/// How far counts go up or down in a batch, by name (`family/rest`).
#[derive(Debug, Default)]
pub(super) struct Counter(BTreeMap<String, i64>);

impl Counter {
    /// One more, or less.
    pub(super) fn add(&mut self, name: impl Into<String>, step: i64) {
        if step != 0 {
            *self.0.entry(name.into()).or_default() += step;
        }
    }

    /// What is to be written.
    pub(super) fn steps(self) -> impl Iterator<Item = (String, i64)> {
        self.0.into_iter().filter(|(_, step)| *step != 0)
    }
}

/// Counts what one entry adds.
pub(super) fn count_event(counts: &mut Counter, event: &Event, at: Timestamp, before: &Before, after: &Session) {
    let drafts = after.beads.iter().skip(before.beads).filter(|bead| bead.key.kind == EffectKind::Draft).count();
    counts.add("proposals/asked", i64::try_from(drafts).unwrap_or(i64::MAX));
    match event {
        Event::Proposed { version, .. } => {
            counts.add("proposals/made", 1);
            counts.add("proposals/again", i64::from(version.0 > 1));
        }
        Event::Validated { result, .. } => {
            // what ran nothing neither passed nor failed
            let ran = result.unverified.is_none();
            counts.add("validations/all", 1);
            counts.add("validations/unverified", i64::from(!ran));
            counts.add("validations/passed", i64::from(ran && passed(result)));
        }
        Event::Scored { .. } if before.never_scored => {
            counts.add(format!("to-review/{}", bucket(since(at, after.created_at))), 1);
        }
        Event::Approved { lane, version, .. }
        | Event::Rejected { lane, version, .. }
        | Event::ChangesRequested { lane, version, .. } => {
            counts.add(format!("decisions/{}", event.name()), 1);
            if let Some(scored) = scored_at(after, *lane, *version) {
                counts.add(format!("to-decision/{}", bucket(since(at, scored))), 1);
            }
        }
        Event::Published { .. } => counts.add("published/all", 1),
        Event::CallSettled { ended } => {
            let step = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
            counts.add("calls/all", 1);
            counts.add("calls/unknown", i64::from(ended.cost_micros.is_none()));
            counts.add("tokens/in", step(ended.input_tokens));
            counts.add("tokens/out", step(ended.output_tokens));
            counts.add(format!("spent/{}", day_of(at)), step(ended.cost_micros.unwrap_or(0)));
            counts.add("spent/all", step(ended.cost_micros.unwrap_or(0)));
        }
        _ => {}
    }
}

/// The day (UTC) that a cost counts for.
pub(super) fn day_of(at: Timestamp) -> String {
    let (year, month, day) = at.date();
    format!("{year:04}-{month:02}-{day:02}")
}

fn passed(result: &ValidationResult) -> bool {
    let broke = |status| matches!(status, CheckStatus::Broken | CheckStatus::TimedOut);
    !result.checks.iter().any(|check| broke(check.status))
}

/// Whether no version of it was ever scored.
pub(super) fn never_scored(session: &Session) -> bool {
    session.versions.iter().flat_map(|version| version.patch_sets.values()).all(|set| set.score.is_none())
}

fn scored_at(session: &Session, lane: LaneId, version: Version) -> Option<Timestamp> {
    let key = EffectKey::on_version(EffectKind::Score, lane, version);
    let done = session.beads.iter().rev().find(|bead| bead.key == key && bead.status == BeadStatus::Completed);
    done.and_then(|bead| bead.finished_at)
}

/// Milliseconds; none where the clock went back.
fn since(at: Timestamp, from: Timestamp) -> u64 {
    u64::try_from(at.since(from).as_millis()).unwrap_or(u64::MAX)
}

/// The bucket of a time as its upper bound, an eighth of a power of two wide: names sort as their numbers do.
fn bucket(ms: u64) -> String {
    let shift = (64 - ms.leading_zeros()).saturating_sub(4);
    let bound = ((ms >> shift) << shift) | ((1 << shift) - 1);
    format!("{bound:020}")
}

/// The upper bound of the bucket below or in which `percent` of the times lie; 0 of none.
fn quantile(buckets: &BTreeMap<String, u64>, percent: u64) -> u64 {
    let all: u64 = buckets.values().sum();
    let mut left = (all * percent).div_ceil(100).max(1);
    for (bound, count) in buckets {
        match left.checked_sub(*count) {
            Some(rest) if rest > 0 => left = rest,
            _ => return bound.parse().unwrap_or(0),
        }
    }
    0
}

/// Dollars as views tell them: a price that is not known is not nothing.
pub(super) fn cost_of(micros: u64, unknown: u64, calls: u64) -> String {
    match (unknown, calls) {
        (_, 0) => dollars(0),
        (0, _) => dollars(micros),
        (_, _) if micros == 0 => "unknown".to_owned(),
        (_, _) => format!("{}+unknown", dollars(micros)),
    }
}

pub(super) fn of(tables: &Tables, head: Head) -> Result<Metrics, Failure> {
    let counted = |family| {
        tables.counted(family).map_err(|error| Failure::from_error(FailureKind::Failed, &error).hint(error.hint()))
    };
    let (proposals, validations) = (counted("proposals")?, counted("validations")?);
    let (to_review, to_decision) = (counted("to-review")?, counted("to-decision")?);
    let (calls, tokens, spent) = (counted("calls")?, counted("tokens")?, counted("spent")?);
    let of = |counts: &BTreeMap<String, u64>, name: &str| counts.get(name).copied().unwrap_or(0);
    Ok(Metrics {
        schema: "paraph.metrics/1".to_owned(),
        sessions: counted("state")?,
        proposals_asked: of(&proposals, "asked"),
        proposals_made: of(&proposals, "made"),
        regenerations: of(&proposals, "again"),
        validations: of(&validations, "all"),
        validations_passed: of(&validations, "passed"),
        validations_unverified: of(&validations, "unverified"),
        decisions: counted("decisions")?,
        published: of(&counted("published")?, "all"),
        input_tokens: of(&tokens, "in"),
        output_tokens: of(&tokens, "out"),
        cost_usd: cost_of(of(&spent, "all"), of(&calls, "unknown"), of(&calls, "all")),
        to_review_ms_median: quantile(&to_review, 50),
        to_review_ms_p90: quantile(&to_review, 90),
        to_decision_ms_median: quantile(&to_decision, 50),
        journal_entries: head.seq.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(times: &[u64], percent: u64, expected: u64) {
        let mut buckets = BTreeMap::new();
        for time in times {
            *buckets.entry(bucket(*time)).or_default() += 1;
        }
        assert_eq!(quantile(&buckets, percent), expected);
    }

    #[test]
    fn quantiles_from_buckets() {
        check(&[], 50, 0);
        check(&[7], 90, 7);
        check(&[1, 2, 3, 4], 50, 2);
        check(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 90, 9);
        check(&[1000], 50, 1023);
        check(&[60_000, 60_000, 5], 50, 61_439);
    }

    #[test]
    fn a_bucket_is_an_eighth_wide_at_most_and_they_sort() {
        let mut last = String::new();
        for ms in [0, 1, 7, 8, 15, 16, 17, 100, 1000, 86_400_000, u64::MAX] {
            let name = bucket(ms);
            let bound: u64 = name.parse().expect("a number");
            assert!(bound >= ms && bound - ms <= ms / 8, "{ms} is in {bound}");
            assert!(name >= last);
            last = name;
        }
    }
}
