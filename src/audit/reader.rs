//! Reading the journal, also while another process appends to it, on a read-only disk, and without any database.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::entry::{Entry, Head, Line, Placed};
use super::error::{Flaw, JournalError, Problem, io_error};
use super::home::{self, Identity};
use super::walk::Walk;
use crate::id::{Seq, SessionId};

/// Reads a journal; it holds no file open and sees what was appended since.
///
/// It stops at the last whole line. That line may be one that its writer has not acknowledged yet.
#[derive(Debug, Clone)]
pub struct JournalReader {
    dir: PathBuf,
    identity: Identity,
}

impl JournalReader {
    /// The journal in `dir`.
    ///
    /// # Errors
    /// [`JournalError::NoJournal`] where none is, [`JournalError::Identity`] and [`JournalError::Newer`] for its `store.json`.
    pub fn open(dir: &Path) -> Result<Self, JournalError> {
        match Identity::read(dir)? {
            Some(identity) => Ok(Self { dir: dir.to_owned(), identity }),
            None if home::segments(dir).is_ok_and(|(segments, odd)| segments.is_empty() && odd.is_none()) => {
                Err(JournalError::NoJournal { path: dir.to_owned() })
            }
            None if !dir.exists() => Err(JournalError::NoJournal { path: dir.to_owned() }),
            None => Err(JournalError::Identity { path: dir.join("store.json"), why: "is missing".to_owned() }),
        }
    }

    pub(super) fn with_identity(dir: &Path, identity: Identity) -> Self {
        Self { dir: dir.to_owned(), identity }
    }

    /// The store's uuid.
    #[must_use]
    pub fn uuid(&self) -> uuid::Uuid {
        self.identity.uuid
    }

    /// What the first entry continues: sequence 0 and SHA-256 of the store's uuid.
    #[must_use]
    pub fn start(&self) -> Head {
        self.identity.start()
    }

    /// The head as the anchor file has it: at most a second old.
    ///
    /// # Errors
    /// [`JournalError::Anchor`] where it is missing or damaged.
    pub fn anchor(&self) -> Result<Head, JournalError> {
        home::read_anchor(&self.dir)
    }

    /// The entry at `placed`, with one read. Its digest is checked against the line and against `placed`.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] where another line, or none, is there.
    pub fn read_at(&self, placed: &Placed) -> Result<Entry, JournalError> {
        self.read_from(&self.open_segment(placed.segment)?, placed)
    }

    /// The entries at `places`, in their order; each segment is opened once where they are sorted.
    ///
    /// # Errors
    /// As [`JournalReader::read_at`].
    pub fn entries(&self, places: &[Placed]) -> Result<Vec<Entry>, JournalError> {
        let mut open: Option<(Seq, File)> = None;
        let mut read = Vec::with_capacity(places.len());
        for placed in places {
            let file = match open.take() {
                Some((segment, file)) if segment == placed.segment => file,
                _ => self.open_segment(placed.segment)?,
            };
            read.push(self.read_from(&file, placed)?);
            open = Some((placed.segment, file));
        }
        Ok(read)
    }

    /// Every entry from `seq` (or from the first) to the last whole line. Each is checked, and that it continues the
    /// one before; the first one's predecessor is believed unless it is the journal's first.
    ///
    /// # Errors
    /// [`JournalError::Io`] where the folder or a segment cannot be read.
    pub fn iter_from(&self, seq: Seq) -> Result<Entries, JournalError> {
        Ok(Entries { walk: Some(Walk::from_seq(&self.dir, self.start(), seq)?), only: None })
    }

    /// The entries of one session. The chain of all is checked on the way, but only those are read into memory.
    ///
    /// # Errors
    /// As [`JournalReader::iter_from`].
    pub fn iter_of(&self, session: SessionId) -> Result<Entries, JournalError> {
        Ok(Entries { only: Some(session), ..self.iter_from(Seq(1))? })
    }

    fn open_segment(&self, segment: Seq) -> Result<File, JournalError> {
        let path = home::segment_path(&self.dir, segment);
        File::open(&path).map_err(|error| io_error("read", &path, error))
    }

    fn read_from(&self, file: &File, placed: &Placed) -> Result<Entry, JournalError> {
        let path = home::segment_path(&self.dir, placed.segment);
        let flaw = |problem| Flaw { seq: placed.seq, path: path.clone(), offset: placed.offset, problem };
        if placed.len as usize > super::MAX_LINE {
            return Err(flaw(Problem::Malformed("it is longer than any entry")).into());
        }
        let mut bytes = vec![0; placed.len as usize + 1];
        file.read_exact_at(&mut bytes, placed.offset).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => flaw(Problem::Malformed("its segment ends before it does")).into(),
            _ => io_error("read", &path, error),
        })?;
        if bytes.pop() != Some(b'\n') {
            return Err(flaw(Problem::Malformed("no line ends where it should")).into());
        }
        let line = Line::scan(&bytes).map_err(|why| flaw(Problem::Malformed(why)))?;
        if line.computed() != placed.digest || line.digest != placed.digest || line.seq != placed.seq {
            return Err(flaw(Problem::Altered).into());
        }
        line.entry().map_err(|why| flaw(Problem::Malformed(why)).into())
    }
}

/// Entries in their order, with their places. After an error it ends.
#[derive(Debug)]
pub struct Entries {
    walk: Option<Walk>,
    only: Option<SessionId>,
}

impl Entries {
    /// The walk along the journal, until it ended.
    pub(super) fn walk(&mut self) -> Option<&mut Walk> {
        self.walk.as_mut()
    }
}

impl Iterator for Entries {
    type Item = Result<(Placed, Entry), JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        let walk = self.walk.as_mut()?;
        let read = loop {
            let (path, offset) = walk.place();
            match walk.next() {
                Ok(None) => break None,
                Err(error) => break Some(Err(error)),
                Ok(Some((_, line))) if self.only.is_some_and(|only| line.session() != Some(only)) => {}
                Ok(Some((placed, line))) => {
                    let flaw = |why| Flaw { seq: placed.seq, path, offset, problem: Problem::Malformed(why) };
                    break Some(line.entry().map(|entry| (placed, entry)).map_err(|why| flaw(why).into()));
                }
            }
        };
        if !matches!(read, Some(Ok(_))) {
            self.walk = None;
        }
        read
    }
}
