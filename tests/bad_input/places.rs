//! Homes, terminals and machines that lack what one expects of them.

use std::process::{Command, Stdio};

use crate::den::{Den, GOAL, eventually};
use crate::screen::Screen;

#[test]
fn a_home_that_cannot_be_made_is_told() {
    let mut den = Den::new();
    let repository = den.small_repository("repo");
    let file = den.path().join("file");
    std::fs::write(&file, "").unwrap();
    for home in ["/proc/nowhere".into(), file.clone(), file.join("below")] {
        den.home = home;
        let said = den.run(&["run", GOAL, "--repo", repository.arg()]);
        assert!(!said.done());
        said.is_a_good_refusal();
        den.run(&["--in-process", "list"]).is_a_good_refusal();
        den.line("doctor").has_not_panicked();
        den.line("audit verify").has_not_panicked();
        den.line("status").has_not_panicked();
    }
}

#[test]
fn without_a_home_folder_the_place_has_to_be_named() {
    let den = Den::new();
    let bare = || {
        let mut command = den.paraph();
        command.env_remove("HOME").env_remove("PARAPH_HOME");
        command
    };
    for args in [&["list"][..], &["doctor"], &["audit", "verify"], &["run", GOAL]] {
        let said = den.say(bare(), args, b"").ended(1);
        said.is_a_good_refusal();
        assert!(said.err.contains("PARAPH_HOME"), "{said:#?}");
    }
    // a place of its own is enough
    let mut command = den.paraph();
    command.env_remove("HOME");
    den.say(command, &["list"], b"").ended(0);
    den.is_sound();
}

#[test]
fn a_home_that_depends_on_where_one_stands_is_refused() {
    let den = Den::new();
    let mut command = den.paraph();
    command.env("PARAPH_HOME", "some/home").current_dir(den.path());
    let said = den.say(command, &["list"], b"").ended(2);
    said.is_a_good_refusal();
    assert!(said.err.contains("absolute") && said.err.contains("/some/home' paraph"), "{said:#?}");
    assert!(!den.path().join("some").exists(), "nothing was made");
}

#[test]
fn without_git_it_says_so() {
    let den = Den::new();
    let repository = den.small_repository("repo");
    let empty = den.path().join("no-programs");
    std::fs::create_dir(&empty).unwrap();
    let without = || {
        let mut command = den.paraph();
        command.env("PATH", &empty);
        command
    };
    let doctor = den.say(without(), &["doctor"], b"").ended(1);
    assert!((doctor.out.clone() + &doctor.err).contains("git"), "{doctor:#?}");
    let said = den.say(without(), &["run", GOAL, "--repo", repository.arg(), "--wait"], b"");
    said.has_not_panicked();
    let all = said.out.clone() + &said.err;
    // reading needs no program; what does need it says so
    assert!(said.done() || all.contains("hint: ") || all.contains("paraph "), "{said:#?}");
    den.line("daemon stop").has_not_panicked();
    den.is_sound();
}

#[test]
fn without_a_terminal_the_screen_is_refused() {
    let den = Den::new();
    let said = den.line("").ended(2);
    said.is_a_good_refusal();
    let mut dumb = den.paraph();
    dumb.env("TERM", "dumb");
    den.say(dumb, &["list"], b"").ended(0).has_not_panicked();
}

#[test]
fn a_dumb_terminal_gets_the_screen_or_a_reason() {
    let den = Den::new();
    let repository = den.small_repository("repo");
    let mut environment = den.environment();
    environment.push(("TERM".into(), "dumb".into()));
    let mut screen = Screen::open(&[env!("CARGO_BIN_EXE_paraph")], &environment, &repository.path);
    eventually("something to read", || (!screen.text().trim().is_empty()).then_some(()));
    screen.press("Q");
    let status = screen.ended();
    let text = screen.text();
    assert!(status == 0 || text.contains("hint: "), "{status}: {text}");
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn two_homes_know_nothing_of_each_other() {
    let mut den = Den::new();
    let repository = den.small_repository("repo");
    let homes = [den.path().join("one"), den.path().join("two")];
    let mut states = Vec::new();
    for home in &homes {
        den.home.clone_from(home);
        let seen = den.run(&["run", GOAL, "--repo", repository.arg(), "--wait", "--json"]).json();
        assert_eq!(seen["id"], 1, "{seen:#}");
        let digest = seen["versions"][0]["patch_sets"][0]["digest"].as_str().unwrap().to_owned();
        den.run(&["approve", "1@v1", "--digest", &digest, "-m", "ok"]).ended(0);
        den.line("publish 1").ended(0);
        let end = eventually("an end", || {
            let shown = den.line("show 1 --json").ended(0).json();
            matches!(shown["state"].as_str(), Some("Done" | "NeedsHuman")).then_some(shown)
        });
        states.push((end["state"].clone(), end["reason"].as_str().unwrap_or_default().to_owned(), end["next"].clone()));
        den.is_sound();
        let _ = den.line("daemon stop");
    }
    assert_eq!(states[0].0, "Done");
    // the branch of the first is never overwritten by the other's
    assert_eq!(states[1].0, "NeedsHuman", "{states:?}");
    assert!(states[1].1.contains("paraph/1-"), "{states:?}");
    assert!(states[1].2.as_str().is_some_and(|next| next.contains("paraph ")), "{states:?}");
    assert_eq!(repository.branches().len(), 2);
}

#[test]
fn a_home_of_a_newer_version_is_refused_and_left_as_it_is() {
    use paraph::audit::{Journal, JournalOptions, NewEntry};
    use paraph::clock::Timestamp;
    use paraph::id::{RandomIds, SessionId};

    let den = Den::new();
    let repository = den.small_repository("repo");
    den.run(&["run", GOAL, "--repo", repository.arg(), "--wait"]).has_not_panicked();
    den.line("daemon stop").ended(0);
    let folder = den.home.join("journal");
    {
        let (mut journal, _) = Journal::open(&folder, JournalOptions::new(&RandomIds)).unwrap();
        let event = serde_json::json!({"type": "teleported", "to": "the future"});
        let entry = NewEntry { at: Timestamp(1), actor: "ana".to_owned(), session: Some(SessionId(1)), event };
        journal.append(&[entry]).unwrap();
        journal.anchor().unwrap();
    }
    let segment = folder.join("00000000000000000001.jsonl");
    let before = std::fs::read(&segment).unwrap();
    for line in ["list", "--in-process list", "recover"] {
        let said = den.line(line);
        assert!(!said.done(), "{said:#?}");
        said.is_a_good_refusal();
        assert!(said.err.contains("newer"), "{said:#?}");
    }
    assert_eq!(std::fs::read(&segment).unwrap(), before, "not a byte is changed");
    den.is_sound();
}

/// Runs as root of a namespace of its own, on a small disk that is full for a while.
const FULL: &str = r#"
set -u
mount -t tmpfs -o size=12m none "$PARAPH_HOME" || { echo "may not mount" >&2; exit 77; }
"$P" daemon start >/dev/null || exit 70
head -c 20000000 /dev/zero > "$PARAPH_HOME/ballast" 2>/dev/null
"$P" run "$GOAL" --repo "$REPO" >"$OUT/full.out" 2>"$OUT/full.err"; echo $? > "$OUT/full.status"
"$P" doctor >"$OUT/doctor.out" 2>&1
rm "$PARAPH_HOME/ballast"
"$P" run "$GOAL" --repo "$REPO" --wait --json >"$OUT/room.out" 2>"$OUT/room.err"; echo $? > "$OUT/room.status"
"$P" daemon stop >/dev/null
"$P" audit verify >"$OUT/audit" 2>&1; echo $? > "$OUT/audit.status"
cat "$PARAPH_HOME"/logs/daemon.log > "$OUT/log"
exit 0
"#;

#[test]
fn a_full_disk_is_told_and_gone_on_from() {
    let den = Den::new();
    let repository = den.small_repository("repo");
    std::fs::create_dir_all(&den.home).unwrap();
    let out = den.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let mut unshare = Command::new("unshare");
    let as_user: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
    unshare.args(as_user).args(["--mount", "sh", "-c", FULL]).env_clear().envs(den.environment());
    unshare.env("P", env!("CARGO_BIN_EXE_paraph")).env("GOAL", GOAL).env("REPO", &repository.path).env("OUT", &out);
    let Ok(run) = unshare.stdin(Stdio::null()).output() else {
        eprintln!("skipped: there is no `unshare` here; the fault points of tests/crash stand in for the disk");
        return;
    };
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    if run.status.code() != Some(0) && (said.contains("may not mount") || said.contains("unshare")) {
        eprintln!("skipped: no mounting here ({said}); the fault points of tests/crash stand in for the disk");
        return;
    }
    assert!(run.status.success(), "{said}");
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap_or_default();
    let full = (read("full.status"), read("full.err"));
    if full.0.trim() != "0" {
        assert!(full.1.contains("error: ") && full.1.contains("hint: "), "{full:?}");
        assert!(full.1.to_lowercase().contains("space") || full.1.contains("full"), "{full:?}");
    }
    for name in ["full.err", "room.err", "log", "doctor.out"] {
        assert!(!read(name).contains("panicked"), "{name}: {}", read(name));
    }
    assert_eq!(read("audit.status").trim(), "0", "{}", read("audit"));
    let room: serde_json::Value = serde_json::from_str(&read("room.out")).unwrap_or_default();
    assert_eq!(room["state"], "Scored", "there was room again: {}\n{}", read("room.err"), read("log"));
}
