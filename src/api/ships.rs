//! What is written for whoever ships a version, and said of it afterwards, as clients see it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{Digest, SessionId, Version};
use crate::planning::{MonitorReport, Unsaid};
use crate::text::Untrusted;

/// The runbook of one repository of a version: text for people, nothing in it is ever run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunbookView {
    /// The repository's name.
    pub repo: String,
    /// `PROVIDER/MODEL`; empty where nobody answered.
    pub model: String,
    /// Its name among the documents, such as `runbook@v1`; none where there is no runbook.
    pub name: Option<String>,
    /// The runbook, in Markdown; none where there is none.
    pub document: Option<Digest>,
    /// How many steps it has.
    pub steps: u32,
    /// Why there is none, where there is none.
    pub missing: Option<Untrusted>,
    /// What a reader should know of it.
    pub notes: Vec<Untrusted>,
}

/// Asks a model how what was published fares. It changes no state, and nothing starts by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MonitorRequest {
    /// The session; it is done.
    pub session: SessionId,
    /// What is handed in: the output of a CI run, a report of an error. Secrets in it are masked before it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

/// What was said of a published version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MonitorView {
    /// The version.
    pub version: Version,
    /// Which time it is that this version is asked about, from 1.
    pub number: u32,
    /// Who asked.
    pub by: String,
    /// What they handed in, secrets masked.
    pub log: Option<Digest>,
    /// When it was answered; missing while nobody has.
    pub at: Option<Timestamp>,
    /// `PROVIDER/MODEL`; empty where nobody answered.
    pub model: String,
    /// Its name among the documents, such as `monitor@v1`; none where nothing was said.
    pub name: Option<String>,
    /// What it says; none where nothing was said.
    pub report: Option<MonitorReport>,
    /// The same in Markdown.
    pub document: Option<Digest>,
    /// The commands that would start what it proposes, one a goal: typed by a person, or not.
    pub commands: Vec<Untrusted>,
    /// What a reader should know of it.
    pub notes: Vec<Untrusted>,
    /// Why nothing was said, where that is so: `no-answer` or `budget-spent`, and words.
    pub unsaid: Option<(Unsaid, Untrusted)>,
}
