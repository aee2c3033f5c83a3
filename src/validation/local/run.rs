//! One command in confinement, its log and what it told.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::News;
use super::ground::Ground;
use super::report_files::ReportFiles;
use super::slots::described;
use crate::cancel::Cancel;
use crate::id::Digest;
use crate::infrastructure::blobs::Blobs;
use crate::infrastructure::confinement::{Confined, Confinement, ConfinementError, Exceeded, Network, Policy};
use crate::infrastructure::live_log::LiveLog;
use crate::infrastructure::process::{Command, Status, Stopped};
use crate::validation::{CommandLine, Run, RunEnd, TestOutcomes, ValidatorError, missing_from_environment, read_run};

/// How much of the output is read for test results: its beginning and its end.
const READ_BYTES: usize = 16 << 20;
/// How long a command may take to end when it is asked; a cancel is done within 5 s.
const GRACE: Duration = Duration::from_secs(1);

/// What is run.
pub(super) struct Step<'a> {
    pub(super) name: &'a str,
    pub(super) command: &'a CommandLine,
    pub(super) cwd: &'a str,
    pub(super) env: &'a BTreeMap<String, String>,
    pub(super) timeout: Duration,
    pub(super) reports: &'a [String],
    pub(super) on_base: bool,
    pub(super) network: Network,
}

/// What a run needs of its validation.
pub(super) struct Runner<'a> {
    pub(super) confinement: &'a Confinement,
    pub(super) blobs: &'a Blobs,
    pub(super) log_bytes: usize,
    pub(super) news: &'a UnboundedSender<News>,
    pub(super) cancel: &'a Cancel,
}

/// A run that is over.
#[derive(Debug, Clone)]
pub(super) struct Ran {
    pub(super) end: RunEnd,
    pub(super) tests: Option<TestOutcomes>,
    pub(super) log: Option<Digest>,
    /// Why, where the end alone does not tell.
    pub(super) note: String,
    pub(super) duration_ms: u64,
    pub(super) confinement: String,
    /// Whether it took place in an earlier validation.
    pub(super) from_cache: bool,
}

impl Ran {
    /// A run that did not take place.
    pub(super) fn not(note: String) -> Self {
        let confinement = String::new();
        Self { end: RunEnd::NotRun, tests: None, log: None, note, duration_ms: 0, confinement, from_cache: false }
    }

    /// As the comparison sees it.
    pub(super) fn seen(&self) -> Run<'_> {
        Run { end: self.end, tests: self.tests.as_ref() }
    }
}

impl Runner<'_> {
    /// Runs `step` on `ground` to its end.
    pub(super) fn run(&self, ground: &Ground<'_>, step: &Step<'_>) -> Result<Ran, ValidatorError> {
        let (policy, env) = ground.policy(step.network);
        let cwd = if step.cwd.is_empty() { ground.shown() } else { ground.shown().join(step.cwd) };
        let command = command(step).cwd(&cwd).envs(env).envs(step.env).timeout(step.timeout).grace(GRACE);
        let command = command.output_limit(READ_BYTES).merged();
        let stored = |why: String| ValidatorError::Storage(why);
        let mut log = LiveLog::create(self.blobs, self.log_bytes).map_err(|error| stored(described(&error)))?;
        log.line(&self.heading(step, &cwd, &policy));
        let started = News::Started { check: step.name.to_owned(), on_base: step.on_base, log: log.path().to_owned() };
        let _nobody_listens = self.news.send(started);
        let written = ground.written();
        let reports = ReportFiles::before(step.reports, step.cwd, &written);
        let stop = self.cancel.child();
        let result = self.confinement.run_blocking(&policy, &command, &stop, &mut |chunk| {
            if !log.push(chunk.bytes) {
                stop.cancel(); // the disk is full: what it says further would be lost
            }
        });
        if self.cancel.is_cancelled() {
            return Err(ValidatorError::Cancelled);
        }
        let mut ran = match result {
            Ok(confined) => {
                let found = reports.map(|reports| reports.after(&written)).unwrap_or_default();
                ended(&confined, step, &found)
            }
            Err(error) => not_started(&error),
        };
        ran.log = Some(log.finish(&last_line(&ran)).map_err(stored)?);
        Ok(ran)
    }

    fn heading(&self, step: &Step<'_>, cwd: &std::path::Path, policy: &Policy) -> String {
        let limits = &policy.limits;
        let text = format!(
            "[paraph: `{}` on the {} in {}; {}{}; at most {} s, {} MiB of memory, {} processes]",
            words(step.command),
            if step.on_base { "base" } else { "proposal" },
            cwd.display(),
            self.confinement.applied(),
            if step.network == Network::Host { ", with the network that a person permitted" } else { "" },
            step.timeout.as_secs(),
            limits.memory_bytes >> 20,
            limits.processes,
        );
        one_line(&text)
    }
}

fn command(step: &Step<'_>) -> Command {
    match step.command {
        CommandLine::Args(args) => {
            let (program, rest) = args.split_first().map_or((OsStr::new(""), &[][..]), |(p, rest)| (p.as_ref(), rest));
            Command::new(program).args(rest)
        }
        CommandLine::Shell(script) => Command::new("/bin/sh").args(["-c", script]),
    }
}

/// The command as a person would type it.
pub(super) fn words(command: &CommandLine) -> String {
    match command {
        CommandLine::Args(args) => args.join(" "),
        CommandLine::Shell(script) => script.clone(),
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn not_started(error: &ConfinementError) -> Ran {
    let end = match error {
        ConfinementError::CouldNotStart { .. } => RunEnd::CouldNotStart,
        _ => RunEnd::Environment, // confining failed: that is the machine's
    };
    Ran { end, ..Ran::not(one_line(&described(error))) }
}

fn ended(confined: &Confined, step: &Step<'_>, reports: &[(String, Vec<u8>)]) -> Ran {
    let finished = &confined.finished;
    let output = finished.stdout.bytes();
    let tests = read_run(reports.iter().map(|(name, content)| (name.as_str(), content.as_slice())), &output);
    let exit = match finished.status {
        Status::Exit(code) => Some(code),
        Status::Signal(_) => None,
    };
    let (end, note) = match (finished.stopped, confined.exceeded) {
        (Some(Stopped::TimedOut), _) => (RunEnd::TimedOut, format!("stopped after {} s", step.timeout.as_secs())),
        (_, Some(limit)) => (RunEnd::Failed, format!("stopped: {}", beyond(limit))),
        _ if finished.status.success() => (RunEnd::Passed, String::new()),
        _ => match missing_from_environment(&output, exit) {
            Some(what) if matches!(exit, Some(126 | 127)) => (RunEnd::CouldNotStart, what),
            Some(what) => (RunEnd::Environment, what),
            None if exit.is_none() => (RunEnd::Failed, format!("ended by {}", finished.status)),
            None => (RunEnd::Failed, String::new()),
        },
    };
    Ran {
        end,
        tests,
        log: None,
        note: one_line(&note),
        duration_ms: u64::try_from(finished.duration.as_millis()).unwrap_or(u64::MAX),
        confinement: confined.applied.to_string(),
        from_cache: false,
    }
}

fn beyond(limit: Exceeded) -> &'static str {
    match limit {
        Exceeded::Memory => "it used more memory than it may",
        Exceeded::Processes => "it started more processes than it may",
        Exceeded::Disk => "it wrote more to the disk than it may",
    }
}

fn last_line(ran: &Ran) -> String {
    let end = match ran.end {
        RunEnd::Passed => "passed",
        RunEnd::Failed => "failed",
        RunEnd::TimedOut => "timed out",
        RunEnd::CouldNotStart => "could not start",
        RunEnd::Environment => "could not run",
        RunEnd::NotRun => "did not run",
    };
    let seconds = ran.duration_ms as f64 / 1000.0;
    let note = if ran.note.is_empty() { String::new() } else { format!(": {}", ran.note) };
    format!("[paraph: {end} after {seconds:.1} s{note}]")
}
