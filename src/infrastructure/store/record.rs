//! Values: bincode behind a version byte, all bytes consumed on reading.
//!
//! bincode does not describe itself, so the struct behind a version is frozen once it shipped: a plain derive, no serde
//! attributes that change the form, no `serde_json::Value`. A change is a new struct: the old one stays as `ThingV1` with a
//! `From`, [`Record::VERSION`] goes up, and [`Record::upgrade`] reads the old one. The bytes of every version stay in
//! `tests/golden/store/` and must still read.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The most that any record may claim, in bytes.
const LIMIT: usize = 1024 * 1024;

/// A value of a table.
pub trait Record: Serialize + DeserializeOwned {
    /// The version that this struct's form has, from 1.
    const VERSION: u8;

    /// Reads the form of an older version.
    ///
    /// # Errors
    /// [`RecordError::UnknownVersion`] where there is none.
    fn upgrade(version: u8, payload: Payload<'_>) -> Result<Self, RecordError> {
        let _ = payload;
        Err(RecordError::UnknownVersion { version, newest: Self::VERSION })
    }
}

/// Why bytes are no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// There are none.
    #[error("the record is empty")]
    Empty,
    /// The version is not known: a newer Paraph wrote it.
    #[error("the record has version {version}, the newest known is {newest}")]
    UnknownVersion {
        /// The version found.
        version: u8,
        /// The newest this program knows.
        newest: u8,
    },
    /// The bytes are not of the form.
    #[error("the record does not read: {0}")]
    Malformed(String),
    /// Bytes are left over.
    #[error("the record is followed by {0} more bytes")]
    Trailing(usize),
    /// The value cannot be written.
    #[error("the record cannot be written: {0}")]
    Unwritable(String),
}

/// A record's bytes after its version.
#[derive(Debug, Clone, Copy)]
pub struct Payload<'a>(&'a [u8]);

impl Payload<'_> {
    /// Reads a frozen struct, all bytes of it.
    ///
    /// # Errors
    /// [`RecordError::Malformed`] and [`RecordError::Trailing`].
    pub fn decode<T: DeserializeOwned>(self) -> Result<T, RecordError> {
        let read = bincode::serde::decode_from_slice(self.0, bincode::config::standard().with_limit::<LIMIT>());
        match read.map_err(|error| RecordError::Malformed(error.to_string()))? {
            (value, used) if used == self.0.len() => Ok(value),
            (_, used) => Err(RecordError::Trailing(self.0.len() - used)),
        }
    }
}

/// The bytes of `record`, its version first.
///
/// # Errors
/// [`RecordError::Unwritable`] for what serde cannot write.
pub fn encode<R: Record>(record: &R) -> Result<Vec<u8>, RecordError> {
    let mut bytes = vec![R::VERSION];
    bincode::serde::encode_into_std_write(record, &mut bytes, bincode::config::standard())
        .map_err(|error| RecordError::Unwritable(error.to_string()))?;
    Ok(bytes)
}

/// The record that `bytes` are.
///
/// # Errors
/// [`RecordError`] where they are not exactly one.
pub fn decode<R: Record>(bytes: &[u8]) -> Result<R, RecordError> {
    let (version, payload) = bytes.split_first().ok_or(RecordError::Empty)?;
    match *version {
        version if version == R::VERSION => Payload(payload).decode(),
        version => R::upgrade(version, Payload(payload)),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct NoteV1 {
        text: String,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Note {
        text: String,
        pinned: bool,
    }

    impl From<NoteV1> for Note {
        fn from(old: NoteV1) -> Self {
            Self { text: old.text, pinned: false }
        }
    }

    impl Record for Note {
        const VERSION: u8 = 2;
        fn upgrade(version: u8, payload: Payload<'_>) -> Result<Self, RecordError> {
            match version {
                1 => payload.decode::<NoteV1>().map(Self::from),
                version => Err(RecordError::UnknownVersion { version, newest: Self::VERSION }),
            }
        }
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<(&str, bool), RecordError>) {
        let expected = expected.map(|(text, pinned)| Note { text: text.to_owned(), pinned });
        assert_eq!(decode::<Note>(bytes), expected);
    }

    #[test]
    fn every_version_reads_and_nothing_else_does() {
        assert_eq!(encode(&Note { text: "hi".to_owned(), pinned: true }), Ok(b"\x02\x02hi\x01".to_vec()));
        check(b"\x02\x02hi\x01", Ok(("hi", true)));
        check(b"\x01\x02hi", Ok(("hi", false)));
        check(b"", Err(RecordError::Empty));
        check(b"\x03\x02hi", Err(RecordError::UnknownVersion { version: 3, newest: 2 }));
        check(b"\x02\x02hi\x01\x00", Err(RecordError::Trailing(1)));
        check(b"\x01\x02hi\x01", Err(RecordError::Trailing(1)));
        for short in
            [&b"\x02\x02hi"[..], b"\x02\x02h", b"\x02", b"\x02\xfd\xff\xff\xff\xff\xff\xff\xff\xff", b"\x02\x02hi\x07"]
        {
            assert!(matches!(decode::<Note>(short), Err(RecordError::Malformed(_))), "{short:?}");
        }
    }
}
