//! `doctor`: everything Paraph needs, looked at in under two seconds, each thing with a word and what to type.
//!
//! It reads; the one thing it opens is the store, and only while it holds the home's lock. It names keys, never shows them.

mod home;
mod machine;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::api::{DoctorLine, DoctorReport, Health};
use crate::infrastructure::config::{Problem, Weight};
use crate::infrastructure::confinement::{Confinement, Level};

use super::WorkbenchParts;

/// What this machine and this user are, found by whoever puts the parts together.
#[derive(Debug, Clone)]
pub struct MachineFacts {
    /// This program's version.
    pub version: String,
    /// The process's environment.
    pub environment: BTreeMap<OsString, OsString>,
    /// The folder one stands in, where it is known.
    pub standing_in: Option<PathBuf>,
    /// The user's home folder.
    pub user_home: PathBuf,
    /// Paraph's own places, which no check may see.
    pub private: Vec<PathBuf>,
    /// What commands can be confined by.
    pub confinement: ConfinementFacts,
    /// The user's configuration file.
    pub config_path: Option<PathBuf>,
    /// What is wrong with the configuration.
    pub config_problems: Vec<Problem>,
    /// Names of the keys that were given.
    pub keys: Vec<String>,
    /// The daemon of this home.
    pub daemon: DaemonFacts,
}

/// What the daemon said, or did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DaemonFacts {
    /// None runs.
    NotRunning,
    /// One answers.
    Running {
        /// Its process.
        pid: u32,
        /// Its version.
        version: String,
        /// Whether the configuration, or a variable that counts as one, has changed since it started.
        is_stale: bool,
    },
    /// There is a socket, and nobody answers as they should.
    Silent {
        /// What happened.
        why: String,
    },
}

/// What commands can be confined by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfinementFacts {
    /// The strongest level.
    pub level: Level,
    /// What it is made of.
    pub backend: String,
    /// What Landlock said.
    pub landlock: String,
    /// Whether folders can be shown copy-on-write by overlays.
    pub overlays: bool,
    /// Stronger levels, and why they cannot be had.
    pub missing: Vec<(Level, String)>,
    /// What this level does not hold.
    pub gaps: Vec<String>,
}

impl From<&Confinement> for ConfinementFacts {
    fn from(probed: &Confinement) -> Self {
        Self {
            level: probed.level(),
            backend: probed.applied().backend.clone(),
            landlock: probed.applied().landlock.clone(),
            overlays: probed.overlays_work(),
            missing: probed.missing().iter().map(|missing| (missing.level, missing.why.clone())).collect(),
            gaps: probed.gaps().iter().map(|gap| (*gap).to_owned()).collect(),
        }
    }
}

impl MachineFacts {
    fn variable(&self, name: &str) -> Option<&OsStr> {
        self.environment.get(OsStr::new(name)).filter(|value| !value.is_empty()).map(OsString::as_os_str)
    }

    fn on_path(&self, program: &str) -> Option<PathBuf> {
        let folders = std::env::split_paths(self.variable("PATH")?).collect::<Vec<_>>();
        folders.into_iter().map(|folder| folder.join(program)).find(|path| Path::is_file(path))
    }
}

/// Looks at everything.
pub(super) fn doctor(parts: &WorkbenchParts) -> DoctorReport {
    let facts = (parts.machine)();
    let mut lines = vec![ok("paraph", format!("version {}", facts.version))];
    lines.extend(machine::git(&facts));
    lines.push(machine::repository(parts, &facts));
    lines.extend(machine::confinement(&facts.confinement));
    lines.push(machine::toolchains(&facts));
    lines.extend(home::home(parts));
    lines.extend(home::record(parts, &facts.daemon));
    lines.push(daemon(&facts));
    lines.extend(config(&facts));
    lines.push(machine::terminal(&facts));
    lines.push(machine::tmux(&facts));
    lines.push(machine::open_files());
    DoctorReport { schema: "paraph.doctor/1".to_owned(), lines }
}

fn line(name: &str, health: Health, found: impl Into<String>, hint: impl Into<String>) -> DoctorLine {
    DoctorLine { name: name.to_owned(), health, found: found.into().into(), hint: hint.into() }
}

fn ok(name: &str, found: impl Into<String>) -> DoctorLine {
    line(name, Health::Ok, found, "")
}

fn warn(name: &str, found: impl Into<String>, hint: impl Into<String>) -> DoctorLine {
    line(name, Health::Warn, found, hint)
}

fn fail(name: &str, found: impl Into<String>, hint: impl Into<String>) -> DoctorLine {
    line(name, Health::Fail, found, hint)
}

fn daemon(facts: &MachineFacts) -> DoctorLine {
    match &facts.daemon {
        DaemonFacts::NotRunning => ok("daemon", "not running; the first command that needs it starts it"),
        DaemonFacts::Running { pid, version, is_stale: true } if *version == facts.version => {
            let found = format!("process {pid} is at work with the settings it was started with; they changed since");
            warn("daemon", found, "paraph daemon stop: what it owes goes on with the next one")
        }
        DaemonFacts::Running { pid, version, .. } if *version == facts.version => {
            ok("daemon", format!("process {pid}, version {version}"))
        }
        DaemonFacts::Running { pid, version, .. } => {
            let found = format!("process {pid} is version {version}, this program is {}", facts.version);
            warn("daemon", found, "paraph daemon stop")
        }
        DaemonFacts::Silent { why } => fail("daemon", why, "paraph daemon stop, then paraph daemon start"),
    }
}

fn config(facts: &MachineFacts) -> Vec<DoctorLine> {
    let mut lines: Vec<DoctorLine> = facts
        .config_problems
        .iter()
        .map(|problem| {
            let health = if problem.weight == Weight::Error { Health::Fail } else { Health::Warn };
            let found = format!("{}: {}", problem.origin, problem.message);
            let hint = if problem.hint.is_empty() { "paraph config check" } else { &problem.hint };
            line("config", health, found, hint)
        })
        .collect();
    if lines.is_empty() {
        lines.push(match &facts.config_path {
            Some(path) if path.is_file() => ok("config", crate::id::HostPath::new(path.clone()).to_string()),
            Some(path) => {
                ok("config", format!("none at {}; built-in settings", crate::id::HostPath::new(path.clone())))
            }
            None => warn("config", "neither HOME nor XDG_CONFIG_HOME nor PARAPH_CONFIG is set", "export HOME=…"),
        });
    }
    let keys =
        if facts.keys.is_empty() { "none; none is needed".to_owned() } else { facts.keys.join(", ") + " (not shown)" };
    lines.push(ok("keys", keys));
    lines
}
