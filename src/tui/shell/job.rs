//! The screens as a job of a shell: stopped with Ctrl-z, continued with `fg`, the terminal given and taken back.

use std::io;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;

use super::{Shell, TuiError};

/// A stop that was asked for comes within this, or never: nobody could continue a job without a shell. // 300 ms
const STOPS_WITHIN: Duration = Duration::from_millis(300);
/// How soon the terminal is looked at again, and how often after it was taken back. // 4 × 80 ms: a shell sets the modes
/// right behind the signal that continues the job
const LOOK_AGAIN: Duration = Duration::from_millis(80);
const LOOKS: u8 = 4;

impl Shell {
    /// Gives the terminal to the shell and stops with everything of the job, as the terminal itself would for Ctrl-z.
    ///
    /// The stop may come upon another thread, a moment after this returns: nothing may touch the terminal before the
    /// job was continued and has it again, or the shell would meet (and keep) a raw one.
    pub(super) fn suspend(&mut self) -> Result<(), TuiError> {
        self.terminal.leave();
        (self.away, self.watched) = (Some(Instant::now() + STOPS_WITHIN), None);
        rustix::process::kill_current_process_group(Signal::TSTP).map_err(io::Error::from)?;
        Ok(())
    }

    /// The job goes on: after our own stop, or after somebody else's, who left the terminal in modes of their own.
    pub(super) fn continued(&mut self) -> Result<(), TuiError> {
        self.terminal.leave();
        self.look_whether_ours()
    }

    /// Takes the terminal back once this job has it: `bg` continues a job without.
    pub(super) fn look_whether_ours(&mut self) -> Result<(), TuiError> {
        if self.terminal.is_in_front() {
            self.away = None;
            self.watched = Some((Instant::now() + LOOK_AGAIN, LOOKS));
            self.told = true;
            return self.come_back();
        }
        self.away = Some(Instant::now() + LOOK_AGAIN);
        Ok(())
    }

    /// A shell may set the modes it remembers after it continued the job: then ours are set once more.
    pub(super) fn look_at_modes(&mut self) -> Result<(), TuiError> {
        self.watched = self.watched.filter(|(_, left)| *left > 1);
        self.watched = self.watched.map(|(_, left)| (Instant::now() + LOOK_AGAIN, left - 1));
        if self.terminal.is_in_front() && self.terminal.lost_its_modes() {
            self.terminal.leave();
            self.come_back()?;
        }
        Ok(())
    }
}
