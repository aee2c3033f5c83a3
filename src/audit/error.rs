//! What can be wrong with a journal, where, and what to type next.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::entry::{EntryError, Head};
use crate::id::{Digest, Seq};

/// What is wrong at one place of the chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The line's content is not what its digest says.
    #[error("it was altered: its content has another digest than it names")]
    Altered,
    /// The line is no canonical entry.
    #[error("it was altered: {0}")]
    Malformed(&'static str),
    /// An entry is not there; the next one found is `found`.
    #[error("it is missing: entry {found} follows the one before it")]
    Missing {
        /// The entry that stands in its place.
        found: Seq,
    },
    /// Entry `found` stands in its place, and it comes later.
    #[error("it is out of order: entry {found} stands in its place")]
    OutOfOrder {
        /// The entry that stands in its place.
        found: Seq,
    },
    /// Entry `found` comes again in its place.
    #[error("entry {found} is repeated in its place")]
    Repeated {
        /// The entry that comes again.
        found: Seq,
    },
    /// The entry continues another one than the one before it.
    #[error("it continues another entry than the one before it: one of the two was replaced")]
    Replaced,
    /// A segment that is not the last one ends within a line.
    #[error("its segment ends within it, and another segment follows")]
    SegmentCut,
    /// A segment's name is not the sequence number of its first entry.
    #[error("no segment starts with it; the next one is named {found}")]
    SegmentMissing {
        /// The first sequence number in the name of the segment found.
        found: Seq,
    },
    /// A file that is no segment by its name.
    #[error("a `.jsonl` file has a name that no segment has")]
    OddName,
    /// The journal is shorter than its anchor says.
    #[error("the journal was cut: its anchor names entry {anchor}, its last whole entry is {head}")]
    Cut {
        /// The anchor's entry.
        anchor: Seq,
        /// The last whole entry.
        head: Seq,
    },
    /// The anchor's entry has another digest in the journal.
    #[error("the anchor names it with digest {anchored}, the journal has {found}")]
    AnchorDiffers {
        /// The digest in the anchor.
        anchored: Digest,
        /// The digest in the journal.
        found: Digest,
    },
    /// The journal ends before an anchor that left it.
    #[error("the journal is an older copy: an anchor given for it was made at this entry, its last is {head}")]
    OlderCopy {
        /// The last entry.
        head: Seq,
    },
    /// The entry of an anchor that left the journal has another digest.
    #[error("the journal has another history: the anchor given for it has digest {anchored}, the journal has {found}")]
    OtherHistory {
        /// The digest given.
        anchored: Digest,
        /// The digest in the journal.
        found: Digest,
    },
}

/// Where a journal is wrong, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The first bad sequence number.
    pub seq: Seq,
    /// The file.
    pub path: PathBuf,
    /// Where the line starts in it, in bytes.
    pub offset: u64,
    /// What is wrong.
    pub problem: Problem,
}

impl Flaw {
    /// The next command to type.
    #[must_use]
    pub fn hint(&self) -> String {
        match self.problem {
            Problem::OlderCopy { .. } | Problem::OtherHistory { .. } => {
                "put back the newest copy of the home, then type `paraph audit verify`".to_owned()
            }
            _ => VERIFY_THEN_RECOVER.to_owned(),
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "journal entry {} ({} at byte {}): {}", self.seq, self.path.display(), self.offset, self.problem)
    }
}

impl std::error::Error for Flaw {}

const VERIFY_THEN_RECOVER: &str = "put back the file from a copy, or type `paraph audit verify` to see what is whole and `paraph recover` to go on from there";

/// Why a journal could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The entry cannot be recorded; nothing was written.
    #[error("entry {index} of the batch cannot be recorded: {source}")]
    Entry {
        /// Its position in the batch, from 0.
        index: usize,
        /// Why.
        source: EntryError,
    },
    /// No space is left. Nothing was acknowledged and the journal goes on once there is room.
    #[error("no space left to write {} ({needed} bytes needed); nothing was recorded", path.display())]
    NoSpace {
        /// The file.
        path: PathBuf,
        /// The bytes needed.
        needed: u64,
        /// The system's words.
        source: io::Error,
    },
    /// A write or sync failed. Nothing was acknowledged.
    #[error("cannot write {} ({needed} bytes); nothing was recorded", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The bytes needed.
        needed: u64,
        /// The system's words.
        source: io::Error,
    },
    /// An earlier failure left the journal read-only until it is opened again.
    #[error("the journal {} is read-only since a write failed: {why}", path.display())]
    ReadOnly {
        /// The segment.
        path: PathBuf,
        /// The earlier failure.
        why: String,
    },
    /// A file could not be read, listed or made.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// `read`, `list`, …
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// `store.json` is damaged, or missing though entries are there.
    #[error("{} {why}, so the first entry cannot be checked", path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The store was written by a newer Paraph.
    #[error("{} is of format `{format}`, which this version does not know", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format it names.
        format: String,
    },
    /// The anchor is damaged or missing.
    #[error("the journal's anchor {} {why}", path.display())]
    Anchor {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The chain is broken.
    #[error(transparent)]
    Damaged(#[from] Flaw),
    /// No journal is there.
    #[error("there is no journal in {}", path.display())]
    NoJournal {
        /// The folder.
        path: PathBuf,
    },
    /// The journal has no such entry.
    #[error("the journal has no entry {seq}")]
    NoEntry {
        /// What was asked for.
        seq: Seq,
    },
}

impl JournalError {
    pub(super) fn write(path: &Path, needed: u64, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace { path, needed, source },
            _ => Self::Write { path, needed, source },
        }
    }

    pub(super) fn cut(path: PathBuf, anchor: Head, head: Head, offset: u64) -> Self {
        Self::Damaged(Flaw {
            seq: head.next(),
            path,
            offset,
            problem: Problem::Cut { anchor: anchor.seq, head: head.seq },
        })
    }

    /// The next command to type.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Damaged(flaw) => flaw.hint(),
            Self::Anchor { .. } => VERIFY_THEN_RECOVER.to_owned(),
            Self::Identity { .. } => {
                "put back journal/store.json from a copy; `paraph audit export` still writes every entry".to_owned()
            }
            Self::Newer { .. } => "use the newer version, found with `paraph --version`".to_owned(),
            Self::NoSpace { needed, .. } => {
                format!("free {needed} bytes or more, then type the command again; `paraph doctor` shows the places")
            }
            Self::Write { .. } | Self::ReadOnly { .. } => {
                "mend the disk, then type `paraph daemon stop` and `paraph daemon start`".to_owned()
            }
            Self::Io { .. } => "see `paraph doctor`".to_owned(),
            Self::NoJournal { .. } => "type `paraph doctor` to see which home is used".to_owned(),
            Self::NoEntry { .. } => "type `paraph audit show` to see what is there".to_owned(),
            Self::Entry { .. } => {
                "this is a defect of Paraph: please report what `paraph doctor --json` prints".to_owned()
            }
        }
    }
}

pub(super) fn io_error(what: &'static str, path: &Path, source: io::Error) -> JournalError {
    JournalError::Io { what, path: path.to_owned(), source }
}
