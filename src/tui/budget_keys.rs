//! The key that sets what the models of a session may take. What stood still for it goes on.

use crossterm::event::KeyCode;

use super::hold_keys::{meant, say_changed};
use super::keymap::Key;
use super::keys::{close_overlay, show};
use super::model::{Field, Model, Overlay, Task, Ticket, Tone};
use super::screens::budget::{BudgetBox, is_spent, told};
use crate::api::{BudgetRequest, Request, micros_of};
use crate::id::SessionId;
use crate::text::Untrusted;

/// Opens the field for the session that is meant.
pub(crate) fn open(model: &mut Model) -> Vec<Task> {
    let row = match meant(model).as_slice() {
        [one] => Some((one.id, is_spent(&one.next).then(|| one.reason.clone()))),
        // a link may lead to a session that no row of the inbox shows
        [] => model.review.as_ref().map(|review| (review.id, None)),
        _ => {
            model.say(Tone::Info, "a budget is set for one session at a time");
            return Vec::new();
        }
    };
    let Some((session, spent)) = row else { return Vec::new() };
    let view = model.review.as_ref().and_then(|review| review.view.as_ref());
    let why = spent.or_else(|| Some(Untrusted::new(told(&view?.usage)))).unwrap_or_default();
    let (field, wrong) = (Field::default(), "");
    show(model, Overlay::Budget(Box::new(BudgetBox { session, why, field, wrong, sent: false })))
}

/// What was typed stays until the service has it.
pub(crate) fn on_key(model: &mut Model, key: Key) -> Vec<Task> {
    let Some(Overlay::Budget(open)) = model.overlays.last_mut() else { return Vec::new() };
    if key.code() == KeyCode::Esc || Key::parse("Ctrl-c") == Some(key) {
        return close_overlay(model);
    }
    if key.code() != KeyCode::Enter {
        open.wrong = "";
        open.field.key(key);
        return Vec::new();
    }
    let text = open.field.text().trim();
    if text.is_empty() {
        return close_overlay(model);
    }
    let Some((cost_micros, tokens)) = limit(text) else {
        open.wrong = "that is no amount";
        return Vec::new();
    };
    if std::mem::replace(&mut open.sent, true) {
        return Vec::new();
    }
    let session = open.session;
    vec![Task::Ask(Ticket::Budget(session), Request::Budget(BudgetRequest { session, cost_micros, tokens }))]
}

/// It is set: the window goes.
pub(crate) fn was_set(model: &mut Model, id: SessionId) {
    model.overlays.retain(|overlay| !matches!(overlay, Overlay::Budget(open) if open.session == id));
    say_changed(model, id, "budget set");
}

/// Dollars in millionths, or tokens: `2.50`, `$2.50`, `3000000 tokens`, `3M tokens`.
fn limit(text: &str) -> Option<(Option<u64>, Option<u64>)> {
    let Some(count) = text.strip_suffix("tokens").or_else(|| text.strip_suffix("token")) else {
        return micros_of(text).map(|micros| (Some(micros), None));
    };
    let count = count.trim_end().replace(['_', ',', ' '], "");
    let (digits, each) = match count.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => count.strip_suffix(['m', 'M']).map_or((count.as_str(), 1), |digits| (digits, 1_000_000)),
    };
    let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let count = digits.parse::<u64>().ok().filter(|_| whole)?.checked_mul(each)?;
    Some((None, Some(count)))
}

#[cfg(test)]
mod tests {
    use super::limit;

    #[test]
    fn a_limit_is_dollars_or_tokens() {
        for (text, dollars, tokens) in [
            ("2.50", Some(2_500_000), None),
            ("$3", Some(3_000_000), None),
            ("3000000 tokens", None, Some(3_000_000)),
            ("3,000,000 tokens", None, Some(3_000_000)),
            ("3M tokens", None, Some(3_000_000)),
            ("500k tokens", None, Some(500_000)),
        ] {
            assert_eq!(limit(text), Some((dollars, tokens)), "{text}");
        }
        for wrong in ["tokens", "+3 tokens", "2.5M tokens", "more", "-1", "1e3", "99999999999999999999 tokens"] {
            assert_eq!(limit(wrong), None, "{wrong}");
        }
    }
}
