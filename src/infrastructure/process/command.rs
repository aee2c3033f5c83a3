//! What to start, and starting it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use super::supervise::{Watch, supervise};
use super::{Chunk, Finished};
use crate::cancel::Cancel;

/// Why a process could not be started or watched.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// No such program in the PATH the child was given, or no such file.
    #[error("no program {program:?} in {path:?}")]
    NotFound {
        /// What was asked for.
        program: OsString,
        /// The PATH that was searched.
        path: OsString,
    },
    /// The folder to run in is not there.
    #[error("no folder {cwd:?} to run {program:?} in")]
    NoFolder {
        /// What was asked for.
        program: OsString,
        /// Where it should have run.
        cwd: PathBuf,
    },
    /// It is there and the system refused to run it.
    #[error("cannot run {program:?}")]
    Refused {
        /// What was asked for.
        program: OsString,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It ran and could not be watched to its end.
    #[error("lost sight of {program:?}")]
    Lost {
        /// What was asked for.
        program: OsString,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A program to run once, with everything it may see. Starts with no environment, no input, 120 s and 1 MiB.
#[derive(Debug, Clone)]
pub struct Command {
    pub(in crate::infrastructure) program: OsString,
    pub(in crate::infrastructure) args: Vec<OsString>,
    pub(in crate::infrastructure) cwd: Option<PathBuf>,
    pub(in crate::infrastructure) env: BTreeMap<OsString, OsString>,
    pub(in crate::infrastructure) stdin: Option<Vec<u8>>,
    pub(in crate::infrastructure) timeout: Duration,
    pub(in crate::infrastructure) grace: Duration,
    pub(in crate::infrastructure) output_limit: usize,
    pub(in crate::infrastructure) merged: bool,
}

impl Command {
    /// A program by path, or by a name looked up in the PATH given with [`Command::env`].
    #[must_use]
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            cwd: None,
            env: BTreeMap::new(),
            stdin: None,
            timeout: Duration::from_secs(120), // design.md, "Base runs": the default of a test
            grace: Duration::from_secs(2),
            output_limit: 1 << 20,
            merged: false,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// The folder to run in.
    #[must_use]
    pub fn cwd(mut self, cwd: impl AsRef<Path>) -> Self {
        self.cwd = Some(cwd.as_ref().to_owned());
        self
    }

    /// Lets the child see one variable; it sees no other.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// Lets the child see several variables.
    #[must_use]
    pub fn envs(mut self, pairs: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>) -> Self {
        let owned = pairs.into_iter().map(|(name, value)| (name.as_ref().to_owned(), value.as_ref().to_owned()));
        self.env.extend(owned);
        self
    }

    /// What the child reads; without it, an empty input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// How long it may take before its group is asked, then forced, to end.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long after being asked it is forced.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How many bytes of each stream are kept.
    #[must_use]
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }

    /// Sends standard error to standard output's pipe, so the order of lines is the program's.
    #[must_use]
    pub fn merged(mut self) -> Self {
        self.merged = true;
        self
    }

    /// Runs it to its end on this thread.
    ///
    /// # Errors
    /// [`ProcessError`] when it did not start; a program that fails is a [`Finished`].
    pub fn run_blocking(&self, cancel: &Cancel, sink: &mut dyn FnMut(Chunk<'_>)) -> Result<Finished, ProcessError> {
        let mut starting = std::process::Command::new(&self.program);
        starting.args(&self.args).env_clear().envs(&self.env).process_group(0);
        if let Some(cwd) = &self.cwd {
            starting.current_dir(cwd);
        }
        starting.stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        let started = Watch::start(self);
        let child = self.spawn(starting).map_err(|source| self.why_not_started(source))?;
        supervise(child, self, started, cancel, sink, None)
    }

    /// Runs it to its end on a blocking thread. Dropping the future kills it.
    ///
    /// # Errors
    /// As [`Command::run_blocking`].
    pub async fn run(
        self,
        cancel: &Cancel,
        mut sink: impl FnMut(Chunk<'_>) + Send + 'static,
    ) -> Result<Finished, ProcessError> {
        let program = self.program.clone();
        let inner = cancel.child();
        let _killed_when_dropped = CancelOnDrop(inner.clone());
        tokio::task::spawn_blocking(move || self.run_blocking(&inner, &mut sink))
            .await
            .unwrap_or_else(|join| Err(ProcessError::Lost { program, source: io::Error::other(join) }))
    }

    /// Starts it with its output in pipes; the caller has set everything else. Takes `starting` by value: it holds
    /// the child's ends, and while it lives the reader never sees the end.
    pub(in crate::infrastructure) fn spawn(
        &self,
        mut starting: std::process::Command,
    ) -> io::Result<(Child, Option<io::PipeReader>)> {
        let mut merged = None;
        if self.merged {
            let (reader, writer) = io::pipe()?;
            starting.stderr(writer.try_clone()?).stdout(writer);
            merged = Some(reader);
        } else {
            starting.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        Ok((starting.spawn()?, merged))
    }

    /// Starts it with `end` in the place of its standard output; only standard error is read here.
    pub(in crate::infrastructure) fn spawn_talking(
        &self,
        mut starting: std::process::Command,
        end: std::os::fd::OwnedFd,
    ) -> io::Result<(Child, Option<io::PipeReader>)> {
        starting.stdout(Stdio::from(end)).stderr(Stdio::piped());
        Ok((starting.spawn()?, None))
    }

    fn why_not_started(&self, source: io::Error) -> ProcessError {
        let program = self.program.clone();
        match &self.cwd {
            Some(cwd) if !cwd.is_dir() => ProcessError::NoFolder { program, cwd: cwd.clone() },
            _ if source.kind() == io::ErrorKind::NotFound => {
                ProcessError::NotFound { program, path: self.env.get(OsStr::new("PATH")).cloned().unwrap_or_default() }
            }
            _ => ProcessError::Refused { program, source },
        }
    }
}

/// Ends the work of a future that nobody waits for any more.
pub(in crate::infrastructure) struct CancelOnDrop(pub(in crate::infrastructure) Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
