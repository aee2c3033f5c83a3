//! What a confined command may touch, and how much of it.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// How strongly a command is confined; more is later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// Not at all: nothing is run.
    None,
    /// macOS: a profile of `sandbox-exec`. Files and network are closed; limits and the kill are weaker.
    Seatbelt,
    /// No namespaces to be had: Landlock for files, seccomp for sockets, limits.
    Landlock,
    /// Namespaces with a view of their own, Landlock and seccomp on top, limits.
    Full,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "NONE",
            Self::Seatbelt => "SEATBELT",
            Self::Landlock => "LANDLOCK",
            Self::Full => "FULL",
        })
    }
}

/// Which network a command sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Network {
    /// None; at [`Level::Full`] a loopback of its own.
    #[default]
    None,
    /// A loopback of its own with doors: connections to the ports of [`Policy::doors`] on it reach whoever runs the
    /// command, who decides about each; [`Level::Full`] only.
    Doors,
    /// The machine's own, for a `[setup]` that a person permitted; [`Level::Full`] only.
    Host,
}

impl Network {
    /// Whether the command has a network of its own, which leads nowhere by itself.
    #[must_use]
    pub fn is_own(self) -> bool {
        self != Self::Host
    }
}

/// How much a command may use. How long it may take is the command's own time limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Seconds of processor time for each process.
    pub cpu_s: u64,
    /// Memory of all its processes together, in bytes (looked at 20 times a second; each one alone is held to it at once).
    pub memory_bytes: u64,
    /// Processes at the same time.
    pub processes: u64,
    /// How far free space on the scratch folder's disk may shrink while it runs, in bytes (looked at as memory is).
    pub disk_bytes: u64,
    /// The largest file it may write, in bytes.
    pub file_size: u64,
    /// Open files for each process.
    pub open_files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu_s: 3600,
            memory_bytes: 8 << 30, // a large link or a bundler with several workers
            processes: 2048,       // threads count where the kernel counts them
            disk_bytes: 20 << 30,  // a cold build of a large Rust or C++ project
            file_size: 4 << 30,
            open_files: 8192,
        }
    }
}

/// A folder that shows `lowers` (the first on top) and keeps what is written to it in the scratch folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    /// What is shown; never written to.
    pub lowers: Vec<PathBuf>,
    /// Where it is shown.
    pub at: PathBuf,
    /// Where writes go: a folder on a real file system; made when missing.
    pub upper: PathBuf,
}

/// A folder that is shown at another place than its own, and may be written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// What is shown.
    pub source: PathBuf,
    /// Where it is shown.
    pub at: PathBuf,
}

/// Files that the program itself may open, and no command that it starts; [`Level::Full`] only, where
/// [`Confinement::keeps`](super::Confinement::keeps) says so.
///
/// The program is what was started, whatever it becomes, and those of its processes that never were another program than
/// its own: one that lies where it lies, or in one of `own`. Whatever else is started is a command, with all that it
/// starts. What was kept is gone when the run ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The files, as they are seen inside. One that is missing is kept from when the program makes it.
    pub files: Vec<PathBuf>,
    /// Folders that hold programs of its own, beside its own folder; one that may be written to does not count.
    pub own: Vec<PathBuf>,
}

/// Everything a command may touch beside the system's own programs and libraries. All paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// May be read and executed: toolchains, caches. One that is missing is left out.
    pub read_only: Vec<PathBuf>,
    /// May be written: the checkout.
    pub writable: Vec<PathBuf>,
    /// May be written, and is seen at another place; [`Level::Full`] only.
    pub placed: Vec<Placed>,
    /// Must not be seen though a folder above it may.
    pub hidden: Vec<PathBuf>,
    /// Shown copy-on-write; [`Level::Full`] only.
    pub overlays: Vec<Overlay>,
    /// A folder of this run alone: becomes HOME and TMPDIR unless the command says otherwise.
    pub scratch: PathBuf,
    /// Which network it sees.
    pub network: Network,
    /// Ports of its loopback, with [`Network::Doors`].
    pub doors: Vec<u16>,
    /// What is kept from commands that the program starts.
    pub kept: Option<Kept>,
    /// How much it may use.
    pub limits: Limits,
}

impl Policy {
    /// A policy with one writable checkout, a scratch folder, nothing else, no network and the default limits.
    #[must_use]
    pub fn new(checkout: impl Into<PathBuf>, scratch: impl Into<PathBuf>) -> Self {
        Self {
            read_only: Vec::new(),
            writable: vec![checkout.into()],
            placed: Vec::new(),
            hidden: Vec::new(),
            overlays: Vec::new(),
            scratch: scratch.into(),
            network: Network::None,
            doors: Vec::new(),
            kept: None,
            limits: Limits::default(),
        }
    }

    /// What HOME is when the command does not say.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.scratch.join("home")
    }

    /// What TMPDIR is when the command does not say.
    #[must_use]
    pub fn tmp(&self) -> PathBuf {
        self.scratch.join("tmp")
    }

    /// Every path of the policy that is not absolute.
    pub(super) fn first_relative(&self) -> Option<&Path> {
        let overlays = self.overlays.iter().flat_map(|o| o.lowers.iter().chain([&o.at, &o.upper]));
        let placed = self.placed.iter().flat_map(|placed| [&placed.source, &placed.at]);
        let kept = self.kept.iter().flat_map(|kept| kept.files.iter().chain(&kept.own));
        let all = self.read_only.iter().chain(&self.writable).chain(&self.hidden).chain(overlays).chain(placed);
        let all = all.chain(kept);
        all.chain([&self.scratch]).find(|path| !path.is_absolute()).map(PathBuf::as_path)
    }
}

/// What was applied to one run, told by the launcher before it started the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The level.
    pub level: Level,
    /// What it is made of, such as `namespaces+landlock+seccomp`.
    pub backend: String,
    /// What Landlock said, such as `abi 7, fully enforced`.
    pub landlock: String,
    /// How many folders were shown copy-on-write by an overlay.
    pub overlays: usize,
    /// Whether files are kept from commands that the program starts; of a probe, whether they can be.
    #[serde(default)]
    pub keeps: bool,
}

impl fmt::Display for Applied {
    /// Level and backend, such as `FULL (namespaces+landlock+seccomp; landlock abi 7, fully enforced)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}; landlock {})", self.level, self.backend, self.landlock)
    }
}

/// A limit that Paraph, not the kernel, ended a command for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exceeded {
    /// [`Limits::memory_bytes`].
    Memory,
    /// [`Limits::processes`].
    Processes,
    /// [`Limits::disk_bytes`].
    Disk,
}

/// A name and a value of the environment, as they are passed on.
pub(super) type Pair = (OsString, OsString);
