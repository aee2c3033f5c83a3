//! How much changed: lines added and deleted, as numbers and as `--stat` text.

use std::borrow::Cow;

use super::lines::{DiffKind, DiffOptions, blocks, kind_of, line_starts};
use super::{ChangeSet, ChangeStatus, FileSide};
use crate::id::RepoPath;
use crate::text::{Untrusted, width};

/// How much one file changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStat {
    /// Where.
    pub path: RepoPath,
    /// What happened.
    pub status: ChangeStatus,
    /// Lines added and deleted; `None` where the content is binary.
    pub lines: Option<(u32, u32)>,
}

/// Lines added and deleted between two contents; `None` where one is binary or has 4 GiB.
#[must_use]
pub fn line_stat(old: &[u8], new: &[u8]) -> Option<(u32, u32)> {
    if old == new {
        return Some((0, 0));
    }
    if kind_of(old, new) != DiffKind::Text {
        return None;
    }
    if old.is_empty() || new.is_empty() {
        return Some((lines_in(new), lines_in(old)));
    }
    let (old_starts, new_starts) = (line_starts(old), line_starts(new));
    let found = blocks((old, &old_starts), (new, &new_starts), &DiffOptions::default());
    Some(found.iter().fold((0, 0), |(added, deleted), block| (added + block.new_len, deleted + block.old_len)))
}

fn lines_in(content: &[u8]) -> u32 {
    let ended = memchr::memchr_iter(b'\n', content).count();
    let open = content.last().is_some_and(|byte| *byte != b'\n');
    u32::try_from(ended).map_or(u32::MAX, |ended| ended.saturating_add(u32::from(open)))
}

/// What a side shows of itself in a diff; nothing where it is missing.
fn side_text(side: &Option<FileSide>) -> Cow<'_, [u8]> {
    side.as_ref().map(FileSide::patch_text).unwrap_or_default()
}

/// How much every file changed, in the order of the paths.
#[must_use]
pub fn stats(changes: &ChangeSet) -> Vec<FileStat> {
    let stat = |file: &super::FileChange| {
        let lines = line_stat(&side_text(&file.old), &side_text(&file.new));
        FileStat { path: file.path.clone(), status: file.status(), lines }
    };
    changes.files().iter().map(stat).collect()
}

/// What `git diff --stat` shows, in at most `columns`: a line a file and a sum. Safe to print.
#[must_use]
pub fn stat_text(stats: &[FileStat], columns: usize) -> String {
    let paths: Vec<String> = stats
        .iter()
        .map(|stat| Untrusted::new(stat.path.to_string()).display_line().truncate_middle(columns / 2).to_string())
        .collect();
    let path_width = paths.iter().map(|path| width::columns(path)).max().unwrap_or(0);
    let most = stats.iter().filter_map(|stat| stat.lines).map(|(added, deleted)| added + deleted).max().unwrap_or(0);
    let count_width = most.to_string().len().max(3);
    let room = columns.saturating_sub(path_width + count_width + 5).max(8);
    let mut text = String::new();
    for (stat, path) in stats.iter().zip(&paths) {
        let path = width::pad_end(path, path_width);
        let change = match stat.lines {
            None => format!("{:>count_width$}", "Bin"),
            Some((added, deleted)) => {
                let (plus, minus) = bar(added, deleted, most, room);
                format!("{:>count_width$} {}{}", added + deleted, "+".repeat(plus), "-".repeat(minus))
            }
        };
        text += &format!(" {path} | {}\n", change.trim_end());
    }
    text + &sum(stats)
}

/// The two parts of a bar of at most `room` columns; a part that is there shows.
fn bar(added: u32, deleted: u32, most: u32, room: usize) -> (usize, usize) {
    if most as usize <= room {
        return (added as usize, deleted as usize);
    }
    let part = |lines: u32| {
        let scaled = usize::try_from(u64::from(lines) * (room as u64 - 1) / u64::from(most)).unwrap_or(room);
        if lines > 0 { scaled.max(1) } else { 0 }
    };
    (part(added), part(deleted))
}

fn sum(stats: &[FileStat]) -> String {
    let lines = stats.iter().filter_map(|stat| stat.lines);
    let (added, deleted) =
        lines.fold((0_u64, 0_u64), |sum, lines| (sum.0 + u64::from(lines.0), sum.1 + u64::from(lines.1)));
    let many = |count: u64, one: &str, more: &str| format!("{count} {}", if count == 1 { one } else { more });
    let mut text = format!(" {} changed", many(stats.len() as u64, "file", "files"));
    if added > 0 || deleted == 0 {
        text += &format!(", {}(+)", many(added, "insertion", "insertions"));
    }
    if deleted > 0 || added == 0 {
        text += &format!(", {}(-)", many(deleted, "deletion", "deletions"));
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_reads_like_gits() {
        let stat = |path: &str, lines| FileStat { path: path.into(), status: ChangeStatus::Modified, lines };
        let text = stat_text(&[stat("src/a.rs", Some((3, 1))), stat("b", None), stat("\u{202e}x", Some((0, 400)))], 60);
        let bar = "-".repeat(42);
        let files = format!(" src/a.rs  |   4 +-\n b         | Bin\n <U+202E>x | 400 {bar}\n");
        assert_eq!(text, files + " 3 files changed, 3 insertions(+), 401 deletions(-)\n");
        assert!(text.lines().all(|line| width::columns(line) <= 60));
    }

    #[test]
    fn lines_are_counted() {
        assert_eq!(line_stat(b"a\nb\n", b"a\nc\nd\n"), Some((2, 1)));
        assert_eq!(line_stat(b"", b"a"), Some((1, 0)));
        assert_eq!(line_stat(b"a\0", b"b"), None);
        assert_eq!(line_stat(b"a\0", b"a\0"), Some((0, 0)));
    }
}
