//! The talk with an agent, from the first greeting to the end of its turn; it blocks, and looks at a cancel meanwhile.

use std::io::{self, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::prompt;
use super::serve::{Reply, Server};
use super::transcript::Transcript;
use super::wire::{
    BAD_PARAMS, Fault, Initialized, LOGIN_NEEDED, LONGEST_LINE, Lines, Message, NewSession, Next, Prompted, REFUSED,
    StopReason, VERSION,
};
use crate::cancel::Cancel;
use crate::id::Digest;
use crate::planning::{AskError, Redactor};
use crate::proposal::{AgentSpec, Ear, Word};
use crate::text::LiveMask;

/// How long a look for the next message waits.
const LOOK: Duration = Duration::from_millis(50);
/// Looks without a word before an agent that was greeted counts as silent. // 180 s: on a busy machine node takes 60
const PATIENCE: u32 = 3600;
/// Looks that a cancelled agent has to end its turn by itself. // 0.8 s, and 0.3 s for its process: under 2 s together
const PATIENCE_WITH_CANCEL: u32 = 16;
/// How long it may take nothing of what is written to it.
const WRITING: Duration = Duration::from_secs(10);
/// Lines that are no messages, before it counts as something else than an agent.
const MOST_NOISE: usize = 1000;
/// Requests that may wait for commands at once. // 64: eight times as many as there are commands at once
const MOST_WAITING: usize = 64;
/// Bytes of a request's id, where that is a text.
const LONGEST_ID: usize = 256;
/// Messages of one turn. // a long turn streams a few ten thousand pieces
const MOST_MESSAGES: usize = 2_000_000;

/// A turn that ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// Its name and version, as it says.
    pub(super) agent: String,
    pub(super) stop: StopReason,
    /// What people said to it meanwhile, by digest.
    pub(super) words: Vec<Digest>,
}

/// Why a talk came to no end; said of the agent.
#[derive(Debug, thiserror::Error)]
pub(super) enum TalkError {
    /// Its end of the line closed.
    #[error("went away")]
    Gone,
    /// Somebody asked to stop.
    #[error("was cancelled")]
    Cancelled,
    /// It wants its user to log in, by these ways.
    #[error("is not logged in{0}")]
    LoginNeeded(String),
    /// It said nothing for too long.
    #[error("said nothing for {} s", (LOOK * PATIENCE).as_secs())]
    Silent,
    /// It does not keep to the protocol.
    #[error("does not keep to the protocol: {0}")]
    Broken(String),
    /// It answered with an error.
    #[error("answered `{method}` with an error: {message} ({code})")]
    Faulted { method: &'static str, code: i64, message: String },
    /// The socket failed.
    #[error("could not be talked to: {0}")]
    Socket(#[from] io::Error),
    /// Its models may not be asked.
    #[error("was not asked: {0}")]
    NotAsked(AskError),
}

/// What an agent is asked.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    /// The worktree as it sees it.
    pub(super) cwd: &'a Path,
    pub(super) prompt: &'a [String],
    pub(super) spec: &'a AgentSpec,
    /// What people say while it works.
    pub(super) ear: &'a dyn Ear,
    /// What is hidden from it in that.
    pub(super) mask: &'a LiveMask,
    /// Whether it may be asked: said once, before the first word of the task.
    pub(super) may_be_asked: &'a dyn Fn() -> Result<(), AskError>,
}

/// One talk.
pub(super) struct Talk {
    to: UnixStream,
    lines: Lines<UnixStream>,
    transcript: Transcript,
    stop: Cancel,
    asked: u64,
    noise: usize,
    messages: usize,
    /// Requests that are answered when a command has ended: their ids, and the terminals.
    waiting: Vec<(Value, String)>,
    /// The session that a cancel is told to.
    session: Option<String>,
}

impl Talk {
    pub(super) fn new(to: UnixStream, from: UnixStream, transcript: Transcript, stop: Cancel) -> io::Result<Self> {
        from.set_read_timeout(Some(LOOK))?;
        to.set_write_timeout(Some(WRITING))?;
        let (lines, waiting) = (Lines::new(from), Vec::new());
        Ok(Self { to, lines, transcript, stop, asked: 0, noise: 0, messages: 0, waiting, session: None })
    }

    /// Greets, opens a session, and gives the task; the agent works until it says that its turn ended.
    pub(super) fn work(&mut self, task: &Task<'_>, server: &mut Server<'_>) -> Result<Ended, TalkError> {
        let files = task.spec.files;
        let hello = json!({
            "protocolVersion": VERSION,
            "clientCapabilities": {"fs": {"readTextFile": files, "writeTextFile": files}, "terminal": task.spec.terminals},
            "clientInfo": {"name": "paraph", "title": "Paraph", "version": env!("CARGO_PKG_VERSION")},
        });
        let greeted: Initialized = self.ask("initialize", hello, Some(PATIENCE), server)?;
        if greeted.protocol_version != VERSION {
            let version = greeted.protocol_version;
            return Err(TalkError::Broken(format!("it speaks version {version}, and this is version {VERSION}")));
        }
        let ways: Vec<&str> =
            greeted.auth_methods.iter().map(|way| way.name.as_str()).filter(|way| !way.is_empty()).collect();
        let ways = if ways.is_empty() { String::new() } else { format!(" (it offers: {})", ways.join(", ")) };
        let cwd = task.cwd.to_str().ok_or_else(|| TalkError::Broken("the worktree's path is no text".to_owned()))?;
        let opened = self.ask("session/new", json!({"cwd": cwd, "mcpServers": []}), Some(PATIENCE), server);
        let session: NewSession = opened.map_err(|error| login_needed(error, &ways))?;
        self.session = Some(session.session_id.clone());
        let offered = session.modes.iter().flat_map(|modes| &modes.available_modes);
        let offered: Vec<&str> = offered.map(|mode| mode.id.as_str()).collect();
        if let Some(mode) = task.spec.mode.as_deref().filter(|mode| offered.contains(mode)) {
            let set = json!({"sessionId": session.session_id, "modeId": mode});
            let _nothing: Value = self.ask("session/set_mode", set, Some(PATIENCE), server)?;
            self.transcript.line(&format!("[paraph: mode {mode}]"));
        }
        let (ended, words) =
            self.turns(task, &session.session_id, server).map_err(|error| login_needed(error, &ways))?;
        // it ends by itself now, before it is ended
        let _closed_already = self.to.shutdown(Shutdown::Write);
        if ended.stop_reason == StopReason::Cancelled {
            return Err(TalkError::Cancelled);
        }
        let info = greeted.agent_info.unwrap_or_default();
        let agent = format!("{} {}", info.name, info.version).trim().to_owned();
        let agent = if agent.is_empty() { "The agent".to_owned() } else { agent };
        Ok(Ended { agent, stop: ended.stop_reason, words })
    }

    /// Gives the task, and after each turn what people said in it, until a turn ends in which nobody said anything.
    fn turns(
        &mut self,
        task: &Task<'_>,
        session: &str,
        server: &mut Server<'_>,
    ) -> Result<(Prompted, Vec<Digest>), TalkError> {
        let (mut prompt, mut all) = (task.prompt.to_vec(), Vec::new());
        (task.may_be_asked)().map_err(|error| match error {
            AskError::Cancelled => TalkError::Cancelled,
            error => TalkError::NotAsked(error),
        })?;
        loop {
            self.transcript.asks();
            let blocks: Vec<Value> = prompt.iter().map(|text| json!({"type": "text", "text": text})).collect();
            let asked = json!({"sessionId": session, "prompt": blocks});
            let mut said = Vec::new();
            let ended: Prompted =
                self.ask_and_hear("session/prompt", asked, None, server, Some((task.ear, &mut said)))?;
            self.transcript.took(ended.took());
            self.hear(task.ear, &mut said);
            if said.is_empty() || self.stop.is_cancelled() {
                return Ok((ended, all));
            }
            all.extend(said.iter().map(|word| Digest::of(word.text.raw().as_bytes())));
            prompt = prompt::steered(&said, &mut Redactor::new(task.mask.clone()));
        }
    }

    /// Takes what people said, and writes it down; whether there was any.
    fn hear(&self, ear: &dyn Ear, said: &mut Vec<Word>) -> bool {
        let before = said.len();
        while let Some(word) = ear.next() {
            self.transcript.line(&format!("[{} says: {}]", word.by, word.text.raw().trim()));
            said.push(word);
        }
        said.len() > before
    }

    /// Asks, and serves the agent until it answers: at most `patience` looks without a word.
    fn ask<T: DeserializeOwned>(
        &mut self,
        method: &'static str,
        params: Value,
        patience: Option<u32>,
        server: &mut Server<'_>,
    ) -> Result<T, TalkError> {
        self.ask_and_hear(method, params, patience, server, None)
    }

    /// The same for a turn, which is stopped when somebody says something: the protocol has one turn at a time, and what
    /// is said is the next.
    fn ask_and_hear<T: DeserializeOwned>(
        &mut self,
        method: &'static str,
        params: Value,
        patience: Option<u32>,
        server: &mut Server<'_>,
        mut ear: Option<(&dyn Ear, &mut Vec<Word>)>,
    ) -> Result<T, TalkError> {
        self.asked += 1;
        let number = self.asked;
        self.send(&json!({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))?;
        let (mut quiet, mut cancelling) = (0, None);
        loop {
            self.answer_waiting(server)?;
            if let Some((ear, said)) = &mut ear
                && !self.stop.is_cancelled()
            {
                let first = said.is_empty();
                if self.hear(*ear, said) && first {
                    self.cancel_turn()?;
                }
            }
            let patience = match (self.stop.is_cancelled(), cancelling) {
                (true, None) => {
                    if self.session.is_none() {
                        return Err(TalkError::Cancelled);
                    }
                    self.to.set_write_timeout(Some(LOOK))?;
                    self.cancel_turn().map_err(|_| TalkError::Cancelled)?;
                    cancelling = Some(self.messages);
                    quiet = 0;
                    Some(PATIENCE_WITH_CANCEL)
                }
                (true, Some(_)) => Some(PATIENCE_WITH_CANCEL),
                (false, _) => patience,
            };
            let line = match self.lines.next()? {
                Next::Line(line) => line,
                Next::End => return Err(if cancelling.is_some() { TalkError::Cancelled } else { TalkError::Gone }),
                Next::TooLong => {
                    return Err(TalkError::Broken(format!("a line of more than {} MiB", LONGEST_LINE >> 20)));
                }
                Next::Quiet => {
                    quiet += 1;
                    if patience.is_some_and(|most| quiet > most) {
                        return Err(if cancelling.is_some() { TalkError::Cancelled } else { TalkError::Silent });
                    }
                    continue;
                }
            };
            // one that talks on does not get longer to end
            quiet = if cancelling.is_some() { quiet + 1 } else { 0 };
            if cancelling.is_some_and(|_| quiet > PATIENCE_WITH_CANCEL * 64) {
                return Err(TalkError::Cancelled);
            }
            self.messages += 1;
            if self.messages > MOST_MESSAGES {
                return Err(TalkError::Broken(format!("more than {MOST_MESSAGES} messages")));
            }
            match Message::parse(&line) {
                Message::Answer { id, result } if id == number => return answered(method, result),
                Message::Answer { .. } => {} // to nothing that was asked
                Message::Request { id, .. } if !is_id(&id) => {
                    let why = format!("an id is a number, or a text of at most {LONGEST_ID} bytes");
                    self.reply(Value::Null, Err(Fault::new(BAD_PARAMS, why)))?;
                }
                Message::Request { id, method, params } => match server.request(&method, params) {
                    Reply::Now(result) => self.reply(id, result)?,
                    // each is kept until then
                    Reply::WhenEnded(_) if self.waiting.len() >= MOST_WAITING => {
                        let why = format!("more than {MOST_WAITING} requests wait for commands");
                        self.reply(id, Err(Fault::new(REFUSED, why)))?;
                    }
                    Reply::WhenEnded(terminal) => self.waiting.push((id, terminal)),
                },
                Message::Notice { method, params } => server.notice(&method, params),
                Message::Noise(words) => self.heard_noise(&words)?,
            }
        }
    }

    /// Asks the agent to end its turn; it answers the prompt then.
    fn cancel_turn(&mut self) -> Result<(), TalkError> {
        let wish = json!({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": self.session}});
        self.send(&wish)
    }

    /// Answers those who wait for commands that have ended.
    fn answer_waiting(&mut self, server: &Server<'_>) -> Result<(), TalkError> {
        for (id, terminal) in std::mem::take(&mut self.waiting) {
            match server.ended(&terminal) {
                Some(result) => self.reply(id, result)?,
                None => self.waiting.push((id, terminal)),
            }
        }
        Ok(())
    }

    fn heard_noise(&mut self, words: &str) -> Result<(), TalkError> {
        if words.trim().is_empty() {
            return Ok(());
        }
        self.noise += 1;
        if self.noise > MOST_NOISE {
            return Err(TalkError::Broken(format!("more than {MOST_NOISE} lines that are no messages")));
        }
        self.transcript.line(words.trim());
        Ok(())
    }

    fn reply(&mut self, id: Value, result: Result<Value, Fault>) -> Result<(), TalkError> {
        let message = match result {
            Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Err(fault) => json!({"jsonrpc": "2.0", "id": id, "error": fault}),
        };
        self.send(&message)
    }

    fn send(&mut self, message: &Value) -> Result<(), TalkError> {
        let mut line = message.to_string();
        line.push('\n');
        match self.to.write_all(line.as_bytes()) {
            Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
                Err(TalkError::Gone)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Err(TalkError::Broken(format!("it does not read what is said to it for {} s", WRITING.as_secs())))
            }
            other => Ok(other?),
        }
    }
}

fn answered<T: DeserializeOwned>(method: &'static str, result: Result<Value, Fault>) -> Result<T, TalkError> {
    match result {
        Ok(value) => serde_json::from_value(value)
            .map_err(|error| TalkError::Broken(format!("its answer to `{method}` does not read: {error}"))),
        Err(Fault { code, message }) => {
            let message = message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect();
            Err(TalkError::Faulted { method, code, message })
        }
    }
}

fn is_id(id: &Value) -> bool {
    id.is_number() || id.as_str().is_some_and(|id| id.len() <= LONGEST_ID)
}

fn login_needed(error: TalkError, ways: &str) -> TalkError {
    match error {
        TalkError::Faulted { code: LOGIN_NEEDED, .. } => TalkError::LoginNeeded(ways.to_owned()),
        other => other,
    }
}
