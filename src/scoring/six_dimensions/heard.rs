//! What reviewers take from a dimension.

use super::{Points, Tenths};
use crate::scoring::{Dimension, Evidence, Review};

/// The most that reviewers take from one dimension, in tenths.
const MOST: i64 = 20;

/// Takes what the lowest reviewer's score is below the evidence's, up to [`MOST`], and says who gave what.
pub(super) fn take(mut points: Points, dimension: Dimension, evidence: &Evidence<'_>) -> Points {
    let given = |review: &Review| Some((review.role, *review.scores.get(&dimension).filter(|_| review.counts())?));
    let heard: Vec<_> = evidence.reviews.iter().filter_map(given).collect();
    let Some(lowest) = heard.iter().map(|(_, score)| i64::from(*score) * 10).min() else { return points };
    points.tenths = i64::from(Tenths::clamped(points.tenths).get());
    let takes = (points.tenths - lowest).clamp(0, MOST);
    let words: Vec<String> = heard.iter().map(|(role, score)| format!("the {role} gives {score} of 10")).collect();
    points.add(-takes, words.join(", "));
    let steered = evidence.violations.iter().any(|violation| violation.rule == "addressed-to-reviewers");
    if steered && dimension == Dimension::Security {
        points.note("the patch contains text that speaks to reviewers: what models say of it may be steered");
    }
    points
}
