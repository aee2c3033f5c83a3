//! The scorer that ships: six dimensions from evidence.
//!
//! Where models reviewed, the lowest score that one of them gave a dimension may take up to 2.0 from it, and never adds:
//! what a patch talks a reviewer into cannot lift it over a gate, and a reviewer that is wrong costs a reason, no more.
//! Where a patch speaks to reviewers the whole 2.0 is taken, whatever they gave.
//!
//! Overall = the weighted mean (correctness 30, security 20, tests 15, policy fit 15, maintainability 10, scope fit
//! 10, of 100), rounded to a tenth, and never more than 2.0 above the lower of correctness and security: a secret or
//! a broken check cannot be made up for by a small, well-tested patch.

mod change;
mod guards;
mod heard;
mod runs;

use super::{Dimension, Evidence, Rating, Review, Score, Scorer, Tenths};

/// Rates by rules anybody can read; the same evidence gives the same score.
#[derive(Debug, Clone, Copy, Default)]
pub struct SixDimensions;

impl SixDimensions {
    /// What the score says about who scored.
    pub const NAME: &'static str = "six-dimensions/1 (evidence only, no reviewer model)";
    /// The same where a reviewer was heard.
    pub const REVIEWED: &'static str = "six-dimensions/1 (evidence, from which reviewer models may take)";
}

/// Points of one dimension while its reasons are collected.
struct Points {
    /// Where it began.
    start: i64,
    tenths: i64,
    reasons: Vec<String>,
}

impl Points {
    fn start(tenths: i64) -> Self {
        Self { start: tenths, tenths, reasons: Vec::new() }
    }

    /// Adds (or takes, where negative) and says why; the reason shows by how much.
    fn add(&mut self, tenths: i64, reason: impl Into<String>) {
        if tenths == 0 {
            return self.note(reason);
        }
        self.tenths += tenths;
        let sign = if tenths < 0 { '-' } else { '+' };
        self.reasons.push(format!("{sign}{} {}", decimal(tenths.abs()), reason.into()));
    }

    fn note(&mut self, reason: impl Into<String>) {
        self.reasons.push(reason.into());
    }

    fn cap(&mut self, most: i64, reason: impl Into<String>) {
        if self.tenths > most {
            self.tenths = most;
            self.reasons.push(format!("at most {}: {}", decimal(most), reason.into()));
        }
    }

    fn rating(mut self, dimension: Dimension) -> Rating {
        // the sum can be done again by whoever reads it
        if self.reasons.iter().any(|reason| reason.starts_with(['+', '-'])) {
            self.reasons.push(format!("from {} at the start", decimal(self.start)));
        }
        Rating { dimension, score: Tenths::clamped(self.tenths), reasons: self.reasons }
    }
}

fn decimal(tenths: i64) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

impl Scorer for SixDimensions {
    fn score(&self, evidence: &Evidence<'_>) -> Score {
        let rate = |dimension: Dimension| {
            let points = match dimension {
                Dimension::Correctness => runs::correctness(evidence),
                Dimension::Tests => runs::tests(evidence),
                Dimension::Security => guards::security(evidence),
                Dimension::PolicyFit => guards::policy_fit(evidence),
                Dimension::Maintainability => change::maintainability(evidence),
                Dimension::ScopeFit => change::scope_fit(evidence),
            };
            heard::take(points, dimension, evidence).rating(dimension)
        };
        let ratings: Vec<Rating> = Dimension::ALL.into_iter().map(rate).collect();
        let scorer = if evidence.reviews.iter().any(Review::counts) { Self::REVIEWED } else { Self::NAME };
        Score { scorer: scorer.to_owned(), overall: overall(&ratings), ratings }
    }
}

fn weight(dimension: Dimension) -> i64 {
    match dimension {
        Dimension::Correctness => 30,
        Dimension::Security => 20,
        Dimension::Tests | Dimension::PolicyFit => 15,
        Dimension::Maintainability | Dimension::ScopeFit => 10,
    }
}

fn overall(ratings: &[Rating]) -> Tenths {
    let tenths = |rating: &Rating| i64::from(rating.score.get());
    let sum: i64 = ratings.iter().map(|rating| weight(rating.dimension) * tenths(rating)).sum();
    let decides = |rating: &&Rating| matches!(rating.dimension, Dimension::Correctness | Dimension::Security);
    let lowest = ratings.iter().filter(decides).map(tenths).min().unwrap_or(100);
    Tenths::clamped(((sum + 50) / 100).min(lowest + 20))
}

#[cfg(test)]
mod tests;
