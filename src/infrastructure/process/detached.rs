//! Processes that outlive this one.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Child, Stdio};

/// A process that was started and is not waited for.
#[derive(Debug)]
pub struct Detached(Child);

/// Starts `program` with exactly this environment, no input, and both outputs to `log`.
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
    std::process::Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log.try_clone()?)
        .spawn()
        .map(Detached)
}

impl Detached {
    /// How it ended, such as `exit status: 1`; `None` while it runs.
    ///
    /// # Errors
    /// Where the system does not say.
    pub fn ended(&mut self) -> io::Result<Option<String>> {
        Ok(self.0.try_wait()?.map(|status| status.to_string()))
    }
}
