//! Which files matter: by what they are, by the words of a goal, and by a walk over who uses whom.

use super::Focus;
use super::code_index::IndexedFile;
use super::focus::{FocusWords, subwords};
use super::table::Table;
use crate::id::RepoPath;
use crate::syntax::{DefinitionKind, Language};

/// The chance to go on along an edge instead of starting anew; the usual value since Page and Brin (1998).
const DAMPING: f32 = 0.85;
/// Rounds of the walk: after 20 the order of the first hundred files no longer changes on the trees we measured.
const ROUNDS: usize = 20;

/// Ranks for an index without symbols: the focus first, then README, manifests, entry points, sources, tests, docs.
pub(super) fn by_priority(table: &Table, focus: &Focus) -> Vec<f32> {
    let boosts = normalised(boosts(table, focus));
    table.files.iter().zip(boosts).map(|(file, boost)| 2.0 * boost + priority(file)).collect()
}

/// Ranks by a walk that starts, and starts anew, where the goal's words and the focus's files are.
pub(super) fn by_walk(table: &Table, focus: &Focus) -> Vec<f32> {
    let boosts = normalised(boosts(table, focus));
    let start = start_of_walk(table, &boosts);
    let walked = normalised(walk(table, &start));
    let quiet = |file: &IndexedFile| if is_test(&file.path) { 0.6 } else { 1.0 };
    (0..table.files.len()).map(|at| 2.0 * boosts[at] + walked[at] * quiet(&table.files[at])).collect()
}

fn start_of_walk(table: &Table, boosts: &[f32]) -> Vec<f32> {
    let prior: Vec<f32> = table.files.iter().map(priority).collect();
    let (prior_sum, boost_sum) = (prior.iter().sum::<f32>().max(f32::MIN_POSITIVE), boosts.iter().sum::<f32>());
    let of_focus = if boost_sum > 0.0 { 0.8 } else { 0.0 };
    let share = |(boost, prior): (&f32, &f32)| {
        let focused = if boost_sum > 0.0 { of_focus * boost / boost_sum } else { 0.0 };
        focused + (1.0 - of_focus) * prior / prior_sum
    };
    boosts.iter().zip(&prior).map(share).collect()
}

/// PageRank over the edges, from user to used. One thread and a fixed number of rounds: the same everywhere.
fn walk(table: &Table, start: &[f32]) -> Vec<f32> {
    let mut out = vec![0_f32; start.len()];
    for edge in &table.edges {
        out[edge.from as usize] += edge.weight as f32;
    }
    let mut rank = start.to_vec();
    for _ in 0..ROUNDS {
        let lost: f32 = rank.iter().zip(&out).filter(|(_, out)| **out == 0.0).map(|(rank, _)| rank).sum();
        let mut next: Vec<f32> = start.iter().map(|start| start * (1.0 - DAMPING + DAMPING * lost)).collect();
        for edge in &table.edges {
            let from = edge.from as usize;
            next[edge.to as usize] += DAMPING * rank[from] * edge.weight as f32 / out[from];
        }
        rank = next;
    }
    rank
}

fn normalised(mut values: Vec<f32>) -> Vec<f32> {
    let largest = values.iter().copied().fold(0.0, f32::max);
    if largest > 0.0 {
        values.iter_mut().for_each(|value| *value /= largest);
    }
    values
}

/// How directly each file is named by the focus.
fn boosts(table: &Table, focus: &Focus) -> Vec<f32> {
    let words = focus.words();
    let mut boosts = vec![0.0; table.files.len()];
    boost_paths(table, focus, &words, &mut boosts);
    boost_symbols(table, &words, &mut boosts);
    for (boost, file) in boosts.iter_mut().zip(&table.files) {
        if is_test(&file.path) {
            *boost *= 0.7; // the test of a thing has the thing's name
        }
    }
    boosts
}

fn boost_paths(table: &Table, focus: &Focus, words: &FocusWords, boosts: &mut [f32]) {
    for (boost, file) in boosts.iter_mut().zip(&table.files) {
        let path = file.path.as_bytes();
        let is_at = |named: &[u8]| path == named || path.strip_suffix(named).is_some_and(|head| head.ends_with(b"/"));
        let is_under = |folder: &[u8]| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with(b"/"));
        if focus.paths.iter().any(|named| named.as_bytes() == path) {
            *boost += 20.0;
        } else if focus.paths.iter().any(|folder| is_under(folder.as_bytes())) {
            *boost += 5.0;
        }
        if words.paths.iter().any(|named| is_at(named.as_bytes())) {
            *boost += 20.0;
        }
        let name = String::from_utf8_lossy(file.path.file_name()).into_owned();
        let stem = name.split('.').next().unwrap_or(&name).to_lowercase();
        if words.whole.contains(&stem) {
            *boost += 3.0;
        } else {
            let parts = subwords(&name).filter(|part| words.parts.contains(&part.to_lowercase())).count();
            *boost += 1.2 * parts as f32;
        }
        let folders = file.path.components().filter_map(|part| std::str::from_utf8(part).ok());
        *boost += 0.4 * folders.filter(|part| words.parts.contains(&part.to_lowercase())).count() as f32;
    }
}

fn boost_symbols(table: &Table, words: &FocusWords, boosts: &mut [f32]) {
    if words.whole.is_empty() {
        return;
    }
    let mut row = 0;
    while let Some(first) = table.definitions.get(row) {
        let rows = &table.definitions[row..];
        let count = rows.iter().take_while(|next| next.name == first.name).count();
        let strength = strength_of(table.names.get(first.name), words) / (count as f32).sqrt();
        if strength > 0.0 {
            for definition in &rows[..count] {
                boosts[definition.file as usize] += strength * weight_of(definition.kind);
            }
        }
        row += count;
    }
}

/// How well a name fits the goal's words: whole, or by its parts.
fn strength_of(name: &str, words: &FocusWords) -> f32 {
    if words.whole.contains(name)
        || (name.chars().any(char::is_uppercase) && words.whole.contains(&name.to_lowercase()))
    {
        return 8.0;
    }
    if words.parts.is_empty() {
        return 0.0;
    }
    let (mut parts, mut hits) = (0, 0);
    for part in subwords(name) {
        parts += 1;
        let is_lower = part.bytes().all(|byte| byte.is_ascii_lowercase());
        hits +=
            usize::from(if is_lower { words.parts.contains(part) } else { words.parts.contains(&part.to_lowercase()) });
    }
    if hits == 0 { 0.0 } else { (hits * hits) as f32 / parts as f32 }
}

fn weight_of(kind: DefinitionKind) -> f32 {
    match kind {
        DefinitionKind::Module | DefinitionKind::Implementation | DefinitionKind::Section => 0.2,
        DefinitionKind::Variable | DefinitionKind::Constant | DefinitionKind::Declaration => 0.5,
        _ => 1.0,
    }
}

/// What a file is worth before anybody asks: 0 to 1.
pub(super) fn priority(file: &IndexedFile) -> f32 {
    let name = String::from_utf8_lossy(file.path.file_name()).to_lowercase();
    let depth = file.path.components().count();
    let near_root = 0.02 / depth as f32;
    let tier = match name.as_str() {
        _ if file.skipped.is_some() => 0.05,
        _ if is_test(&file.path) => 0.35,
        _ if name.starts_with("readme") && depth == 1 => 0.95,
        "cargo.toml" | "pyproject.toml" | "setup.py" | "setup.cfg" | "package.json" | "go.mod" | "pom.xml"
        | "build.gradle" | "build.gradle.kts" | "gemfile" | "composer.json" | "cmakelists.txt" | "makefile"
        | "requirements.txt" | "tsconfig.json" | "deno.json" => 0.85,
        "main.rs" | "lib.rs" | "main.py" | "__main__.py" | "app.py" | "manage.py" | "main.go" | "index.js"
        | "index.ts" | "index.tsx" | "main.ts" | "main.js" | "app.js" | "app.ts" | "server.js" | "main.c"
        | "main.cpp" | "main.java" | "application.java" | "program.cs" | "index.php" => 0.75,
        _ if name.ends_with(".lock") || name.ends_with(".min.js") || name == "package-lock.json" => 0.1,
        _ if file.language.is_some_and(Language::has_tags) => 0.6,
        _ if matches!(file.path.extension(), Some("md" | "rst" | "adoc" | "txt")) => 0.25,
        _ => 0.2,
    };
    tier + near_root
}

/// Whether a path is of a test, by its folders and its name.
#[must_use]
pub fn is_test(path: &RepoPath) -> bool {
    const FOLDERS: &[&[u8]] =
        &[b"test", b"tests", b"testing", b"__tests__", b"spec", b"specs", b"testdata", b"fixtures"];
    let folders = path.as_bytes().len() - path.file_name().len();
    let in_folder = path.as_bytes()[..folders].split(|byte| *byte == b'/').any(|part| FOLDERS.contains(&part));
    let name = path.file_name();
    let has = |needle: &[u8]| memchr::memmem::find(name, needle).is_some();
    in_folder || name.starts_with(b"test_") || has(b"_test.") || has(b".test.") || has(b".spec.") || has(b"Test.java")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: bool) {
        assert_eq!(is_test(&RepoPath::from(path)), expected, "{path}");
    }

    #[test]
    fn tests_are_known_by_folder_and_name() {
        check("tests/a.rs", true);
        check("src/tests", false);
        check("pkg/a_test.go", true);
        check("src/test_a.py", true);
        check("src/a.spec.ts", true);
        check("src/attest.py", false);
        check("src/latest/a.py", false);
    }
}
