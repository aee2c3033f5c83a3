//! The table of a tree from that of one before it, where the text of a few files differs.
//!
//! The result is the one that making it from nothing gives, number by number. Where that cannot be promised cheaply
//! (a file came or went, so that any import may lead elsewhere now) there is none, and it is made from nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::code_index::{Edge, IndexedFile};
use super::graph::{self, IMPORT_WEIGHT};
use super::imports::Resolver;
use super::record::BlobRecord;
use super::table::{DefinitionRow, Names, ReferenceRow, Table};
use crate::id::ObjectId;
use crate::syntax::Language;

/// The most files that may differ: beyond some hundred, making the table from nothing is as fast.
pub(super) const MOST_CHANGED: usize = 200;

/// A file whose text differs.
pub(super) struct Changed<'a> {
    /// Its number in the table.
    pub(super) number: u32,
    /// It as it is now.
    pub(super) file: IndexedFile,
    /// What is in it now.
    pub(super) record: BlobRecord<'a>,
    /// Whether it is known to import what it imported before.
    pub(super) same_imports: bool,
}

/// The table of `tree`, which differs from that of `table` in the text of the files `changed` only.
pub(super) fn updated(table: Table, tree: ObjectId, mut changed: Vec<Changed<'_>>) -> Option<Table> {
    changed.sort_by_key(|it| it.number);
    let before = |it: &Changed<'_>| table.files[it.number as usize].language;
    // C# imports name namespaces, which any file may declare
    let is_hard = |it: &Changed<'_>| it.file.language != before(it) || it.file.language == Some(Language::CSharp);
    // sums that were cut off cannot be taken apart again
    if changed.iter().any(is_hard) || table.edges.iter().any(|edge| edge.weight == u32::MAX) {
        return None;
    }
    let touched = touched_names(&table, &changed);
    let old_imports: Vec<(u32, u32)> =
        table.edges.iter().filter(|edge| edge.imports).map(|edge| (edge.from, edge.to)).collect();
    let mut steps = Steps::default();
    steps.add(&table, &touched, &old_imports, -1);

    let Table { files, names, mut definitions, mut references, edges, .. } = table;
    let is_other = |file: u32| changed.binary_search_by_key(&file, |it| it.number).is_err();
    definitions.retain(|row| is_other(row.file));
    references.retain(|row| is_other(row.file));
    let names = renumbered(names, &touched, &changed, &mut definitions, &mut references);
    add_rows(&names, &changed, &mut definitions, &mut references);
    let files = replaced(files, &changed);
    let imports = imports(&files, &old_imports, &changed);
    let mut table = Table { tree, files, names, definitions, references, edges: Vec::new() };
    steps.add(&table, &touched, &imports, 1);
    let of_changed = |pairs: &[(u32, u32)]| pairs.iter().copied().filter(|pair| !is_other(pair.0)).collect::<Vec<_>>();
    of_changed(&old_imports).into_iter().for_each(|pair| steps.step(pair, -i64::from(IMPORT_WEIGHT)));
    of_changed(&imports).into_iter().for_each(|pair| steps.step(pair, i64::from(IMPORT_WEIGHT)));
    table.edges = steps.applied(edges, &imports)?;
    Some(table)
}

/// The names that a changed file has or had: what others' uses of them weigh may differ now.
fn touched_names(table: &Table, changed: &[Changed<'_>]) -> BTreeSet<String> {
    let is_changed = |file: u32| changed.binary_search_by_key(&file, |it| it.number).is_ok();
    let defined = table.definitions.iter().filter(|row| is_changed(row.file)).map(|row| row.name);
    let used = table.references.iter().filter(|row| is_changed(row.file)).map(|row| row.name);
    let now = changed.iter().flat_map(|it| it.record.names());
    defined.chain(used).map(|name| table.names.get(name)).chain(now).map(str::to_owned).collect()
}

/// What is added to the weight of each edge.
#[derive(Default)]
struct Steps(BTreeMap<(u32, u32), i64>);

impl Steps {
    fn step(&mut self, pair: (u32, u32), weight: i64) {
        *self.0.entry(pair).or_default() += weight;
    }

    /// Adds, or with -1 takes away, what the uses of `names` weigh in `table`.
    fn add(&mut self, table: &Table, names: &BTreeSet<String>, imports: &[(u32, u32)], sign: i64) {
        for name in names.iter().filter_map(|name| table.names.find(name)) {
            let (definers, users) = (table.definitions_of(name), table.references_to(name));
            for (from, to, weight) in graph::of_name(&table.files, &table.names, definers, users, imports) {
                self.step((from, to), sign * i64::from(weight));
            }
        }
    }

    /// The edges with the steps taken; nothing where a weight is out of range.
    fn applied(self, edges: Vec<Edge>, imports: &[(u32, u32)]) -> Option<Vec<Edge>> {
        let mut all = Vec::with_capacity(edges.len() + self.0.len());
        let put = |all: &mut Vec<Edge>, (from, to): (u32, u32), weight: i64| {
            let weight = u32::try_from(weight).ok().filter(|weight| *weight < u32::MAX)?;
            if weight > 0 {
                all.push(Edge { from, to, weight, imports: imports.binary_search(&(from, to)).is_ok() });
            }
            Some(())
        };
        let mut steps = self.0.into_iter().peekable();
        for edge in edges {
            let pair = (edge.from, edge.to);
            while let Some((new, weight)) = steps.next_if(|(at, _)| *at < pair) {
                put(&mut all, new, weight)?;
            }
            match steps.next_if(|(at, _)| *at == pair) {
                Some((_, weight)) => put(&mut all, pair, i64::from(edge.weight) + weight)?,
                None => all.push(edge),
            }
        }
        steps.try_for_each(|(new, weight)| put(&mut all, new, weight))?;
        Some(all)
    }
}

/// The names without those that nothing has any more and with the new ones; the rows follow their numbers.
fn renumbered(
    names: Names,
    touched: &BTreeSet<String>,
    changed: &[Changed<'_>],
    definitions: &mut [DefinitionRow],
    references: &mut [ReferenceRow],
) -> Names {
    let now: BTreeSet<&str> = changed.iter().flat_map(|it| it.record.names()).collect();
    let is_elsewhere = |name: u32| {
        definitions.binary_search_by_key(&name, |row| row.name).is_ok()
            || references.binary_search_by_key(&name, |row| row.name).is_ok()
    };
    let old = touched.iter().filter(|name| !now.contains(name.as_str())).filter_map(|name| names.find(name));
    let gone: BTreeSet<u32> = old.filter(|name| !is_elsewhere(*name)).collect();
    let mut added = now.into_iter().filter(|name| names.find(name).is_none()).peekable();
    if gone.is_empty() && added.peek().is_none() {
        return names;
    }
    let mut all = Names::default();
    let mut numbers = Vec::with_capacity(names.len());
    for at in 0..names.len() as u32 {
        let name = names.get(at);
        while let Some(new) = added.next_if(|new| *new < name) {
            all.push(new);
        }
        numbers.push(all.len() as u32);
        if !gone.contains(&at) {
            all.push(name);
        }
    }
    added.for_each(|new| all.push(new));
    definitions.iter_mut().for_each(|row| row.name = numbers[row.name as usize]);
    references.iter_mut().for_each(|row| row.name = numbers[row.name as usize]);
    all
}

fn add_rows(
    names: &Names,
    changed: &[Changed<'_>],
    definitions: &mut Vec<DefinitionRow>,
    references: &mut Vec<ReferenceRow>,
) {
    let number = |name: &str| names.find(name).expect("every name of a changed file was added");
    for it in changed {
        definitions.extend(it.record.definitions.iter().map(|row| row.numbered(number(row.name), it.number)));
        references.extend(it.record.references.iter().map(|row| row.numbered(number(row.name), it.number)));
    }
    // sorted but for the end, which this sort finds out
    definitions.sort();
    references.sort();
}

fn replaced(mut files: Vec<IndexedFile>, changed: &[Changed<'_>]) -> Vec<IndexedFile> {
    changed.iter().for_each(|it| files[it.number as usize] = it.file.clone());
    files
}

/// Which file imports which, in order, each pair once.
fn imports(files: &[IndexedFile], old: &[(u32, u32)], changed: &[Changed<'_>]) -> Vec<(u32, u32)> {
    let other: Vec<&Changed<'_>> = changed.iter().filter(|it| !it.same_imports).collect();
    if other.is_empty() {
        return old.to_vec();
    }
    let resolver = Resolver::new(files, HashMap::new());
    let is_same = |file: u32| other.binary_search_by_key(&file, |it| it.number).is_err();
    let mut pairs: Vec<(u32, u32)> = old.iter().copied().filter(|pair| is_same(pair.0)).collect();
    for it in other {
        let found = it.record.imports.iter().flat_map(|spec| resolver.resolve(it.number, spec));
        pairs.extend(found.map(|target| (it.number, target)));
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

#[cfg(test)]
mod tests;
