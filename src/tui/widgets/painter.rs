//! The brush: text in roles, onto cells, never beyond the given columns.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use crate::text::width;
use crate::tui::theme::{Role, Theme};

/// A piece of text in one style.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Run {
    pub text: String,
    pub role: Role,
}

impl Run {
    pub(crate) fn new(text: impl Into<String>, role: Role) -> Self {
        Self { text: text.into(), role }
    }
}

/// Draws onto one frame.
pub(crate) struct Painter<'a> {
    pub buffer: &'a mut Buffer,
    pub theme: &'a Theme,
    /// Where the terminal's own cursor stands, while text is typed.
    pub cursor: Option<Position>,
}

impl<'a> Painter<'a> {
    pub(crate) fn new(buffer: &'a mut Buffer, theme: &'a Theme) -> Self {
        Self { buffer, theme, cursor: None }
    }

    pub(crate) fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// Lays `role`'s ground over `area`; text there stays.
    pub(crate) fn tint(&mut self, area: Rect, role: Role) {
        let style = self.style(role);
        self.buffer.set_style(area, style);
    }

    /// Empties `area` and lays `role`'s ground.
    pub(crate) fn clear(&mut self, area: Rect, role: Role) {
        let style = self.style(role);
        let area = area.intersection(self.buffer.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                let cell = &mut self.buffer[(x, y)];
                cell.reset();
                cell.set_style(style);
            }
        }
    }

    /// Draws `text` in at most `max` columns, cut with `…`; gives the columns used.
    pub(crate) fn text(&mut self, x: u16, y: u16, max: u16, text: &str, role: Role) -> u16 {
        let mut style = self.style(role);
        if matches!(role, Role::Text | Role::DiffAddedSign | Role::DiffDeletedSign) {
            style.bg = None; // they stand on whatever ground is there: a popup's, the cursor's, a line's
        }
        self.styled(x, y, max, text, style)
    }

    /// As [`Painter::text`], cut in its middle: for paths.
    pub(crate) fn path(&mut self, x: u16, y: u16, max: u16, text: &str, role: Role) -> u16 {
        self.text(x, y, max, &width::truncate_middle(text, usize::from(max)), role)
    }

    /// As [`Painter::text`] in any style.
    pub(crate) fn styled(&mut self, x: u16, y: u16, max: u16, text: &str, style: Style) -> u16 {
        if y >= self.buffer.area.bottom() || x >= self.buffer.area.right() || max == 0 {
            return 0;
        }
        let max = max.min(self.buffer.area.right() - x);
        let cut = width::truncate_end(text, usize::from(max));
        let (end, _) = self.buffer.set_stringn(x, y, cut.as_ref(), usize::from(max), style);
        end - x
    }

    /// Draws `text` so that it ends before column `right`; gives the columns used.
    pub(crate) fn text_right(&mut self, right: u16, y: u16, max: u16, text: &str, role: Role) -> u16 {
        let wanted = u16::try_from(width::columns(text)).unwrap_or(u16::MAX).min(max);
        self.text(right.saturating_sub(wanted), y, wanted, text, role)
    }

    /// Draws runs one after the other; gives the columns used.
    pub(crate) fn runs(&mut self, x: u16, y: u16, max: u16, runs: &[Run]) -> u16 {
        let mut used = 0;
        for run in runs {
            if used >= max {
                break;
            }
            used += self.text(x + used, y, max - used, &run.text, run.role);
        }
        used
    }

    /// Draws `text` wrapped into `area`; gives the rows used.
    pub(crate) fn wrapped(&mut self, area: Rect, text: &str, role: Role) -> u16 {
        let mut rows = 0;
        let lines = width::wrap(text, usize::from(area.width));
        for (at, line) in lines.iter().enumerate() {
            if rows == area.height {
                break;
            }
            let cut = rows + 1 == area.height && at + 1 < lines.len();
            let line = if cut { format!("{line} …") } else { (*line).to_owned() };
            self.text(area.x, area.y + rows, area.width, &line, role);
            rows += 1;
        }
        rows
    }

    /// A horizontal line.
    pub(crate) fn rule(&mut self, x: u16, y: u16, columns: u16, role: Role) {
        let style = self.style(role);
        for at in x..x.saturating_add(columns).min(self.buffer.area.right()) {
            if y < self.buffer.area.bottom() {
                self.buffer[(at, y)].set_symbol("─").set_style(style);
            }
        }
    }

    /// A vertical line.
    pub(crate) fn wall(&mut self, x: u16, y: u16, rows: u16, role: Role) {
        let style = self.style(role);
        for at in y..y.saturating_add(rows).min(self.buffer.area.bottom()) {
            if x < self.buffer.area.right() {
                self.buffer[(x, at)].set_symbol("│").set_style(style);
            }
        }
    }

    /// A small heading with a line to the right edge: `Gates ─────`.
    pub(crate) fn section(&mut self, x: u16, y: u16, columns: u16, title: &str) {
        let used = self.text(x, y, columns, title, Role::Heading);
        if columns > used + 1 {
            self.rule(x + used + 1, y, columns - used - 1, Role::Faint);
        }
    }
}
