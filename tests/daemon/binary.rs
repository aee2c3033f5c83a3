//! The real program: its daemon with the real store behind it.

use std::process::{Command, Output};

use paraph::api::{ClientInfo, TrustRequest, ask};
use paraph::daemon::{Client, DaemonFacts, Place};
use paraph::id::{HostPath, RandomIds, RequestId};
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

/// A daemon of another user, whom only root can play.
#[tokio::test]
async fn what_root_decides_at_anothers_daemon_is_roots_word() {
    use std::os::unix::fs::{PermissionsExt as _, chown};
    use std::os::unix::process::CommandExt as _;
    const NOBODY: u32 = 65534;
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can be another user");
        return;
    }
    let shell = Shell::new();
    std::fs::set_permissions(shell.home.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    // the build may lie where nobody else looks
    let program = shell.home.path().join("program");
    std::fs::copy(env!("CARGO_BIN_EXE_paraph"), &program).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let user = shell.home.path().join("user");
    std::fs::create_dir(&user).unwrap();
    chown(&user, Some(NOBODY), Some(NOBODY)).unwrap();
    let as_user = |program: &std::path::Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", &user);
        command.env("PARAPH_HOME", user.join("home")).current_dir(&user).uid(NOBODY).gid(NOBODY);
        let (code, text) = shown(&command.output().unwrap());
        assert_eq!(code, 0, "{arguments:?}: {text}");
        text
    };
    as_user("git".as_ref(), &["init", "-q", "repo"]);
    for (key, value) in [("user.name", "Ana"), ("user.email", "ana@example.org")] {
        as_user("git".as_ref(), &["config", "--global", key, value]);
    }
    as_user(&program, &["trust", "repo"]);
    let client = Client::connect(&Place::new(user.join("home"), None).address().unwrap()).await.unwrap();
    let asked = TrustRequest { path: HostPath::new(user.join("repo")), trust: Some(false), setup_network: None };
    let mine = ClientInfo { name: "mine".to_owned(), ..ClientInfo::default() };
    ask(&client, RequestId(paraph::id::Ids::uuid(&RandomIds)), &mine, asked).await.unwrap();
    let shown = as_user(&program, &["audit", "show", "--json"]);
    as_user(&program, &["daemon", "stop"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let by: Vec<&Value> = shown["entries"].as_array().unwrap().iter().map(|entry| &entry["payload"]["by"]).collect();
    let word = |at: usize, field: &str| by[at][field].as_str().unwrap_or_default().to_owned();
    assert_eq!((by.len(), word(0, "name")), (2, "Ana".to_owned()), "{by:?}");
    assert!(!word(0, "login").starts_with("root@") && word(1, "login").starts_with("root@"), "{by:?}");
    assert_eq!((word(1, "name"), word(1, "client")), (String::new(), "mine".to_owned()), "{by:?}");
}

fn pipe() -> std::process::Stdio {
    std::process::Stdio::piped()
}
