//! How what was published fares: a model is shown what there is since, and what it says is kept beside the session.
//!
//! What is shown comes from the record alone: the log that a person handed in, what people said, what checks found. A
//! forge's CI and comments become evidence of the same sort once something brings them in.

use std::sync::Arc;

use crate::api::FileStat;
use crate::cancel::Cancel;
use crate::clock::Timestamp;
use crate::planning::{
    Answer, AskError, Evidence, MonitorBrief, Monitored, Role, Unsaid, monitor_assignment, read_monitor,
};
use crate::runtime::desk::{Desk, Line};
use crate::scoring::facts;
use crate::session::{Finding, Lane, Monitoring, PatchSetRecord, Session};
use crate::text::{Untrusted, counted};

use super::stages::{ask_within, put, redactor};
use super::{Stuck, Worker, blocking, draft, evidence};

/// The most comments that are shown, the newest.
const MOST_COMMENTS: usize = 60;

/// Everything that is shown.
struct Shown {
    published: String,
    artifacts: Vec<(String, Untrusted)>,
    evidence: Vec<Evidence>,
}

/// Asks how it fares.
pub(super) async fn monitor(
    worker: &Arc<Worker>,
    session: &Arc<Session>,
    line: &Line,
    cancel: &Cancel,
) -> Result<Finding, Stuck> {
    let asked = session.monitoring.clone().ok_or_else(|| Stuck::needs_human("nobody asked", "paraph show"))?;
    let shown = {
        let (worker, session, asked) = (worker.clone(), session.clone(), asked.clone());
        blocking(move || shown(&worker, &session, &asked)).await?
    };
    let brief = |room| MonitorBrief {
        goal: &session.asked.goal,
        kind: session.asked.kind,
        published: &shown.published,
        artifacts: &shown.artifacts,
        evidence: &shown.evidence,
        room,
    };
    let desk = Desk::new(worker.clone(), session, line.clone());
    let assignment = |room| monitor_assignment(&brief(room), &mut redactor(worker));
    let (answer, given) = ask_within(&desk, Role::Monitor, &assignment, &read_monitor, cancel).await;
    let id = session.asked.id;
    let again = |next: &str| next.replace("paraph regenerate", &format!("paraph monitor {id}"));
    let report = match answer {
        Ok(Answer::Counts(report)) => report.checked(&given),
        Ok(Answer::Unclear(why)) => return Ok(nothing(format!("no answer counts: {}", why.join("; ")))),
        Err(AskError::Cancelled) => return Err(Stuck::needs_human("the monitor was not waited for", "paraph show")),
        Err(AskError::BudgetSpent { why, next }) => {
            let mut next = again(&next);
            if !next.contains("paraph monitor") {
                next = format!("{next}, then paraph monitor {id}");
            }
            let why = format!("the budget is spent: {why}: {next}").into();
            return Ok(Finding::Monitored(Monitored::Nothing { kind: Unsaid::BudgetSpent, why }));
        }
        Err(error) => return Ok(nothing(error.to_string())),
    };
    let text = report.markdown(asked.version, &repositories(session));
    let note = "it saw a part of what there is".to_owned();
    Ok(Finding::Monitored(Monitored::Report {
        model: String::new(),
        document: put(worker, text).await?,
        notes: given.is_cut.then_some(note).into_iter().collect(),
        report,
    }))
}

fn nothing(why: String) -> Finding {
    Finding::Monitored(Monitored::nothing(why))
}

/// Where its repositories are, as `--repo` takes them.
pub(in crate::runtime) fn repositories(session: &Session) -> Vec<String> {
    session.active().map(|lane| lane.source.to_string()).collect()
}

fn shown(worker: &Worker, session: &Session, asked: &Monitoring) -> Result<Shown, Stuck> {
    let mut artifacts: Vec<(String, Untrusted)> = Vec::new();
    let issue = draft::issue(worker, session)?;
    artifacts.extend(issue.map(|issue| ("issue, as its reporters wrote it".to_owned(), issue.text)));
    let (mut published, mut found) = (String::new(), Vec::new());
    let several = session.lanes.len() > 1;
    for lane in session.active() {
        let Some(set) = session.patch_set(lane.id, asked.version) else { continue };
        published.push_str(&told(worker, lane, set)?);
        let name = if several { format!(" of {}", lane.name()) } else { String::new() };
        if let Some(document) = set.runbook.as_ref().and_then(|runbook| runbook.document) {
            artifacts.push((format!("runbook{name}"), text(worker, document)?));
        }
        found.push(Evidence {
            name: format!("What checks and policies found{name}, before it was published"),
            text: facts(&set.validation.clone().unwrap_or_default(), &set.violations).into(),
        });
        found.extend(evidence::failures(worker.blobs(), session, lane.id).into_iter().map(|failure| Evidence {
            name: format!("The end of the output of check {}{name}, which is {}", failure.check, failure.status),
            text: failure.output,
        }));
    }
    artifacts.extend(draft::artifacts(worker, session)?);
    found.extend(said_since(session, asked));
    if let Some(log) = asked.log {
        let name = "The log that was handed in now".to_owned();
        found.push(Evidence { name, text: text(worker, log)? });
    }
    Ok(Shown { published, artifacts, evidence: found })
}

fn text(worker: &Worker, digest: crate::id::Digest) -> Result<Untrusted, Stuck> {
    Ok(Untrusted::new(String::from_utf8_lossy(&worker.blobs().get(digest)?).into_owned()))
}

/// What was published of one lane, in words.
fn told(worker: &Worker, lane: &Lane, set: &PatchSetRecord) -> Result<String, Stuck> {
    let mut text = format!("repository {}\ndigest {}\n", lane.name(), set.drafted.digest);
    if let Some(published) = &set.published {
        text.push_str(&format!("branch {}\ncommit {}\n", published.branch, published.commit));
    }
    if let Some(decision) = &set.decision {
        let why = decision.message.raw().trim();
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        text.push_str(&format!("approved by {} at {}{why}\n", decision.by.login, decision.at));
    }
    let bytes = worker.blobs().get(set.drafted.stats)?;
    // a damaged list is told by `audit verify`
    let files: Vec<FileStat> = serde_json::from_slice(&bytes).unwrap_or_default();
    text.push_str(&format!("{} changed\n", counted(files.len(), "file")));
    text.extend(files.iter().map(|file| format!("  {} +{} -{}\n", file.path, file.added, file.deleted)));
    text.push_str(&format!("commit message:\n{}\n", set.drafted.message.raw().trim_end()));
    Ok(text)
}

/// What people said since the version was decided on.
fn said_since(session: &Session, asked: &Monitoring) -> Option<Evidence> {
    let sets = session.version(asked.version).into_iter().flat_map(|record| record.patch_sets.values());
    let since: Timestamp = sets.filter_map(|set| set.decision.as_ref()).map(|decision| decision.at).min()?;
    let mut said: Vec<(Timestamp, String)> = Vec::new();
    for thread in &session.threads {
        let place = match (&thread.place.path, &thread.place.artifact) {
            (Some(path), _) if thread.place.line > 0 => format!("{path}:{}", thread.place.line),
            (Some(path), _) => path.to_string(),
            (None, Some(artifact)) => format!("the document {artifact}"),
            (None, None) => format!("the whole of {}", thread.place.version),
        };
        let news = thread.comments.iter().filter(|comment| comment.at >= since && !comment.by.is_engine());
        said.extend(news.map(|comment| {
            (comment.at, format!("{} at {} on {place}: {}\n", comment.by.login, comment.at, comment.text.raw()))
        }));
    }
    said.sort_by_key(|(at, _)| *at);
    let left_out = said.len().saturating_sub(MOST_COMMENTS);
    let text: String = said.into_iter().skip(left_out).map(|(_, words)| words).collect();
    (!text.is_empty())
        .then(|| Evidence { name: "What people said since it was decided on".to_owned(), text: text.into() })
}
