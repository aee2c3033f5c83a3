//! What runs told of their tests: text of the usual runners, and report files. Everything here is hostile input:
//! reading is bounded, total and never fails; what is not understood counts as nothing.

mod automake;
mod cargo_test;
mod ctest;
mod environment;
mod go_test;
mod javascript;
mod junit;
mod lines;
mod maven;
mod python;
mod tap;

use std::collections::BTreeSet;

pub use environment::missing_from_environment;
use lines::Lines;

/// The most bytes of one output or report that are read; its last ones, since summaries stand at the end.
const MOST_BYTES: usize = 16 << 20;
/// The most names that are kept of each outcome.
const MOST_NAMES: usize = 50_000;
/// The longest name, in characters.
const LONGEST_NAME: usize = 300;

/// Tests by outcome. Names are kept where the runner tells them; counts always.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestOutcomes {
    /// How many passed.
    pub passed: u32,
    /// How many failed.
    pub failed: u32,
    /// How many could not be run to an end.
    pub errors: u32,
    /// How many were left out.
    pub skipped: u32,
    /// The names of those that passed, as far as they were told.
    pub passed_names: BTreeSet<String>,
    /// The names of those that failed or ended in an error.
    pub failed_names: BTreeSet<String>,
}

impl TestOutcomes {
    /// Counts a test that passed.
    pub fn pass(&mut self, name: &str) {
        self.passed = self.passed.saturating_add(1);
        keep(&mut self.passed_names, name);
    }

    /// Counts a test that failed.
    pub fn fail(&mut self, name: &str) {
        self.failed = self.failed.saturating_add(1);
        keep(&mut self.failed_names, name);
    }

    /// Counts a test that could not be run.
    pub fn error(&mut self, name: &str) {
        self.errors = self.errors.saturating_add(1);
        keep(&mut self.failed_names, name);
    }

    /// Counts a test that was left out.
    pub fn skip(&mut self) {
        self.skipped = self.skipped.saturating_add(1);
    }

    /// How many tests were told of.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.passed.saturating_add(self.failed).saturating_add(self.errors).saturating_add(self.skipped)
    }

    /// Whether every failure has its name.
    #[must_use]
    pub fn names_failures(&self) -> bool {
        self.failed_names.len() as u64 >= u64::from(self.failed) + u64::from(self.errors)
    }

    /// Whether every test that ran has its name.
    #[must_use]
    pub fn names_everything(&self) -> bool {
        self.names_failures() && self.passed_names.len() as u64 >= u64::from(self.passed)
    }

    /// Adds what another report told.
    pub fn add(&mut self, other: &Self) {
        self.passed = self.passed.saturating_add(other.passed);
        self.failed = self.failed.saturating_add(other.failed);
        self.errors = self.errors.saturating_add(other.errors);
        self.skipped = self.skipped.saturating_add(other.skipped);
        other.passed_names.iter().for_each(|name| keep(&mut self.passed_names, name));
        other.failed_names.iter().for_each(|name| keep(&mut self.failed_names, name));
    }

    /// Takes counts from a summary where it tells of more than was seen line by line.
    fn at_least(&mut self, passed: u32, failed: u32, errors: u32, skipped: u32) {
        self.passed = self.passed.max(passed);
        self.failed = self.failed.max(failed);
        self.errors = self.errors.max(errors);
        self.skipped = self.skipped.max(skipped);
    }

    fn told(self) -> Option<Self> {
        (self.total() > 0).then_some(self)
    }
}

fn keep(names: &mut BTreeSet<String>, name: &str) {
    let name = name.trim();
    if !name.is_empty() && names.len() < MOST_NAMES {
        names.insert(name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect());
    }
}

/// The last part of `bytes` that is read.
fn bounded(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.len().saturating_sub(MOST_BYTES)..]
}

/// What a run's output tells of tests, whichever runner wrote it; `None` where it tells nothing.
#[must_use]
pub fn read_output(output: &[u8]) -> Option<TestOutcomes> {
    let text = String::from_utf8_lossy(bounded(output));
    let lines = Lines::of(&text);
    // the order is from the most to the least distinctive form; a log holds one runner's words
    let readers: [fn(&Lines<'_>) -> Option<TestOutcomes>; 10] = [
        cargo_test::read,
        go_test::read_json,
        python::read_pytest,
        python::read_unittest,
        maven::read,
        ctest::read,
        automake::read,
        javascript::read,
        go_test::read_text,
        tap::read,
    ];
    readers.iter().find_map(|read| read(&lines))
}

/// What a report file tells: JUnit XML, TAP, `go test -json`, or any output that [`read_output`] knows.
#[must_use]
pub fn read_report(name: &str, content: &[u8]) -> Option<TestOutcomes> {
    let start = content.iter().take(64).copied().find(|byte| !byte.is_ascii_whitespace() && byte.is_ascii());
    if name.to_ascii_lowercase().ends_with(".xml") || start == Some(b'<') {
        return junit::read(&content[..content.len().min(MOST_BYTES)]);
    }
    read_output(content)
}

/// Reads all reports of one run together; where none tells anything, its output.
#[must_use]
pub fn read_run<'a>(reports: impl IntoIterator<Item = (&'a str, &'a [u8])>, output: &[u8]) -> Option<TestOutcomes> {
    let mut all = TestOutcomes::default();
    for told in reports.into_iter().filter_map(|(name, content)| read_report(name, content)) {
        all.add(&told);
    }
    all.told().or_else(|| read_output(output))
}

#[cfg(test)]
mod tests;
