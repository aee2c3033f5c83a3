//! HTTP to others: the one place that opens a connection out of this machine.
//!
//! Every exchange has an end: a limit for the connection, for the silence between two bytes, for the whole, for its
//! bytes. A redirect is followed on the same scheme, host and port only, so no header ever reaches another host.
//! Nothing is unpacked: what arrives is what is counted. Nothing is read from the environment.

mod client;
mod error;
mod incoming;
mod json;
mod secret;
mod settings;
mod upstream;

pub use client::{Ask, HttpClient, Method};
pub use error::HttpError;
pub use incoming::Incoming;
pub use json::JsonAnswer;
pub use secret::Secret;
pub use settings::{HttpLimits, HttpSettings, SettingsError};
pub use upstream::{Connection, Upstream, UpstreamError};
