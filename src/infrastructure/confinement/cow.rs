//! Copies that share nothing a write could spoil: clones where the file system can, else real copies.
//!
//! Never hard links: a build that rewrites a file in place would change the user's own.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// How a folder was lent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mechanism {
    /// Files that share blocks until written (btrfs, XFS, bcachefs, APFS).
    Reflink,
    /// A mount inside the confinement.
    Overlay,
    /// Bytes were copied.
    Copy,
}

/// Copies the file or folder `source` to `target`, which must not exist: modes and times are kept, symbolic links
/// stay links, sockets and devices are left out. [`Mechanism::Copy`] as soon as one file had to be copied.
///
/// # Errors
/// What the system said; a half-made `target` is left for the caller to throw away.
pub fn cow_copy(source: &Path, target: &Path) -> io::Result<Mechanism> {
    let metadata = fs::symlink_metadata(source)?;
    let kind = metadata.file_type();
    if kind.is_symlink() {
        symlink(fs::read_link(source)?, target)?;
        return Ok(Mechanism::Reflink);
    }
    if kind.is_dir() {
        return copy_folder(source, target, &metadata);
    }
    if kind.is_socket() || kind.is_fifo() || kind.is_char_device() || kind.is_block_device() {
        return Ok(Mechanism::Reflink);
    }
    copy_file(source, target, &metadata)
}

fn copy_folder(source: &Path, target: &Path, metadata: &fs::Metadata) -> io::Result<Mechanism> {
    fs::create_dir(target)?;
    let mut mechanism = Mechanism::Reflink;
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        if cow_copy(&entry.path(), &target.join(entry.file_name()))? == Mechanism::Copy {
            mechanism = Mechanism::Copy;
        }
    }
    fs::set_permissions(target, metadata.permissions())?;
    Ok(mechanism)
}

fn copy_file(source: &Path, target: &Path, metadata: &fs::Metadata) -> io::Result<Mechanism> {
    let mut from = File::open(source)?;
    let mut to = File::create_new(target)?;
    let cloned = metadata.size() == 0 || clone(&to, &from);
    if !cloned {
        io::copy(&mut from, &mut to)?;
    }
    to.set_permissions(metadata.permissions())?;
    // build tools compare times: a newer dependency means building again
    to.set_modified(metadata.modified()?)?;
    Ok(if cloned { Mechanism::Reflink } else { Mechanism::Copy })
}

/// Removes a folder that a build left, whatever modes it gave its own folders (Go's module cache is read-only);
/// links are removed, never followed. A folder that is not there is as wanted.
///
/// # Errors
/// What the system said about the first thing that stayed.
pub fn discard(folder: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_dir()) {
        return Ok(());
    }
    open_folders(folder)?;
    fs::remove_dir_all(folder)
}

fn open_folders(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_folders(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn clone(to: &File, from: &File) -> bool {
    rustix::fs::ioctl_ficlone(to, from).is_ok()
}

/// On macOS `io::copy` and the system's own copy decide; clones are made by `cp -c` only.
#[cfg(not(target_os = "linux"))]
fn clone(_to: &File, _from: &File) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_folders_can_be_thrown_away_and_links_are_not_followed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (gone, kept) = (folder.path().join("gone"), folder.path().join("kept"));
        fs::create_dir_all(gone.join("a/b")).expect("folders");
        fs::create_dir(&kept).expect("a folder");
        fs::write(kept.join("file"), "x").expect("a file");
        symlink(&kept, gone.join("link")).expect("a link");
        for closed in [gone.join("a/b"), gone.join("a"), kept.clone()] {
            fs::set_permissions(closed, fs::Permissions::from_mode(0o500)).expect("chmod");
        }
        fs::set_permissions(&gone, fs::Permissions::from_mode(0o000)).expect("chmod");
        discard(&gone).expect("removes");
        discard(&gone).expect("nothing to do");
        assert!(!gone.exists() && kept.join("file").exists());
        assert_eq!(fs::metadata(&kept).expect("there").mode() & 0o777, 0o500);
    }

    #[test]
    fn a_copy_is_alike_and_independent() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (source, target) = (folder.path().join("source"), folder.path().join("target"));
        fs::create_dir_all(source.join("bin")).expect("folders");
        fs::write(source.join("bin/tool"), "#!/bin/sh\n").expect("file");
        fs::set_permissions(source.join("bin/tool"), fs::Permissions::from_mode(0o755)).expect("chmod");
        symlink("bin/tool", source.join("link")).expect("link");
        symlink("/etc/passwd", source.join("away")).expect("link");
        cow_copy(&source, &target).expect("copies");
        assert_eq!(fs::read_link(target.join("away")).expect("a link"), Path::new("/etc/passwd"));
        let (old, new) =
            (fs::metadata(source.join("link")).expect("old"), fs::metadata(target.join("link")).expect("new"));
        assert_eq!((old.mode(), old.mtime()), (new.mode(), new.mtime()));
        fs::write(target.join("bin/tool"), "changed").expect("writes");
        assert_eq!(fs::read_to_string(source.join("bin/tool")).expect("source"), "#!/bin/sh\n");
        assert!(cow_copy(&source, &target).is_err(), "an existing target is not mixed with");
    }
}
