//! Texts beside the diff: the output of checks and artifacts, asked for and taken in.

use super::log_text::{LogPage, PAGE};
use super::model::{LogKey, LogSource, Model, Task, TextKey};
use super::screens::review::{Review, Tab};
use crate::api::Failure;
use crate::text::Untrusted;

pub(crate) fn selected_check(review: &Review) -> Option<&String> {
    let version = review.version_view()?;
    version.checks.get(review.lists[Tab::Runs as usize].cursor).map(|check| &check.name)
}

/// Reads the output of the check under the cursor.
pub(crate) fn show_log(model: &mut Model) -> Vec<Task> {
    let Some(review) = model.review.as_mut().filter(|review| review.tab == Tab::Runs) else { return Vec::new() };
    let on_base = review.runs.on_base;
    let at = review.lists[Tab::Runs as usize].cursor;
    let Some(check) = review.version_view().and_then(|version| version.checks.get(at)).cloned() else {
        return Vec::new();
    };
    let key = LogKey { check: check.name.clone(), on_base };
    if review.runs.text.as_ref().is_some_and(|(known, _)| *known != key) {
        (review.runs.wanted, review.runs.back) = (PAGE, 0);
    }
    let wanted = review.runs.wanted;
    let running = review.runs.running.iter().any(|(name, base)| *name == check.name && *base == on_base);
    let live = model.live_logs.get(&(review.id, check.name.clone())).filter(|_| running);
    let blob = if on_base { check.base_log } else { check.log };
    match (live, blob) {
        (Some(path), _) => vec![Task::ReadLog(key, LogSource::File(path.clone()), wanted)],
        (None, Some(digest)) => vec![Task::ReadLog(key, LogSource::Blob(digest), wanted)],
        (None, None) => {
            review.runs.text = Some((key, LogPage::default()));
            Vec::new()
        }
    }
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
                } else {
                    text
                };
                let name = artifact.name.clone();
                review.document_top = 0;
                review.document = Some((name, Untrusted::new(pretty).display().to_string()));
            }
        }
    }
}
