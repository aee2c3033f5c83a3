//! What keys do in an open session: versions, files, hunks, marks, threads.

use super::actions::Action;
use super::asks::{ask_patch_sets, load_current};
use super::keys::show;
use super::model::{Model, Overlay, Task, Ticket, Tone};
use super::screens::comment::{CommentBox, Target};
use super::screens::patches::{Columns, Enter, Evidence, FileState};
use super::screens::review::Tab;
use super::texts::show_log;
use super::update::{enter_file, relayout, scroll_to_cursor, show_hunk};
use crate::api::{AgainstRequest, MarkRequest, Request, ResolveRequest, Side};
use crate::id::RepoPath;
use crate::text::counted;

/// Goes to a file.
pub(crate) fn to_file(model: &mut Model, file: usize, enter: Enter) -> Vec<Task> {
    let Some(review) = &mut model.review else { return Vec::new() };
    let patches = &mut review.patches;
    if file == patches.current && matches!(patches.loaded.get(&file), Some(FileState::Ready(..))) {
        patches.enter = enter;
        enter_file(model);
        return Vec::new();
    }
    (patches.current, patches.enter) = (file, enter);
    (patches.cursor, patches.top, patches.left, patches.anchor) = (0, 0, 0, None);
    load_current(model)
}

pub(crate) fn act_in_session(model: &mut Model, action: Action) -> Vec<Task> {
    let Some(review) = &mut model.review else { return Vec::new() };
    let patches = &mut review.patches;
    match action {
        Action::NextVersion => step_version(model, 1),
        Action::PreviousVersion => step_version(model, -1),
        Action::NextLane => {
            let lanes = review.version_view().map_or(1, |version| version.patch_sets.len().max(1));
            review.lane = (review.lane + 1) % lanes;
            let lane = review.lane;
            let file = review.patches.files.iter().position(|(set, _)| *set == lane);
            file.map(|file| to_file(model, file, Enter::Unreviewed)).unwrap_or_default()
        }
        Action::FocusNext | Action::FocusPrevious if review.tab == Tab::Patches => {
            patches.in_tree = !patches.in_tree;
            relayout(model);
            Vec::new()
        }
        Action::ToggleFollow => {
            review.runs.follow = !review.runs.follow;
            review.runs.back = 0;
            show_log(model)
        }
        Action::ToggleWrap if review.tab == Tab::Runs => {
            review.runs.cut = !review.runs.cut;
            Vec::new()
        }
        Action::ToggleBase => {
            // the side that was chosen is held: what is followed is where a check runs now
            review.runs.on_base = !review.runs.on_base;
            review.runs.follow &= review.runs.running.is_empty();
            show_log(model)
        }
        Action::CommentVersion => comment(model, action),
        Action::Comment if review.tab == Tab::Artifacts => comment_on_document(model),
        Action::SendDrafts => super::draft_keys::send(model),
        _ if review.tab == Tab::Patches => act_in_diff(model, action),
        _ => Vec::new(),
    }
}

pub(crate) fn step_version(model: &mut Model, by: isize) -> Vec<Task> {
    let Some(review) = &mut model.review else { return Vec::new() };
    let Some(view) = &review.view else { return Vec::new() };
    let numbers: Vec<_> = view.versions.iter().map(|version| version.number).collect();
    let at = numbers.iter().position(|number| Some(*number) == review.version).unwrap_or(0);
    let next = numbers.get(at.saturating_add_signed(by)).copied();
    if next == review.version || next.is_none() {
        return Vec::new();
    }
    review.version = next;
    review.patches.against = None;
    ask_patch_sets(review)
}

pub(crate) fn act_in_diff(model: &mut Model, action: Action) -> Vec<Task> {
    let Some(review) = &mut model.review else { return Vec::new() };
    let patches = &mut review.patches;
    match action {
        Action::NextHunk => step_hunk(model, true),
        Action::PreviousHunk => step_hunk(model, false),
        Action::NextFile | Action::PreviousFile => {
            let by = if action == Action::NextFile { 1 } else { -1 };
            let at = patches.current.saturating_add_signed(by).min(patches.files.len().saturating_sub(1));
            if at == patches.current { Vec::new() } else { to_file(model, at, Enter::First) }
        }
        Action::NextThread | Action::PreviousThread => step_thread(model, action == Action::NextThread),
        Action::MarkHunk => mark_hunk(model),
        Action::MarkFile => mark_file(model),
        Action::NextUnreviewed => next_unreviewed(model),
        Action::Comment | Action::CommentFile | Action::Reply | Action::Suggest => comment(model, action),
        Action::ResolveThread => resolve(model),
        Action::SelectRange => {
            patches.anchor = if patches.anchor.is_some() { None } else { Some(patches.cursor) };
            Vec::new()
        }
        Action::OlderSide | Action::NewerSide => step_side(model, action == Action::NewerSide),
        Action::ToggleSinceReview => {
            patches.since_review = patches.against.take().is_some() || !patches.since_review;
            ask_patch_sets(review)
        }
        Action::EditDraft => super::draft_keys::edit(model),
        Action::DeleteDraft => super::draft_keys::delete(model),
        Action::ExcludeHunk => super::own_version::exclude_hunk(model),
        Action::ExcludeFile => super::own_version::exclude_file(model),
        Action::EditHunk => super::own_version::edit_hunk(model),
        Action::EditFile => edit_file(model),
        Action::Definition | Action::JumpBack | Action::Outline | Action::Blame => {
            super::look_around::act_around(model, action)
        }
        _ => {
            match action {
                Action::ToggleSplit => {
                    patches.columns = match patches.columns {
                        Columns::Auto => Columns::Split,
                        Columns::Split => Columns::Unified,
                        Columns::Unified => Columns::Auto,
                    };
                }
                Action::ToggleBlanks => patches.no_blanks = !patches.no_blanks,
                Action::ToggleWrap => patches.wrap = !patches.wrap,
                Action::ContextMore => patches.context = patches.context.saturating_mul(2).max(1),
                Action::ContextLess => {
                    patches.context = if patches.context == u32::MAX { 24 } else { patches.context / 2 }
                }
                Action::ContextAll => patches.context = if patches.context == u32::MAX { 3 } else { u32::MAX },
                Action::ScrollRight => patches.left += 8,
                Action::ScrollLeft => patches.left = patches.left.saturating_sub(8),
                Action::ToggleEvidence => patches.drawer = Evidence::after(patches.drawer),
                Action::ToggleTree => {
                    let shown = patches.tree.unwrap_or(model.size.0 >= 100);
                    patches.tree = Some(!shown);
                    patches.in_tree = !shown && model.size.0 < 60;
                }
                _ => return Vec::new(),
            }
            keep_line(model);
            Vec::new()
        }
    }
}

/// Lays out anew with the cursor on the line it was on.
fn keep_line(model: &mut Model) {
    let line = model.review.as_ref().and_then(|review| review.patches.line());
    let header = model.review.as_ref().and_then(|review| review.patches.header_at_cursor());
    relayout(model);
    if let (Some(review), Some(header)) = (&mut model.review, header)
        && let Some(row) = review.patches.layout.hunk_rows().get(header)
    {
        review.patches.cursor = *row as usize;
        scroll_to_cursor(model);
        return;
    }
    if let (Some(review), Some((side, line, _))) = (&mut model.review, line) {
        let side = if side == Side::Old { super::diff_view::Side::Old } else { super::diff_view::Side::New };
        review.patches.cursor = review.patches.layout.row_of_line(side, line.saturating_sub(1));
    }
    scroll_to_cursor(model);
}

fn step_hunk(model: &mut Model, forward: bool) -> Vec<Task> {
    let Some(review) = &mut model.review else { return Vec::new() };
    let patches = &mut review.patches;
    let cursor = patches.cursor;
    let rows = patches.layout.hunk_rows();
    let row = if forward {
        rows.iter().find(|row| **row as usize > cursor)
    } else {
        rows.iter().rev().find(|row| (**row as usize) < cursor)
    };
    if let Some(row) = row {
        patches.cursor = *row as usize;
        show_hunk(model);
        return Vec::new();
    }
    let next = if forward { patches.current + 1 } else { patches.current.wrapping_sub(1) };
    if next < patches.files.len() {
        return to_file(model, next, if forward { Enter::First } else { Enter::Last });
    }
    model.say(Tone::Info, if forward { "that was the last hunk" } else { "that was the first hunk" });
    Vec::new()
}

/// The next thread or draft: in this file, then in the other files that have any.
fn step_thread(model: &mut Model, forward: bool) -> Vec<Task> {
    let Some(review) = &mut model.review else { return Vec::new() };
    let (cursor, here) = (review.patches.cursor, review.patches.current);
    let row = if forward {
        review.patches.said_rows().find(|row| *row > cursor)
    } else {
        review.patches.said_rows().rev().find(|row| *row < cursor)
    };
    if let Some(row) = row {
        review.patches.cursor = row;
        scroll_to_cursor(model);
        return Vec::new();
    }
    let has_talk = |file: &usize| review.talk_with(*file) != (0, 0);
    let file =
        if forward { (here + 1..review.patches.files.len()).find(has_talk) } else { (0..here).rev().find(has_talk) };
    if let Some(file) = file {
        return to_file(model, file, if forward { Enter::FirstThread } else { Enter::LastThread });
    }
    model.say(Tone::Info, if forward { "that was the last thread" } else { "that was the first thread" });
    Vec::new()
}

/// The request that marks `hunks`; the marks show at once.
fn mark(model: &mut Model, mut hunks: Vec<crate::id::Digest>, reviewed: bool) -> Vec<Task> {
    let Some(review) = &mut model.review else { return Vec::new() };
    let note = |marks: &mut super::diff_view::DigestSet, hunk: &crate::id::Digest| {
        if reviewed { marks.insert(*hunk) } else { marks.remove(hunk) }
    };
    for hunk in &hunks {
        note(&mut review.patches.reviewed, hunk);
    }
    // against an earlier version: the hunks against the base that are read with these
    for hunk in review.patches.marked_with(reviewed) {
        note(&mut review.patches.reviewed, &hunk);
        hunks.push(hunk);
    }
    let repo = review.patches.repo().map(str::to_owned);
    let request = MarkRequest { session: review.reference(), repo, hunks, reviewed };
    vec![Task::Ask(Ticket::Mark(review.id), Request::Mark(request))]
}

fn mark_hunk(model: &mut Model) -> Vec<Task> {
    let Some(review) = &model.review else { return Vec::new() };
    let patches = &review.patches;
    let keys = patches.keys.get(&patches.current);
    let at = patches.layout.hunk_at(patches.cursor).unwrap_or(0);
    let Some(key) = keys.and_then(|keys| keys.get(at)).copied() else { return Vec::new() };
    let mut tasks = Vec::new();
    if !patches.reviewed.contains(&key) {
        tasks = mark(model, vec![key], true);
    }
    tasks.extend(next_unreviewed(model));
    tasks
}

fn mark_file(model: &mut Model) -> Vec<Task> {
    let Some(review) = &model.review else { return Vec::new() };
    let patches = &review.patches;
    let Some(keys) = patches.keys.get(&patches.current).cloned().filter(|keys| !keys.is_empty()) else {
        return Vec::new();
    };
    let all = keys.iter().all(|key| patches.reviewed.contains(key));
    mark(model, keys, !all)
}

/// The next hunk that is not read: in this file after the cursor, then in the next files, then from the start.
fn next_unreviewed(model: &mut Model) -> Vec<Task> {
    let Some(review) = &mut model.review else { return Vec::new() };
    let patches = &mut review.patches;
    let open = |file: usize| {
        patches.keys.get(&file).map(|keys| {
            keys.iter()
                .enumerate()
                .filter(|(_, key)| !patches.reviewed.contains(*key))
                .map(|(at, _)| at)
                .collect::<Vec<_>>()
        })
    };
    let here = patches.layout.hunk_at(patches.cursor);
    let in_file = open(patches.current).unwrap_or_default();
    if let Some(at) = in_file.iter().find(|at| here.is_none_or(|here| **at > here)) {
        patches.cursor = patches.layout.hunk_rows().get(*at).map_or(0, |row| *row as usize);
        show_hunk(model);
        return Vec::new();
    }
    let len = patches.files.len();
    let next = (1..=len)
        .map(|step| (patches.current + step) % len)
        .find(|file| open(*file).is_none_or(|open| !open.is_empty()));
    match next {
        Some(file) => to_file(model, file, Enter::Unreviewed),
        None => {
            say_all_read(model);
            Vec::new()
        }
    }
}

/// Nothing is left to read of what is shown; hunks that this comparison does not show may be.
fn say_all_read(model: &mut Model) {
    let Some(review) = &model.review else { return };
    let (done, all, whole) = review.patches.progress(None);
    let since_review = review.patches.against.is_none() && review.patches.since_review;
    let version = review.version.map(|version| version.to_string()).unwrap_or_default();
    let (tone, text, hint) = match (whole, all - done) {
        (true, 0) => {
            let key = model.key_of(Action::Approve).filter(|_| review.is_open_to_decisions());
            let hint = key.map(|key| format!("{key} approves")).unwrap_or_default();
            (Tone::Success, "everything is read".to_owned(), hint)
        }
        (false, _) => (Tone::Info, "all that was counted so far is read".to_owned(), String::new()),
        (true, left) => {
            let key = model.key_of(Action::ToggleSinceReview).filter(|_| since_review);
            let text = format!("read since then; {} of {version} nobody read yet", counted(left, "hunk"));
            (Tone::Warning, text, key.map(|key| format!("{key} shows all of it")).unwrap_or_default())
        }
    };
    model.say(tone, text);
    if let Some(toast) = &mut model.toast {
        toast.hint = hint;
    }
}

/// A comment on the document under the cursor. Those that Paraph itself writes are read and not discussed: the service
/// says so.
fn comment_on_document(model: &mut Model) -> Vec<Task> {
    let Some(review) = &model.review else { return Vec::new() };
    let at = review.lists[Tab::Artifacts as usize].cursor;
    let Some(artifact) = review.artifacts.as_ref().and_then(|artifacts| artifacts.get(at)) else { return Vec::new() };
    let name = Some(artifact.name.clone());
    if let Some(draft) = review.drafts.iter().find(|draft| draft.artifact == name && draft.thread.is_none()) {
        let open = CommentBox::of_draft(review.id, draft);
        return show(model, Overlay::Comment(Box::new(open)));
    }
    let target = Target {
        session: review.reference(),
        repo: None,
        thread: None,
        artifact: name,
        path: None,
        line: None,
        from_line: None,
        side: Side::New,
        against: AgainstRequest::Base,
    };
    show(model, Overlay::Comment(Box::new(CommentBox::new(target, ""))))
}

fn comment(model: &mut Model, action: Action) -> Vec<Task> {
    let Some(review) = &model.review else { return Vec::new() };
    if review.version.is_none() {
        return Vec::new();
    }
    let patches = &review.patches;
    let path = patches.file().map(|(_, file)| file.path.clone());
    let mut target = Target {
        session: review.reference(),
        repo: review.repo(),
        thread: None,
        artifact: None,
        path: path.filter(|_| action != Action::CommentVersion),
        line: None,
        from_line: None,
        side: Side::New,
        against: AgainstRequest::Base,
    };
    let mut text = String::new();
    // a version has one draft about the whole of it: there is no line to find another on
    if action == Action::CommentVersion
        && let Some(draft) = review.drafts.iter().find(|draft| is_about_version(draft))
    {
        let open = CommentBox::of_draft(review.id, draft);
        return show(model, Overlay::Comment(Box::new(open)));
    }
    match action {
        Action::Comment | Action::Suggest => {
            let Some((side, line, from)) = patches.line() else {
                model.say(Tone::Info, "no line here; C comments on the file");
                return Vec::new();
            };
            (target.side, target.line, target.from_line) = (side, Some(line), from);
            let shown = patches.file().and_then(|(set, _)| set.against.parse().ok());
            target.against = shown.map_or(AgainstRequest::Base, AgainstRequest::Version);
            if action == Action::Suggest {
                let lines: Vec<_> = (from.unwrap_or(line)..=line).map(|line| patches.text_of(side, line)).collect();
                text = format!("```suggestion\n{}\n```", lines.join("\n"));
            }
        }
        Action::Reply => {
            let Some(thread) = patches.thread_at_cursor().and_then(|at| review.threads.get(at)) else {
                model.say(Tone::Info, "no thread here");
                return Vec::new();
            };
            target.thread = Some(thread.id);
            (target.line, target.from_line, target.side) = (thread.line, thread.from_line, thread.side);
        }
        _ => {}
    }
    show(model, Overlay::Comment(Box::new(CommentBox::new(target, &text))))
}

fn resolve(model: &mut Model) -> Vec<Task> {
    let Some(review) = &model.review else { return Vec::new() };
    let Some(thread) = review.patches.thread_at_cursor().and_then(|at| review.threads.get(at)) else {
        model.say(Tone::Info, "no thread here");
        return Vec::new();
    };
    let request = ResolveRequest { session: review.id, thread: thread.id, resolved: !thread.resolved };
    vec![Task::Ask(Ticket::Resolve(review.id), Request::Resolve(request))]
}

fn step_side(model: &mut Model, newer: bool) -> Vec<Task> {
    let Some(review) = &mut model.review else { return Vec::new() };
    let Some(view) = &review.view else { return Vec::new() };
    // base, v1, v2 … up to the version before the one being read
    let mut sides: Vec<Option<crate::id::Version>> = vec![None];
    sides.extend(view.versions.iter().map(|version| Some(version.number)).filter(|number| *number < review.version));
    // what is shown, whichever way it was chosen
    let shown = review.patches.file().and_then(|(set, _)| set.against.parse().ok());
    let at = sides.iter().position(|side| *side == review.patches.against.or(shown)).unwrap_or(0);
    let next = if newer { (at + 1).min(sides.len() - 1) } else { at.saturating_sub(1) };
    if next == at {
        let told = match (sides.len(), newer) {
            (1, _) => "this is the first version: there is only its base to compare it with",
            (_, true) => "no version between the two is newer",
            (_, false) => "nothing is older than the base",
        };
        let other = if newer { Action::OlderSide } else { Action::NewerSide };
        let key = model.key_of(other).filter(|_| sides.len() > 1);
        model.say(Tone::Info, told);
        if let (Some(key), Some(toast)) = (key, &mut model.toast) {
            toast.hint = format!("{key} goes the other way");
        }
    }
    let Some(review) = model.review.as_mut().filter(|review| next != at || review.patches.since_review) else {
        return Vec::new();
    };
    review.patches.against = sides[next];
    review.patches.since_review = false;
    ask_patch_sets(review)
}

fn edit_file(model: &mut Model) -> Vec<Task> {
    let Some(review) = &model.review else { return Vec::new() };
    let patches = &review.patches;
    let Some((set, file)) = patches.file() else { return Vec::new() };
    let (repo, path) = (set.repo.clone(), file.path.clone());
    let line = patches.line().map_or(1, |(_, line, _)| line);
    edit_at(model, &repo, &path, line)
}

/// Opens a file of the working copy in the editor.
pub(crate) fn edit_at(model: &mut Model, repo: &str, path: &RepoPath, line: u32) -> Vec<Task> {
    let Some(review) = &model.review else { return Vec::new() };
    let lane = review.view.as_ref().and_then(|view| view.lanes.iter().find(|lane| lane.repo == repo));
    let Some(super::words::Source::Path(folder)) = lane.map(|lane| &lane.source) else {
        model.say(Tone::Info, "the repository is not on this machine");
        return Vec::new();
    };
    use std::os::unix::ffi::OsStrExt as _;
    let path = folder.as_path().join(std::ffi::OsStr::from_bytes(path.as_bytes()));
    vec![Task::EditFile(path, line)]
}

/// Whether a draft is about the whole version.
fn is_about_version(draft: &crate::api::DraftView) -> bool {
    draft.path.is_none() && draft.thread.is_none() && draft.artifact.is_none()
}
