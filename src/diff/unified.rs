//! Writing changes as a git diff: `git apply` and [`super::Patch`] read back what is written here.

use super::lines::{DiffKind, DiffOptions, FileDiff};
use super::patch::{PatchLineKind, encode_literal};
use super::{ChangeSet, FileChange, FileMode, FileSide, ObjectFormat, blob_id};
use crate::id::RepoPath;

/// How a diff is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteOptions {
    /// Unchanged lines around a change.
    pub context: u32,
    /// Which ids the `index` lines carry: those of the repository that the diff is for.
    pub object_format: ObjectFormat,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { context: 3, object_format: ObjectFormat::Sha1 }
    }
}

/// The whole change set as a git diff, with full ids and binary contents, so that it can be applied elsewhere.
#[must_use]
pub fn write(changes: &ChangeSet, options: &WriteOptions) -> Vec<u8> {
    let mut out = Vec::new();
    for file in changes.files() {
        write_file(file, options, &mut out);
    }
    out
}

/// One file's part of such a diff.
pub fn write_file(file: &FileChange, options: &WriteOptions, out: &mut Vec<u8>) {
    let kind = |side: &FileSide| side.mode.bits() & 0o170_000;
    match (&file.old, &file.new) {
        // git writes a change of kind (a file becomes a link) as two parts
        (Some(old), Some(new)) if kind(old) != kind(new) => {
            Part { path: &file.path, old: Some(old), new: None, options }.write(out);
            Part { path: &file.path, old: None, new: Some(new), options }.write(out);
        }
        (old, new) => Part { path: &file.path, old: old.as_ref(), new: new.as_ref(), options }.write(out),
    }
}

struct Part<'a> {
    path: &'a RepoPath,
    old: Option<&'a FileSide>,
    new: Option<&'a FileSide>,
    options: &'a WriteOptions,
}

impl Part<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        let text = |side: Option<&FileSide>| side.map(|side| side.patch_text().into_owned()).unwrap_or_default();
        let (old, new) = (text(self.old), text(self.new));
        let diff_options = DiffOptions { context: self.options.context, ..DiffOptions::default() };
        let diff = FileDiff::compute(&old, &new, &diff_options);
        self.header(out);
        if old == new {
            return;
        }
        match diff.kind() {
            DiffKind::Text => {
                self.names(out);
                write_hunks(&diff, &old, &new, out);
            }
            DiffKind::Binary | DiffKind::TooLarge => {
                out.extend_from_slice(b"GIT binary patch\n");
                encode_literal(&new, out);
                encode_literal(&old, out);
            }
        }
    }

    fn header(&self, out: &mut Vec<u8>) {
        let mut line = |text: String| {
            out.extend_from_slice(text.as_bytes());
            out.push(b'\n');
        };
        line(format!("diff --git {} {}", self.prefixed("a/"), self.prefixed("b/")));
        let bits = |side: &FileSide| side.mode.bits();
        let mut index_mode = String::new();
        match (self.old, self.new) {
            (Some(old), Some(new)) if old.mode != new.mode => {
                line(format!("old mode {:06o}", bits(old)));
                line(format!("new mode {:06o}", bits(new)));
            }
            (Some(old), None) => line(format!("deleted file mode {:06o}", bits(old))),
            (None, Some(new)) => line(format!("new file mode {:06o}", bits(new))),
            (Some(old), _) => index_mode = format!(" {:06o}", bits(old)),
            (None, None) => {}
        }
        let (old, new) = (self.id(self.old), self.id(self.new));
        if old != new {
            line(format!("index {old}..{new}{index_mode}"));
        }
    }

    fn id(&self, side: Option<&FileSide>) -> String {
        match side {
            None if self.options.object_format == ObjectFormat::Sha256 => "0".repeat(64),
            None => "0".repeat(40),
            Some(side) if side.mode == FileMode::Gitlink => String::from_utf8_lossy(&side.content).into_owned(),
            Some(side) => blob_id(&side.content, self.options.object_format),
        }
    }

    fn names(&self, out: &mut Vec<u8>) {
        // git ends a name with blanks by a tab, so that it cannot be taken for a name and a date
        let tab = if self.path.as_bytes().contains(&b' ') { "\t" } else { "" };
        let name = |side: Option<&FileSide>, prefix: &str| match side {
            None => "/dev/null".to_owned(),
            Some(_) => self.prefixed(prefix) + tab,
        };
        out.extend_from_slice(format!("--- {}\n+++ {}\n", name(self.old, "a/"), name(self.new, "b/")).as_bytes());
    }

    /// The path after a prefix, quoted as one where it must be.
    fn prefixed(&self, prefix: &str) -> String {
        RepoPath::from_bytes([prefix.as_bytes(), self.path.as_bytes()].concat()).to_string()
    }
}

fn write_hunks(diff: &FileDiff, old: &[u8], new: &[u8], out: &mut Vec<u8>) {
    for (at, hunk) in diff.hunks().iter().enumerate() {
        let side = |start: u32, len: u32| if len == 1 { start.to_string() } else { format!("{start},{len}") };
        let (old_side, new_side) = (side(hunk.old_start, hunk.old_len), side(hunk.new_start, hunk.new_len));
        out.extend_from_slice(format!("@@ -{old_side} +{new_side} @@\n").as_bytes());
        for line in diff.lines(at) {
            out.push(match line.kind {
                PatchLineKind::Context => b' ',
                PatchLineKind::Removed => b'-',
                PatchLineKind::Added => b'+',
            });
            let bytes = line.bytes(old, new);
            out.extend_from_slice(bytes);
            if !bytes.ends_with(b"\n") {
                out.extend_from_slice(b"\n\\ No newline at end of file\n");
            }
        }
    }
}
