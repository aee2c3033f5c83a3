//! Automake's parallel tests: a line for each and counts at the end.

use super::TestOutcomes;
use super::lines::Lines;

pub(super) fn read(lines: &Lines<'_>) -> Option<TestOutcomes> {
    let count = |name: &str| {
        let line = lines
            .iter()
            .rev()
            .find_map(|line| line.trim().strip_prefix("# ")?.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().parse::<u32>().ok()
    };
    count("TOTAL").filter(|total| *total > 0)?;
    let mut outcomes = TestOutcomes::default();
    for line in lines.iter() {
        match line.split_once(": ") {
            Some(("PASS" | "XFAIL", name)) => outcomes.pass(name),
            Some(("FAIL" | "XPASS", name)) => outcomes.fail(name),
            Some(("ERROR", name)) => outcomes.error(name),
            Some(("SKIP", _)) => outcomes.skip(),
            _ => {}
        }
    }
    let of = |name: &str| count(name).unwrap_or(0);
    outcomes.at_least(of("PASS") + of("XFAIL"), of("FAIL") + of("XPASS"), of("ERROR"), of("SKIP"));
    outcomes.told()
}
