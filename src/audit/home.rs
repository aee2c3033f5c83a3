//! The files of a journal's folder: segments by name, `store.json`, the anchor.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::entry::Head;
use super::error::{JournalError, io_error};
use crate::id::{Digest, Seq};
use crate::infrastructure::fault::Faults;

const FORMAT: &str = "paraph.journal/1";

/// `journal/<first-seq, 20 digits>.jsonl`.
pub(super) fn segment_path(dir: &Path, first: Seq) -> PathBuf {
    dir.join(format!("{:020}.jsonl", first.0))
}

/// The folder where never acknowledged ends of segments are kept.
pub(super) fn torn_dir(dir: &Path) -> PathBuf {
    dir.join("torn")
}

/// The segments, by their first sequence number; a `.jsonl` file of another name is returned as such.
pub(super) fn segments(dir: &Path) -> Result<(Vec<Seq>, Option<PathBuf>), JournalError> {
    let mut found = Vec::new();
    let mut odd = None;
    for item in fs::read_dir(dir).map_err(|error| io_error("list", dir, error))? {
        let path = item.map_err(|error| io_error("list", dir, error))?.path();
        if path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        match stem.parse::<u64>() {
            Ok(first) if stem.len() == 20 && stem.bytes().all(|byte| byte.is_ascii_digit()) => found.push(Seq(first)),
            _ => odd = Some(path),
        }
    }
    found.sort_unstable();
    Ok((found, odd))
}

/// Makes a folder that only its owner can enter, where it is missing.
pub(super) fn make_dir(dir: &Path) -> Result<(), JournalError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| io_error("make", dir, error))
}

/// Makes names in `dir` durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Replaces `path` whole: temporary file, fsync, rename, fsync of the folder.
fn replace(dir: &Path, name: &str, content: &str, faults: &Faults) -> Result<(), JournalError> {
    let (path, temporary) = (dir.join(name), dir.join(format!("{name}.tmp")));
    let write = || -> io::Result<()> {
        faults.point("anchor.before-write")?;
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(content.as_bytes())?;
        faults.point("anchor.before-sync")?;
        file.sync_all()?;
        faults.point("anchor.before-rename")?;
        fs::rename(&temporary, &path)?;
        faults.point("anchor.after-rename")?;
        sync_dir(dir)
    };
    write().map_err(|error| JournalError::write(&path, content.len() as u64, error))
}

/// What `store.json` says: which store this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) uuid: uuid::Uuid,
}

impl Identity {
    /// What the first entry continues: SHA-256 of the uuid as text.
    pub(super) fn start(self) -> Head {
        Head { seq: Seq(0), digest: Digest::of(self.uuid.hyphenated().to_string().as_bytes()) }
    }

    fn text(self) -> String {
        let uuid = self.uuid.hyphenated();
        format!("{{\"first_prev\":\"{}\",\"format\":\"{FORMAT}\",\"uuid\":\"{uuid}\"}}\n", self.start().digest)
    }

    pub(super) fn write(self, dir: &Path, faults: &Faults) -> Result<(), JournalError> {
        replace(dir, "store.json", &self.text(), faults)
    }

    /// `None` where there is no such file.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>, JournalError> {
        #[derive(Deserialize)]
        struct Form {
            format: String,
            uuid: uuid::Uuid,
        }
        let path = dir.join("store.json");
        let Some(bytes) = read_small(&path)? else { return Ok(None) };
        let damaged = |why: &str| JournalError::Identity { path: path.clone(), why: why.to_owned() };
        let form: Form = serde_json::from_slice(&bytes).map_err(|_| damaged("is not what a store writes there"))?;
        if form.format != FORMAT {
            return Err(match form.format.strip_prefix("paraph.journal/").and_then(|v| v.parse::<u32>().ok()) {
                Some(version) if version > 1 => JournalError::Newer { path, format: form.format },
                _ => damaged("names no known format"),
            });
        }
        let identity = Self { uuid: form.uuid };
        if identity.text().as_bytes() == bytes { Ok(Some(identity)) } else { Err(damaged("was altered")) }
    }
}

/// Writes the anchor: the head as it was a moment ago.
pub(super) fn write_anchor(dir: &Path, head: Head, faults: &Faults) -> Result<(), JournalError> {
    replace(dir, "anchor", &anchor_text(head), faults)
}

fn anchor_text(head: Head) -> String {
    let check = Digest::of(format!("{}:{}", head.seq, head.digest).as_bytes());
    format!("{{\"check\":\"{check}\",\"digest\":\"{}\",\"seq\":{}}}\n", head.digest, head.seq)
}

/// Reads the anchor; its own check tells a damaged anchor from a journal that was cut.
pub(super) fn read_anchor(dir: &Path) -> Result<Head, JournalError> {
    #[derive(Deserialize)]
    struct Form {
        digest: Digest,
        seq: Seq,
    }
    let path = dir.join("anchor");
    let damaged = |why: &str| JournalError::Anchor { path: path.clone(), why: why.to_owned() };
    let bytes = read_small(&path)?.ok_or_else(|| damaged("is missing"))?;
    let form: Form = serde_json::from_slice(&bytes).map_err(|_| damaged("is not what a store writes there"))?;
    let head = Head { seq: form.seq, digest: form.digest };
    if anchor_text(head).as_bytes() == bytes { Ok(head) } else { Err(damaged("was altered")) }
}

fn read_small(path: &Path) -> Result<Option<Vec<u8>>, JournalError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error("read", path, error)),
    }
}
