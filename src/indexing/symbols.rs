//! The index that knows symbols: tags of every file in parallel, kept by blob id; tables kept by tree id.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::cache::{CacheRecord, TagCache, blob_key, latest_key, tree_key};
use super::code_index::{CodeIndex, IndexedFile, SkipReason};
use super::files::{described, is_listed, language_of, listed};
use super::imports::Resolver;
use super::record::{self, BlobFacts, BlobRecord};
use super::table::{DefinitionRow, Names, ReferenceRow, Table};
use super::update::{self, Changed};
use super::{Focus, IndexError, IndexSettings, IndexStrategy, check_cancel, graph, rank};
use crate::cancel::Cancel;
use crate::id::ObjectId;
use crate::repository::{Tree, TreeEntry};
use crate::syntax::{DefinitionKind, Language, ParseError, ParseLimits, Syntax, Tags};

/// Definitions, references, imports and ranks of a tree.
///
/// What a blob holds is cached by its id, and the tables of a tree by the tree's: the same tree again is one read, and
/// a tree like the one before it is that one's tables with the difference put in.
pub struct SymbolIndex {
    syntax: Arc<Syntax>,
    cache: Arc<dyn TagCache>,
    settings: IndexSettings,
}

impl SymbolIndex {
    /// An index that parses with `syntax` and keeps what it found in `cache`.
    #[must_use]
    pub fn new(syntax: Arc<Syntax>, cache: Arc<dyn TagCache>, settings: IndexSettings) -> Self {
        Self { syntax, cache, settings }
    }

    pub(super) fn table(&self, tree: &dyn Tree, cancel: &Cancel) -> Result<Arc<Table>, IndexError> {
        if let Some(table) = self.kept(tree.id()) {
            return Ok(Arc::new(table));
        }
        let latest = tree.store().map(|store| latest_key(&store, &self.settings));
        let mut records: Vec<CacheRecord> =
            latest.iter().map(|key| CacheRecord { key: key.clone(), value: tree.id().as_str().into() }).collect();
        let key = tree_key(tree.id(), &self.settings);
        let updated = latest.map(|latest| self.update(tree, &latest, cancel)).transpose()?.flatten();
        let table = match updated {
            Some(table) => {
                // nobody waits for the cache; a process that ends first has the tables before these
                let (table, cache) = (Arc::new(table), self.cache.clone());
                let kept = table.clone();
                rayon::spawn(move || {
                    records.insert(0, CacheRecord { key, value: kept.encode() });
                    cache.put(records);
                });
                table
            }
            None => {
                let table = Arc::new(self.build(tree, cancel)?);
                records.insert(0, CacheRecord { key, value: table.encode() });
                self.cache.put(records);
                table
            }
        };
        Ok(table)
    }

    /// The tables of `tree`, where the cache has them.
    pub(super) fn kept(&self, tree: &ObjectId) -> Option<Table> {
        let bytes = self.cache.get(&tree_key(tree, &self.settings))?;
        Table::decode(&bytes).filter(|table| table.tree == *tree)
    }

    /// The tables of `tree` from those made last in its store, where few files differ.
    pub(super) fn update(&self, tree: &dyn Tree, latest: &[u8], cancel: &Cancel) -> Result<Option<Table>, IndexError> {
        let latest = self.cache.get(latest).and_then(|id| std::str::from_utf8(&id).ok()?.parse::<ObjectId>().ok());
        let Some(before) = latest else { return Ok(None) };
        // a tree that is gone, or damaged, is none to start from
        let Ok(Some(differing)) = tree.changed_since(&before) else { return Ok(None) };
        if differing.len() > update::MOST_CHANGED {
            return Ok(None);
        }
        let Some(table) = self.kept(&before) else { return Ok(None) };
        let mut read: Vec<(u32, FileRecord)> = Vec::new();
        for (path, entry) in differing {
            match (table.number_of(&path), entry.filter(|entry| is_listed(entry, &self.settings))) {
                (None, None) => {}
                (Some(number), Some(entry)) => read.push((number, self.read(tree, &entry, cancel)?)),
                _ => return Ok(None),
            }
        }
        let fresh: Vec<CacheRecord> = read.iter().filter_map(|(_, read)| read.to_keep()).collect();
        if !fresh.is_empty() {
            self.cache.put(fresh);
        }
        let changed = read.iter().map(|(number, read)| {
            let record = record::decode(&read.record).unwrap_or_default();
            let same_imports = self.imports_are(&record.imports, &table.files[*number as usize]);
            Changed { number: *number, file: read.file.clone(), record, same_imports }
        });
        let changed = changed.collect();
        Ok(update::updated(table, tree.id().clone(), changed))
    }

    /// Whether the cache knows that `file` imports exactly these.
    fn imports_are(&self, imports: &[&str], file: &IndexedFile) -> bool {
        let Some(language) = file.language.filter(|language| language.has_tags()) else { return imports.is_empty() };
        let bytes = self.cache.get(&blob_key(&file.blob, language));
        bytes.is_some_and(|bytes| record::decode(&bytes).is_some_and(|record| record.imports == imports))
    }

    pub(super) fn build(&self, tree: &dyn Tree, cancel: &Cancel) -> Result<Table, IndexError> {
        let entries = listed(tree, &self.settings)?;
        let read: Vec<FileRecord> =
            entries.par_iter().map(|entry| self.read(tree, entry, cancel)).collect::<Result<_, _>>()?;
        let records: Vec<CacheRecord> = read.iter().filter_map(FileRecord::to_keep).collect();
        if !records.is_empty() {
            self.cache.put(records);
        }
        check_cancel(cancel)?;
        let (files, records): (Vec<IndexedFile>, Vec<Vec<u8>>) =
            read.into_iter().map(|read| (read.file, read.record)).unzip();
        Ok(assemble(tree, files, &records))
    }

    /// One file: from the cache, or parsed.
    fn read(&self, tree: &dyn Tree, entry: &TreeEntry, cancel: &Cancel) -> Result<FileRecord, IndexError> {
        check_cancel(cancel)?;
        let language = language_of(tree, entry)?;
        let Some(language) = language.filter(|language| language.has_tags()) else {
            let file = described(entry, tree.size(entry)?, language, &self.settings);
            return Ok(FileRecord { file, record: Vec::new(), key: None });
        };
        let key = blob_key(&entry.id, language);
        if let Some(record) = self.cache.get(&key)
            && let Some(facts) = record::decode_facts(&record)
        {
            return Ok(FileRecord { file: self.file(entry, language, facts), record, key: None });
        }
        let (facts, tags) = self.parse(tree, entry, language, cancel)?;
        let record = record::encode(facts, &tags);
        Ok(FileRecord { file: self.file(entry, language, facts), record, key: Some(key) })
    }

    fn file(&self, entry: &TreeEntry, language: Language, facts: BlobFacts) -> IndexedFile {
        let file = described(entry, facts.bytes, Some(language), &self.settings);
        let skipped = file.skipped.or(SkipReason::from_code(facts.skipped).flatten());
        IndexedFile { lines: facts.lines, skipped, ..file }
    }

    fn parse(
        &self,
        tree: &dyn Tree,
        entry: &TreeEntry,
        language: Language,
        cancel: &Cancel,
    ) -> Result<(BlobFacts, Tags), IndexError> {
        let nothing =
            |bytes, lines, reason: SkipReason| Ok((BlobFacts { bytes, lines, skipped: reason as u8 }, Tags::default()));
        let size = tree.size(entry)?;
        if size > self.settings.max_file_bytes {
            return nothing(size, 0, SkipReason::TooLarge);
        }
        let content = tree.content(entry)?;
        if content[..content.len().min(8000)].contains(&0) {
            return nothing(size, 0, SkipReason::Binary);
        }
        let ends = memchr::memchr_iter(b'\n', &content).count() as u32;
        let lines = ends + u32::from(content.last().is_some_and(|last| *last != b'\n'));
        let limits = ParseLimits { max_bytes: content.len(), ..ParseLimits::default() };
        match self.syntax.tags_of(language, &content, limits, cancel) {
            Ok(tags) => Ok((BlobFacts { bytes: size, lines, skipped: 0 }, tags)),
            Err(ParseError::Cancelled) => Err(IndexError::Cancelled),
            Err(_) => nothing(size, lines, SkipReason::Unparsable),
        }
    }
}

impl IndexStrategy for SymbolIndex {
    fn name(&self) -> &str {
        "symbols"
    }

    fn index(&self, tree: &dyn Tree, focus: &Focus, cancel: &Cancel) -> Result<CodeIndex, IndexError> {
        let table = self.table(tree, cancel)?;
        check_cancel(cancel)?;
        let ranks = rank::by_walk(&table, focus);
        Ok(CodeIndex::new(self.name(), table, ranks))
    }
}

/// A file and its record; with a key where the record is new.
struct FileRecord {
    file: IndexedFile,
    record: Vec<u8>,
    key: Option<Vec<u8>>,
}

impl FileRecord {
    fn to_keep(&self) -> Option<CacheRecord> {
        self.key.clone().map(|key| CacheRecord { key, value: self.record.clone() })
    }
}

/// Puts the records of all files together. The order of everything comes from paths and names, never from threads.
fn assemble(tree: &dyn Tree, files: Vec<IndexedFile>, records: &[Vec<u8>]) -> Table {
    let decoded: Vec<BlobRecord<'_>> =
        records.par_iter().map(|record| record::decode(record).unwrap_or_default()).collect();
    let names = sorted_names(&decoded);
    let number: HashMap<&str, u32> = names.iter().enumerate().map(|(at, name)| (*name, at as u32)).collect();
    let mut definitions: Vec<DefinitionRow> = decoded
        .par_iter()
        .enumerate()
        .flat_map_iter(|(file, record)| {
            let number = &number;
            record.definitions.iter().map(move |it| it.numbered(number[it.name], file as u32))
        })
        .collect();
    definitions.par_sort_unstable();
    let mut references: Vec<ReferenceRow> = decoded
        .par_iter()
        .enumerate()
        .flat_map_iter(|(file, record)| {
            let number = &number;
            record.references.iter().map(move |it| it.numbered(number[it.name], file as u32))
        })
        .collect();
    references.par_sort_unstable();
    let imports = imports(&files, &decoded);
    let names = Names::of_sorted(names.into_iter());
    let edges = graph::edges(&files, &names, &definitions, &references, &imports);
    Table { tree: tree.id().clone(), names, definitions, references, edges, files }
}

fn sorted_names<'a>(records: &[BlobRecord<'a>]) -> Vec<&'a str> {
    let names: HashSet<&str> = records.par_iter().flat_map_iter(BlobRecord::names).collect();
    let mut names: Vec<&str> = names.into_iter().collect();
    names.par_sort_unstable();
    names
}

/// Which file imports which, in order, each pair once.
fn imports(files: &[IndexedFile], records: &[BlobRecord<'_>]) -> Vec<(u32, u32)> {
    let mut namespaces: HashMap<&str, Vec<u32>> = HashMap::new();
    for (at, (file, record)) in files.iter().zip(records).enumerate() {
        let is_namespace = |kind| kind == DefinitionKind::Module && file.language == Some(Language::CSharp);
        for definition in record.definitions.iter().filter(|it| is_namespace(it.kind)) {
            namespaces.entry(definition.name).or_default().push(at as u32);
        }
    }
    let resolver = Resolver::new(files, namespaces);
    let mut pairs: Vec<(u32, u32)> = records
        .par_iter()
        .enumerate()
        .flat_map_iter(|(at, record)| {
            let resolver = &resolver;
            record.imports.iter().flat_map(move |spec| {
                resolver.resolve(at as u32, spec).into_iter().map(move |target| (at as u32, target))
            })
        })
        .collect();
    pairs.par_sort_unstable();
    pairs.dedup();
    pairs
}

#[cfg(test)]
mod tests;
