//! What was recorded of one session, read from the journal, and whether all that a replay needs is there.

use crate::api::{Failure, FailureKind};
use crate::audit::{JournalError, JournalReader};
use crate::clock::Timestamp;
use crate::diff::FileMode;
use crate::id::{Digest, Seq, SessionId};
use crate::infrastructure::blobs::{BlobError, Blobs};
use crate::repository::{Snapshot, VcsError};
use crate::runtime::folds::no_such_session;
use crate::runtime::house::{Recorded, Said};
use crate::runtime::ports::Ports;
use crate::runtime::start::Home;
use crate::session::{EffectKind, Event, Session};

/// A session's entries, and what they add up to.
pub(super) struct Record {
    pub(super) events: Vec<(Event, Timestamp, Seq)>,
    pub(super) session: Session,
}

impl Record {
    pub(super) fn read(home: &Home, id: SessionId) -> Result<Self, Failure> {
        let failed = |error: JournalError| {
            let kind = match error {
                JournalError::NoJournal { .. } | JournalError::NoEntry { .. } => FailureKind::NotFound,
                _ => FailureKind::Failed,
            };
            Failure::from_error(kind, &error).hint(error.hint())
        };
        let reader = JournalReader::open(&home.journal()).map_err(failed)?;
        let mut events = Vec::new();
        for read in reader.iter_of(id).map_err(failed)? {
            let (_, entry) = read.map_err(failed)?;
            let seq = entry.seq;
            let read = Recorded::of(entry)
                .map_err(|error| Failure::from_error(FailureKind::Failed, &error).hint("install a newer paraph"))?;
            if let Recorded { said: Said::OfSession(event), at, .. } = read {
                events.push((*event, at, seq));
            }
        }
        let session = Session::fold(events.iter().cloned()).ok_or_else(|| no_such_session(id))?;
        Ok(Self { events, session })
    }

    /// Refuses what cannot be replayed: work goes on, a body is gone or was changed, a base is not there any more.
    pub(super) fn is_whole(&self, ports: &Ports) -> Result<(), Failure> {
        let id = self.session.asked.id;
        if self.session.owed().keys().any(|key| key.kind != EffectKind::Publish) {
            let message = format!("session {id} still works: what it comes to is not recorded yet");
            return Err(Failure::new(FailureKind::Refused, message).hint(format!("paraph watch {id}")));
        }
        for (what, digest) in self.needs() {
            is_there(&ports.blobs, &what, digest)?;
        }
        for snapshot in self.session.lanes.iter().filter_map(|lane| lane.snapshot.as_ref()) {
            readable(ports, snapshot).map_err(|error| {
                let message = format!("the base of {} cannot be read: {error}", snapshot.repo);
                let kind = match error {
                    VcsError::BaseGone { .. } | VcsError::NotARepository(_) | VcsError::Tree(_) => {
                        FailureKind::NotFound
                    }
                    _ => FailureKind::Failed,
                };
                Failure::new(kind, message).hint("bring its commit back into the repository")
            })?;
        }
        Ok(())
    }

    /// Bodies that are given to the replay as they are.
    fn needs(&self) -> Vec<(String, Digest)> {
        let replies = self.session.calls.iter().enumerate().filter_map(|(at, call)| {
            let reply = call.ended.as_ref()?.reply?;
            Some((format!("the reply to call {} ({})", at + 1, call.asked.role), reply))
        });
        let mut needs: Vec<(String, Digest)> = replies.collect();
        for (event, ..) in &self.events {
            match event {
                Event::Created { session } => {
                    needs.extend(session.patch.map(|patch| ("the patch".to_owned(), patch)));
                    needs.extend(session.issue.iter().map(|issue| ("the issue".to_owned(), issue.text)));
                }
                Event::Regenerated { patch, .. } => needs.extend(patch.map(|patch| ("a patch".to_owned(), patch))),
                Event::SnapshotLoaded { plan, .. } => needs.push(("a plan of checks".to_owned(), *plan)),
                Event::Validated { result, version, .. } => {
                    let red = result.checks.iter().filter(|check| check.is_red());
                    let named = |check: &crate::validation::CheckResult| {
                        Some((format!("what check {} of {version} printed", check.name), check.log?))
                    };
                    needs.extend(red.filter_map(named));
                }
                _ => {}
            }
        }
        needs
    }
}

/// The base's tree, its list and a file of it are there: all of a repository's objects go together.
fn readable(ports: &Ports, snapshot: &Snapshot) -> Result<(), VcsError> {
    let tree = ports.vcs.tree(&snapshot.key, &snapshot.tree)?;
    let entries = tree.entries()?;
    if let Some(entry) = entries.iter().find(|entry| entry.mode == FileMode::Regular) {
        tree.content(entry)?;
    }
    Ok(())
}

fn is_there(blobs: &Blobs, what: &str, digest: Digest) -> Result<(), Failure> {
    blobs.open_checked(digest).map(drop).map_err(|error| {
        let kind = match error {
            BlobError::Missing { .. } => FailureKind::NotFound,
            BlobError::Damaged { .. } => FailureKind::Refused,
            _ => FailureKind::Failed,
        };
        Failure::new(kind, format!("{what} cannot be replayed: {error}")).hint(error.hint())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_its_issue_is_needed() {
        let created = include_str!("../../../tests/golden/events/created-issue.json");
        let created: Event = serde_json::from_str(created).expect("an event");
        let Event::Created { session } = &created else { panic!("{created:?}") };
        let text = session.issue.as_ref().expect("an issue").text;
        let events = vec![(created, Timestamp(0), Seq(1))];
        let session = Session::fold(events.iter().cloned()).expect("created first");
        assert_eq!(Record { events, session }.needs(), [("the issue".to_owned(), text)]);
    }
}
