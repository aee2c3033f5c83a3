//! The user's configuration, brought to what each room takes.

use std::path::Path;
use std::time::Duration;

use crate::api::{Failure, FailureKind};
use crate::cli::{ConfigAsk, ConfigReport, InitReport, Setting};
use crate::id::HostPath;
use crate::indexing::IndexSettings;
use crate::infrastructure::config::{self, Config, Problem, Weight};
use crate::infrastructure::confinement::Limits;
use crate::policy::{PolicySettings, RULES, Severity};
use crate::proposal::EngineKind;
use crate::runtime::Settings;
use crate::scoring::Tenths;
use crate::session::Budget;
use crate::text::Untrusted;
use crate::text::nearest;

use super::House;

impl House {
    /// What all layers of the configuration say, read once.
    #[must_use]
    pub fn config(&self) -> &Config {
        self.config.get_or_init(|| Config::load(&self.environment))
    }

    pub(super) fn settings(&self) -> Settings {
        let asked = self.config().settings();
        let variables = self.variables();
        Settings {
            workers: asked.workers,
            engine: asked.engine.parse().unwrap_or(EngineKind::Rules),
            program: asked.program,
            playbook: asked.playbook,
            repairs: u32::try_from(asked.budget.repairs).unwrap_or(3),
            budget: Budget {
                cost_micros: Some(asked.budget.session_cents * 10_000),
                tokens: Some(asked.budget.session_tokens),
            },
            policy: PolicySettings {
                frozen: asked.policy.frozen,
                frozen_severity: if asked.policy.frozen_blocks { Severity::Block } else { Severity::Warn },
                raised: asked.policy.raised,
                max_file_bytes: asked.policy.max_file_bytes,
                max_files: asked.policy.max_files,
            },
            threshold: Tenths::clamped(asked.threshold_tenths.into()),
            max_check: Duration::from_secs(asked.checks.max_timeout_s),
            path: variables.get("PATH").cloned().unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".to_owned()),
            user_home: self.user_home(),
        }
    }

    /// Why nothing starts with this configuration: the first thing in it that cannot be used. What a person wrote and what
    /// counts must be the same, a mistyped policy would otherwise be a milder one.
    pub(super) fn unusable(&self) -> Option<Failure> {
        let first = self.config().errors().next().cloned();
        let problem = first.or_else(|| self.own_problems().into_iter().next())?;
        let failure = Failure::new(FailureKind::Usage, cannot_be_used(&problem));
        let failure = if problem.hint.is_empty() { failure } else { failure.hint(problem.hint) };
        Some(failure.hint("paraph config check"))
    }

    /// Keeps for the end of a verb that the file cannot be used any more, while a daemon works on that read it before.
    pub(super) fn warn_of_old_settings(&self) {
        if let Some(problem) = self.config().errors().next() {
            let why = cannot_be_used(problem);
            let warning = format!("{why}; the daemon works on with the settings that it was started with");
            self.warning.get_or_init(|| warning);
        }
    }

    /// What the policy settings name that there is not: a mistyped rule or glob would be a milder policy than was meant.
    pub(super) fn policy_problems(&self) -> Vec<Problem> {
        let config = self.config();
        let policy = config.settings().policy;
        let origin = |key: &str| config.get(key).map(|(_, origin)| origin.clone());
        let mut problems = Vec::new();
        let mut add = |key: &str, message: String, hint: String| {
            problems.extend(origin(key).map(|origin| Problem { weight: Weight::Error, origin, message, hint }));
        };
        let ids = || RULES.iter().map(|rule| rule.id);
        for id in policy.raised.iter().filter(|id| ids().all(|known| known != id.as_str())) {
            let hint = match nearest(id, ids()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("the rules are {}", ids().collect::<Vec<_>>().join(", ")),
            };
            add("policy.raised", format!("there is no rule `{id}`"), hint);
        }
        for glob in &policy.frozen {
            if let Err(error) = globset::Glob::new(glob) {
                let hint = "such as 'src/generated/**'".to_owned();
                add("policy.frozen", format!("`{glob}` is no glob: {}", error.kind()), hint);
            }
        }
        problems
    }

    pub(super) fn check_limits(&self) -> Limits {
        let asked = self.config().settings().checks;
        let usual = Limits::default();
        Limits { memory_bytes: asked.memory_bytes, processes: asked.processes, disk_bytes: asked.disk_bytes, ..usual }
    }

    pub(super) fn index_settings(&self) -> IndexSettings {
        let asked = self.config().settings().index;
        let usual = IndexSettings::default();
        IndexSettings {
            extensions: usual.extensions.into_iter().chain(asked.extensions).collect(),
            skip: usual.skip.into_iter().chain(asked.skip).collect(),
            max_chars_per_file: asked.max_chars_per_file,
            max_chars: asked.max_chars,
            max_file_bytes: asked.max_file_bytes,
            max_tree_lines: usual.max_tree_lines,
        }
    }

    /// Answers `paraph config`.
    pub(super) fn answer_config(&self, ask: &ConfigAsk) -> Result<ConfigReport, Failure> {
        let path = self.config().path().map(ToOwned::to_owned).ok_or_else(|| {
            Failure::new(FailureKind::Failed, "no variable says where the configuration is")
                .hint("PARAPH_CONFIG=/a/file paraph config …")
        })?;
        let mut report = ConfigReport { path: HostPath::new(&path), settings: Vec::new(), findings: Vec::new() };
        let all = || {
            self.config().all().map(|(spec, value, origin)| Setting {
                key: spec.key.to_owned(),
                value: Untrusted::new(value.to_string()),
                origin: origin.to_string(),
            })
        };
        match ask {
            ConfigAsk::Path => {}
            ConfigAsk::Get(None) | ConfigAsk::Origins => report.settings = all().collect(),
            ConfigAsk::Get(Some(key)) => {
                report.settings = all().filter(|setting| setting.key == *key).collect();
                if report.settings.is_empty() {
                    return Err(Failure::new(FailureKind::NotFound, format!("there is no setting `{key}`"))
                        .hint("paraph config get"));
                }
            }
            ConfigAsk::Set { key, value } => {
                let before = std::fs::read(&path).ok();
                config::set(&path, key, value).map_err(|error| {
                    let hint = error.hint();
                    Failure::from_error(FailureKind::Usage, &error).hint(hint)
                })?;
                self.hold_what_is_set(&path, before)?;
                report.settings = Config::load(&self.environment)
                    .all()
                    .filter(|(spec, ..)| spec.key == key)
                    .map(|(spec, value, origin)| Setting {
                        key: spec.key.to_owned(),
                        value: Untrusted::new(value.to_string()),
                        origin: origin.to_string(),
                    })
                    .collect();
            }
            ConfigAsk::Check => {
                report.findings = self.problems().iter().map(|problem| Untrusted::new(problem.to_string())).collect();
            }
        }
        Ok(report)
    }

    /// All that is wrong in the configuration.
    fn problems(&self) -> Vec<Problem> {
        self.config().problems().iter().cloned().chain(self.own_problems()).collect()
    }

    /// What each room finds wrong in its part of it.
    fn own_problems(&self) -> Vec<Problem> {
        [self.policy_problems(), self.model_problems(), self.agent_problems(), self.forge_problems()].concat()
    }

    /// Takes back what was just written where a daemon would not start with it, and did before: `before` is what the file
    /// held.
    fn hold_what_is_set(&self, path: &Path, before: Option<Vec<u8>>) -> Result<(), Failure> {
        let Ok(house) = Self::new(self.environment.clone(), self.program.clone()) else { return Ok(()) };
        let known: Vec<String> = self.problems().iter().map(ToString::to_string).collect();
        let stops = |problem: &Problem| problem.weight == Weight::Error && !known.contains(&problem.to_string());
        let Some(problem) = house.problems().into_iter().find(stops) else {
            return Ok(());
        };
        let back = match before {
            Some(text) => std::fs::write(path, text),
            None => std::fs::remove_file(path),
        };
        let failure = Failure::new(FailureKind::Usage, problem.message.clone()).hint(problem.hint.clone());
        Err(match back {
            Ok(()) => failure,
            Err(error) => Failure { causes: vec![format!("it could not be taken back: {error}")], ..failure },
        })
    }

    /// Writes the user's configuration, or a repository's `.paraph.toml`; never over a file that is there.
    pub(super) fn initialise(&self, repo_file: Option<&HostPath>) -> Result<InitReport, Failure> {
        let (path, text) = match repo_file {
            Some(top) => (top.as_path().join(".paraph.toml"), REPOSITORY_FILE.to_owned()),
            None => {
                let path = self.config().path().ok_or_else(|| {
                    Failure::new(FailureKind::Failed, "no variable says where the configuration is")
                        .hint("PARAPH_CONFIG=/a/file paraph init")
                })?;
                (path.to_owned(), config::initial_text())
            }
        };
        let failed = |error: std::io::Error| {
            Failure::new(FailureKind::Failed, format!("cannot write {}: {error}", HostPath::new(&path)))
                .hint("paraph doctor")
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let made = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
        let created = match made {
            Ok(mut file) => {
                std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(failed(error)),
        };
        Ok(InitReport { path: HostPath::new(&path), created })
    }
}

fn cannot_be_used(problem: &Problem) -> String {
    format!("the configuration cannot be used: {}: {}", problem.origin, problem.message)
}

/// What `init --repo-file` writes.
const REPOSITORY_FILE: &str = "\
# What Paraph runs for this repository. It counts once it is committed: checks are read from the base of a
# proposal, never from the proposal. Without this file checks are found from the manifests.

# [[check]]
# name = \"test\"
# kind = \"test\"                    # build, test, lint or perf
# command = [\"make\", \"test\"]       # a list runs as it is, a string through the shell
# timeout_s = 120
# reports = [\"build/reports/*.xml\"] # JUnit and the like

# [setup]
# command = [\"npm\", \"ci\", \"--offline\"]

# [policy]
# frozen = [\"LICENSE\", \"migrations/**\"]
";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(config: &str, message: &str, hints: &[&str]) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.toml");
        std::fs::write(&file, config).expect("a file");
        let environment = [("HOME".into(), folder.path().into()), ("PARAPH_CONFIG".into(), file.clone().into())];
        let house = House::new(environment.into(), "/paraph".into()).expect("a house");
        let failure = house.unusable().expect("it cannot be used");
        let place = format!("the configuration cannot be used: {}:", file.display());
        assert_eq!(failure.message.strip_prefix(&place), Some(message));
        assert_eq!(failure.hints, hints);
        assert_eq!(failure.causes, Vec::<String>::new());
    }

    #[test]
    fn a_broken_file_is_told_in_one_sentence() {
        let form = "see https://toml.io for the form";
        check("workers = 2\n[checks\n", "2: unclosed table, expected `]`", &[form, "paraph config check"]);
        let rules = "[policy]\nraised = ['ci-fiel']\n";
        check(rules, "2: there is no rule `ci-fiel`", &["did you mean `ci-file`?", "paraph config check"]);
    }
}
