//! The criteria that only a person can see, to tick or to take a tick back: what is said here is recorded with a name.

use ratatui::layout::Rect;

use super::decision::draw_field;
use super::judged::{self, Room};
use super::review::Review;
use crate::api::CriterionView;
use crate::id::SessionRef;
use crate::tui::model::Field;
use crate::tui::theme::Role;
use crate::tui::widgets::{ListState, Painter, Run, centered, popup, scrollbar};

/// The open list.
#[derive(Debug)]
pub(crate) struct Ticks {
    /// The version that is read: a tick is about that one.
    pub session: SessionRef,
    pub list: ListState,
    /// What shows it, in the person's own words, while they are typed.
    pub message: Option<Field>,
    /// Whether the service was asked and has not answered.
    pub sent: bool,
}

impl Ticks {
    pub(crate) fn new(session: SessionRef) -> Self {
        Self { session, list: ListState::default(), message: None, sent: false }
    }

    /// The criterion under the cursor.
    pub(crate) fn chosen<'a>(&self, review: &'a Review) -> Option<&'a CriterionView> {
        waiting(review).nth(self.list.cursor)
    }
}

/// The criteria of the version being read that a person ticks.
pub(crate) fn waiting(review: &Review) -> impl Iterator<Item = &CriterionView> {
    let criteria = review.version_view().map_or(&[][..], |version| version.criteria.as_slice());
    criteria.iter().filter(|criterion| judged::is_ticked_by_hand(criterion))
}

/// Draws the list.
pub(crate) fn draw(painter: &mut Painter<'_>, area: Rect, review: Option<&Review>, ticks: &Ticks) {
    let criteria: Vec<&CriterionView> = review.map(|review| waiting(review).collect()).unwrap_or_default();
    let columns = usize::from(area.width.min(88).saturating_sub(7));
    let blocks: Vec<Vec<Vec<Run>>> =
        criteria.iter().map(|criterion| judged::criterion(criterion, columns, Room::Whole)).collect();
    let wanted = blocks.iter().map(Vec::len).sum::<usize>().max(1);
    let frame = centered(area, 88, u16::try_from(wanted + 5).unwrap_or(u16::MAX).min(area.height).max(8));
    let inside = popup(painter, frame, &format!("What you tick of {}", ticks.session));
    let rows = Rect { height: inside.height.saturating_sub(3), ..inside };
    if criteria.is_empty() {
        painter.text(rows.x, rows.y, rows.width, "nothing here waits for a tick", Role::Muted);
    }
    // the first criterion that is shown: so that the one under the cursor is, whole
    let cursor = ticks.list.cursor.min(blocks.len().saturating_sub(1));
    let height_of = |from: usize| -> usize { blocks[from..=cursor].iter().map(Vec::len).sum() };
    let top = (0..=cursor).find(|from| *from == cursor || height_of(*from) <= usize::from(rows.height)).unwrap_or(0);
    let mut y = rows.y;
    for (at, block) in blocks.iter().enumerate().skip(top) {
        for (part, line) in block.iter().take(usize::from(rows.bottom().saturating_sub(y))).enumerate() {
            let row = Rect { y, height: 1, width: rows.width.saturating_sub(1), ..rows };
            if at == cursor {
                super::select(painter, row);
                painter.text(row.x, y, 1, if part == 0 { "▸" } else { " " }, Role::Accent);
            }
            painter.runs(row.x + 2, y, row.width.saturating_sub(2), line);
            if at == cursor {
                super::select_after(painter, row);
            }
            y += 1;
        }
    }
    scrollbar(painter, rows, blocks[..top].iter().map(Vec::len).sum(), wanted);
    let bottom = inside.bottom();
    if let Some(message) = &ticks.message {
        draw_field(painter, inside, bottom.saturating_sub(2), "what shows it", message, true);
    }
    painter.runs(inside.x, bottom.saturating_sub(1), inside.width, &keys(ticks, criteria.get(cursor).copied()));
}

fn keys(ticks: &Ticks, chosen: Option<&CriterionView>) -> Vec<Run> {
    if ticks.sent {
        return vec![Run::new("sending …", Role::Muted)];
    }
    let keys: &[(&str, &str)] = match (&ticks.message, chosen) {
        (Some(_), _) => &[("Enter", "tick it"), ("Esc", "without words")],
        (None, None) => &[("Esc", "back")],
        (None, Some(criterion)) if criterion.met == Some(true) => {
            &[("Space", "take it back"), ("j k", "choose"), ("Esc", "back")]
        }
        (None, Some(_)) => &[("Space", "tick it"), ("m", "with a message"), ("j k", "choose"), ("Esc", "back")],
    };
    keys.iter()
        .flat_map(|(key, label)| [Run::new(*key, Role::Key), Run::new(format!(" {label}   "), Role::KeyLabel)])
        .collect()
}
