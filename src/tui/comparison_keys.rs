//! Keys of the comparison: go between candidates, read one, pick one.

use crossterm::event::KeyCode;

use super::asks::open_session;
use super::keymap::Key;
use super::keys::{close_overlay, show};
use super::model::{Confirm, Model, Overlay, Task, Ticket, Tone};
use super::screens::comparison::Comparison;
use super::screens::plain;
use crate::api::{CompareRequest, ComparisonView, PickRequest, Request};
use crate::id::{SessionId, SessionRef};

/// Opens the comparison of the open session's candidates, or of those of the session under the cursor.
pub(crate) fn compare(model: &mut Model) -> Vec<Task> {
    let of = match &model.review {
        Some(review) => review.view.as_ref().filter(|view| !view.candidates.is_empty()).map(|view| view.id),
        None => model.inbox.selected().filter(|row| row.candidate_of.is_some()).map(|row| row.id),
    };
    let Some(of) = of else {
        model.say(Tone::Info, "this session has no other candidates");
        if let Some(toast) = &mut model.toast {
            toast.hint = "paraph run GOAL --candidate ENGINE --candidate ENGINE".to_owned();
        }
        return Vec::new();
    };
    show(model, Overlay::Comparison(Box::new(Comparison::new(of))));
    vec![ask(of)]
}

fn ask(of: SessionId) -> Task {
    Task::Ask(Ticket::Comparison(of), Request::Compare(CompareRequest { sessions: vec![of] }))
}

fn opened(model: &mut Model) -> Option<&mut Comparison> {
    model.overlays.iter_mut().find_map(|overlay| match overlay {
        Overlay::Comparison(open) => Some(open.as_mut()),
        _ => None,
    })
}

/// Asks for what an open comparison shows, where `changed` is part of it; anything may have changed where it is none.
pub(crate) fn ask_again(model: &mut Model, changed: Option<SessionId>) -> Option<Task> {
    let open = opened(model)?;
    let is_part = |id| open.view.as_ref().is_none_or(|view| view.candidates.iter().any(|one| one.session == id));
    changed.is_none_or(is_part).then(|| ask(open.of))
}

/// The comparison came: the cursor stays on its candidate.
pub(crate) fn compared(model: &mut Model, of: SessionId, view: ComparisonView) {
    if let Some(open) = opened(model).filter(|open| open.of == of) {
        open.take(view);
    }
}

pub(crate) fn on_comparison_key(model: &mut Model, key: Key) -> Vec<Task> {
    let size = model.size;
    let Some(Overlay::Comparison(open)) = model.overlays.last_mut() else { return Vec::new() };
    match (key.code(), key.typed()) {
        (KeyCode::Esc, _) | (_, Some('q' | 'K')) => close_overlay(model),
        (KeyCode::Right | KeyCode::Tab, _) | (_, Some('l')) => {
            open.go(1);
            Vec::new()
        }
        (KeyCode::Left | KeyCode::BackTab, _) | (_, Some('h')) => {
            open.go(-1);
            Vec::new()
        }
        (KeyCode::Down, _) | (_, Some('j')) => move_by(open, 1, size),
        (KeyCode::Up, _) | (_, Some('k')) => move_by(open, -1, size),
        (KeyCode::Enter, _) => {
            let Some(id) = open.selected().map(|one| one.session) else { return Vec::new() };
            model.overlays.clear();
            open_session(model, id)
        }
        (_, Some('p')) => pick(model),
        _ => Vec::new(),
    }
}

/// Down and up go through the lines; where all of them are in sight, between candidates.
fn move_by(open: &mut Comparison, by: isize, size: (u16, u16)) -> Vec<Task> {
    if !open.scroll(by, size) {
        open.go(by);
    }
    Vec::new()
}

/// Asks whether the candidate under the cursor is the one.
fn pick(model: &mut Model) -> Vec<Task> {
    let Some(Overlay::Comparison(open)) = model.overlays.last() else { return Vec::new() };
    let Some(view) = &open.view else { return Vec::new() };
    let Some(one) = open.selected() else { return Vec::new() };
    let (Some(version), Some(set), true) = (one.version, one.patch_sets.first(), one.can_be_picked) else {
        let why = match &view.picked {
            Some(pick) => format!("{}@{} was picked by {}", pick.session, pick.version, plain(&pick.by)),
            None => format!("{} cannot be picked: {}", one.session, super::words::spaced(&one.state)),
        };
        model.say(Tone::Warning, why);
        return Vec::new();
    };
    let others = view.candidates.len() - 1;
    let ends = match others {
        1 => "Ends the other candidate and what it runs; it stays to be read.".to_owned(),
        _ => format!("Ends the {others} other candidates and what they run; they stay to be read."),
    };
    let with =
        Some(plain(&one.with)).filter(|with| !with.is_empty()).map_or_else(String::new, |with| format!(" {with}"));
    let session = SessionRef { session: one.session, version: Some(version) };
    let request = PickRequest { session, digest: set.digest.to_string() };
    let confirm = Confirm {
        title: format!("Pick {session}"),
        lines: vec![
            format!("{}{with}, digest {}", one.engine, set.digest.short()),
            ends,
            "It approves nothing: the decision panel comes after. A pick is not taken back.".to_owned(),
        ],
        armed: false,
        early: false,
        asks: vec![(Ticket::Changed(one.session, "picked"), Request::Pick(request))],
    };
    show(model, Overlay::Confirm(Box::new(confirm)))
}
