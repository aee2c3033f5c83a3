//! The shell: the one place that waits. It owns the terminal, reads keys, runs tasks, feeds messages, draws once
//! when something changed, and gives the terminal back.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::input::{Input, Parser};
use super::keymap::{Keymap, KeymapError};
use super::model::{Model, Msg, Settings, Task};
use super::terminal::{Scroll, Setup, Terminal};
use super::theme::{ColorDepth, Theme, ThemeError};
use super::update::update;
use super::view::{Pane, Scene, view};
use super::work::Worker;
use crate::api::{BlobStore, Service};
use crate::clock::Clock;
use crate::id::{Ids, SessionId};
use crate::text::SecretMask;

/// How the screens are started.
pub struct TuiOptions {
    /// The theme's name.
    pub theme: String,
    /// How many colours the terminal shows.
    pub depth: ColorDepth,
    /// Changes to the keys: TOML of the shape of the shipped keymap.
    pub keymap: Option<String>,
    /// Plain characters only.
    pub ascii: bool,
    /// Whether clicks and the wheel are wanted.
    pub mouse: bool,
    /// Whether the bell rings when a session starts needing a person.
    pub bell: bool,
    /// Whether tmux stands between: copies are wrapped for it.
    pub tmux: bool,
    /// The program that edits text: a command with its arguments.
    pub editor: String,
    /// The repository the program was started in.
    pub here: Option<String>,
    /// The folder that the program was started in: relative paths begin there.
    pub folder: Option<PathBuf>,
    /// The session to open at once.
    pub open: Option<SessionId>,
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
        let editor = ["VISUAL", "EDITOR"].iter().find_map(|name| variable(name).filter(|text| !text.is_empty()));
        Self {
            theme: "terminal".to_owned(),
            depth: ColorDepth::from_environment(&variable),
            keymap: None,
            ascii: other_set || plain,
            mouse: true,
            bell: true,
            tmux: variable("TMUX").is_some(),
            editor: editor.unwrap_or_else(|| "vi".to_owned()),
            here: None,
            folder: None,
            open: None,
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
/// A terminal that does not answer a status query is given so long to show a panel.
const SHOWN_AT_LATEST: Duration = Duration::from_millis(300);
/// What follows an escape within this time belongs to it.
const ESCAPE: Duration = Duration::from_millis(40);
/// Typed words are lost for a second at most, whatever happens to the line or the machine.
const KEPT_WITHIN: Duration = Duration::from_secs(1);
/// Ages are told in minutes.
const MINUTE: Duration = Duration::from_secs(60);

/// Shows the screens until the person leaves, or the terminal does.
///
/// # Errors
/// [`TuiError`]; the terminal is given back first.
pub async fn run(service: Arc<dyn Service>, options: TuiOptions) -> Result<(), TuiError> {
    use std::io::IsTerminal as _;
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(TuiError::NoTerminal);
    }
    let settings = Settings {
        theme: Theme::named(&options.theme, options.depth)?,
        depth: options.depth,
        keymap: Keymap::load(options.keymap.as_deref())?,
        ascii: options.ascii,
        here: options.here.clone(),
        folder: options.folder.clone(),
    };
    let terminal = Terminal::enter(Setup { mouse: options.mouse })?;
    let mut model = Model::new(settings, terminal.size(), options.clock.now());
    let (messages, inbox) = mpsc::unbounded_channel();
    let mut tasks = Vec::new();
    if let Some(id) = options.open {
        tasks = super::asks::open_session(&mut model, id);
        tasks.clear(); // asked again once connected
    }
    listen(service.clone(), options.mask.clone(), messages.clone());
    let worker = Worker::new(service, &options, messages);
    let mut shell = Shell { terminal, model, worker, inbox, options, pane: None, parser: Parser::default() };
    shell.perform(tasks)?;
    shell.run().await
}

/// Hears notices, and connects again where the stream ends.
fn listen(service: Arc<dyn Service>, mask: Arc<SecretMask>, messages: mpsc::UnboundedSender<Msg>) {
    tokio::spawn(async move {
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
                    let failure = crate::api::Failure::new(crate::api::FailureKind::Unreachable, "the service left");
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
}

enum Flow {
    Go,
    Leave,
}

impl Shell {
    async fn run(&mut self) -> Result<(), TuiError> {
        // its unsafe successor asks that the descriptor stays open and the same: an OwnedFd's does
        #[allow(deprecated)]
        let keys = AsyncFd::new(rustix::io::dup(io::stdin()).map_err(io::Error::from)?)?;
        let mut resized = signal(SignalKind::window_change())?;
        let mut ends =
            [signal(SignalKind::terminate())?, signal(SignalKind::hangup())?, signal(SignalKind::interrupt())?];
        let [terminated, hung_up, interrupted] = &mut ends;
        let mut drawn = Instant::now() - BETWEEN_FRAMES;
        let mut urgent = true;
        let mut asked: Option<Instant> = None;
        let mut minute = Instant::now() + MINUTE;
        let mut keep: Option<Instant> = None;
        loop {
            // from the first word that is not kept, not from the last: who types on is kept too
            keep = self.model.has_unsaved_words().then(|| keep.unwrap_or_else(|| Instant::now() + KEPT_WITHIN));
            let awaits = self.model.awaits_shown();
            if self.model.dirty && (urgent || drawn.elapsed() >= BETWEEN_FRAMES) {
                self.draw()?;
                drawn = Instant::now();
                urgent = false;
                // asked once: a key pressed too early draws a frame as well, and must not put the answer off
                if awaits && asked.is_none() {
                    self.terminal.ask_status()?;
                    asked = Some(drawn + SHOWN_AT_LATEST);
                }
            }
            if !awaits {
                asked = None;
            }
            let next_frame = self.model.dirty.then(|| drawn + BETWEEN_FRAMES);
            let escape = self.parser.is_waiting().then(|| Instant::now() + ESCAPE);
            let ages = self.shows_ages().then_some(minute);
            let wake = [next_frame, asked, escape, ages, keep].into_iter().flatten().min();
            let flow = tokio::select! {
                biased;
                _ = terminated.recv() => Flow::Leave,
                _ = hung_up.recv() => Flow::Leave,
                _ = interrupted.recv() => Flow::Leave,
                bytes = read(&keys) => match bytes {
                    Ok(bytes) if !bytes.is_empty() => {
                        urgent = true;
                        let inputs = self.parser.feed(&bytes);
                        self.take_inputs(inputs, &mut asked)?
                    }
                    // the terminal is gone
                    Ok(_) | Err(_) => Flow::Leave,
                },
                _ = resized.recv() => {
                    self.terminal.clear();
                    self.pane = None;
                    asked = None;
                    let (columns, rows) = self.terminal.size();
                    urgent = true;
                    self.take(Msg::Resize(columns, rows))?
                }
                message = self.inbox.recv() => {
                    let Some(message) = message else { return Ok(()) };
                    urgent |= !matches!(message, Msg::Notice(_));
                    self.take_all(message)?
                }
                () = pause(wake) => {
                    let now = Instant::now();
                    if asked.is_some_and(|at| at <= now) {
                        asked = None;
                        urgent = true;
                        self.take(Msg::Shown)?
                    } else if keep.is_some_and(|at| at <= now) {
                        keep = None;
                        self.take(Msg::KeepDraft)?
                    } else if ages.is_some_and(|at| at <= now) {
                        minute = now + MINUTE;
                        let now = self.options.clock.now();
                        self.take(Msg::Tick(now))?
                    } else if self.parser.is_waiting() {
                        urgent = true;
                        let inputs = self.parser.flush();
                        self.take_inputs(inputs, &mut asked)?
                    } else {
                        Flow::Go
                    }
                }
            };
            if matches!(flow, Flow::Leave) {
                self.terminal.leave();
                return Ok(());
            }
        }
    }

    /// Whether something young is shown: ages change by the minute then. An old inbox wakes nobody.
    fn shows_ages(&self) -> bool {
        self.model.review.is_none() && self.model.inbox.has_recent(self.model.now)
    }

    fn take_inputs(&mut self, inputs: Vec<Input>, asked: &mut Option<Instant>) -> Result<Flow, TuiError> {
        for input in inputs {
            let message = match input {
                Input::StatusOk if asked.take().is_some() => Msg::Shown,
                input => Msg::Input(input),
            };
            if let Flow::Leave = self.take(message)? {
                return Ok(Flow::Leave);
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
                Task::Suspend => {
                    self.terminal.leave();
                    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP)
                        .map_err(io::Error::from)?;
                    self.come_back()?;
                }
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
        self.pane = None;
        let (columns, rows) = self.terminal.size();
        update(&mut self.model, Msg::Resize(columns, rows));
        Ok(())
    }

    fn draw(&mut self) -> io::Result<()> {
        let model = &self.model;
        let mut scene = Scene::default();
        let before = self.pane;
        let now = super::view::pane_of(model);
        let moved = before.zip(now).and_then(|(before, now)| scrolled(before, now));
        self.terminal.draw(moved, |buffer| {
            scene = view(model, buffer);
            scene.cursor
        })?;
        self.pane = scene.pane;
        self.model.dirty = false;
        Ok(())
    }
}

/// How far a pane scrolled between two frames, where nothing else about it changed.
pub(crate) fn scrolled(before: Pane, now: Pane) -> Option<Scroll> {
    let up = i32::try_from(now.top).ok()? - i32::try_from(before.top).ok()?;
    let same = Pane { top: now.top, ..before } == now;
    (same && up != 0).then_some(Scroll { top: now.area.y, bottom: now.area.bottom(), up })
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
