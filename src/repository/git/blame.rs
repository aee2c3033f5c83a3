//! Who wrote a line: `git blame` on the private repository, which borrows the user's objects.
//!
//! libgit2's own blame cannot be stopped, and reads a file's whole history for one line.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

use crate::cancel::Cancel;
use crate::clock::Timestamp;
use crate::id::{ObjectId, RepoPath};
use crate::infrastructure::process::{Git, GitError};
use crate::repository::{CommitIdentity, LineOrigin, VcsError};

/// 10 s: a person who waits longer has gone on reading.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where line `line` of the file `path` of `commit` comes from, as the repository at `folder` knows it.
pub(super) fn line(
    program_path: &OsStr,
    folder: &Path,
    commit: &ObjectId,
    (path, line): (&RepoPath, u32),
    cancel: &Cancel,
) -> Result<LineOrigin, VcsError> {
    use std::os::unix::ffi::OsStrExt as _;
    let range = format!("{line},{line}");
    let args: Vec<OsString> = ["blame", "--porcelain", "--root", "-L", &range, &commit.to_string(), "--"]
        .iter()
        .map(OsString::from)
        .chain([OsStr::from_bytes(path.as_bytes()).to_owned()])
        .collect();
    let git = Git::new(program_path).with_timeout(PATIENCE);
    let failed = |message: String| VcsError::Git { command: "blame".to_owned(), message };
    let printed = git.run(folder, &args, cancel).map_err(|error| match error {
        GitError::NotInstalled { .. } => VcsError::NoGit(error.to_string()),
        GitError::Cancelled { .. } => VcsError::Cancelled,
        GitError::Failed { said, .. } => failed(said.raw().trim().to_owned()),
        error => failed(error.to_string()),
    })?;
    parse(&printed, path).ok_or_else(|| failed("it printed what is no blame of a line".to_owned()))
}

/// The one entry of `--porcelain`: a line `<commit> <line there> <line here> 1`, named fields, the line after a tab.
fn parse(printed: &[u8], asked: &RepoPath) -> Option<LineOrigin> {
    let mut lines = printed.split(|byte| *byte == b'\n').take_while(|line| !line.starts_with(b"\t"));
    let head = std::str::from_utf8(lines.next()?).ok()?;
    let mut words = head.split(' ');
    let commit: ObjectId = words.next()?.parse().ok()?;
    let line = words.next()?.parse().ok()?;
    let fields: Vec<(&[u8], &[u8])> = lines
        .map(|line| match memchr::memchr(b' ', line) {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &[][..]),
        })
        .collect();
    let field = |name: &[u8]| fields.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let text = |name: &[u8]| field(name).map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default();
    let seconds: i64 = text(b"author-time").parse().ok()?;
    // a name that git writes in quotes is rare, and the one that was asked for serves as well
    let path = field(b"filename").filter(|name| !name.starts_with(b"\"")).map(RepoPath::from_bytes);
    let address = text(b"author-mail");
    let address = address.trim_start_matches('<').trim_end_matches('>').to_owned();
    Some(LineOrigin {
        commit,
        author: CommitIdentity { name: text(b"author"), email: address },
        at: Timestamp(seconds.saturating_mul(1000)),
        subject: text(b"summary"),
        place: (path.unwrap_or_else(|| asked.clone()), line),
        oldest_known: field(b"boundary").is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "f0e1d2c3b4a5968778695a4b3c2d1e0f12345678 3 7 1\nauthor Ada Löve\nauthor-mail <ada@example.org>\n\
                           author-time 1700000000\nauthor-tz +0100\ncommitter C\nsummary Reads entries\n\
                           previous 00 src/a.rs\nfilename src/old name.rs\n\tfilename of the line itself\n";

    #[test]
    fn an_entry_is_read() {
        let found = parse(PRINTED.as_bytes(), &"src/a.rs".into()).expect("an entry");
        assert_eq!(found.author, CommitIdentity { name: "Ada Löve".into(), email: "ada@example.org".into() });
        assert_eq!((found.at, found.subject.as_str()), (Timestamp(1_700_000_000_000), "Reads entries"));
        assert_eq!((found.place, found.oldest_known), (("src/old name.rs".into(), 3), false));
    }

    #[track_caller]
    fn check(printed: &str) {
        assert_eq!(parse(printed.as_bytes(), &"a".into()), None, "{printed:?}");
    }

    #[test]
    fn what_is_none_is_none() {
        check("");
        check("fatal: no such path\n");
        check("f0e1d2c3b4a5968778695a4b3c2d1e0f12345678 3 7 1\nauthor x\n\ttext\n");
    }
}
