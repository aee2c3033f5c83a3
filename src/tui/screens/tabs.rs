//! The other tabs: architecture, timeline, artifacts, policy, runs, beads, metrics.

use std::collections::BTreeMap;

use ratatui::layout::Rect;

use super::review::{CheckRow, Review, Tab};
use crate::api::{Metrics, Verdict, VersionView, ViolationView};
use crate::text::{Untrusted, counted};
use crate::tui::log_text::{self, LogLine};
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::widgets::{ListState, Painter, Run, markdown, progress, scrollbar};
use crate::tui::words::{self, CheckStatus, Severity};

/// Draws the tab that is shown.
pub(crate) fn draw(painter: &mut Painter<'_>, area: Rect, model: &Model, review: &Review) {
    match review.tab {
        Tab::Timeline => draw_timeline(painter, area, review),
        Tab::Artifacts => draw_artifacts(painter, area, review),
        Tab::Policy => draw_policy(painter, area, review),
        Tab::Runs => draw_runs(painter, area, model, review),
        Tab::Beads => draw_beads(painter, area, model, review),
        Tab::Overview | Tab::Architecture | Tab::Metrics | Tab::Patches => {}
    }
}

fn note(painter: &mut Painter<'_>, area: Rect, text: &str) {
    let above = u16::from(area.height >= 8);
    let room = Rect {
        x: area.x + 1,
        y: area.y + above,
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(above),
    };
    painter.wrapped(room, text, Role::Muted);
}

/// The rows of a list that are shown: position, y, whether under the cursor.
fn window(list: ListState, len: usize, area: Rect) -> impl Iterator<Item = (usize, u16, bool)> {
    let mut list = list;
    list.show(len, usize::from(area.height));
    (0..usize::from(area.height)).map_while(move |row| {
        let at = list.top + row;
        (at < len).then(|| (at, area.y + u16::try_from(row).unwrap_or(0), at == list.cursor))
    })
}

fn cursor_row(painter: &mut Painter<'_>, area: Rect, y: u16) {
    super::select(painter, Rect { y, height: 1, ..area });
    painter.text(area.x, y, 1, "▸", Role::Accent);
}

pub(crate) fn draw_architecture(painter: &mut Painter<'_>, area: Rect, review: &Review) {
    let Some(view) = &review.view else { return note(painter, area, "reading …") };
    let mut y = area.y;
    painter.section(area.x, y, area.width, "Repositories");
    y += 1;
    for (at, lane) in view.lanes.iter().enumerate() {
        let last = at + 1 == view.lanes.len();
        let branch = if last { "└─ " } else { "├─ " };
        let base = lane.base_commit.as_ref().map_or("no base yet", |commit| commit.short()).to_owned();
        let runs = [
            Run::new(branch, Role::Faint),
            Run::new(super::plain(&lane.repo), Role::Strong),
            Run::new(format!("  {} @ {base}", super::plain(lane.branch.as_deref().unwrap_or("detached"))), Role::Muted),
            Run::new(format!("  {}", super::plain(&lane.source.to_string())), Role::Muted),
        ];
        if y < area.bottom() {
            painter.runs(area.x, y, area.width, &runs);
        }
        y += 1;
    }
    let Some(version) = review.version_view() else { return };
    y += 1;
    if y >= area.bottom() {
        return;
    }
    painter.section(area.x, y, area.width, "What the change touches");
    y += 1;
    draw_scope(painter, Rect { y, height: area.bottom().saturating_sub(y), ..area }, version);
}

/// Folders with the lines that change below them, as bars.
fn draw_scope(painter: &mut Painter<'_>, area: Rect, version: &VersionView) {
    let mut folders: BTreeMap<String, (usize, u32, u32)> = BTreeMap::new();
    for set in &version.patch_sets {
        for file in &set.files {
            let path = super::plain(&file.path.to_string());
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let name = if version.patch_sets.len() > 1 {
                format!("{}: {folder}/", super::plain(&set.repo))
            } else {
                format!("{folder}/")
            };
            let entry = folders.entry(name).or_default();
            *entry = (entry.0 + 1, entry.1 + file.added, entry.2 + file.deleted);
        }
    }
    let most = folders.values().map(|(_, added, deleted)| added + deleted).max().unwrap_or(1).max(1);
    let name_columns = (area.width / 2).min(48);
    for (at, (folder, (files, added, deleted))) in folders.iter().enumerate() {
        let y = area.y + u16::try_from(at).unwrap_or(u16::MAX);
        if y >= area.bottom() {
            break;
        }
        painter.path(area.x, y, name_columns, folder, Role::Text);
        let x = area.x + name_columns + 1;
        painter.text(x, y, 9, &format!("{:>8}", counted(*files, "file")), Role::Muted);
        let runs = [
            Run::new(format!("{:>7}", format!("+{added}")), Role::DiffAddedSign),
            Run::new(format!("{:>7}", format!("−{deleted}")), Role::DiffDeletedSign),
        ];
        painter.runs(x + 9, y, 15, &runs);
        let room = area.right().saturating_sub(x + 26);
        let bar =
            |lines: u32| u16::try_from((u64::from(lines) * u64::from(room)).div_ceil(u64::from(most))).unwrap_or(0);
        let plus = bar(*added).min(room);
        let minus = bar(*deleted).min(room - plus);
        for column in 0..plus + minus {
            let role = if column < plus { Role::DiffAddedSign } else { Role::DiffDeletedSign };
            painter.text(x + 26 + column, y, 1, if column < plus { "█" } else { "░" }, role);
        }
    }
}

fn draw_timeline(painter: &mut Painter<'_>, area: Rect, review: &Review) {
    let Some(entries) = &review.timeline else { return note(painter, area, "reading …") };
    if entries.is_empty() {
        return note(painter, area, "Nothing happened yet.");
    }
    let detail = review.expanded.and_then(|at| entries.get(at));
    let (list, below) = halves(area, detail.is_some());
    let mut day = String::new();
    for (at, y, selected) in window(review.list(), entries.len(), list) {
        let entry = &entries[at];
        if selected {
            cursor_row(painter, list, y);
        }
        let (time, today) = words::clock(entry.at);
        let mut x = list.x + 1;
        if list.width >= 70 {
            let text = if today == day { String::new() } else { today.clone() };
            painter.text(x, y, 11, &text, Role::Faint);
            day = today;
            x += 11;
        }
        x += painter.text(x, y, 6, &format!("{time} "), Role::Muted);
        let event = format!("{:<18} ", super::plain(&entry.event));
        x += painter.text(x, y, list.right().saturating_sub(x + 2).min(22), &event, Role::Strong);
        let actor = if entry.actor == "paraph" { String::new() } else { super::plain(&entry.actor) };
        let used = if list.width >= 100 { painter.text_right(list.right() - 1, y, 24, &actor, Role::Muted) } else { 0 };
        painter.text(
            x,
            y,
            list.right().saturating_sub(x + used + 2),
            entry.summary.display_line().as_str(),
            Role::Text,
        );
    }
    scrollbar(painter, list, review.list().top, entries.len());
    if let (Some(area), Some(entry)) = (below, detail) {
        painter.section(area.x, area.y, area.width, &format!("entry {}", entry.seq));
        let text = serde_json::to_string_pretty(&entry.payload).unwrap_or_default();
        let text = Untrusted::new(format!("by {}  digest {}\n{text}", entry.actor, entry.digest));
        for (at, line) in text.display().as_str().lines().enumerate() {
            let y = area.y + 1 + u16::try_from(at).unwrap_or(u16::MAX - area.y - 1);
            if y >= area.bottom() {
                break;
            }
            painter.text(area.x + 1, y, area.width, line, if at == 0 { Role::Muted } else { Role::Text });
        }
    }
}

/// A list above and its detail below.
fn halves(area: Rect, detail: bool) -> (Rect, Option<Rect>) {
    if !detail || area.height < 6 {
        return (area, None);
    }
    let rows = area.height / 2;
    (Rect { height: area.height - rows, ..area }, Some(Rect { y: area.y + area.height - rows, height: rows, ..area }))
}

/// A list at the left and its text at the right, or below it where it is narrow.
fn sides(area: Rect, columns: u16, rows: usize) -> (Rect, Rect) {
    if area.width >= 90 {
        let list = Rect { width: columns, ..area };
        (list, Rect { x: area.x + columns + 2, width: area.width - columns - 2, ..area })
    } else {
        let height = u16::try_from(rows).unwrap_or(area.height).clamp(1, (area.height / 3).max(1));
        (
            Rect { height, ..area },
            Rect { y: area.y + height + 1, height: area.height.saturating_sub(height + 1), ..area },
        )
    }
}

fn draw_artifacts(painter: &mut Painter<'_>, area: Rect, review: &Review) {
    let Some(artifacts) = &review.artifacts else { return note(painter, area, "reading …") };
    if artifacts.is_empty() {
        return note(painter, area, "No document yet.");
    }
    let (list, text) = sides(area, 30, artifacts.len());
    for (at, y, selected) in window(review.list(), artifacts.len(), list) {
        if selected {
            cursor_row(painter, list, y);
        }
        let talk = review.threads_on(&artifacts[at].name).count();
        let mark = if talk == 0 { String::new() } else { counted(talk, "thread") };
        let used = painter.text_right(list.right().saturating_sub(1), y, 12, &mark, Role::ThreadQuestion);
        let room = list.width.saturating_sub(3 + used);
        painter.text(list.x + 2, y, room, &super::plain(&artifacts[at].name), Role::Text);
    }
    if area.width >= 90 {
        painter.wall(text.x - 1, area.y, area.height, Role::Border);
    } else {
        painter.rule(area.x, text.y.saturating_sub(1), area.width, Role::Faint);
    }
    let text = Rect { x: text.x + 1, width: text.width.saturating_sub(1), ..text };
    let Some((name, body)) = &review.document else { return note(painter, text, "reading …") };
    let mut rows = markdown(body, usize::from(text.width));
    rows.extend(talk(review, name, usize::from(text.width)));
    let top = review.document_top.min(rows.len().saturating_sub(usize::from(text.height)));
    scrollbar(painter, text, top, rows.len());
    for (at, runs) in rows.iter().skip(top).enumerate() {
        let y = text.y + u16::try_from(at).unwrap_or(u16::MAX - text.y);
        if y >= text.bottom() {
            break;
        }
        painter.runs(text.x, y, text.width, runs);
    }
}

/// The open threads on a document, under its text.
fn talk(review: &Review, document: &str, columns: usize) -> Vec<Vec<Run>> {
    let mut rows = Vec::new();
    for thread in review.threads_on(document) {
        rows.push(Vec::new());
        for comment in &thread.comments {
            let by = super::plain(&comment.by);
            let (kind, role) = words::thread_kind(thread.kind);
            let head = [Run::new(kind, role), Run::new(format!(" · {by}"), Role::Muted)];
            rows.push(std::iter::once(Run::new("│ ", Role::ThreadQuestion)).chain(head).collect());
            for piece in crate::text::width::wrap(comment.text.display().as_str(), columns.saturating_sub(2).max(8)) {
                rows.push(vec![Run::new("│ ", Role::ThreadQuestion), Run::new(piece, Role::Text)]);
            }
        }
    }
    rows
}

pub(crate) fn severity(found: &ViolationView) -> (&'static str, Role) {
    match (found.severity, found.overridden) {
        (_, true) => ("accepted", Role::Muted),
        (Severity::Block, _) => ("BLOCK", Role::Block),
        (Severity::Warn, _) => ("WARN", Role::Warn),
    }
}

fn place(found: &ViolationView) -> String {
    let path = super::plain(&found.path.to_string());
    found.line.map_or(path.clone(), |line| format!("{path}:{line}"))
}

fn draw_policy(painter: &mut Painter<'_>, area: Rect, review: &Review) {
    let Some(version) = review.version_view() else { return note(painter, area, "No version yet.") };
    let found = &version.violations;
    if found.is_empty() {
        painter.runs(
            area.x + 1,
            area.y + 1,
            area.width,
            &[Run::new("✓ ", Role::GatePassed), Run::new("Nothing was found.", Role::Text)],
        );
        return;
    }
    let each = if area.width < 100 { 2 } else { 1 };
    let rows = Rect { height: area.height / each, ..area };
    for (at, y, selected) in window(review.list(), found.len(), rows) {
        let y = area.y + (y - area.y) * each;
        if selected {
            cursor_row(painter, Rect { height: each, ..area }, y);
        }
        let (word, role) = severity(&found[at]);
        let mut x = area.x + 2;
        x += painter.text(x, y, 10, &format!("{word:<9}"), role);
        x += painter.text(x, y, 26, &format!("{:<22} ", super::plain(&found[at].rule)), Role::Strong) + 1;
        let room = area.right().saturating_sub(x);
        let message = found[at].message.display_line();
        if each == 1 {
            let used = painter.path(x, y, 40, &place(&found[at]), Role::Link);
            painter.text(x + used.max(30) + 2, y, room.saturating_sub(used.max(30) + 2), message.as_str(), Role::Text);
        } else {
            painter.path(x, y, room, &place(&found[at]), Role::Link);
            painter.text(area.x + 11, y + 1, area.width.saturating_sub(11), message.as_str(), Role::Muted);
        }
    }
}

/// The columns of names, as wide as the widest and no wider than a third of `area`.
fn name_columns<'a>(area: Rect, names: impl Iterator<Item = &'a str>) -> u16 {
    let widest = names.map(crate::text::width::columns).max().unwrap_or(0);
    u16::try_from(widest).unwrap_or(u16::MAX).clamp(6, (area.width / 3).clamp(8, 40))
}

fn check_line(painter: &mut Painter<'_>, area: Rect, y: u16, row: CheckRow<'_>, name: u16) {
    let status = row.result.map_or(CheckStatus::Running, |check| check.status);
    let (mark, word, role) =
        if row.running.is_some() { words::check_status(CheckStatus::Running) } else { words::check_status(status) };
    let mut x = area.x + 2;
    x += painter.text(x, y, 2, mark, role) + 1;
    painter.text(x, y, name, &super::plain(row.name), Role::Strong);
    x += name + 2;
    // 17: `failed before too`, the longest
    let word = if area.width >= 60 { format!("{word:<17} ") } else { format!("{word} ") };
    x += painter.text(x, y, area.right().saturating_sub(x), &word, role);
    // what a run that goes on came to before is not what it comes to now
    let Some(check) = row.result.filter(|_| row.running.is_none()) else {
        let side = row.running.map_or("", |running| if running.on_base { "on the base" } else { "on the proposal" });
        painter.text(x, y, area.right().saturating_sub(x), side, Role::Muted);
        return;
    };
    let mut facts = words::duration(check.duration_ms);
    let tests = &check.tests;
    if tests.passed + tests.failed + tests.errors > 0 {
        facts = format!("{facts} · {} passed", tests.passed);
        if tests.failed + tests.errors > 0 {
            facts = format!("{facts}, {} failed", tests.failed + tests.errors);
        }
        for (names, what) in [(&tests.fixed, "fixed"), (&tests.broken, "broken")] {
            if !names.is_empty() {
                facts = format!("{facts}, {} {what}", names.len());
            }
        }
    }
    facts = format!("{facts} · base {}", words::baseline(check.baseline));
    let note = check.note.display_line();
    if !note.as_str().is_empty() {
        facts = format!("{note} · {facts}");
    }
    painter.text(x, y, area.right().saturating_sub(x), &facts, Role::Muted);
}

fn draw_runs(painter: &mut Painter<'_>, area: Rect, model: &Model, review: &Review) {
    let checks = review.checks();
    let version = review.version_view();
    let was_said = review.runs.text.as_ref().is_some_and(|(_, page)| !page.lines.is_empty());
    if version.is_none() && checks.is_empty() && !was_said {
        return note(painter, area, "No version yet: nothing ran.");
    }
    let mut top = area;
    if let Some(why) = version.and_then(|version| version.unverified.as_ref()) {
        let rows = painter.wrapped(
            Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area },
            &format!("unverified: {}", why.display_line()),
            Role::Warn,
        );
        let rows = rows.min(area.height);
        top = Rect { y: area.y + rows, height: area.height - rows, ..area };
    }
    if checks.is_empty() && !was_said {
        return note(painter, top, "Nothing ran yet.");
    }
    if checks.is_empty() {
        return draw_log(painter, top, model, review);
    }
    let rows = u16::try_from(checks.len()).unwrap_or(u16::MAX).clamp(1, (top.height / 3).max(1));
    let list = Rect { height: rows.min(top.height), ..top };
    let name = name_columns(list, checks.iter().map(|check| check.name));
    for (at, y, selected) in window(review.list(), checks.len(), list) {
        if selected {
            cursor_row(painter, list, y);
        }
        check_line(painter, list, y, checks[at], name);
    }
    let log = Rect { y: list.bottom(), height: top.bottom().saturating_sub(list.bottom()), ..top };
    if log.height >= 2 {
        draw_log(painter, log, model, review);
    }
}

fn draw_log(painter: &mut Painter<'_>, area: Rect, model: &Model, review: &Review) {
    let runs = &review.runs;
    let on_base = runs.text.as_ref().map_or(runs.on_base, |(key, _)| key.on_base);
    let side = if on_base { "on the base" } else { "on the proposal" };
    let is_shown = |name: &str| runs.text.as_ref().is_some_and(|(key, _)| key.check == name);
    let runs_on = review.checks().iter().any(|check| check.running.is_some() && is_shown(check.name));
    let follow = match (runs_on, runs.follow) {
        (false, true) => "its end",
        (false, false) => "earlier",
        (true, true) => "following",
        (true, false) => "held",
    };
    let name = runs.text.as_ref().map(|(key, _)| super::plain(&key.check)).unwrap_or_default();
    let before = runs.text.as_ref().map_or(0, |(_, page)| page.before);
    let more = if before > 0 { format!(" · {} KiB more above", before.div_ceil(1024)) } else { String::new() };
    painter.section(area.x, area.y, area.width, &format!("{name} {side} · {follow}{more}"));
    let text = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let Some(lines) = runs.text.as_ref().map(|(_, page)| &page.lines) else { return note(painter, text, "no output") };
    let height = usize::from(text.height);
    let end = lines.len().saturating_sub(runs.back.min(lines.len().saturating_sub(height)));
    let inside = Rect { x: text.x + 1, width: text.width.saturating_sub(2), ..text };
    draw_output(painter, inside, model, &lines[..end], runs.cut);
    scrollbar(painter, text, end.saturating_sub(height), lines.len());
}

/// The end of an output, in as many rows as there are; how many it takes.
pub(super) fn draw_output(
    painter: &mut Painter<'_>,
    area: Rect,
    model: &Model,
    lines: &[LogLine],
    is_cut: bool,
) -> u16 {
    let rows = log_text::last_rows(lines, usize::from(area.width), usize::from(area.height), is_cut);
    let mut ground = painter.style(Role::Text);
    ground.bg = None;
    let mut y = area.y;
    for row in rows {
        let mut x = area.x;
        for (piece, style) in row {
            let style = ground.patch(log_text::within(model.settings.depth, style));
            x += painter.styled(x, y, area.right().saturating_sub(x), &piece, style);
        }
        y += 1;
    }
    y - area.y
}

fn draw_beads(painter: &mut Painter<'_>, area: Rect, model: &Model, review: &Review) {
    let Some(beads) = &review.beads else { return note(painter, area, "reading …") };
    if beads.is_empty() {
        return note(painter, area, "No unit of work yet.");
    }
    let name = name_columns(area, beads.iter().map(|bead| bead.name.as_str()));
    for (at, y, selected) in window(review.list(), beads.len(), area) {
        if selected {
            cursor_row(painter, area, y);
        }
        let bead = &beads[at];
        let (mark, role) = match bead.status.as_str() {
            "COMPLETED" => ("✓", Role::GatePassed),
            "FAILED" => ("✗", Role::GateFailed),
            "RUNNING" => ("◐", Role::Running),
            _ => ("–", Role::GateNotRun),
        };
        let mut x = area.x + 2;
        x += painter.text(x, y, 1, mark, role) + 1;
        x += painter.text(x, y, 11, &format!("{:<10}", bead.status.to_lowercase()), role);
        // a name tells the category too, where there is no room for both
        if area.width >= 70 {
            x += painter.text(x, y, 13, &format!("{:<12}", super::plain(&bead.category)), Role::Muted);
        }
        painter.text(x, y, name, &super::plain(&bead.name), Role::Strong);
        x += name + 1;
        let end = bead.finished_at.unwrap_or(model.now);
        let millis = u64::try_from(end.since(bead.started_at).as_millis()).unwrap_or(u64::MAX);
        x += painter.text(x, y, 14, &format!("{:>12} ", words::duration(millis)), Role::Text);
        let attempt = if bead.attempt > 1 { format!("attempt {} ", bead.attempt) } else { String::new() };
        let error = bead.error.display_line();
        painter.text(x, y, area.right().saturating_sub(x), &format!("{attempt}{error}"), Role::Muted);
    }
    scrollbar(painter, area, review.list().top, beads.len());
}

pub(crate) fn draw_metrics(painter: &mut Painter<'_>, area: Rect, review: &Review) {
    let Some(metrics) = &review.metrics else { return note(painter, area, "reading …") };
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String, part: Option<(u64, u64)>| rows.push((name.to_owned(), value, part));
    let ratio = |done: u64, all: u64| {
        (done * 100).checked_div(all).map_or("–".to_owned(), |percent| format!("{percent} % of {all}"))
    };
    let Metrics { proposals_asked, proposals_made, validations_passed, .. } = *metrics;
    // what ran nothing neither passed nor failed
    let validations = metrics.validations.saturating_sub(metrics.validations_unverified);
    row("proposals that came", ratio(proposals_made, proposals_asked), Some((proposals_made, proposals_asked)));
    row("validations that passed", ratio(validations_passed, validations), Some((validations_passed, validations)));
    row("asked for again", metrics.regenerations.to_string(), None);
    for (verdict, count) in &metrics.decisions {
        let known = Verdict::ALL.into_iter().find(|known| known.name() == verdict);
        let word = known.map_or_else(|| super::plain(verdict), |known| words::verdict(known).0.to_owned());
        row(&word, count.to_string(), None);
    }
    row("published", metrics.published.to_string(), None);
    row("time to review, median", words::duration(metrics.to_review_ms_median), None);
    row("time to review, 90 %", words::duration(metrics.to_review_ms_p90), None);
    let decide = match metrics.decisions.values().any(|count| *count > 0) {
        true => words::duration(metrics.to_decision_ms_median),
        false => "–".to_owned(),
    };
    row("time to decide, median", decide, None);
    row("tokens", format!("{} in, {} out", metrics.input_tokens, metrics.output_tokens), None);
    row("cost", super::cost(&metrics.cost_usd), None);
    row("journal entries", metrics.journal_entries.to_string(), None);
    for (state, count) in &metrics.sessions {
        row(&format!("sessions: {}", words::spaced(&super::plain(state))), count.to_string(), None);
    }
    let widest = rows.iter().map(|(name, ..)| crate::text::width::columns(name)).max().unwrap_or(0);
    // as wide as the widest name needs it, and no value without room
    let names = u16::try_from(widest).unwrap_or(u16::MAX).clamp(26, (area.width / 2).max(26));
    for ((name, value, part), y) in rows.iter().zip(area.y..area.bottom()) {
        painter.text(area.x + 1, y, names, name, Role::Muted);
        let x = area.x + names + 2;
        let part = part.filter(|_| area.width >= 70);
        let room = if part.is_some() { 18 } else { area.right().saturating_sub(x) };
        painter.text(x, y, room, value, Role::Strong);
        if let Some((done, all)) = part {
            let columns = 24.min(area.right().saturating_sub(x + 21));
            let count = |number: u64, none| usize::try_from(number).unwrap_or(none);
            progress(painter, x + 19, y, columns, count(done, 0), count(all, 1));
        }
    }
}
