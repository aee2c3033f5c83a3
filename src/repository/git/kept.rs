//! Repositories of the user kept open between two looks: a person who approves waits for the second.
//!
//! Opening reads the configuration of user, machine and repository; what is asked here (where a branch points) is read
//! from its file each time. A handle is kept only where its owner is who asks, so that no `safe.directory` stands behind
//! it, and used again only while folder, git directory and configuration are those that it was opened from.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::open::Opened;

/// The most that are kept. // what a person goes through in one sitting; each is a few hundred bytes and no descriptor
const KEPT: usize = 8;

/// Open repositories by their roots, the last used last.
#[derive(Default)]
pub(super) struct Kept(Mutex<Vec<Entry>>);

struct Entry {
    marks: Marks,
    opened: Opened,
}

/// What tells that a repository is the one that was opened: its root, what `.git` is there, its configuration.
#[derive(PartialEq, Eq)]
struct Marks([Option<Mark>; 3]);

/// A file or folder: device, inode, owner; of a file also when it changed and how long it is.
#[derive(PartialEq, Eq)]
struct Mark {
    place: (u64, u64),
    owner: u32,
    changed: (i64, i64, u64),
}

impl Kept {
    /// The repository that was opened at `root`, for the caller alone; `None` where there is none, or none that is still it.
    pub(super) fn take(&self, root: &Path) -> Option<Opened> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|entry| entry.opened.root == root)?;
        let Entry { marks, opened } = kept.remove(at);
        drop(kept);
        (Marks::of(&opened) == marks).then_some(opened)
    }

    /// Keeps what was opened at `root`, or was taken; drops it where it may not be used again.
    pub(super) fn keep(&self, root: &Path, opened: Opened) {
        let marks = Marks::of(&opened);
        if opened.root != root || opened.is_stand_in() || !marks.are_of(rustix::process::geteuid().as_raw()) {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push(Entry { marks, opened });
    }
}

impl Marks {
    fn of(opened: &Opened) -> Self {
        let paths: [PathBuf; 3] = [opened.root.clone(), opened.root.join(".git"), opened.common.join("config")];
        Self(paths.map(|path| path.metadata().ok().map(|found| Mark::of(&found))))
    }

    fn are_of(&self, user: u32) -> bool {
        self.0.iter().flatten().all(|mark| mark.owner == user)
    }
}

impl Mark {
    fn of(found: &Metadata) -> Self {
        // a folder changes whenever something is made in it
        let changed = if found.is_dir() { (0, 0, 0) } else { (found.ctime(), found.ctime_nsec(), found.size()) };
        Self { place: (found.dev(), found.ino()), owner: found.uid(), changed }
    }
}
