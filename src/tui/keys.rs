//! What keys do: windows on top first, then the keymap, then the action.

use crossterm::event::KeyCode;

use super::actions::{Action, Context};
use super::asks::{ask_patch_sets, ask_tab, load_current, open_session};
use super::comparison_keys::{compare, on_comparison_key};
use super::diff_keys::{act_in_session, to_file};
use super::hold_keys::{discard, pause, pick};
use super::keymap::{Key, Meaning};
use super::look_around::{on_origin_key, on_peek_key, on_picker_key};
use super::model::{Confirm, Field, Model, Overlay, Settings, Task, Ticket, Tone};
use super::screens::decision::{Decision, Intent, Outcome};
use super::screens::inbox;
use super::screens::palette::Palette;
use super::screens::patches::Enter;
use super::screens::review::Tab;
use super::screens::wizard::Wizard;
use super::search::search;
use super::texts::{show_artifact, show_log};
use super::trust_keys::ask_trust;
use super::update::{relayout, scroll_to_cursor};
use super::window_keys::{on_comment_key, on_palette_key, on_search_key, on_wizard_key};
use crate::api::{
    CancelRequest, CheckRequest, MonitorRequest, PanelRequest, PublishRequest, RegenerateRequest, Request,
    TriageRequest, TriageWord, Verdict,
};
use crate::id::{SessionId, SessionRef};

/// Takes a key.
pub(crate) fn on_key(model: &mut Model, key: Key) -> Vec<Task> {
    if model.overlays.is_empty() {
        model.toast = None;
    }
    match model.overlays.last_mut() {
        Some(Overlay::Decision(decision)) => {
            let session = decision.session.session;
            let done = decision.intent.done();
            match decision.key(key) {
                Outcome::Stay => Vec::new(),
                Outcome::Close => close_overlay(model),
                Outcome::Tick => super::tick_keys::open(model),
                Outcome::Compare => {
                    model.overlays.pop();
                    compare(model)
                }
                Outcome::Send(request) => vec![Task::Ask(Ticket::Decide(session, done), *request)],
            }
        }
        Some(Overlay::Confirm(confirm)) => match key.typed() {
            Some('y') if confirm.armed => {
                let Some(Overlay::Confirm(confirm)) = model.overlays.pop() else { return Vec::new() };
                confirm.asks.into_iter().map(|(ticket, request)| Task::Ask(ticket, request)).collect()
            }
            Some('y') => {
                confirm.early = true;
                Vec::new()
            }
            Some('n' | 'q') => close_overlay(model),
            _ if matches!(key.code(), KeyCode::Esc) || Key::parse("Ctrl-c") == Some(key) => close_overlay(model),
            // a key that means nothing here must not look like an answer
            _ => {
                confirm.early &= !confirm.armed;
                Vec::new()
            }
        },
        Some(Overlay::Help { filter, scroll }) => match key.code() {
            KeyCode::Esc | KeyCode::Enter => close_overlay(model),
            KeyCode::Down | KeyCode::PageDown => {
                *scroll += if key.code() == KeyCode::Down { 1 } else { 10 };
                Vec::new()
            }
            KeyCode::Up | KeyCode::PageUp => {
                *scroll = scroll.saturating_sub(if key.code() == KeyCode::Up { 1 } else { 10 });
                Vec::new()
            }
            _ if filter.text().is_empty() && matches!(key.typed(), Some('q' | '?')) => close_overlay(model),
            _ if filter.text().is_empty() && key.typed() == Some('j') => {
                *scroll += 1;
                Vec::new()
            }
            _ if filter.text().is_empty() && key.typed() == Some('k') => {
                *scroll = scroll.saturating_sub(1);
                Vec::new()
            }
            _ => {
                filter.key(key);
                *scroll = 0;
                let columns = super::screens::help::columns(model.size.0);
                let rows = super::screens::help::rows(model, &overlay_filter(model), columns).len();
                if let Some(Overlay::Help { scroll, .. }) = model.overlays.last_mut() {
                    *scroll = (*scroll).min(rows);
                }
                Vec::new()
            }
        },
        Some(Overlay::Palette(_)) => on_palette_key(model, key),
        Some(Overlay::Search(_)) => on_search_key(model, key),
        Some(Overlay::Steer(_)) => super::hold_keys::on_steer_key(model, key),
        Some(Overlay::Budget(_)) => super::budget_keys::on_key(model, key),
        Some(Overlay::Comment(_)) => on_comment_key(model, key),
        Some(Overlay::Wizard(_)) => on_wizard_key(model, key),
        Some(Overlay::Peek(_)) => on_peek_key(model, key),
        Some(Overlay::Picker(_)) => on_picker_key(model, key),
        Some(Overlay::Origin(_)) => on_origin_key(model, key),
        Some(Overlay::Comparison(_)) => on_comparison_key(model, key),
        Some(Overlay::Ticks(_)) => super::tick_keys::on_ticks_key(model, key),
        None => on_mapped_key(model, key),
    }
}

fn overlay_filter(model: &Model) -> String {
    match model.overlays.last() {
        Some(Overlay::Help { filter, .. }) => filter.text().to_owned(),
        _ => String::new(),
    }
}

pub(crate) fn close_overlay(model: &mut Model) -> Vec<Task> {
    model.overlays.pop();
    scroll_to_cursor(model);
    Vec::new()
}

fn on_mapped_key(model: &mut Model, key: Key) -> Vec<Task> {
    model.pending.push(key);
    let contexts = model.contexts();
    let keys = std::mem::take(&mut model.pending);
    if keys.len() > 1 && key.code() == KeyCode::Esc {
        return Vec::new();
    }
    match model.settings.keymap.meaning(&contexts, &keys) {
        Meaning::Do(Action::Back) if key.code() == KeyCode::Esc && super::search::stop(model) => {
            model.say(super::model::Tone::Info, "search stopped");
            Vec::new()
        }
        // one Esc too many must not leave the program
        Meaning::Do(Action::Back) if key.code() == KeyCode::Esc && model.review.is_none() => {
            model.search.clear();
            model.inbox.picked.clear();
            Vec::new()
        }
        // what was found is gone through with the keys that do so everywhere, until Esc ends the search
        Meaning::Do(_) if searches_on(model, &keys) => act(model, Action::SearchNext),
        Meaning::Do(action) => act(model, action),
        Meaning::Prefix => {
            model.pending = keys;
            Vec::new()
        }
        Meaning::Nothing => Vec::new(),
    }
}

/// Whether a search of the inbox is under way and `keys` would go on with it anywhere else.
fn searches_on(model: &Model, keys: &[Key]) -> bool {
    let searches = model.review.is_none() && !model.search.is_empty();
    searches && model.settings.keymap.meaning(&[Context::Everywhere], keys) == Meaning::Do(Action::SearchNext)
}

/// Pasted text goes where text is typed; anywhere else it does nothing.
pub(crate) fn on_paste(model: &mut Model, text: &str) {
    match model.overlays.last_mut() {
        Some(Overlay::Comment(comment)) => {
            comment.text.insert_str(text);
        }
        Some(Overlay::Wizard(wizard)) => wizard.paste(text),
        Some(Overlay::Palette(palette)) => palette.field.insert(text),
        Some(Overlay::Search(field) | Overlay::Help { filter: field, .. }) => field.insert(text),
        Some(Overlay::Steer(steer)) => steer.field.insert(text),
        Some(Overlay::Budget(open)) => open.field.insert(text),
        Some(Overlay::Decision(decision)) => decision.paste(text),
        Some(Overlay::Picker(picker)) => picker.filter.insert(text),
        Some(Overlay::Ticks(ticks)) => ticks.message.iter_mut().for_each(|field| field.insert(text)),
        Some(Overlay::Confirm(_) | Overlay::Peek(_) | Overlay::Origin(_) | Overlay::Comparison(_)) | None => {}
    }
}

/// The wheel moves what the keys move.
pub(crate) fn on_wheel(model: &mut Model, lines: i16) -> Vec<Task> {
    let rows = super::screens::peek::rows(model.size);
    if let Some(Overlay::Peek(peek)) = model.overlays.last_mut() {
        peek.move_by(isize::from(lines), rows);
        return Vec::new();
    }
    if !model.overlays.is_empty() {
        return Vec::new();
    }
    move_by(model, isize::from(lines))
}

/// A click puts the cursor there.
pub(crate) fn on_click(model: &mut Model, _column: u16, row: u16) -> Vec<Task> {
    if !model.overlays.is_empty() {
        return Vec::new();
    }
    if model.review.is_none() {
        let body = super::screens::frame::Frame::inbox(model.size).body;
        let each = inbox::rows_each(body);
        if row >= body.y && row < body.bottom() {
            let mut list = model.inbox.list;
            list.show(model.inbox.len(), usize::from(body.height / each));
            let at = list.top + usize::from((row - body.y) / each);
            if at < model.inbox.len() {
                model.inbox.list.cursor = at;
            }
        }
        return Vec::new();
    }
    let Some(review) = model.review.as_ref().filter(|review| review.tab == Tab::Patches) else { return Vec::new() };
    let area = super::screens::patches::panes(model, review).diff;
    if let Some(review) = model.review.as_mut().filter(|_| row >= area.y && row < area.bottom()) {
        review.patches.cursor = review.patches.top + usize::from(row - area.y);
        scroll_to_cursor(model);
    }
    Vec::new()
}

/// Does what was asked.
pub(crate) fn act(model: &mut Model, action: Action) -> Vec<Task> {
    match action {
        Action::LineDown => move_by(model, 1),
        Action::LineUp => move_by(model, -1),
        Action::HalfPageDown => move_by(model, page(model) / 2),
        Action::HalfPageUp => move_by(model, -page(model) / 2),
        Action::PageDown => move_by(model, page(model)),
        Action::PageUp => move_by(model, -page(model)),
        Action::Top => move_by(model, isize::MIN / 2),
        Action::Bottom => move_by(model, isize::MAX / 2),
        Action::Quit => vec![Task::Quit],
        Action::Redraw => vec![Task::Redraw],
        Action::Suspend => vec![Task::Suspend],
        Action::Help => show(model, Overlay::Help { filter: Field::default(), scroll: 0 }),
        Action::Palette => show(model, Overlay::Palette(Palette::default())),
        Action::Search => show(model, Overlay::Search(Field::default())),
        Action::SearchNext => search(model, true),
        Action::SearchPrevious => search(model, false),
        Action::Back => back(model),
        Action::Open => open(model),
        Action::NextNeedsMe => next_needing(model),
        Action::NewSession => {
            let Settings { here, engine, .. } = &model.settings;
            let mut wizard = Wizard::new(here.as_deref());
            wizard.configured.clone_from(engine);
            show(model, Overlay::Wizard(Box::new(wizard)))
        }
        Action::CycleFilter | Action::CycleSort | Action::TogglePreview => arrange_inbox(model, action),
        Action::PickSession => pick(model),
        Action::PauseSession => pause(model),
        Action::Steer => super::hold_keys::steer(model),
        Action::Budget => super::budget_keys::open(model),
        Action::DiscardCheckouts => discard(model),
        Action::Approve => decide(model, Intent::Decide(Verdict::Approve)),
        Action::Reject => decide(model, Intent::Decide(Verdict::Reject)),
        Action::RequestChanges => decide(model, Intent::Decide(Verdict::RequestChanges)),
        Action::Override => decide(model, Intent::Override),
        Action::Copy | Action::CopyReference => copy(model, action == Action::CopyReference),
        Action::NextTheme => next_theme(model),
        Action::Publish | Action::CancelSession | Action::Regenerate | Action::DropLane | Action::Trust => {
            confirm(model, action)
        }
        Action::Monitor => confirm(model, action),
        Action::Rewrite => super::rewrite_keys::ask(model),
        Action::Compare => compare(model),
        Action::Tick => super::tick_keys::open(model),
        Action::CheckAgain => check_again(model, false),
        Action::CheckBaseToo => check_again(model, true),
        Action::Go | Action::Defer | Action::Decline => confirm(model, action),
        Action::TabOverview => tab(model, Tab::Overview),
        Action::TabArchitecture => tab(model, Tab::Architecture),
        Action::TabTimeline => tab(model, Tab::Timeline),
        Action::TabArtifacts => tab(model, Tab::Artifacts),
        Action::TabPolicy => tab(model, Tab::Policy),
        Action::TabPatches => tab(model, Tab::Patches),
        Action::TabRuns => tab(model, Tab::Runs),
        Action::TabBeads => tab(model, Tab::Beads),
        Action::TabMetrics => tab(model, Tab::Metrics),
        Action::Save | Action::EditText | Action::CycleKind => Vec::new(),
        _ if model.review.is_some() => act_in_session(model, action),
        _ => Vec::new(),
    }
}

pub(crate) fn show(model: &mut Model, overlay: Overlay) -> Vec<Task> {
    model.overlays.push(overlay);
    Vec::new()
}

fn page(model: &Model) -> isize {
    let rows = match &model.review {
        Some(review) if review.tab == Tab::Patches => super::screens::patches::panes(model, review).diff.height,
        Some(_) => super::screens::frame::Frame::session(model.size).body.height,
        None => {
            let body = super::screens::frame::Frame::inbox(model.size).body;
            body.height / inbox::rows_each(body)
        }
    };
    isize::try_from(rows.max(2)).unwrap_or(2)
}

pub(crate) fn list_len(model: &Model) -> usize {
    match &model.review {
        Some(review) if review.is_page() => {
            let body = super::screens::frame::Frame::session(model.size).body;
            let rows = super::screens::review::page_rows(model, review, body.width);
            rows.saturating_sub(usize::from(body.height)) + 1
        }
        Some(review) => review.len(),
        None => model.inbox.len(),
    }
}

pub(crate) fn move_list(model: &mut Model, rows: isize, len: usize) {
    let size = model.size;
    match &mut model.review {
        Some(review) => {
            let list = review.list_mut();
            list.move_by(rows, len);
            list.show(len, usize::from(super::screens::frame::Frame::session(size).body.height / 2).max(1));
        }
        None => {
            model.inbox.list.move_by(rows, len);
            let body = super::screens::frame::Frame::inbox(size).body;
            model.inbox.list.show(len, usize::from(body.height / inbox::rows_each(body)));
        }
    }
}

fn move_by(model: &mut Model, rows: isize) -> Vec<Task> {
    let tab = model.review.as_ref().map(|review| (review.tab, review.patches.in_tree));
    match tab {
        Some((Tab::Patches, true)) => {
            let Some(review) = &mut model.review else { return Vec::new() };
            let len = review.patches.files.len();
            let at = review.patches.current.saturating_add_signed(rows).min(len.saturating_sub(1));
            to_file(model, at, Enter::Unreviewed)
        }
        Some((Tab::Patches, false)) => {
            if let Some(review) = &mut model.review {
                let patches = &mut review.patches;
                let last = patches.layout.rows().saturating_sub(1);
                patches.cursor = patches.cursor.saturating_add_signed(rows).min(last);
            }
            scroll_to_cursor(model);
            Vec::new()
        }
        Some((Tab::Runs, _)) if rows.abs() > 1 => {
            if let Some(review) = &mut model.review {
                let runs = &mut review.runs;
                let (lines, before) = runs.text.as_ref().map_or((0, 0), |(_, page)| (page.lines.len(), page.before));
                runs.back = runs.back.saturating_add_signed(rows.saturating_neg()).min(lines);
                runs.follow = runs.back == 0;
                if runs.back == lines && before > 0 {
                    runs.wanted += super::log_text::PAGE;
                    return show_log(model);
                }
            }
            Vec::new()
        }
        Some((Tab::Artifacts, _)) if rows.abs() > 1 => {
            if let Some(review) = &mut model.review {
                let lines = review.document.as_ref().map_or(0, |(_, text)| text.lines().count());
                review.document_top = review.document_top.saturating_add_signed(rows).min(lines.saturating_sub(1));
            }
            Vec::new()
        }
        Some((tab, _)) => {
            let len = list_len(model);
            move_list(model, rows, len);
            match tab {
                Tab::Runs => show_log(model),
                Tab::Artifacts => show_artifact(model),
                _ => Vec::new(),
            }
        }
        None => {
            let len = list_len(model);
            move_list(model, rows, len);
            Vec::new()
        }
    }
}

fn back(model: &mut Model) -> Vec<Task> {
    if !model.search.is_empty() {
        model.search.clear();
        return Vec::new();
    }
    if model.review.is_none() && !model.inbox.picked.is_empty() {
        model.inbox.picked.clear();
        return Vec::new();
    }
    let Some(review) = &mut model.review else { return vec![Task::Quit] };
    if review.patches.anchor.take().is_some() || review.expanded.take().is_some() {
        return Vec::new();
    }
    if review.tab == Tab::Patches && review.patches.in_tree {
        review.patches.in_tree = false;
        relayout(model);
        return Vec::new();
    }
    model.close_review();
    Vec::new()
}

fn open(model: &mut Model) -> Vec<Task> {
    let Some(review) = &mut model.review else {
        let id = model.inbox.selected().map(|row| row.id);
        return id.map(|id| open_session(model, id)).unwrap_or_default();
    };
    match review.tab {
        Tab::Patches if review.patches.in_tree => {
            review.patches.in_tree = false;
            relayout(model);
            Vec::new()
        }
        Tab::Timeline => {
            let at = review.list().cursor;
            review.expanded = if review.expanded == Some(at) { None } else { Some(at) };
            Vec::new()
        }
        Tab::Policy => {
            let at = review.list().cursor;
            let Some(found) = review.version_view().and_then(|version| version.violations.get(at)) else {
                return Vec::new();
            };
            let (path, line) = (found.path.clone(), found.line);
            let file =
                review.patches.files.iter().position(|(set, file)| review.patches.sets[*set].files[*file].path == path);
            review.tab = Tab::Patches;
            match file {
                Some(file) => to_file(model, file, line.map_or(Enter::First, Enter::Line)),
                None => load_current(model),
            }
        }
        Tab::Overview => tab(model, Tab::Patches),
        _ => Vec::new(),
    }
}

fn next_needing(model: &mut Model) -> Vec<Task> {
    let after = model.review.as_ref().map(|review| review.id);
    match model.inbox.next_needing(after) {
        Some(id) if Some(id) != after => open_session(model, id),
        _ => {
            model.say(Tone::Info, "nothing else needs you");
            Vec::new()
        }
    }
}

fn arrange_inbox(model: &mut Model, action: Action) -> Vec<Task> {
    let inbox = &mut model.inbox;
    let selected = inbox.selected().map(|row| row.id);
    match action {
        Action::CycleFilter => inbox.filter = inbox.filter.next(),
        Action::CycleSort => inbox.sort = inbox.sort.next(),
        _ => inbox.preview = !inbox.preview,
    }
    inbox.arrange(selected);
    Vec::new()
}

fn tab(model: &mut Model, tab: Tab) -> Vec<Task> {
    let Some(review) = &mut model.review else { return Vec::new() };
    review.tab = tab;
    review.chosen = true;
    if tab == Tab::Patches && review.patches.files.is_empty() {
        let tasks = ask_patch_sets(review);
        return tasks;
    }
    ask_tab(model)
}

/// Opens the decision panel: on the version being read, or the selected session's newest.
fn decide(model: &mut Model, intent: Intent) -> Vec<Task> {
    let mut tasks = Vec::new();
    if model.review.is_none() {
        if !model.inbox.picked.is_empty() {
            model.say(Tone::Warning, "a decision is made on one session at a time");
            if let Some(toast) = &mut model.toast {
                toast.hint = "Esc ends the selection".to_owned();
            }
            return tasks;
        }
        let Some(row) = model.inbox.selected() else { return tasks };
        if row.version.is_none() {
            model.say(Tone::Warning, "there is no version to decide on yet");
            return tasks;
        }
        // what was read is known only with the session open
        let id = row.id;
        tasks = open_session(model, id);
    }
    let Some(review) = &model.review else { return tasks };
    if review.view.is_some() && review.version_view().is_none() {
        model.say(Tone::Warning, "there is no version to decide on yet");
        return tasks;
    }
    if let Some(newer) = review.newer() {
        model.say(Tone::Warning, format!("superseded: {newer} is here; read that one"));
        return tasks;
    }
    let (session, repo) = (review.reference(), review.repo());
    if let Some(repo) = repo.as_ref().filter(|repo| review.patches.dropped.contains(repo)) {
        model.say(Tone::Warning, format!("{} was dropped: nothing of it is decided", super::screens::plain(repo)));
        return tasks;
    }
    let left_out = super::own_version::request(review);
    // what is left out makes the next version by itself; comments are sent with it, or all goes to the engine
    let sends_back = intent == Intent::Decide(Verdict::RequestChanges);
    let derives = sends_back && left_out.is_some();
    let intent = if derives { Intent::Derive } else { intent };
    let mut decision = Decision::new(intent, session, repo.clone());
    decision.drafts = review.drafts.len();
    decision.left_out = left_out.as_ref().map(super::own_version::listed).unwrap_or_default();
    decision.derive = left_out.filter(|_| derives).map(Box::new);
    let (done, all, _) = review.patches.progress(repo.as_deref());
    decision.progress = (done, all);
    if intent == Intent::Decide(Verdict::Approve) {
        decision.unseen = review.patches.unseen(repo.as_deref());
    }
    decision.measure(model.size);
    tasks.push(decision.ask_panel());
    model.overlays.push(Overlay::Decision(Box::new(decision)));
    tasks
}

/// Runs the checks again: of the version being read, or the selected session's newest. Nothing is lost by it: what they
/// came to is in the record.
fn check_again(model: &mut Model, base_too: bool) -> Vec<Task> {
    let (session, repo) = match (&model.review, model.inbox.selected()) {
        (Some(review), _) => (review.reference(), review.repo()),
        (None, Some(row)) => (SessionRef { session: row.id, version: None }, None),
        (None, None) => return Vec::new(),
    };
    let ticket = Ticket::Changed(session.session, "the checks run again");
    vec![Task::Ask(ticket, Request::Check(CheckRequest { session, repo, base_too }))]
}

fn copy(model: &mut Model, name: bool) -> Vec<Task> {
    let text = match &model.review {
        None => model.inbox.selected().map(|row| if name { row.id.to_string() } else { row.goal.raw().to_owned() }),
        Some(review) if review.tab == Tab::Patches => {
            let patches = &review.patches;
            let path = patches.file().map(|(_, file)| file.path.to_string()).unwrap_or_default();
            match (patches.line(), name) {
                (Some((_, line, _)), true) => Some(format!("{path}:{line}")),
                (Some((side, line, from)), false) => {
                    let lines: Vec<_> = (from.unwrap_or(line)..=line).map(|line| patches.text_of(side, line)).collect();
                    Some(lines.join("\n"))
                }
                (None, _) => Some(path),
            }
        }
        Some(review) => {
            review.patch_set().map(|set| set.digest.to_string()).or_else(|| Some(review.reference().to_string()))
        }
    };
    let Some(text) = text else { return Vec::new() };
    if text.len() > super::terminal::MAX_COPY {
        model.say(Tone::Warning, format!("{} bytes are more than a terminal takes", text.len()));
        return Vec::new();
    }
    let shown = super::screens::plain(&text);
    model.say(Tone::Info, format!("copied {}", crate::text::width::truncate_end(&shown, 50)));
    vec![Task::Copy(text)]
}

fn next_theme(model: &mut Model) -> Vec<Task> {
    let names: Vec<_> = super::theme::Theme::names().collect();
    let at = names.iter().position(|name| *name == model.settings.theme.name()).map_or(0, |at| at + 1);
    let name = names[at % names.len()];
    if let Ok(theme) = super::theme::Theme::named(name, model.settings.depth) {
        model.settings.theme = theme;
    }
    model.say(Tone::Info, format!("theme {name}"));
    vec![Task::Redraw]
}

/// Asks once before anything that cannot be taken back.
fn confirm(model: &mut Model, action: Action) -> Vec<Task> {
    let selected = model.inbox.selected().map(|row| row.id);
    let Some(id) = model.review.as_ref().map(|review| review.id).or(selected) else { return Vec::new() };
    if action == Action::Trust {
        return ask_trust(model);
    }
    if action == Action::Publish {
        let (session, repo) = match &model.review {
            Some(review) => (review.reference(), review.repo()),
            None => (SessionRef { session: id, version: None }, None),
        };
        return vec![Task::Ask(Ticket::PublishQuestion(id), Request::Panel(PanelRequest { session, repo }))];
    }
    let Some((title, lines, ticket, request)) = question(model, action, id) else { return Vec::new() };
    let asks = vec![(ticket, request)];
    show(model, Overlay::Confirm(Box::new(Confirm { title, lines, armed: false, early: false, asks })))
}

/// Asks whether to publish, with what that writes.
pub(crate) fn ask_publish(model: &mut Model, id: SessionId, writes: &[String]) -> Vec<Task> {
    if !model.overlays.is_empty() {
        return Vec::new();
    }
    let mut lines = match writes {
        [] => vec!["Writes the approved branch into your repository.".to_owned()],
        _ => writes.iter().map(|write| format!("Writes {}", super::screens::plain(write))).collect(),
    };
    let others = model
        .review
        .as_ref()
        .and_then(|review| review.version_view())
        .map_or(0, |it| it.patch_sets.len().saturating_sub(1));
    if others > 0 {
        lines.push(format!("And so for {} more.", counted_repositories(others)));
    }
    lines.push("Nothing is checked out or merged.".to_owned());
    let asks = vec![(Ticket::Changed(id, "publishing"), Request::Publish(PublishRequest { session: id }))];
    let title = format!("Publish session {id}");
    show(model, Overlay::Confirm(Box::new(Confirm { title, lines, armed: false, early: false, asks })))
}

fn counted_repositories(count: usize) -> String {
    if count == 1 { "one repository".to_owned() } else { format!("{count} repositories") }
}

fn triage(session: SessionId, word: TriageWord) -> Request {
    Request::Triage(TriageRequest { session, word, message: String::new() })
}

fn question(model: &Model, action: Action, id: SessionId) -> Option<(String, Vec<String>, Ticket, Request)> {
    let review = model.review.as_ref();
    let changed = |done| Ticket::Changed(id, done);
    Some(match action {
        Action::CancelSession => (
            format!("Cancel session {id}"),
            vec!["Ends everything it runs. Patches and history stay.".to_owned()],
            changed("cancelled"),
            Request::Cancel(CancelRequest { session: id }),
        ),
        Action::Monitor => (
            format!("Ask how session {id} fares"),
            vec![
                "Asks a model, which is paid for it. It changes nothing, and nothing starts by itself.".to_owned(),
                format!("With a log: paraph monitor {id} --log FILE"),
            ],
            changed("the monitor is asked"),
            Request::Monitor(MonitorRequest { session: id, log: None }),
        ),
        Action::Regenerate => (
            format!("Regenerate session {id}"),
            vec!["Asks the engine for the next version.".to_owned()],
            changed("regenerating"),
            Request::Regenerate(RegenerateRequest {
                session: id,
                engine: None,
                rules: Vec::new(),
                patch: None,
                program: None,
                message: String::new(),
            }),
        ),
        Action::Go => (
            format!("GO for session {id}"),
            vec!["Takes the goal up, or what the documents say of it. It is recorded as yours.".to_owned()],
            changed("taken up"),
            triage(id, TriageWord::Go),
        ),
        Action::Defer => (
            format!("Defer session {id}"),
            vec!["Puts the goal off. GO takes it up again.".to_owned()],
            changed("deferred"),
            triage(id, TriageWord::Defer),
        ),
        Action::Decline => (
            format!("Decline session {id}"),
            vec!["Does not take the goal up, for good. History stays.".to_owned()],
            changed("declined"),
            triage(id, TriageWord::Decline),
        ),
        Action::DropLane => {
            let repo = review?.repo()?;
            (
                format!("Drop {} from session {id}", super::screens::plain(&repo)),
                vec!["The other repositories can ship without it.".to_owned()],
                changed("dropped"),
                Request::Drop(crate::api::DropRequest { session: id, repo }),
            )
        }
        _ => return None,
    })
}
