//! Bodies that do not cross the socket: named by digest, opened and checked by the client.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Failure, FailureKind};
use crate::id::Digest;

/// A body in the blobs folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BlobRef {
    /// SHA-256 of the body.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// The blobs folder as clients see it: `blobs/<first two digits>/<the rest>`.
#[derive(Debug, Clone)]
pub struct BlobStore {
    folder: PathBuf,
}

impl BlobStore {
    /// The blobs of the home at `home`.
    #[must_use]
    pub fn of_home(home: &Path) -> Self {
        Self { folder: home.join("blobs") }
    }

    /// Reads a body and checks it against its name.
    ///
    /// # Errors
    /// A [`Failure`] where it is missing or is not what its name says; the hint names `paraph audit verify`.
    pub fn read(&self, digest: &Digest) -> Result<Vec<u8>, Failure> {
        let name = digest.to_string();
        let path = self.folder.join(&name[..2]).join(&name[2..]);
        let bytes = std::fs::read(&path).map_err(|error| {
            Failure::new(FailureKind::Failed, format!("cannot read blob {}: {error}", digest.short()))
                .hint("paraph audit verify")
        })?;
        if Digest::of(&bytes) == *digest {
            Ok(bytes)
        } else {
            Err(Failure::new(FailureKind::Failed, format!("blob {} was altered on disk", digest.short()))
                .hint("paraph audit verify"))
        }
    }

    /// Stores a body that a request will name (a patch to review).
    ///
    /// # Errors
    /// A [`Failure`] where the folder cannot be written.
    pub fn write(&self, bytes: &[u8]) -> Result<Digest, Failure> {
        let faults = crate::infrastructure::fault::Faults::none();
        let blobs = crate::infrastructure::blobs::Blobs::new(&self.folder, faults);
        // a service that starts meanwhile removes unfinished files, this one too: then it is written again
        let stored = blobs.put(bytes).or_else(|_| blobs.put(bytes));
        stored.map_err(|error| Failure::from_error(FailureKind::Failed, &error).hint(error.hint()))
    }
}
