//! Keys of the list of criteria that a person ticks. A tick is about the version being read, and can be taken back.

use crossterm::event::KeyCode;

use super::keymap::Key;
use super::keys::{close_overlay, show};
use super::model::{Field, Model, Overlay, Task, Ticket, Tone};
use super::screens::plain;
use super::screens::ticks::{Ticks, waiting};
use crate::api::{Request, TickRequest};
use crate::id::SessionId;

/// Opens the list, where something of the version being read waits for a tick.
pub(crate) fn open(model: &mut Model) -> Vec<Task> {
    let Some(review) = &model.review else { return Vec::new() };
    let (reference, some) = (review.reference(), waiting(review).next().is_some());
    if let Some(newer) = review.newer() {
        model.say(Tone::Warning, format!("superseded: {newer} is here; a tick is about the newest"));
        return Vec::new();
    }
    if !some {
        model.say(Tone::Info, "nothing here waits for a tick: checks and rules show the rest");
        return Vec::new();
    }
    show(model, Overlay::Ticks(Box::new(Ticks::new(reference))))
}

pub(crate) fn on_ticks_key(model: &mut Model, key: Key) -> Vec<Task> {
    let Some(Overlay::Ticks(ticks)) = model.overlays.last_mut() else { return Vec::new() };
    let Some(review) = &model.review else { return close(model) };
    if Key::parse("Ctrl-c") == Some(key) {
        return close(model);
    }
    if let Some(field) = &mut ticks.message {
        match key.code() {
            KeyCode::Esc => ticks.message = None,
            KeyCode::Enter if !ticks.sent => return tick(model),
            _ => drop(field.key(key)),
        }
        return Vec::new();
    }
    let (len, is_met) = (waiting(review).count(), ticks.chosen(review).is_some_and(|chosen| chosen.met == Some(true)));
    match (key.code(), key.typed()) {
        (KeyCode::Esc, _) | (_, Some('q' | 'T')) => return close(model),
        (KeyCode::Down, _) | (_, Some('j')) => ticks.list.move_by(1, len),
        (KeyCode::Up, _) | (_, Some('k')) => ticks.list.move_by(-1, len),
        (_, Some('m')) if !is_met && len > 0 => ticks.message = Some(Field::default()),
        (KeyCode::Enter, _) | (_, Some(' ')) if !ticks.sent => return tick(model),
        _ => {}
    }
    Vec::new()
}

/// Ticks the criterion under the cursor, or takes that back.
fn tick(model: &mut Model) -> Vec<Task> {
    let Some(Overlay::Ticks(ticks)) = model.overlays.last_mut() else { return Vec::new() };
    let Some(chosen) = model.review.as_ref().and_then(|review| ticks.chosen(review)) else { return Vec::new() };
    let (ticked, criterion) = (chosen.met != Some(true), chosen.id.clone());
    let message = ticks.message.as_ref().map(|field| field.text().trim().to_owned()).unwrap_or_default();
    ticks.sent = true;
    let (session, ticket) = (ticks.session, Ticket::Ticked(ticks.session.session, criterion.clone(), ticked));
    vec![Task::Ask(ticket, Request::Tick(TickRequest { session, criterion, ticked, message }))]
}

/// It was recorded: the list stays, for there may be more of them.
pub(crate) fn ticked(model: &mut Model, id: SessionId, criterion: &str, ticked: bool) {
    for overlay in &mut model.overlays {
        if let Overlay::Ticks(ticks) = overlay
            && ticks.session.session == id
        {
            (ticks.sent, ticks.message) = (false, None);
        }
    }
    let word = if ticked { "is ticked" } else { "is ticked no more" };
    model.say(Tone::Success, format!("{} {word}", plain(criterion)));
}

/// Closes the list. A panel under it is asked for anew: what it rests on may be another thing now.
fn close(model: &mut Model) -> Vec<Task> {
    let mut tasks = close_overlay(model);
    if let Some(Overlay::Decision(decision)) = model.overlays.last_mut() {
        decision.begin_again();
        tasks.push(decision.ask_panel());
    }
    tasks
}
