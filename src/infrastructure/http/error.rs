//! Why there is no answer, in words that name no URL: a URL may hold a key.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

/// Why an exchange has no answer, or no whole one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// It is no `http` or `https` URL with a host.
    #[error("not an http or https URL")]
    BadUrl,
    /// A header that cannot be sent: its name or its value has a character that does not belong there.
    #[error("the header {name} cannot be sent: it holds a character that does not belong in one")]
    BadHeader {
        /// Which.
        name: String,
    },
    /// No connection, or nobody who speaks HTTP at its other end.
    #[error("not reached: {why}")]
    Unreachable {
        /// What the system said.
        why: String,
        /// Whether it will be so in a minute too: nobody listens, no such host, a certificate that is not trusted, a
        /// proxy that refuses.
        lasts: bool,
    },
    /// The connection was there, and was closed before a byte of the answer: what was sent may have been read, and done.
    #[error("closed before a byte of the answer: {why}")]
    Unanswered {
        /// What the system said.
        why: String,
    },
    /// The answer points to another host; nothing was sent there.
    #[error("it points to {to} (HTTP {status}), and what was sent is not for another host")]
    Elsewhere {
        /// Scheme, host and port that it points to.
        to: String,
        /// The status.
        status: u16,
    },
    /// The answer points on and on.
    #[error("it points on more than {most} times")]
    Circling {
        /// How often it was followed.
        most: usize,
    },
    /// The answer is packed, though it was asked not to be.
    #[error("the answer is packed as {encoding}, which was not asked for")]
    Packed {
        /// Its `Content-Encoding`.
        encoding: String,
    },
    /// More bytes than are read.
    #[error("more than {most} bytes")]
    TooLarge {
        /// The limit.
        most: usize,
    },
    /// It took longer than allowed.
    #[error("longer than {} s", limit.as_secs_f32())]
    TimedOut {
        /// The limit that was over.
        limit: Duration,
    },
    /// The connection broke in the middle of the answer.
    #[error("broken off: {why}")]
    Broken {
        /// What the system said.
        why: String,
    },
    /// It should be JSON and is not.
    #[error("no JSON (HTTP {status}): {why}")]
    NoJson {
        /// The status.
        status: u16,
        /// What the reader said.
        why: String,
    },
    /// Somebody asked to stop.
    #[error("cancelled")]
    Cancelled,
}

/// Why there is no answer: nobody was reached, and whether waiting would not help; or they hung up.
pub(super) fn unreached(error: &reqwest::Error) -> HttpError {
    let mut causes = Vec::new();
    let mut hung_up = false;
    let mut cause: Option<&dyn Error> = error.source();
    while let Some(inner) = cause {
        causes.push(inner.to_string());
        let kind = inner.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if kind == Some(ErrorKind::ConnectionRefused) {
            let why = "connection refused: nobody listens there".to_owned();
            return HttpError::Unreachable { why, lasts: true };
        }
        hung_up |= matches!(kind, Some(ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof));
        cause = inner.source();
    }
    let said = causes.join(": ");
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let why = innermost(error);
    if !error.is_connect() && (hung_up || has(&["connection closed before message completed"])) {
        return HttpError::Unanswered { why };
    }
    // hyper has no type for these: its connectors' words are all there is
    if has(&["proxy authorization required"]) {
        let why = "the proxy wants a name and a password (407): HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT".to_owned();
        return HttpError::Unreachable { why, lasts: true };
    }
    if has(&["tunnel"]) {
        return HttpError::Unreachable { why: format!("the proxy made no tunnel: {why}"), lasts: true };
    }
    if has(&["certificate"]) {
        let why = format!("its certificate is not trusted ({why}): PARAPH_CA_FILE names further authorities");
        return HttpError::Unreachable { why, lasts: true };
    }
    if has(&["dns error", "failed to lookup address"]) {
        return HttpError::Unreachable { why: format!("there is no such host: {why}"), lasts: true };
    }
    HttpError::Unreachable { why, lasts: false }
}

/// The innermost cause: the outer ones repeat it, and the outermost names the URL.
pub(super) fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match cause.downcast_ref::<reqwest::Error>() {
        Some(_) => "the exchange failed".to_owned(), // its own text may hold the URL
        None => cause.to_string(),
    }
}
