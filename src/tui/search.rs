//! Searching in what is shown: rows of a list, lines of a diff.

use super::model::{Model, Task, Tone};
use super::screens::inbox;
use super::screens::review::Tab;
use super::update::scroll_to_cursor;

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
    use super::diff_view::{Row, Side as DiffSide};
    let patches = &review.patches;
    let (Some(doc), Some(Row::Line { old, new, .. })) = (patches.doc(), patches.layout.row(row)) else { return false };
    let holds = |side, line: Option<u32>| {
        line.is_some_and(|line| memchr::memmem::find(doc.line(side, line), text.as_bytes()).is_some())
    };
    holds(DiffSide::New, new) || holds(DiffSide::Old, old)
}

pub(crate) fn search(model: &mut Model, forward: bool) -> Vec<Task> {
    let text = model.search.clone();
    if text.is_empty() {
        return Vec::new();
    }
    let found = match &mut model.review {
        None => model.inbox.find(&text, forward),
        Some(review) if review.tab == Tab::Patches => {
            let found = find_in_diff(review, &text, forward);
            scroll_to_cursor(model);
            found
        }
        Some(_) => true,
    };
    if !found {
        model.say(Tone::Warning, format!("nothing here holds “{}”", super::screens::plain(&text)));
    }
    Vec::new()
}

fn find_in_diff(review: &mut super::screens::review::Review, text: &str, forward: bool) -> bool {
    use super::diff_view::{Row, Side as DiffSide};
    let patches = &mut review.patches;
    let Some(doc) = patches.doc().cloned() else { return false };
    let finder = memchr::memmem::Finder::new(text.as_bytes());
    let rows = patches.layout.rows();
    for step in 1..=rows {
        let row = if forward { (patches.cursor + step) % rows } else { (patches.cursor + rows - step) % rows };
        let Some(Row::Line { old, new, .. }) = patches.layout.row(row) else { continue };
        let holds = |side, line: Option<u32>| line.is_some_and(|line| finder.find(doc.line(side, line)).is_some());
        if holds(DiffSide::New, new) || holds(DiffSide::Old, old) {
            patches.cursor = row;
            return true;
        }
    }
    false
}
