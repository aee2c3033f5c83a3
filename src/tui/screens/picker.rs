//! A list to choose a place from: definitions of the names on a line, the outline of a file. Typing narrows it.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::layout::{Position, Rect};

use super::peek::Place;
use crate::id::RepoPath;
use crate::text::counted;
use crate::tui::model::Field;
use crate::tui::theme::Role;
use crate::tui::widgets::{ListState, Painter, Run, centered, popup, scrollbar};

/// One place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The name, printable.
    pub name: String,
    /// What it is: `function`, `struct`, …
    pub kind: String,
    /// How far it is moved to the right.
    pub depth: u16,
    /// Whether the change touches it.
    pub changed: bool,
    /// The file; none for the one that is read.
    pub path: Option<RepoPath>,
    /// 1-based.
    pub line: u32,
}

/// The open list.
#[derive(Debug)]
pub(crate) struct Picker {
    pub title: &'static str,
    /// Tells the answer that is waited for from older ones.
    pub asked: u32,
    pub place: Place,
    /// What was asked for: file, line, names. They tell the place where one stands from others.
    pub from: (RepoPath, u32),
    pub names: Vec<String>,
    /// None while it is looked for.
    pub entries: Option<Vec<Entry>>,
    /// How many more there are than are listed.
    pub more: u32,
    pub filter: Field,
    pub list: ListState,
}

impl Picker {
    pub(crate) fn new(title: &'static str, asked: u32, place: Place, from: (RepoPath, u32)) -> Self {
        Self {
            title,
            asked,
            place,
            from,
            names: Vec::new(),
            entries: None,
            more: 0,
            filter: Field::default(),
            list: ListState::default(),
        }
    }

    /// The entries that fit what was typed, in their own order.
    pub(crate) fn found(&self) -> Vec<&Entry> {
        let entries = self.entries.as_deref().unwrap_or_default();
        if self.filter.text().is_empty() {
            return entries.iter().collect();
        }
        let mut matcher = Matcher::new(Config::DEFAULT);
        let pattern = Pattern::parse(self.filter.text(), CaseMatching::Smart, Normalization::Smart);
        let mut letters = Vec::new();
        let mut fits = |text: &str| pattern.score(Utf32Str::new(text, &mut letters), &mut matcher).is_some();
        let path = |entry: &Entry| entry.path.as_ref().map(ToString::to_string).unwrap_or_default();
        entries.iter().filter(|entry| fits(&format!("{} {} {}", entry.name, entry.kind, path(entry)))).collect()
    }

    pub(crate) fn chosen(&self) -> Option<Entry> {
        self.found().get(self.list.cursor).map(|entry| (*entry).clone())
    }
}

/// Draws the list.
pub(crate) fn draw(painter: &mut Painter<'_>, area: Rect, picker: &Picker) {
    let wanted = picker.entries.as_ref().map_or(1, |entries| entries.len() + usize::from(picker.more > 0));
    let most = area.height.saturating_sub(2).max(5);
    let frame = centered(area, 90, u16::try_from(wanted + 4).unwrap_or(most).clamp(6.min(most), most));
    let inside = popup(painter, frame, picker.title);
    let used = painter.text(inside.x, inside.y, 3, "> ", Role::Accent);
    painter.text(inside.x + used, inside.y, inside.width.saturating_sub(used), picker.filter.text(), Role::Text);
    let column = u16::try_from(picker.filter.cursor_column()).unwrap_or(0) + used;
    painter.cursor = Some(Position::new(inside.x + column.min(inside.width.saturating_sub(1)), inside.y));
    let rows = Rect { y: inside.y + 1, height: inside.height.saturating_sub(2), ..inside };
    let Some(entries) = &picker.entries else {
        let names = picker.names.join(", ");
        painter.text(rows.x, rows.y, rows.width, &format!("looking for {names} …"), Role::Muted);
        draw_keys(painter, inside, &[("Esc", "back")]);
        return;
    };
    let found = picker.found();
    if found.is_empty() {
        let words = if entries.is_empty() { "nothing is defined here" } else { "nothing fits" };
        painter.text(rows.x, rows.y, rows.width, words, Role::Muted);
    }
    let mut list = picker.list;
    list.show(found.len(), usize::from(rows.height));
    for (row, entry) in found.iter().skip(list.top).take(usize::from(rows.height)).enumerate() {
        let y = rows.y + u16::try_from(row).unwrap_or(0);
        let line = Rect { y, height: 1, width: rows.width.saturating_sub(1), ..rows };
        draw_entry(painter, line, entry);
        if list.top + row == list.cursor {
            super::select(painter, line);
            super::select_after(painter, line);
        }
    }
    scrollbar(painter, rows, list.top, found.len());
    draw_keys(painter, inside, &[("Enter", "go there"), ("↑↓", "choose"), ("Esc", "back")]);
    if picker.more > 0 {
        let more = format!("{} more", counted(picker.more as usize, "place"));
        painter.text_right(inside.right(), inside.bottom().saturating_sub(1), 16, &more, Role::Muted);
    }
}

fn draw_entry(painter: &mut Painter<'_>, line: Rect, entry: &Entry) {
    let place = match &entry.path {
        Some(path) => format!("{}:{}", super::plain(&path.to_string()), entry.line),
        None => entry.line.to_string(),
    };
    let most = (line.width / 2).max(8);
    let place = crate::text::width::truncate_middle(&place, usize::from(most)).into_owned();
    let used = painter.text_right(line.right(), line.y, most, &place, Role::Muted);
    let mut x = line.x;
    let room = |x: u16| line.right().saturating_sub(used + 1).saturating_sub(x);
    // a letter beside the colour: what the change touches
    x += painter.text(x, line.y, 2, if entry.changed { "± " } else { "  " }, Role::Warn);
    x += (2 * entry.depth).min(room(x) / 3);
    x += painter.text(x, line.y, room(x), &entry.name, Role::Strong) + 1;
    painter.text(x, line.y, room(x), &entry.kind, Role::Muted);
}

fn draw_keys(painter: &mut Painter<'_>, inside: Rect, keys: &[(&str, &str)]) {
    let runs: Vec<Run> = keys
        .iter()
        .flat_map(|(key, label)| [Run::new(*key, Role::Key), Run::new(format!(" {label}   "), Role::KeyLabel)])
        .collect();
    painter.runs(inside.x, inside.bottom().saturating_sub(1), inside.width, &runs);
}
