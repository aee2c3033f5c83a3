//! The Overview tab: where the session stands, what shows it, what comes next.

use ratatui::layout::Rect;

use super::judged::{self, Room};
use super::review::Review;
use crate::api::{GateView, ScoreView, SessionView, VersionView};
use crate::text::{counted, width};
use crate::tui::actions::Action;
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::widgets::{Painter, Run, score_bar};
use crate::tui::words::{self, Dimension, Motion, Severity};

/// Draws the tab.
pub(crate) fn draw(painter: &mut Painter<'_>, area: Rect, model: &Model, review: &Review) {
    let Some(view) = &review.view else {
        painter.text(area.x + 1, area.y + 1, area.width, "reading …", Role::Muted);
        return;
    };
    // without a version there is nothing to stand beside it
    let wide = area.width >= 96 && review.version_view().is_some();
    let columns = if wide { area.width / 2 - 2 } else { area.width };
    let left = Rect { width: columns, ..area };
    let mut used = draw_state(painter, left, model, view, review) + 1;
    let most = if review.version_view().is_some() { FEW_OF_NOW } else { left.height };
    used += draw_now(painter, rest(left, used), model, review, most);
    let Some(version) = review.version_view() else { return };
    if wide {
        // before the explanation, which may be longer than the page: what is approved must be there to be read
        used += draw_messages(painter, rest(left, used), version);
    }
    let most = if wide { usize::MAX } else { FEW };
    let explained = draw_explanation(painter, rest(left, used), version, most);
    used += explained + u16::from(explained > 0);
    let right =
        if wide { Rect { x: area.x + columns + 3, width: area.width - columns - 3, ..area } } else { rest(left, used) };
    let mut used = 0;
    if let Some(score) = &version.score {
        used = draw_score(painter, right, score) + 1;
    }
    let mut below = rest(right, used);
    // what is said of it once it is published is news
    let used = draw_monitors(painter, below, view);
    below = rest(below, used);
    if below.height > 1 {
        painter.section(below.x, below.y, below.width, "Gates");
        below = rest(below, 1);
        let used = draw_gates(painter, below, &version.gates, true) + 1;
        below = rest(below, used);
        let used = draw_criteria(painter, below, model, version);
        below = rest(below, used);
        let used = draw_reviews(painter, below, version);
        below = rest(below, used);
        let used = draw_runbooks(painter, below, version);
        below = rest(below, used);
        let used = draw_decisions(painter, below, model, version);
        below = rest(below, used);
    }
    if !wide {
        draw_messages(painter, below, version);
    }
}

fn rest(area: Rect, used: u16) -> Rect {
    let used = used.min(area.height);
    Rect { y: area.y + used, height: area.height - used, ..area }
}

fn draw_state(painter: &mut Painter<'_>, area: Rect, model: &Model, view: &SessionView, review: &Review) -> u16 {
    let mut y = area.y;
    let bottom = area.bottom();
    let label = |name: &str| Run::new(format!("{name:<9}"), Role::Muted);
    let mut line = |painter: &mut Painter<'_>, runs: &[Run]| {
        if y < bottom {
            painter.runs(area.x, y, area.width, runs);
        }
        y += 1;
    };
    let motion = review.motion(model);
    let (mark, role) = words::state(&view.state, motion);
    let held = if motion == Motion::Paused { format!(" at {}", words::spaced(&view.state)) } else { String::new() };
    let words = format!("{mark} {}{held}", words::standing(&view.state, motion));
    line(painter, &[label("state"), Run::new(words, role)]);
    let room = area.width.saturating_sub(9);
    let next = super::paragraph(&super::next_step(&view.next).into(), room);
    // 8: the other facts, and a line of the explanation under its heading
    let others = next.len()
        + 8
        + usize::from(view.usage.reserved_usd.is_some())
        + 2 * view.lanes.len()
        + 2 * usize::from(view.issue.is_some());
    let most = usize::from(area.height).saturating_sub(others).max(3);
    for (name, pieces, most) in [("because", super::paragraph(&view.reason, room), most), ("next", next, 3)] {
        for (at, piece) in pieces.iter().take(most).enumerate() {
            let more = if at + 1 == most && at + 1 < pieces.len() { " …" } else { "" };
            let name = if at == 0 { name } else { "" };
            line(painter, &[label(name), Run::new(format!("{piece}{more}"), Role::Text)]);
        }
    }
    if let Some(issue) = &view.issue {
        let labels: String = issue.labels.iter().map(|label| format!(" [{}]", label.display_line())).collect();
        let title = issue.title.display_line().to_string();
        line(painter, &[label("issue"), Run::new(title, Role::Strong), Run::new(labels, Role::Muted)]);
        let said = counted(issue.comments, "comment");
        line(painter, &[label(""), Run::new(format!("{}  {said}", issue.url.display_line()), Role::Muted)]);
    }
    let (time, day) = words::clock(view.created_at);
    let made = format!(
        "{} by {} · {} · {day} {time}",
        view.kind.name(),
        super::plain(&view.engine),
        super::plain(&view.playbook)
    );
    line(painter, &[label("made"), Run::new(made, Role::Text)]);
    if let Some(version) = review.version_view() {
        let sets = &version.patch_sets;
        let files: usize = sets.iter().map(|set| set.files.len()).sum();
        let sum =
            |pick: fn(&crate::api::FileStat) -> u32| -> u32 { sets.iter().flat_map(|set| &set.files).map(pick).sum() };
        line(
            painter,
            &[
                label("version"),
                Run::new(format!("{} for {}  ", version.number, super::plain(&version.made_for)), Role::Text),
                Run::new(format!("+{}", sum(|file| file.added)), Role::DiffAddedSign),
                Run::new(format!(" −{}", sum(|file| file.deleted)), Role::DiffDeletedSign),
                Run::new(format!(" in {}", counted(files, "file")), Role::Text),
            ],
        );
        for (at, part) in version.parts.iter().enumerate() {
            let name = if at == 0 { "parts" } else { "" };
            let what = match part.note.raw() {
                "" => part.what(),
                _ => format!("{}: {}", part.what(), part.note.display_line()),
            };
            let role = if part.ended == "left-out" { Role::Warning } else { Role::Muted };
            let who = format!("{} {}", part.version, super::plain(&part.who()));
            line(
                painter,
                &[label(name), Run::new(who, Role::Text), Run::new(format!("  {}", super::plain(&what)), role)],
            );
        }
    }
    let usage = &view.usage;
    let is_unknown = usage.cost_usd == "unknown";
    if is_unknown || usage.input_tokens + usage.output_tokens > 0 || usage.reserved_usd.is_some() {
        let text = format!("{} in, {} out, {}", usage.input_tokens, usage.output_tokens, super::cost(&usage.cost_usd));
        line(painter, &[label("tokens"), Run::new(text, Role::Text)]);
        if let Some(most) = super::reserved(usage) {
            line(painter, &[label(""), Run::new(most, Role::Muted)]);
        }
    }
    for lane in &view.lanes {
        let base = lane.base_commit.as_ref().map_or("no base yet", |commit| commit.short());
        let branch = lane.branch.as_deref().map(super::plain).unwrap_or_default();
        let dropped = if lane.dropped { "  dropped" } else { "" };
        line(
            painter,
            &[
                label("in"),
                Run::new(super::plain(&lane.repo), Role::Strong),
                Run::new(format!("  {branch} {base}"), Role::Muted),
                Run::new(format!("  {}{dropped}", words::spaced(&lane.phase)), Role::Text),
            ],
        );
        if lane.left_out > 0 {
            let text = format!("{} of the working copy left out", counted(lane.left_out as usize, "changed file"));
            line(painter, &[label(""), Run::new(text, Role::Warning)]);
        }
        for notice in &lane.notices {
            line(painter, &[label(""), Run::new(notice.display_line().to_string(), Role::Warning)]);
        }
    }
    for (name, items) in [("pull", &view.pull_requests), ("branch", &view.published)] {
        for item in items {
            line(painter, &[label(name), Run::new(super::plain(item), Role::Link)]);
        }
    }
    y - area.y
}

/// The lines that a section of a page of one column takes at most: what follows must not be pushed out of reach.
const FEW: usize = 12;

/// The lines of what goes on that are shown above a version, its heading among them.
const FEW_OF_NOW: u16 = 6;

/// What is said or put out right now, in at most `most` rows: a person who waits sees that something moves, and what.
fn draw_now(painter: &mut Painter<'_>, area: Rect, model: &Model, review: &Review, most: u16) -> u16 {
    let running = review.runs.now().filter(|_| review.motion(model) == Motion::Runs);
    let said = running.and_then(|running| {
        let (key, page) = review.runs.text.as_ref()?;
        (key.check == running.check && key.on_base == running.on_base && !page.lines.is_empty()).then_some(page)
    });
    let (Some(running), Some(page)) = (running, said) else { return 0 };
    let height = area.height.min(most);
    if height < 2 {
        return 0;
    }
    painter.section(area.x, area.y, area.width, &format!("Now: {}", super::plain(&running.check)));
    let below = Rect { y: area.y + 1, height: height - 1, ..area };
    super::tabs::draw_output(painter, below, model, &page.lines, false) + 2
}

/// What the version says of itself, in at most `most` lines.
fn draw_explanation(painter: &mut Painter<'_>, area: Rect, version: &VersionView, most: usize) -> u16 {
    let explanation = version.explanation.display();
    if explanation.as_str().trim().is_empty() || area.height < 2 {
        return 0;
    }
    painter.section(area.x, area.y, area.width, "Explanation");
    let lines = crate::tui::widgets::markdown(explanation.as_str(), usize::from(area.width));
    let shown = most.min(usize::from(area.height) - 1);
    let mut y = area.y + 1;
    for runs in lines.iter().take(shown) {
        painter.runs(area.x, y, area.width, runs);
        y += 1;
    }
    if lines.len() > shown {
        let more = format!("… {} under Artifacts", counted(lines.len() - shown, "more line"));
        painter.text(area.x, y, area.width, &more, Role::Muted);
        y += 1;
    }
    y - area.y
}

/// The message of the commit that would be published, whole.
fn draw_messages(painter: &mut Painter<'_>, area: Rect, version: &VersionView) -> u16 {
    let mut y = area.y;
    for set in &version.patch_sets {
        let message = set.message.display();
        if message.as_str().trim().is_empty() || y + 1 >= area.bottom() {
            continue;
        }
        let title = match version.patch_sets.len() {
            1 => "Commit message".to_owned(),
            _ => format!("Commit message of {}", super::plain(&set.repo)),
        };
        painter.section(area.x, y, area.width, &title);
        y += 1;
        for line in width::wrap(message.as_str().trim_end(), usize::from(area.width)) {
            painter.text(area.x, y, area.width, line, Role::Text);
            y += 1;
        }
        y += 1;
    }
    y - area.y
}

/// Draws the score with its dimensions and, where there is room, the first reason of each.
pub(crate) fn draw_score(painter: &mut Painter<'_>, area: Rect, score: &ScoreView) -> u16 {
    if area.height < 2 {
        return 0;
    }
    painter.section(area.x, area.y, area.width, "Score");
    let mut y = area.y + 1;
    // the reasons are worth more than a bar
    let bar = if area.width >= 100 { 20 } else { 0 };
    let mut row = |painter: &mut Painter<'_>, name: &str, value, reason: &str, strong: bool| {
        if y >= area.bottom() {
            return;
        }
        let role = if strong { Role::Strong } else { Role::Text };
        painter.text(area.x, y, 16, name, role);
        painter.text_right(area.x + 20, y, 4, &format!("{value}"), words::score_role(value));
        score_bar(painter, area.x + 22, y, bar, value);
        let x = area.x + 22 + bar + 2 * u16::from(bar > 0);
        let room = area.right().saturating_sub(x);
        y += if room > 12 { draw_words(painter, Rect { x, y, width: room, ..area }, area.bottom(), reason) } else { 1 };
    };
    row(painter, "overall", score.overall, &super::plain(&score.scorer), true);
    for dimension in Dimension::ALL {
        if let Some(rating) = score.ratings.iter().find(|rating| rating.dimension == dimension) {
            let reason = rating.reasons.first().map(|reason| super::plain(reason)).unwrap_or_default();
            row(painter, &dimension.name().replace('-', " "), rating.score, &reason, false);
        }
    }
    y - area.y
}

/// One line a gate: mark, name, evidence.
pub(crate) fn draw_gates(painter: &mut Painter<'_>, area: Rect, gates: &[GateView], lanes: bool) -> u16 {
    let mut y = area.y;
    for gate in gates {
        if y >= area.bottom() {
            break;
        }
        let (mark, role, word) = match gate.passed {
            Some(true) => ("▪", Role::GatePassed, "passed"),
            Some(false) => ("✗", Role::GateFailed, "failed"),
            None => ("▫", Role::GateNotRun, "not run"),
        };
        let name = gate.id.to_string();
        let about = words::gate(gate.id);
        let mut x = area.x;
        x += painter.text(x, y, 2, mark, role) + 1;
        x += painter.text(x, y, 3, &name, Role::Strong) + 1;
        if area.width >= 50 {
            x += painter.text(x, y, 10, &format!("{about:<9}"), Role::Text) + 1;
        }
        x += painter.text(x, y, 8, &format!("{word:<7}"), role) + 1;
        let mut evidence = gate.evidence.display_line().to_string();
        if let Some(repo) = gate.repo.as_ref().filter(|_| lanes && gates.iter().any(|other| other.repo != gate.repo)) {
            evidence = format!("{}: {evidence}", super::plain(repo));
        }
        let words = Rect { x, y, width: area.right().saturating_sub(x), ..area };
        y += draw_words(painter, words, area.bottom(), &evidence);
    }
    y - area.y
}

/// What must be true in the end, whether it is and what shows it.
fn draw_criteria(painter: &mut Painter<'_>, area: Rect, model: &Model, version: &VersionView) -> u16 {
    if version.criteria.is_empty() || area.height < 2 {
        return 0;
    }
    let met = version.criteria.iter().filter(|criterion| criterion.met == Some(true)).count();
    painter.section(area.x, area.y, area.width, &format!("Criteria: {met} of {} met", version.criteria.len()));
    let by_hand = version.criteria.iter().filter(|criterion| judged::is_ticked_by_hand(criterion));
    let waits = by_hand.filter(|criterion| criterion.met != Some(true)).count();
    let columns = usize::from(area.width);
    let mut lines: Vec<Vec<Run>> =
        version.criteria.iter().flat_map(|criterion| judged::criterion(criterion, columns, Room::Whole)).collect();
    if let Some(key) = model.key_of(Action::Tick).filter(|_| waits > 0) {
        let verb = if waits == 1 { "waits" } else { "wait" };
        let words = format!(" ticks: {} {verb} for a person", counted_criteria(waits));
        lines.push(vec![Run::new(key, Role::Key), Run::new(words, Role::KeyLabel)]);
    }
    draw_lines(painter, rest(area, 1), &lines) + 2
}

fn counted_criteria(count: usize) -> String {
    if count == 1 { "one criterion".to_owned() } else { format!("{count} criteria") }
}

/// What reviewer and critic say: shown beside the score, and never added to it.
fn draw_reviews(painter: &mut Painter<'_>, area: Rect, version: &VersionView) -> u16 {
    if version.reviews.is_empty() || area.height < 2 {
        return 0;
    }
    painter.section(area.x, area.y, area.width, "Reviews by models");
    let columns = usize::from(area.width.saturating_sub(2));
    let mut lines = Vec::new();
    for review in &version.reviews {
        lines.push(judged::review(review));
        let indented = |mut runs: Vec<Run>| {
            runs.insert(0, Run::new("  ", Role::Text));
            runs
        };
        lines.extend(judged::scores(review, columns).into_iter().map(indented));
    }
    draw_lines(painter, rest(area, 1), &lines) + 2
}

/// How it comes to where it runs, and back: written, and never run.
fn draw_runbooks(painter: &mut Painter<'_>, area: Rect, version: &VersionView) -> u16 {
    if version.runbooks.is_empty() || area.height < 2 {
        return 0;
    }
    painter.section(area.x, area.y, area.width, "Runbook");
    let columns = usize::from(area.width);
    let lines: Vec<Vec<Run>> = version.runbooks.iter().flat_map(|one| judged::runbook(one, columns)).collect();
    draw_lines(painter, rest(area, 1), &lines) + 2
}

/// How what was published fares, as a model says it: the newest.
fn draw_monitors(painter: &mut Painter<'_>, area: Rect, view: &SessionView) -> u16 {
    let Some(said) = view.monitors.last().filter(|_| area.height >= 2) else { return 0 };
    painter.section(area.x, area.y, area.width, "Monitor");
    draw_lines(painter, rest(area, 1), &judged::monitor(said, usize::from(area.width))) + 2
}

/// Draws lines, as many as there is room for; how many.
fn draw_lines(painter: &mut Painter<'_>, area: Rect, lines: &[Vec<Run>]) -> u16 {
    for (runs, y) in lines.iter().zip(area.y..area.bottom()) {
        painter.runs(area.x, y, area.width, runs);
    }
    u16::try_from(lines.len()).unwrap_or(u16::MAX).min(area.height)
}

/// Words that may take several lines above `bottom`; how many they take, one at least.
fn draw_words(painter: &mut Painter<'_>, at: Rect, bottom: u16, words: &str) -> u16 {
    let mut y = at.y;
    for line in width::wrap(words, usize::from(at.width)) {
        if y >= bottom {
            break;
        }
        painter.text(at.x, y, at.width, line, Role::Muted);
        y += 1;
    }
    (y - at.y).max(1)
}

fn draw_decisions(painter: &mut Painter<'_>, area: Rect, model: &Model, version: &VersionView) -> u16 {
    let mut y = area.y;
    let bottom = area.bottom();
    let blocks = version.violations.iter().filter(|found| found.severity == Severity::Block).count();
    let warns = version.violations.len() - blocks;
    if !version.violations.is_empty() && y + 1 < bottom {
        painter.section(area.x, y, area.width, "Policy");
        y += 1;
        let runs = [
            Run::new(format!("{blocks} BLOCK"), if blocks > 0 { Role::Block } else { Role::Muted }),
            Run::new("  ", Role::Text),
            Run::new(format!("{warns} WARN"), if warns > 0 { Role::Warn } else { Role::Muted }),
        ];
        painter.runs(area.x, y, area.width, &runs);
        y += 2;
    }
    for set in &version.patch_sets {
        let Some(decision) = &set.decision else { continue };
        if y + 1 >= bottom {
            break;
        }
        painter.section(area.x, y, area.width, "Decision");
        let (word, role) = words::verdict(decision.verdict);
        let by = format!(" by {} {}", super::plain(&decision.by), words::ago(model.now, decision.at));
        painter.runs(area.x, y + 1, area.width, &[Run::new(word, role), Run::new(by, Role::Text)]);
        painter.text(area.x, y + 2, area.width, decision.message.display_line().as_str(), Role::Muted);
        y += 4;
    }
    y - area.y
}
