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
];

pub(super) fn find(finder: &mut Finder<'_>) -> Result<(), TreeError> {
    for folder in finder.folders(&["package.json"]) {
        package(finder, &folder)?;
    }
    Ok(())
}

fn package(finder: &mut Finder<'_>, folder: &str) -> Result<(), TreeError> {
    let path = join(folder, "package.json");
    let Ok(manifest) = serde_json::from_str::<Value>(&finder.text(&path)?) else {
        finder.notices.push(format!("`{path}` is not JSON that can be read"));
        return Ok(());
    };
    let script = |name: &str| manifest.get("scripts")?.get(name)?.as_str();
    let wanted: Vec<(&str, CheckKind)> = SCRIPTS
        .iter()
        .filter(|(name, _)| script(name).is_some_and(|command| !command.contains("no test specified")))
        .copied()
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let program = package_manager(finder, folder, &manifest);
    if !finder.needs(program, &path) {
        return Ok(());
    }
    let some = |key: &str| manifest.get(key).and_then(Value::as_object).is_some_and(|table| !table.is_empty());
    let needs_modules = some("dependencies") || some("devDependencies");
    let lent = finder.layout.highest(folder, |at| finder.around.lends(&join(at, "node_modules"))).is_some();
    let plug_and_play = finder.layout.highest(folder, |at| finder.layout.has(at, ".pnp.cjs")).is_some();
    if needs_modules && !lent && !plug_and_play {
        finder.notices.push(format!(
            "`{path}` needs node_modules, which the working copy does not have: run `{program} install`; its checks were left out"
        ));
        return Ok(());
    }
    for (name, kind) in wanted {
        let check = finder.add(&format!("{program} {name}"), kind, folder, &[program, "run", name]);
        // runners that would watch or ask stop at once
        check.env.insert("CI".into(), "true".into());
        check.env.insert("npm_config_offline".into(), "true".into());
        check.env.insert("npm_config_update_notifier".into(), "false".into());
    }
    finder.origin(path);
    Ok(())
}

/// The package manager that the manifest names, else the one whose lockfile lies nearest.
fn package_manager(finder: &Finder<'_>, folder: &str, manifest: &Value) -> &'static str {
    let named = manifest.get("packageManager").and_then(Value::as_str).unwrap_or("");
    let locks = [
        ("pnpm", "pnpm-lock.yaml"),
        ("yarn", "yarn.lock"),
        ("bun", "bun.lock"),
        ("bun", "bun.lockb"),
        ("npm", "package-lock.json"),
    ];
    if let Some((program, _)) = locks.iter().find(|(program, _)| named.starts_with(&format!("{program}@"))) {
        return program;
    }
    let by_lock =
        locks.iter().find(|(_, lock)| finder.layout.highest(folder, |at| finder.layout.has(at, lock)).is_some());
    by_lock.map_or("npm", |(program, _)| program)
}
