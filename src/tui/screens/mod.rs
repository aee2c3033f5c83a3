//! Screens: each is its part of the model and how it is drawn.

pub(crate) mod budget;
pub(crate) mod comment;
pub(crate) mod comparison;
pub(crate) mod decision;
pub(crate) mod evidence;
pub(crate) mod frame;
pub(crate) mod help;
pub(crate) mod inbox;
pub(crate) mod judged;
pub(crate) mod origin;
pub(crate) mod overview;
pub(crate) mod palette;
pub(crate) mod patches;
pub(crate) mod peek;
pub(crate) mod picker;
pub(crate) mod review;
pub(crate) mod tabs;
pub(crate) mod ticks;
pub(crate) mod wizard;

use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::theme::Role;
use super::widgets::Painter;
use crate::api::UsageView;
use crate::text::Untrusted;

/// A name from a view (a repository, an engine, a rule), printable on one line.
pub(crate) fn plain(text: &str) -> String {
    Untrusted::new(text).display_line().to_string()
}

/// Dollars for people; a price that is not known says so.
pub(crate) fn cost(usd: &str) -> String {
    let is_known = usd.starts_with(|first: char| first.is_ascii_digit());
    if is_known { format!("${}", plain(usd)) } else { "price unknown".to_owned() }
}

/// What calls that run may take beside what others took; nothing while none runs.
pub(crate) fn reserved(usage: &UsageView) -> Option<String> {
    let most = usage.reserved_usd.as_deref().map(cost)?;
    Some(format!("running: up to {} more, {most}", usage.reserved_tokens))
}

/// A text of several lines, printable and wrapped.
pub(crate) fn paragraph(text: &Untrusted, columns: u16) -> Vec<String> {
    let shown = text.display();
    let text = shown.as_str().trim_end();
    if text.is_empty() {
        return Vec::new();
    }
    crate::text::width::wrap(text, usize::from(columns)).into_iter().map(str::to_owned).collect()
}

/// The first line of a text, printable.
pub(crate) fn first_line(text: &Untrusted) -> String {
    plain(text.raw().trim_start().lines().next().unwrap_or_default())
}

/// What comes next, for who reads it on a screen: the keys that decide here, where a shell would be told the commands.
pub(crate) fn next_step(next: &str) -> String {
    let decides = |command: &str| next.starts_with("paraph show ") && next.contains(command);
    if decides(", then paraph approve ") {
        "A approves, X rejects, R sends back".to_owned()
    } else if next.starts_with("paraph compare ") {
        "K compares the candidates, p picks one there".to_owned()
    } else if budget::is_spent(next) {
        "$ sets what its models may take, and it goes on".to_owned()
    } else if decides(", then paraph request-changes ") {
        "R sends back, X rejects".to_owned()
    } else {
        plain(next)
    }
}

/// Why something is not offered, for who reads it on a screen: a candidate is picked with keys here.
pub(crate) fn hindrance(why: &str) -> String {
    match why.split_once(" (paraph compare ").filter(|(before, _)| before.ends_with(PICK_FIRST)) {
        Some((before, _)) => {
            format!(
                "{}, and none was picked: K compares them, then p picks",
                plain(before.trim_end_matches(PICK_FIRST))
            )
        }
        None => plain(why),
    }
}

/// What stands in the way of approving a candidate begins so.
pub(crate) const PICK_FIRST: &str = ": pick it first";

/// Lays the cursor's ground over a row that is about to be drawn.
pub(crate) fn select(painter: &mut Painter<'_>, area: Rect) {
    let style = painter.style(Role::Cursor);
    if style.add_modifier.contains(Modifier::REVERSED) {
        // many colours reversed are no bar: the mark at the left and the weight of the words say it
        painter.buffer.set_style(area, ratatui::style::Style::new().add_modifier(Modifier::BOLD));
    } else {
        painter.buffer.set_style(area, style);
    }
}

/// Where the cursor is shown by reversing: once a row is drawn, in one colour.
pub(crate) fn select_after(painter: &mut Painter<'_>, area: Rect) {
    let style = painter.style(Role::Cursor);
    if style.add_modifier.contains(Modifier::REVERSED) {
        painter.buffer.set_style(area, style);
    }
}
