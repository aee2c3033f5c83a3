//! Models over real sockets: every format, and every fault that a provider or the way to it may have.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "llm/counting.rs"]
mod counting;
#[path = "support/den.rs"]
mod den;
#[path = "llm/dialect.rs"]
mod dialect;
#[path = "llm/faults.rs"]
mod faults;
#[path = "llm/happy.rs"]
mod happy;
#[path = "llm/keys.rs"]
mod keys;
#[path = "llm/looks.rs"]
mod looks;
#[path = "llm/memory.rs"]
mod memory;
#[path = "llm/parts.rs"]
mod parts;
#[path = "llm/reaching.rs"]
mod reaching;
#[path = "llm/refusing.rs"]
mod refusing;
#[path = "llm/replay.rs"]
mod replay;
#[path = "llm/responses.rs"]
mod responses;
#[path = "llm/server.rs"]
mod server;
#[path = "support/speaker.rs"]
mod speaker;
#[path = "llm/support.rs"]
mod support;
#[path = "llm/thoughts.rs"]
mod thoughts;
#[path = "llm/tls.rs"]
mod tls;
#[path = "llm/tries.rs"]
mod tries;
