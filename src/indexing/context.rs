//! Exactly what an engine was given, so that a run can be repeated and a reader can see what a model saw.

use serde::{Deserialize, Serialize};

use crate::id::{Digest, ObjectId, RepoPath};

/// One piece of a file that an engine was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ContextItem {
    // fields in the order of their names: the digest is of canonical JSON
    /// The blob the text came from.
    #[schemars(with = "String")]
    pub blob: ObjectId,
    /// The characters given, `[first, end]`: 0-based, end exclusive; all of the file where this is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub characters: Option<[u64; 2]>,
    /// The file.
    pub path: RepoPath,
    /// Why it was chosen, in a few words: `defines SessionStore`, `named in the goal`.
    pub why: String,
}

/// The record of one engine's context. Two runs with the same digest were given the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ContextRecord {
    /// The snapshot's tree.
    #[schemars(with = "String")]
    pub base_tree: ObjectId,
    /// The goal, as given.
    pub goal: String,
    /// The pieces, in the order they were given.
    pub items: Vec<ContextItem>,
    /// `paraph.context/1`
    pub schema: String,
}

impl ContextRecord {
    /// A record of these pieces.
    #[must_use]
    pub fn new(goal: impl Into<String>, base_tree: ObjectId, items: Vec<ContextItem>) -> Self {
        Self { base_tree, goal: goal.into(), items, schema: "paraph.context/1".to_owned() }
    }

    /// The record as canonical JSON (RFC 8785: sorted keys, no blanks, integers and strings only).
    #[must_use]
    pub fn canonical_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and integers always serialise")
    }

    /// Names exactly what was given.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.canonical_json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(goal: &str, end: u64) -> ContextRecord {
        let blob: ObjectId = "1".repeat(40).parse().expect("an id");
        let item = ContextItem { blob, characters: Some([0, end]), path: "a\tb".into(), why: "named".to_owned() };
        ContextRecord::new(goal, "2".repeat(40).parse().expect("an id"), vec![item])
    }

    #[test]
    fn the_digest_is_of_canonical_json() {
        let json = String::from_utf8(record("fix \"it\"", 3).canonical_json()).expect("JSON is UTF-8");
        let expected = format!(
            r#"{{"base_tree":"{}","goal":"fix \"it\"","items":[{{"blob":"{}","characters":[0,3],"path":"\"a\\tb\"","why":"named"}}],"schema":"paraph.context/1"}}"#,
            "2".repeat(40),
            "1".repeat(40)
        );
        assert_eq!(json, expected);
    }

    #[test]
    fn any_difference_changes_the_digest() {
        assert_eq!(record("a", 3).digest(), record("a", 3).digest());
        assert_ne!(record("a", 3).digest(), record("b", 3).digest());
        assert_ne!(record("a", 3).digest(), record("a", 4).digest());
    }
}
