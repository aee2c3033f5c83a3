//! The programs that draft: what the user's configuration names, brought to what the engines take.

use std::sync::Arc;
use std::time::Duration;

use super::House;
use super::later::Later;
use crate::infrastructure::blobs::Blobs;
use crate::infrastructure::config::{ProgramEntry, ProgramKind};
use crate::infrastructure::confinement::Confinement;
use crate::proposal::{AgentSpec, CommandSpec, Edits, Run, Workshop, WorkshopPorts};
use crate::repository::GitVcs;
use crate::runtime::Home;

/// How long a command of one's own may take, and an agent, where the configuration does not say.
const COMMAND_S: u64 = 600;
const AGENT_S: u64 = 3600;

impl House {
    /// Where programs draft; made when the first does.
    pub(super) fn workshop(&self, home: &Home, vcs: Arc<GitVcs>, blobs: Blobs) -> Later<Workshop> {
        let (program, folder, private) = (self.program.clone(), home.workshops(), self.private(home));
        let limits = self.check_limits();
        Later::new(move || {
            Workshop::new(WorkshopPorts {
                vcs: vcs.clone(),
                confinement: Confinement::probe(program.clone()),
                blobs: blobs.clone(),
                folder: folder.clone(),
                private: private.clone(),
                limits,
            })
        })
    }

    pub(super) fn own_commands(&self) -> Vec<CommandSpec> {
        let programs = self.config().programs().iter().filter(|entry| entry.kind == ProgramKind::Command);
        programs
            .map(|entry| CommandSpec {
                name: entry.name.clone(),
                run: run(entry),
                edits: if entry.prints { Edits::Stdout } else { Edits::Worktree },
                timeout: Duration::from_secs(entry.timeout_s.unwrap_or(COMMAND_S)),
                env: entry.env.clone(),
                reads: entry.reads.clone(),
                ok_codes: entry.ok_codes.clone(),
                hint: format!("see [engines.command.{}] in your configuration: paraph config path", entry.name),
            })
            .collect()
    }

    pub(super) fn own_agents(&self) -> Vec<AgentSpec> {
        let programs = self.config().programs().iter().filter(|entry| entry.kind == ProgramKind::Agent);
        programs
            .map(|entry| AgentSpec {
                name: entry.name.clone(),
                run: run(entry),
                timeout: Duration::from_secs(entry.timeout_s.unwrap_or(AGENT_S)),
                env: entry.env.clone(),
                reads: entry.reads.clone(),
                logins: entry.logins.clone(),
                mode: entry.mode.clone(),
                files: entry.files,
                terminals: entry.terminals,
                needs_hosts: Vec::new(),
                hosts: entry.hosts.clone(),
                hint: format!("see [engines.agent.{}] in your configuration: paraph config path", entry.name),
            })
            .collect()
    }
}

fn run(entry: &ProgramEntry) -> Run {
    match entry.run.as_slice() {
        [script] if entry.shell => Run::Shell(script.clone()),
        words => Run::Args(words.to_vec()),
    }
}
