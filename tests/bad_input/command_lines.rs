//! Wrong flags, wrong ids, wrong files: every verb, with its exit status, what it says and that it says what to type.

use crate::den::{Den, GOAL};

/// Command line, exit status, a part of what is said. `R` is a repository, `E` an empty folder that is none.
const WRONG: &[(&str, i32, &str)] = &[
    ("lst", 2, "'list'"),
    ("--nonsense", 2, "--nonsense"),
    ("run", 2, "GOAL"),
    ("run g --kind z", 2, "bugfix, refactor, feature, docs or deps"),
    ("run g --engine z --repo R", 2, "rules, patch, adopt, llm, command or agent"),
    ("run g --repo R --engine llm", 4, "no model is configured"),
    ("run g --repo E", 3, "not inside a git repository"),
    ("run g --repo /nonexistent", 3, "/nonexistent"),
    ("run g --repo R --playbook z", 2, "z"),
    ("run g --repo R --base main --dirty", 2, "--dirty"),
    ("run g --repo R --patch /nonexistent", 1, "/nonexistent"),
    ("adopt", 2, ""),
    ("adopt no-such-branch --repo R", 3, "no-such-branch"),
    ("adopt x --repo E", 3, "not inside a git repository"),
    ("adopt a..b --repo R", 3, "a"),
    ("check-patch --repo E -", 3, "not inside a git repository"),
    ("list --state nonsense", 2, "nonsense"),
    ("list --limit many", 2, "many"),
    ("list --limit -1", 2, "-1"),
    ("show", 2, "ID"),
    ("show abc", 2, "12@v3"),
    ("show 99", 3, "no session 99"),
    ("show 1@v9", 3, "v9"),
    ("show 18446744073709551616", 2, "18446744073709551616"),
    ("show 0", 2, "0"),
    ("diff 99", 3, "no session 99"),
    ("diff 1 --against v0", 2, "v0"),
    ("diff 1 --against v9", 3, "v9"),
    ("diff 1 --repo nonsense", 3, "nonsense"),
    ("log 99", 3, "no session 99"),
    ("log 1 --check nonsense", 3, "nonsense"),
    ("artifacts 99", 3, "no session 99"),
    ("artifacts 1 nonsense", 3, "nonsense"),
    ("context 99", 3, "no session 99"),
    ("beads --status nonsense", 2, "nonsense"),
    ("comment 99@v1 --file a --line 1 -m x", 3, "no session 99"),
    ("comment 1@v1 --file a.py --line 9-3 -m x", 2, "9-3"),
    ("comment 1@v1 --file a.py --line 1", 2, "-m"),
    ("comments 99@v1", 3, "no session 99"),
    ("comments 1 --format nonsense", 2, "nonsense"),
    ("resolve 99 1", 3, "no session 99"),
    ("resolve 1 9", 3, "9"),
    ("approve 99@v1 --digest 0123456789ab", 3, "no session 99"),
    ("approve 1@v1", 2, "--digest"),
    ("approve 1 --digest 0123456789ab", 2, "version"),
    ("approve 1@v1 --digest 0123456789ab -m x", 5, "0123456789ab"),
    ("approve 1@v1 --digest 01 -m x", 2, "01"),
    ("approve 1@v1 --digest nonsense -m x", 2, "nonsense"),
    ("approve 1@v9 --digest 0123456789ab -m x", 3, "v9"),
    ("reject 99@v1 --digest 0123456789ab", 3, "no session 99"),
    ("request-changes 99@v1 --digest 0123456789ab -m x", 3, "no session 99"),
    ("override 99@v1 r -m x", 3, "no session 99"),
    ("override 1@v1 nonsense -m x", 3, "nonsense"),
    ("override 1@v1 nonsense", 2, "reason"),
    ("regenerate 99", 3, "no session 99"),
    ("regenerate 1 --engine nonsense", 2, "nonsense"),
    ("regenerate 99 --exclude a", 3, "no session 99"),
    ("regenerate 1 --exclude a --engine rules", 2, "cannot be used with"),
    ("regenerate 1 --repo r", 2, "--exclude"),
    ("check 99", 3, "no session 99"),
    ("check 1@v9", 3, "v9"),
    ("check 1 --repo nonsense", 3, "nonsense"),
    ("drop 99 --repo r", 3, "no session 99"),
    ("drop 1 --repo nonsense", 3, "nonsense"),
    ("cancel 99", 3, "no session 99"),
    ("publish 99", 3, "no session 99"),
    ("publish 1", 6, "approved"),
    ("run g --repo R --issue https://example.org/1", 2, "issue's number"),
    ("merge 1", 2, "--pr"),
    ("index --repo E", 3, "not inside a git repository"),
    ("audit", 2, "verify"),
    ("audit verify --anchor 9:aa", 2, "9:aa"),
    ("audit export --out /nonexistent/x", 1, "/nonexistent/x"),
    ("recover", 5, "daemon"),
    ("metrics --nonsense", 2, "--nonsense"),
    ("status --nonsense", 2, "--nonsense"),
    ("daemon", 2, "start"),
    ("daemon nonsense", 2, "nonsense"),
    ("doctor --nonsense", 2, "--nonsense"),
    ("init --nonsense", 2, "--nonsense"),
    ("trust E", 3, "not inside a git repository"),
    ("config get nonsense", 3, "nonsense"),
    ("config set nonsense x", 2, "nonsense"),
    ("completions nosh", 2, "nosh"),
    ("man", 2, "--out"),
    ("help nonsense", 2, "nonsense"),
    ("watch 99", 3, "no session 99"),
    ("demo --nonsense", 2, "--nonsense"),
    ("next --nonsense", 2, "--nonsense"),
    ("theme nonsense", 2, "nonsense"),
];

/// What a later version brings: refused, and said so with what can be typed today.
const LATER: &[&str] = &["merge 1 --pr 1", "diff 1 --task 1"];

#[test]
fn every_wrong_command_line_is_refused_and_told_what_to_type() {
    let den = Den::new();
    let repository = den.small_repository("repo");
    let empty = den.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    den.run(&["run", GOAL, "--repo", repository.arg(), "--wait"]).has_not_panicked();
    let entries = den.entries("");
    let mut wrong = Vec::new();
    let as_typed = |line: &str| -> Vec<String> {
        let of = |word: &str| match word {
            "R" => repository.arg().to_owned(),
            "E" => empty.to_str().unwrap().to_owned(),
            word => word.to_owned(),
        };
        line.split_whitespace().map(of).collect()
    };
    for (line, status, part) in WRONG {
        let said = den.run(&as_typed(line));
        said.has_not_panicked();
        if said.status != *status || !said.err.contains(part) || !said.err.contains("hint: ") {
            wrong.push(format!("{line}: {status} with `{part}` and a hint was wanted: {said:#?}"));
        }
    }
    for line in LATER {
        let said = den.run(&as_typed(line));
        if said.status != 6 || !said.err.contains("later version") || !said.err.contains("hint: ") {
            wrong.push(format!("{line}: {said:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(den.entries("").len(), entries.len(), "refusals record nothing");
    den.is_sound();
}

#[test]
fn an_address_that_nobody_answers_is_a_session_that_says_so() {
    let den = Den::new();
    let said = den.run(&["run", "g", "--repo", "https://127.0.0.1:1/x.git", "--wait"]);
    said.has_not_panicked();
    assert_eq!(said.status, 10, "{said:#?}");
    let told = format!("{}{}", said.out, said.err);
    assert!(told.contains("127.0.0.1") && told.contains("paraph cancel 1"), "{said:#?}");
    den.is_sound();
}
