//! The tables of one tree: names, definitions, references and edges, by number; and their bytes in the cache.

use super::code_index::{Edge, IndexedFile, SkipReason};
use super::codec::{Reader, Writer};
use crate::id::{ObjectId, RepoPath};
use crate::syntax::{DefinitionKind, Language};

/// Changes with the form of the bytes or with what is in them: older tables count as forgotten.
const FORMAT: u8 = 2;

/// A definition: names and files by their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DefinitionRow {
    pub(super) name: u32,
    pub(super) file: u32,
    pub(super) line: u32,
    pub(super) end: u32,
    pub(super) depth: u16,
    pub(super) kind: DefinitionKind,
}

/// The uses of a name in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ReferenceRow {
    pub(super) name: u32,
    pub(super) file: u32,
    pub(super) line: u32,
    pub(super) count: u32,
}

/// Everything about a tree that does not depend on a goal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) tree: ObjectId,
    /// In the order of their paths' bytes.
    pub(super) files: Vec<IndexedFile>,
    pub(super) names: Names,
    /// In the order of name, file, line.
    pub(super) definitions: Vec<DefinitionRow>,
    /// In the order of name and file; of names that no file defines too, as a file may define them tomorrow.
    pub(super) references: Vec<ReferenceRow>,
    /// In the order of `from` and `to`; none from a file to itself.
    pub(super) edges: Vec<Edge>,
}

/// Strings by number, in their order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    text: String,
    ends: Vec<u32>,
}

impl Names {
    /// Takes names that are sorted and different.
    pub(super) fn of_sorted<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut all = Self::default();
        names.for_each(|name| all.push(name));
        all
    }

    /// Adds a name that comes after every other.
    pub(super) fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len() as u32);
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, number: u32) -> &str {
        let at = number as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.text[start..self.ends[at] as usize]
    }

    pub(super) fn find(&self, name: &str) -> Option<u32> {
        let (mut low, mut high) = (0, self.len() as u32);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.get(middle).cmp(name) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

impl Table {
    /// A table that knows the files and nothing in them.
    pub(super) fn of_files(tree: ObjectId, files: Vec<IndexedFile>) -> Self {
        Self {
            tree,
            files,
            names: Names::default(),
            definitions: Vec::new(),
            references: Vec::new(),
            edges: Vec::new(),
        }
    }

    pub(super) fn definitions_of(&self, name: u32) -> &[DefinitionRow] {
        let from = self.definitions.partition_point(|row| row.name < name);
        let to = from + self.definitions[from..].partition_point(|row| row.name == name);
        &self.definitions[from..to]
    }

    pub(super) fn references_to(&self, name: u32) -> &[ReferenceRow] {
        let from = self.references.partition_point(|row| row.name < name);
        let to = from + self.references[from..].partition_point(|row| row.name == name);
        &self.references[from..to]
    }

    /// Whether some file defines each name, by its number.
    pub(super) fn defined(&self) -> Vec<bool> {
        let mut defined = vec![false; self.names.len()];
        self.definitions.iter().for_each(|row| defined[row.name as usize] = true);
        defined
    }

    /// The number of the file at `path`.
    pub(super) fn number_of(&self, path: &RepoPath) -> Option<u32> {
        self.files.binary_search_by(|file| file.path.cmp(path)).ok().map(|at| at as u32)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.byte(FORMAT);
        out.bytes(self.tree.as_str().as_bytes());
        out.count(self.files.len());
        for file in &self.files {
            out.bytes(file.path.as_bytes());
            out.bytes(file.blob.as_str().as_bytes());
            out.number(file.bytes);
            out.byte(file.language.map_or(0, |language| language.code() + 1));
            out.number(u64::from(file.lines));
            out.byte(file.skipped.map_or(0, |reason| reason as u8));
        }
        out.bytes(self.names.text.as_bytes());
        out.count(self.names.len());
        (0..self.names.len() as u32).for_each(|name| out.count(self.names.get(name).len()));
        self.encode_rows(&mut out);
        out.finish()
    }

    fn encode_rows(&self, out: &mut Writer) {
        let (mut name, mut file) = (0, 0);
        out.count(self.definitions.len());
        for row in &self.definitions {
            put_pair(out, (&mut name, &mut file), (row.name, row.file));
            out.number(u64::from(row.line));
            out.number(u64::from(row.end - row.line));
            out.number(u64::from(row.depth));
            out.byte(row.kind as u8);
        }
        (name, file) = (0, 0);
        out.count(self.references.len());
        for row in &self.references {
            put_pair(out, (&mut name, &mut file), (row.name, row.file));
            out.number(u64::from(row.line));
            out.number(u64::from(row.count));
        }
        let (mut from, mut to) = (0, 0);
        out.count(self.edges.len());
        for edge in &self.edges {
            put_pair(out, (&mut from, &mut to), (edge.from, edge.to));
            out.number(u64::from(edge.weight) << 1 | u64::from(edge.imports));
        }
    }

    /// The table in `bytes`, checked so that every number in it is in range; `None` where it is damaged.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != FORMAT {
            return None;
        }
        let tree = reader.text()?.parse().ok()?;
        let n_files = reader.count()?;
        let files = (0..n_files).map(|_| decode_file(&mut reader)).collect::<Option<Vec<_>>>()?;
        let text = reader.text()?.to_owned();
        let n_names = reader.count()?;
        let mut ends = Vec::with_capacity(n_names);
        let mut end = 0_usize;
        for _ in 0..n_names {
            end = end.checked_add(usize::try_from(reader.number()?).ok()?)?;
            ends.push(u32::try_from(end).ok().filter(|end| text.is_char_boundary(*end as usize))?);
        }
        let mut table = Self { names: Names { text, ends }, ..Self::of_files(tree, files) };
        table.decode_rows(&mut reader)?;
        reader.is_at_end().then_some(table)
    }

    fn decode_rows(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let (n_names, n_files) = (self.names.len() as u32, self.files.len() as u32);
        let n_definitions = reader.count()?;
        self.definitions.reserve_exact(n_definitions);
        let (mut name, mut file) = (0, 0);
        for _ in 0..n_definitions {
            take_pair(reader, (&mut name, &mut file), (n_names, n_files))?;
            let line = reader.small()?;
            let end = line.checked_add(reader.small()?)?;
            let depth = u16::try_from(reader.number()?).ok()?;
            let kind = DefinitionKind::from_code(reader.byte()?)?;
            self.definitions.push(DefinitionRow { name, file, line, end, depth, kind });
        }
        let n_references = reader.count()?;
        self.references.reserve_exact(n_references);
        (name, file) = (0, 0);
        for _ in 0..n_references {
            take_pair(reader, (&mut name, &mut file), (n_names, n_files))?;
            self.references.push(ReferenceRow { name, file, line: reader.small()?, count: reader.small()? });
        }
        let n_edges = reader.count()?;
        self.edges.reserve_exact(n_edges);
        let (mut from, mut to) = (0, 0);
        for _ in 0..n_edges {
            take_pair(reader, (&mut from, &mut to), (n_files, n_files))?;
            let packed = reader.number()?;
            let weight = u32::try_from(packed >> 1).ok()?;
            self.edges.push(Edge { from, to, weight, imports: packed & 1 == 1 });
        }
        Some(())
    }
}

/// Writes a sorted pair as the difference from the one before.
fn put_pair(out: &mut Writer, (first, second): (&mut u32, &mut u32), (new_first, new_second): (u32, u32)) {
    let step = new_first - *first;
    out.number(u64::from(step));
    out.number(u64::from(if step == 0 { new_second - *second } else { new_second }));
    (*first, *second) = (new_first, new_second);
}

fn take_pair(reader: &mut Reader<'_>, (first, second): (&mut u32, &mut u32), limits: (u32, u32)) -> Option<()> {
    let step = reader.small()?;
    *first = first.checked_add(step)?;
    let value = reader.small()?;
    *second = if step == 0 { second.checked_add(value)? } else { value };
    (*first < limits.0 && *second < limits.1).then_some(())
}

fn decode_file(reader: &mut Reader<'_>) -> Option<IndexedFile> {
    Some(IndexedFile {
        path: RepoPath::from_bytes(reader.bytes()?),
        blob: reader.text()?.parse().ok()?,
        bytes: reader.number()?,
        language: match reader.byte()? {
            0 => None,
            code => Some(Language::from_code(code - 1)?),
        },
        lines: reader.small()?,
        skipped: SkipReason::from_code(reader.byte()?)?,
    })
}
