//! Cargo: one build and one test check for each workspace.

use super::layout::join;
use super::{CheckKind, Finder};
use crate::repository::TreeError;

pub(super) fn find(finder: &mut Finder<'_>) -> Result<(), TreeError> {
    let folders = finder.folders(&["Cargo.toml"]);
    if folders.is_empty() || !finder.needs("cargo", "Cargo.toml") {
        return Ok(());
    }
    let mut roots: Vec<(String, bool)> = Vec::new();
    for folder in &folders {
        let root = root(finder, folder)?;
        if !roots.contains(&root) {
            roots.push(root);
        }
    }
    for (root, workspace) in roots {
        // checks have no network, so cargo must not try: it resolves from the caches that are lent, with a
        // lockfile or without one. All of a workspace, since others use what changed.
        let scope: &[&str] = if workspace { &["--workspace"] } else { &[] };
        let with = |first: &[&'static str]| [first, scope].concat();
        finder.add("cargo build", CheckKind::Build, &root, &with(&["cargo", "test", "--offline", "--no-run"]));
        finder.add("cargo test", CheckKind::Test, &root, &with(&["cargo", "test", "--offline", "--no-fail-fast"]));
        finder.origin(join(&root, "Cargo.toml"));
    }
    Ok(())
}

/// The workspace that the package in `folder` belongs to, or the package itself.
fn root(finder: &Finder<'_>, folder: &str) -> Result<(String, bool), TreeError> {
    let mut workspaces = Vec::new();
    let mut at = Some(folder);
    while let Some(here) = at {
        if finder.layout.has(here, "Cargo.toml") {
            let manifest: toml::Table = finder.text(&join(here, "Cargo.toml"))?.parse().unwrap_or_default();
            if let Some(workspace) = manifest.get("workspace") {
                let below = folder.strip_prefix(here).unwrap_or("").trim_start_matches('/');
                let excluded = workspace.get("exclude").and_then(toml::Value::as_array).is_some_and(|list| {
                    list.iter().filter_map(toml::Value::as_str).any(|out| !out.is_empty() && below.starts_with(out))
                });
                if !excluded {
                    workspaces.push(here.to_owned());
                }
            }
        }
        at = here.rsplit_once('/').map(|(up, _)| up).or((!here.is_empty()).then_some(""));
    }
    // cargo takes the nearest workspace above a package
    Ok(workspaces.into_iter().next().map_or_else(|| (folder.to_owned(), false), |root| (root, true)))
}
