//! The system calls that the standard library lacks.

use std::io;

/// The user that this process acts as.
pub(super) fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether a peer with this uid is answered: this user, or root, whom nothing could keep out.
pub(super) fn may_ask(uid: u32) -> bool {
    uid == own_uid() || uid == 0
}

/// Whether a peer with this uid is root at another user's daemon: what it decides is recorded as root's word.
pub(super) fn is_foreign_root(uid: u32) -> bool {
    uid == 0 && own_uid() != 0
}

/// Leaves the terminal that this process was started from. A process that leads its group stays where it is: then
/// somebody started it in the foreground.
pub(super) fn leave_terminal() {
    let _leads_already = rustix::process::setsid();
}

/// Tells the client that started this process, at the other end of standard input, that it may ask now.
pub(super) fn tell_who_waits() {
    // somebody else started it, and standard input is no socket: they do not wait
    let _ = rustix::net::shutdown(std::io::stdin(), rustix::net::Shutdown::Both);
}

/// Whether the client that started this process, at the other end of standard input, went away.
pub(super) fn who_waited_left() -> bool {
    use rustix::net::{RecvFlags, recv};
    // nothing is ever sent: an end is all that can be read. What is no socket is an error, and nobody waits there
    matches!(recv(std::io::stdin(), &mut [0_u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT), Ok((0, _)))
}

/// Asks a process to end.
pub(super) fn terminate(pid: u32) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    Ok(rustix::process::kill_process(pid, rustix::process::Signal::TERM)?)
}
