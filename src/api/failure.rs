//! Why not, as data: the same words on the command line, on the screen and across the socket.

use serde::{Deserialize, Serialize};

/// What sort of failure it is; picks the exit status and the colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// It was tried and failed.
    Failed,
    /// The request makes no sense.
    Usage,
    /// No such session, version, repository or check.
    NotFound,
    /// Not signed in.
    SignIn,
    /// Somebody was first, the digest is another, or the version was superseded.
    Conflict,
    /// Policy, gate or state forbids it.
    Refused,
    /// The patch broke something.
    ValidationFailed,
    /// The budget is spent.
    Budget,
    /// The daemon cannot be reached.
    Unreachable,
    /// A person is needed.
    NeedsHuman,
    /// It took too long.
    TimedOut,
    /// Somebody pressed ^C.
    Interrupted,
}

impl FailureKind {
    /// The exit status of a command that ends with it (design §6).
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::SignIn => 4,
            Self::Conflict => 5,
            Self::Refused => 6,
            Self::ValidationFailed => 7,
            Self::Budget => 8,
            Self::Unreachable => 9,
            Self::NeedsHuman => 10,
            Self::TimedOut => 124,
            Self::Interrupted => 130,
        }
    }

    /// The HTTP status it crosses the socket with.
    #[must_use]
    pub fn http_status(self) -> u16 {
        match self {
            Self::Failed => 500,
            Self::Usage => 400,
            Self::NotFound => 404,
            Self::SignIn => 401,
            Self::Conflict | Self::Refused => 409,
            Self::ValidationFailed | Self::NeedsHuman => 422,
            Self::Budget => 402,
            Self::Unreachable => 503,
            Self::TimedOut => 504,
            Self::Interrupted => 499,
        }
    }
}

/// Why a request was not carried out. Nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Failure {
    /// The sort.
    pub kind: FailureKind,
    /// What was tried, with which value; lower case, no period. May hold untrusted text.
    pub message: String,
    /// What to type next, best first.
    #[serde(default)]
    pub hints: Vec<String>,
    /// What led to it, outermost first.
    #[serde(default)]
    pub causes: Vec<String>,
}

impl Failure {
    /// A failure without hints.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hints: Vec::new(), causes: Vec::new() }
    }

    /// A failure told by an error and everything that led to it.
    #[must_use]
    pub fn from_error(kind: FailureKind, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut causes = Vec::new();
        let mut next = error.source();
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        Self { kind, message: error.to_string(), hints: Vec::new(), causes }
    }

    /// The same with one more thing to type.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
