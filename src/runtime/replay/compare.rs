//! What was made anew against what is recorded: everything that has one right answer, and nothing that has not.

use crate::api::DifferenceView;
use crate::id::Digest;
use crate::infrastructure::blobs::Blobs;
use crate::planning::{Monitored, Runbook};
use crate::proposal::Context;
use crate::scoring::{Gate, GateId, Review};
use crate::session::{Event, Finding, PartEnd, PartFound, PatchSet, Session, VersionPart};
use crate::text::{HIDDEN_KEY, Untrusted, counted};

use super::tape::Tape;

/// The most characters of a line that is shown beside its twin.
const SHOWN: usize = 160;

/// One piece of work that was done anew.
pub(super) struct Compared<'a> {
    pub(super) recorded: &'a Event,
    /// What the core makes of it now.
    pub(super) ours: &'a [Event],
    pub(super) tape: &'a Tape,
    pub(super) session: &'a Session,
    pub(super) blobs: &'a Blobs,
}

pub(super) fn difference(what: &str, recorded: &str, replayed: &str) -> DifferenceView {
    let (recorded, replayed, at) = (recorded.into(), replayed.into(), Untrusted::default());
    DifferenceView { what: what.to_owned(), repo: None, recorded, replayed, at }
}

/// Collects what differs.
#[derive(Default)]
struct Differences<'a> {
    repo: Option<String>,
    found: Vec<DifferenceView>,
    /// Where keys were hidden in one of two prompts that are the same: contexts name prompts by digest.
    keys_hidden_in: Option<&'a Blobs>,
}

impl Differences<'_> {
    fn hold_context(&mut self, recorded: &Digest, replayed: &Digest) {
        if !self.keys_hidden_in.is_some_and(|blobs| same_context_but_for_keys(blobs, *recorded, *replayed)) {
            self.hold("context", recorded, replayed, Digest::to_string);
        }
    }

    fn hold<T: PartialEq>(&mut self, what: &str, recorded: &T, replayed: &T, word: impl Fn(&T) -> String) {
        if recorded != replayed {
            let told = difference(what, &word(recorded), &word(replayed));
            self.found.push(DifferenceView { repo: self.repo.clone(), ..told });
        }
    }
}

/// What differs between a recorded finding and the one made anew, the first first.
pub(super) fn made(compared: &Compared<'_>) -> Vec<DifferenceView> {
    let Compared { recorded, ours, tape, session, blobs } = compared;
    let keys_hidden_in = tape.had_keys_hidden().then_some(*blobs);
    let mut differences = Differences { keys_hidden_in, ..Differences::default() };
    // what leads is the event of the same name; threads that were answered come before it
    match ours.iter().find(|event| event.name() == recorded.name()) {
        None => {
            let replayed = ours.last().map_or_else(|| "nothing".to_owned(), summary);
            differences.found.push(difference("outcome", &summary(recorded), &replayed));
        }
        Some(ours) => both(recorded, ours, session, &mut differences),
    }
    let (played, left) = tape.counts();
    if left > 0 && differences.found.is_empty() {
        let (all, played) = (counted(played + left, "call"), counted(played, "call"));
        differences.found.push(difference("calls", &all, &played));
    }
    differences.found
}

fn both(recorded: &Event, ours: &Event, session: &Session, differences: &mut Differences<'_>) {
    match (recorded, ours) {
        (Event::Indexed { index: recorded, .. }, Event::Indexed { index: ours, .. }) => {
            differences.hold("index", recorded, ours, Digest::to_string);
        }
        (Event::TriageFound { artifact: recorded, .. }, Event::TriageFound { artifact: ours, .. }) => {
            differences.hold("triage", recorded, ours, Digest::to_string);
        }
        (
            Event::Planned { artifacts: recorded, tasks, criteria, .. },
            Event::Planned { artifacts: ours, tasks: our_tasks, criteria: our_criteria, .. },
        ) => {
            for (recorded, ours) in recorded.iter().zip(ours) {
                differences.hold(&recorded.name, &recorded.digest, &ours.digest, Digest::to_string);
            }
            differences.hold("documents", &recorded.len(), &ours.len(), usize::to_string);
            differences.hold("tasks", tasks, our_tasks, |tasks| counted(tasks.len(), "task"));
            differences.hold("criteria", criteria, our_criteria, |criteria| counted(criteria.len(), "criterion"));
        }
        (
            Event::PartMade { part: recorded, patch_sets, .. },
            Event::PartMade { part: ours, patch_sets: our_sets, .. },
        ) => {
            parts(std::slice::from_ref(&**recorded), std::slice::from_ref(&**ours), session, differences);
            proposed(patch_sets, our_sets, session, differences);
        }
        (
            Event::Proposed { patch_sets: recorded, parts: recorded_parts, .. },
            Event::Proposed { patch_sets: ours, parts: our_parts, .. },
        ) => {
            parts(recorded_parts, our_parts, session, differences);
            proposed(recorded, ours, session, differences);
        }
        (Event::Reviewed { reviews: recorded, .. }, Event::Reviewed { reviews: ours, .. }) => {
            differences.hold("reviews", &recorded.len(), &ours.len(), usize::to_string);
            for (recorded, ours) in recorded.iter().zip(ours) {
                differences.hold("review", recorded, ours, reviewed);
            }
        }
        (Event::RunbookWritten { runbook: recorded, .. }, Event::RunbookWritten { runbook: ours, .. }) => {
            differences.hold("runbook", recorded, ours, runbook);
        }
        (
            Event::Scored { violations: recorded, score, gates, .. },
            Event::Scored { violations: ours, score: our_score, gates: our_gates, .. },
        ) => {
            differences.hold("violations", recorded, ours, |found| counted(found.len(), "violation"));
            differences.hold("score", &score.overall, &our_score.overall, ToString::to_string);
            differences.hold("ratings", &score.ratings, &our_score.ratings, |ratings| {
                let words = ratings.iter().map(|rating| format!("{:?} {}", rating.dimension, rating.score));
                words.collect::<Vec<_>>().join(", ")
            });
            differences.hold("gates", &judged(gates), &judged(our_gates), |gates| {
                let word =
                    |passed: Option<bool>| passed.map_or("not run", |passed| if passed { "passed" } else { "failed" });
                gates.iter().map(|(id, passed)| format!("{id:?} {}", word(*passed))).collect::<Vec<_>>().join(", ")
            });
        }
        (Event::Monitored { said: recorded, .. }, Event::Monitored { said: ours, .. }) => {
            differences.hold("monitor", recorded, ours, |said| monitored(said));
        }
        (Event::Stopped { kind, reason, .. }, Event::Stopped { kind: our_kind, reason: our_reason, .. }) => {
            differences.hold("stop", &(kind, reason), &(our_kind, our_reason), |(_, reason)| reason.raw().to_owned());
        }
        _ => {}
    }
}

fn parts(recorded: &[VersionPart], ours: &[VersionPart], session: &Session, differences: &mut Differences<'_>) {
    differences.hold("parts", &recorded.len(), &ours.len(), usize::to_string);
    for (recorded, ours) in recorded.iter().zip(ours) {
        let told = |part: &VersionPart| (part.role, part.ended, part.note.clone());
        differences.hold("part", &told(recorded), &told(ours), |(role, ended, note)| {
            format!("{role} {} {}", ended.name(), note.raw())
        });
        proposed(&recorded.patch_sets, &ours.patch_sets, session, differences);
    }
}

fn proposed(recorded: &[PatchSet], ours: &[PatchSet], session: &Session, differences: &mut Differences<'_>) {
    differences.hold("repositories", &recorded.len(), &ours.len(), usize::to_string);
    for recorded in recorded {
        differences.repo = session.lane(recorded.lane).map(crate::session::Lane::name);
        let Some(ours) = ours.iter().find(|ours| ours.lane == recorded.lane) else {
            let told = difference("patch set", &recorded.digest.to_string(), "none");
            differences.found.push(DifferenceView { repo: differences.repo.clone(), ..told });
            continue;
        };
        differences.hold("patch set", &recorded.digest, &ours.digest, Digest::to_string);
        differences.hold_context(&recorded.context, &ours.context);
        differences.hold("explanation", &recorded.explanation, &ours.explanation, Digest::to_string);
    }
    differences.repo = None;
}

/// Gates that do not hang on how the base moved since, nor on what runs elsewhere.
fn judged(gates: &[Gate]) -> Vec<(GateId, Option<bool>)> {
    let stays = |gate: &&Gate| !matches!(gate.id, GateId::G2 | GateId::G5);
    gates.iter().filter(stays).map(|gate| (gate.id, gate.passed)).collect()
}

fn reviewed(review: &Review) -> String {
    match (&review.report, review.unusable.raw()) {
        (Some(report), _) => format!("{} {report}", review.role),
        (None, why) => format!("{}: {why}", review.role),
    }
}

fn runbook(runbook: &Runbook) -> String {
    runbook.document.map_or_else(|| format!("none: {}", runbook.missing.raw()), |document| document.to_string())
}

fn monitored(said: &Monitored) -> String {
    match said {
        Monitored::Report { report, document, .. } => format!("{} {document}", report.word.name()),
        Monitored::Nothing { why, .. } => format!("nothing: {}", why.raw()),
    }
}

/// What paths say of a patch set, against what is recorded.
pub(super) fn placed(recorded: &Event, blocked: Option<&Finding>) -> Vec<DifferenceView> {
    let rules = |violations: &[crate::policy::Violation]| {
        violations.iter().map(|found| format!("{} {}", found.rule, found.path)).collect::<Vec<_>>().join(", ")
    };
    let recorded = match recorded {
        Event::PatchBlocked { violations, .. } => rules(violations),
        _ => String::new(),
    };
    let replayed = match blocked {
        Some(Finding::Blocked { violations }) => rules(violations),
        _ => String::new(),
    };
    let word = |rules: &String| if rules.is_empty() { "the paths are free".to_owned() } else { rules.clone() };
    let mut differences = Differences::default();
    differences.hold("paths", &recorded, &replayed, word);
    differences.found
}

/// A review, a runbook or a word of the monitor that nobody could give says why in words of that day: what is missing now
/// is another thing.
pub(super) fn with_recorded_reasons(finding: Finding, recorded: &Event) -> Finding {
    if let (Finding::Part(made), Some(then)) = (&finding, last_part(recorded)) {
        let note = if made.ended == then.ended { then.note.clone() } else { made.note.clone() };
        return Finding::Part(PartFound { note, ..made.clone() });
    }
    if let (Finding::Runbook(made), Event::RunbookWritten { runbook: then, .. }) = (&finding, recorded) {
        let same = made.document.is_none() && then.document.is_none();
        return Finding::Runbook(if same { then.clone() } else { made.clone() });
    }
    if let (Finding::Monitored(made), Event::Monitored { said: then, .. }) = (&finding, recorded) {
        let same = made.report().is_none() && then.report().is_none();
        return Finding::Monitored(if same { (**then).clone() } else { made.clone() });
    }
    let (Finding::Review { mut reviews, left_out }, Event::Reviewed { reviews: then, .. }) =
        (finding.clone(), recorded)
    else {
        return finding;
    };
    for (review, _) in &mut reviews {
        let same = then.iter().find(|then| then.role == review.role && !then.counts());
        if let Some(then) = same.filter(|_| !review.counts()) {
            review.unusable = then.unusable.clone();
        }
    }
    Finding::Review { reviews, left_out }
}

/// The part that such work came to, where its note is not in the words of who made it.
fn last_part(recorded: &Event) -> Option<&VersionPart> {
    let last = match recorded {
        Event::PartMade { part, .. } => Some(&**part),
        Event::Proposed { parts, .. } => parts.last(),
        _ => None,
    };
    last.filter(|part| part.ended != PartEnd::Nothing)
}

fn summary(event: &Event) -> String {
    match event {
        Event::Stopped { reason, .. } => format!("stopped: {}", reason.raw()),
        Event::Proposed { patch_sets, .. } => {
            let digests: Vec<String> = patch_sets.iter().map(|set| set.digest.to_string()).collect();
            format!("a draft: {}", digests.join(", "))
        }
        other => other.name().to_owned(),
    }
}

/// Whether two requests are one but for keys that were hidden in one of them: a key is nowhere in the record, and whoever
/// replays it need not have it.
pub(super) fn same_but_for_keys(blobs: &Blobs, recorded: Digest, replayed: Digest) -> bool {
    let (Some(recorded), Some(replayed)) = (request(blobs, recorded), request(blobs, replayed)) else { return false };
    recorded.len() == replayed.len() && recorded.iter().zip(&replayed).all(|(then, now)| is_alike(then, now))
}

/// The same of what a context says: but for the digests of prompts, and for what was hidden in them.
fn same_context_but_for_keys(blobs: &Blobs, recorded: Digest, replayed: Digest) -> bool {
    let read = |digest| {
        let mut context: Context = serde_json::from_slice(&blobs.get(digest).ok()?).ok()?;
        let of_prompt = |input: &String| ["background ", "task ", "redacted: "].iter().any(|of| input.starts_with(of));
        context.inputs.retain(|input| !of_prompt(input));
        Some(context)
    };
    read(recorded).is_some_and(|recorded| read(replayed) == Some(recorded))
}

/// Where two requests begin to differ; empty where one of them cannot be read.
pub(super) fn prompts(blobs: &Blobs, recorded: Digest, replayed: Digest) -> String {
    let (Some(recorded), Some(replayed)) = (request(blobs, recorded), request(blobs, replayed)) else {
        return String::new();
    };
    let nothing = (String::new(), String::new());
    let longest = recorded.len().max(replayed.len());
    let pair = |at: usize| (recorded.get(at).unwrap_or(&nothing), replayed.get(at).unwrap_or(&nothing));
    let Some((then, now)) = (0..longest).map(pair).find(|(then, now)| !is_alike(then, now)) else {
        return String::new();
    };
    let place = if then.0.is_empty() { &now.0 } else { &then.0 };
    let shown = |line: &str| line.chars().take(SHOWN).collect::<String>();
    format!(",{place}: recorded `{}`, replayed `{}`", shown(&then.1), shown(&now.1))
}

/// A request's lines, each with its place.
fn request(blobs: &Blobs, digest: Digest) -> Option<Vec<(String, String)>> {
    let mut lines = Vec::new();
    flatten(&serde_json::from_slice(&blobs.get(digest).ok()?).ok()?, "", &mut lines);
    Some(lines)
}

/// The same line at the same place; where one has the mark of a hidden key, the other may have any text.
fn is_alike(then: &(String, String), now: &(String, String)) -> bool {
    then.0 == now.0 && (then.1 == now.1 || is_under_marks(&then.1, &now.1) || is_under_marks(&now.1, &then.1))
}

fn is_under_marks(marked: &str, bare: &str) -> bool {
    let Some((head, rest)) = marked.split_once(HIDDEN_KEY) else { return false };
    let Some(mut left) = bare.strip_prefix(head) else { return false };
    let mut pieces: Vec<&str> = rest.split(HIDDEN_KEY).collect();
    let tail = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some(at) = left.find(piece) else { return false };
        left = &left[at + piece.len()..];
    }
    left.ends_with(tail)
}

/// Every line of every text in a JSON value, with its place.
fn flatten(value: &serde_json::Value, place: &str, lines: &mut Vec<(String, String)>) {
    use serde_json::Value;
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| flatten(field, &format!("{place} {name}"), lines))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| flatten(item, &format!("{place} {}", at + 1), lines));
        }
        Value::String(text) => {
            let numbered = text.lines().enumerate();
            lines.extend(numbered.map(|(at, line)| (format!("{place} line {}", at + 1), line.to_owned())));
        }
        other => lines.push((place.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(marked: &str, bare: &str, expected: bool) {
        assert_eq!(is_under_marks(marked, bare), expected, "{marked:?} over {bare:?}");
    }

    #[test]
    fn a_mark_stands_for_any_key_and_for_nothing_around_it() {
        check("key [masked]", "key hunter22-long", true);
        check("a [masked] b [masked] c", "a x b y c", true);
        check("[masked]", "hunter22", true);
        check("key [masked].", "key hunter22", false);
        check("a [masked] b [masked] c", "a x c", false);
        check("a [masked]", "b x", false);
        check("no mark", "no mark at all", false);
        check("[masked:github-token]", "ghp_x", false);
    }
}
