//! What a model may look at while it drafts: the repository, by name, symbol or words. Nothing of it has an effect.

use serde::Deserialize;
use serde_json::json;

use super::prompt::{file_text, is_file, item};
use crate::id::RepoPath;
use crate::infrastructure::llm::{CallBlock, ToolSpec};
use crate::planning::{Redactor, within};
use crate::proposal::{Brief, ContextItem};
use crate::repository::{Tree, TreeError};

/// The most bytes of one answer.
const MOST_BYTES: usize = 16 << 10;

/// The most places that a search lists.
const MOST_PLACES: usize = 60;

/// Files over this size are not searched.
const LARGEST_SEARCHED: u64 = 512 << 10;

/// The tools, as a provider is told of them.
pub(super) fn tools(has_index: bool) -> Vec<ToolSpec> {
    let tool = |name: &str, description: &str, parameters| ToolSpec {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters,
    };
    let mut tools = vec![
        tool(
            "read_file",
            "Lines of a file of the repository, 1-based; at most 16 KiB.",
            json!({"type": "object", "properties": {"path": {"type": "string"}, "from": {"type": "integer"}, "to": {"type": "integer"}}, "required": ["path"]}),
        ),
        tool(
            "search",
            "Lines that hold these words exactly, in files below a folder (all, where none is named).",
            json!({"type": "object", "properties": {"text": {"type": "string"}, "under": {"type": "string"}}, "required": ["text"]}),
        ),
        tool(
            "list_files",
            "Paths of files below a folder (all, where none is named).",
            json!({"type": "object", "properties": {"under": {"type": "string"}}}),
        ),
    ];
    if has_index {
        tools.push(tool(
            "find_symbol",
            "Where a name is defined, and which files use it.",
            json!({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}),
        ));
    }
    tools
}

#[derive(Deserialize)]
struct ReadFile {
    path: String,
    from: Option<usize>,
    to: Option<usize>,
}

#[derive(Deserialize)]
struct Search {
    text: String,
    #[serde(default)]
    under: String,
}

#[derive(Deserialize)]
struct ListFiles {
    #[serde(default)]
    under: String,
}

#[derive(Deserialize)]
struct FindSymbol {
    name: String,
}

/// Looks on behalf of a model.
pub(super) struct Looking<'a> {
    brief: &'a Brief,
    tree: &'a dyn Tree,
    /// Files that were read, for the context.
    pub(super) items: Vec<ContextItem>,
    /// What was asked for, a line each, for the record.
    pub(super) log: Vec<String>,
}

impl<'a> Looking<'a> {
    pub(super) fn new(brief: &'a Brief, tree: &'a dyn Tree) -> Self {
        Self { brief, tree, items: Vec::new(), log: Vec::new() }
    }

    /// The answer to one call; a wrong call is answered with what is wrong.
    pub(super) fn answer(&mut self, call: &CallBlock, redactor: &mut Redactor) -> Result<String, TreeError> {
        let shown: String = call.arguments.chars().take(200).collect();
        self.log.push(format!("{} {shown}", call.name));
        let wrong = |error: serde_json::Error| format!("the arguments of {} do not read: {error}", call.name);
        let arguments = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
        let found = match call.name.as_str() {
            "read_file" => match serde_json::from_str::<ReadFile>(arguments) {
                Ok(wanted) => self.read_file(&wanted, redactor)?,
                Err(error) => wrong(error),
            },
            "search" => match serde_json::from_str::<Search>(arguments) {
                Ok(wanted) => self.search(&wanted, redactor)?,
                Err(error) => wrong(error),
            },
            "list_files" => match serde_json::from_str::<ListFiles>(arguments) {
                Ok(wanted) => self.list_files(&wanted)?,
                Err(error) => wrong(error),
            },
            "find_symbol" => match serde_json::from_str::<FindSymbol>(arguments) {
                Ok(wanted) => self.find_symbol(&wanted),
                Err(error) => wrong(error),
            },
            other => format!("there is no tool {other}"),
        };
        Ok(redactor.hide(&call.name, &cut(found)))
    }

    fn read_file(&mut self, wanted: &ReadFile, redactor: &mut Redactor) -> Result<String, TreeError> {
        let path = RepoPath::from(wanted.path.trim_start_matches("./"));
        let Some(entry) = self.tree.entry(&path)?.filter(is_file) else {
            return Ok(format!("there is no file `{path}`"));
        };
        let content = self.tree.content(&entry)?;
        let Ok(text) = std::str::from_utf8(&content) else { return Ok(format!("`{path}` is not text")) };
        self.items.push(item(&path, &entry.id, "the model asked for it"));
        let (from, to) = (wanted.from.unwrap_or(1).max(1), wanted.to.unwrap_or(usize::MAX));
        let bytes = |lines: usize| text.split_inclusive('\n').take(lines).map(str::len).sum::<usize>();
        let wanted = bytes(from - 1)..bytes(to.max(from - 1));
        let shown = redactor.hide_parts(&path.to_string(), text, |text| [within(&text[wanted], MOST_BYTES).0]);
        Ok(file_text(&path, &shown.concat()))
    }

    fn search(&self, wanted: &Search, redactor: &Redactor) -> Result<String, TreeError> {
        if wanted.text.trim().is_empty() {
            return Ok("nothing to search for".to_owned());
        }
        let finder = memchr::memmem::Finder::new(wanted.text.as_bytes());
        let under = folder(&wanted.under);
        let (mut found, mut places) = (String::new(), 0);
        for entry in self.tree.entries()?.iter().filter(|entry| is_file(entry)) {
            let path = entry.path.to_string();
            if !path.starts_with(&under) || self.tree.size(entry)? > LARGEST_SEARCHED {
                continue;
            }
            let content = self.tree.content(entry)?;
            if finder.find(&content).is_none() {
                continue;
            }
            let Ok(text) = std::str::from_utf8(&content) else { continue };
            // what is hidden is not found either: a search that finds it piece by piece has it in the end
            let text = redactor.starred(text);
            for (number, line) in text.lines().enumerate().filter(|(_, line)| line.contains(&wanted.text)) {
                let line: String = line.chars().take(240).collect();
                found.push_str(&format!("{path}:{}: {line}\n", number + 1));
                places += 1;
                if places == MOST_PLACES {
                    return Ok(found + "… and more; search for more words, or below a folder\n");
                }
            }
        }
        Ok(if found.is_empty() { "nothing was found".to_owned() } else { found })
    }

    fn list_files(&self, wanted: &ListFiles) -> Result<String, TreeError> {
        let under = folder(&wanted.under);
        let entries = self.tree.entries()?;
        let paths = entries.iter().map(|entry| entry.path.to_string()).filter(|path| path.starts_with(&under));
        let list: String = paths.map(|path| path + "\n").collect();
        Ok(if list.is_empty() { format!("nothing lies below `{under}`") } else { list })
    }

    fn find_symbol(&self, wanted: &FindSymbol) -> String {
        let Some(index) = &self.brief.index else { return "there is no index; search instead".to_owned() };
        let defined = index.definitions_of(&wanted.name);
        let mut text: String = defined
            .take(MOST_PLACES)
            .map(|site| format!("defined: {}:{}-{}\n", site.file.path, site.line, site.end_line.saturating_sub(1)))
            .collect();
        let used = index.references_to(&wanted.name).take(MOST_PLACES);
        text.extend(used.map(|site| format!("used: {}:{} ({} times)\n", site.file.path, site.line, site.count)));
        if text.is_empty() { format!("`{}` is not known", wanted.name) } else { text }
    }
}

fn folder(under: &str) -> String {
    let under = under.trim_start_matches("./").trim_matches('/');
    if under.is_empty() || under == "." { String::new() } else { format!("{under}/") }
}

fn cut(mut text: String) -> String {
    if text.len() > MOST_BYTES {
        let mut end = MOST_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str("\n… cut here; ask for fewer lines\n");
    }
    text
}
