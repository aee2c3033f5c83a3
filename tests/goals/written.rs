//! Goals from a file, from standard input, and from the editor on a terminal.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::den::{Den, Repository, eventually};
use crate::screen::Screen;

fn goals(den: &Den) -> Vec<Value> {
    let listed = den.line("list --json").json();
    let goals = listed["sessions"].as_array().unwrap().iter().map(|session| session["goal"].clone());
    goals.collect()
}

/// A repository without checks: nobody is asked whether it is trusted.
fn repository(den: &Den) -> Repository {
    den.repository("shop", &[("a.py", crate::den::FILE)])
}

#[test]
fn a_file_or_standard_input_holds_the_goal() {
    let den = Den::new();
    let repository = repository(&den);
    let standing = || {
        let mut command = den.paraph();
        command.current_dir(&repository.path);
        command
    };
    std::fs::write(den.path().join("goal.md"), "\u{feff}compare with None by identity\r\n\r\n- größer\r\n").unwrap();
    let said = den.say(standing(), &["run", "-F", "../goal.md", "--json"], b"").ended(0);
    assert_eq!(said.json()["goal"], "compare with None by identity\n\n- größer");
    let said = den.say(standing(), &["run", "--goal-file", "-", "--json"], b"compare with None\n").ended(0);
    assert_eq!(said.json()["goal"], "compare with None");
    assert_eq!(goals(&den).len(), 2);
    let wide: Vec<u8> = "fix it".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (args, input, status, words) in [
        (&["run", "-F", "-"][..], &b""[..], 2, "the goal is empty"),
        (&["run", "-F", "-"], b" \r\n", 2, "the goal is empty"),
        (&["run", "-F", "-"], b"a\0b", 2, "NUL"),
        (&["run", "-F", "-"], &wide, 2, "NUL"),
        (&["run", "-F", "-"], b"\xff\xfe\xfd", 2, "not UTF-8"),
        (&["run", "-F", "/dev/zero"], b"", 2, "more than 65536 bytes"),
        (&["run", "-F", "-"], &b"x".repeat(70_000), 2, "more than 65536 bytes"),
        (&["run", "-F", "none"], b"", 1, "cannot read"),
        (&["run", "-F", "."], b"", 1, "cannot read"),
        (&["run", "-F", "-", "--patch", "-"], b"x", 2, "standard input holds one thing"),
        (&["run"], b"", 2, "no GOAL was given"),
        (&["run", "-e", "a goal"], b"", 2, "an editor needs a terminal"),
    ] {
        let said = den.say(standing(), args, input).ended(status);
        assert!(said.err.contains(words), "{said:#?}");
        said.is_a_good_refusal();
    }
    assert_eq!(den.say(standing(), &["run", "a", "-F", "-"], b"b").status, 2, "one goal");
    assert_eq!(goals(&den).len(), 2, "refusals start nothing");
}

/// What `paraph run …` on a terminal comes to, with `editor` as the editor: its exit status, once it said `words`.
#[track_caller]
fn edited(den: &Den, repository: &Repository, editor: &str, args: &[&str], words: &str) -> u32 {
    let script = den.path().join("editor.sh");
    std::fs::write(&script, format!("#!/bin/sh\n{editor}\n")).unwrap();
    let mut environment = den.environment();
    environment.push(("TERM".into(), "xterm".into()));
    environment.push(("TMPDIR".into(), den.path().join("tmp").into()));
    environment.push(("EDITOR".into(), "no-such-editor".into()));
    environment.push(("VISUAL".into(), format!("sh '{}'", script.display()).into()));
    std::fs::create_dir_all(den.path().join("tmp")).unwrap();
    let program: Vec<&str> = [env!("CARGO_BIN_EXE_paraph"), "run"].into_iter().chain(args.iter().copied()).collect();
    let mut screen = Screen::open(&program, &environment, &repository.path);
    let status = screen.ended();
    // what it wrote last may still be on its way
    eventually(words, || screen.text().contains(words).then_some(()));
    status
}

/// Files that the editor was given and that are still there.
fn kept(den: &Den) -> Vec<PathBuf> {
    let files = std::fs::read_dir(den.path().join("tmp")).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.to_string_lossy().contains("paraph-goal-")).collect()
}

#[test]
fn the_editor_opens_where_no_goal_is_given_and_nothing_is_lost() {
    let den = Den::new();
    let repository = repository(&den);
    // what stands below the line is not the goal; what stands above it is, Markdown too
    let writes = r#"grep -q '^# ---.*>8' "$1" && grep -q "^# in  .*shop" "$1" || exit 9
printf '# Compare with None\r\n\r\nby identity\r\n' > "$1.new"; cat "$1" >> "$1.new"; cp "$1.new" "$1"; rm "$1.new""#;
    assert_eq!(edited(&den, &repository, writes, &[], "1 Created"), 0);
    assert_eq!(goals(&den), [json!("# Compare with None\n\nby identity")]);
    assert_eq!(kept(&den), Vec::<PathBuf>::new(), "the session has it");
    // a goal that is given is where one begins
    let mends = r#"sed -i 's/mine/ours/' "$1""#;
    assert_eq!(edited(&den, &repository, mends, &["-e", "mine, by identity"], "2 Created"), 0);
    assert_eq!(goals(&den)[0], "ours, by identity");
    // nothing written: nothing started, nothing left
    assert_eq!(edited(&den, &repository, "exit 0", &[], "nothing was written, so no session was started"), 130);
    assert_eq!((goals(&den).len(), kept(&den).len()), (2, 0));
    // an editor that fails, and a session that is refused afterwards: what was written stays
    assert_eq!(edited(&den, &repository, r#"echo half > "$1"; exit 3"#, &[], "is kept: paraph run -F"), 1);
    let refused = ["--playbook", "no-such-playbook"];
    let writes = r#"echo 'a long thought' > "$1""#;
    assert_eq!(edited(&den, &repository, writes, &refused, "what you wrote is kept: paraph run -F"), 2);
    let mut texts: Vec<String> = kept(&den).iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    texts.sort();
    assert_eq!((texts, goals(&den).len()), (vec!["a long thought\n".to_owned(), "half\n".to_owned()], 2));
}
