//! Where a daemon is met: its files, made private whatever the umask, and an address short enough for a socket.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::api::{Failure, FailureKind};
use crate::id::Digest;

use super::system;

// sun_path has 108 bytes on Linux and 104 on macOS, with the closing NUL
const LONGEST_ADDRESS: usize = 100;

/// The files of one home's daemon.
#[derive(Debug, Clone)]
pub struct Place {
    home: PathBuf,
    runtime_dir: Option<PathBuf>,
}

impl Place {
    /// The place under `home`, an absolute path; `runtime_dir` is what `XDG_RUNTIME_DIR` says.
    #[must_use]
    pub fn new(home: impl Into<PathBuf>, runtime_dir: Option<PathBuf>) -> Self {
        Self { home: home.into(), runtime_dir }
    }

    /// The home.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The socket's own path, however long: what `curl --unix-socket` takes where it is short enough.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.run().join("paraph.sock")
    }

    /// Where a daemon says who it is.
    #[must_use]
    pub fn facts(&self) -> PathBuf {
        self.run().join("daemon.json")
    }

    /// Where a daemon that a client started writes.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.home.join("logs").join("daemon.log")
    }

    pub(super) fn run(&self) -> PathBuf {
        self.home.join("run")
    }

    /// A path of at most 100 bytes that leads to the socket; makes a link where the socket's own is longer.
    ///
    /// # Errors
    /// Where no directory for the link can be had that is ours alone.
    pub fn address(&self) -> Result<PathBuf, Failure> {
        let socket = self.socket();
        if socket.as_os_str().len() <= LONGEST_ADDRESS {
            return Ok(socket);
        }
        let name = &Digest::of(self.home.as_os_str().as_bytes()).to_string()[..16];
        let own = format!("paraph-{}", system::own_uid());
        let mut refused = Vec::new();
        for base in self.runtime_dir.iter().map(PathBuf::as_path).chain([Path::new("/tmp")]) {
            let link = base.join(&own).join(name);
            let address = link.join("paraph.sock");
            if !base.is_absolute() || address.as_os_str().len() > LONGEST_ADDRESS {
                continue;
            }
            match private_directory(&base.join(&own)).and_then(|()| point(&link, &self.run())) {
                Ok(()) => return Ok(address),
                Err(error) => refused.push(format!("{}: {error}", link.display())),
            }
        }
        let mut failure = Failure::new(
            FailureKind::Unreachable,
            format!(
                "the socket {} has a path too long for the system, and no link to it can be made",
                socket.display()
            ),
        )
        .hint("set PARAPH_HOME to a shorter path");
        failure.causes = refused;
        Err(failure)
    }

    /// Writes `bytes` into `run/` and takes them away again: a daemon that could not write has no place to say so.
    ///
    /// # Errors
    /// That no space is left, or that the home cannot be written.
    pub(super) fn try_writing(&self, bytes: usize) -> Result<(), Failure> {
        self.prepare()?;
        let probe = self.run().join(format!("probe.{}", std::process::id()));
        // bytes that are there: a file with a hole takes no space
        let written = fs::write(&probe, vec![1; bytes]);
        // another start in this process may have taken it away already
        let _ = fs::remove_file(&probe);
        written.map_err(|error| {
            unwritable(&self.home, &error).unwrap_or_else(|| {
                let message = format!("cannot write into {}: {error}", self.home.display());
                Failure::new(FailureKind::Unreachable, message).hint("paraph doctor")
            })
        })
    }

    /// Makes `run/`, ours and private.
    pub(super) fn prepare(&self) -> Result<(), Failure> {
        fs::create_dir_all(&self.home).and_then(|()| private_directory(&self.run())).map_err(|error| {
            if let Some(failure) = unwritable(&self.home, &error) {
                return failure;
            }
            Failure::new(
                FailureKind::Refused,
                format!("cannot use {} as a private directory: {error}", self.run().display()),
            )
            .hint("paraph doctor")
            .hint("set PARAPH_HOME to a directory of your own")
        })
    }

    /// Makes the log and its directory, and opens it for appending; one that grew past a megabyte is set aside.
    pub(super) fn open_log(&self) -> io::Result<fs::File> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let log = self.log();
        private_directory(&self.home.join("logs"))?;
        if fs::metadata(&log).is_ok_and(|log| log.len() > 1 << 20) {
            fs::rename(&log, log.with_extension("log.1"))?;
        }
        fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&log)
    }
}

/// The failure of a home on a disk that is full or takes no writes.
fn unwritable(home: &Path, error: &io::Error) -> Option<Failure> {
    let home = home.display();
    let (message, hint) = match error.kind() {
        io::ErrorKind::StorageFull => (format!("no space left on {home}"), "free some space there"),
        io::ErrorKind::QuotaExceeded => (format!("no space left on {home}: your quota is used up"), "free some space"),
        io::ErrorKind::ReadOnlyFilesystem => {
            (format!("{home} is on a file system that is mounted read-only"), "mount it to be written")
        }
        _ => return None,
    };
    let failure = Failure::new(FailureKind::Unreachable, message).hint(hint);
    Some(failure.hint("set PARAPH_HOME to a folder of yours that you can write").hint("paraph doctor"))
}

/// Makes sure that `path` is a directory of this user that nobody else can enter.
fn private_directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(path)?;
    if !found.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is no directory"));
    }
    if found.uid() != system::own_uid() {
        let message = format!("it belongs to user {}, this process is user {}", found.uid(), system::own_uid());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    if found.mode() & 0o777 != 0o700 {
        fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Makes `link` lead to `target`, replacing what led elsewhere. Its directory is ours, so nobody interferes.
fn point(link: &Path, target: &Path) -> io::Result<()> {
    if fs::read_link(link).is_ok_and(|found| found == target) {
        return Ok(());
    }
    let fresh = link.with_extension(std::process::id().to_string());
    let _ = fs::remove_file(&fresh);
    std::os::unix::fs::symlink(target, &fresh)?;
    fs::rename(&fresh, link)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).expect("it is there").mode() & 0o777
    }

    #[test]
    fn an_address_is_short_whatever_the_home() {
        let root = tempfile::tempdir().expect("a directory");
        let runtime = tempfile::Builder::new().prefix("x").tempdir_in("/tmp").expect("a directory");
        let near = Place::new(root.path().join("h"), None);
        assert_eq!(near.address().expect("an address"), near.socket());
        let far = Place::new(root.path().join("long".repeat(40)), Some(runtime.path().to_owned()));
        far.prepare().expect("a place");
        let address = far.address().expect("an address");
        assert!(address.as_os_str().len() <= LONGEST_ADDRESS && address.starts_with(runtime.path()));
        fs::write(&address, "reached").expect("through the link");
        assert_eq!(fs::read(far.socket()).expect("the socket's own path"), b"reached");
        assert_eq!(far.address().expect("again"), address);
        assert_eq!(mode(address.parent().and_then(Path::parent).expect("the links' directory")), 0o700);
    }

    #[test]
    fn a_link_that_leads_elsewhere_is_replaced() {
        let root = tempfile::tempdir().expect("a directory");
        let runtime = tempfile::Builder::new().prefix("x").tempdir_in("/tmp").expect("a directory");
        let far = Place::new(root.path().join("long".repeat(40)), Some(runtime.path().to_owned()));
        let address = far.address().expect("an address");
        let link = address.parent().expect("the link");
        fs::remove_file(link).expect("remove");
        std::os::unix::fs::symlink("/etc", link).expect("elsewhere");
        far.address().expect("an address");
        assert_eq!(fs::read_link(link).expect("a link"), far.run());
    }

    #[test]
    fn a_planted_directory_is_not_used() {
        let root = tempfile::tempdir().expect("a directory");
        let runtime = tempfile::Builder::new().prefix("x").tempdir_in("/tmp").expect("a directory");
        std::os::unix::fs::symlink(root.path(), runtime.path().join(format!("paraph-{}", system::own_uid())))
            .expect("a link where the directory should be");
        let far = Place::new(root.path().join("long".repeat(40)), Some(runtime.path().to_owned()));
        assert!(!far.address().expect("the next place").starts_with(runtime.path()));
    }

    #[track_caller]
    fn check_unwritable(errno: i32, expected: Option<&str>) {
        let failure = unwritable(Path::new("/h"), &io::Error::from_raw_os_error(errno));
        assert_eq!(failure.as_ref().map(|failure| failure.message.as_str()), expected);
        assert!(failure.is_none_or(|failure| failure.hints.len() > 1));
    }

    #[test]
    fn a_disk_that_takes_nothing_is_named() {
        check_unwritable(28, Some("no space left on /h")); // ENOSPC, on Linux and macOS
        check_unwritable(30, Some("/h is on a file system that is mounted read-only")); // EROFS
        check_unwritable(2, None); // ENOENT
    }

    #[test]
    fn trying_to_write_leaves_nothing() {
        let root = tempfile::tempdir().expect("a directory");
        let place = Place::new(root.path(), None);
        place.try_writing(1).expect("it can be written");
        assert_eq!(fs::read_dir(place.run()).expect("run").count(), 0);
        let file = root.path().join("file");
        fs::write(&file, "").expect("a file");
        Place::new(file, None).try_writing(1).expect_err("no folder");
    }

    #[test]
    fn an_open_directory_is_closed() {
        let root = tempfile::tempdir().expect("a directory");
        let place = Place::new(root.path(), None);
        fs::create_dir(place.run()).expect("make");
        fs::set_permissions(place.run(), Permissions::from_mode(0o777)).expect("open");
        place.prepare().expect("a place");
        assert_eq!(mode(&place.run()), 0o700);
    }
}
