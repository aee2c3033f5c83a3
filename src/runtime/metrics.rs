//! Figures over all sessions, from the store's tables alone.

use std::collections::BTreeMap;

use crate::api::{Failure, FailureKind, Metrics};
use crate::audit::{Head, JournalReader};
use crate::id::SessionId;
use crate::infrastructure::store::Order;
use crate::session::Event;

use super::house::{Said, read};
use super::tables::{BeadRow, Tables};

/// What one session's beads tell.
#[derive(Default)]
struct Times {
    created: i64,
    first_score: Option<i64>,
}

pub(super) fn of(tables: &Tables, reader: &JournalReader, head: Head) -> Result<Metrics, Failure> {
    let failed = |error| Failure::from_error(FailureKind::Failed, &error);
    let mut metrics = Metrics {
        schema: "paraph.metrics/1".to_owned(),
        cost_usd: "0".to_owned(),
        journal_entries: head.seq.0,
        ..Metrics::default()
    };
    for (_, row) in tables.sessions.scan(&(), Order::Forward, usize::MAX).map_err(failed)? {
        *metrics.sessions.entry(row.state).or_default() += 1;
    }
    for ((_, version), _) in tables.proposals.scan(&(), Order::Forward, usize::MAX).map_err(failed)? {
        metrics.proposals_made += 1;
        metrics.regenerations += u64::from(version.0 > 1);
    }
    let mut times: BTreeMap<SessionId, Times> = BTreeMap::new();
    for ((session, index), bead) in tables.beads.scan(&(), Order::Forward, usize::MAX).map_err(failed)? {
        count_bead(&mut metrics, times.entry(session).or_default(), index, &bead);
    }
    let mut to_review: Vec<u64> =
        times.values().filter_map(|times| u64::try_from(times.first_score? - times.created).ok()).collect();
    to_review.sort_unstable();
    metrics.to_review_ms_median = quantile(&to_review, 50);
    metrics.to_review_ms_p90 = quantile(&to_review, 90);
    let mut to_decision = Vec::new();
    for ((session, lane, version), row) in tables.decisions.scan(&(), Order::Forward, usize::MAX).map_err(failed)? {
        *metrics.decisions.entry(row.verdict).or_default() += 1;
        let places = tables.places_of(session).map_err(failed)?;
        let entries = reader
            .entries(&places)
            .map_err(|error| Failure::from_error(FailureKind::Failed, &error).hint(error.hint()))?;
        let mut scored = None;
        for entry in &entries {
            match read(entry) {
                Ok((Said::OfSession(event), _)) => match *event {
                    Event::Scored { lane: of, version: at, .. } if (of, at) == (lane, version) => {
                        scored = Some(entry.at)
                    }
                    Event::Published { lane: of, version: at, .. } if (of, at) == (lane, version) => {
                        metrics.published += 1
                    }
                    Event::Validated { lane: of, version: at, ref result } if (of, at) == (lane, version) => {
                        let ran = result.unverified.is_none();
                        let broke = result.checks.iter().any(|check| {
                            matches!(
                                check.status,
                                crate::validation::CheckStatus::Broken | crate::validation::CheckStatus::TimedOut
                            )
                        });
                        metrics.validations_passed += u64::from(ran && !broke);
                    }
                    _ => {}
                },
                Ok((Said::OfHouse(_), _)) | Err(_) => {}
            }
            if entry.seq == row.seq
                && let Some(scored) = scored
            {
                to_decision.push(u64::try_from(entry.at.since(scored).as_millis()).unwrap_or(u64::MAX));
            }
        }
    }
    to_decision.sort_unstable();
    metrics.to_decision_ms_median = quantile(&to_decision, 50);
    Ok(metrics)
}

fn count_bead(metrics: &mut Metrics, times: &mut Times, index: u32, bead: &BeadRow) {
    if index == 0 {
        times.created = bead.started_at;
    }
    match bead.category.as_str() {
        "proposal" => metrics.proposals_asked += 1,
        "validation" if bead.status == "COMPLETED" => metrics.validations += 1,
        "score" if bead.status == "COMPLETED" && times.first_score.is_none() => times.first_score = bead.finished_at,
        _ => {}
    }
}

/// The value below which `percent` of the sorted values lie; 0 of none.
fn quantile(sorted: &[u64], percent: usize) -> u64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((sorted.len() * percent / 100).min(last)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_of_few_values() {
        assert_eq!(quantile(&[], 50), 0);
        assert_eq!(quantile(&[7], 90), 7);
        assert_eq!(quantile(&[1, 2, 3, 4], 50), 3);
        assert_eq!(quantile(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 90), 10);
    }
}
