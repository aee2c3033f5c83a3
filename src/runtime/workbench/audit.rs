//! The record, read without a daemon: shown, verified with every blob it names, exported; and going on after damage.

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io::Write;

use memchr::memmem;
use rustix::fs::FlockOperation;
use serde::Deserialize as _;
use serde_json::Value;

use crate::api::{Failure, FailureKind, RecoverView, TimelineEntry, VerifyView};
use crate::audit::{JournalError, JournalReader, VerifyOptions, export, recover as recover_journal, verify_each};
use crate::diff::Manifest;
use crate::id::{Digest, HostPath, Seq, SessionId};
use crate::infrastructure::blobs::{BlobError, Blobs};
use crate::infrastructure::fault::Faults;
use crate::infrastructure::store::{Store, StoreError};
use crate::runtime::answer::timeline_entry;
use crate::runtime::start::{Home, StartError, rebuild};
use crate::session::Event;

use super::WorkbenchParts;

/// The last `limit` entries (all, where there is no limit), oldest first.
pub(super) fn show(home: &Home, session: Option<SessionId>, limit: Option<u64>) -> Result<Vec<TimelineEntry>, Failure> {
    let reader = JournalReader::open(&home.journal()).map_err(|error| journal_failure(&error))?;
    let most = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let mut kept = VecDeque::new();
    let mut is_known = false;
    let entries = session.map_or_else(|| reader.iter_from(Seq(1)), |session| reader.iter_of(session));
    for read in entries.map_err(|error| journal_failure(&error))? {
        let (_, entry) = read.map_err(|error| journal_failure(&error))?;
        is_known = true;
        if most == 0 {
            continue;
        }
        if kept.len() == most {
            kept.pop_front();
        }
        kept.push_back(timeline_entry(&entry));
    }
    match session.filter(|_| !is_known) {
        Some(id) => {
            let message = format!("the record has no session {id}");
            Err(Failure::new(FailureKind::NotFound, message).hint("paraph audit show").hint("paraph list"))
        }
        None => Ok(kept.into()),
    }
}

/// Journal, anchors, every blob, and that no blob is missing which an entry names.
pub(super) fn check(home: &Home, anchors: &[(Seq, Digest)]) -> Result<VerifyView, Failure> {
    if let Err(error @ (JournalError::NoJournal { .. } | JournalError::Newer { .. })) =
        JournalReader::open(&home.journal())
    {
        return Err(journal_failure(&error));
    }
    let blobs = Blobs::new(&home.blobs(), Faults::none());
    let mut named = NamedBlobs::default();
    let options = VerifyOptions { anchors: anchors.to_vec(), blobs: Some(&blobs) };
    let report = verify_each(&home.journal(), &options, &mut |line| named.entry(line));
    let mut findings: Vec<(String, String)> =
        report.findings.iter().map(|finding| (finding.to_string(), finding.hint())).collect();
    findings.extend(named.missing(&blobs).iter().map(|error| (error.to_string(), error.hint())));
    let mut hints: Vec<String> = Vec::new();
    for (_, hint) in &findings {
        if !hints.contains(hint) {
            hints.push(hint.clone());
        }
    }
    if let Some(torn) = &report.torn {
        hints.push(torn.hint().to_owned());
    }
    let start = report.head.or_else(|| JournalReader::open(&home.journal()).ok().map(|reader| reader.start()));
    Ok(VerifyView {
        schema: "paraph.verify/1".to_owned(),
        ok: findings.is_empty(),
        entries: report.entries,
        bytes: report.bytes,
        head: start.map_or(Seq(0), |head| head.seq),
        head_digest: start.map_or_else(|| Digest::of(b""), |head| head.digest),
        blobs: report.blobs,
        findings: findings.into_iter().map(|(finding, _)| finding.into()).collect(),
        hints,
    })
}

/// Every whole entry to `out`; how many.
pub(super) fn write_all(home: &Home, out: &mut dyn Write) -> Result<u64, Failure> {
    if let Err(error @ JournalError::NoJournal { .. }) = JournalReader::open(&home.journal()) {
        return Err(journal_failure(&error));
    }
    let exported = export(&home.journal(), out)
        .map_err(|error| Failure::new(FailureKind::Failed, format!("cannot write the export: {error}")))?;
    match exported.stopped {
        None => Ok(exported.entries),
        Some(error) => {
            let told = journal_failure(&error);
            let message = format!("{} entries were written, then: {}", exported.entries, told.message);
            Err(Failure { message, ..told })
        }
    }
}

/// Collects the blobs that entries name, from the journal's lines.
struct NamedBlobs {
    /// What a line holds that names blobs: most lines are passed over without being parsed.
    naming: [memmem::Finder<'static>; 2],
    manifests: BTreeSet<Digest>,
    others: BTreeSet<Digest>,
}

impl Default for NamedBlobs {
    fn default() -> Self {
        let naming = [r#""type":"proposed""#, r#""type":"validated""#].map(|text| memmem::Finder::new(text.as_bytes()));
        Self { naming, manifests: BTreeSet::new(), others: BTreeSet::new() }
    }
}

impl NamedBlobs {
    fn entry(&mut self, line: &[u8]) {
        if self.naming.iter().all(|finder| finder.find(line).is_none()) {
            return;
        }
        let Ok(entry) = serde_json::from_slice::<Value>(line) else { return };
        match entry.get("event").map(Event::deserialize) {
            Some(Ok(Event::Proposed { patch_sets, .. })) => {
                for set in patch_sets {
                    self.manifests.insert(set.digest);
                    self.others.extend([set.explanation, set.context, set.stats]);
                }
            }
            Some(Ok(Event::Validated { result, .. })) => {
                self.others.extend(result.checks.iter().flat_map(|check| [check.log, check.base_log]).flatten());
            }
            _ => {}
        }
    }

    /// What is not there. A manifest's own contents are looked for too.
    fn missing(&mut self, blobs: &Blobs) -> Vec<BlobError> {
        for manifest in &self.manifests {
            let Ok(bytes) = blobs.get(*manifest) else { continue };
            let Ok(manifest) = serde_json::from_slice::<Manifest>(&bytes) else { continue };
            let sides = manifest.files.iter().flat_map(|file| [&file.old_content, &file.new_content]);
            self.others.extend(sides.filter_map(|content| content.parse::<Digest>().ok()));
        }
        let all = self.manifests.union(&self.others);
        // a blob that is there was read already
        all.filter(|digest| !blobs.contains(**digest)).filter_map(|digest| blobs.get(*digest).err()).collect()
    }
}

/// Sets damage of the journal aside, where there is some, and builds the store again.
pub(super) fn recover(parts: &WorkbenchParts) -> Result<RecoverView, Failure> {
    let home = &parts.home;
    if let Err(error @ (JournalError::NoJournal { .. } | JournalError::Newer { .. })) =
        JournalReader::open(&home.journal())
    {
        return Err(journal_failure(&error));
    }
    let _alone = alone(home)?;
    let journal = recover_journal(&home.journal(), &Faults::none()).map_err(|error| journal_failure(&error))?;
    let mut notices = Vec::new();
    if let Some(kept) = &journal.kept {
        let kept = HostPath::new(kept.clone());
        notices.push(format!(
            "the journal goes on after entry {}; the damaged files are kept at {kept}",
            journal.head.seq
        ));
        if let Some(anchored) = journal.anchored.filter(|anchored| anchored.seq > journal.head.seq) {
            let from = journal.head.next();
            notices.push(format!("entries {from} to {} were acknowledged and are only in that copy", anchored.seq));
        }
    }
    let started = rebuild(home, parts.clock.as_ref(), parts.ids.as_ref()).map_err(start_failure)?;
    let sessions = started.sessions().map_err(start_failure)?;
    notices.extend(started.notices.iter().cloned());
    Ok(RecoverView {
        schema: "paraph.recover/1".to_owned(),
        entries: started.replayed,
        sessions,
        set_aside: started.set_aside.clone().map(HostPath::new),
        notices: notices.into_iter().map(Into::into).collect(),
    })
}

/// Makes sure that nobody else has the home open; nobody gets it while the answer is held.
pub(super) fn alone(home: &Home) -> Result<Option<File>, Failure> {
    let taken = |what: String| Err(Failure::new(FailureKind::Conflict, what).hint("paraph daemon stop"));
    let lock = File::options().read(true).write(true).open(home.run().join("lock")).ok();
    if let Some(lock) = &lock
        && rustix::fs::flock(lock, FlockOperation::NonBlockingLockExclusive).is_err()
    {
        return taken(format!("a daemon has {} open", HostPath::new(home.root())));
    }
    if home.store().exists()
        && let Err(error @ StoreError::Busy { .. }) = Store::open(&home.store(), Faults::none())
    {
        return taken(error.to_string());
    }
    Ok(lock)
}

pub(super) fn journal_failure(error: &JournalError) -> Failure {
    let kind = match error {
        JournalError::NoJournal { .. } | JournalError::NoEntry { .. } => FailureKind::NotFound,
        _ => FailureKind::Failed,
    };
    Failure::from_error(kind, error).hint(error.hint())
}

fn start_failure(error: StartError) -> Failure {
    let hint = error.hint();
    Failure::from_error(FailureKind::Failed, &error).hint(hint)
}
