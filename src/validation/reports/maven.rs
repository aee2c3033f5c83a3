//! Maven's surefire and failsafe, and Gradle, as they write to the console.

use super::TestOutcomes;
use super::lines::{Lines, number_after, number_before};

pub(super) fn read(lines: &Lines<'_>) -> Option<TestOutcomes> {
    surefire(lines).or_else(|| gradle(lines))
}

fn unmarked(line: &str) -> &str {
    ["[INFO] ", "[ERROR] ", "[WARNING] "].iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line).trim()
}

/// Sums without a class are a module's; lines with `-- in` or `- in` are one class of it.
fn surefire(lines: &Lines<'_>) -> Option<TestOutcomes> {
    let mut sums = TestOutcomes::default();
    for line in lines.iter().map(unmarked).filter(|line| line.starts_with("Tests run: ")) {
        if line.contains("Time elapsed") {
            continue;
        }
        let number = |key| number_after(line, key).unwrap_or(0);
        let (failed, errors, skipped) = (number("Failures: "), number("Errors: "), number("Skipped: "));
        let passed = number("Tests run: ").saturating_sub(failed).saturating_sub(errors).saturating_sub(skipped);
        sums.add(&TestOutcomes { passed, failed, errors, skipped, ..TestOutcomes::default() });
    }
    for line in lines.iter().map(unmarked) {
        let ended =
            line.split_once(" <<< ").filter(|(_, how)| how.starts_with("FAILURE!") || how.starts_with("ERROR!"));
        let Some((what, _)) = ended.filter(|(what, _)| !what.starts_with("Tests run")) else { continue };
        let name = what.split(" -- Time elapsed").next().unwrap_or(what);
        super::keep(&mut sums.failed_names, name.split("  Time elapsed").next().unwrap_or(name));
    }
    sums.told()
}

/// `ATest > works() FAILED`, `12 tests completed, 1 failed, 2 skipped`.
fn gradle(lines: &Lines<'_>) -> Option<TestOutcomes> {
    let mut told = TestOutcomes::default();
    for line in lines.iter().filter(|line| line.contains(" > ") && !line.starts_with('>')) {
        match line.rsplit_once(' ') {
            Some((name, "PASSED")) => told.pass(name),
            Some((name, "FAILED")) => told.fail(name),
            Some((_, "SKIPPED")) => told.skip(),
            _ => {}
        }
    }
    let is_sum = |line: &&str| {
        number_before(line, "tests").or(number_before(line, "test")).is_some() && line.contains(" completed")
    };
    if let Some(sum) = lines.iter().rev().find(is_sum) {
        let number = |word| number_before(sum, word).unwrap_or(0);
        let total = number("tests").max(number("test"));
        let (failed, skipped) = (number("failed"), number("skipped"));
        told.at_least(total.saturating_sub(failed).saturating_sub(skipped), failed, 0, skipped);
    }
    let is_gradle = |line: &str| line.starts_with("> Task :") || line.starts_with("BUILD ");
    told.told().filter(|_| lines.any(is_gradle))
}
