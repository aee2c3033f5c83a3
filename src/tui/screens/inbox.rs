//! The inbox: every session in a row or two, what needs a person first.

use std::collections::BTreeSet;

use ratatui::layout::Rect;

use super::frame::Frame;
use crate::api::SessionRow;
use crate::id::SessionId;
use crate::text::{counted, width};
use crate::tui::model::{Connection, Model};
use crate::tui::theme::Role;
use crate::tui::widgets::{ListState, Painter, Run, gate_strip, score_bar, scrollbar};
use crate::tui::words::{self, Motion};

/// Which sessions are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Filter {
    #[default]
    NeedsMe,
    Running,
    Done,
    All,
}

impl Filter {
    pub(crate) const ALL: [Self; 4] = [Self::NeedsMe, Self::Running, Self::Done, Self::All];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::NeedsMe => "Needs me",
            Self::Running => "Running",
            Self::Done => "Done",
            Self::All => "All",
        }
    }

    pub(crate) fn next(self) -> Self {
        let at = Self::ALL.iter().position(|filter| *filter == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }

    fn takes(self, row: &SessionRow) -> bool {
        match self {
            Self::NeedsMe => row.needs_me,
            Self::Running => (row.running || row.paused) && !row.needs_me,
            Self::Done => matches!(row.state.as_str(), "Done" | "Declined" | "Failed" | "Cancelled" | "Rejected"),
            Self::All => true,
        }
    }
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Sort {
    #[default]
    Newest,
    Waiting,
    Score,
}

impl Sort {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Newest => "newest change first",
            Self::Waiting => "longest wait first",
            Self::Score => "highest score first",
        }
    }

    pub(crate) fn next(self) -> Self {
        match self {
            Self::Newest => Self::Waiting,
            Self::Waiting => Self::Score,
            Self::Score => Self::Newest,
        }
    }
}

/// The list of sessions.
#[derive(Debug)]
pub(crate) struct Inbox {
    rows: Vec<SessionRow>,
    order: Vec<usize>,
    counts: [usize; 4],
    pub loaded: bool,
    pub filter: Filter,
    pub sort: Sort,
    pub list: ListState,
    pub preview: bool,
    /// Sessions that were selected for what may be done to several at once.
    pub picked: BTreeSet<SessionId>,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            order: Vec::new(),
            counts: [0; 4],
            loaded: false,
            filter: Filter::default(),
            sort: Sort::default(),
            list: ListState::default(),
            preview: true,
            picked: BTreeSet::new(),
        }
    }
}

impl Inbox {
    /// Takes the whole list.
    pub(crate) fn set(&mut self, rows: Vec<SessionRow>) {
        let selected = self.selected().map(|row| row.id);
        self.rows = rows;
        self.loaded = true;
        self.arrange(selected);
    }

    /// Takes one row, new or changed; the cursor stays on its session. Gives the row as it was.
    pub(crate) fn upsert(&mut self, row: SessionRow) -> Option<SessionRow> {
        let selected = self.selected().map(|row| row.id);
        let before = match self.rows.iter_mut().find(|known| known.id == row.id) {
            Some(known) => Some(std::mem::replace(known, row)),
            None => {
                self.rows.push(row);
                None
            }
        };
        self.arrange(selected);
        before
    }

    /// Filters and sorts anew; keeps the cursor on `selected` where it is still there.
    pub(crate) fn arrange(&mut self, selected: Option<SessionId>) {
        self.counts = Filter::ALL.map(|filter| self.rows.iter().filter(|row| filter.takes(row)).count());
        let rows = &self.rows;
        self.order = (0..rows.len()).filter(|at| self.filter.takes(&rows[*at])).collect();
        self.order.sort_by_key(|at| {
            let row = &rows[*at];
            let newest = std::cmp::Reverse((row.updated_at, row.id));
            match self.sort {
                Sort::Newest => (0, 0, newest),
                Sort::Waiting => (row.updated_at.0, 0, newest),
                Sort::Score => (0, -row.score.map_or(0, |score| i32::from(score.get())), newest),
            }
        });
        if let Some(at) = selected.and_then(|id| self.order.iter().position(|at| self.rows[*at].id == id)) {
            self.list.cursor = at;
        }
        self.list.cursor = self.list.cursor.min(self.order.len().saturating_sub(1));
    }

    /// Whether there is any session, shown or not.
    pub(crate) fn has_any(&self) -> bool {
        !self.rows.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    pub(crate) fn selected(&self) -> Option<&SessionRow> {
        self.order.get(self.list.cursor).map(|at| &self.rows[*at])
    }

    /// Selects the session under the cursor, or not any more.
    pub(crate) fn pick(&mut self) {
        let Some(id) = self.selected().map(|row| row.id) else { return };
        if !self.picked.remove(&id) {
            self.picked.insert(id);
        }
    }

    /// The selected sessions, as they are listed; the one under the cursor where none is.
    pub(crate) fn meant(&self) -> Vec<&SessionRow> {
        if self.picked.is_empty() {
            return self.selected().into_iter().collect();
        }
        self.rows.iter().filter(|row| self.picked.contains(&row.id)).collect()
    }

    pub(crate) fn row(&self, id: SessionId) -> Option<&SessionRow> {
        self.rows.iter().find(|row| row.id == id)
    }

    /// Whether a shown session changed within the last hour: then its age changes by the minute.
    pub(crate) fn has_recent(&self, now: crate::clock::Timestamp) -> bool {
        self.order.iter().take(200).any(|at| now.since(self.rows[*at].updated_at).as_secs() < 3600)
    }

    fn at(&self, position: usize) -> Option<&SessionRow> {
        self.order.get(position).map(|at| &self.rows[*at])
    }

    /// The session after `after` that needs a person, longest waiting first, going round.
    pub(crate) fn next_needing(&self, after: Option<SessionId>) -> Option<SessionId> {
        let mut waiting: Vec<_> = self.rows.iter().filter(|row| row.needs_me).collect();
        waiting.sort_by_key(|row| (row.updated_at, row.id));
        let at = after.and_then(|id| waiting.iter().position(|row| row.id == id)).map_or(0, |at| at + 1);
        waiting.get(at).or_else(|| waiting.first()).map(|row| row.id)
    }

    /// Selects the first row that holds `text`, after the cursor (or before it), going round.
    pub(crate) fn find(&mut self, text: &str, forward: bool) -> bool {
        let len = self.order.len();
        for step in 1..=len {
            let at = if forward { (self.list.cursor + step) % len } else { (self.list.cursor + len - step) % len };
            if self.at(at).is_some_and(|row| holds(row, text)) {
                self.list.cursor = at;
                return true;
            }
        }
        false
    }
}

/// Whether a search for `text` finds the session: by its number, or by anything that its row or the pane beside says.
pub(crate) fn holds(row: &SessionRow, text: &str) -> bool {
    let text = text.to_lowercase();
    let has = |part: &str| part.to_lowercase().contains(&text);
    let shown = |part: Option<String>| part.is_some_and(|part| has(&part));
    row.id.to_string() == text
        || has(row.goal.raw())
        || has(row.reason.raw())
        || has(&row.state)
        || has(&words::spaced(&row.state))
        || has(&super::next_step(&row.next))
        || has(&row.engine)
        || has(row.kind.name())
        || has(&facts(row))
        || shown(row.version.map(|version| version.to_string()))
        || shown(row.score.map(|score| score.to_string()))
}

/// The size of a change.
fn size(row: &SessionRow) -> String {
    match row.version {
        Some(_) => format!("+{} −{} in {}", row.added, row.deleted, counted(row.files as usize, "file")),
        None => String::new(),
    }
}

fn repositories(row: &SessionRow) -> String {
    row.repos.iter().map(|repo| super::plain(repo)).collect::<Vec<_>>().join(", ")
}

/// What the second line of a row tells at its right: repositories, size, threads.
fn facts(row: &SessionRow) -> String {
    let mut facts = repositories(row);
    if row.version.is_some() {
        facts = format!("{facts} · {}", size(row));
    }
    if row.open_threads > 0 {
        facts = format!("{facts} · {}", counted(row.open_threads as usize, "thread"));
    }
    facts
}

/// How many rows of the screen a session takes.
pub(crate) fn rows_each(body: Rect) -> u16 {
    if body.width >= 60 && body.height >= 10 { 2 } else { 1 }
}

fn split(body: Rect, preview: bool) -> (Rect, Option<Rect>) {
    if !preview || body.width < 100 {
        return (body, None);
    }
    let columns = if body.width >= 160 { body.width * 2 / 5 } else { body.width * 2 / 5 - 2 };
    let list = Rect { width: body.width - columns, ..body };
    (list, Some(Rect { x: list.right(), width: columns, ..body }))
}

/// Draws the inbox.
pub(crate) fn draw(painter: &mut Painter<'_>, model: &Model) {
    let frame = Frame::inbox(model.size);
    let inbox = &model.inbox;
    draw_header(painter, frame.header, model);
    let (list, preview) = split(frame.body, inbox.preview);
    if inbox.len() == 0 {
        draw_empty(painter, list, model);
    } else {
        draw_list(painter, list, model);
    }
    if let Some(area) = preview {
        painter.wall(area.x, area.y, area.height, Role::Border);
        let area = Rect { x: area.x + 2, width: area.width.saturating_sub(3), ..area };
        if let Some(row) = inbox.selected() {
            draw_preview(painter, area, model, row);
        }
    }
}

fn draw_header(painter: &mut Painter<'_>, area: Rect, model: &Model) {
    if area.height == 0 {
        return;
    }
    let inbox = &model.inbox;
    let mut x = area.x + 1;
    if area.width >= 60 {
        x += painter.text(x, area.y, 10, "paraph", Role::Accent) + 3;
    }
    if area.height > 1 {
        painter.rule(area.x, area.y + 1, area.width, Role::Faint);
    }
    for (at, filter) in Filter::ALL.into_iter().enumerate() {
        let active = filter == inbox.filter;
        if area.width < 50 && !active {
            continue;
        }
        let role = if active { Role::TabActive } else { Role::Tab };
        let start = x;
        x += painter.text(x, area.y, area.right().saturating_sub(x), filter.title(), role);
        x += painter.text(x, area.y, area.right().saturating_sub(x), &format!(" {}", inbox.counts[at]), role);
        if active && area.height > 1 {
            for column in start..x {
                painter.text(column, area.y + 1, 1, "━", Role::TabActive);
            }
        }
        x += 3;
    }
    let right = area.right().saturating_sub(1);
    let picked = inbox.picked.len();
    let (text, role) = match &model.connection {
        Connection::Live if picked > 0 => (format!("{picked} selected"), Role::Accent),
        Connection::Live if area.width >= 76 => (inbox.sort.title().to_owned(), Role::Muted),
        Connection::Live => (String::new(), Role::Muted),
        Connection::Connecting => ("connecting …".to_owned(), Role::Running),
        Connection::Lost(_) => ("reconnecting …".to_owned(), Role::Warning),
    };
    painter.text_right(right, area.y, right.saturating_sub(x), &text, role);
}

fn draw_empty(painter: &mut Painter<'_>, area: Rect, model: &Model) {
    let inbox = &model.inbox;
    let x = area.x + 2;
    let room = area.width.saturating_sub(4);
    let y = area.y + if area.height >= 8 { (area.height / 4).min(4) } else { 0 };
    let key = |action| model.key_of(action).unwrap_or_default();
    let all = inbox.counts[3];
    let (title, lines) = if !inbox.loaded {
        ("Reading the sessions …", Vec::new())
    } else if all == 0 {
        (
            "No session yet.",
            vec![
                format!(
                    "{}  starts one here: a goal, a repository, an engine",
                    key(super::super::actions::Action::NewSession)
                ),
                "or in a shell:".to_owned(),
                "   paraph run \"simplify\"           rules of six languages look".to_owned(),
                "   paraph adopt my-branch      reviews work already done".to_owned(),
            ],
        )
    } else {
        let title = match inbox.filter {
            Filter::NeedsMe => "Nothing needs you.",
            Filter::Running => "Nothing runs.",
            Filter::Done => "Nothing is done yet.",
            Filter::All => "",
        };
        let counts = format!("{} running · {} done · {all} in all", inbox.counts[1], inbox.counts[2]);
        let lines = vec![
            if area.height >= 8 { counts } else { format!("{all} in all") },
            String::new(),
            format!("{}  shows others", key(super::super::actions::Action::CycleFilter)),
            format!("{}  starts a session", key(super::super::actions::Action::NewSession)),
        ];
        (title, lines)
    };
    painter.text(x, y, room, title, Role::Strong);
    for (at, line) in lines.iter().enumerate() {
        let y = y + 2 + u16::try_from(at).unwrap_or(0);
        if y < area.bottom() {
            painter.text(x, y, room, line, Role::Muted);
        }
    }
}

fn draw_list(painter: &mut Painter<'_>, area: Rect, model: &Model) {
    let inbox = &model.inbox;
    let each = rows_each(Frame::inbox(model.size).body);
    let fit = usize::from(area.height / each).max(1);
    let mut list = inbox.list;
    list.show(inbox.len(), fit);
    for position in 0..fit {
        let Some(row) = inbox.at(list.top + position) else { break };
        let y = area.y + u16::try_from(position).unwrap_or(0) * each;
        let room = Rect { y, height: each.min(area.bottom() - y), ..area };
        let selected = list.top + position == list.cursor;
        draw_row(painter, room, model, row, selected);
    }
    scrollbar(painter, area, list.top * usize::from(each), inbox.len() * usize::from(each));
}

fn draw_row(painter: &mut Painter<'_>, area: Rect, model: &Model, row: &SessionRow, selected: bool) {
    if selected {
        super::select(painter, area);
        painter.text(area.x, area.y, 1, "▸", Role::Accent);
    }
    let (mark, role) = words::state(&row.state, Motion::of(row));
    let mut x = area.x + 1;
    x += painter.text(x, area.y, 1, mark, role);
    // beside the mark, not in its place: the state still counts
    let picked = if model.inbox.picked.contains(&row.id) { "✓" } else { " " };
    x += painter.text(x, area.y, 1, picked, Role::Accent);
    x += painter.text(x, area.y, 5, &format!("{:>3}", row.id.to_string()), Role::Muted) + 1;
    let start = x;
    // from the right: age, score, gates, version
    let mut right = area.right().saturating_sub(2);
    let age = words::age(model.now, row.updated_at);
    painter.text_right(right, area.y, 4, &age, Role::Muted);
    right = right.saturating_sub(5);
    if area.width >= 60 {
        if let Some(score) = row.score {
            painter.text_right(right, area.y, 4, &score.to_string(), words::score_role(score));
        }
        right = right.saturating_sub(6);
        painter.runs(right.saturating_sub(6), area.y, 6, &gate_strip(&row.gates));
        right = right.saturating_sub(8);
    }
    if area.width >= 30 {
        if let Some(version) = row.version {
            painter.text_right(right, area.y, 4, &version.to_string(), Role::Muted);
        }
        right = right.saturating_sub(4);
    }
    let room = right.saturating_sub(start);
    let goal = row.goal.display_within(usize::from(room));
    painter.text(start, area.y, room, goal.as_str(), if row.needs_me { Role::Strong } else { Role::Text });
    if area.height > 1 {
        draw_second(painter, area, row, start);
    }
}

fn draw_second(painter: &mut Painter<'_>, area: Rect, row: &SessionRow, start: u16) {
    let y = area.y + 1;
    let right = area.right().saturating_sub(2);
    let motion = Motion::of(row);
    let (_, role) = words::state(&row.state, motion);
    let runs = if motion == Motion::Paused {
        // the reason says that it is paused and by whom
        let held = format!(", at {}", words::spaced(&row.state));
        vec![Run::new(super::first_line(&row.reason), role), Run::new(held, Role::Muted)]
    } else {
        let mut runs = vec![Run::new(words::standing(&row.state, motion), role)];
        let why = Some(super::first_line(&row.reason)).filter(|reason| !reason.is_empty());
        let why = match why {
            Some(why) => why,
            None if motion == Motion::Runs => words::doing(&row.state).to_owned(),
            None => super::next_step(&row.next),
        };
        if !why.is_empty() {
            runs.push(Run::new(format!(": {why}"), Role::Muted));
        }
        runs
    };
    // why it stands still comes before what it is made of
    let said: usize = runs.iter().map(|run| width::columns(&run.text)).sum();
    let room = right.saturating_sub(start);
    let rest = room.saturating_sub(u16::try_from(said).unwrap_or(u16::MAX)).saturating_sub(2);
    let whole = facts(row);
    let repos = repositories(row);
    let short =
        if row.version.is_some() { format!("{repos} · +{} −{}", row.added, row.deleted) } else { String::new() };
    let least = room / 3;
    // rows of the same goal are told apart by where they change something
    let fits = |facts: &&str| !facts.is_empty() && width::columns(facts) <= usize::from(rest);
    let facts = [whole.as_str(), short.as_str(), repos.as_str()].into_iter().find(fits);
    let facts = facts.unwrap_or(repos.as_str());
    let used = painter.text_right(right, y, rest.max(least), facts, Role::Muted);
    painter.runs(start, y, room.saturating_sub(used + u16::from(used > 0) * 2), &runs);
}

fn draw_preview(painter: &mut Painter<'_>, area: Rect, model: &Model, row: &SessionRow) {
    let mut y = area.y + 1;
    let bottom = area.bottom();
    let goal = row.goal.display();
    y += painter.wrapped(Rect { y, height: 3.min(bottom.saturating_sub(y)), ..area }, goal.as_str(), Role::Strong) + 1;
    let (mark, role) = words::state(&row.state, Motion::of(row));
    let mut line = |painter: &mut Painter<'_>, runs: &[Run]| {
        if y < bottom {
            painter.runs(area.x, y, area.width, runs);
        }
        y += 1;
    };
    line(
        painter,
        &[
            Run::new(format!("{mark} {}", words::standing(&row.state, Motion::of(row))), role),
            Run::new(format!("  {}", words::ago(model.now, row.updated_at)), Role::Muted),
        ],
    );
    let room = area.width.saturating_sub(6);
    // 6: enough to tell why; the overview has all of it
    let next = super::paragraph(&super::next_step(&row.next).into(), room);
    for (name, pieces, most) in [("why", super::paragraph(&row.reason, room), 6), ("next", next, 2)] {
        for (at, piece) in pieces.iter().take(most).enumerate() {
            let more = if at + 1 == most && at + 1 < pieces.len() { " …" } else { "" };
            let name = if at == 0 { name } else { "" };
            let text = Run::new(format!("{piece}{more}"), Role::Text);
            line(painter, &[Run::new(format!("{name:<6}"), Role::Muted), text]);
        }
    }
    line(painter, &[]);
    line(
        painter,
        &[
            Run::new(format!("{:<6}", "made"), Role::Muted),
            Run::new(format!("{} by {}", row.kind.name(), super::plain(&row.engine)), Role::Text),
            Run::new(row.version.map(|version| format!(" · {version}")).unwrap_or_default(), Role::Text),
        ],
    );
    if row.version.is_some() {
        line(
            painter,
            &[
                Run::new(format!("{:<6}", "size"), Role::Muted),
                Run::new(format!("+{}", row.added), Role::DiffAddedSign),
                Run::new(format!(" −{}", row.deleted), Role::DiffDeletedSign),
                Run::new(format!(" in {}", counted(row.files as usize, "file")), Role::Text),
            ],
        );
    }
    for (at, repo) in row.repos.iter().enumerate() {
        let name = if at == 0 { "in" } else { "" };
        line(painter, &[Run::new(format!("{name:<6}"), Role::Muted), Run::new(super::plain(repo), Role::Text)]);
    }
    if let Some(score) = row.score {
        line(
            painter,
            &[Run::new(format!("{:<6}", "score"), Role::Muted), Run::new(score.to_string(), words::score_role(score))],
        );
        if y - 1 < bottom {
            score_bar(painter, area.x + 12, y - 1, 20.min(area.width.saturating_sub(12)), score);
        }
    }
    if row.gates.is_empty() || y + 2 > bottom {
        return;
    }
    y += 1;
    painter.section(area.x, y, area.width, "Gates");
    y += 1;
    super::overview::draw_gates(painter, Rect { y, height: bottom.saturating_sub(y), ..area }, &row.gates, false);
}
