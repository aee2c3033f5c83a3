//! The lock on a home: whoever holds it may open the store.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::api::{Failure, FailureKind};

use super::Place;

/// Looks at the lock that a starting neighbour may cost; each is followed by a pause.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// The sole right to a home's store, until it is dropped. The system takes it back from a process that dies.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

/// What holds a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    Daemon,
    Other,
}

impl Holder {
    fn word(self) -> &'static str {
        match self {
            Self::Daemon => "daemon",
            Self::Other => "process",
        }
    }
}

impl Lock {
    /// Takes the lock on `home` for work without a daemon. Blocks for a tenth of a second at most.
    ///
    /// # Errors
    /// [`FailureKind::Conflict`] naming the process that holds it; [`FailureKind::Refused`] where `run/` cannot be ours.
    pub fn take(home: &Path) -> Result<Self, Failure> {
        let place = Place::new(home, None);
        for _ in 0..TRIES {
            if let Some(lock) = Self::try_take(&place, Holder::Other)? {
                return Ok(lock);
            }
            std::thread::sleep(PAUSE);
        }
        Err(Self::held(&place))
    }

    /// The lock, unless somebody holds it.
    pub(super) fn try_take(place: &Place, holder: Holder) -> Result<Option<Self>, Failure> {
        place.prepare()?;
        let path = file_of(place);
        let failed = |error: io::Error| {
            Failure::new(FailureKind::Failed, format!("cannot lock {}: {error}", path.display())).hint("paraph doctor")
        };
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).clone();
        let file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let mut lock = Self { file, path: path.clone() };
        if !lock.stands() {
            // somebody removed the file between opening and locking: this lock keeps nobody out
            return Ok(None);
        }
        lock.sign(holder).map_err(failed)?;
        Ok(Some(lock))
    }

    fn sign(&mut self, holder: Holder) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        writeln!(self.file, "{} {}", std::process::id(), holder.word())
    }

    /// Whether the locked file is still the one that others would lock: not after the home was removed or replaced.
    #[must_use]
    pub fn stands(&self) -> bool {
        let (Ok(ours), Ok(there)) = (self.file.metadata(), fs::symlink_metadata(&self.path)) else { return false };
        (ours.dev(), ours.ino()) == (there.dev(), there.ino())
    }

    /// Whether nobody holds the lock. Looking holds it for an instant.
    pub(super) fn is_free(place: &Place) -> bool {
        File::open(file_of(place)).map_or(true, |file| file.try_lock_shared().is_ok())
    }

    /// Who signed last, where that can be read.
    pub(super) fn signed(place: &Place) -> Option<(u32, Holder)> {
        let text = fs::read_to_string(file_of(place)).ok()?;
        let (pid, word) = text.trim_end().split_once(' ')?;
        let holder = if word == Holder::Daemon.word() { Holder::Daemon } else { Holder::Other };
        Some((pid.parse().ok()?, holder))
    }

    /// The failure that names the holder.
    pub(super) fn held(place: &Place) -> Failure {
        let home = place.home().display();
        let (who, hint) = match Self::signed(place) {
            Some((pid, Holder::Daemon)) => (format!("its daemon, process {pid}"), "paraph daemon stop".to_owned()),
            Some((pid, Holder::Other)) => (format!("process {pid}"), format!("wait for process {pid} to end")),
            None => ("another process".to_owned(), "paraph daemon stop".to_owned()),
        };
        Failure::new(FailureKind::Conflict, format!("{home} is in use by {who}")).hint(hint)
    }
}

fn file_of(place: &Place) -> PathBuf {
    place.run().join("lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_and_the_other_is_told_who() {
        let home = tempfile::tempdir().expect("a home");
        let place = Place::new(home.path(), None);
        assert!(Lock::is_free(&place));
        let lock = Lock::take(home.path()).expect("the first");
        assert!(lock.stands() && !Lock::is_free(&place));
        let refused = Lock::take(home.path()).expect_err("the second");
        assert_eq!(refused.kind, FailureKind::Conflict);
        assert!(refused.message.contains(&format!("process {}", std::process::id())), "{refused}");
        drop(lock);
        assert!(Lock::is_free(&place));
        Lock::take(home.path()).expect("after the first");
    }

    #[test]
    fn a_lock_on_a_removed_home_does_not_stand() {
        let home = tempfile::tempdir().expect("a home");
        let lock = Lock::take(home.path()).expect("a lock");
        fs::remove_dir_all(home.path().join("run")).expect("remove");
        assert!(!lock.stands());
        let next = Lock::take(home.path()).expect("a lock on the new file");
        assert!(next.stands() && !lock.stands());
    }
}
