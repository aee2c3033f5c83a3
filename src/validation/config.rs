//! `.paraph.toml` of the base commit: the checks that a repository names, and how it tightens the user's policy.

mod reader;

use serde::{Deserialize, Serialize};

use super::{BUILD_TIMEOUT_S, Check, CheckKind, CheckPlan, CommandLine, Setup, TEST_TIMEOUT_S};
use crate::id::RepoPath;
use crate::repository::{Tree, TreeError};
use reader::{Reader, Table};

/// The largest file that is read, in bytes.
const LARGEST: usize = 256 << 10;
/// The most checks that a file may name.
const MOST_CHECKS: usize = 64;

/// What a repository says about its own checks and policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryConfig {
    /// The checks, in the order they are named.
    pub checks: Vec<Check>,
    /// What prepares a checkout.
    pub setup: Option<Setup>,
    /// How it tightens the user's policy.
    pub policy: RepositoryPolicy,
    /// What was brought down to the user's maximum.
    pub notices: Vec<String>,
}

/// The repository's part of the policy: it can only tighten.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryPolicy {
    /// More globs that must not change.
    pub frozen: Vec<String>,
    /// More rules that block.
    pub raised: Vec<String>,
    /// A smaller largest file, in bytes.
    pub max_file_bytes: Option<u64>,
    /// Fewer files in one change.
    pub max_files: Option<u32>,
}

/// What the user allows a repository.
#[derive(Debug, Clone, Copy)]
pub struct ConfigLimits<'a> {
    /// The longest time-out, in seconds.
    pub max_timeout_s: u64,
    /// The ids of the rules that there are.
    pub rules: &'a [&'a str],
}

/// One thing that is wrong, with the place and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ConfigProblem {
    /// The line (1-based).
    pub line: u32,
    /// What is wrong.
    pub message: String,
    /// What to write instead; may be empty.
    pub hint: String,
}

impl ConfigProblem {
    /// In one line, as a compiler tells it, with the way out where there is one.
    #[must_use]
    pub fn told(&self) -> String {
        let hint = if self.hint.is_empty() { String::new() } else { format!(" ({})", self.hint) };
        format!("{}:{}: {}{hint}", RepositoryConfig::NAME, self.line, self.message)
    }
}

/// Why the file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Everything that is wrong with it, in the order of its lines.
    #[error("{}", .0.first().map_or_else(|| "`.paraph.toml` cannot be used".to_owned(), |first| format!("`.paraph.toml` {first}")))]
    Wrong(Vec<ConfigProblem>),
    /// The base could not be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

impl RepositoryConfig {
    /// The file's name, at the top of the tree.
    pub const NAME: &'static str = ".paraph.toml";

    /// The configuration that the base `tree` holds; `None` where it has none.
    ///
    /// # Errors
    /// [`ConfigError::Wrong`] with every problem of the file.
    pub fn of(tree: &dyn Tree, limits: &ConfigLimits<'_>) -> Result<Option<Self>, ConfigError> {
        let Some(side) = tree.side(&RepoPath::from(Self::NAME))? else { return Ok(None) };
        let wrong = |message: &str| {
            ConfigError::Wrong(vec![ConfigProblem { line: 1, message: message.to_owned(), hint: String::new() }])
        };
        if !matches!(side.mode, crate::diff::FileMode::Regular | crate::diff::FileMode::Executable) {
            return Err(wrong("it is not a regular file"));
        }
        if side.content.len() > LARGEST {
            return Err(wrong("it is larger than 256 KiB"));
        }
        let text = std::str::from_utf8(&side.content).map_err(|_| wrong("it is not UTF-8"))?;
        Self::parse(text, limits).map(Some)
    }

    /// Reads the text of a `.paraph.toml`.
    ///
    /// # Errors
    /// As [`RepositoryConfig::of`].
    pub fn parse(text: &str, limits: &ConfigLimits<'_>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(text);
        let mut config = Self::default();
        match toml::de::DeTable::parse(text) {
            Ok(top) => config.fill(&mut reader, top.get_ref(), limits),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                reader.problem(at, error.message(), "see https://toml.io for the form");
            }
        }
        reader.done(config).map_err(ConfigError::Wrong)
    }

    fn fill(&mut self, reader: &mut Reader<'_>, top: &Table<'_>, limits: &ConfigLimits<'_>) {
        reader.known(top, "", &["check", "setup", "policy"]);
        for table in reader.tables(top, "check", MOST_CHECKS) {
            if let Some(check) = self.check(reader, table, limits) {
                if let Some(twin) = self.checks.iter().find(|other| other.name == check.name) {
                    let at = reader.at(table, "name");
                    reader.problem(at, &format!("two checks are named `{}`", twin.name), "give each its own name");
                }
                self.checks.push(check);
            }
        }
        if let Some(table) = reader.table(top, "setup") {
            reader.known(table, "setup.", &["command", "timeout_s", "network"]);
            let command = command(reader, table, "setup");
            let timeout_s = self.timeout(reader, table, "setup", BUILD_TIMEOUT_S, limits);
            let network = reader.yes_or_no(table, "network").unwrap_or(false);
            self.setup = command.map(|command| Setup { command, timeout_s, network });
        }
        if let Some(table) = reader.table(top, "policy") {
            self.policy = policy(reader, table, limits);
        }
    }

    fn check(&mut self, reader: &mut Reader<'_>, table: &Table<'_>, limits: &ConfigLimits<'_>) -> Option<Check> {
        let keys = ["name", "kind", "command", "timeout_s", "group", "env", "reports", "cwd"];
        reader.known(table, "check.", &keys);
        let name = name(reader, table);
        let kind = kind(reader, table);
        let command = command(reader, table, "check");
        let cwd = inside(reader, table, "cwd").unwrap_or_default();
        let usual = if kind == Some(CheckKind::Build) { BUILD_TIMEOUT_S } else { TEST_TIMEOUT_S };
        let timeout_s = self.timeout(reader, table, name.as_deref().unwrap_or("check"), usual, limits);
        let (env, reports) = (environment(reader, table), reader.strings(table, "reports").unwrap_or_default());
        let group = reader.string(table, "group").unwrap_or_default();
        Some(Check { name: name?, kind: kind?, command: command?, cwd, timeout_s, group, env, reports, lacks: None })
    }

    fn timeout(
        &mut self,
        reader: &mut Reader<'_>,
        table: &Table<'_>,
        of: &str,
        usual: u64,
        limits: &ConfigLimits<'_>,
    ) -> u64 {
        let asked = reader.number(table, "timeout_s");
        if asked == Some(0) {
            let at = reader.at(table, "timeout_s");
            reader.problem(at, "`timeout_s` is 0", "write the seconds after which it is stopped, such as 120");
        }
        let wanted = asked.unwrap_or(usual);
        if asked.is_some() && wanted > limits.max_timeout_s {
            let most = limits.max_timeout_s;
            self.notices.push(format!("`{of}` asks for {wanted} s; your own maximum is {most} s"));
        }
        wanted.min(limits.max_timeout_s)
    }

    /// The plan that this file makes; `None` where it names no check, so that discovery decides.
    #[must_use]
    pub fn plan(&self) -> Option<CheckPlan> {
        let mut checks = self.checks.clone();
        checks.sort_by_key(|check| check.kind);
        (!checks.is_empty()).then(|| CheckPlan {
            checks,
            setup: self.setup.clone(),
            origin: Self::NAME.to_owned(),
            notices: self.notices.clone(),
        })
    }
}

fn name(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<String> {
    let name = reader.needed_string(table, "name", "check")?;
    if name.trim().is_empty() || name.chars().count() > 80 || name.chars().any(char::is_control) {
        let at = reader.at(table, "name");
        reader.problem(at, "a check's name is 1 to 80 characters on one line", "");
        return None;
    }
    Some(name)
}

fn kind(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<CheckKind> {
    let kind = reader.needed_string(table, "kind", "check")?;
    let kinds =
        [("build", CheckKind::Build), ("test", CheckKind::Test), ("lint", CheckKind::Lint), ("perf", CheckKind::Perf)];
    let found = kinds.iter().find(|(name, _)| *name == kind).map(|(_, kind)| *kind);
    if found.is_none() {
        let at = reader.at(table, "kind");
        let hint = reader::did_you_mean(&kind, &kinds.map(|(name, _)| name));
        reader.problem(at, &format!("`{kind}` is no kind of check"), &hint);
    }
    found
}

fn command(reader: &mut Reader<'_>, table: &Table<'_>, of: &str) -> Option<CommandLine> {
    let command = reader.command(table, of)?;
    let empty = match &command {
        CommandLine::Args(parts) => parts.first().is_none_or(String::is_empty),
        CommandLine::Shell(line) => line.trim().is_empty(),
    };
    let nul = match &command {
        CommandLine::Args(parts) => parts.iter().any(|part| part.contains('\0')),
        CommandLine::Shell(line) => line.contains('\0'),
    };
    if empty || nul {
        let at = reader.at(table, "command");
        let message = if nul { "`command` holds a NUL" } else { "`command` is empty" };
        reader.problem(at, message, "write a list, such as [\"cargo\", \"test\"], or a string for the shell");
        return None;
    }
    Some(command)
}

/// A folder of the repository, relative to its top.
fn inside(reader: &mut Reader<'_>, table: &Table<'_>, key: &str) -> Option<String> {
    let path = reader.string(table, key)?;
    let plain = path.trim_end_matches('/').trim_start_matches("./");
    let outside = plain.starts_with('/') || plain.contains('\0') || plain.split('/').any(|part| part == "..");
    if outside || plain.split('/').any(|part| part.eq_ignore_ascii_case(".git")) {
        let at = reader.at(table, key);
        reader.problem(
            at,
            &format!("`{key}` leaves the repository"),
            "write a folder relative to the repository's top",
        );
        return None;
    }
    Some(if plain == "." { String::new() } else { plain.to_owned() })
}

fn environment(reader: &mut Reader<'_>, table: &Table<'_>) -> std::collections::BTreeMap<String, String> {
    let env = reader.string_table(table, "env").unwrap_or_default();
    for (name, value) in &env {
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(letters) || value.contains('\0') {
            let at = reader.at(table, "env");
            reader.problem(at, &format!("`{name}` cannot be a variable"), "use letters, digits and `_`");
        }
    }
    env
}

fn policy(reader: &mut Reader<'_>, table: &Table<'_>, limits: &ConfigLimits<'_>) -> RepositoryPolicy {
    reader.known(table, "policy.", &["frozen", "raised", "max_file_bytes", "max_files"]);
    let frozen = reader.strings(table, "frozen").unwrap_or_default();
    for glob in &frozen {
        if let Err(error) = globset::Glob::new(glob) {
            let at = reader.at(table, "frozen");
            let message = format!("`{glob}` is no glob: {}", error.kind());
            reader.problem(at, &message, "such as 'src/generated/**'");
        }
    }
    let raised = reader.strings(table, "raised").unwrap_or_default();
    for rule in raised.iter().filter(|rule| !limits.rules.contains(&rule.as_str())) {
        let at = reader.at(table, "raised");
        let hint = reader::did_you_mean(rule, limits.rules);
        reader.problem(at, &format!("there is no rule `{rule}`"), &hint);
    }
    let max_files = reader.number(table, "max_files").map(|files| u32::try_from(files).unwrap_or(u32::MAX));
    RepositoryPolicy { frozen, raised, max_file_bytes: reader.number(table, "max_file_bytes"), max_files }
}

#[cfg(test)]
mod tests;
