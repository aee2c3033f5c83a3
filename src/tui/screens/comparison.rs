//! Candidates side by side: one column each, as many as there is room for around the cursor.

use std::collections::BTreeSet;

use ratatui::layout::Rect;

use super::{plain, select, select_after};
use crate::api::{CandidateView, ComparisonView};
use crate::id::SessionId;
use crate::text::counted;
use crate::tui::theme::Role;
use crate::tui::widgets::{Painter, Run, popup};
use crate::tui::words::{self, Motion};

/// Columns of the names at the left.
const NAMES: u16 = 17;
/// The fewest columns of a candidate, and the most. // `correctness` and a model's name
const LEAST: u16 = 18;
const MOST: u16 = 32;

/// The open window.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// The session that it was opened on.
    pub of: SessionId,
    /// None until it came.
    pub view: Option<ComparisonView>,
    cursor: usize,
    /// Lines out of sight above.
    top: usize,
}

impl Comparison {
    pub(crate) fn new(of: SessionId) -> Self {
        Self { of, view: None, cursor: 0, top: 0 }
    }

    /// Takes the comparison as it is now; at first the cursor is on the session that it was opened on.
    pub(crate) fn take(&mut self, view: ComparisonView) {
        let wanted = self.selected().map_or(self.of, |one| one.session);
        self.cursor = view.candidates.iter().position(|one| one.session == wanted).unwrap_or(0);
        self.view = Some(view);
    }

    pub(crate) fn selected(&self) -> Option<&CandidateView> {
        self.view.as_ref()?.candidates.get(self.cursor)
    }

    /// Lines up or down, in a terminal of that size; false where all of them are in sight.
    pub(crate) fn scroll(&mut self, by: isize, size: (u16, u16)) -> bool {
        let height = room(Rect::new(0, 0, size.0, size.1));
        let all = self.view.as_ref().map_or(0, |view| lines(view).len());
        let most = all.saturating_sub(usize::from(height));
        self.top = self.top.saturating_add_signed(by).min(most);
        most > 0
    }

    /// To another candidate.
    pub(crate) fn go(&mut self, by: isize) {
        let last = self.view.as_ref().map_or(0, |view| view.candidates.len().saturating_sub(1));
        self.cursor = self.cursor.saturating_add_signed(by).min(last);
    }
}

/// Draws the window; the footer below stays, with what it says.
pub(crate) fn draw(painter: &mut Painter<'_>, area: Rect, open: &Comparison) {
    let area = Rect { height: area.height.saturating_sub(1), ..area };
    let title = match &open.view {
        Some(view) => format!("{}: {}", counted(view.candidates.len(), "candidate"), super::first_line(&view.goal)),
        None => "Candidates".to_owned(),
    };
    let inside = popup(painter, area, &title);
    let Some(view) = &open.view else {
        painter.text(inside.x, inside.y, inside.width, "comparing …", Role::Muted);
        return;
    };
    let body = Rect { height: inside.height.saturating_sub(2), ..inside };
    draw_columns(painter, body, view, open);
    draw_words(painter, Rect { y: inside.bottom().saturating_sub(2), height: 1, ..inside }, view, open);
    draw_keys(painter, Rect { y: inside.bottom().saturating_sub(1), height: 1, ..inside }, open);
}

/// Rows for lines of the comparison.
fn room(terminal: Rect) -> u16 {
    let framed = terminal.width >= 24 && terminal.height >= 6;
    terminal.height.saturating_sub(if framed { 5 } else { 3 })
}

fn draw_columns(painter: &mut Painter<'_>, body: Rect, view: &ComparisonView, open: &Comparison) {
    let (all, cursor) = (&view.candidates, open.cursor);
    let names = if body.width >= NAMES + LEAST { NAMES } else { 0 };
    let room = body.width - names;
    let shown = usize::from((room / LEAST).max(1)).min(all.len().max(1));
    let width = (room / u16::try_from(shown).unwrap_or(1)).min(MOST);
    let first = cursor.saturating_sub(shown / 2).min(all.len().saturating_sub(shown));
    // the first line, which names the candidates, stays
    let mut lines = lines(view);
    let top = open.top.min(lines.len().saturating_sub(usize::from(body.height)));
    lines.drain(1..=top);
    for (line, y) in lines.iter().zip(body.y..body.bottom()) {
        if names > 0 {
            painter.text(body.x, y, names - 1, &line.name, Role::Muted);
        }
    }
    for (column, at) in (first..(first + shown).min(all.len())).enumerate() {
        let x = body.x + names + width * u16::try_from(column).unwrap_or(0);
        let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(body.height);
        let area = Rect { x, y: body.y, width, height };
        if at == cursor {
            select(painter, Rect { height: 1, ..area });
        }
        for (line, y) in lines.iter().zip(area.y..area.bottom()) {
            let (words, role) = &line.cells[at];
            // where there is no room for the names at the left each line says what it is about
            let words = if names == 0 { format!("{} {words}", line.name.trim()) } else { words.clone() };
            painter.text(x, y, width.saturating_sub(2), &words, *role);
        }
        if at == cursor {
            select_after(painter, Rect { height: 1, ..area });
        }
    }
}

/// Why the candidate under the cursor stands still, and which are out of sight.
fn draw_words(painter: &mut Painter<'_>, area: Rect, view: &ComparisonView, open: &Comparison) {
    let place = format!("{} of {}", open.cursor + 1, view.candidates.len());
    let used = painter.text_right(area.right(), area.y, 12, &place, Role::Muted);
    let Some(one) = open.selected() else { return };
    let words = match &one.unverified {
        Some(why) if one.reason.raw().is_empty() => format!("checks were not run: {}", super::first_line(why)),
        _ => super::first_line(&one.reason),
    };
    painter.text(area.x, area.y, area.width.saturating_sub(used + 2), &words, Role::Muted);
}

fn draw_keys(painter: &mut Painter<'_>, area: Rect, open: &Comparison) {
    let mut keys = vec![("h l", "choose"), ("Enter", "read")];
    if open.selected().is_some_and(|one| one.can_be_picked) {
        keys.push(("p", "pick"));
    }
    keys.push(("Esc", "back"));
    let runs: Vec<Run> = keys
        .into_iter()
        .flat_map(|(key, label)| [Run::new(key, Role::Key), Run::new(format!(" {label}   "), Role::KeyLabel)])
        .collect();
    painter.runs(area.x, area.y, area.width, &runs);
}

/// One line: its name and a cell a candidate.
struct Line {
    name: String,
    cells: Vec<(String, Role)>,
}

fn lines(view: &ComparisonView) -> Vec<Line> {
    let all = &view.candidates;
    let line = |name: &str, cell: &dyn Fn(&CandidateView) -> (String, Role)| Line {
        name: name.to_owned(),
        cells: all.iter().map(cell).collect(),
    };
    let text = |words: String| (words, Role::Text);
    let best = all.iter().filter_map(|one| one.score).max();
    let mut lines = vec![
        line("", &|one| {
            (one.version.map_or_else(|| one.session.to_string(), |n| format!("{}@{n}", one.session)), Role::Strong)
        }),
        line("engine", &|one| (one.engine.clone(), Role::Strong)),
        line("with", &|one| text(or_dash(plain(&one.with)))),
        line("state", &|one| state(view, one)),
        line("score", &|one| match one.score {
            Some(score) => {
                let mark = if Some(score) == best { " ↑" } else { "" };
                (format!("{score}{mark}"), words::score_role(score))
            }
            None => ("–".to_owned(), Role::Muted),
        }),
    ];
    // the scorer's own names
    let names: BTreeSet<&String> = all.iter().flat_map(|one| one.dimensions.keys()).collect();
    for name in names {
        let cell = |one: &CandidateView| match one.dimensions.get(name) {
            Some(score) => (score.to_string(), words::score_role(*score)),
            None => ("–".to_owned(), Role::Muted),
        };
        lines.push(line(&format!(" {}", name.replace('-', " ")), &cell));
    }
    lines.extend([
        line("checks", &checks),
        line("tests", &tests),
        line("policy", &policy),
        line("size", &|one| match one.version {
            Some(_) => text(format!("{}, +{} −{}", counted(one.files, "file"), one.added, one.deleted)),
            None => ("–".to_owned(), Role::Muted),
        }),
        line("tokens", &|one| match (one.usage.input_tokens, one.usage.output_tokens) {
            (0, 0) => ("–".to_owned(), Role::Muted),
            (input, output) => text(format!("{} in, {} out", thousands(input), thousands(output))),
        }),
        line("cost", &cost),
        line("time", &|one| text(one.took_ms.map_or_else(|| "–".to_owned(), seconds))),
        line("digest", &digest),
    ]);
    lines
}

fn state(view: &ComparisonView, one: &CandidateView) -> (String, Role) {
    if view.picked.as_ref().is_some_and(|pick| pick.session == one.session) {
        return (format!("✓ picked, {}", words::spaced(&one.state)), Role::Success);
    }
    let motion = match one.state.as_str() {
        _ if one.can_be_picked && one.score.is_some() => Motion::NeedsMe,
        "NeedsHuman" | "BlockedPolicy" => Motion::NeedsMe,
        "Declined" | "Failed" | "Cancelled" | "Done" | "Rejected" => Motion::Rests,
        _ => Motion::Runs,
    };
    let (mark, role) = words::state(&one.state, motion);
    (format!("{mark} {}", words::spaced(&one.state)), role)
}

fn checks(one: &CandidateView) -> (String, Role) {
    let tally = &one.tally;
    if one.unverified.is_some() {
        return ("– not run".to_owned(), Role::GateNotRun);
    }
    if one.checks.is_empty() {
        return ("–".to_owned(), Role::Muted);
    }
    let counts = [(tally.fixed, "fixed"), (tally.failed, "failed"), (tally.untold, "without a result")];
    let more: Vec<String> =
        counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!(", {count} {word}")).collect();
    match tally.broken {
        0 => (format!("✓ {}{}", tally.passed, more.concat()), Role::GatePassed),
        broken => (format!("✗ {broken} broken, ✓ {}{}", tally.passed, more.concat()), Role::GateFailed),
    }
}

fn tests(one: &CandidateView) -> (String, Role) {
    let tally = &one.tally;
    let words = format!("{} fixed, {} broken", tally.tests_fixed, tally.tests_broken);
    match (tally.tests_broken, one.checks.is_empty()) {
        (_, true) => ("–".to_owned(), Role::Muted),
        (0, false) => (words, Role::Text),
        _ => (words, Role::GateFailed),
    }
}

fn policy(one: &CandidateView) -> (String, Role) {
    let tally = &one.violations;
    match (tally.blocks, tally.warns) {
        (0, 0) if one.version.is_none() => ("–".to_owned(), Role::Muted),
        (0, 0) => ("✓ clean".to_owned(), Role::GatePassed),
        (0, warns) => (format!("! {warns} WARN"), Role::Warn),
        (blocks, warns) => (format!("✗ {blocks} BLOCK, {warns} WARN"), Role::GateFailed),
    }
}

fn cost(one: &CandidateView) -> (String, Role) {
    let usage = &one.usage;
    match usage.cost_usd.starts_with(|first: char| first.is_ascii_digit()) {
        true if usage.input_tokens == 0 => ("–".to_owned(), Role::Muted),
        true => (format!("${}", usage.cost_usd), Role::Text),
        false => ("price unknown".to_owned(), Role::Warn),
    }
}

fn digest(one: &CandidateView) -> (String, Role) {
    let same = one.same_as.iter().map(|other| format!("= {other} "));
    let files = one.same_files_as.iter().map(|other| format!("~ {other} "));
    let same: Vec<String> = same.chain(files).collect();
    let digests: Vec<String> = one.patch_sets.iter().map(|set| set.digest.short()).collect();
    (or_dash(format!("{}{}", same.concat(), digests.join(" "))), Role::Accent)
}

/// `930`, `18.2k`.
fn thousands(count: u64) -> String {
    if count < 1000 { count.to_string() } else { format!("{}.{}k", count / 1000, count % 1000 / 100) }
}

fn seconds(millis: u64) -> String {
    match millis {
        0..60_000 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        _ => format!("{}m{:02}s", millis / 60_000, millis / 1000 % 60),
    }
}

fn or_dash(words: String) -> String {
    if words.is_empty() { "–".to_owned() } else { words }
}
