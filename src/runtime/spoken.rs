//! What a model says while it says it: a file that grows, which screens follow as they follow a check's output.

use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{broadcast, mpsc};

use super::desk::Line;
use super::held::Pauses;
use super::order::Post;
use super::work::{LiveLogs, Worker};
use crate::api::Notice;
use crate::clock::Clock;
use crate::id::{HostPath, SessionId, Version};
use crate::infrastructure::llm::Streamed;
use crate::planning::Role;

/// How often it is looked whether there are more words: what a person does not notice. A notice names a size, no words.
const LOOK_EVERY: Duration = Duration::from_millis(30);

/// One call's words. Dropped, the file is gone: what counts is the reply, which is kept whole.
pub(super) struct Spoken {
    name: String,
    session: SessionId,
    version: Version,
    file: Option<tempfile::NamedTempFile>,
    live_logs: LiveLogs,
    pauses: Pauses,
    inbox: mpsc::Sender<Post>,
    notices: broadcast::Sender<Notice>,
    clock: Arc<dyn Clock>,
    /// Bytes that were written, as the watcher sees them.
    size: Arc<AtomicU64>,
    is_thinking: bool,
    waits: bool,
    /// Whether its first word was told of.
    began: bool,
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
            file: made.ok(),
            live_logs: worker.live_logs.clone(),
            pauses: worker.pauses.clone(),
            inbox: line.inbox.clone(),
            notices: worker.notices.clone(),
            clock: worker.ports.clock.clone(),
            size: Arc::default(),
            is_thinking: false,
            waits: false,
            began: false,
        };
        if let Some(file) = &spoken.file {
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
            spoken.watch();
        }
        spoken
    }

    /// Tells how it grows, as long as it does: the last words of a burst are told though none follow.
    fn watch(&self) {
        let Some(file) = &self.file else { return };
        let (session, check, log) = (self.session, self.name.clone(), HostPath::new(file.path()));
        let (size, notices) = (Arc::downgrade(&self.size), self.notices.clone());
        tokio::spawn(async move {
            let mut told = 0;
            while let Some(now) = size.upgrade().map(|size| size.load(Ordering::Acquire)) {
                if now > told {
                    told = now;
                    let _ =
                        notices.send(Notice::LogGrew { session, check: check.clone(), log: log.clone(), size: now });
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
    }

    /// A piece came.
    pub(super) fn hear(&mut self, piece: Streamed<'_>) {
        if let Streamed::Waits { pause, next, why } = piece {
            return self.wait(pause, next, why);
        }
        self.go_on();
        if matches!(piece, Streamed::Sent) {
            return;
        }
        let thinks = matches!(piece, Streamed::Thinking(_));
        if thinks != self.is_thinking {
            self.is_thinking = thinks;
            self.write(if thinks { "\n[thinks]\n" } else { "\n[says]\n" });
        }
        match piece {
            Streamed::Text(text) | Streamed::Thinking(text) => self.write(text),
            Streamed::Call(tool) => self.write(&format!("\n[asks for {tool}]\n")),
            Streamed::Sent | Streamed::Waits { .. } | Streamed::Took(_) => {}
        }
        // the first word is waited for
        if !std::mem::replace(&mut self.began, true) {
            self.tell();
        }
    }

    /// Tells how far it grew.
    fn tell(&self) {
        let Some(file) = &self.file else { return };
        let (session, check, log) = (self.session, self.name.clone(), HostPath::new(file.path()));
        let size = self.size.load(Ordering::Acquire);
        let _ = self.notices.send(Notice::LogGrew { session, check, log, size });
    }

    /// It gave no answer and is asked again later: whoever looks is told.
    fn wait(&mut self, pause: Duration, next: u32, why: &str) {
        let seconds = pause.as_secs_f64().ceil();
        self.write(&format!("\n[waiting {seconds} s before try {next}: {why}]\n"));
        self.pauses.begin(self.session, self.clock.monotonic() + pause, next, why);
        self.waits = true;
        self.tell_held();
    }

    fn go_on(&mut self) {
        if std::mem::take(&mut self.waits) {
            self.pauses.end(self.session);
            self.tell_held();
        }
    }

    /// A full inbox has other things to tell; who looks sees it all the same.
    fn tell_held(&self) {
        let _ = self.inbox.try_send(Post::Look(Box::new(|core| core.tell_held())));
    }

    fn write(&mut self, text: &str) {
        if let Some(file) = &mut self.file {
            let file: &mut File = file.as_file_mut();
            if file.write_all(text.as_bytes()).is_ok() {
                self.size.fetch_add(text.len() as u64, Ordering::Release);
            }
        }
    }
}

impl Drop for Spoken {
    fn drop(&mut self) {
        self.go_on();
        self.tell();
        self.live_logs.end(self.session, "", &self.name);
    }
}
