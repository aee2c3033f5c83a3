//! Whether what a comment hangs on is there: the file in the change or its base, the lines on that side; and which line
//! that is, where it was seen beside another version.

use std::sync::Arc;

use crate::api::{AgainstRequest, Failure, FailureKind};
use crate::diff::{CarriedLines, ChangeSet, FileSide};
use crate::id::{RepoPath, Version};
use crate::repository::Tree;
use crate::runtime::answer::{change, known};
use crate::runtime::between::between_versions;
use crate::runtime::carried::Follower;
use crate::runtime::ports::Ports;
use crate::runtime::work::read_changes;
use crate::session::{Session, ThreadPlace};
use crate::text::near;

/// Names that a hint gives.
const MOST_NAMED: usize = 5;

/// Refuses a place that is not there. A file that the change leaves alone is one too: it may be what is missing.
fn check(ports: &Ports, session: &Session, place: &ThreadPlace) -> Result<(), Failure> {
    if place.artifact.is_some() {
        return Ok(());
    }
    let (Some(path), Some(set)) = (&place.path, session.patch_set(place.lane, place.version)) else { return Ok(()) };
    let changes = read_changes(&ports.blobs, &set.drafted.digest)
        .map_err(|stuck| Failure::new(FailureKind::Failed, stuck.reason).hint(stuck.next))?
        .changes;
    // a base that the user's gc took leaves the changed files to comment on
    let base = session.base_of(place.lane, place.version);
    let tree = base.and_then(|base| ports.vcs.tree(&base.key, &base.tree).ok());
    match side_of(&changes, tree.as_deref(), path, place.side == "old") {
        Side::NoFile => Err(no_file(&changes, tree.as_deref(), path, place)),
        Side::Missing => {
            let (is, other) = if place.side == "old" { ("is added", "new") } else { ("is deleted", "old") };
            let message = format!("`{path}` {is} by {}: it has no {} side", place.version, place.side);
            Err(Failure::new(FailureKind::Usage, message).hint(format!("--side {other}")))
        }
        Side::There(content) => lines(&content, path, place),
    }
}

/// The place that is meant by one in a comparison: on its left side stand lines of what the version is compared with. One
/// that an earlier version has is on that, any other on the base; both are there to be followed.
pub(super) fn settle(
    ports: &Ports,
    session: &Session,
    place: ThreadPlace,
    against: AgainstRequest,
    login: &str,
) -> Result<ThreadPlace, Failure> {
    let other = match against {
        AgainstRequest::Base => None,
        AgainstRequest::Version(other) => Some(other),
        AgainstRequest::LastReview => session.last_review(login, place.lane, place.version),
    };
    let place = match (other, &place.path) {
        (Some(other), Some(path)) if place.side == "old" && place.line > 0 => {
            of_left(ports, session, &place, (path, other))?
        }
        _ => place,
    };
    check(ports, session, &place)?;
    Ok(place)
}

fn of_left(
    ports: &Ports,
    session: &Session,
    place: &ThreadPlace,
    (path, other): (&RepoPath, Version),
) -> Result<ThreadPlace, Failure> {
    let (lane, version) = (place.lane, place.version);
    let new = change(&ports.blobs, known(session, lane, version)?)?.changes;
    let compared = between_versions(ports, session, lane, (version, &new), other)?.changes;
    let mut follower = Follower::new(ports, session, version);
    let of = |version: Version, side: &str| ThreadPlace { version, side: side.to_owned(), ..place.clone() };
    // a file that is the same on both sides is as the version leaves it
    let left = match compared.get(path) {
        Some(file) => file.old.as_ref().map(|side| side.content.clone()),
        None => follower.written_on(&of(version, "new")),
    };
    let Some(left) = left else {
        let message = format!("`{path}` is not there in {other}: it has no left side");
        return Err(Failure::new(FailureKind::Usage, message).hint("--side new"));
    };
    lines(&left, path, place)?;
    let mut on = |there: ThreadPlace| {
        let content: Arc<[u8]> = follower.written_on(&there)?;
        let carried = CarriedLines::new(left.clone(), content);
        let same = |line: u32| Some(carried.line(line)).filter(|now| !now.outdated).and_then(|now| now.line);
        let line = same(place.line)?;
        let from_line = Some(place.from_line).filter(|from| *from > 0).and_then(same).filter(|from| *from < line);
        Some(ThreadPlace { line, from_line: from_line.unwrap_or(0), ..there })
    };
    // a line of the left side is one of the two: a merge makes no others
    Ok(on(of(other, "new")).or_else(|| on(of(version, "old"))).unwrap_or_else(|| of(version, "old")))
}

enum Side {
    NoFile,
    /// The file is there, on the other side only.
    Missing,
    There(Vec<u8>),
}

fn side_of(changes: &ChangeSet, tree: Option<&dyn Tree>, path: &RepoPath, old: bool) -> Side {
    if let Some(file) = changes.get(path) {
        let side: &Option<FileSide> = if old { &file.old } else { &file.new };
        return side.as_ref().map_or(Side::Missing, |side| Side::There(side.content.to_vec()));
    }
    let unchanged = tree.and_then(|tree| tree.content(&tree.entry(path).ok()??).ok());
    unchanged.map_or(Side::NoFile, |content| Side::There(content.to_vec()))
}

fn no_file(changes: &ChangeSet, tree: Option<&dyn Tree>, path: &RepoPath, place: &ThreadPlace) -> Failure {
    let changed: Vec<String> = changes.files().iter().map(|file| file.path.to_string()).collect();
    let entries = tree.and_then(|tree| tree.entries().ok()).unwrap_or_default();
    let base: Vec<String> = entries.iter().map(|entry| entry.path.to_string()).collect();
    let meant = path.to_string();
    let mut named = near(&meant, changed.iter().map(String::as_str), MOST_NAMED);
    if named.is_empty() {
        named = near(&meant, base.iter().map(String::as_str), MOST_NAMED);
    }
    if named.is_empty() {
        named = changed.iter().map(String::as_str).take(MOST_NAMED).collect();
    }
    let message = format!("`{path}` is neither changed by {} nor in its base", place.version);
    Failure::new(FailureKind::NotFound, message).hint(format!("--file with one of {}", named.join(", ")))
}

fn lines(content: &[u8], path: &RepoPath, place: &ThreadPlace) -> Result<(), Failure> {
    if place.line == 0 {
        return Ok(());
    }
    let wrong = |message: String, hint: String| Err(Failure::new(FailureKind::Usage, message).hint(hint));
    if content.contains(&0) {
        return wrong(format!("`{path}` is binary: it has no lines"), "leave --line away".to_owned());
    }
    let ends = content.iter().filter(|byte| **byte == b'\n').count();
    let n_lines = ends + usize::from(content.last().is_some_and(|last| *last != b'\n'));
    if place.line as usize <= n_lines {
        return Ok(());
    }
    let side = &place.side;
    match n_lines {
        0 => wrong(format!("`{path}` is empty on the {side} side"), "leave --line away".to_owned()),
        n_lines => wrong(
            format!("`{path}` has no line {} on the {side} side of {}", place.line, place.version),
            format!("--line with 1 to {n_lines}"),
        ),
    }
}
