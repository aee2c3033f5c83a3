//! Who uses whom: edges between files from references and imports.

use rayon::prelude::*;

use super::code_index::{Edge, IndexedFile};
use super::table::{DefinitionRow, Names, ReferenceRow};
use crate::syntax::{DefinitionKind, Language};

/// A name that more files define says nothing about which one is meant (`new`, `main`, `setUp`).
const MAX_DEFINERS: usize = 12;
/// What an import alone is worth.
pub(super) const IMPORT_WEIGHT: u32 = 500;

/// A pair of files and a weight, before pairs are added up.
type Raw = (u32, u32, u32);

/// The edges of a tree. `imports` is sorted and has each pair once; so has the result.
pub(super) fn edges(
    files: &[IndexedFile],
    names: &Names,
    definitions: &[DefinitionRow],
    references: &[ReferenceRow],
    imports: &[(u32, u32)],
) -> Vec<Edge> {
    let groups = groups(definitions, references);
    let mut raw: Vec<Raw> =
        groups.par_iter().flat_map_iter(|(definers, users)| of_name(files, names, definers, users, imports)).collect();
    raw.extend(imports.iter().map(|(from, to)| (*from, *to, IMPORT_WEIGHT)));
    raw.par_sort_unstable();
    let mut edges: Vec<Edge> = Vec::new();
    for (from, to, weight) in raw {
        match edges.last_mut() {
            Some(last) if (last.from, last.to) == (from, to) => last.weight = last.weight.saturating_add(weight),
            _ => edges.push(Edge { from, to, weight, imports: imports.binary_search(&(from, to)).is_ok() }),
        }
    }
    edges
}

/// The rows of each name that is both defined and used. Both lists are in the order of names.
fn groups<'a>(
    definitions: &'a [DefinitionRow],
    references: &'a [ReferenceRow],
) -> Vec<(&'a [DefinitionRow], &'a [ReferenceRow])> {
    let mut groups = Vec::new();
    let mut users = references.chunk_by(|a, b| a.name == b.name).peekable();
    for definers in definitions.chunk_by(|a, b| a.name == b.name) {
        while users.next_if(|users| users[0].name < definers[0].name).is_some() {}
        if let Some(users) = users.next_if(|users| users[0].name == definers[0].name) {
            groups.push((definers, users));
        }
    }
    groups
}

/// What the uses of one name weigh; its rows are in the order of their files.
pub(super) fn of_name(
    files: &[IndexedFile],
    names: &Names,
    definers: &[DefinitionRow],
    users: &[ReferenceRow],
    imports: &[(u32, u32)],
) -> Vec<Raw> {
    let ties_files =
        |kind| !matches!(kind, DefinitionKind::Module | DefinitionKind::Implementation | DefinitionKind::Section);
    let mut homes: Vec<u32> = definers.iter().filter(|row| ties_files(row.kind)).map(|row| row.file).collect();
    homes.dedup(); // rows are in the order of their files
    if homes.is_empty() {
        return Vec::new();
    }
    let telling = telling(names.get(definers[0].name), users.len(), files.len());
    let mut raw = Vec::new();
    for user in users {
        let family = files[user.file as usize].language.map(family_of);
        let fits = |home: &&u32| files[**home as usize].language.map(family_of) == family;
        let is_imported = |home: &&u32| imports.binary_search(&(user.file, **home)).is_ok();
        // a name of the file's own is its own; then the imported ones; then any
        if homes.binary_search(&user.file).is_ok() {
            continue;
        }
        let imported: Vec<u32> = homes.iter().filter(is_imported).copied().collect();
        let (meant, trust) = if imported.is_empty() {
            if homes.len() > 4 * MAX_DEFINERS {
                continue;
            }
            (homes.iter().filter(fits).copied().collect::<Vec<u32>>(), 1.0)
        } else {
            (imported, 3.0)
        };
        if meant.is_empty() || meant.len() > MAX_DEFINERS {
            continue;
        }
        let weight = 1000.0 * trust * telling * (user.count as f32).sqrt() / meant.len() as f32;
        raw.extend(meant.iter().map(|home| (user.file, *home, (weight as u32).max(1))));
    }
    raw
}

/// How much a name says: long and compound ones much, short, private and ubiquitous ones little.
fn telling(name: &str, n_users: usize, n_files: usize) -> f32 {
    let length = match name.len() {
        0..=2 => 0.1,
        3..=4 => 0.5,
        5..=7 => 1.0,
        _ => 1.5,
    };
    let private = if name.starts_with('_') { 0.3 } else { 1.0 };
    let rare = (1.0 + n_files as f32 / (1.0 + n_users as f32)).ln().clamp(0.1, 4.0);
    length * private * rare
}

/// Languages that see each other's names.
fn family_of(language: Language) -> u8 {
    match language {
        Language::C | Language::Cpp => Language::C.code(),
        Language::JavaScript | Language::TypeScript | Language::Tsx => Language::JavaScript.code(),
        other => other.code(),
    }
}
