//! Starting the daemon's process: what it is given, and the port that starts it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use futures::FutureExt as _;
use futures::future::BoxFuture;

/// Starts processes that outlive this one.
pub trait Launch: Send + Sync {
    /// Starts one, exactly as planned: this environment and no other, no input, both outputs to the log, as no leader
    /// of a process group (the daemon leaves the terminal itself, which a leader cannot). Does not wait for it. Where
    /// its standard input is a socket, the daemon shuts that down when it listens: see [`Launched::settled`].
    ///
    /// # Errors
    /// Where it cannot be started.
    fn launch(&self, plan: LaunchPlan) -> io::Result<Box<dyn Launched>>;
}

/// A process that was started.
pub trait Launched: Send {
    /// How it ended; `None` while it runs.
    ///
    /// # Errors
    /// Where the system does not say.
    fn ended(&mut self) -> io::Result<Option<ExitStatus>>;

    /// Resolves when it listens or has ended: whoever waits need not ask again and again. It may never resolve.
    fn settled(&mut self) -> BoxFuture<'_, ()> {
        std::future::pending().boxed()
    }
}

/// A process to start.
#[derive(Debug)]
pub struct LaunchPlan {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Where it stands: `/`, so that no file system is kept busy.
    pub directory: PathBuf,
    /// Where standard output and error go.
    pub log: File,
}

/// The variables of `environment` that a daemon gets: what names the user, their places and their language, settings by
/// all their names, and `passed_on`. What a check needs comes with each client instead; keys never come along.
pub(super) fn cleaned(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    passed_on: &[&str],
) -> Vec<(OsString, OsString)> {
    environment.into_iter().filter(|(name, _)| is_allowed(name, passed_on)).collect()
}

fn is_allowed(name: &OsStr, passed_on: &[&str]) -> bool {
    const NAMES: &[&str] = &[
        "ANTHROPIC_BASE_URL",
        "AUTO_MERGE_THRESHOLD",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CONFIG_SYSTEM",
        "HOME",
        "LANG",
        "LANGUAGE",
        "LOGNAME",
        "OLLAMA_HOST",
        "OPENAI_BASE_URL",
        "OPENAI_MODEL",
        "PATH",
        "TARGET_REPO_PATH",
        "TMPDIR",
        "TZ",
        "USER",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_RUNTIME_DIR",
        "XDG_STATE_HOME",
    ];
    const SECRET: &[&str] = &["KEY", "TOKEN", "SECRET", "PASSWORD"];
    let Some(name) = name.to_str() else { return false };
    let setting = name.starts_with("PARAPH_") && !SECRET.iter().any(|word| name.ends_with(word));
    NAMES.contains(&name) || passed_on.contains(&name) || name.starts_with("LC_") || setting
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: bool) {
        assert_eq!(is_allowed(OsStr::new(name), &["SSH_AUTH_SOCK"]), expected, "{name}");
    }

    #[test]
    fn only_what_a_daemon_needs_comes_along() {
        for name in
            ["HOME", "PATH", "LC_ALL", "PARAPH_CONFIG", "XDG_RUNTIME_DIR", "AUTO_MERGE_THRESHOLD", "SSH_AUTH_SOCK"]
        {
            check(name, true);
        }
        for name in ["OPENAI_API_KEY", "PARAPH_API_KEY", "GITHUB_TOKEN", "LD_PRELOAD", "GIT_DIR", "EDITOR", ""] {
            check(name, false);
        }
    }
}
