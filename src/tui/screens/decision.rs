//! The decision panel: everything a person decides on, and the two keys that decide.
//!
//! A first key (A, X, R or O) only opens it. The second key counts only after the terminal showed the panel's
//! frame, so nothing typed ahead decides. Enter decides nothing.

use ratatui::layout::Rect;

use crate::api::{DecideRequest, DeriveRequest, OfferView, OverrideRequest, PanelView, Request, ReviewView, Verdict};
use crate::id::SessionRef;
use crate::text::counted;
use crate::tui::keymap::Key;
use crate::tui::model::{Field, Model};
use crate::tui::theme::Role;
use crate::tui::widgets::{Painter, Run, centered, gate_strip, popup};
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

/// The smallest window that shows what is decided on.
pub(crate) const SMALLEST: (u16, u16) = (56, 16);

/// What a key made of the panel.
#[derive(Debug)]
pub(crate) enum Outcome {
    Stay,
    Close,
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

    /// Whether its frame must be shown before a key counts.
    pub(crate) fn awaits_shown(&self) -> bool {
        self.panel.is_some() && !self.armed
    }

    /// Why this is not offered; empty where it is.
    pub(crate) fn hindrances(&self) -> Vec<String> {
        let Some(panel) = &self.panel else { return Vec::new() };
        if self.too_small {
            let (columns, rows) = SMALLEST;
            return vec![format!("this window is too small to decide in: {columns}×{rows} at least")];
        }
        // sent back or rejected, it can still be made better by hand
        let settles = |verdict| self.intent != Intent::Derive || verdict == Verdict::Approve;
        if let Some(decided) = panel.decided.as_ref().filter(|decided| settles(decided.verdict)) {
            let by = format!("already {} by {}", words::verdict(decided.verdict).0, decided.by);
            return vec![super::plain(&by)];
        }
        match (self.intent, &panel.offer) {
            (Intent::Decide(Verdict::Approve), OfferView::Not { because }) => {
                because.iter().map(|why| super::plain(why)).collect()
            }
            (Intent::Override, _) if self.warns().is_empty() => vec!["there is no WARN to accept".to_owned()],
            _ => Vec::new(),
        }
    }

    /// What asks for care, and whether a reason must be given.
    fn care(&self) -> (Vec<String>, bool) {
        let Some(panel) = &self.panel else { return (Vec::new(), false) };
        if self.intent != Intent::Decide(Verdict::Approve) {
            return (Vec::new(), false);
        }
        let (mut because, reason) = match &panel.offer {
            OfferView::WithCare { because, reason } => (because.iter().map(|why| super::plain(why)).collect(), *reason),
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
        if !self.armed || self.step == Step::Sent || !self.hindrances().is_empty() {
            self.early |= self.awaits_shown();
            return if key.typed() == Some('q') { Outcome::Close } else { Outcome::Stay };
        }
        match self.step {
            Step::Reading => self.key_reading(key),
            Step::Number | Step::Reason => {
                match key.code() {
                    KeyCode::Enter | KeyCode::Tab | KeyCode::BackTab => {
                        self.step =
                            if self.step == Step::Number && (self.needs_reason() || !self.reason.text().is_empty()) {
                                Step::Reason
                            } else if self.needs_number() {
                                Step::Number
                            } else {
                                Step::Reason
                            };
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

/// Draws the panel on top of everything.
pub(crate) fn draw(painter: &mut Painter<'_>, area: Rect, model: &Model, decision: &Decision) {
    let session = match &decision.panel {
        Some(panel) => SessionRef { session: panel.session, version: Some(panel.version) },
        None => decision.session,
    };
    let title = format!("{} {session}", decision.intent.title());
    let rows = decision.panel.as_ref().map_or(7, |panel| wanted_rows(decision, panel));
    let frame = centered(area, 96, rows.min(area.height));
    let inside = popup(painter, frame, &title);
    let Some(panel) = &decision.panel else {
        painter.text(inside.x, inside.y + 1, inside.width, "reading …", Role::Muted);
        return;
    };
    // the keys stand on the last rows, whatever is above
    let actions = action_rows(decision).min(inside.height.saturating_sub(1));
    let facts = Rect { height: inside.height - actions, ..inside };
    draw_facts(painter, facts, decision, panel);
    let below = Rect { y: inside.y + facts.height, height: actions, ..inside };
    draw_actions(painter, below, decision, panel);
    let _ = model;
}

fn wanted_rows(decision: &Decision, panel: &PanelView) -> u16 {
    let open = panel.gates.iter().filter(|gate| gate.passed != Some(true)).count();
    // six lines of their own, the evidence under its heading, the frame
    let said = panel.reviews.len() + panel.criteria.len();
    let facts = 6 + said + panel.violations.len().max(1) + panel.writes.len().max(1) + open + panel.gates.len() + 2 + 2;
    u16::try_from(facts).unwrap_or(40) + action_rows(decision)
}

fn action_rows(decision: &Decision) -> u16 {
    let derived = if decision.intent == Intent::Derive { decision.left_out.len() } else { 0 };
    let lines = decision.hindrances().len().max(decision.care().0.len()).max(derived);
    let fields = usize::from(decision.needs_number()) + 1;
    u16::try_from(2 + lines + fields).unwrap_or(8)
}

fn draw_facts(painter: &mut Painter<'_>, area: Rect, decision: &Decision, panel: &PanelView) {
    let mut y = area.y;
    let bottom = area.bottom();
    let mut line = |painter: &mut Painter<'_>, name: &str, runs: &[Run]| {
        if y < bottom {
            painter.text(area.x, y, 9, name, Role::Muted);
            painter.runs(area.x + 9, y, area.width.saturating_sub(9), runs);
        }
        y += 1;
    };
    line(painter, "goal", &[Run::new(panel.goal.display_line().to_string(), Role::Strong)]);
    line(
        painter,
        "patch",
        &[
            Run::new(format!("{} {}  ", super::plain(&panel.repo), panel.version), Role::Text),
            Run::new(panel.digest.short(), Role::Strong),
        ],
    );
    let drift = match (panel.drift, panel.merges_cleanly) {
        _ if panel.drift_unknown.is_some() => Run::new("  how far the branch moved is not known", Role::Warn),
        (0, _) => Run::new("  the branch has not moved", Role::Muted),
        (n, true) => {
            Run::new(format!("  the branch moved {}; still merges cleanly", counted(n as usize, "commit")), Role::Warn)
        }
        (n, false) => Run::new(
            format!("  the branch moved {}; no longer merges cleanly", counted(n as usize, "commit")),
            Role::Block,
        ),
    };
    line(painter, "base", &[Run::new(panel.base_commit.short(), Role::Text), drift]);
    let (done, all) = decision.progress;
    let threads = panel.open_threads as usize;
    line(
        painter,
        "read",
        &[
            Run::new(format!("{done}/{all} hunks marked"), if done == all { Role::DiffReviewed } else { Role::Warn }),
            Run::new(" · ", Role::Faint),
            Run::new(counted(threads, "open thread"), if threads == 0 { Role::Muted } else { Role::Warn }),
        ],
    );
    let mut gates = gate_strip(&panel.gates);
    gates.push(Run::new("  ", Role::Text));
    let failed = panel.gates.iter().filter(|gate| gate.passed == Some(false)).count();
    let open = panel.gates.iter().filter(|gate| gate.passed.is_none()).count();
    gates.push(Run::new(
        format!("{} passed, {failed} failed, {open} not run", panel.gates.len() - failed - open),
        Role::Muted,
    ));
    line(painter, "gates", &gates);
    for gate in panel.gates.iter().filter(|gate| gate.passed != Some(true) && gate.id.to_string() != "G5") {
        let (word, role) =
            if gate.passed == Some(false) { ("failed", Role::GateFailed) } else { ("not run", Role::GateNotRun) };
        line(
            painter,
            "",
            &[
                Run::new(format!("{} {word} ", gate.id), role),
                Run::new(gate.evidence.display_line().to_string(), Role::Text),
            ],
        );
    }
    if let Some(score) = &panel.score {
        let mut runs = vec![Run::new(format!("{}  ", score.overall), words::score_role(score.overall))];
        for rating in &score.ratings {
            let short: String = rating
                .dimension
                .name()
                .split('-')
                .next()
                .unwrap_or_default()
                .chars()
                .take(if area.width >= 88 { 8 } else { 4 })
                .collect();
            runs.push(Run::new(format!("{short} "), Role::Muted));
            runs.push(Run::new(format!("{}  ", rating.score), words::score_role(rating.score)));
        }
        line(painter, "score", &runs);
    }
    let warns = decision.warns();
    for (at, found) in panel.violations.iter().enumerate() {
        let name = if at == 0 { "policy" } else { "" };
        let chosen = decision.intent == Intent::Override
            && warns.get(decision.warn).is_some_and(|warn| std::ptr::eq(*warn, found));
        let (word, role) = match (found.severity, found.overridden) {
            (_, true) => ("accepted", Role::Muted),
            (Severity::Block, _) => ("BLOCK", Role::Block),
            (Severity::Warn, _) => ("WARN", Role::Warn),
        };
        let place = found.line.map(|line| format!(":{line}")).unwrap_or_default();
        line(
            painter,
            name,
            &[
                Run::new(if chosen { "▸ " } else { "" }, Role::Accent),
                Run::new(format!("{word} "), role),
                Run::new(
                    format!("{} {}{place} ", super::plain(&found.rule), super::plain(&found.path.to_string())),
                    Role::Text,
                ),
                Run::new(found.message.display_line().to_string(), Role::Muted),
            ],
        );
    }
    if panel.violations.is_empty() {
        line(painter, "policy", &[Run::new("nothing found", Role::Muted)]);
    }
    for (at, review) in panel.reviews.iter().enumerate() {
        line(painter, if at == 0 { "review" } else { "" }, &review_runs(review));
    }
    for (at, criterion) in panel.criteria.iter().enumerate() {
        let (word, role) = match criterion.met {
            Some(true) => ("met", Role::Muted),
            Some(false) => ("not met", Role::GateFailed),
            None => ("open", Role::Warn),
        };
        line(
            painter,
            if at == 0 { "criteria" } else { "" },
            &[
                Run::new(format!("{} {word} ", super::plain(&criterion.id)), role),
                Run::new(criterion.text.display_line().to_string(), Role::Text),
                Run::new(format!("  {}", criterion.evidence.display_line()), Role::Muted),
            ],
        );
    }
    if decision.intent == Intent::Decide(Verdict::Approve) {
        if panel.writes.is_empty() {
            line(painter, "writes", &[Run::new("nothing outside until you publish", Role::Muted)]);
        }
        for (at, write) in panel.writes.iter().enumerate() {
            line(painter, if at == 0 { "writes" } else { "" }, &[Run::new(super::plain(write), Role::Text)]);
        }
    }
    // what there is room for beyond the necessary: each gate with its evidence
    let rows = u16::try_from(panel.gates.len()).unwrap_or(u16::MAX);
    if bottom.saturating_sub(y) >= rows.saturating_add(2) {
        painter.section(area.x, y + 1, area.width, "Evidence");
        super::overview::draw_gates(painter, Rect { y: y + 2, height: bottom - y - 2, ..area }, &panel.gates, true);
    }
}

/// What a model said: its lowest score and what must change, or why it does not count.
fn review_runs(review: &ReviewView) -> Vec<Run> {
    let who = format!("{} {}  ", review.role, super::plain(&review.model));
    if let Some(why) = &review.unusable {
        return vec![
            Run::new(who, Role::Muted),
            Run::new(format!("does not count: {}", why.display_line()), Role::Warn),
        ];
    }
    let lowest = review.scores.values().min().copied().unwrap_or_default();
    let (musts, role) =
        (counted(review.musts as usize, "must"), if review.musts == 0 { Role::Muted } else { Role::Warn });
    let notes = review.notes.iter().map(|note| Run::new(format!("  {}", note.display_line()), Role::Warn));
    let said =
        [Run::new(who, Role::Text), Run::new(format!("{lowest} of 10 at least, "), Role::Text), Run::new(musts, role)];
    said.into_iter().chain(notes).collect()
}

fn draw_actions(painter: &mut Painter<'_>, area: Rect, decision: &Decision, panel: &PanelView) {
    if area.height == 0 {
        return;
    }
    painter.rule(area.x, area.y, area.width, Role::Faint);
    if !decision.armed {
        draw_patience(painter, area, decision.early);
    }
    let mut y = area.y + 1;
    let bottom = area.bottom();
    let hindrances = decision.hindrances();
    let care = decision.care().0;
    let (list, role, mark) = match (hindrances.is_empty(), decision.intent) {
        (false, _) => (&hindrances, Role::Blocked, "✗ "),
        (true, Intent::Derive) => (&decision.left_out, Role::Request, "- "),
        (true, _) => (&care, Role::Warn, "! "),
    };
    for why in list {
        if y + 1 < bottom {
            painter.runs(area.x, y, area.width, &[Run::new(mark, role), Run::new(why.as_str(), Role::Text)]);
            y += 1;
        }
    }
    let mut keys = vec![];
    let mut key = |name: &str, label: String, role: Role| {
        keys.push(Run::new(name, Role::Key));
        keys.push(Run::new(format!(" {label}   "), role));
    };
    let last = bottom.saturating_sub(1);
    if !hindrances.is_empty() {
        key("Esc", "back: this is not offered".to_owned(), Role::KeyLabel);
    } else if decision.step == Step::Sent {
        keys.push(Run::new("sending …", Role::Muted));
    } else if decision.step == Step::Reading {
        let verb = match decision.intent {
            Intent::Decide(Verdict::Approve) => format!("approve {}", panel.digest.short()),
            Intent::Decide(Verdict::Reject) => "reject it".to_owned(),
            Intent::Decide(Verdict::RequestChanges) if decision.drafts > 0 => {
                format!("send it back with {}", counted(decision.drafts, "draft"))
            }
            Intent::Decide(Verdict::RequestChanges) if panel.open_threads > 0 => {
                format!("send {} back", counted(panel.open_threads as usize, "thread"))
            }
            Intent::Derive => "make it, without asking an engine".to_owned(),
            Intent::Decide(Verdict::RequestChanges) => "send it back, with a reason".to_owned(),
            Intent::Override => "accept this WARN, with a reason".to_owned(),
        };
        let dots = if decision.needs_number() || decision.needs_reason() { " …" } else { "" };
        key("y", format!("{verb}{dots}"), decision.intent.role());
        if decision.intent == Intent::Override {
            key("j k", "choose".to_owned(), Role::KeyLabel);
        } else if decision.intent != Intent::Derive {
            key("m", "with a message".to_owned(), Role::KeyLabel);
        }
        key("Esc", "back".to_owned(), Role::KeyLabel);
        if !decision.armed {
            keys.push(Run::new("…", Role::Faint));
        }
    } else {
        if decision.needs_number() && y < last {
            draw_field(
                painter,
                area,
                y,
                &format!("type {} to go on", panel.session),
                &decision.number,
                decision.step == Step::Number,
            );
            y += 1;
        }
        if y < last {
            let label = if decision.needs_reason() { "reason (needed)" } else { "message" };
            draw_field(painter, area, y, label, &decision.reason, decision.step == Step::Reason);
        }
        key("^s", decision.intent.title().to_lowercase(), decision.intent.role());
        key("Tab", "next field".to_owned(), Role::KeyLabel);
        key("Esc", "back".to_owned(), Role::KeyLabel);
        keys.push(Run::new(decision.wrong.as_str(), Role::Error));
    }
    painter.runs(area.x, last, area.width, &keys);
}

/// Says that no key decides yet, and that one that came did not.
pub(crate) fn draw_patience(painter: &mut Painter<'_>, area: Rect, early: bool) {
    let (text, role) = if early {
        ("not taken: keys count once you have seen this ", Role::Warn)
    } else {
        ("one moment: keys count once you have seen this ", Role::Muted)
    };
    painter.text(area.x, area.y, area.width, text, role);
}

pub(crate) fn draw_field(painter: &mut Painter<'_>, area: Rect, y: u16, label: &str, field: &Field, focused: bool) {
    let used = painter.text(
        area.x,
        y,
        area.width / 2,
        &format!("{label:<18} "),
        if focused { Role::Accent } else { Role::Muted },
    );
    let x = area.x + used;
    let room = area.right().saturating_sub(x);
    let skip = field.cursor_column().saturating_sub(usize::from(room.saturating_sub(1)));
    let shown: String = field.text().chars().skip(skip).collect();
    painter.text(x, y, room, &shown, Role::Text);
    if focused {
        let column = u16::try_from(field.cursor_column() - skip).unwrap_or(0);
        painter.cursor = Some(ratatui::layout::Position::new((x + column).min(area.right().saturating_sub(1)), y));
    }
}
