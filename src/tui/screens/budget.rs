//! What the models of a session may take: why it stands still, and the field for another limit.

use ratatui::layout::Rect;

use super::decision::draw_field;
use crate::api::UsageView;
use crate::id::SessionId;
use crate::text::{Untrusted, width};
use crate::tui::model::Field;
use crate::tui::theme::Role;
use crate::tui::widgets::{Painter, Run, centered, popup};

/// A limit while it is typed.
#[derive(Debug)]
pub(crate) struct BudgetBox {
    pub session: SessionId,
    /// Why it stands still, or what it took so far.
    pub why: Untrusted,
    pub field: Field,
    /// What is wrong with what was typed.
    pub wrong: &'static str,
    /// Whether the service was asked and has not answered.
    pub sent: bool,
}

/// Whether what comes next is another budget: the words of the service, which a shell would be told.
pub(crate) fn is_spent(next: &str) -> bool {
    next.starts_with("paraph budget ")
}

/// What it took, and of how much.
pub(crate) fn told(usage: &UsageView) -> String {
    let of = |limit: Option<String>| limit.map_or_else(String::new, |limit| format!(" of {limit}"));
    let cost = if usage.cost_usd.is_empty() { "$0.00".to_owned() } else { super::cost(&usage.cost_usd) };
    let most = of(usage.limit_usd.as_deref().map(super::cost));
    let tokens = usage.input_tokens.saturating_add(usage.output_tokens);
    let limit = of(usage.limit_tokens.map(|most| most.to_string()));
    let running = super::reserved(usage).map_or_else(String::new, |most| format!("; {most}"));
    format!("so far {cost}{most}, {tokens}{limit} tokens{running}")
}

/// Draws the window.
pub(crate) fn draw(painter: &mut Painter<'_>, area: Rect, open: &BudgetBox) {
    let columns = usize::from(area.width.min(WIDTH).saturating_sub(4).max(8));
    let why = open.why.display();
    let why: Vec<&str> = width::wrap(why.as_str().trim_end(), columns).into_iter().take(3).collect();
    let rows = u16::try_from(why.len()).unwrap_or(0);
    let frame = centered(area, WIDTH, rows + 6);
    let inside = popup(painter, frame, &format!("What the models of session {} may take", open.session));
    let last = inside.bottom().saturating_sub(1);
    for (line, y) in why.iter().zip(inside.y..last.saturating_sub(1)) {
        painter.text(inside.x, y, inside.width, line, Role::Text);
    }
    let hint = last.saturating_sub(2);
    if hint > inside.y + rows {
        painter.text(inside.x, hint, inside.width, "all of it, in dollars: 2.50; or as 3000000 tokens", Role::Muted);
    }
    draw_field(painter, inside, last.saturating_sub(1), "may take", &open.field, true);
    let mut keys = Vec::new();
    for (key, label) in [("Enter", "set it"), ("Esc", "leave it")] {
        keys.extend([Run::new(key, Role::Key), Run::new(format!(" {label}   "), Role::KeyLabel)]);
    }
    if open.sent {
        keys.push(Run::new("setting …", Role::Muted));
    } else {
        keys.push(Run::new(open.wrong, Role::Error));
    }
    painter.runs(inside.x, last, inside.width, &keys);
}

/// Columns of the window.
const WIDTH: u16 = 74;
