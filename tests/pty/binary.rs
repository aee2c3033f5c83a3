//! The real program on a terminal: it is there before its daemon, outlives it, and goes with its terminal.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use paraph::daemon::{DaemonFacts, Place};
use portable_pty::CommandBuilder;

use super::{PATIENCE, Terminal, find_first, find_last};

/// The program with a home of its own, and what else is started there.
struct Real {
    terminal: Terminal,
}

impl Real {
    /// The screens, started through `shell`, in which `\"$0\"` is the program.
    fn start(shell: &str, prepare: impl FnOnce(&std::path::Path)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        prepare(folder.path());
        let mut command = CommandBuilder::new("/bin/sh");
        command.args(["-c", shell, env!("CARGO_BIN_EXE_paraph")]);
        command.env_clear();
        command.env("PATH", "/usr/bin:/bin");
        command.env("HOME", folder.path());
        command.env("PARAPH_HOME", folder.path().join("paraph"));
        command.env("PARAPH_CONFIG", folder.path().join("config.toml"));
        command.cwd(folder.path());
        Self { terminal: Terminal::with(command, folder) }
    }

    fn folder(&self) -> PathBuf {
        self.terminal.folder.path().to_owned()
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.folder());
        command.env("PARAPH_HOME", self.folder().join("paraph"));
        command.env("PARAPH_CONFIG", self.folder().join("config.toml")).current_dir(self.folder());
        command
    }

    fn paraph(&self, arguments: &[&str]) {
        let output = self.command(env!("CARGO_BIN_EXE_paraph"), arguments).output().expect("it runs");
        assert!(output.status.code().is_some(), "{arguments:?}: {output:?}");
    }

    fn git(&self, arguments: &[&str]) {
        let mut git = self.command("git", &["-c", "user.name=a", "-c", "user.email=a@b"]);
        assert!(git.args(arguments).status().expect("git runs").success(), "git {arguments:?}");
    }

    /// Who serves, once somebody does.
    fn daemon(&self) -> Option<u32> {
        let text = std::fs::read(Place::new(self.folder().join("paraph"), None).facts()).ok()?;
        serde_json::from_slice::<DaemonFacts>(&text).ok().map(|facts| facts.pid)
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.command(env!("CARGO_BIN_EXE_paraph"), &["daemon", "stop"]).output();
        let _ = self.terminal.child.kill();
    }
}

#[test]
fn the_screens_go_on_with_the_next_daemon() {
    let mut real = Real::start(r#"exec "$0""#, |_| {});
    real.terminal.wait_for("No session yet");
    let heard = real.terminal.heard();
    assert!(find_first(&heard, b"connecting") < find_first(&heard, b"No session"), "painted before it was connected");
    let first = real.daemon().expect("somebody serves");
    let process = rustix::process::Pid::from_raw(i32::try_from(first).expect("a pid")).expect("a pid");
    rustix::process::kill_process(process, rustix::process::Signal::KILL).expect("it runs");
    real.terminal.wait_until("the next daemon", |_| real.daemon().is_some_and(|next| next != first));
    real.terminal.wait_for("connected again");
    // what another client does now is told, and what this one asks is answered
    real.git(&["init", "-q", "r"]);
    real.git(&["-C", "r", "commit", "-q", "--allow-empty", "-m", "first"]);
    real.paraph(&["run", "replace nothing by nothing", "--repo", "r", "--json"]);
    real.terminal.wait_for("replace nothing by nothing");
    real.terminal.press("\r");
    real.terminal.wait_for("3 Time");
    real.terminal.press("Q");
    assert_eq!(real.terminal.wait_end(PATIENCE), 0);
    real.terminal.check_restored();
}

#[test]
fn a_reader_goes_to_a_definition_and_to_who_wrote_a_line() {
    let mut real = Real::start(r#"exec "$0""#, |folder| {
        std::fs::create_dir(folder.join("shop")).expect("a folder");
        let files = [
            (
                "shop/a.py",
                "from b import price\n\n\ndef free(x):\n    if x == None:\n        return True\n    return price(x)\n",
            ),
            ("shop/b.py", "def price(item):\n    return item.price\n"),
        ];
        files.iter().for_each(|(name, text)| std::fs::write(folder.join(name), text).expect("a file"));
    });
    real.terminal.wait_for("No session yet");
    for arguments in
        [&["init", "-q", "shop"][..], &["-C", "shop", "add", "-A"], &["-C", "shop", "commit", "-qm", "prices"]]
    {
        real.git(arguments);
    }
    real.paraph(&["run", "compare with None by identity", "--repo", "shop", "--wait"]);
    real.terminal.wait_for("1 needs you");
    real.terminal.press("\r");
    real.terminal.wait_for("is None");
    // a line beside the change: its name is defined in the other file
    real.terminal.press("/price(x)\rgd");
    real.terminal.wait_for("b.py:1 (with the change)");
    real.terminal.press("\x0fo");
    real.terminal.wait_for("Outline");
    real.terminal.press("\x03b");
    real.terminal.wait_for("a.py:7 of the base");
    real.terminal.wait_for("subject");
    real.terminal.wait_for("prices");
}

#[test]
fn at_the_cap_a_key_sets_another_budget_and_the_session_goes_on() {
    let speaker = super::speaker::Speaker::start(&super::speaker::complete());
    let mut real = Real::start(r#"exec "$0""#, |folder| {
        let config = format!(
            "[providers.acme]\nwire = \"openai\"\nbase_url = \"{}\"\n[roles.implementer]\n\
             models = [\"acme/implementer\"]\n[prices.\"acme/implementer\"]\ninput = 1\noutput = 2\n\
             [budget]\nsession_cents = 0\n",
            speaker.url()
        );
        std::fs::write(folder.join("config.toml"), config).expect("the folder is ours");
        std::fs::create_dir(folder.join("shop")).expect("a folder");
        std::fs::write(
            folder.join("shop/a.py"),
            "def empty(x):\n    if x == None:\n        return True\n    return False\n",
        )
        .expect("a file");
    });
    real.terminal.wait_for("No session yet");
    for arguments in [&["init", "-q", "shop"][..], &["-C", "shop", "add", "-A"], &["-C", "shop", "commit", "-qm", "a"]]
    {
        real.git(arguments);
    }
    real.paraph(&["run", "None by identity", "--repo", "shop", "--engine", "llm", "--playbook", "quick", "--wait"]);
    real.terminal.wait_for("the budget is spent");
    assert_eq!(speaker.asked("implementer"), 0, "nothing is bought at the cap");
    // a key takes the notice away, and the footer names the keys
    real.terminal.press("j");
    real.terminal.wait_for("$ budget");
    real.terminal.press("$");
    real.terminal.wait_for("may take");
    real.terminal.press("1.50\r");
    // what is said of it may be gone by then: the session may be faster than the screen
    real.terminal.wait_for("waits for your decision");
    assert_eq!(speaker.asked("implementer"), 1);
    real.terminal.press("\r");
    real.terminal.wait_for("if x is None:");
}

#[test]
fn a_service_that_cannot_be_had_is_said_on_the_ordinary_screen() {
    let mut real = Real::start(r#"exec "$0""#, |folder| {
        std::fs::write(folder.join("config.toml"), "engine = 7\n").expect("the folder is ours");
    });
    assert_ne!(real.terminal.wait_end(PATIENCE), 0);
    real.terminal.check_restored();
    let heard = real.terminal.heard();
    assert!(find_last(&heard, b"hint:") > find_last(&heard, b"\x1b[?1049l"), "{}", real.terminal.screen());
}

#[test]
fn a_terminal_that_goes_takes_the_screens_along_where_hang_ups_are_ignored() {
    let mut real = Real::start(r#"trap "" HUP; exec "$0""#, |_| {});
    real.terminal.wait_for("No session yet");
    real.terminal.lose("?");
    // one second is the promise; the rest is for a busy machine
    real.terminal.wait_end(Duration::from_secs(5));
    assert!(real.daemon().is_some(), "the sessions go on");
}

/// Stopped and continued by `shell`, as often as it is wanted, keys are read and drawn as before.
#[track_caller]
fn check_comes_back(shell: &str) {
    let mut real = Real::start(&format!(r#"paraph="$0" PS1='$ ' exec {shell}"#), |_| {});
    real.terminal.wait_for("$ ");
    real.terminal.press("export paraph; \"$paraph\"\r");
    real.terminal.wait_for("No session yet");
    for _ in 0..3 {
        real.terminal.press("\x1a");
        real.terminal.wait_until("the shell", |terminal| !terminal.screen().contains("No session yet"));
        real.terminal.wait_until("a prompt", |terminal| terminal.screen().trim_end().ends_with('$'));
        real.terminal.press("fg\r");
        real.terminal.wait_for("No session yet");
        // one key, no Enter: read at once, or the terminal is still the shell's
        real.terminal.press("?");
        real.terminal.wait_until("the help", |terminal| !terminal.screen().contains("No session yet"));
        real.terminal.press("\x1b");
        real.terminal.wait_for("No session yet");
    }
    real.terminal.press("Q");
    real.terminal.wait_until("the shell again", |terminal| terminal.screen().trim_end().ends_with('$'));
    // pastes in brackets are the shell's own wish; the screen must be the ordinary one
    let heard = real.terminal.heard();
    assert!(find_last(&heard, b"\x1b[?1049l") > find_last(&heard, b"\x1b[?1049h"));
}

#[test]
fn a_shell_stops_and_continues_the_screens() {
    check_comes_back("/bin/bash --norc --noprofile -i");
    check_comes_back("/bin/sh -i");
}
