//! A patch set as text: its sides fetched from the blobs, written as a git diff, coloured for a terminal.

use super::desk::Desk;
use super::ended::Ended;
use super::output::{Role, Text};
use crate::api::{BlobRef, BlobStore, Failure, FailureKind, FileView, PatchSetView};
use crate::diff::{ChangeSet, FileChange, FileMode, FileSide, ObjectFormat, unified::WriteOptions};

/// The change of a patch set, both sides of every file.
///
/// # Errors
/// A [`Failure`] where a blob is missing or altered.
pub(crate) fn changes(set: &PatchSetView, blobs: &BlobStore) -> Result<ChangeSet, Failure> {
    let files: Result<Vec<FileChange>, Failure> = set.files.iter().map(|file| change(file, blobs)).collect();
    Ok(ChangeSet::new(files?))
}

fn change(file: &FileView, blobs: &BlobStore) -> Result<FileChange, Failure> {
    let old = side(file.old.as_ref(), &file.old_mode, blobs)?;
    let new = side(file.new.as_ref(), &file.new_mode, blobs)?;
    Ok(FileChange { path: file.path.clone(), old, new })
}

fn side(blob: Option<&BlobRef>, mode: &str, blobs: &BlobStore) -> Result<Option<FileSide>, Failure> {
    let Some(blob) = blob else { return Ok(None) };
    let bits = u32::from_str_radix(mode, 8)
        .map_err(|_| Failure::new(FailureKind::Failed, format!("the service named the mode `{mode}`")))?;
    let content = blobs.read(&blob.digest)?.into();
    Ok(Some(FileSide { mode: FileMode::from_bits(bits), content }))
}

/// How the diff of this set is written: ids as long as its base commit's.
pub(crate) fn options(set: &PatchSetView, context: u32) -> WriteOptions {
    let sha256 = set.base_commit.as_str().len() == 64;
    let object_format = if sha256 { ObjectFormat::Sha256 } else { ObjectFormat::Sha1 };
    WriteOptions { context, object_format }
}

/// Prints a git diff for people: made printable, secrets hidden, added and removed lines in their colours.
pub(crate) fn print(patch: &[u8], desk: &mut Desk) -> Result<(), Ended> {
    let mut place = Place::Header;
    // of the same length, line by line: a private key is one secret over many lines
    let shown = desk.out.masked(patch).into_owned();
    let mut at = 0;
    for whole in patch.split_inclusive(|byte| *byte == b'\n') {
        let mut line = shown[at..at + whole.len()].to_vec();
        at += whole.len();
        let whole = whole.strip_suffix(b"\n").unwrap_or(whole);
        line.truncate(whole.len());
        if let (Some(shown), Some(sign)) = (line.first_mut(), whole.first()) {
            *shown = *sign; // what happens to a line is no part of the secret
        }
        let role = place.step(whole);
        if place == Place::Binary && role != Role::Strong {
            continue; // nobody reads base 85
        }
        desk.out.line(Text::new().bytes(role, &line))?;
    }
    Ok(())
}

/// Where in a diff a line stands: only there it is known what its first character means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Header,
    /// Lines of the old and the new side that the hunk still has.
    Hunk(u32, u32),
    Binary,
}

impl Place {
    fn step(&mut self, line: &[u8]) -> Role {
        match *self {
            Self::Hunk(old, new) if old > 0 || new > 0 => {
                let (role, took_old, took_new) = match line.first() {
                    Some(b'+') => (Role::Good, 0, 1),
                    Some(b'-') => (Role::Bad, 1, 0),
                    Some(b'\\') => (Role::Dim, 0, 0),
                    _ => (Role::Plain, 1, 1),
                };
                *self = Self::Hunk(old.saturating_sub(took_old), new.saturating_sub(took_new));
                role
            }
            _ if line.starts_with(b"\\") => Role::Dim,
            _ if line.starts_with(b"@@ ") => {
                let (old, new) = hunk_lengths(line);
                *self = Self::Hunk(old, new);
                Role::Mark
            }
            _ if line == b"GIT binary patch" => {
                *self = Self::Binary;
                Role::Strong
            }
            Self::Binary if !line.starts_with(b"diff --git ") => Role::Plain,
            _ => {
                *self = Self::Header;
                Role::Strong
            }
        }
    }
}

/// The two lengths of `@@ -a,b +c,d @@`; 1 where one is left out.
fn hunk_lengths(line: &[u8]) -> (u32, u32) {
    let text = String::from_utf8_lossy(line);
    let mut sides = text.split(' ').skip(1).map(|side| match side.split_once(',') {
        Some((_, length)) => length.parse().unwrap_or(1),
        None => 1,
    });
    (sides.next().unwrap_or(0), sides.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_mean_what_their_place_says() {
        let patch = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n--- not a name\n+++ nor this\n a\n\\ No newline\n\
                     diff --git a/y b/y\nGIT binary patch\nliteral 3\nabc\ndiff --git a/z b/z";
        let mut place = Place::Header;
        let roles: Vec<Role> = patch.lines().map(|line| place.step(line.as_bytes())).collect();
        let (head, hunk) = (Role::Strong, Role::Mark);
        let (gone, came) = (Role::Bad, Role::Good);
        let expected =
            [head, head, head, hunk, gone, came, Role::Plain, Role::Dim, head, head, Role::Plain, Role::Plain, head];
        assert_eq!(roles, expected);
    }
}
