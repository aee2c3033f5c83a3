//! Searching in what is shown: rows of a list, lines of a diff.

use memchr::memmem::Finder;

use super::diff_keys::to_file;
use super::diff_view::{Doc, Folding, Layout, Row, Side};
use super::model::{DocKey, DocSource, Model, Task, Tone};
use super::screens::patches::{Enter, Patches};
use super::screens::review::Tab;
use super::screens::{inbox, plain};
use super::update::scroll_to_cursor;
use crate::cancel::Cancel;
use crate::text::counted;

/// The first match from where the cursor stands: its own line counts.
pub(crate) fn search_here(model: &mut Model) -> Vec<Task> {
    let text = model.search.clone();
    let here = match &model.review {
        None => model.inbox.selected().is_some_and(|row| inbox::holds(row, &text)),
        Some(review) if review.tab == Tab::Patches => row_holds(review, review.patches.cursor, &text),
        Some(_) => true,
    };
    if here && !text.is_empty() { Vec::new() } else { search(model, true) }
}

fn row_holds(review: &super::screens::review::Review, row: usize, text: &str) -> bool {
    let patches = &review.patches;
    let finder = Finder::new(text.as_bytes());
    patches.doc().is_some_and(|doc| holds(doc, &patches.layout, row, &finder))
}

/// Whether a row shows a line that holds it.
fn holds(doc: &Doc, layout: &Layout, row: usize, finder: &Finder<'_>) -> bool {
    let Some(Row::Line { old, new, .. }) = layout.row(row) else { return false };
    let holds = |side, line: Option<u32>| line.is_some_and(|line| finder.find(doc.line(side, line)).is_some());
    holds(Side::New, new) || holds(Side::Old, old)
}

pub(crate) fn search(model: &mut Model, forward: bool) -> Vec<Task> {
    let text = model.search.clone();
    if text.is_empty() {
        return Vec::new();
    }
    let found = match &mut model.review {
        None => model.inbox.find(&text, forward),
        Some(review) if review.tab == Tab::Patches => return search_diff(model, &text, forward),
        Some(_) => true,
    };
    if !found {
        model.say(Tone::Warning, format!("nothing here holds “{}”", plain(&text)));
    }
    Vec::new()
}

/// A search that goes on in other files than the one that is read.
#[derive(Debug)]
pub(crate) struct FileSearch {
    pub text: String,
    forward: bool,
    /// Where it began: a reader who went on meanwhile is not taken away.
    began: (DocKey, usize),
    folding: Folding,
    /// The other files, in the order in which they are searched.
    files: Vec<(usize, DocSource)>,
    /// Whether a reader has enough of it.
    cancel: Cancel,
}

impl FileSearch {
    /// The first of the files that shows it; none once it is stopped. For workers: reads and compares as many as it must.
    pub(crate) fn run(&self, compare: impl Fn(&DocSource) -> Option<Doc>) -> Option<usize> {
        let finder = Finder::new(self.text.as_bytes());
        let shows = |source: &DocSource| {
            let doc = if source.binary { None } else { compare(source) };
            doc.is_some_and(|doc| {
                let layout = Layout::new(&doc, self.folding, false, &[]);
                (0..layout.rows()).any(|row| holds(&doc, &layout, row, &finder))
            })
        };
        let mut wanted = self.files.iter().take_while(|_| !self.cancel.is_cancelled());
        wanted.find(|(_, source)| shows(source)).map(|(file, _)| *file)
    }
}

/// In the rest of the file, then in the other files, then from the other end of the file.
fn search_diff(model: &mut Model, text: &str, forward: bool) -> Vec<Task> {
    let Some(review) = &mut model.review else { return Vec::new() };
    let patches = &mut review.patches;
    if find_in_diff(patches, text, forward, Reach::Rest) {
        scroll_to_cursor(model);
        return Vec::new();
    }
    let (current, all) = (patches.current, patches.files.len());
    let others = (1..all).map(|step| if forward { (current + step) % all } else { (current + all - step) % all });
    let files: Vec<(usize, DocSource)> = others.filter_map(|file| Some((file, patches.source(file)?))).collect();
    if files.is_empty() {
        end_in_file(model, text, forward);
        return Vec::new();
    }
    let cancel = Cancel::new();
    let search = FileSearch {
        cancel: cancel.clone(),
        text: text.to_owned(),
        forward,
        began: (patches.key(current), patches.cursor),
        folding: Folding { context: patches.context, no_blanks: patches.no_blanks },
        files,
    };
    stop(model);
    model.searching = Some(cancel);
    model.say(Tone::Info, format!("searching {} … Esc stops it", counted(all - 1, "other file")));
    vec![Task::Search(Box::new(search))]
}

/// Stops the search that goes on in other files; whether one did.
pub(crate) fn stop(model: &mut Model) -> bool {
    let running = model.searching.take();
    running.inspect(Cancel::cancel).is_some()
}

/// The other files were searched.
pub(crate) fn on_searched(model: &mut Model, search: &FileSearch, found: Option<usize>) -> Vec<Task> {
    if search.cancel.is_cancelled() {
        return Vec::new();
    }
    model.searching = None;
    let Some(review) = &model.review else { return Vec::new() };
    let patches = &review.patches;
    let stands = (patches.key(patches.current), patches.cursor) == search.began && review.tab == Tab::Patches;
    if !stands || model.search != search.text {
        return Vec::new();
    }
    let Some(file) = found else {
        end_in_file(model, &search.text, search.forward);
        return Vec::new();
    };
    let all = patches.files.len();
    model.say(Tone::Info, format!("“{}”: file {} of {all}", plain(&search.text), file + 1));
    to_file(model, file, Enter::Match { forward: search.forward })
}

/// No other file has it: this one is searched from its other end.
fn end_in_file(model: &mut Model, text: &str, forward: bool) {
    let found =
        model.review.as_mut().is_some_and(|review| find_in_diff(&mut review.patches, text, forward, Reach::All));
    let text = plain(text);
    if found {
        model
            .say(Tone::Info, format!("“{text}”: in this file alone, from its {}", if forward { "top" } else { "end" }));
    } else {
        model.say(Tone::Warning, format!("nothing here holds “{text}”"));
    }
    scroll_to_cursor(model);
}

/// How far a file is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// From the cursor to the end that is searched towards.
    Rest,
    /// And from the other end up to the cursor, its own row last.
    All,
}

fn find_in_diff(patches: &mut Patches, text: &str, forward: bool, reach: Reach) -> bool {
    let Some(doc) = patches.doc().cloned() else { return false };
    let finder = Finder::new(text.as_bytes());
    let (rows, cursor) = (patches.layout.rows(), patches.cursor);
    let rest = if forward { rows.saturating_sub(cursor + 1) } else { cursor };
    let steps = if reach == Reach::All { rows } else { rest };
    let row_at = |step: usize| if forward { (cursor + step) % rows } else { (cursor + rows - step) % rows };
    let found = (1..=steps).map(row_at).find(|row| holds(&doc, &patches.layout, *row, &finder));
    patches.cursor = found.unwrap_or(cursor);
    found.is_some()
}

/// The first row of a file that holds it, or the last.
pub(crate) fn first_match(patches: &Patches, text: &str, forward: bool) -> usize {
    let Some(doc) = patches.doc() else { return 0 };
    let finder = Finder::new(text.as_bytes());
    let is_match = |row: &usize| holds(doc, &patches.layout, *row, &finder);
    let mut rows = 0..patches.layout.rows();
    if forward { rows.find(is_match) } else { rows.rev().find(is_match) }.unwrap_or(0)
}
