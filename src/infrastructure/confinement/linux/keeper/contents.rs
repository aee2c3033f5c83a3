//! Kept files: what is in them lies in memory that only the supervisor has a name for; in their places lie stand-ins.
//!
//! A stand-in has the size and the mode of the file and nothing in it: programs that ask whether a file is there, how
//! large it is or whether it changed, that watch it, rename it or remove it, meet what they expect. Opened by its path
//! it is refused to a command; who gets at it by another name, or in a race, finds zeros.
//!
//! What the program makes beside a kept file under a name made from its name is kept as well: that is how files are
//! replaced whole, and how copies of them are called.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use libc::c_int;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, ResolveFlags};

use super::super::sys::{self, Answer};
use super::caller::last_part;

/// The largest file that is kept. // logins are a few kilobytes; one agent's settings grow to some megabytes
const LARGEST: u64 = 64 << 20;
/// The most files that are kept at once.
const MOST: usize = 1024;
/// How files begin that stand beside another for a moment, whatever its name.
const PASSING: [&str; 2] = [".tmp", "tmp"];
/// What of an open is the caller's to choose; the rest has no meaning for such a file, or is ours.
const CHOSEN: c_int =
    libc::O_ACCMODE | libc::O_APPEND | libc::O_TRUNC | libc::O_NONBLOCK | libc::O_SYNC | libc::O_DSYNC;

struct Entry {
    content: File,
    /// Device and inode of the stand-in.
    stand_in: (u64, u64),
}

pub(super) struct Contents {
    /// The home as it is called, and its real path.
    home: (PathBuf, PathBuf),
    /// Kept from the beginning, whether they are there or not.
    asked: Vec<PathBuf>,
    entries: BTreeMap<PathBuf, Entry>,
}

impl Contents {
    /// Takes what is in `files` out of them.
    pub(super) fn take(files: &[OsString], home: PathBuf) -> io::Result<Self> {
        let real = fs::canonicalize(&home)?;
        let mut this = Self { home: (home, real), asked: Vec::new(), entries: BTreeMap::new() };
        this.asked = files.iter().map(|file| this.real(Path::new(file))).collect();
        for path in this.asked.clone() {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let Ok(file) = rustix::fs::open(&path, flags, Mode::empty()) else { continue };
            let mut file = File::from(file);
            let found = file.metadata()?;
            if !found.is_file() || found.len() > LARGEST {
                return Err(io::Error::other(format!("{} cannot be kept", path.display())));
            }
            let content = memory()?;
            io::copy(&mut file, &mut &content)?;
            rustix::fs::fchmod(&content, Mode::from_raw_mode(found.mode() & 0o777))?;
            let folder = folder_of(&path)?;
            rustix::fs::unlinkat(&folder, last_part(&path), AtFlags::empty())?;
            let stand_in = stand_in(&folder, &path, found.mode(), found.len())?;
            this.entries.insert(path, Entry { content, stand_in });
        }
        Ok(this)
    }

    /// Whether a path that ends with `name` may be that of a kept file: most are not.
    pub(super) fn may_be_called(&self, name: &OsStr) -> bool {
        self.asked.iter().any(|asked| is_made_from(name, last_part(asked)))
            || PASSING.iter().any(|start| name.as_bytes().starts_with(start.as_bytes()))
            || self.entries.keys().any(|path| last_part(path) == name)
    }

    /// What a command that opens `path` is told.
    pub(super) fn for_a_command(&self, path: &Path) -> Answer {
        let is_kept = self.entries.contains_key(&self.real(path));
        if is_kept { Answer::Fails(libc::EACCES) } else { Answer::GoOn }
    }

    /// Opens `path` for the program itself.
    pub(super) fn open(&mut self, path: &Path, flags: c_int) -> Answer {
        let path = self.place(path);
        if flags & (libc::O_PATH | libc::O_DIRECTORY) != 0 || flags & libc::O_TMPFILE == libc::O_TMPFILE {
            return Answer::GoOn;
        }
        let makes = flags & libc::O_CREAT != 0;
        if self.is_there(&path) {
            return match makes && flags & libc::O_EXCL != 0 {
                true => Answer::Fails(libc::EEXIST),
                false => self.hand_out(&path, flags),
            };
        }
        match makes && self.is_kept(&path) {
            true => match self.make(&path, flags) {
                Ok(true) => self.hand_out(&path, flags),
                Ok(false) | Err(_) => Answer::GoOn,
            },
            false => Answer::GoOn,
        }
    }

    /// Renames for the program itself, where one of the two is a kept file.
    pub(super) fn rename(&mut self, old: &Path, new: &Path, flags: u64) -> Answer {
        let (old, new) = (self.place(old), self.place(new));
        let (from_kept, to_kept) = (self.is_there(&old), self.is_kept(&new) || self.entries.contains_key(&new));
        if (!from_kept && !to_kept) || old == new {
            return Answer::GoOn;
        }
        let must_be_new = flags == u64::from(RenameFlags::NOREPLACE.bits());
        if flags != 0 && !must_be_new {
            return Answer::Fails(libc::EINVAL); // as a file system answers that cannot swap two names
        }
        if must_be_new && fs::symlink_metadata(&new).is_ok() {
            return Answer::Fails(libc::EEXIST);
        }
        let moved = match from_kept {
            true => self.move_stand_in(&old, &new),
            false => self.take_over(&old, &new),
        };
        match moved {
            Ok(()) => Answer::Done,
            Err(error) => Answer::Fails(error.raw_os_error().unwrap_or(libc::EXDEV)),
        }
    }

    /// `path` with the home's real path in it.
    fn real(&self, path: &Path) -> PathBuf {
        let (called, real) = &self.home;
        path.strip_prefix(called).map_or_else(|_| path.to_owned(), |below| real.join(below))
    }

    /// The same where folders on the way to it are links: what it decides is what the program is given of its own.
    fn place(&self, path: &Path) -> PathBuf {
        let path = self.real(path);
        if self.entries.contains_key(&path) || self.asked.contains(&path) {
            return path;
        }
        let folder = path.parent().and_then(|folder| fs::canonicalize(folder).ok());
        folder.map_or_else(|| path.clone(), |folder| folder.join(last_part(&path)))
    }

    fn is_kept(&self, path: &Path) -> bool {
        let name = last_part(path);
        let passes = PASSING.iter().any(|start| name.as_bytes().starts_with(start.as_bytes()));
        path.starts_with(&self.home.1)
            && self
                .asked
                .iter()
                .any(|asked| is_made_from(name, last_part(asked)) || (passes && asked.parent() == path.parent()))
    }

    /// Whether a kept file is at `path`; one whose stand-in was removed is gone with it, unless a file lies in its
    /// place.
    fn is_there(&mut self, path: &Path) -> bool {
        let Some(entry) = self.entries.get(path) else { return false };
        let is_missing = fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        if is_missing {
            self.entries.remove(path);
            return false;
        }
        entry.refresh(path);
        true
    }

    fn hand_out(&self, path: &Path, flags: c_int) -> Answer {
        let Some(entry) = self.entries.get(path) else { return Answer::GoOn };
        let flags = OFlags::from_bits_retain((flags & CHOSEN).unsigned_abs());
        match sys::reopen(&entry.content, flags) {
            Ok(file) => Answer::Gives(file),
            Err(error) => Answer::Fails(error.raw_os_error().unwrap_or(libc::EACCES)),
        }
    }

    /// Makes an empty kept file at `path`. False where a file lies there that is to stay.
    fn make(&mut self, path: &Path, flags: c_int) -> io::Result<bool> {
        let folder = folder_of(path)?;
        let found = rustix::fs::statat(&folder, last_part(path), AtFlags::SYMLINK_NOFOLLOW);
        if found.is_ok() {
            // whoever made it may have it open, so what is written to it now would not be the program's alone
            let may_go =
                flags & libc::O_EXCL == 0 && (flags & libc::O_TRUNC != 0 || self.asked.iter().any(|p| p == path));
            if !may_go {
                return Ok(false);
            }
            rustix::fs::unlinkat(&folder, last_part(path), AtFlags::empty())?;
        }
        self.keep_new(&folder, path, memory()?)?;
        Ok(true)
    }

    fn keep_new(&mut self, folder: &OwnedFd, path: &Path, content: File) -> io::Result<()> {
        if self.entries.len() >= MOST {
            self.entries.retain(|path, _| fs::symlink_metadata(path).is_ok());
        }
        if self.entries.len() >= MOST {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        let stand_in = stand_in(folder, path, 0o600, content.metadata()?.len())?;
        self.entries.insert(path.to_owned(), Entry { content, stand_in });
        Ok(())
    }

    /// A kept file gets another name; out of the home it has to be copied, which is opening it.
    fn move_stand_in(&mut self, old: &Path, new: &Path) -> io::Result<()> {
        if !new.starts_with(&self.home.1) {
            return Err(io::Error::from_raw_os_error(libc::EXDEV));
        }
        let (from, to) = (folder_of(old)?, folder_of(new)?);
        rustix::fs::renameat(&from, last_part(old), &to, last_part(new))?;
        if let Some(entry) = self.entries.remove(old) {
            self.entries.insert(new.to_owned(), entry);
        }
        Ok(())
    }

    /// An ordinary file becomes the kept one at `new`.
    fn take_over(&mut self, old: &Path, new: &Path) -> io::Result<()> {
        let (from, to) = (folder_of(old)?, folder_of(new)?);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let source = File::from(rustix::fs::openat(&from, last_part(old), flags, Mode::empty())?);
        if !source.metadata()?.is_file() {
            return Err(io::Error::from_raw_os_error(libc::EXDEV));
        }
        let content = memory()?;
        if io::copy(&mut (&source).take(LARGEST + 1), &mut &content)? > LARGEST {
            return Err(io::Error::from_raw_os_error(libc::EFBIG));
        }
        match rustix::fs::unlinkat(&to, last_part(new), AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        self.keep_new(&to, new, content)?;
        rustix::fs::unlinkat(&from, last_part(old), AtFlags::empty())?;
        Ok(())
    }
}

impl Entry {
    /// Gives the stand-in the size that the file has by now, unless something else lies in its place.
    fn refresh(&self, path: &Path) {
        let Ok(length) = self.content.metadata().map(|content| content.len()) else { return };
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = folder_of(path)
            .and_then(|folder| Ok(File::from(rustix::fs::openat(&folder, last_part(path), flags, Mode::empty())?)))
        else {
            return;
        };
        let is_ours =
            file.metadata().is_ok_and(|found| (found.dev(), found.ino()) == self.stand_in && found.len() != length);
        if is_ours {
            // a size is a hint
            let _full_disk = file.set_len(length);
        }
    }
}

/// Whether `name` is `kept`, or made from it as names of copies and of what will replace it are.
fn is_made_from(name: &OsStr, kept: &OsStr) -> bool {
    let (name, kept) = (name.as_bytes(), kept.as_bytes());
    let rest = name.strip_prefix(kept).or_else(|| name.strip_prefix(b".").and_then(|name| name.strip_prefix(kept)));
    rest.is_some_and(|rest| rest.first().is_none_or(|next| b".-_~#".contains(next)))
}

fn memory() -> io::Result<File> {
    let memory = rustix::fs::memfd_create("kept", rustix::fs::MemfdFlags::CLOEXEC)?;
    rustix::fs::fchmod(&memory, Mode::from_raw_mode(0o600))?;
    Ok(File::from(memory))
}

/// The folder that a file is in, reached through no link: a command may have put one there.
fn folder_of(path: &Path) -> io::Result<OwnedFd> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat2(rustix::fs::CWD, folder, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)?)
}

fn stand_in(folder: &OwnedFd, path: &Path, mode: u32, length: u64) -> io::Result<(u64, u64)> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(folder, last_part(path), flags, Mode::from_raw_mode(0o600))?);
    file.set_len(length)?; // a hole
    rustix::fs::fchmod(&file, Mode::from_raw_mode(mode & 0o777))?;
    let found = file.metadata()?;
    Ok((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek as _, Write as _};

    #[test]
    fn names_made_from_a_kept_one_are_kept() {
        for name in [".claude.json", ".claude.json.backup", ".claude.json.tmp.31", "..claude.json.x", ".claude.json~"] {
            assert!(is_made_from(OsStr::new(name), OsStr::new(".claude.json")), "{name}");
        }
        for name in ["claude.json", ".claude.jsonl", ".claude", "x.claude.json"] {
            assert!(!is_made_from(OsStr::new(name), OsStr::new(".claude.json")), "{name}");
        }
    }

    fn given(answer: Answer) -> File {
        match answer {
            Answer::Gives(file) => File::from(file),
            other => panic!("{other:?}"),
        }
    }

    fn all(answer: Answer) -> String {
        let mut text = String::new();
        given(answer).read_to_string(&mut text).expect("reads");
        text
    }

    /// A home with the login `login`.
    fn kept(login: &str) -> (tempfile::TempDir, PathBuf, Contents) {
        let home = tempfile::tempdir().expect("a folder");
        let real = home.path().canonicalize().expect("a path");
        let path = real.join("login");
        fs::write(&path, login).expect("a file");
        let contents = Contents::take(&[path.clone().into()], real).expect("takes");
        (home, path, contents)
    }

    #[test]
    fn nothing_is_left_where_a_kept_file_was() {
        let (home, path, mut contents) = kept("secret");
        assert_eq!(fs::read(&path).expect("a stand-in"), [0; 6]);
        assert_eq!(fs::read_dir(home.path()).expect("a folder").count(), 1);
        assert!(matches!(contents.for_a_command(&path), Answer::Fails(libc::EACCES)));
        assert_eq!(all(contents.open(&path, libc::O_RDONLY)), "secret");
        assert_eq!(all(contents.open(&path, libc::O_RDONLY)), "secret", "from its beginning again");
        given(contents.open(&path, libc::O_WRONLY | libc::O_TRUNC)).write_all(b"next").expect("writes");
        assert_eq!(all(contents.open(&path, libc::O_RDONLY)), "next");
        assert_eq!(fs::metadata(&path).expect("a stand-in").len(), 4, "it has the size of what it stands for");
        let exclusive = contents.open(&path, libc::O_RDWR | libc::O_CREAT | libc::O_EXCL);
        assert!(matches!(exclusive, Answer::Fails(libc::EEXIST)));
        assert!(given(contents.open(&path, libc::O_RDONLY)).write_all(b"x").is_err(), "read is not write");
    }

    #[test]
    fn a_file_is_replaced_whole_and_stays_kept() {
        let (home, path, mut contents) = kept("old");
        let passing = path.with_file_name("login.tmp.7");
        let made = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
        given(contents.open(&passing, made)).write_all(b"new").expect("writes");
        assert_eq!(fs::metadata(&passing).expect("a stand-in").len(), 0, "nothing of it is in the home");
        assert!(matches!(contents.rename(&passing, &path, 0), Answer::Done));
        assert!(!passing.exists());
        assert_eq!(all(contents.open(&path, libc::O_RDONLY)), "new");
        // from a file that was written without anybody looking
        let plain = home.path().canonicalize().expect("a path").join("plain");
        fs::write(&plain, "plain").expect("a file");
        assert!(matches!(contents.rename(&plain, &path, 0), Answer::Done));
        assert!(!plain.exists() && fs::read(&path).expect("a stand-in").iter().all(|byte| *byte == 0));
        assert_eq!(all(contents.open(&path, libc::O_RDONLY)), "plain");
        // and out of the home only by a copy
        assert!(matches!(contents.rename(&path, Path::new("/tmp/login"), 0), Answer::Fails(libc::EXDEV)));
        assert!(matches!(contents.rename(&path, &path.with_file_name("kept-elsewhere"), 0), Answer::Done));
        assert_eq!(all(contents.open(&path.with_file_name("kept-elsewhere"), libc::O_RDONLY)), "plain");
    }

    #[test]
    fn what_was_removed_is_gone_and_what_lies_in_its_place_is_not_written_to() {
        let (_home, path, mut contents) = kept("secret");
        fs::remove_file(&path).expect("removes");
        assert!(matches!(contents.open(&path, libc::O_RDONLY), Answer::GoOn), "there is none");
        let mut spy = File::create(&path).and_then(|_| File::options().read(true).open(&path)).expect("a file");
        given(contents.open(&path, libc::O_RDWR | libc::O_CREAT)).write_all(b"token").expect("writes");
        let mut seen = Vec::new();
        spy.rewind().and_then(|()| spy.read_to_end(&mut seen)).expect("reads");
        assert_eq!(seen, b"");
        assert_eq!(all(contents.open(&path, libc::O_RDONLY)), "token");
    }

    #[test]
    fn a_link_in_the_place_of_a_folder_leads_nowhere() {
        let (home, path, mut contents) = kept("secret");
        let elsewhere = tempfile::tempdir().expect("a folder");
        let folder = home.path().canonicalize().expect("a path").join("folder");
        std::os::unix::fs::symlink(elsewhere.path(), &folder).expect("a link");
        let into = contents.open(&folder.join("login.tmp"), libc::O_WRONLY | libc::O_CREAT);
        assert!(matches!(into, Answer::GoOn), "{into:?}");
        assert_eq!(fs::read_dir(elsewhere.path()).expect("a folder").count(), 0);
        assert_eq!(all(contents.open(&path, libc::O_RDONLY)), "secret");
    }
}
