//! The home: its folder, its disk, journal, anchor, store, and the clock beside them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{DaemonFacts, fail, ok, warn};
use crate::api::DoctorLine;
use crate::audit::{Head, JournalError, JournalReader};
use crate::clock::Timestamp;
use crate::id::{HostPath, Seq};
use crate::infrastructure::fault::Faults;
use crate::infrastructure::store::{Store, StoreError};
use crate::runtime::workbench::{WorkbenchParts, audit};
use crate::text::shell_word;

/// Entries before the anchor that are read again.
const TAIL: u64 = 1000;

/// 200 MiB: a base run's log and a few versions; below it a session may stop half-way.
const NO_ROOM: u64 = 200 << 20;
/// 2 GiB: a checkout and one build of most projects.
const LITTLE_ROOM: u64 = 2 << 30;

/// 2026-01-01: no Paraph is older.
const FIRST_DAY: Timestamp = Timestamp(1_767_225_600_000);
/// 2100-01-01.
const LAST_DAY: Timestamp = Timestamp(4_102_444_800_000);

pub(super) fn home(parts: &WorkbenchParts) -> Vec<DoctorLine> {
    let root = parts.home.root();
    let shown = HostPath::new(root);
    let folder = match fs::metadata(root) {
        Err(_) => {
            let above = existing_above(root);
            match is_writable(&above) {
                true => ok("home", format!("{shown} is not there yet; the first session makes it")),
                false => {
                    fail("home", format!("{shown} cannot be made: {} is read-only", HostPath::new(above)), SET_HOME)
                }
            }
        }
        Ok(data) if !data.is_dir() => fail("home", format!("{shown} is not a folder"), SET_HOME),
        Ok(data) if data.uid() != rustix::process::geteuid().as_raw() => {
            fail("home", format!("{shown} belongs to another user (uid {})", data.uid()), SET_HOME)
        }
        Ok(_) if !is_writable(root) => fail("home", format!("{shown} is read-only"), SET_HOME),
        Ok(data) if data.mode() & 0o077 != 0 => {
            let found = format!("others can enter {shown} (mode {:04o})", data.mode() & 0o7777);
            warn("home", found, format!("chmod 700 {}", shell_word(&shown.to_string())))
        }
        Ok(_) => ok("home", shown.to_string()),
    };
    vec![folder, disk(root)]
}

const SET_HOME: &str = "set PARAPH_HOME to a folder of yours that you can write";

fn disk(root: &Path) -> DoctorLine {
    let Ok(disk) = rustix::fs::statvfs(existing_above(root)) else {
        return warn("disk", "free space cannot be told", "df");
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let found = format!("{} MiB free", free >> 20);
    let hint = format!("free space, or {SET_HOME}");
    // some file systems do not count files and say 0 of 0
    if disk.f_files > 0 && disk.f_favail < 1000 {
        return fail("disk", format!("only {} more files can be made", disk.f_favail), hint);
    }
    if free < NO_ROOM {
        return fail("disk", found, hint);
    }
    if free < LITTLE_ROOM {
        return warn("disk", found, hint);
    }
    ok("disk", found)
}

fn existing_above(path: &Path) -> PathBuf {
    path.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

fn is_writable(folder: &Path) -> bool {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_ok()
}

/// Journal, anchor, store and clock.
pub(super) fn record(parts: &WorkbenchParts, daemon: &DaemonFacts) -> Vec<DoctorLine> {
    let reader = match JournalReader::open(&parts.home.journal()) {
        Ok(reader) => reader,
        Err(JournalError::NoJournal { .. }) => return vec![ok("journal", "none yet"), clock(parts, None)],
        Err(error) => return vec![fail("journal", error.to_string(), error.hint()), clock(parts, None)],
    };
    let mut lines = Vec::new();
    let anchor = match reader.anchor() {
        Ok(anchor) => {
            lines.push(ok("anchor", format!("{}:{}", anchor.seq, anchor.digest)));
            Some(anchor)
        }
        Err(error) => {
            lines.push(fail("anchor", error.to_string(), error.hint()));
            None
        }
    };
    let (line, last) = tail(&reader, anchor);
    lines.push(line);
    lines.push(store(parts, daemon, last.map(|(seq, _)| seq)));
    lines.push(clock(parts, last.map(|(_, at)| at)));
    lines
}

/// Reads the end of the journal again; its last entry and that one's time.
fn tail(reader: &JournalReader, anchor: Option<Head>) -> (DoctorLine, Option<(Seq, Timestamp)>) {
    let from = Seq(anchor.map_or(1, |anchor| anchor.seq.0.saturating_sub(TAIL).max(1)));
    let mut last = None;
    let bad = |error: &JournalError| fail("journal", error.to_string(), error.hint());
    let entries = match reader.iter_from(from) {
        Ok(entries) => entries,
        Err(error) => return (bad(&error), None),
    };
    for read in entries {
        match read {
            Ok((_, entry)) => {
                if let Some(anchor) = anchor.filter(|anchor| anchor.seq == entry.seq && anchor.digest != entry.digest) {
                    let found = format!("entry {} is not the one that the anchor names", anchor.seq);
                    return (fail("journal", found, "paraph audit verify"), last);
                }
                last = Some((entry.seq, entry.at));
            }
            Err(error) => return (bad(&error), last),
        }
    }
    let head = last.map_or(Seq(0), |(seq, _)| seq);
    if anchor.is_some_and(|anchor| anchor.seq > head) {
        return (fail("journal", format!("it ends at entry {head}, before its anchor"), "paraph audit verify"), last);
    }
    (ok("journal", format!("{head} entries; the last {} were read again", head.0 + 1 - from.0.min(head.0 + 1))), last)
}

fn store(parts: &WorkbenchParts, daemon: &DaemonFacts, head: Option<Seq>) -> DoctorLine {
    if matches!(daemon, DaemonFacts::Running { .. }) {
        return ok("store", "open in the daemon");
    }
    if !parts.home.store().exists() {
        return ok("store", "none yet; the next start builds it from the journal");
    }
    let Ok(_alone) = audit::alone(&parts.home) else {
        return ok("store", "open in another process");
    };
    match Store::open(&parts.home.store(), Faults::none()) {
        Ok((_, opened)) => {
            let (mark, head) = (opened.mark.map_or(0, |mark| mark.seq.0), head.map_or(0, |seq| seq.0));
            match mark.cmp(&head) {
                std::cmp::Ordering::Equal => ok("store", format!("opens, at entry {mark}")),
                std::cmp::Ordering::Less => {
                    ok("store", format!("opens, at entry {mark} of {head}; the next start does the rest"))
                }
                std::cmp::Ordering::Greater => {
                    let found = format!("it is at entry {mark} of a journal that ends at {head}");
                    warn("store", found, "paraph audit verify, then paraph recover")
                }
            }
        }
        Err(StoreError::Busy { .. }) => ok("store", "open in another process"),
        Err(error) => fail("store", error.to_string(), error.hint()),
    }
}

fn clock(parts: &WorkbenchParts, last: Option<Timestamp>) -> DoctorLine {
    let now = parts.clock.now();
    if now < FIRST_DAY || now > LAST_DAY {
        return warn("clock", now.to_string(), "set the clock: timedatectl");
    }
    match last {
        Some(last) if last > now => {
            let found = format!("{now}, before the last entry at {last}; order is kept by number");
            warn("clock", found, "set the clock: timedatectl")
        }
        _ => ok("clock", now.to_string()),
    }
}
