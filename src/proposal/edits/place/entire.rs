//! Whether a fence that only names a file holds all of it: an excerpt looks the same, and would delete the rest.
//!
//! It does where the file's beginning and end stand in it, where it leaves out no more than a few lines at once between
//! them without others in their place (a few in all where no grammar tells what is missing), keeps every definition, and
//! has no mark that stands for code. Lines are compared without indentation;
//! blank ones and those of brackets alone tell nothing and are not looked at.

use std::collections::{BTreeMap, HashMap};

use super::find::comment;
use crate::cancel::Cancel;
use crate::diff::common_runs;
use crate::id::RepoPath;
use crate::syntax::{Definition, DefinitionKind, Language, ParseLimits, Parsed, Syntax};

/// Lines that may go in one place with fewer in their stead: an edit does that, and who leaves out a middle leaves out
/// more.
const MOST_LOST: usize = 3;

/// Lines that may differ at the file's beginning and end: an excerpt with imports of its own differs there by more.
const MOST_AT_ENDS: usize = 1;

/// Lines that say nothing of where they stand.
const SILENT: [&str; 9] = ["end", "else", "done", "fi", "esac", "begin", "do", "then", "pass"];

/// What stands for code that is not written, in a comment or alone. Looked for only in lines that the file has not.
const STAND_INS: [&str; 16] = [
    "existing code",
    "rest of the",
    "rest of code",
    "rest of file",
    "remaining code",
    "remains the same",
    "remain the same",
    "unchanged",
    "stays the same",
    "same as before",
    "omitted",
    "previous code",
    "other methods",
    "other functions",
    "your code here",
    "keep the",
];

/// Why `new` may be no more than a part of the file that holds `old`.
pub(super) fn doubt(path: &RepoPath, old: &[u8], new: &str) -> Option<String> {
    let old_text = String::from_utf8_lossy(old);
    let (old_lines, new_lines) = (telling(&old_text), telling(new));
    let compared = Compared::new(path, old, &old_text, new);
    let spare = if compared.as_ref().is_some_and(Compared::tells) { MOST_LOST } else { 0 };
    stand_in(&new_lines, &old_lines)
        .or_else(|| ends(&old_lines, &new_lines))
        .or_else(|| compared.and_then(|both| both.lost()))
        .or_else(|| gaps(&old_lines, &new_lines, spare))
}

/// Why `new` may be no whole new file.
pub(super) fn doubt_of_new(path: &RepoPath, new: &str) -> Option<String> {
    let has_errors = parsed(path, new.as_bytes()).is_some_and(|parsed| parsed.has_errors());
    stand_in(&telling(new), &[]).or_else(|| has_errors.then(|| "the file is new, and does not parse".to_owned()))
}

/// A line that tells where it stands.
#[derive(Debug, Clone, Copy)]
struct Telling<'a> {
    /// 1-based.
    number: u32,
    /// Without indentation.
    text: &'a str,
}

fn telling(text: &str) -> Vec<Telling<'_>> {
    let lines = (1..).zip(text.lines()).map(|(number, line)| Telling { number, text: line.trim() });
    let says = |line: &Telling<'_>| {
        let word = line.text.trim_matches(|c: char| !c.is_alphanumeric() && c != '.' && c != '…');
        !word.is_empty() && !SILENT.contains(&word)
    };
    lines.filter(says).collect()
}

fn stand_in(new: &[Telling<'_>], old: &[Telling<'_>]) -> Option<String> {
    let is_stand_in = |text: &str| {
        let (inner, is_comment) = comment(text);
        let dots = |end: &str| inner == end || (is_comment && (inner.starts_with(end) || inner.ends_with(end)));
        let lower = inner.to_lowercase();
        dots("...") || dots("…") || (is_comment && STAND_INS.iter().any(|words| lower.contains(words)))
    };
    let mut found = new.iter().filter(|line| is_stand_in(line.text));
    let found = found.find(|line| old.iter().all(|known| known.text != line.text))?;
    Some(format!("`{}` may stand for code that is not written", found.text))
}

fn texts<'a>(lines: &[Telling<'a>]) -> Vec<&'a str> {
    lines.iter().map(|line| line.text).collect()
}

/// The parts that differ: lines of `old`, and lines of `new` in their stead.
fn differing<'a>(old: &'a [Telling<'a>], new: &[Telling<'_>]) -> Vec<(&'a [Telling<'a>], usize)> {
    let (mut from, mut to) = (0, 0);
    let mut parts = Vec::new();
    let runs = common_runs(&texts(old), &texts(new));
    for (old_at, new_at, len) in runs.into_iter().chain([(old.len(), new.len(), 0)]) {
        parts.push((&old[from..old_at], new_at - to));
        (from, to) = (old_at + len, new_at + len);
    }
    parts
}

/// The first and the last line are there, or one like it is.
fn ends(old: &[Telling<'_>], new: &[Telling<'_>]) -> Option<String> {
    let parts = differing(old, new);
    let alike = |one: Option<&Telling<'_>>, other: Option<&Telling<'_>>| match (one, other) {
        (Some(one), Some(other)) => are_alike(one.text, other.text),
        _ => false,
    };
    let lacks = |(lines, instead): &(&[Telling<'_>], usize), is_alike: bool| {
        !lines.is_empty() && (!is_alike || lines.len() > MOST_AT_ENDS || *instead < lines.len())
    };
    let head = parts.first().filter(|part| lacks(part, alike(old.first(), new.first())));
    let tail = parts.last().filter(|part| lacks(part, alike(old.last(), new.last())));
    match (head, tail) {
        (Some(_), _) => Some(format!("the file's first line `{}` is not in it", old[0].text)),
        (None, Some(_)) => Some(format!("the file's last line `{}` is not in it", old[old.len() - 1].text)),
        (None, None) => None,
    }
}

/// Whether lines begin with the same word, or are the same but for a part in the middle.
fn are_alike(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    let same = |(one, other): &(u8, u8)| one == other;
    let head = short.bytes().zip(long.bytes()).take_while(same).count();
    let tail = short.bytes().rev().zip(long.bytes().rev()).take_while(same).count();
    word(one) == word(other) || 2 * (head + tail).min(short.len()) >= long.len()
}

/// The first word of a line.
fn word(text: &str) -> &str {
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default()
}

/// Lines that go without others in their stead, or most of them with others. `spare`: how many fewer than many lines
/// may take their place.
fn gaps(old: &[Telling<'_>], new: &[Telling<'_>], spare: usize) -> Option<String> {
    let parts = differing(old, new);
    let gone: usize = parts.iter().map(|(lines, _)| lines.len()).sum();
    if 2 * gone > old.len() && old.len() > MOST_LOST {
        return Some(format!("{gone} of the file's {} lines are not in it", old.len()));
    }
    let fewer: usize = parts.iter().map(|(lines, instead)| lines.len().saturating_sub(*instead)).sum();
    let lost = |(lines, instead): &(&[Telling<'_>], usize)| lines.len() > MOST_LOST && lines.len() > instead + spare;
    let Some((lines, instead)) = parts.into_iter().find(lost) else {
        let words = || format!("{fewer} of the file's {} lines are not in it, and no others in their stead", old.len());
        return (spare == 0 && fewer > MOST_LOST).then(words);
    };
    let (first, last) = (lines.first()?.number, lines.last()?.number);
    Some(match instead {
        0 => format!("lines {first} to {last} of the file are not in it, and no others in their stead"),
        _ => format!("lines {first} to {last} of the file are not in it, and fewer in their stead"),
    })
}

/// What the grammar of the file's language says of both.
struct Compared<'a> {
    old: Parsed,
    new: Parsed,
    old_text: &'a str,
    new_text: &'a str,
}

fn parsed(path: &RepoPath, content: &[u8]) -> Option<Parsed> {
    let first = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let language = Language::from_path(path, first)?;
    Parsed::new(language, content.into(), ParseLimits::default(), &Cancel::new()).ok()
}

impl<'a> Compared<'a> {
    /// `None` where the language is not known, or one of both is not parsed.
    fn new(path: &RepoPath, old: &[u8], old_text: &'a str, new_text: &'a str) -> Option<Self> {
        Some(Self { old: parsed(path, old)?, new: parsed(path, new_text.as_bytes())?, old_text, new_text })
    }

    /// Whether definitions would be missed: the old file parses and has some.
    fn tells(&self) -> bool {
        !self.old.has_errors() && Syntax::new().tags(&self.old).definitions.iter().any(|one| is_named(one.kind))
    }

    fn lost(&self) -> Option<String> {
        if self.new.has_errors() && !self.old.has_errors() {
            return Some("the file parses, and what is in the fence does not".to_owned());
        }
        self.lost_definition()
    }

    /// A definition that is gone with most of its lines; under another name it is still there.
    fn lost_definition(&self) -> Option<String> {
        let syntax = Syntax::new();
        let names = |parsed| syntax.tags(parsed).definitions.into_iter().filter(|one| is_named(one.kind));
        let mut left: HashMap<String, usize> = HashMap::new();
        names(&self.new).for_each(|one| *left.entry(one.name).or_default() += 1);
        let mut kept: Option<BTreeMap<u32, bool>> = None;
        for one in names(&self.old) {
            match left.get_mut(&one.name) {
                Some(count) if *count > 0 => *count -= 1,
                _ if is_kept(&one, kept.get_or_insert_with(|| self.kept())) => {}
                _ => return Some(format!("`{}` of the file is not in it", one.name)),
            }
        }
        None
    }

    /// The telling lines of the old file, and whether they stand in the new one.
    fn kept(&self) -> BTreeMap<u32, bool> {
        let (old, new) = (telling(self.old_text), telling(self.new_text));
        let mut kept: BTreeMap<u32, bool> = old.iter().map(|line| (line.number, true)).collect();
        for (lines, _) in differing(&old, &new) {
            kept.extend(lines.iter().map(|line| (line.number, false)));
        }
        kept
    }
}

/// Values come and go with the lines that they stand on; what has a body is named.
fn is_named(kind: DefinitionKind) -> bool {
    !matches!(kind, DefinitionKind::Variable | DefinitionKind::Constant | DefinitionKind::Declaration)
}

fn is_kept(definition: &Definition, kept: &BTreeMap<u32, bool>) -> bool {
    let lines: Vec<bool> = kept.range(definition.lines.clone()).map(|(_, is_kept)| *is_kept).collect();
    2 * lines.iter().filter(|is_kept| **is_kept).count() > lines.len()
}

#[cfg(test)]
mod tests;
