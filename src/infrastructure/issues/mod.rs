//! Issues of forges, read whole and within bounds: GitHub, GitLab, Gitea and their kin on hosts of one's own.
//!
//! # Who reads, and when
//! The client that a person typed the URL into reads, before it asks for a session, and hands the text in as a blob
//! that the request names: as it does with a ready diff. An effect of the service would be the other way, and is the
//! worse one here:
//! - the person's tokens, their proxy and `gh`'s login are in the client's environment; a token for a forge never has
//!   to leave it;
//! - an address that is none, an issue that is missing and a sign-in that is missing are told to whoever typed them,
//!   with an exit status, and leave no session behind whose goal nobody knows;
//! - reading changes nothing anywhere, so there is nothing to owe, to look at before acting or to do again after a
//!   crash. What was read is recorded by its digest in the session's first entry: a replay reads the blob, and no
//!   network.
//!
//! # What is never done
//! A token is sent to no host that it is not for, whatever address a person pastes: [`Hosts`] knows which host each
//! one is for. No address that a server sends is followed but to the same host, pages are counted and not linked to,
//! and no text of a server is more than data.

mod address;
mod document;
mod error;
mod gitea;
mod github;
mod gitlab;
mod hosts;
mod reader;

use crate::text::Untrusted;

pub use address::{AddressError, ForgeKind, IssueAddress};
pub use error::IssueError;
pub use hosts::{Hosts, KnownHost};
pub use reader::{IssueReader, IssueReaderParts, ReadLimits};

/// An issue as it was read. Every text of it is somebody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Its address, without what an address may hold beside it.
    pub url: String,
    /// What sort of forge has it.
    pub forge: ForgeKind,
    /// Its title, on one line; never empty.
    pub title: Untrusted,
    /// Who opened it.
    pub author: Untrusted,
    /// When, in the forge's words.
    pub created_at: Untrusted,
    /// `open`, `closed`, or another word of the forge's.
    pub state: Untrusted,
    /// Its labels.
    pub labels: Vec<Untrusted>,
    /// The description.
    pub body: Untrusted,
    /// What was said to it, oldest first; what the forge says by itself is left out.
    pub comments: Vec<Comment>,
    /// Comments that there are and that were not read: too many, or too long.
    pub left_out: u32,
}

/// Something that was said to an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// The forge's number of it: one that comes on two pages is one.
    pub id: u64,
    /// Who said it.
    pub author: Untrusted,
    /// When, in the forge's words.
    pub at: Untrusted,
    /// What a reader should know of it: `internal`; mostly empty.
    pub note: &'static str,
    /// The words.
    pub text: Untrusted,
}
