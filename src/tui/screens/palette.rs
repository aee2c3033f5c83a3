//! The command palette: every action by name, found by a few letters; a number goes to that line, or session.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::layout::{Position, Rect};

use crate::tui::actions::Action;
use crate::tui::model::{Field, Model};
use crate::tui::theme::Role;
use crate::tui::widgets::{ListState, Painter, centered, popup};

/// The open palette.
#[derive(Debug, Default)]
pub(crate) struct Palette {
    pub field: Field,
    pub list: ListState,
}

impl Palette {
    /// The actions that fit what was typed, the best first.
    pub(crate) fn found(&self) -> Vec<Action> {
        let wanted = self.field.text();
        if wanted.is_empty() {
            return Action::ALL.to_vec();
        }
        let mut matcher = Matcher::new(Config::DEFAULT);
        let pattern = Pattern::parse(wanted, CaseMatching::Smart, Normalization::Smart);
        let mut letters = Vec::new();
        let mut found: Vec<(u32, Action)> = Action::ALL
            .iter()
            .filter_map(|action| {
                let by_name = pattern.score(Utf32Str::new(action.name(), &mut letters), &mut matcher);
                let by_words = pattern.score(Utf32Str::new(action.about(), &mut letters), &mut matcher);
                let score = by_name.map(|score| score * 2).max(by_words)?;
                Some((score, *action))
            })
            .collect();
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        found.into_iter().map(|(_, action)| action).collect()
    }

    /// The line that was asked for.
    pub(crate) fn line(&self) -> Option<u32> {
        self.field.text().trim().parse().ok()
    }
}

/// Draws the palette.
pub(crate) fn draw(painter: &mut Painter<'_>, area: Rect, model: &Model, palette: &Palette) {
    let frame = centered(area, 76, area.height.saturating_sub(4).clamp(5, 18));
    let inside = popup(painter, frame, "Command");
    let used = painter.text(inside.x, inside.y, 2, ": ", Role::Accent);
    painter.text(inside.x + used, inside.y, inside.width - used, palette.field.text(), Role::Text);
    let column = u16::try_from(palette.field.cursor_column()).unwrap_or(0) + used;
    painter.cursor = Some(Position::new(inside.x + column.min(inside.width.saturating_sub(1)), inside.y));
    let rows = Rect { y: inside.y + 1, height: inside.height.saturating_sub(1), ..inside };
    if let Some(line) = palette.line() {
        let to = if model.review.is_some() { "to line" } else { "open session" };
        painter.text(rows.x, rows.y, rows.width, &format!("{to} {line}"), Role::Muted);
        return;
    }
    let found = palette.found();
    if found.is_empty() {
        painter.text(rows.x, rows.y, rows.width, "no such action", Role::Muted);
    }
    let mut list = palette.list;
    list.show(found.len(), usize::from(rows.height));
    let contexts = model.review.as_ref().map_or_else(Vec::new, |review| review.contexts());
    for (row, action) in found.iter().skip(list.top).take(usize::from(rows.height)).enumerate() {
        let y = rows.y + u16::try_from(row).unwrap_or(0);
        let line = Rect { y, height: 1, ..rows };
        let name = 22.min(rows.width / 2);
        painter.text(rows.x, y, name, action.name(), Role::Strong);
        let key = crate::tui::actions::Context::ALL
            .iter()
            .chain(&contexts)
            .find_map(|context| model.settings.keymap.key_of(&[*context], *action));
        let used = key.map_or(0, |key| painter.text_right(rows.right(), y, 10, &key.to_string(), Role::Key));
        painter.text(rows.x + name + 1, y, rows.width.saturating_sub(name + used + 2), action.about(), Role::Muted);
        if list.top + row == list.cursor {
            super::select(painter, line);
            super::select_after(painter, line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(typed: &str, first: Option<Action>) {
        let palette = Palette { field: Field::new(typed), ..Palette::default() };
        assert_eq!(palette.found().first().copied(), first, "{typed}");
    }

    #[test]
    fn a_few_letters_find_an_action() {
        check("publish", Some(Action::Publish));
        check("nxhunk", Some(Action::NextHunk));
        check("zzzz", None);
        assert_eq!(Palette { field: Field::new("120"), ..Palette::default() }.line(), Some(120));
    }
}
