//! What a model says while it says it: a file that grows, which screens follow as they follow a check's output.

use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

use tokio::sync::broadcast;

use super::desk::Line;
use super::work::{LiveLogs, Worker};
use crate::api::Notice;
use crate::id::{HostPath, SessionId, Version};
use crate::infrastructure::llm::Streamed;
use crate::planning::Role;

/// At most ten notices a second, as for checks; the first piece is told at once.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// One call's words. Dropped, the file is gone: what counts is the reply, which is kept whole.
pub(super) struct Spoken {
    name: String,
    session: SessionId,
    version: Version,
    file: Option<(tempfile::NamedTempFile, u64)>,
    live_logs: LiveLogs,
    notices: broadcast::Sender<Notice>,
    clock: std::sync::Arc<dyn crate::clock::Clock>,
    told_at: Option<Duration>,
    is_thinking: bool,
}

impl Spoken {
    /// Opens the file and tells of it. Where it cannot be had nothing is shown, and the call goes on.
    pub(super) fn open(worker: &Worker, line: &Line, role: Role, model: &str) -> Self {
        let folder = worker.blobs().live_dir();
        let made = folder.and_then(|folder| tempfile::Builder::new().prefix("model-").tempfile_in(folder));
        if let Err(error) = &made {
            tracing::warn!(%error, "what a model says cannot be shown while it says it");
        }
        let mut spoken = Self {
            name: format!("model {role}"),
            session: line.session,
            version: line.key.version.unwrap_or(Version::FIRST),
            file: made.ok().map(|file| (file, 0)),
            live_logs: worker.live_logs.clone(),
            notices: worker.notices.clone(),
            clock: worker.ports.clock.clone(),
            told_at: None,
            is_thinking: false,
        };
        if let Some((file, _)) = &spoken.file {
            let log = HostPath::new(file.path());
            spoken.live_logs.begin(line.session, "", &spoken.name, file.path());
            let _ = spoken.notices.send(Notice::CheckStarted {
                session: line.session,
                version: spoken.version,
                repo: String::new(),
                check: spoken.name.clone(),
                on_base: false,
                log,
            });
            spoken.write(&format!("{model} as {role}\n\n"));
            for word in line.ear.unshown() {
                spoken.write(&format!("[{} says: {}]\n\n", word.by, word.text.raw().trim()));
            }
        }
        spoken
    }

    /// A piece came.
    pub(super) fn hear(&mut self, piece: Streamed<'_>) {
        let thinks = matches!(piece, Streamed::Thinking(_));
        if thinks != self.is_thinking {
            self.is_thinking = thinks;
            self.write(if thinks { "\n[thinks]\n" } else { "\n[says]\n" });
        }
        match piece {
            Streamed::Text(text) | Streamed::Thinking(text) => self.write(text),
            Streamed::Call(tool) => self.write(&format!("\n[asks for {tool}]\n")),
        }
        self.tell();
    }

    fn write(&mut self, text: &str) {
        if let Some((file, size)) = &mut self.file {
            let file: &mut File = file.as_file_mut();
            if file.write_all(text.as_bytes()).is_ok() {
                *size += text.len() as u64;
            }
        }
    }

    fn tell(&mut self) {
        let now = self.clock.monotonic();
        if self.told_at.is_some_and(|told| now.saturating_sub(told) < TELL_EVERY) {
            return;
        }
        self.told_at = Some(now);
        if let Some((file, size)) = &self.file {
            let (session, check, log) = (self.session, self.name.clone(), HostPath::new(file.path()));
            let _ = self.notices.send(Notice::LogGrew { session, check, log, size: *size });
        }
    }
}

impl Drop for Spoken {
    fn drop(&mut self) {
        self.told_at = None;
        self.tell();
        self.live_logs.end(self.session, "", &self.name);
    }
}
