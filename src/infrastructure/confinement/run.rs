//! The caller's side: what this machine allows, and one run inside it.

use std::io;
use std::net::{Shutdown, TcpListener};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use super::policy::{Applied, Exceeded, Level, Network, Overlay, Policy};
use super::protocol::{Order, Told, receive, send_with};
use super::{LAUNCHER_ARGUMENT, Mechanism, cow_copy, discard};
use crate::cancel::Cancel;
use crate::infrastructure::process::{CancelOnDrop, Chunk, Command, Finished, ProcessError, Watch, supervise};

/// Why a level cannot be had here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The level.
    pub level: Level,
    /// What was refused, and how.
    pub why: String,
}

/// What this machine allows; asked once.
#[derive(Debug, Clone)]
pub struct Confinement {
    launcher: PathBuf,
    applied: Applied,
    overlays_work: bool,
    missing: Vec<Missing>,
}

/// A confined command that ended.
#[derive(Debug, Clone)]
pub struct Confined {
    /// How it ended and what it printed.
    pub finished: Finished,
    /// What it was confined by.
    pub applied: Applied,
    /// Processor time of the program and those it waited for.
    pub cpu: Duration,
    /// The most memory one of its processes had, in bytes.
    pub largest_process_bytes: u64,
    /// Set when Paraph ended it for a limit.
    pub exceeded: Option<Exceeded>,
}

/// What a run has to do with its caller while it lasts.
#[derive(Default)]
pub struct Ends {
    /// The program's side of a conversation.
    pub talk: Option<Talk>,
    /// Takes each socket on which connections to a door arrive, with [`Network::Doors`]: before the program starts,
    /// and the door is open as long as its socket is kept.
    pub door: Option<Door>,
}

/// Standard input and output of a program that is talked to. Two sockets, not one: a runtime that finds one for both
/// takes words that it has to read for the end of what it writes to.
pub struct Talk {
    /// What it reads from.
    pub input: UnixStream,
    /// What it writes to.
    pub output: UnixStream,
}

/// What is done with a door.
pub type Door = Box<dyn FnMut(TcpListener) + Send>;

/// Why a command was not run in confinement.
#[derive(Debug, thiserror::Error)]
pub enum ConfinementError {
    /// There is no level to be had here; nothing was run.
    #[error("commands cannot be confined on this machine: {why}")]
    Refused {
        /// What each level lacks.
        why: String,
    },
    /// The policy asks for something this level cannot give.
    #[error("{what} cannot be had at confinement level {level}")]
    Inexpressible {
        /// The level.
        level: Level,
        /// What was asked for.
        what: String,
    },
    /// A step of confining failed; nothing was run.
    #[error("{step} failed while confining at level {level}: {why}")]
    NotConfined {
        /// The level.
        level: Level,
        /// Which step.
        step: String,
        /// What the system said.
        why: String,
    },
    /// The program is missing inside, or cannot be executed: the environment's fault, never the change's.
    #[error("{what:?} cannot be started in confinement")]
    CouldNotStart {
        /// The program, or the folder to run in.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// The launcher did not say how it ended.
    #[error("the launcher ended without a word ({said})")]
    Silent {
        /// Its last words on standard error.
        said: String,
    },
    /// The launcher could not be started.
    #[error("the launcher {launcher:?} could not be started")]
    NoLauncher {
        /// Our own program.
        launcher: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The launcher could not be watched.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

impl Confinement {
    /// Finds the strongest level, by doing it: a few milliseconds. `launcher` is this very program.
    #[must_use]
    pub fn probe(launcher: impl Into<PathBuf>) -> Self {
        let mut this =
            Self { launcher: launcher.into(), applied: nothing(), overlays_work: false, missing: Vec::new() };
        let policy = Policy { writable: Vec::new(), ..Policy::new("/", "/") };
        for level in candidates() {
            match this.exchange(*level, &policy, None, &Cancel::new(), &mut |_| {}) {
                Ok(confined) => {
                    this.overlays_work = confined.applied.overlays > 0;
                    this.applied = Applied { overlays: 0, ..confined.applied };
                    return this;
                }
                Err(error) => this.missing.push(Missing { level: *level, why: error.to_string() }),
            }
        }
        this
    }

    /// The same, but no stronger than `level`: for a test of a weaker one.
    #[must_use]
    pub fn probe_at_most(launcher: impl Into<PathBuf>, level: Level) -> Self {
        let mut this = Self::probe(launcher);
        if this.level() > level {
            this.overlays_work = false;
            this.missing.push(Missing { level: this.level(), why: "not wanted".to_owned() });
            let policy = Policy { writable: Vec::new(), ..Policy::new("/", "/") };
            let weaker = this.exchange(level, &policy, None, &Cancel::new(), &mut |_| {});
            this.applied = weaker.map_or_else(|_| nothing(), |confined| confined.applied);
        }
        this
    }

    /// The strongest level to be had.
    #[must_use]
    pub fn level(&self) -> Level {
        self.applied.level
    }

    /// What a run is confined by, as the probe found it.
    #[must_use]
    pub fn applied(&self) -> &Applied {
        &self.applied
    }

    /// Why stronger levels cannot be had.
    #[must_use]
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// Whether a [`Policy`] may ask for overlays.
    #[must_use]
    pub fn overlays_work(&self) -> bool {
        self.overlays_work
    }

    /// Whether a [`Policy`] may ask that files are kept from commands that the program starts.
    #[must_use]
    pub fn keeps(&self) -> bool {
        self.applied.keeps
    }

    /// What this level does not hold, in words for `doctor` and the record.
    #[must_use]
    pub fn gaps(&self) -> &'static [&'static str] {
        match self.level() {
            Level::Full if self.keeps() => &["memory of files that exist only in memory counts when mapped"],
            Level::Full => &[
                "memory of files that exist only in memory counts when mapped",
                "an agent's login files can be read by commands that it starts itself",
            ],
            Level::Landlock => &[
                "memory of files that exist only in memory counts when mapped",
                "names and command lines of other processes can be seen",
                "mode, owner and times of the user's own files elsewhere can be changed",
                "no loopback and no terminals: tests that open a local port or a pseudo-terminal fail",
                "an agent's login files can be read by commands that it starts itself",
            ],
            Level::Seatbelt => {
                &["memory, processes and disk are not limited", "no loopback: tests that open a local port fail"]
            }
            Level::None => &["nothing is confined: commands are refused"],
        }
    }

    /// Lends `source` to the checkout at `at` so that writes stay there: an overlay where they work (nothing is
    /// copied, whatever the size), else clones of the files, else copies. Says which.
    ///
    /// # Errors
    /// What the system said when a copy failed half-way; `at` is then to be thrown away.
    pub fn lend(&self, policy: &mut Policy, source: &Path, at: &Path) -> io::Result<Mechanism> {
        if self.overlays_work && source.is_dir() {
            let upper = policy.scratch.join(format!("overlay-{}", policy.overlays.len()));
            policy.overlays.push(Overlay { lowers: vec![source.to_owned()], at: at.to_owned(), upper });
            return Ok(Mechanism::Overlay);
        }
        cow_copy(source, at)
    }

    /// Runs `command` under `policy` to its end, on this thread.
    ///
    /// # Errors
    /// [`ConfinementError`] when it did not run as asked; a program that fails is a [`Confined`].
    pub fn run_blocking(
        &self,
        policy: &Policy,
        command: &Command,
        cancel: &Cancel,
        sink: &mut dyn FnMut(Chunk<'_>),
    ) -> Result<Confined, ConfinementError> {
        self.run_with(policy, command, Ends::default(), cancel, sink)
    }

    /// The same for a program that is talked to while it runs: with [`Ends::talk`] `sink` sees standard error only,
    /// and what `command` says of an input does not count.
    ///
    /// # Errors
    /// As [`Confinement::run_blocking`].
    pub fn run_with(
        &self,
        policy: &Policy,
        command: &Command,
        ends: Ends,
        cancel: &Cancel,
        sink: &mut dyn FnMut(Chunk<'_>),
    ) -> Result<Confined, ConfinementError> {
        self.check(policy)?;
        for folder in [policy.home(), policy.tmp()].iter().chain(policy.overlays.iter().map(|overlay| &overlay.upper)) {
            std::fs::create_dir_all(folder).map_err(|error| ConfinementError::NotConfined {
                level: self.level(),
                step: format!("making {}", folder.display()),
                why: error.to_string(),
            })?;
        }
        let result = self.exchange(self.level(), policy, Some((command, ends)), cancel, sink);
        for overlay in &policy.overlays {
            // the mount's own folder, closed to everybody: in the way of whoever removes the scratch folder
            let _not_ours_to_report = discard(&overlay.upper.join("work"));
        }
        result
    }

    /// The same on a blocking thread. Dropping the future kills the command.
    ///
    /// # Errors
    /// As [`Confinement::run_blocking`].
    pub async fn run(
        &self,
        policy: Policy,
        command: Command,
        cancel: &Cancel,
        mut sink: impl FnMut(Chunk<'_>) + Send + 'static,
    ) -> Result<Confined, ConfinementError> {
        let (this, inner) = (self.clone(), cancel.child());
        let _killed_when_dropped = CancelOnDrop(inner.clone());
        tokio::task::spawn_blocking(move || this.run_blocking(&policy, &command, &inner, &mut sink))
            .await
            .unwrap_or_else(|join| Err(ConfinementError::Silent { said: join.to_string() }))
    }

    fn check(&self, policy: &Policy) -> Result<(), ConfinementError> {
        let level = self.level();
        let no = |what: String| Err(ConfinementError::Inexpressible { level, what });
        if level == Level::None {
            let why: Vec<String> =
                self.missing.iter().map(|missing| format!("{}: {}", missing.level, missing.why)).collect();
            return Err(ConfinementError::Refused { why: why.join("; ") });
        }
        if let Some(path) = policy.first_relative() {
            return no(format!("the relative path {path:?}"));
        }
        if level < Level::Full && policy.network != Network::None {
            return no("a network".to_owned());
        }
        if level < Level::Full && !policy.placed.is_empty() {
            return no("a folder at another place".to_owned());
        }
        if policy.kept.is_some() && !self.keeps() {
            return no("a file that is kept from commands".to_owned());
        }
        if !policy.overlays.is_empty() && !self.overlays_work {
            return no("an overlay".to_owned());
        }
        let closed = policy.read_only.iter().chain(&policy.hidden);
        match closed.clone().find(|path| policy.writable.iter().any(|open| path.starts_with(open) && *path != open)) {
            Some(path) if level == Level::Landlock => no(format!("closing {path:?} inside a writable folder")),
            Some(_) | None => Ok(()),
        }
    }

    fn exchange(
        &self,
        level: Level,
        policy: &Policy,
        command: Option<(&Command, Ends)>,
        cancel: &Cancel,
        sink: &mut dyn FnMut(Chunk<'_>),
    ) -> Result<Confined, ConfinementError> {
        let (command, ends) = command.map_or((None, Ends::default()), |(command, ends)| (Some(command), ends));
        let talks = ends.talk.is_some();
        let no_launcher = |source| ConfinementError::NoLauncher { launcher: self.launcher.clone(), source };
        let probe = Command::new(&self.launcher).timeout(Duration::from_secs(10)).grace(Duration::ZERO);
        let watched = command.unwrap_or(&probe);
        let (ours, theirs) = UnixStream::pair().map_err(no_launcher)?;
        let mut starting = std::process::Command::new(&self.launcher);
        starting.arg(LAUNCHER_ARGUMENT).env_clear().current_dir("/").stdin(Stdio::from(OwnedFd::from(theirs)));
        let watch = Watch::start(watched);
        let (child, input) = match ends.talk {
            Some(Talk { input, output }) => (watched.spawn_talking(starting, output.into()), Some(input)),
            None => (watched.spawn(starting), None),
        };
        let child = child.map_err(no_launcher)?;
        let told = ours.try_clone().map(|ours| read_in_thread(ours, ends.door)).map_err(no_launcher)?;
        // a launcher that is already gone tells why, or is Silent
        let stdin = command.and_then(|command| command.stdin.as_deref()).unwrap_or_default();
        let _gone = Order::new(level, policy, command, talks).write(stdin, &ours);
        let _gone = input.map(|input| send_with(&ours, b"\n", input.as_fd()));
        let stop = || drop(ours.shutdown(Shutdown::Write));
        let without_stdin = Command { stdin: None, ..watched.clone() };
        let finished = supervise(child, &without_stdin, watch, cancel, sink, Some(&stop))?;
        let told = told.join().unwrap_or_default();
        conclude(level, command.is_none(), finished, told)
    }
}

fn read_in_thread(from: UnixStream, mut door: Option<Door>) -> thread::JoinHandle<Vec<Told>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // what came before an error still counts
        while let Ok((read, socket)) = receive(&from, 4096) {
            bytes.extend_from_slice(&read);
            if let (Some(socket), Some(take)) = (socket, &mut door) {
                take(TcpListener::from(socket));
            }
            if read.is_empty() {
                break;
            }
        }
        Told::read_all(&bytes)
    })
}

fn conclude(
    level: Level,
    is_probe: bool,
    mut finished: Finished,
    told: Vec<Told>,
) -> Result<Confined, ConfinementError> {
    let mut applied = None;
    for line in told {
        match line {
            Told::Door => {}
            Told::Confined(how) => applied = Some(how),
            Told::NotConfined { step, why } => return Err(ConfinementError::NotConfined { level, step, why }),
            Told::NotStarted { what, errno } => {
                return Err(ConfinementError::CouldNotStart { what, source: io::Error::from_raw_os_error(errno) });
            }
            Told::Ended { status, cpu_ms, largest_process_bytes, exceeded } => {
                let applied = applied.ok_or_else(|| silent(&finished))?;
                finished.status = status;
                let cpu = Duration::from_millis(cpu_ms);
                return Ok(Confined { finished, applied, cpu, largest_process_bytes, exceeded });
            }
        }
    }
    match applied {
        // killed from above before it could tell: what was asked for happened
        Some(applied) if is_probe || finished.stopped.is_some() => {
            Ok(Confined { finished, applied, cpu: Duration::ZERO, largest_process_bytes: 0, exceeded: None })
        }
        _ => Err(silent(&finished)),
    }
}

fn silent(finished: &Finished) -> ConfinementError {
    let last = finished.stderr.text().lines().last().unwrap_or("nothing").to_owned();
    ConfinementError::Silent { said: format!("{}, {last}", finished.status) }
}

fn nothing() -> Applied {
    let landlock = "not enforced".to_owned();
    Applied { level: Level::None, backend: "none".to_owned(), landlock, overlays: 0, keeps: false }
}

fn candidates() -> &'static [Level] {
    if cfg!(target_os = "linux") {
        &[Level::Full, Level::Landlock]
    } else if cfg!(target_os = "macos") {
        &[Level::Seatbelt]
    } else {
        &[]
    }
}
