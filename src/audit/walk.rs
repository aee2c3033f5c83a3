//! Going along the chain line by line, checking as it goes: what opening, reading, verifying and exporting share.

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::entry::{Head, Line, MAX_LINE, Placed};
use super::error::{Flaw, JournalError, Problem, io_error};
use super::home;
use crate::id::{Digest, Seq};

/// An unfinished last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Torn {
    pub(super) segment: Seq,
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

/// Whole lines of one segment that nobody looked at yet.
#[derive(Debug)]
pub(super) struct Lines {
    segment: Seq,
    /// Where the first starts in the segment.
    offset: u64,
    bytes: Vec<u8>,
    /// Where each ends in `bytes`, after its newline.
    ends: Vec<usize>,
}

/// An entry's place, and the digest that it says comes before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Linked {
    pub(super) placed: Placed,
    pub(super) prev: Digest,
}

impl Lines {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn segment(&self) -> Seq {
        self.segment
    }

    /// A line without its newline, and where it starts in the segment.
    pub(super) fn get(&self, n: usize) -> (&[u8], u64) {
        let start = n.checked_sub(1).map_or(0, |before| self.ends[before]);
        (&self.bytes[start..self.ends[n] - 1], self.offset + start as u64)
    }
}

/// A walk along the chain. After [`Walk::next`] gave `None`, `head` is the last whole entry.
#[derive(Debug)]
pub(super) struct Walk {
    dir: PathBuf,
    later: std::vec::IntoIter<Seq>,
    current: Option<Open>,
    next: Seq,
    prev: Option<Digest>,
    line: Vec<u8>,
    torn: Option<Torn>,
}

#[derive(Debug)]
struct Open {
    segment: Seq,
    path: PathBuf,
    reader: BufReader<File>,
    offset: u64,
}

impl Walk {
    /// From the first entry, which continues `start`.
    pub(super) fn from_start(dir: &Path, start: Head) -> Result<Self, JournalError> {
        let (segments, _) = home::segments(dir)?;
        Ok(Self::new(dir, segments, start.next(), Some(start.digest)))
    }

    /// From the first entry of the segment `first`, whose `prev` is believed.
    pub(super) fn from_segment(dir: &Path, first: Seq) -> Result<Self, JournalError> {
        let (segments, _) = home::segments(dir)?;
        let later = segments.into_iter().filter(|segment| *segment >= first).collect();
        Ok(Self::new(dir, later, first, None))
    }

    /// From the entry after `known`, which the caller has read and checked.
    pub(super) fn after(dir: &Path, known: &Placed) -> Result<Self, JournalError> {
        let mut walk = Self::from_segment(dir, known.segment)?;
        walk.next = Seq(known.seq.0 + 1);
        walk.prev = Some(known.digest);
        walk.later.next();
        walk.current = Some(Open::at(dir, known.segment, known.offset + u64::from(known.len) + 1)?);
        Ok(walk)
    }

    /// From the entry `seq` (whose `prev` is believed); the entries before it in its segment are only counted.
    pub(super) fn from_seq(dir: &Path, start: Head, seq: Seq) -> Result<Self, JournalError> {
        let (segments, _) = home::segments(dir)?;
        let Some(segment) = segments.iter().copied().rfind(|first| *first <= seq).filter(|_| seq > start.next()) else {
            return Self::from_start(dir, start);
        };
        let mut open = Open::at(dir, segment, 0)?;
        for _ in segment.0..seq.0 {
            match open.reader.skip_until(b'\n') {
                Ok(bytes) => open.offset += bytes as u64,
                Err(error) => return Err(io_error("read", &open.path, error)),
            }
        }
        let mut walk = Self::from_segment(dir, segment)?;
        walk.later.next();
        walk.next = seq;
        walk.current = Some(open);
        Ok(walk)
    }

    fn new(dir: &Path, segments: Vec<Seq>, next: Seq, prev: Option<Digest>) -> Self {
        let later = segments.into_iter();
        Self { dir: dir.to_owned(), later, current: None, next, prev, line: Vec::new(), torn: None }
    }

    /// The last whole entry that was passed; `None` where the walk began in the middle and passed none.
    pub(super) fn head(&self) -> Option<Head> {
        self.prev.map(|digest| Head { seq: Seq(self.next.0 - 1), digest })
    }

    /// The unfinished line at the very end, if there is one.
    pub(super) fn torn(&self) -> Option<Torn> {
        self.torn
    }

    /// Where the walk stands: the segment's file and the offset in it.
    pub(super) fn place(&self) -> (PathBuf, u64) {
        match &self.current {
            Some(open) => (open.path.clone(), open.offset),
            None => (home::segment_path(&self.dir, self.next), 0),
        }
    }

    /// The segment where the walk stands.
    pub(super) fn segment(&self) -> Option<(Seq, u64)> {
        self.current.as_ref().map(|open| (open.segment, open.offset))
    }

    /// The next entry, its form, digest, number and predecessor checked; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(Placed, Line<'_>)>, JournalError> {
        if !self.read_line()? {
            return Ok(None);
        }
        let open = self.current.as_mut().expect("a line was read from it");
        let flaw = |problem| Flaw { seq: self.next, path: open.path.clone(), offset: open.offset, problem };
        let line = Line::scan(&self.line).map_err(|why| flaw(Problem::Malformed(why)))?;
        if line.computed() != line.digest {
            return Err(flaw(Problem::Altered).into());
        }
        if line.seq != self.next {
            return Err(flaw(order_problem(&open.path, open.offset, self.next, line.seq)).into());
        }
        if self.prev.is_some_and(|prev| prev != line.prev) {
            return Err(flaw(Problem::Replaced).into());
        }
        let len = u32::try_from(self.line.len()).expect("a line is at most MAX_LINE long");
        let placed = Placed { seq: line.seq, digest: line.digest, segment: open.segment, offset: open.offset, len };
        open.offset += u64::from(len) + 1;
        self.next = Seq(line.seq.0 + 1);
        self.prev = Some(line.digest);
        Ok(Some((placed, line)))
    }

    /// Reads some `bytes` of whole lines of the segment where it stands; [`Walk::pass`] goes over them then. None where
    /// the segment ends, or what follows is no line: [`Walk::next`] says what is there.
    pub(super) fn take_lines(&mut self, bytes: usize) -> Result<Lines, JournalError> {
        let mut lines = Lines { segment: self.next, offset: 0, bytes: Vec::with_capacity(bytes), ends: Vec::new() };
        let Some(open) = &mut self.current else { return Ok(lines) };
        (lines.segment, lines.offset) = (open.segment, open.offset);
        let failed = |error| io_error("read", &open.path, error);
        while lines.bytes.len() < bytes {
            let before = lines.bytes.len();
            let limit = MAX_LINE as u64 + 1;
            let read = open.reader.by_ref().take(limit).read_until(b'\n', &mut lines.bytes).map_err(failed)?;
            if read == 0 || lines.bytes.last() != Some(&b'\n') {
                lines.bytes.truncate(before);
                let back = i64::try_from(read).expect("a line is at most MAX_LINE long");
                open.reader.seek_relative(-back).map_err(failed)?;
                break;
            }
            lines.ends.push(lines.bytes.len());
        }
        Ok(lines)
    }

    /// Goes over `lines`, whose entries are `read`, each of them right in itself, if they continue the chain. If they do
    /// not, or were not all right, it stands before them as if they had not been taken, to meet the flaw one by one.
    pub(super) fn pass<'a>(
        &mut self,
        lines: &Lines,
        read: Option<impl Iterator<Item = &'a Linked>>,
    ) -> Result<bool, JournalError> {
        let Some(open) = &mut self.current else { return Ok(false) };
        let (mut next, mut prev) = (self.next, self.prev);
        let chained = read.is_some_and(|mut read| {
            read.all(|Linked { placed, prev: named }| {
                let continues = placed.seq == next && prev.is_none_or(|prev| prev == *named);
                (next, prev) = (Seq(placed.seq.0 + 1), Some(placed.digest));
                continues
            })
        });
        if chained {
            open.offset += lines.bytes.len() as u64;
            (self.next, self.prev) = (next, prev);
        } else {
            let sought = open.reader.seek(SeekFrom::Start(open.offset));
            sought.map_err(|error| io_error("read", &open.path, error))?;
        }
        Ok(chained)
    }

    /// The next entry's line as it is, without its newline, checked as [`Walk::next`] does.
    pub(super) fn next_raw(&mut self) -> Result<Option<&[u8]>, JournalError> {
        Ok(self.next()?.map(|(_, line)| line.bytes()))
    }

    /// Reads the next whole line into `self.line`, going to the next segment where one ends.
    fn read_line(&mut self) -> Result<bool, JournalError> {
        loop {
            let Some(open) = &mut self.current else {
                if !self.next_segment()? {
                    return Ok(false);
                }
                continue;
            };
            self.line.clear();
            let limit = MAX_LINE as u64 + 1;
            let read = open.reader.by_ref().take(limit).read_until(b'\n', &mut self.line);
            let read = read.map_err(|error| io_error("read", &open.path, error))?;
            if self.line.last() == Some(&b'\n') {
                self.line.pop();
                return Ok(true);
            }
            if read > 0 && !self.at_unfinished_end(read as u64)? {
                return Ok(false);
            }
            if !self.next_segment()? {
                return Ok(false);
            }
        }
    }

    /// What stands after the last newline of a segment: fine (and remembered) at the very end, a flaw elsewhere.
    fn at_unfinished_end(&mut self, read: u64) -> Result<bool, JournalError> {
        let open = self.current.as_mut().expect("a part of a line was read from it");
        let flaw = |problem| Flaw { seq: self.next, path: open.path.clone(), offset: open.offset, problem };
        // a shorter read ended at the end of the file; what a writer appends from now on is another walk's
        let (more, newline) = match read > MAX_LINE as u64 {
            true => skip_line(&mut open.reader).map_err(|error| io_error("read", &open.path, error))?,
            false => (0, false),
        };
        if newline {
            return Err(flaw(Problem::Malformed("it is longer than any entry")).into());
        }
        if self.later.len() > 0 {
            return Err(flaw(Problem::SegmentCut).into());
        }
        self.torn = Some(Torn { segment: open.segment, offset: open.offset, bytes: read + more });
        Ok(false)
    }

    fn next_segment(&mut self) -> Result<bool, JournalError> {
        let Some(segment) = self.later.next() else { return Ok(false) };
        if segment != self.next {
            let path = home::segment_path(&self.dir, segment);
            let problem = Problem::SegmentMissing { found: segment };
            return Err(Flaw { seq: self.next, path, offset: 0, problem }.into());
        }
        self.current = Some(Open::at(&self.dir, segment, 0)?);
        Ok(true)
    }
}

impl Open {
    fn at(dir: &Path, segment: Seq, offset: u64) -> Result<Self, JournalError> {
        let path = home::segment_path(dir, segment);
        let opened = File::open(&path).and_then(|mut file| {
            if file.metadata()?.len() < offset {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            file.seek(SeekFrom::Start(offset))?;
            Ok(file)
        });
        let file = opened.map_err(|error| io_error("read", &path, error))?;
        // 256 KiB: larger buffers did not read faster
        Ok(Self { segment, path, reader: BufReader::with_capacity(256 * 1024, file), offset })
    }
}

/// Skips to after the next newline: how many bytes that were, and whether there was one.
fn skip_line(reader: &mut BufReader<File>) -> std::io::Result<(u64, bool)> {
    let mut skipped = 0;
    loop {
        let buffer = reader.fill_buf()?;
        let (used, found) = match memchr::memchr(b'\n', buffer) {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        reader.consume(used);
        skipped += used as u64;
        if found || used == 0 {
            return Ok((skipped, found));
        }
    }
}

/// Why `found` stands where `expected` should: looks ahead in the segment for the one that is expected.
fn order_problem(path: &Path, offset: u64, expected: Seq, found: Seq) -> Problem {
    if found < expected {
        return Problem::Repeated { found };
    }
    let comes_later = File::open(path)
        .and_then(|mut file| file.seek(SeekFrom::Start(offset)).map(|_| file))
        .map(|file| BufReader::new(file).split(b'\n'))
        .is_ok_and(|lines| {
            lines.map_while(Result::ok).any(|line| Line::scan(&line).is_ok_and(|line| line.seq == expected))
        });
    if comes_later { Problem::OutOfOrder { found } } else { Problem::Missing { found } }
}
