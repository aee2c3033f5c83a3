//! The gates G0–G5 as data.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A gate's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub enum GateId {
    /// Intake: the goal was taken up.
    G0,
    /// The artifacts that the playbook asks for are complete.
    G1,
    /// The patch applies cleanly and its base is fresh.
    G2,
    /// The checks.
    G3,
    /// Policy and score.
    G4,
    /// Remote CI.
    G5,
}

impl fmt::Display for GateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A gate's state on one lane of one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Gate {
    /// Which gate.
    pub id: GateId,
    /// Passed, failed, or not run; recorded as a word, since the journal holds integers and strings only.
    #[serde(with = "passed_word")]
    #[schemars(with = "String")]
    pub passed: Option<bool>,
    /// What shows it, in one sentence.
    pub evidence: String,
}

mod passed_word {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(passed: &Option<bool>, serializer: S) -> Result<S::Ok, S::Error> {
        match passed {
            Some(true) => "passed",
            Some(false) => "failed",
            None => "not-run",
        }
        .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "passed" => Ok(Some(true)),
            "failed" => Ok(Some(false)),
            "not-run" => Ok(None),
            other => Err(serde::de::Error::custom(format!("`{other}` is not a gate's state"))),
        }
    }
}
