//! Index speed: a bare parse of the files, then the index of the same files cold, warm and after one change, in one
//! run, so that only the ratios matter.
//!
//! `PARAPH_BENCH_TREE=DIR cargo bench --bench index` reads a folder of real files (`.git` left out) into memory;
//! without it a generated tree of 600 Rust and Python files is taken. `PARAPH_BENCH_ONCE=1` beside it parses once and
//! prints wall and CPU time: a yardstick for a run of the whole program, on a machine that is busy with other things.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use divan::Bencher;
use paraph::cancel::Cancel;
use paraph::diff::FileSide;
use paraph::id::RepoPath;
use paraph::indexing::{
    CacheRecord, Focus, IndexSettings, IndexStrategy as _, MemoryTagCache, NoTagCache, SymbolIndex, TagCache,
};
use paraph::repository::{MemoryTree, Tree, TreeEntry, TreeError};
use paraph::syntax::{Language, ParseLimits, Parsed, Syntax};
use rayon::prelude::*;

fn main() {
    match std::env::var_os("PARAPH_BENCH_ONCE") {
        Some(_) => parse_once(),
        None => divan::main(),
    }
}

/// One bare parse of the tree; the CPU time is that of every thread, without reading the files.
fn parse_once() {
    let sources = sources();
    parse_all(&sources[..sources.len().min(50)]); // starts the threads
    let (cpu, start) = (cpu_ms(), std::time::Instant::now());
    let n_files = parse_all(&sources);
    let told = format!("{n_files} files, wall {} ms, cpu {} ms\n", start.elapsed().as_millis(), cpu_ms() - cpu);
    std::io::stdout().write_all(told.as_bytes()).expect("somebody reads it");
}

/// What the threads of this process have had of the processors so far; 0 where the system does not tell.
fn cpu_ms() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanoseconds = |task: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        stat.split_whitespace().next()?.parse::<u64>().ok()
    };
    tasks.filter_map(nanoseconds).sum::<u64>() / 1_000_000
}

/// Keeps tags of blobs but no table of a tree, so that every run puts the records together anew.
struct BlobsOnly(MemoryTagCache);

impl TagCache for BlobsOnly {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key)
    }

    fn put(&self, records: Vec<CacheRecord>) {
        self.0.put(records.into_iter().filter(|record| record.key.first() == Some(&b'b')).collect());
    }
}

/// A [`MemoryTree`] whose entries are made once, as an adapter of git makes them.
struct Kept {
    tree: MemoryTree,
    entries: Arc<[TreeEntry]>,
}

impl Tree for Kept {
    fn id(&self) -> &paraph::id::ObjectId {
        self.tree.id()
    }

    fn entries(&self) -> Result<Arc<[TreeEntry]>, TreeError> {
        Ok(self.entries.clone())
    }

    fn entry(&self, path: &RepoPath) -> Result<Option<TreeEntry>, TreeError> {
        self.tree.entry(path)
    }

    fn content(&self, entry: &TreeEntry) -> Result<Arc<[u8]>, TreeError> {
        self.tree.content(entry)
    }

    fn size(&self, entry: &TreeEntry) -> Result<u64, TreeError> {
        self.tree.size(entry)
    }
}

/// The tree under measurement; made once, as divan runs every function in one process.
fn tree() -> &'static Kept {
    static TREE: OnceLock<Kept> = OnceLock::new();
    TREE.get_or_init(|| {
        let mut files = Vec::new();
        match std::env::var_os("PARAPH_BENCH_TREE") {
            Some(folder) => read_folder(Path::new(&folder), "", &mut files),
            None => generate(&mut files),
        }
        let tree = MemoryTree::new(files);
        let entries = tree.entries().expect("a tree in memory reads");
        Kept { tree, entries }
    })
}

fn read_folder(folder: &Path, prefix: &str, files: &mut Vec<(RepoPath, FileSide)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(kind) = entry.file_type() else { continue };
        let path = format!("{prefix}{name}");
        if kind.is_dir() && name != ".git" {
            read_folder(&entry.path(), &format!("{path}/"), files);
        } else if let Ok(bytes) = if kind.is_file() { std::fs::read(entry.path()) } else { continue } {
            files.push((RepoPath::from(path.as_str()), FileSide::regular(bytes)));
        }
    }
}

fn generate(files: &mut Vec<(RepoPath, FileSide)>) {
    for file in 0..600 {
        let mut text = String::new();
        let is_rust = file % 2 == 0;
        for part in 0..40 {
            let other = (file * 7 + part * 13) % 600;
            let written = if is_rust {
                write!(
                    text,
                    "pub fn f{file}_{part}(a: &Thing{other}) -> Option<u32> {{\n    let b = f{other}_{part}(a)?;\n    Some(b + {part})\n}}\n\n"
                )
            } else {
                write!(text, "def f{file}_{part}(a):\n    b = f{other}_{part}(a)\n    return [b, \"text {part}\"]\n\n")
            };
            written.expect("a string takes all");
        }
        let end = if is_rust { "rs" } else { "py" };
        files.push((
            RepoPath::from(format!("d{}/m{file}.{end}", file % 20).as_str()),
            FileSide::regular(text.into_bytes()),
        ));
    }
}

fn grammar(language: Language) -> Option<tree_sitter::Language> {
    let grammar = match language {
        Language::Rust => tree_sitter_rust::LANGUAGE,
        Language::Python => tree_sitter_python::LANGUAGE,
        Language::JavaScript => tree_sitter_javascript::LANGUAGE,
        Language::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
        Language::Tsx => tree_sitter_typescript::LANGUAGE_TSX,
        Language::Go => tree_sitter_go::LANGUAGE,
        Language::Java => tree_sitter_java::LANGUAGE,
        Language::C => tree_sitter_c::LANGUAGE,
        Language::Cpp => tree_sitter_cpp::LANGUAGE,
        Language::CSharp => tree_sitter_c_sharp::LANGUAGE,
        Language::Ruby => tree_sitter_ruby::LANGUAGE,
        Language::Php => tree_sitter_php::LANGUAGE_PHP,
        Language::Bash => tree_sitter_bash::LANGUAGE,
        _ => return None,
    };
    Some(grammar.into())
}

/// The files the index parses: a bare tree-sitter parse of exactly these is the yardstick.
fn sources() -> Vec<(tree_sitter::Language, Arc<[u8]>)> {
    let (tree, settings) = (tree(), IndexSettings::default());
    let is_read = |entry: &&TreeEntry| !settings.is_skipped(&entry.path);
    tree.entries
        .iter()
        .filter(is_read)
        .filter_map(|entry| {
            let grammar = Language::from_path(&entry.path, b"").and_then(grammar)?;
            let content = tree.content(entry).ok().filter(|content| content.len() <= 1 << 20)?;
            (!content[..content.len().min(8000)].contains(&0)).then_some((grammar, content))
        })
        .collect()
}

fn parse_all(sources: &[(tree_sitter::Language, Arc<[u8]>)]) -> usize {
    let parse = |(grammar, content): &(tree_sitter::Language, Arc<[u8]>)| {
        let mut parser = tree_sitter::Parser::new();
        parser.set_language(grammar).expect("the grammar fits");
        usize::from(parser.parse(content, None).is_some())
    };
    sources.par_iter().map(parse).sum()
}

fn index(cache: Arc<dyn TagCache>) -> SymbolIndex {
    SymbolIndex::new(Arc::new(Syntax::new()), cache, IndexSettings::default())
}

fn run(index: &SymbolIndex) -> usize {
    let focus = Focus::on_goal("resolve the lockfile of a workspace");
    let found = index.index(tree(), &focus, &Cancel::new()).expect("a tree in memory reads");
    found.summary(20).top_files.len()
}

#[divan::bench(sample_count = 7)]
fn a_bare_parse(bencher: Bencher) {
    let sources = sources();
    bencher.bench(|| parse_all(&sources));
}

#[divan::bench(sample_count = 7)]
fn b_index_cold(bencher: Bencher) {
    bencher.bench(|| run(&index(Arc::new(NoTagCache))));
}

#[divan::bench(sample_count = 7)]
fn c_index_cold_into_a_cache(bencher: Bencher) {
    bencher.bench(|| run(&index(Arc::new(MemoryTagCache::default()))));
}

#[divan::bench(sample_count = 7)]
fn d_index_from_cached_blobs(bencher: Bencher) {
    let cache = Arc::new(BlobsOnly(MemoryTagCache::default()));
    run(&index(cache.clone()));
    bencher.bench(|| run(&index(cache.clone())));
}

#[divan::bench(sample_count = 20)]
fn e_index_warm(bencher: Bencher) {
    let cache = Arc::new(MemoryTagCache::default());
    run(&index(cache.clone()));
    bencher.bench(|| run(&index(cache.clone())));
}

#[divan::bench(sample_count = 50)]
fn f_colours_of_100_lines(bencher: Bencher) {
    let text = "/// Adds.\nfn add(a: u32, b: Option<u32>) -> u32 {\n    a + b.unwrap_or(1) // one\n}\n\n".repeat(2000);
    let parsed = Parsed::new(Language::Rust, text.into_bytes().into(), ParseLimits::default(), &Cancel::new());
    let (parsed, syntax) = (parsed.expect("it parses"), Syntax::new());
    bencher.bench(|| syntax.spans(&parsed, 5000..5100).len());
}
