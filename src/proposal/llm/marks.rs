//! What stands in a secret's place in a prompt is in no file: an answer that would put it there is sent back.
//!
//! Whoever reads the change sees secrets masked too, and would take the mark for the screen's doing.

use std::collections::{HashMap, HashSet};

use crate::diff::{ChangeSet, FileSide};
use crate::planning::Redactor;
use crate::proposal::Brief;
use crate::text::redaction_marks;

/// The most lines that are told of.
const MOST: usize = 20;

/// The mark of a key that Paraph was given: two words that a program may have of its own.
const OF_A_KEY: &str = "[masked]";

/// Lines that the change would give the marks of hidden secrets, each with its reason, and how it is told of them; none
/// where none has one that was not there, or that somebody asked for. `hides_key`: the answer held a key itself.
pub(super) fn refused(
    brief: &Brief,
    changes: &ChangeSet,
    redactor: &Redactor,
    hides_key: bool,
) -> Option<(Vec<String>, String)> {
    let (mut had, mut has) = (HashMap::new(), HashMap::new());
    let mut known = HashSet::new();
    let mut is_key_hidden = hides_key || redactor.found().iter().any(|found| found.starts_with("key in"));
    for file in changes.files() {
        let (old, new) = (text(file.old.as_ref()), text(file.new.as_ref()));
        count(old, &mut had);
        count(new, &mut has);
        known.extend(old.lines().filter(|line| redaction_marks(line).next().is_some()).map(str::trim));
        let of_keys = |text: &str| redaction_marks(text).filter(|(_, mark)| *mark == OF_A_KEY).count();
        is_key_hidden |= of_keys(&redactor.marked(old)) > of_keys(old);
    }
    let is_asked_for = |mark: &str| {
        brief.goal.raw().contains(mark) || brief.feedback.iter().any(|said| said.text.raw().contains(mark))
    };
    let is_new = |mark: &str| {
        let is_more = has.get(mark) > had.get(mark);
        is_more && (mark != OF_A_KEY || is_key_hidden) && !is_asked_for(mark)
    };
    let mut found = Vec::new();
    for file in changes.files() {
        let (old, new) = (text(file.old.as_ref()), text(file.new.as_ref()));
        let hidden = redactor.starred(old);
        // a line as a search shows it, which has stars in a secret's place
        let stars: HashSet<&str> = old
            .lines()
            .zip(hidden.lines())
            .filter(|(line, shown)| line != shown)
            .map(|(_, shown)| shown.trim())
            .collect();
        let lines: HashSet<&str> = if stars.is_empty() { HashSet::new() } else { old.lines().map(str::trim).collect() };
        for (number, line) in (1..).zip(new.lines()) {
            let trimmed = line.trim();
            let mark = redaction_marks(line).map(|(_, mark)| mark).find(|mark| is_new(mark));
            if let Some(mark) = mark.filter(|_| !known.contains(trimmed)) {
                found.push(format!("{}: line {number} would hold `{mark}`", file.path));
            } else if stars.contains(trimmed) && !lines.contains(trimmed) {
                found.push(format!("{}: line {number} would hold stars in a secret's place", file.path));
            }
        }
    }
    found.truncate(MOST);
    let words = format!(
        "None of your edits was applied. Where a file has a secret you are shown a mark such as `[masked:github-token]`, \
         or stars: no file holds them, and what is listed would put them there. Leave those lines as they are: edit the \
         lines around them, with SEARCH lines that leave them out, and do not write the whole file. A line that is new \
         reads its secret from elsewhere.\n\n- {}\n",
        found.join("\n- ")
    );
    (!found.is_empty()).then_some((found, words))
}

fn text(side: Option<&FileSide>) -> &str {
    side.and_then(|side| std::str::from_utf8(&side.content).ok()).unwrap_or("")
}

fn count<'a>(text: &'a str, counts: &mut HashMap<&'a str, usize>) {
    redaction_marks(text).for_each(|(_, mark)| *counts.entry(mark).or_default() += 1);
}
