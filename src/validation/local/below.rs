//! Writing below a folder whose content is hostile: one component at a time, never through a link.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};

use crate::diff::FileMode;
use crate::infrastructure::confinement::discard;

/// A folder that is written below. What stands in the way of a file or folder is moved to `trash`.
pub(super) struct Below {
    top: OwnedFd,
    trash: PathBuf,
    trashed: u32,
}

impl Below {
    /// Opens the folder `top`; `trash` is a folder on the same file system, made and removed as needed.
    pub(super) fn open(top: &Path, trash: PathBuf) -> io::Result<Self> {
        let top = rustix::fs::openat(CWD, top, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { top, trash, trashed: 0 })
    }

    /// Writes one file of a tree.
    pub(super) fn put(&mut self, path: &[u8], mode: FileMode, content: &[u8]) -> io::Result<()> {
        let (folder, name) = split(path);
        let folder = self.folder(folder)?;
        if mode == FileMode::Gitlink {
            return self.enter(&folder, name).map(drop);
        }
        self.throw_away(&folder, name)?;
        if mode == FileMode::Symlink {
            return Ok(rustix::fs::symlinkat(content, &folder, name)?);
        }
        let bits = if mode == FileMode::Executable { 0o777 } else { 0o666 };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&folder, name, flags, Mode::from_raw_mode(bits))?;
        io::Write::write_all(&mut std::fs::File::from(file), content)
    }

    /// Removes a file, or a folder with all that is in it.
    pub(super) fn remove(&mut self, path: &[u8]) -> io::Result<()> {
        let (folder, name) = split(path);
        let folder = self.folder(folder)?;
        self.throw_away(&folder, name)
    }

    /// Makes the mark by which an overlay hides what the layers below have at `path`.
    #[cfg(target_os = "linux")]
    pub(super) fn hide(&mut self, path: &[u8]) -> io::Result<()> {
        let (folder, name) = split(path);
        let folder = self.folder(folder)?;
        self.throw_away(&folder, name)?;
        Ok(rustix::fs::mknodat(&folder, name, FileType::CharacterDevice, Mode::empty(), 0)?)
    }

    /// There are no overlays here.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn hide(&mut self, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The folder at `path`, made where something else is.
    fn folder(&mut self, path: &[u8]) -> io::Result<OwnedFd> {
        let mut folder = self.top.try_clone()?;
        for part in path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
            folder = self.enter(&folder, part)?;
        }
        Ok(folder)
    }

    fn enter(&mut self, parent: &OwnedFd, name: &[u8]) -> io::Result<OwnedFd> {
        let found = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW);
        let is_folder = found.is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Directory);
        if !is_folder {
            self.throw_away(parent, name)?;
            rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o777))?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(parent, name, flags, Mode::empty())?)
    }

    fn throw_away(&mut self, parent: &OwnedFd, name: &[u8]) -> io::Result<()> {
        use rustix::io::Errno;
        match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::ISDIR | Errno::PERM) => {} // PERM is what POSIX says for a folder
            Err(error) => return Err(error.into()),
        }
        std::fs::create_dir_all(&self.trash)?;
        self.trashed += 1;
        let thrown = self.trash.join(self.trashed.to_string());
        // moving a folder needs the right to write its `..`
        let _not_ours = rustix::fs::chmodat(parent, name, Mode::from_raw_mode(0o700), AtFlags::empty());
        rustix::fs::renameat(parent, name, CWD, &thrown)?;
        discard(&thrown)
    }
}

impl Drop for Below {
    fn drop(&mut self) {
        let _not_there = std::fs::remove_dir(&self.trash);
    }
}

/// `a/b` and `c` of `a/b/c`.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_and_folders_in_the_way_are_replaced_and_never_followed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (top, outside) = (folder.path().join("top"), folder.path().join("outside"));
        fs::create_dir_all(top.join("was-folder/deep")).expect("folders");
        fs::create_dir(&outside).expect("a folder");
        fs::write(outside.join("file"), "theirs").expect("a file");
        symlink(&outside, top.join("src")).expect("a link");
        symlink(outside.join("file"), top.join("link")).expect("a link");
        let mut below = Below::open(&top, folder.path().join("trash")).expect("opens");
        below.put(b"src/file", FileMode::Regular, b"ours").expect("writes");
        below.put(b"link", FileMode::Executable, b"ours").expect("writes");
        below.put(b"was-folder", FileMode::Symlink, b"link").expect("writes");
        below.put(b"deep/er/file", FileMode::Regular, b"ours").expect("writes");
        below.remove(b"deep/er").expect("removes");
        below.remove(b"never/there").expect("nothing to do");
        drop(below);
        assert_eq!(fs::read_to_string(outside.join("file")).expect("there"), "theirs");
        assert_eq!(fs::read_to_string(top.join("src/file")).expect("there"), "ours");
        assert!(fs::symlink_metadata(top.join("src")).expect("there").is_dir());
        assert_eq!(fs::read_link(top.join("was-folder")).expect("a link"), Path::new("link"));
        assert!(!top.join("deep/er").exists() && !folder.path().join("trash").exists());
    }
}
