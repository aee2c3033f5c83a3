//! The user's configuration: layers, each knowing where it comes from, none of it ever a repository's.
//!
//! Built-in values, then the user's file, then a `.env` beside it, then the environment; the later wins. A value that
//! does not fit is a [`Problem`] with its line, and the layer below stands. Keys (`OPENAI_API_KEY` …) are taken into
//! a [`KeyRing`] that cannot be printed and are told of only as being there.

mod forges;
mod keys;
mod layers;
mod models;
mod programs;
mod table;
mod value;
mod write;
mod written;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

pub use forges::ForgePart;
pub use keys::KeyRing;
pub use models::{KeyPart, ModelsPart, ProviderPart, RolePart};
pub use programs::{ProgramEntry, ProgramKind};
pub use table::{KEY_VARIABLES, SETTINGS, SettingSpec, is_for_key_programs, names_a_secret, spec};
pub use value::{Shape, Value};
pub use write::{SetError, initial_text, set, set_in_text};

/// The largest file that is read. // 1 MiB: a thousand times any that a person wrote
const LARGEST: u64 = 1 << 20;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nobody said anything.
    BuiltIn,
    /// A file, and the line in it (1-based).
    File {
        /// Which.
        path: PathBuf,
        /// The line.
        line: u32,
    },
    /// A variable of the environment.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in"),
            Self::File { path, line } => write!(f, "{}:{line}", crate::id::HostPath::new(path.clone())),
            Self::Variable(name) => write!(f, "variable {name}"),
        }
    }
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Something says nothing: a key nobody knows.
    Warning,
    /// Something cannot be used; the layer below stands.
    Error,
}

/// One thing that is wrong, with the place and the way out. It may hold words of a file, never a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad.
    pub weight: Weight,
    /// Where.
    pub origin: Origin,
    /// What is wrong.
    pub message: String,
    /// What to write instead; may be empty.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, " ({})", self.hint) }
    }
}

/// Where the user's file is: `PARAPH_CONFIG`, else below `XDG_CONFIG_HOME`, else below `HOME/.config`; `None` where
/// no variable says.
#[must_use]
pub fn path(environment: &BTreeMap<OsString, OsString>) -> Option<PathBuf> {
    let given = |name: &str| environment.get(OsStr::new(name)).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = given("PARAPH_CONFIG") {
        return Some(path);
    }
    // the specification says that a relative one is to be ignored
    let folder = given("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let folder = folder.or_else(|| Some(given("HOME")?.join(".config")));
    folder.map(|folder| folder.join("paraph").join("config.toml"))
}

/// What all layers together say.
#[derive(Debug)]
pub struct Config {
    path: Option<PathBuf>,
    values: BTreeMap<&'static str, (Value, Origin)>,
    problems: Vec<Problem>,
    keys: KeyRing,
    models: ModelsPart,
    forges: BTreeMap<String, ForgePart>,
    programs: Vec<ProgramEntry>,
}

impl Config {
    /// Reads every layer. `environment` is the process's own.
    ///
    /// Never fails: what cannot be used is a problem.
    #[must_use]
    pub fn load(environment: &BTreeMap<OsString, OsString>) -> Self {
        let path = path(environment);
        let built_in = SETTINGS.iter().map(|spec| (spec.key, (spec.default_value(), Origin::BuiltIn)));
        let mut config = Self {
            path: path.clone(),
            values: built_in.collect(),
            problems: Vec::new(),
            keys: KeyRing::default(),
            models: ModelsPart::default(),
            forges: BTreeMap::new(),
            programs: Vec::new(),
        };
        if let Some(path) = &path {
            config.read_file(path);
            config.read_dotenv(&path.with_file_name(".env"));
        }
        config.read_environment(environment);
        config
    }

    /// The user's file, whether it is there or not.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Everything that is wrong, in the order it was read.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The problems that are errors.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| problem.weight == Weight::Error)
    }

    /// The keys that were found.
    #[must_use]
    pub fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// Programs of the user's own that draft.
    #[must_use]
    pub fn programs(&self) -> &[ProgramEntry] {
        &self.programs
    }

    /// A setting's value and where it comes from; `None` where there is no such setting.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<(&Value, &Origin)> {
        self.values.get(key).map(|(value, origin)| (value, origin))
    }

    /// Every setting with its value and origin, in the order of [`SETTINGS`].
    pub fn all(&self) -> impl Iterator<Item = (&'static SettingSpec, &Value, &Origin)> {
        SETTINGS.iter().filter_map(|spec| self.get(spec.key).map(|(value, origin)| (spec, value, origin)))
    }

    /// The values as one struct.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            repository: Some(self.text("repository")).filter(|path| !path.is_empty()).map(PathBuf::from),
            workers: self.size("workers"),
            engine: self.text("engine"),
            program: Some(self.text("program")).filter(|name| !name.is_empty()),
            playbook: self.text("playbook"),
            threshold_tenths: self.tenths("threshold"),
            model: Some(self.text("model")).filter(|name| !name.is_empty()),
            budget: BudgetPart {
                repairs: self.whole("budget.repairs"),
                session_cents: self.whole("budget.session_cents"),
                session_tokens: self.whole("budget.session_tokens"),
                day_cents: self.whole("budget.day_cents"),
            },
            policy: PolicyPart {
                frozen: self.texts("policy.frozen"),
                frozen_blocks: self.text("policy.frozen_severity") == "BLOCK",
                raised: self.texts("policy.raised"),
                max_file_bytes: self.whole("policy.max_file_bytes"),
                max_files: u32::try_from(self.whole("policy.max_files")).unwrap_or(u32::MAX),
            },
            checks: ChecksPart {
                max_timeout_s: self.whole("checks.max_timeout_s"),
                memory_bytes: self.whole("checks.memory_bytes"),
                processes: self.whole("checks.processes"),
                disk_bytes: self.whole("checks.disk_bytes"),
            },
            log: LogPart {
                json: self.text("log.format") == "json",
                level: self.text("log.level"),
                files: self.size("log.files"),
                bytes: self.whole("log.bytes"),
            },
            ui: UiPart {
                theme: Some(self.text("ui.theme")).filter(|name| !name.is_empty()),
                ascii: self.flag("ui.ascii"),
                motion: self.flag("ui.motion"),
                mouse: self.flag("ui.mouse"),
                colour: self.text("ui.colour"),
            },
            daemon_idle_minutes: self.whole("daemon.idle_minutes"),
            index: IndexPart {
                max_chars_per_file: self.size("index.max_chars_per_file"),
                max_chars: self.size("index.max_chars"),
                max_file_bytes: self.whole("index.max_file_bytes"),
                extensions: self.texts("index.extensions"),
                skip: self.texts("index.skip"),
            },
        }
    }

    fn value(&self, key: &str) -> &Value {
        &self.values.get(key).expect("every setting has its built-in value").0
    }

    fn text(&self, key: &str) -> String {
        match self.value(key) {
            Value::Text(text) => text.clone(),
            other => unreachable!("{key} is a text, not {other:?}"),
        }
    }

    fn texts(&self, key: &str) -> Vec<String> {
        match self.value(key) {
            Value::Texts(texts) => texts.clone(),
            other => unreachable!("{key} is a list, not {other:?}"),
        }
    }

    fn whole(&self, key: &str) -> u64 {
        match self.value(key) {
            Value::Whole(number) => *number,
            other => unreachable!("{key} is a number, not {other:?}"),
        }
    }

    fn size(&self, key: &str) -> usize {
        usize::try_from(self.whole(key)).unwrap_or(usize::MAX)
    }

    fn flag(&self, key: &str) -> bool {
        *self.value(key) == Value::Flag(true)
    }

    fn tenths(&self, key: &str) -> u16 {
        match self.value(key) {
            Value::Tenths(tenths) => *tenths,
            other => unreachable!("{key} is a score, not {other:?}"),
        }
    }
}

/// Every setting's value; [`SETTINGS`] says what each is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // each field is the setting of its name, described there once
pub struct Settings {
    pub repository: Option<PathBuf>,
    pub workers: usize,
    pub engine: String,
    pub program: Option<String>,
    pub playbook: String,
    pub threshold_tenths: u16,
    pub model: Option<String>,
    pub budget: BudgetPart,
    pub policy: PolicyPart,
    pub checks: ChecksPart,
    pub log: LogPart,
    pub ui: UiPart,
    pub daemon_idle_minutes: u64,
    pub index: IndexPart,
}

/// `[budget]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct BudgetPart {
    pub repairs: u64,
    pub session_cents: u64,
    pub session_tokens: u64,
    pub day_cents: u64,
}

/// `[policy]`
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PolicyPart {
    pub frozen: Vec<String>,
    pub frozen_blocks: bool,
    pub raised: Vec<String>,
    pub max_file_bytes: u64,
    pub max_files: u32,
}

/// `[checks]`
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ChecksPart {
    pub max_timeout_s: u64,
    pub memory_bytes: u64,
    pub processes: u64,
    pub disk_bytes: u64,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct LogPart {
    pub json: bool,
    pub level: String,
    pub files: usize,
    pub bytes: u64,
}

/// `[ui]`
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct UiPart {
    pub theme: Option<String>,
    pub ascii: bool,
    pub motion: bool,
    pub mouse: bool,
    pub colour: String,
}

/// `[index]`; the lists come on top of the built-in ones.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct IndexPart {
    pub max_chars_per_file: usize,
    pub max_chars: usize,
    pub max_file_bytes: u64,
    pub extensions: Vec<String>,
    pub skip: Vec<String>,
}
