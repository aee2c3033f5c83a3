//! Writing a comment, and how threads read on the lines of a diff.

use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::widgets::Widget;
use ratatui_textarea::{CursorMove, TextArea, WrapMode};

use crate::api::{
    AgainstRequest, CommentRequest, DraftRequest, DraftView, DropDraftRequest, PlaceNow, Side, ThreadKind, ThreadView,
};
use crate::id::{DraftId, RepoPath, SessionId, SessionRef, ThreadId, Version};
use crate::text::width;
use crate::tui::model::Model;
use crate::tui::screens::patches::Drawn;
use crate::tui::theme::Role;
use crate::tui::widgets::{Painter, Run, centered, popup};
use crate::tui::words;

/// What a comment is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub session: SessionRef,
    pub repo: Option<String>,
    pub thread: Option<ThreadId>,
    pub artifact: Option<String>,
    pub path: Option<RepoPath>,
    pub line: Option<u32>,
    pub from_line: Option<u32>,
    pub side: Side,
    /// What the version was compared with where it was written: lines of the old side are of that.
    pub against: AgainstRequest,
}

/// A comment that is being written.
#[derive(Debug)]
pub(crate) struct CommentBox {
    pub target: Target,
    pub kind: ThreadKind,
    pub text: TextArea<'static>,
    /// The draft that it is kept as.
    pub draft: Option<DraftId>,
    /// What the box was opened with: as long as nothing is changed in it, nothing was written.
    offered: String,
    /// What was kept last.
    kept: (String, ThreadKind),
    /// Whether the service was asked and has not answered.
    pub sending: bool,
    /// Whether the box closes as soon as its words are kept.
    pub closing: bool,
    /// Whether the words could not be kept: then the box can be left without.
    pub failed: bool,
}

/// What a box needs done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Nothing now.
    Wait,
    /// It can be closed.
    Close,
    /// Its words shall be kept.
    Send(Box<DraftRequest>),
    /// It was emptied: its draft goes.
    Drop(DropDraftRequest),
}

impl CommentBox {
    pub(crate) fn new(target: Target, text: &str) -> Self {
        let area = area_of(text);
        let (draft, kept) = (None, (String::new(), ThreadKind::Issue));
        let kind = ThreadKind::Issue;
        Self {
            target,
            kind,
            text: area,
            offered: text.trim().to_owned(),
            draft,
            kept,
            sending: false,
            closing: false,
            failed: false,
        }
    }

    /// The box of a draft that was kept before.
    pub(crate) fn of_draft(session: SessionId, draft: &DraftView) -> Self {
        let target = Target {
            session: SessionRef { session, version: Some(draft.version) },
            repo: Some(draft.repo.clone()),
            thread: draft.thread,
            artifact: draft.artifact.clone(),
            path: draft.path.clone(),
            line: draft.line,
            from_line: draft.from_line,
            side: draft.side,
            against: AgainstRequest::Base,
        };
        let text = draft.text.raw();
        let kept = (text.to_owned(), draft.kind);
        Self { draft: Some(draft.id), kind: draft.kind, kept, offered: String::new(), ..Self::new(target, text) }
    }

    /// Whether it holds words, or a kind, that are not kept.
    pub(crate) fn is_unsaved(&self) -> bool {
        !self.sending && !self.written().is_empty() && self.kept != (self.body(), self.kind)
    }

    /// What shall happen to the words now. While an answer is waited for nothing does: a first draft has no number
    /// yet, and its words would be kept twice.
    pub(crate) fn keep(&mut self) -> Keep {
        if self.sending {
            return Keep::Wait;
        }
        if self.is_unsaved() && !(self.closing && self.failed) {
            self.sending = true;
            self.kept = (self.body(), self.kind);
            return Keep::Send(Box::new(DraftRequest { draft: self.draft, comment: self.request() }));
        }
        match (self.closing, self.draft) {
            (true, Some(draft)) if self.written().is_empty() => {
                Keep::Drop(DropDraftRequest { session: self.target.session.session, draft })
            }
            (true, _) => Keep::Close,
            (false, _) => Keep::Wait,
        }
    }

    /// The words could not be kept: they are still here.
    pub(crate) fn not_kept(&mut self) {
        (self.sending, self.closing, self.failed) = (false, false, true);
        self.kept.0.clear();
    }

    pub(crate) fn set_text(&mut self, text: &str) {
        self.text = area_of(text);
    }

    pub(crate) fn cycle_kind(&mut self) {
        self.kind = match self.kind {
            ThreadKind::Issue => ThreadKind::Question,
            ThreadKind::Question => ThreadKind::Nit,
            ThreadKind::Nit => ThreadKind::Must,
            ThreadKind::Must => ThreadKind::Issue,
        };
    }

    pub(crate) fn body(&self) -> String {
        self.text.lines().join("\n").trim().to_owned()
    }

    /// What the person wrote: an offer that nobody touched is nothing.
    fn written(&self) -> String {
        let body = self.body();
        if body == self.offered { String::new() } else { body }
    }

    pub(crate) fn request(&self) -> CommentRequest {
        let target = self.target.clone();
        CommentRequest {
            session: target.session,
            repo: target.repo,
            thread: target.thread,
            artifact: target.artifact,
            path: target.path,
            line: target.line,
            from_line: target.from_line,
            side: target.side,
            against: target.against,
            kind: self.kind,
            text: self.body(),
        }
    }

    fn place(&self) -> String {
        let target = &self.target;
        if let Some(name) = &target.artifact {
            return format!("the document {}", super::plain(name));
        }
        let path = target.path.as_ref().map_or("the whole version".to_owned(), |path| super::plain(&path.to_string()));
        let line = match (target.from_line, target.line) {
            (Some(from), Some(to)) => format!(":{from}–{to}"),
            (None, Some(line)) => format!(":{line}"),
            _ => String::new(),
        };
        let side = if target.side == Side::Old && target.line.is_some() { " (before)" } else { "" };
        format!("{path}{line}{side}")
    }
}

/// A box of that text, the cursor behind it. Lines wrap where the box is drawn; a comment keeps those that were typed.
fn area_of(text: &str) -> TextArea<'static> {
    let mut area = TextArea::new(text.lines().map(str::to_owned).collect());
    area.set_wrap_mode(WrapMode::WordOrGlyph);
    area.set_cursor_line_style(Style::new());
    area.set_cursor_style(Style::new());
    area.move_cursor(CursorMove::Bottom);
    area.move_cursor(CursorMove::End);
    area
}

/// Draws the box at the bottom of `area`, so that the lines it is about stay in sight.
pub(crate) fn draw(painter: &mut Painter<'_>, area: Rect, model: &Model, comment: &CommentBox) {
    let height = 10.min(area.height);
    let frame = centered(area, 100, height);
    let frame = Rect { y: area.bottom() - height, ..frame };
    let answer = if comment.target.thread.is_some() { "Answer" } else { "Comment" };
    let inside = popup(painter, frame, &format!("{answer} · {}", comment.place()));
    let mut keys = Vec::new();
    let (kind, role) = words::thread_kind(comment.kind);
    if comment.target.thread.is_none() {
        keys.extend([
            Run::new(format!("{kind} "), role),
            Run::new("Tab", Role::Key),
            Run::new(" kind   ", Role::KeyLabel),
        ]);
    }
    for (key, label) in [("^s", "keep as draft"), ("^e", "editor"), ("Esc", "keep, close")] {
        keys.extend([Run::new(key, Role::Key), Run::new(format!(" {label}   "), Role::KeyLabel)]);
    }
    if comment.sending {
        keys.push(Run::new("keeping …", Role::Muted));
    } else if comment.draft.is_some() && !comment.is_unsaved() {
        keys.push(Run::new("kept", Role::Muted));
    }
    let last = inside.bottom().saturating_sub(1);
    painter.runs(inside.x, last, inside.width, &keys);
    let text = Rect { height: inside.height.saturating_sub(1), ..inside };
    // the box itself and no copy: it knows how its lines wrap by being drawn
    (&comment.text).render(text, painter.buffer);
    painter.tint(text, Role::Popup);
    let (cursor, (top, _)) = (comment.text.screen_cursor(), comment.text.scroll_offset());
    let row = u16::try_from(cursor.row).unwrap_or(0).saturating_sub(top);
    let column = u16::try_from(cursor.col).unwrap_or(0);
    let (x, y) = (text.x + column.min(text.width.saturating_sub(1)), text.y + row.min(text.height.saturating_sub(1)));
    painter.cursor = Some(Position::new(x, y));
    let _ = model;
}

/// A thread as rows for the diff: a head, the comments, each wrapped.
/// One that is not drawn at its line says which that is.
pub(crate) fn thread_rows(
    thread: &ThreadView,
    columns: usize,
    reading: Option<Version>,
    drawn: Drawn,
) -> Vec<Vec<Run>> {
    let (kind, role) = words::thread_kind(thread.kind);
    let role = if thread.resolved { Role::ThreadResolved } else { role };
    let state = if thread.resolved { " · resolved" } else { "" };
    let whole = if thread.path.is_none() { " · on the whole change" } else { "" };
    let now = thread.now.as_ref().filter(|now| reading == Some(now.version));
    let place = Place { version: thread.version, path: thread.path.as_ref(), line: thread.line, side: thread.side };
    let place = place.told(reading, now, drawn);
    let mut rows =
        vec![vec![Run::new("╭ ", role), Run::new(kind, role), Run::new(format!("{whole}{place}{state}"), Role::Muted)]];
    rows.extend(quoted_row(now, role, columns));
    for comment in &thread.comments {
        let by = super::plain(comment.by.split(' ').next().unwrap_or_default());
        let text = format!("{by}: {}", comment.text.display());
        for (at, line) in width::wrap(&text, columns.saturating_sub(4)).into_iter().enumerate() {
            let mut runs = vec![Run::new("│ ", role)];
            let (name, line) = if at == 0 { line.split_at(line.len().min(by.len() + 1)) } else { ("", line) };
            if !name.is_empty() {
                runs.push(Run::new(name, Role::Muted));
            }
            let body = if thread.resolved { Role::ThreadResolved } else { Role::Text };
            runs.push(Run::new(line, body));
            rows.push(runs);
        }
    }
    rows.push(vec![Run::new("╰", role)]);
    rows
}

/// Where something was written.
struct Place<'a> {
    version: Version,
    path: Option<&'a RepoPath>,
    line: Option<u32>,
    side: Side,
}

impl Place<'_> {
    /// What a reader is told of it: more where it does not stand at its line.
    fn told(&self, reading: Option<Version>, now: Option<&PlaceNow>, drawn: Drawn) -> String {
        let mut told = String::new();
        if reading.is_some_and(|reading| reading != self.version) {
            told += &format!(" · on {}", self.version);
        }
        let renamed = |path: &&RepoPath| now.is_some_and(|now| now.path.as_ref() != Some(*path));
        if let Some(path) = self.path.filter(|path| drawn == Drawn::Elsewhere || renamed(path)) {
            told += &format!(" · {}", super::plain(&path.to_string()));
        }
        if let Some(line) = self.line.filter(|_| !matches!(drawn, Drawn::AtLine(..))) {
            told += &format!(" · line {line}{}", if self.side == Side::Old { " of the base" } else { "" });
        }
        if now.is_some_and(|now| now.outdated) { told + " · outdated" } else { told }
    }
}

/// The line that was written about, where the one that it stands at is another.
fn quoted_row(now: Option<&PlaceNow>, role: Role, columns: usize) -> Option<Vec<Run>> {
    let quoted = now?.quoted.as_ref()?.display_line().to_string();
    let line = width::truncate_end(&quoted, columns.saturating_sub(4)).to_string();
    Some(vec![Run::new("│ ", role), Run::new("> ", Role::Muted), Run::new(line, Role::Muted)])
}

/// A draft as rows for the diff, as threads are.
pub(crate) fn draft_rows(draft: &DraftView, columns: usize, reading: Option<Version>, drawn: Drawn) -> Vec<Vec<Run>> {
    let (kind, role) = words::thread_kind(draft.kind);
    let what = if draft.thread.is_some() { "answer" } else { kind };
    let whole = if draft.path.is_none() && draft.thread.is_none() { " · on the whole change" } else { "" };
    let mut rows = vec![vec![
        Run::new("╭ ", role),
        Run::new(what, role),
        Run::new(whole, Role::Muted),
        Run::new(" · draft, not sent", Role::Warning),
    ]];
    let now = draft.now.as_ref().filter(|now| reading == Some(now.version));
    let place = Place { version: draft.version, path: draft.path.as_ref(), line: draft.line, side: draft.side };
    rows[0].push(Run::new(place.told(reading, now, drawn), Role::Muted));
    rows.extend(quoted_row(now, role, columns));
    let text = draft.text.display().to_string();
    for line in width::wrap(&text, columns.saturating_sub(4)) {
        rows.push(vec![Run::new("│ ", role), Run::new(line, Role::Text)]);
    }
    rows.push(vec![Run::new("╰", role)]);
    rows
}
