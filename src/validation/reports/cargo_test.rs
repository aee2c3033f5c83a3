//! `cargo test` and `cargo nextest`: the words of libtest.

use super::TestOutcomes;
use super::lines::{Lines, number_before};

pub(super) fn read(lines: &Lines<'_>) -> Option<TestOutcomes> {
    let libtest = lines.any(|line| line.starts_with("test result: "));
    let nextest = lines.any(|line| line.trim_start().starts_with("Summary [") && line.contains(" run: "));
    if nextest {
        return read_nextest(lines);
    }
    if !libtest {
        return None;
    }
    let mut sums = TestOutcomes::default();
    let mut told = TestOutcomes::default();
    let mut target = String::new();
    for line in lines.iter() {
        if let Some(name) = binary(line) {
            target = name;
        } else if let Some(rest) = line.strip_prefix("test result: ") {
            let number = |word| number_before(rest, word).unwrap_or(0);
            sums.passed = sums.passed.saturating_add(number("passed"));
            sums.failed = sums.failed.saturating_add(number("failed"));
            sums.skipped = sums.skipped.saturating_add(number("ignored"));
        } else if let Some((name, outcome)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... ")) {
            let name = name.split(" - should panic").next().unwrap_or(name);
            one(&mut told, &format!("{target}{name}"), outcome);
        }
    }
    // output that tests wrote can imitate single lines; the sums are what counts
    let names = TestOutcomes { passed_names: told.passed_names, failed_names: told.failed_names, ..sums };
    names.told()
}

fn one(told: &mut TestOutcomes, name: &str, outcome: &str) {
    if outcome == "ok" || outcome.starts_with("ok ") {
        told.pass(name);
    } else if outcome.starts_with("FAILED") {
        told.fail(name);
    }
}

/// `Running unittests src/lib.rs (target/debug/deps/a-0123456789abcdef)`: names of one binary are its own.
fn binary(line: &str) -> Option<String> {
    let line = line.trim_start();
    if let Some(name) = line.strip_prefix("Doc-tests ") {
        return Some(format!("{name} doc: "));
    }
    let rest = line.strip_prefix("Running ")?;
    let path = rest.rsplit_once('(')?.1.strip_suffix(')')?;
    let file = path.rsplit('/').next().unwrap_or(path);
    let name = file.rsplit_once('-').map_or(file, |(name, _)| name);
    Some(format!("{name}: "))
}

fn read_nextest(lines: &Lines<'_>) -> Option<TestOutcomes> {
    let mut told = TestOutcomes::default();
    let mut counts = (0, 0, 0);
    let mut over = false;
    for line in lines.iter() {
        let line = line.trim_start();
        if line.starts_with("Summary [") {
            let failed = number_before(line, "failed").unwrap_or(0) + number_before(line, "timed").unwrap_or(0);
            counts = (number_before(line, "passed").unwrap_or(0), failed, number_before(line, "skipped").unwrap_or(0));
            over = true;
        }
        let Some((word, rest)) = line.split_once(" [").filter(|_| !over) else { continue };
        let name = rest.split_once("] ").map_or("", |(_, name)| name);
        match word {
            "PASS" => told.pass(name),
            "FAIL" | "TIMEOUT" | "SIGABRT" | "SIGSEGV" | "ABORT" => told.fail(name),
            _ => {}
        }
    }
    told.at_least(counts.0, counts.1, 0, counts.2);
    told.told()
}
