//! Decisions: never without what was seen, never by accident.

use serde_json::{Value, json};

use super::bench::Bench;
use super::sample::{self, AT, EVIL, digest};

#[test]
fn without_a_terminal_the_digest_is_compulsory() {
    for verb in ["approve", "reject", "request-changes"] {
        let bench = Bench::new();
        let outcome = bench.run(&format!("{verb} 12@v1 -m why"));
        assert_eq!(outcome.status, 2, "{outcome:?}");
        assert!(outcome.err.contains("--digest") && outcome.err.contains("hint: "), "{outcome:?}");
        assert!(!outcome.err.contains(&digest()[..12]), "the digest is read, not handed out: {outcome:?}");
        assert!(bench.asked().is_empty(), "nothing was asked");
    }
}

#[test]
fn a_digest_has_twelve_digits_and_a_version() {
    let check = |line: &str, status: u8| {
        let bench = Bench::new();
        let outcome = bench.run(line);
        assert_eq!(outcome.status, status, "{line}: {outcome:?}");
        assert_eq!(bench.asked().contains(&"decide"), status == 0, "{line}");
    };
    check("approve 12@v1 --digest 7f3a9c0d11aa", 0);
    check("approve 12@v1 --digest 7F3A9C0D11AA", 0);
    check("approve 12@v1 --digest 7f3a9c0d11a", 2);
    check("approve 12@v1 --digest 7f3a9c0d11ag", 2);
    check("approve 12 --digest 7f3a9c0d11aa", 2);
}

#[test]
fn a_script_decides_with_what_it_read() {
    let bench = Bench::new();
    bench.run("request-changes 12@v1 --repo r --digest 7f3a9c0d11aa -m why");
    let expected = json!({
        "session": "12@v1", "repo": "r", "verdict": "request-changes", "digest": "7f3a9c0d11aa", "message": "why",
    });
    assert_eq!(bench.request("decide"), Some(expected));
}

#[test]
fn no_question_is_put_where_nobody_sits() {
    let mut bench = Bench::new();
    bench.typed = b"y\n".to_vec();
    assert_eq!(bench.run("approve 12@v1").status, 2, "a piped y is no key");
    bench.answer("trust", json!({"path": "/r", "trusted": false, "commands": ["make"]}));
    let outcome = bench.run("run a-goal");
    assert_eq!(outcome.status, 0);
    assert!(!bench.asked().contains(&"trust"), "{:?}", bench.asked());
    let bench = Bench::new().at_terminal("y\n");
    assert_eq!(bench.run("approve 12@v1 --json").status, 2, "a program that reads JSON presses no key");
}

#[track_caller]
fn typed(offer: Value, line: &str, typed: &str, status: u8, message: Option<&str>) {
    let bench = Bench::new().at_terminal(typed);
    bench.answer("panel", sample::panel(offer, Value::Null));
    let outcome = bench.run(line);
    assert_eq!(outcome.status, status, "{line} {typed:?}: {outcome:?}");
    assert!(outcome.err.contains(&digest()[..12]), "the panel was shown: {outcome:?}");
    assert!(outcome.err.contains("  1 file, +1 -1\n    M "), "with what it changes: {outcome:?}");
    let decided = bench.request("decide");
    assert_eq!(decided.as_ref().map(|it| it["message"].as_str().expect("words")), message, "{line} {typed:?}");
    if let Some(decided) = decided {
        assert_eq!(decided["digest"], digest(), "the whole digest that was shown");
        assert_eq!(decided["session"], "12@v1");
    }
}

#[test]
fn on_a_terminal_a_second_key_decides() {
    let clean = || json!({"offer": "clean"});
    typed(clean(), "approve 12", "y\n", 0, Some(""));
    typed(clean(), "approve 12", "Y\n", 0, Some(""));
    typed(clean(), "approve 12", "\n", 130, None);
    typed(clean(), "approve 12", "", 130, None);
    typed(clean(), "approve 12", "yes please\n", 130, None);
    typed(clean(), "approve 12", "n\n", 130, None);
    typed(clean(), "reject 12 -m no", "y\n", 0, Some("no"));
    typed(clean(), "reject 12", "y\nnot like this\n", 0, Some("not like this"));
    typed(clean(), "reject 12", "y\n\n", 130, None);
    typed(clean(), "request-changes 12", "y\ntests, please\n", 0, Some("tests, please"));
}

#[test]
fn what_asks_for_care_is_approved_by_its_number_and_a_reason() {
    let care = |reason: bool| json!({"offer": "with-care", "because": [EVIL], "reason": reason});
    typed(care(true), "approve 12@v1", "y\n", 130, None);
    typed(care(true), "approve 12@v1", "13\n", 130, None);
    typed(care(true), "approve 12@v1", "12\nI ran them by hand\n", 0, Some("I ran them by hand"));
    typed(care(true), "approve 12@v1", "12\n\n", 130, None);
    typed(care(true), "approve 12@v1 -m because", "12\n", 0, Some("because"));
    typed(care(false), "approve 12@v1", "12\n", 0, Some(""));
}

#[test]
fn what_is_not_offered_or_was_decided_cannot_be_approved() {
    let not = json!({"offer": "not", "because": ["superseded by v2"]});
    typed(not.clone(), "approve 12", "y\n", 6, None);
    typed(not, "reject 12 -m no", "y\n", 0, Some("no"));
    let bench = Bench::new().at_terminal("y\n");
    let decision = json!({"verdict": "reject", "by": EVIL, "at": AT, "message": ""});
    bench.answer("panel", sample::panel(json!({"offer": "clean"}), decision));
    let outcome = bench.run("approve 12");
    assert_eq!(outcome.status, 5, "{outcome:?}");
    assert!(outcome.err.contains("already decided: reject"), "{outcome:?}");
    assert!(!bench.asked().contains(&"decide"));
}

#[test]
fn trust_is_asked_once_and_shows_what_it_lets_run() {
    let check = |typed: &str, trusts: bool| {
        let bench = Bench::new().at_terminal(typed);
        bench.answer("trust", json!({"path": "/r", "trusted": false, "commands": ["make test"]}));
        let outcome = bench.run("run a-goal");
        assert_eq!(outcome.status, 0, "{outcome:?}");
        assert!(outcome.err.contains("make test"), "{outcome:?}");
        assert_eq!(bench.request("trust").expect("asked")["trust"] == json!(true), trusts, "{typed:?}");
        assert_eq!(bench.asked().last(), Some(&"run"));
    };
    check("y\n", true);
    check("\n", false);
    check("", false);
    let no = Bench::new().at_terminal("n\n");
    no.answer("trust", json!({"path": "/r", "trusted": false, "commands": ["make test"]}));
    assert_eq!(no.run("run a-goal").status, 0);
    assert_eq!(no.request("trust").expect("asked")["trust"], json!(false), "a no is recorded");
    let refused = Bench::new().at_terminal("y\n");
    refused.answer("trust", json!({"path": "/r", "trusted": false, "refused": true, "commands": ["make test"]}));
    let outcome = refused.run("run a-goal");
    assert!(outcome.err.contains("paraph trust /r") && !outcome.err.contains("y: trust it"), "{outcome:?}");
    assert_eq!(refused.request("trust").expect("asked")["trust"], json!(null), "and nobody is asked again");
    let trusted = Bench::new().at_terminal("");
    assert!(!trusted.run("run a-goal").err.contains("trust it"), "nothing is asked where trust is there");
}

#[test]
fn trust_is_given_to_paths_and_addresses() {
    let check = |args: &str, path: &str| {
        let bench = Bench::new();
        assert_eq!(bench.run(&format!("trust {args}")).status, 0, "{args}");
        assert_eq!(bench.request("trust").expect("asked")["path"], path, "{args}");
    };
    check("https://example.org/a.git", "https://example.org/a.git");
    check("ssh://git@example.org/a.git --show", "ssh://git@example.org/a.git");
    check("git@example.org:a/b.git --revoke", "git@example.org:a/b.git");
    check("/srv/a", "/srv/a");
}
