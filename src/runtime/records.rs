//! `records/<session>.json`: a readable record of a run, written at every end, also where it failed.
//!
//! The journal is the truth; this is for people and programs that have no Paraph. It can always be written again.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use serde::Serialize;

use crate::api::{SessionView, TimelineEntry};
use crate::id::{Seq, SessionId};
use crate::session::State;

use super::start::Home;

/// Why a record was not written; the one before, if there was one, is still whole.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the record `{path}`", path = path.display())]
pub struct RecordError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// The file: whole sessions as `show --json` has them, and all that happened.
#[derive(Debug, Serialize)]
struct Record<'a> {
    schema: &'static str,
    /// The session's last entry that it tells of; early in the file, so that few bytes say whether it is the newest.
    as_of: Seq,
    written_by: &'static str,
    session: &'a SessionView,
    timeline: &'a [TimelineEntry],
}

/// Where the record of `session` is.
#[must_use]
pub fn path(home: &Home, session: SessionId) -> PathBuf {
    home.records().join(format!("{session}.json"))
}

/// Whether a session that came to `state` has ended, for now or for good, so that its record is due.
#[must_use]
pub fn is_due(state: State) -> bool {
    let stands_still = [State::NeedsHuman, State::BlockedPolicy, State::Rejected, State::Deferred];
    state.is_over() || stands_still.contains(&state)
}

/// The last entry that the record of `session` tells of, where there is one.
#[must_use]
pub fn as_of(home: &Home, session: SessionId) -> Option<Seq> {
    let mut start = Vec::new();
    File::open(path(home, session)).ok()?.take(200).read_to_end(&mut start).ok()?;
    let text = String::from_utf8_lossy(&start);
    let number = text.split_once("\"as_of\": ")?.1.split(|c: char| !c.is_ascii_digit()).next()?;
    number.parse().ok().map(Seq)
}

/// Writes the record: whole or not at all, for its owner only. It blocks on the disk: never call it on the core thread.
///
/// # Errors
/// [`RecordError`]; nothing else depends on a record.
pub fn write(home: &Home, session: &SessionView, timeline: &[TimelineEntry]) -> Result<PathBuf, RecordError> {
    let path = path(home, session.id);
    let record = Record {
        schema: "paraph.record/1",
        as_of: session.head,
        written_by: concat!("paraph ", env!("CARGO_PKG_VERSION")),
        session,
        timeline,
    };
    let mut bytes = serde_json::to_vec_pretty(&record).expect("views are plain data");
    bytes.push(b'\n');
    let replace = || -> io::Result<()> {
        let folder = home.records();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        // a temporary file is readable by its owner only, and stays so
        let mut file = tempfile::Builder::new().prefix(".record-").tempfile_in(&folder)?;
        file.write_all(&bytes)?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        File::open(&folder)?.sync_all()
    };
    match replace() {
        Ok(()) => Ok(path),
        Err(source) => Err(RecordError { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::api::UsageView;
    use crate::clock::Timestamp;
    use crate::id::{Digest, SessionUuid};
    use crate::planning::Kind;

    fn view(state: &str) -> SessionView {
        SessionView {
            schema: "paraph.session/1".into(),
            id: SessionId(12),
            uuid: SessionUuid(uuid::Uuid::nil()),
            goal: "say\u{1b} three".into(),
            kind: Kind::Bugfix,
            source: "goal".into(),
            adopted_again: None,
            issue: None,
            state: state.into(),
            aliases: Vec::new(),
            reason: "".into(),
            next: String::new(),
            paused: false,
            needs_me: false,
            playbook: "quick".into(),
            engine: "rules".into(),
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            lanes: Vec::new(),
            versions: Vec::new(),
            triage: None,
            tasks: Vec::new(),
            estimate: None,
            candidates: Vec::new(),
            picked: None,
            monitors: Vec::new(),
            usage: UsageView::default(),
            pull_requests: Vec::new(),
            published: Vec::new(),
            head: Seq(3),
        }
    }

    fn entry() -> TimelineEntry {
        TimelineEntry {
            seq: Seq(3),
            at: Timestamp(0),
            actor: "ana@here".into(),
            event: "stopped".into(),
            summary: "because".into(),
            payload: serde_json::json!({"type": "stopped"}),
            digest: Digest::of(b"x"),
        }
    }

    #[test]
    fn a_record_is_whole_readable_and_the_owners_own() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = Home::at(folder.path().join("home"));
        for state in ["NeedsHuman", "Done"] {
            let path = write(&home, &view(state), &[entry()]).expect("written");
            assert_eq!(path, home.records().join("12.json"));
            let text = fs::read_to_string(&path).expect("text");
            let read: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!((&read["schema"], &read["session"]["state"]), (&"paraph.record/1".into(), &state.into()));
            assert_eq!(read["timeline"][0]["event"], "stopped");
            assert_eq!(as_of(&home, SessionId(12)), Some(Seq(3)));
            assert!(!text.contains('\u{1b}'));
            assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(as_of(&home, SessionId(13)), None);
        assert_eq!(fs::read_dir(home.records()).expect("a folder").count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_place_that_cannot_be_written_is_told() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("home"), "a file").expect("a file");
        let failed = write(&Home::at(folder.path().join("home")), &view("Done"), &[]).expect_err("no folder");
        assert!(failed.to_string().starts_with("cannot write the record"));
    }

    #[track_caller]
    fn check(state: State, due: bool) {
        assert_eq!(is_due(state), due, "{}", state.name());
    }

    #[test]
    fn every_end_has_its_record() {
        for state in [State::Done, State::Failed, State::Cancelled, State::NeedsHuman, State::BlockedPolicy] {
            check(state, true);
        }
        for state in [State::Created, State::Indexed, State::Proposed, State::Scored, State::Approved] {
            check(state, false);
        }
    }
}
