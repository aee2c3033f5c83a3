//! What models say of a version: six scores with evidence, issues, a summary. Evidence like any other, and less than
//! checks and policy: it can take from a score, never add to it, and opens no gate.

mod contract;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Dimension;
use crate::diff::ChangeSet;
use crate::id::{Digest, RepoPath};
use crate::planning::Role;
use crate::text::Untrusted;

pub use contract::{REVIEW_OUTPUT, ReviewBrief, facts, read_review, review_assignment};

/// The roles that review, in the order they are asked.
pub const REVIEWERS: [Role; 2] = [Role::Reviewer, Role::Critic];

/// How much an issue weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IssueSeverity {
    /// It must change before anybody approves.
    Must,
    /// It should.
    Should,
    /// A small thing.
    Nit,
}

/// Something that a reviewer found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ReviewIssue {
    /// How much it weighs.
    pub severity: IssueSeverity,
    /// The file; none for the whole change.
    pub path: Option<RepoPath>,
    /// The line on the new side, 1-based.
    pub line: Option<u32>,
    /// The words.
    pub text: Untrusted,
}

impl ReviewIssue {
    /// The same where it can hang: a file that the change does not touch is no place, nor is a line that is not there.
    #[must_use]
    pub fn placed(self, changes: &ChangeSet) -> Self {
        let Some(path) = self.path else { return Self { line: None, ..self } };
        let Some(file) = changes.get(&path) else {
            let text = format!("{path}: {}", self.text.raw());
            return Self { path: None, line: None, text: text.into(), ..self };
        };
        let lines = file.new.as_ref().map_or(0, |side| memchr::memchr_iter(b'\n', &side.content).count() + 1);
        let line = self.line.filter(|line| (1..=lines).contains(&(*line as usize)));
        Self { path: Some(path), line, ..self }
    }
}

/// A dimension's score by a reviewer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ReviewScore {
    /// 1 to 10.
    pub score: u8,
    /// What shows it.
    pub evidence: Untrusted,
}

/// What one role said, whole: the body that [`Review::report`] names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ReviewReport {
    /// All six dimensions.
    pub scores: BTreeMap<Dimension, ReviewScore>,
    /// What it found, worst first.
    pub issues: Vec<ReviewIssue>,
    /// In a few sentences.
    pub summary: Untrusted,
}

impl ReviewReport {
    /// The report in Markdown.
    #[must_use]
    pub fn markdown(&self, role: Role) -> String {
        let mut text = format!("# What the {role} says\n\n{}\n\n", self.summary.raw());
        for (dimension, given) in &self.scores {
            let evidence = given.evidence.raw().replace('\n', " ");
            text.push_str(&format!("- **{}** {} of 10: {evidence}\n", dimension.name(), given.score));
        }
        for issue in &self.issues {
            let word = match issue.severity {
                IssueSeverity::Must => "must",
                IssueSeverity::Should => "should",
                IssueSeverity::Nit => "nit",
            };
            let line = issue.line.map_or_else(String::new, |line| format!(":{line}"));
            let place = issue.path.as_ref().map_or_else(String::new, |path| format!(" `{path}{line}`"));
            text.push_str(&format!("\n## {word}{place}\n\n{}\n", issue.text.raw()));
        }
        text
    }
}

/// What is recorded of one role's review of one patch set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Review {
    /// `reviewer` or `critic`.
    pub role: Role,
    /// `PROVIDER/MODEL`; empty where nobody answered.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// The report, whole: a blob; missing where it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Digest>,
    /// Its scores, 1 to 10; empty where it does not count.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scores: BTreeMap<Dimension, u8>,
    /// How many issues must change before anybody approves.
    #[serde(default)]
    pub musts: u32,
    /// Why it does not count: nobody to ask, no answer, none that reads. Empty where it counts.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub unusable: Untrusted,
    /// What a reader should know of it: that it saw part of the patch, that the author's model reviewed itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

fn is_empty(text: &Untrusted) -> bool {
    text.raw().is_empty()
}

impl Review {
    /// A review that does not count.
    #[must_use]
    pub fn unusable(role: Role, why: impl Into<Untrusted>) -> Self {
        let (model, report, scores, notes) = Default::default();
        Self { role, model, report, scores, musts: 0, unusable: why.into(), notes }
    }

    /// Whether it counts.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.report.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::{FileChange, FileSide};

    #[track_caller]
    fn check(path: Option<&str>, line: Option<u32>, expected: (Option<&str>, Option<u32>)) {
        let file = FileChange { path: "a.rs".into(), old: None, new: Some(FileSide::regular(*b"one\ntwo\n")) };
        let issue =
            ReviewIssue { severity: IssueSeverity::Must, path: path.map(RepoPath::from), line, text: "wrong".into() };
        let placed = issue.placed(&ChangeSet::new([file]));
        assert_eq!((placed.path, placed.line), (expected.0.map(RepoPath::from), expected.1));
        assert!(placed.text.raw().ends_with("wrong"));
    }

    #[test]
    fn an_issue_hangs_only_where_the_change_is() {
        check(Some("a.rs"), Some(2), (Some("a.rs"), Some(2)));
        check(Some("a.rs"), Some(9), (Some("a.rs"), None));
        check(Some("a.rs"), Some(0), (Some("a.rs"), None));
        check(Some("../etc/passwd"), Some(1), (None, None));
        check(None, Some(1), (None, None));
    }
}
