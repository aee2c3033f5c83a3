//! Reading TOML with places: every problem names its line, and the key that was probably meant.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{CommandLine, ConfigProblem};
use crate::text::{line_of, nearest};

/// A table whose keys and values know where they stand.
pub(super) type Table<'a> = DeTable<'a>;

/// Collects problems instead of stopping at the first.
pub(super) struct Reader<'a> {
    text: &'a str,
    problems: Vec<ConfigProblem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, problems: Vec::new() }
    }

    /// What was read, or everything that is wrong, in the order of lines.
    pub(super) fn done<T>(mut self, read: T) -> Result<T, Vec<ConfigProblem>> {
        self.problems.sort_by_key(|problem| problem.line);
        if self.problems.is_empty() { Ok(read) } else { Err(self.problems) }
    }

    pub(super) fn problem(&mut self, at: usize, message: &str, hint: &str) {
        let line = line_of(self.text, at);
        self.problems.push(ConfigProblem { line, message: message.to_owned(), hint: hint.to_owned() });
    }

    /// Where a key's value stands, or the table's first key where it is missing.
    pub(super) fn at(&self, table: &Table<'_>, key: &str) -> usize {
        let value = table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value.span().start);
        value.or_else(|| table.keys().map(|name| name.span().start).min()).unwrap_or(0)
    }

    /// Says which keys of a table nobody knows.
    pub(super) fn known(&mut self, table: &Table<'_>, of: &str, keys: &[&str]) {
        for name in table.keys().filter(|name| !keys.contains(&name.get_ref().as_ref())) {
            let hint = did_you_mean(name.get_ref(), keys);
            self.problem(name.span().start, &format!("unknown key `{of}{}`", name.get_ref()), &hint);
        }
    }

    fn value<'t, 'i>(&self, table: &'t Table<'i>, key: &str) -> Option<&'t Spanned<DeValue<'i>>> {
        table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    fn wrong_type(&mut self, value: &Spanned<DeValue<'_>>, key: &str, wanted: &str) {
        let given = value.get_ref().type_str();
        self.problem(value.span().start, &format!("`{key}` is a {given}"), &format!("write {wanted}"));
    }

    pub(super) fn string(&mut self, table: &Table<'_>, key: &str) -> Option<String> {
        let value = self.value(table, key)?;
        let text = value.get_ref().as_str().map(str::to_owned);
        if text.is_none() {
            self.wrong_type(value, key, "a string");
        }
        text
    }

    pub(super) fn needed_string(&mut self, table: &Table<'_>, key: &str, of: &str) -> Option<String> {
        if self.value(table, key).is_none() {
            self.problem(self.at(table, key), &format!("a {of} has no `{key}`"), &format!("add `{key} = \"…\"`"));
        }
        self.string(table, key)
    }

    pub(super) fn number(&mut self, table: &Table<'_>, key: &str) -> Option<u64> {
        let value = self.value(table, key)?;
        let parse = |number: &toml::de::DeInteger<'_>| u64::from_str_radix(number.as_str(), number.radix()).ok();
        let number = value.get_ref().as_integer().and_then(parse);
        if number.is_none() {
            self.wrong_type(value, key, "a whole number that is not negative");
        }
        number
    }

    pub(super) fn yes_or_no(&mut self, table: &Table<'_>, key: &str) -> Option<bool> {
        let value = self.value(table, key)?;
        let truth = value.get_ref().as_bool();
        if truth.is_none() {
            self.wrong_type(value, key, "true or false");
        }
        truth
    }

    pub(super) fn strings(&mut self, table: &Table<'_>, key: &str) -> Option<Vec<String>> {
        let value = self.value(table, key)?;
        let list = value.get_ref().as_array().and_then(|list| {
            list.iter().map(|each| each.get_ref().as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        if list.is_none() {
            self.wrong_type(value, key, "a list of strings");
        }
        list
    }

    pub(super) fn string_table(&mut self, table: &Table<'_>, key: &str) -> Option<BTreeMap<String, String>> {
        let value = self.value(table, key)?;
        let read = value.get_ref().as_table().and_then(|table| {
            let pair = |(name, value): (&Spanned<toml::de::DeString<'_>>, &Spanned<DeValue<'_>>)| {
                Some((name.get_ref().to_string(), value.get_ref().as_str()?.to_owned()))
            };
            table.iter().map(pair).collect::<Option<BTreeMap<_, _>>>()
        });
        if read.is_none() {
            self.wrong_type(value, key, "a table of strings");
        }
        read
    }

    /// `command`: a list or a string.
    pub(super) fn command(&mut self, table: &Table<'_>, of: &str) -> Option<CommandLine> {
        let Some(value) = self.value(table, "command") else {
            self.problem(self.at(table, "command"), &format!("a {of} has no `command`"), "add `command = [\"…\"]`");
            return None;
        };
        if let Some(line) = value.get_ref().as_str() {
            return Some(CommandLine::Shell(line.to_owned()));
        }
        self.strings(table, "command").map(CommandLine::Args)
    }

    pub(super) fn table<'t, 'i>(&mut self, table: &'t Table<'i>, key: &str) -> Option<&'t Table<'i>> {
        let value = self.value(table, key)?;
        let inner = value.get_ref().as_table();
        if inner.is_none() {
            self.wrong_type(value, key, &format!("a table: [{key}]"));
        }
        inner
    }

    /// The tables of `[[key]]`.
    pub(super) fn tables<'t, 'i>(&mut self, table: &'t Table<'i>, key: &str, most: usize) -> Vec<&'t Table<'i>> {
        let Some(value) = self.value(table, key) else { return Vec::new() };
        let list = value.get_ref().as_array();
        let tables =
            list.and_then(|list| list.iter().map(|each| each.get_ref().as_table()).collect::<Option<Vec<_>>>());
        match tables {
            Some(tables) if tables.len() > most => {
                self.problem(value.span().start, &format!("there are more than {most} of `{key}`"), "");
                Vec::new()
            }
            Some(tables) => tables,
            None => {
                self.wrong_type(value, key, &format!("a list of tables: [[{key}]]"));
                Vec::new()
            }
        }
    }
}

/// A hint that names the nearest of `known`, or all of them where none is near.
pub(super) fn did_you_mean(given: &str, known: &[&str]) -> String {
    match nearest(given, known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None if known.len() <= 12 => format!("known are {}", known.join(", ")),
        None => String::new(),
    }
}
