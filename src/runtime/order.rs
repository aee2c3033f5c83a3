//! What is posted to the core thread.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::api::{Failure, FailureKind, Request};
use crate::id::{Digest, RequestId, SessionId, ThreadId, Version};
use crate::planning::Role;
use crate::session::{Command, Event, NewSession, Outcome, Refusal, Session};

use super::core::Core;
use super::house::HouseEvent;

/// What an order led to.
#[derive(Debug, Clone)]
pub(super) struct Done {
    /// The session as it is now.
    pub(super) session: Arc<Session>,
    /// The number of the thread or draft that the order made, if it made one.
    pub(super) thread: Option<ThreadId>,
}

/// Who ordered something, and waits.
pub(super) struct Orderer {
    /// Hears what it leads to once that is decided, so that an answer can be made while the disk works.
    pub(super) decided: oneshot::Sender<Done>,
    /// Hears that it is recorded, or why not.
    pub(super) recorded: oneshot::Sender<Result<(), Failure>>,
}

/// What an order leads to, if it is recorded. Nobody is answered before it is: what is made of it meanwhile comes out
/// of [`Decided::answer`], then.
#[must_use]
pub(super) struct Decided {
    done: Done,
    recorded: oneshot::Receiver<Result<(), Failure>>,
}

/// A new order: who waits, and what for. `None` where the core ended.
pub(super) fn ordering() -> (Orderer, impl Future<Output = Option<Result<Decided, Failure>>>) {
    let (to_decided, decided) = oneshot::channel();
    let (to_recorded, recorded) = oneshot::channel();
    let waiting = async {
        match decided.await {
            Ok(done) => Some(Ok(Decided { done, recorded })),
            // refused, which is all there is to hear
            Err(_) => match recorded.await.ok()? {
                Err(refused) => Some(Err(refused)),
                Ok(()) => None,
            },
        }
    };
    (Orderer { decided: to_decided, recorded: to_recorded }, waiting)
}

impl Decided {
    /// What `make` makes of it, once it is recorded; `None` where the core ended before.
    pub(super) async fn answer<T, F>(self, make: impl FnOnce(Done) -> F) -> Option<Result<T, Failure>>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let (made, recorded) = tokio::join!(make(self.done), self.recorded);
        Some(recorded.ok()?.and(made))
    }
}

/// A request by its name, with what it asks: the same name for something else is a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) id: RequestId,
    /// The first digits of the digest of the whole request.
    pub(super) what: String,
}

impl Asked {
    /// The request `id` that asks for `request`.
    pub(super) fn new(id: RequestId, request: &Request) -> Self {
        let text = serde_json::to_vec(request).expect("requests are plain data");
        Self { id, what: Digest::of(&text).short() }
    }
}

/// What a person wants.
pub(super) enum Want {
    /// A new session; its number is given by the core.
    Start(Box<NewSession>),
    /// The first of several candidates, and so all of them.
    StartField(Box<NewSession>),
    /// Something of a session.
    Command(SessionId, Box<Command>),
}

/// One message to the core thread.
pub(super) enum Post {
    /// A person wants something.
    Order { asked: Asked, want: Want, orderer: Orderer },
    /// A person wants something of the house.
    House { asked: Asked, event: HouseEvent, reply: oneshot::Sender<Result<(), Failure>> },
    /// A worker answers.
    Outcome(SessionId, Outcome),
    /// A worker is about to ask a model, or has its answer: the call's number, once it is durable.
    Call { session: SessionId, outcome: Outcome, reply: oneshot::Sender<Result<u32, Failure>> },
    /// An order is on its way.
    Soon,
    /// Somebody wants to look.
    Look(Box<dyn FnOnce(&mut Core) + Send>),
    /// End: anchor, sync, leave.
    Stop(oneshot::Sender<()>),
}

impl Post {
    /// Whether a person waits for its sync, or will in a moment.
    pub(super) fn is_awaited(&self) -> bool {
        matches!(self, Self::Order { .. } | Self::Soon)
    }
}

/// A refusal as clients see it.
pub(super) fn failure_of(refusal: &Refusal, session: &Session) -> Failure {
    let id = session.asked.id;
    let (kind, hint) = match refusal {
        Refusal::NoSuchLane => (FailureKind::NotFound, format!("paraph show {id}")),
        Refusal::NoSuchVersion { .. } | Refusal::NoSuchWarning { .. } => {
            (FailureKind::NotFound, format!("paraph show {id}"))
        }
        Refusal::NoSuchThread { .. } | Refusal::NoSuchDraft { .. } => {
            (FailureKind::NotFound, format!("paraph comments {id}"))
        }
        Refusal::NoSuchArtifact { .. } => (FailureKind::NotFound, format!("paraph artifacts {id}")),
        Refusal::NoDocuments { .. } => (FailureKind::Refused, "paraph run GOAL --playbook designed".to_owned()),
        Refusal::NothingSaid => {
            let words = format!("paraph comment {id} --artifact plan -m TEXT, or say it with -m TEXT");
            (FailureKind::Usage, words)
        }
        Refusal::NoSuchCriterion { .. } => (FailureKind::NotFound, format!("paraph show {id}")),
        Refusal::NotTicked { .. } => (FailureKind::Refused, format!("paraph show {id}")),
        Refusal::OtherPatch { version, .. } => (FailureKind::Conflict, format!("paraph show {id}@{version}")),
        Refusal::Superseded { newest, .. } => (FailureKind::Conflict, format!("paraph show {id}@{newest}")),
        Refusal::AlreadyDecided { .. } => (FailureKind::Conflict, next_step(session)),
        Refusal::HearsNobody { .. } => {
            (FailureKind::Refused, format!("paraph regenerate {id} -m TEXT, which asks anew with your words"))
        }
        Refusal::StillChecked { .. } => (FailureKind::Refused, format!("paraph watch {id}")),
        Refusal::StillMonitored { .. } => (FailureKind::Conflict, format!("paraph show {id}")),
        Refusal::NoChecks { .. } => (FailureKind::Refused, "paraph run GOAL --playbook quick".to_owned()),
        Refusal::ReasonNeeded { .. } => (FailureKind::Refused, "say why: -m TEXT".to_owned()),
        Refusal::NotOffered { because } if because.iter().any(|why| why.ends_with("wait for it")) => {
            (FailureKind::Refused, format!("paraph watch {id}"))
        }
        Refusal::NotOffered { .. } | Refusal::CannotOverride { .. } => {
            let newest = session.versions.last().map_or(Version::FIRST, |version| version.number);
            (FailureKind::Refused, format!("paraph request-changes {id}@{newest} -m TEXT"))
        }
        Refusal::NoCandidate => {
            (FailureKind::Refused, "paraph run GOAL --candidate ENGINE --candidate ENGINE".to_owned())
        }
        Refusal::AlreadyPicked { picked, .. } => (FailureKind::Conflict, format!("paraph show {picked}")),
        Refusal::NotPicked { session, version, .. } => {
            (FailureKind::Refused, format!("paraph compare {session}, then paraph pick {session}@{version}"))
        }
        Refusal::SameChange { version } => (FailureKind::Refused, format!("paraph show {id}@{version}")),
        Refusal::NotApproved { .. } => (FailureKind::Refused, format!("paraph show {id}")),
        Refusal::BudgetSpent { .. } => {
            (FailureKind::Budget, format!("paraph budget {id} --usd AMOUNT, or --tokens COUNT"))
        }
        Refusal::ShareSpent { role, .. } => (FailureKind::Budget, raises_share(*role)),
        Refusal::NotAwaited { .. } => (FailureKind::Conflict, format!("paraph show {id}")),
        Refusal::EngineNeeds(_) => (FailureKind::Usage, "paraph help regenerate".to_owned()),
        Refusal::NotNow { .. } => {
            let (reason, _) = session.waits_for();
            let failure = Failure::new(FailureKind::Refused, refusal.to_string()).hint(next_step(session));
            return if reason.raw().is_empty() {
                failure
            } else {
                Failure { causes: vec![reason.raw().to_owned()], ..failure }
            };
        }
    };
    Failure::new(kind, refusal.to_string()).hint(hint)
}

/// What gives a role more of each session.
pub(super) fn raises_share(role: Role) -> String {
    format!("raise max_session_cents or max_session_tokens under [roles.{role}], then paraph regenerate")
}

/// What can be typed next about a session, whatever its state.
pub(super) fn next_step(session: &Session) -> String {
    let (id, (_, next)) = (session.asked.id, session.waits_for());
    // what is over or still runs waits for nobody: then it is looked at
    match (session.state().is_over(), next.is_empty()) {
        (true, _) => format!("paraph show {id}"),
        (false, false) => next,
        (false, true) => format!("paraph watch {id}"),
    }
}

/// Who is named in the journal for an event: the person, or Paraph itself.
pub(super) fn actor_of(event: &Event) -> String {
    event.person().map_or_else(|| "paraph".to_owned(), |person| person.login.clone())
}
