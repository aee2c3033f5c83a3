//! A second reading of a diff, for what git cannot tell: it shares no line with Paraph's readers, counts nothing that a
//! header says, and holds a result against the words of the diff alone.
//!
//! A placement is right where every hunk stands at lines that are its old ones, in its order, where no other choice of
//! such lines makes another file (unless the header names the line), and where all else of the file, and every other
//! file, is as it was.

use std::collections::BTreeMap;

use paraph::id::RepoPath;

/// The most choices of places that are looked at: more is no one place.
const MOST_CHOICES: usize = 64;

/// What a diff says of one file.
#[derive(Debug, Default)]
struct Said {
    old: Option<Vec<u8>>,
    new: Option<Vec<u8>>,
    hunks: Vec<Hunk>,
}

#[derive(Debug, Default)]
struct Hunk {
    /// The line that its header names, where it names one: 1-based.
    start: Option<usize>,
    /// A blank, `-` or `+`, and the line with its end.
    lines: Vec<(u8, Vec<u8>)>,
}

/// Files by their names: only text can be read here.
pub(crate) type Texts = BTreeMap<RepoPath, Vec<u8>>;

/// How many directories stand before names that are not theirs: 1 where all have a letter and a slash as git writes
/// them, 0 where none has; nothing where the diff does not agree with itself.
pub(crate) fn strip_of(patch: &[u8]) -> Option<usize> {
    let names = |line: &[u8]| -> Vec<Option<Vec<u8>>> {
        if let Some(rest) = [&b"--- "[..], b"+++ "].iter().find_map(|mark| line.strip_prefix(*mark)) {
            return vec![name(rest)];
        }
        Vec::new()
    };
    let lines = lines(patch);
    let headers = lines.windows(2).filter(|two| two[0].starts_with(b"--- ") && two[1].starts_with(b"+++ "));
    let found: Vec<Vec<u8>> = headers.flat_map(|two| [names(two[0]), names(two[1])].concat()).flatten().collect();
    let has_letter = |name: &Vec<u8>| has_letter(name);
    match (found.iter().all(has_letter), found.iter().any(has_letter)) {
        (true, true) => Some(1),
        (false, false) => Some(0),
        _ => None,
    }
}

/// A letter that git's own prefixes use, and a slash.
fn has_letter(name: &[u8]) -> bool {
    name.len() > 2 && name[1] == b'/' && b"abciow12".contains(&name[0])
}

/// Whether `after` is what `patch` says of `before`.
pub(crate) fn is_right(patch: &[u8], before: &Texts, after: &Texts) -> Result<(), String> {
    let files = joined(read(patch)?);
    let mut expected_names: Vec<RepoPath> = Vec::new();
    for said in &files {
        let strip = |name: &[u8]| {
            let with = RepoPath::from_bytes(name);
            if has_letter(name) && !before.contains_key(&with) { RepoPath::from_bytes(&name[2..]) } else { with }
        };
        let (old, new) = (said.old.as_deref().map(strip), said.new.as_deref().map(strip));
        expected_names.extend(old.iter().chain(&new).cloned());
        let was = old.as_ref().map(|old| before.get(old).ok_or_else(|| format!("there is no {old}"))).transpose()?;
        let is = new.as_ref().and_then(|new| after.get(new));
        match (was, is) {
            (None, Some(is)) => {
                let lines = said.hunks.iter().flat_map(|hunk| &hunk.lines).filter(|(kind, _)| *kind == b'+');
                let whole: Vec<u8> = lines.flat_map(|(_, text)| text.clone()).collect();
                if !alike(&whole, is) {
                    return Err("a new file has other lines than the diff".to_owned());
                }
            }
            (Some(was), None) => {
                let whole: Vec<u8> = said.hunks.iter().flat_map(|hunk| side(hunk, b'-').concat()).collect();
                if !alike(&whole, was) || new.is_some() {
                    return Err("a file is gone that had other lines than the diff".to_owned());
                }
            }
            (Some(_), Some(_)) if old != new && old.as_ref().is_some_and(|old| after.contains_key(old)) => {
                return Err("a file that moved is still there".to_owned());
            }
            (Some(was), Some(is)) => {
                // an empty line at a hunk's edge may be nobody's: what stays there stays either way
                let trimmed: Vec<Hunk> = said.hunks.iter().map(Hunk::without_empty_edges).collect();
                is_placed(&said.hunks, was, is).or_else(|why| is_placed(&trimmed, was, is).map_err(|_| why))?;
            }
            (None, None) => return Err("a file of the diff is nowhere".to_owned()),
        }
    }
    let touched = |path: &&RepoPath| !expected_names.contains(*path);
    match before.keys().chain(after.keys()).filter(touched).find(|path| before.get(*path) != after.get(*path)) {
        Some(path) => Err(format!("{path} is another, and the diff does not speak of it")),
        None => Ok(()),
    }
}

impl Hunk {
    fn without_empty_edges(&self) -> Self {
        let is_empty = |line: &(u8, Vec<u8>)| line.0 == b' ' && line.1.trim_ascii().is_empty();
        let from = self.lines.iter().take_while(|line| is_empty(line)).count();
        let upto = self.lines.len() - self.lines[from..].iter().rev().take_while(|line| is_empty(line)).count();
        Self { start: self.start, lines: self.lines[from..upto].to_vec() }
    }
}

/// All that a diff says of one file together, from its top to its end: parts of one diff are all made of one base.
fn joined(files: Vec<Said>) -> Vec<Said> {
    let mut all: Vec<Said> = Vec::new();
    for said in files {
        match all.iter_mut().find(|known| (&known.old, &known.new) == (&said.old, &said.new)) {
            Some(known) => known.hunks.extend(said.hunks),
            None => all.push(said),
        }
    }
    all.iter_mut().for_each(|said| said.hunks.sort_by_key(|hunk| hunk.start));
    all
}

/// Whether `is` is `was` with every hunk at its one place.
fn is_placed(hunks: &[Hunk], was: &[u8], is: &[u8]) -> Result<(), String> {
    let base = lines(was);
    let mut choices: Vec<Vec<usize>> = vec![Vec::new()];
    for hunk in hunks {
        let old = side(hunk, b'-');
        let fitting: Vec<usize> =
            (0..=base.len().saturating_sub(old.len())).filter(|at| fits(&base, *at, &old)).collect();
        let mut longer = Vec::new();
        for choice in &choices {
            let from = choice.last().map_or(0, |last| last + side(&hunks[choice.len() - 1], b'-').len());
            longer.extend(fitting.iter().filter(|at| **at >= from).map(|at| [choice.clone(), vec![*at]].concat()));
        }
        choices = longer;
        if choices.len() > MOST_CHOICES {
            return Err("a hunk stands in too many places".to_owned());
        }
    }
    let made = |choice: &Vec<usize>| {
        let (mut out, mut from) = (Vec::new(), 0);
        for (hunk, at) in hunks.iter().zip(choice) {
            out.extend_from_slice(&base[from..*at].concat());
            let mut line = *at;
            for (kind, text) in &hunk.lines {
                match kind {
                    // what stays, stays as the file has it
                    b' ' => {
                        out.extend_from_slice(base[line]);
                        line += 1;
                    }
                    b'-' => line += 1,
                    _ => out.extend_from_slice(text),
                }
            }
            from = line;
        }
        out.extend_from_slice(&base[from..].concat());
        out
    };
    let right: Vec<&Vec<usize>> = choices.iter().filter(|choice| alike(&made(choice), is)).collect();
    let Some(taken) = right.first() else {
        return Err(format!("no place of its hunks makes this of the file; {} were looked at", choices.len()));
    };
    let as_said = |choice: &Vec<usize>| hunks.iter().zip(choice).all(|(hunk, at)| hunk.start == Some(at + 1));
    let others = choices.iter().filter(|choice| !alike(&made(choice), is)).count();
    if others > 0 && !as_said(taken) {
        return Err(format!("{others} other choices of places make another file, and no header names this one"));
    }
    Ok(())
}

/// The lines of one side: `-` and blank, or `+` and blank.
fn side(hunk: &Hunk, mark: u8) -> Vec<&[u8]> {
    hunk.lines.iter().filter(|(kind, _)| *kind == b' ' || *kind == mark).map(|(_, text)| text.as_slice()).collect()
}

/// Whether these lines stand at `at`, but for blanks at their ends and before them.
fn fits(base: &[&[u8]], at: usize, old: &[&[u8]]) -> bool {
    base.len() >= at + old.len()
        && base[at..at + old.len()].iter().zip(old).all(|(one, other)| bare(one) == bare(other))
}

/// Line for line the same, but for blanks around them.
fn alike(one: &[u8], other: &[u8]) -> bool {
    let (one, other) = (lines(one), lines(other));
    one.len() == other.len() && one.iter().zip(&other).all(|(one, other)| bare(one) == bare(other))
}

fn bare(line: &[u8]) -> &[u8] {
    line.trim_ascii()
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// A name up to a tab, or between quotes as C writes them; nothing for `/dev/null`.
fn name(rest: &[u8]) -> Option<Vec<u8>> {
    let name = match rest.strip_prefix(b"\"") {
        Some(quoted) => unquoted(quoted),
        None => rest.split(|byte| matches!(byte, b'\t' | b'\n' | b'\r')).next().unwrap_or_default().to_vec(),
    };
    (name != b"/dev/null").then_some(name)
}

fn unquoted(quoted: &[u8]) -> Vec<u8> {
    let (mut name, mut rest) = (Vec::new(), quoted);
    loop {
        match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', more @ ..] => {
                name.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = more;
            }
            [b'\\', letter, more @ ..] => {
                let known = b"abtnvfr".iter().position(|known| known == letter);
                name.push(known.map_or(*letter, |place| 7 + place as u8)); // bell, backspace, tab … stand in this order
                rest = more;
            }
            [b'"', ..] | [] => return name,
            [byte, more @ ..] => {
                name.push(*byte);
                rest = more;
            }
        }
    }
}

fn read(patch: &[u8]) -> Result<Vec<Said>, String> {
    let all = lines(patch);
    let (mut files, mut at): (Vec<Said>, usize) = (Vec::new(), 0);
    let is_head = |at: usize| {
        let starts = |at: usize, mark: &[u8]| all.get(at).is_some_and(|line| line.starts_with(mark));
        starts(at, b"--- ") && starts(at + 1, b"+++ ")
    };
    while at < all.len() {
        if all[at].starts_with(b"GIT binary patch") || all[at].starts_with(b"copy ") {
            return Err("this reading knows only lines of files, and no copies".to_owned());
        }
        if is_head(at) {
            files.push(Said { old: name(&all[at][4..]), new: name(&all[at + 1][4..]), hunks: Vec::new() });
            at += 2;
        } else if all[at].starts_with(b"@@") && !files.is_empty() {
            let start = all[at].strip_prefix(b"@@ -").and_then(|rest| {
                let digits: String = rest.iter().take_while(|b| b.is_ascii_digit()).map(|b| char::from(*b)).collect();
                digits.parse().ok()
            });
            let mut hunk = Hunk { start, lines: Vec::new() };
            at += 1;
            while let Some(line) = all.get(at).filter(|line| !line.starts_with(b"diff ") && !is_head(at)) {
                match line.first() {
                    Some(kind @ (b' ' | b'-' | b'+')) => hunk.lines.push((*kind, line[1..].to_vec())),
                    Some(b'\n') => hunk.lines.push((b' ', line.to_vec())),
                    // said twice it says no more
                    Some(b'\\') => {
                        if let Some((_, text)) = hunk.lines.last_mut().filter(|(_, text)| text.ends_with(b"\n")) {
                            text.pop();
                        }
                    }
                    _ => break,
                }
                at += 1;
            }
            files.last_mut().expect("a file").hunks.push(hunk);
        } else {
            at += 1;
        }
    }
    match files.is_empty() {
        true => Err("there is no file's header".to_owned()),
        false => Ok(files),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "a\nb\nc\na\nb\nd\n";

    fn texts(text: &str) -> Texts {
        BTreeMap::from([("f".into(), text.as_bytes().to_vec()), ("g".into(), b"g\n".to_vec())])
    }

    #[track_caller]
    fn check(hunks: &str, after: &str, why: Option<&str>) {
        let patch = format!("--- a/f\n+++ b/f\n{hunks}");
        let found = is_right(patch.as_bytes(), &texts(FILE), &texts(after));
        match (why, &found) {
            (None, Ok(())) => {}
            (Some(why), Err(said)) if said.contains(why) => {}
            _ => panic!("{hunks}: {found:?}, not {why:?}"),
        }
    }

    #[test]
    fn a_wrong_place_is_not_right() {
        let unique = "@@ -9,9 +9 @@\n c\n-a\n+x\n";
        check(unique, "a\nb\nc\nx\nb\nd\n", None);
        check(unique, "x\nb\nc\na\nb\nd\n", Some("no place of its hunks"));
        check(unique, "a\nb\nc\nx\nb\nd\ne\n", Some("no place of its hunks"));
        // two places fit, and the header names one of them, or none
        check("@@ -4,2 +4,2 @@\n a\n-b\n+x\n", "a\nb\nc\na\nx\nd\n", None);
        check("@@ -4,2 +4,2 @@\n a\n-b\n+x\n", "a\nx\nc\na\nb\nd\n", Some("make another file"));
        check("@@ ... @@\n a\n-b\n+x\n", "a\nb\nc\na\nx\nd\n", Some("make another file"));
        check("@@ -7,2 +7,2 @@\n a\n-b\n+x\n", "a\nb\nc\na\nx\nd\n", Some("make another file"));
        // an empty line before it is nobody's, and parts of one file are read together
        check("@@ -3,2 +3,2 @@\n\n c\n-a\n+x\n", "a\nb\nc\nx\nb\nd\n", None);
        let parts = "@@ -6 +6 @@\n-d\n+y\n--- a/f\n+++ b/f\n@@ -3 +3 @@\n-c\n+x\n";
        check(parts, "a\nb\nx\na\nb\ny\n", None);
        check(parts, "a\nb\nx\na\nb\nd\n", Some("no place of its hunks"));
        // in its order
        let two = "@@ -1 +1 @@\n-a\n+x\n@@ -4 +4 @@\n-a\n+y\n";
        check(two, "x\nb\nc\ny\nb\nd\n", None);
        check(two, "y\nb\nc\nx\nb\nd\n", Some("no place"));
        assert_eq!(name(b"\"b/gr\\303\\266\\t\\\"\\\\\"\n"), Some(b"b/gr\xc3\xb6\t\"\\".to_vec()));
    }

    #[test]
    fn what_the_diff_does_not_speak_of_stays() {
        let patch = b"--- f\n+++ f\n@@ -3 +3 @@\n-c\n+x\n";
        let mut after = texts("a\nb\nx\na\nb\nd\n");
        assert_eq!(is_right(patch, &texts(FILE), &after), Ok(()));
        after.insert("g".into(), b"other\n".to_vec());
        assert!(is_right(patch, &texts(FILE), &after).is_err());
        assert_eq!(
            (strip_of(patch), strip_of(b"--- a/f\n+++ b/f\n"), strip_of(b"--- a/f\n+++ f\n")),
            (Some(0), Some(1), None)
        );
    }
}
