//! How the panel is drawn: facts above, the keys below; all of it in one window, or a sentence that says why not.

use ratatui::layout::Rect;

use super::{Decision, Intent, Step};
use crate::api::{GateView, PanelView, ScoreView, Verdict, ViolationView};
use crate::id::SessionRef;
use crate::text::{counted, width};
use crate::tui::model::Field;
use crate::tui::screens::judged::{self, Room};
use crate::tui::screens::plain;
use crate::tui::theme::Role;
use crate::tui::widgets::{Painter, Run, centered, gate_strip, popup};
use crate::tui::words::{self, Severity};

/// The widest panel: beyond it the eye loses the line.
const WIDEST: u16 = 96;
/// Columns of the names on the left.
const NAMES: u16 = 9;
/// Frame and margin, left and right.
const SIDES: u16 = 4;
/// Lines above the keys that say what asks for care, where there is no room for more; the rest is counted.
const LEAST_CARE: usize = 4;

/// A line of the facts: with a name before it, or over the whole width.
struct Fact {
    name: Option<&'static str>,
    runs: Vec<Run>,
}

impl Fact {
    fn new(name: &'static str, runs: Vec<Run>) -> Self {
        Self { name: Some(name), runs }
    }
}

/// Draws the panel on top of everything.
pub(crate) fn draw(painter: &mut Painter<'_>, area: Rect, decision: &Decision) {
    if decision.too_small {
        return draw_too_small(painter, area, decision);
    }
    let session = match &decision.panel {
        Some(panel) => SessionRef { session: panel.session, version: Some(panel.version) },
        None => decision.session,
    };
    let title = format!("{} {session}", decision.intent.title());
    let width = WIDEST.min(area.width);
    let columns = width.saturating_sub(SIDES);
    let rows = decision.panel.as_ref().map_or(7, |panel| {
        let whole = facts(decision, panel, columns, usize::MAX).len();
        u16::try_from(whole).unwrap_or(u16::MAX).saturating_add(action_rows(decision, usize::MAX) + 2)
    });
    let frame = centered(area, width, rows.min(area.height));
    let inside = popup(painter, frame, &title);
    let Some(panel) = &decision.panel else {
        painter.text(inside.x, inside.y + 1, inside.width, "reading …", Role::Muted);
        return;
    };
    // the keys stand on the last rows, whatever is above
    let least = facts(decision, panel, columns, 0).len();
    let whole = action_rows(decision, usize::MAX);
    let fits = least + usize::from(whole) <= usize::from(inside.height);
    let actions = if fits { whole } else { action_rows(decision, LEAST_CARE) }.min(inside.height.saturating_sub(1));
    let room = Rect { height: inside.height - actions, ..inside };
    for (fact, y) in facts(decision, panel, room.width, usize::from(room.height)).iter().zip(room.y..room.bottom()) {
        let indent = fact.name.map_or(0, |_| NAMES);
        painter.text(room.x, y, NAMES, fact.name.unwrap_or_default(), Role::Muted);
        painter.runs(room.x + indent, y, room.width.saturating_sub(indent), &fact.runs);
    }
    let below = Rect { y: inside.y + room.height, height: actions, ..inside };
    draw_actions(painter, below, decision, panel);
}

/// The rows of a window of so many columns that hold everything a decision rests on.
pub(super) fn least_rows(decision: &Decision, panel: &PanelView, columns: u16) -> u16 {
    let columns = columns.min(WIDEST).saturating_sub(SIDES);
    let facts = facts(decision, panel, columns, 0).len();
    u16::try_from(facts).unwrap_or(u16::MAX).saturating_add(action_rows(decision, LEAST_CARE) + 2)
}

/// A sentence where the panel would be cut: what is not whole is not decided on.
fn draw_too_small(painter: &mut Painter<'_>, area: Rect, decision: &Decision) {
    let (columns, rows) = decision.least(area.width);
    let text = format!(
        "Nothing was decided. This takes a window of {columns}×{rows}; yours has {}×{}. Make it larger.",
        area.width, area.height
    );
    let frame = centered(area, 60, 7);
    let inside = popup(painter, frame, &format!("{} {}", decision.intent.title(), decision.session));
    let room = Rect { height: inside.height.saturating_sub(1), ..inside };
    painter.wrapped(room, &text, Role::Text);
    let keys = [Run::new("Esc", Role::Key), Run::new(" back", Role::KeyLabel)];
    painter.runs(inside.x, inside.bottom().saturating_sub(1), inside.width, &keys);
}

/// A rule, at most `most` lines that say what asks for care, the fields, the keys.
fn action_rows(decision: &Decision, most: usize) -> u16 {
    let makes = decision.makes().len();
    let lines = decision.hindrances().len().max(decision.care().0.len()).max(makes).min(most);
    let fields = usize::from(decision.needs_number()) + 1;
    u16::try_from(2 + lines + fields).unwrap_or(8)
}

/// All that is decided on, in at most `room` lines where that is possible: gates that passed are counted before a
/// finding of a policy is, and what asks for a decision is never left out.
fn facts(decision: &Decision, panel: &PanelView, columns: u16, room: usize) -> Vec<Fact> {
    let mut lines = vec![
        Fact::new("goal", vec![Run::new(panel.goal.display_line().to_string(), Role::Strong)]),
        Fact::new(
            "patch",
            vec![
                Run::new(format!("{} {}  ", plain(&panel.repo), panel.version), Role::Text),
                Run::new(panel.digest.short(), Role::Strong),
            ],
        ),
        Fact::new("commit", commit(panel, columns.saturating_sub(NAMES))),
        Fact::new("base", vec![Run::new(panel.base_commit.short(), Role::Text), drift(panel)]),
        Fact::new("read", reading(decision, panel)),
    ];
    let score = panel.score.as_ref().map(|score| score_lines(score, columns.saturating_sub(NAMES)));
    let score = score.unwrap_or_default();
    let writes = writes(decision, panel, columns);
    // 3: what is more than that is counted where there is no room
    let policies = panel.violations.len().clamp(1, 3);
    let named = |gate: &&GateView| gate.passed != Some(true) && gate.id.to_string() != "G5";
    let open = panel.gates.iter().filter(named).count();
    let others = lines.len() + score.len() + writes.len();
    // a line a criterion is worth more than one a gate that passed; all words of both go together
    let levels = [(Told::Whole, panel.gates.len()), (Told::Lines, 1 + open)];
    let said = levels.into_iter().find_map(|(told, gates)| {
        let said = self::said(panel, columns, told);
        (others + said.len() + gates + policies <= room).then_some(said)
    });
    let said = said.unwrap_or_else(|| self::said(panel, columns, Told::Summary));
    let left = room.saturating_sub(others + said.len());
    let whole: Vec<Fact> = panel.gates.iter().flat_map(|gate| gate_lines(gate, columns)).collect();
    if whole.len() + policies <= left {
        lines.extend(whole);
    } else if panel.gates.len() + policies <= left {
        lines.extend(panel.gates.iter().map(|gate| Fact { name: None, runs: gate_line(gate) }));
    } else {
        lines.push(Fact::new("gates", gates_in_one(panel)));
        if 1 + open + policies <= left {
            lines.extend(panel.gates.iter().filter(named).map(|gate| Fact { name: None, runs: gate_line(gate) }));
        }
    }
    let kept = score.len() + said.len() + writes.len();
    let most = room.saturating_sub(lines.len() + kept).max(1);
    lines.extend(score);
    lines.extend(said);
    lines.extend(policy(decision, panel, most));
    lines.extend(writes);
    lines
}

/// The subject under which it would be published; the Overview has the whole message.
fn commit(panel: &PanelView, columns: u16) -> Vec<Run> {
    let message = panel.message.display();
    let mut lines = message.as_str().lines().filter(|line| !line.trim().is_empty());
    let subject = lines.next().unwrap_or("without a message").to_owned();
    let more = match lines.count() {
        0 => String::new(),
        more => format!("  and {} in Overview", counted(more, "line")),
    };
    let room = usize::from(columns).saturating_sub(width::columns(&more));
    vec![Run::new(width::truncate_end(&subject, room), Role::Text), Run::new(more, Role::Muted)]
}

fn drift(panel: &PanelView) -> Run {
    let moved = |clean: &str| format!("  the branch moved {}; {clean}", counted(panel.drift as usize, "commit"));
    match (panel.drift, panel.merges_cleanly) {
        _ if panel.drift_unknown.is_some() => Run::new("  how far the branch moved is not known", Role::Warn),
        (0, _) => Run::new("  the branch has not moved", Role::Muted),
        (_, true) => Run::new(moved("still merges cleanly"), Role::Warn),
        (_, false) => Run::new(moved("no longer merges cleanly"), Role::Block),
    }
}

fn reading(decision: &Decision, panel: &PanelView) -> Vec<Run> {
    let (done, all) = decision.progress;
    let threads = panel.open_threads as usize;
    vec![
        Run::new(format!("{done}/{all} hunks marked"), if done == all { Role::DiffReviewed } else { Role::Warn }),
        Run::new(" · ", Role::Faint),
        Run::new(counted(threads, "open thread"), if threads == 0 { Role::Muted } else { Role::Warn }),
    ]
}

fn gates_in_one(panel: &PanelView) -> Vec<Run> {
    let mut runs = gate_strip(&panel.gates);
    let named = |passed: Option<bool>| -> Vec<String> {
        panel.gates.iter().filter(|gate| gate.passed == passed).map(|gate| gate.id.to_string()).collect()
    };
    let (failed, open) = (named(Some(false)), named(None));
    runs.push(Run::new(format!("  {} passed", panel.gates.len() - failed.len() - open.len()), Role::Muted));
    if !failed.is_empty() {
        runs.push(Run::new(format!(", {} failed", failed.join(" ")), Role::GateFailed));
    }
    if !open.is_empty() {
        runs.push(Run::new(format!(", {} not run", open.join(" ")), Role::Muted));
    }
    runs
}

/// `▪ G2 patch      applies cleanly`: only what did not pass is said in words too.
fn gate_line(gate: &GateView) -> Vec<Run> {
    let (mark, role, word) = match gate.passed {
        Some(true) => ("▪", Role::GatePassed, ""),
        Some(false) => ("✗", Role::GateFailed, "failed: "),
        None => ("▫", Role::GateNotRun, "not run: "),
    };
    vec![
        Run::new(format!("{mark} "), role),
        Run::new(format!("{} ", gate.id), Role::Strong),
        Run::new(format!("{:<10} ", words::gate(gate.id)), Role::Text),
        Run::new(word, role),
        Run::new(gate.evidence.display_line().to_string(), Role::Muted),
    ]
}

/// The same, with all the words of what did not pass, in as many lines as they take.
fn gate_lines(gate: &GateView, columns: u16) -> Vec<Fact> {
    let mut runs = gate_line(gate);
    let before: usize = runs[..runs.len() - 1].iter().map(|run| width::columns(&run.text)).sum();
    let room = usize::from(columns).saturating_sub(before);
    if gate.passed == Some(true) || room < 20 {
        return vec![Fact { name: None, runs }];
    }
    let words = gate.evidence.display_line().to_string();
    let mut pieces = width::wrap(&words, room).into_iter().map(|piece| Run::new(piece, Role::Muted));
    if let (Some(last), Some(first)) = (runs.last_mut(), pieces.next()) {
        *last = first;
    }
    let further = pieces.map(|piece| vec![Run::new(" ".repeat(before), Role::Text), piece]);
    std::iter::once(runs).chain(further).map(|runs| Fact { name: None, runs }).collect()
}

/// The overall score and every dimension by its whole name, in as many lines as that takes.
fn score_lines(score: &ScoreView, columns: u16) -> Vec<Fact> {
    let overall = format!("{}  ", score.overall);
    let indent = width::columns(&overall);
    let mut lines = vec![Fact::new("score", vec![Run::new(overall, words::score_role(score.overall))])];
    let mut used = indent;
    for rating in &score.ratings {
        let (name, value) = (format!("{} ", rating.dimension.name().replace('-', " ")), rating.score.to_string());
        let wide = width::columns(&name) + width::columns(&value);
        if used > indent && used + 2 + wide > usize::from(columns) {
            lines.push(Fact::new("", vec![Run::new(" ".repeat(indent), Role::Text)]));
            used = indent;
        }
        let gap = if used > indent { "  " } else { "" };
        let name = format!("{gap}{name}");
        used += gap.len() + wide;
        if let Some(line) = lines.last_mut() {
            line.runs.extend([Run::new(name, Role::Muted), Run::new(value, words::score_role(rating.score))]);
        }
    }
    lines
}

/// How much of what models and criteria say is told, the most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Every criterion with all its words, every score.
    Whole,
    /// A line a criterion.
    Lines,
    /// One line for all criteria: those that are not met are among what asks for care.
    Summary,
}

/// What models said, and how the criteria stand.
fn said(panel: &PanelView, columns: u16, told: Told) -> Vec<Fact> {
    let columns = usize::from(columns.saturating_sub(NAMES));
    let mut lines: Vec<Fact> = Vec::new();
    for review in &panel.reviews {
        lines.push(Fact::new("review", judged::review(review)));
        if told == Told::Whole {
            lines.extend(judged::scores(review, columns).into_iter().map(|runs| Fact::new("", runs)));
        }
    }
    let runbook = panel.runbook.iter().flat_map(|runbook| judged::runbook(runbook, columns));
    let most = if told == Told::Whole { usize::MAX } else { 1 };
    let names = std::iter::once("runbook").chain(std::iter::repeat(""));
    lines.extend(names.zip(runbook.take(most)).map(|(name, runs)| Fact::new(name, runs)));
    let room = match told {
        Told::Whole => Room::Whole,
        Told::Lines => Room::Line,
        Told::Summary => {
            lines.extend(criteria_in_one(panel));
            return lines;
        }
    };
    let criteria = panel.criteria.iter().flat_map(|criterion| judged::criterion(criterion, columns, room));
    let names = std::iter::once("criteria").chain(std::iter::repeat(""));
    lines.extend(names.zip(criteria).map(|(name, runs)| Fact::new(name, runs)));
    lines
}

fn criteria_in_one(panel: &PanelView) -> Option<Fact> {
    let met = panel.criteria.iter().filter(|criterion| criterion.met == Some(true)).count();
    let unmet = panel.criteria.iter().filter(|criterion| criterion.met != Some(true));
    let open: Vec<String> = unmet.map(|criterion| format!("{} ", plain(&criterion.id))).collect();
    let mut runs = vec![Run::new(format!("{met} of {} met  ", panel.criteria.len()), Role::Text)];
    if !open.is_empty() {
        runs.push(Run::new(format!("not met: {}", open.concat()), Role::Warn));
    }
    (!panel.criteria.is_empty()).then(|| Fact::new("criteria", runs))
}

/// What policies found, in at most `most` lines: BLOCKs first, the chosen WARN always.
fn policy(decision: &Decision, panel: &PanelView, most: usize) -> Vec<Fact> {
    if panel.violations.is_empty() {
        return vec![Fact::new("policy", vec![Run::new("nothing found", Role::Muted)])];
    }
    let chosen = decision.warns().get(decision.warn).copied().filter(|_| decision.intent == Intent::Override);
    let is_chosen = |found: &ViolationView| chosen.is_some_and(|chosen| std::ptr::eq(chosen, found));
    let mut found: Vec<&ViolationView> = panel.violations.iter().collect();
    found.sort_by_key(|found| (found.overridden, found.severity != Severity::Block));
    let shown = if found.len() > most { most.saturating_sub(1) } else { found.len() };
    let at = found.iter().position(|found| is_chosen(found)).unwrap_or(0);
    let top = (at + 1).saturating_sub(shown.max(1));
    let hidden = found.len() - shown;
    let mut lines: Vec<Fact> =
        found.iter().skip(top).take(shown).map(|found| Fact::new("", violation(found, is_chosen(found)))).collect();
    if hidden > 0 {
        let blocks = found.iter().filter(|found| found.severity == Severity::Block && !found.overridden).count();
        let text = match shown {
            0 => format!("{}, {blocks} BLOCK: the Policy tab lists them", counted(found.len(), "finding")),
            _ => format!("… and {hidden} more: the Policy tab lists them"),
        };
        lines.push(Fact::new("", vec![Run::new(text, if blocks > 0 { Role::Block } else { Role::Warn })]));
    }
    if let Some(first) = lines.first_mut() {
        first.name = Some("policy");
    }
    lines
}

fn violation(found: &ViolationView, chosen: bool) -> Vec<Run> {
    let (word, role) = match (found.severity, found.overridden) {
        (_, true) => ("accepted", Role::Muted),
        (Severity::Block, _) => ("BLOCK", Role::Block),
        (Severity::Warn, _) => ("WARN", Role::Warn),
    };
    let place = found.line.map(|line| format!(":{line}")).unwrap_or_default();
    vec![
        Run::new(if chosen { "▸ " } else { "" }, Role::Accent),
        Run::new(format!("{word} "), role),
        Run::new(format!("{} {}{place} ", plain(&found.rule), plain(&found.path.to_string())), Role::Text),
        Run::new(found.message.display_line().to_string(), Role::Muted),
    ]
}

/// What approving leads to outside, whole: it is what is agreed to.
fn writes(decision: &Decision, panel: &PanelView, columns: u16) -> Vec<Fact> {
    if decision.intent != Intent::Decide(Verdict::Approve) {
        return Vec::new();
    }
    if panel.writes.is_empty() {
        return vec![Fact::new("writes", vec![Run::new("nothing outside until you publish", Role::Muted)])];
    }
    let columns = usize::from(columns.saturating_sub(NAMES)).max(10);
    let mut lines: Vec<Fact> = Vec::new();
    for write in panel.writes.iter().map(|write| plain(write)) {
        for piece in width::wrap(&write, columns) {
            let name = if lines.is_empty() { "writes" } else { "" };
            lines.push(Fact::new(name, vec![Run::new(piece, Role::Text)]));
        }
    }
    lines
}

fn draw_actions(painter: &mut Painter<'_>, area: Rect, decision: &Decision, panel: &PanelView) {
    if area.height == 0 {
        return;
    }
    painter.rule(area.x, area.y, area.width, Role::Faint);
    if decision.armed {
        draw_too_soon(painter, area, decision.early && decision.hindrances().is_empty());
    } else {
        draw_patience(painter, area, decision.early);
    }
    let mut y = area.y + 1;
    let bottom = area.bottom();
    let hindrances = decision.hindrances();
    let (care, makes) = (decision.care().0, decision.makes());
    let (list, role, mark) = match (hindrances.is_empty(), decision.intent) {
        (false, _) => (&hindrances, Role::Blocked, "✗ "),
        (true, Intent::Derive | Intent::Decide(Verdict::RequestChanges)) => (&makes, Role::Request, "- "),
        (true, _) => (&care, Role::Warn, "! "),
    };
    let fields = 1 + u16::from(decision.needs_number());
    let room = usize::from(area.height.saturating_sub(2 + fields));
    let shown = if list.len() > room { room.saturating_sub(1) } else { list.len() };
    for why in list.iter().take(shown) {
        painter.runs(area.x, y, area.width, &[Run::new(mark, role), Run::new(why.as_str(), Role::Text)]);
        y += 1;
    }
    if shown < list.len() {
        let more = format!("and {} more", list.len() - shown);
        painter.runs(area.x, y, area.width, &[Run::new(mark, role), Run::new(more, Role::Text)]);
        y += 1;
    }
    let mut keys = vec![];
    let mut key = |name: &str, label: String, role: Role| {
        let gap = if keys.is_empty() { "" } else { "   " };
        keys.push(Run::new(format!("{gap}{name}"), Role::Key));
        keys.push(Run::new(format!(" {label}"), role));
    };
    let last = bottom.saturating_sub(1);
    if !hindrances.is_empty() {
        if decision.waits_for_pick() && !decision.too_small {
            key("K", "compare the candidates".to_owned(), Role::KeyLabel);
        }
        key("Esc", "back: this is not offered".to_owned(), Role::KeyLabel);
    } else if decision.step == Step::Sent {
        keys.push(Run::new("sending …", Role::Muted));
    } else if decision.step == Step::Reading {
        let verb = match decision.intent {
            Intent::Decide(Verdict::Approve) => format!("approve {}", panel.digest.short()),
            Intent::Decide(Verdict::Reject) => "reject it".to_owned(),
            Intent::Decide(Verdict::RequestChanges) if decision.drafts > 0 => {
                format!("send it back with {}", counted(decision.drafts, "draft"))
            }
            Intent::Decide(Verdict::RequestChanges) if panel.open_threads > 0 => {
                format!("send {} back", counted(panel.open_threads as usize, "thread"))
            }
            Intent::Derive => "make it, without asking an engine".to_owned(),
            Intent::Decide(Verdict::RequestChanges) => "send it back, with a reason".to_owned(),
            Intent::Override => "accept this WARN, with a reason".to_owned(),
        };
        let dots = if decision.needs_number() || decision.needs_reason() { " …" } else { "" };
        key("y", format!("{verb}{dots}"), decision.intent.role());
        if decision.intent == Intent::Override {
            key("j k", "choose".to_owned(), Role::KeyLabel);
        } else if decision.intent != Intent::Derive {
            key("m", "with a message".to_owned(), Role::KeyLabel);
        }
        if decision.may_tick() {
            key("T", "tick".to_owned(), Role::KeyLabel);
        }
        if decision.may_ask_engine() {
            key("b", "ask the engine instead".to_owned(), Role::KeyLabel);
        }
        key("Esc", "back".to_owned(), Role::KeyLabel);
        if !decision.armed {
            keys.push(Run::new("   …", Role::Faint));
        }
    } else {
        if decision.needs_number() && y < last {
            draw_field(
                painter,
                area,
                y,
                &format!("type {} to go on", panel.session),
                &decision.number,
                decision.step == Step::Number,
            );
            y += 1;
        }
        if y < last {
            let label = if decision.needs_reason() { "reason (needed)" } else { "message" };
            draw_field(painter, area, y, label, &decision.reason, decision.step == Step::Reason);
        }
        key("^s", decision.intent.title().to_lowercase(), decision.intent.role());
        if decision.needs_number() {
            key("Tab", "next field".to_owned(), Role::KeyLabel);
        }
        key("Esc", "back".to_owned(), Role::KeyLabel);
        keys.push(Run::new(format!("   {}", decision.wrong), Role::Error));
    }
    painter.runs(area.x, last, area.width, &keys);
}

/// Says that no key decides yet, and that one that came did not.
pub(crate) fn draw_patience(painter: &mut Painter<'_>, area: Rect, early: bool) {
    let (text, role) = if early {
        ("not taken: keys count once you have seen this ", Role::Warn)
    } else {
        ("one moment: keys count once you have seen this ", Role::Muted)
    };
    painter.text(area.x, area.y, area.width, text, role);
}

/// Says, where a key came too `early` and keys count by now, that it has to be pressed again.
pub(crate) fn draw_too_soon(painter: &mut Painter<'_>, area: Rect, early: bool) {
    if early {
        painter.text(area.x, area.y, area.width, "not taken, it came too soon: press it again ", Role::Warn);
    }
}

pub(crate) fn draw_field(painter: &mut Painter<'_>, area: Rect, y: u16, label: &str, field: &Field, focused: bool) {
    // 18: the longest label
    let names = match area.width {
        50.. => 18,
        30.. => 12,
        _ => 8,
    };
    painter.text(area.x, y, names, label, if focused { Role::Accent } else { Role::Muted });
    let x = area.x + names + 1;
    let room = area.right().saturating_sub(x);
    let skip = field.cursor_column().saturating_sub(usize::from(room.saturating_sub(1)));
    let shown: String = field.text().chars().skip(skip).collect();
    painter.text(x, y, room, &shown, Role::Text);
    if focused {
        let column = u16::try_from(field.cursor_column() - skip).unwrap_or(0);
        painter.cursor = Some(ratatui::layout::Position::new((x + column).min(area.right().saturating_sub(1)), y));
    }
}
