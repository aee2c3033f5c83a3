//! The key that has documents written again. It is asked first: models are paid for it.

use super::keys::show;
use super::model::{Confirm, Model, Overlay, Task, Ticket, Tone};
use super::screens::review::Review;
use crate::api::{CommentView, DOCUMENTS, Request, RewriteRequest, ThreadKind, ThreadView};
use crate::text::counted;

/// Whether the session has documents that can be written again.
pub(crate) fn may_rewrite(review: &Review) -> bool {
    review.artifacts.iter().flatten().any(|artifact| DOCUMENTS.contains(&artifact.name.as_str()))
}

/// Whether a person wrote it, and no model did: a login is `NAME@HOST`, a model speaks as its role.
fn is_a_persons(comment: &CommentView) -> bool {
    comment.by.split_whitespace().next().is_some_and(|login| login.contains('@'))
}

/// Asks whether the documents shall be written again, with which comments.
pub(crate) fn ask(model: &mut Model) -> Vec<Task> {
    let Some(review) = &model.review else { return Vec::new() };
    let id = review.id;
    let counts = |kind: ThreadKind, document: Option<&String>| {
        kind != ThreadKind::Question && document.is_some_and(|name| DOCUMENTS.contains(&name.as_str()))
    };
    let waits = |thread: &&ThreadView| !thread.resolved && thread.comments.last().is_some_and(is_a_persons);
    let threads = review.threads.iter().filter(waits).filter(|thread| counts(thread.kind, thread.artifact.as_ref()));
    let drafts = review.drafts.iter().filter(|draft| counts(draft.kind, draft.artifact.as_ref()));
    let mut names: Vec<&str> = threads.clone().filter_map(|thread| thread.artifact.as_deref()).collect();
    names.extend(drafts.clone().filter_map(|draft| draft.artifact.as_deref()));
    names.sort_unstable();
    names.dedup();
    let (open, unsent) = (threads.count(), drafts.count());
    if names.is_empty() {
        model.say(Tone::Info, "nothing was said of a document since it was written");
        if let (Some(key), Some(toast)) = (model.key_of(super::actions::Action::Comment), &mut model.toast) {
            toast.hint = format!("{key} comments on the one under the cursor");
        }
        return Vec::new();
    }
    let with = match (open, unsent) {
        (0, unsent) => counted(unsent, "draft"),
        (open, 0) => counted(open, "open thread"),
        (open, unsent) => format!("{} and {}", counted(open, "open thread"), counted(unsent, "draft")),
    };
    let confirm = Confirm {
        title: format!("Write the documents of session {id} again"),
        lines: vec![
            format!("With {with} on {}.", names.join(", ")),
            "Asks whoever wrote them; a plan follows from the design. What they say now stays beside it.".to_owned(),
            "Criteria are bound anew. A version that is there stays as it is.".to_owned(),
        ],
        armed: false,
        early: false,
        asks: vec![(
            Ticket::Changed(id, "documents are written again"),
            Request::Rewrite(RewriteRequest { session: id, message: String::new() }),
        )],
    };
    show(model, Overlay::Confirm(Box::new(confirm)))
}
