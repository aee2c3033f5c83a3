//! A cursor in a list, and the window around it.

use ratatui::layout::Rect;

use super::painter::Painter;
use crate::tui::theme::Role;

/// Which row is under the cursor and which is the first on the screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ListState {
    pub cursor: usize,
    pub top: usize,
}

impl ListState {
    /// Moves the cursor by `rows` within a list of `len`.
    pub(crate) fn move_by(&mut self, rows: isize, len: usize) {
        self.cursor = self.cursor.saturating_add_signed(rows).min(len.saturating_sub(1));
    }

    /// Brings the cursor into a window of `height` rows (at least one).
    pub(crate) fn show(&mut self, len: usize, height: usize) {
        let height = height.max(1);
        self.cursor = self.cursor.min(len.saturating_sub(1));
        if self.cursor < self.top {
            self.top = self.cursor;
        } else if self.cursor >= self.top + height {
            self.top = self.cursor + 1 - height;
        }
        self.top = self.top.min(len.saturating_sub(height));
    }
}

/// A scroll bar on the right edge of `area`, where there is more than fits.
pub(crate) fn scrollbar(painter: &mut Painter<'_>, area: Rect, top: usize, len: usize) {
    let height = usize::from(area.height);
    if len <= height || area.width == 0 || height == 0 {
        return;
    }
    let size = (height * height / len).max(1);
    let at = (top * (height - size)).div_ceil((len - height).max(1)).min(height - size);
    for row in at..at + size {
        let y = area.y + u16::try_from(row).unwrap_or(0);
        painter.text(area.right() - 1, y, 1, "▐", Role::Faint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_stays_in_list_and_window() {
        let mut list = ListState::default();
        list.move_by(5, 3);
        assert_eq!(list.cursor, 2);
        list.move_by(-9, 3);
        assert_eq!(list.cursor, 0);
        list.move_by(90, 100);
        list.show(100, 10);
        assert_eq!(list, ListState { cursor: 90, top: 81 });
        list.show(5, 10);
        assert_eq!(list, ListState { cursor: 4, top: 0 });
        list.show(0, 0);
        assert_eq!(list, ListState::default());
    }
}
