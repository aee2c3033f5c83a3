//! What can go wrong with a store; most of it is mended by building it again from the journal.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::record::RecordError;

/// Why a store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error("the store {} is open in another process", path.display())]
    Busy {
        /// The store's folder.
        path: PathBuf,
    },
    /// It was written to all the while that it was being checked.
    #[error("the store {} was written to while it was being checked", path.display())]
    Changing {
        /// The store's folder.
        path: PathBuf,
    },
    /// It is damaged: set it aside and build it again.
    #[error("the store {} is damaged: {why}", path.display())]
    Damaged {
        /// The store's folder.
        path: PathBuf,
        /// What was seen.
        why: String,
    },
    /// The system refused to read or write.
    #[error("cannot read or write the store {}", path.display())]
    Io {
        /// The store's folder.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A key that is written once has been written before.
    #[error("`{key}` in table `{table}` is already written")]
    AlreadyWritten {
        /// The table.
        table: &'static str,
        /// The key, in hex.
        key: String,
    },
    /// A value is too large for the store: what is large is a blob.
    #[error("a value of {bytes} bytes for table `{table}` is over the store's {limit}")]
    TooLarge {
        /// The table.
        table: &'static str,
        /// Its size.
        bytes: usize,
        /// The most there may be.
        limit: usize,
    },
    /// A record does not read, or cannot be written.
    #[error("`{key}` in table `{table}`: {source}")]
    Record {
        /// The table.
        table: &'static str,
        /// The key, in hex.
        key: String,
        /// What is wrong.
        source: RecordError,
    },
}

impl StoreError {
    /// Whether setting the store aside and building it again from the journal mends it.
    #[must_use]
    pub fn is_rebuildable(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Record { source, .. } => !matches!(source, RecordError::Unwritable(_)),
            Self::Busy { .. }
            | Self::Changing { .. }
            | Self::Io { .. }
            | Self::AlreadyWritten { .. }
            | Self::TooLarge { .. } => false,
        }
    }

    /// The next command to type.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Busy { .. } => "type `paraph daemon status` to see who has it".to_owned(),
            Self::Changing { .. } => "type `paraph doctor` when less is going on".to_owned(),
            Self::Damaged { .. } | Self::Record { .. } => {
                "nothing is lost, the journal has it: type `paraph recover` to build it again".to_owned()
            }
            Self::Io { .. } => {
                "free space or mend the disk, then type `paraph daemon start`; `paraph doctor` shows the places"
                    .to_owned()
            }
            Self::AlreadyWritten { .. } => "type `paraph list` to see what was recorded".to_owned(),
            Self::TooLarge { .. } => {
                "this is a defect of Paraph: please report what `paraph doctor --json` prints".to_owned()
            }
        }
    }

    pub(super) fn of(path: &Path, error: sled::Error) -> Self {
        let path = path.to_owned();
        match error {
            sled::Error::Io(source) if source.to_string().contains("could not acquire lock") => Self::Busy { path },
            sled::Error::Io(source) => match source.kind() {
                // what sled says of files that are shorter than their content claims
                io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
                    Self::Damaged { path, why: source.to_string() }
                }
                _ => Self::Io { path, source },
            },
            other => Self::Damaged { path, why: other.to_string() },
        }
    }
}

/// Runs `work` on sled, which may panic on damaged files: that is damage too.
pub(super) fn guarded<T>(path: &Path, work: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| StoreError::of(path, error)),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
            let short: String = text.chars().take(200).collect();
            Err(StoreError::Damaged { path: path.to_owned(), why: format!("sled panicked: {short}") })
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_sled_is_damage_with_its_words() {
        let path = Path::new("/home/store");
        let error = guarded::<()>(path, || panic!("tried to serialize Uninitialized")).expect_err("it panicked");
        assert_eq!(
            error.to_string(),
            "the store /home/store is damaged: sled panicked: tried to serialize Uninitialized"
        );
        assert!(error.is_rebuildable() && error.hint().contains("`paraph recover`"));
        let number = 7;
        let formatted = guarded::<()>(path, || panic!("page {number}")).expect_err("it panicked");
        assert!(formatted.to_string().ends_with("sled panicked: page 7"), "{formatted}");
    }
}
