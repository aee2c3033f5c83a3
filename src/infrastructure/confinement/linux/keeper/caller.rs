//! Who asks, and what the arguments of its call point to.
//!
//! What is read here is another process's memory, which it may change meanwhile: it decides what the process is given
//! of ours, or that the process is believed less, never that the kernel may go on with something that was looked at.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

use libc::pid_t;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::super::{limits, sys};

/// PATH_MAX.
const LONGEST_PATH: usize = 4096;
/// The longest argument or variable that is looked at. // 128 KiB: the kernel's own bound, MAX_ARG_STRLEN
const LONGEST_TEXT: usize = 128 << 10;
/// The most arguments or variables.
const MOST_TEXTS: usize = 16 << 10;
const BLOCK: usize = 4096;

/// A process that waits in a call.
pub(super) struct Caller {
    thread: pid_t,
    /// The process of that thread.
    pub(super) process: pid_t,
}

impl Caller {
    pub(super) fn of(thread: pid_t) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
        Some(Self { thread, process: limits::field(&status, "Tgid:")?.parse().ok()? })
    }

    /// The path at `address`, absolute and without `.` and `..`; `folder` is what a relative one is relative to.
    pub(super) fn path(&self, folder: i32, address: u64) -> Option<PathBuf> {
        let path = path_at(self.thread, address)?;
        self.whole(folder, &path)
    }

    /// The same for a path that was read already; an empty one is what `folder` itself is.
    pub(super) fn whole(&self, folder: i32, path: &Path) -> Option<PathBuf> {
        if path.is_absolute() {
            return Some(normal(path));
        }
        let from = match folder {
            libc::AT_FDCWD => fs::read_link(format!("/proc/{}/cwd", self.thread)),
            folder => self.open_file(folder),
        };
        let from = from.ok().filter(|from| from.is_absolute())?;
        Some(normal(&from.join(path)))
    }

    /// What a descriptor of its own is. Its `/proc/PID/fd` is closed to an ordinary user's supervisor too.
    fn open_file(&self, number: i32) -> io::Result<PathBuf> {
        let process = Pid::from_raw(self.process).ok_or(io::ErrorKind::NotFound)?;
        let process = pidfd_open(process, PidfdFlags::empty())?;
        let file = pidfd_getfd(process, number, PidfdGetfdFlags::empty())?;
        fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))
    }

    /// What it executes now.
    pub(super) fn image(&self) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{}/exe", self.process)).ok()
    }

    /// The texts of a list that ends with a null: arguments, variables.
    pub(super) fn texts(&self, address: u64) -> Option<Vec<OsString>> {
        let mut texts = Vec::new();
        let mut at = address;
        if address == 0 {
            return Some(texts);
        }
        loop {
            let mut block = [0; BLOCK];
            let read = sys::read_memory(self.thread, at, &mut block);
            let (pointers, _) = block[..read].as_chunks::<8>();
            if pointers.is_empty() {
                return None;
            }
            for pointer in pointers.iter().map(|bytes| u64::from_ne_bytes(*bytes)) {
                if pointer == 0 {
                    return Some(texts);
                }
                texts.push(text_at(self.thread, pointer, LONGEST_TEXT)?);
                if texts.len() > MOST_TEXTS {
                    return None;
                }
            }
            at += pointers.len() as u64 * 8;
        }
    }

    /// Numbers at `address`.
    pub(super) fn numbers<const N: usize>(&self, address: u64) -> Option<[u64; N]> {
        let mut block = [0; BLOCK];
        let read = sys::read_memory(self.thread, address, &mut block[..N * 8]);
        let (numbers, _) = block[..read].as_chunks::<8>();
        let numbers: Vec<u64> = numbers.iter().map(|bytes| u64::from_ne_bytes(*bytes)).collect();
        numbers.try_into().ok()
    }
}

/// The path at `address` in the memory of `thread`, as it stands there.
pub(super) fn path_at(thread: pid_t, address: u64) -> Option<PathBuf> {
    text_at(thread, address, LONGEST_PATH).map(PathBuf::from)
}

fn text_at(thread: pid_t, address: u64, most: usize) -> Option<OsString> {
    let mut text = Vec::new();
    while text.len() < most {
        let mut block = [0; 256]; // most paths end in it
        let read = sys::read_memory(thread, address + text.len() as u64, &mut block);
        let found = &block[..read];
        match found.iter().position(|byte| *byte == 0) {
            Some(end) => {
                text.extend_from_slice(&found[..end]);
                return Some(OsString::from_vec(text));
            }
            None if read == 0 => return None,
            None => text.extend_from_slice(found),
        }
    }
    None
}

/// Without `.` and `..`, by words.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => drop(normal.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    normal
}

/// What a path ends with.
pub(super) fn last_part(path: &Path) -> &OsStr {
    let bytes = path.as_os_str().as_bytes();
    let start = bytes.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    OsStr::from_bytes(&bytes[start..])
}
