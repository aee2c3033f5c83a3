//! `go test`, with and without `-v`, and `-json`.

use serde_json::Value;

use super::TestOutcomes;
use super::lines::Lines;

pub(super) fn read_json(lines: &Lines<'_>) -> Option<TestOutcomes> {
    let mut told = TestOutcomes::default();
    for line in lines.iter().filter(|line| line.starts_with('{') && line.contains("\"Action\"")) {
        let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
        let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or("");
        let (package, test) = (text("Package"), text("Test"));
        match (text("Action"), test.is_empty()) {
            ("pass", false) => told.pass(&format!("{package}.{test}")),
            ("fail", false) => told.fail(&format!("{package}.{test}")),
            ("skip", false) => told.skip(),
            // a package that fails to build fails without any test
            ("build-fail", _) => told.error(text("ImportPath")),
            _ => {}
        }
    }
    told.told()
}

pub(super) fn read_text(lines: &Lines<'_>) -> Option<TestOutcomes> {
    if !lines.any(|line| package(line).is_some()) {
        return None;
    }
    let mut told = TestOutcomes::default();
    let mut waiting: Vec<(String, Outcome)> = Vec::new();
    for line in lines.iter() {
        if let Some(test) = one(line) {
            waiting.push(test);
        } else if let Some((state, package)) = package(line) {
            if waiting.is_empty() {
                whole(state, package, line, &mut told);
            }
            for (name, outcome) in waiting.drain(..) {
                let name = format!("{package}.{name}");
                match outcome {
                    Outcome::Pass => told.pass(&name),
                    Outcome::Fail => told.fail(&name),
                    Outcome::Skip => told.skip(),
                }
            }
        }
    }
    told.told()
}

#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Pass,
    Fail,
    Skip,
}

/// A package without lines for its tests (no `-v`): it counts as one.
fn whole(state: &str, package: &str, line: &str, told: &mut TestOutcomes) {
    match state {
        "ok" if line.contains("[no tests to run]") => {}
        "ok" => told.pass(package),
        "FAIL" if line.contains("[build failed]") || line.contains("[setup failed]") => told.error(package),
        "FAIL" => told.fail(package),
        _ => {}
    }
}

/// `--- FAIL: TestA (0.00s)`, indented for subtests.
fn one(line: &str) -> Option<(String, Outcome)> {
    let rest = line.trim_start().strip_prefix("--- ")?;
    let (word, name) = rest.split_once(": ")?;
    let outcome = match word {
        "PASS" => Outcome::Pass,
        "FAIL" => Outcome::Fail,
        "SKIP" => Outcome::Skip,
        _ => return None,
    };
    Some((name.split(" (").next().unwrap_or(name).to_owned(), outcome))
}

/// `ok  \tpackage\t0.1s`, `FAIL\tpackage [build failed]`, `?   \tpackage\t[no test files]`.
fn package(line: &str) -> Option<(&str, &str)> {
    let (state, rest) = line.split_once('\t')?;
    let state = state.trim();
    let name = rest.split(['\t', ' ']).next().filter(|name| !name.is_empty())?;
    matches!(state, "ok" | "FAIL" | "?").then_some((state, name))
}
