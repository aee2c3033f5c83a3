//! Comments that their writer did not send yet: recorded, so that neither a lost line nor a restart loses them.

use crate::api::{
    AgainstRequest, Call, DraftRequest, DraftView, DropDraftRequest, Failure, FailureKind, SendDraftsRequest,
    ThreadsView,
};
use crate::id::{DraftId, SessionId};
use crate::session::{Command, Session};
use crate::text::Untrusted;

use super::review::place_in;
use super::{Runtime, Want, answer, views};

impl Runtime {
    pub(super) async fn keep_draft(&self, call: &Call, asked: DraftRequest) -> Result<DraftView, Failure> {
        let comment = asked.comment;
        if comment.text.trim().is_empty() {
            return Err(Failure::new(FailureKind::Usage, "the comment is empty").hint("delete the draft instead"));
        }
        let (id, by) = (comment.session.session, self.person(&call.client));
        let session = self.session(id).await?;
        let mut place = place_in(&session, &comment)?;
        // what is not there is refused when it is sent; where it was seen is known now
        if comment.thread.is_none() && comment.against != AgainstRequest::Base {
            place = self.place_meant(session, place, comment.against, &by.login).await?;
        }
        let text = Untrusted::new(comment.text);
        let command = Command::KeepDraft { draft: asked.draft, place, thread: comment.thread, by, text };
        let done = self.order(call, Want::Command(id, Box::new(command))).await?;
        draft_of(&done.session, done.thread.map(|number| DraftId(number.0)).or(asked.draft))
    }

    pub(super) async fn drop_draft(&self, call: &Call, asked: DropDraftRequest) -> Result<ThreadsView, Failure> {
        let command = Command::DropDraft { draft: asked.draft, by: self.person(&call.client) };
        self.on_drafts(call, asked.session, command).await
    }

    pub(super) async fn send_drafts(&self, call: &Call, asked: SendDraftsRequest) -> Result<ThreadsView, Failure> {
        self.on_drafts(call, asked.session, Command::SendDrafts { by: self.person(&call.client) }).await
    }

    async fn on_drafts(&self, call: &Call, id: SessionId, command: Command) -> Result<ThreadsView, Failure> {
        let done = self.order(call, Want::Command(id, Box::new(command))).await?;
        Ok(self.threads(call, &done.session))
    }

    /// Every thread, and the drafts of whoever asks.
    pub(super) fn threads(&self, call: &Call, session: &Session) -> ThreadsView {
        answer::threads_on(session, None, &self.person(&call.client).login)
    }
}

/// A draft as its writer sees it.
pub(super) fn draft_of(session: &Session, draft: Option<DraftId>) -> Result<DraftView, Failure> {
    let found = session.drafts.iter().find(|known| Some(known.id) == draft);
    found.map(|draft| views::draft_view(session, draft)).ok_or_else(|| {
        Failure::new(FailureKind::NotFound, "the draft was sent or deleted meanwhile")
            .hint(format!("paraph comments {}", session.asked.id))
    })
}
