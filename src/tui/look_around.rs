//! Looking around a change: to a definition and back, the outline of a file, who wrote a line. Everything is asked
//! for and shown when it comes; a key never waits, and an answer that nobody waits for any more changes nothing.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crossterm::event::KeyCode;

use super::actions::Action;
use super::diff_view::{Colors, Doc, Row, Side};
use super::keymap::{Key, Meaning};
use super::keys::{act, close_overlay, show};
use super::model::{Model, Overlay, PeekSource, Task, Ticket, Tone};
use super::screens::origin::Origin;
use super::screens::peek::{self, Peek, Place};
use super::screens::picker::{Entry, Picker};
use super::theme::Role;
use super::update::scroll_to_cursor;
use crate::api::{
    BlameRequest, BlameView, DefinitionsRequest, DefinitionsView, Failure, Request, Side as ApiSide, SourceRequest,
    SourceView,
};
use crate::id::RepoPath;
use crate::syntax::OutlineItem;

/// The most names of a line that are looked for.
const MOST_NAMES: usize = 64;

/// Does what was asked in the diff.
pub(crate) fn act_around(model: &mut Model, action: Action) -> Vec<Task> {
    match action {
        Action::Definition => definition(model),
        Action::JumpBack => jump_back(model),
        Action::Outline => outline(model),
        Action::Blame => blame(model),
        _ => Vec::new(),
    }
}

fn next_question(model: &mut Model) -> u32 {
    model.questions = model.questions.wrapping_add(1);
    model.questions
}

/// The line under the cursor of the diff: its side and number (0-based).
fn line_here(model: &Model) -> Option<(Arc<Doc>, Side, u32)> {
    let patches = &model.review.as_ref()?.patches;
    let doc = patches.doc()?.clone();
    let (side, line, _) = patches.line()?;
    let side = if side == ApiSide::Old { Side::Old } else { Side::New };
    Some((doc, side, line.saturating_sub(1)))
}

fn place_of(model: &Model, side: Side) -> Option<(Place, RepoPath)> {
    let review = model.review.as_ref()?;
    let (set, file) = review.patches.file()?;
    let side = if side == Side::Old && set.against == "base" { ApiSide::Old } else { ApiSide::New };
    Some((Place { session: review.reference(), repo: Some(set.repo.clone()), side }, file.path.clone()))
}

fn definition(model: &mut Model) -> Vec<Task> {
    let Some(patches) = model.review.as_ref().map(|review| &review.patches) else { return Vec::new() };
    let (colors, doc) = (patches.colors(), patches.doc().cloned());
    // on a header the first line below it that names anything is meant
    let rows = match patches.layout.row(patches.cursor) {
        Some(Row::Line { .. }) => patches.cursor..patches.cursor + 1,
        _ => patches.cursor..patches.cursor + 12,
    };
    let lines = rows.filter_map(|row| match patches.layout.row(row)? {
        Row::Line { new: Some(new), .. } => Some((Side::New, new)),
        Row::Line { old: Some(old), .. } => Some((Side::Old, old)),
        _ => None,
    });
    let named = doc.as_ref().and_then(|doc| {
        let mut lines = lines.map(|(side, line)| (side, line, names_of(doc, colors.as_deref(), side, line)));
        lines.find(|(_, _, names)| !names.is_empty())
    });
    let Some((side, line, names)) = named else {
        model.say(Tone::Info, "no name on this line");
        return Vec::new();
    };
    let Some((place, path)) = place_of(model, side) else { return Vec::new() };
    ask_definitions(model, place, (path, line + 1), names)
}

fn ask_definitions(model: &mut Model, place: Place, from: (RepoPath, u32), names: Vec<String>) -> Vec<Task> {
    if names.is_empty() {
        model.say(Tone::Info, "no name on this line");
        return Vec::new();
    }
    let asked = next_question(model);
    let Place { session, repo, side } = place.clone();
    let request = DefinitionsRequest { session, repo, side, names: names.clone() };
    let mut picker = Picker::new("Definitions", asked, place, from);
    picker.names = names;
    let mut tasks = show(model, Overlay::Picker(Box::new(picker)));
    tasks.push(Task::Ask(Ticket::Definitions(asked), Request::Definitions(request)));
    tasks
}

/// The names on a line that code could define: not its keywords, texts and comments.
fn names_of(doc: &Doc, colors: Option<&Colors>, side: Side, line: u32) -> Vec<String> {
    let text = String::from_utf8_lossy(doc.line(side, line)).into_owned();
    let pieces = colors.map_or(&[][..], |colors| colors.pieces(side, line));
    let is_code = |at: usize| {
        let piece = pieces.iter().find(|piece| at < piece.end as usize);
        !matches!(
            piece.and_then(|piece| piece.syntax),
            Some(Role::SyntaxKeyword | Role::SyntaxString | Role::SyntaxComment | Role::SyntaxNumber)
        )
    };
    let mut names = Vec::new();
    let mut seen = HashSet::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let in_name = c.is_alphanumeric() || c == '_' || c == '$';
        match (start, in_name) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                let name = &text[from..at];
                let is_number = name.starts_with(|c: char| c.is_ascii_digit());
                if !is_number && is_code(from) && names.len() < MOST_NAMES && seen.insert(name.to_owned()) {
                    names.push(name.to_owned());
                }
                start = None;
            }
            _ => {}
        }
    }
    names
}

/// Definitions came: one is shown at once, several are listed.
pub(crate) fn on_definitions(model: &mut Model, asked: u32, view: DefinitionsView) -> Vec<Task> {
    let Some(Overlay::Picker(picker)) = model.overlays.last_mut() else { return Vec::new() };
    if picker.asked != asked {
        return Vec::new();
    }
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for definition in &view.definitions {
        *count.entry(definition.name.raw().to_owned()).or_default() += 1;
    }
    let (path, line) = picker.from.clone();
    let all = view.definitions.len();
    let mut found = view.definitions;
    found.retain(|definition| (&definition.path, definition.line) != (&path, line));
    // a name with one definition is mostly the one that is meant; of several the nearest file comes first
    found.sort_by_key(|found| (count.get(found.name.raw()).copied(), found.path != path));
    let entries: Vec<Entry> = found
        .into_iter()
        .map(|definition| Entry {
            name: definition.name.display_line().to_string(),
            kind: definition.kind,
            depth: 0,
            changed: false,
            path: Some(definition.path),
            line: definition.line,
        })
        .collect();
    match entries.as_slice() {
        [] => {
            let names = super::screens::plain(&picker.names.join(", "));
            model.overlays.pop();
            let text = if all > 0 {
                "this line is the definition".to_owned()
            } else {
                format!("not defined in this repository: {names}")
            };
            model.say(Tone::Info, text);
            Vec::new()
        }
        [one] if view.more == 0 => {
            let (place, one) = (picker.place.clone(), one.clone());
            model.overlays.pop();
            go_to(model, place, one)
        }
        _ => {
            picker.more = view.more;
            picker.entries = Some(entries);
            Vec::new()
        }
    }
}

/// Shows the place of an entry: another file, or a line of the one that is read.
fn go_to(model: &mut Model, place: Place, entry: Entry) -> Vec<Task> {
    let Some(path) = entry.path else { return to_line(model, entry.line) };
    let asked = next_question(model);
    let Place { session, repo, side } = place.clone();
    let request = SourceRequest { session, repo, side, path: path.clone() };
    let mut tasks = show(model, Overlay::Peek(Box::new(Peek::new(asked, place, path, entry.line))));
    tasks.push(Task::Ask(Ticket::Source(asked), Request::Source(request)));
    tasks
}

/// The file is a blob now: it is read.
pub(crate) fn on_source(model: &mut Model, asked: u32, view: SourceView) -> Vec<Task> {
    match model.overlays.last() {
        Some(Overlay::Peek(peek)) if peek.asked == asked => {
            vec![Task::Peek(asked, peek.line, PeekSource::Blob(view.path, view.content.digest))]
        }
        _ => Vec::new(),
    }
}

/// The file was read.
pub(crate) fn on_peeked(model: &mut Model, asked: u32, result: Result<(Arc<Doc>, Arc<Colors>), Failure>) {
    let rows = peek::rows(model.size);
    let waits = |overlay: &&mut Overlay| matches!(overlay, Overlay::Peek(peek) if peek.asked == asked);
    match (model.overlays.iter_mut().find(waits), result) {
        (Some(Overlay::Peek(peek)), Ok((doc, colors))) => peek.take(doc, colors, rows),
        (Some(_), Err(failure)) => not_found(model, asked, &failure),
        _ => {}
    }
}

/// What was asked for cannot be had: the window that waits for it closes.
pub(crate) fn not_found(model: &mut Model, asked: u32, failure: &Failure) {
    let before = model.overlays.len();
    model.overlays.retain(|overlay| match overlay {
        Overlay::Peek(peek) => peek.asked != asked,
        Overlay::Picker(picker) => picker.asked != asked,
        Overlay::Origin(origin) => origin.asked != asked,
        _ => true,
    });
    if model.overlays.len() < before {
        model.say_failure(failure);
    }
}

fn outline(model: &mut Model) -> Vec<Task> {
    let doc = model.review.as_ref().and_then(|review| review.patches.doc().cloned());
    let side = match &doc {
        Some(doc) if doc.lines(Side::New) == 0 => Side::Old,
        _ => Side::New,
    };
    let line = line_here(model).map_or(1, |(_, _, line)| line + 1);
    let (Some(doc), Some((place, path))) = (doc, place_of(model, side)) else {
        model.say(Tone::Info, "no file here");
        return Vec::new();
    };
    ask_outline(model, doc, side, place, (path, line))
}

fn ask_outline(model: &mut Model, doc: Arc<Doc>, side: Side, place: Place, from: (RepoPath, u32)) -> Vec<Task> {
    let asked = next_question(model);
    let mut picker = Picker::new("Outline", asked, place, from);
    picker.names = vec!["definitions".to_owned()];
    let mut tasks = show(model, Overlay::Picker(Box::new(picker)));
    tasks.push(Task::Outline(asked, doc, side));
    tasks
}

/// The outline is there; the entry that the cursor stands in is chosen.
pub(crate) fn on_outline(model: &mut Model, asked: u32, doc: &Doc, side: Side, items: Vec<OutlineItem>) {
    let Some(Overlay::Picker(picker)) = model.overlays.last_mut() else { return };
    if picker.asked != asked {
        return;
    }
    let line = picker.from.1;
    let touches = |item: &OutlineItem| {
        doc.hunks().iter().any(|hunk| {
            let lines = if side == Side::Old { &hunk.old } else { &hunk.new };
            lines.start + 1 < item.lines.end && item.lines.start < (lines.end + 1).max(lines.start + 2)
        })
    };
    let at = items.iter().rposition(|item| item.lines.contains(&line));
    picker.list.cursor = at.or_else(|| items.iter().rposition(|item| item.lines.start <= line)).unwrap_or(0);
    let entries = items.iter().map(|item| Entry {
        name: super::screens::plain(&item.name),
        kind: item.kind.name().to_owned(),
        depth: item.depth,
        changed: touches(item),
        path: None,
        line: item.lines.start,
    });
    picker.entries = Some(entries.collect());
}

/// Goes to a line of the file that is read: in the diff where it is shown, else in the whole file on top.
fn to_line(model: &mut Model, line: u32) -> Vec<Task> {
    let rows = peek::rows(model.size);
    if let Some(Overlay::Peek(peek)) = model.overlays.last_mut() {
        let by = line as isize - peek.line_here() as isize;
        peek.move_by(by, rows);
        return Vec::new();
    }
    let Some(review) = &mut model.review else { return Vec::new() };
    let patches = &mut review.patches;
    let Some(doc) = patches.doc().cloned() else { return Vec::new() };
    let side = if doc.lines(Side::New) == 0 { Side::Old } else { Side::New };
    let row = patches.layout.row_of_line(side, line.saturating_sub(1));
    let number = |old: Option<u32>, new: Option<u32>| if side == Side::Old { old } else { new };
    let shown =
        matches!(patches.layout.row(row), Some(Row::Line { old, new, .. }) if number(old, new) == Some(line - 1));
    if shown {
        let from = patches.line().map_or(1, |(_, line, _)| line);
        patches.jumps.push((patches.current, from));
        patches.cursor = row;
        scroll_to_cursor(model);
        return Vec::new();
    }
    let Some((place, path)) = place_of(model, side) else { return Vec::new() };
    let asked = next_question(model);
    let mut tasks = show(model, Overlay::Peek(Box::new(Peek::new(asked, place, path, line))));
    tasks.push(Task::Peek(asked, line, PeekSource::Side(doc, side)));
    tasks
}

fn jump_back(model: &mut Model) -> Vec<Task> {
    let jump = model.review.as_mut().and_then(|review| review.patches.jumps.pop());
    let Some((file, line)) = jump else {
        model.say(Tone::Info, "no jump to go back from");
        return Vec::new();
    };
    super::diff_keys::to_file(model, file, super::screens::patches::Enter::Line(line))
}

fn blame(model: &mut Model) -> Vec<Task> {
    let Some(review) = &model.review else { return Vec::new() };
    let patches = &review.patches;
    let Some((set, file)) = patches.file() else { return Vec::new() };
    if set.against != "base" {
        let key = model.key_of(Action::ToggleSinceReview).unwrap_or_default();
        model.say(Tone::Info, format!("who wrote a line is told of the base: {key} compares with it"));
        return Vec::new();
    }
    let row = (patches.cursor..patches.cursor + 4).find_map(|row| match patches.layout.row(row)? {
        Row::Line { old, new, .. } => Some((old, new)),
        _ => None,
    });
    let old = match row {
        Some((Some(old), _)) => old,
        Some((None, Some(_))) => {
            model.say(Tone::Info, "this line is new: the base does not have it");
            return Vec::new();
        }
        _ => {
            model.say(Tone::Info, "no line here");
            return Vec::new();
        }
    };
    let (session, repo, path) = (review.reference(), Some(set.repo.clone()), file.path.clone());
    let (asked, line) = (next_question(model), old + 1);
    let request = BlameRequest { session, repo, path: path.clone(), line };
    let mut tasks = show(model, Overlay::Origin(Box::new(Origin { asked, path, line, found: None })));
    tasks.push(Task::Ask(Ticket::Blame(asked), Request::Blame(request)));
    tasks
}

/// Who wrote it is known.
pub(crate) fn on_blame(model: &mut Model, asked: u32, view: BlameView) {
    if let Some(Overlay::Origin(origin)) = model.overlays.last_mut()
        && origin.asked == asked
    {
        origin.found = Some(view);
    }
}

/// A key while somebody looks who wrote a line.
pub(crate) fn on_origin_key(model: &mut Model, key: Key) -> Vec<Task> {
    let Some(Overlay::Origin(origin)) = model.overlays.last() else { return Vec::new() };
    let commit = origin.found.as_ref().map(|found| found.commit.to_string());
    let tasks = close_overlay(model);
    match (key.typed(), commit) {
        (Some('y'), Some(commit)) => {
            model.say(Tone::Info, format!("copied {commit}"));
            vec![Task::Copy(commit)]
        }
        _ => tasks,
    }
}

/// A key in a list of places.
pub(crate) fn on_picker_key(model: &mut Model, key: Key) -> Vec<Task> {
    let Some(Overlay::Picker(picker)) = model.overlays.last_mut() else { return Vec::new() };
    let len = picker.found().len();
    let control = |c: char| Key::parse(&format!("Ctrl-{c}")) == Some(key);
    let step = match key.code() {
        KeyCode::Esc => return close_overlay(model),
        KeyCode::Enter => {
            let (place, entry) = (picker.place.clone(), picker.chosen());
            let Some(entry) = entry else { return Vec::new() };
            model.overlays.pop();
            return go_to(model, place, entry);
        }
        KeyCode::Down => 1,
        KeyCode::Up => -1,
        KeyCode::PageDown => 10,
        KeyCode::PageUp => -10,
        _ if control('n') => 1,
        _ if control('p') => -1,
        _ if control('c') || control('o') => return close_overlay(model),
        _ => {
            picker.filter.key(key);
            picker.list.cursor = 0;
            return Vec::new();
        }
    };
    picker.list.move_by(step, len);
    Vec::new()
}

/// A key in a whole file.
pub(crate) fn on_peek_key(model: &mut Model, key: Key) -> Vec<Task> {
    model.toast = None;
    model.pending.push(key);
    let keys = std::mem::take(&mut model.pending);
    let action = match model.settings.keymap.meaning(&model.contexts(), &keys) {
        _ if keys.len() > 1 && key.code() == KeyCode::Esc => return Vec::new(),
        Meaning::Do(action) => action,
        Meaning::Prefix => {
            model.pending = keys;
            return Vec::new();
        }
        Meaning::Nothing => return Vec::new(),
    };
    let rows = peek::rows(model.size);
    let Some(Overlay::Peek(peek)) = model.overlays.last_mut() else { return Vec::new() };
    let page = isize::try_from(rows.max(2)).unwrap_or(2);
    match action {
        Action::LineDown => peek.move_by(1, rows),
        Action::LineUp => peek.move_by(-1, rows),
        Action::HalfPageDown => peek.move_by(page / 2, rows),
        Action::HalfPageUp => peek.move_by(-page / 2, rows),
        Action::PageDown => peek.move_by(page, rows),
        Action::PageUp => peek.move_by(-page, rows),
        Action::Top => peek.move_by(isize::MIN / 2, rows),
        Action::Bottom => peek.move_by(isize::MAX / 2, rows),
        Action::ToggleWrap => (peek.wrap, peek.left) = (!peek.wrap, 0),
        Action::ScrollRight => peek.left += 8,
        Action::ScrollLeft => peek.left = peek.left.saturating_sub(8),
        Action::Back | Action::JumpBack => return close_overlay(model),
        Action::Definition | Action::Outline => {
            let Some((doc, colors)) = peek.file.clone() else { return Vec::new() };
            let (place, from) = (peek.place.clone(), (peek.path.clone(), peek.line_here()));
            if action == Action::Outline {
                return ask_outline(model, doc, Side::New, place, from);
            }
            let names = names_of(&doc, Some(&colors), Side::New, from.1 - 1);
            return ask_definitions(model, place, from, names);
        }
        Action::Copy | Action::CopyReference => {
            let Some((doc, _)) = &peek.file else { return Vec::new() };
            let text = if action == Action::Copy {
                String::from_utf8_lossy(doc.line(Side::New, peek.line_here() - 1)).into_owned()
            } else {
                format!("{}:{}", peek.path, peek.line_here())
            };
            let shown = super::screens::plain(&text);
            model.say(Tone::Info, format!("copied {}", crate::text::width::truncate_end(&shown, 50)));
            return vec![Task::Copy(text)];
        }
        Action::EditFile => {
            let (repo, path, line) = (peek.place.repo.clone(), peek.path.clone(), peek.line_here());
            return super::diff_keys::edit_at(model, repo.as_deref().unwrap_or_default(), &path, line);
        }
        Action::Approve | Action::Reject | Action::RequestChanges | Action::Override => return act(model, action),
        Action::Quit | Action::Redraw | Action::Suspend | Action::Help => return act(model, action),
        _ => {}
    }
    Vec::new()
}
