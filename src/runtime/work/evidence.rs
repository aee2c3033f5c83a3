//! What a draft is given besides its goal: what checks found about the version before, and the repository's guidance.

use std::io::{Read as _, Seek as _, SeekFrom};

use crate::api::status_word;
use crate::diff::FileMode;
use crate::id::{Digest, LaneId, RepoPath};
use crate::infrastructure::blobs::Blobs;
use crate::proposal::{CheckFailure, Guidance};
use crate::repository::{Tree, TreeError};
use crate::session::Session;
use crate::text::Untrusted;

/// The end of a failing check's output that is handed on. // 12,000 bytes: a long assertion and its trace
const OUTPUT: u64 = 12_000;

/// The most of one file of guidance. // 32 KiB: what the tools that read these files take of them
const MOST_GUIDANCE: usize = 32 << 10;

/// Names of guidance, the first that is there is read; folders may have their own (the nearest counts for a reader).
const NAMES: [&str; 3] = ["AGENTS.md", "CLAUDE.md", "GEMINI.md"];

/// Checks that the lane's newest version did not pass, with the end of what they printed.
pub(super) fn failures(blobs: &Blobs, session: &Session, lane: LaneId) -> Vec<CheckFailure> {
    let validation = session.current(lane).and_then(|(_, set)| set.validation.as_ref());
    let red = validation.iter().flat_map(|result| &result.checks).filter(|check| check.is_red());
    red.map(|check| CheckFailure {
        check: check.name.clone(),
        status: status_word(check.status).to_owned(),
        broken: check.tests.broken.clone(),
        output: Untrusted::new(check.log.map(|log| end_of(blobs, log)).unwrap_or_default()),
    })
    .collect()
}

/// The end of a log; nothing where it cannot be read, which its check says elsewhere.
fn end_of(blobs: &Blobs, log: Digest) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = blobs.open_checked(log).map_err(std::io::Error::other)?;
        let size = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(size.saturating_sub(OUTPUT)))?;
        let mut bytes = Vec::new();
        file.take(OUTPUT).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        // half a word may be half a key, which looks like none
        Ok(if size > OUTPUT { text.trim_start_matches(is_of_a_word) } else { &text }.to_owned())
    };
    read().unwrap_or_default()
}

/// Whether a character may stand within a word, a number or a key.
fn is_of_a_word(c: char) -> bool {
    c.is_alphanumeric() || "_-+/=.".contains(c)
}

/// The repository's guidance at its top: the first of [`NAMES`] that is a file.
pub(super) fn guidance(tree: &dyn Tree) -> Result<Vec<Guidance>, TreeError> {
    for name in NAMES {
        let path = RepoPath::from(name);
        let Some(entry) = tree.entry(&path)?.filter(|entry| entry.mode == FileMode::Regular) else { continue };
        let content = tree.content(&entry)?;
        let cut = String::from_utf8_lossy(&content[..content.len().min(MOST_GUIDANCE)]);
        let is_cut = content.len() > MOST_GUIDANCE;
        let text = Untrusted::new(if is_cut { cut.trim_end_matches(is_of_a_word) } else { &cut }.to_owned());
        return Ok(vec![Guidance { path, id: entry.id, text }]);
    }
    Ok(Vec::new())
}
