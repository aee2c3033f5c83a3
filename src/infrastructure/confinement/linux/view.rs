//! The view: a root of its own that holds only what may be seen.
//!
//! Sources are taken as detached mounts first, while every path still means what the caller meant; then an empty
//! root is made, they are attached under it, and the old root is let go. A mount point is never made through a
//! symbolic link: a checkout is hostile, and may hold one where a folder is expected.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, OsString};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};

use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};

use super::super::policy::Network;
use super::super::protocol::Order;
use super::{Failed, Step, sys};

/// The system's own programs and libraries, by what they are called across distributions.
pub(super) const SYSTEM: [&str; 9] =
    ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store"];

/// What programs need to know of the machine; nothing that names a server or holds a key.
pub(super) const ETC: [&str; 31] = [
    "passwd",
    "group",
    "nsswitch.conf",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "alternatives",
    "localtime",
    "timezone",
    "os-release",
    "debian_version",
    "lsb-release",
    "mime.types",
    "protocols",
    "services",
    "shells",
    "locale.conf",
    "ssl/certs",
    "ssl/openssl.cnf",
    "ca-certificates",
    "pki/tls/certs",
    "pki/ca-trust",
    "crypto-policies",
    "maven",
    // a packaged JDK keeps java.security there, without which it does not start
    "java",
    "java-8-openjdk",
    "java-11-openjdk",
    "java-17-openjdk",
    "java-21-openjdk",
    "java-25-openjdk",
    "gradle",
];

const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
/// Parts of a fresh /proc that are the whole machine's: read-only, or hidden.
const PROC_READ_ONLY: [&str; 5] = ["bus", "fs", "irq", "sys", "sysrq-trigger"];
const PROC_HIDDEN: [&str; 9] =
    ["acpi", "asound", "kcore", "keys", "latency_stats", "timer_list", "timer_stats", "sched_debug", "scsi"];

// from linux/mount.h
const READ_ONLY: u64 = 1;
const NO_SETUID: u64 = 2;
const NO_DEVICES: u64 = 4;
const NO_EXEC: u64 = 8;
const CLOSED: u64 = READ_ONLY | NO_SETUID | NO_DEVICES;
const OPEN: u64 = NO_SETUID | NO_DEVICES;

/// The file that is shown in the place of a hidden one; it has no name when the program starts.
const EMPTY: &str = ".empty";

/// Where overlays are put together, gone before the program starts.
const WORKSHOP: &str = ".paraph";

struct Piece {
    at: PathBuf,
    tree: OwnedFd,
    is_folder: bool,
}

struct OverlayPiece {
    at: PathBuf,
    lowers: Vec<OwnedFd>,
    upper: OwnedFd,
}

#[derive(Default)]
struct Pieces {
    binds: Vec<Piece>,
    aliases: Vec<(PathBuf, PathBuf)>,
    overlays: Vec<OverlayPiece>,
    hidden: Vec<PathBuf>,
}

/// Makes the view and enters it; returns how many overlays it has. A probe tries one and counts it.
pub(super) fn enter(order: &Order) -> Step<usize> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .map_err(at("closing mounts to others"))?;
    let mut pieces = collect(order)?;
    let root = Path::new(if Path::new("/tmp").is_dir() { "/tmp" } else { "/usr" });
    let memory = CString::new(format!("size={},mode=1777", (order.limits.memory_bytes / 4).max(1 << 20)));
    let memory = memory.expect("digits hold no zero byte");
    tmpfs(root, c"size=16m,mode=755").map_err(Failed::at("making a root"))?;
    skeleton(root, &memory, order).map_err(Failed::at("furnishing the root"))?;
    // parents before children
    pieces.binds.sort_by_key(|piece| piece.at.components().count());
    for piece in &pieces.binds {
        let shown = Failed::at(format!("showing {}", piece.at.display()));
        place(root, &piece.at, piece.is_folder).and_then(|place| sys::attach(&piece.tree, &place)).map_err(shown)?;
    }
    for (alias, target) in &pieces.aliases {
        add_alias(root, alias, target).map_err(Failed::at(format!("showing {}", alias.display())))?;
    }
    let overlays = show_overlays(root, &pieces.overlays, order.program.is_none())?;
    hide_all(root, &pieces.hidden)?;
    change_root(root).map_err(Failed::at("changing the root"))?;
    Ok(overlays)
}

fn at(step: &'static str) -> impl FnOnce(rustix::io::Errno) -> Failed {
    move |error| Failed::at(step)(error.into())
}

fn collect(order: &Order) -> Step<Pieces> {
    let mut pieces = Pieces::default();
    for path in SYSTEM.map(Path::new) {
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_symlink() => {
                let target = fs::read_link(path).map_err(Failed::at("reading a system link"))?;
                pieces.aliases.push((path.to_owned(), target));
            }
            Ok(_) => pieces.bind(path, CLOSED)?,
            Err(_missing) => {}
        }
    }
    let network = ["resolv.conf", "hosts", "host.conf", "gai.conf"];
    let network = network.iter().filter(|_| order.network == Network::Host);
    for path in ETC.iter().chain(network).map(|name| Path::new("/etc").join(name)).filter(|path| path.exists()) {
        pieces.take(&path, path.clone(), CLOSED)?;
    }
    for device in DEVICES.map(|name| Path::new("/dev").join(name)) {
        pieces.take(&device, device.clone(), NO_SETUID | NO_EXEC)?;
    }
    for path in order.read_only.iter().map(Path::new).filter(|path| path.exists()) {
        pieces.bind(path, CLOSED)?;
    }
    if order.program.is_some() {
        for path in order.writable.iter().chain([&order.scratch]) {
            pieces.bind(Path::new(path), OPEN)?;
        }
        for (source, at) in &order.placed {
            pieces.take(Path::new(source), at.into(), OPEN)?;
        }
    }
    for overlay in &order.overlays {
        let taken =
            |path: &Path, how| sys::detached_copy(path, how).map_err(Failed::at(format!("taking {}", path.display())));
        let lowers = overlay.lowers.iter().map(|lower| taken(Path::new(lower), CLOSED)).collect::<Step<_>>()?;
        let upper = taken(Path::new(&overlay.upper), OPEN)?;
        pieces.overlays.push(OverlayPiece { at: real_place(Path::new(&overlay.at), &order.writable), lowers, upper });
    }
    // what is not there needs no hiding, and what has two names is hidden once
    let hidden: BTreeSet<PathBuf> = order.hidden.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
    pieces.hidden = hidden.into_iter().collect();
    Ok(pieces)
}

/// `at` below the real path of the writable folder it is in: links on the way to that folder are the caller's,
/// links inside it are not followed.
fn real_place(at: &Path, writable: &[OsString]) -> PathBuf {
    let below = writable.iter().find_map(|folder| Some((folder, at.strip_prefix(folder).ok()?)));
    below.and_then(|(folder, below)| Some(fs::canonicalize(folder).ok()?.join(below))).unwrap_or_else(|| at.to_owned())
}

impl Pieces {
    /// Shows `path` where it is, and under the name it was asked for where that goes through links.
    fn bind(&mut self, path: &Path, attributes: u64) -> Step<()> {
        let real = fs::canonicalize(path).map_err(Failed::at(format!("finding {}", path.display())))?;
        if real != path {
            self.aliases.push((path.to_owned(), real.clone()));
        }
        self.take(&real, real.clone(), attributes)
    }

    fn take(&mut self, source: &Path, at: PathBuf, attributes: u64) -> Step<()> {
        let taken = || Failed::at(format!("taking {}", source.display()));
        let is_folder = fs::metadata(source).map_err(taken())?.is_dir();
        let tree = sys::detached_copy(source, attributes).map_err(taken())?;
        self.binds.push(Piece { at, tree, is_folder });
        Ok(())
    }
}

/// What every view has: /proc, /dev, /tmp, empty places that programs look for.
fn skeleton(root: &Path, memory: &CStr, order: &Order) -> io::Result<()> {
    for folder in ["proc", "dev", "dev/pts", "dev/shm", "tmp", "etc", "var", "run", "sys"] {
        fs::create_dir_all(root.join(folder))?;
    }
    proc(&root.join("proc"))?;
    tmpfs(&root.join("tmp"), memory)?;
    tmpfs(&root.join("dev/shm"), memory)?;
    let terminals = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount("devpts", root.join("dev/pts"), "devpts", terminals, c"newinstance,ptmxmode=0666,mode=620")?;
    let links = [
        ("pts/ptmx", "dev/ptmx"),
        ("/proc/self/fd", "dev/fd"),
        ("/proc/self/fd/0", "dev/stdin"),
        ("/proc/self/fd/1", "dev/stdout"),
        ("/proc/self/fd/2", "dev/stderr"),
        ("../tmp", "var/tmp"),
        ("../run", "var/run"),
        ("../proc/self/mounts", "etc/mtab"),
    ];
    for (target, link) in links {
        symlink(target, root.join(link))?;
    }
    if order.network.is_own() {
        rustix::system::sethostname(b"localhost")?;
        fs::write(root.join("etc/hosts"), "127.0.0.1 localhost\n::1 localhost\n")?;
    }
    Ok(())
}

fn proc(at: &Path) -> io::Result<()> {
    mount("proc", at, "proc", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC, None)?;
    for name in PROC_READ_ONLY.map(|name| at.join(name)) {
        if name.exists() {
            sys::attach(&sys::detached_copy(&name, CLOSED | NO_EXEC)?, &name)?;
        }
    }
    PROC_HIDDEN.map(|name| at.join(name)).iter().filter(|name| name.exists()).try_for_each(|name| cover(name))
}

/// The place for `path` under `root`, made where nothing is; refuses a way through a symbolic link.
fn place(root: &Path, path: &Path, is_folder: bool) -> io::Result<PathBuf> {
    let mut place = root.to_owned();
    let mut components = path.components().filter(|component| *component != Component::RootDir).peekable();
    while let Some(component) = components.next() {
        let Component::Normal(name) = component else { return Err(io::Error::other("a path with '..'")) };
        place.push(name);
        match fs::symlink_metadata(&place) {
            Ok(metadata) if metadata.is_symlink() => {
                return Err(io::Error::other("the way goes through a symbolic link"));
            }
            Ok(_) => {}
            Err(_) if components.peek().is_some() || is_folder => fs::create_dir(&place)?,
            Err(_) => drop(fs::File::create_new(&place)?),
        }
    }
    Ok(place)
}

/// Makes `alias` a link to `target`; where something is already shown under that name, nothing is needed.
fn add_alias(root: &Path, alias: &Path, target: &Path) -> io::Result<()> {
    let (Some(parent), Some(name)) = (alias.parent(), alias.file_name()) else { return Ok(()) };
    let parent = match place(root, parent, true) {
        Ok(parent) => parent,
        Err(_behind_another_alias) => return Ok(()),
    };
    match symlink(target, parent.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn show_overlays(root: &Path, overlays: &[OverlayPiece], is_probe: bool) -> Step<usize> {
    if is_probe {
        return Ok(usize::from(try_overlay(root).is_ok()));
    }
    for overlay in overlays {
        let shown = Failed::at(format!("overlaying {}", overlay.at.display()));
        show_overlay(root, overlay).map_err(shown)?;
    }
    Ok(overlays.len())
}

fn show_overlay(root: &Path, overlay: &OverlayPiece) -> io::Result<()> {
    let workshop = root.join(WORKSHOP);
    let mut lowers = Vec::new();
    for (number, lower) in overlay.lowers.iter().enumerate() {
        let at = workshop.join(format!("lower{number}"));
        fs::create_dir_all(&at)?;
        sys::attach(lower, &at)?;
        lowers.push(at);
    }
    let upper = workshop.join("upper");
    fs::create_dir_all(&upper)?;
    sys::attach(&overlay.upper, &upper)?;
    let result = place(root, &overlay.at, true).and_then(|at| mount_overlay(&lowers, &upper, &at));
    for at in lowers.iter().chain([&upper]) {
        unmount(at, UnmountFlags::DETACH)?;
    }
    fs::remove_dir_all(&workshop)?;
    result
}

/// `upper` is a folder whose own folders `written` and `work` are used.
fn mount_overlay(lowers: &[PathBuf], upper: &Path, at: &Path) -> io::Result<()> {
    fs::create_dir_all(upper.join("written"))?;
    fs::create_dir_all(upper.join("work"))?;
    // only names of our own go into this text, so nothing in it needs quoting
    let lowers: Vec<String> = lowers.iter().map(|lower| lower.display().to_string()).collect();
    let upper = upper.display();
    let data = format!("lowerdir={},upperdir={upper}/written,workdir={upper}/work,userxattr", lowers.join(":"));
    let data = CString::new(data).map_err(io::Error::other)?;
    mount("overlay", at, "overlay", MountFlags::NOSUID | MountFlags::NODEV, data.as_c_str()).map_err(Into::into)
}

fn try_overlay(root: &Path) -> io::Result<()> {
    let workshop = root.join(WORKSHOP);
    let (lower, upper, shown) = (workshop.join("lower"), workshop.join("upper"), workshop.join("shown"));
    for folder in [&lower, &upper, &shown] {
        fs::create_dir_all(folder)?;
    }
    fs::write(lower.join("file"), "lower")?;
    mount_overlay(&[lower], &upper, &shown)?;
    let written = fs::write(shown.join("file"), "upper");
    unmount(&shown, UnmountFlags::DETACH)?;
    written
}

fn hide_all(root: &Path, hidden: &[PathBuf]) -> Step<()> {
    let empty = root.join(EMPTY);
    fs::write(&empty, "")
        .and_then(|()| fs::set_permissions(&empty, fs::Permissions::from_mode(0o444)))
        .map_err(Failed::at("making an empty file"))?;
    for hidden in hidden {
        hide(root, hidden, &empty).map_err(Failed::at(format!("hiding {}", hidden.display())))?;
    }
    // what is shown of it stays; nothing can be mounted on a file without a name, so it goes last
    fs::remove_file(&empty).map_err(Failed::at("removing an empty file"))
}

/// A hidden folder and a hidden file are empty: a tool goes on without the settings of all users, and gives up on a
/// file that it may not read.
fn hide(root: &Path, hidden: &Path, empty: &Path) -> io::Result<()> {
    let place = root.join(hidden.strip_prefix("/").unwrap_or(hidden));
    match fs::symlink_metadata(&place) {
        Ok(found) if found.is_file() => sys::attach(&sys::detached_copy(empty, CLOSED | NO_EXEC)?, &place),
        Ok(_) => cover(&place),
        Err(_not_shown) => Ok(()),
    }
}

fn cover(place: &Path) -> io::Result<()> {
    if place.is_dir() {
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RDONLY;
        return mount("tmpfs", place, "tmpfs", flags, c"size=4k,mode=555").map_err(Into::into);
    }
    sys::attach(&sys::detached_copy(Path::new("/dev/null"), CLOSED | NO_EXEC)?, place)
}

fn tmpfs(at: &Path, data: &CStr) -> io::Result<()> {
    mount("tmpfs", at, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, data).map_err(Into::into)
}

fn change_root(root: &Path) -> io::Result<()> {
    std::env::set_current_dir(root)?;
    rustix::process::pivot_root(".", ".")?;
    // the old root lies on top of the new one
    unmount(".", UnmountFlags::DETACH)?;
    std::env::set_current_dir("/")?;
    sys::close_root()
}
