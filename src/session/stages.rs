//! Stages that ask models before and after a draft: what their findings mean, and what people say to them.
//!
//! What a model says moves a session in one case only: triage that recommends GO and misses nothing lets the playbook go
//! on. Everything else waits for a person, or is evidence.

use crate::id::{LaneId, ThreadId, Version};
use crate::planning::{Bound, Recommendation, Role, Runbook, Stage, TriageReport};
use crate::scoring::{IssueSeverity, Review, ReviewIssue};
use crate::text::{Untrusted, counted};

use super::effect::{EffectKey, EffectKind};
use super::event::{Event, Person, StopKind, ThreadPlace};
use super::input::{Command, Refusal};
use super::machine::{Step, not_now};
use super::state::{PatchSetRecord, Session};

/// The most threads that one role opens on a version; the rest stands in its report.
const MOST_THREADS: usize = 12;

/// Whether drafting waits for a GO.
pub(super) fn waits_for_go(session: &Session) -> bool {
    session.asked.playbook.has(Stage::Triage) && !session.triaged
}

/// Whether drafting waits until a person has agreed to the documents.
pub(super) fn waits_for_agreement(session: &Session) -> bool {
    session.asked.playbook.has(Stage::Agreement)
        && session.planned.is_some()
        && !session.agreed
        && session.versions.is_empty()
}

/// Whether a person is asked for GO now: to the goal, or to the documents that were written for it.
pub(super) fn waits_for_word(session: &Session) -> bool {
    waits_for_go(session) || (waits_for_agreement(session) && session.rewriting.is_none())
}

/// A person says GO: to the goal, or to the documents where those wait for it.
pub(super) fn go(session: &Session, by: &Person, message: &Untrusted, command: &Command) -> Result<Step, Refusal> {
    let (by, message) = (by.clone(), message.clone());
    match (waits_for_go(session), waits_for_word(session)) {
        (true, _) => Ok(Step::record(Event::Triaged { by, message })),
        (false, true) => Ok(Step::record(agreed(session, by, message))),
        (false, false) => Err(not_now(session, command)),
    }
}

/// A person's GO to the documents as they stand.
pub(super) fn agreed(session: &Session, by: Person, message: Untrusted) -> Event {
    let documents = session.planned.iter().flat_map(|planned| planned.artifacts.clone()).collect();
    Event::Agreed { by, message, documents }
}

/// A person puts it off, or does not take it up.
pub(super) fn put_off(session: &Session, event: Event, command: &Command) -> Result<Step, Refusal> {
    let again = matches!(&event, Event::Deferred { .. })
        && session.stop.as_ref().is_some_and(|stop| stop.kind == StopKind::Deferred);
    if !waits_for_word(session) || again {
        return Err(not_now(session, command));
    }
    Ok(Step::record(event))
}

/// What triage found, and that a person is needed unless it is a GO that misses nothing.
pub(super) fn triaged(session: &Session, report: TriageReport, artifact: crate::id::Digest) -> Step {
    let stop = (!report.goes_on()).then(|| Event::Stopped {
        kind: StopKind::NeedsHuman,
        reason: why(&report),
        next: session.words_of_triage(),
        key: None,
        log: None,
    });
    let mut step = Step::record(Event::TriageFound { report, artifact });
    step.events.extend(stop);
    step
}

fn why(report: &TriageReport) -> Untrusted {
    let mut text = match report.recommendation {
        Recommendation::Unclear => "triage is unclear".to_owned(),
        word => format!("triage recommends {}", word.name()),
    };
    let lists = [("", &report.reasons), ("\nmissing:", &report.missing)];
    for (title, entries) in lists.into_iter().filter(|(_, entries)| !entries.is_empty()) {
        text.push_str(title);
        text.extend(entries.iter().map(|entry| format!("\n  {}", entry.raw())));
    }
    text.into()
}

impl Session {
    /// What a person can say to triage.
    pub(super) fn words_of_triage(&self) -> String {
        let id = self.asked.id;
        format!("paraph go {id} -m TEXT, paraph defer {id}, or paraph decline {id}")
    }

    /// What a person can say to documents that wait for them.
    pub(super) fn words_of_agreement(&self) -> String {
        let id = self.asked.id;
        format!("paraph artifacts {id}, then paraph go {id}, or paraph regenerate {id} --documents -m TEXT")
    }

    /// Whether documents wait for a person's GO.
    #[must_use]
    pub fn asks_agreement(&self) -> bool {
        waits_for_agreement(self) && self.rewriting.is_none() && self.stop.is_none()
    }

    /// What is asked of a model before anything is drafted, once every lane is ready.
    pub(super) fn asks_before_draft(&self) -> Before {
        if waits_for_go(self) {
            let asks = self.triage.is_none() && self.asked.roles.contains(&Role::Triage);
            return if asks { Before::Ask(EffectKind::Triage) } else { Before::Wait };
        }
        match (self.lacks_artifacts(), waits_for_agreement(self)) {
            (true, _) => Before::Ask(EffectKind::Plan),
            (false, true) => Before::Wait,
            (false, false) => Before::Draft,
        }
    }

    /// Whether documents are to be written before the first draft, and are not there.
    #[must_use]
    pub fn lacks_artifacts(&self) -> bool {
        self.asked.playbook.has(Stage::Artifacts) && self.planned.is_none()
    }

    /// Whether models shall review it and were not asked yet.
    pub(super) fn asks_for_review(&self, lane: LaneId, version: Version) -> bool {
        let is_settled = |set: &PatchSetRecord| set.reviews.is_some() || set.left_out.contains(&EffectKind::Review);
        let asked = self.patch_set(lane, version).is_some_and(is_settled);
        self.asked.playbook.has(Stage::Review) && !asked
    }

    /// Whether it shall have a runbook and none was asked for yet.
    pub(super) fn asks_for_runbook(&self, lane: LaneId, version: Version) -> bool {
        let is_settled = |set: &PatchSetRecord| set.runbook.is_some() || set.left_out.contains(&EffectKind::Runbook);
        let asked = self.patch_set(lane, version).is_some_and(is_settled);
        self.asked.playbook.has(Stage::Runbook) && !asked
    }

    /// The model that answered as `role` in that work, as its calls say.
    /// The model that wrote the version, where one did.
    #[must_use]
    pub fn author(&self, version: Version) -> Option<&str> {
        self.model_of(EffectKey::draft(version), Role::Implementer)
    }

    pub(super) fn model_of(&self, key: EffectKey, role: Role) -> Option<&str> {
        let answered = |call: &&super::CallRecord| {
            let ended = call.ended.as_ref();
            call.asked.key == key && call.asked.role == role && ended.is_some_and(|ended| ended.reply.is_some())
        };
        self.calls.iter().rev().find(answered).map(|call| call.asked.model.as_str())
    }
}

/// What comes before a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// This work.
    Ask(EffectKind),
    /// A person's word.
    Wait,
    /// Nothing: it is drafted.
    Draft,
}

/// Models reviewed one lane of a version: recorded, and what they found as threads that a person resolves. Where there
/// was no money to ask all of them, what the others said is there for who decides without; once all are asked they say
/// it again, and that opens no other thread.
pub(super) fn reviewed(
    session: &Session,
    key: EffectKey,
    (lane, version): (LaneId, Version),
    found: &[(Review, Vec<ReviewIssue>)],
    left_out: Option<&(Untrusted, String)>,
) -> Step {
    let author = session.author(version);
    let named = |review: &Review| {
        let model = session.model_of(key, review.role).unwrap_or_default().to_owned();
        let mut review = Review { model, ..review.clone() };
        if review.counts() && author == Some(review.model.as_str()) {
            let role = review.role;
            review.notes.push(format!(
                "the model that wrote the change reviewed it as {role}: another is models = [\"PROVIDER/MODEL\"] under \
                 [roles.{role}] (paraph help models)"
            ));
        }
        review
    };
    let reviews: Vec<Review> = found.iter().map(|(review, _)| named(review)).collect();
    let opened = |thread: &super::Thread, by: &Person| {
        (thread.place.lane, thread.place.version) == (lane, version)
            && thread.comments.first().is_some_and(|said| said.by == *by)
    };
    let mut step = Step::default();
    let mut next = u32::try_from(session.threads.len()).expect("fewer than 2^32 threads");
    for (review, (_, issues)) in reviews.iter().zip(found) {
        let by = Person::model(review.role, &review.model);
        let before: Vec<&super::Thread> = session.threads.iter().filter(|thread| opened(thread, &by)).collect();
        let is_again = |issue: &ReviewIssue| {
            let place = place_of(issue, lane, version);
            let same = |thread: &&super::Thread| thread.place == place && thread.comments[0].text == issue.text;
            before.iter().any(same)
        };
        let is_new = |issue: &&ReviewIssue| !is_again(issue) && !is_said(session, lane, issue);
        let news = issues.iter().filter(|issue| review.counts() && is_new(issue));
        for issue in news.take(MOST_THREADS.saturating_sub(before.len())) {
            next += 1;
            let (thread, place) = (ThreadId(next), place_of(issue, lane, version));
            step.events.push(Event::ThreadOpened { thread, place, by: by.clone(), text: issue.text.clone() });
        }
    }
    step.events.insert(0, Event::Reviewed { lane, version, reviews });
    if let Some((reason, next)) = left_out {
        let (kind, reason, next) = (StopKind::BudgetSpent, reason.clone(), next.clone());
        // first, while the review is still owed: what was bought for it is good for the attempt that follows
        step.events.insert(0, Event::Stopped { kind, reason, next, key: Some(key), log: None });
    }
    step
}

/// The runbook of one lane of a version was asked for: recorded, whatever came of it. It opens and closes no gate.
pub(super) fn runbook(session: &Session, key: EffectKey, (lane, version): (LaneId, Version), found: &Runbook) -> Step {
    let set = session.patch_set(lane, version).expect("a runbook is owed of a version that is there");
    let digest = set.drafted.digest;
    let model = session.model_of(key, Role::Deployer).unwrap_or_default().to_owned();
    let runbook = Runbook { model, ..found.clone() };
    Step::record(Event::RunbookWritten { lane, version, digest, runbook })
}

fn place_of(issue: &ReviewIssue, lane: LaneId, version: Version) -> ThreadPlace {
    let kind = match issue.severity {
        IssueSeverity::Must => "must",
        IssueSeverity::Should => "issue",
        IssueSeverity::Nit => "nit",
    };
    ThreadPlace {
        version,
        lane,
        path: issue.path.clone(),
        line: issue.line.unwrap_or(0),
        from_line: 0,
        side: "new".to_owned(),
        kind: kind.to_owned(),
        artifact: None,
    }
}

/// Whether an open thread of a model says the same of the same place; a `must` is always said, for it counts.
fn is_said(session: &Session, lane: LaneId, issue: &ReviewIssue) -> bool {
    let same = |thread: &super::Thread| {
        let first = thread.comments.first();
        let place = &thread.place;
        !thread.resolved
            && (place.lane, &place.path, place.line) == (lane, &issue.path, issue.line.unwrap_or(0))
            && first.is_some_and(|said| said.by.is_engine() && said.text == issue.text)
    };
    issue.severity != IssueSeverity::Must && session.threads.iter().any(same)
}

/// What reviewers say must change in that version and nobody resolved, one line a role.
pub(super) fn musts(session: &Session, lane: LaneId, version: Version) -> Vec<String> {
    let open = |by: &Person| {
        let threads = session.threads.iter().filter(|thread| {
            let (place, first) = (&thread.place, thread.comments.first());
            !thread.resolved
                && (place.lane, place.version, place.kind.as_str()) == (lane, version, "must")
                && first.is_some_and(|said| said.by == *by)
        });
        threads.count()
    };
    let reviews = session.patch_set(lane, version).and_then(|set| set.reviews.as_ref()).into_iter().flatten();
    let said = reviews.filter(|review| review.counts());
    said.map(|review| (review.role, open(&Person::model(review.role, &review.model))))
        .filter(|(_, count)| *count > 0)
        .map(|(role, count)| format!("{} of the {role}", counted(count, "must")))
        .collect()
}

/// A person says that a criterion is met by the version that they read, or takes it back.
pub(super) fn tick(
    session: &Session,
    (criterion, version): (&str, Version),
    ticked: bool,
    by: &Person,
    message: &Untrusted,
    command: &Command,
) -> Result<Step, Refusal> {
    let criteria = session.planned.iter().flat_map(|planned| &planned.criteria);
    let known = criteria.clone().find(|known| known.id == criterion).ok_or_else(|| Refusal::NoSuchCriterion {
        criterion: criterion.to_owned(),
        known: criteria.map(|known| known.id.clone()).collect(),
    })?;
    match &known.bound {
        Bound::Person => {}
        Bound::Check(name) => {
            return Err(Refusal::NotTicked { criterion: criterion.to_owned(), shown_by: format!("check `{name}`") });
        }
        Bound::Rule(id) => {
            return Err(Refusal::NotTicked { criterion: criterion.to_owned(), shown_by: format!("rule `{id}`") });
        }
    }
    let newest = session.versions.last().map(|record| record.number);
    match newest {
        Some(newest) if newest == version => {}
        Some(newest) if version < newest => return Err(Refusal::Superseded { version, newest }),
        Some(_) => return Err(Refusal::NoSuchVersion { version }),
        None => return Err(not_now(session, command)),
    }
    let is_ticked = session.ticks.contains_key(&(version, criterion.to_owned()));
    if is_ticked == ticked {
        return Ok(Step::default());
    }
    let (criterion, by, message) = (criterion.to_owned(), by.clone(), message.clone());
    Ok(Step::record(match ticked {
        true => Event::Ticked { criterion, version, by, message },
        false => Event::Unticked { criterion, version, by },
    }))
}
