//! Edits as JSON: `{"edits": [{"path", "search", "replace"}, {"path", "content"}, {"path", "delete": true}]}`, and the
//! calls of tools that mean the same.

use std::fmt;

use serde::Deserialize;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::fence::Fence;
use super::{Reader, names, number};
use crate::proposal::edits::{Action, Edit, EditProblem, EditRefusal, Name, Piece};

const PATH: &[&str] = &["path", "file", "file_path", "filepath", "filename", "filePath", "target_file"];
const SEARCH: &[&str] =
    &["search", "old", "old_string", "old_str", "old_text", "oldText", "oldString", "find", "before"];
const REPLACE: &[&str] =
    &["replace", "new", "new_string", "new_str", "new_text", "newText", "newString", "replacement", "after"];
const CONTENT: &[&str] = &["content", "contents", "file_text", "new_content", "newContent"];
const LIST: &[&str] = &["edits", "changes", "files", "tool_calls"];
const NESTED: &[&str] = &["arguments", "input", "args", "parameters", "function"];
const PATCH: &[&str] = &["patch", "input", "diff"];
/// What may stand beside and says nothing of the change.
const IDLE: &[&str] =
    &["explanation", "description", "reason", "instructions", "id", "type", "name", "thought", "summary", "language"];

/// The deepest nesting of lists and calls that is followed.
const DEEPEST: usize = 8;

/// Takes a reply that is JSON and nothing else; false where it is not.
pub(super) fn read_whole(reader: &mut Reader<'_>) -> bool {
    let text = reader.lines[reader.at.min(reader.lines.len())..].join("\n");
    if !text.trim_start().starts_with(['{', '[']) || !looks_like_edits(&text) {
        return false;
    }
    let line = number(reader.at);
    match take(reader, &text, line) {
        Ok(true) => true,
        Ok(false) => false,
        // prose may follow an object; what is cut is told as such
        Err(refusal) => {
            reader.refusals.push(refusal);
            true
        }
    }
}

/// Whether edits in JSON begin at `at` amid words, where they are not read.
pub(super) fn begins_amid_words(lines: &[&str], at: usize) -> bool {
    lines[at].trim_start().starts_with('{') && looks_like_edits(&lines[at..lines.len().min(at + 6)].join("\n"))
}

/// Takes a fence of JSON that holds edits; false where it is something else.
pub(super) fn read_fence(reader: &mut Reader<'_>, opened: &Fence<'_>) -> Result<bool, EditRefusal> {
    let from = opened.at() + 1;
    let first = reader.lines[from.min(reader.lines.len())..].iter().find(|line| !line.trim().is_empty());
    let is_json = matches!(opened.language().as_str(), "json" | "json5" | "jsonc" | "");
    if !is_json || !first.is_some_and(|line| line.trim_start().starts_with(['{', '['])) {
        return Ok(false);
    }
    let closed = reader.lines[from..].iter().position(|line| opened.is_closed_by(line));
    let end = closed.map_or(reader.lines.len(), |closed| from + closed);
    let text = reader.lines[from..end].join("\n");
    if !looks_like_edits(&text) {
        return Ok(false);
    }
    let line = number(from);
    if closed.is_none() {
        return Err(EditRefusal::new(line, None, EditProblem::Cut("a fence")));
    }
    reader.at = end + 1;
    take(reader, &text, line)
}

/// Takes the edits of a tool's call; a tool that only reads has none.
pub(super) fn read_call(reader: &mut Reader<'_>, name: &str, arguments: &str) {
    let writes = ["edit", "write", "replace", "patch", "create", "delete", "insert", "apply"];
    let may_write = writes.iter().any(|word| name.to_lowercase().contains(word));
    if !may_write && !looks_like_edits(arguments) {
        return;
    }
    match take(reader, arguments, 1) {
        Ok(true) => {}
        Ok(false) if !may_write => {}
        Ok(false) => reader.refusals.push(unreadable(1, format!("the call of `{name}` holds no edit"))),
        Err(refusal) => reader.refusals.push(refusal),
    }
}

/// Whether JSON, whole or cut, has the keys that edits have.
fn looks_like_edits(text: &str) -> bool {
    // a call's arguments are JSON in a string, with their quotes escaped
    let holds = |key: &str| text.contains(&format!("\"{key}\"")) || text.contains(&format!("\\\"{key}\\\""));
    let has = |keys: &[&str]| keys.iter().any(|key| holds(key));
    text.contains("*** Begin Patch")
        || (has(PATH) && (has(SEARCH) || has(CONTENT) || has(&["edits", "delete", "changes"])))
}

fn unreadable(line: u32, why: impl Into<String>) -> EditRefusal {
    EditRefusal::new(line, None, EditProblem::Unreadable(why.into()))
}

/// Reads `text` and appends its edits; false where it holds none.
fn take(reader: &mut Reader<'_>, text: &str, line: u32) -> Result<bool, EditRefusal> {
    let value = match serde_json::from_str::<Strict>(text) {
        Ok(Strict(value)) => value,
        Err(error) if error.is_eof() => return Err(EditRefusal::new(line, None, EditProblem::Cut("JSON"))),
        Err(error) => {
            let at = line.saturating_add(u32::try_from(error.line().saturating_sub(1)).unwrap_or(0));
            return Err(unreadable(at, format!("broken JSON: {error}")));
        }
    };
    let mut found = Found { line, list: Vec::new(), patches: Vec::new() };
    found.walk(&value, None, 0).map_err(|why| unreadable(line, why))?;
    let is_some = !found.list.is_empty() || !found.patches.is_empty();
    reader.list.extend(found.list);
    for patch in found.patches {
        let mut inner = Reader::new(&patch, reader.is_finished);
        inner.run();
        reader.list.extend(inner.list.into_iter().map(|edit| Edit { line, ..edit }));
        reader.notes.extend(inner.notes);
        reader.refusals.extend(inner.refusals.into_iter().map(|refusal| EditRefusal { line, ..refusal }));
    }
    Ok(is_some)
}

/// The edits of one JSON value.
struct Found {
    line: u32,
    list: Vec<Edit>,
    /// Texts of other formats that stand in it.
    patches: Vec<String>,
}

impl Found {
    fn walk(&mut self, value: &Value, path: Option<&str>, depth: usize) -> Result<(), String> {
        if depth > DEEPEST {
            return Err("JSON nested too deeply".to_owned());
        }
        match value {
            Value::Array(list) => list.iter().try_for_each(|value| self.walk(value, path, depth + 1)),
            Value::Object(map) => self.object(map, path, depth),
            _ => Err("edits in JSON are objects".to_owned()),
        }
    }

    fn object(&mut self, map: &Map<String, Value>, outer: Option<&str>, depth: usize) -> Result<(), String> {
        let path = text_of(map, PATH)?.or(outer);
        if let Some(list) = LIST.iter().find_map(|key| map.get(*key)) {
            self.check_keys(map, &[LIST, PATH])?;
            return self.walk(list, path, depth + 1);
        }
        if let Some(patch) = PATCH.iter().find_map(|key| map.get(*key)?.as_str()).filter(|text| is_patch(text)) {
            self.patches.push(patch.to_owned());
            return Ok(());
        }
        if let Some(nested) = NESTED.iter().find_map(|key| map.get(*key)) {
            return match nested {
                // arguments often are JSON in a string
                Value::String(text) => {
                    let Strict(value) =
                        serde_json::from_str(text).map_err(|error| format!("broken JSON in a call: {error}"))?;
                    self.walk(&value, path, depth + 1)
                }
                nested => self.walk(nested, path, depth + 1),
            };
        }
        let path = path.ok_or("an edit without path")?;
        self.edit(map, path)
    }

    fn edit(&mut self, map: &Map<String, Value>, path: &str) -> Result<(), String> {
        let (search, replace, content) = (text_of(map, SEARCH)?, text_of(map, REPLACE)?, text_of(map, CONTENT)?);
        let delete = match map.get("delete") {
            None | Some(Value::Bool(false)) => false,
            Some(Value::Bool(true)) => true,
            Some(_) => return Err("`delete` is true or false".to_owned()),
        };
        let command = map.get("command").and_then(Value::as_str);
        self.check_keys(map, &[PATH, SEARCH, REPLACE, CONTENT, &["delete", "command"]])?;
        if !matches!(command, None | Some("str_replace" | "create" | "edit" | "replace" | "write")) {
            return Err(format!("the command `{}` is no edit that is taken", command.unwrap_or_default()));
        }
        let line = self.line;
        let action = match (search, replace, content, delete) {
            (None, None, None, true) => Action::Delete { pieces: Vec::new() },
            (None, None, Some(content), false) if command == Some("create") => {
                Action::Create { content: content.to_owned(), mode: None }
            }
            (None, None, Some(content), false) => Action::Whole { content: content.to_owned() },
            (Some(""), Some(content), None, false) => Action::Create { content: content.to_owned(), mode: None },
            (Some(search), Some(replace), None, false) => {
                // a text without its newline leaves the line's newline behind
                let new = if replace.is_empty() && !search.ends_with('\n') { vec![""] } else { lines(replace) };
                let text = Some((search.to_owned(), replace.to_owned()));
                let piece = Piece { text, ..Piece::between(line, &lines(search), &new) };
                Action::Change { pieces: vec![piece], to: None, mode: None }
            }
            _ => return Err(format!("the edit of `{path}` is neither search and replace, content nor delete")),
        };
        self.list.push(Edit { line, name: Name::plain(names::clean(path.trim())), action });
        Ok(())
    }

    /// A key that nobody knows may change what is meant.
    fn check_keys(&self, map: &Map<String, Value>, known: &[&[&str]]) -> Result<(), String> {
        let is_known = |key: &String| IDLE.iter().chain(known.iter().copied().flatten()).any(|name| name == key);
        // `replace_all` and the like may say what is so anyway
        let unknown =
            map.iter().find(|(key, value)| !is_known(key) && !matches!(value, Value::Null | Value::Bool(false)));
        unknown.map_or(Ok(()), |(key, _)| Err(format!("an edit's key `{key}` is not known")))
    }
}

fn is_patch(text: &str) -> bool {
    text.contains("*** Begin Patch")
        || text.starts_with("diff --git ")
        || text.starts_with("--- ")
        || text.contains("\n--- ")
}

fn lines(text: &str) -> Vec<&str> {
    if text.is_empty() {
        return Vec::new();
    }
    text.strip_suffix('\n').unwrap_or(text).split('\n').collect()
}

/// The one value of the keys that mean the same.
fn text_of<'a>(map: &'a Map<String, Value>, keys: &[&str]) -> Result<Option<&'a str>, String> {
    let mut found = keys.iter().filter_map(|key| Some((*key, map.get(*key).filter(|value| !value.is_null())?)));
    let Some((key, value)) = found.next() else { return Ok(None) };
    if let Some((other, _)) = found.next() {
        return Err(format!("both `{key}` and `{other}` in one edit"));
    }
    value.as_str().map(Some).ok_or_else(|| format!("`{key}` is no string"))
}

/// JSON in which no key stands twice: which of two is meant nobody knows.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(value)) = items.next_element()? {
            list.push(value);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, Strict(value))) = entries.next_entry::<String, Strict>()? {
            if map.insert(key.clone(), value).is_some() {
                return Err(A::Error::custom(format!("the key `{key}` stands twice")));
            }
        }
        Ok(map.into())
    }
}
