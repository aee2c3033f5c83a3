//! Commands that an agent has Paraph run for it: in the same worktree, confined as checks are, without the agent's
//! login and without its hosts.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use super::wire::{BAD_PARAMS, CreateTerminal, Fault, OfTerminal, REFUSED};
use crate::cancel::Cancel;
use crate::infrastructure::confinement::{Confinement, Network};
use crate::infrastructure::process::{Command, Status};
use crate::proposal::workshop::{Room, Sees};

/// Commands at once, and all together: each has a scratch folder until the draft is there.
const AT_ONCE: usize = 8;
const IN_ALL: usize = 500;
/// Bytes of output that are kept, where the agent asks for no fewer.
const OUTPUT: usize = 1 << 20;
/// Commands that have ended and whose output is kept for an agent that does not release them.
const KEPT: usize = 32;
const GRACE: Duration = Duration::from_millis(300);

/// All commands of one talk.
pub(super) struct Terminals<'a> {
    room: &'a Room,
    confinement: &'a Confinement,
    timeout: Duration,
    made: usize,
    open: BTreeMap<String, Terminal>,
}

struct Terminal {
    number: usize,
    stop: Cancel,
    state: Arc<Mutex<State>>,
    running: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    output: VecDeque<u8>,
    truncated: bool,
    /// Nobody can ask for its output any more.
    is_released: bool,
    /// How it ended, as the protocol says it.
    exit: Option<Value>,
}

impl<'a> Terminals<'a> {
    pub(super) fn new(room: &'a Room, confinement: &'a Confinement, timeout: Duration) -> Self {
        Self { room, confinement, timeout, made: 0, open: BTreeMap::new() }
    }

    /// Starts a command; returns its name.
    pub(super) fn create(&mut self, asked: CreateTerminal) -> Result<String, Fault> {
        let running = self.open.values().filter(|terminal| terminal.lock().exit.is_none()).count();
        if running >= AT_ONCE || self.made >= IN_ALL {
            return Err(Fault::new(REFUSED, format!("more than {AT_ONCE} commands at once, or {IN_ALL} in all")));
        }
        let cwd = asked.cwd.as_deref().map_or(self.room.shown(), Path::new);
        let plain = |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_)));
        if !cwd.strip_prefix(self.room.shown()).is_ok_and(plain) {
            return Err(Fault::new(BAD_PARAMS, format!("{} is outside the worktree", cwd.display())));
        }
        let_go(self.open.values());
        let number = self.made;
        let name = format!("terminal-{number}");
        self.made += 1;
        let sees = Sees { name: &name, network: Network::None, reads: &[] };
        let (policy, env) = self.room.policy(sees).map_err(|error| Fault::new(REFUSED, error.to_string()))?;
        let whole = asked.args.is_empty() && asked.command.contains(char::is_whitespace);
        let command = match whole {
            true => Command::new("/bin/sh").args(["-c", &asked.command]),
            false => Command::new(&asked.command).args(&asked.args),
        };
        let given =
            asked.env.iter().filter(|variable| !variable.name.is_empty() && !variable.name.contains(['=', '\0']));
        let given = given.filter(|variable| !variable.value.contains('\0'));
        let command = command.cwd(cwd).envs(env).envs(given.map(|variable| (&variable.name, &variable.value)));
        let command = command.timeout(self.timeout).grace(GRACE).output_limit(0).merged();
        let limit = asked.output_byte_limit.unwrap_or(OUTPUT).min(OUTPUT);
        let (state, stop) = (Arc::new(Mutex::new(State::default())), Cancel::new());
        let (confinement, beside, inner) = (self.confinement.clone(), state.clone(), stop.clone());
        let running = std::thread::spawn(move || {
            let ran = confinement.run_blocking(&policy, &command, &inner, &mut |chunk| {
                beside.lock().unwrap_or_else(PoisonError::into_inner).push(chunk.bytes, limit);
            });
            let exit = match ran {
                Ok(ran) => exit(ran.finished.status),
                Err(error) => {
                    let said = format!("{error}\n");
                    beside.lock().unwrap_or_else(PoisonError::into_inner).push(said.as_bytes(), limit);
                    json!({"exitCode": 127, "signal": null})
                }
            };
            beside.lock().unwrap_or_else(PoisonError::into_inner).exit = Some(exit);
        });
        self.open.insert(name.clone(), Terminal { number, stop, state, running: Some(running) });
        Ok(name)
    }

    pub(super) fn known(&self, of: &OfTerminal) -> Result<(), Fault> {
        self.get(&of.terminal_id).map(drop)
    }

    pub(super) fn output(&self, of: &OfTerminal) -> Result<Value, Fault> {
        let state = self.get(&of.terminal_id)?.lock();
        let bytes: Vec<u8> = state.output.iter().copied().collect();
        let output = String::from_utf8_lossy(&bytes);
        Ok(json!({"output": output, "truncated": state.truncated, "exitStatus": state.exit}))
    }

    /// `None` while it runs.
    pub(super) fn ended(&self, terminal: &str) -> Option<Result<Value, Fault>> {
        match self.get(terminal) {
            Ok(terminal) => terminal.lock().exit.clone().map(Ok),
            // released while somebody waited for it
            Err(fault) => Some(Err(fault)),
        }
    }

    pub(super) fn kill(&mut self, of: &OfTerminal) -> Result<Value, Fault> {
        self.get(&of.terminal_id)?.stop.cancel();
        Ok(json!({}))
    }

    pub(super) fn release(&mut self, of: &OfTerminal) -> Result<Value, Fault> {
        let terminal = self.get(&of.terminal_id)?;
        terminal.stop.cancel();
        terminal.lock().release();
        // it is awaited at the end of all, so that nothing runs on in a worktree that is read
        if let Some(terminal) = self.open.remove(&of.terminal_id) {
            self.open.insert(format!("released {}", of.terminal_id), terminal);
        }
        Ok(json!({}))
    }

    /// Ends all, and waits until they are gone.
    pub(super) fn close(&mut self) {
        self.open.values().for_each(|terminal| terminal.stop.cancel());
        for running in self.open.values_mut().filter_map(|terminal| terminal.running.take()) {
            // one that panicked has ended as well
            let _ended = running.join();
        }
    }

    fn get(&self, terminal: &str) -> Result<&Terminal, Fault> {
        let found = self.open.get(terminal).filter(|_| terminal.starts_with("terminal-"));
        found.ok_or_else(|| Fault::new(BAD_PARAMS, "there is no such terminal"))
    }
}

impl Drop for Terminals<'_> {
    fn drop(&mut self) {
        self.close();
    }
}

impl Terminal {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets go of what the oldest of those printed that have ended, where more than [`KEPT`] have; how each ended stays.
fn let_go<'a>(terminals: impl Iterator<Item = &'a Terminal>) {
    let mut ended: Vec<&Terminal> = terminals.filter(|terminal| terminal.lock().is_worth_letting_go()).collect();
    ended.sort_unstable_by_key(|terminal| terminal.number);
    let over = ended.len().saturating_sub(KEPT);
    ended.into_iter().take(over).for_each(|terminal| terminal.lock().forget());
}

impl State {
    fn is_worth_letting_go(&self) -> bool {
        self.exit.is_some() && self.output.capacity() > 0
    }

    /// What it printed is not asked for any more; what it still prints is nothing to keep.
    fn release(&mut self) {
        self.is_released = true;
        self.forget();
    }

    fn forget(&mut self) {
        self.truncated |= !self.output.is_empty();
        self.output = VecDeque::new();
    }

    /// Keeps the end.
    fn push(&mut self, bytes: &[u8], limit: usize) {
        if self.is_released {
            return;
        }
        self.output.extend(bytes);
        let over = self.output.len().saturating_sub(limit);
        self.truncated |= over > 0;
        self.output.drain(..over);
    }
}

fn exit(status: Status) -> Value {
    match status {
        Status::Exit(code) => json!({"exitCode": code, "signal": null}),
        Status::Signal(number) => json!({"exitCode": null, "signal": format!("{number}")}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(number: usize, printed: &[u8]) -> Terminal {
        let mut state = State::default();
        state.push(printed, OUTPUT);
        state.exit = Some(exit(Status::Exit(0)));
        Terminal { number, stop: Cancel::new(), state: Arc::new(Mutex::new(state)), running: None }
    }

    #[test]
    fn what_is_released_keeps_nothing_and_what_ended_long_since_only_how() {
        let mut state = State::default();
        state.push(b"before", OUTPUT);
        state.release();
        state.push(b"after", OUTPUT);
        assert_eq!((state.output.capacity(), state.truncated), (0, true));
        let all: Vec<Terminal> = (0..KEPT + 2).rev().map(|number| ended(number, b"words")).collect();
        let running = Terminal { state: Arc::default(), ..ended(0, b"") };
        running.lock().push(b"words", OUTPUT);
        let_go(all.iter().chain([&running]));
        let gone = |terminal: &Terminal| terminal.lock().output.is_empty() && terminal.lock().truncated;
        let numbers: Vec<usize> =
            all.iter().filter(|terminal| gone(terminal)).map(|terminal| terminal.number).collect();
        assert_eq!(numbers, [1, 0], "the oldest");
        assert!(all.iter().all(|terminal| terminal.lock().exit.is_some()) && !gone(&running));
    }
}
