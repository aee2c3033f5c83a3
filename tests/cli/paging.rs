//! A person's pager: only for eyes, never in the way, and what goes on in one line while they wait.

use serde_json::json;

use super::bench::{Bench, Outcome};
use super::sample;
use paraph::api::SessionRow;

/// A terminal with these variables.
fn at_terminal(variables: &[(&str, &str)]) -> Bench {
    let mut bench = Bench::new().at_terminal("");
    bench.variables.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    bench
}

#[track_caller]
fn check(outcome: &Outcome, pages: bool) {
    assert_eq!(outcome.status, 0, "{outcome:?}");
    assert_eq!((outcome.paged.is_empty(), outcome.out.is_empty()), (!pages, pages), "{outcome:?}");
}

#[test]
fn what_is_long_goes_through_the_pager_of_a_terminal() {
    let named = [("PARAPH_PAGER", "a-pager -x"), ("PAGER", "other")];
    for line in ["show 12", "diff 12", "diff 12 --stat", "log 12"] {
        check(&at_terminal(&named).run(line), true);
        check(&at_terminal(&[("PAGER", "a-pager -x")]).run(line), true);
        for other in [
            vec![("PARAPH_PAGER", "no-such-pager"), ("PAGER", "a-pager -x")],
            vec![("PARAPH_PAGER", ""), ("PAGER", "a-pager -x")],
            vec![("PARAPH_PAGER", "cat")],
            vec![("PARAPH_PAGER", "a-pager -x"), ("TERM", "dumb")],
            vec![],
        ] {
            check(&at_terminal(&other).run(line), false);
        }
        check(&at_terminal(&named).run(&format!("{line} --json")), false);
        let mut piped = at_terminal(&named);
        piped.terminal.output = false;
        check(&piped.run(line), false);
    }
    check(&at_terminal(&named).run("list"), false);
    let usual = Bench { pager: "less -FRX".to_owned(), ..at_terminal(&[]) };
    check(&usual.run("show 12"), true);
}

#[test]
fn a_pager_gets_what_the_terminal_would_have_got() {
    let direct = at_terminal(&[]).run("show 12 --color always");
    let paged = at_terminal(&[("PAGER", "a-pager -x")]).run("show 12 --color always");
    assert_eq!(paged.paged, direct.out);
    assert!(!paged.paged.contains('\u{7}') && paged.paged.contains("\u{1b}[1m"), "{paged:?}");
}

fn waited(bench: &Bench) -> Outcome {
    let finished = json!({"type": "check-finished", "session": 12, "version": 1, "check": sample::check("passed")});
    let started = json!({
        "type": "check-started", "session": 12, "version": 1, "repo": "r", "check": "unit", "on_base": false,
        "log": "/l",
    });
    let notice = |value| serde_json::from_value(value).expect("a notice");
    bench.notices(vec![
        sample::notice_changed("BranchApplied", false, true),
        notice(started),
        notice(finished),
        sample::notice_changed("Scored", true, false),
    ]);
    bench.answer("list", sample::list(&[sample::row("Created", false, true)]));
    bench.run("run a-goal --wait")
}

#[test]
fn waiting_is_one_line_on_a_terminal_and_lines_elsewhere() {
    let shown = waited(&Bench::new().at_terminal(""));
    assert_eq!(shown.status, 0, "{shown:?}");
    let lines: Vec<&str> = shown.err.split("\r\u{1b}[K").collect();
    assert!(lines.iter().any(|line| line.starts_with("12 checking · unit on the proposal · ")), "{lines:?}");
    assert_eq!(lines.last(), Some(&""), "nothing of it stays: {lines:?}");
    assert!(!shown.err.contains('\n'), "one line: {shown:?}");
    let plain = waited(&Bench::new());
    assert!(!plain.err.contains(['\r', '\u{1b}']), "{plain:?}");
    assert!(plain.err.contains("12 BranchApplied\n  running     unit on the proposal\n"), "{plain:?}");
    let mut dumb = Bench::new().at_terminal("");
    dumb.variables.insert("TERM".to_owned(), "dumb".to_owned());
    assert!(!waited(&dumb).err.contains('\r'));
    for outcome in [shown, plain] {
        let data = outcome.out.replace("\u{1b}[1m", "").replace("\u{1b}[0m", "").replace("\u{1b}[36m", "");
        assert!(data.starts_with("12 Scored: "), "only the end is data: {outcome:?}");
    }
}

#[test]
fn who_stands_in_line_is_told_how_many_are_before() {
    let bench = Bench::new();
    let row = SessionRow { reason: "queued behind 2 checks".into(), ..sample::row("BranchApplied", false, true) };
    bench.answer("list", sample::list(&[row]));
    bench.slow_notices(vec![sample::notice_changed("Scored", true, false)]);
    let outcome = bench.run("run a-goal --wait");
    assert_eq!(outcome.status, 0, "{outcome:?}");
    assert!(outcome.err.contains("  queued behind 2 checks\n"), "{outcome:?}");
}
