//! The git program, run so that nothing a repository holds is executed.
//!
//! Hooks, fsmonitor, pagers, credential prompts, external diffs and the user's or system's configuration are off.
//! Filters can only be avoided by not asking git to read or write working files: callers use plumbing.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Command, Finished, ProcessError, Status, Stopped};
use crate::cancel::Cancel;
use crate::text::Untrusted;

/// design.md, "Base runs".
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer taken from git in one piece; bigger things are read object by object.
const OUTPUT_LIMIT: usize = 256 << 20;

const SETTINGS: [&str; 19] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "core.pager=cat",
    "core.editor=false",
    "core.askPass=false",
    "credential.helper=",
    "protocol.ext.allow=never",
    "protocol.file.allow=user",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "log.showSignature=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
];

/// Why git did not do it.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no git to run.
    #[error("git is not installed, or not in PATH {path:?}")]
    NotInstalled {
        /// The PATH that was searched.
        path: OsString,
    },
    /// It took too long.
    #[error("git {verb} took longer than {} s", .limit.as_secs())]
    TimedOut {
        /// The first argument.
        verb: String,
        /// What it was given.
        limit: Duration,
    },
    /// Somebody cancelled.
    #[error("git {verb} was cancelled")]
    Cancelled {
        /// The first argument.
        verb: String,
    },
    /// It answered more than can be taken in one piece.
    #[error("git {verb} printed {bytes} bytes, more than can be taken at once")]
    TooMuch {
        /// The first argument.
        verb: String,
        /// How much came.
        bytes: u64,
    },
    /// It ran and failed.
    #[error("git {verb} ended with {status}")]
    Failed {
        /// The first argument.
        verb: String,
        /// How it ended.
        status: Status,
        /// What it said; text from outside.
        said: Untrusted,
    },
    /// It could not be run.
    #[error("git {verb} could not be run")]
    Process {
        /// The first argument.
        verb: String,
        /// Why.
        #[source]
        source: ProcessError,
    },
}

/// How git is run: where it is found, and whose configuration it may read.
#[derive(Debug, Clone)]
pub struct Git {
    path: OsString,
    user_home: Option<PathBuf>,
    timeout: Duration,
}

impl Git {
    /// Git as found in `path`, reading no configuration but the repository's.
    #[must_use]
    pub fn new(path: impl Into<OsString>) -> Self {
        Self { path: path.into(), user_home: None, timeout: TIMEOUT }
    }

    /// The same, reading the user's own configuration in `home` too: for a name, an address, a push.
    #[must_use]
    pub fn with_user_config(&self, home: impl Into<PathBuf>) -> Self {
        Self { user_home: Some(home.into()), ..self.clone() }
    }

    /// The same with another time limit.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// A hardened command; `args` begins with git's verb.
    #[must_use]
    pub fn command(&self, cwd: &Path, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new("git").cwd(cwd).timeout(self.timeout).output_limit(2 * OUTPUT_LIMIT);
        command = command.args(["--no-pager", "--literal-pathspecs"]);
        for setting in SETTINGS {
            command = command.args(["-c", setting]);
        }
        let mut args = args.into_iter();
        if let Some(verb) = args.next() {
            command = command.arg(verb.as_ref()).args(guards_of(verb.as_ref()));
        }
        command.args(args).envs(self.environment())
    }

    /// Runs it and gives back what it printed.
    ///
    /// # Errors
    /// [`GitError`] for anything but exit status 0.
    pub fn run(&self, cwd: &Path, args: &[impl AsRef<OsStr>], cancel: &Cancel) -> Result<Vec<u8>, GitError> {
        let verb = args.first().map(|verb| verb.as_ref().to_string_lossy().into_owned()).unwrap_or_default();
        let finished = self.finish(&verb, self.command(cwd, args), cancel)?;
        if finished.status.success() {
            return Ok(finished.stdout.bytes());
        }
        Err(GitError::Failed { verb, status: finished.status, said: Untrusted::new(finished.stderr.text()) })
    }

    /// Runs `command`, made by [`Git::command`], where a status other than 0 is an answer too.
    ///
    /// # Errors
    /// [`GitError`] when it did not start, did not end by itself or printed too much.
    pub fn finish(&self, verb: &str, command: Command, cancel: &Cancel) -> Result<Finished, GitError> {
        let verb = verb.to_owned();
        let finished = command.run_blocking(cancel, &mut |_| {}).map_err(|source| match source {
            ProcessError::NotFound { path, .. } => GitError::NotInstalled { path },
            source => GitError::Process { verb: verb.clone(), source },
        })?;
        match finished.stopped {
            Some(Stopped::TimedOut) => Err(GitError::TimedOut { verb, limit: self.timeout }),
            Some(Stopped::Cancelled) => Err(GitError::Cancelled { verb }),
            None if finished.stdout.dropped() > 0 => Err(GitError::TooMuch { verb, bytes: finished.stdout.total() }),
            None => Ok(finished),
        }
    }

    fn environment(&self) -> Vec<(&'static str, OsString)> {
        let mut pairs: Vec<(&'static str, OsString)> = [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_ADVICE", "0"),
            ("GIT_EDITOR", "false"),
            ("LC_ALL", "C"),
        ]
        .map(|(name, value)| (name, value.into()))
        .into();
        pairs.push(("PATH", self.path.clone()));
        match &self.user_home {
            Some(home) => pairs.push(("HOME", home.clone().into())),
            None => pairs.extend([("GIT_CONFIG_GLOBAL", "/dev/null".into()), ("HOME", "/nonexistent".into())]),
        }
        pairs
    }
}

/// Options that a verb needs so that a repository's diff drivers do not run.
fn guards_of(verb: &OsStr) -> &'static [&'static str] {
    match verb.to_str() {
        Some("diff" | "log" | "show" | "format-patch" | "diff-tree" | "diff-index" | "diff-files") => {
            &["--no-ext-diff", "--no-textconv"]
        }
        Some("blame" | "grep") => &["--no-textconv"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin";

    fn git(folder: &Path, args: &[&str]) -> Result<String, GitError> {
        let printed = Git::new(PATH).run(folder, args, &Cancel::new())?;
        Ok(String::from_utf8(printed).expect("git prints text here"))
    }

    #[test]
    fn a_repository_that_wants_to_run_things_runs_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let repo = folder.path().join("repo");
        let canary = folder.path().join("canary");
        fs::create_dir(&repo).expect("an empty folder");
        git(&repo, &["init", "-q", "-b", "main"]).expect("init");
        let touch = format!("touch {}; cat", canary.display());
        for name in [
            "core.fsmonitor",
            "core.sshCommand",
            "core.pager",
            "core.editor",
            "diff.external",
            "diff.d.textconv",
            "diff.d.command",
        ] {
            git(&repo, &["config", name, &touch]).expect("config");
        }
        let hooks = repo.join(".git/hooks");
        for hook in ["pre-commit", "post-commit", "reference-transaction", "post-index-change"] {
            fs::create_dir_all(&hooks).expect("hooks");
            fs::write(hooks.join(hook), format!("#!/bin/sh\ntouch {}\n", canary.display())).expect("hook");
            fs::set_permissions(hooks.join(hook), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("chmod");
        }
        fs::write(repo.join(".gitattributes"), "* diff=d\n").expect("attributes");
        fs::write(repo.join("file"), "one\n").expect("file");
        git(&repo, &["add", "."]).expect("add");
        let identity = ["-c", "user.name=n", "-c", "user.email=e"];
        let commit = [identity.as_slice(), &["commit", "-q", "-m", "first"]].concat();
        git(&repo, &commit).expect("commit");
        fs::write(repo.join("file"), "two\n").expect("file");
        assert!(git(&repo, &["diff"]).expect("diff").contains("+two"));
        assert!(git(&repo, &["log", "-p"]).expect("log").contains("+one"));
        git(&repo, &["status", "--porcelain"]).expect("status");
        assert!(!canary.exists(), "something of the repository's ran");
    }

    #[test]
    fn failures_name_the_verb() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = git(folder.path(), &["rev-parse", "HEAD"]).expect_err("no repository");
        assert_eq!(error.to_string(), "git rev-parse ended with exit status 128");
        let GitError::Failed { said, .. } = error else { panic!("a failure") };
        assert!(said.raw().contains("not a git repository"));
        let error = Git::new("/nonexistent").run(folder.path(), &["status"], &Cancel::new()).expect_err("no git");
        assert_eq!(error.to_string(), "git is not installed, or not in PATH \"/nonexistent\"");
    }
}
