//! The shell: the one place that waits. It owns the terminal, reads keys, runs tasks, feeds messages, draws once
//! when something changed, and gives the terminal back.
//!
//! It has a thread of its own: a key wakes the thread that answers it, and no work of the service stands before it.

mod job;

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use rustix::process::Signal;
use tokio::io::unix::AsyncFd;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::arming::Arming;
use super::input::{Input, Parser};
use super::keymap::{Keymap, KeymapError};
use super::model::{Connection, Model, Msg, Settings, Task};
use super::terminal::{Scroll, Setup, Terminal};
use super::theme::{ColorDepth, Theme, ThemeError};
use super::update::update;
use super::view::{Pane, Scene, view};
use super::work::Worker;
use crate::api::{BlobStore, Failure, FailureKind, IssueSource, Service};
use crate::clock::Clock;
use crate::id::{Ids, SessionId};
use crate::text::SecretMask;

/// Reads the issue at an address: what a session is asked for with, and its text.
pub type ReadIssue = Arc<dyn Fn(String) -> BoxFuture<'static, Result<(IssueSource, String), Failure>> + Send + Sync>;

/// How the screens are started.
pub struct TuiOptions {
    /// The theme's name; none where it shall be dark or light as the terminal is.
    pub theme: Option<String>,
    /// How many colours the terminal shows.
    pub depth: ColorDepth,
    /// Changes to the keys: TOML of the shape of the shipped keymap.
    pub keymap: Option<String>,
    /// Plain characters only.
    pub ascii: bool,
    /// Whether clicks and the wheel are wanted.
    pub mouse: bool,
    /// Whether anything moves by itself: ages that grow, logs that are followed.
    pub motion: bool,
    /// Whether the bell rings when a session starts needing a person.
    pub bell: bool,
    /// Whether tmux stands between: copies are wrapped for it.
    pub tmux: bool,
    /// Whether a multiplexer stands between: it answers in the place of the terminal that a person looks at.
    pub relayed: bool,
    /// Whether the terminal may be asked for its colours: very plain ones print the question.
    pub may_ask: bool,
    /// The program that edits text: a command with its arguments.
    pub editor: String,
    /// The repository the program was started in.
    pub here: Option<String>,
    /// The engine that the configuration names; empty where nobody knows.
    pub engine: String,
    /// The folder that the program was started in: relative paths begin there.
    pub folder: Option<PathBuf>,
    /// The session to open at once.
    pub open: Option<SessionId>,
    /// What reads issues of forges; none where none are read.
    pub issues: Option<ReadIssue>,
    /// What the client says of itself.
    pub client: crate::api::ClientInfo,
    /// What hides secrets on the screens.
    pub mask: Arc<SecretMask>,
    /// Where bodies are read from.
    pub blobs: BlobStore,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Names for requests.
    pub ids: Arc<dyn Ids>,
}

impl TuiOptions {
    /// The usual ones, with what the environment says of the terminal.
    pub fn from_environment(
        variable: impl Fn(&str) -> Option<String>,
        blobs: BlobStore,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        let locale =
            ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| variable(name).filter(|text| !text.is_empty()));
        // only a locale that names another character set is believed: containers have none and show UTF-8
        let other_set = locale.is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains('.') && !locale.contains("utf-8") && !locale.contains("utf8")
        });
        let plain = variable("TERM").is_some_and(|term| term == "dumb" || term == "linux");
        let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let multiplexed = variable("TERM").is_some_and(|term| term.starts_with("tmux") || term.starts_with("screen"));
        let editor = ["VISUAL", "EDITOR"].iter().find_map(|name| variable(name).filter(|text| !text.is_empty()));
        Self {
            theme: None,
            depth: ColorDepth::from_environment(&variable),
            keymap: None,
            ascii: other_set || plain,
            mouse: true,
            motion: true,
            bell: true,
            tmux: variable("TMUX").is_some(),
            relayed: multiplexed || set("TMUX") || set("STY") || set("ZELLIJ"),
            may_ask: !plain,
            editor: editor.unwrap_or_else(|| "vi".to_owned()),
            here: None,
            engine: String::new(),
            folder: None,
            open: None,
            issues: None,
            client: crate::api::ClientInfo { name: "tui".to_owned(), terminal: true, ..Default::default() },
            mask: Arc::new(SecretMask::new(Vec::new())),
            blobs,
            clock,
            ids,
        }
    }
}

/// Why the screens could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// Standard input or output is no terminal.
    #[error("standard input and output must be a terminal")]
    NoTerminal,
    /// The service was never there.
    #[error("{0}")]
    Unreached(Failure),
    /// The terminal failed.
    #[error("the terminal failed")]
    Terminal(#[from] io::Error),
    /// The theme cannot be used.
    #[error(transparent)]
    Theme(#[from] ThemeError),
    /// The keymap cannot be used.
    #[error(transparent)]
    Keymap(#[from] KeymapError),
}

/// Notices alone paint at most five times a second; a key paints at once.
const BETWEEN_FRAMES: Duration = Duration::from_millis(200);
/// Typed words are lost for a second at most, whatever happens to the line or the machine.
const KEPT_WITHIN: Duration = Duration::from_secs(1);
/// Ages are told in minutes.
const MINUTE: Duration = Duration::from_secs(60);

/// Shows the screens until the person leaves, or the terminal does. Must be called within a tokio runtime: requests
/// and work are done there.
///
/// # Errors
/// [`TuiError`]; the terminal is given back first.
pub async fn run(service: Arc<dyn Service>, options: TuiOptions) -> Result<(), TuiError> {
    use std::io::IsTerminal as _;
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(TuiError::NoTerminal);
    }
    let outside = Handle::current();
    let (done, left) = tokio::sync::oneshot::channel();
    let screen = std::thread::Builder::new().name("screen".to_owned()).spawn(move || {
        let inside = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let result =
            inside.map_err(TuiError::from).and_then(|inside| inside.block_on(show(service, options, &outside)));
        // nobody waits any more where the whole program is on its way out
        let _ = done.send(result);
    })?;
    match left.await {
        Ok(result) => result,
        Err(_gone) => match screen.join() {
            Ok(()) => Ok(()),
            Err(panic) => std::panic::resume_unwind(panic),
        },
    }
}

async fn show(service: Arc<dyn Service>, options: TuiOptions, outside: &Handle) -> Result<(), TuiError> {
    let (messages, inbox) = mpsc::unbounded_channel();
    // the service is looked for while the first frame is painted
    listen(service.clone(), options.mask.clone(), messages.clone(), outside);
    let named = options.theme.as_deref().unwrap_or(super::theme::usual(false));
    let settings = Settings {
        theme: Theme::named(named, options.depth)?,
        theme_follows: options.theme.is_none(),
        depth: options.depth,
        keymap: Keymap::load(options.keymap.as_deref())?,
        ascii: options.ascii,
        motion: options.motion,
        here: options.here.clone(),
        engine: options.engine.clone(),
        folder: options.folder.clone(),
    };
    let terminal = Terminal::enter(Setup { mouse: options.mouse, ask: options.may_ask })?;
    let arming = Arming::new(Instant::now(), options.relayed);
    let mut model = Model::new(settings, terminal.size(), options.clock.now());
    if let Some(id) = options.open {
        super::asks::open_session(&mut model, id); // what it asks for is asked for once connected
    }
    let worker = Worker::new(service, &options, messages, outside.clone());
    let parser = Parser::default();
    let mut shell = Shell {
        terminal,
        model,
        worker,
        inbox,
        options,
        pane: None,
        parser,
        arming,
        told: false,
        away: None,
        watched: None,
        stale: false,
    };
    shell.run().await
}

/// Hears notices, and connects again where the stream ends.
fn listen(service: Arc<dyn Service>, mask: Arc<SecretMask>, messages: mpsc::UnboundedSender<Msg>, outside: &Handle) {
    outside.spawn(async move {
        let mut pause = Duration::from_millis(250);
        loop {
            match service.notices().await {
                Ok(mut stream) => {
                    pause = Duration::from_millis(250);
                    if messages.send(Msg::Connected).is_err() {
                        return;
                    }
                    while let Some(notice) = stream.next().await {
                        if messages.send(Msg::Notice(super::work::masked_notice(&mask, notice))).is_err() {
                            return;
                        }
                    }
                    let failure = Failure::new(FailureKind::Unreachable, "the service left");
                    if messages.send(Msg::Lost(failure)).is_err() {
                        return;
                    }
                }
                Err(failure) => {
                    if messages.send(Msg::Lost(failure)).is_err() {
                        return;
                    }
                }
            }
            tokio::time::sleep(pause).await;
            // 5 s: soon enough for a person, seldom enough for a battery
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    });
}

struct Shell {
    terminal: Terminal,
    model: Model,
    worker: Worker,
    inbox: mpsc::UnboundedReceiver<Msg>,
    options: TuiOptions,
    pane: Option<Pane>,
    parser: Parser,
    arming: Arming,
    /// Whether more than keys made the next frame: it may show a waiting panel that is another one.
    told: bool,
    /// The shell has the terminal: when to look whether it gave it back.
    away: Option<Instant>,
    /// The terminal was taken back just now: when to look whether its modes are still ours, and how often after that.
    watched: Option<(Instant, u8)>,
    /// Whether another program read from the terminal: what is known of waiting keys is not true any more.
    stale: bool,
}

enum Flow {
    Go,
    Leave,
}

impl Shell {
    async fn run(&mut self) -> Result<(), TuiError> {
        let mut keys = keys()?;
        let mut continued = signal(SignalKind::from_raw(Signal::CONT.as_raw()))?;
        let mut resized = signal(SignalKind::window_change())?;
        let mut ends =
            [signal(SignalKind::terminate())?, signal(SignalKind::hangup())?, signal(SignalKind::interrupt())?];
        let [terminated, hung_up, interrupted] = &mut ends;
        let mut drawn = Instant::now() - BETWEEN_FRAMES;
        let mut urgent = true;
        let mut minute = Instant::now() + MINUTE;
        let mut keep: Option<Instant> = None;
        loop {
            // from the first word that is not kept, not from the last: who types on is kept too
            keep = self.model.has_unsaved_words().then(|| keep.unwrap_or_else(|| Instant::now() + KEPT_WITHIN));
            if std::mem::take(&mut self.stale) {
                keys = self::keys()?;
                urgent = true;
            }
            let ours = self.away.is_none();
            if ours && self.model.dirty && (urgent || drawn.elapsed() >= BETWEEN_FRAMES) {
                self.told &= self.draw()?;
                drawn = Instant::now();
                urgent = false;
                self.ask_whether_seen()?;
            }
            if !self.model.awaits_shown() {
                self.arming.forget();
            }
            let now = Instant::now();
            let next_frame = self.model.dirty.then(|| drawn + BETWEEN_FRAMES);
            let escape = self.parser.patience().map(|patience| now + patience);
            let ages = self.shows_ages().then_some(minute);
            let watched = self.watched.map(|(at, _)| at);
            let wakes = match self.away {
                Some(at) => [Some(at), keep, None, None, None, None],
                None => [next_frame, self.arming.look_again(now), escape, ages, keep, watched],
            };
            let wake = wakes.into_iter().flatten().min();
            let flow = tokio::select! {
                biased;
                _ = terminated.recv() => Flow::Leave,
                _ = hung_up.recv() => Flow::Leave,
                _ = interrupted.recv() => Flow::Leave,
                bytes = read(&keys), if ours => match bytes {
                    Ok(bytes) if !bytes.is_empty() => {
                        urgent = true;
                        let inputs = self.parser.feed(&bytes);
                        self.take_inputs(inputs)?
                    }
                    // the terminal is gone
                    Ok(_) | Err(_) => Flow::Leave,
                },
                _ = continued.recv() => {
                    self.continued()?;
                    Flow::Go
                }
                _ = resized.recv() => {
                    self.terminal.clear();
                    self.pane = None;
                    let (columns, rows) = self.terminal.size();
                    urgent = true;
                    self.told = true;
                    self.take(Msg::Resize(columns, rows))?
                }
                message = self.inbox.recv() => {
                    let Some(message) = message else { return Ok(()) };
                    urgent |= !matches!(message, Msg::Notice(_));
                    self.told = true;
                    self.take_all(message)?
                }
                () = pause(wake) => {
                    let now = Instant::now();
                    if keep.is_some_and(|at| at <= now) {
                        keep = None;
                        self.take(Msg::KeepDraft)?
                    } else if let Some(at) = self.away {
                        if at <= now {
                            self.look_whether_ours()?;
                        }
                        Flow::Go
                    } else if watched.is_some_and(|at| at <= now) {
                        self.look_at_modes()?;
                        Flow::Go
                    } else if ages.is_some_and(|at| at <= now) {
                        minute = now + MINUTE;
                        let now = self.options.clock.now();
                        self.take(Msg::Tick(now))?
                    } else if escape.is_some_and(|at| at <= now) {
                        urgent = true;
                        let inputs = self.parser.flush();
                        self.take_inputs(inputs)?
                    } else {
                        Flow::Go
                    }
                }
            };
            if matches!(flow, Flow::Leave) {
                self.terminal.leave();
                return Ok(());
            }
            if self.away.is_none() && self.arming.is_seen(Instant::now()) {
                self.arming.settle(Instant::now());
                self.arming.forget();
                urgent = true;
                self.take(Msg::Shown)?;
            }
        }
    }

    /// Asks whether a waiting panel was seen, behind its frame; once for a frame: a key pressed too early draws the same
    /// one again and must not put the answer off.
    fn ask_whether_seen(&mut self) -> io::Result<()> {
        let other = std::mem::take(&mut self.told);
        if self.model.awaits_shown() && (other || !self.arming.is_waiting()) {
            self.terminal.ask_status()?;
            self.arming.asked(Instant::now());
        }
        Ok(())
    }

    /// Whether something young is shown: ages change by the minute then. An old inbox wakes nobody.
    fn shows_ages(&self) -> bool {
        self.model.settings.motion && self.model.review.is_none() && self.model.inbox.has_recent(self.model.now)
    }

    fn take_inputs(&mut self, inputs: Vec<Input>) -> Result<Flow, TuiError> {
        for input in inputs {
            match input {
                Input::StatusOk => self.arming.status_came(),
                Input::Device | Input::Background { .. } | Input::Kitty => {
                    self.arming.heard();
                    self.terminal.answered();
                }
                _ => self.arming.typed(Instant::now()),
            }
            if let Flow::Leave = self.take(Msg::Input(input))? {
                return Ok(Flow::Leave);
            }
            // in the order of the terminal: the answer counts for the keys behind it and for none before
            if self.arming.is_seen(Instant::now()) && self.model.awaits_shown() {
                self.arming.forget();
                self.take(Msg::Shown)?;
            }
        }
        Ok(Flow::Go)
    }

    /// Takes `first` and everything that waits behind it, so that one frame shows all of it.
    fn take_all(&mut self, first: Msg) -> Result<Flow, TuiError> {
        let mut waiting = VecDeque::from([first]);
        while let Ok(message) = self.inbox.try_recv() {
            waiting.push_back(message);
            if waiting.len() > 1000 {
                break;
            }
        }
        for message in waiting {
            if let Flow::Leave = self.take(message)? {
                return Ok(Flow::Leave);
            }
        }
        Ok(Flow::Go)
    }

    fn take(&mut self, message: Msg) -> Result<Flow, TuiError> {
        if let Msg::Lost(failure) = &message
            && self.model.connection == Connection::Connecting
        {
            return Err(TuiError::Unreached(failure.clone()));
        }
        let was_dirty = self.model.dirty;
        if matches!(message, Msg::Input(_) | Msg::Notice(_)) {
            self.model.now = self.options.clock.now();
        }
        let tasks = update(&mut self.model, message);
        self.model.dirty |= was_dirty;
        self.perform(tasks)
    }

    fn perform(&mut self, tasks: Vec<Task>) -> Result<Flow, TuiError> {
        for task in tasks {
            match task {
                Task::Quit => return Ok(Flow::Leave),
                Task::Redraw => {
                    self.terminal.clear();
                    self.pane = None;
                    self.model.dirty = true;
                }
                Task::Bell if self.options.bell => self.terminal.ring()?,
                Task::Bell => {}
                Task::Copy(text) => self.terminal.copy(&text, self.options.tmux)?,
                Task::Suspend => self.suspend()?,
                Task::EditFile(path, line) => {
                    self.terminal.leave();
                    let edited = super::work::edit_file(&self.options.editor, &path, line);
                    self.come_back()?;
                    self.report(edited.err());
                }
                Task::EditText(text) => {
                    self.terminal.leave();
                    let edited = super::work::edit_text(&self.options.editor, &text);
                    self.come_back()?;
                    match edited {
                        Ok(text) => drop(update(&mut self.model, Msg::Edited(text))),
                        Err(error) => self.report(Some(error)),
                    }
                }
                task => self.worker.start(task),
            }
        }
        Ok(Flow::Go)
    }

    fn report(&mut self, error: Option<io::Error>) {
        if let Some(error) = error {
            let text = format!("cannot run `{}`: {error}", self.options.editor);
            update(&mut self.model, Msg::Say(super::model::Tone::Error, text));
        }
    }

    fn come_back(&mut self) -> Result<(), TuiError> {
        self.terminal.resume()?;
        (self.pane, self.stale) = (None, true);
        let (columns, rows) = self.terminal.size();
        update(&mut self.model, Msg::Resize(columns, rows));
        Ok(())
    }

    /// Draws a frame; says whether it is another one than before.
    fn draw(&mut self) -> io::Result<bool> {
        let model = &self.model;
        let mut scene = Scene::default();
        let before = self.pane;
        let now = super::view::pane_of(model);
        let moved = before.zip(now).and_then(|(before, now)| scrolled(before, now));
        let changed = self.terminal.draw(moved, |buffer| {
            scene = view(model, buffer);
            scene.cursor
        })?;
        self.pane = scene.pane;
        self.model.dirty = false;
        Ok(changed)
    }
}

/// How far a pane scrolled between two frames, where nothing else about it changed.
pub(crate) fn scrolled(before: Pane, now: Pane) -> Option<Scroll> {
    let up = i32::try_from(now.top).ok()? - i32::try_from(before.top).ok()?;
    let same = Pane { top: now.top, ..before } == now;
    (same && up != 0).then_some(Scroll { top: now.area.y, bottom: now.area.bottom(), up })
}

/// The keys, as they are waiting now. What is known of a descriptor from before another program read from the same
/// terminal may say that keys wait where none do: reading would block everything.
fn keys() -> io::Result<AsyncFd<OwnedFd>> {
    // its unsafe successor asks that the descriptor stays open and the same: an OwnedFd's does
    #[allow(deprecated)]
    AsyncFd::new(rustix::io::dup(io::stdin())?)
}

async fn pause(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// What the terminal sent; nothing where it is gone. One read a wake-up: a raw terminal gives all it has.
async fn read(keys: &AsyncFd<OwnedFd>) -> io::Result<Vec<u8>> {
    loop {
        let mut ready = keys.readable().await?;
        let mut bytes = vec![0; 4096];
        match rustix::io::read(keys.get_ref(), &mut bytes) {
            Ok(n) => {
                if n < bytes.len() {
                    ready.clear_ready();
                }
                bytes.truncate(n);
                return Ok(bytes);
            }
            Err(rustix::io::Errno::AGAIN) => ready.clear_ready(),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
