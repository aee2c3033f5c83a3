//! Verifying a whole journal, and exporting what is whole: streaming, on a read-only disk, without any database.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::entry::Head;
use super::error::{Flaw, JournalError, Problem};
use super::home;
use super::reader::JournalReader;
use super::walk::Walk;
use crate::id::{Digest, Seq};
use crate::infrastructure::blobs::{BlobError, Blobs};

/// What to verify a journal against.
#[derive(Debug, Default)]
pub struct VerifyOptions<'a> {
    /// Anchors that left the journal (commit trailers, pull requests, `--anchor SEQ:DIGEST`).
    pub anchors: Vec<(Seq, Digest)>,
    /// Where to check every blob too.
    pub blobs: Option<&'a Blobs>,
}

/// One thing that is wrong.
#[derive(Debug)]
pub enum Finding {
    /// The journal, its `store.json` or its anchor.
    Journal(JournalError),
    /// A blob.
    Blob(BlobError),
}

impl Finding {
    /// The first bad sequence number, where the finding has one.
    #[must_use]
    pub fn seq(&self) -> Option<Seq> {
        match self {
            Self::Journal(JournalError::Damaged(flaw)) => Some(flaw.seq),
            _ => None,
        }
    }

    /// The next command to type.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Journal(error) => error.hint(),
            Self::Blob(error) => error.hint(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(error) => error.fmt(f),
            Self::Blob(error) => error.fmt(f),
        }
    }
}

/// An unfinished last line: an append that is under way, or one that a crash ended. It was never acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    /// The segment.
    pub path: PathBuf,
    /// Where it starts in it, in bytes.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
}

impl TornTail {
    /// The next command to type.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        "nothing is lost: the next start sets it aside (`paraph daemon start`)"
    }
}

/// What verifying found.
#[derive(Debug, Default)]
pub struct Report {
    /// The store's uuid, where `store.json` can be read.
    pub uuid: Option<uuid::Uuid>,
    /// Whole, chained entries from the first on.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The last of them.
    pub head: Option<Head>,
    /// What the anchor file says.
    pub anchor: Option<Head>,
    /// How many of the given anchors were met with their digest.
    pub anchors_met: usize,
    /// An unfinished last line beyond the anchor: worth a word, nothing wrong.
    pub torn: Option<TornTail>,
    /// Blobs that were checked.
    pub blobs: u64,
    /// What is wrong, the journal's first bad entry first. Empty: all is whole.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    /// The first bad sequence number, if an entry is bad.
    #[must_use]
    pub fn first_bad(&self) -> Option<Seq> {
        self.findings.iter().filter_map(Finding::seq).min()
    }

    fn found(&mut self, error: impl Into<JournalError>) {
        self.findings.push(Finding::Journal(error.into()));
    }
}

/// Verifies the journal in `dir` from its first entry to its last, its anchor, the given anchors and, where asked, the blobs.
///
/// Damage is no error but a finding. It may run while another process appends.
#[must_use]
pub fn verify(dir: &Path, options: &VerifyOptions<'_>) -> Report {
    verify_each(dir, options, &mut |_| {})
}

/// [`verify`], giving `each` every whole, chained line on the way, so that whoever needs them reads the journal once.
///
/// The blobs are read meanwhile, on a thread of their own.
#[must_use]
pub fn verify_each(dir: &Path, options: &VerifyOptions<'_>, each: &mut dyn FnMut(&[u8])) -> Report {
    let mut report = Report::default();
    std::thread::scope(|scope| {
        let blobs = options.blobs.map(|blobs| scope.spawn(|| blobs.verify_all()));
        if let Err(error) = verify_journal(dir, &options.anchors, &mut report, each) {
            report.found(error);
        }
        if let Some(blobs) = blobs {
            let (checked, wrong) = blobs.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            report.blobs = checked;
            report.findings.extend(wrong.into_iter().map(Finding::Blob));
        }
    });
    report
}

fn verify_journal(
    dir: &Path,
    anchors: &[(Seq, Digest)],
    report: &mut Report,
    each: &mut dyn FnMut(&[u8]),
) -> Result<(), JournalError> {
    let reader = JournalReader::open(dir)?;
    report.uuid = Some(reader.uuid());
    // before the segments: what the anchor names is in them, also while somebody appends
    match reader.anchor() {
        Ok(anchor) => report.anchor = Some(anchor),
        Err(error) => report.found(error),
    }
    let mut watched: Vec<_> =
        anchors.iter().map(|(seq, digest)| Watched { seq: *seq, digest: *digest, given: true }).collect();
    watched.extend(report.anchor.map(|Head { seq, digest }| Watched { seq, digest, given: false }));
    watched.sort_by_key(|watched| (watched.seq, watched.given));
    let mut watched = watched.into_iter().peekable();
    let mut walk = Walk::from_start(dir, reader.start())?;
    let mut head = reader.start();
    loop {
        while let Some(anchor) = watched.next_if(|anchor| anchor.seq <= head.seq) {
            report.meet(&anchor, head, &walk);
        }
        let Some((placed, line)) = walk.next()? else { break };
        each(line.bytes());
        head = Head { seq: placed.seq, digest: placed.digest };
        report.entries += 1;
        report.bytes += u64::from(placed.len) + 1;
        report.head = Some(head);
    }
    report.close(dir, head, watched.collect(), &walk)
}

struct Watched {
    seq: Seq,
    digest: Digest,
    given: bool,
}

impl Report {
    fn meet(&mut self, anchor: &Watched, head: Head, walk: &Walk) {
        if anchor.digest == head.digest {
            self.anchors_met += usize::from(anchor.given);
            return;
        }
        let (anchored, found) = (anchor.digest, head.digest);
        let problem = match anchor.given {
            true => Problem::OtherHistory { anchored, found },
            false => Problem::AnchorDiffers { anchored, found },
        };
        let (path, offset) = walk.place();
        self.found(Flaw { seq: anchor.seq, path, offset, problem });
    }

    /// What only the end of the journal shows.
    fn close(&mut self, dir: &Path, head: Head, unmet: Vec<Watched>, walk: &Walk) -> Result<(), JournalError> {
        let (path, offset) = walk.place();
        let cut = unmet.iter().any(|anchor| !anchor.given);
        for anchor in unmet {
            let problem = match anchor.given {
                true => Problem::OlderCopy { head: head.seq },
                false => Problem::Cut { anchor: anchor.seq, head: head.seq },
            };
            let seq = if anchor.given { anchor.seq } else { head.next() };
            self.found(Flaw { seq, path: path.clone(), offset, problem });
        }
        if let Some(torn) = walk.torn().filter(|_| !cut) {
            self.torn = Some(TornTail { path, offset, bytes: torn.bytes });
        }
        if let (_, Some(path)) = home::segments(dir)? {
            self.found(Flaw { seq: head.next(), path, offset: 0, problem: Problem::OddName });
        }
        Ok(())
    }
}

/// What an export wrote.
#[derive(Debug)]
pub struct Exported {
    /// Entries written.
    pub entries: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Why it stopped before the end, if it did: only whole, chained entries are written.
    pub stopped: Option<JournalError>,
}

/// Writes every whole, chained entry of the journal in `dir` as one JSON object a line, usable without Paraph.
///
/// A journal whose `store.json` is missing or damaged is written too: only its first entry's predecessor is then believed.
///
/// # Errors
/// What `out` fails with; damage of the journal is in [`Exported::stopped`].
pub fn export(dir: &Path, out: &mut dyn Write) -> io::Result<Exported> {
    let mut exported = Exported { entries: 0, bytes: 0, stopped: None };
    let opened = JournalReader::open(dir);
    let mut walk = match &opened {
        Ok(reader) => Walk::from_start(dir, reader.start()),
        Err(_) => Walk::from_segment(dir, Seq(1)),
    };
    exported.stopped = opened.err();
    while let Ok(walk) = &mut walk {
        match walk.next_raw() {
            Ok(Some(line)) => {
                out.write_all(line)?;
                out.write_all(b"\n")?;
                exported.entries += 1;
                exported.bytes += line.len() as u64 + 1;
            }
            Ok(None) => break,
            Err(error) => {
                exported.stopped = Some(error);
                break;
            }
        }
    }
    if let Err(error) = walk {
        exported.stopped.get_or_insert(error);
    }
    out.flush()?;
    Ok(exported)
}
