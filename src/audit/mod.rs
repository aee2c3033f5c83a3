//! The journal: the append-only, hash-chained file of every event, and the notary of all that Paraph says.
//!
//! A journal is a folder: segments `<first sequence, 20 digits>.jsonl`, `store.json` (which store this is), `anchor`
//! (the head of a moment ago) and `torn/` (ends of lines that were never acknowledged). Each line is one RFC 8785 object
//! `actor at digest event prev seq session`; `digest` is SHA-256 of the line without that field, `prev` the digest
//! before, of the first entry SHA-256 of the store's uuid. It is read with `less` and needs no database.
//!
//! An entry is acknowledged when [`Journal::append`] returned: one write and one fdatasync for a whole batch. The anchor
//! may lag behind and never leads. One process writes (a lock elsewhere sees to it), any number read.

mod ahead;
mod canonical;
mod entry;
mod error;
mod home;
mod journal;
mod reader;
mod recover;
mod verify;
mod walk;

pub use canonical::NotCanonical;
pub use entry::{Entry, EntryError, Head, MAX_LINE, NewEntry, Placed};
pub use error::{Flaw, JournalError, Problem};
pub use journal::{Journal, JournalOptions, MarkStanding, Opened, SEGMENT_BYTES, SetAside};
pub use reader::{Entries, JournalReader};
pub use recover::{Recovered, recover};
pub use verify::{Exported, Finding, Report, TornTail, VerifyOptions, export, verify, verify_each};
