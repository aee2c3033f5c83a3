//! How the tab is drawn: the title, the list of files, the diff.

use ratatui::layout::Rect;

use super::{FileState, Patches, panes};
use crate::api::FileView;
use crate::diff::{ChangeStatus, DiffKind};
use crate::tui::diff_view;
use crate::tui::model::Model;
use crate::tui::screens::review::Review;
use crate::tui::theme::Role;
use crate::tui::widgets::{Painter, Run};
use crate::tui::words;

/// Draws the tab.
pub(crate) fn draw(painter: &mut Painter<'_>, body: Rect, model: &Model, review: &Review) {
    let patches = &review.patches;
    if patches.files.is_empty() {
        let text = match &review.view {
            None => "reading …",
            Some(view) if view.versions.is_empty() => "No version yet: nothing to read.",
            Some(_) if patches.sets.is_empty() => "reading …",
            Some(_) => "This version changes nothing against what it is compared with.",
        };
        painter.text(body.x + 2, body.y + 1, body.width, text, Role::Muted);
        let notes: Vec<String> = patches.left_alone().map(|(_, note)| note).collect();
        let below = Rect { x: body.x + 2, y: body.y + 3, width: body.width.saturating_sub(4), ..body };
        let below = Rect { height: body.height.saturating_sub(3), ..below };
        painter.wrapped(below, &notes.join("\n"), Role::Warning);
        return;
    }
    let panes = panes(model, review);
    if let Some(area) = panes.tree {
        draw_tree(painter, area, patches, review);
        if panes.diff.width > 0 {
            painter.wall(area.right() - 1, area.y, area.height, Role::Border);
        }
    }
    if panes.diff.width == 0 {
        return;
    }
    draw_title(painter, panes.title, review);
    match patches.loaded.get(&patches.current) {
        None | Some(FileState::Loading) => {
            painter.text(panes.diff.x + 2, panes.diff.y + 1, panes.diff.width, "reading …", Role::Muted);
        }
        Some(FileState::Failed(why)) => {
            painter.wrapped(
                Rect { x: panes.diff.x + 2, width: panes.diff.width.saturating_sub(3), ..panes.diff },
                why,
                Role::Error,
            );
        }
        Some(FileState::Ready(doc, colors)) if patches.layout.rows() > 0 => {
            let look = patches.look(doc, colors.as_deref(), panes.diff.width, &model.search, !patches.in_tree);
            diff_view::draw(painter, panes.diff, &look);
        }
        Some(FileState::Ready(doc, _)) => draw_no_lines(painter, panes.diff, review, doc.kind()),
    }
    if let (Some(area), Some(first)) = (panes.drawer, patches.drawer) {
        let beside = area.y <= panes.title.y;
        crate::tui::screens::evidence::draw(painter, area, review, first, beside);
    }
}

fn draw_no_lines(painter: &mut Painter<'_>, area: Rect, review: &Review, kind: DiffKind) {
    let Some((_, file)) = review.patches.file() else { return };
    let size = |blob: &Option<crate::api::BlobRef>| {
        blob.as_ref().map_or("none".to_owned(), |blob| format!("{} bytes", blob.size))
    };
    let what = match kind {
        DiffKind::Binary => format!("Binary: {} → {}", size(&file.old), size(&file.new)),
        DiffKind::TooLarge => format!("Too large for lines: {} → {}", size(&file.old), size(&file.new)),
        DiffKind::Text if file.old_mode != file.new_mode && file.status == ChangeStatus::Modified => {
            format!("Only the mode changes: {} → {}", file.old_mode, file.new_mode)
        }
        DiffKind::Text => format!("No lines: {} → {}", size(&file.old), size(&file.new)),
    };
    painter.text(area.x + 2, area.y + 1, area.width.saturating_sub(3), &what, Role::Text);
}

fn draw_title(painter: &mut Painter<'_>, area: Rect, review: &Review) {
    let patches = &review.patches;
    let Some((set, file)) = patches.file() else { return };
    painter.tint(area, Role::DiffFile);
    let (letter, role) = words::change_status(file.status);
    let mut x = area.x + 1;
    x += painter.text(x, area.y, 1, letter, role) + 1;
    let mut right = vec![
        Run::new(format!("+{}", file.added), Role::DiffAddedSign),
        Run::new(format!(" −{}", file.deleted), Role::DiffDeletedSign),
    ];
    if let Some((done, all)) = patches.file_progress(patches.current).filter(|_| area.width >= 40) {
        let role = if done == all { Role::DiffReviewed } else { Role::Muted };
        let mark = if done == all { "✓ " } else { "" };
        right.push(Run::new(format!("  {mark}{done}/{all}"), role));
    }
    if patches.is_unreadable(patches.current) {
        right.push(Run::new("  ✗ not read", Role::Error));
    }
    if area.width >= 60 {
        right.push(Run::new(format!("  file {}/{}", patches.current + 1, patches.files.len()), Role::Muted));
    }
    if let Some(kind) = kind_of_new(file) {
        right.push(Run::new(format!("  {kind}"), Role::Warning));
    }
    let out = patches.left_out(patches.current);
    if out > 0 {
        right.push(Run::new(format!("  {out} left out"), Role::Warning));
    }
    if set.against != "base" {
        let last = if patches.against.is_none() && patches.since_review { ", your last" } else { "" };
        right.push(Run::new(format!("  vs {}{last}", crate::tui::screens::plain(&set.against)), Role::Warning));
    }
    let columns: usize = right.iter().map(|run| crate::text::width::columns(&run.text)).sum();
    let columns = u16::try_from(columns).unwrap_or(0).min(area.width / 2);
    let start = area.right().saturating_sub(columns + 1);
    let name = crate::tui::screens::plain(&file.path.to_string());
    painter.path(x, area.y, start.saturating_sub(x + 1), &name, Role::DiffFile);
    painter.runs(start, area.y, columns, &right);
}

/// What a new file is, where that is no plain file. What changes an old one's mode alone is said where its lines would be.
fn kind_of_new(file: &FileView) -> Option<&'static str> {
    match file.new_mode.as_str() {
        _ if file.status != ChangeStatus::Added => None,
        "100755" => Some("executable"),
        "120000" => Some("link"),
        "160000" => Some("submodule"),
        _ => None,
    }
}

fn draw_tree(painter: &mut Painter<'_>, area: Rect, patches: &Patches, review: &Review) {
    let width = area.width.saturating_sub(1);
    let rows = tree_rows(patches, review);
    let cursor = rows.iter().position(|row| row.file == Some(patches.current)).unwrap_or(0);
    let height = usize::from(area.height);
    let top = cursor.saturating_sub(height.saturating_sub(3)).min(rows.len().saturating_sub(height));
    for (at, row) in rows.iter().skip(top).take(height).enumerate() {
        let y = area.y + u16::try_from(at).unwrap_or(0);
        let line = Rect { y, height: 1, width, ..area };
        let indent = 1 + 2 * u16::try_from(row.depth).unwrap_or(0).min(6);
        let Some(file) = row.file else {
            let talk = row.talk_about.map_or((0, 0), |set| review.talk_about(set));
            let right = draw_talk(painter, (area.x + width, y), talk);
            painter.path(area.x + indent, y, right.saturating_sub(area.x + indent), &row.name, Role::Muted);
            continue;
        };
        let (set, view) = patches.files[file];
        let view = &patches.sets[set].files[view];
        if file == patches.current {
            painter.tint(line, if patches.in_tree { Role::DiffCursor } else { Role::CursorIdle });
            painter.text(area.x, y, 1, "▸", Role::Accent);
        }
        let mut right = area.x + width;
        if let Some((done, all)) = patches.file_progress(file) {
            let (text, role) = if patches.left_out(file) == all && all > 0 {
                ("out".to_owned(), Role::Warning)
            } else if done == all {
                ("✓".to_owned(), Role::DiffReviewed)
            } else {
                (format!("{done}/{all}"), Role::Muted)
            };
            right = right.saturating_sub(painter.text_right(right, y, 7, &text, role) + 1);
        } else if patches.is_unreadable(file) {
            right = right.saturating_sub(painter.text_right(right, y, 1, "✗", Role::Error) + 1);
        }
        right = draw_talk(painter, (right, y), review.talk_on(file));
        let found = review.version_view().map(|version| &version.violations).into_iter().flatten();
        if found.filter(|found| found.path == view.path && !found.overridden).count() > 0 {
            right = right.saturating_sub(painter.text_right(right, y, 1, "!", Role::Warn) + 1);
        }
        let (letter, role) = words::change_status(view.status);
        let x = area.x + indent;
        painter.text(x, y, 1, letter, role);
        let role = if file == patches.current { Role::Strong } else { Role::Text };
        painter.text(x + 2, y, right.saturating_sub(x + 2), &row.name, role);
    }
}

/// How many threads and drafts there are, from the right; gives what is left of the row.
fn draw_talk(painter: &mut Painter<'_>, (mut right, y): (u16, u16), (threads, drafts): (usize, usize)) -> u16 {
    for (count, mark, role) in [(threads, '?', Role::ThreadQuestion), (drafts, '✎', Role::Warning)] {
        if count > 0 {
            right = right.saturating_sub(painter.text_right(right, y, 4, &format!("{count}{mark}"), role) + 1);
        }
    }
    right
}

struct TreeRow {
    name: String,
    depth: usize,
    file: Option<usize>,
    /// The set whose threads about the whole change are counted here.
    talk_about: Option<usize>,
}

/// Files under their folders, in the order they are read; a folder is named once.
fn tree_rows(patches: &Patches, review: &Review) -> Vec<TreeRow> {
    let mut rows = Vec::new();
    let (mut last_set, mut last_folder) = (usize::MAX, String::new());
    for (at, (set, file)) in patches.files.iter().enumerate() {
        let folder_row = |name: String, depth: usize| TreeRow { name, depth, file: None, talk_about: None };
        if *set != last_set && patches.sets.len() > 1 {
            let name = crate::tui::screens::plain(&patches.sets[*set].repo);
            rows.push(TreeRow { talk_about: Some(*set), ..folder_row(name, 0) });
        } else if *set != last_set && review.talk_about(*set) != (0, 0) {
            rows.push(TreeRow { talk_about: Some(*set), ..folder_row("the whole change".to_owned(), 0) });
        }
        if *set != last_set {
            let names = patches.not_listed(*set);
            rows.extend(names.into_iter().map(|name| folder_row(format!("{name} (not carried)"), 0)));
        }
        let path = crate::tui::screens::plain(&patches.sets[*set].files[*file].path.to_string());
        let (folder, name) = path
            .rsplit_once('/')
            .map_or((String::new(), path.clone()), |(folder, name)| (format!("{folder}/"), name.to_owned()));
        let base = usize::from(patches.sets.len() > 1);
        if (*set != last_set || folder != last_folder) && !folder.is_empty() {
            rows.push(folder_row(folder.clone(), base));
        }
        let depth = base + usize::from(!folder.is_empty());
        (last_set, last_folder) = (*set, folder);
        rows.push(TreeRow { file: Some(at), ..folder_row(name, depth) });
    }
    rows
}
