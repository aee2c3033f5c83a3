//! How a verb ends.

use crate::api::{Failure, FailureKind};

/// Why a verb ended before its end.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It failed, and somebody has to be told.
    Failed(Failure),
    /// Whoever read standard output went away: nothing more to do, nothing to tell.
    NobodyReads,
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What a verb gives: an exit status (design §6), or why it ended.
pub(crate) type Done = Result<u8, Ended>;

/// Exit status 0.
pub(crate) const DONE: u8 = 0;

/// A failure of wrong usage.
pub(crate) fn usage(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Usage, message)
}

/// A verb or an option whose work comes with a later version, and what can be typed today.
pub(crate) fn comes_later(what: &str, with: &str, today: impl Into<String>) -> Ended {
    let failure = Failure::new(FailureKind::Refused, format!("{what} comes in a later version, with {with}"));
    Ended::Failed(failure.hint(today))
}

/// The exit status of every ending, with its word and meaning: the table of `help exit-codes`.
pub(crate) const EXIT_CODES: &[(u8, &str)] = &[
    (0, "done"),
    (1, "failed"),
    (2, "wrong usage"),
    (3, "no such session, version, repository or check"),
    (4, "not signed in"),
    (5, "conflict: already decided, another digest, superseded"),
    (6, "refused by policy, gate or state"),
    (7, "validation failed: the patch broke something"),
    (8, "budget spent"),
    (9, "daemon unreachable"),
    (10, "a person is needed"),
    (124, "timed out"),
    (130, "interrupted"),
];
