//! Texts beside the diff: the output of checks and artifacts, asked for and taken in.

use super::log_text::{LogPage, PAGE};
use super::model::{LogKey, LogSource, Model, Task, TextKey};
use super::screens::review::Tab;
use crate::api::Failure;
use crate::id::{HostPath, SessionId};
use crate::text::Untrusted;

/// What is read of a log for the Overview: it shows a page at most.
const NOW: u64 = 16 << 10;

/// Reads the output that is shown: under Runs of the check under the cursor, where it is followed of the run that goes
/// on; on the Overview of what began last.
pub(crate) fn show_log(model: &mut Model) -> Vec<Task> {
    let Some(review) = &mut model.review else { return Vec::new() };
    if review.tab == Tab::Overview {
        let Some(now) = review.runs.now() else { return Vec::new() };
        let key = LogKey { check: now.check.clone(), on_base: now.on_base };
        return vec![Task::ReadLog(key, LogSource::File(now.log.clone()), NOW)];
    }
    if review.tab != Tab::Runs {
        return Vec::new();
    }
    let checks = review.checks();
    let at = review.lists[Tab::Runs as usize].cursor.min(checks.len().saturating_sub(1));
    let Some(row) = checks.get(at) else { return Vec::new() };
    let live = row.running.filter(|running| review.runs.follow || running.on_base == review.runs.on_base);
    let on_base = live.map_or(review.runs.on_base, |running| running.on_base);
    let key = LogKey { check: row.name.to_owned(), on_base };
    let blob = row.result.and_then(|check| if on_base { check.base_log } else { check.log });
    let source = match (live, blob) {
        (Some(running), _) => Some(LogSource::File(running.log.clone())),
        (None, Some(digest)) => Some(LogSource::Blob(digest)),
        (None, None) => None,
    };
    if review.runs.text.as_ref().is_some_and(|(known, _)| *known != key) {
        (review.runs.wanted, review.runs.back) = (PAGE, 0);
    }
    match source {
        Some(source) => vec![Task::ReadLog(key, source, review.runs.wanted)],
        None => {
            review.runs.text = Some((key, LogPage::default()));
            Vec::new()
        }
    }
}

/// A log grew: it is read on where it is shown and followed.
pub(crate) fn read_on(model: &mut Model, session: SessionId, grew: &HostPath) -> Vec<Task> {
    if !model.review.as_ref().is_some_and(|review| review.id == session && review.runs.follow) {
        return Vec::new();
    }
    let mut tasks = show_log(model);
    tasks.retain(|task| matches!(task, Task::ReadLog(_, LogSource::File(log), _) if log == grew));
    tasks
}

/// Takes what was read of a log.
pub(crate) fn on_log(model: &mut Model, key: LogKey, page: Result<LogPage, Failure>) {
    match (page, &mut model.review) {
        (Ok(page), Some(review)) => review.runs.text = Some((key, page)),
        (Ok(_), None) => {}
        (Err(failure), _) => model.say_failure(&failure),
    }
}

/// What wrote to `log` ended. What it said last stays to be read until something else is.
pub(crate) fn on_log_gone(model: &mut Model, log: &HostPath) -> Vec<Task> {
    let Some(review) = &mut model.review else { return Vec::new() };
    review.runs.running.retain(|running| running.log != *log);
    if review.tab == Tab::Overview { show_log(model) } else { Vec::new() }
}

/// Reads the artifact under the cursor.
pub(crate) fn show_artifact(model: &mut Model) -> Vec<Task> {
    let Some(review) = &model.review else { return Vec::new() };
    let at = review.lists[Tab::Artifacts as usize].cursor;
    let artifact = review.artifacts.as_ref().and_then(|artifacts| artifacts.get(at));
    artifact.map(|artifact| Task::ReadBlob(TextKey::Artifact(artifact.blob), artifact.blob)).into_iter().collect()
}

pub(crate) fn on_text(model: &mut Model, key: &TextKey, result: Result<String, Failure>) {
    let text = match result {
        Ok(text) => text,
        Err(failure) => return model.say_failure(&failure),
    };
    let Some(review) = &mut model.review else { return };
    match key {
        TextKey::Artifact(digest) => {
            let at = review.lists[Tab::Artifacts as usize].cursor;
            let wanted = review.artifacts.as_ref().and_then(|artifacts| artifacts.get(at));
            if let Some(artifact) = wanted.filter(|artifact| artifact.blob == *digest) {
                let pretty = if artifact.media_type == "application/json" {
                    serde_json::from_str::<serde_json::Value>(&text)
                        .and_then(|value| serde_json::to_string_pretty(&value))
                        .map(|json| format!("```\n{json}\n```"))
                        .unwrap_or(text)
                } else if artifact.media_type == "text/x-diff" {
                    format!("```diff\n{text}\n```")
                } else {
                    text
                };
                let name = artifact.name.clone();
                if review.document.as_ref().is_none_or(|(shown, _)| *shown != name) {
                    review.document_top = 0;
                }
                review.document = Some((name, Untrusted::new(pretty).display().to_string()));
            }
        }
    }
}
