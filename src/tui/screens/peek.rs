//! A whole file to look at, on top of the diff: where a name is defined, what stands around a line.

use std::sync::Arc;

use ratatui::layout::Rect;

use super::plain;
use crate::api::Side as ApiSide;
use crate::id::{RepoPath, SessionRef};
use crate::tui::actions::{Action, Context};
use crate::tui::diff_view::{self, Colors, DigestSet, Doc, Layout, Look, Side};
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::widgets::{Painter, Run, popup, scrollbar};

/// Whose files are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub session: SessionRef,
    pub repo: Option<String>,
    pub side: ApiSide,
}

/// The open file.
#[derive(Debug)]
pub(crate) struct Peek {
    /// Tells the answer that is waited for from older ones.
    pub asked: u32,
    pub place: Place,
    pub path: RepoPath,
    /// The line that is shown first, 1-based.
    pub line: u32,
    /// None while it is read.
    pub file: Option<(Arc<Doc>, Arc<Colors>)>,
    pub layout: Layout,
    pub cursor: usize,
    pub top: usize,
    pub left: usize,
    pub wrap: bool,
}

impl Peek {
    pub(crate) fn new(asked: u32, place: Place, path: RepoPath, line: u32) -> Self {
        let (layout, line) = (Layout::default(), line.max(1));
        Self { asked, place, path, line, file: None, layout, cursor: 0, top: 0, left: 0, wrap: false }
    }

    /// Takes the file, with the cursor on the line that was asked for.
    pub(crate) fn take(&mut self, doc: Arc<Doc>, colors: Arc<Colors>, rows: usize) {
        self.layout = Layout::whole(&doc);
        self.file = Some((doc, colors));
        self.cursor = (self.line as usize - 1).min(self.layout.rows().saturating_sub(1));
        self.top = self.cursor.saturating_sub(rows / 3);
        self.show_cursor(rows);
    }

    pub(crate) fn move_by(&mut self, by: isize, rows: usize) {
        self.cursor = self.cursor.saturating_add_signed(by).min(self.layout.rows().saturating_sub(1));
        self.show_cursor(rows);
    }

    /// The line under the cursor, 1-based.
    pub(crate) fn line_here(&self) -> u32 {
        u32::try_from(self.cursor + 1).unwrap_or(u32::MAX)
    }

    fn show_cursor(&mut self, rows: usize) {
        let rows = rows.max(1);
        let margin = (rows / 5).min(3);
        self.top = self.top.min(self.cursor.saturating_sub(margin));
        self.top = self.top.max((self.cursor + margin + 1).saturating_sub(rows));
        self.top = self.top.min(self.layout.rows().saturating_sub(rows));
    }
}

/// The frame of the window: all but the footer, which shows what a key waits for.
fn frame(size: (u16, u16)) -> Rect {
    let (width, height) = size;
    let sides = if width >= 100 { 4 } else { 0 };
    let above = u16::from(height >= 16);
    let footer = super::frame::Frame::session(size).footer.height;
    Rect::new(sides, above, width - 2 * sides, height.saturating_sub(above + footer))
}

/// Rows of text that a window of that size shows.
pub(crate) fn rows(size: (u16, u16)) -> usize {
    let frame = frame(size);
    // a frame of two rows where there is one, and the keys
    usize::from(frame.height.saturating_sub(if frame.width < 24 || frame.height < 5 { 1 } else { 3 }))
}

/// Draws the window.
pub(crate) fn draw(painter: &mut Painter<'_>, model: &Model, peek: &Peek) {
    let side = if peek.place.side == ApiSide::Old { "base" } else { "with the change" };
    let title = format!("{}:{} ({side})", plain(&peek.path.to_string()), peek.line_here());
    let inside = popup(painter, frame(model.size), &title);
    let text = Rect { height: inside.height.saturating_sub(1), ..inside };
    match &peek.file {
        None => {
            painter.text(text.x, text.y, text.width, "reading …", Role::Muted);
        }
        Some(_) if peek.layout.rows() == 0 => {
            painter.text(text.x, text.y, text.width, "There is no text to show.", Role::Muted);
        }
        Some((doc, colors)) => {
            let nothing = DigestSet::default();
            let look = Look {
                doc,
                layout: &peek.layout,
                colors: Some(colors),
                top: peek.top,
                cursor: peek.cursor,
                anchor: None,
                focused: true,
                split: false,
                one_side: true,
                wrap: peek.wrap,
                left: peek.left,
                reviewed: &nothing,
                excluded: &nothing,
                search: &model.search,
                threads: &[],
            };
            let columns = Rect { width: text.width.saturating_sub(1), ..text };
            diff_view::draw(painter, columns, &look);
            scrollbar(painter, text, peek.top, doc.lines(Side::New) as usize);
        }
    }
    draw_keys(painter, inside, model);
}

fn draw_keys(painter: &mut Painter<'_>, inside: Rect, model: &Model) {
    let contexts = [Context::Peek, Context::Everywhere];
    let shown = [Action::JumpBack, Action::Definition, Action::Outline, Action::ToggleWrap, Action::EditFile];
    let keys = shown.iter().filter_map(|action| {
        let key = model.settings.keymap.key_of(&contexts, *action)?;
        Some([Run::new(key.to_string(), Role::Key), Run::new(format!(" {}   ", action.hint()), Role::KeyLabel)])
    });
    let keys: Vec<Run> = keys.flatten().collect();
    painter.runs(inside.x, inside.bottom().saturating_sub(1), inside.width, &keys);
}
