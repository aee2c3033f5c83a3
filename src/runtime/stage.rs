//! A batch while it is decided: nothing of it is seen before it is durable, and what panics or does not fit leaves no
//! trace in it.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::api::{Failure, FailureKind};
use crate::audit::NewEntry;
use crate::clock::Timestamp;
use crate::id::{RequestId, Seq, SessionId, ThreadId};
use crate::session::{Event, Finding, Input, NewSession, Outcome, Session, StopKind, decide};

use super::core::Core;
use super::house::{HouseEvent, misfit, to_value};
use super::order::{Asked, Orderer, Want, actor_of, failure_of};
use super::tables::RequestRow;

/// What was decided and is not recorded yet.
#[derive(Default)]
pub(super) struct Staged {
    pub(super) sessions: HashMap<SessionId, Arc<Session>>,
    pub(super) entries: Vec<NewEntry>,
    /// What each entry says.
    pub(super) told: Vec<Told>,
    pub(super) answers: Vec<(Orderer, SessionId, Option<ThreadId>)>,
    pub(super) house_answers: Vec<oneshot::Sender<Result<(), Failure>>>,
    pub(super) outcomes: Vec<(SessionId, Outcome)>,
    /// Workers that wait to ask a model, each with the number of its call.
    pub(super) calls: Vec<(oneshot::Sender<Result<u32, Failure>>, u32)>,
    pub(super) created: u64,
    requests: HashMap<RequestId, RequestRow>,
}

/// How far a batch had come.
struct Mark {
    entries: usize,
    told: usize,
    created: u64,
}

impl Staged {
    fn mark(&self) -> Mark {
        Mark { entries: self.entries.len(), told: self.told.len(), created: self.created }
    }
}

/// What an entry of the batch says.
pub(super) enum Told {
    /// Of a session, with the session before and after it.
    Session {
        event: Box<Event>,
        at: Timestamp,
        asked: Option<Asked>,
        before: Option<Arc<Session>>,
        after: Arc<Session>,
    },
    /// Of the house.
    House { event: HouseEvent, asked: Asked },
}

impl Told {
    /// The request that it answers.
    pub(super) fn asked(&self) -> Option<&Asked> {
        match self {
            Self::Session { asked, .. } => asked.as_ref(),
            Self::House { asked, .. } => Some(asked),
        }
    }

    /// What the request led to.
    pub(super) fn answer(&self) -> Option<(RequestId, RequestRow)> {
        let asked = self.asked()?;
        let row = match self {
            Self::Session { event, after, .. } => RequestRow::of(after.asked.id, event, &asked.what),
            Self::House { .. } => RequestRow { session: None, thread: None, what: asked.what.clone() },
        };
        Some((asked.id.clone(), row))
    }
}

impl Core {
    /// A person wants something of a session.
    pub(super) fn order(&mut self, staged: &mut Staged, asked: Asked, want: Want, orderer: Orderer) {
        let answer = match self.answered_before(staged, &asked) {
            Ok(Some(row)) => row.session.map(|id| (id, row.thread)).ok_or_else(|| other_request(&asked)),
            Ok(None) => self.carry_out(staged, &asked, want),
            Err(failure) => Err(failure),
        };
        match answer {
            Ok((id, thread)) => staged.answers.push((orderer, id, thread)),
            Err(failure) => drop(orderer.recorded.send(Err(failure))),
        }
    }

    fn carry_out(
        &self,
        staged: &mut Staged,
        asked: &Asked,
        want: Want,
    ) -> Result<(SessionId, Option<ThreadId>), Failure> {
        let before = staged.mark();
        let from = staged.told.len();
        let done = guarded(|| match want {
            Want::Start(session) => self.start(staged, *session, Some(asked)),
            Want::StartField(first) => self.start_field(staged, *first, asked),
            Want::Command(id, mut command) => {
                self.tell_of_rivals(staged, id, &mut command)?;
                self.command(staged, id, &Input::Command(command), Some(asked))
            }
        });
        // of several candidates all are started, or none
        let id = done.inspect_err(|_| self.undo(staged, &before))?;
        let row = staged.told[from..].iter().find_map(Told::answer).map(|(_, row)| row);
        let row = row.unwrap_or_else(|| RequestRow { session: Some(id), thread: None, what: asked.what.clone() });
        let thread = row.thread;
        staged.requests.insert(asked.id.clone(), row);
        Ok((id, thread))
    }

    /// Takes back the sessions that were started since then, with all that was staged of them. A command to a session
    /// that was there stages all that follows, or nothing.
    fn undo(&self, staged: &mut Staged, to: &Mark) {
        staged.entries.truncate(to.entries);
        staged.told.truncate(to.told);
        staged.created = to.created;
        let next = self.next_session(staged);
        staged.sessions.retain(|id, _| *id < next);
    }

    /// A person wants something of the house.
    pub(super) fn house(
        &self,
        staged: &mut Staged,
        asked: Asked,
        event: HouseEvent,
        reply: oneshot::Sender<Result<(), Failure>>,
    ) {
        match self.answered_before(staged, &asked) {
            Ok(Some(row)) if row.session.is_none() => return staged.house_answers.push(reply),
            Ok(Some(_)) => return drop(reply.send(Err(other_request(&asked)))),
            Ok(None) => {}
            Err(failure) => return drop(reply.send(Err(failure))),
        }
        let by = event.by();
        let value = to_value(&event, Some(&asked));
        if let Some(why) = misfit(&value) {
            return drop(reply.send(Err(too_much(&why))));
        }
        let at = self.ports.clock.now();
        staged.entries.push(NewEntry { at, actor: by.login.clone(), session: None, event: value });
        let row = RequestRow { session: None, thread: None, what: asked.what.clone() };
        staged.requests.insert(asked.id.clone(), row);
        staged.told.push(Told::House { event, asked });
        staged.house_answers.push(reply);
    }

    /// A worker is about to ask a model, or has its answer.
    pub(super) fn call(
        &self,
        staged: &mut Staged,
        id: SessionId,
        outcome: Outcome,
        reply: oneshot::Sender<Result<u32, Failure>>,
    ) {
        let from = staged.told.len();
        match self.hear(staged, id, outcome) {
            Ok(_) => {
                let reserved = staged.told[from..].iter().find_map(|told| match told {
                    Told::Session { event, .. } => match event.as_ref() {
                        Event::CallReserved { call, .. } => Some(*call),
                        _ => None,
                    },
                    Told::House { .. } => None,
                });
                staged.calls.push((reply, reserved.unwrap_or(0)));
            }
            Err(failure) => drop(reply.send(Err(failure))),
        }
    }

    /// A worker answers, or is about to start.
    pub(super) fn outcome(&mut self, staged: &mut Staged, id: SessionId, outcome: Outcome) {
        if let Outcome::Starting(key) = &outcome
            && !self.dispatcher().starts(id, *key)
        {
            return; // given up since it was posted
        }
        let mut decided = self.hear(staged, id, outcome.clone());
        if let (Err(failure), Outcome::Found { key, attempt, .. }) = (&decided, &outcome) {
            tracing::error!(%failure, session = %id, %key, "what was found cannot be recorded");
            let finding = Finding::Stuck {
                kind: StopKind::NeedsHuman,
                reason: format!("what {key} found cannot be recorded: {}", failure.message).into(),
                next: format!("paraph regenerate {id}, or paraph doctor"),
                log: None,
            };
            decided = self.hear(staged, id, Outcome::Found { key: *key, attempt: *attempt, finding });
        }
        if let Err(failure) = decided {
            tracing::error!(%failure, session = %id, "an outcome was dropped");
        }
        staged.outcomes.push((id, outcome));
    }

    fn hear(&self, staged: &mut Staged, id: SessionId, outcome: Outcome) -> Result<SessionId, Failure> {
        guarded(|| self.command(staged, id, &Input::Outcome(Box::new(outcome)), None))
    }

    /// What the request led to before, in this batch or ever.
    fn answered_before(&self, staged: &Staged, asked: &Asked) -> Result<Option<RequestRow>, Failure> {
        let known = match staged.requests.get(&asked.id) {
            Some(row) => Some(row.clone()),
            None => self
                .follower()
                .answered(&asked.id)
                .map_err(|error| Failure::from_error(FailureKind::Failed, &error).hint(error.hint()))?,
        };
        match known {
            Some(row) if row.what != asked.what => Err(other_request(asked)),
            known => Ok(known),
        }
    }

    /// The number that the next session has.
    pub(super) fn next_session(&self, staged: &Staged) -> SessionId {
        SessionId(self.last_session() + staged.created + 1)
    }

    pub(super) fn start(
        &self,
        staged: &mut Staged,
        mut new: NewSession,
        asked: Option<&Asked>,
    ) -> Result<SessionId, Failure> {
        new.id = self.next_session(staged);
        let id = new.id;
        let (at, seq) = (self.ports.clock.now(), self.next_seq(staged, 0));
        let event = Event::Created { session: Box::new(new.clone()) };
        let entry = entry(id, &event, at, asked)?;
        let after = Arc::new(Session::created(new, at, seq));
        staged.created += 1;
        staged.entries.push(entry);
        let (event, asked) = (Box::new(event), asked.cloned());
        staged.told.push(Told::Session { event, at, asked, before: None, after: after.clone() });
        staged.sessions.insert(id, after);
        Ok(id)
    }

    /// The session as it will be when the batch is recorded.
    pub(super) fn as_staged(&self, staged: &Staged, id: SessionId) -> Result<Arc<Session>, Failure> {
        staged.sessions.get(&id).cloned().map_or_else(|| self.session(id), Ok)
    }

    /// Decides, and stages all that follows or nothing.
    fn command(
        &self,
        staged: &mut Staged,
        id: SessionId,
        input: &Input,
        asked: Option<&Asked>,
    ) -> Result<SessionId, Failure> {
        let mut session = self.as_staged(staged, id)?;
        let step = decide(&session, input).map_err(|refusal| failure_of(&refusal, &session))?;
        let (mut entries, mut told) = (Vec::new(), Vec::new());
        for event in step.events {
            let (at, seq) = (self.ports.clock.now(), self.next_seq(staged, entries.len()));
            entries.push(entry(id, &event, at, asked)?);
            let after = Arc::new((*session).clone().apply(&event, at, seq));
            let before = Some(std::mem::replace(&mut session, after.clone()));
            told.push(Told::Session { event: Box::new(event), at, asked: asked.cloned(), before, after });
        }
        if !told.is_empty() {
            staged.sessions.insert(id, session);
            staged.entries.extend(entries);
            staged.told.extend(told);
        }
        Ok(id)
    }

    fn next_seq(&self, staged: &Staged, more: usize) -> Seq {
        Seq(self.journal_head().seq.0 + (staged.entries.len() + more) as u64 + 1)
    }
}

/// One bad input must not end the service for everybody.
fn guarded(work: impl FnOnce() -> Result<SessionId, Failure>) -> Result<SessionId, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
        Err(Failure::new(FailureKind::Failed, format!("an internal error: {text}")).hint("paraph doctor"))
    })
}

fn entry(id: SessionId, event: &Event, at: Timestamp, asked: Option<&Asked>) -> Result<NewEntry, Failure> {
    let value = to_value(event, asked);
    match misfit(&value) {
        Some(why) => Err(too_much(&why)),
        None => Ok(NewEntry { at, actor: actor_of(event), session: Some(id), event: value }),
    }
}

fn too_much(why: &str) -> Failure {
    Failure::new(FailureKind::Usage, why).hint("say it in fewer words; long texts belong in a file of the repository")
}

fn other_request(asked: &Asked) -> Failure {
    Failure::new(FailureKind::Conflict, format!("request id {} was used for another request before", asked.id))
        .hint("make a new id for every new request; type the command again")
}
