//! Definitions, references and imports of one file, found in one walk over its tree.
//!
//! Which nodes matter is a table per language (`rules`), compiled to an array indexed by node kind (`table`), so the
//! walk (`walk`) costs a fraction of the parse. The tables name kinds of the grammars' own `node-types.json`; a test
//! checks that every one of them exists.

mod rules;
mod table;
mod walk;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::parsed::parse;
use super::{Language, ParseError, ParseLimits, Parsed, Syntax};
use crate::cancel::Cancel;

pub(super) use table::TagTable;

/// What a definition makes. Numbers are written to caches: append, never reorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
#[allow(missing_docs)] // each variant is what it says
pub enum DefinitionKind {
    Function,
    Method,
    Class,
    Struct,
    Enum,
    Interface,
    Trait,
    Type,
    Module,
    Constant,
    Variable,
    Macro,
    /// A Rust `impl` block: part of the outline, no definition of its type.
    Implementation,
    /// A C or C++ prototype.
    Declaration,
    /// A heading or a table of a document.
    Section,
}

impl DefinitionKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 15] = [
        Self::Function,
        Self::Method,
        Self::Class,
        Self::Struct,
        Self::Enum,
        Self::Interface,
        Self::Trait,
        Self::Type,
        Self::Module,
        Self::Constant,
        Self::Variable,
        Self::Macro,
        Self::Implementation,
        Self::Declaration,
        Self::Section,
    ];

    /// The word shown to people: `function`, `class`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::Method => "method",
            Self::Class => "class",
            Self::Struct => "struct",
            Self::Enum => "enum",
            Self::Interface => "interface",
            Self::Trait => "trait",
            Self::Type => "type",
            Self::Module => "module",
            Self::Constant => "constant",
            Self::Variable => "variable",
            Self::Macro => "macro",
            Self::Implementation => "impl",
            Self::Declaration => "declaration",
            Self::Section => "section",
        }
    }

    /// The kind of a number written to a cache.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Whether a function inside it is a method.
    fn has_methods(self) -> bool {
        matches!(self, Self::Class | Self::Struct | Self::Enum | Self::Interface | Self::Trait | Self::Implementation)
    }
}

/// Where a name is defined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The name, as the code has it, without its qualification.
    pub name: String,
    /// What it makes.
    pub kind: DefinitionKind,
    /// The lines of the whole definition: 1-based, end exclusive.
    pub lines: Range<u32>,
    /// Definitions of this file around it: 0 at the top.
    pub depth: u16,
}

/// How a name is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ReferenceKind {
    /// Called, instantiated or invoked as a macro.
    Call,
    /// Named as a type, a constant or a value.
    Name,
}

/// The places where a file uses a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The name.
    pub name: String,
    /// How it is used where it is used first.
    pub kind: ReferenceKind,
    /// The line of each use, 1-based, in order; a line with two uses stands there twice.
    pub lines: Vec<u32>,
}

/// What a file asks for by name or path: `crate::id::RepoPath`, `.models`, `./button`, `stdio.h`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The specification, in the language's own form.
    pub spec: String,
    /// Its line, 1-based.
    pub line: u32,
}

/// Everything an index wants to know of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags {
    /// In the order of the file.
    pub definitions: Vec<Definition>,
    /// One for each name, in the order of first use.
    pub references: Vec<Reference>,
    /// In the order of the file.
    pub imports: Vec<Import>,
    /// Whether the file has more than is kept here (a generated file of tens of thousands of names).
    pub truncated: bool,
}

impl Syntax {
    /// The tags of a parsed file; empty for a language that has none (JSON, CSS …).
    #[must_use]
    pub fn tags(&self, parsed: &Parsed) -> Tags {
        self.tag_table(parsed.language())
            .map(|table| walk::tags(table, parsed.tree(), parsed.bytes()))
            .unwrap_or_default()
    }

    /// Parses only to take the tags; cheaper than [`Parsed::new`] for a file nobody will look at.
    ///
    /// # Errors
    /// As [`Parsed::new`].
    pub fn tags_of(
        &self,
        language: Language,
        bytes: &[u8],
        limits: ParseLimits,
        cancel: &Cancel,
    ) -> Result<Tags, ParseError> {
        let Some(table) = self.tag_table(language) else { return Ok(Tags::default()) };
        let tree = parse(language, bytes, limits, cancel)?;
        Ok(walk::tags(table, &tree, bytes))
    }
}

#[cfg(test)]
mod tests;
