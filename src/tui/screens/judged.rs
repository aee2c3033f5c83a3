//! What must be true of a version and whether it is, and what models say of it: lines for whoever decides.

use crate::api::{CriterionView, MonitorView, MonitorWord, ReviewView, RunbookView};
use crate::text::{counted, width};
use crate::tui::theme::Role;
use crate::tui::widgets::Run;
use crate::tui::words::{self, Bound, Dimension, Tenths};

/// How much room a criterion is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// All its words, and what shows it below.
    Whole,
    /// One line.
    Line,
}

/// Whether a person's tick shows it, and nothing else does.
pub(crate) fn is_ticked_by_hand(criterion: &CriterionView) -> bool {
    criterion.bound == Bound::Person
}

/// Mark, look and word of how it stands.
pub(crate) fn standing(met: Option<bool>) -> (&'static str, Role, &'static str) {
    match met {
        Some(true) => ("▪", Role::GatePassed, "met"),
        Some(false) => ("✗", Role::GateFailed, "not met"),
        None => ("▫", Role::GateNotRun, "open"),
    }
}

/// What shows it, for who reads it on a screen: a key ticks here, where a shell is told a command.
pub(crate) fn evidence(words: &str) -> String {
    let words = super::plain(words);
    match words.split_once("nobody ticked it: paraph tick ") {
        Some((before, _)) => format!("{before}nobody ticked it yet"),
        None => words,
    }
}

/// A criterion: `▫ C3 open     the message says what is missing`, and under it what shows that.
pub(crate) fn criterion(criterion: &CriterionView, columns: usize, room: Room) -> Vec<Vec<Run>> {
    let (mark, role, word) = standing(criterion.met);
    let head = vec![
        Run::new(format!("{mark} "), role),
        Run::new(format!("{:<3} ", super::plain(&criterion.id)), Role::Strong),
        Run::new(format!("{word:<8} "), role),
    ];
    let before: usize = head.iter().map(|run| width::columns(&run.text)).sum();
    let (text, shown) = (criterion.text.display_line().to_string(), evidence(criterion.evidence.raw()));
    if room == Room::Line {
        // what shows it stands at the right: the words before it are in Overview, whole
        let rest = columns.saturating_sub(before);
        let shown = width::truncate_end(&shown, rest / 2).into_owned();
        let most = rest.saturating_sub(width::columns(&shown) + 2);
        let text = width::truncate_end(&text, most).into_owned();
        let gap = " ".repeat(rest.saturating_sub(width::columns(&text) + width::columns(&shown)));
        let words = [Run::new(text, Role::Text), Run::new(gap, Role::Text), Run::new(shown, Role::Muted)];
        return vec![head.into_iter().chain(words).collect()];
    }
    let rest = columns.saturating_sub(before).max(12);
    let indent = || Run::new(" ".repeat(before), Role::Text);
    let pieces = |text: &str, role: Role| -> Vec<Run> {
        width::wrap(text, rest).into_iter().map(|piece| Run::new(piece, role)).collect()
    };
    let words = pieces(&text, Role::Text).into_iter().chain(pieces(&shown, Role::Muted));
    let mut lines: Vec<Vec<Run>> = words.map(|piece| vec![indent(), piece]).collect();
    if let Some(first) = lines.first_mut() {
        first.splice(0..1, head);
    }
    lines
}

/// What a model said: who it is, and why it does not count or what must change.
pub(crate) fn review(review: &ReviewView) -> Vec<Run> {
    let who = format!("{} {}  ", review.role, super::plain(&review.model));
    if let Some(why) = &review.unusable {
        let why = format!("does not count: {}", why.display_line());
        return vec![Run::new(who, Role::Muted), Run::new(why, Role::Warn)];
    }
    let lowest = review.scores.values().min().copied().unwrap_or_default();
    let role = if review.musts == 0 { Role::Muted } else { Role::Warn };
    let mut runs = vec![
        Run::new(who, Role::Text),
        Run::new(format!("{lowest} of 10 at least, "), Role::Text),
        Run::new(counted(review.musts as usize, "must"), role),
    ];
    runs.extend(review.notes.iter().map(|note| Run::new(format!("  {}", note.display_line()), Role::Warn)));
    runs
}

/// The runbook of a version: who wrote it, how long it is and where it is read; or why there is none.
pub(crate) fn runbook(runbook: &RunbookView, columns: usize) -> Vec<Vec<Run>> {
    let who = format!("deployer {}  ", super::plain(&runbook.model));
    if let Some(why) = &runbook.missing {
        return below("", &format!("{who}none: {}", why.display_line()), columns, Role::Warn).collect();
    }
    let read = runbook.name.as_ref().map(|name| format!("  {} under Artifacts", super::plain(name)));
    let head = vec![
        Run::new(format!("{who}{}", counted(runbook.steps, "step")), Role::Text),
        Run::new(read.unwrap_or_default(), Role::Muted),
    ];
    let notes = runbook.notes.iter();
    let notes =
        notes.flat_map(|note| below("  ", note.display_line().as_str(), columns, Role::Warn).collect::<Vec<_>>());
    std::iter::once(head).chain(notes).collect()
}

/// Words in as many lines as they take, each behind `indent`: what a line would cut off may be what counts.
fn below(indent: &'static str, words: &str, columns: usize, role: Role) -> impl Iterator<Item = Vec<Run>> {
    let room = columns.saturating_sub(indent.len()).max(8);
    let lines: Vec<String> = width::wrap(words, room).into_iter().map(str::to_owned).collect();
    lines.into_iter().map(move |line| vec![Run::new(format!("{indent}{line}"), role)])
}

/// What was said of what was published: a word, what it rests on, where it is read and what would start a mend.
pub(crate) fn monitor(said: &MonitorView, columns: usize) -> Vec<Vec<Run>> {
    let head = Run::new(format!("{} ", said.version), Role::Strong);
    let report = match (&said.report, &said.unsaid) {
        (Some(report), _) => report,
        (None, Some((_, why))) => {
            let why = format!("{} nothing was said: {}", said.version, why.display_line());
            return below("", &why, columns, Role::Warn).collect();
        }
        (None, None) => return vec![vec![head, Run::new("is asked", Role::Muted)]],
    };
    let role = match report.word {
        MonitorWord::Healthy => Role::GatePassed,
        MonitorWord::Degraded => Role::GateFailed,
        MonitorWord::Unclear => Role::Warn,
    };
    let found = format!("  {}  {}", super::plain(&said.model), counted(report.findings.len(), "finding"));
    let mut lines = vec![vec![head, Run::new(report.word.name(), role), Run::new(found, Role::Text)]];
    if report.not_found() > 0 {
        let not_found = format!("{} of them not found in what it was given", report.not_found());
        lines.extend(below("  ", &not_found, columns, Role::Warn));
    }
    for note in &said.notes {
        lines.extend(below("  ", note.display_line().as_str(), columns, Role::Warn));
    }
    let read = said.name.as_ref().map(|name| format!("  {} under Artifacts", super::plain(name)));
    lines.extend(read.map(|read| vec![Run::new(read, Role::Muted)]));
    for command in &said.commands {
        lines.extend(below("  ", &format!("→ {}", command.display_line()), columns, Role::Text));
    }
    lines
}

/// Its scores by dimension, in as many lines as their names take.
pub(crate) fn scores(review: &ReviewView, columns: usize) -> Vec<Vec<Run>> {
    let mut lines: Vec<Vec<Run>> = Vec::new();
    let mut used = 0;
    for dimension in Dimension::ALL {
        let Some(score) = review.scores.get(dimension.name()).copied() else { continue };
        let name = format!("{} ", dimension.name().replace('-', " "));
        let value = score.to_string();
        let wide = width::columns(&name) + width::columns(&value);
        if lines.is_empty() || used + 2 + wide > columns {
            lines.push(Vec::new());
            used = 0;
        }
        let gap = if used > 0 { "  " } else { "" };
        used += gap.len() + wide;
        let role = words::score_role(Tenths::clamped(i64::from(score) * 10));
        if let Some(line) = lines.last_mut() {
            line.extend([Run::new(format!("{gap}{name}"), Role::Muted), Run::new(value, role)]);
        }
    }
    lines
}
