//! A log of what a program prints: written as it comes, so that it can be followed; its beginning and its end are kept.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::path::Path;

use super::blobs::{BlobError, BlobWriter, Blobs};
use crate::id::Digest;

/// Bytes of the end that [`LiveLog::tail`] looks at.
const RECENT: usize = 4096;

/// A log in the making, at most about the limit it was made with.
pub struct LiveLog {
    writer: BlobWriter,
    head_left: usize,
    tail: VecDeque<u8>,
    tail_limit: usize,
    dropped: u64,
    recent: VecDeque<u8>,
    failed: Option<io::Error>,
    /// Whether the last byte ended a line: Paraph's own lines stand alone.
    line_ended: bool,
}

impl LiveLog {
    /// A log that keeps the first and the last half of `limit` bytes.
    ///
    /// # Errors
    /// [`BlobError`] where no file can be made.
    pub fn create(blobs: &Blobs, limit: usize) -> Result<Self, BlobError> {
        let half = limit / 2;
        let writer = blobs.writer()?;
        let (tail, recent, head_left) = (VecDeque::new(), VecDeque::new(), limit - half);
        Ok(Self { writer, head_left, tail, tail_limit: half, dropped: 0, recent, failed: None, line_ended: true })
    }

    /// The file as it grows.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.writer.path()
    }

    /// A line of Paraph's own.
    pub fn line(&mut self, text: &str) {
        let before = if self.line_ended { "" } else { "\n" };
        self.write(format!("{before}{text}\n").as_bytes());
    }

    /// What a command printed. Whether it could be kept: a disk may be full.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        let recent = &bytes[bytes.len().saturating_sub(RECENT)..];
        self.recent.drain(..(self.recent.len() + recent.len()).saturating_sub(RECENT));
        self.recent.extend(recent);
        let (head, rest) = bytes.split_at(bytes.len().min(self.head_left));
        self.head_left -= head.len();
        self.write(head);
        let kept = &rest[rest.len().saturating_sub(self.tail_limit)..];
        let overflow = (self.tail.len() + kept.len()).saturating_sub(self.tail_limit);
        self.dropped += (rest.len() - kept.len() + overflow) as u64;
        self.tail.drain(..overflow);
        self.tail.extend(kept);
        self.failed.is_none()
    }

    /// The last `lines` lines of what was pushed, as far as 4 KiB go back.
    #[must_use]
    pub fn tail(&self, lines: usize) -> String {
        let recent: Vec<u8> = self.recent.iter().copied().collect();
        let text = String::from_utf8_lossy(&recent);
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// Makes it a blob, with a last line of Paraph's own.
    ///
    /// # Errors
    /// What the system said where it could not be kept whole.
    pub fn finish(mut self, last: &str) -> Result<Digest, String> {
        if self.dropped > 0 {
            let dropped = self.dropped;
            self.line(&format!("[paraph: {dropped} bytes left out]"));
        }
        let tail: Vec<u8> = std::mem::take(&mut self.tail).into();
        self.write(&tail);
        self.line(last);
        match self.failed {
            Some(error) => Err(error.to_string()),
            None => self.writer.finish().map_err(|error| error.to_string()),
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.line_ended = bytes.last().map_or(self.line_ended, |last| *last == b'\n');
        if self.failed.is_none() {
            self.failed = self.writer.write_all(bytes).err();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infrastructure::fault::Faults;

    #[track_caller]
    fn check(limit: usize, pieces: &[&str], expected: &str) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let blobs = Blobs::new(folder.path(), Faults::none());
        let mut log = LiveLog::create(&blobs, limit).expect("a log");
        assert!(pieces.iter().all(|piece| log.push(piece.as_bytes())));
        let digest = log.finish("end").expect("kept");
        assert_eq!(String::from_utf8_lossy(&blobs.get(digest).expect("there")), expected);
    }

    #[test]
    fn the_beginning_and_the_end_are_kept() {
        check(10, &[], "end\n");
        check(10, &["hello\n"], "hello\nend\n");
        check(10, &["hello", "world"], "helloworld\nend\n");
        check(10, &["0123456789abcdefghi\n"], "01234\n[paraph: 10 bytes left out]\nfghi\nend\n");
        check(10, &["01234", "56789", "ab"], "01234\n[paraph: 2 bytes left out]\n789ab\nend\n");
    }
}
