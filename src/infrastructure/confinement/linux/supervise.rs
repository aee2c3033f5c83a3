//! The supervisor: waits for the program, ends everything when the caller says or a limit is passed, tells.

use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use libc::pid_t;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::super::policy::{Exceeded, Level, Limits};
use super::super::protocol::{Order, Told, receive};
use super::keeper::Keeper;
use super::{limits, sys};
use crate::clock::{Clock as _, SystemClock};
use crate::infrastructure::process::Status;

/// How often limits are looked at.
const LOOK_MILLIS: i32 = 50;

/// Follows `program` to its end; returns when nothing it started is left to find.
pub(super) fn supervise(
    program: Pid,
    report: &UnixStream,
    control: &UnixStream,
    order: &Order,
    keeper: Option<Keeper>,
) {
    let mut supervisor = Supervisor {
        program: program.as_raw_nonzero().get(),
        order,
        clock: SystemClock::default(),
        asked_to_stop: None,
        exceeded: None,
        ended: None,
        free_at_first: free_space(order),
        looked: None,
        keeper,
    };
    if supervisor.relay_start(report, control) {
        supervisor.follow(program, control);
    }
    supervisor.clean_up();
    if let Some(reaped) = supervisor.ended.filter(|_| order.program.is_some()) {
        Told::Ended {
            status: status_of(reaped.raw_status),
            cpu_ms: reaped.cpu_ms,
            largest_process_bytes: reaped.largest_process_bytes,
            exceeded: supervisor.exceeded,
        }
        .write(control);
    }
}

struct Supervisor<'a> {
    program: pid_t,
    order: &'a Order,
    clock: SystemClock,
    asked_to_stop: Option<Duration>,
    exceeded: Option<Exceeded>,
    ended: Option<sys::Reaped>,
    free_at_first: Option<u64>,
    /// When limits were looked at.
    looked: Option<Duration>,
    /// Answers for files that are kept.
    keeper: Option<Keeper>,
}

impl Supervisor<'_> {
    /// Passes on what the child said before it became the program. False when it did not.
    fn relay_start(&mut self, report: &UnixStream, control: &UnixStream) -> bool {
        let mut said = Vec::new();
        loop {
            let listener = self.keeper.as_ref().and_then(Keeper::listener);
            let [told, asked] = sys::poll([Some(report.as_fd()), listener], -1);
            if !told {
                if let (true, Some(keeper)) = (asked, &mut self.keeper) {
                    keeper.answer();
                }
                continue;
            }
            match receive(report, 4096) {
                Ok((bytes, listener)) if !bytes.is_empty() => {
                    said.extend_from_slice(&bytes);
                    if let (Some(listener), Some(keeper)) = (listener, &mut self.keeper) {
                        keeper.listen(listener);
                    }
                }
                _its_end => break,
            }
        }
        if let Some(keeper) = &mut self.keeper {
            keeper.started();
        }
        let told = Told::read_all(&said);
        told.iter().for_each(|told| told.write(control));
        matches!(told.last(), Some(Told::Confined(_)))
    }

    fn follow(&mut self, program: Pid, control: &UnixStream) {
        let ending = pidfd_open(program, PidfdFlags::empty()).ok();
        loop {
            // after the request to stop, the closed socket would end every poll at once
            let listening = self.asked_to_stop.is_none().then(|| control.as_fd());
            let asking = self.keeper.as_ref().and_then(Keeper::listener);
            let [told_to_stop, _, asked] =
                sys::poll([listening, ending.as_ref().map(|fd| fd.as_fd()), asking], LOOK_MILLIS);
            if let (true, Some(keeper)) = (asked, &mut self.keeper) {
                keeper.answer();
            }
            self.reap_all();
            if self.ended.is_some() {
                return;
            }
            if told_to_stop {
                self.ask_to_stop();
            }
            let now = self.clock.monotonic();
            // whoever asks about files wakes this more often than it is worth
            if self.looked.is_none_or(|looked| now >= looked + Duration::from_millis(LOOK_MILLIS.unsigned_abs().into()))
            {
                self.looked = Some(now);
                self.exceeded = self.exceeded.or_else(|| self.look_at_limits());
            }
            let patience_is_over =
                self.asked_to_stop.is_some_and(|at| now >= at + Duration::from_millis(self.order.grace_ms));
            if self.exceeded.is_some() || patience_is_over {
                return self.kill_program();
            }
        }
    }

    fn ask_to_stop(&mut self) {
        self.asked_to_stop = Some(self.clock.monotonic());
        if self.order.level == Level::Full {
            sys::signal(-1, libc::SIGTERM);
        } else {
            sys::signal(-self.program, libc::SIGTERM);
        }
    }

    fn kill_program(&mut self) {
        sys::signal(-self.program, libc::SIGKILL);
        sys::signal(self.program, libc::SIGKILL);
        while self.ended.is_none() {
            sys::poll([], LOOK_MILLIS);
            self.reap_all();
        }
    }

    fn reap_all(&mut self) {
        while let Ok(Some(reaped)) = sys::reap() {
            if reaped.pid == self.program {
                self.ended = Some(reaped);
            }
        }
    }

    /// Ends whatever is left. At FULL the kernel does it when this process ends, but only then: what it prints
    /// until then still counts, so it is done here, before the end is told.
    fn clean_up(&mut self) {
        loop {
            if self.order.level == Level::Full {
                sys::signal(-1, libc::SIGKILL);
            } else {
                family().iter().for_each(|(pid, _)| sys::signal(*pid, libc::SIGKILL));
            }
            match sys::reap() {
                Err(_no_child_left) => return,
                Ok(Some(reaped)) if reaped.pid == self.program => self.ended = Some(reaped),
                Ok(Some(_)) => {}
                Ok(None) => drop(sys::poll([], 2)),
            }
        }
    }

    fn look_at_limits(&self) -> Option<Exceeded> {
        let Limits { memory_bytes, processes, disk_bytes, .. } = self.order.limits;
        let family = if self.order.level == Level::Full { everybody() } else { family() };
        let memory: u64 = family.iter().map(|(_, status)| memory_of(status)).sum();
        if memory > memory_bytes {
            return Some(Exceeded::Memory);
        }
        let used = self.free_at_first.zip(free_space(self.order)).map_or(0, |(first, now)| first.saturating_sub(now));
        if used > disk_bytes {
            return Some(Exceeded::Disk);
        }
        (family.len() as u64 > processes).then_some(Exceeded::Processes)
    }
}

/// Free bytes on the disk that writes go to. What others write at the same time counts too, so the limit is a wide one.
fn free_space(order: &Order) -> Option<u64> {
    let disk = rustix::fs::statvfs(Path::new(&order.scratch)).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Bytes that are the process's own; pages of files can be dropped and do not count.
fn memory_of(status: &str) -> u64 {
    let kilobytes = |name| limits::field(status, name).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    (kilobytes("RssAnon:") + kilobytes("RssShmem:")) * 1024
}

/// Every process of this PID namespace but this one, with its status text.
fn everybody() -> Vec<(pid_t, String)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<pid_t>().ok());
    let own = rustix::process::getpid().as_raw_nonzero().get();
    pids.filter(|pid| *pid != own)
        .filter_map(|pid| Some((pid, fs::read_to_string(format!("/proc/{pid}/status")).ok()?)))
        .collect()
}

/// Every process that descends from this one: orphans come to it, it is their reaper.
fn family() -> Vec<(pid_t, String)> {
    let mut found = Vec::new();
    let mut open = vec![rustix::process::getpid().as_raw_nonzero().get()];
    while let Some(parent) = open.pop() {
        for child in children_of(parent) {
            open.push(child);
            if let Ok(status) = fs::read_to_string(format!("/proc/{child}/status")) {
                found.push((child, status));
            }
        }
    }
    found
}

/// Asks each thread: on a machine with many processes, reading them all twenty times a second would cost more.
fn children_of(parent: pid_t) -> Vec<pid_t> {
    let Ok(threads) = fs::read_dir(format!("/proc/{parent}/task")) else { return Vec::new() };
    let lists = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

fn status_of(raw: i32) -> Status {
    if libc::WIFSIGNALED(raw) { Status::Signal(libc::WTERMSIG(raw)) } else { Status::Exit(libc::WEXITSTATUS(raw)) }
}
