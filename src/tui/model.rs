//! What the screens know: the model, the messages that change it, the tasks that go out.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::actions::{Action, Context};
use super::diff_view::DigestSet;
use super::input::Input;
use super::keymap::{Key, Keymap};
use super::log_text::LogPage;
use super::screens::budget::BudgetBox;
use super::screens::comment::CommentBox;
use super::screens::comparison::Comparison;
use super::screens::decision::Decision;
use super::screens::inbox::Inbox;
use super::screens::origin::Origin;
use super::screens::palette::Palette;
use super::screens::peek::Peek;
use super::screens::picker::Picker;
use super::screens::review::Review;
use super::screens::ticks::Ticks;
use super::screens::wizard::Wizard;
use super::theme::{ColorDepth, Theme};
use crate::api::{Failure, FileView, IssueSource, Notice, Reply, Request};
use crate::cancel::Cancel;
use crate::clock::Timestamp;
use crate::diff::ChangeStatus;
use crate::id::{Digest, HostPath, RepoPath, SessionId, Version};
use crate::text::Untrusted;

/// What happened.
#[derive(Debug)]
pub(crate) enum Msg {
    /// The terminal sent something.
    Input(Input),
    /// The terminal has another size.
    Resize(u16, u16),
    /// Time went on.
    Tick(Timestamp),
    /// The terminal shows the last frame, and everything typed before it was read.
    Shown,
    /// The service told something.
    Notice(Notice),
    /// The service can be reached, again or for the first time.
    Connected,
    /// It cannot.
    Lost(Failure),
    /// The service answered.
    Answer(Ticket, Box<Result<Reply, Failure>>),
    /// A file's diff is ready.
    Doc(DocKey, Result<Arc<super::diff_view::Doc>, Failure>),
    /// A file's hunks were counted.
    Surveyed(DocKey, Vec<Digest>),
    Searched(Box<super::search::FileSearch>, Option<usize>),
    /// The hunks of a file against its base were counted: now, and in the version it is compared with.
    Weighed(DocKey, Vec<Digest>, Vec<Digest>),
    /// A file's colours are ready.
    Colored(DocKey, Arc<super::diff_view::Colors>),
    /// A document was read.
    Text(TextKey, Result<String, Failure>),
    /// The output of a check was read.
    Log(LogKey, Result<LogPage, Failure>),
    /// What wrote to a log ended, and the log with it: what was read of it last is all there is.
    LogGone(HostPath),
    /// A whole file is ready to be looked at.
    Peeked(u32, Result<(Arc<super::diff_view::Doc>, Arc<super::diff_view::Colors>), Failure>),
    /// What a file defines was found.
    Outlined(u32, Arc<super::diff_view::Doc>, super::diff_view::Side, Vec<crate::syntax::OutlineItem>),
    /// A hunk is ready to be edited.
    Hunk(Digest, Result<HunkText, Failure>),
    /// Words that were typed shall be kept.
    KeepDraft,
    /// The issue at an address was read: as a session is asked for with it, and its title as it may be shown.
    Issue(String, Result<(Box<IssueSource>, Untrusted), Failure>),
    /// Text came back from the editor; `None` where nothing was saved.
    Edited(Option<String>),
    /// Something is worth a word.
    Say(Tone, String),
}

/// What shall be done outside.
#[derive(Debug)]
pub(crate) enum Task {
    /// Ask the service.
    Ask(Ticket, Request),
    /// Read both sides of a file and compare them.
    Diff(DocKey, DocSource),
    /// Count a file's hunks: the same work, but only the keys are kept.
    Survey(DocKey, DocSource),
    /// Count a file's hunks against its base: as it is now, and as it was in an earlier version.
    Weigh(DocKey, DocSource, Option<DocSource>),
    /// Look for the first of some files that shows a text.
    Search(Box<super::search::FileSearch>),
    /// Colour lines of a file.
    Color(DocKey, Arc<super::diff_view::Doc>),
    /// Read a whole file and colour it around a line (1-based).
    Peek(u32, u32, PeekSource),
    /// Find what a side of a file defines.
    Outline(u32, Arc<super::diff_view::Doc>, super::diff_view::Side),
    /// Write a hunk as a diff that a person can edit.
    HunkText(HunkSource),
    /// Read a blob as text, its end where it is long.
    ReadBlob(TextKey, Digest),
    /// Read the end of a check's output, so many bytes of it.
    ReadLog(LogKey, LogSource, u64),
    /// Read the issue at an address from its forge, and keep its text.
    ReadIssue(String),
    /// Onto the clipboard.
    Copy(String),
    /// Open `$EDITOR` on a file, at a line.
    EditFile(std::path::PathBuf, u32),
    /// Open `$EDITOR` on a text.
    EditText(String),
    /// Ring the bell.
    Bell,
    /// Paint every cell.
    Redraw,
    /// To the shell, until `fg`.
    Suspend,
    /// Leave.
    Quit,
}

/// What an answer is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ticket {
    Sessions,
    Session(SessionId),
    PatchSets(SessionId, Version),
    /// Patch sets against the base, for the comparison of that generation: of an earlier version, or the one being read.
    Bases(u32, Option<Version>),
    /// Threads, and where they stand in that version.
    Threads(SessionId, Option<Version>),
    Timeline(SessionId),
    Artifacts(SessionId),
    Logs(SessionId),
    Beads(SessionId),
    Metrics,
    Panel(SessionId),
    /// A decision: its verb in the past, for the toast.
    Decide(SessionId, &'static str),
    /// A draft that was kept.
    Draft(SessionId),
    /// Drafts that were deleted or sent: the verb in the past.
    Drafts(SessionId, &'static str),
    /// A version that was made by hand.
    Derive(SessionId),
    Resolve(SessionId),
    Mark(SessionId),
    Started,
    /// What a session would cost that is about to be started.
    Estimate,
    /// Any other change: its verb in the past.
    Changed(SessionId, &'static str),
    /// Words to whoever drafts.
    Steered(SessionId),
    /// What its models may take is another.
    Budget(SessionId),
    /// A criterion of it was ticked, or not any more.
    Ticked(SessionId, String, bool),
    /// Candidates side by side: of which session's field.
    Comparison(SessionId),
    /// Checkouts are removed.
    Discarded(SessionId),
    /// Where names are defined: the number of the question.
    Definitions(u32),
    /// A whole file.
    Source(u32),
    /// Who wrote a line.
    Blame(u32),
    /// What publishing would write: the question comes with the answer.
    PublishQuestion(SessionId),
    Trust,
    /// What trust would let run: the question comes with the answer.
    TrustQuestion(SessionId),
}

/// One file of the patch sets that are shown; `generation` tells older answers from current ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct DocKey {
    pub generation: u32,
    pub file: usize,
}

/// Where a file's two sides are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DocSource {
    pub path: RepoPath,
    pub status: ChangeStatus,
    pub binary: bool,
    pub old: Option<Digest>,
    pub new: Option<Digest>,
}

/// Where a whole file is.
#[derive(Debug)]
pub(crate) enum PeekSource {
    /// In a blob.
    Blob(RepoPath, Digest),
    /// On the screen already, but folded.
    Side(Arc<super::diff_view::Doc>, super::diff_view::Side),
}

impl DocSource {
    pub(crate) fn of(file: &FileView) -> Self {
        Self {
            path: file.path.clone(),
            status: file.status,
            binary: file.binary,
            old: file.old.as_ref().map(|blob| blob.digest),
            new: file.new.as_ref().map(|blob| blob.digest),
        }
    }
}

/// A hunk that shall be edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HunkSource {
    pub file: DocSource,
    pub hunk: Digest,
    /// Hunks of the file that are left out: the edited one is placed on what the file is without them.
    pub left_out: Vec<Digest>,
}

/// A hunk as a diff of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HunkText {
    pub diff: String,
    /// Whether it holds what every screen hides.
    pub secret: bool,
}

/// Which text was read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum TextKey {
    Artifact(Digest),
}

/// Which check's output, and of which run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogKey {
    pub check: String,
    pub on_base: bool,
}

/// Where a check's output is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LogSource {
    /// It ended.
    Blob(Digest),
    /// It grows.
    File(HostPath),
}

/// How a message is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Info,
    Success,
    Warning,
    Error,
}

/// A line for the person, until the next key or a newer one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Toast {
    pub tone: Tone,
    pub text: String,
    pub hint: String,
}

/// Whether the service answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Connection {
    Connecting,
    Live,
    Lost(String),
}

/// A window on top, or a prompt in the footer.
#[derive(Debug)]
pub(crate) enum Overlay {
    Help { filter: Field, scroll: usize },
    Palette(Palette),
    Search(Field),
    Steer(Box<Steer>),
    Budget(Box<BudgetBox>),
    Decision(Box<Decision>),
    Comment(Box<CommentBox>),
    Wizard(Box<Wizard>),
    Confirm(Box<Confirm>),
    Peek(Box<Peek>),
    Picker(Box<Picker>),
    Origin(Box<Origin>),
    Comparison(Box<Comparison>),
    Ticks(Box<Ticks>),
}

/// Words to whoever drafts, while they are typed.
#[derive(Debug)]
pub(crate) struct Steer {
    pub session: SessionId,
    pub field: Field,
    /// Whether the service was asked and has not answered.
    pub sent: bool,
}

/// A question that one letter answers, once its frame was shown.
#[derive(Debug)]
pub(crate) struct Confirm {
    pub title: String,
    pub lines: Vec<String>,
    pub armed: bool,
    /// Whether a key came before it counted.
    pub early: bool,
    /// What is asked for after a yes.
    pub asks: Vec<(Ticket, Request)>,
}

/// Everything that stays the same while the program runs, or changes by a person's word only.
#[derive(Debug)]
pub(crate) struct Settings {
    pub theme: Theme,
    /// Whether nobody chose it: then it is dark or light as the terminal is.
    pub theme_follows: bool,
    pub depth: ColorDepth,
    pub keymap: Keymap,
    pub ascii: bool,
    /// Whether anything moves by itself.
    pub motion: bool,
    /// Where the program was started: the wizard's first suggestion.
    pub here: Option<String>,
    /// The engine that the configuration names; empty where nobody knows.
    pub engine: String,
    /// The folder the program was started in: relative paths begin there.
    pub folder: Option<std::path::PathBuf>,
}

/// What the screens know.
#[derive(Debug)]
pub(crate) struct Model {
    pub settings: Settings,
    pub size: (u16, u16),
    pub now: Timestamp,
    pub connection: Connection,
    pub inbox: Inbox,
    pub review: Option<Review>,
    pub overlays: Vec<Overlay>,
    pub toast: Option<Toast>,
    pub pending: Vec<Key>,
    pub search: String,
    /// Stops the search that goes on in other files, while one does.
    pub searching: Option<Cancel>,
    pub totals: BTreeMap<String, u32>,
    /// Questions about the code so far: each answer names its own.
    pub questions: u32,
    /// Hunks that were on the screen, of sessions that were closed again.
    pub seen: BTreeMap<SessionId, DigestSet>,
    /// What changed since the last frame.
    pub dirty: bool,
}

impl Model {
    pub(crate) fn new(settings: Settings, size: (u16, u16), now: Timestamp) -> Self {
        Self {
            settings,
            size,
            now,
            connection: Connection::Connecting,
            inbox: Inbox::default(),
            review: None,
            overlays: Vec::new(),
            toast: None,
            pending: Vec::new(),
            search: String::new(),
            searching: None,
            totals: BTreeMap::new(),
            questions: 0,
            seen: BTreeMap::new(),
            dirty: true,
        }
    }

    /// Closes the session that is open; what of it was on the screen is remembered.
    pub(crate) fn close_review(&mut self) {
        let Some(review) = self.review.take() else { return };
        // 64: nobody reads more in one sitting; the lowest numbers were read first
        if self.seen.len() >= 64 {
            self.seen.pop_first();
        }
        self.seen.insert(review.id, review.patches.seen);
    }

    /// The contexts that keys are looked up in, the nearest first.
    pub(crate) fn contexts(&self) -> Vec<Context> {
        match self.overlays.last() {
            Some(Overlay::Comment(_)) => return vec![Context::TextBox],
            Some(Overlay::Wizard(_)) => return vec![Context::Wizard],
            Some(Overlay::Peek(_)) => return vec![Context::Peek, Context::Everywhere],
            Some(_) => return vec![Context::Everywhere],
            None => {}
        }
        match &self.review {
            Some(review) => {
                let mut contexts = review.contexts();
                contexts.extend([Context::Session, Context::Everywhere]);
                contexts
            }
            None => vec![Context::Inbox, Context::Everywhere],
        }
    }

    /// Whether a panel waits for its own frame: then the shell asks the terminal and answers [`Msg::Shown`].
    pub(crate) fn awaits_shown(&self) -> bool {
        match self.overlays.last() {
            Some(Overlay::Decision(decision)) => decision.awaits_shown(),
            Some(Overlay::Confirm(confirm)) => !confirm.armed,
            _ => false,
        }
    }

    /// Whether words are typed that are not kept yet.
    pub(crate) fn has_unsaved_words(&self) -> bool {
        matches!(self.overlays.last(), Some(Overlay::Comment(comment)) if comment.is_unsaved())
    }

    /// Says something in the footer.
    pub(crate) fn say(&mut self, tone: Tone, text: impl Into<String>) {
        self.toast = Some(Toast { tone, text: text.into(), hint: String::new() });
    }

    /// Says why something failed, with the first hint.
    pub(crate) fn say_failure(&mut self, failure: &Failure) {
        let text = crate::text::Untrusted::new(failure.message.clone()).display_line().to_string();
        let hint = failure.hints.first().cloned().unwrap_or_default();
        let hint = crate::text::Untrusted::new(hint).display_line().to_string();
        self.toast = Some(Toast { tone: Tone::Error, text, hint });
    }

    /// The key of `action` here, for a hint.
    pub(crate) fn key_of(&self, action: Action) -> Option<String> {
        self.settings.keymap.key_of(&self.contexts(), action).map(ToString::to_string)
    }
}

/// One line of typed text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Field {
    text: String,
    /// A byte position in `text`.
    cursor: usize,
}

impl Field {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { cursor: text.len(), text }
    }

    /// A text that is read, not typed: where there is no room for all of it, its start is what counts.
    pub(crate) fn shown(text: impl Into<String>) -> Self {
        Self { cursor: 0, text: text.into() }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Columns before the cursor.
    pub(crate) fn cursor_column(&self) -> usize {
        crate::text::width::columns(&self.text[..self.cursor])
    }

    pub(crate) fn insert(&mut self, text: &str) {
        let clean: String = text.chars().filter(|c| !c.is_control()).collect();
        self.text.insert_str(self.cursor, &clean);
        self.cursor += clean.len();
    }

    /// Takes a key; false where it is none of a text line's.
    pub(crate) fn key(&mut self, key: Key) -> bool {
        use crossterm::event::KeyCode;
        let event = key.event();
        let control = event.modifiers.contains(crossterm::event::KeyModifiers::CONTROL);
        match event.code {
            KeyCode::Char('u') if control => {
                self.text.drain(..self.cursor);
                self.cursor = 0;
            }
            KeyCode::Char('w') if control => {
                let kept = self.text[..self.cursor].trim_end();
                let start = kept.rfind([' ', '/']).map_or(0, |at| at + 1);
                self.text.drain(start..self.cursor);
                self.cursor = start;
            }
            KeyCode::Char('a') if control => self.cursor = 0,
            KeyCode::Char('e') if control => self.cursor = self.text.len(),
            KeyCode::Char(c) if key.typed().is_some() => self.insert(c.encode_utf8(&mut [0; 4])),
            KeyCode::Backspace => {
                if let Some(c) = self.text[..self.cursor].chars().next_back() {
                    self.cursor -= c.len_utf8();
                    self.text.remove(self.cursor);
                }
            }
            KeyCode::Delete if self.cursor < self.text.len() => {
                self.text.remove(self.cursor);
            }
            KeyCode::Left => {
                self.cursor -= self.text[..self.cursor].chars().next_back().map_or(0, char::len_utf8);
            }
            KeyCode::Right => {
                self.cursor += self.text[self.cursor..].chars().next().map_or(0, char::len_utf8);
            }
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_edited() {
        let mut field = Field::new("añb");
        let press = |field: &mut Field, name: &str| assert!(field.key(Key::parse(name).expect("a key")), "{name}");
        press(&mut field, "Left");
        press(&mut field, "Backspace");
        assert_eq!(field.text(), "ab");
        press(&mut field, "日");
        assert_eq!((field.text(), field.cursor_column()), ("a日b", 3));
        press(&mut field, "Ctrl-w");
        assert_eq!(field.text(), "b");
        field.insert("x\ny");
        assert_eq!(field.text(), "xyb", "a line stays one line");
        assert!(!field.key(Key::parse("Enter").expect("a key")));
    }
}
