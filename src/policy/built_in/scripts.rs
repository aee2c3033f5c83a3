//! Commands inside manifests: npm's life-cycle scripts, cargo's `build`, Python's own build backend.

use serde_json::Value;

use super::Violation;
use super::added::Texts;
use super::rules::breach;

/// npm scripts that run on installing, without being named.
const LIFE_CYCLE: &[&str] =
    &["preinstall", "install", "postinstall", "prepare", "preprepare", "postprepare", "prepublish"];

/// The most scripts of one manifest that are looked at.
const MOST: usize = 500;

/// What a manifest's commands break.
pub(super) fn check(texts: &Texts<'_>, found: &mut Vec<Violation>) {
    let file = texts.file;
    if file.new.is_none() {
        return;
    }
    match file.path.file_name() {
        b"package.json" => npm(texts, found),
        b"Cargo.toml" => toml_line(texts, "build", "cargo runs it on every build", found),
        b"pyproject.toml" => toml_line(texts, "backend-path", "pip runs code of the repository on installing", found),
        _ => {}
    }
}

fn scripts(text: Option<&str>) -> serde_json::Map<String, Value> {
    let parsed = text.and_then(|text| serde_json::from_str::<Value>(text).ok());
    parsed.and_then(|value| value.get("scripts")?.as_object().cloned()).unwrap_or_default()
}

fn npm(texts: &Texts<'_>, found: &mut Vec<Violation>) {
    let (file, text) = (texts.file, texts.new);
    let (old, new) = (scripts(texts.old), scripts(text));
    let line = |name: &str| {
        let key = format!("\"{name}\"");
        (1_u32..).zip(text.unwrap_or("").lines()).find(|(_, line)| line.trim_start().starts_with(&key)).map(|(n, _)| n)
    };
    for (name, command) in new.iter().take(MOST) {
        match (old.get(name), LIFE_CYCLE.contains(&name.as_str())) {
            (Some(before), _) if before == command => {}
            (None, true) => {
                let message = format!("the script `{name}` appears; npm runs it on installing");
                found.push(breach("runs-on-open", &file.path, line(name), message));
            }
            (None, false) if file.old.is_none() => {}
            (before, _) => {
                let how = if before.is_some() { "changes" } else { "appears" };
                found.push(breach("build-script-change", &file.path, line(name), format!("the script `{name}` {how}")));
            }
        }
    }
}

fn toml_line(texts: &Texts<'_>, key: &str, what: &str, found: &mut Vec<Violation>) {
    let sets = |line: &str| {
        let value = line.trim_start().strip_prefix(key).map(str::trim_start).and_then(|rest| rest.strip_prefix('='));
        value.is_some_and(|value| value.trim_start().starts_with(['"', '\'', '[']))
    };
    let had = texts.old.unwrap_or("").lines().any(sets);
    for (number, _) in texts.added().filter(|(_, line)| sets(line)) {
        let id = if had { "build-script-change" } else { "runs-on-open" };
        found.push(breach(id, &texts.file.path, Some(number), format!("`{key}` is set; {what}")));
    }
}
