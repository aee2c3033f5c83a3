//! Comments that are not sent yet: kept while they are typed, changed, deleted, sent together.

use super::keys::{close_overlay, show};
use super::model::{Model, Overlay, Task, Ticket, Tone};
use super::screens::comment::{CommentBox, Keep};
use super::update::relayout;
use crate::api::{DraftView, DropDraftRequest, Request, SendDraftsRequest, ThreadsView};
use crate::id::SessionId;

/// Keeps what the open box holds, and closes it once that is done.
pub(crate) fn keep(model: &mut Model) -> Vec<Task> {
    let Some(Overlay::Comment(comment)) = model.overlays.last_mut() else { return Vec::new() };
    let session = comment.target.session.session;
    match comment.keep() {
        Keep::Wait => Vec::new(),
        Keep::Send(request) => vec![Task::Ask(Ticket::Draft(session), Request::Draft(*request))],
        Keep::Close => close(model),
        Keep::Drop(request) => {
            let mut tasks = close(model);
            tasks.push(Task::Ask(Ticket::Drafts(session, "deleted the draft"), Request::DropDraft(request)));
            tasks
        }
    }
}

fn close(model: &mut Model) -> Vec<Task> {
    if let Some(review) = &mut model.review {
        review.patches.anchor = None;
    }
    close_overlay(model)
}

/// A draft was kept.
pub(crate) fn kept(model: &mut Model, session: SessionId, draft: DraftView) -> Vec<Task> {
    let everywhere = [super::actions::Context::Everywhere];
    let key = model.settings.keymap.key_of(&everywhere, super::actions::Action::RequestChanges);
    let key = key.map(ToString::to_string);
    let id = draft.id;
    if let Some(review) = model.review.as_mut().filter(|review| review.id == session) {
        match review.drafts.iter_mut().find(|known| known.id == id) {
            Some(known) => *known = DraftView { now: known.now.take(), ..draft },
            None => review.drafts.push(draft),
        }
    }
    relayout(model);
    let Some(Overlay::Comment(comment)) = model.overlays.last_mut() else { return Vec::new() };
    (comment.sending, comment.failed, comment.draft) = (false, false, Some(id));
    let closing = comment.closing;
    let tasks = keep(model);
    if closing && tasks.is_empty() {
        model.say(Tone::Success, "kept as a draft");
        if let (Some(toast), Some(key)) = (&mut model.toast, key) {
            toast.hint = format!("{key} sends it");
        }
    }
    tasks
}

/// Drafts are gone, or became comments.
pub(crate) fn take(model: &mut Model, session: SessionId, view: ThreadsView) {
    if let Some(review) = model.review.as_mut().filter(|review| review.id == session) {
        let before = std::mem::replace(&mut review.threads, view.threads);
        for thread in &mut review.threads {
            // this answer does not say where they stand in the version being read
            thread.now = before.iter().find(|known| known.id == thread.id).and_then(|known| known.now.clone());
        }
        let before = std::mem::replace(&mut review.drafts, view.drafts);
        for draft in &mut review.drafts {
            draft.now = before.iter().find(|known| known.id == draft.id).and_then(|known| known.now.clone());
        }
    }
    relayout(model);
}

/// Opens the draft under the cursor.
pub(crate) fn edit(model: &mut Model) -> Vec<Task> {
    let Some(review) = &model.review else { return Vec::new() };
    let Some(draft) = review.patches.draft_at_cursor().and_then(|at| review.drafts.get(at)) else {
        model.say(Tone::Info, "no draft here");
        return Vec::new();
    };
    let open = CommentBox::of_draft(review.id, draft);
    show(model, Overlay::Comment(Box::new(open)))
}

/// Deletes the draft under the cursor.
pub(crate) fn delete(model: &mut Model) -> Vec<Task> {
    let Some(review) = &model.review else { return Vec::new() };
    let Some(draft) = review.patches.draft_at_cursor().and_then(|at| review.drafts.get(at)) else {
        model.say(Tone::Info, "no draft here");
        return Vec::new();
    };
    let request = DropDraftRequest { session: review.id, draft: draft.id };
    vec![Task::Ask(Ticket::Drafts(review.id, "deleted the draft"), Request::DropDraft(request))]
}

/// Sends every draft of the session.
pub(crate) fn send(model: &mut Model) -> Vec<Task> {
    let Some(review) = &model.review else { return Vec::new() };
    if review.drafts.is_empty() {
        model.say(Tone::Info, "there is no draft to send");
        return Vec::new();
    }
    let request = SendDraftsRequest { session: review.id };
    vec![Task::Ask(Ticket::Drafts(review.id, "sent the drafts"), Request::SendDrafts(request))]
}
