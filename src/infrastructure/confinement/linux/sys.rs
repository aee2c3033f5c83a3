//! System calls, each wrapped once. Everything here runs in the launcher, which has one thread.

use std::fs::{self, File};
use std::io::{self, Seek as _, Write as _};
use std::mem;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::path::Path;
use std::ptr;

use libc::{c_int, c_ulong, pid_t};
use rustix::process::{Pid, WaitOptions, getegid, geteuid};

/// What a child did, from `wait4`.
pub(super) struct Reaped {
    pub(super) pid: pid_t,
    pub(super) raw_status: c_int,
    pub(super) cpu_ms: u64,
    pub(super) largest_process_bytes: u64,
}

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// `None` in the child.
pub(super) fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: this process has one thread, so the child may do whatever the parent may.
    let pid = check(unsafe { libc::fork() })?;
    Ok(Pid::from_raw(pid))
}

/// A new user namespace in which we are who we are outside, with every capability over what is made next.
pub(super) fn enter_user_namespace() -> io::Result<()> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    unshare(libc::CLONE_NEWUSER)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{uid} {uid} 1\n"))?;
    fs::write("/proc/self/gid_map", format!("{gid} {gid} 1\n"))
}

/// Mounts, PIDs (for the next child), IPC, host name and, unless `with_network`, network.
pub(super) fn enter_namespaces(with_network: bool) -> io::Result<()> {
    let network = if with_network { 0 } else { libc::CLONE_NEWNET };
    unshare(libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS | network)
}

fn unshare(flags: c_int) -> io::Result<()> {
    // SAFETY: takes flags only; no other thread shares what is unshared.
    check(unsafe { libc::unshare(flags) }).map(drop)
}

/// Brings up `lo`, which a new network namespace has and keeps down.
pub(super) fn raise_loopback() -> io::Result<()> {
    // SAFETY: a plain socket call; the descriptor is owned at once.
    let socket =
        unsafe { OwnedFd::from_raw_fd(check(libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0))?) };
    // SAFETY: all-zero is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads one `ifreq`, which lives until the call returns.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &request) }).map(drop)
}

/// Adds attributes (read-only, no devices …) to a mount and, if asked, to all below it.
pub(super) fn restrict_mount(mount: BorrowedFd<'_>, attributes: u64, recursive: bool) -> io::Result<()> {
    #[repr(C)]
    struct MountAttr {
        set: u64,
        clear: u64,
        propagation: u64,
        user_namespace: u64,
    }
    let wanted = MountAttr { set: attributes, clear: 0, propagation: 0, user_namespace: 0 };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is an empty C string, the struct is the kernel's `mount_attr` and its size is given.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &wanted,
            mem::size_of::<MountAttr>(),
        )
    };
    check(result as c_int).map(drop)
}

/// The input as a file of its own, at its beginning; `/dev/null` when it is empty.
pub(super) fn input(bytes: &[u8]) -> io::Result<OwnedFd> {
    if bytes.is_empty() {
        return Ok(File::open("/dev/null")?.into());
    }
    let memory = rustix::fs::memfd_create("stdin", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = File::from(memory);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

/// Makes `input` standard input: the control socket is no longer there.
pub(super) fn set_stdin(input: OwnedFd) -> io::Result<()> {
    // SAFETY: both are descriptors; standard input is nobody's owned object here.
    check(unsafe { libc::dup2(input.as_raw_fd(), 0) }).map(drop)
}

/// A process group of its own.
pub(super) fn own_group() -> io::Result<()> {
    rustix::process::setpgid(None, None).map_err(Into::into)
}

/// Closes everything the caller let through by mistake; called before anything is opened.
pub(super) fn close_the_rest() -> io::Result<()> {
    // SAFETY: nothing in this process owns a descriptor above 2 yet.
    check(unsafe { libc::syscall(libc::SYS_close_range, 3, c_int::MAX, 0) } as c_int).map(drop)
}

/// No descriptor but the three standard ones survives the next exec.
pub(super) fn close_the_rest_on_exec() -> io::Result<()> {
    // SAFETY: CLOSE_RANGE_CLOEXEC closes nothing now.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3, c_int::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    check(result as c_int).map(drop)
}

/// Gives up every capability, for good.
pub(super) fn drop_capabilities() -> io::Result<()> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: c_int,
    }
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Data {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    let last = fs::read_to_string("/proc/sys/kernel/cap_last_cap").ok().and_then(|text| text.trim().parse().ok());
    for capability in 0..=last.unwrap_or(40) as c_ulong {
        // SAFETY: numbers only. Fails for an ordinary user without namespaces, who has nothing in the set to regain.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
    }
    // SAFETY: numbers only.
    unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) };
    let header = Header { version: 0x2008_0522, pid: 0 }; // _LINUX_CAPABILITY_VERSION_3
    let none = [Data { effective: 0, permitted: 0, inheritable: 0 }; 2];
    // SAFETY: version 3 reads a header and two data structs.
    check(unsafe { libc::syscall(libc::SYS_capset, &header, none.as_ptr()) } as c_int).map(drop)
}

/// Waits for one child of the launcher's.
pub(super) fn wait_for(pid: Pid) {
    while let Err(rustix::io::Errno::INTR) = rustix::process::waitpid(Some(pid), WaitOptions::empty()) {}
}

/// Reaps any child that ended; `None` when none did, an error when there is none.
pub(super) fn reap() -> io::Result<Option<Reaped>> {
    let mut raw_status = 0;
    // SAFETY: all-zero is a valid `rusage`.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: both pointers are to live values of the right type.
    let pid = check(unsafe { libc::wait4(-1, &mut raw_status, libc::WNOHANG, &mut usage) })?;
    let millis = |time: libc::timeval| time.tv_sec as u64 * 1000 + time.tv_usec as u64 / 1000;
    Ok((pid > 0).then(|| Reaped {
        pid,
        raw_status,
        cpu_ms: millis(usage.ru_utime) + millis(usage.ru_stime),
        largest_process_bytes: usage.ru_maxrss as u64 * 1024,
    }))
}

/// Waits until one of `files` can be read or was closed, at most `millis`; tells which.
pub(super) fn poll<const N: usize>(files: [Option<BorrowedFd<'_>>; N], millis: c_int) -> [bool; N] {
    // the kernel skips negative descriptors
    let mut asked = files.map(|file| libc::pollfd {
        fd: file.map_or(-1, |file| file.as_raw_fd()),
        events: libc::POLLIN,
        revents: 0,
    });
    // SAFETY: an array of N structs; an error (a signal) leaves `revents` at zero.
    unsafe { libc::poll(asked.as_mut_ptr(), N as libc::nfds_t, millis) };
    asked.map(|file| file.revents != 0)
}

/// A call that a process of the confinement waits in.
pub(super) struct Asked {
    pub(super) id: u64,
    /// The thread, as this process's PID namespace numbers it.
    pub(super) thread: pid_t,
    pub(super) call: i64,
    pub(super) arguments: [u64; 6],
}

/// What is answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// The kernel goes on with the call as if nobody had asked.
    GoOn,
    /// The call ended well.
    Done,
    /// The call failed with this error.
    Fails(c_int),
    /// The call gives this file.
    Gives(OwnedFd),
}

/// Installs `filter` on this process, for it and all it starts; whoever holds what is returned is asked.
pub(super) fn install_asking(filter: &[seccompiler::sock_filter]) -> io::Result<OwnedFd> {
    let length = u16::try_from(filter.len()).map_err(io::Error::other)?;
    // the same C struct under two names
    let program = libc::sock_fprog { len: length, filter: filter.as_ptr().cast_mut().cast() };
    // a signal does not end a call that the supervisor is at; before Linux 5.19 it does
    let flags = [
        libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
        libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
    ];
    let mut result = Err(io::ErrorKind::Unsupported.into());
    for flags in flags {
        // SAFETY: the program and its instructions live until the call returns, which only reads them.
        let fd = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &program) };
        // SAFETY: a new descriptor, owned at once.
        result = check(fd as c_int).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
        if result.is_ok() {
            break;
        }
    }
    result
}

/// Whether the kernel hands out descriptors in answer to a call (Linux 5.14), asked of `listener`.
pub(super) fn can_give(listener: &OwnedFd) -> bool {
    let nobody_asked = give(listener, 0, listener.as_fd());
    nobody_asked.is_err_and(|error| error.raw_os_error() == Some(libc::ENOENT))
}

/// Has whoever asked woken on the same processor: half the time (Linux 6.6; refused before).
pub(super) fn answer_at_once(listener: &OwnedFd) {
    const SYNC_WAKE_UP: c_ulong = 1;
    // SAFETY: takes a number.
    unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP) };
}

/// The next call that somebody waits in.
pub(super) fn next_asked(listener: &OwnedFd) -> io::Result<Asked> {
    #[repr(C)]
    struct Room {
        asked: libc::seccomp_notif,
        /// For what a later kernel may add.
        more: [u64; 16],
    }
    // SAFETY: all-zero is a valid value, and what the kernel wants to find.
    let mut room: Room = unsafe { mem::zeroed() };
    // SAFETY: the kernel fills one `seccomp_notif`, with room behind it.
    check(unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &mut room) })?;
    let _padding = room.more;
    let asked = room.asked;
    Ok(Asked { id: asked.id, thread: asked.pid as pid_t, call: i64::from(asked.data.nr), arguments: asked.data.args })
}

/// Whether whoever asked still waits: what was read of that process before was its own.
pub(super) fn still_asks(listener: &OwnedFd, id: u64) -> bool {
    // SAFETY: the kernel reads one number.
    unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0 }
}

/// Answers one call; one that ended meanwhile needs none.
pub(super) fn answer(listener: &OwnedFd, id: u64, answer: &Answer) {
    let (error, flags) = match answer {
        Answer::GoOn => (0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
        Answer::Done => (0, 0),
        Answer::Fails(errno) => (-errno, 0),
        Answer::Gives(file) => match give(listener, id, file.as_fd()) {
            Ok(()) => return,
            Err(error) => (-error.raw_os_error().unwrap_or(libc::EACCES), 0), // no more files for that process
        },
    };
    let mut response = libc::seccomp_notif_resp { id, val: 0, error, flags };
    // SAFETY: the kernel reads one `seccomp_notif_resp`.
    unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &mut response) };
}

fn give(listener: &OwnedFd, id: u64, file: BorrowedFd<'_>) -> io::Result<()> {
    let mut given = libc::seccomp_notif_addfd {
        id,
        flags: libc::SECCOMP_ADDFD_FLAG_SEND as u32,
        srcfd: file.as_raw_fd() as u32,
        newfd: 0,
        newfd_flags: libc::O_CLOEXEC as u32, // it goes to nobody else by an exec
    };
    // SAFETY: the kernel reads one `seccomp_notif_addfd`.
    check(unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ADDFD, &mut given) }).map(drop)
}

/// Reads memory of another process, as much of `into` as is there: pages that are missing end it.
pub(super) fn read_memory(process: pid_t, address: u64, into: &mut [u8]) -> usize {
    const PAGE: u64 = 4096;
    let to_page_end = (PAGE - address % PAGE).min(into.len() as u64) as usize;
    let here = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    let second = address.wrapping_add(to_page_end as u64);
    let there = [
        libc::iovec { iov_base: address as *mut libc::c_void, iov_len: to_page_end },
        libc::iovec { iov_base: second as *mut libc::c_void, iov_len: into.len() - to_page_end },
    ];
    // SAFETY: writes at most the length of `into` to it; the other addresses are the other process's.
    let read = unsafe { libc::process_vm_readv(process, &here, 1, there.as_ptr(), 2, 0) };
    usize::try_from(read).unwrap_or(0)
}

/// Signals one process, a group (negative) or everybody in the PID namespace (-1); one that is gone is as wanted.
pub(super) fn signal(target: pid_t, number: c_int) {
    // SAFETY: numbers only.
    unsafe { libc::kill(target, number) };
}

/// Makes a new read-only bind of the file or folder at `path`, not attached anywhere yet.
pub(super) fn detached_copy(path: &Path, attributes: u64) -> io::Result<OwnedFd> {
    use rustix::mount::{OpenTreeFlags, open_tree};
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    let tree = open_tree(rustix::fs::CWD, path, flags)?;
    restrict_mount(tree.as_fd(), attributes, true)?;
    Ok(tree)
}

/// The same of the file `name` in `folder`, wherever that is mounted.
pub(super) fn detached_copy_at(folder: &OwnedFd, name: &Path, attributes: u64) -> io::Result<OwnedFd> {
    use rustix::mount::{OpenTreeFlags, open_tree};
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = open_tree(folder, name, flags)?;
    restrict_mount(tree.as_fd(), attributes, false)?;
    Ok(tree)
}

/// Opens once more what `file` is, with a position and rights of its own.
pub(super) fn reopen(file: &File, flags: rustix::fs::OFlags) -> io::Result<OwnedFd> {
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(rustix::fs::open(link, flags | rustix::fs::OFlags::CLOEXEC, rustix::fs::Mode::empty())?)
}

/// Makes the root folder itself read-only; what is mounted under it stays as it is.
pub(super) fn close_root() -> io::Result<()> {
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC | rustix::fs::OFlags::DIRECTORY;
    let root = rustix::fs::open("/", flags, rustix::fs::Mode::empty())?;
    restrict_mount(root.as_fd(), 1, false) // MOUNT_ATTR_RDONLY
}

/// Attaches a detached mount.
pub(super) fn attach(tree: &OwnedFd, at: &Path) -> io::Result<()> {
    use rustix::mount::{MoveMountFlags, move_mount};
    move_mount(tree, "", rustix::fs::CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).map_err(Into::into)
}

/// The kernel's version, such as (6, 18); (0, 0) when it cannot be read.
pub(super) fn kernel_version() -> (u32, u32) {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    let mut parts = release.split(['.', '-']).map_while(|part| part.parse().ok());
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

/// Whether a handler or an `ignore` of the caller's would reach the program; the launcher resets them.
pub(super) fn default_signals() {
    for number in 1..32 {
        // SAFETY: SIG_DFL is always a valid disposition; SIGKILL and SIGSTOP refuse.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
    // SAFETY: an empty set, then installed; no old set is asked for.
    unsafe {
        let mut none: libc::sigset_t = mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, ptr::null_mut());
    }
}

/// Makes one system call in a forked child after `prepare`, and gives the error it ended with, 0 for none.
#[cfg(test)]
pub(super) fn call_in_a_child(prepare: impl FnOnce() -> bool, call: i64, arguments: [u64; 3]) -> i32 {
    const NOT_PREPARED: i32 = 255;
    let [first, second, third] = arguments;
    // SAFETY: the child of this threaded process only makes system calls and ends.
    let pid = check(unsafe { libc::fork() }).expect("forks");
    if pid == 0 {
        let ready = prepare();
        // SAFETY: the calls under test are refused, or take these numbers without touching memory.
        let result = unsafe { libc::syscall(call, first, second, third, 0, 0) };
        let errno = if result < 0 { io::Error::last_os_error().raw_os_error().unwrap_or(NOT_PREPARED) } else { 0 };
        // SAFETY: ends the child at once, without the parent's exit handlers.
        unsafe { libc::_exit(if ready { errno } else { NOT_PREPARED }) }
    }
    let mut status = 0;
    // SAFETY: waits for the child made above, into a live integer.
    check(unsafe { libc::waitpid(pid, &mut status, 0) }).expect("was not waited for");
    libc::WEXITSTATUS(status)
}
