//! An open session: which version is read, which tab is shown, and what each tab needs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::frame::Frame;
use super::patches::{Patches, Talk};
use crate::api::{
    ArtifactView, BeadView, CheckView, DraftView, LogView, Metrics, PlaceNow, SessionView, ThreadView, TimelineEntry,
    VersionPatchSet, VersionView,
};
use crate::id::{HostPath, SessionId, SessionRef, Version};
use crate::text::counted;
use crate::tui::actions::Context;
use crate::tui::log_text::{LogPage, PAGE};
use crate::tui::model::{Connection, LogKey, Model};
use crate::tui::theme::Role;
use crate::tui::widgets::{ListState, Painter, Run, gate_strip, scrollbar};
use crate::tui::words::{self, Motion};

/// A tab of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tab {
    #[default]
    Overview,
    Architecture,
    Timeline,
    Artifacts,
    Policy,
    Patches,
    Runs,
    Beads,
    Metrics,
}

impl Tab {
    pub(crate) const ALL: [Self; 9] = [
        Self::Overview,
        Self::Architecture,
        Self::Timeline,
        Self::Artifacts,
        Self::Policy,
        Self::Patches,
        Self::Runs,
        Self::Beads,
        Self::Metrics,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Architecture => "Architecture",
            Self::Timeline => "Timeline",
            Self::Artifacts => "Artifacts",
            Self::Policy => "Policy",
            Self::Patches => "Patches",
            Self::Runs => "Runs",
            Self::Beads => "Beads",
            Self::Metrics => "Metrics",
        }
    }

    /// The title where there is no room for all of them.
    fn short(self) -> &'static str {
        match self {
            Self::Overview => "Over",
            Self::Architecture => "Arch",
            Self::Timeline => "Time",
            Self::Artifacts => "Artif",
            Self::Policy => "Pol",
            Self::Patches => "Patch",
            Self::Metrics => "Metr",
            Self::Runs | Self::Beads => self.title(),
        }
    }

    /// Titles that fit in so many columns beside their numbers: the open tab's is whole, and of the others no more are
    /// shortened than must be, the longest first.
    fn titles(open: Self, columns: usize) -> [&'static str; 9] {
        let mut titles = Self::ALL.map(Self::title);
        let order = [
            Self::Architecture,
            Self::Timeline,
            Self::Artifacts,
            Self::Overview,
            Self::Metrics,
            Self::Policy,
            Self::Patches,
        ];
        for tab in order.into_iter().filter(|tab| *tab != open) {
            // a number, a blank, the title, two blanks
            if titles.iter().map(|title| title.len() + 4).sum::<usize>() <= columns + 2 {
                break;
            }
            titles[tab as usize] = tab.short();
        }
        titles
    }
}

/// The output of checks.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    pub follow: bool,
    pub on_base: bool,
    /// The log that is shown, and of which check.
    pub text: Option<(LogKey, LogPage)>,
    /// How many bytes from its end are wanted.
    pub wanted: u64,
    /// Lines from the end, when not following.
    pub back: usize,
    /// Whether long lines are cut at the edge: words of models are paragraphs.
    pub cut: bool,
    /// What runs now, in the order of its start.
    pub running: Vec<Running>,
    /// Checks that ended since the session was read: they are in its record only once all have.
    pub ended: Vec<(Version, CheckView)>,
}

/// A check, or an engine's program, whose output grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    /// Of which version, where that was told.
    pub version: Option<Version>,
    pub repo: String,
    pub check: String,
    pub on_base: bool,
    pub log: HostPath,
}

/// A row of the Runs tab: what a check came to, that it runs, or both.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CheckRow<'a> {
    pub name: &'a str,
    pub result: Option<&'a CheckView>,
    pub running: Option<&'a Running>,
}

impl Runs {
    /// Takes note of what started; what ran under that name before ran out.
    pub(crate) fn start(&mut self, running: Running) {
        self.running.retain(|known| (&known.repo, &known.check) != (&running.repo, &running.check));
        self.running.push(running);
    }

    /// What began last and goes on.
    pub(crate) fn now(&self) -> Option<&Running> {
        self.running.last()
    }

    /// Takes note of what ended.
    pub(crate) fn end(&mut self, version: Version, check: CheckView) {
        self.running.retain(|known| (&known.repo, &known.check) != (&check.repo, &check.name));
        self.ended.retain(|(of, known)| (*of, &known.repo, &known.name) != (version, &check.repo, &check.name));
        self.ended.push((version, check));
    }
}

/// An open session.
#[derive(Debug)]
pub(crate) struct Review {
    pub id: SessionId,
    pub view: Option<SessionView>,
    /// The version being read: it stays when a newer one arrives.
    pub version: Option<Version>,
    pub lane: usize,
    pub tab: Tab,
    /// Whether the tab was chosen by the person: then an answer never changes it.
    pub chosen: bool,
    pub lists: [ListState; 9],
    pub patches: Patches,
    pub threads: Vec<ThreadView>,
    /// My comments that were not sent yet.
    pub drafts: Vec<DraftView>,
    pub timeline: Option<Vec<TimelineEntry>>,
    pub expanded: Option<usize>,
    pub artifacts: Option<Vec<ArtifactView>>,
    /// The artifact that is shown: its name and text.
    pub document: Option<(String, String)>,
    pub document_top: usize,
    pub beads: Option<Vec<BeadView>>,
    pub metrics: Option<Metrics>,
    pub runs: Runs,
}

impl Review {
    pub(crate) fn new(id: SessionId) -> Self {
        Self {
            id,
            view: None,
            version: None,
            lane: 0,
            tab: Tab::Overview,
            chosen: false,
            lists: [ListState::default(); 9],
            patches: Patches::default(),
            threads: Vec::new(),
            drafts: Vec::new(),
            timeline: None,
            expanded: None,
            artifacts: None,
            document: None,
            document_top: 0,
            beads: None,
            metrics: None,
            runs: Runs { follow: true, wanted: PAGE, ..Runs::default() },
        }
    }

    pub(crate) fn list(&self) -> ListState {
        self.lists[self.tab as usize]
    }

    pub(crate) fn list_mut(&mut self) -> &mut ListState {
        &mut self.lists[self.tab as usize]
    }

    /// Takes the session as it is now, without what its dropped repositories had: that ships nothing, is not read and
    /// not decided on.
    pub(crate) fn take_view(&mut self, mut view: SessionView) {
        let dropped = view.lanes.iter().filter(|lane| lane.dropped);
        let dropped: Vec<String> = dropped.map(|lane| lane.repo.clone()).collect();
        if dropped.len() < view.lanes.len() {
            let ships = |repo: &String| !dropped.contains(repo);
            for version in &mut view.versions {
                version.patch_sets.retain(|set| ships(&set.repo));
                version.checks.retain(|check| ships(&check.repo));
                version.violations.retain(|found| ships(&found.repo));
            }
            self.patches.drop_repositories(dropped);
        }
        let checks =
            |view: &SessionView| view.versions.iter().map(|version| version.checks.clone()).collect::<Vec<_>>();
        if self.view.as_ref().is_none_or(|before| checks(before) != checks(&view)) {
            self.runs.ended.clear();
        }
        self.view = Some(view);
    }

    /// Whether it moves, and who moves it.
    pub(crate) fn motion(&self, model: &Model) -> Motion {
        let row = model.inbox.row(self.id);
        match &self.view {
            Some(view) if view.needs_me => Motion::NeedsMe,
            Some(view) if view.paused => Motion::Paused,
            Some(_) if row.is_some_and(|row| row.running) => Motion::Runs,
            Some(_) => Motion::Rests,
            None => row.map_or(Motion::Rests, Motion::of),
        }
    }

    pub(crate) fn contexts(&self) -> Vec<Context> {
        match self.tab {
            Tab::Patches if self.patches.in_tree => vec![Context::Tree],
            Tab::Patches => vec![Context::Diff],
            Tab::Runs => vec![Context::Runs],
            Tab::Policy => vec![Context::Policy],
            Tab::Artifacts => vec![Context::Artifacts],
            _ => Vec::new(),
        }
    }

    /// The version being read.
    pub(crate) fn version_view(&self) -> Option<&VersionView> {
        let view = self.view.as_ref()?;
        match self.version {
            Some(number) => view.versions.iter().find(|version| version.number == number),
            None => view.versions.last(),
        }
    }

    /// Whether there is a version that a word can be said on: that has none yet, of a session that goes on.
    pub(crate) fn is_open_to_decisions(&self) -> bool {
        let over = self.view.as_ref().is_some_and(|view| words::is_over(&view.state));
        let decided = self.patch_set().is_some_and(|set| set.decision.is_some());
        let waits = self.view.is_none() || self.version_view().is_some();
        waits && !over && !decided && self.newer().is_none()
    }

    /// Whether it is one of several candidates of which none was picked: nothing of it is approved before.
    pub(crate) fn waits_for_pick(&self) -> bool {
        self.view.as_ref().is_some_and(|view| !view.candidates.is_empty() && view.picked.is_none())
    }

    /// The newest version, where it is not the one being read.
    pub(crate) fn newer(&self) -> Option<Version> {
        let newest = self.view.as_ref()?.versions.last()?.number;
        self.version.filter(|version| *version < newest).map(|_| newest)
    }

    /// The session and version being read, as requests name them.
    pub(crate) fn reference(&self) -> SessionRef {
        SessionRef { session: self.id, version: self.version }
    }

    /// The rows of the Runs tab: checks of the version being read, those that run or ended just now among them.
    pub(crate) fn checks(&self) -> Vec<CheckRow<'_>> {
        let known = self.version_view().map_or(&[][..], |version| version.checks.as_slice());
        let of_this = |version: &Version| self.version.is_none_or(|reading| reading == *version);
        let ended = || self.runs.ended.iter().filter(|(version, _)| of_this(version)).map(|(_, check)| check);
        let same = |a: &CheckView, b: &CheckView| (&a.repo, &a.name) == (&b.repo, &b.name);
        let newest = |check: &'_ CheckView| ended().find(|ended| same(ended, check));
        let mut results: Vec<&CheckView> = known.iter().map(|check| newest(check).unwrap_or(check)).collect();
        results.extend(ended().filter(|ended| !known.iter().any(|check| same(check, ended))));
        // what drafts a version can be followed before there is one
        let running = || self.runs.running.iter().filter(|running| running.version.as_ref().is_none_or(of_this));
        let runs = |check: &CheckView, running: &Running| (&check.repo, &check.name) == (&running.repo, &running.check);
        let mut rows: Vec<CheckRow<'_>> = results
            .iter()
            .map(|check| CheckRow {
                name: &check.name,
                result: Some(check),
                running: running().find(|running| runs(check, running)),
            })
            .collect();
        let others = running().filter(|running| !results.iter().any(|check| runs(check, running)));
        rows.extend(others.map(|running| CheckRow { name: &running.check, result: None, running: Some(running) }));
        rows
    }

    /// The patch set in focus: of the file under the cursor, else of the chosen lane.
    pub(crate) fn patch_set(&self) -> Option<&VersionPatchSet> {
        let version = self.version_view()?;
        let by_file = self.patches.repo().filter(|_| self.tab == Tab::Patches);
        by_file
            .and_then(|repo| version.patch_sets.iter().find(|set| set.repo == repo))
            .or_else(|| version.patch_sets.get(self.lane))
            .or_else(|| version.patch_sets.first())
    }

    /// The repository in focus.
    pub(crate) fn repo(&self) -> Option<String> {
        self.patch_set().map(|set| set.repo.clone())
    }

    /// Open threads and drafts that are shown with a file of the Patches tab.
    pub(crate) fn talk_with(&self, file: usize) -> (usize, usize) {
        self.talk(|talk| self.patches.home_of(talk) == Some(file))
    }

    /// Open threads and drafts on a file of the Patches tab.
    pub(crate) fn talk_on(&self, file: usize) -> (usize, usize) {
        self.talk(|talk| self.patches.is_on(file, talk))
    }

    /// Open threads and drafts about the whole change of a patch set.
    pub(crate) fn talk_about(&self, set: usize) -> (usize, usize) {
        self.talk(|talk| {
            let home = self.patches.home_of(talk).filter(|file| !self.patches.is_on(*file, talk));
            home.is_some_and(|file| self.patches.files[file].0 == set)
        })
    }

    fn talk(&self, is_here: impl Fn(Talk<'_>) -> bool) -> (usize, usize) {
        let threads = self.threads.iter().filter(|thread| !thread.resolved);
        let threads = threads.filter(|thread| is_here(Talk::of(thread, self.version)));
        let drafts = self.drafts.iter().filter(|draft| is_here(Talk::of_draft(draft, self.version)));
        (threads.count(), drafts.count())
    }

    /// Whether where something stands is told for another version than the one being read.
    pub(crate) fn has_talk_elsewhere(&self) -> bool {
        let is_known = |of: Version, now: Option<&PlaceNow>| match now {
            Some(now) => Some(now.version) == self.version,
            None => Some(of) == self.version,
        };
        let threads = self.threads.iter().filter(|thread| thread.path.is_some());
        let drafts = self.drafts.iter().filter(|draft| draft.path.is_some());
        let mut threads = threads.map(|thread| is_known(thread.version, thread.now.as_ref()));
        let mut drafts = drafts.map(|draft| is_known(draft.version, draft.now.as_ref()));
        threads.any(|known| !known) || drafts.any(|known| !known)
    }

    /// Open threads.
    pub(crate) fn open_threads(&self) -> usize {
        self.threads.iter().filter(|thread| !thread.resolved).count()
    }

    /// Whether the tab is one page that scrolls, without a cursor.
    pub(crate) fn is_page(&self) -> bool {
        matches!(self.tab, Tab::Overview | Tab::Architecture | Tab::Metrics)
    }

    /// What runs, all of it: each log that grows.
    pub(crate) fn take_logs(&mut self, logs: Vec<LogView>) {
        let newest = self.view.as_ref().and_then(|view| view.versions.last());
        let version = newest.map(|newest| newest.number);
        self.runs.running.clear();
        for LogView { repo, check, live, on_base, .. } in logs {
            if let Some(log) = live {
                self.runs.start(Running { version, repo, check, on_base, log });
            }
        }
    }

    /// Takes the documents as they are now; the cursor stays on the one that it is on.
    pub(crate) fn take_artifacts(&mut self, artifacts: Vec<ArtifactView>) {
        let list = &mut self.lists[Tab::Artifacts as usize];
        let before = self.artifacts.iter().flatten().nth(list.cursor).map(|artifact| artifact.name.clone());
        let at = before.and_then(|name| artifacts.iter().position(|artifact| artifact.name == name));
        list.cursor = at.unwrap_or_else(|| list.cursor.min(artifacts.len().saturating_sub(1)));
        self.artifacts = Some(artifacts);
    }

    /// Whether what the tab shows grows with what happens.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.tab, Tab::Overview | Tab::Timeline | Tab::Artifacts | Tab::Runs | Tab::Beads)
    }

    /// Open threads on the document of that name.
    pub(crate) fn threads_on<'a>(&'a self, document: &'a str) -> impl Iterator<Item = &'a ThreadView> {
        self.threads.iter().filter(move |thread| !thread.resolved && thread.artifact.as_deref() == Some(document))
    }

    /// How many rows the tab's list has.
    pub(crate) fn len(&self) -> usize {
        match self.tab {
            Tab::Timeline => self.timeline.as_ref().map_or(0, Vec::len),
            Tab::Artifacts => self.artifacts.as_ref().map_or(0, Vec::len),
            Tab::Policy => self.version_view().map_or(0, |version| version.violations.len()),
            Tab::Runs => self.checks().len(),
            Tab::Beads => self.beads.as_ref().map_or(0, Vec::len),
            _ => 0,
        }
    }
}

/// Draws the session.
pub(crate) fn draw(painter: &mut Painter<'_>, model: &Model, review: &Review) {
    let frame = Frame::session(model.size);
    draw_header(painter, frame.header, model, review);
    draw_tabs(painter, frame.tabs, review);
    let inside = Rect { x: frame.body.x + 1, width: frame.body.width.saturating_sub(2), ..frame.body };
    match review.tab {
        Tab::Patches => super::patches::draw(painter, frame.body, model, review),
        _ if review.is_page() => draw_page(painter, inside, model, review),
        _ => super::tabs::draw(painter, inside, model, review),
    }
}

/// The tallest page: more rows than any session's overview has.
const TALLEST: u16 = 300;

/// A page is drawn whole, and the rows that fit are shown.
fn page(model: &Model, review: &Review, width: u16) -> (Buffer, usize) {
    let all = Rect::new(0, 0, width, TALLEST);
    let mut buffer = Buffer::empty(all);
    let mut painter = Painter::new(&mut buffer, &model.settings.theme);
    painter.tint(all, Role::Text);
    match review.tab {
        Tab::Architecture => super::tabs::draw_architecture(&mut painter, all, review),
        Tab::Metrics => super::tabs::draw_metrics(&mut painter, all, review),
        _ => super::overview::draw(&mut painter, all, model, review),
    }
    let used =
        buffer.content.iter().rposition(|cell| cell.symbol() != " ").map_or(0, |at| at / usize::from(width.max(1)) + 1);
    (buffer, used)
}

/// How many rows the page of this tab has.
pub(crate) fn page_rows(model: &Model, review: &Review, width: u16) -> usize {
    page(model, review, width.saturating_sub(2)).1
}

fn draw_page(painter: &mut Painter<'_>, area: Rect, model: &Model, review: &Review) {
    if area.width == 0 {
        return;
    }
    let (whole, rows) = page(model, review, area.width);
    let top = review.list().cursor.min(rows.saturating_sub(usize::from(area.height)));
    for y in 0..area.height {
        let from = u16::try_from(top).unwrap_or(0) + y;
        if from >= TALLEST {
            break;
        }
        for x in 0..area.width {
            painter.buffer[(area.x + x, area.y + y)] = whole[(x, from)].clone();
        }
    }
    let edge = Rect { width: area.width + 1, ..area };
    scrollbar(painter, edge, top, rows);
}

fn draw_header(painter: &mut Painter<'_>, area: Rect, model: &Model, review: &Review) {
    if area.height == 0 {
        return;
    }
    painter.tint(area, Role::Bar);
    let row = model.inbox.row(review.id);
    let (state, goal) = match (&review.view, row) {
        (Some(view), _) => (view.state.clone(), view.goal.clone()),
        (None, Some(row)) => (row.state.clone(), row.goal.clone()),
        (None, None) => (String::new(), "".into()),
    };
    let motion = review.motion(model);
    let (mark, role) = words::state(&state, motion);
    let right = area.right().saturating_sub(1);
    let label = if area.width >= 40 { format!("{mark} {}", words::standing(&state, motion)) } else { mark.to_owned() };
    let label = match &model.connection {
        Connection::Lost(_) if area.width >= 40 => "reconnecting …".to_owned(),
        _ => label,
    };
    let used = painter.text_right(right, area.y, area.width / 2, &label, role);
    let mut x = area.x + 1;
    x += painter.text(x, area.y, 8, &format!("{}", review.id), Role::Accent) + 2;
    // no line is left for the tabs: which one is open stands here
    if Frame::session(model.size).tabs.height == 0 {
        x += painter.text(x, area.y, 8, review.tab.short(), Role::TabActive) + 1;
    }
    let room = right.saturating_sub(used + 2).saturating_sub(x);
    painter.text(x, area.y, room, goal.display_within(usize::from(room)).as_str(), Role::Strong);
    if area.height > 1 {
        draw_facts(painter, Rect { y: area.y + 1, height: 1, ..area }, review);
    }
}

fn draw_facts(painter: &mut Painter<'_>, area: Rect, review: &Review) {
    let Some(version) = review.version_view() else {
        let text = if review.view.is_some() { "no version yet" } else { "reading …" };
        painter.text(area.x + 1, area.y, area.width, text, Role::Muted);
        return;
    };
    let dot = || Run::new(" · ", Role::Faint);
    let mut runs = Vec::new();
    if let Some(set) = review.patch_set() {
        runs.extend([Run::new(super::plain(&set.repo), Role::Text), dot()]);
    }
    let newest = review.view.as_ref().and_then(|view| view.versions.last()).map(|version| version.number);
    let of =
        newest.filter(|newest| *newest != version.number).map(|newest| format!(" of {newest}")).unwrap_or_default();
    runs.push(Run::new(format!("{}{of}", version.number), if of.is_empty() { Role::Text } else { Role::Warning }));
    if let Some(set) = review.patch_set() {
        runs.extend([dot(), Run::new(set.digest.short(), Role::Muted)]);
    }
    runs.push(dot());
    runs.extend(gate_strip(&version.gates));
    if let Some(score) = &version.score {
        runs.extend([dot(), Run::new(score.overall.to_string(), words::score_role(score.overall))]);
    }
    let (done, all, whole) = review.patches.progress(None);
    if all > 0 {
        let more = if whole { "" } else { "+" };
        let role = if done == all && whole { Role::DiffReviewed } else { Role::Muted };
        runs.extend([dot(), Run::new(format!("{done}/{all}{more} hunks read"), role)]);
    }
    let out = review.patches.excluded.len();
    if out > 0 {
        runs.extend([dot(), Run::new(format!("{out} left out"), Role::Warning)]);
    }
    if !review.drafts.is_empty() {
        runs.extend([dot(), Run::new(counted(review.drafts.len(), "draft"), Role::Warning)]);
    }
    let open = review.open_threads();
    if open > 0 {
        runs.extend([dot(), Run::new(counted(open, "open thread"), Role::ThreadQuestion)]);
    }
    if let Some(decision) = review.patch_set().and_then(|set| set.decision.as_ref()) {
        let (word, role) = words::verdict(decision.verdict);
        runs.extend([dot(), Run::new(word, role)]);
    }
    painter.runs(area.x + 1, area.y, area.width.saturating_sub(2), &runs);
}

fn draw_tabs(painter: &mut Painter<'_>, area: Rect, review: &Review) {
    if area.height == 0 {
        return;
    }
    if area.height > 1 {
        painter.rule(area.x, area.y + 1, area.width, Role::Faint);
    }
    if area.width < 64 {
        let number = review.tab as usize + 1;
        painter.text(area.x + 1, area.y, area.width, &format!("{number} {}", review.tab.title()), Role::TabActive);
        painter.text_right(area.right().saturating_sub(1), area.y, 8, "1–9", Role::Muted);
        return;
    }
    let mut x = area.x + 1;
    let titles = Tab::titles(review.tab, usize::from(area.width.saturating_sub(2)));
    for (at, tab) in Tab::ALL.into_iter().enumerate() {
        let active = tab == review.tab;
        let title = titles[at];
        let (number_role, role) = if active { (Role::TabActive, Role::TabActive) } else { (Role::Faint, Role::Tab) };
        let start = x;
        x += painter.text(x, area.y, 2, &format!("{} ", at + 1), number_role);
        x += painter.text(x, area.y, area.right().saturating_sub(x), title, role);
        if active && area.height > 1 {
            for column in start..x {
                painter.text(column, area.y + 1, 1, "━", Role::TabActive);
            }
        }
        x += 2;
    }
}
