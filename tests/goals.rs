//! Goals that come from elsewhere: issues of forges, read from servers on this machine that speak as GitHub, GitLab and
//! Gitea do; files, standard input, the editor. By the reader alone and by the binary.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/den.rs"]
mod den;
#[path = "goals/forge.rs"]
mod forge;
#[path = "support/screen.rs"]
mod screen;

#[path = "goals/binary.rs"]
mod binary;
#[path = "goals/faults.rs"]
mod faults;
#[path = "goals/formats.rs"]
mod formats;
#[path = "goals/written.rs"]
mod written;
