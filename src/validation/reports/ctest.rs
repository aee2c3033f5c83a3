//! CTest: `1/3 Test #1: name ....   Passed    0.01 sec`.

use super::TestOutcomes;
use super::lines::{Lines, number_after};

pub(super) fn read(lines: &Lines<'_>) -> Option<TestOutcomes> {
    let sum =
        lines.iter().rev().find(|line| line.contains("tests passed, ") && line.contains("tests failed out of"))?;
    let mut told = TestOutcomes::default();
    for line in lines.iter().filter_map(|line| line.split_once(" Test ")?.1.split_once(": ").map(|(_, rest)| rest)) {
        let Some((name, outcome)) = line.split_once(" .").or_else(|| line.split_once("***")) else { continue };
        let outcome = outcome.trim_start_matches(['.', ' ', '*']);
        if outcome.starts_with("Passed") {
            told.pass(name);
        } else if outcome.starts_with("Not Run") || outcome.starts_with("Skipped") {
            told.skip();
        } else if outcome.starts_with("Timeout") || outcome.starts_with("Exception") {
            told.error(name);
        } else if outcome.starts_with("Failed") {
            told.fail(name);
        }
    }
    if told.total() == 0 {
        let failed = number_after(sum, "tests passed, ").unwrap_or(0);
        let total = number_after(sum, "tests failed out of ").unwrap_or(0);
        told.at_least(total.saturating_sub(failed), failed, 0, 0);
    }
    told.told()
}
