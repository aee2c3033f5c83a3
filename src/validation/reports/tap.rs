//! The Test Anything Protocol, with subtests.

use super::TestOutcomes;
use super::lines::Lines;

/// Only the top level counts, except for names: a subtest's outcome is its parent's.
pub(super) fn read(lines: &Lines<'_>) -> Option<TestOutcomes> {
    let is_plan = |line: &str| {
        let last = line.strip_prefix("1..").map(|rest| rest.split(' ').next().unwrap_or(rest));
        last.is_some_and(|last| !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if !lines.any(|line| is_plan(line) || line.starts_with("TAP version ")) {
        return None;
    }
    let mut told = TestOutcomes::default();
    for line in lines.iter() {
        if line.starts_with("Bail out!") {
            told.error("Bail out!");
            continue;
        }
        let failed = line.strip_prefix("not ok").map(|rest| (rest, false));
        let Some((rest, passed)) = failed.or_else(|| line.strip_prefix("ok").map(|rest| (rest, true))) else {
            continue;
        };
        if !(rest.is_empty() || rest.starts_with(' ')) {
            continue;
        }
        let (name, directive) = rest.split_once(" # ").unwrap_or((rest, ""));
        let name = name.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches([' ', '-']);
        match directive.to_ascii_uppercase() {
            word if word.starts_with("SKIP") || word.starts_with("TODO") => told.skip(),
            _ if passed => told.pass(name),
            _ => told.fail(name),
        }
    }
    told.told()
}
