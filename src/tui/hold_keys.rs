//! What may be done to several sessions at once: select, pause, discard. Nothing here decides.

use crossterm::event::KeyCode;

use super::keymap::Key;
use super::keys::{close_overlay, show};
use super::model::{Confirm, Field, Model, Overlay, Steer, Task, Ticket, Tone};
use crate::api::{DiscardRequest, DiscardView, PauseRequest, Request, ResumeRequest, SessionRow, SteerRequest};
use crate::id::SessionId;
use crate::text::{counted, sized};

/// Selects the session under the cursor or not any more, and goes to the next.
pub(crate) fn pick(model: &mut Model) -> Vec<Task> {
    if model.review.is_none() {
        model.inbox.pick();
        let len = model.inbox.len();
        super::keys::move_list(model, 1, len);
    }
    Vec::new()
}

/// The sessions that are meant: the open one, those selected, or the one under the cursor.
pub(crate) fn meant(model: &Model) -> Vec<&SessionRow> {
    match &model.review {
        Some(review) => model.inbox.row(review.id).into_iter().collect(),
        None => model.inbox.meant(),
    }
}

fn listed(sessions: &[SessionId]) -> String {
    let names: Vec<String> = sessions.iter().map(ToString::to_string).collect();
    let noun = if sessions.len() == 1 { "session" } else { "sessions" };
    format!("{noun} {}", names.join(", "))
}

/// Pauses what runs; where nothing does, lets go on what is paused.
pub(crate) fn pause(model: &mut Model) -> Vec<Task> {
    let rows = meant(model);
    let running: Vec<SessionId> = rows.iter().filter(|row| row.running && !row.paused).map(|row| row.id).collect();
    let paused: Vec<SessionId> = rows.iter().filter(|row| row.paused).map(|row| row.id).collect();
    let all: Vec<SessionId> = rows.iter().map(|row| row.id).collect();
    let tasks: Vec<Task> = match (running.as_slice(), paused.as_slice()) {
        ([], []) if all.is_empty() => return Vec::new(),
        ([], []) => {
            let verb = if all.len() == 1 { "runs" } else { "run" };
            model.say(Tone::Info, format!("nothing to pause: {} {verb} nothing now", listed(&all)));
            return Vec::new();
        }
        ([], paused) => {
            let resume = |id: &SessionId| {
                Task::Ask(Ticket::Changed(*id, "goes on"), Request::Resume(ResumeRequest { session: *id }))
            };
            paused.iter().map(resume).collect()
        }
        (running, _) => {
            let pause = |id: &SessionId| {
                Task::Ask(Ticket::Changed(*id, "paused"), Request::Pause(PauseRequest { session: *id }))
            };
            running.iter().map(pause).collect()
        }
    };
    model.inbox.picked.clear();
    tasks
}

/// Opens the prompt for words to whoever drafts.
pub(crate) fn steer(model: &mut Model) -> Vec<Task> {
    let row = match meant(model).as_slice() {
        [one] => (one.id, one.running || one.paused),
        [] => return Vec::new(),
        _ => {
            model.say(Tone::Info, "words are for one session at a time");
            return Vec::new();
        }
    };
    let (session, works) = row;
    if !works {
        model.say(Tone::Info, format!("nobody drafts session {session} now"));
        return Vec::new();
    }
    show(model, Overlay::Steer(Box::new(Steer { session, field: Field::default(), sent: false })))
}

/// The words stay until the service has them.
pub(crate) fn on_steer_key(model: &mut Model, key: Key) -> Vec<Task> {
    let Some(Overlay::Steer(steer)) = model.overlays.last_mut() else { return Vec::new() };
    let text = steer.field.text().trim().to_owned();
    match key.code() {
        KeyCode::Esc => close_overlay(model),
        KeyCode::Enter if text.is_empty() => close_overlay(model),
        KeyCode::Enter if steer.sent => Vec::new(),
        KeyCode::Enter => {
            steer.sent = true;
            let session = steer.session;
            vec![Task::Ask(Ticket::Steered(session), Request::Steer(SteerRequest { session, text }))]
        }
        _ => {
            steer.field.key(key);
            Vec::new()
        }
    }
}

/// Asks whether checkouts shall go.
pub(crate) fn discard(model: &mut Model) -> Vec<Task> {
    let all: Vec<SessionId> = meant(model).iter().map(|row| row.id).collect();
    if all.is_empty() {
        return Vec::new();
    }
    let ask = |id: &SessionId| (Ticket::Discarded(*id), Request::Discard(DiscardRequest { session: *id }));
    let confirm = Confirm {
        title: format!("Discard the checkouts of {}", listed(&all)),
        lines: vec![
            "Removes the folders that its checks ran in; the next check makes them anew.".to_owned(),
            "Patch, decisions and history stay, and so does what a running check uses.".to_owned(),
        ],
        armed: false,
        early: false,
        asks: all.iter().map(ask).collect(),
    };
    model.inbox.picked.clear();
    show(model, Overlay::Confirm(Box::new(confirm)))
}

/// Says what was removed.
pub(crate) fn discarded(model: &mut Model, id: SessionId, view: &DiscardView) {
    let stays = match view.in_use {
        0 => String::new(),
        in_use => format!("; {in_use} in use"),
    };
    let text = match view.checkouts {
        0 => format!("session {id} kept no checkout"),
        checkouts => {
            format!("session {id}: {} removed, {}{stays}", counted(checkouts as usize, "checkout"), sized(view.bytes))
        }
    };
    model.say(Tone::Success, text);
}

/// Says what became of a session; of several in a row they are listed together.
pub(crate) fn say_changed(model: &mut Model, id: SessionId, done: &str) {
    let lead = format!("{done}: session ");
    match &mut model.toast {
        Some(toast) if toast.tone == Tone::Success && toast.text.starts_with(&lead) => {
            let known = toast.text[lead.len()..].split(", ").any(|known| known == id.to_string());
            if !known {
                toast.text.push_str(&format!(", {id}"));
            }
        }
        _ => model.say(Tone::Success, format!("{lead}{id}")),
    }
}
