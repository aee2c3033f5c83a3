//! Manifests and lockfiles: which dependencies come, go or change.

use std::collections::BTreeMap;

use super::Violation;
use super::added::Texts;
use super::rules::breach;
use crate::diff::ChangeSet;

/// Names with what the manifest says about each; `None` where it cannot be read.
type Dependencies = Option<BTreeMap<String, String>>;

/// Lockfiles, and the manifest that each belongs to.
const LOCKFILES: &[(&str, &str)] = &[
    ("Cargo.lock", "Cargo.toml"),
    ("package-lock.json", "package.json"),
    ("npm-shrinkwrap.json", "package.json"),
    ("yarn.lock", "package.json"),
    ("pnpm-lock.yaml", "package.json"),
    ("bun.lock", "package.json"),
    ("bun.lockb", "package.json"),
    ("poetry.lock", "pyproject.toml"),
    ("uv.lock", "pyproject.toml"),
    ("pdm.lock", "pyproject.toml"),
    ("Pipfile.lock", "Pipfile"),
    ("go.sum", "go.mod"),
    ("Gemfile.lock", "Gemfile"),
    ("composer.lock", "composer.json"),
    ("gradle.lockfile", "build.gradle"),
    ("flake.lock", "flake.nix"),
    ("deno.lock", "deno.json"),
    ("mix.lock", "mix.exs"),
    ("Package.resolved", "Package.swift"),
    ("packages.lock.json", ""),
];

/// What this file does to the dependencies.
pub(super) fn check(texts: &Texts<'_>, changes: &ChangeSet, found: &mut Vec<Violation>) {
    let file = texts.file;
    let name = String::from_utf8_lossy(file.path.file_name());
    if let Some((_, manifest)) = LOCKFILES.iter().find(|(lock, _)| *lock == name) {
        return lockfile(texts, manifest, changes, found);
    }
    let Some(read) = reader(&name) else { return };
    let side = |text: Option<&str>| text.map_or_else(|| Some(BTreeMap::new()), read);
    match (side(texts.old), side(texts.new)) {
        (Some(old), Some(new)) => differences(texts, &old, &new, found),
        _ => found.push(breach("dependency-change", &file.path, None, "the manifest cannot be read; look at it")),
    }
}

fn lockfile(texts: &Texts<'_>, manifest: &str, changes: &ChangeSet, found: &mut Vec<Violation>) {
    let lines = texts.added().count();
    let with = changes.files().iter().any(|other| other.path.file_name() == manifest.as_bytes());
    let alone = if with || manifest.is_empty() { String::new() } else { format!(", though no {manifest} changes") };
    found.push(breach(
        "lockfile-change",
        &texts.file.path,
        None,
        format!("the lockfile changes, {lines} new lines{alone}"),
    ));
}

/// The most dependencies of one manifest that are named one by one.
const MOST_NAMED: usize = 50;

fn differences(
    texts: &Texts<'_>,
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    found: &mut Vec<Violation>,
) {
    let file = texts.file;
    if file.old.is_none() && new.len() > 1 {
        let names: Vec<&str> = new.keys().take(12).map(String::as_str).collect();
        let more = if new.len() > names.len() { ", …" } else { "" };
        let message = format!("a manifest appears with {} dependencies: {}{more}", new.len(), names.join(", "));
        return found.push(breach("dependency-change", &file.path, None, message));
    }
    let came = new.iter().filter_map(|(name, how)| match old.get(name) {
        None => Some((name, format!("the dependency `{name}` is added ({how})"))),
        Some(before) if before != how => {
            Some((name, format!("the dependency `{name}` changes from {before} to {how}")))
        }
        Some(_) => None,
    });
    let went = old.keys().filter(|name| !new.contains_key(*name));
    let all: Vec<(&String, String)> =
        came.chain(went.map(|name| (name, format!("the dependency `{name}` is removed")))).collect();
    let lines: Vec<(u32, &str)> = texts.added().collect();
    for (name, message) in all.iter().take(MOST_NAMED) {
        let line = lines.iter().find(|(_, line)| line.contains(name.as_str())).map(|(number, _)| *number);
        found.push(breach("dependency-change", &file.path, line, message.clone()));
    }
    if all.len() > MOST_NAMED {
        let message = format!("{} more dependencies are added, changed or removed", all.len() - MOST_NAMED);
        found.push(breach("dependency-change", &file.path, None, message));
    }
}

fn reader(name: &str) -> Option<fn(&str) -> Dependencies> {
    let requirements = name.starts_with("requirements") || name.starts_with("constraints");
    Some(match name {
        "Cargo.toml" | "Pipfile" | "pyproject.toml" => toml_manifest,
        "package.json" | "composer.json" | "deno.json" => json_manifest,
        "go.mod" => go_mod,
        "Gemfile" => gemfile,
        "pom.xml" => pom,
        _ if requirements && (name.ends_with(".txt") || name.ends_with(".in")) => requirement_lines,
        _ => return None,
    })
}

fn short(text: &str) -> String {
    let flat: String = text.chars().filter(|c| !c.is_control()).collect();
    if flat.chars().count() <= 60 { flat } else { flat.chars().take(59).chain(['…']).collect() }
}

fn toml_manifest(text: &str) -> Dependencies {
    let value: toml::Table = text.parse().ok()?;
    let mut found = BTreeMap::new();
    collect_toml(&value, 0, &mut found);
    Some(found)
}

/// Tables whose name says dependencies, wherever they are: cargo has them below `target` and `workspace`, poetry
/// below `tool` and groups.
fn collect_toml(table: &toml::Table, depth: usize, found: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let holds = key.ends_with("dependencies") || matches!(key.as_str(), "packages" | "dev-packages" | "patch");
        match value {
            toml::Value::Table(inner) if holds && !inner.values().any(toml::Value::is_array) => {
                found.extend(inner.iter().map(|(name, how)| (name.clone(), short(&how.to_string()))));
            }
            toml::Value::Table(inner) if holds || key == "dependency-groups" => {
                inner.values().filter_map(toml::Value::as_array).for_each(|list| collect_list(list, found));
            }
            toml::Value::Array(list) if holds || (key == "requires" && depth == 1) => collect_list(list, found),
            toml::Value::Table(inner) if depth < 6 => collect_toml(inner, depth + 1, found),
            _ => {}
        }
    }
}

fn collect_list(list: &[toml::Value], found: &mut BTreeMap<String, String>) {
    for text in list.iter().filter_map(toml::Value::as_str) {
        let (name, how) = requirement(text);
        found.insert(name, how);
    }
}

/// `name[extra]>=1; marker` as a name and the rest.
fn requirement(text: &str) -> (String, String) {
    let end = text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let rest = rest.trim();
    (name.to_ascii_lowercase(), if rest.is_empty() { "any version".to_owned() } else { short(rest) })
}

fn json_manifest(text: &str) -> Dependencies {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let parts = [
        "dependencies",
        "devDependencies",
        "peerDependencies",
        "optionalDependencies",
        "overrides",
        "resolutions",
        "require",
        "require-dev",
        "imports",
    ];
    let tables = parts.iter().filter_map(|part| value.get(part)?.as_object());
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Some(tables.flatten().map(|(name, how)| (name.clone(), short(&text(how)))).collect())
}

fn go_mod(text: &str) -> Dependencies {
    let mut found = BTreeMap::new();
    let mut inside = false;
    for line in text.lines().map(|line| line.split("//").next().unwrap_or("").trim()) {
        match line {
            "require (" | "replace (" => inside = true,
            ")" => inside = false,
            _ => {
                let direct = line.strip_prefix("require ").or_else(|| line.strip_prefix("replace "));
                let entry = direct.or(Some(line).filter(|_| inside && !line.is_empty()));
                if let Some((name, how)) = entry.and_then(|entry| entry.split_once(' ')) {
                    found.insert(name.to_owned(), short(how));
                }
            }
        }
    }
    Some(found)
}

fn gemfile(text: &str) -> Dependencies {
    let gems = text.lines().filter_map(|line| line.trim_start().strip_prefix("gem "));
    let entry = |line: &str| {
        let mut parts = line.split([',', '#']).map(|part| part.trim().trim_matches(['\'', '"']));
        let name = parts.next()?.to_owned();
        Some((name, parts.next().map_or_else(|| "any version".to_owned(), short)))
    };
    Some(gems.filter_map(entry).collect())
}

fn requirement_lines(text: &str) -> Dependencies {
    let lines = text.lines().map(|line| line.split(" #").next().unwrap_or("").trim());
    let entries = lines.filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("--hash"));
    let entry =
        |line: &str| if line.starts_with('-') { (short(line), "an option".to_owned()) } else { requirement(line) };
    Some(entries.map(|line| entry(line.trim_end_matches('\\').trim())).collect())
}

/// Maven: `artifactId` and `version` inside `dependency`, `plugin`, `parent` and `extension`, as text.
fn pom(text: &str) -> Dependencies {
    let mut found = BTreeMap::new();
    let between = |part: &str, tag: &str| {
        let rest = part.split_once(&format!("<{tag}>"))?.1;
        Some(rest.split_once(&format!("</{tag}>"))?.0.trim().to_owned())
    };
    for tag in ["dependency", "plugin", "parent", "extension"] {
        for part in text.split(&format!("<{tag}>")).skip(1) {
            let part = part.split(&format!("</{tag}>")).next().unwrap_or(part);
            if let Some(name) = between(part, "artifactId") {
                found.insert(name, between(part, "version").map_or_else(|| "no version".to_owned(), |v| short(&v)));
            }
        }
    }
    Some(found)
}
