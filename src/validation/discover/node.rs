//! npm, yarn, pnpm and bun: the scripts that a package names `build`, `test` and `lint`.

use serde_json::Value;

use super::layout::join;
use super::{CheckKind, Finder};
use crate::repository::TreeError;

/// Scripts that are checks, by name.
const SCRIPTS: &[(&str, CheckKind)] = &[
    ("build", CheckKind::Build),
    ("test", CheckKind::Test),
    ("lint", CheckKind::Lint),
    ("typecheck", CheckKind::Lint),
    ("type-check", CheckKind::Lint),
    ("check-types", CheckKind::Lint),
    ("check:types", CheckKind::Lint),
    ("tsc", CheckKind::Lint),
];

pub(super) fn find(finder: &mut Finder<'_>) -> Result<(), TreeError> {
    let mut seen: Vec<String> = Vec::new();
    for folder in finder.folders(&["package.json"]) {
        // a package of a workspace may leave its tests to the one above it
        let mut at = Some(folder);
        while let Some(folder) = at.take().filter(|folder| !seen.contains(folder)) {
            let found = package(finder, &folder)?;
            let up = folder.rsplit_once('/').map(|(up, _)| up).or((!folder.is_empty()).then_some(""));
            let above = |up: &str| finder.layout.nearest_above(up, "package.json");
            at = if found { None } else { up.and_then(above) };
            seen.push(folder);
        }
    }
    Ok(())
}

/// Adds the checks of one package; whether it has any scripts or types that could be checked.
fn package(finder: &mut Finder<'_>, folder: &str) -> Result<bool, TreeError> {
    let path = join(folder, "package.json");
    let Ok(manifest) = serde_json::from_str::<Value>(&finder.text(&path)?) else {
        finder.notices.push(format!("`{path}` is not JSON that can be read"));
        return Ok(true);
    };
    let script = |name: &str| manifest.get("scripts")?.get(name)?.as_str();
    let wanted: Vec<(&str, CheckKind)> = SCRIPTS
        .iter()
        .filter(|(name, _)| script(name).is_some_and(|command| !command.contains("no test specified")))
        .copied()
        .collect();
    let compiler = "node_modules/.bin/tsc";
    let is_typed = finder.layout.has(folder, "tsconfig.json");
    let checks_types = |name: &str| script(name).is_some_and(|command| command.contains("tsc"));
    let unchecked = is_typed && !SCRIPTS.iter().map(|(name, _)| name).any(|name| checks_types(name));
    let some = |key: &str| manifest.get(key).and_then(Value::as_object).is_some_and(|table| !table.is_empty());
    let needs_modules = some("dependencies") || some("devDependencies");
    let lent = finder.layout.highest(folder, |at| finder.around.lends(&join(at, "node_modules"))).is_some();
    let plug_and_play = finder.layout.highest(folder, |at| finder.layout.has(at, ".pnp.cjs")).is_some();
    let lacks_modules = needs_modules && !lent && !plug_and_play;
    let asks_compiler = || {
        let lists = |key: &str| manifest.get(key).and_then(|table| table.get("typescript")).is_some();
        lacks_modules && (lists("dependencies") || lists("devDependencies"))
    };
    let compiler_at = finder
        .layout
        .highest(folder, |at| finder.around.lends(&join(at, compiler)))
        .or_else(|| asks_compiler().then(|| folder.to_owned()))
        .filter(|_| unchecked);
    if wanted.is_empty() && compiler_at.is_none() {
        return Ok(false);
    }
    let program = package_manager(finder, folder, &manifest);
    if !finder.needs(program, &path) {
        return Ok(true);
    }
    let lacks = lacks_modules.then(|| modules_are_missing(finder, folder, program));
    for (name, kind) in wanted {
        let check = finder.add(&format!("{program} {name}"), kind, folder, &[program, "run", name]);
        check.lacks.clone_from(&lacks);
        // runners that would watch or ask stop at once
        check.env.insert("CI".into(), "true".into());
        check.env.insert("npm_config_offline".into(), "true".into());
        check.env.insert("npm_config_update_notifier".into(), "false".into());
    }
    if let Some(at) = compiler_at {
        let below = folder.strip_prefix(at.as_str()).unwrap_or(folder).trim_start_matches('/');
        let up = if below.is_empty() { String::new() } else { "../".repeat(below.split('/').count()) };
        let command = format!("{up}{compiler}");
        finder.add("typescript types", CheckKind::Lint, folder, &[&command, "--noEmit"]).lacks = lacks;
    }
    finder.origin(path);
    Ok(true)
}

/// How to get `node_modules` where they belong: in the folder of the lockfile, else in that of the package.
fn modules_are_missing(finder: &Finder<'_>, folder: &str, program: &str) -> String {
    let of_program = |at: &str| LOCKS.iter().any(|(owner, lock)| *owner == program && finder.layout.has(at, lock));
    let at = finder.layout.highest(folder, of_program);
    let command = match (program, &at) {
        ("npm", Some(_)) => "npm ci (or npm install)".to_owned(),
        ("npm", None) => "npm install".to_owned(),
        (program, _) => format!("{program} install"),
    };
    finder.lacking("node_modules is missing", &command, at.as_deref().unwrap_or(folder))
}

/// Package managers and their lockfiles.
const LOCKS: [(&str, &str); 6] = [
    ("pnpm", "pnpm-lock.yaml"),
    ("yarn", "yarn.lock"),
    ("bun", "bun.lock"),
    ("bun", "bun.lockb"),
    ("npm", "package-lock.json"),
    ("npm", "npm-shrinkwrap.json"),
];

/// The package manager that the manifest names, else the one whose lockfile lies nearest.
fn package_manager(finder: &Finder<'_>, folder: &str, manifest: &Value) -> &'static str {
    let named = manifest.get("packageManager").and_then(Value::as_str).unwrap_or("");
    if let Some((program, _)) = LOCKS.iter().find(|(program, _)| named.starts_with(&format!("{program}@"))) {
        return program;
    }
    let by_lock =
        LOCKS.iter().find(|(_, lock)| finder.layout.highest(folder, |at| finder.layout.has(at, lock)).is_some());
    by_lock.map_or("npm", |(program, _)| program)
}
