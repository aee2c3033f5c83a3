//! Tests that went, shrank or were switched off.

mod counter;

pub(super) use counter::SyntaxCounter;
use counter::{LineCounter, TestCounter, TestCounts};

use super::rules::breach;
use super::{Violation, added};
use crate::diff::{ChangeSet, FileChange};

/// What the change does to its tests.
pub(super) fn check(counter: &dyn TestCounter, changes: &ChangeSet, found: &mut Vec<Violation>) {
    let count = |file: &FileChange, side| {
        added::text(side).map_or_else(TestCounts::default, |text| counter.count(&file.path, text))
    };
    let judged: Vec<(&FileChange, TestCounts, TestCounts)> = changes
        .files()
        .iter()
        .map(|file| (file, count(file, file.old.as_ref()), count(file, file.new.as_ref())))
        .collect();
    let arrived: Vec<(&FileChange, u32)> = judged
        .iter()
        .filter(|(file, _, new)| file.old.is_none() && new.tests > 0)
        .map(|(file, _, new)| (*file, new.tests))
        .collect();
    for (file, old, new) in &judged {
        if file.new.is_none() {
            deleted(file, old, &arrived, found);
        } else if file.old.is_some() {
            compare(file, old, new, found);
        }
    }
}

fn deleted(file: &FileChange, old: &TestCounts, arrived: &[(&FileChange, u32)], found: &mut Vec<Violation>) {
    if old.tests == 0 {
        return;
    }
    // a file that moved took its tests along
    let took = |(other, tests): &(&FileChange, u32)| {
        let same_name = other.path.file_name() == file.path.file_name();
        let same_content =
            || other.new.as_ref().map(|side| &side.content) == file.old.as_ref().map(|side| &side.content);
        *tests >= old.tests && (same_name || same_content())
    };
    if !arrived.iter().any(took) {
        let message = format!("a file with {} is deleted", plural(old.tests, "test"));
        found.push(breach("test-deleted", &file.path, None, message));
    }
}

fn compare(file: &FileChange, old: &TestCounts, new: &TestCounts, found: &mut Vec<Violation>) {
    if new.tests < old.tests {
        let message = format!("{} fewer than before", plural(old.tests - new.tests, "test"));
        found.push(breach("test-weakened", &file.path, None, message));
    } else if new.tests == old.tests && new.tests > 0 && new.assertions < old.assertions {
        let message = format!("{} fewer in as many tests", plural(old.assertions - new.assertions, "assertion"));
        found.push(breach("test-weakened", &file.path, None, message));
    }
    if new.skipped > old.skipped {
        let skips = |line: &str| LineCounter.count(&file.path, line).skipped > 0;
        let line = added::lines(file).into_iter().find(|(_, line)| skips(line)).map(|(number, _)| number);
        let message = format!("{} switched off", plural(new.skipped - old.skipped, "test"));
        found.push(breach("test-skipped", &file.path, line, message));
    }
}

fn plural(count: u32, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
