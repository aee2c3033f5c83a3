//! The one walk over a tree that finds all tags.

use std::collections::HashMap;
use std::ops::Range;

use tree_sitter::{Node, Tree};

use super::super::Language;
use super::rules::{Guard, ImportShape};
use super::table::{Action, Leaf, TagTable, child};
use super::{Definition, DefinitionKind, Import, Reference, ReferenceKind, Tags};

/// The longest name that is kept: longer ones are generated, and no person's goal names them.
const MAX_NAME_BYTES: usize = 200;
/// The most entries of each list of a file; the largest honest source file we measured has 9,000 references.
const MAX_ENTRIES: usize = 50_000;

struct Walk<'a> {
    table: &'a TagTable,
    bytes: &'a [u8],
    found: Vec<FoundDefinition>,
    uses: Vec<Use>,
    imports: Vec<Import>,
    truncated: bool,
    /// The end of the last identifier and where it began: what a Rust token tree after it calls.
    last_identifier: Range<u32>,
}

struct FoundDefinition {
    name: Range<u32>,
    span: Range<u32>,
    kind: DefinitionKind,
    lines: Range<u32>,
}

struct Use {
    name: Range<u32>,
    line: u32,
    kind: ReferenceKind,
}

/// All tags of a tree.
pub(super) fn tags(table: &TagTable, tree: &Tree, bytes: &[u8]) -> Tags {
    let mut walk = Walk {
        table,
        bytes,
        found: Vec::new(),
        uses: Vec::new(),
        imports: Vec::new(),
        truncated: false,
        last_identifier: 0..0,
    };
    walk.run(tree);
    walk.finish()
}

impl<'a> Walk<'a> {
    fn run(&mut self, tree: &Tree) {
        let mut cursor = tree.walk();
        let mut depth = 0_u16;
        loop {
            let node = cursor.node();
            let (may_descend, action) = self.table.action(node.kind_id());
            if let Some(action) = action {
                self.visit(node, action, depth);
            }
            if may_descend && cursor.goto_first_child() {
                depth = depth.saturating_add(1);
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return;
                }
                depth = depth.saturating_sub(1);
            }
        }
    }

    fn visit(&mut self, node: Node<'_>, action: &Action, depth: u16) {
        if let Some((field, kind, guard)) = action.definition {
            self.define(node, child(node, field), kind, guard, depth);
        }
        if let Some(field) = action.call {
            self.call(node, child(node, field));
        }
        if let Some((shape, field)) = action.import {
            self.import(node, shape, child(node, field));
        }
        match action.leaf {
            Leaf::No => {}
            Leaf::Always => self.refer(node, ReferenceKind::Name),
            Leaf::WhenCapital => {
                let range = range_of(node);
                if self.bytes.get(range.start as usize).is_some_and(u8::is_ascii_uppercase) {
                    self.refer(node, ReferenceKind::Name);
                }
                self.last_identifier = range;
            }
            Leaf::TokenTree if self.last_identifier.end == node.start_byte() as u32 && self.last_identifier.end > 0 => {
                let line = line_of(node);
                self.uses.push(Use { name: self.last_identifier.clone(), line, kind: ReferenceKind::Call });
            }
            Leaf::TokenTree => {}
        }
    }

    fn define(&mut self, node: Node<'_>, start: Option<Node<'_>>, kind: DefinitionKind, guard: Guard, depth: u16) {
        let Some(start) = start else { return };
        let (name, saw_function) = self.table.resolve(start);
        let Some(name) = name else { return };
        let function_value = || {
            let value = node.child_by_field_id(self.table.value)?.kind_id();
            self.table.function_values.iter().find(|(kind, _)| *kind == value).map(|(_, makes)| *makes)
        };
        let kind = match guard {
            Guard::Always => Some(kind),
            Guard::HasBody => node.child_by_field_id(self.table.body).map(|_| kind),
            Guard::IsPrototype => saw_function.then_some(kind),
            Guard::Depth(most) => (depth <= most).then_some(kind),
            Guard::FunctionOrDepth(most) => function_value().or((depth <= most).then_some(kind)),
        };
        let Some(kind) = kind else { return };
        if self.found.len() >= MAX_ENTRIES {
            self.truncated = true;
            return;
        }
        let (first, last) = (node.start_position().row, node.end_position());
        // a node that ends with its line break ends before the next line
        let end = if last.column == 0 && last.row > first { last.row } else { last.row + 1 };
        let lines = first as u32 + 1..end as u32 + 1;
        self.found.push(FoundDefinition { name: range_of(name), span: range_of(node), kind, lines });
    }

    fn call(&mut self, node: Node<'_>, callee: Option<Node<'_>>) {
        let Some(name) = callee.and_then(|callee| self.table.resolve(callee).0) else { return };
        // what has an inside is no name: `(|| 1)()`, `f()()`, an interpolated command
        if name.child_count() > 0 && !is_plain_word(self.text(&range_of(name))) {
            return;
        }
        self.refer(name, ReferenceKind::Call);
        if self.table.import_calls.iter().any(|known| known.as_bytes() == self.text(&range_of(name))) {
            self.import_by_call(node);
        }
    }

    fn refer(&mut self, name: Node<'_>, kind: ReferenceKind) {
        if self.uses.len() >= MAX_ENTRIES {
            self.truncated = true;
            return;
        }
        self.uses.push(Use { name: range_of(name), line: line_of(name), kind });
    }

    fn import_by_call(&mut self, node: Node<'_>) {
        let list = node.child_by_field_name("arguments");
        let argument = node.child_by_field_name("argument").or_else(|| list.and_then(|list| list.named_child(0)));
        if let Some(argument) = argument {
            self.push_import(self.text(&range_of(argument)), line_of(node));
        }
    }

    fn import(&mut self, node: Node<'_>, shape: ImportShape, target: Option<Node<'_>>) {
        let line = line_of(node);
        let text = self.text(&range_of(node));
        match shape {
            ImportShape::Field(_) => {
                if let Some(target) = target {
                    self.push_import(self.text(&range_of(target)), line);
                }
            }
            ImportShape::RustMod => {
                if node.child_by_field_id(self.table.body).is_none()
                    && let Some(name) = node.child_by_field_name("name")
                {
                    let spec = [b"mod ", self.text(&range_of(name))].concat();
                    self.push_import(&spec, line);
                }
            }
            ImportShape::RustUse => {
                for path in use_paths(after_word(text, b"use"), "::") {
                    self.import_and_refer(node, &path, "::");
                }
            }
            ImportShape::PhpUse => {
                let rest = after_word(text, b"use");
                for path in use_paths(rest, "\\") {
                    self.push_import(
                        path.trim_start_matches("function ").trim_start_matches("const ").as_bytes(),
                        line,
                    );
                }
            }
            ImportShape::Text => self.import_text(text, line),
            ImportShape::PythonImport => {
                let mut cursor = node.walk();
                let names: Vec<Node<'_>> = node.children_by_field_name("name", &mut cursor).collect();
                for name in names {
                    let module = name.child_by_field_name("name").unwrap_or(name);
                    self.push_import(self.text(&range_of(module)), line);
                }
            }
            ImportShape::PythonFrom => self.import_python_names(node, line),
        }
    }

    fn import_python_names(&mut self, node: Node<'_>, line: u32) {
        let Some(module) = node.child_by_field_name("module_name") else { return };
        let module = self.text(&range_of(module)).to_vec();
        self.push_import(&module, line);
        let separator: &[u8] = if module.ends_with(b".") { b"" } else { b"." };
        let mut cursor = node.walk();
        let names: Vec<Node<'_>> = node.children_by_field_name("name", &mut cursor).collect();
        for name in names {
            let name = name.child_by_field_name("name").unwrap_or(name);
            self.refer(name, ReferenceKind::Name);
            let spec = [&module, separator, self.text(&range_of(name))].concat();
            self.push_import(&spec, line);
        }
    }

    fn import_and_refer(&mut self, node: Node<'_>, path: &str, separator: &str) {
        let line = line_of(node);
        self.push_import(path.as_bytes(), line);
        let last = path.rsplit(separator).next().unwrap_or(path);
        // the name's place in the text, for a use that is not in a group; a group's names are found again below
        if let Some(at) = find_word(self.text(&range_of(node)), last.as_bytes()) {
            let start = node.start_byte() as u32 + at as u32;
            self.uses.push(Use { name: start..start + last.len() as u32, line, kind: ReferenceKind::Name });
        }
    }

    /// Java `import static a.b.C.d;`, C# `global using static A = B.C;`
    fn import_text(&mut self, text: &[u8], line: u32) {
        let Ok(text) = std::str::from_utf8(text) else { return };
        let text = text.trim().trim_end_matches(';').trim();
        let path = text.rsplit('=').next().unwrap_or(text).trim();
        let keywords = ["global", "import", "using", "static", "unsafe"];
        let path: String = path.split_whitespace().filter(|word| !keywords.contains(word)).collect();
        self.push_import(path.as_bytes(), line);
    }

    fn push_import(&mut self, spec: &[u8], line: u32) {
        let spec = trim_quotes(spec);
        let Ok(spec) = std::str::from_utf8(spec) else { return };
        let spec = spec.trim();
        if spec.is_empty() || spec.len() > 4 * MAX_NAME_BYTES || self.imports.len() >= MAX_ENTRIES {
            return;
        }
        self.imports.push(Import { spec: spec.to_owned(), line });
    }

    fn text(&self, range: &Range<u32>) -> &'a [u8] {
        self.bytes.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    fn name(&self, range: &Range<u32>) -> Option<&'a str> {
        let text = std::str::from_utf8(self.text(range)).ok()?;
        (!text.is_empty() && text.len() <= MAX_NAME_BYTES).then_some(text)
    }

    fn finish(mut self) -> Tags {
        let references = self.references();
        let definitions = self.definitions();
        Tags { definitions, references, imports: self.imports, truncated: self.truncated }
    }

    /// The uses by name, without the places where a definition's own name stands.
    fn references(&mut self) -> Vec<Reference> {
        let mut own: Vec<u32> = self
            .found
            .iter()
            .filter(|found| found.kind != DefinitionKind::Implementation)
            .map(|found| found.name.start)
            .collect();
        own.sort_unstable();
        self.uses.sort_unstable_by_key(|used| (used.name.start, used.kind)); // a call before the name it also is
        self.uses.dedup_by_key(|used| used.name.start);
        let mut by_name: HashMap<&str, usize> = HashMap::with_capacity(self.uses.len() / 2);
        let mut references: Vec<Reference> = Vec::new();
        for used in &self.uses {
            if own.binary_search(&used.name.start).is_ok() {
                continue;
            }
            let Some(name) = self.name(&used.name) else { continue };
            let at = *by_name.entry(name).or_insert_with(|| {
                references.push(Reference { name: name.to_owned(), kind: used.kind, lines: Vec::new() });
                references.len() - 1
            });
            references[at].lines.push(used.line);
        }
        references
    }

    fn definitions(&mut self) -> Vec<Definition> {
        let mut open: Vec<(u32, DefinitionKind)> = Vec::new();
        let mut definitions = Vec::with_capacity(self.found.len());
        for found in &self.found {
            while open.last().is_some_and(|(end, _)| *end <= found.span.start) {
                open.pop();
            }
            let Some(name) = self.name(&found.name) else { continue };
            let in_class = open.last().is_some_and(|(_, kind)| kind.has_methods());
            let kind = match found.kind {
                DefinitionKind::Function if in_class => DefinitionKind::Method,
                DefinitionKind::Method if open.is_empty() && self.table.language == Language::Ruby => {
                    DefinitionKind::Function
                }
                kind => kind,
            };
            let name = name.trim().to_owned();
            definitions.push(Definition { name, kind, lines: found.lines.clone(), depth: open.len() as u16 });
            open.push((found.span.end, found.kind));
        }
        definitions
    }
}

fn range_of(node: Node<'_>) -> Range<u32> {
    node.start_byte() as u32..node.end_byte() as u32
}

fn line_of(node: Node<'_>) -> u32 {
    node.start_position().row as u32 + 1
}

fn is_plain_word(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:/".contains(byte) || *byte >= 0x80)
}

fn trim_quotes(text: &[u8]) -> &[u8] {
    let is_quote = |byte: &u8| b"\"'`<>:".contains(byte);
    let start = text.iter().position(|byte| !is_quote(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_quote(byte)).map_or(start, |at| at + 1);
    &text[start..end]
}

/// What follows the first whole `word` in `text`, up to a semicolon at the end.
fn after_word<'a>(text: &'a [u8], word: &[u8]) -> &'a [u8] {
    let from = find_word(text, word).map_or(0, |at| at + word.len());
    text[from..].strip_suffix(b";").unwrap_or(&text[from..])
}

fn find_word(text: &[u8], word: &[u8]) -> Option<usize> {
    let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    memchr::memmem::find_iter(text, word).find(|at| {
        !is_part(at.checked_sub(1).and_then(|before| text.get(before))) && !is_part(text.get(at + word.len()))
    })
}

/// The paths of `a::{b, c::{d, self}, e as f, g::*}`: `a::b`, `a::c::d`, `a::c`, `a::e`, `a::g`. No recursion.
pub(super) fn use_paths(tree: &[u8], separator: &str) -> Vec<String> {
    let tree = String::from_utf8_lossy(tree);
    let mut paths = Vec::new();
    let mut prefixes: Vec<String> = vec![String::new()];
    let mut part = String::new();
    let finish = |prefix: &str, part: &mut String, paths: &mut Vec<String>| {
        let plain = part.split(" as ").next().unwrap_or_default().trim();
        let path = match plain {
            "" => None,
            "self" | "*" => Some(prefix.trim_end_matches(separator).to_owned()),
            _ => Some(format!("{prefix}{}", plain.trim_end_matches('*').trim_end_matches(separator))),
        };
        paths.extend(path.filter(|path| !path.is_empty()));
        part.clear();
    };
    for character in tree.chars() {
        let prefix = prefixes.last().map_or("", String::as_str);
        match character {
            // a group of groups deeper than this, or a prefix this long, is no code a person wrote
            '{' if prefixes.len() < 50 && prefix.len() < 4 * MAX_NAME_BYTES => {
                let inner = format!("{prefix}{}", part.trim());
                prefixes.push(inner);
                part.clear();
            }
            '{' => part.clear(),
            '}' => {
                finish(prefix, &mut part, &mut paths);
                if prefixes.len() > 1 {
                    prefixes.pop();
                }
            }
            ',' => finish(prefix, &mut part, &mut paths),
            other => part.push(if other.is_whitespace() { ' ' } else { other }),
        }
    }
    finish(prefixes.last().map_or("", String::as_str), &mut part, &mut paths);
    paths
}
