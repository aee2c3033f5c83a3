//! What goes through the socket that is the launcher's standard input: one [`Order`] in, [`Told`] lines out.
//!
//! The socket's other end closing means stop, whether the caller asked or died. Paths travel as bytes: a file name
//! need not be text.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use serde::{Deserialize, Serialize};

use super::policy::{Applied, Exceeded, Level, Limits, Network, Pair, Policy};
use crate::infrastructure::process::{Command, Status};

/// Refuses the order of another version of the program: the binary may be replaced while a daemon runs.
const VERSION: u32 = 3;
/// A policy has a few hundred paths at most.
const LARGEST_ORDER: u32 = 16 << 20;

/// What to run, in what.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    version: u32,
    pub(super) level: Level,
    pub(super) read_only: Vec<OsString>,
    pub(super) writable: Vec<OsString>,
    /// Source and place.
    pub(super) placed: Vec<(OsString, OsString)>,
    pub(super) hidden: Vec<OsString>,
    pub(super) overlays: Vec<OverlayOrder>,
    pub(super) scratch: OsString,
    pub(super) network: Network,
    pub(super) doors: Vec<u16>,
    /// Files that only the program itself may open, and folders that are its own.
    pub(super) kept: Option<(Vec<OsString>, Vec<OsString>)>,
    pub(super) limits: Limits,
    pub(super) grace_ms: u64,
    /// None: a probe; confine, tell and end.
    pub(super) program: Option<OsString>,
    pub(super) args: Vec<OsString>,
    pub(super) cwd: OsString,
    pub(super) env: Vec<Pair>,
    /// Whether a socket that becomes the program's input comes behind the order.
    pub(super) talks: bool,
    stdin_length: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OverlayOrder {
    pub(super) lowers: Vec<OsString>,
    pub(super) at: OsString,
    pub(super) upper: OsString,
}

impl Order {
    pub(super) fn new(level: Level, policy: &Policy, command: Option<&Command>, talks: bool) -> Self {
        let os = |paths: &[std::path::PathBuf]| paths.iter().map(|path| path.clone().into_os_string()).collect();
        let overlay = |overlay: &super::policy::Overlay| OverlayOrder {
            lowers: os(&overlay.lowers),
            at: overlay.at.clone().into(),
            upper: overlay.upper.clone().into(),
        };
        let stands_in = || policy.placed.first().map(|one| &one.at).or(policy.writable.first()).cloned();
        let cwd = command.and_then(|command| command.cwd.clone()).or_else(stands_in);
        Self {
            version: VERSION,
            level,
            read_only: os(&policy.read_only),
            writable: os(&policy.writable),
            placed: policy.placed.iter().map(|one| (one.source.clone().into(), one.at.clone().into())).collect(),
            hidden: os(&policy.hidden),
            overlays: policy.overlays.iter().map(overlay).collect(),
            scratch: policy.scratch.clone().into(),
            network: policy.network,
            doors: policy.doors.clone(),
            kept: policy.kept.as_ref().map(|kept| (os(&kept.files), os(&kept.own))),
            limits: policy.limits,
            grace_ms: command.map_or(0, |c| u64::try_from(c.grace.as_millis()).unwrap_or(u64::MAX)),
            program: command.map(|command| command.program.clone()),
            args: command.map(|command| command.args.clone()).unwrap_or_default(),
            cwd: cwd.unwrap_or_else(|| "/".into()).into(),
            env: command.map(|command| environment(command, policy)).unwrap_or_default(),
            talks,
            stdin_length: command.and_then(|command| command.stdin.as_ref()).map_or(0, |bytes| bytes.len() as u64),
        }
    }

    pub(super) fn write(&self, stdin: &[u8], mut to: impl Write) -> io::Result<()> {
        let json = serde_json::to_vec(self)?;
        let length = u32::try_from(json.len()).map_err(io::Error::other)?;
        to.write_all(&length.to_le_bytes())?;
        to.write_all(&json)?;
        to.write_all(stdin)
    }

    pub(super) fn read(mut from: impl Read) -> io::Result<(Self, Vec<u8>)> {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length);
        if length > LARGEST_ORDER {
            return Err(io::Error::other(format!("an order of {length} bytes")));
        }
        let mut json = vec![0; length as usize];
        from.read_exact(&mut json)?;
        let order: Self = serde_json::from_slice(&json)?;
        if order.version != VERSION {
            return Err(io::Error::other(format!("an order of version {}, this is {VERSION}", order.version)));
        }
        let mut stdin = Vec::new();
        from.take(order.stdin_length).read_to_end(&mut stdin)?;
        if stdin.len() as u64 != order.stdin_length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok((order, stdin))
    }
}

fn environment(command: &Command, policy: &Policy) -> Vec<Pair> {
    let mut pairs = command.env.clone();
    pairs.entry("HOME".into()).or_insert_with(|| policy.home().into());
    for name in ["TMPDIR", "TMP", "TEMP"] {
        pairs.entry(name.into()).or_insert_with(|| policy.tmp().into());
    }
    pairs.into_iter().collect()
}

/// Sends `bytes` with a file of its own along.
pub(super) fn send_with(to: &UnixStream, bytes: &[u8], file: BorrowedFd<'_>) -> io::Result<()> {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    let files = [file];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&files));
    let sent = sendmsg(to, &[io::IoSlice::new(bytes)], &mut ancillary, SendFlags::empty())?;
    if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// What comes next, at most `most` bytes of it, and a file that was sent along.
pub(super) fn receive(from: &UnixStream, most: usize) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
    #[cfg(target_os = "linux")]
    let flags = RecvFlags::CMSG_CLOEXEC;
    #[cfg(not(target_os = "linux"))]
    let flags = RecvFlags::empty();
    let mut bytes = vec![0; most];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        match recvmsg(from, &mut [io::IoSliceMut::new(&mut bytes)], &mut ancillary, flags) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other?,
        }
    };
    let mut files = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut files) => files.next(),
        _ => None,
    });
    let file = files.next();
    drop(files);
    bytes.truncate(received.bytes);
    Ok((bytes, file))
}

/// What the launcher says, one JSON object a line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Told {
    /// Confined; the program is started next.
    Confined(Applied),
    /// A door's listening socket comes with this line.
    Door,
    /// This step failed; nothing was started.
    NotConfined { step: String, why: String },
    /// The program could not be started.
    NotStarted { what: String, errno: i32 },
    /// The program ended.
    Ended { status: Status, cpu_ms: u64, largest_process_bytes: u64, exceeded: Option<Exceeded> },
}

impl Told {
    pub(super) fn write(&self, mut to: impl Write) {
        let mut line = serde_json::to_vec(self).expect("plain data has a JSON form");
        line.push(b'\n');
        // a caller that died is seen by the supervisor's poll
        let _nobody_listens = to.write_all(&line);
    }

    pub(super) fn read_all(bytes: &[u8]) -> Vec<Self> {
        bytes.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt as _;

    #[test]
    fn an_order_arrives_as_it_was_sent() {
        let odd = OsString::from_vec(b"/a\xff\n".to_vec());
        let command = Command::new(&odd).env("A", &odd).stdin(*b"input");
        let sent = Order::new(Level::Full, &Policy::new("/c", "/s"), Some(&command), false);
        let mut wire = Vec::new();
        sent.write(b"input", &mut wire).expect("writes to memory");
        let (order, stdin) = Order::read(wire.as_slice()).expect("reads back");
        assert_eq!(order.program.as_ref(), Some(&odd));
        assert!(order.env.contains(&("A".into(), odd)));
        assert!(order.env.contains(&("HOME".into(), "/s/home".into())));
        assert_eq!(stdin, b"input");
        assert!(Order::read(&wire[..wire.len() - 1]).is_err(), "a cut order is no order");
    }

    #[test]
    fn half_a_line_is_not_believed() {
        let mut wire = Vec::new();
        let told = Told::NotStarted { what: "x".into(), errno: 2 };
        told.write(&mut wire);
        let whole = wire.clone();
        wire.extend_from_slice(&whole[..whole.len() - 3]);
        assert_eq!(Told::read_all(&wire), [told]);
    }
}
