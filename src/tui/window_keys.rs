//! What keys do in a window on top: palette, search, comment, wizard.

use std::path::Path;

use crossterm::event::KeyCode;

use super::actions::Action;
use super::asks::open_session;
use super::keymap::{Key, Meaning};
use super::keys::{act, close_overlay, list_len, move_list};
use super::model::{Field, Model, Overlay, Task, Ticket, Tone};
use super::screens::patches::Enter;
use super::screens::review::Tab;
use super::screens::wizard::{At, Wizard};
use super::search::search_here;
use super::update::enter_file;
use crate::api::{EstimateRequest, Failure, IssueSource, Request};
use crate::id::SessionId;
use crate::text::Untrusted;

pub(crate) fn on_palette_key(model: &mut Model, key: Key) -> Vec<Task> {
    let Some(Overlay::Palette(palette)) = model.overlays.last_mut() else { return Vec::new() };
    let len = palette.found().len();
    match key.code() {
        KeyCode::Esc => close_overlay(model),
        KeyCode::Down => {
            palette.list.move_by(1, len);
            Vec::new()
        }
        KeyCode::Up => {
            palette.list.move_by(-1, len);
            Vec::new()
        }
        KeyCode::Tab => {
            if let Some(action) = palette.found().get(palette.list.cursor) {
                palette.field = Field::new(action.name());
            }
            Vec::new()
        }
        KeyCode::Enter => {
            let (line, action) = (palette.line(), palette.found().get(palette.list.cursor).copied());
            model.overlays.pop();
            match (line, action) {
                (Some(line), _) => to_line(model, line),
                (None, Some(action)) => act(model, action),
                (None, None) => Vec::new(),
            }
        }
        _ => {
            palette.field.key(key);
            palette.list.cursor = 0;
            Vec::new()
        }
    }
}

fn to_line(model: &mut Model, line: u32) -> Vec<Task> {
    if let Some(review) = model.review.as_mut().filter(|review| review.tab == Tab::Patches) {
        review.patches.enter = Enter::Line(line);
        enter_file(model);
    } else if model.review.is_none() {
        let id = SessionId(u64::from(line));
        if model.inbox.row(id).is_some() {
            return open_session(model, id);
        }
        model.say(Tone::Warning, format!("there is no session {id}"));
    } else {
        let len = list_len(model);
        move_list(model, isize::MIN / 2, len);
        move_list(model, isize::try_from(line.saturating_sub(1)).unwrap_or(0), len);
    }
    Vec::new()
}

pub(crate) fn on_search_key(model: &mut Model, key: Key) -> Vec<Task> {
    let Some(Overlay::Search(field)) = model.overlays.last_mut() else { return Vec::new() };
    match key.code() {
        KeyCode::Esc => close_overlay(model),
        KeyCode::Enter => {
            model.search = field.text().to_owned();
            model.overlays.pop();
            search_here(model)
        }
        _ => {
            field.key(key);
            Vec::new()
        }
    }
}

pub(crate) fn on_comment_key(model: &mut Model, key: Key) -> Vec<Task> {
    let meaning = model.settings.keymap.meaning(&model.contexts(), &[key]);
    let Some(Overlay::Comment(comment)) = model.overlays.last_mut() else { return Vec::new() };
    match meaning {
        Meaning::Do(Action::CycleKind) => {
            comment.cycle_kind();
            Vec::new()
        }
        Meaning::Do(Action::EditText) => vec![Task::EditText(comment.body())],
        Meaning::Do(Action::Save) => {
            (comment.closing, comment.failed) = (true, false);
            super::draft_keys::keep(model)
        }
        Meaning::Do(Action::Back) => {
            comment.closing = true;
            super::draft_keys::keep(model)
        }
        _ => {
            comment.text.input(key.event());
            Vec::new()
        }
    }
}

pub(crate) fn on_wizard_key(model: &mut Model, key: Key) -> Vec<Task> {
    let meaning = model.settings.keymap.meaning(&model.contexts(), &[key]);
    let Some(Overlay::Wizard(wizard)) = model.overlays.last_mut() else { return Vec::new() };
    let start = match meaning {
        Meaning::Do(Action::Back) => return close_overlay(model),
        Meaning::Do(Action::Quit) => return vec![Task::Quit],
        Meaning::Do(Action::EditText) => {
            wizard.at = At::Goal;
            return vec![Task::EditText(wizard.words().to_owned())];
        }
        Meaning::Do(Action::FocusNext) => {
            wizard.step(1);
            false
        }
        Meaning::Do(Action::FocusPrevious) => {
            wizard.step(-1);
            false
        }
        Meaning::Do(Action::Open) if wizard.at != At::Start => {
            wizard.step(1);
            false
        }
        Meaning::Do(Action::Open | Action::Save) => !wizard.sent,
        _ => {
            wizard.key(key);
            false
        }
    };
    let reads = wizard.wants_issue(start).map(Task::ReadIssue);
    if reads.is_some() && start {
        // what it asks for and what that may cost is told before anything is started
        wizard.at = At::Start;
        return reads.into_iter().collect();
    }
    if !start {
        let estimate = ask_for_the_estimate(wizard, model.settings.folder.as_deref());
        return reads.into_iter().chain(estimate).collect();
    }
    match wizard.request(model.settings.folder.as_deref()) {
        Some(request) => {
            wizard.sent = true;
            vec![Task::Ask(Ticket::Started, Request::Run(request))]
        }
        None => Vec::new(),
    }
}

/// The issue came: the wizard goes on with it, where it still asks for that one.
pub(crate) fn on_issue(
    model: &mut Model,
    url: &str,
    read: Result<(Box<IssueSource>, Untrusted), Failure>,
) -> Vec<Task> {
    let Some(Overlay::Wizard(wizard)) = model.overlays.last_mut() else { return Vec::new() };
    wizard.take_issue(url, read);
    ask_for_the_estimate(wizard, model.settings.folder.as_deref())
}

/// The last step says what the models may cost, before anything is started.
fn ask_for_the_estimate(wizard: &mut Wizard, folder: Option<&Path>) -> Vec<Task> {
    if wizard.at != At::Start {
        wizard.estimate.clear(); // something may be changed now
        return Vec::new();
    }
    if !wizard.estimate.is_empty() {
        return Vec::new();
    }
    let Some(run) = wizard.would_ask(folder) else { return Vec::new() };
    vec![Task::Ask(Ticket::Estimate, Request::Estimate(EstimateRequest { run }))]
}
