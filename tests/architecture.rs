//! Who may know whom, held by reading the code: every file of `src` is parsed, grouped imports and macros included.
//!
//! The rules are the tables at the top. A rule that has to give way names the place and the reason in [`EXCEPTIONS`];
//! an exception that is not needed any more fails as well.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "architecture/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use source::{Crate, SourceFile};

/// A module names only what stands to its left.
const ORDER: [&str; 25] = [
    "id",
    "clock",
    "cancel",
    "text",
    "diff",
    "syntax",
    "infrastructure",
    "repository",
    "indexing",
    "planning",
    "proposal",
    "validation",
    "policy",
    "scoring",
    "session",
    "audit",
    "publishing",
    "api",
    "runtime",
    "daemon",
    "cli",
    "tui",
    "wiring",
    "main",
    "lib",
];

/// Modules that see less than all that stands to their left; `id`, `clock` and `cancel` are words everybody may use.
const NARROWER: [(&str, &[&str]); 4] = [
    ("session", &["id", "clock", "text", "repository", "planning", "proposal", "validation", "policy", "scoring"]),
    ("daemon", &["id", "clock", "cancel", "api"]),
    ("cli", &["id", "clock", "cancel", "text", "diff", "syntax", "api"]),
    ("tui", &["id", "clock", "cancel", "text", "diff", "syntax", "api"]),
];

/// The only crates that the core borrows.
const SESSION_BORROWS: [&str; 6] = ["std", "core", "alloc", "serde", "thiserror", "paraph"];

/// A dangerous thing and its homes. A name that ends in `*` is a prefix.
const HOMES: &[(&str, &[&str])] = &[
    // crates
    ("sled::*", &["infrastructure::store"]),
    ("bincode::*", &["infrastructure::store"]),
    ("tree_sitter*", &["syntax"]),
    ("ast_grep*", &["syntax"]),
    ("streaming_iterator*", &["syntax"]),
    ("similar::*", &["diff"]),
    ("git2::*", &["repository", "publishing"]),
    ("reqwest::*", &["infrastructure::http"]),
    ("rustls*", &["infrastructure::http"]),
    ("tokio_rustls::*", &["infrastructure::http"]),
    ("hyper_util::client::proxy::*", &["infrastructure::http"]),
    ("ratatui*", &["tui"]),
    ("crossterm::*", &["tui"]),
    ("ansi_to_tui::*", &["tui"]),
    ("nucleo_matcher::*", &["tui"]),
    ("landlock::*", &["infrastructure::confinement"]),
    ("seccompiler::*", &["infrastructure::confinement"]),
    ("libc::*", &["infrastructure::confinement"]),
    ("axum::*", &["daemon"]),
    ("hyper*", &["daemon"]),
    ("http_body_util::*", &["daemon"]),
    ("clap*", &["cli"]),
    ("tracing_subscriber::*", &["infrastructure::logging"]),
    ("tracing_appender::*", &["infrastructure::logging"]),
    ("anyhow::*", &["main", "wiring"]),
    // child processes
    ("std::process::Command", &["infrastructure::process", "infrastructure::confinement"]),
    ("tokio::process::*", &["infrastructure::process", "infrastructure::confinement"]),
    ("std::process::exit", &["main"]),
    ("std::process::abort", &["infrastructure::fault"]),
    // the environment
    ("std::env::var*", &["main", "wiring"]),
    ("std::env::set_var", &[]),
    ("std::env::remove_var", &[]),
    ("std::env::args*", &["main", "wiring"]),
    ("std::env::current_dir", &["main", "wiring"]),
    ("std::env::home_dir", &["main", "wiring"]),
    ("std::env::temp_dir", &["main", "wiring"]),
    ("std::env::current_exe", &["main", "wiring"]),
    // the clock, and names that are made of it
    ("std::time::SystemTime::now", &["clock"]),
    ("std::time::Instant::now", &["clock"]),
    ("tokio::time::Instant::now", &["clock"]),
    ("uuid::Uuid::now_v7", &["id"]),
    ("uuid::Uuid::new_v4", &["id"]),
    // adapters are chosen in one place
    ("crate::repository::GitVcs", &["repository", "wiring"]),
    ("crate::indexing::SymbolIndex", &["indexing", "wiring"]),
    ("crate::indexing::BasicFileIndex", &["indexing", "wiring"]),
    ("crate::proposal::RuleEngine", &["proposal", "wiring"]),
    ("crate::proposal::PatchEngine", &["proposal", "wiring"]),
    ("crate::proposal::AdoptEngine", &["proposal", "wiring"]),
    ("crate::proposal::CommandEngine", &["proposal", "wiring"]),
    ("crate::proposal::AgentEngine", &["proposal", "wiring"]),
    ("crate::validation::LocalValidator", &["validation", "wiring"]),
    ("crate::policy::BuiltInPolicy", &["policy", "wiring"]),
    ("crate::scoring::SixDimensions", &["scoring", "wiring"]),
    ("crate::publishing::LocalForge", &["publishing", "wiring"]),
    ("crate::clock::SystemClock", &["clock", "wiring"]),
];

/// Where a rule gives way: module, what it names, and why that is right.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "main",
        "crate::infrastructure::confinement",
        "the launcher is the program itself, started again before anything else",
    ),
    (
        "infrastructure::confinement",
        "std::process::exit",
        "the launcher's processes have no caller to return to, and must not run what main would",
    ),
    (
        "infrastructure::confinement",
        "crate::clock::SystemClock",
        "the supervisor is a process of its own: it measures a child's real time, whatever a test's clock says",
    ),
    (
        "infrastructure::process",
        "crate::clock::SystemClock",
        "a child's time limit is real time, whatever a test's clock says",
    ),
    (
        "tui::work",
        "std::process::Command",
        "a person's editor needs the terminal and the environment themselves; every other child gets neither",
    ),
    ("tui::shell", "tokio::time::Instant::now", "when the next frame may be drawn; no recorded time comes from it"),
];

/// Files that are still longer than [`MOST_LINES`], and how long: they may only shrink until they are split.
const LONG: &[(&str, usize)] = &[];

/// Statics that hold more than a constant: each is filled once, from constants alone.
const STATICS: &[(&str, &str)] = &[
    ("policy::built_in::content", "ORDERS"),
    ("policy::built_in::content", "WORDS"),
    ("policy::built_in::weakened::tells", "OTHERS"),
    ("policy::built_in::weakened::tells", "RUST"),
    ("policy::built_in::weakened::counter", "WORDS"),
    ("policy::paths::alias", "CANONICAL"),
    ("proposal::rules::catalogue", "SHIPPED"),
    ("proposal::rules::choose", "LEXICON"),
];

/// What lies in `src`, and nothing else does.
const SRC: [&str; 27] = [
    "api",
    "audit",
    "cancel.rs",
    "cli",
    "clock.rs",
    "daemon",
    "diff",
    "id",
    "id.rs",
    "indexing",
    "infrastructure",
    "lib.rs",
    "main.rs",
    "planning",
    "policy",
    "proposal",
    "publishing",
    "repository",
    "runtime",
    "scoring",
    "session",
    "syntax",
    "text",
    "tui",
    "validation",
    "wiring",
    "wiring.rs",
];

/// What a person sees who lists the repository, and nothing else.
const TOP: [&str; 8] = ["Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "snapshots", "src", "tests", "themes"];

/// Past this a file is two.
const MOST_LINES: usize = 700;

/// Parsed once for every test.
static READ: LazyLock<Crate> = LazyLock::new(|| Crate::read(&root()));

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Fails with every complaint, one a line.
#[track_caller]
fn none(rule: &str, complaints: impl IntoIterator<Item = String>) {
    let complaints: BTreeSet<String> = complaints.into_iter().collect();
    let lines: Vec<String> = complaints.into_iter().collect();
    assert!(lines.is_empty(), "{rule}:\n  {}\n", lines.join("\n  "));
}

fn is_excepted(module: &str, path: &str) -> bool {
    EXCEPTIONS.iter().any(|(of, named, _)| lies_in(module, of) && lies_in(path, named))
}

/// Whether `module` is `home` or lies in it.
fn lies_in(module: &str, home: &str) -> bool {
    module == home || module.strip_prefix(home).is_some_and(|rest| rest.starts_with("::"))
}

fn names(path: &str, rule: &str) -> bool {
    match rule.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix) || path == prefix.trim_end_matches("::"),
        None => lies_in(path, rule),
    }
}

/// Every path that code (not tests) names, with its place.
fn named(of: &'static Crate) -> impl Iterator<Item = (&'static SourceFile, &'static str, &'static str)> {
    of.files
        .iter()
        .flat_map(|file| file.named.iter().map(move |named| (file, named.module.as_str(), named.path.as_str())))
}

#[test]
fn a_module_names_only_what_stands_to_its_left() {
    let place = |name: &str| ORDER.iter().position(|module| *module == name);
    let read = &*READ;
    let complaints = named(read).filter_map(|(file, module, path)| {
        let mut parts = path.split("::");
        let (Some("crate"), Some(target)) = (parts.next(), parts.next()) else { return None };
        let own = module.split("::").next()?;
        let known = place(target)?;
        let allowed = match NARROWER.iter().find(|(name, _)| *name == own) {
            _ if own == target => true,
            Some((_, allowed)) => allowed.contains(&target),
            None => known < place(own).unwrap_or_else(|| panic!("`{own}` has no place in ORDER")),
        };
        (!allowed && !is_excepted(module, path)).then(|| format!("{} names {path}", file.shown))
    });
    none("a module names only what stands to its left", complaints);
}

#[test]
fn the_core_borrows_serde_and_thiserror_alone() {
    let read = &*READ;
    let externals: BTreeSet<String> = read.dependencies();
    let complaints = named(read).filter(|(_, module, _)| lies_in(module, "session")).filter_map(|(file, _, path)| {
        let first = path.split("::").next()?;
        let foreign = externals.contains(first) && !SESSION_BORROWS.contains(&first);
        foreign.then(|| format!("{} names {path}", file.shown))
    });
    none("serde and thiserror are all the core borrows", complaints);
}

#[test]
fn dangerous_things_have_one_home() {
    let read = &*READ;
    let complaints = named(read).filter_map(|(file, module, path)| {
        let (rule, homes) = HOMES.iter().find(|(rule, _)| names(path, rule))?;
        let home = homes.iter().any(|home| lies_in(module, home));
        (!home && !is_excepted(module, path)).then(|| format!("{} names {path}; {rule} lives in {homes:?}", file.shown))
    });
    none("a dangerous thing has one home", complaints);
}

#[test]
fn exceptions_are_needed() {
    let read = &*READ;
    let used = |of: &str, what: &str| named(read).any(|(_, module, path)| lies_in(module, of) && lies_in(path, what));
    let unused = EXCEPTIONS.iter().filter(|(of, what, _)| !used(of, what));
    none("an exception that nothing needs", unused.map(|(of, what, _)| format!("{of} does not name {what}")));
    none("an exception without a reason", EXCEPTIONS.iter().filter(|row| row.2.len() < 20).map(|row| row.1.to_owned()));
}

#[test]
fn unsafe_code_lives_in_confinement() {
    let read = &*READ;
    let complaints = read.files.iter().filter(|file| !lies_in(&file.module, "infrastructure::confinement"));
    none("unsafe outside confinement", complaints.filter(|file| file.has_unsafe).map(|file| file.shown.clone()));
}

#[test]
fn nothing_global_changes() {
    let read = &*READ;
    let mut found = BTreeSet::new();
    let mut complaints = Vec::new();
    for file in &read.files {
        for item in &file.statics {
            let listed = STATICS.iter().any(|(module, name)| *module == file.module && *name == item.name);
            if item.mutable || (item.filled_later && !listed) {
                complaints.push(format!("{} has static {}: {}", file.shown, item.name, item.kind));
            }
            if item.filled_later {
                found.insert((file.module.as_str(), item.name.as_str()));
            }
        }
        let macros = ["lazy_static", "thread_local"];
        complaints.extend(
            file.macros
                .iter()
                .filter(|name| macros.contains(&name.as_str()))
                .map(|name| format!("{} uses {name}!", file.shown)),
        );
    }
    none("global state", complaints);
    none(
        "statics listed and not there",
        STATICS.iter().filter(|row| !found.contains(*row)).map(|row| format!("{row:?}")),
    );
}

#[test]
fn every_file_belongs_opens_with_its_subject_and_is_short() {
    let read = &*READ;
    none("files that no module declares", read.orphans.iter().cloned());
    let mut complaints = Vec::new();
    for path in rust_files(&root().join("src")).chain(rust_files(&root().join("tests"))) {
        let text = fs::read_to_string(&path).unwrap();
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        if !text.starts_with("//!") {
            complaints.push(format!("{shown} does not open with `//!`"));
        }
        let lines = text.lines().count();
        let most = LONG.iter().find(|(name, _)| *name == shown).map_or(MOST_LINES, |(_, most)| *most);
        if lines > most {
            complaints.push(format!("{shown} has {lines} lines"));
        }
        let parsed = source::forbidden(&path, &text);
        complaints.extend(parsed.into_iter().map(|what| format!("{shown} holds {what}")));
    }
    none("every file opens with its subject, is short and finished", complaints);
}

fn rust_files(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found.into_iter()
}

fn visible(folder: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| !name.starts_with('.') && name != "target").collect()
}

#[test]
fn the_tree_is_as_it_was_agreed() {
    let unknown = |folder: PathBuf, known: &[&str]| {
        let found = visible(&folder);
        found.into_iter().filter(|name| !known.contains(&name.as_str())).collect::<Vec<_>>()
    };
    none("what does not belong in the repository's top level", unknown(root(), &TOP));
    none("what does not belong in src", unknown(root().join("src"), &SRC));
}

#[test]
fn every_module_has_a_row_in_the_crate_map() {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let row = |line: &str| {
        let mut cells = line.strip_prefix("//! |")?.split('|').map(str::trim);
        let (name, capability) = (cells.next()?, cells.next()?);
        let name = name.trim_matches(['[', ']', '`']);
        ORDER.contains(&name).then(|| (name.to_owned(), capability.to_owned()))
    };
    let rows: BTreeMap<String, String> = text.lines().filter_map(row).collect();
    let read = &*READ;
    let without = read.modules.iter().filter(|module| !rows.contains_key(*module));
    none("a module without a row in the docs of src/lib.rs", without.cloned());
    let gone = rows.keys().filter(|name| !read.modules.contains(*name) && *name != "main");
    none("a row without a module", gone.cloned());
    let empty = rows.iter().filter(|(_, capability)| capability.len() < 12);
    none("a row that names no capability", empty.map(|(name, _)| name.clone()));
    let order: Vec<usize> =
        text.lines().filter_map(row).map(|(name, _)| ORDER.iter().position(|known| *known == name).unwrap()).collect();
    assert!(order.is_sorted(), "the rows follow the order in which modules may know each other");
}

#[test]
fn the_reader_sees_through_groups_macros_and_aliases() {
    #[track_caller]
    fn check(code: &str, expected: &[&str]) {
        let file = source::read_text("session::probe", code);
        let found: Vec<&str> = file.named.iter().map(|named| named.path.as_str()).collect();
        for path in expected {
            assert!(found.contains(path), "{path} is not in {found:?}");
        }
    }
    check("use crate::{api::{Reply, self}, daemon};", &["crate::api::Reply", "crate::api", "crate::daemon"]);
    check("fn a() { let x = format!(\"{}\", crate::tui::name()); }", &["crate::tui::name"]);
    check("use std::process; fn a() { process::Command::new(\"x\"); }", &["std::process::Command::new"]);
    check("use std::time::Instant as Moment; fn a() { Moment::now(); }", &["std::time::Instant::now"]);
    check("fn a() { super::super::daemon::go(); }", &["crate::daemon::go"]);
    check("mod b { fn a(x: super::super::x::Y) {} }", &["crate::session::x::Y"]);
    check("#[derive(clap::Parser)] struct A;", &["clap::Parser"]);
    check("macro_rules! m { () => { use sled::{Db, Tree}; } }", &["sled::Db", "sled::Tree"]);
    check("macro_rules! m { () => { $crate::cli::go() } }", &["crate::cli::go"]);
    check("fn a() -> impl Fn(git2::Oid) { |_| () }", &["git2::Oid"]);
    let tests = source::read_text("session::probe", "#[cfg(test)] mod tests { use crate::tui::x; }");
    assert!(tests.named.is_empty(), "tests may know more");
}
