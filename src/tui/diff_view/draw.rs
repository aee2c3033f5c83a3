//! Draws the visible rows of a diff.

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::digests::DigestSet;
use super::doc::{Colors, Doc, Piece, Side};
use super::layout::{Layout, Row};
use crate::text::{DisplayOptions, counted, display_bytes, width};
use crate::tui::theme::Role;
use crate::tui::widgets::{Painter, Run};

/// How a diff is looked at.
pub(crate) struct Look<'a> {
    pub doc: &'a Doc,
    pub layout: &'a Layout,
    pub colors: Option<&'a Colors>,
    pub top: usize,
    pub cursor: usize,
    /// The other end of a selected range.
    pub anchor: Option<usize>,
    pub focused: bool,
    pub split: bool,
    /// Whether both sides are the same: then each line has one number.
    pub one_side: bool,
    pub wrap: bool,
    /// Columns that long lines are moved to the left.
    pub left: usize,
    pub reviewed: &'a DigestSet,
    /// Hunks that shall be left out.
    pub excluded: &'a DigestSet,
    pub search: &'a str,
    /// A thread's rows, wrapped for this width.
    pub threads: &'a [Vec<Vec<Run>>],
}

/// Draws into `area`.
pub(crate) fn draw(painter: &mut Painter<'_>, area: Rect, look: &Look<'_>) {
    let numbers = digits(look.doc.lines(Side::Old).max(look.doc.lines(Side::New)));
    let mut y = area.y;
    let mut row = look.top;
    while y < area.bottom() {
        let Some(found) = look.layout.row(row) else { break };
        let line = Rect::new(area.x, y, area.width, area.bottom() - y);
        let used = match found {
            Row::Hunk(hunk) => draw_hunk(painter, line, look, hunk),
            Row::Fold(lines) => draw_fold(painter, line, lines, numbers),
            Row::Thread(thread, at) => draw_thread(painter, line, look, thread, at),
            Row::Line { old, new, same } if look.split => draw_pair(painter, line, look, numbers, old, new, same),
            Row::Line { old, new, same } => draw_line(painter, line, look, numbers, old, new, same),
        };
        let drawn = Rect::new(area.x, y, area.width, used.min(area.bottom() - y));
        if matches!(found, Row::Line { same: false, .. }) && is_left_out(look, row) {
            painter.buffer.set_style(drawn, Style::new().add_modifier(Modifier::CROSSED_OUT | Modifier::DIM));
        }
        mark(painter, drawn, look, row);
        y += used.max(1);
        row += 1;
    }
}

/// How many rows of the screen a row takes when long lines are wrapped.
pub(crate) fn height(look: &Look<'_>, columns: u16, row: usize) -> u16 {
    if !look.wrap || look.split {
        return 1;
    }
    let numbers = digits(look.doc.lines(Side::Old).max(look.doc.lines(Side::New)));
    let room = usize::from(columns).saturating_sub(2 * numbers + 5).max(1);
    match look.layout.row(row) {
        Some(Row::Line { old, new, .. }) => {
            let (side, line) = shown(old, new);
            let text = display_bytes(look.doc.line(side, line), &DisplayOptions::line());
            u16::try_from(width::columns(text.as_str()).div_ceil(room).max(1)).unwrap_or(u16::MAX)
        }
        _ => 1,
    }
}

fn is_left_out(look: &Look<'_>, row: usize) -> bool {
    let hunk = look.layout.hunk_at(row).and_then(|hunk| look.doc.hunks().get(hunk));
    !look.excluded.is_empty() && hunk.is_some_and(|hunk| look.excluded.contains(&hunk.key))
}

fn digits(lines: u32) -> usize {
    lines.max(100).ilog10() as usize + 1
}

fn shown(old: Option<u32>, new: Option<u32>) -> (Side, u32) {
    match (old, new) {
        (_, Some(new)) => (Side::New, new),
        (Some(old), None) => (Side::Old, old),
        (None, None) => (Side::New, u32::MAX),
    }
}

/// The cursor's row and the selected range.
fn mark(painter: &mut Painter<'_>, area: Rect, look: &Look<'_>, row: usize) {
    let in_range = |anchor: usize| (anchor.min(look.cursor)..=anchor.max(look.cursor)).contains(&row);
    if look.anchor.is_some_and(in_range) {
        painter.tint(area, Role::Selection);
    }
    if row == look.cursor {
        let role = if look.focused { Role::DiffCursor } else { Role::CursorIdle };
        painter.tint(area, role);
        painter.text(area.x, area.y, 1, "▸", Role::Accent);
    }
}

fn draw_hunk(painter: &mut Painter<'_>, area: Rect, look: &Look<'_>, hunk: usize) -> u16 {
    let row = Rect { height: 1, ..area };
    painter.tint(row, Role::DiffHunk);
    let found = &look.doc.hunks()[hunk];
    let reviewed = look.reviewed.contains(&found.key);
    let mut x = area.x + 2;
    if reviewed {
        x += painter.text(x, area.y, 2, "✓ ", Role::DiffReviewed);
    }
    let label = format!("hunk {} of {}", hunk + 1, look.doc.hunks().len());
    x += painter.text(x, area.y, area.right().saturating_sub(x), &label, Role::DiffHunk);
    let (added, removed) = (found.added, found.deleted);
    let place = format!("  line {}", found.new.start + 1);
    x += painter.text(x, area.y, area.right().saturating_sub(x), &place, Role::Muted);
    let mut counts = Vec::new();
    if added > 0 {
        counts.push(Run::new(format!("  +{added}"), Role::DiffAddedSign));
    }
    if removed > 0 {
        counts.push(Run::new(format!("  −{removed}"), Role::DiffDeletedSign));
    }
    x += painter.runs(x, area.y, area.right().saturating_sub(x), &counts);
    for (says, word, role) in [
        (look.excluded.contains(&found.key), "  left out", Role::Warning),
        (found.blank, "  whitespace only", Role::Muted),
        (reviewed, "  reviewed", Role::Muted),
    ] {
        if says {
            x += painter.text(x, area.y, area.right().saturating_sub(x), word, role);
        }
    }
    1
}

fn draw_fold(painter: &mut Painter<'_>, area: Rect, lines: u32, numbers: usize) -> u16 {
    let row = Rect { height: 1, ..area };
    painter.tint(row, Role::DiffFold);
    let indent = u16::try_from(2 * numbers + 4).unwrap_or(8).min(area.width / 3);
    painter.text(area.x + indent.saturating_sub(2), area.y, 1, "⋯", Role::DiffFold);
    let words = counted(lines, "unchanged line");
    painter.text(area.x + indent, area.y, area.width - indent, &words, Role::DiffFold);
    1
}

fn draw_thread(painter: &mut Painter<'_>, area: Rect, look: &Look<'_>, thread: usize, at: u32) -> u16 {
    let row = Rect { height: 1, ..area };
    painter.tint(row, Role::Thread);
    if let Some(runs) = look.threads.get(thread).and_then(|rows| rows.get(at as usize)) {
        let indent = 2.min(area.width / 4);
        painter.runs(area.x + indent, area.y, area.width - indent, runs);
    }
    1
}

fn roles(old: Option<u32>, new: Option<u32>, same: bool) -> (Role, Role, Role, &'static str) {
    match (old, new) {
        _ if same => (Role::DiffContext, Role::DiffGutter, Role::DiffContext, " "),
        (_, Some(_)) => (Role::DiffAdded, Role::DiffAddedSign, Role::DiffAddedWord, "+"),
        _ => (Role::DiffDeleted, Role::DiffDeletedSign, Role::DiffDeletedWord, "-"),
    }
}

fn number(line: Option<u32>, numbers: usize) -> String {
    line.map_or_else(|| " ".repeat(numbers), |line| format!("{:>numbers$}", line + 1))
}

fn draw_line(
    painter: &mut Painter<'_>,
    area: Rect,
    look: &Look<'_>,
    numbers: usize,
    old: Option<u32>,
    new: Option<u32>,
    same: bool,
) -> u16 {
    let (ground, sign_role, word, sign) = roles(old, new, same);
    let (side, line) = shown(old, new);
    let narrow = look.one_side || area.width < 50;
    let gutter = if narrow {
        format!(" {}", number(new.or(old), numbers))
    } else {
        format!(" {} {}", number(old, numbers), number(new, numbers))
    };
    let gutter_columns = u16::try_from(gutter.len() + 3).unwrap_or(u16::MAX).min(area.width);
    let room = area.width - gutter_columns;
    let rows = draw_text(
        painter,
        Rect { x: area.x + gutter_columns, width: room, ..area },
        look,
        look.doc.line(side, line),
        look.colors.map_or(&[], |colors| colors.pieces(side, line)),
        (ground, word),
    );
    for at in 0..rows {
        let row = Rect { y: area.y + at, height: 1, width: gutter_columns, ..area };
        painter.tint(row, ground);
        if at == 0 {
            painter.text(area.x, row.y, gutter_columns, &gutter, if same { Role::DiffGutter } else { sign_role });
            painter.text(area.x + gutter_columns - 2, row.y, 1, sign, sign_role);
        }
    }
    rows
}

fn draw_pair(
    painter: &mut Painter<'_>,
    area: Rect,
    look: &Look<'_>,
    numbers: usize,
    old: Option<u32>,
    new: Option<u32>,
    same: bool,
) -> u16 {
    let half = area.width / 2;
    let halves = [
        (Side::Old, old, Rect { width: half, height: 1, ..area }),
        (Side::New, new, Rect { x: area.x + half, width: area.width - half, height: 1, ..area }),
    ];
    for (side, line, room) in halves {
        let (old, new) = if side == Side::Old { (line, None) } else { (None, line) };
        let Some(line) = line else {
            for x in room.left() + 1..room.right() {
                painter.text(x, room.y, 1, if same { " " } else { "┆" }, Role::Faint);
                if x > room.left() + 1 {
                    break;
                }
            }
            continue;
        };
        let (ground, sign_role, word, sign) = roles(old, new, same);
        let gutter = format!(" {}", number(Some(line), numbers));
        let gutter_columns = u16::try_from(gutter.len() + 3).unwrap_or(u16::MAX).min(room.width);
        painter.tint(room, ground);
        painter.text(room.x, room.y, gutter_columns, &gutter, if same { Role::DiffGutter } else { sign_role });
        painter.text(room.x + gutter_columns - 2, room.y, 1, sign, sign_role);
        let text = Rect { x: room.x + gutter_columns, width: room.width - gutter_columns, ..room };
        let pieces = look.colors.map_or(&[] as &[Piece], |colors| colors.pieces(side, line));
        draw_text(painter, text, look, look.doc.line(side, line), pieces, (ground, word));
    }
    1
}

/// Draws a line's text into `area` (one row, or several when wrapped); gives the rows used.
fn draw_text(
    painter: &mut Painter<'_>,
    area: Rect,
    look: &Look<'_>,
    bytes: &[u8],
    pieces: &[Piece],
    (ground, word): (Role, Role),
) -> u16 {
    if area.width == 0 {
        return 1;
    }
    let base = painter.style(ground);
    let room = usize::from(area.width);
    let limit = if look.wrap && !look.split { room * usize::from(area.height) } else { look.left + room };
    let mut line = Pen { area, column: 0, left: if look.wrap { 0 } else { look.left }, wrap: look.wrap && !look.split };
    let mut start = 0;
    let whole = [Piece { end: u32::try_from(bytes.len()).unwrap_or(u32::MAX), syntax: None, word: false }];
    let last = pieces.last().map_or(0, |piece| piece.end);
    let pieces = pieces.iter().chain(whole.iter().filter(|piece| piece.end > last));
    for piece in pieces {
        if line.column >= limit {
            break;
        }
        let end = (piece.end as usize).min(bytes.len());
        if end <= start {
            continue;
        }
        let mut style = base;
        if let Some(syntax) = piece.syntax {
            style = style.patch(painter.style(syntax));
        }
        if piece.word {
            style = style.patch(painter.style(word));
        }
        let options = DisplayOptions {
            start_column: line.column,
            max_columns: Some(limit.saturating_sub(line.column) + 1),
            ..DisplayOptions::line()
        };
        let text = display_bytes(&bytes[start..end], &options);
        line.write(painter, text.as_str(), style);
        start = end;
    }
    let rows = line.rows();
    for at in 0..rows {
        let used = if at + 1 == rows { line.used_in_last() } else { area.width };
        let rest = Rect { x: area.x + used, y: area.y + at, width: area.width - used, height: 1 };
        painter.buffer.set_style(rest, base);
    }
    if !look.search.is_empty() {
        highlight(painter, Rect { height: rows, ..area }, look.search);
    }
    rows
}

/// Writes pieces one after the other, moved to the left or wrapped.
struct Pen {
    area: Rect,
    column: usize,
    left: usize,
    wrap: bool,
}

impl Pen {
    fn write(&mut self, painter: &mut Painter<'_>, text: &str, style: Style) {
        let room = usize::from(self.area.width);
        if !self.wrap && self.column >= self.left {
            let at = self.column - self.left;
            if at < room {
                let x = self.area.x + u16::try_from(at).unwrap_or(0);
                painter.buffer.set_stringn(x, self.area.y, text, room - at, style);
            }
            self.column += width::columns(text);
            return;
        }
        for grapheme in unicode_segmentation::UnicodeSegmentation::graphemes(text, true) {
            let columns = width::columns(grapheme);
            if self.wrap && self.column % room + columns > room {
                self.column += room - self.column % room;
            }
            let (row, at) = if self.wrap {
                (self.column / room, Some(self.column % room))
            } else {
                (0, self.column.checked_sub(self.left))
            };
            if let Some(at) = at.filter(|at| at + columns <= room && row < usize::from(self.area.height)) {
                let x = self.area.x + u16::try_from(at).unwrap_or(0);
                let y = self.area.y + u16::try_from(row).unwrap_or(0);
                painter.buffer.set_stringn(x, y, grapheme, columns, style);
            }
            self.column += columns;
        }
    }

    fn rows(&self) -> u16 {
        if !self.wrap {
            return 1;
        }
        let rows = self.column.div_ceil(usize::from(self.area.width)).max(1);
        u16::try_from(rows).unwrap_or(u16::MAX).min(self.area.height)
    }

    fn used_in_last(&self) -> u16 {
        let room = usize::from(self.area.width);
        let used = if self.wrap {
            if self.column > 0 && self.column.is_multiple_of(room) { room } else { self.column % room }
        } else {
            self.column.saturating_sub(self.left).min(room)
        };
        u16::try_from(used).unwrap_or(self.area.width)
    }
}

/// Marks what a search found in drawn rows.
fn highlight(painter: &mut Painter<'_>, area: Rect, search: &str) {
    let style = painter.style(Role::Match);
    for y in area.top()..area.bottom().min(painter.buffer.area.bottom()) {
        let mut text = String::new();
        let mut places = Vec::new();
        for x in area.left()..area.right() {
            let symbol = painter.buffer[(x, y)].symbol();
            places.extend(std::iter::repeat_n(x, symbol.len()));
            text.push_str(symbol);
        }
        for (at, found) in text.match_indices(search) {
            let (from, to) = (places[at], places[at + found.len() - 1]);
            painter.buffer.set_style(Rect::new(from, y, to - from + 1, 1), style);
        }
    }
}
