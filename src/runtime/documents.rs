//! The documents of a session, by name: what it was given, what models and engines wrote, what they were shown.

use crate::api::{ArtifactView, ArtifactsView};
use crate::id::{Digest, LaneId, Version};
use crate::session::Session;

use super::answer::unmade_drafts;

/// The name of a document of one lane: with its repository, where the session has several.
fn named(session: &Session, name: &str, lane: LaneId) -> String {
    let lane = session.lane(lane).filter(|_| session.lanes.len() > 1).map(crate::session::Lane::name);
    lane.map_or_else(|| name.to_owned(), |lane| format!("{name} ({lane})"))
}

/// The name of a version's runbook.
pub(super) fn runbook_name(session: &Session, (lane, version): (LaneId, Version)) -> String {
    named(session, &format!("runbook@{version}"), lane)
}

/// The documents of a session.
pub(super) fn artifacts(session: &Session) -> ArtifactsView {
    let mut artifacts = Vec::new();
    let mut add = |name: String, media_type: &str, blob: Digest| {
        artifacts.push(ArtifactView { name, media_type: media_type.to_owned(), blob });
    };
    let of = |name: &str, lane: LaneId| named(session, name, lane);
    if let Some(issue) = &session.asked.issue {
        add("issue".to_owned(), "text/markdown", issue.text);
    }
    for lane in &session.lanes {
        if let Some(plan) = lane.plan {
            add(of("checks", lane.id), "application/json", plan);
        }
        if let Some(index) = lane.index {
            add(of("index", lane.id), "application/json", index);
        }
    }
    if let Some((_, report)) = &session.triage {
        add("triage".to_owned(), "text/markdown", *report);
    }
    for document in session.documents() {
        let newest = document.written.len();
        for (at, digest) in document.written.iter().enumerate().rev() {
            let number = if at + 1 == newest { String::new() } else { format!("@{}", at + 1) };
            add(format!("{}{number}", document.name), "text/markdown", *digest);
        }
        for (at, digest) in document.changes.iter().enumerate().rev() {
            add(format!("{}@{}..{}", document.name, at + 1, at + 2), "text/x-diff", *digest);
        }
    }
    for version in &session.versions {
        for (lane, set) in &version.patch_sets {
            let number = version.number;
            for review in set.reviews.iter().flatten() {
                if let Some(report) = review.report {
                    add(of(&format!("{}@{number}", review.role), *lane), "text/markdown", report);
                }
            }
            if let Some(document) = set.runbook.as_ref().and_then(|runbook| runbook.document) {
                add(runbook_name(session, (*lane, number)), "text/markdown", document);
            }
            add(of(&format!("explanation@{number}"), *lane), "text/markdown", set.drafted.explanation);
            add(of(&format!("context@{number}"), *lane), "application/json", set.drafted.context);
            add(of(&format!("manifest@{number}"), *lane), "application/json", set.drafted.digest);
            if let Some(log) = set.drafted.log {
                add(of(&format!("log@{number}"), *lane), "text/plain", log);
            }
        }
    }
    for (number, part) in session.versions.iter().flat_map(|version| version.parts.iter().map(|p| (version.number, p)))
    {
        for set in &part.patch_sets {
            add(of(&format!("context@{number}.{}", part.role), set.lane), "application/json", set.context);
            add(of(&format!("manifest@{number}.{}", part.role), set.lane), "application/json", set.digest);
        }
    }
    for (version, bead, log) in unmade_drafts(session) {
        add(format!("log@{version}.{}", bead.attempt), "text/plain", log);
    }
    for watched in &session.watched {
        if let Some(document) = watched.said.document() {
            add(watched.asked.name(), "text/markdown", document);
        }
        if let Some(log) = watched.asked.log {
            add(format!("{}.log", watched.asked.name()), "text/plain", log);
        }
    }
    ArtifactsView { artifacts }
}
