//! Somebody else's text never reaches a terminal as it is.

use super::bench::Bench;
use super::contract::every_verb;
use super::sample::{self, EVIL, digest};
use paraph::api::{Failure, FailureKind};
use serde_json::json;

/// Characters that move a cursor, hide, or turn the direction.
fn acts(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[track_caller]
fn harmless(what: &str, text: &str) {
    if let Some(at) = text.find(acts) {
        let near: String = text[..at].chars().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect();
        panic!("{what}: {:?} after {near:?}", text[at..].chars().next());
    }
}

/// The text without the colours that the output itself sets, and without what places a line or a pane.
fn without_colours(text: &str) -> String {
    let placing = ["\x1b[K\r\n", "\r\x1b[K", "\x1b[H", "\x1b[J"];
    ["0", "1", "2", "4", "31", "32", "33", "36"]
        .iter()
        .fold(placing.iter().fold(text.to_owned(), |text, own| text.replace(own, "\n")), |text, sgr| {
            text.replace(&format!("\x1b[{sgr}m"), "")
        })
}

#[test]
fn no_verb_prints_it_raw() {
    for line in every_verb() {
        for flags in ["--color never", "--color always", "--json"] {
            let bench = Bench::new().at_terminal("");
            let outcome = bench.run(&format!("{line} {flags}"));
            harmless(&format!("{line} {flags}: output"), &without_colours(&outcome.out));
            harmless(&format!("{line} {flags}: error"), &without_colours(&outcome.err));
        }
    }
}

#[test]
fn colours_are_only_where_they_are_wanted() {
    for line in every_verb() {
        let plain = Bench::new().run(&line);
        assert!(!plain.err.contains('\x1b'), "{line}: {plain:?}");
        let document = line.starts_with("diff") || line.starts_with("artifacts") || line.starts_with("audit export");
        assert!(document || !plain.out.contains('\x1b'), "{line}: {plain:?}");
    }
}

#[test]
fn failures_arguments_and_panels_are_made_safe() {
    let bench = Bench::new();
    let mut failure = Failure::new(FailureKind::Failed, EVIL).hint(EVIL);
    failure.causes.push(EVIL.to_owned());
    bench.fail("show", failure);
    for line in ["show 12", "show 12 --json"] {
        let outcome = bench.run(line);
        harmless(line, &outcome.out);
        harmless(line, &outcome.err);
    }
    for args in [
        vec!["show", EVIL],
        vec![EVIL],
        vec!["list", "--state", EVIL, EVIL],
        vec!["help", EVIL],
        vec!["run", EVIL, "--engine", EVIL],
    ] {
        let outcome = Bench::new().run_args(args.clone());
        assert_eq!(outcome.status, 2, "{args:?}: {outcome:?}");
        harmless("arguments", &outcome.err);
    }
    let panel = Bench::new().at_terminal("");
    panel.answer("panel", sample::panel(json!({"offer": "with-care", "because": [EVIL], "reason": true}), json!(null)));
    harmless("panel", &without_colours(&panel.run("approve 12").err));
}

#[test]
fn a_file_gets_exact_bytes_and_a_terminal_marks() {
    let piped = Bench::new().run("diff 12");
    assert!(piped.out.contains(EVIL.trim_end_matches("\rx")), "{piped:?}");
    assert!(piped.out.starts_with("diff --git a/src/a.rs b/src/a.rs\n"), "{piped:?}");
    let shown = Bench::new().at_terminal("").run("diff 12 --color never");
    assert!(shown.out.contains("^[[2J") && shown.out.contains("<U+202E>"), "{shown:?}");
}

#[test]
fn a_prompt_quotes_code_that_cannot_break_out() {
    let outcome = Bench::new().run("comments 12 --format prompt");
    assert_eq!(outcome.status, 0, "{outcome:?}");
    assert!(outcome.out.contains("## 3. src/a.rs:1-2 (must)"), "{outcome:?}");
    assert!(outcome.out.contains("````rs\nfn a() {}\n``` new"), "{outcome:?}");
    harmless("prompt", &outcome.out);
}

#[test]
fn an_altered_blob_is_told() {
    let bench = Bench::new();
    bench.answer("patch-set", sample::patch_sets(&digest(), &digest(), 3));
    let outcome = bench.run("diff 12");
    assert_eq!(outcome.status, 1);
    assert!(outcome.err.contains("hint: paraph audit verify"), "{outcome:?}");
}

/// A token in everything that a repository or a person wrote, and half of a private key.
fn with_secrets(mut bench: Bench, token: &str) -> Bench {
    let store = paraph::api::BlobStore::of_home(bench.home.path());
    let put = |text: &str| store.write(text.as_bytes()).expect("a blob").to_string();
    let key = format!("-----BEGIN {0} KEY-----\nMIIEvQIBADANBg\n-----END {0} KEY-----\n", "PRIVATE");
    let (old, new) = (put("a = 1\n"), put(&format!("a = '{token}'\n{key}")));
    let log = put(&format!("export {token}\n{key}"));
    let mut session = sample::session("Scored");
    session["goal"] = json!(format!("use {token}"));
    session["versions"][0]["explanation"] = json!(format!("uses {token}"));
    bench.answer("show", session);
    bench.answer("patch-set", sample::patch_sets(&old, &new, 14));
    let mut thread = sample::thread();
    thread["comments"][0]["text"] = json!(format!("is {token} yours?"));
    bench.answer("threads", json!({"schema": "paraph.threads/1", "threads": [thread]}));
    bench.answer(
        "log",
        json!([{"repo": "r", "check": "c", "status": "passed", "live": null, "log": log, "base_log": null}]),
    );
    bench.answer("artifacts", json!({"artifacts": [{"name": "a", "media_type": "text/plain", "blob": log}]}));
    bench.terminal.columns = 200;
    bench
}

#[test]
fn secrets_are_hidden_from_eyes_and_prompts_and_stay_in_data() {
    let token = format!("{}{}", "ghp_", "k3J9Zx81Qw7e".repeat(3));
    let holds = |outcome: &str| outcome.contains("k3J9") || outcome.contains("MIIE");
    for line in
        ["diff 12", "log 12", "show 12", "comments 12", "comments 12 --format prompt", "artifacts 12 a", "watch"]
    {
        let outcome = with_secrets(Bench::new().at_terminal(""), &token).run(line);
        assert_eq!(outcome.status, 0, "{line}: {outcome:?}");
        assert!(!holds(&outcome.out) && !holds(&outcome.err), "{line}: {outcome:?}");
        assert!(line == "watch" || outcome.out.contains(&"*".repeat(token.len())), "{line}: {outcome:?}");
    }
    let prompt = with_secrets(Bench::new(), &token).run("comments 12 --format prompt");
    assert!(!holds(&prompt.out) && prompt.out.contains("****"), "{prompt:?}");
    for line in ["diff 12", "artifacts 12 a", "diff 12 --json", "show 12 --json"] {
        let outcome = with_secrets(Bench::new(), &token).run(line);
        assert!(outcome.out.contains(&token), "{line}: {outcome:?}");
    }
    let diff = with_secrets(Bench::new().at_terminal(""), &token).run("diff 12 --color never");
    let stars = "*".repeat("MIIEvQIBADANBg".len());
    assert!(diff.out.contains(&format!("\n+{stars}\n")), "signs and lines stay: {diff:?}");
}
