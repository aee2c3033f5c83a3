//! Versions by hand: hunks and files that are left out, and a hunk that the person writes anew.

use super::model::{Confirm, HunkSource, HunkText, Model, Overlay, Task, Ticket, Tone};
use super::screens::patches::OwnEdit;
use super::screens::review::Review;
use super::update::relayout;
use crate::api::{AgainstRequest, DeriveRequest, EditRequest, ExcludeRequest, Failure, PatchSetView, Request};
use crate::diff::{ChangeStatus, DiffKind};
use crate::id::Digest;
use crate::text::counted;

/// Leaves the hunk under the cursor out, or takes it in again.
pub(crate) fn exclude_hunk(model: &mut Model) -> Vec<Task> {
    let Some(review) = model.review.as_mut().filter(|review| review.newer().is_none()) else {
        return superseded(model);
    };
    let Some(hunk) = review.patches.hunk_at_cursor() else { return Vec::new() };
    if !review.patches.excluded.remove(&hunk) {
        review.patches.excluded.insert(hunk);
    }
    say(model);
    Vec::new()
}

/// Leaves the whole file out, or takes all of it in again.
pub(crate) fn exclude_file(model: &mut Model) -> Vec<Task> {
    let Some(review) = model.review.as_mut().filter(|review| review.newer().is_none()) else {
        return superseded(model);
    };
    let patches = &mut review.patches;
    let keys = patches.keys.get(&patches.current).cloned().unwrap_or_default();
    let all = keys.iter().all(|key| patches.excluded.contains(key));
    for key in keys {
        if all {
            patches.excluded.remove(&key);
        } else {
            patches.excluded.insert(key);
        }
    }
    say(model);
    Vec::new()
}

fn superseded(model: &mut Model) -> Vec<Task> {
    model.say(Tone::Warning, "superseded: the next version is made of the newest one");
    Vec::new()
}

fn say(model: &mut Model) {
    let Some(review) = &model.review else { return };
    let out = review.patches.excluded.len();
    let text = match out {
        0 => "nothing is left out".to_owned(),
        out => format!("{} left out", counted(out, "hunk")),
    };
    let everywhere = [super::actions::Context::Everywhere];
    let key =
        model.settings.keymap.key_of(&everywhere, super::actions::Action::RequestChanges).map(ToString::to_string);
    model.say(Tone::Info, text);
    if let (Some(toast), Some(key), true) = (&mut model.toast, key, out > 0) {
        toast.hint = format!("{key} makes the next version without them");
    }
}

/// What the next version leaves out of the repository in focus; `None` where that is nothing.
pub(crate) fn request(review: &Review) -> Option<DeriveRequest> {
    let repo = review.repo()?;
    let set = review.patches.sets.iter().find(|set| set.repo == repo)?;
    let request = base_request(review, set);
    (!request.exclude.is_empty()).then_some(request)
}

fn base_request(review: &Review, set: &PatchSetView) -> DeriveRequest {
    let patches = &review.patches;
    let mut exclude = Vec::new();
    for (at, (of, file)) in patches.files.iter().enumerate() {
        let (of, keys) = (&patches.sets[*of], patches.keys.get(&at).map(Vec::as_slice).unwrap_or_default());
        let hunks: Vec<Digest> = keys.iter().filter(|key| patches.excluded.contains(*key)).copied().collect();
        if of.repo == set.repo && !hunks.is_empty() {
            // a file with nothing left is left out whole: its mode and its being there too
            let hunks = if hunks.len() == keys.len() { Vec::new() } else { hunks };
            exclude.push(ExcludeRequest { path: of.files[*file].path.clone(), hunks });
        }
    }
    let against = set.against.parse().map_or(AgainstRequest::Base, AgainstRequest::Version);
    DeriveRequest {
        session: review.reference(),
        repo: Some(set.repo.clone()),
        digest: set.digest.to_string(),
        against,
        exclude,
        edit: None,
    }
}

/// What a request leaves out, a line a file.
pub(crate) fn listed(request: &DeriveRequest) -> Vec<String> {
    let line = |file: &ExcludeRequest| {
        let path = super::screens::plain(&file.path.to_string());
        let what = if file.hunks.is_empty() { "the whole file".to_owned() } else { counted(file.hunks.len(), "hunk") };
        format!("without {what}: {path}")
    };
    let mut lines: Vec<String> = request.exclude.iter().take(4).map(line).collect();
    if request.exclude.len() > 4 {
        lines.push(format!("and {} more files", request.exclude.len() - 4));
    }
    lines
}

/// Fetches the hunk under the cursor for the editor; what was written before comes back.
pub(crate) fn edit_hunk(model: &mut Model) -> Vec<Task> {
    let Some(review) = model.review.as_mut().filter(|review| review.newer().is_none()) else {
        return superseded(model);
    };
    let patches = &mut review.patches;
    let lines = patches.doc().is_some_and(|doc| doc.kind() == DiffKind::Text);
    let (Some(hunk), Some(file), true) = (patches.hunk_at_cursor(), patches.source(patches.current), lines) else {
        model.say(Tone::Info, "no lines to edit here");
        return Vec::new();
    };
    if file.status == ChangeStatus::Deleted {
        model.say(Tone::Info, "the file is deleted: it has no lines to edit");
        return Vec::new();
    }
    if patches.excluded.contains(&hunk) {
        model.say(Tone::Info, "the hunk is left out");
        return Vec::new();
    }
    match &patches.edit {
        Some(OwnEdit { hunk: known, text: Some((_, mine)), .. }) if *known == hunk => {
            return vec![Task::EditText(mine.clone())];
        }
        // asked for a second time: its secret may be shown
        Some(OwnEdit { hunk: known, text: None, .. }) if *known == hunk => {}
        _ => patches.edit = Some(OwnEdit { hunk, reveal: false, text: None }),
    }
    let left_out = patches.keys.get(&patches.current).into_iter().flatten();
    let left_out = left_out.filter(|key| patches.excluded.contains(*key)).copied().collect();
    vec![Task::HunkText(HunkSource { file, hunk, left_out })]
}

/// The hunk is there: to the editor, unless that would show what screens hide.
pub(crate) fn fetched(model: &mut Model, hunk: Digest, result: Result<HunkText, Failure>) -> Vec<Task> {
    let text = match result {
        Ok(text) => text,
        Err(failure) => {
            model.say_failure(&failure);
            return Vec::new();
        }
    };
    let Some(edit) = model.review.as_mut().and_then(|review| review.patches.edit.as_mut()) else { return Vec::new() };
    if edit.hunk != hunk {
        return Vec::new();
    }
    if text.secret && !edit.reveal {
        edit.reveal = true;
        model.say(Tone::Warning, "the hunk holds a secret that the editor would show; once more opens it");
        return Vec::new();
    }
    edit.text = Some((text.diff.clone(), text.diff.clone()));
    vec![Task::EditText(text.diff)]
}

/// The editor was left: the version is made once the person says so.
pub(crate) fn edited(model: &mut Model, text: Option<String>) {
    let Some(review) = &mut model.review else { return };
    let Some(edit) = review.patches.edit.as_mut() else { return };
    let (Some(text), Some((before, mine))) = (text, edit.text.as_mut()) else {
        model.say(Tone::Warning, "the editor failed: nothing was changed");
        return;
    };
    if text == *before {
        review.patches.edit = None;
        model.say(Tone::Info, "nothing was changed");
        return;
    }
    mine.clone_from(&text);
    let hunk = edit.hunk;
    let review = &*review;
    let Some((set, file)) = review.patches.file() else { return };
    let path = file.path.clone();
    let mut request = base_request(review, set);
    let mut lines = vec![format!("with your own words in {}", super::screens::plain(&path.to_string()))];
    lines.extend(listed(&request));
    lines.push("It is validated and scored anew; this version stays as it is.".to_owned());
    request.edit = Some(EditRequest { path, hunk, diff: text });
    let (ticket, request) = (Ticket::Derive(review.id), Request::Derive(request));
    let title = "Make the next version by hand".to_owned();
    model.overlays.push(Overlay::Confirm(Box::new(Confirm {
        title,
        lines,
        armed: false,
        early: false,
        asks: vec![(ticket, request)],
    })));
}

/// The version is there: it is what is read from now on.
pub(crate) fn made(model: &mut Model) {
    let Some(review) = &mut model.review else { return };
    review.patches.excluded.clear();
    review.patches.edit = None;
    relayout(model);
}

/// It could not be made: the person's words are kept.
pub(crate) fn not_made(model: &mut Model) {
    let kept = model.review.as_ref().is_some_and(|review| review.patches.edit.is_some());
    if let (Some(toast), true) = (&mut model.toast, kept) {
        toast.hint = "your text is kept: the same key opens it again".to_owned();
    }
}
