//! The programs that draft: what the user's configuration names, brought to what the engines take.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::House;
use super::later::Later;
use super::models::{Wrong, key_source, keyed};
use crate::infrastructure::blobs::Blobs;
use crate::infrastructure::config::{Problem, ProgramEntry, ProgramKind, Weight};
use crate::infrastructure::confinement::Confinement;
use crate::infrastructure::http::HttpClient;
use crate::infrastructure::key_door::KeyForm;
use crate::infrastructure::llm::KeySource;
use crate::proposal::{
    AgentKey, AgentKeys, AgentSpec, CommandSpec, Edits, Run, Workshop, WorkshopPorts, agent_presets,
};
use crate::repository::GitVcs;
use crate::runtime::Home;

/// How long a command of one's own may take, and an agent, where the configuration does not say.
const COMMAND_S: u64 = 600;
const AGENT_S: u64 = 3600;

impl House {
    /// Where programs draft; made when the first does.
    pub(super) fn workshop(&self, home: &Home, vcs: Arc<GitVcs>, blobs: Blobs) -> Later<Workshop> {
        let (program, folder, private) = (self.program.clone(), home.workshops(), self.private(home));
        let limits = self.check_limits();
        Later::new(move || {
            Workshop::new(WorkshopPorts {
                vcs: vcs.clone(),
                confinement: Confinement::probe(program.clone()),
                blobs: blobs.clone(),
                folder: folder.clone(),
                private: private.clone(),
                limits,
            })
        })
    }

    pub(super) fn own_commands(&self) -> Vec<CommandSpec> {
        let programs = self.config().programs().iter().filter(|entry| entry.kind == ProgramKind::Command);
        programs
            .map(|entry| CommandSpec {
                name: entry.name.clone(),
                run: run(entry),
                edits: if entry.prints { Edits::Stdout } else { Edits::Worktree },
                timeout: Duration::from_secs(entry.timeout_s.unwrap_or(COMMAND_S)),
                env: entry.env.clone(),
                reads: entry.reads.clone(),
                ok_codes: entry.ok_codes.clone(),
                hint: format!("see [engines.command.{}] in your configuration: paraph config path", entry.name),
            })
            .collect()
    }

    pub(super) fn own_agents(&self) -> Vec<AgentSpec> {
        self.agent_entries().filter_map(|entry| self.agent(entry).ok()).collect()
    }

    /// What is wrong with agents and their keys: told by `config check`, and by every start.
    pub(super) fn agent_problems(&self) -> Vec<Problem> {
        let origin = self.config().get("engine").map(|(_, origin)| origin.clone());
        let problem = |wrong: Wrong| {
            let origin = origin.clone()?;
            Some(Problem { weight: Weight::Error, origin, message: wrong.message, hint: wrong.hint })
        };
        self.agent_entries().filter_map(|entry| self.agent(entry).err()).filter_map(problem).collect()
    }

    /// Where the keys of agents come from.
    pub(super) fn agent_key_sources(&self) -> Vec<KeySource> {
        let specs = self.own_agents().into_iter();
        let sources = specs.flat_map(|spec| {
            let of_variables = spec.env_keys.into_values().map(|keyed| keyed.source);
            spec.key.map(|key| key.source).into_iter().chain(of_variables)
        });
        sources.filter(|source| *source != KeySource::None).collect()
    }

    /// What agents are held keys with; none where no agent has one.
    pub(super) fn agent_keys(&self) -> Option<AgentKeys> {
        if self.agent_key_sources().is_empty() {
            return None;
        }
        match HttpClient::new(self.http_settings()) {
            Ok(http) => Some(AgentKeys { keys: self.shared_keys(), http }),
            Err(error) => {
                tracing::error!(%error, "no key can be held for an agent");
                None
            }
        }
    }

    fn agent_entries(&self) -> impl Iterator<Item = &ProgramEntry> {
        self.config().programs().iter().filter(|entry| entry.kind == ProgramKind::Agent)
    }

    fn agent(&self, entry: &ProgramEntry) -> Result<AgentSpec, Wrong> {
        let name = &entry.name;
        let preset = agent_presets().into_iter().find(|preset| preset.name == *name);
        let given = entry.key_for.as_deref().map(|word| {
            KeyForm::named(word).ok_or_else(|| Wrong {
                message: format!("`{word}` is no form of a key (agent `{name}`)"),
                hint: format!("key_for is one of {}", KeyForm::ALL.map(|(name, _)| name).join(", ")),
            })
        });
        let key_form = given.transpose()?.or_else(|| preset.as_ref()?.key_form);
        let source = entry.key.clone().map(|key| key_source(&format!("`key` of agent `{name}`"), key)).transpose()?;
        if source.is_some() && key_form.is_none() {
            return Err(Wrong {
                message: format!("agent `{name}` has a key, and it is not said how it takes one"),
                hint: format!("key_for is one of {}", KeyForm::ALL.map(|(name, _)| name).join(", ")),
            });
        }
        let key = source.map(|source| AgentKey { source, address: entry.key_url.clone() });
        let (mut env, mut env_keys) = (BTreeMap::new(), BTreeMap::new());
        for (variable, value) in &entry.env {
            match keyed(&format!("variable `{variable}` of agent `{name}`"), value)? {
                Some(keyed) => drop(env_keys.insert(variable.clone(), keyed)),
                None => drop(env.insert(variable.clone(), value.clone())),
            }
        }
        if entry.run.is_empty() {
            let preset = preset.ok_or_else(|| Wrong {
                message: format!("agent `{name}` has no `run`, and none of that name ships"),
                hint: format!("add run = [\"program\", \"argument\"] to [engines.agent.{name}]"),
            })?;
            let mode = entry.mode.clone().or(preset.mode);
            let (files, terminals) = (entry.files.unwrap_or(preset.files), entry.terminals.unwrap_or(preset.terminals));
            let mut spec = AgentSpec { key_form, key, mode, files, terminals, ..preset };
            spec.env.extend(env);
            spec.logins.extend(entry.logins.iter().cloned());
            spec.settings.extend(entry.settings.iter().cloned());
            spec.env_keys.extend(env_keys);
            spec.hosts.extend(entry.hosts.iter().cloned());
            spec.reads.extend(entry.reads.iter().cloned());
            spec.timeout = entry.timeout_s.map_or(spec.timeout, Duration::from_secs);
            return Ok(spec);
        }
        Ok(AgentSpec {
            name: name.clone(),
            run: run(entry),
            timeout: Duration::from_secs(entry.timeout_s.unwrap_or(AGENT_S)),
            env,
            env_keys,
            reads: entry.reads.clone(),
            logins: entry.logins.clone(),
            settings: entry.settings.clone(),
            key_form,
            key,
            held_env: preset.map(|preset| preset.held_env).unwrap_or_default(),
            mode: entry.mode.clone(),
            files: entry.files.unwrap_or(true),
            terminals: entry.terminals.unwrap_or(true),
            needs_hosts: Vec::new(),
            hosts: entry.hosts.clone(),
            hint: format!("see [engines.agent.{name}] in your configuration: paraph config path"),
        })
    }
}

fn run(entry: &ProgramEntry) -> Run {
    match entry.run.as_slice() {
        [script] if entry.shell => Run::Shell(script.clone()),
        words => Run::Args(words.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(config: &str, read: impl FnOnce(Vec<AgentSpec>, Vec<String>)) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.toml");
        std::fs::write(&file, config).expect("a file");
        let environment = BTreeMap::from([
            ("HOME".into(), folder.path().into()),
            ("PARAPH_HOME".into(), folder.path().join("home").into()),
            ("PARAPH_CONFIG".into(), file.into()),
        ]);
        let house = House::new(environment, "/paraph".into()).expect("a house");
        assert_eq!(house.config().problems(), [], "{config}");
        let problems = house.agent_problems().into_iter().map(|problem| problem.message).collect();
        read(house.own_agents(), problems);
    }

    #[test]
    fn a_key_alone_is_for_an_agent_that_ships() {
        check(
            "[engines.agent.claude]\nkey = 'env:WORK_KEY'\nhosts = ['api.anthropic.com']\ntimeout_s = 9\nmode = 'plan'",
            |agents, wrong| {
                assert_eq!(wrong, Vec::<String>::new());
                let shipped = agent_presets().into_iter().find(|preset| preset.name == "claude").expect("it ships");
                let key = AgentKey { source: KeySource::Variable("WORK_KEY".to_owned()), address: None };
                assert_eq!((agents[0].key.as_ref(), agents[0].key_form), (Some(&key), Some(KeyForm::Anthropic)));
                assert_eq!((&agents[0].run, agents[0].timeout), (&shipped.run, Duration::from_secs(9)));
                assert_eq!(agents[0].hosts, ["api.anthropic.com"]);
                assert_eq!(agents[0].mode.as_deref(), Some("plan"), "what stands beside the key counts");
            },
        );
        check(
            "[engines.agent.mine]\nrun = 'x'\nkey = 'pass:ai'\nkey_for = 'openai'\nkey_url = 'https://x.org'",
            |agents, wrong| {
                assert_eq!(wrong, Vec::<String>::new());
                let key = agents[0].key.as_ref().expect("it has one");
                assert_eq!(
                    (key.address.as_deref(), agents[0].key_form),
                    (Some("https://x.org"), Some(KeyForm::OpenAi))
                );
            },
        );
    }

    #[test]
    fn what_is_said_of_an_agent_that_ships_stands_beside_what_it_has() {
        let preset = |name: &str| agent_presets().into_iter().find(|preset| preset.name == name).expect("it ships");
        check(
            "[engines.agent.gemini]\nenv = { GOOGLE_GEMINI_BASE_URL = 'https://x.org' }\nlogins = ['.gemini/own.json']",
            |agents, wrong| {
                assert_eq!(wrong, Vec::<String>::new());
                let (gemini, shipped) = (&agents[0], preset("gemini"));
                assert_eq!((&gemini.run, gemini.files, gemini.terminals), (&shipped.run, false, false));
                assert_eq!(gemini.env.len(), shipped.env.len() + 1);
                assert!(gemini.logins.starts_with(&shipped.logins) && gemini.logins.len() == shipped.logins.len() + 1);
            },
        );
        check("[engines.agent.claude]\nfiles = true", |agents, _| assert!(agents[0].files && !agents[0].terminals));
        check("[engines.agent.opencode]\nfiles = false", |agents, _| assert!(!agents[0].files));
        check("[engines.agent.mine]\nenv = { A = 'b' }", |agents, wrong| {
            assert!(agents.is_empty() && wrong.len() == 1, "{wrong:?}");
        });
    }

    #[test]
    fn an_agents_variable_may_name_a_key_and_is_none_of_its_plain_ones() {
        check("[engines.agent.claude]\nkey = 'none'\nenv = { GH_TOKEN = 'env:WORK_KEY', A = 'b' }", |agents, wrong| {
            assert_eq!(wrong, Vec::<String>::new());
            let source = KeySource::Variable("WORK_KEY".to_owned());
            let keyed = crate::infrastructure::llm::Keyed { before: String::new(), source };
            assert_eq!(agents[0].env_keys.get("GH_TOKEN"), Some(&keyed));
            assert_eq!((agents[0].env.get("GH_TOKEN"), agents[0].env.get("A").map(String::as_str)), (None, Some("b")));
        });
        check("[engines.agent.x]\nrun = 'x'\nenv = { A_KEY = 'env:not-a-name' }", |agents, wrong| {
            assert!(agents.is_empty() && wrong.len() == 1, "{wrong:?}");
        });
    }

    #[test]
    fn a_key_that_cannot_be_held_is_a_mistake_in_the_configuration() {
        for (config, said) in [
            ("[engines.agent.mine]\nkey = 'env:X'\nkey_for = 'openai'", "agent `mine` has no `run`, and none"),
            ("[engines.agent.mine]\nrun = 'x'\nkey = 'env:X'", "not said how it takes one"),
            ("[engines.agent.opencode]\nkey = 'env:X'", "not said how it takes one"),
            ("[engines.agent.claude]\nkey = 'env:X'\nkey_for = 'magic'", "`magic` is no form of a key"),
            ("[engines.agent.claude]\nkey = 'sk-ant-hunter22'", "does not say where a key is"),
        ] {
            check(config, |agents, wrong| {
                assert!(agents.is_empty() && wrong.len() == 1 && wrong[0].contains(said), "{config}: {wrong:?}");
                assert!(!wrong[0].contains("hunter22"), "{wrong:?}");
            });
        }
    }
}
