//! macOS: the launcher hands over to the system's `sandbox-exec` with a profile made from the order.
//!
//! Level SEATBELT: files and network are closed by the profile; time is kept by the caller. There is no PID namespace
//! and no reaper of orphans: a process that leaves the group and the session outlives its run.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, Stdio, exit};

use super::policy::{Applied, Level};
use super::protocol::{Order, Told, receive};
use crate::infrastructure::process::Status;

/// Never looked up in PATH.
const SANDBOX_EXEC: &str = "/usr/bin/sandbox-exec";
const LAUNCHER_FAILED: i32 = 125;
/// Programs, libraries and what they need to know of the machine.
const SYSTEM: [&str; 12] = [
    "/bin",
    "/sbin",
    "/usr",
    "/System",
    "/Library/Apple",
    "/Library/Developer",
    "/Applications/Xcode.app",
    "/opt/homebrew",
    "/private/etc/ssl",
    "/private/etc/passwd",
    "/private/var/db/dyld",
    "/private/var/db/timezone",
];

/// What `main` does when the first argument is [`super::LAUNCHER_ARGUMENT`]: never returns.
pub fn launcher_main() -> ! {
    let Ok(control) = io::stdin().as_fd().try_clone_to_owned() else { exit(LAUNCHER_FAILED) };
    let control = UnixStream::from(control);
    let Ok((order, stdin)) = Order::read(&control) else { exit(LAUNCHER_FAILED) };
    run(&order, stdin, control).write(&io::sink());
    exit(0)
}

fn run(order: &Order, stdin: Vec<u8>, control: UnixStream) -> Told {
    let told = |told: Told| {
        told.write(&control);
        told
    };
    if !Path::new(SANDBOX_EXEC).exists() {
        return told(Told::NotConfined { step: "finding sandbox-exec".to_owned(), why: format!("no {SANDBOX_EXEC}") });
    }
    let _leader_already = rustix::process::setsid();
    told(Told::Confined(Applied {
        level: Level::Seatbelt,
        backend: "sandbox-exec".to_owned(),
        landlock: "not on macOS".to_owned(),
        overlays: 0,
        keeps: false,
    }));
    let Some(program) = &order.program else { exit(0) };
    let mut command = Command::new(SANDBOX_EXEC);
    command.arg("-p").arg(profile(order)).arg(program).args(&order.args).process_group(0);
    command.env_clear().envs(order.env.iter().map(|(name, value)| (name, value))).current_dir(&order.cwd);
    let talk = order.talks.then(|| receive(&control, 1).ok().and_then(|(_, input)| input)).flatten();
    let input = talk.map_or_else(Stdio::piped, Stdio::from);
    let mut child = match command.stdin(input).spawn() {
        Ok(child) => child,
        Err(error) => {
            let what = program.to_string_lossy().into_owned();
            return told(Told::NotStarted { what, errno: error.raw_os_error().unwrap_or(0) });
        }
    };
    if let Some(mut input) = child.stdin.take() {
        std::thread::spawn(move || drop(input.write_all(&stdin)));
    }
    stop_when_told(&control, child.id());
    match child.wait() {
        Ok(status) => told(Told::Ended {
            status: status.code().map_or_else(|| Status::Signal(status.signal().unwrap_or(0)), Status::Exit),
            cpu_ms: 0,
            largest_process_bytes: 0,
            exceeded: None,
        }),
        Err(error) => told(Told::NotConfined { step: "waiting for the program".to_owned(), why: error.to_string() }),
    }
}

/// The caller's end closing means stop: it asked, or it died.
fn stop_when_told(control: &UnixStream, pid: u32) {
    use std::io::Read as _;
    let (Ok(mut control), Some(group)) = (control.try_clone(), rustix::process::Pid::from_raw(pid.cast_signed()))
    else {
        return;
    };
    std::thread::spawn(move || {
        let _closed = control.read(&mut [0; 1]);
        let _gone = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
        std::thread::sleep(std::time::Duration::from_secs(2));
        let _gone = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    });
}

fn profile(order: &Order) -> String {
    let mut profile = String::from(
        "(version 1)\n(deny default)\n(allow process-exec process-fork signal (target same-sandbox))\n\
         (allow sysctl-read)\n(allow file-read-metadata)\n(allow file-read* file-write* (literal \"/dev/null\") (literal \"/dev/zero\"))\n\
         (allow file-read* (literal \"/\") (literal \"/dev/random\") (literal \"/dev/urandom\"))\n",
    );
    let system = SYSTEM.iter().map(|path| Path::new(path).as_os_str());
    for path in system.chain(order.read_only.iter().map(AsRef::as_ref)) {
        let _infallible = writeln!(profile, "(allow file-read* (subpath {}))", quoted(path.as_bytes()));
    }
    for path in order.writable.iter().chain([&order.scratch]) {
        let _infallible = writeln!(profile, "(allow file-read* file-write* (subpath {}))", quoted(path.as_bytes()));
    }
    // later rules win
    for path in &order.read_only {
        let _infallible = writeln!(profile, "(deny file-write* (subpath {}))", quoted(path.as_bytes()));
    }
    for path in &order.hidden {
        let _infallible = writeln!(profile, "(deny file-read* file-write* (subpath {}))", quoted(path.as_bytes()));
    }
    profile
}

fn quoted(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
