//! Tests that went, shrank or were switched off.

mod counter;
mod marks;
mod tells;
mod tokens;

use std::collections::HashMap;
use std::sync::OnceLock;

use rayon::prelude::*;

pub(super) use counter::SyntaxCounter;
use counter::{LineCounter, TestCounter, TestCounts};

use super::Violation;
use super::added::Texts;
use super::rules::breach;
use crate::diff::FileChange;
use crate::syntax::Language;
use crate::text::counted;

/// What the change does to the tests of a file that stays.
pub(super) fn check(counter: &dyn TestCounter, texts: &Texts<'_>, found: &mut Vec<Violation>) {
    let path = &texts.file.path;
    if texts.file.old.is_none() || texts.file.new.is_none() {
        return;
    }
    let known = |text: Option<&str>| text.is_some_and(|text| counter.knows(path, text));
    if !(known(texts.old) || known(texts.new)) || !tells::may_weaken(path, texts) {
        return;
    }
    let old = texts.old.map_or_else(TestCounts::default, |text| counter.count(path, text));
    let (mut new, cut) = texts.new.map_or_else(Default::default, |text| counter.count_both(path, text));
    // a comment that no longer ends hides what is below it, whatever a parser makes of the text
    let was_cut = || texts.old.is_some_and(|text| counter.count_cut(path, text).is_some());
    if let Some(before) = cut.filter(|_| !was_cut()) {
        new = TestCounts {
            tests: new.tests.min(before.tests),
            assertions: new.assertions.min(before.assertions),
            skipped: new.skipped,
        };
    }
    compare(texts, &old, &new, found);
}

/// A file that the change adds; its tests are counted when somebody asks.
struct Arrived<'a> {
    file: &'a FileChange,
    text: &'a str,
    tests: OnceLock<u32>,
}

impl Arrived<'_> {
    fn tests(&self, counter: &dyn TestCounter) -> u32 {
        *self.tests.get_or_init(|| counter.count(&self.file.path, self.text).tests)
    }
}

/// With how many new files of its name a deleted one is compared line by line.
const MOST_COMPARED: usize = 8;

/// Files with tests that are deleted, and did not move.
pub(super) fn check_deleted(counter: &dyn TestCounter, all: &[Texts<'_>], found: &mut Vec<Violation>) {
    let gone = all.iter().filter(|texts| texts.file.new.is_none()).filter_map(|texts| {
        let (file, old) = (texts.file, texts.old?);
        (counter.knows(&file.path, old) && tells::may_hold_tests(&file.path, old)).then_some((file, old))
    });
    let gone: Vec<(&FileChange, &str)> = gone.collect();
    if gone.is_empty() {
        return;
    }
    let arrived = all
        .iter()
        .filter(|texts| texts.file.old.is_none())
        .filter_map(|texts| Some(Arrived { file: texts.file, text: texts.new?, tests: OnceLock::new() }));
    let arrived: Vec<Arrived<'_>> = arrived.collect();
    let mut by_name: HashMap<&[u8], Vec<&Arrived<'_>>> = HashMap::new();
    let mut by_size: HashMap<usize, Vec<&Arrived<'_>>> = HashMap::new();
    for one in &arrived {
        by_name.entry(one.file.path.file_name()).or_default().push(one);
        by_size.entry(one.text.len()).or_default().push(one);
    }
    let lost = |(file, old): &(&FileChange, &str)| {
        let same = by_size.get(&old.len()).into_iter().flatten().filter(|one| one.text == *old);
        // the same text under a name of the same kind counts the same
        if same.clone().any(|one| kind(&one.file.path, old) == kind(&file.path, old)) {
            return None;
        }
        // a file that moved took its tests along
        let named = || by_name.get(file.path.file_name()).into_iter().flatten().copied();
        let telling = tells::Telling::of(&file.path, old);
        let moved = |one: &Arrived<'_>| {
            if telling.is_gone_from(one.text) {
                return false;
            }
            let as_change = FileChange { path: file.path.clone(), old: file.old.clone(), new: one.file.new.clone() };
            kind(&one.file.path, one.text) == kind(&file.path, old)
                && !tells::may_weaken(&file.path, &Texts::of(&as_change))
        };
        if named().take(MOST_COMPARED).any(moved) {
            return None;
        }
        let tests = counter.count(&file.path, old).tests;
        if tests == 0 || named().chain(same.copied()).any(|one| one.tests(counter) >= tests) {
            return None;
        }
        let message = format!("a file with {} is deleted", counted(tests, "test"));
        Some(breach("test-deleted", &file.path, None, message))
    };
    found.par_extend(gone.par_iter().filter_map(lost));
}

/// What decides how a text is counted, besides the text.
fn kind<'a>(path: &'a crate::id::RepoPath, text: &str) -> (Option<Language>, Option<&'a str>) {
    let first = text.lines().next().unwrap_or("").as_bytes();
    (Language::from_path(path, first), path.extension())
}

fn compare(texts: &Texts<'_>, old: &TestCounts, new: &TestCounts, found: &mut Vec<Violation>) {
    let file = texts.file;
    if new.tests < old.tests {
        let message = format!("{} fewer than before", counted(old.tests - new.tests, "test"));
        found.push(breach("test-weakened", &file.path, None, message));
    } else if new.tests == old.tests && new.tests > 0 && new.assertions < old.assertions {
        let message = format!("{} fewer in as many tests", counted(old.assertions - new.assertions, "assertion"));
        found.push(breach("test-weakened", &file.path, None, message));
    }
    if new.skipped > old.skipped {
        let skips = |line: &str| LineCounter.count(&file.path, line).skipped > 0;
        let line = texts.added().find(|(_, line)| skips(line)).map(|(number, _)| number);
        let message = format!("{} switched off", counted(new.skipped - old.skipped, "test"));
        found.push(breach("test-skipped", &file.path, line, message));
    }
}

#[cfg(test)]
mod tests;
