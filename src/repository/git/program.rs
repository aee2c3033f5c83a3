//! The `git` program, for the one thing libgit2 is not asked to do: cloning with the user's own credentials.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use crate::cancel::Cancel;
use crate::infrastructure::process::{Command, ProcessError, Stopped};
use crate::repository::VcsError;

/// How long a clone or a fetch may take. // design.md 4, "Base runs": as long as a build
const TIMEOUT: Duration = Duration::from_secs(900);

/// Settings that no configuration of anybody overrides. // reliability.md 3, "Running git safely"
const HARDENED: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "core.attributesFile=/dev/null",
    "submodule.recurse=false",
    "diff.external=",
    "protocol.ext.allow=never",
    "protocol.file.allow=user",
    "transfer.bundleURI=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "init.templateDir=",
];

/// What of a person's environment their own git gets: the one list, which a daemon is started with too.
pub const GIT_VARIABLES: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "XDG_CONFIG_HOME",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "TMPDIR",
];

/// The user's own git.
pub(super) struct GitProgram {
    environment: BTreeMap<OsString, OsString>,
}

impl GitProgram {
    /// Takes what it needs of `environment`.
    pub(super) fn new(environment: &BTreeMap<OsString, OsString>) -> Self {
        let passed = |name: &&str| {
            let name = OsString::from(*name);
            environment.get(&name).map(|value| (name, value.clone()))
        };
        Self { environment: GIT_VARIABLES.iter().filter_map(passed).collect() }
    }

    /// Clones `url` bare into `into`, which does not exist.
    pub(super) fn clone_bare(&self, url: &str, into: &Path) -> Result<(), VcsError> {
        check_url(url)?;
        let verb = ["clone", "--quiet", "--bare", "--template=", "--no-recurse-submodules", "--", url];
        self.run("clone", self.command(Path::new("/")).args(verb).arg(into))
    }

    /// Brings the bare clone at `path` up to date: its branches.
    pub(super) fn fetch(&self, path: &Path) -> Result<(), VcsError> {
        let verb = ["fetch", "--quiet", "--no-recurse-submodules", "--prune", "origin", "+refs/heads/*:refs/heads/*"];
        self.run("fetch", self.command(path).args(verb))
    }

    /// Not the hardened `infrastructure::process::Git`: that one reads no credential helper, and these need the user's.
    fn command(&self, folder: &Path) -> Command {
        let quiet = [
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ASKPASS", "false"),
            ("SSH_ASKPASS", "false"),
            ("GIT_LFS_SKIP_SMUDGE", "1"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("LC_ALL", "C"),
        ];
        let command = Command::new("git").cwd(folder).timeout(TIMEOUT).envs(&self.environment).envs(quiet);
        HARDENED.iter().fold(command, |command, setting| command.args(["-c", setting]))
    }

    fn run(&self, name: &str, command: Command) -> Result<(), VcsError> {
        let failed = |message: String| VcsError::Git { command: name.to_owned(), message };
        let finished = command.run_blocking(&Cancel::new(), &mut |_| {}).map_err(|error| match error {
            ProcessError::NotFound { .. } => VcsError::NoGit(error.to_string()),
            error => failed(error.to_string()),
        })?;
        match finished.stopped {
            Some(Stopped::TimedOut) => Err(failed(format!("it took longer than {} s", TIMEOUT.as_secs()))),
            Some(Stopped::Cancelled) => Err(VcsError::Cancelled),
            None if finished.status.success() => Ok(()),
            None => Err(failed(finished.stderr.text().trim().to_owned())),
        }
    }
}

/// Refuses what git would not take for a plain address: options, remote helpers, control characters.
fn check_url(url: &str) -> Result<(), VcsError> {
    let refused = |why: &str| Err(VcsError::Git { command: "clone".to_owned(), message: why.to_owned() });
    if url.is_empty() || url.starts_with('-') {
        return refused("the address looks like an option");
    }
    if url.chars().any(char::is_control) {
        return refused("the address has control characters");
    }
    let schemes = ["https://", "http://", "ssh://", "git://", "file://", "git+ssh://", "ssh+git://"];
    let short = url.split_once(':').is_some_and(|(host, path)| !host.contains('/') && !path.starts_with([':', '/']));
    if schemes.iter().any(|scheme| url.starts_with(scheme)) || (short && !url.contains("::")) {
        return Ok(());
    }
    refused("the address is of no kind that is cloned: https, ssh, git, file or host:path")
}

#[cfg(test)]
mod tests {
    use super::check_url;

    #[track_caller]
    fn check(url: &str, taken: bool) {
        assert_eq!(check_url(url).is_ok(), taken, "{url:?}");
    }

    #[test]
    fn only_plain_addresses_are_cloned() {
        check("https://example.org/a/b.git", true);
        check("git@example.org:a/b.git", true);
        check("file:///srv/a.git", true);
        check("--upload-pack=touch x", false);
        check("ext::sh -c touch% x", false);
        check("https://example.org/\rb", false);
        check("https://example.org/\nb", false);
        check("fd::17", false);
        check("", false);
    }
}
