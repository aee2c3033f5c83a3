//! Where a verb works: the world, the output, and the few things every verb does.

use std::ffi::OsStr;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use crate::api::{Ask, ClientInfo, Failure, FailureKind, Service, Source, Start, ask};
use crate::id::{HostPath, RequestId};
use crate::text::{near, sized};

use super::ended::{Ended, usage};
use super::output::{Output, Text};
use super::world::World;

/// Names of a folder that a hint looks through.
const MOST_LOOKED_AT: usize = 5_000;

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
            is_root: false,
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
        self.read_input_within(file, u64::MAX)
    }

    /// The first `most` bytes of it: a file may have no end.
    pub(crate) fn read_input_within(&mut self, file: &Path, most: u64) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        self.read_with(file, &mut |input| input.take(most).read_to_end(&mut bytes).map(drop))?;
        Ok(bytes)
    }

    /// Its first `head` bytes and its last `tail` bytes, in whole lines where something lies between, as text.
    pub(crate) fn read_input_ends(&mut self, file: &Path, head: usize, tail: usize) -> Result<String, Failure> {
        let (mut first, mut last, mut between) = (Vec::new(), Vec::new(), 0_usize);
        self.read_with(file, &mut |input| {
            input.take(head as u64).read_to_end(&mut first)?;
            loop {
                let read = input.take(tail.max(1) as u64).read_to_end(&mut last)?;
                let over = last.len().saturating_sub(tail);
                between += last.drain(..over).count();
                if read == 0 {
                    return Ok(());
                }
            }
        })?;
        if between == 0 {
            first.append(&mut last);
            return Ok(String::from_utf8_lossy(&first).into_owned());
        }
        // a line that is cut might hold half of a secret
        let cut = first.len() - first.iter().rposition(|byte| *byte == b'\n').map_or(first.len(), |end| end + 1);
        first.truncate(first.len() - cut);
        let torn = last.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let left_out = sized((between + cut + torn) as u64);
        let (first, last) = (String::from_utf8_lossy(&first), String::from_utf8_lossy(&last[torn..]));
        Ok(format!("{first}… ({left_out} left out)\n{last}"))
    }

    fn read_with(
        &mut self,
        file: &Path,
        read: &mut dyn FnMut(&mut dyn std::io::Read) -> std::io::Result<()>,
    ) -> Result<(), Failure> {
        let name = self.absolute(file);
        let cannot = |error: std::io::Error| {
            let path = HostPath::new(file);
            let failure = Failure::new(FailureKind::Failed, format!("cannot read `{path}`: {error}"));
            match near_in_folder(&name).filter(|_| error.kind() == std::io::ErrorKind::NotFound) {
                Some(near) => failure.hint(format!("{near} is there")),
                None => failure.hint("name a file that you can read, or - for standard input"),
            }
        };
        if file.as_os_str() != "-" {
            return std::fs::File::open(&name).and_then(|mut file| read(&mut file)).map_err(cannot);
        }
        if self.world.terminal.input {
            self.out.say("reading standard input; end it with ^D");
        }
        read(&mut self.world.streams.input.as_mut()).map_err(cannot)
    }

    /// A path as seen from the folder that the command was given in.
    pub(crate) fn absolute(&self, path: &Path) -> std::path::PathBuf {
        self.world.cwd.join(path)
    }

    /// What `--repo` names: a URL, or a path; the repository you stand in where it is missing.
    pub(crate) fn source(&self, given: Option<&OsStr>) -> Result<Source, Failure> {
        let Some(given) = given else { return Ok(Source::Path(self.repository_here()?)) };
        if given.is_empty() {
            return Err(usage("the repository's path is empty").hint("--repo PATH or --repo URL"));
        }
        let is_there = self.absolute(Path::new(given)).exists();
        match given.to_str().filter(|text| !is_there && Source::is_address(text)) {
            Some(url) => Ok(Source::Url(url.to_owned())),
            None => Ok(Source::Path(self.repository(Path::new(given))?)),
        }
    }

    fn repository(&self, path: &Path) -> Result<HostPath, Failure> {
        let whole = self.absolute(path);
        let found = self.world.workbench.repository_root(&whole);
        found.map_err(|failure| {
            if whole.exists() {
                return failure;
            }
            let named = HostPath::new(path);
            let failure = Failure::new(FailureKind::NotFound, format!("there is no folder `{named}`"));
            let failure = match near_in_folder(&whole) {
                Some(other) => failure.hint(format!("{other} is there")),
                None => failure,
            };
            failure.hint("name the path or the address of a repository")
        })
    }

    /// Shows what follows in the person's pager, where standard output is a terminal and they have one.
    pub(crate) fn page(&mut self) -> Result<(), Ended> {
        let variable = |name: &str| self.world.environment.get(name).map(|value| value.trim());
        let program = variable("PARAPH_PAGER").or_else(|| variable("PAGER")).unwrap_or("less -FRX");
        let dumb = variable("TERM") == Some("dumb");
        if !self.out.is_terminal() || self.out.json() || dumb || matches!(program, "" | "cat") {
            return Ok(());
        }
        match self.world.launch.pager(program) {
            Some(pager) => self.out.page_through(pager),
            None => Ok(()), // one that is not there keeps nobody from reading
        }
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

/// The name beside a missing one that was probably meant.
fn near_in_folder(missing: &Path) -> Option<HostPath> {
    let folder = missing.parent()?;
    let names: Vec<String> = std::fs::read_dir(folder)
        .ok()?
        .take(MOST_LOOKED_AT)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let meant = missing.file_name()?.to_str()?;
    let found = near(meant, names.iter().map(String::as_str), 1).first().map(|name| folder.join(name));
    found.map(HostPath::new)
}
