//! An index of one tree, and what can be asked of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::table::{DefinitionRow, Table};
use crate::id::{ObjectId, RepoPath};
use crate::syntax::{DefinitionKind, Language};

/// Why a file is listed but not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum SkipReason {
    /// Neither its name nor its extension says that it is text.
    UnknownKind = 1,
    /// It is over the limit of bytes.
    TooLarge = 2,
    /// It has a NUL among its first 8,000 bytes.
    Binary = 3,
    /// Its language's parser gave it up.
    Unparsable = 4,
}

impl SkipReason {
    /// The reason of a number in a cache; 0 is none. The outer `None` is damage.
    pub(super) fn from_code(code: u8) -> Option<Option<Self>> {
        Some(match code {
            0 => None,
            1 => Some(Self::UnknownKind),
            2 => Some(Self::TooLarge),
            3 => Some(Self::Binary),
            4 => Some(Self::Unparsable),
            _ => return None,
        })
    }
}

/// A file of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedFile {
    /// Where.
    pub path: RepoPath,
    /// Its content's id.
    pub blob: ObjectId,
    /// Its size.
    pub bytes: u64,
    /// Its language, where it is one that has a grammar.
    pub language: Option<Language>,
    /// Its lines; 0 where it was not read.
    pub lines: u32,
    /// Why it was not read, if it was not.
    pub skipped: Option<SkipReason>,
}

/// One file's use of another. Files are numbered in the order of their paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The file that uses.
    pub from: u32,
    /// The file that is used.
    pub to: u32,
    /// How much, in thousandths of a use of a name that only one file defines.
    pub weight: u32,
    /// Whether `from` imports `to` by name or path.
    pub imports: bool,
}

/// Where a name is defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefinitionSite<'a> {
    /// The name.
    pub name: &'a str,
    /// What it makes.
    pub kind: DefinitionKind,
    /// The file.
    pub file: &'a IndexedFile,
    /// The first line, 1-based.
    pub line: u32,
    /// The line after the last.
    pub end_line: u32,
}

/// Where a name is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferenceSite<'a> {
    /// The file.
    pub file: &'a IndexedFile,
    /// The first use's line, 1-based.
    pub line: u32,
    /// The uses in this file.
    pub count: u32,
}

/// Files, symbols, edges and ranks of one tree. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CodeIndex {
    strategy: String,
    table: Arc<Table>,
    ranks: Arc<[f32]>,
    /// File numbers, best first.
    order: Arc<[u32]>,
}

impl CodeIndex {
    pub(super) fn new(strategy: &str, table: Arc<Table>, ranks: Vec<f32>) -> Self {
        let mut order: Vec<u32> = (0..table.files.len() as u32).collect();
        order.sort_by(|a, b| ranks[*b as usize].total_cmp(&ranks[*a as usize]).then(a.cmp(b)));
        Self { strategy: strategy.to_owned(), table, ranks: ranks.into(), order: order.into() }
    }

    /// The strategy that made it.
    #[must_use]
    pub fn strategy(&self) -> &str {
        &self.strategy
    }

    /// The tree it is of.
    #[must_use]
    pub fn tree(&self) -> &ObjectId {
        &self.table.tree
    }

    /// Every file, in the order of its path.
    #[must_use]
    pub fn files(&self) -> &[IndexedFile] {
        &self.table.files
    }

    /// The file at `path`.
    #[must_use]
    pub fn file(&self, path: &RepoPath) -> Option<&IndexedFile> {
        let at = self.table.files.binary_search_by(|file| file.path.cmp(path)).ok()?;
        Some(&self.table.files[at])
    }

    /// Every file with its rank (0 to 3, larger is better), best first; equal ones in the order of their paths.
    pub fn ranked_files(&self) -> impl Iterator<Item = (&IndexedFile, f32)> {
        self.order.iter().map(|at| (&self.table.files[*at as usize], self.ranks[*at as usize]))
    }

    /// Where `name` is defined, in the order of paths.
    pub fn definitions_of(&self, name: &str) -> impl Iterator<Item = DefinitionSite<'_>> {
        let rows = self.table.names.find(name).map_or(&[][..], |name| self.table.definitions_of(name));
        rows.iter().map(|row| self.site(row))
    }

    /// Where `name` is used, if some file defines it, in the order of paths.
    pub fn references_to(&self, name: &str) -> impl Iterator<Item = ReferenceSite<'_>> {
        let is_defined = |name: &u32| !self.table.definitions_of(*name).is_empty();
        let name = self.table.names.find(name).filter(is_defined);
        let rows = name.map_or(&[][..], |name| self.table.references_to(name));
        rows.iter().map(|row| ReferenceSite {
            file: &self.table.files[row.file as usize],
            line: row.line,
            count: row.count,
        })
    }

    /// Which file uses which, in the order of their numbers.
    #[must_use]
    pub fn edges(&self) -> &[Edge] {
        &self.table.edges
    }

    /// The files that the file at `path` uses, most used first.
    #[must_use]
    pub fn uses_of(&self, path: &RepoPath) -> Vec<&IndexedFile> {
        let Ok(at) = self.table.files.binary_search_by(|file| file.path.cmp(path)) else { return Vec::new() };
        let mut edges: Vec<&Edge> = self.table.edges.iter().filter(|edge| edge.from == at as u32).collect();
        edges.sort_by_key(|edge| (std::cmp::Reverse(edge.weight), edge.to));
        edges.into_iter().map(|edge| &self.table.files[edge.to as usize]).collect()
    }

    /// How many definitions and how many uses of them there are.
    #[must_use]
    pub fn symbol_counts(&self) -> (usize, u64) {
        let defined = self.table.defined();
        let uses = self.table.references.iter().filter(|row| defined[row.name as usize]);
        (self.table.definitions.len(), uses.map(|row| u64::from(row.count)).sum())
    }

    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    pub(super) fn site(&self, row: &DefinitionRow) -> DefinitionSite<'_> {
        DefinitionSite {
            name: self.table.names.get(row.name),
            kind: row.kind,
            file: &self.table.files[row.file as usize],
            line: row.line,
            end_line: row.end,
        }
    }

    /// File numbers, best first.
    pub(super) fn order(&self) -> &[u32] {
        &self.order
    }

    pub(super) fn rank_of(&self, file: u32) -> f32 {
        self.ranks[file as usize]
    }
}
