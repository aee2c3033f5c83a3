//! Files by digest.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::id::Digest;

/// The blobs folder.
#[derive(Debug, Clone)]
pub struct Blobs {
    folder: PathBuf,
}

impl Blobs {
    /// The blobs below `folder`.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Stores `bytes`.
    ///
    /// # Errors
    /// The file system's error.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, std::io::Error> {
        let digest = Digest::of(bytes);
        let name = digest.to_string();
        let folder = self.folder.join(&name[..2]);
        std::fs::create_dir_all(&folder)?;
        let mut file = tempfile::NamedTempFile::new_in(&folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(folder.join(&name[2..])).map_err(|error| error.error)?;
        Ok(digest)
    }
}
