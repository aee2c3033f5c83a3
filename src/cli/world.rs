//! What a command is given: everything it may use of the machine, by constructor.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::api::{BlobStore, Connect, Failure, IssueSource, Start, Workbench};
use crate::clock::Clock;
use crate::id::{HostPath, Ids};
use crate::text::{SecretMask, Untrusted};

/// The three standard streams, or a test's.
pub struct Streams {
    /// What is typed or piped in.
    pub input: Box<dyn BufRead + Send>,
    /// Data.
    pub output: Box<dyn Write + Send>,
    /// Words for people.
    pub error: Box<dyn Write + Send>,
}

impl Streams {
    /// The process's own.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            input: Box::new(std::io::BufReader::new(std::io::stdin())),
            output: Box::new(std::io::BufWriter::new(std::io::stdout())),
            error: Box::new(std::io::stderr()),
        }
    }
}

/// Which streams are terminals, and how wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Whether standard input is one.
    pub input: bool,
    /// Whether standard output is one.
    pub output: bool,
    /// Whether standard error is one.
    pub error: bool,
    /// Columns; 80 where nobody knows.
    pub columns: usize,
}

impl Terminal {
    /// No terminal at all.
    pub const NONE: Self = Self { input: false, output: false, error: false, columns: 80 };
}

/// Everything that the command line uses and does not own.
pub struct World {
    /// The way to the service.
    pub connect: Arc<dyn Connect>,
    /// What needs no service.
    pub workbench: Arc<dyn Workbench>,
    /// The other rooms of the house: screen, demo, daemon, configuration.
    pub launch: Arc<dyn Launch>,
    /// Fresh names: request ids.
    pub ids: Arc<dyn Ids>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where bodies lie.
    pub blobs: BlobStore,
    /// Standard input, output and error.
    pub streams: Streams,
    /// What of them is a terminal.
    pub terminal: Terminal,
    /// The folder that the command was given in.
    pub cwd: PathBuf,
    /// The environment's variables that are valid UTF-8.
    pub environment: BTreeMap<String, String>,
    /// Paraph's home.
    pub home: PathBuf,
}

impl World {
    /// A variable that is set and not empty.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// What is asked of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigAsk {
    /// Where it is.
    Path,
    /// One setting, or all.
    Get(Option<String>),
    /// Writes one setting into the user's file, keeping its comments.
    Set {
        /// The setting, such as `checks.test.timeout`.
        key: String,
        /// The value, as TOML or as plain words.
        value: String,
    },
    /// Reads every layer and tells what is wrong.
    Check,
    /// Every setting and where it comes from.
    Origins,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub key: String,
    /// Its value, as TOML.
    pub value: Untrusted,
    /// Where it comes from: `built-in`, a file, a variable.
    pub origin: String,
}

/// What the configuration answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigReport {
    /// The user's file, whether it is there or not.
    pub path: HostPath,
    /// What was asked for.
    pub settings: Vec<Setting>,
    /// What is wrong, each with the place; empty where all is well.
    pub findings: Vec<Untrusted>,
}

/// A file that `init` wrote, or found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitReport {
    /// Where.
    pub path: HostPath,
    /// Whether it is new; a file that is there is never overwritten.
    pub created: bool,
}

/// An issue that was read: what a session is asked for with, and the text that the request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueRead {
    /// What is recorded.
    pub source: IssueSource,
    /// What `source.text` names: to be stored as a blob before the session is asked for.
    pub text: String,
}

/// What a person wrote in their editor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The bytes, as they were left.
    pub bytes: Vec<u8>,
    /// The file that holds them: whoever asked removes it once they are of no use any more.
    pub path: HostPath,
}

/// The rooms that a verb opens and that this module does not know.
pub trait Launch: Send + Sync {
    /// The screen, over the repository at `repo` where one was found. Gives the exit status.
    fn tui(&self, start: Start, repo: Option<HostPath>) -> BoxFuture<'_, Result<u8, Failure>>;

    /// From a goal to the review screen on a throw-away repository, in a home of its own, gone at quit.
    fn demo(&self) -> BoxFuture<'_, Result<u8, Failure>>;

    /// The daemon itself, in the foreground, until it is stopped or has nothing left to do.
    fn daemon_run(&self) -> BoxFuture<'_, Result<u8, Failure>>;

    /// Ends the daemon of this home and waits until its store is free; its process, `None` where none ran.
    fn daemon_stop(&self) -> BoxFuture<'_, Result<Option<u32>, Failure>>;

    /// Ends the daemon of this home where nobody else is there and nothing is owed, which the daemon itself decides;
    /// whether it ended.
    fn daemon_stop_if_idle(&self) -> BoxFuture<'_, bool>;

    /// Answers about the configuration, or changes it.
    ///
    /// # Errors
    /// A [`Failure`] where a file cannot be read or written, or there is no such setting.
    fn config(&self, ask: &ConfigAsk) -> Result<ConfigReport, Failure>;

    /// What a person has to know once the verb is done: a daemon works on, and the configuration cannot be used any more.
    fn warning(&self) -> Option<String> {
        None
    }

    /// Writes the user's configuration, or (`repo_file`) the `.paraph.toml` of that repository.
    ///
    /// # Errors
    /// A [`Failure`] where the file cannot be written.
    fn init(&self, repo_file: Option<&HostPath>) -> Result<InitReport, Failure>;

    /// Forgets what was typed before a question was shown, so that type-ahead answers nothing.
    fn drop_typed_ahead(&self);

    /// Columns and rows of the terminal as it is now; `None` where nobody knows.
    fn terminal_size(&self) -> Option<(usize, usize)> {
        None
    }

    /// A pager that shows what is written into it, and that is waited for when it is dropped; `None` where that
    /// program is not there.
    fn pager(&self, _program: &str) -> Option<Box<dyn Write + Send>> {
        None
    }

    /// What hides secrets on screens and in prompts: their shapes, and the keys that Paraph was given.
    fn secret_mask(&self) -> SecretMask {
        SecretMask::new(Vec::new())
    }

    /// Reads the issue at `url` from its forge; `forge` is what a person says its host is.
    ///
    /// # Errors
    /// A [`Failure`] with what to type next: no address of an issue, none there, not signed in, too many requests.
    fn read_issue<'a>(&'a self, url: &'a str, forge: Option<&'a str>) -> BoxFuture<'a, Result<IssueRead, Failure>>;

    /// Lets a person write on in `text`, in the editor that VISUAL or EDITOR names; it has the terminal meanwhile.
    ///
    /// # Errors
    /// A [`Failure`] where it does not run or ends badly; what was written is kept, and the failure says where.
    fn edit_text(&self, text: &str) -> Result<Edited, Failure>;

    /// Looks in themes (the shipped ones, where no file is named) for roles without a style and for colours that
    /// are hard to read.
    ///
    /// # Errors
    /// A [`Failure`] where a file cannot be read.
    fn theme_lint(&self, files: &[HostPath]) -> Result<Vec<Untrusted>, Failure>;
}
