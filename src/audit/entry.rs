//! One line of the journal: its fields, its canonical form and its digest.

use std::ops::Range;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::canonical::{self, Broken, NotCanonical, Scanner};
use crate::clock::Timestamp;
use crate::id::{Digest, Seq, SessionId};
use crate::infrastructure::store::Mark;

/// The longest line, in bytes: large things are blobs, named by an event.
pub const MAX_LINE: usize = 1024 * 1024;

/// What is to be recorded; the journal adds sequence, previous digest and digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// When it happened.
    pub at: Timestamp,
    /// Who did it, as one text (`ana@build1`).
    pub actor: String,
    /// The session it belongs to. The line holds 0 where it belongs to none: no session has that number.
    pub session: Option<SessionId>,
    /// What happened: objects, arrays, strings and integers up to 2^53-1 in amount.
    pub event: Value,
}

/// A recorded entry, its digest and place in the chain checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place: 1, 2, …
    pub seq: Seq,
    /// When it happened.
    pub at: Timestamp,
    /// Who did it.
    pub actor: String,
    /// The session it belongs to, if to one.
    pub session: Option<SessionId>,
    /// What happened.
    pub event: Value,
    /// The digest of the entry before; of the first, SHA-256 of the store's uuid.
    pub prev: Digest,
    /// SHA-256 of the canonical form without this field.
    pub digest: Digest,
}

/// Where an entry lies: enough to read it again with one read, and to know that it is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Placed {
    /// Its sequence number.
    pub seq: Seq,
    /// Its digest.
    pub digest: Digest,
    /// The first sequence number of its segment, which names the file.
    pub segment: Seq,
    /// Where its line starts in the segment, in bytes.
    pub offset: u64,
    /// The length of its line in bytes, without the newline.
    pub len: u32,
}

impl From<Placed> for Mark {
    fn from(placed: Placed) -> Self {
        let Placed { seq, digest, segment, offset, len } = placed;
        Self { seq, digest, segment, offset, len }
    }
}

impl From<Mark> for Placed {
    fn from(mark: Mark) -> Self {
        let Mark { seq, digest, segment, offset, len } = mark;
        Self { seq, digest, segment, offset, len }
    }
}

/// The end of a chain: what the next entry continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Head {
    /// The last sequence number; 0 before the first entry.
    pub seq: Seq,
    /// Its digest; before the first entry, SHA-256 of the store's uuid.
    pub digest: Digest,
}

impl Head {
    /// The sequence number that comes next.
    #[must_use]
    pub fn next(self) -> Seq {
        Seq(self.seq.0 + 1)
    }
}

/// Why an entry cannot be recorded. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// A leaf that JSON readers do not keep exactly.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// The line would be too long.
    #[error("an entry of {bytes} bytes is over the journal's {MAX_LINE}; large things belong in blobs")]
    TooLong {
        /// The line's length.
        bytes: usize,
    },
    /// A year that RFC 3339 does not write with four digits.
    #[error("time {millis} ms is outside the years 0000 to 9999")]
    OddTime {
        /// Milliseconds since 1970.
        millis: i64,
    },
}

/// Appends the line of `entry`, newline included, to `out`; returns its digest. On an error `out` is as before.
pub(super) fn write_line(entry: &NewEntry, after: Head, out: &mut Vec<u8>) -> Result<Digest, EntryError> {
    let start = out.len();
    let result = write_fields(entry, after, out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn write_fields(entry: &NewEntry, after: Head, out: &mut Vec<u8>) -> Result<Digest, EntryError> {
    let at = entry.at.to_string();
    if at.len() != 24 || at.starts_with('-') {
        return Err(EntryError::OddTime { millis: entry.at.0 });
    }
    let start = out.len();
    out.extend(b"{\"actor\":");
    canonical::write_string(&entry.actor, out);
    out.extend(format!(",\"at\":\"{at}\",").bytes());
    let digest_at = out.len();
    out.extend(b"\"event\":");
    canonical::write(&entry.event, "event", out)?;
    let session = entry.session.map_or(0, |session| session.0);
    canonical::write(&Value::from(after.next().0), "seq", &mut Vec::new())?;
    canonical::write(&Value::from(session), "session", &mut Vec::new())?;
    out.extend(format!(",\"prev\":\"{}\",\"seq\":{},\"session\":{session}}}", after.digest, after.next()).bytes());
    let digest = Digest::of(&out[start..]);
    out.splice(digest_at..digest_at, format!("\"digest\":\"{digest}\",").bytes());
    let bytes = out.len() - start;
    if bytes > MAX_LINE {
        return Err(EntryError::TooLong { bytes });
    }
    out.push(b'\n');
    Ok(digest)
}

/// A line whose form is right; [`Line::computed`] says whether its digest is.
#[derive(Debug)]
pub(super) struct Line<'a> {
    bytes: &'a [u8],
    digest_field: Range<usize>,
    pub(super) digest: Digest,
    pub(super) prev: Digest,
    pub(super) seq: Seq,
    /// Its session's number; 0 where it is the house's.
    session: u64,
}

impl<'a> Line<'a> {
    /// Reads the form of a line (without its newline).
    pub(super) fn scan(bytes: &'a [u8]) -> Result<Self, Broken> {
        let mut scanner = Scanner::new(bytes)?;
        scanner.literal("{\"actor\":")?;
        scanner.string()?;
        scanner.literal(",\"at\":")?;
        if scanner.string()?.len() != 24 {
            return Err("its time is not one");
        }
        scanner.literal(",")?;
        let from = scanner.position();
        scanner.literal("\"digest\":")?;
        let digest = digest_of_hex(scanner.string()?)?;
        scanner.literal(",")?;
        let digest_field = from..scanner.position();
        scanner.literal("\"event\":")?;
        scanner.value(0)?;
        scanner.literal(",\"prev\":")?;
        let prev = digest_of_hex(scanner.string()?)?;
        scanner.literal(",\"seq\":")?;
        let seq = u64::try_from(scanner.integer()?).map_err(|_| "its sequence number is negative")?;
        scanner.literal(",\"session\":")?;
        let session = u64::try_from(scanner.integer()?).unwrap_or(0);
        scanner.literal("}")?;
        scanner.end()?;
        Ok(Self { bytes, digest_field, digest, prev, seq: Seq(seq), session })
    }

    /// The session that it is of.
    pub(super) fn session(&self) -> Option<SessionId> {
        (self.session > 0).then_some(SessionId(self.session))
    }

    /// The whole line.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The digest that the line's content has.
    pub(super) fn computed(&self) -> Digest {
        let mut hasher = Sha256::new();
        hasher.update(&self.bytes[..self.digest_field.start]);
        hasher.update(&self.bytes[self.digest_field.end..]);
        Digest::from_bytes(hasher.finalize().into())
    }

    /// The entry. Only called once the digest was found right.
    pub(super) fn entry(&self) -> Result<Entry, Broken> {
        let fields: Fields = serde_json::from_slice(self.bytes).map_err(|_| "its fields are not those of an entry")?;
        Ok(Entry {
            seq: self.seq,
            at: fields.at,
            actor: fields.actor,
            session: (fields.session > 0).then_some(SessionId(fields.session)),
            event: fields.event,
            prev: self.prev,
            digest: self.digest,
        })
    }
}

#[derive(Deserialize)]
struct Fields {
    actor: String,
    at: Timestamp,
    event: Value,
    session: u64,
}

fn digest_of_hex(hex: &str) -> Result<Digest, Broken> {
    let wrong = "a digest is not 64 lower-case hex digits";
    let nibble = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(wrong),
    };
    let hex: &[u8; 64] = hex.as_bytes().try_into().map_err(|_| wrong)?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Ok(Digest::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn start() -> Head {
        Head { seq: Seq(0), digest: Digest::from_bytes([7; 32]) }
    }

    fn entry(event: Value) -> NewEntry {
        NewEntry { at: Timestamp(0), actor: "ana \"a\" <a@b>".to_owned(), session: Some(SessionId(3)), event }
    }

    #[test]
    fn a_line_is_canonical_and_reads_back() {
        let mut out = Vec::new();
        let new = entry(json!({"kind": "created", "goal": "tab\there", "lanes": [{"n": 1}]}));
        let digest = write_line(&new, start(), &mut out).expect("an entry");
        let text = std::str::from_utf8(&out).expect("UTF-8");
        insta::assert_snapshot!(text, @r#"{"actor":"ana \"a\" <a@b>","at":"1970-01-01T00:00:00.000Z","digest":"fb84b58554510a240ddf32251ef78e8658e11f725d63b8057e5ec6073a68e75e","event":{"goal":"tab\there","kind":"created","lanes":[{"n":1}]},"prev":"0707070707070707070707070707070707070707070707070707070707070707","seq":1,"session":3}"#);
        let value: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(format!("{value}\n"), text, "another canonical writer agrees");
        let line = Line::scan(&out[..out.len() - 1]).expect("its own form");
        assert_eq!((line.digest, line.computed(), line.seq, line.prev), (digest, digest, Seq(1), start().digest));
        let read = line.entry().expect("its own fields");
        assert_eq!((read.at, read.actor, read.session, read.event), (new.at, new.actor, new.session, new.event));
    }

    #[test]
    fn what_cannot_be_recorded_leaves_nothing_behind() {
        let mut out = b"before".to_vec();
        let check = |new: &NewEntry, out: &mut Vec<u8>| {
            let error = write_line(new, start(), out).expect_err("refused");
            assert_eq!(out, b"before");
            error
        };
        assert!(matches!(check(&entry(json!({"a": 1.5})), &mut out), EntryError::NotCanonical(_)));
        assert!(matches!(check(&entry(json!("x".repeat(MAX_LINE))), &mut out), EntryError::TooLong { .. }));
        let odd = NewEntry { at: Timestamp(i64::MAX), ..entry(json!(1)) };
        assert!(matches!(check(&odd, &mut out), EntryError::OddTime { .. }));
    }

    #[test]
    fn every_flipped_bit_of_a_line_is_seen() {
        let mut out = Vec::new();
        write_line(&entry(json!({"kind": "created"})), start(), &mut out).expect("an entry");
        out.pop();
        for at in 0..out.len() {
            for bit in 0..8 {
                out[at] ^= 1 << bit;
                let whole = Line::scan(&out).is_ok_and(|line| line.computed() == line.digest);
                assert!(!whole, "byte {at} bit {bit}: {}", String::from_utf8_lossy(&out));
                out[at] ^= 1 << bit;
            }
        }
    }
}
