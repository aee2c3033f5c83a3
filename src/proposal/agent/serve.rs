//! What an agent asks of its client, answered.

use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::files::Files;
use super::permission;
use super::terminals::Terminals;
use super::transcript::Transcript;
use super::wire::{BAD_PARAMS, Fault, NO_SUCH_METHOD, PlanEntry, ToolCall, Update, Updated};
use crate::infrastructure::confinement::Confinement;
use crate::infrastructure::hosts::AllowedHosts;
use crate::proposal::workshop::Room;

/// How much of an update's words stands in a line.
const SHOWN: usize = 300;
/// The same of the title of a call that it asks for.
const TITLE: usize = 120;

/// Answers requests, and writes down what happens.
pub(super) struct Server<'a> {
    room: &'a Room,
    hosts: &'a AllowedHosts,
    transcript: &'a Transcript,
    terminals: Terminals<'a>,
}

/// The answer to a request: now, or when a command has ended.
pub(super) enum Reply {
    Now(Result<Value, Fault>),
    WhenEnded(String),
}

impl<'a> Server<'a> {
    pub(super) fn new(
        room: &'a Room,
        confinement: &'a Confinement,
        hosts: &'a AllowedHosts,
        transcript: &'a Transcript,
        timeout: Duration,
    ) -> Self {
        Self { room, hosts, transcript, terminals: Terminals::new(room, confinement, timeout) }
    }

    /// Ends every command that the agent started through Paraph.
    pub(super) fn close(&mut self) {
        self.terminals.close();
    }

    pub(super) fn request(&mut self, method: &str, params: Value) -> Reply {
        let answered = match method {
            "session/request_permission" => read(params).map(|asked| self.permit(&asked)),
            "fs/read_text_file" => {
                read(params).and_then(|asked| self.files().read(&asked)).map(|content| json!({"content": content}))
            }
            "fs/write_text_file" => read(params).and_then(|asked: super::wire::WriteFile| {
                self.files().write(&asked)?;
                self.transcript.works();
                self.transcript.line(&format!("[wrote {}]", self.brief(&asked.path)));
                Ok(json!({}))
            }),
            "terminal/create" => read(params).and_then(|asked: super::wire::CreateTerminal| {
                self.transcript.works();
                let words = format!("{} {}", asked.command, asked.args.join(" "));
                self.transcript.line(&format!("[runs {}]", self.brief(words.trim())));
                Ok(json!({"terminalId": self.terminals.create(asked)?}))
            }),
            "terminal/output" => read(params).and_then(|of| self.terminals.output(&of)),
            "terminal/kill" => read(params).and_then(|of| self.terminals.kill(&of)),
            "terminal/release" => read(params).and_then(|of| self.terminals.release(&of)),
            "terminal/wait_for_exit" => {
                return match read(params).and_then(|of: super::wire::OfTerminal| self.terminals.known(&of).map(|()| of))
                {
                    Ok(of) => Reply::WhenEnded(of.terminal_id),
                    Err(fault) => Reply::Now(Err(fault)),
                };
            }
            other => Err(Fault::new(NO_SUCH_METHOD, format!("{} is not served here", self.brief(other)))),
        };
        if let Err(fault) = &answered {
            self.transcript.line(&format!("[paraph: {} refused: {}]", self.brief(method), fault.message));
        }
        Reply::Now(answered)
    }

    /// How the command of that terminal ended, once it did.
    pub(super) fn ended(&self, terminal: &str) -> Option<Result<Value, Fault>> {
        self.terminals.ended(terminal)
    }

    /// Writes down what the agent tells.
    pub(super) fn notice(&self, method: &str, params: Value) {
        if method != "session/update" {
            return;
        }
        // an update of a form that is not known changes nothing here
        let Ok(Updated { update }) = serde_json::from_value(params) else { return };
        match update {
            Update::AgentMessageChunk { content } => match content.text {
                Some(text) => self.transcript.says(&text),
                None => self.transcript.line(&format!("[{}]", self.brief(&content.kind))),
            },
            Update::AgentThoughtChunk { content } => {
                self.transcript.thinks(content.text.as_deref().unwrap_or_default())
            }
            Update::ToolCall(call) => {
                self.transcript.works();
                self.transcript.line(&format!("[{}]", self.brief(&described(&call))));
            }
            Update::ToolChanged(call) if call.status.as_deref().is_some_and(|status| status == "failed") => {
                self.transcript.line(&format!("[{}]", self.brief(&described(&call))));
            }
            Update::Plan { entries } => self.plan(&entries),
            Update::Used { used, cost } => self.transcript.uses(used, cost.as_ref()),
            Update::ToolChanged(_) | Update::Other => {}
        }
    }

    fn plan(&self, entries: &[PlanEntry]) {
        self.transcript.line("[plan]");
        for entry in entries.iter().take(50) {
            self.transcript.line(&format!("  {} {}", mark(&entry.status), self.brief(&entry.content)));
        }
    }

    fn permit(&self, asked: &super::wire::Permission) -> Value {
        // a command may be long; why it was rejected stands behind it
        let title = self.transcript.brief(asked.tool_call.title.as_deref().unwrap_or("something"), TITLE);
        let answered = permission::answer(asked, &title, self.shown(), self.hosts);
        self.transcript.line(&self.brief(&answered.line));
        answered.outcome
    }

    fn brief(&self, text: &str) -> String {
        self.transcript.brief(text, SHOWN)
    }

    fn shown(&self) -> &Path {
        self.room.shown()
    }

    fn files(&self) -> Files<'_> {
        Files { work: self.room.work(), shown: self.room.shown() }
    }
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T, Fault> {
    serde_json::from_value(params).map_err(|error| Fault::new(BAD_PARAMS, error.to_string()))
}

fn mark(status: &str) -> &'static str {
    match status {
        "completed" => "[x]",
        "in_progress" => "[>]",
        _ => "[ ]",
    }
}

fn described(call: &ToolCall) -> String {
    let title = call.title.as_deref().unwrap_or(&call.tool_call_id);
    let status = call.status.as_deref().filter(|status| *status == "failed").map_or("", |_| "failed: ");
    let places: Vec<&str> = call.locations.iter().flatten().map(|place| place.path.as_str()).take(5).collect();
    let at = if places.is_empty() { String::new() } else { format!(" ({})", places.join(", ")) };
    format!("{status}{title}{at}")
}
