//! Writing the journal: opening it, appending, anchoring.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::entry::{self, Head, NewEntry, Placed};
use super::error::{Flaw, JournalError, Problem, io_error};
use super::home::{self, Identity};
use super::reader::JournalReader;
use super::walk::{Torn, Walk};
use crate::id::{Ids, Seq};
use crate::infrastructure::fault::Faults;

/// Where a new segment starts: 64 MiB, a file that `less` still opens at once.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// What a journal is opened with.
pub struct JournalOptions<'a> {
    /// Names the store when it is made.
    pub ids: &'a dyn Ids,
    /// Fault points.
    pub faults: Faults,
    /// The last entry that the store has applied: what comes after it is verified. Without it the last segment is.
    pub mark: Option<Placed>,
    /// The size at which a new segment starts: [`SEGMENT_BYTES`], less in tests.
    pub segment_bytes: u64,
}

impl<'a> JournalOptions<'a> {
    /// No mark, no faults, segments of [`SEGMENT_BYTES`].
    #[must_use]
    pub fn new(ids: &'a dyn Ids) -> Self {
        Self { ids, faults: Faults::none(), mark: None, segment_bytes: SEGMENT_BYTES }
    }
}

/// What opening found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Whether the journal was made now.
    pub created: bool,
    /// The last entry.
    pub head: Head,
    /// How the given mark stands to the journal.
    pub mark: MarkStanding,
    /// The unfinished last line that was moved away, if there was one. It was never acknowledged.
    pub torn: Option<SetAside>,
}

/// How the store's mark stands to the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkStanding {
    /// No mark was given: replay everything.
    NotGiven,
    /// The mark is the last entry: go on.
    Equal,
    /// So many entries follow the mark: replay them.
    Behind(u64),
    /// The journal has no such entry there (the store is ahead, of another journal, or damaged): rebuild the store.
    Unknown,
}

/// An unfinished line that was moved out of its segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Where its bytes are now.
    pub path: PathBuf,
    /// How many they are.
    pub bytes: u64,
}

/// The journal, open for appending. One process at a time may hold it.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    identity: Identity,
    current: Option<Segment>,
    head: Head,
    anchored: Head,
    faults: Faults,
    segment_bytes: u64,
    read_only: Option<String>,
}

#[derive(Debug)]
struct Segment {
    first: Seq,
    path: PathBuf,
    file: File,
    /// The acknowledged length.
    len: u64,
    named_durably: bool,
}

impl Journal {
    /// Opens the journal in `dir`, which is made where it is missing, and verifies it from the mark (else from its last segment).
    ///
    /// # Errors
    /// [`JournalError::Damaged`] for a broken chain or a journal shorter than its anchor, [`JournalError::Anchor`] and
    /// [`JournalError::Identity`] for those files. Nothing is changed then.
    pub fn open(dir: &Path, options: JournalOptions<'_>) -> Result<(Self, Opened), JournalError> {
        home::make_dir(dir)?;
        let (identity, created) = match Identity::read(dir)? {
            Some(identity) => (identity, false),
            None => (create(dir, options.ids, &options.faults)?, true),
        };
        let anchored = home::read_anchor(dir)?;
        let reader = JournalReader::with_identity(dir, identity);
        let mark = options.mark.filter(|mark| reader.read_at(mark).is_ok());
        let tail = verify_tail(dir, identity, mark.as_ref(), anchored)?;
        let torn = tail.torn.map(|torn| set_aside(dir, torn, tail.head.next(), &options.faults)).transpose()?;
        let standing = match (options.mark, mark) {
            (None, _) => MarkStanding::NotGiven,
            (Some(_), None) => MarkStanding::Unknown,
            (_, Some(mark)) if mark.seq == tail.head.seq => MarkStanding::Equal,
            (_, Some(mark)) => MarkStanding::Behind(tail.head.seq.0 - mark.seq.0),
        };
        // the anchor never leads: up to it everything was synced by whoever wrote it
        let synced = tail.head.seq == anchored.seq;
        let current = tail.segment.map(|(first, len)| Segment::open(dir, first, len, synced)).transpose()?;
        let journal = Self {
            dir: dir.to_owned(),
            identity,
            current,
            head: tail.head,
            anchored,
            faults: options.faults,
            segment_bytes: options.segment_bytes,
            read_only: None,
        };
        Ok((journal, Opened { created, head: tail.head, mark: standing, torn }))
    }

    /// The last acknowledged entry.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// Whether a failure left it read-only until it is opened again.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.read_only.is_some()
    }

    /// A reader of the same journal, for any thread.
    #[must_use]
    pub fn reader(&self) -> JournalReader {
        JournalReader::with_identity(&self.dir, self.identity)
    }

    /// Records `entries`: one write and one fdatasync for all of them. When it returns, they are durable.
    ///
    /// # Errors
    /// Nothing of the batch is recorded then: [`JournalError::Entry`] before anything is written; after a write that
    /// failed the segment is cut back. The journal stays usable after [`JournalError::NoSpace`] and after a failed write;
    /// where a sync or the cutting back failed, what the disk holds is not known: it is [`JournalError::ReadOnly`] until it is opened again.
    pub fn append(&mut self, entries: &[NewEntry]) -> Result<Vec<Placed>, JournalError> {
        self.append_telling(entries, &mut || {})
    }

    /// The same; `written` is called once the entries are with the system and before they are durable, so that others can
    /// go on while the disk works.
    ///
    /// # Errors
    /// As [`Journal::append`], also after `written` was called.
    pub fn append_telling(
        &mut self,
        entries: &[NewEntry],
        written: &mut dyn FnMut(),
    ) -> Result<Vec<Placed>, JournalError> {
        if let Some(why) = &self.read_only {
            return Err(JournalError::ReadOnly { path: self.dir.clone(), why: why.clone() });
        }
        let (bytes, mut placed) = self.prepare(entries)?;
        let Some(last) = placed.last().copied() else { return Ok(placed) };
        let segment = self.segment_for(bytes.len() as u64)?;
        for place in &mut placed {
            place.segment = segment.first;
            place.offset += segment.len;
        }
        self.write(&bytes, written)?;
        self.head = Head { seq: last.seq, digest: last.digest };
        Ok(placed)
    }

    /// Writes the anchor, if entries came since the last one. To be called within a second of an append, and at the end.
    ///
    /// # Errors
    /// [`JournalError::NoSpace`] or [`JournalError::Write`]; the old anchor stays, and so does the journal.
    pub fn anchor(&mut self) -> Result<(), JournalError> {
        if self.anchored != self.head {
            home::write_anchor(&self.dir, self.head, &self.faults)?;
            self.anchored = self.head;
        }
        Ok(())
    }

    /// Whether the anchor names the last entry.
    #[must_use]
    pub fn is_anchored(&self) -> bool {
        self.anchored == self.head
    }

    /// The lines of a batch, and their places as if the segment were empty.
    fn prepare(&self, entries: &[NewEntry]) -> Result<(Vec<u8>, Vec<Placed>), JournalError> {
        let mut bytes = Vec::new();
        let mut placed = Vec::with_capacity(entries.len());
        let mut head = self.head;
        for (index, new) in entries.iter().enumerate() {
            let offset = bytes.len();
            let digest =
                entry::write_line(new, head, &mut bytes).map_err(|source| JournalError::Entry { index, source })?;
            head = Head { seq: head.next(), digest };
            let len = u32::try_from(bytes.len() - offset - 1).expect("a line is at most MAX_LINE long");
            placed.push(Placed { seq: head.seq, digest, segment: Seq(0), offset: offset as u64, len });
        }
        Ok((bytes, placed))
    }

    /// The segment that takes `needed` more bytes: the current one, or a new one where it would grow too large.
    fn segment_for(&mut self, needed: u64) -> Result<&mut Segment, JournalError> {
        let full = |segment: &Segment| segment.len > 0 && segment.len + needed > self.segment_bytes;
        if self.current.as_ref().is_none_or(full) {
            let segment = Segment::create(&self.dir, self.head.next(), &self.faults).map_err(|error| {
                JournalError::write(&home::segment_path(&self.dir, self.head.next()), needed, error)
            })?;
            self.current = Some(segment);
        }
        Ok(self.current.as_mut().expect("made above where it was missing"))
    }

    fn write(&mut self, bytes: &[u8], written: &mut dyn FnMut()) -> Result<(), JournalError> {
        let segment = self.current.as_mut().expect("chosen for this write");
        let needed = bytes.len() as u64;
        let Err((failed, error)) = segment.write(&self.dir, bytes, written, &self.faults) else { return Ok(()) };
        let error = JournalError::write(&segment.path, needed, error);
        let cut = self.faults.point("journal.before-cut").and_then(|()| segment.cut_back());
        let unknown = failed == Step::Sync && !matches!(error, JournalError::NoSpace { .. });
        if let Err(cut) = cut {
            self.read_only = Some(format!("{error}, and it could not be cut back: {cut}"));
        } else if unknown {
            self.read_only = Some(error.to_string());
        }
        Err(error)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Write,
    Sync,
}

impl Segment {
    fn create(dir: &Path, first: Seq, faults: &Faults) -> io::Result<Self> {
        faults.point("journal.before-segment")?;
        let path = home::segment_path(dir, first);
        // an empty segment of that name may be left from a crash
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        if file.metadata()?.len() > 0 {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "the next segment is already there, and not empty",
            ));
        }
        Ok(Self { first, path, file, len: 0, named_durably: false })
    }

    fn open(dir: &Path, first: Seq, len: u64, synced: bool) -> Result<Self, JournalError> {
        let path = home::segment_path(dir, first);
        let file = OpenOptions::new().write(true).open(&path).map_err(|error| io_error("open", &path, error))?;
        if !synced {
            // what a crashed writer wrote and did not sync is acted upon from now on
            file.sync_data().and_then(|()| home::sync_dir(dir)).map_err(|error| io_error("sync", &path, error))?;
        }
        Ok(Self { first, path, file, len, named_durably: true })
    }

    fn write(
        &mut self,
        dir: &Path,
        bytes: &[u8],
        written: &mut dyn FnMut(),
        faults: &Faults,
    ) -> Result<(), (Step, io::Error)> {
        let wrote = faults.point("journal.before-write").and_then(|()| self.file.write_all_at(bytes, self.len));
        wrote.map_err(|error| (Step::Write, error))?;
        written();
        let sync = || -> io::Result<()> {
            faults.point("journal.before-sync")?;
            self.file.sync_data()?;
            faults.point("journal.after-sync")?;
            if !self.named_durably {
                home::sync_dir(dir)?;
                faults.point("journal.after-folder-sync")?;
            }
            Ok(())
        };
        sync().map_err(|error| (Step::Sync, error))?;
        self.named_durably = true;
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn cut_back(&self) -> io::Result<()> {
        self.file.set_len(self.len)?;
        self.file.sync_data()
    }
}

/// Makes a new journal: the anchor first, `store.json` last, so that a crash in between is a folder without a store.
fn create(dir: &Path, ids: &dyn Ids, faults: &Faults) -> Result<Identity, JournalError> {
    let (segments, odd) = home::segments(dir)?;
    let was_there =
        !segments.is_empty() || odd.is_some() || home::read_anchor(dir).is_ok_and(|anchor| anchor.seq.0 > 0);
    if was_there {
        return Err(JournalError::Identity { path: dir.join("store.json"), why: "is missing".to_owned() });
    }
    faults.point("journal.before-create").map_err(|error| JournalError::write(&dir.join("store.json"), 4096, error))?;
    let identity = Identity { uuid: ids.uuid() };
    home::write_anchor(dir, identity.start(), faults)?;
    identity.write(dir, faults)?;
    Ok(identity)
}

struct Tail {
    head: Head,
    segment: Option<(Seq, u64)>,
    torn: Option<Torn>,
}

/// Walks from the mark, else from the last segment, to the end.
fn verify_tail(dir: &Path, identity: Identity, mark: Option<&Placed>, anchored: Head) -> Result<Tail, JournalError> {
    let (segments, odd) = home::segments(dir)?;
    let mut walk = match (mark, segments.last()) {
        (Some(mark), _) => Walk::after(dir, mark)?,
        (None, Some(last)) if last.0 > 1 && segments.first() == Some(&Seq(1)) => Walk::from_segment(dir, *last)?,
        _ => Walk::from_start(dir, identity.start())?,
    };
    check_anchor(walk.head(), anchored, &walk)?;
    while let Some((placed, _)) = walk.next()? {
        let head = Head { seq: placed.seq, digest: placed.digest };
        check_anchor(Some(head), anchored, &walk)?;
    }
    let head = match walk.head() {
        Some(head) => head,
        // the last segment is empty: its predecessor ends the chain
        None => return verify_before_empty(dir, identity, &segments, anchored),
    };
    if head.seq < anchored.seq {
        let (path, offset) = walk.place();
        return Err(JournalError::cut(path, anchored, head, offset));
    }
    if let Some(path) = odd {
        return Err(Flaw { seq: head.next(), path, offset: 0, problem: Problem::OddName }.into());
    }
    Ok(Tail { head, segment: walk.segment(), torn: walk.torn() })
}

fn verify_before_empty(dir: &Path, identity: Identity, segments: &[Seq], anchored: Head) -> Result<Tail, JournalError> {
    let before = segments.len().checked_sub(2).map(|index| segments[index]);
    let mut walk = match before {
        Some(first) if first.0 > 1 => Walk::from_segment(dir, first)?,
        _ => Walk::from_start(dir, identity.start())?,
    };
    while let Some((placed, _)) = walk.next()? {
        check_anchor(Some(Head { seq: placed.seq, digest: placed.digest }), anchored, &walk)?;
    }
    let head = walk.head().unwrap_or_else(|| identity.start());
    if head.seq < anchored.seq {
        let (path, offset) = walk.place();
        return Err(JournalError::cut(path, anchored, head, offset));
    }
    Ok(Tail { head, segment: walk.segment(), torn: walk.torn() })
}

fn check_anchor(head: Option<Head>, anchored: Head, walk: &Walk) -> Result<(), JournalError> {
    match head {
        Some(head) if head.seq == anchored.seq && head.digest != anchored.digest => {
            let (path, offset) = walk.place();
            let problem = Problem::AnchorDiffers { anchored: anchored.digest, found: head.digest };
            Err(Flaw { seq: head.seq, path, offset, problem }.into())
        }
        _ => Ok(()),
    }
}

/// Moves an unfinished last line to `torn/`: copied and synced there before it is cut from its segment.
fn set_aside(dir: &Path, torn: Torn, next: Seq, faults: &Faults) -> Result<SetAside, JournalError> {
    let segment = home::segment_path(dir, torn.segment);
    let folder = home::torn_dir(dir);
    home::make_dir(&folder)?;
    let path = (0..)
        .map(|n| folder.join(format!("{:020}-{n}.part", next.0)))
        .find(|path| !path.exists())
        .expect("some number is free");
    let cut = || -> io::Result<()> {
        faults.point("journal.before-torn")?;
        let source = OpenOptions::new().read(true).write(true).open(&segment)?;
        let mut bytes = vec![0; usize::try_from(torn.bytes).map_err(io::Error::other)?];
        source.read_exact_at(&mut bytes, torn.offset)?;
        let mut copy = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        copy.write_all(&bytes)?;
        copy.sync_all()?;
        home::sync_dir(&folder)?;
        faults.point("journal.after-torn")?;
        source.set_len(torn.offset)?;
        source.sync_data()
    };
    cut().map_err(|error| JournalError::write(&path, torn.bytes, error))?;
    Ok(SetAside { path, bytes: torn.bytes })
}
