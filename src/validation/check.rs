//! A check as data: found in the base snapshot or given in `.paraph.toml`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::Digest;

/// What a check tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CheckKind {
    /// It compiles; runs first.
    Build,
    /// It does what its tests say.
    Test,
    /// It follows the rules.
    Lint,
    /// It is fast enough.
    Perf,
}

/// A command: a list runs as it is, a string through `sh -c`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum CommandLine {
    /// Program and arguments.
    Args(Vec<String>),
    /// For the shell.
    Shell(String),
}

/// One validation step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Check {
    /// Unique in its plan.
    pub name: String,
    /// What it tells.
    pub kind: CheckKind,
    /// What runs.
    pub command: CommandLine,
    /// The folder it runs in, relative to the repository's top; empty for the top.
    #[serde(default)]
    pub cwd: String,
    /// Seconds before it is stopped.
    pub timeout_s: u64,
    /// Checks of one group stop each other, groups never do.
    #[serde(default)]
    pub group: String,
    /// Variables on top of the session's.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Globs of report files (JUnit XML and the like) that it writes.
    #[serde(default)]
    pub reports: Vec<String>,
    /// What it is known to lack before it runs, and how to get it: then a failure is the machine's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacks: Option<String>,
}

/// What runs once per lockfile digest before the checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Setup {
    /// What runs.
    pub command: CommandLine,
    /// Seconds before it is stopped.
    pub timeout_s: u64,
    /// Whether it says itself that it cannot do without the network: then it is not tried without.
    #[serde(default)]
    pub network: bool,
}

impl Setup {
    /// Names this step on one state of the lockfiles: what a person permits the network for, and what is kept.
    #[must_use]
    pub fn digest(&self, lockfiles: Option<Digest>) -> Digest {
        let command = match &self.command {
            CommandLine::Args(args) => args.join("\0"),
            CommandLine::Shell(script) => script.clone(),
        };
        let locks = lockfiles.map_or_else(String::new, |digest| digest.to_string());
        Digest::of(format!("{locks}\0{command}").as_bytes())
    }
}

/// The checks of one lane, and where they come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CheckPlan {
    /// In the order they run: builds first.
    pub checks: Vec<Check>,
    /// What prepares the checkout.
    #[serde(default)]
    pub setup: Option<Setup>,
    /// Where they come from: `.paraph.toml`, or what was found (`Cargo.toml`, `package.json`, …).
    pub origin: String,
    /// What a person should know: tools that are missing, files that could not be read.
    #[serde(default)]
    pub notices: Vec<String>,
}

impl CheckPlan {
    /// Why there is no check in it: what those that were found lack, or that none was.
    #[must_use]
    pub fn why_none(&self) -> String {
        match self.notices.as_slice() {
            [] => "no check was found; name some in .paraph.toml".to_owned(),
            notices => notices.join("; "),
        }
    }
}
