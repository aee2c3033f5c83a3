//! What a model may look at while it drafts: the repository, by name, symbol or words. Nothing of it has an effect.

use serde::Deserialize;
use serde_json::json;

use super::prompt::{file_text, is_file, item};
use crate::cancel::Cancel;
use crate::id::RepoPath;
use crate::infrastructure::llm::{CallBlock, Part, ToolSpec};
use crate::planning::{Redactor, within};
use crate::proposal::{Brief, ContextItem, EngineError};
use crate::repository::{Tree, TreeError};

/// The most bytes of one answer.
const MOST_BYTES: usize = 16 << 10;

/// Calls of one reply that are answered, and the bytes of answers after which the rest of them is told to wait.
pub(super) const AT_ONCE: usize = 8;
const BYTES_AT_ONCE: usize = 64 << 10;

/// Calls of one reply, and bytes of them, over which none is looked at and none goes back with the conversation: nobody
/// who looks asks for as much.
const MOST_CALLS: usize = 64;
const MOST_ASKED: usize = 64 << 10;

/// Characters of a tool's name that are repeated. // 64: the longest that any provider takes
const LONGEST_NAME: usize = 64;

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

/// What the calls of one reply came to.
pub(super) struct Looked {
    /// A result for each call, in their order.
    pub(super) results: Vec<Part>,
    /// Files that were read, for the context.
    pub(super) items: Vec<ContextItem>,
    /// What was asked for, a line each, for the record.
    pub(super) log: Vec<String>,
    /// What hid secrets in them, and knows which.
    pub(super) redactor: Redactor,
}

/// What is told to a model whose calls are too many, or too long, to be looked at.
pub(super) fn too_much(calls: &[CallBlock]) -> Option<String> {
    let bytes: usize = calls.iter().map(|call| call.id.len() + call.name.len() + call.arguments.len()).sum();
    (calls.len() > MOST_CALLS || bytes > MOST_ASKED).then(|| {
        format!(
            "You called tools {} times at once, with {bytes} bytes of arguments. None was looked at. Ask for at most \
             {AT_ONCE} things at once, in a few words each.",
            calls.len()
        )
    })
}

/// Answers the calls of one reply, the first of them; the rest may be asked for again. Blocks, and stops between two calls,
/// or two files of a search, when it is cancelled.
///
/// # Errors
/// [`EngineError::Cancelled`], and where the tree cannot be read.
pub(super) fn look(
    (brief, tree): (&Brief, &dyn Tree),
    calls: &[CallBlock],
    mut redactor: Redactor,
    cancel: &Cancel,
) -> Result<Looked, EngineError> {
    let mut looking = Looking { brief, tree, cancel, items: Vec::new(), log: Vec::new() };
    let (mut results, mut bytes) = (Vec::new(), 0);
    for (place, call) in calls.iter().enumerate() {
        let text = match place < AT_ONCE && bytes < BYTES_AT_ONCE {
            true => looking.answer(call, &mut redactor).map_err(super::unreadable)?,
            false => "too much at once: ask for it again, with less beside it".to_owned(),
        };
        if cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        bytes += text.len();
        results.push(Part::Result { id: call.id.clone(), name: call.name.clone(), text });
    }
    let Looking { items, log, .. } = looking;
    Ok(Looked { results, items, log, redactor })
}

/// Looks on behalf of a model.
struct Looking<'a> {
    brief: &'a Brief,
    tree: &'a dyn Tree,
    cancel: &'a Cancel,
    items: Vec<ContextItem>,
    log: Vec<String>,
}

impl Looking<'_> {
    /// The answer to one call; a wrong call is answered with what is wrong.
    fn answer(&mut self, call: &CallBlock, redactor: &mut Redactor) -> Result<String, TreeError> {
        let shown: String = call.arguments.chars().take(200).collect();
        let name: String = call.name.chars().take(LONGEST_NAME).collect();
        self.log.push(format!("{name} {shown}"));
        let wrong = |error: serde_json::Error| format!("the arguments of {name} do not read: {error}");
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
            _ => format!("there is no tool {name}"),
        };
        Ok(redactor.hide(&name, &cut(found)))
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
            if self.cancel.is_cancelled() {
                break;
            }
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
        let mut list = String::new();
        for path in paths {
            list.push_str(&(path + "\n"));
            if list.len() > MOST_BYTES {
                break; // what is beyond is cut
            }
        }
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
