//! Programs that draft, as data: what a person's own configuration names, and what ships.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::infrastructure::confinement::{ConfinementError, Exceeded};
use crate::infrastructure::key_door::KeyForm;
use crate::infrastructure::llm::{KeySource, Keyed};
use crate::infrastructure::process::{Command, Finished, Stopped};
use crate::proposal::EngineError;

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Run {
    /// Program and arguments.
    Args(Vec<String>),
    /// For the shell.
    Shell(String),
}

impl Run {
    /// As a person would type it.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Args(args) => args.join(" "),
            Self::Shell(script) => script.clone(),
        }
    }

    /// Ready to start.
    pub(in crate::proposal) fn command(&self) -> Command {
        match self {
            Self::Args(args) => {
                let (program, rest) = args.split_first().map_or(("", &[][..]), |(first, rest)| (first, rest));
                Command::new(program).args(rest)
            }
            Self::Shell(script) => Command::new("/bin/sh").args(["-c", script]),
        }
    }
}

/// How a command hands over its change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edits {
    /// It edits the worktree.
    Worktree,
    /// It prints a diff or edits.
    Stdout,
}

/// A program of the engine `command`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSpec {
    /// What `--command` takes.
    pub name: String,
    /// What runs.
    pub run: Run,
    /// How it hands over its change.
    pub edits: Edits,
    /// How long it may take.
    pub timeout: Duration,
    /// Variables on top of the session's.
    pub env: BTreeMap<String, String>,
    /// Places outside the repository that it may read: its own scripts and settings.
    pub reads: Vec<PathBuf>,
    /// Exit codes with which its change counts: a fixer that leaves findings ends with 1.
    pub ok_codes: Vec<i32>,
    /// What to type where it is not installed.
    pub hint: String,
}

/// A program of the engine `agent`: it speaks the Agent Client Protocol on its standard input and output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSpec {
    /// What `--agent` takes.
    pub name: String,
    /// What runs.
    pub run: Run,
    /// How long a whole draft may take.
    pub timeout: Duration,
    /// Variables on top of the session's.
    pub env: BTreeMap<String, String>,
    /// Variables that hold keys of the person's, which its process alone is given.
    pub env_keys: BTreeMap<String, Keyed>,
    /// Places below the user's home where it keeps its login: lent to it copy-on-write, and to no command that it has
    /// Paraph run. Those that it starts by itself see the same places; where it can be had the files in them open for
    /// the agent alone.
    pub logins: Vec<String>,
    /// Places there that say how it works and hold no secret: lent as well, and open to what it starts.
    pub settings: Vec<String>,
    /// How it takes a key and an address through its variables, where it does.
    pub key_form: Option<KeyForm>,
    /// A key in the place of its login: Paraph holds it, and neither the agent nor what it starts can read it.
    pub key: Option<AgentKey>,
    /// Variables where Paraph holds its key; `{door}` in them, as in `env` then, is the address that stands for the key's.
    pub held_env: BTreeMap<String, String>,
    /// Places that it may read: where it is installed, beside what PATH leads to.
    pub reads: Vec<PathBuf>,
    /// The mode that a session is set to, where the agent offers it: one whose own sandbox fails inside ours is told so.
    pub mode: Option<String>,
    /// Whether it is offered to read and write files through Paraph; one that is not does so itself, in the sandbox.
    pub files: bool,
    /// Whether it is offered to run commands through Paraph, which see neither its login nor its hosts.
    pub terminals: bool,
    /// Hosts, as `host` or `host:port`, one of which at least it cannot do without.
    pub needs_hosts: Vec<String>,
    /// Hosts that the person's own configuration allows it.
    pub hosts: Vec<String>,
    /// What to type where it is not installed, or not logged in.
    pub hint: String,
}

/// The key of an agent, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentKey {
    /// Where it comes from.
    pub source: KeySource,
    /// The address that it is for, where it is not the provider's own.
    pub address: Option<String>,
}

/// `command` as it is started in a worktree.
pub(in crate::proposal) fn exec(
    run: &Run,
    at: &Path,
    env: impl IntoIterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
    own: &BTreeMap<String, String>,
    timeout: Duration,
) -> Command {
    run.command().cwd(at).envs(env).envs(own).timeout(timeout)
}

/// Why a program did not do what it was asked, in words.
pub(in crate::proposal) fn ran_into(finished: &Finished, exceeded: Option<Exceeded>, timeout: Duration) -> String {
    match (finished.stopped, exceeded) {
        (Some(Stopped::TimedOut), _) => format!("it was stopped after {} s", timeout.as_secs()),
        (_, Some(Exceeded::Memory)) => "it was stopped: it used more memory than it may".to_owned(),
        (_, Some(Exceeded::Processes)) => "it was stopped: it started more processes than it may".to_owned(),
        (_, Some(Exceeded::Disk)) => "it was stopped: it wrote more to the disk than it may".to_owned(),
        (Some(Stopped::Cancelled), None) => "it was stopped".to_owned(),
        (None, None) => format!("it ended with {}", finished.status),
    }
}

impl EngineError {
    /// A program that did not start: not installed, or the machine cannot confine it as asked.
    pub(in crate::proposal) fn not_started(words: &str, hint: &str, error: &ConfinementError) -> Self {
        let mut why = format!("`{words}` did not run: {error}");
        if let Some(cause) = std::error::Error::source(error) {
            why = format!("{why}: {cause}");
        }
        // a file of this machine that is there is only not shown to what is confined
        let program = words.split_whitespace().next().map(Path::new);
        let unseen = program.filter(|program| program.is_absolute() && program.exists());
        let hint = match (error, unseen) {
            (ConfinementError::CouldNotStart { source, .. }, Some(unseen)) if source.kind() == ErrorKind::NotFound => {
                format!(
                    "put {} into the repository, or name it under `reads` of a table of its own: confinement shows no other \
                 files (paraph help agents)",
                    unseen.display()
                )
            }
            (ConfinementError::CouldNotStart { .. }, _) => hint.to_owned(),
            _ => "paraph doctor".to_owned(),
        };
        Self::Program { why, hint }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &str, kind: ErrorKind, part: &str) {
        let error = ConfinementError::CouldNotStart { what: words.to_owned(), source: kind.into() };
        let EngineError::Program { hint, .. } = EngineError::not_started(words, "install it", &error) else {
            panic!("another error")
        };
        assert!(hint.contains(part), "{hint}");
    }

    #[test]
    fn a_file_that_is_there_and_not_shown_is_told_from_one_that_is_missing() {
        let there = tempfile::NamedTempFile::new().expect("a file");
        let there = there.path().display().to_string();
        check(&format!("{there} --fix"), ErrorKind::NotFound, "reads");
        check(&there, ErrorKind::PermissionDenied, "install it");
        check("/no/such/file --fix", ErrorKind::NotFound, "install it");
        check("no-such-program", ErrorKind::NotFound, "install it");
    }
}
