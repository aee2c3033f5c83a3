//! Issues of forges: read from servers on this machine that speak as GitHub, GitLab and Gitea do, by the reader alone
//! and by the binary.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/den.rs"]
mod den;
#[path = "issues/forge.rs"]
mod forge;

#[path = "issues/binary.rs"]
mod binary;
#[path = "issues/faults.rs"]
mod faults;
#[path = "issues/formats.rs"]
mod formats;
