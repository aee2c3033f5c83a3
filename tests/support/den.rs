//! A den: a home of its own for the real binary, with what a user has around it, and nothing of this machine's user.
#![allow(dead_code, missing_docs, clippy::unwrap_used, unreachable_pub, reason = "each test binary uses its own part")]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

#[path = "git.rs"]
mod git;
pub use git::Repository;

/// The longest that anything may take before a test fails; nothing waits for it otherwise.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A goal that a shipped rule fits, and a file in which it has something to do.
pub const GOAL: &str = "compare with None by identity";
pub const FILE: &str = "def empty(x):\n    if x == None:\n        return True\n    return False\n";
pub const CHECK: &str = "[[check]]\nname = \"unit\"\nkind = \"test\"\ncommand = [\"sh\", \"check.sh\"]\n";

/// What a command line came to.
#[derive(Debug, Clone)]
pub struct Said {
    pub line: String,
    /// The exit status; minus the signal where one ended it.
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// The one object on standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    #[track_caller]
    pub fn ended(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    pub fn done(&self) -> bool {
        self.status == 0
    }

    /// Whether everything is as a refusal has to be: words, what to type, and no panic.
    #[track_caller]
    pub fn is_a_good_refusal(&self) {
        assert!(self.err.contains("error: "), "no error is told: {self:#?}");
        assert!(self.err.contains("hint: "), "no hint is given: {self:#?}");
        self.has_not_panicked();
    }

    #[track_caller]
    pub fn has_not_panicked(&self) {
        assert!(!self.err.contains("panicked") && !self.out.contains("panicked"), "{self:#?}");
        assert!(self.status != 101 && self.status >= 0, "{self:#?}");
        assert!(!self.err.contains('\u{1b}') && !self.out.contains('\u{1b}'), "a raw ESC: {self:#?}");
    }
}

/// A folder with a home for Paraph, a user's home and repositories.
pub struct Den {
    folder: TempDir,
    /// `PARAPH_HOME`.
    pub home: PathBuf,
}

impl Default for Den {
    fn default() -> Self {
        Self::new()
    }
}

impl Den {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("den").tempdir().unwrap();
        fs::create_dir(folder.path().join("user")).unwrap();
        let home = folder.path().join("home");
        Self { folder, home }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The user's own variables and nothing else.
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        vec![
            ("PATH".into(), std::env::var_os("PATH").expect("tests run with a PATH")),
            ("HOME".into(), self.path().join("user").into()),
            ("LANG".into(), "C.UTF-8".into()),
            ("GIT_CONFIG_NOSYSTEM".into(), "1".into()),
            ("PARAPH_HOME".into(), self.home.clone().into()),
        ]
    }

    /// The binary, in the den's own environment, standing in the den.
    pub fn paraph(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paraph"));
        command.env_clear().envs(self.environment()).current_dir(self.path());
        command
    }

    /// Runs a command line.
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Said {
        self.say(self.paraph(), args, b"")
    }

    /// The same, split at blanks.
    pub fn line(&self, line: &str) -> Said {
        self.run(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs `command` with `args`, and `input` on standard input.
    pub fn say<S: AsRef<OsStr>>(&self, mut command: Command, args: &[S], input: &[u8]) -> Said {
        let line = args.iter().map(|arg| arg.as_ref().to_string_lossy()).collect::<Vec<_>>().join(" ");
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        // one that ended before it read everything has answered
        let _ = child.stdin.take().expect("piped").write_all(input);
        let output = child.wait_with_output().expect("the binary ends");
        Said {
            line,
            status: status(output.status),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The process of the daemon that signed here.
    pub fn daemon(&self) -> Option<u32> {
        let text = fs::read_to_string(self.home.join("run/daemon.json")).ok()?;
        let facts: Value = serde_json::from_str(&text).ok()?;
        u32::try_from(facts["pid"].as_u64()?).ok().filter(|pid| runs(*pid))
    }

    /// Ends the daemon as a power failure would.
    pub fn kill_daemon(&self) -> bool {
        let Some(pid) = self.daemon().and_then(|pid| rustix::process::Pid::from_raw(pid as i32)) else { return false };
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok()
    }

    /// Everything that daemons wrote on their outputs.
    pub fn daemon_log(&self) -> String {
        let read = |name: &str| fs::read(self.home.join("logs").join(name)).unwrap_or_default();
        String::from_utf8_lossy(&[read("daemon.log.1"), read("daemon.log")].concat()).into_owned()
    }

    /// What the notary says: sound, and nobody panicked on the way.
    #[track_caller]
    pub fn is_sound(&self) {
        let verified = self.line("audit verify --json");
        assert!(verified.done() && verified.json()["ok"] == true, "{verified:#?}");
        assert!(!self.daemon_log().contains("panicked"), "{}", self.daemon_log());
    }

    /// Every entry of a session (or all).
    #[track_caller]
    pub fn entries(&self, session: &str) -> Vec<Value> {
        let shown = self.line(&format!("audit show {session} --json")).ended(0);
        shown.json()["entries"].as_array().expect("entries").clone()
    }

    /// A folder with a git repository in it, and nothing committed.
    pub fn empty_repository(&self, name: impl AsRef<Path>) -> Repository {
        Repository::init(self.path().join(name), self.path().join("user"))
    }

    /// A committed repository of these files.
    pub fn repository(&self, name: impl AsRef<Path>, files: &[(&str, &str)]) -> Repository {
        Repository::of(self.path().join(name), self.path().join("user"), files)
    }

    /// A repository that [`GOAL`] has something to do in, with one check of its own.
    pub fn small_repository(&self, name: impl AsRef<Path>) -> Repository {
        self.repository(name, &[("a.py", FILE), ("check.sh", "grep -q None a.py\n"), (".paraph.toml", CHECK)])
    }
}

impl Drop for Den {
    fn drop(&mut self) {
        if self.daemon().is_some() {
            let _ = self.line("daemon stop");
        }
        self.kill_daemon();
    }
}

/// Waits until `done` gives something; looks again and again.
#[track_caller]
pub fn eventually<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = done() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "{what} did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a process is there and no zombie.
pub fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    if !Path::new("/proc/self/stat").exists() {
        let pid = rustix::process::Pid::from_raw(pid as i32);
        return pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok());
    }
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with('Z'))
}

fn status(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().or_else(|| status.signal().map(|signal| -signal)).unwrap_or(-999)
}
