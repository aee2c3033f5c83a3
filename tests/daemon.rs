//! The daemon over real sockets, in this process and as a process of its own.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr)]

#[path = "daemon/binary.rs"]
mod binary;
#[path = "daemon/contract.rs"]
mod contract;
#[path = "daemon/hostile.rs"]
mod hostile;
#[path = "daemon/life.rs"]
mod life;
#[path = "daemon/support.rs"]
mod support;
