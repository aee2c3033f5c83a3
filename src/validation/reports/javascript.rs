//! jest, vitest, mocha, node:test and ava, as they write to the console.

use std::collections::HashSet;

use super::TestOutcomes;
use super::lines::{Lines, number_before};

pub(super) fn read(lines: &Lines<'_>) -> Option<TestOutcomes> {
    node(lines).or_else(|| jest_or_vitest(lines)).or_else(|| mocha(lines)).or_else(|| ava(lines))
}

/// jest: `Tests:       1 failed, 2 skipped, 9 passed, 12 total`; vitest: `Tests  1 failed | 9 passed (10)`.
fn jest_or_vitest(lines: &Lines<'_>) -> Option<TestOutcomes> {
    let is_sum = |line: &&str| {
        let line = line.trim_start();
        let jest = line.starts_with("Tests:") && line.contains("total");
        jest || line.starts_with("Tests  ") && line.contains('(')
    };
    let sum = lines.iter().rev().find(is_sum)?;
    let number = |word| number_before(sum, word).unwrap_or(0);
    let mut told = TestOutcomes::default();
    named(lines, &mut told);
    TestOutcomes {
        passed: number("passed"),
        failed: number("failed"),
        skipped: number("skipped") + number("todo") + number("pending"),
        ..told
    }
    .told()
}

/// mocha: `  9 passing (20ms)`, `  1 failing`, `  2 pending`, and a numbered list of failures.
fn mocha(lines: &Lines<'_>) -> Option<TestOutcomes> {
    let count = |word: &str| {
        let of = |line: &str| {
            let mut parts = line.split_whitespace();
            let number: u32 = parts.next()?.parse().ok()?;
            (parts.next() == Some(word)).then_some(number)
        };
        lines.iter().rev().find_map(of)
    };
    let passed = count("passing")?;
    let mut told = TestOutcomes::default();
    named(lines, &mut told);
    told.passed = passed;
    told.failed = count("failing").unwrap_or(0);
    told.skipped = count("pending").unwrap_or(0);
    told.told()
}

/// node:test's spec reporter: `ℹ pass 3`; its TAP reporter: `# pass 3`.
fn node(lines: &Lines<'_>) -> Option<TestOutcomes> {
    let count = |word: &str| {
        let of = |line: &str| {
            let rest = line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# "))?;
            rest.strip_prefix(word)?.strip_prefix(' ')?.trim().parse::<u32>().ok()
        };
        lines.iter().rev().find_map(of)
    };
    let (passed, failed) = (count("pass")?, count("fail")?);
    let mut told = TestOutcomes::default();
    named(lines, &mut told);
    for line in lines.iter().map(str::trim_start) {
        let name = |rest: &str| rest.split_once(" - ").map(|(_, name)| name.to_owned());
        if let Some(name) = line.strip_prefix("not ok ").and_then(name) {
            told.fail(name.split(" # ").next().unwrap_or(&name));
        } else if let Some(name) = line.strip_prefix("ok ").and_then(name).filter(|name| !name.contains(" # SKIP")) {
            told.pass(&name);
        }
    }
    told.passed = passed;
    told.failed = failed.saturating_add(count("cancelled").unwrap_or(0));
    told.skipped = count("skipped").unwrap_or(0) + count("todo").unwrap_or(0);
    told.told()
}

/// ava: `  ✔ file › title (12ms)`, `  ✘ [fail]: file › title Error`, then `  3 tests failed` and `  51 tests passed`.
fn ava(lines: &Lines<'_>) -> Option<TestOutcomes> {
    let count = |words: &[&str]| {
        let of = |line: &str| {
            let (number, rest) = line.trim().split_once(' ')?;
            let said = rest.strip_prefix("tests ").or_else(|| rest.strip_prefix("test "))?;
            words.contains(&said).then(|| number.parse::<u32>().ok()).flatten()
        };
        lines.iter().rev().find_map(of)
    };
    let (passed, failed) = (count(&["passed"]), count(&["failed"]));
    passed.or(failed)?;
    let titles: HashSet<&str> = lines.iter().map(str::trim).collect();
    let mut told = TestOutcomes::default();
    for line in lines.iter().map(str::trim) {
        if let Some(name) = line.strip_prefix("✔ ") {
            told.pass(without_time(name.trim()));
        } else if let Some(rest) = line.strip_prefix("✘ [fail]: ").or_else(|| line.strip_prefix("✖ [fail]: ")) {
            // what went wrong stands behind the title, which stands alone above its details
            let mut ends = rest.char_indices().filter(|(_, c)| *c == ' ').map(|(at, _)| &rest[..at]);
            let title = ends.rfind(|start| titles.contains(start));
            told.fail(without_time(title.unwrap_or(rest)));
        }
    }
    told.passed = passed.unwrap_or(0);
    told.failed = failed.unwrap_or(0);
    told.skipped = count(&["skipped"]).unwrap_or(0) + count(&["todo"]).unwrap_or(0);
    told.told()
}

/// Lines with a tick or a cross, below the names of their suites; the indentation says which.
fn named(lines: &Lines<'_>, told: &mut TestOutcomes) {
    let mut above: Vec<(usize, String)> = Vec::new();
    let mut file = String::new();
    for line in lines.iter() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if let Some(rest) = text.strip_prefix("PASS ").or_else(|| text.strip_prefix("FAIL ")) {
            file = format!("{} ", rest.split(" > ").next().unwrap_or(rest).split(" (").next().unwrap_or(rest).trim());
            above.clear();
            continue;
        }
        if text == "✖ failing tests:" {
            break; // node tells them again, without their suites
        }
        let tick = text.strip_prefix(['✓', '✔', '√']).map(|rest| (rest, true));
        let mark = tick.or_else(|| text.strip_prefix(['✕', '✖', '×', '✗']).map(|rest| (rest, false)));
        above.retain(|(depth, _)| *depth < indent);
        if let Some((rest, passed)) = mark {
            let suites: String = above.iter().map(|(_, suite)| format!("{suite} > ")).collect();
            let name = format!("{file}{suites}{}", without_time(rest.trim()));
            if passed { told.pass(&name) } else { told.fail(&name) }
        } else if !text.is_empty() && (indent > 0 || text.starts_with("▶ ")) && above.len() < 20 && text.len() < 200 {
            above.push((indent, text.strip_prefix("▶ ").unwrap_or(text).to_owned()));
        }
    }
}

/// `adds (3 ms)` and `adds 3ms` are `adds`: a name that holds its time is another name each run.
fn without_time(name: &str) -> &str {
    let is_time = |text: &str| {
        let number = text.trim_end_matches(['m', 's', ' ']);
        text.ends_with('s') && number.starts_with(|c: char| c.is_ascii_digit()) && number.parse::<f64>().is_ok()
    };
    if let Some((before, time)) = name.rsplit_once(" (")
        && time.strip_suffix(')').is_some_and(is_time)
    {
        return before.trim_end();
    }
    match name.rsplit_once(' ') {
        Some((before, time)) if is_time(time) => before.trim_end(),
        _ => name,
    }
}
