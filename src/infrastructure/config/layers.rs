//! Reading the layers: the user's file, the `.env` beside it, the environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::table::{KEY_VARIABLES, NOT_SETTINGS, SETTINGS, SettingSpec, is_for_key_programs, spec};
use super::written::key_at;
use super::{Config, KeyPart, LARGEST, Origin, Problem, Weight};
use crate::text::{line_of, nearest};

impl Config {
    pub(super) fn read_file(&mut self, path: &Path) {
        let Some(text) = self.text_of(path) else { return };
        let (root, errors) = DeTable::parse_recoverable(&text);
        let place = |at: usize| Origin::File { path: path.to_owned(), line: line_of(&text, at) };
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            self.problem(Weight::Error, place(at), error.message().to_owned(), "see https://toml.io for the form");
        }
        self.read_table("", root.get_ref(), &place);
    }

    fn read_table(&mut self, prefix: &str, table: &DeTable<'_>, place: &dyn Fn(usize) -> Origin) {
        let mut items: Vec<_> = table.iter().collect();
        items.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in items {
            let key = format!("{prefix}{}", name.get_ref());
            let at = place(name.span().start);
            if prefix.is_empty() && self.read_models(&key, value, place) {
                continue;
            }
            match (spec(&key), value.get_ref()) {
                (Some(spec), value) => self.take_toml(spec, value, at),
                (None, DeValue::Table(inner)) if key == "engines" => self.read_programs(inner, place),
                (None, DeValue::Table(inner)) if is_table(&key) => {
                    self.read_table(&format!("{key}."), inner, place);
                }
                (None, _) if is_table(&key) => {
                    self.problem(Weight::Error, at, format!("`{key}` is a table"), &format!("write [{key}]"));
                }
                (None, _) => self.unknown(&key, at),
            }
        }
    }

    fn take_toml(&mut self, spec: &'static SettingSpec, value: &DeValue<'_>, at: Origin) {
        if let Some(key) = key_at(spec.key, "", &plain(value)) {
            let message = format!("`{key}` looks like a key; keys are not read from this file");
            return self.problem(Weight::Error, at, message, "take it out and set OPENAI_API_KEY or its like");
        }
        match spec.shape.of_toml(&plain(value)) {
            Ok(value) => drop(self.values.insert(spec.key, (value, at))),
            Err(what) => self.problem(Weight::Error, at, format!("`{}` {what}", spec.key), &spec.shape.wanted()),
        }
    }

    fn unknown(&mut self, key: &str, at: Origin) {
        let lower = key.to_ascii_lowercase();
        if ["key", "token", "secret", "password"].iter().any(|word| lower.ends_with(word)) {
            let message = format!("`{key}` looks like a key; keys are not read from this file");
            return self.problem(Weight::Error, at, message, "take it out and set OPENAI_API_KEY or its like");
        }
        let known = SETTINGS.iter().map(|spec| spec.key);
        let hint = match nearest(key, known) {
            Some(word) => format!("did you mean `{word}`?"),
            None => "type `paraph config origins` to see every setting".to_owned(),
        };
        self.problem(Weight::Warning, at, format!("unknown setting `{key}`"), &hint);
    }

    /// `NAME=value` lines, with `export`, comments and quotes as shells have them; nothing is expanded.
    pub(super) fn read_dotenv(&mut self, path: &Path) {
        let Some(text) = self.text_of(path) else { return };
        for (number, line) in (1..).zip(text.lines()) {
            let at = Origin::File { path: path.to_owned(), line: number };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let line = line.strip_prefix("export ").unwrap_or(line);
            match line.split_once('=') {
                Some((name, value)) => self.take_variable(name.trim(), unquoted(value.trim()), at),
                // the line is not shown: it may be a key
                None => self.problem(Weight::Error, at, "a line without `=`".to_owned(), "write NAME=value"),
            }
        }
    }

    pub(super) fn read_environment(&mut self, environment: &BTreeMap<OsString, OsString>) {
        for (name, value) in environment {
            let Some(name) = name.to_str() else { continue };
            let at = Origin::Variable(name.to_owned());
            match value.to_str() {
                Some(value) => self.take_variable(name, value, at),
                None if name.starts_with("PARAPH_") && !NOT_SETTINGS.contains(&name) => {
                    self.problem(Weight::Error, at, "its value is not UTF-8".to_owned(), "");
                }
                None => {}
            }
        }
    }

    fn take_variable(&mut self, name: &str, value: &str, at: Origin) {
        if self.is_key(name) {
            return self.keys.put(name, value, at);
        }
        let is_alias = |spec: &&SettingSpec| spec.alias == Some(name);
        if let Some(spec) = SETTINGS.iter().find(is_alias) {
            // our own name is the stronger of two in one layer; another program's empty variable says nothing
            let own = self.values.get(spec.key).is_some_and(|(_, known)| same_layer(known, &at));
            if !own && !value.trim().is_empty() {
                self.take_words(spec, value, at);
            }
            return;
        }
        if !name.starts_with("PARAPH_") || NOT_SETTINGS.contains(&name) {
            return;
        }
        match SETTINGS.iter().find(|spec| spec.variable() == name) {
            Some(spec) => self.take_words(spec, value, at),
            None => {
                let names: Vec<String> = SETTINGS.iter().map(SettingSpec::variable).collect();
                let hint = nearest(name, names.iter().map(String::as_str));
                let hint = hint.map_or_else(String::new, |word| format!("did you mean {word}?"));
                self.problem(Weight::Warning, at, format!("unknown variable {name}"), &hint);
            }
        }
    }

    /// Whether a variable is a key or leads to one: by its name, or because a file said so. Files are read first.
    fn is_key(&self, name: &str) -> bool {
        let is_it = |key: &KeyPart| key.variable() == Some(name) || (key.is_program() && is_for_key_programs(name));
        KEY_VARIABLES.contains(&name) || self.key_parts().any(is_it) || self.keys_in_values().any(|key| is_it(&key))
    }

    fn key_parts(&self) -> impl Iterator<Item = &KeyPart> {
        let of_providers = self.models.providers.values().filter_map(|part| part.key.as_ref());
        let of_agents = self.programs.iter().filter_map(|entry| entry.key.as_ref());
        of_providers.chain(self.forges.values().filter_map(|part| part.key.as_ref())).chain(of_agents)
    }

    /// Keys that headers and variables of agents name.
    fn keys_in_values(&self) -> impl Iterator<Item = KeyPart> {
        let headers = self.models.providers.values().flat_map(|part| part.headers.values());
        let variables = self.programs.iter().flat_map(|entry| entry.env.values());
        headers.chain(variables).filter_map(|value| Some(KeyPart::named_in(value)?.1))
    }

    fn take_words(&mut self, spec: &'static SettingSpec, value: &str, at: Origin) {
        match spec.shape.of_words(value) {
            Ok(value) => drop(self.values.insert(spec.key, (value, at))),
            Err(what) => self.problem(Weight::Error, at, format!("`{}` {what}", spec.key), &spec.shape.wanted()),
        }
    }

    /// The file's text; `None` where it is not there, and where it cannot be read, which is a problem.
    fn text_of(&mut self, path: &Path) -> Option<String> {
        let mut text = String::new();
        let read = File::open(path).and_then(|file| {
            if !file.metadata()?.is_file() {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
            }
            file.take(LARGEST + 1).read_to_string(&mut text)
        });
        let at = Origin::File { path: path.to_owned(), line: 1 };
        match read {
            Ok(size) if size as u64 <= LARGEST => Some(text),
            Ok(_) => {
                self.problem(Weight::Error, at, format!("it is larger than {LARGEST} bytes"), "");
                None
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
            Err(error) => {
                self.problem(Weight::Error, at, format!("it cannot be read: {error}"), "paraph config path");
                None
            }
        }
    }

    pub(super) fn problem(&mut self, weight: Weight, origin: Origin, message: String, hint: &str) {
        self.problems.push(Problem { weight, origin, message, hint: hint.to_owned() });
    }
}

fn is_table(key: &str) -> bool {
    SETTINGS.iter().any(|spec| spec.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
}

fn same_layer(one: &Origin, other: &Origin) -> bool {
    match (one, other) {
        (Origin::Variable(_), Origin::Variable(_)) => true,
        (Origin::File { path: one, .. }, Origin::File { path: other, .. }) => one == other,
        _ => false,
    }
}

pub(super) fn plain(value: &DeValue<'_>) -> toml::Value {
    let whole = |number: &toml::de::DeInteger<'_>| i64::from_str_radix(number.as_str(), number.radix()).ok();
    match value {
        DeValue::String(text) => toml::Value::String(text.to_string()),
        DeValue::Integer(number) => {
            whole(number).map_or_else(|| toml::Value::String(number.as_str().to_owned()), toml::Value::Integer)
        }
        DeValue::Float(number) => toml::Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => toml::Value::Boolean(*flag),
        DeValue::Datetime(time) => toml::Value::Datetime(*time),
        DeValue::Array(items) => toml::Value::Array(items.iter().map(|item| plain(item.get_ref())).collect()),
        DeValue::Table(table) => {
            let pair = |(name, value): (&Spanned<toml::de::DeString<'_>>, &Spanned<DeValue<'_>>)| {
                (name.get_ref().to_string(), plain(value.get_ref()))
            };
            toml::Value::Table(table.iter().map(pair).collect())
        }
    }
}

fn unquoted(value: &str) -> &str {
    let quoted = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    quoted('"').or_else(|| quoted('\'')).unwrap_or_else(|| match value.find(" #") {
        Some(comment) => value[..comment].trim_end(),
        None => value,
    })
}
