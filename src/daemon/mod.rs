//! The daemon: HTTP/1.1 with JSON over a Unix socket, its client, and the life of the process that serves.
//!
//! One home has one daemon, which alone opens its store; commands and screens are clients. A client that goes, at
//! whatever moment, disturbs nothing: what reached the daemon whole is carried out.
//!
//! # Files
//!
//! | file | what |
//! | --- | --- |
//! | `<home>/run/` | mode 0700, ours; refused where somebody else owns it |
//! | `<home>/run/lock` | held (flock) for as long as a process has the home open; says which process that is |
//! | `<home>/run/paraph.sock` | mode 0600; only the lock's holder makes or removes it, so a stale one is harmless |
//! | `<home>/run/daemon.json` | who serves: [`DaemonFacts`] |
//! | `<home>/logs/daemon.log` | standard output and error of a daemon that a client started |
//!
//! A socket's path may have about 100 bytes; where the home's is longer, it is reached through a link to `run/`, in a
//! directory of our own (0700) in `$XDG_RUNTIME_DIR` or `/tmp`: see [`Place::address`].
//!
//! # Protocol
//!
//! - `POST /v1/<route>` with the request as JSON; every route is in `GET /v1/openapi.json`. Routes that change nothing
//!   also answer `GET` with query parameters.
//! - `paraph-request-id` names a request (a UUID): the same again gets the first reply. A missing one gets a fresh id.
//! - `paraph-client` says who asks, as JSON ([`ClientInfo`](crate::api::ClientInfo)); may be missing.
//! - `GET /v1/notices` streams what happens as server-sent events.
//! - `GET /v1/version` answers with [`DaemonFacts`].
//! - A failure has the status of its kind and a [`Failure`](crate::api::Failure) as its body.
//! - Bodies have at most 1 MiB. Only the user that the daemon runs as, and root, are answered.
//!
//! ```sh
//! socket=~/.local/state/paraph/run/paraph.sock
//! curl --unix-socket $socket http://paraph/v1/status
//! curl --unix-socket $socket 'http://paraph/v1/list?state=open&limit=3'
//! curl --unix-socket $socket 'http://paraph/v1/show?session=12@v1'
//! curl --unix-socket $socket http://paraph/v1/cancel -d '{"session": 12}'
//! curl --unix-socket $socket --no-buffer http://paraph/v1/notices
//! ```
mod attendance;
mod client;
mod connect;
mod enduring;
mod facts;
mod launch;
mod lifecycle;
mod lock;
mod notices;
mod pauses;
mod place;
mod routes;
mod server;
mod sse;
mod stop;
mod system;

pub use client::Client;
pub use connect::{Connector, ConnectorParts, STARTED_WITH};
pub use enduring::{Enduring, Steadfast};
pub use facts::{DaemonFacts, PROTOCOL};
pub use launch::{Launch, LaunchPlan, Launched};
pub use lifecycle::{Hosted, IDLE, Left, Open, Setup, run, run_within};
pub use lock::Lock;
pub use place::Place;
pub use server::BODY_LIMIT;
pub use stop::{Stopped, stop, stop_if_idle};
