//! Files that an agent reads and writes through Paraph: below the worktree, never through a link.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::wire::{BAD_PARAMS, Fault, NOT_FOUND, REFUSED, ReadFile, WriteFile};
use crate::infrastructure::beneath::{find_folder, look, make_folder, open_top};

/// Bytes of a file that is read or written this way. // larger ones are data, not code that a model edits
const LARGEST: u64 = 8 << 20;

/// The worktree as Paraph has it, and as the agent sees it.
#[derive(Clone, Copy)]
pub(super) struct Files<'a> {
    pub(super) work: &'a Path,
    pub(super) shown: &'a Path,
}

impl Files<'_> {
    /// The text of a file, or the lines of it that were asked for.
    pub(super) fn read(&self, asked: &ReadFile) -> Result<String, Fault> {
        let below = self.below(&asked.path)?;
        let (folder, name) = split(below)?;
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Fault::new(NOT_FOUND, format!("{} is not there", asked.path)),
            _ => Fault::new(REFUSED, format!("{}: {error}", asked.path)),
        };
        let missing = || Fault::new(NOT_FOUND, format!("{} is not there", asked.path));
        let top = open_top(self.work).map_err(failed)?;
        let folder = find_folder(&top, folder).map_err(failed)?.ok_or_else(missing)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file =
            File::from(rustix::fs::openat(&folder, name, flags, Mode::empty()).map_err(|error| failed(error.into()))?);
        let facts = file.metadata().map_err(failed)?;
        if !facts.is_file() || facts.len() > LARGEST {
            let why = format!("{} is no file of at most {} MiB", asked.path, LARGEST >> 20);
            return Err(Fault::new(REFUSED, why));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes).map_err(failed)?;
        let text = String::from_utf8(bytes).map_err(|_| Fault::new(REFUSED, format!("{} is no text", asked.path)))?;
        if asked.line.is_none() && asked.limit.is_none() {
            return Ok(text);
        }
        let first = asked.line.unwrap_or(1).max(1) - 1;
        Ok(text.split_inclusive('\n').skip(first).take(asked.limit.unwrap_or(usize::MAX)).collect())
    }

    /// Writes a file whole; its folder is made where it is missing, its mode stays.
    pub(super) fn write(&self, asked: &WriteFile) -> Result<(), Fault> {
        if asked.content.len() as u64 > LARGEST {
            return Err(Fault::new(REFUSED, format!("{}: more than {} MiB", asked.path, LARGEST >> 20)));
        }
        let below = self.below(&asked.path)?;
        let (folders, name) = split(below)?;
        let failed = |error: io::Error| Fault::new(REFUSED, format!("{}: {error}", asked.path));
        let mut folder = open_top(self.work).map_err(failed)?;
        for part in folders.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
            folder = make_folder(&folder, part).map_err(failed)?;
        }
        let bits = match look(&folder, name).map_err(failed)? {
            None => 0o644,
            Some(found) if FileType::from_raw_mode(found.st_mode) == FileType::RegularFile => found.st_mode & 0o777,
            Some(_) => return Err(Fault::new(REFUSED, format!("{} is no file", asked.path))),
        };
        replace(&folder, name, asked.content.as_bytes(), bits).map_err(failed)
    }

    /// The path below the worktree; refused where it leads out by its words.
    fn below<'p>(&self, path: &'p str) -> Result<&'p Path, Fault> {
        let outside = || Fault::new(BAD_PARAMS, format!("{path} is outside the worktree"));
        let below = Path::new(path).strip_prefix(self.shown).map_err(|_| outside())?;
        let plain = |part: Component<'_>| match part {
            Component::Normal(name) => !name.as_bytes().eq_ignore_ascii_case(b".git"),
            _ => false,
        };
        if below.components().all(plain) { Ok(below) } else { Err(outside()) }
    }
}

fn split(below: &Path) -> Result<(&[u8], &[u8]), Fault> {
    let (folder, name) = crate::infrastructure::beneath::split(below.as_os_str().as_bytes());
    if name.is_empty() { Err(Fault::new(BAD_PARAMS, "the worktree is no file")) } else { Ok((folder, name)) }
}

/// Puts a file of a new name in the place of what was there: what was a link meanwhile is replaced, not followed.
fn replace(folder: &OwnedFd, name: &[u8], content: &[u8], bits: u32) -> io::Result<()> {
    let aside = [b".paraph-", name].concat();
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // one that a crash left
    let _missing = rustix::fs::unlinkat(folder, aside.as_slice(), AtFlags::empty());
    let file = rustix::fs::openat(folder, aside.as_slice(), flags, Mode::from_raw_mode(bits))?;
    let written = File::from(file).write_all(content);
    let placed = written.and_then(|()| Ok(rustix::fs::renameat(folder, aside.as_slice(), folder, name)?));
    if placed.is_err() {
        let _gone = rustix::fs::unlinkat(folder, aside.as_slice(), AtFlags::empty());
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    struct Bench {
        folder: tempfile::TempDir,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a temporary folder");
            fs::create_dir_all(folder.path().join("work/src")).expect("folders");
            fs::write(folder.path().join("work/src/a.txt"), "one\ntwo\nthree\n").expect("a file");
            fs::write(folder.path().join("secret"), "a key").expect("a file");
            Self { folder }
        }

        fn files<R>(&self, with: impl FnOnce(Files<'_>) -> R) -> R {
            with(Files { work: &self.folder.path().join("work"), shown: Path::new("/shown") })
        }

        fn read(&self, path: &str) -> Result<String, Fault> {
            self.files(|files| files.read(&ReadFile { path: path.to_owned(), line: None, limit: None }))
        }

        fn write(&self, path: &str, content: &str) -> Result<(), Fault> {
            self.files(|files| files.write(&WriteFile { path: path.to_owned(), content: content.to_owned() }))
        }
    }

    #[test]
    fn files_of_the_worktree_are_read_and_written() {
        let bench = Bench::new();
        assert_eq!(bench.read("/shown/src/a.txt").as_deref(), Ok("one\ntwo\nthree\n"));
        let some = ReadFile { path: "/shown/src/a.txt".to_owned(), line: Some(2), limit: Some(1) };
        assert_eq!(bench.files(|files| files.read(&some)).as_deref(), Ok("two\n"));
        bench.write("/shown/new/deep/b.txt", "b\n").expect("written");
        assert_eq!(fs::read_to_string(bench.folder.path().join("work/new/deep/b.txt")).expect("is there"), "b\n");
        let script = bench.folder.path().join("work/run");
        fs::write(&script, "x").expect("a file");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a mode");
        bench.write("/shown/run", "y").expect("written");
        assert_eq!(script.metadata().expect("is there").permissions().mode() & 0o777, 0o755);
        assert_eq!(fs::read_dir(bench.folder.path().join("work")).expect("reads").count(), 3, "nothing is left beside");
    }

    #[test]
    fn nothing_outside_is_reached() {
        let bench = Bench::new();
        let at = |name: &str| bench.folder.path().join(name);
        symlink(at("secret"), at("work/link")).expect("a link");
        symlink(bench.folder.path(), at("work/out")).expect("a link");
        for path in [
            "/shown/link",
            "/shown/out/secret",
            "/shown/../secret",
            "/shown/src/../../secret",
            "/etc/passwd",
            "secret",
            "/shown",
            "/shown/",
            "/shown/.git/config",
            "/shown/.GIT/hooks/x",
            "/shownx/a",
            "",
        ] {
            assert!(bench.read(path).is_err(), "read {path}");
            assert!(bench.write(path, "owned").is_err() || path == "/shown/link", "wrote {path}");
        }
        assert_eq!(fs::read_to_string(at("secret")).expect("is there"), "a key");
        assert!(bench.write("/shown/big", &"x".repeat(LARGEST as usize + 1)).is_err());
        rustix::fs::mknodat(rustix::fs::CWD, at("work/pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0)
            .expect("a pipe");
        assert!(bench.read("/shown/pipe").is_err(), "a pipe does not hold it");
    }
}
