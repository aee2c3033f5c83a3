//! What a model says while it says it: a file that grows, which screens follow as they follow a check's output. No secret
//! is written to it, in however many pieces it comes.

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
use crate::text::Pieces;

/// How often it is looked whether there are more words: what a person does not notice. A notice names a size, no words.
const LOOK_EVERY: Duration = Duration::from_millis(30);

/// One call's words. Dropped, the file is gone: what counts is the reply, which is kept whole.
pub(super) struct Spoken {
    name: String,
    session: SessionId,
    version: Version,
    file: Option<tempfile::NamedTempFile>,
    /// Hides secrets in what is written.
    pieces: Pieces,
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
            pieces: Pieces::new(worker.ports.mask.clone()),
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
            spoken.tell_of(&format!("{model} as {role}\n\n"));
            for word in line.ear.unshown() {
                spoken.tell_of(&format!("[{} says: {}]\n\n", word.by, word.text.raw().trim()));
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
            self.tell_of(if thinks { "\n[thinks]\n" } else { "\n[says]\n" });
        }
        match piece {
            Streamed::Text(text) | Streamed::Thinking(text) => {
                let shown = self.pieces.more(text);
                self.write(&shown);
            }
            Streamed::Call(tool) => self.tell_of(&format!("\n[asks for {tool}]\n")),
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
        self.tell_of(&format!("\n[waiting {seconds} s before try {next}: {why}]\n"));
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

    /// Writes something whole, after what waited.
    fn tell_of(&mut self, text: &str) {
        let waited = self.pieces.rest();
        let whole = self.pieces.more(text) + &self.pieces.rest();
        self.write(&(waited + &whole));
    }

    /// Writes what may be shown.
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
        self.tell_of("");
        self.tell();
        self.live_logs.end(self.session, "", &self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::text::LiveMask;

    /// Words of a model, and what can be read of them after each piece and at the end.
    fn heard(mask: &LiveMask, pieces: &[Streamed<'_>]) -> (Vec<String>, Vec<Notice>) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = tempfile::NamedTempFile::new_in(folder.path()).expect("a file");
        let kept = folder.path().join("kept");
        std::fs::hard_link(file.path(), &kept).expect("a second name");
        let (notices, mut told) = broadcast::channel(64);
        let mut spoken = Spoken {
            name: "model implementer".to_owned(),
            session: SessionId(1),
            version: Version::FIRST,
            file: Some(file),
            pieces: Pieces::new(mask.clone()),
            live_logs: LiveLogs::default(),
            pauses: Pauses::default(),
            inbox: mpsc::channel(8).0,
            notices,
            clock: Arc::new(SystemClock::default()),
            size: Arc::default(),
            is_thinking: false,
            waits: false,
            began: false,
        };
        let read = || std::fs::read_to_string(&kept).expect("it reads");
        let mut shown = Vec::new();
        for piece in pieces {
            spoken.hear(*piece);
            shown.push(read());
        }
        drop(spoken);
        shown.push(read());
        (shown, std::iter::from_fn(|| told.try_recv().ok()).collect())
    }

    #[test]
    fn a_key_is_never_in_the_file_in_however_many_pieces_it_comes() {
        let mask = LiveMask::new(vec!["team-llm-4711-blue".to_owned()]);
        let text = Streamed::Text;
        let pieces =
            [text("Bearer team-"), text("llm-4711"), text("-blue, I"), Streamed::Thinking("a team-llm-"), text("4711")];
        let (shown, _) = heard(&mask, &pieces);
        assert_eq!(shown[0], "Bearer ");
        assert_eq!(shown[2], "Bearer [masked], I");
        assert!(shown.iter().all(|shown| !shown.contains("4711-") && !shown.contains("team-")), "{shown:?}");
        assert!(shown[4].ends_with("\n[thinks]\na [masked]\n[says]\n4711"), "{shown:?}");
    }

    #[test]
    fn the_first_word_is_told_at_once_and_what_waits_at_the_end_is_written() {
        let mask = LiveMask::new(vec!["team-llm-4711-blue".to_owned()]);
        let (shown, told) =
            heard(&mask, &[Streamed::Text("Yes"), Streamed::Text(", use utf8"), Streamed::Call("search")]);
        assert_eq!(shown[0], "Yes");
        assert!(matches!(told[0], Notice::LogGrew { size: 3, .. }), "{told:?}");
        assert_eq!(shown[2], "Yes, use utf8\n[asks for search]\n", "nothing is lost");
        let (shown, _) = heard(&mask, &[Streamed::Text("Yes, te")]);
        assert_eq!(shown, ["Yes, ", "Yes, te"]);
    }

    #[test]
    fn a_key_that_is_learned_while_it_speaks_is_hidden_from_then_on() {
        let mask = LiveMask::default();
        let before = heard(&mask, &[Streamed::Text("team-blue-red. ")]).0;
        mask.learn("team-blue-red");
        let after = heard(&mask, &[Streamed::Text("team-blue-red. ")]).0;
        assert_eq!((before[0].as_str(), after[0].as_str()), ("team-blue-red. ", "[masked]. "));
    }
}
