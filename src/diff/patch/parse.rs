//! From bytes to files' parts: finds headers, reads them whole, holds them against each other.

use super::hunk::parse_hunks;
use super::lines::Lines;
use super::mail::{MailMessage, message_in};
use super::names::{self, Prefixes};
use super::{FilePatch, Operation, PatchBody, PatchError, PatchLimits, PatchProblem, binary};
use crate::diff::FileMode;
use crate::id::RepoPath;

type Parsed = (Vec<FilePatch>, Vec<MailMessage>);

/// Reads all files' parts and the mails' messages between them.
pub(super) fn parse(bytes: &[u8], limits: &PatchLimits) -> Result<Parsed, PatchError> {
    let mut lines = Lines::new(bytes);
    check_limit(&lines, "patch", bytes.len(), limits.bytes)?;
    let (mut files, mut messages) = (Vec::new(), Vec::new());
    let mut budget = limits.binary_bytes;
    let mut gap = 0;
    while let Some(line) = lines.peek() {
        let is_git = line.starts_with(b"diff --git ");
        if !is_git && !is_plain_header(&lines, line) {
            refuse_lost_change(&lines, line)?;
            lines.skip(line);
            continue;
        }
        messages.extend(message_in(&bytes[gap..lines.offset()]));
        check_limit(&lines, "files", files.len() + 1, limits.files)?;
        let mut header = Header::new(lines.number());
        files.push(match line.strip_prefix(b"diff --git ") {
            Some(rest) => git_file(&mut lines, line, rest, &mut header, limits, &mut budget)?,
            None => plain_file(&mut lines, &mut header, limits)?,
        });
        gap = lines.offset();
    }
    if files.is_empty() { lines.refuse(PatchProblem::NoFiles) } else { Ok((files, messages)) }
}

fn check_limit(lines: &Lines<'_>, what: &'static str, size: usize, limit: usize) -> Result<(), PatchError> {
    if size <= limit {
        return Ok(());
    }
    lines.refuse(PatchProblem::TooLarge { what, size: size as u64, limit: limit as u64 })
}

/// `---`, `+++` and a hunk: a diff that is not git's.
fn is_plain_header(lines: &Lines<'_>, line: &[u8]) -> bool {
    line.starts_with(b"--- ")
        && lines.peek_second().is_some_and(|second| second.starts_with(b"+++ "))
        && lines.peek_third().is_some_and(|third| third.starts_with(b"@@ -"))
}

/// Text between files is skipped, but never a change.
fn refuse_lost_change(lines: &Lines<'_>, line: &[u8]) -> Result<(), PatchError> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let is_omitted = line.starts_with(b"Binary files ") && line.ends_with(b" differ");
    let is_combined = [&b"diff --cc "[..], b"diff --combined ", b"@@@ -"].iter().any(|start| line.starts_with(start));
    if is_combined || line == b"***************" {
        return lines.refuse(PatchProblem::OtherFormat);
    }
    // one that cannot be read is a change too
    if line.starts_with(b"@@ -") || is_omitted || line == b"GIT binary patch" {
        return lines.refuse(PatchProblem::HunkWithoutFile);
    }
    Ok(())
}

/// What the header lines of one file said.
struct Header {
    line: u32,
    old_mode: Option<FileMode>,
    new_mode: Option<FileMode>,
    created: Option<FileMode>,
    deleted: Option<FileMode>,
    from: Option<(Operation, Vec<u8>)>,
    to: Option<(Operation, Vec<u8>)>,
    similarity: Option<u8>,
    ids: Option<(String, String)>,
    index_mode: Option<FileMode>,
}

impl Header {
    fn new(line: u32) -> Self {
        let (old_mode, new_mode, created, deleted, index_mode) = (None, None, None, None, None);
        let (from, to, similarity, ids) = (None, None, None, None);
        Self { line, old_mode, new_mode, created, deleted, from, to, similarity, ids, index_mode }
    }

    /// Takes one extended header line; false where it is none.
    fn take(&mut self, line: &[u8]) -> Result<bool, PatchProblem> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let after = |prefix: &str| line.strip_prefix(prefix.as_bytes());
        if let Some(rest) = after("old mode ") {
            set(&mut self.old_mode, mode(rest), "old mode")?;
        } else if let Some(rest) = after("new mode ") {
            set(&mut self.new_mode, mode(rest), "new mode")?;
        } else if let Some(rest) = after("new file mode ") {
            set(&mut self.created, mode(rest), "new file mode")?;
        } else if let Some(rest) = after("deleted file mode ") {
            set(&mut self.deleted, mode(rest), "deleted file mode")?;
        } else if let Some(rest) = after("rename from ").or_else(|| after("rename old ")) {
            set(&mut self.from, moved(Operation::Rename, rest), "rename from")?;
        } else if let Some(rest) = after("rename to ").or_else(|| after("rename new ")) {
            set(&mut self.to, moved(Operation::Rename, rest), "rename to")?;
        } else if let Some(rest) = after("copy from ") {
            set(&mut self.from, moved(Operation::Copy, rest), "copy from")?;
        } else if let Some(rest) = after("copy to ") {
            set(&mut self.to, moved(Operation::Copy, rest), "copy to")?;
        } else if let Some(rest) = after("similarity index ") {
            set(&mut self.similarity, percent(rest), "similarity index")?;
        } else if let Some(rest) = after("dissimilarity index ") {
            percent(rest).ok_or(PatchProblem::BadHeader("dissimilarity index"))?;
        } else if let Some(rest) = after("index ") {
            let (ids, mode) = index(rest).ok_or(PatchProblem::BadHeader("index"))?;
            self.index_mode = mode;
            set(&mut self.ids, Some(ids), "index")?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn operation(&self) -> Result<Operation, PatchProblem> {
        let moved = match (&self.from, &self.to) {
            (None, None) => None,
            (Some((from, _)), Some((to, _))) if from == to => Some(*from),
            _ => return Err(PatchProblem::Contradiction("a rename or copy needs one `from` and one `to` of its kind")),
        };
        if self.old_mode.is_some() != self.new_mode.is_some() {
            return Err(PatchProblem::Contradiction("`old mode` and `new mode` belong together"));
        }
        match (self.created, self.deleted, moved, self.old_mode) {
            (None, None, moved, _) => Ok(moved.unwrap_or(Operation::Modify)),
            (Some(_), None, None, None) => Ok(Operation::Create),
            (None, Some(_), None, None) => Ok(Operation::Delete),
            _ => Err(PatchProblem::Contradiction("a file is either new, deleted, moved or changed")),
        }
    }
}

fn set<T>(field: &mut Option<T>, value: Option<T>, name: &'static str) -> Result<(), PatchProblem> {
    let value = value.ok_or(PatchProblem::BadHeader(name))?;
    if field.replace(value).is_some() { Err(PatchProblem::Repeated(name)) } else { Ok(()) }
}

/// Octal digits, at most seven: nothing git knows has more than six.
fn mode(text: &[u8]) -> Option<FileMode> {
    let text = std::str::from_utf8(text).ok()?.trim_end();
    let octal = (1..=7).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    octal.then(|| u32::from_str_radix(text, 8).ok().map(FileMode::from_bits)).flatten()
}

fn percent(text: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(text).ok()?.trim_end().strip_suffix('%')?;
    digits.parse().ok().filter(|percent| *percent <= 100)
}

fn moved(operation: Operation, rest: &[u8]) -> Option<(Operation, Vec<u8>)> {
    // unlike on `---` lines a tab would be part of the name, but git quotes names with tabs
    names::name_on_line(rest).map(|name| (operation, name))
}

fn index(rest: &[u8]) -> Option<((String, String), Option<FileMode>)> {
    let text = std::str::from_utf8(rest).ok()?.trim_end();
    let (ids, bits) = text.split_once(' ').map_or((text, None), |(ids, bits)| (ids, Some(bits)));
    let (old, new) = ids.split_once("..")?;
    let is_id = |id: &str| (4..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mode = match bits {
        Some(bits) => Some(mode(bits.as_bytes())?),
        None => None,
    };
    (is_id(old) && is_id(new)).then(|| ((old.to_ascii_lowercase(), new.to_ascii_lowercase()), mode))
}

/// Reads one `diff --git` part. The current line is its header.
fn git_file(
    lines: &mut Lines<'_>,
    line: &[u8],
    rest: &[u8],
    header: &mut Header,
    limits: &PatchLimits,
    budget: &mut usize,
) -> Result<FilePatch, PatchError> {
    check_limit(lines, "header line", line.len(), limits.header_line)?;
    lines.skip(line);
    while let Some(line) = lines.peek() {
        // a very long line is no header line that git writes; `take` never looks at it
        if line.len() > limits.header_line {
            break;
        }
        match header.take(line) {
            // half a name is a name too
            Ok(true) if !lines.is_terminated(line) => return lines.refuse(PatchProblem::CutLine),
            Ok(true) => lines.skip(line),
            Ok(false) => break,
            Err(problem) => return lines.refuse(problem),
        }
    }
    let at_header = |problem| PatchError { line: header.line, problem };
    let operation = header.operation().map_err(at_header)?;
    let (old, new, prefixes) = git_paths(header, rest).map_err(at_header)?;
    let sides = (operation != Operation::Create, operation != Operation::Delete);
    let old_path = sides.0.then_some(old);
    let new_path = sides.1.then_some(new);
    let named = check_named(lines, prefixes, old_path.as_ref(), new_path.as_ref(), limits)?;
    let body = git_body(lines, named, budget)?;
    let mut file = finish(header, operation, old_path, new_path, body).map_err(at_header)?;
    if let Some(mode) = header.index_mode.filter(|_| operation != Operation::Create && file.old_mode.is_none()) {
        file.old_mode = Some(mode);
    }
    Ok(file)
}

/// The paths that the header lines mean, and how `---` and `+++` will write them.
fn git_paths(header: &Header, rest: &[u8]) -> Result<(RepoPath, RepoPath, Prefixes), PatchProblem> {
    let ((_, from), (_, to)) = match (&header.from, &header.to) {
        (Some(from), Some(to)) => (from, to),
        _ => {
            let (path, prefixes) = names::same_path(rest).ok_or(PatchProblem::MissingName)?;
            return Ok((path.clone(), path, prefixes));
        }
    };
    let (old, new) = (RepoPath::from_bytes(from.as_slice()), RepoPath::from_bytes(to.as_slice()));
    let prefixes = names::names_pair(rest, &old, &new).ok_or_else(|| PatchProblem::NameMismatch {
        expected: String::from_utf8_lossy(rest).escape_debug().to_string(),
        found: format!("{old} → {new}"),
    })?;
    if old == new {
        return Err(PatchProblem::Contradiction("a rename or copy onto itself"));
    }
    Ok((old, new, prefixes))
}

/// Whether `---` and `+++` stood there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Yes,
    No,
}

/// Reads `---` and `+++`, if they follow, and holds them against the paths.
fn check_named(
    lines: &mut Lines<'_>,
    prefixes: Prefixes,
    old: Option<&RepoPath>,
    new: Option<&RepoPath>,
    limits: &PatchLimits,
) -> Result<Named, PatchError> {
    if !lines.peek().is_some_and(|line| line.starts_with(b"--- ")) {
        return Ok(Named::No);
    }
    for (sign, expected) in [(&b"--- "[..], old), (&b"+++ "[..], new)] {
        let line = lines.peek().unwrap_or_default();
        check_limit(lines, "header line", line.len(), limits.header_line)?;
        let Some(side) = line.strip_prefix(sign).and_then(names::side_on_line) else {
            return lines.refuse(PatchProblem::MissingName);
        };
        let found = side.as_deref().map(|name| names::strip(name, prefixes));
        if found.as_ref().map(Option::as_ref) != expected.map(Some) {
            let expected = expected.map_or_else(|| "/dev/null".to_owned(), ToString::to_string);
            let found = side.as_deref().map_or_else(|| "/dev/null".to_owned(), names::shown);
            return lines.refuse(PatchProblem::NameMismatch { expected, found });
        }
        lines.skip(line);
    }
    Ok(Named::Yes)
}

fn git_body(lines: &mut Lines<'_>, named: Named, budget: &mut usize) -> Result<PatchBody, PatchError> {
    let line = lines.peek().unwrap_or_default();
    let plain = line.strip_suffix(b"\r").unwrap_or(line);
    match named {
        Named::Yes if line.starts_with(b"@@ -") => Ok(PatchBody::Text(parse_hunks(lines)?)),
        Named::Yes => lines.refuse(PatchProblem::BadHunkHeader),
        Named::No if plain == b"GIT binary patch" => {
            lines.skip(line);
            Ok(PatchBody::Binary(binary::parse_binary(lines, budget)?))
        }
        Named::No if plain.starts_with(b"Binary files ") && plain.ends_with(b" differ") => {
            lines.skip(line);
            Ok(PatchBody::BinaryOmitted)
        }
        Named::No => Ok(PatchBody::Unchanged),
    }
}

/// Reads one part of a plain diff. The current lines are `---`, `+++` and a hunk.
fn plain_file(lines: &mut Lines<'_>, header: &mut Header, limits: &PatchLimits) -> Result<FilePatch, PatchError> {
    let mut sides = [None, None];
    for (side, sign) in sides.iter_mut().zip([&b"--- "[..], &b"+++ "[..]]) {
        let line = lines.peek().unwrap_or_default();
        check_limit(lines, "header line", line.len(), limits.header_line)?;
        let Some(name) = line.strip_prefix(sign).and_then(names::side_on_line) else {
            return lines.refuse(PatchProblem::MissingName);
        };
        *side = name;
        lines.skip(line);
    }
    let at_header = |problem| PatchError { line: header.line, problem };
    let (operation, old, new) = plain_paths(&sides).map_err(at_header)?;
    let body = PatchBody::Text(parse_hunks(lines)?);
    finish(header, operation, old, new, body).map_err(at_header)
}

type Paths = (Operation, Option<RepoPath>, Option<RepoPath>);

fn plain_paths(sides: &[Option<Vec<u8>>; 2]) -> Result<Paths, PatchProblem> {
    let strip = |name: &[u8], prefixes| names::strip(name, prefixes).ok_or(PatchProblem::MissingName);
    match sides {
        [None, None] => Err(PatchProblem::MissingName),
        [None, Some(new)] => Ok((Operation::Create, None, Some(strip(new, names::prefixes_of_one(new))?))),
        [Some(old), None] => Ok((Operation::Delete, Some(strip(old, names::prefixes_of_one(old))?), None)),
        [Some(old), Some(new)] => {
            let prefixes = names::prefixes_of(old, new);
            let (from, to) = (strip(old, prefixes)?, strip(new, prefixes)?);
            if from != to {
                return Err(PatchProblem::NameMismatch { expected: names::shown(old), found: names::shown(new) });
            }
            Ok((Operation::Modify, Some(from), Some(to)))
        }
    }
}

/// Holds the hunks against the header and puts all together.
fn finish(
    header: &Header,
    operation: Operation,
    old_path: Option<RepoPath>,
    new_path: Option<RepoPath>,
    body: PatchBody,
) -> Result<FilePatch, PatchProblem> {
    if let PatchBody::Text(hunks) = &body {
        let has_old = hunks.iter().any(|hunk| hunk.old_len > 0);
        let has_new = hunks.iter().any(|hunk| hunk.new_len > 0);
        match operation {
            Operation::Create if has_old => return Err(PatchProblem::Contradiction("a new file has old lines")),
            Operation::Delete if has_new => return Err(PatchProblem::Contradiction("a deleted file keeps lines")),
            _ => {}
        }
    }
    let changes_mode = header.old_mode != header.new_mode;
    if operation == Operation::Modify && body == PatchBody::Unchanged && !changes_mode {
        return Err(PatchProblem::ChangesNothing);
    }
    let (old_id, new_id) = header.ids.clone().unzip();
    let (old_mode, new_mode) = (header.old_mode.or(header.deleted), header.new_mode.or(header.created));
    let (line, similarity) = (header.line, header.similarity);
    Ok(FilePatch { line, operation, old_path, new_path, old_mode, new_mode, old_id, new_id, similarity, body })
}
