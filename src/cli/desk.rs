//! Where a verb works: the world, the output, and the few things every verb does.

use std::path::Path;
use std::sync::Arc;

use crate::api::{Ask, ClientInfo, Failure, FailureKind, Service, Source, Start, ask};
use crate::id::{HostPath, RequestId};

use super::ended::{Ended, usage};
use super::output::{Output, Text};
use super::world::World;

/// What a verb is given besides its arguments.
pub(crate) struct Desk {
    pub(crate) world: World,
    pub(crate) out: Output,
    /// Whether core and command share this process (`--in-process`).
    pub(crate) in_process: bool,
}

impl Desk {
    /// How a service is reached when one is needed.
    pub(crate) fn start(&self) -> Start {
        if self.in_process { Start::InProcess } else { Start::IfNeeded }
    }

    /// A service; a missing daemon is started.
    pub(crate) async fn service(&self) -> Result<Arc<dyn Service>, Failure> {
        self.world.connect.connect(self.start()).await
    }

    /// What is said about this client.
    pub(crate) fn client(&self) -> ClientInfo {
        ClientInfo {
            name: "cli".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            terminal: self.world.terminal.input && self.world.terminal.error,
            environment: super::environment::for_checks(&self.world.environment),
        }
    }

    /// A fresh request id.
    pub(crate) fn request_id(&self) -> RequestId {
        RequestId(self.world.ids.uuid())
    }

    /// Asks a service that is connected.
    pub(crate) async fn ask_on<A: Ask + Send>(&self, service: &dyn Service, request: A) -> Result<A::Answer, Failure> {
        ask(service, self.request_id(), &self.client(), request).await
    }

    /// Connects and asks.
    pub(crate) async fn ask<A: Ask + Send>(&self, request: A) -> Result<A::Answer, Failure> {
        let service = self.service().await?;
        self.ask_on(service.as_ref(), request).await
    }

    /// Whether a question can be put: somebody sits at the keyboard, sees it, and is no program that reads JSON.
    pub(crate) fn is_interactive(&self) -> bool {
        self.world.terminal.input && self.world.terminal.error && !self.out.json()
    }

    /// Puts a question and reads one line; `None` where the input has ended. Call it only where
    /// [`Desk::is_interactive`]: what was typed before the question does not count.
    pub(crate) fn prompt(&mut self, question: impl Into<Text>) -> Result<Option<String>, Ended> {
        self.out.flush()?;
        self.world.launch.drop_typed_ahead();
        self.out.question(question);
        let mut line = String::new();
        let read = self.world.streams.input.read_line(&mut line);
        let count = read.map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
        Ok((count > 0).then(|| line.trim().to_owned()))
    }

    /// The bytes of a file, or of standard input for `-`.
    pub(crate) fn read_input(&mut self, file: &Path) -> Result<Vec<u8>, Failure> {
        let name = self.absolute(file);
        let cannot = |error: std::io::Error| {
            let path = HostPath::new(file);
            Failure::new(FailureKind::Failed, format!("cannot read `{path}`: {error}"))
        };
        if file.as_os_str() != "-" {
            return std::fs::read(name).map_err(cannot);
        }
        if self.world.terminal.input {
            self.out.say("reading standard input; end it with ^D");
        }
        let mut bytes = Vec::new();
        self.world.streams.input.read_to_end(&mut bytes).map_err(cannot)?;
        Ok(bytes)
    }

    /// A path as seen from the folder that the command was given in.
    pub(crate) fn absolute(&self, path: &Path) -> std::path::PathBuf {
        self.world.cwd.join(path)
    }

    /// What `--repo` names: a URL, or a path; the repository you stand in where it is missing.
    pub(crate) fn source(&self, given: Option<&str>) -> Result<Source, Failure> {
        match given {
            Some("") => Err(usage("the repository's path is empty").hint("--repo PATH or --repo URL")),
            Some(url) if is_url(url) && !self.absolute(Path::new(url)).exists() => Ok(Source::Url(url.to_owned())),
            Some(path) => Ok(Source::Path(self.repository(Path::new(path))?)),
            None => Ok(Source::Path(self.repository_here()?)),
        }
    }

    fn repository(&self, path: &Path) -> Result<HostPath, Failure> {
        self.world.workbench.repository_root(&self.absolute(path))
    }

    /// The repository you stand in, else the one that TARGET_REPO_PATH names.
    pub(crate) fn repository_here(&self) -> Result<HostPath, Failure> {
        let here = self.world.workbench.repository_root(&self.world.cwd);
        match (here, self.world.variable("TARGET_REPO_PATH")) {
            (Err(_), Some(target)) => self.repository(Path::new(target)),
            (here, _) => here,
        }
    }
}

/// Whether a text can only be a remote: `https://…`, `ssh://…`, `git@host:path`.
fn is_url(text: &str) -> bool {
    if text.contains("://") {
        return true;
    }
    // scp's form: a colon before any slash, and something that looks like a host before it
    text.split_once(':').is_some_and(|(host, path)| {
        !host.contains('/') && !path.is_empty() && (host.contains('@') || host.contains('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::is_url;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(is_url(text), expected, "{text}");
    }

    #[test]
    fn remotes_are_told_from_paths() {
        check("https://example.org/a.git", true);
        check("git@example.org:a/b", true);
        check("example.org:a/b", true);
        check("../a", false);
        check("a/b:c", false);
        check("C:", false);
        check(".", false);
    }
}
