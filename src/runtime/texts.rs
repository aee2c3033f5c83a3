//! What small blobs say: explanations and lists of files, which every view of a session names.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::id::Digest;
use crate::infrastructure::blobs::{BlobError, Blobs};

use super::recent::Recent;

/// How many are held.
const MOST: usize = 512;

/// The longest that is held, in bytes: all of them together are 4 MiB at most, a few hundred KiB as a rule.
const LONGEST: usize = 8 * 1024;

/// Small blobs, checked when they were read first and held from then on: their name says that they never change. Clones
/// share them.
#[derive(Debug, Clone)]
pub(super) struct Texts {
    blobs: Blobs,
    recent: Arc<Mutex<Recent<Digest, Arc<[u8]>>>>,
}

impl Texts {
    pub(super) fn of(blobs: Blobs) -> Self {
        Self { blobs, recent: Arc::new(Mutex::new(Recent::of_at_most(MOST))) }
    }

    /// Whether all of these are held: reading them waits for no disk then.
    pub(super) fn hold(&self, mut digests: impl Iterator<Item = Digest>) -> bool {
        let mut recent = self.lock();
        digests.all(|digest| recent.get(&digest).is_some())
    }

    /// The content of a blob.
    ///
    /// # Errors
    /// As [`Blobs::get`].
    pub(super) fn get(&self, digest: Digest) -> Result<Arc<[u8]>, BlobError> {
        if let Some(held) = self.lock().get(&digest) {
            return Ok(held);
        }
        let read: Arc<[u8]> = self.blobs.get(digest)?.into();
        if read.len() <= LONGEST {
            self.lock().put(digest, read.clone());
        }
        Ok(read)
    }

    fn lock(&self) -> MutexGuard<'_, Recent<Digest, Arc<[u8]>>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
