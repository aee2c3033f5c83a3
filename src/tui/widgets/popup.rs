//! A window on top of the screen.

use ratatui::layout::Rect;

use super::painter::Painter;
use crate::tui::theme::Role;

/// A rectangle of at most `width` × `height` in the middle of `area`.
pub(crate) fn centered(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect::new(area.x + (area.width - width) / 2, area.y + (area.height - height) / 2, width, height)
}

/// Clears `area`, frames it where there is room, and gives the room inside.
pub(crate) fn popup(painter: &mut Painter<'_>, area: Rect, title: &str) -> Rect {
    painter.clear(area, Role::Popup);
    if area.width < 24 || area.height < 5 {
        return area;
    }
    let (right, bottom) = (area.right() - 1, area.bottom() - 1);
    painter.rule(area.x, area.y, area.width, Role::BorderFocus);
    painter.rule(area.x, bottom, area.width, Role::BorderFocus);
    painter.wall(area.x, area.y, area.height, Role::BorderFocus);
    painter.wall(right, area.y, area.height, Role::BorderFocus);
    for (x, y, corner) in [(area.x, area.y, "╭"), (right, area.y, "╮"), (area.x, bottom, "╰"), (right, bottom, "╯")]
    {
        painter.text(x, y, 1, corner, Role::BorderFocus);
    }
    if !title.is_empty() {
        painter.text(area.x + 2, area.y, area.width.saturating_sub(4), &format!(" {title} "), Role::PopupTitle);
    }
    // the ground runs under frame and title
    let ground = painter.style(Role::Popup).bg;
    if let Some(ground) = ground {
        painter.buffer.set_style(area, ratatui::style::Style::new().bg(ground));
    }
    Rect::new(area.x + 2, area.y + 1, area.width - 4, area.height - 2)
}
