//! Folders reached one component at a time, never through a link: what makes reading and writing below a folder
//! stay below it.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};

/// Opens the folder `path` itself, which may be reached through links.
pub(crate) fn open_top(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Opens the folder `name` in `parent`; a link is an error.
pub(crate) fn open_folder(parent: &OwnedFd, name: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(parent, name, flags, Mode::empty())?)
}

/// Makes, where it is missing, and opens the folder `name` in `parent`; anything else of that name is an error.
pub(crate) fn make_folder(parent: &OwnedFd, name: &[u8]) -> io::Result<OwnedFd> {
    match rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o777)) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => open_folder(parent, name),
        Err(error) => Err(error.into()),
    }
}

/// Opens the folder at `path` below `top`; `None` where it, or a folder on the way, is missing or a link.
pub(crate) fn find_folder(top: &OwnedFd, path: &[u8]) -> io::Result<Option<OwnedFd>> {
    let mut folder = top.try_clone()?;
    for part in path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
        match open_folder(&folder, part) {
            Ok(next) => folder = next,
            Err(error) => {
                return match error.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(None),
                    _ if is_link(&error) => Ok(None),
                    _ => Err(error),
                };
            }
        }
    }
    Ok(Some(folder))
}

fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

/// `a/b` and `c` of `a/b/c`.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

/// What is in `parent` under `name`, itself a link perhaps; `None` where there is nothing.
pub(crate) fn look(parent: &OwnedFd, name: &[u8]) -> io::Result<Option<rustix::fs::Stat>> {
    match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => Ok(Some(found)),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Removes whatever is in `parent` under `name`: a folder with all that is in it, read-only ones too.
pub(crate) fn remove(parent: &OwnedFd, name: &[u8]) -> io::Result<()> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => return Ok(()),
        Err(rustix::io::Errno::ISDIR | rustix::io::Errno::PERM) => {} // PERM is what POSIX says for a folder
        Err(error) => return Err(error.into()),
    }
    // a folder without permissions of its owner cannot be opened before they are back
    let _ = rustix::fs::chmodat(parent, name, Mode::from_raw_mode(0o700), AtFlags::empty());
    let folder = open_folder(parent, name)?;
    clear(&folder, &|_| false)?;
    Ok(rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)?)
}

/// Removes all that is in `folder`, except names for which `keep` is true.
pub(crate) fn clear(folder: &OwnedFd, keep: &dyn Fn(&[u8]) -> bool) -> io::Result<()> {
    for name in names(folder)? {
        if !keep(&name) {
            remove(folder, &name)?;
        }
    }
    Ok(())
}

/// The names in `folder`.
pub(crate) fn names(folder: &OwnedFd) -> io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(name.to_vec());
        }
    }
    Ok(names)
}
