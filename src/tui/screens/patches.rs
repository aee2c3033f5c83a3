//! The Patches tab: files, the diff of one of them, threads on its lines, marks, evidence.

mod draw;
mod reading;
mod said;

pub(crate) use draw::draw;
pub(crate) use said::{Drawn, Talk};

use std::collections::HashMap;
use std::sync::Arc;

use ratatui::layout::Rect;

use said::Written;

use super::frame::{Frame, Panes};
use super::review::Review;
use crate::api::{DraftView, FileView, PatchSetView, Side as ApiSide, ThreadView};
use crate::id::{Digest, RepoPath, Version};
use crate::tui::diff_view::{self, Colors, DigestSet, Doc, Folding, Layout, Look, Row, Side, ThreadAt};
use crate::tui::model::{DocKey, DocSource, Model};
use crate::tui::widgets::Run;

/// One file as it is loaded.
#[derive(Debug)]
pub(crate) enum FileState {
    Loading,
    Failed(String),
    Ready(Arc<Doc>, Option<Arc<Colors>>),
}

/// Side by side or in one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Columns {
    /// Side by side from 120 columns of the diff on.
    #[default]
    Auto,
    Split,
    Unified,
}

/// What the Patches tab knows.
#[derive(Debug)]
pub(crate) struct Patches {
    pub generation: u32,
    pub sets: Vec<PatchSetView>,
    /// Set and file of every file, tests first.
    pub files: Vec<(usize, usize)>,
    /// Where the files of each set are among them, by path, and the first of each.
    places: Vec<HashMap<RepoPath, usize>>,
    firsts: Vec<Option<usize>>,
    pub current: usize,
    pub loaded: HashMap<usize, FileState>,
    /// Hunk keys by file, as far as they are known.
    pub keys: HashMap<usize, Vec<Digest>>,
    /// The version against its base, where it is shown against another one.
    pub reading: reading::Reading,
    /// Repositories that ship nothing: what they have need not be read.
    pub dropped: Vec<String>,
    pub reviewed: DigestSet,
    pub seen: DigestSet,
    /// The files before it are counted: a change of many files is not gone through once a file.
    surveyed: usize,
    /// Hunks that shall be left out of the next version.
    pub excluded: DigestSet,
    /// The hunk that is being edited by hand.
    pub edit: Option<OwnEdit>,
    /// Whether hunks that change whitespace only are hidden.
    pub no_blanks: bool,
    pub layout: Layout,
    /// The file that it is of.
    laid: Option<DocKey>,
    pub threads_here: Vec<usize>,
    pub drafts_here: Vec<usize>,
    pub thread_rows: Vec<Vec<Vec<Run>>>,
    pub top: usize,
    pub cursor: usize,
    pub anchor: Option<usize>,
    pub left: usize,
    pub wrap: bool,
    pub columns: Columns,
    pub context: u32,
    pub tree: Option<bool>,
    pub in_tree: bool,
    /// The evidence beside or below the diff, and what of it stands first.
    pub drawer: Option<Evidence>,
    pub against: Option<Version>,
    pub since_review: bool,
    /// Where jumps within a file began: the file and the line (1-based), the newest last.
    pub jumps: Vec<(usize, u32)>,
    /// Whether the next file that is ready is entered at its first unreviewed hunk (or its last hunk).
    pub enter: Enter,
}

/// A hunk that a person writes anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnEdit {
    pub hunk: Digest,
    /// Whether its secret may be shown: it was asked for twice.
    pub reveal: bool,
    /// The diff as it was, and as the person left it.
    pub text: Option<(String, String)>,
}

/// A part of the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evidence {
    Threads,
    Checks,
    Policy,
    Score,
}

impl Evidence {
    pub(crate) const ALL: [Self; 4] = [Self::Threads, Self::Checks, Self::Policy, Self::Score];

    /// What one more key shows: each part first, then none.
    pub(crate) fn after(shown: Option<Self>) -> Option<Self> {
        match shown {
            None => Some(Self::Threads),
            Some(part) => Self::ALL.get(part as usize + 1).copied(),
        }
    }

    /// All parts, this one first.
    pub(crate) fn and_others(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().cycle().skip(self as usize).take(Self::ALL.len())
    }
}

/// Where a file is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Enter {
    #[default]
    Unreviewed,
    /// The same, in the first file that has one.
    Opening,
    First,
    Last,
    Line(u32),
    FirstThread,
    LastThread,
    /// At what is searched for: its first row in the file, or its last.
    Match {
        forward: bool,
    },
    Stay,
}

impl Default for Patches {
    fn default() -> Self {
        Self {
            generation: 0,
            sets: Vec::new(),
            files: Vec::new(),
            places: Vec::new(),
            firsts: Vec::new(),
            current: 0,
            loaded: HashMap::new(),
            keys: HashMap::new(),
            reading: reading::Reading::default(),
            dropped: Vec::new(),
            reviewed: DigestSet::default(),
            seen: DigestSet::default(),
            surveyed: 0,
            excluded: DigestSet::default(),
            edit: None,
            no_blanks: false,
            layout: Layout::default(),
            laid: None,
            threads_here: Vec::new(),
            drafts_here: Vec::new(),
            thread_rows: Vec::new(),
            top: 0,
            cursor: 0,
            anchor: None,
            left: 0,
            wrap: false,
            columns: Columns::Auto,
            context: 3,
            tree: None,
            in_tree: false,
            drawer: None,
            against: None,
            since_review: true,
            jumps: Vec::new(),
            enter: Enter::Opening,
        }
    }
}

/// Files whose diff is kept: the one that is read and its neighbours.
const KEPT: usize = 5;

impl Patches {
    /// Takes the patch sets of a version; the file under the cursor stays where it is still there. Says how many hunks
    /// were to be left out of another comparison: there they are other hunks.
    pub(crate) fn set(&mut self, mut sets: Vec<PatchSetView>) -> usize {
        sets.retain(|set| !self.dropped.contains(&set.repo));
        let compared = |sets: &[PatchSetView]| -> Vec<(Digest, String)> {
            sets.iter().map(|set| (set.digest, set.against.clone())).collect()
        };
        let mut forgotten = 0;
        if compared(&self.sets) != compared(&sets) {
            forgotten = self.excluded.len();
            self.excluded.clear();
            self.edit = None;
        }
        let path = self.file().map(|(set, file)| (set.repo.clone(), file.path.clone()));
        self.generation += 1;
        self.jumps.clear();
        self.sets = sets;
        self.loaded.clear();
        self.keys.clear();
        self.surveyed = 0;
        self.reading = reading::Reading::default();
        self.layout = Layout::default();
        self.reviewed = self.sets.iter().flat_map(|set| set.reviewed.iter().copied()).collect();
        self.files = self
            .sets
            .iter()
            .enumerate()
            .flat_map(|(at, set)| (0..set.files.len()).map(move |file| (at, file)))
            .collect();
        let sets = &self.sets;
        self.files.sort_by_key(|(set, file)| (*set, !is_test(&sets[*set].files[*file]), *file));
        self.places = vec![HashMap::new(); self.sets.len()];
        self.firsts = vec![None; self.sets.len()];
        for (at, (set, file)) in self.files.iter().enumerate() {
            self.places[*set].insert(self.sets[*set].files[*file].path.clone(), at);
            self.firsts[*set].get_or_insert(at);
        }
        let found = path.and_then(|(repo, path)| self.place_of(&repo, &path));
        self.enter = if found.is_some() { Enter::Stay } else { Enter::Opening };
        self.current = found.unwrap_or(0);
        forgotten
    }

    /// Takes note of the repositories that ship nothing; what is shown of them goes.
    pub(crate) fn drop_repositories(&mut self, dropped: Vec<String>) {
        let shown = self.sets.iter().any(|set| dropped.contains(&set.repo));
        self.dropped = dropped;
        if shown {
            let (sets, marks) = (self.sets.clone(), std::mem::take(&mut self.reviewed));
            self.set(sets);
            self.reviewed = marks; // newer than those that came with the sets
        }
    }

    /// The file under the cursor and its patch set.
    pub(crate) fn file(&self) -> Option<(&PatchSetView, &FileView)> {
        let (set, file) = self.files.get(self.current)?;
        Some((&self.sets[*set], &self.sets[*set].files[*file]))
    }

    pub(crate) fn repo(&self) -> Option<&str> {
        self.file().map(|(set, _)| set.repo.as_str())
    }

    /// The current file's diff, once it is ready.
    pub(crate) fn doc(&self) -> Option<&Arc<Doc>> {
        match self.loaded.get(&self.current) {
            Some(FileState::Ready(doc, _)) => Some(doc),
            _ => None,
        }
    }

    /// The current file's colours, once they are ready.
    pub(crate) fn colors(&self) -> Option<Arc<Colors>> {
        match self.loaded.get(&self.current) {
            Some(FileState::Ready(_, colors)) => colors.clone(),
            _ => None,
        }
    }

    pub(crate) fn key(&self, file: usize) -> DocKey {
        DocKey { generation: self.generation, file }
    }

    /// Where a file's sides are.
    pub(crate) fn source(&self, file: usize) -> Option<DocSource> {
        let (set, at) = self.files.get(file)?;
        Some(DocSource::of(&self.sets[*set].files[*at]))
    }

    /// Forgets diffs far from the current file.
    pub(crate) fn trim(&mut self) {
        let current = self.current;
        if self.loaded.len() > KEPT {
            self.loaded.retain(|file, _| file.abs_diff(current) <= 1);
        }
    }

    /// Where a session that is being opened goes on: to the next file, where this one is read and that one may not be;
    /// after the last to the first.
    pub(crate) fn opens_further(&self) -> Option<usize> {
        let is_read = |file: usize| self.file_progress(file).is_some_and(|(done, all)| all > 0 && done == all);
        if self.enter != Enter::Opening || !is_read(self.current) {
            return None;
        }
        let last = self.files.len().saturating_sub(1);
        let next = (self.current + 1..=last).find(|file| !is_read(*file));
        next.or((self.current != 0).then_some(0))
    }

    /// The next file whose hunks nobody counted yet.
    pub(crate) fn unsurveyed(&mut self) -> Option<usize> {
        let mut rest = self.surveyed..self.files.len();
        let next = rest.find(|file| !self.keys.contains_key(file));
        self.surveyed = next.unwrap_or(self.files.len());
        next
    }

    /// Whether a file cannot be read: every one that can has a hunk at least.
    pub(crate) fn is_unreadable(&self, file: usize) -> bool {
        self.keys.get(&file).is_some_and(Vec::is_empty)
    }

    /// How many hunks of a file are read, and how many it has; `None` where they are not known.
    pub(crate) fn file_progress(&self, file: usize) -> Option<(usize, usize)> {
        let keys = self.keys.get(&file).filter(|keys| !keys.is_empty())?;
        Some((keys.iter().filter(|key| self.reviewed.contains(*key)).count(), keys.len()))
    }

    pub(crate) fn is_split(&self, columns: u16) -> bool {
        match self.columns {
            Columns::Auto => columns >= 120,
            Columns::Split => columns >= 60,
            Columns::Unified => false,
        }
    }

    fn place_of(&self, repo: &str, path: &RepoPath) -> Option<usize> {
        let set = self.sets.iter().position(|set| set.repo == repo)?;
        self.places.get(set)?.get(path).copied()
    }

    /// Whether it is about that file.
    pub(crate) fn is_on(&self, file: usize, talk: Talk<'_>) -> bool {
        talk.path.is_some_and(|path| self.place_of(talk.repo, path) == Some(file))
    }

    /// The file that it is shown with: the one that it is about; else, for what is about the whole change or about a file
    /// that is not in it, the first of its repository. Against another version a file is missing that did not change since.
    pub(crate) fn home_of(&self, talk: Talk<'_>) -> Option<usize> {
        if talk.on_document {
            return None;
        }
        let set = self.sets.iter().position(|set| set.repo == talk.repo)?;
        match talk.path.map(|path| self.places.get(set)?.get(path).copied()) {
            Some(Some(file)) => Some(file),
            Some(None) if self.sets[set].against != "base" => None,
            Some(None) | None => self.firsts.get(set).copied().flatten(),
        }
    }

    /// Makes the rows anew: after the file, the threads, the width or the folding changed.
    pub(crate) fn relayout(
        &mut self,
        threads: &[ThreadView],
        drafts: &[DraftView],
        columns: u16,
        reading: Option<Version>,
    ) {
        if self.file().is_none() {
            return;
        }
        let current = self.current;
        let here = |talk: Talk<'_>| self.home_of(talk) == Some(current);
        self.threads_here = (0..threads.len()).filter(|at| here(Talk::of(&threads[*at], reading))).collect();
        let room = usize::from(columns.saturating_sub(6)).clamp(10, 100);
        self.drafts_here = (0..drafts.len())
            .filter(|at| self.home_of(Talk::of_draft(&drafts[*at], reading)) == Some(current))
            .collect();
        let of_threads = self.threads_here.iter().map(|at| Written::of(&threads[*at], reading));
        let said = of_threads.chain(self.drafts_here.iter().map(|at| Written::of_draft(&drafts[*at], reading)));
        let drawn: Vec<(Side, Drawn)> = said.map(|said| (said.side(), self.drawn(&said))).collect();
        let (of_threads, of_drafts) = drawn.split_at(self.threads_here.len());
        let threads_here = self.threads_here.iter().zip(of_threads);
        let drafts_here = self.drafts_here.iter().zip(of_drafts);
        let rows = threads_here
            .map(|(at, (_, drawn))| super::comment::thread_rows(&threads[*at], room, reading, *drawn))
            .chain(drafts_here.map(|(at, (_, drawn))| super::comment::draft_rows(&drafts[*at], room, reading, *drawn)));
        self.thread_rows = rows.collect();
        let place = |(thread, (side, drawn)): (usize, &(Side, Drawn))| {
            let (side, line) = match drawn {
                Drawn::AtLine(side, line) => (*side, Some(*line)),
                Drawn::OnFile | Drawn::Elsewhere => (*side, None),
            };
            ThreadAt { thread, side, line, rows: u32::try_from(self.thread_rows[thread].len()).unwrap_or(1) }
        };
        let mut places: Vec<ThreadAt> = drawn.iter().enumerate().map(place).collect();
        if let Some(rows) = self.note_rows(room) {
            let (thread, shown) = (self.thread_rows.len(), u32::try_from(rows.len()).unwrap_or(1));
            places.push(ThreadAt { thread, side: Side::New, line: None, rows: shown });
            self.thread_rows.push(rows);
        }
        let split = self.is_split(columns);
        let Some(doc) = self.doc().cloned() else { return };
        // what comes in above the cursor must not put it on something else: the next key acts on what is under it
        let key = self.key(current);
        let under = self.layout.row(self.cursor).filter(|_| self.laid == Some(key));
        self.layout = Layout::new(&doc, Folding { context: self.context, no_blanks: self.no_blanks }, split, &places);
        self.laid = Some(key);
        if let Some(row) = under.and_then(|row| self.layout.place_of(row)) {
            self.top = (self.top + row).saturating_sub(self.cursor);
            self.cursor = row;
        }
        self.cursor = self.cursor.min(self.layout.rows().saturating_sub(1));
    }

    /// The first rows of what is said, from the top.
    pub(crate) fn said_rows(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        let said = self.threads_here.len() + self.drafts_here.len();
        let is_said = move |row: &usize| matches!(self.layout.row(*row), Some(Row::Thread(at, _)) if at < said);
        self.layout.thread_rows().filter(is_said)
    }

    /// Moves the window so that the hunk under the cursor is read from there: its header in the upper third, or on the
    /// first row where the hunk is as long as the window. One that stands well already stays.
    pub(crate) fn lead(&mut self, area: Rect) {
        let height = usize::from(area.height.max(1));
        let rows = self.layout.hunk_rows();
        let next = rows.get(rows.partition_point(|row| *row as usize <= self.cursor));
        let end = next.map_or(self.layout.rows(), |row| *row as usize);
        let third = (height / 3).min(height.saturating_sub(end.saturating_sub(self.cursor)));
        let stands = self.cursor >= self.top && self.cursor - self.top <= third;
        if !stands {
            self.top = self.cursor.saturating_sub(third.min(height / 4));
        }
    }

    /// Moves the window so that the cursor is in it, with some lines around where there is room. What is `visible`
    /// counts as shown; rows under a window on top do not.
    pub(crate) fn show_cursor(&mut self, area: Rect, visible: bool) {
        let height = usize::from(area.height.max(1));
        let margin = (height / 5).min(4);
        self.cursor = self.cursor.min(self.layout.rows().saturating_sub(1));
        // what a hunk follows need not be seen: its header may stand on the first row
        let on_header = self.header_at_cursor().is_some();
        let above = if on_header { 0 } else { margin };
        if self.cursor < self.top + above {
            self.top = self.cursor.saturating_sub(above);
        }
        let rows = self.layout.rows();
        let below = margin.min(rows.saturating_sub(self.cursor + 1));
        if self.cursor + below >= self.top + height {
            self.top = self.cursor + below + 1 - height;
        }
        // the last hunk of a long file stands as high as any other, with nothing below
        let header = self.layout.hunk_at(self.cursor).and_then(|at| self.layout.hunk_rows().get(at));
        let high = header.map_or(0, |row| (*row as usize).saturating_sub(height / 4));
        self.top = self.top.min(if rows > height { high.max(rows - height) } else { 0 });
        if self.wrap {
            // long lines take several rows each: the cursor's row must end within the window
            while self.top < self.cursor && self.wrapped_rows(area, self.top, self.cursor) > height {
                self.top += 1;
            }
        }
        if visible {
            self.remember_seen(height);
        }
    }

    fn wrapped_rows(&self, area: Rect, from: usize, to: usize) -> usize {
        let Some(doc) = self.doc() else { return 0 };
        let look = self.look(doc, None, area.width, "", false);
        (from..=to).map(|row| usize::from(diff_view::height(&look, area.width, row))).sum()
    }

    fn remember_seen(&mut self, height: usize) {
        let Some(doc) = self.doc().cloned() else { return };
        let hunks = doc.hunks();
        let firsts = self.layout.hunk_rows();
        // hunks that begin elsewhere cannot have their last row here: a key costs the same in a long file
        let from = firsts.partition_point(|first| *first as usize + height <= self.top);
        let to = firsts.partition_point(|first| (*first as usize) < self.top + height + 3);
        // a hunk was shown when its last row was
        for (at, first) in firsts.iter().enumerate().take(to).skip(from) {
            let last = firsts.get(at + 1).map_or(self.layout.rows(), |next| *next as usize);
            let last_change = last.saturating_sub(1).min(*first as usize + height.saturating_sub(1));
            // 3: the context below the last change need not have been on the screen
            let shown = last_change >= self.top && last_change < self.top + height + 3;
            let hidden = |hunk: &&diff_view::Hunk| self.no_blanks && hunk.blank;
            self.seen.extend(hunks.get(at).filter(|hunk| shown && !hidden(hunk)).map(|hunk| hunk.key));
        }
        if hunks.is_empty() {
            let keys = self.keys.get(&self.current).cloned().unwrap_or_default();
            self.seen.extend(keys);
        }
    }

    fn look<'a>(
        &'a self,
        doc: &'a Doc,
        colors: Option<&'a Colors>,
        columns: u16,
        search: &'a str,
        focused: bool,
    ) -> Look<'a> {
        Look {
            doc,
            layout: &self.layout,
            colors,
            top: self.top,
            cursor: self.cursor,
            anchor: self.anchor,
            focused,
            split: self.is_split(columns),
            one_side: false,
            wrap: self.wrap,
            left: self.left,
            reviewed: &self.reviewed,
            excluded: &self.excluded,
            search,
            threads: &self.thread_rows,
        }
    }

    /// The line under the cursor: its side and number (1-based), and the first line of a selected range.
    pub(crate) fn line(&self) -> Option<(ApiSide, u32, Option<u32>)> {
        let line_of = |row: usize| match self.layout.row(row)? {
            Row::Line { new: Some(new), .. } => Some((ApiSide::New, new + 1)),
            Row::Line { old: Some(old), .. } => Some((ApiSide::Old, old + 1)),
            _ => None,
        };
        // on a header the first line below it is meant
        let row = (self.cursor..self.cursor + 4).find(|row| line_of(*row).is_some())?;
        let (side, line) = line_of(row)?;
        let Some((_, other)) = self.anchor.and_then(line_of).filter(|(of, _)| *of == side) else {
            return Some((side, line, None));
        };
        Some((side, line.max(other), Some(line.min(other)).filter(|first| *first < line.max(other))))
    }

    /// The text of a line of the current file, printable bytes as they are.
    pub(crate) fn text_of(&self, side: ApiSide, line: u32) -> String {
        let side = if side == ApiSide::Old { Side::Old } else { Side::New };
        let Some(doc) = self.doc() else { return String::new() };
        String::from_utf8_lossy(doc.line(side, line.saturating_sub(1))).into_owned()
    }

    /// The thread under the cursor, or on its line: an index into the review's threads.
    pub(crate) fn thread_at_cursor(&self) -> Option<usize> {
        self.said_at_cursor().find_map(|said| self.threads_here.get(said).copied())
    }

    /// The draft under the cursor, or on its line: an index into the review's drafts.
    pub(crate) fn draft_at_cursor(&self) -> Option<usize> {
        self.said_at_cursor().find_map(|said| self.drafts_here.get(said.checked_sub(self.threads_here.len())?).copied())
    }

    /// What is said under the cursor; on a line, all that is said about it.
    fn said_at_cursor(&self) -> impl Iterator<Item = usize> + '_ {
        let on_talk = matches!(self.layout.row(self.cursor), Some(Row::Thread(..)));
        // on a header the first line below it is meant, as for a comment
        let is_line = |row: &usize| matches!(self.layout.row(*row), Some(Row::Line { .. }));
        let line = (self.cursor..self.cursor + 4).find(is_line).unwrap_or(self.cursor);
        let first = if on_talk { self.cursor } else { line + 1 };
        let said = (first..).map_while(|row| match self.layout.row(row)? {
            Row::Thread(said, _) => Some(said),
            _ => None,
        });
        // under the cursor stands one; a line may have several
        let only = if on_talk { 1 } else { usize::MAX };
        said.take(only)
    }

    /// The hunk whose header the cursor is on.
    pub(crate) fn header_at_cursor(&self) -> Option<usize> {
        self.layout.hunk_rows().binary_search_by_key(&self.cursor, |row| *row as usize).ok()
    }

    /// The hunk under the cursor: its key. A file without lines is one.
    pub(crate) fn hunk_at_cursor(&self) -> Option<Digest> {
        let at = self.layout.hunk_at(self.cursor).unwrap_or(0);
        self.keys.get(&self.current)?.get(at).copied()
    }

    /// How many hunks of a file are left out.
    pub(crate) fn left_out(&self, file: usize) -> usize {
        self.keys.get(&file).map_or(0, |keys| keys.iter().filter(|key| self.excluded.contains(*key)).count())
    }
}

fn is_test(file: &FileView) -> bool {
    let path = file.path.to_string();
    path.split('/').any(|part| matches!(part, "tests" | "test" | "spec" | "__tests__"))
        || path.contains("_test.")
        || path.contains(".test.")
        || path.rsplit('/').next().is_some_and(|name| name.starts_with("test_"))
}

/// The panes as they are drawn.
pub(crate) fn panes(model: &Model, review: &Review) -> Panes {
    let body = Frame::session(model.size).body;
    let tree = review.patches.tree.unwrap_or(body.width >= 100) || (review.patches.in_tree && body.width < 100);
    Panes::of(body, tree, review.patches.drawer.is_some())
}
