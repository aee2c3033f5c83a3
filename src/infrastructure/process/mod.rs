//! Child processes: the one place that starts them.
//!
//! A child sees an environment of explicit pairs only, is the leader of its own process group, never outlives its
//! time limit or its [`Cancel`], and its output is kept up to a limit, however much it prints.
mod command;
mod detached;
mod editor;
mod git;
mod output;
mod pager;
mod supervise;

pub(in crate::infrastructure) use command::CancelOnDrop;
pub use command::{Command, ProcessError};
pub use detached::{Detached, detached};
pub use editor::edit;
pub use git::{Git, GitError};
pub use output::Captured;
pub use pager::{Pager, pager};
pub(in crate::infrastructure) use supervise::{Watch, supervise};

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

#[cfg(doc)]
use crate::cancel::Cancel;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It returned this number, 0 to 255.
    Exit(i32),
    /// This signal ended it.
    Signal(i32),
}

impl Status {
    /// Whether it returned 0.
    #[must_use]
    pub fn success(self) -> bool {
        self == Self::Exit(0)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit status {code}"),
            Self::Signal(number) => write!(f, "signal {number}"),
        }
    }
}

/// Why Paraph ended a process before it ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stopped {
    /// Its time was up.
    TimedOut,
    /// Somebody cancelled it.
    Cancelled,
}

/// Which of the two a chunk was written to; everything is `Out` when they were merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// A piece of output, as it came.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// Where it was written.
    pub stream: Stream,
    /// What was written; text from outside.
    pub bytes: &'a [u8],
    /// Whether the output limit was reached before this piece: whoever stores chunks stops here.
    pub beyond_limit: bool,
}

/// A process that is gone, with all of its group.
#[derive(Debug, Clone)]
pub struct Finished {
    /// How it ended.
    pub status: Status,
    /// Set when Paraph stopped it.
    pub stopped: Option<Stopped>,
    /// From before it was started until it was reaped.
    pub duration: Duration,
    /// Standard output, or both when merged.
    pub stdout: Captured,
    /// Standard error; empty when merged.
    pub stderr: Captured,
}
