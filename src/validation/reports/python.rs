//! pytest and unittest.

use super::TestOutcomes;
use super::lines::{Lines, number_after, number_before};

/// pytest: the last line between `=` says the counts; `-v` and `-r` lines say names.
pub(super) fn read_pytest(lines: &Lines<'_>) -> Option<TestOutcomes> {
    let summary = lines.iter().rev().map(trim_rule).find(|line| is_summary(line))?.to_owned();
    let mut told = TestOutcomes::default();
    for line in lines.iter() {
        verbose(line, &mut told);
    }
    short_summary(lines, &mut told);
    let number = |words: &[&str]| words.iter().filter_map(|word| number_before(&summary, word)).sum::<u32>();
    let outcomes = TestOutcomes {
        passed: number(&["passed", "xpassed"]),
        failed: number(&["failed"]),
        errors: number(&["error", "errors"]),
        skipped: number(&["skipped", "xfailed"]),
        ..told
    };
    outcomes.told()
}

fn trim_rule(line: &str) -> &str {
    line.trim_matches(|c| c == '=' || c == ' ')
}

fn is_summary(line: &str) -> bool {
    let counts = ["passed", "failed", "error", "errors", "skipped", "xfailed", "xpassed", "deselected"];
    line.contains(" in ")
        && line.ends_with('s') | line.ends_with(')')
        && counts.iter().any(|word| number_before(line, word).is_some())
}

/// `tests/test_a.py::test_b PASSED  [ 50%]`, and xdist's `[gw0] [ 50%] PASSED tests/test_a.py::test_b`.
fn verbose(line: &str, told: &mut TestOutcomes) {
    let words = ["PASSED", "FAILED", "ERROR", "XPASS", "XFAIL", "SKIPPED"];
    for word in words {
        let after = line.split_once(&format!(" {word}")).map(|(name, _)| name);
        let xdist =
            line.strip_prefix("[gw").and_then(|rest| rest.split_once(&format!("] {word} "))).map(|(_, name)| name);
        let Some(name) = xdist.or(after).filter(|name| name.contains("::") && !name.starts_with(word)) else {
            continue;
        };
        match word {
            "PASSED" | "XPASS" => told.pass(name),
            "FAILED" => told.fail(name),
            "ERROR" => told.error(name),
            _ => {}
        }
        return;
    }
}

/// `FAILED tests/test_a.py::test_b - assert 1 == 2` of the short summary.
fn short_summary(lines: &Lines<'_>, told: &mut TestOutcomes) {
    for line in lines.iter() {
        let subtest = line.strip_prefix("SUBFAILED").and_then(|rest| rest.split_once(' ')).map(|(_, rest)| rest);
        let failed = line.strip_prefix("FAILED ").or(subtest).map(|rest| (rest, true));
        let Some((rest, failed)) = failed.or_else(|| line.strip_prefix("ERROR ").map(|rest| (rest, false))) else {
            continue;
        };
        let name = rest.split(" - ").next().unwrap_or(rest).trim();
        if (name.contains("::") || name.ends_with(".py")) && !told.failed_names.contains(name) {
            if failed { told.fail(name) } else { told.error(name) }
        }
    }
}

/// unittest: `Ran 3 tests in 0.001s`, then `OK` or `FAILED (failures=1, errors=1)`.
pub(super) fn read_unittest(lines: &Lines<'_>) -> Option<TestOutcomes> {
    let ran = lines.iter().rev().find(|line| line.starts_with("Ran ") && line.contains(" test"))?;
    let total = number_after(ran, "Ran ")?;
    let is_end = |line: &&str| *line == "OK" || line.starts_with("OK (") || line.starts_with("FAILED (");
    let end = lines.iter().rev().find(is_end).unwrap_or("");
    let number = |key| number_after(end, key).unwrap_or(0);
    let mut told = TestOutcomes::default();
    let mut before = "";
    for line in lines.iter() {
        if let Some((name, outcome)) = line.split_once(" ... ") {
            // with a docstring the test's own name stands on the line before
            match (test_name(name).or_else(|| test_name(before)), outcome) {
                (Some(name), "ok") => told.pass(name),
                (Some(name), "FAIL") => told.fail(name),
                (Some(name), "ERROR") => told.error(name),
                _ => {}
            }
        } else if let Some(name) = line.strip_prefix("FAIL: ").or_else(|| line.strip_prefix("ERROR: ")) {
            told.fail(test_name(name).unwrap_or(name));
        }
        before = line;
    }
    let (failed, errors) = (number("failures=") + number("unexpected successes="), number("errors="));
    let skipped = number("skipped=") + number("expected failures=");
    let passed = total.saturating_sub(failed).saturating_sub(errors).saturating_sub(skipped);
    TestOutcomes { passed, failed, errors, skipped, ..told }.told()
}

/// `test_a (module.Class.test_a)`, without the parameters of a subtest that may follow.
fn test_name(text: &str) -> Option<&str> {
    let text = text.trim();
    let end = text.find(')')?;
    let (name, place) = text[..end].split_once(" (")?;
    (!name.contains(' ') && !place.contains(' ')).then(|| &text[..=end])
}
