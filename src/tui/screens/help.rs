//! The help screen: the keys of this place first, then everything else, narrowed by what is typed.

use ratatui::layout::{Position, Rect};

use crate::text::width;
use crate::tui::actions::Context;
use crate::tui::model::{Field, Model};
use crate::tui::theme::Role;
use crate::tui::widgets::{Painter, Run, centered, popup, scrollbar};

/// The widest window: a line of it is read at a glance.
const WIDEST: u16 = 80;
/// Columns of the keys, with what stands around them.
const KEYS: usize = 17;

/// Columns of a row on a screen so wide.
pub(crate) fn columns(screen: u16) -> usize {
    usize::from(screen.min(WIDEST).saturating_sub(5))
}

/// The rows of the help, so wide: headings and keys that fit the filter.
pub(crate) fn rows(model: &Model, filter: &str, columns: usize) -> Vec<Vec<Run>> {
    let filter = filter.to_lowercase();
    let mut contexts: Vec<Context> = match &model.review {
        Some(review) => review.contexts().into_iter().chain([Context::Session]).collect(),
        None => vec![Context::Inbox],
    };
    contexts.push(Context::Everywhere);
    let others: Vec<_> = Context::ALL.into_iter().filter(|context| !contexts.contains(context)).collect();
    contexts.extend(others);
    let mut rows = Vec::new();
    for context in contexts {
        let entries: Vec<_> = model
            .settings
            .keymap
            .entries(context)
            .into_iter()
            .filter(|(keys, action)| {
                filter.is_empty()
                    || action.about().to_lowercase().contains(&filter)
                    || action.name().contains(&filter)
                    || keys.to_lowercase() == filter
            })
            .collect();
        if entries.is_empty() {
            continue;
        }
        if !rows.is_empty() {
            rows.push(Vec::new());
        }
        rows.push(vec![Run::new(context.title(), Role::Heading)]);
        for (keys, action) in entries {
            let about = width::wrap(action.about(), columns.saturating_sub(KEYS).max(12));
            for (at, line) in about.into_iter().enumerate() {
                let keys = if at == 0 { keys.as_str() } else { "" };
                rows.push(vec![Run::new(format!("  {keys:<14} "), Role::Key), Run::new(line, Role::Text)]);
            }
        }
    }
    let marks = marks(&filter, columns);
    if !marks.is_empty() && !rows.is_empty() {
        rows.push(Vec::new());
    }
    rows.extend(marks);
    rows
}

/// What stands behind names in the list of files.
const MARKS: [(&str, &str); 6] = [
    ("2/5", "hunks of the file that you read"),
    ("✓", "you read all of them"),
    ("1?", "open threads on the file"),
    ("1✎", "your comments that are not sent yet"),
    ("!", "a policy found something in the file"),
    ("✗", "the file cannot be read"),
];

fn marks(filter: &str, columns: usize) -> Vec<Vec<Run>> {
    let fits = |about: &str| filter.is_empty() || about.to_lowercase().contains(filter);
    let marks: Vec<_> = MARKS.into_iter().filter(|(_, about)| fits(about)).collect();
    let heading = [vec![Run::new("Marks in the list of files", Role::Heading)]];
    let row = |(mark, about): (&str, &'static str)| {
        let about = width::truncate_end(about, columns.saturating_sub(KEYS).max(12)).into_owned();
        let pad = " ".repeat(14_usize.saturating_sub(width::columns(mark)));
        vec![Run::new(format!("  {mark}{pad} "), Role::Key), Run::new(about, Role::Text)]
    };
    if marks.is_empty() { Vec::new() } else { heading.into_iter().chain(marks.into_iter().map(row)).collect() }
}

/// Draws the help.
pub(crate) fn draw(painter: &mut Painter<'_>, area: Rect, model: &Model, filter: &Field, scroll: usize) {
    let frame = centered(area, WIDEST, area.height.saturating_sub(2).max(5));
    let inside = popup(painter, frame, "Keys");
    let used = painter.text(inside.x, inside.y, 9, "search: ", Role::Muted);
    painter.text(inside.x + used, inside.y, inside.width.saturating_sub(used), filter.text(), Role::Text);
    let column = u16::try_from(filter.cursor_column()).unwrap_or(0);
    painter.cursor = Some(Position::new((inside.x + used + column).min(inside.right().saturating_sub(1)), inside.y));
    let rows = rows(model, filter.text(), columns(area.width));
    let list = Rect { y: inside.y + 1, height: inside.height.saturating_sub(1), ..inside };
    let top = scroll.min(rows.len().saturating_sub(usize::from(list.height)));
    if rows.is_empty() {
        painter.text(list.x, list.y, list.width, "no key does that", Role::Muted);
    }
    for (at, row) in rows.iter().skip(top).take(usize::from(list.height)).enumerate() {
        painter.runs(list.x, list.y + u16::try_from(at).unwrap_or(0), list.width, row);
    }
    scrollbar(painter, list, top, rows.len());
}
