//! Limits the kernel holds.

use std::fs;
use std::io;

use rustix::process::{Resource, Rlimit, geteuid, getrlimit, setrlimit};

use super::super::policy::{Level, Limits};
use super::sys;

/// The smallest limit the kernel takes for a PID namespace.
const FEWEST_PIDS: u64 = 301;

/// Bounds the PID namespace itself: the only bound that holds for root, whom `RLIMIT_NPROC` does not count.
///
/// Before Linux 6.14 this file is the whole machine's, so it is left alone there; the supervisor counts too.
pub(super) fn bound_pids(processes: u64) {
    if sys::kernel_version() >= (6, 14) {
        // refused where /proc is read-only; the supervisor counts too
        let _refused = fs::write("/proc/sys/kernel/pid_max", processes.max(FEWEST_PIDS).to_string());
    }
}

/// Applies everything to this process and what it starts.
pub(super) fn apply(limits: &Limits, level: Level) -> io::Result<()> {
    // in its own user namespace the count begins at nothing; without one it is the user's everywhere
    let others = if level == Level::Full { 0 } else { threads_of_this_user() };
    for (resource, most) in [
        (Resource::Cpu, limits.cpu_s),
        (Resource::Data, limits.memory_bytes), // not the address space: runtimes reserve far more than they use
        (Resource::Fsize, limits.file_size),
        (Resource::Nofile, limits.open_files),
        (Resource::Nproc, limits.processes.saturating_add(others)),
        (Resource::Core, 0),
    ] {
        let most = getrlimit(resource).maximum.map_or(most, |already| already.min(most));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

fn threads_of_this_user() -> u64 {
    let uid = geteuid().as_raw().to_string();
    let Ok(processes) = fs::read_dir("/proc") else { return 0 };
    let statuses = processes.flatten().filter_map(|entry| fs::read_to_string(entry.path().join("status")).ok());
    statuses
        .filter(|status| field(status, "Uid:") == Some(uid.as_str()))
        .filter_map(|status| field(&status, "Threads:")?.parse::<u64>().ok())
        .sum()
}

/// The first word after `name` in a `/proc/PID/status`.
pub(super) fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).and_then(|rest| rest.split_whitespace().next())
}
