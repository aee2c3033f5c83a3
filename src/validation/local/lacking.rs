//! What a check is known to lack before it runs, such as `node_modules`: its failure is the machine's, not the change's.

use super::run::Ran;
use crate::validation::{Check, RunEnd};

/// `ran` as the base's run. One that told of a test that passed did without what is missing.
pub(super) fn on_base(check: &Check, ran: Ran) -> Ran {
    let told = ran.tests.as_ref().is_some_and(|tests| tests.passed > 0);
    if told { ran } else { excused(check, ran) }
}

/// `ran` as the proposal's, which lacks what the base lacked.
pub(super) fn on_proposal(check: &Check, ran: Ran, base: &Ran) -> Ran {
    if base.end == RunEnd::Environment { excused(check, ran) } else { ran }
}

fn excused(check: &Check, ran: Ran) -> Ran {
    match &check.lacks {
        Some(lacks) if ran.end != RunEnd::Passed => {
            Ran { end: RunEnd::Environment, tests: None, note: lacks.clone(), ..ran }
        }
        _ => ran,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::{CheckKind, CommandLine, TestOutcomes};

    fn ran(end: RunEnd, passed: u32) -> Ran {
        let tests = (passed > 0).then(|| TestOutcomes { passed, ..TestOutcomes::default() });
        Ran { end, tests, ..Ran::not("its own words".to_owned()) }
    }

    #[track_caller]
    fn check(lacks: Option<&str>, base: Ran, proposal: Ran, expected: [RunEnd; 2], note: &str) {
        let check = Check {
            name: "a".to_owned(),
            kind: CheckKind::Test,
            command: CommandLine::Args(Vec::new()),
            cwd: String::new(),
            timeout_s: 1,
            group: String::new(),
            env: std::collections::BTreeMap::new(),
            reports: Vec::new(),
            lacks: lacks.map(str::to_owned),
        };
        let base = on_base(&check, base);
        let proposal = on_proposal(&check, proposal, &base);
        assert_eq!([base.end, proposal.end], expected);
        assert_eq!(proposal.note, note);
    }

    #[test]
    fn a_failure_is_the_lacks_only_where_the_base_could_not_do_without() {
        use RunEnd::{CouldNotStart, Environment, Failed, NotRun, Passed};
        let lacks = Some("x is missing");
        check(lacks, ran(Failed, 0), ran(Failed, 0), [Environment; 2], "x is missing");
        check(lacks, ran(CouldNotStart, 0), ran(CouldNotStart, 0), [Environment; 2], "x is missing");
        check(lacks, ran(NotRun, 0), ran(NotRun, 0), [Environment; 2], "x is missing");
        check(lacks, ran(Failed, 0), ran(Passed, 1), [Environment, Passed], "its own words");
        check(lacks, ran(Passed, 0), ran(Failed, 0), [Passed, Failed], "its own words");
        check(lacks, ran(Failed, 3), ran(Failed, 2), [Failed; 2], "its own words");
        check(None, ran(Failed, 0), ran(Failed, 0), [Failed; 2], "its own words");
    }
}
