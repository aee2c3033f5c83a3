//! `[engines.command.NAME]` and `[engines.agent.NAME]`: programs of a person's own that draft.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::layers::plain;
use super::written::{NAME_IT, key_at};
use super::{Config, KeyPart, Origin, Weight};
use crate::text::nearest;

/// The longest that a program may ask for. // a day
const LONGEST_S: i64 = 86_400;

/// Which engine runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgramKind {
    /// It edits the worktree, or prints edits.
    Command,
    /// It speaks the Agent Client Protocol.
    Agent,
}

/// One program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramEntry {
    /// Which engine runs it.
    pub kind: ProgramKind,
    /// What `--command` or `--agent` takes.
    pub name: String,
    /// Program and arguments; one text for the shell, where `shell` says so.
    pub run: Vec<String>,
    /// Whether `run` is one text for the shell.
    pub shell: bool,
    /// Whether it prints its edits.
    pub prints: bool,
    /// Seconds before it is stopped.
    pub timeout_s: Option<u64>,
    /// Variables; one of an agent's may say where a key is, as `env:NAME`.
    pub env: BTreeMap<String, String>,
    /// Places that it may read.
    pub reads: Vec<PathBuf>,
    /// Exit codes with which its change counts.
    pub ok_codes: Vec<i32>,
    /// Hosts that an agent may reach.
    pub hosts: Vec<String>,
    /// The mode that an agent's session is set to.
    pub mode: Option<String>,
    /// Whether an agent is offered files, where that is said.
    pub files: Option<bool>,
    /// Whether an agent is offered terminals, where that is said.
    pub terminals: Option<bool>,
    /// Places below the home where an agent keeps its login.
    pub logins: Vec<String>,
    /// Places there that say how an agent works and hold no secret.
    pub settings: Vec<String>,
    /// Where an agent's key comes from, which Paraph holds.
    pub key: Option<KeyPart>,
    /// How an agent takes a key.
    pub key_for: Option<String>,
    /// The address that a key is for.
    pub key_url: Option<String>,
}

const COMMAND_KEYS: &[&str] = &["run", "edits", "timeout_s", "env", "reads", "ok_codes"];
const AGENT_KEYS: &[&str] = &[
    "run",
    "timeout_s",
    "env",
    "reads",
    "hosts",
    "logins",
    "settings",
    "mode",
    "files",
    "terminals",
    "key",
    "key_for",
    "key_url",
];

impl Config {
    /// Reads `[engines]`: a table of each kind, in it a table of each name.
    pub(super) fn read_programs(&mut self, engines: &DeTable<'_>, place: &dyn Fn(usize) -> Origin) {
        for (kind_name, table) in engines.iter() {
            let at = place(kind_name.span().start);
            let kind = match kind_name.get_ref().as_ref() {
                "command" => ProgramKind::Command,
                "agent" => ProgramKind::Agent,
                other => {
                    let message = format!("unknown setting `engines.{other}`");
                    self.problem(Weight::Warning, at, message, "write [engines.command.NAME] or [engines.agent.NAME]");
                    continue;
                }
            };
            let Some(names) = table.get_ref().as_table() else {
                self.problem(
                    Weight::Error,
                    at,
                    format!("`engines.{}` is a table", kind_name.get_ref()),
                    "write [engines.command.NAME]",
                );
                continue;
            };
            for (name, entry) in names.iter() {
                let at = place(name.span().start);
                let key = format!("engines.{}.{}", kind_name.get_ref(), name.get_ref());
                match entry.get_ref().as_table() {
                    Some(entry) => self.read_program(kind, name.get_ref(), &key, entry, (at, place)),
                    None => self.problem(Weight::Error, at, format!("`{key}` is a table"), &format!("write [{key}]")),
                }
            }
        }
    }

    fn read_program(
        &mut self,
        kind: ProgramKind,
        name: &str,
        key: &str,
        table: &DeTable<'_>,
        (at, place): (Origin, &dyn Fn(usize) -> Origin),
    ) {
        let known = if kind == ProgramKind::Command { COMMAND_KEYS } else { AGENT_KEYS };
        let mut entry = ProgramEntry {
            kind,
            name: name.to_owned(),
            run: Vec::new(),
            shell: false,
            prints: false,
            timeout_s: None,
            env: BTreeMap::new(),
            reads: Vec::new(),
            ok_codes: vec![0],
            hosts: Vec::new(),
            mode: None,
            files: None,
            terminals: None,
            logins: Vec::new(),
            settings: Vec::new(),
            key: None,
            key_for: None,
            key_url: None,
        };
        let mut items: Vec<_> = table.iter().collect();
        items.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in items {
            let at = place(name.span().start);
            let (field, plain) = (name.get_ref().as_ref(), plain(value.get_ref()));
            // where a key comes from has words of its own for what it is not
            let written = if field == "key" { None } else { key_at(&format!("{key}.{field}"), field, &plain) };
            if let Some(written) = written {
                let message = format!("`{written}` looks like a key; keys are not read from this file");
                return self.problem(Weight::Error, at, message, NAME_IT);
            }
            let said = match name.get_ref().as_ref() {
                other if !known.contains(&other) => {
                    let hint = nearest(other, known.iter().copied());
                    let hint = hint.map_or_else(
                        || format!("the keys are {}", known.join(", ")),
                        |word| format!("did you mean `{word}`?"),
                    );
                    self.problem(Weight::Warning, at, format!("unknown setting `{key}.{other}`"), &hint);
                    continue;
                }
                other => entry.take(other, plain),
            };
            if let Some(name) = entry.names_a_key_in_vain() {
                let message = format!("`{key}.env.{name}` names a key, and a command is given none: it has no network");
                return self.problem(Weight::Error, at, message, "an agent's env may name one: paraph help agents");
            }
            if let Err(wanted) = said {
                self.problem(Weight::Error, at, format!("`{key}.{}` does not fit", name.get_ref()), wanted);
            }
        }
        // an agent that ships has its own, and takes what is said beside it
        if entry.run.is_empty() && kind == ProgramKind::Command {
            return self.problem(
                Weight::Error,
                at,
                format!("`{key}` has no `run`"),
                "add run = [\"program\", \"argument\"]",
            );
        }
        self.programs.push(entry);
    }
}

impl ProgramEntry {
    /// The variable of a command that names a key.
    fn names_a_key_in_vain(&self) -> Option<&str> {
        let mut named = self.env.iter().filter(|(_, value)| KeyPart::named_in(value).is_some());
        named.next().filter(|_| self.kind == ProgramKind::Command).map(|(name, _)| name.as_str())
    }

    /// Takes one key; what to write instead where it does not fit.
    fn take(&mut self, key: &str, value: toml::Value) -> Result<(), &'static str> {
        match key {
            "run" => {
                let wanted = "write a list of words, or one text for the shell";
                self.shell = value.is_str();
                self.run = match &value {
                    toml::Value::String(script) if !script.trim().is_empty() => vec![script.clone()],
                    other => texts(other).filter(|words| !words.is_empty()).ok_or(wanted)?,
                };
            }
            "edits" => {
                self.prints = match value.as_str() {
                    Some("worktree") => false,
                    Some("stdout") => true,
                    _ => return Err("write \"worktree\" or \"stdout\""),
                };
            }
            "timeout_s" => {
                let seconds = value.as_integer().filter(|seconds| (1..=LONGEST_S).contains(seconds));
                self.timeout_s = Some(seconds.ok_or("write a whole number from 1 to 86400")?.unsigned_abs());
            }
            "env" => {
                let wanted = "write a table of texts: { NAME = \"value\" }";
                let pairs = value.as_table().ok_or(wanted)?.iter();
                let pairs = pairs.map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
                self.env = pairs.collect::<Option<_>>().ok_or(wanted)?;
            }
            "ok_codes" => {
                let wanted = "write a list of numbers from 0 to 255";
                let code =
                    |value: &toml::Value| i32::try_from(value.as_integer()?).ok().filter(|c| (0..256).contains(c));
                self.ok_codes =
                    value.as_array().ok_or(wanted)?.iter().map(code).collect::<Option<_>>().ok_or(wanted)?;
            }
            "reads" => {
                let places = texts(&value).filter(|places| places.iter().all(|place| Path::new(place).is_absolute()));
                let places = places.ok_or("write a list of whole paths: [\"/home/me/codemods\"]")?;
                self.reads = places.into_iter().map(PathBuf::from).collect();
            }
            "mode" => self.mode = Some(value.as_str().ok_or("write a text of one line")?.to_owned()),
            "files" => self.files = Some(value.as_bool().ok_or("write true or false")?),
            "terminals" => self.terminals = Some(value.as_bool().ok_or("write true or false")?),
            "hosts" => self.hosts = texts(&value).ok_or("write a list of hosts: [\"api.example.org\"]")?,
            "settings" => self.settings = texts(&value).ok_or("write a list of places below your home: [\".tool\"]")?,
            "logins" => self.logins = texts(&value).ok_or("write a list of places below your home: [\".tool\"]")?,
            "key" => {
                let wanted =
                    "write where it is, such as \"env:NAME\" or \"pass:NAME\", or a program as a list; never a key";
                self.key = Some(match value.as_str() {
                    Some(text) => KeyPart::Preset(text.to_owned()),
                    None => KeyPart::Program(texts(&value).filter(|words| !words.is_empty()).ok_or(wanted)?),
                });
            }
            "key_for" => self.key_for = Some(value.as_str().ok_or("write a text: \"openai\"")?.to_owned()),
            "key_url" => {
                let url = value.as_str().filter(|url| url.starts_with("https://") || url.starts_with("http://"));
                self.key_url = Some(url.ok_or("write an address: \"https://llm.example.org\"")?.to_owned());
            }
            _ => {}
        }
        Ok(())
    }
}

fn texts(value: &toml::Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a file of this text gives: its programs, and its problems.
    fn read(text: &str) -> (Vec<ProgramEntry>, Vec<String>) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("config.toml");
        std::fs::write(&path, text).expect("a file");
        let config = Config::load(&BTreeMap::from([("PARAPH_CONFIG".into(), path.into_os_string())]));
        let problems = config.problems().iter().map(|problem| problem.message.clone()).collect();
        (config.programs().to_vec(), problems)
    }

    #[test]
    fn programs_are_read_with_everything_they_say() {
        let (programs, problems) = read(
            "[engines.command.mod]\nrun = \"python3 mod.py\"\nedits = \"stdout\"\ntimeout_s = 5\nok_codes = [0, 3]\n\
             env = { A = \"b\" }\n[engines.agent.mine]\nrun = [\"a\", \"--acp\"]\nhosts = [\"x.org\"]\nlogins = [\".a\"]\nsettings = [\".b\"]\n",
        );
        assert_eq!(problems, Vec::<String>::new());
        let [agent, command] = programs.as_slice() else { panic!("{programs:?}") };
        assert_eq!((command.kind, command.shell, command.prints), (ProgramKind::Command, true, true));
        assert_eq!((command.timeout_s, command.ok_codes.as_slice()), (Some(5), &[0, 3][..]));
        assert_eq!(command.env, BTreeMap::from([("A".to_owned(), "b".to_owned())]));
        let (programs, problems) = read(
            "[engines.agent.claude]\nkey = \"pass:ai\"\n[engines.agent.x]\nrun = \"x\"\nkey = [\"y\"]\nkey_for = \"openai\"\n\
             key_url = \"https://x.org\"\n",
        );
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(programs[0].key, Some(KeyPart::Preset("pass:ai".to_owned())), "one that ships needs no `run`");
        assert_eq!(programs[1].key, Some(KeyPart::Program(vec!["y".to_owned()])));
        assert_eq!((agent.name.as_str(), agent.run.len(), agent.hosts.len(), agent.logins.len()), ("mine", 2, 1, 1));
        assert_eq!(agent.settings, [".b"]);
    }

    #[test]
    fn no_program_has_a_key_written_beside_it_and_an_agent_may_name_one() {
        for (table, path) in [
            ("[engines.agent.x]\nrun = \"x\"\nenv = { OPENAI_API_KEY = \"hunter22\" }\n", "env.OPENAI_API_KEY"),
            ("[engines.agent.x]\nrun = \"x\"\nkey_url = \"https://me:hunter22@x.org\"\n", "key_url"),
            ("[engines.agent.x]\nrun = [\"x\", \"sk-hunter22hunter22\"]\n", "run"),
            ("[engines.agent.x]\nrun = \"x\"\nenv = { A = \"sk-hunter22hunter22\" }\n", "env.A"),
        ] {
            let (programs, problems) = read(table);
            let said = format!("`engines.agent.x.{path}` looks like a key; keys are not read from this file");
            assert_eq!((programs.len(), problems), (0, vec![said]), "{table}");
        }
        let (programs, problems) =
            read("[engines.agent.x]\nrun = \"x\"\nenv = { OPENAI_API_KEY = \"env:WORK_KEY\", A = \"b\" }\n");
        assert_eq!((programs.len(), problems), (1, Vec::new()));
        let (programs, problems) = read("[engines.command.x]\nrun = \"x\"\nenv = { A_KEY = \"env:WORK_KEY\" }\n");
        assert_eq!(programs.len(), 0);
        assert!(problems[0].contains("`engines.command.x.env.A_KEY` names a key"), "{problems:?}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |text: &str, problem: &str| {
            let (_, problems) = read(text);
            assert!(problems.iter().any(|found| found == problem), "{problems:?}");
        };
        check("[engines.command.x]\n", "`engines.command.x` has no `run`");
        check("[engines.command.x]\nrun = 3\n", "`engines.command.x.run` does not fit");
        check("[engines.command.x]\nrun = [\"a\"]\nhosts = []\n", "unknown setting `engines.command.x.hosts`");
        check("[engines.magic.x]\n", "unknown setting `engines.magic`");
        check("[engines.agent.x]\nrun = \"x\"\nkey_url = \"x.org\"\n", "`engines.agent.x.key_url` does not fit");
        check("[engines.agent]\nx = 1\n", "`engines.agent.x` is a table");
    }
}
