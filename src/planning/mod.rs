//! Planning: what a session is for, and the stages it goes through.

use serde::{Deserialize, Serialize};

/// What kind of work a goal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Something is wrong and shall be right.
    Bugfix,
    /// The same behaviour, better code.
    Refactor,
    /// Something new.
    Feature,
    /// Words only.
    Docs,
    /// Dependencies.
    Deps,
}

impl Kind {
    /// The name on the command line and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bugfix => "bugfix",
            Self::Refactor => "refactor",
            Self::Feature => "feature",
            Self::Docs => "docs",
            Self::Deps => "deps",
        }
    }
}

impl std::str::FromStr for Kind {
    type Err = crate::id::ParseIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Bugfix, Self::Refactor, Self::Feature, Self::Docs, Self::Deps]
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| crate::id::ParseIdError {
                given: text.to_owned(),
                wanted: "a kind: bugfix, refactor, feature, docs or deps",
            })
    }
}

/// A session's shape as data: which of the optional stages it has. Stages are left out, never reordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Playbook {
    /// Its name.
    pub name: String,
    /// Whether a symbol index is built before drafting.
    pub index: bool,
    /// Whether a person must give a word (GO) before drafting.
    pub triage: bool,
    /// Whether checks run.
    pub checks: bool,
}

impl Playbook {
    /// The playbooks that ship: `quick` drafts without an index, `indexed` builds one first, `static` runs no
    /// check, `triaged` waits for a person's GO.
    #[must_use]
    pub fn shipped() -> Vec<Self> {
        let playbook = |name: &str, index, triage, checks| Self { name: name.to_owned(), index, triage, checks };
        vec![
            playbook("quick", false, false, true),
            playbook("indexed", true, false, true),
            playbook("triaged", true, true, true),
            playbook("static", false, false, false),
        ]
    }

    /// The shipped playbook of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::shipped().into_iter().find(|playbook| playbook.name == name)
    }
}
