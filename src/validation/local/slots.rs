//! Checkouts: one folder for each base tree of a repository, kept for the next session, reclaimed when old.
//!
//! ```text
//! <worktrees>/<name>/tree       the base as it was checked out; never written again
//!                    complete   there when `tree` is whole; holds the repository's key
//!                    base       which base it is of: the repository's key and the tree
//!                    used       when it was last used
//!                    git/       overlays only: what `git` finds in a checkout of it
//!                    left/      what the base's runs wrote
//!                    scratch/   their home and temporary files
//!                    runs/<n>/  one proposal: what differs, what its runs wrote; gone afterwards
//!                    work       copies only: where the runs of now take place
//! <worktrees>/<name>/left       overlays only: what a setup step left for every base with these lockfiles
//!                    scratch/   its home, and what it fetched into caches of toolchains
//!                    made-on    the base it ran on; there when it succeeded
//! ```

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use std::time::Duration;

use crate::cancel::Cancel;
use crate::clock::Timestamp;
use crate::id::{Digest, ObjectId};
use crate::infrastructure::confinement::discard;
use crate::repository::{RepoKey, Vcs, VcsError};
use crate::validation::{Reclaimed, ValidatorError};

/// How often a waiting job looks whether the checkout is free.
const LOOK: Duration = Duration::from_millis(20);

/// All checkouts.
pub(super) struct Slots {
    folder: PathBuf,
    locks: Mutex<HashMap<PathBuf, Arc<RwLock<()>>>>,
    runs: AtomicU64,
}

/// The checkout of one base tree. Base runs have it alone; proposals share it.
pub(super) struct Slot {
    /// Its folder.
    pub(super) path: PathBuf,
    lock: Arc<RwLock<()>>,
}

/// What went wrong with files of a checkout.
pub(super) fn broken(what: &str, path: &Path, error: &io::Error) -> ValidatorError {
    ValidatorError::Checkout(format!("cannot {what} {}: {error}", path.display()))
}

impl Slots {
    /// The checkouts in `folder`.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, locks: Mutex::default(), runs: AtomicU64::new(1) }
    }

    /// The folder, made, by its real path.
    pub(super) fn folder(&self) -> Result<PathBuf, ValidatorError> {
        use std::os::unix::fs::DirBuilderExt as _;
        let failed = |error| broken("make", &self.folder, &error);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(failed)?;
        self.folder.canonicalize().map_err(failed)
    }

    /// The slot for a base tree seen in one `manner`: what was built at one place fits no other.
    pub(super) fn slot(&self, key: &RepoKey, tree: &ObjectId, manner: &str) -> Result<Slot, ValidatorError> {
        let name = Digest::of(format!("{}\0{tree}\0{manner}", key.0).as_bytes()).to_string();
        Ok(self.at(self.folder()?.join(&name[..20])))
    }

    /// The slot for what a setup step leaves in one `manner`.
    pub(super) fn setup_slot(&self, key: &RepoKey, setup: Digest, manner: &str) -> Result<Slot, ValidatorError> {
        let name = Digest::of(format!("{}\0setup {setup}\0{manner}", key.0).as_bytes()).to_string();
        Ok(self.at(self.folder()?.join(&name[..20])))
    }

    /// A number that no other run has.
    pub(super) fn next_run(&self) -> u64 {
        self.runs.fetch_add(1, Ordering::Relaxed)
    }

    fn at(&self, path: PathBuf) -> Slot {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        let lock = locks.entry(path.clone()).or_default().clone();
        Slot { path, lock }
    }

    /// Removes the checkouts of these bases but for those that a run uses now. What a setup step left is no checkout:
    /// other bases with the same lockfiles stand on it.
    pub(super) fn discard(
        &self,
        vcs: &dyn Vcs,
        key: &RepoKey,
        trees: &[ObjectId],
    ) -> Result<Reclaimed, ValidatorError> {
        let folder = self.folder()?;
        let listed = fs::read_dir(&folder).map_err(|error| broken("list", &folder, &error))?;
        let wanted: Vec<String> = trees.iter().map(|tree| base_line(key, tree)).collect();
        let mut reclaimed = Reclaimed::default();
        for path in listed.filter_map(Result::ok).map(|entry| entry.path()) {
            if !fs::read_to_string(path.join(BASE)).is_ok_and(|base| wanted.contains(&base)) {
                continue;
            }
            let slot = self.at(path);
            let Ok(_alone) = slot.lock.try_write() else {
                reclaimed.in_use += 1;
                continue;
            };
            reclaimed.bytes += size_of(&slot.path);
            slot.remove(vcs);
            reclaimed.checkouts += 1;
        }
        Ok(reclaimed)
    }

    /// Removes leftovers of crashed runs, and slots unused for longer than `kept_for` or beyond the `kept` newest.
    pub(super) fn reclaim(&self, vcs: &dyn Vcs, now: Timestamp, kept: usize, kept_for: Duration) {
        let Ok(listed) = self.folder().and_then(|folder| {
            let read = fs::read_dir(&folder).map_err(|error| broken("list", &folder, &error))?;
            Ok(read.filter_map(Result::ok).map(|entry| entry.path()).collect::<Vec<_>>())
        }) else {
            return;
        };
        let mut slots: Vec<(Timestamp, PathBuf)> = listed.into_iter().map(|path| (last_use(&path), path)).collect();
        slots.sort_by(|one, other| other.cmp(one));
        for (number, (used, path)) in slots.into_iter().enumerate() {
            let slot = self.at(path);
            let Ok(_alone) = slot.lock.try_write() else { continue };
            if number >= kept || now.since(used) > kept_for {
                slot.remove(vcs);
            } else {
                slot.sweep();
            }
        }
    }
}

/// The file that says which base a checkout is of.
const BASE: &str = "base";

/// What it holds. Both are hex digits.
fn base_line(key: &RepoKey, tree: &ObjectId) -> String {
    format!("{} {tree}\n", key.0)
}

/// Bytes of all files below a folder; what cannot be looked at counts nothing.
fn size_of(folder: &Path) -> u64 {
    let mut bytes = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok) {
            // of the entry itself: links are not followed
            let Ok(found) = entry.metadata() else { continue };
            if found.is_dir() {
                folders.push(entry.path());
            } else {
                bytes += found.len();
            }
        }
    }
    bytes
}

fn last_use(slot: &Path) -> Timestamp {
    let text = fs::read_to_string(slot.join("used")).unwrap_or_default();
    text.trim().parse().unwrap_or(Timestamp(0))
}

impl Slot {
    /// Has the slot alone, as soon as nobody else uses it.
    pub(super) fn alone(&self, cancel: &Cancel) -> Result<RwLockWriteGuard<'_, ()>, ValidatorError> {
        loop {
            match self.lock.try_write() {
                Ok(guard) => return Ok(guard),
                Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => wait(cancel)?,
            }
        }
    }

    /// Has the slot together with other proposals, as soon as no base runs.
    pub(super) fn shared(&self, cancel: &Cancel) -> Result<RwLockReadGuard<'_, ()>, ValidatorError> {
        loop {
            match self.lock.try_read() {
                Ok(guard) => return Ok(guard),
                Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => wait(cancel)?,
            }
        }
    }

    /// Checks the base out where that was not done; the caller has the slot alone.
    pub(super) fn fill(
        &self,
        vcs: &dyn Vcs,
        key: &RepoKey,
        tree: &ObjectId,
        now: Timestamp,
        cancel: &Cancel,
    ) -> Result<(), ValidatorError> {
        let (into, complete) = (self.tree(), self.path.join("complete"));
        let failed = |error| broken("prepare", &self.path, &error);
        if !complete.is_file() {
            discard(&self.path).map_err(failed)?;
            fs::create_dir_all(&into).map_err(failed)?;
            vcs.checkout(key, tree, &into, cancel).map_err(|error| match error {
                VcsError::Cancelled => ValidatorError::Cancelled,
                error => ValidatorError::Checkout(described(&error)),
            })?;
            fs::write(self.path.join(BASE), base_line(key, tree)).map_err(failed)?;
            fs::write(&complete, &key.0).map_err(failed)?;
        }
        self.touch(now)
    }

    /// The base as it was checked out.
    pub(super) fn tree(&self) -> PathBuf {
        self.path.join("tree")
    }

    /// What the base's runs left: a layer, or a copy with it.
    pub(super) fn left(&self) -> PathBuf {
        self.path.join("left")
    }

    /// What `git` finds in it.
    pub(super) fn git(&self) -> PathBuf {
        self.path.join("git")
    }

    /// Home and temporary files of the base's runs.
    pub(super) fn scratch(&self) -> PathBuf {
        self.path.join("scratch")
    }

    /// Removes what the base's runs left: a tool that was not there may have been noted in a build folder. The caller
    /// has the slot alone.
    pub(super) fn forget_runs(&self) -> Result<(), ValidatorError> {
        let gone = discard(&self.left()).and_then(|()| discard(&self.scratch()));
        gone.map_err(|error| broken("remove what runs left below", &self.path, &error))
    }

    /// Says that it is used now.
    pub(super) fn touch(&self, now: Timestamp) -> Result<(), ValidatorError> {
        let used = self.path.join("used");
        fs::create_dir_all(&self.path)
            .and_then(|()| fs::write(&used, now.to_string()))
            .map_err(|error| broken("write", &used, &error))
    }

    /// Removes what only a run in progress may have; the caller has the slot alone.
    fn sweep(&self) {
        for name in ["runs", "work", "trash"] {
            if let Err(error) = discard(&self.path.join(name)) {
                tracing::warn!(path = %self.path.display(), %error, "a leftover of a run could not be removed");
            }
        }
    }

    fn remove(&self, vcs: &dyn Vcs) {
        if let Ok(key) = fs::read_to_string(self.path.join("complete")) {
            // forgets what was written there; the folder itself goes below
            let _gone_with_its_repository = vcs.remove_checkout(&RepoKey(key), &self.tree());
        }
        if let Err(error) = discard(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "an old checkout could not be removed");
        }
    }
}

fn wait(cancel: &Cancel) -> Result<(), ValidatorError> {
    if cancel.is_cancelled() {
        return Err(ValidatorError::Cancelled);
    }
    std::thread::sleep(LOOK);
    Ok(())
}

/// An error with all its causes: a person sees one line.
pub(super) fn described(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
