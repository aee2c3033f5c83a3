//! Documents that models write before a draft, and how people have them written again.
//!
//! A document is written once: written again it is the next of its name, and the one before stays, as does what changed
//! between them. A comment counts once for that. What a person says after it was given to a model counts again.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{Digest, ThreadId};
use crate::planning::{Role, Stage, writer};
use crate::text::Untrusted;

use super::drafts;
use super::effect::EffectKey;
use super::event::{Event, Person};
use super::input::{Command, Refusal};
use super::machine::{Step, not_now};
use super::stages::waits_for_go;
use super::state::{Phase, Planned, Rewriting, Session, Thread};

/// A document by its name, each time that it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document<'a> {
    /// Such as `plan`.
    pub name: &'a str,
    /// What it said, oldest first; never empty.
    pub written: Vec<Digest>,
    /// What changed from each to the next: a diff.
    pub changes: Vec<Digest>,
}

impl Session {
    /// The documents that models wrote, in the order they are read.
    #[must_use]
    pub fn documents(&self) -> Vec<Document<'_>> {
        let all: Vec<&Planned> = self.planned_before.iter().chain(&self.planned).collect();
        let named = |name: &str| {
            let found = all.iter().filter_map(|planned| planned.artifacts.iter().find(|known| known.name == name));
            let mut written: Vec<Digest> = found.map(|artifact| artifact.digest).collect();
            written.dedup();
            let changes = all.iter().filter_map(|planned| planned.changes.iter().find(|known| known.name == name));
            (written, changes.map(|artifact| artifact.digest).collect())
        };
        let names = self.planned.iter().flat_map(|planned| &planned.artifacts).map(|artifact| artifact.name.as_str());
        names
            .map(|name| {
                let (written, changes) = named(name);
                Document { name, written, changes }
            })
            .collect()
    }

    /// Whether somebody said something in it that no document was written with yet. A question changes nothing.
    #[must_use]
    pub fn waits_for_document(&self, thread: &Thread) -> bool {
        let heard = self.written_with.get(&thread.id).copied().unwrap_or(0);
        is_about_document(thread) && thread.comments.iter().skip(heard).any(|said| !said.by.is_engine())
    }
}

fn is_about_document(thread: &Thread) -> bool {
    thread.place.artifact.is_some() && !thread.resolved && thread.place.kind != "question"
}

/// A person has the documents written again that they, or others, commented on; all of them where there is no comment
/// and they say in words what is wrong. Their own comments that are not sent yet go with it.
pub(super) fn ask_again(
    session: &Session,
    by: &Person,
    message: &Untrusted,
    command: &Command,
) -> Result<Step, Refusal> {
    if !session.asked.playbook.has(Stage::Artifacts) {
        return Err(Refusal::NoDocuments { playbook: session.asked.playbook.name.clone() });
    }
    let ships = session.active().any(|lane| matches!(lane.phase, Phase::Publishing(_) | Phase::Done(_)));
    if ships || waits_for_go(session) || session.planned.is_none() {
        return Err(not_now(session, command));
    }
    let mut events = drafts::sent_on_documents(session, by);
    let waiting = session.threads.iter().filter(|thread| session.waits_for_document(thread));
    let mut threads: BTreeMap<ThreadId, &str> =
        waiting.filter_map(|thread| Some((thread.id, thread.place.artifact.as_deref()?))).collect();
    for event in &events {
        match event {
            Event::ThreadOpened { thread, place, .. } if place.kind != "question" => {
                threads.extend(place.artifact.as_deref().map(|name| (*thread, name)));
            }
            Event::ThreadAnswered { thread, .. } => {
                let known = session.thread(*thread).filter(|thread| is_about_document(thread));
                threads.extend(known.and_then(|known| Some((known.id, known.place.artifact.as_deref()?))));
            }
            _ => {}
        }
    }
    let running = session.rewriting.as_ref();
    let mut roles: BTreeSet<Role> = threads.values().filter_map(|name| writer(name)).collect();
    roles.extend(running.iter().flat_map(|running| &running.roles));
    match (roles.is_empty(), message.raw().trim().is_empty()) {
        (true, true) => return Err(Refusal::NothingSaid),
        (true, false) => roles.extend([Role::Architect, Role::Planner]),
        // a plan follows from the design
        (false, _) => drop(roles.insert(Role::Planner)),
    }
    let threads = threads.into_keys().collect();
    let (roles, by, message) = (roles.into_iter().collect(), by.clone(), message.clone());
    events.push(Event::DocumentsAsked { by, roles, threads, message });
    Ok(Step { events })
}

/// The documents were written: recorded, and said in each thread that they were written with.
pub(super) fn written(session: &Session, key: EffectKey, planned: &Planned) -> Step {
    let Planned { artifacts, tasks, criteria, changes } = planned.clone();
    let mut step = Step::record(Event::Planned { artifacts, tasks, criteria, changes });
    for thread in session.rewriting.iter().flat_map(|asked| &asked.threads) {
        let known = session.thread(*thread).and_then(|known| known.place.artifact.as_deref());
        let Some((name, role)) = known.and_then(|name| Some((name, writer(name)?))) else { continue };
        let before = session.documents().into_iter().find(|document| document.name == name);
        let number = before.map_or(1, |document| document.written.len());
        let text = if planned.changes.iter().any(|changed| changed.name == name) {
            format!("written again with this: paraph artifacts {} {name}@{number}..{}", session.asked.id, number + 1)
        } else {
            format!("`{name}` was written again with this, and says what it said before")
        };
        let by = Person::model(role, session.model_of(key, role).unwrap_or_default());
        step.events.push(Event::ThreadAnswered { thread: *thread, by, text: text.into() });
    }
    step
}

impl Session {
    /// Documents are wanted anew: an attempt that runs answers an older wish.
    pub(super) fn want_documents(&mut self, roles: &[Role], threads: &[ThreadId], message: &Untrusted) {
        let before = self.rewriting.take();
        let heard = |thread: &ThreadId| (*thread, self.thread(*thread).map_or(0, |known| known.comments.len()));
        let mut said: Vec<&str> = before.iter().map(|before| before.message.raw()).collect();
        said.push(message.raw());
        said.retain(|words| !words.trim().is_empty());
        self.rewriting = Some(Rewriting {
            roles: roles.to_vec(),
            heard: threads.iter().map(heard).collect(),
            threads: threads.to_vec(),
            message: said.join("\n").into(),
        });
    }

    /// Documents are there. A tick stays where its criterion does, word for word and bound to a person as before.
    pub(super) fn planned_is(&mut self, planned: Planned) {
        let stands = |id: &String| {
            let of = |planned: &Planned| planned.criteria.iter().find(|known| known.id == *id).cloned();
            self.planned.as_ref().and_then(of) == of(&planned)
        };
        let gone: BTreeSet<String> = self.ticks.keys().map(|(_, id)| id).filter(|id| !stands(id)).cloned().collect();
        self.ticks.retain(|(_, id), _| !gone.contains(id));
        // what was agreed to is not what stands now
        self.agreed = false;
        self.planned_before.extend(self.planned.take());
        self.planned = Some(planned);
        self.written_with.extend(self.rewriting.take().into_iter().flat_map(|asked| asked.heard));
    }
}
