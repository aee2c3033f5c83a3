//! The evidence drawer beside or below the diff: threads, checks, policy, score; the part that was asked for first.

use ratatui::layout::Rect;

use super::patches::{Evidence, Talk};
use super::review::Review;
use super::tabs::severity;
use crate::api::VersionView;
use crate::text::width;
use crate::tui::theme::Role;
use crate::tui::widgets::{Painter, Run};
use crate::tui::words;

/// Draws the parts from `first` on, as many as there is room for.
pub(crate) fn draw(painter: &mut Painter<'_>, area: Rect, review: &Review, first: Evidence, beside: bool) {
    let Some(version) = review.version_view() else { return };
    if beside {
        painter.wall(area.x, area.y, area.height, Role::Border);
    }
    let mut rest = Rect { x: area.x + 2, width: area.width.saturating_sub(3), ..area };
    for part in first.and_others() {
        if rest.height < 2 {
            return;
        }
        let rows = match part {
            Evidence::Score => version
                .score
                .as_ref()
                .map(|score| super::overview::draw_score(painter, rest, score))
                .unwrap_or_else(|| lines(painter, rest, "Score", &[vec![Run::new("not scored yet", Role::Muted)]])),
            Evidence::Threads => lines(painter, rest, "Threads on this file", &threads(review, rest.width)),
            Evidence::Checks => lines(painter, rest, "Checks", &checks(version)),
            Evidence::Policy => lines(painter, rest, "Policy on this file", &policy(review, version)),
        };
        // an empty row between the parts
        let used = (rows + 1).min(rest.height);
        rest = Rect { y: rest.y + used, height: rest.height - used, ..rest };
    }
}

fn lines(painter: &mut Painter<'_>, area: Rect, title: &str, lines: &[Vec<Run>]) -> u16 {
    painter.section(area.x, area.y, area.width, title);
    let rows = lines.len().min(usize::from(area.height.saturating_sub(1)));
    for (line, y) in lines[..rows].iter().zip(area.y + 1..) {
        painter.runs(area.x, y, area.width, line);
    }
    u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(1)
}

fn or_none(lines: Vec<Vec<Run>>, none: &str) -> Vec<Vec<Run>> {
    if lines.is_empty() { vec![vec![Run::new(none, Role::Muted)]] } else { lines }
}

fn threads(review: &Review, columns: u16) -> Vec<Vec<Run>> {
    let current = review.patches.current;
    let is_here =
        |thread: &&crate::api::ThreadView| review.patches.home_of(Talk::of(thread, review.version)) == Some(current);
    let here = review.threads.iter().filter(|thread| !thread.resolved).filter(is_here);
    let mut rows = Vec::new();
    for thread in here {
        let (kind, role) = words::thread_kind(thread.kind);
        let text = thread.comments.last().map(|comment| comment.text.display().to_string()).unwrap_or_default();
        let text =
            format!("{}{text}", thread.place_in(review.version).1.map(|line| format!(":{line} ")).unwrap_or_default());
        let room = usize::from(columns).saturating_sub(kind.len() + 1).max(8);
        for (at, line) in width::wrap(&text, room).into_iter().enumerate() {
            let kind = if at == 0 { format!("{kind} ") } else { " ".repeat(kind.len() + 1) };
            rows.push(vec![Run::new(kind, role), Run::new(line, Role::Text)]);
        }
    }
    or_none(rows, "none is open")
}

fn checks(version: &VersionView) -> Vec<Vec<Run>> {
    let mut rows = Vec::new();
    for check in &version.checks {
        let (mark, word, role) = words::check_status(check.status);
        rows.push(vec![
            Run::new(format!("{mark} "), role),
            Run::new(super::plain(&check.name), Role::Strong),
            Run::new(format!("  {word} · base {}", words::baseline(check.baseline)), Role::Muted),
        ]);
        let broken = check.tests.broken.iter().take(3);
        rows.extend(broken.map(|name| vec![Run::new(format!("  {}", super::plain(name)), Role::GateFailed)]));
    }
    or_none(rows, "nothing ran")
}

fn policy(review: &Review, version: &VersionView) -> Vec<Vec<Run>> {
    let path = review.patches.file().map(|(_, file)| &file.path);
    let here = version.violations.iter().filter(|found| Some(&found.path) == path);
    let row = |found: &crate::api::ViolationView| {
        let (word, role) = severity(found);
        let text = format!("{} {}", super::plain(&found.rule), found.message.display_line());
        vec![Run::new(format!("{word} "), role), Run::new(text, Role::Text)]
    };
    or_none(here.map(row).collect(), "nothing found")
}
