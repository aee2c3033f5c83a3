//! Which files of the base its own runs changed.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::id::RepoPath;
use crate::repository::TreeEntry;

/// Paths below which nothing is as it was checked out.
#[derive(Debug, Default)]
pub(super) struct Touched(HashSet<Vec<u8>>);

impl Touched {
    /// Exactly these.
    #[cfg(test)]
    pub(super) fn of(paths: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self(paths.into_iter().collect())
    }

    /// Everything that an overlay keeps in `written`: files, links, marks of removal, and folders that hide those
    /// below them.
    pub(super) fn in_layer(written: &Path) -> io::Result<Self> {
        let mut touched = Self::default();
        match fs::symlink_metadata(written) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            _ => touched.walk(written, b"")?,
        }
        Ok(touched)
    }

    /// Everything that is kept in any of `layers`.
    pub(super) fn in_layers(layers: impl IntoIterator<Item = std::path::PathBuf>) -> io::Result<Self> {
        let mut all = Self::default();
        for layer in layers {
            all.0.extend(Self::in_layer(&layer)?.0);
        }
        Ok(all)
    }

    /// The files of `entries` that are no longer in `copy` as they are in `original`.
    pub(super) fn in_copy(original: &Path, copy: &Path, entries: &[TreeEntry]) -> Self {
        let facts = |top: &Path, path: &RepoPath| {
            let found = fs::symlink_metadata(top.join(std::ffi::OsStr::from_bytes(path.as_bytes()))).ok()?;
            // the time of a link is not copied
            let time = if found.is_symlink() { (0, 0) } else { (found.mtime(), found.mtime_nsec()) };
            Some((found.mode(), found.size(), time))
        };
        let paths = entries.iter().map(|entry| &entry.path);
        let differ = paths.filter(|path| facts(original, path).is_none_or(|was| facts(copy, path) != Some(was)));
        Self(differ.map(|path| path.as_bytes().to_vec()).collect())
    }

    /// Whether the file at `path`, or a folder that it is in, was touched.
    pub(super) fn covers(&self, path: &RepoPath) -> bool {
        let path = path.as_bytes();
        !self.0.is_empty()
            && (self.0.contains(path) || memchr::memchr_iter(b'/', path).any(|at| self.0.contains(&path[..at])))
    }

    fn walk(&mut self, folder: &Path, path: &[u8]) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let separator: &[u8] = if path.is_empty() { b"" } else { b"/" };
            let here = [path, separator, entry.file_name().as_bytes()].concat();
            if entry.file_type()?.is_dir() && !hides_what_is_below(&entry.path()) {
                // one that cannot be looked into hides what is in it
                if self.walk(&entry.path(), &here).is_err() {
                    self.0.insert(here);
                }
            } else {
                self.0.insert(here);
            }
        }
        Ok(())
    }
}

/// Whether an overlay made this folder new where another was.
#[cfg(target_os = "linux")]
fn hides_what_is_below(folder: &Path) -> bool {
    let mut value = [0; 2];
    rustix::fs::lgetxattr(folder, "user.overlay.opaque", &mut value).is_ok_and(|length| value[..length] == *b"y")
}

/// There are no overlays here.
#[cfg(not(target_os = "linux"))]
fn hides_what_is_below(_: &Path) -> bool {
    false
}
