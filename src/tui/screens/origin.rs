//! Who wrote a line of the base.

use ratatui::layout::Rect;

use super::plain;
use crate::api::BlameView;
use crate::id::RepoPath;
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::widgets::{Painter, Run, centered, popup};
use crate::tui::words;

/// The open window.
#[derive(Debug)]
pub(crate) struct Origin {
    /// Tells the answer that is waited for from older ones.
    pub asked: u32,
    pub path: RepoPath,
    /// Of the base, 1-based.
    pub line: u32,
    pub found: Option<BlameView>,
}

/// Draws the window.
pub(crate) fn draw(painter: &mut Painter<'_>, area: Rect, model: &Model, origin: &Origin) {
    let title = format!("{}:{} of the base", plain(&origin.path.to_string()), origin.line);
    let Some(found) = &origin.found else {
        let inside = popup(painter, centered(area, 76, 5), &title);
        painter.text(inside.x, inside.y, inside.width, "reading its history …", Role::Muted);
        return;
    };
    let (_, day) = words::clock(found.at);
    let age = match words::age(model.now, found.at).as_str() {
        "now" => String::new(),
        age => format!(", {age} ago"),
    };
    let mut lines = vec![
        ("subject", Run::new(found.subject.display_line().to_string(), Role::Strong)),
        ("author", Run::new(found.author.display_line().to_string(), Role::Text)),
        ("date", Run::new(format!("{day}{age}"), Role::Text)),
        ("commit", Run::new(found.commit.to_string(), Role::Text)),
    ];
    if (&found.path, found.line) != (&origin.path, origin.line) {
        let place = format!("{}:{}", plain(&found.path.to_string()), found.line);
        lines.push(("there", Run::new(place, Role::Muted)));
    }
    if found.oldest_known {
        lines.push(("", Run::new("the history ends here: it may be older", Role::Warn)));
    }
    let inside = popup(painter, centered(area, 76, u16::try_from(lines.len()).unwrap_or(4) + 4), &title);
    let last = inside.bottom().saturating_sub(1);
    // where it is narrow the words are worth more than their names
    let names = if inside.width >= 40 { 9 } else { 0 };
    for ((name, run), y) in lines.iter().zip(inside.y..last) {
        painter.text(inside.x, y, names, name, Role::Muted);
        painter.runs(inside.x + names, y, inside.width.saturating_sub(names), std::slice::from_ref(run));
    }
    let keys = [
        Run::new("y", Role::Key),
        Run::new(" copy the commit   ", Role::KeyLabel),
        Run::new("Esc", Role::Key),
        Run::new(" back", Role::KeyLabel),
    ];
    painter.runs(inside.x, last, inside.width, &keys);
}
