//! Draws the model: one frame, nothing else.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::actions::Action;
use super::model::{Field, Model, Overlay, Tone};
use super::screens::frame::Frame;
use super::screens::review::Tab;
use super::screens::{
    budget, comment, comparison, decision, help, inbox, origin, palette, peek, picker, review, ticks, wizard,
};
use super::theme::Role;
use super::widgets::{Painter, Run, centered, degrade, popup};
use super::words::Motion;

/// What the shell needs to know of a frame beside its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Scene {
    /// Where text is typed.
    pub cursor: Option<Position>,
    /// Full-width rows that scroll as a whole: their place, what they show, and how far it is scrolled.
    pub pane: Option<Pane>,
}

/// A scrolling pane of the full width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pane {
    pub area: Rect,
    pub generation: u32,
    pub file: usize,
    pub rows: usize,
    pub top: usize,
}

/// Draws one frame of `model` into `buffer`.
pub(crate) fn view(model: &Model, buffer: &mut Buffer) -> Scene {
    let area = buffer.area;
    let theme = &model.settings.theme;
    let mut painter = Painter::new(buffer, theme);
    painter.tint(area, Role::Text);
    let footer = match &model.review {
        Some(open) => {
            review::draw(&mut painter, model, open);
            Frame::session(model.size).footer
        }
        None => {
            inbox::draw(&mut painter, model);
            Frame::inbox(model.size).footer
        }
    };
    draw_footer(&mut painter, footer, model);
    for overlay in &model.overlays {
        painter.cursor = None;
        draw_overlay(&mut painter, area, model, overlay);
    }
    let scene = Scene { cursor: painter.cursor, pane: pane_of(model) };
    if model.settings.ascii {
        degrade(buffer);
    }
    scene
}

/// The diff, where it takes the whole width and every row one line.
pub(crate) fn pane_of(model: &Model) -> Option<Pane> {
    let review = model.review.as_ref().filter(|review| review.tab == Tab::Patches)?;
    let area = super::screens::patches::panes(model, review).diff;
    let patches = &review.patches;
    let plain = area.width == model.size.0 && !patches.wrap && model.overlays.is_empty() && patches.doc().is_some();
    plain.then(|| Pane {
        area,
        generation: patches.generation,
        file: patches.current,
        rows: patches.layout.rows(),
        top: patches.top,
    })
}

/// A prompt in the footer. The end of what is longer than the row is shown: that is where one types.
fn draw_prompt(painter: &mut Painter<'_>, area: Rect, before: &str, field: &Field) {
    let y = area.bottom().saturating_sub(1);
    painter.clear(Rect { y, height: 1, ..area }, Role::Bar);
    let used = painter.text(area.x + 1, y, area.width.saturating_sub(2), before, Role::Accent);
    let room = usize::from(area.width.saturating_sub(used + 3));
    let hidden = field.cursor_column().saturating_sub(room);
    let shown = from_column(field.text(), hidden);
    painter.text(area.x + 1 + used, y, area.width.saturating_sub(used + 2), shown, Role::Text);
    let column = u16::try_from(field.cursor_column() - hidden).unwrap_or(0) + area.x + 1 + used;
    painter.cursor = Some(Position::new(column.min(area.right().saturating_sub(1)), y));
}

/// The text from that column on.
fn from_column(text: &str, column: usize) -> &str {
    let at = text.char_indices().find(|(at, _)| crate::text::width::columns(&text[..*at]) >= column);
    at.map_or("", |(at, _)| &text[at..])
}

fn draw_overlay(painter: &mut Painter<'_>, area: Rect, model: &Model, overlay: &Overlay) {
    match overlay {
        Overlay::Help { filter, scroll } => help::draw(painter, area, model, filter, *scroll),
        Overlay::Palette(open) => palette::draw(painter, area, model, open),
        Overlay::Decision(open) => decision::draw(painter, area, open),
        Overlay::Comment(open) => comment::draw(painter, area, model, open),
        Overlay::Wizard(open) => wizard::draw(painter, area, open),
        Overlay::Peek(open) => peek::draw(painter, model, open),
        Overlay::Picker(open) => picker::draw(painter, area, open),
        Overlay::Origin(open) => origin::draw(painter, area, model, open),
        Overlay::Comparison(open) => comparison::draw(painter, area, open),
        Overlay::Ticks(open) => ticks::draw(painter, area, model.review.as_ref(), open),
        Overlay::Search(field) => draw_prompt(painter, area, "/", field),
        Overlay::Budget(open) => budget::draw(painter, area, open),
        Overlay::Steer(steer) => draw_prompt(painter, area, &format!("say to {}: ", steer.session), &steer.field),
        Overlay::Confirm(open) => {
            let columns = usize::from(area.width.min(70).saturating_sub(4).max(8));
            let wrapped: Vec<&str> =
                open.lines.iter().flat_map(|line| crate::text::width::wrap(line, columns)).collect();
            let rows = u16::try_from(wrapped.len()).unwrap_or(1) + 5;
            let inside = popup(painter, centered(area, 70, rows), &open.title);
            for (line, y) in wrapped.iter().zip(inside.y..inside.bottom().saturating_sub(1)) {
                painter.text(inside.x, y, inside.width, line, Role::Text);
            }
            let y = inside.bottom().saturating_sub(1);
            let above = Rect { y: y.saturating_sub(1), height: 1, ..inside };
            if open.armed {
                decision::draw_too_soon(painter, above, open.early);
            } else {
                decision::draw_patience(painter, above, open.early);
            }
            painter.runs(
                inside.x,
                y,
                inside.width,
                &[
                    Run::new("y", Role::Key),
                    Run::new(" yes   ", Role::KeyLabel),
                    Run::new("Esc", Role::Key),
                    Run::new(" no", Role::KeyLabel),
                ],
            );
        }
    }
}

fn draw_footer(painter: &mut Painter<'_>, area: Rect, model: &Model) {
    if area.height == 0 {
        return;
    }
    painter.tint(area, Role::Bar);
    let room = area.width.saturating_sub(2);
    if let Some(toast) = &model.toast {
        let (mark, role) = match toast.tone {
            Tone::Info => ("· ", Role::Info),
            Tone::Success => ("✓ ", Role::Success),
            Tone::Warning => ("! ", Role::Warning),
            Tone::Error => ("✗ ", Role::Error),
        };
        let hint = if toast.hint.is_empty() { String::new() } else { format!("   {}", toast.hint) };
        let runs = [Run::new(mark, role), Run::new(toast.text.as_str(), role), Run::new(hint, Role::Muted)];
        painter.runs(area.x + 1, area.y, room, &runs);
        return;
    }
    if !model.pending.is_empty() {
        let keys: String = model.pending.iter().map(ToString::to_string).collect();
        let mut x = area.x + 1;
        x += painter.text(x, area.y, room, &format!("{keys} …  "), Role::Accent);
        for (rest, action) in model.settings.keymap.continuations(&model.contexts(), &model.pending) {
            x += painter.text(x, area.y, area.right().saturating_sub(x), &rest, Role::Key);
            x += painter.text(
                x,
                area.y,
                area.right().saturating_sub(x),
                &format!(" {}  ", action.hint()),
                Role::KeyLabel,
            );
        }
        return;
    }
    if !model.overlays.is_empty() {
        return; // a window says its own keys
    }
    let mut x = area.x + 1;
    let right = area.right().saturating_sub(1);
    for action in hints(model) {
        let Some(key) = model.key_of(action) else { continue };
        let columns = crate::text::width::columns(&key) + crate::text::width::columns(action.hint()) + 1;
        if x + u16::try_from(columns).unwrap_or(u16::MAX) > right {
            break;
        }
        x += painter.text(x, area.y, right.saturating_sub(x), &key, Role::Key) + 1;
        x += painter.text(x, area.y, right.saturating_sub(x), action.hint(), Role::KeyLabel) + 3;
    }
}

/// The actions whose keys the footer shows here, the most useful first.
fn hints(model: &Model) -> Vec<Action> {
    use Action as A;
    let Some(review) = &model.review else {
        let mut hints = vec![A::Help];
        if model.inbox.len() > 0 {
            hints.push(A::Open);
        } else {
            hints.push(A::NewSession);
            if model.inbox.has_any() {
                hints.push(A::CycleFilter);
            }
            hints.extend([A::Palette, A::Quit]);
            return hints;
        }
        if model.search.is_empty() {
            hints.push(A::NewSession);
        } else {
            hints.extend([A::SearchNext, A::SearchPrevious]);
        }
        if !model.inbox.picked.is_empty() {
            hints.splice(1.., [A::PickSession, A::PauseSession, A::DiscardCheckouts, A::Back]);
            return hints;
        }
        hints.push(A::CycleFilter);
        if model.inbox.selected().is_some_and(|row| row.running || row.paused) {
            hints.extend([A::PauseSession, A::Steer]);
        }
        if model.inbox.selected().is_some_and(|row| budget::is_spent(&row.next)) {
            hints.insert(1, A::Budget);
        }
        if model.inbox.selected().is_some_and(|row| row.candidate_of.is_some()) {
            hints.push(A::Compare);
        }
        if model.inbox.selected().is_some_and(|row| row.needs_me && row.version.is_some()) {
            hints.extend([A::Approve, A::RequestChanges, A::Reject]);
            // one of several candidates is picked first
            let contends =
                |row: &crate::api::SessionRow| row.candidate_of.is_some() && row.next.starts_with("paraph compare ");
            if model.inbox.selected().is_some_and(contends) {
                hints.retain(|action| *action != A::Approve);
            }
        }
        hints.extend([A::Search, A::CycleSort, A::TogglePreview, A::Palette, A::Quit]);
        return hints;
    };
    let mut hints = vec![A::Help];
    match review.tab {
        Tab::Patches if review.patches.in_tree => hints.extend([A::Open, A::MarkFile, A::ToggleTree, A::FocusNext]),
        Tab::Patches => hints.extend([
            A::MarkHunk,
            A::NextHunk,
            A::NextFile,
            A::Comment,
            A::Approve,
            A::RequestChanges,
            A::ToggleTree,
            A::ToggleEvidence,
            A::Definition,
            A::Outline,
            A::Reject,
            A::ToggleSplit,
        ]),
        Tab::Artifacts if super::rewrite_keys::may_rewrite(review) => {
            hints.extend([A::Comment, A::Rewrite, A::Approve, A::RequestChanges]);
        }
        Tab::Timeline => hints.extend([A::Open, A::Approve, A::RequestChanges]),
        Tab::Policy if review.len() > 0 => hints.extend([A::Open, A::Override, A::Approve, A::RequestChanges]),
        Tab::Runs => {
            // what did not run may want a word first
            if review.version_view().is_some_and(|version| version.unverified.is_some()) {
                hints.push(A::Trust);
            }
            hints.extend([A::ToggleFollow, A::ToggleBase, A::CheckAgain, A::Approve, A::RequestChanges]);
        }
        _ => hints.extend([A::TabPatches, A::Approve, A::RequestChanges, A::Reject]),
    }
    if review.tab == Tab::Overview && review.newer().is_none() && ticks::waiting(review).next().is_some() {
        hints.insert(2, A::Tick);
    }
    if review.view.as_ref().is_some_and(|view| !view.candidates.is_empty()) {
        hints.insert(1, A::Compare);
    }
    if review.view.as_ref().is_some_and(|view| budget::is_spent(&view.next)) {
        hints.insert(1, A::Budget);
    }
    hints.extend([A::NextNeedsMe, A::Palette, A::Back]);
    // what a policy blocks is not approved, nor a candidate before it was picked; the panel says what does
    if review.version_view().is_some_and(is_blocked) || review.waits_for_pick() {
        hints.retain(|action| *action != A::Approve);
    }
    if !review.is_open_to_decisions() {
        hints.retain(|action| !matches!(action, A::Approve | A::RequestChanges | A::Reject | A::Override));
    }
    // what moves by itself is not decided on yet
    if matches!(review.motion(model), Motion::Runs | Motion::Paused) {
        hints.retain(|action| !matches!(action, A::Approve | A::RequestChanges | A::Reject));
        hints.splice(1..1, [A::PauseSession, A::Steer]);
    }
    hints
}

/// Whether a policy forbids it, and nobody can override that.
fn is_blocked(version: &crate::api::VersionView) -> bool {
    version.violations.iter().any(|found| found.severity == crate::api::Severity::Block && !found.overridden)
}
