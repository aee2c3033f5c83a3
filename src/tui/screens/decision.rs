//! The decision panel: everything a person decides on, and the two keys that decide.
//!
//! A first key (A, X, R or O) only opens it. The second key counts only after the terminal showed the panel's
//! frame, so nothing typed ahead decides. Enter decides nothing.

mod draw;

pub(crate) use draw::{draw, draw_field, draw_patience, draw_too_soon};

use crate::api::{DecideRequest, DeriveRequest, OfferView, OverrideRequest, PanelRequest, PanelView, Request, Verdict};
use crate::id::SessionRef;
use crate::text::counted;
use crate::tui::keymap::Key;
use crate::tui::model::{Field, Task, Ticket};
use crate::tui::theme::Role;
use crate::tui::words::{self, Severity};

/// What the first key asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    Decide(Verdict),
    Override,
    /// The next version without an engine: what is left out stays out.
    Derive,
}

impl Intent {
    fn title(self) -> &'static str {
        match self {
            Self::Decide(Verdict::Approve) => "Approve",
            Self::Decide(Verdict::Reject) => "Reject",
            Self::Decide(Verdict::RequestChanges) => "Request changes",
            Self::Override => "Accept a WARN",
            Self::Derive => "Make the next version of",
        }
    }

    /// The past tense, for the toast.
    pub(crate) fn done(self) -> &'static str {
        match self {
            Self::Decide(verdict) => words::verdict(verdict).0,
            Self::Override => "accepted the WARN",
            Self::Derive => "made the next version",
        }
    }

    fn role(self) -> Role {
        match self {
            Self::Decide(Verdict::Approve) => Role::Approve,
            Self::Decide(Verdict::Reject) => Role::Reject,
            Self::Decide(Verdict::RequestChanges) | Self::Override | Self::Derive => Role::Request,
        }
    }
}

/// Where the person is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Reading,
    Number,
    Reason,
    Sent,
}

/// The open panel.
#[derive(Debug)]
pub(crate) struct Decision {
    pub intent: Intent,
    pub session: SessionRef,
    pub repo: Option<String>,
    pub panel: Option<PanelView>,
    /// Whether the terminal showed the whole panel.
    pub armed: bool,
    /// Whether a key came before it counted.
    pub early: bool,
    pub step: Step,
    pub number: Field,
    pub reason: Field,
    /// Hunks that were never on the screen.
    pub unseen: usize,
    pub progress: (usize, usize),
    /// My comments that are not sent.
    pub drafts: usize,
    /// What is left out, a line a file.
    pub left_out: Vec<String>,
    /// The version that would be made.
    pub derive: Option<Box<DeriveRequest>>,
    /// The WARN that would be accepted.
    pub warn: usize,
    pub wrong: String,
    /// Whether the window cannot show what is decided on.
    pub too_small: bool,
}

/// The smallest window that any panel fits.
const SMALLEST: (u16, u16) = (56, 16);

/// What a key made of the panel.
#[derive(Debug)]
pub(crate) enum Outcome {
    Stay,
    Close,
    /// The criteria that wait for a tick, on top of it.
    Tick,
    /// The candidates side by side, in its place.
    Compare,
    Send(Box<Request>),
}

impl Decision {
    pub(crate) fn new(intent: Intent, session: SessionRef, repo: Option<String>) -> Self {
        Self {
            intent,
            session,
            repo,
            panel: None,
            armed: false,
            early: false,
            step: Step::Reading,
            number: Field::default(),
            reason: Field::default(),
            unseen: 0,
            progress: (0, 0),
            drafts: 0,
            left_out: Vec::new(),
            derive: None,
            warn: 0,
            wrong: String::new(),
            too_small: false,
        }
    }

    /// Forgets the panel: it is read anew, and its keys count once that was shown.
    pub(crate) fn begin_again(&mut self) {
        (self.panel, self.armed, self.early, self.step) = (None, false, false, Step::Reading);
    }

    /// Whether a criterion waits for a person's tick, or has one.
    fn may_tick(&self) -> bool {
        let criteria = self.panel.as_ref().map_or(&[][..], |panel| panel.criteria.as_slice());
        self.intent == Intent::Decide(Verdict::Approve) && criteria.iter().any(super::judged::is_ticked_by_hand)
    }

    /// Asks for the panel as it is now.
    pub(crate) fn ask_panel(&self) -> Task {
        let (session, repo) = (self.session, self.repo.clone());
        Task::Ask(Ticket::Panel(session.session), Request::Panel(PanelRequest { session, repo }))
    }

    /// Takes the panel. One that is shown stays as it was, unless somebody else decided meanwhile: that is told.
    pub(crate) fn take_panel(&mut self, panel: PanelView) {
        match &mut self.panel {
            None => self.panel = Some(panel),
            Some(shown) if panel.decided.is_some() && shown.decided.is_none() && shown.version == panel.version => {
                shown.decided = panel.decided;
            }
            Some(_) => return,
        }
        self.armed = false;
    }

    /// Whether its frame must be shown before a key counts.
    pub(crate) fn awaits_shown(&self) -> bool {
        self.panel.is_some() && !self.armed
    }

    /// The smallest window of about that width that shows the whole panel.
    pub(crate) fn least(&self, columns: u16) -> (u16, u16) {
        let columns = columns.max(SMALLEST.0);
        let rows = self.panel.as_ref().map_or(0, |panel| draw::least_rows(self, panel, columns));
        (columns.min(80), rows.max(SMALLEST.1))
    }

    /// Takes note of the window: in one that would cut the panel nothing is decided.
    pub(crate) fn measure(&mut self, (columns, rows): (u16, u16)) {
        self.too_small = false; // what hinders besides the window is part of the panel
        let least = self.least(columns);
        self.too_small = columns < least.0 || rows < least.1;
    }

    /// Why this is not offered; empty where it is.
    pub(crate) fn hindrances(&self) -> Vec<String> {
        let Some(panel) = &self.panel else { return Vec::new() };
        if self.too_small {
            return vec!["this window is too small to decide in".to_owned()];
        }
        // sent back or rejected, it can still be made better by hand
        let settles = |verdict| self.intent != Intent::Derive || verdict == Verdict::Approve;
        if let Some(decided) = panel.decided.as_ref().filter(|decided| settles(decided.verdict)) {
            let by = format!("already {} by {}", words::verdict(decided.verdict).0, decided.by);
            return vec![super::plain(&by)];
        }
        match (self.intent, &panel.offer) {
            (Intent::Decide(Verdict::Approve), OfferView::Not { because }) => {
                because.iter().map(|why| super::hindrance(why)).collect()
            }
            (Intent::Override, _) if self.warns().is_empty() => vec!["there is no WARN to accept".to_owned()],
            _ => Vec::new(),
        }
    }

    /// Whether it is a candidate that has to be picked first.
    fn waits_for_pick(&self) -> bool {
        let because = match self.panel.as_ref().map(|panel| &panel.offer) {
            Some(OfferView::Not { because }) if self.intent == Intent::Decide(Verdict::Approve) => because.as_slice(),
            _ => &[],
        };
        because.iter().any(|why| why.contains(super::PICK_FIRST))
    }

    /// What asks for care, and whether a reason must be given.
    fn care(&self) -> (Vec<String>, bool) {
        let Some(panel) = &self.panel else { return (Vec::new(), false) };
        if self.intent != Intent::Decide(Verdict::Approve) {
            return (Vec::new(), false);
        }
        let (mut because, reason) = match &panel.offer {
            OfferView::WithCare { because, reason } => {
                (because.iter().map(|why| super::judged::evidence(why)).collect(), *reason)
            }
            OfferView::Clean | OfferView::Not { .. } => (Vec::new(), false),
        };
        if self.unseen > 0 {
            because.push(format!("{} never shown on this screen", counted(self.unseen, "hunk")));
        }
        if self.drafts > 0 {
            because.push(format!("{} that nobody else sees yet", counted(self.drafts, "draft")));
        }
        because.extend(self.left_out.iter().map(|left_out| format!("approved as it is, not {left_out}")));
        (because, reason)
    }

    fn warns(&self) -> Vec<&crate::api::ViolationView> {
        let violations = self.panel.as_ref().map(|panel| panel.violations.as_slice()).unwrap_or_default();
        violations.iter().filter(|found| found.severity == Severity::Warn && !found.overridden).collect()
    }

    fn needs_reason(&self) -> bool {
        match self.intent {
            Intent::Override => true,
            Intent::Decide(Verdict::RequestChanges) => {
                self.drafts == 0 && self.panel.as_ref().is_some_and(|panel| panel.open_threads == 0)
            }
            Intent::Derive => false,
            Intent::Decide(_) => self.care().1,
        }
    }

    /// Whether the engine can be asked instead: there are comments for it beside what is left out.
    fn may_ask_engine(&self) -> bool {
        self.intent == Intent::Derive && self.drafts > 0
    }

    /// What the next version leaves out, and what is sent with that; a line each.
    fn makes(&self) -> Vec<String> {
        match self.intent {
            Intent::Derive => {
                let sent = (self.drafts > 0).then(|| format!("with {} sent", counted(self.drafts, "draft")));
                self.left_out.iter().cloned().chain(sent).collect()
            }
            Intent::Decide(Verdict::RequestChanges) => {
                self.left_out.iter().map(|left_out| format!("the engine is told: next time {left_out}")).collect()
            }
            _ => Vec::new(),
        }
    }

    fn needs_number(&self) -> bool {
        !self.care().0.is_empty()
    }

    /// Takes a key. Before the frame was shown only leaving works.
    pub(crate) fn key(&mut self, key: Key) -> Outcome {
        use crossterm::event::KeyCode;
        let control = |c: char| Key::parse(&format!("Ctrl-{c}")) == Some(key);
        if key.code() == KeyCode::Esc || control('c') {
            return Outcome::Close;
        }
        self.early &= !self.armed;
        if !self.armed || self.step == Step::Sent || !self.hindrances().is_empty() {
            if self.armed && self.waits_for_pick() && key.typed() == Some('K') {
                return Outcome::Compare;
            }
            self.early |= self.awaits_shown();
            return if key.typed() == Some('q') { Outcome::Close } else { Outcome::Stay };
        }
        match self.step {
            Step::Reading => self.key_reading(key),
            Step::Number | Step::Reason => {
                match key.code() {
                    KeyCode::Enter | KeyCode::Tab | KeyCode::BackTab => {
                        let back = self.step == Step::Reason && self.needs_number();
                        self.step = if back { Step::Number } else { Step::Reason };
                    }
                    _ if control('s') => return self.send(),
                    _ => {
                        let field = if self.step == Step::Number { &mut self.number } else { &mut self.reason };
                        field.key(key);
                        self.wrong.clear();
                    }
                }
                Outcome::Stay
            }
            Step::Sent => Outcome::Stay,
        }
    }

    fn key_reading(&mut self, key: Key) -> Outcome {
        match key.typed() {
            Some('q') => return Outcome::Close,
            Some('j') if self.intent == Intent::Override => {
                self.warn = (self.warn + 1).min(self.warns().len().saturating_sub(1));
            }
            Some('k') if self.intent == Intent::Override => self.warn = self.warn.saturating_sub(1),
            Some('m') if self.intent != Intent::Derive => self.step = Step::Reason,
            Some('b') if self.may_ask_engine() => {
                self.intent = Intent::Decide(Verdict::RequestChanges);
                self.reason = Field::new(format!("next time {}", self.left_out.join(", ")));
                self.armed = false; // its frame is another one now
            }
            Some('T') if self.may_tick() => return Outcome::Tick,
            Some('y') if self.needs_number() => self.step = Step::Number,
            Some('y') if self.needs_reason() => self.step = Step::Reason,
            Some('y') => return self.send(),
            _ => {}
        }
        Outcome::Stay
    }

    /// Pasted text goes where text is typed, and nowhere else.
    pub(crate) fn paste(&mut self, text: &str) {
        match self.step {
            Step::Reason => self.reason.insert(text),
            Step::Reading | Step::Number | Step::Sent => {}
        }
    }

    fn send(&mut self) -> Outcome {
        let Some(panel) = &self.panel else { return Outcome::Stay };
        if self.needs_number() && self.number.text().trim() != panel.session.to_string() {
            self.wrong = format!("type the session's number, {}", panel.session);
            self.step = Step::Number;
            return Outcome::Stay;
        }
        if self.needs_reason() && self.reason.text().trim().is_empty() {
            self.wrong = "a reason is needed".to_owned();
            self.step = Step::Reason;
            return Outcome::Stay;
        }
        let session = SessionRef { session: panel.session, version: Some(panel.version) };
        let (repo, message) = (Some(panel.repo.clone()), self.reason.text().trim().to_owned());
        let request = match self.intent {
            Intent::Derive => {
                let Some(derive) = &self.derive else { return Outcome::Stay };
                Request::Derive((**derive).clone())
            }
            Intent::Decide(verdict) => {
                let digest = panel.digest.to_string();
                Request::Decide(DecideRequest { session, repo, verdict, digest, message })
            }
            Intent::Override => {
                let warns = self.warns();
                let Some(found) = warns.get(self.warn) else { return Outcome::Stay };
                let (rule, path) = (found.rule.clone(), Some(found.path.clone()));
                Request::Override(OverrideRequest { session, repo, rule, path, message })
            }
        };
        self.step = Step::Sent;
        Outcome::Send(Box::new(request))
    }
}
