//! Watching a child to its end: output, time, cancel, the kill of its whole group, the reaping.
//!
//! The leader is reaped last: while it is a zombie its number cannot be given to anybody else, so a signal to the
//! group never reaches a stranger.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};

use super::command::{Command, ProcessError};
use super::output::Captured;
use super::{Chunk, Finished, Status, Stopped, Stream};
use crate::cancel::Cancel;
use crate::clock::{Clock, SystemClock};

/// How often a cancel is looked at. A person does not notice it; only a running child costs it.
const LOOK: Duration = Duration::from_millis(20);
/// How long output of an ended child may still come from those it left behind.
const DRAIN: Duration = Duration::from_millis(500);

/// When a run began and when it must be over.
pub(in crate::infrastructure) struct Watch {
    clock: SystemClock,
    timeout: Duration,
}

impl Watch {
    /// Begins now.
    pub(in crate::infrastructure) fn start(command: &Command) -> Self {
        Self { clock: SystemClock::default(), timeout: command.timeout }
    }

    fn elapsed(&self) -> Duration {
        self.clock.monotonic()
    }
}

enum News {
    Bytes(Stream, Vec<u8>),
    Closed,
    Ended,
}

/// Follows `child` until it and its group are gone.
///
/// `soft_stop` replaces the SIGTERM to the group where somebody nearer does the killing (the launcher of a confined
/// command); that one gets a second more than the grace before it is killed itself.
pub(in crate::infrastructure) fn supervise(
    (mut child, merged): (Child, Option<io::PipeReader>),
    command: &Command,
    watch: Watch,
    cancel: &Cancel,
    sink: &mut dyn FnMut(Chunk<'_>),
    soft_stop: Option<&dyn Fn()>,
) -> Result<Finished, ProcessError> {
    let lost = |source| ProcessError::Lost { program: command.program.clone(), source };
    let pid = Pid::from_child(&child);
    let (news, inbox) = sync_channel(64); // full: the child waits in its pipe, as it would for a slow terminal
    let mut open = 0;
    open += usize::from(merged.map(|pipe| read_in_thread(pipe, Stream::Out, &news)).is_some());
    open += usize::from(child.stdout.take().map(|pipe| read_in_thread(pipe, Stream::Out, &news)).is_some());
    open += usize::from(child.stderr.take().map(|pipe| read_in_thread(pipe, Stream::Err, &news)).is_some());
    if let (Some(pipe), Some(bytes)) = (child.stdin.take(), command.stdin.clone()) {
        thread::spawn(move || write_all(pipe, &bytes));
    }
    wait_in_thread(pid, news);
    let mut following = Following {
        pid,
        command,
        watch: &watch,
        cancel,
        sink,
        soft_stop,
        open,
        ended: None,
        stopped: None,
        killed: false,
        stdout: Captured::with_limit(command.output_limit),
        stderr: Captured::with_limit(command.output_limit),
    };
    following.follow(&inbox);
    let Following { stopped, stdout, stderr, .. } = following;
    let status = child.wait().map_err(lost)?;
    Ok(Finished {
        status: status_of(status),
        stopped: stopped.map(|(why, _)| why),
        duration: watch.elapsed(),
        stdout,
        stderr,
    })
}

struct Following<'a, 's> {
    pid: Pid,
    command: &'a Command,
    watch: &'a Watch,
    cancel: &'a Cancel,
    sink: &'a mut (dyn FnMut(Chunk<'_>) + 's),
    soft_stop: Option<&'a dyn Fn()>,
    open: usize,
    ended: Option<Duration>,
    stopped: Option<(Stopped, Duration)>,
    killed: bool,
    stdout: Captured,
    stderr: Captured,
}

impl Following<'_, '_> {
    fn follow(&mut self, inbox: &Receiver<News>) {
        while self.ended.is_none() || self.open > 0 {
            match inbox.recv_timeout(LOOK) {
                Ok(News::Bytes(stream, bytes)) => self.take(stream, &bytes),
                Ok(News::Closed) => self.open -= 1,
                Ok(News::Ended) => self.on_ended(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.ended.is_none() {
                self.look_at_the_clock();
            } else if self.ended.is_some_and(|at| self.watch.elapsed() > at + DRAIN) {
                break; // somebody who left the group holds the pipe
            }
        }
    }

    fn take(&mut self, stream: Stream, bytes: &[u8]) {
        let captured = if stream == Stream::Out { &mut self.stdout } else { &mut self.stderr };
        let beyond_limit = captured.is_beyond_limit();
        captured.push(bytes);
        (self.sink)(Chunk { stream, bytes, beyond_limit });
    }

    fn on_ended(&mut self) {
        self.ended = Some(self.watch.elapsed());
        self.kill(); // what it left behind in its group
    }

    fn look_at_the_clock(&mut self) {
        let now = self.watch.elapsed();
        match self.stopped {
            None if self.cancel.is_cancelled() => self.ask_to_stop(Stopped::Cancelled, now),
            None if now >= self.watch.timeout => self.ask_to_stop(Stopped::TimedOut, now),
            Some((_, asked)) if !self.killed && now >= asked + self.patience() => self.kill(),
            None | Some(_) => {}
        }
    }

    fn patience(&self) -> Duration {
        let nearer = if self.soft_stop.is_some() { Duration::from_secs(1) } else { Duration::ZERO };
        self.command.grace + nearer
    }

    fn ask_to_stop(&mut self, why: Stopped, now: Duration) {
        self.stopped = Some((why, now));
        match self.soft_stop {
            Some(stop) => stop(),
            // a group that is already gone is what was wanted
            None => drop(kill_process_group(self.pid, Signal::TERM)),
        }
    }

    fn kill(&mut self) {
        self.killed = true;
        let _gone_already = kill_process_group(self.pid, Signal::KILL);
        let _gone_already = kill_process(self.pid, Signal::KILL);
    }
}

fn read_in_thread(mut pipe: impl Read + Send + 'static, stream: Stream, news: &SyncSender<News>) {
    let news = news.clone();
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024]; // the size of a pipe
        loop {
            match pipe.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) if news.send(News::Bytes(stream, buffer[..length].to_vec())).is_err() => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let _nobody_listens = news.send(News::Closed);
    });
}

fn write_all(mut pipe: impl Write, bytes: &[u8]) {
    // a child that does not read its input is its own affair
    let _closed_early = pipe.write_all(bytes);
}

fn wait_in_thread(pid: Pid, news: SyncSender<News>) {
    thread::spawn(move || {
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
        {
        }
        let _nobody_listens = news.send(News::Ended);
    });
}

fn status_of(status: ExitStatus) -> Status {
    match (status.code(), status.signal()) {
        (Some(code), _) => Status::Exit(code),
        (None, Some(signal)) => Status::Signal(signal),
        (None, None) => unreachable!("a process that was waited for has ended"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        Command::new("/bin/sh").args(["-c", script]).env("PATH", "/usr/bin:/bin").grace(Duration::from_millis(200))
    }

    fn run(command: &Command) -> Finished {
        command.run_blocking(&Cancel::new(), &mut |_| {}).expect("starts")
    }

    #[track_caller]
    fn check(script: &str, status: Status, stdout: &str, stderr: &str) {
        let finished = run(&shell(script));
        assert_eq!((finished.status, finished.stopped), (status, None));
        assert_eq!((finished.stdout.text().as_str(), finished.stderr.text().as_str()), (stdout, stderr));
    }

    #[test]
    fn ends_are_told_as_they_were() {
        check("exit 0", Status::Exit(0), "", "");
        check("exit 117", Status::Exit(117), "", "");
        check("kill -9 $$", Status::Signal(9), "", "");
        check("kill -15 $$", Status::Signal(15), "", "");
        check("echo a; echo b >&2; exit 3", Status::Exit(3), "a\n", "b\n");
        check("cat", Status::Exit(0), "", "");
        check(
            "env | grep -v ^PWD= | grep -v ^_= | grep -v ^SHLVL= | grep -v ^OLDPWD=",
            Status::Exit(0),
            "PATH=/usr/bin:/bin\n",
            "",
        );
    }

    #[test]
    fn input_is_what_was_given_and_merged_output_keeps_its_order() {
        let finished = run(&shell("cat; echo e >&2; echo o").stdin(*b"in\n").merged());
        assert_eq!(finished.stdout.text(), "in\ne\no\n");
        assert_eq!(finished.stderr.total(), 0);
    }

    #[test]
    fn input_that_nobody_reads_does_not_block() {
        assert!(run(&shell("exit 0").stdin(vec![b'x'; 1 << 20])).status.success());
    }

    #[test]
    fn a_lot_of_output_is_kept_to_the_limit() {
        let finished = run(&shell("head -c 30000000 /dev/zero; echo end").output_limit(1000));
        assert_eq!(finished.stdout.total(), 30_000_004);
        assert_eq!(finished.stdout.dropped(), 30_000_004 - 1000);
        assert!(finished.stdout.text().ends_with("end\n"));
    }

    #[test]
    fn time_that_is_up_kills_the_whole_group_even_when_it_does_not_listen() {
        let marker = tempfile::tempdir().expect("a temporary folder");
        let script = format!("trap '' TERM; (sleep 3; touch {}/late) & sleep 30", marker.path().display());
        let finished = run(&shell(&script).timeout(Duration::from_millis(100)));
        assert_eq!(finished.stopped, Some(Stopped::TimedOut));
        assert_eq!(finished.status, Status::Signal(9));
        assert!(finished.duration < Duration::from_secs(3), "took {:?}", finished.duration);
        thread::sleep(Duration::from_millis(3100).saturating_sub(finished.duration));
        assert!(!marker.path().join("late").exists(), "a child of the group lived on");
    }

    #[test]
    fn a_child_left_behind_does_not_hold_up_the_end() {
        let finished = run(&shell("sleep 20 & echo done"));
        assert_eq!((finished.status, finished.stdout.text().as_str()), (Status::Exit(0), "done\n"));
        assert!(finished.duration < Duration::from_secs(5));
    }

    #[test]
    fn cancel_asks_first() {
        let cancel = Cancel::new();
        let from_outside = cancel.clone();
        let command =
            shell("trap 'echo bye; exit 9' TERM; echo up; while :; do sleep 0.05; done").grace(Duration::from_secs(20));
        let finished = command.run_blocking(&cancel, &mut |_| from_outside.cancel()).expect("starts");
        assert_eq!((finished.status, finished.stopped), (Status::Exit(9), Some(Stopped::Cancelled)));
        assert_eq!(finished.stdout.text(), "up\nbye\n");
    }

    #[test]
    fn what_cannot_start_says_why() {
        let missing = Command::new("no-such-program-4711").env("PATH", "/usr/bin");
        let error = missing.run_blocking(&Cancel::new(), &mut |_| {}).expect_err("is not there");
        assert_eq!(error.to_string(), r#"no program "no-such-program-4711" in "/usr/bin""#);
        let error = shell("true").cwd("/no/such").run_blocking(&Cancel::new(), &mut |_| {}).expect_err("no folder");
        assert!(matches!(error, ProcessError::NoFolder { .. }));
        let error = Command::new("/").run_blocking(&Cancel::new(), &mut |_| {}).expect_err("a folder");
        assert!(matches!(error, ProcessError::Refused { .. }));
    }

    #[tokio::test]
    async fn a_dropped_run_is_killed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let script = format!("sleep 1; touch {}/late", folder.path().display());
        let cancel = Cancel::new();
        let run = shell(&script).run(&cancel, |_| {});
        assert!(tokio::time::timeout(Duration::from_millis(100), run).await.is_err());
        tokio::time::sleep(Duration::from_millis(1300)).await;
        assert!(!folder.path().join("late").exists());
    }
}
