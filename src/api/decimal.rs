//! Scores as people write them: 7.7, where the journal, which holds integers only, has 77 tenths.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::scoring::Tenths;

fn shown(score: Tenths) -> f64 {
    f64::from(score.get()) / 10.0
}

fn tenths(score: f64) -> Tenths {
    // brought into 10..=100, so nothing is cut off
    #[allow(clippy::cast_possible_truncation, reason = "a score has two digits")]
    Tenths::clamped((score * 10.0).round() as i64)
}

pub(super) fn serialize<S: Serializer>(score: &Tenths, serializer: S) -> Result<S::Ok, S::Error> {
    shown(*score).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tenths, D::Error> {
    f64::deserialize(deserializer).map(tenths)
}

/// A score that may not be there yet.
pub(super) mod maybe {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Tenths, shown, tenths};

    pub(crate) fn serialize<S: Serializer>(score: &Option<Tenths>, serializer: S) -> Result<S::Ok, S::Error> {
        score.map(shown).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Tenths>, D::Error> {
        Ok(Option::<f64>::deserialize(deserializer)?.map(tenths))
    }
}

/// Scores by name.
pub(super) mod by_name {
    use super::{BTreeMap, Deserialize, Deserializer, Serialize, Serializer, Tenths, shown, tenths};

    pub(crate) fn serialize<S: Serializer>(
        scores: &BTreeMap<String, Tenths>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let shown: BTreeMap<&str, f64> = scores.iter().map(|(name, score)| (name.as_str(), shown(*score))).collect();
        shown.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<String, Tenths>, D::Error> {
        let read = BTreeMap::<String, f64>::deserialize(deserializer)?;
        Ok(read.into_iter().map(|(name, score)| (name, tenths(score))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_score_reads_back_as_written() {
        for score in 10..=100 {
            let score = Tenths::clamped(score);
            let text = serde_json::to_string(&shown(score)).expect("a number");
            assert_eq!(tenths(text.parse().expect("a number")), score, "{text}");
            assert!(text.len() <= 4, "{text} has one decimal");
        }
    }
}
