//! The real program: its daemon with the real store behind it.

use std::process::{Command, Output};

use paraph::daemon::{DaemonFacts, Place};
use serde_json::Value;

struct Shell {
    home: tempfile::TempDir,
}

impl Shell {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paraph"));
        command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.home.path());
        command.env("PARAPH_HOME", self.paraph()).current_dir(self.home.path());
        command
    }

    fn paraph(&self) -> std::path::PathBuf {
        self.home.path().join("paraph")
    }

    fn place(&self) -> Place {
        Place::new(self.paraph(), None)
    }

    fn run(&self, arguments: &[&str]) -> (i32, String) {
        shown(&self.command(arguments).output().unwrap())
    }

    #[track_caller]
    fn check(&self, arguments: &[&str], expected: i32) -> String {
        let (code, text) = self.run(arguments);
        assert_eq!(code, expected, "{arguments:?}: {text}");
        text
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.command(&["daemon", "stop"]).output();
    }
}

fn shown(output: &Output) -> (i32, String) {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}

fn facts_of(place: &Place) -> DaemonFacts {
    serde_json::from_slice(&std::fs::read(place.facts()).unwrap()).unwrap()
}

#[test]
fn commands_share_one_daemon_that_stops_when_told() {
    let shell = Shell::new();
    shell.check(&["daemon", "stop"], 0);
    assert!(!shell.paraph().join("run").exists(), "asking starts nothing");
    let lists: Vec<_> = (0..8).map(|_| shell.command(&["list", "--json"]).stdout(pipe()).spawn().unwrap()).collect();
    for list in lists {
        let output = list.wait_with_output().unwrap();
        let list: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(list["schema"], "paraph.list/1");
    }
    let facts = facts_of(&shell.place());
    let status: Value = serde_json::from_str(&shell.check(&["daemon", "status", "--json"], 0)).unwrap();
    assert_eq!((&status["pid"], &status["version"]), (&facts.pid.into(), &facts.version.as_str().into()));
    let in_process = shell.check(&["list", "--in-process"], 5);
    assert!(in_process.contains(&facts.pid.to_string()), "{in_process}");
    shell.check(&["daemon", "stop"], 0);
    assert!(!shell.place().socket().exists());
    shell.check(&["list", "--in-process"], 0);
}

#[test]
fn a_daemon_follows_the_last_one_at_once_on_the_same_store() {
    let shell = Shell::new();
    let mut pids = std::collections::BTreeSet::new();
    for _ in 0..5 {
        shell.check(&["list"], 0);
        pids.insert(facts_of(&shell.place()).pid);
        shell.check(&["daemon", "stop"], 0);
    }
    assert_eq!(pids.len(), 5, "each one served");
}

#[test]
fn a_killed_daemon_is_followed_by_one_that_knows_as_much() {
    let shell = Shell::new();
    std::fs::create_dir(shell.home.path().join("r")).unwrap();
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=a", "-c", "user.email=a@b"])
            .args(arguments)
            .current_dir(shell.home.path().join("r"));
        assert!(git.env("HOME", shell.home.path()).output().unwrap().status.success(), "git {arguments:?}");
    };
    git(&["init", "-q"]);
    git(&["commit", "-q", "--allow-empty", "-m", "first"]);
    let repo = shell.home.path().join("r").display().to_string();
    shell.run(&["run", "replace nothing by nothing", "--repo", &repo, "--json"]);
    let before: Value = serde_json::from_str(&shell.check(&["list", "--json", "--state", "all"], 0)).unwrap();
    assert_eq!(before["sessions"].as_array().map(Vec::len), Some(1));
    let pid = facts_of(&shell.place()).pid;
    let process = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
    let after: Value = serde_json::from_str(&shell.check(&["list", "--json", "--state", "all"], 0)).unwrap();
    assert_eq!(after["sessions"][0]["goal"], before["sessions"][0]["goal"]);
    assert_ne!(facts_of(&shell.place()).pid, pid);
}

fn pipe() -> std::process::Stdio {
    std::process::Stdio::piped()
}
