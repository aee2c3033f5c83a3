//! Going on after damage, by hand: what is whole stays, everything from the first bad entry on is kept beside it.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use super::entry::Head;
use super::error::{JournalError, io_error};
use super::home;
use super::reader::JournalReader;
use super::walk::Walk;
use crate::infrastructure::fault::Faults;

/// What recovering did to a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The last whole entry: the journal goes on after it.
    pub head: Head,
    /// What the anchor named, where it could be read: entries up to here were acknowledged.
    pub anchored: Option<Head>,
    /// Where whole copies of the damaged files are, if anything was damaged.
    pub kept: Option<PathBuf>,
}

/// Makes the journal in `dir` usable again: copies every file that is damaged, or follows a damaged one, to
/// `damaged-<first bad entry>-<n>/`, cuts the journal after its last whole entry and anchors it there.
///
/// It loses acknowledged entries from sight, and an anchor that left the journal will say so for ever: it runs only
/// where a person typed it, with no writer. A whole journal is left as it is.
///
/// # Errors
/// [`JournalError::Identity`] where `store.json` is damaged: no entry can be checked then. Nothing is cut before its copy is durable.
pub fn recover(dir: &Path, faults: &Faults) -> Result<Recovered, JournalError> {
    let reader = JournalReader::open(dir)?;
    let anchored = reader.anchor().ok();
    let mut walk = Walk::from_start(dir, reader.start())?;
    let broken = loop {
        match walk.next() {
            Ok(Some(_)) => {}
            Ok(None) => break walk.torn().is_some(),
            Err(JournalError::Damaged(_)) => break true,
            Err(error) => return Err(error),
        }
    };
    let head = walk.head().unwrap_or_else(|| reader.start());
    let (segments, odd) = home::segments(dir)?;
    let anchor_wrong =
        anchored.is_none_or(|anchor| anchor.seq > head.seq || (anchor.seq == head.seq && anchor != head));
    if !broken && odd.is_none() && !anchor_wrong {
        return Ok(Recovered { head, anchored, kept: None });
    }
    let (last, len) = walk.segment().unwrap_or((head.next(), 0));
    let kept = (0..)
        .map(|n| dir.join(format!("damaged-{:020}-{n}", head.next().0)))
        .find(|path| !path.exists())
        .expect("some number is free");
    home::make_dir(&kept)?;
    let later: Vec<_> =
        segments.iter().filter(|first| **first > last).map(|first| home::segment_path(dir, *first)).collect();
    let current = home::segment_path(dir, last);
    for path in later.iter().chain(&odd).chain([&current, &dir.join("anchor")]) {
        copy(path, &kept)?;
    }
    home::sync_dir(&kept).and_then(|()| home::sync_dir(dir)).map_err(|error| io_error("sync", &kept, error))?;
    for path in later.iter().chain(&odd) {
        fs::remove_file(path).map_err(|error| io_error("remove", path, error))?;
    }
    if current.exists() {
        let cut = OpenOptions::new().write(true).open(&current).and_then(|file| {
            file.set_len(len)?;
            file.sync_all()
        });
        cut.map_err(|error| io_error("cut", &current, error))?;
    }
    home::sync_dir(dir).map_err(|error| io_error("sync", dir, error))?;
    home::write_anchor(dir, head, faults)?;
    Ok(Recovered { head, anchored, kept: Some(kept) })
}

fn copy(path: &Path, to: &Path) -> Result<(), JournalError> {
    let Some(name) = path.file_name().filter(|_| path.exists()) else { return Ok(()) };
    let target = to.join(name);
    let copied = fs::copy(path, &target).and_then(|_| fs::File::open(&target)?.sync_all());
    copied.map_err(|error| io_error("copy", path, error))
}
