//! What an engine is told of what people said: their words, and where in the files that it is given they mean.

use crate::diff::ChangeSet;
use crate::id::LaneId;
use crate::proposal::{Feedback, Quoted, SaidLines, Word};
use crate::repository::Tree;
use crate::runtime::carried::{Follower, quoted_lines};
use crate::session::{Drafting, Session, Thread, ThreadPlace, Verdict};
use crate::text::{SecretMask, Untrusted};

use super::Worker;

/// The most lines of a range that are quoted: its last ones. // 12: a block that is read at a glance
const QUOTED: u32 = 12;

/// The files that an engine is given.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    /// Those of the base.
    pub(super) tree: &'a dyn Tree,
    /// The change on top of them, where it goes on from one.
    pub(super) change: Option<&'a ChangeSet>,
}

/// What was said about the version before: by who sent it back, by who asked for the next one, and in open threads. A
/// question changes nothing: only an engine that can answer is asked it.
pub(super) fn feedback(
    worker: &Worker,
    session: &Session,
    drafting: &Drafting,
    (lane, words): (LaneId, Vec<Word>),
    given: Given<'_>,
) -> Vec<Feedback> {
    let mut said = Vec::new();
    let decided = session.current(lane).and_then(|(_, set)| set.decision.as_ref());
    // until a version answers it, however many drafts come to nothing; each repository was sent back with words of its own
    let sent_back = decided.filter(|decision| decision.verdict == Verdict::RequestChanges);
    let asked = sent_back.map(|decision| &decision.message).into_iter().chain([&drafting.message]);
    said.extend(asked.filter(|words| !words.raw().trim().is_empty()).map(|words| Feedback::words(words.clone())));
    said.extend(words.into_iter().map(|word| Feedback::words(word.text)));
    let newest = session.current(lane).map(|(version, _)| version);
    let asks = |thread: &&Thread| {
        let can_answer = drafting.engine.answers_threads(); // the others have no voice of their own
        let here = thread.place.lane == lane || thread.place.artifact.is_some();
        // a model says again of the next version what it still finds; people do not
        let by_model = thread.comments.first().is_some_and(|said| said.by.is_engine());
        let stands = !by_model || Some(thread.place.version) == newest;
        // what the documents were written with stands in them
        let news =
            thread.place.artifact.is_none() || thread.place.kind == "question" || session.waits_for_document(thread);
        !thread.resolved && here && news && stands && (can_answer || thread.place.kind != "question")
    };
    let mut follower = Follower::given(&worker.ports, session, given.tree, given.change);
    for thread in session.threads.iter().filter(asks) {
        let placed = placed(&mut follower, &thread.place, &worker.ports.mask.now());
        let about =
            thread.place.artifact.as_ref().map_or_else(String::new, |name| format!("on the document `{name}`: "));
        said.extend(thread.comments.iter().enumerate().map(|(at, comment)| Feedback {
            thread: Some(thread.id),
            kind: thread.place.kind.clone(),
            text: format!("{about}{}", comment.text.raw()).into(),
            // once a thread is enough
            quoted: placed.quoted.clone().filter(|_| at == 0),
            ..placed.clone()
        }));
    }
    said
}

/// Where the place is in the files that the engine is given, and what stood there when it was written about.
fn placed(follower: &mut Follower<'_>, place: &ThreadPlace, mask: &SecretMask) -> Feedback {
    let mut said = Feedback::words(Untrusted::default());
    let Some(carried) = follower.carry(place) else { return said };
    said.path = carried.path.or_else(|| place.path.clone());
    said.outdated = carried.outdated;
    let from = carried.from_line.or(carried.line);
    said.lines = from.zip(carried.line).map(|(from, to)| SaidLines { from, to, on_base: place.side == "old" });
    said.quoted = follower.written_on(place).and_then(|written_on| quoted(&written_on, place, mask));
    said
}

/// The lines that were written about. Secrets go from the whole file first: a line of a key does not look like one.
fn quoted(written_on: &[u8], place: &ThreadPlace, mask: &SecretMask) -> Option<Quoted> {
    let first = if place.from_line > 0 { place.from_line } else { place.line };
    let from = first.max(place.line.saturating_sub(QUOTED - 1));
    let lines = |content: &[u8]| quoted_lines(content, from, place.line);
    let text = lines(&mask.hide(written_on))?;
    let redacted = lines(written_on).is_some_and(|raw| raw != text);
    Some(Quoted { text: text.into(), redacted })
}
