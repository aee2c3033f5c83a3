//! Closing a program's memory: the kernel lets nobody of the same user look into a process (`/proc/PID/mem`, `fd`,
//! `root`) that executes a file which that user may not read, and not the loader of its libraries either.
//!
//! So before one of the program's own processes starts, that one file is covered by a copy that may be executed and not
//! read: the loader of a dynamic program, a few hundred kilobytes; a static program itself. Compilers link against the
//! loader, and some programs read themselves: the supervisor gives whoever opens it the original. What else is executed
//! with that loader is closed too, which costs it nothing but being debugged, and that is refused here anyway.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountFlags, mount};

use super::super::sys;

/// An empty place of every view. What is made there is covered in its turn, so nobody else finds it.
const WORKSHOP: &str = "/sys";
/// The largest static program that is copied.
const LARGEST: u64 = 512 << 20;
/// Scripts whose interpreter is a script.
const MOST_SCRIPTS: usize = 5;
const READ_ONLY_AND_PLAIN: u64 = 1 | 2 | 4; // MOUNT_ATTR_RDONLY, NOSUID, NODEV

/// Files that are covered, by their real paths.
pub(super) struct Images {
    workshop: OwnedFd,
    covered: BTreeMap<PathBuf, File>,
}

/// What the kernel executes for a file.
enum Image {
    /// A program that this loader puts together.
    Dynamic { loader: PathBuf },
    /// A program that needs none, or a loader itself.
    Static(PathBuf),
}

impl Images {
    pub(super) fn new() -> io::Result<Self> {
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("tmpfs", WORKSHOP, "tmpfs", flags, c"mode=700")?;
        let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let workshop = rustix::fs::open(WORKSHOP, folder, Mode::empty())?;
        let closed = flags | MountFlags::NOEXEC | MountFlags::RDONLY;
        mount("tmpfs", WORKSHOP, "tmpfs", closed, c"size=4k,mode=555")?;
        Ok(Self { workshop, covered: BTreeMap::new() })
    }

    /// Sees to it that whoever executes `program` from now on is closed. `may_cover` says where something may be put.
    pub(super) fn close(&mut self, program: &Path, may_cover: impl Fn(&Path) -> bool) -> io::Result<()> {
        let (Image::Dynamic { loader: file } | Image::Static(file)) = image(program)?;
        if self.covered.contains_key(&file) {
            return Ok(());
        }
        if !may_cover(&file) {
            return Err(io::Error::other("its file may be written to"));
        }
        self.cover(file)
    }

    /// Whether a process that executes `image`, a real path, is closed.
    pub(super) fn is_closed(&self, image: &Path) -> bool {
        match self::image(image) {
            Ok(Image::Dynamic { loader: file } | Image::Static(file)) => self.covered.contains_key(&file),
            Err(_unknown) => false,
        }
    }

    fn cover(&mut self, file: PathBuf) -> io::Result<()> {
        let mut original = File::open(&file)?;
        if original.metadata()?.len() > LARGEST {
            return Err(io::Error::other("it is too large"));
        }
        let name = self.covered.len().to_string();
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let mut copy = File::from(rustix::fs::openat(&self.workshop, &name, flags, Mode::from_raw_mode(0o700))?);
        io::copy(&mut original, &mut copy)?;
        rustix::fs::fchmod(&copy, Mode::from_raw_mode(0o111))?;
        drop(copy); // what is open for writing cannot be executed
        let tree = sys::detached_copy_at(&self.workshop, Path::new(&name), READ_ONLY_AND_PLAIN)?;
        sys::attach(&tree, &file)?;
        self.covered.insert(file, original);
        Ok(())
    }

    /// Whether a path that ends with `name` may lead to a covered file.
    pub(super) fn may_be_called(&self, name: &OsStr) -> bool {
        name.as_bytes().starts_with(b"ld-")
            || self.covered.keys().any(|file| file.file_name() == Some(name))
            || name == "exe"
    }

    /// The original of the covered file that `path` leads to, for reading.
    pub(super) fn original(&self, path: &Path) -> Option<OwnedFd> {
        let real = fs::canonicalize(path).ok()?;
        let original = self.covered.get(&real)?;
        sys::reopen(original, OFlags::RDONLY).ok()
    }
}

fn image(program: &Path) -> io::Result<Image> {
    let mut at = fs::canonicalize(program)?;
    for _ in 0..MOST_SCRIPTS {
        let mut file = File::open(&at)?;
        let mut start = [0; 256];
        let length = read_most(&mut file, &mut start)?;
        let Some(script) = start[..length].strip_prefix(b"#!") else { return binary(at, &mut file, &start[..length]) };
        let line = script.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let mut words = line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
        let interpreter = words.next().ok_or_else(|| io::Error::other("a script without an interpreter"))?;
        at = fs::canonicalize(OsStr::from_bytes(interpreter))?;
    }
    Err(io::Error::other("an interpreter of interpreters"))
}

fn read_most(file: &mut File, into: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    loop {
        match file.read(&mut into[length..])? {
            0 => return Ok(length),
            read => length += read,
        }
    }
}

/// Reads from an ELF file of 64 bits which loader it asks for.
fn binary(at: PathBuf, file: &mut File, header: &[u8]) -> io::Result<Image> {
    let odd = || io::Error::other("no program of this processor");
    if !header.starts_with(b"\x7fELF\x02\x01") || header.len() < 64 {
        return Err(odd());
    }
    let (table, size, count) = (long(header, 0x20), short(header, 0x36), short(header, 0x38));
    for number in 0..count {
        file.seek(SeekFrom::Start(table.wrapping_add(number * size)))?;
        let mut entry = [0; 56];
        file.read_exact(&mut entry)?;
        let is_loader = entry[..4] == 3_u32.to_le_bytes(); // PT_INTERP
        if !is_loader {
            continue;
        }
        let (offset, length) = (long(&entry, 8), long(&entry, 0x20));
        if length > 4096 {
            return Err(odd());
        }
        file.seek(SeekFrom::Start(offset))?;
        let mut path = vec![0; length as usize];
        file.read_exact(&mut path)?;
        let path = path.split(|byte| *byte == 0).next().unwrap_or_default();
        let path = Some(Path::new(OsStr::from_bytes(path))).filter(|path| path.is_absolute());
        return Ok(Image::Dynamic { loader: fs::canonicalize(path.ok_or_else(odd)?)? });
    }
    Ok(Image::Static(at))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

fn short(bytes: &[u8], at: usize) -> u64 {
    u64::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_executed_is_found_behind_scripts_and_links() {
        let folder = tempfile::tempdir().expect("a folder");
        let script = folder.path().join("script");
        fs::write(&script, "#! /bin/sh -e\n").expect("a file");
        let loader = |path: &Path| match image(path).expect("an image") {
            Image::Dynamic { loader } => loader,
            Image::Static(program) => program,
        };
        assert_eq!(loader(&script), loader(Path::new("/bin/sh")));
        assert!(loader(Path::new("/bin/sh")).is_absolute());
        fs::write(&script, "no program").expect("a file");
        assert!(image(&script).is_err());
        fs::write(&script, format!("#!{}\n", script.display())).expect("a file");
        assert!(image(&script).is_err(), "a script of itself ends");
    }
}
