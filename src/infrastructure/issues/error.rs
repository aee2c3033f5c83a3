//! Why an issue could not be read. No text of it holds a token.

use std::time::Duration;

use super::{AddressError, ForgeKind};
use crate::infrastructure::http::HttpError;
use crate::infrastructure::llm::KeyError;

/// Why there is no issue. `said` is the server's own words, cut: untrusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The address is not one of an issue.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Nobody knows how the host is asked.
    #[error("{host} is no forge that is known, and answers like none")]
    UnknownForge {
        /// The host.
        host: String,
    },
    /// It is not there, or is not shown to whoever asks.
    #[error("there is no issue {url}{}", if *had_key { ", or the token may not read it" } else { " that is public" })]
    NotFound {
        /// Its address.
        url: String,
        /// Whether a token was sent.
        had_key: bool,
        /// How a token is given.
        sign_in: String,
    },
    /// It was deleted.
    #[error("the issue {url} was deleted")]
    Gone {
        /// Its address.
        url: String,
    },
    /// A token is wanted, or the one that was sent is not taken.
    #[error("{host} {}{}", if *had_key { "does not take the token" } else { "wants a token" }, quoted(said))]
    SignIn {
        /// The host.
        host: String,
        /// Whether a token was sent.
        had_key: bool,
        /// What the server said.
        said: String,
        /// How a token is given.
        sign_in: String,
    },
    /// The token is good, and may not read this.
    #[error("the token may not read {url}{}", quoted(said))]
    Forbidden {
        /// The issue's address.
        url: String,
        /// What the server said.
        said: String,
    },
    /// Too many requests.
    #[error("{host} wants no more requests now{}", quoted(said))]
    Busy {
        /// The host.
        host: String,
        /// How long it asks to wait, where it says so.
        wait: Option<Duration>,
        /// Whether a token was sent: those who send one may ask more.
        had_key: bool,
        /// What the server said.
        said: String,
        /// How a token is given.
        sign_in: String,
    },
    /// It has the number of a pull request.
    #[error("{url} is a pull request, not an issue")]
    PullRequest {
        /// Its address.
        url: String,
    },
    /// The token that was named for the host could not be found.
    #[error("no token for {host}: {why}")]
    NoKey {
        /// The host.
        host: String,
        /// Why.
        why: KeyError,
    },
    /// The server failed.
    #[error("{host} failed (HTTP {status}){}", quoted(said))]
    Server {
        /// The host.
        host: String,
        /// The status.
        status: u16,
        /// What it said.
        said: String,
    },
    /// What came is no issue.
    #[error("{host} did not answer with an issue of {kind}: {what}")]
    Odd {
        /// The host.
        host: String,
        /// What it should be.
        kind: ForgeKind,
        /// What was wrong.
        what: String,
    },
    /// It could not be asked.
    #[error("{host} was not read: {error}")]
    Http {
        /// The host that was asked.
        host: String,
        /// Why.
        error: HttpError,
    },
}

fn quoted(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}
