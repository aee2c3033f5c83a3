//! Everything the runtime is given: adapters, limits and who runs it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::id::Ids;
use crate::indexing::IndexStrategy;
use crate::infrastructure::blobs::Blobs;
use crate::infrastructure::fault::Faults;
use crate::infrastructure::llm::Switchboard;
use crate::policy::{Policy, PolicySettings};
use crate::proposal::{EngineKind, ProposalEngine};
use crate::publishing::Forge;
use crate::repository::Vcs;
use crate::scoring::{Scorer, Tenths};
use crate::session::{Budget, Person};
use crate::text::LiveMask;
use crate::validation::Validator;

/// The engines by kind.
#[derive(Clone)]
pub struct Engines {
    /// Structural rules.
    pub rules: Arc<dyn ProposalEngine>,
    /// A ready diff.
    pub patch: Arc<dyn ProposalEngine>,
    /// Work already done.
    pub adopt: Arc<dyn ProposalEngine>,
    /// Models.
    pub llm: Arc<dyn ProposalEngine>,
    /// A program that edits a worktree.
    pub command: Arc<dyn ProposalEngine>,
    /// An agent.
    pub agent: Arc<dyn ProposalEngine>,
}

impl Engines {
    /// The engine of that kind.
    #[must_use]
    pub fn of(&self, kind: EngineKind) -> &Arc<dyn ProposalEngine> {
        match kind {
            EngineKind::Rules => &self.rules,
            EngineKind::Patch => &self.patch,
            EngineKind::Adopt => &self.adopt,
            EngineKind::Llm => &self.llm,
            EngineKind::Command => &self.command,
            EngineKind::Agent => &self.agent,
        }
    }
}

/// The adapters of every port.
#[derive(Clone)]
pub struct Ports {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Fresh names.
    pub ids: Arc<dyn Ids>,
    /// Version control.
    pub vcs: Arc<dyn Vcs>,
    /// Indexes snapshots.
    pub index: Arc<dyn IndexStrategy>,
    /// Draft changes.
    pub engines: Engines,
    /// The models that roles ask.
    pub models: Arc<dyn Switchboard>,
    /// Hides secrets before anything is sent to one: keys too that are lent and found meanwhile.
    pub mask: LiveMask,
    /// Runs checks.
    pub validator: Arc<dyn Validator>,
    /// Finds violations.
    pub policy: Arc<dyn Policy>,
    /// Scores.
    pub scorer: Arc<dyn Scorer>,
    /// Publishes.
    pub forge: Arc<dyn Forge>,
    /// Keeps bodies.
    pub blobs: Blobs,
    /// Fault points; none in a release build.
    pub faults: Faults,
}

/// Limits and defaults, from the user's configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Checks of lanes that run at once, over all sessions; other work has places of its own.
    pub workers: usize,
    /// The engine where none is named.
    pub engine: EngineKind,
    /// The program of that engine, where it runs one and none is named.
    pub program: Option<String>,
    /// The playbook where none is named.
    pub playbook: String,
    /// How often a red check goes back to a model.
    pub repairs: u32,
    /// What a session that asks models may spend.
    pub budget: Budget,
    /// The user's policy; repositories can only tighten it.
    pub policy: PolicySettings,
    /// The score from which G4 passes. The user's: a repository cannot lower it.
    pub threshold: Tenths,
    /// The longest a single check may take, whatever a repository asks.
    pub max_check: Duration,
    /// Checks and tools found on this PATH where a client sends none.
    pub path: String,
    /// The user's home folder.
    pub user_home: PathBuf,
}

/// Who runs this: the uid behind every client that may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// `login@host`.
    pub login: String,
    /// The name in their own git configuration.
    pub name: String,
    /// The address there.
    pub email: String,
}

impl Operator {
    /// Whose word a client's is: the operator's, unless root asks, who has another name and no address that is known here.
    #[must_use]
    pub fn at(&self, client: &crate::api::ClientInfo) -> Person {
        let host = self.login.split_once('@').map_or("", |(_, host)| host);
        let (login, name, email) = match client.is_root {
            true => (format!("root@{host}"), String::new(), String::new()),
            false => (self.login.clone(), self.name.clone(), self.email.clone()),
        };
        Person {
            login,
            name,
            email,
            client: client.name.clone(),
            terminal: if client.terminal { "yes" } else { "no" }.to_owned(),
        }
    }
}
