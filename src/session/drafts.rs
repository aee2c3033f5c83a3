//! Comments that are written and not sent: their writer's alone until they send them, all at once.

use crate::id::{DraftId, ThreadId};
use crate::text::Untrusted;

use super::event::{Event, Person, ThreadPlace};
use super::input::Refusal;
use super::machine::Step;
use super::state::Session;

/// Keeps a new draft, or the changed words of one's own; unchanged words say nothing.
pub(super) fn keep(
    session: &Session,
    draft: Option<DraftId>,
    place: &ThreadPlace,
    thread: Option<ThreadId>,
    by: &Person,
    text: &Untrusted,
) -> Result<Step, Refusal> {
    let known = draft.map(|draft| own(session, draft, by)).transpose()?;
    if known.is_some_and(|known| known.text == *text && known.place == *place) {
        return Ok(Step::default());
    }
    let draft = draft.unwrap_or(DraftId(session.last_draft + 1));
    let (place, by, text) = (place.clone(), by.clone(), text.clone());
    Ok(Step::record(Event::DraftKept { draft, place, thread, by, text }))
}

/// Deletes one's own draft.
pub(super) fn drop_one(session: &Session, draft: DraftId, by: &Person) -> Result<Step, Refusal> {
    own(session, draft, by)?;
    Ok(Step::record(Event::DraftDropped { draft, by: by.clone() }))
}

/// What sending all drafts of a person records: each becomes a comment, and is a draft no longer.
pub(super) fn sent(session: &Session, by: &Person) -> Vec<Event> {
    sent_where(session, by, |_| true)
}

/// The same of those about documents.
pub(super) fn sent_on_documents(session: &Session, by: &Person) -> Vec<Event> {
    let about = |thread: ThreadId| session.thread(thread).is_some_and(|thread| thread.place.artifact.is_some());
    sent_where(session, by, |draft| draft.thread.map_or(draft.place.artifact.is_some(), about))
}

fn sent_where(session: &Session, by: &Person, meant: impl Fn(&super::DraftComment) -> bool) -> Vec<Event> {
    let mut next = u32::try_from(session.threads.len()).expect("fewer than 2^32 threads");
    let mut events = Vec::new();
    for draft in session.drafts_of(&by.login).filter(|draft| meant(draft)) {
        let text = draft.text.clone();
        events.push(match draft.thread {
            Some(thread) => Event::ThreadAnswered { thread, by: by.clone(), text },
            None => {
                next += 1;
                Event::ThreadOpened { thread: ThreadId(next), place: draft.place.clone(), by: by.clone(), text }
            }
        });
        events.push(Event::DraftDropped { draft: draft.id, by: by.clone() });
    }
    events
}

fn own<'a>(session: &'a Session, draft: DraftId, by: &'a Person) -> Result<&'a super::DraftComment, Refusal> {
    session.drafts_of(&by.login).find(|known| known.id == draft).ok_or(Refusal::NoSuchDraft { draft })
}
