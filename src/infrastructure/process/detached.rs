//! Processes that outlive this one.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};

/// A process that was started and is not waited for.
#[derive(Debug)]
pub struct Detached {
    child: Child,
    input: UnixStream,
}

/// Starts `program` with exactly this environment, a socket that never says anything as its input, and both outputs to
/// `log`.
///
/// # Errors
/// Where it cannot be started.
pub fn detached(
    program: &Path,
    arguments: &[OsString],
    environment: Vec<(OsString, OsString)>,
    directory: &Path,
    log: &File,
) -> io::Result<Detached> {
    let (input, theirs) = UnixStream::pair()?;
    let child = std::process::Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .current_dir(directory)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(log.try_clone()?)
        .stderr(log.try_clone()?)
        .spawn()?;
    Ok(Detached { child, input })
}

impl Detached {
    /// How it ended; `None` while it runs.
    ///
    /// # Errors
    /// Where the system does not say.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// This end of its input: it ends when the process shuts its own down, or ends.
    ///
    /// # Errors
    /// Where the system has no more descriptors.
    pub fn input(&self) -> io::Result<UnixStream> {
        self.input.try_clone()
    }
}
