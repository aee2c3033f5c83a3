//! An index in few words: the JSON of `paraph index`, and a ranked map of symbols for a reader or a model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::code_index::{CodeIndex, SkipReason};
use super::table::DefinitionRow;
use crate::id::{ObjectId, RepoPath};
use crate::syntax::{DefinitionKind, Language};
use crate::text::Untrusted;

/// The object that `paraph index --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct IndexSummary {
    /// `paraph.index/1`
    pub schema: String,
    /// The strategy's name.
    pub strategy: String,
    /// The tree's id.
    #[schemars(with = "String")]
    pub tree: ObjectId,
    /// Files listed.
    pub files: u64,
    /// Bytes of all files listed.
    pub bytes: u64,
    /// Lines of the files that were parsed.
    pub lines: u64,
    /// Definitions found.
    pub definitions: u64,
    /// Uses of names that are defined in the tree.
    pub references: u64,
    /// Pairs of files of which one uses the other.
    pub edges: u64,
    /// By language, most files first.
    pub languages: Vec<LanguageCount>,
    /// Files listed but not read, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// The files that rank first.
    pub top_files: Vec<RankedFile>,
    /// The symbols of those files that are used most.
    pub top_symbols: Vec<RankedSymbol>,
}

/// The files of one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LanguageCount {
    /// The language.
    pub language: Language,
    /// Its files.
    pub files: u64,
    /// Their lines, as far as they were parsed.
    pub lines: u64,
}

/// A file and its rank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RankedFile {
    /// Where.
    pub path: RepoPath,
    /// Its rank in thousandths.
    pub rank: u32,
}

/// A symbol and how much it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RankedSymbol {
    /// The name.
    pub name: Untrusted,
    /// What it is.
    pub kind: DefinitionKind,
    /// Where it is defined.
    pub path: RepoPath,
    /// The line, 1-based.
    pub line: u32,
    /// Files that use the name.
    pub used_by: u32,
}

impl CodeIndex {
    /// The index in numbers, with the `top` files and symbols that rank first.
    #[must_use]
    pub fn summary(&self, top: usize) -> IndexSummary {
        let mut languages: BTreeMap<Language, (u64, u64)> = BTreeMap::new();
        let mut skipped: BTreeMap<SkipReason, u64> = BTreeMap::new();
        for file in self.files() {
            if let Some(language) = file.language {
                let count = languages.entry(language).or_default();
                *count = (count.0 + 1, count.1 + u64::from(file.lines));
            }
            if let Some(reason) = file.skipped {
                *skipped.entry(reason).or_default() += 1;
            }
        }
        let mut languages: Vec<LanguageCount> =
            languages.into_iter().map(|(language, (files, lines))| LanguageCount { language, files, lines }).collect();
        languages.sort_by_key(|count| std::cmp::Reverse(count.files));
        let (definitions, references) = self.symbol_counts();
        IndexSummary {
            schema: "paraph.index/1".to_owned(),
            strategy: self.strategy().to_owned(),
            tree: self.tree().clone(),
            files: self.files().len() as u64,
            bytes: self.files().iter().map(|file| file.bytes).sum(),
            lines: self.files().iter().map(|file| u64::from(file.lines)).sum(),
            definitions: definitions as u64,
            references,
            edges: self.edges().len() as u64,
            languages,
            skipped,
            top_files: self
                .ranked_files()
                .take(top)
                .map(|(file, rank)| RankedFile { path: file.path.clone(), rank: (rank * 1000.0) as u32 })
                .collect(),
            top_symbols: self.top_symbols(top),
        }
    }

    /// The most used definitions of the files that rank first, one of each name.
    fn top_symbols(&self, top: usize) -> Vec<RankedSymbol> {
        let mut scored: Vec<(f32, &DefinitionRow, u32)> = Vec::new();
        let by_file = self.definitions_by_file(&self.order()[..self.order().len().min(4 * top)]);
        for (file, rows) in by_file {
            for row in rows {
                let used_by = self.table().references_to(row.name).iter().filter(|used| used.file != row.file).count();
                let homes = self.table().definitions_of(row.name).len();
                let score = self.rank_of(file) * (1.0 + used_by as f32).ln() / homes as f32;
                scored.push((score, row, used_by as u32));
            }
        }
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        scored.dedup_by_key(|(_, row, _)| row.name);
        let symbol = |(_, row, used_by): (f32, &DefinitionRow, u32)| {
            let site = self.site(row);
            let path = site.file.path.clone();
            RankedSymbol { name: site.name.into(), kind: site.kind, path, line: site.line, used_by }
        };
        scored.into_iter().take(top).map(symbol).collect()
    }

    /// The definitions of these files, each file's in the order of lines; files in the order given.
    fn definitions_by_file(&self, files: &[u32]) -> Vec<(u32, Vec<&DefinitionRow>)> {
        let place: std::collections::HashMap<u32, usize> =
            files.iter().enumerate().map(|(at, file)| (*file, at)).collect();
        let mut by_file: Vec<(u32, Vec<&DefinitionRow>)> = files.iter().map(|file| (*file, Vec::new())).collect();
        for row in &self.table().definitions {
            if let Some(at) = place.get(&row.file).filter(|_| row.kind != DefinitionKind::Implementation) {
                by_file[*at].1.push(row);
            }
        }
        by_file.iter_mut().for_each(|(_, rows)| rows.sort_unstable_by_key(|row| (row.line, row.depth, row.name)));
        by_file
    }

    /// The files that rank first with their outer definitions, in at most `budget` characters. Names are as the code
    /// has them; paths are C-quoted where they are not plain.
    #[must_use]
    pub fn map(&self, budget: usize) -> Untrusted {
        // an entry takes 20 characters at least: no need to look at more files than that
        let files = &self.order()[..self.order().len().min(budget / 20 + 1)];
        let mut map = String::new();
        let mut left = budget;
        let mut add = |line: String| {
            let length = line.chars().count();
            let fits = length <= left;
            if fits {
                left -= length;
                map.push_str(&line);
            }
            fits
        };
        for (file, rows) in self.definitions_by_file(files) {
            if !add(format!("{}\n", self.files()[file as usize].path)) {
                break;
            }
            // a file gets at most 30 lines, so that the map shows more than one
            let outer = rows.into_iter().filter(|row| row.depth <= 1).take(30);
            for row in outer {
                let indent = 2 + 2 * usize::from(row.depth);
                let site = self.site(row);
                add(format!("{:indent$}{} {} :{}\n", "", site.kind.name(), site.name, site.line));
            }
        }
        map.into()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cancel::Cancel;
    use crate::diff::FileSide;
    use crate::indexing::{Focus, IndexSettings, IndexStrategy as _, NoTagCache, SymbolIndex};
    use crate::repository::MemoryTree;
    use crate::syntax::Syntax;

    fn index() -> CodeIndex {
        let files = [
            ("a.rs", "mod b;\nfn main() { b::helper() }\n"),
            ("b.rs", "pub fn helper() {}\nstruct S;\nimpl S {\n    fn go(&self) {}\n}\n"),
            ("x.bin", "?"),
        ];
        let tree = MemoryTree::new(files.map(|(path, text)| (path, FileSide::regular(text.as_bytes()))));
        SymbolIndex::new(Arc::new(Syntax::new()), Arc::new(NoTagCache), IndexSettings::default())
            .index(&tree, &Focus::on_goal("helper"), &Cancel::new())
            .expect("a tree in memory reads")
    }

    #[test]
    fn the_map_shows_files_and_definitions_within_its_budget() {
        let whole = "b.rs\n  function helper :1\n  struct S :2\n    method go :4\na.rs\n  function main :2\nx.bin\n";
        assert_eq!(index().map(1000).raw(), whole);
        for budget in 0..whole.len() {
            assert!(index().map(budget).raw().chars().count() <= budget, "{budget}");
        }
    }

    #[test]
    fn the_summary_is_the_contract_of_the_command_line() {
        let summary = index().summary(1);
        let mut json = serde_json::to_value(&summary).expect("plain values");
        json.as_object_mut().expect("an object").remove("tree");
        let expected = serde_json::json!({
            "schema": "paraph.index/1", "strategy": "symbols", "files": 3, "bytes": 94, "lines": 7,
            "definitions": 5, "references": 2, "edges": 1,
            "languages": [{"language": "rust", "files": 2, "lines": 7}],
            "skipped": {"unknown-kind": 1},
            "top_files": [{"path": "b.rs", "rank": 3000}],
            "top_symbols": [{"name": "helper", "kind": "function", "path": "b.rs", "line": 1, "used_by": 1}],
        });
        assert_eq!(json, expected);
    }
}
