//! Paraph: a draft is validated, scored, put before a person, and recorded.
//!
//! *Paraph (n., v.): the flourish under a signature that made a document final and hard to forge.* An AI, a rule or a
//! colleague drafts a change; Paraph tries it, judges it and lays it before you. You paraph it, or send it back.
//!
//! # One picture
//!
//! ```text
//!      client (tui or cli)                   │  daemon: one process, one store
//!  key ─ keymap.toml ─▶ Action               │
//!                         ▼                  │
//!   Msg ─▶ update(&mut Model, Msg) ─▶ Task ──┼─ Request ─▶ runtime inbox ◀────────────────────────┐
//!    ▲                    ▼                  │                │ Input = Command | Outcome         │
//!    │              view(&Model) ─▶ frame    │    session::decide(&Session, Input)   pure         │
//!    │                                       │        │ Refusal      │ Events                     │
//!    ├────────────────────────────── Reply ◀─┼─ Failure       journal.append(events): durable;    │
//!    └───────────────────────────── Notice ◀─┼─ broadcast ◀───┤   then the sled tables follow      │
//!                                            │                ▼ what the folded session owes      │
//!                                            │    workers ─▶ repository · indexing · proposal ·   │
//!                                            │  validation · policy · scoring · publishing        │
//!                                            │                └──── Outcome{effect key, finding} ─┘
//! ```
//!
//! Record first, act second. Whatever moves a session enters by the inbox. A worker answers an effect's key and
//! attempt; an answer that nobody waits for decides to nothing. What is owed is part of the folded session, so a crash
//! is recovered by folding the journal and doing what is owed. The screen is a fold of notices.
//!
//! # What always holds
//!
//! 1. **The journal is the truth.** Nothing is answered, shown or acted upon before its entry is on the disk; the
//!    store, the caches and every screen can be made again from it.
//! 2. **A session is the fold of its events.** [`session::decide`] and [`session::Session::apply`] are pure: they read
//!    no clock, no file, no repository. Replay is the live state.
//! 3. **Nothing is written outside the data directory without a permit,** and only [`session::WriteGate`] makes one,
//!    for one digest that a person approved. Code that skips it does not compile.
//! 4. **A version never changes, a decision is written once.** Asking again makes the next version.
//! 5. **What others wrote is data.** [`text::Untrusted`] cannot be printed before it is made safe; nothing that a model
//!    or a repository says moves a state or lifts a policy.
//! 6. **Code of a target repository runs only in confinement,** and what a check could not have is said, never guessed.
//! 7. **A module names only what stands above it** in the table below. Clock, names, environment, limits and adapters
//!    come through constructors; nothing global changes. `tests/architecture.rs` reads every file and holds this.
//!
//! # The map
//!
//! In reading order; each row says which capability the module serves.
//!
//! | module | capability it serves |
//! | --- | --- |
//! | [`id`] | names that cannot be mixed up: sessions, versions, digests, paths that are bytes |
//! | [`clock`] | what time it is, as a port; order comes from the journal |
//! | [`cancel`] | a wish to stop, handed down to whoever works |
//! | [`text`] | text that others wrote, made safe to print; secrets masked; widths |
//! | [`diff`] | patches read, placed and compared; the manifest that a digest names |
//! | [`syntax`] | languages understood: highlighting, definitions, structural search and rewrite |
//! | [`infrastructure`] | technology that knows nothing of sessions: store, blobs, processes, confinement |
//! | [`repository`] | the immutable base of a lane, read from git's objects; a private place to try changes |
//! | [`indexing`] | what is in a snapshot and which of it matters for a goal |
//! | [`planning`] | what a session is for, and the stages it goes through |
//! | [`proposal`] | drafts: from rules, from a ready diff, from work already done |
//! | [`validation`] | checks found, run on base and proposal, and compared |
//! | [`policy`] | what a change must not do, and what a person must see |
//! | [`scoring`] | six dimensions from evidence, and the gates G0 to G5 |
//! | [`session`] | the core: what happened, what it means, what is owed, what may be written |
//! | [`audit`] | the journal: hash-chained, anchored, verified, exported, recovered |
//! | [`publishing`] | what an approved patch set becomes outside the data directory |
//! | [`api`] | the contract between core and clients, all plain data |
//! | [`runtime`] | the inbox, the workers and recovery: many sessions at once, every attempt recorded |
//! | [`daemon`] | one process and one truth for every client: HTTP over a Unix socket |
//! | [`cli`] | every capability as a command: a contract that scripts rely on |
//! | [`tui`] | reading, discussing and deciding in the terminal |
//! | [`wiring`] | the one place that names concrete adapters and reads the environment |

#[cfg(test)]
extern crate self as paraph; // the tests beside the code share `tests/support`, which says `paraph`

pub mod cancel;
pub mod clock;
pub mod id;

pub mod diff;
pub mod infrastructure;
pub mod syntax;
pub mod text;

pub mod indexing;
pub mod planning;
pub mod policy;
pub mod proposal;
pub mod repository;
pub mod scoring;
pub mod validation;

pub mod api;
pub mod audit;
pub mod cli;
pub mod daemon;
pub mod publishing;
pub mod runtime;
pub mod session;
pub mod tui;
pub mod wiring;
